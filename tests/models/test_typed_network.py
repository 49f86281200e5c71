"""Graphs that run: every published architecture, every preset, and what a user meets."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import examples
from flax import nnx
from graph_functions import small_sizes, with_values
from hypothesis import HealthCheck, assume, given, settings
from random_networks import random_networks

from wellshaped.interop import load, save
from wellshaped.models import TypedNetwork, UNet, UNet1d, UNet3d
from wellshaped.models.operations.node_layers import Fixed
from wellshaped.spec import (
    PRESETS,
    Activation,
    Add,
    AvgPool,
    Concat,
    ConfigError,
    Conv,
    CropToSmallest,
    Dropout,
    Input,
    MaxPool,
    Mean,
    Multiply,
    Network,
    Node,
    Norm,
    Pad,
    Resize,
    Scale,
    ShapeError,
    Slice,
    TransposedWindow,
    UNetConfig,
    UsageError,
    WellshapedError,
    check,
    compatible_shapes,
    graph_of,
)
from wellshaped.spec.network import parameter_count, run_image, sizes_that_fit

from ..field.architectures import ARCHITECTURES, graph

QUICK = (
    *("milesial", "u2net_rsu7", "fcn8s", "cbdnet", "pix2pix_unet256", "care3d", "unet3d_cicek2016", "monai_unet_res2"),
    *("voxelmorph3d", "monai_basicunet", "wave_unet", "demucs_v2", "encodec_24khz", "diffusers_unet1d"),
)
"""Together these have every operation but those of ELSEWHERE. The others take seconds to trace."""

ELSEWHERE = {Multiply, Mean, CropToSmallest, Slice}
"""Operations of large networks alone; tests/models/test_operations.py computes them."""


def built(network, **given):
    """The network without values: its shapes alone."""
    return nnx.eval_shape(lambda: TypedNetwork(network, rngs=nnx.Rngs(0), **given))


def test_the_quick_architectures_have_every_operation_of_all():
    def kinds(names):
        return {type(node.operation) for name in names for node in graph(ARCHITECTURES[name]).nodes}

    assert kinds(QUICK) | ELSEWHERE == kinds(ARCHITECTURES)


def images_of(network, sizes):
    """An image of these sizes for each input, without values."""
    shapes = [(of.channels,) if of.single else (of.channels, *sizes) for of in network.inputs]
    return [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]


def shapes_of(network, sizes, names):
    """The shapes of the results of these nodes, by name."""
    model = built(network)
    call = nnx.eval_shape(lambda model, *images: model.results(*images, names=names), model, *images_of(network, sizes))
    return {name: y.shape for name, y in call.items()}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n not in QUICK)) for n in ARCHITECTURES])
def test_every_published_architecture_runs_with_the_sizes_and_channels_of_its_graph(name):
    network = graph(ARCHITECTURES[name])
    sizes = compatible_shapes(network).above((20,) * network.axes)
    names = tuple(node.name for node in network.nodes)
    run = run_image(network, sizes)
    assert shapes_of(network, sizes, names) == {of: (network.channels[of], *run.shape(of)) for of in names}
    learned = jax.tree.leaves(nnx.state(built(network), nnx.Param))
    assert sum(array.size for array in learned) == parameter_count(network) == ARCHITECTURES[name]["parameters"]


@settings(examples(12), suppress_health_check=list(HealthCheck))
@given(random_networks(with_values))
def test_a_random_graph_takes_exactly_the_sizes_that_fit_it(network):
    assume(held := small_sizes(network))
    model = built(network)
    for axis in range(network.axes):
        fitting = sizes_that_fit(network, axis)
        for n in range(1, 14):
            sizes = (*held[:axis], n, *held[axis + 1 :])
            run = run_image(network, sizes)
            try:
                shapes = nnx.eval_shape(
                    lambda of, *x: of.results(*x, names=network.outputs), model, *images_of(network, sizes)
                )
            except ShapeError:
                assert n not in fitting or not run.ok
            else:
                assert n in fitting
                assert {name: y.shape[1:] for name, y in shapes.items()} == {
                    of: run.shape(of) for of in network.outputs
                }


CONFIGS = {
    "batch norm": UNetConfig(levels=1, base_channels=32, norm="batch"),  # wide enough for the sum of two convolutions
    "residual": UNetConfig(levels=1, base_channels=4, convs_per_block=1, residual=True, padding="none", join="crop"),
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("cfg", CONFIGS.values(), ids=CONFIGS)
def test_the_graph_of_a_config_is_its_network(cfg):
    unet = UNet(cfg, 3, 2, rngs=nnx.Rngs(0))
    network = TypedNetwork(graph_of(cfg, 3, 2), rngs=nnx.Rngs(1))
    for path, layer in network.layers.items():
        theirs = unet
        for step in re.findall(r"\w+", path):
            theirs = theirs[int(step)] if step.isdigit() else getattr(theirs, step)
        nnx.update(layer, nnx.state(theirs))
    x = jax.random.normal(jax.random.key(0), (3, 20, 28))
    ours, theirs = (nnx.jit(lambda model, x: model(x))(model, x) for model in (network, unet))
    assert jnp.allclose(ours, theirs, atol=1e-6)


SMALL = Network(
    {"x": 2},
    (
        Node("encoder", Conv(3, padding=1, channels=4)),
        Node("pooled", MaxPool(2)),
        Node("bottom", Conv((3, 1), padding=(1, 0), channels=4, groups=2)),
        Node("y", Norm("group", groups=2)),
    ),
)


def test_a_size_that_does_not_fit_has_the_report_of_check():
    model = TypedNetwork(SMALL, rngs=nnx.Rngs(0))
    with pytest.raises(ShapeError) as error:
        model(jnp.ones((2, 1, 8)))
    assert str(error.value) == str(check(SMALL, (2, 1, 8)))


def test_an_image_with_its_channels_last_is_named():
    with pytest.raises(ShapeError) as error:
        TypedNetwork(SMALL, rngs=nnx.Rngs(0))(jnp.ones((1, 8, 2)))
    assert "moveaxis" not in str(error.value)  # a height of 1 may be meant
    with pytest.raises(ShapeError, match=r"fix: jnp.moveaxis\(x, -1, 0\): the channels of this image, 2, are last"):
        TypedNetwork(SMALL, rngs=nnx.Rngs(0))(jnp.ones((30, 8, 2)))


TWO = Network(
    [Input("x", 2), Input("t", 3, single=True)],
    (
        Node("wide", Conv(3, padding=1, channels=3), "x"),
        Node("y", Add(broadcast="positions"), ("wide", "t")),
        Node("z", Conv(1, channels=5), "wide"),
    ),
    ("y", "z"),
    1,
)


def test_several_inputs_and_outputs_are_in_the_order_of_the_network():
    model = TypedNetwork(TWO, rngs=nnx.Rngs(0))
    y, z = model(jnp.ones((2, 8)), jnp.arange(3.0))
    assert (y.shape, z.shape) == ((3, 8), (5, 8))
    wide = model.results(jnp.ones((2, 8)), jnp.zeros(3), names="wide")["wide"]
    assert (y == wide + jnp.arange(3.0)[:, None]).all()


NAMES = 'names="y" or names=("x", "y"), for example'
WRONG = {
    "too few": (lambda model: model(jnp.ones((2, 8))), UsageError, "inputs", "model(x, t)"),
    "channels": (lambda model: model(jnp.ones((3, 8)), jnp.ones(3)), ShapeError, "channels", "x of shape (2, length)"),
    "of a vector": (lambda model: model(jnp.ones((2, 8)), jnp.ones(2)), ShapeError, "channels", "t of shape (3,)"),
    "rank": (
        lambda model: model(jnp.ones((1, 2, 8)), jnp.ones(3)),
        ShapeError,
        "rank",
        "x of shape (2, length), or jax.vmap(model) for a batch",
    ),
    "integers": (
        lambda model: model(jnp.ones((2, 8), jnp.int32), jnp.ones(3)),
        ShapeError,
        "dtype",
        "x.astype(jnp.float32)",
    ),
    "a node": (
        lambda model: model.results(jnp.ones((2, 8)), jnp.ones(3), names="wid"),
        UsageError,
        "unknown_node",
        "wide",
    ),
    "a layer": (
        lambda model: model["y"],
        UsageError,
        "no_layer",
        "model.results(x, names='y'), for its result; or a node with parameters, such as 'wide",
    ),
    "no name": (lambda model: model.results(jnp.ones((2, 8)), jnp.ones(3), names=3), UsageError, "names", NAMES),
    "no names": (
        lambda model: model.results(jnp.ones((2, 8)), jnp.ones(3), names=("y", None)),
        UsageError,
        "names",
        NAMES,
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_call_is_one_error_with_a_fix(name):
    call, kind, rule, fix = WRONG[name]
    with pytest.raises(kind) as error:
        call(TypedNetwork(TWO, rngs=nnx.Rngs(0)))
    report = error.value.report
    assert report.failures[0].name == rule
    assert report.fixes[0].strip("'\"") == fix


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"remat": 3}, "remat=3 can't be used.\n  remat: it has an int, and must be the name of a node, or several"),
        ({"remat": ("wide", 3)}, r"remat: it has an int, and must be the name of a node, or several in a tuple"),
        ({"remat": None}, "remat: it has a NoneType, and must be the name of a node"),
        ({"rngs": None}, "rngs=None can't be used.\n  rngs: it is a NoneType, and must be an nnx.Rngs"),
        ({"rngs": 0}, "rngs: it is an int, and must be an nnx.Rngs"),
        ({"dtype": jnp.int32}, "dtype=int32 can't be used.\n  dtype: the dtype of a layer must be floating-point"),
    ],
    ids=str,
)
def test_a_wrong_argument_of_the_constructor_is_one_error(wrong, says):
    with pytest.raises(UsageError, match=says):
        TypedNetwork(TWO, **{"rngs": nnx.Rngs(0)} | wrong)


@pytest.mark.parametrize("name", [3, ("batch", 3), "", ["batch"]], ids=str)
def test_an_axis_name_that_is_no_name_is_one_error(name):
    network = Network({"x": 2}, (Node("norm", Norm()),), axes=1)
    with pytest.raises(UsageError, match="axis_name: it must be the name of an axis, or a tuple of names"):
        TypedNetwork(network, axis_name=name, rngs=nnx.Rngs(0))


@pytest.mark.parametrize("operation", [Conv(3), Norm(affine=False)], ids=["conv", "norm"])
@pytest.mark.parametrize("name", ["_pytree__state", "_object__state", "_pytree__nodes", "__class__"])
def test_a_layer_with_a_name_of_flax_is_one_error(name, operation):
    network = Network({"x": 2}, (Node(name, operation),), axes=1)
    with pytest.raises(ConfigError, match=r"name: the layer \w+ has a name that Flax or Python uses itself"):
        TypedNetwork(network, rngs=nnx.Rngs(0))
    assert TypedNetwork(Network({"x": 2}, (Node(name, MaxPool(2)),), axes=1), rngs=nnx.Rngs(0))(jnp.ones((2, 4))).size


def test_an_operation_without_a_value_is_named():
    network = Network({"x": 1}, (Node("up", TransposedWindow(3, 2)), Node("y", Conv(1))))
    with pytest.raises(ConfigError, match=r"up is TransposedWindow\(kernel=3, stride=2\)"):
        TypedNetwork(network, rngs=nnx.Rngs(0))


def test_a_config_is_not_a_graph_and_the_error_says_how_to_get_one():
    with pytest.raises(UsageError) as error:
        TypedNetwork(UNetConfig(), rngs=nnx.Rngs(0))
    assert error.value.report.fixes == ("graph_of(network, in_channels, out_channels)",)
    with pytest.raises(
        UsageError, match="'milesial' is a preset that is a UNetConfig, and must be one that is"
    ) as error:
        TypedNetwork("milesial", rngs=nnx.Rngs(0))
    assert error.value.report.fixes == ("TypedNetwork(graph_of('milesial', 3, 1), rngs=rngs)",)


def test_a_preset_by_its_name():
    assert built("demucs").network is PRESETS["demucs"]


def test_nodes_that_share_a_layer_share_its_parameters():
    network = Network(
        {"x": 2}, (Node("a", Conv(3, padding=1), layer="conv"), Node("b", Conv(3, padding=1), layer="conv"))
    )
    model = TypedNetwork(network, rngs=nnx.Rngs(0))
    assert model["a"] is model["b"]
    assert len(jax.tree.leaves(nnx.state(model))) == 2


def test_a_kernel_that_is_not_learned_is_no_parameter_and_can_be_replaced():
    network = Network({"x": 2}, (Node("blur", Conv(3, groups=2, bias=False, learned=False)),), axes=1)
    model = TypedNetwork(network, rngs=nnx.Rngs(0))
    x = jnp.arange(12.0).reshape(2, 6)
    assert jnp.allclose(model(x), x[:, 1:-1])
    assert not jax.tree.leaves(nnx.state(model, nnx.Param))
    model["blur"].kernel = Fixed(jnp.array([[[0.0, 0.0, 1.0]]] * 2))
    assert (model(x) == x[:, 2:]).all()


# What users meet.


def loss(model, x):
    return (model(x) ** 2).mean()


SHARED = {
    "scale": Scale(),
    "prelu": Activation("prelu"),
    "prelu_channels": Activation("prelu_channels"),
    "snake": Activation("snake"),
    "batch norm": Norm("batch"),
    "group norm": Norm("group"),
    "convolution": Conv(1),
    "sum": Add(broadcast="positions"),
    "product": Multiply(broadcast="positions"),
    "sum over channels": Add(broadcast="channels"),
}


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", SHARED)
def test_in_bfloat16_the_gradient_of_a_value_that_many_positions_share_is_their_sum(name, batch):
    operation = SHARED[name]
    beside = isinstance(operation, Add | Multiply)
    single = beside and operation.broadcast == "positions"
    inputs = [Input("x", 2), *([Input("t", 2 if single else 1, single=single)] if beside else [])]
    graph = Network(inputs, [Node("y", operation, tuple(of.name for of in inputs))])
    draw = np.random.default_rng(0)
    shapes = [(batch, 2, 64, 64), *([(2,) if single else (1, 64, 64)] if beside else [])]
    given = [jnp.asarray(draw.uniform(-1.5, 0.5, shape), jnp.float32) for shape in shapes]

    def gradients(dtype):
        model = TypedNetwork(graph, dtype=dtype, rngs=nnx.Rngs(0))
        model.eval()
        split, parameters, rest = nnx.split(model, nnx.Param, ...)

        def loss(parameters, shared):
            merged = nnx.merge(split, parameters, rest)
            y = jax.vmap(lambda x: merged(x, *shared))(given[0].astype(dtype))
            return (jnp.square(y.astype(jnp.float32)) * jnp.arange(1, 1 + y.shape[0])[:, None, None, None]).mean()

        return jax.tree.leaves(jax.grad(loss, (0, 1))(parameters, [of.astype(dtype) for of in given[1:]]))

    for half, whole in zip(gradients(jnp.bfloat16), gradients(jnp.float32), strict=True):
        np.testing.assert_allclose(np.float32(half), whole, rtol=0.05, atol=0.02 * np.abs(whole).max())


@pytest.mark.parametrize("given", [None, "x", {"x": 1}])
def test_what_is_no_array_is_one_error(given):
    with pytest.raises(UsageError, match=r"array: type: it is .*, and must be a JAX or NumPy array"):
        TypedNetwork(SMALL, rngs=nnx.Rngs(0))(given)


@pytest.mark.parametrize(("kind", "axes"), [(UNet1d, 2), (UNet3d, 1), (type("Mine", (UNet,), {}), 3)])
def test_a_class_for_other_axes_than_the_configs_says_so(kind, axes):
    with pytest.raises(ConfigError, match=rf"the config has axes={axes}, and {kind.__name__} is for axes="):
        kind(UNetConfig(levels=1, base_channels=2, axes=axes), 3, 2, rngs=nnx.Rngs(0))


def test_a_linear_resize_in_bfloat16_is_rounded_once():
    x = jax.random.normal(jax.random.key(0), (3, 9, 11)).astype(jnp.bfloat16)
    for factor in (2, 7):
        model = TypedNetwork(Network({"x": 3}, [Node("y", Resize(factor, mode="linear"))]), rngs=nnx.Rngs(0))
        y, exact = model(x), model(x.astype(jnp.float32))
        assert y.dtype == jnp.bfloat16
        assert (jnp.abs(y - exact) <= 2**-8 * jnp.abs(exact)).all()


def test_it_computes_in_bfloat16_and_keeps_float32():
    model = TypedNetwork(SMALL, dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    assert model(jnp.ones((2, 8, 8))).dtype == jnp.bfloat16
    assert {array.dtype for array in jax.tree.leaves(nnx.state(model))} == {jnp.dtype("float32")}


def test_a_batch_by_vmap_is_a_loop():
    model = TypedNetwork(SMALL, rngs=nnx.Rngs(0))
    batch = jax.random.normal(jax.random.key(0), (3, 2, 8, 6))
    assert jnp.allclose(jax.vmap(model)(batch), jnp.stack([model(x) for x in batch]), atol=1e-5)


def test_batch_statistics_are_kept_in_training_and_used_in_evaluation():
    network = Network({"x": 2}, (Node("conv", Conv(3)), Node("y", Norm("batch"))), axes=1)
    model = TypedNetwork(network, axis_name="batch", rngs=nnx.Rngs(0))
    batch = jax.random.normal(jax.random.key(0), (4, 2, 9))
    each = nnx.vmap(lambda model, x: model(x), in_axes=(None, 0), axis_name="batch")
    y = each(model, batch)
    assert jnp.allclose(y.mean((0, 2)), 0, atol=1e-5)
    assert (model["y"].mean[...] != 0).all()
    model.eval()
    assert not jnp.allclose(each(model, batch), y)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize(
    "pool", [MaxPool(2), MaxPool(3, 2, padding=1, ceil_mode=True), AvgPool(3, 1, padding=1)], ids=str
)
def test_every_pooling_has_a_gradient_under_jit(pool, dtype):
    network = Network({"x": 2}, (Node("y", pool),), axes=1)
    model = TypedNetwork(network, rngs=nnx.Rngs(0))
    x = jnp.arange(14.0, dtype=dtype).reshape(2, 7)
    gradient = jax.jit(jax.grad(lambda x: model(x).sum()))(x)
    assert gradient.sum() == model(jnp.ones_like(x)).sum()


DEEP = Network(
    {"x": 4},
    [Node(f"conv.{i}", Conv(3, padding=1)) for i in range(4)]
    + [Node("joined", Concat(), ("conv.0", "conv.3")), Node("y", Conv(1, channels=2))],
)


def kept(model, x):
    """The numbers that a gradient keeps from the forward pass, besides the parameters and the image."""
    graph, state = nnx.split(model)
    _, pull = jax.vjp(lambda state, x: nnx.merge(graph, state)(x), state, x)
    given = {id(leaf) for leaf in (*jax.tree.leaves(state), x)}
    return sum(leaf.size for leaf in jax.tree.leaves(pull) if hasattr(leaf, "size") and id(leaf) not in given)


def test_checkpointing_keeps_less_and_changes_no_gradient():
    x = jax.random.normal(jax.random.key(0), (4, 16, 16))
    plain, checkpointed = (TypedNetwork(DEEP, remat=of, rngs=nnx.Rngs(0)) for of in ((), ("conv.*", "joined")))
    ours, theirs = (nnx.grad(loss)(model, x) for model in (checkpointed, plain))
    assert all(map(jnp.allclose, jax.tree.leaves(ours), jax.tree.leaves(theirs)))
    assert kept(checkpointed, x) <= kept(plain, x) / 2


def test_each_run_of_checkpointed_nodes_is_computed_again_alone():
    model = TypedNetwork(DEEP, remat=("conv.0", "conv.1", "conv.3"), rngs=nnx.Rngs(0))
    regions = [
        sum(
            inner.primitive.name == "conv_general_dilated" or "convolution" in inner.primitive.name
            for inner in jaxpr.eqns
        )
        for jaxpr in (
            of.params["jaxpr"] for of in jax.make_jaxpr(model)(jnp.ones((4, 8, 8))).eqns if "jaxpr" in of.params
        )
    ]
    assert regions == [2, 1]


def test_a_checkpointed_network_runs_on_a_batch_as_any_other():
    x = jax.random.normal(jax.random.key(0), (3, 4, 8, 8))
    plain, checkpointed = (TypedNetwork(DEEP, remat=of, rngs=nnx.Rngs(0)) for of in ((), "conv.*"))

    @nnx.jit
    def step(model):
        return nnx.value_and_grad(lambda model: (jax.vmap(model)(x) ** 2).mean())(model)

    ours, theirs = step(checkpointed), step(plain)
    assert all(jnp.allclose(*pair, atol=1e-6) for pair in zip(*map(jax.tree.leaves, (ours, theirs)), strict=True))


NORMED = Network({"x": 2}, (Node("conv", Conv(3, channels=3)), Node("norm", Norm("batch")), Node("y", Conv(1))), axes=1)


def test_a_checkpointed_network_keeps_the_statistics_of_its_batch():
    x = jax.random.normal(jax.random.key(0), (3, 2, 8))
    each = nnx.vmap(lambda model, x: model(x), in_axes=(None, 0), axis_name="batch")
    models = [TypedNetwork(NORMED, axis_name="batch", remat=of, rngs=nnx.Rngs(0)) for of in ((), "norm")]

    @nnx.jit
    def step(model):
        return nnx.grad(lambda model: (each(model, x) ** 2).mean())(model)

    grads = [step(model) for model in models]
    assert all(jnp.allclose(*pair, atol=1e-6) for pair in zip(*map(jax.tree.leaves, grads), strict=True))
    theirs, ours = (model["norm"].mean[...] for model in models)
    assert jnp.allclose(ours, theirs, atol=1e-6)
    assert jnp.abs(ours).min() > 0
    models[1].eval()
    assert jax.eval_shape(jax.vmap(models[1]), x).shape == (3, 3, 6)


def test_statistics_that_a_checkpointed_network_cannot_keep_are_reported():
    model = TypedNetwork(NORMED, axis_name="batch", remat="norm", rngs=nnx.Rngs(0))
    with pytest.raises(WellshapedError, match=r"fix: nnx\.vmap\(.* axis_name='batch'\)\(model, x\)"):
        jax.eval_shape(jax.vmap(model, axis_name="batch"), jnp.ones((3, 2, 8)))


def test_a_node_that_remat_does_not_name_is_an_error():
    with pytest.raises(UsageError) as error:
        TypedNetwork(DEEP, remat="cnv.0", rngs=nnx.Rngs(0))
    assert error.value.report.fixes == ("remat='conv.0'",)


def test_a_concatenation_is_returned_if_it_is_asked_for():
    model = TypedNetwork(DEEP, rngs=nnx.Rngs(0))
    x = jax.random.normal(jax.random.key(0), (4, 8, 8))
    found = model.results(x, names=("joined", "y", "conv.0", "x"))
    assert (found["joined"][:4] == found["conv.0"]).all()
    assert (found["y"] == model(x)).all()
    assert (found["x"] == x).all()


def test_a_symbolic_size_that_fits_is_traced():
    (n,) = jax.export.symbolic_shape("2*n", constraints=["n >= 4"])
    y = jax.eval_shape(TypedNetwork(SMALL, rngs=nnx.Rngs(0)), jax.ShapeDtypeStruct((2, n, n), jnp.float32))
    assert str(y.shape[1]) == "n"


def test_a_graph_whose_parameters_are_too_large_is_rejected_before_it_is_built():
    network = Network({"x": 2}, (Node("y", Conv(3, channels=10**9)),), axes=3)
    with pytest.raises(ConfigError, match=r"y\.kernel of shape .* elements, and may have at most 2147483647"):
        TypedNetwork(network, rngs=nnx.Rngs(0))


def test_an_image_that_is_joined_first_is_in_the_dtype_of_the_network():
    nodes = (Node("pooled", MaxPool(2)), Node("up", Resize(2)), Node("y", Concat(), ("x", "up")))
    model = TypedNetwork(Network({"x": 2}, nodes), dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    found = model.results(jnp.ones((2, 4, 4)), names=("pooled", "y"))
    assert {y.dtype for y in found.values()} == {jnp.dtype(jnp.bfloat16)}


@pytest.mark.parametrize(
    "make", [TypedNetwork, lambda graph, **more: UNet(WITH_NORMS, 3, 2, **more)], ids=["graph", "unet"]
)
def test_the_momentum_of_batch_norms_is_the_part_that_a_step_keeps(make):
    model = make(graph_of(WITH_NORMS, 3, 2), momentum=0.75, rngs=nnx.Rngs(0))
    norms = [layer for _, layer in nnx.iter_graph(model) if isinstance(layer, nnx.BatchNorm)]
    assert {norm.momentum for norm in norms} == {0.75}
    with pytest.raises(UsageError, match="momentum: it must be a number from 0 to 1"):
        make(graph_of(WITH_NORMS, 3, 2), momentum=1.5, rngs=nnx.Rngs(0))


WITH_NORMS = UNetConfig(levels=1, base_channels=2, norm="batch")


# Dropout.

DROPPED = Network({"x": 2}, (Node("values", Dropout(0.25)), Node("channels", Dropout(0.5, channels=True))))


def test_dropout_sets_values_and_channels_to_0_in_training_and_nothing_in_evaluation():
    model, x = TypedNetwork(Network({"x": 64}, DROPPED.nodes), rngs=nnx.Rngs(0)), jnp.ones((64, 40, 30))
    found = model.results(x, names=("values", "channels"))
    values, channels = found["values"], found["channels"]
    assert jnp.allclose(jnp.unique(values), jnp.array([0, 4 / 3]))
    assert 0.24 < (values == 0).mean() < 0.26
    whole = (channels == 0).all((1, 2))
    assert 10 < whole.sum() < 54
    assert jnp.array_equal(channels[~whole], 2 * values[~whole])
    model.eval()
    assert jnp.array_equal(model(x), x)


@pytest.mark.parametrize("remat", [(), "*"], ids=["kept", "computed again"])
def test_the_stream_of_a_dropout_advances_at_each_call_also_under_jit(remat):
    model, x = TypedNetwork(DROPPED, remat=remat, rngs=nnx.Rngs(0)), jnp.ones((2, 9, 8))
    run = nnx.jit(lambda model, x: model(x))
    first, second, third = run(model, x), run(model, x), model(x)
    assert not jnp.array_equal(first, second)
    assert not jnp.array_equal(second, third)
    again = TypedNetwork(DROPPED, rngs=nnx.Rngs(0))
    assert jnp.array_equal(run(again, x), first)
    _, gradient = nnx.value_and_grad(lambda model, x: model(x).sum(), argnums=1)(model, x)
    assert jnp.isclose(gradient[..., None], jnp.array([0, 8 / 3])).any(-1).all()


@pytest.mark.parametrize("remat", [(), "*"], ids=["kept", "computed again"])
def test_images_of_a_batch_need_streams_of_their_own(remat):
    model, x = TypedNetwork(DROPPED, remat=remat, rngs=nnx.Rngs(0)), jnp.ones((3, 2, 9, 8))
    with pytest.raises(WellshapedError) as caught:
        jax.vmap(model)(x)
    assert caught.value.report.failures[0].name == "stream"

    @nnx.split_rngs(splits=3)
    @nnx.vmap(in_axes=(nnx.StateAxes({nnx.RngState: 0, ...: None}), 0))
    def each(model, x):
        return model(x)

    first, second, _ = each(model, x)
    assert not jnp.array_equal(first, second)
    model.eval()
    assert jnp.array_equal(jax.vmap(model)(x), x)


def test_a_saved_network_with_dropout_is_loaded_and_can_be_trained_on(tmp_path):
    graph = Network({"x": 2}, (Node("conv", Conv(3, channels=4)), *DROPPED.nodes))
    model, x = TypedNetwork(graph, rngs=nnx.Rngs(0)), jnp.ones((2, 9, 8))
    save(model, tmp_path / "model.safetensors")
    loaded = load(tmp_path / "model.safetensors")
    assert loaded.network == graph
    assert not jnp.array_equal(loaded(x), loaded(x))
    model.eval()
    loaded.eval()
    assert jnp.array_equal(loaded(x), model(x))


def test_a_rate_that_is_no_probability_is_rejected():
    with pytest.raises(ConfigError, match=r"rate=1\.5 must be from 0 to 1: the share of values that become 0"):
        Dropout(1.5)


# Numbers that no memory holds. XLA ends the process for them, without an error.


LARGE = (Pad(10**12), MaxPool(3, 10**30), Conv(1, dilation=10**30), Resize(10**10, over=7))


@pytest.mark.parametrize("operation", LARGE, ids=repr)
def test_a_graph_with_a_number_that_xla_can_not_hold_is_not_built(operation):
    graph = Network({"x": 1}, (Node("y", operation),))
    assert [failure.name for failure in check(graph, (1, 4, 4)).failures] == ["largest"]
    with pytest.raises(ConfigError, match=r"largest: a window is too large to compute with: y\.\w+=1"):
        TypedNetwork(graph, rngs=nnx.Rngs(0))


def test_an_image_that_no_memory_holds_is_rejected_before_it_is_computed():
    large = [Node("a", Resize(10**9), ("x",)), Node("b", Resize(10**9), ("z",)), Node("y", Concat(), ("a", "b"))]
    one, two = Network({"x": 1}, large[:1]), Network({"x": 1, "z": 1}, large)
    for network in (one, two):
        images = [jnp.ones((1, 4, 4))] * len(network.inputs)
        model = TypedNetwork(network, rngs=nnx.Rngs(0))
        for call in (model, jax.jit(model)):
            with pytest.raises(ShapeError, match="elements, and may have at most 1099511627776"):
                call(*images)


@pytest.mark.parametrize(("rngs", "stream"), [(nnx.Rngs(dropout=0), "params"), (nnx.Rngs(params=0), "dropout")])
def test_random_numbers_without_a_stream_that_is_needed_are_rejected(rngs, stream):
    graph = Network({"x": 1}, (Node("conv", Conv(1)), Node("y", Dropout(0.5))))
    with pytest.raises(UsageError, match=f"draws from the stream {stream}, and rngs has only"):
        TypedNetwork(graph, rngs=rngs)


@pytest.mark.parametrize(
    ("wrong", "rules", "fixes"),
    [
        ({"momentum": "a"}, ["momentum"], ("momentum=0.99",)),
        ({"momentum": 2}, ["momentum"], ("momentum=0.99",)),
        ({"axis_name": 3}, ["axis_name"], ('axis_name="batch"',)),
        ({"momentum": "a", "axis_name": ("",)}, ["momentum", "axis_name"], ("momentum=0.99", 'axis_name="batch"')),
    ],
    ids=str,
)
def test_wrong_statistics_are_rejected_by_a_network_without_a_batch_norm_as_well(wrong, rules, fixes):
    graph = Network({"x": 1}, (Node("y", Conv(1, channels=2)),))
    with pytest.raises(UsageError) as error:
        TypedNetwork(graph, rngs=nnx.Rngs(0), **wrong)
    assert [failure.name for failure in error.value.report.failures] == rules
    assert error.value.report.fixes == fixes
