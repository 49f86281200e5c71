"""Operations on values at the same place: biases, norms, activations, sums and products of images."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ...spec.network.values import OF_CHANNELS
from .draft import Array, Constant, Image, NoStepError, Pending, is_statistic, layer_path, small_number
from .equation import Equation
from .parts import CHANNEL, REPEAT, Dims, Part, Parts, merged, moving, size_of
from .pending import MORE, ROOTS
from .walker import Walker

ELEMENTWISE = frozenset(
    (
        *("add", "sub", "mul", "div", "max", "min", "pow", "integer_pow", "rem", "neg", "exp", "exp2", "log", "log1p"),
        *("expm1", "tanh", "logistic", "erf", "erfc", "erf_inv", "sqrt", "rsqrt", "cbrt", "square", "abs", "sign"),
        *("floor", "ceil", "round", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "asinh"),
        *("acosh", "atanh", "is_finite", "convert_element_type", "reduce_precision", "select_n", "clamp", "lt", "le"),
        *("gt", "ge", "eq", "ne", "and", "or", "not", "xor", "nextafter", "stop_gradient", "copy", "copy_p", "real"),
        *("imag", "add_any", "name", "sharding_constraint", "mesh_cast", "lgamma", "digamma", "population_count"),
    )
)

_PLAIN = frozenset(("convert_element_type", "reduce_precision", "stop_gradient", "copy", "copy_p", "name", "add_any"))
_BEGIN = frozenset(("logistic", "tanh", "erf", "erfc", "sin", "cos"))
"""What begins an activation, and never a norm."""
_COMPARISONS = frozenset(("ge", "gt", "le", "lt"))
"""What begins an activation with a slope."""


_BY_A_NUMBER = frozenset(("mul", "div", "add", "sub", "neg"))
"""What is left out before an activation, if it is no part of one."""

_AFFINE = _PLAIN | {"mul", "add", "sub", "div"}
"""What may follow a norm and be part of it."""


def elementwise(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
    """An operation value by value: of one node and constants it is pending, of several nodes it joins them."""
    name = equation.name
    given = [walker.arranged(of) if isinstance(of, Image) else of for of in given]
    begins = (
        name in _BEGIN | _COMPARISONS
        or (name == "max" and _is_zero(given))
        or (name == "integer_pow" and _is_cube(equation))
    )
    images = [of for of in given if isinstance(of, Image)]
    if _are_of_several_nodes(images):  # one may be what another one was computed from
        nodes = {image.node for image in images}
        images = [known if (known := walker.as_known(image)).node in nodes else image for image in images]
    images = _finished_before(walker, name, images, begins)
    if _are_of_several_nodes(images):
        images = [walker.whole(image) if walker.is_complete(image) else image for image in images]
    if _are_of_several_nodes(images):
        images = [walker.normed(image) for image in images]
    if _are_of_several_nodes(images):
        return [_joined(walker, name, images)]
    return [_of_one_node(walker, equation, given, images, begins)]


def _are_of_several_nodes(images: Sequence[Image]) -> bool:
    return len({image.node for image in images}) > 1


def _finished_before(walker: Walker, name: str, images: list[Image], begins: bool) -> list[Image]:
    """The images that an operation takes, with what is pending made a node where the operation is no part of it.

    ``begins``: whether an activation begins with it.
    """
    if begins:
        return [_before_activation(walker, image, name) for image in images]
    if len(images) > 1 and _is_a_join(walker, name, images):
        return [walker.whole(image) for image in images]
    if len(images) == 1 and name in _AFFINE:
        return images
    alike = len({image.pending for image in images}) == 1
    of_a_slope = name == "select_n" and any(image.pending.ops & _COMPARISONS for image in images)

    def is_finished(image: Image) -> bool:
        scaled = walker.is_scaled(image) and not of_a_slope
        return walker.has_norm(image) or scaled or (alike and walker.has_activation(image))

    return [walker.whole(image) if is_finished(image) else image for image in images]


def _of_one_node(
    walker: Walker, equation: Equation, given: Sequence[Array], images: Sequence[Image], begins: bool
) -> Image:
    """What an operation on images of the same node, and constants, makes."""
    name, shape = equation.name, equation.shape
    dims = _in_all(images)
    if len(dims) != len(shape):
        raise NoStepError("its operands have different ranks")
    node = walker.nodes[images[0].node]
    dims = tuple(of if size_of(of) == size else (Part(REPEAT, size),) for of, size in zip(dims, shape, strict=True))
    image = Image(images[0].node, dims)
    constants = _constants(equation, given)
    if any(_varies_over_positions(of, shape, image) for of, shape in constants):
        raise NoStepError("an operand has other numbers at other positions")
    if name in _PLAIN and len(images) == 1:
        return replace(image, pending=images[0].pending)
    vector = next((of for of, shape in constants if _is_vector(of, shape, image, node.channels)), None)
    fresh = all(of.pending == Pending() for of in images)
    slope = None if vector or name != "mul" or len(images) > 1 else _learned_number(equation, given)
    if node.kind == "avg_pool" and name in ("div", "mul") and len(images) == 1 and fresh and not (vector or slope):
        # The sum is divided by the number of positions: of all in a window, or of those in the image.
        by_a_number = all(_is_single(of, shape) for of, shape in constants)
        return image if by_a_number else replace(image, node=walker.counted_inside(image.node))
    ends = len(images) == 1 and not begins and walker.ends_before(images[0], name, vector is not None)
    if slope or ends or (vector is not None and _of_another(walker, images, name, vector)):
        images = [walker.whole(images[0])]
        image, node = Image(images[0].node, dims), walker.nodes[images[0].node]
    a_bias = node.kind in ("conv", "conv_transpose") and node.fixed.get("learned", True) and not node.bias
    if a_bias and vector is not None and name == "add" and fresh:
        return replace(image, node=walker.biased(image.node, vector))
    return replace(image, pending=_pending(walker, name, given, images, vector, slope))


def _of_another(walker: Walker, images: Sequence[Image], name: str, vector: Constant) -> bool:
    """Whether a factor for each channel belongs to a layer of its own, and not to the norm or the mean before it."""
    of = images[0].pending
    other = of.path != (layer_path(vector.path) or vector.path)
    second = walker.has_norm(images[0]) and "mul" in of.vectors and other
    of_mean = walker.is_a_mean(images[0]) and of.ops.isdisjoint(ROOTS)
    return name == "mul" and len(images) == 1 and (second or of_mean)


def _pending(
    walker: Walker,
    name: str,
    given: Sequence[Array],
    images: Sequence[Image],
    vector: Constant | None,
    slope: Constant | None,
) -> Pending:
    known = [image.pending for image in images]
    op = "relu" if name == "max" and _is_zero(given) else name
    if name in _BY_A_NUMBER and not (vector or slope) and known == [Pending()]:
        op = MORE
    ops = frozenset().union(*(of.ops for of in known)) | {op}
    learned = vector or slope
    ops |= {"slope"} if slope else set()
    if name == "select_n" and any(walker.is_scaled(image) for image in images):
        ops |= {"slopes"}
    if name == "mul" and len(images) > 1:
        ops |= {"product"} | ({"mul_itself"} if any(not of.pending.ops for of in images) else set())
    epsilons = [of.epsilon for of in known if of.epsilon is not None]
    if name == "add" and any(of.pending.statistics for of in images):
        epsilons = [e for of in given if (e := small_number(of)) is not None] or epsilons
    epsilons += [of.epsilon for of in given if isinstance(of, Constant) and of.epsilon is not None]
    paths = [of.path for of in known if of.path] + (
        [layer_path(learned.path) or learned.path] if learned and learned.path else []
    )
    return walker.fresh(
        ops=ops,
        statistics=frozenset().union(*(of.statistics for of in known)),
        vectors=frozenset().union(*(of.vectors for of in known)) | ({name} if vector is not None else set()),
        epsilon=epsilons[0] if epsilons else None,
        path=paths[0] if paths else (),
        learned=any(of.learned for of in known) or (vector is not None and not is_statistic(vector.path)),
    )


_ALONE = frozenset(("tanh", "sigmoid", "softmax", "prelu", *OF_CHANNELS, "gelu", "gelu_tanh", "silu"))
"""The activations that a sum does not absorb. SiLU is a product with the sigmoid."""


def _is_a_join(walker: Walker, name: str, images: Sequence[Image]) -> bool:
    """Whether a sum or product of a node with what was computed from it is not a part of a norm or an activation.

    It joins an image and its mean, or an image and an activation of it.
    """
    reduced = [image for image in images if walker.is_reduced(image)]
    if reduced:
        # A norm subtracts a mean, and multiplies by what has a root.
        no_norm = not any(image.pending.ops & ROOTS for image in reduced)
        if len(reduced) == len(images):
            return name == "add" and no_norm and len({image.pending for image in images}) > 1
        return name in ("add", "mul") and no_norm
    alone = _ALONE if name in ("add", "sub") else _ALONE - {"sigmoid"}
    return name in ("add", "sub", "mul") and any(walker.has_activation(image, alone) for image in images)


def _is_single(of: Constant, shape: Sequence[int]) -> bool:
    """Whether a constant is a single number, also if it is repeated."""
    return of.value is not None or of.along == () or all(size == 1 for size in shape)


def _learned_number(equation: Equation, given: Sequence[Array]) -> Constant | None:
    """A parameter among the operands that is a single number."""
    for of, shape in _constants(equation, given):
        if of.path and _is_single(of, shape):
            return of
    return None


def _before_activation(walker: Walker, image: Image, name: str) -> Image:
    if walker.is_reduced(image):
        # The variance of a norm is the larger of 0 and a difference.
        return walker.whole(image) if name in _BEGIN else image
    if name == "sin":  # of a learned multiple
        return walker.whole(image) if walker.has_activation(image) else walker.normed(image)
    image = walker.whole(image) if walker.is_complete(image) else walker.normed(image)
    of = image.pending
    if of.number and name in ("tanh", "logistic", "max") and not (of.statistics or "integer_pow" in of.ops):
        return replace(image, pending=walker.fresh(ops=frozenset((MORE,))))
    return image


def _constants(equation: Equation, given: Sequence[Array]) -> list[tuple[Constant, Sequence[int]]]:
    return [(of, shape) for of, shape in zip(given, equation.operands, strict=True) if isinstance(of, Constant)]


def _is_vector(of: Constant, shape: Sequence[int], image: Image, channels: int) -> bool:
    """Whether a constant of this shape has a number for each channel."""
    if len(shape) != len(image.dims) or of.value is not None:
        return False
    along = set(of.along if of.along is not None else (d for d, size in enumerate(shape) if size != 1))
    places = {d for d, parts in enumerate(image.dims) if parts and all(part.role == CHANNEL for part in parts)}
    # A statistic of the channels has none of its own.
    places = places or {d for d, parts in enumerate(image.dims) if parts == (Part(REPEAT, channels),)}
    return along == places and bool(places) if channels != 1 else not along


def _varies_over_positions(of: Constant, shape: Sequence[int], image: Image) -> bool:
    """Whether a constant has other numbers at other positions of the image, as a grid of coordinates has."""
    if not of.places or len(shape) != len(image.dims):
        return of.places
    along = of.along if of.along is not None else [d for d, size in enumerate(shape) if size != 1]
    return any(part.role[0] == "axis" for d in along for part in image.dims[d])


def _is_zero(given: Sequence[Array]) -> bool:
    return any(_is_number(of, 0.0) for of in given)


def _is_number(of: Array, number: float) -> bool:
    try:
        return float(of.value) == number  # type: ignore[union-attr]  # an image has none
    except (AttributeError, TypeError, ValueError):
        return False


def _is_cube(equation: Equation) -> bool:
    return bool(equation.params.get("y", 0) == 3)


def _joined(walker: Walker, name: str, images: Sequence[Image]) -> Image:
    """The sum or product of several nodes. A difference is a sum, and a quotient a product: it reads the same."""
    images = [walker.settled(image) for image in images]
    distinct = list({image.node: image for image in images}.values())
    if len(distinct) == 1:
        return Image(distinct[0].node, _in_all(distinct), walker.fresh(ops=frozenset((name,))))
    dims = _in_all(images)
    for image in images:
        own = image.dims or ((),) * len(dims)
        if any(moving(of) and moving(of) != moving(all_of) for of, all_of in zip(own, dims, strict=True)):
            raise NoStepError("its operands have different axes in one place")
    channels = max(walker.nodes[image.node].channels for image in distinct)
    sizes = [max(walker.nodes[image.node].sizes[k] for image in distinct) for k in range(walker.axes)]
    kind = "multiply" if name in ("mul", "div") else "add"
    full, single, narrow = list[int](), list[int](), list[int]()
    for image in distinct:
        node = walker.nodes[image.node]
        if list(node.sizes) == sizes:
            (full if node.channels == channels else narrow).append(image.node)
        elif set(node.sizes) == {1}:
            at = image.node if node.channels == channels else walker.combined(image.node, channels)
            single.append(at)
        else:
            raise NoStepError("an image of one position along one axis is repeated along it")
    if any(walker.nodes[at].channels != 1 for at in narrow):
        raise NoStepError("its operands have different channels")
    if not full:
        # One image has the positions, and another one the channels.
        full = [walker.combined(narrow.pop(0), channels)]
    at = full[0]
    if len(full) > 1:
        at = walker.add(kind, tuple(full), sizes, channels, fixed={"broadcast": "never"})
    for other, how in [*((of, "channels") for of in narrow), *((of, "positions") for of in single)]:
        at = walker.add(kind, (at, other), sizes, channels, fixed={"broadcast": how})
    return Image(at, dims)


def activation(kind: str) -> Any:
    """The rule of a function of JAX that is an activation."""

    def rule(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
        image, *numbers = given
        if not isinstance(image, Image):
            raise NoStepError("its slope is computed from an image")
        of = "gelu_tanh" if kind == "gelu" and _has_a_tanh(equation) else kind
        return [walker.activated(image, of, _slope(kind, numbers))]

    return rule


def _has_a_tanh(call: Equation) -> bool:
    """Whether the function that is called uses ``tanh``: ``jax.nn.gelu`` does so by default."""
    inner = call.params.get("jaxpr")
    return any(of.primitive.name == "tanh" for of in getattr(getattr(inner, "jaxpr", inner), "eqns", ()))


def glu(walker: Walker, equation: Equation, given: Sequence[Array]) -> Sequence[Array]:
    """``jax.nn.glu``: one half of the channels, times the sigmoid of the other half."""
    (image,), made = given, equation.shape
    assert isinstance(image, Image)
    image = walker.settled(image)
    (d,) = [d for d, size in enumerate(made) if size != walker.shape(image)[d]]
    return [walker.gated(image, d)]


def _slope(kind: str, numbers: Sequence[Array]) -> float | None:
    if kind not in ("leaky_relu", "elu"):
        return None
    try:
        slope = float(f"{float(numbers[0].value):.6g}")  # type: ignore[union-attr]  # an image has none
    except (IndexError, AttributeError, TypeError, ValueError):
        slope = 0.01 if kind == "leaky_relu" else 1.0
    return None if kind == "elu" and slope == 1 else slope


ACTIVATIONS = {
    **{name: name for name in ("relu", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "softplus")},
    "swish": "silu",
    **{name: name for name in ("relu6", "mish", "selu")},
    **dict.fromkeys(("hard_sigmoid",), "hardsigmoid"),
    **dict.fromkeys(("hard_silu", "hard_swish"), "hardswish"),
    "_softmax": "softmax",
}
"""Functions of ``jax.nn`` by the name that JAX records, and the activation that each is."""


def _together(dims: Sequence[Parts]) -> Parts:
    """What stands in an axis of the result of operands with these parts. Raises :class:`NoStepError` if they differ."""
    most = max(dims, key=lambda parts: (size_of(moving(parts)), size_of(parts)))
    for parts in dims:
        if size_of(moving(parts)) == size_of(moving(most)) and merged(moving(parts)) != merged(moving(most)):
            raise NoStepError("its operands have different axes in one place")
    return most


def _in_all(images: Sequence[Image]) -> Dims:
    """What stands in the axes of the result of an operation on these images, value by value."""
    rank = max(len(image.dims) for image in images)
    given = [image.dims if len(image.dims) == rank else ((),) * rank for image in images]
    return tuple(_together([dims[d] for dims in given]) for d in range(rank))
