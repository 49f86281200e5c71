"""``fitted``: an image of any size is padded or cropped, and the result cut back to what belongs to it."""

import subprocess
import sys
from collections import OrderedDict
from dataclasses import dataclass
from itertools import islice
from math import ceil
from textwrap import dedent
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import example, given
from hypothesis import strategies as st

from wellshaped.interop import FittedPlan, fitted, read_jax
from wellshaped.interop.fitting.sources import OfNetwork
from wellshaped.models import TypedNetwork, UNet, UNet2
from wellshaped.spec import (
    Add,
    AvgPool,
    Concat,
    Input,
    MaxPool,
    Mean,
    Network,
    Node,
    Progression,
    Require,
    Resize,
    ShapeError,
    SizeSet,
    UNet2Config,
    UNetConfig,
    UsageError,
)

NUMPY_MODES = {"zeros": "constant", "reflect": "reflect", "edge": "edge"}


def multiples(of, least=None):
    return SizeSet([Progression(least or of, of, None)])


def image_of(shape, dtype="float32"):
    return np.random.default_rng(0).integers(-99, 99, shape).astype(dtype)


def only(sizes, model):
    """The model, with an assertion that each of its last axes has a size that fits."""

    def checked(x):
        for n, fit in zip(x.shape[-len(sizes) :], sizes, strict=True):
            assert n in fit
        return model(x)

    return checked


