"""The command line, as a sceptical user meets it: what it answers, what it rejects, and with which exit status."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest
from configs import configs, fitting_configs
from headlines import status_with
from hypothesis import given, settings
from hypothesis import strategies as st

from wellshaped.cli import app, main
from wellshaped.cli.network import ConfigFlags, network_of
from wellshaped.proofs_of_shape import THEOREMS
from wellshaped.spec import (
    FIELDS,
    PRESETS,
    Conv,
    Network,
    Node,
    Pad,
    Require,
    UNet2Config,
    UNetConfig,
    check,
    check_config,
    check_unet_config,
    compatible_shapes,
    compatible_sizes,
    save_config,
    save_network,
    stages,
)
from wellshaped.spec.presets.sources import SOURCES
from wellshaped.spec.unet.by_level import BY_LEVEL, entries
from wellshaped.spec.unet.choices import CHOICES as UNET_CHOICES
from wellshaped.words.fields import as_flag
from wellshaped.words.fixes import typed
from wellshaped.words.sizes import lines_of

FLAGS = {name: f"--{name.replace('_', '-')}" for name in FIELDS}
UNET = {f.name: f for f in fields(UNetConfig)}
UNET_FLAGS = {name: f"--{name.replace('_', '-')}" for name in UNET}
UNET_COUNTS = {name: flag for name, flag in UNET_FLAGS.items() if type(UNET[name].default) is int}
COUNTS = FLAGS | UNET_COUNTS | {"out_channels": "--out-channels"}
COMMANDS = {"check": ["check"], "sizes": ["sizes"], "stages": ["stages", "--input", "1x4x4"]}
ODD = (
    "input (1, 303, 384) of UNet2Config() does not fit.\n"
    "  merged (h_upH): height: skip1 is 303, up is 302, and they must be equal.\n"
    "    x 303 → pooled 151 → up 302\n"
    "  fix: height 302 (crop 1) or 304 (pad 1); all heights that fit: n ≡ 0 (mod 2), n ≥ 2\n"
    "  fix: x[:, :302, :384] or jnp.pad(x, ((0, 0), (0, 1), (0, 0)))\n"
)


@pytest.fixture
def run(capsys):
    """Run a command in this process: its exit status, its output, its errors."""

    def run(*arguments):
        status = main([str(argument) for argument in arguments])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def rejected(run):
    """The lines of the error of a command: few, the first says what and the last how to fix it."""

    def rejected(*arguments):
        status, out, err = run(*arguments)
        lines = err.splitlines()
        assert (status, out) == (status_with(lines[0]), "")
        assert lines[-1].startswith("  fix: ")
        assert len(lines) <= 10
        return lines

    return rejected


def flags_of(cfg):
    return [word for name, value in asdict(cfg).items() for word in (FLAGS[name], str(value))]


# check


def test_check_says_which_sizes_fit_and_exits_with_status_0(run):
    fits = "sizes that fit, for height and width alike: n ≡ 0 (mod 2), n ≥ 2\n"
    assert run("check") == (0, f"UNet2Config() is well-formed: all 14 rules hold.\n{fits}", "")
    subject, output = "input (1, 304, 384) of UNet2Config()", "The output has size 304×384."
    assert run("check", "--input", "1x304x384") == (0, f"{subject} fits: all 49 rules hold. {output}\n{fits}", "")


@pytest.mark.parametrize("command", ["check", "stages", "draw"])
def test_an_odd_height_is_rejected_with_the_nearest_heights_and_exit_status_1(run, command):
    assert run(command, "--input", "1x303x384") == (1, "", ODD)


def test_an_image_of_one_row_is_rejected_and_padded(run):
    assert run("check", "--input", "1x1x384") == (
        1,
        "",
        "input (1, 1, 384) of UNet2Config() does not fit.\n"
        "  pooled: height: pooled is 0, and must be at least 1.\n"
        "    x 1 → pooled 0\n"
        "  fix: height 2 (pad 1); all heights that fit: n ≡ 0 (mod 2), n ≥ 2\n"
        "  fix: jnp.pad(x, ((0, 0), (0, 1), (0, 0)))\n",
    )


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_an_ill_formed_config_is_rejected_with_all_that_is_wrong(run, command):
    status, out, err = run(*command, "--pool-stride", 0, "--base-channels", 0)
    lines = err.splitlines()
    assert (status, out) == (1, "")
    assert lines[:2] == [
        "UNet2Config(pool_stride=0, base_channels=0) is not well-formed.",
        "  poolStride_ne0, baseC_pos: pool_stride=0 must be at least 1; base_channels=0 must be at least 1.",
    ]
    assert lines[-1] == "  fix: --pool-stride 2 --base-channels 64"
    assert len(lines) == 3  # what is no network leaves nothing to say of an image that has pixels


def test_a_config_that_no_image_fits_is_rejected_with_one_that_images_fit(run):
    assert run("check", "--conv-padding", 0) == (
        1,
        "",
        "UNet2Config(conv_padding=0) does not fit.\n"
        "  compatible_sizes: no image fits: no size meets every rule.\n"
        "  fix: --conv-padding 1, for sizes n ≡ 0 (mod 2), n ≥ 2\n",
    )
    assert run("sizes", "--conv-padding", 0) == (
        1,
        "sizes that fit UNet2Config(conv_padding=0): no size\n"
        "  for example: input (1, 304, 384) of UNet2Config(conv_padding=0) does not fit.\n"
        "    down1_1 (h_convH): height: down1_1 is 302, x is 304, and they must be equal.\n"
        "      x 304 → down1_1 302\n"
        "    down1_2 (h_convH): height: with down1_1 fixed, down1_2 would be 302, s1 would be 304, and they\n"
        "        must be equal.\n"
        "    down1_1 (h_convW): width: down1_1 is 382, x is 384, and they must be equal.\n"
        "      x 384 → down1_1 382\n"
        "    and 9 more, at down1_2, down2_1, down2_2 and 2 others.\n"
        "fix: --conv-padding 1, for sizes n ≡ 0 (mod 2), n ≥ 2\n",
        "",
    )


@settings(max_examples=60)
@given(configs | fitting_configs(), st.integers(0, 3), st.integers(0, 3), st.integers(0, 12), st.integers(0, 12))
def test_the_exit_status_of_check_is_the_verdict_of_the_specification(cfg, in_channels, out_channels, height, width):
    expected = check(cfg, (in_channels, height, width), out_channels=out_channels)
    image = ["--input", f"{in_channels}x{height}x{width}", "--out-channels", str(out_channels)]
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        status = main(["check", *image, *flags_of(cfg)])
    text = out.getvalue() + err.getvalue()
    assert status == (0 if expected.ok else 1)
    assert text.startswith(str(typed(expected, image)))
    assert len(text.splitlines()) <= 10


@pytest.mark.parametrize(
    ("arguments", "report"),
    [
        (["--input", "1x304x384"], check(UNet2Config(), (1, 304, 384))),
        (["--input", "1x303x384", "--out-channels", 3], check(UNet2Config(), (1, 303, 384), out_channels=3)),
        (["--pool-stride", 0], check_config(UNet2Config(pool_stride=0))),
        (["unet", "--levels", 0], check_unet_config(UNetConfig(levels=0), 1, 1)),
    ],
)
def test_check_prints_its_report_as_json(run, arguments, report):
    status, out, err = run("check", "--json", *arguments)
    assert (status, json.loads(out), err) == (0 if report.ok else 1, report.to_dict(), "")


def test_check_without_an_image_judges_the_config_and_whether_any_image_fits(run):
    answer = json.loads(run("check", "--json")[1])
    fits = {"name": "compatible_sizes", "holds": True, "says": "some size meets every rule", "about": "", "at": ""}
    report = check_config(UNet2Config()).to_dict()
    assert answer == report | {"verdicts": [*report["verdicts"], fits]}


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["--pool-stride", -1], "natural"),
        (["--out-channels", "two"], "natural"),
        (["--up-kernel", "9" * 5000], "digits"),
        (["--input", "303x384"], "input"),
        (["missing.toml"], "file"),
        (["milesail"], "network"),
        (["unet3d", "--levels", 3], "network"),
        (["--conv-padding", 0], "compatible_sizes"),
    ],
)
def test_check_prints_every_error_as_json(run, arguments, rule):
    status, out, err = run("check", "--json", *arguments)
    answer = json.loads(out)
    expected = 1 if rule == "compatible_sizes" else 2
    assert (status, answer["ok"], err) == (expected, False, "")
    assert [c["name"] for c in answer["verdicts"] if not c["holds"]] == [rule]
    assert answer["fixes"]


# sizes


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ([], ""),
        ([303], "303 does not fit; nearest: 302 and 304\n"),
        (["--near", 303], "303 does not fit; nearest: 302 and 304\n"),
        ([304], "304 fits\n"),
        ([0], "0 does not fit; nearest: 2\n"),
        ([1], "1 does not fit; nearest: 2\n"),
        ([10**30 + 1], f"{10**30 + 1} does not fit; nearest: {10**30} and {10**30 + 2}\n"),
    ],
)
def test_sizes_gives_the_set_and_the_nearest_below_and_above(run, arguments, answer):
    assert run("sizes", *arguments) == (
        0,
        f"sizes that fit unet2, the default network: n ≡ 0 (mod 2), n ≥ 2\n{answer}",
        "",
    )


def test_sizes_of_a_finite_set_has_no_nearest_above_its_end(run):
    assert run("sizes", 9, "--pool-stride", 3) == (
        0,
        "sizes that fit UNet2Config(pool_stride=3): {2}\n9 does not fit; nearest: 2\n"
        "fix: --up-stride 3, for sizes n ≡ 2 (mod 3), n ≥ 2\n",
        "",
    )


def test_sizes_prints_json(run):
    status, out, err = run("sizes", 303, "--json", "--base-channels", 8)
    assert (status, err) == (0, "")
    even = {"sizes": "n ≡ 0 (mod 2), n ≥ 2", "minimum": 2, "maximum": None, "period": 2, "residues": [0]}
    assert json.loads(out) == {
        "network": "UNet2Config(base_channels=8)",
        "config": asdict(UNet2Config(base_channels=8)),
        "axes": {"height": even, "width": even},
        "together": [],
        "enough": [2, 2],
        "near": [303, 303],
        "below": [302, 302],
        "above": [304, 304],
    }


def test_sizes_are_shown_for_each_axis_where_the_axes_differ(run):
    lead = (
        "sizes that fit nnunet_3d_fullres:\n"
        "  depth: n ≡ 0 (mod 16), n ≥ 16\n"
        "  height and width: n ≡ 0 (mod 32), n ≥ 32\n"
        "  some combinations of these sizes are too small (a norm would see a single position); 32×32×32 fits\n"
    )
    assert run("sizes", "nnunet_3d_fullres") == (0, lead, "")
    near = "30×95×160 does not fit; nearest: 16×64×160 and 32×96×160\n"
    assert run("sizes", "nnunet_3d_fullres", "30x95x160") == (0, lead + near, "")
    near = "64 fits\n"
    assert run("sizes", "nnunet_3d_fullres", "--near", 64) == (0, lead + near, "")


def test_sizes_near_one_that_fits_each_axis_but_not_all_together_are_of_the_whole_image(run):
    _, out, _ = run("sizes", "unet", "--levels", 4, "--norm", "instance", "--near", 16)
    assert out.splitlines()[-1] == "16×16 does not fit; nearest: 32×16"


def test_what_is_needed_over_all_axes_together_is_shown_with_sizes_that_fit():
    nodes = (Node("p", Pad(1)), Node("r", Require(positions=36)), Node("y", Conv(3, 2)))
    assert lines_of(compatible_shapes(Network({"x": 4}, nodes))) == [
        "sizes that fit, for height and width alike: n ≥ 1",
        "  some combinations of these sizes are too small (a node needs 36 positions over all axes); 4×4 fits",
    ]


@pytest.mark.parametrize(
    ("near", "fix"), [("30x95", "30x95x95, for example"), ("3x30x95x160", "30x95x160"), ("1x2x3x4x5", "1x2x3")]
)
@pytest.mark.parametrize(
    ("command", "named", "before"), [("sizes", "--near", "--near "), ("input-for", "the size", "")]
)
def test_sizes_of_another_number_of_axes_are_rejected_with_the_sizes_that_were_typed(
    rejected, command, named, before, near, fix
):
    lead, says, last = rejected(command, "unet3d", near)
    assert lead == f"{named} {near} can't be used."
    assert "give one for all axes, or 3: depth, height and width" in says
    assert ("leave out the channels" in says) == (near == "3x30x95x160")
    assert last.startswith(f"  fix: {before}{fix}")


@pytest.mark.parametrize(
    ("command", "given", "meant"),
    [
        (["sizes", "smp_resnet34", "--near"], "300x400x3", "--near 300x400"),
        (["sizes", "smp_resnet34", "--near"], "3x300x400", "--near 300x400"),
        (["sizes", "milesial", "--near"], "300x400x1", "--near 300x400"),
        (["input-for", "ronneberger2015"], "388x512x3", "388x512"),
        (["input-for", "ronneberger2015"], "388x390x2", "388x390"),
        (["sizes", "unet3d", "--near"], "1x4x4x4", "--near 4x4x4"),
        (["sizes", "unet3d", "--near"], "90x100x110x3", "--near 90x100x110"),
    ],
)
def test_sizes_with_channels_are_proposed_without_them(rejected, command, given, meant):
    says, fix = rejected(*command, given)[1:]
    assert says.endswith("; leave out the channels.")
    assert fix == f"  fix: {meant}"


@pytest.mark.parametrize("command", [["sizes", "milesial", "--near"], ["input-for", "ronneberger2015"]])
@pytest.mark.parametrize("typed", ["388.5", "-388", "-388.5"])
def test_a_size_that_is_not_natural_is_proposed_as_the_natural_number_near_it(rejected, command, typed):
    assert rejected(*command, typed)[-1] == f"  fix: {'--near ' if '--near' in command else ''}388"


@pytest.mark.parametrize(
    ("typed", "meant"), [("388x", "388"), ("388x390x", "388x390"), ("(388", "388"), ("388x390x3x", "188"), ("x", "188")]
)
def test_a_size_with_a_separator_too_many_is_proposed_without_it(rejected, typed, meant):
    assert rejected("input-for", "ronneberger2015", typed)[-1] == f"  fix: {meant}"


def test_a_fix_of_the_channels_is_the_whole_input(rejected):
    for command in ("check", "plan"):
        assert rejected(command, "smp_resnet34", "--input", "4x512x704")[-1] == "  fix: --input 3x512x704"


def test_commands_about_sizes_say_what_to_type_instead_of_an_image(run):
    for words, name in ((["milesial", "--input", "3x303x384"], "milesial "), (["--input=3x303x384"], "")):
        for command in ("sizes", "input-for"):
            status, out, err = run(command, *words)
            *lead, fix = err.splitlines()
            assert (status, out) == (2, "")
            assert fix == f"  fix: wellshaped {command} {name}303x384, or wellshaped check {name}--input 3x303x384"
            assert (
                lead
                == {
                    "input-for": ["input-for has no --input: it takes sizes, without channels."],
                    "sizes": [
                        "--input can't be used.",
                        "  input: wellshaped sizes asks about sizes without channels; "
                        "--input is for a model in your code.",
                    ],
                }[command]
            )


def test_check_takes_one_image_of_a_network_that_is_not_code(rejected):
    *lead, fix = rejected("check", "--input", "1x4x4", "--input", "1x2x2")
    assert lead == ["--input can't be used.", "  input: it is given 2 times, and a network takes one image."]
    assert fix == "  fix: --input 1x4x4"


# tiles


MILESIAL = """\
milesial, y, height and width:
  receptive field: 188 to 204 positions
  halo: 107 before and 107 after (94 and 94 for cores at multiples of the total stride)
  total stride: 16
