"""What is said of one size and done about it, and the families of networks: against plain walks and known answers."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from networks import HARD, networks, programs

from wellshaped.spec import (
    AxisNetwork,
    Join,
    Keep,
    Plan,
    Resize,
    Save,
    ShapeError,
    SpaceToDepth,
    Transposed,
    UNet2Config,
    Window,
    axis_network,
    compatible_sizes,
    encoder_decoder,
    explain,
    plan,
    resnet_unet,
    ronneberger2015,
    strided_unet,
    unet,
)

HALVE, DOUBLE = Window(2, 2), Transposed(2, 2)
small_networks = networks(max_levels=3) | programs(max_steps=6)
numbers = st.integers(1, 60)


def walk(network, n):
    """The sizes on the way as far as the first 0, and the joins that break: their names with the skip and the size."""
    sizes, saved, broken = [n], {}, []
    for step in network.steps:
        now = sizes[-1]
        if now == 0:
            break
        if isinstance(step, Save):
            saved[step.name] = now
        elif isinstance(step, Join):
            skip = saved[step.name]
            if {"exact": skip != now, "resize": False}.get(step.how, skip < now):
                broken.append((f"join_{step.name}", skip, now))
            if step.how == "even crop" and (skip - now) % 2:
                broken.append((f"join_{step.name}_even", skip, now))
            now = skip if step.how in ("pad", "resize") else now
        elif not isinstance(step, Keep):
            now = step.size(now)
        sizes.append(now)
    return sizes, broken


def nearest(network, n, last=200):
    """The nearest sizes that run, below and above up to the last, tried one by one."""
    below = next((m for m in range(n, 0, -1) if network.run(m).ok), None)
    above = next((m for m in range(n, last + 1) if network.run(m).ok), None)
    return below, above


def said(fix):
    """The sizes below and above that a fix names, whose crop and pad must be the difference that it gives."""
    ways = dict.fromkeys(("crop", "pad"))
    for size, way, by in re.findall(r"(\d+) \((crop|pad) (\d+)\)", fix):
        ways[way] = (int(size), int(by))
    return ways["crop"], ways["pad"]


# explain


@given(networks(), st.integers(1, 400))
@example(strided_unet(4), 40)
@example(unet(3), 4)
def test_an_explanation_has_the_sizes_on_the_way_and_every_broken_join_with_its_two_sizes(network, n):
    found = explain(network, n)
    sizes, broken = walk(network, n)
    assert list(found.sizes[: len(sizes)]) == sizes
    assert found.ok == network.run(n).ok == (n in found.runs)
    joins = [
        (v.name, *map(int, re.findall(r"is (\d+), .* (\d+)$", v.says)[0])) for v in found.failures if "join" in v.name
    ]
    assert joins == broken
    assert all(
        f'the skip "{name.removeprefix("join_").removesuffix("_even")}" is {skip}' in str(found)
        for name, skip, _ in broken
    )


@given(small_networks, numbers)
@example(AxisNetwork((HALVE,), returns_its_size=True), 5)
@example(AxisNetwork((Window(3), Keep())), 5)
def test_an_explanation_names_the_nearest_sizes_that_run_and_those_that_return(network, n):
    found = explain(network, n)
    returning = replace(network, returns_its_size=True)
    wanted = [] if found.ok else [network]
    wanted += [returning] if found.returns != found.runs and not returning.run(n).ok else []
    assert len(found.fixes) == len(wanted)
    for fix, of in zip(found.fixes, wanted, strict=True):
        crop, pad = said(fix)
        below, above = nearest(of, n, last=pad[0] if pad else 200)
        assert (crop, pad) == (below and (below, n - below), above and (above, above - n))
        assert ("no size will do" in fix) == (crop is None and pad is None)
        assert fix in str(found)


@given(small_networks)
def test_the_sizes_that_return_are_those_that_run_and_come_out_as_they_went_in(network):
    found = explain(network, 1)
    plain = replace(network, returns_its_size=False)
    assert found.runs == compatible_sizes(network)
    for n in range(1, 41):
        run = plain.run(n)
        assert (n in found.returns) == (run.ok and run.sizes[-1] == n)


@settings(max_examples=100)
@given(networks() | programs(), st.integers(0, 200))
@example(AxisNetwork((Window(9), *[Window(3, 1, 1, 1)] * 20)), 5)  # the size is 0 for twenty steps
def test_an_explanation_is_whole_and_fits_on_a_screen(network, n):
    text = str(explain(network, n))
    assert text.startswith(f"size {n} ")
    assert text.count("\n") < 10
    assert "{}" not in text
    assert text.count("is 0, and must be at least 1") <= 1


@given(st.integers(0, 100))
def test_a_config_is_explained_as_its_network(n):
    assert explain(UNet2Config(), n) == explain(axis_network(UNet2Config()), n)


@pytest.mark.parametrize(
    ("network", "n", "text"),
    [
        (
            AxisNetwork((Save("skip"), HALVE, DOUBLE, Join("skip"))),
            304,
            "size 304 fits: all 4 conditions hold. The output has size 304.",
        ),
        (
            resnet_unet(),
            63,
            "size 63 fits: all 15 conditions hold. The output has size 64.\n"
            "  fix: for an output of the input's size: size 32 (crop 31) or 64 (pad 1);"
            " all such sizes: n ≡ 0 (mod 32), n ≥ 32",
        ),
        (
            resnet_unet(),
            40,
            "size 40 does not fit.\n"
            "  join_level4, join_level3, join_level2, join_level1:"
            " 40 → 20 → 10 → 5 → 3 → 2 → 4 → 8 → 16 → 32 → 64 does not survive:"
            ' the skip "level4" is 3, and must be 4; the skip "level3" is 5, and must be 8;'
            ' the skip "level2" is 10, and must be 16; the skip "level1" is 20, and must be 32.\n'
            "  fix: size 32 (crop 8) or 63 (pad 23); all sizes that fit: n ≡ 0 or 31 (mod 32), n ≥ 31\n"
            "  fix: for an output of the input's size: size 32 (crop 8) or 64 (pad 24);"
            " all such sizes: n ≡ 0 (mod 32), n ≥ 32",
        ),
        (
            AxisNetwork((Save("a"), Window(3), Join("a"))),
            30,
            "size 30 does not fit.\n"
            '  join_a: 30 → 28 does not survive: the skip "a" is 30, and must be 28.\n'
            "  fix: no size will do",
        ),
        (
            AxisNetwork((Save("a"), SpaceToDepth(4), Resize(4), Join("a"), Window(3), Keep())),
            6,
            "size 6 does not fit.\n"
            "  multiple_1, join_a, keep_5: 6 → 1 → 4 → 2 does not survive:"
            " the size before SpaceToDepth(block=4) is 6, and must be a multiple of 4;"
            ' the skip "a" is 6, and must be 4;'
            " the size after Window(kernel=3) is 2,"
            " and must be 4.\n"
            "  fix: no size will do",
        ),
        (
            AxisNetwork((Save("a"), Window(4), Join("a", "even crop"), DOUBLE, Join("a", "crop"))),
            9,
            "size 9 does not fit.\n"
            "  join_a_even, join_a: 9 → 6 → 12 does not survive:"
            ' the skip "a" is 9, and must differ by an even number from 6;'
            ' the skip "a" is 9, and must be at least 12.\n'
            "  fix: no size will do",
        ),
        (
            UNet2Config(pool_stride=3, up_stride=2, up_kernel=3),
            30,
            "size 30 does not fit.\n"
            "  join_skip1, returns_its_size: 30 → 10 → 21 does not survive:"
            ' the skip "skip1" is 30, and must be 21; the output is 21, and must be 30.\n'
            "  fix: size 5 (crop 25); all sizes that fit: {3, 5}",
        ),
        (
            unet(2, convs=1),
            2,
            "size 2 does not fit.\n"
            "  positive_5: 2 → 1 → 0 does not survive: the size after"
            " Window(kernel=2, stride=2) is 0,"
            " and must be at least 1.\n"
            "  fix: size 4 (pad 2); all sizes that fit: n ≡ 0 (mod 4), n ≥ 4",
        ),
        (
            AxisNetwork((Window(5), Window(1, 1, 1, 1))),
            3,
            "size 3 does not fit.\n"
            "  positive_0: 3 → 0 does not survive: the size after"
            " Window(kernel=5) is 0,"
            " and must be at least 1.\n"
            "  fix: size 5 (pad 2); all sizes that fit: n ≥ 5\n"
            "  fix: for an output of the input's size: no size will do",
        ),
        (
            AxisNetwork(()),
            0,
            "size 0 does not fit.\n"
            "  positive: 0 does not survive: the input is 0, and must be at least 1.\n"
            "  fix: size 1 (pad 1); all sizes that fit: n ≥ 1",
        ),
    ],
)
def test_an_explanation_reads_like_this(network, n, text):
    assert str(explain(network, n)) == text


def test_an_explanation_is_a_report():
    found = explain(unet(1), 3)
    assert [failure.name for failure in found.failures] == ["join_level1"]
    assert found.to_dict()["ok"] is False
    with pytest.raises(ShapeError, match="size 3 does not fit"):
        found.raise_if_failed()


@pytest.mark.parametrize("bad", [-1, True, 2.0, "2", None])
def test_a_size_that_is_not_natural_is_not_explained(bad):
    with pytest.raises(ShapeError, match=f"n={bad!r}"):
        explain(unet(1), bad)


def test_what_is_no_network_is_not_explained():
    with pytest.raises(ShapeError, match="it is a tuple, and must be a UNet2Config, a UNetConfig or an AxisNetwork"):
        explain((HALVE,), 3)


def test_huge_sizes_are_explained_like_small_ones():
    big = 10**30
    assert explain(unet(4), big + 1).fixes == (
        f"size {big} (crop 1) or {big + 16} (pad 15); all sizes that fit: n ≡ 0 (mod 16), n ≥ 16",
    )


# plan

PLANNED = [UNet2Config(), unet(1), unet(3), resnet_unet(), strided_unet(2), UNet2Config(pool_kernel=3, up_kernel=3)]
pairs = st.tuples(st.sampled_from(PLANNED), st.sampled_from(PLANNED))


def as_network(network):
    return axis_network(network) if isinstance(network, UNet2Config) else network


@given(pairs, numbers, numbers, st.sampled_from(["error", "pad", "crop"]))
@example((unet(3), unet(1)), 8, 3, "pad")
@example((unet(1), unet(3)), 9, 5, "crop")
@example((unet(1), unet(3)), 8, 8, "error")
def test_a_planned_size_is_the_nearest_that_fits_its_own_axis(pair, height, width, policy):
    ways = [nearest(as_network(network), n) for network, n in zip(pair, (height, width), strict=True)]
    wanted = tuple(
        {"crop": below, "pad": above, "error": above if above == below else None}[policy] for below, above in ways
    )
    if None in wanted:
        with pytest.raises(ShapeError) as error:
            plan(pair, height, width, policy)
        text = str(error.value)
        first, *rest = text.split("\n")
        assert first == f"an image of height {height} and width {width} does not fit."
        assert len(rest) < 9
        for axis, size in zip(("height", "width"), wanted, strict=True):
            assert any(line.startswith(f"  fix: {axis}: ") for line in rest) == (size is None)
        return
    found = plan(pair, height, width, policy)
    assert found.fitting == wanted
    assert (found.policy, found.given) == (policy, (height, width))


@given(pairs, numbers, numbers, st.sampled_from(["pad", "crop"]))
def test_a_plan_is_an_expression_that_makes_the_image_fit_and_its_slices_undo_it(pair, height, width, policy):
    below_all = [nearest(as_network(network), n)[0] for network, n in zip(pair, (height, width), strict=True)]
    assume(policy == "pad" or None not in below_all)
    found = plan(pair, height, width, policy)
    x = np.arange(1, 2 * height * width + 1).reshape(2, height, width)
    fitted = eval(str(found), {"jnp": np, "x": x})  # the text is there to be pasted
    assert fitted.shape == (2, *found.fitting)
    rows, columns = found.slices
    assert (fitted[:, rows, columns] == x[:, rows, columns]).all()
    if policy == "pad":
        assert (fitted[:, rows, columns] == x).all()
        assert fitted.sum() == x.sum()
        assert (np.pad(x, ((0, 0), *found.pads)) == fitted).all()
    else:
        assert (x[:, rows, columns] == fitted).all()
        assert found.pads == ((0, 0), (0, 0))


@pytest.mark.parametrize(
    ("network", "height", "width", "policy", "text"),
    [
        (UNet2Config(), 304, 384, "error", "x"),
        (UNet2Config(), 304, 384, "pad", "x"),
        (UNet2Config(), 304, 384, "crop", "x"),
        (UNet2Config(), 303, 384, "pad", "jnp.pad(x, ((0, 0), (0, 1), (0, 0)))"),
        (UNet2Config(), 303, 385, "crop", "x[:, :302, :384]"),
        (unet(4), 350, 525, "pad", "jnp.pad(x, ((0, 0), (0, 2), (0, 3)))"),
        ((unet(4), unet(1)), 350, 525, "crop", "x[:, :336, :524]"),
        (ronneberger2015(), 512, 512, "pad", "jnp.pad(x, ((0, 0), (0, 12), (0, 12)))"),
    ],
)
def test_a_plan_reads_like_this(network, height, width, policy, text):
    assert str(plan(network, height, width, policy)) == text


def test_the_default_policy_changes_nothing():
    assert plan(unet(2), 8, 12) == Plan("error", (8, 12), (8, 12))
    with pytest.raises(ShapeError):
        plan(unet(2), 8, 13)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            (UNet2Config(), 303, 385),
            "an image of height 303 and width 385 does not fit.\n"
            "  join_skip1, returns_its_size: height 303 → 151 → 302 does not survive:"
            ' the skip "skip1" is 303, and must be 302; the output is 302, and must be 303.\n'
            "  join_skip1, returns_its_size: width 385 → 192 → 384 does not survive:"
            ' the skip "skip1" is 385, and must be 384; the output is 384, and must be 385.\n'
            "  fix: height: size 302 (crop 1) or 304 (pad 1); all sizes that fit: n ≡ 0 (mod 2), n ≥ 2\n"
            "  fix: width: size 384 (crop 1) or 386 (pad 1); all sizes that fit: n ≡ 0 (mod 2), n ≥ 2",
        ),
        (
            ((unet(4, convs=0), unet(1, convs=0)), 16, 33),
            "an image of height 16 and width 33 does not fit.\n"
            '  join_level1: width 33 → 16 → 32 does not survive: the skip "level1" is 33, and must be 32.\n'
            "  fix: width: size 32 (crop 1) or 34 (pad 1); all sizes that fit: n ≡ 0 (mod 2), n ≥ 2",
        ),
        (
            (unet(2, convs=0), 3, 4, "crop"),
            "an image of height 3 and width 4 does not fit.\n"
            "  positive_3: height 3 → 1 → 0 does not survive: the size after"
            " Window(kernel=2, stride=2) is 0,"
            " and must be at least 1.\n"
            "  fix: height: size 4 (pad 1); all sizes that fit: n ≡ 0 (mod 4), n ≥ 4",
        ),
        (
            (AxisNetwork((Window(1, 2),), returns_its_size=True), 1, 2, "pad"),
            "an image of height 1 and width 2 does not fit.\n"
            "  returns_its_size: width 2 → 1 does not survive: the output is 1, and must be 2.\n"
            "  fix: width: size 1 (crop 1); all sizes that fit: {1}",
        ),
        (
            (unet(1), 4, 4, "centre"),
            "the plan does not fit.\n"
            "  policy: no such policy: policy='centre' must be one of error, pad, crop.\n"
            '  fix: policy="crop"',
        ),
        (
            ((unet(1), unet(1), unet(1)), 4, 4),
            "the plan does not fit.\n"
            "  network: not a pair of networks: there are 3, and must be one for the height and one for the width.\n"
            "  fix: (network_of_height, network_of_width)",
        ),
    ],
    ids=["both axes", "one axis of two networks", "none below", "none above", "policy", "three networks"],
)
def test_what_cannot_be_planned_is_refused_in_these_words(arguments, text):
    with pytest.raises(ShapeError) as error:
        plan(*arguments)
    assert str(error.value) == text


@pytest.mark.parametrize("name", ["height", "width"])
@pytest.mark.parametrize("bad", [-1, True, 2.0, "2", None])
def test_a_height_or_width_that_is_not_natural_is_refused_by_name(name, bad):
    with pytest.raises(ShapeError, match=f"{name}={bad!r}"):
        plan(unet(1), **{"height": 4, "width": 4} | {name: bad})


# The families.


def sizes_that_run(network, limit=1100):
    """The sizes up to the limit that meet every demand, tried one by one; the set that is solved has the same ones."""
    found = [n for n in range(limit) if network.run(n).ok]
    fit = compatible_sizes(network)
    assert found == [n for n in range(limit) if n in fit]
    return found


def changing(network, n):
    """The sizes on the way where they change."""
    sizes = network.run(n).sizes
    return [size for i, size in enumerate(sizes) if i == 0 or size != sizes[i - 1]]


@pytest.mark.parametrize("levels", range(7))
@pytest.mark.parametrize(
    "options", [{}, {"padding": 1}, {"convs": 1, "kernel": 5, "padding": 2}, {"up": Resize(2)}, {"kernel": 4}]
)
def test_a_padded_unet_fits_exactly_the_multiples_of_two_to_the_levels(levels, options):
    network = unet(levels, **options)
    fit = compatible_sizes(network)
    assert (fit.period, fit.residues, fit.minimum) == (2**levels, (0,), 2**levels)
    assert explain(network, 2**levels).returns == fit


def test_a_unet_of_pad_joins_fits_every_size_that_reaches_the_bottom():
    assert sizes_that_run(unet(3, join="pad"), 100) == list(range(8, 100))


def test_a_unet_of_crop_joins_returns_exactly_the_multiples():
    found = explain(unet(2, join="crop"), 7)
    assert str(found.runs) == "n ≥ 4"
    assert str(found.returns) == "n ≡ 0 (mod 4), n ≥ 4"
    assert found.sizes[-1] == 4


def test_the_unet_of_2015_has_the_sizes_of_the_papers_figure():
    network = ronneberger2015()
    down = [572, 570, 568, 284, 282, 280, 140, 138, 136, 68, 66, 64, 32, 30, 28]
    up = [56, 54, 52, 104, 102, 100, 200, 198, 196, 392, 390, 388]
    assert changing(network, 572) == down + up
    found = explain(network, 572)
    assert found.ok
    assert found.sizes[-1] == 388
    assert not found.returns


def test_the_unet_of_2015_needs_twelve_more_than_a_multiple_of_sixteen():
    assert str(compatible_sizes(ronneberger2015())) == "n ≡ 12 (mod 16), n ≥ 188"
    assert sizes_that_run(ronneberger2015()) == list(range(188, 1100, 16))


def test_the_even_crops_of_the_unet_of_2015_are_an_even_size_before_every_pooling():
    steps = ronneberger2015().steps
    for n in range(188, 700):
        run = ronneberger2015().run(n)
        before = [size for size, step in zip(run.sizes, steps, strict=False) if step == HALVE]
        assert len(before) == 4
        assert run.ok == all(size % 2 == 0 for size in before)


def test_a_resnet_unet_runs_on_multiples_of_thirty_two_and_one_less():
    assert sizes_that_run(resnet_unet()) == [n for n in range(1, 1100) if n % 32 in (0, 31)]
    found = explain(resnet_unet(), 350)
    assert found.returns == compatible_sizes(unet(5))
    assert explain(resnet_unet(), 31).sizes[-1] == 32


def test_a_strided_unet_meets_five_with_six_on_forty():
    found = explain(strided_unet(4), 40)
    assert changing(strided_unet(4), 40) == [40, 20, 10, 5, 3, 6, 12, 24, 48]
    assert found.failures[0].name == "join_level3"
    assert found.failures[0].says == 'the skip "level3" is 5, and must be 6'
    assert sizes_that_run(strided_unet(4), 300) == [n for n in range(1, 300) if n % 16 in (0, 15)]


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_a_strided_unet_of_any_odd_kernel_runs_on_the_multiples_and_one_less_and_returns_the_multiples(kernel):
    found = explain(strided_unet(3, kernel=kernel), 8)
    assert (str(found.runs), str(found.returns)) == ("n ≡ 0 or 7 (mod 8), n ≥ 7", "n ≡ 0 (mod 8), n ≥ 8")


def test_an_encoder_decoder_joins_where_it_is_told_to():
    ceil = Window(3, 2, 1, 1)
    some = encoder_decoder((ceil, ceil), Resize(2), joins=(False, True))
    every = encoder_decoder((ceil, ceil), Resize(2))
    assert [step.name for step in some.steps if isinstance(step, Join)] == ["level1"]
    assert [step.name for step in every.steps if isinstance(step, Join)] == ["level1", "level0"]
    assert (str(compatible_sizes(some)), str(compatible_sizes(every))) == (
        "n ≡ 0 or 3 (mod 4), n ≥ 3",
        "n ≡ 0 (mod 4), n ≥ 4",
    )


@pytest.mark.parametrize(
    ("make", "fragment"),
    [
        (lambda: unet(-1), "levels=-1"),
        (lambda: unet(2, convs=2.0), "convs=2.0"),
        (lambda: unet(2, padding="valid"), "padding='valid'"),
        (lambda: unet(2, join="centre"), "how must be one of exact, crop, even crop, pad"),
        (lambda: unet(2, down="pool"), "'pool', is not a step"),
        (lambda: strided_unet(True), "levels=True"),
        (lambda: strided_unet(2, kernel="3"), "kernel='3'"),
        (
            lambda: encoder_decoder((HALVE, HALVE), DOUBLE, joins=(True,)),
            "joins has 1 entries, and must have one for each of the 2 downs",
        ),
    ],
)
def test_a_family_refuses_by_name_what_it_cannot_build(make, fragment):
    with pytest.raises(ShapeError, match=re.escape(fragment)):
        make()


@pytest.mark.parametrize("make", [lambda: unet(10**30), lambda: unet(1, convs=65), lambda: strided_unet(65)])
def test_too_many_levels_or_convolutions_are_refused(make):
    with pytest.raises(ShapeError, match="must be at most 64"):
        make()


def test_a_network_that_is_too_hard_to_solve_is_explained_all_the_same():
    report = explain(HARD, 100)
    assert report.runs is None
    assert report.sizes[:3] == (100, 100, 33)
    assert [failure.name for failure in report.failures] == ["join_n_even"] * 5  # by 3, 11, 13, 17 and 19
    assert "too hard to solve" in str(report)
    assert explain(HARD, 3 * 5 * 7 * 11 * 13 * 17 * 19 * 23).ok


def test_a_deep_network_is_solved():
    assert str(explain(unet(40), 100).runs) == f"n ≡ 0 (mod {2**40}), n ≥ {2**40}"
