"""The diagnosis of a call that does not fit: the blamed argument is wrong, and the proposed fix works."""

import re
from functools import cache, partial
from itertools import product
from typing import Literal, NamedTuple, NewType, SupportsIndex, TypeVar

import annotations
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import examples, sparse
from flax import nnx
from hypothesis import assume, event, given
from hypothesis import strategies as st
from jaxtyping import Array, Bool, Float, Float16, Float64, Int, PyTree, Shaped, TypeCheckError, UInt, UInt8

from wellshaped.models import (
    BatchNorm2d,
    Conv2d,
    UNet,
    UNet2,
    checked,
    concat_channels,
    conv2d,
    conv2d_backward,
    conv_transpose2d,
    relu,
)
from wellshaped.models.channels_last.resnet import BasicBlock
from wellshaped.models.channels_last.tiny_unet import TinyUNet
from wellshaped.spec import ShapeError, UNet2Config, UNetConfig, UsageError, WellshapedError, graph_of


def error_of(function, *args, **kwargs):
    with pytest.raises((WellshapedError, TypeCheckError)) as error:
        function(*args, **kwargs)
    return error.value


def accepts(function, arguments):
    try:
        function(**arguments)
    except (WellshapedError, TypeCheckError):
        return False
    return True


def blamed(error):
    return re.match(r"\w+", str(error))[0]


def of_shape(one):
    """Arrays of every small shape, for an annotation."""
    for rank in range(5):
        for shape in product(range(1, 6), repeat=rank):
            yield one.array(shape)


def can_be_fixed(function, parameter, arguments, name):
    """Whether some value of this argument alone makes the call acceptable: tried, by all small arrays."""
    for array in of_shape(parameter.one):
        for value in (parameter.value((array, array)), *with_one_entry(arguments[name], array)):
            if accepts(function, arguments | {name: value}):
                return True
    return False


def with_one_entry(value, array):
    if isinstance(value, list | tuple):
        yield from (type(value)([*value[:i], array, *value[i + 1 :]]) for i in range(len(value)))
    elif isinstance(value, dict):
        yield from ({**value, key: array} for key in value)


@examples(70)
@given(annotations.functions(), st.data())
def test_the_argument_that_is_blamed_is_one_whose_change_alone_makes_the_call_acceptable(function, data):
    call = checked(function.make())
    good = data.draw(function.fitting_calls())
    name = data.draw(st.sampled_from(sorted(good)))
    bad = good | {name: data.draw(annotations.changed(good[name]))}
    assume(not accepts(call, bad))
    error = error_of(call, **bad)
    if isinstance(error, TypeCheckError):
        event("jaxtyping's own error")
        assert "wellshaped can't say which argument is wrong" in error.__notes__[0]
        return
    event("blamed another" if blamed(error) != name else "blamed the one that was changed")
    assert blamed(error) == name or can_be_fixed(call, function.parameters[blamed(error)], bad, blamed(error))


ARRAYS = (
    *(Float[Array, axes] for axes in ("_ _", "#n #n", "... n", "*b n", "3", "", "n n+1", "n h=3")),
    *(Int[Array, "n"], Bool[Array, "n"], UInt8[Array, "_"], Float16[Array, "..."], Shaped[Array, "n _"]),
    *(Float[np.ndarray, "n"], list[Float[Array, "n"]], Float[Array, "n"] | None, PyTree[Float[Array, "n"]], float),
)
FITTING = {"_ _": (2, 3), "#n #n": (4, 1), "... n": (2, 4), "*b n": (2, 4), "3": (3,), "": (), "n n+1": (4, 5)} | {
    "n h=3": (4, 3),
    "n": (4,),
    "_": (2,),
    "...": (1, 2),
    "n _": (4, 2),
}


