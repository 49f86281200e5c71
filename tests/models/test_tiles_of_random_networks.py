"""Random typed networks, tiled against whole: bit for bit on whole numbers, at every border; and no tile is too large.

The exact reference has these claims for graphs of one axis (tests/spec/test_tiles.py). Here JAX computes, over one to
three axes.
"""

from math import ceil, floor

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import examples
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from tiled_networks import (
    CHANNELS,
    images_in_tiles,
    normal_numbers,
    positive_numbers,
    unets,
    whole_numbers,
    with_values,
)

from wellshaped.models import tiled
from wellshaped.spec.network import sizes_that_fit
from wellshaped.spec.network.reaching import fields_at, total_stride
from wellshaped.spec.network.scale import slopes_of
from wellshaped.spec.network.tiling import valid_part

SOME = {"suppress_health_check": list(HealthCheck)}


def compiled(network, drawn):
    """The model as a function that compiles once for each shape."""
    model = jax.jit(with_values(network, drawn))
    return lambda image: np.asarray(model(image))


def whole_and_tiled(network, tiling, values, image):
    model = compiled(network, values)
    whole = model(image)
    found = tiled(model, image, tile=tiling.size, network=network, progress=False)
    assert found.shape == whole.shape
    return model, whole, found


def placed(network, sizes, size, starts):
    """For a tile that starts there: its part of the image, what is valid of the result, and the shift of its result."""
    output, of_image, valid, shifts = network.outputs[0], [], [], []
    for axis, (n, along, start) in enumerate(zip(sizes, size, starts, strict=True)):
        valid.append(valid_part(network, axis, n, start, start + along)[output])
        shifts.append(int(start * slopes_of(network, axis)[output]))
        of_image.append(slice(start, start + along))
    return of_image, valid, shifts


def part(values, intervals, shifts=None):
    shifts = shifts or [0] * len(intervals)
    return values[:, *(slice(low - by, high - by) for (low, high), by in zip(intervals, shifts, strict=True))]


def starts_along(network, sizes, tiling, axis):
    """Every start of a tile along an axis, at the grid; the others are at the start of the image."""
    for start in range(0, sizes[axis] - tiling.size[axis] + 1, total_stride(network, axis)):
        yield [start * (axis == other) for other in range(network.axes)]


def moved(values, axis, by):
    """A list with a value for each axis; that of ``axis`` is changed by a function."""
    return [by(value) if axis == other else value for other, value in enumerate(values)]


def assert_valid_everywhere(network, sizes, tiling, model, image, whole):
    """Wherever a tile starts on the grid, it has the values of the whole image where it is said to.

    Return whether it differs one position further on, in some tile, by axis and side.
    """
    differs = {}
    for axis in range(network.axes):
        for starts in starts_along(network, sizes, tiling, axis):
            of_image, valid, shifts = placed(network, sizes, tiling.size, starts)
            tile = model(np.ascontiguousarray(image[:, *of_image]))
            np.testing.assert_array_equal(part(tile, valid, shifts), part(whole, valid))
            for side, p in (("before", valid[axis][0] - 1), ("after", valid[axis][1])):
                if 0 <= p < whole.shape[1 + axis] and 0 <= p - shifts[axis] < tile.shape[1 + axis]:
                    wider = moved(valid, axis, lambda of: (min(of[0], p), max(of[1], p + 1)))  # noqa: B023  # called at once
                    same = np.array_equal(part(tile, wider, shifts), part(whole, wider))
                    differs[axis, side] = differs.get((axis, side), False) or not same
    return differs


def off_the_grid(network, sizes, tiling, model, image, whole):
    """Whether tiles that start one position off the grid differ, by axis and by the shift of their results."""
    differs = {}
    for axis in range(network.axes):
        for starts in starts_along(network, sizes, tiling, axis):
            of_image, valid, shifts = placed(network, sizes, tiling.size, starts)
            if total_stride(network, axis) == 1 or starts[axis] + 1 + tiling.size[axis] > sizes[axis]:
                continue
            of_image = moved(of_image, axis, lambda of: slice(of.start + 1, of.stop + 1))
            tile = model(np.ascontiguousarray(image[:, *of_image]))
            for by in (0, 1):
                inside = moved(valid, axis, lambda of: (of[0] + by, of[1]))  # noqa: B023  # called at once
                if inside[axis][0] < inside[axis][1]:
                    found = part(tile, inside, moved(shifts, axis, lambda of: of + by))  # noqa: B023  # called at once
                    same = np.array_equal(found, part(whole, inside))
                    differs[axis, by] = differs.get((axis, by), False) or not same
    return differs


def integers(network, sizes):
    return np.random.default_rng(1).integers(1, 1000, (CHANNELS, *sizes)).astype(np.float64)


def is_dilated(network):
    return any(max(np.atleast_1d(getattr(node.operation, "dilation", 1))) > 1 for node in network.nodes)


def assert_exact(drawn):
    """Return whether tiles differ one position beyond what is valid, by axis and side."""
    network, sizes, tiling = drawn
    image = integers(network, sizes)
    with jax.enable_x64(True):
        model, whole, found = whole_and_tiled(network, tiling, whole_numbers(0), image)
        assert 0 < np.abs(whole).max() < 2**48  # with few digits after the point, sums are exact
        np.testing.assert_array_equal(found, whole)
        of = network, sizes, tiling, model, image, whole
        beyond, off = assert_valid_everywhere(*of), off_the_grid(*of)
    assert any(off.values()) or not off
    return beyond


