"""A network as one compiled program for tiles of one shape, and what it needs of memory."""

import ctypes
import hashlib
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from numbers import Integral
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from ...spec.answers.any_network import AnyNetwork, network_held_by
from ...spec.messages.report import UsageError, reject_class
from ...spec.messages.written import clipped, kind_of, written_value
from ..networks.typed_network import TypedNetwork
from ..networks.unet import UNet, UNet1d, UNet3d
from ..networks.unet2 import UNet2


class Program:
    """A model, compiled for each shape of a tile. A function that is not jitted is called with an array of NumPy.

    The last ``kept`` compiled programs are kept.
    """

    def __init__(self, model: Callable[..., Any], given: tuple[Any, ...] = (), kept: int = 1) -> None:
        self._call = model
        self._jitted: Any = model if hasattr(model, "lower") else None
        self._given = given
        if isinstance(model, nnx.Module):
            require_evaluation(model)
            definition, state = nnx.split(model)
            self._jitted = jax.jit(lambda state, x: nnx.merge(definition, state)(x))
            self._given = (state,)
        self.compiled = lru_cache(maxsize=kept)(self._compiled)

    def key(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> str:
        """A digest of the program for tiles of a shape, and of all arrays it is given; ``""`` for a function.

        The program has all that a module computes: its code, and its attributes that are not arrays. It is ``""`` too
        if the program calls Python, because it does not say what it calls.
        """
        program = self._lowered(shape, dtype).as_text() if self._given else "callback"
        return "" if "callback" in program else digest(program, *self._given)

    @property
    def compiles(self) -> bool:
        """Whether the model is a program of JAX, whose memory is known."""
        return self._jitted is not None

    def _compiled(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
        program = self._lowered(shape, dtype).compile()
        _give_back_freed()
        return program

    def _lowered(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
        image = jax.ShapeDtypeStruct(shape, jax.dtypes.canonicalize_dtype(dtype))
        return self._jitted.lower(*self._given, image)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The model's result for one tile: its first, if it has several."""
        return np.asarray(self._results(image)[0])

    def all(self, image: np.ndarray) -> list[np.ndarray]:
        """All results of the model for one tile."""
        return [np.asarray(of) for of in self._results(image)]

    def _results(self, image: np.ndarray) -> Sequence[Any]:
        if not self.compiles:
            result = self._call(image)
        else:
            image = image.astype(jax.dtypes.canonicalize_dtype(image.dtype), copy=False)
            result = self.compiled(image.shape, image.dtype)(*self._given, image)
        return result if isinstance(result, tuple | list) else (result,)

    def needs(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
        """The bytes for one tile: what the compiled program allocates and is given, and the tile's two arrays."""
        account = self.compiled(shape, jax.dtypes.canonicalize_dtype(dtype)).memory_analysis()
        image = prod(shape) * dtype.itemsize
        buffers = account.temp_size_in_bytes + account.argument_size_in_bytes + account.output_size_in_bytes
        return int(buffers + image + account.output_size_in_bytes)


def _give_back_freed() -> None:
    """Give the system what the compiler has freed, where the C library can: glibc keeps it, in pieces."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # another library, or another system
        return


def digest(program: str, *state: Any) -> str:
    """The digest of a program as a text, and of all arrays of its state."""
    found = hashlib.blake2b(program.encode(), digest_size=16)
    for path, leaf in jax.tree_util.tree_flatten_with_path(state)[0]:
        if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            found.update(f"{path}{leaf.shape}{leaf.dtype}".encode())
            found.update(np.asarray(leaf).tobytes())
    return found.hexdigest()


def require_evaluation(model: nnx.Module) -> None:
    """Raise :class:`UsageError` if a layer is in training mode: what a tile computes would depend on the tile."""
    for path, module in nnx.iter_graph(model):
        batch = isinstance(module, nnx.BatchNorm) and not module.use_running_average
        if batch or (isinstance(module, nnx.Dropout) and not module.deterministic):
            what = "uses the statistics of its tile" if batch else "drops values by chance"
            says = f"{'.'.join(map(str, path))} is in training mode: it {what}"
            raise UsageError.of("tiled(model, …)", "evaluation", "", says, "model.eval()")


def is_of_this_library(model: Any) -> bool:
    """Whether the model computes the network that it has: a subclass can compute anything."""
    return type(model) in (TypedNetwork, UNet, UNet1d, UNet3d, UNet2)


def network_of(model: Any) -> AnyNetwork | None:
    """The network of a model of this library, as a graph if it has one; ``None`` for any other model."""
    return network_held_by(model, ("network", "cfg"))


def require_network(model: Any, network: AnyNetwork | None) -> AnyNetwork:
    """The network that is given, or that of the model. Raises :class:`UsageError` if neither is known."""
    found = network_of(model) if network is None else network
    if found is not None:
        return found
    reject_class(model)
    says = f"it is not given, and {kind_of(model)} does not say which positions it reads"
    fix = 'network=graph_of_jax(model, "3 H W"), a config, or the name of a preset'
    raise UsageError.of("network", "network", "", says, fix)


_UNITS = {
    f"{prefix}{end}": size
    for end, power in (("b", 1000), ("ib", 1024), ("", 1000))
    for prefix, size in zip("kmgt", (power, power**2, power**3, power**4), strict=True)
} | {"": 1, "b": 1}


def bytes_of(memory: int | str) -> int:
    """A number of bytes, or a text such as ``"2 GiB"``. Raises :class:`UsageError` for anything else.

    >>> bytes_of("1.5 GiB"), bytes_of("2 GB"), bytes_of(1000)
    (1610612736, 2000000000, 1000)
    """
    if isinstance(memory, Integral) and not isinstance(memory, bool) and memory > 0:
        return int(memory)
    found = re.fullmatch(r"\s*(\d{1,15}(?:\.\d*)?)\s*([a-zA-Z]*)\s*", memory) if isinstance(memory, str) else None
    known = found is not None and found[2].lower() in _UNITS
    count = int(float(found[1]) * _UNITS[found[2].lower()]) if found is not None and known else 0
    if count < 1:
        units = "a number of bytes, or of KiB, MiB, GiB, KB, MB, GB"
        says = f"it is {clipped(written_value(memory))}, and must be {'more than 0' if known else units}"
        raise UsageError.of("the memory", "memory", "", says, 'memory="2 GiB"')
    return count
