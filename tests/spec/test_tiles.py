"""Receptive fields, halos and tiles: beside the values of the exact reference, and beside numbers from the field."""

from dataclasses import replace
from itertools import islice
from math import ceil, floor, isqrt, prod

import numpy as np
import pytest
from effort import examples
from graph_functions import with_values
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from wellshaped.proofs_of_shape.strategies import graphs
from wellshaped.spec import UNet2Config, UNetConfig, WellshapedError, graph_of, receptive_field, tiles
from wellshaped.spec.network import (
    Activation,
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
    Resize,
    ResizeTo,
    Scale,
    Slice,
    run_image,
    sizes_that_fit,
)
from wellshaped.spec.network.reaching import fields_along, fields_at, read_by, total_stride
from wellshaped.spec.network.running import sizes_along
from wellshaped.spec.network.scale import slopes_of
from wellshaped.spec.network.tiling import NotTiledError, count_of, spans, valid_part
from wellshaped.spec.reference import graph_value

# Numbers from the field, found by running the networks in PyTorch.


def careamics(levels):
    """Two 3×3 convolutions a block, 2×2 poolings, bilinear doubling without a convolution, concatenation."""
    return graph_of(UNetConfig(levels=levels, base_channels=2, upsampling="bilinear alone"))


def stardist():
    """Two convolutions and a pooling come first, and a convolution last. Output ``i`` stands at ``[2i, 2i + 2)``.

    In PyTorch the last position that output ``i`` reads is at most ``2i + 107``: 106 beyond these two.
    """
    unet = graph_of(UNetConfig(levels=3, base_channels=2, upsampling="nearest alone", head=False), 2, 2)
    nodes = [
        Node("first", Conv(3, padding=1, channels=2), "x"),
        Node("second", Conv(3, padding=1)),
        Node("grid", MaxPool(2)),
        *(replace(node, inputs=tuple("grid" if name == "x" else name for name in node.inputs)) for node in unet.nodes),
        Node("features", Conv(3, padding=1)),
    ]
    return Network({"x": 1}, nodes)


FROM_THE_FIELD = {
    "bilinear, one level": (careamics(1), 2, (10, 10), (10, 10), (20, 20)),
    "bilinear, three levels": (careamics(3), 8, (54, 54), (58, 58), (108, 116)),
    "transposed, four levels": (graph_of("milesial"), 16, (94, 94), (107, 107), (188, 204)),
    "output i stands at 2i": (stardist(), 16, (94, 94), (106, 106), None),
}
"""By network the total stride, the halo of aligned cores, that of any, and how many positions are read (``None``: not
known)."""


@pytest.mark.parametrize(
    ("network", "stride", "aligned", "halo", "positions"), FROM_THE_FIELD.values(), ids=FROM_THE_FIELD
)
def test_receptive_fields_are_those_that_were_found_in_pytorch(network, stride, aligned, halo, positions):
    field = receptive_field(network)
    assert (set(field.strides), set(field.aligned), set(field.halo)) == ({stride}, {aligned}, {halo})
    assert positions is None or {of_it.positions for of_it in field[field.output]} == {positions}
    assert field.unbounded == ""


def test_output_i_of_the_network_with_a_grid_stands_at_2i():
    assert receptive_field(stardist())["features"][0].stride == 2


# Beside values: what changes if one position of the input changes, and what a tile computes.


def rational(network):
    """The graph with operations that are exact, and read no more than their position, in place of norms and ``glu``."""
    exact = {Norm: lambda of: Scale(), Activation: lambda of: Slice(0, 2) if of.kind == "glu" else of}
    network = with_values(network)
    nodes = [
        replace(node, operation=exact.get(type(node.operation), lambda of: of)(node.operation), inputs=node.inputs)
        for node in network.nodes
    ]
    return Network(network.inputs, nodes, network.outputs, network.axes)


def drawn(shape, most, rng):
    """Positive integers of any length, whose sums and products are exact."""
    return rng.integers(1, most, shape).astype(object)


