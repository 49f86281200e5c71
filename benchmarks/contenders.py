"""The contenders: the two-level U-Net in this library and in others, as data. A new contender is a new entry.

All compute the same function of the same parameters, each in the layout of its own users. An entry says how to build
the network and how its axes are ordered. If it can't be measured, the entry says why.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax

from wellshaped.models import LayerParams, UNet2, UNet2Params, convolutions
from wellshaped.spec import LAYERS, UNet2Config, layer_parameters

from .measure import compile_afresh, cores

FORWARD, BOTH = "forward", "forward+backward"
WORKS = (FORWARD, BOTH)
IN_CHANNELS, OUT_CHANNELS = 3, 2

Kernels = Mapping[str, tuple[Any, Any]]
"""The kernel and the bias of each layer, by its name in the specification."""

Own = dict[str, tuple[Any, Any]]
"""The same, in a contender's own layout and arrays."""


@dataclass(frozen=True, slots=True)
class Case:
    """``batch`` square images of edge ``size``, and the default network with ``channels`` base channels."""

    size: int
    channels: int
    batch: int

    @property
    def cfg(self) -> UNet2Config:
        """The network's config."""
        return UNet2Config(base_channels=self.channels)

    def __str__(self) -> str:
        return f"{IN_CHANNELS}×{self.size}×{self.size}, {self.channels} base channels, batch of {self.batch}"


class Inputs(NamedTuple):
    """The images of a case, as ``(N, C, H, W)``, and its parameters, both in the specification's layout."""

    x: np.ndarray
    grad_output: np.ndarray
    kernels: Kernels


def draw(case: Case, seed: int = 0) -> Inputs:
    """Return random images, and random parameters with He's scale."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, np.float32)

    kernels = {}
    for layer, kernel, bias in layer_parameters(case.cfg, IN_CHANNELS, OUT_CHANNELS):
        scale = (2 / (np.prod(kernel) / bias[0])) ** 0.5
        # Biases well above 0, so that no ReLU zeroes a small network, and no layer dominates the others.
        kernels[layer.name] = normal(*kernel) * np.float32(scale), rng.random(bias, np.float32) + np.float32(0.5)
    image = (case.size, case.size)
    return Inputs(normal(case.batch, IN_CHANNELS, *image), normal(case.batch, OUT_CHANNELS, *image), kernels)


@dataclass(frozen=True, slots=True)
class Layout:
    """The order of the axes of images, kernels and transposed kernels, as permutations of the specification's order.

    ``flipped`` means that a transposed convolution has its kernel flipped in both spatial axes.
    """

    image: tuple[int, int, int, int] = (0, 1, 2, 3)
    kernel: tuple[int, int, int, int] = (0, 1, 2, 3)
    transposed: tuple[int, int, int, int] = (0, 1, 2, 3)
    flipped: bool = False

    def kernels(self, given: Kernels, *, back: bool = False) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Convert kernels from the specification's layout to this one, or ``back``. A bias has one axis in both."""
        taken = {}
        for layer in LAYERS:
            kernel, bias = map(np.asarray, given[layer.name])
            is_conv = layer.kind == "conv"
            axes = self.kernel if is_conv else self.transposed
            flip = (2, 3) if self.flipped and not is_conv else ()
            turned = (
                np.flip(kernel.transpose(np.argsort(axes)), flip) if back else np.flip(kernel, flip).transpose(axes)
            )
            taken[layer.name] = turned, bias.reshape(-1)
        return taken


