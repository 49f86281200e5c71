"""The basic block of a ResNet (SPEC section 7) in Flax NNX, over one ``(H, W, C)`` image."""

from collections.abc import Mapping
from operator import add
from typing import Any, SupportsIndex

from flax import nnx
from jaxtyping import Array, Float

from ...spec.arithmetic.naturals import natural
from ...spec.elements import Shapes
from ..fits import require_buildable
from ..functional.functional import require_pixels
from ..functional.statistics import normalised
from ..typed import checked, remembered
from .blocks import convolved
from .shared import a_seed, integral


class BasicBlock(nnx.Module):
    """``conv1``, ``bn1``, ReLU, ``conv2``, ``bn2``, plus the image, then ReLU. The convolutions are 3×3 SAME.

    ``model.train()`` uses the statistics of the batch, and ``model.eval()`` the running ones. ``axis_name`` names the
    ``vmap`` axis of the batch. Raises :class:`ShapeError` if the image has the wrong number of channels.

    >>> import jax.numpy as jnp
    >>> BasicBlock(8, rngs=nnx.Rngs(0))(jnp.ones((20, 30, 8))).shape
    (20, 30, 8)
    """

    _type_reads = ("features",)

    @checked
    def __init__(self, features: SupportsIndex, *, axis_name: str | None = None, rngs: nnx.Rngs) -> None:
        self.features = natural(features, "features")

        def arrays(numbers: Mapping[str, int]) -> Shapes:
            return [("conv1.kernel", (3, 3, numbers["features"], numbers["features"]))]

        require_buildable("BasicBlock", {"features": self.features}, arrays)

        def conv() -> nnx.Conv:
            return nnx.Conv(self.features, self.features, (3, 3), padding="SAME", rngs=rngs)

        def bn() -> nnx.BatchNorm:
            return nnx.BatchNorm(self.features, use_running_average=False, axis_name=axis_name, rngs=rngs)

        self.conv1, self.bn1, self.conv2, self.bn2 = conv(), bn(), conv(), bn()

    @remembered
    def __call__(self, x: Float[Array, "H W {self.features}"]) -> Float[Array, "H W {self.features}"]:
        """``(H, W, features)`` to ``(H, W, features)``."""
        require_pixels("BasicBlock", x)
        convs = (
            lambda x: normalised(self.bn1, self.conv1(x), "BasicBlock"),
            lambda x: normalised(self.bn2, self.conv2(x), "BasicBlock"),
        )
        return convolved(x, convs=convs, relu=nnx.relu, add=add)


@checked
def resnet_basic_forward(seed: Any, x: Float[Array, "H W C"], features: Any) -> Float[Array, "_"]:
    """Apply the block drawn from ``seed`` to one ``(H, W, C)`` image with ``C = features``, and flatten the result.

    The result has ``H · W · C`` numbers. Batch normalisation uses the statistics of the image. ``seed`` and
    ``features`` are integers, or floats without a fraction. Raises :class:`UsageError` for other numbers,
    :class:`ConfigError` for 0 features, and :class:`ShapeError` if the image has the wrong number of channels.

    >>> import jax.numpy as jnp
    >>> resnet_basic_forward(0, jnp.ones((5, 4, 3)), 3.0).shape
    (60,)
    """
    y: Array = BasicBlock(integral(features, "features"), rngs=nnx.Rngs(a_seed(seed)))(x)
    return y.reshape(-1)
