"""``load_program``: a file of programs, checked in full before anything in it is used (SPEC section 11)."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...spec.answers.compatibility import compatible_shapes
from ...spec.arithmetic.progression import Progression
from ...spec.arithmetic.size_set import SizeSet
from ...spec.files.disk import path_of
from ...spec.files.models import ModelDescription, read_model
from ...spec.files.networks import data_with_kind
from ...spec.files.tensors import FLOATS
from ...spec.messages.report import FileError, ShapeError, UsageError, WellshapedError
from ...spec.messages.written import clipped, in_words, kind_of, written_value
from ...spec.network.network import Network
from ...spec.network.running import AxisSizes, require_sizes
from ..weights.arrays import variables_of
from ..weights.model_files import load
from .archive import SUFFIX, read_archive
from .boxes import Box, contains, served_by
from .exporting import LOADER, MODEL, statement_members
from .index import NAME, Input, ProgramIndex, digest_of, read_index, wrong
from .loader import function, nearest
from .tracing import shapes_of


class LoadedProgram:
    """The programs of a file as one function: ``(C, *sizes)``, or a batch of it, for each input.

    ``index`` says which sizes it serves. The result is that of the exported model: an array, or a tuple if the network
    has several outputs. A call raises :class:`ShapeError` for an image that does not fit, with the nearest sizes that
    do. Each combination of a program, sizes and number of images is compiled once.

    >>> from pathlib import Path
    >>> import tempfile; path = Path(tempfile.mkdtemp()) / "model.zip"
    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> from wellshaped.interop import export, load_program
    >>> from wellshaped.models import UNet2
    >>> from wellshaped.spec import UNet2Config
    >>> index = export(UNet2(UNet2Config(base_channels=4), 1, 2, rngs=nnx.Rngs(0)), path)
    >>> program = load_program(path)
    >>> program(jnp.ones((1, 20, 30))).shape, program(jnp.ones((8, 1, 4, 6))).shape
    ((2, 20, 30), (8, 2, 4, 6))
    >>> program.serves((20, 31)), program.nearest((20, 31))
    (False, ((20, 30), (20, 32)))
    """

    def __init__(
        self, path: Path, index: ProgramIndex, graph: Network, arrays: dict[str, Any], stored: Sequence[bytes]
    ) -> None:
        self.index = index
        self._path, self._graph = path, graph
        self._run = function(index.to_dict(), arrays, [bytearray(raw) for raw in stored])

    def __call__(self, *inputs: Any) -> Any:
        """The outputs for these inputs."""
        _require_platform(self.index, f"program {self._path}")
        self._require_inputs(inputs)
        return self._run(*inputs)

    def serves(self, sizes: AxisSizes) -> bool:
        """Whether a program takes images of these sizes, one for each axis."""
        sizes = require_sizes(self._graph, sizes)
        return any(contains(program.box, sizes) for program in self.index.programs)

    def nearest(self, sizes: AxisSizes) -> tuple[tuple[int, ...], ...]:
        """The nearest sizes that are served: at most one that is nowhere larger, and one that is nowhere smaller."""
        sizes = require_sizes(self._graph, sizes)
        served = [program["sizes"] for program in self.index.to_dict()["programs"]]
        shapes = sorted(
            {shape for of_it in served for shape in nearest(sizes, of_it)}, key=lambda s: _distance(s, sizes)
        )
        smaller = [s for s in shapes if all(n <= m for n, m in zip(s, sizes, strict=True))]
        larger = [s for s in shapes if all(n >= m for n, m in zip(s, sizes, strict=True))]
        return tuple(dict.fromkeys((*smaller[:1], *larger[:1]))) or tuple(shapes[:1])

    def _require_inputs(self, inputs: Sequence[Any]) -> None:
        """Raise :class:`UsageError` unless these are arrays, one for each input, and :class:`ShapeError` unless they
        have the right ranks and channels, and sizes that are served.
        """
        index, axes = self.index, len(self.index.axes)
        if len(inputs) != len(index.inputs):
            names = ", ".join(of_it.name for of_it in index.inputs)
            says = f"it got {len(inputs)}, and takes {len(index.inputs)}: {names}"
            raise UsageError.of(f"a call of program {self._path}", "inputs", "", says, f"program({names})")
        for of_it, given in zip(index.inputs, inputs, strict=True):
            _require_array(of_it, given, index.dtype)
        pairs = [(of_it, tuple(given.shape)) for of_it, given in zip(index.inputs, inputs, strict=True)]
        image = next(shape for of_it, shape in pairs if not of_it.single)
        batch, sizes = image[: max(len(image) - axes - 1, 0)], image[-axes:]
        for of_it, shape in pairs:
            expected = (*batch, of_it.channels, *(() if of_it.single else sizes))
            if shape != expected or len(batch) > 1 or 0 in batch:
                raise _other_shape(of_it, shape, index)
        if not self.serves(sizes):
            near = " or ".join(map(str, self.nearest(sizes)))
            fit = "; ".join(f"{name}: {text}" for name, text in zip(index.axes, index.served, strict=True))
            raise ShapeError.of(
                f"input {image} of program {self._path}",
                "sizes",
                "",
                f"sizes that it serves are {fit}",
                f"sizes {near}",
            )


def _require_array(of_it: Input, given: Any, dtype: str) -> None:
    """Raise :class:`UsageError` unless what is ``given`` for an input is an array of real numbers."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    if not isinstance(given, np.ndarray | jax.Array):
        says = f"it is {kind_of(given)}, and must be an array of NumPy or JAX"
    elif not any(jnp.issubdtype(given.dtype, kind) for kind in (jnp.floating, jnp.integer, jnp.bool_)):
        says = f"it is an array of {given.dtype}, and must be one of real numbers"
    else:
        return
    raise UsageError.of(f"input {of_it.name}", "array", "", says, f"numpy.asarray(x, jax.numpy.{dtype})")


