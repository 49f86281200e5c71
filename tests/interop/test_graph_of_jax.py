"""Graphs read from somebody's JAX network: they have the network's sizes at every node, or there is none."""

from dataclasses import replace
from functools import cache, partial

import equinox as eqx
import flax.linen as linen
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import examples
from flax import nnx
from hypothesis import HealthCheck, assume, given, settings
from jax import lax
from lax_networks import as_function, as_jax_has_it

from wellshaped import PRESETS, UNet, UNet2, UNet2Config, UNetConfig, check, compatible_sizes, explain, plan, stages
from wellshaped.interop import Budget, graph_of_jax, read_jax
from wellshaped.proofs_of_shape.strategies import graphs
from wellshaped.spec import WellshapedError, graph_of, parameter_shapes
from wellshaped.spec.network import (
    Activation,
    Add,
    AvgPool,
    Concat,
    Conv,
    ConvTranspose,
    Crop,
    CropTo,
    DepthToSpace,
    MaxPool,
    Mean,
    Multiply,
    Norm,
    Pad,
    PadTo,
    PadToMultiple,
    Require,
    Resize,
    ResizeTo,
    SpaceToDepth,
    Window,
    sizes_that_fit,
)
from wellshaped.spec.network.reading import reads_of
from wellshaped.spec.reference import graph_value


def kinds(network):
    return [type(node.operation).__name__ for node in network.nodes]


def only(network, kind):
    (node,) = [node for node in network.nodes if isinstance(node.operation, kind)]
    return node.operation


# A network of this library.

CONFIGS = {
    "the source": UNet2Config(base_channels=2),
    "another pooling": UNet2Config(base_channels=1, pool_kernel=3, pool_stride=3, up_kernel=3, up_stride=3),
    "tiny": replace(PRESETS["tiny"], base_channels=3),
    "nearest": UNetConfig(levels=2, base_channels=2, upsampling="nearest"),
    "bilinear": UNetConfig(levels=1, base_channels=2, upsampling="bilinear"),
    "padded joins": UNetConfig(levels=2, base_channels=2, join="pad"),
    "valid": UNetConfig(levels=1, base_channels=2, padding="none", join="crop"),
    "instance norm": UNetConfig(levels=1, base_channels=2, norm="instance"),
    "group norm": UNetConfig(levels=1, base_channels=4, norm="group", groups=2),
    "residual": UNetConfig(levels=1, base_channels=2, residual=True),
}


SLOW = {"tiny", "group norm", "residual", "another pooling", "nearest", "bilinear", "instance norm", "padded joins"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in CONFIGS])
def test_our_own_network_is_read_back_as_its_graph(name):
    config = CONFIGS[name]
    build = UNet2 if isinstance(config, UNet2Config) else UNet
    model = nnx.eval_shape(lambda: build(config, 1, 3, rngs=nnx.Rngs(0)))
    model.eval()
    read, own = graph_of_jax(model, "1 H W"), graph_of(config, 1, 3)
    for axis in (0, 1):
        assert sizes_that_fit(read, axis) == sizes_that_fit(own, axis)
    layers = {node.path: node for node in own.nodes if node.operation.parameters([1], 2)}
    for node in read.nodes:
        alike = layers.pop(node.path, None)
        if alike is not None:
            assert node.operation == alike.operation
            assert read.channels[node.name] == own.channels[alike.name]
    assert not layers, "every layer is read"
    assert read.channels[read.outputs[0]] == own.channels[own.outputs[0]] == 3


# Networks of others.


class Block(nnx.Module):
    def __init__(self, ins, outs, rngs, norm=True):
        self.conv = nnx.Conv(ins, outs, (3, 3), rngs=rngs)
        self.norm = nnx.BatchNorm(outs, use_running_average=True, rngs=rngs) if norm else None

    def __call__(self, x):
        x = self.conv(x)
        return nnx.relu(x if self.norm is None else self.norm(x))


class SqueezeExcite(nnx.Module):
    def __init__(self, channels, rngs):
        self.down, self.up = nnx.Linear(channels, 2, rngs=rngs), nnx.Linear(2, channels, rngs=rngs)

    def __call__(self, x):
        weights = nnx.sigmoid(self.up(nnx.relu(self.down(x.mean((-3, -2), keepdims=True)))))
        return x * weights


class Gate(nnx.Module):
    def __init__(self, channels, rngs):
        self.of_skip, self.of_up = (nnx.Conv(channels, 2, (1, 1), rngs=rngs) for _ in range(2))
        self.psi = nnx.Conv(2, 1, (1, 1), rngs=rngs)

    def __call__(self, skip, up):
        return skip * nnx.sigmoid(self.psi(nnx.relu(self.of_skip(skip) + self.of_up(up))))


