"""The public strategies draw what their docstrings say, reach the hard cases, and shrink to the small ones."""

import subprocess
import sys
from dataclasses import fields

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import examples, sparse
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from jaxtyping import Array, BFloat16, Bool, Float, Float32, Float64, Inexact, Int, Int4, Key, Num, Shaped

from wellshaped.models import UNet2Params
from wellshaped.proofs_of_shape import strategies
from wellshaped.proofs_of_shape.strategies import from_annotation
from wellshaped.spec import (
    FIELDS,
    WELL_FORMED,
    Add,
    Concat,
    ConfigError,
    CropTo,
    MaxPool,
    Network,
    Node,
    PadTo,
    Progression,
    Require,
    Resize,
    ResizeTo,
    ShapeError,
    SizeSet,
    SpaceToDepth,
    TransposedWindow,
    UNet2Config,
    UNetConfig,
    UsageError,
    WellshapedError,
    Window,
    check,
    check_unet_config,
    compatible_shapes,
    compatible_sizes,
)
from wellshaped.spec.reference import unet2_forward
from wellshaped.spec.unet.choices import CHOICES

LOOK = settings(
    max_examples=4000,
    derandomize=True,
    database=None,
    report_multiple_bugs=False,  # shrink the first value found, and look for no other
    suppress_health_check=list(HealthCheck),
)


def smallest(strategy, condition=lambda value: True):
    """The value that meets the condition and that the strategy shrinks to; fails if the strategy reaches none."""
    return find(strategy, condition, settings=LOOK)


def one_drawn(strategy, condition):
    """A drawn value that meets the condition, not shrunk; fails if the strategy reaches none."""
    return find(strategy, condition, settings=settings(LOOK, phases=[Phase.generate]))


def broken(cfg):
    return [condition.name for condition in WELL_FORMED if not condition.holds(cfg)]


def fit_of(cfg):
    """The sizes that fit: none if the config is ill-formed."""
    return SizeSet() if broken(cfg) else compatible_sizes(cfg)


# Configs.


@given(strategies.configs())
def test_a_config_is_well_formed_within_the_bounds_and_infinitely_many_sizes_fit(cfg):
    assert not broken(cfg)
    assert not fit_of(cfg).is_finite
    assert max(cfg.pool_kernel, cfg.conv_kernel, cfg.head_kernel) <= 5
    assert cfg.pool_stride <= 3
    assert cfg.base_channels <= 4


@pytest.mark.parametrize(
    "hard",
    [
        lambda cfg: fit_of(cfg).residues == (1,) and fit_of(cfg).period == 2,  # only odd sizes
        lambda cfg: fit_of(cfg).minimum == 1 and cfg.pool_stride > 1,  # one row
        lambda cfg: cfg.pool_stride > cfg.pool_kernel,  # rows that no window sees
        lambda cfg: cfg.pool_stride < cfg.pool_kernel,  # rows that two windows see
        lambda cfg: cfg.up_padding and cfg.up_kernel > cfg.pool_kernel + 2 * cfg.up_padding,
        lambda cfg: cfg.conv_kernel == 5 and cfg.head_kernel == 5,
        lambda cfg: fit_of(cfg).residues == (2,),
    ],
)
def test_the_configs_reach(hard):
    assert smallest(strategies.configs(), hard)


def test_the_strides_of_configs_may_be_huge():
    cfg = smallest(strategies.configs(max_stride=10**30), lambda cfg: cfg.pool_stride > 10**20)
    assert cfg.pool_stride == fit_of(cfg).period == 10**20 + 1
    assert fit_of(cfg).minimum == 1


def test_the_configs_shrink_to_the_one_that_keeps_every_size():
    ones = UNet2Config(
        **{name: 0 if name.endswith("padding") else 1 for name in FIELDS},
    )
    assert smallest(strategies.configs()) == ones
    assert smallest(strategies.nearly_fitting_configs()) == ones
    assert str(fit_of(ones)) == "n ≥ 1"


