"""The model of a command, as ``my_package.nets:make_unet``: somebody's own code, which Python runs.

``sizes`` and ``check`` take it. ``--input`` gives the shape of each image with all its axes.
"""

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from ..spec import PRESETS, Network, Report
from ..spec.messages.choices import near_name, nearest_choice
from ..spec.messages.report import UsageError, wrapped
from ..spec.messages.written import clipped, in_words, written_number
from ..spec.network.network import FEW_CHANNELS
from ..words.fields import CONFIGS
from ..words.numbers import natural_in, numbers_in, numbers_inside
from ..words.shapes import USUAL
from ..words.sizes import lines_of_example
from .likely import likely_models
from .output import AsJson, print_json, say, status_of, working
from .plans import names_plan

AnyName = Annotated[
    str | None,
    Parameter(
        help="A preset (wellshaped list), unet, unet2, a .toml or .json file, a configuration in nnU-Net's plans "
        "(nnUNetPlans.json:3d_fullres), or a model in your code: my_package.nets:make_unet or nets.py:make_unet, which "
        "runs that code. [default: unet2]"
    ),
]

DTypes = Annotated[
    list[str] | None,
    Parameter(
        name="--dtype",
        negative="",
        help="For a model in your code: dtype of the images, or one for each image. [default: float32]",
    ),
]

_DTYPES = (
    *("float32", "float16", "bfloat16", "float64", "complex64", "bool", "uint8"),
    *("int8", "int16", "int32", "int64"),
)


def names_object(name: str | None) -> bool:
    r"""Whether ``name`` names an object in somebody's code, and not a preset or a file.

    Raises :class:`UsageError` for a name after a file that has one network.

    >>> [names_object(name) for name in ("nets:make_unet", "src/nets.py:make_unet", "unet.toml", r"C:\unet.toml")]
    [True, True, False, False]
    """
    place, colon, rest = (name or "").rpartition(":")
    if place.endswith(".toml"):
        says = "a .toml file has one network, so nothing follows its name"
        raise UsageError.of(clipped(name or ""), "network", "", says, clipped(place))
    if not colon or rest[:1] in ("/", "\\") or re.fullmatch(r".+\.(toml|json)", rest) or names_plan(name):
        return False
    return not (len(place) == 1 and place.isalpha() and sys.platform == "win32") and not _is_file(name or "")


def reject_object(name: str | None, image: str | None = None) -> None:
    """Raise :class:`UsageError` for a model in somebody's code, in a command that does not take one.

    The fix is about this ``image``, if it is given.
    """
    if name is not None and names_object(name):
        shown = clipped(name)
        says = "only sizes and check take a model in your code. The others take a file of its graph, which "
        says += 'save_network(graph_of_jax(model, "H W 3"), "net.toml") writes; for PyTorch, graph_of_torch'
        fix = f"wellshaped sizes {shown} --input HxWx3, or 1x3xHxW for PyTorch"
        if image is not None and all(numbers_in(image) or [0]):
            opened = _opened(image)
            fix = f"wellshaped sizes {shown} --input {opened}, or wellshaped check {shown} --input {clipped(image)}"
        raise UsageError.of(shown, "network", "", says, fix)


def reject_module(name: str | None, command: str = "sizes", shapes: Sequence[str] | None = None) -> None:
    """Raise :class:`UsageError` for a module or a ``.py`` file without ``:object``. The fix has what was typed."""
    if name is None or name in PRESETS or name in CONFIGS:
        return
    module, _, last = name.rpartition(".")
    if last == "py":
        meant = _models_in(name, name)
    elif _is_file(name) or near_name(last, ("toml", "json")):
        return
    elif module and _is_file(f"{module.replace('.', '/')}.py"):
        meant = [f"{module}:{last}"]
    elif _is_file(file := f"{name.replace('.', '/')}.py"):
        meant = _models_in(file, name)
    else:
        return
    says = "it is code, and the name of the model in it is missing"
    first, *others = map(clipped, meant)
    given = " ".join(f"--input {clipped(shape)}" for shape in shapes or ()) or "--input HxWx3, or 1x3xHxW for PyTorch"
    fix = f"wellshaped {command if shapes else 'sizes'} {first} {given}"
    fix += f"; or name {' or '.join(others)}" if others else ""
    raise UsageError.of(clipped(name), "network", "", says, fix)