def fitting(hint):
    if hint is float:
        return 2.5
    for inner in getattr(hint, "__args__", ()):
        return [fitting(inner)] if getattr(hint, "__origin__", None) is list else fitting(inner)
    if not hasattr(hint, "dim_str"):  # a PyTree
        return {"a": fitting(hint.leaftype)}
    made = np.ones(
        FITTING[hint.dim_str],
        {Int: "int32", Bool: "bool", UInt8: "uint8", Float16: "float16"}.get(hint.dtype, "float32"),
    )
    return made if hint.array_type is np.ndarray else jnp.asarray(made)


@pytest.mark.parametrize("hint", ARRAYS, ids=str)
@pytest.mark.parametrize("order", ["before", "after"])
def test_the_wrong_array_is_blamed_beside_any_that_fits(hint, order):
    def before(x, z): ...

    def after(z, x): ...

    function = {"before": before, "after": after}[order]
    function.__annotations__ = {"x": hint, "z": Float[Array, "n c"]}
    call, good = checked(function), {"x": fitting(hint), "z": jnp.ones((4, 2))}
    if order == "before" or "+1" not in str(hint):
        assert accepts(call, good)
    for wrong in (jnp.ones((4, 2), int), jnp.ones((4, 2, 2)), jnp.ones(4), None, [1.0]):
        error = error_of(call, **good | {"z": wrong})
        assert isinstance(error, WellshapedError), error
        assert blamed(error) == "z"


@pytest.mark.parametrize(
    ("hint", "wrong", "says", "fix"),
    [
        (Int[Array, "n"], jnp.ones(4), "it holds float32, and must hold signed integers", "x.astype(jnp.int32)"),
        (Bool[Array, "n"], jnp.ones(4), "it holds float32, and must hold truth values", "x.astype(jnp.bool)"),
        (UInt8[Array, "n"], jnp.ones(4), "it holds float32, and must hold uint8", "x.astype(jnp.uint8)"),
        (Float16[Array, "n"], jnp.ones(4), "it holds float32, and must hold float16", "x.astype(jnp.float16)"),
        (
            Float[Array, ""],
            3.0,
            "it is 3.0, of type float, and must be a JAX or NumPy array",
            "jnp.asarray(x, jnp.float32)",
        ),
        (Float[np.ndarray, "n"], jnp.ones(4), "it is a JAX array, and must be a NumPy array", "np.asarray(x)"),
        (Float[np.ndarray, "n"], np.ones(4, int), "it holds int64, and must hold floating", "x.astype(np.float32)"),
        (Float[Array, "3"], jnp.ones(4), "axis 3 of x: it is 4, and must be 3", ""),
        (Float[Array, "k=3"], jnp.ones(4), "axis k of x: it is 4, and must be 3", ""),
        (
            Float[Array, "n n"],
            jnp.ones((4, 3)),
            "axis n of x: it is 3, and must be 4, like another axis of that name",
            "",
        ),
        (Float[Array, "_ n *b"], jnp.ones(4), "it has 1 axis, and must have at least 2", ""),
        (list[Float[Array, "n"]], [jnp.ones(4), jnp.ones(3)], "axis n of x[1]: it is 3, and must be 4, as in x[0]", ""),
        (dict[str, Float[Array, "n"]], {"a": jnp.ones((4, 1))}, "x['a']: it has 2 axes, and must have 1, (n)", ""),
        (Float[Array, "n"] | None, jnp.ones((4, 1)), "it has 2 axes, and must have 1, (n)", ""),
        (Float[Array, "n"] | Int[Array, "m n"], jnp.ones(4, bool), "must be Float[Array, 'n'] | Int[Array, 'm n']", ""),
        (
            tuple[Float[Array, "n"], int],
            (jnp.ones(4),),
            "it is a tuple with 1 entry, and must be tuple[Float[Array",
            "",
        ),
        (int, "3", "it is '3', of type str, and must be int", ""),
    ],
    ids=str,
)
def test_the_message_says_what_the_annotation_takes(hint, wrong, says, fix):
    def f(x): ...

    f.__annotations__ = {"x": hint}
    error = error_of(checked(f), wrong)
    assert isinstance(error, WellshapedError)
    assert says in str(error)
    if fix:
        assert f"  fix: {fix}" in str(error)
        assert accepts(checked(f), {"x": eval(fix, {"x": wrong, "jnp": jnp, "np": np})})


