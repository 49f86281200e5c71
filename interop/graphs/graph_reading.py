"""A graph of somebody's network: read at sizes of every class, compared, built, and confirmed (SPEC section 11)."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, product
from random import Random
from typing import Any

from ...spec.arithmetic.size_set import SizeSet
from ...spec.messages.report import UsageError, WellshapedError
from ...spec.messages.written import clipped
from ...spec.network import Network, Require, sizes_that_fit
from ...spec.network.fields import shortest
from ...spec.network.network import MAX_AXES
from ...spec.network.running import run, run_image, sizes_along
from ..sizes.answer import ModelSizes
from ..sizes.paths import Accepted, Unknown, kind
from ..sizes.shapes import OpenShape, equalities, open_sizes
from .aligning import OtherPathError, Track, aligned
from .building import Built, built, no_step
from .draft import Draft, IsBatchError, NotOpenError
from .drafting import Roles
from .operations import PREFERENCES
from .pending import IN_TRAINING
from .same_padding import with_same_padding

Sizes = dict[str, int]
Drafter = Callable[[Mapping[str, int], Roles], Draft]
"""Runs the network at some sizes, and returns its nodes there."""

_BATCHES = ("N", "B", "n", "b", "batch")
_LARGE = 200
"""Members of a class from this size on are read. No size on the way is 1 there by accident."""

_SMALL = 64
"""A class that ends below this size is not read: after a few halvings, an image is a single position there."""


def graph_of(answer: ModelSizes, drafter: Drafter, progress: Callable[[str], None]) -> Network:
    """The network that the framework runs, as a graph. ``drafter`` returns its nodes at some sizes.

    Raises :class:`UsageError` if a fixed size is an axis of the image, and :class:`WellshapedError` if an operation has
    no step, if the network runs other operations at some sizes, or if the graph does not agree with the framework.
    """
    names = open_sizes(answer.shapes)
    for name in names:
        if not answer[name]:
            fits = "is known to fit" if answer.axes[name].found.undecided else "fits"
            why = "".join(f": {failure.says}" for failure in answer.check().failures[:1])
            raise _error(answer, "no_size", f"no size {name} {fits}{why}", "")
    roles = _first_roles(answer)
    while True:
        _require_axes(answer, roles)
        try:
            drafts = list(_drafts(answer, drafter, roles, progress))
            break
        except IsBatchError as found:
            name = roles.axes[found.axis]
            roles = Roles(tuple(of for of in roles.axes if of != name), roles.batches | {name})
        except NotOpenError as found:
            if not any(found.size in shape for shape in answer.shapes):
                raise _error(answer, "batch", "one image of a batch is read for the others", "") from None
            says = f"the size {found.size} is along an axis of the image, and must be open"
            shape = " ".join(map(str, answer.shapes[0]))
            raise UsageError.of(f"the shape {shape}", "open_axis", "", says, _with_open(answer, found.size)) from None
    complete = next((draft for draft in drafts if draft.finished), None)
    if complete is None:
        raise _error(answer, "read", "it ran to its end on none of the images that were read", "")
    if complete.failures:
        raise no_step(answer.model, complete.failures, _fix(answer, complete.failures))
    if not complete.outputs:
        raise _error(answer, "output", "no output depends on an image", "")
    try:
        tracks, outputs = with_same_padding(*aligned(drafts))
    except OtherPathError as other:
        raise _error(answer, "same_path", str(other), "") from None
    return _confirmed(answer, tracks, outputs, drafts, roles)


def _confirmed(
    answer: ModelSizes, tracks: Sequence[Track], outputs: Sequence[Track], drafts: Sequence[Draft], roles: Roles
) -> Network:
    """The network of these nodes. Where several operations have the same numbers, the first that agrees is taken.

    A network may check the sizes of its image in Python. If no graph agrees without this requirement, the graph has it.
    """
    differs: WellshapedError | None = None
    names, axes = _input_names(answer.shapes), len(roles.axes)
    for required, preferred in product((None, *_required(answer, roles)), PREFERENCES):
        made = built(tracks, outputs, names, axes, answer.model, preferred, required)
        if made.network is None:
            raise no_step(answer.model, made.failures, _fix(answer, made.failures))
        try:
            _confirm(answer, made.network, made, drafts, roles)
        except WellshapedError as error:
            differs = differs or error
        else:
            return made.network
    assert differs is not None
    raise differs


def _required(answer: ModelSizes, roles: Roles) -> Iterator[Require]:
    """What the network may require of its image: multiples of a number, from some size on."""
    fitting = [answer[name] for name in roles.axes]
    if not all(of.residues == (0,) for of in fitting):
        return
    multiple, least = [of.period or 1 for of in fitting], [of.minimum or 1 for of in fitting]
    more: dict[str, Any] = {"multiple": shortest(multiple)} if max(multiple) > 1 else {}
    if any(n > m for n, m in zip(least, multiple, strict=True)):
        more["at_least"] = shortest(least)
    if more:
        yield Require(**more)


def _error(answer: ModelSizes, rule: str, says: str, about: str) -> WellshapedError:
    return WellshapedError.of(f"a graph of {answer.model}", rule, about, clipped(says, 400), _fix(answer))


def _fix(answer: ModelSizes, failures: Sequence[str] = ()) -> str:
    of_torch = answer.framework.startswith("torch")
    if any(IN_TRAINING in failure for failure in failures):
        if of_torch:
            return "model.eval() first, and batch norms with running statistics"
        return 'model.eval() first, or arguments such as {"train": False}'
    return f"{answer.reader}, which gives its sizes without a graph"


def _first_roles(answer: ModelSizes) -> Roles:
    names = open_sizes(answer.shapes)
    image = next((shape for shape in answer.shapes if len(open_sizes((shape,))) > 1), answer.shapes[0])
    batches = {name for name in names if name in _BATCHES and len(names) > 1}
    return Roles(tuple(name for name in open_sizes((image,)) if name not in batches), frozenset(batches))


def _require_axes(answer: ModelSizes, roles: Roles) -> None:
    if 1 <= len(roles.axes) <= MAX_AXES:
        of_each = [tuple(n for n in shape if n in roles.axes) for shape in answer.shapes]
        others = [n for n in open_sizes(answer.shapes) if n not in roles.axes and n not in roles.batches]
        if all(of in ((), roles.axes) for of in of_each) and not others:
            return
        says = "all images must have the same open sizes, in the same order"
    else:
        says = f"it has the open sizes {', '.join(roles.axes) or 'none'}, and must have 1 to {MAX_AXES} of an image"
    shapes = ", ".join(" ".join(map(str, shape)) for shape in answer.shapes)
    alike = [size for size, count in Counter(answer.shapes[0]).items() if isinstance(size, int) and count > 1 < size]
    fix = _with_open(answer, alike[0]) if len(alike) == 1 and not roles.axes else '"3 H W"'
    raise UsageError.of(f"the shape {shapes}", "axes", "", says, fix)


def _with_open(answer: ModelSizes, size: int) -> str:
    """The shapes with names in the place of this size, as the caller would write them."""
    names = iter([name for name in ("H", "W", "D", "L") if name not in open_sizes(answer.shapes)])
    named: dict[int, str] = {}
    texts = []
    for shape in answer.shapes:
        for axis in (axis for axis, n in enumerate(shape) if n == size and axis not in named):
            named[axis] = next(names, f"axis_{axis}")
        texts.append(" ".join(named[axis] if n == size else str(n) for axis, n in enumerate(shape)))
    return ", ".join(f'"{text}"' for text in texts)


def _input_names(shapes: Sequence[OpenShape]) -> list[str]:
    return ["x"] if len(shapes) == 1 else [f"x{i + 1}" for i in range(len(shapes))]


def _drafts(answer: ModelSizes, drafter: Drafter, roles: Roles, progress: Callable[[str], None]) -> Iterator[Draft]:
    """The network at sizes that fit, of every class, and at sizes that do not, up to where they break."""
    for sizes in _read_at(answer, roles):
        progress(equalities(sizes))
        yield drafter(sizes, roles)


def _read_at(answer: ModelSizes, roles: Roles) -> Iterator[Sizes]:
    fitting = {name: _only_large(list(dict.fromkeys(_members(answer, name, "fits")))) for name in answer.axes}
    batch = {name: next((n for n in islice(answer[name], 3) if n > 1), fitting[name][0]) for name in roles.batches}
    if answer.independent is False:
        yield answer.held
    count = max(len(fitting[name]) for name in roles.axes)
    for turn in range(max(count, 4)):
        # Another offset for each axis, so that their sizes differ.
        yield batch | {name: fitting[name][(turn + k) % len(fitting[name])] for k, name in enumerate(roles.axes)}
    for k, name in enumerate(roles.axes):
        others = {other: fitting[other][(k + 1) % len(fitting[other])] for other in roles.axes if other != name}
        for of in ("rejected", "empty", "broadcast"):
            for size in dict.fromkeys(_members(answer, name, of)):
                if size >= _LARGE:
                    yield batch | others | {name: size}


def _only_large(sizes: list[int]) -> list[int]:
    """The sizes that are large enough to be read, or the largest if none is."""
    return [n for n in sizes if n >= _SMALL] or [max(sizes)]


_CLASSES = 18
"""At most this many classes of sizes are read along an axis, and in all about as many sizes."""


def _members(answer: ModelSizes, name: str, of: str) -> Iterator[int]:
    """Sizes of every class that has a member of :data:`_SMALL` or more, or of every class if none has."""
    found = answer.axes[name].found
    regions = [region.sizes for region in found.regions if kind(region.end) == of]
    regions = [sizes for sizes in regions if sizes.above(_SMALL)] or regions
    most, draw = max(3, _CLASSES // max(len(regions), 1)), Random(0)
    for sizes in islice(regions, _CLASSES):
        bounds = [_LARGE, *(draw.randrange(_LARGE, 20 * _LARGE) for _ in range(most - 1))]
        large = dict.fromkeys(n for bound in bounds if (n := sizes.above(bound)) is not None)
        yield from large or [sizes.maximum or 1]


def _confirm(
    answer: ModelSizes,
    network: Network,
    made: Built,
    drafts: Sequence[Draft],
    roles: Roles,
) -> None:
    """Raise unless the graph has the framework's sizes at every node that was read, and the same sizes fit."""
    for i, draft in enumerate(drafts):
        for k, axis in enumerate(roles.axes):
            sizes = sizes_along(network, draft.sizes[axis], k)
            for track, name in made.names.items():
                if i in track.sizes and sizes[name] != track.sizes[i][k]:
                    theirs = f"{track.sizes[i][k]} in the framework"
                    says = f"{axis} = {draft.sizes[axis]}: {name} is {sizes[name]}, and {theirs}"
                    raise _error(answer, "confirmed", says, "the graph differs from the network")
    for k, axis in enumerate(roles.axes):
        _confirm_axis(answer, network, axis, k)
    _confirm_outputs(answer, network, roles)
    if answer.independent is False:
        _confirm_together(answer, network, roles)


