"""What is said of one size or of an image, and the plan for it; and the families: plain walks and known answers."""

import re
from dataclasses import replace

import numpy as np
import pytest
from fixing import Fixing
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from networks import HARD, networks

from wellshaped.proofs_of_shape.strategies import graphs, unet_configs
from wellshaped.spec import (
    Activation,
    Add,
    Concat,
    ConfigError,
    Conv,
    ConvTranspose,
    CropTo,
    Explanation,
    Input,
    MaxPool,
    Mean,
    Multiply,
    Network,
    Node,
    Norm,
    Pad,
    Plan,
    Require,
    Resize,
    ShapeError,
    SpaceToDepth,
    TransposedWindow,
    UNet2Config,
    UNetConfig,
    UsageError,
    WellshapedError,
    Window,
    compatible_shapes,
    compatible_sizes,
    encoder_decoder,
    explain,
    graph_of,
    plan,
    resnet_unet,
    run,
    run_image,
    strided_unet,
)
from wellshaped.spec.answers.explanation import UNSOLVED
from wellshaped.spec.families import ronneberger2015, unet

HALVE, DOUBLE = Window(2, 2), TransposedWindow(2, 2)
drawn = networks(3) | graphs()
numbers = st.integers(1, 60)


def written(*nodes, inputs=None, axes=1):
    return Network(inputs or {"x": 1}, nodes, axes=axes)


def fits_by_walking(network, n):
    """Whether the size meets every requirement along the axis, and all that is required over all axes together."""
    along = Fixing(network, []).run(n).left == []
    return along and all(it.holds or it.warns for it in run_image(network, (n,) * network.axes).together)


def nearest(fits, n, last=200):
    """The nearest sizes that fit, below and above up to the last, tried one by one."""
    below = next((m for m in range(n, 0, -1) if fits(m)), None)
    above = next((m for m in range(n, last + 1) if fits(m)), None)
    return below, above


def said(fix):
    """The sizes below and above that a fix names, whose crop and pad must be the difference that it gives."""
    ways = dict.fromkeys(("crop", "pad"))
    for size, way, by in re.findall(r"(\d+) \((crop|pad) (\d+)\)", fix):
        ways[way] = (int(size), int(by))
    return ways["crop"], ways["pad"]


# explain, along one axis.


@given(drawn, st.integers(0, 400))
@example(strided_unet(4), 40)
@example(unet(3), 4)
def test_an_explanation_has_the_size_of_every_node_by_name_and_is_ok_iff_the_size_fits(network, n):
    found = explain(network, n)
    walked = Fixing(network, []).run(n)
    assert isinstance(found, Explanation)
    assert [dict(sizes) for sizes in found.sizes] == [walked.sizes]
    assert found.output == (walked.sizes[network.outputs[0]],)
    assert (walked.left == []) == (n in compatible_sizes(network))
    assert found.ok == fits_by_walking(network, n) == ((n,) in compatible_shapes(network))
    assert bool(found.causes) != found.ok
    assert found.graph == network


@given(drawn, numbers)
@example(written(Node("y", HALVE), Node("keeps", Require(equal=True), ("y", "x"))), 5)
@example(written(Node("y", Window(3)), Node("keeps", Require(equal=True), ("y", "x"))), 5)
def test_an_explanation_names_the_nearest_sizes_that_fit_and_those_that_return(network, n):
    found = explain(network, n)
    fit = compatible_sizes(network)
    if any(cause.rule in ("padding", "output_padding") for cause in found.causes):
        assert not fit  # the operation is to change, and there are no sizes to name
        assert all(re.fullmatch(r"node .+: ((output_)?padding=\d+|broadcast=.+)", fix) for fix in found.fixes)
        return
    if any(": broadcast=" in fix for fix in found.fixes):
        return  # the same: see test_fixes.py

    def fits(m):
        return fits_by_walking(network, m)

    def returns(m):
        return fits(m) and run(network, m).sizes[network.outputs[0]] == m

    def returns_along(m):
        walked = Fixing(network, []).run(m)
        return walked.left == [] and walked.sizes[network.outputs[0]] == m

    all_return = all(returns_along(m) for m in range(1, 201) if m in fit)
    wanted = [] if found.ok else [fits]
    some_return = any(returns_along(m) for m in range(1, 201)) or any(
        said(fix)[1] for fix in found.fixes[len(wanted) :]
    )
    wanted += [returns] if some_return and not returns(n) and not all_return else []
    assert len(found.fixes) == len(wanted)
    for fix, of in zip(found.fixes, wanted, strict=True):
        crop, pad = said(fix)
        below, above = nearest(of, n, last=pad[0] if pad else 200)
        assert (crop, pad) == (below and (below, n - below), above and (above, above - n))
        assert ("change the network; no size" in fix) == (crop is None and pad is None)
        assert fix in str(found)


@settings(max_examples=100)
@given(drawn, st.integers(0, 200))
@example(written(Node("a", Window(9)), *[Node(f"b{i}", Window(3, padding=1)) for i in range(20)]), 5)
def test_an_explanation_is_whole_and_fits_on_a_screen(network, n):
    text = str(explain(network, n))
    assert text.startswith(f"size {n} ")
    assert text.count("\n") < 10
    assert "{}" not in text
    assert text.count("is 0, and must be at least 1") <= 1


@given(st.integers(0, 100))
def test_a_config_is_explained_as_its_graph(n):
    for cfg in (UNet2Config(), UNetConfig(levels=2)):
        assert explain(cfg, n) == explain(graph_of(cfg), n)


