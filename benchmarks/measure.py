"""Shared by all benchmarks: alternating timing, a description of the machine, files of results, a command line."""

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

from wellshaped.spec.files.disk import replacing, wrong_suffix
from wellshaped.spec.messages.report import FileError, UsageError, WellshapedError

FEWEST_ROUNDS = 3
"""At least this many rounds are measured, however long they take: a median needs them."""

STRETCH = 0.02
"""Seconds. A shorter call is repeated for about this long, and all repetitions are timed together as a stretch."""

SETTLE = 0.005
"""Seconds of rest before each stretch, because threads of the stretch before may still spin."""

_PACKAGES = ("wellshaped", "jax", "jaxlib", "flax", "equinox", "torch", "numpy")
_EDGE = 2048


def alternately(
    calls: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    seconds: float,
    after_round: Callable[[int], object] = lambda done: None,
) -> dict[str, list[float]]:
    """Return the seconds that each of ``calls`` takes, by name, one time for each round.

    There are at most ``rounds`` rounds, and no more than fit into ``seconds``, but at least :data:`FEWEST_ROUNDS`. Each
    round measures all calls in a new random order, so that a drift of the machine affects all alike. ``after_round``
    is called with the number of rounds done. A call is timed until its arrays are ready. Garbage collection is off.
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
    """Return how many calls make a stretch. The first call only warms up."""
    if _stretch(call, 1) > 10 * STRETCH:
        return 1  # a long call needs no warming up
    return max(1, math.ceil(STRETCH / _stretch(call, 3)))


def _stretch(call: Callable[[], object], repeats: int) -> float:
    started = perf_counter()
    for _ in range(repeats):
        jax.block_until_ready(call())
    return (perf_counter() - started) / repeats


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Collect garbage, and then switch collection off until the block ends."""
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
    """Return ``function`` compiled for ``arguments``, and the seconds that tracing, lowering and compiling take.

    JAX's caches are cleared first. Everything happens inside ``around()``.
    """
    jax.clear_caches()

    def fresh(*arguments: Any) -> Any:  # a new function, because JAX caches traces by identity
        return function(*arguments)

    with without_garbage_collection(), around():
        started = perf_counter()
        compiled = jax.jit(fresh).lower(*arguments).compile()
        return compiled, perf_counter() - started


def product_rate(rounds: int = 7) -> float:
    """The floating-point operations per second of a 2048³ matrix product in float32: the fastest of ``rounds``."""
    a = jnp.ones((_EDGE, _EDGE), jnp.float32)
    dot = jax.jit(jnp.dot).lower(a, a).compile()
    jax.block_until_ready(dot(a, a))
    return 2 * _EDGE**3 / min(_stretch(lambda: dot(a, a), 1) for _ in range(rounds))


