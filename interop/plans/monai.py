"""MONAI's networks from their arguments, with the defaults of MONAI 1.6.

Source: github.com/Project-MONAI/MONAI, ``monai/networks/nets``.
"""

from collections.abc import Callable, Mapping, Sequence

from ...spec.network.fields import PerAxis, on_axis, shortest
from ...spec.network.network import Network
from ...spec.network.values import Activation, Norm
from ...spec.presets.residual import INSTANCE, PRELU, monai_unet
from ...spec.presets.style import Style
from ...spec.presets.upsampling import MODES
from ...spec.presets.volumes import monai_basicunet
from .arguments import Arguments
from .dynunet import DynUNetPlan, dynunet
from .entry import Entry, counted_entries
from .examples import OF_BUNDLES
from .layers import dropout, group_count, named_activation, named_dropout, named_norm, rate
from .segresnet import SegResNetPlan, segresnet

MAX_STAGES = 12
MAX_BLOCKS = 50
"""The most levels of a network, and the most blocks or units of a level."""

_STAGES = range(2, MAX_STAGES + 1)


def _unet(given: Arguments) -> Network:
    axes = given.needed("spatial_dims").number(1, 3)
    usual = given.usual_count(_STAGES, {"strides": -1}, 3)
    channels = _widths(given.needed("channels").like([16 * 2**i for i in range(usual)]), 2)
    strides = given.needed("strides").like([2]).list(len(channels) - 1, why="one less than channels")
    units = given.read("num_res_units", lambda entry: entry.number(0, MAX_BLOCKS), 0)
    out_channels = given.needed("out_channels").number()
    style = Style(
        norm=named_norm(given, "norm", INSTANCE, [*channels, *([out_channels] if units else [])], null=True),
        dropout=named_dropout(given, "dropout"),
        activation=named_activation(given, "act", PRELU, null=True),
        bias=given.flag("bias", True),
        order=given.read("adn_ordering", _order, "NDA"),
    )
    return monai_unet(
        channels,
        [stride.per_axis(axes) for stride in strides[: len(channels) - 1]],
        given.needed("in_channels").number(),
        out_channels,
        axes,
        kernel=_odd(given, "kernel_size", axes),
        up_kernel=_odd(given, "up_kernel_size", axes),
        units=units,
        style=style,
    )


def _basicunet(given: Arguments) -> Network:
    axes = given.read("spatial_dims", lambda entry: entry.number(1, 3), 3)
    features = given.read("features", _features, OF_BUNDLES["features"])
    style = Style(
        norm=named_norm(given, "norm", Norm("instance"), features, null=True),
        dropout=named_dropout(given, "dropout"),
        activation=named_activation(given, "act", Activation("leaky_relu", slope=0.1), null=True),
        bias=given.flag("bias", True),
    )
    channels = (given.read("in_channels", Entry.number, 1), given.read("out_channels", Entry.number, 2))
    return monai_basicunet(features, *channels, axes, style, _mode(given, "upsample", "deconv"))


def _dynunet(given: Arguments) -> Network:
    axes = given.needed("spatial_dims").number(2, 3)
    lists = {"kernel_size": 0, "strides": 0, "upsample_kernel_size": -1}
    stages = given.usual_count(range(3, MAX_STAGES + 1), lists, 3)
    filters = given.given("filters")
    most = 320 if axes == 3 else 512
    widths = [min(2 ** (5 + i), most) for i in range(stages)] if filters is None else _widths(filters, stages)[:stages]

    def _sizes(key: str, count: int) -> list[PerAxis]:
        why = f"one for each of 3 to {MAX_STAGES} stages" if count == stages else "one less than the stages"
        return [entry.per_axis(axes) for entry in given.needed(key).list(count, count, why)]

    plan = DynUNetPlan(
        features=widths,
        kernels=_sizes("kernel_size", stages),
        strides=_sizes("strides", stages),
        up_kernels=_sizes("upsample_kernel_size", stages - 1),
        in_channels=given.needed("in_channels").number(),
        out_channels=given.needed("out_channels").number(),
        axes=axes,
        norm=named_norm(given, "norm_name", Norm("instance"), widths),
        dropout=named_dropout(given, "dropout"),
        activation=named_activation(given, "act_name", Activation("leaky_relu", slope=0.01)),
        residual=given.flag("res_block", False),
        up_bias=given.flag("trans_bias", False),
    )
    given.skip("deep_supr_num")
    given.leave_out("deep_supervision", "the network leaves out the heads that only training uses")
    _require_padding(plan, given.needed("strides"))
    return dynunet(plan)


