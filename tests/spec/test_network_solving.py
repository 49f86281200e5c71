"""The compatible sizes of graphs: against their runs, size by size, and where a period is long or there is none."""

import pytest
from effort import examples
from hypothesis import given, settings
from networks import networks

from wellshaped.proofs_of_shape.strategies import graphs
from wellshaped.spec import Progression, SizeSet, WellshapedError
from wellshaped.spec.network import (
    Add,
    AvgPool,
    Concat,
    Conv,
    ConvTranspose,
    Crop,
    CropTo,
    CropToSmallest,
    Input,
    MaxPool,
    Mean,
    Multiply,
    Network,
    Node,
    Pad,
    PadTo,
    PadToMultiple,
    Require,
    Resize,
    ResizeTo,
    Window,
    run,
)
from wellshaped.spec.network import sizes_that_fit as sizes_of

FAR = range(10**6, 10**6 + 1500, 7)


def written(*nodes, inputs=None):
    return Network(inputs or {"x": 4}, nodes, axes=1)


def check_size_by_size(network, limit):
    fit = sizes_of(network)
    assert 0 not in fit
    for n in (*range(limit + 1), *FAR):
        assert (n in fit) == run(network, n).ok, n


BRANCHES = [
    written(),
    written(Node("y", Add(), ("x", "x"))),
    written(Node("a", MaxPool(2)), Node("b", MaxPool(3), "x"), Node("c", Add(), ("a", "b"))),
    written(Node("a", Crop(1)), Node("b", Pad(1, mode="mirrored")), Node("c", Add(), ("x", "b"))),
    written(Node("a", Mean()), Node("b", Multiply(broadcast="positions"), ("x", "a"))),
    written(Node("a", Mean()), Node("b", Add(), ("x", "a"))),
    written(Node("a", Mean()), Node("b", ResizeTo(), ("a", "x")), Node("c", Add(), ("x", "b"))),
    written(Node("a", Mean()), Node("b", PadTo(), ("a", "x")), Node("c", CropTo(3), ("x", "a"))),
    written(Node("a", MaxPool(2)), Node("b", CropToSmallest(odd="never"), ("x", "a"))),
    written(Node("a", Pad(9)), Node("b", Resize(2), "x"), Node("c", CropToSmallest(), ("a", "b", "x"))),
    written(
        Node("a", PadToMultiple(6, mode="mirrored")), Node("b", PadToMultiple(4), "x"), Node("c", Add(), ("a", "b"))
    ),
    written(Node("a", Resize(2, over=3)), Node("b", Resize(3, over=2), "x"), Node("c", Require(within=30), ("a", "b"))),
    written(Node("a", MaxPool(3, padding=2))),
    written(Node("a", ConvTranspose(3, 2, output_padding=2))),
    written(Node("a", Window(0))),
    written(Node("a", Resize(0))),
]


@pytest.mark.parametrize("network", BRANCHES, ids=range(len(BRANCHES)))
def test_the_compatible_sizes_of_small_graphs_are_those_that_run(network):
    check_size_by_size(network, 600)


@examples(60)
@given(graphs())
def test_the_compatible_sizes_of_a_graph_with_branches_are_those_that_run(network):
    check_size_by_size(network, 200)


@pytest.mark.exhaustive
@settings(max_examples=120)  # these take a quarter of a minute
@given(graphs())
def test_the_compatible_sizes_of_a_graph_with_branches_are_those_that_run_at_length(network):
    check_size_by_size(network, 2000)


@examples(50)
@given(networks())
def test_the_compatible_sizes_of_a_u_shaped_graph_are_those_that_run(network):
    check_size_by_size(network, 200)


def encoder_decoder(levels, down, up, between=(), to_size=None):
    """Levels of ``down`` and ``up``, each joined by an addition, the skip brought to the size at hand."""
    nodes = []
    for i in range(levels):
        nodes += [Node(f"e{i}", Conv(3, padding=1)), Node(f"d{i}", down)]
    for i in reversed(range(levels)):
        nodes += [*(Node(f"b{i}{j}", operation) for j, operation in enumerate(between)), Node(f"u{i}", up)]
        skip = f"e{i}"
        if to_size is not None:
            nodes.append(Node(f"s{i}", to_size, (skip, f"u{i}")))
            skip = f"s{i}"
        nodes.append(Node(f"j{i}", Add(), (skip, f"u{i}")))
    return written(*nodes)


def test_a_network_of_sixty_levels_is_solved():
    fit = sizes_of(encoder_decoder(60, MaxPool(2), ConvTranspose(2, 2)))
    assert fit == SizeSet([Progression(2**60, 2**60, None)])


def test_a_network_of_sixty_levels_whose_skips_are_cropped_is_solved():
    network = encoder_decoder(60, MaxPool(2), ConvTranspose(2, 2), between=(Conv(3),), to_size=CropTo())
    fit = sizes_of(network)
    assert str(fit).startswith("n ≥ ")
    assert run(network, fit.minimum).ok
    assert not run(network, fit.minimum - 1).ok


