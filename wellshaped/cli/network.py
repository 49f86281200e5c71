"""The network of a command: the name of a preset, a config by its fields, or a file (DESIGN, "The public face").

Flags change fields of the config, also of presets and files. A field of both configs has one flag.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, make_dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from ..spec import FIELDS, PRESETS, AnyNetwork, UNet2Config, UNetConfig, load_network
from ..spec.answers.any_network import as_network
from ..spec.files.formats import FORMATS
from ..spec.files.models import model_graph
from ..spec.files.tensors import SUFFIX
from ..spec.messages.choices import near_choices, near_name
from ..spec.messages.report import UsageError
from ..spec.messages.written import clipped, written_value
from ..spec.unet.by_level import BLOCKS, BY_LEVEL, PER_AXIS
from ..spec.unet.config import CHOICES, USUAL
from .numbers import as_typed, natural_in, numbers_in
from .objects import reject_module, reject_object
from .plans import names_plan, planned_network

_CONFIGS: dict[str, Any] = {"unet2": UNet2Config(), "unet": UNetConfig()}
"""The names of the configs with default values. The first is the default."""

_OF = {name: {f.name: f for f in fields(config)} for name, config in _CONFIGS.items()}
_NAMES = list(dict.fromkeys([*_CONFIGS, *PRESETS]))

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
_GROUPS = {
    "both": Group("Fields of unet and of unet2", sort_key=1),
    "unet": Group("Fields of unet, a U-Net of any number of levels", sort_key=2),
    "unet2": Group("Fields of unet2, the U-Net of the Lean specification, which halves once", sort_key=3),
}


_NUMBERS = tuple(name for name in BY_LEVEL if name not in CHOICES)
"""The fields that have numbers, and may have one for each level."""

_SWITCHES = tuple(name for name in BY_LEVEL if True in CHOICES.get(name, ()))
"""The fields that are true or false, and may differ from level to level."""


def _flag(name: str) -> tuple[str, Any, None]:
    """Return a field of a config as a flag that is ``None`` by default."""
    of = "both" if all(name in known for known in _OF.values()) else "unet" if name in _OF["unet"] else "unet2"
    default = _OF["unet2" if of == "unet2" else "unet"][name].default
    says = _SAYS[name] if name in _SAYS else FIELDS[name].metadata["says"]
    choices = [str(choice) for choice in CHOICES.get(name, ()) if isinstance(choice, str)]
    says += f" One of {', '.join(choices)}." if choices else ""
    if name in _EXAMPLES:
        also = " (and the bottom)" if name in BLOCKS else ""
        says += _EACH.format(also + (" and x for axes" if name in PER_AXIS else ""), _EXAMPLES[name])
    given: dict[str, Any] = {"help": f"{says} [default: {str(default).lower()}]", "group": _GROUPS[of]}
    if name == "multipliers" or name in _NUMBERS:
        kind: Any = Annotated[str | None, Parameter(converter=as_typed, allow_leading_hyphen=True, **given)]
    elif isinstance(default, bool) and name not in _SWITCHES:
        kind = Annotated[bool | None, Parameter(**given)]
    elif name in CHOICES:
        kind = Annotated[str | None, Parameter(**given)]
    else:
        kind = Annotated[int | str | None, Parameter(converter=as_typed, **given)]  # Pydantic must not check it first
    return name, kind, None


FIELD_NAMES = tuple(dict.fromkeys(name for known in reversed(_OF.values()) for name in known))
"""The fields of the configs, each once."""

ConfigFlags = make_dataclass(
    "ConfigFlags",
    [_flag(name) for name in FIELD_NAMES],
    kw_only=True,
    namespace={"__module__": __name__},  # else cyclopts treats it like a builtin type
)
"""One flag for each field of a config; ``None`` if it is not given."""

Flags = Annotated[ConfigFlags | None, Parameter(name="*")]  # type: ignore[valid-type]  # created above

Name = Annotated[
    str | None,
    Parameter(
        help="A preset (wellshaped list), unet, unet2, a .toml or .json file, a model's .safetensors file, or a "
        "configuration in nnU-Net's plans: nnUNetPlans.json:3d_fullres. [default: unet2]"
    ),
]


def network_of(name: str | None, flags: Any, image: str | None = None) -> AnyNetwork:
    """Return the network called ``name``, with the fields that ``flags`` set.

    Raises :class:`UsageError` for an unknown name (with the nearest one), for a model in somebody's code, and for flags
    that are not fields of the network, and :class:`FileError` for a file that can't be read. The error for a model in
    code proposes commands for this ``image``.

    >>> network_of("milesial", None), network_of(None, ConfigFlags(levels="3")), network_of(None, None)
    ('milesial', UNetConfig(levels=3), UNet2Config())
    >>> network_of("milesial", ConfigFlags(levels="3"))
    UNetConfig(levels=3, norm='batch', join='pad', bias=False)
    """
    reject_object(name, image)
    given = given_fields(flags)
    network: AnyNetwork = _CONFIGS[_meant(given)] if name is None else _named(name)
    if not given:
        return network
    config = as_network(network)
    of = next((of for of, default in _CONFIGS.items() if type(default) is type(config)), None)
    unknown = [field for field in given if of is None or field not in _OF[of]]
    if unknown:
        raise _no_fields(name, of, given, unknown)
    result: AnyNetwork = replace(config, **{field: _value(of, field, value) for field, value in given.items()})
    return result


def require_saved(model: Path) -> None:
    """Raise :class:`UsageError` for a network without weights, and for weights of PyTorch: no model is in them.

    >>> require_saved(Path("milesial"))
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.UsageError: model milesial can't be used.
      weights: it is a network without weights, and must be a model's .safetensors file.
      fix: wellshaped convert weights.pt milesial model.safetensors
    """
    name = str(model)
    is_network = name in _NAMES or model.suffix in FORMATS
    if not is_network and model.suffix not in (".pt", ".pth", ".ckpt", ".bin"):
        return
    is_of = "a network without weights" if is_network else "a file of PyTorch's weights"
    says = f"it is {is_of}, and must be a model's {SUFFIX} file"
    given = f"weights.pt {name}" if is_network else f"{name} milesial"
    raise UsageError.of(f"model {name}", "weights", "", says, f"wellshaped convert {given} model{SUFFIX}")


def with_values(words: Sequence[str]) -> list[str]:
    """Return the words of a command, with ``true`` or ``false`` where a switch that takes values stands alone.

    >>> with_values(["--residual", "unet"]), with_values(["--no-residual"]), with_values(["--residual", "true,false"])
    (['--residual=true', 'unet'], ['--residual=false'], ['--residual=true,false'])
    """
    made = list(words)
    for i, word in reversed(list(enumerate(made))):
        for field in _SWITCHES:
            if word == word_of(field):
                follows = made[i + 1] if i + 1 < len(made) else ""
                is_value = "," in follows or follows in ("true", "false")
                made[i : i + 1 + is_value] = [f"{word}={follows if is_value else 'true'}"]
            elif word == word_of(f"no_{field}"):
                made[i] = f"{word_of(field)}=false"
    return made


def given_fields(flags: Any) -> dict[str, Any]:
    """Return the fields that the flags of a command set, with their texts.

    >>> given_fields(None), given_fields(ConfigFlags(levels="3"))
    ({}, {'levels': '3'})
    """
    return {} if flags is None else {field: value for field, value in vars(flags).items() if value is not None}


def as_typed_again(name: str | None, flags: Any) -> str:
    """Return the words for a network in a command: its name and its flags.

    >>> as_typed_again("unet", ConfigFlags(levels="3", head=False)), as_typed_again(None, None)
    ('unet --levels 3 --no-head', '')
    """
    return " ".join(
        [*([name] if name else []), *(as_flag(field, value) for field, value in given_fields(flags).items())]
    )


def fields_of(network: AnyNetwork) -> dict[str, Any] | None:
    """Return the fields of a config, or ``None`` for a graph.

    >>> fields_of("milesial")["norm"], fields_of("unetplusplus")
    ('batch', None)
    """
    config = as_network(network)
    is_config = any(type(config) is type(default) for default in _CONFIGS.values())
    return asdict(config) if is_config else None


def number_first(name: str | None, number: str | None) -> tuple[str | None, str | None]:
    """Return a name and a number. The name may be left out: ``wellshaped sizes 303`` is about the default network.

    Raises :class:`UsageError` if the name and the number are swapped.

    >>> number_first("303", None), number_first("milesial", "303")
    ((None, '303'), ('milesial', '303'))
    """
    if name is None or not _is_number(name):
        return name, number
    if number is None:
        return None, name
    says = f"the network comes first, then the size, and {clipped(name)!r} is a size"
    fix = f"{name}x{number}" if _is_number(number) else f"{number} {name}"
    raise UsageError.of("the network", "network", "", says, clipped(fix))


def _is_number(text: str) -> bool:
    """Whether ``text`` is one or several sizes, also one that can't be used, as 2.5."""
    return numbers_in(text) != [] or re.fullmatch(r"\s*\d+(\.\d*)?(e\d+)?\s*", text) is not None


