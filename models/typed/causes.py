"""A list of common mistakes with the shapes of arrays: how to recognise, explain and fix each.

A fix that is code is tried before it is proposed: ``becomes`` is the shape after the fix, and the call must accept it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flax import nnx

from ...spec.arithmetic.sizes import OTHER_WINDOW
from ...spec.network.network import FEW_CHANNELS
from ...spec.network.running import seem_last
from ..symbolic import Inconclusive, any_symbolic
from .axes import Shape


@dataclass(frozen=True, slots=True)
class Observed:
    """An argument's name and shape, and the sizes that it must have, as far as they are known.

    ``arguments`` are all arguments of the call. ``accepts`` says whether the call would take another shape.
    ``before_vmap`` is the shape with the axis that ``jax.vmap`` took away.
    """

    name: str
    shape: Shape
    expected: tuple[int | None, ...]
    labels: tuple[str, ...]
    arguments: Mapping[str, Any]
    accepts: Callable[[Shape], bool]
    before_vmap: Shape | None = None

    @property
    def channels_last(self) -> bool:
        """Whether the argument is an ``(H, W, C)`` image."""
        return self.labels[-1:] == ("C",)

    @property
    def is_image(self) -> bool:
        """Whether the argument is an image, with or without a batch axis."""
        return {"C", "H", "W"} <= set(self.labels)

    @property
    def channels(self) -> tuple[int, int] | None:
        """The number of channels given and expected, if the argument is an image of the right rank."""
        if len(self.shape) != 3 or len(self.expected) != 3 or "C" not in self.labels:
            return None
        axis = self.labels.index("C")
        expected = self.expected[axis]
        return None if expected is None else (self.shape[axis], expected)

    @property
    def far_apart(self) -> bool:
        """Whether height and width are each less than 2/3 or more than 3/2 of the expected size."""
        pairs = list(zip(self.shape[1:], self.expected[1:], strict=True))
        return all(expected is not None and not 4 * size <= 6 * expected <= 9 * size for size, expected in pairs)

    @property
    def empty_window(self) -> bool:
        """Whether the axis that does not fit is the output of a window, and that output is empty."""
        pairs = zip(self.shape, self.expected, self.labels, strict=False)
        expected, label = next(((n, label) for size, n, label in pairs if size != n), (None, ""))
        return expected == 0 and label.endswith("'") and self.ranks[0] == self.ranks[1]

    @property
    def ranks(self) -> tuple[int, int]:
        """The number of axes given and expected."""
        return len(self.shape), len(self.expected)

    @property
    def model(self) -> nnx.Module | None:
        """The network or layer that was called, if it takes this one array only."""
        model = self.arguments.get("self")
        return model if isinstance(model, nnx.Module) and len(self.arguments) == 2 else None

    @property
    def is_layer(self) -> bool:
        """Whether a single convolution was called: in a decoder, its input is the joined image."""
        return hasattr(self.arguments.get("self"), "kernel")

    @property
    def resized(self) -> str:
        """The expression that pads or crops the array to the expected size.

        ``""`` if it would take both, or if a size is symbolic: its letters are no variables of the code.
        """
        if any_symbolic((*self.shape, *self.expected)):
            return ""
        added = [0 if n is None else n - size for size, n in zip(self.shape, self.expected, strict=True)]
        if min(added) >= 0:
            return f"jnp.pad({self.name}, ({', '.join(f'(0, {n})' for n in added)}))"
        kept = ", ".join(f":{size + n}" if n else ":" for size, n in zip(self.shape, added, strict=True))
        return f"{self.name}[{kept}]" if max(added) <= 0 else ""

    @property
    def as_expected(self) -> Shape:
        """The shape, with every expected size in place of the size given."""
        return tuple(s if w is None else w for s, w in zip(self.shape, self.expected, strict=True))


@dataclass(frozen=True, slots=True)
class Cause:
    """A mistake: whether it ``fits`` what was observed, the text, the fixes, and the shape after the first fix.

    Without ``becomes`` no fix is code, and the report says which shape the argument must have.
    """

    fits: Callable[[Observed], bool]
    says: str
    fixes: Callable[[Observed], tuple[str, ...]] = lambda observed: ()
    becomes: Callable[[Observed], Shape] | None = None


def _code(template: str) -> Callable[[Observed], tuple[str, ...]]:
    def fixes(observed: Observed) -> tuple[str, ...]:
        each = "" if observed.before_vmap is None else "inside jax.vmap, for each image: "
        return (each + template.format(name=observed.name),)

    return fixes


def _of_a_batch(observed: Observed) -> tuple[str, ...]:
    first = f"{observed.name}[0] for its first image"
    if observed.model is None:
        return (f"{first}; jax.vmap for the whole batch",)
    whole = mapped(observed.model, observed.name)
    return (f"{whole[0]} for a batch, {first}", *whole[1:])


def mapped(model: nnx.Module, x: str) -> tuple[str, ...]:
    """The ways to call a model on the batch ``x``. A model that keeps batch statistics needs Flax's ``vmap``."""
    norms = [module for _, module in nnx.iter_modules(model) if isinstance(module, nnx.BatchNorm)]
    keeping = [norm for norm in norms if not norm.use_running_average]
    if not keeping:
        return (f"jax.vmap(model)({x})",)
    axis = keeping[0].axis_name
    evaluated = f"model.eval(), then jax.vmap(model)({x})"
    if axis is None:
        return (evaluated, 'to train on batches, build the model with axis_name="batch" and call it by nnx.vmap')
    call = f"nnx.vmap(lambda model, x: model(x), in_axes=(None, 0), axis_name={axis!r})(model, {x})"
    return (call, evaluated)


