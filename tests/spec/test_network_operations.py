"""The steps and parameters of operations, against PyTorch where it is installed, JAX, and counting by hand."""

import ast
from dataclasses import replace
from importlib.util import find_spec
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jax import lax

from wellshaped.spec import explain
from wellshaped.spec.network import (
    Activation,
    Add,
    AvgPool,
    Concat,
    Conv,
    ConvTranspose,
    Crop,
    CropTo,
    CropToSmallest,
    DepthToSpace,
    MaxPool,
    Mean,
    Multiply,
    Network,
    Node,
    Norm,
    Pad,
    PadTo,
    PadToMultiple,
    Require,
    Resize,
    ResizeTo,
    Scale,
    Slice,
    SpaceToDepth,
    parameter_shapes,
    run,
    run_image,
)

with_torch = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")

sizes = st.integers(1, 15)
few = st.integers(0, 3)
positive = st.integers(1, 5)
sides = st.integers(0, 3) | st.tuples(st.tuples(few, few))


def size_of(operation, *given):
    """The size along the only axis, or 0 where a requirement fails."""
    inputs = {f"x{i}": 4 for i in range(len(given))}
    network = Network(inputs, (Node("y", operation, tuple(inputs)),), axes=1)
    of_it = run(network, {f"x{i}": n for i, n in enumerate(given)})
    return of_it.sizes["y"] if of_it.ok else 0


def torch_size(make, *shape):
    """The size that PyTorch makes, 0 where it raises."""
    import torch

    try:
        return make(torch)(torch.zeros(1, *shape)).shape[-1]
    except (RuntimeError, ValueError):
        return 0


@with_torch
@examples(120)
@given(sizes, positive, positive, few, st.integers(1, 3))
def test_a_convolution_makes_the_size_that_pytorch_makes(n, kernel, stride, padding, dilation):
    expected = torch_size(lambda torch: torch.nn.Conv1d(4, 4, kernel, stride, padding, dilation), 4, n)
    assert size_of(Conv(kernel, stride, padding=padding, dilation=dilation), n) == expected


@with_torch
@examples(120)
@given(sizes, positive, positive, few, few, st.integers(1, 3))
@example(5, 3, 2, 1, 2, 1)  # output padding as large as the stride
@example(5, 3, 1, 1, 2, 3)  # smaller than the dilation
def test_a_transposed_convolution_makes_the_size_that_pytorch_makes(n, kernel, stride, padding, more, dilation):
    expected = torch_size(
        lambda torch: torch.nn.ConvTranspose1d(4, 4, kernel, stride, padding, more, dilation=dilation), 4, n
    )
    operation = ConvTranspose(kernel, stride, padding=padding, output_padding=more, dilation=dilation)
    assert size_of(operation, n) == expected


@with_torch
@examples(120)
@given(sizes, positive, st.none() | positive, few, st.integers(1, 3), st.booleans())
@example(5, 2, 2, 2, 1, False)  # padding beyond half the window
@example(5, 3, 3, 1, 1, True)
def test_a_max_pooling_makes_the_size_that_pytorch_makes(n, kernel, stride, padding, dilation, ceil):
    expected = torch_size(lambda torch: torch.nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode=ceil), 4, 15, n)
    on_the_other = size_of(MaxPool(kernel, stride, padding=padding, dilation=dilation, ceil_mode=ceil), 15)
    if on_the_other:
        operation = MaxPool(kernel, stride, padding=padding, dilation=dilation, ceil_mode=ceil)
        assert size_of(operation, n) == expected


@with_torch
@examples(120)
@given(sizes, positive, st.none() | positive, few, st.booleans())
def test_an_average_pooling_makes_the_size_that_pytorch_makes(n, kernel, stride, padding, ceil):
    expected = torch_size(lambda torch: torch.nn.AvgPool1d(kernel, stride, padding, ceil_mode=ceil), 4, n)
    assert size_of(AvgPool(kernel, stride, padding=padding, ceil_mode=ceil), n) == expected


@with_torch
@given(sizes, few, few, st.sampled_from([("zeros", "constant"), ("mirrored", "reflect"), ("replicated", "replicate")]))
def test_a_pad_makes_the_size_that_pytorch_makes(n, before, after, modes):
    ours, theirs = modes
    expected = torch_size(lambda torch: lambda x: torch.nn.functional.pad(x, (before, after), mode=theirs), 4, n)
    assert size_of(Pad(((before, after),), mode=ours), n) == expected


@with_torch
def test_pixel_shuffles_make_the_shapes_that_pytorch_makes():
    import torch

    shuffled = torch.nn.PixelShuffle(3)(torch.zeros(1, 18, 4, 5))
    assert shuffled.shape[1:] == (DepthToSpace(3).channels_after([18], 2), 12, 15)
    blocks = torch.nn.PixelUnshuffle(3)(torch.zeros(1, 2, 12, 15))
    assert blocks.shape[1:] == (SpaceToDepth(3).channels_after([2], 2), 4, 5)


