"""Every answer for every kind of network: none is special. And the stages of a network, against plain counts."""

import ast
import json
import re
from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec
from itertools import islice
from math import prod
from pathlib import Path

import pytest
from configs import fitting_configs, fitting_sizes
from effort import examples, sparse
from hypothesis import example, given, settings
from hypothesis import strategies as st

import wellshaped.spec
from wellshaped.proofs_of_shape.strategies import graphs, image_sizes, unet_configs
from wellshaped.spec import (
    PRESETS,
    Activation,
    Add,
    Concat,
    Conv,
    ConvTranspose,
    Crop,
    CropTo,
    Input,
    MaxPool,
    Mean,
    Multiply,
    Network,
    Node,
    Norm,
    Pad,
    Report,
    Require,
    Resize,
    ShapeError,
    UNet2Config,
    UNetConfig,
    check,
    compatible_shapes,
    compatible_sizes,
    explain,
    graph_of,
    parameter_shapes,
    plan,
    repair,
    run,
    run_image,
    stages,
)
from wellshaped.spec.answers.any_network import building
from wellshaped.spec.answers.costs import scales_of
from wellshaped.spec.network import data_of, network_from, parameter_count

ROOM = Path(wellshaped.spec.__file__).parent

BY_HAND = Network(
    inputs=(Input("x", 3), Input("z", 2), Input("time", 5, single=True)),
    nodes=(
        Node("encoder", Conv((1, 3, 3), padding=(0, 1, 1), channels=8), "x"),
        Node("norm", Norm("instance")),
        Node("skip", Activation("silu")),
        Node("pooled", MaxPool((1, 2, 4))),
        Node("beside", MaxPool((1, 2, 4)), "z"),
        Node("both", Concat(), ("pooled", "beside")),
        Node("bottom", Conv(3, padding=1, channels=8), "both"),
        Node("film", Conv(1, channels=8), "time"),
        Node("shifted", Add(broadcast="positions"), ("bottom", "film")),
        Node("mean", Mean(), "bottom"),
        Node("gated", Multiply(broadcast="positions"), ("shifted", "mean")),
        Node("up", ConvTranspose((1, 2, 4), (1, 2, 4))),
        Node("cropped", CropTo(), ("skip", "up")),
        Node("joined", Concat(), ("cropped", "up")),
        Node("wide", Require(at_least=(1, 4, 4)), "joined"),
        Node("y", Conv(1, channels=2)),
        Node("side", Resize((1, 2, 4)), "shifted"),
    ),
    outputs=("y", "side"),
    axes=3,
)
"""Branches, three axes with numbers of their own, two images, a vector and two outputs."""

FROM_DATA = json.loads("""{
    "axes": 1,
    "inputs": {"x": 2},
    "nodes": [
        {"name": "down", "op": "Conv", "kernel": 3, "stride": 2, "padding": [[1, 1]], "channels": 4},
        {"name": "relu", "op": "Activation"},
        {"name": "up", "op": "ConvTranspose", "kernel": 2, "stride": 2},
        {"name": "skip", "op": "Conv", "kernel": 1, "channels": 4, "inputs": ["x"]},
        {"name": "y", "op": "Add", "inputs": ["skip", "up"]}
    ]
}""")

NETWORKS = {
    **{name: name for name in PRESETS},
    "UNet2Config": UNet2Config(base_channels=4),
    "UNetConfig": UNetConfig(levels=2, base_channels=4, norm="group", groups=2, residual=True, padding="none"),
    "by hand": BY_HAND,
    "plain data": network_from(FROM_DATA),
}
every = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
LARGEST = ("u2net", "ddpm", "nnunet_3d_resenc")
"""They take a third of the time, and their operations are those of the others."""
every_small = pytest.mark.parametrize(
    "network", sparse(NETWORKS.values(), lambda network: network not in LARGEST), ids=NETWORKS
)
# tests/front/test_every_network.py certifies some of the others by the command.
every_third = pytest.mark.parametrize("network", sparse(NETWORKS.values(), 3), ids=NETWORKS)


def fitting_image(network):
    """The smallest image that fits, and one that does not."""
    shapes = compatible_shapes(network)
    fitting = shapes.above((1,) * graph_of(network).axes)
    return fitting, (0, *fitting[1:])


