"""Two checkouts of this library in one run: the time of every layer and network that both have, and of compiling it.

``uv run python -m benchmarks.two_versions ../before . --into docs/performance.md``, where ``../before`` is made by
``git worktree add ../before COMMIT``. Each checkout runs in a process of its own (``benchmarks/one_version.py``), with
the packages of this one. The processes take turns, in a new random order each round, and only one works at a time.
Both are started several times: an eager call of one process can take half as long again as that of another, with the
same code.

A call is timed by the clock, until its arrays are ready. Compiling is tracing, lowering and compiling without caches,
in processor time, which other programs disturb less. A ratio is that of the medians over the rounds, after to before.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated, Any

from cyclopts import Parameter

from wellshaped.spec.messages.report import FileError, UsageError, WellshapedError

from .measure import command_line, installed, machine, progress, require_at_least, run
from .one_version import CASES, COMPILE, RUN, WORKS
from .report import Table, publish, require_place

BEFORE, AFTER = "before", "after"
Times = dict[str, list[float]]
"""The seconds of each round, by checkout."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A running process that measures the code of a checkout."""

    path: Path
    process: subprocess.Popen[str]

    def ask(self, case: str, work: str) -> Any:
        """The answer to one request. Raises :class:`WellshapedError` if the process has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        answer = ""
        with suppress(BrokenPipeError):
            print(json.dumps([case, work]), file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        if not answer:
            says = "its process ended; what it wrote is above"
            raise WellshapedError.of(f"measuring {case} of {self.path}", "process", "", says, "")
        return json.loads(answer)


@contextmanager
def started(path: Path) -> Iterator[Checkout]:
    """The process of the checkout at ``path``. Raises :class:`FileError` if there is none."""
    if not (path / "wellshaped" / "__init__.py").is_file():
        says = "it must be the root of a checkout, with a folder wellshaped"
        raise FileError.of(str(path), "checkout", "", says, "git worktree add ../before COMMIT")
    program = str(Path(__file__).with_name("one_version.py"))
    given = {**os.environ, "PYTHONPATH": str(path.resolve())}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-P", program], env=given, text=True, **pipes) as process:  # type: ignore[call-overload]  # mypy looks for each pipe by name
        try:
            yield Checkout(path, process)
        finally:
            process.terminate()


def measure(case: str, checkouts: Mapping[str, Checkout], rounds: int, compiles: int, seed: int) -> dict[str, Times]:
    """The times of each work. Raises :class:`WellshapedError` if the checkouts compute results of different shapes."""
    about = {name: checkout.ask(case, "about") for name, checkout in checkouts.items()}
    if about[BEFORE] != about[AFTER]:
        says = "; ".join(f"{name}, {n} parameters and a result of shape {shape}" for name, (n, shape) in about.items())
        raise WellshapedError.of(f"comparing {case}", "agreement", "", says, "")
    found: dict[str, Times] = {}
    shuffled = random.Random(seed)
    for work in (*COMPILE, *RUN):
        found[work] = {name: [] for name in checkouts}
        for _ in range(compiles if work in COMPILE else rounds):
            for name in shuffled.sample(sorted(checkouts), len(checkouts)):
                found[work][name].append(checkouts[name].ask(case, work))
    return found


def table(found: Mapping[str, Mapping[str, Times]]) -> Table:
    """The table of all cases: for each work the time before, and the ratio with the middle half of the rounds."""
    header = ["layer or network"]
    for work in WORKS:
        header += [f"{work}, {'ms' if work in RUN else 's'}", "ratio"]
    rows = [[case, *(cell for work in WORKS for cell in _cells(works[work], work))] for case, works in found.items()]
    first = next(iter(found.values()))
    counts = [len(first[works[0]][BEFORE]) for works in (RUN, COMPILE)]
    notes = [f"{counts[0]} rounds of each call; compiled {counts[1]} times. Times are those before."]
    return Table("Before and after", header, rows, notes)


def _cells(times: Times, work: str) -> tuple[str, str]:
    before = median(times[BEFORE]) * (1e3 if work in RUN else 1)
    return f"{before:#.3g}", "{:.2f} ({:.2f}–{:.2f})".format(
        median(times[AFTER]) / median(times[BEFORE]), *_middle(times)
    )


def _middle(times: Times) -> Sequence[float]:
    """The quartiles of the ratios of single rounds."""
    ratios = [after / before for before, after in zip(times[BEFORE], times[AFTER], strict=True)]
    return quantiles(ratios, n=4, method="inclusive")[::2] if len(ratios) > 1 else ratios * 2


app = command_line("two_versions", __doc__)


@app.default
def compare(
    before: Path,
    after: Path = Path(),
    *,
    case: Annotated[list[str] | None, Parameter(help="Measure only these layers and networks.")] = None,
    rounds: Annotated[int, Parameter(help="The number of rounds of each call, in each start.")] = 5,
    compiles: Annotated[int, Parameter(help="How often each is compiled, in each start.")] = 2,
    starts: Annotated[int, Parameter(help="How often both processes are started.")] = 4,
    into: Annotated[Path | None, Parameter(help="The .md page to write the table into.")] = None,
) -> None:
    """Measure each layer and network of two checkouts, and print the ratios of after to before."""
    require_at_least("--rounds", rounds, 1)
    require_at_least("--compiles", compiles, 1)
    require_at_least("--starts", starts, 1)
    require_place(into, "two versions")
    cases = list(CASES) if case is None else case
    for name in cases:
        if name not in CASES:
            raise UsageError.of(f"--case {name!r}", "case", "", "there is no such case", f"one of {', '.join(CASES)}")
    found: dict[str, dict[str, Times]] = {name: {work: {BEFORE: [], AFTER: []} for work in WORKS} for name in cases}
    with progress(starts * len(cases)) as tell:
        for start in range(starts):
            with started(before) as first, started(after) as then:
                for done, name in enumerate(cases, start * len(cases)):
                    tell(done, name, "measuring")
                    times = measure(name, {BEFORE: first, AFTER: then}, rounds, compiles, start)
                    for work, checkout in product(WORKS, (BEFORE, AFTER)):
                        found[name][work][checkout] += times[work][checkout]
    used = f"{machine()['cpu']}, {machine()['cores']} cores, {machine()['device']}; "
    used += installed()
    publish([table(found)], into, "two versions", first=f"Measured on {used}.")


if __name__ == "__main__":
    sys.exit(run(app))
