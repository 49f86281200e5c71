"""No command ignores what it is told: each of its arguments changes its answer, or is rejected with what to do.

The commands and their arguments are read from the program itself, so that a new one has to be shown to do something.
"""

import contextlib
import io
import re
import shutil
import sys
from dataclasses import fields, replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch_archives
from effort import sparse
from flax import nnx
from headlines import status_with

from wellshaped.cli import app, main
from wellshaped.interop import save
from wellshaped.models import TypedNetwork
from wellshaped.proofs_of_shape import THEOREMS
from wellshaped.spec import (
    FIELDS,
    Conv,
    MaxPool,
    Network,
    Node,
    Resize,
    UNet2Config,
    UNetConfig,
    parameter_shapes,
    save_config,
)

UNET = {f"--{f.name.replace('_', '-')}": f.default for f in fields(UNetConfig)}
CONFIG = list(dict.fromkeys([*(f"--{name.replace('_', '-')}" for name in FIELDS), *UNET]))
VALUES = {  # of each argument, texts of which one at least must show that it is used
    **dict.fromkeys(CONFIG, ("3", "5")),
    "--multipliers": ("1,2,4,8,8", "1"),
    "--padding": ("none", "nine"),
    "--norm": ("group", "batch", "groop", "none,batch,batch,batch,group"),
    "--groups": ("3", "5", "1,2,4,8,8"),
    "--upsampling": ("nearest", "nearest,transposed,nearest alone,depth to space"),
    "--downsampling": ("stride", "max,average,max,max"),
    "--stride": ("3", "1x2,2,2,2"),
    "--upsampling-kernel": ("4", "1"),
    "--skip": ("none", "none,add,add,concat"),
    "--activation": ("gelu", "gelou", "relu,relu,silu,silu,prelu"),
    "--order": ("activation first", ",".join(["norm first"] * 4 + ["activation first"])),
    "--join": ("pad", "even crop", "x"),
    "--concat": ("upsampled first",),
    "--residual": ("true", "true,false,true,true,true"),
    "--bias": (None,),
    "--head": (None,),
    "--network": ("unet.toml", "nope.toml", "milesial", "milesail"),
    "--policy": ("crop", "error", "cropp"),
    "--size": ("400", "400x500"),
    "--exactly": (None,),
    "--axis": ("height", "depth"),
    "--input": ("3x304x384", "1x302x384"),
    "--dtype": ("float16",),
    "--out-channels": ("3", "0"),
    "--output": ("other.json", "other.svg", "other.png", "other.zip", "other.safetensors"),
    "--weights": ("other.pt", "nope.pt"),
    "--prefix": ("module.", "net."),
    "--momentum": ("0.01", "2"),
    "--levels": ("2", "3"),
    "--near": ("303",),
    "--seed": ("7",),
    "--by": ("z3", "enumeration"),
    "--nodes": (None,),
    "--json": (None,),
    "--seconds": ("0",),
    "--certificate": ("other.json",),
    "--tile": ("152", "200"),
    "--most": ("20000",),
    "--halo": (None,),
    "--model": ("other.safetensors", "nope.safetensors", "unet.toml"),
    "--image": ("b.npy", "nope.png"),
    "--write": ("values", "label"),
    "--panel": (None,),
    "--mode": ("zeros", "mirror"),
    "--memory": ("much",),
    "--colour": ("rgb", "gray"),
    "--mean": ("0.5", "x"),
    "--std": ("-2", "0"),
    "--field": ("s1", "s9"),
    "--compared": ("milesail", "rdf.yaml"),
    "--yaml": (None,),
    "--platforms": ("cpu,tpu", "cude"),
    "--classes": ("4*h", "17"),
    "--mesh": ("height=4", "4", "rows=2", "height=0,batch=2"),
    "--batch": ("6", "x", "0"),
    "--data": ("others",),
    "--steps": ("7", "0"),
    "--crop": ("64", "-1"),
    "--every": ("5", "0"),
    "--learning-rate": ("0.1", "0"),
}
MODES = {  # a command as it is given, with all that it must have
    "check": [["check"], ["check", "--input", "1x304x384"], ["check", "unet"], ["check", "unetplusplus"]],
    "sizes": [["sizes"], ["sizes", "303"], ["sizes", "ronneberger2015", "303"]],
    "plan": [["plan", "--input", "1x303x384"]],
    "input-for": [["input-for", "--size", "387"], ["input-for", "ronneberger2015", "--size", "387"]],
    "stages": [["stages", "--input", "1x304x384"]],
    "tiles": [
        ["tiles"],
        ["tiles", "--input", "1x304x384", "--tile", "152"],
        ["tiles", "milesial", "--input", "3x304x384"],
    ],
    "bioimage": [["bioimage"], ["bioimage", "unet"]],
    "predict": [["predict", "--model", "model.safetensors", "--image", "a.npy"]],
    "draw": [["draw", "--input", "1x304x384"], ["draw", "--input", "1x304x384", "--tile", "152", "--field", "b1"]],
    "list": [["list"]],
    "demo": [["demo"]],
    "train": [["train", "--data", "cells", "--network", "unet.toml", "--output", "model.safetensors"]],
    "prove": [["prove", "--by", "enumeration"]],
    "convert": [["convert", "--weights", "weights.pt", "--network", "unet.toml", "--output", "model.safetensors"]],
    "certify": [["certify"], ["certify", "unet", "--levels", "2"], ["certify", "smp_resnet34"]],
    "verify": [["verify", "--certificate", "certificate.json"]],
    "export": [["export", "--model", "model.safetensors"]],
}

