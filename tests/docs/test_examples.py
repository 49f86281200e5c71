"""The examples in the docstrings of public names can be pasted: each imports what it uses, but the name itself."""

import ast
import builtins
import doctest
import inspect
from importlib import import_module

import pytest

FACES = ["wellshaped", *(f"wellshaped.{of}" for of in ("spec", "models", "interop", "proofs_of_shape.strategies"))]


def used_before_they_are_known(name, doc):
    """The names that the examples of a docstring use before they import or define them."""
    known, unknown = {name, *dir(builtins)}, set()
    for example in doctest.DocTestParser().get_examples(doc):
        nodes = list(ast.walk(ast.parse(example.source)))
        names = [node for node in nodes if isinstance(node, ast.Name)]
        known |= {node.id for node in names if isinstance(node.ctx, ast.Store)}
        known |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        known |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler)}
        imports = [of for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for of in node.names]
        known |= {of.asname or of.name.partition(".")[0] for of in imports}
        unknown |= {node.id for node in names} - known
    return unknown


@pytest.mark.parametrize("face", FACES)
def test_an_example_of_a_public_name_imports_what_it_uses(face):
    module = import_module(face)
    public = {name: getattr(module, name) for name in dir(module) if not name.startswith("_")}
    documented = {
        getattr(of, "__name__", name): inspect.getdoc(of)  # h_convW is the function h_convH
        for name, of in public.items()
        if callable(of) and ">>>" in (of.__doc__ or "")
    }
    assert len(documented) > 5
    missing = {name: used_before_they_are_known(name, doc) for name, doc in documented.items()}
    assert {name: names for name, names in missing.items() if names} == {}


def test_an_example_that_needs_a_name_of_its_module_is_found():
    doc = ">>> import json\n>>> text = json.dumps([n for n in f(Path())])\n>>> print(text)\n"
    assert used_before_they_are_known("f", doc) == {"Path"}