@pytest.mark.parametrize(
    ("network", "n", "text"),
    [
        (
            written(Node("down", HALVE), Node("up", DOUBLE), Node("joined", Add(), ("x", "up"))),
            304,
            "size 304 fits: all 4 rules hold. The output has size 304.",
        ),
        (written(Node("pooled", MaxPool(2))), 9, "size 9 fits: both rules hold. The output has size 4."),
        (written(Node("y", Activation())), 9, "size 9 fits: the rule holds. The output has size 9."),
        (
            resnet_unet(),
            63,
            "size 63 fits: all 15 rules hold. The output has size 64.\n"
            "  fix: for an output of the input's size: size 32 (crop 31) or 64 (pad 1);"
            " all such sizes: n ≡ 0 (mod 32), n ≥ 32",
        ),
        (
            resnet_unet(),
            40,
            "size 40 does not fit.\n"
            "  joined[4]: pooled[3] is 3, up[4] is 4, and they must be equal.\n"
            "    x 40 → pooled[0] 20 → pooled[1] 10 → pooled[2] 5 → pooled[3] 3\n"
            "    x 40 → pooled[0] 20 → pooled[1] 10 → pooled[2] 5 → pooled[3] 3 → pooled[4] 2 → up[4] 4\n"
            "  joined[3]: pooled[2] is 5, up[3] is 6, and they must be equal.\n"
            "    x 40 → pooled[0] 20 → pooled[1] 10 → pooled[2] 5\n"
            "    x 40 → pooled[0] 20 → pooled[1] 10 → pooled[2] 5 → pooled[3] 3 → up[3] 6\n"
            "  fix: size 32 (crop 8) or 63 (pad 23); all sizes that fit: n ≡ 0 or 31 (mod 32), n ≥ 31\n"
            "  fix: for an output of the input's size: size 32 (crop 8) or 64 (pad 24);"
            " all such sizes: n ≡ 0 (mod 32), n ≥ 32",
        ),
        (
            written(Node("a", Window(3)), Node("joined", Add(), ("x", "a"))),
            30,
            "size 30 does not fit.\n"
            "  joined: x is 30, a is 28, and they must be equal.\n"
            "    x 30 → a 28\n"
            "  fix: change the network; no size fits",
        ),
        (
            written(
                Node("blocks", SpaceToDepth(4)),
                Node("up", Resize(4)),
                Node("channels", Conv(1, channels=1)),
                Node("joined", Add(), ("x", "channels")),
                Node("conv", Window(3)),
                Node("keeps", Require(equal=True), ("conv", "joined")),
            ),
            6,
            "size 6 does not fit.\n"
            "  blocks: x is 6, and must be a multiple of 4.\n"
            "  conv: with blocks fixed, conv would be 6, joined would be 8, and they must be equal.\n"
            "  fix: change the network; no size fits",
        ),
        (
            written(
                Node("a", Window(4)),
                Node("cropped", CropTo(odd="never"), ("x", "a")),
                Node("up", DOUBLE),
                Node("again", CropTo(), ("x", "up")),
            ),
            9,
            "size 9 does not fit.\n"
            "  cropped: x is 9, a is 6, and they must differ by an even number.\n"
            "    x 9 → a 6\n"
            "  again: with cropped fixed, x would be 10, and must be at least 12 (up).\n"
            "    x 9 → a 6 → up 12\n"
            "  fix: change the network; no size fits",
        ),
        (
            UNet2Config(pool_stride=3, up_stride=2, up_kernel=3),
            30,
            "size 30 does not fit.\n"
            "  merged (h_upH): skip1 is 30, up is 21, and they must be equal.\n"
            "    x 30 → pooled 10 → up 21\n"
            "  fix: size 5 (crop 25); all sizes that fit: {3, 5}",
        ),
        (
            unet(2, convs=1),
            2,
            "size 2 does not fit.\n"
            "  pooled[1]: pooled[1] is 0, and must be at least 1.\n"
            "    x 2 → pooled[0] 1 → pooled[1] 0\n"
            "  fix: size 4 (pad 2); all sizes that fit: n ≡ 0 (mod 4), n ≥ 4",
        ),
        (
            written(Node("a", Window(5)), Node("b", Window(1, padding=1))),
            3,
            "size 3 does not fit.\n"
            "  a: a is 0, and must be at least 1.\n"
            "    x 3 → a 0\n"
            "  fix: size 5 (pad 2); all sizes that fit: n ≥ 5",
        ),
        (
            written(),
            0,
            "size 0 does not fit.\n"
            "  x: x is 0, and must be at least 1.\n"
            "  fix: size 1 (pad 1); all sizes that fit: n ≥ 1",
        ),
    ],
)
def test_an_explanation_reads_like_this(network, n, text):
    assert str(explain(network, n)) == text


def test_an_explanation_is_a_report():
    found = explain(unet(1), 3)
    assert [failure.name for failure in found.failures] == ["joined[0]"]
    assert found.to_dict()["ok"] is False
    with pytest.raises(ShapeError, match="size 3 does not fit"):
        found.raise_if_failed()


@pytest.mark.parametrize("bad", [-1, True, 2.0, None])
def test_a_size_that_is_not_natural_is_not_explained(bad):
    with pytest.raises(UsageError, match=f"n={bad!r}"):
        explain(unet(1), bad)
    with pytest.raises(UsageError, match=f"x={bad!r}"):
        explain(unet(1), {"x": bad})
    with pytest.raises(UsageError, match=f"width={bad!r}"):
        explain("unet2", (4, bad))


@pytest.mark.parametrize("bad", ["2", (4, 4), (), [4, 4, 4, 4]], ids=repr)
def test_sizes_of_another_number_of_axes_are_not_explained(bad):
    with pytest.raises(ShapeError, match="needs one: length"):
        explain(unet(1), bad)


def test_what_is_no_network_is_not_explained():
    with pytest.raises(UsageError, match="it is a tuple, and must be a config, a Network, or the name of a preset"):
        explain((HALVE,), 3)