"""


def test_tiles_shows_what_a_network_reads_and_where_tiles_stand(run):
    assert run("tiles", "milesial") == (0, MILESIAL, "")
    status, out, err = run("tiles", "milesial", "--input", "3x1024x504", "--tile", "512")
    assert (status, err) == (0, "")
    assert out == MILESIAL + (
        "3 tiles of 512×504 for an image of 1024×504: 50 % of the image is computed again\n"
        "  height: tiles start at 0, 320, 512; cores start at 0, 418, 738, and end at 1024\n"
        "  width: tiles start at 0; cores start at 0, and end at 504\n"
    )
    of_many = run("tiles", "milesial", "--input", "3x8192x504", "--tile", "512x504")[1]
    assert (
        "height: tiles start at 0, 320, 640, …, 7680; cores start at 0, 418, 738, …, 7778, and end at 8192" in of_many
    )


def test_tiles_prints_json(run):
    status, out, err = run("tiles", "milesial", "--input", "3x1024x512", "--most", "300000", "--json")
    answer = json.loads(out)
    assert (status, err) == (0, "")
    assert answer["axes"]["height"]["aligned"] == [94, 94]
    assert answer["axes"]["height"]["total_stride"] == 16
    assert answer["count"] == len(answer["tiles"][0]) * len(answer["tiles"][1])
    assert answer["tile"][0] * answer["tile"][1] <= 300_000


WORK = "2.64 times the work of the whole image"


@pytest.mark.parametrize(
    ("words", "says", "fix"),
    [
        (["--tile", "100"], "reads beyond its edges", f"--tile 416 ({WORK})"),
        (["--most", "10"], "no tiles have at most 10 positions", f"--most 173056 ({WORK})"),
        (["--tile", "512", "--most", "9"], "--tile already says how large the tiles are", "--tile without --most"),
        (["--tile", "x"], "needs a natural number, or one for each of 2 axes", "--tile 512x512"),
        (["--tile", "5x5x5"], "needs a natural number, or one for each of 2 axes", "--tile 512x512"),
        (["--most", "many"], "is not a number", "--most 1000000"),
    ],
)
def test_tiles_that_are_not_possible_are_rejected_with_those_that_are(rejected, words, says, fix):
    lines = rejected("tiles", "milesial", "--input", "3x1024x1024", *words)
    assert says in "\n".join(lines)
    assert next(line for line in lines if line.startswith("  fix: ")) == f"  fix: {fix}"


def test_a_network_that_reads_the_whole_image_is_shown_and_not_tiled(run, rejected):
    says = "conv_0.conv_0.adn.N (instance norm) reads the whole image"
    assert f"unbounded; {says}" in run("tiles", "monai_basicunet")[1]
    lines = rejected("tiles", "monai_basicunet", "--input", "1x64x64x64", "--tile", "32")
    assert says in "\n".join(lines)
    assert lines[-1] == "  fix: run the whole image at once, without tiles"


def test_the_smallest_tiles_are_shown_for_an_image(run):
    assert run("tiles", "milesial", "--input", "3x1024x512")[1] == f"{MILESIAL}smallest tiles: 208×208\n"
    assert run("tiles", "milesial", "--input", "3x64x64")[1] == f"{MILESIAL}no tiles are smaller than the image\n"


def test_many_small_tiles_are_counted_in_images(run):
    said = run("tiles", "milesial", "--input", "3x1024x1024", "--tile", "208")[1]
    assert "2704 tiles of 208×208 for an image of 1024×1024: the image is computed 112 times\n" in said


def test_tiles_of_no_image_are_asked_for_one(rejected):
    assert rejected("tiles", "milesial", "--tile", "512")[-1] == "  fix: add --input 3x8192x8192, for example"


# bioimage


def test_bioimage_shows_the_numbers_of_a_network_and_what_they_leave_out(run):
    status, out, err = run("bioimage", "milesial")
    assert (status, err) == (0, "")
    assert out.startswith(
        "milesial in the BioImage Model Zoo:\n"
        "  input x, axes y and x: min 208, step 16\n"
        "  output y, axes y and x: scale 1, offset 0, halo 96\n"
        "  not expressed: y and x: the sizes that fit are n ≥ 16, and the description has 208, 224, 240, …\n"
    )
    answer = json.loads(run("bioimage", "unet", "--levels", "2", "--json")[1])
    assert answer["inputs"][0]["axes"][0] == {"axis": "y", "min": 52, "step": 4}
    assert "yaml" not in answer


def test_a_description_is_compared_with_a_network_in_either_order(run, tmp_path):
    pytest.importorskip("bioimageio.spec")
    status, text, err = run("bioimage", "milesial", "--yaml")
    assert (status, err) == (0, "")
    path = tmp_path / "rdf.yaml"
    path.write_text(f"type: model\nformat_version: 0.5.3\n{text}")
    fits = "rdf.yaml as a description of milesial fits: sizes, scales, offsets and halos are right.\n"
    assert run("bioimage", str(path), "milesial") == (0, fits, "")
    assert run("bioimage", "milesial", str(path)) == (0, fits, "")
    path.write_text(path.read_text().replace("halo: 96", "halo: 32"))
    status, out, err = run("bioimage", str(path), "milesial")
    assert (status, out) == (1, "")
    assert err.endswith("  fix: output y, axes y and x: halo 96\n")
    status, out, err = run("bioimage", str(path), "unet", "--levels", "5", "--json")
    assert (status, err) == (1, "")
    report = json.loads(out)
    assert not report["ok"]
    assert {verdict["name"] for verdict in report["verdicts"] if not verdict["holds"]} == {"min", "halo"}


@pytest.mark.parametrize(
    ("words", "says", "fix"),
    [
        (["rdf.yaml"], "the network with which the description is compared is missing", "bioimage rdf.yaml milesial"),
        (["milesial", "unet"], "neither milesial nor unet is a description", "wellshaped bioimage rdf.yaml unet"),
        (["rdf.yaml", "milesial", "--yaml"], "the YAML is that of a network", "wellshaped bioimage milesial --yaml"),
        (["rdf.yaml", "milesial"], "there is no such file", "the path of an existing .yaml or .yml file"),
        (["rdf.yaml", "milesail"], "'milesail' is not a preset", "milesial"),
        (["nets.py:make_unet"], "only sizes and check take a model in your code", "wellshaped sizes nets.py:make_unet"),
    ],
)
def test_bioimage_rejects_what_it_can_not_compare(rejected, tmp_path, monkeypatch, words, says, fix):
    pytest.importorskip("bioimageio.spec")
    monkeypatch.chdir(tmp_path)
    *lines, last = rejected("bioimage", *words)
    assert says in "\n".join(lines)
    assert last.startswith("  fix: ")
    assert fix in last


# plan and input-for


def test_plan_gives_an_expression_that_makes_the_image_fit(run):
    assert run("plan", "milesial", "--input", "3x8x384") == (
        0,
        "pad 8×384 to 16×384 for milesial: the output has size 16×384\njnp.pad(x, ((0, 0), (0, 8), (0, 0)))\n"
        "y[:, :8, :384] crops the output y back to 8×384\n",
        "",
    )
    crop = "crop 30×95×160 to 16×64×160 for nnunet_3d_fullres: the output has size 16×64×160\nx[:, :16, :64, :160]\n"
    assert run("plan", "nnunet_3d_fullres", "--input", "1x30x95x160", "--policy", "crop") == (0, crop, "")
    same = "height 304 and width 384 for UNet2Config(): nothing to do, the output has size 304×384\n"
    assert run("plan", "--input", "1x304x384") == (0, same, "")


def test_plan_prints_json(run):
    status, out, err = run("plan", "unet", "--input", "3x303x384", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out) == {
        "network": "UNetConfig()",
        "policy": "pad",
        "given": [303, 384],
        "fitting": [304, 384],
        "pads": [[0, 1], [0, 0]],
        "slices": [[0, 303], [0, 384]],
        "output": [304, 384],
        "output_kept": [303, 384],
        "note": "",
        "expression": "jnp.pad(x, ((0, 0), (0, 1), (0, 0)))",
    }


@pytest.mark.parametrize(
    ("network", "image", "says"),
    [
        ("smp_resnet34", "3x303x384", "y[:, :303, :384] crops the output y back to 303×384"),
        ("ronneberger2015", "3x570x572", "y[:, :386, :388] crops the output y to what belongs to the image"),
    ],
)
def test_plan_crops_an_output_of_another_size_to_what_belongs_to_the_image(run, network, image, says):
    assert run("plan", network, "--input", image)[1].splitlines()[-1] == says


@pytest.mark.parametrize("policy", ["mirror", "reflect", "edge", "zeros", "constant"])
def test_a_way_of_padding_as_the_policy_means_pad(rejected, policy):
    assert rejected("plan", "--input", "1x4x4", "--policy", policy)[-1] == "  fix: --policy pad"


def test_a_policy_that_is_near_to_none_is_answered_with_those_that_change_the_image(rejected):
    assert rejected("plan", "--input", "1x4x4", "--policy", "nearest")[-1] == "  fix: --policy pad or --policy crop"


def test_the_most_digits_of_a_number_are_only_named_if_one_has_more(rejected):
    assert "needs three natural numbers: channels" in rejected("check", "--input", "3x304xabc")[1]
    assert "natural numbers of at most 99 digits" in rejected("check", "--input", f"3x304x{'9' * 100}")[1]


def test_plan_rejects_what_its_policy_cannot_reach(run, rejected):
    assert "larger image that fits" in "".join(rejected("plan", "--input", "1x9x9", "--pool-stride", 3))
    assert rejected("plan", "--input", "1x303x384", "--policy", "error")[1:] == ODD.splitlines()[1:]
    assert rejected("plan", "--input", "1x303x384", "--policy", "padd")[-1] == "  fix: --policy pad"
    assert "the image has 1 channel, and x takes 3" in rejected("plan", "unet3d", "--input", "1x96x160x160")[1]


def test_input_for_gives_the_smallest_image_for_an_output(run, rejected):
    found = (0, "an image of 684×684 gives an output of 500×500, in ronneberger2015\n", "")
    assert run("input-for", "ronneberger2015", 489) == found
    assert run("input-for", "ronneberger2015", "--size", 500, "--exactly") == found
    exactly = (0, "an image of 132×132×116 gives an output of 44×44×28, in unet3d\n", "")
    assert run("input-for", "unet3d", "44x44x28", "--exactly") == exactly
    assert run("input-for", 303) == (0, "an image of 304×304 gives an output of 304×304, in UNet2Config()\n", "")
    fix = rejected("input-for", "ronneberger2015", 387, "--exactly")[-1]
    assert fix == "  fix: the size 372 (input 556) or the size 388 (input 572)"


def test_input_for_prints_json(run):
    assert json.loads(run("input-for", "ronneberger2015", 388, "--json")[1]) == {
        "network": "ronneberger2015",
        "wanted": [388, 388],
        "exactly": False,
        "sizes": [572, 572],
        "output": [388, 388],
    }


# list


def test_list_names_every_preset_with_its_input_its_sizes_and_its_source(run):
    status, out, err = run("list")
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines() if not line.startswith(" ")] == list(PRESETS)
    assert max(map(len, out.splitlines())) <= 80
    for name in PRESETS:
        assert SOURCES[name] in out
        assert all(str(fit) in out for fit in compatible_shapes(name).axes)
    assert "wave_unet             1xL      n ≥ 131059\n" in out


def test_list_says_of_which_presets_some_combinations_of_sizes_are_too_small(run):
    _, out, _ = run("list")
    rows = re.split(r"\n(?=\S)", out)
    noted = {row.split()[0]: row for row in rows if "some combinations are too small" in row}
    assert set(noted) == {name for name in PRESETS if "some combinations" in run("sizes", name)[1]}
    assert "some combinations are too small; 32×32 fits\n" in noted["monai_like"]
    assert "some combinations are too small; 32×32×32 fits\n" in noted["nnunet_3d_fullres"]


def test_list_prints_json(run):
    answer = json.loads(run("list", "--json")[1])
    assert list(answer) == list(PRESETS) == list(SOURCES)
    assert answer["unet3d"] == {
        "source": SOURCES["unet3d"],
        "input": "3xDxHxW",
        "axes": {axis: compatible_sizes("unet3d").to_dict() for axis in ("depth", "height", "width")},
        "together": [],
        "config": None,
    }
    assert answer["milesial"]["config"] == json.loads(json.dumps(asdict(PRESETS["milesial"])))


# stages

TABLE = """\
stage       operation        layer    shape   parameters  multiply-adds
x           input                     1×4×4            0              0
s1          conv, relu       down1_1  8×4×4           80          1,152
skip1       conv, relu       down1_2  8×4×4          584          9,216
pooled      max-pool                  8×2×2            0              0
b1          conv, relu       down2_1  16×2×2       1,168          4,608
bottleneck  conv, relu       down2_2  16×2×2       2,320          9,216
up          transposed conv  upT      8×4×4          520          2,048
merged      concat                    16×4×4           0              0
u1          conv, relu       up1_1    8×4×4        1,160         18,432
u2          conv, relu       up1_2    8×4×4          584          9,216
y           conv             out1x1   1×4×4            9            128
total                                              6,425         54,016
"""


def test_stages_prints_every_intermediate_with_its_shape_and_its_cost(run):
    assert run("stages", "--input", "1x4x4", "--base-channels", 8) == (0, TABLE, "")


def test_stages_prints_json(run):
    status, out, err = run("stages", "--input", "3x304x384", "--out-channels", 2, "--json")
    found = [asdict(stage) for stage in stages(UNet2Config(), (3, 304, 384), out_channels=2)]
    assert (status, json.loads(out), err) == (0, json.loads(json.dumps(found, default=str)), "")
    assert {stage["scale"] for stage in json.loads(out)} == {"1", "1/2"}


# draw

PICTURES = {".svg": b"<?xml", ".png": b"\x89PNG\r\n\x1a\n"}


@pytest.mark.parametrize("suffix", PICTURES)
def test_draw_writes_a_picture_of_its_suffix_and_says_where(run, tmp_path, suffix):
    path = tmp_path / f"unet{suffix}"
    assert run("draw", "--input", "1x304x384", "--output", path) == (0, f"wrote {path}\n", "")
    assert path.read_bytes().startswith(PICTURES[suffix])


def test_the_picture_shows_the_shape_of_every_stage(run, tmp_path):
    run("draw", "--input", "3x304x384", "--output", tmp_path / "unet.svg")
    picture = (tmp_path / "unet.svg").read_text(encoding="utf-8")
    for stage in stages(UNet2Config(), (3, 304, 384)):
        assert {stage.name, "×".join(map(str, stage.shape))} <= set(re.findall("<!-- (.*?) -->", picture))


def test_draw_shows_tiles_and_a_receptive_field_on_the_image(run, tmp_path):
    path = tmp_path / "unet.svg"
    words = ("draw", "milesial", "--input", "3x1024x504", "--tile", "512x504", "--field", "pooled[2]", "--output", path)
    assert run(*words) == (0, f"wrote {path}\n", "")
    written = set(re.findall("<!-- (.*?) -->", path.read_text(encoding="utf-8")))
    assert {
        "3 tiles of 512×504 for an image of 1024×504: 50 % of the image is computed again",
        "512×504, starts at 320, 0",
        "320×504, from 418, 0",
        "one position of pooled[2] reads 36×36",
        "reads 36×36",
    } <= written


@pytest.mark.parametrize(
    "words", [["milesial", "--tile", "100"], ["milesial", "--tile", "1x2x3"], ["pix2pix", "--tile", "512"]]
)
def test_draw_says_of_tiles_that_are_not_possible_what_tiles_says(rejected, words):
    image = ("--input", "3x1024x1024")
    assert rejected("draw", *words, *image) == rejected("tiles", *words, *image)


def test_draw_of_an_unknown_node_is_rejected_with_the_nearest(rejected):
    lines = rejected("draw", "milesial", "--input", "3x64x64", "--field", "poold[3]")
    assert lines == [
        "field 'poold[3]' can't be used.",
        "  unknown_node: milesial has no node 'poold[3]'.",
        "  fix: --field pooled[3]",
    ]


NO_PICTURE = [  # below a folder that holds the folder d.svg, what is said, the fix
    ("no/unet.svg", "there is no folder {}/no.", "the path of a file, in a folder that exists"),
    ("d.svg", "{}/d.svg is a folder.", "the path of a file, in a folder that exists"),
    ("", "its suffix is '', and must be .svg or .png.", "{}.svg"),
    (".svg", "its suffix is '', and must be .svg or .png.", "{}/.svg.svg"),
    ("unet.jpeg", "its suffix is '.jpeg', and must be .svg or .png.", "{}/unet.svg"),
    ("unet.PNG", "its suffix is '.PNG', and must be .svg or .png.", "{}/unet.svg"),
    ("a" * 300 + ".svg", "File name too long.", "the path of a file, in a folder that exists"),
]


@pytest.mark.parametrize(("name", "says", "fix"), NO_PICTURE, ids=[name[:12] or "folder" for name, *_ in NO_PICTURE])
def test_an_output_that_cannot_be_a_picture_is_rejected_and_left_alone(rejected, tmp_path, name, says, fix):
    (tmp_path / "d.svg").mkdir()
    lines = rejected("draw", "--input", "1x4x4", "--output", tmp_path / name)
    assert lines == [
        f"output {tmp_path / name} can't be written.",
        f"  file: {says}".replace("{}", str(tmp_path)),
        f"  fix: {fix}".replace("{}", str(tmp_path)),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["d.svg"]


@pytest.mark.parametrize("output", ["", ".", "/"])
def test_an_output_without_a_name_is_rejected_with_one_that_has_a_name(rejected, output):
    assert rejected("draw", "--input", "1x4x4", "--output", output)[-1] in ("  fix: unet.svg", "  fix: /unet.svg")


@pytest.mark.parametrize(
    ("image", "broken"), [("1x303x384", False), ("1x304x384", True)], ids=["odd image", "full disk"]
)
def test_the_earlier_picture_is_not_lost_where_the_new_one_fails(rejected, tmp_path, monkeypatch, image, broken):
    from matplotlib.figure import Figure

    def fill_the_disk(self, path, **_):
        Path(path).write_bytes(b"half a pic")
        raise OSError(28, "No space left on device")

    if broken:
        monkeypatch.setattr(Figure, "savefig", fill_the_disk)
    (tmp_path / "unet.svg").write_bytes(b"the earlier picture")
    lines = rejected("draw", "--input", image, "--output", tmp_path / "unet.svg")
    assert ("No space left on device" in lines[1]) == broken
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"the earlier picture"]


def test_draw_without_matplotlib_says_what_to_install(run, monkeypatch):
    for name in [name for name in sys.modules if name == "matplotlib" or name.startswith("matplotlib.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "wellshaped.drawing", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    status, out, err = run("draw", "--input", "1x4x4")
    assert (status, out) == (2, "")
    assert re.fullmatch(
        r"This command needs matplotlib: (uv )?pip install '\.\[demo\]', in a clone of wellshaped\n", err
    )


def test_certify_without_z3_says_what_to_install(run, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "z3", None)
    status, out, err = run("certify", "milesial", "--output", tmp_path / "a.json")
    assert (status, out) == (2, "")
    assert err.startswith("This command needs z3: ")
    assert list(tmp_path.iterdir()) == []


def test_prove_without_any_prover_gives_no_answer(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "z3", None)
    monkeypatch.setenv("PATH", "")
    status, out, err = run("prove")
    assert (status, err) == (2, "")
    says = "no answer: z3 is not installed (extra proofs); coqc is not installed (Debian package coq)"
    assert out.splitlines()[-1] == says
    assert run("prove", "--json")[0] == 2


# Networks in files. What a file may hold is in tests/spec/test_files.py.


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_flags_override_a_file_and_a_file_the_defaults(run, tmp_path, suffix):
    path = tmp_path / f"unet{suffix}"
    save_config(UNet2Config(base_channels=8, pool_kernel=3, up_kernel=3), path)
    status, out, _ = run("sizes", path, "--base-channels", 4)
    assert (status, out) == (
        0,
        "sizes that fit UNet2Config(pool_kernel=3, up_kernel=3, base_channels=4): n ≡ 1 (mod 2), n ≥ 3\n",
    )


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("unet.tml", None, "file: there is no such file."),
        ("", None, "file: it is a folder."),
        ("unet.toml", "pool_stide = 2", "key: there is no such key: 'pool_stide' (did you mean pool_stride?)."),
        ("unet.toml", "pool_stride = 2.0", "natural: not a natural number: pool_stride=2.0 is a float, and must be an"),
        ("unet.json", "", "syntax: it is not JSON: Expecting value: line 1 column 1 (char 0)."),
        ("unet.json", "#" * 10**7, "file: it has 10000000 bytes, and a network has at most 262144."),
        ("unet.txt", "", "file: its suffix is '.txt', and must be .toml or .json."),
    ],
    ids=["missing", "folder", "key", "float", "empty", "large", "suffix"],
)
def test_a_file_that_is_no_network_is_rejected_by_every_command(rejected, tmp_path, command, name, content, says):
    if content is not None:
        (tmp_path / name).write_text(content)
    lines = rejected(command[0], tmp_path / name, *command[1:])
    assert lines[0] == f"network file {tmp_path / name} can't be read."
    assert lines[1].startswith(f"  {says}")


def test_a_config_of_a_file_that_is_not_well_formed_is_rejected_with_the_path(run, rejected, tmp_path):
    path = tmp_path / "unet.toml"
    path.write_text("pool_stride = 0")
    for command in (["sizes"], ["check"], ["plan", "--input", "1x4x4"], ["certify"]):
        lines = rejected(command[0], path, *command[1:])
        assert lines[0] == f"{path}: UNet2Config(pool_stride=0) is not well-formed."
        assert lines[-1] == "  fix: pool_stride = 2"
        assert rejected(command[0], path, *command[1:], "--pool-stride", 0)[-1] == "  fix: --pool-stride 2"
    assert rejected("certify", "unet2", "--pool-stride", 0, "--output", "c.json")[-1] == "  fix: --pool-stride 2"
    assert run("sizes", path, "--pool-stride", 2)[0] == 0
    path.write_text("pool_stride = 2")
    assert run("sizes", path)[0] == 0


def test_a_file_with_a_graph_that_breaks_a_rule_is_an_answer_and_one_with_an_unknown_name_is_none(run, tmp_path):
    path = tmp_path / "net.toml"
    for kernel, op, status, says in (0, "Conv", 1, "is not well-formed"), (3, "Cnv", 2, "can't be read"):
        path.write_text(f'inputs = {{ x = 3 }}\nnodes = [{{ name = "a", op = "{op}", kernel = {kernel} }}]')
        for command in (["sizes"], ["check"], ["plan", "--input", "3x4x4"]):
            found, out, err = run(command[0], path, *command[1:])
            assert (found, out, err.splitlines()[0]) == (status, "", f"network file {path} {says}.")


def test_an_empty_name_of_a_network_is_shown_as_such(rejected):
    for command in ("check", "sizes"):
        assert rejected(command, "")[:2] == ["network file '' can't be read.", "  file: its path is empty."]


def test_a_node_of_a_file_is_fixed_in_the_file(run, rejected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = 'inputs = {{ x = 3 }}\nnodes = [{{ name = "a", op = "MaxPool", kernel = 2, padding = {} }}]'
    Path("pad.toml").write_text(text.format(2))
    fix = "fix: node a: padding = 1"
    for image in ([], ["--input", "3x10x10"]):
        assert rejected("check", "pad.toml", *image)[-1] == f"  {fix}"
    assert run("sizes", "pad.toml")[1].splitlines() == [
        "sizes that fit pad.toml: no size",
        "  for example: input (3, 304, 384) of pad.toml does not fit.",
        "    a: height and width: padding is 2, and must be at most 1 (half the window).",
        fix,
    ]
    Path("pad.toml").write_text(text.format(1))
    assert run("check", "pad.toml", "--input", "3x10x10")[0] == 0


def test_a_toml_file_with_its_kind_alone_is_the_default_config(run, rejected, tmp_path):
    (tmp_path / "unet.toml").touch()
    assert "several kinds of network are possible" in rejected("check", tmp_path / "unet.toml")[1]
    for kind, name in (("UNet2Config", None), ("UNetConfig", "unet")):
        (tmp_path / "unet.toml").write_text(f'kind = "{kind}"')
        assert run("check", tmp_path / "unet.toml") == run("check", *([name] if name else []))


def test_a_missing_file_proposes_only_an_existing_file_of_a_close_name(rejected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("d.toml", "c.toml", "unet.toml"):
        save_config(UNet2Config(), name)
    assert rejected("check", "nope.toml")[-1] == "  fix: the path of an existing .toml or .json file"
    assert rejected("check", "net.pt")[-1] == "  fix: unet.toml"
    assert rejected("check", "c.json")[-1] == "  fix: c.toml"
    assert rejected("verify", "c.toml")[-1] == "  fix: the path of an existing .json file"


def test_a_certificate_in_place_of_a_network_is_recognised(run, rejected, tmp_path):
    pytest.importorskip("z3")
    path = tmp_path / "m.json"
    assert run("certify", "unet2", "--output", path)[0] == 0
    _, says, fix = rejected("check", path)
    assert says == "  kind: it is a certificate, and not a network."
    assert fix.startswith(f"  fix: wellshaped verify {path}, or ")
    _, out, _ = run("verify", path)
    assert out == f"{path} holds: along each axis, size n fits this network if and only if n ≡ 0 (mod 2), n ≥ 2\n"
    assert len(run("verify", path, "--nodes")[1].splitlines()) > 10
    assert json.loads(run("verify", path, "--json")[1])["holds"] is True


def test_a_wrong_name_proposes_the_nearest_preset_or_file(rejected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_config(UNet2Config(), "my_unet.toml")
    assert rejected("sizes", "milesail")[-1] == "  fix: milesial"
    assert rejected("sizes", "unet+")[-1] == "  fix: unet"
    assert rejected("check", "UNet")[-1] == "  fix: unet"
    assert rejected("check", "Milesial")[-1] == "  fix: milesial"
    assert rejected("certify", "milesial", "--axis", "h")[-1] == "  fix: --axis height"
    assert rejected("sizes", "my_unet")[-1] == "  fix: my_unet.toml"
    assert rejected("sizes", "my_unett.toml")[-1] == "  fix: my_unet.toml"
    assert rejected("sizes", "nosuch")[-1] == "  fix: a name from wellshaped list"
    assert rejected("check", "303x384")[-1] == "  fix: --input 1x303x384"
    assert rejected("sizes", "303", "unet")[-1] == "  fix: unet 303"


# Fields of a config in flags.


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ([], "UNet2Config()"),
        (["unet2"], "unet2"),
        (["unet"], "UNetConfig()"),
        (["--base-channels", 8], "UNet2Config(base_channels=8)"),
        (["unet", "--base-channels", 8], "UNetConfig(base_channels=8)"),
        (["--levels", 3], "UNetConfig(levels=3)"),
        (["unet", "--residual", "--no-bias"], "UNetConfig(residual=True, bias=False)"),
        (["--residual", "unet"], "UNetConfig(residual=True)"),
        (["unet", "--levels", 1, "--residual", "true,false"], "UNetConfig(levels=1, residual=(True, False))"),
        (["unet", "--levels", 1, "--residual=false,true"], "UNetConfig(levels=1, residual=(False, True))"),
        (["--multipliers", "1,2,4", "--levels", 2], "UNetConfig(levels=2, multipliers=(1, 2, 4))"),
        (["milesial", "--join", "none"], "UNetConfig(norm='batch', bias=False)"),
        (
            ["monai_like", "--multipliers", "none", "--levels", 2],
            "UNetConfig(levels=2, base_channels=32, norm='instance')",
        ),
        (
            [
                "unet",
                "--levels",
                1,
                "--norm",
                "group,batch",
                "--groups",
                "4,1",
                "--order",
                "norm first,activation first",
            ],
            "UNetConfig(levels=1, norm=('group', 'batch'), groups=(4, 1), order=('norm first', 'activation first'))",
        ),
        (["unet", "--activation", "silu,relu", "--levels", 1], "UNetConfig(levels=1, activation=('silu', 'relu'))"),
        (["unet2", "--pool-kernel", 3, "--up-kernel", 3], "UNet2Config(pool_kernel=3, up_kernel=3)"),
        (["unet3d"], "unet3d"),
    ],
)
def test_flags_set_the_fields_of_the_config_that_is_named_or_meant(run, given, title):
    status, out, err = run("sizes", *given, "--json")
    assert (status, json.loads(out)["network"], err) == (0, title, "")


@pytest.mark.parametrize(
    ("given", "fix"),
    [
        (["unet2", "--levels", 3], "unet --levels 3"),
        (["unet", "--pool-kernel", 2], "unet2 --pool-kernel 2"),
        (["--levels", 3, "--pool-kernel", 3], "unet --levels 3"),
        (["milesial", "--levels", 3, "--pool-kernel", 3], "milesial --levels 3"),
        (["unet2", "--no-head", "--join", "even crop"], "unet --join 'even crop' --no-head"),
        (["unet3d", "--levels", 3], "leave out --levels, or use unet --levels 3"),
        (["unet3d", "--base-channels", 3], "leave out --base-channels, or use unet --base-channels 3"),
        (["unet3d", "--levels", 3, "--pool-kernel", 3], "leave out --levels --pool-kernel"),
    ],
)
def test_flags_that_the_network_has_no_fields_for_are_rejected_with_what_works(run, rejected, given, fix):
    for command in (["check"], ["sizes"], ["plan", "--input", "1x64x64"], ["certify"]):
        assert rejected(command[0], *given, *command[1:])[-1] == f"  fix: {fix}"
    if "leave out" not in fix or " use " in fix:
        assert run("sizes", *shlex.split(fix.partition(" use ")[2] or fix))[0] == 0


def test_every_field_that_differs_by_level_has_a_flag_with_one_value_for_each_level(run):
    default = UNetConfig(levels=2)
    for field in BY_LEVEL:
        one = getattr(default, field)
        value = (2 if one is None else one,) * entries(field, 2)
        words = shlex.split(as_flag(field, value))
        assert run("sizes", "unet", "--levels", 2, *words)[0] == 0, words
        assert network_of("unet", ConfigFlags(levels="2", **{field: words[1]})) == replace(default, **{field: value})
        assert run("sizes", "unet", "--levels", 2, words[0], f"{words[1]},{words[1]}")[0] == 1  # too many


@pytest.mark.parametrize("field", [field for field, choices in UNET_CHOICES.items() if True not in choices])
def test_a_word_that_is_no_choice_is_rejected_with_the_nearest_and_exit_status_2(rejected, run, field):
    words = [str(choice).lower() for choice in UNET_CHOICES[field]]
    flag = UNET_FLAGS[field]
    first, says, last = rejected("check", flag, f"{words[-1]}x")
    assert run("check", flag, f"{words[-1]}x")[0] == 2
    assert first == f"{flag} {words[-1]}x can't be used."
    assert says == f"  {field}: it must be one of {', '.join(repr(w) if ' ' in w else w for w in words)}."
    assert shlex.split(last) == ["fix:", flag, words[-1]]
    for word in words:
        assert run("check", flag, word)[0] in (0, 1)


@pytest.mark.parametrize(
    ("flag", "word", "fixes"),
    [
        ("--norm", "layer", "--norm none or --norm batch or --norm group or --norm instance"),
        ("--upsampling", "bicubic", "--upsampling bilinear"),
        ("--padding", "1", "--padding same"),
        ("--residual", "tru,false", "--residual true,false"),
        ("--join", "even-crop", "--join 'even crop'"),
    ],
)
def test_an_unknown_value_proposes_a_near_one_or_all(run, flag, word, fixes):
    status, _, err = run("check", "unet", flag, word)
    assert (status, err.splitlines()[-1]) == (2, f"  fix: {fixes}")


# Numbers in flags.

NOT_NATURAL = {  # what is typed: what it is, and the number that is meant, if it is clear, last for a size only
    "-1": ("negative", None, "1"),
    f"-{10**30}": ("negative", None),
    "2.0": ("not a whole number", "2"),
    "2.5": ("not a whole number", "2"),
    "-1.5": ("not a whole number", None, "1"),
    "1e3": ("not a whole number", "1000"),
    "nan": ("not a whole number", None),
    "inf": ("not a whole number", None),
    "-inf": ("not a whole number", None),
    "-" + "9" * 5000: ("negative", None),
    **dict.fromkeys(
        ("true", "False", "None", "two", "0x10", "[2]", "2 2", "", "½", "z" * 5000), ("not a number", None)
    ),
}
DEFAULTS = {"out_channels": 1} | {name: (UNET | FIELDS)[name].default for name in COUNTS if name != "out_channels"}


def not_natural(flag, typed, usual, whole=False):
    what, meant, *of_a_size = NOT_NATURAL[typed]
    meant = of_a_size[0] if of_a_size and flag in ("", "--near") else meant
    shown = typed if len(typed) <= 60 else f"{typed[:57]}..."
    subject = f"{typed!r}"[:57] + "..." if whole and len(typed) > 58 else repr(typed) if whole else "it"
    must = "must be one" if what == "not a whole number" else "must be a whole number ≥ 0"
    return [
        f"{flag or 'the size'} {shown or repr('')} can't be used.",
        f"  natural: {subject} is {what}, and {must}.",
        f"  fix: {flag} {meant or usual}".replace("  fix:  ", "  fix: "),
    ]


@pytest.mark.parametrize("name", COUNTS)
def test_what_is_not_a_natural_number_is_rejected_by_its_flag_with_the_default(rejected, name):
    for word in ("-1", "2.0", "inf", "true", ""):
        assert rejected("check", COUNTS[name], word) == not_natural(COUNTS[name], word, DEFAULTS[name])


@pytest.mark.one_in(3)
@pytest.mark.parametrize("typed", NOT_NATURAL, ids=lambda typed: typed[:20] or "nothing")
def test_what_is_not_a_natural_number_is_rejected_by_every_command(rejected, tmp_path, typed):
    commands = [
        (["check", "--pool-stride"], "--pool-stride", 2),
        (["sizes", "--near"], "--near", 2),
        (["input-for", "milesial", "--size"], "", 16),
        (["sizes", "milesial"], "--near", 16),
        (["check", "unet", "--multipliers"], "--multipliers", "1,2"),
        (["stages", "--input", "1x4x4", "--out-channels"], "--out-channels", 1),
        (["draw", "--output", tmp_path / "a.svg", "--input", "1x4x4", "--base-channels"], "--base-channels", 64),
    ]
    of_sizes = ("", "--near")
    legal = {"0x10": of_sizes, "2 2": of_sizes, "[2]": of_sizes, "None": ("--multipliers",)}  # the default is "None"
    for command, flag, usual in commands:
        whole = flag == "--multipliers"
        if flag in legal.get(typed, ()) or (whole and typed in ("2 2", "[2]")):
            continue
        assert rejected(*command, typed) == not_natural(flag, typed, usual, whole)
    assert list(tmp_path.iterdir()) == []


def test_a_seed_that_is_not_a_number_is_rejected_before_anything_is_loaded(rejected):
    assert rejected("demo", "--seed", "two")[0] == "--seed two can't be used."


def test_multipliers_of_another_number_than_levels_are_counted(rejected):
    _, says, fix = rejected("check", "unet", "--levels", 3, "--multipliers", "1,2")
    assert says.endswith(
        "multipliers=(1, 2) has 2 numbers, and 3 levels need 4, one of them for the bottom, for example 1, 2, 4, 8."
    )
    assert fix == "  fix: --multipliers none"


@pytest.mark.one_in(2)
@pytest.mark.parametrize("typed", [str(10**99), "9" * 4000, "9" * 5000, "0" * 5000 + "2"], ids=lambda typed: len(typed))
def test_a_number_of_a_hundred_digits_or_more_is_rejected_by_its_length(rejected, typed):
    commands = [(["check", flag], flag, DEFAULTS[name]) for name, flag in COUNTS.items()]
    commands += [
        (["sizes"], "--near", 2),
        (["stages", "--input", "1x4x4", "--base-channels"], "--base-channels", 64),
    ]
    for command, flag, usual in commands:
        assert rejected(*command, typed) == [
            f"{flag or 'the size'} {typed[:57]}... can't be used.",
            "  digits: it has more than 99 digits.",
            f"  fix: {flag} {usual}".replace("  fix:  ", "  fix: "),
        ]


@pytest.mark.parametrize("name", COUNTS)
def test_zero_is_a_natural_number_and_rejected_exactly_where_the_specification_says_so(run, name):
    status, out, err = run("check", COUNTS[name], 0)
    if name in ("up_padding", "head_padding", "groups"):  # 0 is their default, or there is no group norm
        assert (status, err) == (0, "")
    else:
        assert (status, out) == (1, "")
        rule = "compatible_sizes: no image fits" if name == "conv_padding" else f"{name}=0 must be at least 1"
        assert rule in err
        assert "natural number" not in err


@pytest.mark.one_in(4)
@pytest.mark.parametrize("huge", [10**30, 10**99 - 1])
@pytest.mark.parametrize("name", COUNTS)
def test_a_huge_number_is_calculated_with_like_any_other(run, name, huge):
    for command in (["check"], ["check", "--input", "1x304x384"], ["stages", "--input", f"{huge}x{huge - 1}x{huge}"]):
        status, out, err = run(*command, COUNTS[name], huge)
        assert (status, out == "") in ((0, False), (1, True))
        assert len(err.splitlines()) <= 10


@pytest.mark.parametrize("typed", ["2", " 2", "+2", "02", "٢"])
def test_a_natural_number_may_be_written_as_python_reads_it(run, typed):
    assert run("sizes", "--pool-stride", typed) == run("sizes", "--base-channels", "64")


# The shape of an image.

MALFORMED = (
    *("", " ", "1", "xx", "304x384", "1x304", "1x2x4x4", "1x304x", "x304x384", "1xx384", "1x304x384x", "1x2x3x4x5"),
    *("-1x304x384", "1x-304x384", "+1x2x2", "1.0x304x384", "1e3x2x2", "nanx2x2", "1x½x2", "0x10x0x10x0x10", "1x3_0x4"),
    *("axbxc", "TruexTruexTrue", "(1,304,384", "1x2\nx", "--json", f"1x{'9' * 5000}x2", f"1x{10**99}x2"),
)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("image", MALFORMED, ids=lambda image: image[:16] or "nothing")
def test_a_shape_of_other_than_three_natural_numbers_is_rejected_with_one_that_fits(rejected, run, image):
    for command in ("check", "stages", "draw"):
        first, says, fix = rejected(command, "--input", image)
        assert first == "--input can't be used."
        assert says.startswith("  input: ")
        assert "needs three" in says
        assert ": channels, height and width" in says
        proposed = re.fullmatch(r"  fix: --input (\S+?)(, for example)?", fix)[1]
        assert run("check", "--input", proposed)[0] == 0


@pytest.mark.parametrize(
    "image",
    [
        "1×304×384",
        "1,304,384",
        " 1 x 304 x 384 ",
        "01x0304x384",
        "1 304 384",
        "1X304X384",
        "(1, 304, 384)",
        "1;304;384",
    ],
)
def test_a_shape_may_be_written_with_other_separators(run, image):
    assert run("check", "--input", image) == run("check", "--input", "1x304x384")


@pytest.mark.parametrize(
    ("network", "image", "fix"),
    [
        ("smp_resnet34", "303x384x3", "3x303x384"),  # the same image, whether it fits or not
        ("smp_resnet34", "303x384", "3x303x384"),
        ("milesial", "300", "1x300x300, for example"),
        ("milesial", "3x303x384x", "3x303x384"),
        ("milesial", "(3, 303, 384", "3x303x384"),
        ("milesial", "3x304", "3x304x304, for example"),
        ("milesial", "3", "3x304x384, for example"),
        ("milesial", "3x300xabc", "3x300x384, for example"),
        ("milesial", "3x300x", "3x300x384, for example"),
        ("milesial", "0xHx300", "1x304x300, for example"),
        ("nnunet_3d_fullres", "1x160x160", "1x160x160x160, for example"),
    ],
)
def test_a_shape_that_is_not_one_proposes_the_numbers_that_were_typed(rejected, network, image, fix):
    assert rejected("check", network, "--input", image)[-1] == f"  fix: --input {fix}"


@pytest.mark.parametrize(
    ("image", "says"),
    [
        ("0x4x4", "h_inC: in_channels=0 must be at least 1."),
        ("1x0x4", "x (h_inH): height: x is 0, and must be at least 1."),
        ("1x4x0", "x (h_inW): width: x is 0, and must be at least 1."),
        ("0x0x0", "h_inC: in_channels=0 must be at least 1."),
    ],
)
def test_an_image_of_nothing_is_rejected_by_the_name_of_the_hypothesis(rejected, image, says):
    for command in ("check", "stages"):
        assert rejected(command, "--input", image)[1].startswith(f"  {says}")


# Words that are not ours: exit status 2.


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_an_unknown_flag_is_rejected_with_the_nearest_known_one(run, command):
    for flag in {**FLAGS, **UNET_FLAGS}.values():
        wrong = flag[:4] + flag[5:] if len(flag) > 7 else f"{flag}x"  # "--jon" may mean --json
        assert run(*command, wrong, 2) == (2, "", f"Unknown option: {wrong}. Did you mean {flag}?\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["chekc"], 'Unknown command "chekc". Did you mean "check"?'),
        (["frobnicate"], 'Unknown command "frobnicate".'),
        (["--frobnicate"], 'Unknown command "--frobnicate".'),
        (["check", "--pol-stride=2"], "Unknown option: --pol-stride=2. Did you mean --pool-stride?"),
        (["check", "--jsn"], "Unknown option: --jsn. Did you mean --json?"),
        (["check", "--no-json"], "Unknown option: --no-json."),
        (["stages", "--inptu", "1x4x4"], "Unknown option: --inptu. Did you mean --input?"),
        (["draw", "--input", "1x4x4", "--ouput", "a.svg"], "Unknown option: --ouput. Did you mean --output?"),
        (["check", "unet", "303"], "Too many arguments: 303.\n  fix: leave out 303; wellshaped check --help shows"),
        (["sizes", "unet", "303", "304"], "Too many arguments: 304."),
        (["list", "unet"], "Too many arguments: unet."),
        (["sizes", "--config", "unet.toml"], "Unknown option: --config."),
        (["certify", "--family", "unet"], "Unknown option: --family."),
        (["plan"], "plan needs --input, for example: wellshaped plan unet --input 3x303x384"),
        (["stages"], "stages needs --input, for example: wellshaped stages milesial --input 3x304x384"),
        (["draw"], "draw needs --input, for example: wellshaped draw milesial --input 3x304x384"),
        (["verify"], "verify needs a certificate, for example: wellshaped verify certificate.json"),
        (["convert"], "convert needs weights, for example: wellshaped convert weights.pt milesial model.safetensors"),
        (["check", "--input"], "--input needs a value, for example: wellshaped check milesial --input 3x303x384"),
        (["check", "--pool-stride"], "--pool-stride needs a value."),
        (
            ["check", "unet", "--down", "2"],
            "Unknown option: --down.\n  fix: wellshaped check --help shows what it takes",
        ),
        (["stages", "--input", "1x4x4", "--input", "1x2x2"], "Parameter --input specified multiple times."),
        (["check", "--foo[bold]bar"], "Unknown option: --foo[bold]bar."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_words_that_are_not_ours_are_rejected_in_plain_text_with_exit_status_2(run, arguments, says):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith(says)
    has_fix = err.startswith(("Too many arguments", "Unknown option")) and "Did you mean" not in err
    assert err.count("\n") == 1 + has_fix
    assert err.endswith(" --help shows what it takes\n") == has_fix


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        (["milesial", "--input", "3", "304", "384"], "write the shape as one word: --input 3x304x384"),
        (["milesial", "3x304x384"], "--input 3x304x384"),
    ],
)
def test_a_shape_in_several_words_or_without_its_flag_is_put_right(run, words, fix):
    status, out, err = run("check", *words)
    assert (status, out, err.splitlines()[-1]) == (2, "", f"  fix: {fix}")


@pytest.mark.parametrize("arguments", ["", "--help", "check --help", "sizes -h", "--version"])
def test_help_and_the_version_are_printed_with_exit_status_0(run, arguments):
    status, out, err = run(*arguments.split())
    assert (status, out != "", err) == (0, True, "")


@pytest.mark.parametrize("command", ["check", "sizes", "plan", "input-for", "stages", "draw", "certify"])
def test_the_help_of_every_command_names_every_flag_with_its_default(run, command):
    _, out, _ = run(command, "--help")
    words = " ".join(out.replace("│", " ").split())
    for name, flag in {**UNET_FLAGS, **FLAGS}.items():
        default = str((UNET | FIELDS)[name].default).lower()
        assert re.search(rf"{flag} .*?\[default: {default}\]", words)


@pytest.mark.parametrize("command", [name for name in app if not name.startswith("-")])
def test_the_help_of_every_command_has_an_example_that_its_parser_takes(run, command):
    _, out, _ = run(command, "--help")
    _, _, examples = out.partition("For example:\n")
    lines = [line.split() for line in examples.splitlines() if line.strip()]
    assert lines
    for words in lines:
        assert words[:2] == ["wellshaped", command]
        app.parse_args(words[1:], exit_on_error=False, print_error=False)


# Terminals and streams.


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def on_a_terminal(monkeypatch):
    """Run a command where output and errors are a terminal, of 60 columns: its status, its text, its words."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")

    def on_a_terminal(*arguments):
        with monkeypatch.context() as streams:
            screen = Terminal()
            streams.setattr(sys, "stdout", screen)
            streams.setattr(sys, "stderr", screen)
            status = main([str(argument) for argument in arguments])
        return status, screen.getvalue(), re.sub(r"\x1b\[[\d;]*m", "", screen.getvalue())

    return on_a_terminal


