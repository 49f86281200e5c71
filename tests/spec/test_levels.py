"""Configs whose levels differ: which networks they are, what they say of a level, and how wrong ones are fixed."""

import pickle
import re
from dataclasses import MISSING, fields, replace
from math import prod

import pytest
from effort import examples
from hypothesis import given
from hypothesis import strategies as st
from same_graphs import differences

from wellshaped.proofs_of_shape.strategies import image_sizes, unet_configs
from wellshaped.spec import (
    Activation,
    Add,
    Block,
    ConfigError,
    Conv,
    ConvTranspose,
    Level,
    MaxPool,
    NetworkBuilder,
    Norm,
    UNet2Config,
    UNetConfig,
    UsageError,
    check_unet_config,
    compatible_shapes,
    compatible_sizes,
    explain,
    graph_of,
    parameter_shapes,
    stages,
)
from wellshaped.spec.presets.nnunet import StagePlan, nnunet_3d_fullres, plain_conv_unet
from wellshaped.spec.presets.residual import monai_unet
from wellshaped.spec.presets.volumes import monai_basicunet
from wellshaped.spec.unet.by_level import BLOCKS, BY_LEVEL, PER_AXIS, STEPS, entries
from wellshaped.spec.unet.choices import CHOICES, USUAL


def parameters(network, *channels):
    shapes = parameter_shapes(network, *channels)
    return sorted(shape for of_layer in shapes.values() for shape in of_layer.values())


def require_same(cfg, network):
    """The config's graph has the operations, channels and sizes of the network, node by node, and its parameters.

    Slopes and the values of pads are not compared: a config has none.
    """
    outs = network.channels[network.outputs[0]]
    assert differences(graph_of(cfg, network.image.channels, outs), network) == []
    assert parameters(cfg, network.image.channels, outs) == parameters(network)


# Published networks.

NNUNET = UNetConfig(
    levels=5,
    axes=3,
    base_channels=32,
    multipliers=(1, 2, 4, 8, 10, 10),
    conv_kernel=((1, 3, 3), 3, 3, 3, 3, 3),
    stride=((1, 2, 2), 2, 2, 2, 2),
    downsampling="stride",
    norm="instance",
    activation="leaky_relu",
    concat="upsampled first",
)


def test_nnunet_s_network_of_a_coarse_first_axis_is_a_config():
    require_same(NNUNET, nnunet_3d_fullres())
    wrong = replace(NNUNET, conv_kernel=3)
    assert differences(graph_of(wrong, 1, 2), nnunet_3d_fullres()) != []


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize(
    "strides", [(1, 2, 2), (1, 3, (1, 2, 2)), (1, (1, 2, 2), (2, 1, 4))], ids=["halving", "thirds", "by axis"]
)
def test_the_plain_network_of_a_plan_is_a_config(axes, strides):
    def cut(of_stage):
        return (
            of_stage[:axes]
            if isinstance(of_stage, tuple) and axes > 1
            else prod(of_stage[:1])
            if axes == 1 and (isinstance(of_stage, tuple))
            else of_stage
        )

    strides, kernels = ([cut(of) for of in given] for given in (strides, (3, (1, 3, 3), 5)))
    plan = StagePlan(
        features=(4, 6, 9),
        kernels=kernels,
        strides=strides,
        counts=(1, 2, 3),
        decoder_counts=(3, 1),
        in_channels=2,
        out_channels=3,
        axes=axes,
    )
    cfg = replace(
        NNUNET,
        levels=2,
        axes=axes,
        base_channels=1,
        multipliers=(4, 6, 9),
        conv_kernel=tuple(kernels),
        stride=tuple(strides[1:]),
        convs_per_block=(1, 2, 3),
        decoder_convs=(1, 3),
    )
    require_same(cfg, plain_conv_unet(plan))


BASIC = UNetConfig(base_channels=4, multipliers=(1, 1, 2, 4, 8), norm="instance", activation="leaky_relu", join="pad")


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_monai_s_basicunet_is_a_config(axes):
    features = (4, 4, 8, 16, 32, 4)
    require_same(replace(BASIC, axes=axes), monai_basicunet(features, axes=axes))
    # MONAI blurs after it shuffles, which keeps every size and has no parameters.
    shuffled = monai_basicunet(features, axes=axes, upsample="pixelshuffle")
    cfg = replace(BASIC, axes=axes, upsampling="depth to space")
    assert parameters(cfg, 1, 2) == parameters(shuffled)
    assert compatible_shapes(cfg).axes == compatible_shapes(shuffled).axes
    assert explain(cfg, (47,) * axes).output == explain(shuffled, (47,) * axes).output


