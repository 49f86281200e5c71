"""What people reported of their networks is what ``explain`` says of them, and the sizes that would have run."""

from dataclasses import replace

import pytest

from wellshaped.spec import compatible_sizes, explain

from .reports import REPORTS

LIMIT = 1000

BROKEN = [report for report in REPORTS if report.breaks]
FINE = [report for report in REPORTS if not report.breaks]
RULES = [report for report in REPORTS if report.rule]


def named(reports):
    return pytest.mark.parametrize("report", reports, ids=lambda report: report.name)


def test_there_are_a_dozen_sources_and_more_and_every_report_has_its_own_name():
    assert len({report.source for report in REPORTS}) >= 12
    assert len({report.name for report in REPORTS}) == len(REPORTS)
    assert all(report.source.startswith("https://") for report in REPORTS)


@named(BROKEN)
def test_explain_says_that_it_breaks_at_the_join_and_with_the_sizes_of_the_report(report):
    join, skip, upsampled = report.breaks
    explanation = explain(report.network, report.size)
    first = explanation.failures[0]
    assert first.name in (f"join_{join}", f"join_{join}_even")
    assert first.says.startswith(f'the skip "{join}" is {skip}, and must ')
    assert first.says.endswith(f" {upsampled}")


@named(FINE)
def test_explain_accepts_what_ran_and_says_what_came_out(report):
    explanation = explain(report.network, report.size)
    assert explanation.ok
    assert report.gives in (None, explanation.sizes[-1])


@named(REPORTS)
def test_the_sizes_that_run_are_those_said_here(report):
    fit = compatible_sizes(report.network)
    assert str(fit) == report.fits
    assert (report.size in fit) == (report.breaks is None)
    assert [n for n in range(LIMIT) if n in fit] == [n for n in range(LIMIT) if report.network.run(n).ok]


@named(BROKEN)
def test_the_advice_is_the_nearest_sizes_that_run(report):
    fit = compatible_sizes(report.network)
    below = max((n for n in range(report.size) if report.network.run(n).ok), default=None)
    above = next(n for n in range(report.size, report.size + LIMIT) if report.network.run(n).ok)
    assert (fit.below(report.size), fit.above(report.size)) == (below, above)
    fix = explain(report.network, report.size).fixes[0]
    assert f"{above} (pad {above - report.size})" in fix
    assert below is None or f"{below} (crop {report.size - below})" in fix
    assert report.fits in fix


@named(RULES)
def test_the_rule_of_the_thread_is_wrong_where_it_is_said_to_be(report):
    fit, rule = compatible_sizes(report.network), report.rule
    sizes = range(1, LIMIT + 1)
    assert next((n for n in sizes if n in fit and n % rule.multiple), None) == rule.refuses
    assert next((n for n in sizes if n not in fit and n % rule.multiple == 0), None) == rule.admits


def test_of_the_sizes_that_run_some_come_out_larger_or_smaller():
    """ResNet-34's 31, EfficientNet's 33 and MONAI's 79 run, but no output has the size of its input."""
    for name, size, gives in [
        ("segmentation_models_pytorch, 240", 31, 32),
        ("segmentation_models_pytorch on EfficientNet, 350", 33, 32),
        ("MONAI UNet, 72", 79, 80),
    ]:
        report = next(report for report in REPORTS if report.name == name)
        explanation = explain(report.network, size)
        assert explanation.ok
        assert explanation.sizes[-1] == gives
        assert size not in compatible_sizes(replace(report.network, returns_its_size=True))
