"""``tiled(…, statistics=True)``: norms and means over the whole image, computed over tiles first."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import examples
from flax import nnx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiled_networks import CHANNELS, images_in_tiles, normal_numbers, with_values

from wellshaped.models import TypedNetwork, UNet, tiled
from wellshaped.models.tiling.statistics import Moments
from wellshaped.spec import UNetConfig, WellshapedError, graph_of
from wellshaped.spec.network import (
    Activation,
    Add,
    Concat,
    Conv,
    ConvTranspose,
    MaxPool,
    Mean,
    Multiply,
    Network,
    Node,
    Norm,
    ResizeTo,
    Scale,
)
from wellshaped.spec.network.statistics import statistics_in_order
from wellshaped.spec.presets.volumes import monai_basicunet

SAME = {"padding": 1, "channels": 4}

RESIDUAL = Network(
    {"x": 2},
    (
        Node("wide", Conv(3, **SAME)),
        Node("normed", Norm("instance")),
        Node("relu", Activation("relu")),
        Node("back", Conv(3, **SAME)),
        Node("back normed", Norm("group", groups=2)),
        Node("short", Conv(1, channels=4), "x"),
        Node("short normed", Norm("instance", affine=False)),
        Node("y", Add(), ("back normed", "short normed")),
    ),
)
"""Two norms that need no statistics of each other, ``normed`` and ``short normed``, and one after."""

SQUEEZED = Network(
    {"x": 2},
    (
        Node("wide", Conv(3, **SAME)),
        Node("mean", Mean()),
        Node("less", Conv(1, channels=2)),
        Node("relu", Activation("relu")),
        Node("more", Conv(1, channels=4)),
        Node("gate", Activation("sigmoid")),
        Node("gated", Multiply(broadcast="positions"), ("wide", "gate")),
        Node("pooled", MaxPool(2)),
        Node("normed", Norm("instance")),
        Node("up", ConvTranspose(2, 2, channels=4)),
        Node("y", Concat(), ("gated", "up")),
    ),
)
"""Squeeze and excitation, before an instance norm on a level below."""

SHARED = Network(
    {"x": 1},
    (
        Node("a", Conv(3, padding=1), layer="conv"),
        Node("b", Norm("instance"), layer="norm"),
        Node("c", Conv(3, padding=1), layer="conv"),
        Node("y", Norm("instance"), layer="norm"),
    ),
)
"""Two norms with one scale and one bias, and statistics of their own."""

POOLED_BRANCH = Network(
    {"x": 2},
    (
        Node("low", Conv(3, 2, padding=1, channels=4)),
        Node("mean", Mean()),
        Node("less", Conv(1, channels=3)),
        Node("normed", Norm("batch")),
        Node("back", ResizeTo(mode="linear"), ("normed", "low")),
        Node("joined", Concat(), ("low", "back")),
        Node("last", Conv(3, padding=1, channels=2)),
        Node("y", ResizeTo(mode="linear"), ("last", "x")),
    ),
)
"""The branch of a mean over all positions, resized to the size of another: as in DeepLab."""

MODELS = {
    "branch of a mean": (POOLED_BRANCH, (24, 28), 1),
    "residual": (RESIDUAL, (20, 24), 2),
    "squeeze and excitation": (SQUEEZED, (24, 28), 2),
    "shared": (SHARED, (20, 18), 2),
    "of the image itself": (
        Network({"x": 2}, (Node("n", Norm("instance")), Node("y", Conv(3, padding=1)))),
        (20, 9),
        1,
    ),
    "U-Net": (graph_of(UNetConfig(levels=1, base_channels=2, norm="group", groups=2), 2, 1), (40, 36), 6),
}


def drawn_image(channels, sizes, dtype=np.float32):
    """A mean and a spread that change over the image: those of one tile are wrong."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 5, sizes[-1])
    return (rng.normal(size=(channels, *sizes)) * (1 + ramp) + 3 * ramp).astype(dtype)


def with_random_values(network):
    model = with_values(network, normal_numbers(0))
    model.eval()
    return model


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("network", "sizes", "groups"), MODELS.values(), ids=MODELS)
def test_statistics_over_all_tiles_are_those_of_the_image(network, sizes, groups):
    model, image = with_random_values(network), drawn_image(network.image.channels, sizes)
    whole = np.asarray(jax.jit(model)(image))
    assert len(statistics_in_order(network)) == groups
    tile = [n - 4 for n in sizes]
    found = tiled(model, image, tile=tile, statistics=True, progress=False)
    np.testing.assert_allclose(found, whole, rtol=0, atol=2e-5 * np.abs(whole).max())
    with pytest.raises(WellshapedError, match="reads the whole image") as error:
        tiled(model, image, tile=tile, progress=False)
    passes = f"tiled(…, statistics=True): statistics first, over all tiles; {groups + 1} passes over the image"
    assert error.value.report.fixes[0] == passes


