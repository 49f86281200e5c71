"""Which requirements of a network an image meets, and what to do about those that it does not: ``explain``."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..arithmetic.naturals import is_symbol, natural
from ..messages.report import Report, UsageError, Verdict
from ..messages.written import clipped, in_words, written, written_number, written_sizes, written_value
from ..network.causes import Cause, SizePath, requirements_and_causes
from ..network.network import Network, Node
from ..network.operation import SIZE_FACTORS, zero_faults
from ..network.requirement import Requirement
from ..network.requiring import Require
from ..network.running import AxisSizes, ImageRun, Sizes, require_sizes, run, run_image
from ..network.scale import scales_of
from .any_network import AnyNetwork, graph_of, title
from .compatibility import solved
from .proposals import UNSOLVED, layouts, nearest_alike, proposals, sets_that_fit

_WIDTH = 96  # the most characters of a line with a path
_NODES = 4  # the most nodes to name for one requirement over all axes


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Report):
    """A :class:`Report` on the sizes of an image, or on one size for all axes, with the numbers behind it.

    ``sizes`` has the sizes of every input and node by name, for each axis. ``causes`` has the fields of each failure:
    the node, the rule, the two sizes, the nodes that they belong to, and their paths. Causes are independent: if you
    fix one, the others remain. The text leaves out everything after the first size of 0.
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

    def lines(self) -> list[str]:
        """The lines of the text. Sizes that fit get a fix if the output has another size."""
        first, *rest = Report.lines(self)
        if self.ok:
            fixes = (f"  fix: {fix}" for fix in self.fixes)
            return [f"{first} The output has size {written_sizes(self.output)}.", *rest, *fixes]
        return [first, *rest]


def explain(network: AnyNetwork, sizes: int | AxisSizes | Mapping[str, int | AxisSizes]) -> Explanation:
    """Judge every requirement of ``network`` for an image. If one fails, the report has the nearest sizes that fit.

    This is :func:`check` for sizes without channels. The fields ``sizes`` and ``causes`` of the report hold the numbers
    behind each failure. ``network`` is the name of a preset, a config or a graph.

    ``sizes`` has one size for each axis. A single number stands for all axes, if the network treats them alike. For
    several inputs, pass a dict with the sizes of each input that is an image.

    Raises :class:`UsageError` for a value that is not a network, sizes that are not natural, an input without sizes,
    and a single number if the axes differ; :class:`ShapeError` for more or fewer sizes than axes;
    :class:`ConfigError` for a config that is not well-formed.

    >>> print(explain("unet2", 303))
    size 303 does not fit.
      merged (h_upH): skip1 is 303, up is 302, and they must be equal.
        x 303 → pooled 151 → up 302
      fix: size 302 (crop 1) or 304 (pad 1); all sizes that fit: n ≡ 0 (mod 2), n ≥ 2
    >>> explain("unet2", (303, 384)).causes[0].axis
    'height'
    """
    graph = graph_of(network)
    if isinstance(sizes, Mapping):
        return _of_inputs(graph, sizes)
    if isinstance(sizes, Sequence):
        image = require_sizes(graph, sizes)
        return of_image(graph, image, f"an image of {axes_with(graph, image)} for {title(network)}")
    n = natural(sizes, "n")
    if any(solved(graph, axis) != solved(graph, 0) for axis in range(1, graph.axes)):
        says = f"a single size is only for a network whose axes are alike; here {in_words(graph.axis_names)} differ"
        fix = f"explain(network, ({', '.join([written_number(n)] * graph.axes)}))"
        raise UsageError.of(f"size {written_number(n)}", "axes", "", says, fix)
    return _of_size(graph, n)


def of_image(graph: Network, sizes: tuple[int, ...], subject: str, layout: str = "") -> Explanation:
    """Return the explanation for an image of these sizes. The expressions in its fixes are for this ``layout``.

    A size may be a symbol. Then the fixes have the sizes that fit, and no expressions.
    """
    found = _judged(graph, sizes, subject, range(graph.axes), graph.axis_names)
    if found.ok:
        return found
    if any(map(is_symbol, sizes)):
        return _with_fixes(
            found, sets_that_fit(graph, [cause.axis for cause in found.causes if isinstance(cause, Cause)])
        )
    return _with_fixes(found, proposals(graph, sizes).lines(sizes, layout or layouts(graph.axes)[0]))


def _of_size(graph: Network, n: int) -> Explanation:
    """Return the explanation for one size of all axes: one axis stands for all."""
    found = _judged(graph, (n,) * graph.axes, f"size {written_number(n)}", range(1), ("",))
    if found.ok and found.output[0] == n:
        return found
    fit, returning = solved(graph, 0), solved(_returning(graph), 0)
    if fit is None or returning is None:
        return found if found.ok else _with_fixes(found, (UNSOLVED,))
    fixes = [] if found.ok else [nearest_alike(graph, fit, n)]
    if returning and returning != fit:  # if no size returns, a fix would fix nothing
        fixes.append(f"for an output of the input's size: {nearest_alike(graph, returning, n, 'such sizes')}")
    return _with_fixes(found, fixes)


