"""What people met in the field and the right answer: the cases of ``cases.json`` that are about sizes, each whole."""

from math import prod

import pytest

from wellshaped.spec import (
    Activation,
    Concat,
    Conv,
    ConvTranspose,
    CropTo,
    MaxPool,
    Network,
    Node,
    Norm,
    Pad,
    Require,
    Resize,
    check,
    compatible_shapes,
    compatible_sizes,
    explain,
    parameter_shapes,
    plan,
    run,
    run_image,
    stages,
)

from .cases import CASES, sizes, sketch

MANY = 400

IN_FINDING = "asks for what is not known, not whether a size fits: tests/field/test_finding.py"
TILES = "is about halos and tiles alone, SPEC section 9"
TYPED = "is about typed layers"
CHECKED = "is about what @checked reports of a call"
LEFT_OUT = {
    "careamics-pr121": TILES,
    "waveunet-31": IN_FINDING,
    "input-for-output-ronneberger2015": IN_FINDING,
    "keras-14158": IN_FINDING,
    "diffwave-6": IN_FINDING,
    "jax-4592": TYPED,
    "ddpm-cfg": TYPED,
    "u2net-13": TYPED,
    "smp-enc": TYPED,
    "nnunet-plans": TYPED,
    "labels": CHECKED,
    "skips": CHECKED,
    "flax-4760": "is about an error of Flax's in a network that is built",
}
"""The cases that are no question about sizes, each with the reason."""

HALOS = ("careamics-295-depth1", "careamics-295-depth3", "rdf-unet2d_nuclei_broad", "rdf-stardist")
ANSWERED = {*HALOS, "sudormrf-618", "unet3p", "unet1d-2967", "monai-deepedit", "nnunet-plans-3-axes"}


def right(name):
    return CASES[name]["right"]


def brute_force(network, axis=0):
    return [n for n in range(1, MANY) if run(network, n, axis).ok]


def among(fit):
    return [n for n in range(1, MANY) if n in fit]


def test_every_case_is_answered_here_or_left_out_for_a_reason():
    assert set(CASES) == ANSWERED | set(LEFT_OUT)
    assert not ANSWERED & set(LEFT_OUT)


# The sizes of networks whose halo is asked for.


@pytest.mark.parametrize("name", [name for name in HALOS if "sizes" in right(name)])
def test_the_sizes_of_a_network_whose_halo_is_asked_for_are_those_of_the_case(name):
    network = sketch(CASES[name])
    fit = compatible_sizes(network)
    assert fit == sizes(right(name)["sizes"])
    assert among(fit) == brute_force(network)


@pytest.mark.parametrize("name", HALOS)
def test_the_image_of_the_case_fits(name):
    size = CASES[name]["size"]
    found = explain(sketch(CASES[name]), size)
    assert found.ok
    assert found.output == ((256,) if name == "rdf-stardist" else (size,))


def test_two_published_networks_of_one_shape_have_one_set_of_sizes():
    broad, careamics = (sketch(CASES[name]) for name in ("rdf-unet2d_nuclei_broad", "careamics-295-depth3"))
    assert broad == careamics
    assert str(compatible_sizes(broad)) == "n ≡ 0 (mod 8), n ≥ 8"


def test_all_sizes_that_the_stardist_model_declares_fit_and_smaller_ones_and_those_one_larger_do_as_well():
    case = CASES["rdf-stardist"]
    network, declared = sketch(case), case["declared"]
    fit = compatible_sizes(network)
    said = range(declared["min"], MANY, declared["step"])
    assert set(said) < set(among(fit))
    assert among(fit)[:4] == [16, 17, 32, 33]
    # The grid of 2: the output is half as large, whichever of the two it is.
    assert {run(network, n).sizes[network.outputs[0]] * 2 for n in (512, 513)} == {512}


def test_a_size_between_is_answered_with_the_nearest_of_both_kinds():
    [fix, *_] = explain(sketch(CASES["rdf-stardist"]), 90).fixes
    assert fix.startswith("size 81 (crop 9) or 96 (pad 6); all sizes that fit: n ≡ 0 or 1 (mod 16), n ≥ 16")


# Sudo rm -rf: what is at hand is cut to the skip.