def test_labels_of_a_segmentation_loss_are_not_turned_into_floats():
    @checked
    def loss(logits: Float[Array, "C H W"], labels: Int[Array, "H W"]) -> Float[Array, ""]:
        return logits.mean() + labels.mean()

    error = error_of(loss, jnp.ones((3, 4, 4)), jnp.ones((4, 5), int))
    assert str(error) == (
        "labels = int32[4,5], given to loss, does not fit.\n"
        "  size: axis W of labels: it is 5, and must be 4, as in logits.\n"
        "  fix: labels of shape (4, 4)"
    )


def test_a_fault_inside_is_that_of_the_function_inside():
    @checked
    def inner(x: Float[Array, "n"], y: Float[Array, "n"]) -> Float[Array, "n"]:
        return x

    @checked
    def outer(x: Float[Array, "n"]) -> Float[Array, "n"]:
        return inner(x, jnp.ones(2))

    @checked
    def wrong(x: Float[Array, "n"]) -> Float[Array, "n"]:
        return x[1:]

    @checked
    def around(x: Float[Array, "n"]) -> Float[Array, "n"]:
        return wrong(x)

    assert "given to inner" in str(error_of(outer, jnp.ones(3)))
    error = error_of(around, jnp.ones(3))
    assert isinstance(error, TypeCheckError)
    assert "return value of" in str(error)
    assert "wrong" in str(error).splitlines()[0]
    assert not hasattr(error, "__notes__")


def test_an_undecided_case_raises_the_error_of_jaxtyping_with_a_note():
    @checked
    def f(x: Float[Array, "n"], y: Float[Array, "{2*x.shape[0]}"], z: Float[Array, "{3*x.shape[0]}"]) -> None: ...

    error = error_of(f, jnp.ones(2), jnp.ones(6), jnp.ones(9))  # x is the one to change, and nobody can know to what
    assert isinstance(error, TypeCheckError)
    assert error.__notes__ == ["wellshaped can't say which argument is wrong: this is jaxtyping's own error."]


# Every proposal is tried.

SCOPE = {"jnp": jnp, "jax": jax, "nnx": nnx, "np": np}
KERNEL = jnp.ones((4, 2, 3, 3))
NORMED = UNetConfig(levels=1, base_channels=2, norm="batch")


@cache
def network_of(channels):
    return UNet2(UNet2Config(base_channels=2), channels, 1, rngs=nnx.Rngs(0))


@cache
def tiny():
    return TinyUNet(3, 2, rngs=nnx.Rngs(0))


def grey():
    return network_of(1)


def rgb():
    return network_of(3)


def normed(rngs=None, **kwargs):
    return UNet(NORMED, 3, 1, rngs=rngs or nnx.Rngs(0), **kwargs)


PROPOSALS = {
    "a batch": (rgb, (2, 3, 4, 4), "jax.vmap(model)(x)"),
    "the first of a batch": (rgb, (2, 3, 4, 4), "model(x[0])"),
    "channels last": (rgb, (4, 6, 3), "model(jnp.moveaxis(x, -1, 0))"),
    "a grey image": (grey, (4, 6), "model(x[None])"),
    "a batch of grey images": (grey, (15, 6, 6), "jax.vmap(model)(x[:, None])"),
    "channels first, where they are last": (tiny, (3, 8, 4), "model(jnp.moveaxis(x, 0, -1))"),
    "a batch in training": (
        partial(normed, axis_name="batch"),
        (2, 3, 4, 4),
        "nnx.vmap(lambda model, x: model(x), in_axes=(None, 0), axis_name='batch')(model, x)",
    ),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("make", "shape", "fix"), PROPOSALS.values(), ids=PROPOSALS)
