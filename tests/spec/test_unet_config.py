"""The family's configs: what they may be, which sizes fit them, and what the stages of each say."""

from dataclasses import fields, replace
from itertools import product
from math import prod

import pytest
from effort import examples
from hypothesis import given
from hypothesis import strategies as st

from wellshaped.proofs_of_shape.strategies import image_sizes, unet_configs
from wellshaped.spec import (
    PRESETS,
    UNET_WELL_FORMED,
    UNet2Config,
    UNetConfig,
    UsageError,
    WellshapedError,
    check,
    check_unet_config,
    compatible_sizes,
    encoder_decoder,
    explain,
    graph_of,
    parameter_shapes,
    plan,
    repair,
    run,
    stages,
)
from wellshaped.spec.families import DOUBLE, HALVE, unet
from wellshaped.spec.unet.by_level import BY_LEVEL

SMALL = UNetConfig(levels=2, base_channels=4)


def outs(cfg):
    """The output's channels: any with a head, else those of the first level."""
    return 2 if cfg.head else cfg.channels[0]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"levels": -1}, "levels=-1 is negative"),
        ({"levels": 2.0}, "levels=2.0 is a float"),
        ({"levels": True}, "levels=True is a bool"),
        ({"base_channels": "8"}, "base_channels='8' is a str"),
        ({"multipliers": 3}, "it is an int, and must be a tuple of natural numbers, or None"),
        ({"multipliers": (1, 2.5, 4)}, r"multipliers\[1\]=2.5 is a float"),
        ({"padding": "valid"}, "padding=.* must be one of 'same', 'none'"),
        ({"padding": 1}, "padding=.* must be one of 'same', 'none'"),
        ({"norm": None}, "norm=.* must be one of 'none', 'batch', 'group', 'instance'"),
        ({"residual": 1}, "residual=.* must be one of False, True"),
        ({"head": "no"}, "head=.* must be one of True, False"),
        ({"upsampling": "bicubic"}, "upsampling=.* must be one of 'transposed', 'nearest', 'bilinear'"),
        ({"join": "resize"}, "join=.* must be one of None, 'exact', 'crop', 'even crop', 'pad'"),
    ],
    ids=str,
)
def test_a_field_that_is_no_choice_is_refused_when_it_is_made(wrong, says):
    with pytest.raises(WellshapedError, match=says):
        UNetConfig(**wrong)


OF_ONE_VALUE = [
    ({"padding": ["nonne"]}, {"padding": "none"}),
    ({"padding": (("none",),)}, {"padding": "none"}),
    ({"bias": (False, True)}, {"bias": False}),
    ({"join": (None, "pad")}, {"join": None}),
    ({"join": ()}, {"join": None}),
    ({"concat": ("upsampled first", "skip first")}, {"concat": "upsampled first"}),
    ({"padding": ("none", "same")}, {"padding": "none"}),
    ({"head": (False,)}, {"head": False}),
    ({"base_channels": [16, 32]}, {"base_channels": 16}),
    ({"base_channels": ("two",)}, {"base_channels": 64}),
    ({"levels": (3, 2)}, {"levels": 3}),
    ({"axes": ()}, {"axes": 2}),
]


@pytest.mark.parametrize(("wrong", "fix"), OF_ONE_VALUE, ids=str)
def test_a_field_of_one_value_rejects_a_tuple_and_proposes_its_first_entry(wrong, fix):
    with pytest.raises(UsageError) as error:
        UNetConfig(**wrong)
    (name,) = wrong
    report = error.value.report
    assert eval(f"dict({report.fixes[0]})") == fix
    assert UNetConfig(**fix)
    assert f"and {name} has one value" in report.failures[0].says
    assert report.failures[0].says.endswith(" for all levels") == (name not in ("levels", "axes"))


def test_every_field_that_may_not_differ_from_level_to_level_has_one_value():
    of_one = {f.name for f in fields(UNetConfig)} - {*BY_LEVEL, "multipliers"}
    assert of_one == {name for wrong, _ in OF_ONE_VALUE for name in wrong}