def values_of(network, images):
    """The value of each node, as an array ``(C, n)``; the parameters are those of one seed."""
    rng = np.random.default_rng(0)
    shapes = {
        node.name: node.operation.parameters([network.channels[name] for name in node.inputs], 1)
        for node in network.nodes
    }
    parameters = {
        layer: {part: drawn(shape, 5, rng) for part, shape in of.items()} for layer, of in shapes.items() if of
    }
    return {name: value.reshape(len(value), -1) for name, value in graph_value(network, parameters, *images).items()}


def images_of(network, n, most=200):
    rng = np.random.default_rng(1)
    return [drawn((of.channels,) if of.single else (of.channels, n), most, rng) for of in network.inputs]


def part_of(network, images, start, stop):
    return [x if of.single else x[:, start:stop] for of, x in zip(network.inputs, images, strict=True)]


@st.composite
def networks_and_sizes(draw, least, most, strides=24):
    """A random network along one axis, and a size that fits it; the values are quick to compute."""
    network = rational(draw(graphs(8)))
    fitting = sizes_that_fit(network, 0)
    n = fitting.above(draw(st.integers(least, most)))
    assume(n is not None and n <= most + strides and total_stride(network, 0) <= strides)
    run = run_image(network, (n,))
    assume(run.ok and sum(run.axes[0].sizes.values()) < 1_500)
    return network, n, fitting


SOME = {"suppress_health_check": list(HealthCheck)}


def propagated(network, n):
    """For each position of the output, the first and the last input position that changes it."""
    images = images_of(network, n, 5)
    output = network.outputs[0]
    before = values_of(network, images)[output]
    reads = {}
    for i in range(n):
        changed = [x.copy() for x in images]
        for of, x in zip(network.inputs, changed, strict=True):
            if not of.single:
                x[:, i] += 10**9
        for p in np.nonzero((values_of(network, changed)[output] != before).any(axis=0))[0]:
            first, _ = reads.get(int(p), (i, i))
            reads[int(p)] = first, i
    return reads


def assert_propagates(drawn):
    network, n, _ = drawn
    field = fields_at(network, 0, n)[network.outputs[0]]
    assume(field.stride and not field.unbounded)
    reads = propagated(network, n)
    spread = any(getattr(node.operation, "dilation", 1) != 1 for node in network.nodes)  # then there are gaps
    for p, (lo, hi) in reads.items():
        low, high = read_by(network, 0, n, network.outputs[0], (p, p + 1))
        assert low <= lo < hi + 1 <= high if spread else (low, high) == (lo, hi + 1)
    inside = {p: (lo, hi) for p, (lo, hi) in reads.items() if lo > 8 and hi < n - 9}
    assume(len(inside) >= total_stride(network, 0) / field.stride)
    seen = [hi + 1 - lo for lo, hi in inside.values()]
    before = max(floor(p * field.stride) - lo for p, (lo, _) in inside.items())
    after = max(hi + 1 - ceil((p + 1) * field.stride) for p, (_, hi) in inside.items())
    assert (max(before, 0), max(after, 0)) == field.halo
    if len(inside) == max(inside) - min(inside) + 1:  # no transposed window leaves out positions, which read nothing
        assert (min(seen), max(seen)) == field.positions


@settings(examples(10), **SOME)
@given(networks_and_sizes(60, 90, strides=12))
def test_a_receptive_field_is_what_propagates(drawn):
    assert_propagates(drawn)


@pytest.mark.exhaustive
@settings(examples(300), **SOME)
@given(networks_and_sizes(60, 90, strides=12))
def test_many_receptive_fields_are_what_propagates(drawn):
    assert_propagates(drawn)


