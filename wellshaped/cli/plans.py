"""A network in a file of nnU-Net or MONAI, as ``nnUNetPlans.json:3d_fullres`` or ``inference.json:network_def``."""

from pathlib import Path

from ..spec import Network
from ..spec.messages.choices import nearest_choice
from ..spec.messages.report import UsageError
from ..spec.messages.written import clipped

_BUNDLE_KEY = "network_def"


def names_plan(name: str | None) -> bool:
    """Whether ``name`` names a network in a plans file or a bundle's config: a ``.json`` file, a colon and a key.

    >>> [names_plan(name) for name in ("nnUNetPlans.json:3d_fullres", "unet.json", "nets.py:make_unet", None)]
    [True, False, False, False]
    """
    place, colon, key = (name or "").rpartition(":")
    return bool(colon and key) and Path(place).suffix == ".json"


def planned_network(name: str) -> Network:
    """Return the network that ``name`` names.

    Raises :class:`UsageError` for an unknown configuration, with the nearest one, and the errors of
    :func:`wellshaped.interop.nnunet_plans` and :func:`wellshaped.interop.monai_bundle`.
    """
    from ..interop import monai_bundle, nnunet_plans

    place, _, key = name.rpartition(":")
    if key == _BUNDLE_KEY:
        return monai_bundle(place).network
    plans = nnunet_plans(place)
    if key not in plans and key not in plans.unknown:
        says = f"the configurations of {place} are {', '.join(plans)}"
        raise UsageError.of(clipped(name), "configuration", "", says, f"{place}:{nearest_choice(key, plans)}")
    return plans[key].network