def test_huge_sizes_are_explained_like_small_ones():
    big = 10**30
    assert explain(unet(4), big + 1).fixes == (
        f"size {big} (crop 1) or {big + 16} (pad 15); all sizes that fit: n ≡ 0 (mod 16), n ≥ 16",
    )


def test_an_explanation_is_written_in_full():
    assert repr(explain(unet(1), 3)).startswith("Explanation(subject='size 3', verdicts=(Verdict(name='x', holds=True")


@pytest.mark.parametrize("name", ["returns its size", "y returns its size", " returns its size"])
def test_a_node_of_any_name_is_explained(name):
    network = written(Node("y", Window(1, 2)), Node(name, Resize(2)))
    assert explain(network, 5).fixes[-1].startswith("for an output of the input's size: size 4 (crop 1) or 6 (pad 1)")


# Several inputs, and several axes.

TWO_INPUTS = written(
    Node("a", MaxPool(2), "x"), Node("b", MaxPool(3), "z"), Node("y", Add(), ("a", "b")), inputs={"x": 4, "z": 4}
)


@given(numbers, numbers)
def test_the_sizes_of_several_inputs_are_given_by_name(n, m):
    found = explain(TWO_INPUTS, {"x": n, "z": m})
    assert found.ok == (n // 2 == m // 3 >= 1)
    assert dict(found.sizes[0]) == Fixing(TWO_INPUTS, []).run({"x": n, "z": m}).sizes
    assert str(found).startswith(f"an input of sizes x {n}, z {m} ")
    if found.ok:
        assert found.fixes == ()
        return
    ways = []
    for name, of, other, halve, third in (("x", n, m, 2, 3), ("z", m, n, 3, 2)):
        fitting = [k for k in range(max(of - 256, 1), of + 257) if k // halve == other // third >= 1]
        if fitting:
            nearest_size = min(fitting, key=lambda k: abs(k - of))
            ways.append(f"{name} {nearest_size} ({'pad' if nearest_size > of else 'crop'} {abs(nearest_size - of)})")
    alike = "other sizes; compatible_shapes(network) has the sizes that fit if all inputs have the same"
    assert found.fixes == (" or ".join(ways) if ways else alike,)


def test_an_input_without_a_size_is_reported_by_name():
    with pytest.raises(UsageError) as error:
        explain(TWO_INPUTS, {"x": 4})
    assert str(error.value) == (
        "the input can't be used.\n"
        "  unknown_size: z has no sizes; the inputs with sizes are x, z.\n"
        '  fix: {"x": 64, "z": 64}'
    )


def test_an_input_that_the_network_does_not_have_or_that_is_a_vector_is_reported_by_name():
    gated = written(
        Node("y", Multiply(broadcast="positions"), ("x", "t")), inputs=(Input("x", 4), Input("t", 4, single=True))
    )
    for sizes, name in (({"x": 4, "w": 4}, "w"), ({"x": 4, "t": 1}, "t"), ({"w": 4}, "w"), ({"x": 4, 3: 4}, "3")):
        with pytest.raises(UsageError) as error:
            explain(gated, sizes)
        assert str(error.value) == (
            "the input can't be used.\n"
            f"  unknown_size: {name} is not an input with sizes; the inputs with sizes are x.\n"
            '  fix: {"x": 64}'
        )


def test_the_sizes_of_an_input_are_a_number_or_one_for_each_axis_and_every_axis_is_judged():
    network = Network(TWO_INPUTS.inputs, TWO_INPUTS.nodes)
    found = explain(network, {"x": 8, "z": (12, 13)})
    assert [(sizes["a"], sizes["b"]) for sizes in found.sizes] == [(4, 4), (4, 4)]
    assert found.ok
    broken = explain(network, {"x": (8, 9), "z": (12, 15)})
    assert [(cause.axis, cause.left, cause.right) for cause in broken.causes] == [("width", 4, 5)]
    assert str(broken).startswith(
        "an input of sizes x 8×9, z 12×15 does not fit.\n"
        "  y: width: a is 4, b is 5, and they must be equal.\n"
        "    x 9 → a 4\n"
        "    z 15 → b 5\n"
    )
    with pytest.raises(ShapeError, match=r"\(12, 12, 12\) has three sizes, and needs two: height and width"):
        explain(network, {"x": 8, "z": (12, 12, 12)})
    assert explain("unet2", {"x": (303, 384)}).causes == explain("unet2", (303, 384)).causes


def test_a_vector_needs_no_size():
    inputs = (Input("x", 4), Input("t", 4, single=True))
    gated = written(Node("y", Multiply(broadcast="positions"), ("x", "t")), inputs=inputs)
    assert explain(gated, {"x": 7}).ok
    assert dict(explain(gated, 7).sizes[0]) == {"x": 7, "t": 1, "y": 7}


DIFFERENT = written(
    Node("pooled", MaxPool((1, 2, 4))),
    Node("up", ConvTranspose((1, 2, 4), (1, 2, 4))),
    Node("y", Add(), ("x", "up")),
    inputs={"x": 4},
    axes=3,
)


def test_a_number_stands_for_every_axis_only_where_all_are_alike():
    assert explain("unet2", 303).ok is False
    with pytest.raises(UsageError) as error:
        explain(DIFFERENT, 8)
    assert str(error.value) == (
        "size 8 can't be used.\n"
        "  axes: a single size is only for a network whose axes are alike; here depth, height and width differ.\n"
        "  fix: explain(network, (8, 8, 8))"
    )
    assert eval(error.value.report.fixes[0], {"explain": explain, "network": DIFFERENT}).ok


def test_a_number_is_the_size_of_every_axis_and_what_is_required_over_all_of_them_is_judged_together():
    found = explain(UNetConfig(levels=3, norm="instance"), 8)
    assert [cause.rule for cause in found.causes] == ["statistics", "statistics"]
    assert [sizes["x"] for sizes in found.sizes] == [8, 8]
    assert found.output == (8, 8)
    assert found.fixes == ("size 16 (pad 8); all sizes that fit: n ≡ 0 (mod 8), n ≥ 16",)
    assert explain(UNetConfig(levels=3, norm="instance"), 16).output == (16, 16)


def test_a_size_is_only_proposed_where_it_fits_together_on_all_axes():
    nodes = (Node("y", Norm("instance")),)
    for n in (0, 1):
        assert explain(Network({"x": 4}, nodes), n).fixes == (f"size 2 (pad {2 - n}); all sizes that fit: n ≥ 2",)
        assert explain(written(*nodes, inputs={"x": 4}), n).fixes == (
            f"size 2 (pad {2 - n}); all sizes that fit: n ≥ 2",
        )
    padded = written(
        Node("y", Pad(1)), Node("n", Require(positions=36)), Node("z", Conv(3, 2)), inputs={"x": 4}, axes=2
    )
    assert explain(padded, 1).fixes == (
        "size 4 (pad 3); all sizes that fit: n ≥ 4",
        "for an output of the input's size: change the network; no size meets what it requires over all axes together",
    )
    nodes = Node("m", Mean()), Node("y", Norm("instance"))
    none = Network({"x": 4}, nodes)
    assert explain(none, 5).fixes[0] == "change the network; no size meets what it requires over all axes together"
    assert explain(written(*nodes, inputs={"x": 4}), 5).fixes == ("change the network; no size fits",)


def test_a_number_stands_for_two_axes_only_where_they_are_alike():
    nodes = (Node("pooled", MaxPool((1, 2))), Node("up", Resize((1, 2))), Node("y", Add(), ("x", "up")))
    with pytest.raises(UsageError, match="here height and width differ"):
        explain(Network({"x": 4}, nodes), 8)


def test_a_way_ends_with_the_node_that_a_requirement_names_though_nodes_before_it_keep_the_size():
    network = written(
        Node("pooled", HALVE), Node("kept", Window(3, padding=1)), Node("up", DOUBLE), Node("y", Add(), ("kept", "up"))
    )
    assert [failure.paths for failure in explain(network, 8).failures] == [
        ("    x 8 → pooled 4 → kept 4", "    x 8 → pooled 4 → up 8")
    ]


def test_a_way_that_is_too_wide_for_a_line_loses_its_middle_and_keeps_both_ends():
    names = [f"a_node_with_a_long_name_{i}" for i in range(9)]
    network = written(*(Node(name, Pad(1)) for name in names), Node("y", Add(), ("x", names[-1])))
    steps = [f"{name} {3 + 2 * i}" for i, name in enumerate(names)]
    (way,) = (line for failure in explain(network, 1).failures for line in failure.paths)
    assert way == f"    x 1 → … → {steps[-2]} → {steps[-1]}"
    assert len(way) <= 100


def test_an_image_is_explained_axis_by_axis():
    found = explain(DIFFERENT, (5, 6, 9))
    assert str(found) == (
        "an image of depth 5, height 6 and width 9 for the network from x to y does not fit.\n"
        "  y: width: x is 9, up is 8, and they must be equal.\n"
        "    x 9 → pooled 2 → up 8\n"
        "  fix: width 8 (crop 1) or 12 (pad 3); all widths that fit: n ≡ 0 (mod 4), n ≥ 4\n"
        "  fix: x[:, :5, :6, :8] or jnp.pad(x, ((0, 0), (0, 0), (0, 0), (0, 3)))"
    )
    assert [dict(sizes)["pooled"] for sizes in found.sizes] == [5, 3, 2]
    assert found.output == (5, 6, 9)
    assert [(cause.axis, cause.node, cause.left, cause.right) for cause in found.causes] == [("width", "y", 9, 8)]


def test_axes_of_which_the_same_is_to_be_said_share_a_line():
    text = str(explain("unet2", (303, 303)))
    assert "  merged (h_upH, h_upW): height and width: skip1 is 303, up is 302, and they must be equal.\n" in text
    assert text.count("x 303 → pooled 151 → up 302") == 1
    other = str(explain("unet2", (303, 305)))
    assert other.count("merged (h_up") == 2


@settings(max_examples=150)
@given(
    st.sampled_from([DIFFERENT, graph_of("unet2"), graph_of("monai_like"), graph_of(UNet2Config())]) | graphs(),
    st.data(),
)
def test_an_image_fits_iff_it_runs_and_each_axis_has_its_own_causes(network, data):
    sizes = data.draw(st.tuples(*[st.integers(0, 40)] * network.axes))
    found, ran = explain(network, sizes), run_image(network, sizes)
    assert found.ok == ran.ok
    assert [dict(of_axis) for of_axis in found.sizes] == [dict(of_axis.sizes) for of_axis in ran.axes]
    broken = {network.axis_names[axis] for axis, of_axis in enumerate(ran.axes) if not of_axis.ok}
    along = [cause for cause in found.causes if hasattr(cause, "axis")]
    assert {cause.axis for cause in along} == broken
    assert len(str(found).splitlines()) <= 10
    if broken:
        assert along == list(found.causes)
    else:  # what is required over all axes is judged once each of them fits
        assert list(found.causes) == [it for it in ran.together if not (it.holds or it.warns)]
        judged_together = {verdict.name for verdict in found.verdicts if not verdict.at}
        assert judged_together == {it.rule for it in ran.together if not it.warns}


def test_what_is_required_over_all_axes_is_reported_with_the_nodes_that_need_it():
    found = explain(UNetConfig(levels=3, convs_per_block=3, norm="instance"), (8, 8))
    assert str(found) == (
        "an image of height 8 and width 8 for UNetConfig(levels=3, convs_per_block=3, norm='instance')"
        " does not fit.\n"
        "  statistics: bottom.convs[0].norm, bottom.convs[1].norm and bottom.convs[2].norm get a 1×1 image;"
        " an instance norm of one value returns only its bias.\n"
        "  fix: height 16 (pad 8); if the other axes are larger, these heights fit: n ≡ 0 (mod 8), n ≥ 8\n"
        "  fix: jnp.pad(x, ((0, 0), (0, 8), (0, 0)))"
    )
    many = explain(UNetConfig(levels=3, convs_per_block=6, norm="instance"), (8, 8))
    assert "bottom.convs[3].norm and 2 more get a 1×1 image" in str(many)
    assert [cause.node for cause in many.causes] == [f"bottom.convs[{i}].norm" for i in range(6)]


def test_the_positions_that_a_node_requires_are_reported_with_their_number():
    network = written(Node("pooled", MaxPool(2)), Node("enough", Require(positions=9)), inputs={"x": 4}, axes=2)
    assert (
        "positions: over all axes together: pooled: 2×2, so the number of positions is 4, and must be at least 9."
        in str(explain(network, (4, 4)))
    )
    assert explain(network, (6, 6)).ok


def test_a_batch_norm_of_one_position_is_a_warning_and_the_image_fits():
    cfg = UNetConfig(levels=2, convs_per_block=1, norm="batch")
    found = explain(cfg, (4, 4))
    assert found.ok
    assert [(warning.name, warning.holds) for warning in found.warnings] == [("statistics", False)]
    assert (
        "  warning: statistics: bottom.convs[0].norm gets a 1×1 image; a batch norm of one value returns only its bias"
        " (evaluation and a batch of images are fine)."
    ) in str(found)
    assert explain(cfg, (8, 4)).warnings == ()
    assert explain(cfg, (3, 4)).warnings == ()  # only said of what fits
    alike = written(Node("norm", Norm("batch")), Node("mean", Mean()), inputs={"x": 4}, axes=2)
    assert explain(alike, (1, 1)).warnings[0].says.startswith("norm gets a 1×1 image; a batch norm")


# plan

PLANNED = {
    1: [unet(1), unet(3), resnet_unet(), strided_unet(2), written(Node("y", Window(1, 2)), inputs={"x": 4})],
    2: [
        UNet2Config(),
        UNet2Config(pool_kernel=3, up_kernel=3),
        "unet2",
        UNetConfig(levels=2, norm="instance"),
        Network({"x": 4}, (Node("p", MaxPool((2, 4))), Node("u", Resize((2, 4))), Node("y", Add(), ("u", "x")))),
        Network({"x": 4}, (Node("p", MaxPool(2)), Node("u", Resize(3)), Node("y", Require(within=2), ("u", "x")))),
    ],
    3: [
        DIFFERENT,
        written(Node("p", MaxPool(2)), Node("n", Norm("instance")), inputs={"x": 4}, axes=3),
        written(Node("p", MaxPool(2)), Node("y", Require(positions=9)), inputs={"x": 4}, axes=3),
    ],
}
every_planned = st.sampled_from([network for networks_ in PLANNED.values() for network in networks_])


def planned(draw, last=40):
    network = draw(every_planned)
    return network, draw(st.tuples(*[st.integers(1, last)] * graph_of(network).axes))


images = st.composite(planned)()
policies = st.sampled_from(["error", "pad", "crop"])


def fitting_by_trying(network, sizes, policy):
    """What each axis becomes by itself, tried one by one; ``None`` where there is none, or they do not fit together."""
    graph = graph_of(network)
    ways = [nearest(lambda m, axis=axis: run(graph, m, axis).ok, n) for axis, n in enumerate(sizes)]
    picked = tuple(
        {"crop": below, "pad": above, "error": above if above == below else None}[policy] for below, above in ways
    )
    return picked if None not in picked and run_image(graph, picked).ok else None


@given(images, policies)
@example((unet(3), (3,)), "pad")
@example((unet(3), (9,)), "crop")
@example(("unet2", (8, 8)), "error")
@example((UNetConfig(levels=2, norm="instance"), (4, 4)), "error")
@example((UNetConfig(levels=2, norm="instance"), (5, 7)), "crop")
@example((UNetConfig(levels=2, norm="instance"), (3, 3)), "pad")
def test_a_planned_size_is_the_nearest_that_fits_its_own_axis(image, policy):
    network, sizes = image
    wanted = fitting_by_trying(network, sizes, policy)
    shapes = compatible_shapes(network)
    if wanted is None and policy == "pad":
        wanted = shapes.above(sizes)  # one axis further, or nothing
    if wanted is None:
        with pytest.raises(ShapeError) as error:
            plan(network, sizes, policy)
        names = graph_of(network).axis_names
        first, *rest = str(error.value).split("\n")
        assert all(f"{name} {n}" in first for name, n in zip(names, sizes, strict=True))
        assert len(rest) < 10
        assert ("policy" in [failure.name for failure in error.value.report.failures]) == (policy != "error")
        return
    found = plan(network, sizes, policy)
    assert found.fitting == wanted
    assert found.fitting in shapes
    assert (found.policy, found.given) == (policy, sizes)


@given(images, st.sampled_from(["pad", "crop"]))
def test_a_plan_is_an_expression_that_makes_the_image_fit_and_its_slices_undo_it(image, policy):
    network, sizes = image
    assume(getattr(compatible_shapes(network), "above" if policy == "pad" else "below")(sizes) is not None)
    found = plan(network, sizes, policy)
    x = np.arange(1, 2 * np.prod(sizes) + 1).reshape(2, *sizes)
    fitted = eval(str(found), {"jnp": np, "x": x})  # the text is there to be pasted
    assert fitted.shape == (2, *found.fitting)
    mine = (slice(None), *found.slices)
    assert (fitted[mine] == x[mine]).all()
    if policy == "pad":
        assert (fitted[mine] == x).all()
        assert fitted.sum() == x.sum()
        assert (np.pad(x, ((0, 0), *found.pads)) == fitted).all()
    else:
        assert (x[mine] == fitted).all()
        assert found.pads == ((0, 0),) * len(sizes)


@pytest.mark.parametrize(
    ("network", "sizes", "policy", "text"),
    [
        (UNet2Config(), (304, 384), "error", "x"),
        (UNet2Config(), (304, 384), "pad", "x"),
        (UNet2Config(), (304, 384), "crop", "x"),
        (UNet2Config(), (303, 384), "pad", "jnp.pad(x, ((0, 0), (0, 1), (0, 0)))"),
        (UNet2Config(), (303, 385), "crop", "x[:, :302, :384]"),
        (UNetConfig(), (350, 525), "pad", "jnp.pad(x, ((0, 0), (0, 2), (0, 3)))"),
        (unet(4), 350, "pad", "jnp.pad(x, ((0, 0), (0, 2)))"),
        (unet(4), (350,), "crop", "x[:, :336]"),
        (DIFFERENT, (5, 5, 5), "pad", "jnp.pad(x, ((0, 0), (0, 0), (0, 1), (0, 3)))"),
        (DIFFERENT, (5, 5, 5), "crop", "x[:, :5, :4, :4]"),
        ("ronneberger2015", (512, 512), "pad", "jnp.pad(x, ((0, 0), (0, 12), (0, 12)))"),
        (UNetConfig(levels=3, norm="instance"), (8, 8), "pad", "jnp.pad(x, ((0, 0), (0, 8), (0, 0)))"),
    ],
)
def test_a_plan_reads_like_this(network, sizes, policy, text):
    assert str(plan(network, sizes, policy)) == text


def test_a_volume_is_padded_to_what_each_of_its_axes_divides():
    """Strides (1, 1, 1), (1, 2, 2) and four times (2, 2, 2), as nnU-Net plans them."""
    strides = [(1, 1, 1), (1, 2, 2), *[(2, 2, 2)] * 4]
    nodes, now = [], "x"
    for i, stride in enumerate(strides):
        nodes.append(Node(f"down{i}", MaxPool(stride), now))
        now = f"down{i}"
    for i, stride in reversed(list(enumerate(strides))):
        nodes.append(Node(f"up{i}", ConvTranspose(stride, stride), now))
        nodes.append(Node(f"joined{i}", Add(), (f"up{i}", f"down{i - 1}" if i else "x")))
        now = f"joined{i}"
    assert plan(Network({"x": 4}, nodes, axes=3), (186, 568, 480), "pad").fitting == (192, 576, 480)


def test_the_default_policy_pads():
    assert plan(UNetConfig(levels=2), (8, 12)) == Plan("pad", (8, 12), (8, 12))
    assert plan(UNetConfig(levels=2), (8, 13)) == Plan("pad", (8, 13), (8, 16))
    with pytest.raises(ShapeError):
        plan(UNetConfig(levels=2), (8, 13), "error")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            (UNet2Config(), (303, 385), "error"),
            "an image of height 303 and width 385 for UNet2Config() does not fit.\n"
            "  merged (h_upH): height: skip1 is 303, up is 302, and they must be equal.\n"
            "    x 303 → pooled 151 → up 302\n"
            "  merged (h_upW): width: skip1 is 385, up is 384, and they must be equal.\n"
            "    x 385 → pooled 192 → up 384\n"
            "  fix: height 302 (crop 1) or 304 (pad 1); all heights that fit: n ≡ 0 (mod 2), n ≥ 2\n"
            "  fix: width 384 (crop 1) or 386 (pad 1); all widths that fit: n ≡ 0 (mod 2), n ≥ 2\n"
            "  fix: x[:, :302, :384] or jnp.pad(x, ((0, 0), (0, 1), (0, 1)))",
        ),
        (
            (DIFFERENT, (16, 16, 33), "error"),
            "an image of depth 16, height 16 and width 33 for the network from x to y does not fit.\n"
            "  y: width: x is 33, up is 32, and they must be equal.\n"
            "    x 33 → pooled 8 → up 32\n"
            "  fix: width 32 (crop 1) or 36 (pad 3); all widths that fit: n ≡ 0 (mod 4), n ≥ 4\n"
            "  fix: x[:, :16, :16, :32] or jnp.pad(x, ((0, 0), (0, 0), (0, 0), (0, 3)))",
        ),
        (
            (unet(2, convs=0), 3, "crop"),
            "an image of length 3 for the network from x to y does not fit.\n"
            "  pooled[1]: length: pooled[1] is 0, and must be at least 1.\n"
            "    x 3 → pooled[0] 1 → pooled[1] 0\n"
            '  policy: policy="crop" finds no smaller image that fits.\n'
            "  fix: length 4 (pad 1); all lengths that fit: n ≡ 0 (mod 4), n ≥ 4\n"
            "  fix: jnp.pad(x, ((0, 0), (0, 1)))",
        ),
        (
            (written(Node("y", Window(1, 2)), Node("r", Require(equal=True), ("y", "x"))), 2, "pad"),
            "an image of length 2 for the network from x to r does not fit.\n"
            "  y: length: y is 1, x is 2, and they must be equal.\n"
            "    x 2 → y 1\n"
            '  policy: policy="pad" finds no larger image that fits.\n'
            "  fix: length 1 (crop 1); all lengths that fit: {1}\n"
            "  fix: x[:, :1]",
        ),
        (
            (UNetConfig(), (4, 4), "centre"),
            "policy='centre' can't be used.\n  policy: it must be one of pad, crop, error.\n  fix: policy=\"crop\"",
        ),
        (
            (UNetConfig(), (4, 4, 4)),
            "the image does not fit.\n"
            "  axes: (4, 4, 4) has three sizes, and needs two: height and width; leave out the channels.\n"
            "  fix: (4, 4)",
        ),
    ],
    ids=["both axes", "one axis of three", "none below", "none above", "policy", "three sizes"],
)
def test_what_cannot_be_planned_is_reported_in_these_words(arguments, text):
    with pytest.raises(WellshapedError) as error:
        plan(*arguments)
    assert str(error.value) == text


