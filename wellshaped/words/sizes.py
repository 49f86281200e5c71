"""Compatible sizes in words: one line if all axes are alike, else a line for each kind of axis."""

from ..spec import AnyNetwork, Report, ShapeSet, SizeSet, compatible_shapes, on_mesh
from ..spec.answers.compatibility import largest_together, solved
from ..spec.answers.meshes import Mesh
from ..spec.messages.written import in_words, written_sizes
from ..spec.network.monotone import least_size
from ..spec.network.running import fits_together


def known_shapes(network: AnyNetwork, mesh: Mesh | None = None) -> ShapeSet | None:
    """Return the shapes that fit, also on a ``mesh``, or ``None`` if the network is too hard to solve.

    >>> known_shapes("unet2").axes[0]
    <SizeSet n ≡ 0 (mod 2), n ≥ 2>
    """
    graph = on_mesh(network, mesh or {})
    return None if None in [solved(graph, axis) for axis in range(graph.axes)] else compatible_shapes(graph)


def enough(shapes: ShapeSet) -> tuple[int, ...] | None:
    """Return the least sizes that fit, about equal along all axes; ``None`` if none fit.

    Larger sizes that fit along each axis also fit together. A smaller image may fit too, if it is long and narrow;
    finding the smallest takes longer (:meth:`ShapeSet.above`).

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
    return found if len(found) == axes else shapes.above((1,) * axes)  # a finite axis may end below ``least``


def lines_of(shapes: ShapeSet, of: str = "") -> list[str]:
    r"""Return lines with the sizes that fit the network called ``of``.

    >>> lines_of(compatible_shapes("unet2"))
    ['sizes that fit, for height and width alike: n ≡ 0 (mod 2), n ≥ 2']
    >>> print("\n".join(lines_of(compatible_shapes("nnunet_3d_fullres"))))
    sizes that fit:
      depth: n ≡ 0 (mod 16), n ≥ 16
      height and width: n ≡ 0 (mod 32), n ≥ 32
      some combinations of these sizes are too small (a norm would see a single position); 32×32×32 fits
    """
    lead = f"sizes that fit {of}" if of else "sizes that fit"
    alike = by_axes(shapes)
    if len(alike) == 1:
        ((names, fit),) = alike
        lines = [f"{lead}, for {names} alike: {fit}" if len(shapes.axes) > 1 and not of else f"{lead}: {fit}"]
    else:
        lines = [f"{lead}:", *(f"  {names}: {fit}" for names, fit in alike)]
    together = together_line(shapes)
    return [*lines, f"  {together}"] if together else lines


def together_line(shapes: ShapeSet, *, short: bool = False) -> str:
    """Return a line about the requirements over all axes together; "" if all combinations of the sizes meet them.

    A ``short`` line leaves out the reason.

    >>> from wellshaped.spec import UNetConfig
    >>> together_line(compatible_shapes(UNetConfig(levels=3, norm="instance")))
    'some combinations of these sizes are too small (a norm would see a single position); 16×16 fits'
    >>> together_line(compatible_shapes("monai_like"), short=True)
    'some combinations are too small; 32×32 fits'
    """
    least = enough(shapes)
    if not shapes.together or not all(shapes.axes) or least == tuple(fit.minimum for fit in shapes.axes):
        return ""
    most = largest_together(shapes.graph)
    why = "a norm would see a single position" if most == 2 else f"a node needs {most} positions over all axes"
    if not least:
        return "no combination fits" if short else f"no combination of these sizes fits ({why})"
    if short:
        return f"some combinations are too small; {written_sizes(least)} fits"
    return f"some combinations of these sizes are too small ({why}); {written_sizes(least)} fits"


def by_axes(shapes: ShapeSet) -> list[tuple[str, SizeSet]]:
    """Return the different sets of sizes, each with the names of its axes in words.

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


def lines_of_example(report: Report) -> list[str]:
    """Return the lines of a report on an example, for a network that no size fits.

    >>> from wellshaped.spec import Report, Verdict
    >>> lines_of_example(Report("size 64", (Verdict("equal", False, "1 must be 2", ""),)))
    ['  for example: size 64 does not fit.', '    equal: 1 must be 2.']
    """
    first, *others = report.lines()
    return [f"  for example: {first}", *(f"  {line}" for line in others)]


NOT_KNOWN = "which sizes fit is not known: the network is too hard to solve"
"""The text if the sizes are not known."""


def lines_of_known(shapes: ShapeSet | None) -> list[str]:
    """Return :func:`lines_of` the shapes from :func:`known_shapes`.

    >>> lines_of_known(None)
    ['which sizes fit is not known: the network is too hard to solve']
    """
    return [NOT_KNOWN] if shapes is None else lines_of(shapes)
