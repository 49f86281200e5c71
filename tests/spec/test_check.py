"""The report of ``check``: every rule judged, each failure explained, in at most ten lines."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from configs import any_configs, configs, fitting_configs, fitting_sizes
from hypothesis import example, given
from hypothesis import strategies as st

from wellshaped.spec import (
    OBLIGATIONS,
    WELL_FORMED,
    Add,
    Concat,
    ConfigError,
    Conv,
    MaxPool,
    Network,
    Node,
    Resize,
    ShapeError,
    UNet2Config,
    UNetConfig,
    UsageError,
    WellshapedError,
    check,
    compatible_sizes,
    graph_of,
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
    parameter_shapes,
    stages,
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
    report = check(cfg, (i, h, w), out_channels=o)
    if not all(c.holds(cfg) for c in WELL_FORMED):
        assert not report.ok
        return
    fit = compatible_sizes(cfg)
    assert report.ok == (i >= 1 and o >= 1 and h in fit and w in fit)


@given(configs, small, small, small, small)
@example(UNet2Config(conv_padding=0), 0, 0, 20, 24)
def test_a_message_has_at_most_ten_lines_with_every_broken_rule_or_how_many_more_there_are_and_a_fix(cfg, i, o, h, w):
    report = check(cfg, (i, h, w), out_channels=o)
    text = str(report)
    assert len(text.splitlines()) <= 10
    assert report.ok or "  fix: " in text
    at_nodes = list(dict.fromkeys((failure.at, failure.says) for failure in report.failures if failure.at))
    shown = [
        (at, says) for at, says in at_nodes if re.search(f"^  {re.escape(at)}.*: {re.escape(says)}[.;]", text, re.M)
    ]
    more = sum(int(number) for number in re.findall("(?:^  |; )and ([0-9]+) more, at ", text, re.M))
    assert len(shown) + more >= len(at_nodes)  # failures that say the same of an axis are one
    assert shown[:1] == at_nodes[:1]
    assert bool(more) == (len(shown) < len(at_nodes))
    assert all(failure.name in text for failure in report.failures if not failure.at)


THREE_AXES = Network(
    {"x": 3},
    (
        *(Node(f"c{i}", Conv(3), "x") for i in range(4)),
        *(Node(f"j{i}", Concat(), (f"c{i}", "x")) for i in range(4)),
        Node("y", Concat(), ("j0", "j1", "j2", "j3")),
    ),
    axes=3,
)


def test_four_failures_are_all_shown_where_there_is_room():
    nodes = (
        *(Node(f"c{i}", Conv(3), "x") for i in range(4)),
        *(Node(f"j{i}", Concat(), ("x", f"c{i}")) for i in range(4)),
        Node("y", Concat(), ("j0", "j1", "j2", "j3")),
    )
    text = str(check(Network({"x": 1}, nodes, axes=1), (1, 5)))
    assert all(f"  j{i}: length: x is 5, c{i} is 3, and they must be equal." in text for i in range(4))
    assert " more, at " not in text


def test_a_message_with_many_fixes_shows_fewer_failures():
    """Every kind of condition fails on three axes, and each has its fix."""
    report = check(THREE_AXES, (2, 4, 5, 6), out_channels=7)
    text = str(report)
    assert len(text.splitlines()) <= 10
    assert report.fixes[0] == "the shape (3, 4, 5, 6), out_channels=24"
    assert all(f"  fix: {fix}" in text for fix in report.fixes)
    assert "  j0: depth: c0 is 2, x is 4, and they must be equal.\n" in text
    assert "    x 4 → c0 2\n" in text  # how the one that is shown came about
    assert re.search("^  and 9 more, at j1, j2, j3.$", text, re.M)
    crowded = replace(report, fixes=(*report.fixes, *("a fix",) * 5))
    assert "  j0: depth: c0 is 2, x is 4, and they must be equal; and 11 more, at j0, j1, j2 and 1 other." in str(
        crowded
    )
    assert len(str(crowded).splitlines()) <= 10


@pytest.mark.parametrize("name", ["tiny", "monai_like", "ronneberger2015", "smp_resnet34"])
def test_a_full_message_keeps_a_path_of_each_axis(name):
    lines = check(name, (graph_of(name).image.channels, 303, 387)).lines()
    assert len(lines) == 10
    assert {line.split()[1] for line in lines if " → " in line} == {"303", "387"}


@given(st.data(), fitting_configs(), st.integers(0, 60), st.integers(0, 60))
def test_the_proposed_crop_and_pad_fit(data, cfg, h, w):
    report = check(cfg, (1, h, w))
    pastes = [fix for fix in report.fixes if "x[" in fix or "pad(x" in fix]
    assert len(pastes) == (0 if report.ok else 1)
    for expression in " ".join(pastes).split(" or "):
        if expression:
            fixed = eval(expression, {"x": np.zeros((1, h, w)), "jnp": np})
            assert check(cfg, fixed.shape).ok


MESSAGES = [
    (
        (UNet2Config(), (1, 303, 384), 1),
        """\
