"""Files of every kind of network: each comes back as an equal value, and all that is wrong with one is said."""

import json
import re
import tomllib
from ast import literal_eval
from contextlib import suppress
from copy import deepcopy
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path

import pytest
from effort import examples
from hanging import soon
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wellshaped.proofs_of_shape.strategies import graphs
from wellshaped.spec import (
    PRESETS,
    Activation,
    Add,
    Concat,
    ConfigError,
    Conv,
    FileError,
    Input,
    MaxPool,
    Network,
    Node,
    Norm,
    Operation,
    Pad,
    Require,
    Resize,
    UNet2Config,
    UNetConfig,
    UsageError,
    WellshapedError,
    explain,
    load_config,
    load_network,
    save_config,
    save_network,
)
from wellshaped.spec.files.formats import FORMATS, MAX_DOTS
from wellshaped.spec.files.networks import MAX_BYTES, ContentError, IllFormedError
from wellshaped.spec.messages.written import kind_of
from wellshaped.spec.network import data_of, network_from
from wellshaped.spec.network.data import OPERATIONS, usual_value
from wellshaped.spec.network.network import MAX_LETTERS
from wellshaped.spec.unet.by_level import BY_LEVEL, PER_AXIS
from wellshaped.spec.unet.choices import CHOICES

PAGE = (Path(__file__).parents[2] / "docs" / "reference.md").read_text(encoding="utf-8")
SUFFIXES = (".toml", ".json")
suffixes = pytest.mark.parametrize("suffix", SUFFIXES)

