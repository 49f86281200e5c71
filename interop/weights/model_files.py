"""Models in ``.safetensors`` files: ``save`` and ``load``."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...spec.files.disk import OutputError, path_of, replacing, wrong_suffix
from ...spec.files.models import KEY, ModelDescription, open_model
from ...spec.files.tensors import FLOATS, SUFFIX
from ...spec.messages.faults import Faults
from ...spec.messages.report import FileError, UsageError, WellshapedError
from .arrays import MOMENTUM, batch_norms, digest_of, read_array, unknown, variables_of
from .description import built, described

if TYPE_CHECKING:
    import numpy as np
    from flax import nnx


def save(model: "nnx.Module", path: str | os.PathLike[str]) -> None:
    """Write a model to a ``.safetensors`` file: its network, dtypes, compatible sizes, parameters and batch statistics.

    ``model`` is a :class:`UNet`, a :class:`UNet2` or a :class:`TypedNetwork`. :func:`load` returns an equal one. The
    file is replaced in one step: after a kill at any moment, the old file or the new one is there. Equal models give
    files with the same bytes. The compatible sizes come with the statement that ``wellshaped verify`` proves.

    Raises :class:`UsageError` for another model, or one whose arrays are not those of its network, and
    :class:`FileError` for another suffix or a file that can't be written.

    >>> from pathlib import Path
    >>> import tempfile; path = Path(tempfile.mkdtemp()) / "model.safetensors"
    >>> from flax import nnx
    >>> from wellshaped.interop import load
    >>> from wellshaped.models import UNet
    >>> from wellshaped.spec import UNetConfig
    >>> save(UNet(UNetConfig(levels=2, base_channels=4), 3, 2, rngs=nnx.Rngs(0)), path)
    >>> load(path).cfg
    UNetConfig(levels=2, base_channels=4)
    """
    save_as(described(model), model, path_of(path, "model file", (SUFFIX,), OutputError))


def save_as(description: ModelDescription, model: "nnx.Module", path: Path) -> None:
    """Write a model whose description is known. Raises as :func:`save`."""
    import numpy as np
    from safetensors.numpy import save_file

    if path.suffix != SUFFIX:
        raise wrong_suffix(f"model file {path}", path, (SUFFIX,))
    arrays = {name: np.asarray(variable.get_value()) for name, variable in variables_of(model).items()}
    given = {name: (FLOATS.get(a.dtype.name, a.dtype.name), a.shape) for name, a in arrays.items()}
    faults = _differences(built(description), given)
    if faults:
        raise UsageError(faults.report("the model"))
    description = replace(description, sha256=digest_of(description.text(), sorted(arrays.items())))
    with replacing(path) as new:
        new.touch()
        mode = new.stat().st_mode
        save_file(arrays, str(new), {KEY: description.text()})
        new.chmod(mode)  # the library makes files that only their owner can read


def load(
    path: str | os.PathLike[str], *, axis_name: str | tuple[str, ...] | None = None, remat: str | Iterable[str] = ()
) -> "nnx.Module":
    """Return the model in a file that :func:`save` wrote: a :class:`UNet`, a :class:`UNet2` or a :class:`TypedNetwork`.

    The names, shapes and dtypes of all arrays are compared with those of the network before any is read. ``axis_name``
    and ``remat`` are as for :class:`TypedNetwork`. Call ``model.eval()`` to predict with batch norms.

    Raises :class:`FileError`, with all differences, if the file is not such a file or was changed since it was written,
    and :class:`UsageError` for another argument that can't be used.

    >>> load("no_such_model.safetensors")
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.FileError: model file no_such_model.safetensors can't be read.
      file: there is no such file.
      fix: the path of an existing .safetensors file
    """
    import jax.numpy as jnp

    path = path_of(path, "model file", (SUFFIX,))
    subject = f"model file {path}"
    with open_model(path) as (description, stored, file):
        try:
            model = built(description)
        except WellshapedError as error:
            raise FileError(replace(error.report, subject=subject)) from None
        faults = _differences(model, {name: (of_it.dtype, of_it.shape) for name, of_it in stored.items()})
        if faults:
            raise FileError(faults.report(subject))
        unknown_norms = [name for name in description.momentum if name not in batch_norms(model)]
        if unknown_norms:
            says = (
                f"it has a momentum for {unknown(unknown_norms[0], list(batch_norms(model)))}, which is no batch norm"
            )
            raise FileError.of(subject, "momentum", "", says, _FIX)
        if axis_name is not None or not isinstance(remat, tuple) or remat:
            model = built(description, axis_name=axis_name, remat=remat)
        variables = variables_of(model)

        def arrays() -> "Iterator[tuple[str, np.ndarray[Any, Any]]]":
            for name in sorted(stored):
                array = read_array(file, stored[name], jnp.dtype(_NAMES[stored[name].dtype]))
                variables[name].set_value(jnp.asarray(array))
                yield name, array

        if digest_of(replace(description, sha256="").text(), arrays()) != description.sha256:
            says = "its contents have another SHA-256 than it says: it was changed after it was written"
            raise FileError.of(subject, "sha256", "", says, "the file as wellshaped.interop.save wrote it")
        for name, norm in batch_norms(model).items():
            norm.momentum = description.momentum.get(name, MOMENTUM)
        return model


_NAMES = {name: dtype for dtype, name in FLOATS.items()}

Kinds = Mapping[str, tuple[str, tuple[int, ...]]]
"""The dtype, by the format's name, and the shape of arrays, by name."""


def _differences(model: "nnx.Module", given: Kinds) -> Faults:
    """How the ``given`` arrays differ from those of a model that has only their shapes."""
    variables = ((name, variable.get_value()) for name, variable in variables_of(model).items())
    wanted = {name: (FLOATS[of_it.dtype.name], of_it.shape) for name, of_it in variables}
    faults = Faults()
    missing = [name for name in wanted if name not in given]
    for name in given:
        if name not in wanted:
            faults.add("unknown", "it has arrays that the network has not", (unknown(name, missing), _FIX))
    for name in missing:
        faults.add("missing", "it lacks arrays of the network", (name, _FIX))
    for name, (dtype, shape) in wanted.items():
        of_it = given.get(name, (dtype, shape))
        if of_it[1] != shape:
            faults.add("shape", "it has arrays of other shapes", (f"{name} is {of_it[1]}, and must be {shape}", _FIX))
        if of_it[0] != dtype:
            fix = 'jax.config.update("jax_enable_x64", True)' if "F64" in (dtype, of_it[0]) else _FIX
            faults.add("dtype", "it has arrays of other dtypes", (f"{name} is {of_it[0]}, and must be {dtype}", fix))
    return faults


_FIX = "the file of a model with this network"
