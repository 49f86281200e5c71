"""The mistakes that people make with the shapes of arrays: how each is recognised, said and fixed, as a list.

A fix that is code is tried before it is proposed: ``becomes`` is what it makes of the shape, and the call must accept
that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flax import nnx

from ...spec.arithmetic.sizes import OTHER_WINDOW
from .axes import Shape


@dataclass(frozen=True, slots=True)
class Facts:
    """An argument's name and shape, and what is known of the shape that it must have.

    ``arguments`` are all those of the call, ``accepts`` says whether the call would take another shape, and
    ``before_vmap`` is the shape with the axis that ``jax.vmap`` took away.
    """

    name: str
    shape: Shape
    wanted: tuple[int | None, ...]
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
    def empty_window(self) -> bool:
        """Whether the axis that does not fit is what a window would make, and that is nothing."""
        pairs = zip(self.shape, self.wanted, self.labels, strict=False)
        wanted, label = next(((wanted, label) for size, wanted, label in pairs if size != wanted), (None, ""))
        return wanted == 0 and label.endswith("'") and self.ranks[0] == self.ranks[1]

    @property
    def ranks(self) -> tuple[int, int]:
        """The number of axes given and wanted."""
        return len(self.shape), len(self.wanted)

    @property
    def model(self) -> nnx.Module | None:
        """The network or layer that was called, where it takes this one array."""
        model = self.arguments.get("self")
        return model if isinstance(model, nnx.Module) and len(self.arguments) == 2 else None

    @property
    def is_layer(self) -> bool:
        """Whether a single convolution was called: in a decoder, it takes what is joined."""
        return hasattr(self.arguments.get("self"), "kernel")

    @property
    def resized(self) -> str:
        """The expression that pads or crops the array to the size wanted; nothing where that takes both."""
        added = [0 if wanted is None else wanted - size for size, wanted in zip(self.shape, self.wanted, strict=True)]
        if min(added) >= 0:
            return f"jnp.pad({self.name}, ({', '.join(f'(0, {n})' for n in added)}))"
        kept = ", ".join(f":{size + n}" if n else ":" for size, n in zip(self.shape, added, strict=True))
        return f"{self.name}[{kept}]" if max(added) <= 0 else ""

    @property
    def as_wanted(self) -> Shape:
        """The shape with the sizes that are known to be wanted."""
        return tuple(s if w is None else w for s, w in zip(self.shape, self.wanted, strict=True))


@dataclass(frozen=True, slots=True)
class Cause:
    """A mistake: when it ``fits`` the facts, what is said of it, the fixes, and the shape that the first one makes.

    Without ``becomes`` there is no fix that is code, and the report says what the argument must be.
    """

    fits: Callable[[Facts], bool]
    says: str
    fixes: Callable[[Facts], tuple[str, ...]] = lambda facts: ()
    becomes: Callable[[Facts], Shape] | None = None


def _code(template: str) -> Callable[[Facts], tuple[str, ...]]:
    def fixes(facts: Facts) -> tuple[str, ...]:
        each = "" if facts.before_vmap is None else "inside jax.vmap, for each image: "
        return (each + template.format(name=facts.name),)

    return fixes


def _of_a_batch(facts: Facts) -> tuple[str, ...]:
    first = f"{facts.name}[0] for its first image"
    if facts.model is None:
        return (f"{first}; jax.vmap for the whole batch",)
    whole = mapped(facts.model, facts.name)
    return (f"{whole[0]} for a batch, {first}", *whole[1:])


def mapped(model: nnx.Module, x: str) -> tuple[str, ...]:
    """How a model takes the batch ``x``. One that keeps batch statistics must be given to Flax's ``vmap``."""
    norms = [module for _, module in nnx.iter_modules(model) if isinstance(module, nnx.BatchNorm)]
    keeping = [norm for norm in norms if not norm.use_running_average]
    if not keeping:
        return (f"jax.vmap(model)({x})",)
    axis = keeping[0].axis_name
    evaluated = f"model.eval(), and then jax.vmap(model)({x})"
    if axis is None:
        return (evaluated, 'to train on batches, build the model with axis_name="batch" and call it by nnx.vmap')
    call = f"nnx.vmap(lambda model, x: model(x), in_axes=(None, 0), axis_name={axis!r})(model, {x})"
    return (call, evaluated)


