"""``checked`` judges every call alike: the first and the thousandth, whatever its annotations read."""

import ast
from collections.abc import Callable, ItemsView, Mapping, Sequence, ValuesView
from functools import partial
from inspect import unwrap
from types import SimpleNamespace
from typing import Annotated, Any, NamedTuple, NewType, TypedDict, TypeVar

import annotations
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from beartype.vale import Is
from effort import examples
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import AbstractArray, Array, Bool, Float, Int, PyTree, TypeCheckError, config

from wellshaped.models import (
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    MaxPool2d,
    TypedNetwork,
    UNet,
    checked,
    conv2d,
    conv2d_backward,
    max_pool2d,
    relu,
)
from wellshaped.models.typed.memory import MEMORIES
from wellshaped.spec import ShapeError, UNetConfig, UsageError, WellshapedError

REJECTED = (WellshapedError, TypeCheckError)


def accepts(call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except REJECTED:
        return False
    return True


def image(channels):
    return jnp.ones((channels, 2, 2))


# What an annotation can read. Each makes a call whose annotation takes `n` channels, and gives it `m`.


def reading(expression, make, *, result=False):
    """A module whose annotation reads its attribute ``v``, which ``make(n)`` makes."""
    axes = f"{expression} H W"

    class Reader(nnx.Module):
        def __init__(self, v):
            self.v = nnx.data(v) if isinstance(v, list | nnx.Module) else v

        if result:

            @checked
            def __call__(self, x: Float[Array, "C H W"], y: Any = None) -> Float[Array, axes]:
                return x
        else:

            @checked
            def __call__(self, x: Float[Array, axes], y: Any = None) -> Float[Array, "C H W"]:
                return x

    return lambda n, m: Reader(make(n))(image(m))


class Nested(nnx.Module):
    def __init__(self, w):
        self.w = w


def class_attribute():
    class Reader(nnx.Module):
        wanted = 0

        @checked
        def __call__(self, x: Float[Array, "{self.wanted} H W"]) -> Float[Array, "C H W"]:
            return x

    reader = Reader()

    def call(n, m):
        Reader.wanted = n
        return reader(image(m))

    return call


def order_of_setting():
    class Reader(nnx.Module):
        @checked
        def __call__(self, x: Float[Array, "{self.a} H W"]) -> Float[Array, "C H W"]:
            return x

    def call(n, m):
        reader = Reader()
        for name, value in (("a", n), ("b", 4)) if n < 4 else (("b", 4), ("a", n)):
            setattr(reader, name, value)
        return reader(image(m))

    return call


def one_or_none():
    class Reader(nnx.Module):
        @checked
        def __call__(
            self, x: Float[Array, "{max(filter(bool,(self.a,5-2*bool(self.a))))} H W"]
        ) -> Float[Array, "C H W"]:
            return x

    def call(n, m):
        reader = Reader()
        reader.a, reader.b = (None, 3) if n == 5 else (n, None)
        return reader(image(m))

    return call


def values_of_an_array():
    @checked
    def f(x: Float[Array, "{int(sizes[0])} H W"], sizes: Int[Array, "_"]) -> Float[Array, "C H W"]:
        return x

    return lambda n, m: f(image(m), jnp.array([n]))


def state_behind_a_function():
    state = {}

    def wanted():
        return state["n"]

    @checked
    def f(x: Float[Array, "{size()} H W"], size: Callable[[], int] = wanted) -> Float[Array, "C H W"]:
        return x

    def call(n, m):
        state["n"] = n
        return f(image(m), wanted) if n % 2 else f(image(m))

    return call


def mutable_default():
    state = [0]

    @checked
    def f(x: Float[Array, "{sizes[0]} H W"], sizes: list[int] = state) -> Float[Array, "C H W"]:
        return x

    def call(n, m):
        state[0] = n
        return f(image(m))

    return call


GLOBAL = SimpleNamespace(n=0)


def global_read_by_a_method():
    class Reader(nnx.Module):
        def size(self):
            return GLOBAL.n

        @checked
        def __call__(self, x: Float[Array, "{self.size()} H W"]) -> Float[Array, "C H W"]:
            return x

    reader = Reader()

    def call(n, m):
        GLOBAL.n = n
        return reader(image(m))

    return call


def changing_result():
    state = {}

    @checked
    def f(x: Float[Array, "C H W"]) -> Float[Array, "C H W"]:
        return x[: state["m"]] if state["m"] else x[0, 0, 0]

    def call(n, m):
        state["m"] = m if m < n else n if m == n else 0  # fewer channels, or no axes at all
        return f(image(n))

    return call


ATTRIBUTES = {
    "a tuple": ("{self.v[0]}", lambda n: (n,)),
    "a list": ("{self.v[0]}", lambda n: [n]),
    "an int": ("{self.v}", lambda n: n),
    "a NumPy integer": ("{self.v}", np.int64),
    "a float": ("{int(self.v)}", float),
    "a string": ("{len(self.v)}", lambda n: "a" * n),
    "a bool": ("{3+2*self.v}", lambda n: n == 5),
    "a function": ("{self.v()}", lambda n: lambda: n),
    "the shape of a parameter": ("{self.v.shape[0]}", lambda n: nnx.Param(jnp.ones(n))),
    "a nested module": ("{self.v.w}", Nested),
    "a dict": ("{[*self.v.values()][0]}", lambda n: {"n": n}),
}
READINGS = {
    **{name: reading(*of) for name, of in ATTRIBUTES.items()},
    **{f"{name}, for the result": reading(*of, result=True) for name, of in ATTRIBUTES.items()},
    "a class attribute": class_attribute(),
    "ints set in another order": order_of_setting(),
    "an int or None": one_or_none(),
    "the values of an array": values_of_an_array(),
    "state behind a function": state_behind_a_function(),
    "a mutable default": mutable_default(),
    "a global": global_read_by_a_method(),
    "a result that changes": changing_result(),
}
THREE_OR_FIVE = st.sampled_from([3, 5])


@pytest.mark.one_in(4)
@examples(10)
@given(st.lists(st.tuples(THREE_OR_FIVE, THREE_OR_FIVE), min_size=2, max_size=6))
@pytest.mark.parametrize("name", READINGS)
def test_a_call_is_accepted_after_any_history_iff_its_sizes_are_those_that_the_annotation_reads(name, history):
    for n, m in history:
        assert accepts(READINGS[name], n, m) == (n == m)


@examples(50)
@given(annotations.functions(), st.data())
def test_a_call_with_any_annotations_is_accepted_after_any_history_iff_a_fresh_check_accepts_it(function, data):
    with_history = checked(function.make())
    for _ in range(4):
        arguments = data.draw(function.calls())
        fresh = checked(function.make())
        assert accepts(with_history, **arguments) == accepts(fresh, **arguments)


@settings(max_examples=100)
@given(annotations.functions(), st.data())
def test_calls_made_to_fit_are_accepted(function, data):
    assert accepts(checked(function.make()), **data.draw(function.fitting_calls()))


# Built-in layers remember.


class Halving(Conv2d):
    def size(self, n):
        return n // 2


LAYERS = {
    "Conv2d": lambda: Conv2d(2, 3, 3, padding=1, rngs=nnx.Rngs(0)),
    "ConvTranspose2d": lambda: ConvTranspose2d(2, 3, 2, stride=2, rngs=nnx.Rngs(0)),
    "MaxPool2d": lambda: MaxPool2d(2, 2),
    "a subclass": lambda: Halving(2, 3, 3, padding=1, rngs=nnx.Rngs(0)),
}
CHANGES = st.tuples(
    st.sampled_from(["in_channels", "out_channels", "stride", "padding", "kernel_size", "size"]),
    st.sampled_from([1, 2, 3, np.int64(2), True, 2.0, (2,), None]),
)


@settings(max_examples=40)
@given(st.sampled_from(sorted(LAYERS)), st.lists(CHANGES, max_size=3), st.sampled_from([(2, 8, 8), (3, 8, 8)]))
def test_a_layer_is_judged_by_its_numbers_as_they_are_now(name, changes, shape):
    layer, x = LAYERS[name](), jnp.ones(shape)
    accepts_anything(layer, x)
    for attribute, value in changes:
        if attribute == "size":
            value = lambda n: n  # noqa: E731 an attribute of the layer, which hides the method
        setattr(layer, attribute, value)
        after_history = accepts_anything(layer, x)
        forget()
        assert after_history == accepts_anything(layer, x)


def accepts_anything(layer, x):
    """Whether the call is accepted. Numbers that are none of a layer may make anything of it but an acceptance."""
    try:
        layer(x)
    except Exception:
        return False
    return True


def forget():
    for memory in MEMORIES:
        memory.accepted.clear()


def test_a_class_whose_size_function_is_replaced_is_judged_anew(monkeypatch):
    layer, x = MaxPool2d(2, 2), jnp.ones((1, 8, 8))
    layer(x)
    monkeypatch.setattr(MaxPool2d, "size", lambda self, n: n + 100)
    with pytest.raises(TypeCheckError, match="checking the return value"):
        layer(x)


@pytest.fixture
def judged(monkeypatch):
    """The checks of arrays that are made, one by one."""
    judged = []
    counting = lambda *of: judged.append(of) or isinstance(*of)  # noqa: E731 in place of a builtin
    monkeypatch.setattr("wellshaped.models.typed.entries.isinstance", counting, raising=False)
    return judged


@pytest.mark.parametrize("value", [np.int64(2), 2.0], ids=repr)
def test_a_number_of_a_layer_that_only_equals_the_one_before_is_judged_each_time(judged, value):
    layer, x = LAYERS["Conv2d"](), jnp.ones((2, 8, 8))
    layer(x)
    layer.in_channels = value
    for _ in range(2):
        judged.clear()
        assert accepts(layer, x)
        assert judged


def test_a_call_that_was_accepted_without_checks_is_not_remembered():
    x = jnp.ones((3, 8, 8))
    layer = LAYERS["Conv2d"]()
    layer.kernel = nnx.Param(jnp.ones((3, 3, 3, 3)))
    config.update("jaxtyping_disable", True)
    try:
        layer(x)  # three channels, where the layer has two
    finally:
        config.update("jaxtyping_disable", False)
    assert not accepts(layer, x)


def test_a_builtin_call_like_an_accepted_one_is_not_judged_again(judged):
    layer, x = LAYERS["Conv2d"](), jnp.ones((2, 21, 23))
    layer(x)
    first = len(judged)
    layer(x)
    assert len(judged) == first > 0


@pytest.mark.parametrize("memory", MEMORIES, ids=lambda memory: memory.judge.function.__qualname__)
def test_a_remembered_annotation_reads_nothing_but_what_the_key_holds(memory):
    parameters = memory.judge.signature.parameters
    for hint in (*(p.annotation for p in parameters.values()), memory.judge.signature.return_annotation):
        for expression in expressions_of(hint):
            for node in ast.walk(expression):
                if isinstance(node, ast.Name):
                    assert node.id in parameters or node.id in ("min", "max"), ast.unparse(expression)
            for name in names_but_for_shapes(expression):
                assert not is_array(parameters[name].annotation), ast.unparse(expression)
            for attribute in attributes_of_self(expression):
                assert attribute in ("size", "_width") or attribute in reads_of(memory), ast.unparse(expression)


def is_array(hint):
    return isinstance(hint, type) and issubclass(hint, AbstractArray)


def expressions_of(hint):
    if is_array(hint):
        text = ast.parse(f"f{hint.dim_str!r}", mode="eval").body
        yield from (part.value for part in text.values if isinstance(part, ast.FormattedValue))
    for part in getattr(hint, "__args__", ()):
        yield from expressions_of(part)


def names_but_for_shapes(expression):
    """The arguments that an expression reads, except those whose shape alone it reads."""
    shapes = {
        node.value.value
        for node in ast.walk(expression)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute) and node.value.attr == "shape"
    }
    names = [node for node in ast.walk(expression) if isinstance(node, ast.Name) and node not in shapes]
    return [name.id for name in names if name.id not in ("min", "max")]


