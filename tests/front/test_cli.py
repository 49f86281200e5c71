"""The command line, as a sceptical user meets it: what it answers, what it refuses, and with which exit status."""

import io
import json
import os
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict
from pathlib import Path

import pytest
from configs import configs, fitting_configs
from hypothesis import given, settings
from hypothesis import strategies as st

from wellshaped.cli import main
from wellshaped.spec import FIELDS, UNet2Config, check, check_config, save_config, stages

FLAGS = {name: f"--{name.replace('_', '-')}" for name in FIELDS}
COUNTS = FLAGS | {"out_channels": "--out-channels"}
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
def refused(run):
    """The lines of what a command refuses with exit status 1: few, the first says what and the last how to mend it."""

    def refused(*arguments):
        status, out, err = run(*arguments)
        lines = err.splitlines()
        assert (status, out) == (1, "")
        assert lines[0].endswith(" does not fit.")
        assert lines[-1].startswith("  fix: ")
        assert len(lines) <= 10
        return lines

    return refused


def flags_of(cfg):
    return [word for name, value in asdict(cfg).items() for word in (FLAGS[name], str(value))]


# check


def test_check_says_which_sizes_fit_and_exits_with_status_0(run):
    fits = "sizes that fit, for height and width alike: n ≡ 0 (mod 2), n ≥ 2\n"
    assert run("check") == (0, f"UNet2Config() fits: all 13 conditions hold.\n{fits}", "")
    subject, output = "input (1, 304, 384) of UNet2Config()", "The output has size 304×384."
    assert run("check", "--input", "1x304x384") == (0, f"{subject} fits: all 49 conditions hold. {output}\n{fits}", "")


@pytest.mark.parametrize("command", ["check", "stages", "draw"])
def test_an_odd_height_is_refused_with_the_nearest_heights_and_exit_status_1(run, command):
    assert run(command, "--input", "1x303x384") == (1, "", ODD)


def test_an_image_of_one_row_is_refused_and_padded(run):
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
def test_an_ill_formed_config_is_refused_with_all_that_is_wrong(run, command):
    subject = "input (1, 4, 4) of " if "--input" in command else ""
    status, out, err = run(*command, "--pool-stride", 0, "--base-channels", 0)
    lines = err.splitlines()
    assert (status, out) == (1, "")
    assert lines[:2] == [
        f"{subject}UNet2Config(pool_stride=0, base_channels=0) does not fit.",
        "  poolStride_ne0, baseC_pos: UNet2Config is not well-formed: "
        "pool_stride=0 must be at least 1; base_channels=0 must be at least 1.",
    ]
    assert lines[-1] == "  fix: pool_stride=2, base_channels=64"
    assert len(lines) == 3  # what is no network leaves nothing to say of an image that has pixels


def test_a_config_that_no_image_fits_is_refused_with_one_that_images_fit(run):
    assert run("check", "--conv-padding", 0) == (
        1,
        "",
        "UNet2Config(conv_padding=0) does not fit.\n"
        "  compatible_sizes: no image fits: no size satisfies its obligations.\n"
        "  fix: conv_padding=1 in the config, for sizes n ≡ 0 (mod 2), n ≥ 2\n",
    )
    assert run("sizes", "--conv-padding", 0) == (
        1,
        "sizes that fit UNet2Config(conv_padding=0): no size\n"
        "fix: conv_padding=1 in the config, for sizes n ≡ 0 (mod 2), n ≥ 2\n",
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
    assert text.startswith(str(expected))
    assert len(text.splitlines()) <= 10


@pytest.mark.parametrize(
    ("arguments", "report"),
    [
        (["--input", "1x304x384"], check(UNet2Config(), (1, 304, 384))),
        (["--input", "1x303x384", "--out-channels", 3], check(UNet2Config(), (1, 303, 384), out_channels=3)),
        ([], check_config(UNet2Config())),
        (["--pool-stride", 0], check_config(UNet2Config(pool_stride=0))),
    ],
)
def test_check_prints_its_report_as_json(run, arguments, report):
    status, out, err = run("check", "--json", *arguments)
    assert (status, json.loads(out), err) == (0 if report.ok else 1, report.to_dict(), "")


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["--pool-stride", -1], "natural"),
        (["--out-channels", "two"], "natural"),
        (["--up-kernel", "9" * 5000], "digits"),
        (["--input", "303x384"], "input"),
        (["--config", "missing.toml"], "file"),
        (["--conv-padding", 0], "compatible_sizes"),
    ],
)
def test_check_prints_every_refusal_as_json(run, arguments, rule):
    status, out, err = run("check", "--json", *arguments)
    answer = json.loads(out)
    assert (status, answer["ok"], err) == (1, False, "")
    assert [c["name"] for c in answer["conditions"] if not c["holds"]] == [rule]
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
    assert run("sizes", *arguments) == (0, f"sizes that fit UNet2Config(): n ≡ 0 (mod 2), n ≥ 2\n{answer}", "")


