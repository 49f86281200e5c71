"""``export``: a model as one file of programs that serve exactly the compatible sizes (SPEC section 11)."""

import os
from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ...spec.answers.compatibility import compatible_shapes
from ...spec.arithmetic.size_set import SizeSet
from ...spec.files.disk import OutputError, path_of, wrong_suffix
from ...spec.files.models import ModelDescription
from ...spec.files.networks import data_with_kind
from ...spec.files.tensors import FLOATS
from ...spec.messages.choices import near_name
from ...spec.messages.installing import pip_install
from ...spec.messages.report import UsageError, WellshapedError
from ...spec.messages.written import clipped, in_words, kind_of, written_value
from ..weights.arrays import variables_of
from ..weights.description import described
from ..weights.model_files import save_as
from .archive import SUFFIX, write_archive
from .boxes import programs_of, served_by, text_of
from .classes import Classes, chosen_sizes, classes_of
from .index import LETTERS, NAME, PLATFORMS, Input, Program, ProgramIndex, digest_of
from .tracing import function_of, traced

if TYPE_CHECKING:
    from flax import nnx

MODEL = "model.safetensors"
"""The member with the arrays and the network: the file that :func:`wellshaped.interop.save` writes."""

LOADER = "load.py"
"""The member that runs the programs without this library."""


def export(
    model: "nnx.Module",
    path: str | os.PathLike[str],
    *,
    platforms: str | Iterable[str] = ("cpu",),
    classes: Classes | None = None,
    progress: Callable[[str], None] | None = None,
) -> ProgramIndex:
    """Write a model to a ``.zip`` file of compiled programs, which need JAX to run, and not this library.

    ``model`` is a :class:`UNet`, a :class:`UNet2` or a :class:`TypedNetwork`, in evaluation mode. The programs take
    exactly the compatible sizes: one program for each combination of remainders of the sizes, such as
    ``16*h × 32*w + 31``, and batches of any number. The weights are stored once, and not for each program. The file
    also has the network, what a certificate of the sizes states, and ``load.py``, which runs the programs. Equal models
    give the same bytes.

    - ``platforms``: one or several of ``"cpu"``, ``"cuda"``, ``"rocm"``, ``"tpu"``; also as one text, with commas.
    - ``classes``: serve only these of the compatible sizes: ``"32*h, 32*h + 31, 188"``, for ``h ≥ 0``. For some
      axes alone, use ``{"depth": "16*h"}``. A file has at most 64 programs.
    - ``progress``: a function that is called with the text of each combination before it is traced.

    Returns the index of the file. Raises :class:`UsageError` for another model, one in training mode, another argument
    that can't be used, more than 64 programs, and if the package ``flatbuffers`` is missing; :class:`FileError` for
    another suffix or a file that can't be written; :class:`WellshapedError` for a network that no size fits, or that is
    too hard to solve.

    >>> from pathlib import Path
    >>> import tempfile; path = Path(tempfile.mkdtemp()) / "model.zip"
    >>> from flax import nnx
    >>> from wellshaped.models import UNet
    >>> from wellshaped.spec import UNetConfig
    >>> index = export(UNet(UNetConfig(levels=2, base_channels=4), 3, 2, rngs=nnx.Rngs(0)), path)
    >>> index.served, len(index.programs)
    (('n ≡ 0 (mod 4), n ≥ 4', 'n ≡ 0 (mod 4), n ≥ 4'), 1)
    """
    path = path_of(path, "program file", (SUFFIX,), OutputError)
    if path.suffix != SUFFIX:
        raise wrong_suffix(f"program file {path}", path, (SUFFIX,))
    chosen = _platforms(platforms)
    if progress is not None and not callable(progress):
        says = f"it is {kind_of(progress)}, and must be a function of a text"
        raise UsageError.of("progress", "progress", "", says, "progress=print")
    description = described(model, "jax.export.export(jax.jit(…)), for a module of your own")
    _require_evaluation(model)
    _require_flatbuffers()
    members = _members(model, description, chosen, classes, progress or (lambda said: None))
    index: ProgramIndex = members.pop(NAME)
    write_archive(path, {NAME: index.text().encode(), **members})
    return index


