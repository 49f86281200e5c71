"""The objects of a source file that are most probably its network. The code is read, and does not run."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_Definition = ast.ClassDef | ast.FunctionDef
_Code = _Definition | ast.Assign

_MODEL = re.compile(r"(Module|Model|Sequential)$")
"""How the names of the frameworks' classes of models end."""

_MAKER = re.compile(r"make|build|create|get_", re.IGNORECASE)
_NETWORK = re.compile(r"net|model", re.IGNORECASE)


def likely_models(path: str) -> list[str]:
    """The names of the objects that are most probably the network of a file. Empty if it has no class or function.

    Models, classes of models, and functions without required arguments that make one are candidates. One that another
    uses is a part of it. Those that can be named as they are come before classes that need arguments. If there is no
    candidate, the functions are named.
    """
    try:
        body = ast.parse(Path(path).read_text(encoding="utf-8")).body
    except (OSError, SyntaxError, ValueError):
        return []
    public = {name: code for name, code in _named(body) if not name.startswith("_")}
    candidates = _candidates(public)
    parts = {of for name, code in candidates.items() for of in _used(code) if of != name}
    whole = [name for name in candidates if name not in parts] or list(candidates) or _functions(public)
    ready = [name for name in whole if not _needed(public[name], public)] or whole
    for fits in (_MAKER.match, _NETWORK.search):
        if found := [name for name in ready if fits(name)]:
            return found
    return ready


def _named(body: Sequence[ast.stmt]) -> Iterator[tuple[str, _Code]]:
    for code in body:
        if isinstance(code, _Definition):
            yield code.name, code
        elif isinstance(code, ast.Assign):
            yield from ((to.id, code) for to in code.targets if isinstance(to, ast.Name))


def _functions(public: Mapping[str, _Code]) -> list[str]:
    return [name for name, code in public.items() if isinstance(code, _Definition)]


def _candidates(public: Mapping[str, _Code]) -> dict[str, _Code]:
    classes = {name for name, code in public.items() if isinstance(code, ast.ClassDef) and _is_model(code, public)}

    def makes(code: _Code) -> bool:
        calls = (of.func for of in ast.walk(code) if isinstance(of, ast.Call))
        return any(name in classes or _MODEL.search(name) for name in map(_last, calls))

    def is_candidate(name: str, code: _Code) -> bool:
        if isinstance(code, ast.FunctionDef):
            return not _needed(code, public) and (_MAKER.match(name) is not None or makes(code))
        return name in classes or (isinstance(code, ast.Assign) and isinstance(code.value, ast.Call) and makes(code))

    return {name: code for name, code in public.items() if is_candidate(name, code)}


def _last(of: ast.expr) -> str:
    """The last part of a dotted name, without what is in brackets after it; empty for another expression."""
    if isinstance(of, ast.Subscript):
        return _last(of.value)
    return of.attr if isinstance(of, ast.Attribute) else of.id if isinstance(of, ast.Name) else ""


def _lineage(code: ast.ClassDef, public: Mapping[str, _Code]) -> list[ast.ClassDef]:
    """The class, and its bases that the file defines."""
    found = [code]
    for of in found:  # it grows
        bases = (public.get(_last(base)) for base in of.bases)
        found += [base for base in bases if isinstance(base, ast.ClassDef) and base not in found]
    return found


def _is_model(code: ast.ClassDef, public: Mapping[str, _Code]) -> bool:
    """Whether a class is one of models: by the names of its bases, by its own if it has a base, or it can be called."""
    lineage = _lineage(code, public)
    methods = {part.name for of in lineage for part in of.body if isinstance(part, ast.FunctionDef)}
    bases = [_last(base) for of in lineage for base in of.bases]
    named = bool(bases) and _NETWORK.search(code.name) is not None
    return named or not methods.isdisjoint(("__call__", "forward")) or any(map(_MODEL.search, bases))


def _used(code: _Code) -> set[str]:
    """The names in a definition; those of a class's bases do not count."""
    inside = code.body if isinstance(code, ast.ClassDef) else [code]
    return {of.id for part in inside for of in ast.walk(part) if isinstance(of, ast.Name)}


def _needed(code: _Code, public: Mapping[str, _Code]) -> bool:
    """Whether a call of the class or function needs arguments."""
    if isinstance(code, ast.Assign):
        return False
    if isinstance(code, ast.FunctionDef):
        return _has_required(code.args)
    lineage = _lineage(code, public)
    parts = [part for of in lineage for part in of.body]
    made = next((of for of in parts if isinstance(of, ast.FunctionDef) and of.name == "__init__"), None)
    if made is not None:
        return _has_required(made.args, 1)
    return any(isinstance(of, ast.AnnAssign) and of.value is None for of in parts)  # the fields of a Linen module


def _has_required(given: ast.arguments, bound: int = 0) -> bool:
    """Whether an argument has no default, without the first that are ``bound``."""
    return len(given.posonlyargs) + len(given.args) - bound > len(given.defaults) or None in given.kw_defaults