WEIGHTS = {
    f"{layer}.{'weight' if part == 'kernel' else part}": np.ones(shape, np.float32)
    for layer, shapes in parameter_shapes(UNet2Config(base_channels=8)).items()
    for part, shape in shapes.items()
}
"""The arrays of the config in PyTorch."""


def arguments(command):
    """The names of a command's arguments, as the program has them."""
    return [argument.name for argument in app[command].assemble_argument_collection() if not argument.children]


def commands():
    return [name for name in app if not name.startswith("-")]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The files of two tiny models, as bytes."""
    found, path = {}, tmp_path_factory.mktemp("models") / "m.safetensors"
    halved = (Node("pooled", MaxPool(2)), Node("conv", Conv(1, channels=2)), Node("y", Resize(2)))
    for seed, name in enumerate(("model", "other")):
        save(TypedNetwork(Network({"x": 1}, halved), rngs=nnx.Rngs(seed)), path)
        found[name] = path.read_bytes()
    return found


@pytest.fixture
def answer(tmp_path, monkeypatch, models):
    """Run a command in an empty folder with a config: its status, its output and what it wrote there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("wellshaped.proofs_of_shape.THEOREMS", THEOREMS[5:6])
    ran = SimpleNamespace(run_demo=lambda output, *, seed: print(f"a demo of seed {seed} in {output}"))
    monkeypatch.setitem(sys.modules, "wellshaped.demo", ran)
    run = SimpleNamespace(Settings=SimpleNamespace, train=lambda *given, every, tell: tell(f"{given} {every}"))
    monkeypatch.setitem(sys.modules, "wellshaped.examples.segmentation", run)

    def answer(*words):
        for path in tmp_path.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        save_config(UNet2Config(base_channels=8), "unet.toml")
        if "predict" in words or "export" in words:
            for name, model in models.items():
                (tmp_path / f"{name}.safetensors").write_bytes(model)
            np.save("a.npy", np.cos(np.arange(49.0)).reshape(7, 7) - 0.3)
            np.save("b.npy", np.sin(np.arange(49.0)).reshape(7, 7))
        if "verify" in words:
            with contextlib.redirect_stdout(io.StringIO()):
                main(["certify"])
                main(["certify", "smp_resnet34", "--output", "other.json"])
        if "convert" in words:
            torch_archives.save("weights.pt", WEIGHTS)
            torch_archives.save("other.pt", {f"module.{name}": array for name, array in WEIGHTS.items()})
        before = {path.name for path in tmp_path.iterdir()}
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            status = main(list(words))
        written = {p.name: shape_of(p) for p in tmp_path.iterdir() if p.name not in before}
        return status, re.sub(r"\d+\.\d\d", "", out.getvalue()), err.getvalue(), written

    return answer


def shape_of(path):
    """A file without what differs from run to run: of a picture, the texts on it. Of a folder, its files."""
    if path.is_dir():
        return {inside.name: shape_of(inside) for inside in sorted(path.iterdir())}
    text = path.read_bytes()
    return re.findall(rb"<!-- (.*?) -->", text) if path.suffix == ".svg" else text


def test_the_tests_know_all_commands_and_all_their_arguments():
    assert set(commands()) == set(MODES)
    assert {name for command in commands() for name in arguments(command)} == set(VALUES)