def attributes_of_self(expression):
    attributes = [node for node in ast.walk(expression) if isinstance(node, ast.Attribute)]
    return [node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id == "self"]


def reads_of(memory):
    """What the classes that have this method list; all of them must."""
    from wellshaped import models

    name = memory.judge.function.__name__
    modules = (models, *(getattr(models, room) for room in ("conv", "resnet", "tiny_unet")))
    kinds = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type)}
    method = unwrap(memory.judge.function)
    having = [kind for kind in kinds if unwrap(getattr(kind, name, print)) is method]
    assert having
    return set.intersection(*(set(vars(kind)["_type_reads"]) for kind in having))


# One body, run once, in one scope.


def test_the_body_runs_once_whatever_it_returns():
    runs, results = [], iter([jnp.ones((1, 2)), jnp.ones((2, 1)), jnp.ones(()), jnp.ones((1, 2))])

    @checked
    def f(x: Float[Array, "n"]) -> Float[Array, "_ _"]:
        runs.append(x)
        return next(results)

    assert [accepts(f, jnp.ones(3)) for _ in range(4)] == [True, True, False, True]
    assert len(runs) == 4


def test_a_layer_within_a_layer_runs_once_also_where_its_result_changes():
    from wellshaped.models import UNet2
    from wellshaped.spec import UNet2Config

    model = UNet2(UNet2Config(base_channels=2), 1, 2, rngs=nnx.Rngs(0))
    x, runs = jnp.ones((1, 4, 4)), []

    class Other(nnx.Module):
        def __init__(self, height):
            self.height = height

        def __call__(self, x):
            runs.append(self.height)
            assert isinstance(x, Float[Array, "H W"]) or x.ndim == 3  # names of its own, and none of the caller's
            return jnp.ones((2, self.height, 4))

    for height in (4, 4, 5, 4):
        model.out1x1 = Other(height)
        assert accepts(model, x) == (height == 4)
    assert runs == [4, 4, 5, 4]


