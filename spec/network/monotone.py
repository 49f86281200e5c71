"""The smallest input size from which on a condition holds, by bisection. Larger inputs never make smaller sizes.

Every step is monotone, because it is made of monotone functions: sums, products, floor division by a constant,
truncated subtraction of a constant, and the smaller of two sizes. So a condition that nodes have at least given sizes
holds for all sizes from some size on, or for none.

Bisection needs an upper end. Let ``M`` be the product of ``2m + 2`` over the numbers ``m`` of an operation. Its step
loses at most ``M`` positions and divides by at most ``M``. So the result is bounded, or at least ``n/M - M``. Let ``K``
be twice the product of all ``M``. Then the size of a node is bounded, or at least ``n/K - K``: it reaches ``k`` at
``n = K·(k + K)``, or never.
"""

from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import lru_cache
from math import prod

from .network import Network


def least_size(network: Network, holds: Callable[[int], bool], largest: int) -> int | None:
    """The least ``n ≥ 1`` for which ``holds(n)``, or ``None``. It then also holds for every larger ``n``.

    ``holds(n)`` must be a condition that, for inputs of size ``n``, some nodes have at least given sizes. ``largest``
    is the largest of these.

    >>> from wellshaped.spec.network import MaxPool, Network, Node, run
    >>> network = Network({"x": 1}, (Node("y", MaxPool(2)),))
    >>> least_size(network, lambda n: run(network, n).sizes["y"] >= 5, 5)
    10
    """
    if not holds(large_enough(network, largest)):
        return None
    low, high = 0, 1
    while not holds(high):  # usually it is small
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def large_enough(network: Network, least: int) -> int:
    """An input size for which every node has at least the size ``least``, if any input size gives it that.

    >>> from wellshaped.spec.network import MaxPool, Network, Node
    >>> large_enough(Network({"x": 1}, (Node("y", MaxPool(2)),)), 5) >= 10
    True
    """
    by = _factor(network)
    return by * (least + by)


@lru_cache(maxsize=256)
def _factor(network: Network) -> int:
    """The ``K`` of this module's docstring."""
    return 2 * prod(2 * number + 2 for number in numbers_of(network))


def numbers_of(network: Network) -> Iterator[int]:
    """The numbers of all operations."""
    for node in network.nodes:
        for f in fields(node.operation):  # type: ignore[arg-type]  # each operation is a dataclass
            yield from _numbers(getattr(node.operation, f.name))


def _numbers(value: object) -> Iterator[int]:
    """The numbers of a field."""
    if isinstance(value, int):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _numbers(part)
