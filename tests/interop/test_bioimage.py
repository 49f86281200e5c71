"""Descriptions of the BioImage Model Zoo, against brute force, the field's cases and bioimageio.spec itself."""

import json
import re
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import islice
from math import lcm

import pytest
from effort import examples
from hypothesis import assume, example, given
from hypothesis import strategies as st
from mutations import mutations

from wellshaped.cli import main
from wellshaped.interop import (
    BioimageDescription,
    InputAxis,
    InputTensor,
    OutputAxis,
    OutputTensor,
    bioimage_description,
    bioimage_yaml,
    compare_bioimage,
    read_bioimage,
)
from wellshaped.proofs_of_shape.strategies import graphs
from wellshaped.spec import (
    PRESETS,
    Add,
    Conv,
    ConvTranspose,
    CropToSmallest,
    FileError,
    MaxPool,
    Network,
    Node,
    Pad,
    PadToMultiple,
    Require,
    Resize,
    ShapeError,
    UsageError,
    compatible_sizes,
    graph_of,
    run,
)
from wellshaped.spec.network.reaching import total_stride
from wellshaped.spec.network.scale import slopes_of
from wellshaped.spec.network.tiling import NotTiledError, valid_part

from ..field.cases import CASES, sketch

pytest.importorskip("bioimageio.spec")

GENERATIONS = ("0.4", "0.5")
TILED = ("unet2", "tiny", "milesial", "ronneberger2015", "smp_resnet34", "unet3plus", "attention_unet", "pix2pix")
UNTILED = ("monai_like", "monai_unet", "unetplusplus", "ddpm", "nnunet_3d_fullres", "stable_diffusion_vae", "wave_unet")


# Files written by hand, in both generations.


def tensors(description, generation):
    """The inputs and outputs of a description as data, written without the code that is tested."""
    write = (_input_0_4, _output_0_4) if generation == "0.4" else (_input_0_5, _output_0_5)
    return {
        "inputs": [write[0](tensor) for tensor in description.inputs],
        "outputs": [write[1](tensor) for tensor in description.outputs],
    }


def _input_0_4(tensor):
    axes = "bc" + "".join(axis.axis for axis in tensor.axes)
    least = [1, tensor.channels, *(axis.min for axis in tensor.axes)]
    steps = [0, 0, *(axis.step for axis in tensor.axes)]
    shape = {"min": least, "step": steps} if any(steps) else least
    return {"name": tensor.name, "axes": axes, "data_type": "float32", "shape": shape}


def _output_0_4(tensor):
    axes = "bc" + "".join(axis.axis for axis in tensor.axes)
    shape = {
        "reference_tensor": tensor.axes[0].of[0],
        "scale": [1.0, 0.0, *(float(axis.scale) for axis in tensor.axes)],
        "offset": [0.0, tensor.channels / 2, *(float(axis.offset / 2) for axis in tensor.axes)],
    }
    if not any(axis.scale for axis in tensor.axes):
        shape = [1, tensor.channels, *(int(axis.offset) for axis in tensor.axes)]
    halo = [0, 0, *(axis.halo for axis in tensor.axes)]
    return {"name": tensor.name, "axes": axes, "data_type": "float32", "shape": shape, "halo": halo}


def _lead(tensor):
    names = [f"c{i}" for i in range(tensor.channels)]
    return [{"type": "batch"}, {"type": "channel", "channel_names": names}]


def _input_0_5(tensor):
    sizes = [{"min": axis.min, "step": axis.step} if axis.step else axis.min for axis in tensor.axes]
    axes = [
        {"type": "space", "id": axis.axis, "size": size, "scale": 0.25}
        for axis, size in zip(tensor.axes, sizes, strict=True)
    ]
    return {"id": tensor.name, "axes": _lead(tensor) + axes, "test_tensor": {"source": "https://example.com/in.npy"}}


def _output_0_5(tensor):
    axes = []
    for axis in tensor.axes:
        if axis.scale:
            size = {"tensor_id": axis.of[0], "axis_id": axis.of[1], "offset": int(axis.offset)}
            made = {"size": size, "scale": float(Fraction(1, 4) / axis.scale)}
        else:
            made = {"size": int(axis.offset)}
        halo = {"halo": axis.halo} if axis.halo else {}
        axes.append({"type": "space", "id": axis.axis, **made, **halo})
    return {"id": tensor.name, "axes": _lead(tensor) + axes, "test_tensor": {"source": "https://example.com/out.npy"}}