def assert_holds_for_all(network):
    """The receptive field of a network is the widest of those for its sizes."""
    network, fitting = rational(network), sizes_that_fit(rational(network), 0)
    assume(fitting)
    found = fields_along(network, 0, fitting)[network.outputs[0]]
    assume(not found.unbounded)
    sizes = list(islice(fitting, 200)) + list(islice(iter_from(fitting, 3_000), 200))
    of_sizes = [fields_at(network, 0, n)[network.outputs[0]] for n in sizes if not resizes_one_position(network, n)]
    assume(of_sizes)
    assert not any(field.unbounded for field in of_sizes)
    for what in ("aligned", "halo"):
        widest = tuple(max(getattr(field, what)[side] for field in of_sizes) for side in (0, 1))
        assert widest == getattr(found, what)
    assert max(field.positions[1] for field in of_sizes) == found.positions[1]


def resizes_one_position(network, n):
    """Whether a resize has one position to read. It counts as a mean over the image: a mean has one position, too."""
    sizes = sizes_along(network, n, 0)
    return any(isinstance(node.operation, ResizeTo) and sizes[node.inputs[0]] == 1 for node in network.nodes)


def iter_from(fitting, n):
    while (n := fitting.above(n)) is not None:
        yield n
        n += 1


@settings(examples(6), **SOME)
@given(graphs(9))
def test_a_receptive_field_is_the_widest_over_all_sizes(network):
    assert_holds_for_all(network)


@pytest.mark.exhaustive
@settings(examples(400), **SOME)
@given(graphs(9))
def test_many_receptive_fields_are_the_widest_over_all_sizes(network):
    assert_holds_for_all(network)


def assert_valid(drawn, data):
    """A tile has the values of the whole image where :func:`valid_part` says so, at every node."""
    network, n, fitting = drawn
    stride = total_stride(network, 0)
    sizes = [size for size in range(1, n) if size in fitting and run_image(network, (size,)).ok]
    alike = [size for size in sizes if (n - size) % stride == 0]
    assume(sizes)
    size = data.draw(st.sampled_from(alike if alike and data.draw(st.booleans()) else sizes))
    start = data.draw(st.sampled_from(range(0, n - size + 1, stride)))
    try:
        parts = valid_part(network, 0, n, start, start + size)
    except NotTiledError:
        assume(False)
    images = images_of(network, n)
    whole = values_of(network, images)
    alone = values_of(network, part_of(network, images, start, start + size))
    beyond = {True: 0, False: 0}
    for name, (low, high) in parts.items():
        shift = int(slopes_of(network, 0)[name] * start)
        in_whole, in_tile = whole[name], alone[name]
        assert low < high <= in_whole.shape[1]
        assert (in_whole[:, low:high] == in_tile[:, low - shift : high - shift]).all(), name
        for p in (low - 1, high):
            if 0 <= p < in_whole.shape[1] and 0 <= p - shift < in_tile.shape[1]:
                beyond[bool((in_whole[:, p] != in_tile[:, p - shift]).any())] += 1
    return beyond


@settings(examples(25), **SOME)
@given(networks_and_sizes(20, 90), st.data())
def test_a_tile_has_the_values_of_the_image_where_it_is_said_to(drawn, data):
    assert_valid(drawn, data)


@pytest.mark.exhaustive
def test_many_tiles_have_the_values_of_the_image_where_they_are_said_to_and_mostly_only_there():
    beyond = {True: 0, False: 0}

    @settings(examples(1_500), **SOME)
    @given(networks_and_sizes(20, 90), st.data())
    def collect(drawn, data):
        for differs, count in assert_valid(drawn, data).items():
            beyond[differs] += count

    collect()
    assert beyond[True] > 4 * beyond[False] > 0, beyond


@settings(examples(25), **SOME)
@given(networks_and_sizes(20, 90), st.data())
def test_tiles_partition_the_output_and_put_together_they_are_the_whole_result(drawn, data):
    network, n, fitting = drawn
    stride, output = total_stride(network, 0), network.outputs[0]
    sizes = [size for size in range(n % stride, n, stride) if size in fitting and run_image(network, (size,)).ok]
    assume(sizes)
    size = data.draw(st.sampled_from(sizes))
    try:
        found = spans(network, 0, n, size)
    except NotTiledError:
        assume(False)
    images = images_of(network, n)
    whole = values_of(network, images)[output]
    results = []
    for span in found:
        assert span.stop - span.start == size
        tile = values_of(network, part_of(network, images, span.start, span.stop))[output]
        results.append(tile[:, span.core[0] - span.shift : span.core[1] - span.shift])
        assert results[-1].shape[1] == span.core[1] - span.core[0] > 0
    assert (np.concatenate(results, axis=1) == whole).all()


