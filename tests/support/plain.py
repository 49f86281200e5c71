"""The network written plainly with ``jax.lax``, without a type or a check: what the typed one is compared with."""

import jax
import jax.numpy as jnp
from jax import lax


def convolve(x, kernel, bias, stride, padding):
    y = lax.conv_general_dilated(x[None], kernel, (stride, stride), ((padding, padding), (padding, padding)))
    return y[0] + bias[:, None, None]


def upsample(x, kernel, bias, stride, padding):
    k = kernel.shape[2]
    y = lax.conv_general_dilated(
        x[None],
        jnp.flip(kernel, (2, 3)),
        (1, 1),
        ((k - 1 - padding, k - 1 - padding),) * 2,
        lhs_dilation=(stride, stride),
        dimension_numbers=("NCHW", "IOHW", "NCHW"),
    )
    return y[0] + bias[:, None, None]


def pool(x, kernel, stride):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, kernel, kernel), (1, stride, stride), "VALID")


def intermediates(cfg, params, x):
    """The stages of the forward pass by name; ``params`` has a kernel and a bias for each layer's name."""
    block = (cfg.conv_stride, cfg.conv_padding)
    s1 = jax.nn.relu(convolve(x, *params.down1_1, *block))
    skip1 = jax.nn.relu(convolve(s1, *params.down1_2, *block))
    pooled = pool(skip1, cfg.pool_kernel, cfg.pool_stride)
    b1 = jax.nn.relu(convolve(pooled, *params.down2_1, *block))
    bottleneck = jax.nn.relu(convolve(b1, *params.down2_2, *block))
    up = upsample(bottleneck, *params.upT, cfg.up_stride, cfg.up_padding)
    merged = jnp.concatenate((skip1, up))
    u1 = jax.nn.relu(convolve(merged, *params.up1_1, *block))
    u2 = jax.nn.relu(convolve(u1, *params.up1_2, *block))
    y = convolve(u2, *params.out1x1, cfg.head_stride, cfg.head_padding)
    stages = {"s1": s1, "skip1": skip1, "pooled": pooled, "b1": b1, "bottleneck": bottleneck}
    return stages | {"up": up, "merged": merged, "u1": u1, "u2": u2, "y": y}


def forward(cfg, params, x):
    return intermediates(cfg, params, x)["y"]
