"""A picture of a network with its shapes, drawn from its stages alone."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from .image_map import ImageMap
from .map_drawing import WIDTH, add_map, height_of
from .spec import NodeField, Stage
from .spec.files.disk import OutputError, path_of, replacing, wrong_suffix
from .spec.messages.report import UsageError, WellshapedError
from .spec.messages.written import written_number

_FORMATS = (".svg", ".png")
_COLOURS = {  # the first word that a stage's first operation contains colours its box
    "input": "#8d99ae",
    "pool": "#d1495b",
    "space to depth": "#d1495b",
    "mean": "#d1495b",
    "transposed": "#2a9d6f",
    "resize": "#2a9d6f",
    "depth to space": "#2a9d6f",
    "concat": "#c9822b",
    "add": "#c9822b",
    "multiply": "#c9822b",
    "conv": "#3a86c8",
}
_OTHER = "#6d597a"
_STAGES = "stages(network, shape)"
_MOST = 300
"""The most boxes in a picture."""
_ROW = 2.0
"""Units from row to row. A stage that rises to a row stands half a row below it."""
_WIDTH, _HEIGHT = 0.82, 0.74
_INCH = 1.25
"""Inches per unit of height."""
_LARGEST = 3.0
"""How many times larger the image below a wide network is drawn, at most."""
_BEND = 0.55
"""How far an arrow bends over boxes, at most."""


def draw(stages: Sequence[Stage], path: str | os.PathLike[str], image: ImageMap | None = None) -> None:
    """Write a picture of the stages from :func:`wellshaped.spec.stages` to ``path``, a ``.svg`` or ``.png`` file.

    Each scale has a row, the largest on top. A stage that shrinks or enlarges its input stands below or above it. All
    others stand to the right of their inputs. Skips are dashed.

    With an ``image`` from :func:`wellshaped.image_map.image_map`, each stage says how many positions of the image it
    reads. Below them is the image to scale: its tiles, one of them enlarged with its core and its halo, and what one
    position reads. Of three axes, the last two are drawn. The same arguments give the same file.

    Raises :class:`FileError` for an unknown suffix and if ``path`` can't be written, :class:`UsageError` for stages
    that are not those of a network, and :class:`WellshapedError` for 0 or more than 300 stages, or more than 300 tiles
    along an axis.
    """
    write_figure(lambda: _figure(stages, image), path)


def write_figure(made: Callable[[], Figure], path: str | os.PathLike[str], *, dpi: int = 150) -> None:
    """Write the figure that ``made`` returns to ``path``. Raises :class:`FileError` as :func:`draw` does."""
    path = path_of(path, "output", _FORMATS, OutputError)
    if path.suffix not in _FORMATS:
        raise wrong_suffix(f"output {path}", path, _FORMATS)
    metadata = {"Date": None} if path.suffix == ".svg" else {}
    with replacing(path) as new, rc_context({"svg.hashsalt": "wellshaped"}):  # else each file has other names inside
        made().savefig(new, format=path.suffix[1:], dpi=dpi, bbox_inches="tight", pad_inches=0.1, metadata=metadata)


@dataclass(frozen=True, slots=True)
class _Place:
    """The column of a box, and the height of its centre: at a row, or half a row below it."""

    x: int
    y: float


def _places(stages: Sequence[Stage]) -> dict[str, _Place]:
    """Return the place of each stage. No two share a place, and none is to the left of its inputs."""
    if not 1 <= len(stages) <= _MOST:
        says = f"there are {len(stages)} stages, and a picture has 1 to {_MOST}"
        fix = "fewer levels or convolutions" if stages else _STAGES
        raise WellshapedError.of("drawing the picture", "stages", "", says, fix)
    scales = sorted({stage.scale for stage in stages}, reverse=True)
    rows = {scale: -_ROW * i for i, scale in enumerate(scales)}
    places: dict[str, _Place] = {}
    taken: set[_Place] = set()
    given: dict[str, Stage] = {}
    for stage in stages:
        if any(name not in places for name in stage.inputs):
            says = f"{stage.name!r} has inputs {list(stage.inputs)}, and the stages before it are {list(places)[-3:]}"
            raise UsageError.of("the picture", "stages", "", says, _STAGES)
        x, y = max((places[name].x for name in stage.inputs), default=0), rows[stage.scale]
        scale = given[stage.inputs[0]].scale if stage.inputs else stage.scale
        if stage.scale > scale or (not stage.inputs and _Place(x, y) in taken):  # inputs stand one below the other
            y -= _ROW / 2
        elif stage.scale == scale and len(stage.inputs) == 1:
            x += 1
        sources = [places[name] for name in stage.inputs]
        while not taken.isdisjoint([_Place(x, y), *(on_way for source in sources for on_way in _way(source, x, y))]):
            x += 1
        places[stage.name], given[stage.name] = _Place(x, y), stage
        taken.add(_Place(x, y))
        taken.update(on_way for source in sources if source.y > y for on_way in _way(source, x, y))
    return places


def _way(source: _Place, x: int, y: float) -> list[_Place]:
    """Return the places that an arrow passes on its way straight up or down."""
    if source.x != x:
        return []
    low, high = sorted((source.y, y))
    return [_Place(x, low + _ROW / 2 * i) for i in range(1, round((high - low) / (_ROW / 2)))]


def _figure(stages: Sequence[Stage], image: ImageMap | None) -> Figure:
    places = _places(stages)
    columns = max(place.x for place in places.values())
    low, high = (end(place.y for place in places.values()) for end in (min, max))
    # As wide as the longest name, in bold letters of 8 points.
    longest = max(max(len(stage.name), len(_shape(stage))) for stage in stages)
    inches = min(max(longest * 0.07 / _WIDTH, _INCH), 2.2)
    width, height = inches * (columns + 1), _INCH * (high - low + 1.8)
    factor = 1.0 if image is None else min(max(width / WIDTH, 1.0), _LARGEST)
    below = 0.0 if image is None else height_of(image) * factor
    figure = Figure(figsize=(width if image is None else max(width, WIDTH), height + below))
    axes = figure.add_axes((0, below / (height + below), width / figure.get_figwidth(), height / (height + below)))
    axes.axis("off")
    taken = set(places.values())
    sources = _sources(stages)
    bends = [
        _arrow(axes, places[source], places[stage.name], taken, inches, skip=_skips(source, stage, places, sources))
        for stage in stages
        for source in stage.inputs
    ]
    for stage in stages:
        _box(axes, stage, places[stage.name], inches, _reads(image, stage.name))
    top = _HEIGHT / 2 + (_BEND if True in bends else 0) + 0.1
    axes.set(xlim=(-0.5, columns + 0.5), ylim=(low - _HEIGHT / 2 - 0.1, high + top))
    if image is not None:
        add_map(figure, image, 0.1 * factor, height + 0.2 * factor, factor)
    return figure


def _reads(image: ImageMap | None, name: str) -> list[str]:
    """A line with what a position of a stage reads; none if it depends on no image.

    >>> from .image_map import image_map
    >>> _reads(image_map("milesial", (256, 256), 208), "pooled[3]")
    ['reads 76×76']
    """
    fields = () if image is None else image.reads[name]
    if not fields or not any(of_axis.stride or of_axis.unbounded for of_axis in fields):
        return []
    if any(of_axis.unbounded for of_axis in fields):
        return ["reads everything"]
    most = "×".join(written_number(of_axis.positions[1]) for of_axis in fields)
    return [f"reads {'' if all(map(_is_one_number, fields)) else 'up to '}{most}"]


def _is_one_number(field: NodeField) -> bool:
    return field.positions[0] == field.positions[1]


def _sources(stages: Sequence[Stage]) -> dict[str, set[str]]:
    """Return, for each stage, all stages that it is computed from."""
    sources: dict[str, set[str]] = {}
    for stage in stages:
        sources[stage.name] = set(stage.inputs).union(*(sources[name] for name in stage.inputs))
    return sources


def _skips(source: str, stage: Stage, places: Mapping[str, _Place], sources: Mapping[str, set[str]]) -> bool:
    """Whether the arrow is a skip: another input comes from ``source`` or rises to its row."""
    start, end = places[source], places[stage.name]
    others = [name for name in stage.inputs if name != source]
    rises = start.y == end.y and any(places[name].y == end.y - _ROW / 2 for name in others)
    return end.x - start.x > 1 and (rises or any(source in sources[name] for name in others))


def _shape(stage: Stage) -> str:
    return "×".join(map(str, stage.shape))


def _box(axes: Axes, stage: Stage, place: _Place, inches: float, reads: Sequence[str]) -> None:
    """Draw a box with the name, the operations, the layer (if it has another name), the shape and what it ``reads``."""
    corner = (place.x - _WIDTH / 2, place.y - _HEIGHT / 2)
    first = stage.op.partition(",")[0]
    colour = next((colour for word, colour in _COLOURS.items() if word in first), _OTHER)
    style = "round,pad=0,rounding_size=0.06"
    axes.add_patch(FancyBboxPatch(corner, _WIDTH, _HEIGHT, style, fc=colour, ec="none", zorder=3))
    operations = _broken(stage.op)
    layer = [stage.layer] if stage.layer and stage.layer != stage.name else []
    lines = [
        (stage.name, 8.5, "bold"),
        *((line, 7, "normal") for line in (*operations, *layer)),
        (_shape(stage), 8, ""),
        *((line, 7, "normal") for line in reads),
    ]
    gap = min(0.17, 0.62 / len(lines))
    for i, (text, size, weight) in enumerate(lines):
        y = place.y + gap * ((len(lines) - 1) / 2 - i)
        room = 72 * (inches * _WIDTH - 0.06) / (0.62 if weight == "bold" else 0.56) / len(text)
        axes.text(
            place.x,
            y,
            text,
            ha="center",
            va="center",
            color="white",
            weight=weight or "normal",
            fontsize=min(size, room),
            zorder=4,
        )


def _broken(operations: str) -> list[str]:
    """Return the operations, on two lines if they are long."""
    if len(operations) <= 18 or ", " not in operations:
        return [operations]
    first, _, rest = operations.partition(", ")
    *most, last = rest.split(", ")
    return [", ".join([first, *most]) + ",", last]


def _arrow(axes: Axes, source: _Place, target: _Place, taken: Collection[_Place], inches: float, *, skip: bool) -> bool:
    """Draw an arrow from edge to edge. Return whether it bends over boxes in its row."""
    across, along = target.x - source.x, target.y - source.y
    bends = along == 0 and any(_Place(x, source.y) in taken for x in range(source.x + 1, target.x))
    if bends:
        top = source.y + _HEIGHT / 2
        ends = (source.x + _WIDTH / 4, top), (target.x - _WIDTH / 4, top)
    elif across:
        ends = (source.x + _WIDTH / 2, source.y), (target.x - _WIDTH / 2, target.y)
    else:
        way = _HEIGHT / 2 if along > 0 else -_HEIGHT / 2
        ends = (source.x, source.y + way), (target.x, target.y - way)
    style: dict[str, object] = {"arrowstyle": "-|>", "color": "#444", "shrinkA": 1, "shrinkB": 1}
    style["linestyle"] = "--" if skip else "-"
    if bends:
        style["connectionstyle"] = f"arc3,rad={-min(0.3, 2 * _BEND * _INCH / (across * inches)):.3f}"
    axes.annotate("", ends[1], ends[0], arrowprops=style, zorder=2)
    if skip and along == 0 and not bends:
        middle = (source.x + target.x) / 2
        axes.text(middle, source.y + 0.04, "skip", ha="center", va="bottom", color="#444", fontsize=8)
    return bends
