"""An independent evaluator: what a list of fixes makes of the sizes of a network (SPEC section 8).

The nodes are computed in order by their operations. A fix is a node and a rule; where this requirement fails, the fix
changes a size as the specification says: a broken equality gives two nodes the size of the earliest that must be equal,
a minimum or a multiple gives the least larger size that meets it. A failure without a fix is left, and computing goes
on. Nothing of :mod:`wellshaped.spec.network.causes` is used.
"""

import re
from dataclasses import dataclass, field

from wellshaped.spec.network.operation import changes_size


@dataclass
class Fixing:
    """A run with ``fixes``: (node, rule, left, right), each applied once, where it is met.

    ``used`` are those that were applied, in order; ``left`` are the failures without a fix.
    """

    network: object
    fixes: list
    axis: int = 0
    sizes: dict = field(default_factory=dict)
    left: list = field(default_factory=list)
    used: list = field(default_factory=list)

    def run(self, size):
        self.fixes = list(self.fixes)
        order = [given.name for given in self.network.inputs] + [node.name for node in self.network.nodes]
        self.rank = {name: i for i, name in enumerate(order)}
        for given in self.network.inputs:
            n = 1 if given.single else size[given.name] if isinstance(size, dict) else size
            self.positive(given.name, n)
        for node in self.network.nodes:
            self.node(node)
        return self

    def node(self, node):
        operation = node.operation
        at = node.inputs[0] if operation.only_checks else node.name
        for i in range(len(self.needs(node))):
            need = self.needs(node)[i]
            a, b = need.left, need.right
            ok, fixed = judge(need.relation.says, a, b)
            if ok:
                continue
            if not self.fixed((at, need.rule, a, b)):
                continue
            if isinstance(need.left_of, str):
                continue  # two numbers of the operation, which no size changes
            first = node.inputs[need.left_of]
            if is_mutual(need.relation.says) and isinstance(need.right_of, int):
                # All inputs of a join but a vector must be equal.
                last = -1 if getattr(operation, "broadcast", "never") == "positions" else None
                earliest = min(node.inputs[:last], key=self.rank.get)
                self.sizes[first] = self.sizes[node.inputs[need.right_of]] = self.sizes[earliest]
            else:
                self.sizes[first] = fixed
        n = operation.size([self.sizes[name] for name in node.inputs], self.axis)
        if changes_size(operation):
            self.positive(node.name, n)
        else:
            self.sizes[node.name] = n

    def needs(self, node):
        """What a node requires; along a single axis, what it requires over all axes too."""
        sizes = [self.sizes[name] for name in node.inputs]
        needs = [*node.operation.needs(sizes, self.axis)]
        if self.network.axes == 1:
            channels = [self.network.channels[name] for name in node.inputs]
            together = node.operation.needs_together([(n,) for n in sizes], channels)
            needs += [need for need in together if not need.warns]
        return needs

    def positive(self, name, n):
        self.sizes[name] = 1 if n == 0 and self.fixed((name, "positive", 0, 1)) else n

    def fixed(self, key):
        """Whether there is a fix for a failure."""
        there = key in self.fixes
        if there:
            self.fixes.remove(key)
        (self.used if there else self.left).append(key)
        return there


def is_mutual(says):
    """Whether either of the two sizes may change: they must be equal, or near each other."""
    return says == "must be" or says.startswith("must differ by at most")


def judge(says, a, b):
    """Whether ``a`` stands to ``b`` as the words say, and the least larger ``a`` that does (or ``b``, if both may)."""
    if says == "must be":
        return a == b, b
    if says == "must be at least":
        return a >= b, b
    if says == "must be at most":
        return a <= b, b
    if says == "must differ by an even number from":
        return (a - b) % 2 == 0, a + 1
    if says == "must be a multiple of":
        return (a % b == 0 if b else a == 0), (a // b + 1) * b if b else 0
    most = int(re.fullmatch(r"must differ by at most (\d+) from", says)[1])
    return abs(a - b) <= most, b