def _meant(given: Mapping[str, Any]) -> str:
    """Return the name of the config with these fields: unet2 if it has all of them, else unet."""
    return "unet" if any(field not in _OF["unet2"] for field in given) else "unet2"


def _named(name: str) -> AnyNetwork:
    if name in PRESETS:
        return name
    if name in _CONFIGS:
        default: AnyNetwork = _CONFIGS[name]
        return default
    if names_plan(name):
        return planned_network(name)
    if name.endswith(SUFFIX):
        return model_graph(name)
    reject_module(name)
    if "." in name or os.sep in name or _exists(name):
        return load_network(name)
    if numbers := numbers_in(name):
        says = f"the first argument is a network, and {name!r} is a size"
        shape = [1, *numbers] if len(numbers) == 2 else numbers  # the default network has two axes
        fix = f"--input {'x'.join(map(str, shape))}" if len(numbers) > 1 else f"wellshaped sizes {numbers[0]}"
        raise UsageError.of("the network", "network", "", says, fix)
    says = f"{written_value(clipped(name))} is not a preset, unet, unet2 or a file"
    fix = near_name(name, [*_NAMES, *_files()]) or "a name from wellshaped list"
    raise UsageError.of("the network", "network", "", says, fix)


def _exists(name: str) -> bool:
    try:
        return Path(name).exists()
    except OSError:  # for example, a name that is too long
        return False