@pytest.mark.parametrize("network", [RESIDUAL, SQUEEZED], ids=["residual", "squeeze and excitation"])
def test_the_image_is_read_once_for_each_group_and_once_for_the_result(network):
    model, image = with_random_values(network), drawn_image(2, (24, 28))

    class Watched:
        shape, dtype, reads = image.shape, image.dtype, 0

        def __getitem__(self, where):
            part = image[where]
            assert part[0].size <= 16 * 28
            self.reads += 1
            return part

    watched = Watched()
    tiled(model, watched, tile=(16, 28), statistics=True, progress=False)
    assert watched.reads == 2 * (len(statistics_in_order(network)) + 1)


@st.composite
def normed(draw):
    """Random U-Nets with norms and gates over the image, in place of scales and activations."""
    network, sizes, tiling = draw(images_in_tiles(axes=(1, 2)))
    norms = [Norm("instance"), Norm("instance", affine=False), Norm("group", groups=1), Norm("group", groups=2)]
    nodes = [
        replace(node, operation=draw(st.sampled_from(norms)), inputs=node.inputs)
        if isinstance(node.operation, Scale | Activation)
        else node
        for node in network.nodes
    ]
    last = network.outputs[0]
    nodes += [Node("mean", Mean(), last), Node("gated", Multiply(broadcast="positions"), (last, "mean"))]
    return Network(network.inputs, [*nodes, Node("y", Norm("instance"))], axes=network.axes), sizes, tiling


def assert_alike(drawn):
    network, sizes, tiling = drawn
    with jax.enable_x64(True):
        model, image = with_random_values(network), drawn_image(CHANNELS, sizes, np.float64)
        whole = np.asarray(jax.jit(model)(image))
        found = tiled(model, image, tile=tiling.size, statistics=True, progress=False)
        np.testing.assert_allclose(found, whole, rtol=0, atol=1e-6)


@settings(examples(3), suppress_health_check=list(HealthCheck))
@given(normed())
def test_random_networks_with_statistics_are_alike(drawn):
    assert_alike(drawn)


@pytest.mark.exhaustive
@settings(examples(8), suppress_health_check=list(HealthCheck))
@given(normed())
def test_many_random_networks_with_statistics_are_alike(drawn):
    assert_alike(drawn)
    jax.clear_caches()


@pytest.mark.slow
def test_a_preset_with_instance_norms_is_tiled():
    network, depth, tile = monai_basicunet(features=(2, 2, 2, 2, 4, 2)), 224, 208
    model = TypedNetwork(network, rngs=nnx.Rngs(0))
    model.eval()
    image = drawn_image(1, (depth, 32, 32))
    definition, state = nnx.split(model)  # as constants, the parameters would be folded for minutes
    whole = np.asarray(jax.jit(lambda state, x: nnx.merge(definition, state)(x))(state, image))
    found = tiled(model, image, tile=(tile, 32, 32), statistics=True, progress=False)
    np.testing.assert_allclose(found, whole, rtol=0, atol=1e-4 * np.abs(whole).max())


def test_moments_of_parts_are_those_of_the_whole():
    rng = np.random.default_rng(0)
    values = (1e4 + rng.normal(size=(4, 30, 7))).astype(np.float32)  # a difference of means would lose all digits
    moments = Moments(4)
    for start, stop in ((0, 11), (11, 11), (11, 12), (12, 30)):
        moments.add(values[:, start:stop])
    exact = values.astype(np.float64)
    np.testing.assert_allclose(moments.mean, exact.mean((1, 2)), rtol=1e-12)
    np.testing.assert_allclose(moments.variance(4), exact.var((1, 2)), rtol=1e-9)
    grouped = exact.reshape(2, -1)
    np.testing.assert_allclose(moments.mean_of(2), np.repeat(grouped.mean(1), 2), rtol=1e-12)
    np.testing.assert_allclose(moments.variance(2), np.repeat(grouped.var(1), 2), rtol=1e-9)


