"""Networks along one axis and their compatible sizes, against an oracle of this file's own, XLA and PyTorch.

The oracle computes with whole arrays of sizes and calls nothing of the library: each step is read again from PyTorch's
documentation or from what the step says of itself, and counted place by place for small numbers.
"""

from dataclasses import replace
from itertools import takewhile

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from configs import configs
from hypothesis import HealthCheck, Phase, assume, example, find, given, settings
from hypothesis import strategies as st
from jax import lax
from networks import HARD, networks, programs, sized, transposed, windows

from wellshaped.spec import (
    AxisNetwork,
    Join,
    Keep,
    Resize,
    Save,
    ShapeError,
    SpaceToDepth,
    Transposed,
    UNet2Config,
    Window,
    axis_network,
    compatible_sizes,
    conv_transpose_size,
    sliding_window_size,
    unet,
)

LIMIT = 2000
NUMBERS = np.arange(1, LIMIT + 1)
FAR = np.arange(10**6, 10**6 + 1500, 7)  # 7 shares no factor with the strides, so that all remainders have their turn
BIG = 10**30


# The oracle: the size after each step, for an array of sizes.


def windows_size(n, step):
    """The formula of PyTorch's Conv1d and MaxPool1d pages, and SAME padding as TensorFlow defines it."""
    if 0 in (step.kernel, step.stride, step.dilation):
        return np.zeros_like(n)
    room = n + step.before + step.after - step.dilation * (step.kernel - 1) - 1
    if step.rounding == "same":
        return np.ceil(n / step.stride).astype(int)
    if step.rounding == "floor":
        return np.where(room >= 0, room // step.stride + 1, 0)
    size = np.ceil(room / step.stride).astype(int) + 1
    # "Sliding windows that would start in the right padded region are ignored."
    while np.any(late := (size > 0) & ((size - 1) * step.stride >= n + step.before)):
        size = size - late
    return np.maximum(size, 0)


def transposed_size(n, step):
    """The formula of PyTorch's ConvTranspose1d page."""
    if 0 in (step.kernel, step.stride, step.dilation):
        return np.zeros_like(n)
    size = (n - 1) * step.stride - (step.before + step.after) + step.dilation * (step.kernel - 1)
    return np.where(n >= 1, np.maximum(size + step.output_padding + 1, 0), 0)


def size_after(n, step):
    """The size after a step that has one."""
    match step:
        case Window():
            return windows_size(n, step)
        case Transposed():
            return transposed_size(n, step)
        case Resize():
            return n * step.factor
        case SpaceToDepth():
            return n // step.block if step.block else n * 0


def fits_by_oracle(network, numbers):
    """For each of the numbers, whether ``network`` takes it."""
    before, now, ok, saved = numbers, numbers, numbers >= 1, {}
    for step in network.steps:
        match step:
            case Save():
                saved[step.name] = now
            case Keep():
                ok = ok & (now == before)
            case Join():
                skip = saved[step.name]
                lost = skip - now
                wanted = {
                    "exact": lost == 0,
                    "crop": lost >= 0,
                    "even crop": (lost >= 0) & (lost % 2 == 0),
                    "pad": lost >= 0,
                    "resize": True,
                }
                ok = ok & wanted[step.how]
                now = skip if step.how in ("pad", "resize") else now
            case _:
                if isinstance(step, SpaceToDepth):
                    ok = ok & (now % step.block == 0 if step.block else False)
                before, now = now, size_after(now, step)
                ok = ok & (now >= 1)
    return ok & (now == numbers) if network.returns_its_size else ok


def check_against_oracle(network):
    fit = compatible_sizes(network)
    found = list(takewhile(lambda n: n <= LIMIT, fit))
    assert found == NUMBERS[fits_by_oracle(network, NUMBERS)].tolist()
    assert [n in fit for n in FAR.tolist()] == fits_by_oracle(network, FAR).tolist()


# The oracle's own formulas, by counting places.


def count_windows(n, step):
    """How many windows there are, one by one: each begins a stride after the one before it."""
    if 0 in (step.kernel, step.stride, step.dilation):
        return 0
    begins = [i * step.stride for i in range(n + step.before + step.after + 1)]
    if step.rounding == "same":
        return sum(begin < n for begin in begins)
    end = n + step.before + step.after
    last_taps = [begin + (step.kernel - 1) * step.dilation for begin in begins]
    if step.rounding == "floor":
        return sum(tap < end for tap in last_taps)
    inside = [begin < n + step.before for begin in begins]
    # A partial window ends less than a stride beyond the end: the one before it did not reach it.
    return sum(ok and tap < end + step.stride - 1 for ok, tap in zip(inside, last_taps, strict=True))


def count_reached(n, step):
    """How many positions a transposed convolution reaches, from the first to the last, less the padding."""
    if 0 in (step.kernel, step.stride, step.dilation):
        return 0
    reached = {i * step.stride + j * step.dilation for i in range(n) for j in range(step.kernel)}
    return max(len(range(max(reached) + 1)) + step.output_padding - step.before - step.after, 0) if reached else 0


few = st.integers(0, 6)
any_windows = st.builds(Window, few, few, few, few, few, st.sampled_from(["floor", "ceil", "same"]))
any_transposed = st.builds(Transposed, few, few, few, few, few, few)


@settings(max_examples=1000)
@given(st.integers(0, 15), any_windows)
@example(5, Window(2, 3, 1, 1, rounding="ceil"))  # the third window would begin in the padding on the right
@example(1, Window(2, 2, rounding="ceil"))  # no whole window, and still a partial one
@example(2, Window(1, 1, 0, 3, rounding="ceil"))  # more than one window to leave out
@example(4, Window(3, 1, dilation=2))
def test_a_window_has_as_many_sizes_as_can_be_counted(n, window):
    assert window.size(n) == count_windows(n, window) == windows_size(np.array([n]), window)[0]


@settings(max_examples=1000)
@given(st.integers(0, 15), any_transposed)
@example(1, Transposed(1, 1, 1, 1))  # the integer formula gives -1
@example(0, Transposed(3, 2, output_padding=1))
def test_a_transposed_window_reaches_as_many_positions_as_can_be_counted(n, step):
    assert step.size(n) == count_reached(n, step) == transposed_size(np.array([n]), step)[0]


@given(st.integers(0, 30), st.integers(1, 6))
def test_a_resize_repeats_positions_and_space_to_depth_takes_them_in_blocks(n, factor):
    assert Resize(factor).size(n) == len(np.repeat(np.zeros(n), factor))
    whole = n - n % factor
    assert SpaceToDepth(factor).size(n) == np.zeros(whole).reshape(-1, factor).shape[0]


# The compatible sizes.


@settings(max_examples=500)
@given(networks())
@example(unet(6))
@example(AxisNetwork((Window(7, 2, 3, 3), Save("a"), SpaceToDepth(2), Window(2, 2, rounding="ceil"), Resize(4))))
def test_the_compatible_sizes_of_an_encoder_decoder_are_those_of_the_oracle(network):
    check_against_oracle(network)


@settings(max_examples=300)
@given(programs())
@example(AxisNetwork(()))
@example(AxisNetwork((), returns_its_size=True))
@example(AxisNetwork((Save("a"), Window(1, 2, 5), Join("a", "even crop"))))  # smaller than the skip only later on
@example(AxisNetwork((Window(1, 2), Save("a"), Window(31), Resize(2), Join("a", "pad"), SpaceToDepth(2))))
@example(AxisNetwork((Window(0),)))
@example(AxisNetwork((Resize(0),)))
@example(AxisNetwork((SpaceToDepth(0),)))
@example(AxisNetwork((Transposed(2, 0),)))
def test_the_compatible_sizes_of_steps_in_any_order_are_those_of_the_oracle(network):
    check_against_oracle(network)


def with_resizes(network):
    """The network with every second join a resize, whatever it was."""
    joins = [step for step in network.steps if isinstance(step, Join)][::2]
    return replace(network, steps=[Join(s.name, "resize") if s in joins else s for s in network.steps])


@settings(max_examples=100)
@given(networks().map(with_resizes) | programs().map(with_resizes))
@example(AxisNetwork((Window(1, 2), Save("a"), Window(9), Join("a", "resize"), SpaceToDepth(2))))
@example(AxisNetwork((Save("a"), Window(1, 2), Save("b"), Resize(2), Join("b", "resize"), SpaceToDepth(2))))
def test_the_compatible_sizes_of_a_network_that_resizes_to_its_skips_are_those_of_the_oracle(network):
    check_against_oracle(network)


@pytest.mark.slow
@settings(max_examples=10_000)
@given(networks())
def test_the_compatible_sizes_of_an_encoder_decoder_are_those_of_the_oracle_at_length(network):
    check_against_oracle(network)


@pytest.mark.slow
@settings(max_examples=10_000)
@given(programs())
def test_the_compatible_sizes_of_steps_in_any_order_are_those_of_the_oracle_at_length(network):
    check_against_oracle(network)


@settings(max_examples=100)
@given(networks() | programs(), st.integers(1, LIMIT))
def test_a_run_meets_every_demand_exactly_at_the_compatible_sizes(network, n):
    assert network.run(n).ok == (n in compatible_sizes(network)) == fits_by_oracle(network, np.array([n]))[0]


@settings(max_examples=50)
@given(networks() | programs())
def test_the_size_zero_never_runs(network):
    assert not network.run(0).ok
    assert 0 not in compatible_sizes(network)


@settings(max_examples=100)
@given(configs)
@example(UNet2Config(pool_stride=3, up_stride=2, up_kernel=3))  # a finite set of more than one size
def test_the_network_of_a_config_fits_what_the_closed_form_of_the_config_says(cfg):
    assert compatible_sizes(axis_network(cfg)) == compatible_sizes(cfg)


@pytest.mark.slow
@settings(max_examples=1000)
@given(configs)
def test_the_network_of_a_config_fits_what_the_closed_form_of_the_config_says_at_length(cfg):
    assert compatible_sizes(axis_network(cfg)) == compatible_sizes(cfg)


# What the strategies reach, and what they shrink toward.


def kind_of_set(network):
    fit = compatible_sizes(network)
    if fit.is_finite:
        return "finite" if fit else "empty"
    return "one residue" if len(fit.residues) == 1 else "several residues"


@pytest.mark.parametrize(
    ("strategy", "levels", "examples"), [(networks(), 6, 300), (programs(), 4, 400)], ids=["networks", "programs"]
)
def test_the_strategies_reach_every_kind_of_set_and_of_step(strategy, levels, examples):
    sets, steps, saves = [], set(), set()

    @settings(max_examples=examples, database=None, phases=[Phase.generate])
    @given(strategy)
    def look(network):
        sets.append(kind_of_set(network))
        steps.update(network.steps)
        saves.add(sum(isinstance(step, Save) for step in network.steps))

    look()
    assert set(sets) == {"one residue", "several residues", "finite", "empty"}
    assert sets.count("empty") < 0.6 * len(sets)
    assert saves >= set(range(1, levels + 1))
    assert {type(step) for step in steps} == {Window, Transposed, Resize, SpaceToDepth, Save, Join, Keep}
    assert {step.how for step in steps if isinstance(step, Join)} >= {"exact", "crop", "even crop", "pad"}
    drawn = [step for step in steps if isinstance(step, Window)]
    assert {step.rounding for step in drawn} == {"floor", "ceil", "same"}
    assert any(step.rounding == "ceil" and step.dilation > 1 and step.before != step.after for step in drawn)
    assert any(step.output_padding and step.dilation > 1 for step in steps if isinstance(step, Transposed))


HALVING = (Window(2, 2), Transposed(2, 2))


@pytest.mark.parametrize(
    ("strategy", "kind", "smallest"),
    [
        (networks(), "one residue", (Save("level0"), *HALVING, Join("level0"))),
        (programs(), "one residue", ()),
        (programs(), "several residues", (Window(1, 2), SpaceToDepth(2))),
    ],
)
def test_the_strategies_shrink_toward_the_plainest_network(strategy, kind, smallest):
    quick = settings(max_examples=2000, database=None, derandomize=True)
    assert find(strategy, lambda network: kind_of_set(network) == kind, settings=quick).steps == smallest


# XLA.

AXES = ("NCH", "OIH", "NCH")
lengths = st.integers(1, 14)


def xla_size(function, n, *kernel):
    """The size that XLA gives to a function of an image, and perhaps a kernel, of these lengths."""
    shapes = [jax.ShapeDtypeStruct((1, 1, length), jnp.float32) for length in (n, *kernel)]
    return jax.eval_shape(function, *shapes).shape[2]


@given(lengths, windows)
def test_where_a_step_does_not_round_up_xla_computes_its_size(n, window):
    assume(window.rounding != "ceil")
    padding = "SAME" if window.rounding == "same" else [(window.before, window.after)]

    def convolve(x, kernel):
        return lax.conv_general_dilated(x, kernel, (window.stride,), padding, rhs_dilation=(window.dilation,))

    def pool(x):
        ends = padding if padding == "SAME" else [(0, 0), (0, 0), *padding]
        window_of, strides, dilation = ((1, 1, i) for i in (window.kernel, window.stride, window.dilation))
        return lax.reduce_window(x, -jnp.inf, lax.max, window_of, strides, ends, window_dilation=dilation)

    assert window.size(n) == xla_size(convolve, n, window.kernel) == xla_size(pool, n)


@given(lengths, transposed)
@example(1, Transposed(1, 3))
def test_xla_computes_the_size_of_a_transposed_window_as_a_convolution_of_the_dilated_image(n, step):
    span = step.dilation * (step.kernel - 1) + 1
    padding = span - 1 - step.before, span - 1 - step.after + step.output_padding
    assume(max(-padding[0], 0) + max(-padding[1], 0) <= n)  # XLA refuses to take off more than there is

    def convolve(x, kernel):
        dilations = {"lhs_dilation": (step.stride,), "rhs_dilation": (step.dilation,)}
        return lax.conv_general_dilated(x, kernel, (1,), [padding], **dilations)

    assert step.size(n) == xla_size(convolve, n, step.kernel)


@given(lengths, st.integers(1, 6), st.integers(1, 6))
@example(3, 2, 3)
def test_what_jax_calls_a_valid_transposed_convolution_has_a_kernel_of_at_least_the_stride(n, k, s):
    def jax_size(padding):
        return xla_size(lambda x, kernel: lax.conv_transpose(x, kernel, (s,), padding, dimension_numbers=AXES), n, k)

    assert jax_size("VALID") == n * s + max(k - s, 0) == Transposed(max(k, s), s).size(n)
    assert jax_size("SAME") == Resize(s).size(n)
    assert (jax_size("VALID") == Transposed(k, s).size(n)) == (k >= s)


# The facts of SPEC section 5.4.

some = st.integers(1, 12)
sizes = st.integers(0, 200)


@given(sizes, some, some)
@example(5, 3, 2)
@example(2, 3, 1)
def test_pooling_then_upsampling_gives_back_a_size_or_loses_the_remainder(n, k, s):
    back = Transposed(k, s).size(Window(k, s).size(n))
    assert (back == n) == ((k <= n and (n - k) % s == 0) or n == 0)  # of nothing, nothing is lost
    assert back == (n - (n - k) % s if k <= n else 0)
    fit = compatible_sizes(AxisNetwork((Window(k, s), Transposed(k, s)), returns_its_size=True))
    assert (n in fit) == (k <= n and (n - k) % s == 0)


@given(few, few)
@example(3, 1)
@example(4, 2)
def test_a_convolution_of_stride_one_keeps_every_size_iff_its_kernel_is_odd_and_half_padded(k, p):
    fit = compatible_sizes(AxisNetwork((Window(k, 1, p, p), Keep())))
    assert (str(fit) == "n ≥ 1") == (k == 2 * p + 1)
    assert bool(fit) == (k == 2 * p + 1)


@settings(max_examples=1000)
@given(st.one_of(sized, any_windows, any_transposed), sizes)
def test_no_size_falls_when_the_size_before_it_grows(step, n):
    assert step.size(n) <= step.size(n + 1)


@pytest.mark.parametrize("levels", range(8))
def test_poolings_by_two_and_their_upsamplings_agree_iff_the_power_of_two_divides_the_size(levels):
    network = unet(levels, convs=0)
    assert [n for n in range(1025) if network.run(n).ok] == list(range(2**levels, 1025, 2**levels))
    assert list(takewhile(lambda n: n <= 1024, compatible_sizes(network))) == list(range(2**levels, 1025, 2**levels))


@given(sizes, some, some, some, few)
def test_a_same_window_rounds_up_whatever_its_kernel(n, k, s, dilation, padding):
    window = Window(k, s, padding, padding, dilation, "same")
    assert window.size(n) == -(-n // s)


@given(sizes, few, few, few)
def test_symmetric_steps_have_the_two_size_functions_of_the_specification(n, k, s, p):
    assert Window(k, s, p, p).size(n) == sliding_window_size(n, kernel=k, stride=s, padding=p)
    assert Transposed(k, s, p, p).size(n) == conv_transpose_size(n, kernel=k, stride=s, padding=p)


# PyTorch.

CEIL_MODE = [  # recorded from torch.nn.functional.max_pool2d(ceil_mode=True) of PyTorch 2.13
    # n, kernel, stride, padding, dilation, size
    (1, 2, 2, 0, 1, 1),
    (1, 3, 2, 0, 1, 0),  # PyTorch refuses: the output would have size 0
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
    assert Window(k, s, p, p, dilation, "ceil").size(n) == size


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
def test_pytorch_gives_poolings_and_convolutions_these_sizes(torch, n, window):
    k, s, p, dilation = window.kernel, window.stride, min(window.before, window.kernel // 2), window.dilation
    floor, ceil = (Window(k, s, p, p, dilation, rounding).size(n) for rounding in ("floor", "ceil"))
    assert torch_size(torch, torch.nn.MaxPool2d(k, s, p, dilation, ceil_mode=False), n) == floor
    assert torch_size(torch, torch.nn.MaxPool2d(k, s, p, dilation, ceil_mode=True), n) == ceil
    assert torch_size(torch, torch.nn.Conv2d(1, 1, k, s, p, dilation), n) == floor


@fixtures_are_fine
@given(lengths, transposed)
def test_pytorch_gives_transposed_convolutions_these_sizes(torch, n, step):
    k, s, p, dilation = step.kernel, step.stride, step.before, step.dilation
    more = min(step.output_padding, max(s, dilation) - 1)  # PyTorch allows no more
    layer = torch.nn.ConvTranspose2d(1, 1, k, s, p, output_padding=more, dilation=dilation)
    assert torch_size(torch, layer, n) == Transposed(k, s, p, p, dilation, more).size(n)


@fixtures_are_fine
@given(lengths, st.integers(1, 6))
def test_pytorch_gives_resizes_and_space_to_depth_these_sizes(torch, n, factor):
    for mode in ("nearest", "bilinear"):
        assert torch_size(torch, torch.nn.Upsample(scale_factor=factor, mode=mode), n) == Resize(factor).size(n)
    blocks = torch_size(torch, torch.nn.PixelUnshuffle(factor), n * factor)
    assert blocks == SpaceToDepth(factor).size(n * factor) == n


# What is refused.


def lines_of(error):
    """The text of an error as lines; a whole message has what was given, what is wrong, and a fix."""
    first, *middle, last = str(error.value).split("\n")
    assert len(middle) in range(1, 9)
    assert first.endswith(" does not fit.")
    assert last.startswith("  fix: ")
    return [first, *middle, last]


@pytest.mark.parametrize(
    ("steps", "fault"),
    [
        ((Window(2, 2), "pool"), "step 1, 'pool', is not a step"),
        ((Window,), "step 0, <class 'wellshaped.spec.steps.Window'>, is not a step"),
        ((None,), "step 0, None, is not a step"),
        ((Save("b"), Save("a"), Join("c")), "joins what is not saved before; saved are ['a', 'b']"),
        ((Join("a"), Save("a")), "step 0, Join(name='a'), joins what is not saved before; saved are []"),
        ((Save("a"), Window(2), Save("a")), "step 2, Save(name='a'), saves a name for the second time"),
        ((Keep(),), "step 0, Keep(), does not follow a step that has a size"),
        ((Window(3), Keep(), Keep()), "step 2, Keep(), does not follow a step that has a size"),
        ((Save("a"), Keep()), "step 1, Keep(), does not follow a step that has a size"),
        ((Save("a"), Join("a"), Keep()), "step 2, Keep(), does not follow a step that has a size"),
    ],
)
def test_what_is_no_program_is_refused_by_its_first_wrong_step(steps, fault):
    with pytest.raises(ShapeError) as error:
        AxisNetwork(steps)
    first, wrong, last = lines_of(error)
    assert first == "the network does not fit."
    assert wrong.startswith("  steps: no program: step ")
    assert fault in wrong
    assert last == "  fix: see AxisNetwork"


NUMBERS_OF = {
    Window: ("kernel", "stride", "before", "after", "dilation"),
    Transposed: ("kernel", "stride", "before", "after", "dilation", "output_padding"),
    Resize: ("factor",),
    SpaceToDepth: ("block",),
}
EACH_NUMBER = [(kind, name) for kind, names in NUMBERS_OF.items() for name in names]
NEEDED = {Window: {"kernel": 2}, Transposed: {"kernel": 2}, Resize: {"factor": 2}, SpaceToDepth: {"block": 2}}


@pytest.mark.parametrize(("kind", "name"), EACH_NUMBER)
@pytest.mark.parametrize("bad", [-1, True, 2.0, "2", None])
def test_a_number_of_a_step_that_is_not_natural_is_refused_by_name(kind, name, bad):
    with pytest.raises(ShapeError) as error:
        kind(**NEEDED[kind] | {name: bad})
    first, wrong, _ = lines_of(error)
    assert first == f"{name}={bad!r} does not fit."
    assert wrong.startswith(f"  natural: not a natural number: {name}={bad!r} is ")


@pytest.mark.parametrize("step", [Window(2), Transposed(2), Resize(2), SpaceToDepth(2), AxisNetwork(())])
@pytest.mark.parametrize("bad", [-1, True, 2.0, "2", None])
def test_a_size_that_is_not_natural_is_refused_by_name(step, bad):
    with pytest.raises(ShapeError, match=f"n={bad!r}"):
        step.run(bad) if isinstance(step, AxisNetwork) else step.size(bad)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: Window(2, rounding="up"),
            "Window(rounding='up') does not fit.\n"
            "  rounding: no such choice: rounding must be one of floor, ceil, same.\n"
            "  fix: rounding='floor'",
        ),
        (
            lambda: Join("level1", "centre"),
            "Join(how='centre') does not fit.\n"
            "  how: no such choice: how must be one of exact, crop, even crop, pad, resize.\n"
            "  fix: how='crop'",
        ),
        (
            lambda: compatible_sizes(HARD),
            "the network does not fit.\n"
            "  not_solved: too hard to solve: there are too many kinds of sizes to tell apart within 50000 steps.\n"
            "  fix: smaller strides or fewer levels",
        ),
    ],
    ids=["rounding", "join", "hard"],
)
def test_a_refusal_says_what_was_given_and_what_to_give(make, text):
    with pytest.raises(ShapeError) as error:
        make()
    assert str(error.value) == text


# Huge numbers: whoever counts one by one would never come back.


@pytest.mark.parametrize(("kind", "name"), EACH_NUMBER)
@pytest.mark.parametrize("returns_its_size", [False, True])
def test_huge_numbers_are_answered_at_once(kind, name, returns_its_size):
    step = kind(**NEEDED[kind] | {name: BIG})
    network = AxisNetwork((Save("a"), step, Join("a", "crop")), returns_its_size)
    fit = compatible_sizes(network)
    for n in (1, 2, BIG - 1, BIG, BIG + 1, 2 * BIG, 2 * BIG + 1, 3 * BIG, 10 * BIG):
        assert (n in fit) == network.run(n).ok


def test_huge_kernels_leave_a_huge_least_size():
    fit = compatible_sizes(AxisNetwork((Save("a"), Window(BIG, 2), Transposed(BIG, 2), Join("a"))))
    assert (fit.minimum, fit.period, fit.above(BIG + 1)) == (BIG, 2, BIG + 2)


def test_huge_strides_that_undo_each_other_are_no_period():
    fit = compatible_sizes(AxisNetwork((Transposed(BIG, BIG), Window(BIG, BIG)), returns_its_size=True))
    assert str(fit) == "n ≥ 1"


def test_the_network_of_the_default_config_fits_the_even_sizes():
    assert str(compatible_sizes(axis_network(UNet2Config()))) == "n ≡ 0 (mod 2), n ≥ 2"
