"""A model in somebody's code on the command line: ``sizes`` and ``check`` of ``module:object``."""

import json
import re
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from headlines import status_with

from wellshaped.cli import app, main
from wellshaped.spec import UNet2Config, save_config
from wellshaped.words.fields import FIELD_NAMES

NUMBERS = count()

CODE = """
import jax.numpy as jnp
from flax import nnx

print("this module prints")

class UNet(nnx.Module):
    def __init__(self):
        rngs = nnx.Rngs(0)
        self.down = nnx.Conv(3, 8, (2, 2), (2, 2), padding="VALID", rngs=rngs)
        self.up = nnx.ConvTranspose(8, 3, (2, 2), (2, 2), rngs=rngs)

    def __call__(self, x):
        return jnp.concatenate([x, self.up(self.down(x))], -1)

def make_unet():
    return UNet()

def squares(x):
    return jnp.concatenate([x, jnp.swapaxes(x, 1, 2)])

def joined(x, y):
    return jnp.concatenate([x, y], 0)

def never(x):
    return jnp.concatenate([x, x[:, 1:]], 0)

def nothing(config):
    return None

def broken(x):
    return x + undefined

def counted(x, indices):
    return x[indices]

def by_values(x):
    if x.sum() > 0:
        return x
    return -x

def by_values_if_large(x):
    return x if x.shape[0] < 9 or x.sum() > 0 else -x

def flagged(x, *, train):
    return x

def plain(x):
    halves = (x @ jnp.ones((3, 4)))[..., ::2, ::2, :]
    rows, columns, _ = halves.shape[-3:]
    rest = halves.shape[:-3]
    doubled = jnp.broadcast_to(halves[..., :, None, :, None, :], (*rest, rows, 2, columns, 2, 4))
    return jnp.concatenate([x, doubled.reshape(*rest, 2 * rows, 2 * columns, 4)], -1)

NUMBER = 3

def without_mode(x):
    raise ValueError("no such mode")

def of_four_axes(x):
    if x.ndim != 4:
        raise ValueError(f"{x.shape} must" + " be 4")
    return x
"""
"""``plain`` takes the sizes and channels of ``UNet``, and is traced in a fraction of its time."""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command beside a module with CODE: its exit status, its output, its errors, with the module as ``nets``."""
    monkeypatch.chdir(tmp_path)
    name = f"nets_of_a_user_{next(NUMBERS)}"
    (tmp_path / f"{name}.py").write_text(CODE)

    def run(*words):
        capsys.readouterr()
        status = main([word.replace("nets", name) for word in words])
        out, err = (text.replace(name, "nets") for text in capsys.readouterr())
        return status, out, err.removeprefix("this module prints\n")

    return run


@pytest.fixture
def rejected(run):
    """The lines of the error of a command."""

    def rejected(*words):
        status, out, err = run(*words)
        lines = err.splitlines()
        assert (status, out) == (status_with(lines[0]), "")
        assert lines[-1].startswith("  fix: ")
        return lines

    return rejected


def test_sizes_of_a_class_are_decided_and_the_nearest_named(run):
    status, out, err = run("sizes", "nets:UNet", "--input", "1xHxWx3", "--near", "303x384")
    assert (status, err) == (0, "")
    first, *lines = out.splitlines()
    assert first.startswith("nets:UNet on (1, H, W, 3) (flax ")
    assert re.fullmatch(r"  H( and W)?: n ≡ 0 \(mod 2\), n ≥ 2", lines[0])
    assert lines[1].startswith("    decided for every size (")
    assert lines[-5:] == [
        "    size 1 is not counted: the code runs, but an intermediate array is empty",
        "  H and W are independent: any sizes that fit do so together",
        "  output: (1, H, W, 6)",
        "  H: 303 does not fit; nearest: 302 and 304",
        "  W: 384 fits",
    ]


@pytest.mark.parametrize("network", ["nets:UNet", "nets:make_unet", "nets.py:UNet", "./nets.py:make_unet"])
def test_check_names_the_users_line_and_the_nearest_sizes(run, network):
    status, out, err = run("check", network, "--input", "1x303x384x3")
    subject, framework, fix = err.splitlines()
    assert (status, out, subject) == (1, "", f"{network} on (1, 303, 384, 3) does not fit.")
    assert framework.startswith(
        "  framework: TypeError at nets.py:14, `return jnp.concatenate([x, self.up(self.down(x))], -1)`: "
    )
    assert fix == "  fix: axis 1 (303): 302 (crop 1) or 304 (pad 1); all that fit: n ≡ 0 (mod 2), n ≥ 2"
    assert run("check", network, "--input", "1x304x384x3") == (
        0,
        f"{network} on (1, 304, 384, 3) fits: Flax accepts it. Output (1, 304, 384, 6).\n",
        "",
    )


def test_json_has_the_answer_and_nothing_that_the_module_prints(run):
    status, out, _ = run("sizes", "nets:UNet", "--input", "NxHxWx3", "303", "--json")
    answer = json.loads(out)
    assert status == 0
    assert answer["model"] == "nets:UNet"
    assert [answer["axes"][axis]["minimum"] for axis in "NHW"] == [1, 2, 2]
    assert answer["near"]["H"] == {"size": 303, "fits": False, "below": 302, "above": 304}
    status, out, _ = run("check", "nets:UNet", "--input", "1x303x384x3", "--json")
    assert status == 1
    assert json.loads(out)["fixes"] == ["axis 1 (303): 302 (crop 1) or 304 (pad 1); all that fit: n ≡ 0 (mod 2), n ≥ 2"]


def test_several_images_have_a_shape_each_and_may_have_a_dtype_each(run):
    status, out, err = run("sizes", "nets:joined", "--input", "AxB", "--input", "AxB")
    assert (status, err) == (0, "")
    assert re.search(r"^  A( and B)?: n ≥ 1$", out, re.M)
    assert run("check", "nets:joined", "--input", "2x3", "--input", "2x3")[0] == 0
    assert run("check", "nets:joined", "--input", "2x3", "--input", "2x4")[0] == 1
    images = ["--input", "100", "--input", "7"]
    assert run("check", "nets:counted", *images, "--dtype", "float32", "--dtype", "int32")[0] == 0
    assert run("check", "nets:counted", *images, "--dtype", "float32")[0] == 1


def test_sizes_that_do_not_fit_together_are_checked_together(run):
    status, out, _ = run("sizes", "nets:squares", "--input", "3xHxW", "--near", "64")
    assert status == 0
    assert "H and W depend on each other" in out
    assert out.endswith(
        "  H: 64 fits\n  W: 64 fits\nnets:squares on (3, 64, 64) fits: JAX accepts it. Output (6, 64, 64).\n"
    )


def test_a_network_that_no_size_fits_is_shown_with_an_example_and_status_1(run):
    status, out, err = run("sizes", "nets:never", "--input", "3xHxW")
    assert (status, err) == (1, "")
    assert "\n  H and W: no size was found; H was tried with W = 64, and W with H = 64\n" in out
    first = (
        "  note: never(x) takes an argument, so it was called with the image. If it makes the model, name a function"
    )
    assert out.replace("\n      ", " ").splitlines()[1].startswith(first)
    assert "  for example: nets:never on (3, 64, 64) does not fit.\n    framework: TypeError at nets.py:26, `" in out
    assert json.loads(run("sizes", "nets:never", "--input", "3xHxW", "--json")[1])["example"]["ok"] is False


@pytest.mark.parametrize(
    ("network", "shape", "error"),
    [
        ("never", "3xHxW", "TypeError"),  # found for all axes together
        ("never", "3xL", "TypeError"),  # for one axis
        ("of_four_axes", "3xHxHxWxD", "must be 4"),  # for each axis, with other numbers
    ],
)
def test_an_error_is_printed_once_in_the_example(run, network, shape, error):
    status, out, err = run("sizes", f"nets:{network}", "--input", shape)
    assert (status, err) == (1, "")
    assert out.count(error) == 1
    assert error in out.partition("  for example: ")[2]


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("given", "meant", "changes"),
    [
        ("3x304x384", "304x384x3", "channels last"),
        ("3x303x384", "304x384x3", "channels last; 303 padded to 304"),
        ("1x3x303x384", "1x304x384x3", "channels last; 303 padded to 304"),
        ("303x384", "304x384x3", "3 channels last; 303 padded to 304"),
        ("304x384x1", "304x384x3", "3 channels in place of 1"),
        ("303x384x1", "304x384x3", "3 channels in place of 1; 303 padded to 304"),
        ("3x64x1", "4x64x3", "3 channels in place of 1; 3 padded to 4"),
        ("2x1x64x1", "2x2x64x3", "3 channels in place of 1; 1 padded to 2"),
    ],
)
def test_where_no_size_fits_check_proposes_an_order_or_channels_with_which_one_does(
    run, rejected, given, meant, changes
):
    assert rejected("check", "nets:plain", "--input", given)[-1] == f"  fix: --input {meant} ({changes})"
    assert run("check", "nets:plain", "--input", meant)[0] == 0


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("given", "fix"),
    [
        ("3x64x3", "axis 0 (3): 2 (crop 1) or 4 (pad 1)"),
        ("1x64x3", "axis 0 (1): 2 (pad 1)"),
        ("64x3x3", "axis 1 (3): 2 (crop 1) or 4 (pad 1)"),
        ("2x1x64x3", "axis 1 (1): 2 (pad 1)"),
        ("3x64x3x3", "axis 2 (3): 2 (crop 1) or 4 (pad 1)"),
    ],
)
def test_a_size_as_small_as_channels_is_changed_if_others_along_its_axis_fit(rejected, given, fix):
    *_, line = rejected("check", "nets:plain", "--input", given)
    assert line == f"  fix: {fix}; all that fit: n ≡ 0 (mod 2), n ≥ 2"


def test_where_no_order_fits_check_says_what_it_needs(rejected):
    *_, warning, fix = rejected("check", "nets:never", "--input", "3x64x64")
    assert warning.startswith("  warning: called: never(x) takes an argument, so it was called with the image. If it")
    assert fix == "  fix: --input with the axes and channels that the model takes, in its order"


def test_an_error_that_is_not_about_axes_is_corrected_in_its_line(rejected, run):
    *_, fix = rejected("check", "nets:without_mode", "--input", "3x64x64")
    assert fix == "  fix: correct nets.py:58"
    status, out, _ = run("sizes", "nets:without_mode", "--input", "3xHxW")
    assert (status, out.splitlines()[-1]) == (1, "  fix: correct nets.py:58")


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    ("given", "meant", "changes"),
    [
        ("3xHxW", "HxWx3", "channels last"),
        ("HxWx1", "HxWx3", "3 channels in place of 1"),
        ("5xHxWx4", "5xHxWx3", "3 channels in place of 4"),
        ("3xWx3", "4xWx3", "4 in place of 3"),  # an odd height
    ],
)
def test_where_no_size_fits_sizes_proposes_an_order_or_channels_with_which_one_does(run, given, meant, changes):
    status, out, _ = run("sizes", "nets:plain", "--input", given)
    assert (status, out.splitlines()[-1]) == (1, f"  fix: --input {meant} ({changes})")
    assert "in combination" not in out  # the fix says why
    assert json.loads(run("sizes", "nets:plain", "--input", given, "--json")[1])["fix"] == f"--input {meant}"
    assert run("sizes", "nets:plain", "--input", meant)[0] == 0


@pytest.mark.parametrize("words", [["sizes", "--input", "HxWx3"], ["check", "--input", "64x64x3"]])
def test_code_that_branches_on_values_cant_be_decided_and_its_line_says_why(rejected, words):
    command, *shape = words
    assert rejected(command, "nets:by_values", *shape) == [
        "nets:by_values can't be decided.",
        "  values: nets.py:38, `if x.sum() > 0:`, branches on values, and wellshaped sees only shapes.",
        "  fix: use jnp.where in place of a branch, or name only the part of the model that needs no values",
    ]


def test_sizes_that_need_no_values_are_known_beside_those_that_do(run):
    status, out, _ = run("sizes", "nets:by_values_if_large", "--input", "H")
    assert status == 0
    assert out.splitlines()[1] == "  H: {1, 2, 3, 4, 5, 6, 7, 8}"
    why = "not known: n ≥ 9, because nets.py:43, `return x if x.shape[0] < 9 or x.sum() > 0 else -x`, branches on"
    assert why in " ".join(out.split())


def test_capitals_without_an_x_between_them_are_doubted_where_no_size_fits(run):
    status, out, _ = run("sizes", "nets:UNet", "--input", "HWx3")
    assert status == 1
    assert out.splitlines()[-1] == "  fix: --input HxWx3, if each letter is a size"
    assert run("sizes", "nets:UNet", "--input", "HxWx3")[0] == 0


def test_a_function_that_returns_nothing_does_not_fit(rejected):
    for words in ("sizes", "--input", "3xL"), ("check", "--input", "3x5"):
        command, *shape = words
        lead, trace, called, made, fix = rejected(command, "nets:nothing", *shape)
        assert lead == "nets:nothing can't be read."
        assert trace == "  trace: nothing returns no array, and must return an array for an image."
        assert called.startswith(
            "  warning: called: nothing(config) takes an argument, so it was called with the image."
        )
        assert made.startswith("  fix: if nothing makes the model: def make_model(): return nothing(config=…), in your")
        assert fix == "  fix: a model that returns an array"


def test_an_image_too_few_is_answered_with_the_option_again(rejected):
    *_, fix = rejected("sizes", "nets:joined", "--input", "2xL")
    assert fix.startswith("  fix: --input again for each further image; for a flag, name a function of images")


@pytest.mark.parametrize(
    "command", [["sizes", "--input", "3xHxW"], ["check", "--input", "3x4x4"]], ids=["sizes", "check"]
)
def test_an_error_in_the_code_is_one_message_with_the_users_line(rejected, command):
    name, *rest = command
    assert rejected(name, "nets:broken", *rest) == [
        "nets:broken can't be read.",
        "  trace: NameError at nets.py:32, `return x + undefined`: name 'undefined' is not defined.",
        "  fix: correct nets.py:32",
    ]
    assert rejected(name, "nets:make_unett", *rest)[-1] == "  fix: nets:make_unet"
    assert rejected(name, "nets.py:make_unett", *rest)[-1] == "  fix: nets.py:make_unet"
    assert rejected(name, "netsz.py:make_unet", *rest)[-1] == "  fix: nets.py:make_unet"
    assert rejected(name, "nets:", *rest)[-1] == "  fix: my_package.nets:make_unet"


CANT = {  # a command, what is wrong, and the fix
    "plan nets:UNet --input 3x304x384": ("only sizes and check take a model in your code", None),
    "stages nets:UNet --input 3x304x384": ("only sizes and check take a model in your code", None),
    "draw nets:UNet --input 3x304x384": ("only sizes and check take a model in your code", None),
    "plan nets:UNet --input 1x3x304x384": (
        "only sizes and check take a model in your code",
        "wellshaped sizes nets:UNet --input 1x3xHxW, or wellshaped check nets:UNet --input 1x3x304x384",
    ),
    "certify nets:UNet": (
        "only sizes and check take a model in your code",
        "wellshaped sizes nets:UNet --input HxWx3, or 1x3xHxW for PyTorch",
    ),
    "input-for nets:UNet 3": (
        "only sizes and check take a model in your code",
        "wellshaped sizes nets:UNet --input HxWx3, or 1x3xHxW for PyTorch",
    ),
    "sizes milesial --input 3x304x384": (
        "wellshaped sizes asks about sizes without channels; --input is for a model in your code",
        "wellshaped sizes milesial 304x384, or wellshaped check milesial --input 3x304x384",
    ),
    "sizes nets:UNet": (
        "sizes needs the shape of an image",
        "wellshaped sizes nets:UNet --input HxWx3, or 1x3xHxW for PyTorch",
    ),
    "check nets:UNet": (
        "check needs the shape of an image",
        "wellshaped check nets:UNet --input 304x384x3, or 1x3x304x384 for PyTorch",
    ),
    "sizes nets:UNet --input 1x16x16x3": (
        "1x16x16x3 has no open size; write a name for each",
        "--input 1xHxWx3, or wellshaped check nets:UNet --input 1x16x16x3",
    ),
    "check nets:UNet --input 1xHxWx3": (
        "it is '1xHxWx3', and check needs a number ≥ 1 for each axis of the image",
        "--input 1x304x384x3, for example; or wellshaped sizes nets:UNet --input 1xHxWx3",
    ),
    "check nets:UNet --input NxHxWxC": (
        "and check needs a number ≥ 1 for each axis of the image",
        "--input 1x304x384x3, for example; or wellshaped sizes nets:UNet --input NxHxWxC",
    ),
    "check nets:UNet --input 3xDxHxW": (
        "and check needs a number ≥ 1 for each axis of the image",
        "--input 3x96x160x160, for example; or wellshaped sizes nets:UNet --input 3xDxHxW",
    ),
    "check nets:UNet --input 1x0x16x3": (
        "it is '1x0x16x3', and check needs a number ≥ 1 for each axis of the image",
        "--input 3x304x384, for example",
    ),
    "sizes nets:UNet --input 0xWx3": ("it is '0xWx3', and a number must be at least 1", '"N 3 H W" or "3xHxW"'),
    "sizes nets:UNet --input 3x-1xW": ("must be a text of numbers and names of open sizes", '"N 3 H W" or "3xHxW"'),
    "sizes nets:UNet --input 1xHxWx3 --near 1x2x3": (
        "it has 3 numbers; give one for all axes, or 2: H and W",
        "--near 1x2, for example",
    ),
    "sizes nets:UNet --input 1xHxWx3 --near x": ("it is not a number", "--near 64"),
    "sizes nets:UNet --input 1xHxWx3 --near 303x": ("it is not a number", "--near 303"),
    "sizes nets:UNet --input 1xHxWx3 --near 303x384x": ("it is not a number", "--near 303x384"),
    "sizes nets:UNet --input 1xHxWx3 --levels 3": ("a model in your code, which has no --levels", "leave out --levels"),
    "check nets:UNet --input 1x4x4x3 --out-channels 3": ("which has no --out-channels", "leave out --out-channels"),
    "check nets:UNet --input 1x4x4x3 --dtype flaot16": ("it must be one of float32, float16", "--dtype float16"),
    "check nets:UNet --input 1x4x4x3 --dtype bool --dtype bool": (
        "there are 2 dtypes for 1 image; give one for all or for each",
        "--dtype bool",
    ),
    "plan nets:UNet": (
        "only sizes and check take a model in your code",
        "wellshaped sizes nets:UNet --input HxWx3, or 1x3xHxW for PyTorch",
    ),
    "sizes nets.py --input 3xHxW": (
        "the name of the model in it is missing",
        "wellshaped sizes nets.py:make_unet --input 3xHxW",
    ),
    "check nets --input 3x4x4": (
        "the name of the model in it is missing",
        "wellshaped check nets:make_unet --input 3x4x4",
    ),
    "plan nets.UNet --input 3x4x4": (
        "the name of the model in it is missing",
        "wellshaped sizes nets:UNet --input HxWx3, or 1x3xHxW for PyTorch",
    ),
    "sizes nnunet_3d_fullres --input 1xDxHxW": (
        "wellshaped sizes asks about sizes without channels",
        "wellshaped sizes nnunet_3d_fullres 96x160x160, or wellshaped check nnunet_3d_fullres --input 1x96x160x160",
    ),
    "sizes unet --input 1x3x512x512": (
        "wellshaped sizes asks about sizes without channels",
        "wellshaped sizes unet 512x512, or wellshaped check unet --input 3x512x512",
    ),
    "check milesial --dtype float16": ("only a model in your code has a dtype", "leave out --dtype"),
    "sizes milesial --dtype float16": ("only a model in your code has a dtype", "leave out --dtype"),
}
LIKELY = {  # a source file, and what may be its network
    "parts are not proposed": (
        """