ILL_FORMED = {
    "levels_pos": {"levels": 0},
    "levels_few": {"levels": 65},
    "axes_pos": {"axes": 0},
    "axes_few": {"axes": 4},
    "baseC_pos": {"base_channels": 0},
    "multipliers_count": {"levels": 2, "multipliers": (1, 2)},
    "multipliers_pos": {"levels": 2, "multipliers": (1, 0, 2)},
    "convs_per_block_count": {"convs_per_block": (1, 2, 2, 2)},
    "conv_kernel_count": {"conv_kernel": (3, 3)},
    "norm_count": {"norm": ("batch",) * 3 + ("none",)},
    "groups_count": {"groups": (4, 8)},
    "activation_count": {"activation": ("relu", "silu", "silu", "silu", "relu", "relu")},
    "order_count": {"order": ()},
    "residual_count": {"residual": (True, False)},
    "decoder_convs_count": {"decoder_convs": (1, 2, 2, 2, 2)},
    "stride_count": {"stride": (2, 2)},
    "downsampling_count": {"downsampling": ()},
    "upsampling_count": {"upsampling": ("nearest", "transposed")},
    "upsampling_kernel_count": {"upsampling_kernel": (2, 3)},
    "skip_count": {"skip": ("none", "add", "add")},
    "conv_kernel_axes": {"conv_kernel": ((1, 3, 3),)},
    "stride_axes": {"stride": (2, (2, 1, 1), 2, 2)},
    "upsampling_kernel_axes": {"upsampling_kernel": ((3, 3, 3),)},
    "convs_pos": {"convs_per_block": 0},
    "convs_few": {"convs_per_block": 65},
    "decoder_convs_pos": {"decoder_convs": 0},
    "decoder_convs_few": {"decoder_convs": (1, 2, 2, 65)},
    "convK_odd": {"conv_kernel": 2},
    "stride_pos": {"stride": (2, (0, 2), 2, 2)},
    "stride_few": {"stride": 2**31},
    "upK_stride": {"upsampling_kernel": 1},
    "groups_divide": {"norm": "group", "groups": 8, "base_channels": 12},
    "residual_padding": {"padding": "none", "residual": True, "downsampling": "stride"},
    "skip_channels": {"skip": "add", "upsampling": "nearest alone"},
}


def test_every_condition_has_its_config_that_breaks_it():
    assert list(ILL_FORMED) == [condition.name for condition in UNET_WELL_FORMED]


@pytest.mark.parametrize("name", ILL_FORMED)
def test_an_ill_formed_config_is_named_everywhere_and_its_fix_mends_it(name):
    cfg = UNetConfig(**ILL_FORMED[name])
    report = check_unet_config(cfg)
    assert [verdict.name for verdict in report.failures] == [name]
    fixed = eval(f"dict({report.fixes[0]})")
    assert check_unet_config(replace(cfg, **fixed)).ok
    for ask in (
        graph_of,
        compatible_sizes,
        parameter_shapes,
        repair,
        lambda cfg: explain(cfg, 64),
        lambda cfg: plan(cfg, (64, 64), "pad"),
        lambda cfg: stages(cfg, (3, 64, 64)),
        lambda cfg: check(cfg, (3, 64, 64), out_channels=2).raise_if_failed(),
    ):
        with pytest.raises(WellshapedError) as error:
            ask(cfg)
        assert name in [verdict.name for verdict in error.value.report.failures]


@pytest.mark.parametrize(
    ("given", "fix"),
    [
        ({"stride": ((1, 2, 2),)}, "axes=3"),
        ({"stride": ((1, 2, 2),), "conv_kernel": ((1, 3, 3), 3, 3, 3, 3)}, "axes=3"),
        ({"stride": ((1, 2, 2),), "norm": "group", "base_channels": 12}, "axes=3, groups=6"),
        ({"stride": ((1, 2),), "axes": 3}, "stride=((1, 2, 2),)"),
        ({"stride": ((1, 2, 2),), "conv_kernel": ((1, 3),)}, "stride=((1, 2),)"),
        ({"stride": ((1, 2, 2, 2),)}, "stride=((1, 2),)"),
    ],
    ids=str,
)
def test_values_for_three_axes_propose_three_axes_if_they_agree_and_no_axes_were_given(given, fix):
    assert check_unet_config(UNetConfig(**given)).fixes == (fix,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"groups": 0},
        {"groups": 0, "base_channels": 0},
        {"groups": 7, "levels": 2, "multipliers": (1, 0, 2)},
        {"groups": 10**30, "base_channels": 6},
    ],
    ids=str,
)
def test_groups_that_do_not_divide_are_fixed_whatever_else_is_wrong(wrong):
    cfg = UNetConfig(norm="group", **wrong)
    fixed = eval(f"dict({check_unet_config(cfg).fixes[0]})")
    assert fixed["groups"] >= 1
    assert check_unet_config(replace(cfg, **fixed)).ok


@pytest.mark.parametrize("wrong", [{"base_channels": 10**40}, {"conv_kernel": 10**30 + 1}, {"levels": 64}], ids=str)
def test_a_kernel_too_large_to_compute_with_is_rejected_before_it_is_built(wrong):
    report = check(UNetConfig(**wrong), (1, 2**64, 2**64))
    assert "elements" in [verdict.name for verdict in report.failures]