def _models_in(file: str, place: str) -> list[str]:
    """The objects that are most probably the network in a file, at most three. Its code does not run."""
    return [f"{place}:{name}" for name in likely_models(file)[:3] or ["make_unet"]]


def reject_flags(name: str, fields: Iterable[str], out_channels: object = None) -> None:
    """Raise :class:`UsageError` if a model in somebody's code has flags for ``fields`` of a config, or for channels."""
    given = [*fields, *([] if out_channels is None else ["out_channels"])]
    if given:
        words = " ".join(f"--{field.replace('_', '-')}" for field in given[:3])
        says = f"{clipped(name)} is a model in your code, which has no {words}"
        raise UsageError.of(f"{clipped(name)} with {words}", "network", "", says, f"leave out {words}")


def reject_input(graph: Network, shapes: Sequence[str], network: str) -> None:
    """Raise :class:`UsageError`: ``sizes`` of a network with a graph is not asked about the shape of an image.

    ``network`` is its name and its flags, as they are typed.
    """
    before, numbers = f"{network} " if network else "", numbers_in(shapes[0])
    enough = len(numbers) > graph.axes
    sizes = "x".join(map(str, numbers[-graph.axes :] if enough else _EXAMPLES[graph.axes]))
    channels = numbers[-graph.axes - 1] if enough else graph.image.channels
    says = "wellshaped sizes asks about sizes without channels; --input is for a model in your code"
    fix = f"wellshaped sizes {before}{sizes}, or wellshaped check {before}--input {channels}x{sizes}"
    raise UsageError.of("--input", "input", "", says, fix)


_EXAMPLES = USUAL | {2: (303, 384)}
"""Sizes to ask about, by the number of axes."""


def reject_dtypes(dtypes: Sequence[str] | None) -> None:
    """Raise :class:`UsageError` if there is a dtype, for a network that is not a model in somebody's code."""
    if dtypes:
        raise UsageError.of("--dtype", "dtype", "", "only a model in your code has a dtype", "leave out --dtype")


def sizes_of_object(
    name: str, shapes: Sequence[str], dtypes: Sequence[str] | None, near: str | None, as_json: AsJson
) -> int:
    """Print the sizes that the model called ``name`` takes, and the nearest to ``near``. Return the exit status."""
    from ..interop.any_model import dtype_that_fits, maker_of, read_model, shape_that_fits
    from ..interop.sizes.reading import NONE_TOGETHER
    from ..interop.sizes.shapes import open_shape, open_sizes

    if not shapes:
        raise _no_shape(name, "sizes", "--input HxWx3, or 1x3xHxW for PyTorch")
    axes = open_sizes(tuple(map(open_shape, shapes)))
    if not axes:
        says = f"{' and '.join(map(clipped, shapes))} has no open size; write a name for each"
        fix = f"--input {_opened(shapes[0])}, or wellshaped check {clipped(name)} --input {clipped(shapes[0])}"
        raise UsageError.of("--input", "input", "", says, fix)
    wanted = None if near is None else _wanted(near, axes)
    meant = [_split(shape) for shape in shapes]

    def ask(model: Any, **given: Any) -> tuple[Any, Any, str | None, str]:
        found = read_model(model, *shapes, **given)
        if all(of.sizes for of in found.axes.values()) or meant != list(shapes):
            return found, None, None, ""
        other = shape_that_fits(model, *shapes, **given)
        dtype = None if other else dtype_that_fits(model, *shapes, **given)
        # The other shape says why no sizes fit together.
        notes = [note for note in found.notes if not (other and note == NONE_TOGETHER)]
        return replace(found, notes=tuple(notes)), other, dtype, maker_of(model, name)

    sizes, other, dtype, maker = _run(name, ask, dtypes, len(shapes))
    fits = all(of.sizes for of in sizes.axes.values())
    report = None if fits else sizes.check()
    lines = sizes.lines(report)
    answer = sizes.to_dict()
    if wanted is not None:
        rows = {axis: _near(sizes.axes[axis], size) for axis, size in wanted.items()}
        answer["near"] = rows
        lines += [f"  {axis}: {_near_text(row)}" for axis, row in rows.items()]
        if sizes.independent is False and all(row["fits"] for row in rows.values()):
            lines += sizes.check(**wanted).lines()
    if report is not None:
        lines += lines_of_example(report)
        answer["example"] = report.to_dict()
        if other or meant != list(shapes):
            answer["fix"] = " ".join(f"--input {shape}" for shape in (other[0] if other else meant))
            why = f" ({'; '.join(other[1])})" if other else ", if each letter is a size"
            lines.append(f"  fix: {answer['fix']}{why}")
        elif fix := f"--dtype {dtype}" if dtype else maker or _fix_of(report):
            answer["fix"] = fix
            lines.append(f"  fix: {fix}")
    if as_json:
        print_json(answer)
    else:
        say("\n".join(map(wrapped, lines)), "green" if fits else "red")
    return 0 if fits else 1


