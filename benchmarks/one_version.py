"""One checkout of this library, measured on request: the process that ``benchmarks.two_versions`` starts for each.

It reads a case and a work in each line of its input, and answers with a line of JSON: the seconds of one measurement.
It imports nothing from ``benchmarks``, so that both checkouts are measured by the same code.
"""

import gc
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from math import ceil
from time import perf_counter, process_time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from wellshaped import models
from wellshaped.models.channels_last.resnet import BasicBlock
from wellshaped.models.channels_last.tiny_unet import TinyUNet
from wellshaped.spec import UNet2Config, UNetConfig

STRETCH = 0.02
"""Seconds. A shorter call is repeated for about this long."""

Built = tuple[nnx.Module, tuple[int, ...]]
"""A layer or network, and the shape of the image that it is given."""

RNGS = partial(nnx.Rngs, 0)


def _unet(norm: str, **numbers: Any) -> Built:
    cfg = UNetConfig(base_channels=16, norm=norm, **numbers)
    return models.UNet(cfg, 3, 2, rngs=RNGS()), (3, 64, 64)


CASES: dict[str, Callable[[], Built]] = {
    "Conv2d 3→32, 128²": lambda: (models.Conv2d(3, 32, 3, padding=1, rngs=RNGS()), (3, 128, 128)),
    "Conv2d 32→32, 128²": lambda: (models.Conv2d(32, 32, 3, padding=1, rngs=RNGS()), (32, 128, 128)),
    "Conv2d 32→32, 1×1, 128²": lambda: (models.Conv2d(32, 32, 1, rngs=RNGS()), (32, 128, 128)),
    "Conv2d 128→128, 16²": lambda: (models.Conv2d(128, 128, 3, padding=1, rngs=RNGS()), (128, 16, 16)),
    "ConvTranspose2d 32→16, 64²": lambda: (models.ConvTranspose2d(32, 16, 2, stride=2, rngs=RNGS()), (32, 64, 64)),
    "MaxPool2d 2, 32×128²": lambda: (models.MaxPool2d(2, 2), (32, 128, 128)),
    "MaxPool2d 3, stride 2, 32×129²": lambda: (models.MaxPool2d(3, 2), (32, 129, 129)),
    "AvgPool2d 2, 32×128²": lambda: (models.AvgPool2d(2, 2), (32, 128, 128)),
    "Resize2d nearest, 32×64²": lambda: (models.Resize2d(2, "nearest"), (32, 64, 64)),
    "Resize2d bilinear, 32×64²": lambda: (models.Resize2d(2, "bilinear"), (32, 64, 64)),
    "BatchNorm2d, 32×128²": lambda: (models.BatchNorm2d(32, rngs=RNGS()), (32, 128, 128)),
    "GroupNorm, 32×128²": lambda: (models.GroupNorm(32, groups=8, rngs=RNGS()), (32, 128, 128)),
    "InstanceNorm2d, 32×128²": lambda: (models.InstanceNorm2d(32, rngs=RNGS()), (32, 128, 128)),
    "BasicBlock, 32×64²": lambda: (BasicBlock(32, rngs=RNGS()), (64, 64, 32)),
    "TinyUNet, 64²": lambda: (TinyUNet(3, 16, rngs=RNGS()), (64, 64, 3)),
    "UNet2, 64²": lambda: (models.UNet2(UNet2Config(base_channels=16), 3, 2, rngs=RNGS()), (3, 64, 64)),
    "UNet, 3 levels, no norm, 64²": lambda: _unet("none", levels=3),
    "UNet, 3 levels, batch norm, 64²": lambda: _unet("batch", levels=3),
    "UNet, 3 levels, group norm, residual, bilinear, 64²": lambda: _unet(
        "group", levels=3, residual=True, upsampling="bilinear"
    ),
}
"""Every layer and network that both checkouts have, by name."""

RUN = ("forward", "gradient", "eager call")
COMPILE = ("compiling forward", "compiling a gradient")
WORKS = (*RUN, *COMPILE)


