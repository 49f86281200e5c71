"""Configs in files: what is saved comes back, what cannot be read is explained, and no earlier file is lost."""

import errno
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from configs import any_configs
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wellshaped.spec import FIELDS, FileError, UNet2Config, WellshapedError, load_config, save_config
from wellshaped.spec.files import disk as files_module
from wellshaped.spec.files.networks import IllFormedError

SUFFIXES = (".toml", ".json")
LONGEST = 10**99 - 1
configs_to_save = any_configs | st.builds(UNet2Config, **{name: st.integers(0, LONGEST) for name in FIELDS})
KEYS = f"the keys are {', '.join(FIELDS)}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("configs")


def error_of(path):
    """The text that ``load_config`` rejects ``path`` with, which is short and ends in a fix, whatever is wrong."""
    with pytest.raises(FileError) as caught:
        load_config(path)
    text = str(caught.value)
    lines = text.splitlines()
    ending = "is not well-formed" if type(caught.value) is IllFormedError else "can't be read"
    assert lines[0] == f"config file {path} {ending}."
    assert lines[-1].startswith("  fix: ")
    assert len(lines) <= 10
    assert len(text) < 3000 + 3 * len(str(path))
    return text


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def one_key(suffix, name, value):
    """A config of one key, in the format of ``suffix``."""
    return f"{name} = {value}\n" if suffix == ".toml" else f'{{"{name}": {value}}}'


# What is saved comes back.


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=50)
@given(cfg=configs_to_save)
@example(cfg=UNet2Config())
@example(cfg=UNet2Config(**dict.fromkeys(FIELDS, 0)))
@example(cfg=UNet2Config(**dict.fromkeys(FIELDS, LONGEST)))
def test_a_saved_config_is_loaded_as_it_was_and_saved_again_as_the_same_bytes(folder, suffix, cfg):
    first, second = folder / f"first{suffix}", folder / f"second{suffix}"
    second.unlink(missing_ok=True)
    save_config(cfg, first)
    loaded = load_config(first)
    save_config(loaded, second)
    assert loaded == cfg
    assert second.read_bytes() == first.read_bytes()


@pytest.mark.parametrize(
    ("suffix", "text"),
    [
        (".toml", "".join(f"{name} = {f.default}\n" for name, f in FIELDS.items())),
        (".json", json.dumps({name: f.default for name, f in FIELDS.items()}, indent=2) + "\n"),
    ],
)
def test_a_saved_file_holds_all_twelve_fields_in_the_order_of_the_specification(tmp_path, suffix, text):
    save_config(UNet2Config(), tmp_path / f"unet{suffix}")
    assert (tmp_path / f"unet{suffix}").read_text() == text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("unet.toml", b"# for the small scans\n\nbase_channels = 1_6 # not 64\r\npool_kernel=2\n"),
        ("unet.toml", b"\xef\xbb\xbfbase_channels = 0x10"),
        ("unet.toml", b"'base_channels' = 16"),
        ("unet.json", b'{"base_channels":16}'),
        ("unet.json", b'\r\n\t{ "pool_kernel" : 2,\n"base_channels"\n:16 }  '),
    ],
)
def test_saving_what_was_loaded_leaves_the_file_with_its_comments_alone(tmp_path, name, content):
    path = written(tmp_path / name, content)
    before = path.stat()
    cfg = load_config(path)
    save_config(cfg, path)
    assert cfg == UNet2Config(base_channels=16)
    assert path.read_bytes() == content
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


@pytest.mark.parametrize(("name", "content"), [("a.toml", ""), ("a.toml", "# nothing yet\n"), ("a.json", "{}")])
def test_a_file_without_keys_is_the_default_config(tmp_path, name, content):
    assert load_config(written(tmp_path / name, content)) == UNet2Config()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("value", [0, 1, 10**30, LONGEST])
@pytest.mark.parametrize("name", FIELDS)
def test_every_natural_number_zero_and_huge_ones_too_is_accepted_in_every_key(tmp_path, suffix, value, name):
    path = written(tmp_path / f"a{suffix}", one_key(suffix, name, value))
    assert load_config(path) == UNet2Config(**{name: value})


