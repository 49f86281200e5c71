"""The sizes that fit networks of other packages, each compared with the framework's own shapes: docs/networks.md.

In an environment with the packages of :data:`NETWORKS` (they are not dependencies), run
``python -m benchmarks.published --page docs/networks.md``. A package that is missing is left out, and named at the end.
"""

import contextlib
import copy
import importlib
import io
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

from cyclopts import App, Parameter

from wellshaped.interop import Budget, ModelSizes

os.environ.setdefault("KERAS_BACKEND", "jax")
app = App(help="Which sizes fit the networks that people use.")


@dataclass(frozen=True, slots=True)
class Published:
    """A network of a package: how it is made, and the shapes of its images with the names of open sizes."""

    package: str
    name: str
    make: Callable[[Any], Any]
    shapes: tuple[str, ...] = ("1 3 H W",)
    modules: tuple[str, ...] = ()
    framework: str = "torch"

    def built(self) -> Any:
        """The network; one in PyTorch without memory for its parameters. Raises what its package raises."""
        if self.framework == "jax":
            return self.with_weights()
        from wellshaped.interop.frameworks.torch_models import constructed

        return constructed(self.with_weights).eval()

    def with_weights(self) -> Any:
        """The network with random weights."""
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            modules = [importlib.import_module(module) for module in (self.modules or (self.package,))]
            return self.make(*modules)


def import_torchvision() -> None:
    """Import torchvision where only its build for a GPU is at hand, beside PyTorch for a CPU.

    Its compiled operators can't be loaded then, and it asks for them. They are declared; no network here runs one.
    """
    try:
        importlib.import_module("torchvision")
    except ModuleNotFoundError:
        return
    except RuntimeError:  # operator torchvision::nms does not exist
        import torch

        library = torch.library.Library("torchvision", "DEF")
        gradients = (f"_{name}_backward" for name in _HAVE_GRADIENTS)
        for name in ("nms", "qnms", "qroi_align", *_HAVE_GRADIENTS, *gradients):
            library.define(f"{name}(Tensor x) -> Tensor")
        _DECLARED.append(library)  # its declarations end with it
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        importlib.import_module("torchvision")


_HAVE_GRADIENTS = ("roi_align", "ps_roi_align", "roi_pool", "ps_roi_pool", "deform_conv2d")
_DECLARED: list[Any] = []


def _keras_unet(keras: Any) -> Any:
    layers = keras.layers
    x = inputs = keras.Input((None, None, 3))
    skips = []
    for width in (4, 8, 16):
        x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    for width in (16, 8, 4):
        x = layers.Concatenate()([skips.pop(), layers.Conv2DTranspose(width, 2, strides=2)(x)])
    return keras.Model(inputs, layers.Conv2D(1, 1)(x))


def _resnet(models: Any, first: int = 64) -> Any:
    """A small ResNet-18; KerasHub fixes its first width."""
    widths, ones = [64, 16, 16, 16], [1, 1, 1, 1]
    return models.ResNetBackbone([first], [7], widths, ones, [1, 2, 2, 2], "basic_block")


def _keras_deeplab(low_level: str | None) -> Callable[[Any], Any]:
    def make(hub: Any) -> Any:
        models = hub.models
        backbone = models.DeepLabV3Backbone(
            image_encoder=_resnet(models),
            spatial_pyramid_pooling_key="P5",
            upsampling_size=8,
            dilation_rates=[6, 12, 18],
            low_level_feature_key=low_level,
        )
        return models.DeepLabV3ImageSegmenter(backbone=backbone, num_classes=2)

    return make


def _keras_basnet(hub: Any) -> Any:
    models = hub.models
    backbone = models.BASNetBackbone(_resnet(models), num_classes=1, projection_filters=64)
    return models.BASNetImageSegmenter(backbone=backbone)


def _keras_segformer(hub: Any) -> Any:
    models = hub.models
    encoder = models.MiTBackbone(
        image_shape=(64, 64, 3),
        num_layers=4,
        hidden_dims=[8, 16, 24, 32],
        layerwise_depths=[1, 1, 1, 1],
        layerwise_num_heads=[1, 2, 2, 2],
        layerwise_sr_ratios=[8, 4, 2, 1],
        layerwise_patch_sizes=[7, 3, 3, 3],
        layerwise_strides=[4, 2, 2, 2],
        max_drop_path_rate=0.1,
    )
    backbone = models.SegFormerBackbone(image_encoder=encoder, projection_filters=16)
    return models.SegFormerImageSegmenter(backbone=backbone, num_classes=2)


