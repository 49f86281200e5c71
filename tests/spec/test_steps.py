"""The steps of windows and programs of them, against counting, a plain walk over sizes, XLA and PyTorch."""

import re
from itertools import takewhile

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import examples
from headlines import HEADLINE
from hypothesis import HealthCheck, Phase, assume, example, given, settings
from hypothesis import strategies as st
from jax import lax
from networks import HARD, sized, transposed, windows
from programs import (
    encoder_decoders,
    graph,
    graph_and_names,
    programs,
    transposed_sizes,
    transposed_window,
    walk,
    window,
    window_sizes,
)

from wellshaped.spec import (
    Add,
    CropTo,
    Network,
    Node,
    Require,
    Resize,
    SpaceToDepth,
    TransposedWindow,
    UNet2Config,
    UsageError,
    WellshapedError,
    Window,
    compatible_sizes,
    conv_transpose_size,
    graph_of,
    run,
    sliding_window_size,
)
from wellshaped.spec.families import unet
from wellshaped.spec.network.fields import sides_on

LIMIT = 2000
NUMBERS = np.arange(1, LIMIT + 1)
FAR = np.arange(10**6, 10**6 + 1500, 7)  # 7 shares no factor with the strides, so that all remainders have their turn
BIG = 10**30


def numbers_of(operation):
    """The numbers of a window as the oracle takes them."""
    kind = "window" if isinstance(operation, Window) else "transposed"
    last = operation.rounding if kind == "window" else operation.output_padding
    return operation.kernel, operation.stride, *sides_on(operation.padding, 0), operation.dilation, last


# The oracle's own formulas, by counting places.


def count_windows(n, kernel, stride, before, after, dilation, rounding):
    """How many windows there are, one by one: each begins a stride after the one before it."""
    if 0 in (kernel, stride, dilation):
        return 0
    begins = [i * stride for i in range(n + before + after + 1)]
    if rounding == "same":
        return sum(begin < n for begin in begins)
    end = n + before + after
    last_taps = [begin + (kernel - 1) * dilation for begin in begins]
    if rounding == "floor":
        return sum(tap < end for tap in last_taps)
    inside = [begin < n + before for begin in begins]
    # A partial window ends less than a stride beyond the end: the one before it did not reach it.
    return sum(ok and tap < end + stride - 1 for ok, tap in zip(inside, last_taps, strict=True))


def count_reached(n, kernel, stride, before, after, dilation, output_padding):
    """How many positions a transposed convolution reaches, from the first to the last, less the padding."""
    if 0 in (kernel, stride, dilation):
        return 0
    reached = {i * stride + j * dilation for i in range(n) for j in range(kernel)}
    return max(len(range(max(reached) + 1)) + output_padding - before - after, 0) if reached else 0


few = st.integers(0, 6)
any_sides = st.tuples(st.tuples(few, few))
roundings = st.sampled_from(["floor", "ceil", "same"])
any_windows = st.builds(Window, few, few, padding=any_sides, dilation=few, rounding=roundings)
any_transposed = st.builds(TransposedWindow, few, few, padding=any_sides, dilation=few, output_padding=few)


@examples(400)
@given(st.integers(0, 15), any_windows)
@example(5, Window(2, 3, padding=1, rounding="ceil"))  # the third window would begin in the padding on the right
@example(1, Window(2, 2, rounding="ceil"))  # no whole window, and still a partial one
@example(2, Window(1, padding=((0, 3),), rounding="ceil"))  # more than one window to leave out
@example(4, Window(3, padding=((1, 0),), dilation=2))
def test_a_window_has_as_many_sizes_as_can_be_counted(n, operation):
    numbers = numbers_of(operation)
    assert operation.size([n], 0) == count_windows(n, *numbers) == window_sizes(np.array([n]), *numbers)[0]


@examples(400)
@given(st.integers(0, 15), any_transposed)
@example(1, TransposedWindow(1, padding=1))  # the integer formula gives -1
@example(0, TransposedWindow(3, 2, output_padding=1))
def test_a_transposed_window_reaches_as_many_positions_as_can_be_counted(n, operation):
    numbers = numbers_of(operation)
    assert operation.size([n], 0) == count_reached(n, *numbers) == transposed_sizes(np.array([n]), *numbers)[0]


@given(st.integers(0, 30), st.integers(1, 6))
def test_a_resize_repeats_positions_and_space_to_depth_takes_them_in_blocks(n, factor):
    assert Resize(factor).size([n], 0) == len(np.repeat(np.zeros(n), factor))
    whole = n - n % factor
    assert SpaceToDepth(factor).size([n], 0) == np.zeros(whole).reshape(-1, factor).shape[0]


