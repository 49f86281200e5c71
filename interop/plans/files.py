"""Reading a file of plans as an :class:`Entry`: JSON, and YAML if PyYAML is installed."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ...spec.files.disk import fault_of, read_text
from ...spec.files.formats import FORMATS, no_duplicates
from ...spec.files.syntax import syntax_fix
from ...spec.messages.report import FileError
from .entry import Entry

MAX_BYTES = 1024 * 1024
"""The largest plans file or bundle config, in bytes. nnU-Net writes about 20 KiB."""

YAML = (".yaml", ".yml")


def read_entry(
    path: Path,
    what: str,
    example: str,
    examples: Mapping[str, Any],
    *,
    yaml: bool = False,
    most: int = MAX_BYTES,
) -> Entry:
    """Return the content of a JSON file, or of a YAML file if ``yaml`` allows it. Messages call it ``what``.

    Raises :class:`FileError` for a file that can't be read, has more than ``most`` bytes, can't be parsed or is not an
    object. ``example`` is the fix for a file that is empty or something else, and ``examples`` has those of its keys.
    """
    subject = f"{what} {path}"
    suffixes = (".json", *(YAML if yaml else ()))
    text = read_text(path, what, subject, most=most, suffixes=suffixes)
    is_yaml = path.suffix in YAML
    try:
        value = _parse_yaml(text, subject) if is_yaml else _parse_json(text)
    except (ValueError, RecursionError) as error:
        if isinstance(error, FileError):
            raise
        fix = example if is_yaml else syntax_fix(text, replace(FORMATS[".json"], example=example), error)
        about = f"it is not {'YAML' if is_yaml else 'JSON'}"
        raise FileError.of(subject, "syntax", about, fault_of(error), fix) from None
    entry = Entry(subject, value, examples=examples)
    if not isinstance(value, dict):
        raise entry.wrong("object", f"is {entry.written()}, and must be an object with keys", example)
    return entry


_parse_json = partial(json.loads, object_pairs_hook=no_duplicates)


def _parse_yaml(text: str, subject: str) -> Any:
    try:
        import yaml  # type: ignore[import-untyped]  # PyYAML has no types
    except ImportError:
        says = "PyYAML is not installed, which reads YAML"
        raise FileError.of(subject, "yaml", "", says, "pip install pyyaml, or the same config as JSON") from None

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # as above
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            no_duplicates([(key.value, None) for key, _ in node.value if isinstance(key, yaml.ScalarNode)])
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Loader)  # a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
