"""A built graph beside the same U-Net written by hand: time of forward and of a gradient, compiling, memory.

``uv run python -m benchmarks.typed_network --into docs/performance.md``. On a GPU it measures larger images, and writes
other tables than on a CPU. The contenders are ``TypedNetwork`` of the graph of a config, ``UNet`` of the config, and
plain Flax (``benchmarks/by_hand.py``) on images with channels last, and on images with channels first, which it
transposes at its border. ``TypedNetwork`` is also measured with JAX's own convolutions.

All have the same float32 weights and are measured only if their results agree. Forward is in evaluation mode. A
gradient is that of a mean squared error with respect to the parameters, in training mode, and comes with the new batch
statistics. Times are medians over rounds; each round calls each contender once, in a new random order. Compiling is
tracing, lowering and compiling, without caches, and also takes turns. Memory is what XLA allocates for intermediates.
"""

import re
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from cyclopts import Parameter
from flax import nnx

from wellshaped.models import TypedNetwork, UNet, convolutions
from wellshaped.spec import UNetConfig, graph_of
from wellshaped.spec.messages.report import UsageError, WellshapedError

from .by_hand import ByHand, kernel_of
from .contenders import tolerance
from .measure import (
    alternately,
    command_line,
    compile_afresh,
    installed,
    machine,
    progress,
    require_at_least,
    run,
    watching_others,
)
from .report import DISTURBED, Table, publish, require_place

FORWARD, GRADIENT = "forward", "gradient"
WORKS = (FORWARD, GRADIENT)
INS, OUTS = 3, 2


@dataclass(frozen=True, slots=True)
class Case:
    """A U-Net with ``levels`` and a ``norm``, on ``batch`` square images of edge ``size``."""

    norm: str
    size: int
    base_channels: int
    batch: int
    levels: int = 4

    @property
    def cfg(self) -> UNetConfig:
        """The network's config."""
        return UNetConfig(levels=self.levels, base_channels=self.base_channels, norm=self.norm)

    def __str__(self) -> str:
        norm = "no norm" if self.norm == "none" else f"{self.norm} norm"
        return f"{INS}×{self.size}×{self.size}, {self.base_channels} base channels, {norm}, batch of {self.batch}"


CASES = {
    "cpu": (Case("none", 64, 16, 1), Case("none", 128, 16, 4), Case("batch", 128, 16, 4)),
    "gpu": (Case("none", 64, 16, 1), Case("none", 512, 64, 8), Case("batch", 512, 64, 8)),
}
"""What is measured on each platform."""

PLACES = {"cpu": "typed networks", "gpu": "typed networks on a GPU"}
"""Which part of the page each platform's tables are."""

SMALL = (Case("none", 8, 4, 2, levels=1), Case("batch", 8, 4, 2, levels=1))
"""The contenders must agree on these before they are measured."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A network to measure: how to ``build`` it, to ``call`` it on a batch, and the ``around`` of its compiling."""

    name: str
    title: str
    build: Callable[[Case], nnx.Module]
    call: Callable[[Any, Any], Any]
    last: bool = False
    around: Callable[[], AbstractContextManager[Any]] = nullcontext

    def works(self, case: Case, weights: Mapping[str, np.ndarray]) -> dict[str, tuple[Callable[..., Any], Any]]:
        """For each work a function and its arguments: parameters, statistics, images, and for a gradient the target."""
        model = self.build(case)
        given = nnx.to_flat_state(nnx.state(model))
        theirs = {where: weights[_name(where)] for where, _ in given}
        if self.by_hand:
            theirs = {where: _turned(where, array) for where, array in theirs.items()}
        nnx.update(model, nnx.from_flat_state({where: of.replace(jnp.asarray(theirs[where])) for where, of in given}))
        x, target = (self._images(case, channels, seed) for seed, channels in enumerate((INS, OUTS)))
        model.eval()
        evaluated, parameters, rest = nnx.split(model, nnx.Param, ...)
        model.train()
        trained, _, _ = nnx.split(model, nnx.Param, ...)

        def forward(parameters: Any, rest: Any, x: Any) -> Any:
            return self.call(nnx.merge(evaluated, parameters, rest), x)

        def loss(parameters: Any, rest: Any, x: Any, target: Any) -> Any:
            merged = nnx.merge(trained, parameters, rest, copy=True)
            return jnp.square(self.call(merged, x) - target).mean(), nnx.state(merged, nnx.BatchStat)

        images = (parameters, rest, x)
        return {FORWARD: (forward, images), GRADIENT: (jax.grad(loss, has_aux=True), (*images, target))}

    @property
    def by_hand(self) -> bool:
        """Whether the kernels have Flax's layout."""
        return self.name.startswith("by-hand")

    def _images(self, case: Case, channels: int, seed: int) -> Any:
        shape = (case.batch, channels, case.size, case.size)
        images = np.random.default_rng(seed).standard_normal(shape, np.float32)
        return jnp.asarray(images.transpose(0, 2, 3, 1) if self.last else images)


