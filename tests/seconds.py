"""How long each test takes, which decides the part of the suite that a case belongs to.

The quick part has a few seconds for each test function, CI's slow part a few more, and the exhaustive part the rest.

``uv run pytest -m "slow or not slow" --junitxml=run.xml``, then ``uv run python -m tests.seconds run.xml``. It writes
``seconds.csv`` beside this file: the test functions that take more than :data:`QUICK` with all their cases. The table
here has the longer of two measurements beside other work. Some of its numbers are estimates from a part of the cases.
"""

import csv
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path

QUICK = 2.0
"""The seconds that the quick part has for each test function."""

SLOW = 3.0
"""The seconds that the slow part of CI has for each test function. One case of each always runs."""

FILE = Path(__file__).with_suffix(".csv")


def measured(junit: Path) -> dict[str, float]:
    """The seconds of each test function that takes long, the longest first, as a run wrote them."""
    seconds: Counter[str] = Counter()
    for case in ElementTree.parse(junit).iter("testcase"):
        name = case.attrib["name"].partition("[")[0]
        seconds[f"{case.attrib['classname'].replace('.', '/')}.py::{name}"] += float(case.attrib["time"])
    return {name: of for name, of in seconds.most_common() if of > QUICK}


def read() -> dict[str, float]:
    """The seconds of each test function that takes long, from the file."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return {name: float(of) for of, name in csv.reader(file)}


def parts(names: Sequence[str], seconds: Mapping[str, float], one_in: Sequence[int], slow: Sequence[bool]) -> list[str]:
    """The part of each case: ``"quick"``, ``"slow"`` or ``"exhaustive"``, by the ``names`` of their functions.

    A part has as many cases of a function, evenly spaced, as it has time for. Those with the marker ``slow`` are not
    quick. ``one_in`` is the number of the marker for each case: of each k cases, one may be quick.

    >>> parts(["a"] * 6 + ["b"] + ["c"] * 4, {"a": 6.0, "b": 90.0}, [1] * 7 + [2] * 4, [False] * 11)
    ['quick', 'slow', 'exhaustive', 'quick', 'slow', 'exhaustive', 'slow', 'quick', 'slow', 'quick', 'slow']
    >>> parts(["a"] * 4, {"a": 40.0}, [1] * 4, [True] * 4)
    ['slow', 'exhaustive', 'exhaustive', 'exhaustive']
    """
    cases = defaultdict(list)
    for case, name in enumerate(names):
        cases[name].append(case)
    found = ["exhaustive"] * len(names)
    for name, of_it in cases.items():
        total = seconds.get(name, 0.0)
        each = total / len(of_it)
        quick = [case for case in of_it if not slow[case]]
        every = one_in[of_it[0]] * max(1, ceil(total / QUICK))
        for case in quick[::every] if every <= len(quick) or not total else ():
            found[case] = "quick"
        left = [case for case in of_it if found[case] != "quick"]
        for case in _spread(left, max(1, int(SLOW / each)) if each else len(left)):
            found[case] = "slow"
    return found


def in_share(names: Sequence[str], seconds: Mapping[str, float], share: str) -> list[bool]:
    """Whether each case is of a share of the functions, such as ``"2/3"``. Each has as many long functions as another.

    >>> in_share(["a", "a", "b", "c", "d"], {"c": 90.0, "d": 60.0}, "1/2")
    [True, True, False, True, False]
    """
    number, of = map(int, share.split("/"))
    dealt = sorted(set(names), key=lambda name: (-seconds.get(name, 0.0), name))
    mine = set(dealt[number - 1 :: of])
    return [name in mine for name in names]


def _spread(cases: Sequence[int], most: int) -> Sequence[int]:
    """At most so many of the cases, evenly spaced."""
    return cases[:: ceil(len(cases) / most)] if most and cases else ()


if __name__ == "__main__":
    with FILE.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows((f"{of:.1f}", name) for name, of in measured(Path(sys.argv[1])).items())
