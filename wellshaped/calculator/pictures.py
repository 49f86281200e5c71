"""Pictures as SVG, whose colours and letters are those of the page: the U of a network, and an image in tiles."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from html import escape

from ..boxes import BEND, HEIGHT, INCH, WIDTH, Arrow, Place, arrows_of, kind_of, lines_in, places_of
from ..image_map import AxisMap, ImageMap
from ..spec import Stage

_PIXELS = 96  # in an inch
_LINE = 16.0
_LETTER, _BOLD = 0.58, 0.64  # the width of a letter, for each unit of its size
_WIDEST = 132  # a box, in pixels
_MOST_TILES = 300
"""The most tiles along an axis of a picture."""


def picture_of(stages: Sequence[Stage], title: str, broken: Mapping[str, Sequence[str]]) -> str:
    """Return the picture of a network. The boxes of the stages that are ``broken`` have these lines, and their class.

    Raises the errors of :func:`wellshaped.boxes.places_of`.

    >>> from wellshaped.spec import stages
    >>> picture_of(stages("unet2", (1, 304, 384)), "unet2", {}).count("<rect")
    11
    """
    places = places_of(stages)
    longest = max(len(line) for stage in stages for line in (*lines_in(stage), *broken.get(stage.name, ())))
    column = (min(longest * _BOLD * 12, _WIDEST) + 12) / WIDTH
    arrows = list(arrows_of(stages, places))
    high, low = (end(place.y for place in places.values()) for end in (max, min))
    lines = max(len(lines_in(stage)) + len(broken.get(stage.name, ())) for stage in stages)
    unit = max(INCH * _PIXELS, (lines * _LINE + 18) / HEIGHT)
    top = high + HEIGHT / 2 + 0.08 + (BEND if any(arrow.bends for arrow in arrows) else 0.0)
    width = (max(place.x for place in places.values()) + 1) * column
    height = (top - low + HEIGHT / 2 + 0.08) * unit

    def at(x: float, y: float) -> tuple[float, float]:
        return (x + 0.5) * column, (top - y) * unit

    parts = [_arrow(arrow, at, unit) for arrow in arrows]
    parts += [_box(stage, places[stage.name], at, (column, unit), broken.get(stage.name, ())) for stage in stages]
    return _svg("network", (width, height), title, parts)


def _svg(name: str, size: tuple[float, float], title: str, parts: Sequence[str]) -> str:
    width, height = (round(length) for length in size)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="picture {name}" role="img" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}"><title>{escape(title)}</title>'
    )
    marker = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'markerUnits="userSpaceOnUse" orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>'
    )
    return "".join([head, marker, *parts, "</svg>"])


_At = Callable[[float, float], tuple[float, float]]


def _arrow(arrow: Arrow, at: _At, unit: float) -> str:
    (x, y), (right, end) = at(*arrow.start), at(*arrow.end)
    way = f"M{x:.1f} {y:.1f}L{right:.1f} {end:.1f}"
    if arrow.bends:
        way = f"M{x:.1f} {y:.1f}Q{(x + right) / 2:.1f} {y - 2 * (BEND - 0.1) * unit:.1f} {right:.1f} {end:.1f}"
    drawn = f'<path class="arrow{" skip" if arrow.skip else ""}" d="{way}" marker-end="url(#tip)"/>'
    named = f'<text class="word" x="{(x + right) / 2:.1f}" y="{y - 5:.1f}">skip</text>'
    return drawn + named if arrow.named else drawn


def _box(
    stage: Stage,
    place: Place,
    at: _At,
    size: tuple[float, float],
    broken: Sequence[str],
) -> str:
    column, unit = size
    (x, y), wide, high = at(place.x, place.y), WIDTH * column, HEIGHT * unit
    kind = f"box {kind_of(stage)}{' broken' if broken else ''}"
    rect = f'<rect x="{x - wide / 2:.1f}" y="{y - high / 2:.1f}" width="{wide:.1f}" height="{high:.1f}" rx="8"/>'
    name, *plain, shape = lines_in(stage)
    lines = [(name, "name", 13.0), *((line, "plain", 11.0) for line in plain), (shape, "shape", 12.0)]
    lines += [(line, "fault", 12.0) for line in broken]
    first = y - (len(lines) - 1) * _LINE / 2 + 4
    return f'<g class="{kind}">{rect}{"".join(_lines(lines, x, first, wide - 8))}</g>'


def _lines(lines: Sequence[tuple[str, str, float]], x: float, first: float, room: float) -> Iterator[str]:
    """Yield lines of text. A line that is longer than the ``room`` has smaller letters."""
    for i, (text, kind, size) in enumerate(lines):
        letter = _LETTER if kind == "plain" else _BOLD
        fits = min(size, room / (letter * max(len(text), 1)))
        where = f'x="{x:.1f}" y="{first + i * _LINE:.1f}" font-size="{fits:.1f}"'
        yield f'<text class="{kind}" {where}>{escape(text)}</text>'


_PLANE = 420.0
"""The longest side of the picture of an image."""
_STRIP = 60.0
"""The height of the picture of a signal."""


def tiles_of(image: ImageMap) -> str:
    """Return the picture of an image in tiles: the cores of all, and one tile with its core and its halo.

    It shows the last two axes. It is "" for more than 300 tiles along an axis, which could not be told apart.

    >>> from wellshaped.image_map import image_map
    >>> tiles_of(image_map("milesial", (1024, 1024), 512)).count('class="core')
    10
    """
    *_, across = image.axes
    down = image.axes[-2] if len(image.axes) > 1 else None
    if max(len(axis.tiles) for axis in image.axes) > _MOST_TILES:
        return ""
    scale = _PLANE / max(across.size, down.size if down else 0)
    size = across.size * scale, down.size * scale if down else _STRIP
    columns = _Ends.of(across, scale)
    rows = _Ends([(0, size[1])], *[(0, size[1])] * 3) if down is None else _Ends.of(down, scale)
    parts = [_rect("image", (0, size[0]), (0, size[1]))]
    parts += [_rect("core", x, y) for y in rows.cores for x in columns.cores]
    parts += [_rect("tile", columns.tile, rows.tile), _rect("halo", columns.halo, rows.halo)]
    parts += [_rect("core chosen", columns.core, rows.core)]
    return _svg("tiles", size, image.title, parts)


_Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Ends:
    """Where the cores of the tiles begin and end along an axis of the picture; and a tile, its halo and its core."""

    cores: Sequence[_Pair]
    tile: _Pair
    halo: _Pair
    core: _Pair

    @classmethod
    def of(cls, axis: AxisMap, scale: float) -> "_Ends":
        def scaled(ends: tuple[Fraction | int, Fraction | int]) -> _Pair:
            return float(ends[0]) * scale, float(ends[1]) * scale

        return cls([*map(scaled, axis.cores)], scaled(axis.tile), scaled(axis.halo), scaled(axis.core))


def _rect(kind: str, across: _Pair, down: _Pair) -> str:
    (left, right), (top, bottom) = across, down
    where = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"'
    return f'<rect class="{kind}" {where}/>'
