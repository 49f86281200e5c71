"""How large an array may be: what can be built, and what is proposed where it can't."""

from dataclasses import replace

import jax
import pytest
from configs import configs
from effort import examples
from flax import nnx
from hypothesis import example, given
from hypothesis import strategies as st

from wellshaped.cli import main
from wellshaped.models import BatchNorm2d, Conv2d, GroupNorm, InstanceNorm2d, UNet, UNet2
from wellshaped.models.channels_last.conv import ChannelsLastConv2d
from wellshaped.models.channels_last.resnet import BasicBlock
from wellshaped.models.channels_last.tiny_unet import ConvBNReLU
from wellshaped.proofs_of_shape.strategies import unet_configs
from wellshaped.spec import (
    ConfigError,
    UNet2Config,
    UNetConfig,
    WellshapedError,
    check,
    check_config,
    check_unet_config,
    compatible_sizes,
    plan,
)
from wellshaped.spec.arithmetic.naturals import LARGEST

TOO_LARGE = {  # config, channels in and out, a size that fits, the array that is too large
    "channels": (UNet2Config(base_channels=2**14), 1, 1, 304, "down2_2.kernel of shape 32768×32768×3×3"),
    "kernel": (UNet2Config(conv_kernel=50_001, conv_padding=25_000), 1, 1, 304, "down2_2.kernel"),
    "head kernel": (UNet2Config(head_kernel=50_001, head_padding=25_000), 1, 1, 304, "out1x1.kernel"),
    "upsampling": (UNet2Config(pool_kernel=50_000, up_kernel=50_000), 1, 1, 50_000, "upT.kernel"),
    "outputs": (UNet2Config(), 1, 2**31, 304, "out1x1.kernel of shape 2147483648×64×1×1"),
    "inputs": (UNet2Config(), 2**31, 1, 304, "down1_1.kernel"),
    "family": (UNetConfig(base_channels=2**14), 1, 1, 64, "bottom.convs[1].kernel"),
    "family's upsampling": (
        UNetConfig(levels=1, base_channels=1, multipliers=(2**15, 2**15), conv_kernel=1, convs_per_block=1),
        1,
        1,
        64,
        "up[0].kernel of shape 32768×32768×2×2",
    ),
    "family's outputs": (UNetConfig(), 1, 2**31, 64, "head.kernel of shape 2147483648×64×1×1"),
}


def build(cfg, ins, outs):
    """The network without its numbers."""
    make = UNet if isinstance(cfg, UNetConfig) else UNet2
    return nnx.eval_shape(lambda: make(cfg, ins, outs, rngs=nnx.Rngs(0)))


def judge(cfg, ins, outs):
    return (check_unet_config if isinstance(cfg, UNetConfig) else check_config)(cfg, ins, outs)


def applied(fix, cfg, ins, outs):
    """The config and the channels that a fix names."""
    changes = eval(f"dict({fix})")
    given = changes.pop("in_channels", ins), changes.pop("out_channels", outs)
    return replace(cfg, **changes), *given


@pytest.mark.parametrize(("cfg", "ins", "outs", "n", "array"), TOO_LARGE.values(), ids=TOO_LARGE)
def test_what_is_too_large_to_build_is_rejected_everywhere_by_its_array_and_the_fix_is_the_largest_that_fits(
    cfg, ins, outs, n, array
):
    (failure,) = check(cfg, (ins, n, n), out_channels=outs).failures
    assert failure.name == "elements"
    assert array in failure.says
    assert f"at most {LARGEST}" in failure.says
    for reject in (lambda: build(cfg, ins, outs), lambda: judge(cfg, ins, outs).raise_if_failed()):
        with pytest.raises(ConfigError, match="elements: an array is too large"):
            reject()
    (fix,) = judge(cfg, ins, outs).fixes
    fixed, channels, made = applied(fix, cfg, ins, outs)
    assert check(fixed, (channels, n, n), out_channels=made).ok
    build(fixed, channels, made)


