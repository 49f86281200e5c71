"""A normalisation needs statistics of more than one number: a rule over height and width together."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wellshaped.models import BatchNorm2d, GroupNorm, InstanceNorm2d, UNet
from wellshaped.proofs_of_shape.strategies import image_sizes, unet_configs
from wellshaped.spec import ShapeError, UNetConfig, WellshapedError, check, compatible_shapes, compatible_sizes, plan

DEEP = UNetConfig(levels=3, base_channels=2, norm="instance")
ONE_A_GROUP = replace(DEEP, norm="group", groups=2, multipliers=(1, 2, 3, 1))
MORE_A_GROUP = replace(DEEP, norm="group", groups=2, multipliers=(1, 2, 3, 2))


def model(cfg):
    return UNet(cfg, 1, 1, rngs=nnx.Rngs(0))


def gradients_of_the_bottom(cfg, height, width):
    """The largest gradient of each kernel at the bottom, of a loss that reads every pixel, found by running it."""
    net = model(cfg)
    x = jax.random.normal(jax.random.key(1), (1, height, width))
    with_all = jax.random.normal(jax.random.key(2), (1, height, width))
    grads = nnx.jit(nnx.grad(lambda net: jnp.sum(with_all * net(x))))(net)
    return [float(jnp.abs(conv["conv"]["kernel"][...]).max()) for conv in grads["bottom"]["convs"].values()]


def test_a_dead_bottom_is_a_failure_with_its_nodes_and_a_size_that_is_alive():
    report = check(DEEP, (1, 8, 8))
    assert str(report) == (
        "input (1, 8, 8) of UNetConfig(levels=3, base_channels=2, norm='instance') does not fit.\n"
        "  statistics: bottom.convs[0].norm and bottom.convs[1].norm get a 1×1 image; "
        "an instance norm of one value returns only its bias.\n"
        "  fix: height 16 (pad 8); if the other axes are larger, these heights fit: n ≡ 0 (mod 8), n ≥ 8\n"
        "  fix: jnp.pad(x, ((0, 0), (0, 8), (0, 0)))"
    )
    assert check(DEEP, (1, 16, 8)).ok
    assert check(DEEP, (1, 8, 16)).ok
    with pytest.raises(ShapeError) as error:
        model(DEEP)(jnp.ones((1, 8, 8)))
    assert str(error.value) == str(report)


def test_a_group_norm_is_dead_iff_a_group_has_one_channel_and_one_position():
    assert [failure.name for failure in check(ONE_A_GROUP, (1, 8, 8)).failures] == ["statistics"]
    assert check(ONE_A_GROUP, (1, 8, 16)).ok
    assert check(MORE_A_GROUP, (1, 8, 8)).ok


def test_a_batch_norm_of_one_position_is_a_warning_that_is_printed_and_data():
    report = check(replace(DEEP, norm="batch"), (1, 8, 8))
    assert report.ok
    report.raise_if_failed()
    says = (
        "bottom.convs[0].norm and bottom.convs[1].norm get a 1×1 image; a batch norm of one value returns only its bias"
        " (evaluation and a batch of images are fine)"
    )
    line = f"  warning: statistics: {says}."
    assert str(report).splitlines()[1:] == [line]
    assert report.to_dict()["warnings"] == [{"name": "statistics", "says": says}]
    assert check(replace(DEEP, norm="batch"), (1, 8, 16)).warnings == ()
    assert model(replace(DEEP, norm="batch"))(jnp.ones((1, 8, 8))).shape == (1, 8, 8)


def test_the_shortcut_of_a_residual_block_is_one_of_the_nodes():
    says = check(replace(DEEP, residual=True), (1, 8, 8)).failures[0].says
    assert says.startswith("bottom.convs[0].norm, bottom.convs[1].norm and bottom.shortcut.norm get a 1×1 image; ")


def test_an_unpadded_decoder_of_one_pixel_is_found_where_the_bottom_has_more():
    cfg = UNetConfig(levels=1, convs_per_block=2, padding="none", join="pad", norm="instance", base_channels=2)
    n = next(n for n in compatible_sizes(cfg) if (n, n) not in compatible_shapes(cfg))
    assert check(cfg, (1, n, n)).failures[0].says.startswith(("bottom.", "decoder[0]"))


def test_what_is_called_dead_has_no_gradient_and_what_is_not_has_one():
    # Of one image in training, a batch norm computes what an instance norm does, and may be run.
    cfg = replace(DEEP, levels=1, norm="batch")
    dead = [check(replace(cfg, norm=norm), (1, 2, 2)) for norm in ("batch", "instance")]
    assert [v.name for report in dead for v in (*report.failures, *report.warnings)] == ["statistics"] * 2
    assert max(gradients_of_the_bottom(cfg, 2, 2)) == 0
    assert min(gradients_of_the_bottom(cfg, 2, 4)) > 0


@given(unet_configs(), st.integers(1, 40), st.integers(1, 40))
@example(replace(DEEP, join="pad", residual=True), 9, 13)
@example(ONE_A_GROUP, 7, 7)
def test_the_sizes_that_are_proposed_fit_together(cfg, height, width):
    outs = 2 if cfg.head else cfg.channels[0]
    report = check(cfg, (1, height, width), out_channels=outs)
    pastes = [fix for fix in report.fixes if fix.startswith(("x[", "jnp.pad"))]
    assert report.ok or pastes
    for expression in " ".join(pastes).split(" or ") if pastes else ():
        shape = eval(expression, {"x": np.zeros((1, height, width)), "jnp": np}).shape
        assert check(cfg, shape, out_channels=outs).ok, expression


@given(unet_configs(), st.integers(1, 40), st.integers(1, 40), st.sampled_from(["error", "pad", "crop"]))
@example(DEEP, 8, 8, "error")
@example(DEEP, 8, 8, "pad")
@example(DEEP, 7, 7, "pad")
@example(DEEP, 9, 9, "crop")
def test_a_plan_is_one_that_check_accepts_and_pad_always_has_one(cfg, height, width, policy):
    outs = 2 if cfg.head else cfg.channels[0]
    try:
        found = plan(cfg, (height, width), policy)
    except WellshapedError:
        assert policy != "pad"
        return
    assert check(cfg, (1, *found.fitting), out_channels=outs).ok
    assert policy == "pad" or (found.fitting[0] <= height and found.fitting[1] <= width)


def test_a_plan_that_no_crop_can_fix_says_which_pad_does():
    with pytest.raises(ShapeError, match=r"cropping gives 8×8, which does not fit either: .* get a 1×1 image") as error:
        plan(DEEP, (9, 9), "crop")
    padded = eval(error.value.report.fixes[-1], {"x": np.zeros((1, 9, 9)), "jnp": np})
    assert check(DEEP, padded.shape).ok
    assert plan(DEEP, (8, 8), "pad").fitting == (16, 8)


@given(unet_configs(), st.data())
@settings(max_examples=50)
def test_the_drawn_sizes_fit_together(cfg, data):
    height, width = data.draw(image_sizes(cfg))
    assert check(cfg, (1, height, width), out_channels=2 if cfg.head else cfg.channels[0]).ok


@pytest.mark.parametrize(
    "layer",
    [InstanceNorm2d(4, rngs=nnx.Rngs(0)), GroupNorm(4, groups=4, rngs=nnx.Rngs(0))],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_rejects_an_image_that_is_one_number(layer):
    for call in (layer, jax.jit(layer), lambda x: jax.vmap(layer)(x[None])):
        with pytest.raises(ShapeError, match="statistics"):
            call(jnp.ones((4, 1, 1)))
    assert layer(jnp.ones((4, 1, 2))).shape == (4, 1, 2)


def test_a_layer_takes_one_position_where_that_is_statistics_number_or_of_a_batch():
    assert GroupNorm(4, groups=2, rngs=nnx.Rngs(0))(jnp.ones((4, 1, 1))).shape == (4, 1, 1)
    assert BatchNorm2d(4, rngs=nnx.Rngs(0))(jnp.ones((4, 1, 1))).shape == (4, 1, 1)
