"""A value of a wrong type gets one message of this library, from every function that reads or writes a file."""

import numpy as np
import pytest
from flax import nnx

from wellshaped import interop, spec
from wellshaped.drawing import draw
from wellshaped.models import UNet
from wellshaped.proofs_of_shape import certificates
from wellshaped.spec import FileError, UNetConfig, UsageError, WellshapedError

NO_PATHS = [None, 3, b"model.safetensors", ["model.safetensors"], np.zeros(2), "mo\0del.safetensors", ""]


@pytest.fixture(scope="module")
def model():
    made = UNet(UNetConfig(levels=1, base_channels=2), 1, 2, rngs=nnx.Rngs(0))
    made.eval()
    return made


@pytest.fixture(scope="module")
def program(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("programs") / "model.zip"
    interop.export(model, path)
    return interop.load_program(path)


def message(call, *given, **named):
    """The message of an error of this library, which is short."""
    with pytest.raises(WellshapedError) as caught:
        call(*given, **named)
    lines = str(caught.value).splitlines()
    assert 3 <= len(lines) <= 10
    return caught.value


@pytest.mark.parametrize("path", NO_PATHS, ids=repr)
def test_what_is_no_path_is_rejected_by_every_function_of_files(path, model):
    calls = [
        *(interop.load, interop.load_program, interop.nnunet_plans, interop.monai_bundle, interop.read_bioimage),
        *(spec.load_network, spec.load_config, certificates.load_certificate, certificates.model_certificates),
        lambda path: interop.save(model, path),
        lambda path: interop.export(model, path),
        lambda path: spec.save_network("milesial", path),
        lambda path: spec.save_config(spec.UNet2Config(), path),
        lambda path: certificates.save_certificate(certificates.certify("unet2"), path),
        lambda path: draw(spec.stages("tiny", (1, 4, 4)), path),
    ]
    for call in calls:
        error = message(call, path)
        assert isinstance(error, FileError if isinstance(path, str) else UsageError)
        assert error.report.fixes[0].startswith("the path of a ")


@pytest.mark.parametrize("given", [None, 3, [], "model", b"", {}, np.zeros(2)], ids=repr)
def test_what_is_no_model_and_no_weights_is_rejected(given, model):
    message(interop.save, given, "model.safetensors")
    message(interop.export, given, "model.zip")
    message(interop.state_dict, given)
    message(interop.load_torch, given, "milesial")
    message(interop.load_model, given)
    if given is not None:
        message(interop.export, model, "model.zip", progress=given)
        message(interop.export, model, "model.zip", platforms=given)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (None, "it is a NoneType, and must be an array"),
        ([[[0.0] * 4] * 4], "it is a list, and must be an array"),
        ("image.png", "it is a str, and must be an array"),
        (np.zeros((1, 4, 4), complex), "an array of complex128, and must be one of real numbers"),
        (np.full((1, 4, 4), "a"), "must be one of real numbers"),
        (np.zeros((1, 4, 4), object), "an array of object, and must be one of real numbers"),
        (np.zeros(3), "it has the shape|x has the shape"),
    ],
)
def test_a_program_says_which_arrays_it_takes(given, says, program):
    error = message(program, given)
    assert any(part in str(error) for part in says.split("|"))
    assert program(np.zeros((1, 4, 4), np.uint8)).shape == (2, 4, 4)


@pytest.mark.parametrize("sizes", [None, "44", (4,), (4.0, 4), (True, 4), (-4, 4), ("4", "4"), {}], ids=repr)
def test_a_program_is_asked_about_a_size_for_each_axis(sizes, program):
    message(program.serves, sizes)
    message(program.nearest, sizes)


def test_remat_is_checked_also_if_it_is_empty_or_an_array(model, tmp_path):
    interop.save(model, tmp_path / "model.safetensors")
    for remat in (None, np.zeros(3), 3, ["no layer"]):
        message(interop.load, tmp_path / "model.safetensors", remat=remat)
