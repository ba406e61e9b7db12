"""Limits of one's own on allocations: what allocations answer to charges, the charges that make them keep limits, proofs."""
