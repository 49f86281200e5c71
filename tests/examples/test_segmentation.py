"""The segmentation example: its loss, its crops and its measurement are what they say, and a run can be stopped."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import imageio.v3 as iio
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from devices import simulated
from safetensors.numpy import load_file

from wellshaped.examples import segmentation
from wellshaped.examples.segmentation import (
    IGNORED,
    Pair,
    Settings,
    augmented,
    batches,
    iou_of,
    loss_of,
    network_for,
    read_folder,
    train,
)
from wellshaped.interop import load
from wellshaped.models import UNet
from wellshaped.spec import Activation, Conv, Network, Node, UNetConfig, UsageError, save_network

TINY = UNetConfig(levels=1, base_channels=2, convs_per_block=1, norm="batch")
SETTINGS = Settings(network=TINY, steps=4, batch=2, crop=16, held_out=4)
FILE = Path(segmentation.__file__)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder of eight images of several sizes, one smaller than a crop. The brighter pixels have label 1."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (folder / kind).mkdir()
    (folder / "classes.txt").write_text("dark\nbright\n")
    for number, shape in enumerate([(20, 31), (9, 40), (16, 16), (33, 18)] * 2):
        image = rng.integers(0, 256, shape, dtype=np.uint8)
        iio.imwrite(folder / "images" / f"{number}.png", image)
        iio.imwrite(folder / "masks" / f"{number}.png", (image > 127).astype(np.uint8))
    return folder


def silently(line):
    """Say nothing."""


def test_the_loss_is_that_of_the_known_pixels_alone_and_0_if_all_are_right():
    labels = np.array([[[0, 1], [IGNORED, 1]]])
    right = np.where(labels[:, None] == np.arange(2)[None, :, None, None], 50.0, -50.0)
    assert float(loss_of(jnp.asarray(right), labels)) == pytest.approx(0, abs=1e-5)
    other = right.copy()
    other[:, :, 1, 0] = [[3.0, -7.0]]
    assert float(loss_of(jnp.asarray(other), labels)) == float(loss_of(jnp.asarray(right), labels))
    other[:, :, 0, 0] *= -1
    assert float(loss_of(jnp.asarray(other), labels)) > 10


def test_an_image_and_its_labels_are_mirrored_alike():
    labels = np.random.default_rng(0).integers(0, 2, (6, 5))
    changed, moved = jax.vmap(augmented, (0, None, None))(
        jax.random.split(jax.random.key(0), 32), labels[None].astype(np.float32), labels
    )
    middle = (changed.max((1, 2, 3)) + changed.min((1, 2, 3)))[:, None, None] / 2
    np.testing.assert_array_equal(changed[:, 0] > middle, moved == 1)
    mirrored = {np.asarray(of).tobytes() for of in moved}
    assert mirrored == {
        np.ascontiguousarray(of, moved.dtype).tobytes()
        for of in (labels, labels[::-1], labels[:, ::-1], labels[::-1, ::-1])
    }
    assert len({float(of.max()) for of in changed}) > 20  # brightness and contrast differ


def test_a_batch_depends_on_its_step_alone_and_processes_have_its_parts(data, monkeypatch):
    pairs, _ = read_folder(data, 4).split(4)
    whole = batches(pairs, (16, 16), SETTINGS)
    images, labels = whole[5]
    assert (images.shape, labels.shape) == ((2, 1, 16, 16), (2, 16, 16))
    np.testing.assert_array_equal(images, batches(pairs, (16, 16), SETTINGS)[5][0])
    assert not np.array_equal(images, whole[6][0])
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    parts = []
    for process in range(2):
        monkeypatch.setattr(jax, "process_index", lambda process=process: process)
        parts.append(batches(pairs, (16, 16), SETTINGS)[5])
    np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), images)
    np.testing.assert_array_equal(np.concatenate([part[1] for part in parts]), labels)


def test_a_crop_of_a_smaller_image_has_ignored_labels_outside_of_it(data):
    of_small = segmentation._read(Pair(data / "images" / "1.png", data / "masks" / "1.png"))
    image, labels = segmentation._cropped(of_small, np.random.default_rng(0), crop=(16, 16))
    assert (image.shape, labels.shape) == ((1, 16, 16), (16, 16))
    assert (labels[9:] == IGNORED).all()
    np.testing.assert_array_equal(labels[:9], image[0, :9] > 127 / 255)


def test_the_iou_of_each_class_is_over_all_images_and_nan_for_a_class_that_none_has(monkeypatch):
    masks = [np.array([[0, 1, 1]]), np.array([[0, 0]])]
    found = [np.array([[0, 1, 0]]), np.array([[1, 0]])]
    monkeypatch.setattr(segmentation, "predicted", lambda model, images: iter(found))
    ious = iou_of(None, [(None, mask) for mask in masks], 3)
    assert ious == [2 / 4, 1 / 3, pytest.approx(np.nan, nan_ok=True)]


REJECTED = {
    "without padding": (
        UNetConfig(levels=1, base_channels=2, convs_per_block=1, padding="none", join="crop"),
        "of an image",
    ),
    "a volume": (
        UNetConfig(levels=1, base_channels=2, axes=3),
        "it takes images with 3 axes, and these have 2 axes",
    ),
    "no crop": (UNetConfig(levels=5, base_channels=2), "no size up to crop=16 fits the network"),
    "probabilities": (
        Network({"x": 1}, (Node("c", Conv(3, padding=1, channels=2)), Node("y", Activation("softmax")))),
        "it ends in softmax",
    ),
    "other channels": (
        Network({"x": 3}, (Node("y", Conv(3, padding=1, channels=2)),)),
        "3 channels, and these have 1 channel",
    ),
    "other classes": (Network({"x": 1}, (Node("y", Conv(3, padding=1, channels=3)),)), "of an image"),
}


@pytest.mark.parametrize(("network", "says"), REJECTED.values(), ids=REJECTED)
def test_a_network_that_can_not_be_trained_on_the_folder_is_rejected(network, says):
    with pytest.raises(UsageError, match=says):
        network_for(Settings(network=network, crop=16), 1, 2)


class StoppedError(Exception):
    """A run is stopped."""


def test_a_run_that_stops_goes_on_to_the_numbers_of_an_undisturbed_one(data, tmp_path):
    def stop(line):
        said.append(line)
        if line.startswith("step 2"):
            raise StoppedError

    said = []
    one, other = tmp_path / "one.safetensors", tmp_path / "other.safetensors"
    history = train(data, one, SETTINGS, every=1, tell=said.append)
    assert list(history.measured) == ["1", "2", "3", "4"]
    assert {path.name for path in tmp_path.iterdir()} == {
        *("one.safetensors", "one.curves.png", "one.panel.png", "one.checkpoints")
    }
    assert isinstance(load(one), UNet)
    means = [array for name, array in load_file(one).items() if name.endswith("mean")]
    assert means
    assert all(array.any() for array in means)  # batch norms were in training mode
    with pytest.raises(StoppedError):
        train(data, other, SETTINGS, every=1, tell=stop)
    with pytest.raises(UsageError, match=r"of a run with steps=4, and this run has steps=5"):
        train(data, other, Settings(**vars(SETTINGS) | {"steps": 5}), every=1, tell=silently)
    with jax.set_mesh(jax.make_mesh((1,), ("rows",))):  # of the program around it
        again = train(data, other, SETTINGS, every=1, tell=said.append)
    assert any(line.startswith("goes on after step 1") for line in said)
    assert again == history
    assert one.read_bytes() == other.read_bytes()
    with pytest.raises(UsageError, match="there is a file of this name"):
        train(data, other, SETTINGS, tell=silently)


@pytest.mark.slow
def test_bfloat16_and_nodes_that_are_computed_again_train_alike(data, tmp_path):
    losses = {}
    for name, changed in {"plain": {}, "again": {"remat": ("encoder*",)}, "bfloat16": {"dtype": "bfloat16"}}.items():
        output = tmp_path / f"{name}.safetensors"
        losses[name] = train(data, output, Settings(**vars(SETTINGS) | changed), tell=silently).losses
        assert {array.dtype for array in load_file(output).values()} == {np.dtype(np.float32)}
    assert losses["again"] == pytest.approx(losses["plain"], rel=1e-4)
    assert losses["bfloat16"] == pytest.approx(losses["plain"], rel=0.05)
    assert losses["bfloat16"] != losses["plain"]


def with_picture(output):
    output.with_suffix(".curves.png").write_bytes(b"mine")


def with_file_of_checkpoints(output):
    output.with_suffix(".checkpoints").write_bytes(b"mine")


def with_folder(output):
    output.mkdir()


def with_damaged_checkpoint(output):
    (output.with_suffix(".checkpoints") / "7" / "run").mkdir(parents=True)


IN_THE_WAY = {
    with_picture: r"curves\.png can't be used.\n  exists: there is a file of this name",
    with_file_of_checkpoints: "there is a file of this name, and checkpoints need a folder",
    with_folder: "there is a folder of this name",
    with_damaged_checkpoint: r"damaged: step 7 can't be read .*\n  fix: remove .*checkpoints/7",
}


@pytest.mark.parametrize(("put", "says"), IN_THE_WAY.items(), ids=lambda of: getattr(of, "__name__", ""))
def test_what_is_in_the_way_of_the_output_stays_and_is_named(put, says, data, tmp_path):
    output = tmp_path / "m.safetensors"
    put(output)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=says):
        train(data, output, SETTINGS, tell=silently)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_crop_that_no_memory_holds_is_rejected():
    with pytest.raises(UsageError, match="it is 100000000, and must be at most 16384"):
        network_for(Settings(network=TINY, crop=100_000_000), 1, 2)


# Programs: the example as a file of its own.


def started(data, output, *words, **environment):
    """Start the example on a folder, with a tiny network."""
    config = output.parent / "tiny.toml"
    save_network(TINY, config)
    command = [sys.executable, "-P", str(FILE), str(data), str(output), "--network", str(config), *map(str, words)]
    return subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def two_started(data, output, *words):
    """Start two processes of one run. They find each other over the loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words += ("--coordinator", address, "--processes", 2, "--process")
    return [started(data, output, *words, process, JAX_CPU_COLLECTIVES_IMPLEMENTATION="gloo") for process in range(2)]