VERSIONS = {"0.4": "0.4.10", "0.5": "0.5.3"}


def written(path, description, generation="0.5", /, **more):
    """Write a description as JSON, which is YAML, and return its path."""
    data = {"type": "model", "format_version": VERSIONS[generation], **tensors(description, generation), **more}
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def changed(description, sizes=None, outputs=None):
    """The description with other numbers along every axis."""
    inputs = [replace(of, axes=tuple(replace(axis, **sizes or {}) for axis in of.axes)) for of in description.inputs]
    made = [replace(of, axes=tuple(replace(axis, **outputs or {}) for axis in of.axes)) for of in description.outputs]
    return replace(description, inputs=tuple(inputs), outputs=tuple(made))


@cache
def right(name):
    return bioimage_description(name)


# Brute force: tiles as the zoo's tools lay them out.


def tool_fault(graph, axis, n, halos, step, on_image=True):
    """What is wrong with tiles of size ``n`` and these halos of the outputs, found by laying them out; or ``""``.

    The image has a size that differs from ``n`` by a multiple of ``step``. ``on_image`` says that the first tile, too,
    begins at a multiple of the total stride, if the output has the position of the input.
    """
    stride, slopes = total_stride(graph, axis), slopes_of(graph, axis)
    sizes = run(graph, n, axis).sizes
    for name, halo in zip(graph.outputs, halos, strict=True):
        slope, made = slopes[name], sizes[name]
        if not slope:
            continue
        apart = (made - 2 * halo) / slope
        if apart <= 0:
            return "nothing left"
        if apart % stride or (on_image and made == n * slope and (halo / slope) % stride):
            return "off the grid"
        whole = n + lcm(3 * int(apart), step)
        first = replace(graph, outputs=(name,))
        for start in {0, int(apart), whole - n - int(apart), whole - n}:
            shift = int(start * slope)
            try:
                low, high = valid_part(first, axis, whole, start, start + n)[name]
            except NotTiledError:
                return "nothing left"
            if low > shift + halo or high < shift + made - halo:
                return "seams"
    return ""


def listed(axis, count=30):
    return list(islice(axis.sizes(), count))


def can_be_tiled(graph, axis, description):
    out = [tensor.axes[axis] for tensor in description.outputs]
    return not any("halo" in said and "makes tiles exact" in said for said in description.not_expressed) and any(
        axis.scale for axis in out
    )


def padded_evenly():
    """The size of its output depends on the input's by more than the total stride, which is 1."""
    return Network({"x": 4}, [Node("y", PadToMultiple(2, where="after"))], axes=1)


def padded_on_both_sides():
    """Where it pads depends on the size by more than the total stride: a tile pads elsewhere than the image."""
    nodes = [Node("padded", PadToMultiple(5, where="both")), Node("a", MaxPool(2)), Node("b", MaxPool(3, 2, padding=1))]
    return Network({"x": 4}, [*nodes, Node("y", MaxPool(2))], axes=1)


def cropped_if_large():
    """At small sizes the second branch is larger than the input, and is cropped."""
    nodes = [
        Node("pooled", MaxPool(2), "x"),
        Node("strided", Conv(1, 2, padding=1)),
        Node("up", ConvTranspose(2, 2)),
        Node("first", CropToSmallest(odd="after"), ("x", "up")),
        Node("second", CropToSmallest(odd="after"), ("up", "x")),
        Node("y", Add(), ("first", "second")),
    ]
    return Network({"x": 4}, nodes, axes=1)


@examples(40)
@example(padded_evenly())
@example(padded_on_both_sides())
@example(cropped_if_large())
@given(graphs())
def test_the_right_description_of_a_random_network_is_right_by_brute_force(graph):
    try:
        description = bioimage_description(graph)
    except ShapeError:
        assume(False)
    assert compare_bioimage(description, graph).ok
    for axis in range(graph.axes):
        for n in listed(description.inputs[0].axes[axis]):
            found = run(graph, n, axis)
            assert found.ok
            for name, tensor in zip(graph.outputs, description.outputs, strict=True):
                assert tensor.axes[axis].size(n) == found.sizes[name]
        if can_be_tiled(graph, axis, description):
            halos = [tensor.axes[axis].halo for tensor in description.outputs]
            on_image = not any("counted from the first tile" in said for said in description.not_expressed)
            for n in listed(sized := description.inputs[0].axes[axis], 3):
                assert tool_fault(graph, axis, n, halos, sized.step, on_image) == ""


