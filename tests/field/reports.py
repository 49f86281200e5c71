"""Sizes that people met trouble with, in their own networks, as they reported it: each with its source.

A report is modelled along the axis that it is about, from the source of the network where that is public. What the
reporter says is in ``says``, in our words; what had to be assumed is in ``assumes``. Beside the reports, these networks
were run themselves, size by size, and took exactly the sizes said here: MONAI's ``UNet`` (1.6.1, to 99),
segmentation_models_pytorch's ``Unet`` (0.1.0, both encoders, to 139) and ``DeepLabV3Plus`` (0.1.3, to 99), diffusers'
``UNet2DModel`` (0.42.1, to 49). The thread on Stack Overflow was read in a mirror.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wellshaped.spec import Concat, Network, Node, Operation, Resize, SpaceToDepth, TransposedWindow, Window
from wellshaped.spec.families import DOUBLE, HALVE, encoder_decoder, resnet_unet, unet


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule of thumb that a thread gives, "a multiple of ``multiple``", and the smallest size it is wrong about.

    ``refuses`` is the smallest size that runs and is no multiple, ``admits`` the smallest multiple that does not run;
    ``None`` where there is none up to 1 000.
    """

    multiple: int
    refuses: int | None = None
    admits: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One size along one axis of one network, and what became of it."""

    name: str
    source: str  # the thread
    says: str  # what the person met
    network: Network
    size: int
    breaks: tuple[str, int, int] | None = None  # the node that fails first, the skip's size, the upsampled size
    gives: int | None = None  # the size that came out, where the report says so
    fits: str  # all sizes that run
    assumes: str = ""  # where the thread does not say it
    rule: Rule | None = None


PADDED = Window(3, 2, padding=1)  # a 3×3 convolution of stride 2, padded: rounds up
STEM = Window(7, 2, padding=3)  # of a ResNet, before its pooling
SAME = Window(3, 2, rounding="same")
EVEN3, EVEN5 = Window(3, 2, padding=((0, 1),)), Window(5, 2, padding=((1, 2),))  # SAME, as for an even size
UP = Resize(2)
UP3 = TransposedWindow(3, 2, padding=1, output_padding=1)
INNER_FOUR = (False, True, True, True, True)  # five halvings, and no skip of the input's own size


def between(before: Sequence[Operation], network: Network, after: Sequence[Operation] = ()) -> Network:
    """A sketch with operations before it, ``stem[i]``, and after it, ``head[i]``."""
    last = f"stem[{len(before) - 1}]"
    stem = [Node(f"stem[{i}]", operation) for i, operation in enumerate(before)]
    inner = [replace(node, inputs=[last if name == "x" else name for name in node.inputs]) for node in network.nodes]
    head = [Node(f"head[{i}]", operation) for i, operation in enumerate(after)]
    return Network(network.inputs, [*stem, *inner, *head], axes=1)


SMP_RESNET = Report(
    name="segmentation_models_pytorch, 240",
    source="https://github.com/qubvel-org/segmentation_models.pytorch/issues/57",
    says="320×480 and 640×960 run, 160×240 and 350×525 do not, and the person sees no pattern in that.",
    network=resnet_unet(),
    size=240,
    breaks=("joined[4]", 15, 16),
    fits="n ≡ 0 or 31 (mod 32), n ≥ 31",
    assumes="The default encoder, ResNet-34; the sizes at the join are ours, by running version 0.1.0.",
)
SLICER = Report(
    name="MONAI UNet, 40 of 90×90×40",
    source="https://github.com/Project-MONAI/SlicerMONAIViz/issues/35",
    says="A residual UNet with four strides of 2 on volumes of 90×90×40 expects 5 and gets 6.",
    network=encoder_decoder((PADDED,) * 4, UP3, joins=(False, True, True, True)),
    size=40,
    breaks=("joined[3]", 5, 6),
    fits="n ≡ 0 or 15 (mod 16), n ≥ 15",
)
VALID_CROPPED = Report(
    name="jvanvugt/pytorch-unet, width 375",
    source="https://github.com/jvanvugt/pytorch-unet/issues/5",
    says="With the defaults, an image of 500×375 comes out as 308×180.",
    network=unet(4, padding=0, join="crop"),
    size=375,
    gives=180,
    fits="n ≥ 188",
)
LINKNET = Report(
    name="LinkNet, 1000 of 1000×2000",
    source="https://github.com/e-lab/LinkNet/issues/15",
    says="On 1000×2000 the third encoder gives 63×125 and the fourth decoder 64×126; multiples of 32 are asked for.",
    network=between((STEM, PADDED), encoder_decoder((PADDED,) * 3, UP3), (UP3, DOUBLE)),
    size=1000,
    breaks=("joined[2]", 63, 64),
    fits="n ≡ 0, 29, 30 or 31 (mod 32), n ≥ 29",
    rule=Rule(multiple=32, refuses=29),
)
DIFFUSION_POLICY = Report(
    name="diffusion_policy, horizon 1",
    source="https://github.com/real-stanford/diffusion_policy/issues/32",
    says="ConditionalUnet1D with a horizon of 1 gets 2 from its first upsampling where the skip has 1.",
    network=encoder_decoder((PADDED,) * 2, TransposedWindow(4, 2, padding=1), joins=(False, True)),
    size=1,
    breaks=("joined[1]", 1, 2),
    fits="n ≡ 0 or 3 (mod 4), n ≥ 3",
    assumes="The default three widths, of which two are followed by a halving.",
)

DEEPLAB = Network(
    {"x": 1},
    (
        Node("stem", STEM),
        Node("low", PADDED),
        Node("layer2", PADDED),
        Node("layer3", PADDED),
        Node("up", Resize(4)),
        Node("joined", Concat(), ("low", "up")),
        Node("y", Resize(4)),
    ),
    axes=1,
)

REPORTS = (
    SMP_RESNET,
    replace(SMP_RESNET, name="segmentation_models_pytorch, 480", size=480, breaks=None),
    replace(SMP_RESNET, name="segmentation_models_pytorch, 640", size=640, breaks=None),
    Report(
        name="segmentation_models_pytorch on EfficientNet, 350",
        source="https://github.com/qubvel-org/segmentation_models.pytorch/issues/93",
        says="A U-Net on EfficientNet-B2 meets 20 and 21 along the height of a 350×525 image.",
        network=encoder_decoder(
            (EVEN3, EVEN3, EVEN5, EVEN3, EVEN5),
            UP,
            joins=INNER_FOUR,
        ),
        size=350,
        breaks=("joined[4]", 21, 20),
        fits="n ≡ 0 or 1 (mod 32), n ≥ 32",
        assumes="The efficientnet_pytorch of that time, which pads as for images of 260 pixels, whatever comes in.",
    ),
    Report(
        name="segmentation_models for Keras, 300",
        source="https://github.com/qubvel/segmentation_models/issues/244",
        says="A U-Net on ResNet-34 for 300×300 cannot concatenate 20 and 19; the answer is to use multiples of 32.",
        network=resnet_unet(),
        size=300,
        breaks=("joined[4]", 19, 20),
        fits="n ≡ 0 or 31 (mod 32), n ≥ 31",
        rule=Rule(multiple=32, refuses=31),
    ),
    Report(
        name="segmentation_models on EfficientNet for Keras, 456",
        source="https://github.com/qubvel/segmentation_models/issues/155",
        says="A U-Net on EfficientNet-B5 for 456×456 meets 30 and 29.",
        network=encoder_decoder((SAME,) * 5, UP, joins=INNER_FOUR),
        size=456,
        breaks=("joined[4]", 29, 30),
        fits="n ≡ 0 or 31 (mod 32), n ≥ 31",
        assumes="SAME padding in the encoder, whose own size is 456, and skips after its first four halvings.",
    ),
    Report(
        name="segmentation_models_pytorch DeepLabV3+, 600",
        source="https://github.com/qubvel-org/segmentation_models.pytorch/issues/397",
        says="DeepLabV3+ on 600×600 images cannot concatenate its two branches.",
        network=DEEPLAB,
        size=600,
        breaks=("joined", 150, 152),
        fits="n ≡ 0, 13, 14 or 15 (mod 16), n ≥ 13",
        assumes="The default encoder and stride. The report's sizes are in a picture; these are of version 0.1.3.",
    ),
    Report(
        name="keras_segmentation, width 602",
        source="https://github.com/divamgupta/image-segmentation-keras/issues/283",
        says="unet() for 902×602 meets 112×74 and 112×75 at the first concatenation.",
        network=between((HALVE,), encoder_decoder((HALVE,) * 3, UP)),
        size=602,
        breaks=("joined[2]", 75, 74),
        fits="n ≡ 0 or 1 (mod 16), n ≥ 16",
    ),
    Report(
        name="Stable Diffusion in diffusers, 520",
        source="https://github.com/huggingface/diffusers/issues/255",
        says="512×520, both multiples of 8, meets 18 and 17 in the U-Net; with multiples of 64 that does not happen.",
        network=between((SpaceToDepth(8),), encoder_decoder((PADDED,) * 3, UP)),
        size=520,
        breaks=("joined[2]", 17, 18),
        fits="n ≡ 0 (mod 64), n ≥ 64",
        assumes="Version 1.4, whose U-Net works on an eighth of the picture and halves that three times.",
        rule=Rule(multiple=8, admits=8),
    ),
    Report(
        name="UNet2DModel in diffusers, 28",
        source="https://github.com/huggingface/diffusers/issues/3630",
        says="The model, made for 28×28 and else with its defaults, meets 8 and 7.",
        network=encoder_decoder((PADDED,) * 3, UP),
        size=28,
        breaks=("joined[2]", 7, 8),
        fits="n ≡ 0 (mod 8), n ≥ 8",
    ),
    Report(
        name="v-diffusion-pytorch, 400 of 640×400",
        source="https://github.com/crowsonkb/v-diffusion-pytorch/issues/3",
        says="640×400 meets 24 and 25, and the person concludes that both sizes must be powers of 2.",
        network=encoder_decoder((HALVE,) * 6, UP),
        size=400,
        breaks=("joined[4]", 25, 24),
        fits="n ≡ 0 (mod 64), n ≥ 64",
        assumes="The model cc12m_1. Along the width 640 fits, and is no power of 2.",
    ),
    Report(
        name="pix2pix unet_256, 360",
        source="https://github.com/junyanz/pytorch-CycleGAN-and-pix2pix/issues/566",
        says="unet_256 on crops of 360 meets 4 and 5; the answer is that it is for 256, and possibly its multiples.",
        network=encoder_decoder(
            (Window(4, 2, padding=1),) * 8, TransposedWindow(4, 2, padding=1), joins=(False,) + (True,) * 7
        ),
        size=360,
        breaks=("joined[6]", 5, 4),
        fits="n ≡ 0 or 1 (mod 256), n ≥ 256",
        rule=Rule(multiple=256, refuses=257),
    ),
    SLICER,
    replace(
        SLICER,
        name="MONAI UNet, 90 of 90×90×40",
        size=90,
        breaks=("joined[2]", 23, 24),
        assumes="The sizes are ours: along the other axis the network fails before it comes to them.",
    ),
    replace(
        SLICER,
        name="MONAI UNet, 72",
        source="https://github.com/Project-MONAI/MONAI/issues/678",
        says="Told to use multiples of 4, such as 76 or 80, the person resizes to cubes of 72, and meets 9 and 10.",
        size=72,
        breaks=("joined[3]", 9, 10),
        assumes="Four strides of 2: fewer have no join at an eighth of 72, and five would meet 5 and 6 before it.",
        rule=Rule(multiple=4, refuses=15, admits=4),
    ),
    Report(
        name="pytorch-semseg's unpadded U-Net, 256",
        source="https://github.com/meetps/pytorch-semseg/issues/145",
        says="256×256 reaches a skip of 57 with 24 at hand, and cropping evenly leaves 23.",
        network=unet(4, padding=0, join="even crop"),
        size=256,
        breaks=("cropped[2]", 57, 24),
        fits="n ≡ 12 (mod 16), n ≥ 188",
    ),
    Report(
        name="the original 3-D U-Net, 132",
        source="https://github.com/NifTK/NiftyNet/issues/221",
        says="Working out the original design, the person finds sizes of the form 8k + 4, and 88 less at the output.",
        network=unet(3, padding=0, join="even crop"),
        size=132,
        gives=44,
        fits="n ≡ 4 (mod 8), n ≥ 92",
        assumes="The 132 is that of the 3-D U-Net's paper.",
    ),
    VALID_CROPPED,
    replace(VALID_CROPPED, name="jvanvugt/pytorch-unet, height 500", size=500, gives=308),
    Report(
        name="jvanvugt/pytorch-unet with padding, 1646",
        source="https://github.com/jvanvugt/pytorch-unet/issues/2",
        says="With padding=True, which is to keep the size, 1646×1646 comes out as 1632×1632.",
        network=unet(4, join="crop"),
        size=1646,
        gives=1632,
        fits="n ≥ 16",
    ),
    LINKNET,
    replace(LINKNET, name="LinkNet, 2000 of 1000×2000", size=2000, breaks=("joined[2]", 125, 126)),
    DIFFUSION_POLICY,
    replace(
        DIFFUSION_POLICY,
        name="LeRobot's diffusion policy, horizon 18",
        source="https://github.com/huggingface/lerobot/pull/422",
        says="A horizon such as 18 fails with 10 and 9, so that now a multiple of 2 to the number of widths is wanted.",
        size=18,
        breaks=("joined[1]", 9, 10),
        assumes="The default three widths, of which two are followed by a halving; that 10 and 9 are those of 18.",
        rule=Rule(multiple=8, refuses=3),
    ),
    Report(
        name="HDRUNet, width 1250",
        source="https://github.com/chxy95/HDRUNet/issues/22",
        says="An image of 1250×800 meets 626 and 625 along the width; the answer is to pad to a multiple of 4.",
        network=encoder_decoder((PADDED,) * 2, UP),
        size=1250,
        breaks=("joined[1]", 625, 626),
        fits="n ≡ 0 (mod 4), n ≥ 4",
        rule=Rule(multiple=4),
    ),
    Report(
        name="Probabilistic U-Net, 41",
        source="https://github.com/stefanknegt/Probabilistic-Unet-Pytorch/issues/25",
        says="Patches of 41×41 meet 12 and 11.",
        network=unet(3, down=Window(2, 2, rounding="ceil"), up=UP),
        size=41,
        breaks=("joined[2]", 11, 12),
        fits="n ≡ 0 (mod 8), n ≥ 8",
        assumes="Four widths and poolings in ceil mode, as in the repository.",
    ),
    Report(
        name="MVSNet, height 432",
        source="https://github.com/YoYo000/MVSNet/issues/4",
        says="Halving the test size to 576×432 meets 28 and 27 along the height; the answer is to use multiples of 32.",
        network=between((Window(5, 2, rounding="same"),) * 2, encoder_decoder((SAME,) * 3, UP)),
        size=432,
        breaks=("joined[2]", 27, 28),
        fits="n ≡ 0, 29, 30 or 31 (mod 32), n ≥ 29",
        assumes="Only the image features and the network on the cost volume, whose sizes the report gives.",
        rule=Rule(multiple=32, refuses=29),
    ),
    Report(
        name="nnU-Net, 2 slices",
        source="https://github.com/MIC-DKFZ/nnUNet/issues/1256",
        says="With the patch of the prostate task reduced from 20 slices to 2, a concatenation meets 2 and 1.",
        network=encoder_decoder((PADDED,) * 2, DOUBLE),
        size=2,
        breaks=("joined[1]", 1, 2),
        fits="n ≡ 0 (mod 4), n ≥ 4",
        assumes="Two strided halvings along the slices, the fewest at which 2 slices fail so.",
    ),
    Report(
        name="a U-Net of four halvings, 1080",
        source="https://stackoverflow.com/questions/66028743",
        says="1920×1080 goes to 240×135, 120×68 and back to 240×136; the answer is to pad, in its example to 16s.",
        network=encoder_decoder((PADDED,) * 4, UP),
        size=1080,
        breaks=("joined[3]", 135, 136),
        fits="n ≡ 0 (mod 16), n ≥ 16",
        assumes="A skip at every level, and 68 as the size that is doubled first.",
        rule=Rule(multiple=16),
    ),
)