def _confirm_axis(answer: ModelSizes, network: Network, axis: str, k: int) -> None:
    """Raise unless exactly the sizes fit that fit the framework."""
    theirs = answer.axes[axis]
    try:
        ours: SizeSet | None = sizes_that_fit(network, k)
    except WellshapedError:
        ours = None
    if ours is not None and not theirs.found.undecided:
        more, fewer = ours & theirs.sizes.complement(), theirs.sizes & ours.complement()
        some = list(islice(more, _FEW + 1))
        dead = fewer.is_finite and all(_agree(network, (n,), fits=True) for n in fewer)
        if not dead or len(some) > _FEW or not all(_agree(network, (n,), fits=False) for n in some):
            raise _differs(answer, network, axis, k, (more or fewer).minimum or 0)
        return
    for region in theirs.found.regions:
        if isinstance(region.end, Unknown):
            continue
        for size in [*islice(region.sizes, 3), *(region.sizes.above(n) or 0 for n in (_LARGE, 3 * _LARGE))]:
            fits = kind(region.end) == "fits"
            if size and run(network, size, k).ok != fits and not _agree(network, (size,), fits=fits):
                raise _differs(answer, network, axis, k, size)


_FEW = 16
"""At most this many sizes may fail for a norm of a single value."""


def _agree(network: Network, sizes: Sequence[int], *, fits: bool) -> bool:
    """Whether the graph agrees that an image ``fits``.

    A norm of a single value has no statistics. PyTorch rejects some of these images, depending on the batch, and JAX
    none. The graph rejects all images with such an instance or group norm.
    """
    if len(sizes) != network.axes:
        return False
    image = run_image(network, sizes)
    if fits:
        return all(it.holds or it.rule == "statistics" for of in image.axes for it in of.requirements)
    return not all(of.ok for of in image.axes) or not all(of.holds for of in image.together)


