"""nnU-Net's plans and MONAI's bundles as networks, against what nnU-Net and MONAI build from them."""

import copy
import json
import sys
from functools import cache
from pathlib import Path
from types import MappingProxyType

import jax
import numpy as np
import pytest
from damage import damaged, place_of, repaired
from flax import nnx
from hanging import soon
from mutations import mutations

from wellshaped.cli import main
from wellshaped.interop import monai_bundle, nnunet_plans
from wellshaped.models import TypedNetwork
from wellshaped.spec import (
    PRESETS,
    Activation,
    Dropout,
    FileError,
    Norm,
    UsageError,
    WellshapedError,
    compatible_shapes,
    load_network,
    parameter_shapes,
    run_image,
)

from ..conformance.plan_cases import BUNDLES, HELD, LARGEST, PLANS, new_plan

RECORDED = Path(__file__).parents[1] / "conformance/plan_networks.json"
CHANNELS = {"in_channels": 2, "out_channels": 3}


@cache
def recorded():
    """What nnU-Net and MONAI build from each case, as make_plan_networks.py recorded it."""
    return json.loads(RECORDED.read_text())


def write(path, data):
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    path = write(tmp_path_factory.mktemp("plans") / "nnUNetPlans.json", {"configurations": PLANS})
    return {heads: nnunet_plans(path, **CHANNELS, deep_supervision=heads) for heads in (False, True)}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "inference.json"
    return {name: monai_bundle(write(path, {"network_def": of})) for name, of in BUNDLES.items()}


def parameters_of(network):
    """The shapes of the parameters under PyTorch's names."""
    shapes = parameter_shapes(network, network.image.channels)
    return {
        f"{layer}.{'bias' if of == 'bias' else 'weight'}": list(shape)
        for layer, each in shapes.items()
        for of, shape in each.items()
    }


def sizes_along(network):
    """For each axis, the sizes that fit while the others are held."""
    shapes, held = compatible_shapes(network), (HELD,) * network.axes
    return [
        [n for n in range(1, LARGEST + 1) if (*held[:axis], n, *held[axis + 1 :]) in shapes]
        for axis in range(network.axes)
    ]


def without_repeated(name, axes):
    """The sizes that fit, without the one for which PyTorch repeats a size of 1 in a sum (SPEC section 8)."""
    repeated = 3 if "strided from the first stage" in name else 1 if name.startswith("SegResNet") else 0
    return [[n for n in along if n != repeated] for along in axes]


def outputs_of(network):
    """The shapes of the outputs for the held size."""
    run = run_image(network, (HELD,) * network.axes)
    return [[network.channels[name], *run.shape(name)] for name in network.outputs]


def dropouts_of(network):
    """The rate of each dropout, whether it drops whole channels, and the layer before it, by PyTorch's paths."""
    before = {node.name: node.path for node in network.nodes}
    return {
        before[node.name]: [node.operation.rate, node.operation.channels, before[node.inputs[0]]]
        for node in network.nodes
        if isinstance(node.operation, Dropout)
    }


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_is_the_network_of_nnu_net_layer_by_layer_and_size_by_size(name, plans):
    network, theirs = plans[False][name].network, recorded()[name]
    inner = tuple(f"decoder.seg_layers.{i}." for i in range(len(plans[True][name].network.outputs) - 1))
    assert parameters_of(network) == {of: s for of, s in theirs["parameters"].items() if not of.startswith(inner)}
    assert sizes_along(network) == without_repeated(name, theirs["axes"])
    assert outputs_of(network) == theirs["outputs"]
    assert dropouts_of(network) == theirs["dropouts"]


@pytest.mark.parametrize("name", PLANS)
def test_with_deep_supervision_a_plan_has_every_parameter_and_output_of_nnu_net(name, plans):
    network = plans[True][name].network
    assert parameters_of(network) == recorded()[name]["parameters"]
    assert outputs_of(network) == recorded()[f"{name}, heads"]["outputs"]
    assert len(network.outputs) > 0


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_is_the_network_of_monai_layer_by_layer_and_size_by_size(name, bundles):
    network, theirs = bundles[name].network, recorded()[name]
    # Without its final convolution, SegResNet still has its parameters.
    unused = () if BUNDLES[name].get("use_conv_final", True) else ("conv_final.", "act_mod.")
    assert parameters_of(network) == {of: s for of, s in theirs["parameters"].items() if not of.startswith(unused)}
    assert sizes_along(network) == without_repeated(name, theirs["axes"])
    assert outputs_of(network) == theirs["outputs"]
    assert dropouts_of(network) == theirs["dropouts"]


@pytest.mark.parametrize("name", ["UNet with dropout", "BasicUNet with dropout", "DynUNet with dropout", "SegResNet"])
def test_dropout_of_a_bundle_is_in_its_graph_and_nothing_is_left_out(name, bundles):
    assert dropouts_of(bundles[name].network)
    assert bundles[name].not_supported == ()


def test_the_plan_of_the_preset_is_the_preset(tmp_path):
    plan = {
        "patch_size": [64, 128, 128],
        "UNet_class_name": "PlainConvUNet",
        "UNet_base_num_features": 32,
        "unet_max_num_features": 320,
        "n_conv_per_stage_encoder": [2] * 6,
        "n_conv_per_stage_decoder": [2] * 5,
        "conv_kernel_sizes": [[1, 3, 3], *[[3, 3, 3]] * 5],
        "pool_op_kernel_sizes": [[1, 1, 1], [1, 2, 2], *[[2, 2, 2]] * 4],
    }
    path = write(tmp_path / "plans.json", {"configurations": {"3d_fullres": plan}})
    planned = nnunet_plans(path, in_channels=1, out_channels=2)["3d_fullres"]
    assert planned.network == PRESETS["nnunet_3d_fullres"]
    assert planned.network.name == "3d_fullres"
    assert planned.patch_size == (64, 128, 128)


def test_the_residual_plan_of_the_preset_is_the_preset(tmp_path):
    plan = new_plan(
        3,
        "ResidualEncoderUNet",
        n_stages=6,
        features_per_stage=[32, 64, 128, 256, 320, 320],
        kernel_sizes=[[3, 3, 3]] * 6,
        strides=[[1, 1, 1], *[[2, 2, 2]] * 5],
        n_blocks_per_stage=[1, 3, 4, 6, 6, 6],
        n_conv_per_stage_decoder=[1] * 5,
    )
    path = write(tmp_path / "plans.json", {"configurations": {"3d_fullres": plan}})
    planned = nnunet_plans(path, in_channels=1, out_channels=2)["3d_fullres"]
    assert planned.network == PRESETS["nnunet_3d_resenc"]


