"""``tiled`` on images and results in Zarr and TIFF, and a list of finished tiles for results that stay after a stop."""

import signal
import subprocess
import sys
from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pytest
from flax import nnx

from wellshaped.models import UNet, tiled
from wellshaped.spec import UNetConfig, WellshapedError

tifffile = pytest.importorskip("tifffile", reason="the extra images has it")
zarr = pytest.importorskip("zarr", reason="the extra images has it")

SIZES = (72, 64)


@pytest.fixture(scope="module")
def model():
    return UNet(UNetConfig(levels=1, base_channels=2), 2, 1, rngs=nnx.Rngs(0))


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).normal(size=(2, *SIZES)).astype(np.float32)


@pytest.fixture(scope="module")
def whole(model, image):
    return np.asarray(model(image))


def in_zarr(path, values, chunks):
    array = zarr.create_array(path, shape=values.shape, dtype=values.dtype, chunks=chunks)
    array[:] = values
    return array


def test_an_image_and_a_result_in_zarr(model, image, whole, tmp_path):
    given = in_zarr(tmp_path / "image.zarr", image, (1, 30, 30))
    out = zarr.create_array(tmp_path / "result.zarr", shape=(1, *SIZES), dtype="float32", chunks=(1, 25, 25))
    assert tiled(model, given, tile=40, out=out, progress=False) is out
    np.testing.assert_allclose(zarr.open_array(tmp_path / "result.zarr", mode="r")[:], whole, atol=1e-5)


def test_a_tiled_tiff_is_read_through_zarr_tile_by_tile(model, image, whole, tmp_path):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, image, tile=(32, 32), planarconfig="separate", photometric="minisblack", compression="zlib")
    with closing(tifffile.imread(path, aszarr=True)) as store:
        given = zarr.open_array(store, mode="r")
        assert given.shape == image.shape
        found = tiled(model, given, tile=40, progress=False)
    np.testing.assert_allclose(found, whole, atol=1e-5)


class ChannelsFirst:
    """The view of docs/tiles.md."""

    def __init__(self, array):
        self.array, self.dtype = array, array.dtype
        self.shape = array.shape[-1], *array.shape[:-1]

    def __getitem__(self, where):
        return np.moveaxis(self.array[*where[1:], where[0]], -1, 0)


def test_a_tiff_with_its_channels_last_needs_a_view(model, image, whole, tmp_path):
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, np.moveaxis(image, 0, -1), tile=(32, 32), planarconfig="contig", photometric="minisblack")
    with closing(tifffile.imread(path, aszarr=True)) as store:
        found = tiled(model, ChannelsFirst(zarr.open_array(store, mode="r")), tile=40, progress=False)
    np.testing.assert_allclose(found, whole, atol=1e-5)


def test_a_result_in_a_tiff(model, image, whole, tmp_path):
    out = tifffile.memmap(tmp_path / "result.tif", shape=(1, *SIZES), dtype=np.float32)
    tiled(model, image, tile=40, out=out, done=tmp_path / "run.tiles", progress=False)
    np.testing.assert_allclose(tifffile.imread(tmp_path / "result.tif").reshape(whole.shape), whole, atol=1e-5)


# A list of finished tiles.


class Counted:
    """Counts its reads, and stops a run at one."""

    def __init__(self, image, after=1_000):
        self.image, self.shape, self.dtype = image, image.shape, image.dtype
        self.reads, self.after = 0, after

    def __getitem__(self, where):
        self.reads += 1
        if self.reads > self.after:
            raise KeyboardInterrupt
        return self.image[where]


def stopped(model, image, out, done, after):
    with pytest.raises(KeyboardInterrupt):
        tiled(model, Counted(image, after), tile=40, out=out, done=done, progress=False)


def written(out):
    """The array, and the parts of it that are written."""
    parts = []

    class Watched:
        shape, dtype = out.shape, out.dtype

        def __getitem__(self, where):
            return out[where]

        def __setitem__(self, where, values):
            parts.append(where)
            out[where] = values

    return Watched(), parts


@pytest.fixture(params=["zarr", "memory map", "halves"])
def result(request, tmp_path):
    if request.param == "memory map":
        return np.lib.format.open_memmap(tmp_path / "result.npy", "w+", np.float32, (1, *SIZES))
    dtype = "float16" if request.param == "halves" else "float32"
    return zarr.create_array(tmp_path / "result.zarr", shape=(1, *SIZES), dtype=dtype, chunks=(1, 25, 25))


