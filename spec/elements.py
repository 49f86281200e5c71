"""How large the arrays of a network may be, and the smallest change that makes a network small enough.

Configs and single layers are both judged here, so that they agree.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod

from .arithmetic.naturals import LARGEST
from .messages.report import Verdict
from .messages.written import written_number, written_sizes

Shapes = Iterable[tuple[str, tuple[int, ...]]]
"""Arrays by name, with their shapes."""


def judge_arrays(arrays: Shapes) -> Verdict:
    """Judge whether the largest of the ``arrays`` has at most :data:`LARGEST` elements.

    >>> judge_arrays([("bias", (2,)), ("kernel", (2, 70000, 3, 3))]).holds
    True
    >>> judge_arrays([("kernel", (70000, 70000))]).says
    'kernel of shape 70000×70000 has 4900000000 elements, and may have at most 2147483647'
    """
    name, shape = max(arrays, key=lambda named: prod(named[1]))
    elements = prod(shape)
    written = written_sizes(shape)
    says = f"{name} of shape {written} has {written_number(elements)} elements, and may have at most {LARGEST}"
    return Verdict("elements", elements <= LARGEST, says, "an array is too large to compute with")


def judge_windows(numbers: Mapping[str, int]) -> Verdict:
    """Judge whether the numbers of a window are each at most :data:`LARGEST`. XLA can't hold larger ones.

    >>> judge_windows({"stride": 1, "padding": 2**31}).says
    'padding=2147483648 must be at most 2147483647'
    """
    name = max(numbers, key=lambda name: numbers[name])
    says = f"{name}={written_number(numbers[name])} must be at most {LARGEST}"
    return Verdict("largest", numbers[name] <= LARGEST, says, "a window is too large to compute with")


@dataclass(frozen=True, slots=True)
class Lever:
    """Fields that a fix may change together: to ``to(k)``, for a ``k`` from 1 to ``most``. Arrays grow with ``k``."""

    to: Callable[[int], Mapping[str, object]]
    most: int = 1


def smaller(name: str, value: int) -> Lever:
    """Return a lever for a number that may become any smaller one, down to 1."""
    return Lever(lambda k: {name: k}, max(min(value, LARGEST), 1))


def always(changes: Mapping[str, object]) -> Lever:
    """Return a lever for fields that can only change in one way."""
    return Lever(lambda _: changes)


def least_changes(accepted: Callable[[Mapping[str, object]], bool], levers: Sequence[Lever]) -> dict[str, object]:
    """Return the smallest changes that are ``accepted``: as few ``levers`` as possible, each with its largest ``k``.

    Earlier levers are preferred. The result is empty if no change is accepted.

    >>> levers = smaller("a", 9), smaller("b", 9)
    >>> least_changes(lambda changes: changes.get("a", 9) * changes.get("b", 9) <= 20, levers)
    {'a': 2}
    """
    for count in range(1, len(levers) + 1):
        for chosen in combinations(levers, count):
            if accepted(_changes(chosen, [1] * count)):
                return _changes(chosen, _largest(accepted, chosen))
    return {}


def _changes(levers: Sequence[Lever], places: Sequence[int]) -> dict[str, object]:
    """What the levers change at these ``k``."""
    return {name: value for lever, k in zip(levers, places, strict=True) for name, value in lever.to(k).items()}


def _largest(accepted: Callable[[Mapping[str, object]], bool], levers: Sequence[Lever]) -> list[int]:
    """The largest ``k`` of each lever in turn that is ``accepted``; all are accepted at 1."""
    places = [1] * len(levers)
    for i, lever in enumerate(levers):
        low, high = 1, lever.most + 1  # `low` is accepted; `high` is not, or is out of range
        while high - low > 1:
            middle = (low + high) // 2
            will_do = accepted(_changes(levers, [*places[:i], middle, *places[i + 1 :]]))
            low, high = (middle, high) if will_do else (low, middle)
        places[i] = low
    return places
