"""The picture of a seam: its guessed tiles differ from the whole image, ours do not, and its page has our numbers."""

import re
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from flax import nnx

from wellshaped.models import UNet
from wellshaped.spec import receptive_field, tiles

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def seams():
    sys.path.append(str(ROOT))
    yield import_module("benchmarks.seams")
    sys.path.remove(str(ROOT))


def rows_of_the_page():
    table = re.search(
        r"^<!-- seam -->\n(.*)^<!-- end of seam -->", (ROOT / "docs" / "tiles.md").read_text(), re.M | re.S
    )
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines() if line[:1] == "|"]
    return [rows[0], *rows[2:]]


def test_guessed_tiles_cover_the_image_once_and_computed_ones_have_no_seams(seams):
    image = np.random.default_rng(0).normal(size=(1, *seams.SIZES)).astype(np.float32)
    assert all((seams.in_guessed_tiles(lambda part: part, image, halo) == image).all() for halo in seams.HALOS)

    results = seams.results_of(UNet(seams.CONFIG, 1, 1, rngs=nnx.Rngs(0)), image)
    reached = np.abs(results.whole).max()
    assert np.abs(results.ours - results.whole).max() <= 1e-5 * reached
    differences = {halo: np.abs(guess - results.whole).max() for halo, guess in results.guessed.items()}
    assert all(difference > 1e-3 * reached for halo, difference in differences.items() if halo <= seams.SHOWN)
    assert differences[54] > 1e-3 * reached  # a sufficient halo, off the grid
    *_, (_, starts, off, _, wrong) = seams.table_of(results).rows
    assert (starts, off, wrong) == ("0, 56, 112, 152", "none", "0")
    figure = seams.picture(seams.photograph(), results)
    assert len(figure.axes) == 8  # six panels and two bars of colours


def test_the_page_has_the_halos_and_the_tiles_of_the_network(seams):
    header, *rows, computed = rows_of_the_page()
    stride, (before, after) = receptive_field(seams.CONFIG).strides[0], receptive_field(seams.CONFIG).halo[0]
    assert header == list(seams.HEADER)
    assert [int(row[0].removesuffix(" (guessed)")) for row in rows] == list(seams.HALOS)
    assert max(before, after) <= max(seams.HALOS)
    for halo, row in zip(seams.HALOS, rows, strict=True):
        assert row[1] == ", ".join(map(str, seams.starts(seams.SIZES[0], halo)))
        assert (row[2] == "none") == all(start % stride == 0 for start in seams.starts(seams.SIZES[0], halo))
        assert int(row[4]) > 0
    assert computed[0] == f"{before} and {after} (computed)"
    assert computed[1] == ", ".join(str(span.start) for span in tiles(seams.CONFIG, seams.SIZES, seams.TILE).axes[0])
    assert float(computed[3]) < 1e-3


def test_the_widths_of_coins_are_those_of_discs(seams):
    mask = np.zeros((64, 64), bool)
    rows, columns = np.mgrid[:64, :64]
    mask[(rows - 30) ** 2 + (columns - 30) ** 2 < 20**2] = True
    mask[60:63, 60:63] = True  # a speck
    widths = seams.widths_of(mask)
    assert widths[30, 30] == pytest.approx(40, abs=0.5)
    assert set(np.unique(widths)) == {0, widths[30, 30]}
