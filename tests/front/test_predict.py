"""Predictions of a model on image files of any size are the model's, and each fault has one message."""

import json
import sys
from pathlib import Path

import imageio.v3 as iio
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tifffile
from flax import nnx
from skimage.data import cell, coins

from wellshaped.cli import main
from wellshaped.interop import fitted, load, save
from wellshaped.models import TypedNetwork, UNet
from wellshaped.prediction.images import ImageError, Preparation, read_image
from wellshaped.prediction.results import Result
from wellshaped.spec import Activation, Conv, Network, Node, UNetConfig

EVERYTHING = (slice(None),) * 3


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Paths of models: of grey pictures and two labels, of RGB and one channel, of a volume, of a signal."""
    folder = tmp_path_factory.mktemp("models")
    of = {
        "grey": UNet(UNetConfig(levels=2, base_channels=2, norm="batch"), 1, 2, rngs=nnx.Rngs(0)),
        "rgb": UNet(UNetConfig(levels=1, base_channels=2), 3, 1, rngs=nnx.Rngs(1)),
        "instance": UNet(UNetConfig(levels=1, base_channels=2, norm="instance"), 1, 3, rngs=nnx.Rngs(2)),
        "volume": UNet(UNetConfig(levels=1, base_channels=2, axes=3), 1, 2, rngs=nnx.Rngs(3)),
        "signal": UNet(UNetConfig(levels=1, base_channels=2, axes=1), 1, 2, rngs=nnx.Rngs(4)),
        "sigmoid": TypedNetwork(
            Network({"x": 1}, (Node("c", Conv(3, padding=1, channels=1)), Node("y", Activation("sigmoid")))),
            rngs=nnx.Rngs(5),
        ),
    }
    for name, model in of.items():
        save(model, folder / f"{name}.safetensors")
    return {name: str(folder / f"{name}.safetensors") for name in of}


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    iio.imwrite(folder / "coins.png", coins()[:61, :75])
    tifffile.imwrite(folder / "cell.tif", cell()[:45, :50])
    return folder


def values(path, image):
    """What a model computes of an image, padded as by default."""
    model = load(path)
    model.eval()
    return np.asarray(fitted(jax.jit(model), model.network, policy="pad", mode="reflect")(jnp.asarray(image)))


@pytest.fixture
def ran(tmp_path, monkeypatch, capsys):
    """Run ``predict`` in an empty folder: its status, its output and its errors."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        status = main(["predict", *map(str, words)])
        out, err = capsys.readouterr()
        return status, out, err

    return run


def test_labels_are_those_that_the_model_has_for_images_of_any_size(models, photos, ran, tmp_path):
    status, out, _ = ran(models["grey"], photos)
    assert status == 0
    assert "61×75 padded to 64×76" in out
    assert "2 images predicted" in out
    for name, image in (("coins", coins()[:61, :75]), ("cell", cell()[:45, :50])):
        labels = iio.imread(tmp_path / "predicted" / f"{name}.png")
        logits = values(models["grey"], image[None].astype(np.float32) / 255)
        assert labels.dtype == np.uint8
        assert (labels == logits.argmax(0)).mean() > 0.999  # ties of rounding


@pytest.mark.parametrize("name", ["grey", pytest.param("instance", marks=pytest.mark.slow)])
def test_an_image_that_needs_too_much_memory_is_predicted_in_tiles_with_the_same_result(name, models, photos, ran):
    iio.imwrite(photos / "coins.png", coins())
    given = models[name], photos / "coins.png", "--write", "values"
    status, out, err = ran(*given, "--output", "whole")
    assert status == 0, err
    assert "tiles" not in out
    status, out, err = ran(*given, "--output", "tiles", "--memory", "3MB")
    assert status == 0, err + out
    assert "in tiles" in out
    found, whole = (np.load(f"{folder}/coins.npy") for folder in ("tiles", "whole"))
    np.testing.assert_allclose(found, whole, atol=1e-4 * np.abs(whole).max())