SMALL = Network(
    {"x": 3},
    (
        Node("encoder", Conv((3, 5), padding=(1, 2), channels=8)),
        Node("pooled", MaxPool(2)),
        Node("norm", Norm("group", groups=4, epsilon=1e-3), layer="block.norm"),
        Node("up", Resize(2, mode="linear")),
        Node("padded", Pad(((0, 1),), mode="replicated")),
        Node("joined", Concat(), ("encoder", "padded"), rule="h_up{}"),
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("networks")


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rejection(path, load=load_network, what="network"):
    """The lines that a file is rejected with but for the first, which is about it; they are few, and end in a fix."""
    with pytest.raises(FileError) as caught:
        load(path)
    text = str(caught.value)
    first, *lines = text.splitlines()
    ending = "is not well-formed" if type(caught.value) is IllFormedError else "can't be read"
    assert first == f"{what} file {path} {ending}."
    assert lines[-1].startswith("  fix: ")
    assert len(lines) < 10
    assert len(text) < 5000 + 3 * len(str(path))
    return [line.removeprefix("  ") for line in lines]


# What is saved comes back.

naturals = st.one_of(st.integers(0, 9), st.integers(0, 10**99 - 1))


def of_levels(value):
    """One value for all levels, or a tuple of them."""
    return value | st.lists(value, max_size=5).map(tuple)


unet_configs = st.builds(
    UNetConfig,
    **dict.fromkeys(["levels", "axes", "base_channels"], naturals),
    multipliers=st.none() | st.lists(naturals, max_size=5).map(tuple),
    **{name: of_levels(naturals) for name in ("convs_per_block", "decoder_convs", "groups")},
    **{name: of_levels(naturals | st.lists(naturals).map(tuple)) for name in PER_AXIS},
    **{
        name: of_levels(st.sampled_from(choices)) if name in BY_LEVEL else st.sampled_from(choices)
        for name, choices in CHOICES.items()
    },
)


def comes_back(folder, suffix, network):
    first, second = folder / f"first{suffix}", folder / f"second{suffix}"
    second.unlink(missing_ok=True)
    save_network(network, first)
    loaded = load_network(first)
    save_network(loaded, second)
    assert loaded == network
    assert type(loaded) is type(network)
    assert second.read_bytes() == first.read_bytes()


@pytest.mark.one_in(2)
@suffixes
@settings(max_examples=100)
@given(cfg=unet_configs)
@example(cfg=UNetConfig())
@example(cfg=UNetConfig(multipliers=()))
def test_a_saved_unet_config_is_loaded_as_an_equal_one_and_saved_again_as_the_same_bytes(folder, suffix, cfg):
    comes_back(folder, suffix, cfg)


@pytest.mark.one_in(2)
@suffixes
@settings(max_examples=100)
@given(network=graphs())
@example(network=SMALL)
@example(network=Network({"x": 1}, ()))
@example(network=Network([Input('a "b" \\ ü.0', 2), Input("time", 2, single=True)], (Node("=#]}", Conv(3)),)))
def test_a_saved_graph_is_loaded_as_an_equal_one_and_saved_again_as_the_same_bytes(folder, suffix, network):
    comes_back(folder, suffix, network)


@suffixes
@pytest.mark.parametrize("op", OPERATIONS)
def test_every_field_of_every_operation_comes_back(tmp_path, suffix, op):
    kind = OPERATIONS[op]
    values = {
        "kernel": (2, 3), "stride": (2, 1), "channels": op == "Dropout" or 4, "rate": 0.25,
        "padding": ((1, 0), (0, 1)), "dilation": (2, 1),
        "groups": 2, "bias": False, "learned": False, "output_padding": (1, 0), "ceil_mode": True,
        "count_include_pad": False,
        "rounding": "ceil", "factor": (2, 3), "mode": "linear" if "Resize" in op else "mirrored, extended",
        "align_corners": True, "recompute_scale_factor": True, "over": (1, 2), "less": (1, 0), "block": (1, 2),
        "amounts": ((1, 0), (0, 1)),
        "offset": (1, 0), "odd": "never", "where": "after" if op == "PadTo" else "both", "multiple": (2, 3),
        "broadcast": "channels", "kind": "instance" if op == "Norm" else "elu", "epsilon": 1e-7, "affine": False,
        "slope": 1e22, "start": 1, "stop": 3, "equal": True, "within": (1, 2), "at_least": (3, 4), "positions": 5,
    }  # fmt: skip
    alone = {
        "CropTo": ("offset", "odd"),
        "Norm": ("groups", "kind"),
        "Resize": ("align_corners", "recompute_scale_factor"),
    }.get(op, ())  # not together
    rows = [{f.name: values[f.name] for f in fields(kind) if f.name != less} for less in alone or ("",)]
    rows = [row | {"kind": "group"} if "groups" in row and op == "Norm" else row for row in rows]
    operations = [kind(**row) for row in rows]
    assert all(any(getattr(operation, f.name) != f.default for operation in operations) for f in fields(kind))
    for operation in operations:
        count = max(operation.input_count[0], 1)
        channels = {1: 4, 2: 4} | ({2: 1} if op in ("Add", "Multiply") else {})
        inputs = [Input(f"x{i}", channels[i]) for i in range(1, count + 1)]
        comes_back(tmp_path, suffix, Network(inputs, (Node("y", operation, [i.name for i in inputs]),)))


@pytest.mark.one_in(4)
@suffixes
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_saved_by_its_name_and_comes_back_as_its_config(tmp_path, suffix, name):
    save_network(name, tmp_path / f"a{suffix}")
    assert load_network(tmp_path / f"a{suffix}") == PRESETS[name]


@suffixes
@pytest.mark.parametrize("network", [UNet2Config(), UNetConfig(), SMALL], ids=lambda network: type(network).__name__)
def test_what_is_saved_needs_no_kind(tmp_path, suffix, network):
    save_network(network, tmp_path / f"a{suffix}")
    assert "Config" not in (tmp_path / f"a{suffix}").read_text()
    assert load_network(tmp_path / f"a{suffix}") == network


def test_a_graph_is_written_with_a_line_for_each_node(tmp_path):
    for suffix in SUFFIXES:
        save_network(SMALL, tmp_path / f"a{suffix}")
    assert (tmp_path / "a.toml").read_text() == (
        "axes = 2\n"
        "inputs = { x = 3 }\n"
        'outputs = ["joined"]\n'
        "nodes = [\n"
        '    { name = "encoder", op = "Conv", kernel = [3, 5], channels = 8, padding = [1, 2], inputs = ["x"] },\n'
        '    { name = "pooled", op = "MaxPool", kernel = 2, inputs = ["encoder"] },\n'
        '    { name = "norm", op = "Norm", kind = "group", groups = 4, epsilon = 0.001, inputs = ["pooled"], '
        'layer = "block.norm" },\n'
        '    { name = "up", op = "Resize", factor = 2, mode = "linear", inputs = ["norm"] },\n'
        '    { name = "padded", op = "Pad", amounts = [[0, 1]], mode = "replicated", inputs = ["up"] },\n'
        '    { name = "joined", op = "Concat", inputs = ["encoder", "padded"], rule = "h_up{}" },\n'
        "]\n"
    )
    lines = (tmp_path / "a.json").read_text().splitlines()
    assert lines[:6] == [
        "{",
        '  "axes": 2,',
        '  "inputs": {"x": 3},',
        '  "outputs": ["joined"],',
        '  "nodes": [',
        '    {"name": "encoder", "op": "Conv", "kernel": [3, 5], "channels": 8, "padding": [1, 2], "inputs": ["x"]},',
    ]
    assert len(lines) == 5 + len(SMALL.nodes) + 2


def test_a_unet_config_is_written_with_all_fields_that_are_not_none(tmp_path):
    save_network(UNetConfig(levels=1, multipliers=(1, 3), join="pad"), tmp_path / "a.toml")
    assert (tmp_path / "a.toml").read_text() == (
        "levels = 1\nbase_channels = 64\nmultipliers = [1, 3]\nconvs_per_block = 2\nconv_kernel = 3\n"
        'padding = "same"\nnorm = "none"\ngroups = 8\nresidual = false\nupsampling = "transposed"\njoin = "pad"\n'
        'concat = "skip first"\nbias = true\nhead = true\n'
        'axes = 2\nactivation = "relu"\norder = "norm first"\nstride = 2\ndownsampling = "max"\nskip = "concat"\n'
    )
    save_network(UNetConfig(), tmp_path / "b.toml")
    assert not re.search("multipliers|join", (tmp_path / "b.toml").read_text())


@pytest.mark.parametrize(
    ("name", "content", "network"),
    [
        ("a.toml", "# three\nlevels = 0x3\r\n\n'norm' = 'group' # of 8", UNetConfig(levels=3, norm="group")),
        ("a.json", '{"norm": "group", "multipliers": null, "levels": 3}', UNetConfig(levels=3, norm="group")),
        (
            "a.toml",
            "[[nodes]]\nname = 'y'\nop = 'MaxPool'\nkernel = 2\n[inputs.x]\nchannels = 3 # colours\n",
            Network({"x": 3}, (Node("y", MaxPool(2)),)),
        ),
        (
            "a.json",
            '{"kind": "Network", "inputs": {"x": {}}, "nodes": [{"op": "Mean", "name": "m", "inputs": "x"}]}',
            Network({"x": 1}, (Node("m", OPERATIONS["Mean"]()),)),
        ),
    ],
)
def test_saving_what_was_loaded_leaves_the_file_alone_however_it_is_written(tmp_path, name, content, network):
    path = written(tmp_path / name, content)
    assert load_network(path) == network
    save_network(network, path)
    assert path.read_bytes() == content.encode()


# The keys say which kind of network it is.


@pytest.mark.parametrize(
    ("content", "network"),
    [
        ("pool_kernel = 3", UNet2Config(pool_kernel=3)),
        ("levels = 3", UNetConfig(levels=3)),
        ("base_channels = 8\nconv_kernel = 5\nlevels = 2", UNetConfig(levels=2, base_channels=8, conv_kernel=5)),
        ("base_channels = 8\nconv_kernel = 5\nup_kernel = 3", UNet2Config(base_channels=8, conv_kernel=5, up_kernel=3)),
        ('kind = "UNetConfig"', UNetConfig()),
        ('kind = "UNet2Config"', UNet2Config()),
        ('kind = "UNetConfig"\nbase_channels = 8', UNetConfig(base_channels=8)),
        ('kind = "UNet2Config"\nbase_channels = 8', UNet2Config(base_channels=8)),
        ("inputs = { x = 3 }\nnodes = []", Network({"x": 3}, ())),
        ("inputs = { x = 3 }", Network({"x": 3}, ())),
    ],
)
def test_the_keys_decide_and_where_they_are_shared_the_kind(tmp_path, content, network):
    assert load_network(written(tmp_path / "a.toml", content)) == network


SEVERAL = "kind: several kinds of network are possible: "
EITHER = 'fix: kind = "UNet2Config" or kind = "UNetConfig"'


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("", [SEVERAL + "it has no keys.", EITHER + ' or kind = "Network"']),
        ("base_channels = 8", [SEVERAL + "its keys base_channels belong to UNet2Config and UNetConfig.", EITHER]),
        (
            "conv_kernel = 3\nbase_channels = 8",
            [SEVERAL + "its keys conv_kernel, base_channels belong to UNet2Config and UNetConfig.", EITHER],
        ),
        (
            "pool_kernel = 2\nlevels = 3",
            [
                "kind: no kind of network has all its keys: UNet2Config has no levels; UNetConfig has no pool_kernel.",
                "fix: leave out levels for a UNet2Config, or leave out pool_kernel for a UNetConfig",
            ],
        ),
        (
            'kind = "UNet"',
            [
                "kind: kind is 'UNet', and must be one of UNet2Config, UNetConfig, Network.",
                'fix: kind = "UNetConfig"',
            ],
        ),
        (
            "kind = [1]",
            [
                "kind: kind is [1], and must be one of UNet2Config, UNetConfig, Network.",
                'fix: kind = "UNet2Config"',
            ],
        ),
    ],
)
def test_a_file_that_could_be_of_several_kinds_is_rejected_with_the_key_that_decides(tmp_path, content, lines):
    assert rejection(written(tmp_path / "a.toml", content)) == lines