def test_a_config_takes_the_sizes_of_monai_s_unet_which_has_no_skip_at_the_size_of_the_input():
    cfg = UNetConfig(
        axes=3,
        base_channels=4,
        downsampling="stride",
        upsampling_kernel=3,
        residual=True,
        skip=("none", "concat", "concat", "concat"),
    )
    theirs = compatible_shapes(monai_unet((4, 8, 16, 32, 64)))
    assert compatible_shapes(cfg).axes == theirs.axes
    assert str(compatible_sizes(cfg)) == "n ≡ 0 or 15 (mod 16), n ≥ 15"
    assert explain(cfg, (31, 16, 47)).output == explain(theirs.graph, (31, 16, 47)).output


def test_a_strided_network_with_added_skips_is_a_config():
    net = NetworkBuilder({"x": 3})
    relu, x, skips = Activation(), "x", []
    for i, width in enumerate((4, 8, 16)):
        conv = Conv(3, 1 if i == 0 else 2, padding=1, channels=width)
        x = net.chain(x, {f"conv{i}": conv, f"relu{i}": relu})
        skips.append(x)
    for i, width in ((1, 8), (0, 4)):
        net.add(f"up{i}", ConvTranspose(4, 2, padding=1, channels=width), x)
        net.add(f"sum{i}", Add(), skips[i], f"up{i}")
        x = net.chain(f"sum{i}", {f"after{i}": Conv(3, padding=1, channels=width), f"last{i}": relu})
    net.add("y", Conv(1, channels=2))
    cfg = UNetConfig(
        levels=2, base_channels=4, convs_per_block=1, downsampling="stride", upsampling_kernel=4, skip="add"
    )
    require_same(cfg, net.network())


def test_a_resize_without_a_convolution_leaves_the_channels_to_the_next_block():
    cfg = UNetConfig(levels=1, base_channels=4, convs_per_block=1, upsampling="nearest alone")
    shapes = parameter_shapes(cfg)
    assert shapes["decoder[0].convs[0]"]["kernel"] == (4, 4 + 8, 3, 3)
    assert "up[0]" not in shapes


_EIGHT = Block(channels=8)

# What a config says.


def test_a_level_says_what_its_config_says_of_it():
    level = NNUNET.level(0)
    assert (level.channels, level.block.conv_kernel, level.stride, level.kernel_up) == (
        32,
        (1, 3, 3),
        (1, 2, 2),
        (1, 2, 2),
    )
    assert NNUNET.level(4).block.channels == NNUNET.bottom.channels == 320
    assert replace(NNUNET, decoder_convs=(1, 2, 3, 4, 5)).level(2).decoder.convs_per_block == 3
    for i in (5, 10**30):
        with pytest.raises(UsageError, match="must be less than levels=5"):
            NNUNET.level(i)
    with pytest.raises(UsageError, match="negative"):
        NNUNET.level(-1)


WHOLE = "axes", "padding", "join", "concat", "bias", "head"


@given(unet_configs() | unet_configs(by_level=True))
@examples(60)
def test_a_config_is_its_levels(cfg):
    levels = [cfg.level(i) for i in range(cfg.levels)]
    again = UNetConfig.of_levels(levels, cfg.bottom, **{name: getattr(cfg, name) for name in WHOLE})
    outs = 2 if cfg.head else cfg.channels[0]
    assert graph_of(again, 3, outs) == graph_of(cfg, 3, outs)
    assert [again.level(i).decoder for i in range(cfg.levels)] == [level.decoder for level in levels]


def test_a_published_config_is_its_levels():
    again = UNetConfig.of_levels(
        [NNUNET.level(i) for i in range(5)], NNUNET.bottom, **{name: getattr(NNUNET, name) for name in WHOLE}
    )
    assert again == NNUNET