def test_the_names_of_a_body_are_its_own_at_every_call():
    bound = []

    @checked
    def inner(x: Float[Array, "_"]) -> None:
        bound.append(isinstance(x, Float[Array, "H"]))

    @checked
    def outer(x: Float[Array, "H"]) -> None:
        inner(x[1:])
        bound.append(isinstance(x, Float[Array, "H"]))
        bound.append(isinstance(x[1:], Float[Array, "H"]))

    for _ in range(3):
        outer(jnp.ones(3))
    assert bound == [True, True, False] * 3


# Containers.

GOOD, BAD = jnp.ones((2, 4, 4)), jnp.ones((2, 4))
IMAGE = Float[Array, "c h w"]


class Pair(NamedTuple):
    first: Any
    second: Any


class Typed(NamedTuple):
    first: IMAGE
    second: int


class Keys(TypedDict):
    first: IMAGE


class Images(list[IMAGE]):
    pass


class ByName(dict[str, IMAGE]):
    pass


@pytest.mark.parametrize(
    ("hint", "good", "bad"),
    [
        (list[IMAGE], [GOOD] * 3, [GOOD, GOOD, BAD]),
        (Sequence[IMAGE], (GOOD, GOOD), (GOOD, BAD)),
        (tuple[IMAGE, ...], (GOOD,) * 3, (GOOD, GOOD, BAD)),
        (tuple[IMAGE, int], (GOOD, 1), (GOOD, "1")),
        (tuple[IMAGE, IMAGE], (GOOD, GOOD), (GOOD,)),
        (tuple[()], (), (GOOD,)),
        (dict[str, IMAGE], {"a": GOOD, "b": GOOD}, {"a": GOOD, "b": BAD}),
        (dict[str, IMAGE], {"a": GOOD}, {"a": GOOD, 1: GOOD}),
        (Mapping[str, list[IMAGE]], {"a": [GOOD, GOOD]}, {"a": [GOOD, BAD]}),
        (list[IMAGE | None], [GOOD, None], [GOOD, None, BAD]),
        (list[IMAGE] | None, [GOOD], [GOOD, BAD]),
        (list[dict[str, tuple[IMAGE, ...]]], [{"a": (GOOD,)}], [{"a": (GOOD,)}, {"b": (GOOD, BAD)}]),
        (Annotated[list[IMAGE], Is[lambda given: len(given) < 3]], [GOOD] * 2, [GOOD] * 3),
        (Annotated[list[IMAGE], "said"], [GOOD] * 2, [GOOD, BAD]),
        (list[int], [1] * 99, [1] * 99 + ["1"]),
        (PyTree[IMAGE], {"a": [GOOD]}, {"a": [GOOD, BAD]}),
        (Pair, Pair(1, 2), (1, 2)),
        (Typed, Typed(GOOD, 1), Typed(BAD, 1)),
        (Keys, {"first": GOOD}, {"first": BAD}),
        (Keys, {"first": GOOD}, {}),
        (Images, Images([GOOD] * 2), Images([GOOD, BAD])),
        (ByName, ByName(a=GOOD), ByName(a=GOOD, b=BAD)),
        (NewType("Named", list[IMAGE]), [GOOD] * 2, [GOOD, BAD]),
        (TypeVar("T", bound=list[IMAGE]), [GOOD] * 2, [GOOD, BAD]),
        (ItemsView[str, IMAGE], {"a": GOOD}.items(), {"a": GOOD, "b": BAD}.items()),
        (ValuesView[IMAGE], {"a": GOOD}.values(), {"a": GOOD, "b": BAD}.values()),
    ],
)
def test_every_entry_of_a_container_is_checked_every_time(hint, good, bad):
    def f(given):
        return given

    f.__annotations__ = {"given": hint, "return": hint}
    assert all(accepts(checked(f), good) for _ in range(5))
    assert not any(accepts(checked(f), bad) for _ in range(20))
    result_is_bad = checked(returning(bad, hint))
    assert not any(accepts(result_is_bad) for _ in range(20))


