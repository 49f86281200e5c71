"""The settings of the site: ``uv run --group docs sphinx-build --fail-on-warning docs site`` builds the pages."""

project = "wellshaped"
copyright = "the wellshaped authors"  # noqa: A001 Sphinx's name for it
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
html_theme = "furo"
autodoc_member_order = "bysource"
myst_heading_anchors = 3
