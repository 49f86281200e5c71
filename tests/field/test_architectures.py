"""Published encoder-decoders as graphs: the sizes that fit, the sizes of their outputs, and their parameters.

Where they break is compared with the layer at which PyTorch stops. That is recorded in ``torch_stops.json``; where
PyTorch is installed, it is asked again.
"""

import json
from functools import cache
from itertools import chain, islice
from pathlib import Path

import pytest

from wellshaped.spec import Progression, SizeSet, explain
from wellshaped.spec.network import parameter_count, requirements_and_causes, run, run_image, sizes_that_fit

from .architectures import ARCHITECTURES, graph
from .page import FILE, page

IDS = list(ARCHITECTURES)
STOPS = json.loads((Path(__file__).parent / "torch_stops.json").read_text("utf-8"))
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
    found = [sizes_that_fit(network(name), axis) for axis in range(entry["axes"])]
    assert found == [says(sizes) for sizes in entry["sizes"]]


@pytest.mark.one_in(3)
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


def test_the_page_is_the_one_that_its_program_writes():
    assert FILE.read_text(encoding="utf-8") == page()


def test_the_page_has_the_answers_of_the_file():
    rows = [line.strip("| ").split(" | ") for line in page().splitlines() if line.startswith("| `")]
    assert [name.strip("`") for name, *_ in rows] == IDS
    for (_, source, axes, sizes, example, parameters), entry in zip(rows, ARCHITECTURES.values(), strict=True):
        (given, *_), (made, *_) = entry["example"]["in"], entry["example"]["out"]
        assert (source, int(axes)) == (entry["source"], entry["axes"])
        assert int(parameters.replace(" ", "")) == entry["parameters"]
        assert example == f"{' × '.join(map(str, given))} → {' × '.join(map(str, made))}"
        assert str(says(entry["sizes"][0])) in sizes
        assert (sizes.count("n ≥"), sizes.endswith(" ¹")) == (
            entry["axes"] if entry.get("axes_differ") else 1,
            not entry["all_at_least"],
        )


# Where PyTorch stops.

TAKES_ALL = ["u2net_rsu7", "u2net", "fcn8s", "dncnn", "stable_diffusion_unet", "encodec_24khz"]


def stops_at(cause, layer):
    """Whether a cause is about a layer: at its node, or at its input where the layer asks something of that."""
    return cause.node == layer["name"] or (
        cause.rule in ("multiple", "within") and {"exact", "at_most"} & set(layer) and cause.node == layer["inputs"][0]
    )


def recorded(name):
    """Each size that PyTorch does not take, on which axis, and the layer at which it stops."""
    layers = {layer["name"]: layer for layer in ARCHITECTURES[name]["layers"]}
    for axis, of_axis in enumerate(STOPS[name]):
        for layer, unfit in of_axis.items():
            for n in unfit:
                yield axis, n, layers[layer]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", IDS)
def test_the_first_failure_along_an_axis_is_at_the_layer_at_which_pytorch_stops(name):
    for axis, n, layer in recorded(name):
        first = next(it for it in requirements_and_causes(network(name), n, axis) if not it.holds)
        assert stops_at(first, layer), (axis, n, layer["name"], str(first))


@pytest.mark.parametrize("name", IDS)
def test_the_first_cause_that_explain_names_for_an_image_is_at_the_layer_at_which_pytorch_stops(name):
    sizes = ARCHITECTURES[name]["sizes"]
    others = [of_axis["from"] - (-of_axis["from"] // of_axis["period"]) * of_axis["period"] for of_axis in sizes]
    for axis, n, layer in islice(recorded(name), 0, None, 12):
        found = explain(network(name), (*others[:axis], n, *others[axis + 1 :]))
        first, said = found.causes[0], found.failures[0]
        assert stops_at(first, layer), (axis, n, layer["name"], str(first))
        assert (said.at, said.about) == (first.node, network(name).axis_names[axis])


@pytest.mark.parametrize("name", IDS)
def test_the_smallest_image_breaks_at_the_norm_at_which_pytorch_stops_or_not_at_all(name):
    found = explain(network(name), tuple(sizes["from"] for sizes in ARCHITECTURES[name]["sizes"]))
    assert (found.causes[0].node if found.causes else None) == STOPS["at_least"][name]
    assert found.ok == ARCHITECTURES[name]["all_at_least"]


def test_pytorch_was_asked_about_every_network_that_does_not_take_all_sizes():
    assert [name for name in IDS if not any(STOPS[name])] == TAKES_ALL
    assert all(len(STOPS[name]) == len(axes_of(ARCHITECTURES[name])) for name in IDS)
    assert sum(1 for name in IDS for _ in recorded(name)) > 1000


@pytest.mark.parametrize("name", IDS)
def test_every_recorded_size_is_one_that_does_not_fit(name):
    for axis, n, _ in recorded(name):
        assert n not in says(ARCHITECTURES[name]["sizes"][axis])


@pytest.mark.parametrize("name", IDS)
def test_pytorch_stops_where_it_is_recorded_to(name):
    pytest.importorskip("torch", reason="PyTorch is not installed: only where it stopped is compared")
    from .make_torch_stops import fitting, stop_at_least, stops
    from .torch_architectures import stop

    entry = ARCHITECTURES[name]
    assert stop(entry, fitting(entry)) is None
    assert stop_at_least(entry) == STOPS["at_least"][name]
    assert stops(entry) == STOPS[name]
