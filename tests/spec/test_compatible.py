"""The compatible sizes of a network and its shapes, against brute force and a closed form."""

from itertools import product
from math import inf

import pytest
from closed_form import progression
from configs import any_configs, configs, fitting_configs
from effort import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from networks import HARD

from wellshaped.proofs_of_shape.strategies import ill_formed_configs, unet_configs
from wellshaped.spec import (
    FIELDS,
    OBLIGATIONS,
    PRESETS,
    WELL_FORMED,
    Add,
    ConfigError,
    Conv,
    ConvTranspose,
    MaxPool,
    Mean,
    Multiply,
    Network,
    Node,
    Norm,
    Progression,
    Require,
    ShapeError,
    ShapeSet,
    SizeSet,
    UNet2Config,
    UNetConfig,
    UsageError,
    WellshapedError,
    Window,
    compatible_shapes,
    compatible_sizes,
    explain,
    graph_of,
    repair,
    run,
    run_image,
)

LIMIT = 200
positive_fields = {name: st.integers(1, 7) for name in FIELDS} | {
    name: st.integers(0, 7) for name in FIELDS if name.endswith("padding")
}
well_formed = st.builds(UNet2Config, **positive_fields)
"""Well-formed configs of any numbers: most fit few sizes, or none."""


def is_well_formed(cfg):
    return all(condition.holds(cfg) for condition in WELL_FORMED)


# A config along one axis.


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
    if not is_well_formed(cfg):
        with pytest.raises(ConfigError) as error:
            compatible_sizes(cfg)
        assert [v.name for v in error.value.report.failures] == [c.name for c in WELL_FORMED if not c.holds(cfg)]
        assert cfg.base_channels == 0 or sizes_by_brute_force(cfg) == []
        return
    fit = compatible_sizes(cfg)
    assert [n for n in range(LIMIT + 1) if n in fit] == sizes_by_brute_force(cfg)


nearly_well_formed = configs | well_formed


@examples(600)
@given(nearly_well_formed)
@example(UNet2Config(pool_stride=3, up_stride=2, up_kernel=3))  # a finite set of more than one size
@example(UNet2Config(conv_stride=2, conv_kernel=1, conv_padding=0))
def test_the_compatible_sizes_are_those_that_brute_force_finds(cfg):
    check_against_brute_force(cfg)


@pytest.mark.exhaustive
@settings(max_examples=3_000)
@given(nearly_well_formed)
def test_the_compatible_sizes_are_those_that_brute_force_finds_at_length(cfg):
    check_against_brute_force(cfg)


def check_against_closed_form(cfg):
    first, step, count = progression(cfg)
    assert compatible_sizes(cfg) == SizeSet([Progression(first, step, None if count == inf else count)])


well_formed_configs = configs.filter(is_well_formed) | well_formed


@examples(400)
@given(well_formed_configs)
@example(UNet2Config(pool_stride=3, up_stride=2, up_kernel=3))
@example(UNet2Config(conv_padding=10**30, conv_kernel=2 * 10**30 + 1))
def test_the_compatible_sizes_are_those_of_the_closed_form(cfg):
    check_against_closed_form(cfg)


@pytest.mark.exhaustive
@settings(max_examples=2_000)
@given(well_formed_configs)
def test_the_compatible_sizes_are_those_of_the_closed_form_at_length(cfg):
    check_against_closed_form(cfg)