class Up(nn.Module):
    def __init__(self, channels): ...
class UNet(nn.Module):
    def __init__(self, width=8):
        self.up = Up(8)
def crop(x, y): ...
def show_network(): print("no network")
""",
        ["UNet"],
    ),
    "nor is a class that a function makes": (
        "class UNet(nnx.Module):\n  def __init__(self, *, rngs): ...\ndef small():\n  return UNet(rngs=nnx.Rngs(0))",
        ["small"],
    ),
    "or that an object is made of": ("class Net(Module): ...\nunet = Net()", ["unet"]),
    "an object of a framework": ("blocks = nn.Sequential()\nsizes = range(3)", ["blocks"]),
    "one that needs no arguments comes first": (
        "class A(nn.Module):\n  def __init__(self, n): ...\nclass B(A):\n  def __init__(self): ...",
        ["B"],
    ),
    "fields without a default are arguments": (
        "class A(linen.Module):\n  n: int\nclass B(linen.Module):\n  n: int = 3",
        ["B"],
    ),
    "also if all need arguments": ("class Net(nn.Module):\n  def __init__(self, n): ...", ["Net"]),
    "a base of the file": ("class Base(nn.Module): ...\nclass Block(Base): ...", ["Base", "Block"]),
    "a class that can be called": ("class A:\n  def __call__(self, x): ...\nclass B: ...", ["A"]),
    "several": ("\n".join(f"class {name}(nn.Module): ..." for name in "ABCDE"), ["A", "B", "C"]),
    "functions of images": ("def crop(x): ...\ndef unet(x): ...", ["unet"]),
    "nothing": ("NUMBER = 3", ["make_unet"]),
    "no Python": ("def", ["make_unet"]),
}


@pytest.mark.parametrize("what", LIKELY)
def test_a_file_without_a_name_is_answered_with_what_is_most_probably_its_network(rejected, tmp_path, what):
    text, names = LIKELY[what]
    (tmp_path / "likely.py").write_text(text)
    first, *others = (f"likely.py:{name}" for name in names)
    more = f"; or name {' or '.join(others)}" if others else ""
    *_, fix = rejected("sizes", "likely.py", "--input", "1x3xHxW")
    assert fix == f"  fix: wellshaped sizes {first} --input 1x3xHxW{more}"


_OTHERS = "wellshaped sizes nets:UNet --input 3xHxW, or wellshaped check nets:UNet --input 3x304x384"


@pytest.mark.parametrize("words", CANT)
def test_what_cant_be_used_is_rejected_with_what_to_type(rejected, words):
    says, fix = CANT[words]
    lines = rejected(*words.split())
    assert says in lines[1]
    assert lines[-1] == f"  fix: {fix or _OTHERS}"


@pytest.mark.parametrize("command", ["sizes", "check"])
def test_every_field_of_a_config_is_rejected_for_a_model_in_code(rejected, command):
    shape = {"sizes": "1xHxWx3", "check": "1x4x4x3"}[command]
    known = {of.name for of in app[command].assemble_argument_collection() if not of.children}
    flags = [f"--{name.replace('_', '-')}" for name in FIELD_NAMES]
    assert set(flags) <= known
    for flag in flags:
        value = [] if flag in ("--residual", "--bias", "--head") else ["3"]
        assert f"which has no {flag}." in rejected(command, "nets:UNet", "--input", shape, flag, *value)[1]


def test_a_preset_and_a_config_keep_their_names_beside_code_of_the_same_name(run, tmp_path):
    for name in ("unet", "unet2", "milesial"):
        (tmp_path / f"{name}.py").write_text(CODE)
        for command in ("sizes", "check"):
            assert run(command, name)[0] == 0
    save_config(UNet2Config(), "milesial.toml")
    assert run("check", "milesial.toml")[0] == 0
    assert run("check", "milesial.tomll")[2].endswith("  fix: milesial.toml\n")


@pytest.mark.parametrize("command", ["sizes", "check"])
def test_the_help_shows_a_model_in_code(command, capsys):
    assert main([command, "--help"]) == 0
    out = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert f"wellshaped {command} my_package.nets:make_unet --input" in out
    assert "which runs that code" in out


def test_the_program_finds_modules_in_the_current_directory_and_loads_jax_only_for_them(tmp_path):
    (tmp_path / "far.py").write_text("def f(x):\n    return x\n")
    program = "import sys; from wellshaped.cli import main; main(sys.argv[1:]); print('jax' in sys.modules)"
    for words, loads in (["far:f", "--input", "3xHxW"], True), (["milesial"], False):
        command = [sys.executable, "-P", "-c", program, "sizes", *words]
        ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
        assert ran.stdout.splitlines()[-1] == str(loads), ran
    assert Path(tmp_path / "far.py").exists()
