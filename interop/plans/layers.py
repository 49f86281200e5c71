"""Norms, dropout and activations, as a file names them: PyTorch's classes, and MONAI's names for them."""

from collections.abc import Callable, Mapping, Sequence
from math import gcd
from typing import TypeVar

from ...spec.network.values import Activation, Dropout, Norm
from .arguments import Arguments
from .entry import Entry

_NORMS = {
    "instance": ("instance", False),
    "instance_nvfuser": ("instance", False),
    "batch": ("batch", True),
    "syncbatch": ("batch", True),
    "group": ("group", True),
}
"""The kinds of norms by MONAI's names, and whether PyTorch makes them affine by default."""

_ACTIVATIONS: Mapping[str, tuple[str, str, float | None]] = {
    "relu": ("relu", "", None),
    "leakyrelu": ("leaky_relu", "negative_slope", 0.01),
    "elu": ("elu", "alpha", 1.0),
    "prelu": ("prelu", "", None),
    "gelu": ("gelu", "", None),
    "silu": ("silu", "", None),
    "swish": ("silu", "", None),
    "memswish": ("silu", "", None),
    "sigmoid": ("sigmoid", "", None),
    "tanh": ("tanh", "", None),
    "softplus": ("softplus", "", None),
    **{name: (name, "", None) for name in ("relu6", "hardsigmoid", "hardswish", "mish", "selu")},
    "memmish": ("mish", "", None),
}
"""The kinds of activations by their names in lower case, with the name and the default of their slope."""

_IGNORED = (
    "inplace",
    "momentum",
    "init",
    "eps",
    "num_features",
    "num_channels",
    "device",
    "dtype",
)
"""Arguments that change no shape and no value of a network at inference."""


def class_norm(given: Arguments, key: str, axes: int) -> Norm | None:
    """Return the norm of a PyTorch class, such as ``torch.nn.modules.instancenorm.InstanceNorm3d``."""
    word = f"Norm{axes}d"

    def kind(name: str) -> str:
        return name.removesuffix(word).lower() if name.endswith(word) else name

    return _of_class(given, key, f"torch.nn.InstanceNorm{axes}d", kind, _norm)


def class_activation(given: Arguments, key: str) -> Activation | None:
    """Return the activation of a PyTorch class, such as ``torch.nn.LeakyReLU``."""
    return _of_class(given, key, "torch.nn.LeakyReLU", str.lower, _activation)


def class_dropout(given: Arguments, key: str, axes: int) -> Dropout | None:
    """Return the dropout of a PyTorch class, such as ``torch.nn.Dropout3d``."""

    def made(name: str, given: Arguments) -> Dropout | None:
        return _dropout(given, name != "Dropout") if name in ("Dropout", f"Dropout{axes}d") else None

    return _with_rate(_of_class(given, key, f"torch.nn.Dropout{axes}d", lambda name: name, made))


Layer = TypeVar("Layer", Norm, Activation, Dropout)


def _of_class(
    given: Arguments, key: str, example: str, kind: Callable[[str], str], make: Callable[[str, Arguments], Layer | None]
) -> Layer | None:
    entry = given.given(key)
    more = given.given(f"{key}_kwargs")
    if entry is None:
        return None
    package, _, name = entry.like(example).text().rpartition(".")
    inner = Arguments(given.needed(f"{key}_kwargs").as_if({}) if more is None else more)
    layer = make(kind(name), inner) if package.startswith("torch.nn") else None
    if layer is None:
        given.said.append(f"{key} is {entry.written()}, and the network leaves it out")
    given.said += [f"{key}_kwargs: {said}" for said in inner.not_supported()] if layer is not None else []
    return layer


def named_norm(
    given: Arguments, key: str, default: Norm, channels: Sequence[int], *, null: bool = False
) -> Norm | None:
    """Return the norm that MONAI calls ``"batch"``, or ``["group", {"num_groups": 8}]``, of these ``channels``.

    ``""`` is no norm, and so is ``null`` for a class that allows it.
    """
    return _named(given, key, "instance", default, lambda name, given: _norm(name, given, channels), null)


def named_activation(given: Arguments, key: str, default: Activation, *, null: bool = False) -> Activation | None:
    """Return the activation that MONAI calls ``"PRELU"``, or ``["leakyrelu", {"negative_slope": 0.1}]``.

    ``""`` is no activation, and so is ``null`` for a class that allows it.
    """
    return _named(given, key, "relu", default, _activation, null)


