"""Why an argument does not fit its annotation, in the one format of :class:`~wellshaped.spec.Report`.

The annotations are read as data: the number of axes and what each must be. The likely causes, which is what the
person at the screen needs, are a list of their own.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import get_annotations
from typing import Any, SupportsIndex

import jax
import jax.numpy as jnp
import numpy as np
from beartype.door import is_bearable
from jaxtyping import AbstractArray

from ..spec.naturals import natural
from ..spec.report import ShapeError, refuse
from ..spec.sizes import OTHER_WINDOW

Arguments = Mapping[str, Any]


def why_refused(function: Callable[..., Any], arguments: Arguments) -> ShapeError | None:
    """The error for the first of the ``arguments`` that does not fit ``function``'s annotations, or ``None``."""
    hints = get_annotations(function)
    given_to = type(arguments["self"]).__name__ if "self" in arguments else function.__name__
    sizes: dict[str, tuple[int, str]] = {}
    for name, value in arguments.items():
        hint = hints.get(name)
        if hint is SupportsIndex:
            try:
                natural(value, name)
            except ShapeError as error:
                return error
        elif isinstance(hint, type) and issubclass(hint, AbstractArray):
            refusal = _refuse_array(name, value, hints, given_to, arguments, sizes)
            if refusal is not None:
                return refusal
        elif isinstance(hint, type) and hint is not Any and not isinstance(value, hint):
            says = f"it is a {type(value).__name__}, and must be a {hint.__name__}"
            return refuse(
                f"{name}, given to {given_to},", "type", f"type of {name}", says, f"{name}={hint.__name__}(...)"
            )
        elif hint not in (None, Any) and not isinstance(hint, type) and not is_bearable(value, hint):
            says = f"it is {shown(value)}, and must be {hint}"
            return refuse(f"{name}, given to {given_to},", "type", f"type of {name}", says, f"{name} as {hint}")
    return None


def _refuse_array(
    name: str,
    value: Any,
    hints: Mapping[str, Any],
    given_to: str,
    arguments: Arguments,
    sizes: dict[str, tuple[int, str]],
) -> ShapeError | None:
    def refused(rule: str, about: str, says: str, fix: str) -> ShapeError:
        return refuse(f"{name} = {shown(value)}, given to {given_to},", rule, f"{about} of {name}", says, fix)

    if isinstance(value, np.ndarray):
        says = f"it holds {value.dtype}, and must hold floating-point numbers"
        return refused("dtype", "dtype", says, f"{name}.astype(jnp.float32)")
    if not isinstance(value, jax.Array):
        says = f"it is a {type(value).__name__}, and must be a JAX or NumPy array"
        return refused("array", "type", says, f"jnp.asarray({name}, jnp.float32)")
    if not jnp.issubdtype(value.dtype, jnp.floating):
        scaled = " / 255" if value.dtype == jnp.uint8 else ""
        says = f"it is {value.dtype}, and must be floating-point"
        return refused("dtype", "dtype", says, f"{name}.astype(jnp.float32){scaled}")
    axes, shape = hints[name].dim_str.split(), value.shape
    if axes[0].startswith("*"):  # any axes may come before
        axes = axes[1:]
        shape = shape[max(len(shape) - len(axes), 0) :]
    labels = [_label(axis, hints) for axis in axes]
    wanted: list[tuple[int | None, str]] = [_wanted(axis, arguments, sizes) for axis in axes]
    facts = _Facts(name, shape, tuple(size for size, _ in wanted), tuple(labels))
    template = ", ".join(str(label if size is None else size) for label, (size, _) in zip(labels, wanted, strict=True))
    if len(shape) != len(axes):
        cause, fix = _likely(facts, f"{name} of shape ({template})")
        says = f"it has {value.ndim} axes, and must have {len(axes)}, ({template}){cause}"
        return refused("rank", "shape", says, fix)
    for axis, label, size, (expected, source) in zip(axes, labels, shape, wanted, strict=True):
        if axis in sizes and not source:  # a name that stands twice in this annotation
            expected, source = sizes[axis][0], ", as another axis of that name"
        if expected is not None and size != expected:
            cause, fix = _likely(facts, f"{name} of shape ({template})")
            says = f"it is {size}, and must be {expected}{source}{cause}"
            return refused("channels" if label == "C" else "size", f"axis {label}", says, fix)
        sizes.setdefault(axis, (size, f", as in {name}"))
    return None