class Net(nnx.Module):
    """Two levels, with a choice of how to go down, up, and join."""

    def __init__(self, rngs, down="pool", up="transposed", join="concat", fit="none", gate=False, excite=False):
        self.down, self.join, self.fit = down, join, fit
        widths = [4, 8, 16]
        ins = [3, 4, 8]
        self.encoder = nnx.List([Block(ins[i], widths[i], rngs, norm=excite) for i in range(3)])
        self.strided = nnx.List(
            [nnx.Conv(widths[i], widths[i], (3, 3), 2, padding="SAME", rngs=rngs) for i in range(2)]
        )
        self.up = nnx.List(
            [
                nnx.ConvTranspose(widths[i + 1], widths[i], (2, 2), (2, 2), rngs=rngs)
                if up == "transposed"
                else nnx.Conv(widths[i + 1], widths[i], (1, 1), rngs=rngs)
                for i in range(2)
            ]
        )
        self.how = up
        double = 2 if join == "concat" else 1
        self.decoder = nnx.List([Block(double * widths[i], widths[i], rngs, norm=False) for i in range(2)])
        self.gate = nnx.List([Gate(widths[i], rngs) for i in range(2)]) if gate else None
        self.excite = nnx.List([SqueezeExcite(widths[i], rngs) for i in range(2)]) if excite else None

    def __call__(self, x):
        skips = []
        for i in range(2):
            x = self.encoder[i](x)
            if self.excite is not None:
                x = self.excite[i](x)
            skips.append(x)
            x = nnx.max_pool(x, (2, 2), (2, 2)) if self.down == "pool" else self.strided[i](x)
        x = self.encoder[2](x)
        for i in (1, 0):
            skip, x = skips[i], self.up[i](x)
            if self.how in ("nearest", "bilinear"):
                x = jax.image.resize(x, (*x.shape[:-3], 2 * x.shape[-3], 2 * x.shape[-2], x.shape[-1]), self.how)
            if self.how == "repeat":
                x = jnp.repeat(jnp.repeat(x, 2, axis=-3), 2, axis=-2)
            (h, w), (m, n) = skip.shape[-3:-1], x.shape[-3:-1]
            if self.fit == "crop":
                skip = skip[..., (h - m) // 2 : (h - m) // 2 + m, (w - n) // 2 : (w - n) // 2 + n, :]
            if self.fit == "crop the start":
                x = x[..., :h, :w, :]
            if self.fit == "pad":
                sides = [((h - m) // 2, h - m - (h - m) // 2), ((w - n) // 2, w - n - (w - n) // 2)]
                x = jnp.pad(x, [(0, 0)] * (x.ndim - 3) + [*sides, (0, 0)])
            if self.fit == "resize":
                x = jax.image.resize(x, (*x.shape[:-3], h, w, x.shape[-1]), "linear")
            if self.gate is not None:
                skip = self.gate[i](skip, x)
            x = self.decoder[i](jnp.concatenate([skip, x], -1) if self.join == "concat" else skip + x)
        return x


def net(**options):
    return nnx.eval_shape(lambda: Net(nnx.Rngs(0), **options))


@cache
def graph_of_the_plain_one():
    return graph_of_jax(net(), "N H W 3")


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    ("options", "expected", "has"),
    [
        ({}, "n ≡ 0 (mod 4), n ≥ 4", ConvTranspose(2, 2, channels=4)),
        pytest.param({"up": "nearest"}, "n ≡ 0 (mod 4), n ≥ 4", Resize(2), marks=pytest.mark.slow),
        pytest.param({"up": "bilinear"}, "n ≡ 0 (mod 4), n ≥ 4", Resize(2, mode="linear"), marks=pytest.mark.slow),
        ({"up": "repeat"}, "n ≡ 0 (mod 4), n ≥ 4", Resize(2)),
        ({"down": "strided"}, "n ≡ 0 (mod 4), n ≥ 4", Conv(3, 2, padding="SAME", channels=4)),
        pytest.param({"join": "add"}, "n ≡ 0 (mod 4), n ≥ 4", Add(), marks=pytest.mark.slow),
        pytest.param({"fit": "crop"}, "n ≥ 4", CropTo(), marks=pytest.mark.slow),
        pytest.param(
            {"fit": "crop the start", "down": "strided"}, "n ≥ 1", CropTo(), marks=pytest.mark.slow
        ),  # it crops at most one position
        ({"fit": "pad"}, "n ≥ 4", PadTo()),
        pytest.param({"fit": "resize"}, "n ≥ 4", ResizeTo(mode="linear"), marks=pytest.mark.slow),
        ({"gate": True}, "n ≡ 0 (mod 4), n ≥ 4", Multiply(broadcast="channels")),
        pytest.param({"excite": True}, "n ≡ 0 (mod 4), n ≥ 4", Multiply(broadcast="positions"), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_a_flax_network_is_read_with_its_operations(options, expected, has):
    graph = graph_of_jax(net(**options), "N H W 3") if options else graph_of_the_plain_one()
    assert str(compatible_sizes(graph)) == expected
    assert has in [node.operation for node in graph.nodes]
    assert graph.channels["encoder[2].conv"] == 16


def test_a_node_is_named_after_its_layer_and_every_question_can_be_asked():
    graph = graph_of_the_plain_one()
    names = [node.name for node in graph.nodes]
    assert names[:4] == ["encoder[0].conv", "encoder[0].conv.relu", "pooled1", "encoder[1].conv"]
    report = check(graph, (3, 100, 102))
    assert "joined1: width: encoder[1].conv.relu is 51, up[1] is 50, and they must be equal" in str(report)
    assert explain(graph, (100, 102)).causes[0].node == "joined1"
    assert "jnp.pad(x, ((0, 0), (0, 0), (0, 2)))" in str(plan(graph, (100, 102)))
    assert [stage.shape for stage in stages(graph, (3, 100, 104))][-1] == (4, 100, 104)


class Linen(linen.Module):
    @linen.compact
    def __call__(self, x, train=True):
        skip = linen.silu(linen.GroupNorm(2)(linen.Conv(4, (3, 3))(x)))
        x = linen.avg_pool(skip, (2, 2), (2, 2))
        x = linen.LayerNorm()(linen.Conv(4, (3, 3), kernel_dilation=2)(x))
        x = linen.ConvTranspose(4, (3, 3), (2, 2), padding="SAME")(linen.gelu(x))
        x = linen.BatchNorm(use_running_average=not train)(linen.Conv(4, (3, 3), feature_group_count=4)(x))
        return linen.Dense(1)(jnp.concatenate([skip, x], -1))


class Scaled(nnx.Module):
    """A function of an image with a factor for each channel after it."""

    def __init__(self, run):
        self.run, self.norm = run, nnx.RMSNorm(3, rngs=nnx.Rngs(0))
        self.factor = nnx.Param(jnp.ones(3))

    def __call__(self, x):
        return self.run(self, x) * self.factor


SCALED = {
    "a mean": (lambda net, x: x.mean((1, 2), keepdims=True), ["Mean()"]),
    "a mean without axes": (lambda net, x: x.mean((1, 2)), ["Mean()"]),
    "an average pooling": (lambda net, x: nnx.avg_pool(x, (2, 2), (2, 2)), ["AvgPool(kernel=2)"]),
    "a norm with a factor of its own": (lambda net, x: net.norm(x), ["Norm(kind='layer', epsilon=1e-06)"]),
    "an activation": (lambda net, x: nnx.relu(x), ["Activation()"]),
}


@pytest.mark.parametrize("before", SCALED)
def test_a_factor_of_its_own_is_a_scale(before):
    run, nodes = SCALED[before]
    graph = graph_of_jax(nnx.eval_shape(lambda: Scaled(run)), "N H W 3")
    assert [str(node.operation) for node in graph.nodes] == [*nodes, "Scale()"]


def test_a_sigmoid_of_a_multiple_is_no_silu():
    kinds = [graph_of_jax(lambda x, a=a: x * nnx.sigmoid(a(x)), "H W 3").nodes for a in (lambda x: x, lambda x: 2 * x)]
    assert [[node.operation for node in nodes] for nodes in kinds] == [[Activation("silu")], []]


# What has no step: one message says where it stands, and the sizes are still given.


def attention(x):
    n, h, w, c = x.shape
    y = x.reshape(n, h * w, 1, c)
    return jax.nn.dot_product_attention(y, y, y).reshape(x.shape)


def positions_multiplied(x):
    return jnp.einsum("nhwc,nhvc->nhwv", x, x)


def wrapped_around(x):
    return jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="wrap")


def written_into(x):
    return x.at[:, 1:3, :, :].set(0.0)


@pytest.mark.parametrize("run", [attention, positions_multiplied, wrapped_around, written_into])
def test_what_has_no_step_is_said_with_its_line_and_its_sizes_are_given(run):
    with pytest.raises(WellshapedError) as caught:
        graph_of_jax(run, "1 H W 4")
    said = str(caught.value)
    assert "no_step" in said
    assert "test_graph_of_jax.py:" in said
    assert len(said.splitlines()) <= 10
    assert read_jax(run, "1 H W 4")["H"]


@pytest.mark.parametrize("shape", ["N H W 3", "1 H W 3"])
def test_a_batch_norm_in_training_mode_is_no_node_because_a_tile_has_other_statistics(shape):
    block = nnx.eval_shape(lambda: Block(3, 4, nnx.Rngs(0)))
    block.train()
    with pytest.raises(WellshapedError) as caught:
        graph_of_jax(block, shape)
    for part in ("no_step", "training mode reads the whole batch", 'model.eval() first, or arguments such as {"train"'):
        assert part in " ".join(str(caught.value).split())
    assert read_jax(block, shape)["H"]
    block.eval()
    assert graph_of_jax(block, shape).node("norm").operation == Norm("batch")


def normalised_by_hand(x):
    return (x - x.mean((0, 1, 2))) / jnp.sqrt(x.var((0, 1, 2)) + 1e-5)


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        (nnx.BatchNorm(3, use_scale=False, use_bias=False, rngs=nnx.Rngs(0)), {}),
        (hk.transform_with_state(lambda x, train: hk.BatchNorm(True, True, 0.9)(x, train)), {"train": True}),
        (normalised_by_hand, {}),
    ],
    ids=["flax without a scale", "haiku", "by hand"],
)
def test_every_norm_with_the_statistics_of_the_batch_is_no_node(model, arguments):
    with pytest.raises(WellshapedError, match=r"reads the\s+whole batch"):
        graph_of_jax(model, "N H W 3", arguments=arguments)
    assert read_jax(model, "N H W 3", arguments=arguments)["H"]


def test_a_linen_network_is_read_with_its_norms():
    graph = graph_of_jax(Linen(), "N H W 3", arguments={"train": False})
    assert [(node.name, node.operation) for node in graph.nodes] == [
        ("Conv_0", Conv(3, padding=1, channels=4)),
        ("GroupNorm_0", Norm("group", groups=2, epsilon=1e-6)),
        ("GroupNorm_0.silu", Activation("silu")),
        ("pooled1", AvgPool(2)),
        ("Conv_1", Conv(3, padding=2, dilation=2, channels=4)),
        ("LayerNorm_0", Norm("layer", epsilon=1e-6)),
        ("LayerNorm_0.gelu_tanh", Activation("gelu_tanh")),
        ("ConvTranspose_0", ConvTranspose(3, 2, padding="SAME", channels=4)),
        ("Conv_2", Conv(3, padding=1, groups=4, channels=4)),
        ("BatchNorm_0", Norm("batch")),
        ("joined1", Concat()),
        ("Dense_0", Conv(1, channels=1)),
    ]
    assert str(compatible_sizes(graph)) == "n ≡ 0 (mod 2), n ≥ 2"


class Norms(nnx.Module):
    """Norms in a row, under ``nnx.jit``."""

    def __init__(self, rngs):
        self.rms, self.layer, self.instance = (
            kind(4, rngs=rngs) for kind in (nnx.RMSNorm, nnx.LayerNorm, nnx.InstanceNorm)
        )

    @nnx.jit
    def __call__(self, x):
        return x + jax.nn.elu(self.instance(self.layer(self.rms(x))))


def test_norms_in_a_row_are_nodes_of_their_own():
    graph = graph_of_jax(Norms(nnx.Rngs(0)), "N H W 4")
    assert [(node.name, node.operation) for node in graph.nodes] == [
        ("rms", Norm("layer", epsilon=1e-6)),
        ("layer", Norm("layer", epsilon=1e-6)),
        ("instance", Norm("instance", epsilon=1e-6)),
        ("instance.elu", Activation("elu")),
        ("sum1", Add()),
    ]


def haiku_network(x, is_training):
    skip = jax.nn.relu(hk.BatchNorm(True, True, 0.9)(hk.Conv2D(4, 3, name="first")(x), is_training))
    x = hk.Conv2D(8, 3, 2, name="down")(hk.max_pool(skip, (1, 2, 2, 1), (1, 2, 2, 1), "SAME"))
    x = hk.Conv2DTranspose(4, 3, 2, name="up")(hk.Conv2DTranspose(4, 4, 2, name="twice")(x))
    return jnp.concatenate([skip, x[:, : skip.shape[1], : skip.shape[2]]], -1)


def test_a_haiku_network_is_read_with_its_names():
    graph = graph_of_jax(hk.transform_with_state(haiku_network), "N H W 3", arguments={"is_training": False})
    names = ["first", "batch_norm", "batch_norm.relu", "pooled1", "down", "twice", "up", "cropped1", "joined1"]
    assert [node.name for node in graph.nodes] == names
    assert graph.node("pooled1").operation == MaxPool(2, padding="SAME")
    assert graph.node("cropped1").operation == CropTo(0)
    assert str(compatible_sizes(graph)) == "n ≥ 1"


class Equinox(eqx.Module):
    conv: eqx.nn.Conv2d
    norm: eqx.nn.GroupNorm
    up: eqx.nn.ConvTranspose2d

    def __init__(self):
        self.conv = eqx.nn.Conv2d(3, 4, 3, padding=1, key=jax.random.key(0))
        self.norm = eqx.nn.GroupNorm(2, 4)
        self.up = eqx.nn.ConvTranspose2d(4, 4, 2, stride=2, key=jax.random.key(0))

    def __call__(self, x):
        skip = jax.nn.silu(self.norm(self.conv(x)))
        return skip + self.up(eqx.nn.MaxPool2d(2, 2)(skip))


def test_an_equinox_network_is_read_with_its_names():
    model = Equinox()
    graph = graph_of_jax(model, "3 H W")
    assert [node.name for node in graph.nodes] == ["conv", "norm", "norm.silu", "pooled1", "up", "sum1"]
    assert graph.node("norm").operation == Norm("group", groups=2)


def test_the_activations_of_jax_are_read_by_their_names():
    functions = jax.nn.relu6, jax.nn.hard_sigmoid, jax.nn.hard_swish, jax.nn.mish, jax.nn.selu, jax.nn.softplus

    def model(x):
        for function in functions:
            x = function(x)
        x = jax.nn.gelu(x)
        x = jax.nn.gelu(lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2), (1, 1, 2), "VALID"), approximate=False)
        return lax.slice_in_dim(x, 0, x.shape[2], 2, axis=2)  # older versions of JAX gather for x[:, :, ::2]

    kinds = ("relu6", "hardsigmoid", "hardswish", "mish", "selu", "softplus", "gelu_tanh", "gelu")
    operations = [node.operation for node in graph_of_jax(model, "1 4 L").nodes]
    assert [of for of in operations if isinstance(of, Activation)] == [*map(Activation, kinds)]


