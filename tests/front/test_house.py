"""The house: which room and which folder imports which, as the tables of CONTRIBUTING say, and what has which name."""

import ast
import importlib
import re
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import wellshaped

ROOT = Path(__file__).parents[2]
ROOMS = ("spec", "models", "interop", "proofs_of_shape", "examples", "wellshaped")


class Import(NamedTuple):
    """One import: of a module of ours by its path from the root, or of another package by its name."""

    source: str
    target: str
    late: bool  # inside a function, or for type checkers only


def path_of(module):
    """``spec/unet/config.py`` for the dotted name of a module of ours, or ``None``."""
    parts = module.split(".")[1:] if module.split(".")[0] == "wellshaped" else None
    if parts is None:
        return None
    base = ROOT.joinpath(*parts) if parts and parts[0] in ROOMS else ROOT.joinpath("wellshaped", *parts)
    found = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    return found.relative_to(ROOT).as_posix() if found.is_file() else None


def imports_of(path, text):
    """The imports in the ``text`` of the module at ``path``."""
    parts = [*Path(path).with_suffix("").parts]
    package = [*([] if parts[0] == "wellshaped" else ["wellshaped"]), *parts][:-1]
    for node, late in statements(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            of = [*package[: len(package) - node.level + 1]] if node.level else []
            whole = ".".join([*of, *([node.module] if node.module else [])])
            names = [f"{whole}.{alias.name}" if path_of(f"{whole}.{alias.name}") else whole for alias in node.names]
        else:
            continue
        for name in names:
            yield Import(path, path_of(name) or name.split(".")[0], late)


def statements(inside, late=False):
    """Each statement of a module, and whether it is inside a function or for type checkers only."""
    late = late or isinstance(inside, (ast.FunctionDef, ast.AsyncFunctionDef))
    late = late or (isinstance(inside, ast.If) and "TYPE_CHECKING" in ast.unparse(inside.test))
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        for statement in getattr(inside, part, ()):
            yield statement, late
            yield from statements(statement, late)


SOURCES = [file.relative_to(ROOT).as_posix() for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]


@cache
def all_imports():
    """The imports of every module: read when a test asks, not when the tests are collected."""
    return [found for path in SOURCES for found in imports_of(path, (ROOT / path).read_text(encoding="utf-8"))]


def rows(heading):
    """The rows of the table under a heading of CONTRIBUTING, as lists of cells."""
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].split("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\|.+\|$", section, re.M)]
    return [row for row in cells if row[0].startswith("`")]


def named(cell):
    return {name.rstrip("/") for name in re.findall(r"`([^`]+)`", cell)}


ROOM_MAY = {row[0].strip("`/"): (named(row[2]), named(row[3])) for row in rows("The rooms")}
PLACE_MAY = {row[0].strip("`/"): named(row[2]) for row in rows("Inside the rooms")}


def room(path):
    return path.split("/")[0]


def place(path):
    """The folder inside its room, or the file where it stands beside the folders."""
    return "/".join(path.split("/")[:2])


def not_in_the_tables(imports):
    """The imports that the tables do not allow."""
    for found in imports:
        source, target = room(found.source), room(found.target)
        if found.target in sys.stdlib_module_names:
            continue
        at_once, late = ROOM_MAY[source]
        here = place(found.source)
        allowed = at_once | PLACE_MAY.get(here, set()) | (late if found.late else set())
        if target != source and target not in allowed:
            yield found
        inside = "/".join(found.target.split("/")[1:2])
        if target == source and here in PLACE_MAY and place(found.target) != here and inside not in PLACE_MAY[here]:
            yield found