def test_a_proposal_to_paste_is_accepted(make, shape, fix):
    model, x = make(), jnp.ones(shape)
    text = str(error_of(model, x))
    printed = re.sub(r"model\(((?:x|jnp)[^)]*\)?)\)$", r"\1", fix) if fix.startswith("model(") else fix
    assert printed in text
    assert eval(fix, SCOPE | {"model": model, "x": x}) is not None


def test_a_proposal_for_a_batch_that_keeps_statistics_is_accepted():
    model, x = normed(), jnp.ones((2, 3, 4, 4))
    text = str(error_of(model, x))
    assert "fix: model.eval(), then jax.vmap(model)(x) for a batch" in text
    assert 'build the model with axis_name="batch" and call it by nnx.vmap' in text
    assert "jax.vmap(model)(x) for a batch, x[0]" in text
    model.eval()
    assert jax.vmap(model)(x).shape == (2, 1, 4, 4)


def each_image(model, x):
    return nnx.vmap(lambda model, x: model(x), in_axes=(None, 0))(model, x)


@pytest.mark.parametrize(
    "call",
    [
        each_image,
        nnx.jit(each_image),
        lambda model, x: nnx.grad(lambda model, x: each_image(model, x).sum())(model, x),
        lambda model, x: nnx.vmap(lambda model, x: model(x), in_axes=(None, 0), axis_name="batch")(model, x),
    ],
    ids=["vmap", "jit", "grad", "a name that the model does not have"],
)
def test_a_batch_without_the_axis_name_in_the_model_says_what_to_write(call):
    model, x = normed(), jnp.ones((2, 3, 4, 4))
    with pytest.raises(WellshapedError) as error:
        call(model, x)
    report = error.value.report
    assert [verdict.name for verdict in report.failures] == ["axis_name"]
    mapped = next(fix[fix.index("nnx.vmap(") :] for fix in report.fixes if "nnx.vmap(" in fix)
    assert eval(mapped, SCOPE | {"model": normed(axis_name="batch"), "x": x}).shape == (2, 1, 4, 4)
    model = normed()
    model.eval()
    assert each_image(model, x).shape == (2, 1, 4, 4)


def test_models_that_are_mapped_with_their_statistics_are_trained():
    models = nnx.vmap(lambda key: normed(rngs=nnx.Rngs(key)))(jax.random.split(jax.random.key(0), 2))
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 4, 4)), jnp.float32)
    assert nnx.vmap(lambda model, x: model(x))(models, x).shape == (2, 1, 4, 4)
    mean = models.encoder[0].convs[0].norm.norm.mean[...]
    assert mean.shape == (2, 2)
    assert (mean != 0).all()


@pytest.mark.one_in(2)
@pytest.mark.parametrize("transform", [jax.vmap, lambda model: jax.jit(lambda x: jax.vmap(model)(x)), "jit", "grad"])
@pytest.mark.parametrize("axis_name", sparse((None, "batch"), 2))
def test_batch_statistics_under_a_transformation_say_what_to_write(transform, axis_name):
    model, x = normed(axis_name=axis_name), jnp.ones((2, 3, 4, 4))
    if transform == "jit":
        transform, x = jax.jit, x[0]
    elif transform == "grad":
        transform, x = lambda model: jax.grad(lambda x: model(x).sum()), x[0]
    error = error_of(transform(model), x)
    fixes = error.report.fixes
    assert str(error).startswith("a call of encoder[0].convs[0].norm of UNetConfig(")
    mapped = next(fix[fix.index("nnx.vmap(") :] for fix in fixes if "nnx.vmap(" in fix)
    named, batch = normed(axis_name="batch"), jnp.ones((2, 3, 4, 4))
    assert eval(mapped, SCOPE | {"model": named, "x": batch}).shape == (2, 1, 4, 4)
    for fix in fixes:
        if fix.startswith("nnx.jit("):
            assert axis_name is None
            assert eval(fix.split(", for one image")[0], SCOPE | {"model": normed(), "x": batch[0]}).shape == (1, 4, 4)
    assert any(fix.startswith("model.eval()") for fix in fixes)
    model.eval()
    assert transform(model)(x) is not None


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: BatchNorm2d(3, rngs=nnx.Rngs(0)), (2, 3, 4, 4)),
        (tiny, (2, 8, 4, 3)),
        (lambda: BasicBlock(3, rngs=nnx.Rngs(0)), (2, 4, 4, 3)),
    ],
    ids=["layer", "tiny", "resnet"],
)
def test_every_layer_with_batch_statistics_says_so(make, shape):
    model = make()
    with pytest.raises(WellshapedError, match="statistics: inside JAX's vmap, jit or grad"):
        jax.vmap(model)(jnp.ones(shape))


