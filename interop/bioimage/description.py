"""What a description of the BioImage Model Zoo says about sizes, as plain values.

The two generations of the format write the same numbers differently. Here they have one meaning:

- An input axis has the sizes ``min``, ``min + step``, ``min + 2·step``, …; a fixed size is a ``min`` with the step 0.
- An output axis has the size ``floor(n · scale + offset)`` for an input of size ``n``. Generation 0.5 writes ``scale``
  as the input's scale over the output's. Generation 0.4 writes half of ``offset``.
- ``halo`` is how many positions of the output a tool crops from each side of a tile's result.

Source: github.com/bioimage-io/spec-bioimage-io, ``ParameterizedSize``, ``SizeReference`` and ``WithHalo`` of 0.5,
``ParameterizedInputShape`` and ``ImplicitOutputShape`` of 0.4.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from math import floor

from ...spec.messages import report
from ...spec.messages.written import Written, in_words, written_number


@dataclass(frozen=True, slots=True, repr=False)
class InputAxis(Written):
    """An axis of an input: its sizes are ``min + k·step`` for k = 0, 1, 2, …. With the step 0 the size is fixed.

    >>> from wellshaped.interop import InputAxis
    >>> print(InputAxis("y", 208, 16), "and", InputAxis("x", 256))
    min 208, step 16 and size 256
    >>> InputAxis("y", 208, 16).has(240)
    True
    """

    axis: str
    min: int
    step: int = 0

    def sizes(self) -> Iterator[int]:
        """Yield the sizes, the smallest first. There is no last one, unless the size is fixed."""
        yield from count(self.min, self.step) if self.step else (self.min,)

    def has(self, n: int) -> bool:
        """Whether ``n`` is one of the sizes."""
        return n == self.min or bool(self.step and n > self.min and (n - self.min) % self.step == 0)

    def __str__(self) -> str:
        if not self.step:
            return f"size {written_number(self.min)}"
        return f"min {written_number(self.min)}, step {written_number(self.step)}"


@dataclass(frozen=True, slots=True, repr=False)
class OutputAxis(Written):
    """An axis of an output: its size is ``floor(n · scale + offset)`` for an input of size ``n``.

    ``of`` names the input and its axis. A tool crops ``halo`` positions from each side of a tile's result. An output of
    a fixed size has the scale 0, and its size as ``offset``.

    >>> from fractions import Fraction
    >>> from wellshaped.interop import OutputAxis
    >>> axis = OutputAxis("y", ("x", "y"), scale=Fraction(1, 2), offset=Fraction(0), halo=48)
    >>> axis.size(513), str(axis)
    (256, 'scale 1/2, offset 0, halo 48')
    """

    axis: str
    of: tuple[str, str]
    scale: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)
    halo: int = 0

    def size(self, n: int) -> int:
        """The output's size for an input of size ``n``."""
        return floor(n * self.scale + self.offset)

    def __str__(self) -> str:
        if not self.scale:
            return f"size {self.offset}" + (f", halo {self.halo}" if self.halo else "")
        return f"scale {self.scale}, offset {self.offset}, halo {self.halo}"


@dataclass(frozen=True, slots=True, repr=False)
class InputTensor(Written):
    """An input: its name, its channels (``None`` if the description does not say them), and its axes with sizes.

    >>> from wellshaped.interop import InputAxis
    >>> InputTensor("raw", 1, (InputAxis("y", 208, 16), InputAxis("x", 208, 16))).axes[1].min
    208
    """

    name: str
    channels: int | None
    axes: tuple[InputAxis, ...]


@dataclass(frozen=True, slots=True, repr=False)
class OutputTensor(Written):
    """An output: its name, its channels (``None`` if the description does not say them), and its axes with sizes.

    >>> from wellshaped.interop import OutputAxis
    >>> OutputTensor("mask", 2, (OutputAxis("x", ("raw", "x"), halo=96),)).axes[0].size(512)
    512
    """

    name: str
    channels: int | None
    axes: tuple[OutputAxis, ...]


@dataclass(frozen=True, slots=True, repr=False)
class BioimageDescription(Written):
    """What a description in the BioImage Model Zoo says about the sizes of a network. ``print`` it to see all.

    - ``of``: the network, or the file.
    - ``inputs``, ``outputs``: the tensors. Only axes of space and time are listed.
    - ``not_expressed``: sentences about what the network needs and no description can say.
    - ``generation``: ``"0.5"`` or ``"0.4"``, the format that was read.

    >>> from wellshaped.interop import bioimage_description
    >>> print(bioimage_description("tiny"))
    tiny in the BioImage Model Zoo:
      input x, axes y and x: min 28, step 4
      output decoder_0, axes y and x: scale 1, offset 0, halo 12
      not expressed: y and x: the sizes that fit are n ≡ 0 (mod 4), n ≥ 4, and the description has 28,
          32, 36, …
      not expressed: y and x: tiles must begin at multiples of 4. They do if tiles begin (size - 2 ×
          halo) positions apart, and the first one 12 positions before the image
    """

    of: str
    inputs: tuple[InputTensor, ...]
    outputs: tuple[OutputTensor, ...]
    not_expressed: tuple[str, ...] = ()
    generation: str = "0.5"

    def lines(self) -> list[str]:
        """The lines of the text, before long ones are wrapped."""
        lines = [f"{self.of} in the BioImage Model Zoo:"]
        for tensors, kind in ((self.inputs, "input"), (self.outputs, "output")):
            for tensor in tensors:
                lines += [f"  {kind} {tensor.name}, {says}" for says in _alike(tensor.axes)]
        return [*lines, *(f"  not expressed: {said}" for said in self.not_expressed)]

    def to_dict(self) -> dict[str, object]:
        """Return the description as plain data for JSON. Fractions are texts, such as ``"1/2"``."""
        inputs = [
            {"name": tensor.name, "channels": tensor.channels, "axes": [_input_data(axis) for axis in tensor.axes]}
            for tensor in self.inputs
        ]
        outputs = [
            {"name": tensor.name, "channels": tensor.channels, "axes": [_output_data(axis) for axis in tensor.axes]}
            for tensor in self.outputs
        ]
        return {"of": self.of, "inputs": inputs, "outputs": outputs, "not_expressed": list(self.not_expressed)}

    def __str__(self) -> str:
        return "\n".join(map(report.wrapped, self.lines()))


def _alike(axes: Sequence[InputAxis] | Sequence[OutputAxis]) -> Iterator[str]:
    """Yield a text for each group of axes that have the same numbers."""
    groups: dict[str, list[str]] = {}
    for axis in axes:
        groups.setdefault(str(axis), []).append(axis.axis)
    for says, names in groups.items():
        yield f"{axes_in_words(names)}: {says}"


def axes_in_words(names: Sequence[str]) -> str:
    """Return the names of axes after the word for them.

    >>> axes_in_words(["y"]), axes_in_words(["y", "x"])
    ('axis y', 'axes y and x')
    """
    return f"ax{'e' if len(names) > 1 else 'i'}s {in_words(names)}"


def _input_data(axis: InputAxis) -> dict[str, object]:
    return {"axis": axis.axis, "min": axis.min, "step": axis.step}


def _output_data(axis: OutputAxis) -> dict[str, object]:
    of = {"axis": axis.axis, "of": list(axis.of)}
    return {**of, "scale": str(axis.scale), "offset": str(axis.offset), "halo": axis.halo}
