"""A model that predicts images of any size: it pads or crops them, and takes tiles where memory is too small."""

import os
from dataclasses import dataclass
from typing import Any

import jax
from flax import nnx

from ..models import TypedNetwork, UNet2, tiled
from ..models.tiling.fitting import FittedImage, kept_sizes, require_mode
from ..models.tiling.program import Program, bytes_of
from ..models.tiling.statistics import can_be_given
from ..spec.answers.any_network import graph_of
from ..spec.answers.planning import Plan, plan
from ..spec.messages.report import UsageError, WellshapedError
from ..spec.messages.written import in_words, written_number
from .images import PreparedImage
from .results import Result


@dataclass(frozen=True, slots=True)
class Done:
    """What was done with an image: how it was made to fit, and whether it took tiles."""

    plan: Plan
    in_tiles: bool

    def __str__(self) -> str:
        given, fitting = ("×".join(map(written_number, of)) for of in (self.plan.given, self.plan.fitting))
        how = given
        if given != fitting:
            larger = any(m > n for n, m in zip(self.plan.given, self.plan.fitting, strict=True))
            how = f"{given} {'padded' if larger else 'cropped'} to {fitting}"
        return f"{how}, in tiles" if self.in_tiles else how


class Predictor:
    """A model for images of any size.

    ``policy`` and ``mode`` are those of :func:`wellshaped.models.tiled`. ``memory`` is what a prediction may need
    beside the image and its result, such as ``"2 GiB"``; ``None`` is half of what is free.
    """

    def __init__(self, model: nnx.Module, *, policy: str, mode: str, memory: int | str | None) -> None:
        if not isinstance(model, TypedNetwork | UNet2):
            raise UsageError.of("the model", "model", "", "it is no network of wellshaped", "wellshaped.interop.load")
        model.eval()  # type: ignore[no-untyped-call]  # Flax has no types here
        self.model, self.policy, self.mode = model, policy, mode
        config = getattr(model, "cfg", None)
        self.graph = graph_of(config, model.in_channels, model.out_channels) if config else model.network  # type: ignore[union-attr]
        images = [given.name for given in self.graph.inputs]
        if len(images) != 1:
            says = f"it takes {in_words(images)}, and predict gives one image"
            raise UsageError.of("the model", "inputs", "", says, "a model of one image")
        self.memory = _free() if memory is None else bytes_of(memory)
        self._program = Program(model, kept=_KEPT)

    def __call__(self, image: PreparedImage, result: Result, *, progress: bool = True) -> Done:
        """Predict an image into ``result``, which :meth:`sizes` says how large it is.

        Raises :class:`WellshapedError` if the image does not fit, or can't be predicted within the memory.
        """
        planned = plan(self.graph, image.shape[1:], self.policy)
        require_mode(self.mode, self.graph.axis_names, planned.given, planned.fitting)
        shape = (image.shape[0], *planned.fitting)
        if self._program.needs(shape, image.dtype) <= self.memory:
            fitted = FittedImage(image, planned.fitting, self.mode)
            values = self._program(fitted[tuple(slice(0, n) for n in shape)])
            everything = tuple(slice(0, n) for n in result.shape[1:])
            result[(slice(None), *everything)] = values[:, *everything]
            return Done(planned, False)
        options: dict[str, Any] = {"policy": self.policy, "mode": self.mode, "progress": progress}
        try:
            tiled(self.model, image, memory=self.memory, out=result, **options)
        except WellshapedError:
            if not can_be_given(self.model, self.graph):
                raise
            tiled(self.model, image, memory=self.memory, out=result, statistics=True, **options)
        return Done(planned, True)

    def sizes(self, image: PreparedImage) -> tuple[int, ...]:
        """The sizes of the result for an image."""
        planned = plan(self.graph, image.shape[1:], self.policy)
        return kept_sizes(self.graph, planned.given, planned.fitting)


_KEPT = 16
"""How many compiled programs are kept, for images of different sizes."""


def _free() -> int:
    """Half of the memory that is free: of the accelerator, or else of the machine."""
    of_device = jax.devices()[0].memory_stats() or {}
    if "bytes_limit" in of_device:
        return int(of_device["bytes_limit"] - of_device.get("bytes_in_use", 0)) // 2
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):  # not on every system
        return 2**32