def machine() -> dict[str, object]:
    """A description of the machine."""
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
    """The versions of Python and of each package measured, ``None`` if it is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def installed(*more: str) -> str:
    """JAX, Flax and ``more`` packages with their versions, as text. What is not installed is left out."""
    named = ("jax", "jaxlib", "flax", *more)
    return ", ".join(f"{name} {number}" for name, number in versions().items() if name in named and number)


@contextmanager
def watching_others() -> Iterator[Callable[[], float | None]]:
    """Yield a function to call after the block: the share of all cores that other programs used, or ``None``."""
    started, before = perf_counter(), _others_seconds()
    taken: list[float | None] = [None]
    yield lambda: taken[0]
    if before is not None:
        seconds = (_others_seconds() or before) - before
        taken[0] = round(max(0.0, seconds / (perf_counter() - started) / cores()), 3)


def _others_seconds() -> float | None:
    """The seconds that all cores together have worked for other processes."""
    with suppress(OSError):
        user, nice, system, _idle, _waiting, *others = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
        own = os.times()
        return sum(map(int, (user, nice, system, *others))) / os.sysconf("SC_CLK_TCK") - own.user - own.system
    return None


def free_bytes() -> float:
    """The free memory in bytes; infinity if the system does not report it."""
    with suppress(OSError):
        found = re.search(r"^MemAvailable:\s*(\d+) kB$", Path("/proc/meminfo").read_text(), re.M)
        if found:
            return 1024 * int(found[1])
    return math.inf


class Results:
    """The results of a benchmark, written to the file at ``path`` after each case; only in memory if ``path=None``.

    ``kind`` names the benchmark. Cases already in the file are kept, and replaced when they are measured again. So you
    can continue an interrupted run with the cases that are left.

    Raises :class:`FileError` if the file can't be written or holds something else, and :class:`UsageError` if its
    results are of another benchmark, another machine or other versions.
    """

    def __init__(self, kind: str, path: Path | None) -> None:
        self.path = path
        self.data: dict[str, Any] = {"benchmark": kind, "machine": machine(), "versions": versions(), "cases": []}
        if path is None:
            return
        check_output("--json", path, (".json",))
        if path.exists():
            old = load_results(path)
            differ = [key for key in ("benchmark", "machine", "versions") if old[key] != self.data[key]]
            if differ:
                says = f"the file has results that differ in {' and '.join(differ)} from this run"
                raise UsageError.of(f"--json {path}", "mixed", "", says, "the path of a new file")
            self.data["cases"] = old["cases"]

    def add(self, case: Mapping[str, Any], found: Mapping[str, Any]) -> None:
        """Add the results ``found`` for ``case``, replacing older results for it."""
        kept = [old for old in self.data["cases"] if old["case"] != case]
        self.data["cases"] = [*kept, {"case": dict(case), **found}]
        if self.path is not None:
            with replacing(self.path) as new:
                new.write_text(as_json(self.data), encoding="utf-8")


def as_json(data: object) -> str:
    """Return readable JSON: indented, but with lists of numbers on one line."""
    text = json.dumps(data, indent=1, ensure_ascii=False)
    return re.sub(r"\[[\s\d.,e+-]+\]", lambda found: " ".join(found[0].split()), text) + "\n"


def rounded(seconds: Iterable[float]) -> list[float]:
    """Return the times with six digits, which is more precise than any clock here."""
    return [float(f"{s:.6g}") for s in seconds]


def load_results(path: Path) -> dict[str, Any]:
    """Return the results in the file at ``path``. Raises :class:`FileError` if it has none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        says = (
            None
            if isinstance(data, dict) and {"benchmark", "cases"} <= set(data)
            else "it must be an object with the keys benchmark and cases"
        )
    except OSError as error:
        says = error.strerror or str(error)
    except ValueError as error:
        says = str(error)
    if says:
        raise FileError.of(f"results {path}", "file", "not results of a benchmark", says, "a file written by --json")
    return data


def check_output(flag: str, path: Path, suffixes: tuple[str, ...]) -> None:
    """Raise :class:`FileError`, before a long run, if ``path`` can't be written after it."""

    class Enough(Exception):  # noqa: N818 not an error: it ends the attempt before anything is replaced
        pass

    if path.suffix not in suffixes:
        raise wrong_suffix(f"{flag} {path}", path, suffixes)
    with suppress(Enough), replacing(path) as new:
        new.touch()
        raise Enough


def require_at_least(flag: str, number: float, least: float) -> None:
    """Raise :class:`UsageError` if the number given to ``flag`` is less than ``least``, or not finite."""
    if not least <= number < math.inf:
        says = f"it must be {least} or more, and finite"
        raise UsageError.of(f"{flag} {number}", flag.strip("-"), "", says, f"{flag} {least}")


@contextmanager
def progress(total: int) -> Iterator[Callable[[int, str, str], None]]:
    """Yield a function that shows progress, as a bar in a terminal or a line for each case elsewhere.

    Call it with the number of cases done, the current case, and what is being done.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        shown: list[str] = []

        def tell(done: int, case: str, doing: str) -> None:
            if case not in shown:
                shown.append(case)
                print(f"{done} of {total} done; {case}", file=sys.stderr, flush=True)

        yield tell
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    # No thread of its own, which would draw during a measurement.
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
    """Run the command line ``app``, and return its exit status: 0, 1 for one of our errors, or 2 for a wrong option."""
    try:
        return app(arguments, exit_on_error=False, print_error=False) or 0
    except CycloptsError as error:
        print(error, file=sys.stderr)
        return 2
    except WellshapedError as error:
        print(error, file=sys.stderr)
        return 1
