"""The shape of an image, as ``--input 1x304x384``: the channels, then a size for each axis of the network."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from cyclopts import Parameter

from ..spec import AnyNetwork, Network, Report, ShapeSet, Verdict, graph_of
from ..spec import check as check_input
from ..spec.answers.door import building, title
from ..spec.answers.repairs import described_repair
from ..spec.files.networks import MAX_DIGITS, short_natural
from ..spec.messages.report import ShapeError, UsageError
from ..spec.network.network import AXES
from .numbers import Natural, numbers_in
from .wording import NOT_KNOWN, enough, in_words, known_shapes

Image = Annotated[
    str,
    Parameter(
        name="--input",
        allow_leading_hyphen=True,
        help="Shape of the image: channels, then the size of each axis. For example 1x304x384.",
    ),
]
OutChannels = Annotated[
    Natural | None, Parameter(help="Channels of the output. [default: 1, or what the network makes]")
]

_USUAL = {1: (44_100,), 2: (304, 384), 3: (96, 160, 160)}
"""Sizes to propose if none are given, by the number of axes."""
_CHANNELS_AT_MOST = 4
"""A last number up to this, after larger ones, looks like channels."""
_COUNTS = ("no", "one", "two", "three", "four", "five")


def shape_of(text: str, network: AnyNetwork, out_channels: int | None) -> tuple[int, ...]:
    """Return the channels and sizes in ``1x304x384``, one size for each axis of the network.

    Raises :class:`UsageError` for another text, and for a shape that does not fit and seems to have its channels last.
    The fix is the shape that was probably meant, with the nearest sizes that fit.

    >>> shape_of("3x96x160x160", "unet3d", None)
    (3, 96, 160, 160)
    """
    graph = building(network).graph
    names = AXES[2] if graph is None else graph.axis_names  # a config that is not well-formed also has two axes
    numbers = numbers_in(text)
    must = (
        f"must be {_COUNTS[len(names) + 1]} natural numbers of at most {MAX_DIGITS} digits: "
        f"{in_words(('channels', *names))}"
    )
    if len(numbers) == len(names) + 1:
        meant = _channels_first(numbers)
        if meant == numbers or check_input(network, numbers, out_channels=out_channels).ok:
            return tuple(numbers)
        channels, *sizes = numbers
        says = (
            f"the channels come first, so it has {channels} channels of {'×'.join(map(str, sizes))} positions, "
            f"and looks like {'×'.join(names)}×channels"
        )
        raise _input_error(f"--input {text.strip()}", says, meant, network, out_channels)
    known = 1 if graph is None else graph.image.channels
    hint, meant = "", [known, *_USUAL[len(names)]]
    if len(numbers) == len(names):
        meant = [known, *numbers]
    elif len(numbers) == len(names) + 2:
        hint = "; leave out the batch, which is for jax.vmap(model)"
        meant = _channels_first(numbers[1:])
    says = f"it is {text[:60]!r}, and {must}{hint}"
    raise _input_error("--input", says, meant, network, out_channels)


def count_of(out_channels: int | None) -> int | None:
    """Return the number of output channels, or ``None`` if none was given."""
    return None if out_channels is None else short_natural(out_channels, "out_channels")


def require_built(network: AnyNetwork, in_channels: int | None = None) -> None:
    """Raise :class:`ConfigError` or :class:`ShapeError` if the network can't be built."""
    replace(building(network, in_channels).report, subject=title(network)).raise_if_failed()


def any_image(network: AnyNetwork, out_channels: int | None) -> Report:
    """Report whether the network can be built, and whether any image fits it."""
    built = building(network, None, out_channels)
    report = replace(built.report, subject=title(network))
    if not report.ok:
        return report
    shapes = known_shapes(network)
    if shapes is None:
        return replace(report, warnings=(Verdict("not_solved", False, NOT_KNOWN, "its sizes"),))
    holds = enough(shapes) is not None
    says = "some size meets every rule" if holds else "no size meets every rule"
    fits = Verdict("compatible_sizes", holds, says, "" if holds else "no image fits")
    fixes = () if holds else (described_repair(network, None, out_channels) or _look(shapes.graph),)
    error = report.error if holds else ShapeError
    return replace(report, verdicts=(*report.verdicts, fits), fixes=fixes, error=error)


def _look(graph: Network) -> str:
    """Return the fix if nothing better is known."""
    shape = "x".join(map(str, (graph.image.channels, *_USUAL[graph.axes])))
    return f"another network; --input {shape} shows what breaks"


def _channels_first(numbers: list[int]) -> list[int]:
    """Return the numbers with the channels first. They are moved if they seem to be last."""
    *others, last = numbers
    return [last, *others] if 1 <= last <= _CHANNELS_AT_MOST < min(others) else numbers


def _input_error(
    subject: str, says: str, meant: Sequence[int], network: AnyNetwork, out_channels: int | None
) -> UsageError:
    """Return the error for a shape, with a fix near what was ``meant``. Raise another if no shape fits the network."""
    any_image(network, out_channels).raise_if_failed()
    channels = graph_of(network, max(meant[0], 1)).image.channels  # a graph keeps its own
    shapes = known_shapes(network)
    sizes = tuple(meant[1:]) if shapes is None else _nearest(shapes, meant[1:])
    proposed = [channels, *sizes]
    nearest = "" if proposed == list(meant) else ", the nearest that fits"
    return UsageError.of(subject, "input", "", says, f"--input {'x'.join(map(str, proposed))}{nearest}")


def _nearest(shapes: ShapeSet, sizes: Sequence[int]) -> tuple[int, ...]:
    """Return the nearest sizes that fit: the next above on each axis, or the next below."""
    nearest = tuple(fit.above(n) or fit.below(n) or n for fit, n in zip(shapes.axes, sizes, strict=True))
    return nearest if nearest in shapes else shapes.above(nearest) or enough(shapes) or nearest
