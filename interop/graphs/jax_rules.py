"""Functions of JAX that it records as a call: ``jnp.pad`` and ``jax.image.resize``."""

from collections.abc import Sequence
from typing import Any

from .draft import Array, Image, NoStepError, Sides
from .equation import Equation
from .jax_walking import JaxWalker
from .layout_rules import padded, resized


def padding_function(walker: JaxWalker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
    """``jnp.pad``: pieces of the image are put around it."""
    image, inner = given[0], equation.params["jaxpr"].jaxpr
    assert isinstance(image, Image)
    amounts: Sides = ((0, 0),) * len(image.dims)
    whole = {inner.invars[0]: amounts}
    names: set[str] = set()
    edges: dict[Any, bool] = {}
    for of in inner.eqns:
        name = str(of.params.get("name", "")) or of.primitive.name
        names.add(name)
        if name == "slice":
            shape, first, last = of.invars[0].aval.shape, of.params["start_indices"], of.params["limit_indices"]
            cut = [(a, b, n) for a, b, n in zip(first, last, shape, strict=True) if (a, b) != (0, n)]
            edges[of.outvars[0]] = any(a == 0 or b == n for a, b, n in cut)
        if name in ("rev", "_flip") and edges.get(of.invars[0], True):
            raise NoStepError("this mode of padding")
        if name != "concatenate":
            continue
        at = next((i for i, piece in enumerate(of.invars) if piece in whole), None)
        if at is None:
            raise NoStepError("pieces of the image are put together")
        d, sizes = of.params["dimension"], [piece.aval.shape[of.params["dimension"]] for piece in of.invars]
        before, after = whole[of.invars[at]][d]
        both = (before + sum(sizes[:at]), after + sum(sizes[at + 1 :]))
        amounts = tuple(both if e == d else of_e for e, of_e in enumerate(whole[of.invars[at]]))
        whole[of.outvars[0]] = amounts
    if not names & {"concatenate"}:
        return walker.walk(inner, given, ())
    mirrored, moves = names & {"rev", "_flip"}, {"slice", "concatenate", "rev", "_flip", "broadcast_in_dim", "reshape"}
    if inner.outvars[0] not in whole or names - moves or not (mirrored or "broadcast_in_dim" in names):
        raise NoStepError("this mode of padding")
    # JAX mirrors an image again where it is smaller than the padding; PyTorch raises.
    return [padded(walker, image, whole[inner.outvars[0]], "mirrored, extended" if mirrored else "replicated")]


def resize(walker: JaxWalker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
    """``jax.image.resize``."""
    image, shape = given[0], equation.shape
    assert isinstance(image, Image)
    if tuple(shape) == walker.shape(image):
        return [image]
    inner = equation.params["jaxpr"].jaxpr
    mode = _mode(inner)
    shrinks = any(m < n for n, m in zip(walker.shape(image), shape, strict=True))
    if mode == "linear" and shrinks and _antialiases(inner):
        raise NoStepError("with antialias=True, which is its default, it reads more positions")
    return [resized(walker, image, shape, mode=mode)]


def _antialiases(jaxpr: Any) -> bool:
    """Whether the triangle of a linear resize is as wide as the distance of the results: ``max(n / m, 1)``."""
    return any(of.primitive.name == "max" and of.outvars[0].aval.shape == () for of in jaxpr.eqns)


def _mode(jaxpr: Any) -> str:
    names = {of.primitive.name for of in jaxpr.eqns}
    if "gather" in names and "dot_general" not in names:
        return "nearest-exact"
    numbers = {abs(float(v.val)) for of in jaxpr.eqns for v in of.invars if getattr(v, "val", None) is not None}
    if names & {"sin", "scan", "while"} or 2.5 in numbers:
        raise NoStepError("a resize that is neither nearest nor linear")
    return "linear"
