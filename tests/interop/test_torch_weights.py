"""``load_torch`` and ``state_dict``: what is found in a checkpoint, what is said of differences, what comes back."""

import inspect
import math
import re
from dataclasses import replace
from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from wellshaped.interop import load_torch, state_dict
from wellshaped.interop.weights.torch_layout import torch_layout
from wellshaped.interop.weights.torch_weights import _ANY, _with_channels
from wellshaped.models import TypedNetwork, UNet, UNet2
from wellshaped.spec import (
    PRESETS,
    Activation,
    Conv,
    Input,
    MaxPool,
    Network,
    Node,
    Norm,
    ShapeError,
    UNet2Config,
    UNetConfig,
    UsageError,
    graph_of,
    presets,
)

SMALL = UNetConfig(levels=2, base_channels=4, norm="batch", bias=False)


def arrays_of(network, in_channels=None, out_channels=None, *, dtype=np.float32):
    """A state dict for a network, with other numbers in each array."""
    layout = torch_layout(graph_of(network, in_channels, out_channels))
    rng = np.random.default_rng(0)
    made = {}
    for array in layout.arrays:
        made |= dict.fromkeys(array.names, rng.uniform(0.5, 1.5, array.torch_shape).astype(dtype))
    return made | {name: np.array(3) for name in layout.counters}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].shape == array.shape
        assert np.array_equal(found[name], array), name


def fault(source, network, error=UsageError, **more):
    with pytest.raises(error) as caught:
        load_torch(source, network, **more)
    lines = str(caught.value).splitlines()
    assert len(caught.value.report.lines()) <= 10
    return " ".join(line.strip() for line in lines)


# Every kind of network.


@pytest.mark.parametrize(
    ("network", "channels", "kind", "name"),
    [
        (SMALL, (3, 2), UNet, "down2.maxpool_conv.1.double_conv.3.weight"),
        (replace(SMALL, axes=1, norm="group", groups=2), (3, 2), UNet, "up1.conv.double_conv.0.weight"),
        (replace(SMALL, norm="none", bias=True), (1, 1), UNet, "encoder.0.convs.1.weight"),
        (replace(SMALL, convs_per_block=3), (1, 1), UNet, "encoder.0.convs.2.norm.norm.running_var"),
        (replace(SMALL, order="activation first"), (1, 1), UNet, "encoder.0.convs.1.norm.norm.bias"),
        (replace(SMALL, convs_per_block=1, head=False), (1, 4), UNet, "decoder.0.convs.0.conv.weight"),
        (UNet2Config(base_channels=2), (2, 3), UNet2, "upT.weight"),
        (presets.wave_unet(2, 2), (None, None), TypedNetwork, "encoder.0.conv.weight"),
        (presets.unet3d(2), (None, None), TypedNetwork, "bottom.convs.1.norm.running_mean"),
    ],
)
def test_each_network_has_names_in_pytorch_and_goes_there_and_back(network, channels, kind, name):
    given = arrays_of(network, *channels)
    assert name in given
    model = load_torch(given, network)  # the arrays say the channels
    assert isinstance(model, kind)
    assert_same(state_dict(model, batches=3), given)


def test_a_preset_that_is_a_graph_has_the_channels_of_the_arrays():
    given = arrays_of(presets.unetplusplus(in_channels=2, out_channels=5))
    model = load_torch(given, "unetplusplus")
    assert (model.network.image.channels, model.network.channels["final"]) == (2, 5)
    assert_same(state_dict(model, batches=3), given)


def test_a_transposed_convolution_says_the_channels_of_the_output(monkeypatch):
    monkeypatch.setitem(PRESETS.functions, "pix2pix", partial(presets.pix2pix, 2, 8))  # narrow
    given = arrays_of(presets.pix2pix(2, 8, in_channels=1, out_channels=5))
    model = load_torch(given, "pix2pix")
    assert (model.network.image.channels, model.network.channels["y"]) == (1, 5)


@pytest.mark.parametrize("channels", [(5, 7), (2, 3), (1, 1)])
def test_the_channels_of_each_preset_are_those_of_the_arrays(channels):
    ins, outs = channels
    for name in PRESETS:
        function = PRESETS.functions.get(name)
        if function is None:
            made = None if name == "tiny" else graph_of(name, ins, outs)  # without a head, tiny has other channels
        else:
            takes = inspect.signature(function).parameters
            given = {"in_channels": ins, "out_channels": outs, "sources": outs}
            made = replace(function(**{of: n for of, n in given.items() if of in takes}), name=name)
        if made is None:
            continue
        shapes = {name: of_it.torch_shape for of_it in torch_layout(made).arrays for name in of_it.names}
        arrays = {of: np.broadcast_to(np.float32(0), shape) for of, shape in shapes.items()}  # it needs no memory
        found, given = _with_channels(name, _ANY, torch_layout(graph_of(name)), arrays)
        assert graph_of(found, **given) == made


