"""The typed layers: their sizes are the specification's and XLA's, and what does not fit is explained."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import plain
import pytest
from effort import examples
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Array, Float, TypeCheckError

from wellshaped.models import (
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    GroupNorm,
    InstanceNorm2d,
    LayerNorm,
    MaxPool2d,
    UNet2,
    checked,
    concat_channels,
    conv2d,
    conv2d_backward,
    conv_transpose2d,
    convolutions,
    max_pool2d,
    relu,
)
from wellshaped.spec import (
    ConfigError,
    ShapeError,
    UNet2Config,
    UsageError,
    WellshapedError,
    conv_transpose_size,
    sliding_window_size,
)

ONE_TO_SEVEN = st.integers(1, 7)


@st.composite
def layers_and_images(draw):
    """A way to make a layer, the plain function that it should equal, and an image, not always large enough for it."""
    kind, size, same = draw(
        st.sampled_from(
            [(Conv2d, sliding_window_size, plain.convolve), (ConvTranspose2d, conv_transpose_size, plain.upsample)]
        )
    )
    n, m, i, o, k, s = (draw(ONE_TO_SEVEN) for _ in range(6))
    p = draw(st.integers(0, 3))
    sizes = tuple(size(length, kernel=k, stride=s, padding=p) for length in (n, m))

    def make():
        return kind(i, o, k, stride=s, padding=p, rngs=nnx.Rngs(0))

    return make, partial(same, stride=s, padding=p), jnp.ones((i, n, m)), (o, *sizes)


@examples(50)
@given(layers_and_images())
def test_a_convolution_has_the_size_that_xla_computes_or_is_rejected_where_it_is_zero(drawn):
    make, same, x, (o, h, w) = drawn
    if h == 0 or w == 0:
        with pytest.raises(ShapeError, match=f"window: the output would be empty: .* becomes {h}×{w}"):
            jax.eval_shape(lambda x: make()(x), x)
        return

    def both(x):
        layer = make()
        return layer(x), same(x, layer.kernel[...], layer.bias[...])

    typed, plainly = jax.eval_shape(both, x)
    assert typed.shape == plainly.shape == (o, h, w)


@settings(max_examples=4)
@given(layers_and_images().filter(lambda drawn: all(drawn[-1])))
def test_a_convolution_has_the_value_of_the_plain_one(drawn):
    make, same, x, _ = drawn
    # Compiling the drawing of parameters, in shapes of their own, would be most of the time of this test.
    layer, rng = nnx.eval_shape(make), np.random.default_rng(0)
    layer.kernel = nnx.Param(jnp.asarray(rng.normal(size=layer.kernel.shape), jnp.float32))
    layer.bias = nnx.Param(jnp.zeros(layer.bias.shape))  # with another, XLA may round the sum once or twice
    x = jnp.asarray(rng.normal(size=x.shape), jnp.float32)
    assert (layer(x) == same(x, layer.kernel[...], layer.bias[...])).all()


@settings(max_examples=15)
@given(ONE_TO_SEVEN, ONE_TO_SEVEN, ONE_TO_SEVEN, st.integers(1, 4))
def test_a_pooling_has_the_size_and_the_value_of_the_plain_one(n, m, k, s):
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, n, m)), jnp.float32)
    if k > min(n, m):
        with pytest.raises(ShapeError, match="window: the output would be empty"):
            MaxPool2d(k, s)(x)
    else:
        assert (MaxPool2d(k, s)(x) == plain.pool(x, k, s)).all()


def test_the_parameters_have_the_layout_of_the_specification():
    assert Conv2d(2, 5, 3, rngs=nnx.Rngs(0)).kernel.shape == (5, 2, 3, 3)
    assert ConvTranspose2d(2, 5, 3, rngs=nnx.Rngs(0)).kernel.shape == (2, 5, 3, 3)
    assert Conv2d(2, 5, 3, rngs=nnx.Rngs(0)).bias.shape == (5,)


def test_kernels_are_drawn_with_the_variance_of_their_inputs():
    layer = Conv2d(50, 40, 5, rngs=nnx.Rngs(0))
    assert np.std(layer.kernel[...]) == pytest.approx((50 * 25) ** -0.5, rel=0.02)
    layer = ConvTranspose2d(50, 40, 5, rngs=nnx.Rngs(0))
    assert np.std(layer.kernel[...]) == pytest.approx((50 * 25) ** -0.5, rel=0.02)


@pytest.mark.parametrize(
    ("dtype", "param_dtype", "x_dtype", "result"),
    [
        (None, "float32", "float32", "float32"),
        (None, "float32", "bfloat16", "float32"),
        (None, "bfloat16", "bfloat16", "bfloat16"),
        ("bfloat16", "float32", "float32", "bfloat16"),
        (None, "float16", "float16", "float16"),
    ],
)
def test_layers_compute_in_their_dtype_or_the_promoted_one(dtype, param_dtype, x_dtype, result):
    layer = Conv2d(1, 1, 3, dtype=dtype and jnp.dtype(dtype), param_dtype=jnp.dtype(param_dtype), rngs=nnx.Rngs(0))
    assert layer.kernel.dtype == param_dtype
    assert layer(jnp.ones((1, 4, 4), x_dtype)).dtype == result


@pytest.mark.parametrize("of", [BatchNorm2d, InstanceNorm2d, LayerNorm, partial(GroupNorm, groups=1)])
def test_a_norm_has_the_dtype_of_the_image_and_the_parameters(of):
    for x_dtype, result in (("bfloat16", "bfloat16"), ("float32", "float32")):
        norm = of(2, param_dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
        x = jnp.ones((2, 4, 4), x_dtype)
        assert norm(x).dtype == result
        norm.eval()
        assert norm(x).dtype == result


def test_precision_reaches_the_convolution():
    layer = Conv2d(1, 1, 3, precision="highest", rngs=nnx.Rngs(0))
    assert "HIGHEST" in jax.jit(layer).lower(jnp.ones((1, 4, 4))).as_text()


@pytest.mark.parametrize("layer", [Conv2d, ConvTranspose2d])
def test_a_layer_whose_parameters_are_numpy_arrays_computes_the_same(layer):
    made, x = layer(2, 3, 3, rngs=nnx.Rngs(0)), jnp.ones((2, 4, 4))

    def found():
        y = made(x)
        joined = (made.of_joined(x[:1], x[1:]), *made.of_joined_backward(x[:1], x[1:], y)) if layer is Conv2d else ()
        return [y, *made.backward(x, y), *joined]

    expected = found()
    nnx.update(made, jax.tree.map(np.asarray, nnx.state(made)))
    assert isinstance(made.kernel[...], np.ndarray)
    assert all((a == b).all() for a, b in zip(found(), expected, strict=True))


def test_what_is_weakly_typed_is_computed_in_the_dtype_that_it_promotes_to():
    weak = [jnp.full(shape, 1.0) for shape in ((1, 4, 4), (1, 1, 3, 3), (1,))]
    assert all(array.weak_type for array in weak)
    assert not conv2d(*weak).weak_type
    with jax.enable_x64(True):
        assert conv2d(*weak).dtype == "float64"


def test_numpy_arrays_are_taken_as_jax_takes_them():
    assert relu(np.array([-1.0, 2.0])).tolist() == [0.0, 2.0]
    assert MaxPool2d(2, 2)(np.ones((1, 4, 4), np.float32)).shape == (1, 2, 2)


def test_a_result_that_does_not_fit_its_type_keeps_the_type_checkers_error():
    @checked
    def wrong(x: Float[Array, "C H W"]) -> Float[Array, "C H+1 W"]:
        return x

    with pytest.raises(TypeCheckError):
        wrong(jnp.ones((1, 2, 2)))


X = jnp.ones((1, 8, 9))
KERNEL, BIAS = jnp.ones((4, 1, 3, 3)), jnp.ones(4)

MESSAGES = {
    "hwc kernel": (
        lambda: conv2d(X, jnp.ones((3, 3, 1, 4)), BIAS),
        """\
