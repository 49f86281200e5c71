"""Published networks: each preset has the outputs and the gradients of the PyTorch network that it is named after.

What PyTorch computed is recorded in ``published_vectors.npz`` and checked everywhere. Where PyTorch is installed, it
computes once more. Distances are relative to the scale of each array, as ``published_arrays.distances`` defines it.
"""

from dataclasses import replace
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import sparse
from flax import nnx

from wellshaped.models import TypedNetwork
from wellshaped.spec import PRESETS, Network, Norm
from wellshaped.spec.network import run_image

from .published_arrays import distances, drawn, noise, numbers_of, summary
from .published_cases import CASES, arrays_of

VECTORS = np.load(Path(__file__).with_name("published_vectors.npz"))

RUNS = [(key, mode) for key, case in CASES.items() for mode in case.batches]

QUICK = [
    ("monai_unet, strided convolutions", "evaluation"),
    ("pix2pix, five levels", "training"),
    ("demucs, two levels", "evaluation"),
    ("wave_unet, three levels", "evaluation"),
]
"""Small networks that differ in their operations."""

BOTH = ("milesial", "smp_resnet34")
"""Networks that are compared in both modes. Of the others with batch norms, training is compared: it has more terms."""

COMPARED = [
    (key, mode)
    for key, mode in RUNS
    if mode == "training" or key in BOTH or (key, "training") not in RUNS or (key, mode) in QUICK
]


@cache
def recorded(key, mode):
    """What PyTorch computed, as numbers by name."""
    names = str(VECTORS[f"{key}/{mode}/names"]).split("\n")
    numbers = np.split(VECTORS[f"{key}/{mode}/numbers"], np.cumsum([*map(numbers_of, names)])[:-1])
    return dict(zip(names, numbers, strict=True))


# This library's network on the same arrays.


def arrays(draw, network):
    """Every array of the network, by name."""
    return {
        f"{layer}.{part}": drawn(f"{draw}: {layer}.{part}", part, shape) for (layer, part), shape in arrays_of(network)
    }


def as_function(network, mode):
    """The function from arrays by name and a batch of images to the outputs."""
    batch = "batch" if mode == "training" else None
    model = nnx.eval_shape(lambda: TypedNetwork(network, axis_name=batch, rngs=nnx.Rngs(0)))
    if mode == "evaluation":
        model.eval()
    graph, state = nnx.split(model)

    def filled(arrays):
        def at(path, of):
            _, layer, part, *_ = (step.key if hasattr(step, "key") else step.name for step in path)
            return arrays[f"{layer}.{part}"]

        return jax.tree.map_with_path(at, state)

    def run(arrays, *images):
        outputs = jax.vmap(lambda *x: nnx.merge(graph, filled(arrays))(*x), axis_name=batch)(*images)
        return outputs if isinstance(outputs, tuple) else (outputs,)

    return run


def given(key, mode, dtype, draw, network, change=lambda arrays: arrays):
    """The arrays of a network by name, and its images."""
    every = {name: jnp.asarray(array, dtype) for name, array in change(arrays(draw, network)).items()}
    return every, [jnp.asarray(noise(*of), dtype) for of in CASES[key].images(draw, mode)]


def computed(key, mode, dtype=np.float64, draw=None):
    """The numbers of a record, from our network."""
    network, draw = CASES[key].network(), draw or key
    run = as_function(network, mode)

    def inner_product(learned, images, statistics, d_y):
        outputs = run(learned | statistics, *images)
        return sum((y * d).sum() for y, d in zip(outputs, d_y, strict=True)), outputs

    with jax.enable_x64(dtype is np.float64):
        learned, images = given(key, mode, dtype, draw, network)
        statistics = {name: learned.pop(name) for name in [*learned] if name.endswith((".mean", ".var"))}
        shapes = [y.shape for y in jax.eval_shape(run, learned | statistics, *images)]
        d_y = [jnp.asarray(noise(f"{draw}: gradient of output {i}", of), dtype) for i, of in enumerate(shapes)]
        differentiated = jax.jit(jax.value_and_grad(inner_product, (0, 1), has_aux=True))
        (_, outputs), (d_arrays, d_images) = differentiated(learned, images, statistics, d_y)
    found = {f"output {i}": y for i, y in enumerate(outputs)} | {f"d input {i}": x for i, x in enumerate(d_images)}
    found |= {f"d {name}": array for name, array in d_arrays.items()}
    assert all(array.dtype == dtype for array in found.values())
    return {name: summary(name, array) for name, array in found.items()}


FARTHER = {("u2net", "training"): 1e-11}
"""U²-Net has 112 batch norms. With the statistics of two images, they enlarge rounding a thousandfold: in PyTorch, a
relative change of the weights by 1e-12 changes gradients by up to 1e-9. Elsewhere the limit is 1e-12."""