# One by one.


def along(*nodes, inputs=None):
    return Network(inputs or {"x": 2}, nodes, axes=1)


LEVEL = (
    Node("c", Conv(3, padding=1, channels=2), "x"),
    Node("down", Conv(2, 2)),
    Node("d", Conv(3, padding=1)),
    Node("up", ConvTranspose(2, 2)),
    Node("y", Concat(), ("c", "up")),
)


def test_a_halo_that_is_one_short_and_a_start_that_is_off_the_grid_differ():
    network = along(*LEVEL)
    images = images_of(network, 64)
    whole = values_of(network, images)["y"]
    low, high = valid_part(network, 0, 64, 16, 48)["y"]
    tile = values_of(network, part_of(network, images, 16, 48))["y"]
    assert (whole[:, low:high] == tile[:, low - 16 : high - 16]).all()
    assert (whole[:, low - 1] != tile[:, low - 17]).any()
    assert (whole[:, high] != tile[:, high - 16]).any()
    off = values_of(network, part_of(network, images, 17, 49))["y"]
    assert (whole[:, 24:40] != off[:, 7:23]).any()
    with pytest.raises(NotTiledError, match="multiple of the total stride 2"):
        valid_part(network, 0, 64, 17, 49)


def test_the_interval_of_the_input_is_not_enough():
    """A crop drops positions at the edge of a tile, and the padded convolution after it reads zeros instead."""
    network = along(Node("cropped", Crop(1), "x"), Node("y", Conv(3, padding=1, channels=2)))
    field = receptive_field(network)["y"][0]
    assert field.halo == (0, 2)  # [p, p + 3): the input of a tile from 16 has it for p = 16
    assert valid_part(network, 0, 64, 16, 48)["y"] == (17, 45)


def test_a_tile_whose_size_leaves_another_remainder_can_be_cropped_elsewhere():
    network = graph_of(UNetConfig(levels=2, base_channels=1, padding="none", join="crop"))
    assert valid_part(network, 0, 200, 40, 140)["y"]
    with pytest.raises(NotTiledError, match="reads other positions in a tile than in the whole image"):
        valid_part(network, 0, 200, 40, 142)


def test_mirrored_padding_reads_what_is_mirrored_only_at_the_edge_of_the_image():
    network = along(Node("padded", Pad(2, mode="mirrored"), "x"), Node("y", Conv(5, channels=2)))
    assert valid_part(network, 0, 64, 0, 32)["y"] == (0, 30)
    assert valid_part(network, 0, 64, 16, 48)["y"] == (18, 46)


UNBOUNDED = {
    "an instance norm": Norm("instance"),
    "a group norm": Norm("group", groups=2),
}


@pytest.mark.parametrize("norm", UNBOUNDED.values(), ids=UNBOUNDED)
def test_a_norm_over_the_image_reads_all_of_it(norm):
    network = along(*LEVEL, Node("normed", norm))
    assert receptive_field(network).unbounded == f"normed ({norm.kind} norm) reads the whole image"
    with pytest.raises(WellshapedError, match=rf"normed \({norm.kind} norm\) reads the whole image"):
        tiles(network, 64, 32)


def test_a_gate_from_a_vector_is_bounded_and_one_from_the_mean_of_an_image_is_not():
    gate = Node("y", Multiply(broadcast="positions"), ("x", "t"))
    of_vector = along(gate, inputs=(Input("x", 2), Input("t", 2, single=True)))
    assert receptive_field(of_vector).halo == ((0, 0),)
    of_mean = along(Node("t", Mean(), "x"), gate)
    assert receptive_field(of_mean).unbounded == "t (mean) reads the whole image"