@pytest.mark.parametrize("name", ["monai_unet", "monai_basicunet"])
def test_the_bundle_of_a_preset_is_the_preset(name, tmp_path):
    networks = {
        "monai_unet": {"_target_": "UNet", "channels": [16, 32, 64, 128, 256], "strides": [2] * 4, "num_res_units": 2},
        "monai_basicunet": {"_target_": "BasicUNet"},
    }
    network = {**networks[name], "spatial_dims": 3, "in_channels": 1, "out_channels": 2}
    path = write(tmp_path / "train.json", {"network_def": network})
    assert monai_bundle(path).network == PRESETS[name]


def test_a_small_plan_runs(plans):
    network = plans[True]["old 3d residual"].network
    shape = (2, *(HELD,) * network.axes)
    made = nnx.eval_shape(lambda: TypedNetwork(network, rngs=nnx.Rngs(0))(jax.numpy.zeros(shape)))
    assert [list(array.shape) for array in made] == recorded()["old 3d residual, heads"]["outputs"]


# Which channels


def cascade(tmp_path, labels, **more):
    """A plan of two networks, where the second continues the first, and its dataset."""
    first = {**PLANS["new 2d"], "next_stage": "2d_cascade"}
    second = {"inherits_from": "2d", "previous_stage": "2d", "patch_size": [64, 32]}
    path = write(tmp_path / "nnUNetPlans.json", {"configurations": {"2d_cascade": second, "2d": first}})
    write(tmp_path / "dataset.json", {"channel_names": {"0": "CT", "1": "PET"}, "labels": labels, **more})
    return path


def channels_of(planned):
    network = planned.network
    return network.image.channels, network.channels[network.outputs[0]]


LABELS = {"background": 0, "organ": 1, "tumor": 2}


@pytest.mark.parametrize(
    ("labels", "outputs", "foreground"),
    [
        (LABELS, 3, 2),
        ({**LABELS, "ignore": 3}, 3, 2),
        ({"background": 0, "whole": [1, 2], "tumor": 2}, 2, 2),
        ({"background": 0, "whole": [1, 2, 3], "core": [2, 3], "tumor": [3]}, 3, 3),
        ({"background": "0", "organ": "1"}, 2, 1),
    ],
)
def test_the_dataset_beside_a_plan_says_its_channels(labels, outputs, foreground, tmp_path):
    plans = nnunet_plans(cascade(tmp_path, labels))
    assert channels_of(plans["2d"]) == (2, outputs)
    assert channels_of(plans["2d_cascade"]) == (2 + foreground, outputs)
    assert plans["2d_cascade"].patch_size == (64, 32)
    assert plans["2d_cascade"].kind == "PlainConvUNet"


def test_channels_that_are_given_come_before_those_of_the_dataset(tmp_path):
    path = cascade(tmp_path, LABELS)
    assert channels_of(nnunet_plans(path, in_channels=5)["2d"]) == (5, 3)
    assert channels_of(nnunet_plans(path, out_channels=7)["2d"]) == (2, 7)
    (tmp_path / "dataset.json").write_text("not JSON")
    assert channels_of(nnunet_plans(path, **CHANNELS)["2d_cascade"]) == (4, 3)
    with pytest.raises(FileError, match=r"dataset\.json"):
        nnunet_plans(path)


def test_an_old_dataset_has_modalities(tmp_path):
    path = cascade(tmp_path, LABELS, modality={"0": "T1", "1": "T2", "2": "FLAIR"})
    assert channels_of(nnunet_plans(path)["2d"]) == (3, 3)


def test_without_a_dataset_the_channels_must_be_given(tmp_path):
    path = write(tmp_path / "nnUNetPlans.json", {"configurations": PLANS})
    with pytest.raises(UsageError, match="that says in_channels and out_channels") as error:
        nnunet_plans(path)
    (fix,) = error.value.report.fixes
    beside, _, content = fix.partition(" with ")
    assert beside == str(path.with_name("dataset.json"))
    path.with_name("dataset.json").write_text(content.partition(";")[0])
    assert channels_of(next(iter(nnunet_plans(path).values()))) == (1, 2)
    path.with_name("dataset.json").unlink()
    with pytest.raises(UsageError, match="in_channels=-1"):
        nnunet_plans(path, in_channels=-1, out_channels=2)


# What a result says


def new(**arguments):
    """A plan of the new generation with further arguments."""
    plan = copy.deepcopy(PLANS["new 2d"])
    plan["architecture"]["arch_kwargs"].update(arguments)
    return plan


def test_a_result_says_what_its_network_leaves_out(tmp_path):
    plan = new(
        dropout_op="torch.nn.modules.dropout.Dropout3d",
        dropout_op_kwargs={"p": 0.2},
        norm_op="my_package.Norm2d",
        nonlin="torch.nn.modules.activation.CELU",
        squeeze_excitation=True,
        stochastic_depth_p=0.0,
        deep_supervision=True,
    )
    path = write(tmp_path / "p.json", {"configurations": {"2d": plan}})
    planned = nnunet_plans(path, **CHANNELS)["2d"]
    assert planned.not_supported == (
        "norm_op is 'my_package.Norm2d', and the network leaves it out",
        "dropout_op is 'torch.nn.modules.dropout.Dropout3d', and the network leaves it out",
        "nonlin is 'torch.nn.modules.activation.CELU', and the network leaves it out",
        "squeeze_excitation is true, and the network leaves it out",
    )
    assert not any("norm" in node.name or "nonlin" in node.name for node in planned.network.nodes)
    assert nnunet_plans(write(path, {"configurations": {"2d": new()}}), **CHANNELS)["2d"].not_supported == ()