def circles(imports):
    """One circle of modules, if there is any."""
    graph = {}
    for found in imports:
        graph.setdefault(found.source, set()).add(found.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_every_import_is_in_the_tables_of_contributing():
    assert list(not_in_the_tables(all_imports())) == []


def test_no_circle_joins_modules_rooms_or_folders_not_even_by_an_import_inside_a_function():
    assert circles(all_imports()) == []
    for of in (room, place):
        # A face imports its whole room, and the room does not import its face.
        between = [
            Import(of(i.source), of(i.target), i.late) for i in all_imports() if not i.source.endswith("__init__.py")
        ]
        assert circles([i for i in between if i.source != i.target]) == []


def test_the_tables_have_every_room_and_folder_and_no_other():
    folders = {place(path) for path in SOURCES if path.count("/") > 1}
    assert set(ROOM_MAY) == {*ROOMS, "tests", "docs", "benchmarks"}
    assert folders <= set(PLACE_MAY)
    assert all((ROOT / folder).exists() for folder in {*ROOM_MAY, *PLACE_MAY})
    used = {(room(i.source), room(i.target)) for i in all_imports()} | {
        (place(i.source), room(i.target)) for i in all_imports()
    }
    unused = {(r, name) for r, cells in ROOM_MAY.items() if r in ROOMS for name in set.union(*cells)} - used
    assert unused == set(), "a table allows what nothing imports"
    between = {(place(i.source), "/".join(i.target.split("/")[1:2]) or i.target) for i in all_imports()}
    assert {(here, name) for here, names in PLACE_MAY.items() for name in names} <= between | used


def test_an_example_can_be_copied_it_imports_faces_alone_and_no_other_example():
    ours = {i.target for i in all_imports() if room(i.source) == "examples" and room(i.target) in ROOMS}
    assert ours == {f"{of}/__init__.py" for of in ("spec", "models", "interop")}


WRONG = {
    "spec/unet2/config.py": "from ...models import UNet2",
    "spec/arithmetic/sizes.py": "from ..network import Network",
    "spec/answers/costs.py": "import numpy",
    "models/cpu/layout.py": "from ..layers.windows import Conv2d",
    "models/typed/hints.py": "import wellshaped.models.networks.unet",
    "proofs_of_shape/terms.py": "def prove():\n    from ..models import UNet2",
    "proofs_of_shape/theorem.py": "import z3",
}


@pytest.mark.parametrize("path", WRONG)
def test_an_import_that_is_not_in_the_tables_is_found(path):
    assert (ROOT / path).is_file()
    assert [found.source for found in not_in_the_tables(imports_of(path, WRONG[path]))] == [path]


def test_a_circle_is_found():
    back = imports_of("models/cpu/trilinear.py", "def late():\n    from .convolution import contract")
    assert {"models/cpu/trilinear.py", "models/cpu/convolution.py"} <= {*circles([*all_imports(), *back])}


# Names.


FACES = [path for path in SOURCES if path.endswith("__init__.py")]


def exports(face):
    """The public names of a face that are no modules, read from its source: importing may hide one."""
    tree = ast.parse((ROOT / face).read_text(encoding="utf-8"))
    parts = [*Path(face).parent.parts]
    package = [*([] if parts[0] == "wellshaped" else ["wellshaped"]), *parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            of = ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])
            yield from (a.asname for a in node.names if a.asname and not path_of(f"{of}.{a.name}"))
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


def test_no_module_has_the_name_of_what_a_face_of_its_room_or_the_front_exports():
    exported = {(room(face), name) for face in FACES for name in exports(face)}
    assert {("spec", "check"), ("models", "Conv2d"), ("proofs_of_shape", "THEOREMS")} <= exported
    # A command's file has the command's name; it is imported from its folder, and no face stands there.
    for path in (path for path in SOURCES if not path.startswith("wellshaped/cli/")):
        name = Path(path).parent.name if path in FACES else Path(path).stem
        assert not {(room(path), name), ("wellshaped", name)} & exported, path


def test_a_face_defines_nothing():
    for face in FACES:
        if face != "wellshaped/__init__.py":  # which loads what it exports when it is asked for
            body = ast.parse((ROOT / face).read_text(encoding="utf-8")).body
            assert {type(node) for node in body} <= {ast.Expr, ast.ImportFrom, ast.If, ast.Assign}, face


# The front face.


def test_type_checkers_and_python_see_the_same_names_at_the_front():
    assert sorted(exports("wellshaped/__init__.py")) == sorted([*wellshaped.__all__, "__dir__", "__getattr__"])
    assert set(wellshaped.__all__) <= set(dir(wellshaped))


@pytest.mark.parametrize("name", wellshaped.__all__)
def test_a_name_at_the_front_is_that_of_its_room(name):
    rooms = [importlib.import_module(f"wellshaped.{room}") for room in ("spec", "models")]
    assert getattr(wellshaped, name) in [getattr(room, name, None) for room in rooms]


def test_another_name_at_the_front_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'chekc'"):
        wellshaped.chekc  # noqa: B018 asking is the test
