"""Root causes: what must be fixed for a size to fit, and nothing else; and how each broken size came about."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from configs import fitting_configs
from effort import examples
from fixing import Fixing
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from networks import networks

from wellshaped.proofs_of_shape.strategies import graphs
from wellshaped.spec import (
    FIELDS,
    OBLIGATIONS,
    Add,
    Cause,
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
    Pad,
    PadTo,
    Require,
    Resize,
    SpaceToDepth,
    UNet2Config,
    UsageError,
    explain,
    graph_of,
    h_downH,
    run,
)
from wellshaped.spec.network import requirements_and_causes
from wellshaped.spec.network.operation import changes_size

sizes = st.integers(0, 60)
drawn = graphs() | networks(4)


def causes(network, n, axis=0):
    return [requirement for requirement in requirements_and_causes(network, n, axis) if not requirement.holds]


def key(requirement):
    return requirement.node, requirement.rule, requirement.left, requirement.right


def written(*nodes, inputs=None, axes=1):
    return Network(inputs or {"x": 4}, nodes, axes=axes)


SKIP = (Node("pooled", MaxPool(2)), Node("up", ConvTranspose(2, 2)))
AGAIN = written(*SKIP, Node("joined", Concat(), ("x", "up")), Node("again", Concat(), ("x", "up")))
TOO_SMALL = written(Node("a", MaxPool(4)), Node("b", MaxPool(4)), Node("c", Conv(3)), Node("y", ConvTranspose(2, 2)))
ONE_INPUT_TWICE = written(Node("a", Crop(1)), Node("y", Add(), ("a", "x", "a")))
OF_THE_NUMBERS = written(Node("a", MaxPool(3, padding=2)), Node("y", ConvTranspose(3, 2, output_padding=3)))
MULTIPLES = written(Node("blocks", SpaceToDepth(4)), Node("y", Require(at_least=9, multiple=5)), inputs={"x": 4})
NEAR = written(Node("a", Crop(5)), Node("y", Require(equal=True, within=2), ("a", "x")))
CROPS = written(Node("a", Pad(1)), Node("b", CropTo(odd="never"), ("x", "a")), Node("y", Add(), ("b", "a")))
LATER_FIRST = written(Node("a", MaxPool(2)), Node("b", Resize(4)), Node("y", Concat(), ("a", "b", "x")))
WITH_VECTOR = Network(
    (Input("t", 4, single=True), Input("x", 4)),
    (Node("a", MaxPool(2), "x"), Node("y", Add(broadcast="positions"), ("x", "a", "t")), Node("z", Crop(3), "x")),
    axes=1,
)
NO_VECTOR = written(Node("y", Multiply(broadcast="positions"), ("x", "x")))
MIRRORED = written(Node("y", Pad(((6, 0),), mode="mirrored")))
FIXED_AFTER_USE = written(
    Node("a", MaxPool(2)),
    Node("b", Require(within=0), ("a", "a")),
    Node("c", CropTo(1), ("a", "b")),
    Node("y", MaxPool(2), "b"),
)
BY_HAND = [
    MIRRORED,
    FIXED_AFTER_USE,
    LATER_FIRST,
    WITH_VECTOR,
    NO_VECTOR,
    AGAIN,
    TOO_SMALL,
    ONE_INPUT_TWICE,
    OF_THE_NUMBERS,
    MULTIPLES,
    NEAR,
    CROPS,
]


def without(listed, i):
    return listed[:i] + listed[i + 1 :]


def check_root_causes(network, n):
    found = [key(cause) for cause in causes(network, n)]
    whole = Fixing(network, found).run(n)
    assert whole.left == []
    assert whole.used == found
    for i in range(len(found)):
        assert found[i] in Fixing(network, without(found, i)).run(n).left


@examples(200)
@given(drawn, sizes)
@example(AGAIN, 303)
@example(TOO_SMALL, 3)
@example(ONE_INPUT_TWICE, 5)
@example(OF_THE_NUMBERS, 5)
@example(MULTIPLES, 6)
@example(NEAR, 12)
@example(CROPS, 6)
@example(NO_VECTOR, 6)
@example(LATER_FIRST, 3)
@example(WITH_VECTOR, 8)
def test_fixing_exactly_the_causes_makes_a_size_fit_and_fixing_all_but_one_does_not(network, n):
    check_root_causes(network, n)


@pytest.mark.exhaustive
@settings(max_examples=2_000)
@given(drawn, sizes | st.integers(0, 2000))
def test_fixing_exactly_the_causes_makes_a_size_fit_and_fixing_all_but_one_does_not_at_length(network, n):
    check_root_causes(network, n)


@pytest.mark.slow
def test_the_drawn_networks_reach_every_rule_and_several_causes():
    rules, most = set(), 0

    @settings(max_examples=1000, database=None, derandomize=True)
    @given(drawn, sizes)
    def look(network, n):
        nonlocal most
        found = causes(network, n)
        rules.update(cause.rule for cause in found)
        most = max(most, len(found))

    look()
    rules.update(cause.rule for network in BY_HAND for cause in causes(network, 6))
    assert rules == {
        *("positive", "equal", "room", "even", "mirrored", "multiple", "at_least", "within"),
        *("one_position", "padding", "output_padding", "statistics", "positions"),
    }
    assert most >= 4


@examples(200)
@given(drawn, sizes)
@example(AGAIN, 303)
@example(MULTIPLES, 6)
def test_a_size_has_causes_iff_it_does_not_run_and_the_first_is_the_first_failure(network, n):
    found, plain = causes(network, n), run(network, n)
    assert bool(found) != plain.ok
    assert {(cause.node, cause.rule) for cause in found} <= {
        (it.node, it.rule) for it in requirements_and_causes(network, n)
    }
    if found:
        assert key(found[0]) == key(plain.failures[0])
        assert str(found[0]) == str(plain.failures[0])
    else:
        assert requirements_and_causes(network, n) == plain.requirements


@examples(200)
@given(drawn, sizes)
def test_every_requirement_is_judged_in_the_order_of_a_run(network, n):
    assert [(it.node, it.rule) for it in requirements_and_causes(network, n)] == [
        (it.node, it.rule) for it in run(network, n).requirements
    ]


# The ways.


def check_ways(network, n):
    inputs = {given.name for given in network.inputs}
    givers = {node.name: set(node.inputs) for node in network.nodes}
    operations = {node.name: node.operation for node in network.nodes}

    def reaches(end, start):
        """Whether a path leads from ``start`` to ``end``."""
        ahead, seen = {end}, set()
        while ahead:
            name = ahead.pop()
            seen.add(name)
            ahead |= givers.get(name, set()) - seen
        return start in seen

    found, computed = causes(network, n), run(network, n).sizes
    fixed = set()
    for i, cause in enumerate(found):
        named = {cause.left_of: cause.left, cause.right_of: cause.right}
        expected = [name for name in named if name in inputs or name in givers]
        assert [name for name, _ in cause.paths] == expected
        for name, way in cause.paths:
            assert way[-1][1] == named[name] or cause.rule == "room"  # an offset is added to the size
            assert way[0][0] in inputs
            assert all(a[1] != b[1] for a, b in pairwise(way))
            assert all(reaches(b[0], a[0]) for a, b in pairwise(way))
            assert reaches(name, way[-1][0])
            assert all(changes_size(operations[step]) or step in fixed for step, _ in way[1:])
        if cause.rule != "room":
            assert cause.supposed == tuple(name for name in expected if named[name] != computed[name])
        verbs = expected if cause.relation.together else [cause.left_of]  # a bound has its name in brackets
        assert all((f"{name} would be " in cause.says) == (name in cause.supposed) for name in verbs)
        assert cause.says.startswith("with ") == bool(cause.supposed) == bool(cause.fixed)
        assert set(cause.fixed) <= {earlier.node for earlier in found[:i]}
        fixed |= {cause.left_of, cause.right_of}
    if found:  # nothing is fixed before the first, so that its sizes are those of a plain run
        assert all(computed[name] == size for _, way in found[0].paths for name, size in way)
        assert found[0].supposed == ()


@examples(200)
@given(drawn, sizes)
@example(AGAIN, 303)
@example(TOO_SMALL, 3)
@example(FIXED_AFTER_USE, 0)
def test_a_way_begins_at_an_input_changes_at_every_step_and_ends_with_the_size_that_the_cause_names(network, n):
    check_ways(network, n)


def test_a_way_comes_through_the_input_whose_size_the_node_has():
    gated = written(
        Node("mean", Mean()),
        Node("pooled", MaxPool(2), "x"),
        Node("gated", Multiply(broadcast="positions"), ("pooled", "mean")),
        Node("up", Resize(2)),
        Node("sized", PadTo(), ("mean", "up")),
        Node("y", Add(), ("x", "sized")),
    )
    (cause,) = causes(gated, 7)
    assert dict(cause.paths) == {"x": (("x", 7),), "sized": (("x", 7), ("pooled", 3), ("up", 6))}


def test_a_way_shows_the_sizes_after_what_was_fixed_before():
    network = written(
        *SKIP, Node("joined", Concat(), ("x", "up")), Node("c", Crop(1), "up"), Node("y", Add(), ("c", "x"))
    )
    first, second = causes(network, 303)
    assert dict(first.paths)["up"] == (("x", 303), ("pooled", 151), ("up", 302))
    assert dict(second.paths)["c"] == (("x", 303), ("pooled", 151), ("up", 303), ("c", 301))


def test_a_size_after_a_fix_is_said_to_be_supposed_and_how_it_came_about_stays_in_the_data():
    network = written(
        *SKIP, Node("joined", Concat(), ("x", "up")), Node("c", Crop(1), "up"), Node("y", Add(), ("c", "x"))
    )
    first, second = explain(network, 303).causes
    assert (first.supposed, first.says) == ((), "x is 303, up is 302, and they must be equal")
    assert (second.supposed, second.says) == (
        ("c",),
        "with joined fixed, c would be 301, x is 303, and they must be equal",
    )
    shown = explain(network, 303).failures[1].paths
    assert shown == ()
    assert len(dict(second.paths)["c"]) == 4


def test_a_way_keeps_the_sizes_that_were_computed_before_a_later_fix():
    *_, last = causes(FIXED_AFTER_USE, 0)
    assert last.paths == (("y", (("x", 1), ("y", 0))),)


def test_several_inputs_have_ways_of_their_own():
    network = written(
        Node("a", MaxPool(2), "x"), Node("b", MaxPool(3), "z"), Node("y", Add(), ("a", "b")), inputs={"x": 4, "z": 4}
    )
    (cause,) = causes(network, {"x": 8, "z": 9})
    assert dict(cause.paths) == {"a": (("x", 8), ("a", 4)), "b": (("z", 9), ("b", 3))}


# What is fixed, and what then fails for a reason of its own.


def test_a_failure_behind_a_failure_is_no_cause():
    assert [cause.node for cause in causes(AGAIN, 303)] == ["joined"]
    assert [failure.node for failure in run(AGAIN, 303).failures] == ["joined", "again"]


def test_the_later_of_two_unequal_nodes_gets_the_size_of_the_earlier_whichever_stands_first():
    for order in (("x", "up"), ("up", "x")):
        network = written(*SKIP, Node("joined", Concat(), order), Node("y", Require(multiple=303), "up"))
        assert [cause.node for cause in causes(network, 303)] == ["joined"]
    kept = written(Node("c", Conv(3)), Node("keeps", Require(equal=True), ("c", "x")), Node("y", MaxPool(5), "c"))
    assert [cause.node for cause in causes(kept, 5)] == ["c"]  # c counts as 5, which the pooling takes


def test_of_several_that_must_be_equal_all_get_the_size_of_the_earliest_and_a_vector_is_none_of_them():
    assert [(cause.left, cause.right) for cause in causes(LATER_FIRST, 3)] == [(1, 4)]
    assert [(cause.node, cause.rule) for cause in causes(WITH_VECTOR, 8)] == [("y", "equal")]


def test_what_is_too_small_counts_as_the_least_that_is_enough():
    assert [(cause.node, cause.left) for cause in causes(TOO_SMALL, 3)] == [("a", 0), ("b", 0), ("c", 0)]
    assert [(cause.rule, cause.left, cause.right) for cause in causes(MULTIPLES, 6)] == [
        ("multiple", 6, 4),
        ("at_least", 2, 9),
        ("multiple", 9, 5),
    ]


def test_the_numbers_of_an_operation_that_no_size_can_fix_are_a_cause_at_every_size():
    for n in (1, 5, 100):
        assert [(cause.node, cause.rule) for cause in causes(OF_THE_NUMBERS, n)][:2] == [
            ("a", "padding"),
            ("y", "output_padding"),
        ]
    less = "one less than the larger of stride and dilation"
    assert [(cause.says, cause.fix) for cause in causes(OF_THE_NUMBERS, 5)] == [
        ("padding is 2, and must be at most 1 (half the window)", "padding=1"),
        (f"output_padding is 3, and must be at most 1 ({less})", "output_padding=1"),
    ]


def test_a_cause_has_the_name_of_its_axis():
    network = written(*SKIP, Node("y", Add(), ("x", "up")), axes=3)
    for axis, name in enumerate(("depth", "height", "width")):
        (cause,) = causes(network, 5, axis)
        assert isinstance(cause, Cause)
        assert cause.axis == name
    with pytest.raises(UsageError, match="counted from 0"):
        requirements_and_causes(network, 5, 3)


# The text and the data.


@examples(120)
@given(drawn, sizes)
@example(AGAIN, 303)
@example(TOO_SMALL, 3)
def test_the_causes_as_data_are_the_failures_in_the_text(network, n):
    found = explain(network, n)
    plain = [(cause.node, cause.says) for cause in causes(network, n) if not cause.about]
    along = [cause for cause in found.causes if isinstance(cause, Cause) and not cause.about]
    assert [(cause.node, cause.says) for cause in along] == plain
    assert along == list(found.causes) or not plain  # what has a reason comes after everything else fits
    empty = [i for i, cause in enumerate(found.causes) if cause.rule == "positive"]
    told = plain[: empty[0] + 1] if empty else plain  # what comes after an empty image is left out of the text
    failures = [failure for failure in found.failures if failure.at]
    assert [(failure.at, failure.says) for failure in failures] == told
    for cause in found.causes:
        numbers = set(map(int, re.findall(r"(?<![\w\[])\d+", cause.says.replace(cause.left_of, ""))))
        assert {cause.left, cause.right} <= numbers
    lines = str(found).splitlines()
    for cause, failure in zip(along, failures, strict=False):
        computed = found.sizes[0]
        ways = [way for _, way in cause.paths if len(way) > 1]
        shown = [way for way in ways if all(computed[name] == size for name, size in way)]
        assert len(shown) == len(failure.paths)
        assert shown == ways or cause != found.causes[0]
        for line, way in zip(failure.paths, shown, strict=True):
            steps = line.strip().split(" → ")
            assert steps[0] == f"{way[0][0]} {way[0][1]}"
            last = f"{way[-1][0]} {way[-1][1]}"
            assert last in steps[-2:]
            assert "…" in steps or all(f"{name} {size}" in steps for name, size in way)
    firsts = [line for line in lines if re.match("  [^ ]", line) and " more, at " not in line and "fix:" not in line]
    assert len(firsts) <= max(1, len(told))


# The obligations of the two-level network.


well_formed = (
    st.builds(UNet2Config, **{name: st.integers(0 if name.endswith("padding") else 1, 5) for name in FIELDS})
    | fitting_configs()
)


def labels_and_obligations(cfg, n):
    """For each axis the causes, their labels, and the obligations that fail."""
    for axis, name in enumerate(("height", "width")):
        found = causes(graph_of(cfg), n, axis)
        labels = {cause.label for cause in found if cause.label}
        yield found, labels, {o for o in OBLIGATIONS if o.axis == name and not o.holds(cfg, n)}


@examples(400)
@given(well_formed, st.integers(1, 60))
@example(UNet2Config(), 303)
@example(UNet2Config(conv_padding=0), 304)
@example(UNet2Config(conv_padding=0, up_stride=3, head_padding=2), 9)
@example(UNet2Config(conv_kernel=2, conv_padding=0), 1)
def test_the_labels_of_the_causes_are_the_obligations_that_fail(cfg, n):
    assume(h_downH(cfg, n) >= 1)
    for found, labels, broken in labels_and_obligations(cfg, n):
        # Of an image that is empty where one position must be left, that it is empty is the cause.
        empty = {o.name for o in broken if (o.size(cfg, n), o.required(cfg, n)) == (0, 1)}
        assert labels - empty == {o.name for o in broken} - empty
        assert not empty or "positive" in {cause.rule for cause in found}
        assert bool(found) == bool(broken)


@examples(120)
@given(st.builds(lambda cfg, kernel: replace(cfg, pool_kernel=kernel), well_formed, st.integers(2, 9)), st.data())
def test_a_pooling_that_leaves_nothing_is_a_cause(cfg, data):
    n = data.draw(st.integers(1, cfg.pool_kernel - 1))
    assert h_downH(cfg, n) == 0
    for found, _, broken in labels_and_obligations(cfg, n):
        assert ("pooled", "positive") in [(cause.node, cause.rule) for cause in found]
        assert broken
