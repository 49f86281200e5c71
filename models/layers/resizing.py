"""Resizes, depth to space and its reverse over one, two and three axes, with types.

The arithmetic is PyTorch's. ``mode`` is ``"nearest"``, ``"nearest-exact"`` or ``"linear"``, on every axis; PyTorch's
``"bilinear"`` and ``"trilinear"`` mean the last. Give each number once for all axes, or as a tuple with one for each
axis. The constructors raise :class:`ConfigError` if a number is 0 or for another mode, and :class:`UsageError` if a
number is not natural. A call raises :class:`ShapeError` if the input does not fit: the channels of ``DepthToSpace`` and
the sizes of ``SpaceToDepth`` must be multiples of a block. Source: SPEC sections 8 and 10.
"""

from jaxtyping import Array

from ...spec.network import DepthToSpace, Resize, SpaceToDepth
from ..operations.resizing import resize_alone
from .over_axes import Numbers, OperationLayer, OverOneAxis, OverThreeAxes, OverTwoAxes, made_of, require_well_formed


class _Resize(OperationLayer):
    def __init__(
        self,
        factor: Numbers,
        mode: str = "nearest",
        *,
        align_corners: bool = False,
        over: Numbers = 1,
        less: Numbers = 0,
        recompute_scale_factor: bool = False,
    ) -> None:
        mode = "linear" if mode in ("bilinear", "trilinear") else mode
        numbers = {"factor": factor, "over": over, "less": less}
        how = {"mode": mode, "align_corners": align_corners, "recompute_scale_factor": recompute_scale_factor}
        self.operation = made_of(Resize, **numbers, **how)
        require_well_formed(type(self).__name__, self.operation, 1, self.axes)

    def _computed(self, x: Array) -> Array:
        self._require_fit(x)
        y: Array = resize_alone(self.operation, [x], {}, None)
        return y


class Resize1d(_Resize, OverOneAxis):
    """Resize one ``(C, L)`` signal to the size ``floor(L·factor / over) - less``.

    >>> import jax.numpy as jnp
    >>> Resize1d(2, "linear")(jnp.array([[0.0, 4.0]])).tolist()
    [[0.0, 1.0, 3.0, 4.0]]
    """

    _type_reads = ("operation",)


class Resize2d(_Resize, OverTwoAxes):
    """Resize one ``(C, H, W)`` image; each size becomes ``floor(n·factor / over) - less``.

    >>> import jax.numpy as jnp
    >>> Resize2d((1, 2))(jnp.array([[[1.0, 2.0]]])).tolist()
    [[[1.0, 1.0, 2.0, 2.0]]]
    >>> Resize2d(2, "bilinear")(jnp.array([[[0.0, 4.0]]])).tolist()[0][0]
    [0.0, 1.0, 3.0, 4.0]
    """

    _type_reads = ("operation",)


class Resize3d(_Resize, OverThreeAxes):
    """Resize one ``(C, D, H, W)`` volume; each size becomes ``floor(n·factor / over) - less``.

    >>> import jax.numpy as jnp
    >>> Resize3d((1, 2, 2))(jnp.ones((4, 5, 6, 7))).shape
    (4, 5, 12, 14)
    """

    _type_reads = ("operation",)


class _DepthToSpace(OperationLayer):
    def __init__(self, block: Numbers) -> None:
        self.operation = made_of(DepthToSpace, block=block)
        alike = SpaceToDepth(self.operation.block)  # it takes any number of channels
        require_well_formed(type(self).__name__, alike, 1, self.axes, named=self.operation)


class DepthToSpace1d(_DepthToSpace, OverOneAxis):
    """Turn channels of a ``(C, L)`` signal into ``block`` positions each (pixel shuffle).

    >>> import jax.numpy as jnp
    >>> DepthToSpace1d(2)(jnp.ones((6, 5))).shape
    (3, 10)
    """

    _type_reads = ("operation",)


class DepthToSpace2d(_DepthToSpace, OverTwoAxes):
    """Turn channels of a ``(C, H, W)`` image into squares of ``block`` × ``block`` positions (pixel shuffle).

    >>> import jax.numpy as jnp
    >>> DepthToSpace2d(2)(jnp.ones((12, 4, 5))).shape
    (3, 8, 10)
    """

    _type_reads = ("operation",)


class DepthToSpace3d(_DepthToSpace, OverThreeAxes):
    """Turn channels of a ``(C, D, H, W)`` volume into cubes with edges of ``block`` positions (pixel shuffle).

    >>> import jax.numpy as jnp
    >>> DepthToSpace3d((1, 2, 2))(jnp.ones((8, 4, 5, 6))).shape
    (2, 4, 10, 12)
    """

    _type_reads = ("operation",)


class _SpaceToDepth(OperationLayer):
    def __init__(self, block: Numbers) -> None:
        self.operation = made_of(SpaceToDepth, block=block)
        require_well_formed(type(self).__name__, self.operation, 1, self.axes)


class SpaceToDepth1d(_SpaceToDepth, OverOneAxis):
    """Turn each ``block`` neighbouring positions of a ``(C, L)`` signal into channels (pixel unshuffle).

    >>> import jax.numpy as jnp
    >>> SpaceToDepth1d(2)(jnp.ones((3, 10))).shape
    (6, 5)
    """

    _type_reads = ("operation",)


class SpaceToDepth2d(_SpaceToDepth, OverTwoAxes):
    """Turn each square of ``block`` × ``block`` positions of a ``(C, H, W)`` image into channels (pixel unshuffle).

    >>> import jax.numpy as jnp
    >>> SpaceToDepth2d(2)(jnp.ones((3, 8, 10))).shape
    (12, 4, 5)
    """

    _type_reads = ("operation",)


class SpaceToDepth3d(_SpaceToDepth, OverThreeAxes):
    """Turn each cube of a ``(C, D, H, W)`` volume, with edges of ``block`` positions, into channels (pixel unshuffle).

    >>> import jax.numpy as jnp
    >>> SpaceToDepth3d((1, 2, 2))(jnp.ones((2, 4, 10, 12))).shape
    (8, 4, 5, 6)
    """

    _type_reads = ("operation",)
