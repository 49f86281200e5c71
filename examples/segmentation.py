"""Train a segmentation network on a folder of images of any sizes, from the first check to the model's file.

Copy this file and change it. It uses the public names of wellshaped and libraries for JAX, and reads from top to
bottom: the settings, the folder and its faults, loading, a step, the measurement, the run, the pictures.

``python segmentation.py DATA MODEL.safetensors`` trains on every device that JAX has. For several processes, start each
with ``--coordinator HOST:PORT --processes N --process I``. After a kill, the same command goes on after the last
checkpoint, and ends with the numbers of a run that was never stopped.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import cyclopts
import dm_pix as pix
import grain
import imageio.v3 as iio
import jax
import jax.numpy as jnp
import numpy as np
import optax
import orbax.checkpoint as ocp
import tifffile
from flax import nnx
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float, Int, PRNGKeyArray
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL.Image import DecompressionBombError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from wellshaped.interop import fitted, save
from wellshaped.models import TypedNetwork, UNet
from wellshaped.spec import (
    PRESETS,
    Activation,
    FileError,
    Network,
    Report,
    UNet2Config,
    UNetConfig,
    UsageError,
    Verdict,
    WellshapedError,
    compatible_shapes,
    graph_of,
    load_network,
    stages,
)

Image = Float[np.ndarray, "C H W"]
Labels = Int[np.ndarray, "H W"]

NETWORK = UNetConfig(levels=3, base_channels=8, norm="group", groups=4)
"""The network that is trained if you name no other."""

MOST = 2**14
"""The largest edge of a crop."""

IGNORED = -1
"""The label of pixels that padding adds. They count neither in the loss nor in a measurement."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run is. Runs with equal settings on equal data compute the same numbers on the same machine.

    - ``network``: a config, a graph or a preset, over two axes, whose output has the size of its input.
    - ``steps``, ``batch``: how many steps, and how many crops each step sees.
    - ``crop``: the edge of a crop in pixels. The nearest size below that fits the network is taken.
    - ``learning_rate``: the highest. It rises over the first tenth of the steps, and falls to 0 as a cosine.
    - ``held_out``: of so many images, by name, the last is not trained on. It is there for the measurement.
    - ``dtype``: of the computation, ``"float32"`` or ``"bfloat16"``. Parameters are float32.
    - ``remat``: names of nodes that are computed again for the gradient, as in :class:`wellshaped.models.TypedNetwork`.
    - ``seed``: of the parameters, the crops and the augmentation.
    """

    network: UNetConfig | UNet2Config | Network | str = NETWORK
    steps: int = 1000
    batch: int = 8
    crop: int = 128
    learning_rate: float = 3e-3
    held_out: int = 4
    dtype: str = "float32"
    remat: tuple[str, ...] = ()
    seed: int = 0


# The folder, and everything that is wrong with it.


class DataError(FileError):
    """A folder of images and masks can't be trained on. The message lists all its faults."""

    says = "can't be used"


class Fault(Exception):  # noqa: N818 most are listed, and not raised
    """A file breaks a rule of :data:`RULES`."""

    def __init__(self, rule: str, says: str) -> None:
        super().__init__(rule, says)
        self.rule, self.says = rule, says