def _fix_of(report: Report) -> str:
    """What to do about an error that is not about sizes; empty if that is not known."""
    from ..interop.loading import fix_of_error, line_to_correct

    says = report.failures[0].says if report.failures else ""
    return fix_of_error(says) or line_to_correct(says)


def check_object(name: str, shapes: Sequence[str], dtypes: Sequence[str] | None, as_json: AsJson) -> int:
    """Print whether the model called ``name`` runs on images of these ``shapes``. Return the exit status."""
    from ..interop.any_model import check_model

    if not shapes:
        raise _no_shape(name, "check", "--input 304x384x3, or 1x3x304x384 for PyTorch")
    numbers = [_numbers(name, text) for text in shapes]
    report: Report = _run(name, lambda model, **given: check_model(model, *numbers, **given), dtypes, len(shapes))
    if not report.ok and not report.fixes:
        fix = _fix_of(report) or "--input with the axes and channels that the model takes, in its order"
        report = replace(report, fixes=(fix,))
    if as_json:
        print_json(report.to_dict())
    elif report.ok:
        say(str(report))
    else:
        report.raise_if_failed()
    return 0 if report.ok else status_of(report.error)


def _run(name: str, ask: Callable[..., Any], dtypes: Sequence[str] | None, images: int) -> Any:
    """Load the model called ``name``, and ask. What its code prints goes to the errors: the output is the answer."""
    from ..interop.loading import importable, load_model

    of_images = _dtypes(dtypes or ("float32",), images)
    with redirect_stdout(sys.stderr), importable(), working(f"importing {name}") as progress:
        model = load_model(name)
        return ask(model, name=name, dtypes=of_images, progress=lambda said: progress(f"tracing {name}: {said}"))


def _dtypes(given: Sequence[str], images: int) -> list[str]:
    for dtype in given:
        if dtype not in _DTYPES:
            says = f"it must be one of {', '.join(_DTYPES)}"
            fix = f"--dtype {nearest_choice(dtype, _DTYPES)}"
            raise UsageError.of(f"--dtype {clipped(dtype) or repr(dtype)}", "dtype", "", says, fix)
    if len(given) not in (1, images):
        says = f"there are {len(given)} dtypes for {images} image{'s' * (images > 1)}; give one for all or for each"
        raise UsageError.of("--dtype", "dtype", "", says, f"--dtype {given[0]}")
    return list(given) * (images if len(given) == 1 else 1)


def _no_shape(name: str, command: str, example: str) -> UsageError:
    from ..interop.loading import require_place

    require_place(name)
    says = f"{command} needs the shape of an image for a model in your code, with all axes that the model takes"
    return UsageError.of(clipped(name), "input", "", says, f"wellshaped {command} {clipped(name)} {example}")


