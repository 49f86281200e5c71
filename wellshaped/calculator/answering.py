"""The answer to the question of the page's form, as plain data for JSON."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from ..image_map import image_map
from ..spec import AnyNetwork, Cause, Network, Plan, Report, ShapeSet, Stage, explain, graph_of, plan
from ..spec.answers.any_network import title
from ..spec.answers.costs import stages_of_run
from ..spec.messages.report import WellshapedError
from ..spec.messages.written import written_number, written_sizes
from ..spec.network.requirement import Requirement
from ..words.fields import fields_of
from ..words.fixes import typed
from ..words.numbers import tile_in
from ..words.shapes import report_on, shape_of
from ..words.sizes import enough, known_shapes, lines_of_known
from .pictures import picture_of, tiles_of
from .question import Question

T = TypeVar("T")


def answer_to(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to a ``state`` of the form, which :meth:`.question.Question.of` reads.

    - ``command``: the command that asks the same; ``message``: what it prints; ``fits``: whether its answer is yes.
    - ``sizes``: all sizes that fit, in lines; ``fields``: those of a config, as they are typed.
    - ``below``, ``above``: the nearest sizes that fit, with their channels; ``plans``: code that crops or pads.
    - ``picture``: the network as SVG; ``stages``: its rows with costs; ``no_picture``: why there is none.
    - ``tiles``: the lines and the picture of an image in tiles, or why there are none.

    What is not known is left out, or empty. Nothing is raised for a state that is wrong: the message says what is.

    >>> found = answer_to({"network": "unet2", "input": "1x303x384"})
    >>> found["fits"], found["below"], found["above"], found["plans"][0]["code"]
    (False, '1x302x384', '1x304x384', 'x[:, :302, :384]')
    """
    question = Question.of(state)
    found: dict[str, Any] = {"command": question.command, "fits": False, "sizes": []}
    try:
        network = question.asked()
        found["fields"] = fields_of(network) or {}
        report = report_on(network, question.input or None, None)
        shapes = known_shapes(network) if report.ok else None
        if report.ok:
            found |= {"fits": True, "message": "\n".join([str(report), *lines_of_known(shapes)])}
        else:
            found["message"] = _said(report, question)
    except WellshapedError as error:
        found["message"] = _said(error.report, question)
        return found | _sizes_known(question)
    return found | _sizes_known(question) | _of_image(network, question)


def answer_in_json(text: str) -> str:
    """Return the :func:`answer_to` a state in JSON, as JSON."""
    return json.dumps(answer_to(json.loads(text)), ensure_ascii=False, default=str)


def _said(report: Report, question: Question) -> str:
    return str(typed(report, question.words))


def _sizes_known(question: Question) -> dict[str, Any]:
    """Return the sizes that fit, and an example of them. Both are left out if the network can't be built."""
    try:
        network = question.asked()
        shapes = known_shapes(network)
        example = None if shapes is None else enough(shapes)
        channels = graph_of(network).image.channels
    except WellshapedError:
        return {}
    return {"sizes": lines_of_known(shapes), "example": example and _shape(channels, example)}


def _shape(channels: int, sizes: Sequence[int]) -> str:
    return "x".join(map(str, (channels, *sizes)))


def _of_image(network: AnyNetwork, question: Question) -> dict[str, Any]:
    """Return what is known of an image whose shape can be read; of an example if none is given."""
    shapes = _or_none(lambda: known_shapes(network))
    example = None if shapes is None else enough(shapes)
    if question.input:
        channels, *sizes = shape_of(question.input, network, None)
    elif example is not None:
        channels, *sizes = graph_of(network).image.channels, *example
    else:
        return {}
    graph = _or_none(lambda: graph_of(network, channels or None))
    if graph is None:
        return {}
    found = _of_network(graph, tuple(sizes), title(network))
    if shapes is not None and question.input:
        found |= _nearest(shapes, network, channels, tuple(sizes))
    return found | ({"tiles": _tiles(network, tuple(sizes), question)} if question.tile else {})


