"""The network of one configuration of a plans file, in both generations of the format.

Since version 2.5 of nnU-Net, a configuration has an ``architecture``: a class and its arguments. Before, it had the
numbers of nnU-Net's own networks. Source: github.com/MIC-DKFZ/nnUNet, ``nnunetv2/utilities/plans_handling``.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from ...spec.messages.report import FileError
from ...spec.network.network import Network
from ...spec.network.values import Activation, Norm
from ...spec.presets.nnunet import StagePlan, plain_conv_unet, residual_encoder_unet
from ...spec.presets.style import Style
from .arguments import Arguments, most_usual
from .entry import Entry
from .layers import class_activation, class_dropout, class_norm

MAX_STAGES = 12
MAX_BLOCKS = 50
"""The most stages, and the most convolutions or blocks of a stage. nnU-Net plans about eight of each."""

_STAGES = range(2, MAX_STAGES + 1)

_OLD = ("UNet_class_name", "UNet_base_num_features")
"""Keys of the older generation alone."""

_NETWORKS: Mapping[str, tuple[Callable[[StagePlan], Network], str]] = {
    "PlainConvUNet": (plain_conv_unet, "n_conv_per_stage"),
    "ResidualEncoderUNet": (residual_encoder_unet, "n_blocks_per_stage"),
}
"""The classes of networks, with what builds them and the key for the counts of their encoder."""

_PACKAGE = "dynamic_network_architectures."


class UnknownClassError(FileError):
    """A configuration has a class of network that is not read here."""


class Architecture:
    """The network that a configuration describes: its class ``kind``, and :meth:`build`."""

    def __init__(self, configuration: Entry) -> None:
        self._configuration = configuration
        old = any(configuration.get(key) is not None for key in _OLD)
        self._is_new = configuration.get("architecture") is not None or not old
        holder = configuration["architecture"] if self._is_new else configuration
        entry = holder["network_class_name" if self._is_new else "UNet_class_name"]
        self.kind = _kind(entry)
        self._given = Arguments(holder["arch_kwargs"] if self._is_new else configuration)

    def build(self, in_channels: int, out_channels: int, heads: bool) -> tuple[Network, tuple[str, ...]]:
        """Return the network, and sentences about what it leaves out."""
        plan = self._new() if self._is_new else self._old()
        build, _ = _NETWORKS[self.kind]
        network = build(StagePlan(**plan, in_channels=in_channels, out_channels=out_channels, heads=heads))
        return network, self._given.not_supported() if self._is_new else ()

    def _new(self) -> dict[str, Any]:
        given = self._given
        counts = _NETWORKS[self.kind][1]
        lists = ("features_per_stage", "kernel_sizes", "strides", counts)
        usual = given.usual_count(_STAGES, {**dict.fromkeys(lists, 0), "n_conv_per_stage_decoder": -1}, 3)
        axes = _axes(given.needed("conv_op"), self._usual_axes(range(1, 4), "kernel_sizes", "strides"))
        stages = given.needed("n_stages").like(usual).number(2, MAX_STAGES)
        given.skip("deep_supervision")
        style = Style(
            norm=class_norm(given, "norm_op", axes),
            dropout=class_dropout(given, "dropout_op", axes),
            activation=class_activation(given, "nonlin"),
            bias=given.flag("conv_bias", False),
            order="DAN" if self.kind == "PlainConvUNet" and given.flag("nonlin_first", False) else "DNA",
        )
        plan = {
            "axes": axes,
            "features": [entry.number() for entry in given.needed("features_per_stage").per_stage(stages)],
            **self._sizes("kernel_sizes", "strides", stages, axes),
            **self._counts(counts, "n_conv_per_stage_decoder", stages),
            "style": style,
        }
        return {**plan, **(self._blocks(stages) if self.kind == "ResidualEncoderUNet" else {})}

    def _blocks(self, stages: int) -> dict[str, Any]:
        """The residual blocks: ``BasicBlockD``, or ``BottleneckD`` with its inner widths."""
        given = self._given
        block, widths = given.given("block"), given.given("bottleneck_channels")
        name = "BasicBlockD" if block is None else block.text().rpartition(".")[2]
        if block is not None and name not in ("BasicBlockD", "BottleneckD"):
            says = f"is {block.written()}, and must be BasicBlockD or BottleneckD"
            raise block.wrong("block", says, block.fix(block.example))
        bottlenecks, stem = None, given.given("stem_channels")
        if name == "BottleneckD":
            bottlenecks = [entry.number() for entry in given.needed("bottleneck_channels").per_stage(stages)]
        elif widths is not None and not isinstance(widths.value, list):
            widths.number()
        return {"stem_channels": None if stem is None else stem.number(), "bottlenecks": bottlenecks}

    def _old(self) -> dict[str, Any]:
        given = self._given
        lists = ("n_conv_per_stage_encoder", "conv_kernel_sizes", "pool_op_kernel_sizes")
        stages = given.usual_count(_STAGES, {**dict.fromkeys(lists, 0), "n_conv_per_stage_decoder": -1}, 3)
        given.needed("n_conv_per_stage_encoder").list(stages, stages, f"one for each of 2 to {MAX_STAGES} stages")
        axes = self._usual_axes(range(2, 4), "conv_kernel_sizes", "pool_op_kernel_sizes")
        given.needed("patch_size").list(axes, axes, "one for each axis")
        base, most = (given.needed(key).number() for key in ("UNet_base_num_features", "unet_max_num_features"))
        norm, activation = Norm("instance"), Activation("leaky_relu", slope=0.01)
        return {
            "axes": axes,
            "features": [min(base * 2**i, most) for i in range(stages)],
            **self._sizes("conv_kernel_sizes", "pool_op_kernel_sizes", stages, axes),
            **self._counts("n_conv_per_stage_encoder", "n_conv_per_stage_decoder", stages),
            "style": Style(norm=norm, activation=activation),
        }

    def _usual_axes(self, counts: range, *keys: str) -> int:
        """The number of axes that most sizes in the file have."""
        patch, lists = self._configuration.get("patch_size"), [self._given.given(key) for key in keys]
        sizes = [size for of in lists if of is not None and isinstance(of.value, list) for size in of.value]
        found = [None if patch is None else patch.value, *sizes]
        return most_usual((len(size) for size in found if isinstance(size, list)), counts, 3)

    def _sizes(self, kernels: str, strides: str, stages: int, axes: int) -> dict[str, Any]:
        keys = {"kernels": kernels, "strides": strides}
        return {
            of: [entry.per_axis(axes) for entry in self._given.needed(key).per_stage(stages)]
            for of, key in keys.items()
        }

    def _counts(self, encoder: str, decoder: str, stages: int) -> dict[str, Any]:
        keys = {"counts": (encoder, stages), "decoder_counts": (decoder, stages - 1)}
        return {
            of: [entry.number(1, MAX_BLOCKS) for entry in self._given.needed(key).per_stage(count)]
            for of, (key, count) in keys.items()
        }


def _kind(entry: Entry) -> str:
    package, _, name = entry.text().rpartition(".")
    if name in _NETWORKS and (not package or f"{package}.".startswith(_PACKAGE)):
        return name
    says = f"is {entry.written()}, and must be {' or '.join(_NETWORKS)} of {_PACKAGE.rstrip('.')}"
    fix = 'read_torch(network, "1 C D H W") of wellshaped.interop, with a network of any class in PyTorch'
    raise UnknownClassError(entry.wrong("network_class", says, fix).report)


def _axes(entry: Entry, usual: int) -> int:
    entry = entry.like(f"torch.nn.modules.conv.Conv{usual}d")
    found = re.fullmatch(r"(?:torch\.nn\.(?:modules\.conv\.)?)?Conv([123])d", entry.text())
    if found is None:
        says = f"is {entry.written()}, and must be Conv1d, Conv2d or Conv3d of torch.nn"
        raise entry.wrong("conv_op", says, entry.fix(entry.example))
    return int(found[1])
