"""The picture of an image: its tiles to scale, a part of it enlarged, and the numbers beside them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from textwrap import wrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .image_map import AxisMap, ImageMap, written_length
from .spec.messages.report import WellshapedError
from .spec.messages.written import in_words, written_number

Range = tuple[Fraction | int, Fraction | int]
"""From the first position of the image to the second."""

_MOST = 300
"""The most tiles along an axis of a picture."""
_IMAGE, _LINE, _TEXT = "#eceff4", "#8d99ae", "#333333"
_TILE, _HALO, _CORE, _FIELD = "#c9822b", "#f2cf97", "#3a86c8", "#d1495b"
_PALE_TILE, _PALE_CORE = "#f6e7cd", "#b4d0ea"
"""The colours of the tiles that are not enlarged."""
_SHADE = (0.82, 0.29, 0.36, 0.2)
_LEGEND: dict[str, tuple[str, Any, str]] = {  # what each part is called, how it is filled and outlined
    "tile": ("tile", "#fbf3e4", _TILE),
    "core": ("its core", _CORE, "none"),
    "halo": ("its halo", _HALO, "none"),
    "field": ("receptive field", _SHADE, _FIELD),
    "stride": ("total stride", "none", "none"),
}

# Inches, for a figure of this width. Wider figures have larger ones.
WIDTH = 10.5
_PLANE, _ENLARGED, _BARS, _GAP, _STRIP, _TITLE = 3.3, 2.6, 0.4, 0.32, 0.7, 0.42
_WRAPPED = 38
"""The most letters in a line of the legend."""
_FLAT = AxisMap("", 1, ((0, 1),), ((Fraction(0), Fraction(1)),), 0, (0, 1), (Fraction(0), Fraction(1)), (0, 1))
"""The height of a picture of one axis."""


@dataclass(frozen=True, slots=True)
class _Area:
    """A part of a figure: its left and upper edge in inches from the upper left corner, and the factor of its units."""

    figure: Figure
    left: float
    top: float
    factor: float

    def _at(self, x: float, y: float) -> tuple[float, float]:
        wide, high = self.figure.get_size_inches()
        return (self.left + x * self.factor) / wide, 1 - (self.top + y * self.factor) / high

    def axes(self, x: float, y: float, size: tuple[float, float], across: Range, down: Range) -> Axes:
        """Axes of these positions, at a place of the area, in units from its upper left corner."""
        (left, bottom), (right, top) = self._at(x, y + size[1]), self._at(x + size[0], y)
        axes = self.figure.add_axes((left, bottom, right - left, top - bottom))
        axes.axis("off")
        axes.set(xlim=tuple(map(float, across)), ylim=tuple(map(float, reversed(down))))
        return axes

    def text(self, x: float, y: float, says: str, size: float = 9.5, **style: Any) -> None:
        """Text whose upper left corner is at a place of the area, unless ``style`` says otherwise."""
        style = {"ha": "left", "va": "top", "color": _TEXT} | style
        self.figure.text(*self._at(x, y), says, fontsize=size * self.factor, **style)


def draw_map(drawn: ImageMap) -> Figure:
    """Return a figure with only the picture of the image. Raises the errors of :func:`add_map`."""
    figure = Figure(figsize=(WIDTH, height_of(drawn)))
    add_map(figure, drawn, 0.0, 0.0, 1.0)
    return figure


def height_of(drawn: ImageMap) -> float:
    """Return the height of a picture in inches, for a figure that is ``WIDTH`` wide."""
    across, down = _shown(drawn)
    window = _window(drawn)
    enlarged = _to_scale(window(across), window(down), _ENLARGED)[1] + _GAP if window else 0.0
    return _top(drawn) + max(_plane_size(across, down)[1], enlarged, _legend_height(drawn))


def add_map(figure: Figure, drawn: ImageMap, left: float, top: float, factor: float) -> None:
    """Draw the image with its upper left corner at these inches, all its sizes multiplied by the ``factor``.

    Raises :class:`WellshapedError` for more than 300 tiles along an axis.
    """
    for axis in drawn.axes:
        if len(axis.tiles) > _MOST:
            says = f"there are {len(axis.tiles)} tiles along the {axis.name}, and a picture has at most {_MOST}"
            raise WellshapedError.of("drawing the picture", "tiles", "", says, "larger tiles")
    area = _Area(figure, left, top, factor)
    across, down = _shown(drawn)
    area.text(0, 0.05, drawn.title, 11, weight="bold")
    size, y = _plane_size(across, down), _top(drawn)
    thick = _BARS if drawn.tiling else 0.0
    x = 0.0 if down is _FLAT else thick + _GAP
    _parts(area.axes(x, y, size, (0, across.size), (0, down.size)), across, down, factor, "image")
    area.text(x + size[0] / 2, y - thick - 0.1, _counted(across), 8.5, ha="center", va="bottom")
    _bars(area.axes(x, y - thick - 0.05, (size[0], thick), (0, across.size), (0, 1)), across, upright=False)
    if down is not _FLAT:
        area.text(x - thick - 0.1, y + size[1] / 2, _counted(down), 8.5, ha="right", va="center", rotation=90)
        _bars(area.axes(x - thick - 0.05, y, (thick, size[1]), (0, 1), (0, down.size)), down, upright=True)
    x += size[0] + 0.45
    window = _window(drawn)
    if window is not None:
        x += 0.0 if down is _FLAT else _GAP
        x += _enlarged(area, across, down, window, x, y) + 0.35
    _legend(area, drawn, x, y)


def _shown(drawn: ImageMap) -> tuple[AxisMap, AxisMap]:
    """The axis to the right, and the axis down: the last two."""
    return drawn.axes[-1], drawn.axes[-2] if len(drawn.axes) > 1 else _FLAT


def _top(drawn: ImageMap) -> float:
    """How far below the upper edge the image begins: a title, a line of text, and the tiles along the width."""
    return _TITLE + _GAP + (_BARS if drawn.tiling else 0.0)


def _plane_size(across: AxisMap, down: AxisMap) -> tuple[float, float]:
    return _to_scale((0, across.size), (0, down.size), _PLANE)


def _to_scale(across: Range, down: Range, most: float) -> tuple[float, float]:
    """The width and height to draw in: at most ``most``, and not too thin to see."""
    wide, high = float(across[1] - across[0]), float(down[1] - down[0])
    if down == (0, 1):
        return most, _STRIP
    return most * max(wide / max(wide, high), 0.03), most * max(high / max(wide, high), 0.03)


Window = Callable[[AxisMap], tuple[int, int]]
"""Which part of an axis is enlarged."""


def _window(drawn: ImageMap) -> Window | None:
    """The part to enlarge: a tile, or without tiles the surroundings of the receptive field, if it is small."""
    if _has_tiles(*_shown(drawn)):
        return lambda axis: axis.tile
    if any(2 * (axis.field[1] - axis.field[0]) > axis.size for axis in _shown(drawn) if axis is not _FLAT):
        return None
    return _surroundings


def _has_tiles(*axes: AxisMap) -> bool:
    return any(len(axis.tiles) > 1 for axis in axes)


def _surroundings(axis: AxisMap) -> tuple[int, int]:
    low, high = axis.field
    more = max((high - low) // 5, 1)
    return max(low - more, 0), min(high + more, axis.size)


def _counted(axis: AxisMap) -> str:
    count = len(axis.tiles)
    of = f", {written_number(count)} tile{'s' * (count != 1)}" if count else ""
    return f"{axis.name} {written_number(axis.size)}{of}"


def _box(axes: Axes, across: Sequence[Any], down: Sequence[Any], name: str, **style: Any) -> None:
    """A rectangle between positions of the image. An ``.svg`` file has its name."""
    (left, right), (top, bottom) = map(float, across), map(float, down)
    axes.add_patch(Rectangle((left, top), right - left, bottom - top, gid=name, **style))


def _parts(axes: Axes, across: AxisMap, down: AxisMap, factor: float, of: str) -> None:
    """The image and the grid of cores, a tile with its parts, and the receptive field; ``of`` begins their names."""

    def part(name: str, ends: Callable[[AxisMap], Range], fill: Any, line: str = "none", width: float = 0.0) -> None:
        style = {"fc": fill, "ec": line, "lw": width * factor, "clip_on": name != "outline"}
        _box(axes, ends(across), ends(down), f"{of}-{name}", **style)

    part("all", lambda axis: (0, axis.size), _IMAGE)
    if across.tiles:
        part("tile", lambda axis: axis.tile, _LEGEND["tile"][1])
        part("halo", lambda axis: axis.halo, _HALO)
        part("core", lambda axis: axis.core, _CORE)
    if of == "image":
        axes.vlines([float(low) for low, _ in across.cores[1:]], 0, down.size, color=_LINE, lw=0.7 * factor)
        axes.hlines([float(low) for low, _ in down.cores[1:]], 0, across.size, color=_LINE, lw=0.7 * factor)
        part("frame", lambda axis: (0, axis.size), "none", _LINE, 1.2)
    if _has_tiles(across, down):
        part("outline", lambda axis: axis.tile, "none", _TILE, 1.6)
    part("field", lambda axis: axis.field, _SHADE, _FIELD, 1.4)
    part("position", lambda axis: axis.position, _FIELD, _FIELD, 2.5 if across.tiles else 1.5)


def _bars(axes: Axes, axis: AxisMap, *, upright: bool) -> None:
    """All tiles along an axis, each a bar with its core, in as many lanes as they need so as not to overlap."""
    lanes = list(_lanes(axis.tiles))
    thick = 1 / max(len(set(lanes)), 2)
    for i, (tile, core, lane) in enumerate(zip(axis.tiles, axis.cores, lanes, strict=True)):
        chosen = i == axis.chosen
        side = 1 - (lane + 0.88) * thick, 1 - (lane + 0.12) * thick
        for name, ends, fill, line in (
            ("tile", tile, _HALO if chosen else _PALE_TILE, _TILE if chosen else "none"),
            ("core", core, _CORE if chosen else _PALE_CORE, "none"),
        ):
            across, down = (side, ends) if upright else (ends, side)
            _box(axes, across, down, f"{axis.name}-{name}-{i}", fc=fill, ec=line, lw=0.8, clip_on=False)


def _lanes(tiles: Sequence[tuple[int, int]]) -> Iterator[int]:
    """The lane of each tile: the first that is free where the tile starts.

    >>> list(_lanes([(0, 512), (320, 832), (512, 1024)]))
    [0, 1, 0]
    """
    ends: list[int] = []
    for start, stop in tiles:
        lane = next((i for i, end in enumerate(ends) if end <= start), len(ends))
        ends[lane : lane + 1] = [stop]
        yield lane


def _enlarged(area: _Area, across: AxisMap, down: AxisMap, window: Window, x: float, y: float) -> float:
    """A part of the image, and below and beside it the lengths of what it shows. Returns its width."""
    size, tiled = _to_scale(window(across), window(down), _ENLARGED), _has_tiles(across, down)
    area.text(x, y - 0.1, f"enlarged: {'a tile' if tiled else 'the receptive field'}", 8.5, va="bottom")
    _parts(area.axes(x, y, size, window(across), window(down)), across, down, area.factor, "enlarged")
    lengths = _lengths if tiled else _length_of_field
    below = area.axes(x, y + size[1] + 0.08, (size[0], 0.3), window(across), (0, 1))
    _measures(below, lengths(across), size[0] / _length(window(across)), area.factor, upright=False)
    if down is not _FLAT:
        beside = area.axes(x - 0.38, y, (0.3, size[1]), (0, 1), window(down))
        _measures(beside, lengths(down), size[1] / _length(window(down)), area.factor, upright=True)
    return size[0]


def _length(ends: Range) -> float:
    return float(ends[1] - ends[0])


def _lengths(axis: AxisMap) -> list[Range]:
    """The halo before, the core, and the halo after."""
    return [(axis.tile[0], axis.core[0]), axis.core, (axis.core[1], axis.tile[1])]


def _length_of_field(axis: AxisMap) -> list[Range]:
    return [axis.field]


def _measures(axes: Axes, ranges: Sequence[Range], inches: float, factor: float, *, upright: bool) -> None:
    """Lines along the ``ranges``, each with its length if there is room. A position takes this many ``inches``."""
    for low, high in ranges:
        room, says = _length((low, high)) * inches, written_length(high - low)
        if room < 0.12:
            continue
        along = [float(low), float(low), float(high), float(high)]
        middle = float(low + high) / 2
        style: dict[str, Any] = {"color": _TEXT, "lw": 0.8 * factor, "clip_on": False}
        points: dict[str, Any] = {"fontsize": 8.5 * factor, "color": _TEXT}
        if upright:
            axes.plot([0.95, 0.75, 0.75, 0.95], along, **style)
        else:
            axes.plot(along, [0.05, 0.25, 0.25, 0.05], **style)
        if room > 0.1 * len(says) and upright:
            axes.text(0.62, middle, says, ha="right", va="center", rotation=90, **points)
        elif room > 0.1 * len(says):
            axes.text(middle, 0.35, says, ha="center", va="top", **points)


def _legend_height(drawn: ImageMap) -> float:
    lines = sum(len(wrap(text, _WRAPPED)) for text in drawn.lines().values())
    return 0.18 * lines + 0.36 * (len(drawn.lines()) + (len(drawn.axes) > 2))


def _legend(area: _Area, drawn: ImageMap, x: float, y: float) -> None:
    """The numbers, each beside the colour of what they are about."""
    for name, text in drawn.lines().items():
        called, fill, line = _LEGEND[name]
        if fill != "none":
            swatch = area.axes(x, y + 0.01, (0.2, 0.16), (0, 1), (0, 1))
            _box(swatch, (0, 1), (0, 1), f"legend-{name}", fc=fill, ec=line, lw=1.4 * area.factor, clip_on=False)
        area.text(x + 0.32, y, called, weight="bold")
        for part in wrap(text, _WRAPPED):
            y += 0.18
            area.text(x + 0.32, y, part)
        y += 0.36
    if len(drawn.axes) > 2:
        area.text(x + 0.32, y, f"Only {in_words([axis.name for axis in drawn.axes[-2:]])} are drawn.")