def test_a_run_that_was_stopped_is_continued(model, image, whole, result, tmp_path):
    done = tmp_path / "run.tiles"
    stopped(model, image, result, done, 5)
    assert len(done.read_text().splitlines()) == 1 + 5
    watched, parts = written(result)
    assert tiled(model, image, tile=40, out=watched, done=str(done), progress=False) is watched
    undisturbed, all_parts = written(np.zeros((1, *SIZES), np.float32))
    tiled(model, image, tile=40, out=undisturbed, progress=False)
    assert len(parts) == len(all_parts) - 5 + 1  # the first tile says what the result is
    np.testing.assert_allclose(result[:], whole, atol=2e-3 if result.dtype == np.float16 else 1e-5)
    assert not done.exists()


CHANGES = {
    "another image": lambda model, image, out: (model, image + 1, out),
    "another model": lambda model, image, out: (UNet(model.cfg, 2, 1, rngs=nnx.Rngs(1)), image, out),
    "another array": lambda model, image, out: (model, image, np.zeros_like(out)),
    "an array that was written to": lambda model, image, out: (model, image, np.where(np.arange(64) == 5, 9, out)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_only_results_that_are_there_and_of_this_run_are_kept(model, image, tmp_path, change):
    done, out = tmp_path / "run.tiles", np.zeros((1, *SIZES), np.float32)
    stopped(model, image, out, done, 5)
    other, given, array = change(model, image, out)
    tiled(other, given, tile=40, out=array, done=done, progress=False)
    np.testing.assert_allclose(array, np.asarray(other(given)), atol=1e-5)


def test_a_list_whose_last_line_was_cut_off_is_read_up_to_it(model, image, whole, tmp_path):
    done, out = tmp_path / "run.tiles", np.zeros((1, *SIZES), np.float32)
    stopped(model, image, out, done, 5)
    done.write_text(done.read_text()[:-9])
    stopped(model, image, out, done, 2)
    assert [line.split()[0] for line in done.read_text().splitlines()[1:]] == ["0", "1", "2", "3", "0"]
    tiled(model, image, tile=40, out=out, done=done, progress=False)
    np.testing.assert_allclose(out, whole, atol=1e-5)


def test_a_list_that_another_run_writes_is_left_to_it(model, image, tmp_path):
    done, out = tmp_path / "run.tiles", np.zeros((1, *SIZES), np.float32)

    class Meanwhile(Counted):
        def __getitem__(self, where):
            if self.reads == 2:
                with pytest.raises(WellshapedError, match="another run writes"):
                    tiled(model, image, tile=40, out=np.zeros_like(out), done=done, progress=False)
            return super().__getitem__(where)

    tiled(model, Meanwhile(image), tile=40, out=out, done=done, progress=False)
    assert not done.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"done": "run.tiles"}, "a new array is gone after a stop"),
        ({"done": "run.tiles", "out": "y.npy"}, "a file as out has a list of its own"),
        ({"done": 3, "out": np.zeros((1, *SIZES), np.float32)}, "must be the path of a file"),
        ({"done": "nowhere/run.tiles", "out": np.zeros((1, *SIZES), np.float32)}, "there is no folder nowhere"),
        ({"done": ".", "out": np.zeros((1, *SIZES), np.float32)}, "is a folder"),
    ],
    ids=["a new array", "a file", "a number", "no folder", "a folder"],
)
def test_a_list_that_can_not_be_used_is_reported(model, image, arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WellshapedError, match=says):
        tiled(model, image, tile=40, progress=False, **arguments)
    assert not list(tmp_path.iterdir())


def test_a_zarr_array_that_is_only_read_is_reported(model, image, tmp_path):
    in_zarr(tmp_path / "result.zarr", np.zeros((1, *SIZES), np.float32), (1, 30, 30))
    with pytest.raises(WellshapedError, match="can't be written to"):
        tiled(model, image, tile=40, out=zarr.open_array(tmp_path / "result.zarr", mode="r"))