def test_a_decoder_that_is_cut_to_the_skip_takes_every_size():
    network = sketch(CASES["sudormrf-618"], CropTo(offset=0))
    fit = compatible_sizes(network)
    assert fit == sizes(right("sudormrf-618")["sizes"])
    assert str(fit) == "n ≥ 1"
    for n in range(1, MANY):
        found = run(network, n)
        assert found.ok
        assert found.sizes[network.outputs[0]] == n


def test_a_decoder_is_only_cut_where_it_is_long_enough():
    """The cut asks for room: without the doubling there is none, and that is said of the node that cuts."""
    network = sketch(CASES["sudormrf-618"], CropTo(offset=0))
    kept = [
        Node(n.name, Resize(1) if isinstance(n.operation, Resize) else n.operation, n.inputs) for n in network.nodes
    ]
    shorter = Network(network.inputs, kept, axes=1)
    assert str(compatible_sizes(shorter)) == "{1}"
    assert [cause.node for cause in explain(shorter, 64).causes] == ["l2 met", "l1 met", "l0 met"]
    [first, *_] = explain(shorter, 64).causes
    assert (first.rule, first.left_of, first.left, first.right) == ("room", "step6", 8, 16)


def test_the_sketch_of_the_first_version_resized_instead_and_asked_nothing():
    assert compatible_sizes(sketch(CASES["sudormrf-618"])) == sizes("n >= 1")


# UNet 3+: every level of the decoder joins all levels.


def unet3plus(levels=4, channels=4):
    """Each level of the decoder is given all levels of the encoder up to its own, and all of the decoder below it."""
    nodes = []
    for i in range(levels + 1):
        nodes.append(Node(f"encoder[{i}]", Conv(3, padding=1, channels=channels * 2**i)))
        nodes += [Node(f"pooled[{i}]", MaxPool(2))] if i < levels else []
    below = f"encoder[{levels}]"
    for level in reversed(range(levels)):
        parts = [(f"encoder[{i}]", MaxPool(2 ** (level - i)) if i < level else None) for i in range(level + 1)]
        parts += [
            (f"decoder[{i}]" if i < levels else below, Resize(2 ** (i - level))) for i in range(level + 1, levels + 1)
        ]
        joined = []
        for name, operation in parts:
            if operation is not None:
                nodes.append(Node(f"{name} for {level}", operation, name))
            nodes.append(
                Node(f"{name} in {level}", Conv(3, padding=1, channels=channels), nodes[-1].name if operation else name)
            )
            joined.append(nodes[-1].name)
        nodes += [Node(f"joined[{level}]", Concat(), joined), Node(f"decoder[{level}]", Conv(3, padding=1))]
    return Network({"x": 3}, nodes)


def test_a_decoder_that_joins_all_levels_takes_the_sizes_of_the_case():
    network = unet3plus()
    fit = compatible_sizes(network)
    assert fit == sizes(right("unet3p")["sizes"])
    assert among(fit) == brute_force(network)
    assert {run(network, n).sizes["decoder[0]"] == n for n in among(fit)} == {True}


def test_a_decoder_that_joins_all_levels_has_the_channels_of_all_and_a_row_for_each():
    network = unet3plus()
    assert {network.channels[f"joined[{level}]"] for level in range(4)} == {5 * 4}
    assert {len(network.node(f"joined[{level}]").inputs) for level in range(4)} == {5}
    made = {stage.name: stage.shape for stage in stages(network, (3, 32, 48))}
    assert [made[f"decoder[{level}]"][1:] for level in range(4)] == [(32, 48), (16, 24), (8, 12), (4, 6)]


def test_both_branches_to_a_join_that_breaks_are_explained_each_from_the_input():
    found = explain(unet3plus(), 40)
    [first, *_] = found.causes
    assert (first.node, first.left, first.right) == ("joined[3]", 5, 4)
    ways = dict(first.paths)
    assert [size for _, size in ways[first.left_of]] == [40, 5]
    assert [size for _, size in ways[first.right_of]] == [40, 20, 10, 5, 2, 4]
    assert "size 32 (crop 8) or 48 (pad 8)" in found.fixes[0]


# UNet1D of diffusers: mirrored padding wants more positions than it adds.