@pytest.mark.parametrize(
    ("arguments", "colour"),
    [
        (["check"], "\x1b[1;32m"),
        (["check", "--input", "1x303x384"], "\x1b[1;31m"),
        (["sizes", 303], "\x1b[1;32m"),
        (["sizes", "--conv-padding", 0], "\x1b[1;31m"),
        (["check", "--pool-stide", 2], "\x1b[1;31m"),
        (["check", "--foo[bold]bar"], "\x1b[1;31m"),
    ],
)
@pytest.mark.as_printed
def test_a_terminal_gets_the_same_words_in_colour_and_in_its_width(run, on_a_terminal, arguments, colour):
    status, out, err = run(*arguments)
    assert "\x1b" not in out + err
    shown_status, shown, words = on_a_terminal(*arguments)
    assert shown_status == status
    assert shown.startswith(colour)
    assert words.split() == (out + err).split()
    assert all(len(line) <= 60 for line in words.splitlines())


def test_a_terminal_gets_a_table_and_loses_no_digit_where_it_is_narrow(run, on_a_terminal):
    _, plain, _ = run("stages", "--input", "1x304x384")
    status, shown, words = on_a_terminal("stages", "--input", "1x304x384")
    assert status == 0
    assert "\x1b[1m" in shown
    assert "────" in words
    rows = [line.split() for line in words.splitlines() if "─" not in line]
    assert rows == [line.split() for line in plain.splitlines()]


