"""Published encoder-decoders as graphs: the sizes that fit, the sizes of their outputs, and their parameters."""

from functools import cache
from itertools import chain

import pytest

from wellshaped.spec import Progression, SizeSet
from wellshaped.spec.network import compatible_sizes, parameter_count, run, run_image

from .architectures import ARCHITECTURES, graph

IDS = list(ARCHITECTURES)
MANY = 1500


@cache
def network(name):
    return graph(ARCHITECTURES[name])


def axes_of(entry):
    """Each axis that differs from those before it."""
    return range(entry["axes"]) if entry.get("axes_differ") else range(1)


def says(sizes):
    """The set that an entry writes as a period, remainders and a least size."""
    period, least = sizes["period"], sizes["from"]
    firsts = (least + (r - least) % period for r in sizes["residues"])
    return SizeSet([Progression(first, period, None) for first in firsts])


def tried(sizes):
    """Sizes over three periods and more; where that is many, from below the least size on, and some far apart."""
    period, least = sizes["period"], sizes["from"]
    if least + 3 * period <= MANY:
        return range(1, least + 3 * period + 60)
    return chain(range(1, least, least // 50), range(least - 40, least + 3 * period + 40), range(least, 4 * least, 997))


@pytest.mark.parametrize("name", IDS)
def test_the_compatible_sizes_are_those_that_the_framework_takes(name):
    entry = ARCHITECTURES[name]
    found = [compatible_sizes(network(name), axis) for axis in range(entry["axes"])]
    assert found == [says(sizes) for sizes in entry["sizes"]]


@pytest.mark.parametrize("name", IDS)
def test_a_run_fits_at_the_sizes_that_the_framework_takes_and_makes_its_outputs(name):
    entry = ARCHITECTURES[name]
    for axis in axes_of(entry):
        fits, made, same = says(entry["sizes"][axis]), entry["output"][axis], entry["same_size_returned"][axis]
        for n in tried(entry["sizes"][axis]):
            of_n = run(network(name), n, axis)
            assert of_n.ok == (n in fits), n
            if of_n.ok:
                rule = made["times"] * ((n + made["plus"]) // made["over"]) + made["then"]
                assert {of_n.sizes[output] for output in entry["outputs"]} == {rule}, n
                assert (rule == n) == (same is not None and n in says(same)), n


@pytest.mark.parametrize("name", IDS)
def test_the_examples_make_the_outputs_that_the_framework_makes(name):
    entry = ARCHITECTURES[name]
    for given, made in zip(entry["example"]["in"], entry["example"]["out"], strict=True):
        of_it = run_image(network(name), given)
        assert of_it.ok
        assert [of_it.shape(output) for output in entry["outputs"]] == [tuple(made)] * len(entry["outputs"])


@pytest.mark.parametrize("name", IDS)
def test_all_axes_at_their_least_sizes_fit_together_where_the_framework_takes_them(name):
    entry = ARCHITECTURES[name]
    least = run_image(network(name), [sizes["from"] for sizes in entry["sizes"]])
    assert all(of_it.ok for of_it in least.axes)
    assert least.ok == entry["all_at_least"]


@pytest.mark.parametrize("name", IDS)
def test_the_parameters_are_as_many_as_the_framework_counts(name):
    assert parameter_count(network(name)) == ARCHITECTURES[name]["parameters"]


def test_every_channel_count_is_that_of_the_file():
    for name, entry in ARCHITECTURES.items():
        assert {layer["name"]: network(name).channels[layer["name"]] for layer in entry["layers"]} == {
            layer["name"]: layer["out"] for layer in entry["layers"]
        }
