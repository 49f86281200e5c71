"""``tiled``: tile by tile, it is the whole image's result, whatever the network, the array and the moment of a stop."""

import os
import re
import signal
import subprocess
import sys
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from wellshaped.interop import fitted
from wellshaped.models import TypedNetwork, UNet, UNet1d, UNet2, UNet3d, tiled
from wellshaped.spec import UNet2Config, UNetConfig, WellshapedError, tiles
from wellshaped.spec.network import Conv, MaxPool, Network, Node, Norm


def evaluated(model):
    model.eval()
    return model


MODELS = {
    "three levels, batch norm": (
        lambda: UNet(UNetConfig(levels=3, base_channels=2, norm="batch"), 3, 2, rngs=nnx.Rngs(0)),
        (3, 248, 200),
        112,
    ),
    "two levels as written out": (lambda: UNet2(UNet2Config(base_channels=2), 2, 1, rngs=nnx.Rngs(0)), (2, 90, 64), 32),
    "one axis, without padding": (
        lambda: UNet1d(
            UNetConfig(levels=2, base_channels=2, axes=1, padding="none", join="crop"), 1, 2, rngs=nnx.Rngs(0)
        ),
        (1, 508),
        152,
    ),
    "three axes, strides of their own": (
        lambda: UNet3d(UNetConfig(levels=1, base_channels=1, axes=3, stride=((1, 2, 2),)), 1, 1, rngs=nnx.Rngs(0)),
        (1, 20, 40, 36),
        (20, 28, 28),
    ),
    "a graph whose result is smaller": (
        lambda: TypedNetwork(
            Network({"x": 1}, (Node("c", Conv(3, padding=1, channels=2)), Node("y", MaxPool(2)))), rngs=nnx.Rngs(0)
        ),
        (1, 60, 40),
        20,
    ),
}


def integers(shape, seed=0):
    """Whole numbers as floats: their sums are exact in float32 as long as they stay below 2**24."""
    return np.random.default_rng(seed).integers(-2, 3, shape).astype(np.float32)


def with_whole_weights(model):
    graph, state = nnx.split(model, ...)
    rng = np.random.default_rng(0)

    def whole(leaf):
        return jnp.asarray(rng.integers(-1, 2, leaf.shape), leaf.dtype)

    state = jax.tree.map(whole, state)
    return nnx.merge(graph, state)


@lru_cache
def model_and_image(name):
    make, shape, tile = MODELS[name]
    return evaluated(make()), integers(shape), tile


@pytest.mark.parametrize("name", MODELS)
def test_the_tiles_give_the_result_of_the_whole_image(name):
    model, image, tile = model_and_image(name)
    whole = np.asarray(jax.jit(model)(image))
    found = tiled(model, image, tile=tile, progress=False)
    assert found.shape == whole.shape
    assert len(tiles(network_of(model), image.shape[1:], tile)) > 1
    np.testing.assert_allclose(found, whole, rtol=0, atol=2e-6 * np.abs(whole).max())


def network_of(model):
    return model.cfg if isinstance(model, UNet2) else model.network


def test_whole_numbers_are_equal_bit_for_bit():
    model = with_whole_weights(plain())
    image = integers((1, 96, 64))
    whole = np.asarray(model(image))
    assert 10 < np.abs(whole).max() < 2**24
    np.testing.assert_array_equal(tiled(model, image, tile=40, progress=False), whole)


def test_the_image_is_read_tile_by_tile_and_the_result_written_into_the_array():
    model, image, tile = model_and_image("two levels as written out")

    class Watched:
        shape, dtype = image.shape, image.dtype
        most = 0

        def __getitem__(self, where):
            part = image[where]
            self.most = max(self.most, part.size)
            return part

    watched, out = Watched(), np.zeros((1, 90, 64), np.float32)
    assert tiled(model, watched, tile=tile, out=out, progress=False) is out
    np.testing.assert_allclose(out, np.asarray(model(image)), atol=1e-5)
    assert watched.most <= 2 * 32 * 32


