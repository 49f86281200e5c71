"""The compatible sizes of a config against brute force."""

import pytest
from configs import any_configs, configs, fitting_configs
from hypothesis import example, given, settings

from wellshaped.spec import (
    OBLIGATIONS,
    WELL_FORMED,
    ShapeError,
    UNet2Config,
    compatible_sizes,
    repair,
)

LIMIT = 200


def sizes_by_brute_force(cfg):
    """The sizes to the limit at which every obligation holds, by formulas of this file's own."""

    def window(n, part):
        k, s, p = (getattr(cfg, f"{part}_{name}", 0) for name in ("kernel", "stride", "padding"))
        return 0 if k == 0 or s == 0 or n + 2 * p < k else (n + 2 * p - k) // s + 1

    def fits(n):
        down = window(n, "pool")
        k, s, p = cfg.up_kernel, cfg.up_stride, cfg.up_padding
        up = 0 if 0 in (down, k, s) else max((down - 1) * s + k - 2 * p, 0)
        return up == n and window(down, "conv") == down and window(n, "conv") == n and window(n, "head") == n

    return [n for n in range(1, LIMIT + 1) if fits(n)]


def check_against_brute_force(cfg):
    fit = compatible_sizes(cfg)
    assert [n for n in range(LIMIT + 1) if n in fit] == sizes_by_brute_force(cfg)


@settings(max_examples=3000)
@given(configs)
@example(UNet2Config(pool_stride=3, up_stride=2, up_kernel=3))  # a finite set of more than one size
@example(UNet2Config(conv_stride=2, conv_kernel=1, conv_padding=0))
def test_the_compatible_sizes_are_those_that_brute_force_finds(cfg):
    check_against_brute_force(cfg)


@pytest.mark.slow
@settings(max_examples=30_000)
@given(configs)
def test_the_compatible_sizes_are_those_that_brute_force_finds_at_length(cfg):
    check_against_brute_force(cfg)


def test_the_configs_above_reach_sets_without_end_finite_and_empty():
    seen = set()

    @settings(max_examples=3000, database=None)
    @given(configs)
    def look(cfg):
        fit = compatible_sizes(cfg)
        seen.add("without end" if not fit.is_finite else "several" if len(list(fit)) > 1 else "one" if fit else "none")

    look()
    assert seen == {"without end", "several", "one", "none"}


@given(fitting_configs(max_kernel=7, max_stride=7))
def test_a_fitting_config_fits_sizes_without_end_in_steps_of_its_stride(cfg):
    assert compatible_sizes(cfg).period == cfg.up_stride


@given(any_configs.filter(lambda cfg: all(c.holds(cfg) for c in WELL_FORMED)))
def test_a_repaired_config_fits_sizes_without_end(cfg):
    assert not compatible_sizes(repair(cfg)).is_finite
    assert compatible_sizes(cfg).is_finite or repair(cfg) == cfg


def test_the_default_config_fits_exactly_the_even_sizes_from_two():
    fit = compatible_sizes(UNet2Config())
    assert (fit.minimum, fit.period, fit.residues, str(fit)) == (2, 2, (0,), "n ≡ 0 (mod 2), n ≥ 2")


def test_the_three_even_config_is_not_confused_by_a_kernel_that_is_not_its_stride():
    fit = compatible_sizes(UNet2Config(pool_kernel=3, up_kernel=3))
    assert str(fit) == "n ≡ 1 (mod 2), n ≥ 3"


def test_huge_numbers_are_solved_like_small_ones():
    big = 10**30
    cfg = UNet2Config(pool_kernel=1, pool_stride=big, up_stride=big - 1, up_kernel=big)
    fit = compatible_sizes(cfg)
    assert fit.is_finite
    assert fit.count == big
    assert all(o.holds(cfg, n) for o in OBLIGATIONS for n in (fit.minimum, fit.maximum))
    assert not all(o.holds(cfg, fit.maximum + big - 1) for o in OBLIGATIONS)


def test_what_is_neither_a_config_nor_a_network_is_refused():
    with pytest.raises(ShapeError, match="it is a dict, and must be a UNet2Config, a UNetConfig or an AxisNetwork"):
        compatible_sizes({})
