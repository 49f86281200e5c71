"""The layers over one, two and three axes: sizes of the specification, values of the operation, one clear error."""

from inspect import signature

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jaxtyping import TypeCheckError

from wellshaped import models
from wellshaped.models import (
    ActivationLayer,
    BatchNorm1d,
    BatchNorm3d,
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    Crop1d,
    DepthToSpace2d,
    Dropout,
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm3d,
    LayerNorm,
    MaxPool1d,
    MaxPool2d,
    Pad1d,
    Resize1d,
    SpaceToDepth2d,
    TypedNetwork,
    UNet,
    UNet2,
)
from wellshaped.spec import (
    Activation,
    AvgPool,
    ConfigError,
    Conv,
    ConvTranspose,
    Crop,
    DepthToSpace,
    MaxPool,
    Network,
    Node,
    Norm,
    Pad,
    Resize,
    ShapeError,
    SpaceToDepth,
    UNet2Config,
    UNetConfig,
    UsageError,
    WellshapedError,
    check,
)
from wellshaped.spec.network.fields import on_axis
from wellshaped.spec.network.operation import Operation

AXES = (1, 2, 3)
SIZES = (9, 6, 12)


def rngs():
    return nnx.Rngs(0)


def per_axis(*numbers):
    """The numbers of the first axes, for each count of axes."""
    return lambda axes: numbers[:axes]