def test_a_terminal_is_shown_that_a_command_goes_on(run, on_a_terminal, tmp_path, monkeypatch):
    pytest.importorskip("z3")
    monkeypatch.setattr("wellshaped.proofs_of_shape.THEOREMS", THEOREMS[5:7])
    for words, shown in (
        (["certify", "milesial", "--output", tmp_path / "a.json"], "Z3 proves the sizes"),
        (["verify", tmp_path / "a.json"], "Z3 proves the sizes"),
        (["draw", "milesial", "--input", "1x64x64", "--output", tmp_path / "a.svg"], "drawing"),
        (["prove", "--by", "enumeration"], "proving"),
        (["tiles", "milesial"], "tiles milesial"),
        (["bioimage", "milesial"], "describing milesial"),
    ):
        _, out, err = run(*words)
        assert (shown in out, err) == (False, "")
        status, _, text = on_a_terminal(*words)
        assert status == 0
        assert shown in text


def test_a_list_on_a_narrow_terminal_has_the_same_words(run, on_a_terminal):
    _, out, _ = run("list")
    words = on_a_terminal("list")[2]
    assert words.split() == out.split()
    assert all(len(line) <= 60 or " " not in line.strip() for line in words.splitlines())


def test_json_has_no_colours_on_a_terminal(run, on_a_terminal):
    assert on_a_terminal("check", "--json")[1] == run("check", "--json")[1]


