"""Published networks: each preset has the outputs and the gradients of the PyTorch network that it is named after.

What PyTorch computed is recorded in ``published_vectors.npz`` and checked everywhere. Where PyTorch is installed, it
computes once more.
"""

from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from wellshaped.models import TypedNetwork

from .published_arrays import SAMPLES, drawn, noise, summary
from .published_cases import CASES, arrays_of

VECTORS = np.load(Path(__file__).with_name("published_vectors.npz"))

RUNS = [(key, mode) for key, case in CASES.items() for mode in case.batches]


@cache
def recorded(key, mode):
    """What PyTorch computed, as numbers by name."""
    whole = VECTORS[f"{key}/{mode}"]
    return {name: whole[name] for name in whole.dtype.names}


# This library's network on the same arrays.


def arrays(key, network):
    """Every array of the network, by name."""
    return {
        f"{layer}.{part}": drawn(f"{key}: {layer}.{part}", part, shape) for (layer, part), shape in arrays_of(network)
    }


def as_function(network, mode):
    """The function from arrays by name and a batch of images to the outputs."""
    batch = "batch" if mode == "training" else None
    model = nnx.eval_shape(lambda: TypedNetwork(network, axis_name=batch, rngs=nnx.Rngs(0)))
    if mode == "evaluation":
        model.eval()
    graph, state = nnx.split(model)

    def given(arrays):
        def of_path(path, of):
            _, layer, part, *_ = (step.key if hasattr(step, "key") else step.name for step in path)
            return arrays[f"{layer}.{part}"]

        return jax.tree.map_with_path(of_path, state)

    def run(arrays, *images):
        each = jax.vmap(lambda *x: nnx.merge(graph, given(arrays))(*x), axis_name=batch)
        outputs = each(*images)
        return outputs if isinstance(outputs, tuple) else (outputs,)

    return run


def computed(key, mode, dtype=np.float64, network=None, change=lambda arrays: arrays):
    """The same numbers as recorded, from our network."""
    case = CASES[key]
    network = network or case.network()
    run = as_function(network, mode)
    learned = {f"{layer}.{part}": part not in ("mean", "var") for (layer, part), _ in arrays_of(network)}

    def inner_product(learned, images, fixed, of_outputs):
        outputs = run({**learned, **fixed}, *images)
        return sum((y * d_y).sum() for y, d_y in zip(outputs, of_outputs, strict=True)), outputs

    with jax.enable_x64(dtype is np.float64):
        every = {name: jnp.asarray(array, dtype) for name, array in change(arrays(key, network)).items()}
        of_it = {kind: {n: a for n, a in every.items() if learned[n] is kind} for kind in (True, False)}
        images = [jnp.asarray(noise(*of), dtype) for of in case.images(key, mode)]
        shapes = jax.eval_shape(run, every, *images)
        d_y = [jnp.asarray(noise(f"{key}: gradient of output {i}", y.shape), dtype) for i, y in enumerate(shapes)]
        differentiate = jax.jit(jax.value_and_grad(inner_product, (0, 1), has_aux=True))
        (_, outputs), (of_arrays, of_images) = differentiate(of_it[True], images, of_it[False], d_y)
    assert all(y.dtype == dtype for y in (*outputs, *of_images, *of_arrays.values()))
    found = {f"output {i}": summary(f"output {i}", y, SAMPLES) for i, y in enumerate(outputs)}
    found |= {f"d input {i}": summary(f"d input {i}", x, SAMPLES) for i, x in enumerate(of_images)}
    return found | {f"d {name}": summary(f"d {name}", array) for name, array in of_arrays.items()}


def scales(expected):
    """The scale of each array: for a parameter the largest norm among a convolution's and those of what follows it.

    A norm takes away what shifts its input, so the gradient of the bias before it is 0, and both have only rounding
    there. The gradient of a slope is one number, which may be small by chance.
    """
    block, largest = None, {}
    for name, numbers in expected.items():
        block = name if name.endswith(".kernel") or "put" in name else block
        largest.setdefault(block, []).append((name, numbers[0]))
    return {name: max(norm for _, norm in of_block) for of_block in largest.values() for name, _ in of_block}


def distances(ours, expected):
    """Of each array the largest difference of its numbers, relative to the scale of the array."""
    assert ours.keys() == expected.keys()
    found, norms = {}, scales(expected)
    for name, numbers in expected.items():
        scale = np.array([norms[name]] * 2 + [np.abs(numbers[2:]).max(initial=0)] * (len(numbers) - 2))
        found[name] = (np.abs(ours[name] - numbers) / np.where(scale, scale, 1)).max()
    return found