def test_sizes_of_a_finite_set_has_no_nearest_above_its_end(run):
    assert run("sizes", 9, "--pool-stride", 3) == (
        0,
        "sizes that fit UNet2Config(pool_stride=3): {2}\n9 does not fit; nearest: 2\n"
        "fix: up_stride=3 in the config, for sizes n ≡ 2 (mod 3), n ≥ 2\n",
        "",
    )


def test_sizes_prints_json(run):
    status, out, err = run("sizes", 303, "--json", "--base-channels", 8)
    assert (status, err) == (0, "")
    assert json.loads(out) == {
        "config": asdict(UNet2Config(base_channels=8)),
        "sizes": "n ≡ 0 (mod 2), n ≥ 2",
        "minimum": 2,
        "maximum": None,
        "period": 2,
        "residues": [0],
        "near": 303,
        "below": 302,
        "above": 304,
    }


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


NO_PICTURE = [  # below a folder that holds the folder d.svg, what is said, the fix
    ("no/unet.svg", "it cannot be written: there is no folder {}/no.", "the path of a file, in a folder that exists"),
    ("d.svg", "it cannot be written: {}/d.svg is a folder.", "the path of a file, in a folder that exists"),
    ("", "its format is unknown: its suffix is '', and must be one of .svg, .png.", "{}.svg"),
    (".svg", "its format is unknown: its suffix is '', and must be one of .svg, .png.", "{}/.svg.svg"),
    ("unet.jpeg", "its format is unknown: its suffix is '.jpeg', and must be one of .svg, .png.", "{}/unet.svg"),
    ("unet.PNG", "its format is unknown: its suffix is '.PNG', and must be one of .svg, .png.", "{}/unet.svg"),
    ("a" * 300 + ".svg", "it cannot be written: File name too long.", "the path of a file, in a folder that exists"),
]


@pytest.mark.parametrize(("name", "says", "fix"), NO_PICTURE, ids=[name[:12] or "folder" for name, *_ in NO_PICTURE])
def test_an_output_that_cannot_be_a_picture_is_refused_and_left_alone(refused, tmp_path, name, says, fix):
    (tmp_path / "d.svg").mkdir()
    lines = refused("draw", "--input", "1x4x4", "--output", tmp_path / name)
    assert lines == [
        f"output {tmp_path / name} does not fit.",
        f"  file: {says}".replace("{}", str(tmp_path)),
        f"  fix: {fix}".replace("{}", str(tmp_path)),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["d.svg"]


@pytest.mark.parametrize("output", ["", ".", "/"])
def test_an_output_without_a_name_is_refused_with_one_that_has_a_name(refused, output):
    assert refused("draw", "--input", "1x4x4", "--output", output)[-1] in ("  fix: unet.svg", "  fix: /unet.svg")


@pytest.mark.parametrize(
    ("image", "broken"), [("1x303x384", False), ("1x304x384", True)], ids=["odd image", "full disk"]
)
def test_the_earlier_picture_is_not_lost_where_the_new_one_fails(refused, tmp_path, monkeypatch, image, broken):
    from matplotlib.figure import Figure

    def fill_the_disk(self, path, **_):
        Path(path).write_bytes(b"half a pic")
        raise OSError(28, "No space left on device")

    if broken:
        monkeypatch.setattr(Figure, "savefig", fill_the_disk)
    (tmp_path / "unet.svg").write_bytes(b"the earlier picture")
    lines = refused("draw", "--input", image, "--output", tmp_path / "unet.svg")
    assert ("No space left on device" in lines[1]) == broken
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"the earlier picture"]