@pytest.mark.parametrize("name", TILED)
def test_tiles_with_the_halo_of_a_preset_are_exact_and_with_a_smaller_one_are_not(name):
    graph, description = graph_of(name), right(name)
    axis, step = description.outputs[0].axes[0], description.inputs[0].axes[0].step
    stride = int(total_stride(graph, 0) * axis.scale)
    for n in listed(description.inputs[0].axes[0], 3):
        assert tool_fault(graph, 0, n, [axis.halo], step) == ""
    n = listed(description.inputs[0].axes[0], 4)[-1]
    for less in range(1, min(stride, axis.halo) + 1):
        assert tool_fault(graph, 0, n, [axis.halo - less], step) != ""


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", [*TILED, *UNTILED])
def test_all_sizes_of_a_presets_description_fit_and_have_the_outputs_size(name):
    graph, description = graph_of(name), right(name)
    sized, out = description.inputs[0].axes[0], description.outputs[0].axes[0]
    fitting = compatible_sizes(name, axis=0)
    for n in listed(sized, 20):
        assert n in fitting
        assert out.size(n) == run(graph, n).sizes[graph.outputs[0]]
    assert sized.min - 2 * out.halo / out.scale + out.offset >= 1


@examples(40)
@given(st.sampled_from(["unet2", "tiny", "ronneberger2015"]), st.data())
def test_a_description_is_judged_as_brute_force_judges_it(name, data):
    """Also, the proposed numbers are right."""
    least, step, halo = (data.draw(st.integers(*ends)) for ends in ((1, 300), (1, 40), (0, 120)))
    graph, of, fitting = graph_of(name), right(name), compatible_sizes(name)
    step = data.draw(st.sampled_from([step, 2 * of.inputs[0].axes[0].step, of.inputs[0].axes[0].step]))
    halo = data.draw(st.sampled_from([halo, of.outputs[0].axes[0].halo]))
    least = data.draw(st.sampled_from([least, of.inputs[0].axes[0].min, 16 * least]))
    offset = data.draw(st.sampled_from([of.outputs[0].axes[0].offset, Fraction(0), Fraction(-2)]))
    said = changed(of, {"min": least, "step": step}, {"halo": halo, "offset": offset})
    sizes = listed(said.inputs[0].axes[0], 40)
    good = all(n in fitting for n in sizes)
    good = good and all(said.outputs[0].axes[0].size(n) == run(graph, n).sizes[graph.outputs[0]] for n in sizes)
    good = good and all(tool_fault(graph, 0, n, [halo], of.inputs[0].axes[0].step) == "" for n in sizes)
    report = compare_bioimage(said, name)
    assert report.ok == good
    assert compare_bioimage(with_fixes(said, report), name).ok


def with_fixes(description, report):
    """The description with the numbers that the report proposes for its axes."""
    for fix in report.fixes:
        numbers = {
            key: Fraction(value)
            for key, value in re.findall(r"\b(min|step|size|scale|offset|halo) (-?\d+(?:/\d+)?)", fix)
        }
        assert numbers
        if fix.startswith("input"):
            given = {"min": int(numbers.get("min", numbers.get("size", 0))), "step": int(numbers.get("step", 0))}
            description = changed(description, given)
        else:
            if description.generation == "0.4" and "offset" in numbers:
                numbers["offset"] *= 2
            if "size" in numbers:
                numbers |= {"scale": Fraction(0), "offset": numbers.pop("size")}
            if "halo" in numbers:
                numbers["halo"] = int(numbers["halo"])
            description = changed(description, None, numbers)
    return description


def flat(report):
    """The text of a report on one line."""
    return " ".join(str(report).split())


# Faults, in both generations: what is wrong, by which rule, and the right number.

