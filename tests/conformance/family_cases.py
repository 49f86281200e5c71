"""What of the family must agree with PyTorch, as data: the one list that the recorder and the tests both read.

It needs neither PyTorch nor JAX, so that the recorder runs without this library and the tests without PyTorch.
A case's text holds all that it says and is its key in ``family_vectors.npz``: a case changed but not recorded is
missed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULTS = {
    "levels": 4,
    "base_channels": 64,
    "multipliers": None,
    "convs_per_block": 2,
    "conv_kernel": 3,
    "padding": "same",
    "norm": "none",
    "groups": 8,
    "residual": False,
    "upsampling": "transposed",
    "join": None,
    "concat": "skip first",
    "bias": True,
    "head": True,
    "activation": "relu",
    "order": "norm first",
}
"""The fields of the config, as the library has them."""


@dataclass(frozen=True, slots=True, eq=False)
class FamilyCase:
    """One network on one image: the channels in and out, the size, and the fields that are not the default."""

    channels: tuple[int, int]
    size: tuple[int, int]
    given: Mapping[str, object]

    def __str__(self) -> str:
        channels, size = ("x".join(map(str, pair)) for pair in (self.channels, self.size))
        return ",".join((f"c{channels}", size, *(f"{name}={value}" for name, value in self.given.items())))

    @property
    def config(self) -> dict[str, object]:
        """All fields."""
        return DEFAULTS | dict(self.given)


def _case(channels: tuple[int, int], size: tuple[int, int], **given: object) -> FamilyCase:
    return FamilyCase(channels, size, given)


# Narrower than the preset, and of a size that leaves each norm more than one pixel: PyTorch's refuse to train on one.
PRESET_CASES = {
    "unet2": _case((1, 2), (8, 6), levels=1, base_channels=3),
    "tiny": _case(
        (3, 2),
        (8, 12),
        levels=2,
        base_channels=2,
        convs_per_block=1,
        norm="batch",
        concat="upsampled first",
        head=False,
    ),
    # The smallest size that fits.
    "ronneberger2015": _case((1, 2), (188, 188), base_channels=1, padding="none"),
    "milesial": _case((3, 2), (35, 34), base_channels=1, norm="batch", bias=False, join="pad"),
    "monai_like": _case((1, 2), (32, 32), base_channels=2, multipliers=(1, 1, 2, 4, 8), norm="instance"),
}

# By hand a case takes a line or two; the formatter would take one for each field.
FAMILY_CASES = (
    *PRESET_CASES.values(),
    _case(
        (1, 2), (22, 26), levels=1, base_channels=2, padding="none", norm="group", groups=2,
        residual=True, upsampling="nearest",
    ),
    _case(
        (3, 1), (31, 37), levels=2, base_channels=2, convs_per_block=1, padding="none", norm="instance",
        residual=True, upsampling="bilinear", join="crop", concat="upsampled first",
    ),
    _case(
        (2, 2), (11, 14), levels=2, base_channels=4, multipliers=(1, 1, 2), norm="group", groups=2,
        upsampling="bilinear", join="pad", bias=False,
    ),
    _case((2, 3), (6, 10), levels=1, base_channels=2, conv_kernel=5, upsampling="bilinear"),
    _case(
        (1, 1), (17, 22), levels=3, base_channels=2, convs_per_block=1, upsampling="nearest", join="pad",
        concat="upsampled first",
    ),
    _case((2, 1), (8, 6), levels=1, base_channels=3, convs_per_block=3, norm="batch", residual=True, bias=False),
    # Equal channels in and out of the encoder's block and the bottom's: there the shortcut is the image itself.
    _case((2, 3), (25, 22), levels=1, base_channels=2, multipliers=(1, 1), padding="none", residual=True, join="pad"),
    _case(
        (1, 2), (36, 38), levels=1, base_channels=2, conv_kernel=5, padding="none", join="even crop",
        concat="upsampled first",
    ),
    _case(
        (2, 3), (8, 12), levels=2, base_channels=3, convs_per_block=3, conv_kernel=1, padding="none", residual=True,
        join="exact", head=False,
    ),
    _case(
        (1, 2), (39, 33), levels=5, base_channels=1, multipliers=(1, 1, 1, 2, 2, 2), convs_per_block=1,
        upsampling="nearest", join="crop",
    ),
    _case(
        (2, 2), (17, 14), levels=2, base_channels=2, norm="instance", upsampling="nearest", join="crop", bias=False,
    ),
    _case(
        (1, 1), (43, 46), levels=1, base_channels=4, conv_kernel=5, padding="none", norm="batch", residual=True,
        upsampling="transposed", join="crop", bias=False,
    ),
    # Each level with its own norm, activation and order.
    _case(
        (2, 2), (12, 20), levels=2, base_channels=4, multipliers=(1, 1, 2), norm=("none", "group", "instance"),
        groups=(1, 2, 1), activation=("silu", "prelu", "relu"),
        order=("norm first", "activation first", "norm first"),
    ),
    _case(
        (1, 2), (16, 12), levels=2, base_channels=3, norm=("batch", "instance", "none"), residual=True,
        upsampling="nearest", activation=("leaky_relu", "gelu", "elu"),
        order=("activation first", "norm first", "activation first"), bias=False,
    ),
    _case(
        (2, 4), (12, 14), levels=1, base_channels=4, norm=("group", "batch"), groups=(4, 2), residual=True,
        activation=("tanh", "softplus"), order="activation first", head=False,
    ),
)  # fmt: skip
"""20, smaller than a real one in all but the options."""