def _scico_unet(scico: Any) -> Callable[[Any], Any]:
    import jax

    model = scico.UNet(3, 1, 8)
    variables = model.init(jax.random.key(0), jax.numpy.ones((1, 64, 64, 1)), train=False)
    return lambda x: model.apply(variables, x, train=False)


def _pdequinox(kind: str, edges: str, pdequinox: Any) -> Any:
    import jax

    numbers = {"hidden_channels": 8, "num_levels": 3, "boundary_mode": edges}
    return getattr(pdequinox.arch, kind)(2, 1, 1, **numbers, key=jax.random.key(0))


def _keras_vae(vae: Any) -> Any:
    return vae.VAEBackbone([32, 32, 32, 32], [1, 1, 1, 1], [32, 32, 32, 32], [1, 1, 1, 1], sampler_method="mode")


SMP = ("segmentation_models_pytorch",)
NETWORKS = [
    Published("monai", "UNet, strides 2 2 2 2", lambda m: m.UNet(2, 1, 2, (4, 8, 16, 32, 64), (2, 2, 2, 2)),
              ("1 1 H W",), ("monai.networks.nets",)),
    Published("monai", "UNet 3-D, residual units", lambda m: m.UNet(3, 1, 2, (4, 8, 16), (2, 2), num_res_units=2),
              ("1 1 D H W",), ("monai.networks.nets",)),
    Published("monai", "BasicUNet", lambda m: m.BasicUNet(2, 1, 2, features=(4, 4, 8, 16, 32, 4)),
              ("1 1 H W",), ("monai.networks.nets",)),
    Published("monai", "DynUNet", lambda m: m.DynUNet(2, 1, 2, [3] * 4, [1, 2, 2, 2], [2] * 3, filters=[4, 8, 16, 32]),
              ("1 1 H W",), ("monai.networks.nets",)),
    Published("monai", "SegResNet", lambda m: m.SegResNet(2, 8, 1, 2), ("1 1 H W",), ("monai.networks.nets",)),
    *(
        Published("segmentation-models-pytorch", f"{kind}, {encoder}",
                  lambda m, kind=kind, encoder=encoder: getattr(m, kind)(encoder, encoder_weights=None), modules=SMP)
        for kind in ("Unet", "UnetPlusPlus", "FPN", "DeepLabV3Plus")
        for encoder in ("resnet34", "mobilenet_v2")
    ),
    Published("diffusers", "UNet2DModel", lambda m: m.UNet2DModel(sample_size=None, block_out_channels=(8, 16, 16, 16),
              norm_num_groups=4, attention_head_dim=4), ("1 3 H W", "1"), ("diffusers",)),
    Published("diffusers", "AutoencoderKL", lambda m: m.AutoencoderKL(block_out_channels=(8, 16, 16),
              down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
              norm_num_groups=4), ("1 3 H W",), ("diffusers",)),
    Published("diffusers", "UNet1DModel", lambda m: m.UNet1DModel(sample_size=64, extra_in_channels=64,
              block_out_channels=(32, 32, 64)),
              ("1 2 L", "1"), ("diffusers",)),
    Published("torchvision", "deeplabv3_resnet50", lambda m: m.deeplabv3_resnet50(weights_backbone=None),
              modules=("torchvision.models.segmentation",)),
    Published("torchvision", "fcn_resnet50", lambda m: m.fcn_resnet50(weights_backbone=None),
              modules=("torchvision.models.segmentation",)),
    Published("torchvision", "lraspp_mobilenet_v3_large",
              lambda m: m.lraspp_mobilenet_v3_large(weights_backbone=None),
              modules=("torchvision.models.segmentation",)),
    Published("keras", "a U-Net of three levels", _keras_unet, ("1 H W 3",), framework="jax"),
    *(
        Published("keras-hub", name, make, ("1 H W 3",), (module,), framework="jax")
        for name, make, module in (
            ("DeepLabV3", _keras_deeplab(None), "keras_hub"),
            ("DeepLabV3+", _keras_deeplab("P2"), "keras_hub"),
            ("BASNet", _keras_basnet, "keras_hub"),
            ("SegFormer, made for 64×64", _keras_segformer, "keras_hub"),
            ("VAE of Stable Diffusion 3", _keras_vae, "keras_hub.src.models.vae.vae_backbone"),
        )
    ),
    Published("scico", "UNet of three levels", _scico_unet, ("N H W 1",), ("scico.flax",), framework="jax"),
    *(
        Published("pdequinox", f"{kind}, {edges}", partial(_pdequinox, kind, edges), ("1 H W",), ("pdequinox",),
                  framework="jax")
        for kind, edges in (("ClassicUNet", "periodic"), ("ModernUNet", "neumann"))
    ),
    Published("monai", "SwinUNETR", lambda m: m.SwinUNETR(1, 2, feature_size=12, spatial_dims=2),
              ("1 1 H W",), ("monai.networks.nets",)),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A network, its answer, the seconds it took, how many sizes were compared with JAX or PyTorch, and its graph."""

    network: Published
    answer: ModelSizes
    seconds: float
    compared: int
    graph: str


def read(network: Published, budget: Budget) -> Line:
    """Read the network, and compare the answer with the framework. Raises ``AssertionError`` where they differ."""
    from wellshaped import interop

    model = network.built()
    reader = interop.read_jax if network.framework == "jax" else interop.read_torch
    start = perf_counter()
    answer = reader(model, *network.shapes, budget=budget)
    seconds = perf_counter() - start
    runs = _runs_in_jax(model, answer) if network.framework == "jax" else _runs_in_torch(model, answer)
    compared = 0
    for name, of in answer.axes.items():
        found = of.found
        for size in _sizes(found.fits):
            if size in found.undecided:
                continue
            said = any(size in part for part in (found.fits, found.empty, found.broadcast))
            assert said == runs({**of.held, name: size}), f"{network.package} {network.name}: {name} = {size}"
            compared += 1
    return Line(network, answer, seconds, compared, _graph(network, model, budget))


def _graph(network: Published, model: Any, budget: Budget) -> str:
    """How many nodes the graph has, or why there is none."""
    from wellshaped import interop
    from wellshaped.spec import WellshapedError

    of = interop.graph_of_jax if network.framework == "jax" else interop.graph_of_torch
    try:
        nodes = len(of(model, *network.shapes, budget=budget).nodes)
        return f"{nodes} nodes" + (f", {_values(network)}" if network.framework == "torch" else "")
    except WellshapedError as error:
        (failure, *_) = error.report.failures
        if failure.name == "same_path":
            return "none: it runs other operations at some sizes"
        return f"none: {failure.says.partition(' at ')[0]}"


def _values(network: Published) -> str:
    """Whether the typed network with PyTorch's weights has PyTorch's values; batch norms have random statistics."""
    import torch

    from wellshaped import interop
    from wellshaped.spec import WellshapedError

    torch.manual_seed(0)
    model = network.with_weights().eval()
    for of in model.modules():
        if getattr(of, "running_var", None) is not None:
            of.running_mean.normal_()
            of.running_var.uniform_(0.5, 2.0)
    try:
        interop.from_torch(model, *network.shapes)
    except WellshapedError as error:
        return f"not its values: {error.report.failures[0].says}"
    return "same values"


def _sizes(fits: Any) -> list[int]:
    """The sizes to compare: all up to three periods after the least that fits, and some up to 100 000."""
    draw = random.Random(0)
    period = min(fits.period or 64, 128)
    least = min(fits.minimum or 1, 512)
    return sorted(
        {*range(1, least + 3 * period + 1), *(draw.randrange(1, 100_000) for _ in range(8)), *islice(fits, 4)}
    )


def _runs_in_torch(model: Any, answer: ModelSizes) -> Callable[[dict[str, int]], bool]:
    import torch

    alone = copy.deepcopy(model).to("meta")

    def runs(sizes: dict[str, int]) -> bool:
        images = [torch.zeros([sizes.get(str(n), n) for n in shape], device="meta") for shape in answer.shapes]
        try:
            with torch.no_grad(), contextlib.redirect_stderr(io.StringIO()):
                alone(*images)
        except Exception:
            return False
        return True

    return runs


def _runs_in_jax(model: Any, answer: ModelSizes) -> Callable[[dict[str, int]], bool]:
    import jax

    def runs(sizes: dict[str, int]) -> bool:
        shapes = [tuple(sizes.get(str(n), n) for n in shape) for shape in answer.shapes]
        try:
            jax.eval_shape(lambda *of: model(*of), *(jax.ShapeDtypeStruct(shape, "float32") for shape in shapes))
        except Exception:
            return False
        return True

    return runs


HEAD = """\
# Which sizes fit the networks you use

Each row was read by `read_torch` or `read_jax` from the package's own code, and then compared with the
framework's own shapes: every size up to three periods, and some up to 100 000. This page was made by
`python -m benchmarks.published --page docs/networks.md`.

- **sizes that fit**: along one axis, while the others are held at a size that fits. *Together*: what several sizes
  must meet at once. *Runs, but empty*: the framework takes these sizes, but an image inside the network then has no
  positions, so they do not fit.
- **how it is known**: *decided* is exact for every size; other sizes were tried one by one.
- **seconds**: to read the network, without the import of its package.
- **graph**: the number of nodes that `graph_of_torch` or `graph_of_jax` finds, or the first operation that is no node.
  *Same values*: `from_torch` with random weights gives a network with PyTorch's values.

| package | network | open size | sizes that fit | how it is known | seconds | graph |
|---|---|---|---|---|---:|---|
"""


def table(lines: list[Line], missing: list[str], left_out: list[str]) -> Iterator[str]:
    """The page, line by line."""
    yield from HEAD.splitlines()
    for line in lines:
        package = f"{line.network.package} {version(line.network.package)}"
        groups: dict[tuple[str, str], list[str]] = {}
        for name, of in line.answer.axes.items():
            text = str(of.sizes) + (f"; runs, but empty: {of.found.empty}" if of.found.empty else "")
            groups.setdefault((text, "decided" if of.decided else of.evidence().rpartition(" (")[0]), []).append(name)
        together = "".join(f"; together {text}" for text in line.answer.together)
        for (sizes, known), names in groups.items():
            sizes += together
            cells = [package, line.network.name, ", ".join(names), sizes, known, f"{line.seconds:.1f}", line.graph]
            yield f"| {' | '.join(cells)} |"
    yield ""
    compared = sum(line.compared for line in lines)
    yield f"{compared} sizes were compared, and none differed. Seconds are those of reading, on two cores of a server"
    yield "without a GPU, after the package was imported and the network was made."
    for reason, names in (("not installed when the page was made", missing), ("it takes minutes", left_out)):
        if names:
            yield ""
            yield f"Left out ({reason}): {', '.join(names)}."


@app.default
def main(
    *,
    page: Annotated[Path | None, Parameter(help="The page to write; without it, the table is printed.")] = None,
    only: Annotated[str, Parameter(help="Read only networks whose package or name has this text.")] = "",
    leave_out: Annotated[str, Parameter(help="Do not read the network of this name.")] = "",
    seconds: Annotated[float, Parameter(help="The most seconds for one axis.")] = 60.0,
) -> int:
    """Read each network, compare it, and write the table."""
    warnings.simplefilter("ignore")
    import_torchvision()
    lines: list[Line] = []
    missing: list[str] = []
    left_out: list[str] = []
    wrong = 0
    for network in NETWORKS:
        if only not in f"{network.package} {network.name}":
            continue
        if network.name == leave_out:
            left_out.append(f"{network.package}: {network.name}")
            continue
        try:
            version(network.package)
        except PackageNotFoundError:
            missing.append(f"{network.package}: {network.name}")
            continue
        print(f"{network.package}: {network.name}", file=sys.stderr, flush=True)
        try:
            lines.append(read(network, Budget(seconds=seconds, up_to=256)))
        except Exception as error:
            wrong += 1
            print(f"  {type(error).__name__}: {str(error)[:500]}", file=sys.stderr)
            continue
        print(lines[-1].answer, f"({lines[-1].seconds:.1f} s, {lines[-1].compared} compared)", file=sys.stderr)
        if page is not None:  # after each network, because some take minutes
            page.write_text("\n".join(table(lines, missing, left_out)) + "\n", encoding="utf-8")
    if page is None:
        print("\n".join(table(lines, missing, left_out)))
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(app())
