"""The three faces of a convolution: by every rule the reference's sums, and differentiable to any order.

The arrays hold small integers, whose sums stay far below 2**24: so float32 rounds nothing, and what is computed in
another arrangement must be equal. The thresholds of the rules are drawn too, so that small images reach every rule; a
test of these tests shows that they do.
"""

from functools import partial
from itertools import product
from typing import NamedTuple
from unittest.mock import patch

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import examples, sparse
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from limits import AS_SHIPPED, BACKENDS, SMALL

from wellshaped.models import conv2d, conv_transpose2d, convolutions, max_pool2d, relu
from wellshaped.models.cpu import algorithms
from wellshaped.models.cpu.convolution import SLOTS, Geometry, contract, stock
from wellshaped.spec import UsageError, reference

FACES = {"convolution", "transposed_convolution", "kernel_gradient"}


class Case(NamedTuple):
    """A convolution of ``n`` images, from ``channels[0]`` to ``channels[1]``, and the seed of its arrays."""

    n: int
    channels: tuple[int, int]
    geometry: Geometry
    seed: int = 0

    def arrays(self):
        rng = np.random.default_rng(self.seed)
        c, o = self.channels
        k = self.geometry.kernel
        shapes = {"x": (self.n, *self.geometry.size, c), "k": (o, c, k, k), "y": (self.n, *self.geometry.out, o)}
        return {slot: rng.integers(-3, 4, size=shape).astype(np.float32) for slot, shape in shapes.items()}


def others(arrays, missing):
    return [arrays[slot] for slot in SLOTS if slot != missing]


counts = st.sampled_from((1, 2, 3, 15, 17, 33, 40))


@st.composite
def cases(draw):
    """A convolution that has a result, built and not filtered. Shrinks toward one pixel under a kernel of one."""
    kernel = draw(st.integers(1, 5))
    windows = {  # those that tile the image, those that move by one, which most rules are for, and any
        "tiles": st.just((kernel, 0)),
        "rows": st.tuples(st.just(1), st.integers(0, kernel - 1)),
        "any": st.tuples(st.integers(1, 3), st.integers(0, 4)),
    }
    stride, padding = draw(windows[draw(st.sampled_from(("tiles", "rows", "rows", "rows", "any")))])
    height, width = (max(1, kernel - 2 * padding) + draw(st.integers(0, 12)) for _ in range(2))
    geometry = Geometry((height, width), kernel, stride, padding)
    return Case(
        draw(st.sampled_from((2, 1, 3))), (draw(counts), draw(counts)), geometry, draw(st.integers(0, 2**32 - 1))
    )


@st.composite
def cases_and_limits(draw):
    """A case, and thresholds by which it is small, large, or so long that it is cut into strips."""
    case = draw(cases())
    g, (c, o) = case.geometry, case.channels
    strips = draw(st.sampled_from((2, 1, 4)))
    limits = {
        "LONG_ROWS": g.kernel**2 * c * (case.n * strips * g.size[1] + o),
        "WORTH_IT": draw(st.sampled_from((0, 0, 0, 10**8))),
        "CHUNK": draw(st.sampled_from((65_536, 50, 7, 1))),
        "MAX_CHUNKS": draw(st.sampled_from((8, 3, 1))),
        "PATCH": draw(st.sampled_from((1, 200))),
        "FEW": draw(st.sampled_from((0, 40))),
        "LANES": draw(st.sampled_from((1, 32))),
        "CHEAPER": draw(st.sampled_from((1, 4))),
        "FEW_POSITIONS": draw(st.sampled_from((10**6, 0))),
    }
    return case, limits


def same(n, channels, size, kernel, padding, stride=1):
    return Case(n, channels, Geometry(size, kernel, stride, padding))


