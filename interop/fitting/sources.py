"""Which sizes fit, and how an output follows them: for a network, and for sets of sizes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from ...spec.answers.any_network import AnyNetwork, graph_of, title
from ...spec.answers.compatibility import compatible_shapes
from ...spec.answers.cutting import Along, along_of
from ...spec.answers.planning import Plan, plan
from ...spec.arithmetic.size_set import EVERY_SIZE, SizeSet
from ...spec.messages.report import Report, ShapeError, UsageError, Verdict
from ...spec.messages.written import written_number, written_value
from ...spec.network.scale import slopes_of
from .cutting import require_slope

Places = tuple[tuple[int, str], ...]
"""The open axes of an image: the position in its shape, and the name."""


class Source(ABC):
    """Which sizes fit, and how the outputs follow them.

    ``title`` is the network's name in messages. ``names`` are the open axes, and ``images`` has their places in each
    image, or ``None`` for an input that is passed on. ``outputs_alike`` says that any number of outputs follow the
    sizes in the same way.
    """

    title: str
    names: tuple[str, ...]
    images: tuple[Places | None, ...]
    outputs_alike = False

    @abstractmethod
    def plan(self, given: tuple[int, ...], policy: str) -> Plan:
        """The nearest sizes that fit. Raises :class:`ShapeError` if there are none."""

    @abstractmethod
    def outputs(self, fitting: tuple[int, ...]) -> tuple[tuple[Along, ...], ...]:
        """The axes of each output that follow an axis of the image, for an image of these sizes."""

    @abstractmethod
    def require_shape(self, shape: tuple[int, ...], image: int) -> None:
        """Raise :class:`ShapeError` if an image's shape has another rank, or other fixed sizes."""

    @abstractmethod
    def require_cut(self) -> None:
        """Raise :class:`UsageError` if it is not known which part of an output belongs to a padded image."""

    @abstractmethod
    def __str__(self) -> str:
        """The sizes that fit."""


_NEAREST = (SizeSet.above, SizeSet.below)


def nearest(sizes: Mapping[str, SizeSet], given: tuple[int, ...], policy: str, title: str) -> Plan:
    """The plan for axes that are independent. Raises :class:`ShapeError`, naming every axis without a size."""
    above, below = ([find(fit, n) for n, fit in zip(given, sizes.values(), strict=True)] for find in _NEAREST)
    found, others = (above, below) if policy == "pad" else (below, above)
    fitting = tuple(n for n in found if n is not None)
    if len(fitting) == len(given):
        return Plan(policy, given, fitting)
    way, other = ("larger", "crop") if policy == "pad" else ("smaller", "pad")
    of_axes = ((name, n, fit, new) for (name, fit), n, new in zip(sizes.items(), given, found, strict=True))
    verdicts = tuple(
        Verdict("policy", False, f"{name} is {n}, and no {way} size fits; all that fit: {fit}", "")
        for name, n, fit, new in of_axes
        if new is None
    )
    fix = f'policy="{other}"'
    if None in others:
        near = [n if n is not None else m for n, m in zip(found, others, strict=True)]
        fix = "an image of " + ", ".join(f"{name} = {n}" for name, n in zip(sizes, near, strict=True))
    if not all(sizes.values()):
        fix = "another network: no size fits this one"
    sizes_text = ", ".join(f"{name} = {n}" for name, n in zip(sizes, given, strict=True))
    raise ShapeError(Report(f"an image of {sizes_text} for {title}", verdicts, (fix,)))


def _places(names: Sequence[str], letters: Sequence[str], layout: str | None) -> Places:
    """Where the axes are: the last ones, counted from the end, or where their ``letters`` are in the ``layout``."""
    if layout is None:
        return tuple((place - len(names), name) for place, name in enumerate(names))
    parts = layout.split() if " " in layout else list(layout)
    if sorted(part for part in parts if part in letters) != sorted(letters):
        says = f"it must have each of {', '.join(letters)} once, and a letter for every other axis"
        fix = " ".join(["N", *letters, "C"]) if any(len(name) > 1 for name in letters) else f"N{''.join(letters)}C"
        raise UsageError.of(f"layout={written_value(layout)}", "layout", "", says, f'layout="{fix}"')
    return tuple((parts.index(letter) - len(parts), name) for name, letter in zip(names, letters, strict=True))


