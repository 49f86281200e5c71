"""What becomes of one size, or of an image, in a network: every requirement judged, and what to do about it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from .compatible import ShapeSet, solved
from .door import AnyNetwork, graph_of, title
from .naturals import natural
from .network.causes import Cause, Way, judged
from .network.network import AXES, Network, Node
from .network.requirement import Requirement
from .network.requiring import Require
from .network.running import AxisSizes, ImageRun, require_sizes, run, run_image
from .report import Report, Verdict, refuse
from .size_set import SizeSet
from .written import written, written_number, written_value

UNSOLVED = "a size that is not known here: the network is too hard to solve"
"""The fix where no compatible size is known."""

_WAY = 6  # steps of a way that are shown, at the most
_NODES = 4  # of those with the same joint requirement


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Report):
    """A :class:`Report` of the sizes of an image, or of one size that all axes have, and the numbers behind it.

    ``sizes`` are those of every input and node by name, for each axis. ``causes`` are the failures as data: the node,
    the rule, the two sizes, whose they are, and how they came about. Each remains although those before it are fixed.
    The text leaves out what comes after an empty image.
    """

    graph: Network | None = field(default=None, repr=False)
    sizes: tuple[Mapping[str, int], ...] = ()
    causes: tuple[Requirement, ...] = ()

    def __repr__(self) -> str:
        return written(self)

    @property
    def output(self) -> tuple[int, ...]:
        """The sizes of the network's first output, for each axis."""
        return tuple(of_axis[self.graph.outputs[0]] for of_axis in self.sizes) if self.graph else ()

    def __str__(self) -> str:
        if not self.ok:
            return Report.__str__(self)
        # A size that fits may still come out as another one, and then there is something to say about that.
        first, *rest = Report.__str__(self).split("\n")
        fits = f"{first} The output has size {'×'.join(map(written_number, self.output))}."
        return "\n".join([fits, *rest, *(f"  fix: {fix}" for fix in self.fixes)])


def explain(network: AnyNetwork, sizes: int | AxisSizes | Mapping[str, int]) -> Explanation:
    """Every requirement of ``network`` judged for an image, and the nearest sizes that fit where one fails.

    ``sizes`` are one for each axis. A number is the size of one axis: the only one, or any of several that are alike.
    A mapping says the size of each input along it.

    Raises :class:`ShapeError` for what is no network, a config that is not well-formed, sizes that are not natural, and
    a number for a network whose axes differ.

    >>> print(explain("unet2", 303))
    size 303 does not fit.
      joined[0]: encoder[0] is 303, up[0] is 302, and they must be equal.
        x 303 → pooled[0] 151 → up[0] 302
      fix: size 302 (crop 1) or 304 (pad 1); all sizes that fit: n ≡ 0 (mod 2), n ≥ 2
    >>> explain("unet2", (303, 384)).causes[0].axis
    'height'
    """
    graph = graph_of(network)
    if isinstance(sizes, Sequence):
        image = require_sizes(graph, sizes)
        subject = f"an image of {axes_with(graph, image)} for {title(network)}"
        return of_image(graph, image, subject)
    if isinstance(sizes, Mapping):
        return _of_size(graph, sizes, f"an input of sizes {written_value(dict(sizes))}")
    n = natural(sizes, "n")
    if graph.axes > 1 and any(solved(graph, axis) != solved(graph, 0) for axis in range(1, graph.axes)):
        says = f"the axes {', '.join(graph.axis_names)} of this network differ"
        fix = f"explain(network, ({', '.join([written_number(n)] * graph.axes)}))"
        raise refuse(f"size {written_number(n)}", "axes", "a number stands for all axes", says, fix)
    return _of_size(graph, n, f"size {written_number(n)}")


def of_image(graph: Network, sizes: tuple[int, ...], subject: str, layout: str = "") -> Explanation:
    """The explanation of an image with these sizes; its expressions are for this ``layout``."""
    found = run_image(graph, sizes)
    conditions: list[Verdict] = []
    causes: list[Requirement] = []
    for axis, n in enumerate(sizes):
        along = found.axes[axis].requirements if found.axes[axis].ok else judged(graph, n, axis)
        conditions += (_verdict(requirement, graph.axis_names[axis]) for requirement in _until_empty(along))
        causes += (requirement for requirement in along if not requirement.holds)
    warnings: tuple[Verdict, ...] = ()
    if not causes:
        conditions += _judged_together(found, warns=False)
        warnings = tuple(verdict for verdict in _judged_together(found, warns=True) if not verdict.holds)
        causes += (it for it in found.together if not (it.holds or it.warns))
    fixes = proposals(graph, sizes).lines(sizes, layout or layouts(graph.axes)[0]) if causes else ()
    of_axes = tuple(of_axis.sizes for of_axis in found.axes)
    return Explanation(subject, tuple(conditions), fixes, warnings, graph, of_axes, tuple(causes))


