"""``jax.experimental.jet`` of layers and networks: the derivatives that nested forward mode gives, to any order."""

import subprocess
import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import sparse
from flax import nnx
from jax.experimental.jet import jet

from wellshaped.models import (
    Conv2d,
    ConvTranspose2d,
    MaxPool2d,
    UNet,
    UNet2,
    concat_channels,
    conv2d,
    convolutions,
    max_pool2d,
    relu,
)
from wellshaped.spec import UNet2Config, UNetConfig


def made(cls, *args, **kwargs):
    return cls(*args, param_dtype=jnp.float64, rngs=nnx.Rngs(0), **kwargs)


def of_a_kernel(numbers):
    image = jnp.linspace(-1.0, 1.0, 2 * 5 * 7).reshape(2, 5, 7)
    return conv2d(image, numbers.reshape(6, 2, 4, 4), jnp.ones(6), padding=1)


def of_image_and_kernel(x):
    return conv2d(x, x[None, :, :3, :3], x[0, 0, :1], padding=1)


FUNCTIONS = {
    "Conv2d": lambda: made(Conv2d, 2, 3, 3, padding=1),
    "Conv2d of tiles": lambda: made(Conv2d, 2, 3, 2, stride=2),
    "Conv2d by the stock rule": lambda: made(Conv2d, 2, 3, 3, stride=2, padding=1),
    "Conv2d of its kernel": lambda: of_a_kernel,
    "Conv2d of image and kernel": lambda: of_image_and_kernel,
    "ConvTranspose2d": lambda: made(ConvTranspose2d, 2, 3, 2, stride=2),
    "MaxPool2d": lambda: MaxPool2d(2, 2),
    "MaxPool2d of overlapping windows": lambda: MaxPool2d(3, 2),
    "relu": lambda: relu,
    "concat_channels": lambda: lambda x: concat_channels(x, relu(x) ** 2),
    "UNet2": lambda: made(UNet2, UNet2Config(base_channels=3), 2, 2),
    "UNet": lambda: made(
        UNet,
        UNetConfig(levels=1, base_channels=2, convs_per_block=1, norm="group", groups=2, upsampling="bilinear"),
        2,
        2,
    ),
}


def drawn(count, shape=(2, 8, 12)):
    return tuple(jnp.asarray(x) for x in np.random.default_rng(0).normal(size=(count, *shape)))


def nested(function, x, *terms):
    """The derivatives at 0 of ``function`` along the path with these derivatives, each the jvp of the one before."""

    def path(t):
        value = x
        for order, term in enumerate(terms, 1):
            value = value + term * t**order / np.prod(range(1, order + 1))
        return value

    derivatives = [lambda t: function(path(t))]
    for _ in terms:
        derivatives.append(partial(lambda f, t: jax.jvp(f, (t,), (jnp.ones_like(t),))[1], derivatives[-1]))
    return jax.jit(lambda t: [f(t) for f in derivatives])(jnp.zeros(()))


def series(function, x, *terms):
    value, derivatives = jet(function, (x,), (terms,))
    return [value, *derivatives]


def close(found, expected, tolerance=1e-10):
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1.0, float(jnp.abs(b).max())))


# The layers stand for the networks, whose series are compared in the slow part.
@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", sparse(FUNCTIONS, lambda name: "UNet" not in name))
def test_a_series_has_the_derivatives_of_nested_forward_mode(name):
    with jax.enable_x64(True):
        function, operands = FUNCTIONS[name](), drawn(3)
        expected = nested(function, *operands)
        assert expected[0].dtype == jnp.float64
        close(jax.jit(partial(series, function))(*operands), expected)
        if "UNet" not in name:  # which would take long to compile, operation by operation above all
            close(series(function, *operands), expected)
            close(series(jax.jit(function), *operands), expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FUNCTIONS if "UNet" in name])
def test_a_series_of_a_network_is_the_same_outside_of_jit(name):
    with jax.enable_x64(True):
        function, operands = FUNCTIONS[name](), drawn(3)
        close(series(function, *operands), jax.jit(partial(series, function))(*operands))


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name.startswith("Conv")])
def test_a_series_is_that_of_jaxs_own_convolution(name):
    with jax.enable_x64(True):
        function, operands = FUNCTIONS[name](), drawn(4)
        with convolutions("stock"):
            expected = jax.jit(partial(series, function))(*operands)
        close(jax.jit(partial(series, function))(*operands), expected)


def test_series_of_a_batch_and_their_gradients_are_those_of_each_image():
    with jax.enable_x64(True):
        layer, pool = FUNCTIONS["Conv2d"](), MaxPool2d(2, 2)
        batches = drawn(3, (2, 2, 4, 6))

        def loss(*operands):
            return sum((term**2).sum() for term in series(lambda x: pool(relu(layer(x))), *operands))

        @jax.jit
        def both(*batches):
            function = jax.value_and_grad(loss, argnums=(0, 1, 2))
            return jax.vmap(function)(*batches), [function(*(batch[i] for batch in batches)) for i in range(2)]

        found, each = both(*batches)
        close(jax.tree.leaves(found), [jnp.stack(parts) for parts in zip(*map(jax.tree.leaves, each), strict=True)])


@pytest.mark.parametrize("kernel", [2, 5])
def test_of_equal_maxima_the_series_follows_the_first_as_the_gradient_does(kernel):
    x, *terms = (jnp.zeros((1, 10, 10)), *drawn(2, (1, 10, 10)))
    pooled = series(partial(max_pool2d, kernel=kernel, stride=kernel), x, *terms)
    close(pooled, [term[:, ::kernel, ::kernel] for term in (x, *terms)], 1e-6)


PROGRAM = """
import sys, jax, jax.numpy as jnp
from flax import nnx
from wellshaped.models import UNet2
from wellshaped.spec import UNet2Config
assert "jax.experimental.jet" not in sys.modules
model = jax.jit(UNet2(UNet2Config(base_channels=2), 1, 1, rngs=nnx.Rngs(0)))
x = jnp.ones((1, 4, 4))
y = model(x)
from jax.experimental.jet import jet
assert (jet(model, (x,), ((x, x),))[0] == y).all()
"""


def test_jet_is_not_imported_before_it_is_used_and_may_be_imported_last_of_all():
    subprocess.run([sys.executable, "-P", "-c", PROGRAM], check=True)