def test_a_resize_to_the_size_of_a_node_is_bounded_for_sizes_at_which_its_ratio_is_that_of_the_strides():
    network = along(
        Node("pooled", MaxPool(2), "x"), Node("up", ResizeTo(), ("pooled", "x")), Node("y", Concat(), ("x", "up"))
    )
    assert "ratio that depends on the size" in receptive_field(network).unbounded
    assert receptive_field(network, 64).halo == receptive_field(along(*_with_resize())).halo
    assert len(tiles(network, 64, 32)) > 1
    with pytest.raises(WellshapedError, match=r"up \(nearest resize\) reads other positions"):
        tiles(network, 65, 33)


def _with_resize():
    return Node("pooled", MaxPool(2), "x"), Node("up", Resize(2)), Node("y", Concat(), ("x", "up"))


def test_a_resize_with_aligned_corners_is_exact_only_from_n_to_2n_minus_1():
    exact = along(Node("y", Resize(2, mode="linear", align_corners=True, less=1), "x"))
    assert len(tiles(exact, 64, 32)) > 1
    with pytest.raises(WellshapedError, match="reads other positions"):
        tiles(along(Node("y", Resize(2, mode="linear", align_corners=True), "x")), 64, 32)


def test_each_axis_has_tiles_of_its_own():
    tiling = tiles("unet3d", (128, 256, 132), (112, 176, 132))
    assert [len(of_axis) for of_axis in tiling.axes] == [2, 2, 1]
    assert tiling.size[2] == 132
    covered = np.zeros([of_axis[-1].core[1] for of_axis in tiling.axes], int)
    for tile in tiling:
        covered[tile.core] += 1
        assert [part.stop - part.start for part in tile.core] == [part.stop - part.start for part in tile.inside]
    assert (covered == 1).all()


def test_the_least_is_computed_for_a_number_of_positions():
    found = {most: tiles("milesial", (2048, 1024), most=most) for most in (2**17, 2**19, 2**21)}
    assert [len(of_it) for of_it in found.values()] == sorted((len(of_it) for of_it in found.values()), reverse=True)
    for most, tiling in found.items():
        assert tiling.size[0] * tiling.size[1] <= most
        for size in ((352, 352), (512, 256), (672, 736)):
            if size[0] * size[1] <= most:
                assert tiling.recomputed <= tiles("milesial", (2048, 1024), size).recomputed


WRONG = {
    "tile: neither tile nor most is given": {},
    "tile: tile and most are both given": {"tile": 512, "most": 2**18},
    "the exact parts of two neighbours do not meet": {"tile": 200},
    "no tiles have at most 1000 positions": {"most": 1_000},
    "tile=-3": {"tile": -3},
}


@pytest.mark.parametrize(("says", "arguments"), WRONG.items(), ids=WRONG)
def test_tiles_that_are_not_possible_are_reported(says, arguments):
    with pytest.raises(WellshapedError) as error:
        tiles("milesial", (1024, 1024), **arguments)
    assert says in str(error.value)


def test_the_number_of_tiles_is_known_without_making_them():
    network = graph_of("milesial")
    for n, size in ((1024, 512), (1001, 505), (8193, 209), (8192, 7744), (520, 504)):
        assert count_of(network, 0, n, size) == len(spans(network, 0, n, size))


def test_many_tiles_are_chosen_as_well_as_few():
    for most in (2**18, 2**20):
        edge = isqrt(most)
        tiling = tiles("milesial", (65_536, 65_536), most=most)
        assert tiling.recomputed <= tiles("milesial", (65_536, 65_536), edge).recomputed
    assert len(tiles(along(Node("y", Conv(65, padding=32), "x")), 10**7, most=65_536)) == 153


