"""Tables and a plot of the results, so that every number in the docs comes from a measurement.

``uv run python -m benchmarks.report results.json eager.json profile.json`` prints Markdown. ``--into
docs/performance.md`` writes it between the page's lines ``<!-- results -->`` and ``<!-- end of results -->``. ``--plot
results.svg`` draws the ratios.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated, Any

from cyclopts import Parameter
from rich.box import HORIZONTALS
from rich.console import Console
from rich.table import Table as RichTable

from wellshaped.spec.files.disk import replacing
from wellshaped.spec.messages.report import FileError, UsageError

from .contenders import BOTH, CONTENDERS, FORWARD, STOCK
from .measure import check_output, command_line, load_results, run

PLOTS = (".svg", ".png")
DISTURBED = 0.03
"""The share of the cores that other programs may use while a case is measured."""

_NONE = "–"

Result = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """A table to print or to write. Its first column names the rows; ``notes`` are shown below it."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """Return the table in GitHub's Markdown."""
        rule = ["---", *("---:" for _ in self.header[1:])]
        lines = ["| " + " | ".join(row) + " |" for row in (self.header, rule, *self.rows)]
        return "\n".join([f"### {self.title}", "", *lines, *(f"\n{note}" for note in self.notes)])

    def show(self, console: Console) -> None:
        """Print the table with rich."""
        table = RichTable(title=self.title, box=HORIZONTALS, padding=(0, 1, 0, 0), title_justify="left")
        for i, (name, *cells) in enumerate(zip(self.header, *self.rows, strict=True)):
            # A narrow terminal may wrap a heading, but no number is cut.
            table.add_column(name, justify="right" if i else "left", min_width=max(map(len, cells), default=0))
        for row in self.rows:
            table.add_row(*row)
        console.print(table, crop=False)
        console.print(*self.notes, "", sep="\n", soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity to compare: its ``work``, its ``unit``, how to ``read`` it, and whether it is ``timed`` in rounds."""

    title: str
    short: str
    work: str
    unit: str
    read: Callable[[Result], float | None]
    timed: bool = False

    def of(self, case: Result, name: str) -> float | None:
        """Return the contender's value in a case, or ``None`` if it was not measured."""
        measured = case["contenders"].get(name, {}).get(self.work)
        return None if measured is None else self.read(measured)

    def best(self, case: Result, names: Iterable[str] = STOCK) -> float | None:
        """Return the smallest value among ``names``, to which ratios are relative."""
        return min((value for name in names if (value := self.of(case, name)) is not None), default=None)

    def ratio(self, case: Result, name: str, against: Iterable[str] = STOCK) -> float | None:
        """Return the ratio of the contender's value to the best of ``against``."""
        value, best = self.of(case, name), self.best(case, against)
        return _over(value, best)

    def limit(self, case: Result) -> float | None:
        """Return the time of the case's multiplications and additions at the rate of a matrix product."""
        return 1e3 * case["gflop"][self.work] / case["product_gflop_per_s"] if self.timed else None


def _median(key: str, scale: float) -> Callable[[Result], float | None]:
    return lambda measured: scale * median(measured[key]) if measured.get(key) else None


def _memory(measured: Result) -> float | None:
    temporary = measured.get("temporary_bytes")
    return None if temporary is None else temporary / 2**20


TIME = {
    work: Quantity(f"Time of {work}", work, work, "ms", _median("seconds", 1e3), timed=True) for work in (FORWARD, BOTH)
}
MEMORY = Quantity(f"Peak temporary memory of {BOTH}", "temporary memory", BOTH, "MiB", _memory)
COMPILE = Quantity(f"Time to trace, lower and compile {BOTH}", "compiling", BOTH, "s", _median("compile_seconds", 1.0))
QUANTITIES = (*TIME.values(), MEMORY, COMPILE)

_TORCH = ("torch", "torch-channels-last")
GOAL_CASE = {"size": 256, "channels": 32, "batch": 1}


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio of at most ``at_most`` to the best of ``against``: in the case of the goals, or ``everywhere``."""

    says: str
    quantity: Quantity
    at_most: float
    against: tuple[str, ...] = STOCK
    everywhere: bool = False


GOALS = (
    Goal("forward+backward, to stock JAX", TIME[BOTH], 0.5),
    Goal("forward+backward, to PyTorch (an aim)", TIME[BOTH], 1.0, _TORCH),
    Goal("forward, to stock JAX", TIME[FORWARD], 0.9),
    Goal("forward, to PyTorch channels-last (an aim)", TIME[FORWARD], 1.0, _TORCH[1:]),
    Goal("peak temporary memory of forward+backward, to stock JAX", MEMORY, 0.7),
    Goal("time to compile forward+backward, to stock JAX", COMPILE, 1.5),
    Goal("forward in the worst case measured, to stock JAX", TIME[FORWARD], 1.0, everywhere=True),
    Goal("forward+backward in the worst case measured, to stock JAX", TIME[BOTH], 1.0, everywhere=True),
    Goal("peak temporary memory in the worst case measured, to stock JAX (an aim)", MEMORY, 0.7, everywhere=True),
    Goal("time to compile in the worst case measured, to stock JAX (an aim)", COMPILE, 1.5, everywhere=True),
)
"""The goals of this library, each relative to the better of stock JAX's two layouts, or of PyTorch's."""


def tables(result: Result) -> list[Table]:
    """Return all tables of one benchmark's results."""
    cases = sorted(result["cases"], key=lambda case: tuple(case["case"].values()))
    if result["benchmark"] == "eager":
        return [eager_table(cases)]
    if result["benchmark"] == "profile":
        return [profile_table(case) for case in cases]
    goal_cases = [case for case in cases if case["case"] == GOAL_CASE]
    ratios = [ratio_table(quantity, cases) for quantity in QUANTITIES]
    return [*(goal_table(cases) for _ in goal_cases), *(case_table(case) for case in goal_cases), *ratios]


def case_table(case: Result) -> Table:
    """Return the table of one case: each contender's numbers, with the middle half of the times, and the limit."""
    header = ["contender", *(heading for q in QUANTITIES for heading in (f"{q.short}, {q.unit}", "ratio"))]
    rows = []
    for name, title in _measured_titles([case]).items():
        rows.append([title])
        for q in QUANTITIES:
            rows[-1] += [_with_quartiles(q, case, name), _two(q.ratio(case, name))]
    rows.append(["limit"])
    for q in QUANTITIES:
        rows[-1] += [_three(q.limit(case)), _two(_over(q.limit(case), q.best(case)))]
    rounds = " and ".join(f"{_rounds(case, work)} rounds of {work}" for work in TIME)
    costs = " and ".join(f"{_three(gflop)} GFLOP" for gflop in case["gflop"].values())
    rate = f"{_three(case['product_gflop_per_s'])} GFLOP/s in a 2048³ matrix product"
    return Table(_title(case), header, rows, [f"{rounds}; {rate}; the convolutions cost {costs}."])


def ratio_table(quantity: Quantity, cases: Sequence[Result]) -> Table:
    """Return the table of all cases: each contender relative to the better layout of stock JAX in that case."""
    titles = _measured_titles(cases)
    header = ["image, channels, batch", f"better stock, {quantity.unit}", *titles.values()]
    rows = []
    for case in cases:
        best = quantity.best(case)
        rows.append([_short(case), _three(best), *(_two(quantity.ratio(case, name)) for name in titles)])
        if quantity.timed:
            spread = f"{_spread(quantity, case):.0%}"
            rows[-1] += [_two(_over(quantity.limit(case), best)), spread, str(_rounds(case, quantity.work))]
    if quantity.timed:
        header += ["limit", "spread", "rounds"]
    return Table(quantity.title, header, rows)


def remarks(result: Result) -> list[str]:
    """Return how to read the tables, and a line for each thing that was not measured, with the reason."""
    lines = []
    if result["benchmark"] == "unet2":
        lines += [
            "Ratios are to the better of the two layouts of stock JAX in the same case; smaller is better. Times are"
            " medians over the rounds, with the middle half of the rounds in brackets.",
            "Limit: the time of the same multiplications and additions at the rate of a large matrix product.",
            "Spread: the widest middle half of any contender's times in the case, relative to its median.",
        ]
    for case in result["cases"]:
        if (case["others"] or 0) > DISTURBED:
            lines.append(f"{_title(case)}: other programs used {case['others']:.0%} of the cores. Measure it again.")
        for entry in case["contenders"].values():
            works = (measured for measured in entry.values() if isinstance(measured, dict))
            reasons = [part["not_measured"] for part in (entry, *works) if "not_measured" in part]
            lines += [f"{entry['title']}, not measured: {reason}." for reason in reasons]
    return list(dict.fromkeys(lines))


def goal_table(cases: Sequence[Result]) -> Table:
    """Return the table of the goals and of the ratios that are reached."""
    ours = {name: title for name, title in _measured_titles(cases).items() if name in ("ours", "ours-backward")}
    at_goal = [case for case in cases if case["case"] == GOAL_CASE]
    rows = []
    for goal in GOALS:
        among = cases if goal.everywhere else at_goal
        rows.append([goal.says, f"{goal.at_most:g}"])
        for name in ours:
            ratios = [r for case in among if (r := goal.quantity.ratio(case, name, goal.against)) is not None]
            worst = max(ratios, default=None)
            rows[-1].append(_two(worst) if worst is None or worst <= goal.at_most else f"{_two(worst)} (missed)")
    notes = [f"All rows but the worst cases are about {_title(at_goal[0])}."]
    return Table("The goals", ["ratio", "at most", *ours.values()], rows, notes)


def eager_table(cases: Sequence[Result]) -> Table:
    """Return the table of the eager call of one layer, checked against unchecked."""
    call = Quantity("Time of a call", "call", "call", "µs", _median("seconds", 1e6), timed=True)
    rows = []
    for case in cases:
        values = [_three(call.of(case, name)) for name in ("checked", "unchecked")]
        ratio = _two(call.ratio(case, "checked", ("unchecked",)))
        rows.append([_title(case), *values, ratio, f"{_spread(call, case):.0%}", str(_rounds(case, "call"))])
    header = ["layer", "checked, µs", "unchecked, µs", "ratio", "spread", "rounds"]
    return Table("The eager call of one layer, checked and unchecked", header, rows)


def profile_table(case: Result) -> Table:
    """Return the table of where one case spends its time."""
    rows = []
    for entry in case["contenders"].values():
        processor, operations = entry["processor"], entry["operations"]
        busy = (processor["user"] + processor["system"]) / processor["seconds"]
        times = (processor["seconds"], processor["user"], processor["system"])
        pages = f"{processor['new_pages']:.0f}"
        kinds = [_three(1e3 * seconds) for seconds in operations.values()]
        rows.append([entry["title"], *(_three(1e3 * t) for t in times), f"{busy:.2f}", pages, *kinds])
    kinds = [f"{kind}, ms" for kind in next(iter(case["contenders"].values()))["operations"]]
    header = ["contender", "a call, ms", "processor, ms", "system, ms", "cores busy", "new pages", *kinds]
    notes = [
        f"Means of {case['settings']['calls']} calls. The times of operations are measured under JAX's profiler, on"
        " the threads that start them; the processor's and the system's time without it."
    ]
    return Table(f"Where {BOTH} spends its time: {_title(case)}", header, rows, notes)


def markdown(results: Iterable[Result]) -> str:
    """Return the text to write between the two lines of a page."""
    parts = []
    for result in results:
        versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items() if number)
        machine = [f"{name} {value}" for name, value in result["machine"].items() if value]
        dates = sorted({case["date"][:10] for case in result["cases"]})
        parts.append(f"Measured {' to '.join(dict.fromkeys((dates[0], dates[-1])))}: {'; '.join(machine)}. {versions}.")
        parts += _settings(result["cases"])
        parts += [table.markdown() for table in tables(result)]
        parts += remarks(result)
    return "\n\n".join(parts) + "\n"


