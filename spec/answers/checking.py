"""Does this image fit this network, and if not, what would? Answered before anything is built (SPEC 3 to 5, 8)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..arithmetic.naturals import is_symbol, judge_at_least_one, natural
from ..messages.choices import nearest_choice
from ..messages.report import Report, UsageError
from ..messages.written import clipped, kind_of, written_number, written_value
from ..network.network import AXES, Network
from ..network.running import require_sizes, seem_last
from .any_network import AnyNetwork, as_network, building, title
from .explanation import of_image
from .meshes import FEWER_DEVICES, Mesh, judge_batch, on_mesh
from .proposals import CHANGE, layouts
from .repairs import has_unbounded_sizes, repair_description


def check(
    network: AnyNetwork,
    shape: Sequence[int],
    *,
    out_channels: int | None = None,
    layout: str | None = None,
    batch: int | None = None,
    mesh: Mesh | None = None,
) -> Report:
    """Report whether the network can be built and whether it takes an image of this shape: every rule at once.

    - ``network``: the name of a preset, a :class:`UNetConfig`, a :class:`UNet2Config` or a :class:`Network`.
    - ``shape``: ``(channels, height, width)``, or the channels and one size for each axis of the network.
    - ``out_channels``: the channels of the output. By default 1; a network with a fixed number keeps its own.
    - ``layout``: the order of ``shape``, and of the array ``x`` that a fix crops or pads. ``"CHW"`` or ``"HWC"``; with
      one axis ``"CL"`` or ``"LC"``, with three ``"CDHW"`` or ``"DHWC"``. Without it, channels come first. If the shape
      does not fit, and its channels seem to come last, the report proposes the other layout.
    - ``mesh``: the number of devices over which each axis is split, such as ``{"batch": 2, "height": 4}``, or the
      ``shape`` of a ``jax.sharding.Mesh`` with such names. The image must then also be one that can be split
      (:func:`on_mesh`).
    - If the network takes several images, all have this ``shape``; :func:`explain` takes sizes for each.
    - ``batch``: the number of images. With a ``mesh``, it must be a multiple of the devices along ``batch``.

    The network runs on the image iff the report is ``ok``. A batch norm over a single position is a warning: it runs.
    If the network can't be built from its config, the report is about the config. An image that does not fit is
    reported and not raised; :meth:`Report.raise_if_failed` raises :class:`ShapeError`, or :class:`ConfigError` for a
    config. Raises :class:`UsageError` for a value that is not a network or not a shape, an unknown layout, and numbers
    that are not natural; :class:`ShapeError` only for more or fewer sizes than axes; the errors of :func:`on_mesh`.
    Source: SPEC sections 3, 4, 8 and 12.

    >>> from wellshaped.spec import UNet2Config, UNetConfig
    >>> check(UNet2Config(), (1, 304, 384)).ok
    True
    >>> print(check(UNet2Config(), (1, 303, 384)))
    input (1, 303, 384) of UNet2Config() does not fit.
      merged (h_upH): height: skip1 is 303, up is 302, and they must be equal.
        x 303 → pooled 151 → up 302
      fix: height 302 (crop 1) or 304 (pad 1); all heights that fit: n ≡ 0 (mod 2), n ≥ 2
      fix: x[:, :302, :384] or jnp.pad(x, ((0, 0), (0, 1), (0, 0)))
    """
    if isinstance(shape, str) or not isinstance(shape, Sequence) or not 2 <= len(shape) <= len(AXES) + 1:
        raise _no_shape(shape)
    known = layouts(len(shape) - 1)
    is_given = layout is not None
    layout = known[0] if layout is None else layout
    if layout not in known:
        raise _no_layout(layout, shape, getattr(as_network(network), "axes", 2))
    names = ["channels" if letter == "C" else _NAMES[letter] for letter in layout]
    given = {name: natural(n, name) for name, n in zip(names, shape, strict=True)}
    subject = f"input ({', '.join(map(written_number, given.values()))}) of {title(network)}"
    first = None if is_given or any(map(is_symbol, shape)) else channels_first(network, tuple(given.values()))
    channels = given.pop("channels")
    built = building(network, channels, out_channels)
    if built.graph is None or built.proposed is None:  # without a network, only judge the sizes
        fixes = tuple(_as_shape(fix, layout, given) for fix in built.report.fixes)
        of_sizes = judge_at_least_one(given)
        if all(verdict.holds for verdict in of_sizes):
            return replace(built.report, fixes=fixes)
        return Report(subject, built.report.verdicts + of_sizes, fixes)
    usual = usual_channels(network)
    needed = usual[0] if len(usual) == 1 else None
    sizes = require_sizes(built.graph, tuple(given.values()), (channels, *given.values()), needed)
    split = on_mesh(built.graph, mesh or {})
    found = of_image(split, sizes, subject, layout)
    proposed = found if built.proposed == built.graph else of_image(built.proposed, sizes, subject, layout)
    of_config = tuple(_as_shape(fix, layout, given) for fix in built.report.fixes)
    changes = [re.sub(r"(?:^|, )in_channels=\d+", "", fix).removeprefix(", ") for fix in built.report.fixes]
    change = ", ".join(changes)
    change = change if len(change) <= _SHORT else "these numbers"
    with_it = f"with {change}: " if any(changes) and proposed.fixes != found.fixes else ""
    fixes = of_config + tuple(with_it + fix for fix in proposed.fixes)
    if first is not None and not (found.ok and built.report.ok):
        order = ", ".join((*built.graph.axis_names, "channels"))
        fixes = (f'layout="{known[1]}", or the shape {written_value(first)}: this one looks like ({order})',)
    elif split != built.graph and of_image(built.graph, sizes, subject).ok:
        fixes = tuple(fix.replace(CHANGE, f"{FEWER_DEVICES}; ") for fix in fixes)
    elif proposed.causes and not has_unbounded_sizes(built.proposed):
        repair = repair_description(network, channels, out_channels)
        if repair:
            fixes = (*of_config, *(with_it + fix for fix in proposed.fixes if not fix.startswith(CHANGE)), repair)
    verdicts = built.report.verdicts + found.verdicts
    images = [of.name for of in built.graph.inputs if not of.single]
    if len(images) > 1 and not found.ok:  # here they all have the same sizes
        each = ", ".join(f'"{name}": {written_value(sizes)}' for name in images)
        fixes = (*(fix for fix in fixes if not fix.startswith(CHANGE)), f"sizes for each: explain(network, {{{each}}})")
    if batch is not None:
        of_batch, fix = judge_batch(natural(batch, "batch"), mesh or {})
        verdicts, fixes = (*verdicts, of_batch), (*fixes, *([fix] if fix else []))
    return replace(found, verdicts=verdicts, fixes=fixes)


def _no_shape(given: object) -> UsageError:
    """The error for a value that is not a shape, such as an array or a string."""
    says, fix = clipped(written_value(given)), "(1, 304, 384)"
    if hasattr(given, "shape"):
        says, fix = kind_of(given), "its shape: x.shape"
    elif isinstance(given, Mapping):
        fix = 'explain(network, {"x": (304, 384), …}), with the sizes of each input'
    elif isinstance(given, str) and (numbers := re.findall(r"\d{1,9}", given)):
        fix = f"({', '.join(numbers)})"
    says = f"it is {says}, and must be the channels and one size for each axis"
    return UsageError.of("the shape", "shape", "", says, fix)


def _no_layout(layout: object, shape: Sequence[Any], axes: int) -> UsageError:
    """The error for an unknown layout. One with a batch has the shape of a batch."""
    of_image = str(layout).upper().replace("N", "", 1)
    known = layouts(axes) if axes in AXES else ()
    if len(of_image) < len(str(layout)) == len(shape) and of_image in known:
        says = f"it has a batch, and must be {' or '.join(known)}"
        fix = f'layout="{of_image}", and the shape {written_value(tuple(shape)[1:])}'
    else:
        known = layouts(len(shape) - 1)
        says, fix = f"it must be {' or '.join(known)}", f'layout="{nearest_choice(layout, known)}"'
    return UsageError.of(f"layout={clipped(written_value(layout))}", "layout", "", says, fix)


_SHORT = 60
"""The most letters of a change that is repeated before the sizes that it leads to."""


def _as_shape(fix: str, layout: str, sizes: Mapping[str, int]) -> str:
    """Return a fix that changes ``in_channels`` as one that changes the shape, which is what the caller has."""

    def shape(found: re.Match[str]) -> str:
        numbers = [found[1] if letter == "C" else written_number(sizes[_NAMES[letter]]) for letter in layout]
        return f"the shape ({', '.join(numbers)})"

    return re.sub(r"\bin_channels=(\d+)(?![\d…])", shape, fix)


def channels_first(network: AnyNetwork, shape: Sequence[int]) -> tuple[int, ...] | None:
    """Return the ``shape`` with its channels first if they seem to be last, else ``None``.

    They seem to be last if the last number is the number of channels that the network takes (1 or 3 for a config, which
    takes any number), the first is not, and the others are larger than channels of an image.

    >>> channels_first("milesial", (500, 700, 3)), channels_first("milesial", (3, 500, 700))
    ((3, 500, 700), None)
    """
    *others, last = shape
    usual = usual_channels(network)
    looks = last in usual and others[0] not in usual and seem_last(shape)
    return (last, *others) if looks else None


def usual_channels(network: AnyNetwork) -> tuple[int, ...]:
    """Return the channels of an image that a network takes; for a config, which takes any number, the usual ones.

    >>> usual_channels("demucs"), usual_channels("milesial")
    ((2,), (1, 3))
    """
    graph = as_network(network)
    return (graph.image.channels,) if isinstance(graph, Network) else (1, 3)


_NAMES = {name[0].upper(): name for names in AXES.values() for name in names}
