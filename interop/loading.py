"""Loading the model that a text names: ``my_package.nets:make_unet``, or ``path/to/nets.py:make_unet``.

Python imports the module, so its code runs. A class or function without required arguments is called under the
framework's abstract evaluation, if it has one: then the parameters have shapes and no memory.
"""

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib.abc import MetaPathFinder
from inspect import Parameter, getattr_static, isclass, signature
from pathlib import Path
from pkgutil import iter_modules
from sysconfig import get_paths
from threading import get_ident
from types import ModuleType
from typing import Any

from ..spec.files.tensors import SUFFIX
from ..spec.messages.choices import near_name
from ..spec.messages.installing import pip_install
from ..spec.messages.report import FileError, UsageError
from ..spec.messages.written import clipped, kind_of, written_value
from .sizes.places import first_line, line_of, own_frame, quoted_place

_INSTALLED_AS = {
    **{name: name for name in ("diffusers", "equinox", "flax", "jax", "keras", "monai", "torch", "torchvision")},
    "haiku": "dm-haiku",
    "segmentation_models_pytorch": "segmentation-models-pytorch",
}
"""What pip calls the frameworks and the packages with well-known networks, by the name of their module."""

_CLASSES = (
    *(("flax.nnx", "Module"), ("flax.linen", "Module"), ("equinox", "Module"), ("keras", "Model")),
    ("torch.nn", "Module"),
)
"""The classes of models, by module. A framework that is not loaded has made no model."""

_MODEL = "a model, a function of images, or a class or function without required arguments that returns one"


def load_model(text: str) -> Any:
    """Return the model that ``text`` names: ``module:object`` or ``path/to/file.py:object``. This runs its code.

    The object is a Flax, Equinox, Haiku, Keras or PyTorch model, a function of images, or a class or function without
    required arguments that returns one of these. The current directory is importable. Parameters use no memory, if
    the framework can make a model without allocating them. No checkpoint is loaded, unless the code itself does so.

    Raises :class:`UsageError` if the text names no object. Raises :class:`FileError`, with the line of your code, if
    the module can't be imported, has no such object, or the object is not a model and can't make one.

    >>> load_model("jax.nn:relu").__name__
    'relu'
    """
    place, separator, name = text.rpartition(":") if isinstance(text, str) else ("", "", "")
    if not (separator and place.strip() and all(part.isidentifier() for part in name.split("."))):
        says = "it must be module:object or path/to/file.py:object"
        fix = "my_package.nets:make_unet"
        if isinstance(text, str) and text.endswith(SUFFIX):
            fix = f"load({written_value(text)}), which reads a saved model"
        elif Path(place).is_file():
            fix = f"{place}:NAME, where NAME is a model or a function in {place}"
        elif place.endswith(".py") or "/" in place:
            fix = f"{place}:make_unet"
        raise UsageError.of(clipped(text if isinstance(text, str) else written_value(text)), "object", "", says, fix)
    with importable():
        module = _from_file(text, Path(place)) if _is_file(place) else _imported(text, place)
        found: Any = module
        for part in name.split("."):
            found = _attribute(text, found, part)
        return _model_of(text, found, module)


@contextmanager
def importable(folder: Path | None = None) -> Iterator[None]:
    """Put a folder, by default the current one, at the front of the path on which Python finds modules."""
    entry = str(Path.cwd() if folder is None else folder)
    sys.path.insert(0, entry)
    importlib.invalidate_caches()  # a file may be newer than the cached list of its folder
    try:
        yield
    finally:
        if entry in sys.path:
            sys.path.remove(entry)


def failure(text: str, rule: str, error: BaseException) -> FileError:
    """Return the error for code that raised ``error``: its class, its text, and the last line of the user's code."""
    at = own_frame(error.__traceback__)
    says = first_line(error)
    if isinstance(error, SyntaxError) and error.filename:
        at, says = f"{Path(error.filename).name}:{error.lineno}: {(error.text or '').strip()}", error.msg
    return failure_at(text, rule, type(error).__name__, says, at)


