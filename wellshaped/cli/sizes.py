"""``wellshaped sizes``: all sizes that fit a network."""

from typing import Annotated, Any

from cyclopts import Parameter

from ..spec import ShapeSet, compatible_shapes
from ..spec.answers.door import title
from ..spec.answers.repairs import described_repair
from ..spec.files.networks import short_natural
from ..spec.messages.report import UsageError
from ..spec.messages.written import written_number
from .fixes import typed_fix
from .image import require_built
from .network import Flags, Name, fields_of, network_of, number_first
from .numbers import as_given, numbers_in
from .output import AsJson, print_json, say
from .wording import enough, in_words, lines_of, times

EXAMPLE = """\
  wellshaped sizes milesial
  wellshaped sizes unet --levels 3 --near 303
  wellshaped sizes nnunet_3d_fullres 30x95x160
"""

Sizes = Annotated[
    str | None,
    Parameter(
        allow_leading_hyphen=True,
        help="Also show the nearest sizes below and above this one: 303 for all axes, or 303x384.",
    ),
]


def sizes(network: Name = None, near: Sizes = None, *, flags: Flags = None, as_json: AsJson = False) -> int:
    """Show all sizes that fit a network, for each axis.

    Exits with 0 if any image fits, else with 1.
    """
    name, near = number_first(network, near)
    given = network_of(name, flags)
    require_built(given)
    shapes = compatible_shapes(given)
    least = enough(shapes)
    answer: dict[str, Any] = {
        "network": title(given),
        "config": fields_of(given),
        "axes": {name: fit.to_dict() for name, fit in zip(shapes.names, shapes.axes, strict=True)},
        "together": shapes.together,
        "enough": least,
    }
    lines = lines_of(shapes, title(given))
    if near is not None:
        asked = sizes_in(near, "near", shapes)
        found = {"near": asked, "below": shapes.below(asked), "above": shapes.above(asked)}
        answer |= found
        lines.append(_near(asked, shapes, alike=len(numbers_in(near)) < 2))
    fix = "" if all(fit and not fit.is_finite for fit in shapes.axes) else described_repair(given)
    if fix:
        lines.append(f"fix: {typed_fix(fix)}")
        answer["fix"] = fix
    if as_json:
        print_json(answer)
    else:
        say("\n".join(lines), "green" if least else "red")
    return 0 if least else 1


def sizes_in(text: str, name: str, shapes: ShapeSet) -> tuple[int, ...]:
    """Return the sizes in ``303`` or ``303x384``, one for each axis. ``name`` is the flag, without dashes.

    Raises :class:`UsageError` for another text, and if there are several sizes but not one for each axis.

    >>> sizes_in("303", "near", compatible_shapes("unet2"))
    (303, 303)
    """
    numbers = numbers_in(text)
    axes = len(shapes.axes)
    if len(numbers) < 2:
        return (short_natural(as_given(text), name),) * axes
    if len(numbers) != axes:
        says = f"it has {len(numbers)} sizes, and must have one for all axes, or {axes}: {in_words(shapes.names)}"
        fix = f"{name}={'x'.join([str(numbers[0])] * axes)}"
        raise UsageError.of(f"--{name} {text[:60]}", name, "", says, fix)
    return tuple(short_natural(number, name) for number in numbers)


def _near(asked: tuple[int, ...], shapes: ShapeSet, *, alike: bool) -> str:
    """Return a line: whether these sizes fit, and the nearest that do. If all are ``alike``, write one number."""
    around = [found for found in dict.fromkeys((shapes.below(asked), shapes.above(asked))) if found is not None]
    short = alike and all(len(set(found)) == 1 for found in around)

    def written(found: tuple[int, ...]) -> str:
        return written_number(found[0]) if short else times(found)

    if asked in shapes:
        return f"{written(asked)} fits"
    return f"{written(asked)} does not fit; nearest: {' and '.join(map(written, around)) or 'none'}"
