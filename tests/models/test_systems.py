"""The four channels-last systems: the numbers of plain Flax implementations, in both modes, and what they reject."""

import jax
import jax.numpy as jnp
import numpy as np
import plain_systems as plain
import pytest
from effort import sparse
from flax import nnx

from wellshaped.models.channels_last import conv, resnet, tiny_unet, tiny_unet_linen
from wellshaped.models.channels_last.shared import joined, max_pool_2x2
from wellshaped.spec import PRESETS, ConfigError, ShapeError, UsageError, WellshapedError, compatible_sizes


def image(height, width, channels, seed=0):
    return jax.random.normal(jax.random.key(seed), (height, width, channels))


SEEDS_AND_SHAPES = [(0, (12, 20, 3)), (7, (4, 4, 1)), (12345, (8, 4, 2)), (-1, (16, 12, 4))]


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("seed", "shape"), sparse(SEEDS_AND_SHAPES, lambda case: case[0] == 12345))
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (tiny_unet.unet_forward, plain.plain_unet_forward),
        (tiny_unet_linen.unet_forward, plain.plain_unet_linen_forward),
    ],
)
def test_the_tiny_unets_are_the_plain_ones_to_the_last_bit(ours, theirs, seed, shape):
    x = image(*shape)
    y = ours(seed, x, 3)
    assert y.shape == (shape[0] * shape[1] * 3,)
    assert (y == theirs(seed, x, 3)).all()


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("seed", "shape"), sparse([*SEEDS_AND_SHAPES, (3, (5, 7, 2)), (4, (1, 1, 1))], 2))
def test_the_basic_block_is_the_plain_one_to_the_last_bit(seed, shape):
    x = image(*shape)
    y = resnet.resnet_basic_forward(seed, x, shape[2])
    assert y.shape == (x.size,)
    assert (y == plain.plain_resnet_basic_forward(seed, x, shape[2])).all()


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("seed", "shape", "numbers"),
    [
        (0, (12, 20, 3), (5, 3, 3, 1)),
        (7, (5, 7, 2), (2, 3, 5, 2)),
        (12345, (8, 4, 2), (4, 2, 1, 3)),
        (-1, (1, 1, 1), (3, 4, 2, 5)),
        (2, (9, 6, 4), (1, 1, 1, 4)),
        (3, (6, 9, 1), (3, 4, 2, 2)),
    ],
)
def test_the_convolution_is_the_plain_one_to_the_last_bit(seed, shape, numbers):
    x = image(*shape)
    features, *_, stride = numbers
    y = conv.conv2d_forward(seed, x, *numbers)
    assert y.shape == (-(-shape[0] // stride) * -(-shape[1] // stride) * features,)
    assert (y == plain.plain_conv2d_forward(seed, x, *numbers)).all()


@pytest.mark.slow
def test_another_order_of_the_draws_would_be_seen():
    x = image(8, 8, 3)
    net = tiny_unet.TinyUNet(3, 2, rngs=nnx.Rngs(0))
    net.up1, other = nnx.ConvTranspose(4, 2, (2, 2), strides=(2, 2), padding="VALID", rngs=nnx.Rngs(0)), net.up1
    assert not (net.up1.kernel == other.kernel).all()
    assert not (net(x).reshape(-1) == plain.plain_unet_forward(0, x, 2)).all()


WHOLE = [2.0, np.float32(2), np.int64(2), np.array(2.0), jnp.float32(2)]


@pytest.mark.parametrize("two", sparse(WHOLE, lambda two: isinstance(two, np.int64)), ids=repr)
def test_integral_floats_are_integers(two):
    x = image(4, 4, 2)
    assert (tiny_unet.unet_forward(two, x, two) == tiny_unet.unet_forward(2, x, 2)).all()
    assert (tiny_unet_linen.unet_forward(two, x, two) == tiny_unet_linen.unet_forward(2, x, 2)).all()
    assert (resnet.resnet_basic_forward(two, x, two) == resnet.resnet_basic_forward(2, x, 2)).all()
    assert (conv.conv2d_forward(two, x, two, two, two, two) == conv.conv2d_forward(2, x, 2, 2, 2, 2)).all()


FORWARD = {
    "tiny_unet": lambda seed, x, features: tiny_unet.unet_forward(seed, x, features),
    "tiny_unet_linen": lambda seed, x, features: tiny_unet_linen.unet_forward(seed, x, features),
    "resnet": lambda seed, x, features: resnet.resnet_basic_forward(seed, x, features),
    "conv": lambda seed, x, features: conv.conv2d_forward(seed, x, features, 3, 3, 1),
}


@pytest.mark.parametrize("forward", FORWARD.values(), ids=FORWARD)
@pytest.mark.parametrize("wrong", [2.5, float("nan"), float("inf"), "2", None, True, -1, [2]], ids=repr)
def test_features_that_are_no_natural_number_are_rejected(forward, wrong):
    with pytest.raises(UsageError, match=r"natural: not a natural number: (base_)?features="):
        forward(0, image(4, 4, 2), wrong)


@pytest.mark.parametrize("forward", FORWARD.values(), ids=FORWARD)
@pytest.mark.parametrize("wrong", [0.5, "0", None, True, float("inf"), [1, 2]], ids=repr)
def test_a_seed_that_is_no_integer_is_rejected(forward, wrong):
    with pytest.raises(UsageError, match=r"seed: it must be a signed 64-bit integer"):
        forward(wrong, image(4, 4, 2), 2)


@pytest.mark.parametrize("forward", FORWARD.values(), ids=FORWARD)
def test_what_is_not_an_image_is_rejected(forward):
    with pytest.raises(ShapeError, match=r"it has 2 axes, and must have 3, \(H, W, C\); a missing axis"):
        forward(0, image(4, 4, 2)[..., 0], 2)
    with pytest.raises(ShapeError, match=r"it has 4 axes, and must have 3, \(H, W, C\); a batch axis"):
        forward(0, image(4, 4, 2)[None], 2)
    with pytest.raises(ShapeError, match="it holds uint8, and must hold floating-point numbers"):
        forward(0, np.ones((4, 4, 2), np.uint8), 2)
    with pytest.raises(UsageError, match="it is a list with 1 entry, and must be a JAX or NumPy array"):
        forward(0, [[[1.0]]], 2)


@pytest.mark.parametrize("forward", FORWARD.values(), ids=FORWARD)
def test_no_features_are_rejected(forward):
    with pytest.raises(WellshapedError, match="features=0 must be at least 1"):
        forward(0, image(4, 4, 2), 0)


@pytest.mark.parametrize("forward", [tiny_unet.unet_forward, tiny_unet_linen.unet_forward], ids=["nnx", "linen"])
@pytest.mark.parametrize("shape", sparse([((10, 12),), ((12, 10),), ((3, 4),), ((13, 15),)], 4), ids=str)
def test_sizes_that_are_not_multiples_of_four_are_rejected_with_those_that_are(forward, shape):
    with pytest.raises(ShapeError, match=r"that fit: n ≡ 0 \(mod 4\), n ≥ 4") as error:
        forward(0, image(*shape, 2), 2)
    causes = {(cause.node.partition("[")[0], cause.rule) for cause in error.value.report.causes}
    assert causes
    assert causes <= {("joined", "equal"), ("pooled", "positive")}
    fixed = next(fix for fix in error.value.report.fixes if "jnp.pad" in fix).partition(" or ")
    assert forward(0, eval(fixed[2] or fixed[0], {"jnp": jnp, "x": image(*shape, 2)}), 2).size  # the fix can be pasted


def test_the_sizes_of_the_tiny_unet_are_those_that_run():
    fit = compatible_sizes(PRESETS["tiny"])
    net = tiny_unet.TinyUNet(1, 1, rngs=nnx.Rngs(0))
    net.eval()  # in training mode, Flax keeps statistics of what it is given, and jax.eval_shape gives nothing to keep
    for n in range(1, 18):
        try:
            jax.eval_shape(net, jax.ShapeDtypeStruct((n, 8, 1), jnp.float32))
            ran = True
        except WellshapedError:
            ran = False
        assert ran == (n in fit), n


def test_other_channels_are_rejected():
    with pytest.raises(ShapeError, match="channels: axis C of x: it is 2, and must be 3"):
        tiny_unet.TinyUNet(3, 2, rngs=nnx.Rngs(0))(image(4, 4, 2))
    with pytest.raises(ShapeError, match="channels: axis C of x: it is 2, and must be 3"):
        resnet.resnet_basic_forward(0, image(4, 4, 2), 3)
    with pytest.raises(ShapeError, match=r"a \(C, H, W\) image passed as \(H, W, C\) is the likely cause"):
        resnet.resnet_basic_forward(0, jnp.ones((3, 5, 4)), 3)
    with pytest.raises(ShapeError, match="axis C of x: it is 2, and must be 1"):
        conv.ChannelsLastConv2d(1, 1, 3, 3, rngs=nnx.Rngs(0))(image(4, 4, 2))
    with pytest.raises(ShapeError, match="a missing batch axis is the likely cause"):
        tiny_unet_linen.TinyUNet(2).init(jax.random.key(0), image(4, 4, 2))


def test_a_convolution_of_nothing_is_rejected_with_all_that_is_wrong():
    with pytest.raises(ConfigError, match="kernel_h=0 must be at least 1; stride=0 must be at least 1") as error:
        conv.conv2d_forward(0, image(4, 4, 2), 2, 0, 3, 0)
    assert error.value.report.fixes == ("kernel_h=1, stride=1",)


def test_a_kernel_of_another_layout_is_rejected():
    layer = conv.ChannelsLastConv2d(3, 8, 5, 3, rngs=nnx.Rngs(0))
    layer.kernel = nnx.Param(jnp.ones((8, 3, 5, 3)))
    with pytest.raises(ShapeError, match=r"an \(out, in, H, W\) kernel passed as \(H, W, in, out\)"):
        layer(image(4, 4, 3))


def test_pooling_and_joining_say_what_does_not_fit():
    with pytest.raises(ShapeError, match="1×4 becomes 0×2"):
        max_pool_2x2(image(1, 4, 2))
    with pytest.raises(ShapeError, match="it is 2, and must be 4, as in first"):
        joined(image(4, 4, 2), image(2, 4, 2))
    assert joined(image(4, 4, 2)[None], image(4, 4, 3)[None]).shape == (1, 4, 4, 5)
    with pytest.raises(ShapeError, match="it has 2 axes, and must have at least 3"):
        max_pool_2x2(jnp.ones((4, 4)))


def statistics(module):
    return jax.tree.leaves(nnx.state(module, nnx.BatchStat))


NNX_MODULES = {
    "TinyUNet": (lambda **kw: tiny_unet.TinyUNet(3, 2, **kw), lambda **kw: plain.UNet(3, 2, kw["rngs"])),
    "BasicBlock": (lambda **kw: resnet.BasicBlock(3, **kw), lambda **kw: plain.ResNetBasic(3, kw["rngs"])),
    "ConvBNReLU": (lambda **kw: tiny_unet.ConvBNReLU(3, 4, **kw), lambda **kw: plain.ConvBNReLU(3, 4, kw["rngs"])),
}
# In the quick part its parts stand for the network.
but_the_network = sparse(NNX_MODULES.values(), lambda pair: pair is not NNX_MODULES["TinyUNet"])


@pytest.mark.parametrize(("ours", "theirs"), but_the_network, ids=NNX_MODULES)
def test_training_keeps_running_statistics_and_evaluation_takes_them(ours, theirs):
    model, expected = ours(rngs=nnx.Rngs(0)), theirs(rngs=nnx.Rngs(0))
    drawn = statistics(ours(rngs=nnx.Rngs(0)))
    for seed in range(2):
        assert (model(image(8, 12, 3, seed)) == expected(image(8, 12, 3, seed))).all()
    assert all((a == b).all() for a, b in zip(statistics(model), statistics(expected), strict=True))
    assert not all((a == b).all() for a, b in zip(statistics(model), drawn, strict=True))
    model.eval(), expected.eval()
    kept = [jnp.array(a) for a in statistics(model)]
    assert (model(image(8, 12, 3, 5)) == expected(image(8, 12, 3, 5))).all()
    assert all((a == b).all() for a, b in zip(statistics(model), kept, strict=True))
    evaluated = model(image(8, 12, 3, 6))
    model.train()
    assert not (model(image(8, 12, 3, 6)) == evaluated).all()


@pytest.mark.slow
@pytest.mark.parametrize(("ours", "theirs"), NNX_MODULES.values(), ids=NNX_MODULES)
def test_under_jit_grad_and_vmap_they_are_the_plain_ones(ours, theirs):
    model, expected = ours(rngs=nnx.Rngs(0)), theirs(rngs=nnx.Rngs(0))
    x = image(8, 12, 3)

    def loss(m, x):
        return (m(x) ** 2).mean()

    assert np.allclose(nnx.jit(loss)(model, x), loss(expected, x), rtol=1e-5)
    grads = [jax.tree.leaves(nnx.grad(loss)(m, x)) for m in (model, expected)]
    assert all(np.array_equal(a, b) for a, b in zip(*grads, strict=True))
    model.eval(), expected.eval()
    batch = jnp.stack([image(8, 12, 3, seed) for seed in range(3)])
    each = jnp.stack([expected(one) for one in batch])
    assert np.allclose(jax.vmap(model)(batch), each, atol=1e-5)
    assert np.allclose(jax.jit(jax.vmap(model))(batch), each, atol=1e-5)


@pytest.mark.parametrize(("ours", "theirs"), but_the_network, ids=NNX_MODULES)
def test_a_batch_under_an_axis_name_shares_its_statistics(ours, theirs):
    model, expected = ours(rngs=nnx.Rngs(0), axis_name="batch"), theirs(rngs=nnx.Rngs(0))
    batch = jnp.stack([image(8, 12, 3, seed) for seed in range(3)])
    y = nnx.vmap(lambda m, x: m(x), in_axes=(None, 0), axis_name="batch")(model, batch)
    assert np.allclose(y, expected(batch), atol=2e-5)
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(statistics(model), statistics(expected), strict=True))


@pytest.mark.slow
def test_the_linen_network_works_in_both_modes():
    net, batch = tiny_unet_linen.TinyUNet(2), jnp.stack([image(8, 12, 3, seed) for seed in range(2)])
    variables = net.init(jax.random.key(0), batch)
    y, updated = jax.jit(lambda v, x: net.apply(v, x, mutable=["batch_stats"]))(variables, batch)
    before, after = (jax.tree.leaves(v["batch_stats"]) for v in (variables, updated))
    assert not any((a == b).all() for a, b in zip(before, after, strict=True))
    running = {"params": variables["params"], **updated}
    evaluated = net.apply(running, batch, train=False)
    assert y.shape == evaluated.shape == (2, 8, 12, 2)
    assert np.allclose(net.apply(running, batch[:1], train=False), evaluated[:1], atol=1e-5)
    grads = jax.grad(lambda p: (net.apply({"params": p, **updated}, batch, train=False) ** 2).mean())(
        variables["params"]
    )
    assert jax.tree.structure(grads) == jax.tree.structure(variables["params"])
    assert all(np.isfinite(g).all() for g in jax.tree.leaves(grads))


def test_the_convolution_works_under_jit_vmap_and_grad():
    layer = conv.ChannelsLastConv2d(3, 4, 3, 2, 2, rngs=nnx.Rngs(0))
    batch = jnp.stack([image(5, 7, 3, s) for s in range(2)])
    each = jnp.stack([layer(one) for one in batch])
    assert np.allclose(jax.jit(jax.vmap(layer))(batch), each, atol=1e-5)
    grads = nnx.grad(lambda m: m(batch[0]).sum())(layer)
    assert grads.bias[...].tolist() == [12.0] * 4  # one for each of the 3 × 4 pixels
    static = jax.jit(conv.conv2d_forward, static_argnums=(0, 2, 3, 4, 5))
    assert np.allclose(static(0, batch[0], 4, 3, 2, 2), conv.conv2d_forward(0, batch[0], 4, 3, 2, 2), atol=1e-5)


@pytest.mark.parametrize("forward", FORWARD.values(), ids=FORWARD)
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_half_precision_is_taken_as_flax_takes_it(forward, dtype):
    x = image(4, 4, 2)
    y = np.asarray(forward(0, x.astype(dtype), 2), np.float32)
    assert np.allclose(y, forward(0, x, 2), atol=0.2)


@pytest.mark.parametrize("forward", FORWARD.values(), ids=FORWARD)
def test_what_has_no_pixels_or_is_too_large_is_rejected(forward):
    with pytest.raises(ShapeError, match=r"no pixels|height: x is 0, and must be at least 1"):
        forward(0, jnp.ones((0, 4, 2)), 2)
    with pytest.raises(WellshapedError, match=r"\d elements, (and may have )?at most 2147483647|must be 2"):
        forward(0, image(4, 4, 2), 2**40)
    with pytest.raises(UsageError, match="must be a signed 64-bit integer"):
        forward(2**63, image(4, 4, 2), 2)


@pytest.mark.parametrize("forward", FORWARD.values(), ids=FORWARD)
def test_a_number_that_is_traced_is_rejected_with_what_to_do(forward):
    with pytest.raises(UsageError, match="static_argnums"):
        jax.jit(lambda features, x: forward(0, x, features))(2, image(4, 4, 2))


def test_linen_modules_reject_their_own_numbers_and_other_parameters():
    key, batch = jax.random.key(0), image(4, 4, 2)[None]
    with pytest.raises(ConfigError, match=r"ConvBNReLU\(features=0\)"):
        tiny_unet_linen.ConvBNReLU(0).init(key, batch)
    with pytest.raises(UsageError, match=r"base_features=2\.0 is a float"):
        tiny_unet_linen.TinyUNet(2.0).init(key, batch)
    with pytest.raises(ShapeError, match="its shape is"):
        tiny_unet_linen.TinyUNet(2).init(key, batch[:0])
    net = tiny_unet_linen.TinyUNet(2)
    with pytest.raises(ShapeError, match="axis C of x is 3, and must be 2, as in the parameters"):
        net.apply(net.init(key, batch), jnp.ones((1, 4, 4, 3)), mutable=["batch_stats"])
