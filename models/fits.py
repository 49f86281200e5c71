"""Checks that run first: whether a layer can be built, and whether an image fits a network."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from math import prod
from typing import Any

from flax import nnx

from ..spec.answers.any_network import AnyNetwork, graph_of, title
from ..spec.answers.checking import channels_first, check
from ..spec.answers.explanation import Explanation
from ..spec.answers.proposals import layouts, sets_that_fit
from ..spec.arithmetic import naturals
from ..spec.arithmetic.naturals import judge_at_least_one
from ..spec.elements import Shapes, judge_arrays, least_changes, smaller
from ..spec.messages.report import ConfigError, Report, UsageError, Verdict
from ..spec.messages.written import in_words, written_number
from ..spec.network.network import Network
from .symbolic import Inconclusive, any_symbolic
from .typed import before_vmap


def require_buildable(of: str, numbers: Mapping[str, int], arrays: Callable[[Mapping[str, int]], Shapes]) -> None:
    """Raise :class:`ConfigError` if one of a layer's ``numbers`` is 0, or one of its ``arrays`` is too large.

    ``arrays`` maps numbers to the names and shapes of the parameters, so that a fix can be tried before it is
    proposed. An array may have as many elements as :func:`wellshaped.spec.check_config` allows.
    """
    fix: dict[str, object] = {name: 1 for name, number in numbers.items() if number == 0}

    def accepted(changes: Mapping[str, object]) -> bool:
        return judge_arrays(arrays({**numbers, **fix, **changes})).holds  # type: ignore[dict-item]  # all are int

    if not accepted({}):
        fix |= least_changes(accepted, [smaller(name, number) for name, number in numbers.items()])
    given = ", ".join(f"{name}={number}" for name, number in numbers.items())
    verdicts = (*judge_at_least_one(numbers), judge_arrays(arrays(numbers)))
    fixes = (", ".join(f"{name}={number}" for name, number in fix.items()),)
    Report(f"{of}({given})", verdicts, fixes, error=ConfigError).raise_if_failed()


def require_stream(rngs: nnx.Rngs, stream: str, of: str) -> None:
    """Raise :class:`UsageError` unless the random numbers have a ``stream`` of this name, or one for all names.

    >>> require_stream(nnx.Rngs(dropout=0), "params", "Conv2d")
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.UsageError: rngs can't be used.
      stream: Conv2d draws from the stream params, and rngs has only dropout.
      fix: rngs=nnx.Rngs(0), or nnx.Rngs(dropout=0, params=1)
    """
    if stream in rngs or "default" in rngs:
        return
    streams = [*map(str, rngs)]
    has = f"has only {in_words(streams)}" if streams else "has none"
    seeds = ", ".join(f"{name}={seed}" for seed, name in enumerate((*streams, stream)))
    says = f"{of} draws from the stream {stream}, and rngs {has}"
    raise UsageError.of("rngs", "stream", "", says, f"rngs=nnx.Rngs(0), or nnx.Rngs({seeds})")


def at_least_one(value: object, name: str, of: str) -> int:
    """Return a number of the layer ``of`` as an ``int``.

    Raises :class:`ConfigError` if it is 0, and :class:`UsageError` if it is not a natural number.

    >>> at_least_one(0, "stride", "MaxPool2d")
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.ConfigError: MaxPool2d(stride=0) is not well-formed.
      stride_pos: stride=0 must be at least 1.
      fix: stride=1
    """
    return naturals.at_least_one(value, name, of, ConfigError)


def takes(network: AnyNetwork, out_channels: int, shape: tuple[int, ...]) -> bool:
    """Whether a ``(C, *sizes)`` image of this ``shape`` fits a network."""
    axes = graph_of(network).axes
    return len(shape) == 1 + axes and _report(network, shape, out_channels, layouts(axes)[0]).ok


def require_fit(network: AnyNetwork, out_channels: int | None, x: Any, layout: str = "CHW") -> None:
    """Raise the error of :func:`wellshaped.spec.check` if the image ``x``, in this ``layout``, does not fit."""
    try:
        report = _report(network, x.shape, out_channels, layout)
    except Inconclusive as error:
        fits = "; ".join(sets_that_fit(graph_of(network), ()))
        error.add_note(f"{title(network)}: {fits}. Give a size of this form, with constraints on its variables.")
        raise
    if report.ok:
        return
    fixes = report.fixes
    if layout[0] == "C" and not any_symbolic(x.shape) and channels_first(network, x.shape) is not None:
        fixes = (f"jnp.moveaxis(x, -1, 0): the channels of this image, {x.shape[-1]}, are last",)
    if isinstance(network, Network) and len(network.nodes) == 1:  # a layer, and not a node of something
        fixes = tuple(fix.removeprefix(f"node {network.nodes[0].name}: ") for fix in fixes)
    if before_vmap(x) is not None:
        fixes = tuple(f"inside jax.vmap, for each image: {fix}" if fix.startswith(_CODE) else fix for fix in fixes)
    replace(report, fixes=fixes).raise_if_failed()


_CODE = ("x[", "jnp.")


def _report(network: AnyNetwork, shape: tuple[int, ...], out_channels: int | None, layout: str) -> Report:
    """The report. That of numbers is cached: an eager training loop needs the same one at every step."""
    judge = check if any_symbolic(shape) else _judged
    return judge(network, shape, out_channels=out_channels, layout=layout)


@lru_cache(maxsize=256)
def _judged(network: AnyNetwork, shape: tuple[int, ...], *, out_channels: int | None, layout: str) -> Report:
    return within_memory(check(network, shape, out_channels=out_channels, layout=layout))


MOST = 2**40
"""The most elements of an image. A process that asks XLA for too many is ended, without an error."""


def within_memory(report: Report) -> Report:
    """The report on sizes that fit, with the largest image on the way judged too: whether memory can hold it."""
    if not (report.ok and isinstance(report, Explanation) and report.graph is not None):
        return report
    if any(any_symbolic(tuple(of_axis.values())) for of_axis in report.sizes):
        return report  # a symbolic size has no number yet
    elements, name = max(
        (channels * prod(of_axis[name] for of_axis in report.sizes), name)
        for name, channels in report.graph.channels.items()
    )
    if elements <= MOST:
        return report
    says = f"{name} would have {written_number(elements)} elements, and may have at most {written_number(MOST)}"
    largest = Verdict("largest", False, says, "an image is too large to compute with")
    return replace(report, verdicts=(*report.verdicts, largest), fixes=("a smaller image, or smaller numbers",))