def test_any_config_shrinks_to_zeros_and_reaches_sevens():
    assert smallest(strategies.any_configs()) == UNet2Config(**dict.fromkeys(FIELDS, 0))
    last = smallest(strategies.any_configs(), lambda cfg: cfg.base_channels == 7)
    assert last == UNet2Config(**dict.fromkeys(FIELDS, 0) | {"base_channels": 7})


@pytest.mark.parametrize("condition", sparse(WELL_FORMED, 3), ids=lambda condition: condition.name)
def test_an_ill_formed_config_breaks_the_named_condition_and_no_other(condition):
    @given(strategies.ill_formed_configs(condition.name))
    def each(cfg):
        assert broken(cfg) == [condition.name]

    each()
    # Where no name is given, every one is reached.
    assert smallest(strategies.ill_formed_configs(), lambda cfg: broken(cfg) == [condition.name])


@given(strategies.ill_formed_configs())
def test_an_ill_formed_config_breaks_one_condition(cfg):
    assert len(broken(cfg)) == 1


def test_the_ill_formed_configs_shrink_toward_the_first_condition():
    assert broken(smallest(strategies.ill_formed_configs())) == [WELL_FORMED[0].name]


@pytest.mark.parametrize(
    "edge",
    sparse(
        [
            lambda cfg: not fit_of(cfg),
            lambda cfg: fit_of(cfg).count == 1,
            lambda cfg: fit_of(cfg).is_finite and (fit_of(cfg).count or 0) > 1,
            lambda cfg: not fit_of(cfg).is_finite,
            lambda cfg: not broken(cfg) and not fit_of(cfg),
            lambda cfg: bool(broken(cfg)),
        ],
        5,
    ),
    ids=["none", "one", "several", "without end", "well-formed but none", "ill-formed"],
)
def test_the_nearly_fitting_configs_reach(edge):
    assert smallest(strategies.nearly_fitting_configs(), edge)


# Networks.


def operations(network):
    return [node.operation for node in network.nodes]


@pytest.mark.slow
def test_the_networks_shrink_to_one_level_of_halving_and_doubling():
    halving = [Window(2, 2), TransposedWindow(2, 2), Concat()]
    assert operations(smallest(strategies.networks())) == halving
    assert operations(smallest(strategies.networks(fitting=True))) == halving
    assert smallest(strategies.networks()).nodes[-1].inputs == ("x", "up[0]")
    assert smallest(strategies.graphs()).nodes == ()
    assert smallest(strategies.windows()) == Window(1)
    assert smallest(strategies.transposed_windows()) == TransposedWindow(1)
    assert smallest(strategies.sized_steps()) == Resize(1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "join",
    [[CropTo()], [CropTo(odd="never")], [PadTo()], [ResizeTo()], []],
    ids=["crop", "even crop", "pad", "resize", "exact"],
)
def test_the_networks_and_graphs_reach_every_join(join):
    def joins(network):
        """Whether some join has inputs from exactly these operations, or unchanged inputs if there are none."""
        of = {node.name: node.operation for node in network.nodes}
        met = [[of.get(name) for name in it.inputs] for it in network.nodes if isinstance(it.operation, Concat | Add)]
        changes = CropTo | PadTo | ResizeTo
        return any([one for one in inputs if isinstance(one, changes)] == join for inputs in met)

    for strategy in (strategies.networks(), strategies.graphs()):
        assert joins(one_drawn(strategy, joins))


@pytest.mark.parametrize("kind", [Window, TransposedWindow, Resize, SpaceToDepth, Require])
def test_the_networks_and_graphs_reach_every_step(kind):
    for strategy in (strategies.networks(), strategies.graphs()):
        assert one_drawn(strategy, lambda network: any(isinstance(it, kind) for it in operations(network)))


def test_the_networks_reach_a_level_without_a_join_and_an_output_that_must_have_the_size_of_the_input():
    def names(network):
        return {node.name for node in network.nodes}

    assert smallest(strategies.networks(), lambda network: "joined[0]" not in names(network))
    returned = smallest(strategies.networks(), lambda network: "y" in names(network)).nodes[-1]
    assert (returned.operation, returned.inputs[1]) == (Require(equal=True), "x")