def test_a_stream_without_the_signs_shows_question_marks(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert main(["sizes"]) == 0
    assert raw.getvalue().rstrip() == b"sizes that fit unet2, the default network: n ? 0 (mod 2), n ? 2"


# Whole processes.

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NO_COLOR"))}


def start(*arguments, **streams):
    command = [sys.executable, "-P", "-m", "wellshaped", *arguments]
    return subprocess.run(command, env=ENVIRONMENT | {"TERM": "xterm"}, timeout=60, check=False, **streams)


def test_the_program_exits_with_the_status_of_main():
    process = start("check", "--input", "1x303x384", capture_output=True)
    assert (process.returncode, process.stdout, process.stderr.decode()) == (1, b"", ODD)


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("before", "loaded"), [("", []), ("import numpy", ["numpy"])], ids=["as it is", "meta-test"])
def test_check_sizes_and_stages_load_neither_jax_nor_flax_nor_numpy(tmp_path, before, loaded):
    save_config(UNet2Config(base_channels=8), tmp_path / "unet.toml")
    program = f"""
import sys
{before}
from wellshaped.cli import app, main
from wellshaped.proofs_of_shape import THEOREMS
for network in ({str(tmp_path / "unet.toml")!r}, "unet", "milesial", "unetplusplus"):
    image = ["--input", "3x64x64"]
    for name, *more in (["check"], ["check", *image], ["sizes", "303"], ["stages", *image], ["plan", *image]):
        assert main([name, network, *more]) == 0
    assert main(["input-for", network, "9"]) == 0
assert main(["list"]) == 0
print(sorted({{"jax", "jaxlib", "flax", "numpy", "matplotlib"}} & set(sys.modules)))
"""
    process = subprocess.run([sys.executable, "-P", "-c", program], env=ENVIRONMENT, capture_output=True, check=True)
    assert process.stdout.splitlines()[-1].decode() == str(loaded)