FAULTS = {
    "min": ("monai_free", {"min": 20}, {}, "min", "min 20 does not fit", "min 208, step 16"),
    "step": (
        "monai_free",
        {"min": 224, "step": 8},
        {},
        "step",
        "step 8 allows 232 = 224 + 1 × 8, which does not fit",
        "min 224, step 16",
    ),
    "size": ("monai_free", {"min": 500, "step": 0}, {}, "size", "size 500 does not fit", "size 512"),
    "scale": (
        "milesial",
        {},
        {"scale": Fraction(1, 2)},
        "scale",
        "an input of 208 gives 208, and not 104",
        "scale 1",
    ),
    "offset": ("ronneberger2015", {}, {"offset": Fraction(-188)}, "offset", "an input of 204 gives 20, and not 16", ""),
    "halo": ("milesial", {}, {"halo": 32}, "halo", "halo 32 leaves seams: up to 94 positions", "halo 96"),
    "no halo": ("milesial", {}, {"halo": 0}, "halo", "halo 0 leaves seams: up to 94 positions", "halo 96"),
    "off the grid": (
        "milesial",
        {"min": 512},
        {"halo": 100},
        "tile_starts",
        "tiles of 512 follow each other every 312 positions, and must begin at multiples of 16",
        "halo 96",
    ),
    "first tile": (
        "milesial",
        {"min": 512},
        {"halo": 104},
        "tile_starts",
        "the first tile begins 104 positions before the image, and must begin at multiples of 16",
        "halo 96",
    ),
    "any size": ("milesial", {"step": 1}, {}, "tile_starts", "tiles of 209 follow each other every 17", "step 16"),
    "small": (
        "milesial",
        {"min": 192},
        {},
        "min",
        "min 192 leaves nothing exact of a tile's result without the halo, and must be at least 208",
        "min 208, step 16",
    ),
    "fixed": (
        "milesial",
        {},
        {"scale": Fraction(0), "offset": Fraction(208)},
        "scale",
        "an input of 224 gives 224, and not 208: the size is fixed",
        "scale 1",
    ),
    "fixed size": (
        "milesial",
        {"min": 512, "step": 0},
        {"scale": Fraction(0), "offset": Fraction(500), "halo": 96},
        "size",
        "an input of 512 gives 512, and not 500",
        "size 512",
    ),
}


def a_network(name):
    """A preset, or a U-Net that takes only multiples of 16."""
    if name != "monai_free":
        return name
    graph = graph_of("milesial")
    nodes = [Node("even", Require(multiple=16), "x"), *graph.nodes]
    return Network(graph.inputs, nodes, graph.outputs, axes=2, name="even")


@pytest.mark.one_in(3)
@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_number_is_reported_with_the_rule_and_the_right_one(tmp_path, fault, generation):
    name, sizes, outputs, rule, says, fix = FAULTS[fault]
    network = a_network(name)
    said = changed(bioimage_description(network), sizes, outputs)
    if generation == "0.5" and fault.startswith("fixed"):
        said = changed(said, None, {"halo": 0})  # there, an output with a halo refers to an input
    report = compare_bioimage(written(tmp_path / "rdf.yaml", said, generation), network)
    assert rule in {failure.name for failure in report.failures}
    assert says in flat(report)
    assert fix in " ".join(report.fixes)
    repaired = with_fixes(replace(said, generation=generation), report)
    assert compare_bioimage(repaired, network).ok


def test_offsets_of_generation_0_4_are_halves(tmp_path):
    said = changed(right("ronneberger2015"), None, {"offset": Fraction(-188)})
    says = {
        generation: flat(compare_bioimage(written(tmp_path / "rdf.yaml", said, generation), "ronneberger2015"))
        for generation in GENERATIONS
    }
    assert "the offset is -188, and must be -184" in says["0.5"]
    assert "the offset is -94, and must be -92" in says["0.4"]
    assert says["0.4"].endswith("offset -92")


@pytest.mark.parametrize("generation", GENERATIONS)
def test_numbers_that_are_larger_than_needed_are_only_warned_of(tmp_path, generation):
    said = changed(right("milesial"), {"min": 512, "step": 64}, {"halo": 128})
    report = compare_bioimage(written(tmp_path / "rdf.yaml", said, generation), "milesial")
    assert report.ok
    assert report.fixes == ()
    assert [warning.name for warning in report.warnings] == ["halo", "step"]
    assert "halo 128 is larger than needed: 96 is enough" in flat(report)
    assert "step 64 is larger than needed: 16 is enough" in flat(report)


