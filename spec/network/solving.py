"""The compatible sizes of a network along one axis, and why they are exact (SPEC sections 5.3 and 8).

The input's size starts as one unknown number ``n ≥ 1``. The nodes are computed in order, by the same functions that
compute integers; here the sizes are affine functions of numbers in a box (:mod:`.affine`). If the box does not decide a
size or a requirement, it is cut into parts, or one of its numbers is written as blocks ``v = start + step·v' + r``.
Each part then continues on its own from that node. At any time

1. the parts are disjoint and contain every ``n`` that no requirement has rejected yet: cuts cover the whole box, and
   only points that fail a requirement are dropped (a whole part, or the points off a line);
2. within a part, every size computed so far equals its affine function, at every point of the box;
3. different points of a part's box are different ``n``. It holds at the start. A cut keeps it: ``(v', r)`` and ``v``
   determine each other, and a line has different points of the box.

So a part that reaches the last node contains exactly its sizes that fit, and the union of these parts is the answer.

The search ends, because a cut makes boxes smaller, and the unbounded number is written as blocks at most once for each
division. It is fast, because a number ``r`` stays whole until a size depends on it. For example, a pooling by 2 writes
``n = 2q + r`` and continues with ``q``. A join of ``n`` with ``2q`` then leaves ``r = 0``, and a crop leaves ``r`` as
it is. So a network of any depth stays one part; trying the remainders one by one would take exponentially many. Where
branches of different slope must be equal, the unbounded number gets a bound; if that comes too late, :mod:`.bounds`
computes a bound first. The problem is hard in general, because joins of coprime strides encode simultaneous
congruences. So the work is limited, and beyond the limit the search raises an error.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import product
from math import prod
from typing import Any

from ..arithmetic.progression import Progression
from ..arithmetic.size_set import MAX_PARTS, SizeSet
from ..messages.report import WellshapedError
from .affine import Affine, Blocks, Bounds, Box, Line, NotAffineError, Restrict, Undecided, affine
from .bounds import UnboundedError, enclosed, largest, unknown
from .network import Network, Node
from .operation import Operation, changes_size, requires_size
from .requirement import Need
from .running import axis_of

MAX_WORK = 50_000
"""The search stops after computing this many sizes of nodes, which takes some seconds."""

_FEW = 1_000
"""The work before the slower search for an upper bound on the sizes."""

NOT_SOLVED = "not_solved"
"""The rule of the error if the search gives up."""

Raw = int | tuple[int, tuple[int, ...]]
"""A size without its box: a number, or the constant and the coefficients of an affine function."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A box, and the sizes computed so far: ``n``, 1 (of a single position), then the nodes' in order."""

    box: Box
    sizes: list[Raw]

    def size(self, i: int) -> Affine | int:
        raw = self.sizes[i]
        return raw if isinstance(raw, int) else affine(self.box, *raw)

    def narrowed(self, cut: Restrict | Blocks | Line) -> "_Part":
        if isinstance(cut, Line):
            return self.on(cut)
        v = cut.v
        if isinstance(cut, Restrict):
            return replace(self, box=(*self.box[:v], (cut.least, cut.most), *self.box[v + 1 :]), sizes=[*self.sizes])
        blocks = (0, None if cut.count is None else cut.count - 1)
        box = (*self.box[:v], blocks, *self.box[v + 1 :], (0, cut.step - 1))
        return _Part(box, [_in_blocks(raw, cut) for raw in self.sizes])

    def on(self, line: Line) -> "_Part":
        """The points of this part on a line, in the direction in which ``n`` grows."""
        n = self.sizes[0]
        if not isinstance(n, int) and n[1][line.v] * line.v_step + n[1][line.w] * line.w_step < 0:
            line = line.reversed()
        box = list(self.box)
        box[line.v], box[line.w] = (0, None if line.count is None else line.count - 1), (0, 0)
        return _Part(tuple(box), [_on_line(raw, line) for raw in self.sizes])


def _on_line(raw: Raw, line: Line) -> Raw:
    if isinstance(raw, int):
        return raw
    constant, coefficients = raw
    of_v, of_w = coefficients[line.v], coefficients[line.w]
    changed = list(coefficients)
    changed[line.v], changed[line.w] = of_v * line.v_step + of_w * line.w_step, 0
    return constant + of_v * line.v_start + of_w * line.w_start, tuple(changed)


def _in_blocks(raw: Raw, cut: Blocks) -> Raw:
    if isinstance(raw, int):
        return raw
    constant, coefficients = raw
    c = coefficients[cut.v]
    by_step = (*coefficients[: cut.v], c * cut.step, *coefficients[cut.v + 1 :], c)
    return constant + c * cut.start, by_step


