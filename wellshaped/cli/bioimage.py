"""``wellshaped bioimage``: a network in the BioImage Model Zoo, and what a description there says wrongly."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from ..spec import AnyNetwork
from ..spec.answers.any_network import title
from ..spec.messages.report import UsageError
from ..spec.messages.written import clipped
from ..words.shapes import any_image
from .network import Flags, given_fields, network_of
from .output import AsJson, print_json, say, status_of, working

EXAMPLE = """\
  wellshaped bioimage milesial
  wellshaped bioimage milesial --yaml
  wellshaped bioimage rdf.yaml milesial
  wellshaped bioimage rdf.yaml unet --levels 3 --padding same
"""

First = Annotated[
    str | None,
    Parameter(
        help="A preset (wellshaped list), unet, unet2, a .toml or .json file, or a configuration in nnU-Net's plans. "
        "Or a description to compare: bioimageio.yaml or rdf.yaml. [default: unet2]"
    ),
]

Second = Annotated[str | None, Parameter(help="The network with which a description is compared.")]


def bioimage(
    network: First = None,
    compared: Second = None,
    *,
    yaml: Annotated[bool, Parameter(negative="", help="Print the inputs and outputs as YAML, to paste.")] = False,
    flags: Flags = None,
    as_json: AsJson = False,
) -> int:
    """Show min, step, scale, offset and halo of a network, or compare a description in the BioImage Model Zoo with it.

    Also says what a description can't express. Nothing is downloaded, and no weights are loaded.
    A description and --yaml need bioimageio.spec, the extra bioimage.
    Exits with 1 if a description is wrong.
    """
    file, name = _file_and_name(network, compared, given_fields(flags))
    if file is not None and yaml:
        says = "a description is compared, and the YAML is that of a network"
        raise UsageError.of("--yaml", "yaml", "", says, f"wellshaped bioimage {clipped(name or 'unet')} --yaml")
    given = network_of(name, flags)
    with working(f"checking {title(given)}"):
        any_image(given, None).raise_if_failed()
    if file is not None:
        return _compare(file, given, as_json)
    with working(f"describing {title(given)}"):
        from ..interop import bioimage_description, bioimage_yaml

        description = bioimage_description(given)
        data: dict[str, Any] = description.to_dict() | ({"yaml": bioimage_yaml(description)} if yaml else {})
    if as_json:
        print_json(data)
    elif yaml:
        print(end=data["yaml"])
    else:
        say(str(description))
    return 0


def _file_and_name(first: str | None, second: str | None, fields: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return the file of a description, if one is given, and the name of the network. Their order does not matter.

    >>> _file_and_name("rdf.yaml", "milesial", {}), _file_and_name("milesial", None, {})
    (('rdf.yaml', 'milesial'), (None, 'milesial'))
    """
    if first is not None and _is_description(first):
        if second is None and not fields:
            says = "the network with which the description is compared is missing"
            raise UsageError.of("the network", "network", "", says, f"wellshaped bioimage {clipped(first)} milesial")
        return first, second
    if second is None:
        return None, first
    if _is_description(second):
        return second, first
    says = f"neither {clipped(first or '')} nor {clipped(second)} is a description, which is a .yaml file"
    fix = f"the path of the description first, for example wellshaped bioimage rdf.yaml {clipped(second)}"
    raise UsageError.of("the description", "description", "", says, fix)


def _is_description(name: str) -> bool:
    return Path(name).suffix.lower() in (".yaml", ".yml")


def _compare(file: str, network: AnyNetwork, as_json: bool) -> int:
    with working(f"comparing {file} with {title(network)}"):
        from ..interop import compare_bioimage

        report = compare_bioimage(file, network)
    if as_json:
        print_json(report.to_dict())
    else:
        report.raise_if_failed()
        say(str(report))
    return 0 if report.ok else status_of(report.error)
