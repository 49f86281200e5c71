"""Reading a network: each open axis alone, then whether the axes are independent, then the output (SPEC section 11)."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations, islice, product
from typing import Any

from ...spec.arithmetic.progression import Progression
from ...spec.arithmetic.size_set import SizeSet
from ...spec.messages.report import FileError, UsageError, WellshapedError, reject_class
from ...spec.messages.written import clipped, kind_of
from .answer import AxisSizes, ModelSizes, UndecidedError
from .exploring import Budget, Found, explore
from .expressions import names_in
from .memory import rare_collections
from .outputs import output_of
from .overtime import Overtime
from .paths import (
    Accepted,
    Condition,
    End,
    Path,
    Rejected,
    Unknown,
    fail_alike,
    is_recursion,
    kind,
    sizes_on,
    stopped,
)
from .places import is_own, line_of
from .shapes import OpenShape, equalities, open_sizes
from .together import Dependence, dependence, general_path
from .tracer import AxisTracer, LimitedTracer, Tracer, as_meant

Progress = Callable[[str], None]


HELD = (
    64,
    96,
    128,
    192,
    224,
    256,
    320,
    384,
    512,
    63,
    65,
    572,
    100,
    188,
    1_024,
    2_048,
    16,
    8,
    *range(1, 48),
    16_384,
    131_072,
)
"""The sizes to try for all axes at once. The other axes are held at the first that fits."""

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
        at, error = _fitting(tracer, axes, model, progress)
    except Overtime as of:
        raise _endless(model, stopped(of)) from None
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


_ENOUGH = 3
"""The runs that ask for an image's values, or fail alike, after which others are not tried: they would do the same."""

_ALL_KINDS = (63, 8, 16_384, 131_072)
"""Sizes that differ from the first candidates: odd, small and large."""


def _fitting(tracer: Tracer, axes: Sequence[str], model: str, progress: Progress) -> tuple[dict[str, int], End | None]:
    """The sizes at which axes are held, and ``None``; or the first candidates, and why they do not fit."""
    failed: list[End] = []
    asked = 0
    first_at = next(_candidates(axes))
    by_conditions = len(axes) < 2  # whether sizes that differ were looked for
    for at in _candidates(axes):
        if not by_conditions and max(at.values()) < _MEANT:
            by_conditions = True
            found = _by_conditions(tracer, first_at)
            if found is not None:
                return found, None
        progress(equalities(at))
        try:
            tracer.prepare(at)
        except WellshapedError:
            raise
        except (Exception, SystemExit) as error:
            failed.append(Rejected(type(error).__name__, str(error)))
            if len(failed) == _ENOUGH and all(map(is_recursion, failed)):
                break
            continue
        end = tracer.trial_of(at)
        if kind(end) == "fits":
            return at, None
        if isinstance(end, Unknown) and end.endless:
            raise _endless(model, end, at)
        asked += isinstance(end, Unknown) and end.of_values
        if asked == _ENOUGH:
            break
        if isinstance(end, Rejected) and end.error == "TypeError" and not end.at and "argument" in end.text:
            fix = "one shape for each image; arguments={…} for the others"
            raise UsageError.of(f"a call of {model}", "arguments", "", end.text, fix)
        failed.append(end)
        if len(failed) == _ENOUGH and _fails_for_all(tracer, axes, failed):
            if isinstance(end, Rejected) and is_recursion(end):
                raise FileError.of(
                    clipped(model), "trace", "", end.says, f"correct {line_of(end.at) or 'the recursion'}"
                )
            break
    first = failed[0] if failed else None
    found = None if by_conditions else _by_conditions(tracer, first_at)
    if found is not None:
        return found, None
    try:
        tracer.prepare(first_at)
    except (Exception, SystemExit) as error:
        fix = "a shape that it takes; arguments={…} for what is not an image"
        says = f"{type(error).__name__}: {error}"
        raise WellshapedError.of("reading the network", "runs", "", says, fix) from error
    return first_at, first


