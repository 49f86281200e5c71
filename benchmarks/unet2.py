"""The two-level U-Net in this library and in others: time of forward and forward+backward, compiling, memory.

``uv run python -m benchmarks.unet2 --json results.json --plot results.svg``; ``benchmarks/__init__.py`` lists the other
libraries.

Forward is the output for an image or a batch. Forward+backward is the gradients with respect to all sixteen parameter
arrays and to the image, for a given gradient of the output. All contenders get the same float32 numbers in their own
layout, and are measured only if their results agree. Each round calls each contender once, in a new random order; the
tables compare medians over the rounds. Compiling is tracing, lowering and compiling, without caches. Memory is what XLA
allocates for intermediates, without what a library's kernel allocates itself while it runs. The limit is the time of
the same multiplications and additions at the rate of a large matrix product.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import partial
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import jax
from cyclopts import Parameter
from rich.console import Console

from wellshaped.spec import check, stages
from wellshaped.spec.messages.report import UsageError, WellshapedError

from .contenders import (
    BOTH,
    CONTENDERS,
    FORWARD,
    IN_CHANNELS,
    OUT_CHANNELS,
    WORKS,
    Case,
    Contender,
    disagreements,
    draw,
    tolerance,
)
from .measure import (
    FEWEST_ROUNDS,
    Results,
    alternately,
    check_output,
    command_line,
    compile_afresh,
    free_bytes,
    product_rate,
    progress,
    require_at_least,
    rounded,
    run,
    watching_others,
)
from .report import GOAL_CASE, PLOTS, case_table, plot, remarks, tables

NAMES = tuple(contender.name for contender in CONTENDERS)
SMALL = Case(size=8, channels=4, batch=2)
"""The contenders must agree on this case before they are measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long a case is measured: at most ``rounds`` rounds, and ``compiles`` compilations of each contender.

    The rounds also stop after about ``seconds_per_case``, but not before the fewest rounds.
    """

    rounds: int
    seconds_per_case: float
    compiles: int

    def __post_init__(self) -> None:
        for flag, number in (("--rounds", self.rounds), ("--compiles", self.compiles)):
            require_at_least(flag, number, 1)
        require_at_least("--seconds-per-case", self.seconds_per_case, 0)


# The defaults of the flags: for a full measurement, and for --quick, one small case to see that all works.
FULL = {
    "sizes": (64, 128, 256, 512),
    "channels": (16, 32, 64),
    "batches": (1, 8),
    "rounds": 50,
    "seconds_per_case": 40.0,
    "compiles": 3,
}
QUICK = {"sizes": (64,), "channels": (16,), "batches": (1,), "rounds": 3, "seconds_per_case": 2.0, "compiles": 1}

FIXED = {
    "fewest_rounds": FEWEST_ROUNDS,
    "in_channels": IN_CHANNELS,
    "out_channels": OUT_CHANNELS,
    "dtype": "float32",
}
"""Settings that no flag changes. They are written with the results."""


def measure(
    case: Case, contenders: Sequence[Contender], effort: Effort, tell: Callable[[str], object]
) -> dict[str, Any]:
    """Return the results for one case, as they are written to the file; ``tell`` is called with the current step."""
    tell("a matrix product")
    rate = product_rate()
    shape = (IN_CHANNELS, case.size, case.size)
    multiply_adds = sum(s.multiply_adds for s in stages(case.cfg, shape, out_channels=OUT_CHANNELS))
    forward = 2e-9 * multiply_adds * case.batch
    entries: dict[str, dict[str, Any]] = {c.name: {"title": c.title} for c in contenders}
    runnable = []
    for contender in contenders:
        reason = contender.missing()
        if reason is None:
            runnable.append(contender)
        else:
            entries[contender.name]["not_measured"] = reason
    inputs = draw(case)
    ready = _compiled(case, [(c, c.calls(case, inputs)) for c in runnable], entries, effort.compiles, tell)
    with watching_others() as others:
        for work in WORKS:
            times = alternately(
                ready[work],
                rounds=effort.rounds,
                seconds=effort.seconds_per_case / len(WORKS),
                after_round=lambda done, work=work: tell(f"{work}, round {done}"),
            )
            for name, seconds in times.items():
                entries[name][work]["seconds"] = rounded(seconds)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": asdict(effort) | FIXED | {"tolerance": tolerance()},
        "others": others(),
        "product_gflop_per_s": rate / 1e9,
        # A convolution has two transposes, each with as many multiplications. ReLU, pooling and biases have none.
        "gflop": {FORWARD: forward, BOTH: 3 * forward},
        "contenders": entries,
    }


def _compiled(
    case: Case,
    calls: Sequence[tuple[Contender, Mapping[str, tuple[Callable[..., Any], tuple[Any, ...]]]]],
    entries: Mapping[str, dict[str, Any]],
    compiles: int,
    tell: Callable[[str], object],
) -> dict[str, dict[str, Callable[[], Any]]]:
    """Return the calls to time, by work and name. Compilation times and memory are written into ``entries``."""
    ready: dict[str, dict[str, Callable[[], Any]]] = {work: {} for work in WORKS}
    for time in range(compiles):
        for contender, works in calls:
            for work, (function, arguments) in works.items():
                entry = entries[contender.name].setdefault(work, {})
                if contender.eager:
                    entry["not_measured"] = contender.eager
                else:
                    tell(f"{contender.name}, {work}, compilation {time + 1}")
                    function, seconds = compile_afresh(function, arguments, contender.around)
                    entry["compile_seconds"] = [*entry.get("compile_seconds", ()), *rounded([seconds])]
                    entry["temporary_bytes"] = function.memory_analysis().temp_size_in_bytes
                    lacks = _lacks_memory(function)
                    if lacks:
                        entry["not_measured"] = f"{work} of {case}, because {lacks}"
                        continue
                ready[work][contender.name] = partial(function, *arguments)
    return ready


def _lacks_memory(compiled: Any) -> str | None:
    """Return why there is too little memory to run it, or ``None`` if there is enough."""
    sizes = compiled.memory_analysis()
    needed = sizes.temp_size_in_bytes + sizes.argument_size_in_bytes + sizes.output_size_in_bytes
    free = free_bytes()
    return f"it needs {needed / 2**30:.1f} GiB, but only {free / 2**30:.1f} GiB are free" if needed > free else None


app = command_line("unet2", __doc__)

Several = Parameter(consume_multiple=True, negative="")


def _flag(name: str, says: str) -> Parameter:
    """Return a flag with one default for a full run and one for a quick run."""
    full, short = (" ".join(map(str, v)) if isinstance(v, tuple) else v for v in (FULL[name], QUICK[name]))
    return Parameter(help=f"{says} [default: {full}; quick: {short}]")


@app.default
def compare(
    *,
    sizes: Annotated[tuple[int, ...] | None, Several, _flag("sizes", "Edges of the square images.")] = None,
    channels: Annotated[tuple[int, ...] | None, Several, _flag("channels", "Base channels.")] = None,
    batches: Annotated[tuple[int, ...] | None, Several, _flag("batches", "Images in a batch.")] = None,
    rounds: Annotated[int | None, _flag("rounds", "The largest number of rounds.")] = None,
    seconds_per_case: Annotated[
        float | None,
        _flag("seconds_per_case", f"Seconds after which a case's rounds stop, but not before {FEWEST_ROUNDS} rounds."),
    ] = None,
    compiles: Annotated[int | None, _flag("compiles", "How often each contender is compiled.")] = None,
    only: Annotated[
        tuple[str, ...], Several, Parameter(help=f"Contenders: {', '.join(NAMES)}.", show_default=False)
    ] = NAMES,
    json: Annotated[Path | None, Parameter(help="The .json file to write results to, or add them to.")] = None,
    drawing: Annotated[Path | None, Parameter(name="--plot", help="The .svg or .png picture to draw.")] = None,
    quick: Annotated[bool, Parameter(negative="", help="Measure one small case, to see that all works.")] = False,
) -> int:
    """Measure the two-level U-Net in all libraries, and print the ratios to the better layout of stock JAX."""
    given = {"sizes": sizes, "channels": channels, "batches": batches, "rounds": rounds, "compiles": compiles}
    given |= {"seconds_per_case": seconds_per_case}
    plan = (QUICK if quick else FULL) | {name: value for name, value in given.items() if value is not None}
    cases = _cases(plan.pop("sizes"), plan.pop("channels"), plan.pop("batches"))
    effort = Effort(**plan)
    contenders = _chosen(only)
    if drawing is not None:
        check_output("--plot", drawing, PLOTS)
        if find_spec("matplotlib") is None:
            fix = "install matplotlib, or leave --plot out"
            raise UsageError.of("--plot", "plot", "", "matplotlib is not installed", fix)
    results = Results("unet2", json)
    status = _measure_all(cases, contenders, effort, results)
    console = Console() if sys.stdout.isatty() else Console(width=200)
    others = [case_table(case) for case in results.data["cases"] if case["case"] != GOAL_CASE]
    for table in [*others, *tables(results.data)]:
        table.show(console)
    console.print(*remarks(results.data), sep="\n", soft_wrap=True)
    if drawing is not None and results.data["cases"]:
        plot(results.data, drawing)
    return status


def _chosen(only: Sequence[str]) -> list[Contender]:
    for name in only or ("",):
        if name not in NAMES:
            near = get_close_matches(name, NAMES, n=1) or NAMES[:1]
            says = f"it must be among {', '.join(NAMES)}"
            raise UsageError.of(f"--only {name[:60]}", "only", "no such contender", says, f"--only {near[0]}")
    return [contender for contender in CONTENDERS if contender.name in only]


def _cases(sizes: Sequence[int], channels: Sequence[int], batches: Sequence[int]) -> list[Case]:
    """Return every combination, the cheapest first."""
    for flag, numbers in (("--sizes", sizes), ("--channels", channels), ("--batches", batches)):
        require_at_least(flag, min(numbers, default=0), 1)
    cases = [Case(*numbers) for numbers in dict.fromkeys(product(sizes, channels, batches))]
    for case in cases:
        check(case.cfg, (IN_CHANNELS, case.size, case.size), out_channels=OUT_CHANNELS).raise_if_failed()
    return sorted(cases, key=lambda case: (case.size * case.channels) ** 2 * case.batch)


def _measure_all(cases: Sequence[Case], contenders: Sequence[Contender], effort: Effort, results: Results) -> int:
    """Measure all cases into ``results``, if the contenders agree. Return 130 if the user interrupts it, else 0."""
    with progress(len(cases)) as tell:
        try:
            tell(0, f"{len(contenders)} contenders", "checking that they agree")
            _require_agreement([contender for contender in contenders if contender.missing() is None])
            for done, case in enumerate(cases):
                results.add(asdict(case), measure(case, contenders, effort, partial(tell, done, str(case))))
        except KeyboardInterrupt:
            return 130  # what was measured is kept and shown
    return 0


def _require_agreement(contenders: Sequence[Contender]) -> None:
    lines = disagreements(contenders, SMALL)
    if lines:
        says = "; ".join(lines[:5]) + (f"; and {len(lines) - 5} more" if len(lines) > 5 else "")
        fix = "--only with the contenders that agree"
        raise WellshapedError.of("comparing the contenders", "agreement", f"they differ at {SMALL}", says, fix)


if __name__ == "__main__":
    jax.config.update("jax_enable_compilation_cache", False)  # compiling is measured
    sys.exit(run(app))
