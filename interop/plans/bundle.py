"""Reading the network of a MONAI bundle (SPEC section 8)."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...spec.files.disk import path_of
from ...spec.files.networks import reject_other_file
from ...spec.messages.choices import near_name
from ...spec.messages.report import FileError, UsageError, WellshapedError
from ...spec.messages.written import clipped, kind_of, written_argument, written_value
from .arguments import Arguments
from .entry import Entry
from .examples import NETWORK, OF_BUNDLES
from .files import YAML, read_entry
from .given import GivenEntry
from .monai import NETWORKS
from .nnunet import named, of_file
from .references import References
from .result import PlannedNetwork

_CONFIGS = tuple(f"configs/{of}.{suffix}" for suffix in ("json", "yaml", "yml") for of in ("inference", "train"))
"""Where a bundle's folder may have its network, the first first."""

_EXAMPLE = json.dumps({"network_def": NETWORK})
"""A whole config, which is also YAML."""


def monai_bundle(
    path: str | os.PathLike[str], *, key: str = "network_def", arguments: Mapping[str, Any] | None = None
) -> PlannedNetwork:
    r"""The network of a MONAI bundle: ``UNet``, ``BasicUNet``, ``DynUNet`` or ``SegResNet``, as its config says.

    - ``path``: the bundle's folder, or one of its configs: JSON, or YAML if PyYAML is installed. In a folder, the
      network is that of ``configs/inference.json``, else of ``configs/train.json``, else of the same files in YAML.
    - ``key``: the key of the network in the config.
    - ``arguments``: arguments of the network's class, by name. They replace those of the config. Tuples and NumPy's
      numbers are accepted.

    Arguments that are not in the config have the defaults of MONAI 1.6. References such as ``"@width"`` are resolved.
    Expressions, which start with ``"$"``, are not evaluated: give the value in ``arguments``.

    Raises :class:`FileError`, which names the path, the key and a fix: if a folder has no config, a file can't be read,
    a key is missing, a value can't be used or is an expression, or the network has another class. Raises
    :class:`UsageError` for a value in ``arguments`` that can't be used. Source:
    github.com/Project-MONAI/MONAI, ``docs/source/mb_specification.rst`` and ``monai/networks/nets``.

    >>> import json, tempfile
    >>> from pathlib import Path
    >>> from wellshaped.spec import compatible_sizes
    >>> path = Path(tempfile.mkdtemp()) / "inference.json"
    >>> network = {"_target_": "UNet", "spatial_dims": 2, "in_channels": "@channels", "out_channels": 2,
    ...            "channels": [8, 16, 32], "strides": [2, 2], "num_res_units": 2, "norm": "layer"}
    >>> _ = path.write_text(json.dumps({"channels": 1, "network_def": network}))
    >>> print(planned := monai_bundle(path))
    network_def: UNet, axes 2, channels 1 → 2, nodes 29
      not supported: norm is 'layer', and the network leaves it out
    >>> print(compatible_sizes(planned.network))
    n ≡ 0 or 3 (mod 4), n ≥ 3
    """
    if not isinstance(key, str):
        given = clipped(written_argument("key", key))
        raise UsageError.of(given, "key", "", f"it is {kind_of(key)}, and must be a text", 'key="network_def"')
    path = _config_of(path_of(path, "bundle", (".json", *YAML)))
    root = read_entry(path, "bundle config", _EXAMPLE, OF_BUNDLES, yaml=True)
    if key not in root.value:
        reject_other_file(root.value, path, root.subject, "a config of a MONAI bundle")
        found = [name for name, value in root.value.items() if isinstance(value, dict) and "_target_" in value]
        if found:
            near = near_name(key, found) or found[0]
            says = clipped(f"it has no key {key!r}; the keys of objects are {', '.join(found)}", 300)
            raise FileError.of(root.subject, "key", "", says, f"key={written_value(near)}")
    call = f"monai_bundle({str(path)!r}, arguments={{...}})"
    root = replace(root, resolve=References(root, call))
    instead = GivenEntry(call, _arguments(arguments, call), "arguments", root.resolve, examples=OF_BUNDLES)
    if instead.value:  # an error may then be about both
        root = replace(root, subject=f"{root.subject} with arguments={{...}}")
    given = Arguments(root[key].like(NETWORK), instead)
    kind = _kind(given.needed("_target_"))
    try:
        network = NETWORKS[kind](given)
    except WellshapedError as error:
        raise (error if error.report.subject == call else of_file(error, root.subject)) from None
    return PlannedNetwork(key, kind, named(network, key), given.not_supported(), _patch(root))


def _arguments(arguments: Mapping[str, Any] | None, call: str) -> dict[str, Any]:
    if arguments is None:
        return {}
    if not isinstance(arguments, Mapping):
        says = f"arguments is {kind_of(arguments)}, and must be a dict"
        raise UsageError.of(call, "arguments", "", says, 'arguments={"in_channels": 1}')
    return dict(arguments)


def _config_of(path: Path) -> Path:
    if not os.path.isdir(path):  # False for a path that is too long
        return path
    found = next((path / config for config in _CONFIGS if (path / config).is_file()), None)
    if found is None:
        says = f"it has none of {', '.join(_CONFIGS[:4])}"
        raise FileError.of(f"bundle {path}", "file", "", says, "the path of a bundle, or of one of its configs")
    return found


def _kind(entry: Entry) -> str:
    package, _, name = entry.text().rpartition(".")
    kinds = {known.lower(): known for known in NETWORKS}
    if name.lower() in kinds and (not package or package.split(".")[0] == "monai"):
        return kinds[name.lower()]
    says = f"is {entry.written()}, and must be {', '.join(NETWORKS)} of MONAI"
    fix = 'read_torch(network, "1 C D H W") of wellshaped.interop, with a network of any class in PyTorch'
    raise entry.wrong("network_class", says, fix)


def _patch(root: Entry) -> tuple[int, ...] | None:
    """Return the patch of a sliding window, if the config has it as plain numbers."""
    try:
        inferer = root.get("inferer")
        patch = None if inferer is None else inferer.get("roi_size")
        return None if patch is None else tuple(entry.number() for entry in patch.list())
    except FileError:  # a patch that an expression computes says nothing about the network
        return None
