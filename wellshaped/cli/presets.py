"""``wellshaped list``: the presets."""

from typing import Any

from ..spec import PRESETS, compatible_shapes, graph_of
from ..spec.answers.proposals import layouts
from ..spec.presets.sources import SOURCES
from ..words.fields import fields_of
from ..words.sizes import by_axes, together_line
from .output import AsJson, print_json, say

EXAMPLE = """\
  wellshaped list
  wellshaped list --json
"""


def presets(*, as_json: AsJson = False) -> int:
    """List the presets: well-known networks.

    Each has the shape of its input, the sizes that fit, and its source.
    With C, any number of channels, it is a config. The others are graphs.
    """
    known = {name: _preset(name) for name in PRESETS}
    if as_json:
        print_json(known)
        return 0
    width = max(map(len, known))
    for name, preset in known.items():
        first, *others = sizes_of_preset(name)
        lines = [f"{name:{width}}  {preset['input']:7}  {first}"]
        lines += [f"{'':{width + 9}}  {more}" for more in others]
        say("\n".join([*lines, f"  {SOURCES[name]}"]))
    return 0


def _preset(name: str) -> dict[str, Any]:
    graph, shapes = graph_of(name), compatible_shapes(name)
    fields = fields_of(name)
    layout = layouts(graph.axes)[0]
    channels = layout[0] if fields else str(graph.image.channels)  # a config takes any number
    return {
        "source": SOURCES[name],
        "input": "x".join((channels, *layout[1:])),
        "axes": {axis: fit.to_dict() for axis, fit in zip(shapes.names, shapes.axes, strict=True)},
        "together": shapes.together,
        "config": fields,
    }


def sizes_of_preset(name: str) -> list[str]:
    """Return lines with the sizes that fit a preset.

    >>> sizes_of_preset("nnunet_3d_fullres")[:2]
    ['depth: n ≡ 0 (mod 16), n ≥ 16', 'height and width: n ≡ 0 (mod 32), n ≥ 32']
    """
    shapes = compatible_shapes(name)
    found = by_axes(shapes)
    lines = [str(fit) if len(found) == 1 else f"{axes}: {fit}" for axes, fit in found]
    together = together_line(shapes, short=True)
    return [*lines, together] if together else lines
