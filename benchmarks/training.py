"""The run that ``docs/training.md`` shows: ``uv run python -m benchmarks.training --into docs/training.md``.

It cuts scikit-image's photographs into pieces, trains on them as ``wellshaped train`` does, and writes what was printed
into the page and the two pictures into the folder ``pictures`` beside it. It takes some minutes.
"""

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Annotated

from cyclopts import Parameter

from wellshaped.examples.photographs import write_photographs
from wellshaped.examples.segmentation import NETWORK, History, Settings, train

from .measure import command_line, cores, installed, require_at_least, run, watching_others
from .report import put_into, require_place

STEPS, CROP, LEARNING_RATE = 300, 96, 0.01
PICTURES = ("curves", "panel")


@dataclass(frozen=True)
class Shown:
    """What a run printed, its numbers, and how long it took."""

    lines: list[str]
    history: History
    took: str


def train_on_photographs(folder: Path, steps: int) -> Shown:
    """Train in a folder. The pictures are there then, and the model ``found.safetensors``."""
    lines: list[str] = []
    write_photographs(folder / "photographs")
    settings = Settings(network=NETWORK, steps=steps, crop=CROP, learning_rate=LEARNING_RATE)
    clock, worked = perf_counter(), process_time()
    with watching_others() as others:
        history = train(folder / "photographs", folder / "found.safetensors", settings, tell=lines.append)
    clock, worked = perf_counter() - clock, process_time() - worked
    took = f"It took {clock:.0f} seconds, and {worked:.0f} seconds of processor time, on {cores()} hardware threads"
    if others() is not None:
        took += f"; meanwhile, other programs used {others():.0%} of them"
    used = installed()
    return Shown([line.replace(f"{folder}/", "") for line in lines], history, f"{took}.\nWith {used}.")


def session(shown: Shown, steps: int) -> str:
    """What a terminal shows of the run, as Markdown."""
    flags = f"--steps {steps} --crop {CROP} --learning-rate {LEARNING_RATE}"
    command = f"wellshaped train photographs unet.toml --output found.safetensors {flags}"
    text = "\n".join([f"$ {command}", *shown.lines])
    return f"```console\n{text}\n```\n\n{shown.took}"


app = command_line("training", __doc__)


@app.default
def measure(
    *,
    steps: Annotated[int, Parameter(help="How many steps to train.")] = STEPS,
    into: Annotated[Path | None, Parameter(help="The .md page to write into, beside pictures/.")] = None,
) -> None:
    """Train on the photographs, and print or write what the page shows."""
    require_at_least("--steps", steps, 1)
    require_place(into, "run")
    with tempfile.TemporaryDirectory() as folder:
        shown = train_on_photographs(Path(folder), steps)
        if into is None:
            print(session(shown, steps))
            return
        for name in PICTURES:
            shutil.copyfile(Path(folder) / f"found.{name}.png", into.parent / "pictures" / f"training_{name}.png")
        put_into(into, session(shown, steps), "run")


if __name__ == "__main__":
    sys.exit(run(app))
