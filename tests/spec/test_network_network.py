"""Networks as graphs: their parameters, the errors for networks that are not well-formed, and sizes that run."""

import re
from ast import literal_eval

import pytest

from wellshaped.spec import ConfigError, ShapeError, UNetConfig, UsageError, WellshapedError, graph_of
from wellshaped.spec.network import (
    OPEN,
    Activation,
    Add,
    AvgPool,
    Concat,
    Conv,
    ConvTranspose,
    Crop,
    CropTo,
    CropToSmallest,
    DepthToSpace,
    Dropout,
    Input,
    MaxPool,
    Mean,
    Multiply,
    Network,
    Node,
    Norm,
    Operation,
    Pad,
    PadTo,
    PadToMultiple,
    Require,
    Resize,
    ResizeTo,
    Scale,
    Slice,
    SpaceToDepth,
    TransposedWindow,
    Window,
    parameter_shapes,
    run,
    run_image,
    sizes_that_fit,
)
from wellshaped.spec.network.running import require_sizes

# Every operation with numbers other than its defaults.
OPERATIONS = [
    Window(3, 2, padding=1, dilation=2, rounding="ceil"),
    TransposedWindow((3, 5), 2, output_padding=1),
    Conv((1, 3), padding=(0, 1), channels=8, groups=2, bias=False),
    Conv(3, 2, padding="SAME", learned=False),
    ConvTranspose(2, 2, channels=4, padding=((0, 1),)),
    ConvTranspose(3, 2, padding="VALID"),
    MaxPool(3, 2, padding=1, ceil_mode=True),
    AvgPool(2),
    Resize(2, mode="linear", align_corners=True, less=1),
    ResizeTo(mode="linear"),
    SpaceToDepth(2),
    DepthToSpace((1, 2)),
    Crop(((1, 2), (0, 3))),
    CropTo(odd="before"),
    CropTo((5, 9)),
    CropToSmallest(),
    Pad(1, mode="mirrored"),
    PadToMultiple(16, where="both"),
    PadTo(where="after", mode="replicated"),
    Concat(),
    Add(broadcast="positions"),
    Multiply(broadcast="channels"),
    Norm("group", groups=4, epsilon=1e-6, affine=False),
    Activation("leaky_relu", slope=0.2),
    Dropout(0.25, channels=True),
    Scale(),
    Slice(0, 4),
    Mean(),
    Require(equal=True, within=2, at_least=(2, 3), multiple=4, positions=2),
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=repr)
def test_an_operation_is_a_value_that_is_written_as_the_call_that_makes_it(operation):
    again = eval(repr(operation))
    assert again == operation
    assert hash(again) == hash(operation)


def test_every_operation_is_among_them():
    def kinds(base):
        return {base}.union(*(kinds(kind) for kind in base.__subclasses__()))

    assert {type(operation).__name__ for operation in OPERATIONS} == {
        kind.__name__ for kind in kinds(Operation) if kind is not Operation and not kind.__name__.startswith("_")
    }