def test_the_networks_of_a_file_print_one_by_one_with_what_they_leave_out(tmp_path):
    path = write(tmp_path / "p.json", {"configurations": {"2d": new(squeeze_excitation=True), "old": PLANS["old 3d"]}})
    plans = nnunet_plans(path, **CHANNELS)
    assert str(plans).splitlines() == [
        "p.json",
        "  2d: PlainConvUNet, axes 2, channels 2 → 3, nodes 49, patch 32 × 32",
        "    not supported: squeeze_excitation is true, and the network leaves it out",
        "  old: PlainConvUNet, axes 3, channels 2 → 3, nodes 46, patch 32 × 32 × 32",
    ]
    assert (list(plans), len(plans), "old" in plans, plans.get("new")) == (["2d", "old"], 2, True, None)
    assert repr(plans) == "<PlannedNetworks 2d, old of p.json>"


# Bundles


def bundle(path, network, **more):
    return write(path, {**more, "network_def": {**BUNDLES["UNet"], **network}})


def test_references_in_a_bundle_are_resolved_and_expressions_are_not_evaluated(tmp_path):
    path = tmp_path / "inference.json"
    network = {"in_channels": "@image::channels", "channels": ["@width", "@image#wide", 8], "norm": "@norm"}
    planned = monai_bundle(bundle(path, network, image={"channels": 3, "wide": 6}, width="@four", four=4, norm="batch"))
    assert planned.network.image.channels == 3
    assert planned.network.node("down[0].unit0.conv").operation.channels == 4
    with pytest.raises(FileError) as error:
        monai_bundle(bundle(path, {"in_channels": "$len(@images)"}))
    assert [verdict.says for verdict in error.value.report.failures] == [
        "network_def > in_channels is '$len(@images)', an expression, which is not evaluated"
    ]
    assert error.value.report.fixes == (
        f"monai_bundle({str(path)!r}, arguments={{...}}), with 'in_channels' in arguments",
    )
    assert monai_bundle(path, arguments={"in_channels": 5}).network.image.channels == 5


@pytest.mark.parametrize("text", ["@missing", "@a", "@a::b", "%a", "$1", "@", "@@", "@norm::x"])
def test_a_reference_that_leads_nowhere_is_one_message(text, tmp_path):
    path = bundle(tmp_path / "inference.json", {"in_channels": text}, a="@b", b="@a")
    with pytest.raises(FileError, match="network_def > in_channels"):
        monai_bundle(path)


def test_the_network_of_a_folder_is_that_of_its_first_config(tmp_path):
    with pytest.raises(FileError, match=r"none of configs/inference\.json"):
        monai_bundle(tmp_path)
    (tmp_path / "configs").mkdir()
    pytest.importorskip("yaml")
    text = "width: 4\nnetwork_def: {_target_: BasicUNet, spatial_dims: 1, features: ['@width', 4, 6, 6, 8, 4]}\n"
    (tmp_path / "configs/train.yaml").write_text(text)
    assert monai_bundle(tmp_path).network.axes == 1
    bundle(tmp_path / "configs/inference.json", {}, inferer={"roi_size": [96, 96, 64]})
    planned = monai_bundle(tmp_path)
    assert (planned.kind, planned.name, planned.patch_size) == ("UNet", "network_def", (96, 96, 64))
    bundle(tmp_path / "configs/inference.json", {}, inferer={"roi_size": "$[96] * 3"})
    assert monai_bundle(tmp_path).patch_size is None


def test_a_bundle_in_yaml_needs_pyyaml(tmp_path, monkeypatch):
    (tmp_path / "a.yaml").write_text("network_def: {}")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(FileError, match="PyYAML is not installed"):
        monai_bundle(tmp_path / "a.yaml")


def test_what_a_bundle_s_network_leaves_out_is_said(tmp_path):
    more = {"deep_supervision": True, "dropout": ["AlphaDropout", {"p": 0.1}]}
    path = write(tmp_path / "a.json", {"network_def": {**BUNDLES["DynUNet"], **more}})
    assert monai_bundle(path).not_supported == (
        "dropout is 'AlphaDropout', and the network leaves it out",
        "deep_supervision is true, and the network leaves out the heads that only training uses",
    )
    network = {"norm": ["layer", {}], "act": "celu", "unknown": [1], "dropout": 0.0}
    assert monai_bundle(bundle(path, network)).not_supported == (
        "norm is 'layer', and the network leaves it out",
        "act is 'celu', and the network leaves it out",
        "unknown is a list, and the network leaves it out",
    )


def failures_of(path):
    """The names of what is wrong with a bundle."""
    try:
        monai_bundle(path)
    except FileError as error:
        return {failure.name for failure in error.report.failures}
    return set()


def kinds_in(network):
    """The kinds of norms and activations that a network has."""
    return {node.operation.kind for node in network.nodes if isinstance(node.operation, Norm | Activation)}


@pytest.mark.parametrize(
    ("network", "kinds"),
    [
        ({"norm": None}, {"prelu"}),
        ({"norm": "@nothing"}, {"prelu"}),
        ({"norm": ""}, {"prelu"}),
        ({"act": None}, {"instance"}),
        ({"_target_": "BasicUNet", "features": [4] * 6, "norm": None}, {"leaky_relu"}),
        ({"_target_": "BasicUNet", "features": [4] * 6, "act": None}, {"instance"}),
        ({}, {"instance", "prelu"}),
    ],
)
def test_null_is_no_norm_and_no_activation_as_none_is_in_monai(network, kinds, tmp_path):
    given = {"_target_": "UNet", "spatial_dims": 2, "in_channels": 1, "out_channels": 2}
    given |= {} if "_target_" in network else {"channels": [4, 8], "strides": [2]}
    path = write(tmp_path / "a.json", {"nothing": None, "network_def": {**given, **network}})
    planned = monai_bundle(path)
    assert kinds_in(planned.network) == kinds
    assert planned.not_supported == ()


