"""Models in files: what is saved is loaded, and whatever else a file holds is rejected in one message."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import sparse
from flax import nnx
from hanging import soon
from mutations import mutations
from safetensors.numpy import load_file, save_file

from wellshaped.cli import main
from wellshaped.interop import load, save
from wellshaped.interop.weights.arrays import batch_norms, variables_of
from wellshaped.models import TypedNetwork, UNet, UNet2
from wellshaped.proofs_of_shape.certificates import CertificateError, model_certificates, verify
from wellshaped.spec import (
    Activation,
    Conv,
    FileError,
    Network,
    Node,
    Norm,
    UNet2Config,
    UNetConfig,
    UsageError,
    WellshapedError,
    parameter_shapes,
)
from wellshaped.spec.files.models import KEY, read_model
from wellshaped.spec.files.tensors import read_tensor_file

GRAPH = Network(
    {"x": 2},
    axes=1,
    nodes=(
        Node("a.0", Conv(3, padding=1, channels=4, bias=False)),
        Node("a.1", Norm("batch")),
        Node("act", Activation("prelu")),
        Node("y", Conv(1, channels=3)),
    ),
)
BLUR = Network({"x": 2}, (Node("blur", Conv(3, padding=1, groups=2, bias=False, learned=False)), Node("y", Conv(1))))


def blur():
    model = TypedNetwork(BLUR, rngs=nnx.Rngs(8))
    model["blur"].kernel.set_value(jnp.arange(18.0).reshape(2, 1, 3, 3))
    return model


MODELS = {
    "two levels": lambda: UNet2(UNet2Config(base_channels=2), 1, 2, rngs=nnx.Rngs(1)),
    "batch norm": lambda: UNet(UNetConfig(levels=2, base_channels=2, norm="batch"), 3, 2, rngs=nnx.Rngs(2)),
    "volume": lambda: UNet(UNetConfig(levels=1, base_channels=2, axes=3), 1, 1, rngs=nnx.Rngs(3)),
    "signal": lambda: UNet(UNetConfig(levels=1, base_channels=2, axes=1), 1, 1, rngs=nnx.Rngs(4)),
    "graph": lambda: TypedNetwork(GRAPH, rngs=nnx.Rngs(5)),
    "bfloat16": lambda: UNet(
        UNetConfig(levels=1, base_channels=2), 3, 2, dtype="float32", param_dtype=jnp.bfloat16, rngs=nnx.Rngs(6)
    ),
    "fixed kernel": blur,
    "precision": lambda: UNet2(UNet2Config(base_channels=2), 1, 1, precision=("high", "highest"), rngs=nnx.Rngs(7)),
}


def values(model):
    return {name: np.asarray(variable.get_value()) for name, variable in variables_of(model).items()}


@pytest.fixture(scope="module")
def model():
    made = MODELS["batch norm"]()
    for at, (name, variable) in enumerate(variables_of(made).items()):
        if name.endswith((".mean", ".var")):
            variable.set_value(variable.get_value() + at)
    return made


@pytest.fixture
def path(model, tmp_path):
    save(model, tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


@pytest.mark.one_in(2)
@pytest.mark.parametrize("kind", MODELS)
def test_a_model_is_loaded_as_it_was_saved_and_saved_again_as_the_same_bytes(kind, tmp_path):
    model = MODELS[kind]()
    save(model, tmp_path / "a.safetensors")
    loaded = load(tmp_path / "a.safetensors")
    assert type(loaded) is type(model)
    of_model, of_loaded = values(model), values(loaded)
    assert list(of_model) == list(of_loaded)
    for name, array in of_model.items():
        assert array.dtype == of_loaded[name].dtype
        assert (array == of_loaded[name]).all()
    assert nnx.graphdef(model) == nnx.graphdef(loaded)
    assert not any(isinstance(of, jax.ShapeDtypeStruct) for of in jax.tree.leaves(nnx.state(loaded)))
    save(loaded, tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_the_loaded_model_computes_what_the_saved_one_computes(model, path):
    loaded = load(path)
    x = jnp.linspace(-1, 1, 3 * 8 * 8).reshape(3, 8, 8)
    for made in (model, loaded):
        made.eval()
    assert (model(x) == loaded(x)).all()


@pytest.mark.parametrize("kind", ["two levels", "batch norm", "graph"])
def test_names_are_those_of_parameter_shapes_and_the_statistics(kind):
    model = MODELS[kind]()
    channels = (model.in_channels, model.out_channels) if hasattr(model, "cfg") else ()
    network = model.cfg if hasattr(model, "cfg") else model.network
    shapes = parameter_shapes(network, *channels)
    named = {f"{layer}.{name}": shape for layer, of_it in shapes.items() for name, shape in of_it.items()}
    found = {name: array.shape for name, array in values(model).items()}
    statistics = {name for name in found if name not in named}
    assert all(name.endswith((".mean", ".var")) for name in statistics)
    assert {name: shape for name, shape in found.items() if name in named} == named


def test_the_file_is_one_that_the_format_s_own_library_reads(model, path):
    read = load_file(path)
    assert {name: (array.shape, array.dtype) for name, array in read.items()} == {
        name: (array.shape, array.dtype) for name, array in values(model).items()
    }
    assert all((array == values(model)[name]).all() for name, array in read.items())


def test_remat_and_the_name_of_an_axis_are_given_when_a_model_is_loaded(path):
    loaded = load(path, axis_name="batch", remat="encoder*")
    assert loaded.encoder[0].convs[0].norm.norm.axis_name == "batch"
    assert loaded.again
    with pytest.raises(UsageError, match="remat"):
        load(path, remat="nothing")


def test_a_saved_file_can_be_read_by_others_and_keeps_the_mode_of_the_file_that_it_replaces(model, tmp_path):
    (tmp_path / "other").write_text("")
    path = tmp_path / "m.safetensors"
    save(model, path)
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode
    path.chmod(0o640)
    save(model, path)
    assert path.stat().st_mode & 0o777 == 0o640


# What is not a model


def test_a_module_of_your_own_and_another_suffix_are_rejected(model, tmp_path):
    with pytest.raises(UsageError, match="must be a UNet, a UNet2 or a TypedNetwork"):
        save(nnx.Linear(1, 1, rngs=nnx.Rngs(0)), tmp_path / "m.safetensors")
    with pytest.raises(FileError, match="suffix"):
        save(model, tmp_path / "m.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_model_whose_arrays_were_changed_is_not_saved(tmp_path):
    model = MODELS["two levels"]()
    model.down1_1.kernel.set_value(jnp.ones((1, 1, 3, 3)))
    model.down1_2.bias.set_value(jnp.ones(2, jnp.float16))
    with pytest.raises(UsageError) as failed:
        save(model, tmp_path / "m.safetensors")
    assert "down1_1.kernel is (1, 1, 3, 3), and must be (2, 1, 3, 3)" in str(failed.value)
    assert "down1_2.bias is F16, and must be F32" in str(failed.value)
    assert list(tmp_path.iterdir()) == []


def changed(path, change):
    """Write the file's arrays again after a change of them."""
    arrays, texts = load_file(path), dict(read_tensor_file(path, "").texts)
    change(arrays)
    save_file(arrays, path, texts)