@pytest.mark.parametrize(
    ("wrong", "level", "says"),
    [
        ({"norm": ("batch", "none")}, 2, "norm has 2 entries, and none for level 2"),
        ({"stride": (2, 2), "levels": 3}, 2, "stride has 2 entries, and none for level 2"),
        ({"multipliers": (1,)}, 2, "multipliers has 1 entry, and none for level 2"),
        ({"levels": 10**9}, 10**9, "channels has 65 entries, and none for level 1000000000"),
    ],
)
def test_a_level_without_an_entry_is_a_config_that_is_not_well_formed(wrong, level, says):
    cfg = UNetConfig(**({"levels": 2} | wrong))
    with pytest.raises(ConfigError, match=says):
        cfg.bottom if level == cfg.levels else cfg.level(level)


def test_levels_that_say_nothing_special_are_the_usual_config():
    widths = 64, 128, 256, 512, 1024
    *levels, bottom = (Block(channels=n) for n in widths)
    assert UNetConfig.of_levels([Level(block=of) for of in levels], bottom) == UNetConfig()
    usual = {f.name: f.default for kind in (Block, Level) for f in fields(kind) if f.default is not MISSING}
    assert usual == {name: getattr(UNetConfig(), name) for name in usual}
    numbers = {f.name: f.default for f in fields(UNetConfig) if type(f.default) is int}
    assert {name: USUAL[name] for name in numbers} == numbers


def test_a_wrong_value_of_a_level_is_reported_where_it_is_made():
    with pytest.raises(UsageError, match=r"norm='bach' must be one of") as caught:
        Block(channels=8, norm="bach", conv_kernel=(3, -1))
    assert "conv_kernel[1]=-1 is negative" in str(caught.value)
    assert "fix: norm='batch'" in str(caught.value)
    with pytest.raises(UsageError, match="convs_per_block"):
        Block(channels=8, convs_per_block=(2, 2))
    with pytest.raises(UsageError, match="it is an int, and must be a Block"):
        Level(block=32)
    level = Level(block=Block(channels=8), stride=[1, 2])
    assert level.stride == (1, 2)
    with pytest.raises(UsageError, match="stride=-2 is negative"):
        replace(level, stride=-2)


@pytest.mark.parametrize(
    ("levels", "bottom", "whole", "says", "fix"),
    [
        (3, _EIGHT, {}, "it is an int, and must be a list", "levels=[Level(block=Block(channels=64))]"),
        ((Level(block=_EIGHT) for _ in "a"), _EIGHT, {}, "it is a generator", "levels=list(levels)"),
        ([_EIGHT], _EIGHT, {}, "it is a Block, and must be a Level", "levels[0]=Level(block=Block(channels=64))"),
        ([Level(block=_EIGHT), None], _EIGHT, {}, "it is a NoneType", "levels[1]=Level(block=Block(channels=64))"),
        ([], Level(block=_EIGHT), {}, "it is a Level, and must be a Block", "bottom=Block(channels=64)"),
        ([], _EIGHT, {"stride": 2}, "it follows from the levels", "leave out stride: each Level has its own stride"),
        (
            [],
            _EIGHT,
            {"base_channels": 2},
            "it follows from the levels",
            "leave out base_channels: each Block has its own channels",
        ),
        ([], _EIGHT, {"padding": "sme"}, "padding='sme' must be one of", "padding='same'"),
        ([], _EIGHT, {"pading": "none"}, "there is no such field", "padding='none'"),
        (
            [],
            _EIGHT,
            {"activaton": "silu"},
            "there is no such field",
            "leave out activaton: each Block has its own activation",
        ),
        (
            [],
            _EIGHT,
            {"zzz": 1},
            "there is no such field",
            "leave out zzz; the fields of the whole network are padding, join, concat, bias, head and axes",
        ),
    ],
)
def test_what_is_no_list_of_levels_is_reported(levels, bottom, whole, says, fix):
    with pytest.raises(UsageError) as error:
        UNetConfig.of_levels(levels, bottom, **whole)
    assert says in error.value.report.failures[0].says
    assert error.value.report.fixes == (fix,)


def test_all_that_is_wrong_with_levels_is_said_at_once():
    with pytest.raises(UsageError) as error:
        UNetConfig.of_levels([None], 8, stride=2)
    assert error.value.report.subject == "levels[0]=None, bottom=8, stride=2"
    with pytest.raises(UsageError) as error:
        Level(block=None, stride="a")
    assert error.value.report.subject == "block=None, stride='a'"
    assert error.value.report.fixes == ("block=Block(channels=64)", "stride=2")


