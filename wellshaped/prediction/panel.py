"""A picture for people: an image, and its prediction over it."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..spec.files.disk import replacing
from .images import PreparedImage
from .results import Result

_LARGEST = 1_024
"""The most pixels of a panel's image along an axis; larger images are shown with every second pixel, and so on."""

_COLOURS = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
"""Okabe and Ito's colours, which people who are colour-blind can tell apart. The first label is shown as the image."""


def write_panel(image: PreparedImage, result: Result, title: str, path: Path) -> None:
    """Write a PNG picture of an image over two axes, and its prediction. Raises :class:`FileError` if it can't."""
    height, width = result.shape[1:]
    step = max(-(-max(height, width) // _LARGEST), 1)
    shown = _shown(image, height, width, step)
    found = result.array[..., ::step, ::step]
    figure = Figure(figsize=(10, 5 * height / width + 1.2), layout="constrained", dpi=150)
    left, right = figure.subplots(1, 2)
    left.imshow(shown, cmap="gray")
    left.set_title(title, fontsize=10)
    if result.kind == "labels":
        _labels(right, shown, found, max(result.shape[0], 2))
    else:
        _map(figure, right, result, found)
    for axes in (left, right):
        axes.set_axis_off()
    with replacing(path) as new:
        figure.savefig(new, format="png", metadata={"Software": None})


def _shown(image: PreparedImage, height: int, width: int, step: int) -> np.ndarray:
    """The image from 0 to 1, grey or with three colours."""
    values = image[(slice(None), slice(0, height), slice(0, width))][:, ::step, ::step]
    low, high = float(values.min()), float(values.max())
    values = (values - low) / max(high - low, 1e-12)
    return np.moveaxis(values, 0, -1) if len(values) == 3 else values.mean(0)


def _labels(axes: Any, shown: np.ndarray, labels: np.ndarray, count: int) -> None:
    """The labels over the image, each in its colour, with the share of each in the legend."""
    grey = shown if shown.ndim == 2 else shown.mean(-1)
    axes.imshow(grey, cmap="gray")
    colours = [_COLOURS[n % len(_COLOURS)] for n in range(count)]
    norm = BoundaryNorm(np.arange(count + 1) - 0.5, count)
    axes.imshow(labels, cmap=ListedColormap(colours), norm=norm, alpha=np.where(labels > 0, 0.55, 0.0))
    shares = np.bincount(labels.ravel(), minlength=count)[:count] / labels.size
    most = [n for n in np.argsort(-shares) if shares[n] > 0][:8]
    patches = [Patch(color=colours[n], label=f"label {n}: {100 * shares[n]:.1f} %") for n in sorted(most)]
    axes.legend(handles=patches, loc="upper center", bbox_to_anchor=(0.5, -0.02), ncols=4, fontsize=8, frameon=False)
    axes.set_title("labels", fontsize=10)


def _map(figure: Figure, axes: Any, result: Result, found: np.ndarray) -> None:
    """One channel as a map: the only one, or that of label 1."""
    channel = min(1, len(found) - 1)
    limits = {"vmin": 0.0, "vmax": 1.0} if result.kind == "probabilities" else {}
    drawn = axes.imshow(found[channel], cmap="viridis", **limits)
    figure.colorbar(drawn, ax=axes, shrink=0.8)
    what = "probability" if result.kind == "probabilities" else "value"
    axes.set_title(what if len(found) == 1 else f"{what} of channel {channel}", fontsize=10)