def returning(value, hint):
    def f():
        return value

    f.__annotations__ = {"return": hint}
    return f


def test_an_iterator_is_not_used_up():
    from collections.abc import Iterator

    @checked
    def f(given: Iterator[int]) -> list[int]:
        return list(given)

    assert f(iter([1, 2])) == [1, 2]


def test_sizes_agree_across_a_container_and_beside_it():
    @checked
    def decoder(
        skips: list[Float[Array, "_ h w"]], x: Float[Array, "c h w"], *more: Float[Array, "c h w"], **named: IMAGE
    ):
        return x

    assert accepts(decoder, [GOOD, GOOD[:1]], GOOD, GOOD, last=GOOD)
    for call in (
        lambda: decoder([GOOD, GOOD[:, 1:]], GOOD),
        lambda: decoder([GOOD], GOOD[:, 1:]),
        lambda: decoder([GOOD], GOOD, GOOD, GOOD[1:]),
        lambda: decoder([GOOD], GOOD, last=GOOD[1:]),
    ):
        assert not accepts(call)


# Kinds of functions and arrays.


def test_static_and_class_methods_and_properties_are_checked():
    class Kinds:
        n = 2

        @checked
        @staticmethod
        def static(x: Float[Array, "2"]) -> None: ...

        @checked
        @classmethod
        def of_class(cls, x: Float[Array, "{cls.n}"]) -> None: ...

        @checked
        @property
        def size(self) -> Float[Array, "2"]:
            return jnp.ones(self.n)

    assert accepts(Kinds.static, jnp.ones(2))
    assert not accepts(Kinds.static, jnp.ones(3))
    assert accepts(Kinds.of_class, jnp.ones(2))
    assert not accepts(Kinds.of_class, jnp.ones(3))
    kinds = Kinds()
    assert kinds.size.shape == (2,)
    kinds.n = 3
    with pytest.raises(TypeCheckError):
        _ = kinds.size