def shown(value: Any) -> str:
    """A value in one short line: of an array, its dtype and shape."""
    if isinstance(value, jax.Array):
        return f"{value.dtype}[{','.join(map(str, value.shape))}]"
    text = " ".join(repr(value).split())
    return text if len(text) <= 40 else f"{text[:37]}..."


_SIZE_OF = re.compile(r"size\((\w+)\.shape\[(\d)\]")
"""What the annotation of an axis holds that a window makes of an argument's axis."""


def _label(axis: str, hints: Mapping[str, Any]) -> str:
    made = _SIZE_OF.search(axis)
    of = getattr(hints.get(made[1]), "dim_str", "").split() if made else []
    if made and int(made[2]) < len(of):
        return f"{of[int(made[2])]}'"
    return "C" if axis.startswith("{") else axis


def _wanted(axis: str, arguments: Arguments, sizes: dict[str, tuple[int, str]]) -> tuple[int | None, str]:
    """The size that an axis must have, if it is known yet, and where from."""
    if axis in sizes:
        return sizes[axis]
    # As jaxtyping does: in braces, the arguments alone are in scope; elsewhere, the sizes that have names.
    known = dict(arguments) if axis.startswith("{") else {name: size for name, (size, _) in sizes.items()}
    try:
        return int(eval(axis.strip("{}"), {}, known)), ""
    except Exception:  # a name that is met for the first time, or another argument is at fault, and has its turn
        return None, ""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the causes below are told: an argument's name and shape, and the sizes known of the shape it must have."""

    name: str
    shape: tuple[int, ...]
    wanted: tuple[int | None, ...]
    labels: tuple[str, ...]

    @property
    def channels_last(self) -> bool:
        return self.labels[-1:] == ("C",)

    @property
    def channels(self) -> tuple[int, int] | None:
        """Those given and those wanted, of an image of the right rank."""
        if len(self.shape) != 3 or len(self.wanted) != 3 or "C" not in self.labels:
            return None
        axis = self.labels.index("C")
        wanted = self.wanted[axis]
        return None if wanted is None else (self.shape[axis], wanted)

    @property
    def far_apart(self) -> bool:
        """Whether height and width are less than two thirds, or more than one and a half, of those wanted."""
        pairs = list(zip(self.shape[1:], self.wanted[1:], strict=True))
        return all(wanted is not None and not 2 * size <= 3 * wanted <= 4.5 * size for size, wanted in pairs)

    @property
    def nothing_made(self) -> bool:
        """Whether what does not fit is an axis of which a window would make nothing."""
        pairs = zip(self.shape, self.wanted, self.labels, strict=False)
        wanted, label = next(((wanted, label) for size, wanted, label in pairs if size != wanted), (None, ""))
        return wanted == 0 and label.endswith("'") and self.ranks[0] == self.ranks[1]

    @property
    def ranks(self) -> tuple[int, int]:
        return len(self.shape), len(self.wanted)


@dataclass(frozen=True, slots=True)
class _Cause:
    """A mistake that people make: how it is recognised, how it is said, and what mends it."""

    fits: Callable[[_Facts], bool]
    says: str
    fix: str