def test_probabilities_of_several_channels_are_a_softmax_and_of_one_a_sigmoid(models, photos, ran, tmp_path):
    assert ran(models["grey"], photos / "cell.tif", "--write", "probabilities")[0] == 0
    found = np.load(tmp_path / "predicted" / "cell.npy")
    logits = values(models["grey"], cell()[None, :45, :50].astype(np.float32) / 255)
    np.testing.assert_allclose(found, jax.nn.softmax(logits, 0), atol=1e-5)
    assert ran(models["rgb"], photos / "cell.tif", "--write", "probabilities", "--colour", "rgb")[0] == 0
    found = np.load(tmp_path / "predicted" / "cell.npy")
    logits = values(models["rgb"], np.repeat(cell()[None, :45, :50].astype(np.float32) / 255, 3, 0))
    np.testing.assert_allclose(found, jax.nn.sigmoid(logits), atol=1e-5)


def test_a_network_that_ends_in_a_sigmoid_has_probabilities(models, photos, ran, tmp_path):
    folder = tmp_path / "predicted"
    for kind in ("values", "probabilities", "labels"):
        assert ran(models["sigmoid"], photos / "cell.tif", "--write", kind, "--output", folder / kind)[0] == 0
    found = np.load(folder / "probabilities" / "cell.npy")
    assert (found == np.load(folder / "values" / "cell.npy")).all()
    assert (iio.imread(folder / "labels" / "cell.png") == (found[0] > 0.5)).all()


def test_volumes_and_signals_are_predicted(models, ran, tmp_path):
    volume = np.random.default_rng(0).integers(0, 4096, (5, 12, 11)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "v.tif", volume)
    assert ran(models["volume"], "v.tif")[0] == 0
    logits = values(models["volume"], volume[None].astype(np.float32) / 65535)
    assert (tifffile.imread("predicted/v.tif") == logits.argmax(0)).mean() > 0.99
    np.save("s.npy", np.sin(np.arange(31.0)))
    assert ran(models["signal"], "s.npy")[0] == 0
    assert np.load("predicted/s.npy").shape == (31,)


def test_a_folder_goes_on_after_a_file_that_cannot_be_read_and_lists_it(models, photos, ran):
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no picture")
    (photos / "empty.npy").write_bytes(b"")
    np.save(photos / "text.npy", np.array(["a"]))
    iio.imwrite(photos / "rgb.png", np.zeros((8, 8, 3), np.uint8))
    (photos / "notes.txt").write_text("not an image")
    status, out, _ = ran(models["grey"], photos)
    assert status == 1
    assert "2 images predicted, 4 not:" in out
    lines = {line.strip().split(":")[0].rpartition("/")[2]: line for line in out.splitlines() if line.startswith("  ")}
    assert set(lines) == {"broken.png", "empty.npy", "text.npy", "rgb.png"}
    assert lines["rgb.png"].endswith("fix: --colour grey")
    status, out, _ = ran(models["grey"], photos, "--json")
    assert status == 1
    assert len(json.loads(out)["failed"]) == 4


def test_the_policy_is_the_caller_s(models, photos, ran, tmp_path):
    assert ran(models["grey"], photos / "coins.png", "--policy", "crop")[0] == 0
    assert iio.imread(tmp_path / "predicted" / "coins.png").shape == (60, 72)
    status, out, _ = ran(models["grey"], photos / "coins.png", "--policy", "error")
    assert status == 1
    assert "61" in out
    assert ran(models["grey"], photos / "coins.png", "--mode", "zeros", "--write", "values")[0] == 0
    zeros = np.load(tmp_path / "predicted" / "coins.npy")
    ran(models["grey"], photos / "coins.png", "--mode", "edge", "--write", "values")
    assert not np.array_equal(zeros, np.load(tmp_path / "predicted" / "coins.npy"))


def test_a_panel_is_a_picture(models, photos, ran, tmp_path):
    assert ran(models["grey"], photos / "coins.png", "--panel")[0] == 0
    assert ran(models["rgb"], photos / "coins.png", "--panel", "--colour", "rgb", "--write", "probabilities")[0] == 0
    picture = iio.imread(tmp_path / "predicted" / "coins.panel.png")
    assert picture.shape[1] > 1000
    status, _, err = ran(models["volume"], photos / "coins.png", "--panel")
    assert status == 2
    assert "the model has 3 axes, not 2" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--write", "label"], "--write labels"),
        (["--policy", "pads"], "--policy pad"),
        (["--mode", "mirror"], "it must be one of zeros, reflect and edge"),
        (["--colour", "gray"], "--colour grey"),
        (["--mean", "x"], "must be numbers with commas"),
        (["--std", "0"], "a number to divide by must not be 0"),
        (["--memory", "much"], "it is 'much', and must be a number of bytes"),
        (["nowhere.png"], "there is no such file|nowhere.png"),
    ],
)
def test_what_cannot_be_used_gets_one_message_with_a_fix(words, says, models, photos, ran, tmp_path):
    status, out, err = ran(models["grey"], photos / "coins.png", *words)
    assert status in (1, 2)
    assert any(part in out + err for part in says.split("|"))
    assert len((out + err).splitlines()) < 8