def _of_size(graph: Network, size: int | Mapping[str, int], subject: str) -> Explanation:
    found = run(graph, size)
    along = found.requirements if found.ok else judged(graph, size)
    conditions = tuple(_verdict(requirement, "") for requirement in _until_empty(along))
    causes = tuple(replace(it, axis="") if isinstance(it, Cause) else it for it in along if not it.holds)
    fixes = () if isinstance(size, Mapping) else tuple(_fixes_of_size(graph, size, found.sizes, bool(causes)))
    return Explanation(subject, conditions, fixes, (), graph, (found.sizes,), causes)


def _fixes_of_size(graph: Network, n: int, sizes: Mapping[str, int], fails: bool) -> list[str]:
    if not fails and sizes[graph.outputs[0]] == n:
        return []
    fit, returning = solved(graph, 0), solved(_returning(graph), 0)
    if fit is None or returning is None:
        return [UNSOLVED] if fails else []
    fixes = [_nearest(fit, n, "all sizes that fit")] if fails else []
    if returning != fit and n not in returning:
        fixes.append(f"for an output of the input's size: {_nearest(returning, n, 'all such sizes')}")
    return fixes


def _returning(graph: Network) -> Network:
    """The network, with the requirement that its output has the size of its input."""
    first = next((given.name for given in graph.inputs if not given.single), graph.inputs[0].name)
    longest = max((node.name for node in graph.nodes), key=len, default="")
    node = Node(f"{longest} returns its size", Require(equal=True), (graph.outputs[0], first))  # no other has this name
    return Network(graph.inputs, (*graph.nodes, node), graph.outputs, graph.axes)


def _nearest(fit: SizeSet, n: int, them: str) -> str:
    return f"size {resized(n, near(fit, n))}; {them}: {fit}" if fit else "no size will do"


def _until_empty(requirements: Iterable[Requirement]) -> Iterator[Requirement]:
    """The requirements as far as the first size of 0: what fails behind it is no help to a reader."""
    for requirement in requirements:
        yield requirement
        if requirement.rule == "positive" and not requirement.holds:
            return


def _verdict(requirement: Requirement, axis: str) -> Verdict:
    name = requirement.label or requirement.node
    ways = requirement.ways if isinstance(requirement, Cause) else ()
    lines = tuple(f"    {_written_way(of, way)}" for of, way in ways if len(way) > 1)
    return Verdict(name, requirement.holds, requirement.says, axis, requirement.node, lines)


def _written_way(of: str, way: Way) -> str:
    parts = [f"{name} {written_number(size)}" for name, size in way]
    if way[-1][0] != of:
        parts.append(of)  # the nodes between them keep the size
    if len(parts) > _WAY:
        parts = [*parts[:2], "…", *parts[3 - _WAY :]]
    return " → ".join(parts)


def _judged_together(found: ImageRun, *, warns: bool) -> list[Verdict]:
    """What is required over all axes together: a verdict for each rule, which names the nodes that break it."""
    verdicts = []
    of_rules: dict[tuple[str, str], list[Requirement]] = {}
    for requirement in found.together:
        if requirement.warns == warns:
            of_rules.setdefault((requirement.rule, requirement.about), []).append(requirement)
    for (rule, about), requirements in of_rules.items():
        broken = [it for it in requirements if not it.holds]
        names = list(dict.fromkeys(it.node for it in broken or requirements))
        more = f" and {len(names) - _NODES} more" if len(names) > _NODES else ""
        it = (broken or requirements)[0]
        positions = "×".join(map(written_number, found.shape(it.node)))
        says = f"{', '.join(names[:_NODES])}{more}: {f'{positions} positions' if it.about else it.says}"
        verdicts.append(Verdict(rule, not broken, says, about or "over all axes together"))
    return verdicts