input (1, 303, 384) of UNet2Config() does not fit.
  merged (h_upH): height: skip1 is 303, up is 302, and they must be equal.
    x 303 → pooled 151 → up 302
  fix: height 302 (crop 1) or 304 (pad 1); all heights that fit: n ≡ 0 (mod 2), n ≥ 2
  fix: x[:, :302, :384] or jnp.pad(x, ((0, 0), (0, 1), (0, 0)))""",
    ),
    (
        (UNet2Config(), (1, 1, 385), 1),  # an image with one row
        """\
input (1, 1, 385) of UNet2Config() does not fit.
  pooled: height: pooled is 0, and must be at least 1.
    x 1 → pooled 0
  merged (h_upW): width: skip1 is 385, up is 384, and they must be equal.
    x 385 → pooled 192 → up 384
  fix: height 2 (pad 1); all heights that fit: n ≡ 0 (mod 2), n ≥ 2
  fix: width 384 (crop 1) or 386 (pad 1); all widths that fit: n ≡ 0 (mod 2), n ≥ 2
  fix: jnp.pad(x, ((0, 0), (0, 1), (0, 1)))""",
    ),
    (
        (UNet2Config(conv_padding=0), (1, 304, 384), 1),
        """\
input (1, 304, 384) of UNet2Config(conv_padding=0) does not fit.
  down1_1 (h_convH): height: down1_1 is 302, x is 304, and they must be equal.
    x 304 → down1_1 302
  down1_2 (h_convH): height: with down1_1 fixed, down1_2 would be 302, s1 would be 304, and they must be equal.
  down1_1 (h_convW): width: down1_1 is 382, x is 384, and they must be equal.
    x 384 → down1_1 382
  and 9 more, at down1_2, down2_1, down2_2 and 2 others.
  fix: conv_padding=1 in the config, for sizes n ≡ 0 (mod 2), n ≥ 2""",
    ),
    (
        (UNet2Config(up_stride=1), (1, 304, 304), 0),
        """\
