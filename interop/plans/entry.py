"""A value of a file that nobody checked, and the keys that lead to it: each mistake is one message with its place."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, ClassVar

from ...spec.messages.choices import near_name
from ...spec.messages.report import FileError, WellshapedError
from ...spec.messages.written import clipped, kind_of, written_value

MOST = 10**6
"""The largest number of channels, a kernel or a stride in a file. A larger one is a mistake."""

_EXAMPLES: Mapping[str, Any] = {
    "configurations": {"3d_fullres": {}},
    "architecture": {"network_class_name": "PlainConvUNet", "arch_kwargs": {}},
    "network_class_name": "dynamic_network_architectures.architectures.unet.PlainConvUNet",
    "arch_kwargs": {"n_stages": 6},
    "n_stages": 6,
    "features_per_stage": [32, 64, 128, 256, 320, 320],
    "conv_op": "torch.nn.modules.conv.Conv3d",
    "kernel_sizes": [[1, 3, 3], [3, 3, 3]],
    "strides": [[1, 1, 1], [2, 2, 2]],
    "n_conv_per_stage": [2, 2],
    "n_blocks_per_stage": [1, 3],
    "n_conv_per_stage_decoder": [2],
    "UNet_class_name": "PlainConvUNet",
    "UNet_base_num_features": 32,
    "unet_max_num_features": 320,
    "n_conv_per_stage_encoder": [2, 2],
    "conv_kernel_sizes": [[1, 3, 3], [3, 3, 3]],
    "pool_op_kernel_sizes": [[1, 1, 1], [2, 2, 2]],
    "patch_size": [128, 128, 128],
    "channel_names": {"0": "CT"},
    "labels": {"background": 0, "tumor": 1},
    "network_def": {"_target_": "UNet"},
    "_target_": "UNet",
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 2,
    "channels": [16, 32, 64],
    "kernel_size": [3, 3, 3],
    "up_kernel_size": 3,
    "adn_ordering": "NDA",
    "features": [32, 32, 64, 128, 256, 32],
    "init_filters": 8,
    "blocks_down": [1, 2, 2, 4],
    "blocks_up": [1, 1, 1],
    "upsample_kernel_size": [2, 2],
    "num_groups": 8,
}
"""Examples of keys: of each that must be there, and of those where 1 is no example."""


def example(key: str) -> str:
    """Return a key with an example of its value, as JSON.

    >>> example("n_stages")
    '"n_stages": 6'
    """
    return f"{json.dumps(key)}: {json.dumps(_EXAMPLES.get(key, 1))}"


def _as_it_is(entry: "Entry") -> "Entry":
    return entry


@dataclass(frozen=True, slots=True)
class Entry:
    """A ``value`` of the file that messages call ``subject``, and the keys that lead to it, as ``at``.

    ``resolve`` turns an entry that refers to another one into that one.

    >>> entry = Entry("plans file a.json", {"strides": [1, "2"]})
    >>> entry["strides"].list()[0].number()
    1
    >>> entry["strides"].list()[1].number()
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.FileError: plans file a.json can't be read.
      number: strides[1] is '2', and must be an integer from 1 to 1000000.
      fix: "strides": [[1, 1, 1], [2, 2, 2]]
    """

    subject: str
    value: Any
    at: str = ""
    resolve: Callable[["Entry"], "Entry"] = _as_it_is

    words: ClassVar[tuple[str, str]] = ("true", "false")
    """How the truth values are written where the entry is."""

    def wrong(self, rule: str, says: str, fix: str = "") -> WellshapedError:
        """Return the error for this entry. ``says`` goes on after its place. The fix is by default an example."""
        return FileError.of(self.subject, rule, "", f"{self.at or 'the file'} {says}", fix or example(self.key))

    @property
    def key(self) -> str:
        """The last key that leads here."""
        return self.at.partition("[")[0].rpartition(" > ")[2]

    def written(self) -> str:
        """The value as a message writes it."""
        simple = self.value is None or isinstance(self.value, str | int | float)
        return clipped(written_value(self.value)) if simple else kind_of(self.value)

    def _child(self, value: Any, at: str) -> "Entry":
        return self.resolve(replace(self, value=value, at=at))

    def object(self) -> Mapping[str, Any]:
        """Return the value, an object with keys."""
        if not isinstance(self.value, dict):
            fix = "" if self.key in _EXAMPLES else f"{json.dumps(self.key)}: {{…}}"
            raise self.wrong("object", f"is {self.written()}, and must be an object with keys", fix)
        return self.value

    def __getitem__(self, key: str) -> "Entry":
        """The entry with a key that must be there."""
        given = self.nullable(key)
        if given is not None and given.value is None:
            raise given.wrong("key", "is null", example(key) if key in _EXAMPLES else "a value in place of null")
        found = self.get(key)
        if found is None:
            near = near_name(key, [name for name in map(str, self.object()) if name.isprintable()])
            fix = f"{example(key)}" + (f" in place of {clipped(near)}" if near else "")
            raise self.wrong("key", f"has no key {key!r}", fix)
        return found

    def get(self, key: str) -> "Entry | None":
        """The entry with a key, or ``None`` if it is not there or ``null``."""
        found = self.nullable(key)
        return None if found is None or found.value is None else found

    def nullable(self, key: str) -> "Entry | None":
        """The entry with a key, whose value may be ``null``, or ``None`` if it is not there."""
        if key not in self.object():
            return None
        shown = clipped(key if key.isprintable() else repr(key), 40)
        return self._child(self.object()[key], f"{self.at} > {shown}" if self.at else shown)

    def list(self, count: int | None = None) -> list["Entry"]:
        """Return the entries of a list, with ``count`` of them."""
        if not isinstance(self.value, list):
            raise self.wrong("list", f"is {self.written()}, and must be a list")
        if count is not None and len(self.value) != count:
            raise self.wrong("list", f"has {len(self.value)} entries, and must have {count}")
        return [self._child(value, f"{self.at}[{i}]") for i, value in enumerate(self.value)]

    def number(self, least: int = 1, most: int = MOST) -> int:
        """Return an integer from ``least`` to ``most``."""
        if type(self.value) is not int or not least <= self.value <= most:
            raise self.wrong("number", f"is {self.written()}, and must be an integer from {least} to {most}")
        return self.value

    def real(self) -> float:
        """Return a finite number."""
        if type(self.value) not in (int, float) or not (abs(self.value) <= MOST and isfinite(self.value)):
            raise self.wrong("number", f"is {self.written()}, and must be a number", f'"{self.key}": 0.01')
        return float(self.value)

    def flag(self) -> bool:
        """Return a truth value."""
        if not isinstance(self.value, bool):
            says = f"is {self.written()}, and must be {' or '.join(self.words)}"
            raise self.wrong("flag", says, f'"{self.key}": {self.words[0]}')
        return self.value

    def text(self) -> str:
        """Return a text."""
        if not isinstance(self.value, str):
            raise self.wrong("text", f"is {self.written()}, and must be a text")
        return self.value

    def per_axis(self, axes: int, least: int = 1) -> int | tuple[int, ...]:
        """Return a number for all axes, or a tuple with one for each."""
        if not isinstance(self.value, list):
            return self.number(least)
        numbers = tuple(entry.number(least) for entry in self.list(axes))
        return numbers[0] if len(set(numbers)) == 1 else numbers

    def per_stage(self, count: int) -> Iterator["Entry"]:
        """Yield an entry for each of ``count`` stages: those of a list, or this one again and again."""
        return iter(self.list(count) if isinstance(self.value, list) else [self] * count)
