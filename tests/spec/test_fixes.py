"""What a report proposes is tried: applied, each fix makes what was rejected acceptable, or it says that it is advice.

Reports are collected from drawn configs, sizes, shapes and choices, and their fixes are read as a person reads them.
"""

import re
from ast import literal_eval
from dataclasses import dataclass, fields, replace
from itertools import product

import numpy as np
import pytest
from configs import any_configs, configs
from effort import examples
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wellshaped.proofs_of_shape.strategies import graphs, networks, unet_configs
from wellshaped.spec import (
    FIELDS,
    Add,
    ConfigError,
    ConvTranspose,
    CropTo,
    MaxPool,
    Mean,
    Multiply,
    Network,
    Node,
    Norm,
    Require,
    Resize,
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
    plan,
    run_image,
    strided_unet,
)
from wellshaped.spec.answers.any_network import building
from wellshaped.spec.answers.explanation import UNSOLVED
from wellshaped.spec.families import DOUBLE, HALVE, unet
from wellshaped.spec.unet.choices import CHOICES


@dataclass(frozen=True)
class Shape:
    """The shape of an array, for arrays of any size: what is cut off it, and padded to it, as NumPy does."""

    shape: tuple[int, ...]

    def __getitem__(self, parts):
        assert len(parts) == len(self.shape)
        ends = [part.indices(n) for part, n in zip(parts, self.shape, strict=True)]
        assert all((start, step) == (0, 1) for start, _, step in ends)
        return Shape(tuple(stop for _, stop, _ in ends))

    @staticmethod
    def pad(x, widths):
        return Shape(tuple(before + n + after for n, (before, after) in zip(x.shape, widths, strict=True)))


def test_a_shape_is_cut_and_padded_as_an_array_is():
    x, array = Shape((1, 5, 7)), np.zeros((1, 5, 7))
    assert x[:, :4, :7].shape == array[:, :4, :7].shape
    assert Shape.pad(x, ((0, 0), (0, 3), (0, 1))).shape == np.pad(array, ((0, 0), (0, 3), (0, 1))).shape


@dataclass(frozen=True)
class Asked:
    """A question to ``check``."""

    cfg: UNet2Config | UNetConfig
    in_channels: int
    out_channels: int
    height: int
    width: int
    layout: str = "CHW"

    def report(self):
        return check(self.cfg, self.image().shape, out_channels=self.out_channels, layout=self.layout)

    def changed(self, changes):
        """With the fields of the config and the channels that a fix names."""
        mine = {name: changes[name] for name in ("in_channels", "out_channels") if name in changes}
        fields = {name: value for name, value in changes.items() if name not in mine}
        return replace(self, cfg=replace(self.cfg, **fields), **mine)

    def image(self):
        axes = {"C": self.in_channels, "H": self.height, "W": self.width}
        return Shape(tuple(axes[axis] for axis in self.layout))

    def of(self, image):
        axes = dict(zip(self.layout, image.shape, strict=True))
        return replace(self, in_channels=axes["C"], height=axes["H"], width=axes["W"])


WAY = re.compile(r"(\d+) \((crop|pad) (\d+)\)")
ASSIGNMENTS = re.compile(r"^\w+=[^;]+$")
SHAPE = re.compile(r"(?:, )?\bthe shape (\([\d, ]+\))")


def sizes_in(line, n):
    """The sizes in a line like ``height 302 (crop 1) or 304 (pad 1); ...``, which must be so far from ``n``."""
    found = [(int(size), how, int(by)) for size, how, by in WAY.findall(line.partition(";")[0])]
    assert found
    for size, how, by in found:
        assert size == (n - by if how == "crop" else n + by)
    return [size for size, _, _ in found]


def require_each_fix_to_fix(asked):
    report = asked.report()
    assert len(str(report).splitlines()) <= 10
    if report.ok:
        assert report.fixes == ()
        return
    lines = list(report.fixes)
    assert lines
    if UNSOLVED in lines:
        return
    now = asked
    if found := SHAPE.search(lines[0]):
        now = now.of(Shape(eval(found[1])))
        lines[0] = SHAPE.sub("", lines[0]).removeprefix(", ")
    if lines[0] == "":
        lines.pop(0)
    elif ASSIGNMENTS.match(lines[0]) and " in the config" not in lines[0]:
        changes = lines.pop(0)
        lines = [line.removeprefix(f"with {changes}: ").removeprefix("with these numbers: ") for line in lines]
        now = now.changed(eval(f"dict({changes})"))
        assert judge(now).ok
        if not well_formed(asked.cfg):
            return  # its sizes are judged once it is
    ways = {"height": [now.height], "width": [now.width]}
    helped = now.report().ok
    none = [line for line in lines if line.startswith("change the network; no ")]
    assert all(not compatible_sizes(now.cfg) for line in none)
    for line in lines:
        axis, _, rest = line.partition(" ")
        if line in none:
            continue
        if axis in ways:
            ways[axis] = sizes_in(rest, getattr(now, axis))
        elif " in the config" in line:
            changes = line.partition(", for sizes")[0].replace(" in the config", "").replace(" and ", ", ")
            changed = now.changed(eval(f"dict({changes})"))
            fit = compatible_sizes(changed.cfg)
            near = {axis: fit.above(getattr(now, axis)) for axis in ways}
            fitting = compatible_shapes(changed.cfg).above(tuple(near.values()))
            assert replace(changed, **dict(zip(near, fitting, strict=True))).report().ok, line
            helped = True
        else:
            for expression in line.split(" or "):
                image = eval(expression, {"x": now.image(), "jnp": Shape})
                assert now.of(image).report().ok, expression
    for height, width in product(*ways.values()):
        if (height, width) != (now.height, now.width):
            assert replace(now, height=height, width=width).report().ok, (height, width)
            helped = True
    assert helped, report