_ABOUT_AXES = re.compile(
    r"shape|broadcast|dimension|\brank\b|\bax[ie]s\b|\d-?D\b|\bchannels?\b|\bsizes?\b", re.IGNORECASE
)
"""In the text of an error that the number of axes may have caused."""


def failure_at(text: str, rule: str, error: str, says: str, at: str = "") -> FileError:
    """Return the error for code that raised an ``error`` of this class, with this text, at the line ``at``.

    >>> print(failure_at("nets:make_unet", "import", "NameError", "name 'nn' is not defined", "nets.py:3: x = nn.relu"))
    nets:make_unet can't be read.
      import: NameError at nets.py:3, `x = nn.relu`: name 'nn' is not defined.
      fix: correct nets.py:3
    """
    line = line_of(at)
    fix = f"correct {line}" if line else f"python -c {_alone(text)} shows the whole traceback"
    if rule == "trace" and not line:
        fix = "a model that runs on an image"
    elif rule == "trace" and _ABOUT_AXES.search(says):
        fix = f"an image with all axes of the model, channels too; or {fix}"
    fix = fix_of_error(says) or fix
    if error == "ModuleNotFoundError" and (missing := re.search(r"No module named '(\w+)", says)):
        fix = _install(missing[1])
    said = f"{error}{quoted_place(at)}: {clipped(says, 300).rstrip('.')}".rstrip(": ")
    return FileError.of(clipped(text), rule, "", said, fix)


_FIXES = {
    r"(?:__call__|forward)\(\) missing \d+ required (?:positional|keyword-only) arguments?: (.+)": (
        r"a default for \1 in the model's __call__ or forward; or name a function of the image that passes it"
    ),
    r"Can't instantiate abstract class (\w+).*": r"a class that has all methods of \1",
    r"rngs.* provided to Dropout": (
        "turn dropout off: name a function that makes the model, calls model.eval() and returns it"
    ),
}
"""What to do about an error of a framework that is not about sizes, by a pattern of its text."""


def fix_of_error(says: str) -> str:
    """The fix for an error of a framework that is not about sizes; empty for others.

    >>> fix_of_error("Net.__call__() missing 1 required positional argument: 'train'")
    "a default for 'train' in the model's __call__ or forward; or name a function of the image that passes it"
    """
    found = ((re.search(pattern, says), fix) for pattern, fix in _FIXES.items())
    return next((match.expand(fix) for match, fix in found if match), "")


def line_to_correct(says: str) -> str:
    """The fix for an error that the user's code raised, and that says nothing of axes; empty for others.

    >>> line_to_correct("ValueError at nets.py:3, `raise ValueError(text)`: no such mode")
    'correct nets.py:3'
    >>> line_to_correct("ValueError at decoder.up, nets.py:3, `raise ValueError(text)`: no such mode")
    'correct nets.py:3'
    """
    found = re.search(r" at (?:[\w.]+, )?(\S+:\d+), `.*`: (.*)", says, re.DOTALL)
    return f"correct {found[1]}" if found and not _ABOUT_AXES.search(found[2]) else ""


def _alone(text: str) -> str:
    place, _, name = text.rpartition(":")
    what = (
        f'import runpy; runpy.run_path("{place}")'
        if _is_file(place)
        else f"from {place} import {name.partition('.')[0]}"
    )
    return f"'{what}'"


def _install(module: str) -> str:
    known = _INSTALLED_AS.get(module)
    return pip_install(known) if known else f"install the package that has the module {module}"


def _is_file(place: str) -> bool:
    return place.endswith(".py") or "/" in place or "\\" in place