def test_files_larger_than_memory_are_read_and_written_as_memory_maps(tmp_path):
    tifffile = pytest.importorskip("tifffile", reason="it comes with scikit-image")
    model, image, tile = model_and_image("two levels as written out")
    tifffile.imwrite(tmp_path / "image.tif", np.moveaxis(image, 0, -1))  # channels last, as most images are
    mapped = np.moveaxis(tifffile.memmap(tmp_path / "image.tif", mode="r"), -1, 0)
    out = tifffile.memmap(tmp_path / "result.tif", shape=(1, 90, 64), dtype=np.float32)
    tiled(model, mapped, tile=tile, out=out, progress=False)
    out.flush()
    np.testing.assert_allclose(tifffile.imread(tmp_path / "result.tif"), np.asarray(model(image)), atol=1e-5)


def test_a_function_is_tiled_by_its_graph():
    network = nnx.Conv(2, 4, (5, 5), rngs=nnx.Rngs(0))

    def model(x):  # channels first
        y = nnx.relu(network(jnp.moveaxis(x, 0, -1)[None])[0])
        return jnp.moveaxis(y, -1, 0)

    image = integers((2, 70, 50))
    expected = np.asarray(model(image))
    graph = Network({"x": 2}, (Node("y", Conv(5, padding=2, channels=4)),))
    for of in (model, jax.jit(model)):
        np.testing.assert_allclose(tiled(of, image, tile=30, network=graph, progress=False), expected, atol=1e-5)
    np.testing.assert_allclose(tiled(jax.jit(model), image, memory="1 MiB", network=graph), expected, atol=1e-5)


def test_an_image_of_any_size_is_fitted_first():
    model, _, tile = model_and_image("three levels, batch norm")
    any_size = fitted(lambda x: tiled(model, x, tile=tile, progress=False), model.network, policy="pad")
    image = integers((3, 245, 199))
    expected = fitted(model, policy="pad")(image)
    np.testing.assert_allclose(any_size(image), expected, atol=1e-5 * np.abs(expected).max())


def test_a_tile_needs_at_most_the_memory_by_the_account_of_the_program():
    model, image = plain(), integers((1, 128, 128))
    whole = np.asarray(jax.jit(model)(image))
    found = tiled(model, image, memory="256 KiB", progress=False)
    np.testing.assert_allclose(found, whole, atol=1e-5 * np.abs(whole).max())
    with pytest.raises(WellshapedError, match=r"needs \d+ bytes, and memory is 1000") as error:
        tiled(model, image, memory=1000)
    enough = int(error.value.report.fixes[0].removeprefix("memory="))
    assert tiled(model, image, memory=enough, progress=False).shape == whole.shape


# A file, and stops.

RUN = """
import sys
import numpy as np
from flax import nnx
from wellshaped.models import UNet, tiled
from wellshaped.spec import UNetConfig

out, stop_after = sys.argv[1], int(sys.argv[2])
model = UNet(UNetConfig(levels=1, base_channels=2), 1, 1, rngs=nnx.Rngs(0))
image = np.random.default_rng(0).normal(size=(1, 128, 128)).astype(np.float32)

class Stopping:
    shape, dtype, reads = image.shape, image.dtype, 0
    def __getitem__(self, where):
        Stopping.reads += 1
        if Stopping.reads == stop_after:
            import os, signal
            os.kill(os.getpid(), signal.SIGKILL)
        return image[where]

tiled(model, Stopping(), tile=40, out=out, progress=False)
"""


def run(out, stop_after):
    return subprocess.run([sys.executable, "-c", RUN, out, str(stop_after)], capture_output=True, text=True).returncode


@pytest.mark.slow
def test_a_run_that_is_killed_is_continued_to_the_same_file(tmp_path):
    stopped, undisturbed = tmp_path / "stopped.npy", tmp_path / "undisturbed.npy"
    assert run(str(stopped), 12) == -signal.SIGKILL
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stopped.npy.partial", "stopped.npy.tiles"]
    assert len((tmp_path / "stopped.npy.tiles").read_text().splitlines()) == 1 + 11
    assert run(str(stopped), 0) == run(str(undisturbed), 0) == 0
    assert stopped.read_bytes() == undisturbed.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stopped.npy", "undisturbed.npy"]


@pytest.fixture
def small():
    model = UNet(UNetConfig(levels=1, base_channels=2), 1, 1, rngs=nnx.Rngs(0))
    return model, integers((1, 64, 64))