@pytest.mark.parametrize("name", ["height", "width"])
@pytest.mark.parametrize("bad", [-1, True, 2.0, "2", None])
def test_a_height_or_width_that_is_not_natural_is_rejected_by_name(name, bad):
    sizes = {"height": 4, "width": 4} | {name: bad}
    with pytest.raises(UsageError, match=f"{name}={bad!r}"):
        plan("unet2", tuple(sizes.values()))


@given(unet_configs(), st.integers(1, 40), st.integers(1, 40))
def test_a_padded_image_of_a_drawn_config_runs(cfg, height, width):
    found = plan(cfg, (height, width), "pad")
    assert run_image(graph_of(cfg), found.fitting).ok
    assert all(b >= a for a, b in zip(found.given, found.fitting, strict=True))


def test_a_window_of_size_0_is_fixed_by_the_number_that_is_0():
    found = explain(written(Node("w", Window(3, 0)), axes=2, inputs={"x": 4}), (8, 8))
    assert found.fixes == ("node w: stride=1",)
    found = explain(written(Node("w", TransposedWindow((3, 0), 2)), axes=2, inputs={"x": 4}), (8, 8))
    assert found.fixes == ("node w: kernel=(3, 1)",)
    assert explain(written(Node("half", Resize(1, over=0))), 8).fixes == ("node half: over=1",)