CAUSES = (
    Cause(
        lambda f: f.empty_window,
        "nothing comes out: a kernel or stride of 0, a window larger than the image, or padding that takes all away",
        lambda f: (OTHER_WINDOW,),
    ),
    Cause(
        lambda f: f.ranks == (4, 3) and f.is_image,
        "a batch axis is the likely cause, and the call takes one ({layout}) image",
        _of_a_batch,
        lambda f: f.shape[1:],
    ),
    Cause(
        lambda f: f.ranks == (2, 3) and f.is_image and f.before_vmap is not None,
        "jax.vmap took the first axis of a single image, and is for batches",
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
        lambda f: f.ranks == (3, 3) and f.is_image and f.channels_last and f.wanted[2] == f.shape[0],
        "a (C, H, W) image passed as (H, W, C) is the likely cause",
        _code("jnp.moveaxis({name}, 0, -1)"),
        lambda f: (*f.shape[1:], f.shape[0]),
    ),
    Cause(
        lambda f: f.ranks == (4, 4) and f.channels_last and f.wanted[2:] == (f.shape[1], f.shape[0]),
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
        lambda f: f.ranks == (3, 3) and f.is_image and f.labels[0] == "C" and f.wanted[0] == f.shape[2],
        "an (H, W, C) image passed as (C, H, W) is the likely cause",
        _code("jnp.moveaxis({name}, -1, 0)"),
        lambda f: (f.shape[2], *f.shape[:2]),
    ),
    Cause(
        lambda f: (
            f.ranks == (3, 3)
            and f.is_image
            and f.labels[0] == "C"
            and f.wanted[0] is not None
            and f.shape[2] <= 4 < min(f.shape[:2])
        ),
        "an (H, W, C) image passed as (C, H, W) is the likely cause, with another number of channels",
    ),
    Cause(
        lambda f: f.ranks == (4, 4) and f.wanted[1] == f.shape[2] and f.shape[0] == f.shape[1],
        "an (H, W, in, out) kernel passed as (out, in, H, W) is the likely cause",
        _code("jnp.transpose({name}, (3, 2, 0, 1))"),
        lambda f: (f.shape[3], f.shape[2], f.shape[0], f.shape[1]),
    ),
    Cause(
        lambda f: f.name in ("skip", "up") and f.ranks == (3, 3) and f.wanted[0] not in (None, f.shape[0]),
        "the channels of skip and up must add up to those of the layer; a skip from the wrong stage is a likely cause",
    ),
    Cause(
        lambda f: f.name == "up" and f.ranks == (3, 3) and f.far_apart,
        "sizes so far apart are those of two stages; a skip from the wrong stage is the likely cause",
    ),
    Cause(
        lambda f: f.name == "up" and f.ranks == (3, 3) and f.resized != "",
        "a size that does not survive pooling and upsampling is the likely cause",
        lambda f: (f.resized,),
        lambda f: f.as_wanted,
    ),
    Cause(
        lambda f: f.channels is not None and f.channels[1] == 1 and f.channels[0] > 4 and f.model is not None,
        "a batch of {first} grey images without their channel is a likely cause",
        lambda f: mapped(f.model, f"{f.name}[:, None]") if f.model else (),
        lambda f: (1, *f.shape[1:]),
    ),
    Cause(
        lambda f: f.is_layer and f.channels is not None and f.channels[1] == 2 * f.channels[0],
        "it has half of the channels, as after a forgotten skip, or a concatenation along another axis",
    ),
    Cause(
        lambda f: f.is_layer and f.channels is not None and f.channels[0] == 2 * f.channels[1],
        "it has twice the channels, as if the layer was made for one of two joined images",
    ),
)
"""In the order in which they are tried; the first that fits, and whose fix is accepted, is said."""


def likely(facts: Facts) -> tuple[str, tuple[str, ...]]:
    """What to say of the likely cause, and its fixes; nothing of either where no cause is known."""
    for cause in CAUSES:
        if cause.fits(facts) and (cause.becomes is None or facts.accepts(cause.becomes(facts))):
            says = cause.says.format(layout=", ".join(facts.labels), first=facts.shape[0])
            return f"; {says}", cause.fixes(facts)
    return "", ()