@settings(max_examples=150)
@given(sizes, positive, positive, st.integers(1, 2), st.sampled_from(["SAME", "VALID"]))
def test_a_convolution_by_a_word_makes_the_size_that_jax_makes(n, kernel, stride, dilation, padding):
    def conv(x, w):
        return lax.conv_general_dilated(x, w, (stride,), padding, rhs_dilation=(dilation,))

    made = jax.eval_shape(conv, jnp.zeros((1, 4, n)), jnp.zeros((4, 4, kernel))).shape[-1]
    assert size_of(Conv(kernel, stride, padding=padding, dilation=dilation), n) == made


@settings(max_examples=150)
@given(sizes, positive, positive, st.integers(1, 2), st.sampled_from(["SAME", "VALID"]))
@example(151, 3, 2, 1, "SAME")
def test_a_transposed_convolution_by_a_word_makes_the_size_that_jax_makes(n, kernel, stride, dilation, padding):
    def conv(x, w):
        return lax.conv_transpose(
            x, w, (stride,), padding, rhs_dilation=(dilation,), dimension_numbers=("NHC", "HIO", "NHC")
        )

    made = jax.eval_shape(conv, jnp.zeros((1, n, 4)), jnp.zeros((kernel, 4, 4))).shape[1]
    assert size_of(ConvTranspose(kernel, stride, padding=padding, dilation=dilation), n) == made


@settings(max_examples=150)
@given(sizes, positive, positive, st.sampled_from(["SAME", "VALID"]))
def test_a_pooling_by_a_word_makes_the_size_that_jax_makes(n, kernel, stride, padding):
    def pool(x):
        return lax.reduce_window(x, -jnp.inf, lax.max, (kernel,), (stride,), padding)

    made = jax.eval_shape(pool, jnp.zeros(n)).shape[0]
    assert size_of(MaxPool(kernel, stride, padding=padding), n) == made


@given(st.integers(0, 30), sides, st.integers(0, 9))
def test_crops_and_pads_make_what_slices_and_numpy_make(n, amounts, multiple):
    before, after = amounts[0] if isinstance(amounts, tuple) else (amounts, amounts)
    row = np.arange(n)
    assert Crop(amounts).size([n], 0) == len(row[before : max(n - after, 0)])
    assert Pad(amounts).size([n], 0) == len(np.pad(row, (before, after)))
    padded = PadToMultiple(multiple).size([n], 0)
    assert padded == (next(m for m in range(n, n + multiple) if m % multiple == 0) if multiple else 0)


@given(st.integers(0, 30), st.integers(0, 30), st.sampled_from(["after", "before", "never"]))
def test_a_crop_about_the_centre_loses_the_odd_position_where_it_is_said(n, to, odd):
    operation = CropTo(odd=odd)
    fits = n >= to and (odd != "never" or (n - to) % 2 == 0)
    assert all(need.relation.holds(need.left, need.right) for need in operation.needs([n, to], 0)) == fits
    if fits:
        before, after = operation.parts(n, to, 0)
        assert n - before - after == to
        assert (after - before, before - after)[odd == "before"] in (0, 1)


NEEDS = {
    "room to crop": (CropTo(), (3, 4), (4, 4)),
    "an even difference": (CropTo(odd="never"), (5, 4), (6, 4)),
    "room from an offset": (CropTo(2), (5, 4), (6, 4)),
    "an even difference from the smallest": (CropToSmallest(odd="never"), (5, 4), (6, 4)),
    "room to pad": (PadTo(), (5, 4), (4, 5)),
    "less to mirror than there is": (Pad(2, mode="mirrored"), (2,), (3,)),
    "less to mirror up to a size": (PadTo(where="after", mode="mirrored"), (2, 4), (3, 5)),
    "less to mirror up to a size, on both sides": (PadTo(mode="mirrored"), (2, 6), (2, 4)),
    "less to mirror up to a multiple": (PadToMultiple(8, mode="mirrored"), (4,), (5,)),
    "whole blocks": (SpaceToDepth(2), (5,), (6,)),
    "equal sizes to concatenate": (Concat(), (4, 4, 5), (4, 4, 4)),
    "equal sizes to add": (Add(), (4, 1), (4, 4)),
    "equal sizes to multiply": (Multiply(), (1, 4), (1, 1)),
    "one position to broadcast": (Add(broadcast="positions"), (4, 4), (4, 1)),
    "equal sizes beside one position": (Multiply(broadcast="positions"), (4, 5, 1), (4, 4, 1)),
    "an equal size": (Require(equal=True), (4, 5), (5, 5)),
    "a near size": (Require(within=2), (4, 7), (4, 6)),
    "a near size, the other way round": (Require(within=2), (7, 4), (6, 4)),
    "a least size": (Require(at_least=4), (3,), (4,)),
    "a multiple": (Require(multiple=4), (6,), (8,)),
    "padding of at most half a window": (MaxPool(2, padding=2), (9,), None),
    "padding of at most half an odd window": (AvgPool(5, padding=3), (9,), None),
    "output padding below the stride": (ConvTranspose(3, 2, output_padding=2), (9,), None),
}