@pytest.mark.parametrize(
    ("make", "given", "says"),
    [
        (lambda: Conv(-1), "kernel=-1", "is negative, and must be an integer ≥ 0"),
        (lambda: Conv((3, True)), "kernel[1]=True", "is a bool"),
        (lambda: Conv(()), "kernel=()", "must have a number for each axis"),
        (lambda: Conv(3, stride="2"), "stride='2'", "is a str"),
        (lambda: Conv(3, padding="same"), "padding='same'", "must be one of 'SAME', 'VALID'"),
        (lambda: Conv(3, padding=((1, 2, 3),)), "padding=((1, 2, 3),)", "must have a pair (before, after)"),
        (lambda: Conv(3, padding=((1, -2),)), "padding[0] after=-2", "is negative"),
        (lambda: Conv(3, padding=((0, 1), 1)), "padding=((0, 1), 1)", "must have a pair (before, after)"),
        (lambda: Conv(3, bias=1), "bias=1", "is an int, and must be True or False"),
        (lambda: Input("x", single="no"), "single='no'", "is a str, and must be True or False"),
        (lambda: Conv(3, channels=2.0), "channels=2.0", "is a float"),
        (lambda: MaxPool(None), "kernel=None", "is a NoneType"),
        (lambda: Norm("batchnorm"), "kind='batchnorm'", "must be one of 'batch', 'group', 'instance', 'layer'"),
        (lambda: Norm(epsilon="small"), "epsilon='small'", "is a str, and must be a number"),
        (lambda: Norm(epsilon=-1), "epsilon=-1.0", "is negative, and must be at least 0"),
        (lambda: Norm("layer", epsilon=-1e-30), "epsilon=-1e-30", "is negative, and must be at least 0"),
        (lambda: Norm(epsilon=float("inf")), "epsilon=inf", "must be a finite number"),
        (lambda: Norm(epsilon=float("nan")), "epsilon=nan", "must be a finite number"),
        (lambda: Activation(["relu"]), "kind=['relu']", "must be one of 'relu'"),
        (lambda: Pad(1, mode="reflect"), "mode='reflect'", "must be one of 'zeros', 'mirrored'"),
        (lambda: Require(), "Require()", "it must require something"),
        (lambda: MaxPool(2, padding="SAME", ceil_mode=True), "ceil_mode=True", "padding='SAME' already rounds up"),
        (lambda: Resize(2, align_corners=True), "align_corners=True", "align_corners is for linear resizing"),
        (lambda: ResizeTo(align_corners=True), "align_corners=True", "align_corners is for linear resizing"),
        (lambda: CropTo(2, odd="never"), "CropTo(offset=2, odd='never')", "odd must be left out"),
        (lambda: Norm("batch", groups=7), "groups=7", "is for a group norm, but kind='batch'"),
        (lambda: ConvTranspose(3, 2, padding="SAME", output_padding=1), "output_padding", "must be 0"),
        (lambda: Input("", 3), "Input(name='')", "must have 1 to 200 printable characters"),
        (lambda: Input("x", -3), "channels=-3", "is negative"),
        (lambda: Node(["x"], Conv(3)), "Node(name=['x'])", "must be a str"),
        (lambda: Node("y", "conv"), 'Node("y")', "is a str, and must be an Operation of wellshaped.spec"),
        (lambda: Node("y", Conv), 'Node("y")', "is the class Conv"),
        (lambda: Node("y", Conv(3), 5), 'Node("y", inputs=5)', "must be a name, or a tuple of names"),
        (lambda: Node("y", Conv(3), ("x", 5)), 'Node("y", inputs=5)', "must be a str"),
        (lambda: Network({}, ()), "the network", "inputs={} must have at least one input"),
        (lambda: Network("x", ()), "the network", "inputs='x' must have at least one input"),
        (lambda: Network({"x": 1}, (Conv(3),)), "the network", "one node is Conv(kernel=3), and must be a Node"),
        (lambda: Network({"x": 1}, None), "the network", "one node is None, and must be a Node"),
        (lambda: Network({"x": 1}, (), axes="2"), "axes='2'", "is a str"),
    ],
)
def test_a_wrong_value_of_a_field_is_rejected_by_name(make, given, says):
    with pytest.raises(WellshapedError) as error:
        make()
    text = str(error.value)
    assert given in text.splitlines()[0]
    assert says in text
    assert text.splitlines()[-1].startswith("  fix: ")


def test_an_epsilon_may_be_0():
    assert Norm(epsilon=0).epsilon == 0.0


@pytest.mark.parametrize("make", [lambda value: Conv(3, bias=value), lambda value: UNetConfig(bias=value)])
def test_the_fix_for_a_word_in_place_of_a_truth_value_keeps_what_was_meant(make):
    for values, fix in (
        (("False", "false", "no", "off", "0", 0), "bias=False"),
        (("True", "yes", "on", "1", 1), "bias=True"),
        (("maybe",), "bias=True or bias=False"),
    ):
        for value in values:
            with pytest.raises(WellshapedError) as error:
                make(value)
            assert error.value.report.fixes == (fix,)


def test_the_fix_for_a_word_of_pytorch_is_ours():
    with pytest.raises(ConfigError, match="fix: mode='mirrored'"):
        Pad(1, mode="reflect")
    with pytest.raises(ConfigError, match="fix: padding='SAME'"):
        Conv(3, padding="same")


def written(*nodes, inputs=None, outputs=(), axes=2):
    return Network(inputs or {"x": 4}, nodes, outputs, axes)