def _settings(cases: Iterable[Result]) -> list[str]:
    """Return a line for each set of settings; it names its cases if there are several sets."""
    found: dict[str, list[str]] = {}
    for case in sorted(cases, key=lambda case: tuple(case["case"].values())):
        found.setdefault(", ".join(f"{k} {v}" for k, v in case["settings"].items()), []).append(_short(case))
    return [f"Settings{' of ' + '; '.join(names) if len(found) > 1 else ''}: {each}." for each, names in found.items()]


def put_into(page: Path, text: str, name: str = "results") -> None:
    """Replace the text on ``page`` between the two lines with this ``name``.

    Raises :class:`FileError` if the page does not have them.
    """
    before, after = _around(page, name)
    with replacing(page) as new:
        new.write_text(f"{before}\n\n{text}\n{after}", encoding="utf-8")


def _around(page: Path, name: str) -> tuple[str, str]:
    """Return the page up to the first of the two lines, and from the second on."""
    check_output("--into", page, (".md",))
    first, last = f"<!-- {name} -->", f"<!-- end of {name} -->"
    old = page.read_text(encoding="utf-8") if page.exists() else ""
    before, begin, rest = old.partition(first)
    _, end, after = rest.partition(last)
    if not (begin and end):
        says = f"it must have the lines {first} and {last}, in this order"
        raise FileError.of(f"--into {page}", "markers", "", says, f"add the lines to {page}")
    return before + begin, end + after


