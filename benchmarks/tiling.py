"""What tiles cost: halo, positions computed again, memory and time for presets; and one image larger than its memory.

``uv run python -m benchmarks.tiling --into docs/tiles.md``. For each preset and size of tile: the halo of aligned
cores, the share of the image that is computed again, the bytes that the compiled program and the buffers of a tile
need, and the time of a tile (the median of three) times the number of tiles.

Then a U-Net of four levels computes one large image from a file into a file, in a process of its own. Its anonymous
memory is sampled: what it has in memory besides the pages of these two files.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import perf_counter
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from cyclopts import Parameter
from flax import nnx
from rich.console import Console

from wellshaped.models import TypedNetwork, UNet, tiled
from wellshaped.models.tiling.program import Program
from wellshaped.spec import UNetConfig, WellshapedError, graph_of, receptive_field, tiles

from .measure import command_line, machine, progress, require_at_least, run, versions
from .report import Table, put_into

PRESETS = ("milesial", "attention_unet", "smp_resnet34", "ronneberger2015")
TILES = (512, 1024)
EDGE = 4096
"""The edge of the image for which the tiles of the presets are counted, or the next size that fits."""

HEADER = ("preset", "halo", "tile", "tiles", "computed again", "memory, MiB", "time, s", "a whole pass, s")

CONFIG = UNetConfig(levels=4, base_channels=32)


def preset_rows(tell: Callable[[int, str, str], None]) -> list[list[str]]:
    """A row for each preset and size of tile that is possible."""
    rows = []
    for done, (name, tile) in enumerate((name, tile) for name in PRESETS for tile in TILES):
        tell(done, f"{name}, tiles of {tile}", "measuring")
        graph = graph_of(name, 3, None)
        try:
            tiling = tiles(graph, (EDGE, EDGE), tile, policy="pad")
        except WellshapedError:
            continue
        model = TypedNetwork(graph, rngs=nnx.Rngs(0))
        model.eval()
        program, shape = Program(model), (3, *tiling.size)
        memory = program.needs(shape, np.dtype(np.float32))
        seconds = _seconds(lambda program=program, shape=shape: program(np.zeros(shape, np.float32)))
        whole = seconds / np.prod(tiling.size) * np.prod(tiling.plan.fitting)
        halo = receptive_field(graph).aligned[0]
        rows.append(
            [
                name,
                f"{halo[0]} and {halo[1]}",
                "×".join(map(str, tiling.size)),
                str(len(tiling)),
                f"{100 * float(tiling.recomputed):.0f}%",
                f"{memory / 2**20:.0f}",
                f"{seconds * len(tiling):.0f}",
                f"{whole:.0f}",
            ]
        )
    return rows


def _seconds(call: Callable[[], object]) -> float:
    call()
    times = []
    for _ in range(3):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return median(times)


# One large image.


def large(edge: int, memory: str) -> dict[str, Any]:
    """Compute an image of ``edge`` × ``edge`` in a process of its own, and say what it took."""
    with TemporaryDirectory() as folder:
        image = np.lib.format.open_memmap(Path(folder) / "image.npy", "w+", np.float32, (3, edge, edge))
        rng = np.random.default_rng(0)
        for row in range(0, edge, 256):
            image[:, row : row + 256] = rng.normal(size=image[:, row : row + 256].shape)
        image.flush()
        command = [sys.executable, "-m", "benchmarks.tiling", "one", folder, memory]
        found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return found


def _one(folder: Path, memory: str) -> dict[str, Any]:
    image = np.load(folder / "image.npy", mmap_mode="r")
    model = UNet(CONFIG, 3, 2, rngs=nnx.Rngs(0))
    model.eval()
    jax.block_until_ready(jax.jit(lambda x: x + 1)(jnp.zeros(1)))
    before = _anonymous()
    stop, highest = Event(), [before]

    def sample() -> None:
        while not stop.wait(0.02):
            highest[0] = max(highest[0], _anonymous())

    thread = Thread(target=sample)
    thread.start()
    start = perf_counter()
    result = tiled(model, image, memory=memory, out=folder / "result.npy", progress=False)
    seconds = perf_counter() - start
    stop.set()
    thread.join()
    edge = 1024
    part = np.ascontiguousarray(image[:, :edge, :edge])
    whole = jax.jit(model)
    of_part = _seconds(lambda: np.asarray(whole(part)))
    # The same values: the corner of a whole pass that reads no padding of its own.
    alike = np.allclose(np.asarray(whole(part))[:, :512, :512], result[:, :512, :512], atol=1e-4)
    return {
        "seconds": seconds,
        "before": before,
        "highest": highest[0],
        "whole": of_part * image.shape[1] * image.shape[2] / edge**2,
        "alike": bool(alike),
        "bytes": int(image.nbytes + result.nbytes),
    }


def _anonymous() -> int:
    """The bytes of this process in memory that are not pages of a file."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("RssAnon")).split()[1]) * 1024


def large_rows(edge: int, memory: str) -> list[list[str]]:
    """One row for the large image."""
    found = large(edge, memory)
    if not found["alike"]:
        raise SystemExit("the tiles have other values than a whole pass")
    mib = 2**20
    return [
        [
            f"{edge}×{edge}",
            memory,
            f"{found['bytes'] / mib:.0f}",
            f"{found['highest'] / mib:.0f}",
            f"{(found['highest'] - found['before']) / mib:.0f}",
            f"{found['seconds']:.0f}",
            f"{found['whole']:.0f}",
            f"{found['seconds'] / found['whole']:.2f}",
        ]
    ]


LARGE = (
    "image",
    "memory=",
    "image and result, MiB",
    "highest, MiB",
    "more than before, MiB",
    "time, s",
    "a whole pass, s",
    "ratio",
)

app = command_line("tiling", __doc__)


@app.default
def measure(
    *,
    edge: Annotated[int, Parameter(help="Edge of the large image.")] = 8192,
    memory: Annotated[str, Parameter(help="What tiled may use for the large image.")] = "512 MiB",
    into: Annotated[Path | None, Parameter(help="The .md page to write the tables into.")] = None,
) -> None:
    """Measure the tiles of the presets, and one large image."""
    require_at_least("--edge", edge, 1024)
    with progress(len(PRESETS) * len(TILES) + 1) as tell:
        rows = preset_rows(tell)
        tell(len(PRESETS) * len(TILES), f"{edge}×{edge}", "measuring")
        of_large = large_rows(edge, memory)
    used = f"{machine()['cpu']}, {machine()['cores']} cores; " + ", ".join(
        f"{name} {versions()[name]}" for name in ("jax", "jaxlib", "flax")
    )
    found = [
        Table(f"Tiles of an image of {EDGE}×{EDGE}", HEADER, rows, [f"Measured on {used}."]),
        Table("One large image, four levels, 32 base channels", LARGE, of_large),
    ]
    if into is None:
        for table in found:
            table.show(Console())
    else:
        put_into(into, "\n\n".join(table.markdown() for table in found), "tiles")


@app.command
def one(folder: Path, memory: str) -> None:
    """Compute the image in a folder; the process that :func:`large` starts."""
    print(json.dumps(_one(folder, memory)))


if __name__ == "__main__":
    sys.exit(run(app))