@pytest.mark.parametrize(
    ("channels", "shape", "not_said"),
    [
        (3, (192, 4), "x[None]"),  # an image folded into its height
        (6, (3, 4, 4), "skip"),
        (1, (2, 4, 4), "skip"),
        (1, (3, 4, 4), "batch"),
    ],
    ids=["folded", "half of the channels", "twice the channels", "colours"],
)
def test_nothing_wrong_is_proposed(channels, shape, not_said):
    text = str(error_of(network_of(channels), jnp.ones(shape)))
    assert not_said not in text
    assert re.search(r"  fix: x of shape \(\d, H, W\)", text)


def test_one_image_under_vmap_is_told_from_a_grey_one():
    x = jnp.ones((3, 4, 4))
    text = str(error_of(jax.vmap(rgb()), x))
    assert "jax.vmap is for batches, and took the first axis of a single image" in text
    assert "fix: call without jax.vmap for one image of shape (3, 4, 4)" in text
    assert rgb()(x).shape == (1, 4, 4)


@examples(20)
@given(st.tuples(*[st.integers(1, 9)] * 4), st.tuples(st.integers(0, 2), st.integers(0, 2)))
def test_the_proposed_fix_makes_sizes_equal_at_a_join(sizes, added):
    c, d, h, w = sizes
    skip, up = jnp.ones((c, h, w)), jnp.ones((d, h + added[0], w + added[1]))
    for one, other in ((skip, up), (up, skip)):
        if one.shape[1:] == other.shape[1:]:
            continue
        error = error_of(concat_channels, one, other)
        assert "check(cfg" not in str(error)
        fix = error.report.fixes[0]
        if fix.startswith(("jnp.pad", "up[")):
            other = eval(fix, SCOPE | {"up": other})
            assert concat_channels(one, other).shape[1:] == one.shape[1:]


@examples(25)
@given(st.data())
def test_a_shape_that_is_proposed_is_accepted(data):
    function, shapes = data.draw(
        st.sampled_from(
            [
                (conv2d, {"x": (2, 6, 7), "kernel": (4, 2, 3, 3), "bias": (4,)}),
                (conv_transpose2d, {"x": (4, 6, 7), "kernel": (4, 2, 3, 3), "bias": (2,)}),
                (conv2d_backward, {"x": (2, 6, 7), "kernel": (4, 2, 3, 3), "grad_output": (4, 4, 5)}),
                (concat_channels, {"skip": (2, 6, 7), "up": (4, 6, 7)}),
                (
                    lambda **given: Conv2d(6, 1, 3, rngs=nnx.Rngs(0)).of_joined(**given),
                    {"skip": (2, 6, 7), "up": (4, 6, 7)},
                ),
            ]
        )
    )
    name = data.draw(st.sampled_from(sorted(shapes)))
    axis = data.draw(st.integers(0, len(shapes[name]) - 1))
    changed = list(shapes[name])
    changed[axis] += data.draw(st.sampled_from([-1, 1, 2, 5]))
    arguments = {n: jnp.ones(shape) for n, shape in shapes.items()} | {name: jnp.ones(changed)}
    assume(not accepts(function, arguments))
    error = error_of(function, **arguments)
    assert isinstance(error, WellshapedError)
    at_fault = blamed(error)
    proposed = re.search(rf"fix: {at_fault} of shape \(([^)]*)\)", str(error))
    assume(proposed is not None)
    sizes = [s.strip() for s in proposed[1].split(",") if s.strip()]
    given = arguments[at_fault].shape
    letters = dict(reversed([*zip(sizes, given, strict=True)]))  # a letter that stands twice is one size
    shape = [int(s) if s.isdecimal() else letters[s] for s in sizes]
    assert accepts(function, arguments | {at_fault: jnp.ones(shape)})


