"""Files of PyTorch from anybody: they are read without PyTorch, and nothing in them runs."""

import argparse
import os
import pickle
import subprocess
import sys
import zipfile
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import numpy as np
import pytest
import torch_archives as archives
from effort import examples
from hypothesis import given
from hypothesis import strategies as st

from wellshaped.interop import load_torch, state_dict
from wellshaped.interop.weights import torch_files
from wellshaped.interop.weights.torch_files import values_of_file
from wellshaped.interop.weights.torch_pickle import LeftOut, PickleError, read_pickle
from wellshaped.spec import Conv, FileError, Network, Node

ONE = Network({"x": 1}, (Node("y", Conv(3, channels=2)),), axes=1)


def read(path):
    return values_of_file(path, f"weights file {path.name}")


def fault(path):
    """What is said of a file that can't be read."""
    with pytest.raises(FileError) as caught:
        read(path)
    lines = str(caught.value).splitlines()
    assert len(lines) <= 10
    assert lines[0].startswith(f"weights file {path.name} can't be read.")
    return " ".join(line.strip() for line in lines[1:])


# What is read.


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int64", "bool"])
def test_an_archive_holds_arrays_of_each_dtype(tmp_path, dtype):
    import jax.numpy as jnp

    array = np.arange(12).reshape(3, 4).astype(jnp.dtype(dtype))
    values = read(archives.save(tmp_path / "a.pt", {"a": array, "scalar": array[1, 2]}))
    assert values["a"].dtype == array.dtype
    assert np.array_equal(values["a"], array)
    assert values["scalar"].shape == ()
    assert values["scalar"] == array[1, 2]


def test_strides_offsets_and_shared_storages_are_those_of_the_file(tmp_path):
    numbers = np.arange(24, dtype=np.float32)
    tensors = {
        "transposed": archives.tensor("0", (4, 3), (1, 4), 24),
        "slice": archives.tensor("0", (2, 2), (8, 3), 24, offset=5),
        "none": archives.tensor("0", (0, 3), (3, 1), 24),
    }
    values = read(archives.write(tmp_path / "a.pt", archives.mapping(tensors), {"0": numbers.tobytes()}))
    assert np.array_equal(values["transposed"], numbers[:12].reshape(3, 4).T)
    assert np.array_equal(values["slice"], [[5, 8], [13, 16]])
    assert values["none"].shape == (0, 3)


def test_an_archive_of_a_machine_of_the_other_byte_order_is_read(tmp_path):
    array = np.arange(4, dtype=np.float32)
    instructions, _ = archives.state({"a": array})
    path = archives.write(
        tmp_path / "a.pt", instructions, {"0": array.astype(">f4").tobytes()}, more={"byteorder": b"big"}
    )
    assert np.array_equal(read(path)["a"], array)


def test_what_checkpoints_have_beside_arrays_is_read_or_left_out(tmp_path):
    values = {
        "epoch": archives.number(3),
        "loss": archives.called("numpy._core.multiarray.scalar", archives.called("numpy.dtype", archives.text("f8"))),
        "size": archives.called("torch.Size", archives.numbers((1, 2))),
        "weight": archives.called("torch._utils._rebuild_parameter", archives.tensor("0", (2,), (1,), 2), b"\x88"),
    }
    found = read(archives.write(tmp_path / "a.pt", archives.mapping(values), {"0": np.ones(2, np.float32).tobytes()}))
    assert (found["epoch"], found["size"], type(found["loss"]).__name__) == (3, (1, 2), "LeftOut")
    assert np.array_equal(found["weight"], [1, 1])


@pytest.mark.parametrize("protocol", range(2, 6))
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda of_it: st.lists(of_it) | st.dictionaries(st.text(), of_it) | st.tuples(of_it, of_it),
        max_leaves=10,
    )
)
@examples(20)
def test_plain_values_are_read_as_python_reads_them(protocol, value):
    assert read_pickle(pickle.dumps(value, protocol)) == value


def test_weights_of_safetensors_and_of_an_archive_are_the_same(tmp_path):
    from safetensors.numpy import save_file

    arrays = {"y.weight": np.arange(6, dtype=np.float32).reshape(2, 1, 3), "y.bias": np.ones(2, np.float32)}
    save_file(arrays, str(tmp_path / "a.safetensors"))
    archives.save(tmp_path / "a.pt", arrays)
    for path in (tmp_path / "a.safetensors", tmp_path / "a.pt"):
        back = state_dict(load_torch(path, ONE))
        assert all(np.array_equal(back[name], array) for name, array in arrays.items())