def test_a_kernel_that_is_missing_makes_no_other_difference():
    given = arrays_of("milesial", 3, 5)
    del given["outc.conv.weight"]
    says = fault(given, "milesial")
    assert "lacks arrays of the network: outc.conv.weight." in says
    assert "outc.conv.bias" not in says


def test_channels_that_are_given_must_be_those_of_the_arrays():
    given = arrays_of(SMALL, 3, 2)
    assert "inc.double_conv.0.weight is (4, 3, 3, 3), and must be (4, 1, 3, 3)" in fault(given, SMALL, in_channels=1)
    graph = graph_of(SMALL, 3, 2)
    assert isinstance(load_torch(given, graph, in_channels=3), TypedNetwork)
    assert "fix: in_channels=3" in fault(given, graph, ShapeError, in_channels=1)


def test_a_layer_of_vectors_has_no_positions_in_pytorch():
    net = Network(
        [Input("x", 2), Input("t", 3, single=True)],
        [Node("image", Conv(1, channels=4), "x"), Node("time", Conv(1, channels=4), "t")],
        ("image", "time"),
    )
    given = arrays_of(net)
    assert (given["image.weight"].shape, given["time.weight"].shape) == ((4, 2, 1, 1), (4, 3))
    assert_same(state_dict(load_torch(given, net)), given)
    with_positions = given | {"time.weight": given["time.weight"][..., None, None]}
    assert_same(state_dict(load_torch(with_positions, net)), given)


