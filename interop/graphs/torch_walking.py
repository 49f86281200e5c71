"""Reading the calls of a PyTorch network, one after the other, as nodes.

Each rule has the arguments of PyTorch's function, after a :class:`Step`. Most rules write the call as an equation of
JAX, so that both frameworks share the rules of :mod:`.window_rules`, :mod:`.layout_rules` and :mod:`.value_rules`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from math import prod
from typing import Any

from .draft import Array, Constant, Image, NoStepError, Stack, Unread, layer_path, path_of_all, small_number
from .equation import Equation
from .walker import Walker

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor that a function of PyTorch is given: what is known about it, and its shape."""

    array: Image | Constant | Stack
    shape: tuple[int, ...]

    @property
    def image(self) -> Image:
        """The tensor, if it is an image. Raises :class:`NoStepError` if it is not."""
        if isinstance(self.array, Image):
            return self.array
        if isinstance(self.array, Stack):
            raise NoStepError("different images are on one axis")
        raise NoStepError("it is applied to a constant")

    @property
    def path(self) -> Path:
        """The path of the layer whose parameter this is."""
        return tuple(map(str, layer_path(self.array.path))) if isinstance(self.array, Constant) else ()


@dataclass(frozen=True, slots=True)
class Step:
    """A call of PyTorch, for its rule: its ``name``, the shapes of its results, and the ``path`` of its module."""

    walker: Walker
    name: str
    shapes: Sequence[tuple[int, ...]]
    path: Path = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the first result."""
        return self.shapes[0]

    def as_jax(
        self,
        rule: Any,
        operands: Sequence[Any],
        shape: Sequence[int] = (),
        *,
        name: str = "",
        params: Mapping[str, Any] | None = None,
    ) -> Sequence[Array]:
        """What a rule of JAX computes of these operands, which are tensors, images or numbers."""
        given = [operand_of(self.walker, of) for of in operands]
        if any(isinstance(of.array, Stack) for of in given):
            raise NoStepError("different images are on one axis")
        equation = Equation(name, params or {}, [of.shape for of in given], shape or self.shape, path=self.path)
        results: Sequence[Array] = rule(self.walker, equation, [of.array for of in given])
        return results

    def image(self, rule: Any, operands: Sequence[Any], shape: Sequence[int] = (), **more: Any) -> Image:
        """The one image that a rule of JAX computes."""
        (found,) = self.as_jax(rule, operands, shape, **more)
        assert isinstance(found, Image)
        return found


Rule = Callable[..., Array | Sequence[Array]]
"""What a call with an image among its operands computes: ``rule(step, *args, **kwargs)``."""


def operand_of(walker: Walker, of: Any) -> Operand:
    """An operand, for an operand, an image or a number."""
    if isinstance(of, Operand):
        return of
    if isinstance(of, Image):
        return Operand(of, walker.shape(of))
    return Operand(Constant(value=of), ())


class TorchWalker(Walker):
    """The nodes of recorded calls. ``paths`` are the paths of parameters and ``buffers``, by the ids of the tensors."""

    def __init__(
        self, axes: int, rules: Mapping[str, Rule], paths: Mapping[int, str], buffers: Collection[int]
    ) -> None:
        super().__init__(axes)
        self.rules, self.paths, self.buffers, self.has_paths = rules, paths, buffers, bool(paths)
        self._known: dict[int, Array] = {}
        self._alike: dict[Any, set[int]] = {}
        self._changed: set[int] = set()

    def walk(self, calls: Sequence[Any], inputs: Sequence[tuple[Any, Image]], outputs: Sequence[Any]) -> list[Array]:
        """The outputs of these calls. ``inputs`` are the tensors that the network was given, with their arrays."""
        for tensor, image in inputs:
            self._learn(tensor, image)
        for call in calls:
            self._read(call)
        return [self._output(of) for of in outputs]

    def _output(self, tensor: Any) -> Array:
        (found,) = self.applied("the output", (), 1, lambda: [self._array(tensor)], str)
        if isinstance(found, Stack):
            self.failures.append("the output (different images are on one axis)")
        return found

    def _read(self, call: Any) -> None:
        tensors = [*_tensors((call.args, call.kwargs))]
        results = self._results(call, tensors)
        changed = call.results or tensors[:1]  # what returns nothing changes its first argument
        for tensor, array in zip(changed, results, strict=True):
            self._learn(tensor, array)

    def _learn(self, tensor: Any, array: Array) -> None:
        """Note what a tensor is. If it was another array before, it was changed in place, and its views with it."""
        alike = self._alike.setdefault(_storage(tensor), set())
        if self._known.get(id(tensor), array) != array:
            self._changed |= alike
        self._changed.discard(id(tensor))
        self._known[id(tensor)] = array
        alike.add(id(tensor))

    def _results(self, call: Any, tensors: Sequence[Any]) -> Sequence[Array]:
        outs = max(len(call.results), 1)
        known = [self._known.get(id(of)) for of in tensors]
        of_image = [of for of, array in zip(tensors, known, strict=True) if not isinstance(array, Constant | None)]
        unknown = any(array is None and hasattr(of, "from_image") for of, array in zip(tensors, known, strict=True))
        if call.name in FACTORIES or not (of_image or unknown):
            constants = [of for of in map(self._constant, tensors) if of is not None]
            return [self._of_constants(call, constants, i) for i in range(outs)]
        given = [of for of in known if of is not None]
        return self.applied(call.name, given, outs, lambda: self._by_rule(call, outs), call.line)

    def _by_rule(self, call: Any, outs: int) -> Sequence[Array]:
        rule = self.rules.get(call.name)
        if rule is None:
            raise NoStepError("")
        step = Step(self, call.name, [tuple(of.shape) for of in call.results], _path(call.module if call.plain else ""))
        args, kwargs = self._operands(call.args), self._operands(call.kwargs)
        if "input" in kwargs:
            args = [kwargs.pop("input"), *args]
        try:
            bound = signature(rule).bind(step, *args, **kwargs)
        except TypeError:
            raise NoStepError("with these arguments") from None
        found = rule(*bound.args, **bound.kwargs)
        results = [found] if isinstance(found, Image | Constant | Stack | Unread) else list(found)
        if len(results) != outs:
            raise NoStepError(f"with {outs} results")
        for tensor, array in zip(call.results, results, strict=False):
            if isinstance(array, Image) and self.shape(array) != tuple(tensor.shape):
                raise NoStepError("its result has another shape")
        return results

    def _operands(self, of: Any) -> Any:
        if _is_tensor(of):
            array = self._array(of)
            assert not isinstance(array, Unread)
            return Operand(array, tuple(of.shape))
        if isinstance(of, Mapping):
            return {name: self._operands(value) for name, value in of.items()}
        if isinstance(of, list | tuple):
            return [self._operands(value) for value in of]
        return of

    def _array(self, tensor: Any) -> Array:
        """What is known about a tensor. Raises :class:`NoStepError` if it is not known how it was computed."""
        if id(tensor) in self._changed:
            raise NoStepError("an image that was changed in place through a view of it")
        known = self._known.get(id(tensor)) or self._constant(tensor)
        if known is None:
            raise NoStepError("it was not computed by functions of PyTorch that can be seen")
        return known

    def _constant(self, tensor: Any) -> Constant | None:
        known = self._known.get(id(tensor))
        if isinstance(known, Constant):
            return known
        if known is not None or hasattr(tensor, "from_image"):
            return None
        return Constant(_of_parameter(self.paths.get(id(tensor), "")), learned=id(tensor) not in self.buffers)

    def _of_constants(self, call: Any, constants: Sequence[Constant], i: int) -> Constant:
        """Result ``i`` of a call without images."""
        found = _computed(call, constants)
        if call.name not in _PARTS or not found.path or i >= len(call.results):
            return found
        given, made = next(_tensors((call.args, call.kwargs))).shape, call.results[i].shape
        if len(given) < 2 or prod(made) == prod(given):
            return found
        others = [of for of in (*call.args, *call.kwargs.values()) if not _is_tensor(of)]
        return replace(found, path=self.part_of(found.path, (call.name, str(others), i), len(constants) == 1))


_PARTS = frozenset(
    (
        *("__getitem__", "getitem", "select", "slice", "narrow", "chunk", "split", "unbind", "tensor_split"),
        *("index_select", "take", "gather"),
    )
)
"""What takes a part of a tensor."""


FACTORIES = frozenset(
    (
        *("zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "new_zeros", "new_ones"),
        *("new_empty", "new_full", "new_tensor"),
    )
)
"""What takes an image for its shape and dtype only."""


def _computed(call: Any, constants: Sequence[Constant]) -> Constant:
    path = path_of_all(constants)
    epsilon = next((of.epsilon for of in constants if of.epsilon is not None), None)
    if call.name == "add":
        numbers = [small_number(Constant(value=of)) for of in call.args if isinstance(of, float)]
        epsilon = next((of for of in numbers if of is not None), epsilon)
    along = None
    if call.name in ("expand", "expand_as", "broadcast_to"):
        before, after = call.args[0].shape, call.results[0].shape
        along = tuple(d + len(after) - len(before) for d, n in enumerate(before) if n != 1)
    places = call.name in ("arange", "linspace") or any(of.places for of in constants)
    learned = not path or any(of.learned for of in constants if of.path)
    return Constant(path, epsilon, along=along, places=places, learned=learned)


def ranked(walker: Walker, of: Any, rank: int) -> Operand:
    """An operand with axes of size 1 before its own, as PyTorch broadcasts it."""
    operand = operand_of(walker, of)
    more = rank - len(operand.shape)
    if more <= 0 or (isinstance(operand.array, Constant) and operand.array.value is not None):
        return operand
    array = operand.array
    if isinstance(array, Image):
        array = replace(array, dims=((),) * more + array.dims)
    elif isinstance(array, Constant) and array.along is not None:
        array = replace(array, along=tuple(d + more for d in array.along))
    return Operand(array, (1,) * more + operand.shape)


def _of_parameter(text: str) -> Path:
    """The path of a parameter: that of its module, and its name."""
    path = _path(text)
    if "parametrizations" in path:
        at = path.index("parametrizations")
        path = (*path[:at], path[at + 1])  # the parameter that is computed from others, such as the weight
    if path and path[-1] in _OF_A_WEIGHT:
        path = (*path[:-1], "weight")
    return path


_OF_A_WEIGHT = ("weight_g", "weight_v", "weight_orig")
"""What PyTorch's older weight norm and spectral norm compute a weight from."""


def _path(text: str) -> Path:
    return tuple(text.split(".")) if text else ()


def _storage(tensor: Any) -> Any:
    """What a tensor has in common with its views."""
    try:
        return tensor.untyped_storage()._cdata
    except NotImplementedError:  # inside ``torch.vmap`` it is not accessible
        return tensor


def _is_tensor(of: Any) -> bool:
    return hasattr(of, "untyped_storage")


def _tensors(of: Any) -> Iterator[Any]:
    if _is_tensor(of):
        yield of
    elif isinstance(of, Mapping):
        for value in of.values():
            yield from _tensors(value)
    elif isinstance(of, list | tuple):
        for value in of:
            yield from _tensors(value)