PINNED = {
    "strips of several images": (same(2, (3, 5), (8, 5), 3, 1), SMALL, {"strips of several images"}),
    "many strips": (same(1, (4, 3), (16, 3), 3, 2), SMALL | {"LONG_ROWS": 1200}, {"strips"}),
    "more padding than half": (same(3, (2, 17), (7, 6), 5, 4), SMALL | {"LONG_ROWS": 2000}, {"side by side"}),
    "the image is larger": (same(1, (4, 4), (5, 4), 3, 1), SMALL, {"swapped not"}),
    "the output is larger": (same(1, (4, 4), (5, 4), 3, 2), SMALL, {"swapped"}),
    "the output is larger, chunks of a batch": (same(2, (4, 4), (5, 5), 4, 2), SMALL, {"chunks", "swapped"}),
    "few outputs": (same(2, (6, 1), (5, 4), 3, 1), SMALL, {"swapped", "looked at"}),
    "few outputs, chunks": (same(1, (6, 1), (7, 5), 4, 1), SMALL, {"chunks", "swapped", "looked at"}),
    "half of the kernel": (same(1, (4, 4), (5, 6), 4, 2), SMALL, {"swapped", "looked at"}),
    "few inputs of a larger output": (same(2, (1, 6), (5, 4), 3, 2), SMALL, {"swapped not", "looked at"}),
    "a kernel larger than the image": (same(2, (2, 3), (2, 4), 3, 2), SMALL, {"plain"}),
    "the same, of one channel": (same(1, (1, 3), (2, 4), 3, 2), SMALL, {"plain"}),
    "an even kernel": (same(2, (3, 2), (9, 7), 4, 1), SMALL, {"side by side", "chunks"}),
    "written patches": (same(2, (1, 3), (6, 4), 3, 1), SMALL, {"written patches", "swapped not"}),
    "plain": (same(1, (3, 2), (6, 4), 3, 1), AS_SHIPPED, {"plain"}),
    "chunks, swapped": (same(2, (40, 33), (9, 8), 3, 2), SMALL, {"chunks", "swapped"}),
    "chunks of one row": (same(1, (5, 40), (6, 7), 5, 3), SMALL | {"CHUNK": 1, "MAX_CHUNKS": 8}, {"chunks"}),
    "uneven chunks": (same(1, (3, 2), (11, 5), 3, 0), SMALL | {"CHUNK": 10, "MAX_CHUNKS": 8}, {"chunks"}),
    "few positions": (same(1, (3, 40), (3, 3), 3, 1), AS_SHIPPED, {"in the order of the kernel"}),
    "few positions of a batch": (
        same(2, (2, 20), (4, 5), 4, 3),
        SMALL | {"FEW_POSITIONS": 0},
        {"in the order of the kernel"},
    ),
    "tiles": (same(3, (2, 17), (7, 9), 2, 0, 2), AS_SHIPPED, {"patches"}),
    "one pixel of a kernel": (same(2, (17, 5), (5, 3), 1, 0), AS_SHIPPED, {"patches"}),
    "few terms": (same(2, (17, 3), (5, 3), 1, 0), AS_SHIPPED, {"terms"}),
    "padding of a whole kernel": (same(2, (2, 3), (4, 5), 2, 3), SMALL, {"stock"}),
    "a stride": (same(2, (2, 3), (8, 5), 3, 1, 2), SMALL, {"stock"}),
    "as shipped, side by side": (same(2, (32, 32), (96, 64), 3, 1), AS_SHIPPED, {"strips of several images"}),
    "as shipped, written patches": (same(1, (7, 40), (20, 22), 3, 1), AS_SHIPPED, {"written patches"}),
    "as shipped, chunks": (same(1, (1, 2), (300, 220), 3, 1), AS_SHIPPED, {"chunks", "plain"}),
}


def on_pinned(test):
    for case, limits, _ in PINNED.values():
        test = example((case, limits))(test)
    return test


def rules_reached(case, limits):
    """The rules that compute the three faces of a case, by tracing them."""
    reached = set()
    names = ("_by_patches", "_by_terms", "_by_written_patches", "_side_by_side", "_plain", "_in_form", "stock")
    names += ("_over_channels", "_in_the_order_of_the_kernel")
    functions = {name: getattr(algorithms, name) for name in names}
    chunks = []

    def watched(name, *args):
        if name == "_side_by_side":
            n, strips = args[0].shape[0], args[3]
            reached.update({"side by side"} | ({"strips"} if strips > 1 else set()))
            reached.update({"strips of several images"} if strips > 1 and n > 1 else set())
        elif name == "_over_channels":
            chunks.append(args)
        elif name == "_in_form":
            reached.add("swapped" if args[0] else "swapped not")
        elif name == "stock" and args[0] == "k" and chunks:
            reached.add("looked at")
        else:
            reached.add(name.strip("_").removeprefix("by_").replace("_", " "))
        return functions[name](*args)

    arrays = case.arrays()
    with patch.multiple(algorithms, **limits, **{name: partial(watched, name) for name in names}):
        for missing in SLOTS:
            by = partial(algorithms.contract, missing, geometry=case.geometry, precision=None)
            jax.eval_shape(by, *others(arrays, missing))
    return reached | ({"chunks"} if len(chunks) > 1 else set())