def test_messages_speak_of_the_flags_of_the_command(models, photos, ran, tmp_path):
    iio.imwrite(tmp_path / "tiny.png", np.zeros((1, 1), np.uint8))
    fix = ran(models["grey"], "tiny.png")[1].splitlines()[1]
    assert fix.endswith("fix: --mode edge or --mode zeros")
    assert ran(models["grey"], "tiny.png", "--mode", "edge")[0] == 0
    for words in (["--memory", "much"], ["--memory", "1KB"]):
        status, out, err = ran(models["grey"], photos / "coins.png", *words)
        assert status in (1, 2)
        assert "fix: --memory " in out + err
        assert "memory=" not in out + err
    needed = out.rpartition("--memory ")[2].strip()
    assert ran(models["grey"], photos / "coins.png", "--memory", needed)[0] == 0
    assert "--mean has 2 numbers" in ran(models["grey"], photos / "coins.png", "--mean", "1,2")[1]


@pytest.mark.parametrize("name", ["milesial", "unet", "net.toml", "weights.pt", "weights.pth"])
@pytest.mark.parametrize("command", ["predict", "export"])
def test_what_has_no_weights_is_named_with_the_command_that_brings_them(command, name, capsys):
    assert main([command, name, *(["photo.png"] if command == "predict" else [])]) == 2
    err = capsys.readouterr().err
    assert "without weights" in err or "PyTorch's weights" in err
    assert f"{'' if 'weights' in name else 'weights.pt '}{name} " in err.rpartition("fix: wellshaped convert ")[2]