@pytest.mark.slow
def test_the_networks_reach_six_levels_sets_without_end_finite_and_empty():
    def levels(network):
        return sum(node.name.startswith("pooled") for node in network.nodes)

    assert levels(smallest(strategies.networks(), lambda network: levels(network) == 6)) == 6
    assert smallest(strategies.networks(2), lambda network: not compatible_sizes(network).is_finite)
    assert smallest(strategies.networks(2), lambda network: bool(compatible_sizes(network).is_finite))
    assert not compatible_sizes(smallest(strategies.networks(2), lambda network: not compatible_sizes(network)))
    assert smallest(strategies.networks(2), lambda network: len(compatible_sizes(network).residues) > 1)


@given(strategies.networks(3, fitting=True))
def test_infinitely_many_sizes_fit_a_fitting_network(network):
    assert not compatible_sizes(network).is_finite


# Sizes.


@given(st.data(), strategies.configs() | strategies.networks(3, fitting=True))
def test_the_compatible_sizes_fit_and_the_minimally_incompatible_ones_just_do_not(data, network):
    fit = compatible_sizes(network)
    assert data.draw(strategies.compatible(network)) in fit
    n = data.draw(strategies.minimally_incompatible(network))
    assert n >= 0
    assert n not in fit
    assert n - 1 in fit or n + 1 in fit


def test_the_sizes_shrink_to_the_first_that_fit_and_to_the_one_below():
    even = UNet2Config()
    assert smallest(strategies.compatible(even)) == 2
    assert smallest(strategies.compatible(even, 9), lambda n: n > 19) == 20
    assert smallest(strategies.minimally_incompatible(even)) == 1
    assert smallest(strategies.minimally_incompatible(even), lambda n: n > 14) == 15


def test_the_minimally_incompatible_sizes_stand_at_both_ends_of_a_finite_set():
    several = UNet2Config(pool_stride=3, up_stride=2, up_kernel=3)
    assert list(compatible_sizes(several)) == [3, 5]
    found = {n for n in range(20) if _reached(strategies.minimally_incompatible(several), n)}
    assert found == {2, 4, 6}


def test_the_minimally_incompatible_sizes_find_the_far_end_of_a_long_run():
    # 3n - 1999 is at most n up to 999.
    nodes = (Node("up", Resize(3)), Node("less", Window(2000)), Node("skip", CropTo(), ("x", "less")))
    network = Network({"x": 1}, nodes, axes=1)
    assert compatible_sizes(network) == SizeSet([Progression(667, 1, 333)])
    assert smallest(strategies.minimally_incompatible(network)) == 666
    assert smallest(strategies.minimally_incompatible(network), lambda n: n > 666) == 1000


def test_where_every_size_fits_the_only_minimally_incompatible_one_is_zero():
    everything = smallest(strategies.configs())
    assert _reached(strategies.minimally_incompatible(everything), 0)
    assert not _reached(strategies.minimally_incompatible(everything), 1)


def test_sizes_are_drawn_for_one_axis_or_for_all_axes_in_order():
    poolings = (Node("pooled", MaxPool((1, 3))), Node("up", Resize((1, 3))), Node("y", Concat(), ("x", "up")))
    wide = Network({"x": 1}, poolings)
    assert smallest(strategies.compatible(wide, axis=1)) == 3
    assert smallest(strategies.minimally_incompatible(wide, axis=0)) == 0
    assert smallest(strategies.image_sizes(wide)) == (1, 3)
    with pytest.raises(UsageError, match="the axes have different sizes"):
        strategies.compatible(wide)


@given(st.data(), strategies.unet_configs(max_levels=3))
def test_the_sizes_of_an_image_fit_together(data, cfg):
    assert data.draw(strategies.image_sizes(cfg, max_index=2)) in compatible_shapes(cfg)


def _reached(strategy, value):
    seen = set()

    @settings(LOOK, max_examples=200, phases=[Phase.generate])
    @given(strategy)
    def look(drawn):
        seen.add(drawn)

    look()
    return value in seen