def test_a_huge_halo_takes_no_longer():
    report = compare_bioimage(changed(right("milesial"), None, {"halo": 16 * 10**7}), "milesial")
    assert report.fixes == ("input x, axes y and x: min 320000016, step 16",)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_fixed_sizes_are_allowed(tmp_path, generation):
    said = changed(right("milesial"), {"min": 512, "step": 0})
    report = compare_bioimage(written(tmp_path / "rdf.yaml", said, generation), "milesial")
    assert (report.ok, report.warnings) == (True, ())


def test_other_axes_tensors_and_channels_are_reported():
    said = right("milesial")
    one = replace(said, inputs=(replace(said.inputs[0], axes=said.inputs[0].axes[:1]),))
    assert "the network has two of space or time, and the description 1: y" in flat(compare_bioimage(one, "milesial"))
    more = compare_bioimage(replace(said, outputs=said.outputs * 2), "milesial")
    assert [failure.name for failure in more.failures] == ["outputs"]
    assert "there are two, and the network has one output: y" in flat(more)
    swapped = replace(said.outputs[0], axes=tuple(replace(axis, of=("x", "x")) for axis in said.outputs[0].axes))
    report = compare_bioimage(replace(said, outputs=(swapped,)), "milesial")
    assert [(failure.name, failure.about) for failure in report.failures] == [("axes", "output y, axis y")]
    assert "its size refers to x.x, and the network's depends on x.y" in flat(report)
    gray = compare_bioimage(replace(said, inputs=(replace(said.inputs[0], channels=3),)), "milesial")
    assert gray.ok
    assert "there are 3, and x of the network has 1" in flat(gray)


# The cases of the field.


def of_case(name, declared):
    """The description of a case along one axis, with the numbers that it declares."""
    numbers = declared if isinstance(declared, dict) else {"halo": declared}
    out = OutputAxis("x", ("raw", "x"), slopes_of(sketch(CASES[name]), 0)[sketch(CASES[name]).outputs[0]])
    return BioimageDescription(
        "rdf.yaml",
        (InputTensor("raw", 1, (InputAxis("x", numbers.get("min", 64), numbers.get("step", 16)),)),),
        (OutputTensor("out", 1, (replace(out, halo=numbers["halo"]),)),),
    )


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize(
    ("name", "needed", "halo", "least"),
    [("rdf-unet2d_nuclei_broad", 53, 56, 128), ("rdf-stardist", 47, 48, 208)],
)
def test_the_declared_halo_of_a_published_model_leaves_seams(tmp_path, name, needed, halo, least, generation):
    network, case = sketch(CASES[name]), CASES[name]
    said = of_case(name, case["declared"])
    report = compare_bioimage(written(tmp_path / "rdf.yaml", said, generation), network)
    assert [failure.name for failure in report.failures] == ["halo"]
    assert f"halo 32 leaves seams: up to {needed} positions" in flat(report)
    assert report.fixes == (f"input raw, axis x: min {least}, step 16", f"output out, axis x: halo {halo}")
    assert compare_bioimage(with_fixes(said, report), network).ok
    # The halo for aligned cores is at most the case's, which is for cores of any edges.
    slope = said.outputs[0].axes[0].scale
    assert needed <= max(case["right"]["before"], case["right"]["after"]) * slope


# Through bioimageio.spec.

SOURCE = {"source": "https://example.com/w.onnx", "sha256": "0" * 64}
WHOLE = {
    "name": "a network",
    "description": "a network",
    "authors": [{"name": "A"}],
    "license": "MIT",
    "cite": [{"text": "a text", "doi": "10.1000/xyz"}],
    "weights": {"onnx": {**SOURCE, "opset_version": 15}},
    "timestamp": "2024-01-01T00:00:00",
}
EXTRA = {
    "0.4": {
        "documentation": "https://example.com/README.md",
        "test_inputs": ["https://example.com/in.npy"],
        "test_outputs": ["https://example.com/out.npy"],
    },
    "0.5": {},
}


