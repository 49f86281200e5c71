"""Generate the page of the zoo, ``docs/bugzoo.md``, from the entries: ``python -m tests.bugzoo.page``."""

import inspect
import re
from collections import Counter
from importlib.metadata import version
from pathlib import Path

from .entries import ENTRIES
from .entry import KINDS, Entry

FILE = Path(__file__).parents[2] / "docs" / "bugzoo.md"

HEAD = """\
# The bug zoo

Bugs that people write into U-Nets. They come from the specification and from reports. Each entry shows the bug in plain
Flax or JAX, what it does, and what catches it here:

- a **type** of a layer, or of your own function under `wellshaped.models.checked`, while JAX traces it;
- an **obligation** of a size, before anything is built;
- **conformance** with a reference, if every shape is right and no type can find the bug.

The comment `# meant:` has the correct version of its line. The tests also run each network with the correct line, which
passes. `image(...)` is an array of small whole numbers. It and other names without an import are in `tests/bugzoo`.
`python -m tests.bugzoo.page` generates this page from the code that it shows.
"""


def versions() -> str:
    """The versions of the frameworks, whose error messages the page quotes."""
    return f"The frameworks are JAX {version('jax')} and Flax {version('flax')}."


def page() -> str:
    """The text of the page."""
    kinds = Counter(entry.happened().kind for entry in ENTRIES)
    found = ", ".join(f"{kinds[kind]} {kind}" for kind in KINDS if kinds[kind])
    lines = [HEAD, f"{len(ENTRIES)} bugs: {found}. {versions()}", ""]
    lines += ["| bug | in plain Flax or JAX | caught by |", "|---|---|---|"]
    lines += [f"| [{e.name}](#{_anchor(e.name)}) | {e.happened().kind} | {e.by} |" for e in ENTRIES]
    lines += [line for entry in ENTRIES for line in _section(entry)]
    return "\n".join([*lines, ""])


def message(entry: Entry) -> str:
    """The error that the library raises for the bug."""
    try:
        entry.catch()
    except (ValueError, AssertionError) as error:
        return str(error)
    return "nothing"


def _section(entry: Entry) -> list[str]:
    source = "From the specification" if entry.source == "specification" else f"From <{entry.source}>"
    typed = "Compared with" if entry.caught is None else "With the library"
    return [
        *("", f"## {entry.name}", "", f"{entry.says} {source}.", ""),
        *_block("py", inspect.getsource(entry.plain)),
        *("", f"In plain Flax or JAX: {entry.happened().kind}.", ""),
        *_block("text", entry.happened().text),
        *("", f"{typed}:", ""),
        *_block("py", inspect.getsource(entry.caught or entry.meant)),
        *("", f"Caught by {entry.by}:", ""),
        *_block("text", message(entry)),
    ]


def _block(language: str, text: str) -> list[str]:
    return [f"```{language}", *text.rstrip().splitlines(), "```"]


def _anchor(name: str) -> str:
    """The anchor of a heading, as the site and repository hosts write it."""
    return re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-")


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
