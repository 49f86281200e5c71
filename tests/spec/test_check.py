"""The report of ``check``: every rule judged, each failure explained, in at most ten lines."""

import json
from dataclasses import replace

import numpy as np
import pytest
from configs import any_configs, configs, fitting_configs, fitting_sizes
from hypothesis import given
from hypothesis import strategies as st

from wellshaped.spec import (
    OBLIGATIONS,
    WELL_FORMED,
    ShapeError,
    UNet2Config,
    check,
    compatible_sizes,
    h_convH,
    h_convH_down,
    h_convW,
    h_convW_down,
    h_downH,
    h_downW,
    h_outH,
    h_outW,
    h_upH,
    h_upW,
    trace,
)

small = st.integers(0, 24)


def test_the_obligations_are_the_sources_eight():
    names = "h_convH h_convW h_convH_down h_convW_down h_upH h_upW h_outH h_outW"
    assert " ".join(o.name for o in OBLIGATIONS) == names


@given(any_configs, small)
def test_the_obligations_are_the_equations_of_the_source(cfg, n):
    equations = {
        "h_convH": h_convH(cfg, n) == n,
        "h_convW": h_convW(cfg, n) == n,
        "h_convH_down": h_convH_down(cfg, n) == h_downH(cfg, n),
        "h_convW_down": h_convW_down(cfg, n) == h_downW(cfg, n),
        "h_upH": h_upH(cfg, n) == n,
        "h_upW": h_upW(cfg, n) == n,
        "h_outH": h_outH(cfg, n) == n,
        "h_outW": h_outW(cfg, n) == n,
    }
    assert {o.name: o.holds(cfg, n) for o in OBLIGATIONS} == equations


@given(st.integers(1, 10**6))
def test_by_default_all_obligations_hold_exactly_for_even_sizes_and_odd_ones_lose_one(n):
    cfg = UNet2Config()
    assert all(o.holds(cfg, n) for o in OBLIGATIONS) == (n % 2 == 0)
    assert h_upH(cfg, n) == n - n % 2


@given(configs, st.integers(1, 40))
def test_the_obligations_of_a_size_imply_the_eight_nonzero_facts(cfg, n):
    if all(o.holds(cfg, n) for o in OBLIGATIONS):
        assert all(c.holds(cfg) for c in WELL_FORMED if c.name != "baseC_pos")


@given(configs, small, small, small, small)
def test_a_report_is_ok_iff_the_config_is_well_formed_counts_are_positive_and_sizes_fit(cfg, i, o, h, w):
    fit = compatible_sizes(cfg)
    well_formed = all(c.holds(cfg) for c in WELL_FORMED)
    assert check(cfg, i, o, h, w).ok == (well_formed and i >= 1 and o >= 1 and h in fit and w in fit)


@given(configs, small, small, small, small)
def test_a_message_has_at_most_ten_lines_with_every_broken_rule_by_name_and_a_fix(cfg, i, o, h, w):
    report = check(cfg, i, o, h, w)
    text = str(report)
    assert len(text.splitlines()) <= 10
    assert all(failure.name in text for failure in report.failures)
    assert report.ok or "  fix: " in text


@given(st.data(), fitting_configs(), st.integers(0, 60), st.integers(0, 60))
def test_the_proposed_crop_and_pad_fit(data, cfg, h, w):
    report = check(cfg, 1, 1, h, w)
    pastes = [fix for fix in report.fixes if "x[" in fix or "pad(x" in fix]
    assert len(pastes) == (0 if report.ok else 1)
    for expression in " ".join(pastes).split(" or "):
        if expression:
            mended = eval(expression, {"x": np.zeros((1, h, w)), "jnp": np})
            assert check(cfg, 1, 1, *mended.shape[1:]).ok


MESSAGES = [
    (
        (UNet2Config(), 1, 1, 303, 384),
        """\
input (1, 303, 384) of UNet2Config() does not fit.
  h_upH: height 303 does not survive: pool 303 → 151, upsample 151 → 302, the skip needs 303.
  fix: height 302 (crop 1) or 304 (pad 1); all heights that fit: n ≡ 0 (mod 2), n ≥ 2
  fix: x[:, :302, :384] or jnp.pad(x, ((0, 0), (0, 1), (0, 0)))""",
    ),
    (
        (UNet2Config(), 1, 1, 1, 385),  # an image with one row
        """\
input (1, 1, 385) of UNet2Config() does not fit.
  h_upH: height 1 does not survive: pool 1 → 0, upsample 0 → 0, the skip needs 1.
  h_upW: width 385 does not survive: pool 385 → 192, upsample 192 → 384, the skip needs 385.
  fix: height 2 (pad 1); all heights that fit: n ≡ 0 (mod 2), n ≥ 2
  fix: width 384 (crop 1) or 386 (pad 1); all widths that fit: n ≡ 0 (mod 2), n ≥ 2
  fix: jnp.pad(x, ((0, 0), (0, 1), (0, 1)))""",
    ),
    (
        (UNet2Config(conv_padding=0), 1, 1, 304, 384),
        """\
input (1, 304, 384) of UNet2Config(conv_padding=0) does not fit.
  h_convH, h_convH_down: height 304 does not survive: block convolution 304 → 302, it must keep 304; \
pool 304 → 152, block convolution 152 → 150, it must keep 152.
  h_convW, h_convW_down: width 384 does not survive: block convolution 384 → 382, it must keep 384; \
pool 384 → 192, block convolution 192 → 190, it must keep 192.
  fix: conv_padding=1 in the config, for sizes n ≡ 0 (mod 2), n ≥ 2""",
    ),
    (
        (UNet2Config(up_stride=1), 1, 0, 304, 304),
        """\
input (1, 304, 304) of UNet2Config(up_stride=1) does not fit.
  h_outC: nothing to compute: out_channels=0 must be at least 1.
  h_upH: height 304 does not survive: pool 304 → 152, upsample 152 → 153, the skip needs 304.
  h_upW: width 304 does not survive: pool 304 → 152, upsample 152 → 153, the skip needs 304.
  fix: out_channels=1
  fix: height 2 (crop 302); all heights that fit: {2}
  fix: width 2 (crop 302); all widths that fit: {2}
  fix: x[:, :2, :2]
  fix: up_stride=2 in the config, for sizes n ≡ 0 (mod 2), n ≥ 2""",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), MESSAGES, ids=["odd", "one row", "config", "finite"])
