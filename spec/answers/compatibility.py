"""All sizes that fit a network: along one axis, and of whole images (SPEC sections 5.3 and 8)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import prod

from ..arithmetic.naturals import natural
from ..arithmetic.size_set import SizeSet
from ..messages.report import Report, UsageError, WellshapedError
from ..messages.written import Written, written_sizes
from ..network.monotone import least_size
from ..network.network import Network
from ..network.running import AxisSizes, axis_of, fits_together, require_sizes, run_image
from ..network.searching import NOT_SOLVED
from ..network.solving import sizes_that_fit as solve
from .any_network import AnyNetwork
from .meshes import Mesh, on_mesh


def compatible_sizes(network: AnyNetwork, axis: int | str | None = None, *, mesh: Mesh | None = None) -> SizeSet:
    """Return exactly the sizes ``n ≥ 1`` along one axis that fit, if the other axes are large enough.

    The other axes matter only for an instance or group norm, which needs more than one position over all axes together;
    :func:`compatible_shapes` answers for whole images.

    ``network`` is the name of a preset, a config or a graph. ``axis`` is the name of one, such as
    ``"height"``, or its number, counted from 0; leave it out if every axis has the same sizes. If the network takes
    several images, all have the size ``n``. :func:`check` says whether the network can be built.

    ``mesh`` gives the number of devices over which each axis is split, such as ``{"height": 4}``. The sizes are then
    those that can also be split (:func:`on_mesh`).

    Raises :class:`UsageError` for a value that is not a network, an axis that does not exist, or no ``axis`` if the
    axes differ; :class:`ConfigError` for a config that is not well-formed; :class:`WellshapedError` with the rule
    ``not_solved`` for a network that is too hard to solve; the errors of :func:`on_mesh`.

    >>> from wellshaped.spec import UNet2Config
    >>> compatible_sizes(UNet2Config())
    <SizeSet n ≡ 0 (mod 2), n ≥ 2>
    >>> print(compatible_sizes("ronneberger2015"))
    n ≡ 12 (mod 16), n ≥ 188
    >>> print(compatible_sizes(UNet2Config(conv_padding=0)))
    no size
    >>> print(compatible_sizes("milesial", axis="height", mesh={"height": 4}))
    n ≡ 0 (mod 64), n ≥ 64
    """
    graph = on_mesh(network, mesh or {})
    if axis is not None:
        return solved_axis(graph, axis_of(graph, axis))
    found = [solved_axis(graph, axis) for axis in range(graph.axes)]
    if any(fit != found[0] for fit in found):
        says = "; ".join(f"{name}: {fit}" for name, fit in zip(graph.axis_names, found, strict=True))
        fix = f'axis="{graph.axis_names[0]}", or compatible_shapes(network)'
        raise UsageError.of("compatible_sizes without an axis", "axis", "the axes have different sizes", says, fix)
    return found[0]


def solved_axis(graph: Network, axis: int) -> SizeSet:
    """Return the sizes that fit along one axis. Raise :class:`WellshapedError` if the graph is too hard to solve."""
    found = _solution(graph, axis)
    if isinstance(found, Report):
        raise WellshapedError(found)
    return found


def solved(graph: Network, axis: int) -> SizeSet | None:
    """Return the sizes that fit along one axis, or ``None`` if the graph is too hard to solve."""
    found = _solution(graph, axis)
    return None if isinstance(found, Report) else found


@lru_cache(maxsize=256)
def _solution(graph: Network, axis: int) -> SizeSet | Report:
    """Return the cached answer of the solver: the sizes, or its report that the graph is too hard."""
    try:
        return solve(graph, axis)
    except WellshapedError as error:
        if error.report.failures[0].name != NOT_SOLVED:
            raise
        return error.report


_TRIED = 300
"""The most choices that :meth:`ShapeSet._fewest` tries."""


@dataclass(frozen=True, slots=True, repr=False)
class ShapeSet(Written):
    """All image sizes that fit a network: a set of sizes for each axis, and requirements over all axes together.

    ``axes`` has the sets, in the order of ``names``. ``together`` has the nodes with a requirement over all axes: a
    group or instance norm needs more than one value to average over. An image fits iff ``sizes in shapes``.

    >>> from wellshaped.spec import compatible_shapes
    >>> from wellshaped.spec import UNetConfig
    >>> shapes = compatible_shapes(UNetConfig(levels=3, norm="instance"))
    >>> (8, 8) in shapes, (16, 8) in shapes, shapes.above((7, 8)), shapes.below((17, 9))
    (False, True, (16, 8), (16, 8))
    >>> print(compatible_shapes("milesial"))
    height: n ≥ 16; width: n ≥ 16
    """

    graph: Network
    axes: tuple[SizeSet, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the axes."""
        return self.graph.axis_names

    @property
    def together(self) -> tuple[str, ...]:
        """The nodes with a requirement over all axes together."""
        return _together(self.graph)

    def __contains__(self, sizes: object) -> bool:
        if not isinstance(sizes, Sequence) or len(sizes) != len(self.axes):
            return False
        along = all(n in fit for n, fit in zip(sizes, self.axes, strict=True))
        return along and fits_together(self.graph, [natural(n, "size") for n in sizes])

    def above(self, sizes: AxisSizes) -> tuple[int, ...] | None:
        """Return the nearest shape without a smaller axis, or ``None``.

        Each axis gets its nearest size. If these do not fit together, some axes get larger ones. The result then has
        the fewest positions among the few hundred choices that are tried.
        """
        sizes = require_sizes(self.graph, sizes)
        return self._together_from([fit.above(n) for n, fit in zip(sizes, self.axes, strict=True)])

    def below(self, sizes: AxisSizes) -> tuple[int, ...] | None:
        """Return the nearest shape that is nowhere larger, or ``None``."""
        sizes = require_sizes(self.graph, sizes)
        found = [fit.below(n) for n, fit in zip(sizes, self.axes, strict=True)]
        known = [n for n in found if n is not None]
        return tuple(known) if len(known) == len(found) and fits_together(self.graph, known) else None

    def _together_from(self, sizes: Sequence[int | None]) -> tuple[int, ...] | None:
        known = [n for n in sizes if n is not None]
        if len(known) < len(sizes):
            return None
        if fits_together(self.graph, known):
            return tuple(known)

        # Give as few axes as possible their largest size, and enlarge one other axis.
        for count in range(len(known)):
            found = [
                shape
                for largest in combinations(range(len(known)), count)
                for axis in range(len(known))
                if axis not in largest
                for shape in self._enlarged(known, largest, axis)
            ]
            if found:
                return self._fewest(known, min(found, key=prod))
        return None

    def _fewest(self, known: list[int], found: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape with the fewest positions, ``found`` or a better one. Try larger sizes axis by axis."""
        best, tried = found, 0

        def visit(sizes: tuple[int, ...]) -> None:
            nonlocal best, tried
            axis = len(sizes)
            if axis == len(known) - 1:
                tried += 1
                shapes = self._enlarged([*sizes, known[axis]], (), axis)
                best = min([best, *shapes], key=prod)
                return
            n: int | None = known[axis]
            while n is not None and tried < _TRIED and prod((*sizes, n, *known[axis + 1 :])) < prod(best):
                visit((*sizes, n))
                n = self.axes[axis].above(n + 1)

        visit(())
        return best

    def _enlarged(self, sizes: list[int], largest: Sequence[int], axis: int) -> Iterator[tuple[int, ...]]:
        """Yield the shape with the ``largest`` axes at their maximum and ``axis`` as small as fits."""
        base = [self.axes[i].maximum if i in largest else n for i, n in enumerate(sizes)]

        def changed(n: int) -> tuple[int, ...]:
            return tuple(n if i == axis else m for i, m in enumerate(base) if m is not None)

        if None not in base:  # axes without a maximum are enlarged in their own turn
            least = least_size(
                self.graph, lambda n: fits_together(self.graph, changed(n)), largest_together(self.graph)
            )
            n = None if least is None else self.axes[axis].above(max(least, sizes[axis]))
            if n is not None:
                yield changed(n)

    def __str__(self) -> str:
        text = "; ".join(f"{name}: {fit}" for name, fit in zip(self.names, self.axes, strict=True))
        least = [fit.minimum for fit in self.axes]
        known = [n for n in least if n is not None]
        if len(known) < len(least) or fits_together(self.graph, known):  # then larger sizes fit together too
            return text
        broken = next(it for it in run_image(self.graph, known).together if not (it.warns or it.holds))
        if self.above(known) is None:
            return f"{text}; but none of these sizes {'fit together' if len(known) > 1 else 'fits'}: {broken}"
        some = "some combinations of these sizes" if len(known) > 1 else "some of these sizes"
        return f"{text}; {some} are too small, such as {written_sizes(known)}: {broken}"


def compatible_shapes(network: AnyNetwork, *, mesh: Mesh | None = None) -> ShapeSet:
    """Return all image sizes that fit a network, as a :class:`ShapeSet`. It has one set for each axis.

    With a ``mesh``, these are the sizes that can also be split over its devices (:func:`on_mesh`).

    Raises the errors of :func:`compatible_sizes`, except those about ``axis``.

    >>> compatible_shapes("unet2").axes
    (<SizeSet n ≡ 0 (mod 2), n ≥ 2>, <SizeSet n ≡ 0 (mod 2), n ≥ 2>)
    """
    graph = on_mesh(network, mesh or {})
    return ShapeSet(graph, tuple(solved_axis(graph, axis) for axis in range(graph.axes)))


@lru_cache(maxsize=256)
def _together(graph: Network) -> tuple[str, ...]:
    ones = run_image(graph, (1,) * graph.axes).together
    return tuple(dict.fromkeys(requirement.node for requirement in ones if not requirement.warns))


@lru_cache(maxsize=256)
def largest_together(graph: Network) -> int:
    """Return the largest number of positions that is required over all axes together."""
    return max(requirement.right for requirement in run_image(graph, (1,) * graph.axes).together)