def judge(asked):
    judge = check_unet_config if isinstance(asked.cfg, UNetConfig) else check_config
    return judge(asked.cfg, asked.in_channels, asked.out_channels)


def well_formed(cfg):
    """Whether sizes are judged: whatever else is wrong, its arrays or its channels, does not keep them from it."""
    return building(cfg).graph is not None


INSTANCE = UNetConfig(levels=3, norm="instance")
THREE_AXES = Network(
    {"x": 4},
    (
        Node("a", MaxPool((1, 2, 2))),
        Node("n", Norm("instance")),
        Node("up", Resize((1, 2, 2))),
        Node("y", CropTo(), ("x", "up")),
    ),
    axes=3,
)
some_channels = st.sampled_from([1, 1, 3, 0, 4]) | st.sampled_from([2**31, 10**30])
some_sizes = st.integers(0, 60) | st.sampled_from([10**30 + 1])
layouts = st.sampled_from(["CHW", "HWC"])


@given(
    st.builds(
        Asked,
        st.builds(
            lambda cfg, changes: replace(cfg, **dict(changes)),
            configs | any_configs,
            st.lists(st.tuples(st.sampled_from(sorted(FIELDS)), st.sampled_from([0, 1, 2, 50_001, 2**32])), max_size=2),
        ),
        some_channels,
        some_channels,
        some_sizes,
        some_sizes,
        layouts,
    )
)
@example(Asked(UNet2Config(), 1, 1, 303, 385))
@example(Asked(UNet2Config(up_stride=1), 1, 0, 304, 304))
@example(Asked(UNet2Config(conv_padding=0, base_channels=2**20), 3, 1, 303, 1))
@example(Asked(UNet2Config(conv_kernel=2, conv_padding=0, base_channels=1), 2**31, 1, 303, 1))
@example(Asked(replace(UNet2Config(pool_kernel=2**32, pool_stride=1, conv_kernel=1, conv_padding=0, base_channels=1),
                       up_kernel=3, up_stride=1, up_padding=1), 1, 1, 10**30 + 1, 10**30 + 1))  # fmt: skip
def test_each_fix_for_the_two_level_network_fixes(asked):
    require_each_fix_to_fix(asked)


@examples(75)
@given(
    st.builds(
        Asked,
        st.builds(
            lambda cfg, changes: replace(cfg, **dict(changes)),
            unet_configs(),
            st.lists(
                st.one_of(
                    st.tuples(st.just("levels"), st.sampled_from([0, 1, 3, 65])),
                    st.tuples(st.just("base_channels"), st.sampled_from([0, 4, 12, 2**15, 10**20])),
                    st.tuples(st.just("multipliers"), st.sampled_from([None, (1, 2), (1, 0), (1, 2, 10**6)])),
                    st.tuples(st.just("groups"), st.sampled_from([0, 1, 3, 4, 10**9])),
                    st.tuples(st.just("conv_kernel"), st.sampled_from([0, 2, 3, 50_001])),
                    st.tuples(st.just("convs_per_block"), st.sampled_from([0, 1, 65])),
                    st.tuples(st.just("norm"), st.sampled_from(CHOICES["norm"])),
                    st.tuples(st.just("join"), st.sampled_from(CHOICES["join"])),
                ),
                max_size=3,
            ),
        ),
        some_channels,
        some_channels,
        some_sizes,
        some_sizes,
        layouts,
    )
)
@example(Asked(UNetConfig(levels=3, norm="instance"), 1, 1, 8, 8))
@example(Asked(UNetConfig(levels=3, norm="instance"), 1, 1, 9, 7))
@example(Asked(UNetConfig(padding="none", join="exact"), 3, 2, 300, 320))
@example(Asked(UNetConfig(levels=40, norm="group"), 3, 2**33, 300, 320))
def test_each_fix_for_the_family_fixes(asked):
    require_each_fix_to_fix(asked)