def _imported(text: str, module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module != missing and not module.startswith(f"{missing}."):
            raise failure(text, "import", error) from error
        raise _no_module(text, module, missing) from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # what pytest skips a file by, for example
        raise failure(text, "import", error) from error


def _no_module(text: str, module: str, missing: str) -> FileError:
    stem, _, suffix = module.rpartition(".")
    file = f"{stem.replace('.', '/')}.py"
    if near_name(suffix, ("py",)) and Path(file).is_file():
        fix = f"{file}{text.removeprefix(module)}"
        return FileError.of(clipped(text), "import", "", f"there is no module {clipped(module)}", fix)
    parent, _, last = missing.rpartition(".")
    beside = list(getattr(sys.modules.get(parent), "__path__", [])) if parent else [str(Path.cwd())]
    names = [found.name for found in iter_modules(beside)]
    names += [path.parent.name for folder in beside for path in Path(folder).glob("*/*.py")]
    rest = text.removeprefix(missing)
    if rest.startswith(":"):  # a module without the object is not meant
        files = {name: (Path(of, f"{name}.py"), Path(of, name, "__init__.py")) for of in beside for name in names}
        names = [name for name in names if any(_mentions(file, rest[1:]) for file in files[name])]
    near = near_name(last, dict.fromkeys(names))
    fix = f"{parent}{'.' * bool(parent)}{near}{rest}" if near else "a module in this folder, or the path of a .py file"
    if not near and rest.startswith(":"):
        fix = _in_a_folder(Path(), last, rest[1:]) or fix
    if not near and missing in _INSTALLED_AS:
        fix = _install(missing)
    return FileError.of(clipped(text), "import", "", f"there is no module {clipped(missing)}", fix)


def require_place(text: str) -> None:
    """Raise :class:`FileError` if ``text`` names an object in a file that does not exist. No code runs."""
    place, _, name = text.rpartition(":")
    path = Path(place)
    if _is_file(place) and not path.is_file():
        folder = path.parent
        near = near_name(path.stem, [found.stem for found in sorted(folder.glob("*.py")) if _mentions(found, name)])
        inside = _in_a_folder(folder, path.stem, name) or "the path of an existing .py file"
        fix = f"{(folder / near).as_posix()}.py:{name}" if near else inside
        raise FileError.of(clipped(text), "import", "", f"there is no file {clipped(path.as_posix())}", fix)


def _from_file(text: str, path: Path) -> ModuleType:
    require_place(text)
    path = path.resolve()
    root, names = path.parent, [path.stem]
    while (root / "__init__.py").is_file():  # the file is part of a package, and may use relative imports
        names, root = [root.name, *names], root.parent
    with importable(root):
        return _imported(text, ".".join(names)) if len(names) > 1 else _run(text, path)


def _in_a_folder(root: Path, stem: str, name: str) -> str:
    """The object in a file of this name that is one folder deeper; empty if no such file has it."""
    inside = (path for path in sorted(root.glob("*/*.py")) if path.stem == stem and _mentions(path, name))
    return next((f"{path.as_posix()}:{name}" for path in inside), "")


def _mentions(path: Path, name: str) -> bool:
    """Whether a file may define a name: it has the word."""
    try:
        code = path.read_text(encoding="utf-8", errors="ignore")
    except OSError:  # for example, a file that you may not read
        return False
    return re.search(rf"\b{re.escape(name.partition('.')[0])}\b", code) is not None


def _run(text: str, path: Path) -> ModuleType:
    """Run a file that is not part of a package, as a module with the file's name."""
    known = sys.modules.get(path.stem)
    same = known is None or getattr(known, "__file__", None) == str(path)
    name = path.stem if same else f"{path.stem}_of_{abs(hash(path))}"  # another module may have the name
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise FileError.of(clipped(text), "import", "", "Python can't import it", "the path of a .py file")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        raise failure(text, "import", error) from error
    return module


def _attribute(text: str, owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        of = f"the module {owner.__name__}" if isinstance(owner, ModuleType) else kind_of(owner)
        near = near_name(name, _usable(owner)) or near_name(name, _others(owner))
        place, _, path = text.rpartition(":")
        parts = path.split(".")
        meant = ".".join(near if part == name and near else part for part in parts)
        fix = f"{place}:{meant}" if near else _candidates(text, owner)
        raise FileError.of(clipped(text), "object", "", f"{of} has no {clipped(name)}", fix) from None
    except (Exception, SystemExit) as error:
        raise failure(text, "import", error) from error


def _candidates(text: str, module: Any) -> str:
    """Return the fix for a name that is not near to another: what the module defines."""
    place = text.rpartition(":")[0]
    if isinstance(module, ModuleType) and not _is_yours(module):  # it has many, and none is meant more than another
        return "a function in your own code that returns the model, such as nets.py:make_unet"
    return " or ".join(f"{place}:{name}" for name in _usable(module)[:3]) or f"the name of {_MODEL}"


def _is_yours(module: ModuleType) -> bool:
    """Whether a module is in none of the folders for packages that are installed, nor in Python's own."""
    file = getattr(module, "__file__", None)
    installed = [Path(folder).resolve() for folder in dict.fromkeys(get_paths()[of] for of in _INSTALLED)]
    return bool(file) and not any(folder in Path(str(file)).resolve().parents for folder in installed)


_INSTALLED = ("stdlib", "platstdlib", "purelib", "platlib")
"""The names of these folders in :mod:`sysconfig`."""


def _usable(owner: Any) -> list[str]:
    """The names in a module that :func:`load_model` takes: its own models, functions and classes of models."""
    if not isinstance(owner, ModuleType):
        return []
    package = owner.__name__.partition(".")[0]

    def makes_models(value: Any) -> bool:
        kinds = value.__mro__ if isclass(value) else ()
        own = str(getattr(value, "__module__", "")).partition(".")[0] == package
        return (
            own
            and callable(value)
            and not _missing(value)
            and (not kinds or any("__call__" in vars(of) for of in kinds))
        )

    public = (name for name in vars(owner) if not name.startswith("_"))
    return [name for name in public if _is_model(vars(owner)[name]) or makes_models(vars(owner)[name])]


def _others(owner: Any) -> list[str]:
    """The other public names of an object but modules, in case that a model is in one of them, or is loaded later."""
    names = (name for name in dir(owner) if not name.startswith("_"))
    return [name for name in names if not isinstance(getattr_static(owner, name, None), ModuleType)]


def _missing(call: Any) -> list[Parameter]:
    """The parameters that must be given before ``call`` is a model; those of a function may be images."""
    needed = required(call) or []
    return needed if isclass(call) or all(of.kind is Parameter.KEYWORD_ONLY for of in needed) else []


def _model_of(text: str, found: Any, module: ModuleType) -> Any:
    if _is_model(found):
        return found
    if isinstance(found, ModuleType):
        says = f"it is a Python module (a file or package), and must be {_MODEL}"
        inside = f"{text.replace(':', '.')}:" if found is not module else text
        raise FileError.of(clipped(text), "object", "", says, _candidates(inside, found))
    if not callable(found):
        says = f"it is {kind_of(found)}, and must be {_MODEL}"
        raise FileError.of(clipped(text), "object", "", says, _candidates(text, module))
    needed = required(found)
    if missing := _missing(found):
        raise _needs_arguments(text, found, [of.name for of in missing], module)
    return found if needed is None or needed else _constructed(text, found)


def _is_model(value: Any) -> bool:
    if isinstance(value, tuple):  # a transformed function of Haiku
        return callable(getattr(value, "init", None)) and callable(getattr(value, "apply", None))
    return any(isinstance(value, getattr(sys.modules[name], of)) for name, of in _CLASSES if name in sys.modules)


def required(call: Any) -> list[Parameter] | None:
    """Return the parameters without a default; ``None`` if Python does not know them."""
    own = isclass(call) and call.__init__ is not object.__init__
    try:
        parameters = list(signature(call.__init__ if own else call).parameters.values())
    except (TypeError, ValueError):
        return [] if isclass(call) else None
    several = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    return [of for of in parameters[int(own) :] if of.default is Parameter.empty and of.kind not in several]


_USUAL = {"rngs": "rngs=nnx.Rngs(0)", "key": "key=jax.random.key(0)"}


def _needs_arguments(text: str, call: Any, names: list[str], module: ModuleType) -> FileError:
    name = getattr(call, "__name__", type(call).__name__)
    shown = ", ".join(names[:5]) + ", …" * (len(names) > 5)
    says = f"{name} needs arguments: {shown}"
    return FileError.of(clipped(text), "construct", "", says, maker_without_arguments(text, call, names, module))


def maker_without_arguments(text: str, call: Any, names: list[str], module: ModuleType | None = None) -> str:
    """The function to write that makes the model, for a class or function that needs arguments of these ``names``.

    ``module`` is where ``text`` finds it, by default the one that defines it.
    """
    name = getattr(call, "__name__", type(call).__name__)
    given = ", ".join(_USUAL.get(of, f"{of}=…") for of in names[:5])
    place, _, path = text.rpartition(":")
    module = module or sys.modules.get(call.__module__)
    if module is None or _is_yours(module):
        return f"def make_model(): return {name}({given}), in your module; then {place or 'nets.py'}:make_model"
    root = path.partition(".")[0]
    made = f"from {place} import {root}, then def make_model(): return {path}({given})"
    return f"in a file of yours, such as nets.py, {made}; then nets.py:make_model"


def _constructed(text: str, make: Callable[[], Any]) -> Any:
    """The model that ``make`` returns, without memory for its parameters if its framework can do so.

    ``make`` may import its framework itself. Then it is stopped there, the framework is imported, and ``make`` begins
    again. So its code may run twice.
    """
    met: set[str] = set()
    while True:
        before = set(sys.modules)
        finder = _Stop(met)
        sys.meta_path.insert(0, finder)
        try:
            model = _made(text, make)
            if finder.stopped is None:
                return model
        except BaseException:
            if finder.stopped is None:
                raise
        finally:
            sys.meta_path.remove(finder)
        _forget_halves(before)
        met.add(finder.stopped)
        with suppress(Exception):  # then the same import is an error of the user's code
            importlib.import_module(finder.stopped)


class _Imported(BaseException):
    """A framework is imported, which is not loaded yet. It is no ``Exception``, which the user's code might catch."""


class _Stop(MetaPathFinder):
    """Raises :class:`_Imported` when a framework that can make models without memory is first imported.

    It leaves those alone that were ``met``, and other threads. ``stopped`` is the framework, also if the error is lost.
    """

    def __init__(self, met: set[str]) -> None:
        self.met, self.thread = met, get_ident()
        self.stopped: str | None = None

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        module = _MAKERS.get(name)
        if module is not None and module not in self.met and get_ident() == self.thread:
            self.stopped = module
            raise _Imported(module)


def _forget_halves(before: set[str]) -> None:
    """Forget the modules that were loaded in a package whose own import was stopped."""
    for name in sorted(set(sys.modules) - before):
        package = name.rpartition(".")[0]
        if package and package not in sys.modules:
            del sys.modules[name]


_MAKERS = {"torch": "torch", "flax": "flax.nnx", "flax.nnx": "flax.nnx", "equinox": "equinox"}
"""The module that can make models without memory, by the name of a module that is imported."""


def _made(text: str, make: Callable[[], Any]) -> Any:
    for attempt, accepted in _attempts(make):
        try:
            model = attempt()
        except (Exception, SystemExit):
            continue  # a constructor may need the values of its parameters: then it is called plainly
        if isinstance(model, accepted):
            return model
    try:
        model = make()
    except (Exception, SystemExit) as error:
        raise failure(text, "construct", error) from error
    if _is_model(model) or (callable(model) and not isclass(model) and required(model) != []):
        return model
    name = text.rpartition(":")[2]
    says = f"{name}() returns {'None' if model is None else kind_of(model)}, and must return a model"
    raise FileError.of(clipped(text), "construct", "", says, f"let {name} return the model")


def _attempts(make: Callable[[], Any]) -> Iterator[tuple[Callable[[], Any], Any]]:
    """How each loaded framework makes a model without memory, with the class of its models."""
    torch, nnx, equinox = (sys.modules.get(name) for name in ("torch", "flax.nnx", "equinox"))
    call: Callable[..., Any] = make
    if torch:
        from .frameworks.torch_models import constructed

        call = partial(constructed, make)  # the model may be PyTorch's, also where JAX's framework tries first
    if nnx:
        yield lambda: nnx.eval_shape(call), nnx.Module
    if equinox:
        yield lambda: equinox.filter_eval_shape(call), equinox.Module
    if torch:
        yield call, torch.nn.Module