def halve(x):
    """The mean of each pair of positions along the last two axes."""
    return x.reshape(*x.shape[:-2], x.shape[-2] // 2, 2, x.shape[-1] // 2, 2).mean((-1, -3))


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    steps=st.lists(st.integers(1, 16), min_size=3, max_size=3),
    before=st.sampled_from([(), (2,), (2, 3)]),
    mode=st.sampled_from(list(NUMPY_MODES)),
)
@example(sizes=[9], steps=[16, 1, 1], before=(), mode="reflect")
def test_padding_is_what_numpy_does_by_hand(sizes, steps, before, mode):
    fits = [multiples(step) for step in steps[: len(sizes)]]
    padded = [ceil(n / step) * step for n, step in zip(sizes, steps, strict=False)]
    model = fitted(only(fits, np.cumsum), dict(zip("DHW", fits, strict=False)), policy="pad", mode=mode)
    image, seen = image_of((*before, *sizes)), []
    model.model = only(fits, lambda x: seen.append(x) or x + 1)
    if mode == "reflect" and any(m - n > n - 1 for n, m in zip(sizes, padded, strict=True)):
        with pytest.raises(ShapeError, match="reflect"):
            model(image)
        return
    result = model(image)
    widths = [(0, 0)] * len(before) + [(0, m - n) for n, m in zip(sizes, padded, strict=True)]
    np.testing.assert_array_equal(seen[0], np.pad(image, widths, mode=NUMPY_MODES[mode]))
    np.testing.assert_array_equal(result, image + 1)
    assert result.dtype == image.dtype


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=3), step=st.integers(1, 8))
def test_cropping_keeps_the_start_of_each_axis(sizes, step):
    fits = [multiples(step)] * len(sizes)
    model = fitted(only(fits, np.copy), dict(zip("DHW", fits, strict=False)), policy="crop")
    image = image_of((3, *sizes))
    if min(sizes) < step:
        with pytest.raises(ShapeError, match="no smaller size fits"):
            model(image)
        return
    kept = tuple(slice(0, n // step * step) for n in sizes)
    np.testing.assert_array_equal(model(image), image[(slice(None), *kept)])


@pytest.mark.parametrize("mode", NUMPY_MODES)
@pytest.mark.parametrize("dtype", ["float32", "int16", "bool", "complex64"])
def test_a_jax_image_is_padded_as_a_numpy_image_and_keeps_its_dtype(mode, dtype):
    image, seen = image_of((2, 5, 7), dtype), []
    model = fitted(lambda x: seen.append(x) or x, {"H": multiples(4), "W": multiples(8)}, policy="pad", mode=mode)
    of_numpy, of_jax = model(image), model(jnp.asarray(image))
    assert isinstance(seen[0], np.ndarray)
    assert isinstance(seen[1], jax.Array)
    assert seen[0].dtype == seen[1].dtype == image.dtype
    np.testing.assert_array_equal(*seen)
    np.testing.assert_array_equal(of_numpy, image)
    np.testing.assert_array_equal(of_jax, image)


UNETS = [UNetConfig(levels=2, base_channels=2), UNetConfig(levels=1, base_channels=2, padding="none", join="crop")]


@pytest.fixture(scope="module", params=[*UNETS, UNet2Config(base_channels=2)], ids=["same", "valid", "two-level"])
def own(request):
    kind = UNet2 if isinstance(request.param, UNet2Config) else UNet
    return kind(request.param, 1, 2, rngs=nnx.Rngs(0))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("policy", ["pad", "crop"])
def test_an_image_that_fits_gives_the_result_of_the_model(own, policy):
    image = jnp.asarray(image_of((1, 20, 28)))
    model = fitted(own, policy=policy)
    assert not model.plan(image.shape).changes
    np.testing.assert_array_equal(model(image), own(image))


@pytest.mark.parametrize("sizes", [(21, 22), (23, 24), (22, 23)], ids=str)
def test_our_networks_take_any_size(own, sizes):
    image, model = image_of((1, *sizes)), fitted(jax.jit(own), policy="pad", mode="edge")
    plan = model.plan(image.shape)
    whole = model.model(np.pad(image, [(0, 0), *plan.pads], mode="edge"))
    kept = tuple(slice(0, n + m - f) for n, m, f in zip(sizes, whole.shape[1:], plan.fitting, strict=True))
    np.testing.assert_array_equal(model(image), whole[(slice(None), *kept)])


def test_many_sizes_share_one_trace_of_a_jitted_model():
    traces = []

    def model(x):
        traces.append(x.shape)
        return x + 1

    any_size = fitted(jax.jit(model), "tiny", policy="pad")
    for n in range(13, 21):
        assert any_size(jnp.ones((1, n, 24))).shape == (1, n, 24)
    assert traces == [(1, 16, 24), (1, 20, 24)]


def test_it_works_inside_jit_vmap_and_grad():
    image = jnp.asarray(image_of((2, 1, 5, 7)))
    model = fitted(lambda x: x**2, "tiny", policy="pad", mode="reflect")
    np.testing.assert_array_equal(jax.jit(model)(image), image**2)
    np.testing.assert_array_equal(jax.vmap(model)(image), image**2)
    np.testing.assert_array_equal(jax.grad(lambda x: model(x).sum())(image), 2 * image)


def test_the_config_is_found_inside_jit_and_vmap(own):
    model = fitted(jax.jit(jax.vmap(own)), policy="pad")
    assert model.plan((5, 1, 21, 24)) == fitted(own, policy="pad").plan((1, 21, 24))


# What belongs to the image in an output of another size


@given(n=st.integers(1, 50))
def test_features_at_half_size_keep_each_position_that_stands_for_one_of_the_image(n):
    nodes = {"pooled": AvgPool(8), "up": Resize(8), "same": Require(equal=True), "y": AvgPool(2)}
    inputs = {"same": ("up", "x"), "y": "x"}
    graph = Network({"x": 1}, tuple(Node(name, of, inputs.get(name, ())) for name, of in nodes.items()))
    fitting = multiples(8).above(n)
    model = fitted(halve, graph, policy="pad")
    assert model.plan((1, n, 16)).fitting == (fitting, 16)
    image = image_of((1, n, 16))
    whole = halve(np.pad(image, [(0, 0), (0, fitting - n), (0, 0)]))
    np.testing.assert_array_equal(model(image), whole[:, : ceil(n / 2)])


@given(n=st.integers(180, 260))
def test_a_network_without_padding_loses_as_much_of_each_image(n):
    model = fitted(lambda x: x[:, 92:-92, 92:-92], "ronneberger2015", policy="pad")
    image = image_of((1, n, 188))
    if n <= 184:
        with pytest.raises(ShapeError, match="each of its positions reads the padding"):
            model(image)
        return
    np.testing.assert_array_equal(model(image), image[:, 92 : n - 92, 92:-92])


@pytest.mark.parametrize("name", ["unet2", "ronneberger2015", "nnunet_3d_fullres", "u2net_rsu7", "ddpm"])
def test_an_image_that_fits_would_be_cut_to_its_own_output_if_it_were_padded(name):
    source = OfNetwork(name, None)
    for axis, fits in enumerate(source.shapes.axes):
        sizes = list(islice(fits, 30))
        outputs = [source.outputs((n,) * source.graph.axes)[0][axis] for n in sizes]
        for i, (n, own) in enumerate(zip(sizes, outputs, strict=True)):
            assert all(padded.kept(n) == own.size for padded in outputs[i:])


def test_a_network_that_rounds_up_is_cut_to_the_image():
    # The convolution of a size 63 makes 32 positions, which are doubled to 64.
    plan = fitted(np.copy, "smp_resnet34", policy="pad").plan((3, 33, 64))
    assert (plan.fitting[0], plan.outputs[0][0].of, plan.outputs[0][0].size) == (63, 64, 33)


def test_a_network_that_doubles_gives_two_positions_for_each():
    def double(x):
        return np.repeat(np.repeat(x, 2, -1), 2, -2)

    model = fitted(
        double,
        Network(
            {"x": 1},
            (
                Node("pooled", MaxPool(3)),
                Node("up", Resize(3)),
                Node("same", Concat(), ("up", "x")),
                Node("y", Resize(2)),
            ),
        ),
        policy="pad",
    )
    image = image_of((2, 4, 5))
    np.testing.assert_array_equal(model(image), double(image))


def test_channels_last_are_found_by_the_layout():
    model = fitted(only([multiples(4)] * 2, np.copy), "tiny", policy="pad", layout="NHWC")
    model.model = lambda x: x + 1
    image = image_of((2, 5, 6, 3))
    assert model.plan(image.shape).fitting == (8, 8)
    np.testing.assert_array_equal(model(image), image + 1)
    rows = fitted(np.copy, {"rows": multiples(4)}, policy="pad", layout="N rows cols C")
    assert rows.plan((2, 5, 6, 3)).fitting == (8,)


# Models that read_jax has read


def pooled(x):
    """The sum of each 2×2 window of the last two axes."""
    window = (1,) * (x.ndim - 2) + (2, 2)
    return jax.lax.reduce_window(x, 0.0, jax.lax.add, window, window, "VALID")


def joined(x):
    """Halve and double the last two axes, and add the image: even sizes fit."""
    return x + jnp.repeat(jnp.repeat(pooled(x), 2, -1), 2, -2)


@pytest.fixture(scope="module")
def read():
    return read_jax(joined, "N 3 H W")


def test_the_answer_of_read_jax_says_where_the_axes_are(read):
    model = fitted(joined, read, policy="pad")
    image = jnp.asarray(image_of((2, 3, 5, 8)))
    assert model.plan(image.shape).fitting == (2, 6, 8)
    np.testing.assert_array_equal(model(image), joined(jnp.pad(image, [(0, 0), (0, 0), (0, 1), (0, 0)]))[:, :, :5])
    with pytest.raises(ShapeError, match=r"must be \(N, 3, H, W\)"):
        model(jnp.ones((2, 1, 5, 8)))


def test_every_output_is_cut_by_its_own_size():
    def model(x):
        return {"half": pooled(x), "masks": [x, joined(x).swapaxes(1, 2)], "none": None}

    any_size = fitted(model, read_jax(model, "3 H W"), policy="pad")
    image = jnp.asarray(image_of((3, 5, 9)))
    result, whole = any_size(image), model(jnp.pad(image, [(0, 0), (0, 1), (0, 1)]))
    np.testing.assert_array_equal(result["half"], whole["half"][:, :3, :5])
    np.testing.assert_array_equal(result["masks"][0], image)
    np.testing.assert_array_equal(result["masks"][1], whole["masks"][1][:, :9, :5])
    assert result["none"] is None


def test_several_images_and_further_arguments():
    def model(x, y, *, gain):
        return joined(x) * gain + y

    sizes = read_jax(model, "1 H W", "H W", arguments={"gain": 1.0})
    any_size = fitted(model, sizes, policy="pad")
    image = jnp.asarray(image_of((1, 5, 9)))
    assert any_size(image, image[0], gain=2.0).shape == (1, 5, 9)
    with pytest.raises(ShapeError, match="H is 5 and 4, and must be the same"):
        any_size(image, image[0, :4], gain=2.0)
    with pytest.raises(UsageError, match="1 are given"):
        any_size(image)


def test_an_input_of_a_single_position_is_passed_on():
    graph = Network(
        [Input("x", 1), Input("t", 4, single=True)],
        (Node("p", MaxPool(2)), Node("u", Resize(2)), Node("y", Concat(), ("x", "u"))),
    )
    model = fitted(lambda x, t: x + t.sum(), graph, policy="pad")
    assert model(np.ones((1, 5, 5)), np.ones(3)).tolist() == np.full((1, 5, 5), 4.0).tolist()


def some_sizes(x):
    assert x.shape[0] in (8, 16, 24)
    return x


def test_sizes_that_were_only_tried_give_a_line():
    def model(x):
        return some_sizes(x).reshape(x.shape[0] // 2, 2, -1).mean(1)

    any_size = fitted(model, read_jax(model, "L 2"), policy="pad")
    assert any_size(jnp.ones((11, 2))).shape == (6, 2)
    assert any_size.plan((11, 2)).fitting == (16,)


@pytest.mark.one_in(3)
def test_reading_our_network_gives_the_plan_of_its_config(own):
    of_config, of_reading = fitted(own, policy="pad"), fitted(own, read_jax(own, "1 H W"), policy="pad")
    for shape in ((1, 21, 24), (1, 33, 30)):
        plans = of_config.plan(shape), of_reading.plan(shape)
        assert plans[0].fitting == plans[1].fitting
        sizes = [[(cut.size, cut.of) for output in plan.outputs for cut in output] for plan in plans]
        assert sizes[0] == sizes[1]


def test_sizes_that_depend_on_each_other_are_an_error():
    sizes = read_jax(lambda x: x @ x, "H W")
    with pytest.raises(UsageError, match="H and W depend on each other"):
        fitted(lambda x: x @ x, sizes, policy="crop")


def test_a_read_model_needs_no_layout_and_an_open_size(read):
    with pytest.raises(UsageError, match="already say where the axes are"):
        fitted(joined, read, policy="pad", layout="NCHW")
    with pytest.raises(UsageError, match="every size is fixed"):
        fitted(joined, read_jax(joined, "3 8 8"), policy="pad")


def test_a_requirement_over_all_axes_pads_one_of_them_further():
    plan = fitted(np.copy, UNetConfig(levels=3, norm="instance"), policy="pad").plan((1, 7, 8))
    assert (plan.fitting, [cut.size for cut in plan.outputs[0]]) == ((16, 8), [7])


NOT_KNOWN = {
    "a mean": (lambda x: (joined(x), pooled(x).mean((1, 2))), "1 H W", "output 1 has no axis that follows H"),
    "flattened": (lambda x: pooled(x).reshape(-1), "1 H W", "depends on H and W together"),
    "squared": (lambda x: jnp.zeros(some_sizes(x).shape[0] ** 2), "L 2", "no linear function"),
}


@pytest.mark.parametrize(("model", "shape", "says"), NOT_KNOWN.values(), ids=NOT_KNOWN)
def test_an_output_without_a_sound_cut_is_an_error_before_any_call(model, shape, says):
    with pytest.raises(UsageError, match=says):
        fitted(model, read_jax(model, shape), policy="pad")


def test_a_crop_needs_no_cut():
    model = NOT_KNOWN["a mean"][0]
    images, means = fitted(model, read_jax(model, "1 H W"), policy="crop")(jnp.ones((1, 5, 7)))
    assert (images.shape, means.shape) == ((1, 4, 6), (1,))


def test_a_graph_with_a_mean_can_not_be_cut():
    graph = Network(
        {"x": 1},
        (Node("pooled", MaxPool(2)), Node("up", Resize(2)), Node("same", Concat(), ("x", "up")), Node("y", Mean())),
    )
    with pytest.raises(UsageError, match="y has no axis that follows height"):
        fitted(np.copy, graph, policy="pad")


def test_an_output_of_another_size_than_was_known_is_an_error():
    for sizes in ({"H": multiples(4), "W": multiples(4)}, "tiny"):
        with pytest.raises(UsageError, match="its axis -2 should have 8 positions"):
            fitted(halve, sizes, policy="pad")(np.ones((1, 5, 8)))
    read = read_jax(joined, "H W")
    with pytest.raises(UsageError, match="the model has 2 outputs, and 1 are known"):
        fitted(lambda x: (x, x), read, policy="pad")(np.ones((5, 8)))


class Hidden:
    """A result that is no tree of arrays."""

    image = np.ones((1, 8, 8))


@pytest.mark.parametrize(
    ("result", "says"),
    [((np.ones((1, 8, 8)), Hidden()), "it has a Hidden"), (3.0, "0 outputs")],
    ids=["object", "number"],
)
def test_a_result_without_known_arrays_is_an_error(result, says):
    with pytest.raises(UsageError, match=says):
        fitted(lambda x: result, {"H": multiples(4), "W": multiples(4)}, policy="pad")(np.ones((1, 5, 8)))


# Errors, and what it says


def test_a_crop_takes_no_padding():
    with pytest.raises(UsageError, match=r"a crop pads nothing") as caught:
        fitted(np.copy, "milesial", policy="crop", mode="edge")
    assert caught.value.report.fixes == ('policy="pad", mode="edge"',)


def test_no_size_fits():
    some = SizeSet([Progression(8, 4, 3)])
    with pytest.raises(ShapeError, match=r"H is 17, and no larger size fits; all that fit: \{8, 12, 16\}") as caught:
        fitted(np.copy, {"H": some}, policy="pad")(np.ones(17))
    assert caught.value.report.fixes == ('policy="crop"',)
    with pytest.raises(ShapeError, match="H is 3, and no smaller size fits") as caught:
        fitted(np.copy, {"H": some}, policy="crop")(np.ones(3))
    assert caught.value.report.fixes == ('policy="pad"',)
    with pytest.raises(ShapeError) as caught:
        fitted(np.copy, {"H": some, "W": some}, policy="pad")(np.ones((17, 3)))
    assert caught.value.report.fixes == ("an image of H = 16, W = 8",)
    with pytest.raises(ShapeError, match="no size fits this one"):
        fitted(np.copy, {"H": SizeSet()}, policy="pad")(np.ones(3))
    with pytest.raises(ShapeError, match='policy="crop" finds no smaller image that fits'):
        fitted(np.copy, "milesial", policy="crop")(np.ones((3, 15, 20)))


@pytest.mark.parametrize("policy", ["pad", "crop"])
def test_a_model_that_was_read_without_a_size_that_fits_is_rejected(policy):
    own = UNet(UNetConfig(levels=1, base_channels=2), 3, 1, rngs=nnx.Rngs(0))
    with pytest.raises(UsageError, match="no size was found that fits N, H and W"):
        fitted(own, read_jax(own, "N 3 H W"), policy=policy)


def test_an_empty_image():
    for sizes in ({"H": multiples(4), "W": multiples(4)}, "tiny"):
        with pytest.raises(ShapeError, match="is 0, and must be at least 1"):
            fitted(np.copy, sizes, policy="pad")(np.ones((1, 0, 8)))


def test_an_image_too_small_to_reflect_names_each_axis():
    with pytest.raises(ShapeError) as caught:
        fitted(np.copy, "milesial", policy="pad", mode="reflect")(np.ones((3, 8, 4)))
    assert [failure.says for failure in caught.value.report.failures] == [
        "height is 8 and needs 8 more; reflecting can add at most 7",
        "width is 4 and needs 12 more; reflecting can add at most 3",
    ]


WRONG = [
    ({"policy": "padding"}, 'policy="pad"'),
    ({"policy": ["pad"]}, 'policy="pad"'),
    ({"policy": "pad", "mode": "replicate"}, 'mode="edge"'),
    ({"policy": "pad", "mode": "constant"}, 'mode="zeros"'),
    ({"policy": "pad", "sizes": None}, 'fitted(model, read_jax(model, "3 H W"), …)'),
    ({"policy": "pad", "sizes": 16}, 'read_jax(model, "3 H W")'),
    ({"policy": "pad", "sizes": {"H": 16}}, 'read_jax(model, "3 H W")'),
    ({"policy": "pad", "sizes": {}}, '{"H": SizeSet(…), "W": SizeSet(…)}'),
    ({"policy": "pad", "sizes": "milesal"}, '"milesial"'),
    ({"policy": "pad", "layout": "NCH"}, 'layout="NHWC"'),
    ({"policy": "pad", "layout": 3}, 'layout="NHWC"'),
    ({"policy": "pad", "model": 3}, "fitted(lambda x: …, sizes, policy=…)"),
]


@pytest.mark.parametrize(("arguments", "fix"), WRONG, ids=str)
def test_a_wrong_argument_is_named_with_a_fix(arguments, fix):
    arguments = {"model": np.copy, "sizes": "tiny", **arguments}
    with pytest.raises(UsageError) as caught:
        fitted(arguments.pop("model"), **arguments)
    assert fix in caught.value.report.fixes


@pytest.mark.parametrize(
    ("image", "layout", "error"),
    [([[1, 2]], None, UsageError), (np.ones(3), None, ShapeError), (np.ones((3, 8, 8)), "NHWC", ShapeError)],
    ids=["a list", "one axis", "no batch"],
)
def test_what_is_not_an_image_is_an_error(image, layout, error):
    with pytest.raises(error):
        fitted(np.copy, "tiny", policy="pad", layout=layout)(image)


@pytest.mark.parametrize(
    ("shape", "says", "fix"),
    [
        ((303, 384, 3), "303 channels, and must be 3", "jnp.moveaxis(image, -1, -3): its channels are last"),
        ((2, 30, 38, 3), "30 channels, and must be 3", "jnp.moveaxis(image, -1, -3): its channels are last"),
        ((4, 30, 38), "4 channels, and must be 3", "an image with 3 channels"),
        ((30, 38), "without an axis for channels", "image[None]"),
    ],
    ids=str,
)
def test_an_image_for_a_network_of_ours_is_rejected_by_its_own_shape(shape, says, fix):
    own = UNet(UNetConfig(levels=1, base_channels=2), 3, 1, rngs=nnx.Rngs(0))
    with pytest.raises(ShapeError, match=says) as caught:
        fitted(jax.vmap(own) if len(shape) == 4 else own, policy="pad")(np.ones(shape, np.float32))
    assert caught.value.report.fixes == (fix,)
    with pytest.raises(UsageError, match="takes channels first"):
        fitted(own, policy="pad", layout="NHWC")


def test_a_module_of_your_own_with_a_config_takes_any_channels_and_layout():
    class Mine(nnx.Module):
        def __init__(self):
            self.cfg = UNetConfig(levels=1)

        def __call__(self, x):
            return x

    assert fitted(Mine(), policy="pad").plan((5, 31, 38)).fitting == (32, 38)
    assert fitted(Mine(), policy="pad", layout="NHWC").plan((1, 31, 38, 5)).fitting == (32, 38)


@pytest.mark.parametrize("shapes", [(3, 20, 30), (303,), ("abc",)], ids=str)
def test_a_plan_takes_shapes(shapes):
    with pytest.raises(UsageError):
        fitted(np.copy, "tiny", policy="pad").plan(*shapes)


def test_the_policy_has_no_default():
    with pytest.raises(TypeError, match="policy"):
        fitted(np.copy, "tiny")


def test_what_it_does_is_a_value_and_a_line():
    model = fitted(np.copy, "ronneberger2015", policy="pad", mode="reflect")
    plan = model.plan((1, 570, 572))
    assert isinstance(plan, FittedPlan)
    assert (plan.given, plan.fitting, plan.pads) == ((570, 572), (572, 572), ((0, 2), (0, 0)))
    says = "pad height 570 to 572 at the end with the image reflected; of the result, keep height 386 of 388"
    assert str(plan) == says
    assert str(model.plan((1, 572, 572))) == "nothing to do for height 572 and width 572"
    crop = fitted(np.copy, "tiny", policy="crop")
    assert str(crop.plan((9, 8))) == "crop height 9 to 8 at the end; the result belongs to the crop"
    sets = "height: n ≡ 0 (mod 4), n ≥ 4; width: n ≡ 0 (mod 4), n ≥ 4"
    assert repr(crop) == f'<fitted tiny, policy="crop": {sets}>'
    assert repr(model).startswith('<fitted ronneberger2015, policy="pad", mode="reflect": height: n ≡ 12 (mod 16)')


def test_a_line_for_several_outputs():
    plan = fitted(lambda x: (x, x), read_jax(lambda x: (joined(x), pooled(x)), "H W"), policy="pad").plan((5, 4))
    assert str(plan).endswith("; of output 0, keep H 5 of 6; of output 1, keep all")


def test_importing_it_loads_no_framework():
    said = "import sys, wellshaped.interop; print([name for name in ('jax', 'torch', 'numpy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


# PyTorch


@pytest.mark.parametrize("mode", NUMPY_MODES)
@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_a_tensor_is_padded_as_a_numpy_image(mode, dtype):
    torch = pytest.importorskip("torch")
    image, seen = image_of((2, 3, 5, 7), dtype), []
    model = fitted(lambda x: seen.append(x) or x, {"H": multiples(4), "W": multiples(8)}, policy="pad", mode=mode)
    result = model(torch.from_numpy(image))
    np.testing.assert_array_equal(seen[0], np.pad(image, [(0, 0)] * 2 + [(0, 3), (0, 1)], mode=NUMPY_MODES[mode]))
    assert seen[0].dtype == result.dtype == getattr(torch, dtype)
    np.testing.assert_array_equal(result, image)


def test_a_module_takes_any_size_and_gives_tensors():
    torch = pytest.importorskip("torch")

    class Halves(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.down = torch.nn.Conv2d(1, 2, 2, stride=2)
            self.up = torch.nn.ConvTranspose2d(2, 1, 2, stride=2)

        def forward(self, x, *, gain=1.0):
            return {"out": x + gain * self.up(self.down(x))}

    module = Halves()
    any_size = fitted(module, {"H": multiples(2), "W": multiples(2)}, policy="pad", mode="reflect")
    image = torch.ones(2, 1, 5, 7, requires_grad=True)
    result = any_size(image, gain=2.0)["out"]
    whole = module(torch.nn.functional.pad(image, (0, 1, 0, 1), mode="reflect"), gain=2.0)["out"]
    assert torch.equal(result, whole[:, :, :5, :7])
    result.sum().backward()
    assert image.grad.shape == image.shape
    crop = fitted(module, {"H": multiples(2), "W": multiples(2)}, policy="crop")(image)["out"]
    assert torch.equal(crop, module(image[:, :, :4, :6])["out"])


@dataclass
class Sample:
    """The result of a diffusion model."""

    sample: object
    extra: object = None


class Pair(NamedTuple):
    first: object
    second: object


def test_every_tensor_of_a_result_is_cut_and_its_form_stays():
    torch = pytest.importorskip("torch")

    def model(x):
        return OrderedDict(b=[x, Pair(x + 1, 3)], a=Sample(x + 2), c=())

    image = torch.rand(1, 5, 7)
    result = fitted(model, {"H": multiples(4), "W": multiples(4)}, policy="pad")(image)
    assert type(result) is OrderedDict
    assert list(result) == ["b", "a", "c"]
    assert isinstance(result["b"][1], Pair)
    assert isinstance(result["a"], Sample)
    for got, expected in ((result["b"][0], image), (result["b"][1].first, image + 1), (result["a"].sample, image + 2)):
        assert torch.equal(got, expected)
    assert (result["b"][1].second, result["a"].extra, result["c"]) == (3, None, ())


def test_a_tensor_that_is_too_small_to_reflect_is_an_error():
    torch = pytest.importorskip("torch")
    with pytest.raises(ShapeError, match="height is 8 and needs 8 more; reflecting can add at most 7"):
        fitted(lambda x: x, "milesial", policy="pad", mode="reflect")(torch.ones(1, 3, 8, 16))


def test_padding_a_tensor_loads_no_jax():
    pytest.importorskip("torch")
    program = """
        import sys, torch
        from wellshaped.interop import fitted
        result = fitted(lambda x: (x, {"y": x}), "tiny", policy="pad", mode="edge")
        try:
            result(torch.ones(1, 5, 7))
        except ValueError as error:
            assert "2 outputs" in str(error), error
        assert fitted(lambda x: x, "tiny", policy="pad")(torch.ones(1, 5, 7)).shape == (1, 5, 7)
        assert "jax" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", dedent(program)], check=True, timeout=120)


def test_a_typed_network_says_its_own_sizes():
    pooled = Network({"x": 1}, (Node("pooled", MaxPool(2)), Node("up", Resize(2)), Node("y", Add(), ("x", "up"))))
    model = TypedNetwork(pooled, rngs=nnx.Rngs(0))
    x = jnp.ones((1, 5, 6))
    assert fitted(model, policy="pad")(x).shape == (1, 5, 6)
    assert fitted(jax.jit(model), policy="crop")(x).shape == (1, 4, 6)