def test_a_result_is_not_written_into_the_store_of_the_image(model, image, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    group = zarr.open_group("of one.zarr", mode="a")
    for name in ("image", "other"):
        group.create_array(name, shape=(1, *SIZES), dtype="float32")[:] = image[:1]
    of_one = UNet(model.cfg, 1, 1, rngs=nnx.Rngs(0))
    for given in (group["image"], zarr.open_array(tmp_path / "of one.zarr" / "image", mode="r")):
        with pytest.raises(WellshapedError, match="shares its values with the image"):
            tiled(of_one, given, tile=40, out=group["image"], progress=False)
    tiled(of_one, group["image"], tile=40, out=group["other"], progress=False)
    np.testing.assert_allclose(group["other"][:], of_one(image[:1]), atol=1e-5)
    held = zarr.create_array(zarr.storage.MemoryStore(), shape=(1, *SIZES), dtype="float32")
    with pytest.raises(WellshapedError, match="shares its values with the image"):
        tiled(of_one, zarr.open_array(held.store, mode="r"), tile=40, out=held, progress=False)


class Dataset:
    """What a dataset of h5py has, for an array in memory: the name in its file, and equality by identity."""

    def __init__(self, array, path, name, mode="r+"):
        self.array, self.shape, self.dtype, self.name = array, array.shape, array.dtype, name
        self.file = SimpleNamespace(filename=str(path), mode=mode)

    def __eq__(self, other):
        return self.array is other.array

    __hash__ = None

    def __getitem__(self, where):
        return self.array[where].copy()

    def __setitem__(self, where, values):
        self.array[where] = values


def test_an_image_and_a_result_in_hdf5(tmp_path):
    path, values = tmp_path / "volume.h5", np.random.default_rng(0).normal(size=(1, *SIZES)).astype(np.float32)
    path.touch()
    (tmp_path / "link.h5").symlink_to(path)
    model = UNet(UNetConfig(levels=1, base_channels=2), 1, 1, rngs=nnx.Rngs(0))
    image, out = Dataset(values, path, "/image"), Dataset(np.zeros_like(values), path, "/result")
    assert tiled(model, image, tile=40, out=out, done=tmp_path / "run.tiles", progress=False) is out
    np.testing.assert_allclose(out[:], np.asarray(model(values)), atol=1e-5)
    opened_again = Dataset(values.copy(), tmp_path / "link.h5", "/image")
    for same in (image, opened_again, Dataset(values, tmp_path / "elsewhere.h5", "/hard link")):
        with pytest.raises(WellshapedError, match="shares its values with the image"):
            tiled(model, image, tile=40, out=same, progress=False)
    with pytest.raises(WellshapedError, match="can't be written to"):
        tiled(model, image, tile=40, out=Dataset(np.zeros_like(values), path, "/result", "r"), progress=False)


RUN = """
import sys
import numpy as np
import zarr
from flax import nnx
from wellshaped.models import UNet, tiled
from wellshaped.spec import UNetConfig

folder, stop_after = sys.argv[1], int(sys.argv[2])
model = UNet(UNetConfig(levels=1, base_channels=2), 1, 1, rngs=nnx.Rngs(0))
image = np.random.default_rng(0).normal(size=(1, 128, 128)).astype(np.float32)
out = zarr.open_array(folder + "/y.zarr", mode="a", shape=(1, 128, 128), dtype="float32", chunks=(1, 50, 50))

class Stopping:
    shape, dtype, reads = image.shape, image.dtype, 0
    def __getitem__(self, where):
        Stopping.reads += 1
        if Stopping.reads == stop_after:
            import os, signal
            os.kill(os.getpid(), signal.SIGKILL)
        return image[where]

tiled(model, Stopping(), tile=40, out=out, done=folder + "/run.tiles", progress=False)
"""


def run(folder, stop_after):
    command = [sys.executable, "-c", RUN, str(folder), str(stop_after)]
    return subprocess.run(command, capture_output=True, text=True).returncode


@pytest.mark.slow
def test_a_run_into_zarr_that_is_killed_is_continued(tmp_path):
    stopped, undisturbed = tmp_path / "stopped", tmp_path / "undisturbed"
    for folder in (stopped, undisturbed):
        folder.mkdir()
    assert run(stopped, 12) == -signal.SIGKILL
    assert len((stopped / "run.tiles").read_text().splitlines()) == 1 + 11
    assert run(stopped, 0) == run(undisturbed, 0) == 0
    values = [zarr.open_array(folder / "y.zarr", mode="r")[:] for folder in (stopped, undisturbed)]
    np.testing.assert_array_equal(*values)
    assert not (stopped / "run.tiles").exists()
