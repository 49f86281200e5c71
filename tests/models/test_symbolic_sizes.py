"""Our layers and networks take JAX's symbolic sizes: they accept the sizes that fit, and no others."""

import operator
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import sparse
from flax import nnx
from jax import export
from jaxtyping import Array, Float, TypeCheckError

from wellshaped.models import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    GroupNorm,
    InstanceNorm2d,
    MaxPool2d,
    Resize2d,
    TypedNetwork,
    UNet,
    UNet2,
    checked,
    concat_channels,
    conv2d,
    convolutions,
    max_pool2d,
    relu,
)
from wellshaped.models.channels_last.conv import ChannelsLastConv2d
from wellshaped.models.symbolic import Inconclusive
from wellshaped.models.typed.memory import MEMORIES
from wellshaped.spec import (
    PRESETS,
    AvgPool,
    MaxPool,
    Network,
    Node,
    Reading,
    ShapeError,
    UNet2Config,
    UNetConfig,
    UsageError,
    check,
    compatible_shapes,
    compatible_sizes,
    conv_transpose_size,
    graph_of,
    sliding_window_size,
)
from wellshaped.spec.arithmetic.naturals import equal, monus, quotient


def symbolic(text, *constraints):
    """A symbolic size of one variable, ``h``."""
    (size,) = export.symbolic_shape(text, constraints=constraints or ["h>=1"])
    return size


def at(size, h):
    """The value of a symbolic size for this ``h``."""
    return eval(str(size), {"h": h, "floordiv": operator.floordiv, "mod": operator.mod, "max": max})


def image(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def unet(cfg, outs=2):
    model = UNet(cfg, 3, outs if cfg.head else cfg.channels[0], rngs=nnx.Rngs(0))
    model.eval()
    return model


# The reading.


@pytest.mark.parametrize("text", ["h", "2*h", "3*h + 1", "h + 7"])
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 2, 0), (3, 1, 1), (3, 2, 1), (5, 3, 0), (1, 1, 1)])
def test_a_symbolic_output_size_has_the_values_of_the_size_function(text, kernel, stride, padding):
    window = {"kernel": kernel, "stride": stride, "padding": padding}
    for size in (sliding_window_size, conv_transpose_size):
        made = size(symbolic(text), **window)
        for h in range(1, 12):
            assert at(made, h) == size(at(text, h), **window)


def test_the_two_operations_are_those_of_natural_numbers():
    h = symbolic("h", "h>=3")
    assert (monus(h, 2), monus(2, h), quotient(2 * h, 2), quotient(h, 0)) == (h - 2, 0, h, 0)
    assert at(monus(h, 10), 4) == 0
    assert at(monus(h, 10), 14) == 4


