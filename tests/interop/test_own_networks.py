"""This library's networks, read as if somebody else had written them: the second proof of the closed form."""

from dataclasses import replace

import pytest
from flax import nnx

from wellshaped import PRESETS, Network, UNet, UNet2, UNet2Config, UNetConfig, compatible_sizes
from wellshaped.interop import Budget, read_jax
from wellshaped.models import TypedNetwork

CONFIGS = {
    "the source": UNet2Config(base_channels=1),
    "another pooling": UNet2Config(base_channels=1, pool_kernel=3, pool_stride=3, up_kernel=3, up_stride=3),
    **{
        name: replace(config, base_channels=1)
        for name, config in PRESETS.items()
        if isinstance(config, UNet2Config | UNetConfig)
    },
    "nearest": UNetConfig(levels=3, base_channels=1, upsampling="nearest"),
    "padded joins": UNetConfig(levels=2, base_channels=1, join="pad"),
    "valid": UNetConfig(levels=2, base_channels=1, padding="none", join="crop"),
    "instance norm": UNetConfig(levels=2, base_channels=1, norm="instance"),
    "residual": UNetConfig(levels=2, base_channels=1, residual=True),
}
LONG = {"ronneberger2015", "milesial", "monai_like", "nearest", "tiny"}


def network(config):
    if isinstance(config, UNet2Config):
        return nnx.eval_shape(lambda: UNet2(config, 1, 1, rngs=nnx.Rngs(0)))
    return nnx.eval_shape(lambda: UNet(config, 1, 1, rngs=nnx.Rngs(0)))


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in LONG)) for n in CONFIGS])
def test_what_jax_says_of_our_network_is_what_the_config_says(name):
    config = CONFIGS[name]
    expected = compatible_sizes(config)
    patient = Budget(seconds=600)  # by the clock: other programs may run beside this one
    answer = read_jax(network(config), f"1 H {expected.above(188)}", budget=patient)
    assert not answer.axes["H"].found.undecided, str(answer)
    assert answer["H"] == expected, str(answer)


# All but u2net, which is made of many networks such as u2net_rsu7, and takes several minutes. CI reads the first.
NAMES = sorted(PRESETS, key=lambda name: (name != "demucs", name))
GRAPHS = {name: PRESETS[name] for name in NAMES if isinstance(PRESETS[name], Network) and name != "u2net"}
LONG_GRAPHS = {"u2net_rsu7", "monai_basicunet"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.exhaustive] * (n in LONG_GRAPHS)) for n in GRAPHS])
def test_what_jax_says_of_a_preset_is_what_its_graph_says(name):
    graph = GRAPHS[name]
    expected = compatible_sizes(graph, axis=0)
    sizes = ["H", *(str(compatible_sizes(graph, axis=axis).above(96)) for axis in range(1, graph.axes))]
    shapes = [str(of.channels) if of.single else " ".join((str(of.channels), *sizes)) for of in graph.inputs]
    model = nnx.eval_shape(lambda: TypedNetwork(graph, rngs=nnx.Rngs(0)))
    answer = read_jax(model, *shapes, budget=Budget(seconds=600))
    assert answer.axes["H"].decided, str(answer)
    assert answer["H"] == expected, str(answer)


def test_the_traces_grow_with_the_levels_and_not_with_the_period():
    traces = []
    for levels in (4, 8):
        cfg = UNetConfig(levels=levels, base_channels=1, multipliers=(1,) * (levels + 1), convs_per_block=1)
        answer = read_jax(network(cfg), f"1 H {2**levels}")
        assert str(answer["H"]) == f"n ≡ 0 (mod {2**levels}), n ≥ {2**levels}"
        traces.append(answer.axes["H"].found.traces)
    assert traces[1] <= 2 * traces[0] + 4  # they would be 16 times as many if each remainder were traced
