"""The decision is open: the search with its proof, and what stands beside it."""