kernel = float32[3,3,1,4], given to conv2d, does not fit.
  size: axis O of kernel: it is 3, and must be 4, as in bias; an (H, W, in, out) kernel passed as (out, in, H, W) is \
the likely cause.
  fix: jnp.transpose(kernel, (3, 2, 0, 1))""",
    ),
    "oblong kernel": (
        lambda: conv2d(X, jnp.ones((4, 1, 3, 2)), BIAS),
        """\
kernel = float32[4,1,3,2], given to conv2d, does not fit.
  size: axis K of kernel: it is 2, and must be 3, like another axis of that name.
  fix: kernel of shape (4, 1, K, K)""",
    ),
    "bias": (
        lambda: conv2d(X, KERNEL, jnp.ones(3)),
        """\
bias = float32[3], given to conv2d, does not fit.
  size: axis O of bias: it is 3, and must be 4, as in kernel.
  fix: bias of shape (4)""",
    ),
    "stride": (
        lambda: conv2d(X, KERNEL, BIAS, stride="2"),
        """\
stride='2' can't be used.
  natural: not a natural number: stride='2' is a str, and must be an integer ≥ 0.
  fix: stride=2""",
    ),
    "concat": (
        lambda: concat_channels(jnp.ones((2, 21, 8)), jnp.ones((2, 20, 8))),
        """\
