"""Every operation of a graph, in JAX and in exact arithmetic: the same values, and the same derivatives.

Arrays hold few integers, so that equal maxima and zeros before a ReLU are common, and float32 is exact.
"""

from dataclasses import dataclass
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads

from wellshaped.models.operations.table import VALUES
from wellshaped.spec import reference
from wellshaped.spec.arithmetic.dual import as_duals, parts
from wellshaped.spec.network import (
    Activation,
    Add,
    AvgPool,
    Concat,
    Conv,
    ConvTranspose,
    Crop,
    CropTo,
    CropToSmallest,
    DepthToSpace,
    Dropout,
    MaxPool,
    Mean,
    Multiply,
    Network,
    Node,
    Norm,
    Pad,
    PadTo,
    PadToMultiple,
    Require,
    Resize,
    ResizeTo,
    Scale,
    Slice,
    SpaceToDepth,
    Window,
    parameter_shapes,
    run,
)
from wellshaped.spec.network.fields import on_axis
from wellshaped.spec.reference import graphs

PIECEWISE_LINEAR = ("relu", "leaky_relu", "prelu", "prelu_channels")
RATIONAL = ("relu6", "hardsigmoid", "hardswish")
SMOOTH = tuple(kind for kind in Activation.choices["kind"] if kind not in PIECEWISE_LINEAR)
MODES, ODD = Pad.choices["mode"], CropTo.choices["odd"]


def each(axes, numbers):
    """A number for each axis."""
    return st.tuples(*[numbers] * axes)


def sides(axes, most):
    return each(axes, st.tuples(st.integers(0, most), st.integers(0, most)))


def windows(axes):
    return {"kernel": each(axes, st.integers(1, 3)), "stride": each(axes, st.integers(1, 3))}


@st.composite
def convolutions(draw, axes, kind):
    numbers = {name: draw(strategy) for name, strategy in windows(axes).items()}
    numbers["dilation"] = draw(each(axes, st.integers(1, 2)))
    numbers["padding"] = draw(st.one_of(sides(axes, 2), st.sampled_from(["SAME", "VALID"])))
    if kind is ConvTranspose and not isinstance(numbers["padding"], str):
        most = [max(both) - 1 for both in zip(numbers["stride"], numbers["dilation"], strict=True)]
        numbers["output_padding"] = draw(st.tuples(*(st.integers(0, most) for most in most)))
    return kind(
        **numbers,
        channels=draw(st.sampled_from([None, 2])),
        groups=draw(st.sampled_from([1, 2])),
        bias=draw(st.booleans()),
    )