def _differs(answer: ModelSizes, network: Network, axis: str, k: int, size: int) -> WellshapedError:
    of = run(network, size, k)
    ours = "fits the graph" if of.ok else f"does not fit the graph ({of.failures[0]})"
    region = answer.axes[axis].region_of(size)
    end = region.end if region else None
    theirs = "is not known in the framework" if end is None else f"{_VERBS[kind(end)]} in the framework"
    says = f"{axis} = {size} {ours}, and {theirs}"
    return _error(answer, "confirmed", says, "the graph differs from the network")


def _confirm_together(answer: ModelSizes, network: Network, roles: Roles) -> None:
    """Raise unless the same images fit, where the sizes along several axes depend on each other."""
    some = [[*islice(answer[name], 4), answer[name].above(100) or 1] for name in roles.axes]
    held = {name: next(iter(answer[name])) for name in roles.batches}
    for sizes in product(*some):
        at = held | dict(zip(roles.axes, sizes, strict=True))
        fits = kind(answer.trial(at)) == "fits"
        if not _agree(network, sizes, fits=fits):
            together = f" ({answer.together[0]})" if answer.together else ""
            names = equalities(dict(zip(roles.axes, sizes, strict=True)))
            ours = f"{names} {'does not fit' if fits else 'fits'} the graph"
            theirs = (
                f"{'fits' if fits else 'does not fit'} in the framework, whose sizes depend on each other{together}"
            )
            raise _error(answer, "independent", f"{ours}, and {theirs}", "the graph differs from the network")


