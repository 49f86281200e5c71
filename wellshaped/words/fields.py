"""The fields of the configs: how a user types them, and a config with other values."""

import re
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from ..spec import FIELDS, AnyNetwork, UNet2Config, UNetConfig
from ..spec.answers.any_network import as_network
from ..spec.messages.choices import near_choices
from ..spec.messages.report import UsageError, WellshapedError, all_at_once, raise_all
from ..spec.messages.written import clipped
from ..spec.unet.by_level import BLOCKS, BY_LEVEL, PER_AXIS
from ..spec.unet.choices import CHOICES, USUAL
from .numbers import natural_in

CONFIGS: dict[str, Any] = {"unet2": UNet2Config(), "unet": UNetConfig()}
"""The names of the configs with default values. The first is the default."""

FIELDS_OF = {name: {f.name: f for f in fields(config)} for name, config in CONFIGS.items()}
"""The fields of each of these configs, by their names."""

NUMBERS = tuple(name for name in BY_LEVEL if name not in CHOICES)
"""The fields that have numbers, and may have one for each level."""

SWITCHES = tuple(name for name in BY_LEVEL if True in CHOICES.get(name, ()))
"""The fields that are true or false, and may differ from level to level."""

FIELD_NAMES = tuple(dict.fromkeys(name for known in reversed(FIELDS_OF.values()) for name in known))
"""The fields of the configs, each once."""

_SAYS = {  # help for the fields of a UNetConfig; the fields of a UNet2Config have their own
    "levels": "How many steps down there are.",
    "axes": "Spatial axes: 1, 2 or 3.",
    "decoder_convs": "Convolutions in each block of the decoder. none means --convs-per-block.",
    "activation": "Activation after each convolution of a block.",
    "order": "Whether the norm comes before the activation or after it.",
    "stride": "By how much a level divides the size.",
    "downsampling": "How: by pooling, or by the stride of the next convolution.",
    "upsampling_kernel": "Kernel of the transposed convolutions. none means the stride.",
    "skip": "How a skip meets the upsampled image.",
    "multipliers": "Channels of each level and the bottom, in units of --base-channels: 1,2,4. none means doubling.",
    "convs_per_block": "Convolutions in each block.",
    "padding": "Padding of the block convolutions.",
    "norm": "Norm after each convolution of a block.",
    "groups": "Number of groups of a group norm.",
    "residual": "Whether each block adds its input before its last activation. Alone: true. --no-residual: false.",
    "upsampling": "How a level multiplies the size again.",
    "join": "How a skip joins the upsampled image. none: exact if --padding same, even crop if --padding none.",
    "concat": "Which channels come first in a join.",
    "bias": "Whether the block convolutions have a bias.",
    "head": "Whether a final 1×1 convolution makes the channels of the output.",
    "base_channels": "Channels of the first level; they double at each further level.",
    "conv_kernel": "Kernel of the block convolutions.",
}
_EACH = " One value, or one for each level with commas{}: {}."
_EXAMPLES = {  # of values that differ from level to level
    "convs_per_block": "2,2,3,3,3",
    "decoder_convs": "1,1,2,2",
    "conv_kernel": "1x3x3,3,3,3,3",
    "norm": "none,group,group,group,group",
    "groups": "1,8,8,16,16",
    "activation": "relu,relu,relu,silu,silu",
    "order": "activation first,norm first,norm first,norm first,norm first",
    "residual": "false,true,true,true,true",
    "stride": "1x2x2,2,2,2",
    "upsampling_kernel": "2,2,4,4",
    "downsampling": "max,max,stride,stride",
    "upsampling": "nearest,nearest,transposed,transposed",
    "skip": "none,add,add,concat",
}


def help_of(name: str) -> str:
    """Return what a field means and which values it takes.

    >>> help_of("levels")
    'How many steps down there are.'
    """
    says = _SAYS[name] if name in _SAYS else FIELDS[name].metadata["says"]
    choices = [str(choice) for choice in CHOICES.get(name, ()) if isinstance(choice, str)]
    says += f" One of {', '.join(choices)}." if choices else ""
    if name in _EXAMPLES:
        also = " (and the bottom)" if name in BLOCKS else ""
        says += _EACH.format(also + (" and x for axes" if name in PER_AXIS else ""), _EXAMPLES[name])
    return says


def fields_of(network: AnyNetwork) -> dict[str, Any] | None:
    """Return the fields of a config, or ``None`` for a graph.

    >>> fields_of("milesial")["norm"], fields_of("unetplusplus")
    ('batch', None)
    """
    config = as_network(network)
    is_config = any(type(config) is type(default) for default in CONFIGS.values())
    return asdict(config) if is_config else None


def with_fields(network: AnyNetwork, name: str | None, given: Mapping[str, Any]) -> AnyNetwork:
    """Return the ``network`` called ``name`` with other values of its fields, which are ``given`` as they are typed.

    Raises :class:`UsageError` for fields that it does not have and values that can't be used.

    >>> with_fields("milesial", "milesial", {"levels": "3"})
    UNetConfig(levels=3, norm='batch', join='pad', bias=False)
    """
    if not given:
        return network
    config = as_network(network)
    of = next((of for of, default in CONFIGS.items() if type(default) is type(config)), None)
    unknown = [field for field in given if of is None or field not in FIELDS_OF[of]]
    if unknown:
        raise _no_fields(name, of, given, unknown)
    errors: list[WellshapedError] = []
    values = {}
    for field, value in given.items():
        with all_at_once(errors):
            values[field] = _value(of, field, value)
    raise_all(errors)
    result: AnyNetwork = replace(config, **values)
    return result