BESIDE = {
    "args": argparse.Namespace(lr=0.1, folder=Path("runs"), sizes=[1, 2], tags={"a", "b"}),
    "history": defaultdict(list, {"loss": [1.0, 0.5]}),
    "counts": Counter("aab"),
    "best": np.float64(0.9),
    "step": np.int64(3),
    "curve": np.linspace(0, 1, 5),
    "random": np.random.RandomState(0).get_state(),
    "started": datetime(2026, 1, 2, tzinfo=UTC),
    "folder": PurePosixPath("/data"),
    "classes": frozenset({"x"}),
    "raw": bytearray(b"abc"),
    "number": 1 + 2j,
    "types": (int, list, slice(1, 2), range(3)),
    "space": SimpleNamespace(a=1),
}


@pytest.mark.parametrize("protocol", range(2, 6))
def test_plain_values_of_training_scripts_are_left_out_without_running_anything(protocol):
    found = read_pickle(pickle.dumps({**BESIDE, "epoch": 3}, protocol))
    assert list(found) == [*BESIDE, "epoch"]
    assert found["history"] == {"loss": [1.0, 0.5]}
    left = {key for key, value in found.items() if isinstance(value, LeftOut)}
    assert left >= {"args", "counts", "best", "step", "curve", "started", "folder", "number", "space"}


def test_weights_among_such_values_are_loaded(tmp_path):
    weights, data = archives.state({"y.weight": np.ones((2, 1, 3), np.float32), "y.bias": np.zeros(2, np.float32)})
    values = {of: pickle.dumps(value, 2)[2:-1] for of, value in BESIDE.items() if of in ("args", "best", "folder")}
    path = archives.write(tmp_path / "a.pt", archives.mapping({**values, "network_weights": weights}), data)
    assert load_torch(path, ONE)["y"].kernel.shape == (2, 1, 3)


def test_tensors_that_repeat_numbers_are_read_within_a_limit(tmp_path, monkeypatch):
    numbers = np.arange(6, dtype=np.float32)
    tensors = {"rows": archives.tensor("0", (4, 3), (0, 1), 6, offset=2), "one": archives.tensor("0", (9,), (0,), 6)}
    path = archives.write(tmp_path / "a.pt", archives.mapping(tensors), {"0": numbers.tobytes()})
    values = read(path)
    assert np.array_equal(values["rows"], np.tile([2, 3, 4], (4, 1)))
    assert np.array_equal(values["one"], np.zeros(9))
    many = {str(i): archives.tensor("0", (2**20,), (0,), 6, offset=i % 6) for i in range(3)}
    path = archives.write(tmp_path / "b.pt", archives.mapping(many), {"0": numbers.tobytes()})
    assert len(read(path)) == 3
    monkeypatch.setattr(torch_files, "MOST_SHARED", 2 * 2**22)
    assert "its tensors are much larger than the file" in fault(path)


def test_names_of_one_tensor_have_one_array(tmp_path, monkeypatch):
    monkeypatch.setattr(torch_files, "MOST_SHARED", 0)
    same = {str(i): archives.tensor("0", (1000,), (1,), 1000) for i in range(20)}
    values = read(archives.write(tmp_path / "a.pt", archives.mapping(same), {"0": bytes(4000)}))
    assert values["0"] is values["19"]


# What is rejected.


class Command:
    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_calls_a_function_of_the_system_is_rejected_and_not_run(tmp_path, protocol):
    folder = tmp_path / "made"
    attack = pickle.dumps({"y.weight": Command(folder)}, protocol)
    with pytest.raises(PickleError):
        read_pickle(attack)
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("archive/data.pkl", attack)
    assert "its pickle is not read, because" in fault(tmp_path / "a.pt")
    assert not folder.exists()
    pickle.loads(attack)  # a reader that runs pickles makes it
    assert folder.exists()


OTHER_STORAGE = archives.storage("0", "Float", 2).replace(b"FloatStorage", b"Size")