class Case:
    """A layer or network on one image, in training mode, with every work that is measured."""

    def __init__(self, build: Callable[[], Built]) -> None:
        self.model, shape = _filled(build)
        self.x = jnp.asarray(np.random.default_rng(0).standard_normal(shape, np.float32))
        definition, self.parameters, self.rest = nnx.split(self.model, nnx.Param, ...)

        def forward(parameters: Any, rest: Any, x: Any) -> Any:
            model = nnx.merge(definition, parameters, rest, copy=True)
            y = model(x)
            return y, nnx.state(model, nnx.BatchStat)

        def loss(parameters: Any, x: Any, rest: Any) -> Any:
            y, statistics = forward(parameters, rest, x)
            return jnp.square(y).sum(), statistics

        arguments = {
            "forward": (forward, (self.parameters, self.rest, self.x)),
            "gradient": (jax.grad(loss, (0, 1), has_aux=True), (self.parameters, self.x, self.rest)),
        }
        self.flat = {work: _flat(function, given) for work, (function, given) in arguments.items()}
        self.calls: dict[str, Callable[[], Any]] = {"eager call": partial(self.model, self.x)}
        self.repeats: dict[str, int] = {}

    def about(self) -> list[Any]:
        """The number of parameters and the shape of the result, which must be the same in both checkouts."""
        return [sum(of.size for of in jax.tree.leaves(self.parameters)), list(self.model(self.x).shape)]

    def compiled(self, work: str) -> float:
        """The processor time of tracing, lowering and compiling."""
        function, leaves = self.flat[work]
        jax.clear_caches()
        gc.collect()
        gc.disable()
        started = process_time()
        program = jax.jit(lambda *leaves: function(*leaves)).lower(*leaves).compile()
        took = process_time() - started
        gc.enable()
        self.calls[work] = partial(program, *leaves)
        return took

    def ran(self, work: str) -> float:
        """The time of a call, until its arrays are ready."""
        if work not in self.calls:
            self.compiled(work)
        call = self.calls[work]
        if work not in self.repeats:
            _stretch(call, 1)
            self.repeats[work] = max(1, ceil(STRETCH / _stretch(call, 2)))
        return _stretch(call, self.repeats[work])

    def seconds(self, work: str) -> float:
        """One measurement of a work."""
        if work in RUN:
            return self.ran(work)
        return self.compiled("forward" if work == COMPILE[0] else "gradient")


def _filled(build: Callable[[], Built]) -> Built:
    """The module with NumPy's numbers: to draw each array with JAX would compile a program for each shape."""
    shapes: list[tuple[int, ...]] = []

    def made() -> nnx.Module:
        model, shape = build()
        shapes.append(shape)
        return model

    model = nnx.eval_shape(made)
    numbers = np.random.default_rng(0).uniform(0.01, 0.1, size=2**20).astype(np.float32)
    filled = [jnp.asarray(np.resize(numbers, of.shape), of.dtype) for of in jax.tree.leaves(nnx.state(model))]
    nnx.update(model, jax.tree.unflatten(jax.tree.structure(nnx.state(model)), filled))
    return model, shapes[0]


def _flat(function: Callable[..., Any], arguments: Any) -> tuple[Callable[..., Any], list[Any]]:
    """The function of flat arguments with flat results, so that containers cost nothing; and these arguments."""
    leaves, form = jax.tree.flatten(arguments)
    return lambda *leaves: jax.tree.leaves(function(*jax.tree.unflatten(form, leaves))), leaves


def _stretch(call: Callable[[], object], repeats: int) -> float:
    started = perf_counter()
    for _ in range(repeats):
        jax.block_until_ready(call())
    return (perf_counter() - started) / repeats


def main() -> None:
    """Answer each line of the input: ``[case, work]``, or ``[case, "about"]``."""
    jax.config.update("jax_enable_compilation_cache", False)  # compiling is measured
    answers = sys.stdout
    name, case = "", None
    with redirect_stdout(sys.stderr):
        for line in sys.stdin:
            wanted, work = json.loads(line)
            if wanted != name:
                name, case = wanted, Case(CASES[wanted])
            assert case is not None
            print(json.dumps(case.about() if work == "about" else case.seconds(work)), file=answers, flush=True)


if __name__ == "__main__":
    main()
