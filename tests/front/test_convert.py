"""``wellshaped convert``: weights of PyTorch become a model in a file, whatever the network is called."""

from dataclasses import replace

import numpy as np
import pytest
import torch_archives
from flax import nnx
from headlines import status_with
from safetensors.numpy import save_file

from wellshaped.cli import main
from wellshaped.interop import load, save, state_dict
from wellshaped.interop.weights.arrays import batch_norms
from wellshaped.models import UNet
from wellshaped.spec import UNet2Config, UNetConfig, graph_of, presets, save_network

MILESIAL = UNetConfig(levels=2, base_channels=2, norm="batch", bias=False, join="pad")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command in an empty folder: its exit status, its output, its errors."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        status = main(list(words))
        return status, *capsys.readouterr()

    return run


def arrays_of(network, *channels):
    return torch_archives.weights_of(graph_of(network, *channels))


NETWORKS = {
    "a preset with flags": (MILESIAL, (3, 2), ["milesial", "--levels", "2", "--base-channels", "2"]),
    "a preset that is a graph": (presets.u2net_rsu7(), (), ["u2net_rsu7"]),
    "unet2": (UNet2Config(base_channels=2), (2, 3), ["unet2", "--base-channels", "2"]),
    "a file": (MILESIAL, (1, 1), ["net.toml"]),
    "a graph in a file": (graph_of(MILESIAL, 4, 1), (), ["graph.json"]),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("network", "channels", "words"), NETWORKS.values(), ids=NETWORKS)
def test_weights_become_a_model_that_is_loaded(run, network, channels, words):
    given = arrays_of(network, *channels)
    torch_archives.save("weights.pt", given)
    save_network(MILESIAL, "net.toml")
    save_network(graph_of(MILESIAL, 4, 1), "graph.json")
    name, *flags = words
    status, out, err = run("convert", "weights.pt", name, "model.safetensors", *flags)
    assert (status, err) == (0, "")
    count = sum(array.size for array in given.values())
    assert out.startswith("wrote model.safetensors: ")
    assert out.endswith(f" with the {count:,} numbers of weights.pt\n")
    back = state_dict(load("model.safetensors"))
    assert back.keys() == given.keys()
    assert all(np.array_equal(back[of], array) for of, array in given.items())
    assert run("check", name, *flags)[0] == 0


def test_what_was_left_out_to_find_the_weights_is_said(run):
    inner, data = torch_archives.state({f"module.{name}": of for name, of in arrays_of(MILESIAL, 3, 2).items()})
    torch_archives.write("last.ckpt", b"}" + torch_archives.text("model") + inner + b"s", data)
    status, out, _ = run("convert", "last.ckpt", "milesial", "m.safetensors", "--levels", "2", "--base-channels", "2")
    assert status == 0
    assert out.endswith(" numbers of last.ckpt, under 'model' and without 'module.'\n")


def test_the_momentum_of_pytorchs_batch_norms_is_kept_in_the_model(run):
    torch_archives.save("weights.pt", arrays_of(MILESIAL, 3, 2))
    save_network(MILESIAL, "net.toml")
    assert run("convert", "weights.pt", "net.toml", "model.safetensors", "--momentum", "0.25")[0] == 0
    assert {norm.momentum for norm in batch_norms(load("model.safetensors")).values()} == {0.75}


REJECTED = {
    "no weights": (["nope.pt", "milesial", "m.safetensors"], "there is no such file", "the path of an existing"),
    "another suffix": (["weights.pt", "milesial", "m.pt"], "must be .safetensors", "m.safetensors"),
    "another network": (["weights.pt", "smp_resnet34", "m.safetensors"], "and 229 more", "the weights of this network"),
    "another width": (
        ["weights.pt", "milesial", "m.safetensors"],
        "is (2, 3, 3, 3), and must be (64, 3, 3, 3)",
        "the w",
    ),
    "another width alone": (
        ["narrow.pt", "milesial", "m.safetensors"],
        "and must be (64, 3, 3, 3)",
        "--base-channels 2",
    ),
    "its own file": (
        ["same.safetensors", "net.toml", "same.safetensors"],
        "it is the file of the weights, which would be lost",
        "another file",
    ),
    "a model": (
        ["model.safetensors", "net.toml", "m.safetensors"],
        "it is a model of wellshaped already",
        "wellshaped.interop.load",
    ),
    "another prefix": (
        ["both.pt", "net.toml", "m.safetensors", "--prefix=techer."],
        "'techer.'",
        "--prefix teacher.",
    ),
    "a prefix": (["both.pt", "net.toml", "m.safetensors"], "and 53 more", "--prefix student."),
    "a momentum": (
        ["weights.pt", "net.toml", "m.safetensors", "--momentum=2"],
        "a number from 0 to 1",
        "--momentum 0.1",
    ),
    "no network": (["weights.pt", "milesail", "m.safetensors"], "not a preset", "milesial"),
    "code": (["code.pt", "net.toml", "m.safetensors"], "it asks for os.system", "torch.save(model.state_dict()"),
    "a model in code": (["weights.pt", "nets.py:UNet", "m.safetensors"], "", ""),
}


@pytest.mark.parametrize(("words", "says", "fix"), REJECTED.values(), ids=REJECTED)
def test_what_can_not_be_converted_is_said_with_a_fix_and_nothing_is_written(run, tmp_path, words, says, fix):
    given = arrays_of(MILESIAL, 3, 2)
    torch_archives.save("weights.pt", given)
    both = {f"{of}.{name}": array for of in ("student", "teacher") for name, array in given.items()}
    torch_archives.save("both.pt", both | {"loss.weight": np.ones(1, np.float32)})
    torch_archives.write("code.pt", torch_archives.called("os.system", torch_archives.text("touch ran")), {})
    save_network(MILESIAL, "net.toml")
    torch_archives.save("narrow.pt", arrays_of(replace(MILESIAL, levels=4), 3, 2))
    save_file(given, "same.safetensors")
    save(UNet(MILESIAL, 3, 2, rngs=nnx.Rngs(0)), "model.safetensors")
    before = {path.name for path in tmp_path.iterdir()}
    status, out, err = run("convert", *words)
    lines = err.splitlines()
    assert (status, out) == (status_with(lines[0]), "")
    assert says in err
    assert lines[-1].startswith(f"  fix: {fix}")
    assert {path.name for path in tmp_path.iterdir()} == before
