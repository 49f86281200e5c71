"""``wellshaped plan``: how to pad or crop an image so that it fits."""

from typing import Annotated

from cyclopts import Parameter

from ..spec import AnyNetwork, explain, graph_of
from ..spec import plan as plan_for
from ..spec.answers.any_network import title
from ..spec.answers.explanation import axes_with
from ..spec.answers.planning import POLICIES, near_policies
from ..spec.messages.report import ShapeError, UsageError, wrapped
from ..spec.messages.written import written_sizes
from ..words.shapes import require_built, shape_of
from .image import Image
from .network import Flags, Name, network_of
from .output import AsJson, print_json, say

EXAMPLE = """\
  wellshaped plan unet --input 3x303x384
  wellshaped plan nnunet_3d_fullres --input 1x30x95x160 --policy crop
"""


def plan(
    network: Name = None,
    *,
    image: Image,
    policy: Annotated[
        str, Parameter(help="pad (to the nearest sizes above), crop (to those below), or error (change nothing).")
    ] = "pad",
    flags: Flags = None,
    as_json: AsJson = False,
) -> int:
    """Show how to pad or crop an image so that it fits: an expression to paste.

    An image is padded or cropped at the end of each axis.
    Exits with 0 if the policy finds an image that fits, else with 1.
    """
    if policy not in POLICIES:
        says = f"it is {policy[:60]!r}, and must be one of {', '.join(POLICIES)}"
        fix = " or ".join(f"--policy {of}" for of in near_policies(policy))
        raise UsageError.of("--policy", "policy", "", says, fix)
    given = network_of(network, flags, image)
    channels, *sizes = shape_of(image, given, None)
    require_built(given, channels)
    found = plan_for(given, tuple(sizes), policy)
    output = explain(given, found.fitting).output
    kept_output, note = _kept(given, (channels, *sizes), output) if policy == "pad" else (output, "")
    if as_json:
        kept = [[part.start, part.stop] for part in found.slices]
        lists = {"given": found.given, "fitting": found.fitting, "pads": found.pads, "slices": kept}
        outputs = {"output": output, "output_kept": kept_output, "note": note}
        print_json({"network": title(given), "policy": found.policy, **lists, **outputs, "expression": str(found)})
        return 0
    makes = f"the output has size {written_sizes(output)}"
    if found.given == found.fitting:
        say(f"{axes_with(graph_of(given), found.given)} for {title(given)}: nothing to do, {makes}")
    else:
        change = f"{policy} {written_sizes(found.given)} to {written_sizes(found.fitting)}"
        lines = [f"{change} for {title(given)}: {makes}", str(found)]
        if kept_output not in (None, output):
            crop = ", ".join(f":{n}" for n in kept_output)
            is_whole = kept_output == found.given
            what = f"back to {written_sizes(kept_output)}" if is_whole else "to what belongs to the image"
            lines.append(f"y[:, {crop}] crops the output y {what}")
        lines += [wrapped(f"note: {note}")] if note else []
        say("\n".join(lines))
    return 0


def _kept(network: AnyNetwork, image: tuple[int, ...], output: tuple[int, ...]) -> tuple[tuple[int, ...] | None, str]:
    """Return the sizes of the part of an output that belongs to a padded image, or ``None`` and why there is none.

    >>> _kept("smp_resnet34", (3, 303, 384), (320, 384))
    ((303, 384), '')
    """
    from ..interop.fitting.planning import plan_of
    from ..interop.fitting.sources import OfNetwork

    source = OfNetwork(network, None)
    try:
        source.require_cut()
        kept = plan_of(source, (image,) * len(source.images), "pad", "zeros").outputs
    except ShapeError as error:
        return None, error.report.failures[0].says
    except UsageError:  # it is not known which part this is
        return None, ""
    cut = {part.name: part.size for part in kept[0]} if kept else {}
    return tuple(cut.get(name, n) for name, n in zip(source.names, output, strict=True)), ""
