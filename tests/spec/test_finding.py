"""The smallest input for an output, and numbers for what is open: against brute force, and where there are none."""

import re
from dataclasses import fields, replace
from itertools import product

import pytest
from effort import examples
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from wellshaped.proofs_of_shape.strategies import graphs
from wellshaped.spec import (
    OPEN,
    Add,
    AvgPool,
    Concat,
    ConfigError,
    Conv,
    ConvTranspose,
    Crop,
    CropTo,
    Fitting,
    Input,
    MaxPool,
    Mean,
    Network,
    Node,
    Norm,
    Open,
    Pad,
    PadToMultiple,
    Require,
    Resize,
    ShapeError,
    TransposedWindow,
    UNetConfig,
    UsageError,
    WellshapedError,
    Window,
    check,
    compatible_shapes,
    compatible_sizes,
    explain,
    fill,
    graph_of,
    input_for,
    parameter_shapes,
    plan,
    repair,
    run,
    run_image,
    stages,
    transposed_for,
)
from wellshaped.spec.network import data_of, filling

LIMIT = 120


def written(*nodes, axes=1, inputs=None, outputs=()):
    return Network(inputs or {"x": 4}, nodes, outputs, axes=axes)


def rules(error):
    return [failure.name for failure in error.value.report.failures]


def solved(network):
    try:
        return compatible_sizes(network)
    except WellshapedError:
        assume(False)


# The smallest input


@examples(50)
@given(graphs())
def test_no_node_becomes_smaller_as_the_input_grows(network):
    before = run(network, 0).sizes
    for n in range(1, LIMIT):
        sizes = run(network, n).sizes
        assert all(before[name] <= sizes[name] for name in sizes)
        before = sizes


def outputs_by_brute_force(network):
    """The output of every size up to the limit that fits."""
    runs = ((n, run_image(network, (n,))) for n in range(1, LIMIT))
    return {n: of_n.shape(network.outputs[0])[0] for n, of_n in runs if of_n.ok}


@given(graphs(), st.integers(0, 2 * LIMIT))
def test_the_input_for_an_output_is_the_smallest_that_brute_force_finds(network, wanted):
    fit = solved(network)
    expected = next((n for n, made in outputs_by_brute_force(network).items() if made >= wanted), None)
    try:
        found = input_for(network, wanted)
    except WellshapedError:
        assert expected is None
        far = fit.maximum if fit.is_finite else fit.above(10**60)
        assert far is None or run(network, far).sizes[network.outputs[0]] < wanted
        return
    [n], [made] = found.sizes, found.output
    assert n == expected or (expected is None and n >= LIMIT)
    of_n = run(network, n)
    assert of_n.ok
    assert of_n.sizes[network.outputs[0]] == made >= wanted


@examples(50)
@given(graphs(), st.integers(0, LIMIT))
def test_exactly_is_exactly_or_says_which_outputs_are_next_to_it(network, wanted):
    fit = solved(network)
    made = outputs_by_brute_force(network)
    expected = next((n for n, size in made.items() if size == wanted), None)
    try:
        found = input_for(network, wanted, exactly=True)
    except WellshapedError as error:
        assert expected is None
        if "over all axes together" in str(error):
            return
        near = [tuple(map(int, pair)) for pair in re.findall(r"(\d+) \(input (\d+)\)", error.report.fixes[0])]
        along = [of_n.sizes[network.outputs[0]] for of_n in (run(network, n) for n in range(LIMIT)) if of_n.ok]
        below = max((size for size in along if size < wanted), default=None)
        above = min((size for size in along if size > wanted), default=None)
        sizes = [size for size, _ in near]
        assert above is None or above in sizes
        if above is not None:  # then all that make less are below the limit
            assert below is None or below in sizes
        for size, n in near:
            of_n, before = run(network, n), fit.below(n - 1)
            assert of_n.ok
            assert of_n.sizes[network.outputs[0]] == size
            assert before is None or run(network, before).sizes[network.outputs[0]] < size
    else:
        [n] = found.sizes
        assert n == expected or (expected is None and n >= LIMIT)
        assert found.output == (wanted,) == run_image(network, (n,)).shape(network.outputs[0])
        assert run_image(network, (n,)).ok


