"""A picture of a network with its shapes, drawn from its stages alone."""

import os
from collections.abc import Callable, Sequence

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from .boxes import (
    BEND,
    COLOURS,
    HEIGHT,
    INCH,
    WIDTH,
    Arrow,
    Place,
    arrows_of,
    kind_of,
    lines_in,
    places_of,
    shape_in_words,
)
from .image_map import ImageMap
from .map_drawing import WIDTH as MAP_WIDTH
from .map_drawing import add_map, height_of
from .spec import NodeField, Stage
from .spec.files.disk import OutputError, path_of, replacing, wrong_suffix
from .spec.messages.written import written_number

_FORMATS = (".svg", ".png")
_LARGEST = 3.0
"""How many times larger the image below a wide network is drawn, at most."""


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


def _figure(stages: Sequence[Stage], image: ImageMap | None) -> Figure:
    places = places_of(stages)
    columns = max(place.x for place in places.values())
    low, high = (end(place.y for place in places.values()) for end in (min, max))
    # As wide as the longest name, in bold letters of 8 points.
    longest = max(max(len(stage.name), len(shape_in_words(stage))) for stage in stages)
    inches = min(max(longest * 0.07 / WIDTH, INCH), 2.2)
    width, height = inches * (columns + 1), INCH * (high - low + 1.8)
    factor = 1.0 if image is None else min(max(width / MAP_WIDTH, 1.0), _LARGEST)
    below = 0.0 if image is None else height_of(image) * factor
    figure = Figure(figsize=(width if image is None else max(width, MAP_WIDTH), height + below))
    axes = figure.add_axes((0, below / (height + below), width / figure.get_figwidth(), height / (height + below)))
    axes.axis("off")
    arrows = list(arrows_of(stages, places))
    for arrow in arrows:
        _draw_arrow(axes, arrow, inches)
    for stage in stages:
        _box(axes, stage, places[stage.name], inches, _reads(image, stage.name))
    top = HEIGHT / 2 + (BEND if any(arrow.bends for arrow in arrows) else 0) + 0.1
    axes.set(xlim=(-0.5, columns + 0.5), ylim=(low - HEIGHT / 2 - 0.1, high + top))
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


def _box(axes: Axes, stage: Stage, place: Place, inches: float, reads: Sequence[str]) -> None:
    """Draw a box with the name, the operations, the layer (if it has another name), the shape and what it ``reads``."""
    corner = (place.x - WIDTH / 2, place.y - HEIGHT / 2)
    style = "round,pad=0,rounding_size=0.06"
    axes.add_patch(FancyBboxPatch(corner, WIDTH, HEIGHT, style, fc=COLOURS[kind_of(stage)], ec="none", zorder=3))
    name, *plain, shape = lines_in(stage)
    lines = [
        (name, 8.5, "bold"),
        *((line, 7, "normal") for line in plain),
        (shape, 8, ""),
        *((line, 7, "normal") for line in reads),
    ]
    gap = min(0.17, 0.62 / len(lines))
    for i, (text, size, weight) in enumerate(lines):
        y = place.y + gap * ((len(lines) - 1) / 2 - i)
        room = 72 * (inches * WIDTH - 0.06) / (0.62 if weight == "bold" else 0.56) / len(text)
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


def _draw_arrow(axes: Axes, arrow: Arrow, inches: float) -> None:
    (left, low), (right, _) = arrow.start, arrow.end
    style: dict[str, object] = {"arrowstyle": "-|>", "color": "#444", "shrinkA": 1, "shrinkB": 1}
    style["linestyle"] = "--" if arrow.skip else "-"
    if arrow.bends:
        across = right - left + WIDTH / 2  # columns
        style["connectionstyle"] = f"arc3,rad={-min(0.3, 2 * BEND * INCH / (across * inches)):.3f}"
    axes.annotate("", arrow.end, arrow.start, arrowprops=style, zorder=2)
    if arrow.named:
        axes.text((left + right) / 2, low + 0.04, "skip", ha="center", va="bottom", color="#444", fontsize=8)
