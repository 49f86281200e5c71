"""What to pad or crop so that an image fits: ``plan``."""

from dataclasses import dataclass

from ..messages.choices import nearest_choice
from ..messages.report import Report, UsageError, Verdict
from ..messages.written import Written, written_number, written_value
from ..network.running import AxisSizes, require_sizes
from .compatibility import compatible_shapes
from .door import AnyNetwork, building, graph_of, title
from .explanation import axes_with, of_image


@dataclass(frozen=True, slots=True, repr=False)
class Plan(Written):
    """What to do with an image so that it fits: nothing, pad it at the end of each axis, or crop it there.

    ``given`` and ``fitting`` are the sizes of all axes before and after.
    """

    policy: str
    given: tuple[int, ...]
    fitting: tuple[int, ...]

    @property
    def pads(self) -> tuple[tuple[int, int], ...]:
        """How many positions to add before and after on each axis, as ``jnp.pad`` takes them."""
        return tuple((0, max(above - n, 0)) for n, above in zip(self.given, self.fitting, strict=True))

    @property
    def slices(self) -> tuple[slice, ...]:
        """What of each axis of the padded or given image the plan keeps; of a result, what belongs to the image."""
        return tuple(slice(0, min(pair)) for pair in zip(self.given, self.fitting, strict=True))

    def __str__(self) -> str:
        """The expression that does it to an array ``x`` with its channels first."""
        if self.given == self.fitting:
            return "x"
        if self.policy == "crop":
            return f"x[:, {', '.join(f':{written_number(n)}' for n in self.fitting)}]"
        return f"jnp.pad(x, {written_value(((0, 0), *self.pads))})"


def plan(network: AnyNetwork, sizes: AxisSizes, policy: str = "error") -> Plan:
    """What to pad or crop so that an image with these ``sizes`` fits; never done silently.

    ``sizes`` are one for each axis; a network of one axis takes a number. ``policy`` is ``"error"``, ``"pad"`` to the
    nearest sizes above or ``"crop"`` to the nearest below. Where the nearest sizes of each axis do not fit together
    (:func:`compatible_shapes`), ``"pad"`` pads one axis further; no crop could help.

    Raises :class:`ShapeError` where no network can be built from a config, with what :func:`explain` says where the
    policy is ``"error"`` and the image does not fit, and where no shape above or below does.

    >>> p = plan("unet2", (303, 384), policy="pad")
    >>> p.fitting, str(p)
    ((304, 384), 'jnp.pad(x, ((0, 0), (0, 1), (0, 0)))')
    """
    if policy not in ("error", "pad", "crop"):
        says = f"policy={policy!r} must be one of error, pad, crop"
        fix = f'policy="{nearest_choice(policy, ("error", "pad", "crop"))}"'
        raise UsageError.of("the plan", "policy", "no such policy", says, fix)
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
        way = "larger" if policy == "pad" else "smaller"
        none = Verdict("policy", False, f'policy="{policy}" finds no {way} image that fits', "nothing to do")
        found = Report(subject, (*found.failures, none), found.fixes)
    found.raise_if_failed()
    raise AssertionError  # the report has a failure