RULES = {
    "kinds": (
        "images/ and masks/ must hold one image in each file",
        "PNG, JPEG, TIFF and NumPy files there, and no others",
    ),
    "classes": ("classes.txt must name the labels, one a line, from label 0", "a classes.txt with two lines or more"),
    "images": ("there must be images to train on and to measure on", "more images, each with its mask"),
    "pairs": ("an image and its mask must have the same name, and no other file", "one mask for each image"),
    "files": ("a file must hold one image of finite numbers", "the file again, whole, or a large image as TIFF"),
    "upright": ("a TIFF file must be stored the right way up", "the TIFF file saved with orientation 1, or a PNG file"),
    "channels": ("images must have the same channels", "all images in grey, or all in colour"),
    "masks": ("a mask must have a whole number for each pixel", "masks of one channel, as PNG, TIFF or NumPy files"),
    "sizes": ("an image and its mask must have the same size", "each mask in the size of its image"),
    "labels": (
        "a label must have a line in classes.txt",
        "a line for each label, or masks // 255 if they are 0 and 255",
    ),
}
"""What holds for a folder that can be trained on, and what to do if it does not. A message has a line for each."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")


@dataclass(frozen=True)
class Pair:
    """The files of an image and of its mask."""

    image: Path
    mask: Path


@dataclass(frozen=True)
class Folder:
    """A folder without faults: its pairs by name, the names of its labels, the channels, and a digest of all files."""

    pairs: tuple[Pair, ...]
    classes: tuple[str, ...]
    channels: int
    sha256: str

    def split(self, held_out: int) -> tuple[list[Pair], list[Pair]]:
        """Return the pairs to train on, and those to measure on: of ``held_out`` pairs, by name, the last."""
        trained = [pair for number, pair in enumerate(self.pairs, 1) if number % held_out]
        return trained, list(self.pairs[held_out - 1 :: held_out])


def read_folder(path: Path, held_out: int) -> Folder:
    """Return the folder: ``images``, ``masks`` with the same names, and ``classes.txt``. Reads every file once.

    Raises :class:`DataError` with all its faults.
    """
    if not path.is_dir():
        fix = "the path of a folder with images, masks and classes.txt"
        raise DataError.of(f"data folder {path}", "folder", "", "there is no such folder", fix)
    images, masks = (_files(path / kind) for kind in ("images", "masks"))
    classes = _classes(path / "classes.txt")
    faults = [fault for kind in ("images", "masks") for fault in _faults_of_folder(path / kind)]
    faults += _faults_of_names(images, masks, classes, held_out)
    faults += _faults_of_files(images, masks, len(classes))
    if faults:
        verdicts = tuple(
            Verdict(f.rule, False, f.says, RULES[f.rule][0]) for rule in RULES for f in faults if f.rule == rule
        )
        fixes = [RULES[rule][1] for rule in dict.fromkeys(verdict.name for verdict in verdicts)]
        raise DataError(Report(f"data folder {path}", verdicts, ("; ".join(fixes[:3]),)))
    mask_of = {mask.stem: mask for mask in masks}
    pairs = tuple(Pair(image, mask_of[image.stem]) for image in images)
    digest = hashlib.sha256("\n".join(classes).encode())
    for file in chain.from_iterable((pair.image, pair.mask) for pair in pairs):
        digest.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return Folder(pairs, classes, len(read_image(images[0])), digest.hexdigest())


def _files(folder: Path) -> list[Path]:
    """Return the images in a folder, by name; none if there is no folder."""
    return sorted(file for file in folder.glob("*") if file.suffix.lower() in SUFFIXES and not file.is_dir())


def _classes(file: Path) -> tuple[str, ...]:
    """Return the names in ``classes.txt``; none if it can't be read."""
    try:
        return tuple(line.strip() for line in file.read_text(encoding="utf-8-sig").rstrip().splitlines())
    except (OSError, UnicodeDecodeError):
        return ()


def _faults_of_folder(folder: Path) -> Iterator[Fault]:
    """Yield what a folder has beside images. Hidden files do not count."""
    if not folder.is_dir():
        yield Fault("kinds", f"there is no folder {folder.name}")
        return
    for file in sorted(folder.iterdir()):
        if file.is_dir() or (file.suffix.lower() not in SUFFIXES and not file.name.startswith(".")):
            yield Fault("kinds", f"{folder.name}/{file.name} is {'a folder' if file.is_dir() else 'no image'}")


def _faults_of_names(
    images: Sequence[Path], masks: Sequence[Path], classes: Sequence[str], held_out: int
) -> Iterator[Fault]:
    if len(classes) < 2:
        yield Fault("classes", "it is missing, or has fewer than two lines")
    for name, count in Counter(classes).items():
        if name and count > 1:
            yield Fault("classes", f"{_count(count, 'line')} are {name}")
    if "" in classes:
        yield Fault("classes", f"line {classes.index('') + 1} is empty")
    if len(images) < held_out:
        yield Fault("images", f"there are {len(images)}, and one of {held_out} is for the measurement")
    named = [Counter(file.stem for file in files) for files in (images, masks)]
    for name in sorted({*named[0], *named[1]}):
        image, mask = (of[name] for of in named)
        if (image, mask) != (1, 1):
            yield Fault("pairs", f"{name} has {_count(image, 'image')} and {_count(mask, 'mask')}")


