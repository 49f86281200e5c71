"""The picture of the README and of the site's first page: the calculator's, alone in a file.

``python -m tests.docs.picture`` writes it.
"""

from pathlib import Path

from wellshaped.boxes import COLOURS
from wellshaped.calculator import answer_to

FILE = Path(__file__).parents[2] / "docs" / "pictures" / "network.svg"
ASKED = {"network": "unet", "input": "3x302x384", "fields": {"levels": "2", "convs_per_block": "1"}}
"""A size that halves to an odd one. One convolution a block keeps the picture narrow."""

_STYLE = """
.picture { background: #fff; font: 12px Helvetica, Arial, sans-serif; }
.picture text { fill: #222; text-anchor: middle; }
.picture .name { font-weight: 700; }
.picture .word { fill: #666; font-size: 11px; }
.picture .fault { fill: #b3261e; font-weight: 700; }
.picture .box rect { fill-opacity: .2; stroke-width: 1.5; }
.picture .box.broken rect { fill: #b3261e; stroke: #b3261e; stroke-width: 3; }
.picture .arrow { fill: none; stroke: #888; stroke-width: 1.2; }
.picture .skip { stroke-dasharray: 5 4; }
.picture .tip { fill: #888; }
"""


def picture() -> str:
    """The picture with its own colours, because no page gives it any."""
    drawn = answer_to(ASKED)["picture"]
    kinds = "".join(
        f".picture .{kind} rect {{ fill: {colour}; stroke: {colour}; }}\n" for kind, colour in COLOURS.items()
    )
    head, end, rest = drawn.partition("</title>")
    return f"{head}{end}<style>\n{kinds.lstrip()}{_STYLE.lstrip()}</style>{rest}\n"


if __name__ == "__main__":
    FILE.write_text(picture(), encoding="utf-8")
