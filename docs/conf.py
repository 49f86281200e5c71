"""The settings of the site: ``uv run --group docs sphinx-build --fail-on-warning docs site`` builds the pages."""

import sys
from html import escape
from pathlib import Path

from docutils import nodes

sys.path[:0] = [str(Path(__file__).parent / folder) for folder in ("calculator", "drawn")]

project = "wellshaped"
copyright = "the wellshaped authors"  # noqa: A001 Sphinx's name for it
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "calculator_page", "drawn_page"]
html_theme = "furo"
html_title = "wellshaped: the sizes that fit a U-Net"
html_favicon = "pictures/icon.svg"
autodoc_member_order = "bysource"
myst_heading_anchors = 3


SHORT = 40
"""A paragraph with no more characters than this does not describe a page."""


def _described(app, page, template, context, doctree):  # noqa: ANN001, ANN202 Sphinx's own signature
    """What a search engine shows of a page: its first paragraph that is not short."""
    found = doctree.findall(nodes.paragraph) if doctree else ()
    texts = (" ".join(of.astext().split()) for of in found if isinstance(of.parent, nodes.section))
    says = next((text for text in texts if len(text) > SHORT), "")
    if says:
        context["metatags"] += f'<meta name="description" content="{escape(says)}">'


def setup(app):  # noqa: ANN001, ANN201
    """Describe every page."""
    app.connect("html-page-context", _described)