def test_a_slope_is_a_weight_and_a_norm_without_parameters_has_statistics():
    from wellshaped.spec import Norm

    nodes = (Node("act", Activation("prelu")), Node("norm", Norm("batch", affine=False)))
    net = Network({"x": 2}, nodes)
    given = arrays_of(net)
    assert set(given) == {"act.weight", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked"}
    assert_same(state_dict(load_torch(given, net), batches=3), given)


# Numbers beside the arrays.


FIXED = Network({"x": 2}, (Node("blur", Conv(3, padding=1, groups=2, bias=False, learned=False)),))


@pytest.mark.parametrize("name", ["blur.weight", "blur.kernel", "blur.filt", "blur"])
def test_a_fixed_kernel_is_a_buffer_of_any_name_below_its_layer(name):
    kernel = np.arange(18, dtype=np.float32).reshape(2, 1, 3, 3)
    model = load_torch({name: kernel}, FIXED)
    assert (model["blur"].kernel.get_value() == kernel).all()
    assert model(np.ones((2, 4, 4), np.float32)).shape == (2, 4, 4)
    assert_same(state_dict(model), {"blur.weight": kernel})


def test_a_fixed_kernel_that_is_missing_or_of_another_shape_is_reported():
    assert "missing: it lacks arrays of the network: blur.weight." in fault({}, FIXED)
    says = fault({"blur.kernel": np.zeros((2, 1, 5, 5), np.float32)}, FIXED)
    assert "'blur.kernel'" in says
    assert "missing: it lacks arrays of the network: blur.weight." in says


def test_a_node_without_arrays_may_have_the_layer_of_another():
    for nodes in (
        (Node("conv", Conv(1, channels=2), layer="pool"), Node("pool", MaxPool(2))),
        (Node("pool", MaxPool(2)), Node("conv", Conv(1, channels=2), layer="pool")),
        (Node("pool", Norm("batch", affine=False)), Node("y", Activation(), layer="pool")),
        (Node("pool", Activation("prelu")), Node("y", Activation(), layer="pool")),
    ):
        network = Network({"x": 2}, nodes)
        model = TypedNetwork(network, rngs=nnx.Rngs(0))
        arrays = state_dict(model)
        assert {name.rpartition(".")[0] for name in arrays} == {"pool"}
        assert_same(state_dict(load_torch(arrays, network)), arrays)


def test_two_layers_of_one_name_in_pytorch_are_rejected():
    network = Network({"x": 2}, (Node("a[0]", Conv(1, channels=2)), Node("a.0", Conv(1, channels=2))))
    says = "a[0] and a.0 both have the name a.0.weight in PyTorch"
    assert says in fault({}, network)
    with pytest.raises(UsageError, match=re.escape(says)):
        state_dict(TypedNetwork(network, rngs=nnx.Rngs(0)))


def test_batch_norms_keep_what_pytorchs_momentum_leaves():
    def kept(**more):
        model = load_torch(arrays_of(SMALL, 1, 1), SMALL, **more)
        return {of.momentum for _, of in nnx.iter_modules(model) if isinstance(of, nnx.BatchNorm)}

    assert kept() == {0.9}
    assert kept(momentum=0.01) == {0.99}
    assert "a number from 0 to 1" in fault(arrays_of(SMALL, 1, 1), SMALL, momentum=2)


@pytest.mark.parametrize(
    ("dtype", "more", "becomes"),
    [
        (np.float16, {}, jnp.float16),
        (jnp.bfloat16, {}, jnp.bfloat16),
        (np.float64, {}, jnp.float32),  # JAX has no float64 here
        (np.float16, {"param_dtype": jnp.float32}, jnp.float32),
    ],
)
def test_arrays_keep_their_dtype(dtype, more, becomes):
    given = arrays_of(SMALL, 1, 1, dtype=dtype)
    model = load_torch(given, SMALL, **more)
    assert model.head.kernel.get_value().dtype == becomes
    back = state_dict(model)["outc.conv.weight"]
    assert back.dtype == (np.float32 if becomes == jnp.bfloat16 else becomes)
    assert np.allclose(back, given["outc.conv.weight"].astype(np.float32))


def test_arrays_of_several_dtypes_become_float32():
    given = arrays_of(SMALL, 1, 1)
    given["outc.conv.weight"] = given["outc.conv.weight"].astype(np.float16)
    assert load_torch(given, SMALL).head.kernel.get_value().dtype == jnp.float32


# What is found in a checkpoint.


@pytest.mark.parametrize(
    "wrap",
    [
        lambda arrays: {"epoch": 3, "state_dict": arrays, "optimizer": {"state": {}}},
        lambda arrays: {"model": arrays, "loss": np.ones(())},
        lambda arrays: {"network_weights": arrays, "trainer_name": "nnUNetTrainer"},
        lambda arrays: {f"module.{name}": array for name, array in arrays.items()},
        lambda arrays: {"state_dict": {f"model._orig_mod.{name}": array for name, array in arrays.items()}},
        lambda arrays: arrays | {"mask_values": [0, 1]},
        lambda arrays: {name: array for name, array in arrays.items() if not name.endswith("tracked")},
    ],
)
def test_weights_are_found_inside_of_a_checkpoint(wrap):
    given = arrays_of(SMALL, 1, 2)
    assert_same(state_dict(load_torch(wrap(given), SMALL), batches=3), given)


def test_of_several_state_dicts_in_a_checkpoint_one_is_meant_or_chosen():
    network = Network({"x": 1}, (Node("y", Conv(1, bias=False)),))
    ones, twos = ({"y.weight": np.full((1, 1, 1, 1), n, np.float32)} for n in (1, 2))
    other = {"z.weight": np.ones(3, np.float32)}
    for source, prefix, expected in (
        ({"model": ones, "state_dict": other}, "", ones),
        ({"state_dict": ones, "model": other}, "", ones),
        ({"state_dict": ones, "model": twos}, "model.", twos),
        ({"state_dict": ones, "model": {f"net.{name}": a for name, a in twos.items()}}, "model.net.", twos),
    ):
        assert_same(state_dict(load_torch(source, network, prefix=prefix)), expected)
    with pytest.raises(UsageError) as error:
        load_torch({"model": twos, "state_dict": ones, 3: ones}, network)
    assert "it has arrays of this network under 'state_dict' and 'model'" in str(error.value)
    assert error.value.report.fixes == ('prefix="state_dict." or prefix="model."',)


def test_a_prefix_selects_one_of_several_networks():
    given = arrays_of(SMALL, 1, 2)
    both = {f"student.{name}": array for name, array in given.items()}
    both |= {f"teacher.{name}": array + 1 for name, array in given.items() if array.ndim} | {"loss.weight": np.ones(2)}
    assert_same(state_dict(load_torch(both, SMALL, prefix="student."), batches=3), given)
    assert 'fix: prefix="teacher."' in fault(both, SMALL, prefix="techer.").replace("'", '"')
    assert "fix: prefix='student.'" in fault(both, SMALL)


# Differences.


def changed(**arrays):
    """A state dict with other arrays; ``None`` takes one away. A dot in a name is written as two underscores."""
    given = arrays_of(SMALL, 1, 2) | {name.replace("__", "."): array for name, array in arrays.items()}
    return {name: array for name, array in given.items() if array is not None}


def test_all_differences_are_said_at_once_with_the_nearest_names():
    says = fault(
        changed(
            inc__double_conv__0__weight=None,
            inc__double_conv__0__wieght=np.ones((4, 1, 3, 3)),
            outc__conv__bias=np.ones(3),
            up1__up__bias=np.ones(8, int),
            more=[1],
        ),
        SMALL,
        out_channels=2,
    )
    assert "'inc.double_conv.0.wieght' (did you mean inc.double_conv.0.weight?)" in says
    assert "it has values that are no arrays: 'more'" in says
    assert "it lacks arrays of the network: inc.double_conv.0.weight" in says
    assert "outc.conv.bias is (3,), and must be (2,)" in says
    assert "up1.up.bias is of int64" in says


def test_each_array_that_is_renamed_is_noticed():
    given = arrays_of(SMALL, 1, 2)
    for name in given:
        other = {f"{of}x" if of == name else of: array for of, array in given.items()}
        says = fault(other, SMALL, out_channels=2)
        assert f"'{name}x'" in says
        assert name in says.partition("lacks")[2] or name.endswith("tracked")


def test_two_names_of_one_array_must_have_one_value():
    network = presets.nnunet_3d_fullres((4, 4, 4), kernels=(3,) * 3, strides=(1, 2, 2))
    given = arrays_of(network)
    name = "decoder.encoder.stages.0.0.convs.0.conv.weight"
    assert np.array_equal(given[name], given[name.removeprefix("decoder.")])
    given[name] = given[name] + 1
    says = fault(given, network)
    assert "it has different values for one array: encoder.stages.0.0.convs.0.conv.weight and" in says
    del given[name]
    load_torch(given, network)


def test_the_weights_of_another_preset_are_named():
    assert 'fix: the network "attention_unet"' in fault(arrays_of("attention_unet"), "unetplusplus")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (3, "it is an int, and must be a path or a state dict"),
        ({}, "it lacks arrays of the network"),
        ({"a": object()}, "values that are no arrays: 'a'"),
        ({"inc.double_conv.0.weight": np.array(["a"])}, "of other shapes"),
        ({"outc.conv.bias": np.array(["a", "b"])}, "outc.conv.bias is of"),
    ],
)
def test_other_sources_are_rejected(source, says):
    assert says in fault(source, SMALL, out_channels=2)