GRAPH_TOML = 'inputs = { x = 3 }\nnodes = [\n{ name = "a", op = "Mean" }\n]\n'
GRAPH_JSON = '{"inputs": {"x": 3}, "nodes": [\n{"name": "a", "op": "Mean"}]}'
SLIPS = [  # the suffix, a file, a fix, and how the fix changes the file
    (".toml", "norm = group", 'norm = "group"', ("norm = group", 'norm = "group"')),
    (".toml", "levels = 3\nnorm: group", 'norm = "group"', ("norm: group", 'norm = "group"')),
    (".toml", "levels = 3\nresidual = True # or not", "residual = true", ("True", "true")),
    (".toml", "multipliers: (1, 2)\nlevels = 1", "multipliers = [1, 2]", ("(1, 2)", "[1, 2]"), (":", " =")),
    (".toml", "multipliers: [1, 2]\nlevels = 1", "multipliers = [1, 2]", (":", " =")),
    (".toml", "levels = 3 norm = 'none'", "correct line 1", ("3 ", "3\n")),
    (".toml", "levels = 3\njoin = even crop", 'join = "even crop"', ("even crop", '"even crop"')),
    (".toml", GRAPH_TOML.replace('"Mean"', "Mean"), 'op = "Mean"', ("Mean", '"Mean"')),
    (".toml", GRAPH_TOML.replace('op = "', 'op: "'), 'op = "Mean"', ("op:", "op =")),
    (".toml", GRAPH_TOML.replace(", op", " op"), "add a comma before op in line 3", (" op", ", op")),
    (".toml", GRAPH_TOML.replace(" }\n]", ", }\n]"), "leave out the comma before the } of line 3", (", }", " }")),
    (
        ".toml",
        GRAPH_TOML.replace("\n]", '\n{ name = "b", op = "Mean" }\n]'),
        "add a comma at the end of line 3",
        ("}\n{", "},\n{"),
    ),
    (".toml", GRAPH_TOML.replace('"Mean"', '"Mean", op = "Mean"'), "write op once", (', op = "Mean", op', ", op")),
    (".toml", "levels = 3\r\n\r\nnorm: group\r\n", 'norm = "group"', ("norm: group", 'norm = "group"')),
    (".toml", "# \u2028 \nnorm: group\n", 'norm = "group"', ("norm: group", 'norm = "group"')),
    (".toml", "levels = 3,\nnorm = 'group'", "leave out the , of line 1", ("3,", "3")),
    (".toml", "levels = 3;\nnorm = 'group'", "leave out the ; of line 1", ("3;", "3")),
    (".toml", "levels = 3\nmultipliers = None", "leave out multipliers", ("multipliers = None", "")),
    (".json", '{"levels": 3, "multipliers": None}', "leave out multipliers", (', "multipliers": None', "")),
    (".json", '{"levels": 3,}', "leave out the comma before the } of line 1", (",}", "}")),
    (".json", '{"levels": 3 "norm": "group"}', 'add a comma before "norm" in line 1', ('3 "', '3, "')),
    (".json", '{"levels": 3,\n"norm": group}', '"norm": "group"', ("group", '"group"')),
    (".json", "{'levels': 3}", '"levels": 3', ("'", '"')),
    (".json", '{"levels" = 3}', '"levels": 3', (" =", ":")),
    (".json", '{levels: 3, "residual": False}', '"levels": 3', ("levels", '"levels"'), ("False", "false")),
    (".json", '{"residual": False}', '"residual": false', ("False", "false")),
    (".json", '{\n// few\n"levels": 3}', "leave out the comment of line 2", ("// few\n", "")),
    (".json", '{"levels": 3, "levels": 2}', "write levels once", (', "levels": 2', "")),
    (".json", GRAPH_JSON.replace(', "op"', ' "op"'), 'add a comma before "op" in line 2', (' "op"', ', "op"')),
    (".json", GRAPH_JSON.replace("}]", "},]"), "leave out the comma before the ] of line 2", (",]", "]")),
]


@pytest.mark.parametrize(("suffix", "content", "fix", "changes"), [(s, c, f, ways) for s, c, f, *ways in SLIPS])
def test_a_slip_in_toml_or_json_has_a_fix_after_which_the_file_is_read(tmp_path, suffix, content, fix, changes):
    assert rejection(written(tmp_path / f"a{suffix}", content))[-1] == f"fix: {fix}"
    for old, new in changes:
        assert old in content
        content = content.replace(old, new)
    load_network(written(tmp_path / f"b{suffix}", content))


@pytest.mark.parametrize("form", FORMATS.values(), ids=lambda form: form.name)
def test_the_example_of_a_file_is_read(tmp_path, form):
    example = written(tmp_path / f"a.{form.name.lower()}", form.example.removesuffix(", for example"))
    assert load_network(example) == load_config(example)


def test_a_key_of_no_kind_leads_to_the_nearest_of_any(tmp_path):
    says, fix = rejection(written(tmp_path / "a.toml", "level = 3\nnods = []\npool_kernal = 2\n"))
    assert fix == "fix: levels = 3"
    near = {"level": "levels", "nods": "nodes", "pool_kernal": "pool_kernel"}
    assert says == f"key: there is no such key: {'; '.join(f'{k!r} (did you mean {v}?)' for k, v in near.items())}."


