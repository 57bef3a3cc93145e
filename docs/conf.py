"""Sphinx configuration; build with ``sphinx-build -W -b html docs docs/_build``."""

from __future__ import annotations

import sys
from pathlib import Path

# The checkout comes first, so that the pages describe the code beside them.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import adnflex

project = "adnflex"
author = "The adnflex developers"
copyright = author
version = release = adnflex.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
myst_enable_extensions = ["amsmath", "deflist", "dollarmath"]
myst_heading_anchors = 3
napoleon_google_docstring = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"adnflex {version}"
html_show_sphinx = False
html_copy_source = False
