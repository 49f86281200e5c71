"""``tiled``: the result of a network for an image that is larger than memory, tile by tile."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from math import isqrt, prod
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from ...spec.answers.any_network import AnyNetwork, as_network, graph_of, title
from ...spec.answers.checking import channels_first, check
from ...spec.answers.planning import Plan, plan
from ...spec.answers.tilings import STATISTICS_FIRST, Slices, Tile, Tiling, least_tile, one_of, tiles
from ...spec.messages.report import ShapeError, UsageError, WellshapedError
from ...spec.messages.written import clipped, kind_of, written_argument, written_number, written_sizes, written_value
from ...spec.network.network import Network
from ...spec.network.running import AxisSizes
from ..networks.typed_network import TypedNetwork
from .agreement import require_agreement, require_result
from .fitting import FittedImage, kept_sizes, require_mode
from .program import Program, bytes_of, is_of_this_library, network_of, require_network
from .replaced import computes_its_network, replaced_layer
from .results import digest_of, require_out, results_in
from .statistics import can_be_given, given_statistics


def tiled(
    model: Callable[..., Any],
    image: Any,
    *,
    tile: AxisSizes | None = None,
    memory: int | str | None = None,
    out: Any = None,
    done: str | Path | None = None,
    network: AnyNetwork | None = None,
    statistics: bool = False,
    policy: str = "error",
    mode: str = "zeros",
    progress: bool = True,
) -> Any:
    """Return the result of a network for a large image, tile by tile: that of the whole image, except for rounding.

    - ``model``: a ``UNet``, ``UNet2`` or ``TypedNetwork``, in evaluation mode; or a function or module of one image,
      with the ``network`` that it computes: a graph, such as that of ``graph_of_jax``, a config, or the name of a
      preset. A function, a subclass, or a model with another layer in place of its own is first compared with the
      network, on two random tiles that overlap.
    - ``image``: ``(C, *sizes)`` with sizes that fit, unless there is a ``policy``. Anything with a shape, a dtype and
      slices: an array of NumPy, a memory map, a Zarr array. One tile of it is read at a time, as an array of NumPy.
    - ``tile``: the largest size of a tile, one number for all axes or one for each. Give this or ``memory``, not both.
    - ``memory``: the bytes that a tile may need beside the image and the result, such as ``"2 GiB"``, by XLA's account
      of the compiled program. Of the tiles within this limit, those with the least to compute are chosen. The process
      needs more, as measured in docs/tiles.md. A function must be compiled with ``jax.jit``.
    - ``out``: where the result goes. By default a new array; an array of the result's shape, other than the image; or
      the path of a ``.npy`` file, which is replaced at the end. Until then the results are in ``NAME.partial``, and
      ``NAME.tiles`` lists them. If a run of a module stops before its end, the same call continues it.
    - ``done``: for an ``out`` that stays if a run stops, such as a Zarr array: the path of a file that lists the
      finished tiles, and is removed at the end. With it, the same call continues a run of a module that was stopped.
    - ``statistics``: an instance or group norm, or a mean over all positions, reads the whole image. ``True`` computes
      its statistics first, over all tiles, in float64; then the result. Norms that follow one another need a pass over
      the image each: a network with ten of them takes eleven passes. The model must be a ``TypedNetwork`` or ``UNet``
      with its own layers, and no subclass of your own.
    - ``policy``, ``mode``: what to do with an image that does not fit, as in :func:`wellshaped.interop.fitted`:
      ``"pad"`` it at the end of each axis, with ``"zeros"``, ``"reflect"`` or ``"edge"``, and cut the result to what
      belongs to the image; or ``"crop"`` it. Only the tiles at its end are padded, one at a time.
    - ``progress``: show a progress bar on a terminal.

    All tiles have one shape, so one program is compiled. A network with several outputs gives its first.

    Raises :class:`ShapeError` if the image or ``out`` has a wrong shape; :class:`WellshapedError`, with the node that
    is the reason, if the network can't be tiled exactly, or the memory is too small; :class:`UsageError` for a model in
    training mode, a function that does not compute its network, or an argument that can't be used;
    :class:`FileError` for a file that can't be written, or that another program wrote. Source: SPEC section 9.

    >>> import jax.numpy as jnp
    >>> import numpy as np
    >>> from flax import nnx
    >>> from wellshaped.models import UNet
    >>> from wellshaped.spec import UNetConfig
    >>> model = UNet(UNetConfig(levels=1, base_channels=2), 3, 1, rngs=nnx.Rngs(0))
    >>> image = np.random.default_rng(0).normal(size=(3, 96, 100)).astype(np.float32)
    >>> bool(jnp.allclose(tiled(model, image, tile=40), model(image), atol=1e-5))
    True
    """
    for name, flag in (("statistics", statistics), ("progress", progress)):
        _require_flag(name, flag)
    computed = require_network(model, network)
    graph, fitting = _require_image(computed, image, policy)
    if (tile is None) == (memory is None):
        raise one_of("tiled(model, image)", ("tile", "memory"), 'memory="2 GiB"', both=tile is not None)
    sizes, given = fitting.fitting, fitting.given
    require_mode(mode, graph.axis_names, given, sizes)
    if is_of_this_library(model):
        _require_no_vectors(model)
    shape = kept_sizes(graph, given, sizes)
    require_out(out, image, shape, done)
    if sizes != given:
        image = FittedImage(image, sizes, mode)
    program: Program = Program(model)

    def choose(network: AnyNetwork, program: Program) -> Tiling:
        if memory is None:
            return tiles(network, sizes, tile)
        return _within(network, graph_of(network), program, image, bytes_of(memory))

    try:
        if statistics:
            computed, program = _with_statistics(model, image, choose, progress)
        tiling = choose(computed, program)
    except WellshapedError as error:
        raise error if can_be_given(model, graph) else _without_statistics(error) from None
    if not (statistics or (computed == network_of(model) and computes_its_network(model))):
        require_agreement(program, graph, sizes, tiling, native(image.dtype))
    return _run(program, image, tiling, shape, (out, done), progress)


def _require_flag(name: str, value: object) -> None:
    if not isinstance(value, bool | np.bool_):
        says = f"it is {kind_of(value)}, and must be True or False"
        raise UsageError.of(clipped(written_argument(name, value)), name, "", says, f"{name}=True or {name}=False")


def _require_no_vectors(model: Any) -> None:
    """Raise :class:`UsageError` if a model of this library takes vectors beside the image: there is no value for them.

    A function of the image can give them.
    """
    graph = network_of(model)
    vectors = [given.name for given in graph.inputs if given.single] if isinstance(graph, Network) else []
    if vectors:
        takes = ", ".join(given.name for given in graph.inputs)  # type: ignore[union-attr]  # a graph has vectors
        says = f"it takes {takes}, and tiled gives it {graph.image.name} alone"  # type: ignore[union-attr]
        fix = f"tiled(lambda x: model(x, {', '.join(vectors)}), image, network=model.network)"
        raise UsageError.of("tiled(model, image)", "inputs", "", says, fix)


def _with_statistics(
    model: Any, image: Any, choose: Callable[[AnyNetwork, Program], Tiling], progress: bool
) -> tuple[AnyNetwork, Program]:
    """The network whose statistics are those of the image, and its program."""
    if not (isinstance(model, TypedNetwork) and is_of_this_library(model)):
        says = f"it is {kind_of(model)}, whose statistics can't be replaced by those of the image"
        raise UsageError.of("statistics=True", "statistics", "", says, "a TypedNetwork or a UNet")
    if replaced := replaced_layer(model):
        says = f"{replaced} is not the layer that the network has there, so its statistics are not known"
        raise UsageError.of(
            "statistics=True", "statistics", "", says, "the graph of the network that the model computes"
        )

    def parts(tiling: Tiling, of: str) -> Iterator[np.ndarray]:
        for each in _shown(tiling, progress, of):
            yield _part(image, each)

    return given_statistics(model, tuple(int(n) for n in image.shape[1:]), choose, parts)


def _without_statistics(error: WellshapedError) -> WellshapedError:
    """The error, without the fix that computes statistics first: the model does not say where they are."""
    report = error.report
    fixes = tuple(fix for fix in report.fixes if not fix.startswith(STATISTICS_FIRST))
    return type(error)(replace(report, fixes=fixes))


def _require_image(network: AnyNetwork, image: Any, policy: str) -> tuple[Network, Plan]:
    """The graph of the network, and how the image is made to fit. Raises unless the network takes the image."""
    if not hasattr(image, "shape") or not hasattr(image, "dtype"):
        says = f"it is {kind_of(image)}, and must have a shape, a dtype and slices"
        raise UsageError.of("the image", "image", "", says, "np.asarray(image)")
    has_own = isinstance(as_network(network), Network)  # its channels are compared below
    graph = graph_of(network, None if has_own or not image.shape else int(image.shape[0]) or None)
    images = [given.name for given in graph.inputs if not given.single]
    if len(images) != 1:
        says = f"{title(network)} has {len(images)} images, {', '.join(images)}, and must have one"
        raise UsageError.of("tiled(model, image)", "inputs", "", says, "a network with one image")
    channels, *sizes = (int(n) for n in image.shape) if image.shape else (0,)
    fitted = plan(network, sizes, policy) if policy != "error" and len(sizes) == graph.axes else None
    _require_rank(graph, image)
    report = check(network, (channels, *sizes) if fitted is None else (channels, *fitted.fitting))
    replace(report, fixes=_for_tiled(report.fixes, network, image)).raise_if_failed()
    return graph, fitted or plan(network, sizes, "error")


def _require_rank(graph: Network, image: Any) -> None:
    """Raise :class:`ShapeError` unless the image has its channels and its sizes, and no batch axis."""
    has, needs = len(image.shape), 1 + graph.axes
    if has != needs:
        axes = "C, " + ", ".join(name[0].upper() for name in graph.axis_names)
        says = f"its shape is {written_value(tuple(image.shape))}, and must have {needs} axes, ({axes})"
        fix = "tiled for each image of the batch: image[0], …" if has == needs + 1 else f"an image of shape ({axes})"
        raise ShapeError.of("the image", "rank", "", says, fix)


def _for_tiled(fixes: tuple[str, ...], network: AnyNetwork, image: Any) -> tuple[str, ...]:
    """The fixes of a shape as fixes of a call: it can pad and crop by itself, and a large image is not copied."""
    if channels_first(network, image.shape) is not None:
        return (f"np.moveaxis(image, -1, 0): the channels of this image, {image.shape[-1]}, are last",)
    policies = {"jnp.pad(": 'policy="pad"', "x[": 'policy="crop"'}
    return tuple(
        " or ".join(of for code, of in policies.items() if code in fix) if fix.startswith(tuple(policies)) else fix
        for fix in fixes
    )


def _within(network: AnyNetwork, graph: Network, program: Program, image: Any, memory: int) -> Tiling:
    """The tiling with the least to compute whose program needs at most ``memory`` bytes."""
    if not program.compiles:
        says = "the memory of a function is known only if JAX compiles it"
        raise UsageError.of("memory", "memory", "", says, "tiled(jax.jit(model), …), or tile=512")
    sizes, channels = tuple(int(n) for n in image.shape[1:]), int(image.shape[0])

    def needs(size: tuple[int, ...]) -> int:
        return program.needs((channels, *size), native(image.dtype))

    least = least_tile(graph, sizes)
    found = tiles(network, sizes, least)
    if least == sizes and needs(sizes) > memory:
        try:
            tiles(network, sizes, tuple(n - 1 for n in sizes))
        except WellshapedError as error:  # it says why there are no tiles
            raise type(error)(replace(error.report, fixes=(f"memory={needs(sizes)}",))) from None
    if (need := needs(found.size)) > memory:
        size = written_sizes(found.size)
        says = f"a tile of {size} needs {written_number(need)} bytes, and memory is {written_number(memory)}"
        raise WellshapedError.of("tiled(model, image)", "memory", "too little", says, f"memory={need}")
    low, high = prod(found.size), prod(sizes)
    for _ in range(_COMPILED):
        most = isqrt(low * high)
        tiling = tiles(network, sizes, most=most)
        if tiling.size != found.size and needs(tiling.size) > memory:
            high = most
        else:
            found, low = tiling, most
    return found


_COMPILED = 7
"""How many sizes of tiles are compiled to find those for a given memory."""


def _run(
    program: Program, image: Any, tiling: Tiling, shape: tuple[int, ...], to: tuple[Any, Any], progress: bool
) -> Any:
    (out, done), results = to, None
    of_model = ""  # nothing is continued
    if isinstance(out, str | Path) or done is not None:
        of_model = program.key((int(image.shape[0]), *tiling.size), native(image.dtype))
    key = of_model and f"{of_model} {tiling!r} {tuple(image.shape)} {image.dtype} {shape}"
    try:
        for number, tile in enumerate(_shown(tiling, progress)):
            core, inside = _cut(tile, shape)
            if not all(along.start < along.stop for along in core):
                continue  # all of it belongs to padding
            part, where = _part(image, tile), (slice(None), *core)
            digest = digest_of(part) if key else ""
            if results is not None and results.has(number, digest, where):
                continue
            values = program(part)
            if results is None:  # the first tile says what the result is
                require_result(values, tiling.result)
                results = results_in(out, (len(values), *shape), values.dtype, key, done)
            results.put(number, digest, where, values[:, *inside])
        assert results is not None  # there is a tile
        return results.finish()
    finally:
        if results is not None:
            results.close()


def _cut(tile: Tile, shape: tuple[int, ...]) -> tuple[Slices, Slices]:
    """The core of a tile up to the end of the result, which can be cut, and where the tile's own result has this."""
    core = tuple(slice(of.start, min(of.stop, end)) for of, end in zip(tile.core, shape, strict=True))
    inside = (slice(of.start, of.start + to.stop - to.start) for of, to in zip(tile.inside, core, strict=True))
    return core, tuple(inside)


def _part(image: Any, tile: Tile) -> np.ndarray:
    """The part of the image for a tile, as an array of NumPy."""
    part = np.ascontiguousarray(image[:, *tile.image])
    return part.astype(native(part.dtype), copy=False)


def native(dtype: Any) -> np.dtype[Any]:
    """The dtype in the machine's own order of bytes, the only one that JAX takes."""
    found: np.dtype[Any] = np.dtype(dtype).newbyteorder("=")
    return found


def _shown(tiling: Tiling, progress: bool, of: str = "") -> Iterable[Tile]:
    """The tiles, with a progress bar on a terminal."""
    console = Console(stderr=True)
    if not progress or not console.is_terminal:
        return tiling
    says = f"{of}: {len(tiling)} tiles" if of else f"{len(tiling)} tiles"
    return track(tiling, description=says, total=len(tiling), console=console, transient=True)
