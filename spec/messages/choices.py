"""The nearest choice to a wrong word: what an error proposes."""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from typing import TypeVar

Choice = TypeVar("Choice")

_MEANT = {  # words of other libraries, and truth values, with our words for them
    "valid": ("none", "VALID"),
    "false": (False, "none"),
    "no": (False, "none"),
    "0": (False, "none"),
    "true": (True,),
    "yes": (True,),
    "1": (True, "same"),
    "linear": ("bilinear",),
    "deconv": ("transposed",),
    "reflect": ("mirrored",),
    "replicate": ("replicated",),
    "edge": ("replicated",),
    "constant": ("zeros",),
    "upsample": ("Resize",),
    "interpolate": ("Resize",),
    "cat": ("Concat",),
    "relu": ("Activation",),
    "pixelshuffle": ("DepthToSpace",),
    "nchw": ("CHW",),
    "nhwc": ("HWC",),
}

_CLOSE = 0.55  # names that are less alike are far-fetched


def near_name(given: object, names: Iterable[str]) -> str | None:
    """Return the one of the ``names`` that is close to ``given``, or ``None``.

    >>> near_name("milesal", ("milesial", "tiny")), near_name("no such preset", ("milesial", "nnunet_3d_fullres"))
    ('milesial', None)
    """
    return next(iter(get_close_matches(str(given), list(names), n=1, cutoff=_CLOSE)), None)


def nearest_choice(given: object, choices: Iterable[Choice]) -> Choice:
    """Return the one of the ``choices`` that ``given`` most likely means. There must be at least one choice.

    >>> nearest_choice("batchnorm", ("none", "batch", "group", "instance"))
    'batch'
    >>> nearest_choice("SAME", ("same", "none")), nearest_choice(1, (False, True))
    ('same', True)
    """
    choices = tuple(choices)
    word = str(given).strip().lower()
    for meant in _MEANT.get(word, ()):
        for choice in choices:
            if type(choice) is type(meant) and choice == meant:
                return choice

    def likeness(choice: Choice) -> float:
        text = str(choice).lower()
        starts = word[:1] == text[:1]  # people shorten a word to "gn" or "in"
        within = text in word or word in text
        return SequenceMatcher(None, word, text).ratio() + 0.3 * starts + 0.3 * (within and bool(word))

    return max(choices, key=likeness)
