"""The benchmarks: all contenders compute the same, results are written down, and bad input is rejected."""

import gc
import json
import re
import subprocess
import sys
from dataclasses import asdict, replace
from functools import partial
from importlib import import_module
from math import prod
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from wellshaped.models import Conv2d
from wellshaped.models.cpu.convolution import Geometry
from wellshaped.spec import FileError, ShapeError
from wellshaped.spec.network import run_image

ROOT = Path(__file__).parents[2]
MODULES = (
    *("checkpointing", "contenders", "eager", "kernel_gradient", "measure", "one_version", "profile", "report"),
    *("tracing", "two_versions", "typed_network", "unet2"),
)
CASE = {"size": 256, "channels": 32, "batch": 1}


@pytest.fixture(scope="module")
def bench():
    """The modules of the benchmarks. They are not installed, and run from the checkout."""
    sys.path.append(str(ROOT))
    yield SimpleNamespace(**{name: import_module(f"benchmarks.{name}") for name in MODULES})
    sys.path.remove(str(ROOT))


@pytest.fixture
def rejected(bench, capsys, tmp_path, monkeypatch):
    """The command's message for bad input, checked to come before anything is measured or written."""

    def rejected(*arguments, status=1):
        monkeypatch.setattr(bench.unet2, "disagreements", lambda *_: pytest.fail("measured first"))
        before = sorted(tmp_path.rglob("*"))
        assert bench.measure.run(bench.unet2.app, [str(argument) for argument in arguments]) == status
        assert sorted(tmp_path.rglob("*")) == before
        out, err = capsys.readouterr()
        assert out == ""
        assert len(err.splitlines()) <= 10
        return err

    return rejected


def found(*, ours=0.4, equinox="not installed"):
    """The results of a case, with invented times in units of stock JAX's."""

    def timed(seconds, mib):
        return {
            "seconds": [seconds, 1.1 * seconds, 0.9 * seconds],
            "compile_seconds": [seconds],
            "temporary_bytes": mib * 2**20,
        }

    def both(times, mib=100):
        return {work: timed(times, mib) for work in ("forward", "forward+backward")}

    return {
        "date": "2026-01-02T03:04:05+00:00",
        "settings": {"rounds": 3},
        "others": 0.0,
        "product_gflop_per_s": 100.0,
        "gflop": {"forward": 1.0, "forward+backward": 3.0},
        "contenders": {
            "ours": {"title": "ours, jax.grad", **both(ours, 60)},
            "stock-nchw": {"title": "stock JAX, NCHW", **both(1.0)},
            "stock-nhwc": {"title": "stock JAX, NHWC", **both(1.25, 90)},
            "equinox": {"title": "Equinox", "not_measured": equinox},
            "torch": {"title": "PyTorch", "forward": {"seconds": [0.5], "not_measured": "compiling"}},
        },
    }


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 2])
def test_all_contenders_compute_the_same(bench, batch):
    present = [c for c in bench.contenders.CONTENDERS if c.missing() is None and (c.single or batch > 1)]
    assert bench.contenders.disagreements(present, bench.contenders.Case(4, 2, batch)) == []


@pytest.mark.slow
def test_a_contender_that_computes_something_else_is_found(bench):
    (right,) = (c for c in bench.contenders.CONTENDERS if c.name == "stock-nhwc")
    wrong = replace(right, layout=replace(right.layout, kernel=(3, 2, 1, 0)))  # rows for columns
    lines = bench.contenders.disagreements([wrong], bench.contenders.Case(4, 2, 1))
    assert any(line.startswith("stock JAX, NHWC, y: it differs by ") for line in lines)
    assert any(line.startswith("stock JAX, NHWC, d_upT_kernel: ") for line in lines)


def test_nothing_is_measured_if_contenders_disagree(bench, monkeypatch, capsys):
    monkeypatch.setattr(bench.unet2, "disagreements", lambda *_: ["one thing"] * 9)
    monkeypatch.setattr(bench.unet2, "measure", lambda *_: pytest.fail("measured"))
    assert bench.measure.run(bench.unet2.app, ["--quick"]) == 1
    assert "agreement: they differ at 3×8×8, 4 base channels, batch of 2: one thing; " in capsys.readouterr().err