def sizes_that_fit(network: Network, axis: int = 0) -> SizeSet:
    """The exact set of sizes ``n ≥ 1`` along ``axis`` that meet every requirement.

    All inputs have the size ``n``, except those of a single position. Requirements over all axes together are not
    included (see :func:`.running.run_image`). Raises :class:`WellshapedError` (rule ``not_solved``) if solving takes
    too long (:data:`MAX_WORK`), and :class:`UsageError` if the network has no such axis.

    >>> from wellshaped.spec.network import Concat, ConvTranspose, MaxPool, Network, Node
    >>> sizes_that_fit(Network({"x": 1}, (
    ...     Node("pooled", MaxPool(2)),
    ...     Node("up", ConvTranspose(2, 2)),
    ...     Node("joined", Concat(), ("x", "up")),
    ... )))
    <SizeSet n ≡ 0 (mod 2), n ≥ 2>
    """
    axis = axis_of(network, axis)
    # The sizes begin with n, of the images, and 1, of inputs of a single position.
    at = {given.name: int(given.single) for given in network.inputs}
    plan: list[tuple[Operation, list[int]]] = []
    for node in _early_requirements(network):
        sources = [at[name] for name in node.inputs]
        if changes_size(node.operation) or requires_size(node.operation):
            at[node.name] = len(plan) + 2
            plan.append((node.operation, sources))
        else:
            at[node.name] = sources[0]
    found = _solve(plan, axis, (1, None), _FEW + 4 * len(plan))
    if found is None:
        end = _largest(plan, axis)
        found = _solve(plan, axis, (1, end), MAX_WORK) if end is None or end >= 1 else []
    if found is None:
        raise _not_solved(f"the search stopped after {MAX_WORK} steps")
    try:
        return SizeSet(found)
    except WellshapedError as error:  # the common multiple of the steps is too large
        raise _not_solved(error.report.failures[0].says) from None


def _early_requirements(network: Network) -> Iterator[Node]:
    """Yield the nodes, requirements as early as possible: they leave fewer sizes."""
    users: dict[str, list[int]] = {}
    missing = [len(set(node.inputs)) for node in network.nodes]
    for i, node in enumerate(network.nodes):
        for name in set(node.inputs):
            users.setdefault(name, []).append(i)
    ready: list[tuple[bool, int]] = []

    def computed(name: str) -> None:
        for i in users.get(name, ()):
            missing[i] -= 1
            if missing[i] == 0:
                operation = network.nodes[i].operation
                heappush(ready, (changes_size(operation) or not requires_size(operation), i))

    for given in network.inputs:
        computed(given.name)
    while ready:
        _, i = heappop(ready)
        yield network.nodes[i]
        computed(network.nodes[i].name)


_Plan = Sequence[tuple[Operation, list[int]]]


def _solve(plan: _Plan, axis: int, bounds: Bounds, most: int) -> list[Progression] | None:
    """The sizes within the bounds that fit, or ``None`` if the search needs more than ``most`` steps."""
    parts = [_Part((bounds,), [(0, (1,)), 1])]
    found: list[Progression] = []
    work = 0
    while parts:
        part = parts.pop()
        done = len(part.sizes)
        try:
            if _fits(part, plan, axis):
                found += _members(part)
        except Undecided as undecided:
            parts += (part.narrowed(cut) for cut in reversed(undecided.cuts))
        except NotAffineError:
            raise _not_solved("an operation multiplies or divides a size by another size") from None
        work += len(part.sizes) - done + 1
        if work > most:
            return None
        if len(found) > MAX_PARTS:
            raise _not_solved(f"the sizes that fit are more than {MAX_PARTS} progressions")
    return found


def _largest(plan: _Plan, axis: int) -> int | None:
    """An upper bound on the sizes that fit, or ``None``: see :mod:`.bounds`."""
    sizes: list[Any] = [unknown(), 1]
    needs: list[Need] = []
    try:
        for operation, sources in plan:
            of = [sizes[i] for i in sources]
            needs += operation.needs(of, axis)
            size = operation.size(of, axis)
            sizes.append(enclosed(size).at_least(1) if changes_size(operation) else size)
    except UnboundedError:
        return None
    return largest(needs)


def _fits(part: _Part, plan: _Plan, axis: int) -> bool:
    """Compute the remaining nodes; return whether the part fits. Raises :class:`Undecided` if only some points do."""
    for operation, sources in plan[len(part.sizes) - 2 :]:
        sizes = [part.size(i) for i in sources]
        size = operation.size(sizes, axis)  # type: ignore[arg-type]  # it also runs on affine functions
        if changes_size(operation) and not size >= 1:
            return False
        needs = operation.needs(sizes, axis)  # type: ignore[arg-type]  # as above
        if not all(need.relation.holds(need.left, need.right) for need in needs):
            return False
        part.sizes.append((size.constant, size.coefficients) if isinstance(size, Affine) else size)
    return True


def _members(part: _Part) -> Iterator[Progression]:
    """The sizes ``n`` of a part as progressions.

    Numbers with the coefficients ``c`` and ``c·count`` form one longer run. The longest run gives a progression for
    each choice of the others.
    """
    n = part.size(0)
    if isinstance(n, int):
        yield Progression(n, 1, 1)
        return
    first = n.constant + sum(c * least for c, (least, _) in zip(n.coefficients, n.box, strict=True))
    by_step = sorted((c, bounds) for c, bounds in zip(n.coefficients, n.box, strict=True) if c)  # no two c are equal
    runs: list[tuple[int, int | None]] = []
    for step, (least, most) in by_step:
        count = None if most is None else most - least + 1
        if runs and runs[-1][1] is not None and runs[-1][0] * runs[-1][1] == step:
            runs[-1] = runs[-1][0], None if count is None else runs[-1][1] * count
        else:
            runs.append((step, count))
    longest = max(runs, key=lambda run: (run[1] is None, run[1] or 0))
    others = [(step, count) for step, count in runs if (step, count) != longest and count is not None]
    if prod(count for _, count in others) > MAX_PARTS:
        raise _not_solved(f"the sizes that fit are more than {MAX_PARTS} progressions")
    for places in product(*(range(0, step * count, step) for step, count in others)):
        yield Progression(first + sum(places), *longest)


def _not_solved(says: str) -> WellshapedError:
    fix = "smaller strides or fewer levels"
    return WellshapedError.of("solving the network", NOT_SOLVED, "too hard to solve", says, fix)