@pytest.mark.one_in(5)
@every_small
def test_every_network_is_answered_by_every_fold(network, tmp_path):
    graph = graph_of(network)
    fitting, bad = fitting_image(network)
    channels = graph.inputs[0].channels

    # Runs, sizes and shapes agree.
    assert run_image(graph, fitting).ok
    assert all(run(graph, n, axis).ok for axis, n in enumerate(fitting))
    assert not run_image(graph, bad).ok
    sets = [compatible_sizes(network, axis) for axis in range(graph.axes)]
    shapes = compatible_shapes(network)
    assert shapes == compatible_shapes(graph)
    assert shapes.axes == tuple(sets)
    assert fitting in shapes
    assert bad not in shapes

    # Explanations, plans and checks say the same.
    found = explain(network, bad)
    assert not found.ok
    assert len(found.causes) >= 1
    assert set(found.sizes[0]) == {given.name for given in graph.inputs} | {node.name for node in graph.nodes}
    assert explain(network, fitting).ok
    assert plan(network, bad, "pad").fitting == fitting
    assert plan(network, fitting).fitting == fitting
    report = check(network, (channels, *bad))
    assert isinstance(report, Report)
    assert [cause.says for cause in report.causes] == [cause.says for cause in found.causes]
    assert check(network, (channels, *fitting)).ok
    assert not check(network, (channels + 1, *fitting)).ok or graph is not network

    # Stages and parameters.
    made = stages(network, (channels, *fitting))
    assert made[0].name == graph.inputs[0].name
    assert set(graph.outputs) <= {stage.name for stage in made}
    shapes_of_layers = parameter_shapes(network, channels)
    assert sum(stage.parameters for stage in made) == parameter_count(graph)
    assert parameter_count(graph) == sum(prod(s) for of_it in shapes_of_layers.values() for s in of_it.values())
    assert {stage.layer for stage in made} - {None} != set()

    # What fits sizes without end needs no repair.
    assert repair(network) == (PRESETS[network] if isinstance(network, str) else network)

    # Plain data, as a file has it.
    data = json.loads(json.dumps(data_of(graph)))
    assert network_from(data) == graph
    assert network_from(data).channels == graph.channels

    if find_spec("matplotlib") is not None:
        from wellshaped.drawing import draw

        draw(made, tmp_path / "network.svg")
        assert "<svg" in (tmp_path / "network.svg").read_text(encoding="utf-8")


@pytest.mark.one_in(3)
@every_third
def test_every_network_is_certified(network):
    pytest.importorskip("z3", reason="Z3 is not installed")
    from wellshaped.proofs_of_shape.certificates import certify, verify

    graph = graph_of(network)
    for axis in range(graph.axes):
        certificate = certify(network, axis=axis)
        assert certificate.sizes == compatible_sizes(network, axis)
        verify(certificate)


@pytest.mark.one_in(3)
@every
def test_a_graph_is_answered_as_what_it_was_made_from(network):
    graph = graph_of(network)
    fitting, bad = fitting_image(network)
    channels = graph.inputs[0].channels
    for sizes in (fitting, bad):
        ours, theirs = explain(network, sizes), explain(graph, sizes)
        assert replace(ours, subject="") == replace(theirs, subject="")
    assert stages(network, (channels, *fitting)) == stages(graph, (channels, *fitting))
    assert plan(network, bad, "pad") == plan(graph, bad, "pad")


def test_one_network_with_sizes_that_end_is_repaired_of_each_kind():
    for broken in (
        UNet2Config(conv_padding=0),
        UNetConfig(padding="none", join="exact"),
        Network({"x": 1}, (Node("a", Conv(3)), Node("y", Add(), ("x", "a")))),
    ):
        assert compatible_sizes(broken).is_finite
        assert type(repair(broken)) is type(broken)
        assert not compatible_sizes(repair(broken)).is_finite


# From any network to its graph.

CONFIGS = {"UNet2Config", "UNetConfig"}