# Programs: their sizes, and the compatible ones.


def check_against_oracle(program):
    """The graph of a program has its sizes, step by step, and its compatible sizes."""
    network, names = graph_and_names(program)
    fit = compatible_sizes(network)
    sizes, ok = walk(program, NUMBERS)
    assert list(takewhile(lambda n: n <= LIMIT, fit)) == NUMBERS[ok].tolist()
    assert [n in fit for n in FAR.tolist()] == walk(program, FAR)[1].tolist()
    for n in (1, 2, 3, 7, 16, 100, 1999, LIMIT):
        ran = run(network, n)
        assert [ran.sizes[name] for name in names] == [int(after[n - 1]) for after in sizes]
        assert ran.ok == ok[n - 1] == (n in fit)


@examples(200)
@given(encoder_decoders())
@example([window(7, 2, 3, 3), ("save", "a"), ("blocks", 2), window(2, 2, rounding="ceil"), ("resize", 4)])
def test_the_graph_of_an_encoder_decoder_has_its_sizes_and_those_that_fit_it(program):
    check_against_oracle(program)


@examples(120)
@given(programs())
@example([])
@example([("returns",)])
@example([("save", "a"), window(1, 2, 5), ("join", "a", "even crop")])  # smaller than the skip only later on
@example([window(1, 2), ("save", "a"), window(31), ("resize", 2), ("join", "a", "pad"), ("blocks", 2)])
@example([window(1, 2), ("save", "a"), window(9), ("join", "a", "resize"), ("blocks", 2)])
@example([("save", "a"), window(1, 2), ("save", "b"), ("resize", 2), ("join", "b", "resize"), ("blocks", 2)])
@example([window(0)])
@example([("resize", 0)])
@example([("blocks", 0)])
@example([transposed_window(2, 0)])
def test_the_graph_of_steps_in_any_order_has_their_sizes_and_those_that_fit_them(program):
    check_against_oracle(program)


@pytest.mark.exhaustive
@settings(max_examples=2_000)
@given(encoder_decoders())
def test_the_graph_of_an_encoder_decoder_has_its_sizes_and_those_that_fit_it_at_length(program):
    check_against_oracle(program)


@pytest.mark.exhaustive
@settings(max_examples=2_000)
@given(programs())
def test_the_graph_of_steps_in_any_order_has_their_sizes_and_those_that_fit_them_at_length(program):
    check_against_oracle(program)


@settings(max_examples=50)
@given(encoder_decoders() | programs())
def test_the_size_zero_never_runs(program):
    network = graph(program)
    assert not run(network, 0).ok
    assert 0 not in compatible_sizes(network)


@given(st.integers(0, 200), st.integers(0, 5), st.integers(0, 2), st.integers(1, 4))
def test_a_program_and_the_family_of_its_name_fit_the_same_sizes(n, kernel, padding, levels):
    """The padded or bare U-Net, written twice."""
    block = [window(kernel, 1, padding, padding)]
    down = [step for i in range(levels) for step in (*block, ("save", f"{i}"), window(2, 2))]
    up = [s for i in reversed(range(levels)) for s in (transposed_window(2, 2), ("join", f"{i}", "even crop"), *block)]
    network = unet(levels, convs=1, kernel=kernel, padding=padding, join="even crop")
    assert run(network, n).ok == run(graph([*down, *block, *up]), n).ok


# What the strategies reach.


def kind_of_set(program):
    fit = compatible_sizes(graph(program))
    if fit.is_finite:
        return "finite" if fit else "empty"
    return "one residue" if len(fit.residues) == 1 else "several residues"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "levels", "examples"),
    [(encoder_decoders(), 6, 300), (programs(), 4, 400)],
    ids=["encoder-decoders", "programs"],
)
def test_the_programs_reach_every_kind_of_set_and_of_step(strategy, levels, examples):
    sets, steps, saves = [], set(), set()

    @settings(max_examples=examples, database=None, phases=[Phase.generate])
    @given(strategy)
    def look(program):
        sets.append(kind_of_set(program))
        steps.update(program)
        saves.add(sum(step[0] == "save" for step in program))

    look()
    assert set(sets) == {"one residue", "several residues", "finite", "empty"}
    assert sets.count("empty") < 0.6 * len(sets)
    assert saves >= set(range(1, levels + 1))
    assert {step[0] for step in steps} == {
        *("window", "transposed", "resize", "blocks", "save", "join", "keep", "returns"),
    }
    assert {step[2] for step in steps if step[0] == "join"} >= {"exact", "crop", "even crop", "pad"}
    drawn = [step for step in steps if step[0] == "window"]
    assert {step[6] for step in drawn} == {"floor", "ceil", "same"}
    assert any(step[6] == "ceil" and step[5] > 1 and step[3] != step[4] for step in drawn)
    assert any(step[6] and step[5] > 1 for step in steps if step[0] == "transposed")


