"""``fitted``: a network that takes images of any size. It pads or crops each image, and cuts the result back."""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from inspect import unwrap
from typing import Any

from ..spec.answers.any_network import AnyNetwork, network_held_by
from ..spec.answers.planning import MODES
from ..spec.arithmetic.size_set import SizeSet
from ..spec.messages.choices import nearest_choice
from ..spec.messages.report import UsageError
from ..spec.messages.written import clipped, kind_of, written_value
from ..spec.network.network import Network
from ..spec.unet.config import UNetConfig
from ..spec.unet2.config import UNet2Config
from .fitting.images import library_of, padded, part
from .fitting.outputs import outputs_of
from .fitting.planning import FittedPlan, plan_of
from .fitting.read_models import OfModel
from .fitting.sources import OfNetwork, OfSets, Source
from .sizes.answer import ModelSizes
from .sizes.reading import name_of, reader_for, require_model
from .weights.arrays import graph_of_model

AnySizes = ModelSizes | AnyNetwork | Mapping[str, SizeSet]
"""What says which sizes fit: an answer of ``read_jax`` or ``read_torch``, a network, or a set for each axis."""


class FittedModel:
    """A model that takes images of any size: what :func:`fitted` returns. Call it like the model.

    ``policy``, ``mode`` and ``model`` are the arguments of :func:`fitted`. :meth:`plan` says what a call will do.

    >>> from wellshaped.interop import fitted
    >>> fitted(lambda x: x, "milesial", policy="crop")
    <fitted milesial, policy="crop": height: n ≥ 16; width: n ≥ 16>
    """

    def __init__(self, model: Callable[..., Any], source: Source, policy: str, mode: str) -> None:
        self.model, self.policy, self.mode = model, policy, mode
        self._source = source
        self._planned = lru_cache(maxsize=1_024)(partial(plan_of, source, policy=policy, mode=mode))

    def __call__(self, *images: Any, **arguments: Any) -> Any:
        """The model's result for images of any size, cut back to what belongs to them.

        ``arguments`` are passed on. Raises :class:`ShapeError` if no size fits, and :class:`UsageError` if the model's
        output has other sizes than were known.
        """
        self._require_images(images)
        libraries = [
            None if at is None else library_of(image) for image, at in zip(images, self._source.images, strict=True)
        ]
        plan = self.plan(*(tuple(getattr(image, "shape", ())) for image in images))
        if not plan.changes:
            return self.model(*images, **arguments)
        sizes = dict(zip(plan.axes, plan.fitting, strict=True))
        fitting = (
            image if places is None else self._fit(image, {place: sizes[name] for place, name in places})
            for image, places in zip(images, self._source.images, strict=True)
        )
        result = self.model(*fitting, **arguments)
        return result if self.policy == "crop" else self._cut(result, plan, next(of for of in libraries if of))

    def plan(self, *shapes: Sequence[int]) -> FittedPlan:
        """What a call does with images of these shapes, one for each image, as a value that prints.

        >>> print(fitted(lambda x: x, "milesial", policy="pad").plan((3, 10, 384)))
        pad height 10 to 16 at the end with zeros; of the result, keep height 10 of 16
        """
        self._require_images(shapes, "; plan((3, 304, 384)) takes a shape as one tuple")
        for shape in shapes:
            if isinstance(shape, str) or not isinstance(shape, Sequence):
                says = f"it is {kind_of(shape)}, and must be a tuple of sizes"
                raise UsageError.of("the shape of an image", "shape", "", says, "plan((3, 304, 384))")
        return self._planned(shapes=tuple(tuple(shape) for shape in shapes))

    def _require_images(self, images: Sequence[Any], more: str = "") -> None:
        if len(images) != len(self._source.images):
            many = len(self._source.images)
            says = f"{len(images)} are given, and {self._source.title} takes {many}; pass other arguments by name"
            raise UsageError.of("the images", "images", "", says, f"{many} image{'s' * (many != 1)}{more}")

    def _fit(self, image: Any, sizes: dict[int, int]) -> Any:
        if self.policy == "crop":
            return part(image, sizes)
        added = [0] * len(image.shape)
        for place, size in sizes.items():
            added[place] = size - image.shape[place]
        return padded(image, added, self.mode)

    def _cut(self, result: Any, plan: FittedPlan, library: str) -> Any:
        outputs, put = outputs_of(result, library)
        cuts = plan.outputs * len(outputs) if self._source.outputs_alike else plan.outputs
        if len(cuts) != len(outputs) or not outputs:
            known = "it must have one" if self._source.outputs_alike else f"{len(cuts)} are known"
            says = f"the model has {len(outputs)} outputs, and {known}"
            raise UsageError.of("sizes", "output", "", says, f"sizes={reader_for(self.model)}(model, shape)")
        for number, (output, of_it) in enumerate(zip(outputs, cuts, strict=True)):
            for cut in of_it:
                rank = len(output.shape)
                has = output.shape[cut.axis] if -rank <= cut.axis < rank else None
                if has != cut.of:
                    shape = tuple(output.shape)
                    says = (
                        f"output {number} has the shape {shape}; its axis {cut.axis} should have {cut.of} positions "
                        f"for {cut.name} {plan.fitting[plan.axes.index(cut.name)]}"
                    )
                    about = "it is not known which part of the output belongs to the image"
                    fix = f"sizes={reader_for(self.model)}(model, shape)"
                    raise UsageError.of("sizes", "output", about, says, fix)
        return put(
            [part(output, {cut.axis: cut.size for cut in of_it}) for output, of_it in zip(outputs, cuts, strict=True)]
        )

    def __repr__(self) -> str:
        how = f'policy="{self.policy}"' + (f', mode="{self.mode}"' if self.policy == "pad" else "")
        return f"<fitted {self._source.title}, {how}: {self._source}>"