def built(content):
    """The whole model as an object of bioimageio.spec, with all of its checks that need no files."""
    from bioimageio.spec import ValidationContext, __version__, build_description

    if tuple(map(int, __version__.split(".")[:3])) < (0, 5, 14):
        pytest.skip("older versions can't build a whole model with Pydantic 2.14")
    made = build_description(content, context=ValidationContext(perform_io_checks=False, log_warnings=False))
    assert type(made).__name__ == "ModelDescr", made.validation_summary
    return made


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", [*TILED, *UNTILED])
def test_the_yaml_of_a_preset_is_a_valid_model_and_is_read_back(tmp_path, name):
    from bioimageio.spec.utils import read_yaml

    text = bioimage_yaml(right(name))
    path = tmp_path / "bioimageio.yaml"
    path.write_text(f"type: model\nformat_version: 0.5.3\n{text}")
    read = read_bioimage(path)
    assert (read.inputs, read.outputs) == (right(name).inputs, right(name).outputs)
    assert compare_bioimage(path, name).ok
    content = read_yaml(text)
    for tensor in (*content["inputs"], *content["outputs"]):
        tensor["test_tensor"] = {"source": "https://example.com/t.npy", "sha256": "0" * 64}
    built({"type": "model", "format_version": "0.5.3", **WHOLE, **content})


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("name", ["milesial", "ronneberger2015", "halved", "doubled"])
def test_sizes_are_those_that_bioimageio_spec_computes(tmp_path, name, generation):
    network = {"halved": halved(), "doubled": doubled()}.get(name, name)
    description = bioimage_description(network)
    path = written(tmp_path / "rdf.yaml", description, generation, **WHOLE, **EXTRA[generation])
    model, read = built(json.loads(path.read_text())), read_bioimage(path)
    image, out = read.inputs[0], read.outputs[0]
    for n in listed(image.axes[0], 20):
        lead = {"b": 1, "c": image.channels} if generation == "0.4" else {"batch": 1, "channel": image.channels}
        sizes = {image.name: lead | {axis.axis: n for axis in image.axes}}
        made = model.get_output_tensor_sizes(sizes)[out.name]
        assert [made[axis.axis] for axis in out.axes] == [axis.size(n) for axis in out.axes]


def halved():
    """A network whose output has half the size."""
    nodes = [Node("conv", Conv(3, padding=1, channels=2)), Node("y", MaxPool(2))]
    return Network({"x": 1}, nodes, axes=2)


def doubled():
    """A network whose output is twice as large."""
    return Network({"x": 1}, [Node("conv", Conv(5, padding=2, channels=2)), Node("y", Resize(2))], axes=2)


def test_scales_of_other_networks_than_those_of_equal_size():
    half, twice = (bioimage_description(of).outputs[0].axes[0] for of in (halved(), doubled()))
    assert (half.scale, half.halo) == (Fraction(1, 2), 1)
    assert (twice.scale, twice.halo) == (Fraction(2), 4)
    tripled = Network({"x": 1}, [Node("y", ConvTranspose(3, 3, channels=2))], axes=1)
    assert "scale: 3.0" in bioimage_yaml(bioimage_description(tripled))


def test_all_images_share_a_size_and_outputs_share_the_distance_of_tiles(tmp_path):
    nodes = [
        Node("a", Conv(3, padding=1, channels=2), "first"),
        Node("b", Conv(3, padding=1, channels=2), "second"),
        Node("low", MaxPool(4), "a"),
        Node("deep", Conv(5, padding=2, channels=2), "low"),
    ]
    network = Network({"first": 1, "second": 2}, nodes, ("deep", "b"), axes=1)
    description = bioimage_description(network)
    (image, other), (deep, high) = description.inputs, description.outputs
    assert image.axes == other.axes
    assert (deep.axes[0].halo, high.axes[0].halo) == (3, 12)
    path = tmp_path / "rdf.yaml"
    path.write_text(f"type: model\nformat_version: 0.5.3\n{bioimage_yaml(description)}")
    assert path.read_text().count("tensor_id: first") == 3
    read = read_bioimage(path)
    assert (read.inputs, read.outputs) == (description.inputs, description.outputs)
    assert compare_bioimage(path, network).ok
    other_order = replace(description, outputs=(high, deep))
    assert compare_bioimage(other_order, network).ok  # by name