@pytest.mark.parametrize(
    ("call", "says", "fix"),
    [
        (lambda: UNetConfig(level=3), "UNetConfig has no argument level", "levels=3"),
        (lambda: UNetConfig(3), "UNetConfig takes no arguments by position, and got 1", "levels=3"),
        (lambda: UNet2Config(conv_kernl=3), "UNet2Config has no argument conv_kernl", "conv_kernel=3"),
        (lambda: replace(UNetConfig(), nrm="batch"), "UNetConfig has no argument nrm", "norm='batch'"),
        (lambda: Block(chanels=3), "Block has no argument chanels", "channels=3"),
        (lambda: Block(16), "Block takes no arguments by position, and got 1", "channels=16"),
        (lambda: Block(), "Block needs channels", "channels=64"),
        (lambda: Level(blok=_EIGHT), "Level has no argument blok", "block=Block(channels=8)"),
        (lambda: Level(), "Level needs block", "block=Block(channels=64)"),
        (lambda: UNetConfig.of_levels([]), "UNetConfig.of_levels needs bottom", "bottom=Block(channels=64)"),
        (
            lambda: UNetConfig.of_levels([], _EIGHT, levels=1),
            "UNetConfig.of_levels got levels by position and by name",
            "leave out levels=1",
        ),
    ],
)
def test_a_misspelled_or_missing_argument_of_a_config_is_reported_with_the_nearest_name(call, says, fix):
    with pytest.raises(UsageError) as error:
        call()
    assert isinstance(error.value, TypeError)
    assert error.value.report.failures[0].says == says
    assert error.value.report.fixes == (fix,)


def test_equal_numbers_for_all_axes_are_one_number():
    assert Level(block=_EIGHT, stride=(2, 2), upsampling_kernel=[4, 4]) == Level(block=_EIGHT, upsampling_kernel=4)
    assert Block(channels=8, conv_kernel=(3, 3, 3)) == _EIGHT
    assert UNetConfig(stride=((2, 2),), conv_kernel=((3, 3), 3, 3, 3, (1, 3))) == UNetConfig(
        conv_kernel=(3, 3, 3, 3, (1, 3))
    )
    assert not check_unet_config(UNetConfig(stride=((2, 2, 2),))).ok  # the network has two axes


@pytest.mark.parametrize(
    ("make", "fix"),
    [
        (lambda: Block(channels=8, conv_kernel=()), "conv_kernel=3"),
        (lambda: Level(block=_EIGHT, stride=[]), "stride=2"),
        (lambda: UNetConfig(stride=(2, ())), "stride[1]=2"),
    ],
)
def test_a_tuple_without_numbers_is_no_value_at_a_level(make, fix):
    with pytest.raises(UsageError, match="must be a number, or have one for each axis") as error:
        make()
    assert error.value.report.fixes == (fix,)


def test_no_levels_are_a_config_that_can_not_be_built():
    cfg = UNetConfig.of_levels([], Block(channels=0))
    assert {verdict.name for verdict in check_unet_config(cfg).failures} == {"levels_pos", "baseC_pos"}


def test_the_shortest_form_of_a_value_is_kept():
    assert UNetConfig(stride=[2]) == UNetConfig(stride=(2,)) == UNetConfig()
    cfg = UNetConfig(levels=2, stride=[[1, 2], 2], skip=["add", "none"])
    assert repr(cfg) == "UNetConfig(levels=2, stride=((1, 2), 2), skip=('add', 'none'))"
    assert eval(repr(cfg)) == cfg
    assert graph_of(UNetConfig(stride=((1, 2),))).nodes == graph_of(UNetConfig(stride=((1, 2),) * 4)).nodes


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"stride": (2, -1)}, r"stride\[1\]=-1 is negative"),
        ({"conv_kernel": (3, (1, 2.5))}, r"conv_kernel\[1\]\[1\]=2.5 is a float"),
        ({"convs_per_block": (1, (2, 2))}, r"convs_per_block\[1\]=\(2, 2\) is a tuple"),
        ({"decoder_convs": "2"}, "decoder_convs='2' is a str"),
        ({"skip": ("add", "sum")}, r"skip\[1\]=.* must be one of 'concat', 'add', 'none'"),
        ({"residual": (True, 1)}, r"residual\[1\]=.* must be one of False, True"),
        ({"join": ("pad", "crop")}, "is a tuple, and join has one value for all levels"),
        ({"norm": ("batch", "grup")}, r"norm\[1\]=.* must be one of 'none', 'batch', 'group', 'instance'"),
        ({"activation": ("relu", ("relu",))}, r"activation\[1\]=.* must be one of 'relu', 'leaky_relu'"),
        ({"order": (None, "norm first")}, r"order\[0\]=None must be one of 'norm first', 'activation first'"),
        ({"groups": (8, (4, 4))}, r"groups\[1\]=\(4, 4\) is a tuple"),
        ({"axes": 2.0}, "axes=2.0 is a float"),
    ],
    ids=str,
)
def test_a_value_at_a_level_that_is_none_is_named_with_its_level(wrong, says):
    with pytest.raises(UsageError, match=says):
        UNetConfig(**wrong)


