"""``wellshaped tiles``: what a network reads, and tiles whose results are that of the whole image."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from cyclopts import Parameter

from ..spec import AnyNetwork, ReceptiveField, Tiling, graph_of, plan, receptive_field
from ..spec import tiles as tiles_for
from ..spec.answers.any_network import title
from ..spec.answers.tilings import least_tile, statistics_first
from ..spec.messages.report import UsageError
from ..spec.messages.written import written_number, written_sizes
from ..spec.network.tiling import Span
from ..words.numbers import natural_in, tile_in
from ..words.shapes import any_image, require_built, shape_of
from .image import Image
from .network import Flags, Name, network_of
from .numbers import Natural
from .output import AsJson, print_json, say, working

EXAMPLE = """\
  wellshaped tiles milesial
  wellshaped tiles milesial --input 3x8192x8192 --tile 512
  wellshaped tiles unet3d --input 3x132x1028x1028 --tile 132x196x196
  wellshaped tiles milesial --input 3x8192x8192 --most 1000000
"""

Tile = Annotated[
    str | None, Parameter(allow_leading_hyphen=True, help="Largest size of a tile: 512, or 512x256 for each axis.")
]


def tiles(
    network: Name = None,
    *,
    image: Image | None = None,
    tile: Tile = None,
    most: Annotated[
        Natural | None, Parameter(help="Most positions (height times width) of a tile, in place of --tile.")
    ] = None,
    policy: Annotated[
        str, Parameter(help="What to do with an image that does not fit: error, pad or crop it at the end.")
    ] = "error",
    flags: Flags = None,
    as_json: AsJson = False,
) -> int:
    """Show the receptive field and the halo of a network, and tiles for a large image.

    Put together, the cores of the tiles are the result of the whole image.
    Exits with 1 if the tiles of --tile or --most are not possible.
    """
    given = network_of(network, flags, image)
    with working(f"tiles {title(given)}"):
        found = _found(given, image, tile, most, policy)
    return _show(*found, title(given), as_json)


Found = tuple[ReceptiveField, Tiling | tuple[int, ...] | None, tuple[str, ...]]
"""The receptive field; the tiles, or the size of the smallest ones; and what is exact if there are none."""


def _found(given: AnyNetwork, image: str | None, tile: str | None, most: int | str | None, policy: str) -> Found:
    if image is None:
        _require_image(tile, most, policy)
        any_image(given, None).raise_if_failed()
        return receptive_field(given), None, ()
    channels, *sizes = shape_of(image, given, None)
    require_built(given, channels)
    fitting = plan(given, sizes, policy).fitting
    field = receptive_field(given, fitting)
    if tile is None and most is None:
        least = least_tile(graph_of(given), fitting)
        return (field, least, ()) if least != fitting else (field, (), statistics_first(graph_of(given), fitting))
    if tile is not None and most is not None:
        raise UsageError.of(
            "--most", "most", "", "--tile already says how large the tiles are", "--tile without --most"
        )
    largest = None if tile is None else tile_in(tile, len(sizes))
    count = None if most is None else natural_in(str(most), "--most", 1_000_000)
    return field, tiles_for(given, tuple(sizes), largest, most=count, policy=policy), ()


def _require_image(tile: str | None, most: object, policy: str) -> None:
    for flag, value in (("--tile", tile), ("--most", most), ("--policy", None if policy == "error" else policy)):
        if value is not None:
            says = "it is about an image, and the shape of the image is missing"
            raise UsageError.of(f"{flag} without --input", "input", "", says, "add --input 3x8192x8192, for example")


def _show(
    field: ReceptiveField,
    tiling: Tiling | tuple[int, ...] | None,
    instead: tuple[str, ...],
    name: str,
    as_json: bool,
) -> int:
    """Print the receptive field, and the tiles, or the size of the smallest ones, or what is exact instead."""
    data, lines = {"network": name, **_field_data(field)}, [str(field)]
    if isinstance(tiling, Tiling):
        data |= _tiling_data(tiling)
        if tiling.plan.fitting != tiling.plan.given:
            lines.append(f"image: {tiling.plan}")
        lines += [str(tiling), *(_along(axis, spans) for axis, spans in zip(field.names, tiling.axes, strict=True))]
    elif tiling is not None:
        data |= {"smallest": tiling or None}
        lines.append(f"smallest tiles: {written_sizes(tiling)}" if tiling else "no tiles are smaller than the image")
        lines += (f"exact instead: {of}" for of in instead)
    if as_json:
        print_json(data)
    else:
        say("\n".join(lines))
    return 0


def _along(axis: str, spans: Sequence[Span]) -> str:
    starts, cores = _few([span.start for span in spans]), _few([span.core[0] for span in spans])
    end = written_number(spans[-1].core[1])
    return f"  {axis}: tiles start at {starts}; cores start at {cores}, and end at {end}"


def _few(numbers: Sequence[int]) -> str:
    """The numbers, or the first three and the last.

    >>> _few([0, 320, 640, 960, 1280])
    '0, 320, 640, …, 1280'
    """
    shown = [written_number(n) for n in numbers]
    return ", ".join(shown if len(shown) <= 4 else [*shown[:3], "…", shown[-1]])


def _field_data(field: ReceptiveField) -> dict[str, Any]:
    axes = {}
    for name, of_it, stride in zip(field.names, field[field.output], field.strides, strict=True):
        axes[name] = asdict(of_it) | {"stride": str(of_it.stride), "total_stride": stride}
    return {"output": field.output, "axes": axes}


def _tiling_data(tiling: Tiling) -> dict[str, Any]:
    spans = [[asdict(span) for span in of_axis] for of_axis in tiling.axes]
    return {"tile": tiling.size, "count": len(tiling), "recomputed": float(tiling.recomputed), "tiles": spans}
