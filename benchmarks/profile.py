"""Where forward+backward spends its time: in which operations, on how many cores, and on new pages of memory.

``uv run python -m benchmarks.profile --json profile.json``. Each contender is called repeatedly without a profiler, for
its processor time and its new pages, and then under JAX's profiler. The profiler records how long each operation ran on
the thread that started it. That includes waiting for other threads, but not their work.
"""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated, Any

import jax
from cyclopts import Parameter
from rich.console import Console

from wellshaped.spec.messages.report import WellshapedError

from .contenders import BOTH, CONTENDERS, STOCK, Case, draw
from .measure import (
    Results,
    command_line,
    compile_afresh,
    progress,
    require_at_least,
    run,
    watching_others,
    without_garbage_collection,
)
from .report import GOAL_CASE, profile_table, remarks

NAMES = ("ours", *STOCK)

KINDS = {"convolution": "convolutions", "dot": "matrix products"}
"""The kinds of XLA's operations. All other operations move, compare or add numbers."""

OTHERS = "everything else"

_WORKER = "tf_"
"""The names of the threads that run operations begin with this."""


def of_processor(call: Callable[[], object], times: int) -> dict[str, float]:
    """Return the means for one call: its seconds, its processor seconds (user and system), and its new pages."""
    import resource

    jax.block_until_ready(call())
    with without_garbage_collection():
        before, started = resource.getrusage(resource.RUSAGE_SELF), perf_counter()
        for _ in range(times):
            jax.block_until_ready(call())
        seconds, after = perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seconds": seconds / times,
        "user": (after.ru_utime - before.ru_utime) / times,
        "system": (after.ru_stime - before.ru_stime) / times,
        "new_pages": (after.ru_minflt - before.ru_minflt) / times,
    }


def of_operations(call: Callable[[], object], kinds: Mapping[str, str], times: int) -> dict[str, float]:
    """Return the mean seconds that operations of each kind take in one call, on the threads that start them."""
    jax.block_until_ready(call())
    with TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            for _ in range(times):
                jax.block_until_ready(call())
        (written,) = Path(folder).rglob("*.xplane.pb")
        profile = jax.profiler.ProfileData.from_file(str(written))
    found = dict.fromkeys((*KINDS.values(), OTHERS), 0.0)
    lines = [line for plane in profile.planes for line in plane.lines if line.name.startswith(_WORKER)]
    for event in (event for line in lines for event in line.events if event.name in kinds):
        found[kinds[event.name]] += 1e-9 * event.duration_ns / times
    return found


def kinds_of(program: str) -> dict[str, str]:
    """Return the kind of each operation of a compiled program, by its name. A fusion has the kind of its contents."""
    bodies = dict(re.findall(r"^(?:ENTRY )?%?([\w.-]+) [^\n]*\{\n(.*?)^\}", program, re.M | re.S))
    (entry,) = re.findall(r"^ENTRY %?([\w.-]+) ", program, re.M)
    kinds = {}
    for name, operation, rest in re.findall(r"^ *(?:ROOT )?%?([\w.-]+) = .*? ([\w-]+)\((.*)$", bodies[entry], re.M):
        called = re.search(r"calls=%?([\w.-]+)", rest)
        inside = re.findall(r" (\w+)\(", bodies[called[1]]) if called else ()
        kinds[name] = next((kind for op, kind in KINDS.items() if op == operation or op in inside), OTHERS)
    return kinds


def measure(case: Case, times: int, tell: Callable[[str], object]) -> dict[str, Any]:
    """Return the results for one case, as they are written to the file; ``tell`` is called with the current step."""
    inputs = draw(case)
    entries: dict[str, Mapping[str, Any]] = {}
    with watching_others() as others:
        for contender in (c for c in CONTENDERS if c.name in NAMES):
            tell(contender.title)
            function, arguments = contender.calls(case, inputs)[BOTH]
            compiled, _ = compile_afresh(function, arguments, contender.around)
            call, kinds = partial(compiled, *arguments), kinds_of(compiled.as_text())
            found = {"processor": of_processor(call, times), "operations": of_operations(call, kinds, times)}
            entries[contender.name] = {"title": contender.title, **found}
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": {"calls": times, "dtype": "float32"},
        "others": others(),
        "contenders": entries,
    }


app = command_line("profile", __doc__)


@app.default
def compare(
    *,
    calls: Annotated[int, Parameter(help="How often each contender is called.")] = 20,
    json: Annotated[Path | None, Parameter(help="The .json file to write results to, or add them to.")] = None,
) -> None:
    """Profile forward+backward in the case of the goals, and print where it spends its time."""
    require_at_least("--calls", calls, 1)
    if jax.default_backend() != "cpu" or sys.platform == "win32":
        says = f"it must run on a CPU under Linux or macOS, and this is {jax.default_backend()} on {sys.platform}"
        raise WellshapedError.of("profiling", "platform", "", says, "JAX_PLATFORMS=cpu, on Linux or macOS")
    results = Results("profile", json)
    case = Case(**GOAL_CASE)
    with progress(1) as tell:
        results.add(asdict(case), measure(case, calls, partial(tell, 0, str(case))))
    console = Console() if sys.stdout.isatty() else Console(width=200)
    profile_table(results.data["cases"][-1]).show(console)
    console.print(*remarks(results.data), sep="\n", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(run(app))