OF_NODE = re.compile(r"node (.+): (\w+)=(\d+)")
BROADCAST = re.compile(r'node (.+): broadcast="positions", inputs=(\(.+\))')


def changes(found):
    """The networks that the fixes which change an operation make, each with the cause that it is for."""
    network, made = found.graph, []
    for fix in found.fixes:
        if match := OF_NODE.fullmatch(fix):
            at, name, value = match.groups()
            node = network.node(at)
            new = replace(node, operation=replace(node.operation, **{name: int(value)}))
            of_it = [cause for cause in found.causes if cause.node == at and cause.fix == f"{name}={value}"]
        elif match := BROADCAST.fullmatch(fix):
            at, inputs = match[1], literal_eval(match[2])
            node, last = network.node(at), inputs[-1]
            new = Node(at, replace(node.operation, broadcast="positions"), inputs)
            of_it = [cause for cause in found.causes if cause.node == at and last in (cause.left_of, cause.right_of)]
        else:
            continue
        assert of_it
        nodes = [new if other is node else other for other in network.nodes]
        changed = Network(network.inputs, nodes, network.outputs, network.axes)
        made += [(changed, cause) for cause in of_it]
    return made


@given(networks(4) | graphs(), st.integers(0, 60))
@example(Network({"x": 4}, (Node("y", MaxPool(2, padding=3)), Node("z", ConvTranspose(3, 2, output_padding=5)))), 9)
@example(Network({"x": 4}, (Node("m", Mean()), Node("y", Add(), ("m", "x")))), 9)
@example(Network({"x": 4}, (Node("m", Mean()), Node("y", Multiply(), ("x", "m")))), 9)
@example(Network({"x": 4}, (Node("y", Norm("instance")),), axes=1), 0)
@example(Network({"x": 4}, (Node("m", Mean()), Node("y", Norm("instance"))), axes=1), 3)
def test_each_size_that_an_explanation_proposes_fits(network, n):
    found = explain(network, n)
    output = network.outputs[0]
    returns = Node(f"{output} returns", Require(equal=True), (output, network.inputs[0].name))
    returning = Network(network.inputs, (*network.nodes, returns), output, network.axes)
    if changes(found):
        for changed, cause in changes(found):
            left = explain(changed, n).causes
            assert (cause.node, cause.rule, cause.left_of) not in [(it.node, it.rule, it.left_of) for it in left]
        return
    for fix in found.fixes:
        of = returning if fix.startswith("for an output") else network
        if fix.endswith("change the network; no size fits"):
            assert not compatible_sizes(of)
            continue
        if fix.endswith("no size meets what it requires over all axes together"):
            assert compatible_shapes(of).above((1,) * of.axes) is None
            continue
        for size in sizes_in(fix, n):
            assert explain(of, size).ok


@given(
    (networks(3) | unet_configs() | st.sampled_from([INSTANCE, THREE_AXES])).flatmap(
        lambda network: st.tuples(st.just(network), st.tuples(*[st.integers(0, 40)] * graph_of(network).axes))
    ),
    st.sampled_from(["error", "pad", "crop"]),
)
@example((INSTANCE, (8, 9)), "error")
@example((THREE_AXES, (2, 3, 3)), "pad")
def test_each_fix_of_a_plan_makes_the_image_fit(image, policy):
    network, sizes = image
    try:
        plan(network, sizes, policy)
    except WellshapedError as error:
        require_each_fix_of_a_plan(network, sizes, error.report.fixes)


def require_each_fix_of_a_plan(network, sizes, fixes):
    graph = graph_of(network)
    ways = dict(zip(graph.axis_names, ([n] for n in sizes), strict=True))
    assert fixes
    for fix in fixes:
        axis, _, rest = fix.partition(" ")
        if fix.startswith("change the network; no "):
            return
        if axis in ways:
            ways[axis] = sizes_in(rest, ways[axis][0])
            continue
        for expression in fix.split(" or "):
            changed = eval(expression, {"x": Shape((1, *sizes)), "jnp": Shape})
            assert run_image(graph, changed.shape[1:]).ok
    assert all(run_image(graph, choice).ok for choice in product(*ways.values()))


# Choices.

MEANT = {  # what people write, and what they mean
    ("norm", "batchnorm"): "batch",
    ("norm", "BatchNorm2d"): "batch",
    ("norm", "instancenorm"): "instance",
    ("norm", "group_norm"): "group",
    ("norm", "bn"): "batch",
    ("norm", None): "none",
    ("padding", "SAME"): "same",
    ("padding", "valid"): "none",
    ("padding", 1): "same",
    ("padding", 0): "none",
    ("upsampling", "bicubic"): "bilinear",
    ("upsampling", "linear"): "bilinear",
    ("upsampling", "conv_transpose"): "transposed",
    ("join", "center crop"): "crop",
    ("join", "padding"): "pad",
    ("join", "even"): "even crop",
    ("concat", "skip"): "skip first",
    ("concat", "up first"): "upsampled first",
    ("residual", "true"): True,
    ("residual", 0): False,
    ("bias", "no"): False,
    ("head", 1): True,
}