# Images and parameters.


@examples(25)
@given(st.data(), strategies.configs(), st.integers(1, 3), st.integers(1, 3))
def test_the_images_and_parameters_of_a_config_fit_it(data, cfg, in_channels, out_channels):
    x = data.draw(strategies.images(cfg, in_channels, max_index=1))
    assert isinstance(x, Float32[np.ndarray, f"{in_channels} h w"])
    assert check(cfg, x.shape, out_channels=out_channels).ok
    assert np.abs(x).max() <= 1
    arrays = data.draw(strategies.params(cfg, in_channels, out_channels))
    assert all(np.isin(leaf, [-2, -1, 0, 1, 2]).all() for leaf in jax.tree.leaves(arrays))
    # Making them checks them: a UNet2Params that does not fit its config cannot be made.
    params = UNet2Params(cfg=cfg, in_channels=in_channels, out_channels=out_channels, **arrays)
    assert len(jax.tree.leaves(params)) == len(jax.tree.leaves(arrays)) == 16
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")}
    assert unet2_forward(cfg, arrays, x).shape == (out_channels, *x.shape[1:])


def test_the_images_reach_one_row_and_both_sides_and_shrink_to_zeros():
    rows = smallest(strategies.configs(), lambda cfg: cfg.pool_stride == 2)
    assert smallest(strategies.images(rows), lambda x: x.shape[1] == 1 != x.shape[2]).tolist() == [[[0, 0, 0]]]
    assert smallest(strategies.images(rows), lambda x: x.shape[2] == 1 != x.shape[1]).tolist() == [[[0], [0], [0]]]
    assert smallest(strategies.images(rows), lambda x: x.min() < 0).tolist() == [[[-1]]]


def test_the_images_of_any_network_have_its_channels_and_axes():
    volume = Network({"x": 2}, (Node("pooled", MaxPool((1, 2, 2))), Node("y", SpaceToDepth((1, 1, 2)))), axes=3)
    assert smallest(strategies.images(volume, 2)).shape == (2, 1, 2, 4)
    with pytest.raises(ShapeError, match="in_channels="):
        strategies.images(volume)


def test_the_entries_of_images_and_parameters_may_be_given():
    cfg = UNet2Config(base_channels=1)
    halves = st.sampled_from([0.5])
    assert np.unique(smallest(strategies.images(cfg, elements=halves))) == 0.5
    params = smallest(strategies.params(cfg, elements=halves))
    assert {float(x) for leaf in jax.tree.leaves(params) for x in np.unique(leaf)} == {0.5}


@pytest.mark.slow
def test_the_parameters_shrink_to_zeros():
    assert not any(leaf.any() for leaf in jax.tree.leaves(smallest(strategies.params(UNet2Config(base_channels=2)))))


# Arrays from an annotation.

N = np.ndarray
ANNOTATIONS = [
    *(Float[Array, "c h w"], Float[N, "c h w"], Int[Array, "n"], Int[N, "n n"], Bool[Array, "n"], Bool[N, "n"]),
    *(Float[Array, ""], Float[N, ""], Float[N, "3 _ n"], Float[N, "rows=3 cols=2"], Float[N, "_named"]),
    *(Float[N, "..."], Float[Array, "*batch c"], Float[N, "c *batch c"], Float[N, "*_any n"], Float[N, "n *#b"]),
    *(Float[N, "#n n"], Float[N, "n #n"], Float[N, "#3 4"], Float[N, "n #n+1"]),
    *(Float[N, "h h+1"], Float[N, "h w h*w"], Float[N, "h h-2"], Float[N, "h w h//2 w-h"], Float[N, "a b min(a,b)"]),
    *(Float[N, "*b h h-1"], Float[N, "h h/2"]),
    *(Float32[Array, "n"], Float64[N, "n"], Int4[Array, "n"], BFloat16[Array, "n"], BFloat16[N, "n"], Int4[N, "n"]),
    *(Shaped[Array, "n"], Shaped[N, "n"], Num[Array, "n"], Inexact[N, "n"]),
    *(Float[Float[N, "h w"], "batch"], Float[Array, "n"] | Int[N, "n m"]),
]


