"""The shape of an image, as ``--input 1x304x384``: the channels, then a size for each axis of the network."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from cyclopts import Parameter

from ..spec import AnyNetwork, Network, Report, ShapeSet, Verdict, graph_of
from ..spec import check as check_input
from ..spec.answers.door import building, title
from ..spec.answers.repairs import mending
from ..spec.files import MAX_DIGITS, short_natural
from ..spec.messages.report import ShapeError, UsageError
from ..spec.network.network import AXES
from .numbers import Natural, numbers_in
from .wording import NOT_KNOWN, enough, in_words, known_shapes

Image = Annotated[
    str,
    Parameter(
        name="--input",
        allow_leading_hyphen=True,
        help="The image's shape: channels, then sizes in positions (pixels, voxels, samples). 1x304x384, say.",
    ),
]
OutChannels = Annotated[
    Natural | None, Parameter(help="Channels of the output. [default: 1, or what the network makes]")
]

_USUAL = {1: (44_100,), 2: (304, 384), 3: (96, 160, 160)}
"""Sizes to propose where none were given, by the number of axes."""
_CHANNELS_AT_MOST = 4
"""A last number up to this, after larger ones, is taken for the channels of an image with its channels last."""
_COUNTS = ("no", "one", "two", "three", "four", "five")


def shape_of(text: str, network: AnyNetwork, out_channels: int | None) -> tuple[int, ...]:
    """The channels and the sizes in ``1x304x384``, one size for each axis of the network.

    Raises :class:`ShapeError` for another text, and for a shape that does not fit and looks as if its channels were
    last. Each proposes the shape that was meant, with the nearest sizes that fit the network.

    >>> shape_of("3x96x160x160", "unet3d", None)
    (3, 96, 160, 160)
    """
    graph = building(network).graph
    names = AXES[2] if graph is None else graph.axis_names  # a config that is not well-formed still has two axes
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
            f"it says {channels} channels of {'×'.join(map(str, sizes))} positions, "
            f"and looks like {'×'.join(names)}×channels"
        )
        raise _input_error(f"--input {text.strip()}", "the order of its numbers", says, meant, network, out_channels)
    known = 1 if graph is None else graph.image.channels
    hint, meant = "", [known, *_USUAL[len(names)]]
    if len(numbers) == len(names):
        meant = [known, *numbers]
    elif len(numbers) == len(names) + 2:
        hint = f"; the first of {_COUNTS[len(numbers)]} is that of a batch, for jax.vmap(model)"
        meant = _channels_first(numbers[1:])
    says = f"it is {text[:60]!r}, and {must}{hint}"
    raise _input_error("--input", "not the shape of an image", says, meant, network, out_channels)


def count_of(out_channels: int | None) -> int | None:
    """The number of output channels, if one was given."""
    return None if out_channels is None else short_natural(out_channels, "out_channels")


def require_built(network: AnyNetwork, in_channels: int | None = None) -> None:
    """Raise :class:`ShapeError` where the network cannot be built, with what its config or its channels break."""
    replace(building(network, in_channels).report, subject=title(network)).raise_if_failed()


def any_image(network: AnyNetwork, out_channels: int | None) -> Report:
    """Whether the network can be built, and whether any image fits it."""
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
    fixes = () if holds else (mending(network, None, out_channels) or _look(shapes.graph),)
    return replace(report, verdicts=(*report.verdicts, fits), fixes=fixes, error=ShapeError)


def _look(graph: Network) -> str:
    """Where to look, if nothing better is known."""
    shape = "x".join(map(str, (graph.image.channels, *_USUAL[graph.axes])))
    return f"see where an image breaks, with check --input {shape}"


def _channels_first(numbers: list[int]) -> list[int]:
    """Numbers with the channels first, where they look as if these were last."""
    *others, last = numbers
    return [last, *others] if 1 <= last <= _CHANNELS_AT_MOST < min(others) else numbers


def _input_error(
    subject: str, about: str, says: str, meant: Sequence[int], network: AnyNetwork, out_channels: int | None
) -> UsageError:
    """The error for a shape, with the nearest to what was ``meant`` that fits; or for a network that no shape fits."""
    any_image(network, out_channels).raise_if_failed()
    channels = graph_of(network, max(meant[0], 1)).image.channels  # a graph's own
    shapes = known_shapes(network)
    sizes = tuple(meant[1:]) if shapes is None else _nearest(shapes, meant[1:])
    proposed = [channels, *sizes]
    nearest = "" if proposed == list(meant) else ", the nearest that fits"
    return UsageError.of(subject, "input", about, says, f"--input {'x'.join(map(str, proposed))}{nearest}")


def _nearest(shapes: ShapeSet, sizes: Sequence[int]) -> tuple[int, ...]:
    """Sizes that fit, near these: the next above on each axis, or the next below."""
    nearest = tuple(fit.above(n) or fit.below(n) or n for fit, n in zip(shapes.axes, sizes, strict=True))
    return nearest if nearest in shapes else shapes.above(nearest) or enough(shapes) or nearest
