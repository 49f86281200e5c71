"""Which images can be split over several devices: a network with what its mesh requires (SPEC section 12).

A mesh is a number of devices for each axis along which images are split. Two things are required along such an axis:

- every input and node divides equally over the devices;
- no part is smaller than the *halo* of an operation that reads it: the positions that it needs from a neighbour.

Both are sizes and numbers of the graph. So they become nodes of it, each a :class:`Require`, and every answer about
networks (sizes, fixes, proofs, certificates) is also one about meshes.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from math import isqrt
from operator import mul

from ..arithmetic.naturals import natural
from ..messages.choices import near_name
from ..messages.report import UsageError, Verdict, WellshapedError
from ..messages.written import clipped, in_words, kind_of, written_number, written_sizes, written_value
from ..network.folding import as_computed
from ..network.network import AXES, MAX_AXES, Network, Node
from ..network.operation import changes_size, counted
from ..network.proposing import free_name, names_in
from ..network.reaching import inside, large_members, period_of
from ..network.reading import reads_of
from ..network.requiring import Require
from ..network.running import sizes_along
from ..network.scale import slopes_of
from ..network.solving import sizes_that_fit
from .any_network import AnyNetwork, graph_of

BATCH = "batch"
"""The name of the axis of a mesh over which the images of a batch are divided. It is no axis of the network."""

Mesh = Mapping[str, int]
"""A number of devices for ``batch`` and the axes of a network, by name, as ``jax.sharding.Mesh.shape`` has it."""


FEWER_DEVICES = "fewer devices"
"""The fix if images fit the network, but none can be split over the devices."""


def on_mesh(network: AnyNetwork, mesh: Mesh) -> Network:
    """Return the network with the requirements of a mesh: it takes the images that can be split over the devices.

    ``mesh`` has the number of devices for each axis that is split: ``{"height": 4}``; those for ``"batch"`` require
    nothing of an image. ``pooled in parts`` requires that the size of ``pooled`` divides over the devices, and
    ``pooled from parts`` that a part of its input is at least as large as its halo. The result is for answers about
    sizes; build the network itself.

    Raises :class:`UsageError` for an axis that the network does not have and a number of devices that is not at least
    1; :class:`WellshapedError` for a network that is too hard to solve, or with a halo that grows with the image; and
    the errors of :func:`graph_of`. Source: SPEC section 12.

    >>> from wellshaped.spec import compatible_shapes
    >>> print(compatible_shapes(on_mesh("milesial", {"height": 4, "batch": 2})))
    height: n ≡ 0 (mod 64), n ≥ 64; width: n ≥ 16
    """
    graph = graph_of(network)
    return _on_devices(graph, devices_along(graph, mesh))


def judge_batch(batch: int, mesh: Mesh) -> tuple[Verdict, str]:
    """Judge whether a batch divides over the devices of the mesh's axis ``batch``; also return a fix, or ``""``.

    >>> judge_batch(6, {"batch": 4})[1], judge_batch(3, {"batch": 4})[1], judge_batch(8, {"batch": 4})[1]
    ('a batch of 4 or 8', 'a batch of 4', '')
    """
    count = mesh.get(BATCH, 1)
    rest = batch % count
    holds = batch > 0 and rest == 0
    needed = _multiple(count) if batch else f"at least {written_number(count)}"
    says = f"the batch has {counted(batch, 'image')}, and their number must be {needed}"
    near = [n for n in (batch - rest, batch - rest + count) if n]
    fix = "" if holds else f"a batch of {' or '.join(map(written_number, near))}"
    return Verdict(BATCH, holds, says, ""), fix


def _multiple(count: int) -> str:
    return "at least 1" if count == 1 else f"a multiple of {written_number(count)}"


def devices_along(graph: Network, mesh: Mesh) -> tuple[int, ...]:
    """Return the number of devices along each axis of a network. Raise :class:`UsageError` for a wrong mesh.

    >>> devices_along(graph_of("unet2"), {"batch": 8, "width": 2})
    (1, 2)
    """
    names = (*graph.axis_names, BATCH)
    if not isinstance(mesh, Mapping):
        says = f"it is {kind_of(mesh)}, and must have the number of devices of each axis that is split"
        raise UsageError.of("the mesh", "mesh", "", says, f'mesh={{"{names[0]}": 4}}')
    for name, count in mesh.items():
        if name not in names:
            says = f"{written_value(clipped(str(name)))} is not an axis; the axes are {in_words(names)}"
            is_of_more_axes = name in AXES[MAX_AXES]  # and no misspelling of another axis
            meant = names[0] if is_of_more_axes else near_name(str(name), names) or names[0]
            raise UsageError.of("the mesh", "mesh", "", says, _written({**mesh, meant: count}, names))
        if natural(count, name) < 1:
            says = f"{name} has 0 devices, and must have at least 1"
            raise UsageError.of("the mesh", "mesh", "", says, _written({**mesh, name: 1}, names))
    return tuple(int(mesh.get(name, 1)) for name in graph.axis_names)


def _written(mesh: Mesh, names: Sequence[str]) -> str:
    """A mesh as an argument, without what can't be in it."""
    counts = {name: count for name, count in mesh.items() if name in names and isinstance(count, int) and count > 0}
    return "mesh={" + ", ".join(f'"{name}": {written_number(count)}' for name, count in counts.items()) + "}"