def test_the_largest_kernel_is_counted_exactly():
    for cfg in (UNetConfig(levels=2), UNetConfig(levels=1, multipliers=(5, 1)), UNetConfig(levels=1, base_channels=2)):
        for in_channels in (1, 300):
            shapes = parameter_shapes(cfg, in_channels)
            largest = max(prod(shape) for of_layer in shapes.values() for shape in of_layer.values())
            (verdict,) = [v for v in check_unet_config(cfg, in_channels).verdicts if v.name == "elements"]
            assert f"has {largest} elements" in verdict.says


def test_a_layout_that_there_is_not_is_rejected():
    with pytest.raises(UsageError, match="it must be CHW or HWC"):
        check(UNetConfig(), (1, 16, 16), layout="NCHW")


def test_all_that_is_wrong_is_said_at_once():
    cfg = UNetConfig(levels=0, base_channels=0, conv_kernel=4)
    report = check(cfg, (0, 0, 10), out_channels=0)
    names = [verdict.name for verdict in report.failures]
    assert names == ["levels_pos", "baseC_pos", "convK_odd", "in_channels_pos", "out_channels_pos", "height_pos"]


def test_without_a_head_the_output_has_the_channels_of_the_first_level():
    cfg = replace(SMALL, head=False)
    network = graph_of(cfg, 3)
    assert network.channels[network.outputs[0]] == 4
    report = check_unet_config(cfg, 3, 2)
    assert "without a head out_channels=2 must be the channels of the first level, 4" in str(report)
    assert report.fixes == ("out_channels=4",)


def test_a_config_shows_what_to_write_and_has_the_channels_of_its_levels():
    cfg = UNetConfig(levels=2, multipliers=[1, 3, 5], norm="group", bias=False)
    assert repr(cfg) == "UNetConfig(levels=2, multipliers=(1, 3, 5), norm='group', bias=False)"
    assert eval(repr(cfg)) == cfg
    assert cfg.channels == (64, 192, 320)
    assert {f.name for f in fields(cfg)} == set(UNetConfig.__dataclass_fields__)


def test_an_unknown_field_and_what_is_no_config_are_rejected():
    with pytest.raises(TypeError, match="depth"):
        UNetConfig(depth=3)
    with pytest.raises(UsageError, match="it is a UNet2Config, and must be a UNetConfig"):
        check_unet_config(UNet2Config())


@pytest.mark.parametrize("levels", range(1, 6))
@pytest.mark.parametrize("convs", [1, 2, 3])
def test_the_sizes_are_those_of_the_same_network_written_as_steps(levels, convs):
    padded = UNetConfig(levels=levels, convs_per_block=convs)
    assert compatible_sizes(padded) == compatible_sizes(unet(levels, convs=convs))
    assert compatible_sizes(padded) == compatible_sizes(encoder_decoder((HALVE,) * levels, DOUBLE))
    bare = replace(padded, padding="none")
    written = unet(levels, convs=convs, padding=0, join="even crop")
    assert compatible_sizes(bare) == compatible_sizes(written)
    assert run(graph_of(bare), 572).sizes["y"] == run(written, 572).sizes["y"]


def test_norm_residual_bias_concat_and_channels_change_no_size():
    for norm, residual, concat in product(("none", "batch"), (False, True), ("skip first", "upsampled first")):
        cfg = replace(SMALL, norm=norm, residual=residual, concat=concat, bias=False, base_channels=8)
        assert compatible_sizes(cfg) == compatible_sizes(SMALL)
        bare = replace(cfg, padding="none")
        assert compatible_sizes(bare) == compatible_sizes(replace(SMALL, padding="none"))


def test_ronneberger_s_figure_1_size_by_size_and_channel_by_channel():
    found = stages(PRESETS["ronneberger2015"], (1, 572, 572), out_channels=2)
    figure = [
        *[(1, 572), (64, 570), (64, 568), (64, 284), (128, 282), (128, 280), (128, 140), (256, 138), (256, 136)],
        *[(256, 68), (512, 66), (512, 64), (512, 32), (1024, 30), (1024, 28), (512, 56), (1024, 56), (512, 54)],
        *[(512, 52), (256, 104), (512, 104), (256, 102), (256, 100), (128, 200), (256, 200), (128, 198), (128, 196)],
        *[(64, 392), (128, 392), (64, 390), (64, 388), (2, 388)],
    ]
    # The crops are nodes here, and arrows in the figure.
    assert [stage.shape for stage in found if stage.op != "crop"] == [(channels, n, n) for channels, n in figure]
    assert sum(stage.parameters for stage in found) == 31_030_658
    assert explain(PRESETS["ronneberger2015"], 572).output == (388, 388)