def _files() -> list[str]:
    """Return the files in the current folder that may hold a network."""
    return [path.name for path in Path().glob("*") if path.suffix in (".toml", ".json", SUFFIX)]


def _value(of: str | None, field: str, value: Any) -> Any:
    """Return the value of a field in the form that the config takes."""
    default = _OF[of or "unet"][field].default
    if isinstance(value, bool):
        return value
    if default is None and value.strip().lower() == "none":
        return None
    if of != "unet2" and field in _NUMBERS:
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
    fitting = next((other for other in ("unet", "unet2") if all(field in _OF[other] for field in given)), None)
    if of is None:
        says = f"{name} is a fixed network, which has no {words}"
        flags = [as_flag(field, value) for field, value in given.items()]
        fix = f"leave out {' '.join(map(word_of, unknown[:3]))}"
        fix += f", or use {' '.join([fitting, *flags])}" if fitting else ""
        return UsageError.of(subject, "network", "", says, clipped(fix, 100))
    other = next(other for other in _OF if other != of)
    lead = f"{name} is a {of} config, which has" if name not in (None, of) else f"{of} has"
    says = f"{lead} no {words} ({other} has {'it' if len(unknown) == 1 else 'them'}, and is another network)"
    kept = given if fitting else {field: value for field, value in given.items() if field in _OF[of]}
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
