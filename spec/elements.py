"""How large the arrays of a network may be, and the nearest numbers with which it can be built.

Every config, and every layer that is built by itself, has its arrays judged here, so that they agree.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod

from .arithmetic.naturals import LARGEST
from .messages.report import Verdict
from .messages.written import written_number

Shapes = Iterable[tuple[str, tuple[int, ...]]]
"""Arrays by name, with their shapes."""


def judge_arrays(arrays: Shapes) -> Verdict:
    """Whether the largest of the ``arrays`` has at most :data:`LARGEST` elements.

    >>> judge_arrays([("bias", (2,)), ("kernel", (2, 70000, 3, 3))]).holds
    True
    >>> judge_arrays([("kernel", (70000, 70000))]).says
    'kernel of shape 70000×70000 has 4900000000 elements, and may have at most 2147483647'
    """
    name, shape = max(arrays, key=lambda named: prod(named[1]))
    elements = prod(shape)
    written = "×".join(map(written_number, shape))
    says = f"{name} of shape {written} has {written_number(elements)} elements, and may have at most {LARGEST}"
    return Verdict("elements", elements <= LARGEST, says, "an array is too large to compute with")


def judge_windows(numbers: Mapping[str, int]) -> Verdict:
    """Whether a window's ``numbers``, by name, are each at most :data:`LARGEST`: more XLA cannot hold.

    >>> judge_windows({"stride": 1, "padding": 2**31}).says
    'padding=2147483648 must be at most 2147483647'
    """
    name = max(numbers, key=lambda name: numbers[name])
    says = f"{name}={written_number(numbers[name])} must be at most {LARGEST}"
    return Verdict("largest", numbers[name] <= LARGEST, says, "a window is too large to compute with")


@dataclass(frozen=True, slots=True)
class Lever:
    """Fields that a fix may change together: to ``to(k)``, where ``k`` from 1 to ``most`` makes the arrays larger."""

    to: Callable[[int], Mapping[str, object]]
    most: int = 1


def smaller(name: str, value: int) -> Lever:
    """A number that may become any smaller one, from 1 on."""
    return Lever(lambda k: {name: k}, max(min(value, LARGEST), 1))


def always(changes: Mapping[str, object]) -> Lever:
    """Fields that change in one way only."""
    return Lever(lambda _: changes)


def mend(accepted: Callable[[Mapping[str, object]], bool], levers: Sequence[Lever]) -> dict[str, object]:
    """The fewest ``levers``, the first that will do, each as little changed as is ``accepted``; empty if none will.

    >>> mend(lambda changes: changes.get("a", 9) * changes.get("b", 9) <= 20, (smaller("a", 9), smaller("b", 9)))
    {'a': 2}
    """
    for count in range(1, len(levers) + 1):
        for chosen in combinations(levers, count):
            places = [1] * count

            def changes(places: Sequence[int], chosen: Sequence[Lever] = chosen) -> dict[str, object]:
                return {k: v for lever, at in zip(chosen, places, strict=True) for k, v in lever.to(at).items()}

            if not accepted(changes(places)):
                continue
            for i, lever in enumerate(chosen):
                low, high = 1, lever.most + 1  # accepted at low, and not to be tried at high
                while high - low > 1:
                    middle = (low + high) // 2
                    will_do = accepted(changes([*places[:i], middle, *places[i + 1 :]]))
                    low, high = (middle, high) if will_do else (low, middle)
                places[i] = low
            return changes(places)
    return {}
