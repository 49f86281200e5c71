"""Networks in files: TOML or JSON, with one key for each field of a config, or with the nodes of a graph.

The keys of a file show which kind of network it holds. If several kinds fit, the key ``kind`` decides.
"""

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

from ..answers.any_network import AnyNetwork, as_network
from ..arithmetic.naturals import natural
from ..conditions import require_kind
from ..messages.choices import nearest_choice
from ..messages.faults import Faults
from ..messages.report import ConfigError, FileError, UsageError, WellshapedError
from ..messages.written import clipped, kind_of, written_value
from ..network.data import (
    NETWORK_KEYS,
    DataError,
    data_of,
    judge_digits,
    judge_keys,
    judge_value,
    network_from,
    number_fix,
)
from ..network.network import Network
from ..unet.config import MOST, UNetConfig
from ..unet2.config import UNet2Config
from .disk import OutputError, fault_of, path_of, read_text, replacing
from .fixes import in_file
from .formats import FORMATS, format_of
from .syntax import syntax_fix

MAX_BYTES = 256 * 1024
"""The largest file, in bytes. A graph of a thousand nodes has less than half of this; a larger file is a mistake."""

MAX_DIGITS = 99
"""The most digits of a number in a file or a flag. A longer number is a mistake."""


SavedNetwork = UNet2Config | UNetConfig | Network
"""What a file holds: a config or a graph."""


class ContentError(FileError, ConfigError):
    """A file's keys or values are not those of a network. ``except ConfigError`` catches it too."""

    says = FileError.says


class IllFormedError(ContentError):
    """A file holds a network, which breaks a rule: a kernel of 0, for example."""

    says = ConfigError.says


def load_network(path: str | os.PathLike[str]) -> UNet2Config | UNetConfig | Network:
    r"""Return the network in a ``.toml`` or ``.json`` file: a config or a graph.

    A graph has the key ``nodes``; messages call it by the name of its file. A config has the fields of
    :class:`UNet2Config` or :class:`UNetConfig`; keys that are left out take their defaults. The file is read as the
    kind that knows the most of its keys. If two kinds know equally many (``base_channels`` is a field of both configs),
    add the key ``kind``: ``"UNet2Config"``, ``"UNetConfig"`` or ``"Network"``.

    Raises :class:`FileError`, which has the path and says that the file

    - "can't be read", if it is missing, a folder, larger than 256 KiB or not parseable, or if its suffix is unknown;
    - "can't be read", with a list of all faults, if its kind is unclear, a key is missing or unknown (then with the
      nearest known key), or a value can't be used;
    - "is not well-formed", if it holds a graph that breaks a rule, such as a kernel of 0.

    A config that breaks a rule is returned: :func:`check_config` judges it.

    >>> from pathlib import Path
    >>> import tempfile; folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "unet.toml").write_text('levels = 3\nnorm = "group"')
    >>> load_network(folder / "unet.toml")
    UNetConfig(levels=3, norm='group')
    >>> _ = (folder / "net.toml").write_text('inputs = { x = 3 }\nnodes = [{ name = "y", op = "MaxPool", kernel = 2 }]')
    >>> load_network(folder / "net.toml").nodes
    (Node(name='y', operation=MaxPool(kernel=2), inputs=('x',)),)
    """
    path = path_of(path, "network file", FORMATS)
    return network_of_text(_text(path, "network", f"network file {path}"), path)


def network_of_text(text: str, path: Path) -> UNet2Config | UNetConfig | Network:
    """Return the network in the ``text`` of a file, which need not exist: messages call it ``path``.

    Raises the errors of :func:`load_network`.

    >>> network_of_text("levels = 3", Path("unet.toml"))
    UNetConfig(levels=3)
    """
    network: UNet2Config | UNetConfig | Network = _loaded(text, path, f"network file {path}")
    if isinstance(network, Network) and path.name.isprintable():
        return replace(network, name=clipped(path.name))
    return network


def load_config(path: str | os.PathLike[str]) -> UNet2Config:
    """Return the :class:`UNet2Config` in a ``.toml`` or ``.json`` file. Keys that are left out take their defaults.

    Raises :class:`FileError` like :func:`load_network`, and if the file holds another kind of network.

    >>> from pathlib import Path
    >>> import tempfile; folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "unet.toml").write_text("base_channels = 16")
    >>> load_config(folder / "unet.toml")
    UNet2Config(base_channels=16)
    """
    path = path_of(path, "config file", FORMATS)
    subject = f"config file {path}"
    config: UNet2Config = _loaded(_text(path, "config", subject), path, subject, UNet2Config)
    return config