# The first mode of each command. The slow part has the others, and some commands that share their flags with these.
@pytest.mark.parametrize(
    "mode",
    sparse(
        [mode for modes in MODES.values() for mode in modes],
        lambda mode: mode == MODES[mode[0]][0] and mode[0] not in ("draw", "plan", "stages", "bioimage", "certify"),
    ),
    ids=" ".join,
)
def test_every_argument_of_a_command_changes_its_answer_or_is_refused(answer, mode):
    as_it_is = answer(*mode)
    for name in arguments(mode[0]):
        if name in mode:
            given = mode.index(name) + 1
            tried = [[*mode[:given], value, *mode[given + 1 :]] for value in VALUES[name]]
        else:
            word = f"--no-{name.removeprefix('--')}" if UNET.get(name) is True else name  # it is on by default
            tried = [[*mode, word, *([value] if value else [])] for value in VALUES[name]]
        answers = [answer(*words) for words in tried]
        assert any(found != as_it_is for found in answers), name
        for status, out, err, written in answers:
            assert status in (0, 1, 2)
            if err and status == 1:  # rejected: one message with a fix, and nothing is written
                assert (out, written) == ("", {})
                assert "\n  fix: " in err


REJECTED = {  # what certify is told and can't use, with the fix
    "too many levels": (["--levels", "99"], "--levels 4"),
    "no number of levels": (["--levels", "x"], "--levels 4"),
    "a graph with a field": (
        ["smp_resnet34", "--pool-kernel", "3"],
        "leave out --pool-kernel, or use unet2 --pool-kernel 3",
    ),
    "a preset with a field of another config": (
        ["milesial", "--levels", "2", "--up-kernel", "3"],
        "milesial --levels 2",
    ),
    "a config with a field of another": (["unet2", "--levels", "3"], "unet --levels 3"),
    "an unknown network": (["milesail"], "milesial"),
    "a network in part": (["resnet"], "smp_resnet34"),
    "a missing file": (["unett.toml"], "unet.toml"),
    "an unknown axis": (["--axis", "hieght"], "--axis height"),
    "no axis where they differ": (["nnunet_3d_fullres"], "nnunet_3d_fullres --axis depth"),
    "a suffix": (["--output", "x.txt"], "--output x.json"),
    "no suffix": (["--output", "x"], "--output x.json"),
}


@pytest.mark.parametrize(("given", "fix"), REJECTED.values(), ids=REJECTED)
def test_certify_rejects_what_it_cannot_use_and_proposes_what_it_takes(answer, given, fix):
    status, out, err, written = answer("certify", *given)
    assert (status, out, written) == (status_with(err.splitlines()[0]), "", {})
    *_, last = err.splitlines()
    assert last.startswith("  fix: ")
    assert fix.endswith(last.removeprefix("  fix: "))
    assert answer("certify", *(fix.partition(" use ")[2] or fix).split())[0] in (0, 1)


@pytest.mark.parametrize("field", CONFIG)
def test_a_graph_takes_no_field_of_a_config(answer, field):
    value = [] if isinstance(UNET.get(field), bool) else ["3"]
    status, out, err, written = answer("certify", "smp_resnet34", field, *value)
    assert (status, out, written) == (2, "", {})
    assert f"smp_resnet34 with {field} can't be used." in err


def test_certify_without_an_axis_is_rejected_as_such(answer):
    assert answer("certify", "nnunet_3d_fullres")[2].startswith("certify without --axis can't be used.\n")


def test_certify_of_what_no_size_fits_says_so_plainly_with_a_fix_and_status_1(answer):
    status, out, _, written = answer("certify", "--conv-padding", "0")
    assert status == 1
    assert out.startswith("wrote certificate.json: no size fits UNet2Config(conv_padding=0) (Z3")
    assert out.endswith("\nfix: --conv-padding 1, for sizes n ≡ 0 (mod 2), n ≥ 2\n")
    assert list(written) == ["certificate.json"]


# The shape of an image: what is proposed for one that is not.

SHAPES = {  # what is given, and what is proposed
    "304x384x3": "3x304x384",
    "303x384x3": "3x303x384",
    "8x3x512x512": "3x512x512",
    "8x3x511x512": "3x511x512",
    "8x512x512x3": "3x512x512",
    "3x312x384x2": "3x312x384",
    "2x5x312x384": "5x312x384",
    "5x312x384x2": "1x312x384",
    "304x384": "1x304x384",
    "303x384": "1x303x384",
    "304": "1x304x304",
    "303": "1x304x304",
    "a picture": "1x304x384",
    "1x2x3x4x5": "1x304x384",
}
SETTINGS = {
    "as it is": [],
    "by 3": ["--pool-stride", "3", "--up-stride", "3"],
    "finite": ["--pool-stride", "3"],
}


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("command", "given"), list(product(["check", "stages", "draw"], SHAPES)))
def test_a_shape_that_is_not_one_image_is_rejected_with_the_image_that_was_meant_or_an_example(answer, command, given):
    status, _, err, written = answer(command, "--input", given)
    assert (status, written) == (2, {})
    (proposed,) = re.findall(r"  fix: --input (\S+?)(?:, for example)?\n", err)
    assert proposed == SHAPES[given]
    assert answer(command, "--input", proposed)[0] == (1 if {"303", "511"} & set(proposed.split("x")) else 0)


