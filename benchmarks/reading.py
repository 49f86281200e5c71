"""The time to read a U-Net of four levels: every size that it takes, in each framework.

``uv run python -m benchmarks.reading``. ``--into docs/performance.md`` writes the table. The networks are written here
as people write them, and each is read once before it is timed, as a program that reads several would. The fastest round
counts: other programs may slow the machine down for minutes. A framework that is not installed is left out.
"""

import sys
from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

import jax.numpy as jnp
from cyclopts import Parameter
from flax import linen, nnx

from wellshaped import interop
from wellshaped.interop.sizes.answer import ModelSizes

from .by_hand import ByHand
from .measure import command_line, installed, machine, progress, require_at_least, run
from .report import Table, publish, require_place

WIDTHS = 8, 16, 32, 64, 128
Read = Callable[[], ModelSizes]


class LinenUNet(linen.Module):
    """A U-Net of four levels, with a group normalisation after each 3×3 convolution or without."""

    norm: bool

    @linen.compact
    def __call__(self, x: Any) -> Any:
        """``(N, H, W, C)`` to ``(N, H, W, 2)``."""

        def block(x: Any, width: int) -> Any:
            for _ in range(2):
                x = linen.Conv(width, (3, 3))(x)
                x = linen.relu(linen.GroupNorm(4)(x) if self.norm else x)
            return x

        skips = []
        for width in WIDTHS[:-1]:
            skips.append(block(x, width))
            x = linen.max_pool(skips[-1], (2, 2), (2, 2))
        x = block(x, WIDTHS[-1])
        for skip, width in zip(reversed(skips), reversed(WIDTHS[:-1]), strict=True):
            up = linen.ConvTranspose(width, (2, 2), (2, 2))(x)
            x = block(jnp.concatenate((skip, up), -1), width)
        return linen.Conv(2, (1, 1))(x)


def in_flax_nnx(*, norm: bool) -> Read:
    """Our network by hand, as in the other benchmarks, with batch norms or without."""
    model = ByHand(3, 2, WIDTHS, norm, rngs=nnx.Rngs(0))
    model.eval()
    return lambda: interop.read_jax(model, "1 H W 3")


def in_flax_linen(*, norm: bool) -> Read:
    """The network with ``flax.linen``."""
    model = LinenUNet(norm)
    return lambda: interop.read_jax(model, "1 H W 3")


def in_pytorch(*, norm: bool, padded: bool) -> Read:
    """The network in PyTorch; if it is ``padded``, each upsampled image is padded to the size of its skip."""
    from torch import cat, nn
    from torch.nn import functional

    def block(ins: int, outs: int) -> nn.Sequential:
        pairs = [(ins, outs), (outs, outs)]
        norms = [[nn.BatchNorm2d(outs)] if norm else [] for _ in pairs]
        layers = [[nn.Conv2d(*pair, 3, padding=1), *of, nn.ReLU()] for pair, of in zip(pairs, norms, strict=True)]
        return nn.Sequential(*layers[0], *layers[1])

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            pairs = list(pairwise(WIDTHS))
            self.encoder = nn.ModuleList(block(a, b) for a, b in [(3, WIDTHS[0]), *pairs[:-1]])
            self.bottom = block(*pairs[-1])
            self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in reversed(pairs))
            self.decoder = nn.ModuleList(block(2 * a, a) for a, _ in reversed(pairs))
            self.head = nn.Conv2d(WIDTHS[0], 2, 1)

        def forward(self, x: Any) -> Any:
            skips = []
            for of in self.encoder:
                skips.append(of(x))
                x = functional.max_pool2d(skips[-1], 2)
            x = self.bottom(x)
            for up, of in zip(self.up, self.decoder, strict=True):
                x, skip = up(x), skips.pop()
                if padded:
                    rest = [skip.shape[d] - x.shape[d] for d in (3, 2)]
                    x = functional.pad(x, [rest[0] // 2, -(-rest[0] // 2), rest[1] // 2, -(-rest[1] // 2)])
                x = of(cat((skip, x), 1))
            return self.head(x)

    model = UNet().eval()
    return lambda: interop.read_torch(model, "1 3 H W")


NETWORKS: dict[str, tuple[str, Callable[[], Read]]] = {
    "Flax NNX": ("flax", lambda: in_flax_nnx(norm=False)),
    "Flax NNX, batch norms": ("flax", lambda: in_flax_nnx(norm=True)),
    "Flax Linen": ("flax", lambda: in_flax_linen(norm=False)),
    "Flax Linen, group norms": ("flax", lambda: in_flax_linen(norm=True)),
    "PyTorch": ("torch", lambda: in_pytorch(norm=False, padded=False)),
    "PyTorch, batch norms": ("torch", lambda: in_pytorch(norm=True, padded=False)),
    "PyTorch, batch norms, padded to the skip": ("torch", lambda: in_pytorch(norm=True, padded=True)),
}
"""Each network by name: the package that it needs, and what makes it."""

HEADER = ("network", "seconds", "symbolic traces", "runs on numbers", "sizes that fit")

app = command_line("reading", __doc__)


@app.default
def compare(
    *,
    rounds: Annotated[int, Parameter(help="How often each network is read.")] = 5,
    into: Annotated[Path | None, Parameter(help="The .md page to write the table into.")] = None,
) -> None:
    """Time the reading of U-Nets of four levels in each framework."""
    require_at_least("--rounds", rounds, 1)
    require_place(into, "reading")
    chosen = {name: make for name, (package, make) in NETWORKS.items() if find_spec(package)}
    rows = []
    with progress(len(chosen)) as tell:
        for done, (name, make) in enumerate(chosen.items()):
            tell(done, name, "reading")
            rows.append(row(name, make(), rounds))
    left_out = sorted({package for package, _ in NETWORKS.values() if not find_spec(package)})
    used = f"{machine()['device']}; {installed('torch')}"
    notes = [f"The fastest of {rounds} rounds; {used}.", *(f"{of} is not installed." for of in left_out)]
    publish([Table("A U-Net of four levels", HEADER, rows, notes)], into, "reading")


def row(name: str, read: Read, rounds: int) -> list[str]:
    """Return what reading a network takes. The first time is not counted."""
    answer, seconds = read(), []
    for _ in range(rounds):
        start = perf_counter()
        answer = read()
        seconds.append(perf_counter() - start)
    of_axes = [of.found for of in answer.axes.values()]
    traces, trials = (sum(getattr(of, count) for of in of_axes) for count in ("traces", "trials"))
    (fits,) = {str(of.sizes) for of in answer.axes.values()}
    return [name, f"{min(seconds):.2f}", str(traces), str(trials), fits]


if __name__ == "__main__":
    sys.exit(run(app))