def _count(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun if count < 2 else {'axis': 'axes'}.get(noun, noun + 's')}"


def _faults_of_files(images: Sequence[Path], masks: Sequence[Path], classes: int) -> Iterator[Fault]:
    sizes: dict[str, tuple[int, ...]] = {}
    channels: dict[str, int] = {}
    for file in images:
        try:
            image = read_image(file)
            sizes[file.stem], channels[file.name] = image.shape[1:], len(image)
        except Fault as fault:
            yield Fault(fault.rule, f"images/{file.name} {fault.says}")
    (usual, _), *_ = Counter(channels.values()).most_common(1) or [(0, 0)]
    for name, count in channels.items():
        if count != usual:
            yield Fault("channels", f"images/{name} has {count}, most have {usual}")
    for file in masks:
        try:
            mask = read_mask(file)
        except Fault as fault:
            yield Fault(fault.rule, f"masks/{file.name} {fault.says}")
            continue
        given, wanted = ("×".join(map(str, of)) for of in (mask.shape, sizes.get(file.stem, mask.shape)))
        if given != wanted:
            yield Fault("sizes", f"{file.stem} is {wanted}, its mask {given}")
        unknown = [str(label) for label in np.unique(mask) if not 0 <= label < classes]
        if unknown and classes > 1:
            shown = ", ".join(unknown[:5]) + (", …" if len(unknown) > 5 else "")
            yield Fault("labels", f"masks/{file.name} has {shown}, classes.txt 0 to {classes - 1}")


def read_image(file: Path) -> Image:
    """Return the image in a file, without its transparency. Unsigned integers become numbers from 0 to 1.

    Raises :class:`Fault` if there is none.
    """
    array = _array(file, None)
    if array.ndim == 3 and file.suffix.lower() == ".png":
        array = array[..., : {2: 1, 4: 3}.get(array.shape[-1], array.shape[-1])]  # without transparency
    if array.ndim not in (2, 3) or not array.size:
        raise Fault("files", f"has the shape {array.shape}")
    image = np.moveaxis(np.atleast_3d(array), -1, 0)
    largest = np.iinfo(array.dtype).max if array.dtype.kind == "u" else 1
    with np.errstate(over="ignore"):  # an infinity is found below
        image = np.asarray(np.divide(image, largest, dtype=np.float32, casting="unsafe"))
    if not np.isfinite(image).all():
        raise Fault("files", "has NaN or infinity")
    return image


def read_mask(file: Path) -> Labels:
    """Return the labels in a file. Of a picture with a palette, they are its indices. Raises :class:`Fault` if none."""
    array = _array(file, "P")
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 2 or not array.size:
        raise Fault("masks", f"has the shape {array.shape}")
    if array.dtype.kind == "f":
        raise Fault("masks", f"has numbers of {array.dtype}")
    with file.open("rb") as opened:
        if opened.read(2) == b"\xff\xd8":  # whatever its suffix
            raise Fault("masks", "is a JPEG file, which changes labels")
    return array.astype(np.int64)


def _array(file: Path, palette: str | None) -> np.ndarray:
    """Return the numbers in a file as they are. ``palette`` is how a picture with one is read."""
    try:
        if file.suffix.lower() == ".npy":
            array = np.load(file, allow_pickle=False)
            assert isinstance(array, np.ndarray)  # an archive of several arrays is none
        elif file.suffix.lower() in (".tif", ".tiff"):
            array = _array_of_tiff(file)
        else:
            mode = iio.immeta(file, plugin="pillow", exclude_applied=False)["mode"]
            array = iio.imread(file, plugin="pillow", mode=palette if mode == "P" else None, rotate=True)
    except Fault:
        raise
    except Exception as error:  # each reader has errors of its own
        is_large = isinstance(error.__cause__, DecompressionBombError)
        raise Fault("files", "is too large for Pillow" if is_large else "is damaged, or can't be read") from None
    if array.dtype.kind not in "iufb":
        raise Fault("files", f"holds {array.dtype}")
    return np.asarray(array)


