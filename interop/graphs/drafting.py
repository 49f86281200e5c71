"""One size of a network: where its nodes begin, and where they end. What is between comes from a framework."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..sizes.shapes import OpenShape
from .draft import Array, Draft, Image, NoStepError
from .parts import CHANNEL, Part, of_axis
from .walker import Walker


@dataclass(frozen=True, slots=True)
class Roles:
    """Which open sizes are axes of the image, in order, and which are batches."""

    axes: tuple[str, ...]
    batches: frozenset[str] = frozenset()


def input_images(
    walker: Walker, shapes: Sequence[OpenShape], sizes: Mapping[str, int], roles: Roles, *, channels_first: bool = False
) -> list[Image]:
    """The images that the network is given, as nodes.

    The last number of a shape is that of the channels, or with ``channels_first`` the last before the open sizes.
    """
    places = [_channel_of(shape, roles if channels_first else None) for shape in shapes]
    return [_input(walker, i, shape, sizes, roles, places[i]) for i, shape in enumerate(shapes)]


def _channel_of(shape: OpenShape, roles: Roles | None) -> int | None:
    numbers = [d for d, size in enumerate(shape) if isinstance(size, int)]
    if roles is not None:
        first = next((d for d, size in enumerate(shape) if size in roles.axes), len(shape))
        before = [d for d in numbers if d < first and shape[d] != 1]
        numbers = before or numbers
    return numbers[-1] if numbers else None


def _input(
    walker: Walker, i: int, shape: OpenShape, sizes: Mapping[str, int], roles: Roles, channel: int | None
) -> Image:
    dims, of_node, channels = [], [1] * len(roles.axes), 1
    for d, size in enumerate(shape):
        if isinstance(size, str) and size in roles.axes:
            k = roles.axes.index(size)
            of_node[k] = sizes[size]
            dims.append(of_axis(k, sizes[size]))
            continue
        count = sizes[size] if isinstance(size, str) else size
        role = CHANNEL if d == channel else ("batch", size if isinstance(size, str) else "")
        channels *= count if d == channel else 1
        dims.append((Part(role, count),) if count != 1 else ())
    single = not any(size in roles.axes for size in shape)
    at = walker.add("input", (), of_node, channels, fixed={"number": i, "single": single})
    return Image(at, tuple(dims))


def draft(walker: Walker, sizes: Mapping[str, int], results: Sequence[Array], finished: bool) -> Draft:
    """The nodes at these sizes, with the results of the network as outputs."""
    outputs = []
    for of in results:
        if not isinstance(of, Image):
            continue
        try:
            outputs.append(walker.require_settled(of).node)
        except NoStepError as why:
            walker.failures.append(f"the output ({why})")
    if walker.has_two_biases(outputs):
        walker.failures.append(
            "add (a vector is added to a convolution that is also read without it, or with another one)"
        )
    elif walker.shares_only_a_kernel(outputs):
        walker.failures.append("convolution (it shares its kernel with another layer, but not its bias or its kind)")
    return Draft(sizes, tuple(walker.nodes), tuple(outputs), finished, tuple(walker.failures))
