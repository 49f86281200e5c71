"""The sizes at which open axes are held while each is read: sizes that fit together (SPEC section 11)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, product

from ...spec.messages.report import FileError, UsageError, WellshapedError
from ...spec.messages.written import clipped
from .answer import UndecidedError
from .exploring import Progress
from .expressions import names_in
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
)
from .places import is_own, line_of
from .shapes import equalities
from .tracer import Tracer

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


_ENOUGH = 3
"""The runs that ask for an image's values, or fail alike, after which others are not tried: they would do the same."""

_ALL_KINDS = (63, 8, 16_384, 131_072)
"""Sizes that differ from the first candidates: odd, small and large."""


def fitting(tracer: Tracer, axes: Sequence[str], model: str, progress: Progress) -> tuple[dict[str, int], End | None]:
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
            raise endless(model, end, at)
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


def endless(model: str, end: Unknown, at: Mapping[str, int] = {}) -> UndecidedError:
    """The error for code that was stopped because it took too long."""
    says = f"{end.why}{f' with {equalities(at)}' if at else ''}, and may never end"
    fix = "end the loop; or, if the code is only slow, read_jax or read_torch with budget=Budget(run_seconds=600)"
    return UndecidedError.of(clipped(model), "time", "", says, fix)


_MEANT = 8
"""Smaller sizes of all axes may fit by chance: of two images that differ, both are one position."""


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
