"""A PyTorch network without its numbers: a copy of the module whose parameters have shapes and no memory."""

import copy
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from ...spec.messages.installing import pip_install
from ...spec.messages.report import UsageError
from ..sizes.reading import require_model

try:
    import torch
    from torch._subclasses.fake_tensor import FakeTensor
    from torch.overrides import TorchFunctionMode
except ImportError as error:
    says = "PyTorch is not installed"
    raise UsageError.of("a PyTorch network", "torch", "", says, pip_install("torch")) from error

VERSION = str(torch.__version__).partition("+")[0]
"""The version of PyTorch."""

Path = tuple[str | int, ...]
"""The keys and names, as text, and the positions by which a value is found in an output."""

SMALL = 4_096
"""A constructor's tensors with at most this many values are made: it may look at them."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A network as ``apply(*images)``, and the paths of its ``modules`` and ``tensors`` by their ids.

    ``buffers`` are the ids of those tensors that are no parameters.
    """

    apply: Callable[..., Any]
    modules: Mapping[int, str] = field(default_factory=dict)
    tensors: Mapping[int, str] = field(default_factory=dict)
    buffers: Collection[int] = ()


class _Parts:
    """What a module has in it. It is looked up once: every run copies the module."""

    def __init__(self, module: Any) -> None:
        self.tensors = list({id(of): of for of in _tensors(module)}.values())
        self.named_tensors = _named_tensors(module)
        self.buffers = [id(of) for of in module.buffers()]
        self.modules = list(module.named_modules())
        # Each module has ten empty dictionaries, and ``deepcopy`` is slow for them.
        held = (value for _, of in self.modules for value in of.__dict__.values())
        self.empty = [id(value) for value in held if type(value) is OrderedDict and not value]


@dataclass(slots=True)
class TorchNetwork:
    """A PyTorch module, or a function of images, and further arguments of the call by name."""

    kind: str
    model: Any
    arguments: Mapping[str, Any]
    _parts: _Parts | None = field(default=None, init=False, repr=False)

    def copied(self, mode: Any) -> Copy:
        """The network on fake tensors of the ``mode``.

        Every call has its own copy, so a network that changes itself always starts from the given state.
        """
        if not is_module(self.model):
            return Copy(lambda *images: self.model(*images, **self.arguments))
        parts = self._parts = self._parts or _Parts(self.model)
        fakes = {id(of): _fake(of, mode) for of in parts.tensors}
        copies: dict[int, Any] = {**fakes, **{of: OrderedDict() for of in parts.empty}}
        apply: Callable[..., Any]
        try:
            apply = copy.deepcopy(self.model, copies)
        except Exception:  # a module with something in it that can't be copied
            copies = {}
            swapped = {path: fakes[id(of)] for path, of in parts.named_tensors.items()}

            def apply(*images: Any, **arguments: Any) -> Any:
                return torch.func.functional_call(self.model, swapped, images, arguments)

        modules = {id(copies.get(id(of), of)): path for path, of in parts.modules}
        tensors = {id(fakes[id(of)]): path for path, of in parts.named_tensors.items()}
        buffers = [id(fakes[of]) for of in parts.buffers]
        return Copy(lambda *images: apply(*images, **self.arguments), modules, tensors, buffers)


def as_network(model: Any, arguments: Mapping[str, Any]) -> TorchNetwork:
    """The network of a PyTorch module or of a function. Raises :class:`UsageError` if the model can't be called."""
    require_model(model, "a PyTorch module or a function", "read_torch(torch.nn.Conv2d(3, 8, 3), …)")
    if is_module(model):
        lazy = [name for name, of in _named_tensors(model).items() if torch.nn.parameter.is_lazy(of)]
        if lazy:
            says = f"{lazy[0]} has no shape before the module has run"
            raise UsageError.of("a PyTorch network", "lazy", "", says, "run it once on an image, or name its channels")
    return TorchNetwork("torch", model, arguments)


def is_module(model: Any) -> bool:
    """Whether this is a module of PyTorch."""
    return isinstance(model, torch.nn.Module)


def computed_parameters(model: Any) -> dict[str, Any]:
    """The parameters that modules compute from others, as weight norms and spectral norms do, by their names."""
    found: dict[str, Any] = {}
    for path, of in model.named_modules():
        names = list(getattr(of, "parametrizations", {}))
        for hook in of._forward_pre_hooks.values():
            if type(hook).__name__ in ("WeightNorm", "SpectralNorm"):  # PyTorch's older ones
                with torch.no_grad():
                    hook(of, None)
                names.append(hook.name)
        found |= {f"{path}.{name}".lstrip("."): getattr(of, name) for name in names}
    return found


def constructed(constructor: Callable[[], Any]) -> Any:
    """What the constructor returns. Its parameters get no memory, and no random numbers are drawn for them."""
    with _WithoutMemory():
        return constructor()


class _WithoutMemory(TorchFunctionMode):
    """New tensors with more than :data:`SMALL` values are on PyTorch's meta device."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in _FACTORIES and kwargs.get("device") is None:
            with torch.device("meta"):
                made = func(*args, **kwargs)
            if made.numel() > SMALL:
                return made
        return func(*args, **kwargs)


_CPU = torch.device("cpu")
_FACTORIES = {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn}


def _fake(of: Any, mode: Any) -> Any:
    if of.is_sparse or of.is_quantized:
        return mode.from_tensor(of)
    # A tenth of the time that torch.empty_strided takes within the mode.
    made = torch.empty_strided(of.shape, of.stride(), dtype=of.dtype, device="meta", requires_grad=of.requires_grad)
    fake = FakeTensor(mode, made, _CPU)
    if isinstance(of, torch.nn.Parameter):
        fake._is_param = True
    for name, value in of.__dict__.items():  # what people attach to a parameter
        fake.__dict__.setdefault(name, value)
    return fake


def _tensors(module: Any) -> Iterator[Any]:
    for of in module.modules():
        for held in (of.__dict__, of._parameters, of._buffers):
            yield from (value for value in held.values() if isinstance(value, torch.Tensor))


def _named_tensors(module: Any) -> dict[str, Any]:
    return dict([*module.named_buffers(), *module.named_parameters()])


def leaves(output: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The tensors of an output, with their paths: in lists, dictionaries and dataclasses, in order."""
    parts: Iterable[tuple[str | int, Any]] = ()
    if isinstance(output, torch.Tensor):
        yield path, output
    elif isinstance(output, Mapping):
        parts = ((str(key), value) for key, value in output.items())
    elif isinstance(output, tuple) and (names := getattr(output, "_fields", getattr(output, "__match_args__", ()))):
        parts = zip(names, output, strict=False)  # a named tuple
    elif isinstance(output, list | tuple):
        parts = enumerate(output)
    elif is_dataclass(output) and not isinstance(output, type):
        parts = ((of.name, getattr(output, of.name)) for of in fields(output))
    for key, value in parts:
        yield from leaves(value, (*path, key))
