"""Reading a network: each open axis alone, then whether the axes are independent, then the output (SPEC section 11)."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from ...spec.arithmetic.progression import Progression
from ...spec.arithmetic.size_set import SizeSet
from ...spec.messages.report import UsageError, reject_class
from ...spec.messages.written import kind_of
from .answer import AxisSizes, ModelSizes
from .exploring import Budget, Found, Progress, explore
from .holding import endless, fitting
from .memory import rare_collections
from .outputs import output_of
from .overtime import Overtime
from .paths import End, Path, Rejected, kind, stopped
from .shapes import OpenShape, equalities, open_sizes
from .together import Dependence, dependence, general_path
from .tracer import AxisTracer, LimitedTracer, Tracer, as_meant

NONE_TOGETHER = "all sizes that were tried failed; some may fit only in combination with others"
"""How the note begins of an answer about several open sizes, if no sizes were found that fit together."""


@rare_collections()
def read(
    tracer: Tracer,
    model: str,
    framework: str,
    shapes: Sequence[OpenShape],
    budget: Budget,
    progress: Progress = lambda said: None,
) -> ModelSizes:
    """The sizes that a network takes.

    Raises :class:`WellshapedError` if its parameters can't be made, and :class:`UndecidedError` if its code does not
    end.
    """
    if not shapes:
        says = "no shape is given, and it must have one for each image"
        raise UsageError.of(f"reading {model}", "shape", "", says, 'a shape such as "N 3 H W"')
    tracer = LimitedTracer(tracer, budget.run_seconds)
    axes = open_sizes(tuple(shapes))
    try:
        at, error = fitting(tracer, axes, model, progress)
    except Overtime as of:
        raise endless(model, stopped(of)) from None
    found = {}
    for axis in axes:
        held = {name: size for name, size in at.items() if name != axis}
        of_it = explore(AxisTracer(tracer, axis, held), axis, budget, progress, at[axis] if error is None else None)
        found[axis] = AxisSizes(axis, held, of_it, held_fits=error is None or len(axes) == 1)
    progress("all axes together")
    sets = {name: of.sizes for name, of in found.items()}
    usual = _distinct({name: _usual(of.found) or at[name] for name, of in found.items()}, sets)
    path = general_path(tracer, usual, at) if axes else Path((), tracer.trial_of({}))
    output, about_output = output_of(tracer, path, usual, found)
    rejected = {name: of.found.not_counted for name, of in found.items()}
    undecided = {name: of.found.undecided for name, of in found.items()}
    together = Dependence(None)
    if len(axes) > 1:
        together = dependence(tracer, sets, rejected, undecided, at, path, budget.seconds / 6)
    is_known = error is None and all(sets.values()) and together.depends is not None
    if not together.depends and not all(of.is_finite for of in undecided.values()):
        is_known = False  # no sizes show that the axes depend on each other, but most were not tried
    independent = not together.depends if is_known else None
    about_parameters = _about_parameters(tracer, at, sets) if error is None else ""
    notes = (*_about_failure(axes, at, error), *filter(None, [together.example, about_parameters]), *about_output)
    conditions = together.conditions
    trial = partial(as_meant, tracer)
    return ModelSizes(model, framework, tuple(shapes), found, independent, conditions, output, notes, trial=trial)


def _about_failure(axes: Sequence[str], at: Mapping[str, int], error: End | None) -> Iterator[str]:
    """Why no sizes were found at which an axis can be held."""
    if not axes and isinstance(error, Rejected):
        yield f"it does not run: {error.error}: {error.text}"
    elif len(axes) > 1 and isinstance(error, Rejected):
        yield NONE_TOGETHER
        yield f"with {equalities(at)}: {error.says}"
    elif len(axes) > 1 and error is not None:
        yield NONE_TOGETHER


def _about_parameters(tracer: Tracer, at: Mapping[str, int], sets: Mapping[str, SizeSet]) -> str:
    """That the network chose its parameters by the sizes at which axes were held, if few sizes fit for this reason."""
    larger = {name: 2 * size for name, size in at.items() if sets[name].is_finite}
    if not larger:
        return ""
    chosen = tracer.prepare(at)
    try:
        other = tracer.prepare({**at, **larger})
    except (Exception, SystemExit, Overtime):
        other = chosen
    tracer.prepare(at)
    made_for = {name: at[name] for name in larger}
    return (
        f"the parameters were made for {equalities(made_for)}; for another size they differ" if other != chosen else ""
    )


def _distinct(usual: Mapping[str, int], sets: Mapping[str, SizeSet]) -> dict[str, int]:
    """Different sizes for all axes, if there are such: equal ones may take a path of their own."""
    found: dict[str, int] = {}
    for name, size in usual.items():
        larger = islice(sets[name] & SizeSet([Progression(size, 1, None)]), len(usual))
        found[name] = next((n for n in larger if n not in found.values()), size)
    return found


def name_of(model: Any) -> str:
    """The name of a function or of a model's class."""
    return str(getattr(model, "__name__", None) or type(model).__name__)


def reader_for(model: Any) -> str:
    """The function that reads a model: ``"read_torch"`` for a module of PyTorch, and else ``"read_jax"``."""
    torch = sys.modules.get("torch")
    return "read_torch" if torch is not None and isinstance(model, torch.nn.Module) else "read_jax"


def require_model(model: Any, kinds: str, example: str) -> None:
    """Raise :class:`UsageError` for what can't be called, and for a class: to call it makes a model.

    ``kinds`` says what the model must be, and ``example`` is one.
    """
    if not callable(model):
        says = f"it is {kind_of(model)}, and must be {kinds}"
        raise UsageError.of("the model", "model", "nothing to call", says, example)
    reject_class(model)


def one_for_each(dtypes: Any, images: Sequence[OpenShape]) -> list[Any]:
    """The dtype of each image; one alone is for all. Raises :class:`UsageError` for another number of dtypes."""
    each = [dtypes] * len(images) if isinstance(dtypes, str) or not isinstance(dtypes, Sequence) else list(dtypes)
    if len(each) != len(images):
        says = f"there are {len(each)}, and must be one for each of {len(images)} images"
        raise UsageError.of("dtypes", "dtypes", "", says, 'dtypes="float32"')
    return each


def _usual(found: Found) -> int | None:
    """A large size that fits, or the largest known one; of finitely many, one of the path that most of them take."""
    large = found.fits.above(1_000)
    if large is not None or not found.undecided.is_finite:
        return large or found.fits.maximum
    paths = [region.sizes for region in found.regions if kind(region.end) == "fits"]
    return max(paths, key=lambda sizes: sizes.count or 0).maximum if paths else found.fits.maximum
