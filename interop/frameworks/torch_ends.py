"""The least and the largest value of tensors that follow from sizes, such as ``torch.arange(size)``, as symbols.

They are known also after a tensor was reshaped, enlarged or clamped. Each rule has the arguments of an operation.
"""

from collections.abc import Callable
from typing import Any

import torch

from .torch_stand_ins import ends_of_linspace, hint
from .torch_views import root_of, tensors_in

Ends = tuple[Any, Any]
"""The least and the largest value of a tensor of whole numbers; both occur in it."""

Rule = Callable[[Any, Any, Any], Ends | None]
"""From the arguments of an operation, those by name, and its result to the ends of the result."""

aten = torch.ops.aten


def known_ends(of: Any) -> Ends | None:
    """The ends of a tensor, unless it was written since through another view."""
    ends: Ends | None = getattr(of, "ends", None)
    return ends if ends and of.ends_at == getattr(root_of(of), "writes", 0) else None


def _of_arange(args: Any, kwargs: Any, result: Any) -> Ends | None:
    numbers = [of for of in args if not isinstance(of, bool)]
    start, step = (numbers[0] if len(numbers) > 1 else 0), (numbers[2] if len(numbers) > 2 else 1)
    if not all(isinstance(of, int | torch.SymInt) for of in (start, step)):
        return None
    last = start + (result.shape[0] - 1) * step
    return (start, last) if step > 0 else (last, start)


def _of_linspace(args: Any, kwargs: Any, result: Any) -> Ends | None:
    return ends_of_linspace(*args[:3])


def _of_full(args: Any, kwargs: Any, result: Any) -> Ends | None:
    return (args[1], args[1]) if isinstance(args[1], int | torch.SymInt) and not isinstance(args[1], bool) else None


def _of_all(args: Any, kwargs: Any, result: Any) -> Ends | None:
    """The ends of several tensors together."""
    tensors = tensors_in(args[0])
    known = [ends for of in tensors if (ends := known_ends(of)) is not None]
    if not known or len(known) < len(tensors):
        return None
    least, most = known[0]
    for a, b in known[1:]:
        least, most = a if a < least else least, b if b > most else most
    return least, most


def _of_first(args: Any, kwargs: Any, result: Any) -> Ends | None:
    return known_ends(args[0])


def _of_clamped(args: Any, kwargs: Any, result: Any) -> Ends | None:
    ends = known_ends(args[0])
    low, high = (args[k] if len(args) > k else kwargs.get(name) for k, name in ((1, "min"), (2, "max")))
    return ends and (_clamped(ends[0], low, high), _clamped(ends[1], low, high))


def _clamped(end: Any, low: Any, high: Any) -> Any:
    end = end if low is None or end >= low else low
    return end if high is None or end <= high else high


def _changed_by(change: Callable[[Any, Any], Any], falls: Callable[[Any], bool] = lambda number: False) -> Rule:
    """The rule for an operation that does the ``change`` to each value and a plain number.

    ``falls`` says for which numbers the largest value becomes the least.
    """

    def rule(args: Any, kwargs: Any, result: Any) -> Ends | None:
        ends, number = known_ends(args[0]), _number(args[1]) if len(args) == 2 and not kwargs else None
        if ends is None or number is None:
            return None
        one, other = (change(end, number) for end in ends)
        return (other, one) if falls(number) else (one, other)

    return rule


def _number(of: Any) -> Any:
    """A whole number, also one that a tensor has everywhere; ``None`` for others."""
    if isinstance(of, torch.Tensor):
        least, most = known_ends(of) or (0, 1)
        return least if least is most or (isinstance(least, int) and least == most) else None
    return of if isinstance(of, int | torch.SymInt) and not isinstance(of, bool) else None


def _joined(change: Callable[[Any, Any], Any], ends_of_other: Callable[[Ends], Ends]) -> Rule:
    """The rule for the sum or difference of two tensors that have no axis in common."""
    with_number = _changed_by(change)

    def rule(args: Any, kwargs: Any, result: Any) -> Ends | None:
        found = with_number(args, kwargs, result)
        if found or len(args) != 2 or kwargs or not isinstance(args[1], torch.Tensor):
            return found
        a, b = args
        one, other = known_ends(a), known_ends(b)
        sizes = zip(a.shape[::-1], b.shape[::-1], strict=False)
        if not (one and other) or not all(1 in (hint(n), hint(m)) for n, m in sizes):
            return None
        least, most = ends_of_other(other)
        return change(one[0], least), change(one[1], most)

    return rule


def _of_absolute(args: Any, kwargs: Any, result: Any) -> Ends | None:
    """The larger of both ends; 0 stands for the least, which is no less than 0."""
    ends = known_ends(args[0])
    if ends is None:
        return None
    least, most = ends
    larger = most if most >= -least else -least
    return (least, most) if least >= 0 else (0 if most >= 0 else -most, larger)


def _negated(ends: Ends | None) -> Ends | None:
    return None if ends is None else (-ends[1], -ends[0])


def _of_copied(args: Any, kwargs: Any, result: Any) -> Ends | None:
    return known_ends(args[1])


_RULES: dict[Any, Rule] = {
    aten.arange: _of_arange,
    aten.linspace: _of_linspace,
    aten.full: _of_full,
    aten.zeros: lambda args, kwargs, result: (0, 0),
    aten.ones: lambda args, kwargs, result: (1, 1),
    **dict.fromkeys(
        (aten.floor_divide, aten.floor_divide_),
        _changed_by(lambda end, number: end // number, lambda number: number < 0),
    ),
    **dict.fromkeys((aten.cat, aten.stack), _of_all),
    **dict.fromkeys((aten.clamp, aten.clamp_), _of_clamped),
    **dict.fromkeys((aten.add, aten.add_), _joined(lambda end, number: end + number, lambda ends: ends)),
    **dict.fromkeys((aten.sub, aten.sub_), _joined(lambda end, number: end - number, lambda ends: ends[::-1])),
    aten.rsub: _changed_by(lambda end, number: number - end, lambda number: True),
    **dict.fromkeys((aten.mul, aten.mul_), _changed_by(lambda end, number: end * number, lambda number: number < 0)),
    **dict.fromkeys((aten.neg, aten.neg_), lambda args, kwargs, result: _negated(known_ends(args[0]))),
    **dict.fromkeys((aten.abs, aten.abs_), _of_absolute),
    **dict.fromkeys((aten.clamp_min, aten.clamp_min_), _changed_by(lambda end, least: end if end >= least else least)),
    **dict.fromkeys((aten.clamp_max, aten.clamp_max_), _changed_by(lambda end, most: end if end <= most else most)),
    aten.copy_: _of_copied,
    **dict.fromkeys(
        (
            *(aten.view, aten._unsafe_view, aten.reshape, aten._reshape_copy, aten.unsqueeze, aten.squeeze),
            *(aten.permute, aten.transpose, aten.t, aten.alias, aten.detach, aten.clone, aten.repeat, aten.flip),
            *(aten.roll, aten.expand, aten._to_copy),
        ),
        _of_first,  # the same values, in another order or more often
    ),
}
"""The ends of a result, by the operation."""


def ends_of_result(operation: Any, args: Any, kwargs: Any, result: Any) -> Ends | None:
    """The ends of a result, or ``None`` if they are not known. A float has them only if it is from ``linspace``."""
    rule = _RULES.get(operation)
    if rule is None or not isinstance(result, torch.Tensor) or result.dtype == torch.bool:
        return None
    if result.dtype.is_floating_point and rule not in (_of_first, _of_linspace):
        return None
    return rule(args, kwargs, result)
