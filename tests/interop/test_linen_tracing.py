"""Linen's norms run once, and the answers are those of networks whose norms all run."""

import re
from contextlib import nullcontext

import jax.numpy as jnp
import pytest
from flax import linen
from jax import lax

from wellshaped.interop import Budget, read_jax
from wellshaped.interop.frameworks import jax_tracing
from wellshaped.interop.frameworks.jax_models import as_network


class Net(linen.Module):
    """Two halvings, with norms of every kind after each convolution, and a skip."""

    second: linen.Module = linen.GroupNorm(2)

    @linen.compact
    def __call__(self, x):
        x = linen.LayerNorm()(linen.GroupNorm(2)(linen.Conv(4, (3, 3))(x)))
        y = linen.GroupNorm(2)(linen.Conv(4, (2, 2), (2, 2), padding="VALID")(x))
        y = self.second(linen.RMSNorm()(linen.Conv(4, (3, 3))(y)))
        y = linen.ConvTranspose(4, (2, 2), (2, 2))(linen.InstanceNorm()(y))
        return linen.LayerNorm()(linen.GroupNorm(2)(jnp.concatenate([x, y], -1)[..., :4]))


class Submodules(linen.Module):
    """Modules in fields, in a list and in a dictionary."""

    blocks: tuple[linen.Module, ...] = (linen.Conv(4, (3, 3)), linen.GroupNorm(2), linen.GroupNorm(2))

    def setup(self):
        self.last = {"norm": linen.GroupNorm(4), "conv": linen.Conv(1, (1, 1))}

    def __call__(self, x):
        for block in self.blocks:
            x = linen.max_pool(block(x), (2, 2), (2, 2))
        return self.last["conv"](self.last["norm"](x))


class Positions(linen.Module):
    """An image whose pixels are features, after a norm of the same shape whose features are channels."""

    @linen.compact
    def __call__(self, x):
        x = linen.LayerNorm(use_bias=False, use_scale=False)(x)
        return linen.LayerNorm(feature_axes=(1, 2, 3), reduction_axes=(1, 2, 3))(x[:, :8, :8])


NETWORKS = {
    "alike": Net(),
    "over positions": Net(linen.LayerNorm(reduction_axes=(1, 2), feature_axes=-1)),
    "another dtype": Net(linen.GroupNorm(2, dtype=jnp.bfloat16)),
    "in fields": Submodules(),
    "features at each pixel": Positions(),
}


def groups(count, **more):
    return linen.GroupNorm(count, use_bias=False, use_scale=False, **more)


class OfOpenChannels(linen.Module):
    """Each norm requires that the channels, an open size, are a multiple of its groups."""

    @linen.compact
    def __call__(self, x):
        x = groups(3)(groups(2)(groups(2)(x)))
        return groups(2)(x[..., : x.shape[-1] // 2])


class OfAnotherDtype(linen.Module):
    """``lax.concatenate`` takes arrays of one dtype."""

    @linen.compact
    def __call__(self, x):
        return lax.concatenate([groups(2, dtype=jnp.bfloat16)(x), groups(2, dtype=jnp.bfloat16)(x)], 0)


def test_norms_that_differ_are_traced():
    assert str(read_jax(OfOpenChannels(), "1 8 C")["C"]) == "n ≡ 0 (mod 12), n ≥ 12"
    assert str(read_jax(OfAnotherDtype(), "1 8 C")["C"]) == "n ≡ 0 (mod 2), n ≥ 2"


@pytest.mark.parametrize("name", NETWORKS)
def test_the_answer_is_that_of_a_trace_of_every_norm(name, monkeypatch):
    budget = Budget(seconds=1_000)  # a slow machine must not end it earlier

    def said():
        return re.sub(r"\d+ symbolic traces?", "", str(read_jax(NETWORKS[name], "1 H W 3", budget=budget)))

    quick = said()
    monkeypatch.setattr(jax_tracing, "quick_linen", nullcontext)
    assert said() == quick


def test_a_norm_like_one_before_is_not_traced(monkeypatch):
    calls = []
    normalize = linen.normalization._compute_stats
    monkeypatch.setattr(
        linen.normalization, "_compute_stats", lambda *of, **more: calls.append(1) or normalize(*of, **more)
    )
    network = as_network(linen.Sequential([linen.GroupNorm(3), linen.relu] * 5), {})
    tracer = jax_tracing.JaxTracer(network, [(1, "H", 32, 3)], ["float32"])
    tracer.prepare({"H": 32})
    calls.clear()
    tracer.path_of({"H": 1_000}, {})
    assert len(calls) == 1
    tracer.trial_of({"H": 5})
    tracer.trial_of({"H": 7})
    assert len(calls) == 2
    tracer.trial_of({"H": 1})
    assert len(calls) == 3
