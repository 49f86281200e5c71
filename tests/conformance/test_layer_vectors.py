"""Single layers, drawn over all their numbers: values and gradients are those that PyTorch has (recorded)."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import examples, sparse
from graph_functions import in_jax
from hypothesis import HealthCheck, assume, given, settings

from wellshaped.spec.network import Network
from wellshaped.spec.network.data import network_from
from wellshaped.spec.reference import graph_value

from ..models.test_operations import KINDS as DRAWN
from ..models.test_operations import PIECEWISE_LINEAR, SMOOTH, cases
from .layer_cases import arrays_of, images_of, of_output, summaries

RECORD = json.loads(Path(__file__).with_name("layer_vectors.json").read_text(encoding="utf-8"))
KINDS = [kind for kind in RECORD if kind != "torch_version"]
QUICK = {(kind, "float64") for kind in ("Conv", "MaxPool")} | {("Pad", "float32")}


def computed(layers, dtype):
    """The numbers of a record for each of these networks and sizes, all compiled together."""
    functions = [in_jax(network, network.outputs) for network, _ in layers]

    def of_all(arrays, images, d_outputs):
        outputs = [next(iter(run(*of).values())) for run, *of in zip(functions, arrays, images, strict=True)]
        return sum((y * d).sum() for y, d in zip(outputs, d_outputs, strict=True)), outputs

    with jax.enable_x64(dtype is np.float64):
        arrays = [arrays_of(network) for network, _ in layers]
        images = [images_of(network, sizes) for network, sizes in layers]
        arrays, images = jax.tree.map(lambda array: jnp.asarray(array, dtype), (arrays, images))
        shapes = jax.eval_shape(lambda *of: of_all(*of, [0.0] * len(layers))[1], arrays, images)
        d_outputs = [
            jnp.asarray(of_output(network, y.shape), dtype) for (network, _), y in zip(layers, shapes, strict=True)
        ]
        differentiated = jax.jit(jax.value_and_grad(of_all, (0, 1), has_aux=True))
        (_, outputs), (d_arrays, d_images) = differentiated(arrays, images, d_outputs)
    assert all(y.dtype == dtype for y in outputs)
    return [summaries(y, d_x, of.get("of", {})) for y, d_x, of in zip(outputs, d_images, d_arrays, strict=True)]


def assert_agree(ours, expected, most):
    assert ours.keys() == expected.keys()
    scale = max(1.0, *(norm for norm, _ in expected.values()))
    for name, numbers in expected.items():
        assert np.abs(np.subtract(ours[name], numbers)).max() <= most * scale, name


def recorded(kind):
    return [(network_from(of["network"]), of["sizes"]) for of in RECORD[kind]], [of["numbers"] for of in RECORD[kind]]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_layer_is_recorded_over_one_two_and_three_axes(kind):
    counts = Counter(network.axes for network, _ in recorded(kind)[0])
    assert set(counts) == {1, 2, 3}
    assert min(counts.values()) >= 4


RUNS = {"float64": (np.float64, 1e-12), "float32": (np.float32, 1e-5)}


@pytest.mark.parametrize(("kind", "run"), sparse([(k, run) for k in KINDS for run in RUNS], QUICK.__contains__))
def test_layers_have_the_values_and_gradients_of_pytorch(kind, run):
    layers, expected = recorded(kind)
    dtype, most = RUNS[run]
    for ours, theirs in zip(computed(layers, dtype), expected, strict=True):
        assert_agree(ours, theirs, most)


@pytest.mark.parametrize("kind", KINDS)
def test_each_choice_of_a_layer_is_recorded_over_one_two_and_three_axes(kind):
    choices = {}
    for network, _ in recorded(kind)[0]:
        (of,) = (node.operation for node in network.nodes)
        for name, every in of.choices.items():
            choices.setdefault((network.axes, name), (set(every), set()))[1].add(getattr(of, name))
    for (axes, name), (every, found) in choices.items():
        assert found == every & OF_KIND.get((kind, name), every), (axes, name)


OF_KIND = {
    ("smooth Activation", "kind"): {*SMOOTH} - {"hardsigmoid"},
    ("Activation", "kind"): {*PIECEWISE_LINEAR, "relu6", "hardswish"},
    ("Window", "rounding"): {"floor"},
}
"""The choices that are recorded, where not all are.

PyTorch's derivative of hardsigmoid has the digits of float32, and a window has a value only if it leaves positions out.
"""


@pytest.mark.filterwarnings("default")  # PyTorch's own
@pytest.mark.parametrize("kind", DRAWN)
def test_drawn_layers_have_the_values_and_gradients_of_pytorch(kind):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from .layers_in_torch import of_pytorch

    def assert_pytorch(case):
        network, _, images = case
        sizes = [image.shape[1:] for image in images]
        assume(theirs := of_pytorch(network, sizes))
        for dtype, most in RUNS.values():
            assert_agree(computed([(network, sizes)], dtype)[0], theirs, most)
        value = graph_value(network, arrays_of(network), *images_of(network, sizes))["of"]
        assert_agree(summaries(value, [], {}), {"output": theirs["output"]}, 1e-12)

    some = settings(examples(20), suppress_health_check=list(HealthCheck))
    some(given(cases(kind))(assert_pytorch))()


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("Norm", lambda of: replace(of, epsilon=of.epsilon * 1.01)),
        ("Resize", lambda of: replace(of, mode="nearest", align_corners=False)),
    ],
    ids=["epsilon", "mode"],
)
def test_another_number_of_a_layer_would_be_seen(kind, change):
    layers, expected = recorded(kind)
    others = [
        (Network(of.inputs, [replace(of.nodes[0], operation=change(of.nodes[0].operation))], axes=of.axes), sizes)
        for of, sizes in layers
    ]
    assert any(differ(ours, theirs) for ours, theirs in zip(computed(others, np.float64), expected, strict=True))


def differ(ours, theirs):
    try:
        assert_agree(ours, theirs, 1e-9)
    except AssertionError:
        return True
    return False
