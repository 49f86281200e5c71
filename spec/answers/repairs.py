"""A network like a given one that fits sizes without end: ``repair``, and what a report says of it."""

from ..messages.report import WellshapedError
from ..network.network import Network
from .compatibility import compatible_shapes, solved, solved_axis
from .door import AnyNetwork, graph_of, named, repaired
from .explanation import explain


def sizes_without_end(graph: Network) -> bool:
    """Whether infinitely many sizes fit along every axis; also where a network is too hard to solve."""
    sets = (solved(graph, axis) for axis in range(graph.axes))
    return not any(fit is not None and fit.is_finite for fit in sets)


def repair(network: AnyNetwork) -> AnyNetwork:
    """A network like this one, of its kind, that fits sizes without end; itself where it does.

    - Of a :class:`UNet2Config`: convolutions get stride 1 and the padding that keeps sizes (an even kernel, for which
      there is none, grows by 1); the upsampling gets the stride of the pooling and the kernel that undoes it.
    - Of a :class:`UNetConfig`: skips are cropped evenly.
    - Of a graph: windows that must keep a size get the padding for it, and the inputs of joins are cropped to the
      smallest, in as few places as will do (:mod:`.network.repairing`).

    Raises :class:`ShapeError` for what is no network, a config that is not well-formed, a graph that other requirements
    limit, and with the rule ``not_solved`` for one that is too hard to solve.

    >>> from wellshaped.spec import UNet2Config, UNetConfig
    >>> repair(UNet2Config(conv_padding=0, up_stride=3)), repair(UNetConfig(padding="none", join="exact"))
    (UNet2Config(), UNetConfig(padding='none', join='even crop'))
    """
    network = named(network)
    graph = graph_of(network)
    if not any(solved_axis(graph, axis).is_finite for axis in range(graph.axes)):
        if compatible_shapes(graph).above((1,) * graph.axes) is None:
            names = ", ".join(compatible_shapes(graph).together[:3])
            says = f"no image is large enough for the requirement of {names} over all axes together"
            raise WellshapedError.of(
                "repairing the network", "repair", "no repair is known", says, f"another operation in place of {names}"
            )
        return network
    changed, _ = repaired(network)
    if changed is None:
        says = "its requirements, or joins of inputs that grow differently, leave no sizes without end"
        breaks = explain(graph, (1000,) * graph.axes).failures
        fix = f"another operation at {breaks[0].at}" if breaks else "other operations"
        raise WellshapedError.of("repairing the network", "repair", "no repair is known", says, fix)
    return changed


def mending(network: AnyNetwork, in_channels: int | None = None, out_channels: int | None = None) -> str:
    """What :func:`repair` would change, and what would then fit, in words; nothing where no repair is known.

    >>> from wellshaped.spec import UNet2Config
    >>> mending(UNet2Config(conv_padding=0))
    'conv_padding=1 in the config, for sizes n ≡ 0 (mod 2), n ≥ 2'
    """
    changed, words = repaired(network, in_channels, out_channels)
    if changed is None:
        return ""
    graph = graph_of(changed)
    sets = [solved(graph, axis) for axis in range(graph.axes)]
    if None in sets:
        return f"{words}; what then fits is too hard to solve"
    return f"{words}, for sizes {'; '.join(dict.fromkeys(map(str, sets)))}"
