"""How to pad or crop an image so that it fits: ``plan``."""

from dataclasses import dataclass

from ..messages.choices import near_choices
from ..messages.report import Report, UsageError, Verdict
from ..messages.written import Written, clipped, written_number, written_sizes, written_value
from ..network.running import AxisSizes, require_sizes
from .any_network import AnyNetwork, building, graph_of, title
from .compatibility import ShapeSet, compatible_shapes
from .explanation import axes_with, of_image

POLICIES = ("pad", "crop", "error")
"""What can be done with an image that does not fit."""

MODES = ("zeros", "reflect", "edge")
"""What padding contains: zeros, the image mirrored at its last position, or its last position again."""


def near_policies(policy: object) -> tuple[str, ...]:
    """Return the policies that a wrong one most likely means. If none is near, those that change the image.

    >>> near_policies("mirror"), near_policies("eror"), near_policies("nearest")
    (('pad',), ('error',), ('pad', 'crop'))
    """
    near = near_choices(policy, POLICIES)
    return near if len(near) == 1 else ("pad", "crop")


@dataclass(frozen=True, slots=True, repr=False)
class Plan(Written):
    """How to make an image fit: do nothing, or pad or crop it at the end of each axis.

    ``given`` and ``fitting`` are the sizes of all axes before and after.
    """

    policy: str
    given: tuple[int, ...]
    fitting: tuple[int, ...]

    @property
    def pads(self) -> tuple[tuple[int, int], ...]:
        """The positions to add before and after, for each axis, as ``jnp.pad`` takes them."""
        return tuple((0, max(above - n, 0)) for n, above in zip(self.given, self.fitting, strict=True))

    @property
    def slices(self) -> tuple[slice, ...]:
        """The part of each axis to keep: of a cropped image, or of the result for a padded one."""
        return tuple(slice(0, min(pair)) for pair in zip(self.given, self.fitting, strict=True))

    def __str__(self) -> str:
        """The expression that applies the plan to an array ``x``, channels first."""
        if self.given == self.fitting:
            return "x"
        if self.policy == "crop":
            return f"x[:, {', '.join(f':{written_number(n)}' for n in self.fitting)}]"
        return f"jnp.pad(x, {written_value(((0, 0), *self.pads))})"


def plan(network: AnyNetwork, sizes: AxisSizes, policy: str = "pad") -> Plan:
    """Return how to pad or crop an image of these ``sizes``, at the end of each axis, so that it fits.

    It takes sizes, not an image. Print the result to see the code that pads or crops an image. ``network`` is the name
    of a preset, a config or a graph. ``sizes`` has one size for each axis; a network of one axis also takes a number.
    ``policy`` is ``"pad"`` to the nearest sizes above, ``"crop"`` to the nearest below, or ``"error"``, which raises
    unless the image already fits. If the nearest sizes of each axis do not fit together (:func:`compatible_shapes`),
    ``"pad"`` pads one or more axes further, and ``"crop"`` raises.

    Raises :class:`ShapeError` if the image does not fit and the policy is ``"error"``, or if no larger image
    (``"pad"``) or smaller image (``"crop"``) fits; :class:`ConfigError` if the config is not well-formed;
    :class:`UsageError` for an unknown policy or sizes that can't be used.

    >>> p = plan("unet2", (303, 384))
    >>> p.fitting, str(p)
    ((304, 384), 'jnp.pad(x, ((0, 0), (0, 1), (0, 0)))')
    """
    if policy not in POLICIES:
        says = f"it must be one of {', '.join(POLICIES)}"
        fix = " or ".join(f'policy="{of}"' for of in near_policies(policy))
        raise UsageError.of(clipped(f"policy={policy!r}"), "policy", "", says, fix)
    graph = graph_of(network)
    building(network).report.raise_if_failed()
    given = require_sizes(graph, sizes)
    subject = f"an image of {axes_with(graph, given)} for {title(network)}"
    found: Report = of_image(graph, given, subject)
    if found.ok:
        return Plan(policy, given, given)
    if policy != "error":
        shapes = compatible_shapes(graph)
        fitting = shapes.above(given) if policy == "pad" else shapes.below(given)
        if fitting is not None:
            return Plan(policy, given, fitting)
        says = _cropped(shapes, given) if policy == "crop" else ""
        way = "larger" if policy == "pad" else "smaller"
        none = Verdict("policy", False, says or f'policy="{policy}" finds no {way} image that fits', "")
        found = Report(subject, (*found.failures, none), found.fixes)
    found.raise_if_failed()
    raise AssertionError  # the report has a failure


def _cropped(shapes: ShapeSet, sizes: tuple[int, ...]) -> str:
    """Say why the nearest smaller sizes of each axis do not fit together; "" if an axis has no smaller size."""
    below = [fit.below(n) for n, fit in zip(sizes, shapes.axes, strict=True)]
    known = tuple(n for n in below if n is not None)
    if len(known) < len(below):
        return ""
    broken = of_image(shapes.graph, known, "").failures[0]
    return f"cropping gives {written_sizes(known)}, which does not fit either: {broken.says}"
