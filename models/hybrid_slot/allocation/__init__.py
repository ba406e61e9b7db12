"""The decision is fixed: every way to answer, and what proves an answer."""