@pytest.mark.slow
def test_the_drawn_cases_reach_every_rule():
    reached = {}

    @settings(max_examples=300, database=None)
    @given(cases_and_limits())
    def collect(drawn):
        for rule in rules_reached(*drawn):
            reached[rule] = reached.get(rule, 0) + 1

    collect()
    rules = {"patches", "terms", "written patches", "side by side", "strips", "strips of several images"}
    rules |= {"in the order of the kernel"}
    assert set(reached) == rules | {"plain", "stock", "chunks", "swapped", "swapped not", "looked at"}
    assert min(reached.values()) >= 3, reached


@pytest.mark.parametrize(("case", "limits", "rules"), PINNED.values(), ids=PINNED)
def test_the_pinned_cases_reach_the_rules_that_they_are_pinned_for(case, limits, rules):
    assert rules <= rules_reached(case, limits)


def test_rows_that_are_long_already_are_not_laid_side_by_side():
    case = same(3, (2, 17), (7, 6), 5, 4)
    assert "side by side" not in rules_reached(case, SMALL)
    assert "side by side" in rules_reached(case, SMALL | {"LONG_ROWS": 2000})


def by_reference(arrays, geometry, missing):
    """The face by the reference, in float64, where integers are exact."""
    arrays = {slot: array.astype(float) for slot, array in arrays.items()}
    arrays |= {slot: np.moveaxis(arrays[slot], -1, 1) for slot in ("x", "y")}  # the reference's channels come first
    numbers = {"stride": geometry.stride, "padding": geometry.padding}
    images = range(len(arrays["x"]))
    if missing == "y":
        no_bias = np.zeros(len(arrays["k"]))
        y = [reference.conv2d(arrays["x"][n], arrays["k"], no_bias, **numbers) for n in images]
        return np.moveaxis(np.stack(y), 1, -1)
    # Neither gradient depends on what it is the gradient of, but for its shape.
    grads = [reference.conv2d_backward(arrays["x"][n], arrays["k"], arrays["y"][n], **numbers) for n in images]
    if missing == "k":
        return sum(g.d_kernel for g in grads)
    return np.moveaxis(np.stack([g.d_x for g in grads]), 1, -1)


@examples(4)
@given(cases_and_limits())
@on_pinned
def test_every_face_is_the_sum_of_the_reference_on_integers_whichever_way_it_is_computed(drawn):
    case, limits = drawn
    arrays = case.arrays()

    @jax.jit
    def all_faces(arrays):
        ways = (algorithms.contract, stock)
        return {s: [how(s, *others(arrays, s), case.geometry, None) for how in ways] for s in SLOTS}

    with patch.multiple(algorithms, **limits):
        computed = all_faces(arrays)
    for missing in SLOTS:
        expected = by_reference(arrays, case.geometry, missing)
        for result in computed[missing]:
            np.testing.assert_array_equal(np.asarray(result), expected, strict=False)
            assert result.shape == arrays[missing].shape
            assert result.dtype == jnp.float32


# Numbers that are not finite.


@st.composite
def cases_with_one_number_that_is_not_finite(draw):
    """A case and its limits, the face to compute, and the number: its operand, its position and itself."""
    case, limits = draw(cases_and_limits())
    missing = draw(st.sampled_from(SLOTS))
    operand = draw(st.sampled_from([slot for slot in SLOTS if slot != missing]))
    shape = case.arrays()[operand].shape
    position = tuple(draw(st.sampled_from((0, size - 1)) | st.integers(0, size - 1)) for size in shape)
    return case, limits, missing, operand, position, draw(st.sampled_from((np.inf, -np.inf, np.nan)))


def by_definition(arrays, geometry, missing, operand, position, number):
    """The face where one operand has ``number`` at ``position``: no sum has it twice."""
    one = np.zeros_like(arrays[operand])
    one[position] = 1
    finite = by_reference(arrays | {operand: arrays[operand] * (1 - one)}, geometry, missing)
    factor = by_reference(arrays | {operand: one}, geometry, missing)
    ones = {slot: np.ones_like(array) for slot, array in arrays.items()}
    has_it = by_reference(ones | {operand: one}, geometry, missing)
    with np.errstate(invalid="ignore"):
        return np.where(has_it > 0, number * factor, finite)


