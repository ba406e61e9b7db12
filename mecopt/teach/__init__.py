"""Lessons as pages: one HTML file with sliders that needs no network, and the same page served for any value of them."""

from mecopt.teach.page import page
from mecopt.teach.serve import serve

__all__ = ["page", "serve"]
