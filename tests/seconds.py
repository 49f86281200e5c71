"""How long each test takes, which decides what the quick part leaves to the slow one.

``uv run pytest -m "slow or not slow" --junitxml=run.xml``, then ``uv run python -m tests.seconds run.xml``. It writes
``seconds.csv`` beside this file: the test functions that take more than :data:`QUICK` with all their cases. The table
here is from two runs beside other work. Where the second had only some cases, the number is an estimate for all.
"""

import csv
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil
from pathlib import Path

QUICK = 2.0
"""The seconds that the quick part has for each test function."""

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


def left_to_the_slow_part(names: Sequence[str], seconds: dict[str, float], one_in: Iterable[int]) -> list[bool]:
    """Whether each case is left to the slow part, by the ``names`` of their functions.

    A function that takes too long keeps as many of its cases, evenly spaced, as the quick part has time for: none if
    one case alone takes too long. ``one_in`` is the marker's number for each case.

    >>> left_to_the_slow_part(["a", "a", "a", "a", "b", "c", "c"], {"a": 4.0, "b": 3.0}, [1] * 5 + [2] * 2)
    [False, True, False, True, True, False, True]
    """
    count, seen, found = Counter(names), Counter[str](), []
    for name, marked in zip(names, one_in, strict=True):
        every = marked * ceil(seconds[name] / QUICK) if name in seconds else marked
        found.append(seen[name] % every > 0 or (name in seconds and every > count[name]))
        seen[name] += 1
    return found


if __name__ == "__main__":
    with FILE.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows((f"{of:.1f}", name) for name, of in measured(Path(sys.argv[1])).items())