def test_the_output_of_each_axis_is_asked_for_by_itself():
    network = written(Node("y", MaxPool((2, 3))), axes=2)
    assert input_for(network, 5) == Fitting((10, 15), (5, 5))
    assert input_for(network, (5, 1)) == Fitting((10, 3), (5, 1))
    with pytest.raises(ShapeError) as error:
        input_for(network, (5, 1, 1))
    assert rules(error) == ["axes"]


def test_a_preset_and_a_config_have_inputs_for_outputs_too():
    assert input_for("ronneberger2015", 388).sizes == (572, 572)
    assert input_for(UNetConfig(levels=3), 100) == Fitting((104, 104), (104, 104))


def test_what_is_required_over_all_axes_together_is_met():
    network = written(Node("halved", MaxPool(2)), Node("y", Norm("instance")), axes=2)
    assert input_for(network, 1) == Fitting((4, 2), (2, 1))
    assert input_for(network, (1, 2)) == Fitting((2, 4), (1, 2))
    with pytest.raises(ShapeError) as error:
        input_for(network, 1, exactly=True)
    assert "the requirement of y" in str(error.value)


def test_exactly_so_large_an_output_may_need_more_than_the_smallest_size_of_each_axis():
    few = Node("enough", Require(positions=7))
    network = written(few, Node("y", MaxPool(2)), axes=2)
    assert input_for(network, 1, exactly=True) == Fitting((3, 3), (1, 1))


def test_all_inputs_have_the_size_but_those_of_a_single_position():
    inputs = [Input("x", 4), Input("z", 4), Input("t", 4, single=True)]
    nodes = (
        Node("both", Add(), ("x", "z")),
        Node("timed", Add(broadcast="positions"), ("both", "t")),
        Node("y", Crop(3)),
    )
    assert input_for(written(*nodes, inputs=inputs), 10) == Fitting((16,), (10,))


def test_the_output_is_the_first_of_several():
    nodes = Node("small", MaxPool(4)), Node("large", Resize(2), "x")
    assert input_for(written(*nodes, outputs=("small", "large")), 3) == Fitting((12,), (3,))
    assert input_for(written(*nodes, outputs=("large", "small")), 3) == Fitting((4,), (8,))


@pytest.mark.parametrize(
    ("nodes", "wanted", "says", "fix"),
    [
        ((Node("y", Mean()),), 2, "no image gives an output of at least 2", "output=1 (input 1)"),
        ((Node("m", Mean()), Node("y", Pad(3))), 8, "at least 8", "output=7 (input 1)"),
        (
            (Node("a", Resize(2)), Node("y", Add(), ("a", "x"))),
            1,
            "no size fits",
            "another network; explain(network, sizes) shows what breaks",
        ),
        (
            (Node("a", Resize(2)), Node("b", Pad(9), "x"), Node("y", Concat(), ("a", "b"))),
            37,
            "at least 37",
            "output=36 (input 18)",
        ),
    ],
)
def test_an_output_that_no_size_reaches_is_an_error_with_the_largest(nodes, wanted, says, fix):
    with pytest.raises(ShapeError) as error:
        input_for(written(*nodes), wanted)
    assert rules(error) == ["output"]
    assert says in str(error.value)
    assert error.value.report.fixes == (fix,)


def test_axes_that_fail_alike_share_a_line_and_others_have_their_own():
    alike, apart = (
        written(Node("y", MaxPool(2)), axes=2),
        written(Node("y", MaxPool((2, 1))), Node("z", Mean()), axes=2),
    )
    with pytest.raises(ShapeError) as error:
        input_for(written(Node("y", Resize(2)), axes=2), 5, exactly=True)
    assert "height and width: no image gives an output of exactly 5" in str(error.value)
    assert error.value.report.fixes == ("output=4 (input 2) or output=6 (input 3)",)
    assert input_for(alike, 5, exactly=True).sizes == (10, 10)
    with pytest.raises(ShapeError) as error:
        input_for(apart, (2, 3))
    assert error.value.report.fixes == (
        "height: 1 (input 2)",
        "width: 1 (input 1)",
    )


def test_an_error_about_an_output_does_not_call_it_an_image():
    with pytest.raises(ShapeError, match="the output does not fit") as error:
        input_for("milesial", (3, 303, 303))
    assert error.value.report.fixes == ("(303, 303)",)