def _endless(model: str, end: Unknown, at: Mapping[str, int] = {}) -> UndecidedError:
    """The error for code that was stopped because it took too long."""
    says = f"{end.why}{f' with {equalities(at)}' if at else ''}, and may never end"
    fix = "end the loop; or, if the code is only slow, read_jax or read_torch with budget=Budget(run_seconds=600)"
    return UndecidedError.of(clipped(model), "time", "", says, fix)


_MEANT = 8
"""Smaller sizes of all axes may fit by chance: of two images that differ, both are one position."""


def _usual(found: Found) -> int | None:
    """A large size that fits, or the largest known one; of finitely many, one of the path that most of them take."""
    large = found.fits.above(1_000)
    if large is not None or not found.undecided.is_finite:
        return large or found.fits.maximum
    paths = [region.sizes for region in found.regions if kind(region.end) == "fits"]
    return max(paths, key=lambda sizes: sizes.count or 0).maximum if paths else found.fits.maximum


def _fails_for_all(tracer: Tracer, axes: Sequence[str], failed: Sequence[End]) -> bool:
    """Whether sizes of all kinds fail with the same words of the framework, which then name none of these sizes.

    Some other axis is wrong, such as the channels. If the error is about the number of axes, the sizes in its text may
    differ. The user's own code may say the same of sizes that are too small.
    """
    end, *others = failed
    if not isinstance(end, Rejected) or (_is_raised_by_own_code(end) and not is_recursion(end)):
        return False
    if not all(fail_alike(end, other) for other in others):
        return False
    for size in _ALL_KINDS:
        at = dict.fromkeys(axes, size)
        try:
            tracer.prepare(at)
        except (Exception, SystemExit):
            return False
        if not fail_alike(end, tracer.trial_of(at)):
            return False
    return True


def _is_raised_by_own_code(end: Rejected) -> bool:
    """Whether a line of the user raised the error."""
    # PyTorch's operations are named after the path of their module: "decoder.up: torch.cat".
    file = end.raised.rpartition(": ")[2].rpartition(":")[0]
    return bool(file) and is_own(file)


def _by_conditions(tracer: Tracer, at: Mapping[str, int]) -> dict[str, int] | None:
    """Sizes that fit, found by meeting the last equality that a trace breaks, again and again.

    If an equality links several sizes, the first of them changes.
    """
    sizes = dict(at)
    for _ in range(2 * len(sizes)):
        try:
            tracer.prepare(sizes)
        except (Exception, SystemExit):
            return None
        path = tracer.path_of(sizes, {})
        if isinstance(path.end, Accepted):
            return sizes if kind(tracer.trial_of(sizes)) == "fits" else None
        broken = _broken(path)
        if broken and len(names_in(broken[-1].statement)) > 1:  # let only one of them change
            name = min(names_in(broken[-1].statement))
            broken = _broken(tracer.path_of({name: sizes[name]}, {of: sizes[of] for of in sizes if of != name}))
        if not broken:
            return None
        (name,) = names_in(broken[-1].statement)
        solved = sizes_on([replace(broken[-1], held=True)], name)
        if not solved:
            return None
        sizes[name] = solved.above(sizes[name]) or solved.maximum or sizes[name]
    return None


def _broken(path: Path) -> list[Condition]:
    return [c for c in path.conditions if not c.held and c.statement.op == "=="]


def _candidates(axes: Sequence[str]) -> Iterator[dict[str, int]]:
    """Sizes to hold the axes at: all alike, then with one or two small ones, which may be channels or images."""
    for size in HELD if axes else HELD[:1]:
        yield dict.fromkeys(axes, size)
    for several in (1, 2):
        for names in combinations(axes, several) if several < len(axes) else ():
            for small in product(SMALL, repeat=several):
                for size in HELD[:3]:
                    yield {**dict.fromkeys(axes, size), **dict(zip(names, small, strict=True))}


SMALL = (1, 3, 4, 2, 8, 16)
"""The sizes of an axis that is not alike to the others: usual numbers of channels."""