CAUSES = (
    Cause(
        lambda f: f.empty_window,
        "the output would be empty: kernel or stride is 0, the window is larger than the image, or padding removes all",
        lambda f: (OTHER_WINDOW,),
    ),
    Cause(
        lambda f: f.ranks == (4, 3) and f.is_image,
        "a batch axis is the likely cause: the call takes one ({layout}) image",
        _of_a_batch,
        lambda f: f.shape[1:],
    ),
    Cause(
        lambda f: f.ranks == (2, 3) and f.is_image and f.before_vmap is not None,
        "jax.vmap is for batches, and took the first axis of a single image",
        lambda f: (f"call without jax.vmap for one image of shape {f.before_vmap}",),
        lambda f: f.before_vmap or (),
    ),
    Cause(
        lambda f: f.ranks == (2, 3) and f.is_image and f.channels_last,
        "a missing axis is the likely cause: the channels of a grey image",
        _code("{name}[..., None]"),
        lambda f: (*f.shape, 1),
    ),
    Cause(
        lambda f: f.ranks == (3, 3) and f.is_image and f.channels_last and f.expected[2] == f.shape[0],
        "a (C, H, W) image passed as (H, W, C) is the likely cause",
        _code("jnp.moveaxis({name}, 0, -1)"),
        lambda f: (*f.shape[1:], f.shape[0]),
    ),
    Cause(
        lambda f: f.ranks == (4, 4) and f.channels_last and f.expected[2:] == (f.shape[1], f.shape[0]),
        "an (out, in, H, W) kernel passed as (H, W, in, out) is the likely cause",
        _code("jnp.transpose({name}, (2, 3, 1, 0))"),
        lambda f: (f.shape[2], f.shape[3], f.shape[1], f.shape[0]),
    ),
    Cause(
        lambda f: f.ranks == (3, 4) and f.is_image and f.channels_last,
        "a missing batch axis is the likely cause",
        _code("{name}[None] for a batch of one image"),
        lambda f: (1, *f.shape),
    ),
    Cause(
        lambda f: f.ranks == (2, 3) and f.is_image,
        "a missing axis is the likely cause: the channels of a grey image",
        _code("{name}[None]"),
        lambda f: (1, *f.shape),
    ),
    Cause(
        lambda f: f.ranks == (3, 3) and f.is_image and f.labels[0] == "C" and f.expected[0] == f.shape[2],
        "an (H, W, C) image passed as (C, H, W) is the likely cause",
        _code("jnp.moveaxis({name}, -1, 0)"),
        lambda f: (f.shape[2], *f.shape[:2]),
    ),
    Cause(
        lambda f: f.ranks == (3, 3) and f.is_image and f.labels[0] == "C" and f.expected[0] == f.shape[2],
        "an (H, W, C) image passed as (C, H, W) is the likely cause, and its height or width does not fit either",
    ),
    Cause(
        lambda f: (
            f.ranks == (3, 3) and f.is_image and f.labels[0] == "C" and f.expected[0] is not None and seem_last(f.shape)
        ),
        "an (H, W, C) image passed as (C, H, W) is the likely cause, and its channels do not fit either",
    ),
    Cause(
        lambda f: f.ranks == (4, 4) and f.expected[1] == f.shape[2] and f.shape[0] == f.shape[1],
        "an (H, W, in, out) kernel passed as (out, in, H, W) is the likely cause",
        _code("jnp.transpose({name}, (3, 2, 0, 1))"),
        lambda f: (f.shape[3], f.shape[2], f.shape[0], f.shape[1]),
    ),
    Cause(
        lambda f: f.name in ("skip", "up") and f.ranks == (3, 3) and f.expected[0] not in (None, f.shape[0]),
        "the channels of skip and up must add up to those of the layer; a skip from another level is the likely cause",
    ),
    Cause(
        lambda f: f.name == "up" and f.ranks == (3, 3) and f.far_apart,
        "the sizes are too different for one level; a skip from another level is the likely cause",
    ),
    Cause(
        lambda f: f.name == "up" and f.ranks == (3, 3) and f.resized != "",
        "likely cause: pooling and upsampling do not restore this image's size",
        lambda f: (f.resized,),
        lambda f: f.as_expected,
    ),
    Cause(
        lambda f: (
            f.channels is not None and f.channels[1] == 1 and f.channels[0] > FEW_CHANNELS and f.model is not None
        ),
        "a batch of {first} grey images without a channel axis is the likely cause",
        lambda f: mapped(f.model, f"{f.name}[:, None]") if f.model else (),
        lambda f: (1, *f.shape[1:]),
    ),
    Cause(
        lambda f: f.is_layer and f.channels is not None and f.channels[1] == 2 * f.channels[0],
        "a forgotten skip, or a join along another axis, is the likely cause",
    ),
    Cause(
        lambda f: f.is_layer and f.channels is not None and f.channels[0] == 2 * f.channels[1],
        "a layer built for only one of two joined images is the likely cause",
    ),
)
"""Tried in this order. The first that fits, and whose fix is accepted, is reported."""


def likely(observed: Observed) -> tuple[str, tuple[str, ...]]:
    """The text on the likely cause, and its fixes; both are empty if no cause fits."""
    for cause in CAUSES:
        if _is_cause(cause, observed):
            says = cause.says.format(layout=", ".join(observed.labels), first=observed.shape[0])
            return f"; {says}", cause.fixes(observed)
    return "", ()


def _is_cause(cause: Cause, observed: Observed) -> bool:
    """Whether a cause fits what was observed, and its fix is accepted. No, if JAX can't compare symbolic sizes."""
    try:
        return cause.fits(observed) and (cause.becomes is None or observed.accepts(cause.becomes(observed)))
    except Inconclusive:
        return False