@pytest.mark.slow
def test_a_quick_run_prints_ratios_and_writes_results_and_a_plot(tmp_path):
    few = ["--sizes", "16", "--channels", "4", "--only", "ours", "stock-nchw"]
    outputs = ["--json", tmp_path / "out.json", "--plot", tmp_path / "out.svg"]
    command = [sys.executable, "-m", "benchmarks.unet2", "--quick", *few, *outputs]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode == 0, run.stderr
    assert "Time of forward+backward" in run.stdout
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.json", "out.svg"]
    assert ElementTree.parse(tmp_path / "out.svg").getroot().tag.endswith("svg")
    result = json.loads((tmp_path / "out.json").read_text())
    assert result["versions"]["jax"]
    assert result["machine"]["cores"] >= 1
    (case,) = result["cases"]
    assert case["case"] == {"size": 16, "channels": 4, "batch": 1}
    for name in ("ours", "stock-nchw"):
        for work in ("forward", "forward+backward"):
            measured = case["contenders"][name][work]
            assert len(measured["seconds"]) == 3
            assert min(*measured["seconds"], *measured["compile_seconds"], measured["temporary_bytes"]) > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--only", "flux"], "fix: --only flax"),
        (["--only"], "no such contender"),
        (["--rounds", "-1"], "it must be 1 or more"),
        (["--rounds", "0"], "it must be 1 or more"),
        (["--compiles", "0"], "it must be 1 or more"),
        (["--seconds-per-case", "nan"], "it must be 0 or more, and finite"),
        (["--batches", "8", "0"], "it must be 1 or more"),
        (["--sizes"], "it must be 1 or more"),
        (["--sizes", "64", "63"], "merged (h_upH, h_upW): height and width: skip1 is 63, up is 62"),
        (["--json", "no/such/folder.json"], "there is no folder"),
        (["--json", "results.txt"], "its suffix is '.txt'"),
        (["--plot", "plot.pdf"], "its suffix is '.pdf'"),
        (["--plot", str(ROOT / "docs")], "its suffix is ''"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_rejected_before_any_work(rejected, arguments, says):
    assert says in rejected("--quick", *arguments)


@pytest.mark.parametrize("arguments", [["--rounds", "many"], ["--secnds-per-case", "3"]], ids=" ".join)
def test_words_that_are_no_flag_or_number_are_rejected(rejected, arguments):
    assert rejected("--quick", *arguments, status=2)


@pytest.mark.parametrize("text", ["", "[]", '{"cases": []}'])
def test_a_file_that_holds_something_else_is_not_written_over(rejected, tmp_path, text):
    (tmp_path / "mine.json").write_text(text)
    assert "not results of a benchmark" in rejected("--quick", "--json", tmp_path / "mine.json")
    assert (tmp_path / "mine.json").read_text() == text


def test_results_of_other_versions_are_not_mixed_with_these(bench, rejected, tmp_path):
    results = bench.measure.Results("unet2", tmp_path / "old.json")
    results.data["versions"]["jax"] = "0.0.1"
    results.add(CASE, found())
    assert "the file has results that differ in versions from this run" in rejected(
        "--quick", "--json", tmp_path / "old.json"
    )


def test_a_case_is_kept_as_soon_as_it_is_measured_and_replaced_when_it_is_measured_again(bench, tmp_path):
    path = tmp_path / "results.json"
    other = CASE | {"size": 64}
    bench.measure.Results("unet2", path).add(CASE, found(ours=0.5))
    results = bench.measure.Results("unet2", path)
    results.add(other, found())
    results.add(CASE, found(ours=0.75))
    kept = {
        c["case"]["size"]: c["contenders"]["ours"]["forward"]["seconds"][0]
        for c in json.loads(path.read_text())["cases"]
    }
    assert kept == {256: 0.75, 64: 0.4}
    assert [file.name for file in tmp_path.iterdir()] == ["results.json"]


def test_an_interrupted_run_keeps_and_shows_what_it_has(bench, tmp_path, monkeypatch, capsys):
    def measure(case, *_):
        if case.size > 64:
            raise KeyboardInterrupt
        return found()

    monkeypatch.setattr(bench.unet2, "disagreements", lambda *_: [])
    monkeypatch.setattr(bench.unet2, "measure", measure)
    arguments = ["--quick", "--sizes", "64", "128", "--json", str(tmp_path / "out.json")]
    assert bench.measure.run(bench.unet2.app, arguments) == 130
    assert "3×64×64" in capsys.readouterr().out
    assert [case["case"]["size"] for case in json.loads((tmp_path / "out.json").read_text())["cases"]] == [64]


def test_every_round_measures_each_once_and_the_fewest_rounds_are_always_measured(bench):
    measured = []
    calls = {name: lambda: jnp.zeros(()) for name in "abc"}
    times = bench.measure.alternately(calls, rounds=9, seconds=0, after_round=measured.append)
    assert {name: len(each) for name, each in times.items()} == dict.fromkeys("abc", bench.measure.FEWEST_ROUNDS)
    assert measured == [1, 2, 3]
    assert gc.isenabled()


def test_a_missing_number_has_its_reason(bench):
    result = {"benchmark": "unet2", "cases": [{"case": CASE, **found()}]}
    assert "Equinox, not measured: not installed." in bench.report.remarks(result)
    row = next(row for row in bench.report.case_table(result["cases"][0]).rows if row[0] == "PyTorch")
    assert row == ["PyTorch", "500 (500–500)", "0.50", *"––––––"]


def test_a_measurement_that_others_disturbed_says_so(bench):
    result = {"benchmark": "unet2", "cases": [{"case": CASE, **found(), "others": 0.4}]}
    assert any("other programs used 40% of the cores" in line for line in bench.report.remarks(result))


def test_ratios_are_to_the_better_layout_and_a_missed_goal_says_so(bench):
    cases = [{"case": CASE, **found(ours=0.6)}]
    goals = {says: worst for says, _, worst in bench.report.goal_table(cases).rows}
    assert goals["forward+backward, to stock JAX"] == "0.60 (missed)"
    assert goals["forward, to stock JAX"] == "0.60"
    assert goals["forward+backward, to PyTorch (an aim)"] == "–"
    assert goals["peak temporary memory of forward+backward, to stock JAX"] == "0.67"
    (row,) = bench.report.ratio_table(bench.report.TIME["forward"], cases).rows
    assert row == ["256², 32, 1", "1000", "0.60", "1.00", "1.25", "0.50", "0.01", "10%", "3"]


def test_compiling_is_compared_with_the_layout_that_compiles_faster(bench):
    case = {"case": CASE, **found()}
    case["contenders"]["stock-nhwc"]["forward+backward"]["compile_seconds"] = [0.2]
    rows = {says: worst for says, _, worst in bench.report.goal_table([case]).rows if "compile" in says}
    assert rows["time to compile forward+backward, to stock JAX"] == "2.00 (missed)"


@pytest.fixture
def results(bench, tmp_path):
    """Files of results of all benchmarks."""
    unet2 = bench.measure.Results("unet2", tmp_path / "unet2.json")
    for size in (64, 128, 256):
        unet2.add(CASE | {"size": size}, found())
    eager = bench.measure.Results("eager", tmp_path / "eager.json")
    calls = {n: {"title": n, "call": {"seconds": [s] * 3}} for n, s in (("checked", 3e-4), ("unchecked", 2e-4))}
    eager.add({"layer": "Conv2d 1→1", "size": 8}, {**found(), "contenders": calls})
    profile = bench.measure.Results("profile", tmp_path / "profile.json")
    processor = {"seconds": 0.2, "user": 0.3, "system": 0.05, "new_pages": 1234.5}
    entry = {"title": "ours", "processor": processor, "operations": {"convolutions": 0.2, "everything else": 0.1}}
    profile.add(CASE, {**found(), "settings": {"calls": 7}, "contenders": {"ours": entry}})
    return tmp_path / "unet2.json", tmp_path / "eager.json", tmp_path / "profile.json"


def test_the_report_goes_between_the_lines_of_the_page_and_nowhere_else(bench, results, tmp_path):
    page = tmp_path / "performance.md"
    page.write_text("# Before\n\n<!-- results -->\nold\n<!-- end of results -->\n\nAfter\n")
    for _ in range(2):  # again: the result is the same
        assert not bench.measure.run(bench.report.app, [*map(str, results), "--into", str(page)])
        text = page.read_text()
        assert text.startswith("# Before\n\n<!-- results -->\n\nMeasured 2026-01-02: ")
        assert text.endswith("\n\n<!-- end of results -->\n\nAfter\n")
        assert "old" not in text
        assert "| 64², 32, 1 | 1000 | 0.40 | 1.00 | 1.25 | 0.50 | 0.01 | 10% | 3 |" in text
        assert "| Conv2d 1→1 at 8² | 300 | 200 | 1.50 | 0% | 3 |" in text
        assert "| ours | 200 | 300 | 50.0 | 1.75 | 1234 | 200 | 100 |" in text


def test_a_page_without_the_lines_is_rejected_and_left_unchanged(bench, results, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("<!-- end of results -->\n<!-- results -->\n")
    assert bench.measure.run(bench.report.app, [str(results[0]), "--into", str(page)]) == 1
    assert "markers: it must have the lines" in capsys.readouterr().err
    assert page.read_text() == "<!-- end of results -->\n<!-- results -->\n"


@pytest.mark.parametrize("arguments", [[], ["no.json"]], ids=["none", "missing"])
def test_a_report_of_no_results_is_rejected(bench, arguments, capsys):
    assert bench.measure.run(bench.report.app, arguments) == 1
    assert "fix: " in capsys.readouterr().err


def test_the_plot_is_a_picture(bench, results, tmp_path):
    bench.report.plot(bench.measure.load_results(results[0]), tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_an_unchecked_call_computes_the_same_without_a_check(bench):
    layer = Conv2d(1, 2, 3, rngs=nnx.Rngs(0))
    bare = bench.eager.unchecked(Conv2d.__call__)
    x = jnp.arange(25.0).reshape(1, 5, 5)
    assert (bare(layer, x) == layer(x)).all()
    integers = x.astype(jnp.int32)
    with pytest.raises(ShapeError):
        layer(integers)
    assert (bare(layer, integers) == layer(x)).all()


def test_an_eager_case_is_measured_checked_and_unchecked(bench):
    case = bench.eager.CASES[-1]
    measured = bench.eager.measure(case, 3, 0.0, lambda doing: None)
    assert asdict(case) == {"layer": "MaxPool2d of 1", "size": 8}
    assert {len(entry["call"]["seconds"]) for entry in measured["contenders"].values()} == {3}


@pytest.mark.slow
def test_a_profile_finds_the_operations_of_each_kind_and_the_time_of_the_processor(bench):
    case = bench.contenders.Case(16, 32, 1)
    measured = bench.profile.measure(case, 20, lambda doing: None)  # the system counts time in ticks
    assert list(measured["contenders"]) == ["ours", "stock-nchw", "stock-nhwc"]
    for entry in measured["contenders"].values():
        assert entry["processor"]["seconds"] > 0
        assert entry["processor"]["user"] > 0
        assert entry["operations"]["convolutions"] > 0
        assert entry["operations"]["everything else"] > 0
    assert measured["contenders"]["ours"]["operations"]["matrix products"] > 0


def test_the_operations_of_a_product_and_of_nothing_else_are_a_product(bench):
    a = jnp.ones((400, 400))
    compiled = jax.jit(jnp.dot).lower(a, a).compile()
    kinds = bench.profile.kinds_of(compiled.as_text())
    found = bench.profile.of_operations(partial(compiled, a, a), kinds, 2)
    assert found["matrix products"] > 0
    assert found["convolutions"] == found["everything else"] == 0


def test_the_settings_name_their_cases_if_they_differ(bench, results):
    result = bench.measure.load_results(results[0])
    assert bench.report.markdown([result]).count("\nSettings: rounds 3.\n") == 1
    result["cases"][0]["settings"] = {"rounds": 9}
    text = bench.report.markdown([result])
    assert "\nSettings of 64², 32, 1: rounds 9.\n" in text
    assert "\nSettings of 128², 32, 1; 256², 32, 1: rounds 3.\n" in text


@pytest.mark.slow
def test_the_forms_of_a_kernels_gradient_agree_and_ours_spreads_infinity_no_further_than_stock(bench):
    geometry = Geometry((9, 9), 3, 1, 1)
    x, y = (jax.random.normal(jax.random.key(channels), (1, 9, 9, channels)) for channels in (3, 2))
    ours, *others = (form(x, y) for form in bench.kernel_gradient.forms(geometry).values())
    assert all(jnp.allclose(ours, other, atol=1e-4) for other in others)
    rows = bench.kernel_gradient.measure(64, 2, 9, rounds=3, seconds=0.1)
    assert [int(row[-1]) for row in rows] == [8, 8, 18, 8]


@pytest.mark.slow
def test_tracing_is_measured_with_and_without_checks(bench):
    times = bench.tracing.run_all(rounds=3, seconds=0.1)
    assert list(times) == ["new sizes", "known sizes", "no checks"]
    new, known, unchecked = (min(each) for each in times.values())
    assert new > unchecked
    assert known > 0


def test_a_checkpointed_network_of_four_levels_keeps_at_most_half(bench):
    graph = bench.checkpointing.network(base_channels=2)
    without, with_half = (
        bench.checkpointing.kept(bench.checkpointing.step(graph, remat, size=32, batch=2))
        for remat in ((), bench.checkpointing.HALF)
    )
    between = [node.name for node in graph.nodes if re.match(r"pooled|up|bottom", node.name)]
    numbers = sum(graph.channels[name] * prod(run_image(graph, (32, 32)).shape(name)) for name in between)
    assert with_half.bytes <= without.bytes / 2
    assert with_half.bytes >= 2 * 4 * numbers  # two images of float32


@pytest.mark.slow
def test_a_built_graph_and_the_network_by_hand_compute_the_same(bench):
    assert bench.typed_network.disagreements(bench.typed_network.SMALL[-1]) == []


@pytest.mark.slow
def test_a_network_by_hand_that_computes_something_else_is_found(bench, monkeypatch):
    right = bench.typed_network.kernel_of
    monkeypatch.setattr(bench.typed_network, "kernel_of", lambda path, kernel: right(path, kernel)[::-1])
    lines = bench.typed_network.disagreements(bench.typed_network.SMALL[0])
    assert any(line.startswith("by hand, channels last, y: it differs by ") for line in lines)


def test_the_table_of_built_networks_has_ratios_to_the_better_by_hand(bench):
    seconds = dict(zip((c.name for c in bench.typed_network.CONTENDERS), (1.0, 2.0, 3.0, 4.0, 2.0), strict=True))
    timed = {work: {name: [each] for name, each in seconds.items()} for work in bench.typed_network.WORKS}
    bytes_of = {work: dict.fromkeys(seconds, 2**20) for work in bench.typed_network.WORKS}
    found = bench.typed_network.Measured(timed, timed, bytes_of, others=0.4)
    table = bench.typed_network.table(bench.typed_network.SMALL[0], found)
    assert table.rows[0] == [
        "TypedNetwork",
        "1000",
        "0.50",
        "1000",
        "0.50",
        "1.00",
        "0.50",
        "1.00",
        "0.50",
        "1.00",
        "1.00",
    ]
    assert "40%" in table.notes[-1]


def test_each_table_of_a_page_is_replaced_alone(bench, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- a -->\nold\n<!-- end of a -->\n<!-- b -->\nkept\n<!-- end of b -->\n")
    bench.report.put_into(page, "new", "a")
    assert page.read_text() == "<!-- a -->\n\nnew\n<!-- end of a -->\n<!-- b -->\nkept\n<!-- end of b -->\n"


@pytest.mark.parametrize("text", ["", "<!-- a -->\n", "<!-- end of a -->\n<!-- a -->\n"])
def test_a_page_without_a_place_for_a_table_is_rejected(bench, tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text)
    for call in (lambda: bench.report.require_place(page, "a"), lambda: bench.report.put_into(page, "new", "a")):
        with pytest.raises(FileError, match="it must have the lines <!-- a --> and <!-- end of a -->, in this order"):
            call()
    assert page.read_text() == text
    bench.report.require_place(None, "a")


# Two checkouts.


class Answers:
    """A checkout whose answers are invented: every time is ``seconds``, and a result has this ``shape``."""

    def __init__(self, path, seconds, shape=(1,)):
        self.path, self.seconds, self.shape = path, seconds, list(shape)

    def ask(self, case, work):
        return [3, self.shape] if work == "about" else self.seconds


def test_the_ratio_of_two_checkouts_is_after_to_before(bench):
    checkouts = {"before": Answers("a", 0.5), "after": Answers("b", 0.25)}
    found = bench.two_versions.measure("Conv2d", checkouts, 4, 2, 0)
    table = bench.two_versions.table({"Conv2d": found})
    assert table.rows == [["Conv2d", *("500.", "0.50 (0.50–0.50)") * 3, *("0.500", "0.50 (0.50–0.50)") * 2]]
    assert table.notes == ["4 rounds of each call; compiled 2 times. Times are those before."]


def test_two_checkouts_with_other_results_are_not_compared(bench):
    checkouts = {"before": Answers("a", 1.0), "after": Answers("b", 1.0, shape=(2,))}
    with pytest.raises(Exception, match=r"comparing Conv2d.*(\n|.)*result of shape \[2\]"):
        bench.two_versions.measure("Conv2d", checkouts, 1, 1, 0)


def test_a_checkout_that_is_none_and_a_case_that_is_none_are_rejected(bench, capsys, tmp_path):
    for given in ([str(tmp_path)], [str(ROOT), "--case", "Conv4d"], [str(ROOT), "--rounds", "0"]):
        assert bench.measure.run(bench.two_versions.app, given) == 1
        assert "fix: " in capsys.readouterr().err


def test_every_case_of_two_checkouts_is_built(bench):
    for build in bench.one_version.CASES.values():
        assert nnx.eval_shape(lambda build=build: build()[0]) is not None


def test_a_checkout_measures_every_work_of_a_layer(bench):
    case = bench.one_version.Case(bench.one_version.CASES["MaxPool2d 2, 32×128²"])
    assert case.about() == [0, [32, 64, 64]]
    assert all(case.seconds(work) > 0 for work in bench.one_version.WORKS)
