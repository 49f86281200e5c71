"""The shape of an image, as ``--input 1x304x384``: the channels, then a size for each axis of the network."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..spec import AnyNetwork, Network, Report, ShapeSet, Verdict, compatible_shapes, graph_of
from ..spec import check as check_input
from ..spec.answers.any_network import as_network, building, title
from ..spec.answers.checking import channels_first, usual_channels
from ..spec.answers.meshes import FEWER_DEVICES, Mesh, judge_batch
from ..spec.answers.proposals import CHANGE
from ..spec.answers.repairs import repair_description
from ..spec.files.networks import MAX_DIGITS
from ..spec.messages.report import ConfigError, ShapeError, UsageError, WellshapedError
from ..spec.messages.written import clipped, count_word, in_words
from ..spec.network.network import AXES
from ..spec.network.running import seem_last
from .numbers import natural_in, numbers_in, numbers_inside
from .sizes import NOT_KNOWN, enough, known_shapes

USUAL = {1: (44_100,), 2: (304, 384), 3: (96, 160, 160)}
"""Sizes to propose if none are given, by the number of axes."""


def shape_of(text: str, network: AnyNetwork, out_channels: int | None) -> tuple[int, ...]:
    """Return the channels and sizes in ``1x304x384``, one size for each axis of the network.

    Raises :class:`UsageError` for a text that is not a shape, and for a shape that does not fit and seems to have its
    channels last. The fix is the shape that was probably meant. If a number is missing, it is an example that fits.

    >>> shape_of("3x96x160x160", "unet3d", None)
    (3, 96, 160, 160)
    """
    graph = building(network).graph
    names = AXES[2] if graph is None else graph.axis_names  # a config that is not well-formed also has two axes
    numbers = numbers_in(text)
    if len(numbers) == len(names) + 1:
        meant = channels_first(network, numbers)
        if meant is None or check_input(network, numbers, out_channels=out_channels).ok:
            return tuple(numbers)
        says = f"the channels come first, and this looks like {'×'.join(names)}×channels"
        raise _input_error(f"--input {clipped(text)}", says, network, out_channels, meant)

    says, proposed, is_example = _meant(text, numbers, names, network)
    raise _input_error("--input", says, network, out_channels, proposed, is_example=is_example)


def _meant(
    text: str, numbers: Sequence[int], names: Sequence[str], network: AnyNetwork
) -> tuple[str, tuple[int, ...], bool]:
    """Return what is wrong with a text that is not a shape, the shape to propose, and whether it is only an example."""
    needs, parts = count_word(len(names) + 1), in_words(("channels", *names))
    if not numbers:
        inside = numbers_inside(text)
        long = re.search(rf"\d{{{MAX_DIGITS + 1}}}", text) is not None
        digits = f" of at most {MAX_DIGITS} digits" if long else ""
        says = f"it is {clipped(text)!r}, and needs {needs} natural numbers{digits}: {parts}"
        if len(inside) == len(names) + 1:
            return says, tuple(inside), False
        return says, _with_usual(text, (usual_channels(network)[0], *USUAL[len(names)])), True
    has = f"{count_word(len(numbers))} number{'s' * (len(numbers) > 1)}"
    says = f"{clipped(text)!r} has {has}, and needs {needs}: {parts}"
    if len(numbers) > len(names) + 2:
        return says, (), True
    if len(numbers) == len(names) + 2:
        fault, image, is_example = _one_too_many(numbers, network)
        return f"{says}; {fault}", image, is_example
    known = usual_channels(network)
    has_channels = numbers[0] in known and len(names) > 1 and numbers[-1] > known[0]  # and lacks a size
    if len(numbers) == len(names) and not has_channels:
        return f"{says}; the channels are missing", (known[0], *numbers), False
    channels, *sizes = numbers if numbers[0] in known else (known[0], *numbers)
    sizes = [*sizes, *sizes[-1:] * len(names)][: len(names)] or [*USUAL[len(names)]]
    return says, (channels, *sizes), True


def _with_usual(text: str, usual: tuple[int, ...]) -> tuple[int, ...]:
    """Return the numbers of a text like ``3x300xabc``, with ``usual`` ones for the rest; none for any other text."""
    parts = re.split(r"[xX×*,; ]+", text)
    if len(parts) != len(usual) or not any(map(str.isdecimal, parts)):
        return ()
    known = [int(of) if of.isdecimal() and len(of) <= MAX_DIGITS else 0 for of in parts]
    return tuple(of or n for of, n in zip(known, usual, strict=True))


def _one_too_many(numbers: Sequence[int], network: AnyNetwork) -> tuple[str, tuple[int, ...], bool]:
    """Return what a shape has beside an image, the image, and whether it is only an example."""
    batch, known = "leave out the batch, which is for jax.vmap(model)", usual_channels(network)
    of_batch = tuple(numbers[1:])
    image = channels_first(network, of_batch) or of_batch
    any_number = not isinstance(as_network(network), Network)
    if image[0] in known or (any_number and not seem_last(of_batch)):
        return batch, image, False
    if numbers[0] in known:
        return "the channels come first, and the last number is one too many", tuple(numbers[:-1]), False
    return batch, (known[0], *(of_batch[:-1] if seem_last(of_batch) else of_batch[1:])), True


def one_image(shapes: Sequence[str] | None) -> str | None:
    """Return the only one of the ``shapes``, or ``None`` if there is none. Raises :class:`UsageError` for several."""
    if shapes and len(shapes) > 1:
        says = f"it is given {len(shapes)} times, and a network takes one image"
        raise UsageError.of("--input", "input", "", says, f"--input {clipped(shapes[0])}")
    return shapes[0] if shapes else None


def count_of(out_channels: Any) -> int | None:
    """Return the number of output channels as typed, or ``None`` if none was given."""
    return None if out_channels is None else natural_in(out_channels, "--out-channels", 1)


def require_built(network: AnyNetwork, in_channels: int | None = None) -> None:
    """Raise :class:`ConfigError` or :class:`ShapeError` if the network can't be built."""
    replace(building(network, in_channels).report, subject=title(network)).raise_if_failed()