# XLA.

AXES = ("NCH", "OIH", "NCH")
lengths = st.integers(1, 14)


def xla_size(function, n, *kernel):
    """The size that XLA gives to a function of an image, and perhaps a kernel, of these lengths."""
    shapes = [jax.ShapeDtypeStruct((1, 1, length), jnp.float32) for length in (n, *kernel)]
    return jax.eval_shape(function, *shapes).shape[2]


@given(lengths, windows)
def test_where_a_step_does_not_round_up_xla_computes_its_size(n, operation):
    assume(operation.rounding != "ceil")
    kernel, stride, *sides, dilation, _ = numbers_of(operation)
    padding = "SAME" if operation.rounding == "same" else [tuple(sides)]

    def convolve(x, weights):
        return lax.conv_general_dilated(x, weights, (stride,), padding, rhs_dilation=(dilation,))

    def pool(x):
        ends = padding if padding == "SAME" else [(0, 0), (0, 0), *padding]
        window_of, strides, dilations = ((1, 1, i) for i in (kernel, stride, dilation))
        return lax.reduce_window(x, -jnp.inf, lax.max, window_of, strides, ends, window_dilation=dilations)

    assert operation.size([n], 0) == xla_size(convolve, n, kernel) == xla_size(pool, n)


@given(lengths, transposed)
@example(1, TransposedWindow(1, 3))
def test_xla_computes_the_size_of_a_transposed_window_as_a_convolution_of_the_dilated_image(n, operation):
    kernel, stride, before, after, dilation, more = numbers_of(operation)
    span = dilation * (kernel - 1) + 1
    padding = span - 1 - before, span - 1 - after + more
    assume(max(-padding[0], 0) + max(-padding[1], 0) <= n)  # XLA takes off no more than there is

    def convolve(x, weights):
        dilations = {"lhs_dilation": (stride,), "rhs_dilation": (dilation,)}
        return lax.conv_general_dilated(x, weights, (1,), [padding], **dilations)

    assert operation.size([n], 0) == xla_size(convolve, n, kernel)


@given(lengths, st.integers(1, 6), st.integers(1, 6))
@example(3, 2, 3)
def test_what_jax_calls_a_valid_transposed_convolution_has_a_kernel_of_at_least_the_stride(n, k, s):
    def jax_size(padding):
        return xla_size(lambda x, kernel: lax.conv_transpose(x, kernel, (s,), padding, dimension_numbers=AXES), n, k)

    assert jax_size("VALID") == n * s + max(k - s, 0) == TransposedWindow(max(k, s), s).size([n], 0)
    assert jax_size("SAME") == Resize(s).size([n], 0)
    assert (jax_size("VALID") == TransposedWindow(k, s).size([n], 0)) == (k >= s)


# The rules of SPEC section 5.4.

some = st.integers(1, 12)
sizes = st.integers(0, 200)


def written(*nodes):
    return Network({"x": 1}, nodes, axes=1)


@given(sizes, some, some)
@example(5, 3, 2)
@example(2, 3, 1)
def test_pooling_then_upsampling_gives_back_a_size_or_loses_the_remainder(n, k, s):
    back = TransposedWindow(k, s).size([Window(k, s).size([n], 0)], 0)
    assert (back == n) == ((k <= n and (n - k) % s == 0) or n == 0)  # of nothing, nothing is lost
    assert back == (n - (n - k) % s if k <= n else 0)
    fit = compatible_sizes(
        written(Node("down", Window(k, s)), Node("up", TransposedWindow(k, s)), Node("y", Add(), ("up", "x")))
    )
    assert (n in fit) == (k <= n and (n - k) % s == 0)


@given(few, few)
@example(3, 1)
@example(4, 2)
def test_a_convolution_of_stride_one_keeps_every_size_iff_its_kernel_is_odd_and_half_padded(k, p):
    fit = compatible_sizes(written(Node("y", Window(k, padding=p)), Node("keeps", Require(equal=True), ("y", "x"))))
    assert (str(fit) == "n ≥ 1") == (k == 2 * p + 1)
    assert bool(fit) == (k == 2 * p + 1)