def require_place(page: Path | None, *names: str) -> None:
    """Raise :class:`FileError` unless the page, if there is one, has a place of each name.

    A command calls it before it measures anything.
    """
    for name in names if page is not None else ():
        _around(page, name)


def publish(
    tables: Sequence[Table], into: Path | None, name: str, *, first: str = "", last: Sequence[str] = ()
) -> None:
    """Show the tables on the terminal, or write them into the place of this ``name`` on a page.

    The lines ``last`` follow. The line ``first`` stands before them, on a page alone.
    """
    if into is not None:
        put_into(into, "\n\n".join([*([first] if first else []), *(of.markdown() for of in tables), *last]), name)
        return
    for table in tables:
        table.show(Console() if sys.stdout.isatty() else Console(width=220))
    for line in last:
        print(line)


def plot(result: Result, path: Path) -> None:
    """Draw the ratios of the times over the size, with a panel for each work, number of channels and batch."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    cases = result["cases"]
    columns = sorted({(case["case"]["batch"], case["case"]["channels"]) for case in cases})
    titles = _measured_titles(cases)
    every = [contender.name for contender in CONTENDERS]
    figure = Figure(figsize=(1.5 + 2.4 * len(columns), 6), layout="constrained")
    panels = figure.subplots(len(TIME), len(columns), sharex=True, sharey="row", squeeze=False)
    for row, quantity in zip(panels, TIME.values(), strict=True):
        for panel, (batch, channels) in zip(row, columns, strict=True):
            among = [case for case in cases if (case["case"]["batch"], case["case"]["channels"]) == (batch, channels)]
            among.sort(key=lambda case: case["case"]["size"])
            for name, title in titles.items():
                points = [(c["case"]["size"], r) for c in among if (r := quantity.ratio(c, name)) is not None]
                strong = {"linewidth": 2.2, "zorder": 3} if name.startswith("ours") else {"linewidth": 1.1}
                # A contender keeps its colour, whichever others are there.
                colour = f"C{every.index(name)}" if name in every else "black"
                panel.plot(
                    *zip(*points, strict=True) if points else ((), ()), "o-", ms=3, c=colour, label=title, **strong
                )
            least = [(c["case"]["size"], quantity.limit(c) / best) for c in among if (best := quantity.best(c))]
            panel.plot(*zip(*least, strict=True) if least else ((), ()), "k:", linewidth=1, label="limit")
            panel.set_xscale("log", base=2)
            panel.set_yscale("log")
            panel.set_xticks([case["case"]["size"] for case in among], [f"{c['case']['size']}²" for c in among])
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_major_formatter("{x:g}")
            for axis in (panel.xaxis, panel.yaxis):
                axis.set_minor_formatter(NullFormatter())
            panel.grid(alpha=0.3)
            panel.set_title(f"{channels} channels, batch of {batch}", fontsize=9)
        row[0].set_ylabel(f"{quantity.work},\nratio to the better stock JAX")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=5, frameon=False, fontsize=8)
    with replacing(path) as new:
        figure.savefig(new, format=path.suffix[1:], dpi=130)


def _title(case: Result) -> str:
    form = (
        "{layer} at {size}²"
        if "layer" in case["case"]
        else "3×{size}×{size}, {channels} base channels, batch of {batch}"
    )
    return form.format(**case["case"])


def _short(case: Result) -> str:
    return _title(case) if "layer" in case["case"] else "{size}², {channels}, {batch}".format(**case["case"])


def _measured_titles(cases: Iterable[Result]) -> dict[str, str]:
    entries = ((name, entry) for case in cases for name, entry in case["contenders"].items())
    return {name: entry["title"] for name, entry in entries if "not_measured" not in entry}


def _rounds(case: Result, work: str) -> int:
    return max(len(entry.get(work, {}).get("seconds", ())) for entry in case["contenders"].values())


def _quartiles(times: Sequence[float]) -> tuple[float, float]:
    if len(times) < 2:
        return times[0], times[0]
    low, _, high = quantiles(times, n=4, method="inclusive")
    return low, high


def _with_quartiles(quantity: Quantity, case: Result, name: str) -> str:
    value = quantity.of(case, name)
    if value is None or not quantity.timed:
        return _three(value)
    low, high = _quartiles(case["contenders"][name][quantity.work]["seconds"])
    return f"{_three(value)} ({_three(1e3 * low)}–{_three(1e3 * high)})"


def _spread(quantity: Quantity, case: Result) -> float:
    """The widest middle half of the times in a case, relative to its median."""
    widths = []
    for entry in case["contenders"].values():
        times = entry.get(quantity.work, {}).get("seconds")
        if times:
            low, high = _quartiles(times)
            widths.append((high - low) / median(times))
    return max(widths, default=0.0)


def _over(value: float | None, best: float | None) -> float | None:
    return value / best if value is not None and best else None


def _two(value: float | None) -> str:
    return _NONE if value is None else f"{value:.2f}"


def _three(value: float | None) -> str:
    """Return at least three digits, without a power of ten."""
    return _NONE if value is None else f"{value:.0f}" if value >= 100 else f"{value:#.3g}"


app = command_line("report", __doc__)


@app.default
def write(
    *results: Path,
    into: Annotated[Path | None, Parameter(help="The .md page to write the tables into.")] = None,
    drawing: Annotated[Path | None, Parameter(name="--plot", help="The .svg or .png picture to draw.")] = None,
) -> None:
    """Print the tables of files of results as Markdown, or write them into a page."""
    if not results:
        fix = "python -m benchmarks.report results.json"
        raise UsageError.of("the command report", "results", "", "name at least one file of results", fix)
    loaded = [load_results(path) for path in results]
    if drawing is not None:
        check_output("--plot", drawing, PLOTS)
    text = markdown(loaded)
    if into is None:
        print(text, end="")
    else:
        put_into(into, text)
    for result in loaded:
        if drawing is not None and result["benchmark"] == "unet2":
            plot(result, drawing)


if __name__ == "__main__":
    sys.exit(run(app))