def finished(*processes):
    """Wait for the processes; return what the first has said."""
    said = [process.communicate(timeout=600)[0] for process in processes]
    for process, of_it in zip(processes, said, strict=True):
        assert process.returncode == 0, of_it
    return said[0]


@pytest.mark.slow
@pytest.mark.parametrize("kills", [1, 20])
def test_a_run_that_is_killed_ends_with_the_numbers_of_an_undisturbed_one(kills, data, tmp_path):
    words = ("--steps", max(100, 50 * kills), "--every", 10, "--crop", 16, "--batch", 2)
    finished(started(data, tmp_path / "undisturbed.safetensors", *words))
    killed = tmp_path / "killed.safetensors"
    resumed = set()
    for _ in range(kills):
        with started(data, killed, *words) as process:
            measured, last = 0, random.randint(3, 4)  # the first checkpoint is complete when the second begins
            for line in process.stdout:
                measured += line.startswith("step")
                resumed |= {line} if line.startswith("goes on after") else set()
                if measured == last:
                    break
            time.sleep(random.uniform(0, 0.1))  # a checkpoint is written now, or a few steps are done
            assert process.poll() is None, "it has ended before the last kill"
            os.kill(process.pid, signal.SIGKILL)
    resumed |= {finished(started(data, killed, *words)).partition("goes on after")[2]} - {""}
    assert len(resumed) >= max(1, kills // 5)
    assert killed.read_bytes() == (tmp_path / "undisturbed.safetensors").read_bytes()


def losses_of(output, step):
    """The losses in the checkpoint of a step."""
    (file,) = (output.with_suffix(".checkpoints") / str(step) / "run").glob("*metadata*")
    return json.loads(file.read_text())["history"]["losses"]


WORDS = ("--steps", 20, "--every", 4, "--crop", 16, "--batch", 8)


@pytest.fixture(scope="module")
def of_two(data, tmp_path_factory):
    """The model of an undisturbed run of two processes."""
    output = tmp_path_factory.mktemp("two") / "two.safetensors"
    finished(*two_started(data, output, *WORDS))
    return output


@pytest.mark.slow
def test_losses_on_eight_devices_and_on_two_processes_are_those_of_one_device(data, of_two, tmp_path):
    alone, eight = (tmp_path / f"{name}.safetensors" for name in ("alone", "eight"))
    finished(started(data, alone, *WORDS))
    finished(started(data, eight, *WORDS, XLA_FLAGS=simulated(8)["XLA_FLAGS"]))
    losses = losses_of(alone, 20)
    assert losses[-1] < losses[0]
    for output in (eight, of_two):
        assert losses_of(output, 20) == pytest.approx(losses, rel=2e-5), output
        assert output.exists()


@pytest.mark.slow
@pytest.mark.parametrize("victim", [1, pytest.param(0, marks=pytest.mark.exhaustive)])
def test_two_processes_of_which_one_is_killed_go_on_to_the_losses_of_an_undisturbed_run(victim, data, of_two, tmp_path):
    killed = tmp_path / "killed.safetensors"
    processes = two_started(data, killed, *WORDS)
    measured = 0
    for line in processes[0].stdout:
        measured += line.startswith("step")
        if measured == 3:
            break
    time.sleep(random.uniform(0, 0.1))
    processes[victim].kill()
    time.sleep(1)
    processes[1 - victim].kill()  # JAX ends it after some time, because the other is gone
    for process in processes:
        process.communicate()
    assert "goes on after step" in finished(*two_started(data, killed, *WORDS))
    assert losses_of(killed, 20) == losses_of(of_two, 20)