def test_an_equality_is_decided_or_raises():
    h = symbolic("h")
    assert equal(2 * h, h + h)
    assert not equal(2 * h + 1, 2 * h)
    assert not equal(h, 0)
    for undecided in (h // 2 * 2, 7, symbolic("h", "h>=1") * 0 + 3, 2 * h - 3):
        with pytest.raises(Inconclusive):
            equal(h, undecided)


def test_another_reading_keeps_its_own_equality():
    assert Reading(str, operator.add, operator.add).equal is operator.eq


# Layers.

ANY = symbolic("h")
LAYERS = {
    "conv": lambda rngs: Conv2d(3, 4, 3, padding=1, rngs=rngs),
    "valid conv": lambda rngs: Conv2d(3, 4, 3, rngs=rngs),
    "strided conv": lambda rngs: Conv2d(3, 4, 3, stride=2, padding=1, rngs=rngs),
    "patches": lambda rngs: Conv2d(3, 4, 2, stride=2, rngs=rngs),
    "transposed conv": lambda rngs: ConvTranspose2d(3, 4, 2, stride=2, rngs=rngs),
    "overlapping transposed conv": lambda rngs: ConvTranspose2d(3, 4, 3, stride=2, padding=1, rngs=rngs),
    "max-pool": lambda rngs: MaxPool2d(2, 2),
    "overlapping max-pool": lambda rngs: MaxPool2d(3, 2),
    "average pool": lambda rngs: AvgPool2d(2, 2),
    "overlapping average pool": lambda rngs: AvgPool2d(3, 2),
    "nearest": lambda rngs: Resize2d(2),
    "bilinear": lambda rngs: Resize2d(2, "bilinear"),
    "batch norm": lambda rngs: BatchNorm2d(3, rngs=rngs),
    "group norm": lambda rngs: GroupNorm(3, groups=3, rngs=rngs),
    "instance norm": lambda rngs: InstanceNorm2d(3, rngs=rngs),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_takes_a_symbolic_size_and_returns_its_own(name):
    layer = LAYERS[name](nnx.Rngs(0))
    for text in ("h", "2*h", "4*h + 3"):
        n = symbolic(text, "h>=5")
        made = nnx.eval_shape(lambda layer, x: layer(x), layer, image(3, n, 9)).shape
        size = layer.size if hasattr(layer, "size") else lambda n: n
        for h in range(5, 12):
            assert (at(made[1], h), at(size(n), h)) == (size(at(n, h)),) * 2
        assert made[2] == size(9)


def test_the_functions_take_symbolic_sizes():
    h = symbolic("2*h")
    assert jax.eval_shape(concat_channels, image(2, h, 5), image(3, h, 5)).shape == (5, h, 5)
    assert jax.eval_shape(relu, image(2, h, 5)).shape == (2, h, 5)
    made = jax.eval_shape(lambda *a: conv2d(*a, padding=1), image(2, h, 5), image(4, 2, 3, 3), image(4))
    assert made.shape == (4, h, 5)
    assert jax.eval_shape(lambda x: max_pool2d(x, kernel=2, stride=2), image(2, h, 4)).shape == (2, h // 2, 2)
    layer = ChannelsLastConv2d(3, 8, 3, 3, 2, rngs=nnx.Rngs(0))
    assert jax.eval_shape(layer, image(h, 8, 3)).shape == (h // 2, 4, 8)


@pytest.mark.parametrize("name", ["max-pool", "average pool", "valid conv", "patches"])
def test_an_output_that_may_be_empty_is_left_to_jax(name):
    with pytest.raises(Inconclusive, match=">= '1'"):
        jax.eval_shape(LAYERS[name](nnx.Rngs(0)), image(3, symbolic("h"), 9))


def test_images_that_may_have_one_pixel_are_left_to_jax():
    with pytest.raises(Inconclusive):
        jax.eval_shape(InstanceNorm2d(3, rngs=nnx.Rngs(0)), image(3, symbolic("h"), 1))


def test_only_an_axis_may_be_symbolic():
    with pytest.raises(UsageError, match="stride=h is symbolic"):
        Conv2d(3, 4, 3, stride=symbolic("h"), rngs=nnx.Rngs(0))


# Joins.


def test_a_wrong_join_names_both_sizes():
    h = symbolic("h")
    with pytest.raises(ShapeError, match=r"it is 2\*h, and must be 2\*h \+ 1, as in skip"):
        jax.eval_shape(concat_channels, image(2, 2 * h + 1, 5), image(3, 2 * h, 5))
    layer = Conv2d(5, 4, 3, padding=1, rngs=nnx.Rngs(0))
    with pytest.raises(ShapeError, match=r"it is 2\*h, and must be 2\*h \+ 1, as in skip"):
        jax.eval_shape(layer.of_joined, image(2, 2 * h + 1, 5), image(3, 2 * h, 5))


@pytest.mark.parametrize("axes", [1, 3])
@pytest.mark.parametrize("pool", [MaxPool(2), MaxPool(3, 2, padding=1), AvgPool(2), AvgPool(3, 2, padding=1)], ids=str)
def test_a_pool_over_any_axes_takes_any_size_and_gives_its_numbers(pool, axes):
    model = TypedNetwork(Network({"x": 2}, (Node("y", pool),), axes=axes), rngs=nnx.Rngs(0))
    names = ", ".join("abc"[:axes])
    shape = export.symbolic_shape(f"2, {names}", constraints=[f"{name}>=4" for name in names.split(", ")])
    exported = export.export(jax.jit(model))(image(*shape))
    for n in (4, 5, 6, 7):
        x = jax.random.normal(jax.random.key(n), (2, *(n + i for i in range(axes))))
        rounding = 0 if isinstance(pool, MaxPool) else 1e-6  # two programs can add in another order
        np.testing.assert_allclose(exported.call(x), jax.jit(model)(x), rtol=rounding, atol=rounding)


def test_an_undecided_join_is_left_to_jax():
    h = symbolic("h")
    with pytest.raises(Inconclusive, match=r"floordiv\(h, 2\)") as raised:
        jax.eval_shape(concat_channels, image(2, h, 5), image(3, h // 2 * 2, 5))
    assert "up = float32[3,2*floordiv(h, 2),5]" in "".join(raised.value.__notes__)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((4, ANY, 9), "axis C of x: it is 4, and must be 3"),
        ((1, 3, ANY, 9), "a batch axis is the likely cause"),
        ((ANY, 9), "it has 2 axes, and must have 3"),
    ],
)
def test_another_mistake_with_a_symbolic_size_is_explained(shape, says):
    with pytest.raises(ShapeError, match=says):
        jax.eval_shape(Conv2d(3, 4, 3, padding=1, rngs=nnx.Rngs(0)), image(*shape))


# Networks.

CONFIGS = [
    UNetConfig(levels=2, base_channels=2, **fields)
    for fields in (
        {},
        {"padding": "none"},
        {"padding": "none", "join": "crop"},
        {"join": "crop"},
        {"join": "even crop"},
        {"join": "pad"},
        {"upsampling": "nearest"},
        {"upsampling": "bilinear", "padding": "none"},
        {"norm": "batch"},
        {"norm": "group", "groups": 2},
        {"norm": "instance"},
        {"residual": True},
        {"residual": True, "padding": "none"},
        {"concat": "upsampled first", "bias": False, "head": False},
    )
]
UNET2_CONFIGS = [
    UNet2Config(base_channels=2),
    UNet2Config(base_channels=2, pool_kernel=3, pool_stride=3, up_kernel=3, up_stride=3),
    UNet2Config(base_channels=2, pool_kernel=4, pool_stride=2, up_kernel=4, up_stride=2),
    UNet2Config(base_channels=2, conv_kernel=5, conv_padding=2),
]


def accepts_exactly_the_sizes_that_fit(accepted, cfg, period):
    """``accepted(n)`` for ``n = period·h + r`` and every ``r``: the output size, or ``None`` for a ShapeError."""
    fits = compatible_sizes(cfg)
    for r in range(period):
        n = symbolic(f"{period}*h + {r}", "h>=20")
        made = accepted(n)
        assert (made is not None) == (at(n, 20) in fits) == (at(n, 21) in fits), r
        yield n, made


def traced(model):
    def accepted(n):
        try:
            shape = jax.eval_shape(model, image(3, n, 96)).shape
        except ShapeError as error:
            return None if str(n) in str(error) else "another error"
        return shape[1]

    return accepted


@pytest.mark.parametrize("cfg", sparse(CONFIGS, 2), ids=str)
def test_a_unet_accepts_exactly_the_symbolic_sizes_that_fit(cfg):
    width = compatible_sizes(cfg).above(60)
    model = unet(cfg)

    def accepted(n):
        return traced(lambda x: model(x[:, :, :width]))(n)

    for n, made in accepts_exactly_the_sizes_that_fit(accepted, cfg, 4):
        assert made is None or at(made, 20) == model.size(at(n, 20))


@pytest.mark.parametrize("cfg", UNET2_CONFIGS, ids=str)
def test_a_unet2_accepts_exactly_the_symbolic_sizes_that_fit(cfg):
    model = UNet2(cfg, 3, 2, rngs=nnx.Rngs(0))
    for n, made in accepts_exactly_the_sizes_that_fit(traced(model), cfg, cfg.pool_stride):
        assert made is None or made == n


BUILT = {name: cfg for name, cfg in PRESETS.items() if isinstance(cfg, UNetConfig | UNet2Config)}
PERIODS = {"unet2": 2, "tiny": 4, "pix2pix": 256, "demucs": 4096, "wave_unet": 4096}


def period_of(name):
    """A multiple of the preset's total stride ``p``. JAX can decide the rules for ``p·h + r``."""
    return PERIODS.get(name, 32)


@pytest.mark.parametrize("name", sparse(BUILT, 3))
def test_a_preset_of_few_channels_takes_two_symbolic_axes(name):
    cfg = replace(BUILT[name], base_channels=2)
    period = period_of(name)
    least = compatible_sizes(cfg).above(period * 20)
    h, w = export.symbolic_shape(
        f"{period}*h + {least % period}, {period}*w + {least % period}", constraints=["h>=20", "w>=20"]
    )
    model = UNet2(cfg, 3, 2, rngs=nnx.Rngs(0)) if isinstance(cfg, UNet2Config) else unet(cfg)
    _, height, width = jax.eval_shape(model, image(3, h, w)).shape
    made = getattr(model, "size", lambda n: n)
    assert (height, width) == (made(h), made(w))


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", sparse(PRESETS, 2))
def test_check_judges_the_symbolic_sizes_of_every_preset(name):
    graph, fits, period = graph_of(name), compatible_shapes(name).axes, period_of(name)
    others = [fit.above(4000) for fit in fits[1:]]
    remainders = range(period) if period <= 64 else (0, 1, period // 3, period - 13, period - 1)
    for r in remainders:
        n = symbolic(f"{period}*h + {r}", "h>=40")
        found = check(name, (graph.image.channels, n, *others))
        assert found.ok == (at(n, 1000) in fits[0]), r
        assert found.ok or str(n) in str(found)


def test_a_size_that_jax_cannot_decide_is_left_to_jax_with_the_sizes_that_fit():
    with pytest.raises(Inconclusive) as raised:
        jax.eval_shape(unet(CONFIGS[0]), image(3, symbolic("h", "h>=20"), 8))
    assert "all heights that fit: n ≡ 0 (mod 4), n ≥ 4" in "".join(raised.value.__notes__)


def test_a_wrong_join_of_a_network_has_the_paths_and_the_sizes_that_fit():
    with pytest.raises(ShapeError) as raised:
        jax.eval_shape(unet(CONFIGS[0]), image(3, symbolic("4*h + 2"), 8))
    assert str(raised.value) == (
        "input (3, 4*h + 2, 8) of UNetConfig(levels=2, base_channels=2) does not fit.\n"
        "  joined[1]: height: encoder[1] is 2*h + 1, up[1] is 2*h, and they must be equal.\n"
        "    x 4*h + 2 → pooled[0] 2*h + 1 → encoder[1] 2*h + 1\n"
        "    x 4*h + 2 → pooled[0] 2*h + 1 → pooled[1] h → up[1] 2*h\n"
        "  fix: all heights that fit: n ≡ 0 (mod 4), n ≥ 4"
    )


@pytest.mark.parametrize(("norm", "constraint"), [("batch", "h>=1"), ("instance", "h>=2")])
def test_a_batch_norm_alone_takes_what_may_be_one_position(norm, constraint):
    model = unet(UNetConfig(levels=2, base_channels=2, norm=norm))
    shape = export.symbolic_shape("3, 4*h, 4*w", constraints=[constraint])
    assert jax.eval_shape(model, image(*shape)).shape == (2, *shape[1:])


def test_a_mistake_with_a_symbolic_image_is_explained_by_what_a_network_takes():
    h, w = export.symbolic_shape("4*h, 4*w")
    for shape, fix in (((8, 3, h, w), "jax.vmap(model)(x)"), ((h, w, 3), "jnp.moveaxis(x, -1, 0)")):
        with pytest.raises(ShapeError) as raised:
            jax.eval_shape(unet(CONFIGS[0]), image(*shape))
        assert f"fix: {fix}" in str(raised.value)


def test_a_batch_and_its_images_may_be_symbolic():
    shape = export.symbolic_shape("b, 3, 4*h, 4*w")
    assert jax.eval_shape(jax.vmap(unet(CONFIGS[0])), image(*shape)).shape == (shape[0], 2, *shape[2:])


def test_a_batch_norm_in_training_mode_is_traced_and_exported():
    model = UNet(UNetConfig(levels=1, base_channels=2, norm="batch"), 3, 2, rngs=nnx.Rngs(0))
    x = image(3, symbolic("2*h"), 8)
    assert nnx.eval_shape(lambda model, x: model(x), model, x).shape == (2, *x.shape[1:])
    graphdef, state = nnx.split(model)

    def step(state, x):
        model = nnx.merge(graphdef, state)
        return model(x), nnx.state(model)

    exported = export.export(jax.jit(step))(state, x)
    assert exported.out_avals[0].shape == (2, *x.shape[1:])
    assert len(exported.out_avals) == 1 + len(jax.tree.leaves(state))


@pytest.mark.parametrize("backend", ["auto", "cpu", "stock"])
def test_an_exported_network_makes_the_numbers_of_the_eager_one(backend):
    model = UNet2(UNet2Config(base_channels=2), 3, 2, rngs=nnx.Rngs(0))
    with convolutions(backend):
        exported = export.export(jax.jit(model))(image(3, symbolic("2*h"), 8))
    for height in (2, 10):
        x = jax.random.normal(jax.random.key(height), (3, height, 8))
        with convolutions(backend):
            np.testing.assert_allclose(exported.call(x), jax.jit(model)(x), atol=1e-6)


def test_a_gradient_is_exported():
    model = UNet2(UNet2Config(base_channels=2), 3, 2, rngs=nnx.Rngs(0))
    f = jax.grad(lambda x: (model(x) ** 2).sum())
    x = jax.random.normal(jax.random.key(0), (3, 6, 8))
    np.testing.assert_allclose(
        export.export(jax.jit(f))(image(3, symbolic("2*h"), 8)).call(x), jax.jit(f)(x), atol=1e-6
    )


# What is remembered.


def test_a_verdict_on_a_symbolic_size_is_for_that_call_only():
    pool = MaxPool2d(2, 2)
    remembered = sum(len(memory.accepted) for memory in MEMORIES)
    jax.eval_shape(pool, image(3, symbolic("h", "h>=2"), 8))
    with pytest.raises(Inconclusive):
        jax.eval_shape(pool, image(3, symbolic("h", "h>=1"), 8))
    jax.eval_shape(pool, image(3, symbolic("h", "h>=2"), 8))
    assert sum(len(memory.accepted) for memory in MEMORIES) == remembered


def test_a_failure_of_a_symbolic_size_is_not_that_of_a_number():
    model = unet(CONFIGS[0])
    with pytest.raises(ShapeError):
        jax.eval_shape(model, image(3, symbolic("4*h + 1"), 8))
    with pytest.raises(ShapeError):
        jax.eval_shape(model, image(3, 5, 8))
    for height in (symbolic("4*h"), 4):
        assert jax.eval_shape(model, image(3, height, 8)).shape == (2, height, 8)


# Functions of a user.


def test_a_checked_function_reads_symbolic_sizes_in_braces():
    @checked
    def doubled(x: Float[Array, "n"]) -> Float[Array, "{2*x.shape[0]+1}-1"]:
        return jnp.concatenate((x, x))

    @checked
    def wrong(x: Float[Array, "n"]) -> Float[Array, "{x.shape[0]}+1"]:
        return x

    @checked
    def undecided(x: Float[Array, "n"]) -> Float[Array, "{x.shape[0]//2*2}"]:
        return x

    h = symbolic("h")
    assert jax.eval_shape(doubled, image(h)).shape == (2 * h,)
    with pytest.raises(TypeCheckError):
        jax.eval_shape(wrong, image(h))
    with pytest.raises(Inconclusive):
        jax.eval_shape(undecided, image(h))
