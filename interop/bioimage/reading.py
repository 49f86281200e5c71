"""Reading a description: YAML of generation 0.4 or 0.5, whose tensors bioimageio.spec checks.

Only the inputs and outputs are read, and of these only what says their sizes. So nothing is downloaded: no weights, no
test tensors, no other model that the description refers to. No code of the description runs.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import floor
from typing import Any

from ...spec.files.disk import fault_of, path_of, read_text
from ...spec.messages.report import FileError
from ...spec.messages.written import clipped, kind_of, written_number
from .description import BioimageDescription, InputAxis, InputTensor, OutputAxis, OutputTensor
from .library import the_spec

MAX_BYTES = 256 * 1024
"""The largest description, in bytes. Usual ones have about 5 KiB. The parser reads about 50 KiB a second."""

MAX_DEPTH = 200
"""The most brackets that may be open at once. The parser's time grows with the square of their number."""

MAX_VALUES = 50_000
"""The most values in the tensors. References of YAML (``*name``) count as often as they are used."""

MAX_SIZE = 10**9
"""The largest size, step, offset or halo."""

MAX_NUMBER = 10**6
"""The largest denominator of a scale. More exact scales are rounding of floats."""

_SUFFIXES = (".yaml", ".yml")
_EXAMPLE = "a bioimageio.yaml or rdf.yaml of a model, of format_version 0.4 or 0.5"


def read_bioimage(path: str | os.PathLike[str]) -> BioimageDescription:
    r"""Return what a description of the BioImage Model Zoo says about sizes: a ``bioimageio.yaml`` or ``rdf.yaml``.

    Formats 0.4 and 0.5 are read, through the package bioimageio.spec (the extra ``bioimage``). Nothing is downloaded,
    no weights are loaded, and no code of the description runs.

    Raises :class:`FileError` with the path and the place in the file, for a file that can't be read, is not YAML or not
    a model, has another format, or has tensors that bioimageio.spec rejects. Raises :class:`UsageError` if
    bioimageio.spec is not installed.

    >>> import tempfile
    >>> from pathlib import Path
    >>> from wellshaped.interop import bioimage_description, bioimage_yaml
    >>> path = Path(tempfile.mkdtemp()) / "rdf.yaml"
    >>> text = bioimage_yaml(bioimage_description("milesial"))
    >>> _ = path.write_text(f"type: model\nformat_version: 0.5.3\n{text}")
    >>> read_bioimage(path).outputs[0].axes[0].halo
    96
    """
    path = path_of(path, "description", _SUFFIXES)
    subject = f"description {path}"
    spec = the_spec()
    text = read_text(path, "description", subject, most=MAX_BYTES, suffixes=_SUFFIXES)
    if _open_brackets(text) > MAX_DEPTH:
        raise FileError.of(subject, "syntax", "it is not YAML", "it is nested too deeply", _EXAMPLE)
    try:
        content = spec.utils.read_yaml(text)
    except RecursionError as error:
        raise FileError.of(subject, "syntax", "it is not YAML", fault_of(error), _EXAMPLE) from None
    except Exception as error:  # the parser also raises ValueError, AttributeError and others for broken YAML
        raise FileError.of(subject, "syntax", "it is not YAML", clipped(str(error), 200), _EXAMPLE) from None
    return _Reader(subject, path.name, spec).description(content)


def _open_brackets(text: str) -> int:
    """The most brackets that are open at once, if all in the text count."""
    depth = most = 0
    for bracket in re.findall(r"[\[\]{}]", text):
        depth = depth + 1 if bracket in "[{" else max(depth - 1, 0)
        most = max(most, depth)
    return most


