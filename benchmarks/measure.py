"""What every benchmark here shares: alternating timing, facts about the machine, results in a file, a command line."""

import gc
import json
import math
import os
import platform
import random
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import jax
import jax.numpy as jnp
from cyclopts import App, CycloptsError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from wellshaped.spec.files import replacing, wrong_suffix
from wellshaped.spec.messages.report import UsageError, WellshapedError

FEWEST_ROUNDS = 3
"""A median of fewer would be no median; so many are measured whatever they take."""

STRETCH = 0.02
"""Seconds. A call that takes less is repeated until a stretch lasts as long, and the stretch is timed."""

SETTLE = 0.005
"""Seconds of rest before each stretch: threads of the one before may still spin, waiting for more work."""

_PACKAGES = ("wellshaped", "jax", "jaxlib", "flax", "equinox", "torch", "numpy")
_EDGE = 2048


def alternately(
    calls: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    seconds: float,
    after_round: Callable[[int], object] = lambda done: None,
) -> dict[str, list[float]]:
    """The seconds that each of ``calls`` takes, once a round: at most ``rounds``, or as many as fit into ``seconds``.

    Every round measures each of them, in an order drawn anew, so that a drift of the machine hits all alike and none
    always follows the same other. :data:`FEWEST_ROUNDS` are measured even where they take longer than ``seconds``.
    ``after_round`` is told the number of rounds done. A call is timed until its arrays are there; garbage is not
    collected meanwhile.
    """
    repeats = {name: _repeats(call) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    order, shuffle = list(calls), random.Random(0).shuffle
    with without_garbage_collection():
        started = perf_counter()
        for done in range(rounds):
            if done >= FEWEST_ROUNDS and (perf_counter() - started) * (done + 1) / done > seconds:
                break
            shuffle(order)
            for name in order:
                sleep(SETTLE)
                times[name].append(_stretch(calls[name], repeats[name]))
            after_round(done + 1)
    return times


def _repeats(call: Callable[[], object]) -> int:
    """How many calls make a stretch; the first, which warms up, does not count."""
    if _stretch(call, 1) > 10 * STRETCH:
        return 1  # a long call warms itself up
    return max(1, math.ceil(STRETCH / _stretch(call, 3)))


def _stretch(call: Callable[[], object], repeats: int) -> float:
    started = perf_counter()
    for _ in range(repeats):
        jax.block_until_ready(call())
    return (perf_counter() - started) / repeats


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Collect what there is, and then nothing until the block ends."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def compile_afresh(
    function: Callable[..., Any],
    arguments: Iterable[Any],
    around: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> tuple[Any, float]:
    """``function`` compiled for ``arguments``, and the seconds that tracing, lowering and compiling took.

    Nothing that JAX remembers of an earlier compilation is used. All of it happens inside ``around()``.
    """
    jax.clear_caches()

    def fresh(*arguments: Any) -> Any:  # JAX remembers traces by the function's identity
        return function(*arguments)

    with without_garbage_collection(), around():
        started = perf_counter()
        compiled = jax.jit(fresh).lower(*arguments).compile()
        return compiled, perf_counter() - started


def product_rate(rounds: int = 7) -> float:
    """Floating-point operations per second of a 2048³ matrix product in float32: the fastest of some, for a limit."""
    a = jnp.ones((_EDGE, _EDGE), jnp.float32)
    dot = jax.jit(jnp.dot).lower(a, a).compile()
    jax.block_until_ready(dot(a, a))
    return 2 * _EDGE**3 / min(_stretch(lambda: dot(a, a), 1) for _ in range(rounds))


def machine() -> dict[str, object]:
    """What the numbers were measured on."""
    devices = jax.devices()
    return {
        "cpu": _cpu_model(),
        "cores": cores(),
        "os": f"{_system()}, {platform.machine()}",
        "device": f"{len(devices)} × {devices[0].device_kind}",
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
    }


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu_model() -> str:
    with suppress(OSError):
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
        if found:
            return found[1]
    return platform.processor() or platform.machine()


def _system() -> str:
    with suppress(OSError):
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    return f"{platform.system()} {platform.release()}"


def versions() -> dict[str, str | None]:
    """The versions of Python and of each package that takes part, ``None`` where it is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


@contextmanager
def watching_others() -> Iterator[Callable[[], float | None]]:
    """What to call after the block: the share of all cores that other programs took meanwhile, if the system says."""
    started, before = perf_counter(), _others_seconds()
    taken: list[float | None] = [None]
    yield lambda: taken[0]
    if before is not None:
        seconds = (_others_seconds() or before) - before
        taken[0] = round(max(0.0, seconds / (perf_counter() - started) / cores()), 3)


def _others_seconds() -> float | None:
    """Seconds that all cores together have worked, but for this process."""
    with suppress(OSError):
        user, nice, system, _idle, _waiting, *others = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
        own = os.times()
        return sum(map(int, (user, nice, system, *others))) / os.sysconf("SC_CLK_TCK") - own.user - own.system
    return None


def free_bytes() -> float:
    """The memory that can be had, as far as the system says; else without limit."""
    with suppress(OSError):
        found = re.search(r"^MemAvailable:\s*(\d+) kB$", Path("/proc/meminfo").read_text(), re.M)
        if found:
            return 1024 * int(found[1])
    return math.inf


class Results:
    """What a benchmark found, in the file at ``path`` as soon as it is found; with ``path=None`` only in memory.

    ``kind`` names the benchmark. Cases that the file has already are kept, and replaced when they are measured again:
    each case stands for itself. So a run that was interrupted goes on where it is started again with the cases left.

    Raises :class:`ShapeError` where the file cannot be written, holds something else, or was measured on another
    machine or with other versions.
    """

    def __init__(self, kind: str, path: Path | None) -> None:
        self.path = path
        self.data: dict[str, Any] = {"benchmark": kind, "machine": machine(), "versions": versions(), "cases": []}
        if path is None:
            return
        check_output("--json", path, (".json",))
        if path.exists():
            old = load_results(path)
            says = [key for key in ("benchmark", "machine", "versions") if old[key] != self.data[key]]
            if says:
                raise UsageError.of(
                    f"--json {path}",
                    "mixed",
                    "it holds results that do not go together with these",
                    f"they differ in {', '.join(says)}",
                    "the path of a new file",
                )
            self.data["cases"] = old["cases"]

    def add(self, case: Mapping[str, Any], found: Mapping[str, Any]) -> None:
        """Put in what was ``found`` of ``case``, in place of what was known of it."""
        kept = [old for old in self.data["cases"] if old["case"] != case]
        self.data["cases"] = [*kept, {"case": dict(case), **found}]
        if self.path is not None:
            with replacing(self.path) as new:
                new.write_text(as_json(self.data), encoding="utf-8")


def as_json(data: object) -> str:
    """JSON to read: indented, but a list of numbers on one line."""
    text = json.dumps(data, indent=1, ensure_ascii=False)
    return re.sub(r"\[[\s\d.,e+-]+\]", lambda found: " ".join(found[0].split()), text) + "\n"


def rounded(seconds: Iterable[float]) -> list[float]:
    """Times to write down: six digits are more than any clock here means."""
    return [float(f"{s:.6g}") for s in seconds]


def load_results(path: Path) -> dict[str, Any]:
    """The results in the file at ``path``. Raises :class:`ShapeError` where there are none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        says = None if isinstance(data, dict) and {"benchmark", "cases"} <= set(data) else "it has no cases"
    except OSError as error:
        says = error.strerror or str(error)
    except ValueError as error:
        says = str(error)
    if says:
        raise UsageError.of(f"results {path}", "file", "no results of a benchmark", says, "a file written by --json")
    return data


def check_output(flag: str, path: Path, suffixes: tuple[str, ...]) -> None:
    """Refuse, before a long run, a ``path`` that could not be written after it."""

    class Enough(Exception):  # noqa: N818 not an error: it ends the attempt before it replaces anything
        pass

    if path.suffix not in suffixes:
        raise wrong_suffix(f"{flag} {path}", path, suffixes)
    with suppress(Enough), replacing(path) as new:
        new.touch()
        raise Enough


def require_at_least(flag: str, number: float, least: float) -> None:
    """Refuse a number given to ``flag`` that is less than ``least``, or not finite."""
    if not least <= number < math.inf:
        says = f"it must be {least} or more, and finite"
        raise UsageError.of(f"{flag} {number}", flag.strip("-"), "nothing to measure by", says, f"{flag} {least}")


@contextmanager
def progress(total: int) -> Iterator[Callable[[int, str, str], None]]:
    """What to call with the cases done, the case and what is being done: a bar in a terminal, else a line a case."""
    console = Console(stderr=True)
    if not console.is_terminal:
        told: list[str] = []

        def tell(done: int, case: str, doing: str) -> None:
            if case not in told:
                told.append(case)
                print(f"{done} of {total} done; {case}", file=sys.stderr, flush=True)

        yield tell
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    # No thread of its own: it would draw while something is measured.
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as bar:
        task = bar.add_task("", total=total)

        def show(done: int, case: str, doing: str) -> None:
            bar.update(task, completed=done, description=f"{case}: {doing}")
            bar.refresh()

        yield show


def command_line(name: str, says: str | None) -> App:
    """The command line of ``python -m benchmarks.<name>``."""
    return App(name=f"python -m benchmarks.{name}", help=says, result_action="return_value", version_flags=())


def run(app: App, arguments: Sequence[str] | None = None) -> int:
    """Run the command line ``app``; the exit status: 0, 1 for what does not fit, 2 for words that it does not know."""
    try:
        return app(arguments, exit_on_error=False, print_error=False) or 0
    except CycloptsError as error:
        print(error, file=sys.stderr)
        return 2
    except WellshapedError as error:
        print(error, file=sys.stderr)
        return 1