@lru_cache(maxsize=256)
def _on_devices(graph: Network, devices: tuple[int, ...]) -> Network:
    if set(devices) == {1}:
        return graph
    on = f"{written_sizes(devices)} devices"
    computed = as_computed(graph)
    split = [name for name in _of_new_size(computed) if any(_grows(graph, devices, name))]
    parts = [Node(free_name(f"{of} in parts", names_in(graph)), Require(multiple=devices), of, rule=on) for of in split]
    halos = [_halos(_with(computed, parts), axis, count) if count > 1 else {} for axis, count in enumerate(devices)]
    wide = []
    for node, given in dict.fromkeys(key for of in halos for key in of):
        halo = tuple(of.get((node, given), 0) for of in halos)
        least = tuple(map(mul, halo, devices))
        name = free_name(f"{node} from parts", names_in(graph))
        wide.append(Node(name, Require(at_least=least), given, rule=f"halo {written_sizes(halo)} on {on}"))
    return _with(graph, [*parts, *wide])


def _of_new_size(graph: Network) -> Iterator[str]:
    """The inputs and nodes whose size is not always that of an earlier one."""
    yield from (given.name for given in graph.inputs)
    for node in graph.nodes:
        if changes_size(node.operation) and not _keeps_size(node, graph.axes):
            yield node.name


def _keeps_size(node: Node, axes: int) -> bool:
    """Whether an operation of one input never changes a size, such as a 3×3 convolution padded by 1.

    Steps of stride 1 add or subtract a number, and all others change one of two neighbouring sizes.
    """
    sizes = (_LARGE, _LARGE + 1)
    return len(node.inputs) == 1 and all(node.operation.size([n], axis) == n for axis in range(axes) for n in sizes)


_LARGE = 2**64


def _grows(graph: Network, devices: Sequence[int], name: str) -> Iterator[bool]:
    """For each axis that is split, whether the node is: those of a constant size are on every device."""
    return (slopes_of(graph, axis)[name] > 0 for axis, count in enumerate(devices) if count > 1)


def _with(graph: Network, more: Sequence[Node]) -> Network:
    return Network(graph.inputs, (*graph.nodes, *more), graph.outputs, graph.axes, name=graph.name)


def _halos(graph: Network, axis: int, devices: int) -> dict[tuple[str, str], int]:
    """The halo of each node that has one, by the names of the node and its input."""
    found: dict[tuple[str, str], int] = {}
    slopes = slopes_of(graph, axis)
    fitting = sizes_that_fit(graph, axis)
    window = 2 * period_of(graph, axis)  # every way in which sizes divide
    for n in large_members(graph, fitting, window, "the network on this mesh", FEWER_DEVICES):
        sizes = sizes_along(graph, n, axis)
        for node in graph.nodes:
            given = [sizes[name] for name in node.inputs]
            for name, reads, size in zip(node.inputs, reads_of(node.operation, given, axis), given, strict=True):
                if reads is None or reads.everything or not (slopes[name] and slopes[node.name]):
                    continue
                of, to = size // devices, sizes[node.name] // devices
                for i in {0, 1, devices - 2, devices - 1}:  # what it reads shifts evenly from device to device
                    low, high = inside(reads, (i * to, (i + 1) * to), size)
                    halo = max(i * of - low, high - (i + 1) * of) if low < high else 0
                    if halo > isqrt(n) and not fitting.is_finite:  # others are below the numbers of the network
                        says = f"what a part of {node.name} reads of {name} lies farther away in a larger image"
                        fix = "another network, or no devices along this axis"
                        raise WellshapedError.of("the network on this mesh", "halo", "", says, fix)
                    if halo > found.get((node.name, name), 0):
                        found[node.name, name] = halo
    return found