def assert_agree(ours, expected, most):
    found = distances(ours, expected)
    worst = max(found, key=found.get)
    assert found[worst] <= most, worst


LONG_TO_RUN = ("unet3d", "nnunet_3d_fullres", "nnunet_3d_resenc")
"""If XLA does not optimise, these run for up to half a minute. The others compile for longer than they run."""


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    ("key", "mode"),
    [
        pytest.param(*of.values, marks=[*of.marks, *[pytest.mark.optimised] * (of.values[0] in LONG_TO_RUN)])
        for of in sparse(COMPARED, QUICK.__contains__)
    ],
)
def test_a_preset_has_the_outputs_and_gradients_of_the_published_network(key, mode):
    assert_agree(computed(key, mode), recorded(key, mode), FARTHER.get((key, mode), 1e-12))


@pytest.mark.parametrize(("key", "mode"), sparse(QUICK, QUICK[:1].__contains__))
def test_a_small_preset_has_the_outputs_and_gradients_of_the_published_network_in_float32(key, mode):
    # In large ones, some ReLU of so many sees a value on the other side of 0: PyTorch itself is then 1e-2 away.
    of_pytorch = float(VECTORS[f"{key}/{mode}/float32"])
    assert_agree(computed(key, mode, np.float32), recorded(key, mode), max(1e-5, 4 * of_pytorch))


# The cases and their record.


def test_each_preset_that_is_published_has_a_case():
    ours = {"unet2", "tiny", "monai_like"}  # described by their sources; other tests compare their values
    assert {case.preset for case in CASES.values()} == set(PRESETS) - ours


def test_the_record_holds_the_cases_and_nothing_else():
    parts = ("names", "numbers", "float32")
    assert set(VECTORS.files) == {"torch_version", *(f"{key}/{mode}/{part}" for key, mode in RUNS for part in parts)}


@pytest.mark.parametrize("key", CASES)
def test_each_norm_of_a_case_has_several_positions(key):
    network, sizes = CASES[key].network(), CASES[key].sizes
    assert all(of.holds and of.left >= 4 for of in run_image(network, sizes).together)


# Mistakes that this would see.

SMALL = "pix2pix, five levels"


def distance_of_output(network, change=lambda arrays: arrays):
    """How far the output is from the recorded one, if the network or its arrays are others."""
    with jax.enable_x64(True):
        every, images = given(SMALL, "evaluation", np.float64, SMALL, network, change)
        (y,) = jax.jit(as_function(network, "evaluation"))(every, *images)
    expected = recorded(SMALL, "evaluation")["output 0"]
    return distances({"output 0": summary("output 0", y)}, {"output 0": expected})["output 0"]


def test_two_kernels_in_each_others_place_would_be_seen():
    def swapped(arrays):
        first, second = (f"model.model.1.model{'.3.model' * 3}.{of}.kernel" for of in (1, 3))
        return arrays | {first: arrays[second], second: arrays[first]}

    network = CASES[SMALL].network()
    assert distance_of_output(network) <= 1e-12
    assert distance_of_output(network, swapped) > 1e-3


def test_another_epsilon_of_one_norm_would_be_seen():
    network = CASES[SMALL].network()
    (first, *_) = (node for node in network.nodes if isinstance(node.operation, Norm))
    changed = replace(first, operation=Norm(epsilon=0.9e-5), inputs=first.inputs)
    nodes = [changed if node is first else node for node in network.nodes]
    other = Network(network.inputs, nodes, network.outputs, network.axes)
    assert distance_of_output(other) > 1e-9


# Where PyTorch is installed.


@pytest.fixture(scope="module")
def in_torch():
    """What PyTorch computes now."""
    pytest.importorskip("torch", reason="PyTorch is not installed: only its recorded values are compared")
    from .make_published_vectors import computed

    def of(*given, **named):
        try:
            return computed(*given, **named)
        except ModuleNotFoundError as missing:
            pytest.skip(f"{missing.name} is not installed")

    return of


@pytest.mark.filterwarnings("default")  # the packages' own
@pytest.mark.parametrize(("key", "mode"), sparse(RUNS, QUICK.__contains__))
def test_the_record_is_what_the_published_network_computes(in_torch, key, mode):
    assert_agree(in_torch(key, mode), recorded(key, mode), 1e-12)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("key", "mode"), sparse(QUICK, QUICK[1:2].__contains__))
def test_a_preset_agrees_with_the_published_network_on_other_weights_and_images(in_torch, key, mode):
    assert_agree(computed(key, mode, draw="again"), in_torch(key, mode, draw="again"), 1e-12)
