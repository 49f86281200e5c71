"""What fits instead of a given image: the nearest sizes that fit together, and expressions that make them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from ..arithmetic.progression import Progression
from ..arithmetic.size_set import SizeSet
from ..messages.written import written_number
from ..network.monotone import least_size
from ..network.network import AXES, Network
from ..network.running import fits_together
from .compatibility import ShapeSet, largest_together, solved

CHANGE = "change the network; "
"""How the fix begins if no size fits."""

NO_SIZE = f"{CHANGE}no size fits"

UNSOLVED = "try other sizes: the network is too hard to solve, so the nearest are not known"
"""The fix if no compatible size is known."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """For each axis, the nearest sizes. You can choose any of them on each axis: together they fit.

    An axis has none if no size is known, or none fits. ``sets`` has the compatible sizes of the axes. ``together`` says
    that the choice is due to a requirement over all axes.
    """

    graph: Network
    axes: tuple[tuple[int, ...], ...]
    sets: tuple[SizeSet | None, ...]
    together: bool = False

    def lines(self, sizes: tuple[int, ...], layout: str) -> tuple[str, ...]:
        """Return a line for each axis that must change, and a line of expressions that change the image."""
        if any(fit is None for fit in self.sets):
            return (UNSOLVED,)
        lines = _where_none_fits(dict(zip(self.graph.axis_names, self.sets, strict=True)))
        for name, n, found, fit in zip(self.graph.axis_names, sizes, self.axes, self.sets, strict=True):
            if fit and found and found != (n,):
                whole = f"if the other axes are larger, these {name}s fit" if self.together else f"all {name}s that fit"
                lines.append(f"{name} {resized(n, found)}; {whole}: {fit}")
        pastes = self._pastes(sizes, layout) if all(self.axes) else []
        return (*lines, " or ".join(pastes)) if pastes else tuple(lines)

    def _pastes(self, sizes: tuple[int, ...], layout: str) -> list[str]:
        """Return the expressions that crop to the smallest proposed sizes, and that pad to the largest."""
        given = dict(zip(layout.replace("C", ""), sizes, strict=True))
        low, high = (dict(zip(given, (end(found) for found in self.axes), strict=True)) for end in (min, max))
        pastes = []
        if low != given and all(low[axis] <= n for axis, n in given.items()):
            cuts = (f":{written_number(low[axis])}" if axis in low else ":" for axis in layout)
            pastes.append(f"x[{', '.join(cuts)}]")
        if high != given and all(high[axis] >= n for axis, n in given.items()):
            pads = (high[axis] - given[axis] if axis in given else 0 for axis in layout)
            pastes.append(f"jnp.pad(x, ({', '.join(f'(0, {written_number(pad)})' for pad in pads)}))")
        return pastes


def layouts(axes: int) -> tuple[str, str]:
    """Return the layouts of an image with this number of axes: channels first, and channels last.

    >>> layouts(2)
    ('CHW', 'HWC')
    """
    letters = "".join(name[0].upper() for name in AXES[axes])
    return f"C{letters}", f"{letters}C"


def proposals(graph: Network, sizes: tuple[int, ...]) -> Proposals:
    """Return the nearest sizes of each axis that fit together.

    >>> from wellshaped.spec import graph_of
    >>> proposals(graph_of("unet2"), (303, 384)).axes
    ((302, 304), (384,))
    """
    sets = tuple(solved(graph, axis) for axis in range(graph.axes))
    known = [fit for fit in sets if fit is not None]
    if len(known) < len(sets):
        return Proposals(graph, ((),) * graph.axes, sets)
    choices = tuple(tuple(near(fit, n)) for n, fit in zip(sizes, known, strict=True))
    shapes = ShapeSet(graph, tuple(known))
    if not all(choices) or all(choice in shapes for choice in product(*choices)):
        return Proposals(graph, choices, sets)
    larger = shapes.above(tuple(max(found) for found in choices))
    return Proposals(graph, tuple((n,) for n in larger) if larger else ((),) * graph.axes, sets, together=True)


def sets_that_fit(graph: Network, axes: Collection[str]) -> tuple[str, ...]:
    """Return a line for each of these ``axes``, by default all axes, with the sizes that fit.

    >>> from wellshaped.spec import graph_of
    >>> sets_that_fit(graph_of("unet2"), ["height"])
    ('all heights that fit: n ≡ 0 (mod 2), n ≥ 2',)
    """
    fits = {name: solved(graph, axis) for axis, name in enumerate(graph.axis_names) if not axes or name in axes}
    if any(fit is None for fit in fits.values()):
        return (UNSOLVED,)
    return (*_where_none_fits(fits), *(f"all {name}s that fit: {fit}" for name, fit in fits.items() if fit))


def _where_none_fits(fits: Mapping[str, SizeSet | None]) -> list[str]:
    """Return a line with the names of the axes that no size fits, or no line."""
    none = [name for name, fit in fits.items() if not fit]
    return [f"{CHANGE}no {' or '.join(none)} fits"] if none else []


def near(fit: SizeSet, n: int) -> list[int]:
    """Return the members of ``fit`` next to ``n``: at most one below and one above, or only ``n`` if it is one.

    >>> from wellshaped.spec import compatible_sizes
    >>> near(compatible_sizes("unet2"), 303)
    [302, 304]
    """
    return [m for m in dict.fromkeys((fit.below(n), fit.above(n))) if m is not None]


def nearest(fit: SizeSet, n: int, them: str) -> str:
    """Return a line with the members next to ``n`` and the whole set. ``them`` is the word for its members."""
    return f"size {resized(n, near(fit, n))}; {them}: {fit}" if fit else NO_SIZE


def nearest_alike(graph: Network, fit: SizeSet, n: int, them: str = "sizes that fit") -> str:
    """Return a line with the sizes of ``fit`` next to ``n`` that fit if every axis has the same size."""
    if all(fits_together(graph, (m,) * graph.axes) for m in near(fit, n)):
        return nearest(fit, n, f"all {them}")
    least = least_size(graph, lambda m: fits_together(graph, (m,) * graph.axes), largest_together(graph))
    if least is None or (above := fit.above(max(least, n))) is None:
        return f"{CHANGE}no size meets what it requires over all axes together"
    alike = fit & SizeSet([Progression(max(least, 1), 1, None)])
    return f"size {resized(n, [above])}; all {them}: {alike}"


def resized(n: int, sizes: Sequence[int]) -> str:
    """Return how to change ``n`` to each of the ``sizes``, in words.

    >>> resized(303, [302, 304])
    '302 (crop 1) or 304 (pad 1)'
    """
    changes = ((m, "crop" if m < n else "pad") for m in sizes)
    return " or ".join(f"{written_number(m)} ({change} {written_number(abs(n - m))})" for m, change in changes)