input (1, 304, 304) of UNet2Config(up_stride=1) does not fit.
  h_outC: out_channels=0 must be at least 1.
  merged (h_upH, h_upW): height and width: skip1 is 304, up is 153, and they must be equal.
    x 304 → pooled 152 → up 153
  fix: out_channels=1
  fix: height 2 (crop 302); all heights that fit: {2}
  fix: width 2 (crop 302); all widths that fit: {2}
  fix: x[:, :2, :2]
  fix: up_stride=2 in the config, for sizes n ≡ 0 (mod 2), n ≥ 2""",
    ),
]


@pytest.mark.parametrize(
    ("network", "shape", "outs", "message"),
    [(*arguments, message) for arguments, message in MESSAGES],
    ids=["odd", "one row", "config", "finite"],
)
def test_the_message_whole(network, shape, outs, message):
    report = check(network, shape, out_channels=outs)
    assert str(report) == message
    with pytest.raises(ShapeError) as error:
        report.raise_if_failed()
    assert str(error.value) == message
    assert error.value.report == report


def test_an_ok_report_says_so_and_raises_nothing():
    report = check(UNet2Config(), (1, 304, 384))
    report.raise_if_failed()
    assert str(report) == ("input (1, 304, 384) of UNet2Config() fits: all 49 rules hold. The output has size 304×384.")


def test_a_report_reports_every_failure_at_once():
    ill_formed = check(replace(UNet2Config(), pool_stride=0, base_channels=0), (0, 3, 0), out_channels=0)
    names = [failure.name for failure in ill_formed.failures]
    assert names == ["poolStride_ne0", "baseC_pos", "h_inC", "h_outC", "width_pos"]
    report = check(UNet2Config(base_channels=2**20), (0, 3, 3), out_channels=0)
    assert [failure.name for failure in report.failures] == ["h_inC", "h_outC", "elements", "h_upH", "h_upW"]


def test_failures_are_those_of_the_config_that_is_given_and_sizes_those_of_the_one_that_is_proposed():
    report = check(UNet2Config(head_stride=2**32), (1, 8, 8))
    assert [failure.name for failure in report.failures] == ["largest", "h_outH", "h_outW"]
    assert report.sizes[0]["y"] == 1
    assert report.fixes == ("head_stride=1",)


def test_an_array_that_is_too_large_is_reported_of_a_graph_as_of_a_config():
    network = Network({"x": 70_000}, (Node("y", Conv(1, channels=70_000)),))
    report = check(network, (70_000, 8, 8))
    assert [failure.name for failure in report.failures] == ["elements"]
    for large, ins in ((network, 70_000), (UNet2Config(base_channels=2**14), 1), (network, 1)):
        with pytest.raises(WellshapedError):
            parameter_shapes(large, ins)


def test_a_report_is_plain_data_for_json_and_escaped_in_a_notebook():
    report = check(UNet2Config(), (1, 303, 384))
    data = json.loads(json.dumps(report.to_dict()))
    assert data["ok"] is False
    assert [c["name"] for c in data["verdicts"] if not c["holds"]] == ["h_upH"]
    assert report._repr_html_() == f"<pre>{report}</pre>"
    assert "&lt;" in replace(report, subject="<img>")._repr_html_()


NAMES = ["channels", "height", "width"]


@pytest.mark.parametrize("name", [*NAMES, "out_channels"])
@pytest.mark.parametrize("bad", [-1, True, 1.0, "1"])
def test_arguments_that_are_not_natural_are_rejected_by_name(name, bad):
    numbers = {"channels": 1, "height": 2, "width": 2, "out_channels": 1} | {name: bad}
    outs = numbers.pop("out_channels")
    with pytest.raises(UsageError, match=f"{name}={bad!r}"):
        check(UNet2Config(), tuple(numbers.values()), out_channels=outs)


@pytest.mark.parametrize("bad", ["CHW", 3, None, (), (1,), (1, 2, 3, 4, 5), {1: 2}, {1, 2, 3}], ids=repr)
def test_what_is_no_shape_of_an_image_is_rejected(bad):
    with pytest.raises(UsageError, match="must be the channels and one size for each axis"):
        check(UNet2Config(), bad)


def test_a_shape_with_more_axes_than_any_network_says_how_many_there_may_be():
    with pytest.raises(UsageError, match="one size for each axis; a network has at most 3 axes"):
        check(UNetConfig(axes=4), (3, 16, 16, 16, 16))
    with pytest.raises(UsageError, match="one size for each axis") as error:
        check(UNet2Config(), "1x20x30")
    assert "at most" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "fix"), [(np.zeros((1, 4, 4)), "its shape: x.shape"), ("1x20x30", "(1, 20, 30)"), (3, "(1, 304, 384)")]
)
def test_what_is_given_in_place_of_a_shape_is_in_the_fix(given, fix):
    with pytest.raises(UsageError) as error:
        check(UNet2Config(), given)
    assert error.value.report.fixes == (fix,)


def test_a_layout_with_a_batch_is_rejected_with_the_one_of_an_image():
    with pytest.raises(UsageError, match="it has a batch, and must be CHW or HWC") as error:
        check("milesial", (1, 3, 64, 64), layout="NCHW")
    assert error.value.report.fixes == ('layout="CHW", and the shape (3, 64, 64)',)


@pytest.mark.parametrize("shape", [(1, 4), (1, 4, 4, 4)])
def test_a_shape_of_another_number_of_axes_is_rejected_with_the_axes_of_the_network(shape):
    with pytest.raises(ShapeError, match="and needs three: channels, height and width") as error:
        check(UNet2Config(), shape)
    assert len(eval(error.value.report.fixes[0])) == 3


def test_sizes_that_fit_a_repaired_config_say_so():
    assert check(UNetConfig(levels=9), (3, 304, 384)).fixes == (
        "levels=7",
        "with levels=7: height 256 (crop 48) or 384 (pad 80); all heights that fit: n ≡ 0 (mod 128), n ≥ 128",
        "with levels=7: x[:, :256, :384] or jnp.pad(x, ((0, 0), (0, 80), (0, 0)))",
    )
    # The sizes that fit are the same, whatever the channels.
    assert check(UNetConfig(head=False), (0, 16, 303), out_channels=3).fixes[1].startswith("width ")


def test_a_fix_of_the_channels_is_the_whole_shape():
    assert check("smp_resnet34", (4, 512, 704)).fixes == ("the shape (3, 512, 704)",)
    assert check("smp_resnet34", (512, 704, 4), layout="HWC").fixes == ("the shape (512, 704, 3)",)
    assert check(UNetConfig(), (0, 304, 384)).fixes == ("the shape (1, 304, 384)",)


def test_a_missing_channel_axis_is_proposed_with_the_channels_that_the_network_takes():
    for network, shape in (("smp_resnet34", (3, 500, 700)), (UNetConfig(), (1, 500, 700))):
        with pytest.raises(ShapeError) as error:
            check(network, (500, 700))
        assert error.value.report.fixes == (str(shape),)


@pytest.mark.parametrize(
    ("axes", "layout", "other", "paste"),
    [
        (1, "CL", "LC", "jnp.pad(x, ((0, 0), (0, 1)))"),
        (2, "CHW", "HWC", "jnp.pad(x, ((0, 0), (0, 1), (0, 1)))"),
        (3, "CDHW", "DHWC", "jnp.pad(x, ((0, 0), (0, 1), (0, 1), (0, 1)))"),
    ],
)
def test_a_layout_is_that_of_the_shape_and_of_the_expressions(axes, layout, other, paste):
    network = Network({"x": 3}, (Node("a", MaxPool(2)), Node("b", Resize(2)), Node("y", Add(), ("b", "x"))), axes=axes)
    first, last = check(network, (3, *(5,) * axes)), check(network, (*(5,) * axes, 3), layout=other)
    assert first == check(network, (3, *(5,) * axes), layout=layout)
    assert first.subject != last.subject
    assert first.sizes == last.sizes
    assert first.fixes[-1].endswith(paste)
    moved = paste.replace("((0, 0), ", "(", 1).replace(")))", "), (0, 0)))")
    assert last.fixes[-1].endswith(moved)
    with pytest.raises(UsageError, match=f"it must be {layout} or {other}"):
        check(network, (3, *(5,) * axes), layout="NCHW")


@given(st.data(), fitting_configs(), st.integers(1, 4), st.integers(1, 4))
def test_the_stages_run_from_the_input_to_an_output_of_its_size(data, cfg, i, o):
    h, w = data.draw(fitting_sizes(cfg)), data.draw(fitting_sizes(cfg))
    found = stages(cfg, (i, h, w), out_channels=o)
    names = "x s1 skip1 pooled b1 bottleneck up merged u1 u2 y"
    assert " ".join(stage.name for stage in found) == names
    assert (found[0].shape, found[-1].shape) == ((i, h, w), (o, h, w))
    seen = set()
    for stage in found:
        assert seen.issuperset(stage.inputs)
        seen.add(stage.name)


def test_the_stages_count_parameters_and_multiply_adds():
    found = {stage.name: stage for stage in stages(UNet2Config(base_channels=2), (1, 4, 6), out_channels=3)}
    assert (found["s1"].parameters, found["s1"].multiply_adds) == (2 * 1 * 9 + 2, 2 * 1 * 9 * 24)
    assert (found["up"].parameters, found["up"].multiply_adds) == (4 * 2 * 4 + 2, 4 * 2 * 4 * 6)
    assert (found["y"].parameters, found["y"].multiply_adds) == (3 * 2 + 3, 3 * 2 * 24)
    assert found["merged"].shape == (4, 4, 6)


def test_there_are_no_stages_of_what_does_not_fit_and_the_report_is_raised():
    with pytest.raises(ShapeError, match="h_upH"):
        stages(UNet2Config(), (1, 303, 384))


@pytest.mark.parametrize("kind", [np.int32, np.uint8, np.int64])
def test_numpy_integers_are_natural_numbers_everywhere_and_do_not_overflow(kind):
    cfg = UNet2Config(base_channels=1)
    shape, outs = tuple(kind(n) for n in (200, 250, 250)), kind(1)
    found = stages(cfg, shape, out_channels=outs)
    assert found == stages(cfg, (200, 250, 250), out_channels=1)
    assert all(type(n) is int for stage in found for n in (*stage.shape, stage.parameters, stage.multiply_adds))
    report = check(cfg, shape, out_channels=outs)
    assert report.ok
    assert all(type(n) is int for of_axis in report.sizes for n in of_axis.values())
    assert kind(250) in compatible_sizes(cfg)
    assert kind(251) not in compatible_sizes(cfg)


def test_a_message_stays_short_whatever_is_given():
    with pytest.raises(UsageError) as error:
        UNet2Config(pool_kernel=np.zeros((90, 1), int))
    assert len(str(error.value).splitlines()) <= 10


@pytest.mark.parametrize(
    ("network", "shape", "first"),
    [
        ("smp_resnet34", (500, 700, 3), (3, 500, 700)),  # the channels that the network takes
        ("milesial", (500, 700, 3), (3, 500, 700)),
        ("milesial", (500, 700, 1), (1, 500, 700)),
        ("unet3d", (96, 160, 160, 3), (3, 96, 160, 160)),
        ("demucs", (44_100, 2), (2, 44_100)),
    ],
)
def test_a_shape_with_its_channels_last_is_recognised_and_put_right(network, shape, first):
    report = check(network, shape)
    letters = "DHWC" if len(shape) == 4 else "HWC" if len(shape) == 3 else "LC"
    (fix,) = report.fixes
    assert fix.startswith(f'layout="{letters}", or the shape {first}: this one looks like (')
    assert check(network, first) == check(network, first, layout=f"C{letters[:-1]}")
    assert "layout=" not in "".join(check(network, shape, layout=letters).fixes)
    assert "layout=" not in "".join(check(network, shape, layout=f"C{letters[:-1]}").fixes)


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        ("milesial", (3, 3, 384)),  # the first number is a number of channels
        ("milesial", (9, 9, 5)),  # a config takes any number of channels
        ("milesial", (4, 4, 3)),  # small sizes
        ("unet2", (64, 65, 4)),
        ("smp_resnet34", (500, 700, 1)),  # another number of channels
    ],
)
def test_other_shapes_that_do_not_fit_keep_their_fixes(network, shape):
    report = check(network, shape)
    assert not report.ok
    assert "layout=" not in "".join(report.fixes)


def test_a_shape_of_long_numbers_with_its_channels_last_is_recognised():
    assert 'layout="HWC"' in check("smp_resnet34", (10**5000, 700, 3)).fixes[0]


def test_a_shape_that_fits_is_taken_as_it_is():
    assert check("tiny", (64, 64, 4)).ok


def test_the_report_on_a_config_that_nothing_can_be_built_from_is_on_the_config():
    report = check(UNet2Config(pool_stride=0), (1, 304, 384))
    assert str(report).startswith("UNet2Config(pool_stride=0) is not well-formed.")
    with pytest.raises(ConfigError):
        report.raise_if_failed()
    with_a_wrong_size = check(UNet2Config(pool_stride=0), (1, 0, 384))
    assert [failure.name for failure in with_a_wrong_size.failures] == ["poolStride_ne0", "height_pos"]
