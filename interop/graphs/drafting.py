"""One size of a network: JAX records its operations, and each becomes a node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..sizes.places import own_frame
from ..sizes.shapes import OpenShape
from .draft import Array, Constant, Draft, Image, NoStepError
from .layout_rules import (
    broadcast,
    concatenate,
    crop,
    dynamic_crop,
    pad,
    padding_function,
    reshape,
    resize,
    split,
    squeeze,
    stack,
    transpose,
)
from .parts import CHANNEL, Part, of_axis
from .value_rules import ACTIVATIONS, ELEMENTWISE, activation, elementwise, glu
from .walker import Rule, Walker
from .window_rules import convolution, own_pooling, pooling, product, reduction

RULES: dict[str, Rule] = {
    **dict.fromkeys(ELEMENTWISE, elementwise),
    "conv_general_dilated": convolution,
    "dot_general": product,
    "reduce_window_max": pooling("max_pool"),
    "reduce_window_min": pooling("max_pool"),
    "reduce_window_sum": pooling("avg_pool"),
    **{f"reduce_{of}": reduction("max") for of in ("max", "min", "and", "or")},
    **{f"arg{of}": reduction("max") for of in ("max", "min")},
    "reduce_sum": reduction("sum"),
    "reduce_prod": reduction("sum"),
    "relu": activation("relu"),  # this and the next are this library's
    "max_of_windows": own_pooling,
    "reshape": reshape,
    "transpose": transpose,
    "squeeze": squeeze,
    "broadcast_in_dim": broadcast,
    "slice": crop,
    "dynamic_slice": dynamic_crop,
    "split": split,
    "pad": pad,
    "concatenate": concatenate,
    "stack": stack,
}
CALLS: dict[str, Rule] = {
    **{name: activation(kind) for name, kind in ACTIVATIONS.items()},
    "glu": glu,
    "_resize": resize,
    "_pad": padding_function,
}


@dataclass(frozen=True, slots=True)
class Roles:
    """Which open sizes are axes of the image, in order, and which are batches."""

    axes: tuple[str, ...]
    batches: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Recorded:
    """What JAX recorded: the operations, the paths of the parameters, and whether the network ran to its end."""

    jaxpr: Any
    paths: Sequence[tuple[str | int, ...]]
    finished: bool


def drafted(recorded: Recorded, shapes: Sequence[OpenShape], sizes: Mapping[str, int], roles: Roles) -> Draft:
    """The nodes at these sizes."""
    walker = Walker(len(roles.axes), RULES, CALLS, _line_of)
    images = [_input(walker, i, shape, sizes, roles) for i, shape in enumerate(shapes)]
    layers = {path[:-1] for path in recorded.paths if path and path[-1] == "mean"}
    walker.running = frozenset(path[:-1] for path in recorded.paths if path and path[-1] == "var") & layers
    parameters: list[Array] = [Constant(path) for path in recorded.paths]
    jaxpr = recorded.jaxpr.jaxpr
    results = walker.walk(jaxpr, [*parameters, *images])
    outputs = []
    for of in results:
        if not isinstance(of, Image):
            continue
        try:
            outputs.append(walker.settled(of).node)
        except NoStepError as why:
            walker.failures.append(f"the output ({why})")
    return Draft(sizes, tuple(walker.nodes), tuple(outputs), recorded.finished, tuple(walker.failures))


def _line_of(equation: Any) -> str:
    traceback = equation.source_info.traceback
    return own_frame(traceback.as_python_traceback()) if traceback is not None else ""


def _input(walker: Walker, i: int, shape: OpenShape, sizes: Mapping[str, int], roles: Roles) -> Image:
    numbers = [d for d, size in enumerate(shape) if isinstance(size, int)]
    channel = numbers[-1] if numbers else None
    dims, of_node, channels = [], [1] * len(roles.axes), 1
    for d, size in enumerate(shape):
        if isinstance(size, str) and size in roles.axes:
            k = roles.axes.index(size)
            of_node[k] = sizes[size]
            dims.append(of_axis(k, sizes[size]))
            continue
        count = sizes[size] if isinstance(size, str) else size
        role = CHANNEL if d == channel else ("batch", size if isinstance(size, str) else "")
        channels *= count if d == channel else 1
        dims.append((Part(role, count),) if count != 1 else ())
    single = not any(size in roles.axes for size in shape)
    at = walker.add("input", (), of_node, channels, fixed={"number": i, "single": single})
    return Image(at, tuple(dims))