def differ(found, expected):
    return ~((found == expected) | (np.isnan(found) & np.isnan(expected)))


PINNED_EDGES = {
    ("k", "x"): ("the image is larger", "few outputs", "few outputs, chunks", "half of the kernel", "uneven chunks"),
    ("k", "y"): ("the output is larger", "few inputs of a larger output", "half of the kernel", "uneven chunks"),
    ("y", "k"): ("written patches", "a kernel larger than the image", "the same, of one channel"),
    ("x", "k"): ("strips of several images", "an even kernel", "more padding than half"),
}
"""By face and operand the cases in which the operand's first number meets zeros of some rule."""


def on_pinned_edges(test):
    for (missing, operand), names in PINNED_EDGES.items():
        for name in names:
            case, limits, _ = PINNED[name]
            test = example((case, limits, missing, operand, (0, 0, 0, 0), np.inf))(test)
    return test


@examples(4)
@given(cases_with_one_number_that_is_not_finite())
@on_pinned_edges
def test_what_is_not_finite_is_where_the_sum_has_it_or_where_stock_jax_has_it_too(drawn):
    case, limits, missing, operand, position, number = drawn
    arrays, g = case.arrays(), case.geometry
    expected = by_definition(arrays, g, missing, operand, position, number)
    arrays[operand][position] = number
    with patch.multiple(algorithms, **limits):
        ours, stocks = jax.jit(
            lambda *operands: [how(missing, *operands, g, None) for how in (algorithms.contract, stock)]
        )(*others(arrays, missing))
    wrong = differ(np.asarray(ours), expected)
    assert not (wrong & ~differ(np.asarray(stocks), expected)).any()
    if operand == "x" or (missing, operand) == ("x", "y") or (missing, operand, g.padding) == ("k", "y", 0):
        assert not wrong.any()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (2, 2, 0), (3, 2, 1), (2, 1, 2), (1, 3, 0)])
def test_the_transposed_convolution_is_that_of_the_reference_on_integers(backend, kernel, stride, padding):
    rng = np.random.default_rng(0)
    x, k, b = (rng.integers(-3, 4, size=s).astype(np.float32) for s in ((3, 5, 4), (3, 2, kernel, kernel), (2,)))
    expected = reference.conv_transpose2d(x, k, b, stride=stride, padding=padding)
    with convolutions(backend), patch.multiple(algorithms, **SMALL):
        assert (conv_transpose2d(x, k, b, stride=stride, padding=padding) == expected).all()


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_narrow_dtypes_are_the_float32_result_rounded_once(dtype):
    geometry = Geometry((9, 8), 3, 1, 1)
    rng = np.random.default_rng(0)
    shapes = {"x": (2, 9, 8, 5), "k": (4, 5, 3, 3), "y": (2, 9, 8, 4)}
    arrays = {slot: jnp.asarray(rng.normal(size=shape), dtype) for slot, shape in shapes.items()}

    @jax.jit
    def both(arrays, wide):
        by = [lambda s, arrays=a: algorithms.contract(s, *others(arrays, s), geometry, None) for a in (arrays, wide)]
        return {slot: tuple(f(slot) for f in by) for slot in SLOTS}

    with patch.multiple(algorithms, **SMALL):
        results = both(arrays, {slot: array.astype(jnp.float32) for slot, array in arrays.items()})
    for narrow, wide in results.values():
        assert narrow.dtype == dtype
        assert wide.dtype == jnp.float32
        assert (narrow == wide.astype(dtype)).all()


# Derivatives. The operations as functions of their arrays, with windows of every kind of rule.

OPERATIONS = {
    "conv, rows": (partial(conv2d, padding=1), [(2, 4, 5), (3, 2, 3, 3), (3,)]),
    "conv, tiles": (partial(conv2d, stride=2), [(2, 4, 5), (3, 2, 2, 2), (3,)]),
    "conv, stock": (partial(conv2d, stride=2, padding=1), [(2, 4, 5), (3, 2, 3, 3), (3,)]),
    "transposed, rows": (partial(conv_transpose2d, padding=1), [(3, 4, 3), (3, 2, 3, 3), (2,)]),
    "transposed, tiles": (partial(conv_transpose2d, stride=2), [(3, 2, 3), (3, 2, 2, 2), (2,)]),
}
POOLINGS = {
    "tiles": partial(max_pool2d, kernel=2, stride=2),
    "wide tiles": partial(max_pool2d, kernel=5, stride=5),
    "overlapping": partial(max_pool2d, kernel=3, stride=2),
}


