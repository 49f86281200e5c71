"""How many channels a network of nnU-Net takes and returns: its ``dataset.json`` says it, or the caller does.

Source: github.com/MIC-DKFZ/nnUNet, ``nnunetv2/utilities/label_handling``.
"""

from dataclasses import dataclass
from pathlib import Path

from ...spec.messages.report import UsageError
from .entry import Entry
from .examples import OF_DATASETS
from .files import read_entry

MAX_BYTES = 16 * 1024 * 1024
"""The largest ``dataset.json``, in bytes. It may list every case."""

_EXAMPLE = '{"channel_names": {"0": "CT"}, "labels": {"background": 0, "organ": 1}}'


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels of an image, the channels of the output, and the labels that a cascade adds to its image."""

    image: int
    output: int
    labels: int


def channels_of(plans: Path, in_channels: int | None, out_channels: int | None) -> Channels:
    """Return the channels that are given, and the others from the ``dataset.json`` beside the ``plans``.

    Raises :class:`UsageError` if a number is not given and there is no ``dataset.json``, and :class:`FileError` for one
    that can't be read.
    """
    path = plans.with_name("dataset.json")
    if in_channels is not None and out_channels is not None:
        return Channels(in_channels, out_channels, max(out_channels - 1, 0))
    if not path.exists():
        missing = [
            name for name, value in (("in_channels", in_channels), ("out_channels", out_channels)) if value is None
        ]
        says = f"there is no {path} that says {' and '.join(missing)}"
        fix = f"{path} with {_EXAMPLE}; or {' and '.join(missing)} of nnunet_plans, in Python"
        raise UsageError.of(f"plans file {plans}", "channels", "", says, fix)
    dataset = read_entry(path, "dataset file", _EXAMPLE, OF_DATASETS, most=MAX_BYTES)
    found = dataset.get("modality")
    names = dataset["channel_names"] if found is None else found
    if not names.object():
        raise names.wrong("channels", "is empty, and must have a name for each channel", names.fix(names.example))
    output, labels = _labels(dataset["labels"])
    return Channels(
        len(names.object()) if in_channels is None else in_channels,
        output if out_channels is None else out_channels,
        labels,
    )


def _labels(entry: Entry) -> tuple[int, int]:
    """Return the channels of the output, and the number of labels that are not background.

    A label with several numbers makes regions: then each region is a channel of the output, without the background.
    """
    keys = dict.fromkeys(["background", *map(str, entry.object())])
    labels = {key: _numbers(entry, key) for key in keys if key != "ignore"}
    numbers = {number for of in labels.values() for number in of}
    if any(len(of) > 1 for of in labels.values()):
        return sum(set(of) != {0} for of in labels.values()), len(numbers - {0})
    return len(numbers), len(numbers - {0})


def _numbers(entry: Entry, key: str) -> list[int]:
    given = entry[key]
    entries = given.list() if isinstance(given.value, list) else [given]
    return [int(of.value) if isinstance(of.value, str) and of.value.isdecimal() else of.number(0) for of in entries]