up = float32[2,20,8], given to concat_channels, does not fit.
  size: axis H of up: it is 20, and must be 21, as in skip; likely cause: pooling and upsampling do not restore \
this image's size.
  fix: jnp.pad(up, ((0, 0), (0, 1), (0, 0)))""",
    ),
    "joined": (
        lambda: Conv2d(5, 1, 3, rngs=nnx.Rngs(0)).of_joined(jnp.ones((2, 8, 8)), jnp.ones((2, 8, 8))),
        """\
skip = float32[2,8,8], given to Conv2d, does not fit.
  channels: axis C of skip: it is 2, and must be 3; the channels of skip and up must add up to those of the layer; a \
skip from another level is the likely cause.
  fix: skip of shape (3, 8, 8)""",
    ),
    "joined skip": (
        lambda: Conv2d(5, 1, 3, rngs=nnx.Rngs(0)).of_joined(jnp.ones((6, 8, 8)), jnp.ones((3, 8, 8))),
        """\
skip = float32[6,8,8], given to Conv2d, does not fit.
  channels: axis C of skip: it is 6, and must be 2; the channels of skip and up must add up to those of the layer; a \
skip from another level is the likely cause.
  fix: skip of shape (2, 8, 8)""",
    ),
    "joined sizes": (
        lambda: Conv2d(5, 1, 3, rngs=nnx.Rngs(0)).of_joined(jnp.ones((2, 9, 8)), jnp.ones((3, 8, 8))),
        """\
up = float32[3,8,8], given to Conv2d, does not fit.
  size: axis H of up: it is 8, and must be 9, as in skip; likely cause: pooling and upsampling do not restore \
this image's size.
  fix: jnp.pad(up, ((0, 0), (0, 1), (0, 0)))""",
    ),
    "window": (
        lambda: Conv2d(1, 1, 5, rngs=nnx.Rngs(0))(jnp.ones((1, 3, 9))),
        """\
x = float32[1,3,9], given to conv2d with kernel=5, stride=1, padding=0, does not fit.
  window: the output would be empty: 3×9 becomes 0×5.
  fix: a larger image, or another kernel, stride or padding""",
    ),
    "zero stride": (
        lambda: max_pool2d(X, kernel=2, stride=0),
        """\
x = float32[1,8,9], given to max_pool2d with kernel=2, stride=0, does not fit.
  window: the output would be empty: 8×9 becomes 0×0.
  fix: a larger image, or another kernel, stride or padding""",
    ),
    "zeros": (
        lambda: Conv2d(0, 1, 0, rngs=nnx.Rngs(0)),
        """\
Conv2d(in_channels=0, out_channels=1, kernel=0, stride=1) is not well-formed.
  in_channels_pos, kernel_pos: in_channels=0 must be at least 1; kernel=0 must be at least 1.
  fix: in_channels=1, kernel=1""",
    ),
    "huge": (
        lambda: Conv2d(10**30, 1, 1, rngs=nnx.Rngs(0)),
        """\
Conv2d(in_channels=1000000000000000000000000000000, out_channels=1, kernel=1, stride=1) is not well-formed.
  elements: an array is too large to compute with: kernel of shape 1×1000000000000000000000000000000×1×1 has \
1000000000000000000000000000000 elements, and may have at most 2147483647.
  fix: in_channels=2147483647""",
    ),
    "tuple": (
        lambda: ConvTranspose2d(1, 1, (3, 3, 3), rngs=nnx.Rngs(0)),
        """\