def assert_all_exact(number, **kinds):
    """As many random networks are exact. Return whether one position more differs, by the side of a tile."""
    found = {"before": [], "after": []}

    @settings(examples(number), **SOME)
    @given(images_in_tiles(**kinds))
    def collect(drawn):
        for (_, side), differs in assert_exact(drawn).items():
            found[side].append(differs)
        if number > 50:
            jax.clear_caches()  # thousands of programs are too many for a process

    collect()
    return found


def test_tiles_have_exactly_the_values_of_the_image_where_they_are_said_to_and_nowhere_else():
    for differs in assert_all_exact(7).values():
        assert sum(differs) > 0.5 * len(differs) > 0, differs  # some are dilated, and few are drawn


@pytest.mark.exhaustive
def test_many_tiles_have_exactly_the_values_of_the_image_where_they_are_said_to_and_nowhere_else():
    for differs in assert_all_exact(60, dilated=False).values():
        assert sum(differs) > 0.95 * len(differs) > 0, differs  # a maximum can hide a position


@pytest.mark.exhaustive
def test_many_tiles_of_dilated_networks_are_exact():
    assert_all_exact(30, dilated=True)  # a halo is an upper bound


def assert_alike(drawn):
    network, sizes, tiling = drawn
    image = np.random.default_rng(1).normal(size=(CHANNELS, *sizes)).astype(np.float32)
    _, whole, found = whole_and_tiled(network, tiling, normal_numbers(0), image)
    np.testing.assert_allclose(found, whole, rtol=0, atol=1e-5 * np.abs(whole).max())


@settings(examples(3), **SOME)
@given(images_in_tiles())
def test_tiles_of_any_numbers_have_the_values_of_the_image_but_for_rounding(drawn):
    assert_alike(drawn)


@pytest.mark.exhaustive
@settings(examples(25), **SOME)
@given(images_in_tiles())
def test_many_tiles_of_any_numbers_have_the_values_of_the_image_but_for_rounding(drawn):
    assert_alike(drawn)
    jax.clear_caches()


# One position of the image at a time.


def reached(network, sizes, axis):
    """For each position along ``axis``, the positions of the result along it that change: positive weights, no bias."""
    model = with_values(network, positive_numbers(0))
    centre = [n // 2 for n in sizes]

    def changed(position):
        at = [position if other == axis else middle for other, middle in enumerate(centre)]
        y = model(jnp.zeros((CHANNELS, *sizes)).at[:, *at].set(1.0))
        return jnp.any(y != 0, axis=tuple(other for other in range(y.ndim) if other != axis + 1))

    return np.asarray(jax.jit(jax.vmap(changed))(np.arange(sizes[axis])))


def assert_propagates(drawn):
    """The receptive field is what one marked position changes; with dilation, it contains that."""
    network, sizes = drawn
    for axis, n in enumerate(sizes):
        field = fields_at(network, axis, n)[network.outputs[0]]
        reads = {}
        for i, p in zip(*np.nonzero(reached(network, sizes, axis)), strict=True):
            first, _ = reads.get(int(p), (int(i), 0))
            reads[int(p)] = first, int(i)
        assert reads
        for p, (low, high) in reads.items():
            at = p * field.stride
            assert floor(at) - low <= field.halo[0]
            assert high + 1 - ceil(at + field.stride) <= field.halo[1]
            assert high + 1 - low <= field.positions[1]
        inside = {p: of for p, of in reads.items() if of[0] > 0 and of[1] < n - 1}
        if is_dilated(network):
            continue
        assert len(inside) >= total_stride(network, axis) / field.stride
        assert max(0, *(floor(p * field.stride) - low for p, (low, _) in inside.items())) == field.halo[0]
        ends = [high + 1 - ceil((p + 1) * field.stride) for p, (_, high) in inside.items()]
        assert max(0, *ends) == field.halo[1]
        assert max(high + 1 - low for low, high in inside.values()) == field.positions[1]


@st.composite
def images(draw):
    """A network and an image with positions whose receptive field lies inside of it. No padding repeats positions."""
    network = draw(unets(levels=3, modes=("zeros",)))
    sizes = []
    for axis in range(network.axes):
        fitting = sizes_that_fit(network, axis)
        n = fitting.above(40)
        assume(n is not None)
        reach = sum(fields_at(network, axis, n)[network.outputs[0]].halo)
        sizes.append(fitting.above(reach + 9 * total_stride(network, axis) + 9))
        assume(sizes[-1] is not None and sizes[-1] <= {1: 400, 2: 80, 3: 36}[network.axes])
    return network, tuple(sizes)


@settings(examples(4), **SOME)
@given(images())
def test_a_receptive_field_is_what_a_marked_position_changes(drawn):
    assert_propagates(drawn)


@pytest.mark.exhaustive
@settings(examples(15), **SOME)
@given(images())
def test_many_receptive_fields_are_what_a_marked_position_changes(drawn):
    assert_propagates(drawn)
    jax.clear_caches()