def test_other_arguments_are_rejected():
    given = arrays_of(SMALL, 1, 1)
    assert "must be a text" in fault(given, SMALL, prefix=3)
    assert "in_channels" in fault(given, SMALL, in_channels=-1)
    with pytest.raises(UsageError, match="must be a UNet, a UNet2 or a TypedNetwork"):
        state_dict(nnx.Linear(2, 2, rngs=nnx.Rngs(0)))
    with pytest.raises(UsageError, match="batches"):
        state_dict(load_torch(given, SMALL), batches=-1)


# The way back.


def test_heads_that_are_left_out_come_back_from_the_file():
    network = presets.nnunet_3d_fullres((4, 4, 4), kernels=(3,) * 3, strides=(1, 2, 2))
    given = arrays_of(network)
    heads = {"decoder.seg_layers.0.weight": np.ones((2, 4, 1, 1, 1)), "decoder.seg_layers.0.bias": np.ones(2)}
    model = load_torch(given | heads, network)
    assert_same(state_dict(model), given)
    assert_same(state_dict(model, others=given | heads), given | heads)


def test_arrays_for_pytorch_can_be_changed():
    arrays = state_dict(UNet(SMALL, 1, 1, rngs=nnx.Rngs(0)))
    for array in arrays.values():
        array += 1  # torch.from_numpy warns about an array that can't be written


def test_tensors_of_pytorch_are_arrays_too():
    torch = pytest.importorskip("torch")
    given = arrays_of(SMALL, 1, 2)
    tensors = {
        name: torch.tensor(array).to(torch.bfloat16 if array.ndim else torch.int64) for name, array in given.items()
    }
    model = load_torch(tensors, SMALL)
    assert model.head.kernel.get_value().dtype == jnp.bfloat16
    assert np.allclose(state_dict(model)["outc.conv.weight"], given["outc.conv.weight"], rtol=0.01)
    tensors["outc.conv.bias"] = torch.ones(2, device="meta")
    assert "outc.conv.bias is a tensor that NumPy can't have: torch.float32 on meta" in fault(tensors, SMALL)


def test_a_number_that_the_dtype_cannot_hold_is_rejected():
    network = Network({"x": 1}, (Node("y", Conv(3, channels=2)),))
    weights = {"y.weight": np.full((2, 1, 3, 3), 1e300), "y.bias": np.zeros(2)}
    with pytest.raises(UsageError, match=r"overflow: y\.kernel has a number that float32 can't hold"):
        load_torch(weights, network)


@pytest.mark.parametrize(
    ("shape", "fits"), [((2, 3, 1, 1), True), ((2, 3), True), ((2, 3, 1), True), ((3, 2), False), ((2, 3, 2), False)]
)
def test_a_kernel_of_one_position_may_be_a_matrix(shape, fits):
    network = Network({"x": 3}, (Node("y", Conv(1, channels=2, bias=False)),))
    arrays = {"y.weight": np.arange(math.prod(shape), dtype=np.float32).reshape(shape)}
    if fits:
        assert load_torch(arrays, network)["y"].kernel.shape == (2, 3, 1, 1)
    else:
        assert f"y.weight is {shape}, and must be (2, 3, 1, 1)" in fault(arrays, network)