def normals(shapes, seed=0):
    rng = np.random.default_rng(seed)
    return tuple(jnp.asarray(rng.normal(size=shape)) for shape in shapes)


@pytest.fixture
def small():
    """Small images reach the rules of large ones, in whatever is compiled meanwhile."""
    with patch.multiple(algorithms, **SMALL):
        yield


@pytest.fixture(params=BACKENDS)
def backend(request, small):
    with convolutions(request.param):
        yield request.param


@pytest.fixture
def explicitly(small):
    with convolutions("cpu"):
        yield


def losses(operation):
    return lambda *arrays: (operation(*arrays) ** 3).sum()


@pytest.mark.slow
def test_first_and_second_derivatives_of_convolutions_are_those_of_finite_differences(explicitly):
    @jax.jit
    def total(operands):
        # Cubed, so that the second derivatives of one operand matter too.
        return sum(losses(operation)(*operands[name]) for name, (operation, _) in OPERATIONS.items())

    with jax.enable_x64(True):
        operands = {name: normals(shapes) for name, (_, shapes) in OPERATIONS.items()}
        assert operands["conv, rows"][0].dtype == jnp.float64
        check_grads(total, (operands,), order=2, modes=("fwd", "rev"), rtol=1e-5)


def test_first_and_second_derivatives_of_pooling_are_those_of_finite_differences():
    x = np.random.default_rng(0).permutation(2 * 7 * 10).reshape(2, 7, 10)  # no two equal, nor nearly
    total = jax.jit(lambda x: sum((pooling(x) ** 3).sum() for pooling in POOLINGS.values()))
    with jax.enable_x64(True):
        check_grads(total, (jnp.asarray(x / 100.0),), order=2, modes=("fwd", "rev"), rtol=1e-5)


def close(found, expected):
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * float(np.abs(b).max()))


def test_linearize_is_jvp_and_hessians_and_checkpoint_are_those_of_stock_jax(backend):
    for name in ("conv, rows", "transposed, tiles"):
        operation, shapes = OPERATIONS[name]
        primals, tangents = normals(shapes), normals(shapes, 1)
        f = losses(operation)

        @jax.jit
        def derivatives(primals, tangents, operation=operation, f=f):
            y, linear = jax.linearize(operation, *primals)
            forward = jax.jvp(operation, primals, tangents)
            hessian = jax.hessian(f, argnums=(0, 1))(*primals)
            twice = jax.jacrev(jax.jacrev(f, argnums=1), argnums=1)(*primals)
            grads = [jax.grad(g, argnums=(0, 1, 2))(*primals) for g in (f, jax.checkpoint(f))]
            return forward, (y, linear(*tangents)), hessian, twice, grads

        forward, linearized, hessian, twice, (grads, rematerialised) = derivatives(primals, tangents)
        close(linearized, forward)
        close(rematerialised, grads)
        close(twice, hessian[1][1])
        with convolutions("stock"):
            expected = jax.jit(jax.hessian(f, argnums=(0, 1)))(*primals)
        close(hessian, expected)


BATCHES = {
    "images": (0, None, None),
    "images, on another axis": (2, None, None),
    "kernels": (None, 0, None),
    "kernels, on another axis": (None, 3, 0),
    "both": (0, 1, 0),
}


@pytest.mark.parametrize("name", sparse(("conv, rows", "transposed, tiles"), 2))
def test_vmap_of_values_and_gradients_equals_a_loop(backend, name):
    operation, shapes = OPERATIONS[name]

    def value_and_grads(*arrays, operation=operation):
        return operation(*arrays), jax.grad(losses(operation), argnums=(0, 1, 2))(*arrays)

    one = jax.jit(value_and_grads)

    @jax.jit
    def batched(batches, value_and_grads=value_and_grads):
        return [jax.vmap(value_and_grads, in_axes=axes)(*batches[b]) for b, axes in BATCHES.items()]

    batches = {
        b: normals(s if axis is None else (*s[:axis], 3, *s[axis:]) for s, axis in zip(shapes, axes, strict=True))
        for b, axes in BATCHES.items()
    }
    for (b, axes), found in zip(BATCHES.items(), batched(batches), strict=True):
        pick = [lambda a, i, axis=axis: a if axis is None else jnp.take(a, i, axis) for axis in axes]
        each = [one(*(p(a, i) for p, a in zip(pick, batches[b], strict=True))) for i in range(3)]
        close(found, jax.tree.map(lambda *parts: jnp.stack(parts), *each))


