"""The demo: a photograph of an odd size, a small :class:`UNet2` that learns from half of it, and a picture.

It is also an example to copy: a config, a padding policy, a training loop in Flax, and a measurement that can fail.

The photograph is scikit-image's ``coins``, 303 × 384. It has no hand-drawn mask, so classical image processing makes
one (:func:`classical_mask`), for each half separately. The network only gets grey levels and trains on the left half.
No pixel of the right half, and nothing computed from one, enters training. The authors did look at results on the right
half when they chose the settings below: it is new to the network, not to them.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Bool, Float, UInt8
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from scipy.ndimage import binary_fill_holes
from skimage.data import coins
from skimage.filters import gaussian, sobel, threshold_otsu
from skimage.segmentation import watershed

from .models import UNet2
from .spec import UNet2Config, check, compatible_sizes, natural
from .spec.files.disk import replacing, wrong_suffix
from .spec.files.tensors import SUFFIX
from .spec.messages.report import UsageError

Photo = UInt8[np.ndarray, "H W"]
Mask = Bool[np.ndarray, "H W"]

# Pooling by 8 lets a network of two levels see a whole coin at once. In return, sizes must be multiples of 8.
CONFIG = UNet2Config(pool_kernel=8, pool_stride=8, up_kernel=8, up_stride=8, base_channels=8)
SPLIT = 192
"""The network trains on the columns before this one. The others are only for the measurement."""
CROP, BATCH, LEARNING_RATE = 96, 4, 5e-3
MEAN, STD = 0.5, 0.25
"""What is subtracted from grey levels of 0 to 1, and what they are divided by then."""
NOISES = (0, 10, 20)
"""Standard deviations of the test noise, in grey levels of 255. Training uses noise up to the last."""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The results of a demo.

    - ``losses``: the loss of each training step.
    - ``seen_loss``, ``unseen_loss``: the loss of the trained network on the left and on the right half.
    - ``seen_iou``, ``unseen_iou``: its IoU with their masks.
    - ``yardsticks``: for each method to find the coins, its IoU on the right half at each of :data:`NOISES`.
    """

    losses: tuple[float, ...]
    seen_loss: float
    unseen_loss: float
    seen_iou: float
    unseen_iou: float
    yardsticks: dict[str, tuple[float, ...]]
    seconds: float


def run_demo(output: Path = Path("demo.png"), *, steps: int = 400, seed: int = 0) -> DemoResult:
    """Explain, train, measure, and write a picture to ``output``, a PNG file. Takes half a minute on two cores.

    The trained model is written beside it, as a ``.safetensors`` file. All measurements are of the model in this file.

    Results go to standard output, the progress of training to standard error. The same ``seed`` gives the same result
    on the same machine. Before any work, raises :class:`UsageError` for numbers that are not natural, no steps or a
    seed from 2**32 on, and :class:`FileError` if ``output`` can't be written.
    """
    seed = natural(seed, "seed")
    if natural(steps, "steps") == 0:
        raise UsageError.of("steps=0", "steps", "", "steps must be at least 1", "steps=400")
    if seed >= 2**32:
        raise UsageError.of(f"seed={seed}", "seed", "", "a seed must be less than 2**32", "seed=0")
    if output.suffix not in ("", ".png"):
        raise wrong_suffix(f"output {output}", output, (".png",))
    with replacing(output) as picture:
        result = _run(picture, output.with_suffix(SUFFIX), steps, seed)
    print(_findings(result, output))
    return result


def _run(picture: Path, file: Path, steps: int, seed: int) -> DemoResult:
    from .interop import load, save

    started = perf_counter()
    photo = coins()
    left, right = photo[:, :SPLIT], photo[:, SPLIT:]
    left_mask, right_mask = classical_mask(left), classical_mask(right)

    print(_explanation(photo))
    trained, losses = train(left, left_mask, steps=steps, seed=seed)
    save(trained, file)
    model = load(file)
    assert isinstance(model, UNet2)  # as the one that was saved
    left_logits, right_logits = predict(model, left), predict(model, right)
    _draw(picture, photo, np.hstack([left_mask, right_mask]), np.hstack([left_logits, right_logits]))
    return DemoResult(
        losses=losses,
        seen_loss=_loss(left_logits, left_mask),
        unseen_loss=_loss(right_logits, right_mask),
        seen_iou=iou(left_logits > 0, left_mask),
        unseen_iou=iou(right_logits > 0, right_mask),
        yardsticks=_yardsticks(model, right, right_mask),
        seconds=perf_counter() - started,
    )


def classical_mask(photo: Photo) -> Mask:
    """Return where the coins are, without learning: a watershed from sure background and sure coin, then fill holes."""
    markers = np.zeros(photo.shape, np.int32)
    markers[photo < 30] = 1
    markers[photo > 150] = 2
    return np.asarray(binary_fill_holes(watershed(sobel(photo), markers) == 2))