def test_a_path_may_be_text_or_a_path(tmp_path):
    save_config(UNet2Config(base_channels=1), str(tmp_path / "a.toml"))
    assert load_config(str(tmp_path / "a.toml")) == load_config(tmp_path / "a.toml") == UNet2Config(base_channels=1)


# What is not a config is rejected, by name.


def not_natural(shown, fault):
    return f"natural: not a natural number: {{name}}={shown} is {fault}, and must be an integer ≥ 0."


TOO_LONG = "digits: the number is too long: {name} has more than 99 digits."

WRONG_VALUES = [  # as TOML, as JSON (None where it has no such value), what is said
    ("-1", "-1", not_natural("-1", "negative")),
    ("-" + "9" * 99, "-" + "9" * 99, not_natural("-" + "9" * 56 + "...", "negative")),
    ("2.0", "2.0", not_natural("2.0", "a float")),
    ("2.5", "2.5", not_natural("2.5", "a float")),
    ("1e400", "1e400", not_natural("inf", "a float")),
    ("nan", "NaN", not_natural("nan", "a float")),
    ("inf", "Infinity", not_natural("inf", "a float")),
    ("-inf", "-Infinity", not_natural("-inf", "a float")),
    ("true", "true", not_natural("True", "a bool")),
    ("false", "false", not_natural("False", "a bool")),
    ('"2"', '"2"', not_natural("'2'", "a str")),
    ('""', '""', not_natural("''", "a str")),
    ('"' + "9" * 5000 + '"', '"' + "9" * 5000 + '"', not_natural("'" + "9" * 56 + "...", "a str")),
    ("[2]", "[2]", not_natural("[2]", "a list")),
    ("[" * 80 + "]" * 80, "[" * 500 + "]" * 500, not_natural("[" * 57 + "...", "a list")),
    ("{a = 1}", '{"a": 1}', not_natural("{'a': 1}", "a dict")),
    ("2024-02-29", None, not_natural("datetime.date(2024, 2, 29)", "a date")),
    (None, "null", not_natural("None", "a NoneType")),
    (str(10**99), str(10**99), TOO_LONG),
    ("9" * 4300, "9" * 4300, TOO_LONG),
    # Python reads hexadecimal digits without a limit, and does not print the number in decimal ones.
    ("0x" + "f" * 50_000, None, TOO_LONG),
]
IN_A_FILE = [
    (suffix, value, says)
    for *values, says in WRONG_VALUES
    for suffix, value in zip(SUFFIXES, values, strict=True)
    if value is not None
]


@pytest.mark.parametrize(("suffix", "value", "says"), IN_A_FILE, ids=[f"{s}-{v[:12]}" for s, v, _ in IN_A_FILE])
def test_a_value_that_is_not_a_short_natural_number_is_rejected_by_name_in_every_key(tmp_path, suffix, value, says):
    for name in FIELDS:
        path = written(tmp_path / f"a{suffix}", one_key(suffix, name, value))
        rule, fix = error_of(path).splitlines()[1:]
        assert rule == f"  {says.replace('{name}', name)}"
        entry = f"{name} = " if suffix == ".toml" else f'"{name}": '
        assert re.fullmatch(rf"  fix: {re.escape(entry)}\d+", fix)


def unreadable(says):
    return f"file: {says}"


def unknown_suffix(suffix):
    return f"file: its suffix is {suffix!r}, and must be .toml or .json."


EXISTING = "the path of an existing .toml or .json file"
NO_JSON, NO_TOML = "syntax: it is not JSON: ", "syntax: it is not TOML: "
HOLDS = "syntax: it holds a {}, and must hold one object of fields."
SO_IN_JSON, UTF_8 = '{"pool_kernel": 2}, for example', "save the file as UTF-8"
NESTED, SHORTER, LINE_1 = "fewer brackets inside each other", "a shorter number", "correct line 1"
LARGE = unreadable("it has {} bytes, and a config has at most 262144.")