def _members(
    model: Any,
    description: ModelDescription,
    platforms: tuple[str, ...],
    classes: Classes | None,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    """The members of the archive, and the index that describes them."""
    import jax

    graph = description.graph
    shapes = compatible_shapes(graph)
    letters, dtype = LETTERS[graph.axes], description.dtype or description.param_dtype
    sizes = chosen_sizes(shapes, classes)
    _require_sizes(sizes, shapes.names)
    function = function_of(model)
    values = ((name, variable.get_value()) for name, variable in variables_of(model).items())
    arrays = {name: jax.ShapeDtypeStruct(value.shape, value.dtype) for name, value in values}

    def made(box: Any) -> Any:
        progress(f"{text_of(box, letters)}")
        return traced(function, arrays, shapes, box, dtype, platforms)

    loader = Path(__file__).with_name("loader.py").read_bytes()
    members: dict[str, Any] = {LOADER: loader, MODEL: _model_file(description, model)}
    members |= statement_members(description)
    programs = []
    for number, (box, exported) in enumerate(programs_of([classes_of(fit) for fit in sizes], made)):
        programs.append(Program(f"programs/{number:02}.jax", box))
        members[programs[-1].file] = bytes(exported.serialize())
    if not programs:
        says = f"no combination of these sizes fits: {shapes}"
        raise UsageError.of("exporting the model", "sizes", "", says, "classes of larger sizes")
    index = ProgramIndex(
        version=description.version,
        jax=jax.__version__,
        platforms=platforms,
        network=data_with_kind(description.network),
        in_channels=description.in_channels,
        out_channels=description.out_channels,
        axes=graph.axis_names,
        inputs=tuple(Input(of_it.name, of_it.channels, of_it.single) for of_it in graph.inputs),
        outputs=graph.outputs,
        dtype=dtype,
        dtypes={short: name for name, short in FLOATS.items()},
        compatible=tuple(map(str, shapes.axes)),
        served=served_by([program.box for program in programs]),
        programs=tuple(programs),
        digests={name: digest_of(raw) for name, raw in members.items()},
    )
    return {NAME: index, **members}


def statement_members(description: ModelDescription) -> dict[str, bytes]:
    """What a certificate of the sizes states along each axis, as members of the archive; none for a large network."""
    pairs = zip(description.graph.axis_names, description.statements, strict=False)
    return {f"sizes_{name}.smt2": statement.encode() for name, statement in pairs}


def _model_file(description: ModelDescription, model: Any) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / MODEL
        save_as(description, model, path)
        return path.read_bytes()


_ALIASES = {"gpu": "cuda"}
"""What users call platforms, with JAX's names."""


def _platforms(given: str | Iterable[str]) -> tuple[str, ...]:
    """The platforms, in a fixed order."""
    names = given.split(",") if isinstance(given, str) else given if isinstance(given, Iterable) else (given,)
    names = [name.strip() if isinstance(name, str) else name for name in names]
    for name in names or ("none",):
        if name not in PLATFORMS:
            shown = clipped(written_value(name)) if isinstance(name, str) else kind_of(name)
            says = f"it has {shown}, and must have one or several of {in_words(PLATFORMS)}"
            meant = [_ALIASES.get(n) or near_name(n, PLATFORMS) for n in map(str, names)]
            fix = ",".join(dict.fromkeys(n for n in meant if n)) or "cpu"
            raise UsageError.of("platforms", "platforms", "", says, f'platforms="{fix}"')
    return tuple(name for name in PLATFORMS if name in names)


def _require_evaluation(model: Any) -> None:
    """Raise :class:`UsageError` if a layer of the model is in training mode."""
    from flax import nnx

    for _, layer in nnx.iter_graph(model):
        for name in ("use_running_average", "deterministic"):
            if isinstance(layer, nnx.Module) and getattr(layer, name, True) is False:
                says = f"a {type(layer).__name__} of it has {name}=False"
                raise UsageError.of("the model", "mode", "it is in training mode", says, "model.eval()")


def _require_flatbuffers() -> None:
    if find_spec("flatbuffers") is None:
        says = "JAX writes programs with the package flatbuffers, which is not installed"
        raise UsageError.of("exporting the model", "flatbuffers", "", says, pip_install("flatbuffers"))


def _require_sizes(sizes: Sequence[SizeSet], names: Sequence[str]) -> None:
    for name, of_it in zip(names, sizes, strict=True):
        if not of_it:
            says = f"no {name} fits this network, so there is nothing to export"
            raise WellshapedError.of("exporting the model", "sizes", "", says, "wellshaped.spec.repair(network)")
