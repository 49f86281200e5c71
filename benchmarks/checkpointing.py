"""What gradient checkpointing saves in a training step of a whole typed network: a U-Net of four levels, batch norms.

``uv run python -m benchmarks.checkpointing --into docs/performance.md``. Nothing is timed, so other programs do not
matter: every number is a property of the traced or of the compiled step.

- kept: the bytes and the number of the arrays that the forward pass keeps for the gradient, besides the parameters and
  the batch. JAX's trace has them (:func:`kept`).
- temporary: the bytes that XLA allocates for the intermediates of the whole step, compiled as one program.
- FLOP: as XLA counts them in the compiled step.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
from cyclopts import Parameter
from flax import nnx
from jax.extend.core import Literal

from wellshaped.models import TypedNetwork
from wellshaped.spec import Network, UNetConfig, check, graph_of

from .measure import command_line, installed, machine, progress, require_at_least, run
from .report import Table, publish, require_place

PATTERNS: Mapping[str, tuple[str, ...]] = {
    "nothing": (),
    "the blocks of the decoder": ("decoder*", "joined*"),
    "all blocks": ("encoder*", "decoder*", "joined*"),
    "everything": ("*",),
}
"""What is computed again, and the patterns of its nodes: ``remat`` of :class:`TypedNetwork`."""

HALF = PATTERNS["all blocks"]
"""The patterns that the docs recommend: the forward pass keeps at most half."""


class Step(NamedTuple):
    """A training step without its optimiser: ``loss(state, images)``, and the shapes of both arguments."""

    loss: Callable[[Any, Any], Any]
    state: Any
    images: jax.ShapeDtypeStruct


class Kept(NamedTuple):
    """What a forward pass keeps for the gradient: how many bytes, in how many arrays."""

    bytes: int
    arrays: int


def network(base_channels: int) -> Network:
    """The graph of a U-Net with four levels and batch norms."""
    return graph_of(UNetConfig(levels=4, base_channels=base_channels, norm="batch"), 3, 2)


def step(graph: Network, remat: tuple[str, ...], size: int, batch: int) -> Step:
    """Return a step of the network in training mode, with statistics over the whole batch. Nothing is computed."""
    model = nnx.eval_shape(lambda: TypedNetwork(graph, axis_name="batch", remat=remat, rngs=nnx.Rngs(0)))
    definition, state = nnx.split(model)
    each = nnx.vmap(lambda model, image: model(image), in_axes=(None, 0), axis_name="batch")

    def loss(state: Any, images: Any) -> Any:
        return jnp.square(each(nnx.merge(definition, state), images)).mean()

    return Step(loss, state, jax.ShapeDtypeStruct((batch, graph.inputs[0].channels, size, size), jnp.float32))


def kept(of: Step) -> Kept:
    """Return what the forward pass keeps for the gradient of the loss, besides the parameters and the batch.

    These are the arrays that JAX's pullback holds, read from the trace.
    """
    traced = jax.make_jaxpr(lambda *given: jax.tree.leaves(jax.vjp(of.loss, *given)[1]))(of.state, of.images).jaxpr
    results = {variable for variable in traced.outvars if not isinstance(variable, Literal)}
    arrays = [variable.aval for variable in results - set(traced.invars)]
    return Kept(sum(array.size * array.dtype.itemsize for array in arrays), len(arrays))


def compiled(of: Step) -> Any:
    """Return the compiled step: the loss, and its gradient with respect to the parameters and the statistics."""
    return jax.jit(jax.value_and_grad(of.loss)).lower(of.state, of.images).compile()


def rows(base_channels: int, size: int, batch: int, tell: Callable[[int, str, str], None]) -> list[list[str]]:
    """Return a row for each of :data:`PATTERNS`, with ratios to the step that computes nothing again."""
    graph = network(base_channels)
    check(graph, (3, size, size)).raise_if_failed()
    found: list[tuple[str, Kept, int, float]] = []
    for done, (title, remat) in enumerate(PATTERNS.items()):
        tell(done, title, "compiling")
        of = step(graph, remat, size, batch)
        program = compiled(of)
        found.append((title, kept(of), program.memory_analysis().temp_size_in_bytes, program.cost_analysis()["flops"]))
    _, without, temporary, operations = found[0]
    return [
        [
            f"{title} (`{' '.join(PATTERNS[title])}`)" if PATTERNS[title] else title,
            *(f"{has.bytes / 2**20:.1f}", f"{has.bytes / without.bytes:.2f}", str(has.arrays)),
            *(f"{memory / 2**20:.1f}", f"{memory / temporary:.2f}", f"{flop / operations:.2f}"),
        ]
        for title, has, memory, flop in found
    ]


HEADER = ("computed again", "kept, MiB", "ratio", "arrays", "temporary, MiB", "ratio", "FLOP, ratio")

app = command_line("checkpointing", __doc__)


@app.default
def compare(
    *,
    base_channels: Annotated[int, Parameter(help="Channels of the outermost level.")] = 16,
    size: Annotated[int, Parameter(help="Edge of the square images.")] = 128,
    batch: Annotated[int, Parameter(help="Images in a batch.")] = 4,
    into: Annotated[Path | None, Parameter(help="The .md page to write the table into.")] = None,
) -> None:
    """Compile a training step of a U-Net with four levels for each choice of what is computed again."""
    for flag, number in (("--base-channels", base_channels), ("--size", size), ("--batch", batch)):
        require_at_least(flag, number, 1)
    require_place(into, "checkpointing")
    with progress(len(PATTERNS)) as tell:
        found = rows(base_channels, size, batch, tell)
    title = f"A training step, 3×{size}×{size}, {base_channels} base channels, batch of {batch}"
    used = f"{machine()['device']}; " + installed()
    publish([Table(title, HEADER, found, [f"Compiled for {used}."])], into, "checkpointing")


if __name__ == "__main__":
    jax.config.update("jax_enable_compilation_cache", False)
    sys.exit(run(app))
