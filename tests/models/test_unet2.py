"""The typed network: its value, JAX's transformations of it, and what it costs once compiled (nothing)."""

import os
import subprocess
import sys
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import plain
import pytest
from configs import configs, fitting_configs, fitting_sizes
from flax import nnx
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wellshaped.models import LayerParams, TypedNetwork, UNet2, UNet2Params, convolutions
from wellshaped.spec import (
    LAYERS,
    ConfigError,
    ShapeError,
    UNet2Config,
    UsageError,
    check,
    graph_of,
    layer_parameters,
    stages,
)

CFG = UNet2Config(base_channels=4)
X = jax.random.normal(jax.random.key(0), (1, 6, 10))


@pytest.fixture(scope="module")
def model():
    return UNet2(CFG, 1, 2, rngs=nnx.Rngs(0))


def parameter_structs(cfg, in_channels, out_channels):
    """The parameters' shapes without their arrays, for ill-formed configs as well."""
    cfg_for_shapes = replace(cfg, **{name: max(getattr(cfg, name), 1) for name in cfg.__dataclass_fields__})
    shapes = layer_parameters(cfg_for_shapes, in_channels, out_channels)

    class Structs:
        pass

    for layer, (a, b, _, _), bias in shapes:
        k = layer.window(cfg)["kernel"]
        arrays = (jax.ShapeDtypeStruct((a, b, k, k), jnp.float32), jax.ShapeDtypeStruct(bias, jnp.float32))
        setattr(Structs, layer.name, arrays)
    return Structs


def what_xla_computes(cfg, i, o, h, w):
    """The shapes of all stages of the plain network, or ``None`` where XLA accepts it not."""
    params = parameter_structs(cfg, i, o)
    arrays = {layer.name: getattr(params, layer.name) for layer in LAYERS}

    def run(arrays, x):
        holder = type("Params", (), arrays)
        return plain.intermediates(cfg, holder, x)

    try:
        computed = jax.eval_shape(run, arrays, jax.ShapeDtypeStruct((i, h, w), jnp.float32))
    except (ValueError, TypeError, RuntimeWarning):  # the last one for a division by a stride of 0
        return None
    return {name: stage.shape for name, stage in computed.items()}