@pytest.mark.parametrize(
    ("suffix", "content", "kind"),
    [
        (".toml", "[model]\nlevels = 3", "UNetConfig"),
        (".json", '{"model": {"pool_kernel": 2}}', "UNet2Config"),
        (".toml", "[model]\ninputs = { x = 3 }\nnodes = []", "Network"),
    ],
)
def test_a_table_with_the_keys_of_a_network_belongs_at_the_top(tmp_path, suffix, content, kind):
    assert rejection(written(tmp_path / f"a{suffix}", content)) == [
        f"key: there is no such key: 'model', a table with the keys of a {kind}.",
        "fix: put its keys at the top, without [model]",
    ]
    at_the_top = content.replace("[model]\n", "").replace('{"model": ', "").replace("}}", "}")
    assert (
        not kind.endswith("Config") or type(load_network(written(tmp_path / f"b{suffix}", at_the_top))).__name__ == kind
    )


def test_a_table_with_other_keys_or_with_keys_that_are_at_the_top_too_is_an_unknown_key(tmp_path):
    for content in ("levels = 3\n[model]\nlevels = 2", "levels = 3\n[model]\nlearning_rate = 2", "levels = 3\n[model]"):
        assert "'model', a table" not in rejection(written(tmp_path / "a.toml", content))[0]


def test_a_file_without_a_key_of_a_network_holds_none_and_all_its_keys_are_named(tmp_path):
    for content, keys in (
        ('model = "unet"', "model"),
        ('model = "unet"\nlr = 0.1\n[data]\nsize = 3', "data, lr, model"),
    ):
        assert rejection(written(tmp_path / "a.toml", content)) == [
            f"kind: it holds no network: its keys are {keys}, and none is a key of a network.",
            "fix: a file with the keys of a graph, inputs and nodes, or of a config, such as levels and norm",
        ]
    for near in ("levls = 3", "baseC = 3", "norm_type = 3", "chanels = 3\nMultipliers = 2"):
        assert "did you mean" in rejection(written(tmp_path / "a.toml", near))[0]


def test_a_graph_that_breaks_a_rule_is_not_well_formed_and_other_content_cant_be_read_in_one_class_of_errors(tmp_path):
    def graph(*nodes, more=""):
        return f"inputs = {{ x = 3 }}\nnodes = [{', '.join(f'{{ {node} }}' for node in nodes)}]\n{more}"

    pool, conv = 'name = "y", op = "MaxPool", kernel = 2', 'name = "y", op = "Conv", kernel = 3'
    broken = [graph(f"{pool}, stride = 0"), graph('name = "y", op = "Conv", kernel = 0'), graph(f"{conv}, groups = 2")]
    broken += [graph(pool, pool), graph(f'{pool}, inputs = ["b"]'), graph(pool, more='outputs = ["b"]')]
    broken += [graph(pool, more="axes = 4"), graph('name = "y", op = "Concat"')]
    unread = ["levels = 2.5", "levls = 3", "", 'norm = "bach"', graph(f"{pool}, strid = 1"), graph('name = "y"')]
    unread += [graph(f"{conv}, padding = true"), graph(f'{conv}, padding = "sam"'), graph(pool, more="outputs = 3")]
    unread += [graph(f"{pool}, inputs = [3]"), graph(pool, more="axes = 2.5"), graph('name = "y", op = "Cnv"')]
    for says, contents in (("is not well-formed", broken), ("can't be read", unread)):
        for content in contents:
            path = written(tmp_path / "f.toml", content)
            for error in (ConfigError, FileError, ContentError):
                with pytest.raises(error, match=rf"f.toml {says}"):
                    load_network(path)
    with pytest.raises(FileError) as caught:
        load_network(tmp_path / "missing.toml")
    assert not isinstance(caught.value, ConfigError)


def test_an_empty_path_is_not_read_as_the_folder():
    for load, what in ((load_network, "network"), (load_config, "config")):
        with pytest.raises(FileError, match=f"{what} file '' can't be read.\n  file: its path is empty"):
            load("")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("levels = 3", "UNetConfig"),
        ("inputs = { x = 3 }\nnodes = []", "Network"),
        ('kind = "UNetConfig"', "UNetConfig"),
        ('kind = "Network"\ninputs = { x = 3 }', "Network"),
    ],
)
def test_where_a_unet2_config_is_wanted_another_kind_is_rejected_by_its_name(tmp_path, content, kind):
    path = written(tmp_path / "a.toml", content)
    assert rejection(path, load_config, "config") == [
        f"kind: it holds a {kind}, and must hold a UNet2Config.",
        f"fix: load_network({str(path)!r})",
    ]


# What is wrong with a config.


def not_natural(name, shown, fault):
    return f"natural: not a natural number: {name}={shown} is {fault}, and must be an integer ≥ 0."


@pytest.mark.parametrize(
    ("line", "says", "fix"),
    [
        ("levels = -1", not_natural("levels", "-1", "negative"), "levels = 4"),
        ("levels = 2.0", not_natural("levels", "2.0", "a float"), "levels = 2"),
        ('groups = "8"', not_natural("groups", "'8'", "a str"), "groups = 8"),
        ("multipliers = [1, -2]", not_natural("multipliers[1]", "-2", "negative"), "multipliers = [1, 1]"),
        (
            f"multipliers = [1, {10**99}]",
            "digits: the number is too long: multipliers has more than 99 digits.",
            "multipliers = [1, 1]",
        ),
        (f"levels = {10**99}", "digits: the number is too long: levels has more than 99 digits.", "levels = 4"),
        (
            "multipliers = 2",
            "multipliers: not a tuple: it is an int, and must be a tuple of natural numbers, or None.",
            "leave out multipliers",
        ),
        (
            "stride = [2, 2, 2, -2, 3]",
            "natural: not a natural number: stride[3]=-2 is negative, and must be an integer ≥ 0.",
            "stride = [2, 2, 2, 2, 3]",
        ),
        (
            'skip = ["add", "sum"]',
            "skip: no such choice: skip[1]='sum' must be one of 'concat', 'add', 'none'.",
            'skip = ["add", "add"]',
        ),
        ("bias = 1", "bias: no such choice: bias=1 must be one of True, False.", "bias = true"),
        ('bias = "no"', "bias: no such choice: bias='no' must be one of True, False.", "bias = false"),
        (
            'norm = "batchnorm"',
            "norm: no such choice: norm='batchnorm' must be one of 'none', 'batch', 'group', 'instance'.",
            'norm = "batch"',
        ),
        (
            'join = "none"',
            "join: no such choice: join='none' must be one of None, 'exact', 'crop', 'even crop', 'pad'.",
            "leave out join",
        ),
    ],
)
def test_a_value_that_a_field_of_a_unet_config_does_not_take_is_named_with_a_fix_to_paste(tmp_path, line, says, fix):
    path = written(tmp_path / "a.toml", f'kind = "UNetConfig"\n{line}\n')
    assert rejection(path) == [says, f"fix: {fix}"]