@examples(200)
@given(well_formed)
def test_the_closed_form_is_what_brute_force_finds(cfg):
    first, step, count = progression(cfg)
    found = [n for n in range(1, LIMIT + 1) if (n - first) % step == 0 and 0 <= (n - first) // step < count]
    assert found == sizes_by_brute_force(cfg)


@pytest.mark.slow
def test_the_configs_above_reach_sets_without_end_finite_and_empty():
    seen = set()

    @settings(max_examples=3000, database=None)
    @given(well_formed_configs)
    def look(cfg):
        fit = compatible_sizes(cfg)
        seen.add("without end" if not fit.is_finite else "several" if len(list(fit)) > 1 else "one" if fit else "none")

    look()
    assert seen == {"without end", "several", "one", "none"}


@pytest.mark.parametrize("condition", WELL_FORMED, ids=lambda condition: condition.name)
@settings(max_examples=20)
@given(data=st.data())
def test_an_ill_formed_config_has_no_sizes_and_its_condition_is_reported(condition, data):
    cfg = data.draw(ill_formed_configs(condition.name))
    for ask in (compatible_sizes, compatible_shapes, graph_of):
        with pytest.raises(ConfigError) as error:
            ask(cfg)
        assert [verdict.name for verdict in error.value.report.failures] == [condition.name]


@given(fitting_configs(max_kernel=7, max_stride=7))
def test_a_fitting_config_fits_infinitely_many_sizes_in_steps_of_its_stride(cfg):
    assert compatible_sizes(cfg).period == cfg.up_stride


@given(any_configs.filter(is_well_formed) | well_formed)
def test_a_repaired_config_fits_infinitely_many_sizes(cfg):
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
    odd = UNet2Config(pool_kernel=big, pool_stride=big, up_stride=big, up_kernel=big)
    assert str(compatible_sizes(odd)) == f"n ≡ 0 (mod {big}), n ≥ {big}"
    few = UNet2Config(pool_kernel=1, pool_stride=3, up_stride=1, up_kernel=big, up_padding=big // 2 - 1)
    assert compatible_sizes(few) == SizeSet([Progression(*progression(few))])


def strides_that_differ_by_one(big):
    cfg = UNet2Config(pool_kernel=1, pool_stride=big, up_stride=big - 1, up_kernel=big)
    return cfg, Progression(*progression(cfg))


@pytest.mark.parametrize("big", [10, 1000, 10**30])
def test_strides_that_differ_by_one_leave_as_many_sizes_as_the_stride(big):
    cfg, sizes = strides_that_differ_by_one(big)
    assert sizes.count == big
    assert all(o.holds(cfg, n) for o in OBLIGATIONS for n in (sizes.first, sizes.maximum))
    assert not all(o.holds(cfg, sizes.maximum + sizes.step) for o in OBLIGATIONS)
    assert compatible_sizes(cfg) == SizeSet([sizes])


@pytest.mark.parametrize("ask", [compatible_sizes, compatible_shapes, graph_of])
@pytest.mark.parametrize(
    ("given", "kind"), [({}, "a dict"), (None, "a NoneType"), (UNet2Config, "the class UNet2Config"), (3, "an int")]
)
def test_what_is_no_network_is_rejected_by_its_kind(ask, given, kind):
    with pytest.raises(UsageError, match=f"it is {kind}, and must be a config, a Network, or the name of a preset"):
        ask(given)


def test_a_preset_is_meant_by_its_name_and_the_nearest_is_proposed():
    for name, cfg in PRESETS.items():
        shapes = compatible_shapes(name).axes
        assert shapes == compatible_shapes(cfg).axes == compatible_shapes(graph_of(name)).axes
    with pytest.raises(UsageError, match="no preset is called 'milesal'") as error:
        compatible_sizes("milesal")
    assert error.value.report.fixes == ('"milesial"',)


@pytest.mark.parametrize("name", ["unet", "Unet", "unets"])
def test_the_name_of_a_config_on_the_command_line_is_a_config_in_python(name):
    with pytest.raises(UsageError) as error:
        compatible_sizes(name)
    assert error.value.report.fixes == ("UNetConfig(levels=4)",)


# Several axes.

LEVELS_DIFFER = Network(
    {"x": 4},
    (
        Node("pooled", MaxPool((1, 2, 4))),
        Node("up", ConvTranspose((1, 2, 4), (1, 2, 4))),
        Node("y", Add(), ("x", "up")),
    ),
    axes=3,
)


def test_each_axis_has_sizes_of_its_own_and_one_must_be_named_where_they_differ():
    assert [str(compatible_sizes(LEVELS_DIFFER, axis)) for axis in range(3)] == [
        "n ≥ 1",
        "n ≡ 0 (mod 2), n ≥ 2",
        "n ≡ 0 (mod 4), n ≥ 4",
    ]
    with pytest.raises(UsageError) as error:
        compatible_sizes(LEVELS_DIFFER)
    assert str(error.value) == (
        "compatible_sizes without an axis can't be used.\n"
        "  axis: the axes have different sizes: "
        "depth: n ≥ 1; height: n ≡ 0 (mod 2), n ≥ 2; width: n ≡ 0 (mod 4), n ≥ 4.\n"
        '  fix: axis="depth", or compatible_shapes(network)'
    )


def test_an_axis_that_the_network_does_not_have_is_rejected():
    assert compatible_sizes("unet2", 1) == compatible_sizes("unet2")
    with pytest.raises(UsageError, match="the network has 2 axes, counted from 0"):
        compatible_sizes("unet2", 2)
    with pytest.raises(UsageError, match="axis=-1"):
        compatible_sizes("unet2", -1)
    with pytest.raises(UsageError) as error:
        compatible_sizes(LEVELS_DIFFER, "heigth")
    assert str(error.value) == (
        "axis='heigth' can't be used.\n"
        "  axis: no such axis: the axes are depth, height and width.\n"
        '  fix: axis="height"'
    )


def test_an_axis_can_be_given_by_its_name():
    for number, name in enumerate(LEVELS_DIFFER.axis_names):
        assert compatible_sizes(LEVELS_DIFFER, name) == compatible_sizes(LEVELS_DIFFER, number)
        assert run(LEVELS_DIFFER, 8, axis=name) == run(LEVELS_DIFFER, 8, axis=number)


def test_a_network_that_is_too_hard_to_solve_is_reported_as_not_solved():
    for ask in (compatible_sizes, compatible_shapes):
        with pytest.raises(WellshapedError) as error:
            ask(HARD)
        assert error.value.report.failures[0].name == "not_solved"


# The shapes of whole images.


def halved(axes, *, norm=None, require=None, levels=1, kernel=2):
    """Halvings of every axis, with a requirement over all axes at the bottom, and back."""
    nodes = [Node(f"pooled{i}", MaxPool(kernel)) for i in range(levels)]
    nodes += [Node("norm", norm)] if norm else []
    nodes += [Node("enough", require)] if require else []
    nodes += [Node(f"up{i}", ConvTranspose(kernel, kernel)) for i in range(levels)]
    return Network({"x": 4}, (*nodes, Node("y", Add(), ("x", nodes[-1].name))), axes=axes)


TOGETHER = [
    *(halved(axes, norm=Norm("instance")) for axes in (1, 2, 3)),
    *(halved(axes, norm=Norm("group", groups=4)) for axes in (1, 2, 3)),
    *(halved(axes, norm=Norm("group", groups=2)) for axes in (1, 2)),
    *(halved(axes, norm=Norm("batch")) for axes in (1, 2, 3)),
    *(halved(axes, require=Require(positions=positions)) for axes in (1, 2, 3) for positions in (1, 5, 9)),
    halved(2, levels=2, norm=Norm("instance")),
    halved(2, kernel=3, require=Require(positions=7)),
    # Axes that differ, and a requirement whose positions do not grow along one of them.
    Network({"x": 4}, (Node("pooled", MaxPool((1, 2))), Node("y", Norm("instance"))), axes=2),
    Network({"x": 4}, (Node("mean", Mean()), Node("y", Norm("instance"))), axes=2),
    # A finite set along each axis.
    Network(
        {"x": 4},
        (
            Node("a", Window(1, 2)),
            Node("enough", Require(positions=3)),
            Node("y", Require(equal=True), ("a", "x")),
        ),
        axes=2,
    ),
    *(
        Network(
            {"x": 4},
            (
                Node("a", MaxPool(2)),
                Node("enough", Require(positions=positions)),
                Node("up", ConvTranspose(1, 3)),  # 3a - 2 is 2a or 2a + 1 for an a of 2 or 3
                Node("y", Add(), ("up", "x")),
            ),
            axes=2,
        )
        for positions in (5, 6, 7, 9, 10)
    ),
]
BOUNDS = {1: 40, 2: 15, 3: 6}


def shapes_by_brute_force(network):
    return {
        sizes for sizes in product(range(BOUNDS[network.axes] + 1), repeat=network.axes) if run_image(network, sizes).ok
    }


def nearest_by_brute_force(found, sizes, larger):
    """Whether some shape is no smaller (or no larger) along every axis, and the fewest positions that one has."""
    return [
        other for other in found if all((b >= a) if larger else (b <= a) for a, b in zip(sizes, other, strict=True))
    ]


@pytest.mark.parametrize("network", TOGETHER, ids=range(len(TOGETHER)))
def test_the_compatible_shapes_are_the_images_that_run(network):
    shapes = compatible_shapes(network)
    found = shapes_by_brute_force(network)
    assert {
        sizes for sizes in product(range(BOUNDS[network.axes] + 1), repeat=network.axes) if sizes in shapes
    } == found


@pytest.mark.one_in(4)
@pytest.mark.parametrize("network", TOGETHER, ids=range(len(TOGETHER)))
def test_the_shape_above_fits_and_no_other_with_no_smaller_size_has_fewer_positions(network):
    shapes, bound = compatible_shapes(network), BOUNDS[network.axes]
    found = shapes_by_brute_force(network)
    for sizes in product(range(bound // 2), repeat=network.axes):
        above = shapes.above(sizes)
        candidates = nearest_by_brute_force(found, sizes, larger=True)
        if above is None:
            assert not candidates
            continue
        assert above in shapes
        assert all(b >= a for a, b in zip(sizes, above, strict=True))
        along = tuple(fit.above(n) for n, fit in zip(sizes, shapes.axes, strict=True))
        changed = [i for i, (n, b) in enumerate(zip(along, above, strict=True)) if n != b]
        assert changed == [] or along not in shapes
        assert positions(above) <= min(map(positions, candidates), default=inf)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("network", TOGETHER, ids=range(len(TOGETHER)))
def test_the_shape_below_is_the_largest_that_fits_within_the_image(network):
    shapes, bound = compatible_shapes(network), BOUNDS[network.axes]
    found = shapes_by_brute_force(network)
    for sizes in product(range(bound + 1), repeat=network.axes):
        below, candidates = shapes.below(sizes), nearest_by_brute_force(found, sizes, larger=False)
        if below is None:
            assert not candidates
        else:
            assert below in candidates
            assert all(a <= b for other in candidates for a, b in zip(other, below, strict=True))


def positions(sizes):
    count = 1
    for n in sizes:
        count *= n
    return count


def test_the_nodes_that_require_something_over_all_axes_are_named_and_a_batch_norm_is_not():
    assert compatible_shapes(halved(2, norm=Norm("instance"))).together == ("norm",)
    assert compatible_shapes(halved(2, norm=Norm("batch"))).together == ()
    assert compatible_shapes(halved(2, norm=Norm("group", groups=4))).together == ("norm",)
    assert compatible_shapes(halved(2, require=Require(positions=3))).together == ("pooled0",)
    assert compatible_shapes(halved(1, require=Require(positions=3))).together == ()
    cfg = UNetConfig(levels=1, convs_per_block=1, norm="instance")
    assert compatible_shapes(cfg).together == (
        "encoder[0].convs[0].norm",
        "bottom.convs[0].norm",
        "decoder[0].convs[0].norm",
    )


ALONE = {
    "instance norm": (halved(1, norm=Norm("instance")), "n ≡ 0 (mod 2), n ≥ 4"),
    "group norm": (halved(1, norm=Norm("group", groups=4), levels=2), "n ≡ 0 (mod 4), n ≥ 8"),
    "group norm of pairs": (halved(1, norm=Norm("group", groups=2), levels=2), "n ≡ 0 (mod 4), n ≥ 4"),
    "batch norm": (halved(1, norm=Norm("batch")), "n ≡ 0 (mod 2), n ≥ 2"),
    "positions": (halved(1, require=Require(positions=5)), "n ≡ 0 (mod 2), n ≥ 10"),
    "config": (UNetConfig(levels=3, axes=1, base_channels=2, norm="instance"), "n ≡ 0 (mod 8), n ≥ 16"),
    "nothing": (Network({"x": 4}, (Node("mean", Mean()), Node("y", Norm("instance"))), axes=1), "no size"),
}


@pytest.mark.parametrize("name", ALONE)
def test_along_a_single_axis_what_is_required_over_all_axes_is_required_of_the_size(name):
    network, sizes = ALONE[name]
    assert str(compatible_sizes(network)) == sizes
    graph = graph_of(network)
    for n in range(1, 40):
        judged = [it for it in run(graph, n).requirements if it.rule in ("statistics", "positions")]
        assert run(graph, n).ok == (n in compatible_sizes(network)) == explain(network, n).ok
        assert bool(judged) == (name not in ("group norm of pairs", "batch norm"))
        assert all(it.warns for it in run_image(graph, (n,)).together)


def test_a_set_of_shapes_reads_like_this():
    assert str(compatible_shapes("unet2")) == "height: n ≡ 0 (mod 2), n ≥ 2; width: n ≡ 0 (mod 2), n ≥ 2"
    assert str(compatible_shapes(halved(1, require=Require(positions=3)))) == "length: n ≡ 0 (mod 2), n ≥ 6"
    many = compatible_shapes(UNetConfig(levels=1, convs_per_block=2, norm="instance"))
    assert str(many) == (
        "height: n ≡ 0 (mod 2), n ≥ 2; width: n ≡ 0 (mod 2), n ≥ 2; some combinations of these sizes are too small,"
        " such as 2×2: bottom.convs[0].norm: the count of numbers is 1, and must be at least 2"
    )
    large = compatible_shapes(halved(2, norm=Norm("instance"), require=Require(at_least=4)))
    assert large.together  # and the least sizes meet it
    assert "too small" not in str(large)
    mean = Network({"x": 4}, (Node("mean", Mean()), Node("y", Norm("instance"))), axes=2)
    assert str(compatible_shapes(mean)) == (
        "height: n ≥ 1; width: n ≥ 1; but none of these sizes fit together:"
        " y: the count of numbers is 1, and must be at least 2"
    )
    assert compatible_shapes("unet2").names == ("height", "width")


def test_no_shape_is_in_a_set_of_another_number_of_axes_nor_anything_else():
    shapes = compatible_shapes("unet2")
    assert (4, 6) in shapes
    assert [4, 6] in shapes
    for other in ((4,), (4, 6, 8), 4, None, {4, 6}, (4, 5), (0, 4)):
        assert other not in shapes
    with pytest.raises(ShapeError, match="needs two: height and width"):
        shapes.above((4, 6, 8))
    with pytest.raises(UsageError, match="height=True"):
        shapes.below((True, 4))


def test_a_huge_shape_is_found_like_a_small_one():
    big = 10**30
    shapes = compatible_shapes(halved(2, require=Require(positions=big)))
    assert shapes.above((2, 2)) == (2 * big, 2)
    assert shapes.above((1, 8)) in {(2, 2 * big), (big // 2, 8)}
    assert shapes.below((big, big)) == (big, big)
    assert shapes.below((big, 3)) is None


@given(unet_configs(), st.integers(1, 40), st.integers(1, 40))
def test_a_drawn_config_fits_the_shapes_that_its_graph_runs(cfg, height, width):
    assert ((height, width) in compatible_shapes(cfg)) == run_image(graph_of(cfg), (height, width)).ok


def test_a_gate_takes_the_sizes_of_its_image_alone():
    nodes = (Node("mean", Mean()), Node("gate", Conv(1)), Node("y", Multiply(broadcast="positions"), ("x", "gate")))
    assert compatible_shapes(Network({"x": 4}, nodes)) == ShapeSet(
        Network({"x": 4}, nodes), (compatible_sizes(Network({"x": 4}, nodes)),) * 2
    )
    assert str(compatible_sizes(Network({"x": 4}, nodes))) == "n ≥ 1"


def test_a_size_with_a_fraction_leads_to_the_nearest_whole_number():
    with pytest.raises(UsageError) as error:
        compatible_sizes("milesial").above(303.5)
    assert error.value.report.fixes == ("n=304",)
