"""Numbers longer than Python writes: whatever takes a number answers, by an error of ours or by working."""

import inspect
import sys
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import wellshaped.spec as spec
from wellshaped.proofs_of_shape.smt_reading import refutation_text
from wellshaped.proofs_of_shape.terms import term, variable
from wellshaped.spec import (
    FIELDS,
    OBLIGATIONS,
    PRESETS,
    Add,
    AvgPool,
    Conv,
    ConvTranspose,
    Crop,
    CropTo,
    DepthToSpace,
    Input,
    MaxPool,
    Network,
    Node,
    Norm,
    Operation,
    Pad,
    PadTo,
    PadToMultiple,
    Progression,
    Require,
    Resize,
    SizeSet,
    Slice,
    SpaceToDepth,
    TransposedWindow,
    UNet2Config,
    UNetConfig,
    UsageError,
    WellshapedError,
    Window,
    check,
    check_config,
    check_unet_config,
    compatible_shapes,
    compatible_sizes,
    encoder_decoder,
    explain,
    graph_of,
    load_config,
    monus,
    natural,
    parameter_shapes,
    plan,
    positive,
    quotient,
    repair,
    run,
    save_config,
    stages,
    strided_unet,
)
from wellshaped.spec.arithmetic.naturals import at_least_one, divisor_below, judge_at_least_one
from wellshaped.spec.families import unet
from wellshaped.spec.messages.written import MAX_WRITTEN_DIGITS, written_number

LONG = 10**700 + 7