def save_network(network: AnyNetwork, path: str | os.PathLike[str]) -> None:
    """Write ``network`` to a ``.toml`` or ``.json`` file. :func:`load_network` returns an equal one.

    A file that already holds this network is not touched, and keeps its comments. Otherwise the new file replaces the
    old one in a single step, so an interrupted save loses neither.

    Raises :class:`UsageError` for a value that is not a network, and for an integer with thousands of digits. Raises
    :class:`FileError` for an unknown suffix, a folder that does not exist, a file that can't be written, and a network
    that a file can't hold: a number is too long, there are too many nodes, or an operation is your own.

    >>> from pathlib import Path
    >>> from wellshaped.spec import load_network
    >>> import tempfile; path = Path(tempfile.mkdtemp()) / "milesial.toml"
    >>> save_network("milesial", path)
    >>> load_network(path)
    UNetConfig(norm='batch', join='pad', bias=False)
    """
    network = as_network(network)
    kind = _KINDS.get(type(network).__name__)
    if kind is None or type(network) is not kind.of:
        says = f"it is {kind_of(network)}, and a file holds one of {', '.join(_KINDS)}"
        raise UsageError.of("the network", "network", "", says, "UNetConfig(levels=4)")
    _save(kind, network, path_of(path, "network file", FORMATS, OutputError), load_network)


def save_config(cfg: UNet2Config, path: str | os.PathLike[str]) -> None:
    """Write a :class:`UNet2Config` to a file, like :func:`save_network`. :func:`load_config` returns an equal one.

    >>> from pathlib import Path
    >>> from wellshaped.spec import UNet2Config, load_config
    >>> import tempfile; folder = Path(tempfile.mkdtemp())
    >>> save_config(UNet2Config(base_channels=16), folder / "unet.json")
    >>> load_config(folder / "unet.json")
    UNet2Config(base_channels=16)
    """
    require_kind(cfg, UNet2Config, dict.fromkeys(("UNetConfig", "Network", "str"), f"save_network(cfg, {str(path)!r})"))
    _save(_KINDS["UNet2Config"], cfg, path_of(path, "config file", FORMATS, OutputError), load_config)


def _save(kind: "_Kind", network: Any, path: Path, load: Callable[[Path], object]) -> None:
    subject = f"network file {path}"
    data = kind.data(network)
    try:
        text = format_of(path, subject, OutputError).write(data)
    except ValueError:  # Python does not write a number with thousands of digits
        _require_short(data, subject)
        raise
    if (size := len(text.encode())) > MAX_BYTES:
        says = f"it would have {size} bytes, and may have at most {MAX_BYTES}"
        raise OutputError.of(subject, "file", "", says, "fewer nodes")
    _loaded(text, path, subject, kind.of)  # a text that can't be read back must not replace a file
    try:
        if path.is_file() and load(path) == network:
            return
    except (WellshapedError, OSError):
        pass  # the file holds something else, so replace it
    with replacing(path) as new:
        new.write_text(text, encoding="utf-8")


def _require_short(value: object, name: str) -> None:
    """Raise :class:`UsageError` for a number that is too long to be read back."""
    if isinstance(value, dict):
        for key, entry in value.items():
            _require_short(entry, str(key))
    elif isinstance(value, list):
        for entry in value:
            _require_short(entry, name)
    elif type(value) is int:
        short_natural(value, name)


def short_natural(value: object, name: str) -> int:
    """Return ``value`` as a natural number. Raise :class:`UsageError`, naming it, if it has more than 99 digits.

    >>> short_natural(10**99, "stride")
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.UsageError: stride can't be used.
      digits: stride has more than 99 digits.
      fix: stride=1
    """
    number = natural(value, name)
    if number >= 10**MAX_DIGITS:
        raise UsageError.of(name, "digits", "", f"{name} has more than {MAX_DIGITS} digits", f"{name}=1")
    return number