@pytest.mark.parametrize("outer", [(0, 0, 0), (0, None, None), (None, 0, 0)])
def test_vmap_of_vmap_equals_two_loops(backend, outer):
    operation, shapes = OPERATIONS["conv, rows"]
    gradients = jax.grad(losses(operation), argnums=(0, 1, 2))
    arrays = normals((3, *s) if axis is None else (2, 3, *s) for s, axis in zip(shapes, outer, strict=True))
    with patch.object(algorithms, "PAIR", 0):
        found = jax.jit(jax.vmap(jax.vmap(gradients), in_axes=outer))(*arrays)
    one = jax.jit(gradients)
    for i, j in product(range(2), range(3)):
        pair = (a[j] if axis is None else a[i, j] for a, axis in zip(arrays, outer, strict=True))
        close(tuple(each[i, j] for each in found), one(*pair))


def test_a_batch_of_no_pairs_is_a_batch_of_none():
    gradients = jax.grad(losses(OPERATIONS["conv, rows"][0]), argnums=(0, 1, 2))
    arrays = [jnp.zeros((0, *shape)) for shape in OPERATIONS["conv, rows"][1]]
    assert [g.shape for g in jax.vmap(gradients)(*arrays)] == [a.shape for a in arrays]


def test_a_batch_stays_one_operation_of_ours():
    def batch(axes, x, k, b):
        return jax.vmap(partial(conv2d, padding=1), in_axes=axes)(x, k, b)

    x, k, b = normals([(3, 2, 4, 5), (3, 2, 3, 3), (3,)])
    for axes, kernel in (((0, None, None), k), ((0, 0, None), jnp.stack([k, k, k]))):
        found = primitives(partial(batch, axes), x, kernel, b)
        assert "convolution" in found
        assert "conv_general_dilated" not in found


def test_many_small_or_thin_pairs_are_one_grouped_convolution_and_larger_ones_a_loop():
    def loops(size, ins, outs):
        arrays = [jnp.ones((9, ins, size, size)), jnp.ones((9, outs, ins, 3, 3)), jnp.ones((9, outs))]
        with convolutions("cpu"):
            return "while" in jax.jit(jax.vmap(lambda *pair: conv2d(*pair))).lower(*arrays).as_text()

    assert (loops(8, 2, 4), loops(40, 2, 4)) == (False, True)
    assert (loops(40, 1, 4), loops(40, 1, 32)) == (False, True)


def test_without_compiling_it_is_what_it_is_compiled():
    operation, shapes = OPERATIONS["conv, rows"]
    arrays = normals(shapes)
    f = jax.value_and_grad(losses(operation), argnums=(0, 1, 2))
    with jax.disable_jit():
        found = f(*arrays)
    close(found, f(*arrays))


@pytest.mark.parametrize("compiled", [False, True])
def test_the_search_for_nans_finds_them(compiled):
    def inside(x):
        return conv2d(x * jnp.inf, jnp.zeros((1, 1, 3, 3)), jnp.zeros(1))

    with jax.debug_nans(True), pytest.raises(FloatingPointError, match="nan"):
        (jax.jit(inside) if compiled else inside)(jnp.ones((1, 4, 4)))


def test_a_batch_of_any_number_of_images_is_exported():
    arrays = normals([(3, 2, 8, 8), (3, 2, 3, 3), (3,)])
    batch = jax.vmap(partial(conv2d, padding=1), in_axes=(0, None, None))
    (n,) = jax.export.symbolic_shape("n")
    shapes = [
        jax.ShapeDtypeStruct((n if a.ndim == 4 and i == 0 else len(a), *a.shape[1:]), a.dtype)
        for i, a in enumerate(arrays)
    ]
    close(jax.export.export(jax.jit(batch))(*shapes).call(*arrays), batch(*arrays))


def test_no_operation_repeats_an_axis_without_saying_so(backend):
    shapes = [(2, 8, 8), (3, 2, 3, 3), (3,)], [(2, 8, 8), (3, 2, 1, 1), (3,)]
    with jax.numpy_rank_promotion("raise"):
        for x, k, b in map(normals, shapes):
            jax.jit(jax.value_and_grad(losses(lambda *arrays: relu(conv2d(*arrays))), argnums=(0, 1, 2)))(x, k, b)


