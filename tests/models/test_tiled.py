"""``tiled``: tile by tile, it is the whole image's result, whatever the network, the array and the moment of a stop."""

import re
import signal
import subprocess
import sys
from dataclasses import replace
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from wellshaped.interop import fitted
from wellshaped.models import TypedNetwork, UNet, UNet1d, UNet2, UNet3d, tiled
from wellshaped.spec import UNet2Config, UNetConfig, WellshapedError, tiles
from wellshaped.spec.network import Conv, Input, MaxPool, Multiply, Network, Node, Norm, Require, Resize


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


@pytest.mark.one_in(3)
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


FITTED = {
    "zeros": ("three levels, batch norm", (3, 245, 199), "pad", "zeros"),
    "mirrored": ("three levels, batch norm", (3, 241, 200), "pad", "reflect"),
    "its last position": ("one axis, without padding", (1, 506), "pad", "edge"),
    "a result that is smaller": ("a graph whose result is smaller", (1, 59, 40), "pad", "reflect"),
    "three axes": ("three axes, strides of their own", (1, 20, 39, 33), "pad", "reflect"),
    "cropped": ("three levels, batch norm", (3, 249, 207), "crop", "zeros"),
    "nothing to do": ("three levels, batch norm", (3, 248, 200), "pad", "reflect"),
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("name", "shape", "policy", "mode"), FITTED.values(), ids=FITTED)
def test_an_image_of_any_size_is_fitted_tile_by_tile(name, shape, policy, mode):
    model, _, tile = model_and_image(name)
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    expected = np.asarray(fitted(jax.jit(model), model.network, policy=policy, mode=mode)(image))

    class Watched:
        shape, dtype, most = image.shape, image.dtype, 0

        def __getitem__(self, where):
            part = image[where]
            assert all(of.stop <= n for of, n in zip(where[1:], image.shape[1:], strict=True))
            self.most = max(self.most, part[0].size)
            return part

    watched = Watched()
    out = np.zeros_like(expected)
    found = tiled(model, watched, tile=tile, policy=policy, mode=mode, out=out, progress=False)
    assert found is out
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    assert watched.most <= np.prod(np.broadcast_to(tile, len(shape) - 1))
    by_hand = fitted(lambda x: tiled(model, x, tile=tile, progress=False), model.network, policy=policy, mode=mode)
    np.testing.assert_array_equal(np.asarray(by_hand(image)), found)


def test_tiles_that_are_all_padding_are_not_computed():
    network = Network({"x": 1}, (Node("c", Conv(3, padding=1)), Node("y", Require(multiple=16))))
    model, image = TypedNetwork(network, rngs=nnx.Rngs(0)), integers((1, 33, 64))
    reads = []

    class Watched:
        shape, dtype = image.shape, image.dtype

        def __getitem__(self, where):
            reads.append(where)
            return image[where]

    found = tiled(model, Watched(), tile=16, policy="pad", progress=False)
    np.testing.assert_allclose(found, fitted(model, network, policy="pad")(image), atol=1e-5)
    assert [of.core for of in tiles(network, (48, 64), 16).axes[0]] == [(0, 15), (15, 29), (29, 43), (43, 48)]
    assert len(reads) == 3 * len(tiles(network, (48, 64), 16).axes[1])


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


def test_the_results_of_a_network_with_the_same_weights_are_not_kept(small, tmp_path):
    model, image = small
    path = tmp_path / "y.npy"
    stopped(model, image, path, 3)
    other = UNet(replace(model.cfg, activation="tanh"), 1, 1, rngs=nnx.Rngs(0))
    np.testing.assert_allclose(tiled(other, image, tile=40, out=path, progress=False), other(image), atol=1e-5)


class Activated(nnx.Module):
    """A convolution, and then what ``activation`` says: an attribute that is not an array."""

    network = Network({"x": 1}, (Node("y", Conv(3, padding=1)),))

    def __init__(self, activation):
        self.kernel = nnx.Param(jnp.ones((1, 1, 3, 3)))
        self.activation = activation

    def __call__(self, x):
        padding = ((1, 1), (1, 1))
        return self.activation(jax.lax.conv_general_dilated(x[None], self.kernel[...], (1, 1), padding)[0])


def calling(function):
    return lambda x: jax.pure_callback(function, x, x, vmap_method="sequential")


def plus(value):
    return lambda x: x + jnp.full((1, 1, 1), value)