def test_all_that_is_wrong_with_a_unet_config_is_said_at_once(tmp_path):
    wrong = {f.name: [None] for f in fields(UNetConfig)} | {f"unknown_{i}": 1 for i in range(40)}
    text = "\n".join(rejection(written(tmp_path / "a.json", json.dumps(wrong))))
    for f in fields(UNetConfig):
        assert re.search(rf"\b{f.name}(\[0\])?(=\[None\]|=None| must be)", text), f.name
    assert "'unknown_0'" in text
    assert "and 37 more" in text


# What is wrong with a graph.

KERNEL_2 = '{ name = "pooled", op = "MaxPool", kernel = 2 }'


def graph_file(path, *nodes, inputs="{ x = 4 }", more=""):
    rows = "".join(f"    {node},\n" for node in nodes)
    return written(path / "a.toml", f"inputs = {inputs}\n{more}\nnodes = [\n{rows}]\n")


CONV_8 = '{ name = "c", op = "Conv", kernel = 1, channels = 8 }'


NODE_FAULTS = [  # a node in TOML, what is said about it, the fix
    (
        '{ name = "y", op = "Conv", kernal = 3, kernel = 3 }',
        "key: there is no such key: node y: 'kernal' (did you mean kernel?).",
        "node y: leave out kernal",
    ),
    (
        '{ name = "y", op = "Conv", kernal = 3 }',
        "key: there is no such key: node y: 'kernal' (did you mean kernel?).",
        "node y: rename kernal to kernel",
    ),
    (
        '{ name = "y", op = "Resize", scale_factor = 2 }',
        "key: there is no such key: node y: 'scale_factor' (did you mean factor?).",
        "node y: rename scale_factor to factor",
    ),
    (
        '{ name = "y", op = "Resize", scale = 2 }',
        "key: there is no such key: node y: 'scale' (did you mean factor?).",
        "node y: rename scale to factor",
    ),
    (
        '{ name = "y", op = "MaxPool", size = 2 }',
        "key: there is no such key: node y: 'size' (did you mean kernel?).",
        "node y: rename size to kernel",
    ),
    (
        '{ name = "y", op = "MaxPool", "kernel\\n" = 2 }',
        "key: there is no such key: node y: 'kernel\\n' (did you mean kernel?).",
        r"node y: rename 'kernel\n' to kernel",
    ),
    (
        '{ name = "y", op = "Mean", foo = 2 }',
        "key: there is no such key: node y: 'foo'.",
        "node y: leave out foo; the keys are name, op, inputs, layer, rule",
    ),
    (
        '{ name = "y", op = "Conv", kernel = 3, input = "x" }',
        "key: there is no such key: node y: 'input' (did you mean inputs?).",
        "node y: rename input to inputs",
    ),
    ('{ name = "y", op = "Conv" }', "key: a key is missing: node y: kernel.", "node y: kernel = 3"),
    ('{ op = "Conv", kernel = 3 }', "key: a key is missing: node 1: name.", 'node 1: name = "conv"'),
    (
        '{ name = "y", op = "Conv2d", kernel = 3 }',
        "op: no such operation: node y: 'Conv2d' (did you mean Conv?).",
        'node y: op = "Conv"',
    ),
    (
        '{ name = "y", op = "Upsample", factor = 2 }',
        "op: no such operation: node y: 'Upsample' (did you mean Resize?).",
        'node y: op = "Resize"',
    ),
    (
        '{ name = "y", op = 3 }',
        "op: no such operation: node y: 3 (did you mean Conv?).",
        'node y: op = "Conv"',
    ),
    (
        '{ name = "y" }',
        "op: no such operation: node y: it has no op.",
        f'node y: op = "Conv"; the operations are {", ".join(OPERATIONS)}',
    ),
    (
        '{ name = "y", op = "Conv", kernel = -3 }',
        "natural: not a natural number: node y: kernel=-3 is negative, and must be an integer ≥ 0.",
        "node y: kernel = 3",
    ),
    (
        '{ name = "y", op = "Conv", kernel = [3, 1.5] }',
        "natural: not a natural number: node y: kernel[1]=1.5 is a float, and must be an integer ≥ 0.",
        "node y: kernel = [3, 3]",
    ),
    (
        f'{{ name = "y", op = "Pad", amounts = [[0, {10**99}]] }}',
        "digits: the number is too long: node y: amounts has more than 99 digits.",
        "node y: amounts = [[0, 1]]",
    ),
    (
        '{ name = "y", op = "Conv", kernel = 3, padding = "same" }',
        "padding: no such choice: node y: padding='same' must be one of 'SAME', 'VALID'.",
        'node y: padding = "SAME"',
    ),
    (
        '{ name = "y", op = "Pad", amounts = [[0, 1, 2]] }',
        "amounts: wrong value: node y: amounts=((0, 1, 2),) must have a pair (before, after) for each axis.",
        "node y: amounts = [[0, 1]]",
    ),
    (
        '{ name = "y", op = "Conv", kernel = 3, bias = 1 }',
        "bias: wrong value: node y: bias=1 is an int, and must be True or False.",
        "node y: bias = true",
    ),
    (
        '{ name = "y", op = "Norm", epsilon = nan }',
        "epsilon: wrong value: node y: epsilon=nan must be a finite number.",
        "node y: epsilon = 0.01",
    ),
    (
        '{ name = "y", op = "Require" }',
        "requires: node y: it must require something.",
        "node y: at_least = 2",
    ),
    (
        '{ name = "", op = "Mean" }',
        "name: not a name: node 1: name='' must have 1 to 200 printable characters.",
        'node 1: name = "encoder"',
    ),
    (
        '{ name = "a\\u001b[31m", op = "Mean" }',
        "name: not a name: node 1: name='a\\x1b[31m' must have 1 to 200 printable characters.",
        'node 1: name = "encoder"',
    ),
    (
        '{ name = "y", op = "Mean", inputs = [1] }',
        "name: not a name: node y: inputs=1 is an int, and must be a str.",
        'node y: inputs = ["encoder"]',
    ),
    (
        '"Mean"',
        "object: not a network: node 1 is a str, and must be an object.",
        'inputs = { x = 3 }; nodes = [{ name = "y", op = "Conv", kernel = 3 }]',
    ),
    # What a Network says itself.
    (
        '{ name = "y", op = "Add", inputs = ["x", "pool"] }',
        "unknown_input: y takes pool, which is neither an earlier node nor an input.",
        'y: inputs = ["x", "pooled"]',
    ),
    (
        '{ name = "y", op = "Concat" }',
        "number_of_inputs: wrong number of inputs: y: Concat has 1 input, and takes 2 or more.",
        'y: inputs = ["pooled", "x"]',
    ),
    (
        '{ name = "y", op = "Add", inputs = ["pooled", "c"] }',
        "channels_equal: channels do not match: y: c has 8 channels, pooled has 4, and they must be equal.",
        "c: channels = 4",
    ),
    (
        '{ name = "y", op = "Add", inputs = ["c", "x"] }',
        "channels_equal: channels do not match: y: x has 4 channels, c has 8, and they must be equal.",
        '{ name = "x_8", op = "Conv", kernel = 1, channels = 8, inputs = ["x"] }; y: inputs = ["c", "x_8"]',
    ),
    (
        '{ name = "pooled", op = "Mean" }',
        "name_twice: names must differ: the name pooled is used twice.",
        'the second pooled: name = "pooled_2"',
    ),
    (
        '{ name = "y", op = "Slice", start = 3, stop = 9 }',
        "slice_within: no such channels: y: start=3 and stop=9 must have start < stop ≤ 8, the channels of the input.",
        "y: start = 0, stop = 8",
    ),
    (
        '{ name = "y", op = "CropTo", offset = 1, odd = "never", inputs = ["x", "c"] }',
        "odd: node y: offset already fixes where to crop, so odd must be left out.",
        'node y: odd = "after"',
    ),
    (
        '{ name = "y", op = "MaxPool", kernel = 2, padding = -1 }',
        "natural: not a natural number: node y: padding=-1 is negative, and must be an integer ≥ 0.",
        "node y: padding = 0",
    ),
    (
        '{ name = "y", op = "Conv", kernel = 3, groups = 3 }',
        "groups_divide: channels do not match: y: the input has 4 channels, and their number must be a "
        "multiple of groups=3; y: the output has 4 channels, and their number must be a multiple of groups=3.",
        "y: groups = 1",
    ),
    (
        '{ name = "y", op = "Conv", kernel = [3, 3, 3] }',
        "axes_differ: numbers for more or fewer axes: y: kernel has numbers for 3 axes, and the network has 2.",
        "y: kernel = 3 or axes = 3",
    ),
]


