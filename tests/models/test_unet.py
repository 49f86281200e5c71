"""The family: its presets are the networks that they name, its sizes those that run, its layers Flax's with types."""

from dataclasses import replace
from functools import partial
from unittest.mock import patch

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import sparse
from flax import nnx
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from wellshaped.models import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    GroupNorm,
    InstanceNorm2d,
    Resize2d,
    TypedNetwork,
    UNet,
    UNet2,
    conv2d,
)
from wellshaped.models.channels_last.tiny_unet import TinyUNet
from wellshaped.proofs_of_shape.strategies import image_sizes, unet_configs
from wellshaped.spec import (
    LAYERS,
    PRESETS,
    Add,
    Concat,
    ConfigError,
    CropTo,
    Norm,
    ShapeError,
    UNet2Config,
    UNetConfig,
    UsageError,
    WellshapedError,
    check,
    compatible_shapes,
    compatible_sizes,
    graph_of,
    layer_parameters,
    parameter_shapes,
    stages,
)

# The other presets are graphs.
FAMILY = {"unet2": UNetConfig(levels=1)} | {name: p for name, p in PRESETS.items() if isinstance(p, UNetConfig)}
PHASES = (Phase.explicit, Phase.generate)  # shrinking a network that takes seconds takes minutes


def image(channels, height, width, seed=0):
    return jax.random.normal(jax.random.key(seed), (channels, height, width))


def outs(cfg):
    """The output's channels: any with a head, else those of the first level."""
    return 2 if cfg.head else cfg.channels[0]


def built(cfg, in_channels=3):
    """The network, with the shapes of its arrays alone."""
    return nnx.eval_shape(lambda: UNet(cfg, in_channels, outs(cfg), rngs=nnx.Rngs(0)))


def shape_of(model, *shape):
    graph, arrays = nnx.split(model)
    given = jax.ShapeDtypeStruct(shape, jnp.float32)
    return jax.eval_shape(lambda arrays, x: nnx.merge(graph, arrays)(x), arrays, given).shape


