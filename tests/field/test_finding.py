"""What people looked for and no library found: the input for an output, and numbers for which sizes fit.

``cases.json`` has the cases, each with its source and the right answer. Its steps are in an older notation.
"""

import json
import re
from pathlib import Path

import pytest

from wellshaped.spec import (
    OPEN,
    Concat,
    ConvTranspose,
    CropTo,
    Network,
    Node,
    Require,
    Resize,
    TransposedWindow,
    Window,
    compatible_sizes,
    fill,
    input_for,
    run,
    transposed_for,
)
from wellshaped.spec.families import ronneberger2015

CASES = {case["id"]: case for case in json.loads((Path(__file__).parent / "cases.json").read_text())}


def numbers_of(step):
    """The numbers of a step as it is written in the file: ``Window(kernel=1, stride=2)``."""
    return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", step)}


def graph_from(steps):
    """The graph of a list of steps, whose joins are all by even crops."""
    nodes, now, at = [], "x", {}
    for i, step in enumerate(steps):
        kind, name = step.partition("(")[0], re.search(r"name='(\w+)'", step)
        if kind == "Save":
            at[name[1]] = now
            continue
        if kind == "Join":
            assert "how='even crop'" in step
            nodes.append(Node(f"cropped[{i}]", CropTo(odd="never"), (at[name[1]], now)))
            operation, inputs = Concat(), (f"cropped[{i}]", now)
        else:
            operation = {"Window": Window, "Transposed": TransposedWindow}[kind](**numbers_of(step))
            inputs = (now,)
        now = f"step[{i}]"
        nodes.append(Node(now, operation, inputs))
    return Network({"x": 1}, nodes, axes=1)


@pytest.mark.parametrize("name", ["waveunet-31", "input-for-output-ronneberger2015"])
def test_the_input_for_an_output_is_the_one_of_the_report(name):
    network = graph_from(CASES[name]["steps"])
    for wanted, (n, output) in CASES[name]["right"].items():
        found = input_for(network, int(wanted))
        assert (found.sizes, found.output) == ((n,), (output,))
        below = compatible_sizes(network).below(n - 1)
        assert below is None or run(network, below).sizes[network.outputs[0]] < int(wanted)


def test_the_family_and_the_preset_of_the_paper_have_the_same_inputs_for_outputs():
    for wanted, (n, output) in CASES["input-for-output-ronneberger2015"]["right"].items():
        along_one = input_for(ronneberger2015(), int(wanted))
        of_both = input_for("ronneberger2015", int(wanted))
        assert (along_one.sizes, along_one.output) == ((n,), (output,))
        assert (of_both.sizes, of_both.output) == ((n, n), (output, output))


def test_the_output_paddings_that_give_back_the_encoders_sizes_are_found():
    case = CASES["keras-14158"]
    sizes = case["sizes"]
    levels = len(sizes) - 1
    nodes = [Node(f"down[{i}]", Window(3, 2, rounding="same")) for i in range(levels)]
    for i in reversed(range(levels)):
        nodes.append(Node(f"up[{i}]", ConvTranspose(3, 2, padding=1, output_padding=OPEN)))
        nodes.append(Node(f"same[{i}]", Require(equal=True), (f"up[{i}]", f"down[{i - 1}]" if i else "x")))
    network = fill(Network({"x": 1}, nodes, axes=1), sizes[0])
    found = [network.node(f"up[{i}]").operation.output_padding for i in reversed(range(levels))]
    assert found == case["right"]["output_padding_innermost_first"]
    of_25 = run(network, sizes[0]).sizes
    assert [of_25[f"down[{i}]"] for i in range(levels)] == sizes[1:]
    assert [of_25[f"up[{i}]"] for i in range(levels)] == sizes[:-1]
    remainder, modulus = map(int, re.fullmatch(r"n = (\d+) mod (\d+)", case["right"]["sizes"]).groups())
    fit = compatible_sizes(network)
    assert (fit.period, fit.residues, fit.minimum) == (modulus, (remainder,), remainder)


def test_two_transposed_convolutions_whose_factors_multiply_are_found():
    answers = [numbers_of(step) for step in CASES["diffwave-6"]["right"]["one_answer"]]
    made = []
    for answer in answers:
        up = transposed_for(answer["stride"], kernel=answer["kernel"])
        assert answer == {
            "kernel": up.kernel,
            "stride": up.stride,
            "before": up.padding,
            "after": up.padding,
            **({"output_padding": up.output_padding} if up.output_padding else {}),
        }
        made.append(Node(f"up{up.stride}", up))
    network = Network({"x": 1}, made, axes=1)
    assert all(run(network, n).sizes["up20"] == 300 * n for n in range(1, 500))


def test_open_paddings_of_two_transposed_convolutions_are_found_together():
    up15 = Node("up15", ConvTranspose(30, 15, padding=OPEN, output_padding=OPEN))
    up20 = Node("up20", ConvTranspose(40, 20, padding=OPEN, output_padding=OPEN))
    wanted = Node("wanted", Resize(300), "x")
    network = fill(Network({"x": 1}, (up15, up20, wanted, Node("y", Require(equal=True), ("up20", "wanted"))), axes=1))
    assert str(compatible_sizes(network)) == "n ≥ 1"
    assert all(run(network, n).sizes["up20"] == 300 * n for n in range(1, 500))