@pytest.fixture(scope="module", autouse=True)
def the_shortest_limit():
    """Python writes at most 4 300 digits, and a user may make it as few as 640: so the tests need not wait as long."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    yield
    sys.set_int_max_str_digits(before)


def texts_of(value):
    """Everything that a value and its parts write of themselves; a plain number, tuple or dict is Python's own."""
    if isinstance(value, tuple | list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts_of(part)
    elif type(value) is not int:
        yield str(value)
        yield repr(value)
        if hasattr(value, "_repr_html_"):
            yield value._repr_html_()
        if is_dataclass(value):
            yield from texts_of([getattr(value, f.name) for f in fields(value)])


def answers(ask):
    """Whether ``ask`` is answered; if it is rejected, by an error of ours in ten lines with a fix."""
    refusal = None
    try:
        value = ask()
    except WellshapedError as error:
        refusal = error
    if refusal is not None:
        assert len(str(refusal).splitlines()) <= 10
        assert "  fix: " in str(refusal)
        assert list(texts_of(refusal.report))
        return False
    list(texts_of(value))
    return True


def with_one_long(values, number=LONG):
    """The values, with a long number in each place of a number in turn."""
    for i, value in enumerate(values):
        if type(value) is int:
            yield (*values[:i], number, *values[i + 1 :])


# Every operation with numbers; behind each a convolution gives back the channels, and the network joins the input.
OPERATIONS = (
    Window(3, padding=1, dilation=1),
    TransposedWindow(3, padding=1, dilation=1, output_padding=0),
    Conv(3, padding=1, channels=4),
    Conv(1, groups=2),
    ConvTranspose(3, padding=1, channels=4),
    ConvTranspose(1, groups=2),
    MaxPool(2, stride=2, dilation=1),
    AvgPool(2, stride=2, padding=1),
    Resize(2, over=2, less=0),
    SpaceToDepth(2),
    DepthToSpace(2),
    Crop(1),
    CropTo(0),
    Pad(1),
    PadToMultiple(2),
    Norm("group", groups=2),
    Slice(0, 4),
    Require(at_least=1),
    Require(multiple=1),
    Require(positions=1),
    Require(within=1),
)


def joined(operation):
    """A network of one axis with the operation, whose result meets the input."""
    inputs = ("x", "x")[: operation.input_count[0]]
    nodes = (Node("step", operation, inputs), Node("back", Conv(1, channels=4)), Node("y", PadTo(), ("back", "x")))
    return Network({"x": 4}, nodes, axes=1)


def long_steps():
    for operation in OPERATIONS:
        for f in fields(operation):
            if type(getattr(operation, f.name)) is int:
                yield f"{type(operation).__name__}.{f.name}", replace(operation, **{f.name: LONG})
        for f in fields(operation):
            if f.name in ("padding", "amounts"):
                yield f"{type(operation).__name__}.{f.name}, after", replace(operation, **{f.name: ((0, LONG),)})


TOO_FEW_CHANNELS = {
    "Conv.groups",
    "ConvTranspose.groups",
    "Norm.groups",
    "Slice.start",
    "Slice.stop",
    "DepthToSpace.block",
}
"""Four channels are not as many as these numbers say."""


def long_graphs():
    for name, operation in long_steps():
        if name not in TOO_FEW_CHANNELS:
            yield name, joined(operation)


def chain(*operations):
    return Network({"x": 4}, [Node(f"n{i}", operation) for i, operation in enumerate(operations)], axes=1)


LONG_NETWORKS = {
    **{f"UNet2Config.{name}": UNet2Config(**{name: LONG}) for name in FIELDS},
    "UNet2Config": UNet2Config(**dict.fromkeys(FIELDS, LONG)),
    "UNet2Config.up_stride, pool_stride": UNet2Config(
        up_stride=LONG, pool_stride=LONG, up_kernel=LONG, pool_kernel=LONG
    ),
    **dict(long_graphs()),
    "channels": Network({"x": LONG}, (Node("y", Conv(3, channels=LONG)),)),
    "a vector of long channels": Network((Input("x", 1), Input("t", LONG, single=True)), (Node("y", Conv(3), "x"),)),
    "long on the way": chain(*(Resize(10**99),) * 60),
    "long on the way back": chain(*(Resize(10**99),) * 60, *(Window(10**99, 10**99),) * 60),
    "a long period": chain(*(Window(10**99, 10**99),) * 60),
    "a long period of a short way": chain(Window(1, LONG), Resize(2)),
    "an even crop": Network({"x": 4}, (Node("a", Window(LONG)), Node("y", CropTo(odd="never"), ("x", "a"))), axes=1),
    "an equal size": Network({"x": 4}, (Node("a", Window(LONG)), Node("y", Add(), ("x", "a"))), axes=3),
    "a pad": Network({"x": 4}, (Node("a", TransposedWindow(LONG)), Node("y", PadTo(), ("x", "a"))), axes=1),
    **{
        f"UNetConfig.{name}": replace(UNetConfig(), **{name: LONG})
        for name in ("levels", "base_channels", "convs_per_block", "conv_kernel", "groups")
    },
    "UNetConfig.conv_kernel, no padding": UNetConfig(conv_kernel=LONG, padding="none"),
    "UNetConfig.multipliers": UNetConfig(levels=1, multipliers=(1, LONG)),
    "UNetConfig.groups": UNetConfig(norm="group", base_channels=LONG, groups=LONG),
    "UNetConfig.head": UNetConfig(base_channels=LONG, head=False),
}


def axes_of(network):
    """How many axes it has; a config has two, also where it has no graph."""
    return network.axes if isinstance(network, Network) else 2


@pytest.mark.parametrize("operation", dict(long_steps()).values(), ids=dict(long_steps()))
def test_an_operation_with_a_long_number_is_written_and_joined_or_rejected(operation):
    assert answers(lambda: operation)
    answers(lambda: joined(operation))


def test_every_kind_of_operation_is_among_the_long_ones():
    names = {name.partition(".")[0] for name, _ in long_steps()}
    assert names == {type(operation).__name__ for operation in OPERATIONS}
    kinds = [
        kind
        for kind in vars(spec).values()
        if inspect.isclass(kind) and issubclass(kind, Operation) and is_dataclass(kind)
    ]
    numbered = {kind.__name__ for kind in kinds if any("int" in str(f.type) for f in fields(kind))}
    assert numbered - names <= {"Operation"}


@pytest.mark.one_in(5)
@pytest.mark.parametrize("network", LONG_NETWORKS.values(), ids=LONG_NETWORKS)
def test_a_network_with_a_long_number_is_written_solved_explained_and_planned(network):
    assert answers(lambda: network)
    made = answers(lambda: graph_of(network))
    assert made or isinstance(network, UNetConfig)
    answers(lambda: compatible_sizes(network))
    answers(lambda: compatible_shapes(network))
    axes = axes_of(network)
    for sizes in (63, LONG, (63,) * axes, (LONG, 64, 64)[:axes]):
        answers(lambda sizes=sizes: explain(network, sizes))
    for policy in ("error", "pad", "crop"):
        answers(lambda policy=policy: plan(network, (LONG, 64, 64)[:axes], policy=policy))
    answers(lambda: repair(network))
    answers(lambda: parameter_shapes(network))
    if made:
        assert answers(lambda: run(graph_of(network), LONG))


@pytest.mark.parametrize("network", LONG_NETWORKS.values(), ids=LONG_NETWORKS)
def test_the_sizes_of_a_network_with_a_long_number_answer_what_sets_of_sizes_answer(network):
    try:
        sizes = compatible_sizes(network)
    except WellshapedError:
        return
    assert answers(lambda: sizes)
    assert answers(lambda: sizes & SizeSet([Progression(0, 2, None)])) is not None
    assert sizes == sizes & sizes
    assert {LONG in sizes, 1 in sizes} <= {True, False}
    for n in (0, LONG, LONG**2):
        assert sizes.below(n) is None or sizes.below(n) in sizes
        assert sizes.above(n) is None or sizes.above(n) in sizes
    assert sizes.to_dict()["sizes"] == str(sizes)


@pytest.mark.parametrize("network", LONG_NETWORKS.values(), ids=LONG_NETWORKS)
def test_a_network_with_a_long_number_is_certified_or_answered_by_one_error(network):
    from wellshaped.proofs_of_shape.certificates import certify

    answers(lambda: certify(network, seconds=1))


@pytest.mark.one_in(4)
@pytest.mark.parametrize("cfg", [UNet2Config(), UNetConfig(levels=1), *PRESETS.values()], ids=repr)
def test_every_count_and_size_of_check_and_stages_may_be_long(cfg):
    for ins, outs, *sizes in with_one_long((1, 1, 64, 64)):
        for ask in (check, stages):
            answers(lambda ask=ask, ins=ins, outs=outs, sizes=sizes: ask(cfg, (ins, *sizes), out_channels=outs))
    answers(lambda: check(cfg, (LONG, LONG, LONG), out_channels=LONG, layout="HWC"))
    answers(lambda: graph_of(cfg, LONG, LONG))


@pytest.mark.one_in(5)
@pytest.mark.parametrize("network", LONG_NETWORKS.values(), ids=LONG_NETWORKS)
def test_every_network_with_a_long_number_is_checked_and_has_stages(network):
    axes = axes_of(network)
    for n in (64, 63, LONG):
        for ask in (check, stages):
            answers(lambda n=n, ask=ask: ask(network, (1, *(n,) * axes)))


CONFIGS = {name: cfg for name, cfg in LONG_NETWORKS.items() if not isinstance(cfg, Network)}


@pytest.mark.one_in(4)
@pytest.mark.parametrize("cfg", CONFIGS.values(), ids=CONFIGS)
def test_every_config_with_a_long_number_is_judged_by_itself(cfg, tmp_path):
    own = check_config if isinstance(cfg, UNet2Config) else check_unet_config
    assert answers(lambda: own(cfg, LONG, LONG))
    assert not answers(lambda: save_config(cfg, tmp_path / "unet.toml"))
    for obligation in OBLIGATIONS if isinstance(cfg, UNet2Config) else ():
        assert answers(lambda obligation=obligation: obligation.says(cfg, LONG))


def test_the_families_and_their_numbers():
    for name in ("levels", "convs", "kernel", "padding"):
        answers(lambda name=name: unet(**{"levels": 2, name: LONG}))
    answers(lambda: strided_unet(LONG))
    answers(lambda: explain(strided_unet(2, kernel=LONG), 303))
    answers(lambda: explain(encoder_decoder((Window(LONG, LONG),), TransposedWindow(LONG, LONG)), 303))


def test_the_arithmetic_of_naturals_goes_on():
    assert natural(LONG, "n") == LONG
    assert (monus(LONG, 1), quotient(LONG, LONG), positive(LONG)) == (LONG - 1, 1, 1)
    assert answers(lambda: judge_at_least_one({"n": LONG}))
    assert at_least_one(LONG, "n", "f") == LONG
    assert divisor_below(LONG, 1) == 1
    for value in (-LONG, [LONG], (LONG,), {"n": LONG}, {LONG}, np.array([LONG], dtype=object)):
        assert not answers(lambda value=value: natural(value, "n"))


def test_progressions_and_sets_of_them():
    for numbers in ((LONG, LONG, None), (LONG, LONG, LONG), (0, LONG, 2), (LONG, 1, LONG), (LONG, 0, 1)):
        one = Progression(*numbers)
        assert answers(lambda one=one: one)
        assert answers(lambda one=one: SizeSet([one]))
        assert answers(lambda one=one: one & Progression(0, 3, None))
        assert answers(lambda one=one: SizeSet([one, Progression(3, 5, LONG)])) is not None
    with pytest.raises(UsageError, match=r"first=-1000…000 \(701 digits\) is negative"):
        Progression(-(10**700), 1, 1)
    assert str(SizeSet([Progression(2, 10**700, None)])) == ("n ≡ 2 (mod 1000…000 (701 digits)), n ≥ 2")


def test_a_symbol_and_a_statement_with_a_long_number():
    statement = variable("n") + term(LONG) >= 1
    assert str(statement) == "(n + 1000…007 (701 digits)) ≥ 1"
    with pytest.raises(WellshapedError, match="a prover needs all digits of a number"):
        refutation_text(statement, ("n",))


def test_folding_tells_long_numbers_apart_whose_texts_are_the_same():
    from wellshaped.proofs_of_shape.folding import fold
    from wellshaped.spec import conv_transpose_size

    n = variable("n")
    one, other = term(10**400 + 10**50), term(10**400 + 10**60)
    assert str(one) == str(other)
    whole = conv_transpose_size(n, kernel=one, stride=one)
    assert fold(whole).op == "call"
    mixed = whole.args[0].args  # positive(n)·positive(kernel)·positive(stride), with another kernel
    assert fold(type(whole)("·", (type(whole)("·", (mixed[0], positive(other))), whole.args[1]))).op != "call"


def test_a_long_number_in_a_config_file_is_an_error_of_ours(tmp_path):
    for name, text in {"a.toml": f"pool_kernel = 0x{'f' * 700}", "a.json": f'{{"pool_kernel": {"9" * 700}}}'}.items():
        (tmp_path / name).write_text(text)
        assert not answers(lambda name=name: load_config(tmp_path / name))


def test_no_dataclass_of_the_specification_writes_its_numbers_by_itself():
    """One that holds a number has :class:`Written`'s repr, or a field's own: a new one is found here."""
    for name, kind in vars(spec).items():
        if inspect.isclass(kind) and is_dataclass(kind):
            holds_numbers = [f.name for f in fields(kind) if "int" in str(f.type)]
            made_by_dataclass = kind.__repr__.__qualname__.endswith("__create_fn__.<locals>.__repr__")
            written = (
                kind.__repr__.__module__ == "wellshaped.spec.messages.written"
                or kind.__repr__.__qualname__.startswith(kind.__name__)
            )
            assert not holds_numbers or (written and not made_by_dataclass) or name == "Obligation", name


@given(st.integers(-(10**700), 10**700) | st.integers(0, 3000).map(lambda digits: 10**digits))
@example(10**MAX_WRITTEN_DIGITS)
@example(10**MAX_WRITTEN_DIGITS - 1)
@example(-(10**MAX_WRITTEN_DIGITS))
def test_a_number_is_written_in_full_or_by_its_ends_and_its_length(number):
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    digits = str(abs(number))
    sys.set_int_max_str_digits(before)
    sign = "-" if number < 0 else ""
    short = len(digits) <= MAX_WRITTEN_DIGITS
    assert written_number(number) == sign + (digits if short else f"{digits[:4]}…{digits[-3:]} ({len(digits)} digits)")