ATTRIBUTES = {
    "a function of JAX": (jax.nn.relu, jnp.tanh),
    "functions of one name": (plus(1.0), plus(2.0)),
    "functions that are not compiled": (calling(np.sin), calling(np.cos)),
}


@pytest.mark.parametrize(("first", "then"), ATTRIBUTES.values(), ids=ATTRIBUTES)
def test_the_results_of_a_module_with_another_attribute_are_not_kept(first, then, tmp_path):
    image, path = np.random.default_rng(0).normal(size=(1, 64, 64)).astype(np.float32), tmp_path / "y.npy"
    stopped(Activated(first), image, path, 3)
    other = Activated(then)
    np.testing.assert_allclose(tiled(other, image, tile=40, out=path, progress=False), other(image), atol=1e-5)


def test_the_results_of_a_module_with_the_same_attributes_are_kept(tmp_path):
    image, path = integers((1, 64, 64)), tmp_path / "y.npy"
    stopped(Activated(plus(1.0)), image, path, 3)
    stopped(Activated(plus(1.0)), image, path, 3)
    lines = (tmp_path / "y.npy.tiles").read_text().splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["0", "1", "2", "0"]  # the first tile says what the result is


FOREIGN = {
    "a list": (("y.npy.tiles",), "another name for the result"),
    "a partial file": (("y.npy.partial",), "another name for the result"),
    "both": (("y.npy.partial", "y.npy.tiles"), "another name for the result"),
    "the list of an array": (("notes.txt",), "another file as done"),
}


@pytest.mark.parametrize(("names", "fix"), FOREIGN.values(), ids=FOREIGN)
def test_files_of_others_are_left_as_they_are(names, fix, small, tmp_path):
    model, image = small
    for name in names:
        (tmp_path / name).write_text("my notes\n")
    done = {"out": np.zeros_like(image), "done": tmp_path / "notes.txt"}
    with pytest.raises(WellshapedError, match="tiled did not write it") as error:
        tiled(model, image, tile=40, progress=False, **(done if "notes.txt" in names else {"out": tmp_path / "y.npy"}))
    assert fix in error.value.report.fixes[0]
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(names, "my notes\n")


@pytest.mark.parametrize("left", ["an empty list", "a list of another run", "a list alone"])
def test_files_that_a_stopped_run_left_are_replaced(left, small, tmp_path):
    model, image = small
    path, partial, listed = (tmp_path / f"y.npy{end}" for end in ("", ".partial", ".tiles"))
    stopped(model, image, path, 2)
    if left == "a list alone":
        partial.unlink()
    elif left == "an empty list":
        for file in (partial, listed):
            file.write_text("")
    else:
        listed.write_text(listed.read_text().replace("Tiling", "Other"))
    np.testing.assert_allclose(tiled(model, image, tile=40, out=path, progress=False), model(image), atol=1e-5)
    assert [file.name for file in tmp_path.iterdir()] == ["y.npy"]


def test_a_result_is_not_written_into_the_file_of_the_image(tmp_path):
    def mapped(mode):
        return np.lib.format.open_memmap(tmp_path / "x.npy", mode)

    np.save(tmp_path / "x.npy", integers((2, 64, 64)))
    model, network = Activated(jnp.tanh), CONV
    for image, out in ((mapped("r")[:1], mapped("r+")[:1]), (np.asarray(mapped("r"))[1:], mapped("r+")[1:])):
        with pytest.raises(WellshapedError, match="shares its values with the image"):
            tiled(model, image, tile=40, out=out, network=network, progress=False)
    expected = np.asarray(model(mapped("r")[:1]))
    tiled(model, mapped("r")[:1], tile=40, out=mapped("r+")[1:], network=network, progress=False)  # another part
    np.testing.assert_allclose(mapped("r")[1:], expected, atol=1e-5)


def test_a_run_of_a_function_begins_anew(small, tmp_path):
    model, image = small
    path = tmp_path / "y.npy"
    calls = []

    def stops(x):
        calls.append(1)
        if len(calls) > 6:
            raise KeyboardInterrupt
        return model(x)

    with pytest.raises(KeyboardInterrupt):
        tiled(stops, image, tile=40, out=path, network=model.network, progress=False)
    found = tiled(lambda x: 2 * model(x), image, tile=40, out=path, network=model.network, progress=False)
    np.testing.assert_allclose(found, 2 * model(image), atol=1e-5)