# What a description can't say.


def test_what_is_not_expressed_is_said():
    two = right("smp_resnet34").not_expressed
    assert two[0] == (
        "y and x: the sizes that fit are n ≡ 0 or 31 (mod 32), n ≥ 31, and the description has 1120, 1152, 1184, …"
    )
    assert "tiles must begin at multiples of 32" in two[1]
    assert any("reads the whole image: no halo makes tiles exact" in said for said in right("ddpm").not_expressed)
    assert any("halo of one size for both sides" in said for said in right("wave_unet").not_expressed)
    assert "some sizes fit along each axis and not together" in right("monai_like").not_expressed[-1]
    padded = right("ronneberger2015").not_expressed[-1]
    assert "It begins 94 positions before the image, so the result is that of the image with this padding" in padded


def test_a_network_of_one_size_has_a_fixed_size():
    nodes = [Node("up", Resize(2), "x"), Node("padded", Pad(4), "x"), Node("y", Add(), ("up", "padded"))]
    network = Network({"x": 1}, nodes, axes=1)
    description = bioimage_description(network)
    assert description.inputs[0].axes == (InputAxis("x", 8),)
    assert description.outputs[0].axes[0].size(8) == 16
    assert "the network takes no larger images: no halo makes tiles exact" in description.not_expressed[0]
    assert compare_bioimage(description, network).ok
    other = compare_bioimage(changed(description, {"min": 9}), network)
    assert [failure.name for failure in other.failures] == ["size"]
    assert other.fixes == ("input x, axis x: size 8",)


def test_there_is_no_description_of_a_network_that_no_size_fits():
    nodes = [Node("padded", Pad(4), "x"), Node("y", Add(), ("x", "padded"))]
    with pytest.raises(ShapeError, match="no size fits the network"):
        bioimage_description(Network({"x": 1}, nodes, axes=1))


# Reading without the network, and what can't be read.


@pytest.fixture
def no_network(monkeypatch):
    def opened(*_, **__):
        raise AssertionError("a socket was opened")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, opened)


@pytest.mark.parametrize("generation", GENERATIONS)
def test_no_socket_is_opened(tmp_path, no_network, generation):
    with pytest.raises(AssertionError, match="a socket"):
        socket.create_connection(("example.com", 80))
    path = written(
        tmp_path / "rdf.yaml",
        right("milesial"),
        generation,
        **WHOLE,
        **EXTRA[generation],
        covers=["https://e.com/a.png"],
    )
    content = json.loads(path.read_text())
    content["inputs"][0] |= {"output_of": "https://example.com/other/rdf.yaml", "sample_tensor": SOURCE}
    path.write_text(json.dumps(content))
    assert compare_bioimage(path, "milesial").ok


def test_no_other_file_is_read(tmp_path):
    path = written(tmp_path / "rdf.yaml", right("tiny"), **WHOLE | {"weights": {"onnx": {"source": "/no/such/file"}}})
    assert compare_bioimage(path, "tiny").ok


HEAD = "type: model\nformat_version: 0.5.3\n"
BOMB = (
    "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "inputs: [{id: x, axes: *i}]\noutputs: [{id: y, axes: *i}]\n"
)
OUTPUT = "outputs: [{id: y, axes: [{type: space, id: x, size: {tensor_id: x, axis_id: x}}]}]\n"


def new(size):
    """The start of a file of generation 0.5: its input has this size."""
    return f"{HEAD}inputs: [{{id: x, axes: [{{type: space, id: x, size: {size}}}]}}]\n"


def old(shape, of, axes="bx"):
    """A file of generation 0.4: its input has this shape, and its output that."""
    lead = f"axes: {axes}, data_type: float32, shape:"
    return f"format_version: 0.4.10\ninputs: [{{name: x, {lead} {shape}}}]\noutputs: [{{name: y, {lead} {of}}}]\n"