NOT_CONFIGS = [  # file, content, how the line of the rule begins, the fix
    ("a.json", "", NO_JSON + "Expecting value: line 1 column 1 (char 0).", SO_IN_JSON),
    ("a.json", "pool_kernel = 2", NO_JSON + "Expecting value: line 1", SO_IN_JSON),
    (
        "a.json",
        '{"up_kernel": 1, "up_kernel": 1}',
        NO_JSON + "the key 'up_kernel' occurs 2 times.",
        "write up_kernel once",
    ),
    ("a.json", '{"up_kernel": {"a": 1, "a": 1}}', NO_JSON + "the key 'a' occurs 2 times.", "write a once"),
    ("a.json", f'{{"{"k" * 20_000}": 1, "{"k" * 20_000}": 1}}', NO_JSON + "the key 'kkk", f"write {'k' * 57}... once"),
    ("a.json", '{"up_kernel": ' + "9" * 5000 + "}", NO_JSON + "Exceeds the limit (4300 digits)", SHORTER),
    ("a.json", "[" * 30_000, NO_JSON + "it is nested too deeply.", NESTED),
    ("a.json", '{"a":' * 10_000, NO_JSON + "it is nested too deeply.", NESTED),
    ("a.json", '{"levels": 3', NO_JSON + "Expecting ',' delimiter", "close the { that line 1 opens"),
    ("a.json", '{"nodes": [{"op": "Conv"}, ]}', NO_JSON, "leave out the comma before the ] of line 1"),
    ("a.json", '{"levels": 3,', NO_JSON, "delete the comma at the end of line 1; then add `}`"),
    (
        "a.toml",
        'nodes = [\n{ name = "y",',
        NO_TOML,
        "delete the comma at the end of line 2; then add `}]`",
    ),
    ("a.toml", 'nodes = [\n{ name = "y" },', NO_TOML, "close the [ that line 1 opens"),
    (
        "a.toml",
        'nodes = [\n{ name = "y", kernel = 3, padd',
        NO_TOML,
        "line 2 ends in the middle of a key, `padd`: finish it, or delete `, padd`; then add `}]`",
    ),
    (
        "a.toml",
        'nodes = [\n{ name = "y", op =',
        NO_TOML,
        "line 2 ends before a value: write it, or delete `, op =`; then add `}]`",
    ),
    ("a.toml", "levels = 3\nnorm =", NO_TOML, "line 2 ends before a value: write it, or delete `norm =`"),
    (
        "a.json",
        '{"levels"',
        NO_JSON,
        'line 1 ends after the key `"levels"`: finish it, or delete `"levels"`; then add `}`',
    ),
    ("a.toml", "multipliers = [1, 2", NO_TOML, "close the [ that line 1 opens"),
    ("a.toml", 'nodes = [ # see [1\n{ name = "y" }\n', NO_TOML, "close the [ that line 1 opens"),
    ("a.toml", 'nodes = [{ name = "y }]', NO_TOML, 'close the " that line 1 opens'),
    ("a.toml", "nodes = [[2] }", NO_TOML, "close the [ that line 1 opens"),
    ("a.toml", "up_kernel = 2]", NO_TOML, "leave out the ] of line 1"),
    (
        "a.toml",
        'nodes = [{ op =\n"Mean" }]',
        NO_TOML,
        'write each node in one line, like { name = "pooled", op = "MaxPool", kernel = 2 },',
    ),
    ("a.json", "[]", HOLDS.format("list"), SO_IN_JSON),
    ("a.json", "null", HOLDS.format("NoneType"), SO_IN_JSON),
    ("a.json", "NaN", HOLDS.format("float"), SO_IN_JSON),
    ("a.json", '"pool_kernel"', HOLDS.format("str"), SO_IN_JSON),
    ("a.toml", '{"pool_kernel": 2}', NO_TOML + "Invalid statement (at line 1", LINE_1),
    ("a.toml", "pool_kernel 2", NO_TOML + "Expected '=' after a key", "pool_kernel = 2"),
    ("a.toml", "pool_kernel = ", NO_TOML + "Invalid value", LINE_1),
    ("a.toml", "pool_kernel = 02", NO_TOML, "pool_kernel = 2"),
    ("a.toml", "up_kernel = 1\nup_kernel = 1", NO_TOML + "Cannot overwrite a value", "write up_kernel once"),
    ("a.toml", f"[{'k' * 20_000}]\n" * 2, NO_TOML + "Cannot declare ('kkk", "correct line 2"),
    ("a.toml", "up_kernel = " + "9" * 5000, NO_TOML + "Exceeds the limit (4300 digits)", SHORTER),
    ("a.toml", "a = " + "[" * 30_000, NO_TOML + "it is nested too deeply.", NESTED),
    (
        "a.toml",
        "a." * 30_000 + "a = 1",
        NO_TOML + "line 1 has 30000 dots, and may have at most 200.",
        "fewer dots in line 1",
    ),
    ("a.toml", b"\0" * 64, NO_TOML + "Invalid statement", LINE_1),
    ("a.toml", b"\xff\xfe\x00", unreadable("byte 0 is not UTF-8 text."), UTF_8),
    ("a.toml", b"pool_kernel = 2 # caf\xe9", unreadable("byte 21 is not UTF-8 text."), UTF_8),
    ("a.json", '{"up_kernel": 2}'.encode("utf-16"), unreadable("byte 0 is not UTF-8 text."), UTF_8),
    ("a.json", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), unreadable("byte 0 is not UTF-8 text."), UTF_8),
    ("a.toml", "#" * 10**7, LARGE.format(10**7), "the path of a config file"),
    ("a.json", "[" * 262_145, LARGE.format(262_145), "the path of a config file"),
    ("a.yaml", "a: 1", unknown_suffix(".yaml"), EXISTING),
    ("a.TOML", "", unknown_suffix(".TOML"), EXISTING),
    (".toml", "", unknown_suffix(""), EXISTING),
    ("a", "", unknown_suffix(""), EXISTING),
]
NAMES = [f"{name} {content[:16]!r}" for name, content, *_ in NOT_CONFIGS]