def fitted(
    model: Callable[..., Any],
    sizes: AnySizes | None = None,
    *,
    policy: str,
    mode: str = "zeros",
    layout: str | None = None,
) -> FittedModel:
    """Return the model for images of any size: it pads or crops an image so that it fits, and cuts the result back.

    - ``model``: any function of images. It gets arrays of the library that the image came from.
    - ``sizes``: which sizes fit. The answer of ``read_jax`` or ``read_torch``; a preset's name, a config or a graph; or
      a :class:`SizeSet` for each axis by name, such as ``{"H": …, "W": …}``. A ``UNet``, ``UNet2`` or
      ``TypedNetwork`` needs none.
    - ``policy``: ``"pad"`` to the nearest sizes above, or ``"crop"`` to the nearest below. Both change the end of each
      axis, as :func:`wellshaped.spec.plan` does. With ``"crop"`` the result is that of the smaller image.
    - ``mode``: what padding contains: ``"zeros"``; ``"reflect"``, the image mirrored at its last position, which is not
      repeated; or ``"edge"``, its last position again. Only for ``"pad"``.
    - ``layout``: the order of the image's axes, such as ``"NHWC"`` or ``"N H W C"``, if ``sizes`` is a network or a
      mapping of sets. By default the axes that ``sizes`` is about are the last ones, and axes before them stay as they
      are.

    Each axis of an output is matched to the axis of the image that determines its size. The result is cut along it to
    the positions that belong to the image. If the network shrinks each image by a constant, because its convolutions do
    not pad, the result is that much smaller than your image. If the output is smaller by a factor, a position is kept
    if at least one of the positions that it covers is in the image. This assumes that the network does not reorder
    positions; sizes alone can't show that. If ``sizes`` is a mapping of sets, nothing is known about the output, so it
    must have the sizes of the padded image.

    An image that fits is passed on unchanged, and so is its result. Otherwise the values depend on the padding, near
    the end of each padded axis or, with a normalisation over the image, everywhere. For JAX, ``fitted(jax.jit(model),
    …)`` compiles the model once for each size that fits; ``jax.jit(fitted(model, …))`` once for each image size.

    Raises :class:`UsageError` for an argument that can't be used, and if it is not known which part of an output
    belongs to a padded image. A call raises :class:`ShapeError` if no size fits, or an image is too small to reflect.

    >>> import numpy as np
    >>> def model(x):  # takes even sizes
    ...     assert x.shape[-1] % 2 == 0
    ...     return x + 1
    >>> any_size = fitted(model, "unet2", policy="pad", mode="edge")
    >>> any_size(np.ones((1, 20, 303))).shape
    (1, 20, 303)
    >>> print(any_size.plan((1, 20, 303)))
    pad width 303 to 304 at the end with its last position; of the result, keep width 303 of 304
    """
    require_model(model, "a function or a module", "fitted(lambda x: …, sizes, policy=…)")
    if layout is not None and not isinstance(layout, str):
        says = f"it is {kind_of(layout)}, and must be a str"
        raise UsageError.of("layout", "layout", "", says, 'layout="NHWC"')
    for name, given, choices in (("policy", policy, ("pad", "crop")), ("mode", mode, MODES)):
        if given not in choices:
            says = f"{name}={clipped(written_value(given))} must be one of {', '.join(choices)}"
            raise UsageError.of(
                f"{name}={clipped(written_value(given))}", name, "", says, f'{name}="{nearest_choice(given, choices)}"'
            )
    if policy == "crop" and mode != "zeros":
        says = f"mode={written_value(mode)} says what padding contains, and a crop pads nothing"
        raise UsageError.of(f"mode={written_value(mode)}", "mode", "no padding", says, f'policy="pad", mode="{mode}"')
    source = _of_itself(model, layout) if sizes is None else _source(model, sizes, layout)
    if policy == "pad":
        source.require_cut()
    return FittedModel(model, source, policy, mode)


