"""A network in a file of nnU-Net or MONAI, as ``nnUNetPlans.json:3d_fullres`` or ``inference.json:network_def``."""

from pathlib import Path

from ..spec import Network
from ..spec.files.disk import path_of
from ..spec.messages.choices import nearest_choice
from ..spec.messages.report import FileError, UsageError
from ..spec.messages.written import clipped


def names_plan(name: str | None) -> bool:
    """Whether ``name`` names a network in a plans file or a bundle's config: a ``.json`` file, a colon and a key.

    >>> [names_plan(name) for name in ("nnUNetPlans.json:3d_fullres", "unet.json", "nets.py:make_unet", None)]
    [True, False, False, False]
    """
    place, colon, key = (name or "").rpartition(":")
    return bool(colon and key) and Path(place).suffix == ".json"


def planned_network(name: str) -> Network:
    """Return the network that ``name`` names.

    Raises :class:`UsageError` for an unknown configuration or key, with the nearest one, :class:`FileError` for a file
    of another kind, and the errors of :func:`wellshaped.interop.nnunet_plans` and
    :func:`wellshaped.interop.monai_bundle`.
    """
    from ..interop import monai_bundle, nnunet_plans
    from ..interop.plans.files import read_entry

    place, _, key = name.rpartition(":")
    path = path_of(place, "file", (".json",))
    example = f"the nnUNetPlans.json of nnU-Net, or a config of a MONAI bundle at {place}"
    content = read_entry(path, "file", example, {}).value
    known = content.get("configurations")
    is_plan = isinstance(known, dict)
    keys = list(known) if is_plan else [of for of, value in content.items() if _is_network(value)]
    if keys and key not in keys:
        says = f"{'the configurations' if is_plan else 'the networks'} of {place} are {', '.join(keys)}"
        raise UsageError.of(clipped(name), "key", "", clipped(says, 400), f"{place}:{nearest_choice(key, keys)}")
    if not is_plan and key not in content:
        says = f"it has no key {clipped(repr(key))}, and is neither plans of nnU-Net nor a config of a MONAI bundle"
        raise FileError.of(f"file {place}", "key", "", says, f"{place} without the key, if it is a file of wellshaped")
    return nnunet_plans(place)[key].network if is_plan else monai_bundle(place, key=key).network


def _is_network(value: object) -> bool:
    """Whether an entry of a bundle's config is one that MONAI makes an object of, and may be a network."""
    return isinstance(value, dict) and "Net" in str(value.get("_target_", ""))