def test_strides_of_many_primes_are_solved_one_after_the_other():
    nodes = [
        node
        for p in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
        for node in (Node(f"d{p}", MaxPool(p), "x"), Node(f"u{p}", Resize(p)), Node(f"j{p}", Add(), ("x", f"u{p}")))
    ]
    assert sizes_of(written(*nodes)).period == 7420738134810


def test_joins_that_stand_last_are_solved_like_those_that_follow_their_branches():
    primes = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
    branches = [node for p in primes for node in (Node(f"d{p}", MaxPool(p), "x"), Node(f"u{p}", Resize(p)))]
    joins = [Node(f"j{p}", Add(), ("x", f"u{p}")) for p in primes]
    assert sizes_of(written(*branches, *joins)) == SizeSet([Progression(7420738134810, 7420738134810, None)])


@pytest.mark.parametrize("big", [7, 10**6, 10**30])
def test_two_numbers_that_must_be_equal_lie_on_a_line_whatever_the_stride(big):
    network = written(
        Node("down", MaxPool(big)),
        Node("up", Resize(big - 1)),
        Node("cropped", Crop(((3 * big, 0),)), "x"),
        Node("y", Add(), ("up", "cropped")),
    )
    # n = big·q + r with r < big, and (big - 1)·q = n - 3·big: the line q + r = 3·big.
    sizes = Progression((big - 1) * (2 * big + 1) + 3 * big, big - 1, big)
    assert sizes_of(network) == SizeSet([sizes])
    for n in (sizes.first, sizes.maximum):
        assert run(network, n).ok
    for n in (sizes.first - (big - 1), sizes.first - 1, sizes.first + 1, sizes.maximum + (big - 1)):
        assert not run(network, n).ok


def test_branches_of_different_slope_leave_finitely_many_sizes_and_no_period_is_walked():
    deep = [Node(f"d{i}", MaxPool(7)) for i in range(12)]
    apart = written(*deep, Node("up", Resize(7**11)), Node("y", Require(equal=True), ("up", "x")))
    assert str(sizes_of(apart)) == "no size"
    near = written(Node("a", Resize(2)), Node("b", Pad(10**30), "x"), Node("y", Concat(), ("a", "b")))
    assert str(sizes_of(near)) == f"{{{2 * 10**30}}}"


def test_a_network_beyond_the_limit_is_reported_as_not_solved():
    primes = (3, 5, 7, 11, 13, 17, 19, 23)
    nodes = [
        node
        for p in primes
        for node in (
            Node(f"d{p}", MaxPool(p), "x"),
            Node(f"u{p}", Resize(p)),
            Node(f"c{p}", CropTo(odd="never"), ("x", f"u{p}")),
        )
    ]
    with pytest.raises(WellshapedError) as error:
        sizes_of(written(*nodes))
    assert error.value.report.failures[0].name == "not_solved"


def test_each_axis_has_sizes_of_its_own():
    down, up = MaxPool((1, 2, 4)), ConvTranspose((1, 2, 4), (1, 2, 4))
    network = Network({"x": 4}, (Node("d", down), Node("u", up), Node("y", Add(), ("x", "u"))), axes=3)
    assert [sizes_of(network, axis).period for axis in range(3)] == [1, 2, 4]


def test_an_input_of_one_position_does_not_grow():
    inputs = [Input("x", 4), Input("t", 4, single=True)]
    gated = written(Node("y", Add(broadcast="positions"), ("x", "t")), inputs=inputs)
    assert str(sizes_of(gated)) == "n ≥ 1"
    assert str(sizes_of(written(Node("y", Add(), ("x", "t")), inputs=inputs))) == "{1}"


@pytest.mark.slow
def test_the_strategy_reaches_every_kind_of_answer():
    kinds = {"empty": 0, "finite": 0, "endless": 0}
    operations = set()

    @settings(max_examples=300, database=None, derandomize=True)
    @given(graphs())
    def count(network):
        fit = sizes_of(network)
        kinds["endless" if not fit.is_finite else "finite" if fit else "empty"] += 1
        operations.update(type(node.operation) for node in network.nodes)

    count()
    assert min(kinds.values()) >= 3
    assert kinds["endless"] >= 90
    assert len(operations) >= 25


def test_average_pools_that_are_shifted_against_each_other_meet_in_one_size():
    twos, threes = Node("twos", AvgPool(2)), Node("threes", AvgPool(3), "pad")
    network = written(twos, Node("pad", Pad(((21, 0),)), "x"), threes, Node("y", Add(), ("twos", "threes")))
    fits = [n for n in range(1, 500) if n // 2 == (n + 21) // 3]
    assert list(sizes_of(network)) == fits
    assert len(fits) == 6
