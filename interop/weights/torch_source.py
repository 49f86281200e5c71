"""The weights in what somebody gives: a path or a mapping, perhaps a checkpoint around the weights.

A training script often saves more than weights, and names from inside another module. Both are found, and said.
"""

import os
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...spec.messages.choices import near_name
from ...spec.messages.report import FileError, UsageError, WellshapedError
from ...spec.messages.written import clipped, kind_of, written_value
from .torch_files import values_of_file

KEYS = ("state_dict", "model_state_dict", "model_state", "model", "network_weights", "net", "network", "generator")
"""Where checkpoints have the weights, the likely first."""


@dataclass(frozen=True, slots=True)
class TorchWeights:
    """The arrays of a source by name, without a prefix. ``others`` are names of values that are no arrays.

    ``said`` says what was left out to find them. ``subject`` begins messages, and ``error`` is their class.
    """

    arrays: Mapping[str, Any]
    others: tuple[str, ...]
    said: tuple[str, ...]
    subject: str
    error: type[WellshapedError]


def torch_weights(source: object, names: Collection[str], prefix: str = "") -> TorchWeights:
    """Return the arrays in a file or a mapping, of which a network has these ``names``.

    Raises :class:`FileError` for a file that can't be read, and :class:`UsageError` for a value that is neither a path
    nor a mapping, and for a ``prefix`` that no name has.

    >>> import numpy as np
    >>> found = torch_weights({"epoch": 3, "state_dict": {"module.up.weight": np.ones(2)}}, ["up.weight"])
    >>> list(found.arrays), found.said
    (['up.weight'], ("under 'state_dict'", "without 'module.'"))
    """
    error: type[WellshapedError] = UsageError
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        subject, error = f"weights file {path}", FileError
        values = values_of_file(path, subject)
    else:
        subject, values = "the state dict", source
    if hasattr(values, "state_dict") and not isinstance(values, Mapping):
        says = f"it is {kind_of(values)}, and must be a path or a state dict"
        raise UsageError.of(subject, "source", "", says, "model.state_dict()")
    if not isinstance(values, Mapping):
        says = f"it is {kind_of(values)}, and must {'hold' if error is FileError else 'be'} a state dict"
        raise error.of(subject, "source", "", says, "model.state_dict(), which has arrays by name")
    key = next((key for key in KEYS if isinstance(values.get(key), Mapping) and _has_arrays(values[key])), None)
    said = () if key is None else (f"under {key!r}",)
    within: Mapping[Any, Any] = values if key is None else values[key]
    arrays = {str(name): value for name, value in within.items() if is_array(value)}
    others = tuple(str(name) for name, value in within.items() if not is_array(value))
    start = prefix or _common(arrays, names)
    if start:
        kept = {name.removeprefix(start): value for name, value in arrays.items() if name.startswith(start)}
        if not kept:
            says = f"no array has a name with the prefix {clipped(written_value(start))}"
            near = near_name(start, {f"{name.partition('.')[0]}." for name in arrays}) or "model."
            raise UsageError.of("prefix", "prefix", "", says, f'prefix="{clipped(near)}"')
        arrays, others, said = kept, (), (*said, f"without {start!r}")
    return TorchWeights({name: as_numpy(of_it) for name, of_it in arrays.items()}, others, said, subject, error)


def _has_arrays(values: Mapping[Any, Any]) -> bool:
    return any(map(is_array, values.values()))


def _common(given: Collection[str], names: Collection[str]) -> str:
    """The prefix of all given names without which some are among the ``names``, or ``""``."""
    start, known = "", set(names)
    while given and not any(name.removeprefix(start) in known for name in given):
        steps = {name.removeprefix(start).partition(".") for name in given}
        heads = {f"{head}{dot}" for head, dot, _ in steps}
        if len(heads) > 1 or not all(dot for _, dot, _ in steps):
            return ""
        start += heads.pop()
    return start


def is_array(value: object) -> bool:
    """Whether a value is an array of NumPy or JAX, or a tensor of PyTorch."""
    import jax
    import numpy as np

    torch = sys.modules.get("torch")
    return isinstance(value, np.ndarray | jax.Array) or (torch is not None and isinstance(value, torch.Tensor))


def as_numpy(value: Any) -> Any:
    """The value as an array of NumPy. A tensor of PyTorch may be on a device, and may be of ``bfloat16``."""
    import jax.numpy as jnp
    import numpy as np

    torch = sys.modules.get("torch")
    if torch is None or not isinstance(value, torch.Tensor):
        return np.asarray(value)
    value = value.detach().cpu()
    if value.dtype == torch.bfloat16:
        return value.contiguous().view(torch.int16).numpy().view(jnp.bfloat16)
    return value.numpy()