@pytest.mark.parametrize(("node", "says", "fix"), NODE_FAULTS)
def test_a_fault_of_a_node_is_said_with_its_name_and_a_fix(tmp_path, node, says, fix):
    before = [KERNEL_2, CONV_8] if '"c"' in node or "Slice" in node else [KERNEL_2]
    assert rejection(graph_file(tmp_path, *before, node)) == [says, f"fix: {fix}"]


PLACE = re.compile(r"(node \d|the second pooled|inputs|(?:node )?[a-z]\w*): ")


@suffixes
@pytest.mark.parametrize(("node", "says"), [(node, says) for node, says, _ in NODE_FAULTS])
def test_a_fix_for_a_node_can_be_pasted_and_removes_the_fault(tmp_path, suffix, node, says):
    data = tomllib.loads(graph_file(tmp_path, KERNEL_2, CONV_8, node).read_text())
    path = written(tmp_path / "a.json", json.dumps(data))
    if suffix == ".toml":
        path = graph_file(tmp_path, KERNEL_2, CONV_8, node)
    for line in rejection(path)[1:]:
        for piece in line.removeprefix("fix: ").partition(" or ")[0].split("; "):
            if not piece.startswith(("the keys are ", "the operations are ")):
                paste(piece, data, suffix)
    path = written(tmp_path / "a.json", json.dumps(data))
    with suppress(FileError):
        load_network(path)
        return
    assert says not in rejection(path)[0]  # it has only another fault


def paste(piece, data, suffix):
    """Change the data of a network as a fix says."""
    place = PLACE.match(piece)
    code = piece[place.end() :] if place else piece
    name = re.sub("^(node|the second) ", "", place[1]) if place else ""
    of = next((row for row in data["nodes"][::-1] if isinstance(row, dict) and row.get("name") == name), None)
    of = of or (data["nodes"][int(name)] if name.isdecimal() else data)
    match code.split():
        case ["rename", *key, "to", new]:
            of[new] = of.pop(literal_eval(" ".join(key)) if key[0].startswith("'") else key[0])
        case ["leave", "out", key]:
            del of[key]
        case _ if code.startswith("{"):
            data["nodes"].insert(-1, parsed(code, suffix))
        case _:
            of |= parsed(f"{{{code}}}", suffix)


def parsed(code, suffix):
    """The value of a row in a file."""
    return tomllib.loads(f"a = {code}")["a"] if suffix == ".toml" else json.loads(code)


@pytest.mark.parametrize("op", OPERATIONS)
def test_a_missing_number_is_answered_with_one_that_has_an_effect(tmp_path, op):
    kind = OPERATIONS[op]
    required = {f.name: usual_value(kind, f) for f in fields(kind) if f.default is MISSING}
    for name in required:
        rest = {key: value for key, value in required.items() if key != name}
        data = {"inputs": {"x": 4}, "nodes": [{"name": "y", "op": op, **rest}]}
        path = written(tmp_path / "a.json", json.dumps(data))
        assert rejection(path) == [
            f"key: a key is missing: node y: {name}.",
            f'fix: node y: "{name}": {required[name]}',
        ]
    if required and op != "Slice":
        assert kind(**required).size([60], 0) != 60