# Which network a file holds


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of network: its class, its keys in a file, and the functions from file data to it and back."""

    of: type
    keys: tuple[str, ...]
    value: Callable[[Mapping[str, Any]], Any]
    data: Callable[[Any], dict[str, Any]]


def _config_from(kind: type, data: Mapping[str, Any]) -> Any:
    """Return a config from file data. Each field is judged alone, so that every fault is found."""
    defaults = {f.name: f.default for f in fields(kind)}
    faults = Faults(shown=len(defaults))
    judge_keys(data, defaults, "", faults)
    for name, default in defaults.items():
        if name not in data:
            continue

        def read(value: object, name: str = name) -> object:
            return kind(**{name: value})

        fix = number_fix(read, name, data[name], default, MAX_DIGITS, MOST + 1)
        judge_digits(data[name], name, MAX_DIGITS, "", faults, fix)
        judge_value(partial(read, data[name]), "", faults, fix)
    if faults:
        raise DataError(faults.report("the config"))
    return kind(**data)


def _data_of_config(cfg: Any) -> dict[str, Any]:
    given = {f.name: getattr(cfg, f.name) for f in fields(cfg)}
    return {name: _lists(v) for name, v in given.items() if v is not None}


def _lists(value: Any) -> Any:
    return [_lists(entry) for entry in value] if isinstance(value, tuple) else value


def _kind_of_config(kind: type) -> _Kind:
    return _Kind(kind, tuple(f.name for f in fields(kind)), partial(_config_from, kind), _data_of_config)


_KINDS = {
    "UNet2Config": _kind_of_config(UNet2Config),
    "UNetConfig": _kind_of_config(UNetConfig),
    "Network": _Kind(Network, NETWORK_KEYS, partial(network_from, digits=MAX_DIGITS), data_of),
}
"""The kinds of networks that a file can hold, by the value of its key ``kind``."""


_OTHER_FILES = (
    (
        {"statement", "prover", "network"},
        "a certificate",
        "wellshaped verify {path}, or load_certificate({path!r}) in Python",
    ),
    (
        {"configurations"},
        "a plans file of nnU-Net",
        "{path}:{key} in a command, or nnunet_plans({path!r}) in Python",
    ),
    (
        {"network_def"},
        "a config of a MONAI bundle",
        "{path}:network_def in a command, or monai_bundle({path!r}) in Python",
    ),
)
"""Files that hold something else, by their keys, and what reads them."""


def reject_other_file(data: object, path: Path, subject: str, wanted: str) -> None:
    """Raise :class:`FileError` if a file holds what another function reads. ``wanted`` is what it should hold.

    >>> reject_other_file({"network_def": {}}, Path("b.json"), "plans file b.json", "a plans file of nnU-Net")
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.FileError: plans file b.json can't be read.
      kind: it is a config of a MONAI bundle, and not a plans file of nnU-Net.
      fix: b.json:network_def in a command, or monai_bundle('b.json') in Python
    """
    for keys, what, fix in _OTHER_FILES:
        if isinstance(data, dict) and keys <= data.keys() and what != wanted:
            names = data.get("configurations")
            key = next(iter(names), "") if isinstance(names, dict) else ""
            written = fix.format(path=str(path), key=key if key.isprintable() and key else "3d_fullres")
            raise FileError.of(subject, "kind", "", f"it is {what}, and not {wanted}", written)


def data_with_kind(network: SavedNetwork) -> dict[str, Any]:
    """Return a network as plain data, with its ``kind``.

    >>> data_with_kind(UNetConfig(levels=2))["kind"]
    'UNetConfig'
    """
    name = type(network).__name__
    return {"kind": name, **_KINDS[name].data(network)}


def network_of_data(data: Mapping[str, Any], subject: str) -> SavedNetwork:
    """Return the network that plain data with a ``kind`` describe. Raises :class:`FileError` about the ``subject``.

    >>> network_of_data(data_with_kind(UNetConfig(levels=2)), "model.json")
    UNetConfig(levels=2)
    """
    if "kind" not in data:
        raise FileError.of(subject, "kind", "", "the network has no kind", 'kind="UNetConfig"')
    try:
        kind = _kind_of_data(data, None, Path(subject))
        network: SavedNetwork = kind.value({k: v for k, v in data.items() if k != "kind"})
    except WellshapedError as error:
        raise FileError(replace(error.report, subject=subject)) from None
    return network


def _loaded(text: str, path: Path, subject: str, wanted: type | None = None) -> Any:
    """Return the network in the ``text`` of a file. Raise :class:`FileError` if it is not of the ``wanted`` kind."""
    data = _parse(text, path, subject)
    reject_other_file(data, path, subject, "a network")
    try:
        kind = _kind_of_data(data, wanted, path)
        return kind.value({key: value for key, value in data.items() if key != "kind"})
    except WellshapedError as error:
        form = format_of(path, subject)
        fixes = tuple(in_file(fix, form) for fix in error.report.fixes)
        kind_of_error = IllFormedError if _is_of_rules(error) else ContentError
        raise kind_of_error(replace(error.report, subject=subject, fixes=fixes)) from None


def _is_of_rules(error: WellshapedError) -> bool:
    """Whether an error says that a network breaks rules, and not that data are no network."""
    return isinstance(error, ConfigError) and not isinstance(error, DataError | ContentError)


def _kind_of_data(data: Mapping[str, Any], wanted: type | None, path: Path) -> _Kind:
    _reject_table(data)
    if "kind" in data:
        said = data["kind"]
        if not isinstance(said, str) or said not in _KINDS:
            says = f"kind is {clipped(written_value(said))}, and must be one of {', '.join(_KINDS)}"
            raise ContentError.of("", "kind", "", says, f'kind="{nearest_choice(said, _KINDS)}"')
        if wanted is not None and _KINDS[said].of is not wanted:
            raise _another_kind(said, wanted, path)
        return _KINDS[said]
    if wanted is None:
        _reject_strange(data)
    counts = {name: len(set(kind.keys) & set(data)) for name, kind in _KINDS.items()}
    most = [name for name, count in counts.items() if count == max(counts.values())]
    if wanted is not None:
        if max(counts.values()) and not counts[wanted.__name__]:
            raise _another_kind(most[0], wanted, path)
        return _KINDS[wanted.__name__]
    if len(most) == 1:
        return _KINDS[most[0]]
    faults = Faults()
    judge_keys(data, list(dict.fromkeys(key for kind in _KINDS.values() for key in kind.keys)), "", faults)
    if not faults:
        _add_kinds(data, most, faults)
    raise ContentError(faults.report(""))


def _reject_table(data: Mapping[str, Any]) -> None:
    """Raise :class:`ContentError` for a table that holds the keys of a network, which belong at the top of the file."""
    known = {key for kind in _KINDS.values() for key in kind.keys}
    for name, table in data.items():
        if name in known or not isinstance(table, dict) or not table or table.keys() & data.keys():
            continue
        kind = next((kind for kind, of in _KINDS.items() if table.keys() <= {*of.keys, "kind"}), None)
        if kind is not None:
            says = f"{clipped(written_value(name))}, a table with the keys of a {kind}"
            fix = f"put its keys at the top, without {clipped(f'[{name}]')}"
            raise ContentError.of("", "key", "there is no such key", says, fix)


def _reject_strange(data: Mapping[str, Any]) -> None:
    """Raise :class:`ContentError` for a file without a key of a network, or one that is near to such a key."""
    known = {key for kind in _KINDS.values() for key in kind.keys}
    keys = sorted(data)
    if not keys or len(keys) > _MOST_STRANGE or any(_may_mean_one(key[:60].lower(), known) for key in keys):
        return
    says = f"its keys are {clipped(', '.join(keys), 120)}, and none is a key of a network"
    fix = "a file with the keys of a graph, inputs and nodes, or of a config, such as levels and norm"
    raise ContentError.of("", "kind", "it holds no network", says, fix)


def _may_mean_one(key: str, known: Collection[str]) -> bool:
    starts = len(key) >= 4 and any(name.startswith(key[:4]) for name in known)
    return starts or bool(get_close_matches(key, known, n=1, cutoff=0.7))


_MOST_STRANGE = 100
"""The most keys to compare: finding the nearest is slow."""


def _add_kinds(data: Mapping[str, Any], most: list[str], faults: Faults) -> None:
    """Add the fault of a file without a kind, if the kinds ``most`` have equally many of its keys."""
    others = {name: [key for key in data if key not in _KINDS[name].keys] for name in most}
    if any(others.values()):  # an equal number of keys, but not the same
        of = "; ".join(f"{name} has no {', '.join(keys)}" for name, keys in others.items())
        fix = ", or ".join(f"leave out {', '.join(keys)} for a {name}" for name, keys in others.items())
        return faults.add("kind", "no kind of network has all its keys", (of, fix))
    of = f"its keys {', '.join(data)} belong to {' and '.join(most)}" if data else "it has no keys"
    fix = " or ".join(f'kind="{name}"' for name in most)
    return faults.add("kind", "several kinds of network are possible", (of, fix))


def _another_kind(said: str, wanted: type, path: Path) -> ContentError:
    says = f"it holds a {said}, and must hold a {wanted.__name__}"
    return ContentError.of("", "kind", "", says, f"load_network({str(path)!r})")


def _text(path: Path, what: str, subject: str) -> str:
    return read_text(path, what, subject, most=MAX_BYTES, suffixes=FORMATS)


def _parse(text: str, path: Path, subject: str) -> dict[str, Any]:
    form = format_of(path, subject)
    try:
        data = form.read(text)
    except (ValueError, RecursionError) as error:
        fix = syntax_fix(text, form, error)
        raise FileError.of(subject, "syntax", f"it is not {form.name}", fault_of(error), fix) from None
    if not isinstance(data, dict):
        says = f"it holds {kind_of(data)}, and must hold one object of fields"
        raise FileError.of(subject, "syntax", "", says, form.example)
    return data