FAULTS = {
    "an input that no node has": (
        lambda: written(Node("encoder", Conv(3)), Node("y", Conv(3), "encodr")),
        "unknown_input",
        "y takes encodr, which is neither an earlier node nor an input",
        'y: inputs="encoder"',
    ),
    "an input that may be several": (
        lambda: written(Node("a", Conv(3)), Node("b", Conv(3)), Node("y", Concat(), ("b", "skip"))),
        "unknown_input",
        "y takes skip, which is neither an earlier node nor an input",
        "y: one of x, a in place of skip",
    ),
    "an input that can be only one": (
        lambda: written(Node("a", Conv(3)), Node("y", Concat(), ("a", "skip"))),
        "unknown_input",
        "y takes skip, which is neither an earlier node nor an input",
        'y: inputs=("a", "x")',
    ),
    "an input that comes later": (
        lambda: written(Node("y", Conv(3), "late"), Node("late", Conv(3), "x")),
        "unknown_input",
        "the input late of y comes after it, and must come before",
        "move the node late before y",
    ),
    "a node of itself": (
        lambda: written(Node("y", Concat(), ("x", "y"))),
        "unknown_input",
        "the input y of y is the node itself, and a network must not have cycles",
        "in the inputs of y, replace y by a node that does not depend on y",
    ),
    "nodes of each other": (
        lambda: written(Node("a", Concat(), ("x", "b")), Node("b", Conv(3)), Node("y", Concat(), ("a", "b"))),
        "unknown_input",
        "the input b of a depends on a itself, and a network must not have cycles",
        "in the inputs of a, replace b by a node that does not depend on a",
    ),
    "an output twice": (
        lambda: Network({"x": 4}, (Node("a", Conv(3)), Node("y", Conv(3))), ("y", "a", "y")),
        "name_twice",
        "the output y is listed 2 times",
        'outputs=("y", "a")',
    ),
    "a layer of two operations": (
        lambda: written(Node("a", Conv(3), layer="conv"), Node("y", Conv(1), layer="conv")),
        "layer_shared",
        "a and y share the layer conv, and their parameters differ",
        'y: layer="conv.y"',
    ),
    "a layer of two norms": (
        lambda: written(Node("a", Norm("batch"), layer="norm"), Node("y", Norm("instance"), layer="norm")),
        "layer_shared",
        "a and y share the layer norm, and their parameters differ",
        'y: layer="norm.y"',
    ),
    "a layer of two epsilons": (
        lambda: written(Node("a", Norm(), layer="norm"), Node("y", Norm(epsilon=0.5), layer="norm")),
        "layer_shared",
        "a and y share the layer norm, and their parameters differ",
        'y: layer="norm.y"',
    ),
    "a layer of two kernels that are not learned": (
        lambda: written(
            Node("a", Conv(3, learned=False, bias=False), layer="blur"),
            Node("y", Conv(5, learned=False, bias=False), layer="blur"),
        ),
        "layer_shared",
        "a and y share the layer blur, and their parameters differ",
        'y: layer="blur.y"',
    ),
    "an output that no node is": (
        lambda: written(Node("y", Conv(3)), outputs="z"),
        "unknown_input",
        "the output z is neither a node nor an input",
        'outputs="y"',
    ),
    "a name twice": (
        lambda: written(Node("conv", Conv(3)), Node("conv", Conv(3))),
        "name_twice",
        "the name conv is used twice",
        'the second conv: name="conv_2"',
    ),
    "the name of an input": (
        lambda: written(Node("x", Conv(3))),
        "name_twice",
        "the name x is used twice",
        'the second x: name="x_2"',
    ),
    "two inputs of one name": (
        lambda: written(Node("y", Conv(3)), inputs=[Input("x"), Input("x")]),
        "name_twice",
        "the name x is used for two inputs",
        'the second x: name="x_2"',
    ),
    "an input without channels": (
        lambda: written(Node("y", Conv(3)), inputs={"x": 0}),
        "channels_pos",
        "the input x has channels=0, and must have at least 1",
        'Input("x", channels=1)',
    ),
    "a convolution of two inputs": (
        lambda: written(Node("y", Conv(3), ("x", "x"))),
        "number_of_inputs",
        "y: Conv has 2 inputs, and takes 1",
        'y: inputs="x"',
    ),
    "a crop to nothing": (
        lambda: written(Node("a", Conv(3)), Node("y", CropTo(), "x")),
        "number_of_inputs",
        "y: CropTo has 1 input, and takes 2",
        'y: inputs=("x", "a")',
    ),
    "an addition of one input": (
        lambda: written(Node("y", Add())),
        "number_of_inputs",
        "y: Add has 1 input, and takes 2 or more",
        "add a node before y for its other input",
    ),
    "a join without its skip": (
        lambda: written(
            Node("a", Conv(3, padding=1, channels=8)),
            Node("pooled", MaxPool(2)),
            Node("b", Conv(3, padding=1)),
            Node("up", ConvTranspose(2, 2)),
            Node("c", Activation()),
            Node("y", Concat()),
        ),
        "number_of_inputs",
        "y: Concat has 1 input, and takes 2 or more",
        'y: inputs=("c", "a")',
    ),
    "a join without its skip, after open numbers": (
        lambda: written(Node("a", Conv(OPEN)), Node("b", MaxPool(OPEN)), Node("y", Concat())),
        "number_of_inputs",
        "y: Concat has 1 input, and takes 2 or more",
        'y: inputs=("b", "a")',
    ),
    "a size that must equal none": (
        lambda: written(Node("a", Conv(3)), Node("y", Require(equal=True))),
        "number_of_inputs",
        "y: Require has 1 input, and takes 2",
        'y: inputs=("a", "x")',
    ),
    "a least size of two inputs": (
        lambda: written(Node("y", Require(at_least=2), ("x", "x"))),
        "number_of_inputs",
        "y: Require has 2 inputs, and takes 1",
        'y: inputs="x"',
    ),
    "numbers for three axes": (
        lambda: written(Node("y", Conv((3, 3, 3), padding=(1, 1)))),
        "axes_differ",
        "y: kernel has numbers for 3 axes, and the network has 2",
        "y: kernel=3 or axes=3",
    ),
    "pairs for three axes": (
        lambda: written(Node("y", Pad(((0, 1),) * 3))),
        "axes_differ",
        "y: amounts has numbers for 3 axes, and the network has 2",
        "y: amounts=((0, 1),) or axes=3",
    ),
    "four axes": (
        lambda: written(Node("y", Conv(3)), axes=4),
        "axes",
        "the network has axes=4, and must have 1, 2 or 3",
        "axes=2",
    ),
    "a convolution of stride 0": (
        lambda: written(Node("y", Conv(3, stride=0))),
        "stride_pos",
        "y: stride=0 must be at least 1",
        "y: stride=1",
    ),
    "a pooling that skips all along one axis": (
        lambda: written(Node("y", MaxPool(3, (2, 0)))),
        "stride_pos",
        "y: stride=(2, 0) must be at least 1",
        "y: stride=(2, 1)",
    ),
    "a kernel of 0": (
        lambda: written(Node("y", ConvTranspose(0, 2))),
        "kernel_pos",
        "y: kernel=0 must be at least 1",
        "y: kernel=1",
    ),
    "a dilation of 0": (
        lambda: written(Node("y", Conv(3, dilation=0))),
        "dilation_pos",
        "y: dilation=0 must be at least 1",
        "y: dilation=1",
    ),
    "an addition of other channels": (
        lambda: written(Node("a", Conv(3, channels=8)), Node("y", Add(), ("x", "a"))),
        "channels_equal",
        "y: a has 8 channels, x has 4, and they must be equal",
        "a: channels=4",
    ),
    "an addition of other channels, after another operation": (
        lambda: written(Node("a", Conv(3, channels=8)), Node("b", MaxPool(1)), Node("y", Add(), ("x", "b"))),
        "channels_equal",
        "y: b has 8 channels, x has 4, and they must be equal",
        'Node("b_4", Conv(1, channels=4), "b"); y: inputs=("x", "b_4")',
    ),
    "a gate of one channel": (
        lambda: written(Node("a", Conv(3, channels=1)), Node("y", Multiply(), ("x", "a"))),
        "channels_equal",
        "y: a has 1 channel, x has 4, and they must be equal",
        'y: broadcast="channels"',
    ),
    "a broadcast of four channels": (
        lambda: written(Node("y", Multiply(broadcast="channels"), ("x", "x"))),
        "channels_equal",
        "y: x has 4 channels, and must have 1, because it is broadcast",
        'Node("x_1", Conv(1, channels=1), "x"); y: inputs=("x", "x_1")',
    ),
    "groups that do not divide": (
        lambda: written(Node("y", Conv(3, groups=3, channels=6))),
        "groups_divide",
        "y: the input has 4 channels, and their number must be a multiple of groups=3",
        "y: groups=1",
    ),
    "groups of a transposed convolution": (
        lambda: written(Node("y", ConvTranspose(2, 2, groups=2, channels=3))),
        "groups_divide",
        "y: the output has 3 channels, and their number must be a multiple of groups=2",
        "y: groups=1",
    ),
    "no groups": (
        lambda: written(Node("y", Norm("group", groups=0))),
        "groups_pos",
        "y: groups=0 must be at least 1",
        "y: groups=1",
    ),
    "groups of a norm": (
        lambda: written(Node("y", Norm("group", groups=3))),
        "groups_divide",
        "y: the input has 4 channels, and their number must be a multiple of groups=3",
        "y: groups=1",
    ),
    "no kernels": (
        lambda: written(Node("y", Conv(3, channels=0))),
        "channels_pos",
        "y: channels=0 must be at least 1",
        "y: channels=1",
    ),
    "half of three channels": (
        lambda: written(Node("y", Activation("glu")), inputs={"x": 3}),
        "glu_even",
        "y: the input of glu has 3 channels, and must have an even number",
        'Node("x_4", Conv(1, channels=4), "x"); y: inputs="x_4"',
    ),
    "blocks of too few channels": (
        lambda: written(Node("y", DepthToSpace(3))),
        "block_divides",
        "y: the input has 4 channels, and their number must be a multiple of 9, the positions in a block",
        'Node("x_9", Conv(1, channels=9), "x"); y: inputs="x_9"',
    ),
    "a slice beyond the channels": (
        lambda: written(Node("y", Slice(2, 5))),
        "slice_within",
        "y: start=2 and stop=5 must have start < stop ≤ 4, the channels of the input",
        "y: start=0, stop=4",
    ),
}


