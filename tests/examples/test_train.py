"""``wellshaped train``: what it writes, and what it rejects before it trains."""

import sys

import imageio.v3 as iio
import numpy as np
import pytest

from wellshaped.cli import main
from wellshaped.spec import UNetConfig, save_network


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run ``train`` in a folder with four images and a network: its status, its output and its errors."""
    monkeypatch.chdir(tmp_path)
    for kind in ("images", "masks"):
        (tmp_path / "cells" / kind).mkdir(parents=True)
    (tmp_path / "cells" / "classes.txt").write_text("dark\nbright\n")
    for number in range(4):
        image = np.random.default_rng(number).integers(0, 256, (18, 20 + number), dtype=np.uint8)
        iio.imwrite(tmp_path / "cells" / "images" / f"{number}.png", image)
        iio.imwrite(tmp_path / "cells" / "masks" / f"{number}.png", (image > 127).astype(np.uint8))
    save_network(UNetConfig(levels=1, base_channels=2, convs_per_block=1), tmp_path / "unet.toml")
    (tmp_path / "there.safetensors").write_bytes(b"")

    def run(*words):
        status = main(["train", *map(str, words)])
        return status, *capsys.readouterr()

    return run


WORDS = ("cells", "unet.toml", "--output", "cells.safetensors", "--steps", 2, "--crop", 16, "--batch", 2)


def test_it_trains_goes_on_and_writes_a_model_that_predicts(run, tmp_path, monkeypatch, capsys):
    status, out, err = run(*WORDS, "--every", 1)
    assert (status, err) == (0, "")
    first, *measured, last = out.splitlines()
    assert first == "3 images to train on and 1 to measure on, crops of 16×16, 1 device"
    assert [line.split(":")[0] for line in measured] == ["step 1 of 2", "step 2 of 2"]
    assert last == "wrote cells.safetensors, cells.curves.png and cells.panel.png"
    assert main(["predict", "cells.safetensors", "cells/images"]) == 0
    capsys.readouterr()
    model = (tmp_path / "cells.safetensors").read_bytes()
    status, out, err = run(*WORDS)
    assert (status, out) == (2, "")
    assert "output cells.safetensors can't be used.\n  exists: there is a file of this name" in err
    (tmp_path / "cells.safetensors").unlink()
    status, out, err = run(*WORDS, "--seed", 1)
    assert status == 2
    assert "seed=0, and this run has seed=1" in err
    status, out, err = run(*WORDS)
    assert status == 0
    assert "goes on after step 2, from cells.checkpoints\n" in out
    assert (tmp_path / "cells.safetensors").read_bytes() == model


REJECTED = {  # what is typed instead, and a line of the message
    "no folder": ({0: "cels"}, "  folder: there is no such folder."),
    "an unknown network": ({1: "milesail"}, "  fix: milesial"),
    "a model": ({1: "there.safetensors"}, "  network: it is a model, and a run starts with new weights."),
    "a network over three axes": (
        {1: "unet3d"},
        "  images: it takes images with 3 axes, and these have 2 axes.",
    ),
    "a suffix": ({3: "cells.pt"}, "  fix: cells.safetensors"),
    "no folder for the output": ({3: "no/cells.safetensors"}, "  file: there is no folder no."),
    "an output that exists": ({3: "there.safetensors"}, "  exists: there is a file of this name."),
    "no steps": ({5: 0}, "  fix: --steps 1000"),
    "a number that is none": ({9: "two"}, "  fix: --batch 8"),
    "a crop that does not fit": ({7: 1}, "  fix: --crop 2"),
    "a dtype": ({10: "--dtype", 11: "bfloat"}, "  fix: --dtype bfloat16"),
    "a seed": ({10: "--seed", 11: 2**31}, "  fix: --seed 0"),
    "a learning rate": ({10: "--learning-rate", 11: 0}, "  fix: --learning-rate 0.003"),
}


@pytest.mark.parametrize(("changed", "line"), REJECTED.values(), ids=REJECTED)
def test_what_can_not_be_used_is_rejected_before_the_first_step(run, tmp_path, changed, line):
    before = sorted(tmp_path.rglob("*"))
    words = dict(enumerate(WORDS)) | changed
    status, out, err = run(*words.values())
    assert (status, out) == (2, "")
    assert f"\n{line}" in err
    assert "\n  fix: " in err
    assert sorted(tmp_path.rglob("*")) == before


LEFT_OUT = {  # what is left out, and the message
    "the folder or the network": (WORDS[1:], "train needs a network, for example: "),
    "the output": (WORDS[:2], "wellshaped train cells unet.toml --output cells.safetensors\n"),
}


@pytest.mark.parametrize(("words", "says"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_is_left_out_is_asked_for_with_a_command_that_has_it(run, words, says):
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert says in err


def test_a_missing_package_is_named_with_what_installs_it(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "grain", None)
    monkeypatch.delitem(sys.modules, "wellshaped.examples.segmentation", raising=False)
    status, out, err = run(*WORDS)
    assert (status, out) == (2, "")
    assert err.startswith("This command needs grain: ")
    assert "pip install '.[train]'" in err