def test_a_real_terminal_gets_colours():
    pty = pytest.importorskip("pty")
    reader, terminal = pty.openpty()
    process = start("check", "--input", "1x303x384", stdin=terminal, stdout=terminal, stderr=terminal)
    os.close(terminal)
    shown = os.read(reader, 65536).decode()
    os.close(reader)
    assert process.returncode == 1
    assert shown.startswith("\x1b[1;31minput (1, 303, 384) of UNet2Config() does not fit.\x1b[0m\r\n")


def test_a_reader_that_has_seen_enough_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    process = start("sizes", stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (process.returncode, process.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_an_answer_that_is_lost_is_an_error():
    with Path("/dev/full").open("wb") as full:
        process = start("check", stdout=full, stderr=subprocess.PIPE)
    assert (process.returncode, process.stderr) == (2, b"The output could not be written: No space left on device\n")


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_closed_output_leaves_the_exit_status(monkeypatch, command):
    monkeypatch.setattr(sys, "stdout", None)
    assert main(command) == 0


def test_the_only_commands_are_those_that_the_tests_know(run):
    _, out, _ = run("--help")
    assert set(re.findall(r"(?m)^│ (\w[\w-]*)  ", out)) == {
        "check",
        "sizes",
        "plan",
        "input-for",
        "list",
        "stages",
        "tiles",
        "bioimage",
        "predict",
        "train",
        "draw",
        "convert",
        "prove",
        "certify",
        "verify",
        "export",
        "demo",
    }


@pytest.fixture
def model_file(tmp_path):
    """A small model in a file."""
    from flax import nnx

    from wellshaped.interop import save
    from wellshaped.models import UNet

    path = tmp_path / "model.safetensors"
    save(UNet(UNetConfig(levels=1, base_channels=2, norm="batch"), 3, 2, rngs=nnx.Rngs(0)), path)
    return path


def test_export_writes_programs_for_the_sizes_that_fit(run, model_file, on_a_terminal):
    from wellshaped.interop import load_program

    path = model_file.with_name("a.zip")
    status, out, err = run("export", model_file, "--output", path)
    assert (status, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        *(["wrote", f"{path}:", "1", "program", "for", "cpu"], ["program", "height", "×", "width"]),
        ["programs/00.jax", "2*h", "×", "2*w"],
    ]
    assert load_program(path).serves((4, 6))
    words = ("export", model_file, "--output", path, "--classes", "4*h, 2", "--platforms", "cpu,tpu", "--json")
    status, out, err = run(*words)
    data = json.loads(out)
    assert (status, data["platforms"], data["bytes"]) == (0, ["cpu", "tpu"], path.stat().st_size)
    assert [of_it["classes"] for of_it in data["programs"]] == ["2 × 2", "2 × 4*w", "4*h × 2", "4*h × 4*w"]
    status, _, text = on_a_terminal(*words[:-1])
    assert (status, "JAX traces 4*h × 4*w" in text) == (0, True)


@pytest.mark.parametrize(
    ("given", "fix"),
    [
        (["--platforms", "cude"], "--platforms cuda"),
        (["--classes", "3"], "--classes '2*h'"),
        (["--classes", "2**h"], "--classes '32*h, 32*h + 31, 188'"),
        (["--output", "model.tar"], "model.zip"),
    ],
)
def test_export_rejects_what_it_cannot_use_with_a_fix(run, model_file, monkeypatch, given, fix):
    monkeypatch.chdir(model_file.parent)
    status, out, err = run("export", model_file, *given)
    assert (status, out, err.splitlines()[-1]) == (2, "", f"  fix: {fix}")
    assert [path.name for path in model_file.parent.iterdir()] == ["model.safetensors"]


def test_a_file_with_one_network_needs_no_name_after_it(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_network(PRESETS["unet3plus"], tmp_path / "my_network.toml")
    status, _, error = run("sizes", "my_network.toml:foo")
    assert (status, error.splitlines()[-1]) == (2, "  fix: my_network.toml")


def test_a_plan_says_that_the_output_belongs_to_the_padding(run):
    status, out, _ = run("plan", "ronneberger2015", "--input", "1x100x512")
    assert status == 0
    assert "note: height is 100, padded to 188; the output has 4, and each of its positions reads the padding" in out


def test_the_commands_that_a_fix_proposes_keep_the_flags_that_were_typed(rejected, run):
    *_, fix = rejected("sizes", "unet", "--levels", 3, "--input", "3x504x504")
    assert "wellshaped sizes unet --levels 3 504x504" in fix
    status, _, says = run("plan", "unet", "--levels", 3, "504x500")
    assert (status, says.strip().rpartition(": ")[2]) == (2, "wellshaped plan unet --levels 3 --input 3x504x500")


def test_a_file_whose_suffix_is_mistyped_is_proposed_by_its_name(rejected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text("def net(x):\n    return x\n")
    *_, fix = rejected("sizes", "nets.pyt:net", "--input", "3xHxW")
    assert fix == "  fix: nets.py:net"


def test_all_flags_that_cannot_be_used_are_said_at_once(rejected):
    assert rejected("check", "--levels", "x", "--padding", "nothing", "--norm", "grup", "--input", "3x64x64") == [
        "--levels x, --padding nothing, --norm grup can't be used.",
        "  natural: --levels x: it is not a number, and must be a whole number ≥ 0.",
        "  padding: --padding nothing: it must be one of same, none.",
        "  norm: --norm grup: it must be one of none, batch, group, instance.",
        "  fix: --levels 4",
        "  fix: --padding none",
        "  fix: --norm group",
    ]
