"""What tiles cost: halo, positions computed again, memory and time for presets; and one image larger than its memory.

``uv run python -m benchmarks.tiling --into docs/tiles.md``. For each preset and size of tile: the halo of aligned
cores, the share of the image that is computed again, the bytes that the compiled program and the buffers of a tile
need, and the time of a tile (the median of three) times the number of tiles.

``uv run python -m benchmarks.tiling every --into docs/tiles.md`` has the same for every preset, with one run of a tile.
A network with norms or means over the whole image is tiled with its statistics given.

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

from wellshaped.models import TypedNetwork, UNet, tiled
from wellshaped.models.tiling.program import Program
from wellshaped.spec import PRESETS, UNetConfig, WellshapedError, graph_of, receptive_field, tiles
from wellshaped.spec.network import Network
from wellshaped.spec.network.statistics import of_one_size, statistics_in_order, with_statistics_given

from .measure import command_line, installed, machine, progress, require_at_least, run
from .report import Table, publish, require_place

TIMED = ("milesial", "attention_unet", "ronneberger2015")
TILES = (512, 1024)
EDGE = 4096
"""The edge of the image for which the tiles of the presets are counted, or the next size that fits."""

HEADER = ("preset", "halo", "tile", "tiles", "computed again", "memory, MiB", "time, s", "a whole pass, s")

CONFIG = UNetConfig(levels=4, base_channels=32)


def preset_rows(tell: Callable[[int, str, str], None]) -> list[list[str]]:
    """A row for each preset and size of tile that is possible."""
    rows = []
    for done, (name, tile) in enumerate((name, tile) for name in TIMED for tile in TILES):
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


LARGEST = {1: (2**20, 2**18), 2: (4096, 1024), 3: (512, 256)}
"""For each number of axes, the edge of an image, or the next size that fits, and of the largest tile."""

OWN = {
    "smp_resnet34": (8192, 2048),
    "pix2pix": (8192, 2048),
    "u2net": (8192, 4096),
    "nnunet_3d_fullres": (1024, 384),
    "nnunet_3d_resenc": (1024, 512),
}
"""The same for presets whose halo is larger."""

EVERY = ("preset", "image", "halo", "tile", "tiles", "computed again", "passes", "memory, MiB", "a tile, s", "all, s")

MOST_TIMED = 4 * 2**30
"""The most bytes of a tile that is timed."""


def every_preset(tell: Callable[[int, str, str], None]) -> Table:
    """A row for each preset that has tiles, and a note for each that has none, with the node that is the reason."""
    rows: list[list[str]] = []
    notes = [
        "Memory: by XLA's account of the compiled program of one tile, with that tile's image and result. Time: one run"
        " of a tile that needs at most 4 GiB; for all tiles, if the image is read once."
    ]
    for done, name in enumerate(PRESETS):
        tell(done, name, "compiling")
        row = _row(name)
        (notes if isinstance(row, str) else rows).append(row)
    return Table("Every preset", EVERY, rows, notes)


def _row(name: str) -> list[str] | str:
    given = PRESETS[name]
    graph = given if isinstance(given, Network) else graph_of(name, 3, None)
    edge, tile = OWN.get(name, LARGEST[graph.axes])
    passes = len(statistics_in_order(graph)) + 1
    network = with_statistics_given(graph) if passes > 1 and not of_one_size(graph) else graph
    try:
        tiling = tiles(network, (edge,) * graph.axes, tile, policy="pad")
    except WellshapedError as error:
        most, of = (_times((size,) * graph.axes) for size in (tile, edge))
        says, fix = error.report.verdicts[0].says, "; or ".join(error.report.fixes)
        return f"`{name}` has no tiles of at most {most} for an image of {of}: {says}. Possible: {fix}."
    memory, seconds = _of_tile(network, tiling.size)
    halos = dict.fromkeys(of.aligned for of in receptive_field(network, tiling.plan.fitting)[network.outputs[0]])
    return [
        name,
        _times(tiling.plan.fitting),
        "; ".join(f"{before} and {after}" for before, after in halos),
        _times(tiling.size),
        str(len(tiling)),
        f"{100 * float(tiling.recomputed):.0f}%",
        str(passes),
        f"{memory / 2**20:.0f}",
        "" if seconds is None else f"{seconds:.2f}",
        "" if seconds is None or passes > 1 else f"{seconds * len(tiling):.0f}",
    ]


def _of_tile(network: Network, size: tuple[int, ...]) -> tuple[int, float | None]:
    """The bytes of a tile and, if these are not too many, its seconds. The parameters are zeros."""
    model = nnx.eval_shape(lambda: TypedNetwork(network, rngs=nnx.Rngs(0)))
    model.eval()
    definition, state = nnx.split(model)
    vectors = {of.name: jax.ShapeDtypeStruct((of.channels,), np.float32) for of in network.inputs if of.single}

    def run(state: Any, vectors: dict[str, Any], image: Any) -> Any:
        return nnx.merge(definition, state)(*(vectors.get(of.name, image) for of in network.inputs))

    shape, compiled = (network.image.channels, *size), jax.jit(run)
    memory = Program(compiled, (state, vectors)).needs(shape, np.dtype(np.float32))
    if memory > MOST_TIMED:
        return memory, None
    zeros = jax.tree.map(lambda of: jnp.zeros(of.shape, of.dtype), (state, vectors))
    return memory, _seconds(lambda: jax.block_until_ready(compiled(*zeros, jnp.zeros(shape))), 1)


def _times(sizes: tuple[int, ...]) -> str:
    return "×".join(map(str, sizes))


def _seconds(call: Callable[[], object], runs: int = 3) -> float:
    call()
    times = []
    for _ in range(runs):
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
    require_place(into, "tiles")
    with progress(len(TIMED) * len(TILES) + 1) as tell:
        rows = preset_rows(tell)
        tell(len(TIMED) * len(TILES), f"{edge}×{edge}", "measuring")
        of_large = large_rows(edge, memory)
    used = f"{machine()['cpu']}, {machine()['cores']} cores; " + installed()
    found = [
        Table(f"Tiles of an image of {EDGE}×{EDGE}", HEADER, rows, [f"Measured on {used}."]),
        Table("One large image, four levels, 32 base channels", LARGE, of_large),
    ]
    publish(found, into, "tiles")


@app.command
def every(*, into: Annotated[Path | None, Parameter(help="The .md page to write the table into.")] = None) -> None:
    """What tiles of every preset cost, without times: it compiles a tile of each, for some minutes."""
    require_place(into, "every preset")
    with progress(len(PRESETS)) as tell:
        found = every_preset(tell)
    publish([found], into, "every preset")


@app.command
def one(folder: Path, memory: str) -> None:
    """Compute the image in a folder; the process that :func:`large` starts."""
    print(json.dumps(_one(folder, memory)))


if __name__ == "__main__":
    sys.exit(run(app))
