"""Runs the programs of a file where JAX is. wellshaped.interop.export wrote both; this needs JAX and NumPy alone.

In the folder of model.zip: ``PYTHONPATH=model.zip python -c 'from load import load; model = load("model.zip")'``
"""

import itertools
import json
import zipfile
from typing import Any


def load(path: Any) -> Any:
    """Return a function of a batch ``(N, C, *sizes)`` or an image ``(C, *sizes)``; of each input, if there are more."""
    with zipfile.ZipFile(path) as file:
        index, raw = json.loads(file.read("index.json")), file.read("model.safetensors")
        stored = [bytearray(file.read(program["file"])) for program in index["programs"]]
    return function(index, arrays_in(raw, index["dtypes"]), stored)


def function(index: Any, arrays: Any, stored: Any) -> Any:
    """Return the function of an index, its arrays by name, and its programs as bytes."""
    import jax
    from jax import export

    axes, served = len(index["axes"]), [program["sizes"] for program in index["programs"]]
    compiled: dict[int, Any] = {}

    def run(*inputs: Any) -> Any:
        takes = index["inputs"]
        if len(inputs) != len(takes):
            raise ValueError(f"there are {len(inputs)} inputs, and must be {', '.join(of['name'] for of in takes)}")
        images = [jax.numpy.asarray(x, index["dtype"]) for x in inputs]
        image = next(x for x, given in zip(images, takes, strict=True) if not given["single"])
        sizes, batched = image.shape[-axes:], image.ndim == axes + 2
        for x, given in zip(images, takes, strict=True):
            shape = (*image.shape[:batched], given["channels"], *(() if given["single"] else sizes))
            if x.shape != shape or not x.size or len(sizes) < axes:
                sized = "" if given["single"] else ", *sizes"
                takes_it = f"({given['channels']}{sized}), or (N, {given['channels']}{sized}) for a batch"
                raise ValueError(f"{given['name']} has the shape {x.shape}, and must have {takes_it}")
        i = next((i for i, of_it in enumerate(served) if sizes in nearest(sizes, of_it)), None)
        if i is None:
            shapes = {shape for of_it in served for shape in nearest(sizes, of_it)}
            near = sorted(shapes, key=lambda shape: sum(abs(n - m) for n, m in zip(shape, sizes, strict=True)))
            raise ValueError(f"an image of {sizes} does not fit; the nearest that do are {near[:2]}")
        if i not in compiled:
            compiled[i] = jax.jit(export.deserialize(stored[i]).call)
        outputs = compiled[i](arrays, *(x if batched else x[None] for x in images))
        outputs = outputs if batched else [y[0] for y in outputs]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    return run


def nearest(sizes: Any, served: Any) -> Any:
    """Return the sizes of a program next to these. It serves ``(first, step)`` on each axis; one size has step 0."""
    near = []
    for n, (first, step) in zip(sizes, served, strict=True):
        i = max(n - first, 0) // max(step, 1)
        near.append({first + step * i, first + step * (i + 1)})
    return set(itertools.product(*near))


def arrays_in(raw: bytes, dtypes: Any) -> Any:
    """Return the arrays in the bytes of a safetensors file, by name, on the device."""
    import jax
    import numpy as np

    start = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:start])
    arrays = {}
    for name in header.keys() - {"__metadata__"}:
        begin, end = (start + place for place in header[name]["data_offsets"])
        flat = np.frombuffer(raw[begin:end], jax.numpy.dtype(dtypes[header[name]["dtype"]]))
        arrays[name] = jax.device_put(flat.reshape(header[name]["shape"]))
    return arrays