def test_a_slope_that_is_tiny_is_no_bound_and_a_huge_output_is_found():
    network = written(*(Node(f"n{i}", Window(1, 2**61)) for i in range(20)))
    assert input_for(network, 2) == Fitting((2 ** (61 * 20) + 1,), (2,))
    assert input_for(written(Node("y", Crop(5))), 10**400) == Fitting((10**400 + 10,), (10**400,))


@pytest.mark.parametrize("output", [-1, 1.5, True, "12", None])
def test_an_output_that_is_no_size_is_rejected_by_name(output):
    with pytest.raises(WellshapedError):
        input_for(written(), output)


# Open numbers

_FIELDS = (
    "kernel",
    "stride",
    "padding",
    "output_padding",
    "amounts",
    "factor",
    "less",
    "multiple",
    "offset",
    "at_least",
)


def opened(network, chosen):
    """The network with these fields open, up to 2 more than the given number or so; and where they are, in order."""
    nodes = list(network.nodes)
    for i, name, pair in chosen:
        operation = nodes[i].operation
        value = getattr(operation, name)
        number = value if isinstance(value, int) else 1
        bounds = Open(max(number - 1, 0), number + 1)
        pairs = pair and name in ("padding", "amounts") and not isinstance(operation, AvgPool | MaxPool)
        nodes[i] = replace(nodes[i], operation=replace(operation, **{name: ((bounds, 1),) if pairs else bounds}))
    return Network(network.inputs, nodes, network.outputs, network.axes)


@st.composite
def networks_with_open_numbers(draw):
    network = draw(graphs(8))
    places = [
        (i, f.name)
        for i, node in enumerate(network.nodes)
        for f in fields(node.operation)
        if f.name in _FIELDS
        and not isinstance(getattr(node.operation, f.name), str | None)
        and not (isinstance(node.operation, ConvTranspose) and isinstance(node.operation.padding, str))
    ]
    assume(places)
    chosen = draw(st.lists(st.sampled_from(places), min_size=1, max_size=3, unique=True))
    return opened(network, [(*place, draw(st.booleans())) for place in chosen])


def by_brute_force(network, fits):
    """All ways to put numbers in place of the open ones, those with a small sum first, then the first in order."""
    places = []
    for i, node in enumerate(network.nodes):
        for f in reversed(fields(node.operation)):
            value = getattr(node.operation, f.name)
            pair = isinstance(value, tuple) and value and isinstance(value[0], tuple)
            number = value[0][0] if pair else value
            if isinstance(number, Open):
                places.append((i, f.name, number, pair))
    ways = product(*(range(number.least, number.most + 1) for _, _, number, _ in places))
    for numbers in sorted(ways, key=lambda numbers: (sum(numbers), numbers)):
        nodes = list(network.nodes)
        for (i, name, _, pair), number in zip(places, numbers, strict=True):
            value = ((number, 1),) if pair else number
            nodes[i] = replace(nodes[i], operation=replace(nodes[i].operation, **{name: value}))
        try:
            full = Network(network.inputs, nodes, network.outputs, network.axes)
        except ConfigError:  # a kernel or stride of 0
            continue
        if fits(full):
            return full
    return None


def filled_or_none(network, sizes=None):
    try:
        return fill(network, sizes)
    except WellshapedError as error:
        if error.report.failures[0].name not in ("fill", "together"):
            raise
        return None


@examples(100)
@given(networks_with_open_numbers(), st.integers(0, 40))
def test_the_numbers_for_a_size_are_the_least_that_brute_force_finds(network, n):
    expected = by_brute_force(network, lambda full: run(full, n).ok)
    fits = expected is not None and run_image(expected, (n,)).ok
    assert filled_or_none(network, n) == (expected if fits else None)


@settings(max_examples=75)
@given(networks_with_open_numbers())
def test_the_numbers_for_infinitely_many_sizes_are_the_least_that_brute_force_finds(network):
    expected = by_brute_force(network, lambda full: not solved(full).is_finite)
    assert filled_or_none(network) == expected


def decoder(levels, axes=1, **numbers):
    """Halvings by SAME, and transposed convolutions that must give back each size."""
    nodes = [Node(f"down[{i}]", Conv(3, 2, padding="SAME")) for i in range(levels)]
    for i in reversed(range(levels)):
        nodes.append(Node(f"up[{i}]", ConvTranspose(3, 2, padding=1, **{"output_padding": OPEN, **numbers})))
        nodes.append(Node(f"same[{i}]", Require(equal=True), (f"up[{i}]", f"down[{i - 1}]" if i else "x")))
    return written(*nodes, axes=axes)