@st.composite
def poolings(draw, axes, kind):
    numbers = {name: draw(strategy) for name, strategy in windows(axes).items()}
    halves = st.tuples(*(st.tuples(*[st.integers(0, kernel // 2)] * 2) for kernel in numbers["kernel"]))
    padding = draw(st.one_of(halves, halves, st.sampled_from(["SAME", "VALID"])))
    of_kind = {"dilation": each(axes, st.integers(1, 2))} if kind is MaxPool else {"count_include_pad": st.booleans()}
    numbers |= {name: draw(of) for name, of in of_kind.items()}
    return kind(**numbers, padding=padding, ceil_mode=padding != "SAME" and draw(st.booleans()))


RESIZES = [("nearest", False), ("nearest-exact", False), ("linear", False), ("linear", True)]


@st.composite
def resizes(draw, axes, kind):
    mode, aligned = draw(st.sampled_from(RESIZES))
    how = {"recompute_scale_factor": not aligned and draw(st.booleans())} if kind is Resize else {}
    numbers = ("factor", st.integers(1, 3)), ("over", st.integers(1, 3)), ("less", st.integers(0, 1))
    given = {name: draw(each(axes, of)) for name, of in numbers} if kind is Resize else {}
    return kind(**given, **how, mode=mode, align_corners=aligned)


@dataclass
class Kind:
    """How an operation is drawn: the operation along so many axes, the channels, and how many images it has."""

    operations: object
    channels: tuple[int, ...] = (4,)
    images: tuple[int, ...] = (1,)


def elementwise(kind):
    return lambda axes: st.sampled_from([kind(), kind(broadcast="positions"), kind(broadcast="channels")])


def activations(axes):
    kinds = ("relu", "prelu", "prelu_channels", *RATIONAL)
    return st.sampled_from([Activation("leaky_relu", slope=0.25), *map(Activation, kinds)])


def blocks(kind):
    return lambda axes: st.builds(kind, each(axes, st.sampled_from([1, 2, 2] if axes > 1 else [1, 2, 3])))


KINDS = {
    Conv: Kind(lambda axes: convolutions(axes, Conv)),
    ConvTranspose: Kind(lambda axes: convolutions(axes, ConvTranspose)),
    MaxPool: Kind(lambda axes: poolings(axes, MaxPool), (2,)),
    AvgPool: Kind(lambda axes: poolings(axes, AvgPool), (2,)),
    Window: Kind(lambda axes: st.builds(Window, st.just(1), each(axes, st.integers(1, 3))), (2,)),
    Resize: Kind(lambda axes: resizes(axes, Resize), (2,)),
    ResizeTo: Kind(lambda axes: resizes(axes, ResizeTo), (2,), (2,)),
    DepthToSpace: Kind(blocks(DepthToSpace), (24,)),
    SpaceToDepth: Kind(blocks(SpaceToDepth), (2,)),
    Crop: Kind(lambda axes: st.builds(Crop, sides(axes, 2)), (2,)),
    CropTo: Kind(
        lambda axes: st.one_of(
            st.builds(CropTo, each(axes, st.integers(0, 2))),
            st.builds(CropTo, odd=st.sampled_from(ODD)),
        ),
        (2,),
        (2,),
    ),
    CropToSmallest: Kind(lambda axes: st.builds(CropToSmallest, odd=st.sampled_from(ODD)), (2,), (2, 3)),
    Pad: Kind(lambda axes: st.builds(Pad, sides(axes, 2), mode=st.sampled_from(MODES)), (2,)),
    PadTo: Kind(
        lambda axes: st.builds(PadTo, where=st.sampled_from(["both", "after"]), mode=st.sampled_from(MODES)), (2,), (2,)
    ),
    PadToMultiple: Kind(
        lambda axes: st.builds(
            PadToMultiple,
            each(axes, st.integers(1, 5)),
            where=st.sampled_from(["both", "after"]),
            mode=st.sampled_from(MODES),
        ),
        (2,),
    ),
    Concat: Kind(lambda axes: st.just(Concat()), (1, 2), (2, 3)),
    Add: Kind(elementwise(Add), (2,), (2, 3)),
    Multiply: Kind(elementwise(Multiply), (2,), (2, 3)),
    Activation: Kind(activations, (2,)),
    Scale: Kind(lambda axes: st.just(Scale()), (2,)),
    Slice: Kind(lambda axes: st.sampled_from([Slice(0, 1), Slice(1, 3)]), (4,)),
    Mean: Kind(lambda axes: st.just(Mean()), (2,)),
    Require: Kind(lambda axes: st.just(Require(at_least=2)), (2,)),
}


def case(operation, channels, sizes, seed=0):
    """A network of one operation, with images and parameters of small integers.

    ``channels`` and ``sizes`` have an entry for each image; an entry of ``sizes`` has a number for each axis.
    """
    names, axes, rng = "xyz"[: len(channels)], len(sizes[0]), np.random.default_rng(seed)
    network = Network(dict(zip(names, channels, strict=True)), (Node("of", operation, tuple(names)),), axes=axes)

    def integers(*shape):
        return rng.integers(-3, 4, shape)

    images = [integers(count, *of) for count, of in zip(channels, sizes, strict=True)]
    shapes = parameter_shapes(network)
    parameters = {name: {part: integers(*shape) for part, shape in of.items()} for name, of in shapes.items()}
    return network, parameters, images


@st.composite
def cases(draw, kind, axes=None):
    """A :func:`case` of this kind, along one to three axes or so many, with sizes that fit."""
    of, axes = KINDS[kind], draw(st.integers(1, 3)) if axes is None else axes
    operation, count = draw(of.operations(axes)), draw(st.sampled_from(of.images))
    channels = [draw(st.sampled_from(of.channels))] * count
    if getattr(operation, "broadcast", "") == "channels":
        channels[-1] = 1
    network, *_ = case(operation, channels, [(1,) * axes] * count)
    sizes = []
    for axis in range(axes):
        tried = product(range(1, 8 if count < 3 else 5), repeat=count)
        fitting = [n for n in tried if run(network, dict(zip("xyz", n, strict=False)), axis).ok]
        sizes.append(draw(st.sampled_from(fitting)))
    return case(operation, channels, [*zip(*sizes, strict=True)], draw(st.integers(0, 99)))


PINNED = [
    (Conv(3, 2, padding="SAME"), [2], [(4,)]),
    (ConvTranspose(2, 3, padding="SAME"), [2], [(3,)]),
    (ConvTranspose(4, 2, padding="SAME", dilation=2, groups=2), [4], [(3,)]),
    (ConvTranspose(3, 2, padding=((0, 2),), output_padding=1), [2], [(4,)]),
    (AvgPool(3, 2, padding=1, ceil_mode=True), [1], [(4,)]),
    (AvgPool(2, 2, padding="SAME"), [1], [(3,)]),
    (AvgPool(4, 2, padding=2), [2], [(9,)]),
    (AvgPool(4, 2, padding=2, count_include_pad=False), [2], [(9,)]),
    (AvgPool(3, 2, padding=1, ceil_mode=True, count_include_pad=False), [1], [(4,)]),
    (AvgPool(3, 2, padding="SAME", count_include_pad=False), [1], [(4,)]),
    (MaxPool(3, 2, padding=1, ceil_mode=True), [2], [(4,)]),
    (MaxPool(2, 1, padding=1, dilation=2), [3], [(5,)]),
    (Resize(3, mode="linear", over=2), [2], [(4,)]),
    (Resize(4, mode="linear", over=2), [2], [(6,)]),
    (ResizeTo(mode="linear"), [2, 2], [(4, 2), (8, 8)]),
    (Mean(), [2], [(4, 2, 8)]),
    (ResizeTo(mode="linear", align_corners=True), [2, 2], [(4,), (6,)]),
    (PadTo(), [1, 1], [(2,), (5,)]),
    (PadToMultiple(5, where="both"), [1], [(2,)]),
    (CropToSmallest(odd="before"), [1, 1], [(5,), (2,)]),
    (Pad(2, mode="mirrored"), [1], [(3,)]),
    (Pad(((1, 3),), mode="mirrored, extended"), [1], [(2,)]),
]
"""A :func:`case` for each way that an operation can be placed wrongly."""


def in_jax(network, precision=None):
    """The function of one operation, of its parameters and images."""
    (node,) = network.nodes
    return lambda parameters, images: VALUES[type(node.operation)](
        node.operation, images, parameters.get("of", {}), precision
    )


def exact_values(network, parameters, images):
    return reference.graph_value(network, parameters, *images)["of"]


def rounds(operation, images):
    """Whether float32 rounds the values or gradients for small integers: a weight is no sum of few powers of 2."""
    sizes = images[0].shape[1:]
    axes = range(len(sizes))
    match operation:
        case AvgPool(count_include_pad=False) | Activation("hardsigmoid" | "hardswish"):
            return True
        case AvgPool():
            of = [on_axis(operation.kernel, axis) for axis in axes]
        case Mean():
            of = sizes
        case Resize(mode="linear"):
            scales = [(on_axis(operation.factor, axis), on_axis(operation.over, axis)) for axis in axes]
            of = [n for both in scales for n in both] + [1 + 2 * on_axis(operation.less, axis) for axis in axes]
            of += [*sizes, *(operation.size([n], axis) for axis, n in enumerate(sizes))]
        case ResizeTo(mode="linear"):
            of = [*sizes, *images[1].shape[1:]]
        case _:
            of = ()
    return getattr(operation, "align_corners", False) or any(n.bit_count() != 1 for n in of)


def assert_same(found, expected, exact):
    """Equal arrays: bit for bit, or to the rounding of float64."""
    assert found.shape == expected.shape
    if exact:
        assert found.dtype == jnp.float32
        assert np.asarray(found, object).tolist() == expected.tolist()
    else:
        assert found.dtype == jnp.float64
        np.testing.assert_allclose(found, expected.astype(float), rtol=1e-12, atol=1e-12)


def as_floats(arrays, exact):
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32 if exact else jnp.float64), arrays)


def assert_operation(kind, case_of):
    """The value is the exact one, and the gradient for ``g`` agrees with the exact derivative in a direction ``v``.

    ``g·(J v) = (gᵀJ)·v``: duals have ``J v``, and JAX has ``gᵀJ``.
    """
    network, parameters, images = case_of
    rng = np.random.default_rng(0)
    direction = jax.tree.map(lambda x: rng.integers(-2, 3, x.shape), (parameters, images))
    duals = jax.tree.map(as_duals, (parameters, images), direction)
    value, derivative = parts(exact_values(network, *duals))
    g = rng.integers(-2, 3, derivative.shape)
    exact = not rounds(network.nodes[0].operation, images)
    with jax.enable_x64(not exact):
        found, pull = jax.vjp(in_jax(network), *as_floats((parameters, images), exact))
        assert_same(found, value, exact)
        gradients = pull(as_floats(g, exact))
    sums = jax.tree.map(lambda d, v: (np.asarray(d, object) * v).sum(), gradients, direction)
    of_gradients, of_duals = sum(jax.tree.leaves(sums)), (g * derivative).sum()
    assert of_gradients == of_duals if exact else abs(of_gradients - of_duals) <= 1e-10


def test_every_operation_that_has_a_value_is_drawn_and_is_in_the_reference():
    assert set(KINDS) == set(VALUES) == set(graphs.VALUES) - {Norm, Dropout}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("kind", KINDS)
def test_the_values_and_gradients_of_an_operation_are_those_of_exact_arithmetic(kind):
    some = settings(examples(1), suppress_health_check=list(HealthCheck))
    some(given(st.just(kind), cases(kind))(assert_operation))()


def test_the_pinned_operations_are_those_of_exact_arithmetic():
    for operation, channels, sizes in PINNED:
        assert_operation(type(operation), case(operation, channels, sizes))


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS)
def test_many_values_and_gradients_of_an_operation_are_those_of_exact_arithmetic(kind):
    many = settings(examples(10), suppress_health_check=list(HealthCheck))
    many(given(st.just(kind), cases(kind))(assert_operation))()


def smooth(kind, *beyond):
    network = Network({"x": 4}, (Node("of", Activation(kind)),), axes=1)
    rng = np.random.default_rng(0)
    shapes = parameter_shapes(network).get("of", {})
    parameters = {"of": {part: rng.uniform(0.5, 2, shape) for part, shape in shapes.items()}} if shapes else {}
    return network, parameters, [np.concatenate([rng.normal(0, 3, (4, 6)), [beyond] * 4], 1)]


def test_every_smooth_activation_has_the_values_of_its_formula():
    with jax.enable_x64(True):
        for kind in SMOOTH:
            network, *of = smooth(kind, -30, 20.5)
            most = {"rtol": 1e-12, "atol": 1e-15 * (kind == "gelu_tanh")}  # jax.nn.gelu subtracts a tanh near 1 from 1
            np.testing.assert_allclose(in_jax(network)(*of), exact_values(network, *of), **most, err_msg=kind)


def test_the_gradients_of_smooth_activations_are_those_of_finite_differences():
    networks, parameters, images = zip(*map(smooth, SMOOTH), strict=True)

    def total(parameters, images):
        each = zip(networks, parameters, images, strict=True)
        return sum((in_jax(network)(of, x) ** 2).sum() for network, of, x in each)

    with jax.enable_x64(True):
        check_grads(jax.jit(total), (parameters, images), order=1, rtol=1e-6)


def test_an_elu_has_its_scale_below_zero():
    network = Network({"x": 1}, (Node("of", Activation("elu", slope=0.5)),), axes=1)
    x = np.array([[-2.0, 0.0, 3.0]])
    with jax.enable_x64(True):
        np.testing.assert_allclose(in_jax(network)({}, [jnp.asarray(x)]), exact_values(network, {}, [x]), rtol=1e-14)


def test_the_derivative_of_hardswish_is_0_and_1_at_infinity():
    network = Network({"x": 1}, (Node("of", Activation("hardswish")),), axes=1)
    x = jnp.array([[-jnp.inf, -4.0, 4.0, jnp.inf]])
    np.testing.assert_array_equal(jax.grad(lambda x: in_jax(network)({}, [x]).sum())(x), [[0, 0, 1, 1]])


def test_a_nearest_resize_by_a_whole_number_repeats_and_looks_nothing_up():
    def enlarged(x):
        return VALUES[Resize](Resize((2, 3)), [x], {}, None)

    jaxpr = str(jax.make_jaxpr(enlarged)(jnp.ones((4, 8, 8))))
    assert "gather" not in jaxpr
    assert "cumsum" not in jaxpr
    assert enlarged(jnp.arange(2.0).reshape(1, 1, 2)).tolist() == [[[0, 0, 0, 1, 1, 1]] * 2]


def test_a_maximum_is_nan_where_an_entry_of_its_window_is():
    x = jnp.array([[1.0, jnp.nan, 3.0, 4.0, 5.0]])
    expected = {MaxPool(2, 1): [True, True, False, False], MaxPool(2, 1, dilation=2): [False, True, False]}
    for pool, of_windows in expected.items():
        y = in_jax(Network({"x": 1}, (Node("of", pool),), axes=1))({}, [x])
        assert jnp.isnan(y[0]).tolist() == of_windows, pool
