"""Change a network so that infinitely many sizes fit: ``repair``, and how a report describes the change."""

from ..messages.report import WellshapedError
from ..network.network import Network
from .any_network import AnyNetwork, as_network, graph_of, repaired
from .compatibility import compatible_shapes, solved, solved_axis
from .explanation import explain


def has_unbounded_sizes(graph: Network) -> bool:
    """Whether infinitely many sizes fit along every axis. Also true if the network is too hard to solve."""
    sets = (solved(graph, axis) for axis in range(graph.axes))
    return not any(fit is not None and fit.is_finite for fit in sets)


def repair(network: AnyNetwork) -> AnyNetwork:
    """Change a network so that infinitely many sizes fit it. If infinitely many do already, return it unchanged.

    The result is a network of the same kind.

    - In a :class:`UNet2Config`, convolutions get stride 1 and the padding that keeps sizes. An even kernel has no such
      padding and grows by 1. The upsampling gets the stride of the pooling and the kernel that undoes it.
    - In a :class:`UNetConfig`, skips are cropped evenly.
    - In a graph, a convolution or pooling whose output must have the size of its input gets the padding for that. The
      inputs of a join are cropped to the smallest of them. As few nodes as possible change (:mod:`.network.repairing`).

    Raises :class:`UsageError` for a value that is not a network; :class:`ConfigError` for a config that is not
    well-formed; :class:`WellshapedError` if no repair is known, or with the rule ``not_solved`` if the network is too
    hard to solve.

    >>> from wellshaped.spec import UNet2Config, UNetConfig
    >>> repair(UNet2Config(conv_padding=0, up_stride=3)), repair(UNetConfig(padding="none", join="exact"))
    (UNet2Config(), UNetConfig(padding='none', join='even crop'))
    """
    network = as_network(network)
    graph = graph_of(network)
    if not any(solved_axis(graph, axis).is_finite for axis in range(graph.axes)):
        if compatible_shapes(graph).above((1,) * graph.axes) is None:
            names = ", ".join(compatible_shapes(graph).together[:3])
            says = f"no image is large enough for the requirement of {names} over all axes together"
            fix = f"another operation in place of {names}"
            raise WellshapedError.of("repairing the network", "repair", "no repair is known", says, fix)
        return network
    changed, _ = repaired(network)
    if changed is None:
        says = "its requirements, or joins of inputs that grow differently, allow only finitely many sizes"
        causes = explain(graph, (1000,) * graph.axes).causes
        fix = f"another operation at {causes[0].node}" if causes else "other operations"
        raise WellshapedError.of("repairing the network", "repair", "no repair is known", says, fix)
    return changed


def repair_description(network: AnyNetwork, in_channels: int | None = None, out_channels: int | None = None) -> str:
    """Describe what :func:`repair` would change, and which sizes then fit. Return "" if no repair is known.

    >>> from wellshaped.spec import UNet2Config
    >>> repair_description(UNet2Config(conv_padding=0))
    'conv_padding=1 in the config, for sizes n ≡ 0 (mod 2), n ≥ 2'
    """
    changed, words = repaired(network, in_channels, out_channels)
    if changed is None:
        return ""
    graph = graph_of(changed)
    sets = [solved(graph, axis) for axis in range(graph.axes)]
    if None in sets:
        return f"{words}; which sizes then fit is too hard to solve"
    return f"{words}, for sizes {'; '.join(dict.fromkeys(map(str, sets)))}"
