"""Padding and cutting the arrays of NumPy, JAX and PyTorch at the end of an axis. Imports only what an array needs."""

import sys
from collections.abc import Sequence
from typing import Any

from ...spec.messages.report import UsageError
from ...spec.messages.written import kind_of

"""What padding contains: zeros, the image mirrored at its last position, or its last position again."""


def library_of(image: Any) -> str:
    """``"torch"``, ``"jax"`` or ``"numpy"``. Raises :class:`UsageError` for a value that is not an array."""
    for library, name in (("torch", "Tensor"), ("jax", "Array"), ("numpy", "ndarray")):
        if library in sys.modules and isinstance(image, getattr(sys.modules[library], name)):
            return library
    says = f"it is {kind_of(image)}, and must be an array of NumPy or JAX, or a PyTorch tensor"
    raise UsageError.of("the image", "image", "", says, "jnp.asarray(image)")


def padded(image: Any, added: Sequence[int], mode: str) -> Any:
    """The image with this many positions ``added`` at the end of each axis.

    >>> import numpy as np
    >>> padded(np.array([1, 2, 3]), (2,), "reflect").tolist(), padded(np.array([1, 2, 3]), (2,), "edge").tolist()
    ([1, 2, 3, 2, 1], [1, 2, 3, 3, 3])
    """
    if not any(added):
        return image
    library = library_of(image)
    if library == "torch":
        return _padded_tensor(image, added, mode)
    name = {"zeros": "constant"}.get(mode, mode)
    widths = [(0, more) for more in added]
    if library == "jax":
        import jax.numpy as jnp

        return jnp.pad(image, widths, mode=name)
    import numpy as np

    return np.pad(image, widths, mode=name)  # type: ignore[call-overload]  # the name of a mode is a literal


def _padded_tensor(image: Any, added: Sequence[int], mode: str) -> Any:
    import torch

    if mode == "zeros":
        return torch.nn.functional.pad(image, [n for more in reversed(added) for n in (0, more)])
    # PyTorch's own reflect and replicate take only some ranks and dtypes.
    for axis, more in enumerate(added):
        if more:
            last = image.shape[axis] - 1
            new = [last - 1 - i if mode == "reflect" else last for i in range(more)]
            image = image.index_select(axis, torch.tensor([*range(last + 1), *new], device=image.device))
    return image


def part(image: Any, sizes: dict[int, int]) -> Any:
    """The first positions of the image along some axes: ``sizes`` has how many, by axis."""
    slices = [slice(None)] * len(image.shape)
    for axis, size in sizes.items():
        slices[axis] = slice(0, size)
    return image[tuple(slices)]