@pytest.mark.parametrize(("name", "content", "says", "fix"), NOT_CONFIGS, ids=NAMES)
def test_a_file_that_is_not_a_config_is_rejected_by_what_is_wrong_with_it(tmp_path, name, content, says, fix):
    lines = error_of(written(tmp_path / name, content)).splitlines()
    assert lines[1].startswith(f"  {says}")
    assert "sys." not in lines[1]  # Python's advice to programmers
    assert lines[2:] == [f"  fix: {fix.replace('{}', str(tmp_path))}"]


def test_unknown_keys_are_rejected_with_the_nearest_known_ones(tmp_path):
    path = written(tmp_path / "a.toml", "pool_stide = 3\nbaseC = 8\n")
    assert error_of(path) == (
        f"config file {path} can't be read.\n"
        "  key: there is no such key: 'baseC' (did you mean base_channels?); "
        "'pool_stide' (did you mean pool_stride?).\n"
        "  fix: base_channels = 8"
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", FIELDS)
def test_the_leans_name_a_capital_a_hyphen_or_a_lost_letter_leads_to_the_known_key(tmp_path, suffix, name):
    for wrong in (FIELDS[name].metadata["lean"], name.upper(), name.replace("_", "-"), name[:3] + name[4:]):
        path = written(tmp_path / f"a{suffix}", one_key(suffix, wrong, 1))
        assert f"key: there is no such key: {wrong!r} (did you mean {name}?)." in error_of(path)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.toml", "[model]\npool_kernel = 2", "no such key: 'model', a table with the keys of a UNet2Config."),
        ("a.toml", "[model]\npool = 2", "there is no such key: 'model'."),
        ("a.toml", "pool.kernel = 2", "there is no such key: 'pool' (did you mean pool_stride?)."),
        ("a.toml", "'' = 2", "there is no such key: ''."),
        ("a.json", '{"\\ud800\\n\\u001b[31m": 2}', r"there is no such key: '\ud800\n\x1b[31m'."),
        ("a.json", f'{{"{"k" * 60_000}": 2}}', f"there is no such key: '{'k' * 60}'."),
        ("a.json", json.dumps(dict.fromkeys(map(str, range(6000)), 1)), "'0'; '1'; '10'; and 5997 more."),
    ],
    ids=["table", "other table", "dotted", "empty", "unprintable", "long", "many"],
)
def test_keys_of_any_kind_are_rejected_in_one_line(tmp_path, name, content, says):
    lines = error_of(written(tmp_path / name, content)).splitlines()
    assert lines[1].startswith("  key: ")
    assert lines[1].endswith(says)


