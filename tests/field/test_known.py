"""Known answers about encoders that people use: the same photograph breaks different ones at different levels."""

import pytest

from wellshaped.spec import Resize, compatible_sizes, encoder_decoder, explain, resnet_unet
from wellshaped.spec.families import HALVE

# Five halvings that round down, as in encoders whose convolutions pad as TensorFlow does, or not at all; four joins.
FLOOR = encoder_decoder((HALVE,) * 5, Resize(2), joins=(False, True, True, True, True))


def broken(network, n):
    return [cause.node for cause in explain(network, n).causes]


@pytest.mark.parametrize(
    ("n", "rounding_up", "rounding_down"),
    [
        # 350 175 88 44 22 11: only 176 is not 175. 350 175 87 43 21 10: none of 20, 42, 86 and 174 is its skip.
        (350, ["joined[1]"], ["joined[4]", "joined[3]", "joined[2]", "joined[1]"]),
        # 525 263 132 66 33 17: 34 is not 33, and 264 not 263. 525 262 131 65 32 16: 64 is not 65, and 130 not 131.
        (525, ["joined[4]", "joined[1]"], ["joined[3]", "joined[2]"]),
        (352, [], []),
        (351, [], ["joined[4]", "joined[3]", "joined[2]", "joined[1]"]),
    ],
)
def test_encoders_that_round_up_and_down_break_elsewhere_on_350_by_525(n, rounding_up, rounding_down):
    assert (broken(resnet_unet(), n), broken(FLOOR, n)) == (rounding_up, rounding_down)


def test_what_rounds_up_fits_a_multiple_less_one_and_what_rounds_down_a_multiple_and_one():
    assert str(compatible_sizes(resnet_unet())) == "n ≡ 0 or 31 (mod 32), n ≥ 31"
    assert str(compatible_sizes(FLOOR)) == "n ≡ 0 or 1 (mod 32), n ≥ 32"
