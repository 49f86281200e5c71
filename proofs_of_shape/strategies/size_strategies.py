"""Hypothesis strategies for sizes that fit a network, and sizes that just miss."""

from itertools import islice, product
from math import prod

from hypothesis import strategies as st

from ...spec.answers.any_network import AnyNetwork, title
from ...spec.answers.compatibility import compatible_shapes, compatible_sizes
from ...spec.arithmetic.naturals import natural
from ...spec.arithmetic.size_set import SizeSet
from ...spec.messages.report import WellshapedError


def compatible(network: AnyNetwork, max_index: int = 6, *, axis: int | None = None) -> st.SearchStrategy[int]:
    """The first ``max_index + 1`` sizes that fit ``network``. Shrinks toward the smallest of them.

    ``axis`` is as in :func:`compatible_sizes`. Raises :class:`WellshapedError` if no size fits.

    >>> from hypothesis import find
    >>> from wellshaped.spec import UNet2Config
    >>> find(compatible(UNet2Config()), lambda n: n > 3)
    4
    """
    return st.sampled_from(list(islice(_some_size(network, axis), natural(max_index, "max_index") + 1)))


def minimally_incompatible(
    network: AnyNetwork, max_index: int = 6, *, axis: int | None = None
) -> st.SearchStrategy[int]:
    """Sizes that do not fit ``network``, next to a size that does: a wrong check fails here first.

    They are next to the first ``max_index + 1`` sizes that fit, or next to an end of a progression of them.
    Shrinks toward the smallest, which is one less than the smallest size that fits.

    ``axis`` is as in :func:`compatible_sizes`. Raises :class:`WellshapedError` if no size fits.

    >>> from hypothesis import find
    >>> from wellshaped.spec import UNet2Config
    >>> find(minimally_incompatible(UNet2Config()), lambda n: n > 1)
    3
    """
    fit = _some_size(network, axis)
    members = set(islice(fit, natural(max_index, "max_index") + 1))
    ends = (*fit.head, *islice(fit.tail, len(members)))
    members |= {end for part in ends for end in (part.first, part.maximum) if end is not None}
    return st.sampled_from(sorted({n for m in members for n in (m - 1, m + 1) if n not in fit}))


def image_sizes(network: AnyNetwork, max_index: int = 6) -> st.SearchStrategy[tuple[int, ...]]:
    """Sizes of images that fit ``network``, from the first ``max_index + 1`` sizes of each axis.

    With group or instance norms, the smallest sizes may not fit together, because a norm of a single position has no
    statistics. Then the next larger image is also drawn. Shrinks toward the smallest image.

    Raises :class:`WellshapedError` if no image fits.

    >>> from hypothesis import find
    >>> from wellshaped.spec import UNetConfig
    >>> find(image_sizes(UNetConfig(levels=3, norm="instance")), lambda sizes: True)
    (8, 16)
    """
    shapes = compatible_shapes(network)
    if not all(shapes.axes):
        raise _nothing_to_draw(network)
    firsts = [list(islice(fit, natural(max_index, "max_index") + 1)) for fit in shapes.axes]
    larger = shapes.above([sizes[0] for sizes in firsts])
    if larger is None:
        says = "no sizes fit all its axes together"
        raise WellshapedError.of(f"drawing sizes of {title(network)}", "image_sizes", "", says, _LARGER)
    drawn = {larger, *(sizes for sizes in product(*firsts) if sizes in shapes)}
    return st.sampled_from(sorted(drawn, key=prod))


_LARGER = "a network with larger sizes"


def _some_size(network: AnyNetwork, axis: int | None) -> SizeSet:
    fit = compatible_sizes(network, axis)
    if not fit:
        raise _nothing_to_draw(network)
    return fit


def _nothing_to_draw(network: AnyNetwork) -> WellshapedError:
    says = "its set of compatible sizes is empty"
    fix = "a network from strategies.configs() or strategies.networks(fitting=True); sizes fit all of these"
    return WellshapedError.of(f"drawing sizes of {title(network)}", "compatible", "", says, fix)