INPUT = new("{min: 64, step: 16}")
BROKEN = {
    "": "must be a mapping",
    "- a": "it is a list, and must be a mapping",
    "a: b: c": "it is not YAML",
    "a: [": "it is not YAML",
    "\t- x": "it is not YAML",
    "a: !!python/object/apply:os.system ['echo']": "it is not YAML",
    "format_version: 0.5.3\ntype: dataset": "its type is 'dataset', and must be model",
    "type: model": "its format_version is ''",
    "format_version: 0.3.6": "its format_version is '0.3.6', and must be 0.4 or 0.5",
    "format_version: [0.5]": "its format_version is",
    HEAD: "inputs is missing",
    f"{HEAD}inputs: []": "inputs is a list, and must be a list with at least one tensor",
    f"{INPUT}outputs: 3": "outputs is an int, and must be a list",
    f"{HEAD}inputs: [3]\n{OUTPUT}": "inputs[0] is an int, and must be a mapping",
    f"{new('{min: 0, step: 16}')}{OUTPUT}": "inputs[0] > axes[0]",
    f"{new(f'{{min: {10**30}, step: 16}}')}{OUTPUT}": "a min from 1",
    f"{INPUT}{OUTPUT.replace('axis_id: x', 'axis_id: z')}": "axis x of y refers to x.z, which is no input axis",
    f"{INPUT}{OUTPUT.replace('tensor_id: x', 'tensor_id: y')}": "axis x of y refers to y.x",
    HEAD + BOMB: "inputs has more than 50000 values",
    f"{HEAD}inputs: {'[' * 100_000}": "it is nested too deeply",
    "- " * 20_000: "it is nested too deeply",
    f"{HEAD}inputs: &a [*a]\n{OUTPUT}": "inputs",
    old("{min: [1, 8], step: [0, 8]}", "[1, 8, 8]", "byx"): "x has 2 numbers for the 3 axes byx",
    old("{min: [1, 8], step: [0, -8]}", "[1, 8]"): "min 8 and step -8",
    f"{INPUT}{OUTPUT.replace('id: x, size', f'id: x, halo: {10**30}, size')}": "has halo 1000000000000000",
    f"{INPUT}{OUTPUT.replace('axis_id: x', f'axis_id: x, offset: {-(10**400)}')}": "can't be read",
    old("[1, 8]", "{reference_tensor: x, scale: [1, -1], offset: [0, 0]}"): "scale -1.0",
    old("[1, 8]", "{reference_tensor: z, scale: [1, 1], offset: [0, 0]}"): "refers to z, which is no",
    old("[1, 8]", "{reference_tensor: x, scale: [1, .inf], offset: [0, 0]}"): "outputs[0]",
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_has_one_clear_message(tmp_path, capsys, text):
    path = tmp_path / "rdf.yaml"
    path.write_text(text)
    with pytest.raises(FileError) as caught:
        read_bioimage(path)
    assert BROKEN[text] in flat(caught.value)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 10
    assert main(["bioimage", str(path), "tiny"]) == 2
    assert capsys.readouterr().out == ""


def test_mutated_files_are_read_or_rejected(tmp_path):
    path = tmp_path / "rdf.yaml"
    texts = [written(path, right("tiny"), generation).read_text() for generation in GENERATIONS]
    for what, raw in mutations(texts, 100, seed=7):
        path.write_bytes(raw)
        with suppress(FileError):
            assert compare_bioimage(path, "tiny").subject, what


def test_a_missing_package_is_named_with_its_extra(monkeypatch, capsys, tmp_path):
    path = written(tmp_path / "rdf.yaml", right("tiny"))
    for name in [name for name in sys.modules if name.startswith("bioimageio")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "bioimageio", None)
    for question in (lambda: read_bioimage(path), lambda: bioimage_yaml(right("tiny"))):
        with pytest.raises(UsageError, match="it needs the package bioimageio, in the extra bioimage of wellshaped"):
            question()
    assert main(["bioimage", str(path), "tiny"]) == 2
    assert "install bioimageio.spec" in capsys.readouterr().err
    assert main(["bioimage", "tiny"]) == 0


def test_the_package_is_loaded_only_when_a_description_is_read_or_written():
    program = (
        "import sys, wellshaped.interop as of; of.bioimage_description('tiny');"
        "print([name for name in sys.modules if name.startswith(('bioimageio', 'pydantic', 'jax'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_preset_has_a_description():
    """The few whose tests above are too slow or too similar, too."""
    for name in PRESETS:
        if name not in (*TILED, *UNTILED, "u2net"):
            assert compare_bioimage(right(name), name).ok
