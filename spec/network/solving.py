"""The compatible sizes of a network along one axis, and why they are exactly these (SPEC sections 5.3 and 8).

The input's size starts as one unknown number ``n ≥ 1``. The nodes are computed in order, with sizes that are affine
functions of numbers in a box (:mod:`.affine`), by the same functions that compute with numbers. Where a box leaves a
size or a requirement undecided it is cut into parts, or one of its numbers is written as blocks,
``v = start + step·v' + r``; each part goes on by itself from that node. At any time

1. the parts are disjoint, and hold every ``n`` that no requirement has rejected yet: what is undecided is cut into
   parts that together are the whole, and what is dropped, a part or all that is off a line, is where a requirement
   fails;
2. within a part, every size computed so far is its affine function, for every point of the box;
3. different points of a part's box are different ``n``: that holds at the start, ``(v', r)`` determine ``v`` and are
   determined by it, and different points of a line are different points of the box.

So a part that reaches the last node holds exactly its sizes that fit, and the union of these parts is the answer.

It ends: a cut makes boxes smaller, and a number without end is written as blocks at most once for each division. What
makes it fast is that a number ``r`` is kept whole until something depends on it. A pooling by 2 writes ``n = 2q + r``
and goes on with ``q``; a join of ``n`` with ``2q`` leaves ``r = 0``, and a crop leaves ``r`` as it is, so a network of
any depth is one part where a period tried remainder by remainder grows exponentially. Branches of different slope that
must be equal bound the number without end, and no period is walked; where that comes too late, :mod:`.bounds` looks for
the bound first. Still the question is hard in principle, as joins of strides without a common divisor ask for
remainders that avoid each other: the work has a limit, and beyond it there is no answer.
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
"""How many sizes of nodes are computed before a network counts as not solved: some seconds."""

_FEW = 1_000
"""So much work before an upper bound of the sizes is looked for: it costs more than solving most networks does."""

NOT_SOLVED = "not_solved"
"""The rule of the error for a network beyond the limit."""

Raw = int | tuple[int, tuple[int, ...]]
"""A size without its box: a number, or the constant and the coefficients of an affine function."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A box, and the sizes that are computed so far: first the input's ``n``, then of inputs and nodes in order."""

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
        """The part on a line; ``n`` grows along it."""
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


def compatible_sizes(network: Network, axis: int = 0) -> SizeSet:
    """The sizes ``n ≥ 1`` along ``axis`` that meet every requirement: exact for every network that is answered.

    All inputs have the size ``n`` but those of a single position. What is required over all axes together is not in it
    (:func:`.running.run_image`). Raises :class:`ShapeError` with the rule ``not_solved`` beyond :data:`MAX_WORK`.

    >>> from wellshaped.spec.network import Concat, ConvTranspose, MaxPool, Network, Node
    >>> compatible_sizes(Network({"x": 1}, (
    ...     Node("pooled", MaxPool(2)),
    ...     Node("up", ConvTranspose(2, 2)),
    ...     Node("joined", Concat(), ("x", "up")),
    ... )))
    <SizeSet n ≡ 0 (mod 2), n ≥ 2>
    """
    axis = axis_of(network, axis)
    # Number 0 is n itself, which all inputs have but those of a single position, number 1.
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
        raise _not_solved(f"there is no answer within {MAX_WORK} steps")
    try:
        return SizeSet(found)
    except WellshapedError as error:  # progressions whose steps have no common multiple that is small enough
        raise _not_solved(error.report.failures[0].says) from None


def _early_requirements(network: Network) -> Iterator[Node]:
    """The nodes in an order in which what is required comes as soon as it can be judged: it leaves fewer sizes."""
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
    """The sizes within the bounds; ``None`` where it takes the work of more than ``most`` nodes."""
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
            raise _not_solved("a size is multiplied or divided by another") from None
        work += len(part.sizes) - done + 1
        if work > most:
            return None
        if len(found) > MAX_PARTS:
            raise _not_solved(f"its sizes come to more than {MAX_PARTS} progressions")
    return found


def _largest(plan: _Plan, axis: int) -> int | None:
    """An upper bound of the sizes that fit, where one is seen at a glance: see :mod:`.bounds`."""
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
    """Compute the rest of the nodes; whether the sizes of the part fit. Raises :class:`Undecided` where some do."""
    for operation, sources in plan[len(part.sizes) - 2 :]:
        sizes = [part.size(i) for i in sources]
        size = operation.size(sizes, axis)  # type: ignore[arg-type]  # a function over the naturals, read otherwise
        if changes_size(operation) and not size >= 1:
            return False
        needs = operation.needs(sizes, axis)  # type: ignore[arg-type]  # as above
        if not all(need.relation.holds(need.left, need.right) for need in needs):
            return False
        part.sizes.append((size.constant, size.coefficients) if isinstance(size, Affine) else size)
    return True


def _members(part: _Part) -> Iterator[Progression]:
    """The sizes ``n`` of a part: runs of numbers whose coefficients follow each other, at each place of the others."""
    n = part.size(0)
    if isinstance(n, int):
        yield Progression(n, 1, 1)
        return
    first = n.constant + sum(c * least for c, (least, _) in zip(n.coefficients, n.box, strict=True))
    taken = sorted((c, bounds) for c, bounds in zip(n.coefficients, n.box, strict=True) if c)  # no two c are equal
    runs: list[tuple[int, int | None]] = []
    for step, (least, most) in taken:
        count = None if most is None else most - least + 1
        if runs and runs[-1][1] is not None and runs[-1][0] * runs[-1][1] == step:
            runs[-1] = runs[-1][0], None if count is None else runs[-1][1] * count
        else:
            runs.append((step, count))
    longest = max(runs, key=lambda run: (run[1] is None, run[1] or 0))
    others = [(step, count) for step, count in runs if (step, count) != longest and count is not None]
    if prod(count for _, count in others) > MAX_PARTS:
        raise _not_solved(f"its sizes come to more than {MAX_PARTS} progressions")
    for places in product(*(range(0, step * count, step) for step, count in others)):
        yield Progression(first + sum(places), *longest)


def _not_solved(says: str) -> WellshapedError:
    return WellshapedError.of(
        "solving the network", NOT_SOLVED, "too hard to solve", says, "smaller strides or fewer levels"
    )
