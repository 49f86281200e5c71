"""What ``repair`` changes: no more than it must, so that sizes without end fit; and what it leaves to a person."""

from itertools import combinations

import pytest
from effort import examples
from hypothesis import assume, given
from hypothesis import strategies as st

from wellshaped.proofs_of_shape.strategies import graphs
from wellshaped.spec import (
    PRESETS,
    Add,
    AvgPool,
    Concat,
    Conv,
    ConvTranspose,
    CropTo,
    CropToSmallest,
    Input,
    MaxPool,
    Mean,
    Multiply,
    Network,
    Node,
    Norm,
    Pad,
    Progression,
    Require,
    Resize,
    SizeSet,
    UNet2Config,
    UNetConfig,
    WellshapedError,
    Window,
    check,
    compatible_shapes,
    compatible_sizes,
    graph_of,
    repair,
    run,
)
from wellshaped.spec.answers.repairs import repair_description
from wellshaped.spec.families import unet


def written(*nodes, axes=1, inputs=None):
    return Network(inputs or {"x": 4}, nodes, axes=axes)


def rules(error):
    return [failure.name for failure in error.value.report.failures]


def changed(before, after):
    """The nodes of ``before`` that are others in ``after``."""
    return [node.name for node in before.nodes if after.node(node.name) != node]


def with_the_old(before, after, names):
    """``after``, but with these nodes as they were."""
    nodes = [before.node(node.name) if node.name in names else node for node in after.nodes]
    return Network(after.inputs, nodes, after.outputs, after.axes)


def endless(network):
    return not any(fit.is_finite for fit in compatible_shapes(network).axes)


def repaired(network):
    try:
        return repair(network)
    except WellshapedError as error:
        assume(error.report.failures[0].name == "repair")
        assume(False)


@examples(100)
@given(graphs())
def test_a_graph_that_is_repaired_fits_infinitely_many_sizes_and_all_that_fitted_before(network):
    after = repaired(network)
    fits = compatible_sizes(network)
    assert not compatible_sizes(after).is_finite
    assert all(n in compatible_sizes(after) for n in range(200) if n in fits)
    assert (after is network) == (not fits.is_finite)


@examples(100)
@given(graphs())
def test_no_change_can_be_left_out(network):
    after = repaired(network)
    assert all(not endless(with_the_old(network, after, [name])) for name in changed(network, after))


def broken():
    """Small graphs with several joins of the input with what comes back too large or too small by a few positions."""
    ups = st.sampled_from(
        [ConvTranspose(2, 2), ConvTranspose(3, 2), ConvTranspose(4, 2), ConvTranspose(3, 2, padding=2)]
    )
    return st.lists(ups, min_size=1, max_size=4).map(_joined)


def _joined(ups):
    nodes = [Node("down", MaxPool(2))]
    for i, up in enumerate(ups):
        nodes += [Node(f"up{i}", up, "down"), Node(f"joined{i}", Concat(), ("x", f"up{i}"))]
    return written(*nodes)


def cropped(network, joins):
    """The network with crops to the smallest before these joins of two inputs."""
    nodes = []
    for node in network.nodes:
        if node.name in joins:
            one, other = node.inputs
            nodes += [Node(f"{node.name}.0", CropToSmallest(), (one, other))]
            nodes += [Node(f"{node.name}.1", CropToSmallest(), (other, one))]
            node = Node(node.name, node.operation, (f"{node.name}.0", f"{node.name}.1"))
        nodes.append(node)
    return Network(network.inputs, nodes, network.outputs, network.axes)


@given(broken())
def test_the_changes_are_the_fewest_that_will_do(network):
    joins = [node.name for node in network.nodes if isinstance(node.operation, Concat)]
    sets = (some for count in range(len(joins) + 1) for some in combinations(joins, count))
    fewest = next(some for some in sets if endless(cropped(network, some)))
    assert changed(network, repair(network)) == list(fewest)


def test_one_crop_is_proposed_where_leaving_out_the_first_would_need_two():
    up, odd = Node("up", ConvTranspose(2, 2), "down"), Node("odd", ConvTranspose(3, 2), "down")
    joins = Node("a", Add(), ("up", "x")), Node("b", Add(), ("odd", "x")), Node("c", Add(), ("x", "odd"))
    network = written(Node("down", MaxPool(2)), up, odd, *joins)
    assert changed(network, repair(network)) == ["a"]


def test_a_network_of_many_levels_is_repaired():
    after = repair(unet(12, padding=0))
    assert compatible_sizes(after) == SizeSet([Progression(49148, 1, None)])


@pytest.mark.parametrize("network", ["milesial", UNetConfig(), UNet2Config(), graph_of("unet2"), written()])
def test_what_fits_already_is_itself(network):
    after = repair(network)
    assert after == network or (network, after) == ("milesial", PRESETS["milesial"])
    assert isinstance(network, str) or after is network


def test_a_window_that_must_keep_its_size_gets_the_padding_for_it():
    even = written(Node("w", Conv(4)), Node("y", Require(equal=True), ("w", "x")))
    assert repair(even).node("w").operation == Conv(4, padding=((1, 2),))
    other_way_round = written(Node("w", Window(5)), Node("y", Require(equal=True), ("x", "w")))
    assert repair(other_way_round).node("w").operation == Window(5, padding=2)
    dilated = written(Node("w", Conv(3, dilation=2)), Node("n", Norm()), Node("y", Require(equal=True), ("n", "x")))
    assert repair(dilated).node("w").operation == Conv(3, dilation=2, padding=2)
    pools = written(Node("w", MaxPool(3, 1)), Node("v", AvgPool(3, 1)), Node("y", Require(equal=True), ("v", "w")))
    assert repair(pools).node("v").operation == AvgPool(3, 1, padding=1)
    assert repair(pools).node("w").operation == MaxPool(3, 1)


