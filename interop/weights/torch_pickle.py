"""Reading the pickle inside a PyTorch file without running it.

A pickle is a program: it may call any function of Python. Here its instructions are read by a machine that knows only
those that build texts, numbers, lists, dicts and tensors, and only the names in :data:`_KNOWN`. Values of well-known
classes that are no weights, such as the arguments of a training script, become a :class:`LeftOut`. Anything else ends
the reading. So nothing that the file says is ever imported or called.
"""

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MOST_STEPS = 20_000_000
"""The most instructions of a pickle. A network of a thousand arrays needs fifty thousand."""

STORAGES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
"""PyTorch's classes of storages, and the dtypes of their numbers."""


class PickleError(ValueError):
    """A pickle has an instruction or a name that is not read."""


@dataclass(frozen=True, slots=True)
class Storage:
    """The numbers of tensors in a file: the name of the entry, their dtype and how many there are."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor: numbers of a storage from ``offset`` on, with the ``strides`` of each axis."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A value that is not read, such as a path or an array of NumPy. Only its class is known."""

    name: str


@dataclass(frozen=True, slots=True)
class _Name:
    """A function or a class by its name. ``made`` builds what a call of it would return."""

    name: str
    made: Callable[..., Any]


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> StoredTensor:
    numbers = (offset, *shape, *strides) if isinstance(shape, tuple) and isinstance(strides, tuple) else (None,)
    if not isinstance(storage, Storage) or not all(type(n) is int and 0 <= n < 2**63 for n in numbers):
        raise PickleError("a tensor has a strange storage, shape or stride")
    if len(shape) != len(strides):
        raise PickleError(f"a tensor has {len(shape)} sizes and {len(strides)} strides")
    return StoredTensor(storage, offset, shape, strides)


def _parameter(tensor: Any = None, *_: Any) -> Any:
    return tensor


def _ordered(pairs: Any = ()) -> dict[Any, Any]:
    if pairs:
        raise PickleError("an OrderedDict is described in another way")
    return {}


def _left_out(name: str) -> _Name:
    return _Name(name, lambda *_: LeftOut(name))


_DICTS = (
    "collections.defaultdict",
    "lightning_fabric.utilities.data.AttributeDict",
    "lightning.fabric.utilities.data.AttributeDict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
)
"""Classes of dicts, which are read as dicts."""

_SYSTEMS = ("", "Posix", "Windows")
_NUMPY = ("multiarray.scalar", "multiarray._reconstruct", "numeric._frombuffer")
_PLAIN = ("list", "dict", "set", "frozenset", "tuple", "int", "float", "complex", "str", "bytes", "bytearray", "bool")

_OLD = ("slice", "range", "xrange", "long", "unicode")  # the last ones as Python 2 called them
_HARMLESS = (
    *("torch.device", "torch.dtype", "numpy.dtype", "numpy.ndarray", "_codecs.encode"),
    *(f"torch.{dtype}" for dtype in ("bool", *sorted(set(STORAGES.values()) - {"bool"}))),
    *(f"numpy.{core}.{name}" for core in ("core", "_core") for name in _NUMPY),
    *(f"{module}.{name}" for module in ("builtins", "__builtin__") for name in (*_PLAIN, *_OLD)),
    *("argparse.Namespace", "types.SimpleNamespace", "collections.Counter", "collections.deque"),
    *(f"datetime.{name}" for name in ("datetime", "date", "time", "timedelta", "timezone")),
    *(f"pathlib{of}.{pure}{kind}Path" for of in ("", "._local") for pure in ("", "Pure") for kind in _SYSTEMS),
)
"""Names of classes and functions that make plain values, which no network needs."""

_KNOWN: Mapping[str, _Name] = {
    known.name: known
    for known in (
        _Name("collections.OrderedDict", _ordered),
        _Name("torch._utils._rebuild_tensor_v2", _tensor),
        _Name("torch._utils._rebuild_parameter", _parameter),
        _Name("torch._utils._rebuild_parameter_with_state", _parameter),
        _Name("torch.Size", lambda sizes=(): tuple(sizes)),
        *(_Name(f"torch.{name}", lambda *_, name=name: LeftOut(name)) for name in STORAGES),
        *map(_left_out, _HARMLESS),
        *(_Name(name, lambda *_: {}) for name in _DICTS),
    )
}
"""The names that are read."""

_KEYS = (str, int, float, type(None))
"""What may be a key of a dict."""

_MARK = object()