def unet1d(levels=3):
    """Kernels of 8 down and up, over padding that is mirrored: 3 on each side on the way down, 2 on the way up."""
    nodes, channels = [], [4, 4, 8, 8]
    nodes.append(Node("conv", Conv(1, channels=channels[0])))
    for i in range(levels):
        nodes.append(Node(f"encoder[{i}]", Conv(5, padding=2, channels=channels[i])))
        nodes.append(Node(f"mirrored[{i}]", Pad(3, mode="mirrored")))
        nodes.append(Node(f"down[{i}]", Conv(8, 2, channels=channels[i + 1])))
    for i in reversed(range(levels)):
        nodes.append(Node(f"extended[{i}]", Pad(2, mode="mirrored")))
        nodes.append(Node(f"up[{i}]", ConvTranspose(8, 2, padding=7, channels=channels[i])))
        nodes.append(Node(f"joined[{i}]", Concat(), (f"encoder[{i}]", f"up[{i}]")))
        nodes.append(Node(f"decoder[{i}]", Conv(5, padding=2, channels=channels[i])))
    return Network({"x": 2}, nodes, axes=1)


def test_mirrored_padding_makes_small_sizes_too_small():
    fit = compatible_sizes(unet1d())
    assert fit == sizes(right("unet1d-2967")["sizes"])
    assert among(fit) == brute_force(unet1d())
    assert {run(unet1d(), n).sizes["decoder[0]"] == n for n in among(fit)} == {True}


def test_at_least_so_many_positions_can_be_required_of_a_network_that_pads_in_another_way():
    """What mirrored padding asks for, as a requirement: more than 3 before each step down, 2 before one up."""
    nodes = []
    for node in unet1d().nodes:
        if isinstance(node.operation, Pad):
            amount = node.operation.amounts
            nodes.append(Node(f"{node.name} enough", Require(at_least=amount + 1), node.inputs))
            node = Node(node.name, Pad(amount))  # zeros, of the node before
        nodes.append(node)
    network = Network({"x": 2}, nodes, axes=1)
    assert compatible_sizes(network) == sizes(right("unet1d-2967")["sizes"])
    [first, *_] = explain(network, 16).causes
    assert (first.node, first.rule, first.left, first.right) == ("down[2]", "at_least", 2, 3)


def test_a_size_that_is_too_small_for_the_mirror_is_said_where_it_is_met():
    found = explain(unet1d(), 16)
    [first, *_] = found.causes
    assert (first.node, first.rule, first.left, first.right) == ("extended[2]", "mirrored", 2, 3)
    assert "size 24 (pad 8)" in found.fixes[0]
    assert check(unet1d(), (2, 24)).ok
    assert not check(unet1d(), (2, 16)).ok


def test_a_network_of_ones_own_has_channels_parameters_and_a_check_of_both():
    network = unet1d()
    shapes = parameter_shapes(network, 2)
    assert shapes["down[1]"] == {"kernel": (8, 4, 8), "bias": (8,)}
    assert shapes["up[1]"] == {"kernel": (8, 4, 8), "bias": (4,)}
    assert shapes["decoder[1]"]["kernel"] == (4, 8, 5)
    found = check(network, (3, 24))
    assert [failure.name for failure in found.failures] == ["in_channels"]
    assert found.fixes == ("in_channels=2",)


# DeepEdit: each axis may be smallest, not all at once.

STRIDES = [(2, 2, 2)] * 4 + [(2, 2, 1)]


def deepedit():
    """Five strided steps over three axes, the last of them not along the third; instance norm after each."""
    nodes = []
    for i, stride in enumerate([(1, 1, 1), *STRIDES]):
        nodes.append(Node(f"encoder[{i}].conv", Conv(3, stride, padding=1, channels=4)))
        nodes.append(Node(f"encoder[{i}].norm", Norm("instance")))
        nodes.append(Node(f"encoder[{i}]", Activation("leaky_relu", slope=0.01)))
    for i, stride in reversed(list(enumerate(STRIDES))):
        nodes.append(Node(f"up[{i}]", ConvTranspose(stride, stride, channels=4)))
        nodes.append(Node(f"joined[{i}]", Concat(), (f"encoder[{i}]", f"up[{i}]")))
        nodes.append(Node(f"decoder[{i}]", Conv(3, padding=1, channels=4)))
    return Network({"x": 3}, nodes, axes=3)


