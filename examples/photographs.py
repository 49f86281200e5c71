"""A folder to train on, from four photographs of scikit-image: ``python -m wellshaped.examples.photographs FOLDER``.

Nobody drew these masks: classical image processing makes them, so a network that learns them learns what the classical
methods find, with their mistakes. They show that training works, and are no benchmark. The four photographs have
different sizes, and each is cut into six pieces whose sizes differ by a pixel here and there:

- ``coins``, 303×384, grey: a watershed from the edges finds the coins.
- ``cell``, 330×250 around its only cell, grey: Otsu's threshold of how much a neighbourhood varies finds it.
- ``immunohistochemistry``, 512×512: colour deconvolution separates the brown stain, and Otsu's threshold finds it.
- ``retina``, 705×705, half of its size: a ridge filter on the green channel and a threshold find the vessels.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from jaxtyping import Bool, UInt8
from scipy.ndimage import binary_closing, binary_erosion, binary_fill_holes
from skimage import data
from skimage.color import rgb2gray, rgb2hed
from skimage.filters import gaussian, sato, sobel, threshold_otsu
from skimage.morphology import remove_small_objects
from skimage.segmentation import watershed
from skimage.transform import downscale_local_mean

Photo = UInt8[np.ndarray, "H W ..."]
Mask = Bool[np.ndarray, "H W"]

CLASSES = ("background", "coin", "cell", "stain", "vessel")
"""What the labels 0 to 4 mean."""

PIECES = (2, 3)
"""Each photograph is cut into so many pieces along its height and its width."""


def coins() -> tuple[Photo, Mask]:
    """Return the coins: a watershed of the edges, from what is surely table and what is surely coin."""
    photo = data.coins()
    sure = np.where(photo < 30, 1, np.where(photo > 150, 2, 0))
    return photo, binary_fill_holes(watershed(sobel(photo), sure) == 2)


def cell() -> tuple[Photo, Mask]:
    """Return the cell: the background is smooth, so Otsu's threshold of the edges nearby separates it."""
    photo = data.cell()[210:540, 300:550]
    varies = gaussian(sobel(photo), 4)
    return photo, binary_fill_holes(varies > threshold_otsu(varies))


def stain() -> tuple[Photo, Mask]:
    """Return tissue with a brown stain: its part of the colour (Ruifrok and Johnston, 2001), by Otsu's threshold."""
    photo = data.immunohistochemistry()
    brown = gaussian(rgb2hed(photo)[..., 2], 1)
    return photo, brown > threshold_otsu(brown)


def vessels() -> tuple[Photo, Mask]:
    """Return the retina: dark ridges of the green channel (Sato and others, 1998) inside the eye."""
    photo = downscale_local_mean(data.retina(), (2, 2, 1)).round().astype(np.uint8)[:705, :705]
    eye = binary_erosion(binary_closing(rgb2gray(photo) > 0.08, iterations=3), iterations=12)
    ridges = sato(photo[..., 1], sigmas=(2, 3), black_ridges=True) * eye
    return photo, remove_small_objects(ridges > threshold_otsu(ridges[eye]), max_size=150)


PHOTOGRAPHS: dict[str, Callable[[], tuple[Photo, Mask]]] = {
    "coin": coins,
    "cell": cell,
    "stain": stain,
    "vessel": vessels,
}
"""For each class but the background, a photograph and where the class is in it."""


def write_photographs(folder: Path) -> int:
    """Write the pieces of all photographs to ``folder/images`` and ``folder/masks``, as PNG. Return how many.

    Images are RGB. The pixels of a mask are numbers of :data:`CLASSES`, whose names go to ``folder/classes.txt``.
    """
    written = 0
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "classes.txt").write_text("\n".join(CLASSES) + "\n", encoding="utf-8")
    for name, made in PHOTOGRAPHS.items():
        photo, mask = made()
        colours = photo if photo.ndim == 3 else np.repeat(photo[..., None], 3, -1)
        labels = (mask * CLASSES.index(name)).astype(np.uint8)
        for kind, array in (("images", colours), ("masks", labels)):
            (folder / kind).mkdir(exist_ok=True)
            rows = np.array_split(array, PIECES[0], 0)
            for number, piece in enumerate(piece for row in rows for piece in np.array_split(row, PIECES[1], 1)):
                iio.imwrite(folder / kind / f"{name}-{number}.png", piece)
        written += PIECES[0] * PIECES[1]
    return written


if __name__ == "__main__":
    print(f"{write_photographs(Path(sys.argv[1]))} images and masks in {sys.argv[1]}")