def test_other_failures_of_a_crop_are_listed_before_what_the_crop_gives():
    cfg = UNetConfig(levels=3, norm="instance", padding="same")
    with pytest.raises(ShapeError) as error:
        plan(cfg, (15, 13), "crop")
    lines = str(error.value).splitlines()
    more = next(i for i, line in enumerate(lines) if line.startswith("  and "))
    assert re.fullmatch(r"  and \d+ more, at [^.]+\.", lines[more])
    assert lines[more + 1] == (
        "  policy: cropping gives 8×8, which does not fit either: bottom.convs[0].norm and bottom.convs[1].norm"
        " get a 1×1 image; an instance norm of one value returns only its bias."
    )


# The families.


def sizes_that_run(network, limit=1100):
    """The sizes up to the limit that meet every requirement, tried one by one; the solved set has the same ones."""
    found = [n for n in range(limit) if fits_by_walking(network, n)]
    fit = compatible_sizes(network)
    assert found == [n for n in range(limit) if n in fit]
    return found


def changing(network, n):
    """The sizes on the way where they change, skips aside."""
    sizes = [size for name, size in run(network, n).sizes.items() if not name.startswith(("cropped", "padded"))]
    return [size for i, size in enumerate(sizes) if i == 0 or size != sizes[i - 1]]