def test_a_class_is_rejected_because_nothing_in_it_would_be_checked():
    with pytest.raises(UsageError, match="fix: @checked on each method"):

        @checked
        class Model(nnx.Module):
            pass


def test_a_lambda_is_taken_too():
    assert checked(lambda x: x)(3) == 3


def test_a_compiled_function_is_checked():
    @checked
    @jax.jit
    def f(x: Float[Array, "n"], y: Float[Array, "n"]) -> Float[Array, "n"]:
        return x + y

    assert accepts(f, jnp.ones(3), jnp.ones(3))
    assert not accepts(f, jnp.ones(3), jnp.ones(1))


def test_annotations_that_are_strings_are_read_where_they_stand():
    size = Float[Array, "3"]

    def f(x: "size", y: "list[Later]") -> "size":
        return x

    f = checked(f)
    assert size
    with pytest.raises(UsageError, match="name 'Later' is not defined"):
        f(jnp.ones(3), [])

    @checked
    def g(x: "size", y: "list[size]") -> "size":
        return x

    assert accepts(g, jnp.ones(3), [jnp.ones(3)])
    assert not accepts(g, jnp.ones(3), [jnp.ones(3), jnp.ones(2)])
    assert not accepts(g, jnp.ones(2), [])


def test_a_string_is_read_in_the_function_around_and_not_in_its_callers():
    def outer():
        def inner():
            def f(x: "NAMED"): ...

            return checked(f)

        return inner

    def unrelated():
        NAMED = Float[Array, "n"]  # noqa: N806, F841 a name of its own
        return outer()()

    f = unrelated()
    assert accepts(f, GOOD)
    assert not accepts(f, GOOD[0, 0])