@pytest.mark.slow
def test_an_equinox_network_that_is_mapped_over_a_batch_is_the_same_graph():
    graph, of_batch = graph_of_jax(Equinox(), "3 H W"), graph_of_jax(jax.vmap(Equinox()), "N 3 H W")
    assert of_batch.nodes == graph.nodes


# Plain functions.


def kernel(ins, outs, *sizes):
    return jnp.ones((*sizes, ins, outs))


def conv(x, k, stride=1, padding="SAME", **more):
    spatial = "DHW"[4 - x.ndim :]
    layout = (f"N{spatial}C", f"{spatial}IO", f"N{spatial}C")
    return lax.conv_general_dilated(x[None], k, (stride,) * len(spatial), padding, dimension_numbers=layout, **more)[0]


def pixel_shuffle(x):
    h, w, c = x.shape
    return x.reshape(h, w, 2, 2, c // 4).transpose(0, 2, 1, 3, 4).reshape(2 * h, 2 * w, c // 4)


def patches(x):
    h, w, c = x.shape
    return x.reshape(h // 4, 4, w // 4, 4, c).transpose(0, 2, 1, 3, 4).reshape(h // 4, w // 4, 16 * c)


def padded_to_a_multiple(x):
    h, w, _ = x.shape
    y = jnp.pad(x, ((0, -h % 16), (0, -w % 16), (0, 0)))
    y = conv(y, kernel(4, 4, 3, 3))
    return y[:h, :w]


def halved_and_repeated(x):
    x = lax.reduce_window(x, -jnp.inf, lax.max, (2, 2, 1), (2, 2, 1), "VALID")
    return jnp.repeat(jnp.repeat(x, 2, 0), 2, 1)


def cropped_to_a_repeat(x):
    y = halved_and_repeated(x)
    return x[: y.shape[0], : y.shape[1]] + y


def cropped_to_a_cropped_repeat(x):
    y = halved_and_repeated(x)[: x.shape[0] - 1, : x.shape[1] - 1]
    return y + x[: y.shape[0], : y.shape[1]]


FUNCTIONS = {
    "pixel shuffle": (pixel_shuffle, "H W 4", [DepthToSpace(2)]),
    "patches": (patches, "H W 2", [SpaceToDepth(4)]),
    "a pad to a multiple": (
        padded_to_a_multiple,
        "H W 4",
        [PadToMultiple(16), Conv(3, padding=1, channels=4, bias=False), CropTo(0)],
    ),
    "mean of blocks": (
        lambda x: x.reshape(x.shape[0] // 2, 2, 4).mean(1),
        "L 4",
        [Require(multiple=2), AvgPool(2)],
    ),
    "mirrored": (lambda x: jnp.pad(x, ((2, 3), (1, 1), (0, 0)), "reflect"), "H W 4", None),
    "repeated edge": (lambda x: jnp.pad(x, ((2, 2), (2, 2), (0, 0)), "edge"), "H W 4", [Pad(2, mode="replicated")]),
    "every second": (  # x[::2, ::2] is the same, except on the lowest version of JAX, where it is a gather
        lambda x: lax.slice(x, (0, 0, 0), x.shape, (2, 2, 1)),
        "H W 4",
        [Window(1, 2)],
    ),
    "mean": (lambda x: x.mean((0, 1)), "H W 4", [Mean()]),
    "channels first": (
        lambda x: lax.conv_general_dilated(x, jnp.ones((5, 3, 3, 3)), (1, 1), ((0, 0), (1, 1))),
        "N 3 H W",
        [Conv(3, padding=(0, 1), channels=5, bias=False)],
    ),
    "one axis": (lambda x: conv(x, kernel(4, 4, 3), 2), "L 4", [Conv(3, 2, padding="SAME", channels=4, bias=False)]),
    "three axes": (
        lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"),
        "D H W 4",
        [MaxPool((1, 2, 2))],
    ),
    "negative padding": (
        lambda x: conv(x, kernel(4, 4, 3), 1, [(-2, 0)]),
        "L 4",
        None,
    ),
    "half the channels": (lambda x: x[..., 2:] * jax.nn.sigmoid(x[..., :2]), "L 4", None),
    "a product with a matrix": (lambda x: x @ jnp.ones((4, 7)), "H W 4", [Conv(1, channels=7, bias=False)]),
    "softmax": (lambda x: jax.nn.softmax(x), "L 4", [Activation("softmax")]),
    "leaky": (lambda x: jax.nn.leaky_relu(x, 0.2), "L 4", [Activation("leaky_relu", slope=0.2)]),
    "no channels": (lambda x: x[1:-1], "L", None),
    "interleaved": (lambda x: jnp.stack([x, x], 1).reshape(-1, 4), "L 4", [Resize(2)]),
    "a crop to a repeat": (cropped_to_a_repeat, "H W 4", [MaxPool(2), Resize(2), CropTo(), Add()]),
    "a crop to a cropped repeat": (
        cropped_to_a_cropped_repeat,
        "H W 4",
        [MaxPool(2), Resize(2), Crop(((0, 1),)), CropTo(), Add()],
    ),
    "spread": (
        lambda x: jnp.concatenate([x, jnp.broadcast_to(x.mean(0), x.shape)], -1),
        "L 4",
        [Mean(), ResizeTo(), Concat()],
    ),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_read(name):
    function, shape, expected = FUNCTIONS[name]
    graph = graph_of_jax(function, shape)
    answer = read_jax(function, shape)
    for k, axis in enumerate(name for name in answer.axes if name != "N"):
        assert sizes_that_fit(graph, k) == answer[axis]
    if expected is not None:
        assert [node.operation for node in graph.nodes] == expected


def test_several_images_and_a_vector():
    def run(x, y, t):
        return jnp.concatenate([x, y], -1) + (t @ jnp.ones((6, 5)))[None, None]

    graph = graph_of_jax(run, "H W 3", "H W 2", "6")
    assert [(given.channels, given.single) for given in graph.inputs] == [(3, False), (2, False), (6, True)]
    assert kinds(graph) == ["Concat", "Conv", "Add"]


class Written(nnx.Module):
    """What a function computes of an image and a few layers."""

    def __init__(self, function):
        self.function, rngs = function, nnx.Rngs(0)
        self.conv = nnx.Conv(4, 4, (3, 3), rngs=rngs)
        self.layer = nnx.LayerNorm(4, rngs=rngs)
        self.group = nnx.GroupNorm(4, num_groups=2, rngs=rngs)
        self.batch = nnx.BatchNorm(4, use_running_average=True, rngs=rngs)
        self.plain = nnx.BatchNorm(4, use_scale=False, use_bias=False, use_running_average=True, rngs=rngs)
        self.without = nnx.Conv(4, 4, (3, 3), use_bias=False, rngs=rngs)
        self.head = nnx.Linear(4, 4, rngs=rngs)
        self.number, self.vector, self.bias = nnx.Param(jnp.ones(())), nnx.Param(jnp.ones(4)), nnx.Param(jnp.ones(4))

    def __call__(self, x):
        return self.function(self, x)


def means(x):
    return x.mean((1, 2), keepdims=True)


AS_WRITTEN = {
    "a layer norm of means": (lambda s, x: s.head(s.layer(s.conv(x).mean((1, 2)))), "mean, layer norm, conv"),
    "a group norm of means": (lambda s, x: s.head(s.group(means(s.conv(x)))), "mean, group norm, conv"),
    "a batch norm of means": (lambda s, x: s.head(s.batch(s.conv(x).mean((1, 2)))), "mean, batch norm, conv"),
    "a softmax of means": (lambda s, x: jax.nn.softmax(s.conv(x).mean((1, 2))), "mean, softmax"),
    "an image and normed means": (
        lambda s, x: (lambda y: y + s.layer(means(y)))(s.conv(x)),
        "mean, layer norm, add",
    ),
    "a difference from the means": (lambda s, x: s.conv(x) - means(s.conv(x)), "conv, mean, add"),
    "a quotient by the means": (lambda s, x: s.head((lambda y: y / means(y))(s.conv(x))), "mean, multiply, conv"),
    "a temperature": (lambda s, x: jax.nn.softmax(s.conv(x) / 0.1), "softmax"),
    "a log-softmax": (lambda s, x: jax.nn.log_softmax(s.conv(x)), "softmax"),
    "a gate": (lambda s, x: x * jax.nn.sigmoid(2 * s.conv(x)), "sigmoid, multiply"),
    "a cap": (lambda s, x: 30 * jnp.tanh(s.conv(x) / 30), "tanh"),
    "a sign": (lambda s, x: jnp.tanh(-s.conv(x)), "tanh"),
    "a bias": (lambda s, x: jnp.tanh(s.conv(x) + s.bias), "tanh"),
    "a maximum": (lambda s, x: jnp.maximum(s.conv(x) - 1, 0), "relu"),
    "dynamic tanh": (lambda s, x: jnp.tanh(s.number * s.conv(x)) * s.vector + s.bias, "tanh, scale"),
    "silu": (lambda s, x: (lambda y: y * jax.nn.sigmoid(y))(s.conv(x)), "silu"),
    "no silu": (lambda s, x: (lambda y: y * jax.nn.sigmoid(1.702 * y))(s.conv(x)), ""),
    "a scale after a choice": (
        lambda s, x: (lambda y: jnp.where(y > 0, y, 0.1 * y) * s.vector)(s.conv(x)),
        "scale",
    ),
    "a slope for each channel": (
        lambda s, x: (lambda y: jnp.where(y > 0, y, s.vector * y))(s.conv(x)),
        "prelu_channels",
    ),
    "an average": (lambda s, x: nnx.avg_pool(s.conv(x), (3, 3), (1, 1), "SAME"), "average pool"),
    "an average of the image alone": (
        lambda s, x: nnx.avg_pool(s.conv(x), (3, 3), (1, 1), "SAME", count_include_pad=False),
        "average pool of the image alone",
    ),
    "a frozen batch norm": (lambda s, x: s.conv(x) * frozen(s) + s.bias[...], "batch norm"),
    "a mean and a maximum": (
        lambda s, x: (lambda y: s.head(means(y) + y.max((1, 2), keepdims=True)))(s.conv(x)),
        "mean, mean, add, conv",
    ),
    "repeated channels": (lambda s, x: s.head(jnp.repeat(s.conv(x)[..., :2], 2, -1)), "slice, conv, conv"),
    "repeated channels with a factor": (
        lambda s, x: jnp.repeat(s.conv(x)[..., :2], 2, -1) * s.vector,
        "slice, conv, scale",
    ),
    "channels in a row": (lambda s, x: s.head(jnp.tile(s.conv(x)[..., :2], (1, 1, 1, 2))), "slice, conv, conv"),
    "chosen channels": (lambda s, x: s.head(s.conv(x)[..., jnp.array([1, 0, 1, 2])]), "conv, conv"),
    "a pad that also crops": (
        lambda s, x: lax.pad(s.conv(x), 0.0, [(0, 0, 0), *[(1, -1, 0)] * 2, (0, 0, 0)]),
        "pad, crop",
    ),
    "a sixteenth": (
        lambda s, x: jax.image.resize(s.conv(x), (x.shape[0], x.shape[1] // 16, x.shape[2] // 16, 4), "nearest"),
        "nearest-exact resize",
    ),
}


class Parts(nnx.Module):
    """Convolutions whose kernels are parts of one parameter."""

    def __init__(self, take):
        self.w, self.take = nnx.Param(jnp.ones((3, 3, 4, 8))), take

    def __call__(self, x):
        numbers = {"dimension_numbers": ("NHWC", "HWIO", "NHWC")}
        first, second = (jax.lax.conv_general_dilated(x, of, (1, 1), "SAME", **numbers) for of in self.take(self.w))
        return jax.nn.relu(first) + second


@pytest.mark.parametrize(
    "take",
    [
        lambda w: (w[..., :4], w[..., 4:]),
        lambda w: jnp.split(w[...], 2, -1),
        lambda w: [w[...].reshape(3, 3, 4, 2, 4)[:, :, :, i] for i in (0, 1)],
        lambda w: [w[...][..., jnp.array([0, 1, 2, 3]) + i] for i in (0, 4)],
    ],
    ids=["slices", "split", "indices", "arrays"],
)
def test_parts_of_a_parameter_are_layers_of_their_own(take):
    class Inside(nnx.Module):
        def __init__(self):
            self.of = Parts(take)

        def __call__(self, x):
            return self.of(x)

    shapes = parameter_shapes(graph_of_jax(Inside(), "1 H W 4"))
    assert shapes == {"of.w[0]": {"kernel": (4, 4, 3, 3)}, "of.w[1]": {"kernel": (4, 4, 3, 3)}}


def test_layers_that_share_only_a_kernel_have_no_node():
    class Tied(nnx.Module):
        def __init__(self):
            rngs = nnx.Rngs(0)
            self.first, self.second = (nnx.Conv(4, 4, (2, 2), rngs=rngs) for _ in range(2))
            self.second.kernel = self.first.kernel

        def __call__(self, x):
            return self.second(self.first(x))

    with pytest.raises(WellshapedError, match=r"shares\s+its\s+kernel\s+with\s+another\s+layer"):
        graph_of_jax(Tied(), "1 H W 4")


def frozen(s):
    """The factor of a batch norm that is computed before."""
    return s.vector * lax.rsqrt(s.plain.var[...] + 1e-5)


@pytest.mark.parametrize("name", AS_WRITTEN)
def test_an_operation_after_numbers_and_means_is_a_node(name):
    function, expected = AS_WRITTEN[name]
    first, *others = graph_of_jax(Written(function), "N H W 4").nodes
    assert isinstance(first.operation, Conv)
    alone = {True: "", False: " of the image alone"}
    found = [
        f"{of.called}{alone[getattr(of, 'count_include_pad', True)]}" for of in (node.operation for node in others)
    ]
    assert ", ".join(found) == expected


def test_a_norm_without_parameters_has_none():
    def variance(y):
        return (y - y.mean(-1, keepdims=True)) / jnp.sqrt(jnp.var(y, -1, keepdims=True) + 1e-5)

    for function, kind in ((lambda s, x: s.plain(x), "batch"), (lambda s, x: variance(x), "layer")):
        (node,) = graph_of_jax(Written(function), "1 H W 4").nodes
        assert node.operation == Norm(kind, affine=False)


def test_a_kernel_that_is_no_parameter_is_not_learned():
    def run(s, x):
        layout = ("NHWC", "HWIO", "NHWC")
        blurred = lax.conv_general_dilated(x, jnp.ones((3, 3, 1, 4)), (1, 1), "SAME", None, None, layout, 4)
        return s.conv(blurred)

    blurred, conv = graph_of_jax(Written(run), "1 H W 4").nodes
    assert blurred.operation == Conv(3, channels=4, padding=1, groups=4, bias=False, learned=False)
    assert conv.operation.learned


def test_a_bias_that_is_added_to_a_part_of_what_reads_a_convolution_is_not_its_own():
    rule, text = message(Written(lambda s, x: (lambda y: s.conv(y + s.bias[...]) + y)(s.without(x))), "1 H W 4")
    assert (rule, "a vector is added to a convolution that is also read without it" in text) == ("no_step", True)
    rule, _ = message(
        Written(lambda s, x: (lambda y: s.conv(y + s.bias[...]) + (y + s.vector[...]))(s.without(x))), "1 H W 4"
    )
    assert rule == "no_step"
    twice = Written(lambda s, x: (lambda y: s.conv(y + s.bias[...]) + (y + s.bias[...]))(s.without(x)))
    assert [node.operation.called for node in graph_of_jax(twice, "1 H W 4").nodes] == ["conv", "conv", "add"]
    biased = Written(lambda s, x: (lambda y: s.conv(y) + y)(s.without(x) + s.bias[...]))
    assert [node.operation.bias for node in graph_of_jax(biased, "1 H W 4").nodes[:2]] == [True, True]


CLOSURES = {
    "a lambda": lambda model: lambda x: model(x),
    "mapped": jax.vmap,
    "compiled and mapped": lambda model: jax.jit(jax.vmap(model)),
    "a partial": lambda model: partial(lambda net, x: net(x), model),
    "a method": lambda model: model.__call__,
    "a function in a function": lambda model: (lambda inner: lambda x: inner(x))(lambda x: model(x)),
}


@pytest.mark.parametrize("name", CLOSURES)
def test_a_model_in_the_closure_of_a_function_has_its_layers(name):
    model = WithVectors()
    shape = "N 3 H W" if "mapped" in name else "3 H W"
    graph = graph_of_jax(CLOSURES[name](model), shape)
    assert [(node.name, node.operation) for node in graph.nodes] == [
        (node.name, node.operation) for node in graph_of_jax(model, "3 H W").nodes
    ]


class WithVectors(eqx.Module):
    """Layers whose parameters are numbers for each channel, beside a convolution."""

    conv: eqx.nn.Conv2d
    slope: eqx.nn.PReLU
    scale: jax.Array
    norm: eqx.nn.GroupNorm

    def __init__(self):
        self.conv = eqx.nn.Conv2d(3, 4, 3, key=jax.random.key(0))
        self.slope, self.scale, self.norm = eqx.nn.PReLU(), jnp.ones((4, 1, 1)), eqx.nn.GroupNorm(2, 4)

    def __call__(self, x):
        return self.norm(self.scale * self.slope(self.conv(x)))


def test_several_models_in_a_closure_are_named():
    first, second = Written(lambda s, x: s.conv(x)), Written(lambda s, x: s.conv(x) * s.vector)
    variables = {"params": {"scale": jnp.ones(4)}, "batch_stats": {}}
    graph = graph_of_jax(lambda x: second(first(x)) * variables["params"]["scale"], "1 H W 4")
    assert [node.name for node in graph.nodes] == ["first.conv", "second.conv", "second.vector", "variables.scale"]
    alone = graph_of_jax(lambda x: x * variables["params"]["scale"], "1 H W 4")
    assert [node.name for node in alone.nodes] == ["scale"]


# There is no graph.


def message(function, *shapes):
    with pytest.raises(WellshapedError) as caught:
        graph_of_jax(function, *shapes)
    return caught.value.report.failures[0].name, str(caught.value)


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda x: jnp.fft.fft(x, axis=0).real, "fft at"),
        (lambda x: jnp.sort(x, axis=0), "sort at"),
        (lambda x: jnp.cumsum(x, axis=0), "cumsum at"),
        (lambda x: x[::-1], "rev at"),
        (lambda x: lax.fori_loop(0, 3, lambda _, y: y + 1, x), "at"),
        (lambda x: jax.image.resize(x, (2 * x.shape[0], 4), "cubic"), "neither nearest nor linear"),
        (lambda x: (x @ x.T) @ x, "the kernel is computed from an image"),
        (lambda x: jnp.concatenate([x, 2 * x], 0), "joined along an axis"),
        (lambda x: x[: x.shape[0] // 3 * 2], "its size follows neither its input nor another node"),
        (lambda x: x.reshape(-1, 2, 2).transpose(1, 0, 2).reshape(-1, 2), "the output (it repeats positions"),
        (lambda x: jnp.stack([x, x]).reshape(2, -1).T, "at"),
        (lambda x: jax.nn.softmax(x, 0), "the output (it has a sum or maximum over some axes or channels"),
        (lambda x: jax.nn.softmax(x.reshape(-1, 2, 2), -1).reshape(x.shape), "a sum or maximum over some axes"),
        (lambda x: jax.nn.relu(x - x.mean(-1, keepdims=True)), "a mean of channels is joined with them"),
    ],
    ids=[
        *("fft", "sort", "cumsum", "rev", "loop", "cubic", "attention", "concatenated", "two thirds"),
        *("halves of the channels", "pixels twice"),
        *("softmax of positions", "softmax of halves", "centred channels"),
    ],
)
def test_an_operation_without_a_step_is_named(function, says):
    rule, text = message(function, "L 4")
    assert rule == "no_step"
    assert says in text


def test_the_line_of_an_operation_without_a_step_is_given():
    _, text = message(lambda x: jnp.sort(x, axis=0), "L 4")
    assert "test_graph_of_jax.py:" in text


def test_a_network_that_runs_other_operations_at_some_sizes_has_no_graph():
    def run(x):
        return jnp.tanh(x) if x.shape[0] < 1_500 else conv(x, kernel(4, 4, 3), 2)

    assert message(run, "L 4")[0] == "same_path"


@pytest.mark.parametrize("last", [100, 200, 201, 900])
def test_a_class_of_sizes_is_read_wherever_it_ends(last):
    def run(x):
        return conv(x, kernel(4, 4, 3 if x.shape[0] <= last else 5))

    assert message(run, "L 4")[0] == "same_path"


def test_a_multiple_that_python_requires_is_in_the_graph():
    def run(x):
        if x.shape[0] % 3 or x.shape[0] < 7:
            raise ValueError("a multiple of 3, from 7 on")
        return jax.nn.relu(x)

    graph = graph_of_jax(run, "L 4")
    assert [(node.name, node.operation) for node in graph.nodes] == [
        ("x.required", Require(multiple=3, at_least=9)),
        ("x.required.relu", Activation()),
    ]


def test_a_requirement_in_python_that_no_node_has_is_noticed():
    def run(x):
        if x.shape[0] % 3 == 1:
            raise ValueError("not a multiple of 3, and 1")
        return jax.nn.relu(x)

    rule, text = message(run, "L 4")
    assert rule == "confirmed"
    assert "L = 1 fits the graph, and is rejected in the framework" in text


def test_axes_that_depend_on_each_other_have_no_graph():
    assert message(lambda x: x + jnp.swapaxes(x, 0, 1), "H W 4")[0] in ("independent", "no_step")


def test_a_fixed_size_along_an_axis_must_be_open():
    rule, text = message(lambda x: conv(x, kernel(4, 4, 3, 3)), "H 64 4")
    assert (rule, text.splitlines()[-1]) == ("open_axis", '  fix: "H W 4"')
    rule, text = message(lambda x: conv(x, kernel(4, 4, 3, 3)), "64 64 4")
    assert (rule, text.splitlines()[-1]) == ("axes", '  fix: "H W 4"')
    assert message(lambda x: conv(x, kernel(4, 4, 3, 3)), "65 64 4")[1].endswith('fix: "3 H W"')


def test_the_nodes_of_an_equinox_model_have_its_names_inside_of_filter_jit():
    keys = jax.random.split(jax.random.key(0))
    model = eqx.nn.Sequential([eqx.nn.Conv1d(4, 4, 3, key=keys[0]), eqx.nn.Conv1d(4, 4, 1, key=keys[1])])
    found = graph_of_jax(eqx.filter_jit(model), "4 L")
    assert found == graph_of_jax(model, "4 L")


def test_a_network_that_no_size_fits_has_no_graph():
    assert message(lambda x: x + jnp.ones((x.shape[0] + 1, 4)), "L 4")[0] == "no_size"
    rule, text = message(lambda x: x @ jnp.ones((7, 3)), "L 4")
    assert rule == "no_size"
    assert "no size L fits: TypeError at " in text
    assert "got (4,) and (7,)" in " ".join(text.split())


# Random graphs.


@settings(examples(10), suppress_health_check=list(HealthCheck))
@given(graphs(6))
def test_a_random_graph_is_read_back_or_there_is_an_error(network):
    network = as_jax_has_it(network)
    expected = sizes_that_fit(network, 0)
    assume(expected)
    shapes = ["1 4" if given.single else "L 4" for given in network.inputs]
    try:
        read = graph_of_jax(as_function(network), *shapes, budget=Budget(seconds=5))
    except WellshapedError as error:
        # A crop that cuts nothing at any size that fits is not recorded, and two pads in a row can be mistaken.
        assert error.report.failures[0].name in ("confirmed", "no_step", "same_path")  # noqa: PT017 the others are bugs
        return
    assert sizes_that_fit(read, 0) == expected
    assert read.channels[read.outputs[0]] == network.channels[network.outputs[0]]


OF_THE_POSITION = {
    "added": lambda x: x + jnp.arange(x.shape[1]),
    "multiplied": lambda x: x * jnp.linspace(-1, 1, x.shape[1])[None],
    "averaged where it shrinks": lambda x: jax.image.resize(x, (1, x.shape[1] // 2), "linear"),
}


@pytest.mark.parametrize("function", OF_THE_POSITION.values(), ids=OF_THE_POSITION)
def test_a_function_that_reads_other_numbers_at_other_positions_has_no_graph(function):
    with pytest.raises(WellshapedError, match=r"other numbers at other positions|it reads more positions"):
        graph_of_jax(function, "1 W")


def test_a_linear_resize_without_antialiasing_is_a_node():
    def halved(x):
        return jax.image.resize(x, (1, x.shape[1] // 2), "linear", antialias=False)

    (node,) = graph_of_jax(halved, "1 W").nodes
    assert node.operation == Resize(1, over=2, mode="linear", recompute_scale_factor=True)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize(
    "size",
    [lambda n: n // 2, lambda n: 3 * n // 2, lambda n: 2 * n - 1, lambda n: 2 * n],
    ids=["/2", "*3/2", "-1", "*2"],
)
def test_a_resize_reads_the_positions_and_has_the_values_of_jax(mode, size):
    def resized(x):
        return jax.image.resize(x, (size(x.shape[0]), 1), mode, antialias=False)

    graph = graph_of_jax(resized, "W 1")
    for n in (2, 5, 9, 16, 21):
        x = np.arange(n, dtype=float)[:, None]
        (values,) = (of for name, of in graph_value(graph, {}, x.T).items() if name == graph.outputs[0])
        np.testing.assert_allclose(values.T, resized(jnp.asarray(x)), atol=1e-5)


def test_a_resize_by_a_size_reads_more_than_one_by_a_factor():
    """Of 21 positions, 10 are taken at 21/10 of each other, and not at 2."""

    def halved(x):
        return jax.image.resize(x, (x.shape[0] // 2, 1), "linear", antialias=False)

    (reads,) = reads_of(graph_of_jax(halved, "W 1").nodes[0].operation, [21], 0)
    assert (reads.from_position(9) - reads.outside, reads.to_position(9) - reads.outside) == (19, 20)


def test_a_network_that_limits_the_area_of_its_image_has_no_graph():
    def limited(x):
        assert x.shape[1] * x.shape[2] < 5_000
        return x

    with pytest.raises(WellshapedError, match="confirmed: the graph differs from the network: H = 79 fits the graph"):
        graph_of_jax(limited, "3 H W")