@pytest.mark.parametrize(("field", "given"), MEANT, ids=str)
def test_the_nearest_choice_is_proposed(field, given):
    with pytest.raises(UsageError) as refusal:
        UNetConfig(**{field: given})
    assert refusal.value.report.fixes == (f"{field}={MEANT[field, given]!r}",)


texts = st.text(max_size=12) | st.sampled_from(["NCHW", "nhwc", "VALID", "SAME", "zeros"]) | st.none() | st.integers()
ASKED = {  # a question with one choice that is not one, by the name that the fix gives it
    **{name: lambda value, name=name: UNetConfig(**{name: value}) for name in CHOICES},
    "rounding": lambda value: Window(2, rounding=value),
    "odd": lambda value: CropTo(odd=value),
    "kind": lambda value: Norm(value),
    "mode": lambda value: Resize(2, mode=value),
    "layout": lambda value: check(UNet2Config(), (1, 4, 4) if value != "HWC" else (4, 4, 1), layout=value),
    "policy": lambda value: plan(UNet2Config(), (4, 4), value),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", ASKED)
@settings(max_examples=40)
@given(data=st.data())
def test_a_choice_that_is_proposed_is_one(name, data):
    value = data.draw(texts)
    try:
        ASKED[name](value)
    except WellshapedError as error:
        (fix,) = error.report.fixes
        for part in fix.split(" or "):
            assert part.startswith(f"{name}=")
            ASKED[name](eval(part.partition("=")[2]))


def test_without_a_near_choice_all_are_proposed():
    with pytest.raises(UsageError) as refusal:
        UNetConfig(norm="layer")
    assert refusal.value.report.fixes == ("norm='none' or norm='batch' or norm='group' or norm='instance'",)


# Numbers, and the arguments of families.

FAMILIES = {
    "padding in capitals": (lambda **k: unet(4, **k), {"padding": "SAME"}, {"padding": "same"}),
    "padding by name": (lambda **k: unet(4, **k), {"padding": "valid"}, {"padding": 0}),
    "padding as text": (lambda **k: unet(4, **k), {"padding": "1"}, {"padding": 1}),
    "padding that is nothing": (lambda **k: unet(4, **k), {"padding": ""}, {"padding": "same"}),
    "levels": (unet, {"levels": 65}, {"levels": 4}),
    "convolutions": (lambda **k: unet(4, **k), {"convs": 65}, {"convs": 4}),
    "strided levels": (strided_unet, {"levels": 65}, {"levels": 4}),
    "join": (lambda **k: unet(4, **k), {"join": "cropped"}, {"join": "crop"}),
    "multipliers": (UNetConfig, {"multipliers": 3}, {"multipliers": None}),
}


@pytest.mark.parametrize(("make", "wrong", "right"), FAMILIES.values(), ids=FAMILIES)
def test_the_argument_that_is_proposed_is_taken(make, wrong, right):
    with pytest.raises(WellshapedError) as refusal:
        make(**wrong)
    (fix,) = refusal.value.report.fixes
    assert eval(f"dict({fix})") == right
    ((name, value),) = right.items()
    made = make(**{name: value})
    assert isinstance(made, Network) or check_unet_config(made).ok


def test_joins_that_are_too_few_are_left_out():
    with pytest.raises(ConfigError) as refusal:
        encoder_decoder((HALVE, HALVE), DOUBLE, joins=(True,))
    assert refusal.value.report.fixes[0].startswith("joins=None")
    encoder_decoder((HALVE, HALVE), DOUBLE, joins=None)


@pytest.mark.parametrize("config", [UNet2Config(), UNetConfig()], ids=lambda config: type(config).__name__)
def test_a_number_that_is_not_natural_is_replaced_by_the_default_of_its_field(config):
    for name in (f.name for f in fields(config) if type(f.default) is int):
        with pytest.raises(UsageError) as refusal:
            replace(config, **{name: -1})
        assert refusal.value.report.fixes == (f"{name}={getattr(config, name)}",)


@given(st.integers(max_value=-1) | st.floats() | st.text() | st.booleans() | st.none())
def test_the_number_that_is_proposed_is_natural(value):
    try:
        UNet2Config(pool_stride=value)
    except WellshapedError as error:
        (fix,) = error.report.fixes
        UNet2Config(pool_stride=int(re.match(r"pool_stride=(\d+)$", fix)[1]))