STRANGE = {
    "os.system": (archives.called("os.system", archives.text("true")), "it asks for os.system"),
    "builtins": (archives.called("builtins.eval", archives.text("1")), "it asks for builtins.eval"),
    "a class of torch": (archives.name("torch.nn.modules.conv.Conv2d"), "it asks for torch.nn.modules.conv.Conv2d"),
    "an attribute of a known name": (archives.name("collections.OrderedDict.__class__"), "it asks for"),
    "a call of a text": (archives.text("a") + b")R", "it calls something that is no function"),
    "a call of a tensor": (archives.tensor("0", (2,), (1,), 2) + b")R", "it calls something that is no function"),
    "attributes of a function": (archives.name("torch.Size") + b"}b", "it sets attributes of an object"),
    "an extension": (b"\x82\x01", "it has the instruction EXT1"),
    "an instance": (b"(ios\nsystem\n", "it has the instruction INST"),
    "a persistent text": (b"Pkey\n", "it has the instruction PERSID"),
    "a storage of another class": (OTHER_STORAGE, "a storage of the class torch.Size"),
    "a storage without a key": (b")Q", "a storage is described in another way"),
    "a call without arguments": (b"R", "a mark is out of place"),
    "a memory that is empty": (b"h\x05", "it is damaged"),
    "negative sizes": (archives.tensor("0", (-1,), (1,), 2), "a strange storage, shape or stride"),
    "negative strides": (archives.tensor("0", (2,), (-1,), 2, offset=1), "a strange storage, shape or stride"),
    "fewer strides": (archives.tensor("0", (2, 1), (1,), 2), "a tensor has 2 sizes and 1 strides"),
    "more numbers": (archives.tensor("0", (3,), (1,), 2), "is larger than its 2 numbers"),
    "an offset": (archives.tensor("0", (2,), (1,), 2, offset=1), "is larger than its 2 numbers"),
    "strides beyond": (archives.tensor("0", (2,), (2,), 2), "is larger than its 2 numbers"),
    "one number again and again": (
        archives.tensor("0", (2**40,), (0,), 2),
        "its tensors are much larger than the file",
    ),
    "a huge storage": (archives.tensor("0", (2,), (1,), 2**61), "has 8 bytes, and needs"),
    "another count": (archives.tensor("0", (2,), (1,), 3), "has 8 bytes, and needs 12"),
    "another dtype": (archives.tensor("0", (2,), (1,), 2, kind="Double"), "has 8 bytes, and needs 16"),
    "another entry": (archives.tensor("../data.pkl", (2,), (1,), 2), "lacks the entry"),
    "an entry that is missing": (archives.tensor("1", (2,), (1,), 2), "lacks the entry data/1"),
}


@pytest.mark.parametrize(("instructions", "says"), [pytest.param(*of, id=name) for name, of in STRANGE.items()])
def test_strange_instructions_are_rejected(tmp_path, instructions, says):
    two = np.ones(2, np.float32).tobytes()
    assert says in fault(archives.write(tmp_path / "a.pt", archives.mapping({"a": instructions}), {"0": two}))


def test_compressed_and_huge_entries_are_rejected(tmp_path):
    arrays = {"a": np.zeros(1000, np.float32)}
    assert "is compressed" in fault(archives.save(tmp_path / "a.pt", arrays, compressed=True))