@pytest.mark.parametrize(("make", "rule", "says", "fix"), FAULTS.values(), ids=FAULTS)
def test_a_network_that_is_not_well_formed_is_rejected_with_the_node_the_numbers_and_a_fix(make, rule, says, fix):
    with pytest.raises(ConfigError) as error:
        make()
    assert rule in [failure.name for failure in error.value.report.failures]
    text = str(error.value)
    assert says in text
    assert f"  fix: {fix}" in text.splitlines()


def test_all_faults_are_reported_together_and_none_that_only_follows_from_another():
    with pytest.raises(ConfigError) as error:
        written(
            Node("a", Conv(3, groups=3)),
            Node("b", Concat(), ("a", "nowhere")),
            Node("c", Add(), ("b", "x")),
            Node("a", MaxPool((2, 2, 2))),
        )
    rules = [failure.name for failure in error.value.report.failures]
    assert rules == ["groups_divide", "groups_divide", "unknown_input", "name_twice", "axes_differ"]


def test_many_faults_take_few_lines():
    with pytest.raises(ConfigError) as error:
        written(*(Node(f"y{i}", Add(), ("x", f"z{i}")) for i in range(100)))
    lines = str(error.value).splitlines()
    assert len(lines) == 3
    assert "and 97 more" in lines[1]
    assert len(lines[1]) < 300


