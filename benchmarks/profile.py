"""Where the time of forward+backward goes: into which operations, onto how many cores, and into new pages.

``uv run python -m benchmarks.profile --json profile.json``. Each contender is called some times as it is, for the time
of the processor and the pages that the system hands out, and then some times under JAX's profiler, which says when each
operation ran on the thread that started it. What other threads do to help is not recorded, and waiting for them is.
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

from wellshaped.spec.messages.report import UsageError

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
"""What XLA's operations are called here; what is neither moves, compares or adds numbers."""

OTHERS = "everything else"

_WORKER = "tf_"
"""What the names of the threads begin with that run operations."""


def of_processor(call: Callable[[], object], times: int) -> dict[str, float]:
    """Of one call, in the mean: its seconds, those that cores worked for it and for the system, and new pages."""
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
    """Of one call, in the mean: the seconds that operations of each kind take on the threads that start them."""
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
    """The kind of each operation that a compiled program runs, by its name: a fusion has the kind of what is in it."""
    bodies = dict(re.findall(r"^(?:ENTRY )?%?([\w.-]+) [^\n]*\{\n(.*?)^\}", program, re.M | re.S))
    (entry,) = re.findall(r"^ENTRY %?([\w.-]+) ", program, re.M)
    kinds = {}
    for name, operation, rest in re.findall(r"^ *(?:ROOT )?%?([\w.-]+) = .*? ([\w-]+)\((.*)$", bodies[entry], re.M):
        called = re.search(r"calls=%?([\w.-]+)", rest)
        inside = re.findall(r" (\w+)\(", bodies[called[1]]) if called else ()
        kinds[name] = next((kind for op, kind in KINDS.items() if op == operation or op in inside), OTHERS)
    return kinds


def measure(case: Case, times: int, tell: Callable[[str], object]) -> dict[str, Any]:
    """What is to be known of one case, as it goes into the file; ``tell`` is told what is being done."""
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
    calls: Annotated[int, Parameter(help="Calls of each.")] = 20,
    json: Annotated[Path | None, Parameter(help="The file of results to write, or to add to, .json.")] = None,
) -> None:
    """Profile forward+backward in the case of the goals, and print where its time goes."""
    require_at_least("--calls", calls, 1)
    if jax.default_backend() != "cpu" or sys.platform == "win32":
        says = f"this is {jax.default_backend()} on {sys.platform}"
        raise UsageError.of("profile", "platform", "only a CPU's threads are read, on Linux or macOS", says, "a CPU")
    results = Results("profile", json)
    case = Case(**GOAL_CASE)
    with progress(1) as tell:
        results.add(asdict(case), measure(case, calls, partial(tell, 0, str(case))))
    console = Console() if sys.stdout.isatty() else Console(width=200)
    profile_table(results.data["cases"][-1]).show(console)
    console.print(*remarks(results.data), sep="\n", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(run(app))