def returning(network):
    """The sizes that fit and come out as they went in."""
    keeps = Node("keeps", Require(equal=True), (network.outputs[0], "x"))
    return compatible_sizes(replace_nodes(network, (*network.nodes, keeps)))


def replace_nodes(network, nodes):
    return Network(network.inputs, nodes, network.outputs, network.axes)


@pytest.mark.parametrize("levels", range(7))
@pytest.mark.parametrize(
    "options", [{}, {"padding": 1}, {"convs": 1, "kernel": 5, "padding": 2}, {"up": Resize(2)}, {"kernel": 4}]
)
def test_a_padded_unet_fits_exactly_the_multiples_of_two_to_the_levels(levels, options):
    network = unet(levels, **options)
    fit = compatible_sizes(network)
    assert (fit.period, fit.residues, fit.minimum) == (2**levels, (0,), 2**levels)
    assert returning(network) == fit


def test_a_unet_of_pad_joins_fits_every_size_that_reaches_the_bottom():
    assert sizes_that_run(unet(3, join="pad"), 100) == list(range(8, 100))


def test_a_unet_of_crop_joins_returns_exactly_the_multiples():
    network = unet(2, join="crop")
    assert str(compatible_sizes(network)) == "n ≥ 4"
    assert str(returning(network)) == "n ≡ 0 (mod 4), n ≥ 4"
    assert explain(network, 7).output == (4,)