def test_draw_without_matplotlib_says_what_to_install(run, monkeypatch):
    for name in [name for name in sys.modules if name == "matplotlib" or name.startswith("matplotlib.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "wellshaped.drawing", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    status, out, err = run("draw", "--input", "1x4x4")
    assert (status, out) == (1, "")
    assert re.fullmatch(r"This command needs matplotlib\S*: pip install '\.\[demo\]' in a clone of wellshaped\n", err)


# Configs in files. What a file may hold is in tests/spec/test_files.py.


@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_flags_override_a_file_and_a_file_the_defaults(run, tmp_path, suffix):
    path = tmp_path / f"unet{suffix}"
    save_config(UNet2Config(base_channels=8, pool_kernel=3, up_kernel=3), path)
    status, out, _ = run("sizes", "--config", path, "--base-channels", 4)
    assert (status, out) == (
        0,
        "sizes that fit UNet2Config(pool_kernel=3, up_kernel=3, base_channels=4): n ≡ 1 (mod 2), n ≥ 3\n",
    )


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("unet.tml", None, "file: it cannot be read: there is no such file."),
        ("", None, "file: it cannot be read: it is a folder."),
        ("unet.toml", "pool_stide = 2", "key: it has unknown keys: 'pool_stide' (did you mean pool_stride?)."),
        ("unet.toml", "pool_stride = 2.0", "natural: not a natural number: pool_stride=2.0 is a float, and must be an"),
        ("unet.json", "", "syntax: it is not JSON: Expecting value: line 1 column 1 (char 0)."),
        ("unet.json", "#" * 10**7, "file: it cannot be read: it has 10000000 bytes, and a config has at most 262144."),
        ("unet.txt", "", "file: its format is unknown: its suffix is '.txt', and must be one of .toml, .json."),
    ],
    ids=["missing", "folder", "key", "float", "empty", "large", "suffix"],
)
def test_a_file_that_is_no_config_is_refused_by_every_command(refused, tmp_path, command, name, content, says):
    if content is not None:
        (tmp_path / name).write_text(content)
    lines = refused(*command, "--config", tmp_path / name)
    assert lines[0] == f"config file {tmp_path / name} does not fit."
    assert lines[1].startswith(f"  {says}")


def test_an_empty_toml_file_is_the_default_config(run, tmp_path):
    (tmp_path / "unet.toml").touch()
    assert run("check", "--config", tmp_path / "unet.toml") == run("check")


# Numbers in flags.

NOT_NATURAL = {  # what is typed: how it is shown, what it is, the fix
    "-1": ("-1", "negative", "0 or more"),
    f"-{10**30}": (f"-{10**30}", "negative", "0 or more"),
    "2.0": ("2.0", "a float", "2"),
    "2.5": ("2.5", "a float", "1, say"),
    "-1.5": ("-1.5", "a float", "1, say"),
    "1e3": ("1000.0", "a float", "1000"),
    "nan": ("nan", "a float", "1, say"),
    "inf": ("inf", "a float", "1, say"),
    "-inf": ("-inf", "a float", "1, say"),
    "-" + "9" * 5000: ("-inf", "a float", "1, say"),
    "true": ("'true'", "a str", "1, say"),
    "False": ("'False'", "a str", "1, say"),
    "None": ("'None'", "a str", "1, say"),
    "two": ("'two'", "a str", "1, say"),
    "0x10": ("'0x10'", "a str", "1, say"),
    "[2]": ("'[2]'", "a str", "1, say"),
    "2 2": ("'2 2'", "a str", "1, say"),
    "": ("''", "a str", "1, say"),
    "½": ("'½'", "a str", "1, say"),
    "z" * 5000: ("'" + "z" * 56 + "...", "a str", "1, say"),
}


def not_natural(name, typed):
    shown, what, fix = NOT_NATURAL[typed]
    return [
        f"{name}={shown} does not fit.",
        f"  natural: not a natural number: {name}={shown} is {what}, and must be an integer ≥ 0.",
        f"  fix: {name}={fix}",
    ]


@pytest.mark.parametrize("name", COUNTS)
def test_what_is_not_a_natural_number_is_refused_by_name_in_every_flag(refused, name):
    for typed in ("-1", "2.0", "inf", "true", ""):
        assert refused("check", COUNTS[name], typed) == not_natural(name, typed)


@pytest.mark.parametrize("typed", NOT_NATURAL, ids=lambda typed: typed[:20] or "nothing")
def test_what_is_not_a_natural_number_is_refused_by_every_command(refused, tmp_path, typed):
    for *command, name in (
        ["check", "--pool-stride", "pool_stride"],
        ["sizes", "--near", "near"],
        ["stages", "--input", "1x4x4", "--out-channels", "out_channels"],
        ["draw", "--output", tmp_path / "a.svg", "--input", "1x4x4", "--base-channels", "base_channels"],
    ):
        assert refused(*command, typed) == not_natural(name, typed)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("typed", [str(10**99), "9" * 4000, "9" * 5000, "0" * 5000 + "2"], ids=lambda typed: len(typed))