@pytest.mark.parametrize(
    ("more", "inputs", "says", "fix"),
    [
        ('axes = "2"', "{ x = 4 }", "natural: not a natural number: axes='2' is a str", "axes"),
        (f"axes = {10**99}", "{ x = 4 }", "digits: the number is too long: axes has more than 99 digits.", "axes = 2"),
        ("axes = 4", "{ x = 4 }", "axes: wrong number of axes: the network has axes=4", "axes = 2"),
        ("outputs = 3", "{ x = 4 }", "names: not a name: outputs=3 must be a name", 'outputs = ["encoder", "up"]'),
        ('outputs = ["pool"]', "{ x = 4 }", "unknown_input: the output pool is", 'outputs = ["pooled"]'),
        (
            "axis = 2",
            "{ x = 4 }",
            "key: there is no such key: 'axis' (did you mean axes?).",
            "axes = 2",
        ),
        ("", "4", "object: not a network: inputs is an int, and must be an object.", "inputs = { x = 3 }"),
        ("", '{ x = "3" }', "natural: not a natural number: input x: channels='3' is a str", "inputs: x = 3"),
        ("", "{ x = 0 }", "channels_pos: no channels: the input x has channels=0", "inputs: x = 1"),
        (
            "",
            "{ x = { chanels = 3 } }",
            "key: there is no such key: input x: 'chanels' (did you mean channels?).",
            "input x: rename",
        ),
        (
            "",
            '{ x = { channels = 3, single = "yes" } }',
            "single: wrong value: input x: single='yes' is a str, and must be True or False.",
            "input x: single = true",
        ),
        ("", f"{{ x = {10**99} }}", "digits: the number is too long: input x: channels has", "inputs: x = 3"),
        (
            "",
            "{}",
            "inputs: no inputs: a network must have at least one input.",
            "inputs = { x = 3 }",
        ),
    ],
)
def test_a_fault_of_the_inputs_outputs_or_axes_is_said_with_a_fix(tmp_path, more, inputs, says, fix):
    first, second = rejection(graph_file(tmp_path, KERNEL_2, inputs=inputs, more=more))
    assert first.startswith(says)
    assert second.startswith(f"fix: {fix}")


def test_nodes_that_are_not_a_list_are_reported_as_such(tmp_path):
    path = written(tmp_path / "a.json", '{"inputs": {"x": 1}, "nodes": {"name": "y"}}')
    assert rejection(path)[0] == "object: not a network: nodes is a dict, and must be a list."


def test_all_faults_of_a_graph_are_said_at_once(tmp_path):
    path = graph_file(
        tmp_path,
        '{ name = "a", op = "Conv", kernal = 3, kernel = -1 }',
        '{ name = "b", op = "MaxPol" }',
        '{ name = "c", op = "MaxPool" }',
        '{ name = "d", op = "Resize", factor = 2, mode = "area" }',
        inputs='{ x = "4" }',
    )
    assert rejection(path) == [
        "natural: not a natural number: input x: channels='4' is a str, and must be an integer ≥ 0; "
        "node a: kernel=-1 is negative, and must be an integer ≥ 0.",
        "key: there is no such key: node a: 'kernal' (did you mean kernel?).",
        "op: no such operation: node b: 'MaxPol' (did you mean MaxPool?).",
        "key: a key is missing: node c: kernel.",
        "mode: no such choice: node d: mode='area' must be one of 'nearest', 'nearest-exact', 'linear'.",
        "fix: inputs: x = 4",
        "fix: node a: leave out kernal",
        'fix: node b: op = "MaxPool"',
    ]


def test_an_unknown_input_is_named_beside_other_faults(tmp_path):
    path = graph_file(
        tmp_path,
        '{ name = "down", op = "Conv", kernal = 3, inputs = ["x"] }',
        '{ name = "up", op = "Add", inputs = ["x", "dwn"] }',
        '{ name = "y", op = "Mean", inputs = "upp" }',
    )
    assert rejection(path) == [
        "key: there is no such key: node down: 'kernal' (did you mean kernel?).",
        "unknown_input: node up: no node or input is called dwn; node y: no node or input is called upp.",
        "fix: node down: rename kernal to kernel",
        'fix: node up: inputs = ["x", "down"]',
    ]


