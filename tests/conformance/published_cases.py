"""The published networks that must agree with PyTorch, as data: the one list that the recorder and the tests both read.

It needs neither PyTorch nor JAX.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from wellshaped.spec import PRESETS, Network, Norm, UNetConfig, graph_of, presets
from wellshaped.spec.presets.nnunet import StagePlan, residual_encoder_unet

Shapes = dict[tuple[str, str], tuple[int, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class PublishedCase:
    """A preset with few channels, on an image of these sizes. ``preset`` is its name among the presets.

    ``sizes`` leave each norm several positions at the bottom: a norm of two would enlarge every rounding.
    """

    preset: str
    network: Callable[[], Network]
    sizes: tuple[int, ...]

    @property
    def batches(self) -> dict[str, int]:
        """The modes in which it is compared, each with the images of its batch."""
        trains = any(
            isinstance(node.operation, Norm) and node.operation.kind == "batch" for node in self.network().nodes
        )
        return {"evaluation": 1, "training": 2} if trains else {"evaluation": 1}

    def images(self, draw: str, mode: str) -> list[tuple[str, tuple[int, ...]]]:
        """The name and the shape of each input of a draw: a batch of images, or of vectors."""
        inputs, batch = self.network().inputs, self.batches[mode]
        sizes = [() if given.single else self.sizes for given in inputs]
        shapes = [(batch, given.channels, *of) for given, of in zip(inputs, sizes, strict=True)]
        return [(f"{draw}: input {i}", shape) for i, shape in enumerate(shapes)]


def arrays_of(network: Network) -> Iterator[tuple[tuple[str, str], tuple[int, ...]]]:
    """The layer, name and shape of each array, in the graph's order: parameters, and the statistics of batch norms."""
    seen = set()
    for node in network.nodes:
        channels, layer = [network.channels[name] for name in node.inputs], node.path
        shapes = node.operation.parameters(channels, network.axes)
        if isinstance(node.operation, Norm) and node.operation.kind == "batch":
            shapes = {**shapes, "mean": (channels[0],), "var": (channels[0],)}
        if layer not in seen:
            yield from (((layer, part), shape) for part, shape in shapes.items())
        seen.add(layer)


def _config(name: str, base: int, channels: tuple[int, int]) -> Callable[[], Network]:
    cfg = PRESETS[name]
    assert isinstance(cfg, UNetConfig)
    return lambda: graph_of(replace(cfg, base_channels=base), *channels)


FIVE = (4, 4, 8, 8, 12)
"""Widths of five levels."""

NESTS = ((2, 4), (2, 4), (3, 8), (3, 8), (4, 8), (4, 8))
"""Widths of the encoder of U²-Net."""

DECODER_NESTS = ((2, 4), (3, 4), (2, 6), (3, 8), (4, 8))

COARSE = (1, (1, 2, 2), 2, 2, 2, (1, 2, 2))
"""Strides of six stages, for volumes with few slices."""

BOTTLENECKS = StagePlan(
    features=(8, 8, 12),
    kernels=((1, 3), 3, 3),
    strides=(1, (1, 2), 2),
    counts=(1, 2, 2),
    decoder_counts=(1, 2),
    axes=2,
    heads=True,
    stem_channels=6,
    bottlenecks=(4, 4, 6),
)

CASES = {
    "milesial": PublishedCase("milesial", _config("milesial", 4, (3, 2)), (51, 38)),
    "ronneberger2015": PublishedCase("ronneberger2015", _config("ronneberger2015", 2, (1, 2)), (188, 204)),
    "unet3d": PublishedCase("unet3d", lambda: presets.unet3d(2), (92, 93, 100)),
    "monai_unet": PublishedCase("monai_unet", lambda: presets.monai_unet(FIVE), (31, 32, 48)),
    "monai_unet, strided convolutions": PublishedCase(
        "monai_unet", lambda: presets.monai_unet((4, 6, 8), (2, 3), axes=2, kernel=5, units=0), (24, 30)
    ),
    "monai_basicunet": PublishedCase("monai_basicunet", lambda: presets.monai_basicunet((*FIVE, 4)), (33, 32, 48)),
    "monai_basicunet, nontrainable": PublishedCase(
        "monai_basicunet", lambda: presets.monai_basicunet((*FIVE, 4), axes=2, upsample="nontrainable"), (37, 48)
    ),
    "monai_basicunet, pixelshuffle": PublishedCase(
        "monai_basicunet", lambda: presets.monai_basicunet((*FIVE, 4), axes=2, upsample="pixelshuffle"), (37, 48)
    ),
    "nnunet_3d_fullres": PublishedCase(
        "nnunet_3d_fullres", lambda: presets.nnunet_3d_fullres((*FIVE, 12)), (32, 64, 96)
    ),
    "nnunet_3d_resenc": PublishedCase(
        "nnunet_3d_resenc", lambda: presets.nnunet_3d_resenc((*FIVE, 12), strides=COARSE), (24, 64, 96)
    ),
    "nnunet_3d_resenc, bottlenecks": PublishedCase(
        "nnunet_3d_resenc", lambda: residual_encoder_unet(BOTTLENECKS), (10, 16)
    ),
    "smp_resnet34": PublishedCase("smp_resnet34", presets.smp_resnet34, (64, 96)),
    "unetplusplus": PublishedCase("unetplusplus", lambda: presets.unetplusplus(FIVE), (32, 48)),
    "unet3plus": PublishedCase("unet3plus", lambda: presets.unet3plus(FIVE), (32, 48)),
    "attention_unet": PublishedCase("attention_unet", lambda: presets.attention_unet(FIVE), (32, 48)),
    "u2net_rsu7": PublishedCase("u2net_rsu7", lambda: presets.u2net_rsu7(3, 4, 6), (37, 70)),
    "u2net": PublishedCase("u2net", lambda: presets.u2net(NESTS, DECODER_NESTS, sides=True), (70, 93)),
    "pix2pix": PublishedCase("pix2pix", lambda: presets.pix2pix(2), (256, 512)),
    "pix2pix, five levels": PublishedCase("pix2pix", lambda: presets.pix2pix(2, 5, 2, 1), (64, 33)),
    "demucs": PublishedCase("demucs", lambda: presets.demucs(2), (18_000,)),
    "demucs, two levels": PublishedCase("demucs", lambda: presets.demucs(4, 2, 3), (130,)),
    "wave_unet": PublishedCase("wave_unet", lambda: presets.wave_unet(2), (131_100,)),
    "wave_unet, three levels": PublishedCase("wave_unet", lambda: presets.wave_unet(4, 3, 2), (260,)),
    "ddpm": PublishedCase("ddpm", lambda: presets.ddpm((8, 12, 16, 16), groups=4), (16, 24)),
    "stable_diffusion_vae": PublishedCase(
        "stable_diffusion_vae", lambda: presets.stable_diffusion_vae((8, 12, 16, 16), groups=4), (17, 24)
    ),
}
"""By the key in ``published_vectors.npz``."""
