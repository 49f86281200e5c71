"""The sizes of JAX networks that somebody wrote, against JAX's own shapes on plain numbers."""

import json
import math
import random
import re
import sys
import time
from dataclasses import dataclass
from itertools import islice

import equinox as eqx
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import examples
from flax import linen, nnx
from hypothesis import given
from hypothesis import strategies as st
from jax import lax

from wellshaped import ShapeError, UsageError
from wellshaped.interop import Budget, export, fitted, graph_of_jax, read_jax, save
from wellshaped.interop.sizes.exploring import _far, explore
from wellshaped.interop.sizes.paths import Accepted, Path, Rejected, Unknown
from wellshaped.interop.sizes.reading import read
from wellshaped.models import UNet, tiled
from wellshaped.spec import UNetConfig
from wellshaped.spec.arithmetic.progression import Progression
from wellshaped.spec.arithmetic.size_set import SizeSet


class FlaxUNet(nnx.Module):
    """A plain U-Net as tutorials have it: channels last, max pooling, transposed convolutions."""

    def __init__(self, levels, rngs):
        widths = [2 << i for i in range(levels)]
        self.down = nnx.List([nnx.Conv(a, b, (3, 3), rngs=rngs) for a, b in zip([3, *widths], widths, strict=False)])
        self.bottom = nnx.Conv(widths[-1], widths[-1], (3, 3), rngs=rngs)
        self.up = nnx.List([nnx.ConvTranspose(w, w, (2, 2), strides=(2, 2), rngs=rngs) for w in widths])
        self.merge = nnx.List([nnx.Conv(2 * w, w // 2, (3, 3), rngs=rngs) for w in widths])

    def __call__(self, x):
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
            x = nnx.max_pool(x, (2, 2), (2, 2))
        x = self.bottom(x)
        for up, merge in zip(reversed(list(self.up)), reversed(list(self.merge)), strict=True):
            x = merge(jnp.concatenate([skips.pop(), up(x)], axis=-1))
        return x


def flax_unet(levels):
    return nnx.eval_shape(lambda: FlaxUNet(levels, nnx.Rngs(0)))


class LinenUNet(linen.Module):
    """Two levels with SAME strided convolutions and a resize."""

    @linen.compact
    def __call__(self, x):
        y = linen.Conv(4, (3, 3), strides=(2, 2))(x)
        z = linen.Conv(4, (3, 3), strides=(2, 2))(y)
        z = jax.image.resize(z, (z.shape[0], 2 * z.shape[1], 2 * z.shape[2], 4), "bilinear")
        z = jnp.concatenate([y, z], axis=-1)
        z = jax.image.resize(z, (z.shape[0], 2 * z.shape[1], 2 * z.shape[2], 8), "nearest")
        return linen.Conv(1, (1, 1))(jnp.concatenate([x, z], axis=-1))


# The traps. Each is a function of a vector, with the sizes that fit, and whether all of them are decided.


def branch_above(x):
    return x[: x.shape[0] // 2] if x.shape[0] > 1000 else x


def branch_below(x):
    return x.reshape(-1, 2).sum(1) if x.shape[0] < 40 else x


def different_slopes(x):
    return jnp.stack([jnp.tile(x, 3), jnp.concatenate([x, x, jnp.zeros(7)])])


def rounded_up(x):
    return jnp.pad(x, (0, math.ceil(x.shape[0] / 16) * 16 - x.shape[0])).reshape(-1, 16).sum(1)


def power_of_two(x):
    assert x.shape[0] & (x.shape[0] - 1) == 0, "not a power of two"
    return x


def caught(x):
    half = x[::2][: x.shape[0] // 2]
    try:
        return jnp.concatenate([x[:, None], jnp.concatenate([half, half])[:, None]], axis=1)
    except TypeError:
        return x


def padded_and_cropped(x):
    n = x.shape[0]
    return jnp.repeat(jnp.pad(x, (0, -n % 16)).reshape(-1, 16).sum(1), 16)[:n]


def only_below(x):
    if x.shape[0] > 5000:
        raise MemoryError("too large")
    return x


def odd_by_truth(x):
    if x.shape[0] % 2:
        raise ValueError("odd")
    return x


def in_a_set(x):
    if x.shape[0] not in {32, 64}:
        raise ValueError("another size")
    return x


def as_a_plain_int(x):
    if isinstance(x.shape[0], int) and x.shape[0] > 100:
        raise ValueError("too large")
    return x


def of_another_library(x):
    if x.shape[0] == np.int64(3):
        raise ValueError("three")
    return x


def two_skips(x):
    """An average pooling by 2 joined with a shifted one by 3: they agree at a few sizes only."""
    by_2 = jax.lax.reduce_window(x, 0.0, jax.lax.add, (2,), (2,), "VALID")
    by_3 = jax.lax.reduce_window(jnp.pad(x, (0, 21)), 0.0, jax.lax.add, (3,), (3,), "VALID")
    return by_2 + by_3


def one_size(x):
    """A class of one size: what JAX does with 64 decides it."""
    if x.shape[0] != 64:
        raise ValueError("64, please")
    return x[: math.isqrt(x.shape[0])]


def of_the_values(x):
    return x[x > 0]


def never(x):
    raise ValueError("no size will do")


def doubled(x):
    return jnp.concatenate([x, x])


def repeated(x):
    """It runs on 2 and 3 because a half of size 1 is repeated."""
    return x + x[: x.shape[0] // 2]


def folded(x):
    """JAX compares the counts of a reshape only if they are plain numbers."""
    return x.reshape(x.shape[0] // 2, 2).sum(1)


def wrapped_around(x):
    """Circular padding repeats an image as often as it must."""
    return jnp.pad(x, (5, 8), "wrap")[13:].reshape(-1, 4)


def as_often_as_it_goes(x):
    return jnp.tile(x, 100 // x.shape[0])


def as_a_small_int(x):
    """A symbol is no ``int``, so the trace does not see that small sizes are rejected."""
    if isinstance(x.shape[0], int) and x.shape[0] < 32:
        raise ValueError("too small")
    return x


def a_number_or_large(x):
    try:
        n = int(x.shape[0])
    except Exception:
        n = 1000
    if n < 32:
        raise ValueError("too small")
    return x


def halved(x):
    n = x.shape[0]
    while n > 1:
        if n % 2:
            raise ValueError("no power of two")
        n //= 2
    return x


def in_windows(x):
    """The last size is left open, so the count of numbers is divided by a size."""
    return x.reshape(x.shape[0] // 4, 4, -1)


def in_so_many_parts(x):
    return x.reshape(x.shape[0] // 4, -1)


def multiple_of_77(x):
    """The first sizes that are tried all raise the same error."""
    if len(range(int(x.shape[0]))) % 77:
        raise ValueError("a multiple of 77, please")
    return x


TRAPS = [
    (multiple_of_77, "{77, 154, 231}", False),
    (as_a_small_int, "{32, 33, …, 300}", False),
    (a_number_or_large, "{32, 33, …, 300}", False),
    (halved, "{1, 2, 4, 8, 16, 32, …, 65536}", False),
    (in_windows, "n ≡ 0 (mod 4), n ≥ 4", False),
    (in_so_many_parts, "{4, 5, 6, 7, 8, 10, 12, 15} or n ≡ 0 (mod 4), n ≥ 16", False),
    (wrapped_around, "n ≡ 0 (mod 4), n ≥ 4", True),
    (as_often_as_it_goes, "{1, 2, …, 100}", True),
    (folded, "n ≡ 0 (mod 2), n ≥ 2", True),
    (branch_above, "n ≥ 1", True),
    (branch_below, "{2, 4, …, 38} or n ≥ 40", True),
    (different_slopes, "{7}", True),
    (rounded_up, "{1, 2, …, 300}", False),
    (power_of_two, "{1, 2, 4, 8, 16, 32, …, 256}", False),
    (caught, "n ≥ 1", True),
    (padded_and_cropped, "n ≥ 1", True),
    (only_below, "{1, 2, …, 5000}", True),
    (odd_by_truth, "n ≡ 0 (mod 2), n ≥ 2", True),
    (in_a_set, "{32, 64}", False),
    (as_a_plain_int, "{1, 2, …, 100}", False),
    (of_another_library, "{1, 2} or n ≥ 4", True),
    (two_skips, "{38, 40, 41, 42, 43, 45}", True),
    (one_size, "{64}", True),
    (of_the_values, "no size", False),
    (never, "no size", True),
    (doubled, "n ≥ 1", True),
]
FEW = Budget(up_to=300)


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("function", "fitting", "decided"), TRAPS, ids=lambda of: getattr(of, "__name__", None))
def test_a_trap_has_its_sizes_and_says_how_they_are_known(function, fitting, decided):
    answer = read_jax(function, "L", budget=FEW)
    assert (str(answer["L"]), answer.axes["L"].decided) == (fitting, decided), str(answer)
    agrees_with_jax(function, answer.axes["L"].found)


def runs(function, size):
    try:
        jax.eval_shape(function, jax.ShapeDtypeStruct((size,), "float32"))
    except Exception:
        return False
    return True


def agrees_with_jax(function, found, most=130):
    """What fits, is empty or repeats a 1 runs; what is rejected does not."""
    draw = random.Random(0)
    for size in {*range(1, most), *(draw.randrange(1, 100_000) for _ in range(40)), *islice(found.fits, 20)}:
        if size not in found.undecided:
            said = any(size in of for of in (found.fits, found.empty, found.broadcast))
            assert said == runs(function, size), size
            assert said != (size in found.rejected)


def test_a_size_at_which_a_1_is_repeated_is_reported_separately():
    found = read_jax(repeated, "L").axes["L"].found
    assert (str(found.fits), str(found.broadcast)) == ("no size", "{2, 3}")
    agrees_with_jax(repeated, found)


def test_a_flax_unet_takes_multiples_of_sixteen_and_computes_nothing_of_eight():
    answer = read_jax(flax_unet(4), "N H W 3")
    assert [str(answer[axis]) for axis in "NHW"] == ["n ≥ 1", *["n ≡ 0 (mod 16), n ≥ 16"] * 2]
    assert [str(answer.axes[axis].found.empty) for axis in "HW"] == ["{8}", "{8}"]
    assert answer.independent is True
    assert answer.output == ("(N, H, W, 1)",)
    assert all(of.decided for of in answer.axes.values())


def test_a_square_image_without_a_batch_is_decided():
    # Flax adds a batch, and JAX asks whether 6·H·H numbers are none.
    answer = read_jax(flax_unet(2), "H H 3")
    assert (str(answer["H"]), answer.axes["H"].decided, answer.output) == ("n ≡ 0 (mod 4), n ≥ 4", True, ("(H, H, 1)",))


def test_the_number_of_traces_grows_with_the_levels_and_not_with_the_period():
    traces = [read_jax(flax_unet(levels), "1 H 64 3").axes["H"].found.traces for levels in (2, 3, 4, 5)]
    assert traces[-1] - traces[0] <= 3 * 8, traces  # the period doubles with each level; JAX's caches add a few


@pytest.mark.parametrize(("channels", "runs"), [(3, 30), (1, 30)], ids=["right", "wrong"])
def test_where_another_axis_is_wrong_few_sizes_are_tried(channels, runs):
    called = []

    def model(x):
        called.append(x.shape)
        return x @ jnp.ones((3, 4))

    assert bool(read_jax(model, f"H W {channels}")["H"]) == (channels == 3)
    assert len(called) < runs, called


def test_a_minimum_that_the_code_asks_for_in_constant_words_is_found():
    def model(x):
        if x.shape[0] < 2_000:
            raise ValueError("the image is too small")
        return x

    assert str(read_jax(model, "H 3")["H"]) == "n ≥ 2000"


def test_a_size_beside_ones_is_no_case_of_its_own_and_batch_norms_need_no_traces():
    # A bias and a scale have ones in the axes of positions. Whether a size is 1 beside them changes nothing.
    layers = [nnx.Conv(3, 3, (3, 3), rngs=nnx.Rngs(0)), nnx.BatchNorm(3, use_running_average=True, rngs=nnx.Rngs(0))]

    answer = read_jax(lambda x: nnx.max_pool(jax.nn.relu(layers[1](layers[0](x))), (2, 1), (2, 1)), "N H 64 3")
    assert [(str(answer[axis]), answer.axes[axis].found.traces) for axis in "NH"] == [("n ≥ 1", 1), ("n ≥ 2", 1)]


def test_a_size_of_1_beside_another_size_is_still_repeated_by_chance():
    answer = read_jax(lambda x: (x + jnp.ones((1, 4))) * jnp.concatenate([x, x]), "H 4")
    found = answer.axes["H"].found
    assert (str(found.fits), str(found.broadcast)) == ("no size", "{1}")


def branch_at_one(x):
    return x[None] if x.shape[0] == 1 else x.reshape(2, -1)


COUNTED = {
    "linspace": (lambda x: x + jnp.linspace(0, 1, x.shape[0]), "n ≥ 1"),
    "a branch of the network": (branch_at_one, "{1} or n ≡ 0 (mod 2), n ≥ 2"),
    "squeeze": (lambda x: x.squeeze(0) + 1, "{1}"),
    "a concatenation": (lambda x: jnp.concatenate([x[:, None], jnp.ones((1, 4))], 1), "{1}"),
}


@pytest.mark.parametrize("name", COUNTED)
def test_a_size_of_1_that_is_counted_and_not_repeated_fits(name):
    function, fitting = COUNTED[name]
    found = read_jax(function, "L").axes["L"].found
    assert (str(found.fits), str(found.broadcast)) == (fitting, "no size")
    agrees_with_jax(function, found)


REPEATED = {
    "in a branch for it": (lambda x: x + jnp.ones(3) if x.shape[0] == 1 else x, "n ≥ 2"),
    "by broadcast_to": (lambda x: x[:, None] + jnp.broadcast_to(x, (4,)), "{4}"),
    "by a product of matrices": (
        lambda x: jnp.matmul(x[:, None, None] * jnp.ones((1, 2, 3)), jnp.ones((5, 3, 2))),
        "{5}",
    ),
    "by where": (lambda x: jnp.where(x > 0, x, jnp.ones(5)), "{5}"),
}


@pytest.mark.parametrize("name", REPEATED)
def test_a_size_of_1_that_is_repeated_is_reported_wherever_that_is(name):
    function, fitting = REPEATED[name]
    found = read_jax(function, "L").axes["L"].found
    assert (str(found.fits), str(found.broadcast)) == (fitting, "{1}")


def test_functions_with_their_own_derivative_and_elementwise_ones_are_as_before_after_a_reading():
    before = jax.custom_jvp.__call__, jnp.ufunc.__call__
    read_jax(lambda x: jax.nn.relu(x) + jnp.add(x, 1), "L")
    assert (jax.custom_jvp.__call__, jnp.ufunc.__call__) == before


def test_a_function_of_the_user_with_its_own_derivative_gets_arrays():
    @jax.custom_jvp
    def scaled(x, by):
        return x * 2 if by > 1 else x  # a value that JAX does not know

    scaled.defjvp(lambda primals, tangents: (scaled(*primals), tangents[0]))
    answer = read_jax(lambda x: scaled(x, 3), "L")
    assert not answer["L"]
    assert answer.axes["L"].found.undecided


def test_a_batch_norm_in_training_mode_is_read_and_stays_as_it_is():
    norm = nnx.BatchNorm(3, rngs=nnx.Rngs(0))
    before = jax.tree.map(np.asarray, nnx.state(norm))
    assert str(read_jax(norm, "N H 3")["H"]) == "n ≥ 1"
    jax.tree.map(np.testing.assert_array_equal, before, jax.tree.map(np.asarray, nnx.state(norm)))


def test_a_linen_module_with_strided_same_convolutions_and_resizes():
    answer = read_jax(LinenUNet(), "2 H W 3")
    assert [str(answer[axis]) for axis in "HW"] == ["n ≡ 0 (mod 4), n ≥ 4"] * 2
    assert answer.framework.startswith("flax ")


class Halving(eqx.Module):
    conv: eqx.nn.Conv2d
    up: eqx.nn.ConvTranspose2d

    def __init__(self, key):
        self.conv = eqx.nn.Conv2d(3, 4, 3, stride=2, padding=1, key=key)
        self.up = eqx.nn.ConvTranspose2d(4, 3, 2, stride=2, key=key)

    def __call__(self, x):
        return x + self.up(self.conv(x))


def test_a_linen_module_whose_initializer_has_no_hash():
    @dataclass
    class Init:
        value: float = 1.0

        def __call__(self, key, shape, dtype=jnp.float32):
            return jnp.full(shape, self.value, dtype)

    assert str(read_jax(linen.Dense(4, kernel_init=Init()), "N 3")["N"]) == "n ≥ 1"


def test_an_equinox_module():
    answer = read_jax(eqx.filter_eval_shape(Halving, jax.random.key(0)), "3 H W")
    assert [str(answer[axis]) for axis in "HW"] == ["n ≡ 0 (mod 2), n ≥ 2"] * 2
    assert answer.framework.startswith("equinox ")


def test_a_size_that_runs_is_not_rejected_by_a_trace_of_another():
    tables = {"of 64": jnp.ones(64), "of 128": jnp.ones(128)}
    answer = read_jax(lambda x: x + tables[f"of {x.shape[0]}"], "L", budget=Budget(up_to=200))
    assert str(answer["L"]) == "{64, 128}"
    assert not answer.axes["L"].decided
    assert "a run on L = 64 fits, unlike the symbolic trace" in " ".join(str(answer).split())


def test_images_that_are_joined_after_a_stride_are_held_at_sizes_that_are_meant():
    answer = read_jax(lambda a, b: jnp.concatenate([a, b[:, ::2]]), "3 H", "2 W")
    assert [str(answer[axis]) for axis in "HW"] == ["{32}", "{63, 64}"]
    assert answer.together == ("H = floor((W + 1)/2)",)
    assert "with W = 64, H: {32}" in str(answer)


def test_the_output_of_finitely_many_sizes_is_that_of_the_path_that_most_of_them_take():
    table = jnp.ones((8, 32))
    answer = read_jax(lambda x: x + table[:, : x.shape[1]], "8 H")
    assert str(answer["H"]) == "{1, 2, …, 32}"
    assert answer.output == ("(8, H)",)


def test_of_a_model_that_keeps_something_from_call_to_call_nothing_is_known():
    calls = []

    def once(x):
        calls.append(x)
        if len(calls) > 1:
            raise ValueError("spent")
        return x

    answer = read_jax(once, "N L")
    assert not any(of.sizes or of.decided for of in answer.axes.values())
    assert answer.independent is None
    assert "fits at first, and later raises ValueError" in " ".join(str(answer).split())


def test_axes_do_not_depend_on_each_other_because_sizes_of_one_are_not_known():
    def padded(x):
        return jnp.pad(x, ((0, math.ceil(x.shape[0] / 4) * 4 - x.shape[0]), (0, 0)))

    answer = read_jax(padded, "H W", budget=Budget(trials=0))
    assert answer.independent is None
    assert not answer.together


@pytest.mark.parametrize(
    "transform",
    [
        hk.transform,
        hk.transform_with_state,
        lambda run: hk.without_apply_rng(hk.transform(run)),
        lambda run: hk.without_apply_rng(hk.transform_with_state(run)),
    ],
)
def test_a_haiku_transform(transform):
    def halving(x):
        y = hk.Conv2D(4, 3, stride=2)(x)
        return x + hk.Conv2DTranspose(3, 2, stride=2)(y)

    answer = read_jax(transform(halving), "N H W 3")
    assert [str(answer[axis]) for axis in "NHW"] == ["n ≥ 1", *["n ≡ 0 (mod 2), n ≥ 2"] * 2]
    assert answer.framework.startswith("haiku ")


def test_a_haiku_transform_has_the_parameters_of_the_image_at_which_axes_are_held():
    linear = hk.transform(lambda x: hk.Linear(3)(x.reshape(1, -1)))
    answer = read_jax(linear, "4 L", budget=Budget(up_to=80))
    assert str(answer["L"]) == "{64}"


def test_a_network_that_flattens_says_what_holds_together():
    def flattened(x):
        return x[:, ::2, ::2].reshape(x.shape[0], -1) @ jnp.zeros((1024, 10))

    answer = read_jax(flattened, "N H W")
    assert answer.independent is False
    assert "1024" in answer.together[0]
    assert "depend on each other" in str(answer)


def test_a_network_that_takes_only_squares_says_so():
    answer = read_jax(lambda x: x + x.T, "H W")
    assert answer.independent is False
    assert "H = W" in answer.together
    assert str(answer["H"]) == "{64}"
    assert "size 1 is not counted: the code runs, but only because a size of 1 is repeated" in str(answer)


def test_several_sizes_that_do_not_count_are_named_together():
    answer = read_jax(lambda x: x[3:], "L")
    assert "sizes {1, 2, 3} are not counted: the code runs, but an intermediate array is empty" in str(answer)


def test_several_images_share_a_size_by_its_name_and_further_arguments_are_passed_on():
    def joined(image, mask, scale):
        return jnp.concatenate([image, mask[:, : image.shape[1]]]) * scale

    answer = read_jax(joined, "3 L", "1 M", dtypes=["float32", "int32"], arguments={"scale": 2.0})
    assert str(answer["M"]) == "n ≥ 64"  # with L held at 64
    assert answer.independent is False
    assert read_jax(joined, "3 L", "1 L", arguments={"scale": 2.0}).output == ("(4, L)",)


def test_a_large_start_is_found_without_trying_smaller_sizes():
    def valid(x):
        for _ in range(8):
            x = jax.lax.reduce_window(x, 0.0, jax.lax.add, (15,), (1,), "VALID")[::2]
        return x

    found = read_jax(valid, "L").axes["L"].found
    assert found.fits.minimum == max(n for n in range(2_000, 6_000) if not runs_to_one(n)) + 1
    assert found.traces + found.trials < 100


def runs_to_one(n):
    for _ in range(8):
        n = -(-max(n - 14, 0) // 2)
    return n >= 1


def test_nothing_of_the_model_gets_memory():
    def huge(x):
        return x @ jnp.zeros((64, 2**40), "bfloat16") if x.shape[0] else x

    def abstract(weights, x):
        return x @ weights

    big = jax.ShapeDtypeStruct((64, 2**40), "float32")
    assert str(read_jax(jax.tree_util.Partial(abstract, big), "N D")["D"]) == "{64}"


def test_a_size_that_does_not_fit_gets_the_frameworks_error_the_users_line_and_the_nearest_sizes():
    answer = read_jax(flax_unet(2), "1 H W 3")
    report = answer.check(H=303, W=384)
    assert not report.ok
    with pytest.raises(ShapeError, match="concatenate"):
        report.raise_if_failed()
    text = " ".join(str(report).split())
    assert "test_read_jax.py" in text
    assert "jnp.concatenate([skips.pop(), up(x)]" in text
    assert "H 300 (crop 3) or 304 (pad 1)" in text
    assert answer.check(H=304).ok
    assert "it runs, but an intermediate array is empty" in str(answer.check(H=2))
    assert "size 2 is not counted: the code runs, but an intermediate array is empty" in str(answer)
    with pytest.raises(UsageError, match="no such axis"):
        answer.check(D=3)


def test_the_answer_is_plain_data_and_text():
    answer = read_jax(flax_unet(1), "1 H 8 3")
    data = json.loads(json.dumps(answer.to_dict()))
    assert data["axes"]["H"]["sizes"] == "n ≡ 0 (mod 2), n ≥ 2"
    assert data["axes"]["H"]["decided"] is True
    assert all(len(line) <= 100 for line in str(answer).splitlines())


def test_what_a_trace_patches_is_put_back():
    import jax._src.export.shape_poly as rules

    before = dict(vars(rules._DimExpr)), rules._bounds_decision
    read_jax(never, "L")
    read_jax(doubled, "L")
    assert (dict(vars(rules._DimExpr)), rules._bounds_decision) == before


@pytest.mark.parametrize("shape", ["", "3×-1×W", "3 H!", 7, "3xx", "x", "3x-1"])
def test_a_text_that_is_no_shape_is_rejected(shape):
    with pytest.raises(UsageError, match="numbers and names"):
        read_jax(doubled, shape)


def test_a_size_of_0_is_no_size():
    with pytest.raises(UsageError, match="a number must be at least 1"):
        read_jax(doubled, "0 H")


def test_what_cannot_be_called_is_rejected():
    with pytest.raises(UsageError, match="nothing to call"):
        read_jax(3, "L")


@pytest.mark.parametrize(
    "ask",
    [
        read_jax,
        graph_of_jax,
        lambda model, shape: fitted(model, "unet2", policy="pad"),
        lambda model, shape: save(model, "m.safetensors"),
        lambda model, shape: export(model, "m.zip"),
        lambda model, shape: tiled(model, np.zeros((1, 8, 8), np.float32), tile=4),
    ],
)
def test_a_class_is_no_model(ask):
    with pytest.raises(UsageError, match=r"it is the class Conv, and must be a model") as error:
        ask(nnx.Conv, "L 3")
    assert error.value.report.fixes == ("Conv(…)",)


# Programs that no one wrote: a vector goes through random operations, and may meet an earlier one.
K = st.integers(1, 5)
STEPS = st.one_of(
    st.tuples(st.just("pool"), K, K),
    st.tuples(st.just("fold"), K),
    st.tuples(st.just("repeat"), K),
    st.tuples(st.just("pad to"), K),
    st.tuples(st.just("crop"), st.integers(-6, 6)),
    st.tuples(st.just("every"), K),
    st.tuples(st.just("split"), K),
    st.tuples(st.just("branch"), st.integers(1, 60)),
    st.tuples(st.just("parity"), st.integers(2, 4)),
    st.tuples(st.just("join"), st.integers(0, 9)),
    st.tuples(st.just("add"), st.integers(0, 9)),
    st.tuples(st.just("stack"), st.integers(0, 9)),
    st.tuples(st.just("caught"), st.integers(0, 9)),
)


def program(steps):
    def run(x):
        seen = [x]
        for name, k, *more in steps:
            n, other = x.shape[0], seen[k % len(seen)]
            match name:
                case "pool":
                    x = jax.lax.reduce_window(x, 0.0, jax.lax.add, (k,), (more[0],), "VALID")
                case "fold":
                    x = x.reshape(-1, k).sum(1)
                case "repeat":
                    x = jnp.repeat(x, k)
                case "pad to":
                    x = jnp.pad(x, (0, -n % k))
                case "crop":
                    x = x[k:] if k >= 0 else jnp.pad(x, (0, -k))
                case "every":
                    x = x[::k]
                case "split":
                    x = jnp.split(x, k)[0]
                case "branch":
                    x = x[: n // 2] if n > k else x
                case "parity":
                    x = x[1:] if n % k else x
                case "join":
                    x = jnp.concatenate([x[None], other[None]]).sum(0)
                case "add":
                    x = x + other
                case "stack":
                    x = jnp.stack([x, other]).max(0)
                case "caught":
                    try:
                        x = jnp.concatenate([x[None], other[None]]).sum(0)
                    except TypeError:
                        x = jnp.concatenate([x, other])
            seen.append(x)
        return x

    return run


@examples(6)
@given(st.lists(STEPS, min_size=1, max_size=6))
def test_the_sizes_of_random_programs_are_those_that_jax_runs(steps):
    found = read_jax(program(steps), "L", budget=Budget(up_to=40, seconds=10)).axes["L"].found
    agrees_with_jax(program(steps), found, most=48)


def test_sizes_that_stand_alone_are_run_and_not_traced():
    def each_alone(x):
        if x.shape[1] < 40:
            for n in range(40):
                if x.shape[1] == n and n < 4:
                    raise ValueError("too small")
        return x

    found = read_jax(each_alone, "1 L").axes["L"].found
    assert (str(found.fits), str(found.rejected)) == ("n ≥ 4", "{1, 2, 3}")
    assert len(found.regions) == 40
    assert found.traces < 8


class SlowTracer:
    """Its traces take longer than the budget allows, and decide nothing. The sizes from 5 on fit."""

    def path(self, size):
        time.sleep(0.3)
        return Path((), Unknown("a loop over the sizes"))

    def trial(self, size):
        return Accepted(((size,),)) if size >= 5 else Rejected("ValueError", "too small")


def test_sizes_are_tried_even_if_the_first_trace_takes_longer_than_all_of_the_budget():
    found = explore(SlowTracer(), "L", Budget(seconds=0.2, trials=7, up_to=6), known=100)
    assert (str(found.fits), str(found.rejected)) == ("{5, 6, 100}", "{1, 2, 3, 4}")
    assert str(found.undecided) == "{7, 8, …, 99} or n ≥ 101"


class RecursingTracer:
    """A recursion that ends for sizes up to 5: symbols need more of Python's stack, and their traces end sooner."""

    def path(self, size):
        return Path((), Rejected("RecursionError", "too deep"))

    def trial(self, size):
        return Rejected("RecursionError", "too deep") if size > 5 else Accepted(((size,),))


def test_a_recursion_that_is_too_deep_for_symbols_decides_no_other_size():
    found = explore(RecursingTracer(), "L", Budget(up_to=8))
    assert (str(found.fits), str(found.rejected)) == ("{1, 2, 3, 4, 5}", "{6, 7, 8}")
    assert str(found.undecided) == "n ≥ 9"


def test_the_output_is_given_for_one_size_if_no_trace_has_it_for_all():
    def halved(x):
        return x[: int(str(x.shape[0])) // 2]

    answer = read_jax(halved, "L", budget=Budget(up_to=70))
    assert (answer.output, len(answer.notes)) == ((), 1)
    assert answer.notes[0] == "the output is (35) with L = 70; as a function of the sizes it is not known"


def test_none_is_no_name_of_a_size():
    with pytest.raises(UsageError, match="None is no name of a size; a name such as H stands for any size"):
        read_jax(lambda x: x, "3 None None")


def test_an_axis_that_no_size_fits_has_the_error_that_most_sizes_get():
    answer = read_jax(lambda x: x[:5] + jnp.zeros(6), "L")
    assert not answer["L"]
    assert str(answer).count("TypeError") == 1
    assert "add got incompatible shapes for broadcasting: (5,), (6,)" in " ".join(str(answer).split())


def channels_last(x):
    return jax.lax.conv_general_dilated(x[None], jnp.zeros((3, 3, 3, 8)), (1, 1), "SAME", dimension_numbers=NHWC)


NHWC = ("NHWC", "HWIO", "NHWC")


def test_the_other_axes_are_held_at_sizes_that_fit_even_if_they_are_not_alike():
    answer = read_jax(channels_last, "H W C")
    assert [str(answer[axis]) for axis in "HWC"] == ["n ≥ 1", "n ≥ 1", "{3}"]
    assert answer.independent is True
    assert [str(read_jax(channels_last, "4 H W")[axis]) for axis in "HW"] == ["n ≥ 1", "{3}"]


def test_an_answer_without_sizes_that_fit_together_says_so():
    def far_apart(x):
        if x.shape[0] * x.shape[1] != 6_347:  # 11·577
            raise ValueError("another shape")
        return x

    answer = read_jax(far_apart, "H W")
    assert not any(of.decided for of in answer.axes.values())
    assert answer.independent is None
    says = " ".join(str(answer).split())
    assert "all sizes that were tried failed" in says
    assert "with H = 64, W = 64: ValueError at " in says


def test_a_batch_that_our_network_does_not_take_is_said():
    model = UNet(UNetConfig(levels=1, base_channels=2), 3, 1, rngs=nnx.Rngs(0))
    says = " ".join(str(read_jax(model, "N 3 H W")).split())
    assert "it has 4 axes, and must have 3, (3, H, W)" in says
    assert ".py" not in says


def two_images(x, y):
    return x + y


@pytest.mark.parametrize(
    ("shapes", "given", "message"),
    [
        (["3 H"], {}, "missing 1 required positional argument: 'y'"),
        (["3 H", "3 H"], {"arguments": {"train": False}}, "unexpected keyword argument 'train'"),
        ([], {}, "no shape is given"),
        (["3 H", "3 H"], {"dtypes": "float33"}, "float33"),
        (["3 H", "3 H"], {"dtypes": ["float32"]}, "one for each of 2 images"),
    ],
)
def test_a_wrong_call_is_not_an_answer_about_sizes(shapes, given, message):
    with pytest.raises(UsageError, match=message):
        read_jax(two_images, *shapes, **given)


def test_sizes_that_fit_only_together_are_found_by_the_conditions_that_they_break():
    answer = read_jax(lambda x: jnp.concatenate([x, jnp.zeros((224, 192, 1))], -1), "H W 3")
    assert [str(answer[axis]) for axis in "HW"] == ["{224}", "{192}"]


@pytest.mark.parametrize("shape", ["heightxwidthx3", "height x width x 3", "height width 3", "(height, width, 3)"])
def test_an_x_stands_between_names_of_any_letters(shape):
    answer = read_jax(jax.nn.relu, shape)
    assert answer.shapes == (("height", "width", 3),)


# Sizes that depend on each other.


def windows(x):
    return x.reshape(-1, 7, 7, x.shape[-1])


def too_large(x):
    if x.shape[0] * x.shape[1] > 10_000:
        raise ValueError("too large")
    return x


JOINT = {
    "rows of six": (lambda x: x.reshape(-1, 6), "H W", "H*W mod 6 = 0", {"H": 4, "W": 4}, {"H": 4, "W": 3}),
    "two halves": (lambda x: x.reshape(2, -1), "H W", "H*W mod 2 = 0", {"H": 5, "W": 5}, {"H": 5, "W": 2}),
    "windows": (windows, "H W 3", "3*H*W mod 147 = 0", {"H": 7, "W": 2}, {"H": 49, "W": 2}),
    "an area": (too_large, "H W", "H*W ≤ 10000", {"H": 101, "W": 100}, {"H": 1000, "W": 10}),
    "a prime": (lambda x: x.reshape(-1, 1_031), "H W", "H*W mod 1031 = 0", {"H": 64, "W": 2}, {"H": 64, "W": 2_062}),
}


@pytest.mark.parametrize("shape", ["1 H 64 3", "1 H W 3"])
def test_windows_whose_channels_are_left_open_are_multiples_of_their_size(shape):
    answer = read_jax(lambda x: x.reshape(1, x.shape[1] // 4, 4, x.shape[2] // 4, 4, -1).mean((2, 4)), shape)
    assert {str(answer[name]) for name in answer.axes} == {"n ≡ 0 (mod 4), n ≥ 4"}
    assert answer.independent is (None if "W" not in shape else True)


@pytest.mark.parametrize("name", JOINT)
def test_sizes_that_depend_on_each_other_say_on_what(name):
    function, shape, condition, broken, met = JOINT[name]
    answer = read_jax(function, shape, budget=Budget(traces=10, trials=10))
    assert answer.independent is False
    assert answer.together[0] == condition
    assert answer.check(**met).ok
    assert not answer.check(**broken).ok


def rejecting(is_wrong):
    def run(x):
        if is_wrong(*x.shape):
            raise ValueError("another size")
        return x

    return run


@pytest.mark.parametrize(
    ("is_wrong", "together"),
    [
        (lambda h, w: max(h, w) < 20, ()),  # no condition on both sizes has to hold
        (lambda h, w: h > w, ("H ≤ W",)),
        (lambda h, w: h - w == 37, ("H ≠ W + 37",)),
        (lambda h, w: 3 * h == 2 * w, ("3*H ≠ 2*W",)),
    ],
    ids=["one of both is large", "landscape", "a difference", "a ratio"],
)
def test_only_conditions_that_no_sizes_break_are_said_to_be_required_together(is_wrong, together):
    answer = read_jax(rejecting(is_wrong), "H W")
    assert (answer.independent, answer.together) == (False, together)


def test_sizes_that_are_too_small_together_are_said_as_sizes():
    small = read_jax(rejecting(lambda h, w: h < 8 and w // 2 == 3), "H W")
    assert small.together == ("H ≥ 8 or W not in {6, 7}",)


def branching(x):
    h, w = x.shape
    return x.reshape(-1, 2) if h > 17 and w < 3 else x


TOGETHER = {
    "on another path": (branching, ()),
    "an area, if both are large": (rejecting(lambda h, w: h > 100 and w > 100 and h * w > 40_000), ()),
    "a rejected size that fits beside another": (rejecting(lambda h, w: h == 5 and w != 7), ("H ≠ 5 or W = 7",)),
    "two rejected sizes that fit together": (
        rejecting(lambda h, w: (h == 8) != (w == 8)),
        ("H ≠ 8 or W = 8", "H = 8 or W ≠ 8"),
    ),
    "rejected while the other is held": (rejecting(lambda h, w: h < 4 and w > 5), ("H ≥ 4 or W ≤ 5",)),
    "a divisor that is 0 where the axes are held": (
        rejecting(lambda h, w: h != 64 and (w + 7 * h) // (h - 64) == 7),
        ("floor((W + 7*H)/(H - 64)) ≠ 7",),
    ),
    "some of a remainder": (
        rejecting(lambda h, w: h == 6 and w % 5 == 3),
        ("H ≠ 6 or W not in (n ≡ 3 (mod 5), n ≥ 3)",),
    ),
}


@pytest.mark.parametrize("name", TOGETHER)
def test_axes_that_depend_on_each_other_on_some_path_are_not_independent(name):
    function, together = TOGETHER[name]
    answer = read_jax(function, "H W")
    assert (answer.independent, answer.together) == (False, together)
    example = [note for note in answer.notes if note.endswith(" do not fit together, and each does alone")]
    assert not (together and example)
    for note in example:
        sizes = {name: int(size) for name, size in re.findall(r"(\w) = (\d+)", note)}
        assert all(size in answer[name] for name, size in sizes.items())
        assert not answer.check(**sizes).ok


def pooled(x, k):
    return lax.reduce_window(x, -jnp.inf, lax.max, (k, k), (k, k), "VALID")


@pytest.mark.parametrize(
    ("function", "together", "note"),
    [
        (
            lambda x: pooled(x, 2 if x.shape[0] * x.shape[1] < 24 else 5),
            (),
            "H = 3, W = 7 fit together, and H = 3, W = 64 do not",
        ),
        (
            lambda x: x if x.shape[0] * x.shape[1] >= 24 else x[2:, 2:],
            ("H ≥ 3 or W ≥ 2",),
            "H = 2, W = 2 do not fit together, and each does alone",
        ),
    ],
    ids=["another pooling for small areas", "a crop of small areas"],
)
def test_sizes_that_no_condition_explains_are_given_as_an_example(function, together, note):
    answer = read_jax(function, "H W")
    assert (answer.independent, answer.together) == (False, together)
    assert [of for of in answer.notes if "together" in of] == [note]
    failing = re.findall(r"(\w) = (\d+)", note.partition(" do not")[0])[-2:]
    assert not answer.check(**{name: int(size) for name, size in failing}).ok


@pytest.mark.parametrize(
    ("function", "condition"),
    [
        (lambda x, y: x[2:] + y, "H = A + 2"),
        (lambda x, y: x[::2] * y, "floor((H + 1)/2) = A"),
        (lambda x, y: x + y, "H = A"),
    ],
)
def test_two_images_that_are_added_are_linked_by_their_sizes(function, condition):
    answer = read_jax(function, "H", "A")
    assert (answer.independent, answer.together) == (False, (condition,))


@pytest.mark.parametrize(
    ("module", "made_for"),
    [
        (linen.LayerNorm(feature_axes=1, reduction_axes=1), "H = 64"),
        (linen.Sequential([linen.Conv(4, (3, 3)), lambda x: x.reshape(1, -1), linen.Dense(2)]), "H = 64, W = 64"),
        (linen.Sequential([linen.Conv(4, (3, 3)), lambda x: x[:, :9, :9].reshape(1, -1)]), ""),
    ],
    ids=["a norm over positions", "a dense layer", "a size of the code"],
)
def test_a_note_says_for_which_sizes_the_parameters_were_made(module, made_for):
    answer = read_jax(module, "1 H W 3")
    notes = [note for note in answer.notes if "parameters" in note]
    assert notes == ([f"the parameters were made for {made_for}; for another size they differ"] if made_for else [])
    assert answer.check(**answer.held).ok


def kept(x):
    """Padded to an even size, pooled, repeated and cropped."""
    return jnp.repeat((jnp.pad(x, (0, x.shape[0] % 2))).reshape(-1, 2).max(1), 2)[: x.shape[0]]


def padded_to(multiple, x, axis):
    """With a branch, as people write it: an image of the right size is not padded."""
    if x.shape[axis] % multiple == 0:
        return x
    widths = [(0, 0)] * x.ndim
    widths[axis] = 0, multiple - x.shape[axis] % multiple
    return jnp.pad(x, widths)


OUTPUTS = {
    "kept": (kept, "L", "(L)", None),
    "odd sizes are cropped": (lambda x: x[:-1] if x.shape[0] % 2 else x, "L", "(2*floor(L/2))", None),
    "padded if they must be": (
        lambda x: padded_to(4, padded_to(6, x, 0), 1),
        "H W",
        "(6*floor((H + 5)/6), 4*floor((W + 3)/4))",
        None,
    ),
    "few sizes are padded": (lambda x: padded_to(6, x, 0) if x.shape[0] < 40 else x, "L", "(L)", "(6) with L = 1"),
    "equal sizes": (
        lambda x: x if x.shape[0] == x.shape[1] else jnp.pad(x, ((0, 0), (0, 1))),
        "H W",
        "(H, W + 1)",
        "(64, 64) with W = 64, H = 64",
    ),
    "rounded up": (
        lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (2,), (2,), "SAME"),
        "L",
        "(floor((L + 1)/2))",
        None,
    ),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_the_output_holds_for_every_size_or_a_note_has_one_for_which_it_does_not(name):
    function, shape, output, other = OUTPUTS[name]
    answer = read_jax(function, shape)
    assert answer.output == (output,)
    notes = () if other is None else (f"the output of other sizes differs: it is {other}",)
    assert answer.notes == notes


def test_an_output_that_is_no_simple_function_of_the_size_is_given_for_two_sizes():
    def function(x):
        rest = x.shape[0] % 3
        return x if rest == 0 else jnp.pad(x, (0, 1 if rest == 1 else 5))

    answer = read_jax(function, "L")
    assert answer.output == ()
    both = "(1001) with L = 1000, and (1006) with L = 1001"
    assert answer.notes == (f"the output is {both}; as a function of the sizes it is not known",)


def test_a_fix_is_tried_beside_the_other_sizes():
    answer = read_jax(lambda x, y: jnp.concatenate([x[::2], y], 1), "H 2", "A 2")
    assert answer.check(H=10, A=6).fixes == ("sizes with floor((H + 1)/2) = A",)
    repeated = read_jax(lambda x, y: x + y, "H 3", "A 3")
    assert "only because a size of 1 is repeated" in str(repeated.check(H=1))


ONE_SIZE = {
    "is less": lambda n, k: n < k,
    "is at least": lambda n, k: n >= k,
    "is a multiple": lambda n, k: n % k == 0,
    "is odd": lambda n, k: n % 2 == 1,
    "divides to": lambda n, k: n // 3 == k,
}


@given(
    st.lists(
        st.tuples(*(st.tuples(st.sampled_from(sorted(ONE_SIZE)), st.integers(2, 12)) for _ in range(2)), st.booleans()),
        min_size=1,
        max_size=3,
    )
)
@examples(15)
def test_axes_that_are_said_to_be_independent_are(rules):
    """Code may look at the second size for some sizes of the first only, so that no other trace meets the question."""

    def is_wrong(h, w):
        for (first, k), (second, m), turned in rules:
            a, b = (w, h) if turned else (h, w)
            if ONE_SIZE[first](a, k) and ONE_SIZE[second](b, m):
                return True
        return False

    answer = read_jax(rejecting(is_wrong), "H W")
    fitting = [(h, w) for h in range(1, 50) for w in range(1, 50) if h in answer["H"] and w in answer["W"]]
    assert not answer.independent or not any(is_wrong(h, w) for h, w in fitting)


def test_the_outputs_of_a_dictionary_have_names():
    answer = read_jax(lambda x: {"mask": x[:, ::2], "inner": [x, x[::2]]}, "H W")
    assert answer.output == ("inner.0: (H, W)", "inner.1: (floor((H + 1)/2), W)", "mask: (H, floor((W + 1)/2))")
    assert "  output mask: (H, floor((W + 1)/2))" in str(answer)
    assert read_jax(lambda x: (x, x), "H").output == ("(H)", "(H)")


def test_the_order_of_two_sizes_does_not_make_them_depend_on_each_other():
    answer = read_jax(lambda x: 2 * x if x.shape[0] > x.shape[1] else x, "H W")
    assert answer.independent
    assert answer.together == ()


def test_the_output_is_that_of_sizes_that_equal_no_number_in_the_network():
    assert read_jax(lambda x: x.reshape(-1, 37), "H W").output == ("(ceil(H*W/37), 37)",)


def test_a_size_at_which_code_asks_for_values_is_not_said_not_to_fit():
    def by_values(x):
        return x if x.shape[0] < 9 or x.sum() > 0 else -x

    sizes = read_jax(by_values, "H")
    assert sizes["H"].maximum == 8
    assert sizes.check(H=8).holds == "JAX accepts it. Output (8)"
    says = str(sizes.check(H=9)).replace("\n      ", " ")
    assert says.startswith("by_values on (9) can't be decided.\n  known: ")
    assert "branches on values, and wellshaped sees only shapes." in says


def test_sizes_that_are_not_known_are_not_called_no_size():
    answer = read_jax(rejecting(lambda h, w: h not in {1_031: 0}), "H H", budget=Budget(traces=3, trials=5))
    assert "no size is known" in str(answer)
    assert "all" not in str(answer.check(H=62)).replace("all that fit as far as known", "")


@pytest.fixture
def keras(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    keras = pytest.importorskip("keras", reason="Keras is not a dependency")
    if keras.backend.backend() != "jax":
        pytest.skip("Keras has another backend")
    return keras


def test_a_keras_model_for_one_height_takes_only_this_height(keras):
    image = keras.Input((64, None, 3))
    answer = read_jax(keras.Model(image, keras.layers.Conv2D(2, 3)(image)), "1 H W 3")
    assert [str(answer[axis]) for axis in "HW"] == ["{64}", "n ≥ 3"]
    assert all(of.decided for of in answer.axes.values())


def test_a_keras_layer_that_was_made_for_a_number_of_positions_takes_this_number(keras):
    class Flat(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2)

        def call(self, x):
            return self.dense(keras.ops.reshape(x, (1, -1)))

    model = Flat()
    model(np.zeros((1, 8, 4)))
    answer = read_jax(model, "1 L 4")
    assert (str(answer["L"]), answer.axes["L"].decided) == ("{8}", True)


def test_what_a_trace_says_does_not_depend_on_the_arrays_that_there_were_before():
    network = FlaxUNet(2, nnx.Rngs(0))

    def regions():
        of_it = read_jax(network, "1 H 64 3").axes["H"].found.regions
        return [(str(region.sizes), region.runs) for region in of_it]

    first = regions()
    # JAX keeps the types of arrays as long as somebody has them, and compares new ones with them.
    kept = [jax.make_jaxpr(network)(jax.ShapeDtypeStruct((1, 4 * n, 64, 3), "float32")) for n in range(1, 100)]
    assert [regions() for _ in range(2)] == [first] * 2, len(kept)


def test_the_large_size_that_is_run_is_no_larger_than_it_must_be():
    # Images of some million rows have more elements than this library's own networks take.
    far = _far(SizeSet([Progression(80_064, 8, None)]))
    assert far is not None
    assert 80_064 <= far <= 4 * 80_064
    assert _far(SizeSet([Progression(2 * 10**10, 1, None)])) is None


def test_conditions_are_not_those_of_a_size_of_1_that_is_repeated():
    sizes = read_jax(lambda x: x.reshape(3, -1) + jnp.zeros(12), "3 H W")
    assert sizes.together == ("H*W = 12",)


def test_code_that_exits_rejects_the_size_and_a_generator_takes_none():
    def even(x):
        if x.shape[0] % 2:
            sys.exit(0)
        return x

    def several(x):
        yield x

    assert str(read_jax(even, "L 3")["L"]) == "n ≡ 0 (mod 2), n ≥ 2"
    assert not read_jax(several, "L 3")["L"]
    assert not read_jax(lambda x: None, "L 3")["L"]


def must_not_be_24(x):
    if x.shape[0] * x.shape[1] == 24:
        raise ValueError("24 positions")
    return x


def must_not_be_12_when_halved(x):
    if (x.shape[0] // 2) * (x.shape[1] // 2) == 12:
        raise ValueError("12 positions")
    return x


@pytest.mark.parametrize(
    ("function", "condition"),
    [
        (must_not_be_24, "H*W ≠ 24"),
        (must_not_be_12_when_halved, "floor(H/2)*floor(W/2) ≠ 12"),
    ],
)
def test_a_product_that_must_not_be_one_number_links_the_axes(function, condition):
    answer = read_jax(function, "H W")
    assert (answer.independent, answer.together) == (False, (condition,))


def test_sizes_of_1_along_several_axes_are_checked_as_along_one():
    answer = read_jax(lambda x: x + jnp.repeat(jnp.repeat(x[::2, ::2], 2, 0), 2, 1), "H W")
    assert [str(answer[axis]) for axis in "HW"] == ["n ≡ 0 (mod 2), n ≥ 2"] * 2
    for sizes in ({"H": 1}, {"H": 1, "W": 1}, {"H": 1, "W": 4}, {"H": 64, "W": 1}):
        assert not answer.check(**sizes).ok


class Undecided:
    """A tracer whose sizes are decided one by one, and not all together."""

    def prepare(self, sizes):
        pass

    def path_of(self, samples, held):
        return Path((), Accepted(((1,),)) if len(samples) == 1 else Unknown("it is too large"))

    def trial_of(self, sizes):
        return Unknown("it is too large") if sizes["H"] * sizes["W"] > 10_000 else Accepted(((1,),))


def test_sizes_that_can_not_be_decided_together_do_not_link_the_axes():
    answer = read(Undecided(), "a model", "none", [("H", "W")], Budget())
    assert (answer.independent, answer.together) == (None, ())