class _Reader:
    """Reads the content of one file. ``subject`` names it in messages."""

    def __init__(self, subject: str, name: str, spec: Any) -> None:
        self.subject, self.name, self.spec = subject, name, spec

    def wrong(self, rule: str, says: str, fix: str = _EXAMPLE) -> FileError:
        return FileError.of(self.subject, rule, "", says, fix)

    def description(self, content: object) -> BioimageDescription:
        if not isinstance(content, dict):
            raise self.wrong("object", f"it is {kind_of(content)}, and must be a mapping with keys")
        if content.get("type", "model") != "model":
            raise self.wrong("type", f"its type is {clipped(repr(content['type']))}, and must be model", "type: model")
        version = str(content.get("format_version", ""))
        generation = ".".join(version.split(".")[:2])
        if generation not in ("0.4", "0.5"):
            says = f"its format_version is {clipped(repr(version))}, and must be 0.4 or 0.5, with any third number"
            raise self.wrong("format_version", says, "format_version: 0.5.3")
        tensors = {key: self._entries(content, key) for key in ("inputs", "outputs")}
        kinds = self.spec.model.v0_4 if generation == "0.4" else self.spec.model.v0_5
        inputs = [self._checked(kinds.InputTensorDescr, *of) for of in _placed("inputs", tensors["inputs"])]
        outputs = [self._checked(kinds.OutputTensorDescr, *of) for of in _placed("outputs", tensors["outputs"])]
        read = self._of_0_4 if generation == "0.4" else self._of_0_5
        return read(inputs, outputs)

    def _entries(self, content: Mapping[Any, Any], key: str) -> list[dict[str, Any]]:
        entries = content.get(key)
        if not isinstance(entries, list) or not entries:
            given = f"is {kind_of(entries)}" if key in content else "is missing"
            raise self.wrong(key, f"{key} {given}, and must be a list with at least one tensor")
        try:
            count = _values_in(entries, MAX_VALUES)
        except RecursionError:
            raise self.wrong(key, f"{key} is nested too deeply") from None
        if count >= MAX_VALUES:
            raise self.wrong(key, f"{key} has more than {MAX_VALUES} values, counting each reference as often as used")
        for place, entry in _placed(key, entries):
            if not isinstance(entry, dict):
                raise self.wrong(key, f"{place} is {kind_of(entry)}, and must be a mapping with keys")
        return entries

    def _checked(self, kind: Any, place: str, entry: Mapping[str, Any]) -> Any:
        """The tensor as an object of bioimageio.spec, made of what says its sizes."""
        kept = {key: entry[key] for key in _KEPT if key in entry}
        if "data_type" in kind.model_fields:
            kept["data_type"] = "float32"
        try:
            context = self.spec.ValidationContext(perform_io_checks=False, log_warnings=False)
            with context:
                return kind.model_validate(kept)
        except RecursionError:
            raise self.wrong("tensor", f"{place} is nested too deeply") from None
        except ValueError as error:  # pydantic's error is a ValueError
            raise self.wrong("tensor", _first_fault(place, error), _AXES[kind.__module__[-4:]]) from None

    def _of_0_5(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> BioimageDescription:
        known = {(str(of.id), str(axis.id)): axis for of in inputs for axis in of.axes}
        read_inputs = [
            InputTensor(str(of.id), _channels_of(of), tuple(self._input_axis(of, axis, known) for axis in _spatial(of)))
            for of in inputs
        ]
        read_outputs = [
            OutputTensor(
                str(of.id), _channels_of(of), tuple(self._output_axis(of, axis, known) for axis in _spatial(of))
            )
            for of in outputs
        ]
        return BioimageDescription(self.name, tuple(read_inputs), tuple(read_outputs))

    def _input_axis(self, tensor: Any, axis: Any, known: Mapping[tuple[str, str], Any]) -> InputAxis:
        size, where = axis.size, f"axis {axis.id} of input {tensor.id}"
        if isinstance(size, int):
            return InputAxis(str(axis.id), *self._usable(where, size, 0))
        if hasattr(size, "min"):
            return InputAxis(str(axis.id), *self._usable(where, size.min, size.step))
        of = known[self._referred(tensor, axis, known)]
        ratio = _ratio(of.scale, axis.scale)
        least, step = (of.size, 0) if isinstance(of.size, int) else (of.size.min, of.size.step)
        if (ratio * step).denominator != 1:
            says = f"{where} has sizes that are rounded, and can't be compared"
            raise self.wrong("size", says, f"a scale of {axis.id} that divides the step {step}")
        first = floor(least * ratio + size.offset)
        return InputAxis(str(axis.id), *self._usable(where, first, int(ratio * step)))

    def _output_axis(self, tensor: Any, axis: Any, known: Mapping[tuple[str, str], Any]) -> OutputAxis:
        halo = getattr(axis, "halo", 0)
        if isinstance(axis.size, int):
            return self._output(str(axis.id), ("", ""), Fraction(0), Fraction(axis.size), halo)
        of = self._referred(tensor, axis, known)
        ratio = _ratio(known[of].scale, axis.scale)
        return self._output(str(axis.id), of, ratio, Fraction(axis.size.offset), halo)

    def _referred(self, tensor: Any, axis: Any, known: Mapping[tuple[str, str], Any]) -> tuple[str, str]:
        """The input axis with a size of its own that a size refers to."""
        of = (str(axis.size.tensor_id), str(axis.size.axis_id))
        found = known.get(of)
        if found is None or not (isinstance(found.size, int) or hasattr(found.size, "min")):
            says = f"axis {axis.id} of {tensor.id} refers to {'.'.join(of)}, which is no input axis with a size"
            choices = [".".join(key) for key, other in known.items() if hasattr(other.size, "min")]
            raise self.wrong("reference", says, f"tensor_id and axis_id of {', '.join(choices[:3]) or 'an input axis'}")
        return of

    def _of_0_4(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> BioimageDescription:
        axes_of: dict[str, str] = {}
        read_inputs = []
        for of in inputs:
            least, steps = (of.shape, [0] * len(of.axes)) if _is_fixed(of.shape) else (of.shape.min, of.shape.step)
            self._require_length(of, least)
            numbers = zip(of.axes, least, steps, strict=True)
            axes = [InputAxis(letter, *self._usable(f"input {of.name}", *pair)) for letter, *pair in numbers]
            axes_of[str(of.name)] = of.axes
            read_inputs.append(InputTensor(str(of.name), _of_channel(of.axes, least), _letters(axes)))
        read_outputs = [self._output_of_0_4(of, axes_of) for of in outputs]
        return BioimageDescription(self.name, tuple(read_inputs), tuple(read_outputs), generation="0.4")

    def _output_of_0_4(self, of: Any, axes_of: Mapping[str, str]) -> OutputTensor:
        halos = of.halo or [0] * len(of.axes)
        if _is_fixed(of.shape):
            self._require_length(of, of.shape)
            scales, offsets, reference = [0] * len(of.axes), [Fraction(n) for n in of.shape], ""
        else:
            self._require_length(of, of.shape.scale)
            reference = str(of.shape.reference_tensor)
            scales, offsets = of.shape.scale, [2 * _fraction(n) for n in of.shape.offset]
            if reference not in axes_of:
                says = f"output {of.name} refers to {reference}, which is no input"
                raise self.wrong("reference", says, f"reference_tensor: {next(iter(axes_of))}")
        self._require_length(of, halos)
        axes = []
        for letter, scale, offset, halo in zip(of.axes, scales, offsets, halos, strict=True):
            axis = (reference, letter) if reference and scale else ("", "")
            if reference and scale and letter not in axes_of[reference]:
                says = f"axis {letter} of output {of.name} refers to {reference}, which has no such axis"
                raise self.wrong("reference", says, f"scale: null, and the size as twice the offset, for {letter}")
            axes.append(self._output(letter, axis, _fraction(scale or 0), offset, halo))
        channels = next((int(axis.offset) for axis in axes if axis.axis == "c" and not axis.scale), None)
        return OutputTensor(str(of.name), channels, _letters(axes))

    def _require_length(self, of: Any, numbers: Sequence[object]) -> None:
        if len(numbers) != len(of.axes):
            says = f"{of.name} has {len(numbers)} numbers for the {len(of.axes)} axes {of.axes}"
            raise self.wrong("shape", says, _AXES["v0_4"])

    def _output(self, axis: str, of: tuple[str, str], scale: Fraction, offset: Fraction, halo: int) -> OutputAxis:
        """An output axis, if its numbers are usable."""
        if not (0 <= halo <= MAX_SIZE and abs(offset) <= MAX_SIZE and 0 <= scale <= MAX_SIZE):
            says = f"an output's axis {axis} has halo {written_number(halo)}, scale {float(scale)} and offset "
            says += (
                f"{written_number(int(offset))}, and needs a halo and a scale from 0, and all of them up to {MAX_SIZE}"
            )
            raise self.wrong("halo", says, "halo 32")
        return OutputAxis(axis, of, scale, offset, halo)

    def _usable(self, of: str, least: int, step: int) -> tuple[int, int]:
        """The first size and the step, if they are usable."""
        if not (1 <= least <= MAX_SIZE and 0 <= step <= MAX_SIZE):
            says = f"{of} has min {written_number(least)} and step {written_number(step)}"
            says += f", and needs a min from 1 and a step from 0, both up to {MAX_SIZE}"
            raise self.wrong("size", says, "min 64, step 16")
        return least, step


_KEPT = ("id", "name", "axes", "shape", "halo")
"""What says the sizes of a tensor."""

_AXES = {
    "v0_5": "axes: [{type: batch}, {type: channel, channel_names: [gray]}, "
    "{type: space, id: x, size: {min: 64, step: 16}}]",
    "v0_4": "axes: bcyx, shape: {min: [1, 1, 64, 64], step: [0, 0, 16, 16]}",
}


def _placed(key: str, entries: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    for i, entry in enumerate(entries):
        yield f"{key}[{i}]", entry


def _values_in(value: object, most: int) -> int:
    """The number of values inside, at most ``most``. What is used twice counts twice."""
    if not isinstance(value, dict | list):
        return 1
    count = 1
    for of in value.values() if isinstance(value, dict) else value:
        count += _values_in(of, most - count)
        if count >= most:
            return most
    return count


def _first_fault(place: str, error: ValueError) -> str:
    """The place and the text of the first fault that pydantic found."""
    faults = error.errors(include_url=False) if hasattr(error, "errors") else []
    if not faults:
        return f"{place}: {clipped(str(error), 160)}"
    at = "".join(f"[{of}]" if isinstance(of, int) else f" > {of}" for of in faults[0]["loc"])
    return f"{clipped(place + at)}: {clipped(faults[0]['msg'], 160)}"


def _spatial(tensor: Any) -> Iterator[Any]:
    """The axes of space and time of a tensor of generation 0.5."""
    return (axis for axis in tensor.axes if axis.type in ("space", "time"))


def _channels_of(tensor: Any) -> int | None:
    return next((axis.size for axis in tensor.axes if axis.type == "channel"), None)


def _ratio(of_input: float, of_output: float) -> Fraction:
    of = _fraction(of_output)
    return (_fraction(of_input) / of).limit_denominator(MAX_NUMBER) if of else Fraction(MAX_NUMBER)


def _fraction(number: float) -> Fraction:
    return Fraction(number if abs(number) <= MAX_SIZE else MAX_SIZE).limit_denominator(MAX_NUMBER)


def _is_fixed(shape: object) -> bool:
    return isinstance(shape, list | tuple)


def _of_channel(axes: str, sizes: Sequence[int]) -> int | None:
    return sizes[axes.index("c")] if "c" in axes else None


def _letters(axes: Sequence[Any]) -> tuple[Any, ...]:
    """The axes of space and time of a tensor of generation 0.4."""
    return tuple(axis for axis in axes if axis.axis in "tzyx")
