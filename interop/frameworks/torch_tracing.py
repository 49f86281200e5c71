"""PyTorch's shape rules on symbolic sizes, with every comparison of sizes decided for a sample and recorded.

A network runs on PyTorch's fake tensors: they have shapes, and no memory. In a symbolic trace the open sizes are nodes
of :mod:`.torch_sizes`; in a trial they are plain numbers. Both report what arose in an operation in the same way.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any

import torch
from torch._dispatch.python import enable_python_dispatcher
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
    UnsupportedFakeTensorException,
    UnsupportedOperatorException,
)
from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

from ...spec.messages.report import UsageError
from ...spec.messages.written import written_argument
from ..sizes.overtime import Overtime, look
from ..sizes.paths import (
    Accepted,
    End,
    Path,
    Rejected,
    Unknown,
    asks_for_values,
    names_of_outputs,
    require_arrays,
    stopped,
)
from ..sizes.places import first_line, innermost, own_frame
from ..sizes.shapes import OpenShape
from ..sizes.traced import Sizes
from .torch_calls import Calls, Recorded
from .torch_dtypes import dtype_error
from .torch_indices import Indices
from .torch_models import TorchNetwork, leaves
from .torch_quick import quick_result
from .torch_repeats import Repeats
from .torch_sizes import Node, nodes
from .torch_stand_ins import PLAIN, SAME, hint, numbers_stay_symbolic
from .torch_views import is_image, note_views, root_of, tensors_in, written


class TorchTracer:
    """A PyTorch network on images of these ``shapes``, with the names of open sizes, and ``dtypes``."""

    def __init__(self, network: TorchNetwork, shapes: Sequence[OpenShape], dtypes: Sequence[Any]) -> None:
        self.network, self.shapes = network, shapes
        self.dtypes = [_dtype(of) for of in dtypes]

    def prepare(self, sizes: Mapping[str, int]) -> object:
        """Nothing: the parameters of a module have their shapes."""

    def path_of(self, samples: Mapping[str, int], held: Mapping[str, int]) -> Path:
        """Trace with a symbol for each of the samples, and plain numbers for the ``held`` sizes."""
        sizes = Sizes(samples)
        end = self._end({**held, **{name: torch.SymInt(node) for name, node in nodes(sizes).items()}}, sizes)
        return Path(sizes.conditions, Unknown(sizes.lost) if sizes.lost else end)

    def trial_of(self, sizes: Mapping[str, int]) -> End:
        """What PyTorch does with these sizes."""
        return self._end(sizes, None)

    def _end(self, at: Mapping[str, Any], sizes: Sizes | None) -> End:
        mode = _fake_mode(cached=sizes is None)
        network = self.network.copied(mode)
        indices = Indices()
        images = _Images()
        operations = _Operations(sizes, indices, images)
        with ExitStack() as within:
            if sizes is not None:
                within.enter_context(numbers_stay_symbolic(self.network.model))
                within.enter_context(enable_python_dispatcher())
            for of in (_quiet(), torch.no_grad(), _one_backend(), mode, images, indices, operations):
                within.enter_context(of)
            try:
                given = self._images(at)
                images.mark(given)
                result = network.apply(*given)
                outputs = list(leaves(result))
                require_arrays(result, outputs)
            except (Exception, SystemExit) as error:
                return _failure(error, operations, network.modules)
            except Overtime as error:
                return stopped(error)
        if indices.lost:
            if sizes is not None:
                sizes.lose(indices.lost)
            return Unknown(indices.lost)
        for _, of in outputs:
            images.needed.update(_sizes(of))
        output = tuple(tuple(map(_expression, of.shape)) for _, of in outputs)
        needed = frozenset(_expression(size) for size in images.needed.values() if not _at_least_one(size))
        names = names_of_outputs([path for path, _ in outputs])
        return Accepted(output, needed, images.repeated, tuple(images.repeats), names)

    def recorded(self, sizes: Mapping[str, int]) -> Recorded:
        """What runs on these sizes, up to an error."""
        mode = _fake_mode(cached=True)
        network = self.network.copied(mode)
        images, calls, result = _Images(), Calls(network.modules), None
        with ExitStack() as within:
            for of in (_quiet(), torch.no_grad(), _one_backend(), mode, images):
                within.enter_context(of)
            given = self._images(sizes)
            images.mark(given)
            try:
                with calls:
                    result = network.apply(*given)
            except Exception:
                return Recorded(calls.found, given, network.tensors, network.buffers)
        outputs = [of for _, of in leaves(result)]
        return Recorded(calls.found, given, network.tensors, network.buffers, outputs, finished=True)

    def _images(self, at: Mapping[str, Any]) -> list[Any]:
        shapes = [[at[n] if isinstance(n, str) else n for n in shape] for shape in self.shapes]
        return [torch.empty(shape, dtype=dtype) for shape, dtype in zip(shapes, self.dtypes, strict=True)]


def _dtype(given: Any) -> torch.dtype:
    found = getattr(torch, given, None) if isinstance(given, str) else given
    if isinstance(found, torch.dtype):
        return found
    says = "PyTorch has no such dtype"
    raise UsageError.of(written_argument("dtypes", given), "dtypes", "", says, 'dtypes="float32"')


@contextmanager
def _quiet() -> Iterator[None]:
    """PyTorch logs each error of a fake tensor; here an error is a result."""
    log = logging.getLogger("torch._subclasses.fake_tensor")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


@contextmanager
def _one_backend() -> Iterator[None]:
    """Choose no backend of convolutions by the number of values in an image. It does not change shapes."""
    before = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    try:
        yield
    finally:
        torch._C._set_mkldnn_enabled(before)


def _fake_mode(*, cached: bool = False) -> Any:
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    mode.cache_enabled = cached  # what is taken from the cache asks no question about sizes
    return mode


def _expression(size: Any) -> Any:
    if not isinstance(size, torch.SymInt):
        return int(size)
    node: Node = size.node
    if node.value is None:
        node.of.lose("the size of an image is no exact function of the open sizes")
        return node.hint
    return node.of.expression(node.of.by_open_sizes(node.value))


def _at_least_one(size: Any) -> bool:
    """Whether the recorded conditions alone say that the size is at least 1."""
    if not isinstance(size, torch.SymInt) or size.node.value is None:
        return False
    sizes = size.node.of
    return (sizes.bounds(sizes.reduced(size.node.value))[0] or 0) >= 1


def _sizes(tensor: Any) -> dict[Any, Any]:
    """The sizes of a tensor by a key: equal sizes have one."""
    return {_key(size): size for size in tensor.shape}


def _key(size: Any) -> Any:
    if not isinstance(size, torch.SymInt) or size.node.value is None:
        return int(size) if isinstance(size, int) else id(size)
    return frozenset(size.node.value.items())


class _Images(TorchDispatchMode):
    """Watches the images on the way: which sizes an operation computes from, and which sizes of 1 are repeated."""

    def __init__(self) -> None:
        super().__init__()
        self.needed: dict[Any, Any] = {}
        self.repeated = False
        self.repeats: list[bool] = []

    def mark(self, result: Any) -> None:
        """These tensors depend on an image."""
        for of in tensors_in(result):
            if isinstance(of, FakeTensor):
                of.from_image = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = tensors_in((args, kwargs))
        images = [of for of in tensors if is_image(of)]
        result = quick_result(func, tensors, args, kwargs)
        result = func(*args, **kwargs) if result is None else result
        if not images:
            note_views(func, args, result)
            return result
        self.mark(result)
        self.mark([root_of(of) for of in written(func, args, kwargs)])
        if torch.Tag.pointwise in func.tags:
            open_size, often = _repeats(images, tensors)
            self.repeated = self.repeated or open_size
            self.repeats.append(often)
        elif func.overloadpacket.__name__ not in MOVES and not func.is_view:
            for of in images:
                self.needed.update(_sizes(of))
        return result


MOVES = {
    *("cat", "stack", "copy", "copy_", "clone", "_to_copy", "_unsafe_view", "_reshape_copy", "fill_", "zero_"),
    *("empty_like", "zeros_like", "ones_like", "full_like", "new_empty", "new_zeros", "new_ones", "new_full"),
    *("roll", "flip", "repeat", "slice_scatter", "select_scatter", "set_", "_local_scalar_dense", "resize_"),
}
"""The operations that compute nothing new from an image. Elementwise operations and views belong to them."""


def _repeats(images: list[Any], all_tensors: list[Any]) -> tuple[bool, bool]:
    """Whether a size of 1 of an image meets a larger one: an open size that is 1 for the sample, and any size.

    The larger one may also be that of a parameter or a constant.
    """
    open_size = any_size = False
    for d in range(1, max(len(of.shape) for of in images) + 1):
        ones = [of.shape[-d] for of in images if len(of.shape) >= d and hint(of.shape[-d]) == 1]
        if ones and any(len(of.shape) >= d and hint(of.shape[-d]) != 1 for of in all_tensors):
            any_size = True
            open_size = open_size or any(isinstance(size, torch.SymInt) for size in ones)
    return open_size, any_size


class _Operations(TorchFunctionMode):
    """Names the operation that fails, and lets it fail as it does for plain numbers.

    PyTorch's rules for symbolic sizes raise other errors than those for numbers. A network may catch them, so an
    operation that fails is run again on the sample.
    """

    def __init__(self, sizes: Sizes | None, indices: Indices, images: _Images) -> None:
        super().__init__()
        self.sizes, self.indices, self.images, self.repeats = sizes, indices, images, Repeats()
        self.failed: tuple[BaseException | None, str] = (None, "")

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        look()
        kwargs = kwargs or {}
        if kwargs.get("dtype") in PLAIN:
            kwargs = {**kwargs, "dtype": PLAIN[kwargs["dtype"]]}
        same = SAME.get(func, func) if self.sizes is not None else func
        key = self.repeats.key(func, args, kwargs)
        before = self.repeats.results.get(key)
        made = None if before is None else before.again()
        if before is not None and made is not None:
            self.images.repeats += before.repeats
            return made
        start = len(self.images.repeats)
        error: Exception | None
        try:
            self.indices.require_classes(func, args, kwargs)
            result = same(*args, **kwargs)
            error, is_plain = dtype_error(func, args, kwargs), True
            if error is None:
                self.repeats.keep(key, args, kwargs, result, self.images.repeats[start:])
                return result
        except Exception as symbolic:
            error = symbolic
            is_plain = error is self.indices.error or isinstance(error, _UNDECIDED)
        if self.sizes is not None and not is_plain:
            for_sample = _error_of(func, args, kwargs)
            if for_sample is None:
                self.sizes.lose(f"{_named(func)} fails for symbolic sizes only: {first_line(error)}")
            else:
                error = for_sample
        self.failed = error, _named(func)
        raise error


def _error_of(func: Any, args: Any, kwargs: Any) -> Exception | None:
    """The error of an operation on plain numbers; ``None`` if there is none."""
    with _fake_mode():
        try:
            func(*tree_map(_plain, args), **tree_map(_plain, kwargs))
        except Exception as error:
            return error
    return None


def _plain(of: Any) -> Any:
    if isinstance(of, torch.Tensor):
        shape, strides = map(hint, of.shape), map(hint, of.stride())
        return torch.empty_strided(tuple(shape), tuple(strides), dtype=of.dtype)
    return hint(of)


def _named(func: Any) -> str:
    try:
        return str(resolve_name(func) or func.__name__)
    except Exception:
        return str(getattr(func, "__name__", func))


_UNDECIDED = (
    DataDependentOutputException,
    DynamicOutputShapeException,
    UnsupportedFakeTensorException,
    UnsupportedOperatorException,
)


_WITH_VALUES = {
    "__bool__": "branches on values",
    **dict.fromkeys(("item", "tolist", "__int__", "__float__", "__index__", "numpy"), "reads values"),
}
"""What code does with an image's values, by PyTorch's function."""


def _failure(error: Exception | SystemExit, operations: _Operations, paths: Mapping[int, str]) -> End:
    text = first_line(error)
    if isinstance(error, DataDependentOutputException | DynamicOutputShapeException):
        does = _WITH_VALUES.get(operations.failed[1].rpartition(".")[2], "makes an image whose size depends on values")
        return asks_for_values(does, own_frame(error.__traceback__))
    if isinstance(error, _UNDECIDED) or (isinstance(error, NotImplementedError) and text.startswith("Could not run")):
        return Unknown(f"{type(error).__name__}: {text}")
    path, line = _module_path(error.__traceback__, paths), own_frame(error.__traceback__)
    failed, operation = operations.failed
    raised = operation if failed is error else innermost(error.__traceback__)
    return Rejected(type(error).__name__, text, ", ".join(filter(None, (path, line))), f"{path}: {raised}")


def _module_path(traceback: TracebackType | None, paths: Mapping[int, str]) -> str:
    """The path of the innermost module that was running, such as ``up2.conv``."""
    path = ""
    while traceback is not None:
        module = traceback.tb_frame.f_locals.get("self")
        path = paths.get(id(module), path)
        traceback = traceback.tb_next
    return path