def test_null_is_false_for_a_flag_and_the_default_where_that_is_none_in_monai(tmp_path):
    def read(name, **network):
        return monai_bundle(write(tmp_path / "a.json", {"network_def": {**BUNDLES[name], **network}})).network

    assert read("UNet", bias=None) == read("UNet", bias=False) != read("UNet")
    assert read("SegResNet", use_conv_final=None) == read("SegResNet", use_conv_final=False) != read("SegResNet")
    assert read("SegResNet", norm_name=None, num_groups=None) == read("SegResNet")
    assert read("SegResNet", dropout_prob=None) == read("SegResNet", dropout_prob=0.0) != read("SegResNet")
    batch = [read("UNet", norm=["batch", {"affine": affine}]) for affine in (None, False, True)]
    assert batch[0] == batch[1] != batch[2]
    plain = {of: n for of, n in BUNDLES["DynUNet"].items() if of != "filters"}
    assert read("DynUNet", filters=None) == monai_bundle(write(tmp_path / "a.json", {"network_def": plain})).network


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("UNet", "kernel_size"),
        ("UNet", "num_res_units"),
        ("UNet", "adn_ordering"),
        ("BasicUNet", "features"),
        ("BasicUNet", "spatial_dims"),
        ("BasicUNet", "upsample"),
        ("DynUNet", "norm_name"),
        ("DynUNet", "act_name"),
        ("SegResNet", "norm"),
        ("SegResNet", "act"),
        ("SegResNet", "blocks_down"),
        ("SegResNet", "upsample_mode"),
    ],
)
def test_null_where_monai_raises_is_one_message_whose_fix_helps(name, key, tmp_path):
    path = write(tmp_path / "a.json", {"network_def": {**BUNDLES[name], key: None}})
    with pytest.raises(FileError, match=f"network_def > {key} is null, and must be") as error:
        monai_bundle(path)
    (fix,) = error.value.report.fixes
    fixed = json.loads(f"{{{fix}}}")
    path = write(path, {"network_def": {**BUNDLES[name], **fixed}})
    # An example may have another number of levels than the other values, and never the wrong kind.
    assert failures_of(path) <= {"blocks"}


@pytest.mark.parametrize(
    ("kind", "track", "says"),
    [
        ("instance", True, "is true, so the norm uses the statistics of the training data"),
        ("batch", False, "is false, so the norm uses the statistics of the image"),
        ("batch", None, "is null, so the norm uses the statistics of the image"),
        ("instance", False, None),
        ("instance", None, None),
        ("batch", True, None),
    ],
)
def test_a_norm_with_other_statistics_than_its_kind_is_said(kind, track, says, tmp_path):
    arguments = {"track_running_stats": track}
    planned = monai_bundle(bundle(tmp_path / "a.json", {"norm": [kind, arguments]}))
    norm = f"torch.nn.modules.{kind}norm.{kind.capitalize()}Norm2d"
    plan = {"configurations": {"2d": new(norm_op=norm, norm_op_kwargs=arguments)}}
    plans = nnunet_plans(write(tmp_path / "p.json", plan), **CHANNELS)
    for key, said in (("norm", planned.not_supported), ("norm_op_kwargs", plans["2d"].not_supported)):
        assert len(said) == (says is not None)
        assert all(sentence.startswith(f"{key}: track_running_stats {says}") for sentence in said)


MEDNEXT = {"architecture": {"network_class_name": "mednext.MedNeXt", "arch_kwargs": {}}, "patch_size": [32, 32]}


def test_a_configuration_with_another_class_of_network_is_named_and_the_others_are_read(tmp_path, capsys):
    more = {"big": {"inherits_from": "mednext"}, "2d": new()}
    write(tmp_path / "dataset.json", {"channel_names": {"0": "CT"}, "labels": {"background": 0, "tumor": 1}})
    path = write(tmp_path / "nnUNetPlans.json", {"configurations": {"mednext": MEDNEXT, **more}})
    plans = nnunet_plans(path)
    assert list(plans) == ["2d"]
    assert [said.partition(",")[0] for said in plans.not_supported] == [
        "configurations > mednext > architecture > network_class_name is 'mednext.MedNeXt'",
        "configurations > big > architecture > network_class_name is 'mednext.MedNeXt'",
    ]
    assert "\n  not supported: configurations > mednext >" in str(plans)
    assert "mednext" not in plans
    for _ in range(2):
        with pytest.raises(FileError, match=r"network_class_name is 'mednext\.MedNeXt'"):
            plans["mednext"]
    with pytest.raises(KeyError):
        plans["3d"]
    assert main(["sizes", f"{path}:2d"]) == 0
    assert main(["sizes", f"{path}:mednext"]) != 0
    assert "read_torch(network" in capsys.readouterr().err
    assert nnunet_plans(write(path, {"configurations": {"2d": new()}})).not_supported == ()


# Broken files

STAGED = ("n_conv_per_stage_encoder", "conv_kernel_sizes", "pool_op_kernel_sizes")

BROKEN_PLANS = {
    "nothing": (None, "the file is null, and must be an object with keys"),
    "no plan": ([1], "the file is a list, and must be an object with keys"),
    "no configurations": ({"plans": {}}, "the file has no key 'configurations'"),
    "null": ({"configurations": None}, "configurations is null, and must be an object with keys"),
    "empty": ({"configurations": {}}, "configurations has 0 configurations, and must have 1 to 50"),
    "another class": (
        {"2d": {"architecture": {"network_class_name": "mednext.MedNeXt", "arch_kwargs": {}}}},
        "2d > architecture > network_class_name is 'mednext.MedNeXt', and must be PlainConvUNet or ResidualEncoderUNet"
        " of dynamic_network_architectures",
    ),
    "another class of old plans": (
        {"2d": {"UNet_class_name": "MyUNet"}},
        "2d > UNet_class_name is 'MyUNet', and must be PlainConvUNet or ResidualEncoderUNet of"
        " dynamic_network_architectures",
    ),
    "no class": ({"2d": {"batch_size": 2}}, "2d has no key 'architecture'"),
    "a missing key": (
        {"2d": {"architecture": {"network_class_name": "PlainConvUNet", "arch_kwargs": {"conv_op": "Conv2d"}}}},
        "2d > architecture > arch_kwargs has no key 'n_stages'",
    ),
    "no convolution": (
        {"2d": new(conv_op="Linear")},
        "conv_op is 'Linear', and must be Conv1d, Conv2d or Conv3d of torch.nn",
    ),
    "too many stages": ({"2d": new(n_stages=10**9)}, "n_stages is 1000000000, and must be an integer from 2 to 12"),
    "fewer strides": ({"2d": new(strides=[[1, 1]] * 3)}, "strides has 3 entries, and must have 4"),
    "strides of other axes": (
        {"2d": new(strides=[[1, 1], [2, 2, 2], [2, 2], [2, 2]])},
        "strides[1] has 3 entries, and must have 2",
    ),
    "a stride of 0": (
        {"2d": new(strides=[[1, 1], [2, 0], [2, 2], [2, 2]])},
        "strides[1][1] is 0, and must be an integer from 1 to 1000000",
    ),
    "a patch of other axes": (
        {"2d": {**new(), "patch_size": [32, 32, 32]}},
        "2d > patch_size has 3 entries, and must have 2: one for each axis",
    ),
    "a patch of one axis": (
        {"2d": {**new(), "patch_size": [32]}},
        "2d > patch_size has 1 entry, and must have 2: one for each axis",
    ),
    "lists of other counts than most": (
        {"2d": {**PLANS["old 2d"], "pool_op_kernel_sizes": [2] * 13}},
        "2d > pool_op_kernel_sizes has 13 entries, and must have 3",
    ),
    "more stages than are read": (
        {"2d": {**PLANS["old 2d"], **dict.fromkeys(STAGED, [2] * 13), "n_conv_per_stage_decoder": 1}},
        "2d > n_conv_per_stage_encoder has 13 entries, and must have 12: one for each of 2 to 12 stages",
    ),
    "a word": ({"2d": new(conv_bias="yes")}, "conv_bias is 'yes', and must be true or false"),
    "a circle": (
        {"a": {"inherits_from": "b"}, "b": {"inherits_from": "a"}},
        "b > inherits_from is 'a', which inherits from this configuration",
    ),
    "an unknown parent": (
        {"a": {"inherits_from": "c"}},
        "a > inherits_from is 'c', and there is no other configuration",
    ),
}