def test_a_unet_of_resized_joins_fits_every_size_that_reaches_the_bottom_and_returns_it():
    network = unet(3, join="resize")
    assert sizes_that_run(network, 100) == list(range(8, 100))
    assert returning(network) == compatible_sizes(network)


def test_the_unet_of_2015_has_the_sizes_of_the_papers_figure():
    network = ronneberger2015()
    down = [572, 570, 568, 284, 282, 280, 140, 138, 136, 68, 66, 64, 32, 30, 28]
    up = [56, 54, 52, 104, 102, 100, 200, 198, 196, 392, 390, 388]
    assert changing(network, 572) == down + up
    found = explain(network, 572)
    assert found.ok
    assert found.output == (388,)
    assert not returning(network)


def test_the_unet_of_2015_needs_twelve_more_than_a_multiple_of_sixteen():
    assert str(compatible_sizes(ronneberger2015())) == "n ≡ 12 (mod 16), n ≥ 188"
    assert sizes_that_run(ronneberger2015()) == list(range(188, 1100, 16))


def test_the_even_crops_of_the_unet_of_2015_are_an_even_size_before_every_pooling():
    network = ronneberger2015()
    before = [node.inputs[0] for node in network.nodes if node.operation == HALVE]
    assert len(before) == 4
    for n in range(188, 700):
        found = run(network, n)
        assert found.ok == all(found.sizes[name] % 2 == 0 for name in before)


