"""Pictures that the build of the site draws: what a program on a page draws, and the gallery of the presets.

A picture becomes a file in the folder ``drawn`` of the site. A program that fails or writes no picture fails the build.
"""

import subprocess
import sys
from html import escape
from pathlib import Path
from shutil import copyfile, rmtree
from tempfile import TemporaryDirectory
from typing import Any

from docutils import nodes
from docutils.parsers.rst.directives import flag, unchanged_required
from gallery import CAPTIONS, drawn_presets
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.docutils import SphinxDirective

FOLDER = "drawn"

_STYLE = """<style>
.drawn { display: block; margin: 1rem 0 1.5rem; }
.drawn img { background: #fff; border: 1px solid var(--color-background-border); border-radius: .3rem;
  max-height: 34rem; max-width: 100%; padding: .5rem; }
</style>"""


def _shown(file: str, alt: str, page: str) -> str:
    """A picture on this page of the site, as wide as the text. A click shows it alone, in its own size."""
    path = "../" * page.count("/") + f"{FOLDER}/{file}"
    return f'<a class="drawn" href="{path}"><img src="{path}" alt="{escape(alt)}" loading="lazy"></a>'


class Drawn(SphinxDirective):
    """``{drawn} picture.svg``: a program, which is shown and run, and the picture that it writes to this file.

    With ``:folded:``, the picture comes first, and the program is only shown when a reader asks for it.
    """

    has_content = True
    required_arguments = 1
    option_spec = {"alt": unchanged_required, "folded": flag}  # noqa: RUF012 as Sphinx declares it

    def run(self) -> list[nodes.Node]:
        """Return the program and its picture."""
        file, program = self.arguments[0], "\n".join(self.content)
        if "alt" not in self.options:
            raise self.error(f"{file} needs :alt:, what a reader sees on the picture")
        into = Path(self.env.app.outdir) / FOLDER
        if (into / file).exists():
            raise self.error(f"two programs draw {file}")
        with TemporaryDirectory() as folder:
            command = [sys.executable, "-W", "error", "-c", program]
            ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if ended.returncode or not (Path(folder) / file).exists():
                raise SphinxError(f"{self.get_location()}: the program does not draw {file}:\n{ended.stderr}")
            copyfile(Path(folder) / file, into / file)
        self.env.note_reread()  # the library may draw otherwise tomorrow
        code = nodes.literal_block(program, program, language="python")
        picture = nodes.raw("", _STYLE + _shown(file, self.options["alt"], self.env.docname), format="html")
        if "folded" not in self.options:
            return [code, picture]
        opened, closed = "<details><summary>The program that draws this</summary>", "</details>"
        return [picture, nodes.raw("", opened, format="html"), code, nodes.raw("", closed, format="html")]


class Gallery(SphinxDirective):
    """``{gallery}``: every preset with its sizes, its halo, its costs and its picture, each below a heading."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        self.env.note_reread()
        into, sections = Path(self.env.app.outdir) / FOLDER, [nodes.raw("", _STYLE, format="html")]
        for preset in drawn_presets(into):
            section = nodes.section(ids=[nodes.make_id(preset.name)])
            section += nodes.title(text=preset.name)
            section += nodes.paragraph(text=f"{preset.source}.")
            rows = zip(CAPTIONS, preset.facts, strict=True)
            facts = "".join(f"<dt>{caption}</dt><dd>{'<br>'.join(map(escape, lines))}</dd>" for caption, lines in rows)
            html = f"<dl>{facts}</dl>{_shown(preset.file, preset.alt, self.env.docname)}"
            section += [nodes.raw("", html, format="html"), nodes.literal_block(preset.command, preset.command)]
            section[-1]["language"] = "console"
            sections.append(section)
        return sections


def _empty(app: Sphinx) -> None:
    rmtree(Path(app.outdir) / FOLDER, ignore_errors=True)
    (Path(app.outdir) / FOLDER).mkdir(parents=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directives, and an empty folder before the pages are read."""
    app.add_directive("drawn", Drawn)
    app.add_directive("gallery", Gallery)
    app.connect("builder-inited", _empty)
    return {"parallel_read_safe": True}
