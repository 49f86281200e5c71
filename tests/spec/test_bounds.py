"""Upper bounds of the sizes that fit: they hold, and they are found where solving alone would take too long."""

import pytest
from effort import examples
from hypothesis import given
from hypothesis import strategies as st

from wellshaped.proofs_of_shape.strategies import graphs
from wellshaped.spec import Concat, Conv, MaxPool, Network, Node, Require, UNet2Config, compatible_sizes, run
from wellshaped.spec.network import solving
from wellshaped.spec.network.bounds import Enclosed, UnboundedError, enclosed, largest, unknown
from wellshaped.spec.network.requirement import AT_LEAST, EQUAL, Need


def test_no_size_that_fits_is_above_the_bound(monkeypatch):
    """The bound is always taken, and every random network keeps its sizes."""
    monkeypatch.setattr(solving, "_FEW", -(10**9))

    @examples(50)
    @given(graphs())
    def kept(network):
        fit = compatible_sizes(network)
        assert [n for n in range(1, 200) if n in fit] == [n for n in range(1, 200) if run(network, n).ok]

    kept()


@given(graphs(), st.integers(1, 400))
def test_every_size_lies_between_its_lines(network, n):
    """Wherever all sizes up to a node are at least 1 and meet its needs, as the lines assume."""
    sizes = {given.name: 1 if given.single else unknown() for given in network.inputs}
    of_n = run(network, n)
    broken = {failure.node for failure in of_n.failures}
    for node in network.nodes:
        if node.name in broken or any(name in broken for name in node.inputs):
            return
        try:
            size = node.operation.size([sizes[name] for name in node.inputs], 0)
        except UnboundedError:
            return
        found, lines = of_n.sizes[node.name], enclosed(size)
        assert at(lines.low, n) <= found <= at(lines.high, n)
        assert found >= lines.least
        sizes[node.name] = lines.at_least(1)


def at(line, n):
    slope, first = line
    return first + slope * (n - 1)


@pytest.mark.parametrize(
    ("needs", "end"),
    [
        ([Need("equal", unknown() * 2, EQUAL, unknown() + 7)], 7),
        ([Need("equal", unknown() + 7, EQUAL, unknown() * 2)], 7),
        ([Need("room", unknown() + 7, AT_LEAST, unknown() * 2)], 7),
        ([Need("room", unknown() * 2, AT_LEAST, unknown() + 7)], None),
        ([Need("equal", unknown(), EQUAL, unknown())], None),
        ([Need("equal", unknown(), EQUAL, unknown() + 1)], 0),
        ([Need("equal", unknown(), EQUAL, 9), Need("equal", unknown() * 2, EQUAL, 8)], 4),
        ([], None),
    ],
)
def test_two_lines_that_must_meet_bound_the_sizes(needs, end):
    assert largest(needs) == end


def test_a_product_of_two_sizes_has_no_line_above_it():
    with pytest.raises(UnboundedError):
        unknown() * unknown()
    assert isinstance(unknown() * 3, Enclosed)


STRIDE = 763_941_447


def test_a_stride_of_hundreds_of_millions_that_must_keep_the_size_is_solved():
    """Its remainders alone would be too many to tell apart."""
    cfg = UNet2Config(pool_stride=STRIDE, up_stride=STRIDE, up_kernel=5, head_kernel=3, head_stride=137_796_271)
    assert not compatible_sizes(cfg)


def test_branches_of_different_slope_are_solved_whatever_their_period():
    nodes = (
        Node("a", MaxPool(1_000_003)),
        Node("b", MaxPool(998_244_353), "x"),
        Node("joined", Concat(), ("a", "b")),
        Node("again", Conv(1, 999_999_937), "x"),
        Node("kept", Require(equal=True), ("again", "b")),
    )
    network = Network({"x": 1}, nodes, axes=1)
    fit = compatible_sizes(network)
    assert fit.is_finite
    for n in (998_244_353, 999_999_937):
        assert (n in fit) == run(network, n).ok
