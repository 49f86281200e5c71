"""The package as installed: light where it must be, whole in the wheel, its examples true."""

import doctest
import importlib
import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

pytestmark = pytest.mark.as_printed  # the examples show what a user sees

ROOT = Path(__file__).parents[2]
HEAVY = {"jax", "jaxlib", "flax", "numpy", "z3"}
ROOMS = ("wellshaped", "spec", "models", "interop", "proofs_of_shape", "examples")
# From the sources: what is installed in an editable way maps folders to packages, which pkgutil does not see.
SOURCES = [file.relative_to(ROOT) for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]
MODULES = [
    f"wellshaped.{'.'.join(file.with_suffix('').parts).removeprefix('wellshaped.')}".removesuffix(".__init__")
    for file in SOURCES
]


def loaded_by(statement):
    """The top-level modules that ``statement`` loads in a fresh interpreter."""
    command = [sys.executable, "-P", "-X", "importtime", "-c", statement]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stderr.splitlines()
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines if line.startswith("import time:")}


def test_importing_the_specification_loads_nothing_heavy():
    loaded = loaded_by("import wellshaped.spec")
    assert "wellshaped" in loaded
    assert not loaded & HEAVY


ASKED = {
    "a report": "from wellshaped import check; print(check('milesial', (3, 64, 64)))",
    "sizes": "from wellshaped import PRESETS, compatible_shapes; [*map(compatible_shapes, PRESETS)]",
    "stages": "import wellshaped; dir(wellshaped); wellshaped.stages('unetplusplus', (3, 64, 64))",
}


@pytest.mark.parametrize("statement", ASKED.values(), ids=ASKED)
def test_the_front_answers_questions_about_sizes_without_jax(statement):
    assert not loaded_by(statement) & HEAVY


def test_the_front_loads_jax_when_a_network_is_asked_for():
    assert "jax" in loaded_by("from wellshaped import UNet2")


@pytest.mark.parametrize("name", ["numpy", "jax"])
def test_that_test_can_fail(name):
    assert name in loaded_by(f"import wellshaped.spec, {name}") & HEAVY


def test_importing_the_specification_loads_only_the_standard_library():
    def modules(statement):
        program = f"{statement}; import sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
        return set(
            subprocess.run(
                [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True
            ).stdout.split()
        )

    bare = modules("pass")  # what the interpreter loads by itself, such as hooks of editable installs
    assert modules("import wellshaped.spec") - bare - set(sys.stdlib_module_names) == {"wellshaped"}


def test_wellshaped_is_the_only_top_level_module_that_is_installed():
    assert metadata.distribution("wellshaped").read_text("top_level.txt").split() == ["wellshaped"]
    program = "import importlib.util as u; print([u.find_spec(n) for n in ('spec', 'models', 'proofs_of_shape')])"
    home = Path(sys.executable).parent  # away from the repository, whose folders Python would take for packages
    found = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True, cwd=home)
    assert found.stdout == "[None, None, None]\n"


@pytest.mark.parametrize("flags", [[], ["-S"]], ids=["installed", "not installed"])  # -S hides what is installed
def test_python_started_in_the_root_finds_the_rooms_without_a_flag(flags):
    program = "import wellshaped.spec.unet2.config as m; from wellshaped import check; print(m.__file__)"
    command = [sys.executable, *flags, "-c", program]
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert Path(found.stdout.strip()).resolve() == ROOT / "spec" / "unet2" / "config.py"


def test_pytest_started_in_the_root_finds_the_rooms_without_an_install():
    # -P like the command ``pytest``, which does not look into the current folder
    command = [
        sys.executable,
        "-S",
        "-P",
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-n",
        "0",
        "tests/spec/test_sizes.py",
    ]
    packages = os.pathsep.join(path for path in sys.path if Path(path).name in ("site-packages", "dist-packages"))
    environment = os.environ | {"PYTHONPATH": packages}
    found = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert found.returncode == 0, found.stdout


def test_a_model_is_saved_by_a_checkout_that_is_not_installed(tmp_path):
    program = (
        "import sys; from importlib import metadata\n"
        "found = metadata.version\n"
        "def version(name):\n"
        "    if name == 'wellshaped': raise metadata.PackageNotFoundError(name)\n"
        "    return found(name)\n"
        "metadata.version = version\n"
        "from flax import nnx; from wellshaped import UNet2, UNet2Config; from wellshaped.interop import load, save\n"
        "save(UNet2(UNet2Config(base_channels=1), 1, 1, rngs=nnx.Rngs(0)), sys.argv[1])\n"
        "print(type(load(sys.argv[1])).__name__)\n"
        "from wellshaped.cli import main; main(['--version'])\n"
    )
    path = str(tmp_path / "model.safetensors")
    found = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout == "UNet2\n(unknown version)\n"


def test_every_source_file_is_a_module_whose_examples_are_run():
    assert {"wellshaped", "wellshaped.cli", "wellshaped.spec.unet.config", "wellshaped.models.typed"} <= {*MODULES}
    assert len({*MODULES}) == len(SOURCES)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_are_true(name):
    if name in ("wellshaped.__main__",):
        return  # importing it runs the command line
    if ".torch_" in name and not name.endswith("torch_reader"):
        pytest.importorskip("torch", reason="PyTorch is not a dependency")
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


@pytest.mark.parametrize(
    "name",
    [
        *("wellshaped", "wellshaped.spec", "wellshaped.spec.network", "wellshaped.models", "wellshaped.interop"),
        *("wellshaped.proofs_of_shape", "wellshaped.proofs_of_shape.strategies"),
    ],
)
def test_every_public_function_and_class_has_a_docstring_with_a_true_example(name):
    face = importlib.import_module(name)
    for public, value in [(public, getattr(face, public)) for public in dir(face)]:
        if callable(value) and getattr(value, "__module__", "").startswith("wellshaped") and not public.startswith("_"):
            assert value.__doc__, public
            if public not in WITHOUT_EXAMPLE:
                assert ">>>" in value.__doc__, public


# Small records, each shown in the example of what makes them.
WITHOUT_EXAMPLE = {"Condition", "Layer", "LayerParams", "Obligation", "Reading", "ShapeError", "Stage", "Verdict"} | {
    *("AxisSizes", "Budget", "Cause", "Explanation", "ModelSizes", "Plan", "Requirement"),
    "check_config",  # its example stands there with the whole message
    "read_as",
    *("Proof", "smallest_counterexample"),
    "ProgramIndex",
    "save_config",
}


def test_the_wheel_holds_every_source_file_and_the_marker_of_types(tmp_path):
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        pytest.skip("building a wheel needs uv")
    build = [uv, "build", "--quiet", "--out-dir", tmp_path, ROOT]  # the wheel is made from the source archive
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    expected = {str(s) if s.parts[0] == "wellshaped" else f"wellshaped/{s}" for s in SOURCES}
    assert expected <= packed
    assert {"wellshaped/py.typed", "wellshaped/proofs_of_shape/coq/proofs.v"} <= packed
    assert {name.split("/")[0].split("-")[0] for name in packed} == {"wellshaped"}
    assert {name for name in packed if name.endswith(".py")} == expected