def test_a_damaged_file_is_described_in_our_words(models, ran, tmp_path):
    iio.imwrite(tmp_path / "whole.jpg", coins()[:61, :75])
    iio.imwrite(tmp_path / "whole.png", coins()[:61, :75])
    tifffile.imwrite(tmp_path / "whole.tif", coins()[:61, :75])
    np.save(tmp_path / "whole.npy", coins()[:61, :75])
    np.save(tmp_path / "objects.npy", np.array([None, {}], object))
    for suffix in ("jpg", "png", "tif", "npy"):
        raw = (tmp_path / f"whole.{suffix}").read_bytes()
        (tmp_path / f"cut.{suffix}").write_bytes(raw[: len(raw) // 2])
        (tmp_path / f"empty.{suffix}").write_bytes(b"")
        (tmp_path / f"text.{suffix}").write_text("no image")
        (tmp_path / f"whole.{suffix}").unlink()
    (tmp_path / "notes.txt").write_text("no image")
    status, out, _ = ran(models["grey"], tmp_path, "notes.txt")
    assert status == 1
    *lines, last = [line for line in out.splitlines() if line.startswith("  ")]
    assert len(lines) == 13
    assert all("it is damaged, or not a " in line for line in lines)
    assert "its suffix is '.txt', and must be one of .png" in last


def test_a_folder_or_an_image_that_may_not_be_read_is_said_to_be_so(models, photos, ran, monkeypatch):
    def forbidden(self, *mode):
        raise PermissionError(13, "Permission denied", str(self))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "iterdir", forbidden)
        status, _, err = ran(models["grey"], photos)
    assert (status, err.splitlines()[:2]) == (2, [f"folder {photos} can't be read.", "  file: Permission denied."])
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", forbidden)
        with pytest.raises(ImageError, match="you may not read it"):
            image_of(photos / "coins.png", 1)


def test_a_link_to_nothing_is_listed(models, photos, ran):
    (photos / "gone.png").symlink_to("nowhere.png")
    status, out, _ = ran(models["grey"], photos)
    assert status == 1
    assert "gone.png: there is no such file" in out


def test_what_no_image_can_have_is_rejected_before_the_first(models, photos, ran, tmp_path):
    status, out, err = ran(models["grey"], photos, "--memory", "0")
    assert (status, out) == (2, "")
    assert "it is '0', and must be more than 0" in err
    (tmp_path / "taken").write_text("")
    status, out, err = ran(models["grey"], photos, "--output", "taken")
    assert (status, out) == (2, "")
    assert "it is a file" in err


def test_a_folder_without_images_and_a_missing_model_are_rejected(models, ran, tmp_path):
    (tmp_path / "none").mkdir()
    status, _, err = ran(models["grey"], "none")
    assert status == 2
    assert "it has no image" in err
    status, _, err = ran("no.safetensors", "none")
    assert status == 2
    assert "there is no such file" in err


def test_a_result_never_replaces_an_image(models, photos, ran):
    before = (photos / "coins.png").read_bytes()
    status, _, err = ran(models["grey"], photos / "coins.png", "--output", photos)
    assert status == 2
    assert "would replace the image" in err
    assert (photos / "coins.png").read_bytes() == before
    other = photos.parent / "other"
    other.mkdir()
    (other / "coins.png").write_bytes(before)
    status, _, err = ran(models["grey"], photos / "coins.png", other / "coins.png")
    assert status == 2
    assert "would be the result of" in err


def test_two_images_of_one_name_keep_their_suffixes(models, photos, ran, tmp_path):
    iio.imwrite(photos / "cell.png", cell()[:20, :20])
    assert ran(models["grey"], photos)[0] == 0
    written = {path.name for path in (tmp_path / "predicted").iterdir()}
    assert written == {"cell.png.png", "cell.tif.png", "coins.png"}


# Reading images.


def image_of(path, channels, **preparation):
    return read_image(path, 2, channels, Preparation(**preparation))[EVERYTHING]


def test_the_layout_of_a_file_is_found_by_its_channels(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (6, 5, 3)).astype(np.uint8)
    iio.imwrite(tmp_path / "a.png", rgb)
    iio.imwrite(tmp_path / "b.png", np.concatenate([rgb, np.full((6, 5, 1), 9, np.uint8)], -1))
    np.save(tmp_path / "first.npy", np.moveaxis(rgb, -1, 0))
    np.save(tmp_path / "last.npy", rgb)
    np.save(tmp_path / "float.npy", rgb / 255)
    wanted = np.moveaxis(rgb, -1, 0).astype(np.float32) / 255
    for name in ("a.png", "b.png", "first.npy", "last.npy", "float.npy"):
        np.testing.assert_allclose(image_of(tmp_path / name, 3), wanted, atol=1e-7)


def test_colours_are_converted_and_values_prepared(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (6, 5, 3)).astype(np.uint8)
    iio.imwrite(tmp_path / "a.png", rgb)
    iio.imwrite(tmp_path / "g.png", rgb[..., 0])
    grey = image_of(tmp_path / "a.png", 1, colour="grey")
    np.testing.assert_allclose(grey[0], (rgb / 255) @ [0.299, 0.587, 0.114], atol=1e-6)
    np.testing.assert_allclose(image_of(tmp_path / "g.png", 3, colour="rgb")[2], rgb[..., 0] / 255, atol=1e-7)
    found = image_of(tmp_path / "a.png", 3, mean=(0.5, 0.4, 0.3), std=(2.0,))
    np.testing.assert_allclose(found[1], (rgb[..., 1] / 255 - 0.4) / 2, atol=1e-6)
    with pytest.raises(ImageError, match="mean has 2 numbers, and the image 3 channels"):
        image_of(tmp_path / "a.png", 3, mean=(0.5, 0.4))


def test_other_colours_are_read_as_rgb_and_transparency_is_left_out(tmp_path):
    from PIL import Image

    rgb = np.zeros((6, 5, 3), np.uint8) + np.array([200, 100, 50], np.uint8)
    Image.fromarray(rgb).convert("CMYK").save(tmp_path / "c.jpg")
    np.testing.assert_allclose(image_of(tmp_path / "c.jpg", 3)[:, 3, 3], [200 / 255, 100 / 255, 50 / 255], atol=0.03)
    Image.fromarray(rgb).convert("RGBA").save(tmp_path / "a.png")
    assert image_of(tmp_path / "a.png", 3).shape == (3, 6, 5)
    assert image_of(tmp_path / "a.png", 4).shape == (4, 6, 5)
    np.save(tmp_path / "two.npy", np.zeros((6, 5, 2), np.float32))
    with pytest.raises(ImageError, match=r"it has the shape \(6, 5, 2\)"):
        image_of(tmp_path / "two.npy", 1)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_a_photograph_is_turned_as_its_orientation_says(suffix, tmp_path):
    from PIL import Image, ImageOps

    grey = np.zeros((48, 64), np.uint8)
    grey[:16, :32], grey[16:, 48:] = 200, 90
    for orientation in range(1, 9):
        picture = Image.fromarray(grey)
        picture.getexif()[0x0112] = orientation
        path = tmp_path / f"{orientation}.{suffix}"
        picture.save(path, exif=picture.getexif())
        upright = np.asarray(ImageOps.exif_transpose(picture))
        assert upright.shape == ((48, 64) if orientation < 5 else (64, 48))
        np.testing.assert_array_equal(image_of(path, 1)[0] * 255, upright)
        if suffix == "tif":
            rgb, tags = np.stack([grey, grey // 2, grey // 3]), [("Orientation", "H", 1, orientation, True)]
            tifffile.imwrite(path, rgb, photometric="rgb", planarconfig="separate", extratags=tags)
            np.testing.assert_array_equal(image_of(path, 3)[0] * 255, upright)
            tifffile.imwrite(path, np.moveaxis(rgb, 0, -1), photometric="rgb", compression="zlib", extratags=tags)
            np.testing.assert_array_equal(image_of(path, 3)[0] * 255, upright)


def test_pages_and_frames_are_no_colours(tmp_path):
    pages = np.zeros((3, 10, 12), np.uint8)
    tifffile.imwrite(tmp_path / "pages.tif", pages, photometric="minisblack")
    with pytest.raises(ImageError, match="it has 3 pages, and the model takes one image"):
        image_of(tmp_path / "pages.tif", 3)
    tifffile.imwrite(tmp_path / "planes.tif", pages, photometric="rgb", planarconfig="separate")
    assert image_of(tmp_path / "planes.tif", 3).shape == (3, 10, 12)
    with pytest.raises(ImageError, match="fix: --colour grey"):
        image_of(tmp_path / "planes.tif", 1)
    iio.imwrite(tmp_path / "moves.png", np.stack([pages, pages + 9]).transpose(0, 2, 3, 1), plugin="pillow")
    with pytest.raises(ImageError, match="it has 2 frames"):
        image_of(tmp_path / "moves.png", 3)


def test_only_unsigned_integers_are_scaled(tmp_path):
    for dtype, scale in ((np.uint8, 255), (np.uint16, 65535), (np.int16, 1), (np.int64, 1), (np.float64, 1)):
        np.save(tmp_path / "a.npy", np.full((4, 5), 100, dtype))
        assert image_of(tmp_path / "a.npy", 1).max() == pytest.approx(100 / scale)


def test_a_result_that_is_not_finite_is_not_written(models, ran, tmp_path):
    image = np.zeros((8, 8), np.float32)
    image[3, 3] = np.nan
    np.save("nan.npy", image)
    status, out, _ = ran(models["grey"], "nan.npy")
    assert status == 1
    assert "the model's values for it are not all finite" in out
    assert not (tmp_path / "predicted" / "nan.png").exists()


def test_a_panel_and_a_result_never_have_one_name(models, photos, ran):
    iio.imwrite(photos / "coins.panel.jpg", coins()[:20, :20])
    status, _, err = ran(models["grey"], photos, "--panel")
    assert status == 2
    assert "would be the result of" in err


def test_a_large_file_is_mapped_and_only_parts_are_read(tmp_path):
    array = np.zeros((1, 40, 50), np.float32)
    np.save(tmp_path / "a.npy", array)
    assert isinstance(read_image(tmp_path / "a.npy", 2, 1, Preparation())._array, np.memmap)
    tifffile.imwrite(tmp_path / "a.tif", array[0])
    assert isinstance(read_image(tmp_path / "a.tif", 2, 1, Preparation())._array, np.memmap)


@pytest.mark.parametrize("count", [1, 2, 300])
def test_labels_have_the_smallest_dtype_that_holds_them(count):
    result = Result("labels", (count, 2, 2), "logits")
    assert result.array.dtype == (np.uint16 if count == 300 else np.uint8)


def test_a_missing_package_is_named_with_the_extra(models, photos, ran, monkeypatch):
    monkeypatch.setitem(sys.modules, "imageio.v3", None)
    monkeypatch.setitem(sys.modules, "imageio", None)
    status, _, err = ran(models["grey"], photos / "coins.png")
    assert status == 2
    assert "images" in err