def named_dropout(given: Arguments, key: str) -> Dropout | None:
    """Return the dropout that MONAI calls ``0.1``, or ``["dropout", {"p": 0.1}]``; without one, or for 0, ``None``."""
    entry = given.given(key)
    if entry is not None and not isinstance(entry.value, str | list):
        return dropout(rate(entry))

    def made(name: str, given: Arguments) -> Dropout | None:
        return _dropout(given) if name == "dropout" else None

    return _with_rate(_named(given, key, "dropout", Dropout(0.0), made, True))


def dropout(rate: float, *, channels: bool = False) -> Dropout | None:
    """Return dropout of this rate; for 0 there is none."""
    return Dropout(rate, channels=channels) if rate else None


def rate(entry: Entry) -> float:
    """Return a probability."""
    return entry.real(0, 1)


def _dropout(given: Arguments, channels: bool = False) -> Dropout:
    given.skip(*_IGNORED)
    return Dropout(given.read("p", rate, 0.5), channels=channels)


def _with_rate(of: Dropout | None) -> Dropout | None:
    return None if of is None else dropout(of.rate, channels=of.channels)


def _named(
    given: Arguments,
    key: str,
    example: str,
    default: Layer,
    make: Callable[[str, Arguments], Layer | None],
    null: bool,
) -> Layer | None:
    entry = given.nullable(key)
    if entry is None:
        return default
    if entry.value is None and not null:
        says = f'is {entry.written()}, and must be the name of a layer, or "" for no layer'
        raise entry.wrong("layer", says, entry.fix(""))
    if entry.value in (None, ""):
        return None
    pair = entry.like([example, {}])
    if isinstance(entry.value, list):
        name, more = pair.list(2, 2)
    else:
        name, (_, more) = entry.like(example), pair.as_if([entry.value, {}]).list()
    inner = Arguments(more)
    layer = make(name.text().lower(), inner)
    if layer is None:
        given.said.append(f"{key} is {name.written()}, and the network leaves it out")
    given.said += [f"{key}: {said}" for said in inner.not_supported()] if layer is not None else []
    return layer


def group_count(entry: Entry, channels: Sequence[int]) -> int:
    """Return a number of groups, which divides each number of channels."""
    groups = entry.like(gcd(entry.example, *channels)).number()
    if any(count % groups for count in channels):
        says = f"is {groups}, and must divide the numbers of channels: {', '.join(map(str, dict.fromkeys(channels)))}"
        raise entry.wrong("groups", says, entry.fix(gcd(groups, *channels)))
    return groups


def _norm(name: str, given: Arguments, channels: Sequence[int] = ()) -> Norm | None:
    if name not in _NORMS:
        return None
    kind, affine = _NORMS[name]
    given.skip(*_IGNORED)
    affine = given.flag("affine", affine)
    epsilon = given.read("eps", lambda entry: entry.real(0), 1e-5)
    groups = group_count(given.needed("num_groups"), channels) if kind == "group" else 1
    if kind != "group":
        _say_statistics(given, kind)
    return Norm(kind, groups=groups, epsilon=epsilon, affine=affine)


def _say_statistics(given: Arguments, kind: str) -> None:
    """Say it if a norm does not use the statistics that its kind uses at inference.

    With ``track_running_stats``, the statistics are those of the training data, else those of the image.
    """
    stored = kind == "batch"
    entry = given.nullable("track_running_stats")
    if entry is not None and given.flag("track_running_stats", stored) != stored:
        both = ("of the image", "of the training data")
        says = f"so the norm uses the statistics {both[not stored]}, and the network uses those {both[stored]}"
        given.said.append(f"track_running_stats is {entry.written()}, {says}")


def _activation(name: str, given: Arguments) -> Activation | None:
    if name not in _ACTIVATIONS:
        return None
    kind, key, default = _ACTIVATIONS[name]
    given.skip(*_IGNORED)
    if name == "gelu":
        of_gelu = {"none": "gelu", "tanh": "gelu_tanh"}.get(given.read("approximate", Entry.text, "none"))
        if of_gelu is None:
            return None
        kind = of_gelu
    slope = given.read(key, Entry.real, default) if key else None
    if given.read("num_parameters", Entry.number, 1) != 1:
        return None
    return Activation(kind, slope=slope)