def test_a_resnet_unet_runs_on_multiples_of_thirty_two_and_one_less():
    assert sizes_that_run(resnet_unet()) == [n for n in range(1, 1100) if n % 32 in (0, 31)]
    assert returning(resnet_unet()) == compatible_sizes(unet(5))
    assert explain(resnet_unet(), 31).output == (32,)


def test_a_strided_unet_meets_five_with_six_on_forty():
    found = explain(strided_unet(4), 40)
    assert changing(strided_unet(4), 40)[:6] == [40, 20, 10, 5, 3, 6]
    assert found.output == (40,)  # a broken join goes on with the skip
    assert found.failures[0].name == "joined[3]"
    assert found.failures[0].says == "pooled[2] is 5, up[3] is 6, and they must be equal"
    assert sizes_that_run(strided_unet(4), 300) == [n for n in range(1, 300) if n % 16 in (0, 15)]


@pytest.mark.parametrize("kernel", [3, 5, 7])
def test_a_strided_unet_of_any_odd_kernel_runs_on_the_multiples_and_one_less_and_returns_the_multiples(kernel):
    network = strided_unet(3, kernel=kernel)
    assert str(compatible_sizes(network)) == "n ≡ 0 or 7 (mod 8), n ≥ 7"
    assert str(returning(network)) == "n ≡ 0 (mod 8), n ≥ 8"


def test_an_encoder_decoder_joins_where_it_is_told_to():
    ceil = Window(3, 2, padding=1)
    some = encoder_decoder((ceil, ceil), Resize(2), joins=(False, True))
    every = encoder_decoder((ceil, ceil), Resize(2))
    assert [node.name for node in some.nodes if node.operation == Add()] == ["joined[1]"]
    assert [node.name for node in every.nodes if node.operation == Add()] == ["joined[1]", "joined[0]"]
    assert (str(compatible_sizes(some)), str(compatible_sizes(every))) == (
        "n ≡ 0 or 3 (mod 4), n ≥ 3",
        "n ≡ 0 (mod 4), n ≥ 4",
    )


@pytest.mark.parametrize(
    ("make", "fragment"),
    [
        (lambda: unet(-1), "levels=-1"),
        (lambda: unet(2, convs=2.0), "convs=2.0"),
        (lambda: unet(2, padding="valid"), "padding='valid'"),
        (lambda: unet(2, join="centre"), "join must be one of exact, crop, even crop, pad"),
        (lambda: unet(2, down="pool"), "is a str, and must be an Operation of wellshaped.spec"),
        (lambda: strided_unet(True), "levels=True"),
        (lambda: strided_unet(2, kernel="3"), "kernel='3'"),
        (
            lambda: encoder_decoder((HALVE, HALVE), DOUBLE, joins=(True,)),
            "joins has 1 entries, and must have one for each of the 2 downs",
        ),
    ],
)
def test_a_family_rejects_by_name_what_it_cannot_build(make, fragment):
    with pytest.raises(WellshapedError, match=re.escape(fragment)):
        make()


@pytest.mark.parametrize("make", [lambda: unet(10**30), lambda: unet(1, convs=65), lambda: strided_unet(65)])
def test_too_many_levels_or_convolutions_are_rejected(make):
    with pytest.raises(ConfigError, match="must be at most 64"):
        make()


def test_a_network_that_is_too_hard_to_solve_is_explained_all_the_same():
    primes = (3, 5, 7, 11, 13, 17, 19, 23)
    walked = Fixing(HARD, []).run(100)
    found = explain(HARD, 100)
    assert dict(found.sizes[0]) == walked.sizes
    assert [failure.name for failure in found.failures] == [cause.node for cause in found.causes]
    assert len(found.causes) >= 1
    assert found.fixes == (UNSOLVED,)
    assert explain(HARD, int(np.prod(primes))).ok
    with pytest.raises(WellshapedError, match="not_solved"):
        plan(HARD, 100, "pad")


def test_a_deep_network_is_solved():
    assert explain(unet(40), 100).fixes[0].endswith(f"all sizes that fit: n ≡ 0 (mod {2**40}), n ≥ {2**40}")


def test_a_concatenation_of_several_skips_names_the_two_that_differ():
    network = written(
        Node("a", HALVE, "x"), Node("b", DOUBLE), Node("c", Resize(2), "a"), Node("y", Concat(), ("x", "b", "c"))
    )
    assert [cause.right_of for cause in explain(network, 5).causes] == ["b", "c"]
    assert replace(explain(network, 5), fixes=()) != explain(network, 5)


def test_each_axis_on_which_two_inputs_differ_has_the_nearest_size_of_each():
    network = written(Node("a", MaxPool(2), "x"), Node("y", Concat(), ("a", "z")), inputs={"x": 1, "z": 1}, axes=2)
    assert explain(network, {"x": (11, 8), "z": (4, 6)}).fixes == (
        "x height 9 (crop 2) or z height 5 (pad 1)",
        "x width 12 (pad 4) or z width 4 (crop 2)",
    )
    assert explain(network, {"x": (11, 8), "z": (5, 6)}).fixes == ("x width 12 (pad 4) or z width 4 (crop 2)",)