def kinds_asked_for(tree):
    """The names that an ``isinstance``, a ``type(...) is``, a ``match`` or a ``singledispatch`` asks for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if called in ("isinstance", "issubclass", "singledispatch", "register"):
                yield from names_in(node)
        elif isinstance(node, ast.MatchClass):
            yield from names_in(node.cls)
        elif isinstance(node, ast.Compare) and any(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
            yield from names_in(node)


def names_in(tree):
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def files_that_ask_for(kinds):
    return {
        path.relative_to(ROOM).as_posix()
        for path in ROOM.rglob("*.py")
        if set(kinds) & set(kinds_asked_for(ast.parse(path.read_text(encoding="utf-8"))))
    }


def test_only_one_module_asks_which_config_a_network_is():
    assert files_that_ask_for(CONFIGS) <= {"answers/any_network.py"}


def test_only_that_module_the_files_and_the_catalogue_know_both_configs():
    knowing = {
        path.relative_to(ROOM).as_posix()
        for path in ROOM.rglob("*.py")
        if names_in(ast.parse(path.read_text(encoding="utf-8"))) >= CONFIGS
    }
    assert "answers/any_network.py" in knowing
    assert knowing <= {
        "answers/any_network.py",
        "files/networks.py",
        "presets/catalogue.py",
    }  # the last lists configs of both kinds by name


def test_the_search_for_kinds_finds_each_way_to_ask():
    for text in (
        "isinstance(cfg, UNetConfig)",
        "isinstance(cfg, (int, spec.UNetConfig, UNetConfig))",
        "type(cfg) is UNetConfig",
        "match cfg:\n    case UNetConfig():\n        pass",
        "@f.register(UNetConfig)\ndef _(cfg): ...",
    ):
        assert "UNetConfig" in set(kinds_asked_for(ast.parse(text))), text
    assert "UNetConfig" not in set(kinds_asked_for(ast.parse("x = UNetConfig(levels=isinstance(3, int))")))


# Stages.


def plain_costs(network, shapes):
    """By node, the parameters and the multiply-adds of its convolution, counted from its numbers."""
    costs = {}
    for node in network.nodes:
        operation = node.operation
        given, made = shapes[node.inputs[0]], shapes[node.name]
        parameters = products = 0
        if isinstance(operation, Conv | ConvTranspose):
            axes = network.axes
            kernel = operation.kernel if isinstance(operation.kernel, tuple) else (operation.kernel,) * axes
            weights = given[0] * made[0] // operation.groups * prod(kernel)
            where = made if isinstance(operation, Conv) else given
            products = weights * prod(where[1:])
            if operation.learned:
                parameters = weights + made[0] * operation.bias
        elif isinstance(operation, Norm) and operation.affine:
            parameters = 2 * given[0]
        elif type(operation).__name__ == "Scale":
            parameters = made[0]
        elif isinstance(operation, Activation) and operation.kind in ("prelu", "prelu_channels", "snake"):
            parameters = 1 if operation.kind == "prelu" else made[0]
        costs[node.name] = parameters, products
    return costs


def check_stages(network, sizes, **options):
    graph = graph_of(network, *options.get("channels", ()))
    outs = graph.channels[graph.outputs[0]]
    made = stages(network, (graph.inputs[0].channels, *sizes), out_channels=outs)
    ran = run_image(graph, sizes)
    shapes = {name: (count, *ran.shape(name)) for name, count in graph.channels.items()}
    nodes = {node.name: node for node in graph.nodes}
    costs = plain_costs(graph, shapes)
    seen = set()
    for stage in made:
        assert stage.shape == shapes[stage.name]
        assert set(stage.inputs) <= seen
        seen.add(stage.name)
    # Each node that does something is in one stage: a chain from the stage's name back to its inputs.
    counted = set()
    for stage in made:
        if not stage.inputs:
            assert stage.op == "input"
            continue
        chain, name = [], stage.name
        for word in reversed(stage.op.split(", ")):
            node = nodes[name]
            assert node.operation.called == word
            chain.append(name)
            name = behind(nodes, node.inputs[0])
        assert name == stage.inputs[0]
        assert all(nodes[name].operation.shares_row for name in chain[:-1])
        assert stage.parameters == sum(costs[name][0] for name in chain)
        assert stage.multiply_adds == sum(costs[name][1] for name in chain)
        layers = [nodes[name].layer or name for name in chain if costs[name][0]]
        if not layers:
            assert stage.layer is None
        else:
            assert stage.layer in layers or all(layer.startswith(f"{stage.layer}.") for layer in layers)
        assert not counted & set(chain)
        counted |= set(chain)
    assert counted == {node.name for node in graph.nodes if not node.operation.only_checks}
    assert sum(stage.parameters for stage in made) == parameter_count(graph)
    assert {behind(nodes, name) for name in graph.outputs} <= seen
    return made


def behind(nodes, name):
    """The node that a requirement hands on."""
    while name in nodes and nodes[name].operation.only_checks:
        name = nodes[name].inputs[0]
    return name


@every
def test_the_stages_have_the_shapes_of_a_run_and_the_costs_of_a_plain_count(network):
    check_stages(network, fitting_image(network)[0])


@settings(max_examples=100)
@given(unet_configs(), st.data())
def test_the_stages_of_a_drawn_config_have_the_shapes_of_a_run_and_the_costs_of_a_plain_count(cfg, data):
    check_stages(cfg, data.draw(image_sizes(cfg)))


@examples(60)
@given(graphs(), st.data())
def test_the_stages_of_a_drawn_graph_have_the_shapes_of_a_run_and_the_costs_of_a_plain_count(network, data):
    shapes = compatible_shapes(network)
    least = shapes.above((1,))
    fit = [] if least is None else [n for n in islice(shapes.axes[0], 9) if (n,) in shapes] or [least[0]]
    if not fit:
        with pytest.raises(ShapeError):
            stages(network, (4, 8))
        return
    check_stages(network, (data.draw(st.sampled_from(fit)),))


def two_level_stages(cfg, ins, outs, height, width):
    """The table of SPEC section 6, written out: name, operation, inputs, shape, layer, parameters, multiply-adds."""
    b, k, u, h = cfg.base_channels, cfg.conv_kernel, cfg.up_kernel, cfg.head_kernel
    down = [(n - cfg.pool_kernel) // cfg.pool_stride + 1 for n in (height, width)]
    whole, small = height * width, down[0] * down[1]

    def conv(count, given, kernel, positions):
        weights = count * given * kernel * kernel
        return weights + count, weights * positions

    full = (height, width)
    rows = [
        ("x", "input", (), (ins, *full), None, 0, 0),
        ("s1", "conv, relu", ("x",), (b, *full), "down1_1", *conv(b, ins, k, whole)),
        ("skip1", "conv, relu", ("s1",), (b, *full), "down1_2", *conv(b, b, k, whole)),
        ("pooled", "max-pool", ("skip1",), (b, *down), None, 0, 0),
        ("b1", "conv, relu", ("pooled",), (2 * b, *down), "down2_1", *conv(2 * b, b, k, small)),
        ("bottleneck", "conv, relu", ("b1",), (2 * b, *down), "down2_2", *conv(2 * b, 2 * b, k, small)),
        ("up", "transposed conv", ("bottleneck",), (b, *full), "upT", *conv(b, 2 * b, u, small)),
        ("merged", "concat", ("skip1", "up"), (2 * b, *full), None, 0, 0),
        ("u1", "conv, relu", ("merged",), (b, *full), "up1_1", *conv(b, 2 * b, k, whole)),
        ("u2", "conv, relu", ("u1",), (b, *full), "up1_2", *conv(b, b, k, whole)),
        ("y", "conv", ("u2",), (outs, *full), "out1x1", *conv(outs, b, h, whole)),
    ]
    return [(name, op, inputs, tuple(shape), *rest) for name, op, inputs, shape, *rest in rows]


def row(stage):
    return stage.name, stage.op, stage.inputs, stage.shape, stage.layer, stage.parameters, stage.multiply_adds


@settings(max_examples=100)
@given(fitting_configs(), st.integers(1, 4), st.integers(1, 4), st.data())
@example(UNet2Config(), 1, 1, None)
def test_the_stages_of_the_two_level_network_are_those_of_the_specification(cfg, ins, outs, data):
    height, width = (304, 384) if data is None else (data.draw(fitting_sizes(cfg)) for _ in range(2))
    made = stages(cfg, (ins, height, width), out_channels=outs)
    assert [row(stage) for stage in made] == two_level_stages(cfg, ins, outs, height, width)


def test_the_stages_of_a_small_unet_are_these():
    """Counted by hand: one level, two channels, one convolution a block, a group norm without a bias before it."""
    cfg = UNetConfig(levels=1, base_channels=2, convs_per_block=1, norm="group", groups=2, bias=False)
    assert [row(stage) for stage in stages(cfg, (3, 4, 6), out_channels=5)] == [
        ("x", "input", (), (3, 4, 6), None, 0, 0),
        (
            *("encoder[0]", "conv, group norm, relu", ("x",), (2, 4, 6), "encoder[0].convs[0]"),
            *(2 * 3 * 9 + 4, 2 * 3 * 9 * 24),
        ),
        ("pooled[0]", "max-pool", ("encoder[0]",), (2, 2, 3), None, 0, 0),
        (
            *("bottom", "conv, group norm, relu", ("pooled[0]",), (4, 2, 3), "bottom.convs[0]"),
            *(4 * 2 * 9 + 8, 4 * 2 * 9 * 6),
        ),
        ("up[0]", "transposed conv", ("bottom",), (2, 4, 6), "up[0]", 4 * 2 * 4 + 2, 4 * 2 * 4 * 6),
        ("joined[0]", "concat", ("encoder[0]", "up[0]"), (4, 4, 6), None, 0, 0),
        (
            *("decoder[0]", "conv, group norm, relu", ("joined[0]",), (2, 4, 6), "decoder[0].convs[0]"),
            *(2 * 4 * 9 + 4, 2 * 4 * 9 * 24),
        ),
        ("y", "conv", ("decoder[0]",), (5, 4, 6), "head", 5 * 2 + 5, 5 * 2 * 24),
    ]


def test_a_node_that_is_used_twice_or_is_an_output_is_a_stage_of_its_own():
    nodes = (Node("a", Conv(1)), Node("b", Activation()), Node("c", Norm("batch")), Node("y", Add(), ("b", "c")))
    made = stages(Network({"x": 2}, nodes, ("y", "a")), (2, 4, 4))
    assert [(stage.name, stage.op, stage.inputs) for stage in made] == [
        ("x", "input", ()),
        ("a", "conv", ("x",)),
        ("b", "relu", ("a",)),
        ("c", "batch norm", ("b",)),
        ("y", "add", ("b", "c")),
    ]
    fused = stages(Network({"x": 2}, nodes), (2, 4, 4))
    assert [(stage.name, stage.op) for stage in fused] == [
        ("x", "input"),
        ("b", "conv, relu"),
        ("c", "batch norm"),
        ("y", "add"),
    ]


def test_an_activation_of_an_input_is_a_stage_of_its_own():
    made = stages(Network({"x": 2}, (Node("y", Activation()),)), (2, 4, 4))
    assert [(stage.name, stage.op, stage.inputs) for stage in made] == [("x", "input", ()), ("y", "relu", ("x",))]


def test_a_requirement_is_no_stage_and_stages_behind_it_are_given_what_it_hands_on():
    nodes = (
        Node("a", Conv(1)),
        Node("enough", Require(at_least=2)),
        Node("again", Require(multiple=2)),
        Node("b", Activation()),
        Node("keeps", Require(equal=True), ("b", "x")),
    )
    made = stages(Network({"x": 2}, nodes), (2, 4, 4))
    assert [(stage.name, stage.op, stage.inputs) for stage in made] == [
        ("x", "input", ()),
        ("b", "conv, relu", ("x",)),
    ]


def test_a_stage_of_two_layers_has_the_path_that_they_share():
    def layer_of(first, second, then=None):
        nodes = (Node("a", Conv(1), layer=first), Node("y", then or Norm("batch"), layer=second))
        return stages(Network({"x": 2}, nodes), (2, 4, 4))[-1].layer

    assert layer_of("block.conv", "block.norm") == "block"
    assert layer_of("a.b.conv", "a.b.norm.norm") == "a.b"
    assert layer_of("block.conv", "block.conv", Activation()) == "block.conv"  # it has no parameters
    assert layer_of("conv", "norm") == "conv"
    assert layer_of("block1", "block2") == "block1"


def test_a_scale_is_exact_whatever_a_border_adds_or_loses():
    for edge in (Pad(10**40), Crop(10**40)):
        network = Network({"x": 1}, (Node("edge", edge), Node("y", Resize(10**20, over=10**20 + 1))), axes=1)
        assert scales_of(network) == {"x": 1, "edge": 1, "y": Fraction(10**20, 10**20 + 1)}


def test_nodes_of_one_layer_share_its_parameters():
    nodes = (Node("a", Conv(3, padding=1), layer="conv"), Node("y", Conv(3, padding=1, channels=2), layer="conv"))
    assert parameter_shapes(Network({"x": 2}, nodes)) == {"conv": {"kernel": (2, 2, 3, 3), "bias": (2,)}}


def test_a_graph_has_its_own_channels_and_a_config_one_where_none_are_said():
    assert graph_of(BY_HAND) is graph_of(BY_HAND, BY_HAND.image.channels) is BY_HAND
    assert parameter_shapes(BY_HAND) == parameter_shapes(BY_HAND, BY_HAND.image.channels)
    assert building(BY_HAND).report.ok
    made = BY_HAND.outputs[0]
    for call in (graph_of, parameter_shapes):
        with pytest.raises(ShapeError, match="the image has 7 channels, and x takes 3"):
            call(BY_HAND, 7)
        with pytest.raises(ShapeError, match=f"out_channels=99, and {made} has {BY_HAND.channels[made]}"):
            call(BY_HAND, out_channels=99)
    assert graph_of("unet2") == graph_of("unet2", 1, 1)


def test_a_graph_whose_arrays_are_too_large_is_not_built_and_the_report_has_a_fix():
    report = building(Network({"x": 70_000}, (Node("y", Conv(1, channels=70_000)),))).report
    assert [failure.name for failure in report.failures] == ["elements"]
    assert report.fixes == ("fewer channels, or smaller kernels",)


def test_a_scale_is_the_share_of_positions_along_the_axis_with_the_fewest():
    scales = scales_of(BY_HAND)
    assert (scales["x"], scales["skip"], scales["pooled"], scales["up"]) == (1, 1, Fraction(1, 4), 1)
    assert (scales["mean"], scales["film"], scales["side"]) == (0, 0, 1)
    deep = UNetConfig(levels=6, base_channels=1)
    made = {stage.name: stage.scale for stage in stages(deep, (1, 64, 128))}
    assert [made[f"pooled[{i}]"] for i in range(6)] == [Fraction(1, 2 ** (i + 1)) for i in range(6)]
    assert {made["x"], made["y"], made["joined[0]"]} == {Fraction(1)}
    thirds = Network({"x": 1}, (Node("a", MaxPool(3)), Node("b", Resize(2)), Node("y", Resize(2, over=5))), axes=1)
    assert [stage.scale for stage in stages(thirds, (1, 60))] == [1, Fraction(1, 3), Fraction(2, 3), Fraction(4, 15)]
    cropped = {stage.name: stage.scale for stage in stages("ronneberger2015", (1, 188, 188))}
    assert cropped["bottom"] == Fraction(1, 16)
    assert cropped["y"] == 1


def test_every_scale_is_that_of_a_large_size():
    for network in NETWORKS.values():
        graph = graph_of(network)
        far = 10**15  # borders do not count
        runs = [run(graph, far, axis).sizes for axis in range(graph.axes)]
        for name, scale in scales_of(graph).items():
            along = min(Fraction(sizes[name], far) for sizes in runs)
            assert abs(along - scale) < Fraction(1, 10**5)


@pytest.mark.parametrize("bad", [(1, 63, 64), (2, 64, 64), (0, 64, 64)])
def test_the_stages_of_what_does_not_fit_raise_the_report_of_check(bad):
    network = graph_of(UNetConfig(levels=2, base_channels=1))
    with pytest.raises(ShapeError) as error:
        stages(network, bad)
    assert str(error.value) == str(check(network, bad))


def test_the_names_in_the_texts_are_names_of_nodes():
    found = check("milesial", (3, 15, 40))
    nodes = {node.name for node in graph_of("milesial", 3).nodes}
    assert {failure.at for failure in found.failures} <= nodes
    names = [re.fullmatch(r" *(\S+) \d+", part)[1] for way in found.failures[0].paths for part in way.split(" → ")]
    assert set(names) <= nodes | {"x"}
