"""Settings of the documentation; what is generated from the code comes from `_extensions/mecopt_docs.py`."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "mecopt"
author = "The mecopt authors"
version = release = installed("mecopt")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # formulas without the net: MathJax is copied into the pages
    "matplotlib.sphinxext.plot_directive",
    "mecopt_docs",
]
exclude_patterns = ["_extensions", "pictures"]
default_role = "py:obj"  # single backticks in docstrings: a link where the name is documented, plain code elsewhere

myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_type_aliases = {name: name for name in ("Array", "ArrayLike", "Floats", "Bits", "Generator")}

html_theme = "furo"
html_title = f"mecopt {release}"

plot_basedir = str(Path(__file__).parent / "pictures")  # a function per picture, drawn when the pages are built
plot_formats = ["svg"]
plot_html_show_formats = plot_html_show_source_link = False
plot_rcparams = {"svg.fonttype": "path", "savefig.facecolor": "white"}

suppress_warnings = ["ref.python"]  # annotations name classes that several modules have