def written(path):
    """The path of an array as it stands in the code: ``encoder[0].convs[1].kernel``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def loss(model, x):
    return (model(x) ** 2).mean()


@nnx.jit
def output_and_gradients(model, x):
    """The output, and the gradients of its loss by the parameters and the image: compiled together, once."""

    def with_output(model, x):
        y = model(x)
        return (y**2).mean(), y

    (_, y), grads = nnx.value_and_grad(with_output, argnums=(0, 1), has_aux=True)(model, x)
    return y, *grads


# Presets.


def test_the_two_level_preset_is_unet2_parameter_by_parameter_and_value_by_value():
    ours = UNet(UNetConfig(levels=1, base_channels=4), 3, 2, rngs=nnx.Rngs(7))
    theirs = UNet2(UNet2Config(base_channels=4), 3, 2, rngs=nnx.Rngs(7))
    paths = ("encoder[0].convs[0]", "encoder[0].convs[1]", "bottom.convs[0]", "bottom.convs[1]", "up[0]")
    paths += ("decoder[0].convs[0]", "decoder[0].convs[1]", "head")
    for layer, path in zip(LAYERS, paths, strict=True):
        mine, its = eval(f"ours.{path}", {"ours": ours}), getattr(theirs, layer.name)
        assert (mine.kernel[...] == its.kernel[...]).all()
        assert (mine.bias[...] == its.bias[...]).all()
    assert len(jax.tree.leaves(nnx.state(ours))) == 2 * len(LAYERS)
    x = image(3, 10, 14)
    (our_y, mine, d_x), (their_y, its, their_d_x) = (output_and_gradients(model, x) for model in (ours, theirs))
    assert (our_y == their_y).all()
    assert (d_x == their_d_x).all()
    by_shape = [sorted(np.asarray(g).tobytes() for g in jax.tree.leaves(grads)) for grads in (mine, its)]
    assert by_shape[0] == by_shape[1]
    assert [s.parameters for s in stages(ours.cfg, (3, 10, 14), out_channels=2) if s.parameters] == [
        int(np.prod(kernel)) + bias[0] for _, kernel, bias in layer_parameters(UNet2Config(base_channels=4), 3, 2)
    ]


def tiny_pair(features):
    """The preset and the NNX network, with the same parameters, each in its layout."""
    tiny = TinyUNet(3, features, rngs=nnx.Rngs(3))
    ours = UNet(replace(PRESETS["tiny"], base_channels=features), 3, features, rngs=nnx.Rngs(0))
    blocks = {"enc1": ours.encoder[0], "enc2": ours.encoder[1], "bottom": ours.bottom}
    for name, block in (blocks | {"dec2": ours.decoder[1], "dec1": ours.decoder[0]}).items():
        theirs, mine = getattr(tiny, name), block.convs[0]
        mine.conv.kernel[...] = theirs.conv.kernel[...].transpose(3, 2, 0, 1)
        mine.conv.bias[...] = theirs.conv.bias[...]
        mine.norm.norm.scale[...], mine.norm.norm.bias[...] = theirs.bn.scale[...], theirs.bn.bias[...]
    for mine, theirs in ((ours.up[0], tiny.up1), (ours.up[1], tiny.up2)):
        # Flax's transposed convolution is one with its kernel turned round.
        mine.kernel[...] = jnp.flip(theirs.kernel[...], (0, 1)).transpose(2, 3, 0, 1)
        mine.bias[...] = theirs.bias[...]
    return ours, tiny


@pytest.mark.slow
def test_the_tiny_preset_is_the_tiny_unet_after_transposing_layouts():
    ours, tiny = tiny_pair(4)
    x = image(3, 12, 20)
    last = x.transpose(1, 2, 0)
    (y, mine, d_x), (last_y, its, d_last) = output_and_gradients(ours, x), output_and_gradients(tiny, last)
    assert np.allclose(y, last_y.transpose(2, 0, 1), atol=2e-5)
    assert np.allclose(d_x, d_last.transpose(2, 0, 1), atol=1e-4 * float(jnp.abs(d_last).max()))
    for of_mine, of_its in ((mine.decoder[0], its.dec1), (mine.bottom, its.bottom), (mine.encoder[0], its.enc1)):
        d_kernel = of_its.conv.kernel[...].transpose(3, 2, 0, 1)
        assert np.allclose(of_mine.convs[0].conv.kernel[...], d_kernel, atol=1e-4 * float(jnp.abs(d_kernel).max()))
    ours.eval(), tiny.eval()
    evaluated = nnx.jit(lambda model, x: model(x))
    assert np.allclose(evaluated(ours, x), evaluated(tiny, last).transpose(2, 0, 1), atol=2e-5)


@pytest.mark.slow
def test_with_the_skip_first_the_tiny_preset_would_be_another_network():
    ours, tiny = tiny_pair(4)
    other = UNet(replace(ours.cfg, concat="skip first"), 3, 4, rngs=nnx.Rngs(0))
    nnx.update(other, nnx.state(ours))
    x = image(3, 12, 20)
    assert np.allclose(ours(x), tiny(x.transpose(1, 2, 0)).transpose(2, 0, 1), atol=2e-5)
    assert not np.allclose(other(x), tiny(x.transpose(1, 2, 0)).transpose(2, 0, 1), atol=1e-2)


def test_ronneberger_s_network_makes_388_of_572():
    model = built(PRESETS["ronneberger2015"], in_channels=1)
    assert shape_of(model, 1, 572, 572) == (2, 388, 388)
    assert sum(array.size for array in jax.tree.leaves(nnx.state(model))) == 31_030_658
    with pytest.raises(ShapeError, match="n ≡ 12"):
        shape_of(model, 1, 570, 572)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", sparse(FAMILY, lambda name: FAMILY[name].levels < 4 or name == "ronneberger2015"))
def test_the_sizes_of_a_preset_are_those_that_run(name):
    cfg = replace(FAMILY[name], base_channels=2)
    fit, model = compatible_sizes(cfg), built(cfg)
    start = fit.minimum
    wide = start + fit.period  # so that no norm is left with a single position
    for n in range(max(start - 6, 1), start + 20):
        assert runs(model, n, wide) == (n in fit), n
    assert not runs(model, wide, start - 1)
    assert runs(model, wide, start)


def runs(model, *sizes):
    """Whether JAX traces it, with nobody to ask before whether it fits, and every node has what it needs."""
    graph, arrays = nnx.split(model)
    network = model.network
    names = [node.name for node in network.nodes]
    given = jax.ShapeDtypeStruct((model.in_channels, *sizes), jnp.float32)
    try:
        with patch("wellshaped.models.networks.typed_network.require_fit"):
            results = jax.eval_shape(lambda arrays, x: nnx.merge(graph, arrays).results(x, names=names), arrays, given)
    except (TypeError, ValueError):  # JAX's errors for shapes that differ, or are negative
        return False
    shapes = {name: result.shape for name, result in results.items()} | {"x": given.shape}
    if not all(has_what_it_needs(node, [shapes[name] for name in node.inputs]) for node in network.nodes):
        return False
    if any(0 in shape for shape in shapes.values()):
        return False
    assert shapes[names[-1]] == (model.out_channels, *(model.size(n, axis) for axis, n in enumerate(sizes)))
    return True


def has_what_it_needs(node, given):
    """What JAX does not require: sizes that are not broadcast, crops that cut, an even crop, several values a norm."""
    (channels, *sizes), *others = given
    match node.operation:
        case Add() | Concat():
            return all(other[1:] == (*sizes,) for other in others)
        case CropTo():
            lost = [n - to for n, to in zip(sizes, others[0][1:], strict=True)]
            return min(lost) >= 0 and (node.operation.odd != "never" or all(n % 2 == 0 for n in lost))
        case Norm("group"):
            return channels // node.operation.groups * np.prod(sizes) > 1
        case Norm("instance"):
            return np.prod(sizes) > 1
    return True


@pytest.mark.one_in(3)
@pytest.mark.parametrize("levels", range(1, 6))
@pytest.mark.parametrize("padding", ["same", "none"])
def test_one_to_five_levels_take_exactly_their_sizes(levels, padding):
    cfg = UNetConfig(levels=levels, base_channels=1, convs_per_block=1, padding=padding)
    fit, model = compatible_sizes(cfg), built(cfg)
    start, period = fit.minimum, fit.period
    assert period == 2**levels
    candidates = {*range(start - 2, start + 3), start + period, start + period // 2, start + period - 1, 1}
    for n in sorted(n for n in candidates if n >= 1):
        assert runs(model, n, start) == (n in fit), n


# Any combination of options.


@settings(max_examples=8, phases=PHASES)
@given(unet_configs() | unet_configs(max_levels=2, by_level=True), st.data())
def test_any_config_takes_exactly_its_sizes_and_has_the_parameters_and_shapes_of_its_stages(cfg, data):
    model, shapes = built(cfg), compatible_shapes(cfg)
    size, *others = data.draw(image_sizes(cfg))
    *_, last = stages(cfg, (3, size, *others), out_channels=outs(cfg))
    assert shape_of(model, 3, size, *others) == last.shape
    arrays = dict(nnx.to_flat_state(nnx.state(model, nnx.Param)))
    assert {written(path): array.shape for path, array in arrays.items()} == {
        f"{layer}.{name}": shape
        for layer, of_it in parameter_shapes(cfg, 3, outs(cfg)).items()
        for name, shape in of_it.items()
    }
    for n in {max(1, size - 1), size + 1}:
        assert runs(model, n, *others) == ((n, *others) in shapes), n


@pytest.mark.one_in(3)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_a_config_of_any_axes_is_the_typed_network_of_its_graph_with_its_layers_at_their_paths(axes):
    cfg = UNetConfig(
        levels=2,
        axes=axes,
        base_channels=2,
        convs_per_block=(1, 2, 1),
        stride=(2, 3),
        downsampling=("stride", "average"),
        upsampling=("depth to space", "transposed"),
        upsampling_kernel=4,
        skip=("add", "none"),
        norm="batch",
        activation="prelu",
        order="activation first",
        residual=(True, False, False),
    )
    model, other = UNet(cfg, 1, 2, rngs=nnx.Rngs(0)), TypedNetwork(graph_of(cfg, 1, 2), rngs=nnx.Rngs(0))
    assert isinstance(model, TypedNetwork)
    assert model.network == other.network
    arrays = dict(nnx.to_flat_state(nnx.state(model, nnx.Param)))
    others = {f"{of[1]}.{of[2]}": array for of, array in nnx.to_flat_state(nnx.state(other, nnx.Param))}
    assert {written(path): array[...].tolist() for path, array in arrays.items()} == {
        path: array[...].tolist() for path, array in others.items()
    }
    x = jax.random.normal(jax.random.key(0), (1, 12, 18, 6)[: axes + 1])
    run = nnx.jit(lambda model, x: model(x))
    y = run(model, x)
    assert (y == run(other, x)).all()
    assert y.shape == (2, *x.shape[1:]) == (2, *(model.size(n, axis) for axis, n in enumerate(x.shape[1:])))
    with pytest.raises(ShapeError) as error:
        model(x[:, :11])
    assert str(error.value) == str(check(cfg, (1, 11, *x.shape[2:]), out_channels=2))
    with pytest.raises(ShapeError, match=f"must have {axes + 1}"):
        model(x[None])


def test_a_network_keeps_less_for_a_gradient_where_it_computes_again():
    cfg = UNetConfig(levels=1, base_channels=2)
    plain, again = (UNet(cfg, 1, 2, remat=of, rngs=nnx.Rngs(0)) for of in ((), "*"))
    x = image(1, 4, 6)
    graph, arrays = nnx.split(again)
    assert "remat" in str(jax.make_jaxpr(lambda arrays, x: nnx.merge(graph, arrays)(x))(arrays, x))
    for mine, other in zip(*(output_and_gradients(model, x) for model in (plain, again)), strict=True):
        assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(*map(jax.tree.leaves, (mine, other)), strict=True))
    with pytest.raises(UsageError, match="no node has such a name"):
        UNet(cfg, 1, 2, remat="no*", rngs=nnx.Rngs(0))


def assert_works_in_both_modes(cfg):
    model = UNet(cfg, 1, outs(cfg), rngs=nnx.Rngs(0))
    n = compatible_sizes(cfg).minimum
    height, width = compatible_shapes(cfg).above((n, n + compatible_sizes(cfg).period))
    x = image(1, height, width)
    value, grads = nnx.jit(nnx.value_and_grad(loss))(model, x)
    assert np.isfinite(value)
    assert all(np.isfinite(g).all() for g in jax.tree.leaves(grads))
    model.eval()
    batch = jnp.stack([x, 2 * x])
    alone = jax.jit(model)
    each = jnp.stack([alone(one) for one in batch])
    assert np.allclose(jax.jit(jax.vmap(model))(batch), each, atol=1e-4 * float(jnp.abs(each).max()) + 1e-6)


def test_a_config_works_in_both_modes_under_jit_vmap_and_grad():
    assert_works_in_both_modes(UNetConfig(levels=1, base_channels=2, norm="batch", residual=True, join="pad"))


@pytest.mark.slow
@settings(max_examples=3, phases=PHASES)
@given(unet_configs(max_levels=2, max_channels=3))
def test_any_config_works_in_both_modes_under_jit_vmap_and_grad(cfg):
    assert_works_in_both_modes(cfg)


def test_training_over_a_batch_shares_its_statistics_under_an_axis_name():
    cfg = UNetConfig(levels=1, base_channels=2, convs_per_block=1, norm="batch", residual=True)
    model, alone = (UNet(cfg, 1, 2, axis_name=name, rngs=nnx.Rngs(0)) for name in ("batch", None))
    batch = jnp.stack([image(1, 4, 6, seed) for seed in range(3)])
    y = nnx.vmap(lambda m, x: m(x), in_axes=(None, 0), axis_name="batch")(model, batch)
    assert y.shape == (3, 2, 4, 6)
    of_batch = model.encoder[0].convs[0].norm.norm.mean[...]
    convolved = jnp.stack([alone.results(x, names="encoder[0].convs[0].conv").popitem()[1] for x in batch])
    assert np.allclose(of_batch, 0.01 * convolved.mean((0, 2, 3)), atol=1e-6)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_a_network_computes_in_its_dtype_and_keeps_float32(dtype):
    cfg = UNetConfig(levels=1, base_channels=2, norm="group", groups=2, residual=True, upsampling="bilinear")
    run = nnx.jit(lambda model, x: model(x))
    model = UNet(cfg, 1, 2, dtype=dtype, rngs=nnx.Rngs(0))
    y = run(model, image(1, 4, 6))
    assert y.dtype == dtype
    assert all(p.dtype == jnp.float32 for p in jax.tree.leaves(nnx.state(model, nnx.Param)))
    exact = run(UNet(cfg, 1, 2, rngs=nnx.Rngs(0)), image(1, 4, 6))
    assert np.allclose(np.asarray(y, np.float32), exact, atol=0.05 * float(jnp.abs(exact).max()))


# What it rejects.


def test_the_network_rejects_with_the_explanation_of_check():
    cfg = UNetConfig(levels=2, base_channels=2)
    model = UNet(cfg, 3, 2, rngs=nnx.Rngs(0))
    with pytest.raises(ShapeError) as error:
        model(image(3, 10, 12))
    assert str(error.value) == str(check(cfg, (3, 10, 12), out_channels=2))
    with pytest.raises(ShapeError, match="it is 12, and must be 3; an"):
        model(jnp.ones((12, 12, 3)))
    with pytest.raises(ShapeError, match="it has 4 axes, and must have 3"):
        model(jnp.ones((1, 3, 12, 12)))


@pytest.mark.parametrize(
    ("numbers", "says"),
    [
        ((UNetConfig(levels=0), 3, 2), "levels=0 must be at least 1"),
        ((UNetConfig(head=False), 3, 2), "without a head out_channels=2 must be the channels of the first level, 64"),
        ((UNetConfig(), 0, 2), "in_channels=0 must be at least 1"),
        ((UNetConfig(), 1.5, 2), "in_channels=1.5 is a float"),
        ((UNet2Config(), 1, 2), "of type UNet2Config, and must be UNetConfig"),
    ],
    ids=str,
)
def test_a_network_that_cannot_be_built_is_rejected(numbers, says):
    with pytest.raises(WellshapedError, match=says):
        UNet(*numbers, rngs=nnx.Rngs(0))


# Layers.


def results(model, x, *names):
    return [np.asarray(y) for y in model.results(x, names=names).values()]


def test_a_residual_block_adds_what_it_was_given_before_its_last_relu():
    cfg = UNetConfig(levels=1, base_channels=3, multipliers=(1, 1), residual=True)
    model = UNet(cfg, 3, 2, rngs=nnx.Rngs(0))
    assert not hasattr(model.encoder[0], "shortcut")
    model.encoder[0].convs[1].kernel[...] = jnp.zeros((3, 3, 3, 3))
    x = image(3, 6, 8)
    (y,) = results(model, x, "encoder[0]")
    assert (y == np.maximum(x, 0)).all()
    bare = UNet(replace(cfg, padding="none"), 3, 2, rngs=nnx.Rngs(0))
    bare.encoder[0].convs[1].kernel[...] = jnp.zeros((3, 3, 3, 3))
    x = image(3, 20, 20)
    (y,) = results(bare, x, "encoder[0]")
    assert (y == np.maximum(x, 0)[:, 2:-2, 2:-2]).all()


def test_a_shortcut_projects_what_the_block_was_given():
    cfg = UNetConfig(levels=1, base_channels=5, residual=True, norm="batch")
    model = UNet(cfg, 2, 2, rngs=nnx.Rngs(0))
    model.encoder[0].convs[1].norm.norm.scale[...] = jnp.zeros(5)
    y, projected = results(model, image(2, 4, 6), "encoder[0]", "encoder[0].shortcut.norm")
    assert np.allclose(y, np.maximum(projected, 0), atol=1e-6)


def test_a_decoder_reads_the_skip_and_the_upsampled_image_as_one_joined_image():
    cfg = UNetConfig(levels=1, base_channels=32, convs_per_block=1, residual=True)
    model = UNet(cfg, 2, 2, rngs=nnx.Rngs(0))
    x = image(2, 8, 6)
    y, skip, up = results(model, x, "decoder[0].sum", "encoder[0]", "up[0]")
    joined = np.concatenate([skip, up])
    conv, shortcut = model.decoder[0].convs[0], model.decoder[0].shortcut
    expected = conv2d(joined, conv.kernel[...], conv.bias[...], padding=1)
    expected += conv2d(joined, shortcut.kernel[...], shortcut.bias[...])
    assert np.allclose(y, expected, atol=1e-4)


NORMS = {
    "batch": (partial(BatchNorm2d, 6), lambda x: (x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True))),
    "instance": (partial(InstanceNorm2d, 6), lambda x: (x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True))),
    "group": (
        partial(GroupNorm, 6, groups=2),
        lambda x: tuple(
            np.repeat(moment(x.reshape(2, -1), 1), 3)[:, None, None] for moment in (partial(np.mean), partial(np.var))
        ),
    ),
}


@pytest.mark.parametrize(("make", "moments"), NORMS.values(), ids=NORMS)
def test_a_normalisation_takes_off_the_mean_and_divides_by_the_deviation(make, moments):
    x = np.asarray(image(6, 5, 7)) + 3
    mean, variance = moments(x)
    assert np.allclose(make(rngs=nnx.Rngs(0))(x), (x - mean) / np.sqrt(variance + 1e-5), atol=1e-5)
    with pytest.raises(ShapeError, match="it is 5, and must be 6"):
        make(rngs=nnx.Rngs(0))(image(5, 6, 6))


def test_normalisations_of_no_channels_or_unequal_groups_are_rejected():
    for make in (BatchNorm2d, InstanceNorm2d, GroupNorm):
        with pytest.raises(ConfigError, match="channels=0 must be at least 1"):
            make(0, rngs=nnx.Rngs(0))
    with pytest.raises(ConfigError, match="groups=4 must divide channels=6") as error:
        GroupNorm(6, groups=4, rngs=nnx.Rngs(0))
    assert error.value.report.fixes == ("groups=3",)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=5)
def test_average_pooling_is_the_mean_of_each_window(kernel, stride, height, width):
    x, layer = np.asarray(image(2, height, width)), AvgPool2d(kernel, stride)
    if min(height, width) < kernel:
        with pytest.raises(ShapeError, match="the output would be empty"):
            layer(x)
        return
    windows = np.lib.stride_tricks.sliding_window_view(x, (kernel, kernel), (1, 2))[:, ::stride, ::stride]
    assert np.allclose(layer(x), windows.mean((3, 4)), atol=1e-6)


@pytest.mark.parametrize(
    "layer",
    [BatchNorm2d(2, rngs=nnx.Rngs(0)), InstanceNorm2d(2, rngs=nnx.Rngs(0))],
    ids=lambda layer: type(layer).__name__,
)
def test_an_image_without_pixels_is_rejected(layer):
    with pytest.raises(ShapeError, match=r"no pixels: its shape is \(2, 0, 4\)"):
        layer(jnp.ones((2, 0, 4)))


def test_resizing_repeats_or_interpolates():
    x = image(2, 3, 5)
    assert (Resize2d(3)(x) == jnp.repeat(jnp.repeat(x, 3, 1), 3, 2)).all()
    row = jnp.array([[[0.0, 4.0]]])
    assert Resize2d(2, "bilinear")(row)[0, 0].tolist() == [0.0, 1.0, 3.0, 4.0]
    cfg = UNetConfig(levels=1, base_channels=2, upsampling="bilinear")
    bottom, resized = results(UNet(cfg, 2, 2, rngs=nnx.Rngs(0)), image(2, 4, 6), "bottom", "up[0].resize")
    assert np.allclose(resized, Resize2d(2, "bilinear")(bottom), atol=1e-6)
    with pytest.raises(ConfigError, match="mode='cubic' must be one of 'nearest', 'nearest-exact', 'linear'"):
        Resize2d(2, "cubic")
    with pytest.raises(ConfigError, match="factor=0 must be at least 1"):
        Resize2d(0)
    with pytest.raises(ShapeError, match=r"of Resize2d with Resize\(factor=1048576\) does not fit.\n  largest: "):
        Resize2d(2**20)(x)


@pytest.mark.parametrize("make", [Conv2d, ConvTranspose2d])
def test_a_convolution_without_a_bias_is_one_with_a_bias_of_zero(make):
    with_bias, without = (make(2, 3, 3, use_bias=use, rngs=nnx.Rngs(0)) for use in (True, False))
    x = image(2, 6, 7)
    assert without.bias is None
    assert len(jax.tree.leaves(nnx.state(without))) == 1
    assert (without(x) == with_bias(x)).all()
    y = without(x)
    assert all((a == b).all() for a, b in zip(without.backward(x, y), with_bias.backward(x, y), strict=True))
    assert jax.tree.leaves(nnx.grad(loss)(without, x))[0].shape == without.kernel.shape


@pytest.mark.parametrize(("make", "moments"), NORMS.values(), ids=NORMS)
def test_a_normalisation_keeps_its_digits_beside_a_large_mean(make, moments):
    x = np.asarray(image(6, 16, 16)) + 1000
    mean, variance = moments(x.astype(np.float64))
    assert np.allclose(make(rngs=nnx.Rngs(0))(x), (x - mean) / np.sqrt(variance + 1e-5), atol=2e-3)
