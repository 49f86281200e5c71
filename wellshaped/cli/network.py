"""The network of a command: the name of a preset, a config by its fields, or a file.

Flags change fields of the config, also of presets and files. A field of both configs has one flag.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import make_dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter

from ..spec import PRESETS, AnyNetwork, load_network
from ..spec.files.formats import FORMATS
from ..spec.files.models import model_graph
from ..spec.files.tensors import PICKLED, SUFFIX
from ..spec.messages.choices import near_name
from ..spec.messages.report import UsageError
from ..spec.messages.written import clipped, written_value
from ..spec.unet.choices import CHOICES
from ..words.fields import CONFIGS, FIELD_NAMES, FIELDS_OF, NUMBERS, SWITCHES, as_flag, help_of, with_fields, word_of
from ..words.numbers import numbers_in
from .numbers import as_typed
from .objects import reject_module, reject_object
from .plans import names_plan, planned_network

_NAMES = list(dict.fromkeys([*CONFIGS, *PRESETS]))

_GROUPS = {
    "both": Group("Fields of unet and of unet2", sort_key=1),
    "unet": Group("Fields of unet, a U-Net of any number of levels", sort_key=2),
    "unet2": Group("Fields of unet2, the U-Net of the Lean specification, which halves once", sort_key=3),
}


def _flag(name: str) -> tuple[str, Any, None]:
    """Return a field of a config as a flag that is ``None`` by default."""
    of_unet, of_unet2 = (name in FIELDS_OF[of] for of in ("unet", "unet2"))
    of = "both" if of_unet and of_unet2 else "unet" if of_unet else "unet2"
    default = FIELDS_OF["unet2" if of == "unet2" else "unet"][name].default
    given: dict[str, Any] = {"help": f"{help_of(name)} [default: {str(default).lower()}]", "group": _GROUPS[of]}
    if name == "multipliers" or name in NUMBERS:
        kind: Any = Annotated[str | None, Parameter(converter=as_typed, allow_leading_hyphen=True, **given)]
    elif isinstance(default, bool) and name not in SWITCHES:
        kind = Annotated[bool | None, Parameter(**given)]
    elif name in CHOICES:
        kind = Annotated[str | None, Parameter(**given)]
    else:
        kind = Annotated[int | str | None, Parameter(converter=as_typed, **given)]  # Pydantic must not check it first
    return name, kind, None


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
    network: AnyNetwork = CONFIGS[_meant(given)] if name is None else _named(name)
    return with_fields(network, name, given)


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
    if not is_network and model.suffix not in PICKLED:
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
        for field in SWITCHES:
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
    return "unet" if any(field not in FIELDS_OF["unet2"] for field in given) else "unet2"


def _named(name: str) -> AnyNetwork:
    if name in PRESETS:
        return name
    if name in CONFIGS:
        default: AnyNetwork = CONFIGS[name]
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
