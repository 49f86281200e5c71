"""What presets exchange between devices, if an image is split along its height: every collective, and its bytes.

``uv run python -m benchmarks.meshes --into docs/devices.md``. The devices are simulated, and nothing runs: the bytes
are read from the compiled program. They are those of one image in float32; a batch has as many times more. A second
table says what that takes on accelerators by their published numbers.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from wellshaped.spec import check, compatible_sizes, graph_of, stages

from .measure import command_line, installed, progress, run
from .report import Table, publish, require_place

PRESETS = (
    "unet2",
    "tiny",
    "milesial",
    "attention_unet",
    "smp_resnet34",
    "unetplusplus",
    "unet3plus",
    "u2net_rsu7",
    "pix2pix",
    "stable_diffusion_vae",
)
DEVICES = (2, 8)
EDGE = 512

HEADER = ("preset", "image", "devices", "fits", "exchanges of rows", "bytes of rows", "other exchanges", "their bytes")

ON_PAPER = ("unet2", "milesial", "attention_unet", "smp_resnet34")
MANY = (8, 64)
LARGE = 8192

# Google's documentation of TPU v5p. A chip has six links: those to two neighbours bring rows from both at once.
PEAK = 459e12  # operations a second in bfloat16
LINK = 1200e9 / 6 / 2  # bytes a second over one link in one direction
PAPER_HEADER = ("preset", "devices", "multiply-adds on each", "computing", "bytes of rows", "exchanging", "share")

_COMPILED = """
import json, sys
import jax, numpy as np
from flax import nnx
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
from wellshaped.models import TypedNetwork, communication
from wellshaped.spec import graph_of
name, devices, shape = json.loads(sys.argv[1])
model = nnx.eval_shape(lambda: TypedNetwork(graph_of(name, 3, None), rngs=nnx.Rngs(0)))
model.eval()
definition, state = nnx.split(model)
mesh = jax.make_mesh((devices,), ("rows",), axis_types=(AxisType.Auto,))
split = NamedSharding(mesh, P(None, "rows"))
image = jax.ShapeDtypeStruct(tuple(shape), np.float32, sharding=split)
vectors = [jax.ShapeDtypeStruct((of.channels,), np.float32) for of in model.network.inputs if of.single]
run = jax.jit(lambda state, image, vectors: nnx.merge(definition, state)(image, *vectors), out_shardings=split)
with jax.set_mesh(mesh):
    lowered = run.lower(state, image, vectors)
print(json.dumps([[of.kind, of.count, of.nbytes] for of in communication(lowered).collectives]))
"""


Tell = Callable[[int, str, str], None]


def collectives(name: str, devices: int, edge: int) -> list[tuple[str, int, int]]:
    """The kind, the count and the bytes of every exchange, for a square image that is split along its height."""
    channels = graph_of(name, 3, None).image.channels
    environment = os.environ | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
    command = [sys.executable, "-c", _COMPILED, json.dumps([name, devices, [channels, edge, edge]])]
    found = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
    return [(kind, count, of_bytes) for kind, count, of_bytes in found]


def rows(tell: Tell) -> list[list[str]]:
    """A row for each preset and number of devices."""
    made = []
    for done, (name, devices) in enumerate((name, devices) for name in PRESETS for devices in DEVICES):
        tell(done, f"{name} on {devices} devices", "compiling")
        edge = compatible_sizes(name).above(EDGE)
        assert edge is not None
        shape = (graph_of(name, 3, None).image.channels, edge, edge)
        found = collectives(name, devices, edge)
        permutes = [of for of in found if of[0] == "collective-permute"]
        others = [of for of in found if of[0] != "collective-permute"]
        kinds = sorted({kind for kind, _, _ in others})
        made.append(
            [
                name,
                f"{edge}×{edge}",
                str(devices),
                "yes" if check(name, shape, mesh={"height": devices}).ok else "no",
                str(sum(count for _, count, _ in permutes)),
                f"{sum(of_bytes for *_, of_bytes in permutes):,}",
                ", ".join(f"{sum(count for of, count, _ in others if of == kind)} {kind}" for kind in kinds) or "none",
                f"{sum(of_bytes for *_, of_bytes in others):,}",
            ]
        )
    return made


def on_paper(tell: Tell) -> list[list[str]]:
    """The time that exchanges take beside computing, from published numbers: nothing is measured."""
    made = []
    for done, (name, devices) in enumerate((name, devices) for name in ON_PAPER for devices in MANY):
        tell(len(PRESETS) * len(DEVICES) + done, f"{name} on {devices} devices", "compiling")
        edge = compatible_sizes(name, 0, mesh={"height": devices}).above(LARGE)
        assert edge is not None
        work = sum(of.multiply_adds for of in stages(name, (graph_of(name).image.channels, edge, edge))) / devices
        of_rows = sum(
            of_bytes for kind, _, of_bytes in collectives(name, devices, edge) if kind == "collective-permute"
        )
        computing, exchanging = 2 * work / PEAK, of_rows / 2 / 2 / LINK  # half the bytes in bfloat16, over two links
        made.append(
            [
                name,
                str(devices),
                f"{work:.2g}",
                f"{1e3 * computing:.2f} ms",
                f"{of_rows // 2:,}",
                f"{1e3 * exchanging:.2f} ms",
                f"{exchanging / computing:.0%}",
            ]
        )
    return made


app = command_line("meshes", __doc__)


@app.default
def compare(*, into: Annotated[Path | None, Parameter(help="The .md page to write the table into.")] = None) -> None:
    """Compile each preset for simulated devices, and print what they exchange."""
    require_place(into, "exchanges", "paper")
    with progress(len(PRESETS) * len(DEVICES) + len(ON_PAPER) * len(MANY)) as tell:
        found, expected = rows(tell), on_paper(tell)
    used = installed()
    tables = {
        "exchanges": Table("What each device gets for one image", HEADER, found, [f"Compiled with {used}."]),
        "paper": Table(f"On paper: one image of {LARGE}×{LARGE} in bfloat16", PAPER_HEADER, expected, []),
    }
    for name, table in tables.items():
        publish([table], into, name)


if __name__ == "__main__":
    sys.exit(run(app))