def otsu_mask(photo: Photo) -> Mask:
    """Return where the coins are, by brightness alone: Otsu's threshold, then fill holes."""
    return np.asarray(binary_fill_holes(photo > threshold_otsu(photo)))


def smoothed(photo: Photo) -> Photo:
    """Return the photograph blurred by one pixel, against noise."""
    return np.asarray(gaussian(photo, 1, preserve_range=True).round(), np.uint8)


def iou(a: Mask, b: Mask) -> float:
    """Return the intersection over union: the pixels in both masks over the pixels in either.

    At least one mask must have a pixel.

    >>> iou(np.array([[True, True, False]]), np.array([[False, True, True]]))
    0.3333333333333333
    """
    return float((a & b).sum() / (a | b).sum())


def with_noise(photo: Photo, sigma: float, rng: np.random.Generator) -> Photo:
    """Return the photograph with normal noise of ``sigma`` grey levels, as from a worse camera."""
    return np.clip(np.round(photo + rng.normal(0, sigma, photo.shape)), 0, 255).astype(np.uint8)


def as_input(photo: Photo) -> Float[np.ndarray, "1 H W"]:
    """Return grey levels from 0 to 255 as one channel from -2 to 2. The numbers are fixed, not from any image."""
    return ((photo / 255 - MEAN) / STD).astype(np.float32)[None]


def pad_to_fit(x: Float[Array, "C H W"], cfg: UNet2Config) -> Float[Array, "C H2 W2"]:
    """Pad by reflection at the bottom and right, up to the nearest compatible size above.

    >>> pad_to_fit(jnp.ones((1, 303, 384)), CONFIG).shape
    (1, 304, 384)
    """
    fit = compatible_sizes(cfg)
    # If no size above fits, x stays as it is, and the network raises the error.
    bottom, right = ((fit.above(n) or n) - n for n in x.shape[1:])
    return jnp.pad(x, ((0, 0), (0, bottom), (0, right)), mode="reflect")


@nnx.jit
def _padded_logits(model: UNet2, x: Float[Array, "1 H W"]) -> Float[Array, "1 H W"]:
    height, width = x.shape[1:]
    return model(pad_to_fit(x, model.cfg))[:, :height, :width]


def predict(model: UNet2, photo: Photo) -> Float[np.ndarray, "H W"]:
    """Return the logits for a photograph of any size: pad, run, crop back. They are above 0 where there is a coin."""
    return np.asarray(_padded_logits(model, jnp.asarray(as_input(photo)))[0])


def random_crops(
    photo: Photo, mask: Mask, rng: np.random.Generator
) -> tuple[Float[Array, "B 1 S S"], Float[Array, "B 1 S S"]]:
    """Return a batch of square windows of photograph and mask, randomly rotated, mirrored and with noise."""
    images, masks = [], []
    for _ in range(BATCH):
        top, start = (rng.integers(n - CROP + 1) for n in photo.shape)
        window = np.s_[top : top + CROP, start : start + CROP]
        turns, mirror = int(rng.integers(4)), rng.choice([-1, 1])
        image, target = (np.rot90(a[window], turns)[:, ::mirror] for a in (photo, mask))
        images.append(as_input(with_noise(image, rng.uniform(0, NOISES[-1]), rng)))
        masks.append(target[None].astype(np.float32))
    return jnp.stack(images), jnp.stack(masks)


@nnx.jit
def train_step(
    model: UNet2, optimizer: nnx.Optimizer[UNet2], images: Float[Array, "B 1 S S"], masks: Float[Array, "B 1 S S"]
) -> Float[Array, ""]:
    """Change the model by one step of the optimizer. Return the loss before the step."""

    def loss_of(model: UNet2) -> Float[Array, ""]:
        return jnp.mean(optax.sigmoid_binary_cross_entropy(jax.vmap(model)(images), masks))

    loss: Array
    loss, grads = nnx.value_and_grad(loss_of)(model)
    optimizer.update(model, grads)
    return loss


def train(photo: Photo, mask: Mask, *, steps: int, seed: int) -> tuple[UNet2, tuple[float, ...]]:
    """Train a network on one photograph and its mask. Return it with the loss of each step."""
    rng = np.random.default_rng(seed)
    model = UNet2(CONFIG, 1, 1, rngs=nnx.Rngs(seed))
    schedule = optax.cosine_decay_schedule(LEARNING_RATE, steps)
    optimizer = nnx.Optimizer(model, optax.adam(schedule), wrt=nnx.Param)
    losses: list[float] = []
    with _progress(steps) as advance:
        for _ in range(steps):
            losses.append(float(train_step(model, optimizer, *random_crops(photo, mask, rng))))
            advance(losses)
    return model, tuple(losses)


