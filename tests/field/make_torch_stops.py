"""Records at which layer PyTorch stops in each published network, in ``torch_stops.json``, for the tests.

Needs PyTorch alone. From the top of the repository: ``python -m tests.field.make_torch_stops``. The same version of
PyTorch writes the same file.
"""

import json
from pathlib import Path
from random import Random
from typing import Any

import torch

from .torch_architectures import stop

FOLDER = Path(__file__).parent
MOST = 60
"""Sizes along one axis of one network, at the most."""


def tried(sizes: dict[str, Any], seed: str) -> list[int]:
    """Sizes that the network does not take: those below its least one and over two periods, or a sample of them."""
    period, least = sizes["period"], sizes["from"]
    unfit = [n for n in range(1, least + 2 * period) if n < least or n % period not in sizes["residues"]]
    return sorted(Random(seed).sample(unfit, min(len(unfit), MOST)))


def fitting(entry: dict[str, Any]) -> list[int]:
    """For each axis a size that fits, twice the least one or more: over all axes there are several positions."""
    return [of_axis["from"] - (-of_axis["from"] // of_axis["period"]) * of_axis["period"] for of_axis in entry["sizes"]]


def stops(entry: dict[str, Any]) -> list[dict[str, list[int]]]:
    """For each axis that differs from the first: the layers at which the network stops, each with the sizes.

    Along the other axes the image has a size that fits.
    """
    found = []
    others = fitting(entry)
    for axis in range(entry["axes"] if entry.get("axes_differ") else 1):
        at: dict[str, list[int]] = {}
        for n in tried(entry["sizes"][axis], entry["id"]):
            name = stop(entry, [*others[:axis], n, *others[axis + 1 :]])
            assert name is not None, (entry["id"], n)
            at.setdefault(name, []).append(n)
        found.append(at)
    return found


def stop_at_least(entry: dict[str, Any]) -> str | None:
    """Where the network stops for the image whose sizes are the least along all axes."""
    return stop(entry, [of_axis["from"] for of_axis in entry["sizes"]])


def main() -> None:
    """Write the file, beside this one: a line for each network."""
    entries = json.loads((FOLDER / "architectures.json").read_text("utf-8"))
    for entry in entries:
        assert stop(entry, fitting(entry)) is None, entry["id"]
    lines = [f"  {json.dumps(entry['id'])}: {json.dumps(stops(entry))}" for entry in entries]
    least = {entry["id"]: stop_at_least(entry) for entry in entries}
    first = [f'{{\n  "torch_version": {json.dumps(torch.__version__)}', f'  "at_least": {json.dumps(least)}']
    text = ",\n".join([*first, *lines])
    (FOLDER / "torch_stops.json").write_text(f"{text}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
