"""Reading nnU-Net's plans: every configuration as a network (SPEC section 8)."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace

from ...spec.arithmetic.naturals import at_least_one
from ...spec.files.disk import path_of
from ...spec.files.networks import reject_other_file
from ...spec.messages.choices import near_name
from ...spec.messages.report import FileError, UsageError, WellshapedError
from ...spec.messages.written import clipped, kind_of, written_argument
from ...spec.network.network import MAX_LETTERS, Network
from .architecture import Architecture, UnknownClassError
from .dataset import channels_of
from .entry import Entry
from .examples import CONFIGURATION, OF_PLANS
from .files import read_entry
from .result import PlannedNetwork, PlannedNetworks

MAX_CONFIGURATIONS = 50

_EXAMPLE = (
    f"the nnUNetPlans.json that nnU-Net writes, such as {json.dumps({'configurations': {'3d_fullres': CONFIGURATION}})}"
)


def nnunet_plans(
    path: str | os.PathLike[str],
    *,
    in_channels: int | None = None,
    out_channels: int | None = None,
    deep_supervision: bool = False,
) -> PlannedNetworks:
    r"""The networks in a ``nnUNetPlans.json`` of nnU-Net 2, by the name of the configuration.

    - ``path``: the file, in either generation of the format: with an ``architecture``, or with ``UNet_class_name``.
    - ``in_channels``, ``out_channels``: the channels of an image, and the classes. By default, the ``dataset.json``
      beside the file says them. The second network of a cascade takes one more channel for each class but the first.
    - ``deep_supervision``: whether the inner stages of the decoder also have outputs. Only training uses them. The
      output of the size of the image comes first.

    Nodes have the paths of nnU-Net's modules. A result says in ``not_supported`` what its network leaves out, such
    as squeeze and excitation.

    A configuration whose class of network is unknown is listed in the result's ``not_supported``; the others are read.

    Raises :class:`FileError` with the path, the key and a fix for a file that can't be read, is not a plan, lacks a
    key, or has only configurations whose class of network is unknown. Raises :class:`UsageError` if nothing says the
    channels. Source: github.com/MIC-DKFZ/nnUNet, ``documentation/explanation_plans_files.md``.

    >>> import json, tempfile
    >>> from pathlib import Path
    >>> from wellshaped.spec import compatible_shapes
    >>> plan = {"patch_size": [48, 64], "UNet_class_name": "PlainConvUNet", "UNet_base_num_features": 8,
    ...         "unet_max_num_features": 16, "n_conv_per_stage_encoder": [2, 2, 2], "n_conv_per_stage_decoder": [2, 2],
    ...         "conv_kernel_sizes": [[3, 3]] * 3, "pool_op_kernel_sizes": [[1, 1], [1, 2], [2, 2]]}
    >>> path = Path(tempfile.mkdtemp()) / "nnUNetPlans.json"
    >>> _ = path.write_text(json.dumps({"configurations": {"2d": plan}}))
    >>> plans = nnunet_plans(path, in_channels=1, out_channels=3)
    >>> print(plans["2d"])
    2d: PlainConvUNet, axes 2, channels 1 → 3, nodes 35, patch 48 × 64
    >>> print(compatible_shapes(plans["2d"].network).axes[1])
    n ≡ 0 (mod 4), n ≥ 4
    """
    if not isinstance(deep_supervision, bool):
        says = f"it is {kind_of(deep_supervision)}, and must be True or False"
        given = clipped(written_argument("deep_supervision", deep_supervision))
        raise UsageError.of(given, "deep_supervision", "", says, "deep_supervision=False")
    path = path_of(path, "plans file", (".json",))
    plans = read_entry(path, "plans file", _EXAMPLE, OF_PLANS)
    reject_other_file(plans.value, path, plans.subject, "a plans file of nnU-Net")
    configurations = plans["configurations"]
    names = list(configurations.object())
    if not 1 <= len(names) <= MAX_CONFIGURATIONS:
        says = f"has {len(names)} configurations, and must have 1 to {MAX_CONFIGURATIONS}"
        raise configurations.wrong("configurations", says, configurations.fix(configurations.example))
    given = [
        None if n is None else at_least_one(n, of, "nnunet_plans")
        for n, of in ((in_channels, "in_channels"), (out_channels, "out_channels"))
    ]
    channels = channels_of(path, *given)
    planned: dict[str, PlannedNetwork] = {}
    unknown: dict[str, UnknownClassError] = {}
    chains = {name: _chain(configurations, name) for name in names}
    for name in sorted(names, key=lambda name: len(chains[name])):  # what is inherited is read where it stands
        configuration = _inherited(chains[name])
        cascade = configuration.get("previous_stage") is not None
        image = channels.image + (channels.labels if cascade else 0)
        try:
            planned[name] = _planned(configuration, name, image, channels.output, deep_supervision)
        except UnknownClassError as error:
            unknown[name] = error
    if not planned:
        raise next(iter(unknown.values()))
    in_order = {name: planned[name] for name in names if name in planned}
    return PlannedNetworks(path.name, in_order, {name: unknown[name] for name in names if name in unknown})


def _chain(configurations: Entry, name: str) -> list[Entry]:
    """Return a configuration, and those that it inherits from."""
    chain, met = [configurations[name].like(CONFIGURATION)], [name]
    while (parent := chain[-1].get("inherits_from")) is not None:
        others = [other for other in configurations.object() if other not in met]
        if parent.value not in others:
            why = f"must be one of {', '.join(others)}" if others else "there is no other configuration"
            circle = parent.value in met
            says = f"is {parent.written()}, {'which inherits from this configuration' if circle else f'and {why}'}"
            near = near_name(parent.value, others) if isinstance(parent.value, str) else None
            raise parent.wrong("inherits_from", clipped(says, 200), parent.fix(near))  # null is no parent
        met.append(parent.value)
        chain.append(configurations[parent.value].like(CONFIGURATION))
    return chain


def _inherited(chain: Sequence[Entry]) -> Entry:
    """Return the first configuration with the keys that it inherits from the others."""
    merged: dict[str, object] = {}
    for entry in reversed(chain):
        merged.update(entry.object())
    return replace(chain[0], value=merged)


def _planned(configuration: Entry, name: str, image: int, output: int, heads: bool) -> PlannedNetwork:
    architecture = Architecture(configuration)
    try:
        network, not_supported = architecture.build(image, output, heads)
    except WellshapedError as error:
        raise of_file(error, configuration.subject) from None
    patch, axes = configuration.get("patch_size"), network.axes
    sizes = None if patch is None else tuple(each.number() for each in patch.list(axes, axes, "one for each axis"))
    return PlannedNetwork(name, architecture.kind, named(network, name), not_supported, sizes)


def of_file(error: WellshapedError, subject: str) -> FileError:
    """Return an error about a network as one about the file that describes the network."""
    return error if isinstance(error, FileError) else FileError(replace(error.report, subject=subject))


def named(network: Network, name: str) -> Network:
    """Return the network with a name for messages, if it can be one."""
    return replace(network, name=name) if name.isprintable() and 0 < len(name) <= MAX_LETTERS else network