def _of_inputs(graph: Network, given: Mapping[str, int | AxisSizes]) -> Explanation:
    """Return the explanation for inputs that each have their own sizes."""
    images = [i.name for i in graph.inputs if not i.single]
    for name in [*(name for name in given if name not in images), *(name for name in images if name not in given)]:
        fault = "is not an input with sizes" if name in given else "has no sizes"
        says = f"{clipped(str(name))} {fault}; the inputs with sizes are {', '.join(images)}"
        fix = "{" + ", ".join(f'"{image}": 64' for image in images) + "}"
        raise UsageError.of("the input", "unknown_size", "", says, fix)
    of_each = {
        name: require_sizes(graph, sizes if isinstance(sizes, Sequence) else (natural(sizes, name),) * graph.axes)
        for name, sizes in given.items()
    }
    by_axis = [{name: sizes[axis] for name, sizes in of_each.items()} for axis in range(graph.axes)]
    shown = ", ".join(f"{name} {written_sizes(sizes)}" for name, sizes in of_each.items())
    found = _judged(graph, by_axis, f"an input of sizes {shown}", range(graph.axes), graph.axis_names)
    alike = "other sizes; compatible_shapes(network) has the sizes that fit if all inputs have the same"
    return found if found.ok else _with_fixes(found, [*_changes_of_one(graph, by_axis)] or (alike,))


_NEAR = 256
"""How far the size of one input is changed to find one that fits the others."""


def _changes_of_one(graph: Network, by_axis: Sequence[Mapping[str, int]]) -> Iterator[str]:
    """For each axis that fails, yield the nearest size of each input with which it fits, while the others stay."""
    for name_of_axis, axis, sizes in zip(graph.axis_names, range(graph.axes), by_axis, strict=True):
        if any(map(is_symbol, sizes.values())) or run(graph, sizes, axis).ok:
            continue
        ways = []
        for name, n in sizes.items():
            near = (n + sign * by for by in range(1, _NEAR + 1) for sign in (-1, 1) if n + sign * by >= 1)
            fitting = next((m for m in near if run(graph, {**sizes, name: m}, axis).ok), None)
            if fitting is not None:
                change = f"{'pad' if fitting > n else 'crop'} {abs(fitting - n)}"
                along = f" {name_of_axis}" if graph.axes > 1 else ""
                ways.append(f"{name}{along} {written_number(fitting)} ({change})")
        if ways:
            yield " or ".join(ways)


def _judged(
    graph: Network, sizes: Sequence[Sizes], subject: str, axes: Iterable[int], names: Sequence[str]
) -> Explanation:
    """Judge every requirement along these ``axes``, called ``names``, and over all axes. The result has no fixes.

    Requirements over all axes together, and those with a reason that all their nodes share, come last.
    """
    found = run_image(graph, sizes)
    verdicts: list[Verdict] = []
    causes: list[Requirement] = []
    last = list(found.together)
    for axis in axes:
        plain = found.axes[axis]
        every = plain.requirements
        if not plain.ok:
            one = any(map(is_symbol, plain.sizes.values()))
            every = requirements_and_causes(graph, sizes[axis], axis, one=one)
        along = [requirement for requirement in every if not requirement.about]
        last += (requirement for requirement in every if requirement.about)
        verdicts += (_verdict(requirement, names[axis], plain.sizes) for requirement in _until_empty(along))
        causes += (requirement for requirement in along if not requirement.holds)
    warnings: tuple[Verdict, ...] = ()
    if not causes:
        verdicts += _judged_together(found, last, warns=False)
        if not any(is_symbol(n) for of_axis in found.axes for n in of_axis.sizes.values()):  # else it may be undecided
            warnings = tuple(verdict for verdict in _judged_together(found, last, warns=True) if not verdict.holds)
        causes += (it for it in last if not (it.warns or it.holds))
    of_axes = tuple(of_axis.sizes for of_axis in found.axes)
    return Explanation(subject, tuple(verdicts), (), warnings, graph, of_axes, tuple(causes))


def _with_fixes(found: Explanation, fixes: Sequence[str]) -> Explanation:
    """Return the explanation with fixes. Fixes that change an operation stand alone: no size needs to change."""
    changes = list(dict.fromkeys(f"node {cause.node}: {cause.fix}" for cause in found.causes if cause.fix))
    changes += dict.fromkeys(broadcast for cause in found.causes for broadcast in _broadcasts(found, cause))
    changes += dict.fromkeys(fix for cause in found.causes for fix in _nonzero(found, cause))
    return replace(found, fixes=tuple(changes[:2]) or tuple(fixes))