@pytest.mark.one_in(4)
@pytest.mark.parametrize("annotation", ANNOTATIONS, ids=str)
def test_the_arrays_are_instances_of_their_annotation(annotation):
    @settings(max_examples=20)
    @given(from_annotation(annotation))
    def each(x):
        assert isinstance(x, annotation)
        if not jnp.issubdtype(x.dtype, jnp.bool_):
            assert np.isfinite(np.asarray(x).astype(np.complex128)).all()

    each()


def shapes(annotation, **axes):
    """The shapes that are reached."""
    seen = set()

    @settings(LOOK, max_examples=150, phases=[Phase.generate])
    @given(from_annotation(annotation, st.just(0), **axes))
    def look(x):
        seen.add(x.shape)

    look()
    return seen


def test_the_sizes_of_names_are_from_one_to_five_and_the_same_wherever_a_name_stands():
    assert shapes(Float[N, "n n"]) == {(n, n) for n in range(1, 6)}
    assert shapes(Float[N, "2 n"]) == {(2, n) for n in range(1, 6)}


def test_the_sizes_of_names_may_be_given():
    assert shapes(Float[N, "c h"], c=3, h=st.sampled_from([0, 9])) == {(3, 0), (3, 9)}
    assert shapes(Float[N, "*batch c"], batch=(2, 3), c=1) == {(2, 3, 1)}
    assert shapes(Float[N, "*batch c"], batch=st.just(()), c=1) == {(1,)}
    assert shapes(Float[Array, "c"] | Float[N, "c"], c=np.int64(2)) == {(2,)}


@pytest.mark.slow
def test_the_other_axes_reach_what_they_allow():
    assert {len(shape) for shape in shapes(Float[N, "..."])} == {0, 1, 2}
    assert shapes(Float[N, "n #n"], n=3) == {(3, 3), (3, 1)}
    assert shapes(Float[N, "#3"]) == {(3,), (1,)}
    assert shapes(Float[N, "h h-2"]) == {(2, 0), (3, 1), (4, 2), (5, 3)}
    assert shapes(Float[N, "h h/2"]) == {(2, 1), (4, 2)}
    assert shapes(Float[N, "h h-10"], h=st.integers(11, 12)) == {(11, 1), (12, 2)}
    assert shapes(Float[N, "h w w-h"], h=4) == {(4, 4, 0), (4, 5, 1)}


def test_the_dtypes_are_all_that_the_annotation_allows():
    seen = {"jax": set(), "numpy": set()}

    @settings(LOOK, max_examples=500, phases=[Phase.generate])
    @given(from_annotation(Shaped[Array, "n"], st.just(0)), from_annotation(Shaped[N, "n"], st.just(0)))
    def look(x, y):
        seen["jax"].add(x.dtype.name)
        seen["numpy"].add(y.dtype.name)

    look()
    both = {"float16", "float32", "int8", "int16", "int32", "uint8", "uint16", "uint32", "bool", "complex64"}
    assert seen["numpy"] == both | {"float64", "int64", "uint64", "complex128"}
    assert seen["jax"] == both


def test_where_jax_has_64_bits_so_have_its_arrays():
    with jax.enable_x64(True):
        assert smallest(from_annotation(Float64[Array, "n"])).dtype == jnp.float64


def test_the_arrays_are_of_the_type_of_the_annotation():
    assert isinstance(smallest(from_annotation(Float[Array, "n"])), jax.Array)
    assert type(smallest(from_annotation(Float[N, ""]))) is np.ndarray