def test_all_differences_are_told_at_once_with_the_nearest_names(path):
    def change(arrays):
        arrays["head.kernal"] = arrays.pop("head.kernel")
        arrays["head.bias"] = arrays["head.bias"][:1]
        arrays["bottom.convs[0].conv.bias"] = arrays["bottom.convs[0].conv.bias"].astype(np.float16)

    changed(path, change)
    with pytest.raises(FileError) as failed:
        load(path)
    message = str(failed.value)
    assert "it has arrays that the network has not: 'head.kernal' (did you mean head.kernel?)" in message
    assert "it lacks arrays of the network: head.kernel" in message
    assert "it has arrays of other shapes: head.bias is (1,), and must be (2,)" in message
    assert "it has arrays of other dtypes: bottom.convs[0].conv.bias is F16, and must be F32" in message


def test_a_file_without_a_network_and_a_float64_model_without_x64_are_rejected_with_a_fix(model, tmp_path):
    save_file(values(model), tmp_path / "m.safetensors")
    with pytest.raises(FileError, match="it has no text 'wellshaped', which says what network it is"):
        load(tmp_path / "m.safetensors")
    save(model, path := tmp_path / "n.safetensors")
    arrays, text = load_file(path), read_tensor_file(path, "").texts[KEY]
    text = text.replace('"param_dtype":"float32"', '"param_dtype":"float64"')
    save_file({name: array.astype(np.float64) for name, array in arrays.items()}, path, {KEY: text})
    with pytest.warns(UserWarning, match="float64"), pytest.raises(FileError, match="jax_enable_x64"):
        load(path)


