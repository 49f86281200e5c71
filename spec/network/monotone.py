"""Larger inputs make larger sizes: the least size from which on something holds, by bisection.

Every step is monotone: a larger input never makes a smaller result. That holds for sums and products, for floor
division by a number, for truncated subtraction of a number and for the smaller of two sizes, and every step is made of
these. So whatever asks of nodes that they are at least so large holds from a least size on, or nowhere.

Bisection needs an end. Let ``M`` be the product of ``2m + 2`` over the numbers ``m`` of an operation. Its step loses at
most ``M`` positions and divides by at most ``M``: the result is bounded, or at least ``n/M - M``. Let ``K`` be twice
the product of all ``M``. Then the size of a node is bounded, or at least ``n/K - K``: it reaches ``k`` at
``n = K·(k + K)``, or nowhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import lru_cache
from math import prod

from .network import Network


def least_size(network: Network, holds: Callable[[int], bool], wanted: int) -> int | None:
    """The least ``n ≥ 1`` for which it ``holds``, or ``None``; for all above it holds as well.

    ``holds`` asks of nodes, at the size ``n`` of the inputs, that they are at least ``wanted``, or less.

    >>> from wellshaped.spec.network import MaxPool, Network, Node, run
    >>> network = Network({"x": 1}, (Node("y", MaxPool(2)),))
    >>> least_size(network, lambda n: run(network, n).sizes["y"] >= 5, 5)
    10
    """
    if not holds(large_enough(network, wanted)):
        return None
    low, high = 0, 1
    while not holds(high):  # mostly it is near
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def large_enough(network: Network, wanted: int) -> int:
    """A size at which every node has at least the size ``wanted`` that has it at any.

    >>> from wellshaped.spec.network import MaxPool, Network, Node
    >>> large_enough(Network({"x": 1}, (Node("y", MaxPool(2)),)), 5) >= 10
    True
    """
    by = _factor(network)
    return by * (wanted + by)


@lru_cache(maxsize=256)
def _factor(network: Network) -> int:
    """The number ``K``."""
    operations = (node.operation for node in network.nodes)
    values = (getattr(operation, f.name) for operation in operations for f in fields(operation))  # type: ignore[arg-type]  # dataclasses
    return 2 * prod(2 * number + 2 for value in values for number in _numbers(value))


def _numbers(value: object) -> Iterator[int]:
    """The numbers of a field."""
    if isinstance(value, int):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _numbers(part)
