"""The answers of the page are those of the library and the words of the command line, for any network and size."""

import json
import re
import shlex
import subprocess
import sys
import tempfile
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from effort import examples
from hypothesis import given
from hypothesis import strategies as st

from wellshaped.calculator import answer_in_json, answer_to
from wellshaped.calculator.question import NAMES, Question
from wellshaped.cli import main
from wellshaped.proofs_of_shape.strategies import unet_configs
from wellshaped.spec import PRESETS, UNetConfig, compatible_shapes, graph_of, save_network, stages
from wellshaped.spec.messages.written import written_sizes
from wellshaped.words.sizes import enough

pytestmark = pytest.mark.as_printed  # a line of the page is wrapped as on the command line


def printed(words):
    """What a command prints, and whether its answer is yes."""
    out = StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        status = main(words)
    return out.getvalue().removesuffix("\n"), status == 0


def shape(channels, sizes):
    return "x".join(map(str, (channels, *sizes)))


def assert_as_the_command(state):
    found = answer_to(state)
    assert (found["message"], found["fits"]) == printed(shlex.split(found["command"])[1:])
    for text in [found.get("picture"), found.get("tiles", {}).get("picture")]:
        assert not text or ElementTree.fromstring(text).tag.endswith("svg")
    return found


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", NAMES)
def test_the_answer_for_a_preset_is_that_of_the_command_line_and_of_the_library(name):
    network = name if name in PRESETS else UNetConfig()
    graph, shapes = graph_of(network), compatible_shapes(network)
    fitting, channels = shapes.above((300,) * graph.axes), graph.image.channels
    found = assert_as_the_command({"network": name, "input": shape(channels, fitting)})
    expected = stages(network, (channels, *fitting))
    assert (found["fits"], found["broken"]) == (True, {})
    assert found["stages"] == [
        [s.name, s.op, s.layer or "", written_sizes(s.shape), s.parameters, s.multiply_adds] for s in expected
    ]
    small = tuple(n - 1 for n in shapes.above((1,) * graph.axes))
    for sizes in (tuple(n + 1 for n in fitting), small, (0,) * graph.axes):
        found = assert_as_the_command({"network": name, "input": shape(channels, sizes)})
        assert found["fits"] == (sizes in shapes)
        if not found["fits"] and 0 not in sizes:
            nearest = {"below": shapes.below(sizes), "above": shapes.above(sizes)}
            assert {of: found.get(of) for of in nearest} == {of: n and shape(channels, n) for of, n in nearest.items()}
            assert found["broken"]
    assert assert_as_the_command({"network": name})["example"] == shape(channels, enough(shapes))


@pytest.mark.parametrize(
    "state",
    [
        {"network": "milesial", "input": "303x384"},
        {"network": "milesial", "input": "a picture"},
        {"network": "milesial", "input": "303x384x3"},
        {"network": "milesial", "input": "3x303x384", "fields": {"join": "exact", "bias": "true"}},
        {"network": "unet", "fields": {"levels": "x"}, "input": "1x304x384"},
        {"network": "unet", "fields": {"join": "even crop", "residual": "true"}, "input": "3x301x304"},
        {"network": "unet", "fields": {"stride": "1x2x2,2,2", "axes": "3", "levels": "3"}, "input": "1x30x44x44"},
        {"network": "unet2", "fields": {"pool_stride": "0"}, "input": "1x30x44"},
        {"network": "unet2", "fields": {"levels": "3"}, "input": "1x30x44"},
        {"network": "unetplusplus", "fields": {"levels": "3"}, "input": "3x304x384"},
        {"network": "unet2", "fields": {"conv_padding": "0"}},
    ],
    ids=lambda state: Question.of(state).command,
)
def test_a_wrong_question_has_the_message_of_the_command_line(state):
    assert_as_the_command(state)


def typed_as(value):
    """A value of a field as it is typed."""
    if isinstance(value, tuple):
        return ",".join("x".join(map(str, of)) if isinstance(of, tuple) else str(of) for of in value)
    return str(value).lower()


