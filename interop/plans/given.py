"""Arguments that a caller gives in Python in place of those of a file. A message about one names the call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ...spec.arithmetic.naturals import as_integer
from ...spec.messages.report import UsageError, WellshapedError
from .entry import Entry


@dataclass(frozen=True, slots=True)
class GivenEntry(Entry):
    """An :class:`Entry` of a call. Tuples, ranges, and numbers and arrays of other libraries are read as plain data.

    >>> given = GivenEntry("monai_bundle(path, arguments={...})", {"channels": (4, "8")}, "arguments")
    >>> given["channels"].list()[0].number()
    4
    >>> given["channels"].list()[1].number()
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.UsageError: monai_bundle(path, arguments={...}) can't be used.
      number: arguments > channels[1] is '8', and must be an integer from 1 to 1000000.
      fix: "channels": [4, 1]
    """

    error: ClassVar[type[WellshapedError]] = UsageError
    words: ClassVar[Mapping[bool | None, str]] = {None: "None", True: "True", False: "False"}

    def _plain(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return dict(value)
        if isinstance(value, tuple | range):
            return list(value)
        number = as_integer(value)
        if number is not None:
            return number
        to_list = getattr(value, "tolist", None)  # of NumPy, JAX and PyTorch; a scalar becomes a number
        return to_list() if callable(to_list) else value