def output_paddings(network):
    return [node.operation.output_padding for node in network.nodes if isinstance(node.operation, ConvTranspose)]


@pytest.mark.parametrize("n", [4096, 4097, 13522, 8191])
def test_the_output_paddings_of_twelve_levels_are_found_level_by_level(n, monkeypatch):
    monkeypatch.setattr(filling, "MAX_WORK", 1000)  # not 2¹²
    network = fill(decoder(12), n)
    assert run(network, n).ok
    halved = [-(-n // 2**i) for i in range(13)]
    assert output_paddings(network) == [halved[i] - 2 * halved[i + 1] + 1 for i in reversed(range(12))]


def test_every_axis_gets_numbers_of_its_own():
    network = fill(decoder(3, axes=3), (25, 32, 25))
    assert output_paddings(network) == [(0, 1, 0), (0, 1, 0), (0, 1, 0)]
    assert run_image(network, (25, 32, 25)).ok
    assert output_paddings(fill(decoder(3, axes=3), (32, 32, 32))) == [1, 1, 1]


def test_a_number_may_be_open_on_one_axis_and_on_one_side_alone():
    one_axis = written(Node("y", Conv((3, OPEN), padding=(1, 2))), Node("z", Require(equal=True), ("y", "x")), axes=2)
    assert fill(one_axis).node("y").operation == Conv((3, 5), padding=(1, 2))
    one_side = written(Node("y", Conv(4, padding=((1, OPEN),))), Node("z", Require(equal=True), ("y", "x")), axes=2)
    assert fill(one_side).node("y").operation == Conv(4, padding=((1, 2),))
    both = written(Node("y", Pad(((OPEN, 1), (OPEN, OPEN)))), Node("z", Require(multiple=4)), axes=2)
    assert fill(both, (6, 5)).node("y").operation == Pad(((1, 1), (0, 3)))


def test_a_network_in_which_nothing_is_open_is_itself_or_does_not_fit():
    network = written(Node("up", ConvTranspose(2, 2)), Node("y", MaxPool(2)), Node("z", Concat(), ("x", "y")))
    assert fill(network) == fill(network, 7) == network
    assert fill("unet2") == fill("unet2", (4, 6)) == graph_of("unet2")
    with pytest.raises(UsageError) as error:
        fill(written(Node("y", MaxPool(2)), Node("z", Require(equal=True), ("y", "x"))))
    assert rules(error) == ["fill"]
    with pytest.raises(UsageError) as error:
        fill(written(Node("y", MaxPool(9))), 8)
    assert rules(error) == ["fill"]
    assert "y: y is 0, and must be at least 1" in str(error.value)


def test_where_no_numbers_fit_the_error_says_where_the_best_choice_fails():
    nodes = Node("halved", MaxPool(2)), Node("up", TransposedWindow(2, 2, output_padding=Open(0, 1)))
    network = written(*nodes, Node("y", Concat(), ("x", "up")), Node("z", Require(multiple=4)))
    with pytest.raises(WellshapedError) as error:
        fill(network, 7)
    assert rules(error) == ["fill"]
    assert "y: y is 7, and must be a multiple of 4" in str(error.value)
    with pytest.raises(WellshapedError) as error:
        fill(written(Node("y", Pad(Open(1, 3))), Node("z", Concat(), ("x", "y")), axes=2))
    assert "along the height, no size fits up to z" in str(error.value)


def test_what_is_required_over_all_axes_together_is_judged_after_the_numbers_are_found():
    network = written(Node("y", MaxPool(Open(1, 4))), Node("z", Norm("instance")), axes=2)
    assert fill(network, (3, 3)).node("y").operation == MaxPool(1)
    with pytest.raises(WellshapedError) as error:
        fill(network, (1, 1))
    assert rules(error) == ["together"]
    says = error.value.report.failures[0].says
    assert says == "with the smallest numbers for each axis, z: the count of numbers is 1, and must be at least 2"


def test_numbers_that_take_too_long_to_find_are_not_solved(monkeypatch):
    monkeypatch.setattr(filling, "MAX_WORK", 20_000)
    odd = [Node(f"n{i}", Conv(3, padding=OPEN)) for i in range(4)]
    network = written(*odd, Node("last", Conv(2)), Node("y", Require(equal=True), ("last", "x")))
    for sizes in (20, None):
        with pytest.raises(WellshapedError) as error:
            fill(network, sizes)
        assert rules(error) == ["not_solved"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda network: run(network, 25),
        lambda network: run_image(network, (25,)),
        lambda network: explain(network, 25),
        lambda network: explain(network, (25,)),
        lambda network: check(network, (4, 25)),
        lambda network: plan(network, 25, policy="pad"),
        lambda network: stages(network, (4, 25)),
        compatible_sizes,
        compatible_shapes,
        lambda network: input_for(network, 25),
        repair,
        data_of,
    ],
)
def test_nothing_is_computed_with_an_open_number(ask):
    for network in (decoder(2), written(Node("y", Conv(OPEN))), written(Node("y", Pad(((0, Open(1, 2)),))))):
        with pytest.raises(ConfigError) as error:
            ask(network)
        assert rules(error) == ["open"]
        assert "fill(network)" in str(error.value)


def test_the_shapes_of_parameters_need_the_numbers_that_are_open():
    assert parameter_shapes(decoder(1), 4)["up[0]"]["bias"] == (4,)
    with pytest.raises(ConfigError) as error:
        parameter_shapes(written(Node("y", Conv(OPEN))), 4)
    assert rules(error) == ["open"]


@pytest.mark.parametrize("make", [
    lambda: Conv(3, channels=OPEN),
    lambda: Conv(3, groups=OPEN),
    lambda: Conv(3, bias=OPEN),
    lambda: Norm("group", groups=OPEN),
    lambda: Norm("instance", epsilon=OPEN),
    lambda: Require(positions=OPEN),
    lambda: Input("x", OPEN),
    lambda: ConvTranspose(3, 2, padding="SAME", output_padding=OPEN),
    lambda: Conv(3, padding=((OPEN,),)),
    lambda: Open(3, 2),
    lambda: Open(-1),
    lambda: Open(0, None),
    lambda: Open(OPEN),
])  # fmt: skip
def test_only_numbers_of_an_axis_are_open_and_bounds_are_natural(make):
    with pytest.raises(WellshapedError):
        make()


def test_an_open_number_is_written_as_it_was_given():
    operation = ConvTranspose((3, Open(1, 7)), 2, padding=((0, OPEN),), output_padding=OPEN)
    assert eval(repr(operation)) == operation
    assert repr(Open(0, 255)) == "OPEN"


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 3))
@example(15, 30, 1)
@example(20, 40, 1)
def test_a_transposed_convolution_for_a_factor_multiplies_every_size_by_it(factor, kernel, dilation):
    open_one = ConvTranspose(kernel, factor, padding=OPEN, output_padding=Open(0, 12), dilation=dilation)
    wanted = Node("wanted", Resize(factor), "x"), Node("z", Require(equal=True), ("y", "wanted"))
    try:
        up = transposed_for(factor, kernel=kernel, dilation=dilation)
    except WellshapedError:
        assert (factor, dilation) == (1, 1)
        assert kernel % 2 == 0
        return
    for n in range(1, 40):
        of_n = run(written(Node("y", up)), n)
        assert of_n.ok
        assert of_n.sizes["y"] == factor * n
    assert fill(written(Node("y", open_one), *wanted)).node("y").operation == up


@pytest.mark.parametrize(
    "numbers", [(0, 3, 1), (2, 0, 1), (2, 3, 0), (1, 2, 1), ((2, 2), (3, 3, 3), 1), (OPEN, 3, 1), (1, 10**5000, 1)]
)
def test_where_no_padding_makes_a_factor_is_an_error(numbers):
    factor, kernel, dilation = numbers
    with pytest.raises(WellshapedError):
        transposed_for(factor, kernel=kernel, dilation=dilation)


def test_pads_and_crops_may_be_open_too():
    padded = written(Node("p", PadToMultiple(Open(2, 9))), Node("y", Require(multiple=5)))
    assert fill(padded, 18).node("p").operation == PadToMultiple(4)
    cropped = written(Node("s", Crop(2)), Node("y", CropTo(Open(1, 9)), ("x", "s")))
    assert fill(cropped, 9).node("y").operation == CropTo(1)


def test_an_open_kernel_is_never_filled_with_0():
    assert fill(written(Node("y", Conv(OPEN)))).node("y").operation == Conv(1)
