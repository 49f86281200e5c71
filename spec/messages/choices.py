"""The nearest of a few choices to what somebody wrote: what an error proposes for a word that is none of them."""

from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import TypeVar

Choice = TypeVar("Choice")

_MEANT = {  # other libraries' words, and truth values, for what is a choice here
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


def nearest_choice(given: object, choices: Iterable[Choice]) -> Choice:
    """The one of the ``choices``, at least one, that ``given`` most likely means.

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
        starts = word[:1] == text[:1]  # "gn" and "in" are short for a first letter
        within = text in word or word in text
        return SequenceMatcher(None, word, text).ratio() + 0.3 * starts + 0.3 * (within and bool(word))

    return max(choices, key=likeness)
