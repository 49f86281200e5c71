"""Which positions of an image a network reads: ``receptive_field`` (SPEC section 9)."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..messages.choices import nearest_choice
from ..messages.report import ShapeError, UsageError
from ..messages.written import Written, clipped, in_words, written_number, written_value
from ..network.reaching import Halo, NodeField, fields_along, fields_at, total_stride
from ..network.running import AxisSizes
from .any_network import AnyNetwork, graph_of, title
from .compatibility import solved_axis
from .planning import plan


@dataclass(frozen=True, slots=True, repr=False)
class ReceptiveField(Written):
    """What each node of a network reads of the image, along each axis.

    ``axes`` has a :class:`NodeField` for each input and node by name, for each of the axes in ``names``. ``strides``
    are the total strides: tiles must start at their multiples. ``output`` is the network's first output.

    >>> from wellshaped.spec import receptive_field
    >>> field = receptive_field("milesial")
    >>> field.strides, field.aligned, field.halo
    ((16, 16), ((94, 94), (94, 94)), ((107, 107), (107, 107)))
    >>> print(field)
    milesial, y, height and width:
      receptive field: 188 to 204 positions
      halo: 107 before and 107 after (94 and 94 for cores at multiples of the total stride)
      total stride: 16
    """

    network: str
    output: str
    names: tuple[str, ...]
    strides: tuple[int, ...]
    axes: tuple[Mapping[str, NodeField], ...]

    def __getitem__(self, name: str) -> tuple[NodeField, ...]:
        """The receptive field of an input or a node, along each axis. Raises :class:`UsageError` for another name."""
        if name not in self.axes[0]:
            says = f"{self.network} has no node {clipped(written_value(name))}"
            fix = written_value(nearest_choice(name, list(self.axes[0])))
            raise UsageError.of(f"the receptive field of {clipped(written_value(name))}", "unknown_node", "", says, fix)
        return tuple(fields[name] for fields in self.axes)

    @property
    def unbounded(self) -> str:
        """The node that reads the whole image, so that the output does too, or ``""``."""
        return next((of_it.unbounded for of_it in self[self.output] if of_it.unbounded), "")

    @property
    def halo(self) -> tuple[Halo, ...]:
        """How far a core of the output reads before and after, along each axis."""
        return tuple(of_it.halo for of_it in self[self.output])

    @property
    def aligned(self) -> tuple[Halo, ...]:
        """The halo of cores whose edges stand at multiples of the total stride."""
        return tuple(of_it.aligned for of_it in self[self.output])

    def __str__(self) -> str:
        along: dict[str, list[str]] = {}
        for name, of_it, stride in zip(self.names, self[self.output], self.strides, strict=True):
            along.setdefault(f"{of_it}\n  total stride: {written_number(stride)}", []).append(name)
        return "\n".join(f"{self.network}, {self.output}, {in_words(axes)}:\n  {says}" for says, axes in along.items())


def receptive_field(network: AnyNetwork, sizes: AxisSizes | None = None) -> ReceptiveField:
    """Return which positions of an image each node of a network reads, and the halo of tiles.

    Without ``sizes``, the answer holds for every size that fits; with the sizes of an image, one for each axis, for
    these. Some networks need ``sizes``: a resize to the size of another node has a ratio that depends on the image.
    ``halo`` and ``aligned`` are those of :class:`ReceptiveField`. The positions are exact without dilation; with
    dilation they are an upper bound. Batch norms are those of evaluation.

    Raises :class:`ShapeError` if the ``sizes`` do not fit or no size fits, :class:`ConfigError` if the config is not
    well-formed, :class:`UsageError` for a value that can't be used, and :class:`WellshapedError` if what the nodes read
    depends on the size in too many ways (give ``sizes`` then) or the total stride is too large. Source: SPEC section 9.

    >>> receptive_field("smp_resnet34").halo[0], receptive_field("monai_basicunet").unbounded
    ((543, 512), 'conv_0.conv_0.adn.N (instance norm) reads the whole image')
    >>> receptive_field("milesial")["pooled[0]"][0].stride
    Fraction(2, 1)
    """
    graph = graph_of(network)
    if sizes is None:
        fitting = [solved_axis(graph, axis) for axis in range(graph.axes)]
        if not all(fitting):
            says, fix = "no size fits the network", "repair(network)"
            raise ShapeError.of(f"the receptive field of {title(network)}", "compatible_sizes", "", says, fix)
        axes = [fields_along(graph, axis, fit) for axis, fit in enumerate(fitting)]
    else:
        axes = [fields_at(graph, axis, n) for axis, n in enumerate(plan(network, sizes, "error").given)]
    strides = tuple(total_stride(graph, axis) for axis in range(graph.axes))
    return ReceptiveField(title(network), graph.outputs[0], graph.axis_names, strides, tuple(axes))