def axes_with(graph: Network, sizes: Sequence[int]) -> str:
    """The sizes with the names of their axes, in words."""
    parts = [f"{name} {written_number(n)}" for name, n in zip(graph.axis_names, sizes, strict=True)]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


# What would fit instead


@dataclass(frozen=True, slots=True)
class Proposals:
    """For each axis, sizes next to the given one; whichever is chosen on each axis, together they fit.

    There are none where no size is known, or none would do. ``sets`` are the compatible sizes of the axes, ``together``
    says that they were chosen for what is required over all axes.
    """

    graph: Network
    axes: tuple[tuple[int, ...], ...]
    sets: tuple[SizeSet | None, ...]
    together: bool = False

    def lines(self, sizes: tuple[int, ...], layout: str) -> tuple[str, ...]:
        """A line for each axis whose size is to change, and expressions that change the image."""
        if any(fit is None for fit in self.sets):
            return (UNSOLVED,)
        lines = []
        for name, n, found, fit in zip(self.graph.axis_names, sizes, self.axes, self.sets, strict=True):
            if not fit:
                lines.append(f"{name}: no size will do")
            elif found and found != (n,):
                whole = f"{name}s that fit by themselves" if self.together else f"all {name}s that fit"
                lines.append(f"{name} {resized(n, found)}; {whole}: {fit}")
        pastes = self._pastes(sizes, layout) if all(self.axes) else []
        return (*lines, " or ".join(pastes)) if pastes else tuple(lines)

    def _pastes(self, sizes: tuple[int, ...], layout: str) -> list[str]:
        """The expressions that crop to the smallest of the proposed sizes, and that pad to the largest."""
        given = dict(zip(layout.replace("C", ""), sizes, strict=True))
        low, high = (dict(zip(given, (end(found) for found in self.axes), strict=True)) for end in (min, max))
        pastes = []
        if low != given and all(low[axis] <= n for axis, n in given.items()):
            cuts = (f":{written_number(low[axis])}" if axis in low else ":" for axis in layout)
            pastes.append(f"x[{', '.join(cuts)}]")
        if high != given and all(high[axis] >= n for axis, n in given.items()):
            pads = (high[axis] - given[axis] if axis in given else 0 for axis in layout)
            pastes.append(f"jnp.pad(x, ({', '.join(f'(0, {written_number(pad)})' for pad in pads)}))")
        return pastes


def layouts(axes: int) -> tuple[str, str]:
    """The layouts of an image with so many axes: channels first, and last.

    >>> layouts(2)
    ('CHW', 'HWC')
    """
    letters = "".join(name[0].upper() for name in AXES[axes])
    return f"C{letters}", f"{letters}C"


def proposals(graph: Network, sizes: tuple[int, ...]) -> Proposals:
    """The nearest sizes of each axis, which fit together.

    >>> from wellshaped.spec import graph_of
    >>> proposals(graph_of("unet2"), (303, 384)).axes
    ((302, 304), (384,))
    """
    sets = tuple(solved(graph, axis) for axis in range(graph.axes))
    known = [fit for fit in sets if fit is not None]
    if len(known) < len(sets):
        return Proposals(graph, ((),) * graph.axes, sets)
    ways = tuple(tuple(near(fit, n)) for n, fit in zip(sizes, known, strict=True))
    shapes = ShapeSet(graph, tuple(known))
    if not all(ways) or all(choice in shapes for choice in product(*ways)):
        return Proposals(graph, ways, sets)
    larger = shapes.above(tuple(max(found) for found in ways))
    return Proposals(graph, tuple((n,) for n in larger) if larger else ((),) * graph.axes, sets, together=True)


def near(fit: SizeSet, n: int) -> list[int]:
    """The members of ``fit`` next to ``n``, at most one below and one above; ``n`` alone where it is one.

    >>> from wellshaped.spec import compatible_sizes
    >>> near(compatible_sizes("unet2"), 303)
    [302, 304]
    """
    return [m for m in dict.fromkeys((fit.below(n), fit.above(n))) if m is not None]


def resized(n: int, sizes: Sequence[int]) -> str:
    """How ``n`` comes to one of the ``sizes``, in words.

    >>> resized(303, [302, 304])
    '302 (crop 1) or 304 (pad 1)'
    """
    ways = ((m, "crop" if m < n else "pad") for m in sizes)
    return " or ".join(f"{written_number(m)} ({way} {written_number(abs(n - m))})" for m, way in ways)