def _source(model: Any, sizes: Any, layout: str | None) -> Source:
    if isinstance(sizes, ModelSizes):
        if layout is not None:
            says = "the shapes that were read already say where the axes are"
            raise UsageError.of("layout", "layout", "", says, "no layout")
        return OfModel(sizes)
    if isinstance(sizes, Mapping) and all(isinstance(fit, SizeSet) for fit in sizes.values()):
        return OfSets(sizes, layout, name_of(model))
    if isinstance(sizes, str | UNet2Config | UNetConfig | Network):
        return OfNetwork(sizes, layout)
    reader = reader_for(model)
    says = f"it is {kind_of(sizes)}, and must be an answer of {reader}, a network, or a SizeSet for each axis"
    raise UsageError.of("sizes", "sizes", "", says, f'{reader}(model, "3 H W")')


def _of_itself(model: Any, layout: str | None) -> Source:
    """The sizes of a model that has a config or a graph, also inside ``jax.jit`` or ``jax.vmap``.

    A network of this library also has its channels, and takes them first.
    """
    own = network_held_by(model)
    if own is None:
        says = f"it is not given, and {name_of(model)} does not say which sizes fit"
        fix = f'fitted(model, {reader_for(model)}(model, "3 H W"), …)'
        raise UsageError.of("sizes", "sizes", "", says, fix)
    models, inner = sys.modules.get(f"{__name__.split('.')[0]}.models"), unwrap(model)
    if models is None or not isinstance(inner, models.TypedNetwork | models.UNet2):
        return OfNetwork(own, layout)
    if layout is not None:
        says = f"{name_of(model)} takes channels first, then the sizes, as it is"
        fix = "no layout, and images with their channels first"
        raise UsageError.of(f"layout={written_value(layout)}", "layout", "", says, fix)
    return OfNetwork(own, None, [given.channels for given in graph_of_model(inner).inputs])
