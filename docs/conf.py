"""The settings of the site: ``uv run --group docs sphinx-build --fail-on-warning docs site`` builds the pages."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "calculator"))

project = "wellshaped"
copyright = "the wellshaped authors"  # noqa: A001 Sphinx's name for it
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "calculator_page"]
html_theme = "furo"
html_favicon = "pictures/icon.svg"
autodoc_member_order = "bysource"
myst_heading_anchors = 3