def report_on(
    network: AnyNetwork,
    image: str | None,
    out_channels: int | None,
    mesh: Mesh | None = None,
    batch: int | None = None,
) -> Report:
    """Report whether an image of this shape fits the network; without a shape, whether any image does.

    With a ``mesh``, the image must also be one that can be split, and the ``batch`` must divide over the devices.
    """
    if image is None:
        return any_image(network, out_channels, mesh, batch)
    shape = shape_of(image, network, out_channels)
    return check_input(network, shape, out_channels=out_channels, mesh=mesh, batch=batch)


def any_image(
    network: AnyNetwork, out_channels: int | None, mesh: Mesh | None = None, batch: int | None = None
) -> Report:
    """Report whether the network can be built, and whether any image fits it, on a ``mesh`` also split."""
    built = building(network, None, out_channels)
    report = replace(built.report, subject=title(network))
    if not report.ok:
        return report
    if batch is not None:
        of_batch, fix = judge_batch(batch, mesh or {})
        report = replace(report, verdicts=(*report.verdicts, of_batch), fixes=(fix,) if fix else (), error=ShapeError)
        if fix:
            return report
    shapes = known_shapes(network, mesh)
    if shapes is None:
        return replace(report, warnings=(Verdict("not_solved", False, NOT_KNOWN, "its sizes"),))
    holds = enough(shapes) is not None
    if not holds and mesh and all(compatible_shapes(network).axes):
        fits = Verdict("compatible_sizes", False, "no size meets every rule of this mesh", "no image can be split")
        return replace(report, verdicts=(*report.verdicts, fits), fixes=(FEWER_DEVICES,), error=ShapeError)
    says = "some size meets every rule" if holds else "no size meets every rule"
    fits = Verdict("compatible_sizes", holds, says, "" if holds else "no image fits")
    fix = "" if holds else repair_description(network, None, out_channels)
    fixes = () if holds else (fix,) if fix else no_image(network).fixes or (_look(network),)
    error = ConfigError if holds else ShapeError  # without an image nothing fits, and the network is well-formed
    return replace(report, verdicts=(*report.verdicts, fits), fixes=fixes, error=error)


def no_image(network: AnyNetwork) -> Report:
    """Return why a usual image does not fit a network that no image fits, with the change of the network as its fix."""
    report = check_input(network, _usual_shape(network))
    known = repair_description(network)
    fixes = (known,) if known else tuple(fix for fix in report.fixes if not fix.startswith(CHANGE))
    return replace(report, fixes=fixes)


def _usual_shape(network: AnyNetwork) -> tuple[int, ...]:
    return usual_channels(network)[0], *USUAL[graph_of(network).axes]


def _look(network: AnyNetwork) -> str:
    """Return the fix if nothing better is known."""
    return f"another network; --input {'x'.join(map(str, _usual_shape(network)))} shows what breaks"


def _input_error(
    subject: str,
    says: str,
    network: AnyNetwork,
    out_channels: int | None,
    meant: Sequence[int] = (),
    *,
    is_example: bool = False,
) -> WellshapedError:
    """Return the error for a shape that can't be used, with the shape that is ``meant``, or an example that fits.

    Raises :class:`ConfigError` or :class:`ShapeError` if no image fits the network.
    """
    any_image(network, out_channels).raise_if_failed()
    if meant and not is_example:
        return UsageError.of(subject, "input", "", says, f"--input {'x'.join(map(str, meant))}")
    graph, shapes = graph_of(network), known_shapes(network)
    channels, *sizes = meant or (usual_channels(network)[0], *USUAL[graph.axes])
    proposed = [channels, *(sizes if shapes is None else _nearest(shapes, sizes))]
    return UsageError.of(subject, "input", "", says, f"--input {'x'.join(map(str, proposed))}, for example")


def _nearest(shapes: ShapeSet, sizes: Sequence[int]) -> tuple[int, ...]:
    """Return the nearest sizes that fit: the next above on each axis, or the next below."""
    nearest = tuple(fit.above(n) or fit.below(n) or n for fit, n in zip(shapes.axes, sizes, strict=True))
    return nearest if nearest in shapes else shapes.above(nearest) or enough(shapes) or nearest