@examples(40)
@given(unet_configs(), st.lists(st.integers(1, 400), min_size=3, max_size=3))
def test_a_drawn_config_has_the_answer_of_the_command_line_typed_or_pasted(cfg, sizes):
    image = shape(3, sizes[: cfg.axes])
    changed = {
        name: typed_as(getattr(cfg, name))
        for name in UNetConfig.__dataclass_fields__
        if getattr(cfg, name) != getattr(UNetConfig(), name)
    }
    found = assert_as_the_command({"network": "unet", "fields": changed, "input": image})
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        for name in ("network.toml", "network.json"):
            save_network(cfg, name)
            text = Path(name).read_text(encoding="utf-8")
            assert assert_as_the_command({"network": name, "text": text, "input": image})["fits"] == found["fits"]


@pytest.mark.parametrize("text", ["levels = 3\nnorm = 'grup'", "levels = ", "[[nodes]]\nname = 'y'\nop = 'MaxPol'", ""])
def test_a_pasted_file_that_is_wrong_has_the_message_of_the_command_line(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("network.toml").write_text(text, encoding="utf-8")
    assert_as_the_command({"network": "network.toml", "text": text, "input": "3x64x64"})


def test_the_node_that_breaks_is_marked_with_the_two_sizes_that_meet_there():
    found = answer_to({"network": "unet2", "input": "1x303x384"})
    assert found["broken"] == {"merged": ["height 303 ≠ 302"]}
    (box,) = re.findall(r'<g class="box \w+ broken">(.*?)</g>', found["picture"])
    assert ">merged<" in box
    assert ">height 303 ≠ 302<" in box
    assert found["plans"] == [
        {"says": "crop 303×384 to 302×384", "code": "x[:, :302, :384]"},
        {"says": "pad 303×384 to 304×384", "code": "jnp.pad(x, ((0, 0), (0, 1), (0, 0)))"},
    ]


@pytest.mark.parametrize("name", PRESETS)
def test_the_picture_has_the_name_and_the_shape_of_every_stage(name):
    found = answer_to({"network": name})
    texts = {of.text for of in ElementTree.fromstring(found["picture"]).iter() if of.tag.endswith("text")}
    assert {text for row in found["stages"] for text in (row[0], row[3])} <= texts


def test_a_network_that_is_too_large_to_draw_says_so():
    fields = {"levels": "2", "base_channels": "1", "convs_per_block": "60"}
    found = answer_to({"network": "unet", "fields": fields, "input": "1x64x64"})
    assert found["fits"]
    assert "picture" not in found
    assert "there are 308 stages, and a picture has 1 to 300" in found["no_picture"]


def test_tiles_have_their_numbers_and_a_picture_or_the_reason_why_there_are_none():
    state = {"network": "milesial", "input": "3x1024x1024"}
    found = answer_to({**state, "tile": "512"})["tiles"]
    assert found["lines"][0] == "9 tiles of 512×512 for an image of 1024×1024: 125 % of the image is computed again"
    assert found["picture"].count('class="core"') == 9
    assert "--tile 208" in answer_to({**state, "tile": "100"})["tiles"]["lines"][-1]
    assert answer_to({**state, "tile": "a tile"})["tiles"]["lines"][0] == "--tile can't be used."


def test_a_name_in_a_pasted_graph_can_not_become_a_part_of_the_page():
    name = "<script>alert(1)</script>"
    text = json.dumps({"inputs": {"x": 3}, "nodes": [{"name": name, "op": "MaxPool", "kernel": 2}]})
    found = answer_to({"network": "network.json", "text": text, "input": "3x8x8"})
    assert "<script" not in found["picture"]
    assert "&lt;script&gt;" in found["picture"]


def test_the_answer_in_json_is_the_answer():
    state = {"network": "nnunet_3d_fullres", "input": "1x95x160x160"}
    assert json.loads(answer_in_json(json.dumps(state))) == json.loads(json.dumps(answer_to(state), default=str))


def test_the_calculator_loads_the_standard_library_alone():
    program = (
        "import sys; before = set(sys.modules); from wellshaped.calculator import answer_to; "
        "answer_to({'network': 'tiny'}); "
        "print({m.split('.')[0] for m in set(sys.modules) - before} - {*sys.stdlib_module_names, 'wellshaped'})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