def test_the_activation_and_its_norm_come_in_either_order():
    def operations(cfg):
        return [type(node.operation).__name__ for node in graph_of(cfg).nodes if node.name.startswith("encoder[0]")]

    cfg = UNetConfig(levels=1, convs_per_block=1, norm="batch", activation="prelu")
    assert operations(cfg) == ["Conv", "Norm", "Activation"]
    assert operations(replace(cfg, order="activation first")) == ["Conv", "Activation", "Norm"]
    residual = replace(cfg, residual=True, order="activation first")
    assert operations(residual) == ["Conv", "Conv", "Add", "Activation", "Norm"]
    assert parameter_shapes(residual)["encoder[0].acts[0]"] == {"slope": (1,)}
    assert parameter_shapes(residual)["encoder[0].convs[0].norm.norm"] == {"scale": (64,), "bias": (64,)}


def test_norms_activations_and_their_order_are_those_of_their_level():
    cfg = UNetConfig(
        levels=2,
        base_channels=4,
        convs_per_block=1,
        norm=("none", "group", "batch"),
        groups=(3, 2, 5),
        activation=("silu", "prelu", "relu"),
        order=("activation first", "activation first", "norm first"),
    )
    operations = {node.name: node.operation for node in graph_of(cfg).nodes}

    def after(block):
        return [operation for name, operation in operations.items() if name.startswith(block)][1:]

    assert after("encoder[0]") == after("decoder[0]") == [Activation("silu")]
    assert after("encoder[1]") == after("decoder[1]") == [Activation("prelu"), Norm("group", groups=2)]
    assert after("bottom") == [Norm("batch"), Activation("relu")]
    shapes = parameter_shapes(cfg)
    assert shapes["encoder[0].convs[0]"]["kernel"] == (4, 1, 3, 3)
    assert shapes["decoder[1].convs[0].norm.norm"] == {"scale": (8,), "bias": (8,)}
    assert shapes["decoder[1].acts[0]"] == {"slope": (1,)}
    assert "bottom.acts[0]" not in shapes


def test_only_the_levels_with_an_instance_norm_need_more_than_one_position():
    cfg = UNetConfig(levels=2, base_channels=2, norm="instance")
    assert (4, 4) not in compatible_shapes(cfg)
    without = replace(cfg, norm=("instance", "instance", "batch"))
    assert (4, 4) in compatible_shapes(without)
    assert compatible_shapes(without).above((1, 1)) == (4, 4)


def test_a_level_says_its_norm_and_how_many_groups_that_has():
    cfg = UNetConfig(levels=1, norm=("batch", "group"), groups=(7, 2), order=("activation first", "norm first"))
    block = cfg.level(0).block
    assert (block.norm, block.norm_groups, block.norm_first, block.norm_last) == ("batch", 1, False, True)
    assert (cfg.bottom.norm, cfg.bottom.groups, cfg.bottom.norm_first, cfg.bottom.norm_last) == (
        "group",
        2,
        True,
        False,
    )
    assert not replace(cfg, norm="none").bottom.norm_first


def test_pools_and_strides_are_those_of_their_level():
    nodes = {
        node.name: node.operation
        for node in graph_of(UNetConfig(levels=3, downsampling=("max", "average", "stride"))).nodes
    }
    assert nodes["pooled[0]"] == MaxPool(2)
    assert nodes["pooled[1]"].called == "average pool"
    assert "pooled[2]" not in nodes
    assert nodes["bottom.convs[0]"].stride == 2


# Drawn configs.