@pytest.mark.slow
def test_the_arrays_shrink_to_zeros_of_the_plainest_dtype_and_the_sizes_one():
    x = smallest(from_annotation(Shaped[N, "*batch c h w"]))
    assert (x.dtype, x.shape, x.sum()) == (np.float32, (1, 1, 1), 0)
    assert smallest(from_annotation(Float[N, "n"]), lambda x: x.size > 2).tolist() == [0, 0, 0]
    assert smallest(from_annotation(Float[N, "n"]), lambda x: x.max() > 0).tolist() == [1]
    assert smallest(from_annotation(Float[N, "n"]), lambda x: float(x.max()) > 1e30).size == 1


def test_the_entries_may_be_given_and_an_axis_may_be_called_elements():
    array = smallest(from_annotation(Float[N, "elements"], st.just(np.inf), elements=2))
    assert array.tolist() == [np.inf, np.inf]


GIVEN = "Float[ndarray, '{}'] can't be used.\n"
REJECTED = [
    (
        lambda: from_annotation(int),
        "int can't be used.\n"
        "  annotation: not an annotation of an array: "
        "it must be a jaxtyping annotation such as Float[Array, 'c h w'] or Int[np.ndarray, 'n'].\n"
        "  fix: Float[Array, 'c h w']",
    ),
    (
        lambda: from_annotation(Float[N, "c h"], d=3, b=1),
        GIVEN.format("c h") + "  axes: no such axis: sizes are given for b, d, but the named axes are c, h.\n"
        "  fix: leave out b, d",
    ),
    (
        lambda: from_annotation(Float[N, "_ 3"], d=3),
        GIVEN.format("_ 3") + "  axes: no such axis: sizes are given for d, but no axis has a name.\n"
        "  fix: leave out d",
    ),
    (
        lambda: from_annotation(Float[memoryview, "n"]),
        "Float[memoryview, 'n'] can't be used.\n"
        "  array: arrays of memoryview can't be drawn, only those of jax.Array or np.ndarray.\n"
        "  fix: Float[Array, 'n']",
    ),
    (
        lambda: from_annotation(Float64[Array, "n"]),
        "Float64[Array, 'n'] can't be used.\n"
        "  dtype: no dtype to draw: JAX has no float64 unless jax_enable_x64 is set.\n"
        '  fix: jax.config.update("jax_enable_x64", True)',
    ),
    (
        lambda: from_annotation(Key[Array, "n"]),
        "Key[Array, 'n'] can't be used.\n"
        "  dtype: no dtype to draw: it allows no dtype of numbers or truth values.\n"
        "  fix: Float[Array, 'n']",
    ),
    (
        lambda: from_annotation(Float[N, "?n"]),
        GIVEN.format("?n") + "  axis: the size of ?n depends on a place in a PyTree, not on the annotation alone.\n"
        "  fix: a plain name, with its size as a keyword argument",
    ),
    (
        lambda: from_annotation(Float[N, "{size}"]),
        GIVEN.format("{size}")
        + "  axis: the size of {size} depends on a function's arguments, not on the annotation alone.\n"
        "  fix: a plain name, with its size as a keyword argument",
    ),
    (
        lambda: from_annotation(Float[N, "h+1 h"]),
        GIVEN.format("h+1 h") + "  axis: h+1 needs h, but no plain axis before it has that name.\n"
        "  fix: an axis h before h+1",
    ),
    (
        lambda: from_annotation(Float[N, "#h h+1"]),
        GIVEN.format("#h h+1") + "  axis: h+1 needs h, but no plain axis before it has that name.\n"
        "  fix: an axis h before h+1",
    ),
    (
        lambda: from_annotation(Float[N, "h h+"]),
        GIVEN.format("h h+") + "  axis: h+ is not a Python expression.\n  fix: for example h+1",
    ),
    (
        lambda: from_annotation(Float[N, "h h-10"]),
        GIVEN.format("h h-10")
        + "  axis: no sizes to draw: h-10 must be a whole number ≥ 0, and is not for h from 1 to 5.\n"
        "  fix: other sizes, such as h=st.integers(10, 20)",
    ),
    (
        lambda: smallest(from_annotation(Float[N, "h h-10"], h=st.just(9))),
        GIVEN.format("h h-10") + "  axis: no sizes to draw: h-10 must be a whole number ≥ 0, and is not for h=9.\n"
        "  fix: other sizes, such as h=st.integers(10, 20)",
    ),
    (
        lambda: from_annotation(Float[N, "h"], h=-1),
        "h=-1 can't be used.\n"
        "  natural: not a natural number: h=-1 is negative, and must be an integer ≥ 0.\n"
        "  fix: h=1",
    ),
    (
        lambda: from_annotation(Float[N, "*b"], b=2),
        "b=2 can't be used.\n  axes: *b stands for several axes, so its sizes must be a tuple.\n  fix: b=(2,)",
    ),
    (
        lambda: strategies.configs(max_stride=0),
        "max_stride=0 can't be used.\n  max_stride: max_stride=0 must be at least 1.\n  fix: max_stride=1 or more",
    ),
    (
        lambda: strategies.ill_formed_configs("poolK"),
        "condition_name='poolK' can't be used.\n"
        "  condition_name: no such condition: 'poolK' must be one of poolK_ne0, poolStride_ne0, convK_ne0, upK_ne0, "
        "upStride_ne0, headK_ne0, baseC_pos, convStride_ne0, headStride_ne0.\n"
        '  fix: condition_name="poolK_ne0"',
    ),
    (
        lambda: strategies.compatible(UNet2Config(conv_padding=0)),
        "drawing sizes of UNet2Config(conv_padding=0) is not possible.\n"
        "  compatible: its set of compatible sizes is empty.\n"
        "  fix: a network from strategies.configs() or strategies.networks(fitting=True); sizes fit all of these",
    ),
]


