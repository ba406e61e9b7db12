"""Batched convex kernels that models share: array-API code for numpy and torch, and compiled loops with numpy twins."""