@pytest.mark.parametrize(("operation", "broken", "met"), NEEDS.values(), ids=NEEDS)
def test_a_requirement_holds_on_the_right_side_of_its_edge(operation, broken, met):
    assert size_of(operation, *broken) == 0
    assert met is None or size_of(operation, *met) >= 1


def test_what_needs_nothing_takes_every_size():
    for operation in (ResizeTo(), CropToSmallest()):
        assert all(size_of(operation, n, to) for n, to in product(range(1, 5), repeat=2))
    assert size_of(Pad(9, mode="mirrored, extended"), 1) == 19
    assert size_of(Resize(2, less=1), 5) == 9
    assert size_of(Mean(), 303) == 1


@pytest.mark.parametrize(
    ("operation", "channels", "fits"),
    [
        (Norm("instance"), 8, False),
        (Norm("group", groups=8), 8, False),
        (Norm("group", groups=4), 8, True),
        (Norm("batch"), 8, True),
        (Norm("layer"), 8, True),
        (Require(positions=2), 8, False),
    ],
)
def test_one_position_over_all_axes_has_no_statistics_and_two_have(operation, channels, fits):
    network = Network({"x": channels}, (Node("y", operation),), axes=3)
    single = run_image(network, (1, 1, 1))
    assert all(of_it.ok for of_it in single.axes)
    assert single.ok == fits
    assert run_image(network, (1, 2, 1)).ok


def test_the_parameters_of_operations_have_the_shapes_of_the_specification():
    nodes = (
        Node("conv", Conv((3, 5), channels=6, groups=2)),
        Node("norm", Norm("batch")),
        Node("plain", Norm("instance", affine=False)),
        Node("prelu", Activation("prelu")),
        Node("snake", Activation("snake")),
        Node("up", ConvTranspose(2, 2, channels=8, groups=2, bias=False)),
        Node("fixed", Conv(3, learned=False)),
        Node("scale", Scale()),
        Node("half", Slice(2, 6)),
    )
    network = Network({"x": 4}, nodes)
    assert parameter_shapes(network) == {
        "conv": {"kernel": (6, 2, 3, 5), "bias": (6,)},
        "norm": {"scale": (6,), "bias": (6,)},
        "prelu": {"slope": (1,)},
        "snake": {"slope": (6,)},
        "up": {"kernel": (6, 4, 2, 2)},
        "scale": {"scale": (8,)},
    }
    assert network.channels["half"] == 4


def test_a_step_is_a_formula_that_symbols_read():
    from wellshaped.proofs_of_shape.terms import variable

    n, m = variable("n"), variable("m")
    of_two = (CropTo(), PadTo(), ResizeTo(), CropToSmallest(), Add(), Concat())
    for operation in (Conv(3, 2, padding="SAME"), ConvTranspose(3, 2, padding="VALID"), MaxPool(2, ceil_mode=True)):
        assert "n" in str(operation.size([n], 0))
    for operation in of_two:
        assert str(operation.size([n, m], 0))
        assert all(str(need.relation.holds(need.left, need.right)) for need in operation.needs([n, m], 0))
    (near,) = Require(within=2).needs([n, m], 0)
    assert str(near.relation.holds(near.left, near.right)) == "2 ≥ ((n ∸ m) + (m ∸ n))"


@pytest.mark.parametrize(
    ("operation", "fix"),
    [
        (MaxPool((5, 2), padding=(3, 2)), "node p: padding=(2, 1)"),
        (MaxPool(3, padding=2), "node p: padding=1"),
        (MaxPool(3, 2, padding=((0, 2),)), "node p: padding=((0, 1),)"),
        (AvgPool((5, 2), padding=3), "node p: padding=(2, 1)"),
        (ConvTranspose(3, (2, 3), output_padding=(2, 3)), "node p: output_padding=(1, 2)"),
    ],
)
def test_the_fix_of_a_limit_holds_on_every_axis(operation, fix):
    network = Network({"x": 1}, (Node("p", operation),))
    assert explain(network, (20, 20)).fixes == (fix,)
    name, _, rest = fix.removeprefix("node p: ").partition("=")
    fixed = replace(operation, **{name: ast.literal_eval(rest)})
    assert explain(Network({"x": 1}, (Node("p", fixed),)), (20, 20)).ok
