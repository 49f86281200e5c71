"""The picture of an image with its tiles: its rectangles are the numbers of ``tiles``, and any network has one."""

import re
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import pytest
from effort import sparse

from wellshaped.drawing import draw, write_figure
from wellshaped.image_map import image_map
from wellshaped.map_drawing import draw_map
from wellshaped.spec import (
    PRESETS,
    Concat,
    Conv,
    Input,
    MaxPool,
    Network,
    Node,
    Resize,
    UNet2Config,
    UsageError,
    WellshapedError,
    compatible_shapes,
    graph_of,
    receptive_field,
    stages,
    tiles,
)
from wellshaped.spec.network.reaching import read_by


def doubled():
    """A network whose output is twice as large as its image."""
    return Network({"x": 1}, (Node("a", Conv(3, padding=1, channels=2)), Node("y", Resize(2))))


def timed():
    """A network with a vector beside its image."""
    return Network(
        (Input("x", 1), Input("time", 4, single=True)),
        (
            Node("a", Conv(3, padding=1, channels=2), "x"),
            Node("y", MaxPool(2)),
            Node("both", Concat(), ("time", "time")),
        ),
        ("y",),
    )


TILED = {
    "square": ("milesial", (1024, 1024), 512),
    "oblong": ("milesial", (2048, 512), (512, 208)),
    "without padding": ("ronneberger2015", (1020, 828), 508),
    "three axes": ("unet3d", (132, 260, 324), (132, 196, 196)),
    "one axis": (
        Network({"x": 1}, (Node("a", Conv(9, 2, padding=4, channels=2)), Node("y", Conv(3))), axes=1),
        1001,
        101,
    ),
    "a larger output": (doubled(), (64, 96), 32),
    "one tile": ("milesial", (256, 256), 256),
}


def rectangles(path):
    """The rectangles of an ``.svg`` file by name: left, top, right and bottom."""
    found = {}
    for group in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}g"):
        paths = group.findall("{http://www.w3.org/2000/svg}path")
        if "-" in group.get("id", "") and len(paths) == 1:
            numbers = [float(number) for number in re.findall(r"-?[\d.]+", paths[0].get("d"))]
            found[group.get("id")] = (min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2]))
    return found


def texts(path):
    return re.findall("<!-- (.*?) -->", path.read_text(encoding="utf-8"))


def along(found, name, frame, size, side):
    """The positions between which a rectangle lies; the frame is that of an image of this size."""
    low, high = (found[frame][side + 2 * end] for end in (0, 1))
    return [size * (found[name][side + 2 * end] - low) / (high - low) for end in (0, 1)]


@pytest.mark.parametrize(("network", "sizes", "tile"), TILED.values(), ids=TILED)
def test_the_rectangles_of_a_picture_are_the_numbers_of_tiles(tmp_path, network, sizes, tile):
    graph, tiling = graph_of(network), tiles(network, sizes, tile)
    drawn = image_map(network, sizes, tile)
    write_figure(lambda: draw_map(drawn), tmp_path / "map.svg")
    found = rectangles(tmp_path / "map.svg")
    step = [of_axis.stride for of_axis in receptive_field(network, sizes)[graph.outputs[0]]]
    every = (sizes,) if isinstance(sizes, int) else sizes
    for side, axis in enumerate(reversed(range(graph.axes)[-2:])):
        spans, name, n = tiling.axes[axis], graph.axis_names[axis], every[axis]

        def near(numbers, n=n):
            return pytest.approx(list(map(float, numbers)), abs=n / 10_000)

        for i, span in enumerate(spans):
            assert along(found, f"{name}-tile-{i}", "image-all", n, side) == near((span.start, span.stop))
            core = [edge * step[axis] for edge in span.core]
            assert along(found, f"{name}-core-{i}", "image-all", n, side) == near(core)
        assert f"{name}-tile-{len(spans)}" not in found
        chosen = spans[drawn.axes[axis].chosen]
        reads = read_by(graph, axis, n, graph.outputs[0], chosen.core)
        assert chosen.start <= reads[0] < reads[1] <= chosen.stop
        for part, ends in (
            ("tile", (chosen.start, chosen.stop)),
            ("core", [edge * step[axis] for edge in chosen.core]),
            ("halo", reads),
            ("field", drawn.axes[axis].field),
            ("position", drawn.axes[axis].position),
        ):
            assert along(found, f"image-{part}", "image-all", n, side) == near(ends), part
    written = texts(tmp_path / "map.svg")
    assert {drawn.title, "tile", "its core", "its halo", "receptive field", "total stride"} <= set(written)
    assert ("enlarged: a tile" in written) == (len(tiling) > 1)
    assert any(text.startswith("×".join(map(str, tiling.size))) for text in written)


@pytest.mark.parametrize(("network", "sizes", "tile"), TILED.values(), ids=TILED)
def test_what_a_position_of_the_core_reads_lies_within_the_tile_and_has_the_length_of_the_receptive_field(
    network, sizes, tile
):
    drawn = image_map(network, sizes, tile)
    for axis, of_axis in zip(drawn.axes, receptive_field(network, sizes)[drawn.node], strict=True):
        low, high = axis.field
        assert axis.core[0] <= axis.position[0] < axis.position[1] <= axis.core[1]
        assert axis.tile[0] <= axis.halo[0] <= low < high <= axis.halo[1] <= axis.tile[1]
        assert of_axis.positions[0] <= high - low <= of_axis.positions[1]
        assert axis.around[0] <= of_axis.halo[0]
        assert axis.around[1] <= of_axis.halo[1]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", sparse(PRESETS, 6))