def test_a_node_without_inputs_follows_the_one_before_it():
    network = written(Node("a", Conv(3)), Node("b", MaxPool(2)), Node("c", Concat(), ("x", "a")), Node("d", Scale()))
    assert [node.inputs for node in network.nodes] == [("x",), ("a",), ("x", "a"), ("c",)]
    assert network.outputs == ("d",)
    assert eval(repr(network)) == network
    assert hash(eval(repr(network))) == hash(network)


def test_a_network_of_no_nodes_hands_on_its_input():
    network = Network({"x": 3}, ())
    assert network.outputs == ("x",)
    assert str(sizes_that_fit(network)) == "n ≥ 1"
    assert parameter_shapes(network) == {}


def test_a_node_is_found_by_name_or_its_nearest_name_is_proposed():
    network = written(Node("encoder", Conv(3)))
    assert network.node("encoder").operation == Conv(3)
    with pytest.raises(UsageError, match="fix: 'encoder'"):
        network.node("encodre")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda network: run(network, -1), "size=-1 is negative"),
        (lambda network: run(network, 8, axis=2), "the network has 2 axes, counted from 0"),
        (lambda network: sizes_that_fit(network, axis=2), "the network has 2 axes, counted from 0"),
        (lambda network: run(network, {"z": 8}), "it has no size; there are sizes for z"),
        (lambda network: run(network, {"x": "8"}), "x='8' is a str"),
        (lambda network: run_image(network, (8,)), r"\(8,\) has one size, and needs two: height and width"),
        (lambda network: run_image(network, 8), "8 has one size, and needs two: height and width"),
    ],
)
def test_a_wrong_size_is_rejected_by_name(make, says):
    with pytest.raises(WellshapedError, match=says):
        make(written(Node("y", Conv(3))))