@pytest.mark.parametrize("name", BROKEN_PLANS)
def test_what_is_wrong_with_a_plan_is_one_message_with_the_path_the_key_and_a_fix(name, tmp_path):
    content, says = BROKEN_PLANS[name]
    known = not isinstance(content, dict) or {"plans", "configurations"} & content.keys()
    path = write(tmp_path / "nnUNetPlans.json", content if known else {"configurations": content})
    with pytest.raises(FileError) as error:
        nnunet_plans(path, **CHANNELS)
    (failure,) = error.value.report.failures
    assert failure.says.endswith(says)
    assert str(error.value).startswith(f"plans file {path} can't be read.\n")
    assert len(error.value.report.fixes) == 1


@pytest.mark.parametrize("text", ["", " \n", "[]", "[1]", "null", '"text"', "3", "nonsense"])
@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_the_fix_for_an_empty_bundle_or_one_that_is_no_object_is_a_bundle_that_can_be_read(text, suffix, tmp_path):
    pytest.importorskip("yaml")
    path = tmp_path / f"a.{suffix}"
    path.write_text(text)
    with pytest.raises(FileError) as error:
        monai_bundle(path)
    (fix,) = error.value.report.fixes
    path.write_text(fix)
    assert monai_bundle(path).kind == "UNet"


@pytest.mark.parametrize("text", ["", "[]", "null", "nonsense"])
def test_the_fix_for_an_empty_plans_file_or_one_that_is_no_object_is_one_that_can_be_read(text, tmp_path):
    path = tmp_path / "nnUNetPlans.json"
    path.write_text(text)
    with pytest.raises(FileError) as error:
        nnunet_plans(path, **CHANNELS)
    (fix,) = error.value.report.fixes
    words, _, content = fix.partition(", such as ")
    assert words == "the nnUNetPlans.json that nnU-Net writes"
    path.write_text(content)
    assert list(nnunet_plans(path, **CHANNELS)) == ["3d_fullres"]
    plans = cascade(tmp_path, LABELS)
    plans.with_name("dataset.json").write_text(text)
    with pytest.raises(FileError) as error:
        nnunet_plans(plans)
    plans.with_name("dataset.json").write_text(error.value.report.fixes[0])
    assert channels_of(nnunet_plans(plans)["2d"]) == (1, 2)


@pytest.mark.parametrize("name", ["in_channels", "out_channels"])
def test_no_channels_are_an_error_about_the_argument_and_not_about_the_file(name, tmp_path):
    path = cascade(tmp_path, LABELS)
    with pytest.raises(UsageError) as error:
        nnunet_plans(path, **{name: 0})
    assert error.value.report.subject == f"nnunet_plans({name}=0)"
    assert error.value.report.fixes == (f"{name}=1",)


BROKEN_BUNDLES = {
    "another class": (
        {"_target_": "monai.networks.nets.SwinUNETR"},
        "must be UNet, BasicUNet, DynUNet, SegResNet of MONAI",
    ),
    "not of MONAI": ({"_target_": "my_package.UNet"}, "must be UNet, BasicUNet, DynUNet, SegResNet of MONAI"),
    "fewer strides": ({"strides": [2]}, "strides has 1 entry, and must have at least 2: one less than channels"),
    "an even kernel": ({"kernel_size": 4}, "kernel_size is 4, and must be odd"),
    "no groups": ({"norm": ["group", {}]}, "norm[1] has no key 'num_groups'"),
    "groups of a part": (
        {"norm": ["group", {"num_groups": 4}]},
        "norm[1] > num_groups is 4, and must divide the numbers of channels: 4, 6, 8, 2",
    ),
    "channels of a part of a group": (
        {"_target_": "SegResNet", "norm_name": "group", "init_filters": 12},
        "init_filters is 12, and must be a multiple of 8, the number of groups of the norm",
    ),
    "a negative number": (
        {"norm": ["batch", {"eps": -1}]},
        "norm[1] > eps is -1, and must be a number from 0 to 1000000",
    ),
    "a level that can't be halved": (
        {"_target_": "BasicUNet", "features": [1, 1, 2, 2, 1, 1]},
        "features[4] is 1, and must be an integer from 2 to 1000000",
    ),
    "a dilated upsampling": ({"_target_": "BasicUNet", "upsample": "bilinear"}, "upsample is 'bilinear', and must be"),
    "too many blocks": ({"_target_": "SegResNet", "blocks_up": [1]}, "which must be one less"),
    "no channels": ({"in_channels": None}, "network_def > in_channels is null"),
    "a long stride": (
        {"_target_": "DynUNet", "kernel_size": [3] * 3, "strides": [1, 5, 1], "upsample_kernel_size": [2, 2]},
        "strides[1] is 5, and must be at most 4 beside the kernel 3",
    ),
}


