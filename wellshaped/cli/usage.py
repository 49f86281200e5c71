"""Errors in the words of a command: an unknown option, too many arguments, a value that is missing."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import chain

from cyclopts import CycloptsError, MissingArgumentError, UnknownOptionError, UnusedCliTokensError

from ..spec.messages.report import UsageError
from ..words.fixes import value_of
from ..words.numbers import numbers_in
from .objects import reject_object

_NO_IMAGE = ("input-for",)
"""Commands that take sizes, and no image."""

_OF_OBJECTS = ("sizes", "check")
"""Commands that take a model in somebody's code."""

_ELSEWHERE = ("axis",)
"""Flags of other commands whose names are close to one that means something else."""


def described(error: CycloptsError, arguments: Sequence[str], examples: Mapping[str, str]) -> str:
    """Return the text of an error of the parser, with a fix if one is known.

    ``arguments`` are those of the program, ``examples`` the lines that show how to use each command.
    """
    command = next(iter(error.command_chain or ()), "")
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        text = f"Too many arguments: {' '.join(error.unused_tokens)}."
        fix = _one_word(error.unused_tokens, arguments, examples.get(command, ""))
        return _with_fix(text, fix or f"leave out {' '.join(error.unused_tokens)}; {_help(command)}")
    if isinstance(error, UnknownOptionError):
        return _unknown(error, command, arguments)
    if isinstance(error, MissingArgumentError) and error.argument is not None and command:
        if command not in _OF_OBJECTS:
            try:
                reject_object(arguments[1] if len(arguments) > 1 else None)
            except UsageError as rejected:
                return str(rejected)
        name = error.argument.name
        typed = error.keyword or next((word for word in arguments if word in error.argument.names), None)
        lines = [line.strip() for line in examples[command].splitlines()]
        shown = [line for line in lines if name in line]
        if typed:
            return f"{typed} needs a value, for example: {shown[0]}" if shown else f"{typed} needs a value."
        needs = (
            name if shown else _with_article(name.lstrip("-").lower())
        )  # an example without the flag has the value alone
        return f"{command} needs {needs}, for example: {_completed(name, arguments, (shown or lines)[0])}"
    return str(error)


def _completed(flag: str, arguments: Sequence[str], example: str) -> str:
    """Return the command that was typed, with a ``flag`` from an example; the example, if only a name was typed.

    >>> _completed("--input", ["plan", "unet", "--levels", "3", "504x500"], "wellshaped plan unet --input 3x303x384")
    'wellshaped plan unet --levels 3 --input 3x504x500'
    >>> _completed("--output", ["train", "cells", "unet.toml"], "wellshaped train d milesial --output m.safetensors")
    'wellshaped train cells unet.toml --output m.safetensors'
    """
    value = value_of(flag, example.split())
    words = [word for word in arguments if len(numbers_in(word)) < 2]
    sizes = [word for word in arguments if word not in words]
    if not value or len(words) < 3 or ("--axes" in words and not sizes):
        return example
    if not numbers_in(value):
        return " ".join(["wellshaped", *arguments, flag, value])
    channels, _, usual = value.partition("x")
    return " ".join(["wellshaped", *words, flag, f"{channels}x{sizes[0] if sizes else usual}"])


def _with_article(noun: str) -> str:
    """The noun with its article, which a plural has not.

    >>> _with_article("model"), _with_article("image"), _with_article("weights"), _with_article("data")
    ('a model', 'an image', 'weights', 'data')
    """
    return noun if noun.endswith(("s", "data")) else f"{'an' if noun[0] in 'aeio' else 'a'} {noun}"


def _with_fix(text: str, fix: str) -> str:
    return f"{text}\n  fix: {fix}" if fix else text


def _one_word(unused: Sequence[str], arguments: Sequence[str], example: str) -> str:
    """Return the fix for a shape in several words, or without its flag; "" if the words are something else."""
    if "--input" not in example:
        return ""
    begun = value_of("--input", arguments)
    numbers = numbers_in(" ".join([begun, *unused]).strip())
    if len(numbers) < 2:
        return ""
    shape = f"--input {'x'.join(map(str, numbers))}"
    return f"write the shape as one word: {shape}" if begun else shape


def _unknown(error: UnknownOptionError, command: str, arguments: Sequence[str]) -> str:
    word = error.token.keyword or error.token.value
    flag = word.partition("=")[0]
    if flag == "--input" and command in _NO_IMAGE:
        name = next((f"{word} " for word in arguments[1:2] if not word.startswith("-") and not numbers_in(word)), "")
        numbers = numbers_in(value_of("--input", arguments)) or [3, 303, 384]
        with_channels = len(numbers) > 2  # fewer are sizes
        fix = f"wellshaped {command} {name}{'x'.join(map(str, numbers[with_channels:]))}"
        if with_channels:
            fix += f", or wellshaped check {name}--input {'x'.join(map(str, numbers))}"
        return f"{command} has no --input: it takes sizes, without channels.\n  fix: {fix}"
    known = {name.lstrip("-"): name for name in chain.from_iterable(of.names for of in error.argument_collection)}
    asked = flag.lstrip("-")
    near = [name for name in known if asked in name.split("-")]
    if not near and asked not in _ELSEWHERE:
        near = get_close_matches(asked, list(known), n=1)
    if near:
        return f"Unknown option: {word}. Did you mean {' or '.join(known[name] for name in near[:3])}?"
    return _with_fix(f"Unknown option: {word}.", _help(command))


def _help(command: str) -> str:
    return f"wellshaped {command} --help shows what it takes".replace("  ", " ")
