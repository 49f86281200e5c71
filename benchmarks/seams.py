"""The pictures of ``docs/tiles.md``: tiles to scale, and a seam beside the same image without one.

``uv run python -m benchmarks.seams --into docs/tiles.md`` writes ``tiles.svg`` and ``seam.png`` into the folder
``pictures`` beside the page, and a table into the page. It trains for three minutes on two cores.

A seam is easy to see where a network must look around: here it says, for each pixel of a coin, how wide the coin is. It
learns this from scikit-image's photograph ``coins``, and is shown on the same photograph. So the picture is about
tiles, and not about how well the network does on other photographs.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import jax.numpy as jnp
import numpy as np
import optax
from cyclopts import Parameter
from flax import nnx
from jaxtyping import Array, Float
from matplotlib.figure import Figure
from scipy.ndimage import label
from skimage.data import coins

from wellshaped.demo import Mask, as_input, classical_mask, with_noise
from wellshaped.drawing import write_figure
from wellshaped.image_map import image_map
from wellshaped.map_drawing import draw_map
from wellshaped.models import UNet, tiled
from wellshaped.spec import UNetConfig, receptive_field, tiles

from .measure import command_line, progress, require_at_least, run
from .report import Table, publish, require_place

CONFIG = UNetConfig(levels=3, base_channels=8)
SIZES = (304, 384)
"""Those of the photograph, 303 × 384, with one row more, by reflection: the network takes multiples of 8."""
TILE = 152
SHOWN = 16
"""The guessed halo of the picture."""
HALOS = (0, 10, SHOWN, 32, 54)
"""The guessed halos of the table. With 10 and 54, tiles start off the grid."""
UNIT = 30
"""The network computes widths in units of so many pixels."""
HEADER = (
    "halo",
    "tiles start at (height)",
    "off the grid",
    "largest difference, pixels",
    "pixels wrong by more than 1",
)

Photo = Float[np.ndarray, "1 H W"]
Widths = Float[np.ndarray, "H W"]
Run = Callable[[Photo], Photo]


def photograph() -> np.ndarray:
    """The photograph, padded so that it fits."""
    return np.pad(coins(), ((0, SIZES[0] - 303), (0, 0)), mode="reflect")


def widths_of(mask: Mask) -> Widths:
    """For each pixel of a coin, how wide a disc of its area is; 0 elsewhere.

    >>> widths_of(np.ones((40, 20), bool)).max().round(1)
    np.float32(31.9)
    """
    parts, _ = label(mask)
    areas = np.bincount(parts.ravel())
    areas[(areas < 300) | (areas > 6_000)] = 0  # specks, and the bright edge of the table
    areas[0] = 0
    return np.sqrt(areas[parts] * 4 / np.pi).astype(np.float32)


@nnx.jit
def train_step(
    model: UNet, optimizer: nnx.Optimizer[UNet], image: Float[Array, "1 H W"], target: Float[Array, "1 H W"]
) -> Float[Array, ""]:
    """Change the model by one step of the optimizer. Return the loss before the step."""
    loss: Array
    loss, grads = nnx.value_and_grad(lambda model: jnp.mean((model(image) - target) ** 2))(model)
    optimizer.update(model, grads)
    return loss


def train(steps: int, tell: Callable[[int, str, str], None]) -> UNet:
    """Train a network on the photograph, mirrored at random and with some noise."""
    photo, rng = photograph(), np.random.default_rng(0)
    target = widths_of(classical_mask(photo))[None] / UNIT
    model = UNet(CONFIG, 1, 1, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(optax.cosine_decay_schedule(3e-3, steps)), wrt=nnx.Param)
    for step in range(steps):
        down, right = rng.choice([-1, 1], 2)
        image = as_input(with_noise(photo, rng.uniform(0, 10), rng))
        loss = train_step(model, optimizer, image[:, ::down, ::right], target[:, ::down, ::right])
        if step % 50 == 0:
            tell(step, f"loss {float(loss):.3f}", "training")
    return model


def starts(n: int, halo: int) -> list[int]:
    """Where tiles start that overlap by twice a guessed halo. The last one is moved to the end of the image.

    >>> starts(304, 16)
    [0, 120, 152]
    """
    return [*range(0, n - TILE, TILE - 2 * halo), n - TILE]


def in_guessed_tiles(run: Run, image: Photo, halo: int) -> Photo:
    """The result in tiles with a guessed halo, as it is usually done: each tile gives all but the halo."""
    result = np.zeros_like(image)
    for top, left in ((top, left) for top in starts(image.shape[1], halo) for left in starts(image.shape[2], halo)):
        inside = [_inside(start, n, halo) for start, n in zip((top, left), image.shape[1:], strict=True)]
        core = [slice(part.start + at, part.stop + at) for part, at in zip(inside, (top, left), strict=True)]
        result[:, *core] = run(image[:, top : top + TILE, left : left + TILE])[:, *inside]
    return result


def _inside(start: int, n: int, halo: int) -> slice:
    return slice(halo if start else 0, TILE - halo if start + TILE < n else TILE)


@dataclass(frozen=True)
class Results:
    """The widths in pixels that a network finds: in the whole image, in our tiles, and in tiles with guessed halos."""

    whole: Widths
    ours: Widths
    guessed: dict[int, Widths]


def results_of(model: UNet, image: Photo) -> Results:
    """Run the network in every way."""
    compiled = nnx.jit(lambda model, image: model(image))

    def run(image: Photo) -> Photo:
        return np.asarray(compiled(model, image))

    ours = tiled(model, image, tile=TILE, progress=False)
    guessed = {halo: UNIT * in_guessed_tiles(run, image, halo)[0] for halo in HALOS}
    return Results(UNIT * run(image)[0], UNIT * np.asarray(ours)[0], guessed)


def table_of(results: Results) -> Table:
    """What each halo costs: a row for each guess, and one for our tiles."""
    field = receptive_field(CONFIG)
    stride, (before, after) = field.strides[0], field.halo[0]
    found = [(f"{halo} (guessed)", starts(SIZES[0], halo), results.guessed[halo]) for halo in HALOS]
    ours = [span.start for span in tiles(CONFIG, SIZES, TILE).axes[0]]
    found.append((f"{before} and {after} (computed)", ours, results.ours))
    rows = [_row(name, at, stride, np.abs(result - results.whole)) for name, at, result in found]
    return Table(f"A network of {CONFIG.levels} levels in tiles of {TILE}×{TILE}", HEADER, rows)


def _row(name: str, at: list[int], stride: int, difference: Widths) -> list[str]:
    off = [start for start in at if start % stride]
    return [
        name,
        ", ".join(map(str, at)),
        ", ".join(map(str, off)) or "none",
        f"{difference.max():.2g}",
        str(int((difference > 1).sum())),
    ]


def picture(photo: np.ndarray, results: Results) -> Figure:
    """The photograph, and the three results beside what is wrong with each."""
    figure = Figure(figsize=(12.6, 7.1), layout="constrained")
    panels = figure.subplots(2, 3)
    ours, guess = tiles(CONFIG, SIZES, TILE), results.guessed[SHOWN]
    count = len(starts(SIZES[0], SHOWN)) * len(starts(SIZES[1], SHOWN))
    wrong, exact = (np.abs(result - results.whole) for result in (guess, results.ours))
    above = (
        ("The whole image at once", results.whole),
        (f"{count} tiles, with a guessed halo of {SHOWN} pixels", guess),
        (f"{len(ours)} tiles, with the computed halo", results.ours),
    )
    for panel, (title, values) in zip(panels[0], above, strict=True):
        shown = panel.imshow(values, cmap="viridis", interpolation="nearest", vmin=0, vmax=66)
        panel.set_title(title, fontsize=11, weight="bold")
    figure.colorbar(shown, ax=panels[0], shrink=0.85, pad=0.015, label="width of the coin, pixels")
    panels[1, 0].imshow(photo, cmap="gray", interpolation="nearest")
    panels[1, 0].set_title("The photograph", fontsize=11)
    for panel, values, edges in (
        (panels[1, 1], wrong, [_cuts(n) for n in SIZES]),
        (panels[1, 2], exact, [[span.core[0] for span in along[1:]] for along in ours.axes]),
    ):
        shown = panel.imshow(values, cmap="inferno", interpolation="nearest", vmin=0, vmax=30)
        panel.set_title(f"Difference from the whole: at most {values.max():.2g} pixels", fontsize=10.5)
        for line, along in zip((panel.axhline, panel.axvline), edges, strict=True):
            for edge in along:
                line(edge - 0.5, color="white", linewidth=0.5, alpha=0.55)
    figure.colorbar(shown, ax=panels[1], shrink=0.85, pad=0.015, label="difference, pixels", extend="max")
    for panel in panels.flat:
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
    return figure


def _cuts(n: int) -> Iterator[int]:
    """Where the results of tiles with a guessed halo meet."""
    yield from (start + SHOWN for start in starts(n, SHOWN)[1:])


def write_tiles(path: Path) -> None:
    """Write the picture of the tiles of a known network, as ``wellshaped draw`` shows it below the network."""
    write_figure(lambda: draw_map(image_map("milesial", (1024, 1024), 512)), path)


app = command_line("seams", __doc__)


@app.default
def measure(
    *,
    steps: Annotated[int, Parameter(help="How many steps to train.")] = 600,
    into: Annotated[Path | None, Parameter(help="The .md page to write the table into, beside pictures/.")] = None,
) -> None:
    """Draw the pictures, and measure what guessed halos cost."""
    require_at_least("--steps", steps, 1)
    require_place(into, "seam")
    with progress(steps) as tell:
        model = train(steps, tell)
    photo = photograph()
    results = results_of(model, as_input(photo))
    table = table_of(results)
    if into is not None:
        (into.parent / "pictures").mkdir(exist_ok=True)
        write_tiles(into.parent / "pictures" / "tiles.svg")
        write_figure(lambda: picture(photo, results), into.parent / "pictures" / "seam.png", dpi=100)
    publish([table], into, "seam")


if __name__ == "__main__":
    sys.exit(run(app))