def what_section_6_says(cfg, i, o, h, w):
    """The shapes that the specification gives the stages."""
    b = cfg.base_channels
    k, s = cfg.pool_kernel, cfg.pool_stride
    down = tuple((n - k) // s + 1 if s and k and n >= k else 0 for n in (h, w))
    full = {"s1": b, "skip1": b, "up": b, "merged": 2 * b, "u1": b, "u2": b, "y": o}
    half = {"pooled": b, "b1": 2 * b, "bottleneck": 2 * b}
    return {name: (c, h, w) for name, c in full.items()} | {name: (c, *down) for name, c in half.items()}


@settings(max_examples=150)
@given(configs, st.integers(1, 24), st.integers(1, 24))
@example(UNet2Config(conv_padding=0, head_padding=4), 12, 12)  # runs by luck in a library that only checks the concat
def test_check_accepts_exactly_what_xla_accepts_and_computes_as_section_6_says(cfg, h, w):
    cfg = replace(cfg, base_channels=2)
    computed = what_xla_computes(cfg, 1, 1, h, w)
    as_specified = computed is not None and computed == what_section_6_says(cfg, 1, 1, h, w)
    as_specified = as_specified and all(min(shape) >= 1 for shape in computed.values())
    assert check(cfg, (1, h, w)).ok == as_specified


@settings(max_examples=30)
@given(st.data(), fitting_configs(max_channels=3), st.integers(1, 3), st.integers(1, 3))
def test_what_fits_is_computed_with_the_shapes_of_its_stages(data, cfg, i, o):
    h, w = data.draw(fitting_sizes(cfg)), data.draw(fitting_sizes(cfg))
    computed = what_xla_computes(cfg, i, o, h, w)
    assert computed == {stage.name: stage.shape for stage in stages(cfg, (i, h, w), out_channels=o)[1:]}
    x = jax.ShapeDtypeStruct((i, h, w), jnp.float32)
    assert jax.eval_shape(lambda x: UNet2(cfg, i, o, rngs=nnx.Rngs(0))(x), x).shape == (o, h, w)


@settings(max_examples=2)
@given(st.data(), fitting_configs(max_channels=3))
def test_the_typed_network_has_the_value_of_the_plain_one(data, cfg):
    h, w = data.draw(fitting_sizes(cfg, max_index=3)), data.draw(fitting_sizes(cfg, max_index=3))
    model = UNet2(cfg, 2, 1, rngs=nnx.Rngs(0))
    x = jax.random.normal(jax.random.key(1), (2, h, w))
    expected = jax.jit(partial(plain.forward, cfg))(model.params(), x)
    with convolutions("stock"):
        assert (jax.jit(model)(x) == expected).all()
    with convolutions("cpu"):
        np.testing.assert_allclose(jax.jit(model)(x), expected, rtol=1e-4, atol=1e-6)


def test_the_layers_carry_the_names_and_layouts_of_the_specification(model):
    for layer, kernel, bias in layer_parameters(CFG, 1, 2):
        assert getattr(model, layer.name).kernel.shape == kernel
        assert getattr(model, layer.name).bias.shape == bias
        assert isinstance(getattr(model, layer.name).kernel, nnx.Param)


def loss(model, x):
    return (model(x) ** 2).sum()


def gradient_of_params(params, x):
    return jax.grad(lambda params: loss(UNet2.from_params(params), x))(params)


def test_it_works_under_jit(model):
    assert jnp.allclose(jax.jit(model)(X), model(X), atol=1e-6)


def test_it_works_under_vmap(model):
    batch = jnp.stack((X, -X))
    assert jnp.allclose(jax.vmap(model)(batch), jnp.stack((model(X), model(-X))), atol=1e-6)


def test_it_works_under_nnx_jit(model):
    assert jnp.allclose(nnx.jit(lambda model, x: model(x))(model, X), model(X), atol=1e-6)


def test_it_works_under_eval_shape(model):
    assert jax.eval_shape(model, X).shape == (2, 6, 10)


def test_split_and_merge_give_the_same_network(model):
    graph, state = nnx.split(model)
    assert (nnx.merge(graph, state)(X) == model(X)).all()


def test_its_gradient_is_that_of_the_plain_network_in_every_parameter(model):
    params = model.params()
    expected = jax.jit(jax.grad(lambda params: (plain.forward(CFG, params, X) ** 2).sum()))(params)
    found = jax.jit(gradient_of_params)(params, X)
    assert isinstance(found, UNet2Params)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert jnp.allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_nnx_grad_gives_the_same_gradient(model):
    state = nnx.grad(loss)(model, X)
    params = gradient_of_params(model.params(), X)
    assert jnp.allclose(state["upT"]["kernel"][...], params.upT.kernel, rtol=1e-5)


def test_gradients_of_a_batch_work_under_vmap(model):
    grads = jax.jit(jax.vmap(gradient_of_params, in_axes=(None, 0)))(model.params(), jnp.stack((X, -X)))
    assert grads.upT.kernel.shape == (2, 8, 4, 2, 2)


@pytest.mark.slow
def test_it_works_under_checkpoint(model):
    grads = [jax.grad(lambda x, f=f: (f(x) ** 2).sum())(X) for f in (model, jax.checkpoint(model))]
    assert jnp.allclose(*grads, rtol=1e-5)


@pytest.mark.slow
def test_it_works_in_bfloat16():
    model = UNet2(CFG, 1, 2, dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    assert model.upT.kernel.dtype == jnp.float32
    assert model(X).dtype == jnp.bfloat16
    assert jnp.allclose(model(X), UNet2(CFG, 1, 2, rngs=nnx.Rngs(0))(X), rtol=0.1, atol=0.1)
    assert jax.grad(lambda x: model(x).sum())(X).dtype == jnp.float32


LOWER = """
import jax, jax.numpy as jnp
from flax import nnx
from wellshaped.models import UNet2
from wellshaped.spec import UNet2Config
params = jax.eval_shape(lambda: UNet2(UNet2Config(base_channels=4), 1, 2, rngs=nnx.Rngs(0)).params())
def loss(params, x):
    return (UNet2.from_params(params)(x) ** 2).sum()
x = jnp.ones((1, 6, 10))
def backward(params, x):
    return jax.tree.leaves(UNet2.from_params(params).backward(x, jnp.ones((2, 6, 10))))
for function in (loss, jax.grad(loss), backward):
    print(jax.jit(function).lower(params, x).as_text())
"""


def test_the_checked_and_the_unchecked_network_lower_to_the_same_text(capsys):
    assert not jaxtyping.config.jaxtyping_disable
    exec(compile(LOWER, "lower", "exec"), {})
    checked = capsys.readouterr().out
    unchecked = subprocess.run(
        [sys.executable, "-P", "-c", LOWER],
        env=os.environ | {"JAXTYPING_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert checked.count("stablehlo.convolution") >= 3 * 8
    assert checked == unchecked


SUBJECT = "given to UNet2, does not fit.\n"
MESSAGES = {
    "odd": (
        (1, 303, 384),
        """\
input (1, 303, 384) of UNet2Config(base_channels=4) does not fit.
  merged (h_upH): height: skip1 is 303, up is 302, and they must be equal.
    x 303 → pooled 151 → up 302
  fix: height 302 (crop 1) or 304 (pad 1); all heights that fit: n ≡ 0 (mod 2), n ≥ 2
  fix: x[:, :302, :384] or jnp.pad(x, ((0, 0), (0, 1), (0, 0)))""",
    ),
    "hwc": (
        (304, 384, 1),
        """\
x = float32[304,384,1], given to UNet2, does not fit.
  channels: axis C of x: it is 304, and must be 1; an (H, W, C) image passed as (C, H, W) is the likely cause.
  fix: jnp.moveaxis(x, -1, 0)""",
    ),
    "hwc with an odd height": (
        (301, 384, 1),
        """\
x = float32[301,384,1], given to UNet2, does not fit.
  channels: axis C of x: it is 301, and must be 1; an (H, W, C) image passed as (C, H, W) is the likely cause, and \
its height or width does not fit either.
  fix: x of shape (1, H, W)""",
    ),
    "hwc with other channels": (
        (304, 384, 4),
        """\
x = float32[304,384,4], given to UNet2, does not fit.
  channels: axis C of x: it is 304, and must be 1; an (H, W, C) image passed as (C, H, W) is the likely cause, and \
its channels do not fit either.
  fix: x of shape (1, H, W)""",
    ),
    "channels": (
        (3, 304, 384),
        """\
x = float32[3,304,384], given to UNet2, does not fit.
  channels: axis C of x: it is 3, and must be 1.
  fix: x of shape (1, H, W)""",
    ),
    "extra batch axis": (
        (8, 1, 304, 384),
        """\
x = float32[8,1,304,384], given to UNet2, does not fit.
  rank: shape of x: it has 4 axes, and must have 3, (1, H, W); a batch axis is the likely cause: the call \
takes one (C, H, W) image.
  fix: jax.vmap(model)(x) for a batch, x[0] for its first image""",
    ),
    "missing axis": (
        (304, 384),
        """\
x = float32[304,384], given to UNet2, does not fit.
  rank: shape of x: it has 2 axes, and must have 3, (1, H, W); a missing axis is the likely cause: the channels of a \
grey image.
  fix: x[None]""",
    ),
}


@pytest.mark.parametrize(("shape", "message"), MESSAGES.values(), ids=MESSAGES)
def test_the_message_whole(model, shape, message):
    for call in (model, jax.jit(model)):
        with pytest.raises(ShapeError) as error:
            call(jnp.ones(shape))
        assert str(error.value) == message


def test_a_forgotten_batch_axis_under_vmap_is_named(model):
    with pytest.raises(ShapeError, match=r"fix: call without jax\.vmap for one image of shape \(1, 6, 10\)"):
        jax.vmap(model)(jnp.ones((1, 6, 10)))


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (jnp.ones((1, 6, 10), jnp.uint8), "dtype: dtype of x: it holds uint8, and must hold floating-point numbers"),
        (jnp.ones((1, 6, 10), bool), "dtype: dtype of x: it holds bool, and must hold floating-point numbers"),
        (
            jnp.ones((1, 6, 10), jnp.complex64),
            "dtype: dtype of x: it holds complex64, and must hold floating-point numbers",
        ),
        ([[1.0]], "array: type of x: it is a list with 1 entry, and must be a JAX or NumPy array"),
        (None, "array: type of x: it is None, and must be a JAX or NumPy array"),
    ],
    ids=["uint8", "bool", "complex", "list", "none"],
)
def test_what_is_not_a_floating_point_array_is_rejected(model, x, says):
    with pytest.raises(ShapeError if hasattr(x, "dtype") else UsageError) as error:
        model(x)
    assert says in str(error.value)


def test_nothing_is_built_from_an_ill_formed_config():
    cfg = UNet2Config(pool_stride=0, base_channels=0)
    with pytest.raises(ConfigError) as error:
        UNet2(cfg, 1, 1, rngs=nnx.Rngs(0))
    assert str(error.value) == (
        "UNet2Config(pool_stride=0, base_channels=0) is not well-formed.\n"
        "  poolStride_ne0, baseC_pos: "
        "pool_stride=0 must be at least 1; base_channels=0 must be at least 1.\n"
        "  fix: pool_stride=2, base_channels=64"
    )
    with pytest.raises(ConfigError, match="poolStride_ne0"):
        UNet2Params(cfg=cfg, in_channels=1, out_channels=1, **dict.fromkeys((layer.name for layer in LAYERS), ()))


def test_the_traceback_of_an_error_is_short(model):
    with pytest.raises(ShapeError) as error:
        model(jnp.ones((3, 6, 10)))
    assert error.value.__context__ is None
    assert len(error.traceback) <= 3


def test_parameters_that_do_not_fit_are_all_named(model):
    params = model.params()
    with pytest.raises(ShapeError) as error:
        replace(params, upT=LayerParams(jnp.ones((4, 8, 2, 2)), None), up1_1=params.up1_2)
    assert (
        str(error.value)
        == """\
UNet2Params of UNet2Config(base_channels=4), 1 → 2 channels, does not fit.
  upT.kernel, upT.bias: arrays of upT: the kernel is float32[4,8,2,2], and must be floating-point [8, 4, 2, 2]; \
the bias is None, and must be floating-point [4].
  up1_1.kernel: arrays of up1_1: the kernel is float32[4,4,3,3], and must be floating-point [4, 8, 3, 3].
  fix: UNet2(cfg, in_channels, out_channels, rngs=rngs).params() has the arrays that fit"""
    )


def test_sixteen_wrong_arrays_are_said_in_ten_lines(model):
    wrong = dict.fromkeys((layer.name for layer in LAYERS), LayerParams(jnp.ones(1, int), jnp.ones(2, int)))
    with pytest.raises(ShapeError) as error:
        replace(model.params(), **wrong)
    assert len(str(error.value).splitlines()) == 10
    assert len(error.value.report.failures) == 16


def test_the_parameters_are_a_pytree_of_sixteen_arrays_by_name(model):
    leaves, tree = jax.tree.flatten_with_path(model.params())
    assert len(leaves) == 16
    assert jax.tree_util.keystr(leaves[8][0]) == ".upT.kernel"
    assert jax.tree.unflatten(tree, range(16)).down1_1 == (0, 1)


def test_a_network_can_be_made_from_its_parameters(model):
    assert (UNet2.from_params(model.params())(X) == model(X)).all()


@pytest.mark.parametrize(
    "cfg", [CFG, replace(CFG, pool_kernel=3, pool_stride=3, up_kernel=3, up_stride=3)], ids=["the source", "thirds"]
)
def test_it_is_its_graph_bit_for_bit(cfg):
    model = UNet2(cfg, 3, 2, rngs=nnx.Rngs(0))
    graph = nnx.eval_shape(lambda: TypedNetwork(graph_of(cfg, 3, 2), rngs=nnx.Rngs(0)))
    for path, layer in graph.layers.items():
        nnx.update(layer, nnx.state(getattr(model, path)))
    x = jax.random.normal(jax.random.key(0), (3, 6, 12))

    @nnx.jit
    def value_and_gradient(model, x):
        return nnx.value_and_grad(lambda x: (model(x) ** 2).sum())(x)

    for ours, theirs in zip(value_and_gradient(graph, x), value_and_gradient(model, x), strict=True):
        assert (ours == theirs).all()