def stopped(model, image, path, after):
    class Stops:
        shape, dtype, reads = image.shape, image.dtype, 0

        def __getitem__(self, where):
            Stops.reads += 1
            if Stops.reads > after:
                raise KeyboardInterrupt
            return image[where]

    with pytest.raises(KeyboardInterrupt):
        tiled(model, Stops(), tile=40, out=path, progress=False)


def test_only_tiles_of_the_same_image_are_kept(small, tmp_path):
    model, image = small
    path = tmp_path / "y.npy"
    stopped(model, image, path, 3)
    changed = image.copy()
    changed[:, :10, :10] += 1  # in the first tile alone
    np.testing.assert_allclose(tiled(model, changed, tile=40, out=path, progress=False), model(changed), atol=1e-5)


def test_the_results_of_another_model_are_not_kept(small, tmp_path):
    model, image = small
    path = tmp_path / "y.npy"
    stopped(model, image, path, 3)
    other = UNet(model.cfg, 1, 1, rngs=nnx.Rngs(1))
    np.testing.assert_allclose(tiled(other, image, tile=40, out=path, progress=False), other(image), atol=1e-5)


def test_a_list_whose_last_line_was_cut_off_is_read_up_to_it(small, tmp_path):
    model, image = small
    path = tmp_path / "y.npy"
    stopped(model, image, path, 2)
    listed = tmp_path / "y.npy.tiles"
    listed.write_text(listed.read_text()[:-5])
    stopped(model, image, path, 3)
    assert all(re.fullmatch(r"\d [0-9a-f]{32}", line) for line in listed.read_text().splitlines()[1:])
    np.testing.assert_allclose(tiled(model, image, tile=40, out=path, progress=False), model(image), atol=1e-5)


# What can't be.


def training():
    return UNet(UNetConfig(levels=1, base_channels=2, norm="batch"), 1, 1, rngs=nnx.Rngs(0))


def with_norm(kind):
    nodes = (Node("c", Conv(3, padding=1, channels=2)), Node("y", Norm(kind)))
    return TypedNetwork(Network({"x": 1}, nodes), rngs=nnx.Rngs(0))


def plain():
    return UNet(UNetConfig(levels=1, base_channels=2), 1, 1, rngs=nnx.Rngs(0))


ONE = np.zeros((1, 64, 64), np.float32)
WRONG = {
    "a batch norm in training mode": (training, ONE, {"tile": 40}, "is in training mode", "model.eval()"),
    "an instance norm": (lambda: with_norm("instance"), ONE, {"tile": 40}, "reads the whole image", "the whole image"),
    "no tile and no memory": (plain, ONE, {}, "neither of tile and memory", 'memory="2 GiB"'),
    "a memory in words": (plain, ONE, {"memory": "much"}, "must be a number of bytes", 'memory="2 GiB"'),
    "a function without a network": (lambda: jnp.sin, ONE, {"tile": 40}, "does not say what it reads", "network="),
    "an image that does not fit": (plain, np.zeros((1, 63, 64), np.float32), {"tile": 40}, "height", "64 (pad 1)"),
    "an image with a batch": (plain, ONE[None], {"tile": 40}, "axes", "64"),
    "a list": (plain, [[1.0]], {"tile": 40}, "must have a shape", "np.asarray(image)"),
    "a result of another shape": (plain, ONE, {"tile": 40, "out": ONE[0]}, "the result has (1, 64, 64)", "np.empty"),
    "a file of another kind": (plain, ONE, {"tile": 40, "out": "y.png"}, "must end in .npy", "y.npy"),
    "a folder that is not there": (plain, ONE, {"tile": 40, "out": "nowhere/y.npy"}, "No such file", "result.npy"),
    "another network": (lambda: jnp.sin, ONE, {"tile": 40, "network": Network({"x": 1}, (Node("y", MaxPool(2)),))},
                        "it has the shape", "network="),
}  # fmt: skip


@pytest.mark.parametrize(("make", "image", "arguments", "says", "fix"), WRONG.values(), ids=WRONG)
def test_what_can_not_be_tiled_is_reported(make, image, arguments, says, fix):
    with pytest.raises(WellshapedError) as error:
        tiled(make(), image, progress=False, **arguments)
    assert says in str(error.value)
    assert fix in str(error.value)
    assert not os.path.exists("y.npy.partial")