@contextmanager
def _progress(steps: int) -> Iterator[Callable[[list[float]], None]]:
    """Yield a function of the losses so far. It moves a bar on a terminal, else it prints a line after each tenth."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda losses: _print_tenth(losses, steps)
        return
    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("loss {task.fields[loss]:.3f}"))
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        task = bar.add_task("training", total=steps, loss=float("nan"))
        yield lambda losses: bar.update(task, completed=len(losses), loss=losses[-1])


def _print_tenth(losses: list[float], steps: int) -> None:
    done = len(losses)
    if done * 10 // steps > (done - 1) * 10 // steps:
        print(f"training: step {done} of {steps}, loss {losses[-1]:.3f}", file=sys.stderr, flush=True)


def _loss(logits: Float[np.ndarray, "H W"], mask: Mask) -> float:
    return float(optax.sigmoid_binary_cross_entropy(logits, mask.astype(np.float32)).mean())


def _yardsticks(model: UNet2, photo: Photo, mask: Mask) -> dict[str, tuple[float, ...]]:
    """Return the IoU of each method at each of :data:`NOISES`, all on the same noisy photographs."""
    rng = np.random.default_rng(0)  # not the seed of the run, so that all runs have the same test noise
    noisy = [with_noise(photo, sigma, rng) for sigma in NOISES]
    methods: dict[str, Callable[[Photo], Mask]] = {
        "the network": lambda given: predict(model, given) > 0,
        "the classical method": classical_mask,
        "the same, smoothed first": lambda given: classical_mask(smoothed(given)),
        "Otsu's threshold": otsu_mask,
    }
    return {name: tuple(iou(method(given), mask) for given in noisy) for name, method in methods.items()}


def _explanation(photo: Photo) -> str:
    """Return the text before training: why the photograph does not fit, and what the demo does."""
    height, width = photo.shape
    padded = " × ".join(str(compatible_sizes(CONFIG).above(n)) for n in photo.shape)
    return f"""\
The photograph is scikit-image's "coins", {height} × {width} pixels. It does not fit the network:

{check(CONFIG, (1, height, width))}

So the demo pads it to {padded} by reflection, at the bottom and right, and crops the prediction back.
The mask to learn is not drawn by hand: a watershed makes it from the edges, for each half separately.
Training sees the left half, columns 0 to {SPLIT - 1}, and nothing of the right half."""


def _findings(result: DemoResult, output: Path) -> str:
    """Return the text after training: the numbers, and how to read them."""
    file = output.with_suffix(SUFFIX)
    rows = [(name, *(f"{value:.3f}" for value in values)) for name, values in result.yardsticks.items()]
    header = ("IoU on the right half", *(f"noise {sigma}" if sigma else "clean" for sigma in NOISES))
    table = "\n".join(f"  {name:<26}" + "".join(f"{cell:>10}" for cell in cells) for name, *cells in (header, *rows))
    return f"""
Left half, trained on:         loss {result.seen_loss:.3f}, IoU {result.seen_iou:.3f}
Right half, never seen before: loss {result.unseen_loss:.3f}, IoU {result.unseen_iou:.3f}

{table}

The mask is the answer of the classical method on the clean half, so its 1.000 there means nothing.
Noise is normal, in grey levels of 255. Training had noise too, on the left half.

It took {result.seconds:.0f} seconds. The picture: {output}. The model: {file}
To find coins in a photograph of yours:
  wellshaped predict {file} PHOTO --colour grey --mean {MEAN} --std {STD} --panel"""


def _draw(output: Path, photo: Photo, mask: Mask, logits: Float[np.ndarray, "H W"]) -> None:
    """Draw photograph, mask, prediction and overlay as one picture."""
    figure = Figure(figsize=(11, 9.7), layout="constrained")
    panels = figure.subplots(2, 2)
    height, width = photo.shape
    unseen_iou = iou(logits[:, SPLIT:] > 0, mask[:, SPLIT:])
    images = {
        f"Photograph, {height} × {width}": photo,
        "Mask, by classical means": mask,
        "Prediction: probability of coin": jax.nn.sigmoid(logits),
        f"Overlay: IoU {unseen_iou:.3f} on the right half": photo,
    }
    for panel, (title, image) in zip(panels.flat, images.items(), strict=True):
        panel.imshow(image, cmap="gray", vmin=0, vmax=255 if image is photo else 1)
        panel.set_title(title)
        panel.set_axis_off()
        panel.axvline(SPLIT - 0.5, color="gold", linestyle="--", linewidth=1.2)
        for x, align, words in ((SPLIT - 6, "right", "trained on"), (SPLIT + 5, "left", "never seen")):
            panel.text(x, 5, words, color="gold", ha=align, va="top", fontsize=9)
    overlay = panels.flat[-1]
    overlay.contour(mask, [0.5], colors="deepskyblue", linewidths=3)
    overlay.contour(logits, [0.0], colors="orangered", linewidths=1.3)
    lines = [Line2D([], [], color=color) for color in ("deepskyblue", "orangered")]
    figure.legend(lines, ["mask", "prediction"], loc="outside lower right", ncols=2, frameon=False)
    figure.savefig(output, format="png", dpi=130)