@pytest.mark.parametrize("name", BROKEN_BUNDLES)
def test_what_is_wrong_with_a_bundle_is_one_message_with_the_path_the_key_and_a_fix(name, tmp_path):
    network, says = BROKEN_BUNDLES[name]
    path = bundle(tmp_path / "inference.json", network)
    with pytest.raises(FileError) as error:
        monai_bundle(path)
    (failure,) = error.value.report.failures
    assert says in failure.says
    assert "network_def" in failure.says
    assert str(error.value).startswith(f"bundle config {path} can't be read.\n")


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("1: 2", "network_def has the key 1, and"),
        ("true: 2", "network_def has the key true, and"),
        ("2020-01-01: 2", "network_def has the key a date, and"),
        ("norm: [group, {num_groups: 1, 3: 4}]", "network_def > norm[1] has the key 3, and"),
    ],
)
def test_a_key_of_yaml_that_is_not_a_text_is_one_message(place, says, tmp_path):
    pytest.importorskip("yaml")
    path = tmp_path / "a.yaml"
    text = "1: 2\nnetwork_def: {_target_: UNet, spatial_dims: 2, in_channels: 1, out_channels: 2, channels: [4, 8]"
    path.write_text(f"{text}, strides: [2]}}")
    assert monai_bundle(path).not_supported == ()
    path.write_text(f"{text}, strides: [2], {place}}}")
    with pytest.raises(FileError) as error:
        monai_bundle(path)
    assert [failure.says for failure in error.value.report.failures] == [
        f"{says} the name of an argument must be a text"
    ]


def test_arguments_are_python_s_values(tmp_path):
    path = bundle(tmp_path / "a.json", {})
    plain = {"channels": [4, 8, 16], "strides": [[2, 1, 2], 2], "norm": ["group", {"num_groups": 2}], "act": None}
    same = {
        "channels": (np.int64(4), 8, np.int32(16)),
        "strides": (np.array([2, 1, 2]), np.int64(2)),
        "norm": ("group", MappingProxyType({"num_groups": np.uint8(2), "affine": np.True_})),
        "act": None,
    }
    network = monai_bundle(path, arguments=same).network
    assert network == monai_bundle(bundle(tmp_path / "b.json", plain)).network
    assert network.node("down[0].unit0.conv").operation.stride == (2, 1, 2)
    assert kinds_in(network) == {"group"}
    assert monai_bundle(path, arguments={"_target_": "SegResNet", "more": 1}).kind == "SegResNet"


@pytest.mark.parametrize(
    ("arguments", "says", "fix"),
    [
        (
            {"channels": (4, "8", 16)},
            "arguments > channels[1] is '8', and must be an integer from 1 to 1000000",
            '"channels": [4, 32, 16]',
        ),
        (
            {"in_channels": None},
            "arguments > in_channels is None, and must be an integer from 1 to 1000000",
            '"in_channels": 1',
        ),
        ({"bias": 3}, "arguments > bias is 3, and must be True or False", '"bias": True'),
        ({"norm": ("group", {})}, "arguments > norm[1] has no key 'num_groups'", '"num_groups": 2'),
        ({"channels": "@w"}, "arguments > channels is '@w', and the config has no w", None),
        ({1: 2}, "arguments has the key 1, and the name of an argument must be a text", None),
        ([1], "arguments is a list, and must be a dict", 'arguments={"in_channels": 1}'),
        (
            {"_target_": "SegResNet", "blocks_up": (1,)},
            "arguments has blocks_down with 4 entries and blocks_up with 1, which must be one less",
            '"blocks_up": [1, 1, 1]',
        ),
    ],
)
def test_a_wrong_value_in_arguments_is_an_error_about_them_and_not_about_the_file(arguments, says, fix, tmp_path):
    path = bundle(tmp_path / "a.json", {})
    with pytest.raises(UsageError) as error:
        monai_bundle(path, arguments=arguments)
    report = error.value.report
    assert report.subject == f"monai_bundle({str(path)!r}, arguments={{...}})"
    assert [failure.says for failure in report.failures] == [says]
    assert fix in (None, *report.fixes)


def test_an_error_that_may_be_about_the_file_and_the_arguments_names_both(tmp_path):
    path = bundle(tmp_path / "a.json", {})
    with pytest.raises(FileError, match=r"^bundle config .*a\.json with arguments=\{\.\.\.\} can't be read"):
        monai_bundle(path, arguments={"channels": (4, 8, 16, 16)})


def test_groups_that_do_not_divide_the_channels_are_an_error_about_the_file(tmp_path):
    path = bundle(tmp_path / "inference.json", {"norm": ["group", {"num_groups": 3}]})
    with pytest.raises(FileError, match=r"^bundle config .*inference\.json can't be read"):
        monai_bundle(path)


# What a fix leads to


def read_plan(data, folder):
    return nnunet_plans(write(folder / "p.json", data), **CHANNELS)


def read_bundle(data, folder):
    return monai_bundle(write(folder / "a.json", data))


def read_dataset(data, folder):
    write(folder / "dataset.json", data)
    return nnunet_plans(write(folder / "p.json", {"configurations": {"2d": new(deep_supervision=True)}}))


def read_arguments(data, folder):
    given = data.get("arguments")
    return monai_bundle(bundle(folder / "a.json", {}), arguments=given if isinstance(given, dict) else {})


def nested(plan):
    return {"configurations": {"2d": plan}}


GOOD = {
    **{f"{name}, bundle": (read_bundle, {"network_def": BUNDLES[name]}) for name in BUNDLES},
    **{f"{name}, plan": (read_plan, nested(PLANS[name])) for name in PLANS},
    "dataset": (
        read_dataset,
        {"channel_names": {"0": "CT"}, "labels": {"background": 0, "whole": [1, 2], "tumor": 2, "ignore": 3}},
    ),
    "arguments": (read_arguments, {"arguments": BUNDLES["UNet with other kernels"]}),
}