def _batched(model: Any, x: Any) -> Any:
    """The usual call of a typed network on a batch: batch statistics need Flax's ``vmap`` and a name of the axis."""
    return nnx.vmap(lambda model, image: model(image), in_axes=(None, 0), axis_name="batch")(model, x)


def _typed(case: Case) -> TypedNetwork:
    return TypedNetwork(graph_of(case.cfg, INS, OUTS), axis_name="batch", rngs=nnx.Rngs(0))


def _unet(case: Case) -> UNet:
    return UNet(case.cfg, INS, OUTS, axis_name="batch", rngs=nnx.Rngs(0))


def _by_hand(case: Case) -> ByHand:
    return ByHand(INS, OUTS, case.cfg.channels, case.norm == "batch", rngs=nnx.Rngs(0))


def _channels_first(model: Any, x: Any) -> Any:
    return model(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


CONTENDERS = (
    Contender("typed", "TypedNetwork", _typed, _batched),
    Contender("unet", "UNet", _unet, _batched),
    Contender(
        "typed-stock", "TypedNetwork, JAX's convolutions", _typed, _batched, around=partial(convolutions, "stock")
    ),
    Contender("by-hand", "by hand, channels last", _by_hand, lambda model, x: model(x), last=True),
    Contender("by-hand-first", "by hand, channels first", _by_hand, _channels_first),
)
"""The networks, in the order of the table. Ratios are to the better of the two that are written by hand."""

BY_HAND = tuple(contender.name for contender in CONTENDERS if contender.by_hand)


def _name(where: tuple[Any, ...]) -> str:
    """One name for an array in all contenders, from its path: ``"encoder.0.convs.1.norm.scale"``."""
    words = [word for part in where for word in re.findall(r"\w+", str(part)) if word not in ("layers", "conv")]
    return ".".join(word for i, word in enumerate(words) if words[i - 1 : i] != [word])


def _turned(where: tuple[Any, ...], array: Any) -> Any:
    return kernel_of(_name(where), array) if _name(where).endswith("kernel") else array


def drawn(case: Case) -> dict[str, np.ndarray]:
    """Weights by name, in our layout: those of a new typed network."""
    return {_name(where): np.asarray(of[...]) for where, of in nnx.to_flat_state(nnx.state(_typed(case)))}


def disagreements(case: Case) -> list[str]:
    """A line for each result of a contender that is not that of the first, but for rounding."""
    weights, expected, lines = drawn(case), None, []
    for contender in CONTENDERS:
        found = _results(contender, case, weights)
        expected = found if expected is None else expected
        scale = {kind: max(np.abs(of).max() for name, of in expected.items() if name[0] == kind) for kind in "yg"}
        if found.keys() != expected.keys():
            lines.append(f"{contender.title}: it has other arrays")
            continue
        for name, array in found.items():
            distance = float(np.abs(array - expected[name]).max() / scale[name[0]])
            if distance > tolerance():
                lines.append(f"{contender.title}, {name}: it differs by {distance:.1e} of the largest magnitude")
    return lines


def _results(contender: Contender, case: Case, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The output, and the gradients and statistics by name. Kernels have Flax's layout."""
    works = contender.works(case, weights)
    (forward, given), (gradient, all_given) = works[FORWARD], works[GRADIENT]
    with contender.around():
        y, (gradients, statistics) = jax.jit(forward)(*given), jax.jit(gradient)(*all_given)
    y = np.asarray(y).transpose(0, 3, 1, 2) if contender.last else np.asarray(y)
    found = {"y": y}
    for where, of in [*nnx.to_flat_state(gradients), *nnx.to_flat_state(statistics)]:
        array = np.asarray(of[...])
        found[f"g {_name(where)}"] = array if contender.by_hand else _turned(where, array)
    return found


@dataclass(frozen=True, slots=True)
class Measured:
    """The seconds of calls and of compilations, and bytes of temporary memory, by work and contender."""

    seconds: dict[str, dict[str, list[float]]]
    compile_seconds: dict[str, dict[str, list[float]]]
    bytes: dict[str, dict[str, int]]
    others: float


def measure(case: Case, rounds: int, seconds: float, compiles: int, tell: Callable[[str], object]) -> Measured:
    """Return the numbers of one case; ``tell`` is called with what is being done."""
    weights = drawn(case)
    found = Measured({}, {work: {c.name: [] for c in CONTENDERS} for work in WORKS}, {w: {} for w in WORKS}, 0.0)
    calls: dict[str, dict[str, Callable[[], Any]]] = {work: {} for work in WORKS}
    made = {contender: contender.works(case, weights) for contender in CONTENDERS}
    with watching_others() as others:
        for time in range(compiles):
            for contender, works in made.items():
                for work, (function, arguments) in works.items():
                    tell(f"{contender.name}, {work}, compilation {time + 1}")
                    leaves, form = jax.tree.flatten(arguments)
                    flat = _flat(function, form)
                    program, took = compile_afresh(flat, leaves, contender.around)
                    found.compile_seconds[work][contender.name].append(took)
                    found.bytes[work][contender.name] = program.memory_analysis().temp_size_in_bytes
                    calls[work][contender.name] = partial(program, *leaves)
        for work in WORKS:
            tell(work)
            found.seconds[work] = alternately(calls[work], rounds=rounds, seconds=seconds / len(WORKS))
    return Measured(found.seconds, found.compile_seconds, found.bytes, others() or 0.0)


def _flat(function: Callable[..., Any], form: Any) -> Callable[..., Any]:
    """The function of flat arguments with flat results, so that containers cost nothing."""
    return lambda *leaves: jax.tree.leaves(function(*jax.tree.unflatten(form, leaves)))


def rounding_by_default() -> float:
    """How far a float32 output is from that with the highest precision, relative to the largest magnitude."""
    case = Case("none", 256, 32, 1)
    forward, given = CONTENDERS[0].works(case, drawn(case))[FORWARD]
    by_default = jax.jit(forward)(*given)
    with jax.default_matmul_precision("highest"):
        exact = jax.jit(forward)(*given)
    return float(jnp.abs(by_default - exact).max() / jnp.abs(exact).max())


HEADER = (
    *("network", "forward, ms", "ratio", "gradient, ms", "ratio"),
    *("compiling forward, s", "ratio", "compiling a gradient, s", "ratio", "memory of a gradient, MiB", "ratio"),
)


def table(case: Case, found: Measured) -> Table:
    """The table of one case."""
    columns = []
    for times, scale in ((found.seconds, 1e3), (found.compile_seconds, 1.0)):
        for work in WORKS:
            columns.append({name: scale * median(each) for name, each in times[work].items()})
    columns.append({name: of / 2**20 for name, of in found.bytes[GRADIENT].items()})
    rows = []
    for contender in CONTENDERS:
        rows.append([contender.title])
        for column in columns:
            value, best = column[contender.name], min(column[name] for name in BY_HAND)
            rows[-1] += [f"{value:.0f}" if value >= 100 else f"{value:#.3g}", f"{value / best:.2f}"]
    rounds = ", ".join(f"{len(found.seconds[work]['typed'])} rounds of {work}" for work in WORKS)
    notes = [f"{rounds}; compiled {len(found.compile_seconds[FORWARD]['typed'])} times."]
    if found.others > DISTURBED and jax.default_backend() == "cpu":
        notes.append(f"Other programs used {found.others:.0%} of the cores. Measure it again.")
    return Table(str(case), HEADER, rows, notes)


app = command_line("typed_network", __doc__)


@app.default
def compare(
    *,
    rounds: Annotated[int, Parameter(help="The largest number of rounds.")] = 30,
    seconds_per_case: Annotated[float, Parameter(help="Seconds after which a case's rounds stop.")] = 40.0,
    compiles: Annotated[int, Parameter(help="How often each network is compiled.")] = 5,
    quick: Annotated[bool, Parameter(negative="", help="Measure two small cases, to see that all works.")] = False,
    into: Annotated[Path | None, Parameter(help="The .md page to write the tables into.")] = None,
) -> None:
    """Measure built networks beside the same network written by hand, and print ratios to the better by hand."""
    for flag, number, least in (
        ("--rounds", rounds, 1),
        ("--compiles", compiles, 1),
        ("--seconds-per-case", seconds_per_case, 0),
    ):
        require_at_least(flag, number, least)
    if quick and into is not None:
        raise UsageError.of(
            f"--into {into}", "quick", "", "a quick run measures no case of the page", "leave --quick out"
        )
    platform = "cpu" if jax.default_backend() == "cpu" else "gpu"
    require_place(into, PLACES[platform])
    lines = [line for case in SMALL for line in disagreements(case)]
    if lines:
        raise WellshapedError.of("comparing the networks", "agreement", "they differ", "; ".join(lines[:5]), "")
    cases = SMALL if quick else CASES[platform]
    tables = []
    with progress(len(cases)) as tell:
        for done, case in enumerate(cases):
            found = measure(case, rounds, seconds_per_case, compiles, partial(tell, done, str(case)))
            tables.append(table(case, found))
    used = f"{machine()['cpu']}, {machine()['cores']} cores, {machine()['device']}; "
    used += installed()
    notes = []
    if platform == "gpu":
        differ = f"differ by {rounding_by_default():.1e} of the largest magnitude."
        notes = [f'float32 by default and with `precision="highest"`: outputs {differ}']
    publish(tables, into, PLACES[platform], first=f"Measured on {used}.", last=notes)


if __name__ == "__main__":
    jax.config.update("jax_enable_compilation_cache", False)  # compiling is measured
    sys.exit(run(app))
