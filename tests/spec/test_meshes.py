"""Images that can be split over devices: beside the values of the exact reference, part by part."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from effort import examples, sparse
from graph_functions import with_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wellshaped.proofs_of_shape.strategies import graphs, unet_configs
from wellshaped.spec import (
    PRESETS,
    Concat,
    Conv,
    ConvTranspose,
    Crop,
    MaxPool,
    Mean,
    Network,
    Node,
    Norm,
    PadTo,
    Require,
    UNetConfig,
    UsageError,
    WellshapedError,
    check,
    compatible_shapes,
    compatible_sizes,
    explain,
    graph_of,
    on_mesh,
    run_image,
)
from wellshaped.spec.network.folding import as_computed
from wellshaped.spec.network.reading import scales_by_sizes
from wellshaped.spec.network.running import sizes_along
from wellshaped.spec.network.scale import slopes_of
from wellshaped.spec.reference.graphs import VALUES


def is_computed_beside_neighbours(graph, n, devices):
    """Whether each device can compute its part of every node from its own part of the inputs and two neighbours'.

    Every other position holds no number. Means and norms over the image need two sums of every device, and no parts.
    """
    sizes, slopes = sizes_along(graph, n, 0), slopes_of(graph, 0)
    for node in graph.nodes:
        operation = node.operation
        if isinstance(operation, Mean | Norm) or not slopes[node.name]:
            continue
        shapes = operation.parameters([graph.channels[name] for name in node.inputs], 1)
        parameters = {name: np.ones(shape) for name, shape in shapes.items()}
        for device in range(devices):
            images = [np.ones((graph.channels[name], sizes[name])) for name in node.inputs]
            for name, image in zip(node.inputs, images, strict=True):
                if slopes[name]:
                    part = sizes[name] // devices
                    image[:, : max(0, (device - 1) * part)] = image[:, (device + 2) * part :] = np.nan
            part = sizes[node.name] // devices
            made = VALUES[type(operation)](operation, images, parameters)
            if np.isnan(made[:, device * part : (device + 1) * part]).any():
                return False
    return True


def is_divided(graph, n, devices):
    slopes = slopes_of(graph, 0)
    return all(size % devices == 0 for name, size in sizes_along(graph, n, 0).items() if slopes[name])


def counts_of(graph, devices, largest=90):
    """How many sizes can be split or not, each compared with the values of its parts."""
    found = Counter()
    computed = as_computed(graph)
    whole, split = compatible_sizes(graph, 0), compatible_sizes(graph, 0, mesh={"length": devices})
    for n in range(1, largest):
        if n not in whole or not run_image(graph, (n,)).ok:
            assert n not in split or n in whole
        elif not is_divided(computed, n, devices):
            assert n not in split
            found["not divided"] += 1
        else:
            is_computed = is_computed_beside_neighbours(computed, n, devices)
            assert is_computed or n not in split
            found[n in split, is_computed] += 1
    return found


@settings(examples(60), suppress_health_check=[HealthCheck.too_slow])
@given(graphs(8).map(with_values), st.integers(2, 5))
def test_an_image_can_be_split_iff_its_parts_divide_and_are_computed_from_those_of_neighbours(graph, devices):
    try:
        counts = counts_of(graph, devices)
    except WellshapedError:  # it is too hard to solve, or a halo grows with the image
        return
    assert not counts[False, True] or any(of_larger_halo(node.operation) for node in graph.nodes)


def of_larger_halo(operation):
    """Whether the positions that an operation reads are known for large images only, or with gaps: the halo is larger.

    Where centred crops and pads meet, their shifts depend on the size.
    """
    is_centred = type(operation).__name__.startswith(("PadTo", "CropTo", "ResizeTo"))
    return is_centred or scales_by_sizes(operation)


@settings(examples(20), suppress_health_check=[HealthCheck.too_slow])
@given(unet_configs(max_levels=2), st.integers(2, 4))
def test_a_unet_can_be_split_iff_its_parts_divide_and_are_computed_from_those_of_neighbours(cfg, devices):
    counts_of(graph_of(replace(cfg, axes=1)), devices, 40)


# Halos that were counted by hand: (operation, halo).
BY_HAND = [
    (Conv(3, padding=1), 1),
    (Conv(5, padding=2), 2),
    (Conv(3, padding=2, dilation=2), 2),
    (Conv(1), 0),
    (MaxPool(2), 0),
    (MaxPool(3, 2, padding=1), 1),
    (Conv(4, 2, padding=1), 1),
    (ConvTranspose(2, 2), 0),
    (ConvTranspose(4, 2, padding=1), 1),
    (Crop(((4, 0),)), 2),  # the first of two devices reads two positions of the second
]


@pytest.mark.parametrize(("operation", "halo"), BY_HAND)
def test_the_halo_of_an_operation_is_the_one_counted_by_hand(operation, halo):
    graph = on_mesh(Network({"x": 4}, (Node("y", operation),), axes=1), {"length": 2})
    needed = [node.operation.at_least for node in graph.nodes if isinstance(node.operation, Require)]
    assert [of[0] for of in needed if of is not None] == ([2 * halo] if halo else [])


def test_a_network_whose_parts_lie_farther_apart_in_a_larger_image_is_rejected():
    nodes = (
        Node("half", MaxPool(2), "x"),
        Node("padded", PadTo(), ("half", "x")),
        Node("y", Concat(), ("padded", "x")),
    )
    with pytest.raises(WellshapedError, match="lies farther away in a larger image"):
        on_mesh(Network({"x": 1}, nodes, axes=1), {"length": 4})


@pytest.mark.parametrize("name", sparse(PRESETS, 3))
def test_the_sizes_on_a_mesh_are_those_that_check_accepts(name):
    graph = graph_of(name)
    axis = graph.axis_names[0]
    for devices in (1, 2, 3):
        shapes = compatible_shapes(name, mesh={axis: devices})
        split = shapes.axes[0]
        start = compatible_shapes(name).above((1,) * graph.axes)
        some = split.minimum or 64
        for n in {some - 1, some, some + devices, 2 * some, *(m for m in [split.above(some + 1)] if m)}:
            sizes = (n, *start[1:])
            report = check(name, (graph.image.channels, *sizes), mesh={axis: devices})
            assert report.ok == (sizes in shapes)


def test_a_pad_before_a_convolution_need_not_divide():
    assert str(compatible_sizes("ddpm", 0, mesh={"height": 2})) == "n ≡ 0 (mod 16), n ≥ 16"
    assert str(compatible_sizes("stable_diffusion_vae", 0, mesh={"height": 2})) == "n ≡ 0 (mod 16), n ≥ 16"


def test_a_node_that_nothing_reads_need_not_divide():
    nodes = (Node("unread", MaxPool(2)), Node("y", Conv(3, padding=1), "x"))
    assert check(Network({"x": 2}, nodes), (2, 10, 24), mesh={"height": 2}).ok
    read = Network({"x": 2}, nodes, ("unread", "y"))
    assert not check(read, (2, 10, 24), mesh={"height": 2}).ok


def test_one_device_asks_for_nothing():
    assert on_mesh("milesial", {"height": 1, "batch": 4}) == graph_of("milesial")
    assert check("milesial", (1, 17, 16), mesh={}).ok


def test_each_axis_has_its_own_devices():
    shapes = compatible_shapes("milesial", mesh={"height": 4, "width": 2})
    assert str(shapes) == "height: n ≡ 0 (mod 64), n ≥ 64; width: n ≡ 0 (mod 32), n ≥ 32"
    report = check("milesial", (1, 64, 40), mesh={"height": 4, "width": 2})
    assert {cause.axis for cause in report.causes} == {"width"}


def test_a_batch_that_does_not_divide_is_one_line_with_the_nearest():
    report = check("milesial", (1, 64, 64), batch=6, mesh={"batch": 4})
    assert str(report) == (
        "input (1, 64, 64) of milesial does not fit.\n"
        "  batch: the batch has 6 images, and their number must be a multiple of 4.\n"
        "  fix: a batch of 4 or 8"
    )
    assert not check("milesial", (1, 64, 64), batch=0).ok
    assert check("milesial", (1, 64, 64), batch=8, mesh={"batch": 4}).ok


def test_where_only_the_mesh_is_in_the_way_the_fix_is_fewer_devices():
    report = check("ronneberger2015", (1, 572, 572), mesh={"height": 8})
    assert report.fixes == ("fewer devices; no height fits",)
    assert compatible_sizes("ronneberger2015", 0, mesh={"height": 2}).minimum == 188


def test_a_part_smaller_than_the_halo_is_named_with_the_halo():
    report = check(UNetConfig(levels=1, conv_kernel=9), (1, 8, 16), mesh={"height": 4})
    assert "x (halo 4×0 on 4×1 devices): height: x is 8, and must be at least 16." in str(report)
    assert report.fixes[0].startswith("height 32 (pad 24)")


@pytest.mark.parametrize(
    ("mesh", "fix"),
    [
        ({"rows": 4}, 'mesh={"height": 4}'),
        ({"heigth": 4, "batch": 2}, 'mesh={"batch": 2, "height": 4}'),
        ({"height": 0, "width": 2}, 'mesh={"height": 1, "width": 2}'),
        (4, 'mesh={"height": 4}'),
        ({"height": -1}, "height=1"),
    ],
)
def test_a_mesh_that_can_not_be_is_one_error_with_a_fix(mesh, fix):
    for ask in (lambda: on_mesh("milesial", mesh), lambda: check("milesial", (1, 64, 64), mesh=mesh)):
        with pytest.raises(UsageError) as error:
            ask()
        assert error.value.report.fixes == (fix,)


def test_explanations_and_proofs_take_a_network_on_a_mesh_as_any_other():
    split = on_mesh("unet2", {"height": 4})
    assert explain(split, (32, 36)).ok
    assert not explain(split, (36, 36)).ok