def _require_rank(shape: tuple[int, ...], names: Sequence[str], places: Places, layout: str | None) -> None:
    """Raise :class:`ShapeError` if a shape has too few axes, or other ones than the ``layout``."""
    rank = None if layout is None else len(layout.split() if " " in layout else layout)
    if rank is None and len(shape) < len(places):
        says = f"its shape is {shape}, and must end in {', '.join(names)}"
    elif rank is not None and len(shape) != rank:
        says = f"its shape is {shape}, and must have the {rank} axes of layout={written_value(layout)}"
    else:
        return
    raise ShapeError.of("the image", "axes", "another number of axes", says, "an image with these axes")


def _require_channels(shape: tuple[int, ...], channels: int, axes: int) -> None:
    """Raise :class:`ShapeError` unless the axis before the sizes has the ``channels`` of the network."""
    has = shape[-axes - 1] if len(shape) > axes else None
    if has == channels:
        return
    if has is None:
        says, fix = f"its shape is {shape}, without an axis for channels", "image[None]"
    else:
        says = f"its shape is {shape}: {written_number(has)} channels, and must be {written_number(channels)}"
        fix = f"an image with {written_number(channels)} channels"
        if shape[-1] == channels and len(shape) in (axes + 1, axes + 2):
            fix = f"jnp.moveaxis(image, -1, {-axes - 1}): its channels are last"
    raise ShapeError.of("the image", "channels", "", says, fix)


class OfNetwork(Source):
    """The sizes of a preset, a config or a graph. An image is channels first, after any batch axes.

    ``channels`` has those of each image, if they are known.
    """

    def __init__(self, network: AnyNetwork, layout: str | None, channels: Sequence[int] = ()) -> None:
        self.network, self.layout, self.title, self.channels = network, layout, title(network), channels
        self.graph = graph_of(network)
        self.shapes = compatible_shapes(self.graph)
        self.names = self.graph.axis_names
        self.places = _places(self.names, [name[0].upper() for name in self.names], layout)
        self.images = tuple(None if given.single else self.places for given in self.graph.inputs)

    def plan(self, given: tuple[int, ...], policy: str) -> Plan:
        """What :func:`wellshaped.spec.plan` says."""
        return plan(self.network, given, policy)

    def outputs(self, fitting: tuple[int, ...]) -> tuple[tuple[Along, ...], ...]:
        """The spatial axes of each output, at the places that they have in the image."""
        return tuple(
            tuple(
                along_of(self.graph, output, axis, n, place=place, name=name)
                for axis, (n, (place, name)) in enumerate(zip(fitting, self.places, strict=True))
            )
            for output in self.graph.outputs
        )

    def require_shape(self, shape: tuple[int, ...], image: int) -> None:
        """Raise :class:`ShapeError` if the image has too few axes, other ones than the layout, or other channels."""
        _require_rank(shape, self.names, self.places, self.layout)
        if self.channels:
            _require_channels(shape, self.channels[image], len(self.names))

    def require_cut(self) -> None:
        """Raise :class:`UsageError` if an output can't be cut along an axis that may be padded."""
        for axis, (name, sizes) in enumerate(zip(self.names, self.shapes.axes, strict=True)):
            if sizes != EVERY_SIZE or self.shapes.together:
                for output in self.graph.outputs:
                    require_slope(slopes_of(self.graph, axis)[output], output, name)

    def __str__(self) -> str:
        return str(self.shapes)


class OfSets(Source):
    """Sets of sizes, by name of the axis. Every output must have the image's sizes."""

    outputs_alike = True

    def __init__(self, sizes: Mapping[str, SizeSet], layout: str | None, title: str) -> None:
        self.sizes, self.layout, self.title = dict(sizes), layout, title
        self.names = tuple(self.sizes)
        if not self.names:
            raise UsageError.of("sizes", "sizes", "", "it has no axis", '{"H": SizeSet(…), "W": SizeSet(…)}')
        self.places = _places(self.names, self.names, layout)
        self.images = (self.places,)

    def plan(self, given: tuple[int, ...], policy: str) -> Plan:
        """The nearest size of each set."""
        return nearest(self.sizes, given, policy, self.title)

    def outputs(self, fitting: tuple[int, ...]) -> tuple[tuple[Along, ...], ...]:
        """The sizes of the image."""
        of_axes = zip(fitting, self.places, strict=True)
        return (tuple(Along(place, name, n) for n, (place, name) in of_axes),)

    def require_shape(self, shape: tuple[int, ...], image: int) -> None:
        """Raise :class:`ShapeError` if the image has too few axes, or other ones than the layout."""
        _require_rank(shape, self.names, self.places, self.layout)

    def require_cut(self) -> None:
        """The sizes of outputs are not known before the model runs."""

    def __str__(self) -> str:
        return "; ".join(f"{name}: {fit}" for name, fit in self.sizes.items())