# The arguments of layers: numbers, and functions that return those of this many axes.
CONVOLUTIONS = [
    (Conv, {"kernel": 3}),
    (Conv, {"kernel": per_axis(3, 2, 5), "stride": per_axis(2, 1, 3), "padding": per_axis(1, 0, 2), "groups": 2}),
    (Conv, {"kernel": 2, "padding": ((2, 1),), "dilation": per_axis(3, 2, 1)}),
    (Conv, {"kernel": 4, "stride": 3, "padding": "SAME"}),
    (ConvTranspose, {"kernel": 3, "stride": 2, "padding": 1, "output_padding": 1}),
    (ConvTranspose, {"kernel": per_axis(2, 3, 4), "stride": per_axis(2, 1, 3), "groups": 2, "dilation": 2}),
    (ConvTranspose, {"kernel": 3, "stride": 2, "padding": "VALID"}),
]
OTHERS = [
    (MaxPool, {"kernel": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
    (MaxPool, {"kernel": per_axis(2, 1, 3), "dilation": per_axis(2, 1, 1)}),
    (AvgPool, {"kernel": per_axis(3, 2, 3), "stride": per_axis(2, 1, 2), "padding": per_axis(1, 0, 1)}),
    (AvgPool, {"kernel": 2, "ceil_mode": True}),
    (Resize, {"factor": per_axis(2, 3, 1), "mode": "linear", "align_corners": True}),
    (Resize, {"factor": 3, "over": 2, "less": 1}),
    (DepthToSpace, {"block": per_axis(2, 1, 2)}),
    (SpaceToDepth, {"block": per_axis(3, 2, 4)}),
    (Crop, {"amounts": per_axis((0, 3), (1, 1), (2, 0))}),
    (Pad, {"amounts": per_axis(2, 0, 1), "mode": "mirrored"}),
]


def of_axes(numbers, axes):
    return {name: value(axes) if callable(value) else value for name, value in numbers.items()}


def case(kind, numbers, axes):
    """A layer, without values, and its operation."""
    given = of_axes(numbers, axes)
    layer = getattr(models, f"{kind.__name__}{axes}d")
    if kind in (Conv, ConvTranspose):
        return nnx.eval_shape(lambda: layer(4, 6, **given, rngs=rngs())), kind(**given, channels=6)
    return layer(**given), kind(**given)


CASES = {
    f"{kind.__name__}{axes}d {i}": (kind, numbers, axes)
    for i, (kind, numbers) in enumerate(CONVOLUTIONS + OTHERS)
    for axes in AXES
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("of", CASES.values(), ids=CASES)
def test_a_layer_has_the_sizes_and_channels_of_its_operation_for_many_sizes(of):
    layer, operation = case(*of)
    axes = of[-1]
    network, kinds = Network({"x": 4}, (Node("y", operation),), axes=axes), 0
    for n in (2, 3, 8, 11, 12, 24):
        sizes = (n, *SIZES[1:])[:axes]
        made = tuple(operation.size([size], axis) for axis, size in enumerate(sizes))
        assert made == tuple(layer.size(size, axis) for axis, size in enumerate(sizes))
        x = jax.ShapeDtypeStruct((4, *sizes), jnp.float32)
        if not check(network, x.shape).ok:
            with pytest.raises(ShapeError):
                nnx.eval_shape(lambda layer, x: layer(x), layer, x)
        else:
            kinds += 1
            y = nnx.eval_shape(lambda layer, x: layer(x), layer, x)
            assert y.shape == (operation.channels_after([4], axes), *made)
    assert kinds >= 2


@pytest.mark.one_in(3)
@pytest.mark.parametrize("of", list(CASES.values())[::2], ids=list(CASES)[::2])
def test_a_layer_has_the_value_of_its_operation_in_a_graph(of):
    kind, _, axes = of
    rng = np.random.default_rng(0)
    layer, operation = case(*of)
    network = Network({"x": 4}, (Node("y", operation),), axes=axes)
    model = nnx.eval_shape(lambda: TypedNetwork(network, rngs=rngs()))
    if kind in (Conv, ConvTranspose):
        for name in ("kernel", "bias"):
            value = nnx.Param(jnp.asarray(rng.normal(size=getattr(layer, name).shape), jnp.float32))
            setattr(layer, name, value)
            setattr(model["y"], name, value)
    x = jnp.asarray(rng.normal(size=(4, *SIZES[:axes])), jnp.float32)
    ours, theirs = nnx.jit(lambda layer, model, x: (layer(x), model(x)))(layer, model, x)
    assert (ours == theirs).all()


POOLINGS = {name: of for name, of in CASES.items() if of[0] in (MaxPool, AvgPool) and of[2] == 1}


@pytest.mark.parametrize("of", POOLINGS.values(), ids=POOLINGS)
def test_a_pooling_has_a_gradient_under_jit(of):
    layer, x = case(*of)[0], jnp.asarray(np.random.default_rng(0).normal(size=(2, 9)), jnp.float32)
    y, back = jax.vjp(jax.jit(layer), x)
    (d_x,) = back(jnp.ones_like(y))
    step = 1e-3  # small enough that no other value becomes the maximum
    moved = [(layer(x.at[0, i].add(step)) - y).sum() / step for i in (0, 3, 8)]
    assert np.allclose(d_x[0, jnp.array([0, 3, 8])], moved, atol=0.02)


def test_a_max_pool_with_a_dilation_has_the_maximum_and_its_first_position():
    x = jnp.array([[1.0, 5.0, 2.0, 5.0, 3.0, -4.0, 3.0]])
    layer = MaxPool1d(2, 1, dilation=2)
    assert layer(x).tolist() == [[2.0, 5.0, 3.0, 5.0, 3.0]]
    assert jax.grad(lambda x: layer(x).sum())(x).tolist() == [[0, 1, 1, 1, 2, 0, 0]]


SPELLED = {
    "Conv2d": (lambda n: Conv2d(4, 6, **n, rngs=rngs()), {"kernel": 3, "stride": 2, "padding": 1}),
    "ConvTranspose2d": (lambda n: ConvTranspose2d(4, 6, **n, rngs=rngs()), {"kernel": 3, "stride": 2, "padding": 1}),
    "MaxPool2d": (lambda n: MaxPool2d(**n), {"kernel": 3, "stride": 2}),
}


@pytest.mark.parametrize(("make", "numbers"), SPELLED.values(), ids=SPELLED)
def test_one_number_and_the_same_number_for_each_axis_are_the_same_layer(make, numbers):
    plain, spelled = make(numbers), make({name: (n, n) for name, n in numbers.items()})
    x = jnp.asarray(np.random.default_rng(0).normal(size=(4, 9, 12)), jnp.float32)

    def computed(layer, x):
        y = layer(x)
        return y, layer.backward(x, y)

    pairs = zip(*(jax.tree.leaves(nnx.jit(computed)(layer, x)) for layer in (plain, spelled)), strict=True)
    assert all(jnp.allclose(ours, theirs, atol=1e-4) for ours, theirs in pairs)


def test_a_convolution_of_joined_images_takes_any_numbers():
    layer = Conv2d(6, 4, (3, 1), padding=(1, 0), groups=2, rngs=rngs())
    skip, up = (jnp.asarray(np.random.default_rng(c).normal(size=(c, 6, 7)), jnp.float32) for c in (2, 4))

    def both(layer, skip, up):
        x = jnp.concatenate((skip, up))
        y = layer(x)
        return (y, layer.backward(x, y)), (layer.of_joined(skip, up), layer.of_joined_backward(skip, up, y))

    (y, grads), (joined, of_joined) = nnx.jit(both)(layer, skip, up)
    assert (joined == y).all()
    assert (jnp.concatenate((of_joined.d_skip, of_joined.d_up)) == grads.d_x).all()
    assert (of_joined.d_kernel == grads.d_kernel).all()


ERRORS = {
    "zero": (lambda: Conv1d(4, 8, 0, rngs=rngs()), ConfigError, "kernel_pos: kernel=0 must be at least 1.", "kernel=1"),
    "no channels": (
        lambda: Conv3d(0, 8, 3, rngs=rngs()),
        ConfigError,
        "in_channels_pos: in_channels=0 must be at least 1.",
        "in_channels=1",
    ),
    "groups": (
        lambda: Conv1d(4, 6, 3, groups=4, rngs=rngs()),
        ConfigError,
        "groups_divide: the output has 6 channels, and their number must be a multiple of groups=4.",
        "groups=1",
    ),
    "numbers for other axes": (
        lambda: MaxPool1d((2, 2)),
        ConfigError,
        "axes_differ: kernel=(2, 2) has numbers for 2 axes, and MaxPool1d has 1.",
        "kernel=2",
    ),
    "large": (
        lambda: Pad1d(2**31),
        ConfigError,
        "largest: a window is too large to compute with: amounts=2147483648 must be at most 2147483647.",
        "smaller numbers",
    ),
    "a kernel that is too large": (
        lambda: Conv1d(4, 2**30, 3, rngs=rngs()),
        ConfigError,
        "elements: an array is too large to compute with: kernel of shape 1073741824×4×3 has 12884901888 "
        "elements, and may have at most 2147483647.",
        "fewer channels, or a smaller kernel",
    ),
    "no mode": (
        lambda: Resize1d(2, "linaer"),
        ConfigError,
        "mode: no such choice: mode='linaer' must be one of 'nearest', 'nearest-exact', 'linear'.",
        "mode='linear'",
    ),
    **{
        kind: (
            lambda kind=kind: ActivationLayer(kind),
            UsageError,
            f"channels: {kind} learns a slope for each channel, and channels is missing.",
            "channels=8, for example",
        )
        for kind in ("snake", "prelu_channels")
    },
    "no axis": (
        lambda: MaxPool1d(2).size(8, 1),
        UsageError,
        "axis: axis=1 must be below 1, the number of axes of MaxPool1d.",
        "axis=0",
    ),
    "empty": (
        lambda: Crop1d(3)(jnp.ones((4, 6))),
        ShapeError,
        "Crop1d: length: Crop1d is 0, and must be at least 1.",
        "length 7 (pad 1); all lengths that fit: n ≥ 7",
    ),
    "padding": (
        lambda: MaxPool2d(2, padding=(0, 2))(jnp.ones((4, 6, 6))),
        ShapeError,
        "MaxPool2d: width: padding is 2, and must be at most 1 (half the window).",
        "padding=(0, 1)",
    ),
    "multiple": (
        lambda: SpaceToDepth2d(2)(jnp.ones((4, 6, 5))),
        ShapeError,
        "SpaceToDepth2d: width: x is 5, and must be a multiple of 2.",
        "x[:, :6, :4] or jnp.pad(x, ((0, 0), (0, 0), (0, 1)))",
    ),
    "block": (
        lambda: DepthToSpace2d(2)(jnp.ones((6, 5, 5))),
        ShapeError,
        "block_divides: the input has 6 channels, and their number must be a multiple of 4, the positions in a block.",
        "x with 4 channels",
    ),
    "block of axes": (
        lambda: DepthToSpace2d((1, 2, 2)),
        ConfigError,
        "axes_differ: block=(1, 2, 2) has numbers for 3 axes, and DepthToSpace2d has 2.",
        "block=1",
    ),
    "rank": (
        lambda: Conv1d(4, 8, 3, rngs=rngs())(jnp.ones((2, 4, 9))),
        ShapeError,
        "rank: shape of x: it has 3 axes, and must have 2, (4, L).",
        "x of shape (4, L)",
    ),
    "channels": (
        lambda: LayerNorm(4, rngs=rngs())(jnp.ones((5, 9))),
        ShapeError,
        "channels: axis C of x: it is 5, and must be 4.",
        "x of shape (4, …)",
    ),
    "dtype": (
        lambda: MaxPool1d(2)(jnp.ones((4, 9), int)),
        ShapeError,
        "dtype: dtype of x: it holds int32, and must hold floating-point numbers.",
        "x.astype(jnp.float32)",
    ),
    "one number": (
        lambda: InstanceNorm1d(4, rngs=rngs())(jnp.ones((4, 1))),
        ShapeError,
        "statistics: each channel has 1 pixel and is normalised alone, so the result would be only the bias.",
        "an image of 2 pixels or more",
    ),
}


@pytest.mark.parametrize(("call", "error", "says", "fix"), ERRORS.values(), ids=ERRORS)
def test_what_does_not_fit_has_one_message_with_its_rule_its_numbers_and_a_fix(call, error, says, fix):
    with pytest.raises(WellshapedError) as found:
        call()
    assert type(found.value) is error
    lines = str(found.value)
    assert f"\n  {says}\n" in lines
    assert f"  fix: {fix}" in lines


@pytest.mark.parametrize("layer", [DepthToSpace2d, SpaceToDepth2d])
def test_a_layer_that_cant_be_built_is_called_by_its_own_operation(layer):
    for block in (0, (1, 2, 2)):
        with pytest.raises(ConfigError) as found:
            layer(block)
        name = layer.__name__
        assert str(found.value).startswith(f"{name} with {name.removesuffix('2d')}(block={block}) is not well-formed.")


def test_in_vmap_the_fix_is_for_each_image():
    with pytest.raises(ShapeError, match=r"fix: inside jax.vmap, for each image: jnp.pad\(x, \(\(0, 0\), \(0, 1\)\)\)"):
        jax.vmap(Conv1d(4, 8, 3, rngs=rngs()))(jnp.ones((7, 4, 2)))


def test_a_layer_whose_numbers_changed_is_checked_by_its_new_ones():
    layer = Conv1d(4, 8, 3, rngs=rngs())
    assert layer(jnp.ones((4, 9))).shape == (8, 7)
    layer.stride = (2,)
    assert layer(jnp.ones((4, 9))).shape == (8, 4)
    layer.out_channels = 7
    with pytest.raises((ShapeError, TypeCheckError, TypeError)):
        layer(jnp.ones((4, 9)))


@pytest.mark.parametrize("value", [(2.0, 2), (np.int64(2), 2), (True, 1), [2, 2]], ids=repr)
def test_numbers_that_only_equal_those_of_an_accepted_call_are_checked_each_time(value, monkeypatch):
    layer, x = MaxPool2d((2, 2), padding=(1, 1)), jnp.ones((4, 8, 8))
    layer(x)
    judged = []
    counting = lambda *of: judged.append(of) or isinstance(*of)  # noqa: E731 in place of a builtin
    monkeypatch.setattr("wellshaped.models.typed.entries.isinstance", counting, raising=False)
    layer(x)
    assert not judged
    layer.stride = value
    for _ in range(2):
        judged.clear()
        try:
            layer(x)
        except WellshapedError:
            assert type(value[0]) in (float, bool)
        assert judged


def test_what_a_key_holds_of_an_operation_is_all_of_it():
    """Two operations that are equal have the same fields, of the same types, and are never changed."""
    kinds = [kind for kind in models.typed.memory._EXACT if isinstance(kind, type) and issubclass(kind, Operation)]
    assert len(kinds) == 10
    for kind in kinds:
        assert kind.__dataclass_params__.frozen
        assert kind.__dataclass_params__.eq
        assert all(f.compare for f in kind.__dataclass_fields__.values())
    assert type(on_axis(Crop((np.int64(1), 2)).amounts, 0)) is int


BFLOAT16 = [
    lambda: Conv1d(4, 6, 3, param_dtype=jnp.bfloat16, rngs=rngs()),
    lambda: ConvTranspose1d(4, 6, 3, dtype=jnp.bfloat16, rngs=rngs()),
    lambda: MaxPool1d(2),
    lambda: Resize1d(2, "linear"),
    lambda: ActivationLayer("gelu"),
    lambda: LayerNorm(4, dtype=jnp.bfloat16, rngs=rngs()),
]


@pytest.mark.parametrize("make", BFLOAT16)
def test_a_layer_computes_in_bfloat16_under_jit_and_vmap(make):
    layer = nnx.eval_shape(make)
    x = jax.ShapeDtypeStruct((7, 4, 12), jnp.bfloat16)
    of_each = nnx.jit(nnx.vmap(lambda layer, x: layer(x), in_axes=(None, 0)))
    y = nnx.eval_shape(lambda layer, x: of_each(layer, x), layer, x)
    assert y.dtype == jnp.bfloat16
    assert y.shape[0] == 7


@pytest.mark.parametrize("channels", [False, True])
def test_dropout_keeps_the_mean_in_training_and_the_image_in_evaluation(channels):
    layer = Dropout(0.25, channels=channels, rngs=rngs())
    x = jnp.ones((400, 10, 10))
    y = np.asarray(layer(x))
    of_each = y.reshape(400, -1)
    alike = (of_each == of_each[:, :1]).all(1)
    assert alike.all() if channels else not alike.any()
    assert {*np.unique(y).tolist()} == {0.0, np.float32(1 / 0.75)}
    assert abs(y.mean() - 1) < (0.15 if channels else 0.02)  # six standard deviations, or more
    assert not np.array_equal(y, layer(x))
    layer.eval()
    assert np.array_equal(layer(x), x)


@pytest.mark.parametrize("channels", [False, True])
@pytest.mark.parametrize("transformed", [jax.vmap, jax.jit, jax.grad])
def test_a_stream_of_dropout_that_can_not_go_on_is_said_with_what_to_do(transformed, channels):
    layer = Dropout(0.25, channels=channels, rngs=rngs())
    with pytest.raises(WellshapedError, match=r"(?s)in training mode .*stream: inside JAX's vmap.*fix: model\.eval"):
        transformed(lambda x: layer(x).sum())(jnp.ones((4, 5, 6)))
    layer.eval()
    transformed(lambda x: layer(x).sum())(jnp.ones((4, 5, 6)))


def test_each_image_of_a_batch_has_zeros_of_its_own_if_the_streams_are_split():
    layer = Dropout(0.5, channels=True, rngs=rngs())
    each = nnx.vmap(lambda layer, x: layer(x), in_axes=(nnx.StateAxes({nnx.RngState: 0, ...: None}), 0))
    first, second = nnx.split_rngs(splits=2)(each)(layer, jnp.ones((2, 20, 3)))
    assert (first != second).any()


@pytest.mark.parametrize("rate", [-0.1, 1.5, True, "half", float("nan")])
def test_a_rate_of_dropout_is_a_number_from_0_to_1(rate):
    with pytest.raises(ConfigError, match="the rate must be a number from 0 to 1"):
        Dropout(rate, rngs=rngs())


@pytest.mark.parametrize("kind", Activation.choices["kind"])
def test_an_activation_takes_any_number_of_axes(kind):
    layer = ActivationLayer(kind, channels=4)
    for axes in range(4):
        x = jax.ShapeDtypeStruct((4, *SIZES[:axes]), jnp.float32)
        y = nnx.eval_shape(lambda layer, x: layer(x), layer, x)
        assert y.shape == (2 if kind == "glu" else 4, *SIZES[:axes])


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("kind", Activation.choices["kind"])
def test_an_activation_of_16_bits_is_computed_with_32(kind, dtype):
    values = jnp.concatenate([jnp.linspace(-12, 12, 385), jnp.array([-3e4, -1e3, -150.0, 150.0, 1e3, 3e4, 0.0])])
    x = jnp.tile(values, (2, 1)).at[1].set(6).astype(dtype)
    layer = ActivationLayer(kind, channels=2)
    y, pullback = jax.vjp(layer, x)
    wide_y, wide_pullback = jax.vjp(layer, x.astype(jnp.float32))
    assert (y == wide_y.astype(y.dtype)).all()
    (d_x,), (wide_d_x,) = pullback(jnp.ones_like(y)), wide_pullback(jnp.ones_like(wide_y))
    assert jnp.isfinite(d_x).all()
    assert (d_x == wide_d_x.astype(dtype)).all()


NORMS = {
    "BatchNorm1d": (lambda: BatchNorm1d(4, rngs=rngs()), 1, lambda axes: axes[1:]),
    "BatchNorm3d": (lambda: BatchNorm3d(4, rngs=rngs()), 3, lambda axes: axes[1:]),
    "InstanceNorm1d": (lambda: InstanceNorm1d(4, rngs=rngs()), 1, lambda axes: axes[1:]),
    "InstanceNorm3d": (lambda: InstanceNorm3d(4, rngs=rngs()), 3, lambda axes: axes[1:]),
    "GroupNorm": (lambda: GroupNorm(4, groups=1, rngs=rngs()), 1, lambda axes: axes),
    "LayerNorm": (lambda: LayerNorm(4, rngs=rngs()), 3, lambda axes: axes[:1]),
}


@pytest.mark.parametrize(("make", "axes", "over"), NORMS.values(), ids=NORMS)
def test_a_norm_is_over_the_axes_that_its_name_says(make, axes, over):
    x = np.random.default_rng(0).normal(size=(4, *SIZES[:axes]))
    over = tuple(over(range(x.ndim)))
    expected = (x - x.mean(over, keepdims=True)) / np.sqrt(x.var(over, keepdims=True) + 1e-5)
    y = nnx.jit(lambda layer, x: layer(x))(make(), jnp.asarray(x, jnp.float32))
    assert np.allclose(y, expected, atol=1e-5)


@pytest.mark.parametrize(
    "enlarge",
    [
        lambda: models.Resize3d(2**20)(jnp.ones((1, 2, 2, 2))),
        lambda: models.Pad3d(2**30)(jnp.ones((1, 2, 2, 2))),
        lambda: models.ConvTranspose3d(1, 1, 1, stride=2**22, rngs=rngs())(jnp.ones((1, 2, 2, 2))),
    ],
    ids=["Resize3d", "Pad3d", "ConvTranspose3d"],
)
def test_a_result_that_no_memory_holds_is_rejected(enlarge):
    with pytest.raises(ShapeError, match="elements, and may have at most 1099511627776"):
        enlarge()


OF_TYPES = {
    "Conv2d": lambda **types: Conv2d(1, 1, 1, rngs=rngs(), **types),
    "Conv3d": lambda **types: Conv3d(1, 1, 1, rngs=rngs(), **types),
    "ConvTranspose1d": lambda **types: ConvTranspose1d(1, 1, 1, rngs=rngs(), **types),
    "BatchNorm3d": lambda **types: BatchNorm3d(4, rngs=rngs(), **types),
    "InstanceNorm1d": lambda **types: InstanceNorm1d(4, rngs=rngs(), **types),
    "GroupNorm": lambda **types: GroupNorm(8, rngs=rngs(), **types),
    "LayerNorm": lambda **types: LayerNorm(4, rngs=rngs(), **types),
    "ActivationLayer": lambda **types: ActivationLayer("relu", **types),
    "TypedNetwork": lambda **types: TypedNetwork(ONE_CONV, rngs=rngs(), **types),
    "UNet": lambda **types: UNet(UNetConfig(levels=1, base_channels=4), 1, 1, rngs=rngs(), **types),
    "UNet1d": lambda **types: UNet(UNetConfig(levels=1, base_channels=4, axes=1), 1, 1, rngs=rngs(), **types),
    "UNet2": lambda **types: UNet2(UNet2Config(base_channels=4), 1, 1, rngs=rngs(), **types),
}
ONE_CONV = Network({"x": 1}, (Node("y", Conv(1)),))
NO_DTYPES = [(jnp.int32, "float32"), (bool, "float32"), (jnp.complex64, "float32"), ("foo", "float32"), (3, "float32")]
NO_DTYPES += [("bf16", "bfloat16"), ("Float16", "float16"), ([("a", "f4")], "float32"), ({"names": 1}, "float32")]


def test_every_layer_and_network_with_a_dtype_is_among_those_of_the_tests():
    modules = [of for of in vars(models).values() if isinstance(of, type) and issubclass(of, nnx.Module)]
    kinds = [of for of in modules if "dtype" in signature(of.__init__).parameters]
    tested = {getattr(models, name).__init__.__qualname__ for name in OF_TYPES}
    assert {of.__init__.__qualname__ for of in kinds} == tested


@pytest.mark.parametrize("make", OF_TYPES.values(), ids=OF_TYPES)
def test_a_dtype_that_is_not_floating_point_is_one_error_with_a_fix(make):
    pairs = [("dtype", *of) for of in NO_DTYPES] + [("param_dtype", *of) for of in (*NO_DTYPES, (None, "float32"))]
    for name, wrong, meant in pairs:
        with pytest.raises(UsageError, match="the dtype of a layer must be floating-point") as error:
            make(**{name: wrong})
        assert str(error.value).startswith(f"{name}=")
        assert error.value.report.fixes == (f"{name}=jnp.{meant}",)


@pytest.mark.parametrize("make", OF_TYPES.values(), ids=OF_TYPES)
def test_a_dtype_may_be_a_name_or_any_that_is_floating_point(make):
    for wide in ("bfloat16", jnp.float16, np.dtype("float32")):
        layer = nnx.eval_shape(lambda wide=wide: make(dtype=wide, param_dtype=wide))
        assert {leaf.dtype for leaf in jax.tree.leaves(nnx.state(layer, nnx.Param))} <= {jnp.dtype(wide)}


@pytest.mark.parametrize("name", ["Conv2d", "ConvTranspose1d", "TypedNetwork", "UNet", "UNet2"])
def test_a_precision_is_one_that_jax_takes(name):
    for wrong, meant in ((3, "highest"), ("hihgest", "highest"), ("defalt", "default"), (("high",), "high")):
        with pytest.raises(UsageError, match=r"it must be None, a jax.lax.Precision, its name") as error:
            OF_TYPES[name](precision=wrong)
        assert error.value.report.fixes == (f"precision='{meant}'",)
    for right in (None, "high", jax.lax.Precision.HIGHEST, ["high", "highest"]):
        assert nnx.eval_shape(lambda right=right: OF_TYPES[name](precision=right))


@pytest.mark.parametrize("name", ["BatchNorm3d", "InstanceNorm1d", "GroupNorm", "LayerNorm"])
def test_the_epsilon_of_a_norm_is_a_number_from_0_on(name):
    for wrong in (-1.0, float("inf"), float("nan")):
        with pytest.raises(ConfigError, match=f"epsilon={wrong}"):
            OF_TYPES[name](epsilon=wrong)
    assert OF_TYPES[name](epsilon=0.0).norm.epsilon == 0


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_the_momentum_of_a_batch_norm_is_between_0_and_1(axes):
    make = getattr(models, f"BatchNorm{axes}d")
    for wrong in (-0.1, 1.5, float("nan")):
        with pytest.raises(UsageError, match=f"momentum={wrong} can't be used"):
            make(2, momentum=wrong, rngs=nnx.Rngs(0))
    for right in (0.0, 0.9, 1.0):
        assert make(2, momentum=right, rngs=nnx.Rngs(0)).norm.momentum == right


def test_the_statistics_of_a_batch_norm_have_float64_if_its_parameters_have():
    norm = Network({"x": 2}, (Node("norm", Norm("batch")),), axes=1)
    x = np.random.default_rng(0).normal(size=(2, 5))
    with jax.enable_x64(True):
        types = {"param_dtype": jnp.float64, "rngs": nnx.Rngs(0)}
        for layer, of in (
            (models.BatchNorm1d(2, momentum=0.0, **types), lambda layer: layer.norm),
            (models.TypedNetwork(norm, **types), lambda layer: layer["norm"]),
        ):
            assert layer(jnp.asarray(x)).dtype == of(layer).mean.dtype == of(layer).var.dtype == np.float64
    assert np.abs(models.BatchNorm1d(2, param_dtype=jnp.bfloat16, rngs=nnx.Rngs(0)).norm.mean[...]).dtype == np.float32
