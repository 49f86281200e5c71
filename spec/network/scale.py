"""How the size of each node grows with the input's: used for pictures and costs."""

from fractions import Fraction
from functools import lru_cache
from math import prod

from .monotone import large_enough, numbers_of
from .network import Network
from .running import run


@lru_cache(maxsize=256)
def slopes_of(network: Network, axis: int) -> dict[str, Fraction]:
    """How many positions each node gains for each further position of the input, along an ``axis``.

    It is the average for large inputs, over a period of the strides. It is 0 for a node whose size does not grow.

    >>> from wellshaped.spec import graph_of
    >>> slopes_of(graph_of("unet2"), 0)["y"]
    Fraction(1, 1)
    """
    period = prod(number for number in numbers_of(network) if number)
    far = period * large_enough(network, 1)
    near = run(network, far, axis).sizes
    return {name: Fraction(n - near[name], period) for name, n in run(network, far + period, axis).sizes.items()}


@lru_cache(maxsize=256)
def scales_of(network: Network) -> dict[str, Fraction]:
    """The slope of each node (:func:`slopes_of`) on the axis on which it is smallest.

    >>> from wellshaped.spec import graph_of
    >>> scales_of(graph_of("unet2"))["bottleneck"]
    Fraction(1, 2)
    """
    slopes = [slopes_of(network, axis) for axis in range(network.axes)]
    return {name: min(of_axis[name] for of_axis in slopes) for name in slopes[0]}
