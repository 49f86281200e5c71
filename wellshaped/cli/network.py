"""The network that a command is about: a preset's name, a config by its fields, or a file (DESIGN, "The public face").

Flags set fields of a config, whichever way it was named. Fields of both configs have one flag.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict, fields, make_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from ..spec import FIELDS, PRESETS, AnyNetwork, UNet2Config, UNetConfig, load_network
from ..spec.answers.door import named
from ..spec.files import short_natural
from ..spec.messages.choices import nearest_choice
from ..spec.messages.report import UsageError
from ..spec.messages.written import clipped, written_value
from ..spec.unet.config import CHOICES
from .numbers import as_given, convert, convert_list, numbers_in

_CONFIGS: dict[str, Any] = {"unet2": UNet2Config(), "unet": UNetConfig()}
"""The names that stand for a config with its defaults. Without a name or a flag, it is the first."""

_OF = {name: {f.name: f for f in fields(config)} for name, config in _CONFIGS.items()}
_NAMES = list(dict.fromkeys([*_CONFIGS, *PRESETS]))

_SAYS = {  # of each field of a UNetConfig; those of a UNet2Config say it themselves
    "levels": "How often the size is halved.",
    "multipliers": "Channels of each level and of the bottom over --base-channels, as 1,2,4; none doubles them.",
    "convs_per_block": "Convolutions in each block.",
    "padding": "Of the block convolutions.",
    "norm": "After each convolution of a block.",
    "groups": "Groups of a group norm.",
    "residual": "Whether each block adds its input before its last ReLU.",
    "upsampling": "How the size is doubled.",
    "join": "How a skip meets what is upsampled; none is exact with padding, else even crop.",
    "concat": "What comes first among the channels of a join.",
    "bias": "Whether the block convolutions have a bias.",
    "head": "Whether a 1×1 convolution makes the output's channels.",
    "base_channels": "Channels at the first level; each further one has twice as many.",
    "conv_kernel": "Kernel of the block convolutions.",
}
_GROUPS = {
    "both": Group("Fields of unet and of unet2", sort_key=1),
    "unet": Group("Fields of unet, a U-Net of any number of levels", sort_key=2),
    "unet2": Group("Fields of unet2, the two-level U-Net of the source", sort_key=3),
}


def _flag(name: str) -> tuple[str, Any, None]:
    """A field of a config as a flag: not given by default."""
    of = "both" if all(name in known for known in _OF.values()) else "unet" if name in _OF["unet"] else "unet2"
    default = _OF["unet2" if of == "unet2" else "unet"][name].default
    says = _SAYS[name] if name in _SAYS else FIELDS[name].metadata["says"]
    choices = [str(choice) for choice in CHOICES.get(name, ()) if isinstance(choice, str)]
    says += f" One of {', '.join(choices)}." if choices else ""
    given: dict[str, Any] = {"help": f"{says} [default: {str(default).lower()}]", "group": _GROUPS[of]}
    if name == "multipliers":
        kind: Any = Annotated[str | None, Parameter(converter=convert_list, allow_leading_hyphen=True, **given)]
    elif isinstance(default, bool):
        kind = Annotated[bool | None, Parameter(**given)]
    elif name in CHOICES:
        kind = Annotated[str | None, Parameter(**given)]
    else:
        kind = Annotated[int | None, Parameter(converter=convert, **given)]
    return name, kind, None


ConfigFlags = make_dataclass(
    "ConfigFlags",
    [_flag(name) for name in dict.fromkeys(name for known in reversed(_OF.values()) for name in known)],
    kw_only=True,
    namespace={"__module__": __name__},  # or cyclopts takes it for one of Python's own types
)
"""One flag for each field of a config; ``None`` where it is not given."""

Flags = Annotated[ConfigFlags | None, Parameter(name="*")]  # type: ignore[valid-type]  # made above

Name = Annotated[
    str | None,
    Parameter(help="A preset (wellshaped list), unet or unet2, or the path of a .toml or .json file. [default: unet2]"),
]


def network_of(name: str | None, flags: Any) -> AnyNetwork:
    """The network that a command is given: that of the ``name``, with the fields that ``flags`` set.

    Raises :class:`ShapeError` for a name that is none, with the nearest, a file that can't be read, and flags that the
    network has no fields for.

    >>> network_of("milesial", None), network_of(None, ConfigFlags(levels=3)), network_of(None, None)
    ('milesial', UNetConfig(levels=3), UNet2Config())
    >>> network_of("milesial", ConfigFlags(levels=3))
    UNetConfig(levels=3, norm='batch', join='pad', bias=False)
    """
    given = {} if flags is None else {field: value for field, value in vars(flags).items() if value is not None}
    network: AnyNetwork = _CONFIGS[_meant(given)] if name is None else _named(name)
    if not given:
        return network
    config = named(network)
    of = next((of for of, default in _CONFIGS.items() if type(default) is type(config)), None)
    unknown = [field for field in given if of is None or field not in _OF[of]]
    if unknown:
        raise _no_fields(name, of, given, unknown)
    result: AnyNetwork = replace(config, **{field: _value(of, field, value) for field, value in given.items()})
    return result


def fields_of(network: AnyNetwork) -> dict[str, Any] | None:
    """The fields of a config; ``None`` of a graph.

    >>> fields_of("milesial")["norm"], fields_of("unetplusplus")
    ('batch', None)
    """
    config = named(network)
    is_config = any(type(config) is type(default) for default in _CONFIGS.values())
    return asdict(config) if is_config else None


def number_first(name: str | None, number: str | None) -> tuple[str | None, str | None]:
    """A name and a number, of which the first may be left out: ``wellshaped sizes 303`` is about the default network.

    Raises :class:`ShapeError` where a number stands in place of the name.

    >>> number_first("303", None), number_first("milesial", "303")
    ((None, '303'), ('milesial', '303'))
    """
    if name is None or not _is_number(name):
        return name, number
    if number is None:
        return None, name
    says = f"the network's name comes before a size, and {clipped(name)!r} is a size"
    fix = f"{name}x{number}" if _is_number(number) else f"{number} {name}"
    raise UsageError.of("the network", "network", "no such network", says, clipped(fix))


def _is_number(text: str) -> bool:
    """Whether this is a size, or sizes; what only Python takes for a number, "nan" for instance, is a name."""
    return numbers_in(text) != [] or (text.strip()[:1].isdecimal() and not isinstance(as_given(text), str))


def _meant(given: Mapping[str, Any]) -> str:
    """The config that has these fields; the first if both do, or neither has all."""
    return "unet" if any(field not in _OF["unet2"] for field in given) else "unet2"


def _named(name: str) -> AnyNetwork:
    if name in PRESETS:
        return name
    if name in _CONFIGS:
        default: AnyNetwork = _CONFIGS[name]
        return default
    if "." in name or os.sep in name or _exists(name):
        return load_network(name)
    if numbers := numbers_in(name):
        says = f"{name!r} is a size, and the first argument is a network's name"
        fix = f"--input {'x'.join(map(str, numbers))}" if len(numbers) > 1 else f"wellshaped sizes {numbers[0]}"
        raise UsageError.of("the network", "network", "no such network", says, fix)
    near = get_close_matches(name, [*_NAMES, *_files()], n=1) or [nearest_choice(name, _NAMES)]
    says = f"{written_value(clipped(name))} is not a preset, unet, unet2 or a file; wellshaped list names the presets"
    raise UsageError.of("the network", "network", "no such network", says, near[0])


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except OSError:  # a name that is too long, say
        return False


def _files() -> list[str]:
    """The files here that could be networks."""
    return [path.name for path in Path().glob("*") if path.suffix in (".toml", ".json")]


def _value(of: str | None, field: str, value: Any) -> Any:
    """The value of a field as the config takes it."""
    default = _OF[of or "unet"][field].default
    if default is None and isinstance(value, str) and value.strip().lower() == "none":
        return None
    if type(default) is int:
        return short_natural(value, field)
    if field == "multipliers":
        return tuple(short_natural(number, f"multipliers[{i}]") for i, number in enumerate(value))
    return value


def _no_fields(name: str | None, of: str | None, given: Mapping[str, Any], unknown: list[str]) -> Exception:
    words = ", ".join(map(_word, unknown[:3])) + (f" and {len(unknown) - 3} more" if len(unknown) > 3 else "")
    if of is None:
        says = f"{words} would change nothing: {name} is a graph, whose nodes have numbers of their own"
        return UsageError.of(f"{name} with {words}", "network", "a graph has no fields of a config", says, f"{name}")
    other = next(other for other in _OF if other != of)
    fits_other = all(field in _OF[other] for field in given)
    kept = given if fits_other else {field: value for field, value in given.items() if field in _OF[of]}
    fix = " ".join([other if fits_other else name or of, *(_written(field, value) for field, value in kept.items())])
    verb = "is a field" if len(unknown) == 1 else "are fields"
    says = f"{words} {verb} of {other}, and not of {of}"
    return UsageError.of(f"{name or of} with {words}", "network", "no such field", says, clipped(fix, 100))


def _word(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def _written(field: str, value: Any) -> str:
    """A flag as it is typed."""
    if isinstance(value, bool):
        return _word(field) if value else f"--no-{field.replace('_', '-')}"
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f"{_word(field)} {f'{text!r}' if ' ' in text or not text else text}"