NAMED = Float[Array, "c h w"]


def test_a_string_may_name_what_an_outer_function_defines_while_it_runs():
    Outer = Float[Array, "c h w"]  # noqa: N806 a name like that of a class

    def inner():
        @checked
        def f(x: "Outer") -> None: ...

        return f

    f = inner()
    assert accepts(f, GOOD)
    assert not accepts(f, BAD)
    assert Outer


def test_a_string_may_name_what_is_defined_later_and_be_decorated_by_a_helper():
    def helper(function):
        return checked(function)

    class Model:
        @helper
        def method(self, x: "Later", y: "Model") -> "Later":
            return x

    Later = Float[Array, "c h w"]  # noqa: N806 a name like that of a class
    model = Model()
    assert accepts(model.method, GOOD, model)
    assert not accepts(model.method, GOOD, 3)
    assert Later


def test_async_functions_and_objects_that_are_called_are_rejected_at_once():
    async def later(x: Float[Array, "n"]) -> Float[Array, "n"]:
        return x

    for callable_ in (later, partial(later), np.add):
        with pytest.raises(UsageError, match="checked is for functions"):
            checked(callable_)


def test_numpy_arrays_in_containers_and_unions_are_taken_as_jax_takes_them():
    @checked
    def f(
        x: list[Float[Array, "n"]],
        y: dict[str, Float[Array, "n"]],
        z: Float[Array, "n"] | None,
        *more: Float[Array, "n"],
    ) -> Any:
        return x, y, z, more

    a, b = np.ones(3, np.float32), jnp.ones(3)
    made = f([a, b], {"k": a}, a, a)
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(made))
    given = [b], {"k": b}
    assert [new is old for new, old in zip(f(*given, None)[:2], given, strict=True)] == [True, True]


def test_numpy_arrays_are_taken_where_they_are_wanted_and_as_jax_takes_them_elsewhere():
    kinds = []

    @checked
    def f(x: Float[np.ndarray, "n"], y: Float[Array, "n"], m: Bool[Array, "n"], other: Any) -> None:
        kinds.extend(isinstance(value, np.ndarray) for value in (x, y, m, other))

    given = np.ones(3, np.float32)
    f(given, given, given > 0, given)
    f(given, y=given, m=given > 0, other=given)
    assert kinds == [True, False, False, True] * 2
    assert not accepts(f, jnp.ones(3), given, given > 0, given)


@pytest.mark.parametrize(
    ("array", "fix"),
    [
        (np.ma.masked_array(np.ones((1, 4, 4)), np.eye(4)[None]), "x.filled(0)"),
        (np.ones((1, 4, 4), ">f4"), "x.astype(jnp.float32)"),
        (np.ones((1, 4, 4), np.longdouble), "x.astype(jnp.float32)"),
        (np.ones((1, 4, 4), np.int16), "x.astype(jnp.float32)"),
    ],
    ids=["masked", "big-endian", "long double", "int16"],
)
@pytest.mark.parametrize("function", [relu, MaxPool2d(2, 2)], ids=["function", "layer"])
def test_numpy_arrays_that_jax_has_not_are_rejected_with_a_fix_that_works(function, array, fix):
    is_masked = isinstance(array, np.ma.MaskedArray)
    with pytest.raises(UsageError if is_masked else ShapeError) as error:
        function(array)
    assert f"fix: {fix}" in str(error.value)
    assert accepts(function, eval(fix, {"x": array, "jnp": jnp}))