def test_every_preset_has_a_picture_of_its_image_that_is_tiled_or_not_as_tiles_says(tmp_path, name):
    graph = graph_of(name)
    sizes = compatible_shapes(name).above((500,) * graph.axes)
    shown = stages(name, (graph.image.channels, *sizes))
    node = shown[len(shown) // 2].name
    try:
        tiles(name, sizes, 400)
    except WellshapedError as error:
        with pytest.raises(WellshapedError, match=re.escape(str(error))):
            image_map(name, sizes, 400)
        drawn = image_map(name, sizes)
    else:
        drawn = image_map(name, sizes, 400, field=node)
    draw(shown, tmp_path / "unet.svg", drawn)
    written = texts(tmp_path / "unet.svg")
    assert {stage.name for stage in shown} <= set(written)
    of_stages = written[: written.index(drawn.title)]  # the legend can also have a line that begins so
    of_image = [s for s in shown if any(field.stride or field.unbounded for field in drawn.reads[s.name])]
    assert sum(text.startswith("reads ") for text in of_stages) == len(of_image) > len(shown) / 2  # not of a time


def test_each_stage_says_what_it_reads(tmp_path):
    network = UNet2Config()
    draw(stages(network, (1, 64, 64)), tmp_path / "a.svg", image_map(network, (64, 64)))
    reads = [text for text in texts(tmp_path / "a.svg") if text.startswith("reads ")]
    positions = [field[0].positions[1] for field in map(receptive_field(network).__getitem__, ("x", "s1", "pooled"))]
    assert (
        [f"reads {n}×{n}" for n in positions]
        == [reads[0], reads[1], reads[3]]
        == ["reads 1×1", "reads 3×3", "reads 6×6"]
    )


def test_a_node_of_an_instance_norm_reads_everything_and_a_vector_nothing(tmp_path):
    drawn = image_map("monai_basicunet", (96, 96, 96))
    assert [axis.field for axis in drawn.axes] == [(0, 96)] * 3
    assert "the whole image" in drawn.lines()["field"]
    draw(stages(timed(), (1, 64, 64)), tmp_path / "timed.svg", image_map(timed(), (64, 64)))
    reads = [text for text in texts(tmp_path / "timed.svg") if text.startswith("reads ")]
    assert reads == ["reads 1×1", "reads 3×3", "reads 4×4"]


def test_a_receptive_field_at_the_middle_of_a_large_image_is_enlarged_and_a_large_one_is_not(tmp_path):
    for sizes, enlarged in (((512, 512), True), ((96, 96), False)):
        write_figure(lambda sizes=sizes: draw_map(image_map("milesial", sizes, field="pooled[3]")), tmp_path / "a.svg")
        assert ("enlarged: the receptive field" in texts(tmp_path / "a.svg")) == enlarged


@pytest.mark.one_in(2)
@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_same_picture_has_the_same_bytes(tmp_path, suffix):
    made = []
    for name in ("a", "b"):
        path = tmp_path / f"{name}{suffix}"
        draw(stages("unet2", (1, 64, 64)), path, image_map("unet2", (64, 64), 32))
        made.append(path.read_bytes())
    assert made[0] == made[1]


SMALLEST = "tile=208, the smallest that is possible (112 times the work of the whole image)"
LARGER = "tile=416 (2.64 times the work of the whole image)"
WHOLE = "run the whole image at once, without tiles"
WRONG = {  # the arguments, what is said, and the fix
    "unknown node": (("milesial", (512, 512)), {"field": "poold[3]"}, "milesial has no node", "field='pooled[3]'"),
    "a vector": ((timed(), (64, 64)), {"field": "time"}, "depends on no position of the image", "field='y'"),
    "too small": (("milesial", (1024, 1024), 100), {}, "reads beyond its edges", LARGER, SMALLEST),
    "everything": (
        ("monai_basicunet", (96, 96, 96), 48),
        {},
        "reads the whole image",
        "run the whole image at once, without tiles",
    ),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_has_no_picture_is_rejected_with_a_fix(wrong):
    arguments, more, says, *fixes = wrong
    with pytest.raises(WellshapedError, match=says) as error:
        image_map(*arguments, **more)
    assert error.value.report.fixes == tuple(fixes)
    assert isinstance(error.value, UsageError) == bool(more)


def test_too_many_tiles_for_a_picture_are_rejected(tmp_path):
    drawn = image_map(doubled(), (64, 4_096), (64, 10))
    with pytest.raises(WellshapedError, match="tiles along the width, and a picture has at most 300"):
        draw(stages(doubled(), (1, 64, 4_096)), tmp_path / "a.svg", drawn)
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_are_not_whole_are_written_as_such():
    drawn = image_map(doubled(), (64, 96), 32)
    assert drawn.axes[0].position == (drawn.axes[0].position[0], drawn.axes[0].position[0] + Fraction(1, 2))


def test_the_picture_of_the_page_about_tiles_is_that_of_the_library(tmp_path):
    kept = Path(__file__).parents[2] / "docs" / "pictures" / "tiles.svg"
    write_figure(lambda: draw_map(image_map("milesial", (1024, 1024), 512)), tmp_path / "tiles.svg")
    assert texts(kept) == texts(tmp_path / "tiles.svg")
    old, new = rectangles(kept), rectangles(tmp_path / "tiles.svg")
    assert set(old) == set(new)
    for name in new:  # where text is wider, all moves
        assert [a - b for a, b in zip(old[name], old["image-all"], strict=True)] == pytest.approx(
            [a - b for a, b in zip(new[name], new["image-all"], strict=True)], abs=0.01
        )
