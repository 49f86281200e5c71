"""The U with the shapes on it, as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from .spec import Stage
from .spec.files import refuse_suffix, replacing
from .spec.report import refuse

_FORMATS = (".svg", ".png")
_COLOURS = {  # of an operation, by the first of these words in it, for the box that it makes
    "input": "#8d99ae",
    "max-pool": "#d1495b",
    "transposed": "#2a9d6f",
    "resize": "#2a9d6f",
    "concat": "#e09f3e",
    "relu": "#3a86c8",
    "conv": "#6d597a",
}
_MOST = 200
"""More boxes than this are no picture."""
_WIDTH, _HEIGHT = 0.74, 0.5
_BESIDE = {  # offset of the operation's name, and its alignment
    "above": (0, _HEIGHT / 2 + 0.06, "center", "bottom"),
    "below": (0, -_HEIGHT / 2 - 0.06, "center", "top"),
    "right": (_WIDTH / 2 + 0.06, 0, "left", "center"),
}


def draw(stages: Sequence[Stage], path: Path) -> None:
    """Write the picture of ``stages``, as :func:`wellshaped.spec.trace` gives them, to ``path``: ``.svg`` or ``.png``.

    Raises :class:`ShapeError` for another suffix, where ``path`` cannot be written, and for what is no trace or has
    more than 200 stages.
    """
    if path.suffix not in _FORMATS:
        raise refuse_suffix(f"output {path}", path, _FORMATS)
    with replacing(path) as new:
        _figure(stages).savefig(new, format=path.suffix[1:], dpi=150, bbox_inches="tight", pad_inches=0.1)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the middle of a box is, in which row of the U, and where beside it the operation is named."""

    x: float
    y: float
    level: int
    beside: str


def _places(stages: Sequence[Stage]) -> dict[str, _Place]:
    """The U: down a row at each pooling, half a row up at each upsampling, and right with every other stage."""
    if len(stages) > _MOST:
        says = f"there are {len(stages)}, and may be at most {_MOST}"
        raise refuse("the picture", "stages", "too many stages", says, "fewer levels or convolutions")
    steps: dict[str, tuple[int, float, int]] = {}  # column, row, level
    ups: set[str] = set()
    column = -1
    for stage in stages:
        if any(name not in steps for name in stage.inputs) or bool(stage.inputs) == (not steps):
            says = f"{stage.name!r} comes after {list(stage.inputs)}, and before it are {list(steps)[-3:]}"
            raise refuse("the picture", "stages", "not the stages of a network", says, "trace(cfg, ...)")
        row, level = (steps[stage.inputs[0]][1:]) if stage.inputs else (0.0, 0)
        if stage.op == "concat":
            level = min(steps[name][2] for name in stage.inputs)
            row = -2.0 * level
        elif stage.op == "max-pool":
            row, level = row - 2, level + 1
        elif _rises(stage):
            row, level = row + 1, level - 1
            ups.add(stage.name)
        elif stage.name.endswith(".shortcut"):
            row -= 0.9
        else:
            column += 1
            row = -2.0 * level
        steps[stage.name] = column, row, level
    deepest = max(level for _, _, level in steps.values())
    rising = {stage.inputs[0] for stage in stages if stage.name in ups}
    places = {}
    for stage in stages:
        column, row, level = steps[stage.name]
        below = level == deepest or stage.op == "max-pool" or row % 2 or (stage.name in rising)
        beside = "right" if stage.name in ups else "below" if below else "above"
        places[stage.name] = _Place(column, row + 2 * deepest, level, beside)
    return places


def _rises(stage: Stage) -> bool:
    return stage.op == "transposed conv" or " resize, " in stage.op


def _figure(stages: Sequence[Stage]) -> Figure:
    places = _places(stages)
    columns = max(place.x for place in places.values())
    low, high = (end(place.y for place in places.values()) for end in (min, max))
    figure = Figure(figsize=(11 / 8 * (columns + 1), 11 / 8 * (high - low + 1.2)))
    axes = figure.add_axes((0, 0, 1, 1), aspect="equal")
    axes.axis("off")
    axes.set(xlim=(-0.5, columns + 0.5), ylim=(low - 0.8, high + 0.8))
    for stage in stages:
        for source in stage.inputs:
            _arrow(axes, places[source], places[stage.name], skip=stage.op == "concat")
        _box(axes, stage, places[stage.name])
    return figure


def _box(axes: Axes, stage: Stage, place: _Place) -> None:
    x, y = place.x, place.y
    corner = (x - _WIDTH / 2, y - _HEIGHT / 2)
    colour = next(colour for word, colour in _COLOURS.items() if word in stage.op)
    axes.add_patch(FancyBboxPatch(corner, _WIDTH, _HEIGHT, "round,pad=0,rounding_size=0.06", fc=colour, ec="none"))
    size = min(10, 100 / len(stage.name))
    axes.text(x, y + 0.09, stage.name, ha="center", va="center", color="white", weight="bold", fontsize=size)
    shape = "×".join(map(str, stage.shape))
    axes.text(x, y - 0.1, shape, ha="center", va="center", color="white", fontsize=min(8, 100 / len(shape)))
    dx, dy, ha, va = _BESIDE[place.beside]
    label = f"{stage.op}\n{stage.layer}" if stage.layer else stage.op
    size = min(8, 160 / max(map(len, label.split("\n"))))
    axes.text(x + dx, y + dy, label, ha=ha, va=va, color="#444", fontsize=size)


def _arrow(axes: Axes, source: _Place, target: _Place, *, skip: bool) -> None:
    """From the edge of one box to the edge of the other; what passes over other boxes bends, but for a skip."""
    across, along = target.x - source.x, target.y - source.y
    if across:
        ends = (source.x + _WIDTH / 2, source.y), (target.x - _WIDTH / 2, target.y)
    else:
        way = _HEIGHT / 2 if along > 0 else -_HEIGHT / 2
        ends = (source.x, source.y + way), (target.x, target.y - way)
    far = across > 1 and along == 0
    style: dict[str, object] = {"arrowstyle": "-|>", "color": "#444", "shrinkA": 1, "shrinkB": 1}
    style["linestyle"] = "--" if far and skip else "-"
    if far and not skip:
        style["connectionstyle"] = "arc3,rad=0.3"
    axes.annotate("", ends[1], ends[0], arrowprops=style)
    if far and skip:
        middle = (source.x + target.x) / 2
        axes.text(middle, source.y + 0.06, "skip", ha="center", va="bottom", color="#444", fontsize=8)