def test_volumes_are_checked_over_all_axes_together():
    case = CASES["monai-deepedit"]
    assert [check(deepedit(), (3, *shape)).ok for shape in case["shapes"]] == case["right"]
    shapes = compatible_shapes(deepedit())
    assert [shape in shapes for shape in case["shapes"]] == case["right"]
    assert [run_image(deepedit(), shape).ok for shape in case["shapes"]] == case["right"]


def test_each_axis_may_be_smallest_by_itself_and_the_nodes_that_want_more_are_named():
    shapes = compatible_shapes(deepedit())
    assert [str(fit) for fit in shapes.axes] == ["n ≡ 0 (mod 32), n ≥ 32"] * 2 + ["n ≡ 0 (mod 16), n ≥ 16"]
    assert "encoder[5].norm" in shapes.together
    # To double any one of the axes gives two positions, and is as large.
    assert shapes.above((32, 32, 16)) == (64, 32, 16)
    assert shapes.above((32, 32, 17)) == (32, 32, 32)
    assert shapes.below((32, 32, 16)) is None


def test_what_is_said_of_the_smallest_volume_is_the_norm_of_one_position_and_the_nearest_larger_one():
    found = check(deepedit(), (3, 32, 32, 16))
    [failure] = found.failures
    assert failure.name == "statistics"
    assert "encoder[5].norm: 1×1×1, so the count of numbers is 1, and must be at least 2" in failure.says
    assert any("depth 64 (pad 32)" in fix for fix in found.fixes)
    assert plan(deepedit(), (32, 32, 16), policy="pad").fitting == (64, 32, 16)


# nnU-Net: a volume under strides of each axis.


def planned(case):
    """The network of a plan: a convolution of each stage with its kernel and stride, and back up by its stride."""
    nodes = []
    plans = list(zip(case["kernels"], case["strides"], strict=True))
    for i, (kernel, stride) in enumerate(plans):
        half = tuple((k // 2, k // 2) for k in kernel)
        nodes.append(
            Node(f"encoder[{i}]", Conv(tuple(kernel), tuple(stride), padding=half, channels=min(4 * 2**i, 32)))
        )
    for i, (kernel, stride) in reversed(list(enumerate(plans[1:]))):
        half = tuple((k // 2, k // 2) for k in kernel)
        outs = min(4 * 2**i, 32)
        nodes.append(Node(f"up[{i}]", ConvTranspose(tuple(stride), tuple(stride), channels=outs)))
        nodes.append(Node(f"joined[{i}]", Concat(), (f"encoder[{i}]", f"up[{i}]")))
        nodes.append(Node(f"decoder[{i}]", Conv(tuple(kernel), padding=half, channels=outs)))
    return Network({"x": 1}, nodes, axes=3)


def test_a_volume_is_padded_along_each_axis_to_the_multiple_of_its_strides():
    case = CASES["nnunet-plans-3-axes"]
    network, volume = planned(case), case["volume"]
    assert [compatible_sizes(network, axis) for axis in range(3)] == [sizes(text) for text in case["right"]["sizes"]]
    assert [among(compatible_sizes(network, axis)) for axis in range(3)] == [brute_force(network, i) for i in range(3)]
    padded = plan(network, volume, policy="pad")
    assert list(padded.fitting) == case["right"]["padded"]
    assert padded.pads == ((0, 6), (0, 8), (0, 0))
    assert str(padded) == "jnp.pad(x, ((0, 0), (0, 6), (0, 8), (0, 0)))"
    assert plan(network, volume, policy="crop").fitting == (176, 544, 480)


def test_a_volume_that_does_not_fit_is_explained_for_each_axis_and_the_padded_one_is_not():
    case = CASES["nnunet-plans-3-axes"]
    network, volume = planned(case), case["volume"]
    found = check(network, (1, *volume))
    assert [(cause.axis, cause.left, cause.right) for cause in found.causes] == [
        ("depth", 47, 48),
        ("depth", 93, 94),
        ("height", 71, 72),
    ]
    assert found.fixes[0].startswith("depth 176 (crop 10) or 192 (pad 6)")
    assert found.fixes[1].startswith("height 544 (crop 24) or 576 (pad 8)")
    assert check(network, (1, *case["right"]["padded"])).ok
    assert stages(network, (1, *case["right"]["padded"]))[-1].shape == (4, 192, 576, 480)
    assert prod(run_image(network, case["right"]["padded"]).shape("encoder[5]")) == 12 * 18 * 15