OF_PRESETS = [  # a preset, what is given, and what is proposed
    ("demucs", "44100x2", "2x44100"),
    ("demucs", "44100", "2x44100"),
    ("demucs", "8x2x44100", "2x44100"),
    ("demucs", "8x44100x2", "2x44100"),
    ("demucs", "9x9x9x9", "2x44100"),
    ("wave_unet", "1x", "1x131059"),
    ("unet3d", "96x160x160x3", "3x96x160x160"),
    ("unet3d", "96x160x160", "3x96x160x160"),
    ("unet3d", "90x160x160", "3x90x160x160"),
    ("unet3d", "8x96x160x160x3", "3x96x160x160"),
    ("unet3d", "304x384", "3x304x384x384"),
    ("nnunet_3d_fullres", "30x95x160", "1x30x95x160"),
    ("monai_unet", "16x16x16", "1x16x16x16"),
    ("smp_resnet34", "303x384", "3x303x384"),
    ("smp_resnet34", "304x384x3", "3x304x384"),
    ("ddpm", "304x384x3", "3x304x384"),
    ("smp_resnet34", "3x320x384x2", "3x320x384"),
    ("smp_resnet34", "8x5x320x384", "3x320x384"),
]


@pytest.mark.parametrize(("preset", "given", "proposed"), OF_PRESETS)
def test_a_shape_with_another_number_of_axes_or_the_channels_last_gets_one_for_the_preset(
    answer, preset, given, proposed
):
    status, _, err, _ = answer("check", preset, "--input", given)
    assert status == 2
    (found,) = re.findall(r"  fix: --input (\S+?)(?:, for example)?\n", err)
    assert found == proposed
    assert answer("check", preset, "--input", found)[0] in ((0,) if "for example" in err else (0, 1))


@pytest.mark.parametrize(("given", "flags"), list(product(["304", "a picture", "1x2x3x4x5"], SETTINGS.values())))
def test_the_shape_that_is_an_example_fits_the_config_that_is_given(answer, given, flags):
    _, _, err, _ = answer("check", "--input", given, *flags)
    (proposed,) = re.findall(r"  fix: --input (\S+?)(?:, for example)?\n", err)
    assert answer("check", "--input", proposed, *flags)[0] == 0


def test_a_config_that_no_image_fits_is_fixed_before_the_shape(answer):
    _, _, err, _ = answer("check", "--input", "304x384", "--conv-padding", "0")
    assert "  fix: --conv-padding 1, for sizes" in err
    assert answer("check", "--input", "304x384x4")[0] == 0  # what fits is taken as it is said


def test_sizes_proposes_a_config_wherever_check_does(answer):
    for given, status in (({"pool_stride": "3"}, 0), ({"conv_padding": "0"}, 1)):
        flags = [word for name, n in given.items() for word in (f"--{name.replace('_', '-')}", n)]
        found = answer("sizes", *flags)
        assert found[0] == status
        fix = dict(re.findall(r"(--\S+) (\d+)", re.search("fix: (.*), for sizes", found[1])[1]))
        kept = {flag: n for flag, n in zip(flags[::2], flags[1::2], strict=True) if flag not in fix}
        again = answer("sizes", *(word for pair in (kept | fix).items() for word in pair))
        assert again[0] == 0
        assert "fix" not in again[1]


# prove: what was expected and what came.


def test_prove_says_in_one_line_what_was_expected_and_that_it_came(answer, monkeypatch):
    monkeypatch.setattr("wellshaped.proofs_of_shape.THEOREMS", (THEOREMS[5], THEOREMS[-1]))
    status, out, _, _ = answer("prove", "--by", "z3")
    *rows, last = out.splitlines()
    assert status == 0
    assert last == "as expected: 1 theorem holds, and 1 false statement is refuted"
    assert "refuted, as expected" in rows[-1]


def test_prove_names_what_did_not_come(answer, monkeypatch):
    false = replace(THEOREMS[-1], counterexample=None)
    monkeypatch.setattr("wellshaped.proofs_of_shape.THEOREMS", (THEOREMS[5], false))
    status, out, _, _ = answer("prove", "--by", "z3")
    assert status == 1
    assert out.splitlines()[-1].endswith(f"not settled, or different: {false.name}")
