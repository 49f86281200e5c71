"""How compatible sizes are written: one line where all axes are alike, else a line for each kind of axis."""

from collections.abc import Sequence

from ..spec import AnyNetwork, ShapeSet, SizeSet, compatible_shapes, graph_of
from ..spec.answers.compatibility import largest_together, solved
from ..spec.messages.written import written_number
from ..spec.network.monotone import least_size
from ..spec.network.running import fits_together


def known_shapes(network: AnyNetwork) -> ShapeSet | None:
    """The shapes that fit; ``None`` where a network is too hard to solve.

    >>> known_shapes("unet2").axes[0]
    <SizeSet n ≡ 0 (mod 2), n ≥ 2>
    """
    graph = graph_of(network)
    return None if None in [solved(graph, axis) for axis in range(graph.axes)] else compatible_shapes(graph)


def enough(shapes: ShapeSet) -> tuple[int, ...] | None:
    """The least sizes, about alike along all axes, that fit; ``None`` if none do.

    Larger sizes that fit along each axis then fit together as well. A smaller image may fit too, one that is long and
    narrow; to find the smallest takes longer (:meth:`ShapeSet.above`).

    >>> from wellshaped.spec import UNetConfig
    >>> enough(compatible_shapes(UNetConfig(levels=3, norm="instance")))
    (16, 16)
    """
    graph, axes = shapes.graph, len(shapes.axes)
    most = largest_together(graph) if shapes.together else 1
    least = least_size(graph, lambda n: fits_together(graph, (n,) * axes), most)
    if least is None:
        return None
    found = tuple(n for n in (fit.above(least) for fit in shapes.axes) if n is not None)
    return found if len(found) == axes else shapes.above((1,) * axes)  # along a finite axis, only smaller ones may do


def lines_of(shapes: ShapeSet, of: str = "") -> list[str]:
    r"""The lines that say which sizes fit the network that is called ``of``.

    >>> lines_of(compatible_shapes("unet2"))
    ['sizes that fit, for height and width alike: n ≡ 0 (mod 2), n ≥ 2']
    >>> print("\n".join(lines_of(compatible_shapes("nnunet_3d_fullres"))))
    sizes that fit:
      depth: n ≡ 0 (mod 16), n ≥ 16
      height and width: n ≡ 0 (mod 32), n ≥ 32
      over all axes together: 22 nodes require more, and 32×32×32 is enough
    """
    lead = f"sizes that fit {of}" if of else "sizes that fit"
    alike = by_axes(shapes)
    if len(alike) == 1:
        ((names, fit),) = alike
        lines = [f"{lead}, for {names} alike: {fit}" if len(shapes.axes) > 1 and not of else f"{lead}: {fit}"]
    else:
        lines = [f"{lead}:", *(f"  {names}: {fit}" for names, fit in alike)]
    least = enough(shapes)
    if shapes.together and all(shapes.axes) and least != tuple(fit.minimum for fit in shapes.axes):
        first, *others = shapes.together
        nodes = f"{len(others) + 1} nodes require" if others else f"{first} requires"
        lines.append(f"  over all axes together: {nodes} more, and {times(least) if least else 'nothing'} is enough")
    return lines


def by_axes(shapes: ShapeSet) -> list[tuple[str, SizeSet]]:
    """The different sets of sizes, each with the names of its axes in words.

    >>> [names for names, _ in by_axes(compatible_shapes("nnunet_3d_fullres"))]
    ['depth', 'height and width']
    """
    found: list[tuple[list[str], SizeSet]] = []
    for name, fit in zip(shapes.names, shapes.axes, strict=True):
        same = next((names for names, known in found if known == fit), None)
        if same is None:
            found.append(([name], fit))
        else:
            same.append(name)
    return [(in_words(names), fit) for names, fit in found]


def in_words(names: Sequence[str]) -> str:
    """Names as a sentence has them.

    >>> in_words(("depth", "height", "width"))
    'depth, height and width'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def times(sizes: Sequence[int]) -> str:
    """Sizes with a sign between them.

    >>> times((304, 384))
    '304×384'
    """
    return "×".join(map(written_number, sizes))


NOT_KNOWN = "which sizes fit is not known here: the network is too hard to solve"
"""What to say where the sizes are not known."""
