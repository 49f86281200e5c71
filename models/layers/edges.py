"""Crops and pads over one, two and three axes, with types.

``amounts`` is one number for all edges, one for each axis, or a pair (before, after) for each axis; the pair
``((0, 1),)`` holds for all axes. A pad's ``mode`` is ``"zeros"``, ``"mirrored"``, ``"replicated"`` or ``"mirrored,
extended"``, as in :class:`wellshaped.spec.Pad`. The constructors raise :class:`ConfigError` for another mode or a
number that is too large, and :class:`UsageError` if a number is not natural. A call raises :class:`ShapeError` if the
input does not fit. Source: SPEC sections 8 and 10.
"""

from ...spec.network import Crop, Pad
from .over_axes import Numbers, OperationLayer, OverOneAxis, OverThreeAxes, OverTwoAxes, made_of, require_well_formed


class _Crop(OperationLayer):
    def __init__(self, amounts: Numbers) -> None:
        self.operation = made_of(Crop, amounts=amounts)
        require_well_formed(type(self).__name__, self.operation, 1, self.axes)


class Crop1d(_Crop, OverOneAxis):
    """Cut positions off one ``(C, L)`` signal: for each axis a number at both ends, or a pair (before, after).

    >>> import jax.numpy as jnp
    >>> Crop1d(2)(jnp.ones((4, 9))).shape
    (4, 5)
    """

    _type_reads = ("operation",)


class Crop2d(_Crop, OverTwoAxes):
    """Cut positions off one ``(C, H, W)`` image: for each axis a number at both ends, or a pair (before, after).

    >>> import jax.numpy as jnp
    >>> Crop2d((1, 2))(jnp.ones((4, 9, 9))).shape
    (4, 7, 5)
    """

    _type_reads = ("operation",)


class Crop3d(_Crop, OverThreeAxes):
    """Cut positions off one ``(C, D, H, W)`` volume: for each axis a number at both ends, or a pair (before, after).

    >>> import jax.numpy as jnp
    >>> Crop3d(((0, 1),))(jnp.ones((4, 5, 6, 7))).shape
    (4, 4, 5, 6)
    """

    _type_reads = ("operation",)


class _Pad(OperationLayer):
    def __init__(self, amounts: Numbers, mode: str = "zeros") -> None:
        self.operation = made_of(Pad, amounts=amounts, mode=mode)
        require_well_formed(type(self).__name__, self.operation, 1, self.axes)


class Pad1d(_Pad, OverOneAxis):
    """One ``(C, L)`` signal with ``amounts`` of positions added at its edges.

    >>> import jax.numpy as jnp
    >>> Pad1d(2, "mirrored")(jnp.ones((4, 5))).shape
    (4, 9)
    """

    _type_reads = ("operation",)


class Pad2d(_Pad, OverTwoAxes):
    """One ``(C, H, W)`` image with ``amounts`` of positions added at its edges.

    >>> import jax.numpy as jnp
    >>> Pad2d((1, 2))(jnp.ones((4, 5, 5))).shape
    (4, 7, 9)
    """

    _type_reads = ("operation",)


class Pad3d(_Pad, OverThreeAxes):
    """One ``(C, D, H, W)`` volume with ``amounts`` of positions added at its edges.

    >>> import jax.numpy as jnp
    >>> Pad3d(((0, 1),))(jnp.ones((4, 5, 6, 7))).shape
    (4, 6, 7, 8)
    """

    _type_reads = ("operation",)
