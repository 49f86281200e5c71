"""Does this image fit this network, and if not, what would? Answered before anything is built (SPEC 3 to 5, 8)."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..arithmetic.naturals import is_symbol, judge_at_least_one, natural
from ..messages.choices import nearest_choice
from ..messages.report import Report, UsageError
from ..messages.written import clipped, kind_of, written_number, written_value
from ..network.network import AXES, Network
from ..network.running import require_sizes, seem_last
from .any_network import AnyNetwork, Building, as_network, building, title
from .explanation import Explanation, of_image
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
    given = _given(network, shape, layout)
    built = building(network, given.channels, out_channels)
    if built.graph is None or built.proposed is None:  # without a network, only judge the sizes
        fixes = _of_config(built, given)
        of_sizes = judge_at_least_one(given.sizes)
        if all(verdict.holds for verdict in of_sizes):
            return replace(built.report, fixes=fixes)
        return Report(given.subject, built.report.verdicts + of_sizes, fixes)
    case = _case(network, out_channels, mesh or {}, given, built, built.graph, built.proposed)
    fixes = next(some for rule in _FIXES if (some := rule(case)) is not None)
    verdicts = built.report.verdicts + case.found.verdicts
    if batch is not None:
        of_batch, fix = judge_batch(natural(batch, "batch"), mesh or {})
        verdicts, fixes = (*verdicts, of_batch), (*fixes, *([fix] if fix else []))
    return replace(case.found, verdicts=verdicts, fixes=fixes)


@dataclass(frozen=True, slots=True)
class _Given:
    """The shape as it was given: the channels, and the sizes by the names of the axes.

    ``first`` is the shape with its channels first, if they seem to be last and no layout says so.
    """

    layout: str
    channels: int
    sizes: Mapping[str, int]
    subject: str
    first: tuple[int, ...] | None


def _given(network: AnyNetwork, shape: Sequence[int], layout: str | None) -> _Given:
    known = layouts(len(shape) - 1)
    is_given = layout is not None
    layout = known[0] if layout is None else layout
    if layout not in known:
        raise _no_layout(layout, shape, getattr(as_network(network), "axes", 2))
    names = ["channels" if letter == "C" else _NAMES[letter] for letter in layout]
    numbers = {name: natural(n, name) for name, n in zip(names, shape, strict=True)}
    subject = f"input ({', '.join(map(written_number, numbers.values()))}) of {title(network)}"
    first = None if is_given or any(map(is_symbol, shape)) else channels_first(network, tuple(numbers.values()))
    return _Given(layout, numbers.pop("channels"), numbers, subject, first)


@dataclass(frozen=True, slots=True)
class _Case:
    """What the fixes depend on.

    - ``graph``: that of the network. ``split``: the same with what the mesh requires.
    - ``found``: what the image meets. ``proposed``: the same for the network with the fixes of its config.
    - ``repair``: a change of the network with which infinitely many sizes fit.
    """

    given: _Given
    built: Building
    graph: Network
    split: Network
    sizes: tuple[int, ...]
    found: Explanation
    proposed: Explanation
    repair: Callable[[], str]

    @property
    def nearest(self) -> tuple[str, ...]:
        """The fixes of the config, and the nearest sizes with them."""
        changes = [re.sub(r"(?:^|, )in_channels=\d+", "", fix).removeprefix(", ") for fix in self.built.report.fixes]
        change = ", ".join(changes)
        change = change if len(change) <= _SHORT else "these numbers"
        with_it = f"with {change}: " if any(changes) and self.proposed.fixes != self.found.fixes else ""
        return _of_config(self.built, self.given) + tuple(with_it + fix for fix in self.proposed.fixes)

    @property
    def nearest_sizes(self) -> tuple[str, ...]:
        """The same without a change of the network."""
        return tuple(fix for fix in self.nearest if CHANGE not in fix)


def _case(
    network: AnyNetwork,
    out_channels: int | None,
    mesh: Mesh,
    given: _Given,
    built: Building,
    graph: Network,
    changed: Network,
) -> _Case:
    usual = usual_channels(network)
    needed = usual[0] if len(usual) == 1 else None
    numbers = tuple(given.sizes.values())
    sizes = require_sizes(graph, numbers, (given.channels, *numbers), needed)
    split = on_mesh(graph, mesh)
    found = of_image(split, sizes, given.subject, given.layout)
    proposed = found if changed == graph else of_image(changed, sizes, given.subject, given.layout)

    def repair() -> str:
        known = not proposed.causes or has_unbounded_sizes(changed)
        return "" if known else repair_description(network, given.channels, out_channels)

    return _Case(given, built, graph, split, sizes, found, proposed, repair)


def _in_another_order(case: _Case) -> tuple[str, ...] | None:
    first = case.given.first
    if first is None or (case.found.ok and case.built.report.ok):
        return None
    order = ", ".join((*case.graph.axis_names, "channels"))
    layout = layouts(case.graph.axes)[1]
    return (f'layout="{layout}", or the shape {written_value(first)}: this one looks like ({order})',)


def _for_each_input(case: _Case) -> tuple[str, ...] | None:
    images = [of.name for of in case.graph.inputs if not of.single]
    if len(images) < 2 or case.found.ok:  # here they all have the same sizes
        return None
    each = ", ".join(f'"{name}": {written_value(case.sizes)}' for name in images)
    return (*(_by_a_repair(case) or case.nearest_sizes), f"sizes for each: explain(network, {{{each}}})")


def _on_fewer_devices(case: _Case) -> tuple[str, ...] | None:
    if case.split == case.graph or not of_image(case.graph, case.sizes, case.given.subject).ok:
        return None
    return tuple(fix.replace(CHANGE, f"{FEWER_DEVICES}; ") for fix in case.nearest)


def _by_a_repair(case: _Case) -> tuple[str, ...] | None:
    repair = case.repair()
    return (*case.nearest_sizes, repair) if repair else None


_FIXES: tuple[Callable[[_Case], tuple[str, ...] | None], ...] = (
    _in_another_order,
    _for_each_input,
    _on_fewer_devices,
    _by_a_repair,
    lambda case: case.nearest,
)
"""The rules for the fixes. The first that has some is right."""


def _of_config(built: Building, given: _Given) -> tuple[str, ...]:
    return tuple(_as_shape(fix, given.layout, given.sizes) for fix in built.report.fixes)


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
    if isinstance(given, tuple | list) and len(given) > len(AXES) + 1:
        says += f"; a network has at most {len(AXES)} axes"
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