def _array_of_tiff(file: Path) -> np.ndarray:
    """Return the numbers in a TIFF file, without transparency."""
    with tifffile.TiffFile(file) as opened:
        page, pages = opened.pages.first, len(opened.pages)
        orientation = int(page.tags.valueof("Orientation", default=1))
        if orientation != 1:
            raise Fault("upright", f"has orientation {orientation}")
        if pages > 1 or page.axes not in ("YX", "YXS"):
            raise Fault("files", f"has {_count(pages, 'page')} with the axes {page.axes}, and needs one with YX or YXS")
        array = page.asarray()
        transparency = sum(of in (1, 2) for of in page.extrasamples)
        return array[..., : array.shape[-1] - transparency] if transparency else array


# Loading: crops that depend on the seed and their number alone, so that a run that goes on sees the same.


def batches(pairs: Sequence[Pair], crop: tuple[int, ...], settings: Settings) -> Any:
    """Return the batches of a run by the number of their step. Each process has its own part of each batch."""
    count = jax.process_count()
    epochs = -(-settings.steps * settings.batch // len(pairs))
    examples = grain.MapDataset.source(pairs).seed(settings.seed).shuffle().repeat(epochs).map(_read)
    of_all = examples.random_map(partial(_cropped, crop=crop)).batch(settings.batch // count)
    return of_all[jax.process_index() :: count]


def _read(pair: Pair) -> tuple[Image, Labels]:
    return read_image(pair.image), read_mask(pair.mask).astype(np.int32)


def _cropped(example: tuple[Image, Labels], rng: np.random.Generator, *, crop: tuple[int, ...]) -> tuple[Image, Labels]:
    """Return a random crop. A smaller image is padded with its last pixels, which have the label :data:`IGNORED`."""
    image, labels = example
    missing = [(0, max(size - n, 0)) for n, size in zip(labels.shape, crop, strict=True)]
    image = np.pad(image, [(0, 0), *missing], mode="edge")
    labels = np.pad(labels, missing, constant_values=IGNORED)
    window = []
    for n, size in zip(labels.shape, crop, strict=True):
        start = int(rng.integers(n - size + 1))
        window.append(slice(start, start + size))
    return image[:, *window], labels[tuple(window)]


# A step.


def network_for(settings: Settings, channels: int, classes: int) -> tuple[Any, tuple[int, ...]]:
    """Return the network with its parameters, and the size of a crop.

    Raises :class:`UsageError` if the network is for other images, or no crop fits, or if its output is not a number
    for each class and pixel.
    """
    cfg = PRESETS[settings.network] if isinstance(settings.network, str) else settings.network
    graph = cfg if isinstance(cfg, Network) else graph_of(cfg, channels, classes)
    for what, takes, has in (("axis", graph.axes, 2), ("channel", graph.image.channels, channels)):
        if takes != has:
            says = f"it takes images with {_count(takes, what)}, and these have {_count(has, what)}"
            raise UsageError.of("the network", "images", "", says, "another network, or other images")
    if settings.crop > MOST:
        says = f"it is {settings.crop}, and must be at most {MOST}"
        raise UsageError.of("the crop", "crop", "", says, f"crop={Settings.crop}")
    crop = compatible_shapes(cfg).below((settings.crop,) * 2)
    if crop is None:
        least = compatible_shapes(cfg).above((settings.crop,) * 2)
        says = f"no size up to crop={settings.crop} fits the network"
        raise UsageError.of("the crop", "crop", "", says, f"crop={max(least)}" if least else "another network")
    last, *_ = (stage for stage in stages(graph, (channels, *crop)) if stage.name == graph.outputs[0])
    if last.shape != (classes, *crop):
        says = f"of an image {(channels, *crop)} it makes {last.shape}, and {(classes, *crop)} is needed"
        raise UsageError.of("the network", "output", "", says, "a network with padding, and an output for each class")
    activation = graph.node(graph.outputs[0]).operation
    if isinstance(activation, Activation) and activation.kind in ("sigmoid", "softmax"):
        says = f"it ends in {activation.kind}, and the loss applies this itself"
        raise UsageError.of("the network", "output", "", says, "a network that ends before it")
    given: dict[str, Any] = {"dtype": settings.dtype, "remat": settings.remat, "rngs": nnx.Rngs(settings.seed)}
    if isinstance(cfg, UNetConfig):
        return UNet(cfg, channels, classes, axis_name="batch", **given), crop
    return TypedNetwork(graph, axis_name="batch", **given), crop


def augmented(key: PRNGKeyArray, image: Float[Array, "C H W"], labels: Int[Array, "H W"]) -> tuple[Array, Array]:
    """Return an image and its labels, mirrored at random, with another brightness and contrast."""
    sideways, upside_down, brightness, contrast = jax.random.split(key, 4)
    both = jnp.concatenate([jnp.moveaxis(image, 0, -1), labels[..., None]], -1)
    both = pix.random_flip_left_right(sideways, both)
    both = pix.random_flip_up_down(upside_down, both)
    changed = pix.random_brightness(brightness, both[..., :-1], 0.1)
    changed = pix.random_contrast(contrast, changed, 0.8, 1.25)
    return jnp.moveaxis(changed, -1, 0), both[..., -1].astype(jnp.int32)


def loss_of(logits: Float[Array, "B K H W"], labels: Int[Array, "B H W"]) -> Float[Array, ""]:
    """Return the cross-entropy of the labels plus one minus the Dice coefficient.

    Both are means over the classes, so that a rare class counts like a frequent one. All pixels of the batch enter
    whose label is not :data:`IGNORED`; the cross-entropy is over the classes that these pixels have.
    """
    logits = jnp.moveaxis(logits.astype(jnp.float32), 1, -1)
    wanted = jax.nn.one_hot(labels, logits.shape[-1])  # zeros for IGNORED
    found = jax.nn.softmax(logits) * wanted.sum(-1, keepdims=True)
    every = (0, 1, 2)
    pixels = wanted.sum(every)
    of_classes = -(wanted * jax.nn.log_softmax(logits)).sum(every) / jnp.maximum(pixels, 1)
    cross_entropy = of_classes.sum() / (pixels > 0).sum()
    dice: Array = jnp.mean((2 * (found * wanted).sum(every) + 1) / (found.sum(every) + pixels + 1))
    return cross_entropy + 1 - dice


def optimizer_for(model: Any, settings: Settings) -> Any:
    """Return the optimizer: AdamW with gradients of a norm of at most 1, a warm-up and a cosine."""
    warmup = max(settings.steps // 10, 1)
    schedule = optax.warmup_cosine_decay_schedule(0, settings.learning_rate, warmup, max(settings.steps, warmup + 1))
    return nnx.Optimizer(model, optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule)), wrt=nnx.Param)


@nnx.jit
def train_step(
    model: Any, optimizer: Any, seed: int, images: Float[Array, "B C H W"], labels: Int[Array, "B H W"]
) -> Float[Array, ""]:
    """Change the model by one step of the optimizer. Return the loss before the step."""
    key = jax.random.fold_in(jax.random.key(seed), optimizer.step.get_value())
    keys = jax.random.split(key, len(images))
    images, labels = jax.vmap(augmented)(keys, images, labels)

    def loss(model: Any) -> Float[Array, ""]:
        logits = nnx.vmap(lambda model, image: model(image), in_axes=(None, 0), axis_name="batch")(model, images)
        return loss_of(logits, labels)

    found: Array
    found, gradient = nnx.value_and_grad(loss)(model)
    optimizer.update(model, gradient)
    return found


# The measurement.


@nnx.jit
def logits_of(model: Any, image: Float[Array, "C H W"]) -> Float[Array, "K H W"]:
    """Return the value of each class for each pixel."""
    logits: Array = model(image)
    return logits


def on_one_device(model: Any) -> Any:
    """Return a copy of a model for predictions, on one device of this process. The parameters are on every device."""
    definition, state = nnx.split(model)
    copy = nnx.merge(definition, jax.tree.map(lambda array: array.addressable_data(0), state))
    copy.eval()
    return copy


def predicted(model: Any, images: Iterable[Image]) -> Iterator[Labels]:
    """Yield the labels of images of any size. Each is padded so that it fits, and the result is cut."""
    any_size = fitted(partial(logits_of, model), model.network, policy="pad", mode="edge")
    for image in images:
        yield np.asarray(any_size(image).argmax(0))


def iou_of(model: Any, examples: Sequence[tuple[Image, Labels]], classes: int) -> list[float]:
    """Return the intersection over union of each class, over all pixels of the examples; NaN if none has it."""
    counts = np.zeros((classes, classes), np.int64)
    for found, (_, labels) in zip(predicted(model, (image for image, _ in examples)), examples, strict=True):
        np.add.at(counts, (labels, found), 1)
    both = counts.diagonal()
    either = counts.sum(0) + counts.sum(1) - both
    return [float(n / of) if of else float("nan") for n, of in zip(both, either, strict=True)]


# The run.


@dataclass
class History:
    """The loss of each step, and after some steps the IoU of each class on the images that are not trained on."""

    losses: list[float] = field(default_factory=list)
    measured: dict[str, list[float]] = field(default_factory=dict)

    def line(self, settings: Settings, classes: Sequence[str]) -> str:
        """Return the last measurement in words."""
        *_, last = self.measured.values()
        each = ", ".join(f"{name} {value:.3f}" for name, value in zip(classes, last, strict=True))
        recent = self.losses[-20:]
        return f"step {len(self.losses)} of {settings.steps}: loss {sum(recent) / len(recent):.3f}, IoU {each}"


PICTURES = (".curves.png", ".panel.png")
"""The suffixes of the pictures beside a model."""


def train(
    data: Path, output: Path, settings: Settings, *, every: int = 100, tell: Callable[[str], None] = print
) -> History:
    """Train a network on a folder, and write ``output``, a .safetensors file, with two pictures beside it.

    After ``every`` steps and at the end, it measures and writes a checkpoint into a folder beside ``output``. If there
    is one, it goes on from there. ``tell`` gets each line of what happens.

    Raises :class:`DataError` for a folder with faults and :class:`UsageError` for settings that can't be used, before
    the first step; and :class:`UsageError` if ``output`` exists, if the checkpoint is of another run, and if the loss
    is not finite.
    """
    require_no_output(output)
    folder = read_folder(data, settings.held_out)
    pairs, measured = folder.split(settings.held_out)
    require_devices(settings)
    model, crop = network_for(settings, folder.channels, len(folder.classes))
    model.train()
    everything = (model, optimizer_for(model, settings))
    examples = [_read(pair) for pair in measured]
    tell(
        f"{len(pairs)} images to train on and {len(measured)} to measure on, crops of {'×'.join(map(str, crop))}, "
        f"{_count(jax.device_count(), 'device')}"
    )
    mesh = placed_on_all_devices(everything)
    split = NamedSharding(mesh, P("batch"))
    run = {name: str(value) for name, value in vars(settings).items()} | {"data": folder.sha256[:12]}
    with Checkpoints(output, everything, run) as checkpoints, progress(settings.steps) as show:
        history = checkpoints.resumed()
        done = len(history.losses)
        if done:
            tell(f"goes on after step {done}, from {checkpoints.folder}")
        recent: list[Array] = []
        for step, batch in enumerate(loaded(batches(pairs, crop, settings), done, settings.steps), done + 1):
            images, labels = (jax.make_array_from_process_local_data(split, part) for part in batch)
            with jax.set_mesh(mesh):
                recent.append(train_step(*everything, settings.seed, images, labels))
            show(step)
            if step % every == 0 or step == settings.steps:
                history.losses += map(float, recent)
                recent.clear()
                require_finite(history, settings)
                history.measured[str(step)] = iou_of(on_one_device(model), examples, len(folder.classes))
                tell(history.line(settings, folder.classes))
                checkpoints.write(step, history)
    if jax.process_index() == 0:
        final, (curves, panel) = on_one_device(model), (output.with_suffix(suffix) for suffix in PICTURES)
        draw_curves(history, folder.classes, curves)
        draw_panel(final, examples, folder.classes, panel)
        save(final, output)  # the last file: if it exists, the run is complete
        tell(f"wrote {output}, {curves} and {panel}")
    return history


def require_no_output(output: Path) -> None:
    """Raise :class:`UsageError` if the model exists, or a picture that is not of a run that goes on."""
    pictures = [] if _checkpoints_of(output).is_dir() else [output.with_suffix(suffix) for suffix in PICTURES]
    for file in (output, *pictures):
        if file.exists():
            says = f"there is a {'folder' if file.is_dir() else 'file'} of this name"
            raise UsageError.of(f"output {file}", "exists", "", says, "another name")
    if _checkpoints_of(output).is_file():
        says = "there is a file of this name, and checkpoints need a folder"
        raise UsageError.of(f"output {_checkpoints_of(output)}", "exists", "", says, "another name for the model")


def _checkpoints_of(output: Path) -> Path:
    return output.with_suffix(".checkpoints")


def require_devices(settings: Settings) -> None:
    """Raise :class:`UsageError` if a batch can't be split over the devices."""
    count = jax.device_count()
    if settings.batch % count:
        says = f"batch={settings.batch} is no multiple of {count}, the number of devices"
        raise UsageError.of("the batch", "batch", "", says, f"batch={-(-settings.batch // count) * count}")


def placed_on_all_devices(everything: tuple[Any, Any]) -> Mesh:
    """Put a copy of a model and its optimizer on each device. Return the mesh, over which batches are split."""
    mesh = jax.make_mesh((jax.device_count(),), ("batch",), axis_types=(AxisType.Auto,))
    nnx.update(everything, jax.device_put(nnx.state(everything), NamedSharding(mesh, P())))
    return mesh


def require_finite(history: History, settings: Settings) -> None:
    """Raise :class:`UsageError` if the loss of a step was not finite: nothing after it can be used."""
    broken = next((step for step, loss in enumerate(history.losses, 1) if not np.isfinite(loss)), None)
    if broken is not None:
        says = f"it is {history.losses[broken - 1]} at step {broken}"
        raise UsageError.of("the loss", "finite", "", says, f"learning_rate={settings.learning_rate / 10:g}")


class Checkpoints(AbstractContextManager["Checkpoints"]):
    """The last two checkpoints of a run, in a folder beside its output: the model, the optimizer and the history.

    ``run`` says which run it is, by its settings and data. The folder's checkpoints must be of the same one.
    """

    def __init__(self, output: Path, everything: tuple[Any, Any], run: dict[str, str]) -> None:
        self.folder, self._everything, self._run = _checkpoints_of(output), everything, run
        options = ocp.CheckpointManagerOptions(max_to_keep=2)
        self._manager = ocp.CheckpointManager(self.folder.resolve(), options=options)

    def resumed(self) -> History:
        """Read the last checkpoint into the model and the optimizer. Return its history, or an empty one.

        Raises :class:`UsageError` if it is of another run.
        """
        step = self._manager.latest_step()
        if step is None:
            return History()
        state = ocp.args.StandardRestore(nnx.state(self._everything))
        try:
            kept = self._manager.restore(step, args=ocp.args.Composite(run=ocp.args.JsonRestore())).run
            self._require_same(kept["run"])
            restored = self._manager.restore(step, args=ocp.args.Composite(state=state)).state
        except WellshapedError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            says = f"step {step} can't be read ({type(error).__name__})"
            raise UsageError.of(
                f"checkpoint {self.folder}", "damaged", "", says, f"remove {self.folder / str(step)}"
            ) from error
        nnx.update(self._everything, restored)
        return History(**kept["history"])

    def _require_same(self, run: dict[str, str]) -> None:
        changed = [name for name, value in self._run.items() if run.get(name) != value]
        if changed:
            before, now = (
                ", ".join("other files" if name == "data" else f"{name}={of.get(name)}" for name in changed)
                for of in (run, self._run)
            )
            says = f"it is of a run with {before}" + (f", and this run has {now}" if changed != ["data"] else "")
            fix = f"another output, or remove {self.folder}"
            raise UsageError.of(f"checkpoint {self.folder}", "another run", "", says, fix)

    def write(self, step: int, history: History) -> None:
        """Write a checkpoint. A kill at any moment leaves the one before, or this one."""
        state = ocp.args.StandardSave(nnx.state(self._everything))
        kept = ocp.args.JsonSave({"run": self._run, "history": asdict(history)})
        with self._written():
            self._manager.save(step, args=ocp.args.Composite(state=state, run=kept))

    def __exit__(self, *_: object) -> None:
        with self._written():
            self._manager.close()

    @contextmanager
    def _written(self) -> Iterator[None]:
        """Raise :class:`UsageError` if a checkpoint could not be written, which threads do."""
        try:
            yield
        except (OSError, ValueError, RuntimeError) as error:
            says = f"it can't be written: {str(error).partition(chr(10))[0][:200]}"
            raise UsageError.of(f"checkpoint {self.folder}", "written", "", says, "a folder with space") from error


def loaded(of_steps: Any, done: int, steps: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the batches from the step after ``done`` on. Threads read the next ones in the meantime."""
    options = grain.ReadOptions(num_threads=2, prefetch_buffer_size=4)
    yield from of_steps.slice(slice(done, steps)).to_iter_dataset(options)


@contextmanager
def progress(steps: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that shows how many steps are done: as a bar on a terminal, and not at all elsewhere."""
    console = Console()  # that of the lines, which then stand above the bar
    if not console.is_terminal:
        yield lambda done: None
        return
    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("training", total=steps)
        yield lambda done: bar.update(task, completed=done)


# The pictures.

COLOURS = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
"""Okabe and Ito's colours, which people who are colour-blind can tell apart. They repeat after eight classes."""


def draw_curves(history: History, classes: Sequence[str], path: Path) -> None:
    """Draw the loss of each step, and the IoU of each class, into a PNG file."""
    figure = Figure(figsize=(10, 3.6), layout="constrained", dpi=120)
    left, right = figure.subplots(1, 2)
    left.semilogy(range(1, len(history.losses) + 1), history.losses, color="0.7", linewidth=0.8, label="each step")
    width = min(20, len(history.losses))
    smooth = np.convolve(history.losses, np.ones(width) / width, "valid")
    left.semilogy(np.arange(len(smooth)) + width, smooth, color="black", label=f"mean of {_count(width, 'step')}")
    left.set(xlabel="step", title="Loss on crops to train on")
    left.legend(frameon=False)
    for number, name in enumerate(classes):
        values = [of_step[number] for of_step in history.measured.values()]
        right.plot(list(map(int, history.measured)), values, marker="o", color=COLOURS[number % 8], label=name)
    right.set(xlabel="step", title="IoU on images that are not trained on", ylim=(0, 1))
    right.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, metadata={"Software": None})


def draw_panel(model: Any, examples: Sequence[tuple[Image, Labels]], classes: Sequence[str], path: Path) -> None:
    """Draw the first six examples into a PNG file: the image, its mask, and the prediction."""
    shown = examples[:6]
    figure = Figure(figsize=(2.2 * len(shown), 7), layout="constrained", dpi=120)
    colours = ListedColormap([COLOURS[number % 8] for number in range(len(classes))])
    panels = figure.subplots(3, len(shown), squeeze=False)
    for column, (image, labels), found in zip(panels.T, shown, predicted(model, [of[0] for of in shown]), strict=True):
        scaled = (image - image.min()) / max(float(np.ptp(image)), 1e-12)  # colours are from 0 to 1
        column[0].imshow(np.moveaxis(scaled[:3], 0, -1) if len(scaled) >= 3 else scaled[0], cmap="gray", vmin=0, vmax=1)
        for panel, values in zip(column[1:], (labels, found), strict=True):
            panel.imshow(values, cmap=colours, vmin=-0.5, vmax=len(classes) - 0.5, interpolation="nearest")
    for panel, title in zip(panels[:, 0], ("image", "mask", "prediction"), strict=True):
        panel.set_ylabel(title)
    for panel in panels.flat:
        panel.set(xticks=[], yticks=[])
    figure.legend(
        [Patch(color=colours(number)) for number in range(len(classes))],
        classes,
        ncols=8,
        loc="outside lower center",
        frameon=False,
    )
    figure.savefig(path, metadata={"Software": None})


def main(
    data: Path,
    output: Path,
    *,
    network: Path | None = None,
    steps: int = 1000,
    batch: int = 8,
    crop: int = 128,
    every: int = 100,
    learning_rate: float = 3e-3,
    dtype: str = "float32",
    seed: int = 0,
    coordinator: str = "",
    processes: int = 1,
    process: int = 0,
) -> None:
    """Train on the folder DATA and write OUTPUT. The network is a .toml or .json file."""
    if coordinator:
        jax.distributed.initialize(coordinator, processes, process)
    config = NETWORK if network is None else load_network(network)
    settings = Settings(
        network=config, steps=steps, batch=batch, crop=crop, learning_rate=learning_rate, dtype=dtype, seed=seed
    )
    train(data, output, settings, every=every, tell=print if process == 0 else lambda line: None)


if __name__ == "__main__":
    try:
        cyclopts.run(main)
    except WellshapedError as error:
        raise SystemExit(str(error)) from None