def _or_none(found: Callable[[], T]) -> T | None:
    try:
        return found()
    except WellshapedError:
        return None


def _nearest(shapes: ShapeSet, network: AnyNetwork, channels: int, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Return the nearest sizes below and above, and how to crop or pad to them."""
    if sizes in shapes or 0 in sizes:
        return {}
    below, above = shapes.below(sizes), shapes.above(sizes)
    plans = []
    for policy, nearest in (("crop", below), ("pad", above)):
        planned: Plan | None = _or_none(partial(plan, network, sizes, policy))
        if nearest is not None and planned is not None:
            says = f"{policy} {written_sizes(sizes)} to {written_sizes(planned.fitting)}"
            plans.append({"says": says, "code": str(planned)})
    named = {"below": below, "above": above}
    return {name: _shape(channels, of) for name, of in named.items() if of is not None} | {"plans": plans}


def _of_network(graph: Network, sizes: tuple[int, ...], name: str) -> dict[str, Any]:
    """Return the stages of a network with their costs, and its picture with the nodes that break."""
    explained = explain(graph, sizes)
    stages = stages_of_run(graph, sizes)
    broken: dict[str, list[str]] = {}
    for cause in explained.causes:
        lines = broken.setdefault(_stage_with(graph, stages, cause.node), [])
        lines += [line for line in [_meet(cause, graph, explained.sizes)] if line not in lines]
    rows = [[s.name, s.op, s.layer or "", written_sizes(s.shape), s.parameters, s.multiply_adds] for s in stages]
    found: dict[str, Any] = {
        "broken": {name: lines[:2] for name, lines in broken.items()},
        "stages": rows,
        "parameters": sum(s.parameters for s in stages),
        "multiply_adds": sum(s.multiply_adds for s in stages),
    }
    try:
        about = f"{name}: {len(stages)} stages for an image of {written_sizes(sizes)}"
        at = "".join(f"; {node}: {lines[0]}" for node, lines in broken.items())
        return found | {"picture": picture_of(stages, about + at, found["broken"])}
    except WellshapedError as error:
        return found | {"no_picture": str(error)}


def _meet(cause: Requirement, graph: Network, sizes: Sequence[Mapping[str, int]]) -> str:
    """Return the two sizes that meet at a node, in a few letters: those of the picture, where nothing is fixed yet."""
    axis, left, right = "", cause.left, cause.right
    if isinstance(cause, Cause):
        axis, of_axis = f"{cause.axis} ", sizes[graph.axis_names.index(cause.axis)]
        left, right = of_axis.get(cause.left_of, left), of_axis.get(cause.right_of, right)
    if cause.relation.together and cause.right_of:
        return f"{axis}{written_number(left)} ≠ {written_number(right)}"
    return f"{axis}{written_number(left)}: {cause.relation.says} {written_number(right)}"


def _stage_with(graph: Network, stages: Sequence[Stage], node: str) -> str:
    """Return the stage that shows a node: itself, the one that it joined, or, if it only checks, the one before it."""
    shown = {stage.name for stage in stages}
    nodes = {of.name: of for of in graph.nodes}
    while node not in shown:
        follower = next((of.name for of in graph.nodes if of.inputs[0] == node), None)
        if nodes[node].operation.only_checks or follower is None:
            node = nodes[node].inputs[0]
            continue
        node = follower
    return node


def _tiles(network: AnyNetwork, sizes: tuple[int, ...], question: Question) -> dict[str, Any]:
    """Return the numbers and the picture of an image in tiles, or why there are none."""
    if not report_on(network, question.input or None, None).ok:
        return {"lines": ["Tiles are for an image that fits."]}
    try:
        found = image_map(network, sizes, tile_in(question.tile, len(sizes)))
    except WellshapedError as error:
        return {"lines": str(typed(error.report, question.words)).splitlines()}
    return {
        "lines": [found.title, *(f"{of}: {says}" for of, says in found.lines().items())],
        "picture": tiles_of(found),
    }