BROKEN = {
    "header longer than the file": (lambda raw: (2**40).to_bytes(8, "little") + raw[8:], "the header would have"),
    "empty": (lambda raw: b"", "the header would have 0 bytes, and the file has 0"),
    "truncated": (lambda raw: raw[:-1], "the arrays end at byte"),
    "longer": (lambda raw: raw + b"\0", "the arrays end at byte"),
    "no JSON": (lambda raw: raw[:8] + b"[" + raw[9:], "the header is not JSON|the header is no JSON object"),
}


@pytest.mark.parametrize(("change", "says"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_no_safetensors_file_is_rejected(change, says, path):
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(FileError, match=says):
        load(path)


def rewritten(path, change):
    """Change the header, as JSON data, and write its length anew."""
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    text = change(header) or json.dumps(header)
    path.write_bytes(len(text.encode()).to_bytes(8, "little") + text.encode() + raw[8 + length :])


def test_the_momentum_of_each_batch_norm_is_kept(tmp_path):
    model = MODELS["batch norm"]()
    save(model, tmp_path / "usual.safetensors")
    assert "momentum" not in (tmp_path / "usual.safetensors").read_bytes().decode("latin-1")  # as older versions wrote
    norms = batch_norms(model)
    for number, norm in enumerate(norms.values()):
        norm.momentum = 0.9 if number else np.float32(0.5)
    save(model, tmp_path / "other.safetensors")
    back = load(tmp_path / "other.safetensors")
    assert {name: norm.momentum for name, norm in batch_norms(back).items()} == {
        name: 0.9 if number else 0.5 for number, name in enumerate(norms)
    }
    back.train()
    model.train()
    x = np.random.default_rng(0).normal(size=(3, 8, 8)).astype(np.float32)
    back(x), model(x)
    for name, variable in variables_of(model).items():
        np.testing.assert_array_equal(variable.get_value(), variables_of(back)[name].get_value())
    save(load(tmp_path / "other.safetensors"), tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "other.safetensors").read_bytes()
    next(iter(norms.values())).momentum = 2
    with pytest.raises(UsageError, match="has 2, and must have a number from 0 to 1"):
        save(model, tmp_path / "wrong.safetensors")


HEADERS = {
    "overlap": (lambda h: h["head.bias"].update(data_offsets=[0, 8]), "begins at byte"),
    "gap": (lambda h: h.pop("head.bias") and None, "begins at byte|the arrays end at byte"),
    "dtype": (lambda h: h["head.bias"].update(dtype="F128"), "'head.bias' has the dtype 'F128'"),
    "negative": (lambda h: h["head.bias"].update(shape=[-2]), "has the shape"),
    "true": (lambda h: h["head.bias"].update(shape=[True]), "has the shape"),
    "huge": (lambda h: h["head.bias"].update(shape=[2**62]), "and needs 18446744073709551616"),
    "keys": (lambda h: h["head.bias"].update(more=1), "must have the keys data_offsets, dtype, shape"),
    "list": (lambda h: h.update({"head.bias": []}), "must have the keys data_offsets, dtype, shape"),
    "metadata": (lambda h: h["__metadata__"].update(other=1), "__metadata__ must have texts"),
    "twice": (lambda h: '{"a": 1, "a": 2}', "the key 'a' occurs 2 times"),
    "constant": (lambda h: '{"a": NaN}', "NaN is not a number"),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("change", "says"), HEADERS.values(), ids=HEADERS)
def test_a_hostile_header_is_rejected(change, says, path):
    rewritten(path, change)
    with pytest.raises(FileError, match=says):
        load(path)


def with_text(change):
    def of_header(header):
        data = json.loads(header["__metadata__"][KEY])
        text = change(data) or json.dumps(data)
        header["__metadata__"][KEY] = text

    return of_header


TEXTS = {
    "a momentum of no norm": (lambda d: d.update(momentum={"head": 0.9}), "it has a momentum for 'head'"),
    "no momentum": (lambda d: d.update(momentum={"head": "0.9"}), "momentum is "),
    "a momentum for all": (lambda d: d.update(momentum=0.9), "momentum is 0.9"),
    "no config": (lambda d: d.update(network={"kind": "UNetConfig", "levels": "two"}), "levels"),
    "no kind": (lambda d: d["network"].pop("kind") and None, "the network has no kind"),
    "another kind": (lambda d: d["network"].update(kind="Net"), "kind is 'Net'"),
    "ill-formed": (lambda d: d["network"].update(levels=0), "levels"),
    "key": (lambda d: d.pop("version") and None, "it must have the keys"),
    "form": (lambda d: d.update(form="model 2"), "it has the form 'model 2'"),
    "channels": (lambda d: d.update(in_channels=None), "a config needs in_channels and out_channels"),
    "no channels": (lambda d: d.update(in_channels=0), "in_channels"),
    "many channels": (lambda d: d.update(in_channels=2**40), "in_channels|elements"),
    "dtype": (lambda d: d.update(param_dtype="int32"), "param_dtype is 'int32'"),
    "a narrow dtype": (lambda d: d.update(param_dtype="float8_e5m2"), "param_dtype is 'float8_e5m2'"),
    "a narrow dtype to compute in": (lambda d: d.update(dtype="float4_e2m1fn"), "dtype is 'float4_e2m1fn'"),
    "other sizes": (lambda d: d.update(sizes=["n ≥ 1", "n ≥ 1"]), "another SHA-256 than it says"),
    "other statements": (lambda d: d.update(statements=["true"]), "another SHA-256 than it says"),
    "another version": (lambda d: d.update(version="9"), "another SHA-256 than it says"),
    "one channel": (lambda d: d.update(out_channels=None), "a config needs in_channels and out_channels"),
    "precision": (lambda d: d.update(precision="best"), "precision"),
    "precisions": (lambda d: d.update(precision=[1]), "precision is"),
    "sizes": (lambda d: d.update(sizes=["n ≥ 1"]), "it has sizes along 1 axes, and the network has 2"),
    "twice": (lambda d: '{"a": 1, "a": 2}', "the key 'a' occurs 2 times"),
    "number": (lambda d: "1", "it must have the keys"),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("change", "says"), TEXTS.values(), ids=TEXTS)
def test_a_text_that_describes_no_model_is_rejected(change, says, path):
    rewritten(path, with_text(change))
    with pytest.raises(FileError, match=says):
        load(path)


@pytest.mark.parametrize("number", [20, pytest.param(300, marks=pytest.mark.slow)])
def test_a_file_with_a_changed_byte_is_rejected_in_one_message_or_says_the_same(number, model, path):
    whole, before = path.read_bytes(), values(model)
    for place in random.Random(0).sample(range(len(whole)), number):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        said = answer(path)
        assert len(said.splitlines()) <= 12
        # A byte of the header's padding, or of JSON's own spaces, says nothing.
        assert said or all((array == before[name]).all() for name, array in values(load(path)).items())


@pytest.mark.parametrize("number", [30, pytest.param(200, marks=pytest.mark.slow)])
def test_every_mutated_header_is_answered_by_a_model_or_one_error(number, model, path):
    """The data behind a mutated header stay; also headers are mutated whose text is the whole file."""
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header, data = raw[8 : 8 + length].decode(), raw[8 + length :]
    answers = []
    for _name, content in mutations([header], number, 3):
        path.write_bytes(len(content).to_bytes(8, "little") + content + data)
        with soon():
            answers.append(answer(path))
    assert all(len(text.splitlines()) <= 12 for text in answers)
    assert any("it is not a safetensors file" in text for text in answers)


def answer(path):
    """The error for a file, or an empty text if it is loaded."""
    try:
        load(path)
    except FileError as error:
        return str(error)
    return ""


def test_a_file_that_is_replaced_while_it_is_read_gives_one_model_and_no_mixture(model, path, monkeypatch):
    from wellshaped.interop.weights import model_files

    before, read = values(model), model_files.read_array
    other = MODELS["batch norm"]()

    def replaced_then_read(*given):
        monkeypatch.setattr(model_files, "read_array", read)
        save(other, path)
        return read(*given)

    monkeypatch.setattr(model_files, "read_array", replaced_then_read)
    assert all((array == before[name]).all() for name, array in values(load(path)).items())


# Writing, killed


_SAVES = """
import sys, pathlib
from flax import nnx
from wellshaped.interop import save
from wellshaped.models import UNet
from wellshaped.spec import UNetConfig
model = UNet(UNetConfig(levels=2, base_channels=16), 3, 2, rngs=nnx.Rngs(1))
print("ready", flush=True)
while True:
    save(model, sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.parametrize("kills", [2, 20])
def test_a_kill_while_saving_leaves_the_old_file_or_the_new_one(kills, tmp_path):
    old = UNet(UNetConfig(levels=2, base_channels=16), 3, 2, rngs=nnx.Rngs(0))
    path = tmp_path / "m.safetensors"
    save(old, path)
    before = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(kills):
        with subprocess.Popen([sys.executable, "-c", _SAVES, str(path)], stdout=subprocess.PIPE, text=True) as run:
            assert run.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0, 0.5))
            os.kill(run.pid, signal.SIGKILL)
        load(path)
        assert len(path.read_bytes()) == len(before)


# The command line


@pytest.mark.parametrize("kind", sparse(["batch norm", "graph", "two levels"], 1))
def test_the_sizes_in_a_file_are_proved_by_the_command_verify(kind, tmp_path, capsys):
    path = tmp_path / "m.safetensors"
    save(MODELS[kind](), path)
    for certificate in model_certificates(path):
        verify(certificate)
    assert main(["verify", str(path)]) == 0
    assert "m.safetensors holds:" in capsys.readouterr().out


def test_forged_sizes_are_not_verified(path):
    rewritten(path, with_text(lambda d: d.update(sizes=["n ≥ 1", "n ≥ 1"])))
    with pytest.raises(CertificateError, match="its network has other compatible sizes"):
        model_certificates(path)


def test_a_forged_statement_is_not_verified(path):
    rewritten(path, with_text(lambda d: d.update(statements=[text + "\n" for text in d["statements"]])))
    with pytest.raises(CertificateError, match="edited or forged"):
        verify(model_certificates(path)[0])


def test_commands_take_a_model_s_file(path, tmp_path, capsys):
    assert main(["sizes", str(path)]) == 0
    assert "sizes that fit m.safetensors: n ≡ 0 (mod 4), n ≥ 4" in capsys.readouterr().out
    assert main(["check", str(path), "--input", "3x10x12"]) == 1
    assert "of m.safetensors does not fit" in capsys.readouterr().err
    assert main(["stages", str(path), "--input", "3x8x12"]) == 0
    assert main(["draw", str(path), "--input", "3x8x12", "--output", str(tmp_path / "u.svg")]) == 0
    capsys.readouterr()
    assert main(["sizes", str(tmp_path / "n.safetensors")]) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_the_sizes_of_a_model_s_file_need_no_jax(path):
    code = (
        "import sys; from wellshaped.cli import main; "
        f"main(['sizes', {str(path)!r}]); assert 'jax' not in sys.modules and 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2], capture_output=True)


def test_a_description_says_what_the_file_holds(path):
    description, arrays = read_model(path)
    assert description.network == UNetConfig(levels=2, base_channels=2, norm="batch")
    assert (description.in_channels, description.out_channels, description.param_dtype) == (3, 2, "float32")
    assert description.sizes == ("n ≡ 0 (mod 4), n ≥ 4",) * 2
    assert arrays["head.bias"].shape == (2,)
    assert issubclass(CertificateError, WellshapedError)
