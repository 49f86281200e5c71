"""The picture of any network: every stage has its place, and no two have the same."""

import re
from fractions import Fraction

import pytest
from effort import sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from wellshaped.boxes import places_of
from wellshaped.drawing import draw
from wellshaped.proofs_of_shape.strategies import image_sizes, unet_configs
from wellshaped.spec import (
    PRESETS,
    Activation,
    Concat,
    Conv,
    ConvTranspose,
    Input,
    MaxPool,
    Mean,
    Multiply,
    Network,
    Node,
    Resize,
    UNet2Config,
    UNetConfig,
    WellshapedError,
    compatible_shapes,
    graph_of,
    stages,
)


def texts(path):
    return set(re.findall("<!-- (.*?) -->", path.read_text(encoding="utf-8")))


def nested():
    """A UNet++ of three levels, with an output of each depth."""
    conv = Conv(3, padding=1, channels=8)
    up = ConvTranspose(2, 2, channels=8)
    return Network(
        {"x": 3},
        (
            Node("x00", conv),
            Node("pooled1", MaxPool(2)),
            Node("x10", conv),
            Node("up10", up),
            Node("joined01", Concat(), ("x00", "up10")),
            Node("x01", conv),
            Node("pooled2", MaxPool(2), "x10"),
            Node("x20", conv),
            Node("up20", up),
            Node("joined11", Concat(), ("x10", "up20")),
            Node("x11", conv),
            Node("up11", up),
            Node("joined02", Concat(), ("x00", "x01", "up11")),
            Node("x02", conv),
            Node("y1", Conv(1, channels=1), "x01"),
            Node("y2", Conv(1, channels=1), "x02"),
        ),
        ("y1", "y2"),
    )


def full_scale():
    """A decoder of a UNet 3+, which joins every level of the encoder."""
    conv = Conv(3, padding=1, channels=8)
    return Network(
        {"x": 3},
        (
            Node("e0", conv),
            Node("p0", MaxPool(2)),
            Node("e1", conv),
            Node("p1", MaxPool(2)),
            Node("e2", conv),
            Node("e0 to d1", MaxPool(2), "e0"),
            Node("e2 to d1", Resize(2), "e2"),
            Node("d1", Concat(), ("e0 to d1", "e1", "e2 to d1")),
            Node("d1 to d0", Resize(2), "d1"),
            Node("e2 to d0", Resize(4), "e2"),
            Node("d0", Concat(), ("e0", "d1 to d0", "e2 to d0")),
        ),
    )


def gated():
    """A squeeze-and-excitation gate, and two inputs more."""
    return Network(
        (Input("x", 3), Input("z", 1), Input("time", 16, single=True)),
        (
            Node("features", Concat(), ("x", "z")),
            Node("squeezed", Mean()),
            Node("both", Concat(), ("squeezed", "time")),
            Node("gate.conv", Conv(1, channels=4)),
            Node("gate", Activation("sigmoid")),
            Node("y", Multiply(broadcast="positions"), ("features", "gate")),
        ),
    )


def strided(axes):
    return Network(
        {"x": 1},
        (
            Node("down1", Conv(3, 2, padding=1, channels=4)),
            Node("down2", Conv(3, 2, padding=1)),
            Node("up2", ConvTranspose(2, 2)),
            Node("joined", Concat(), ("down1", "up2")),
            Node("y", ConvTranspose(2, 2, channels=1)),
        ),
        axes=axes,
    )


BY_HAND = {
    "nested": (nested(), (3, 64, 64)),
    "full scale": (full_scale(), (3, 64, 64)),
    "gated": (gated(), (3, 64, 64)),
    "one axis": (strided(1), (1, 64)),
    "three axes": (strided(3), (1, 16, 32, 64)),
}


def assert_well_placed(of):
    """Each stage has a place of its own: a row for its scale or half a row below, and not left of what it is given."""
    places = places_of(of)
    assert list(places) == [stage.name for stage in of]
    assert len({(place.x, place.y) for place in places.values()}) == len(of)
    rows = {scale: -2.0 * i for i, scale in enumerate(sorted({stage.scale for stage in of}, reverse=True))}
    for stage in of:
        place = places[stage.name]
        assert place.y in (rows[stage.scale], rows[stage.scale] - 1)
        for name in stage.inputs:
            assert places[name].x <= place.x
            assert places[name].x < place.x or not passed(places, places[name], place)


def passed(places, source, target):
    """The boxes that an arrow straight up or down would run over."""
    low, high = sorted((source.y, target.y))
    return [name for name, place in places.items() if place.x == source.x and low < place.y < high]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", sparse(PRESETS, 3))
def test_the_picture_of_a_preset_shows_the_shape_of_every_stage(tmp_path, name):
    graph = graph_of(name)
    found = stages(name, (graph.image.channels, *compatible_shapes(name).above((500,) * graph.axes)))
    draw(found, str(tmp_path / "unet.svg"))
    assert_well_placed(found)
    assert {text for s in found for text in (s.name, "×".join(map(str, s.shape)))} <= texts(tmp_path / "unet.svg")


@pytest.mark.parametrize(("network", "shape"), BY_HAND.values(), ids=BY_HAND)
def test_the_picture_of_a_graph_shows_every_stage_with_its_operation(tmp_path, network, shape):
    found = stages(network, shape)
    draw(found, tmp_path / "graph.svg")
    assert {text for s in found for text in (s.name, s.op, "×".join(map(str, s.shape)))} <= texts(
        tmp_path / "graph.svg"
    )
    assert_well_placed(found)


@settings(max_examples=30)
@given(unet_configs(), st.data())
def test_no_two_stages_have_one_place(cfg, data):
    shape = (3, *data.draw(image_sizes(cfg)))
    assert_well_placed(stages(cfg, shape, out_channels=2 if cfg.head else cfg.channels[0]))


def test_the_two_level_network_is_a_u():
    places = places_of(stages(UNet2Config(), (1, 304, 384)))
    assert {name: (place.x, place.y) for name, place in places.items()} == {
        **{name: (x, 0) for x, name in enumerate(("x", "s1", "skip1"))},
        **{name: (x, -2) for x, name in enumerate(("pooled", "b1", "bottleneck"), 2)},
        "up": (4, -1),
        **{name: (x, 0) for x, name in enumerate(("merged", "u1", "u2", "y"), 4)},
    }


def test_what_has_no_scale_stands_in_the_last_row():
    found = stages(gated(), (3, 64, 64))
    places = places_of(found)
    assert {stage.name for stage in found if stage.scale == Fraction(0)} == {"time", "squeezed", "both", "gate"}
    assert {place.y for name, place in places.items() if name in ("time", "squeezed", "both", "gate")} == {-2}


def test_what_is_no_network_or_too_long_for_a_picture_is_rejected(tmp_path):
    found = stages(UNet2Config(), (1, 4, 4))
    long = stages(UNetConfig(levels=2, base_channels=1, convs_per_block=60), (1, 64, 64))
    for wrong, says in (
        (found[::-1], "the stages before it are"),
        ((), "there are 0 stages"),
        (long, "there are 308 stages"),
        ("milesial", "it is a str, and must be the stages of a network"),
        (gated(), "it is a Network, and must be the stages of a network"),
        ([1, 2], "must be the stages of a network"),
    ):
        with pytest.raises(WellshapedError, match=says):
            draw(wrong, tmp_path / "unet.png")
    assert list(tmp_path.iterdir()) == []