@pytest.mark.parametrize(
    ("call", "says", "fix"),
    [
        (lambda: relu(), "relu needs x", "x=…"),
        (lambda: relu(1, 2), "relu takes 1 argument by position, and got 2", "leave out 2"),
        (
            lambda: conv2d_backward(GOOD, GOOD, GOOD, dilation=2),
            "has no argument dilation",
            "leave out dilation; its arg",
        ),
        (lambda: max_pool2d(np.ones((1, 2, 2))), "max_pool2d needs kernel", "kernel=1"),
        (lambda: MaxPool2d(2, 2).backward(GOOD), "MaxPool2d.backward needs grad_output", "grad_output=…"),
        (lambda: MaxPool2d(kernl=3), "MaxPool2d has no argument kernl", "kernel=3"),
        (lambda: MaxPool2d(2, kernel=3), "MaxPool2d got kernel by position and by name", "leave out kernel=3"),
        (lambda: Conv2d(1, 1, 3), "Conv2d needs rngs", "rngs=nnx.Rngs(0)"),
        (lambda: Conv2d(1, 1, 3, rng=nnx.Rngs(0)), "Conv2d has no argument rng", "rngs=nnx.Rngs(0)"),
        (lambda: UNet(UNetConfig(), 3, rngs=nnx.Rngs(0)), "UNet needs out_channels", "out_channels=1"),
        (lambda: UNet(UNetConfig(), 3, 1, nnx.Rngs(0)), "UNet takes 3 arguments by position", "rngs=nnx.Rngs(0)"),
        (lambda: TypedNetwork("demucs"), "TypedNetwork needs rngs", "rngs=nnx.Rngs(0)"),
        (
            lambda: TypedNetwork("milesial", 3, 1),
            "TypedNetwork takes 1 argument by position, and got 3",
            "TypedNetwork(graph_of(network, in_channels, out_channels), rngs=rngs), rngs=nnx.Rngs(0)",
        ),
    ],
)
def test_misspelled_missing_and_surplus_arguments_are_one_error_with_a_fix(call, says, fix):
    with pytest.raises(UsageError) as error:
        call()
    assert isinstance(error.value, TypeError)
    assert says in error.value.report.failures[0].says
    assert error.value.report.fixes[0].startswith(fix)


@pytest.mark.parametrize(
    ("make", "fix"),
    [
        (lambda: UNet(UNetConfig(), 3, 1, momentum="a", rngs=nnx.Rngs(0)), "momentum=0.99"),
        (lambda: UNet(UNetConfig(), 3, 1, axis_name=3, rngs=nnx.Rngs(0)), "axis_name=None"),
        (lambda: UNet(UNetConfig(), 3, 1, remat=3, rngs=nnx.Rngs(0)), "remat=()"),
        (lambda: BatchNorm2d(4, axis_name=("images", 3), rngs=nnx.Rngs(0)), "axis_name=None"),
        (lambda: BatchNorm2d(4, epsilon="a", rngs=nnx.Rngs(0)), "epsilon=1e-05"),
    ],
)
def test_the_fix_of_an_argument_of_a_wrong_type_is_its_default(make, fix):
    with pytest.raises(UsageError) as error:
        make()
    assert error.value.report.fixes == (fix,)


def test_a_type_error_of_the_body_stays():
    @checked
    def f(x: int) -> int:
        return x + "1"

    with pytest.raises(TypeError, match="unsupported operand"):
        f(1)


def test_calls_with_other_arguments_are_remembered_apart():
    x, kernel, bias = jnp.ones((1, 8, 8)), jnp.ones((1, 1, 3, 3)), jnp.ones(1)
    shapes = [conv2d(x, kernel, bias, **window).shape for window in ({}, {"stride": 2}, {"padding": 2}, {}) * 2]
    assert shapes == [(1, 6, 6), (1, 3, 3), (1, 10, 10), (1, 6, 6)] * 2