def test_the_largest_number_of_channels_is_proposed_and_one_more_is_too_many():
    assert check_config(UNet2Config(base_channels=2**14)).fixes == ("base_channels=7723",)
    assert check_config(UNet2Config(base_channels=7723)).ok
    assert not check_config(UNet2Config(base_channels=7724)).ok
    assert check_config(UNet2Config(), 1, 2**31).fixes == (f"out_channels={LARGEST // 64}",)
    assert not check_config(UNet2Config(), 1, LARGEST // 64 + 1).ok


def test_a_stride_that_xla_cannot_hold_is_rejected_before_it_is_built():
    cfg = UNet2Config(pool_kernel=1, pool_stride=2**31, up_kernel=1, up_stride=2**31)
    assert 1 in compatible_sizes(cfg)
    report = check(cfg, (1, 1, 1))
    assert [failure.name for failure in report.failures] == ["largest"]
    fixed, channels, made = applied(report.fixes[0], cfg, 1, 1)
    assert check(fixed, (channels, 2, 2), out_channels=made).ok


def test_a_plan_and_the_command_reject_what_cannot_be_built(capsys):
    for cfg in (UNet2Config(base_channels=2**14), UNetConfig(base_channels=2**14)):
        with pytest.raises(ConfigError, match="elements"):
            plan(cfg, (64, 64))
    for command in ("check", "sizes"):
        assert main([command, "--base-channels", str(2**14)]) == 1
        assert "fix: --base-channels 7723" in capsys.readouterr().err


near_the_bound = st.integers(1, 2**16) | st.integers(2**30, 2**32)


@examples(30)
@given(
    st.one_of(
        st.builds(
            lambda cfg, kernel, head, base: replace(
                cfg,
                conv_kernel=2 * kernel + 1,
                conv_padding=kernel,
                head_kernel=2 * head + 1,
                head_padding=head,
                base_channels=base,
            ),
            configs,
            st.sampled_from([0, 1, 100, 20_000]),
            st.sampled_from([0, 0, 1, 20_000]),
            st.sampled_from([1, 64, 7723, 7724, 2**14]),
        ),
        st.builds(
            lambda cfg, base: replace(cfg, base_channels=base * cfg.base_channels),
            unet_configs(max_levels=2),
            st.sampled_from([1, 1000, 5000, 10**4]),
        ),
    ),
    st.sampled_from([1, 3]) | near_the_bound,
    st.sampled_from([1, 3]) | near_the_bound,
)
@example(UNet2Config(base_channels=7723), 1, 1)
@example(UNet2Config(base_channels=7724), 1, 1)
def test_a_config_is_accepted_iff_its_network_can_be_built_and_its_fix_makes_it_so(cfg, ins, outs):
    if isinstance(cfg, UNetConfig) and not cfg.head:
        outs = cfg.channels[0]
    report = judge(cfg, ins, outs)
    try:
        build(cfg, ins, outs)
        built = True
    except WellshapedError:
        built = False
    assert built == report.ok
    if not report.ok:
        assert judge(*applied(report.fixes[0], cfg, ins, outs)).ok
    elif n := compatible_sizes(cfg).above(64):
        # Arrays are shapes alone here: a call is traced, and nothing is computed.
        assert check(cfg, (ins, n, n), out_channels=outs).ok


LAYERS = {
    "Conv2d": lambda in_channels, out_channels, kernel, stride: Conv2d(
        in_channels, out_channels, kernel, stride=stride, rngs=nnx.Rngs(0)
    ),
    "ChannelsLastConv2d": lambda **numbers: ChannelsLastConv2d(**numbers, rngs=nnx.Rngs(0)),
    "ConvBNReLU": lambda **numbers: ConvBNReLU(**numbers, rngs=nnx.Rngs(0)),
    "BasicBlock": lambda **numbers: BasicBlock(**numbers, rngs=nnx.Rngs(0)),
    "BatchNorm2d": lambda channels: BatchNorm2d(channels, rngs=nnx.Rngs(0)),
    "InstanceNorm2d": lambda channels: InstanceNorm2d(channels, rngs=nnx.Rngs(0)),
    "GroupNorm": lambda channels: GroupNorm(channels, groups=1, rngs=nnx.Rngs(0)),
}
NUMBERS = {
    "Conv2d": {"in_channels": 2**16, "out_channels": 2**16, "kernel": 3, "stride": 0},
    "ChannelsLastConv2d": {"in_features": 2**16, "features": 0, "kernel_h": 2**10, "kernel_w": 2**10, "stride": 1},
    "ConvBNReLU": {"in_features": 2**16, "out_features": 2**16},
    "BasicBlock": {"features": 2**16},
    "BatchNorm2d": {"channels": 2**31},
    "InstanceNorm2d": {"channels": 2**31},
    "GroupNorm": {"channels": 2**31},
}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_that_is_too_large_is_rejected_with_numbers_that_build_it(layer):
    with pytest.raises(ConfigError) as error:
        LAYERS[layer](**NUMBERS[layer])
    (fix,) = error.value.report.fixes
    made = jax.eval_shape(lambda: nnx.state(LAYERS[layer](**NUMBERS[layer] | eval(f"dict({fix})")), nnx.Param))
    assert jax.tree.leaves(made)
