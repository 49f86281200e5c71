"""Records the networks that nnU-Net and MONAI build from our cases, in ``plan_networks.json``.

For each: parameters, sizes and dropouts.

Needs PyTorch, ``nnunetv2==2.8.1 dynamic-network-architectures==0.4.4 monai==1.6.1``. From the top of the repository:
``python -m tests.conformance.make_plan_networks``.
"""

import copy
import json
import warnings
from pathlib import Path
from typing import Any

import torch
from monai.bundle import ConfigParser
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager
from torch.nn.modules.dropout import _DropoutNd

from .plan_cases import BUNDLES, HELD, LARGEST, PLANS

CHANNELS = (2, 3)
"""The channels of an image and of the output of every plan."""


def planned(configuration: dict[str, Any], heads: bool) -> torch.nn.Module:
    """The network of nnU-Net, by its own reading of a plan."""
    plans = PlansManager({"configurations": {"c": copy.deepcopy(configuration)}})
    architecture = plans.get_configuration("c").configuration["architecture"]
    names = ("network_class_name", "arch_kwargs", "_kw_requires_import")
    made: torch.nn.Module = get_network_from_plans(*(architecture[of] for of in names), *CHANNELS, True, heads)
    return made


def fits(model: torch.nn.Module, channels: int, sizes: list[int]) -> list[list[int]] | None:
    """The sizes of the outputs, or ``None`` if PyTorch raises."""
    try:
        made = model(torch.empty((1, channels, *sizes), device="meta"))
    except (RuntimeError, ValueError):
        return None
    return [list(output.shape[1:]) for output in (made if isinstance(made, list) else [made])]


def dropouts(model: torch.nn.Module, channels: int, axes: int) -> dict[str, tuple[float, bool, str]]:
    """The rate of each dropout, whether it drops whole channels, and the path of the module before it."""
    found, before = {}, [""]
    paths = {module: path for path, module in model.named_modules()}

    def called(module, *_):
        if isinstance(module, _DropoutNd) and module.p:
            found[paths[module]] = (module.p, not isinstance(module, torch.nn.Dropout), before[-1])
        before.append(paths[module])

    hooks = [module.register_forward_hook(called) for module in paths if not [*module.children()]]
    model(torch.empty((1, channels, *[HELD] * axes), device="meta"))
    for hook in hooks:
        hook.remove()
    return found


def record(model: torch.nn.Module, channels: int, axes: int) -> dict[str, Any]:
    """The parameters, the sizes that fit along each axis, the outputs for the held size, and the dropouts."""
    model = model.to("meta").eval()
    held = [HELD] * axes
    along = [
        [n for n in range(1, LARGEST + 1) if fits(model, channels, [*held[:axis], n, *held[axis + 1 :]]) is not None]
        for axis in range(axes)
    ]
    parameters = {path: list(array.shape) for path, array in model.named_parameters()}
    outputs = fits(model, channels, held)
    return {"axes": along, "outputs": outputs, "parameters": parameters, "dropouts": dropouts(model, channels, axes)}


def main() -> None:
    """Write the file, beside this one."""
    warnings.simplefilter("ignore")
    records = {}
    for name, configuration in PLANS.items():
        axes = len(configuration["patch_size"])
        records[name] = record(planned(configuration, False), CHANNELS[0], axes)
        records[f"{name}, heads"] = {"outputs": record(planned(configuration, True), CHANNELS[0], axes)["outputs"]}
    for name, network in BUNDLES.items():
        model = ConfigParser({"network_def": copy.deepcopy(network)}).get_parsed_content("network_def")
        records[name] = record(model, network.get("in_channels", 1), network.get("spatial_dims", 3))
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(of)}" for name, of in records.items())
    Path(__file__).with_name("plan_networks.json").write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    main()