@examples(60)
@given(unet_configs(by_level=True), st.data())
def test_a_drawn_config_is_well_formed_and_takes_infinitely_many_sizes_of_each_axis(cfg, data):
    assert check_unet_config(cfg, 1, cfg.channels[0]).ok
    shapes = compatible_shapes(cfg)
    assert len(shapes.axes) == cfg.axes
    assert not any(fit.is_finite for fit in shapes.axes)
    assert eval(repr(cfg)) == cfg
    sizes = data.draw(image_sizes(cfg))
    *_, last = stages(cfg, (3, *sizes), out_channels=cfg.channels[0])
    assert last.shape == (cfg.channels[0], *explain(cfg, sizes).output)


def test_the_drawn_configs_reach_every_choice_at_some_level_alone():
    found = set()

    @examples(200)
    @given(unet_configs(by_level=True))
    def look(cfg):
        for field in BY_LEVEL:
            value = getattr(cfg, field)
            kinds = (type(value) is tuple, any(isinstance(v, tuple) for v in value) if type(value) is tuple else False)
            found.add((field, *kinds))
            found.update((field, v) for v in (value if isinstance(value, tuple) else (value,)) if field in CHOICES)
        found.add(cfg.axes)

    look()
    assert {1, 2, 3} <= found
    for field in BY_LEVEL:
        assert (field, True, False) in found or field == "upsampling_kernel"
        assert (field, True, True) in found or field not in PER_AXIS
        assert all((field, choice) in found for choice in CHOICES.get(field, ()))


naturals = st.integers(0, 6) | st.sampled_from((64, 65, 10**30))


def _of_levels(value):
    return value | st.lists(value, max_size=6).map(tuple)


any_configs = st.builds(
    UNetConfig,
    levels=st.integers(0, 5) | naturals,
    axes=st.integers(1, 3) | naturals,
    base_channels=naturals,
    multipliers=st.none() | st.lists(naturals, max_size=6).map(tuple),
    **{
        field: _of_levels(naturals | st.lists(naturals, min_size=1, max_size=4).map(tuple))
        if field in PER_AXIS
        else _of_levels(naturals)
        for field in BY_LEVEL
        if field not in CHOICES and field != "upsampling_kernel"
    },
    upsampling_kernel=st.none() | _of_levels(naturals),
    **{
        field: _of_levels(st.sampled_from(choices)) if field in BY_LEVEL else st.sampled_from(choices)
        for field, choices in CHOICES.items()
    },
)


@examples(60)
@given(any_configs, st.integers(0, 3), st.integers(0, 3))
def test_whatever_is_wrong_the_fix_makes_a_network(cfg, ins, outs):
    report = check_unet_config(cfg, ins, outs)
    if report.ok:
        assert report.fixes == ()
    else:
        changes = eval(f"dict({report.fixes[0]})")
        ins, outs = changes.pop("in_channels", ins), changes.pop("out_channels", outs)
        cfg = replace(cfg, **changes)
    assert check_unet_config(cfg, ins, outs).ok
    assert graph_of(cfg, ins, outs).channels


