"""Whether a layer can be built, and an image fits a network, asked before either is done."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ..spec.answers.checking import check
from ..spec.answers.door import AnyNetwork
from ..spec.arithmetic.naturals import judge_at_least_one
from ..spec.elements import Shapes, judge_arrays, least_changes, smaller
from ..spec.messages.report import Report
from .typed import before_vmap


def require_buildable(of: str, numbers: Mapping[str, int], arrays: Callable[[Mapping[str, int]], Shapes]) -> None:
    """Raise :class:`ShapeError` for numbers of a layer that are 0, and for ``arrays`` of more elements than a config's.

    ``arrays`` gives the parameters of the layer with other numbers, for the fix to be tried. The bound is the one of
    :func:`wellshaped.spec.check_config`.
    """
    fix: dict[str, object] = {name: 1 for name, number in numbers.items() if number == 0}

    def accepted(changes: Mapping[str, object]) -> bool:
        return judge_arrays(arrays({**numbers, **fix, **changes})).holds  # type: ignore[dict-item]  # numbers they are

    if not accepted({}):
        fix |= least_changes(accepted, [smaller(name, number) for name, number in numbers.items()])
    given = ", ".join(f"{name}={number}" for name, number in numbers.items())
    verdicts = (*judge_at_least_one(numbers), judge_arrays(arrays(numbers)))
    fixes = (", ".join(f"{name}={number}" for name, number in fix.items()),)
    Report(f"{of}({given})", verdicts, fixes).raise_if_failed()


def takes(network: AnyNetwork, out_channels: int, shape: tuple[int, ...]) -> bool:
    """Whether a network takes a ``(C, H, W)`` image of this ``shape``."""
    return len(shape) == 3 and _report(network, shape, out_channels, "CHW").ok


def require_fit(network: AnyNetwork, out_channels: int, x: Any, layout: str = "CHW") -> None:
    """Raise what :func:`wellshaped.spec.check` says of an image ``x`` in this ``layout``, where it does not fit."""
    report = _report(network, x.shape, out_channels, layout)
    if not report.ok and before_vmap(x) is not None:
        fixes = (f"inside jax.vmap, for each image: {fix}" if fix.startswith(_CODE) else fix for fix in report.fixes)
        report = replace(report, fixes=tuple(fixes))
    report.raise_if_failed()


_CODE = ("x[", "jnp.")


@lru_cache(maxsize=256)
def _report(network: AnyNetwork, shape: tuple[int, ...], out_channels: int, layout: str) -> Report:
    """Kept: an eager training loop asks the same at every step."""
    return check(network, shape, out_channels=out_channels, layout=layout)
