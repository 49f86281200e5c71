"""A model that predicts images of any size: it pads or crops them, and takes tiles where memory is too small."""

import os
from dataclasses import dataclass

import jax
from flax import nnx

from ..models import tiled
from ..models.tiling.fitting import FittedImage, kept_sizes, require_mode
from ..models.tiling.program import Program, bytes_of
from ..models.tiling.statistics import can_be_given
from ..spec.answers.planning import Plan, plan
from ..spec.messages.report import UsageError
from ..spec.messages.written import in_words, written_number
from .images import PreparedImage
from .results import Result, values_of


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
        from ..interop.weights.arrays import graph_of_model, require_ours

        require_ours(model, "wellshaped.interop.load")
        model.eval()
        self.model, self.policy, self.mode = model, policy, mode
        self.graph = graph_of_model(model)
        images = [given.name for given in self.graph.inputs]
        if len(images) != 1:
            says = f"it takes {in_words(images)}, and predict gives one image"
            raise UsageError.of("the model", "inputs", "", says, "a model of one image")
        self.memory = _free() if memory is None else bytes_of(memory)
        self._program = Program(model, kept=_KEPT)

    def __call__(self, image: PreparedImage, kind: str, *, progress: bool = True) -> tuple[Result, Done]:
        """What is to be written of an image, of one of :data:`.results.KINDS`, and what was done with it.

        Raises :class:`WellshapedError` if the image does not fit, or can't be predicted within the memory.
        """
        graph = self.graph
        planned = plan(graph, image.shape[1:], self.policy)
        require_mode(self.mode, graph.axis_names, planned.given, planned.fitting)
        sizes = kept_sizes(graph, planned.given, planned.fitting)
        result = Result(kind, (graph.channels[graph.outputs[0]], *sizes), values_of(graph))
        shape = (image.shape[0], *planned.fitting)
        if self._program.needs(shape, image.dtype) <= self.memory:
            fitted = FittedImage(image, planned.fitting, self.mode)
            values = self._program(fitted[tuple(slice(0, n) for n in shape)])
            everything = slice(None), *(slice(0, n) for n in sizes)
            result[everything] = values[everything]
            return result, Done(planned, False)
        tiled(
            self.model,
            image,
            memory=self.memory,
            out=result,
            statistics=can_be_given(self.model, graph),
            policy=self.policy,
            mode=self.mode,
            progress=progress,
        )
        return result, Done(planned, True)


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