def _distance(sizes: Sequence[int], others: Sequence[int]) -> int:
    return sum(abs(n - m) for n, m in zip(sizes, others, strict=True))


def _other_shape(of_it: Input, shape: tuple[int, ...], index: ProgramIndex) -> ShapeError:
    sizes = "" if of_it.single else "".join(f", {name}" for name in index.axes)
    one = f"({of_it.channels}{sizes}{'' if sizes else ','})"
    says = f"{of_it.name} has the shape {clipped(str(shape))}, and must have {one}, or a batch of it"
    says += ", like the other inputs" if len(index.inputs) > 1 else ""
    return ShapeError.of(f"input {of_it.name}", "shape", "", says, f"the shape {one}")


def load_program(path: str | os.PathLike[str]) -> LoadedProgram:
    """Return the programs in a file that :func:`export` wrote, as one function.

    The file is checked before anything in it is used: its bytes, the index, the digest of each member, the arrays
    against the network, and the shapes of each program against its classes. The checks find damage. They can't know who
    wrote the file, and a program is code: run only files that you trust.

    Raises :class:`FileError` if the file is missing, damaged, or was written by something else, and for arrays of
    float64 if JAX does not have them enabled; :class:`UsageError` if the programs run on other platforms than this.

    >>> load_program("no_such_model.zip")
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.FileError: program file no_such_model.zip can't be read.
      file: there is no such file.
      fix: the path of an existing .zip file
    """
    path = path_of(path, "program file", (SUFFIX,))
    subject = f"program file {path}"
    members = read_archive(path, subject)
    if NAME not in members:
        raise wrong(subject, f"there is no {NAME}")
    index = read_index(members.pop(NAME), subject)
    _require_members(index, members, subject)
    description, arrays = _model(members[MODEL], subject)
    statements = statement_members(description)
    if statements.items() - members.items():
        raise wrong(subject, f"{clipped(min(statements))} is not what the model states")
    _require_description(index, description, subject)
    stored = [members[program.file] for program in index.programs]
    _require_programs(index, arrays, description, stored, subject)
    _require_platform(index, subject)
    return LoadedProgram(path, index, description.graph, arrays, stored)


