"""Generate the table of published architectures, ``docs/architectures.md``: ``python -m tests.field.page``.

The table has what the library answers. Tests compare the answers with PyTorch's, and build and run each network.
"""

from pathlib import Path

from wellshaped.spec import Network, compatible_shapes
from wellshaped.spec.network import parameter_count, run_image

from .architectures import ARCHITECTURES, graph

FILE = Path(__file__).parents[2] / "docs" / "architectures.md"

HEAD = """\
# Published architectures that run

{count} published encoder-decoders, each written as a graph of this library's operations, with few channels. Every one
runs as a `TypedNetwork` ([how](typed_networks.md)). `python -m tests.field.page` writes this page from
`tests/field/architectures.json`, which has every layer.

- **sizes that fit**: all of them, as `compatible_shapes` finds them. One entry is for every axis; if the axes differ,
  each has its own. `test_the_compatible_sizes_are_those_that_the_framework_takes` compares them with the sizes that the
  same layers take in PyTorch.
- **example**: an image size, and the size of each output.
- **parameters**: of this narrow network. PyTorch has the same number.

`test_every_published_architecture_runs_with_the_sizes_and_channels_of_its_graph` builds each network, traces it, and
compares the shape of every node's result with the graph's, and the number of parameters with the table. Left out are
attention over positions, LSTMs and quantisers, which keep the sizes, and the heads of deep supervision.

"""

ALONE = """
¹ All axes at their least size at once do not fit: a norm over positions would have only one.
"""


def page() -> str:
    """The text of the page."""
    rows = ["| network | source | axes | sizes that fit | example | parameters |", "|---|---|---:|---|---|---:|"]
    for name, entry in ARCHITECTURES.items():
        network = graph(entry)
        cells = (
            f"`{name}`",
            entry["source"],
            str(network.axes),
            sizes(network),
            example(network, entry["example"]["in"][0]),
            f"{parameter_count(network):,}".replace(",", " "),
        )
        rows.append(f"| {' | '.join(cells)} |")
    return HEAD.format(count=len(ARCHITECTURES)) + "\n".join(rows) + "\n" + ALONE


def sizes(network: Network) -> str:
    """All sizes that fit: once if they are the same along all axes. A mark says that the least of all do not fit."""
    of_axes = list(map(str, compatible_shapes(network).axes))
    named = (f"{name}: {of}" for name, of in zip(network.axis_names, of_axes, strict=True))
    text = "; ".join(named if len(set(of_axes)) > 1 else of_axes[:1])
    least = [of.minimum for of in compatible_shapes(network).axes]
    return text if run_image(network, least).ok else f"{text} ¹"


def example(network: Network, image: list[int]) -> str:
    """The sizes of an image, and those of the outputs: once if they are the same."""
    ran = run_image(network, image)
    outputs = dict.fromkeys(ran.shape(output) for output in network.outputs)
    return f"{written(image)} → {' and '.join(map(written, outputs))}"


def written(sizes: list[int] | tuple[int, ...]) -> str:
    """Sizes as they are written in prose."""
    return " × ".join(map(str, sizes))


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