class _Machine:
    """The stack and the memory of a pickle, with one method for each kind of instruction."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise PickleError("a mark is out of place")
        return value

    def to_mark(self) -> list[Any]:
        """The values above the last mark, which are taken off with it."""
        place = len(self.stack) - 1
        while self.stack[place] is not _MARK:
            place -= 1
            if place < 0:
                raise PickleError("a mark is missing")
        values = self.stack[place + 1 :]
        del self.stack[place:]
        return values

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def take(self, count: int) -> tuple[Any, ...]:
        values = tuple(self.pop() for _ in range(count))
        return values[::-1]

    def name(self, module: Any, name: Any) -> None:
        found = _KNOWN.get(f"{module}.{name}")
        if found is None:
            raise PickleError(f"it asks for {module}.{name}")
        self.push(found)

    def call(self) -> None:
        function, given = self.take(2)
        if not isinstance(function, _Name) or not isinstance(given, tuple):
            raise PickleError("it calls something that is no function")
        self.push(function.made(*given))

    def storage(self) -> None:
        given = self.pop()
        if not isinstance(given, tuple) or len(given) != 5 or given[0] != "storage" or not isinstance(given[1], _Name):
            raise PickleError("a storage is described in another way")
        kind, key, count = given[1].name.removeprefix("torch."), given[2], given[4]
        if kind not in STORAGES or not isinstance(key, str) or type(count) is not int or count < 0:
            raise PickleError(f"a storage of the class {given[1].name} is described in another way")
        self.push(Storage(key, STORAGES[kind], count))

    def append(self, values: list[Any]) -> None:
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(values)
        elif not isinstance(self.stack[-1], LeftOut):
            raise PickleError("it appends to something that is no list")

    def frozen(self) -> None:
        self.to_mark()
        self.push(LeftOut("builtins.frozenset"))

    def set(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, dict):
            if not all(isinstance(key, _KEYS) for key in values[::2]):  # the hash of nested tuples can take forever
                raise PickleError("a key of a dict is no text or number")
            target.update(zip(values[::2], values[1::2], strict=True))
        elif not isinstance(target, LeftOut):
            raise PickleError("it sets an item of something that is no dict")

    def build(self) -> None:
        """The attributes of an object: those of an ``OrderedDict`` are the versions of modules, which are left out."""
        self.pop()
        if not isinstance(self.stack[-1], dict | LeftOut):
            raise PickleError("it sets attributes of an object")

    def get(self, place: int) -> None:
        self.push(self.memory[place])

    def put(self, place: int) -> None:
        self.memory[place] = self.stack[-1]


_Step = Callable[[_Machine, Any], None]

_PUSHED = (
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINSTRING", "SHORT_BINSTRING"),
)
"""The instructions that push their argument."""

_STEPS: Mapping[str, _Step] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda machine, _: None),
    **dict.fromkeys(_PUSHED, lambda machine, value: machine.push(value)),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_SET": lambda machine, _: machine.push(LeftOut("builtins.set")),
    "ADDITEMS": lambda machine, _: machine.append(machine.to_mark()),
    "FROZENSET": lambda machine, _: machine.frozen(),
    "BYTEARRAY8": lambda machine, value: machine.push(bytes(value)),
    "MARK": lambda machine, _: machine.push(_MARK),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "TUPLE1": lambda machine, _: machine.push(machine.take(1)),
    "TUPLE2": lambda machine, _: machine.push(machine.take(2)),
    "TUPLE3": lambda machine, _: machine.push(machine.take(3)),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.to_mark())),
    "APPEND": lambda machine, _: machine.append([machine.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.to_mark()),
    "SETITEM": lambda machine, _: machine.set([*machine.take(2)]),
    "SETITEMS": lambda machine, _: machine.set(machine.to_mark()),
    "BINGET": lambda machine, place: machine.get(place),
    "LONG_BINGET": lambda machine, place: machine.get(place),
    "BINPUT": lambda machine, place: machine.put(place),
    "LONG_BINPUT": lambda machine, place: machine.put(place),
    "MEMOIZE": lambda machine, _: machine.put(len(machine.memory)),
    "GLOBAL": lambda machine, names: machine.name(*names.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.name(*machine.take(2)),
    "REDUCE": lambda machine, _: machine.call(),
    "NEWOBJ": lambda machine, _: machine.call(),
    "BINPERSID": lambda machine, _: machine.storage(),
    "BUILD": lambda machine, _: machine.build(),
}
"""The instructions that are read, each with what it does."""


def read_pickle(data: bytes) -> Any:
    """Return what a pickle describes, with a :class:`StoredTensor` for each tensor.

    Raises :class:`PickleError` for an instruction or a name that is not in the tables, and for a pickle that is
    truncated or contradicts itself. No code of the pickle runs.

    >>> import pickle
    >>> read_pickle(pickle.dumps({"epoch": 3, "sizes": (1, 2)}))
    {'epoch': 3, 'sizes': (1, 2)}
    >>> read_pickle(pickle.dumps(print))
    Traceback (most recent call last):
    ...
    wellshaped.interop.weights.torch_pickle.PickleError: it asks for builtins.print
    """
    machine = _Machine()
    try:
        for count, (instruction, argument, _) in enumerate(pickletools.genops(data)):
            step = _STEPS.get(instruction.name)
            if step is None or count >= MOST_STEPS:
                raise PickleError(f"it has the instruction {instruction.name}" if step is None else "it is too long")
            step(machine, argument)
        (result,) = machine.stack
    except PickleError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise PickleError(f"it is damaged: {str(error)[:100] or type(error).__name__}") from None
    return result