_VERBS = {
    "fits": "fits",
    "rejected": "is rejected",
    "empty": "has an empty image",
    "broadcast": "fits only because a size of 1 is repeated",
    "unknown": "is not known",
}


def _confirm_outputs(answer: ModelSizes, network: Network, roles: Roles) -> None:
    """Raise unless the outputs have the framework's sizes, also where sizes are small."""
    for turn in range(4):
        at = {}
        for name, of in answer.axes.items():
            some = list(islice(of.sizes, 4))
            at[name] = some[turn % len(some)]
        end = answer.trial(at)
        if not isinstance(end, Accepted) or kind(end) != "fits":
            continue
        along = [sizes_along(network, at[name], k) for k, name in enumerate(roles.axes)]
        expected = {tuple(of[name] for of in along) for name in network.outputs}
        for shape in end.output:
            if len(network.outputs) == 1 and not _within(next(iter(expected)), shape):
                says = f"{at}: the output has the sizes {next(iter(expected))}, and the shape {shape} in the framework"
                raise _error(answer, "confirmed", says, "the graph differs from the network")


def _within(sizes: Sequence[int], shape: Sequence[Any]) -> bool:
    """Whether the sizes are among those of a shape, if none is put together with others."""
    left = [int(size) for size in shape]
    if len(left) < len(sizes):
        return True
    for size in sizes:
        if size != 1 and size not in left:
            return False
        if size in left:
            left.remove(size)
    return True