@dataclass(frozen=True, slots=True)
class Network:
    """A built network: ``apply(params, x)`` computes its output; ``named`` turns gradients into :data:`Kernels`.

    ``gradient(params, x, grad_output)`` returns the gradients with respect to the parameters and ``x``. By default it
    is JAX's reverse mode through ``apply``.
    """

    params: Any
    apply: Callable[[Any, Any], Any]
    named: Callable[[Any], Kernels] = lambda gradients: gradients
    gradient: Callable[[Any, Any, Any], tuple[Any, Any]] | None = None

    def works(self) -> dict[str, Callable[..., Any]]:
        """Return the functions to measure: forward, and the gradients for a given gradient of the output."""

        def reverse(params: Any, x: Any, grad_output: Any) -> tuple[Any, Any]:
            return jax.vjp(self.apply, params, x)[1](grad_output)

        return {FORWARD: self.apply, BOTH: self.gradient or reverse}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One network to measure.

    ``missing`` is called first; it returns why the contender can't be measured, or ``None`` if it can. ``build`` makes
    the network from a case and kernels in ``layout``, and ``array`` makes its arrays. With ``single``, the network
    takes one image, and a batch of 1 is passed as the image itself. ``around`` is the context for tracing and
    compiling. A contender that is not compiled gives the reason in ``eager``.
    """

    name: str
    title: str
    build: Callable[[Case, Own], Network]
    missing: Callable[[], str | None] = lambda: None
    layout: Layout = Layout()
    array: Callable[[np.ndarray], Any] = jnp.asarray
    single: bool = False
    works: tuple[str, ...] = WORKS
    around: Callable[[], AbstractContextManager[Any]] = nullcontext
    eager: str | None = None

    def calls(self, case: Case, inputs: Inputs) -> dict[str, tuple[Callable[..., Any], tuple[Any, ...]]]:
        """Return for each work a function and its arguments, both flat, so that containers cost nothing."""
        network, arguments = self._ready(case, inputs)
        return {
            work: (self._flat(function, arguments[work]), tuple(jax.tree.leaves(arguments[work])))
            for work, function in network.works().items()
            if work in self.works
        }

    def results(self, case: Case, inputs: Inputs) -> dict[str, np.ndarray]:
        """Return all its results by name, in the specification's layout. They must agree before anything is timed."""
        network, arguments = self._ready(case, inputs)

        def run(work: str) -> Any:
            function = network.works()[work]
            ready = function if self.eager else compile_afresh(function, arguments[work], self.around)[0]
            return ready(*arguments[work])

        output, (gradients, dx) = run(FORWARD), run(BOTH)
        found = {"y": self._image_back(case, output), "dx": self._image_back(case, dx)}
        for name, arrays in self.layout.kernels(network.named(gradients), back=True).items():
            found |= {f"d_{name}_{part}": array for part, array in zip(LayerParams._fields, arrays, strict=True)}
        return found

    def _ready(self, case: Case, inputs: Inputs) -> tuple[Network, dict[str, tuple[Any, ...]]]:
        own = self.layout.kernels(inputs.kernels)
        network = self.build(
            case, {name: (self.array(kernel), self.array(bias)) for name, (kernel, bias) in own.items()}
        )
        x, grad_output = (self._image(case, image) for image in (inputs.x, inputs.grad_output))
        return network, {FORWARD: (network.params, x), BOTH: (network.params, x, grad_output)}

    def _image(self, case: Case, image: np.ndarray) -> Any:
        image = image.transpose(self.layout.image)
        return self.array(np.ascontiguousarray(image[0] if self.single and case.batch == 1 else image))

    def _image_back(self, case: Case, image: Any) -> np.ndarray:
        image = np.asarray(image)[None] if self.single and case.batch == 1 else np.asarray(image)
        return image.transpose(np.argsort(self.layout.image))

    @staticmethod
    def _flat(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Callable[..., Any]:
        form = jax.tree.structure(arguments)
        return lambda *leaves: jax.tree.leaves(function(*jax.tree.unflatten(form, leaves)))


def batched(case: Case, one: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Map ``one``, a function of one image, over the images of a case."""
    return one if case.batch == 1 else jax.vmap(one)


# This library.


def _split(case: Case, kernels: Own) -> tuple[Any, Any]:
    arrays = {name: LayerParams(*pair) for name, pair in kernels.items()}
    params = UNet2Params(cfg=case.cfg, in_channels=IN_CHANNELS, out_channels=OUT_CHANNELS, **arrays)
    return nnx.split(UNet2.from_params(params))


def _ours(case: Case, kernels: Own) -> Network:
    graph, state = _split(case, kernels)

    def named(gradients: Any) -> Kernels:
        typed = nnx.merge(graph, gradients).params()
        return {layer.name: getattr(typed, layer.name) for layer in LAYERS}

    return Network(state, lambda state, x: batched(case, nnx.merge(graph, state))(x), named)


def _ours_backward(case: Case, kernels: Own) -> Network:
    graph, _ = _split(case, kernels)

    def gradient(state: Any, x: Any, grad_output: Any) -> tuple[Any, Any]:
        model = nnx.merge(graph, state)
        if case.batch == 1:
            return model.backward(x, grad_output)
        gradients, dx = jax.vmap(model.backward)(x, grad_output)
        return jax.tree.map(lambda each: each.sum(0), gradients), dx

    def named(gradients: Any) -> Kernels:
        kernel_and_bias = iter(jax.tree.leaves(gradients))  # in the specification's order
        return {layer.name: (next(kernel_and_bias), next(kernel_and_bias)) for layer in LAYERS}

    return replace(_ours(case, kernels), named=named, gradient=gradient)


# Stock JAX: one plain function.


def _stock(images: str, kernel: str, transposed: str, case: Case, kernels: Own) -> Network:
    channel = images.index("C")
    bias_axes = [axis - 1 for axis in range(1, 4) if axis != channel]
    windows = {layer.name: layer.window(case.cfg) for layer in LAYERS}
    flipped = (transposed.index("H"), transposed.index("W"))
    pooling = [case.cfg.pool_kernel if axis in "HW" else 1 for axis in images]

    def conv(params: Kernels, name: str, x: Any) -> Any:
        stride, padding = windows[name]["stride"], windows[name]["padding"]
        orders = (images, kernel, images)
        y = lax.conv_general_dilated(x, params[name][0], (stride,) * 2, ((padding,) * 2,) * 2, dimension_numbers=orders)
        return y + jnp.expand_dims(params[name][1], bias_axes)

    def upsample(params: Kernels, name: str, x: Any) -> Any:
        stride, edge = windows[name]["stride"], windows[name]["kernel"] - 1 - windows[name]["padding"]
        turned = jnp.flip(params[name][0], flipped)
        y = lax.conv_general_dilated(
            x,
            turned,
            (1, 1),
            ((edge,) * 2,) * 2,
            lhs_dilation=(stride,) * 2,
            dimension_numbers=(images, transposed, images),
        )
        return y + jnp.expand_dims(params[name][1], bias_axes)

    def apply(params: Kernels, x: Any) -> Any:
        layer = partial(conv, params)
        skip1 = jax.nn.relu(layer("down1_2", jax.nn.relu(layer("down1_1", x))))
        pooled = lax.reduce_window(skip1, -jnp.inf, lax.max, pooling, pooling, "VALID")
        bottleneck = jax.nn.relu(layer("down2_2", jax.nn.relu(layer("down2_1", pooled))))
        merged = jnp.concatenate((skip1, upsample(params, "upT", bottleneck)), channel)
        return layer("out1x1", jax.nn.relu(layer("up1_2", jax.nn.relu(layer("up1_1", merged)))))

    return Network(kernels, apply)


# Flax NNX, with its own layers.


class _FlaxUNet(nnx.Module):
    def __init__(self, case: Case) -> None:
        rngs, cfg, base = nnx.Rngs(0), case.cfg, case.channels
        sizes = {"in": IN_CHANNELS, "out": OUT_CHANNELS, 1: base, 2: 2 * base}
        for layer in LAYERS:
            window = layer.window(cfg)
            edges = (window["kernel"],) * 2, (window["stride"],) * 2
            make = nnx.Conv if layer.kind == "conv" else nnx.ConvTranspose
            padding = ((window["padding"],) * 2,) * 2 if layer.kind == "conv" else "VALID"
            ins, outs = sizes[layer.in_channels], sizes[layer.out_channels]
            setattr(self, layer.name, make(ins, outs, *edges, padding=padding, rngs=rngs))
        self.pooling = (cfg.pool_kernel,) * 2

    def __call__(self, x: Any) -> Any:
        skip1 = nnx.relu(self.down1_2(nnx.relu(self.down1_1(x))))
        pooled = nnx.max_pool(skip1, self.pooling, strides=self.pooling)
        bottleneck = nnx.relu(self.down2_2(nnx.relu(self.down2_1(pooled))))
        merged = jnp.concatenate((skip1, self.upT(bottleneck)), -1)
        return self.out1x1(nnx.relu(self.up1_2(nnx.relu(self.up1_1(merged)))))


def _flax(case: Case, kernels: Own) -> Network:
    model = nnx.eval_shape(lambda: _FlaxUNet(case))  # no need to draw parameters that are replaced
    for name, (kernel, bias) in kernels.items():
        layer = getattr(model, name)
        layer.kernel, layer.bias = nnx.Param(kernel), nnx.Param(bias)
    graph, state = nnx.split(model)

    def named(gradients: Any) -> Kernels:
        merged = nnx.merge(graph, gradients)
        return {name: (getattr(merged, name).kernel[...], getattr(merged, name).bias[...]) for name in kernels}

    return Network(state, lambda state, x: nnx.merge(graph, state)(x), named)


# Equinox, with its own layers, over one image.


def _equinox(case: Case, kernels: Own) -> Network:
    import equinox as eqx

    layers = {}
    for layer in LAYERS:
        kernel, bias = kernels[layer.name]
        make = eqx.nn.Conv2d if layer.kind == "conv" else eqx.nn.ConvTranspose2d
        outs, ins = kernel.shape[:2]
        window = _stride_and_padding(layer.window(case.cfg))
        made = eqx.filter_eval_shape(make, ins, outs, kernel.shape[2], **window, key=jax.random.key(0))
        layers[layer.name] = eqx.tree_at(lambda m: (m.weight, m.bias), made, (kernel, bias[:, None, None]))
    pool = eqx.nn.MaxPool2d(case.cfg.pool_kernel, case.cfg.pool_stride)
    params, static = eqx.partition(layers, eqx.is_inexact_array)

    def one(params: Any, x: Any) -> Any:
        net = eqx.combine(params, static)
        skip1 = jax.nn.relu(net["down1_2"](jax.nn.relu(net["down1_1"](x))))
        bottleneck = jax.nn.relu(net["down2_2"](jax.nn.relu(net["down2_1"](pool(skip1)))))
        merged = jnp.concatenate((skip1, net["upT"](bottleneck)))
        return net["out1x1"](jax.nn.relu(net["up1_2"](jax.nn.relu(net["up1_1"](merged)))))

    def named(gradients: Any) -> Kernels:
        return {name: (layer.weight, layer.bias) for name, layer in gradients.items()}

    return Network(params, lambda params, x: batched(case, partial(one, params))(x), named)


def _stride_and_padding(window: Mapping[str, int]) -> dict[str, int]:
    return {"stride": window["stride"], "padding": window["padding"]}


# PyTorch, eager.


def _torch(case: Case, kernels: Own) -> Network:
    import torch
    from torch.nn import functional

    torch.set_num_threads(cores())
    windows = {layer.name: _stride_and_padding(layer.window(case.cfg)) for layer in LAYERS}
    pooling = (case.cfg.pool_kernel, case.cfg.pool_stride)

    def network(params: Kernels, x: Any) -> Any:
        def conv(name: str, x: Any) -> Any:
            return functional.conv2d(x, *params[name], **windows[name])

        skip1 = conv("down1_2", conv("down1_1", x).relu()).relu()
        bottleneck = conv("down2_2", conv("down2_1", functional.max_pool2d(skip1, *pooling)).relu()).relu()
        up = functional.conv_transpose2d(bottleneck, *params["upT"], **windows["upT"])
        return conv("out1x1", conv("up1_2", conv("up1_1", torch.cat((skip1, up), 1)).relu()).relu())

    def gradient(params: Kernels, x: Any, grad_output: Any) -> tuple[Any, Any]:
        leaves = [tensor.detach().requires_grad_() for pair in params.values() for tensor in pair]
        image = x.detach().requires_grad_()
        own = dict(zip(params, zip(leaves[::2], leaves[1::2], strict=True), strict=True))
        dx, *found = torch.autograd.grad(network(own, image), [image, *leaves], grad_output)
        return dict(zip(params, zip(found[::2], found[1::2], strict=True), strict=True)), dx

    return Network(kernels, torch.no_grad()(network), gradient=gradient)


def _tensor(array: np.ndarray, *, channels_last: bool = False) -> Any:
    import torch

    tensor = torch.from_numpy(np.ascontiguousarray(array))
    order = torch.channels_last if channels_last and tensor.ndim == 4 else torch.contiguous_format
    return tensor.contiguous(memory_format=order)


def _torch_missing() -> str | None:
    return _unimportable("torch") if jax.default_backend() == "cpu" else "only measured on a CPU"


def _unimportable(name: str) -> str | None:
    try:
        import_module(name)
    except ImportError as error:
        return f"not installed ({error})"
    return None


_EAGER = "compiling and temporary memory, because it runs eagerly and does not report its memory"
_CHANNELS_LAST = Layout(image=(0, 2, 3, 1), kernel=(2, 3, 1, 0), transposed=(2, 3, 0, 1))

CONTENDERS: tuple[Contender, ...] = (
    Contender(name="ours", title="ours, jax.grad", build=_ours, single=True),
    Contender(
        name="ours-backward",
        title="ours, backward",
        build=_ours_backward,
        single=True,
        works=(BOTH,),  # its forward is the same as that of ours
    ),
    Contender(
        name="ours-stock",
        title="ours, fast path off",
        build=_ours,
        single=True,
        around=partial(convolutions, "stock"),
    ),
    Contender(name="stock-nchw", title="stock JAX, NCHW", build=partial(_stock, "NCHW", "OIHW", "IOHW")),
    Contender(
        name="stock-nhwc",
        title="stock JAX, NHWC",
        build=partial(_stock, "NHWC", "HWIO", "HWIO"),
        layout=_CHANNELS_LAST,
    ),
    Contender(name="flax", title="Flax NNX", build=_flax, layout=replace(_CHANNELS_LAST, flipped=True)),
    Contender(
        name="equinox",
        title="Equinox",
        build=_equinox,
        missing=lambda: _unimportable("equinox"),
        layout=Layout(transposed=(1, 0, 2, 3), flipped=True),
        single=True,
    ),
    Contender(name="torch", title="PyTorch", build=_torch, missing=_torch_missing, array=_tensor, eager=_EAGER),
    Contender(
        name="torch-channels-last",
        title="PyTorch, channels-last",
        build=_torch,
        missing=_torch_missing,
        array=partial(_tensor, channels_last=True),
        eager=_EAGER,
    ),
)
"""All contenders, in the order of the tables."""

REFERENCE = "stock-nchw"
"""The contender whose results all others must match."""

STOCK = ("stock-nchw", "stock-nhwc")
"""Ratios are relative to the better of these two."""


def tolerance() -> float:
    """The largest difference that counts as rounding, relative to the largest magnitude in the array."""
    # On a GPU or TPU, float32 products may have a mantissa of ten bits.
    return 1e-4 if jax.default_backend() == "cpu" else 2e-2


def disagreements(contenders: Sequence[Contender], case: Case) -> list[str]:
    """Return a line for each array of a contender that differs from the reference by more than :func:`tolerance`."""
    inputs = draw(case)
    (reference,) = (c for c in CONTENDERS if c.name == REFERENCE)
    expected = reference.results(case, inputs)
    lines = []
    for contender in contenders:
        found = expected if contender is reference else contender.results(case, inputs)
        for name, array in found.items():
            lines += _difference(f"{contender.title}, {name}", array, expected[name])
    return lines


def _difference(what: str, array: np.ndarray, expected: np.ndarray) -> list[str]:
    if array.shape != expected.shape:
        return [f"{what}: its shape is {array.shape}, but that of the reference is {expected.shape}"]
    distance = float(np.abs(array - expected).max() / np.abs(expected).max())
    return [] if distance <= tolerance() else [f"{what}: it differs by {distance:.1e} of the largest magnitude"]
