"""Hypothesis strategies for a network's images and parameters, as NumPy arrays."""

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from ...spec.answers.any_network import AnyNetwork, building
from ...spec.unet2.config import UNet2Config
from ...spec.unet2.parameters import layer_parameters
from .annotated_arrays import Entries
from .size_strategies import image_sizes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def images(
    network: AnyNetwork, in_channels: int = 1, *, max_index: int = 2, elements: Entries | None = None
) -> "st.SearchStrategy[NDArray[np.float32]]":
    """Images that fit ``network``: float32 NumPy arrays, channels first, with sizes from :func:`image_sizes`.

    The entries are from -1 to 1, unless ``elements`` is a strategy for them. Shrinks toward zeros of the smallest size.

    Raises :class:`ConfigError` or :class:`ShapeError` if the network can't be built for ``in_channels``, and
    :class:`WellshapedError` if no image fits.

    >>> from wellshaped.spec import UNet2Config
    >>> from hypothesis import find
    >>> find(images(UNet2Config(), 3), lambda x: True).shape
    (3, 2, 2)
    """
    import numpy as np
    from hypothesis.extra import numpy as hnp

    building(network, in_channels).report.raise_if_failed()
    shapes = image_sizes(network, max_index).map(lambda sizes: (in_channels, *sizes))
    entries = st.floats(-1, 1, width=32, allow_subnormal=False) if elements is None else elements
    return hnp.arrays(np.float32, shapes, elements=entries)


def params(
    cfg: UNet2Config, in_channels: int = 1, out_channels: int = 1, *, elements: Entries | None = None
) -> "st.SearchStrategy[dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]]":
    """Parameters for ``cfg``: the kernel and the bias of each layer, by its name, as float32 NumPy arrays.

    Pass them to the exact reference (:func:`wellshaped.spec.reference.unet2_forward`), or make those of the JAX network
    with ``UNet2Params(cfg=cfg, in_channels=1, out_channels=1, **arrays)``. The entries are integers from -2 to 2, whose
    sums are exact in float32, unless ``elements`` is a strategy for them. Use few channels, as in :func:`configs`.
    Shrinks toward zeros.

    Raises :class:`ConfigError` if the network can't be built.

    >>> from wellshaped.spec import UNet2Config
    >>> from hypothesis import find
    >>> kernel, bias = find(params(UNet2Config(base_channels=1)), lambda arrays: True)["down1_1"]
    >>> kernel.shape, kernel.dtype.name, bias.shape
    ((1, 1, 3, 3), 'float32', (1,))
    """
    import numpy as np
    from hypothesis.extra import numpy as hnp

    entries = st.integers(-2, 2) if elements is None else elements
    layers = {
        layer.name: st.tuples(*(hnp.arrays(np.float32, shape, elements=entries) for shape in shapes))
        for layer, *shapes in layer_parameters(cfg, in_channels, out_channels)
    }
    return st.fixed_dictionaries(layers)