def test_other_archives_and_other_files_are_named(tmp_path):
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "a")
    assert "0 entries data.pkl" in fault(path)
    archives.save(path, {"a": np.ones(2, np.float32)}, more={"constants.pkl": b""})
    assert "torch.jit.load" in fault(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    assert "torch.save did not write it" in fault(path)
    path.write_bytes(b"")
    assert "torch.save did not write it" in fault(path)
    assert "there is no such file" in fault(tmp_path / "b.pt")
    assert "its suffix is '.txt'" in fault_of_suffix(tmp_path)


def fault_of_suffix(folder):
    path = folder / "a.txt"
    path.write_bytes(b"")
    return fault(path)


def test_an_old_file_says_how_to_convert_it(tmp_path, monkeypatch):
    path = tmp_path / "a.pth"
    path.write_bytes(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + b"\x80\x02M\xe9\x03.")
    monkeypatch.setattr("wellshaped.interop.weights.torch_files.find_spec", lambda name: None)
    says = fault(path)
    assert "the format of PyTorch before 1.6" in says
    assert 'torch.save(torch.load("a.pth", weights_only=True), "weights.pt")' in says


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of an archive."""
    arrays = {"y.weight": np.arange(6, dtype=np.float32).reshape(2, 1, 3), "y.bias": np.ones(2, np.float32)}
    return archives.save(tmp_path_factory.mktemp("whole") / "a.pt", arrays).read_bytes()


def quietly(path, data):
    """Read a file. It holds arrays, or an error says what is wrong."""
    path.write_bytes(data)
    try:
        values = read(path)
    except FileError:
        return
    assert values is not None


def test_a_truncated_archive_is_rejected(tmp_path, whole):
    for end in range(0, len(whole), 7):
        quietly(tmp_path / "a.pt", whole[:end])
    (tmp_path / "a.pt").write_bytes(whole[: len(whole) // 2])
    assert fault(tmp_path / "a.pt")


@given(st.data())
@examples(300)
def test_an_archive_with_any_other_bytes_is_read_or_rejected(tmp_path_factory, whole, data):
    changed = bytearray(whole)
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=4)):
        changed[place] = data.draw(st.integers(0, 255))
    quietly(tmp_path_factory.getbasetemp() / "changed.pt", bytes(changed))


@given(st.data())
@examples(300)
def test_a_pickle_with_any_other_bytes_is_read_or_rejected(data):
    whole = archives.pickled(archives.state({"a": np.ones((2, 3), np.float32), "b": np.ones(2, np.float32)})[0])
    changed = bytearray(whole)
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=4)):
        changed[place] = data.draw(st.integers(0, 255))
    try:
        read_pickle(bytes(changed))
    except PickleError:
        return


def test_keys_of_nested_tuples_are_rejected_before_they_are_hashed():
    nested = b")q\x00" + b"".join(b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1]) for i in range(60))
    with pytest.raises(PickleError, match="a key of a dict is no text or number"):
        read_pickle(archives.pickled(nested + b"}h\x3cNs"))


def test_importing_interop_and_reading_weights_loads_neither_pytorch_nor_tensorflow(tmp_path):
    archives.save(tmp_path / "a.pt", {"y.weight": np.ones((2, 1, 3), np.float32), "y.bias": np.ones(2, np.float32)})
    code = (
        "import sys, wellshaped.interop as interop\n"
        "loaded = {'jax', 'flax', 'torch', 'tensorflow'} & set(sys.modules)\n"
        "from wellshaped.spec import Conv, Network, Node\n"
        "network = Network({'x': 1}, (Node('y', Conv(3, channels=2)),), axes=1)\n"
        f"interop.load_torch({str(tmp_path / 'a.pt')!r}, network)\n"
        "print(sorted(loaded), sorted({'torch', 'tensorflow'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] []\n"


# Where PyTorch is installed.


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_files_hold_what_pytorch_wrote(tmp_path, protocol):
    torch = pytest.importorskip("torch")
    base = torch.arange(24.0)
    values = {
        "plain": torch.randn(2, 3),
        "transposed": base.reshape(4, 6).T,
        "slice": base[5:17:3],
        "half": torch.randn(3).half(),
        "bfloat16": torch.randn(3).bfloat16(),
        "count": torch.tensor(7),
        "flags": torch.tensor([True, False]),
        "bytes": torch.arange(3, dtype=torch.uint8),
        "parameter": torch.nn.Parameter(torch.randn(2)),
        "numbers": [1, 2.5, None, "a", (True, b"b" if protocol > 2 else "b")],
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}},
    }
    torch.save(values, tmp_path / "a.pt", pickle_protocol=protocol)
    found = read(tmp_path / "a.pt")
    assert found.keys() == values.keys()
    for name, value in values.items():
        if isinstance(value, torch.Tensor):
            assert str(value.dtype) == f"torch.{found[name].dtype}"
            assert np.array_equal(found[name].astype(np.float64), value.detach().double().numpy())
    assert found["numbers"] == values["numbers"]
    assert found["optimizer"]["state"][0]["step"] == 3


def test_an_old_file_is_read_by_pytorch_without_its_code(tmp_path):
    torch = pytest.importorskip("torch")
    values = {"y.weight": torch.randn(2, 1, 3), "y.bias": torch.randn(2)}
    torch.save(values, tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    back = state_dict(load_torch(tmp_path / "a.pth", ONE))
    assert all(np.array_equal(back[name], tensor.numpy()) for name, tensor in values.items())
    torch.save(torch.nn.Conv1d(1, 2, 3), tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    assert "PyTorch does not read it" in fault(tmp_path / "a.pth")