def test_the_first_core_starts_with_the_output():
    network = along(Node("c", Conv(3, padding=1), "x"), Node("y", Pad(((3, 0),), mode="mirrored")))
    with pytest.raises(WellshapedError, match="the exact parts of two neighbours do not meet"):
        tiles(network, 64, 4)
    assert tiles(network, 64, 5).axes[0][0].core[0] == 0


def test_other_outputs_and_branches_do_not_matter():
    nodes = (Node("y", Conv(3, padding=1), "x"), Node("wide", Conv(31, padding=15), "x"), Node("z", Mean(), "y"))
    network = Network({"x": 2}, nodes, ("y", "z"), 1)
    assert tiles(network, 64, 8).size == tiles(along(nodes[0]), 64, 8).size == (8,)


@pytest.mark.parametrize("arguments", [{"tile": 32}, {"most": 40}])
def test_a_network_that_reads_the_whole_image_is_rejected_with_the_reason(arguments):
    network = along(Node("c", Conv(3, padding=1, channels=2), "x"), Node("y", Norm("instance")))
    with pytest.raises(WellshapedError, match=r"y \(instance norm\) reads the whole image"):
        tiles(network, 64, **arguments)
    assert len(tiles(network, 64, 64)) == len(tiles(network, 64, most=64)) == 1


def test_the_smallest_tiles_are_proposed_and_work():
    with pytest.raises(WellshapedError) as error:
        tiles("milesial", (1024, 1024), 200)
    work = "times the work of the whole image)"
    assert error.value.report.fixes == (
        f"tile=416 (2.64 {work}",
        f"tile=208, the smallest that is possible (112 {work}",
    )
    assert tiles("milesial", (1024, 1024), 208).size == (208, 208)
    large = tiles("milesial", (1024, 1024), 416)
    assert f"{prod(large.size) * len(large) / 1024**2:.3g}" == "2.64"


def test_where_every_tile_computes_much_again_the_whole_image_is_proposed():
    with pytest.raises(
        WellshapedError, match=r"100 is rounded down to 92, because a tile must be 300 minus a multiple of 16"
    ) as error:
        tiles("milesial", (300, 300), 100)
    assert error.value.report.fixes[0] == "run the whole image at once, without tiles"
    with pytest.raises(WellshapedError, match="every tile that is smaller than the image is too small") as error:
        tiles("milesial", (100, 100), most=10)
    assert error.value.report.fixes == ("run the whole image at once, without tiles",)


def test_an_image_that_does_not_fit_is_padded_if_you_say_so():
    with pytest.raises(WellshapedError, match="merged"):
        tiles("unet2", (303, 304), 64)
    assert tiles("unet2", (303, 304), 64, policy="pad").plan.fitting == (304, 304)


def test_what_depends_on_no_image_has_no_receptive_field():
    network = along(
        Node("t2", Conv(1), "t"), Node("y", Multiply(broadcast="positions"), ("x", "t2")),
        inputs=(Input("x", 2), Input("t", 2, single=True)),
    )  # fmt: skip
    assert receptive_field(network)["t2"][0].stride == 0


def test_an_unknown_node_is_reported_with_the_nearest():
    with pytest.raises(WellshapedError, match="encoder"):
        receptive_field("milesial")["encodr[0].convs[0].conv"]


def test_a_crop_to_another_node_reads_only_its_size():
    network = along(Node("t", Conv(9, padding=4, channels=2), "x"), Node("y", CropTo(), ("x", "t")))
    assert receptive_field(network).halo == ((0, 0),)


def test_a_network_that_no_size_fits_has_no_receptive_field():
    with pytest.raises(WellshapedError, match="no size fits"):
        receptive_field(UNet2Config(up_stride=1, up_kernel=1))


@pytest.mark.parametrize("kernel", [10**5, 10**8])
def test_a_total_stride_that_is_too_large_is_rejected_at_once(kernel):
    huge = Network({"x": 1}, (Node("pooled", MaxPool(kernel)), Node("up", Resize(kernel))))
    with pytest.raises(WellshapedError, match="stride: too large: a total stride shifts x by"):
        receptive_field(huge)