def test_milesial_s_network_has_its_parameters_and_takes_any_size_from_16_on():
    assert sum(stage.parameters for stage in stages("milesial", (3, 37, 50), out_channels=2)) == 31_037_698
    assert str(compatible_sizes(PRESETS["milesial"])) == "n ≥ 16"


def test_the_two_level_preset_is_unet2():
    cfg = UNet2Config(base_channels=8)
    preset = UNetConfig(levels=1, base_channels=8)
    assert compatible_sizes(preset) == compatible_sizes(cfg)
    ours, theirs = (stages(network, (3, 20, 30), out_channels=2) for network in (preset, cfg))
    assert [(s.op, s.shape, s.parameters, s.multiply_adds) for s in ours] == [
        (s.op, s.shape, s.parameters, s.multiply_adds) for s in theirs
    ]


def test_a_size_that_does_not_fit_is_explained_with_a_fix_to_paste():
    report = check(UNetConfig(), (3, 300, 320), out_channels=2)
    text = str(report)
    assert "joined[3]: height: encoder[3] is 37, up[3] is 36, and they must be equal." in text
    assert "x 300 → pooled[0] 150 → pooled[1] 75 → pooled[2] 37 → pooled[3] 18 → up[3] 36" in text
    assert "x[:, :288, :320] or jnp.pad(x, ((0, 0), (0, 4), (0, 0)))" in text
    last = check(UNetConfig(), (300, 320, 3), out_channels=2, layout="HWC")
    assert last.subject.startswith("input (300, 320, 3)")
    assert "x[:288, :320, :] or jnp.pad(x, ((0, 4), (0, 0), (0, 0)))" in str(last)
    assert plan(UNetConfig(), (300, 320), policy="pad").fitting == (304, 320)


def test_a_config_that_no_size_fits_is_fixed_by_its_join():
    report = check(UNetConfig(padding="none", join="exact"), (3, 300, 320), out_channels=2)
    assert report.fixes == ("join='even crop' in the config, for sizes n ≡ 12 (mod 16), n ≥ 188",)


def test_a_network_of_very_many_levels_is_judged_and_its_sizes_are_known():
    deep = UNetConfig(levels=20, multipliers=(1,) * 21)
    assert check(deep, (1, 2**20, 2**20)).ok
    report = check(deep, (1, 2**20 + 1, 2**20))
    assert not report.ok
    assert report.fixes[0] == (
        "height 1048576 (crop 1) or 2097152 (pad 1048575); all heights that fit: n ≡ 0 (mod 1048576), n ≥ 1048576"
    )


@given(unet_configs())
def test_the_drawn_configs_are_well_formed_and_fit_infinitely_many_sizes(cfg):
    assert check_unet_config(cfg).ok
    assert not compatible_sizes(cfg).is_finite
    assert eval(repr(cfg)) == cfg


@examples(50)
@given(unet_configs(), st.data())
def test_each_stage_follows_from_its_inputs(cfg, data):
    height, width = data.draw(image_sizes(cfg))
    found = {stage.name: stage for stage in stages(cfg, (3, height, width), out_channels=outs(cfg))}
    for stage in found.values():
        assert all(name in found for name in stage.inputs)
        given = [found[name].shape for name in stage.inputs]
        if stage.op == "concat":
            assert stage.shape == (sum(shape[0] for shape in given), *given[0][1:])
        elif stage.op == "add, relu":
            assert given == [stage.shape, stage.shape]
        elif stage.op == "max-pool":
            assert stage.shape == (given[0][0], given[0][1] // 2, given[0][2] // 2)
        elif stage.op == "crop":
            assert stage.shape == (given[0][0], *given[1][1:])
            assert all(a >= b for a, b in zip(given[0][1:], given[1][1:], strict=True))
        elif stage.op == "pad":
            assert stage.shape == (given[0][0], *given[1][1:])
            assert all(a <= b for a, b in zip(given[0][1:], given[1][1:], strict=True))
    sizes = (explain(cfg, n).output[0] for n in (height, width))
    assert list(found.values())[-1].shape == (outs(cfg), *sizes)


def test_all_values_that_cannot_be_used_are_said_at_once():
    with pytest.raises(UsageError) as error:
        UNetConfig(levels="3", norm="grup", padding="nothing", join="x", groups=2.5)
    assert error.value.report.fixes == ("levels=3", "padding='none'", "norm='group'")
    assert [verdict.name for verdict in error.value.report.failures] == ["natural", "padding", "norm", "more"]
    assert "more: 2 more can't be used" in str(error.value)