@pytest.mark.parametrize(
    ("wrong", "says", "fix"),
    [
        ({"stride": (2, 2)}, "stride=(2, 2) has 2 entries, and 4 levels need 4", {"stride": 2}),
        (
            {"conv_kernel": (3, 3, 3, 5), "levels": 4},
            "conv_kernel=(3, 3, 3, 5) has 4 entries, and 4 levels need 5",
            {"conv_kernel": (3, 3, 3, 5, 5)},
        ),
        (
            {"stride": ((1, 2, 2),)},
            "stride=((1, 2, 2),) has numbers for 3 axes, and the network has 2",
            {"axes": 3},
        ),
        ({"conv_kernel": (3, (3, 4), 3), "levels": 2}, "must be odd", {"conv_kernel": (3, (3, 5), 3)}),
        (
            {"levels": 2, "upsampling_kernel": (2, 3), "stride": (2, 4)},
            "must be at least the stride; at level 1 it is 3, the stride 4",
            {"upsampling_kernel": (2, 4)},
        ),
        (
            {"levels": 1, "upsampling_kernel": 2, "stride": 1},
            "must be at least the stride, and odd for a stride of 1; at level 0 it is 2, the stride 1",
            {"upsampling_kernel": 1},
        ),
        (
            {"levels": 1, "norm": ("batch", "batch", "group")},
            "norm=('batch', 'batch', 'group') has 3 entries, and 1 levels need 2",
            {"norm": "batch"},
        ),
        (
            {"levels": 2, "base_channels": 6, "norm": ("none", "group", "group")},
            "groups=8 must divide the channels of every level with a group norm, 12, 24",
            {"groups": 6},
        ),
        (
            {"levels": 2, "base_channels": 6, "norm": "group", "groups": (3, 8, 24)},
            "groups=(3, 8, 24) must divide the channels of each level; at level 1 it is 8, the channels 12",
            {"groups": (3, 6, 24)},
        ),
        (
            {"levels": 2, "norm": ("batch", "group", "group"), "groups": (3, 32, 0)},
            "groups=(3, 32, 0) must divide the channels of each level; at the bottom it is 0, the channels 256",
            {"groups": (3, 32, 1)},
        ),
        (
            {"levels": 2, "upsampling": ("nearest alone", "nearest"), "skip": "add"},
            "skip='add' adds 64 channels and 128 at level 0",
            {"skip": ("concat", "add")},
        ),
        (
            {"levels": 3, "multipliers": (0, 3, 0, 0)},
            "multipliers=(0, 3, 0, 0) must be at least 1",
            {"multipliers": (1, 3, 6, 12)},
        ),
        ({"levels": 2, "multipliers": (1, 0, 4)}, "must be at least 1", {"multipliers": None}),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_level_is_said_with_its_numbers_and_a_near_fix(wrong, says, fix):
    report = check_unet_config(UNetConfig(**wrong))
    assert says in report.failures[0].says
    assert len(report.failures) == 1
    assert eval(f"dict({report.fixes[0]})") == fix
    with pytest.raises(ConfigError):
        graph_of(UNetConfig(**wrong))


def test_arrays_that_are_too_large_are_fixed_by_fewer_levels_of_their_own_kind():
    cfg = UNetConfig(levels=20, stride=(2, 3) * 10, conv_kernel=(5, 3) * 10 + (1,))
    (fix,) = check_unet_config(cfg).fixes
    fixed = replace(cfg, **eval(f"dict({fix})"))
    assert check_unet_config(fixed).ok
    assert fixed.stride == cfg.stride[: fixed.levels]
    assert fixed.conv_kernel == cfg.conv_kernel[: fixed.levels + 1]


@pytest.mark.parametrize("norm", ["group", ("batch", "group", "group"), ("group", "none", "none")], ids=str)
def test_channels_that_are_too_many_are_fixed_to_multiples_of_the_groups_of_every_level(norm):
    cfg = UNetConfig(levels=2, multipliers=(1, 2, 3), base_channels=3 * 2**20, norm=norm, groups=(4, 24, 18))
    (fix,) = check_unet_config(cfg).fixes
    assert fix.startswith("base_channels=")
    fixed = replace(cfg, **eval(f"dict({fix})"))
    assert check_unet_config(fixed).ok
    step = {"group": 12, "batch": 12, "none": 4}[norm if norm == "group" else norm[2] if norm[2] == "none" else norm[0]]
    assert not check_unet_config(replace(cfg, base_channels=fixed.base_channels + step)).ok


def test_a_field_of_blocks_has_an_entry_for_the_bottom():
    for field in BY_LEVEL:
        assert entries(field, 3) == 3 + (field in BLOCKS)


# Configs that are written level by level.

_CHANGE = re.compile(r", (?=(?:levels|bottom|in_channels|out_channels|axes|" + "|".join(WHOLE) + r")\b[^ ,(]*=)")


def as_fixed(levels, bottom, whole, fix):
    """The config that is written with a fix, as it says: each change is an assignment to what was written."""
    places = {"levels": list(levels), "bottom": bottom, "Level": Level, "Block": Block}
    names = whole | {"in_channels": 1, "out_channels": 1}
    for change in _CHANGE.split(fix):
        exec(change, places, names)
    levels, bottom = (names.pop(of, places[of]) for of in ("levels", "bottom"))
    ins, outs = names.pop("in_channels"), names.pop("out_channels")
    return UNetConfig.of_levels(levels, bottom, **names), ins, outs


_numbers = st.integers(0, 4)
_wrong_blocks = st.builds(
    Block,
    channels=st.sampled_from((0, 6, 8, 10**6)),
    convs_per_block=st.sampled_from((0, 1, 65)),
    conv_kernel=_numbers | st.tuples(_numbers, _numbers),
    groups=_numbers,
    **{field: st.sampled_from(CHOICES[field]) for field in BLOCKS if field in CHOICES},
)
_wrong_levels = st.builds(
    Level,
    block=_wrong_blocks,
    decoder_convs=st.none() | _numbers,
    stride=_numbers | st.tuples(_numbers, _numbers, _numbers),
    upsampling_kernel=st.none() | _numbers,
    **{field: st.sampled_from(CHOICES[field]) for field in STEPS if field in CHOICES},
)


@examples(100)
@given(
    st.lists(_wrong_levels, max_size=3),
    _wrong_blocks,
    st.fixed_dictionaries(
        {}, optional={"axes": _numbers, **{name: st.sampled_from(CHOICES[name]) for name in WHOLE[1:]}}
    ),
)
def test_a_fix_of_levels_works_as_it_is_written_and_names_no_field_that_they_do_not_have(levels, bottom, whole):
    report = check_unet_config(UNetConfig.of_levels(levels, bottom, **whole), 1, 1)
    if not report.ok:
        assert check_unet_config(*as_fixed(levels, bottom, whole, report.fixes[0])).ok
    of_flat = "|".join(("base_channels", "multipliers", *BLOCKS, *STEPS))
    for failure in report.failures:
        assert not re.search(rf"(?<![.\w])(?:{of_flat})=", failure.says.replace("its upsampling=", ""))


@pytest.mark.parametrize(
    ("levels", "bottom", "says", "fix"),
    [
        (
            [Level(block=Block(channels=0)), Level(block=Block(channels=16))],
            Block(channels=32),
            "levels[0].block.channels=0 must be at least 1",
            "levels[0]=Level(block=Block(channels=16))",
        ),
        (
            [Level(block=_EIGHT), Level(block=Block(channels=12, norm="group"))],
            Block(channels=16, norm="group"),
            "levels[1].block.groups=8 must divide the channels of each level; at level 1 it is 8, the channels 12",
            "levels[1]=Level(block=Block(channels=12, norm='group', groups=6))",
        ),
        (
            [Level(block=_EIGHT, stride=0), Level(block=_EIGHT, stride=0), Level(block=_EIGHT)],
            _EIGHT,
            "levels[0].stride=0 (and 1 more) must be at least 1",
            "levels[0]=levels[1]=Level(block=Block(channels=8))",
        ),
        (
            [Level(block=_EIGHT)],
            Block(channels=8, conv_kernel=(3, 4)),
            "bottom.conv_kernel=(3, 4) must be odd, so that the kernel has a centre",
            "bottom=Block(channels=8, conv_kernel=(3, 5))",
        ),
        (
            [Level(block=_EIGHT, upsampling="nearest alone", skip="add")],
            Block(channels=16),
            "levels[0].skip='add' adds 8 channels and 16 at level 0, because its upsampling='nearest alone' has no ",
            "levels[0]=Level(block=Block(channels=8), upsampling='nearest alone')",
        ),
        (
            [Level(block=_EIGHT, stride=(1, 2, 2))],
            _EIGHT,
            "levels[0].stride=(1, 2, 2) has numbers for 3 axes, and the network has 2",
            "axes=3",
        ),
        (
            [Level(block=Block(channels=2**i)) for i in range(20)],
            Block(channels=2**20),
            "bottom.convs[1].kernel of shape 1048576×1048576×3×3 has 9895604649984 elements",
            "levels=levels[:13], bottom=Block(channels=8192)",
        ),
        (
            [],
            Block(channels=0),
            "len(levels)=0 must be at least 1",
            "levels=[Level(block=Block(channels=64)), Level(block=Block(channels=128)), Level(block=Block(channels=256)"
            "), Level(block=Block(channels=512))], bottom=Block(channels=1024)",
        ),
    ],
    ids=str,
)
def test_an_error_of_levels_is_said_in_the_words_of_the_call(levels, bottom, says, fix):
    report = check_unet_config(UNetConfig.of_levels(levels, bottom, bias=False))
    assert report.subject == "UNetConfig.of_levels(levels, bottom, bias=False)"
    assert says in report.failures[0].says
    assert report.fixes == (fix,)


def test_a_config_of_levels_is_equal_to_the_same_config_written_flat():
    cfg = UNetConfig.of_levels([Level(block=_EIGHT)], Block(channels=16))
    flat = UNetConfig(levels=1, base_channels=8)
    assert (cfg, hash(cfg), repr(cfg)) == (flat, hash(flat), repr(flat))
    assert pickle.loads(pickle.dumps(cfg)) == cfg
    assert cfg.is_of_levels
    assert not replace(cfg, levels=2).is_of_levels