@pytest.mark.parametrize(
    ("axes", "sizes", "fix"),
    [
        (2, (3, 500, 700), "(500, 700)"),
        (2, (8, 3, 500, 700), "(500, 700)"),
        (2, (500, 700, 3), "(500, 700)"),
        (2, (700,), "(700, 700)"),
        (2, 700, "(700, 700)"),
        (2, "700", "(64, 64)"),
        (2, (0,), "(64, 64)"),
        (2, (), "(64, 64)"),
        (2, (-5,), "(64, 64)"),
        (1, (3, 700), "(700,)"),
        (3, (500, 700), "(500, 700, 700)"),
    ],
)
def test_another_number_of_sizes_is_answered_with_the_sizes_that_are_meant(axes, sizes, fix):
    network = written(Node("y", Conv(3)), axes=axes)
    with pytest.raises(ShapeError) as error:
        require_sizes(network, sizes)
    assert error.value.report.fixes == (fix,)
    assert len(require_sizes(network, literal_eval(fix))) == axes


@pytest.mark.parametrize(
    ("axes", "shape", "fix"),
    [
        (2, (8, 3, 500, 700), "(3, 500, 700)"),
        (2, (500, 700), "(1, 500, 700)"),
        (2, (3, 500), "(3, 500, 500)"),
        (3, (1, 304, 384), "(1, 304, 384, 384)"),
        (1, (3, 304, 384), "(304, 384)"),
    ],
)
def test_another_number_of_sizes_in_a_whole_shape_is_shown_and_answered_with_the_channels(axes, shape, fix):
    network = written(Node("y", Conv(3)), axes=axes)
    with pytest.raises(ShapeError) as error:
        require_sizes(network, shape[1:], shape)
    assert re.search(rf"axes: {re.escape(str(shape))} has \w+ numbers, and needs \w+: channels", str(error.value))
    assert error.value.report.fixes == (fix,)
    assert len(literal_eval(fix)) == axes + 1


def test_inputs_of_different_sizes_run_together():
    network = written(
        Node("small", Resize(1, over=2), "x"), Node("y", Concat(), ("small", "z")), inputs={"x": 1, "z": 1}
    )
    assert run(network, {"x": 8, "z": 4}).ok
    assert [failure.right for failure in run(network, {"x": 8, "z": 5}).failures] == [5]
    assert sizes_that_fit(network).is_finite  # of one size for both, none fits


def test_a_requirement_says_which_node_which_rule_and_which_two_sizes():
    network = written(Node("pooled", MaxPool(2)), Node("up", Resize(2)), Node("joined", Concat(), ("x", "up")))
    (failure,) = run(network, 303).failures
    assert (failure.node, failure.rule, failure.left_of, failure.right_of) == ("joined", "equal", "x", "up")
    assert (failure.left, failure.right, failure.relation.says) == (303, 302, "must be")


def test_a_name_twice_hides_no_unknown_input():
    """Both nodes have a name that has channels, and one of them cannot have any."""
    nodes = (Node("a", Conv(1), "x"), Node("b", Conv(1), "a"), Node("b", Conv(1), "nowhere"))
    with pytest.raises(ConfigError) as error:
        Network({"x": 1}, nodes)
    assert [failure.name for failure in error.value.report.failures] == ["name_twice", "unknown_input"]


def test_a_graph_has_its_own_channels_and_others_are_rejected():
    graph = graph_of("milesial", 3, 2)
    assert graph_of(graph) is graph_of(graph, 3, 2) is graph_of(graph, None, 2) is graph
    for given, fix in (
        ((5, 2), "in_channels=3"),
        ((3, 7), "out_channels=2"),
        ((5, 7), "in_channels=3, out_channels=2"),
    ):
        with pytest.raises(ShapeError) as error:
            graph_of(graph, *given)
        assert error.value.report.fixes == (fix,)
