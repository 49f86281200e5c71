"""The weights in what somebody gives: a path or a mapping, perhaps a checkpoint around the weights.

A training script often saves more than weights, and names from inside another module. Both are found, and said.
"""

import os
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...spec.messages.choices import near_name
from ...spec.messages.report import FileError, UsageError, WellshapedError
from ...spec.messages.written import clipped, in_words, kind_of, written_value
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
    """Return the arrays in a file or a mapping.

    ``names`` are the network's own names of arrays. They show which prefix, such as ``module.``, to leave out. Of
    several state dicts in a checkpoint they show which one is meant, or else the ``prefix`` says it: ``"model."``.

    Raises :class:`FileError` for a file that can't be read, and :class:`UsageError` for a value that is neither a path
    nor a mapping, for several state dicts of the network, and for a ``prefix`` that no name has.

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
    if not isinstance(values, Mapping):
        needs = "hold a state dict" if error is FileError else "be a path or a state dict"
        says = f"it is {kind_of(values)}, and must {needs}"
        raise error.of(subject, "source", "", says, "model.state_dict(), which has arrays by name")
    keys = [key for key in KEYS if isinstance(values.get(key), Mapping) and _has_arrays(values[key])]
    if len(keys) > 1:
        chosen = [key for key in keys if prefix.startswith(f"{key}.")]
        prefix = prefix.removeprefix(f"{chosen[0]}.") if chosen else prefix
        keys = chosen or _most_alike(values, keys, names)
        if len(keys) > 1:
            says = f"it has arrays of this network under {in_words([*map(repr, keys)])}"
            fix = in_words([f'prefix="{key}."' for key in keys], "or")
            raise error.of(subject, "source", "", says, fix)
    key = keys[0] if keys else None
    said = () if key is None else (f"under {key!r}",)
    within: Mapping[Any, Any] = values if key is None else values[key]
    arrays = {str(name): value for name, value in within.items() if is_array(value)}
    others = tuple(str(name) for name, value in within.items() if not is_array(value))
    found = likely_prefix(arrays, names)
    start = prefix or (found if all(name.startswith(found) for name in arrays) else "")
    if start:
        kept = {name.removeprefix(start): value for name, value in arrays.items() if name.startswith(start)}
        if not kept:
            says = f"no array has a name with the prefix {clipped(written_value(start))}"
            heads = list(dict.fromkeys(f"{name.partition('.')[0]}." for name in arrays if "." in name)) or [""]
            near = near_name(start, heads) or heads[0]
            raise UsageError.of("prefix", "prefix", "", says, f'prefix="{clipped(near)}"')
        arrays, others, said = kept, (), (*said, f"without {start!r}")
    made = {name: _as_numpy(name, of_it, subject) for name, of_it in arrays.items()}
    return TorchWeights(made, others, said, subject, error)


def _most_alike(values: Mapping[Any, Any], keys: Sequence[str], names: Collection[str]) -> list[str]:
    """Those of the keys under which most of the ``names`` are, with any prefix."""
    counts = {}
    for key in keys:
        given = {*map(str, values[key])}
        start = likely_prefix(given, names)
        counts[key] = sum(f"{start}{name}" in given for name in names)
    return [key for key in keys if counts[key] == max(counts.values())]


def _has_arrays(values: Mapping[Any, Any]) -> bool:
    return any(map(is_array, values.values()))


def likely_prefix(given: Collection[str], names: Collection[str]) -> str:
    """The text that stands before most of the ``names`` among the ``given`` ones; ``""`` if none is there.

    >>> likely_prefix(["model.up.weight", "model.y.weight", "loss.weight"], ["up.weight", "y.weight"])
    'model.'
    """
    known, counts = set(names), Counter({"": 0})
    for name in given:
        starts = [0, *(place + 1 for place, letter in enumerate(name) if letter == ".")]
        counts.update(name[:start] for start in starts if name[start:] in known)
    return max(counts, key=lambda start: (counts[start], -len(start)))


def is_array(value: object) -> bool:
    """Whether a value is an array of NumPy or JAX, or a tensor of PyTorch."""
    import jax
    import numpy as np

    torch = sys.modules.get("torch")
    return isinstance(value, np.ndarray | jax.Array) or (torch is not None and isinstance(value, torch.Tensor))


def _as_numpy(name: str, value: Any, subject: str) -> Any:
    """The value as an array of NumPy. A tensor of PyTorch may be on a device, and may be of ``bfloat16``."""
    import jax.numpy as jnp
    import numpy as np

    torch = sys.modules.get("torch")
    if torch is None or not isinstance(value, torch.Tensor):
        return np.asarray(value)
    try:
        value = value.detach().cpu()
        if value.dtype == torch.bfloat16:
            return value.contiguous().view(torch.int16).numpy().view(jnp.bfloat16)
        return value.numpy()
    except (NotImplementedError, RuntimeError, TypeError, ValueError):  # a sparse one, or one without values
        says = f"{clipped(name)} is a tensor that NumPy can't have: {value.dtype} on {value.device}, {value.layout}"
        raise UsageError.of(subject, "tensor", "", says, "dense tensors with values") from None