@pytest.mark.parametrize(("make", "text"), REJECTED)
def test_an_argument_that_can_not_be_used_is_rejected_with_the_reason(make, text):
    with pytest.raises(WellshapedError) as error:
        make()
    assert str(error.value) == text


@pytest.mark.parametrize("make", [strategies.images, strategies.params])
def test_nothing_is_drawn_for_a_config_that_is_not_well_formed(make):
    with pytest.raises(ConfigError, match="poolK_ne0"):
        make(UNet2Config(pool_kernel=0))
    with pytest.raises(ConfigError, match="h_inC"):
        make(UNet2Config(), 0)


# Imports.


def test_the_package_of_proofs_loads_no_hypothesis_and_the_strategies_load_no_arrays():
    def loaded(module):
        program = f"import {module}, sys; print(*sys.modules)"
        command = [sys.executable, "-P", "-c", program]
        return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())

    assert "hypothesis" not in loaded("wellshaped.proofs_of_shape")
    light = loaded("wellshaped.proofs_of_shape.strategies")
    assert "hypothesis" in light
    assert not light & {"jax", "numpy", "jaxtyping", "flax"}


# The family's configs.


@given(strategies.unet_configs(max_levels=2, max_channels=3))
def test_the_configs_of_the_family_are_within_their_bounds_and_fit(cfg):
    assert check_unet_config(cfg).ok
    assert cfg.levels <= 2
    assert max(cfg.multipliers) <= 3
    assert not compatible_sizes(cfg).is_finite


@pytest.mark.parametrize(
    ("field", "choice"),
    sparse([(name, value) for name, values in CHOICES.items() for value in values if name != "activation"], 9),
)
def test_the_configs_of_the_family_reach_every_choice_and_shrink_to_it_alone(field, choice):
    by_level = field in ("activation", "order", "downsampling", "skip") or choice in CHOICES["upsampling"][3:]
    found = smallest(strategies.unet_configs(by_level=by_level), lambda cfg: getattr(cfg, field) == choice)
    smallest_of_all = UNetConfig(levels=1, base_channels=1, multipliers=(1, 1), convs_per_block=1)
    changed = {f.name for f in fields(UNetConfig) if getattr(found, f.name) != getattr(smallest_of_all, f.name)}
    assert changed <= {field, "groups"}


def test_bounds_of_the_family_below_1_are_rejected():
    with pytest.raises(UsageError, match="max_levels=0"):
        strategies.unet_configs(max_levels=0)