def test_the_message_whole(arguments, message):
    report = check(*arguments)
    assert str(report) == message
    with pytest.raises(ShapeError) as refusal:
        report.raise_if_failed()
    assert str(refusal.value) == message
    assert refusal.value.report == report


def test_an_ok_report_says_so_and_raises_nothing():
    report = check(UNet2Config(), 1, 1, 304, 384)
    report.raise_if_failed()
    assert str(report) == "input (1, 304, 384) of UNet2Config() fits: all 23 conditions hold."


def test_a_report_reports_every_failure_at_once():
    report = check(replace(UNet2Config(), pool_stride=0, base_channels=0), 0, 0, 3, 3)
    names = {failure.name for failure in report.failures}
    assert {"poolStride_ne0", "baseC_pos", "h_inC", "h_outC", "h_upH", "h_upW"} <= names


def test_a_report_is_plain_data_for_json_and_escaped_in_a_notebook():
    report = check(UNet2Config(), 1, 1, 303, 384)
    data = json.loads(json.dumps(report.to_dict()))
    assert data["ok"] is False
    assert [c["name"] for c in data["conditions"] if not c["holds"]] == ["h_upH"]
    assert report._repr_html_() == f"<pre>{report}</pre>"
    assert "&lt;" in replace(report, subject="<img>")._repr_html_()


@pytest.mark.parametrize("name", ["in_channels", "out_channels", "height", "width"])
@pytest.mark.parametrize("bad", [-1, True, 1.0, "1"])
def test_arguments_that_are_not_natural_are_refused_by_name(name, bad):
    arguments = {"in_channels": 1, "out_channels": 1, "height": 2, "width": 2} | {name: bad}
    with pytest.raises(ShapeError, match=f"{name}={bad!r}"):
        check(UNet2Config(), **arguments)


@given(st.data(), fitting_configs(), st.integers(1, 4), st.integers(1, 4))
def test_a_trace_runs_from_the_input_to_an_output_of_its_size(data, cfg, i, o):
    h, w = data.draw(fitting_sizes(cfg)), data.draw(fitting_sizes(cfg))
    stages = trace(cfg, i, o, h, w)
    names = "x s1 skip1 pooled b1 bottleneck up merged u1 u2 y"
    assert " ".join(stage.name for stage in stages) == names
    assert (stages[0].shape, stages[-1].shape) == ((i, h, w), (o, h, w))
    seen = set()
    for stage in stages:
        assert seen.issuperset(stage.inputs)
        seen.add(stage.name)


def test_a_trace_counts_parameters_and_multiply_adds():
    stages = {stage.name: stage for stage in trace(UNet2Config(base_channels=2), 1, 3, 4, 6)}
    assert (stages["s1"].parameters, stages["s1"].multiply_adds) == (2 * 1 * 9 + 2, 2 * 1 * 9 * 24)
    assert (stages["up"].parameters, stages["up"].multiply_adds) == (4 * 2 * 4 + 2, 4 * 2 * 4 * 6)
    assert (stages["y"].parameters, stages["y"].multiply_adds) == (3 * 2 + 3, 3 * 2 * 24)
    assert stages["merged"].shape == (4, 4, 6)


def test_a_trace_of_what_does_not_fit_is_refused_with_the_report():
    with pytest.raises(ShapeError, match="h_upH"):
        trace(UNet2Config(), 1, 1, 303, 384)


@pytest.mark.parametrize("kind", [np.int32, np.uint8, np.int64])
def test_numpy_integers_are_natural_numbers_everywhere_and_do_not_overflow(kind):
    cfg = UNet2Config(base_channels=1)
    sizes = [kind(n) for n in (200, 1, 250, 250)]
    stages = trace(cfg, *sizes)
    assert stages == trace(cfg, 200, 1, 250, 250)
    assert all(type(n) is int for stage in stages for n in (*stage.shape, stage.parameters, stage.multiply_adds))
    assert check(cfg, *sizes).ok
    assert kind(250) in compatible_sizes(cfg)
    assert kind(251) not in compatible_sizes(cfg)


def test_a_message_stays_short_whatever_is_given():
    with pytest.raises(ShapeError) as refusal:
        UNet2Config(pool_kernel=np.zeros((90, 1), int))
    assert len(str(refusal.value).splitlines()) <= 10
