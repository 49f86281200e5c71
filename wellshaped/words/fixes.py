"""Fixes as a user types them: ``pool_stride=2`` in the fix of an error is ``--pool-stride 2`` on the command line."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ..spec.files.fixes import in_file
from ..spec.files.formats import FORMATS
from ..spec.messages.report import ConfigError, FileError, Report, UsageError
from .fields import FIELD_NAMES, as_flag, word_of
from .numbers import numbers_in

_NAMES = [
    *FIELD_NAMES,
    "out_channels",
    "policy",
    "output",
    "by",
    "tile",
    "most",
    "field",
    "memory",
    "mode",
    "prefix",
    "momentum",
    "platforms",
    "classes",
    "batch",
    "crop",
    "learning_rate",
]
_FLAGS = {"output": "size"}  # the output of input_for is the size of input-for
_ASSIGNMENT = re.compile(rf"""\b({"|".join(_NAMES)})=("[^"]*"|'[^']*'|\((?:[^()]|\([^()]*\))*\)|[^\s,;:'"]+)""")
_AGAIN = "--input again for each further image; for a flag, name a function of images that sets it"
_IN_PYTHON = {
    " in the config": "",
    "a batch of ": "--batch ",
    "repair(network)": "repair(network) in Python",
    "sizes: those of an image": "--input with the shape of an image",
    "one shape for each image; arguments={…} for the others": _AGAIN,
    "a shape that it takes; arguments={…} for what is not an image": "--input with a shape that it takes",
}
_OF_A_MESH = str.maketrans(":", "=", '" ')
_ABOUT_FILES = ("network file", "config file", "certificate", "output")


def typed(report: Report, arguments: Sequence[str] = ()) -> Report:
    """Return the report with its fixes as flags. ``arguments`` are the command's: a fix may change one.

    If a network file among them holds a config that is not well-formed, the report names the file.

    >>> from wellshaped.spec import check
    >>> typed(check("unetplusplus", (1, 304, 384)), ["--input", "1x304x384"]).fixes
    ('--input 3x304x384',)
    """
    if report.subject.startswith(_ABOUT_FILES):  # its fixes are for the file
        fixes = (fix.replace("certify(network)", "wellshaped certify milesial, for example") for fix in report.fixes)
        return replace(report, fixes=tuple(fixes))
    if report.error is FileError and not report.subject.startswith("weights file"):  # its fixes are for the user's code
        return report
    subject = report.subject
    if report.error is UsageError:
        subject = _ASSIGNMENT.sub(lambda found: as_flag(found[1], _value(found[2])), subject)
    for path in files_in(arguments):  # a config does not know its file
        if issubclass(report.error, ConfigError) and path.name not in subject:
            subject = f"{path}: {subject}"
    return replace(report, subject=subject, fixes=tuple(typed_fix(fix, arguments) for fix in report.fixes))


def typed_fix(fix: str, arguments: Sequence[str] = ()) -> str:
    """Return a fix with arguments as flags.

    >>> typed_fix("levels=4, join='even crop' in the config, for sizes n ≥ 16")
    "--levels 4 --join 'even crop', for sizes n ≥ 16"
    >>> typed_fix("stride=((1, 2, 2), 2, 2, 2)")
    '--stride 1x2x2,2,2,2'
    >>> typed_fix("node a: padding=1", ["pad.toml"])  # nodes have no flags
    'node a: padding = 1'
    >>> typed_fix("levels=4", ["e.toml"]), typed_fix("levels=4", ["e.toml", "--levels", "0"])
    ('levels = 4', '--levels 4')
    """
    form = next((FORMATS[path.suffix] for path in files_in(arguments)), None)
    if fix.startswith("node "):
        return fix if form is None else in_file(fix, form)

    def as_given(found: re.Match[str]) -> str:
        field = found[1]
        if field == "output" and not _is_typed("size", arguments):  # input-for takes it without a flag
            return f"the size {found[2]}"
        if form is not None and field in FIELD_NAMES and not _is_typed(field, arguments):
            return in_file(found[0], form)
        return as_flag(_FLAGS.get(field, field), _value(found[2]))

    sizes = "x".join(map(str, numbers_in(value_of("--input", arguments))[1:])) or "..."
    fix = re.sub(r"\bin_channels=(\d+)", rf"--input \1x{sizes}", fix)
    fix = re.sub(r"\bthe shape \(([\d, ]+)\)", lambda found: f"--input {found[1].replace(', ', 'x')}", fix)
    fix = _ASSIGNMENT.sub(as_given, fix)
    check = " ".join(["wellshaped check", *_named_in(arguments)])
    fix = re.sub(r"--input \S+ shows what breaks", lambda found: f"{check} {found[0]}", fix)
    fix = re.sub(r"mesh=\{(.*?)\}", lambda found: f"--mesh {found[1].translate(_OF_A_MESH)}", fix)
    for written, meant in _IN_PYTHON.items():
        fix = fix.replace(written, meant)
    return re.sub(r"(?:,| and) (?=--)", " ", fix)


def files_in(arguments: Sequence[str]) -> Iterator[Path]:
    """Yield the network files among the arguments, by their suffix. The file of ``--output`` is not one."""
    output = value_of("--output", arguments)
    yield from (Path(word) for word in arguments if Path(word).suffix in FORMATS and word != output)


def _named_in(arguments: Sequence[str]) -> list[str]:
    """Return the network that a command's arguments name, as one word; none if they do not."""
    return [word for word in arguments[1:2] if not word.startswith("-") and not numbers_in(word)]


def _is_typed(field: str, arguments: Sequence[str]) -> bool:
    flags = word_of(field), word_of(f"no_{field}")
    return any(argument.partition("=")[0] in flags for argument in arguments)


def value_of(flag: str, arguments: Sequence[str]) -> str:
    """Return the value of a flag among the arguments, or ""."""
    for i, argument in enumerate(arguments):
        if argument == flag:
            return arguments[i + 1] if i + 1 < len(arguments) else ""
        if argument.startswith(f"{flag}="):
            return argument.partition("=")[2]
    return ""


def _value(written: str) -> object:
    """Return the value of an argument in a message, as :func:`as_flag` takes it."""
    known = {"True": True, "False": False, "None": "none"}
    if written[0] == "(":
        return tuple(map(_value, re.findall(r"""\([^()]*\)|'[^']*'|"[^"]*"|[^\s,()]+""", written[1:-1])))
    return known.get(written, written.strip("\"'"))
