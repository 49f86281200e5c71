"""Where the boxes and arrows of the picture of a network stand, and what is written in them; without a drawing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .spec import Stage
from .spec.messages.report import UsageError, WellshapedError
from .spec.messages.written import kind_of as kind_of_value

COLOURS = {
    "input": "#8d99ae",
    "smaller": "#d1495b",
    "larger": "#2a9d6f",
    "join": "#c9822b",
    "convolution": "#3a86c8",
    "other": "#6d597a",
}
"""The colour of each kind of box."""

_KINDS = {  # the first word that a stage's first operation contains decides
    "input": "input",
    "pool": "smaller",
    "space to depth": "smaller",
    "mean": "smaller",
    "transposed": "larger",
    "resize": "larger",
    "depth to space": "larger",
    "concat": "join",
    "add": "join",
    "multiply": "join",
    "conv": "convolution",
}
_STAGES = "stages(network, (3, 304, 384))"
_MOST = 300
"""The most boxes in a picture."""
ROW = 2.0
"""Units from row to row. A stage that rises to a row stands half a row below it."""
WIDTH, HEIGHT = 0.82, 0.74
INCH = 1.25
"""Inches per unit of height."""
BEND = 0.55
"""How far an arrow bends over boxes, at most."""


@dataclass(frozen=True, slots=True)
class Place:
    """The column of a box, and the height of its centre: at a row, or half a row below it."""

    x: int
    y: float


@dataclass(frozen=True, slots=True)
class Arrow:
    """An arrow from edge to edge of two boxes. It ``bends`` if it passes over other boxes of its row."""

    source: str
    target: str
    start: tuple[float, float]
    end: tuple[float, float]
    skip: bool
    bends: bool

    @property
    def named(self) -> bool:
        """Whether the word "skip" stands on it."""
        return self.skip and not self.bends and self.start[1] == self.end[1]


def kind_of(stage: Stage) -> str:
    """Return the kind of a box, which gives it its colour.

    >>> kind_of(Stage("up", "transposed conv", (), (8, 4, 4)))
    'larger'
    """
    first = stage.op.partition(",")[0]
    return next((kind for word, kind in _KINDS.items() if word in first), "other")


def lines_in(stage: Stage) -> list[str]:
    """Return the lines in a box: the name, the operations, the layer (if it has another name) and the shape.

    >>> lines_in(Stage("up", "transposed conv", (), (8, 4, 4), "decoder.up"))
    ['up', 'transposed conv', 'decoder.up', '8×4×4']
    """
    layer = [stage.layer] if stage.layer and stage.layer != stage.name else []
    return [stage.name, *_broken(stage.op), *layer, shape_in_words(stage)]


def places_of(stages: Sequence[Stage]) -> dict[str, Place]:
    """Return the place of each stage. No two share a place, and none is to the left of its inputs."""
    if not (isinstance(stages, Sequence) and all(isinstance(stage, Stage) for stage in stages)):
        says = f"it is {kind_of_value(stages)}, and must be the stages of a network"
        raise UsageError.of("the picture", "stages", "", says, _STAGES)
    if not 1 <= len(stages) <= _MOST:
        says = f"there are {len(stages)} stages, and a picture has 1 to {_MOST}"
        fix = "fewer levels or convolutions" if stages else _STAGES
        raise WellshapedError.of("drawing the picture", "stages", "", says, fix)
    scales = sorted({stage.scale for stage in stages}, reverse=True)
    rows = {scale: -ROW * i for i, scale in enumerate(scales)}
    places: dict[str, Place] = {}
    taken: set[Place] = set()
    given: dict[str, Stage] = {}
    for stage in stages:
        if any(name not in places for name in stage.inputs):
            says = f"{stage.name!r} has inputs {list(stage.inputs)}, and the stages before it are {list(places)[-3:]}"
            raise UsageError.of("the picture", "stages", "", says, _STAGES)
        x, y = max((places[name].x for name in stage.inputs), default=0), rows[stage.scale]
        scale = given[stage.inputs[0]].scale if stage.inputs else stage.scale
        if stage.scale > scale or (not stage.inputs and Place(x, y) in taken):  # inputs stand one below the other
            y -= ROW / 2
        elif stage.scale == scale and len(stage.inputs) == 1:
            x += 1
        sources = [places[name] for name in stage.inputs]
        while not taken.isdisjoint([Place(x, y), *(on_way for source in sources for on_way in _way(source, x, y))]):
            x += 1
        places[stage.name], given[stage.name] = Place(x, y), stage
        taken.add(Place(x, y))
        taken.update(on_way for source in sources if source.y > y for on_way in _way(source, x, y))
    return places


def _way(source: Place, x: int, y: float) -> list[Place]:
    """Return the places that an arrow passes on its way straight up or down."""
    if source.x != x:
        return []
    low, high = sorted((source.y, y))
    return [Place(x, low + ROW / 2 * i) for i in range(1, round((high - low) / (ROW / 2)))]


def arrows_of(stages: Sequence[Stage], places: Mapping[str, Place]) -> Iterator[Arrow]:
    """Yield the arrows to each stage from those that it is computed from."""
    taken, sources = set(places.values()), _sources(stages)
    for stage in stages:
        for name in stage.inputs:
            source, target = places[name], places[stage.name]
            across, along = target.x - source.x, target.y - source.y
            bends = along == 0 and any(Place(x, source.y) in taken for x in range(source.x + 1, target.x))
            if bends:
                top = source.y + HEIGHT / 2
                start, end = (source.x + WIDTH / 4, top), (target.x - WIDTH / 4, top)
            elif across:
                start, end = (source.x + WIDTH / 2, source.y), (target.x - WIDTH / 2, target.y)
            else:
                way = HEIGHT / 2 if along > 0 else -HEIGHT / 2
                start, end = (source.x, source.y + way), (target.x, target.y - way)
            yield Arrow(name, stage.name, start, end, _skips(name, stage, places, sources), bends)


def _sources(stages: Sequence[Stage]) -> dict[str, set[str]]:
    """Return, for each stage, all stages that it is computed from."""
    sources: dict[str, set[str]] = {}
    for stage in stages:
        sources[stage.name] = set(stage.inputs).union(*(sources[name] for name in stage.inputs))
    return sources


def _skips(source: str, stage: Stage, places: Mapping[str, Place], sources: Mapping[str, set[str]]) -> bool:
    """Whether the arrow is a skip: another input comes from ``source`` or rises to its row."""
    start, end = places[source], places[stage.name]
    others = [name for name in stage.inputs if name != source]
    rises = start.y == end.y and any(places[name].y == end.y - ROW / 2 for name in others)
    return end.x - start.x > 1 and (rises or any(source in sources[name] for name in others))


def shape_in_words(stage: Stage) -> str:
    """Return the shape of a stage: channels, then the size of each axis."""
    return "×".join(map(str, stage.shape))


def _broken(operations: str) -> list[str]:
    """Return the operations, on two lines if they are long."""
    if len(operations) <= 18 or ", " not in operations:
        return [operations]
    first, _, rest = operations.partition(", ")
    *most, last = rest.split(", ")
    return [", ".join([first, *most]) + ",", last]
