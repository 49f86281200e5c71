"""What people reported of their networks is what ``explain`` says of them, and the sizes that would have run."""

import pytest

from wellshaped.spec import Network, Node, Require, compatible_sizes, explain, run

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
    node, skip, upsampled = report.breaks
    explanation = explain(report.network, report.size)
    first, said = explanation.causes[0], explanation.failures[0]
    assert (first.node, first.left, first.right) == report.breaks
    assert (first.left_of, first.right_of) == report.network.node(node).inputs
    assert (said.name, said.at) == (node, node)
    assert said.says.startswith(f"{first.left_of} is {skip}, {first.right_of} is {upsampled}, and they must ")
    assert f"\n  {node}: {said.says}." in str(explanation)


@named(BROKEN)
def test_the_join_that_breaks_is_the_first_requirement_that_is_not_met_and_both_ways_to_it_are_shown(report):
    node, *sizes = report.breaks
    assert run(report.network, report.size).failures[0].node == node
    [(skip, of_skip), (up, of_up)] = explain(report.network, report.size).causes[0].paths
    assert (skip, up) == report.network.node(node).inputs
    for way, size in zip((of_skip, of_up), sizes, strict=True):
        assert way[0] == ("x", report.size)
        assert way[-1][1] == size
        assert all(run(report.network, report.size).sizes[name] == n for name, n in way)


@named(FINE)
def test_explain_accepts_what_ran_and_says_what_came_out(report):
    explanation = explain(report.network, report.size)
    assert explanation.ok
    assert report.gives in (None, explanation.output[0])


@pytest.mark.one_in(4)
@named(REPORTS)
def test_the_sizes_that_run_are_those_said_here(report):
    fit = compatible_sizes(report.network)
    assert str(fit) == report.fits
    assert (report.size in fit) == (report.breaks is None)
    assert [n for n in range(LIMIT) if n in fit] == [n for n in range(LIMIT) if run(report.network, n).ok]


@named(BROKEN)
def test_the_advice_is_the_nearest_sizes_that_run(report):
    fit = compatible_sizes(report.network)
    below = max((n for n in range(report.size) if run(report.network, n).ok), default=None)
    above = next(n for n in range(report.size, report.size + LIMIT) if run(report.network, n).ok)
    assert (fit.below(report.size), fit.above(report.size)) == (below, above)
    fix = explain(report.network, report.size).fixes[0]
    assert f"{above} (pad {above - report.size})" in fix
    assert below is None or f"{below} (crop {report.size - below})" in fix
    assert report.fits in fix


def returning(network):
    """The network, which now requires that its output has the size of its input."""
    node = Node("returns its size", Require(equal=True), (network.outputs[0], "x"))
    return Network(network.inputs, (*network.nodes, node), axes=network.axes)


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
        assert explanation.output == (gives,)
        assert size not in compatible_sizes(returning(report.network))
