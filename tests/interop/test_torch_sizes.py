"""The symbolic numbers that PyTorch gets, against Python's own, in random programs."""

import math
import operator
import random

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not a dependency")

from wellshaped.interop.frameworks.torch_sizes import nodes  # noqa: E402
from wellshaped.interop.sizes.expressions import holds, value  # noqa: E402
from wellshaped.interop.sizes.traced import Sizes  # noqa: E402

NUMBERS = (1, 2, 3, 4, 5, 8, 12, 16)
COMPARISONS = (operator.eq, operator.ne, operator.ge, operator.gt, operator.le, operator.lt)
STEPS = {
    "plus": lambda a, b, k: a + b,
    "minus": lambda a, b, k: a - b,
    "times": lambda a, b, k: a * k,
    "product": lambda a, b, k: a * b,
    "plus a number": lambda a, b, k: a + k,
    "below a number": lambda a, b, k: k - a,
    "quotient": lambda a, b, k: a // k,
    "negative quotient": lambda a, b, k: a // -k,
    "remainder": lambda a, b, k: a % k,
    "a size by a size": lambda a, b, k: a // b if b >= 1 else a,
    "remainder by a size": lambda a, b, k: a % b if b >= 1 else b,
    "larger": lambda a, b, k: max(a, b),
    "smaller": lambda a, b, k: min(a, b),
    "the larger one": lambda a, b, k: torch.sym_max(a, b - k),
    "the smaller one": lambda a, b, k: torch.sym_min(a, b + k),
    "product of differences": lambda a, b, k: (a - 1) * (b - k),
    "ceiling": lambda a, b, k: math.ceil(a / k),
    "floor": lambda a, b, k: math.floor(a / k),
    "scaled": lambda a, b, k: math.floor(a * 1.5),
    "padded": lambda a, b, k: a + (k - a % k) % k,
    "a remainder of a remainder": lambda a, b, k: (b - a % (2 * k)) % k,
    "rounded up": lambda a, b, k: math.ceil(a / k) * k,
    "rounded": lambda a, b, k: round(a * 0.75) + round(a / k),
    "a root": lambda a, b, k: int((a * a) ** 0.5) if a >= 0 else a,
    "windows": lambda a, b, k: (a + -a % k) // k,
    "shifted": lambda a, b, k: (a >> 2) + (b << 1),
    "bits": lambda a, b, k: a & 7,
    "if": lambda a, b, k: a + 1 if a > b else b - a,
    "if even": lambda a, b, k: a // 2 if a % 2 == 0 else 3 * a + 1,
    "if equal": lambda a, b, k: b if a * 2 == b else a,
}


def program(draw):
    """A random sequence of steps on earlier numbers."""
    steps = [(draw.choice(list(STEPS)), draw.random(), draw.random(), draw.choice(NUMBERS)) for _ in range(7)]
    comparisons = [(draw.choice(COMPARISONS), draw.random(), draw.random(), draw.choice(NUMBERS)) for _ in range(3)]
    return steps, comparisons


def run(of, n, w):
    """The numbers of a program, and the answers of its comparisons."""
    steps, comparisons = of
    numbers = [n, w, 6]
    for name, a, b, k in steps:
        numbers.append(STEPS[name](numbers[int(a * len(numbers))], numbers[int(b * len(numbers))], k))
    answers = [
        bool(compare(numbers[int(a * len(numbers))], numbers[int(b * len(numbers))] + k))
        for compare, a, b, k in comparisons
    ]
    return numbers, answers


def expression(number):
    if not isinstance(number, torch.SymInt):
        return number
    sizes = number.node.of
    return sizes.expression(sizes.by_open_sizes(number.node.value))


@pytest.mark.parametrize("seed", range(8))
def test_sizes_that_meet_the_conditions_take_the_same_way_to_the_same_number(seed):
    draw = random.Random(seed)
    met = 0
    for _ in range(40):
        of = program(draw)
        sample = {"n": draw.randint(1, 40), "w": draw.randint(1, 40)}
        sizes = Sizes(sample)
        numbers, answers = run(of, *map(torch.SymInt, nodes(sizes).values()))
        assert answers == run(of, **sample)[1]
        if sizes.lost:
            continue
        expressions = [expression(number) for number in numbers]
        for at in [sample, *({"n": draw.randint(1, 40), "w": draw.randint(1, 40)} for _ in range(150))]:
            if all(holds(condition.statement, at) == condition.held for condition in sizes.conditions):
                met += at != sample
                expected, same_answers = run(of, **at)
                assert [value(of_it, at) for of_it in expressions] == expected, (of, sample, at)
                assert answers == same_answers, (of, sample, at)
    assert met > 200


def test_a_size_that_is_padded_to_a_multiple_asks_nothing_about_its_windows():
    sizes = Sizes({"n": 30})
    (n,) = map(torch.SymInt, nodes(sizes).values())
    padded = n + (7 - n % 7) % 7
    assert padded // 7 * 7 == padded
    assert padded % 7 == 0
    assert padded == math.ceil(n / 7) * 7
    assert padded >= n
    assert not sizes.conditions


def test_a_remainder_that_is_not_above_0_makes_the_size_a_multiple():
    sizes = Sizes({"n": 96})
    (n,) = map(torch.SymInt, nodes(sizes).values())
    assert not n % 32 > 0
    assert n // 2 % 16 == 0
    assert n // 8 >= 4
    assert len(sizes.conditions) == 1
    assert not n // 16 <= 4
    assert n != 64
    assert n > 64
    assert [str(of) for of in sizes.conditions[1:]] == ["floor(n/32) ≥ 3"]


def test_a_product_of_differences_is_compared_by_its_factors():
    sizes = Sizes({"n": 9, "w": 12})
    n, w = map(torch.SymInt, nodes(sizes).values())
    assert n > 1
    assert w > 1
    a, b = torch.sym_max(n - 1, 1), w - 1
    assert n * w - n - w > 0  # (n - 1)(w - 1) > 1
    assert a * b >= 1
    assert a * b == n * w - n - w + 1
    assert [str(condition.statement) for condition in sizes.conditions] == ["n ≥ 2", "w ≥ 2", "(w ≥ 3) or (n ≥ 3)"]


def test_a_size_that_equals_its_own_remainder_is_not_replaced_by_it():
    sizes = Sizes({"n": 12})
    (n,) = map(torch.SymInt, nodes(sizes).values())
    assert n + 2 * ((n + 9) % 16) == 22
    assert n + (n + 9) % 16 <= 17
    assert next(str(condition.statement) for condition in sizes.conditions) == "n + 2*((n + 9) mod 16) = 22"
