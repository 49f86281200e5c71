"""One size of a JAX network: JAX records its operations, and each becomes a node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..sizes.places import own_frame
from ..sizes.shapes import OpenShape
from .draft import Array, Constant, Draft
from .drafting import Roles, draft, input_images
from .jax_rules import padding_function, resize
from .jax_walking import JaxWalker, Rule
from .layout_rules import (
    broadcast,
    concatenate,
    crop,
    dynamic_crop,
    gather,
    pad,
    reshape,
    split,
    squeeze,
    stack,
    tile,
    transpose,
)
from .value_rules import ACTIVATIONS, ELEMENTWISE, activation, elementwise, glu
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
    "tile": tile,
    "gather": gather,
}
CALLS: dict[str, Rule] = {
    **{name: activation(kind) for name, kind in ACTIVATIONS.items()},
    "glu": glu,
    "_resize": resize,
    "linear_resize": resize,  # of this library's networks
    "_pad": padding_function,
}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What JAX recorded: the operations, the paths of the parameters, and whether the network ran to its end.

    ``in_closure`` has the paths of arrays that the function has in its closure, by their ids.
    """

    jaxpr: Any
    paths: Sequence[tuple[str | int, ...]]
    finished: bool
    in_closure: Mapping[int, tuple[str | int, ...]]


def drafted(recorded: Recorded, shapes: Sequence[OpenShape], sizes: Mapping[str, int], roles: Roles) -> Draft:
    """The nodes at these sizes."""
    walker = JaxWalker(len(roles.axes), RULES, CALLS, _line_of, recorded.in_closure)
    images = input_images(walker, shapes, sizes, roles)
    known = [*recorded.paths, *recorded.in_closure.values()]
    layers = {path[:-1] for path in known if path and path[-1] == "mean"}
    walker.running = frozenset(path[:-1] for path in known if path and path[-1] == "var") & layers
    walker.has_paths = any(known)
    parameters: list[Array] = [Constant(path) for path in recorded.paths]
    results = walker.walk(recorded.jaxpr.jaxpr, [*parameters, *images], recorded.jaxpr.consts)
    return draft(walker, sizes, results, recorded.finished)


def _line_of(equation: Any) -> str:
    traceback = equation.source_info.traceback
    return own_frame(traceback.as_python_traceback()) if traceback is not None else ""