def test_all_that_is_wrong_is_said_at_once_even_if_nothing_is_right(tmp_path):
    wrong = dict.fromkeys(FIELDS, True) | {f"unknown_{i}": 1 for i in range(40)}
    text = error_of(written(tmp_path / "a.json", json.dumps(wrong)))
    assert all(f"{name}=True is a bool" in text for name in FIELDS)
    assert "'unknown_0'" in text
    assert "and 37 more" in text
    assert len(text.splitlines()) == 5


NOT_THERE, A_FILE = unreadable("there is no such file."), "the path of an existing .toml or .json file"
NOT_FILES = [  # path below a folder that holds unet.toml and the folder d.toml; what is said; the fix
    ("unet.tml", NOT_THERE, "{}/unet.toml"),
    ("Unet.toml", NOT_THERE, "{}/unet.toml"),
    ("zzz", NOT_THERE, A_FILE),
    ("no/unet.toml", NOT_THERE, A_FILE),
    ("unet.toml/unet.toml", NOT_THERE, A_FILE),
    ("~/unet.toml", NOT_THERE, A_FILE),
    ("zz\0z", "file: its path has a null character.", "the path of a .toml or .json file"),
    ("", unreadable("it is a folder."), "the path of a .toml or .json file"),
    ("d.toml", unreadable("it is a folder."), "the path of a .toml or .json file"),
    ("a" * 5000 + ".toml", unreadable(f"{os.strerror(errno.ENAMETOOLONG)}."), "a file that you may read"),
]


@pytest.mark.parametrize(("name", "says", "fix"), NOT_FILES, ids=[name[:20] or "the folder" for name, *_ in NOT_FILES])
def test_what_is_not_a_file_is_rejected_with_the_nearest_name(tmp_path, name, says, fix):
    (tmp_path / "d.toml").mkdir()
    (tmp_path / "unet.toml").touch()
    assert error_of(tmp_path / name).splitlines()[1:] == [f"  {says}", f"  fix: {fix.replace('{}', str(tmp_path))}"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_rejected_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.toml")
    assert "it is not a regular file" in error_of(tmp_path / "a.toml")


@pytest.mark.parametrize("error", [PermissionError(errno.EACCES, "Permission denied"), OSError("the disk hums")])
def test_a_file_that_the_system_does_not_give_is_rejected_in_the_systems_words(tmp_path, monkeypatch, error):
    def fail(*_, **__):
        raise error

    path = written(tmp_path / "a.toml", "")
    monkeypatch.setattr(Path, "open", fail)
    says = f"  file: {error.strerror or error}."
    assert error_of(path).splitlines()[1:] == [says, "  fix: a file that you may read"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(sorted(FIELDS)) | st.text(), inner),
    max_leaves=5,
)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=100)
@given(content=st.binary() | st.text().map(str.encode) | json_values.map(lambda value: json.dumps(value).encode()))
@example(content=b'{"pool_kernel": -0}')
def test_any_bytes_are_a_config_or_are_rejected_in_ten_lines(folder, suffix, content):
    path = written(folder / f"any{suffix}", content)
    try:
        cfg = load_config(path)
    except WellshapedError:
        error_of(path)
    else:
        assert all(type(getattr(cfg, name)) is int and getattr(cfg, name) >= 0 for name in FIELDS)


# No file is lost.

OLD, NEW = UNet2Config(base_channels=1), UNet2Config(base_channels=2)