class Colours(NamedTuple):
    """A named tuple with typed fields."""

    image: Float[Array, "C H W"]
    mask: Bool[Array, "H W"]


@pytest.mark.parametrize(
    ("hint", "given", "says"),
    [
        (Float[Array, "n"], jax.random.key(0), "it holds key<fry>, and must hold floating-point numbers"),
        (
            Float[Array, "n"] | Int[Array, "n n"],
            jnp.ones((2, 3)),
            "a JAX array, float32[2,3], and must be Float[",
        ),
        (PyTree[Float[Array, "n"]], {"a": jnp.ones((2, 2))}, "must be PyTree[Float[Array, 'n']]"),
        (NewType("Line", Float[Array, "n"]), jnp.ones((2, 2)), "it has 2 axes, and must have 1, (n)"),
        (TypeVar("T", bound=Float[Array, "n"]), jnp.ones((2, 2)), "it has 2 axes, and must have 1, (n)"),
        (Float[Array, "{3}"], jnp.ones(4), "size: axis 3 of x: it is 4, and must be 3"),
        (Float[Array, "x y z"], jnp.ones((2, 3)), "it has 2 axes, and must have 3, (x, y, z)."),
        (Float[Array, "H T C"], jnp.ones((2, 3, 4, 5)), "it has 4 axes, and must have 3, (H, T, C)."),
        (Colours, Colours(jnp.ones((3, 4, 4)), jnp.ones((4, 5), bool)), "axis W of x.mask: it is 5, and must be 4"),
        (dict[str, int], {1: 1}, "x's key: it is 1, of type int, and must be str"),
        (SupportsIndex, "2", "it is '2', of type str, and must be an integer"),
        (Literal["a", "b"], "c", "it is 'c', of type str, and must be Literal['a', 'b']"),
    ],
    ids=str,
)
def test_annotations_of_other_kinds_are_said_plainly(hint, given, says):
    def f(x): ...

    f.__annotations__ = {"x": hint}
    error = error_of(checked(f), given)
    assert isinstance(error, WellshapedError)
    assert says in str(error)


def test_an_integer_that_is_no_natural_number_is_not_blamed():
    @checked
    def f(axis: SupportsIndex, x: Float[Array, "n"]) -> Float[Array, "n"]:
        return x

    for axis in (-1, True):
        assert accepts(f, {"axis": axis, "x": jnp.ones(3)})
        assert blamed(error_of(f, axis, jnp.ones((3, 3)))) == "x"


def test_a_default_that_is_passed_is_an_argument_like_any_other():
    @checked
    def f(x: Float[Array, "n"] = None) -> None: ...

    f()
    assert "it is None, and must be" in str(error_of(f, None))


class Unwritable:
    def __repr__(self):
        raise RuntimeError


class Foreign:
    """An array of another library, with a dtype of its own."""

    def __init__(self, *shape):
        self.shape = shape
        self.dtype = "float32"


def test_values_of_any_kind_are_diagnosed_or_left_to_jaxtyping():
    @checked
    def f(x: Float[Array, "n"] | int, y: Float[Foreign, "n"] = None, z: Float[Foreign, "n"] = None) -> None: ...

    assert isinstance(error_of(f, Unwritable()), UsageError)
    assert isinstance(error_of(f, 1, jnp.ones(3)), UsageError)
    assert isinstance(error_of(f, 1, Foreign(2, 3)), ShapeError)
    assert isinstance(error_of(f, 1, Foreign(2), Foreign(3)), TypeCheckError)