ConvTranspose2d with ConvTranspose(kernel=(3, 3, 3), channels=1) is not well-formed.
  axes_differ: kernel=(3, 3, 3) has numbers for 3 axes, and ConvTranspose2d has 2.
  fix: kernel=3""",
    ),
    "seed": (
        lambda: Conv2d(1, 1, 3, rngs=0),
        """\
rngs, given to Conv2d, can't be used.
  type: type of rngs: it is 0, of type int, and must be Rngs.
  fix: rngs=nnx.Rngs(0)""",
    ),
    "pool": (
        lambda: MaxPool2d(0, 2),
        """\
MaxPool2d(kernel=0) is not well-formed.
  kernel_pos: kernel=0 must be at least 1.
  fix: kernel=1""",
    ),
    "transposed": (
        lambda: conv_transpose2d(jnp.ones((1, 1, 8)), jnp.ones((1, 1, 1, 1)), jnp.ones(1), padding=1),
        """\
x = float32[1,1,8], given to conv_transpose2d with kernel=1, stride=1, padding=1, does not fit.
  window: the output would be empty: 1×8 becomes 0×6.
  fix: a larger image, or another kernel, stride or padding""",
    ),
}


@pytest.mark.parametrize(("call", "message"), MESSAGES.values(), ids=MESSAGES)
def test_the_message_whole(call, message):
    with pytest.raises(WellshapedError) as error:
        call()
    assert str(error.value) == message


@pytest.mark.parametrize("bad", [-1, True, 1.5, "3", None])
@pytest.mark.parametrize("name", ["in_channels", "out_channels", "kernel", "stride", "padding"])
def test_numbers_that_are_not_natural_are_rejected_by_name(name, bad):
    numbers = {"in_channels": 1, "out_channels": 1, "kernel": 3, "stride": 1, "padding": 1} | {name: bad}
    if (name, bad) == ("padding", "3"):  # a text may also be one of two words
        with pytest.raises(ConfigError, match="padding: no such choice: padding='3' must be one of 'SAME', 'VALID'"):
            Conv2d(**numbers, rngs=nnx.Rngs(0))
        return
    with pytest.raises(UsageError, match=f"natural: not a natural number: {name}={bad!r} is "):
        Conv2d(**numbers, rngs=nnx.Rngs(0))


def test_the_derivative_of_relu_is_one_above_zero_and_zero_elsewhere():
    assert jax.vmap(jax.grad(relu))(jnp.array([-1.0, 0.0, 1e-30])).tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize("backend", ["cpu", "stock"])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float16, jnp.bfloat16])
def test_relu_returns_every_number_as_it_is(backend, dtype):
    tiny = jnp.finfo(dtype).tiny
    x = jnp.array([-jnp.inf, -1.5, -0.0, 0.0, tiny, 1.5, jnp.finfo(dtype).max, jnp.inf, jnp.nan], dtype)
    with convolutions(backend):
        for y in (relu(x), jax.jit(relu)(x), jax.vmap(relu)(x)):
            assert y.dtype == dtype
            assert y.tolist()[:-1] == [0, 0, 0, 0, tiny, 1.5, x[6], jnp.inf]
            assert jnp.isnan(y[-1])


@pytest.mark.parametrize("backend", ["cpu", "stock"])
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float16, jnp.bfloat16])
def test_relu_does_to_subnormal_numbers_what_jax_does(backend, dtype):
    tiny = np.array(jnp.finfo(dtype).tiny, dtype)
    bits = np.uint32 if tiny.itemsize == 4 else np.uint16
    least, most = np.array(1, bits), tiny.view(bits) - bits(1)
    subnormal = jnp.array(np.array([least, most, most // 3], bits).view(dtype))
    x = jnp.concatenate((subnormal, -subnormal))
    with convolutions(backend):
        found = np.asarray(jax.jit(lambda x: relu(x))(x))
    assert (found.view(bits) == np.asarray(jax.jit(jax.nn.relu)(x)).view(bits)).all()


def test_relu_is_computed_once_for_all_that_read_it():
    def readers(x):
        y = relu(x)
        return y + 1, jnp.flip(y, 1), (y * y).sum()

    def copies(backend):  # the division marks the one copy
        with convolutions(backend):
            return jax.jit(lambda x: readers(x)).lower(jnp.ones((8, 64, 64))).compile().as_text().count("divide(")

    assert (copies("cpu"), copies("stock")) == (1, 0)


def test_the_type_of_a_result_names_the_size_function_of_the_specification():
    def off_by_one(n, **numbers):
        return sliding_window_size(n, **numbers) + 1

    for call in (
        lambda: conv2d(X, KERNEL, BIAS, _size=off_by_one),
        lambda: conv_transpose2d(X, jnp.ones((1, 4, 2, 2)), BIAS, _size=off_by_one),
        lambda: max_pool2d(X, kernel=2, stride=2, _size=off_by_one),
    ):
        with pytest.raises(TypeCheckError, match="checking the return value"):
            call()


@pytest.mark.parametrize("layer", [Conv2d, ConvTranspose2d, MaxPool2d])
def test_the_type_of_a_layers_result_names_its_own_size(layer, monkeypatch):
    made = layer(2, 2) if layer is MaxPool2d else layer(1, 4, 3, rngs=nnx.Rngs(0))
    monkeypatch.setattr(layer, "size", lambda self, n: n + 100)
    never_seen = jnp.ones((1, 101, 103))  # a call like an accepted one is not evaluated again
    with pytest.raises(TypeCheckError, match="checking the return value"):
        made(never_seen)


def test_a_number_that_is_an_array_is_judged_each_time():
    x, kernel, grad = jnp.ones((1, 6, 6)), jnp.ones((1, 1, 2, 2)), jnp.ones((1, 5, 5))
    conv2d_backward(x, kernel, grad, stride=jnp.int32(1))
    with pytest.raises(ShapeError):
        conv2d_backward(x, kernel, grad, stride=jnp.int32(2))


@pytest.mark.parametrize("layer", [Conv2d, ConvTranspose2d, MaxPool2d, UNet2])
def test_every_public_method_is_checked(layer):
    methods = [
        method for kind in layer.__mro__ if kind.__module__.startswith("wellshaped") for method in vars(kind).items()
    ]
    public = {
        name: f for name, f in methods if callable(f) and (not name.startswith("_") or name in ("__init__", "__call__"))
    }
    assert {"__init__", "__call__"} <= set(public)
    for name, method in public.items():
        assert method.__module__.startswith("wellshaped.models"), name
        assert "typed" in method.__code__.co_filename, name


def test_precision_reaches_the_transposed_convolution_and_the_network():
    layer = ConvTranspose2d(1, 1, 3, precision="highest", rngs=nnx.Rngs(0))
    assert "HIGHEST" in jax.jit(layer).lower(jnp.ones((1, 4, 4))).as_text()
    model = UNet2(UNet2Config(base_channels=2), 1, 1, precision="highest", rngs=nnx.Rngs(0))
    for network in (model, UNet2.from_params(model.params(), precision="highest")):
        with convolutions("stock"):
            assert str(jax.make_jaxpr(network)(jnp.ones((1, 4, 4)))).count("precision=(Precision.HIGHEST") == 8


def test_dtypes_reach_the_network():
    model = UNet2(UNet2Config(base_channels=2), 1, 1, param_dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    assert {leaf.dtype.name for leaf in jax.tree.leaves(model.params())} == {"bfloat16"}
    again = UNet2.from_params(model.params(), dtype=jnp.float16)
    assert jax.eval_shape(again, jnp.ones((1, 4, 4))).dtype == jnp.float16


def test_functions_take_mixed_dtypes_as_flax_does():
    assert conv2d(X.astype(jnp.bfloat16), KERNEL, BIAS).dtype == jnp.float32
    kernel = jnp.ones((1, 4, 2, 2))
    assert conv_transpose2d(X.astype(jnp.bfloat16), kernel, BIAS).dtype == jnp.float32


def test_keyword_arguments_may_be_numpy_arrays_too():
    assert conv2d(X, kernel=np.ones((4, 1, 3, 3), np.float32), bias=np.ones(4, np.float32)).shape == (4, 6, 7)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Conv2d(1, 1, 3, dtype=jnp.int32, rngs=nnx.Rngs(0)), "dtype=int32 can't be used"),
        (lambda: Conv2d(1, 1, 3, param_dtype=jnp.int32, rngs=nnx.Rngs(0)), "param_dtype=int32 can't be used"),
        (lambda: Conv2d(1, 1, 3, dtype="bfloat17", rngs=nnx.Rngs(0)), "dtype='bfloat17' can't be used"),
        (lambda: MaxPool2d(2, 0), "stride_pos: stride=0 must be at least 1"),
        (lambda: max_pool2d(X, kernel=1, stride=10**30), "largest: too large to compute with: stride=1000"),
        (lambda: conv2d(X, KERNEL, BIAS, padding=10**30), "largest: too large to compute with: padding=1000"),
        (lambda: relu(np.array(["a"])), "array: dtype of x: it holds <U1"),
        (lambda: relu(np.array([None])), "array: dtype of x: it holds object"),
        (lambda: relu(jnp.ones(3, jnp.uint8)), "fix: x.astype(jnp.float32) / 255"),
    ],
)
def test_what_cannot_be_computed_with_is_rejected(call, says):
    with pytest.raises(WellshapedError) as error:
        call()
    assert says in str(error.value)
    assert len(str(error.value).splitlines()) <= 10


@pytest.mark.parametrize(
    "call",
    [
        lambda: MaxPool2d(2, 0),
        lambda: Conv2d(1, 1, 3, stride=0, rngs=nnx.Rngs(0)),
        lambda: GroupNorm(6, groups=0, rngs=nnx.Rngs(0)),
        lambda: GroupNorm(0, groups=1, rngs=nnx.Rngs(0)),
    ],
)
def test_a_layer_that_cannot_be_built_is_not_well_formed(call):
    with pytest.raises(ConfigError, match="is not well-formed"):
        call()


def message_of(function, *arrays):
    with pytest.raises(ShapeError) as error:
        function(*arrays)
    return str(error.value)


def test_axes_that_are_numbers_or_sums_are_explained():
    @checked
    def gated(x: Float[Array, "C H W"], gate: Float[Array, "1 H W"]) -> Float[Array, "C H W"]:
        return x * gate

    @checked
    def halved(x: Float[Array, "C H W"], y: Float[Array, "2*C H W"]) -> Float[Array, "C H W"]:
        return x + y[: len(x)]

    x = jnp.ones((8, 4, 6))
    assert gated(x, x[:1]).shape == (8, 4, 6)
    assert "axis 1 of gate: it is 8, and must be 1" in message_of(gated, x, x)
    assert "axis 2*C of y: it is 8, and must be 16" in message_of(halved, x, x)


def test_a_name_that_stands_twice_in_one_annotation_is_explained():
    @checked
    def square(x: Float[Array, "r r"]) -> Float[Array, "r r"]:
        return x

    assert "it is 3, and must be 2, like another axis of that name" in message_of(square, jnp.ones((2, 3)))


def test_the_likely_cause_is_that_of_the_layout_and_of_the_sizes():
    @checked
    def apart(y: Float[Array, "H W C"], p: Float[Array, "H W C"]) -> Float[Array, "H W C"]:
        return y - p

    @checked
    def chances(y: Float[Array, "N H W"]) -> Float[Array, "N H W"]:
        return y

    assert "(H, W, C) image passed" not in message_of(apart, jnp.ones((8, 12, 8)), jnp.ones((7, 12, 8)))
    assert "batch" not in message_of(chances, jnp.ones((4, 1, 6, 6)))
    conv = Conv2d(16, 8, 3, rngs=nnx.Rngs(0))
    assert "a forgotten skip, or a join" in message_of(conv, jnp.ones((8, 12, 12)))
    assert "a layer built for only one of two joined images" in message_of(conv, jnp.ones((32, 12, 12)))
    two_levels = message_of(concat_channels, jnp.ones((8, 16, 24)), jnp.ones((16, 8, 12)))
    assert "the sizes are too different for one level" in two_levels
    odd = message_of(concat_channels, jnp.ones((8, 21, 24)), jnp.ones((8, 20, 24)))
    assert "pooling and upsampling do not restore" in odd


def test_an_axis_that_a_window_makes_is_called_after_the_one_that_it_is_made_of():
    @checked
    def half(
        x: Float[Array, "H W C"],
        y: Float[Array, "{size(x.shape[0])} {size(x.shape[1])} {size(x.shape[2])}"],
        size: Callable[[int], int] = lambda n: n // 2,
    ) -> None:
        del x, y, size

    for shape, axis in (((3, 4, 2), "H'"), ((2, 3, 2), "W'"), ((2, 4, 3), "C'")):
        with pytest.raises(ShapeError, match=f"axis {axis} of y: it is 3, and must be"):
            half(jnp.ones((4, 8, 4)), jnp.ones(shape))