def _value(of: str | None, field: str, value: Any) -> Any:
    """Return the value of a field in the form that the config takes."""
    default = FIELDS_OF[of or "unet"][field].default
    if isinstance(value, bool):
        return value
    if default is None and value.strip().lower() == "none":
        return None
    if of != "unet2" and field in NUMBERS:
        return _of_levels(field, value)
    if of != "unet2" and field in BY_LEVEL and "," in value:
        return tuple(_choice(field, word.strip(), value) for word in value.split(","))
    if type(default) is int:
        return natural_in(value, word_of(field), default)
    if field == "multipliers":
        parts = re.split(r"\s*,\s*|\s+", value.strip("()[] "))
        doubling = ",".join(str(2**i) for i in range(min(max(len(parts), 2), 8)))
        return tuple(natural_in(part, word_of(field), doubling, value) for part in parts)
    return _choice(field, value)


def _choice(field: str, value: str, whole: str | None = None) -> Any:
    """Return the choice called ``value``, which is one of those in the ``whole`` text."""
    choices = {str(choice).lower(): choice for choice in CHOICES[field]}
    if value in choices:
        return choices[value]
    shown = [f"{choice!r}" if " " in choice else choice for choice in choices]
    near = near_choices(value, choices)
    if whole is None:
        given, subject, fixes = value, "it", near
    else:
        words = [word.strip() for word in whole.split(",")]
        given, subject = whole, clipped(repr(value))
        fixes = tuple(",".join(one if word == value else word for word in words) for one in near)
    fix = " or ".join(as_flag(field, one) for one in fixes)
    says = f"{subject} must be one of {', '.join(shown)}"
    raise UsageError.of(f"{word_of(field)} {clipped(given) or repr(given)}", field, "", says, fix)


def _of_levels(field: str, value: str) -> Any:
    """Return the numbers of a text like ``1x3x3,3``: commas between levels, and x between axes."""
    flag, usual = word_of(field), USUAL[field]
    parts = [part.strip() for part in value.strip("()[] ").split(",")]
    of_levels = [[n.strip() for n in re.split("[x×]", part)] for part in parts]
    if len(parts) == 1 and len(of_levels[0]) == 1:
        return natural_in(value, flag, usual)
    numbers = [tuple(natural_in(n, flag, usual, value) for n in of_level) for of_level in of_levels]
    return tuple(of_level if len(of_level) > 1 else of_level[0] for of_level in numbers)


def _no_fields(name: str | None, of: str | None, given: Mapping[str, Any], unknown: list[str]) -> Exception:
    words = ", ".join(map(word_of, unknown[:3])) + (f" and {len(unknown) - 3} more" if len(unknown) > 3 else "")
    subject = f"{name or of} with {words}"
    fitting = next((other for other in ("unet", "unet2") if all(field in FIELDS_OF[other] for field in given)), None)
    if of is None:
        says = f"{name} is a fixed network, which has no {words}"
        flags = [as_flag(field, value) for field, value in given.items()]
        fix = f"leave out {' '.join(map(word_of, unknown[:3]))}"
        fix += f", or use {' '.join([fitting, *flags])}" if fitting else ""
        return UsageError.of(subject, "network", "", says, clipped(fix, 100))
    other = next(other for other in FIELDS_OF if other != of)
    lead = f"{name} is a {of} config, which has" if name not in (None, of) else f"{of} has"
    says = f"{lead} no {words} ({other} has {'it' if len(unknown) == 1 else 'them'}, and is another network)"
    kept = given if fitting else {field: value for field, value in given.items() if field in FIELDS_OF[of]}
    start = fitting or name or of
    fix = " ".join([start, *(as_flag(field, value) for field, value in kept.items())])
    return UsageError.of(subject, "network", "", says, clipped(fix, 100))


def word_of(field: str) -> str:
    """Return the flag of a field.

    >>> word_of("base_channels")
    '--base-channels'
    """
    return f"--{field.replace('_', '-')}"


def as_flag(field: str, value: Any) -> str:
    """Return a field and its value as they are typed.

    >>> as_flag("join", "even crop"), as_flag("head", False), as_flag("stride", ((1, 2, 2), 2))
    ("--join 'even crop'", '--no-head', '--stride 1x2x2,2')
    >>> as_flag("residual", (True, False))
    '--residual true,false'
    """
    if isinstance(value, bool):
        return word_of(field) if value else f"--no-{field.replace('_', '-')}"
    entries = value if isinstance(value, tuple) else (value,)
    text = ",".join("x".join(map(str, of)) if isinstance(of, tuple) else _typed(of) for of in entries)
    return f"{word_of(field)} {f'{text!r}' if set(text) & set(' *') or not text else text}"


def _typed(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
