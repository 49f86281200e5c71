"""Writing a description: the tensors as objects of bioimageio.spec, which checks them, and their YAML."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from io import StringIO
from math import lcm
from typing import Any

from ...spec.messages.report import UsageError
from ...spec.messages.written import clipped
from .description import BioimageDescription, InputTensor, OutputAxis, OutputTensor
from .library import the_spec


def bioimage_yaml(description: BioimageDescription) -> str:
    """Return the inputs and outputs of a description as YAML of format 0.5, to paste into a ``bioimageio.yaml``.

    The YAML is made through the classes of bioimageio.spec (the extra ``bioimage``), so it is valid there. Channels get
    the names ``channel0``, ``channel1``, ….

    Raises :class:`UsageError` if bioimageio.spec is not installed, or its classes reject the numbers.

    >>> from wellshaped.interop import bioimage_description
    >>> text = bioimage_yaml(bioimage_description("milesial"))
    >>> print(text.partition("- halo")[2].partition("- halo")[0].replace("        ", "  "))
    : 96
      size:
        tensor_id: x
        axis_id: y
      id: y
      type: space
    <BLANKLINE>
    """
    spec = the_spec()
    scales = _input_scales(description.outputs)
    v0_5 = spec.model.v0_5
    try:
        inputs = [_input(v0_5, tensor, description, scales) for tensor in description.inputs]
        outputs = [_output(v0_5, tensor, scales) for tensor in description.outputs]
    except ValueError as error:  # pydantic's errors are ValueErrors
        says = f"bioimageio.spec rejects it: {clipped(str(error), 200)}"
        raise UsageError.of(f"the description of {description.of}", "bioimageio", "", says, "other names") from None
    text = StringIO()
    data = [tensor.model_dump(mode="json", exclude_unset=True) for tensor in (*inputs, *outputs)]
    spec.save_bioimageio_yaml_only({"inputs": data[: len(inputs)], "outputs": data[len(inputs) :]}, text)
    return text.getvalue().removeprefix("%YAML 1.2\n---\n")


def _input_scales(outputs: Sequence[OutputTensor]) -> Mapping[str, int]:
    """The scale of each axis of the inputs: 1, or one for which the scales of all outputs are exact as floats."""
    along: dict[str, list[Fraction]] = {}
    for tensor in outputs:
        for axis in tensor.axes:
            along.setdefault(axis.axis, []).append(axis.scale)
    return {axis: _input_scale([of for of in scales if of]) for axis, scales in along.items()}


def _input_scale(scales: Sequence[Fraction]) -> int:
    """The smallest such scale along one axis.

    >>> _input_scale([Fraction(1, 2), Fraction(2)]), _input_scale([Fraction(3), Fraction(2, 3)])
    (1, 6)
    """
    if all(Fraction(float(1 / scale)) == 1 / scale for scale in scales):
        return 1
    return lcm(*(scale.numerator for scale in scales))


def _input(v0_5: Any, tensor: InputTensor, description: BioimageDescription, scales: Mapping[str, int]) -> Any:
    image = next(of for of in description.inputs if of.axes or not tensor.axes)
    axes = [v0_5.BatchAxis(), _channels(v0_5, tensor)]
    for axis in tensor.axes:
        if tensor.name != image.name:  # all images have one size
            size = v0_5.SizeReference(tensor_id=image.name, axis_id=axis.axis)
        else:
            size = v0_5.ParameterizedSize(min=axis.min, step=axis.step) if axis.step else axis.min
        axes.append(_made(v0_5.SpaceInputAxis, axis.axis, size, scales.get(axis.axis, 1)))
    return v0_5.InputTensorDescr(id=tensor.name, axes=axes)


def _output(v0_5: Any, tensor: OutputTensor, scales: Mapping[str, int]) -> Any:
    axes = [v0_5.BatchAxis(), _channels(v0_5, tensor)]
    for axis in tensor.axes:
        axes.append(_output_axis(v0_5, axis, scales[axis.axis]))
    return v0_5.OutputTensorDescr(id=tensor.name, axes=axes)


def _output_axis(v0_5: Any, axis: OutputAxis, of_input: int) -> Any:
    if not axis.scale:
        return v0_5.SpaceOutputAxis(id=axis.axis, size=int(axis.offset))
    tensor, of = axis.of
    scale = float(of_input / axis.scale)
    offset = {"offset": int(axis.offset)} if axis.offset else {}
    size = v0_5.SizeReference(tensor_id=tensor, axis_id=of, **offset)
    if axis.halo:
        return _made(v0_5.SpaceOutputAxisWithHalo, axis.axis, size, scale, halo=axis.halo)
    return _made(v0_5.SpaceOutputAxis, axis.axis, size, scale)


def _made(kind: Any, axis: str, size: Any, scale: float, **more: int) -> Any:
    """The axis as an object. A scale of 1 is left out, because it is the default."""
    return kind(id=axis, size=size, **({} if scale == 1 else {"scale": float(scale)}), **more)


def _channels(v0_5: Any, tensor: InputTensor | OutputTensor) -> Any:
    return v0_5.ChannelAxis(channel_names=[f"channel{i}" for i in range(tensor.channels or 1)])