def _require_padding(plan: DynUNetPlan, strides: Entry) -> None:
    """Raise :class:`FileError` for a stride that exceeds its kernel by more than 1: MONAI has no padding for it."""
    for entry, kernel, stride in zip(strides.list(), plan.kernels, plan.strides, strict=True):
        most = [2 if plan.residual else on_axis(kernel, axis) + 1 for axis in range(plan.axes)]
        if any(on_axis(stride, axis) > most[axis] for axis in range(plan.axes)):
            beside = f"beside the kernel {1 if plan.residual else entry.literal(kernel)}"
            says = f"is {entry.literal(stride)}, and must be at most {min(most)} {beside}"
            less = [min(on_axis(stride, axis), most[axis]) for axis in range(plan.axes)]
            raise entry.wrong("strides", says, entry.fix(shortest(less)))


def _segresnet(given: Arguments) -> Network:
    axes = given.read("spatial_dims", lambda entry: entry.number(2, 3), 3)
    down = given.read("blocks_down", _counts, [1, 2, 2, 4])
    up = given.read("blocks_up", lambda entry: _counts(entry, 0), [1, 1, 1])
    if len(up) != len(down) - 1:
        says = f"has blocks_down with {counted_entries(len(down))} and blocks_up with {len(up)}, which must be one less"
        fix = given.needed("blocks_up").fix([*up, *[1] * len(down)][: len(down) - 1])
        raise given.place("blocks_down", "blocks_up").wrong("blocks", says, fix)
    filters = given.read("init_filters", Entry.number, 8)
    norm = named_norm(given, "norm", Norm("group", groups=8), [filters])
    groups, old_name = given.given("num_groups"), given.given("norm_name")
    if old_name is not None and old_name.text():
        norm = Norm("group", groups=8 if groups is None else group_count(groups, [filters]))
    if norm is not None and filters % norm.groups:
        wrong = given.needed("init_filters")
        says = f"is {filters}, and must be a multiple of {norm.groups}, the number of groups of the norm"
        raise wrong.wrong("groups", says, wrong.fix(filters + -filters % norm.groups))
    dropped = given.given("dropout_prob")
    return segresnet(
        SegResNetPlan(
            filters=filters,
            down=down,
            up=up,
            in_channels=given.read("in_channels", Entry.number, 1),
            out_channels=given.read("out_channels", Entry.number, 2),
            axes=axes,
            norm=norm,
            dropout=None if dropped is None else dropout(rate(dropped), channels=True),
            activation=named_activation(given, "act", Activation("relu")),
            final=given.flag("use_conv_final", True),
            upsample=_mode(given, "upsample_mode", "nontrainable"),
        )
    )


NETWORKS: Mapping[str, Callable[[Arguments], Network]] = {
    "UNet": _unet,
    "BasicUNet": _basicunet,
    "DynUNet": _dynunet,
    "SegResNet": _segresnet,
}
"""What builds the network of a class from its arguments."""


def _widths(entry: Entry, least: int) -> Sequence[int]:
    return [of.number() for of in entry.list(least, MAX_STAGES)]


def _features(entry: Entry) -> Sequence[int]:
    """The widths of the five levels and the last block. The upsampling of the three lowest levels halves them."""
    return [of.number(2 if i in (2, 3, 4) else 1) for i, of in enumerate(entry.list(6, 6))]


def _counts(entry: Entry, least: int = 1) -> list[int]:
    return [of.number(0, MAX_BLOCKS) for of in entry.list(least, MAX_STAGES)]


def _order(entry: Entry) -> str:
    order = entry.text().upper()
    if set(order) - set("NDA"):
        says = f"is {entry.written()}, and may only have the letters N, D and A, for norm, dropout and activation"
        raise entry.wrong("order", says, entry.fix("NDA"))
    return "".join(dict.fromkeys(order))


def _odd(given: Arguments, key: str, axes: int) -> PerAxis:
    entry = given.nullable(key)
    kernel = 3 if entry is None else entry.per_axis(axes)
    if entry is not None and any(on_axis(kernel, axis) % 2 == 0 for axis in range(axes)):
        odd = shortest([on_axis(kernel, axis) | 1 for axis in range(axes)])
        raise entry.wrong("kernel", f"is {entry.literal(kernel)}, and must be odd", entry.fix(odd))
    return kernel


def _mode(given: Arguments, key: str, default: str) -> str:
    entry = given.nullable(key)
    if entry is None:
        return default
    if not isinstance(entry.value, str) or entry.value not in MODES:
        raise entry.wrong("upsample", f"is {entry.written()}, and must be {', '.join(MODES)}", entry.fix("deconv"))
    return entry.value
