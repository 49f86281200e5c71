"""The page of the zoo, ``docs/bugzoo.md``, generated from the entries: ``python -m tests.bugzoo.page`` writes it."""

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

Bugs that people write into U-Nets: those that the specification names, and those of reports. Each stands here as it is
written in plain Flax or JAX, with what that does, and then with what catches it here:

- a **type** at the layer, or at a function of your own under `wellshaped.models.checked`, while it is traced;
- an **obligation** of a size, before anything is built;
- **conformance** with a reference, where every shape is right and no type can see it.

The comment `# meant:` says what should stand in the place of its line. Each network is run with that as well, and
passes. `image(...)` is an array of small whole numbers; it and what else has no import here stand in `tests/bugzoo`.
The page is generated from the code that it shows, by `python -m tests.bugzoo.page`, and the tests there run all of it.
"""


def versions() -> str:
    """Whose texts the page has: the frameworks say other things in other versions."""
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
    """What the library says of the bug."""
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
    """The link to a heading, as the site and the hosts of repositories make it."""
    return re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-")


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
