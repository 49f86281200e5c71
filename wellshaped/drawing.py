"""The U with the shapes on it, as a picture."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from .spec import Stage
from .spec.files import refuse_suffix, replacing

_FORMATS = (".svg", ".png")
_COLOURS = {  # of an operation, for the box that it makes and the arrow that leads there
    "input": "#8d99ae",
    "conv, relu": "#3a86c8",
    "max-pool": "#d1495b",
    "transposed conv": "#2a9d6f",
    "concat": "#e09f3e",
    "conv": "#6d597a",
}
_PLACES = {  # the U: where the middle of each box is, and where beside it the operation is named
    "x": (0, 2, "above"),
    "s1": (1, 2, "above"),
    "skip1": (2, 2, "above"),
    "pooled": (2, 0, "below"),
    "b1": (3, 0, "below"),
    "bottleneck": (4, 0, "below"),
    "up": (4, 1, "right"),
    "merged": (4, 2, "above"),
    "u1": (5, 2, "above"),
    "u2": (6, 2, "above"),
    "y": (7, 2, "above"),
}
_WIDTH, _HEIGHT = 0.74, 0.5
_BESIDE = {  # offset of the operation's name, and its alignment
    "above": (0, _HEIGHT / 2 + 0.06, "center", "bottom"),
    "below": (0, -_HEIGHT / 2 - 0.06, "center", "top"),
    "right": (_WIDTH / 2 + 0.06, 0, "left", "center"),
}


def draw(stages: Sequence[Stage], path: Path) -> None:
    """Write the picture of ``stages``, as :func:`wellshaped.spec.trace` gives them, to ``path``: ``.svg`` or ``.png``.

    Raises :class:`ShapeError` for another suffix, or where ``path`` cannot be written.
    """
    if path.suffix not in _FORMATS:
        raise refuse_suffix(f"output {path}", path, _FORMATS)
    with replacing(path) as new:
        _figure(stages).savefig(new, format=path.suffix[1:], dpi=150, bbox_inches="tight", pad_inches=0.1)


def _figure(stages: Sequence[Stage]) -> Figure:
    figure = Figure(figsize=(11, 4.4))
    axes = figure.add_axes((0, 0, 1, 1), aspect="equal")
    axes.axis("off")
    axes.set(xlim=(-0.5, 7.5), ylim=(-0.8, 2.8))
    for stage in stages:
        for source in stage.inputs:
            _arrow(axes, source, stage.name)
        _box(axes, stage)
    return figure


def _box(axes: Axes, stage: Stage) -> None:
    x, y, side = _PLACES[stage.name]
    corner = (x - _WIDTH / 2, y - _HEIGHT / 2)
    colour = _COLOURS[stage.op]
    axes.add_patch(FancyBboxPatch(corner, _WIDTH, _HEIGHT, "round,pad=0,rounding_size=0.06", fc=colour, ec="none"))
    axes.text(x, y + 0.09, stage.name, ha="center", va="center", color="white", weight="bold", fontsize=10)
    shape = "×".join(map(str, stage.shape))
    axes.text(x, y - 0.1, shape, ha="center", va="center", color="white", fontsize=min(8, 100 / len(shape)))
    dx, dy, ha, va = _BESIDE[side]
    label = f"{stage.op}\n{stage.layer}" if stage.layer else stage.op
    axes.text(x + dx, y + dy, label, ha=ha, va=va, color="#444", fontsize=8)


def _arrow(axes: Axes, source: str, target: str) -> None:
    """From the edge of one box to the edge of the other, straight across or straight down or up."""
    (x0, y0, _), (x1, y1, _) = _PLACES[source], _PLACES[target]
    across = y0 == y1
    way = 1 if (x1 > x0 or y1 > y0) else -1
    start = (x0 + way * _WIDTH / 2, y0) if across else (x0, y0 + way * _HEIGHT / 2)
    end = (x1 - way * _WIDTH / 2, y1) if across else (x1, y1 - way * _HEIGHT / 2)
    dashed = "--" if across and x1 - x0 > 1 else "-"  # the skip
    style = {"arrowstyle": "-|>", "color": "#444", "linestyle": dashed, "shrinkA": 1, "shrinkB": 1}
    axes.annotate("", end, start, arrowprops=style)
    if dashed == "--":
        axes.text((x0 + x1) / 2, y0 + 0.06, "skip", ha="center", va="bottom", color="#444", fontsize=8)