_CAUSES = (
    _Cause(
        lambda f: f.nothing_made,
        "nothing comes out: a kernel or stride of 0, a window larger than the image, or padding that takes all away",
        OTHER_WINDOW,
    ),
    _Cause(
        lambda f: f.ranks == (4, 3) and "C" in f.labels,
        "a batch axis is the likely cause, and one ({layout}) image is taken at a time",
        "jax.vmap(model)({name}) for a batch, {name}[0] for its first image",
    ),
    _Cause(
        lambda f: f.ranks == (2, 3) and f.channels_last,
        "a missing axis is the likely cause: the channels of a grey image, or the batch under jax.vmap",
        "{name}[..., None] for a grey image; for one image, call without jax.vmap",
    ),
    _Cause(
        lambda f: f.ranks == (3, 3) and f.channels_last and f.wanted[2] == f.shape[0],
        "a (C, H, W) image passed as (H, W, C) is the likely cause",
        "jnp.moveaxis({name}, 0, -1)",
    ),
    _Cause(
        lambda f: f.ranks == (4, 4) and f.channels_last and f.wanted[2:] == (f.shape[1], f.shape[0]),
        "an (out, in, H, W) kernel passed as (H, W, in, out) is the likely cause",
        "jnp.transpose({name}, (2, 3, 1, 0))",
    ),
    _Cause(
        lambda f: f.ranks == (3, 4) and f.channels_last,
        "a missing batch axis is the likely cause",
        "{name}[None] for a batch of one image",
    ),
    _Cause(
        lambda f: f.ranks == (2, 3),
        "a missing axis is the likely cause: the channels of a grey image, or the batch under jax.vmap",
        "{name}[None] for a grey image; for one image, call without jax.vmap",
    ),
    _Cause(
        lambda f: f.ranks == (3, 3) and f.labels[0] == "C" and f.wanted[0] == f.shape[2],
        "an (H, W, C) image passed as (C, H, W) is the likely cause",
        "jnp.moveaxis({name}, -1, 0)",
    ),
    _Cause(
        lambda f: f.ranks == (3, 3) and f.labels[0] == "C" and f.wanted[0] is not None and f.shape[2] <= 4 < f.shape[0],
        "an (H, W, C) image passed as (C, H, W) is the likely cause, with another number of channels",
        "jnp.moveaxis({name}, -1, 0), and the channels that are wanted",
    ),
    _Cause(
        lambda f: f.ranks == (4, 4) and f.wanted[1] == f.shape[2] and f.shape[0] == f.shape[1],
        "an (H, W, in, out) kernel passed as (out, in, H, W) is the likely cause",
        "jnp.transpose({name}, (3, 2, 0, 1))",
    ),
    _Cause(
        lambda f: f.name == "up" and f.ranks == (3, 3) and f.wanted[0] not in (None, f.shape[0]),
        "the channels of skip and up must add up to those of the layer; a skip from the wrong stage is a likely cause",
        "join the skip of the same level",
    ),
    _Cause(
        lambda f: f.name == "up" and f.ranks == (3, 3) and f.far_apart,
        "sizes so far apart are those of two stages; a skip from the wrong stage is the likely cause",
        "join the skip of the same level",
    ),
    _Cause(
        lambda f: f.name == "up" and f.ranks == (3, 3),
        "a size that does not survive pooling and upsampling is the likely cause",
        "wellshaped.spec.check(cfg, ...) names the sizes that do",
    ),
    _Cause(
        lambda f: f.channels is not None and f.channels[1] == 2 * f.channels[0],
        "it has half of the channels: a forgotten skip, or a concatenation along another axis, is a likely cause",
        "join the skip and {name} along their channels",
    ),
    _Cause(
        lambda f: f.channels is not None and f.channels[0] == 2 * f.channels[1],
        "it has twice the channels: a layer made for one of two joined images is a likely cause",
        "a layer for {given} channels",
    ),
)


def _likely(facts: _Facts, otherwise: str) -> tuple[str, str]:
    for cause in _CAUSES:
        if cause.fits(facts):
            says = cause.says.format(layout=", ".join(facts.labels))
            given = facts.channels[0] if facts.channels else None
            return f"; {says}", cause.fix.format(name=facts.name, given=given)
    return "", otherwise
