"""Archives as ``torch.save`` writes them, made without PyTorch: the instructions of their pickles, one by one."""

import struct
import zipfile
from pathlib import Path

import numpy as np

from wellshaped.interop.weights.torch_layout import torch_layout

KINDS = {
    "float32": "Float",
    "float64": "Double",
    "float16": "Half",
    "bfloat16": "BFloat16",
    "int64": "Long",
    "bool": "Bool",
}


def text(value):
    """The instruction for a text."""
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def number(value):
    """The instruction for an integer, also for a large one."""
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)


def numbers(values):
    """The instructions for a tuple of integers."""
    return b"(" + b"".join(map(number, values)) + b"t"


def name(of):
    """The instruction for a function or a class, by its whole name."""
    module, _, last = of.rpartition(".")
    return f"c{module}\n{last}\n".encode()


def called(of, *arguments):
    """The instructions for the result of a function."""
    return name(of) + b"(" + b"".join(arguments) + b"tR"


def storage(key, kind, count):
    """The instructions for a storage."""
    return b"(" + text("storage") + name(f"torch.{kind}Storage") + text(key) + text("cpu") + number(count) + b"tQ"


def tensor(key, shape, strides, count, *, offset=0, kind="Float"):
    """The instructions for a tensor."""
    hooks = called("collections.OrderedDict")
    given = (storage(key, kind, count), number(offset), numbers(shape), numbers(strides), b"\x89", hooks)
    return called("torch._utils._rebuild_tensor_v2", *given)


def mapping(values):
    """The instructions for a dict with texts as keys."""
    return b"}(" + b"".join(text(key) + value for key, value in values.items()) + b"u"


def pickled(instructions):
    """A whole pickle."""
    return b"\x80\x02" + instructions + b"."


def strides_of(shape):
    """The strides of an array without gaps, in elements."""
    return tuple(int(np.prod(shape[i + 1 :], dtype=int)) for i in range(len(shape)))


def state(arrays):
    """The instructions for a state dict, and the bytes of its storages."""
    values, data = {}, {}
    for key, (of, array) in enumerate(arrays.items()):
        kind = KINDS[array.dtype.name]
        values[of] = tensor(str(key), array.shape, strides_of(array.shape), array.size, kind=kind)
        data[str(key)] = array.tobytes()
    return mapping(values), data


def write(path, instructions, data, *, root="archive", more=None, compressed=False):
    """Write an archive: a pickle, and the bytes of each storage."""
    compression = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr(f"{root}/data.pkl", pickled(instructions))
        for entry, of in {"byteorder": b"little", "version": b"3\n", **(more or {})}.items():
            archive.writestr(f"{root}/{entry}", of)
        for key, of in data.items():
            archive.writestr(f"{root}/data/{key}", of)
    return Path(path)


def save(path, arrays, **more):
    """Write a state dict, as ``torch.save(state, path)``."""
    return write(path, *state(arrays), **more)


def weights_of(graph):
    """Arrays under the names, and with the shapes, that PyTorch gives the weights of a graph."""
    layout = torch_layout(graph)
    rng = np.random.default_rng(0)
    made = {}
    for array in layout.arrays:
        made |= dict.fromkeys(array.names, rng.uniform(0.5, 1.5, array.torch_shape).astype(np.float32))
    return made | {name: np.array(0) for name in layout.counters}
