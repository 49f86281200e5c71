"""One program of a model: its function traced by JAX for a combination of classes of sizes (SPEC section 11)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ...spec.answers.compatibility import ShapeSet
from ...spec.messages.report import ShapeError
from ...spec.network.network import Network
from ..weights.arrays import variables_of
from .boxes import Box, Verdict
from .index import LETTERS

if TYPE_CHECKING:
    from flax import nnx
    from jax.export import Exported


def function_of(model: "nnx.Module") -> Callable[..., tuple[Any, ...]]:
    """The model as a function of its arrays, by name, and of batches of its inputs. It returns a tuple of outputs."""
    import jax
    from flax import nnx

    arrays_of = nnx.Any(nnx.Param, nnx.BatchStat)
    parts: Any = nnx.split(model, arrays_of, ...)
    definition, state, others = parts
    paths = nnx.to_flat_state(state)
    names = list(variables_of(model))  # in the order of the paths

    def program(arrays: dict[str, Any], *inputs: Any) -> tuple[Any, ...]:
        given = [(path, of_it.replace(arrays[name])) for name, (path, of_it) in zip(names, paths, strict=True)]
        merged = nnx.merge(definition, nnx.from_flat_state(given), others)
        outputs = jax.vmap(merged)(*inputs)
        return outputs if isinstance(outputs, tuple) else (outputs,)

    return program


def shapes_of(graph: Network, box: Box) -> list[tuple[Any, ...]]:
    """The shapes of a batch of each input, with JAX's symbols ``b`` and, for the classes of the box, ``h``, ``w``, …"""
    from jax import export

    letters = LETTERS[graph.axes]
    parts = [_dimension(of_it, letter) for of_it, letter in zip(box, letters, strict=True)]
    batch, *sizes = tuple(export.symbolic_shape(", ".join(("b", *parts))))
    return [(batch, of_it.channels, *([] if of_it.single else sizes)) for of_it in graph.inputs]


def _dimension(of_it: Any, letter: str) -> str:
    """A class for JAX, whose symbols are at least 1."""
    if of_it.count == 1:
        return str(of_it.first)
    return f"{of_it.step}*{letter} + {of_it.first - of_it.step}"


def traced(
    function: Callable[..., Any], arrays: Any, shapes: ShapeSet, box: Box, dtype: str, platforms: Sequence[str]
) -> "Exported | Verdict":
    """The program of a combination of classes; or ``"rejected"`` or ``"open"`` (:func:`.boxes.programs_of`)."""
    import jax
    from jax import export

    from ...models.symbolic import Inconclusive

    if all(of_it.count == 1 for of_it in box) and [of_it.first for of_it in box] not in shapes:
        return "rejected"
    inputs = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes_of(shapes.graph, box)]
    try:
        with _no_places_of_code():
            return export.export(jax.jit(function), platforms=platforms)(arrays, *inputs)
    except Inconclusive:
        if all(of_it.count == 1 for of_it in box):  # then it is about something else, which no other sizes change
            raise
        return "open"
    except ShapeError:
        return "rejected"


@contextmanager
def _no_places_of_code() -> Iterator[None]:
    """Let JAX write no file names and lines of code into a program: they are of this machine."""
    import jax

    name = "jax_traceback_in_locations_limit"
    before = getattr(jax.config, name)
    jax.config.update(name, 0)
    try:
        yield
    finally:
        jax.config.update(name, before)
