"""Every network goes through every command in the same way: presets, both configs, and a file of each kind."""

import json
import re
from math import prod

import pytest
import torch_archives
from effort import sparse
from networks import HARD

from wellshaped.cli import app, main
from wellshaped.image_map import image_map
from wellshaped.interop import bioimage_description
from wellshaped.interop.weights.torch_layout import torch_layout
from wellshaped.spec import (
    PRESETS,
    UNet2Config,
    UNetConfig,
    check,
    compatible_shapes,
    graph_of,
    input_for,
    load_network,
    plan,
    receptive_field,
    save_network,
    stages,
)

FILES = {
    "unet2.toml": UNet2Config(base_channels=8),
    "unet.json": UNetConfig(levels=3, norm="instance"),
    "volume.toml": graph_of("nnunet_3d_fullres"),
    "waves.json": graph_of("wave_unet"),
}
NETWORKS = [*PRESETS, "unet", *FILES]
ABOUT_ONE_NETWORK = {
    *("check", "sizes", "plan", "input-for", "stages", "tiles", "bioimage", "draw", "convert", "certify", "train"),
}
FEW = 2_000_000
"""So many weights are converted quickly."""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command in a folder with the files: its exit status, its output, its errors."""
    monkeypatch.chdir(tmp_path)
    for name, network in FILES.items():
        save_network(network, name)

    def run(*arguments):
        status = main([str(argument) for argument in arguments])
        return status, *capsys.readouterr()

    return run


def value(name):
    """The network that a command makes of this name."""
    return load_network(name) if name in FILES else UNetConfig() if name == "unet" else name


def fitting(network):
    """An image that fits, and one that is as large as it can be and does not, if there is one."""
    graph, shapes = graph_of(network), compatible_shapes(network)
    sizes = shapes.above((33,) * graph.axes)
    smaller = tuple(n - 1 for n in sizes)
    return graph.image.channels, sizes, None if smaller in shapes else smaller


def written(channels, sizes):
    return "x".join(map(str, (channels, *sizes)))


def test_the_commands_about_one_network_are_those_that_take_a_name():
    named = {
        name for name in app if not name.startswith("-") and "network" in app[name].default_command.__annotations__
    }
    assert named == ABOUT_ONE_NETWORK


# The slow part has the others: spec/test_folds.py asks the same questions about all of them in Python.
@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", sparse(NETWORKS, 3))
def test_every_network_goes_through_every_command(run, tmp_path, name):
    network = value(name)
    graph, shapes = graph_of(network), compatible_shapes(network)
    channels, fits, breaks = fitting(network)
    image, axis = written(channels, fits), graph.axis_names[0]

    status, out, err = run("check", name)
    assert (status, err) == (0, "")
    assert all(str(fit) in out for fit in shapes.axes)
    status, out, err = run("check", name, "--input", image)
    assert (status, err) == (0, "")
    assert out.startswith(str(check(network, (channels, *fits))))
    if breaks:
        report = check(network, (channels, *breaks))
        assert run("check", name, "--input", written(channels, breaks)) == (1, "", f"{report}\n")
        padded = plan(network, breaks, "pad")
        status, out, err = run("plan", name, "--input", written(channels, breaks))
        assert (status, err) == (0, "")
        assert out.splitlines()[1] == str(padded)
        assert padded.fitting in shapes

    status, out, err = run("sizes", name, "--json", "--near", 33)
    assert (status, err) == (0, "")
    answer = json.loads(out)
    assert answer["axes"] == {of: fit.to_dict() for of, fit in zip(shapes.names, shapes.axes, strict=True)}
    assert tuple(answer["above"]) == fits
    enough = tuple(answer["enough"])
    assert enough in shapes
    assert tuple(fit.above(n + 1) for n, fit in zip(enough, shapes.axes, strict=True)) in shapes

    found = input_for(network, 7)
    status, out, err = run("input-for", name, 7, "--json")
    assert (status, err) == (0, "")
    assert (json.loads(out)["sizes"], json.loads(out)["output"]) == (list(found.sizes), list(found.output))

    made = stages(network, (channels, *fits))
    status, out, err = run("stages", name, "--input", image, "--json")
    assert (status, err) == (0, "")
    assert [stage["name"] for stage in json.loads(out)] == [stage.name for stage in made]
    drawn = image_map(network, fits, field=made[-1].name)
    assert run("draw", name, "--input", image, "--field", made[-1].name) == (0, "wrote unet.svg\n", "")
    picture = set(re.findall("<!-- (.*?) -->", (tmp_path / "unet.svg").read_text(encoding="utf-8")))
    assert {stage.name for stage in made} | {drawn.title} <= picture

    field = receptive_field(network, fits)
    status, out, err = run("tiles", name, "--input", image)
    assert (status, err) == (0, "")
    assert out.startswith(f"{field}\n")

    description = bioimage_description(network)
    status, out, err = run("bioimage", name)
    assert (status, out, err) == (0, f"{description}\n", "")
    assert all(axis.min in fit for axis, fit in zip(description.inputs[0].axes, shapes.axes, strict=True))

    if sum(prod(of.torch_shape) for of in torch_layout(graph).arrays) < FEW:
        torch_archives.save("weights.pt", torch_archives.weights_of(graph))
        status, out, err = run("convert", "weights.pt", name, "model.safetensors")
        assert (status, err) == (0, "")
        assert json.loads(run("sizes", "model.safetensors", "--json")[1])["axes"] == answer["axes"]
    status, out, err = run("train", "cells", name, "--output", "trained.safetensors")
    assert err.startswith("data folder cells can't be used.")

    pytest.importorskip("z3")
    status, out, err = run("certify", name, "--axis", axis)
    assert (status, err) == (0, "")
    alike = graph.axes > 1 and len(set(shapes.axes)) == 1
    assert f"proved for every n: {'along each axis, size' if alike else f'a {axis}'} n fits " in out
    assert f" if and only if {shapes.axes[0]} (Z3" in out
    assert json.loads((tmp_path / "certificate.json").read_text())["axis"] == 0
    assert run("verify", "certificate.json")[0] == 0


@pytest.mark.one_in(4)
@pytest.mark.parametrize("command", sorted(ABOUT_ONE_NETWORK))
@pytest.mark.parametrize("name", ["milesail", "unet.tomll", "unet2.tml", "."])
def test_every_command_rejects_what_is_no_network_in_the_same_words(run, command, name):
    image = ["--input", "1x64x64"] if command in ("plan", "stages", "draw") else []  # the others need none
    first = {"convert": ["weights.pt"], "train": ["cells"]}.get(command, [])
    last = {"convert": ["model.safetensors"], "train": ["--output", "model.safetensors"]}.get(command, image)
    status, out, err = run(command, *first, name, *last)
    assert (status, out) == (2, "")
    assert err == run("check", name)[2]
    assert re.search(r"^  fix: .", err, re.M)


@pytest.mark.parametrize("name", ["unet2.toml", "unet.json"])
def test_every_command_takes_flags_beside_a_config_and_none_beside_a_graph(run, name):
    for command in ("check", "sizes", "certify", "input-for"):
        status, out, err = run(command, name, "--base-channels", 16)
        assert (status, err) == (0, "")
        status, out, err = run(command, "waves.json", "--base-channels", 16)
        assert (status, out) == (2, "")
        assert "waves.json is a fixed network, which has no --base-channels" in err


def test_a_network_that_is_too_hard_to_solve_is_checked_and_said_to_be_too_hard(run):
    save_network(HARD, "hard.toml")
    status, out, err = run("check", "hard.toml", "--input", "1x1000000")
    assert (status, out) == (1, "")
    assert "too hard to solve" in err
    status, out, err = run("check", "hard.toml")
    assert (status, err) == (0, "")
    assert "too hard to solve" in out
    for command in ("sizes", "certify", "input-for"):
        status, out, err = run(command, "hard.toml")
        assert (status, out) == (1, "")
        assert "not_solved" in err


def test_certify_asks_for_an_axis_where_the_axes_differ(run):
    status, out, err = run("certify", "volume.toml")
    assert (status, out) == (2, "")
    assert "depth n ≡ 0 (mod 16), n ≥ 16; height and width n ≡ 0 (mod 32), n ≥ 32" in err
    assert err.endswith("  fix: --axis depth\n")
    assert run("certify", "volume.toml", "--axis", "hight")[2].endswith("  fix: --axis height\n")
    status, out, _ = run("certify", "volume.toml", "--axis", "width")
    assert status == 0
    assert "along height and width, size n fits volume.toml if and only if n ≡ 0 (mod 32), n ≥ 32" in out
