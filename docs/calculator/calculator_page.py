"""The calculator in the site: its form and the table of presets on the page, and beside it Pyodide and the library.

Without npm or the network, the site has the table of presets alone, and the log says so. It is an error if the
environment variable ``WELLSHAPED_CALCULATOR`` is ``required``.
"""

import os
import re
import shutil
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from packing import HERE, NotPackedError, assemble
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.docutils import SphinxDirective

from wellshaped.boxes import COLOURS
from wellshaped.calculator.question import FILES
from wellshaped.cli.presets import sizes_of_preset
from wellshaped.spec import PRESETS
from wellshaped.spec.unet.choices import CHOICES
from wellshaped.words.fields import CONFIGS, FIELD_NAMES, FIELDS_OF, help_of, word_of


def _options(names: Iterable[str], selected: str = "") -> str:
    return "".join(f"<option{' selected' * (name == selected)}>{escape(name)}</option>" for name in names)


def _label(text: str) -> str:
    """Return a text in which flags have the names of the form: ``--convs-per-block`` is "convs per block"."""
    return re.sub(r"--([a-z]+(?:-[a-z]+)*)", lambda flag: flag[1].replace("-", " "), text)


def _control(name: str) -> str:
    """The control of a field: a list of its choices, or a text if it takes other values."""
    default = next(of[name].default for of in reversed(FIELDS_OF.values()) if name in of)
    attributes = f'name="{name}" id="field-{name}" data-field'
    if isinstance(default, bool):
        return f'<select {attributes}><option value=""></option>{_options(("true", "false"))}</select>'
    choices = [str(choice).lower() for choice in CHOICES.get(name, ())]
    listed = f'<datalist id="choices-{name}">{_options(choices)}</datalist>' if choices else ""
    return f'<input {attributes} list="choices-{name}" autocomplete="off" spellcheck="false">{listed}'


def form() -> str:
    """Return the form, whose fields are those of the configs, and the places of the answer."""
    rows = "".join(
        f'<div data-row><label for="field-{name}">{escape(_label(word_of(name)))}'
        f"<small>{escape(_label(help_of(name)))}</small></label>{_control(name)}</div>"
        for name in FIELD_NAMES
    )
    others = [name for name in PRESETS if name not in CONFIGS]
    groups = {"with fields of your own": tuple(CONFIGS), "published": others, "pasted": FILES}
    listed = "".join(
        f'<optgroup label="{label}">{_options(names, "tiny")}</optgroup>' for label, names in groups.items()
    )
    parts = {
        "nearest": "Nearest sizes that fit",
        "plans": "To crop or pad",
        "sizes": "All sizes that fit",
        "picture": "The network",
        "tiles": "In tiles",
        "stages": "Stages and their costs",
        "command": "The same on the command line",
    }
    answers = "".join(
        f'<section data-part="{name}" hidden><h2>{heading}</h2>'
        f'<div data-content class="{"buttons" if name == "nearest" else name}"></div></section>'
        for name, heading in parts.items()
    )
    return f"""
<form hidden aria-label="a network and an image">
<div><label for="network">Network</label><select name="network" id="network">{listed}</select></div>
<div><label for="input">Image<small>channels × size of each axis</small></label>
<input name="input" id="input" value="1x303x384" autocomplete="off" spellcheck="false"></div>
<div><label for="tile">Tile<small>largest size, if you want tiles</small></label>
<input name="tile" id="tile" placeholder="none" autocomplete="off" spellcheck="false"></div>
<div class="wide" data-part="pasted" hidden><label for="text">A network file<small>TOML or JSON: fields of a config, or
the nodes of a graph</small></label><textarea name="text" id="text" spellcheck="false"></textarea></div>
<details data-part="fields"><summary>Fields of the network</summary><div class="fields">{rows}</div></details>
</form>
<p data-part="status" role="status"></p>
<div data-part="answer" hidden>
<p data-part="verdict" aria-live="polite"></p><pre data-part="message"
tabindex="0" role="region" aria-label="the answer of the library"></pre>
{answers}
</div>
"""


def presets() -> str:
    """Return the table of the presets with the sizes that fit, which is there before anything is loaded."""
    rows = "".join(
        f'<tr><th scope="row"><code>{name}</code></th><td>{"<br>".join(map(escape, sizes_of_preset(name)))}</td></tr>'
        for name in PRESETS
    )
    head = '<tr><th scope="col">network</th><th scope="col">sizes that fit, for each axis</th></tr>'
    return (
        '<details data-part="presets" open><summary>Sizes that fit published networks</summary>'
        f'<div class="scrolled" tabindex="0" role="region" aria-label="sizes of published networks">'
        f"<table><thead>{head}</thead><tbody>{rows}</tbody></table></div></details>"
    )


class Calculator(SphinxDirective):
    """The directive ``calculator``."""

    def run(self) -> list[nodes.Node]:
        """Return the form and the table, as HTML."""
        colours = "".join(f".calculator .box.{kind}{{--kind:{colour}}}" for kind, colour in COLOURS.items())
        self.env.note_reread()  # the next build may have a calculator where this one has none
        can = self.config.calculator_packed
        head = f'<link rel="stylesheet" href="calculator/calculator.css"><style>{colours}</style>'
        script = '<script type="module" src="calculator/calculator.mjs"></script>' if can else ""
        html = f'{head}<div class="calculator">{form() if can else ""}{presets()}</div>{script}'
        return [nodes.raw("", html, format="html")]


def _assembled(app: Sphinx) -> None:
    if app.builder.format != "html":
        return
    into = Path(app.outdir) / "calculator"
    into.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(HERE / "calculator.css", into / "calculator.css")
    try:
        assemble(into)
        app.config.calculator_packed = True
    except NotPackedError as error:
        if os.environ.get("WELLSHAPED_CALCULATOR") == "required":
            raise SphinxError(f"the calculator is missing: {error}") from None
        # A plain message: --fail-on-warning must not stop a site that is whole without the calculator.
        print(f"NOTE: the site has no calculator: {error}")


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive, and the files before the pages are read."""
    app.add_config_value("calculator_packed", False, "")
    app.add_directive("calculator", Calculator)
    app.connect("builder-inited", _assembled)
    return {"parallel_read_safe": True}
