"""Flax's dropout for one image, with a type, over any number of axes."""

from flax import nnx
from jaxtyping import Array, Float

from ...spec.messages.report import ConfigError
from ...spec.messages.written import written_value
from ..fits import require_stream
from ..functional.dropout import dropped
from ..typed import remembered


class Dropout(nnx.Module):
    """In training, set each value of one ``(C, *sizes)`` image to 0 with probability ``rate``, and scale the others up.

    The others are divided by ``1 - rate``, which keeps the mean. With ``channels=True`` whole channels are set to 0, as
    by PyTorch's ``Dropout2d``. The result depends on the stream ``dropout`` of ``rngs``, which advances at each call.
    After ``model.eval()`` the result is the image. The node of a graph is :class:`wellshaped.spec.network.Dropout`.

    For a batch, ``nnx.split_rngs`` gives each image a stream of its own. Without it, all get the same zeros.

    The constructor raises :class:`ConfigError` for a rate that is not a number from 0 to 1. A call raises
    :class:`WellshapedError` if the stream can't advance: inside of ``jax.vmap``, ``jax.jit`` or ``jax.grad``. Source:
    SPEC section 10.

    >>> import jax.numpy as jnp
    >>> from flax import nnx
    >>> dropout = Dropout(0.5, rngs=nnx.Rngs(0))
    >>> sorted(set(dropout(jnp.ones((4, 20, 30))).ravel().tolist()))
    [0.0, 2.0]
    >>> @nnx.split_rngs(splits=2)
    ... @nnx.vmap(in_axes=(nnx.StateAxes({nnx.RngState: 0, ...: None}), 0))
    ... def each(layer, x):
    ...     return layer(x)
    >>> first, second = each(dropout, jnp.ones((2, 4, 20, 30)))
    >>> bool((first == second).all())
    False
    >>> dropout.eval()
    >>> dropout(jnp.ones((1, 2))).tolist()
    [[1.0, 1.0]]
    """

    _type_reads = ()

    def __init__(self, rate: float, *, channels: bool = False, rngs: nnx.Rngs) -> None:
        if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
            says = "the rate must be a number from 0 to 1: the share of values that become 0"
            raise ConfigError.of(f"Dropout({written_value(rate)})", "rate", "", says, "rate=0.1, for example")
        self.channels = channels
        require_stream(rngs, "dropout", "Dropout")
        self.dropout = nnx.Dropout(float(rate), rngs=rngs)

    @remembered
    def __call__(self, x: Float[Array, "C *sizes"]) -> Float[Array, "C *sizes"]:
        """``(C, *sizes)`` to ``(C, *sizes)``."""
        return dropped(self.dropout, x, channels=self.channels, given_to="Dropout")