def test_symbolic_sizes_that_do_not_fit_are_no_crash():
    from jax import export

    shape = export.symbolic_shape("4, h, w")
    with pytest.raises((WellshapedError, TypeCheckError)):
        export.export(jax.jit(Conv2d(3, 8, 3, padding=1, rngs=nnx.Rngs(0))))(jax.ShapeDtypeStruct(shape, jnp.float32))


@pytest.mark.parametrize(
    ("given", "fix"),
    [
        (jnp.ones(2, jnp.complex64), "x.real.astype(jnp.float32)"),
        (np.ones(2, ">i8"), "x.astype(jnp.float32)"),
        (jnp.ones(2, jnp.uint8), "x.astype(jnp.float32) / 255"),
    ],
    ids=str,
)
def test_a_conversion_keeps_what_can_be_kept(given, fix):
    assert f"fix: {fix}" in str(error_of(relu, given))
    assert eval(fix, SCOPE | {"x": given}).dtype == jnp.float32


def test_unsigned_integers_keep_their_size():
    @checked
    def f(x: UInt[Array, "n"]) -> None: ...

    assert "fix: x.astype(jnp.uint32)" in str(error_of(f, jnp.array([1000, 2000])))


def test_numbers_of_64_bits_need_a_setting():
    @checked
    def f(x: Float64[Array, "n"]) -> None: ...

    error = error_of(f, jnp.ones(3))
    assert 'fix: jax.config.update("jax_enable_x64", True)' in str(error)


@pytest.mark.parametrize("shape", [(17, 16, 1), (256, 1, 1)])
def test_an_image_whose_turned_sizes_do_not_fit_is_not_told_to_turn_it(shape):
    for model in (grey(), rgb()):
        assert "fix: jnp.moveaxis" not in str(error_of(model, jnp.ones(shape)))


def test_fixes_for_one_image_of_a_batch_say_so():
    text = str(error_of(jax.vmap(grey()), jnp.ones((5, 16, 16))))
    assert "fix: inside jax.vmap, for each image: x[None]" in text
    assert jax.vmap(lambda x: grey()(x[None]))(jnp.ones((5, 16, 16))).shape == (5, 1, 16, 16)


def test_fixes_for_the_sizes_of_a_mapped_image_say_so():
    x = jnp.ones((2, 1, 17, 16))
    text = str(error_of(jax.vmap(grey()), x))
    assert "fix: inside jax.vmap, for each image: x[:, :16, :16] or jnp.pad(x, ((0, 0), (0, 1), (0, 0)))" in text
    assert jax.vmap(lambda x: grey()(x[:, :16, :16]))(x).shape == (2, 1, 16, 16)


def test_messages_stay_short():
    with pytest.raises(UsageError) as error:
        relu([[1.0] * 100] * 100)
    assert max(map(len, str(error.value).splitlines())) < 160


@pytest.mark.parametrize(
    ("call", "fix"),
    [
        (lambda: UNet2("unet2", 1, 2, rngs=nnx.Rngs(0)), 'cfg=PRESETS["unet2"]'),
        (lambda: UNet2("milesial", 1, 2, rngs=nnx.Rngs(0)), 'UNet(PRESETS["milesial"], ...)'),
        (lambda: UNet("no such preset", 1, 2, rngs=nnx.Rngs(0)), "cfg=UNetConfig()"),
        (lambda: UNet(UNet2Config(), 1, 2, rngs=nnx.Rngs(0)), "UNet2(cfg, ...)"),
        (lambda: UNet(graph_of("milesial"), 1, 2, rngs=nnx.Rngs(0)), "TypedNetwork(cfg, ...)"),
        (lambda: UNet2("unetplusplus", 1, 2, rngs=nnx.Rngs(0)), 'TypedNetwork(PRESETS["unetplusplus"], ...)'),
    ],
)
def test_the_fix_of_a_wrong_config_is_a_right_one_or_the_other_network(call, fix):
    assert str(error_of(call)).endswith(f"\n  fix: {fix}")