def test_derivatives_outside_of_jit_are_those_inside():
    operation, shapes = OPERATIONS["conv, rows"]
    f = jax.value_and_grad(losses(operation), argnums=(0, 1, 2))
    close(f(*normals(shapes)), jax.jit(f)(*normals(shapes)))


# The switch.


def primitives(function, *arrays):
    """The names of all primitives that a function is traced to, those of inner functions too."""

    def names(jaxpr):
        for equation in jaxpr.eqns:
            yield equation.primitive.name
            for value in equation.params.values():
                inner = getattr(value, "jaxpr", value)
                if hasattr(inner, "eqns"):
                    yield from names(inner)

    return set(names(jax.make_jaxpr(function)(*arrays).jaxpr))


def gradients(x, k, b):
    return jax.value_and_grad(losses(partial(conv2d, padding=1)), argnums=(0, 1, 2))(x, k, b)


ARRAYS = normals(OPERATIONS["conv, rows"][1])


def test_our_primitives_are_traced_in_every_way_but_stock():
    assert primitives(gradients, *ARRAYS) >= FACES
    for chosen in ("auto", "cpu"):
        with convolutions(chosen):
            assert primitives(gradients, *ARRAYS) >= FACES
            assert "conv_general_dilated" not in primitives(gradients, *ARRAYS)
    with convolutions("stock"):
        assert not FACES & primitives(gradients, *ARRAYS)
        assert "conv_general_dilated" in primitives(gradients, *ARRAYS)


def test_a_jitted_function_is_traced_anew_where_the_way_changes_and_not_otherwise():
    traced = []

    @jax.jit
    def f(x, k, b):
        traced.append(1)
        return conv2d(x, k, b, padding=1)

    texts = {}
    for chosen in ("stock", "cpu", "stock", "cpu"):
        with convolutions(chosen):
            f(*ARRAYS)
            text = f.lower(*ARRAYS).as_text()
            assert texts.setdefault(chosen, text) == text
    assert len(traced) == 2
    assert texts["stock"] != texts["cpu"]


@pytest.mark.parametrize(("word", "nearest"), [("fast", "auto"), ("", "auto"), ("CPU", "cpu")])
def test_another_word_is_rejected_with_the_nearest(word, nearest):
    with pytest.raises(UsageError) as error, convolutions(word):
        raise AssertionError
    assert (
        str(error.value)
        == f"""\
convolutions({word!r}) can't be used.
  backend: no such backend: it is {word!r}, and must be one of auto, cpu, stock.
  fix: convolutions("{nearest}")"""
    )


def test_the_backend_is_restored_after_an_exception_and_after_a_backend_inside():
    def ours():
        return bool(FACES & primitives(gradients, *ARRAYS))

    with pytest.raises(KeyError), convolutions("stock"):
        raise KeyError
    assert ours()
    with convolutions("stock"):
        with convolutions("cpu"):
            assert ours()
        assert not ours()
    assert ours()


NCHW, NHWC = "[b, f, 0, 1]x[o, i, 0, 1]->[b, f, 0, 1]", "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]"


def layouts(chosen, platform):
    with convolutions(chosen):
        traced = jax.jit(lambda *arrays: conv2d(*arrays, padding=1)).trace(*ARRAYS)
        text = traced.lower(lowering_platforms=(platform,)).as_text()
    return {layout for layout in (NCHW, NHWC) if layout in text}


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_other_platforms_take_their_own_convolution_unless_told_otherwise(platform):
    assert layouts("auto", platform) == layouts("stock", platform) == {NCHW}
    assert layouts("cpu", platform) == {NHWC}


def test_a_cpu_takes_our_algorithms_unless_told_otherwise():
    assert layouts("auto", "cpu") == layouts("cpu", "cpu") == {NHWC}
    assert layouts("stock", "cpu") == {NCHW}


def test_contract_follows_the_backend():
    geometry = Geometry((4, 5), 3, 1, 1)
    x, k = jnp.moveaxis(ARRAYS[0], 0, -1)[None], ARRAYS[1]
    assert "convolution" in primitives(lambda x, k: contract("y", x, k, geometry), x, k)
    with convolutions("stock"):
        assert primitives(lambda x, k: contract("y", x, k, geometry), x, k) == {"conv_general_dilated", "transpose"}