def test_a_number_of_a_hundred_digits_or_more_is_refused_by_its_length(refused, typed):
    commands = {name: ["check", flag] for name, flag in COUNTS.items()}
    commands |= {"near": ["sizes"], "base_channels": ["stages", "--input", "1x4x4", "--base-channels"]}
    for name, command in commands.items():
        assert refused(*command, typed) == [
            f"{name} does not fit.",
            f"  digits: the number is too long: {name} has more than 99 digits.",
            f"  fix: {name}=1, say",
        ]


@pytest.mark.parametrize("name", COUNTS)
def test_zero_is_a_natural_number_and_refused_exactly_where_the_specification_says_so(run, name):
    status, out, err = run("check", COUNTS[name], 0)
    if name in ("up_padding", "head_padding"):  # 0 is their default
        assert (status, err) == (0, "")
    else:
        rule = "compatible_sizes: no image fits" if name == "conv_padding" else f"{name}=0 must be at least 1"
        assert (status, out) == (1, "")
        assert rule in err
        assert "natural number" not in err


@pytest.mark.parametrize("huge", [10**30, 10**99 - 1])
@pytest.mark.parametrize("name", COUNTS)
def test_a_huge_number_is_calculated_with_like_any_other(run, name, huge):
    for command in (["check"], ["check", "--input", "1x304x384"], ["stages", "--input", f"{huge}x{huge - 1}x{huge}"]):
        status, out, err = run(*command, COUNTS[name], huge)
        assert (status, out == "") in ((0, False), (1, True))
        assert len(err.splitlines()) <= 10


@pytest.mark.parametrize("typed", ["2", " 2", "+2", "02", "٢"])
def test_a_natural_number_may_be_written_as_python_reads_it(run, typed):
    assert run("sizes", "--pool-stride", typed) == run("sizes")


# The shape of an image.

MALFORMED = (
    *("", " ", "1", "xx", "304x384", "1x304", "1x2x3x4", "1x304x", "x304x384", "1xx384", "1x304x384x", "1 304 384"),
    *("-1x304x384", "1x-304x384", "+1x2x2", "1.0x304x384", "1e3x2x2", "nanx2x2", "1x½x2", "0x10x0x10x0x10", "1x3_0x4"),
    *("axbxc", "TruexTruexTrue", "1;304;384", "(1,304,384)", "1x2\nx", "--json", f"1x{'9' * 5000}x2", f"1x{10**99}x2"),
)


@pytest.mark.parametrize("image", MALFORMED, ids=lambda image: image[:16] or "nothing")
def test_a_shape_that_is_not_three_natural_numbers_is_refused_by_every_command_with_one_that_fits(refused, run, image):
    for command in ("check", "stages", "draw"):
        first, says, fix = refused(command, "--input", image)
        assert first == "--input does not fit."
        must = "and must be three natural numbers of at most 99 digits: channels, height and width"
        assert says.startswith(f"  input: not the shape of an image: it is {image[:60]!r}, {must}")
        proposed = re.fullmatch(r"  fix: --input (\S+?)(, the nearest that fits)?", fix)[1]
        assert run("check", "--input", proposed)[0] == 0


@pytest.mark.parametrize("image", ["1×304×384", "1,304,384", " 1 x 304 x 384 ", "01x0304x384"])
def test_a_shape_may_be_written_with_times_signs_or_commas(run, image):
    assert run("check", "--input", image) == run("check", "--input", "1x304x384")


@pytest.mark.parametrize(
    ("image", "says"),
    [
        ("0x4x4", "h_inC: nothing to compute: in_channels=0 must be at least 1."),
        ("1x0x4", "x: height: x is 0, and must be at least 1."),
        ("1x4x0", "x: width: x is 0, and must be at least 1."),
        ("0x0x0", "h_inC: nothing to compute: in_channels=0 must be at least 1."),
    ],
)
def test_an_image_of_nothing_is_refused_by_the_name_of_the_hypothesis(refused, image, says):
    for command in ("check", "stages"):
        assert refused(command, "--input", image)[1].startswith(f"  {says}")