MANY = {
    "unknown operations": lambda i: {"name": f"n{i}", "op": f"MaxPooling{i}"},
    "unknown keys": lambda i: {"name": f"n{i}", "op": "Mean", f"key{i}": 1},
    "unknown inputs": lambda i: {"name": f"n{i}", "op": "Mean", "inputs": f"m{i}"},
    "one name": lambda i: {"name": "n", "op": "Mean"},
    "wrong values": lambda i: {"name": f"n{i}", "op": "MaxPool", "kernel": -i - 1},
    "wrong inputs": lambda i: {"name": f"n{i}", "op": "Concat" if i % 2 else "Mean", "inputs": ["x"] * 9},
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("fault", MANY)
def test_a_file_full_of_faults_is_answered_soon_in_ten_lines(tmp_path, fault):
    data = {"inputs": {"x": 1}, "nodes": []}
    while len(json.dumps(data)) < MAX_BYTES * 0.9:
        data["nodes"] += [MANY[fault](len(data["nodes"]) + i) for i in range(1, 200)]
    while len(json.dumps(data)) > MAX_BYTES:
        data["nodes"].pop()
    path = written(tmp_path / "a.json", json.dumps(data))
    with soon():
        lines = rejection(path)
    assert "more" in lines[0]


def parts(data, path=()):
    """The places in plain data, each as the keys that lead there."""
    for key in data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ():
        yield (*path, key)
        yield from parts(data[key], (*path, key))


values = st.sampled_from([None, True, -1, 0, 3, 2.5, 10**99, float("nan"), "", "x", "Conv", "a\x1b", [], {}, [[1, 2]]])


@st.composite
def broken(draw):
    """The plain data of a network in which a few values are others, are left out, or stand under another key."""
    data = deepcopy(data_of(draw(graphs())))
    for _ in range(draw(st.integers(0, 3))):
        *to, key = draw(st.sampled_from([("nodes",), *parts(data)]))
        of = data
        for step in to:
            of = of[step]
        match draw(st.sampled_from(["other", "left out", "misspelt"])):
            case "misspelt" if isinstance(of, dict):
                of[key + "s"] = of.pop(key, 1)
            case "left out" if key in of or isinstance(of, list):
                del of[key]
            case _:
                of[key] = draw(values)
    return data


@examples(120)
@given(data=broken())
def test_any_data_of_a_network_is_read_as_one_or_rejected_in_ten_lines(folder, data):
    path = written(folder / "any.json", json.dumps(data))
    try:
        network = load_network(path)
    except WellshapedError:
        rejection(path)
    else:
        assert network_from(data_of(network)) == network


# What cannot be read back is not saved.


def rejected(network, path):
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(WellshapedError) as caught:
        save_network(network, path)
    assert (path.read_bytes() if path.exists() else None) == before
    assert [p.name for p in path.parent.iterdir()] == ([path.name] if before else [])
    return str(caught.value)


@dataclass(frozen=True, slots=True, repr=False)
class _Blur(Operation):
    """An operation of one's own."""


@suffixes
def test_a_number_that_is_too_long_a_graph_that_is_too_large_and_an_operation_of_ones_own_are_not_saved(
    tmp_path, suffix
):
    path = tmp_path / f"a{suffix}"
    save_network(SMALL, path)
    assert "levels has more than 99 digits" in rejected(UNetConfig(levels=10**99), path)
    assert "node y: kernel has more than 99 digits" in rejected(Network({"x": 1}, (Node("y", Conv(10**99)),)), path)
    assert "input x: channels has more" in rejected(Network({"x": 10**99}, (Node("y", Conv(1)),)), path)
    many = Network({"x": 1}, [Node(f"node{i}", Activation()) for i in range(5000)])
    assert f"and may have at most {MAX_BYTES}" in rejected(many, path)
    own = Network({"x": 1}, (Node("soft", _Blur()),))
    assert "node soft: _Blur is an operation of your own, and a file cannot hold it" in rejected(own, path)


def test_an_operation_of_ones_own_with_the_name_of_another_is_not_saved(tmp_path):
    conv = dataclass(frozen=True, repr=False)(type("Conv", (_Blur,), {}))
    assert "Conv is an operation of your own" in rejected(Network({"x": 1}, (Node("y", conv()),)), tmp_path / "a.toml")


def test_a_line_with_more_dots_than_the_parser_is_given_is_not_saved_as_toml(tmp_path):
    def dotted(count):
        names = [f"{i}{'.' * 60}" for i in range(count)]
        nodes = [Node(name, Activation(), "x") for name in names]
        return Network({"x": 1}, [*nodes, Node("y", Add(), names)])

    comes_back(tmp_path, ".toml", dotted(MAX_DOTS // 60))
    (tmp_path / "first.toml").unlink()
    (tmp_path / "second.toml").unlink()
    assert "dots, and may have at most 200" in rejected(dotted(MAX_DOTS // 60 + 1), tmp_path / "a.toml")
    comes_back(tmp_path, ".json", dotted(50))


def test_keys_with_as_many_dots_as_a_line_may_have_are_parsed_soon(tmp_path):
    line = "a." * (MAX_DOTS - 1) + "a.b{} = 1\n"
    tables = "[" + "a." * MAX_DOTS + "a]\n" + "".join(f"b{i}=1\n" for i in range(30_000))
    texts = ["".join(line.format(i) for i in range(600)), tables]
    for text in texts:
        assert MAX_BYTES / 2 < len(text) < MAX_BYTES
        with soon():
            rejection(written(tmp_path / "a.toml", text))


@pytest.mark.parametrize("network", [None, 3, UNetConfig, [SMALL], {1: 2}], ids=kind_of)
def test_what_is_no_network_is_not_saved(tmp_path, network):
    says = "and a file holds one of UNet2Config, UNetConfig, Network"
    assert says in rejected(network, tmp_path / "a.toml")


def test_a_preset_that_there_is_not_is_not_saved_and_the_nearest_is_proposed(tmp_path):
    assert '"milesial"' in rejected("milesal", tmp_path / "a.toml")


def test_save_config_takes_a_unet2_config_alone(tmp_path):
    with pytest.raises(UsageError, match="UNetConfig, and must be a UNet2Config"):
        save_config(UNetConfig(), tmp_path / "a.toml")
    with pytest.raises(UsageError, match=r"fix: save_network\(cfg, "):
        save_config("milesial", tmp_path / "a.toml")
    save_config(UNet2Config(), tmp_path / "a.toml")
    assert load_config(tmp_path / "a.toml") == load_network(tmp_path / "a.toml") == UNet2Config()


# Names stand in messages.


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31m", "\ud800", "a" * (MAX_LETTERS + 1), "\u2028"])
def test_a_name_that_no_message_could_show_is_rejected_wherever_it_stands(name):
    for make in (
        lambda: Input(name),
        lambda: Node(name, Conv(3)),
        lambda: Node("y", Conv(3), name),
        lambda: Node("y", Conv(3), layer=name),
        lambda: Node("y", Conv(3), rule=name),
        lambda: Network({"x": 1}, (), outputs=name),
    ):
        with pytest.raises(ConfigError, match="200 printable characters"):
            make()


def test_a_name_may_have_spaces_signs_and_letters_of_any_language(tmp_path):
    network = Network({"größe 1": 1}, (Node("y keeps [0].δ " + "a" * 180, Require(at_least=2)),))
    for suffix in SUFFIXES:
        comes_back(tmp_path, suffix, network)


def test_a_rule_from_a_file_may_have_any_braces(tmp_path):
    path = graph_file(
        tmp_path,
        '{ name = "up", op = "Resize", factor = 2 }',
        '{ name = "y", op = "Add", inputs = ["x", "up"], rule = "{0} {} {" }',
    )
    assert explain(load_network(path), (8, 8)).failures[0].name == "{0} H {"


# The page.


@pytest.mark.parametrize("language", ["toml", "json"])
def test_the_files_on_the_reference_page_are_read(tmp_path, language):
    examples = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)
    assert examples
    for text in examples:
        network = load_network(written(tmp_path / f"a.{language}", text))
        comes_back(tmp_path, f".{language}", network)


def test_the_reference_page_has_every_operation_with_its_fields_and_their_defaults():
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE, re.M))
    for op, kind in OPERATIONS.items():
        required = [f"`{f.name}`" for f in fields(kind) if f.default is MISSING]
        optional = [
            f"`{f.name}` (none)" if f.default is None else f"`{f.name} = {json.dumps(f.default)}`"
            for f in fields(kind)
            if f.default is not MISSING
        ]
        assert rows[op] == (", ".join([*required, *optional]) or "none"), op


def test_the_reference_page_says_the_limits():
    assert f"at most {MAX_BYTES // 1024} KiB" in PAGE
    assert f"at most {MAX_LETTERS} printable characters" in PAGE
    assert f"at most {MAX_DOTS} dots" in PAGE


def test_a_network_that_differs_in_one_number_is_saved_over_the_other(tmp_path):
    path = tmp_path / "a.toml"
    save_network(SMALL, path)
    other = replace(SMALL.nodes[1], operation=MaxPool(3))
    changed = Network(SMALL.inputs, (SMALL.nodes[0], other, *SMALL.nodes[2:]), SMALL.outputs)
    save_network(changed, path)
    assert load_network(path) == changed