def test_results_in_a_file_are_continued_only_with_the_same_statistics(tmp_path):
    model, path = with_random_values(SHARED), tmp_path / "y.npy"
    image = drawn_image(1, (20, 18))

    class Stops:
        shape, dtype = image.shape, image.dtype

        def __init__(self, after):
            self.after, self.reads = after, 0

        def __getitem__(self, where):
            self.reads += 1
            if self.reads > self.after:
                raise KeyboardInterrupt
            return image[where]

    undisturbed = Stops(1_000)
    tiled(model, undisturbed, tile=12, statistics=True, progress=False)
    with pytest.raises(KeyboardInterrupt):
        tiled(model, Stops(undisturbed.reads - 1), tile=12, out=path, statistics=True, progress=False)
    assert (tmp_path / "y.npy.tiles").exists()
    changed = image.copy()
    changed[:, -1, -1] += 100  # in the last tile alone, and in every statistic
    found = tiled(model, changed, tile=12, out=path, statistics=True, progress=False)
    np.testing.assert_allclose(found, np.asarray(model(changed)), atol=1e-4)


def test_memory_is_bounded_in_every_pass():
    model, image = with_random_values(SQUEEZED), drawn_image(2, (128, 128))
    whole = np.asarray(jax.jit(model)(image))
    found = tiled(model, image, memory="256 KiB", statistics=True, progress=False)
    np.testing.assert_allclose(found, whole, rtol=0, atol=2e-5 * np.abs(whole).max())
    with pytest.raises(WellshapedError, match=r"needs \d+ bytes, and memory is 1000"):
        tiled(model, image, memory=1000, statistics=True, progress=False)


def test_a_narrow_dtype_stays():
    model = TypedNetwork(SQUEEZED, dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    image = drawn_image(2, (24, 28))
    found = tiled(model, image, tile=20, statistics=True, progress=False)
    whole = np.asarray(model(image))
    assert found.dtype == whole.dtype == jnp.bfloat16
    np.testing.assert_allclose(found.astype(np.float32), whole.astype(np.float32), atol=0.1 * np.abs(whole).max())


def test_a_network_without_such_nodes_needs_no_pass():
    model = UNet(UNetConfig(levels=1, base_channels=2), 1, 1, rngs=nnx.Rngs(0))
    image = drawn_image(1, (64, 64))
    found = tiled(model, image, tile=40, statistics=True, progress=False)
    np.testing.assert_array_equal(found, tiled(model, image, tile=40, progress=False))


def test_statistics_of_a_function_can_not_be_given():
    with pytest.raises(WellshapedError, match="whose statistics can't be replaced") as error:
        tiled(lambda x: x, drawn_image(1, (20, 18)), tile=12, network=SHARED, statistics=True)
    assert error.value.report.fixes == ("a TypedNetwork or a UNet",)


def test_statistics_of_a_layer_that_was_replaced_can_not_be_given():
    model = TypedNetwork(SHARED, rngs=nnx.Rngs(0))
    model.layers["norm"] = nnx.InstanceNorm(1, epsilon=1.0, rngs=nnx.Rngs(0))
    with pytest.raises(WellshapedError, match="norm is not the layer that the network has there"):
        tiled(model, drawn_image(1, (20, 18)), tile=12, statistics=True, progress=False)
    with pytest.raises(WellshapedError, match="reads the whole image") as error:
        tiled(model, drawn_image(1, (20, 18)), tile=12, progress=False)
    assert error.value.report.fixes == ("run the whole image at once, without tiles",)


def after_mean(*nodes):
    return Network({"x": 1}, (Node("a", Conv(3, **SAME)), Node("m", Mean()), *nodes))


NOTHING_TO_TILE = {
    "the result is a mean": (after_mean(), "the size of m, which is the result"),
    "the result is of a mean": (after_mean(Node("y", Conv(1))), "the size of y, which is the result"),
    "a mean of a mean": (
        after_mean(Node("of m", Mean()), Node("y", Multiply(broadcast="positions"), ("a", "of m"))),
        "the size of m, which a later norm or mean averages",
    ),
    "a norm of a mean": (
        after_mean(Node("of m", Norm("group", groups=1)), Node("y", Multiply(broadcast="positions"), ("a", "of m"))),
        "the size of m, which a later norm or mean averages",
    ),
}


@pytest.mark.parametrize(("network", "says"), NOTHING_TO_TILE.values(), ids=NOTHING_TO_TILE)
def test_what_has_nothing_to_tile_is_reported(network, says):
    model = TypedNetwork(network, rngs=nnx.Rngs(0))
    with pytest.raises(WellshapedError, match=says) as error:
        tiled(model, drawn_image(1, (20, 18)), tile=12, statistics=True, progress=False)
    assert error.value.report.fixes == ("model(image)",)
