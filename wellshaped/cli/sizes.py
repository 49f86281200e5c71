"""``wellshaped sizes``: all sizes that fit a network."""

from dataclasses import replace
from typing import Annotated, Any

from cyclopts import Parameter

from ..spec import ShapeSet, compatible_shapes, graph_of
from ..spec.answers.any_network import title
from ..spec.answers.meshes import FEWER_DEVICES
from ..spec.answers.repairs import repair_description
from ..spec.messages.report import UsageError, wrapped
from ..spec.messages.written import clipped, in_words, written_number, written_sizes
from ..spec.network.running import seem_last
from ..words.fields import fields_of, word_of
from ..words.fixes import typed_fix
from ..words.meshes import mesh_in
from ..words.numbers import natural_in, numbers_in, numbers_inside
from ..words.shapes import no_image, require_built
from ..words.sizes import enough, lines_of, lines_of_example
from .mesh import MeshOption, reject_mesh
from .network import Flags, as_typed_again, given_fields, network_of, number_first
from .objects import (
    AnyName,
    DTypes,
    names_object,
    reject_dtypes,
    reject_flags,
    reject_input,
    reject_module,
    sizes_of_object,
)
from .output import AsJson, print_json, say

EXAMPLE = """\
  wellshaped sizes milesial
  wellshaped sizes unet --levels 3 --near 303
  wellshaped sizes milesial --mesh height=4
  wellshaped sizes nnunet_3d_fullres 30x95x160
  wellshaped sizes my_package.nets:make_unet --input HxWx3
  wellshaped sizes nets.py:UNet --input 1x3xHxW --near 303x384
"""

Sizes = Annotated[
    str | None,
    Parameter(
        help="Also show the nearest sizes below and above this one: 303 for all axes, or 303x384.",
    ),
]

OpenShapes = Annotated[
    list[str] | None,
    Parameter(
        name="--input",
        negative="",
        allow_leading_hyphen=True,
        help="For a model in your code: the shape of the image, with a name for each open size, such as HxWx3 or "
        "1x3xHxW. Give the option again for each further image.",
    ),
]


def sizes(
    network: AnyName = None,
    near: Sizes = None,
    *,
    image: OpenShapes = None,
    mesh: MeshOption = None,
    dtype: DTypes = None,
    flags: Flags = None,
    as_json: AsJson = False,
) -> int:
    """Show all sizes that fit a network, for each axis.

    For a model in your code, the framework's own shape rules decide, on shapes alone. No weights are loaded.
    Exits with 0 if any image fits, else with 1.
    """
    name, near = number_first(network, near)
    if name is not None and names_object(name):
        reject_flags(name, given_fields(flags))
        reject_mesh(name, mesh)
        return sizes_of_object(name, image or (), dtype, near, as_json)
    reject_module(name, "sizes", image)
    given = network_of(name, flags)
    require_built(given)
    if image:
        reject_input(graph_of(given), image, as_typed_again(name, flags))
    reject_dtypes(dtype)
    devices = mesh_in(mesh, given)
    shapes = compatible_shapes(given, mesh=devices)
    least = enough(shapes)
    answer: dict[str, Any] = {
        "network": title(given),
        "config": fields_of(given),
        "axes": {name: fit.to_dict() for name, fit in zip(shapes.names, shapes.axes, strict=True)},
        "together": shapes.together,
        "enough": least,
        **({"mesh": devices} if mesh else {}),
    }
    is_default = name is None and not given_fields(flags)
    called = "unet2, the default network" if is_default else title(given)
    lines = lines_of(shapes, f"{called} on {mesh}" if mesh else called)
    if near is not None:
        wanted = sizes_in(near, shapes, "--near")
        found = {"near": wanted, "below": shapes.below(wanted), "above": shapes.above(wanted)}
        answer |= found
        lines.append(_near(wanted, shapes, alike=len(numbers_in(near)) < 2))
    fix = "" if all(fit and not fit.is_finite for fit in shapes.axes) else repair_description(given)
    if least is None and mesh and all(compatible_shapes(given).axes):
        fix = FEWER_DEVICES
    elif least is None:
        example = no_image(given)
        lines += map(wrapped, lines_of_example(replace(example, fixes=())))
        answer["example"] = example.to_dict()
        fix = fix or ", ".join(example.fixes)
    if fix:
        lines.append(f"fix: {typed_fix(fix, [name or '', *map(word_of, given_fields(flags))])}")
        answer["fix"] = fix
    if as_json:
        print_json(answer)
    else:
        say("\n".join(lines), "green" if least else "red")
    return 0 if least else 1


def sizes_in(text: str, shapes: ShapeSet, flag: str = "") -> tuple[int, ...]:
    """Return the sizes in ``303`` or ``303x384``, one for each axis. Errors call the text the value of the ``flag``.

    Raises :class:`UsageError` for a text that is not a size, and if there are several sizes but not one for each axis.

    >>> sizes_in("303", compatible_shapes("unet2"))
    (303, 303)
    """
    numbers, axes = numbers_in(text), len(shapes.axes)
    if len(numbers) < 2:
        inside = numbers_inside(text)
        meant = "x".join(map(str, inside)) if len(inside) in (1, axes) else (enough(shapes) or (64,))[0]
        return (natural_in(text, flag, meant),) * axes
    if len(numbers) == axes:
        return tuple(numbers)
    has = f"it has {len(numbers)} numbers; give one for all axes, or {axes}: {in_words(shapes.names)}"
    if len(numbers) == axes + 1:
        sizes = numbers[:-1] if seem_last(numbers) else numbers[1:]
        has, fix = f"{has}; leave out the channels", "x".join(map(str, sizes))
    else:
        example = [*numbers, *numbers[-1:] * axes][:axes]
        fix = f"{'x'.join(map(str, example))}, for example"
    raise UsageError.of(f"{flag or 'the size'} {clipped(text)}", "size", "", has, f"{flag} {fix}".strip())


def _near(asked: tuple[int, ...], shapes: ShapeSet, *, alike: bool) -> str:
    """Return a line: whether these sizes fit, and the nearest that do. If all axes are ``alike``, write one number."""
    around = [found for found in dict.fromkeys((shapes.below(asked), shapes.above(asked))) if found is not None]
    if asked in shapes:
        return f"{written_number(asked[0]) if alike else written_sizes(asked)} fits"
    same = all(fit == shapes.axes[0] for fit in shapes.axes)
    short = alike and same and all(len(set(found)) == 1 for found in around)

    def written(found: tuple[int, ...]) -> str:
        return written_number(found[0]) if short else written_sizes(found)

    return f"{written(asked)} does not fit; nearest: {' and '.join(map(written, around)) or 'none'}"