def _broadcasts(found: Explanation, cause: Requirement) -> Iterator[str]:
    """Yield ``node …: broadcast="positions", inputs=…`` for a join of an input of one position with larger ones."""
    node = next((node for node in found.graph.nodes if node.name == cause.node), None) if found.graph else None
    if found.graph is None or node is None or cause.rule not in ("equal", "one_position"):
        return
    scales = scales_of(found.graph)
    single = [name for name in node.inputs if all(of_axis[name] == 1 for of_axis in found.sizes) and not scales[name]]
    if hasattr(node.operation, "broadcast") and len(single) == 1:
        inputs = (*(name for name in node.inputs if name != single[0]), single[0])
        yield f'node {node.name}: broadcast="positions", inputs={written_value(inputs)}'


def _nonzero(found: Explanation, cause: Requirement) -> Iterator[str]:
    """Yield ``node …: stride=1`` for a node of size 0 because of a number that is 0."""
    node = next((node for node in found.graph.nodes if node.name == cause.node), None) if found.graph else None
    if node is not None and cause.rule == "positive":
        yield from (f"node {node.name}: {fault.fix}" for fault in zero_faults(node.operation, SIZE_FACTORS))


def _returning(graph: Network) -> Network:
    """Return the network with one more requirement: its output has the size of its input."""
    longest = max((node.name for node in graph.nodes), key=len, default="")
    inputs = graph.outputs[0], graph.image.name
    node = Node(f"{longest} returns its size", Require(equal=True), inputs)  # a name that no other node has
    return Network(graph.inputs, (*graph.nodes, node), graph.outputs, graph.axes)


def _until_empty(requirements: Iterable[Requirement]) -> Iterator[Requirement]:
    """Yield the requirements up to the first size of 0. Later failures tell the reader nothing new."""
    for requirement in requirements:
        yield requirement
        if requirement.rule == "positive" and not requirement.holds:
            return


def _verdict(requirement: Requirement, axis: str, plain: Mapping[str, int]) -> Verdict:
    name = requirement.label or requirement.node
    paths = requirement.paths if isinstance(requirement, Cause) else ()
    # A path with sizes that an earlier fix changed would confuse the reader, so it is left out.
    lines = (
        _written_path(of, path) for of, path in paths if len(path) > 1 and all(plain[node] == n for node, n in path)
    )
    return Verdict(
        name, requirement.holds, requirement.says, axis, requirement.node, tuple(f"    {line}" for line in lines)
    )


def _written_path(of: str, path: SizePath) -> str:
    parts = [f"{name} {written_number(size)}" for name, size in path]
    if path[-1][0] != of:
        parts.append(f"{of} {written_number(path[-1][1])}")  # the nodes in between keep the size
    first, last = parts[: len(parts) // 2], parts[len(parts) // 2 :]
    shown = " → ".join(parts)
    while len(shown) > _WIDTH and len(first) + len(last) > 2:  # cut the middle, keep both ends
        if len(first) >= len(last):
            first.pop()
        else:
            last.pop(0)
        shown = " → ".join([*first, "…", *last])
    return shown


def _judged_together(found: ImageRun, requirements: Sequence[Requirement], *, warns: bool) -> list[Verdict]:
    """Return a verdict for each rule of these ``requirements``, with the nodes that break it."""
    verdicts = []
    of_rules: dict[tuple[str, str], list[Requirement]] = {}
    for requirement in requirements:
        if requirement.warns == warns:
            of_rules.setdefault((requirement.rule, requirement.about), []).append(requirement)
    for (rule, about), of_rule in of_rules.items():
        broken = [it for it in of_rule if not it.holds]
        it = (broken or of_rule)[0]
        alike = [other for other in broken or of_rule if (other.left, other.right) == (it.left, it.right)]
        names = list(dict.fromkeys(other.node for other in alike))
        others = len(broken or of_rule) - len(alike)
        also = f"; and {others} more like this" if others else ""
        shown = in_words(names if len(names) <= _NODES else [*names[:_NODES], f"{len(names) - _NODES} more"])
        shape = found.shape(it.node)
        positions = written_sizes(shape)
        if about:
            of_one_axis = f"an image of {positions} position{'s' * (shape != (1,))}"
            image = f"a {positions} image" if len(shape) > 1 else of_one_axis
            says = f"{shown} {'gets' if len(names) == 1 else 'get'} {image}; {about}{also}"
        else:
            says = f"{shown}: {positions}, so {it.says}{also}"
        verdicts.append(Verdict(rule, not broken, says, "" if about else "over all axes together"))
    return verdicts


def axes_with(graph: Network, sizes: Sequence[int]) -> str:
    """Return the sizes with the names of their axes, in words."""
    return in_words([f"{name} {written_number(n)}" for name, n in zip(graph.axis_names, sizes, strict=True)])