def _require_members(index: ProgramIndex, members: dict[str, bytes], subject: str) -> None:
    if list(index.digests) != list(members):
        raise wrong(subject, "it lists other members than the archive has")
    known = [LOADER, MODEL, *(f"sizes_{axis}.smt2" for axis in index.axes), *(of_it.file for of_it in index.programs)]
    if [name for name in known if name in members or not name.endswith(".smt2")] != list(members):
        raise wrong(subject, f"its members must be {clipped(', '.join(known), 200)}")
    for name, raw in members.items():
        if digest_of(raw) != index.digests[name]:
            raise wrong(subject, f"{clipped(name)} has another digest")


def _model(raw: bytes, subject: str) -> tuple[ModelDescription, dict[str, Any]]:
    """What the model's file says, and its arrays by name."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / MODEL
        path.write_bytes(raw)
        try:
            description, _ = read_model(path)
            model = load(path)
        except WellshapedError as error:
            raise FileError(replace(error.report, subject=subject)) from None
    return description, {name: variable.get_value() for name, variable in variables_of(model).items()}


def _require_description(index: ProgramIndex, description: ModelDescription, subject: str) -> None:
    """Raise :class:`FileError` unless the index says of the network what the network says."""
    graph = description.graph
    shapes = compatible_shapes(graph)
    expected = {
        "version": description.version,
        "network": data_with_kind(description.network),
        "in_channels": description.in_channels,
        "out_channels": description.out_channels,
        "axes": graph.axis_names,
        "inputs": tuple(Input(of_it.name, of_it.channels, of_it.single) for of_it in graph.inputs),
        "outputs": graph.outputs,
        "dtype": description.dtype or description.param_dtype,
        "dtypes": {short: name for name, short in FLOATS.items()},
        "compatible": tuple(map(str, shapes.axes)),
        "served": served_by([program.box for program in index.programs]),
    }
    for name, value in expected.items():
        if getattr(index, name) != value:
            raise wrong(subject, f"{name} is {clipped(written_value(getattr(index, name)))}, and the model has another")
    for axis, fit in enumerate(shapes.axes):
        for program in index.programs:
            of_it = program.box[axis]
            if of_it.first not in fit or not _within(of_it, fit):
                raise wrong(subject, f"{program.file} has sizes that do not fit")


def _within(of_it: Progression, fit: Any) -> bool:
    one = SizeSet([of_it])
    return bool(one & fit == one)


def _require_programs(
    index: ProgramIndex, arrays: dict[str, Any], description: ModelDescription, stored: Sequence[bytes], subject: str
) -> None:
    """Raise :class:`FileError` unless each program takes the arrays, and exactly the sizes of its classes."""
    import jax
    from jax import export

    for program, raw in zip(index.programs, stored, strict=True):
        try:
            exported = export.deserialize(bytearray(raw))
            given = [(str(of_it.shape), of_it.dtype.name) for of_it in exported.in_avals]
            taken = jax.tree.unflatten(exported.in_tree, given)
        except Exception as error:  # of the reader of flatbuffers, which checks nothing
            says = f"{program.file} is no program: {clipped(str(error), 100)}"
            raise wrong(subject, says) from None
        if taken != _taken(index, arrays, description, program.box):
            raise wrong(subject, f"{program.file} takes other arrays or sizes than it should")
        if tuple(exported.platforms) != index.platforms:
            raise wrong(subject, f"{program.file} is for {in_words(exported.platforms)}")


def _taken(index: ProgramIndex, arrays: dict[str, Any], description: ModelDescription, box: Box) -> Any:
    """The shapes and dtypes that the program of a combination takes: the arrays by name, and the inputs."""
    inputs = ((str(shape), index.dtype) for shape in shapes_of(description.graph, box))
    return ({name: (str(of_it.shape), of_it.dtype.name) for name, of_it in arrays.items()}, *inputs), {}


def _require_platform(index: ProgramIndex, subject: str) -> None:
    import jax

    here = jax.default_backend()
    names = {"cuda": "gpu", "rocm": "gpu"}
    if here not in {names.get(platform, platform) for platform in index.platforms}:
        says = f"its programs run on {in_words(index.platforms)}, and JAX uses {here} here"
        fix = f'jax.config.update("jax_platforms", "{index.platforms[0]}"), or export it for this platform'
        raise UsageError.of(subject, "platforms", "", says, fix)
