"""``wellshaped train``: train a segmentation network on a folder of images and masks, without code."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from ..spec.files.disk import OutputError, wrong_suffix
from ..spec.files.tensors import SUFFIX
from ..spec.messages.choices import nearest_choice
from ..spec.messages.report import UsageError
from ..spec.messages.written import in_words
from ..words.numbers import natural_in
from .network import Flags, network_of
from .numbers import Natural

DTYPES = ("float32", "bfloat16")
"""What a network can compute in. Parameters are float32 in any case. In float16, small gradients would become 0."""

EXAMPLE = """\
  wellshaped train cells unet.toml --output cells.safetensors
  wellshaped train cells milesial --output m.safetensors --crop 256
  wellshaped train cells unet --levels 3 --norm batch --output m.safetensors
"""


def train(
    data: Annotated[Path, Parameter(help="The folder: images/, masks/ with files of the same names, classes.txt.")],
    network: Annotated[
        str,
        Parameter(
            help="The network: a preset (wellshaped list), unet, unet2, or a .toml or .json file. Its output must have "
            "the size of the image."
        ),
    ],
    *,
    output: Annotated[Path, Parameter(help="The model to write, a .safetensors file.")],
    steps: Annotated[Natural, Parameter(help="How many steps to train.")] = 1000,
    batch: Annotated[Natural, Parameter(help="How many crops each step takes.")] = 8,
    crop: Annotated[Natural, Parameter(help="The edge of a crop in pixels, at most.")] = 128,
    every: Annotated[Natural, Parameter(help="Measure, and write a checkpoint, after so many steps.")] = 100,
    learning_rate: Annotated[float, Parameter(help="The highest learning rate, of AdamW.")] = 3e-3,
    dtype: Annotated[str, Parameter(help="What to compute in: float32 or bfloat16.")] = "float32",
    seed: Annotated[Natural, Parameter(help="Random seed for parameters, crops and augmentation.")] = 0,
    flags: Flags = None,
) -> int:
    """Train a segmentation network on a folder of images of any sizes, and write it as a model.

    The pixels of a mask are labels, whole numbers from 0 on. classes.txt names them, one a line, from label 0.
    All faults of the folder are listed before the first step.
    Every fourth image, by name, is kept for the measurement: IoU is intersection over union, from 0 to 1.
    After a kill, the same command goes on after the last checkpoint, in a folder beside the output.
    Two pictures beside the output show the losses and some predictions.
    """
    if output.suffix != SUFFIX:
        raise wrong_suffix(f"output {output}", output, (SUFFIX,))
    if not output.parent.is_dir():
        says = f"there is no folder {output.parent}"
        raise OutputError.of(f"output {output}", "file", "", says, "the path of a file, in a folder that exists")
    if dtype not in DTYPES:
        says = f"it must be one of {in_words(DTYPES)}"
        raise UsageError.of(f"--dtype {dtype[:60]}", "dtype", "", says, f"--dtype {nearest_choice(dtype, DTYPES)}")
    if not 0 < learning_rate < 1e30:
        raise UsageError.of(
            f"--learning-rate {learning_rate}", "learning_rate", "", "it must be more than 0", "--learning-rate 0.003"
        )
    counts = {"steps": (steps, 1000), "batch": (batch, 8), "crop": (crop, 128), "every": (every, 100)}
    numbers = {name: _at_least_1(str(given), f"--{name}", usual) for name, (given, usual) in counts.items()}
    start = natural_in(str(seed), "--seed", 0)
    if start >= 2**31:
        raise UsageError.of(f"--seed {start}", "seed", "", "it must be less than 2**31", "--seed 0")
    if Path(network).suffix == SUFFIX:
        says = "it is a model, and a run starts with new weights"
        raise UsageError.of(f"the network {network}", "network", "", says, "its .toml or .json file")
    given = network_of(network, flags)
    from ..examples.segmentation import Settings, train

    settings = Settings(
        network=given,
        steps=numbers["steps"],
        batch=numbers["batch"],
        crop=numbers["crop"],
        learning_rate=learning_rate,
        dtype=dtype,
        seed=start,
    )
    train(data, output, settings, every=numbers["every"], tell=print)
    return 0


def _at_least_1(text: str, flag: str, usual: int) -> int:
    """Return the number of a flag. Raise :class:`UsageError` if it is no natural number, or 0."""
    number = natural_in(text, flag, usual)
    if number == 0:
        raise UsageError.of(f"{flag} 0", flag.removeprefix("--"), "", "it must be at least 1", f"{flag} {usual}")
    return number