DAMAGED = (
    *("UNet with other kernels, bundle", "BasicUNet with dropout, bundle", "DynUNet, bundle", "SegResNet, bundle"),
    *("old 2d, plan", "new 2d, plan", "new 2d bottlenecks with dropout, plan", "dataset", "arguments"),
)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", DAMAGED)
def test_the_fix_for_a_damaged_file_applied_literally_leads_to_a_good_file_and_never_back(name, tmp_path):
    read, good = GOOD[name]
    read(good, tmp_path)
    for damage, data in damaged(good):
        met = []
        while data is not None:
            try:
                read(data, tmp_path)
                break
            except WellshapedError as error:
                report = error.report
            place = place_of(report)
            assert place not in met, (damage, met, str(report))
            assert " in place of " not in report.fixes[0], (damage, str(report))
            assert len(str(report).splitlines()) <= 10
            met.append(place)
            data = repaired(data, report)
            assert data is not None or "read_torch(network" in report.fixes[0], (damage, str(report))


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("new 2d, plan", ("conv_op", "n_stages", "kernel_sizes", "n_conv_per_stage", "n_conv_per_stage_decoder")),
        ("new 2d, plan", ("architecture", "network_class_name", "arch_kwargs", "configurations")),
        ("old 2d, plan", ("UNet_class_name", "UNet_base_num_features", "conv_kernel_sizes", "patch_size")),
        ("UNet, bundle", ("_target_", "spatial_dims", "in_channels", "channels", "strides")),
        ("DynUNet, bundle", ("kernel_size", "upsample_kernel_size")),
        ("dataset", ("channel_names", "labels", "background")),
    ],
)
def test_a_misspelt_key_is_renamed_and_keeps_its_value(name, keys, tmp_path):
    read, good = GOOD[name]
    for key in keys:
        data = json.loads(json.dumps(good).replace(f'"{key}":', f'"{key}s":'))
        with pytest.raises(FileError, match=f"has no key '{key}'") as error:
            read(data, tmp_path)
        assert error.value.report.fixes == (f'"{key}" in place of "{key}s"',)
        assert repaired(data, error.value.report) == good


@pytest.mark.parametrize(
    ("name", "key"),
    [
        *(("new 2d, plan", key) for key in ("conv_op", "n_stages", "strides", "n_conv_per_stage")),
        *(("old 3d, plan", key) for key in ("patch_size", "pool_op_kernel_sizes", "n_conv_per_stage_decoder")),
        ("UNet without residual units, bundle", "channels"),
        *(("DynUNet, bundle", key) for key in ("kernel_size", "strides", "upsample_kernel_size")),
    ],
)
def test_the_value_of_a_missing_key_suits_the_other_values_of_the_file(name, key, tmp_path):
    read, good = GOOD[name]
    data = json.loads(json.dumps(good).replace(f'"{key}": ', '"_": '))
    with pytest.raises(FileError) as error:
        read(data, tmp_path)
    of_file, of_fix = (read(of, tmp_path) for of in (good, repaired(data, error.value.report)))
    if "plan" in name:
        of_file, of_fix = of_file["2d"], of_fix["2d"]
    assert of_fix.network.axes == of_file.network.axes
    assert [node.name for node in of_fix.network.nodes] == [node.name for node in of_file.network.nodes]


@pytest.mark.parametrize(
    ("network", "fix"),
    [
        ({"norm": "group"}, '"norm": ["group", {"num_groups": 2}]'),
        ({"norm": ["group", {}]}, '"num_groups": 2'),
        ({"norm": 3}, '"norm": "instance"'),
        ({"norm": [3, {"affine": True, "eps": None}]}, '"norm": ["instance", {"affine": true, "eps": null}]'),
        ({"act": []}, '"act": ["relu", {}]'),
        ({"strides": []}, '"strides": [2, 2]'),
        ({"strides": [[2, 2]]}, '"strides": [[2, 2], [2, 2]]'),
        ({"strides": [2, "two"]}, '"strides": [2, 2]'),
        ({"strides": [[1, 2], 2]}, '"strides": [[1, 2, 2], 2]'),
        ({"channels": 4}, '"channels": [4, 4]'),
        ({"kernel_size": [3, 3]}, '"kernel_size": [3, 3, 3]'),
        ({"kernel_size": [5, 4, 3]}, '"kernel_size": [5, 5, 3]'),
        ({"bias": "no"}, '"bias": true'),
        ({"norm": [3, {"a" * 600: 1}]}, '"instance" for network_def > norm[0]'),
        ({"norm": [3, {"a": [[[[[[[[1]]]]]]]]}]}, '"instance" for network_def > norm[0]'),
    ],
)
def test_a_fix_is_made_of_the_values_of_the_file(network, fix, tmp_path):
    with pytest.raises(FileError) as error:
        monai_bundle(bundle(tmp_path / "a.json", network))
    assert error.value.report.fixes == (fix,)


def test_a_norm_without_arguments_gets_those_that_it_must_have(tmp_path):
    with pytest.raises(UsageError) as error:
        monai_bundle(bundle(tmp_path / "a.json", {}), arguments={"norm": "group", "bias": None})
    assert error.value.report.fixes == ('"norm": ["group", {"num_groups": 2}]',)


def test_an_error_in_what_is_inherited_is_reported_where_it_stands(tmp_path):
    more = {"first": {"inherits_from": "2d"}, "2d": new(n_stages="four"), "last": new()}
    with pytest.raises(FileError, match=r"configurations > 2d > architecture > arch_kwargs > n_stages is 'four'"):
        nnunet_plans(write(tmp_path / "p.json", {"configurations": more}), **CHANNELS)
    more["2d"] = new()
    assert list(nnunet_plans(write(tmp_path / "p.json", {"configurations": more}), **CHANNELS)) == list(more)


@pytest.mark.parametrize(
    ("more", "fix"),
    [
        ({"b": {"inherits_from": "2dd"}}, '"inherits_from": "2d"'),
        ({"b": {"inherits_from": 3}}, '"inherits_from": null'),
        ({"b": {"inherits_from": "c"}, "c": {"inherits_from": "b"}}, '"inherits_from": null'),
    ],
)
def test_a_configuration_inherits_from_a_near_one_or_from_none(more, fix, tmp_path):
    with pytest.raises(FileError) as error:
        nnunet_plans(write(tmp_path / "p.json", {"configurations": {"2d": new(), **more}}), **CHANNELS)
    assert error.value.report.fixes == (fix,)


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    ("read", "text"),
    [
        (
            lambda path: nnunet_plans(path, **CHANNELS),
            json.dumps({"configurations": {"a": new(), "b": PLANS["old 2d"]}}),
        ),
        (
            monai_bundle,
            json.dumps(
                {
                    "w": 4,
                    "network_def": {**BUNDLES["UNet"], "channels": ["@w", 6, 8], "norm": ["group", {"num_groups": 1}]},
                }
            ),
        ),
    ],
    ids=["plans", "bundle"],
)
def test_every_broken_file_is_read_or_answered_by_one_error(read, text, tmp_path):
    path, rules, texts = tmp_path / "a.json", set(), []
    for name, content in mutations([text, json.dumps(json.loads(text), indent=1)], 400, 7):
        path.write_bytes(content)
        try:
            with soon(name):
                read(path)
            rules.add("accepted")
        except FileError as error:
            rules.add(error.report.failures[0].name)
            texts.append(str(error))
    assert [said for said in texts if not (3 <= len(said.splitlines()) <= 10 and "\n  fix: " in said)] == []
    assert {"file", "syntax", "number", "key", "accepted"} <= rules