@examples(400)
@given(st.one_of(sized, any_windows, any_transposed), sizes)
def test_no_size_falls_when_the_size_before_it_grows(operation, n):
    assert operation.size([n], 0) <= operation.size([n + 1], 0)


@pytest.mark.parametrize("levels", range(8))
def test_poolings_by_two_and_their_upsamplings_agree_iff_the_power_of_two_divides_the_size(levels):
    network = unet(levels, convs=0)
    assert [n for n in range(1025) if run(network, n).ok] == list(range(2**levels, 1025, 2**levels))
    assert list(takewhile(lambda n: n <= 1024, compatible_sizes(network))) == list(range(2**levels, 1025, 2**levels))


@given(sizes, some, some, some, few)
def test_a_same_window_rounds_up_whatever_its_kernel(n, k, s, dilation, padding):
    assert Window(k, s, padding=padding, dilation=dilation, rounding="same").size([n], 0) == -(-n // s)


@given(sizes, few, few, few)
def test_symmetric_steps_have_the_two_size_functions_of_the_specification(n, k, s, p):
    assert Window(k, s, padding=p).size([n], 0) == sliding_window_size(n, kernel=k, stride=s, padding=p)
    assert TransposedWindow(k, s, padding=p).size([n], 0) == conv_transpose_size(n, kernel=k, stride=s, padding=p)


# PyTorch.

CEIL_MODE = [  # recorded from torch.nn.functional.max_pool2d(ceil_mode=True) of PyTorch 2.13
    # n, kernel, stride, padding, dilation, size
    (1, 2, 2, 0, 1, 1),
    (1, 3, 2, 0, 1, 0),  # PyTorch raises: the output would have size 0
    (1, 5, 2, 0, 1, 0),  # and here -1
    (4, 2, 2, 1, 1, 3),
    (5, 2, 3, 1, 1, 2),  # not 3: the last window would begin in the padding on the right
    (7, 3, 2, 1, 2, 3),
    (6, 3, 4, 1, 1, 2),
    (3, 1, 2, 0, 1, 2),
    (11, 2, 3, 1, 1, 4),
    (2, 2, 4, 1, 1, 1),
    (9, 3, 5, 1, 3, 2),
    (5, 2, 2, 1, 3, 3),
]


@pytest.mark.parametrize(("n", "k", "s", "p", "dilation", "size"), CEIL_MODE)
def test_the_ceil_mode_is_what_pytorch_was_seen_to_do(n, k, s, p, dilation, size):
    assert Window(k, s, padding=p, dilation=dilation, rounding="ceil").size([n], 0) == size


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed: only its recorded sizes are compared")


def torch_size(torch, layer, n, channels=1):
    """The size that a layer gives, 0 where it finds the output too small; no number is computed."""
    try:
        return layer.to("meta")(torch.empty(1, channels, n, n, device="meta")).shape[2]
    except RuntimeError as error:
        if "too small" in str(error) or "Kernel size can't be greater" in str(error):
            return 0
        raise


fixtures_are_fine = settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fixtures_are_fine
@given(lengths, windows)
def test_pytorch_gives_poolings_and_convolutions_these_sizes(torch, n, operation):
    k, s, before, _, dilation, _ = numbers_of(operation)
    p = min(before, k // 2)
    floor, ceil = (
        Window(k, s, padding=p, dilation=dilation, rounding=rounding).size([n], 0) for rounding in ("floor", "ceil")
    )
    assert torch_size(torch, torch.nn.MaxPool2d(k, s, p, dilation, ceil_mode=False), n) == floor
    assert torch_size(torch, torch.nn.MaxPool2d(k, s, p, dilation, ceil_mode=True), n) == ceil
    assert torch_size(torch, torch.nn.Conv2d(1, 1, k, s, p, dilation), n) == floor


@fixtures_are_fine
@given(lengths, transposed)
def test_pytorch_gives_transposed_convolutions_these_sizes(torch, n, operation):
    k, s, p, _, dilation, more = numbers_of(operation)
    more = min(more, max(s, dilation) - 1)  # PyTorch allows no more
    layer = torch.nn.ConvTranspose2d(1, 1, k, s, p, output_padding=more, dilation=dilation)
    ours = TransposedWindow(k, s, padding=p, dilation=dilation, output_padding=more)
    assert torch_size(torch, layer, n) == ours.size([n], 0)


@fixtures_are_fine
@given(lengths, st.integers(1, 6))
def test_pytorch_gives_resizes_and_space_to_depth_these_sizes(torch, n, factor):
    for mode in ("nearest", "bilinear"):
        assert torch_size(torch, torch.nn.Upsample(scale_factor=factor, mode=mode), n) == Resize(factor).size([n], 0)
    blocks = torch_size(torch, torch.nn.PixelUnshuffle(factor), n * factor)
    assert blocks == SpaceToDepth(factor).size([n * factor], 0) == n


# What is rejected.


def lines_of(error):
    """The text of an error as lines; a whole message has what was given, what is wrong, and a fix."""
    first, *middle, last = str(error.value).split("\n")
    assert len(middle) in range(1, 9)
    assert re.search(HEADLINE, first)
    assert last.startswith("  fix: ")
    return [first, *middle, last]


NUMBERS_OF = {
    Window: ("kernel", "stride", "padding", "dilation"),
    TransposedWindow: ("kernel", "stride", "padding", "dilation", "output_padding"),
    Resize: ("factor", "over", "less"),
    SpaceToDepth: ("block",),
}
EACH_NUMBER = [(kind, name) for kind, names in NUMBERS_OF.items() for name in names]
NEEDED = {
    Window: {"kernel": 2},
    TransposedWindow: {"kernel": 2},
    Resize: {"factor": 2},
    SpaceToDepth: {"block": 2},
}


@pytest.mark.parametrize(("kind", "name"), EACH_NUMBER)
@pytest.mark.parametrize("bad", [-1, True, 2.0, "2", None])
def test_a_number_of_a_step_that_is_not_natural_is_rejected_by_name(kind, name, bad):
    with pytest.raises(UsageError) as error:
        kind(**NEEDED[kind] | {name: bad})
    first, wrong, _ = lines_of(error)
    assert first == f"{name}={bad!r} can't be used."
    assert wrong.startswith(f"  natural: not a natural number: {name}={bad!r} is ")


@pytest.mark.parametrize("bad", [-1, True, 2.0, "2", None])
def test_a_size_that_is_not_natural_is_rejected_by_name(bad):
    with pytest.raises(UsageError, match=f"size={bad!r}"):
        run(written(Node("y", Window(2))), bad)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: Window(2, rounding="up"),
            "rounding='up' is not well-formed.\n"
            "  rounding: no such choice: rounding='up' must be one of 'floor', 'ceil', 'same'.\n"
            "  fix: rounding='floor'",
        ),
        (
            lambda: CropTo(odd="centre"),
            "odd='centre' is not well-formed.\n"
            "  odd: no such choice: odd='centre' must be one of 'after', 'before', 'never'.\n"
            "  fix: odd='before'",
        ),
        (
            lambda: compatible_sizes(HARD),
            "solving the network is not possible.\n"
            "  not_solved: too hard to solve: the search stopped after 50000 steps.\n"
            "  fix: smaller strides or fewer levels",
        ),
    ],
    ids=["rounding", "crop", "hard"],
)
def test_an_error_says_what_was_given_and_what_to_give(make, text):
    with pytest.raises(WellshapedError) as error:
        make()
    assert str(error.value) == text


