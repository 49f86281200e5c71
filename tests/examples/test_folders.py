"""Faults of a data folder: each is found by its rule, and one message lists them all."""

import shutil

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image

from wellshaped.examples.segmentation import RULES, DataError, read_folder, read_image, read_mask

RNG = np.random.default_rng(0)


def picture(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def labels(*shape, most=1):
    return (np.arange(np.prod(shape)).reshape(shape) % (most + 1)).astype(np.uint8)


@pytest.fixture
def data(tmp_path):
    """A folder without faults: four grey images of several sizes and kinds, with two labels."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    (tmp_path / "classes.txt").write_text("background\ncoin\n")
    for name, shape in {"a": (20, 31), "b": (8, 9), "c": (40, 17), "d": (1, 1)}.items():
        iio.imwrite(tmp_path / "images" / f"{name}.png", picture(*shape))
        iio.imwrite(tmp_path / "masks" / f"{name}.png", labels(*shape))
    return tmp_path


def with_array(path, array):
    def fault(data):
        for old in (data / path).parent.glob(f"{(data / path).stem}.*"):
            old.unlink()
        if path.endswith(".npy"):
            np.save(data / path, array)
        elif path.endswith(".tif"):
            tifffile.imwrite(data / path, array)
        else:
            iio.imwrite(data / path, array)

    return fault


def turned(path, orientation):
    def fault(data):
        (data / path).with_suffix(".png").unlink()
        tifffile.imwrite(data / path, picture(31, 20), extratags=[(274, "H", 1, orientation, True)])

    return fault


def archived(path):
    def fault(data):
        (data / path).with_suffix(".png").unlink()
        with open(data / path, "wb") as file:
            np.savez(file, labels(20, 31))

    return fault


def renamed_jpeg(path):
    return lambda data: (data / path).write_bytes(iio.imwrite("<bytes>", labels(20, 31), extension=".jpg"))


def with_bytes(path, content):
    return lambda data: (data / path).write_bytes(content)


def without(*paths):
    def fault(data):
        for path in paths:
            shutil.rmtree(data / path) if (data / path).is_dir() else (data / path).unlink()

    return fault


def truncated(path):
    return lambda data: (data / path).write_bytes((data / path).read_bytes()[:-30])


FAULTS = {  # what is done to the folder, the rule that it breaks, and what the message says
    "no classes": (without("classes.txt"), "classes", "missing"),
    "one class": (with_bytes("classes.txt", b"coin\n\n"), "classes", "fewer than two lines"),
    "classes in another encoding": (with_bytes("classes.txt", b"a\nb\xff\n"), "classes", "missing"),
    "a class without a name": (with_bytes("classes.txt", b"a\n\nb\n"), "classes", "line 2 is empty"),
    "no images folder": (without("images"), "kinds", "there is no folder images"),
    "no masks folder": (without("masks"), "kinds", "there is no folder masks"),
    "no folder": (without("images", "masks", "classes.txt"), "images", "there are 0"),
    "too few images": (without("images/a.png", "masks/a.png"), "images", "there are 3"),
    "no mask": (without("masks/b.png"), "pairs", "b has 1 image and no mask"),
    "no image": (without("images/b.png"), "pairs", "b has no image and 1 mask"),
    "two images of a name": (
        lambda data: shutil.copy(data / "images/b.png", data / "images/b.PNG"),
        "pairs",
        "b has 2 images and 1 mask",
    ),
    "two masks of a name": (lambda data: shutil.copy(data / "masks/b.png", data / "masks/b.PNG"), "pairs", "2 masks"),
    "another name": (
        lambda data: (data / "masks/c.png").rename(data / "masks/c_mask.png"),
        "pairs",
        "c_mask has no image",
    ),
    "an empty image": (with_bytes("images/a.png", b""), "files", "images/a.png is damaged"),
    "an empty mask": (with_bytes("masks/a.png", b""), "files", "masks/a.png is damaged"),
    "half an image": (truncated("images/c.png"), "files", "images/c.png is damaged"),
    "a text as an image": (with_bytes("images/a.tif", b"no image"), "files", "images/a.tif is damaged"),
    "a folder as an image": (lambda data: (data / "images/e.png").mkdir(), "kinds", "images/e.png is a folder"),
    "a link to nothing": (
        lambda data: (data / "images/e.png").symlink_to("nowhere"),
        "files",
        "images/e.png is damaged",
    ),
    "texts in a NumPy file": (with_array("images/a.npy", np.array([["a"]])), "files", "holds <U1"),
    "objects in a NumPy file": (with_array("images/a.npy", np.array([[{}]])), "files", "is damaged, or can't be read"),
    "NaN": (with_array("images/a.npy", np.full((20, 31), np.nan)), "files", "has NaN or infinity"),
    "too large for float32": (with_array("images/a.npy", np.full((20, 31), 1e39)), "files", "has NaN or infinity"),
    "no pixels": (with_array("images/a.npy", np.zeros((0, 31))), "files", "has the shape (0, 31)"),
    "a volume": (with_array("images/a.npy", np.zeros((2, 3, 20, 31))), "files", "has the shape (2, 3, 20, 31)"),
    "an archive of NumPy arrays": (archived("images/a.npy"), "files", "images/a.npy is damaged"),
    "an image of another kind": (with_bytes("images/e.bmp", b"BM"), "kinds", "images/e.bmp is no image"),
    "a folder in the folder": (lambda data: (data / "masks/more").mkdir(), "kinds", "masks/more is a folder"),
    "a name twice": (with_bytes("classes.txt", b"a\nb\na\n"), "classes", "2 lines are a"),
    "pages": (with_array("images/a.tif", np.zeros((9, 20, 31), np.uint8)), "files", "images/a.tif has 9 pages"),
    "a JPEG file with another suffix": (renamed_jpeg("masks/a.png"), "masks", "masks/a.png is a JPEG file"),
    "a TIFF file that is shown turned": (turned("images/a.tif", 6), "upright", "images/a.tif has orientation 6"),
    "one in colour": (with_array("images/a.png", picture(20, 31, 3)), "channels", "a.png has 3, most have 1"),
    "a mask in colour": (with_array("masks/a.png", picture(20, 31, 3)), "masks", "has the shape (20, 31, 3)"),
    "a mask with fractions": (with_array("masks/a.tif", np.full((20, 31), 0.5)), "masks", "has numbers of float64"),
    "a mask as JPEG": (with_array("masks/a.jpg", labels(20, 31)), "masks", "is a JPEG file"),
    "a mask of another size": (with_array("masks/a.png", labels(20, 30)), "sizes", "a is 20×31, its mask 20×30"),
    "a mask on its side": (with_array("masks/a.png", labels(31, 20)), "sizes", "a is 20×31, its mask 31×20"),
    "a label too many": (
        with_array("masks/a.png", labels(20, 31, most=2)),
        "labels",
        "masks/a.png has 2, classes.txt 0 to 1",
    ),
    "white as a label": (with_array("masks/a.png", 255 * labels(20, 31)), "labels", "masks/a.png has 255"),
    "a label beyond 32 bits": (with_array("masks/a.npy", np.full((20, 31), 2**32)), "labels", "has 4294967296"),
    "a label below 0": (with_array("masks/a.npy", np.full((20, 31), -1)), "labels", "masks/a.npy has -1"),
}


def test_an_alpha_channel_of_a_tiff_file_is_left_out(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", picture(20, 31, 4), photometric="rgb", extrasamples=["unassalpha"])
    assert read_image(tmp_path / "a.tif").shape == (3, 20, 31)


def test_a_folder_without_faults_is_read(data):
    folder = read_folder(data, 4)
    assert [pair.image.name for pair in folder.pairs] == ["a.png", "b.png", "c.png", "d.png"]
    assert (folder.classes, folder.channels) == (("background", "coin"), 1)
    trained, measured = folder.split(4)
    assert [[pair.mask.stem for pair in of] for of in (trained, measured)] == [["a", "b", "c"], ["d"]]


@pytest.mark.parametrize(("fault", "rule", "says"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_found_by_its_rule(data, fault, rule, says):
    fault(data)
    with pytest.raises(DataError) as raised:
        read_folder(data, 4)
    report = raised.value.report
    assert rule in {failure.name for failure in report.failures}
    assert says in str(raised.value)
    assert RULES[report.failures[0].name][1] in report.fixes[0]
    others = {failure.name for failure in report.failures} - {rule}
    assert others <= {"images", "pairs", "classes", "kinds"}  # a file that is missing is missed twice


def test_all_faults_are_in_one_message_of_ten_lines(data):
    for fault in ("another name", "an empty image", "a mask in colour", "one class"):
        FAULTS[fault][0](data)
    with_array("images/b.png", picture(8, 9, 3))(data)
    with_array("masks/b.png", labels(8, 8, most=9))(data)
    (data / "images" / "e.png").write_bytes(b"")
    (data / "classes.txt").write_text("one\ntwo\n")
    with pytest.raises(DataError) as raised:
        read_folder(data, 9)
    assert (
        str(raised.value)
        == f"""\
data folder {data} can't be used.
  images: there must be images to train on and to measure on: there are 5, and one of 9 is for the measurement.
  pairs: an image and its mask must have the same name, and no other file: \
c has 1 image and no mask; c_mask has no image and 1 mask; e has 1 image and no mask.
  files: a file must hold one image of finite numbers: images/a.png is damaged, or can't be read; \
images/e.png is damaged, or can't be read.
  channels: images must have the same channels: images/b.png has 3, most have 1.
  masks: a mask must have a whole number for each pixel: masks/a.png has the shape (20, 31, 3).
  sizes: an image and its mask must have the same size: b is 8×9, its mask 8×8.
  labels: a label must have a line in classes.txt: masks/b.png has 2, 3, 4, 5, 6, …, classes.txt 0 to 1.
  fix: more images, each with its mask; one mask for each image; the file again, whole, or a large image as TIFF"""
    )


def test_the_same_numbers_are_read_of_every_kind_of_file(tmp_path):
    image = picture(5, 7)
    iio.imwrite(tmp_path / "a.png", image)
    tifffile.imwrite(tmp_path / "a.tif", image)
    np.save(tmp_path / "a.npy", image)
    for suffix in ("png", "tif", "npy"):
        read = read_image(tmp_path / f"a.{suffix}")
        assert read.dtype == np.float32
        np.testing.assert_array_equal(read, image[None] / np.float32(255))
    iio.imwrite(tmp_path / "b.png", np.dstack([picture(5, 7, 3), np.full((5, 7), 9, np.uint8)]))
    assert read_image(tmp_path / "b.png").shape == (3, 5, 7)  # without transparency
    deep = np.full((5, 7), 65535, np.uint16)
    iio.imwrite(tmp_path / "c.png", deep)
    assert read_image(tmp_path / "c.png").max() == 1


def test_the_labels_of_a_mask_with_a_palette_are_its_indices(tmp_path):
    mask = Image.fromarray(labels(5, 7, most=2), mode="P")
    mask.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    mask.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), labels(5, 7, most=2))