@pytest.mark.parametrize("content", ["configurations", "network_def"])
def test_a_network_file_that_is_a_plan_or_a_bundle_is_an_error_that_says_what_reads_it(content, tmp_path):
    path = write(tmp_path / "a.json", {content: {}})
    with pytest.raises(FileError) as error:
        load_network(path)
    key, function = {"configurations": ("3d_fullres", "nnunet_plans"), "network_def": ("network_def", "monai_bundle")}[
        content
    ]
    assert error.value.report.fixes == (f"{path}:{key} in a command, or {function}({str(path)!r}) in Python",)


def test_a_bundle_in_the_place_of_a_plan_and_a_plan_in_the_place_of_a_bundle_is_said_with_what_reads_it(tmp_path):
    path = write(tmp_path / "a.json", {"network_def": {"_target_": "UNet"}})
    with pytest.raises(FileError, match="it is a config of a MONAI bundle, and not a plans file of nnU-Net") as error:
        nnunet_plans(path)
    assert error.value.report.fixes == (f"{path}:network_def in a command, or monai_bundle({str(path)!r}) in Python",)
    path = write(tmp_path / "a.json", {"configurations": {}})
    with pytest.raises(FileError, match="it is a plans file of nnU-Net, and not a config of a MONAI bundle") as error:
        monai_bundle(path)
    assert error.value.report.fixes[0].startswith(f"{path}:3d_fullres in a command")


# Commands


def test_commands_take_a_configuration_of_a_plans_file_and_the_network_of_a_bundle(tmp_path, capsys):
    path = cascade(tmp_path, LABELS)
    assert main(["sizes", f"{path}:2d"]) == 0
    assert "n ≡ 0 (mod 8), n ≥ 8" in capsys.readouterr().out
    assert main(["check", f"{path}:2d", "--input", "2x32x30"]) == 1
    assert "does not fit" in capsys.readouterr().err
    assert main(["stages", f"{bundle(tmp_path / 'inference.json', {})}:network_def", "--input", "1x16x16x16"]) == 0
    assert "down[0]" in capsys.readouterr().out


def test_a_command_proposes_the_nearest_configuration(tmp_path, capsys):
    path = cascade(tmp_path, LABELS)
    assert main(["sizes", f"{path}:2d_fullres"]) == 2
    assert f"fix: {path}:2d" in capsys.readouterr().err
    assert main(["sizes", f"{path}"]) == 2
    assert f"{path}:{next(iter(nnunet_plans(path)))} in a command" in capsys.readouterr().err


def test_a_command_proposes_the_configuration_before_it_asks_for_the_channels(tmp_path, capsys):
    path = cascade(tmp_path, LABELS)
    path.with_name("dataset.json").unlink()
    assert main(["sizes", f"{path}:2d_fullres"]) == 2
    assert f"fix: {path}:2d" in capsys.readouterr().err


def test_a_command_takes_the_network_of_a_bundle_by_any_key_and_proposes_the_nearest(tmp_path, capsys):
    path = write(tmp_path / "inference.json", {"width": 4, "net": BUNDLES["UNet"]})
    assert main(["sizes", f"{path}:net"]) == 0
    assert capsys.readouterr().out.startswith("sizes that fit net: ")
    assert main(["sizes", f"{path}:network_def"]) == 2
    assert f"fix: {path}:net" in capsys.readouterr().err
    assert main(["sizes", f"{write(path, {'levels': 3})}:net"]) == 2
    assert "is neither plans of nnU-Net nor a config of a MONAI bundle" in capsys.readouterr().err


# Unusual arguments and files.


def test_a_key_that_occurs_twice_in_yaml_is_rejected_as_in_json(tmp_path):
    pytest.importorskip("yaml")
    (tmp_path / "a.yaml").write_text("network_def: {_target_: UNet, strides: [2], strides: [3]}\n")
    with pytest.raises(FileError, match="the key 'strides' occurs 2 times"):
        monai_bundle(tmp_path / "a.yaml")


def test_arguments_of_another_type_are_rejected(tmp_path):
    path = bundle(tmp_path / "a.json", {})
    with pytest.raises(UsageError, match="it is a list, and must be a text"):
        monai_bundle(path, key=["network_def"])
    path = write(tmp_path / "p.json", {"configurations": {"2d": new()}})
    with pytest.raises(UsageError, match="it is a str, and must be True or False"):
        nnunet_plans(path, deep_supervision="no", **CHANNELS)


def test_an_unknown_key_of_a_bundle_leads_to_the_key_of_an_object(tmp_path):
    path = write(tmp_path / "a.json", {"width": 4, "net": BUNDLES["UNet"]})
    with pytest.raises(FileError) as error:
        monai_bundle(path)
    assert "it has no key 'network_def'; the keys of objects are net" in str(error.value)
    assert error.value.report.fixes == ("key='net'",)


def test_a_background_without_a_label_is_reported_as_missing(tmp_path):
    with pytest.raises(FileError, match="labels > background is null, and must be an integer from 0"):
        nnunet_plans(cascade(tmp_path, {"background": None, "organ": 1}))


def test_a_configuration_of_any_name_can_be_printed(tmp_path):
    path = write(tmp_path / "p.json", {"configurations": {"\ud800\n": new()}})
    str(nnunet_plans(path, **CHANNELS)).encode()


def test_a_plans_file_that_is_too_large_is_reported_once(tmp_path):
    (tmp_path / "p.json").write_text(" " * (1024 * 1024 + 1))
    with pytest.raises(FileError) as error:
        nnunet_plans(tmp_path / "p.json", **CHANNELS)
    assert error.value.report.fixes == ("the path of a plans file",)