# Huge numbers: whoever counts one by one would never come back.


@pytest.mark.parametrize(("kind", "name"), EACH_NUMBER)
@pytest.mark.parametrize("returns", [False, True])
def test_huge_numbers_are_answered_at_once(kind, name, returns):
    step = kind(**NEEDED[kind] | {name: BIG})
    nodes = [Node("step", step), Node("cropped", CropTo(), ("x", "step"))]
    nodes += [Node("returns", Require(equal=True), ("step", "x"))] if returns else []
    network = written(*nodes)
    fit = compatible_sizes(network)
    for n in (1, 2, BIG - 1, BIG, BIG + 1, 2 * BIG, 2 * BIG + 1, 3 * BIG, 10 * BIG):
        assert (n in fit) == run(network, n).ok


def test_huge_kernels_leave_a_huge_least_size():
    nodes = (Node("a", Window(BIG, 2)), Node("b", TransposedWindow(BIG, 2)), Node("y", Add(), ("x", "b")))
    fit = compatible_sizes(written(*nodes))
    assert (fit.minimum, fit.period, fit.above(BIG + 1)) == (BIG, 2, BIG + 2)


def test_huge_strides_that_undo_each_other_are_no_period():
    nodes = (Node("a", TransposedWindow(BIG, BIG)), Node("b", Window(BIG, BIG)), Node("y", Add(), ("b", "x")))
    assert str(compatible_sizes(written(*nodes))) == "n ≥ 1"


def test_the_network_of_the_default_config_fits_the_even_sizes():
    assert str(compatible_sizes(graph_of(UNet2Config()))) == "n ≡ 0 (mod 2), n ≥ 2"