def _opened(shape: str) -> str:
    """Return the shape with letters for the axes that are probably spatial: not for a few channels or images.

    >>> _opened("3x304x384"), _opened("1x304x384x3"), _opened("64x32x32"), _opened("44100")
    ('3xHxW', '1xHxWx3', '64xHxW', 'L')
    """
    numbers = numbers_in(shape)
    large = [i for i, n in enumerate(numbers) if n > FEW_CHANNELS][-3:] or list(range(len(numbers)))[-3:]
    if len(large) == len(numbers) > 1:
        large = large[1:]
    letters = dict(zip(large, {1: "L", 2: "HW", 3: "DHW"}[len(large)], strict=True))
    return "x".join(letters.get(i, str(n)) for i, n in enumerate(numbers))


def _numbers(name: str, text: str) -> list[int]:
    numbers = numbers_in(text)
    if numbers and all(numbers):
        return numbers
    says = f"it is {clipped(text)!r}, and check needs a number ≥ 1 for each axis of the image"
    shown = f"wellshaped sizes {clipped(name)} --input {clipped(text)}"
    open_too = re.search(r"[A-Za-z]", re.sub(r"(?<=\d)[xX](?=\d)", "", text)) is not None
    fix = f"--input {_example(text)}, for example{f'; or {shown}' if open_too else ''}"
    raise UsageError.of("--input", "input", "", says, fix)


def _example(text: str) -> str:
    """Return a shape with numbers for the names in a text, in the order that was typed.

    >>> _example("HxWx3"), _example("Nx3xHxW"), _example("a picture!")
    ('304x384x3', '1x3x304x384', '3x304x384')
    """
    from ..interop.sizes.shapes import open_shape, open_sizes

    try:
        shape = open_shape(text)
    except UsageError:
        return "3x304x384"
    counts = {"n": 1, "b": 1, "batch": 1, "c": 3, "channels": 3}
    spatial = [name for name in open_sizes((shape,)) if name.lower() not in counts]
    usual = USUAL.get(len(spatial), (16,) * len(spatial))
    sizes: dict[int | str, int] = dict(zip(spatial, usual, strict=True))
    return "x".join(str(n) if isinstance(n, int) else str(sizes.get(n) or counts[n.lower()]) for n in shape)


def _wanted(text: str, axes: Sequence[str]) -> dict[str, int]:
    numbers = numbers_in(text)
    if len(numbers) < 2:
        inside = numbers_inside(text)
        meant = "x".join(map(str, inside)) if len(inside) in (1, len(axes)) else 64
        numbers = [natural_in(text, "--near", meant)] * len(axes)
    if len(numbers) != len(axes):
        says = f"it has {len(numbers)} numbers; give one for all axes, or {len(axes)}: {in_words(axes)}"
        example = "x".join(map(str, [*numbers, *numbers[-1:] * len(axes)][: len(axes)]))
        raise UsageError.of(f"--near {clipped(text)}", "size", "", says, f"--near {example}, for example")
    return dict(zip(axes, numbers, strict=True))


def _split(text: str) -> str:
    """Return a shape with the capitals of a name as names of their own: somebody may have left out an x.

    >>> _split("HWx3"), _split("1x3xHxW"), _split("widthx3")
    ('HxWx3', '1x3xHxW', 'widthx3')
    """
    return re.sub(r"(?<![A-Za-z_0-9])[A-Z]{2,4}(?=$|x\d|x[A-Z]|[\s,])", lambda name: "x".join(name[0]), text)


def _near(axis: Any, size: int) -> dict[str, Any]:
    """Return whether a size fits along an axis (``None`` if that is not known), and the nearest that do."""
    fits = None if size in axis.found.undecided else size in axis.sizes
    return {"size": size, "fits": fits, "below": axis.sizes.below(size), "above": axis.sizes.above(size)}


def _near_text(row: dict[str, Any]) -> str:
    size = written_number(row["size"])
    if row["fits"]:
        return f"{size} fits"
    around = [written_number(n) for n in dict.fromkeys((row["below"], row["above"])) if n is not None]
    lead = f"it is not known whether {size} fits" if row["fits"] is None else f"{size} does not fit"
    return f"{lead}; nearest: {' and '.join(around) or 'none'}"


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # for example, a name that is too long
        return False