def test_the_padding_of_a_window_is_that_of_each_axis():
    network = written(Node("w", Conv((3, 1, 5))), Node("y", Require(equal=True), ("w", "x")), axes=3)
    assert repair(network).node("w").operation == Conv((3, 1, 5), padding=(1, 0, 2))
    one_even = written(Node("w", Conv((3, 2))), Node("y", Require(equal=True), ("w", "x")), axes=2)
    assert repair(one_even).node("w").operation == Conv((3, 2), padding=((1, 1), (0, 1)))


def test_the_two_level_network_as_a_graph_is_repaired_as_its_config_is():
    graph = graph_of(UNet2Config(conv_padding=0))
    assert compatible_shapes(repair(graph)).axes == compatible_shapes(repair(UNet2Config(conv_padding=0))).axes
    assert {graph.node(name).operation.kernel for name in changed(graph, repair(graph))} == {3}


def test_a_network_that_breaks_on_one_axis_is_repaired_on_all():
    nodes = Node("down", MaxPool((2, 3))), Node("up", ConvTranspose((2, 6), (2, 3))), Node("y", Add(), ("x", "up"))
    network = written(*nodes, axes=2)
    assert [fit.is_finite for fit in compatible_shapes(network).axes] == [False, True]
    assert str(compatible_shapes(repair(network))) == "height: n ≥ 2; width: n ≥ 3"


def test_crops_are_of_the_inputs_that_must_be_equal():
    inputs = [Input("x", 4), Input("z", 4), Input("t", 4, single=True)]
    join = Node("y", Add(broadcast="positions"), ("w", "z", "x", "t"))
    network = written(Node("w", Conv(3)), join, inputs=inputs)
    after = repair(network)
    crops = "w cropped for y", "z cropped for y", "x cropped for y"
    assert after.node("y").inputs == (*crops, "t")
    assert after.node(crops[0]).inputs == ("w", "z", "x")
    assert run(after, 10).ok
    twice = written(Node("w", Conv(3)), Node("y", Concat(), ("x", "w", "x")))
    assert repair(twice).node("y").inputs == ("x cropped for y", "w cropped for y", "x cropped for y")
    channels = [Input("x", 4), Input("m", 1)]
    masked = written(Node("w", Conv(3)), Node("y", Multiply(broadcast="channels"), ("w", "m")), inputs=channels)
    assert repair(masked).channels["y"] == 4


def test_the_name_of_a_crop_is_one_that_is_free():
    nodes = Node("w", Conv(3)), Node("x cropped for y", Norm(), "x"), Node("y", Concat(), ("x", "w"))
    after = repair(written(*nodes))
    assert after.node("y").inputs == ("x cropped for y_2", "w cropped for y")


@pytest.mark.parametrize(
    "nodes",
    [
        [Node("m", Mean()), Node("y", Add(), ("x", "m"))],
        [Node("a", Resize(2)), Node("y", Concat(), ("x", "a"))],
        [Node("a", MaxPool(2)), Node("y", Require(equal=True), ("a", "x"))],
        [Node("a", Conv(3, 2)), Node("y", Require(equal=True), ("a", "x"))],
        [Node("a", MaxPool(3, 1, dilation=3)), Node("y", Require(equal=True), ("a", "x"))],
        [Node("a", Pad(1)), Node("y", CropTo(), ("x", "a"))],
        [Node("a", ConvTranspose(3, 2, output_padding=2))],
        [Node("a", Window(0))],
    ],
)
def test_what_no_padding_and_no_crop_fixes_is_an_error(nodes):
    with pytest.raises(WellshapedError) as error:
        repair(written(*nodes))
    assert rules(error) == ["repair"]


def test_a_network_whose_joint_requirement_no_image_meets_has_no_repair():
    with pytest.raises(WellshapedError) as error:
        repair(Network({"x": 4}, (Node("m", Mean()), Node("y", Norm("instance")))))
    assert str(error.value) == (
        "repairing the network is not possible.\n"
        "  repair: no repair is known: no image is large enough for the requirement of y over all axes together.\n"
        "  fix: another operation in place of y"
    )
    with pytest.raises(WellshapedError, match="fix: another operation at y"):
        repair(written(Node("m", Mean()), Node("y", Norm("instance"))))


def test_nothing_is_said_of_a_repair_where_none_is_known():
    assert repair_description(written(Node("m", Mean()), Node("y", Add(), ("x", "m")))) == ""
    assert repair_description(UNet2Config(conv_padding=0)).startswith("conv_padding=1 in the config, for sizes ")


def test_a_network_that_is_too_hard_to_solve_is_not_said_to_fit():
    nodes = []
    for p in (3, 5, 7, 11, 13, 17, 19, 23):
        nodes += [Node(f"d{p}", MaxPool(p), "x"), Node(f"u{p}", Resize(p))]
        nodes += [Node(f"c{p}", CropTo(odd="never"), ("x", f"u{p}"))]
    with pytest.raises(WellshapedError) as error:
        repair(written(*nodes))
    assert rules(error) == ["not_solved"]


def test_check_says_what_repair_would_change_and_what_then_fits():
    padded, joined = graph_of(UNet2Config(conv_padding=0)), graph_of(UNetConfig(padding="none", join="exact", levels=1))
    windows = "down1_1, down1_2, down2_1, down2_2, up1_1, up1_2"
    assert check(padded, (1, 64, 64)).fixes[-1] == (
        f"repair(network), which adds padding in {windows}, for sizes n ≡ 0 (mod 2), n ≥ 2"
    )
    assert check(joined, (1, 64, 64)).fixes[-1] == (
        "repair(network), which adds crops before joined[0], for sizes n ≥ 18"
    )
