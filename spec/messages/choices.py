"""The nearest choice to a wrong word: what an error proposes."""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches
from typing import TypeVar

Choice = TypeVar("Choice")

_MEANT = {  # words of other libraries, and truth values, with our words for them
    "valid": ("none", "VALID"),
    "false": (False, "none"),
    "no": (False, "none"),
    "n": (False,),
    "off": (False, "none"),
    "none": (False,),
    "0": (False, "none"),
    "0.0": (False,),
    "true": (True,),
    "yes": (True,),
    "on": (True,),
    "1": (True, "same"),
    "linear": ("bilinear",),
    "deconv": ("transposed",),
    "reflect": ("mirrored", "pad"),
    "mirror": ("mirrored", "reflect", "pad"),
    "mirrored": ("reflect", "pad"),
    "replicate": ("replicated", "edge", "pad"),
    "edge": ("replicated", "pad"),
    "constant": ("zeros", "pad"),
    "zeros": ("pad",),
    "zero": ("zeros", "pad"),
    "upsample": ("Resize",),
    "interpolate": ("Resize",),
    "cat": ("Concat", "concat"),
    "relu": ("Activation",),
    "pixelshuffle": ("DepthToSpace", "depth to space"),
    "pixel shuffle": ("depth to space",),
    "subpixel": ("depth to space",),
    "strided": ("stride",),
    "avg": ("average",),
    "sum": ("add", "Add"),
    "leaky relu": ("leaky_relu",),
    "swish": ("silu",),
    "bn": ("batch",),
    "gn": ("group",),
    "in": ("instance",),
    "nchw": ("CHW",),
    "nhwc": ("HWC",),
}

_CLOSE = 0.6  # names that are less alike are far-fetched

_COMPARED = 200  # characters of a word; a name is no longer, and the time to compare grows with the square of them


def near_name(given: object, names: Iterable[str]) -> str | None:
    """Return the one of the ``names`` that is close to ``given``, or ``None``. Upper and lower case are alike.

    >>> near_name("Milesal", ("milesial", "tiny")), near_name("no such preset", ("milesial", "nnunet_3d_fullres"))
    ('milesial', None)
    >>> near_name("h", ("depth", "height", "width"))
    'height'
    """
    word, lower = _word(given), {name.lower(): name for name in names}
    started = [name for key, name in lower.items() if word and key.startswith(word)]
    if word not in lower and len(started) == 1:
        return started[0]
    return next((lower[key] for key in get_close_matches(word, list(lower), n=1, cutoff=_CLOSE)), None)


def nearest_choice(given: object, choices: Iterable[Choice]) -> Choice:
    """Return the one of the ``choices`` that ``given`` most likely means. There must be at least one choice.

    >>> nearest_choice("batchnorm", ("none", "batch", "group", "instance"))
    'batch'
    >>> nearest_choice("SAME", ("same", "none")), nearest_choice(1, (False, True))
    ('same', True)
    """
    return max(tuple(choices), key=lambda choice: _likeness(given, choice))


def near_choices(given: object, choices: Iterable[Choice]) -> tuple[Choice, ...]:
    """Return the one of the ``choices`` that ``given`` most likely means. If none is near, return all.

    >>> near_choices("bicubic", ("transposed", "nearest", "bilinear"))
    ('bilinear',)
    >>> near_choices("layer", ("none", "batch", "group"))
    ('none', 'batch', 'group')
    """
    choices = tuple(choices)
    best = nearest_choice(given, choices)
    return (best,) if _likeness(given, best) >= _CLOSE else choices


def _likeness(given: object, choice: object) -> float:
    word, text = _word(given), str(choice).lower()
    if any(type(choice) is type(meant) and choice == meant for meant in _MEANT.get(word, ())):
        return 2.0
    starts = word[:1] == text[:1]  # people shorten a word to "gn" or "in"
    within = text in word or word in text
    return SequenceMatcher(None, word, text).ratio() + 0.3 * starts + 0.3 * (within and bool(word))


def _word(given: object) -> str:
    return str(given)[:_COMPARED].strip().lower()
