"""The picture of a U-Net of any number of levels: every stage has its place, and no two have the same."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellshaped.drawing import draw
from wellshaped.proofs_of_shape.strategies import image_sizes, unet_configs
from wellshaped.spec import PRESETS, ShapeError, UNet2Config, UNetConfig, compatible_sizes, trace


def texts(path):
    return set(re.findall("<!-- (.*?) -->", path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", PRESETS)
def test_the_picture_of_a_preset_shows_the_shape_of_every_stage(tmp_path, name):
    cfg = PRESETS[name]
    n = compatible_sizes(cfg).above(500)
    stages = trace(cfg, 3, 2 if cfg.head else cfg.channels[0], n, n)
    draw(stages, tmp_path / "unet.svg")
    assert {text for s in stages for text in (s.name, "×".join(map(str, s.shape)))} <= texts(tmp_path / "unet.svg")


@settings(max_examples=30)
@given(unet_configs(), st.data())
def test_no_two_stages_have_one_place(cfg, data):
    from wellshaped.drawing import _places

    stages = trace(cfg, 3, 2 if cfg.head else cfg.channels[0], *data.draw(image_sizes(cfg)))
    places = _places(stages)
    assert list(places) == [stage.name for stage in stages]
    assert len({(place.x, place.y) for place in places.values()}) == len(stages)


def test_what_is_no_network_or_too_long_for_a_picture_is_refused(tmp_path):
    stages = trace(UNet2Config(), 1, 1, 4, 4)
    long = trace(UNetConfig(levels=2, base_channels=1, convs_per_block=60), 1, 1, 64, 64)
    for wrong, says in ((stages[::-1], "not the stages of a network"), (long, "too many stages: there are 308")):
        with pytest.raises(ShapeError, match=says):
            draw(wrong, tmp_path / "unet.png")
    assert list(tmp_path.iterdir()) == []