def names(path):
    return sorted(p.name for p in path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("step", ["replace", "write"])
@pytest.mark.parametrize(
    ("error", "raised"),
    [(OSError(errno.ENOSPC, "No space left on device"), FileError), (KeyboardInterrupt(), KeyboardInterrupt)],
    ids=["full disk", "interrupt"],
)
def test_a_save_that_fails_leaves_the_earlier_file_and_nothing_else(tmp_path, monkeypatch, suffix, step, error, raised):
    path = tmp_path / f"unet{suffix}"
    save_config(OLD, path)
    before = path.read_bytes()

    def fail(*_, **__):
        raise error

    def fail_halfway(self, text, **_):
        self.write_bytes(text[: len(text) // 2].encode())
        raise error

    with monkeypatch.context() as broken:
        if step == "replace":
            broken.setattr(files_module.os, "replace", fail)
        else:
            broken.setattr(Path, "write_text", fail_halfway)
        with pytest.raises(raised) as caught:
            save_config(NEW, path)
    if raised is FileError:
        assert str(caught.value) == (
            f"output {path} can't be written.\n"
            "  file: No space left on device.\n"
            "  fix: the path of a file, in a folder that exists"
        )
    assert path.read_bytes() == before
    assert names(tmp_path) == [path.name]


def test_a_save_takes_the_place_of_any_earlier_file_in_one_step(tmp_path):
    path = written(tmp_path / "unet.toml", "this is no config")
    save_config(NEW, path)
    assert load_config(path) == NEW
    assert names(tmp_path) == ["unet.toml"]


def test_a_save_through_a_link_keeps_the_link_and_changes_its_file(tmp_path):
    (tmp_path / "real").mkdir()
    link, target = tmp_path / "unet.toml", tmp_path / "real" / "target.toml"
    link.symlink_to(target)
    save_config(OLD, link)
    save_config(NEW, link)
    assert link.is_symlink()
    assert load_config(target) == NEW
    assert names(tmp_path / "real") == ["target.toml"]


def test_threads_that_save_to_one_path_leave_one_of_their_configs(tmp_path):
    path = tmp_path / "unet.json"

    def save_often(base_channels):
        for turn in range(20):
            save_config(UNet2Config(base_channels=base_channels + turn), path)
            assert load_config(path).base_channels < 300

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(save_often, (0, 100, 200, 250)))
    assert names(tmp_path) == ["unet.json"]


A_PLACE = "the path of a file, in a folder that exists"
NO_PLACE = [  # path below a folder that holds the folder d.toml and the file f; what is said; the fix
    ("d.toml", "file: {}/d.toml is a folder.", A_PLACE),
    ("no/a.toml", "file: there is no folder {}/no.", A_PLACE),
    ("f/a.toml", "file: there is no folder {}/f.", A_PLACE),
    ("a" * 300 + ".toml", f"file: {os.strerror(errno.ENAMETOOLONG)}.", A_PLACE),
    ("", unknown_suffix(""), "{}.toml"),
    ("a.yaml", unknown_suffix(".yaml"), "{}/a.toml"),
]


@pytest.mark.parametrize(("name", "says", "fix"), NO_PLACE, ids=[name[:20] or "the folder" for name, *_ in NO_PLACE])
def test_a_place_that_cannot_hold_a_config_is_rejected_and_left_alone(tmp_path, name, says, fix):
    (tmp_path / "d.toml").mkdir()
    (tmp_path / "f").touch()
    with pytest.raises(FileError) as caught:
        save_config(UNet2Config(), tmp_path / name)
    assert f"\n  {says}\n  fix: {fix}".replace("{}", str(tmp_path)) in str(caught.value)
    assert names(tmp_path) == ["d.toml", "f"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_name_as_long_as_the_system_allows_can_be_saved_to(tmp_path, suffix):
    path = tmp_path / ("a" * (255 - len(suffix)) + suffix)
    save_config(NEW, path)
    assert load_config(path) == NEW


def test_a_number_that_could_not_be_loaded_is_not_saved(tmp_path):
    with pytest.raises(FileError, match="digits: the number is too long: up_kernel has more than 99 digits"):
        save_config(UNet2Config(up_kernel=LONGEST + 1), tmp_path / "a.toml")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("", r"its path is empty\.\n  fix: the path of a \.toml or \.json file$"),
        ("/", r"its suffix is ''.*\n  fix: /?unet.toml$"),
        (".", r"its suffix is ''.*\n  fix: /?unet.toml$"),
    ],
)
def test_a_path_without_a_name_is_rejected_with_one_that_has_a_name(path, says):
    with pytest.raises(FileError, match=says):
        save_config(UNet2Config(), path)