def test_a_file_that_another_run_writes_is_left_to_it(small, tmp_path):
    model, image = small

    class Meanwhile:
        shape, dtype, reads = image.shape, image.dtype, 0

        def __getitem__(self, where):
            Meanwhile.reads += 1
            if Meanwhile.reads == 3:
                with pytest.raises(WellshapedError, match="another run writes"):
                    tiled(model, image, tile=40, out=tmp_path / "y.npy", progress=False)
            return image[where]

    found = tiled(model, Meanwhile(), tile=40, out=tmp_path / "y.npy", progress=False)
    np.testing.assert_allclose(found, model(image), atol=1e-5)
    assert [path.name for path in tmp_path.iterdir()] == ["y.npy"]


def test_images_of_other_machines_and_narrow_results(small, tmp_path):
    model, image = small
    found = tiled(model, image.astype(">f4"), tile=40, progress=False)
    np.testing.assert_allclose(found, model(image), atol=1e-5)
    narrow = UNet(model.cfg, 1, 1, dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    assert tiled(narrow, image, tile=40, progress=False).dtype == jnp.bfloat16
    with pytest.raises(WellshapedError, match="can't hold the result's dtype, bfloat16"):
        tiled(narrow, image, tile=40, out=tmp_path / "y.npy", progress=False)


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


def with_vector():
    nodes = (Node("c", Norm("instance"), "x"), Node("y", Multiply(broadcast="positions"), ("c", "t")))
    return TypedNetwork(Network((Input("x", 1), Input("t", 1, single=True)), nodes), rngs=nnx.Rngs(0))


def plain():
    return UNet(UNetConfig(levels=1, base_channels=2), 1, 1, rngs=nnx.Rngs(0))


def read_only():
    out = np.zeros((1, 64, 64), np.float32)
    out.flags.writeable = False
    return out


ONE = np.zeros((1, 64, 64), np.float32)
WRONG = {
    "a batch norm in training mode": (training, ONE, {"tile": 40}, "is in training mode", "model.eval()"),
    "an instance norm": (lambda: with_norm("instance"), ONE, {"tile": 40}, "reads the whole image", "the whole image"),
    "no tile and no memory": (plain, ONE, {}, "neither tile nor memory is given", 'memory="2 GiB"'),
    "a tile and a memory": (plain, ONE, {"tile": 40, "memory": 2**20}, "tile and memory are both", "leave out memory"),
    "a memory in words": (plain, ONE, {"memory": "much"}, "the memory can't be used", 'memory="2 GiB"'),
    "a class": (lambda: UNet, ONE, {"tile": 40}, "it is the class UNet", "UNet(…)"),
    "channels that are last": (plain, ONE.transpose(1, 2, 0), {"tile": 40}, "", "np.moveaxis(image, -1, 0)"),
    "a function without a network": (lambda: jnp.sin, ONE, {"tile": 40},
                                     "does not say which positions it reads", "network="),
    "an image that does not fit": (plain, np.zeros((1, 63, 64), np.float32), {"tile": 40}, "height",
                                   'policy="pad" or policy="crop"'),
    "an image with a batch": (plain, ONE[None], {"tile": 40}, "must have 3 axes, (C, H, W)", "image[0]"),
    "a list": (plain, [[1.0]], {"tile": 40}, "must have a shape", "np.asarray(image)"),
    "a result of another shape": (plain, ONE, {"tile": 40, "out": ONE[0]}, "the result has (C, 64, 64)", "shape"),
    "a file of another kind": (plain, ONE, {"tile": 40, "out": "y.png"}, "must end in .npy", "result.npy"),
    "a folder that is missing": (plain, ONE, {"tile": 40, "out": "nowhere/y.npy"}, "no folder", "a .npy file"),
    "another network": (lambda: jnp.sin, ONE, {"tile": 40, "network": Network({"x": 1}, (Node("y", MaxPool(2)),))},
                        "it has the shape", "the network that the function computes"),
    "a folder": (plain, ONE, {"tile": 40, "out": "folder.npy"}, "is a folder", "a .npy file"),
    "a result that is read-only": (plain, ONE, {"tile": 40, "out": read_only()}, "can't be written to", "np.empty"),
    "an array of JAX": (plain, ONE, {"tile": 40, "out": jnp.zeros((1, 64, 64))}, "can't be written to", "np.empty"),
    "a result of whole numbers": (plain, ONE, {"tile": 40, "out": np.zeros((1, 64, 64), np.uint8)},
                                  "it is uint8[1, 64, 64], and the result is float32", "np.empty"),
    "the image itself": (plain, ONE, {"tile": 40, "out": ONE}, "shares its values with the image", "np.empty"),
    "an unknown policy": (plain, ONE, {"tile": 40, "policy": "stretch"}, "must be one of pad, crop", 'policy="'),
    "an unknown mode": (plain, ONE, {"tile": 40, "mode": "wrap"}, "it must be one of zeros", 'mode="reflect"'),
    "too few positions to reflect": (plain, np.zeros((1, 1, 64), np.float32),
                                     {"tile": 40, "policy": "pad", "mode": "reflect"}, "can add at most 0", "edge"),
    "statistics in words": (plain, ONE, {"tile": 40, "statistics": "yes"}, "must be True or False", "statistics=True"),
    "progress in words": (plain, ONE, {"tile": 40, "progress": "no"}, "must be True or False", "progress=False"),
    "a model with a vector": (with_vector, ONE, {"tile": 40}, "it takes x, t, and tiled gives", "model(x, t)"),
    "a vector and statistics": (with_vector, ONE, {"tile": 40, "statistics": True}, "tiled gives it x alone", "lambda"),
    "too little memory": (plain, ONE, {"memory": 100}, "and memory is 100", "memory="),
    "a norm and too little memory": (lambda: with_norm("instance"), ONE, {"memory": 9_000}, "reads the whole image",
                                     "the whole image"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "image", "arguments", "says", "fix"), WRONG.values(), ids=WRONG)
def test_what_can_not_be_tiled_is_reported(make, image, arguments, says, fix, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(WellshapedError) as error:
        tiled(make(), image, **{"progress": False, **arguments})
    assert says in str(error.value)
    assert fix in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.npy"]


# Functions that do not compute their network.


CONV = Network({"x": 1}, (Node("y", Conv(3, padding=1)),))
LEVEL = UNet(UNetConfig(levels=1, base_channels=2), 1, 1, rngs=nnx.Rngs(0))


def convolved(x):
    return jax.lax.conv_general_dilated(jnp.asarray(x)[None], jnp.ones((1, 1, 3, 3)), (1, 1), ((1, 1), (1, 1)))[0]


OTHERS = {
    "of the position": (lambda x: convolved(x) + jnp.arange(x.shape[-1]), CONV),
    "of more than its network reads": (lambda x: convolved(convolved(x)), CONV),
    "of the whole image": (lambda x: convolved(x) / jnp.mean(x), CONV),
    "transposed": (lambda x: jnp.swapaxes(convolved(x), 1, 2), CONV),
    "a resize of another kind": (
        lambda x: jax.image.resize(jnp.asarray(x), (1, x.shape[1] // 2, x.shape[2] // 2), "linear"),
        Network({"x": 1}, (Node("y", Resize(1, over=2, mode="linear")),)),
    ),
    "a model in training mode": (lambda x: training_model(x), None),
    "a model of another network": (LEVEL, CONV),
}
training_model = UNet(UNetConfig(levels=1, base_channels=2, norm="batch"), 1, 1, rngs=nnx.Rngs(0))


@pytest.mark.parametrize(("function", "network"), OTHERS.values(), ids=OTHERS)
def test_a_function_that_does_not_compute_its_network_is_rejected(function, network):
    with pytest.raises(WellshapedError, match="the function reads more than its network"):
        tiled(function, integers((1, 64, 96)), tile=40, network=network or training_model.network, progress=False)


def test_a_function_that_does_not_compute_its_network_is_rejected_in_the_smallest_tiles_too():
    """They have no position in common with the next tile, so larger ones are compared."""
    image = integers((1, 16, 16))
    right = tiled(convolved, image, tile=3, network=CONV, progress=False)
    np.testing.assert_array_equal(right, convolved(image))
    with pytest.raises(WellshapedError, match="the function reads more than its network"):
        tiled(lambda x: convolved(convolved(x)), image, tile=3, network=CONV, progress=False)


def by_maximum(x):
    return x / x.max()


def by_minimum(x):
    return x - x.min()


def by_extremes(x):
    return (x - x.min()) / (x.max() - x.min())


def by_percentiles(x):
    low, high = np.percentile(x, (1, 99.8))
    return (x - low) / (high - low)


def by_mean_and_deviation(x):
    return (x - x.mean()) / x.std()


@pytest.mark.parametrize("tile", [8, 40])
@pytest.mark.parametrize("dtype", ["float32", ">f4", "float16", "uint8", "uint16", "int16", "int8"])
@pytest.mark.parametrize("norm", [by_maximum, by_minimum, by_extremes, by_percentiles, by_mean_and_deviation])
def test_a_function_that_normalises_its_tile_is_rejected(norm, dtype, tile):
    image = np.random.default_rng(0).integers(0, 60, (1, 64, 96)).astype(dtype)
    with pytest.raises(WellshapedError, match="the function reads more than its network"):
        tiled(lambda x: convolved(norm(x.astype("f4"))), image, tile=tile, network=CONV, progress=False)


class Holds(nnx.Module):
    """A module with a config, which computes more than its network."""

    def __init__(self):
        self.cfg = LEVEL.cfg
        self.net = UNet(self.cfg, 1, 1, rngs=nnx.Rngs(0))

    def __call__(self, x):
        return self.net(x - x.mean())


class Centred(UNet):
    def __call__(self, x):
        return super().__call__(x - x.mean())


class Named(UNet):
    """Computes its network."""


def test_a_module_with_a_network_is_compared_with_it():
    image = integers((1, 64, 96)) + np.linspace(0, 5, 96, dtype=np.float32)
    centred, named = (of(LEVEL.cfg, 1, 1, rngs=nnx.Rngs(0)) for of in (Centred, Named))
    for model in (Holds(), centred):
        with pytest.raises(WellshapedError, match="the function reads more than its network"):
            tiled(model, image, tile=40, progress=False)
    with pytest.raises(WellshapedError, match="whose statistics can't be replaced"):
        tiled(centred, image, tile=40, statistics=True, progress=False)
    np.testing.assert_allclose(tiled(named, image, tile=40, progress=False), named(image), atol=1e-5)


def with_layer(name, layer):
    graph = Network({"x": 1}, (Node("conv", Conv(3, padding=1, channels=2)), Node("norm", Norm("batch"))))
    model = evaluated(TypedNetwork(graph, rngs=nnx.Rngs(0)))
    model.layers[name] = layer(model[name])
    return model


class Centring(nnx.Module):
    """A pooling of the whole image."""

    def __call__(self, x):
        return x[:, ::2, ::2] - x.mean()


def with_another_pooling():
    model = UNet2(UNet2Config(base_channels=2), 1, 1, rngs=nnx.Rngs(0))
    model.pool = Centring()
    return model


def with_another_method():
    model = plain()
    model._found = lambda names, x: {names[0]: x - x.mean()}
    return model


class Tampered(nnx.BatchNorm):
    """The norm that the network has, and more."""

    def __call__(self, x, **given):
        return super().__call__(x - x.mean(), **given)


REPLACED = {
    "another norm": lambda: with_layer("norm", lambda _: nnx.InstanceNorm(2, rngs=nnx.Rngs(0))),
    "a subclass": lambda: with_layer("norm", lambda _: Tampered(2, use_running_average=True, rngs=nnx.Rngs(0))),
    "a pooling": with_another_pooling,
    "a method": with_another_method,
}


@pytest.mark.parametrize("make", REPLACED.values(), ids=REPLACED)
def test_a_model_with_a_layer_that_reads_more_is_rejected(make):
    image = integers((1, 64, 96)) + np.linspace(0, 5, 96, dtype=np.float32)
    with pytest.raises(WellshapedError, match="the function reads more than its network"):
        tiled(make(), image, tile=40, progress=False)


def test_a_model_with_a_layer_that_reads_no_more_is_tiled():
    model = with_layer("norm", lambda _: nnx.BatchNorm(2, epsilon=0.1, use_running_average=True, rngs=nnx.Rngs(0)))
    image = integers((1, 64, 96))
    np.testing.assert_allclose(tiled(model, image, tile=40, progress=False), model(image), atol=1e-5)


def test_labels_may_differ_where_two_are_nearly_equal():
    graph = LEVEL.network
    labels = jax.jit(lambda x: (LEVEL(x) > 0.1).astype(jnp.uint8))
    image = integers((1, 64, 96))
    found = tiled(labels, image, tile=40, network=graph, progress=False)
    assert found.dtype == np.uint8
    assert (found != np.asarray(labels(image))).mean() < 0.01