# Words that are not ours: exit status 2.


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_an_unknown_flag_is_refused_with_the_nearest_known_one(run, command):
    for flag in FLAGS.values():
        wrong = flag[:4] + flag[5:]
        assert run(*command, wrong, 2) == (2, "", f"Unknown option: {wrong}. Did you mean {flag}?\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["chekc"], 'Unknown command "chekc". Did you mean "check"?'),
        (["frobnicate"], 'Unknown command "frobnicate".'),
        (["--frobnicate"], 'Unknown command "--frobnicate".'),
        (["check", "--pol-stride=2"], "Unknown option: --pol-stride. Did you mean --pool-stride?"),
        (["check", "--jsn"], "Unknown option: --jsn. Did you mean --json?"),
        (["check", "--no-json"], "Unknown option: --no-json."),
        (["stages", "--inptu", "1x4x4"], 'Command "stages" parameter --input requires an argument. Did you mean'),
        (["draw", "--input", "1x4x4", "--ouput", "a.svg"], "Unknown option: --ouput. Did you mean --output?"),
        (["check", "303"], "Unused Tokens: ['303']."),
        (["sizes", "303", "304"], "Unused Tokens: ['304']."),
        (["stages"], 'Command "stages" parameter --input requires an argument.'),
        (["draw"], 'Command "draw" parameter --input requires an argument.'),
        (["check", "--input"], 'Command "check" parameter --input requires an argument.'),
        (["check", "--pool-stride"], 'Command "check" parameter --pool-stride requires an argument.'),
        (["check", "--input", "1x4x4", "--input", "1x2x2"], "Parameter --input specified multiple times."),
        (["check", "--foo[bold]bar"], "Unknown option: --foo[bold]bar."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_words_that_are_not_ours_are_refused_in_plain_text_with_exit_status_2(run, arguments, says):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith(says)
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", ["", "--help", "check --help", "sizes -h", "--version"])
def test_help_and_the_version_are_printed_with_exit_status_0(run, arguments):
    status, out, err = run(*arguments.split())
    assert (status, out != "", err) == (0, True, "")


@pytest.mark.parametrize("command", ["check", "sizes", "stages", "draw"])
def test_the_help_of_every_command_names_every_flag_with_its_default(run, command):
    _, out, _ = run(command, "--help")
    words = " ".join(out.replace("│", " ").split())
    for name, flag in FLAGS.items():
        assert re.search(rf"{flag} .*?\[default: {FIELDS[name].default}\]", words)


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
def test_a_terminal_gets_the_same_lines_in_colour(run, on_a_terminal, arguments, colour):
    status, out, err = run(*arguments)
    assert "\x1b" not in out + err
    shown_status, shown, words = on_a_terminal(*arguments)
    assert shown_status == status
    assert shown.startswith(colour)
    assert words == out + err


def test_a_terminal_gets_a_table_and_loses_no_digit_where_it_is_narrow(run, on_a_terminal):
    _, plain, _ = run("stages", "--input", "1x304x384")
    status, shown, words = on_a_terminal("stages", "--input", "1x304x384")
    assert status == 0
    assert "\x1b[1m" in shown
    assert "────" in words
    rows = [line.split() for line in words.splitlines() if "─" not in line]
    assert rows == [line.split() for line in plain.splitlines()]


def test_json_has_no_colours_on_a_terminal(run, on_a_terminal):
    assert on_a_terminal("check", "--json")[1] == run("check", "--json")[1]


def test_a_stream_without_the_signs_shows_question_marks(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert main(["sizes"]) == 0
    assert raw.getvalue().rstrip() == b"sizes that fit UNet2Config(): n ? 0 (mod 2), n ? 2"


# Whole processes.

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NO_COLOR"))}


def start(*arguments, **streams):
    command = [sys.executable, "-P", "-m", "wellshaped", *arguments]
    return subprocess.run(command, env=ENVIRONMENT | {"TERM": "xterm"}, timeout=60, check=False, **streams)


def test_the_program_exits_with_the_status_of_main():
    process = start("check", "--input", "1x303x384", capture_output=True)
    assert (process.returncode, process.stdout, process.stderr.decode()) == (1, b"", ODD)


@pytest.mark.parametrize(("before", "loaded"), [("", []), ("import numpy", ["numpy"])], ids=["as it is", "meta-test"])
def test_check_sizes_and_stages_load_neither_jax_nor_flax_nor_numpy(tmp_path, before, loaded):
    save_config(UNet2Config(base_channels=8), tmp_path / "unet.toml")
    program = f"""
import sys
{before}
from wellshaped.cli import main
config = ["--config", {str(tmp_path / "unet.toml")!r}]
for command in (["check"], ["check", "--input", "1x304x384"], ["sizes", "303"], ["stages", "--input", "1x4x4"]):
    assert main([*command, *config]) == 0
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
    assert (process.returncode, process.stderr) == (1, b"The answer is lost: No space left on device\n")


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_closed_output_leaves_the_exit_status(monkeypatch, command):
    monkeypatch.setattr(sys, "stdout", None)
    assert main(command) == 0


def test_the_only_commands_are_those_that_the_tests_know(run):
    _, out, _ = run("--help")
    assert set(re.findall(r"(?m)^│ (\w+)", out)) == {
        "check",
        "sizes",
        "stages",
        "draw",
        "prove",
        "certify",
        "verify",
        "demo",
    }
