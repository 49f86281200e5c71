"""Loading a model by its name: what is called, what gets memory, and what each error says."""

import subprocess
import sys
from itertools import count
from time import monotonic

import jax
import jax.numpy as jnp
import pytest
from flax import linen, nnx

from wellshaped.interop import Budget, load_model, loading
from wellshaped.interop.any_model import check_model, read_model, shape_that_fits
from wellshaped.spec import FileError, UsageError, WellshapedError
from wellshaped.spec.messages.installing import pip_install

NUMBERS = count()

FUNCTIONS = """
import functools
import jax.numpy as jnp

def double(x):
    return jnp.concatenate([x, x])

class Space:
    inner = staticmethod(double)

space = Space()
partly = functools.partial(double)
SIZES = (3, 4)

def make():
    return double

def make_nothing():
    pass

def make_maker():
    return make

def make_with(*, width):
    return double
"""

NETS = """
from flax import nnx
import flax.linen
import jax
import jax.numpy as jnp

class Net(nnx.Module):
    def __init__(self, width=8):
        self.conv = nnx.Conv(3, width, (3, 3), rngs=nnx.Rngs(0))

    def __call__(self, x):
        return self.conv(x)

class Needy(nnx.Module):
    def __init__(self, channels, *, rngs):
        self.conv = nnx.Conv(3, channels, (3, 3), rngs=rngs)

class Reading(Net):
    def __init__(self):
        super().__init__()
        self.scale = float(self.conv.kernel.sum())

class Huge(Net):
    def __init__(self):
        self.dense = nnx.Linear(2**20, 2**20, rngs=nnx.Rngs(0))

class Linen(flax.linen.Module):
    width: int = 4

    @flax.linen.compact
    def __call__(self, x):
        return flax.linen.Conv(self.width, (3, 3))(x)

def make_net():
    return Net(16)

def make_linen():
    return Linen()

ready = Net()
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a module with a new name into the current directory, and return the name."""
    monkeypatch.chdir(tmp_path)

    def write(text, name=None):
        name = name or f"own_nets_{next(NUMBERS)}"
        path = tmp_path / f"{name.replace('.', '/')}.py"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
        return name

    return write


@pytest.fixture
def rejected(write):
    """The lines of the error for an object of a module with this text, with the module's name as ``nets``."""

    def rejected(text, of, error=FileError):
        name = write(text)
        with pytest.raises(error) as raised:
            load_model(of.replace("nets", name))
        return str(raised.value).replace(name, "nets").splitlines()

    return rejected


def test_a_function_of_images_is_returned_and_a_function_without_arguments_is_called(write):
    name = write(FUNCTIONS)
    double = load_model(f"{name}:double")
    assert double is sys.modules[name].double
    assert load_model(f"{name}:make") is double
    assert load_model(f"{name}:space.inner") is double
    assert load_model(f"{name}:partly") is sys.modules[name].partly


def test_parameters_get_no_memory_if_a_class_or_a_function_makes_the_model(write):
    name = write(NETS)
    for of, width in (("Net", 8), ("make_net", 16)):
        parameters = jax.tree.leaves(nnx.state(load_model(f"{name}:{of}")))
        assert {type(array) for array in parameters} == {jax.ShapeDtypeStruct}
        assert {array.shape for array in parameters} == {(width,), (3, 3, 3, width)}
    huge = nnx.state(load_model(f"{name}:Huge"))
    assert max(array.size for array in jax.tree.leaves(huge)) == 2**40  # four terabytes


def test_a_model_that_exists_or_has_no_parameters_yet_is_taken_as_it_is(write):
    name = write(NETS)
    assert load_model(f"{name}:ready") is sys.modules[name].ready
    assert type(load_model(f"{name}:Linen")) is sys.modules[name].Linen
    assert type(load_model(f"{name}:make_linen")) is sys.modules[name].Linen


def test_a_constructor_that_reads_its_parameters_is_called_plainly(write):
    model = load_model(f"{write(NETS)}:Reading")
    assert isinstance(model.scale, float)
    assert isinstance(model, nnx.Module)


def test_an_equinox_model_keeps_its_plain_numbers(write):
    pytest.importorskip("equinox", reason="Equinox is not a dependency")
    text = """
import equinox
import jax

class Net(equinox.Module):
    conv: equinox.nn.Conv2d
    scale: int = 2

    def __init__(self):
        self.conv = equinox.nn.Conv2d(3, 8, 2, key=jax.random.key(0))

    def __call__(self, x):
        return self.conv(x) * self.scale
"""
    model = load_model(f"{write(text)}:Net")
    assert model.scale == 2
    assert type(model.conv.weight).__name__ == "ShapeDtypeStruct"
    assert str(read_model(model, "3 H W")["H"]) == "n ≥ 2"


def test_a_pytorch_module_is_made_without_memory_and_read_by_pytorchs_rules(write):
    torch = pytest.importorskip("torch", reason="PyTorch is not a dependency")
    text = """
from torch import nn

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 4096, 3), nn.Conv2d(4096, 2**20, 3))
"""
    model = load_model(f"{write(text)}:Net")
    assert model[1].weight.device == torch.device("meta")
    assert str(read_model(model, "1 3 H W", name="nets:Net")["H"]) == "n ≥ 5"


def test_a_factory_that_imports_its_framework_itself_makes_no_arrays(write, tmp_path):
    text = """
def make():
    from flax import nnx

    return nnx.Conv(3, 8, (3, 3), rngs=nnx.Rngs(0))
"""
    code = f"""
import subprocess
import sys
from wellshaped.interop.loading import load_model
assert "flax.nnx" not in sys.modules
print(type(load_model({f"{write(text)}:make"!r}).kernel.get_value()).__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == ["ShapeDtypeStruct"]


IMPORTING = {
    "caught": """
def make():
    try:
        import fake_framework
    except:
        fake_framework = None
    return fake_framework.make()
""",
    "in a thread": """
import threading

def make():
    found = []
    def run():
        import fake_framework
        found.append(fake_framework.make())
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]
""",
    "in a package": """
def make():
    import fake_package
    return fake_package.b.make() if fake_package.a.X else None
""",
    "broken": """
def make():
    try:
        import broken_framework
    except OSError:
        return lambda x: x
""",
}


@pytest.mark.parametrize("how", IMPORTING)
def test_a_stop_at_an_import_does_not_change_what_a_factory_makes(how, write, monkeypatch, tmp_path):
    write("def make():\n    return lambda x: x\n", "fake_framework")
    write("raise OSError('no such library')", "broken_framework")
    write("import fake_package.a\nfrom . import b\n", "fake_package.__init__")
    write("X = 1\n", "fake_package.a")
    write("from fake_framework import make\n", "fake_package.b")
    monkeypatch.setattr(loading, "_MAKERS", {name: name for name in ("fake_framework", "broken_framework")})
    try:
        model = load_model(f"{write(IMPORTING[how])}:make")
        assert str(read_model(model, "3 H")["H"]) == "n ≥ 1"
    finally:
        for name in [of for of in sys.modules if of.startswith(("fake_", "broken_"))]:
            del sys.modules[name]


FUNCTIONS_OF_TORCH = """
import functools

import torch
from torch import nn
from torch.nn import functional as F

net = nn.MaxPool2d(2)


def segment(image):
    return net((image - 0.5) / 0.5).softmax(1)


def pools(image):
    return F.max_pool2d(image, 2)


class Predictor:
    def __call__(self, image):
        return net(image)


class Held:
    def __init__(self):
        self.net = net

    def __call__(self, image):
        return self.net(image)


def made_inside(image):
    return (lambda of: F.max_pool2d(of, 2))(image)


class Pooling(nn.Module):
    def forward(self, image):
        return F.max_pool2d(image, 2)


def constructed_inside(image):
    return Pooling()(image)


predictor, held, lambda_of_it, method = Predictor(), Held(), lambda image: net(image), net.forward
through_another = functools.partial(lambda of, image: of(image), segment)
relu = torch.relu
"""


def test_functions_of_pytorch_are_read_by_pytorch(write):
    pytest.importorskip("torch", reason="PyTorch is not a dependency")
    place = write(FUNCTIONS_OF_TORCH)
    for name in (
        "segment",
        "pools",
        "made_inside",
        "constructed_inside",
        "predictor",
        "held",
        "lambda_of_it",
        "method",
        "through_another",
        "relu",
    ):
        answer = read_model(load_model(f"{place}:{name}"), "1 3 H W")
        assert answer.framework.startswith("torch")
        assert str(answer["H"]) == ("n ≥ 1" if name == "relu" else "n ≥ 2"), name


def test_pytorch_code_that_asks_for_values_cant_be_decided_and_a_wrong_number_of_channels_is_proposed():
    torch = pytest.importorskip("torch", reason="PyTorch is not a dependency")

    class Branching(torch.nn.Module):
        def forward(self, x):
            if x.mean() > 0.5:
                return x - 0.5
            return x

    class Reading(torch.nn.Module):
        def forward(self, x):
            return x * x.mean().item()

    class Choosing(torch.nn.Module):
        def forward(self, x):
            return x[x > 0]

    says = {Branching: "branches on values", Reading: "reads values", Choosing: "makes an image whose size depends on"}
    for kind, does in says.items():
        for ask in (lambda model: read_model(model, "3 H W"), lambda model: check_model(model, (3, 64, 64))):
            with pytest.raises(FileError) as error:
                ask(kind())
            first, why, fix = str(error.value).replace("\n      ", " ").splitlines()
            assert first == f"{kind.__name__} can't be decided."
            assert why.startswith("  values: test_loading.py:") or "tests/interop/test_loading.py:" in why
            assert f"`, {does}" in why
            instead = "only functions of torch" if kind is Reading else "torch.where in place of a branch"
            assert fix.startswith(f"  fix: use {instead}")
    report = check_model(torch.nn.Conv2d(3, 4, 3), (1, 1, 64, 64))
    assert report.fixes == ("the shape (1, 3, 64, 64) (3 channels in place of 1)",)


@pytest.mark.parametrize(
    ("axes", "given", "meant", "change"),
    [
        (2, "1 3 H", "1x3xHxW", "one size more"),
        (2, "3 H", "3xHxW", "one size more"),
        (2, "1 3 W", "1x3xWxH", "one size more"),
        (3, "1 3 H W", "1x3xHxWxD", "one size more"),
        (2, "W H", "3xWxH", "3 channels first"),
        (2, "1 H W 3", "1x3xHxW", "channels first"),
        (2, "1 1 H W", "1x3xHxW", "3 channels in place of 1"),
    ],
)
def test_pytorch_is_asked_for_channels_first_and_the_size_that_is_missing(axes, given, meant, change):
    torch = pytest.importorskip("torch", reason="PyTorch is not a dependency")
    layer = {2: torch.nn.Conv2d, 3: torch.nn.Conv3d}[axes](3, 8, 3, padding=1)

    assert shape_that_fits(layer, given) == ([meant], [change])
    assert read_model(layer, meant.replace("x", " ")).independent


def test_a_missing_size_is_as_large_as_the_last_in_a_check_of_a_pytorch_network():
    torch = pytest.importorskip("torch", reason="PyTorch is not a dependency")
    report = check_model(torch.nn.Conv2d(3, 8, 3), (1, 3, 64))
    assert report.fixes == ("the shape (1, 3, 64, 64) (one size more)",)


def test_a_wrong_dtype_is_found_and_another_is_proposed():
    def looked_up(x):
        return jnp.eye(4)[x]

    assert check_model(looked_up, (8,)).fixes == ("--dtype int32",)
    assert check_model(looked_up, (8,), dtypes="int64").ok


def test_a_model_of_16_bit_parameters_wants_images_of_16_bits():
    torch = pytest.importorskip("torch", reason="PyTorch is not a dependency")
    for dtype in ("float16", "bfloat16", "float64"):
        model = torch.nn.Conv2d(3, 4, 3, dtype=getattr(torch, dtype))
        assert check_model(model, (3, 8, 8)).fixes == (f"--dtype {dtype}",)


def test_an_argument_that_is_missing_and_dropout_without_random_numbers_have_a_fix():
    class Dropping(nnx.Module):
        def __init__(self):
            self.dropout = nnx.Dropout(0.5)

        def __call__(self, x):
            return self.dropout(x)

    assert check_model(Dropping(), (8, 4)).fixes == (
        "turn dropout off: name a function that makes the model, calls model.eval() and returns it",
    )

    class Training(linen.Module):
        @linen.compact
        def __call__(self, x, train):
            return x

    with pytest.raises(FileError) as error:
        read_model(Training(), "N 4")
    assert error.value.report.fixes == (
        "a default for 'train' in the model's __call__ or forward; or name a function of the image that passes it",
    )

    def helper(x, y):
        return x + y

    assert "__call__" not in str(check_model(lambda x: helper(x), (8, 8)).fixes)


def test_a_file_without_the_name_of_an_object_asks_for_a_name(write):
    place = f"{write('def f(x): return x')}.py"
    for text in (f"{place}:", f"{place}:of.0"):
        with pytest.raises(UsageError) as error:
            load_model(text)
        assert error.value.report.fixes == (f"{place}:NAME, where NAME is a model or a function in {place}",)


def test_a_file_is_loaded_by_its_path_with_the_files_beside_it(write, tmp_path):
    write("from side_of_it import double", "folder.of_file")
    write(FUNCTIONS, "folder.side_of_it")
    assert load_model("folder/of_file.py:double") is load_model(f"{tmp_path}/folder/of_file.py:double")
    assert load_model("folder/of_file.py:double").__name__ == "double"


def test_a_file_of_a_package_may_import_relative_to_it(write):
    write("", "own_package.__init__")
    write("", "own_package.inner.__init__")
    write("from ..blocks import double", "own_package.inner.nets")
    write(FUNCTIONS, "own_package.blocks")
    assert load_model("own_package/inner/nets.py:double").__module__ == "own_package.blocks"


def test_a_file_may_have_the_name_of_a_module_that_is_loaded(write):
    write(
        "from dataclasses import dataclass\n\n@dataclass\nclass Net:\n    n: int = 2\n\ndef f(x):\n    return x", "json"
    )
    known = sys.modules["json"]
    assert load_model("json.py:f").__name__ == "f"
    assert sys.modules["json"] is known


def test_a_file_that_was_changed_is_loaded_again(write, tmp_path):
    name = write("def f(x):\n    return 1")
    assert load_model(f"{name}.py:f")(0) == 1
    (tmp_path / f"{name}.py").write_text("def f(x):\n    return 22")
    assert load_model(f"{name}.py:f")(0) == 22


def test_the_path_of_modules_is_as_before(write):
    before = list(sys.path)
    load_model(f"{write(FUNCTIONS)}:make")
    with pytest.raises(FileError):
        load_model(f"{write('1 / 0')}:make")
    assert sys.path == before


CANT = {  # what is named, in a module with FUNCTIONS: the rule with what it says, and the fix
    "nets:doubel": ("object: the module nets has no doubel.", "nets:double"),
    "nets:zzz": ("object: the module nets has no zzz.", "nets:double or nets:make or nets:make_nothing"),
    "nets:jnpp": ("object: the module nets has no jnpp.", "nets:double or nets:make or nets:make_nothing"),
    "nets:space.iner": ("object: a Space has no iner.", "nets:space.inner"),
    "nets:SIZES": (
        "object: it is a tuple, and must be a model, a function of images, or a class or function without required "
        "arguments that returns one.",
        "nets:double or nets:make or nets:make_nothing",
    ),
    "nets:Space": ("construct: Space() returns a Space, and must return a model.", "let Space return the model"),
    "nets:make_nothing": (
        "construct: make_nothing() returns None, and must return a model.",
        "let make_nothing return the model",
    ),
    "nets:make_maker": (
        "construct: make_maker() returns a function, and must return a model.",
        "let make_maker return the model",
    ),
    "nets:make_with": (
        "construct: make_with needs arguments: width.",
        "def make_model(): return make_with(width=…), in your module; then nets:make_model",
    ),
    "nets.py:doubel": ("object: the module nets has no doubel.", "nets.py:double"),
}


@pytest.mark.parametrize("of", CANT)
def test_an_object_that_is_not_a_model_is_rejected_with_one_that_may_be(rejected, of):
    says, fix = CANT[of]
    assert rejected(FUNCTIONS, of) == [f"{of} can't be read.", f"  {says}", f"  fix: {fix}"]


def test_a_module_is_not_called_a_model_and_what_is_inside_your_own_is_named(rejected, write):
    module = "object: it is a Python module (a file or package), and must be a model, a function of images, or a class"
    _, says, fix = rejected("import json", "nets:json")
    assert says.startswith(f"  {module}")
    assert fix == "  fix: a function in your own code that returns the model, such as nets.py:make_unet"
    write(FUNCTIONS, "own_box.inside")
    write("from . import inside", "own_box.__init__")
    _, says, fix = rejected("", "own_box:inside")
    assert says.startswith(f"  {module}")
    assert fix.split()[1] == "own_box.inside:double"


def test_a_class_of_a_library_that_needs_arguments_is_made_in_a_file_of_yours(rejected):
    *_, fix = rejected("", "flax.nnx:BatchNorm")
    assert fix == (
        "  fix: in a file of yours, such as nets.py, from flax.nnx import BatchNorm, then def make_model(): "
        "return BatchNorm(num_features=…, rngs=nnx.Rngs(0)); then nets.py:make_model"
    )


def test_a_class_that_needs_arguments_gets_a_function_to_write(rejected):
    assert rejected(NETS, "nets:Needy")[1:] == [
        "  construct: Needy needs arguments: channels, rngs.",
        "  fix: def make_model(): return Needy(channels=…, rngs=nnx.Rngs(0)), in your module; then nets:make_model",
    ]


BROKEN = {  # a module, and what its import says
    "x = undefined": ("NameError at nets.py:1, `x = undefined`: name 'undefined' is not defined.", "correct nets.py:1"),
    "def f(:": ("SyntaxError at nets.py:1, `def f(:`: invalid syntax.", "correct nets.py:1"),
    "import sys\nsys.exit(3)": ("SystemExit at nets.py:2, `sys.exit(3)`: 3.", "correct nets.py:2"),
    "import argparse\nargparse.ArgumentParser().parse_args(['--unknown'])": (
        "SystemExit at nets.py:2, `argparse.ArgumentParser().parse_args(['--unknown'])`: 2.",
        "correct nets.py:2",
    ),
    "class Stop(BaseException): ...\nraise Stop('no')": (
        "Stop at nets.py:2, `raise Stop('no')`: no.",
        "correct nets.py:2",
    ),
    "raise ValueError('\x1b[31mred\x1b[0m and \x07loud')": (
        "ValueError at nets.py:1, `raise ValueError('\x1b[31mred\x1b[0m and \x07loud')`: red and loud.",
        "correct nets.py:1",
    ),
    "import monai_is_missing": (
        "ModuleNotFoundError at nets.py:1, `import monai_is_missing`: No module named 'monai_is_missing'.",
        "install the package that has the module monai_is_missing",
    ),
    "raise ModuleNotFoundError(\"No module named 'haiku'\", name='haiku')": (
        "ModuleNotFoundError at nets.py:1, `raise ModuleNotFoundError(\"No module named 'haiku'\", name='haiku')`: "
        "No module named 'haiku'.",
        pip_install("dm-haiku"),
    ),
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_module_that_raises_is_reported_with_its_own_line(rejected, text):
    says, fix = BROKEN[text]
    for of in ("nets:make", "nets.py:make"):
        assert rejected(text, of) == [f"{of} can't be read.", f"  import: {says}", f"  fix: {fix}"]


@pytest.mark.parametrize(("found", "command"), [(None, "uv pip install torch"), (object(), "pip install torch")])
def test_a_missing_package_is_installed_with_what_the_environment_has(found, command, monkeypatch):
    monkeypatch.setattr("wellshaped.spec.messages.installing.find_spec", lambda name: found)
    assert pip_install("torch") == command


def test_a_constructor_that_raises_is_reported_with_its_own_line(rejected):
    text = "import jax.numpy as jnp\n\ndef make():\n    return jnp.zeros((2, 3)) @ jnp.zeros((2, 3))\n"
    lead, says, fix = rejected(text, "nets:make")
    assert lead == "nets:make can't be read."
    assert says.startswith("  construct: TypeError at nets.py:4, `return jnp.zeros((2, 3)) @ jnp.zeros((2, 3))`: ")
    assert fix == "  fix: correct nets.py:4"


def test_a_missing_module_or_file_is_reported_with_the_nearest(write):
    write(FUNCTIONS, "own_folder.netz")
    write(FUNCTIONS, "own_folder.__init__")
    write(FUNCTIONS, "own_box.inside")
    write(FUNCTIONS, "own_near_nets")
    for given, says, fix in (
        ("own_near_net:make", "there is no module own_near_net", "own_near_nets:make"),
        ("own_folder.nets:make", "there is no module own_folder.nets", "own_folder.netz:make"),
        ("own_foldr.netz:make", "there is no module own_foldr", "own_folder.netz:make"),
        ("own_folder/nets.py:make", "there is no file own_folder/nets.py", "own_folder/netz.py:make"),
        ("own_near_net.py:make", "there is no file own_near_net.py", "own_near_nets.py:make"),
        ("own_near_net.py:f", "there is no file own_near_net.py", "the path of an existing .py file"),
        ("own_near_net:f", "there is no module own_near_net", "a module in this folder, or the path of a .py file"),
        ("own_boxs:make", "there is no module own_boxs", "a module in this folder, or the path of a .py file"),
        ("netz:make", "there is no module netz", "own_folder/netz.py:make"),
        ("netz.py:make", "there is no file netz.py", "own_folder/netz.py:make"),
        ("netz:f", "there is no module netz", "a module in this folder, or the path of a .py file"),
        ("nope.py:make", "there is no file nope.py", "the path of an existing .py file"),
        ("far/away.py:make", "there is no file far/away.py", "the path of an existing .py file"),
        ("jax.nnn:relu", "there is no module jax.nnn", "jax.nn:relu"),
        ("quite_other:make", "there is no module quite_other", "a module in this folder, or the path of a .py file"),
    ):
        with pytest.raises(FileError) as raised:
            load_model(given)
        assert str(raised.value).splitlines() == [f"{given} can't be read.", f"  import: {says}.", f"  fix: {fix}"]


@pytest.mark.parametrize("text", ["nets", "nets:", ":make", "nets:make()", "nets:a..b", ""])
def test_a_text_that_names_no_object_is_rejected(text):
    with pytest.raises(UsageError, match=r"it must be module:object or path/to/file.py:object"):
        load_model(text)


def test_the_file_of_a_saved_model_leads_to_the_function_that_loads_it():
    with pytest.raises(UsageError) as error:
        load_model("models/best.safetensors")
    assert error.value.report.fixes == ("load('models/best.safetensors'), which reads a saved model",)


# Reading what was loaded.


def test_a_model_that_raises_whatever_the_size_is_reported_with_its_own_line(write):
    name = write("def f(x):\n    return x + undefined\n\ndef two(x, y):\n    return x\n")
    for ask in (
        lambda of: read_model(load_model(of), "3 H", name=of),
        lambda of: check_model(load_model(of), (3, 4), name=of),
    ):
        with pytest.raises(FileError) as raised:
            ask(f"{name}:f")
        assert str(raised.value).replace(name, "nets").splitlines() == [
            "nets:f can't be read.",
            "  trace: NameError at nets.py:2, `return x + undefined`: name 'undefined' is not defined.",
            "  fix: correct nets.py:2",
        ]
        with pytest.raises(UsageError, match="missing 1 required positional argument: 'y'"):
            ask(f"{name}:two")


ENDLESS = """
import flax.linen
from flax import nnx

def loops(x):
    while x.shape[1] > 0:
        x = x + 1
    return x

def recurses(x):
    return recurses(x * 2)

def calls_itself(x):
    return calls_itself(x)

def once(x):
    return x + 1

class Deep(nnx.Module):
    def __init__(self):
        self.conv = nnx.Conv(3, 3, (3, 3), rngs=nnx.Rngs(0))

    def __call__(self, x):
        return self(self.conv(x))

class LoopingLinen(flax.linen.Module):
    @flax.linen.compact
    def __call__(self, x):
        while x.shape[1] > 0:
            x = x + 1

class DeepLinen(flax.linen.Module):
    def __call__(self, x):
        return self(x * 2)
"""

ENDLESS_TORCH = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

class Loops(Net):
    def forward(self, x):
        while x.shape[2] > 0:
            x = self.conv(x)

class Asks(Net):
    def forward(self, x):
        while x.shape[2] > 0:
            pass

class Recurses(Net):
    def forward(self, x):
        return self(self.conv(x))

def once(x):
    return torch.relu(x)
"""
LOOPS = {"loops": (6, 7), "LoopingLinen": (30, 31), "torch Loops": (12, 13), "torch Asks": (17,)}
RECURSIONS = {"recurses": 11, "calls_itself": 14, "Deep": 24, "DeepLinen": 34, "torch Recurses": 22}


@pytest.fixture
def endless(write):
    """The error of the model of this name on an image of the shape, and how many seconds it took."""

    def endless(named, shape, **budget):
        framework, _, of = named.rpartition(" ")
        if framework:
            pytest.importorskip("torch", reason="PyTorch is not a dependency")
        name = write(ENDLESS_TORCH if framework else ENDLESS)
        model = load_model(f"{name}:{of}")
        read_model(load_model(f"{name}:once"), "1")  # a framework's first operation takes seconds
        begin = monotonic()
        with pytest.raises(FileError) as error:
            read_model(model, shape, name=f"{name}:{of}", budget=Budget(**budget))
        seconds = monotonic() - begin
        return str(error.value).replace(name, "nets").replace("\n      ", " ").splitlines(), seconds

    return endless


@pytest.mark.parametrize("shape", ["3 3 H W", "3 3 8 3"])
@pytest.mark.parametrize("of", LOOPS)
def test_code_that_loops_without_an_end_is_stopped_and_its_line_is_named(endless, of, shape):
    (lead, says, fix), _ = endless(of, shape, run_seconds=0.4)
    assert lead == f"nets:{of.split()[-1]} can't be decided."
    assert says.startswith(tuple(f"  time: nets.py:{line}, `" for line in LOOPS[of]))
    at = " with H = 64, W = 64" if "H" in shape and "Linen" not in of else ""
    assert says.endswith(f"`, still runs after 0.4 seconds{at}, and may never end.")
    assert fix.startswith("  fix: end the loop; or, if the code is only slow, read_jax or read_torch with budget=")


@pytest.mark.parametrize("shape", ["3 3 H 3", "3 3 8 3"])
@pytest.mark.parametrize("of", RECURSIONS)
def test_code_that_calls_itself_without_an_end_is_reported_once_and_soon(endless, of, shape):
    (lead, says, fix), seconds = endless(of, shape)
    assert lead == f"nets:{of.split()[-1]} can't be read."
    assert says.startswith(f"  trace: RecursionError at {'conv, ' * ('torch' in of)}nets.py:{RECURSIONS[of]}, `return ")
    assert fix == f"  fix: correct nets.py:{RECURSIONS[of]}"
    assert seconds < 30


def test_sizes_for_which_a_loop_ends_are_known_beside_those_for_which_it_does_not():
    def loops(x):
        while x.shape[0] > 100:
            x = x + 1
        return x

    axis = read_model(loops, "H", budget=Budget(run_seconds=0.4)).axes["H"]
    assert (str(axis.sizes), str(axis.found.undecided)) == ("{1, 2, …, 100}", "n ≥ 101")
    assert "still runs after 0.4 seconds" in axis.evidence()


def test_a_linen_model_that_raises_while_it_makes_its_parameters_is_reported_with_its_own_line(write):
    text = (
        "import flax.linen as nn\n\nclass Net(nn.Module):\n    def __call__(self, x):\n        return self.missing(x)\n"
    )
    name = write(text)
    with pytest.raises(FileError, match=r"trace: AttributeError at own_nets_\d+.py:5, `return self.missing\(x\)`: "):
        read_model(load_model(f"{name}:Net"), "3 H", name=name)


def test_a_function_with_required_arguments_that_fits_no_size_is_said_to_be_read_as_a_function_of_images():
    def factory(levels):
        return [None] * levels

    assert read_model(factory, "3 H").notes[0] == (
        "factory(levels) takes an argument, so it was called with the image. If it makes the model, name a function "
        "without arguments"
    )


MAKERS = """
import jax.numpy as jnp

def of_rngs(rngs):
    return rngs.params()

def returns_one(width):
    return of_rngs

def of_config(config):
    return config["a"]

def of_levels(levels, *more, bias=True):
    return range(levels)

def branches(config):
    return of_rngs if config.any() else None

def nets_of_images(image, img2):
    return image.mode

def misspelled(width):
    return widht
"""
MADE = {  # a function that is called with an image, and how the message goes on after its name
    "of_rngs": ("can't be read.", "rngs=nnx.Rngs(0)"),
    "returns_one": ("can't be read.", "width=…"),
    "of_config": ("does not fit.", "config=…"),
    "of_levels": ("does not fit.", "levels=…"),
    "branches": ("can't be decided.", "config=…"),
}


@pytest.mark.parametrize("of", MADE)
def test_a_function_that_may_make_the_model_is_said_to_be_called_with_the_image(write, of):
    name = f"{write(MAKERS)}:{of}"
    model = load_model(name)
    with pytest.raises(WellshapedError) as error:
        check_model(model, (3, 8, 8), name=name).raise_if_failed()
    ends, given = MADE[of]
    lines = str(error.value).replace("\n      ", " ").splitlines()
    assert lines[0].endswith(ends)
    assert " takes an argument, so it was called with the image. If it makes the model, name a function" in lines[2]
    made = f"def make_model(): return {of}({given}), in your module; then {name.partition(':')[0]}:make_model"
    assert lines[3] == f"  fix: if {of} makes the model: {made}"


@pytest.mark.parametrize("of", ["nets_of_images", "misspelled"])
def test_a_function_of_images_and_an_error_in_its_code_are_not_taken_for_a_maker(write, of):
    name = f"{write(MAKERS)}:{of}"
    with pytest.raises(FileError) as error:
        check_model(load_model(name), *[(3, 8, 8)] * (1 + (of != "misspelled")), name=name)
    assert "called with the image" not in str(error.value)
    assert "make_model" not in str(error.value)


RETURNED = {
    "a str": "mask",
    "a list": ["mask"],
    "a dict": {},
    "a function": pytest.raises,
    "a Linear": None,
    "no array": None,
}


@pytest.mark.parametrize("shape", ["3 H W", "3 8 8"])
@pytest.mark.parametrize("what", RETURNED)
def test_what_a_function_returns_in_place_of_an_array_is_said_once(what, shape):
    def function(x):
        return nnx.Linear(3, 3, rngs=nnx.Rngs(0)) if what == "a Linear" else RETURNED[what]

    with pytest.raises(FileError) as error:
        read_model(function, shape, name="nets:function")
    assert str(error.value).splitlines() == [
        "nets:function can't be read.",
        f"  trace: function returns {what}, and must return an array for an image.",
        "  fix: a model that returns an array",
    ]


def test_a_text_beside_an_array_is_no_output():
    answer = read_model(lambda x: {"name": "mask", "mask": x, "rest": [None, 3]}, "3 H")
    assert answer.output == ("mask: (3, H)", "rest.1: ()")


def test_arguments_that_take_any_number_of_values_are_not_required():
    def factory(levels, *more, bias=True, **others):
        return [None] * levels

    assert read_model(factory, "3 H").notes[0].startswith("factory(levels) takes an argument, ")


def halves(x, axis):
    even, odd = (jax.lax.slice_in_dim(x, first, None, 2, axis) for first in (0, 1))
    return jax.lax.add(even, odd)


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((3, 303, 384), (1, 2)),
        ((1, 3, 303, 384), (2, 3)),
        ((1, 303, 384, 3), (1, 2)),
        ((303, 384), (0, 1)),
        ((7,), (0,)),
        ((2, 7, 64), (1, 2)),
        ((2, 64, 7, 8), (2, 3)),
        ((4, 7, 2, 3), (1, 2)),
        ((2, 2, 7, 6, 64), (2, 3, 4)),
    ],
)
def test_the_nearest_sizes_that_fit_are_named_by_the_position_of_the_axis(shape, axes):
    def both(x):
        for axis in axes:
            halves(x, axis)
        return x

    report = check_model(both, shape, name="nets:both")
    (odd,) = [i for i, n in enumerate(shape) if n in (303, 7)]
    n = shape[odd]
    assert report.subject == f"nets:both on ({', '.join(map(str, shape))})"
    assert report.failures[0].name == "framework"
    assert report.fixes == (
        f"axis {odd} ({n}): {n - 1} (crop 1) or {n + 1} (pad 1); all that fit: n ≡ 0 (mod 2), n ≥ 2",
    )
    even = tuple(n + (i == odd) for i, n in enumerate(shape))
    assert check_model(both, even).ok


def test_other_channels_are_not_proposed_along_an_axis_that_takes_many_sizes():
    def of_rows(x):  # height, channels, width
        rows = jnp.repeat(x[: x.shape[0] // 2], 2, axis=0)
        return jax.lax.add(x, rows).reshape(x.shape[0], 5, x.shape[2])

    assert check_model(of_rows, (4, 5, 64)).ok
    report = check_model(of_rows, (3, 5, 64))
    assert not report.ok
    assert report.fixes == ()


def test_other_channels_are_proposed_for_a_model_of_one_size():
    def fixed(x):
        return jax.lax.add(x, jnp.ones((3, 224, 224)))

    fix = "the shape (3, 224, 224) (3 channels in place of 4)"
    assert check_model(fixed, (4, 224, 224)).fixes == (fix,)


def test_images_that_share_a_size_share_its_axis():
    def joined(x, y):
        return jnp.concatenate([halves(x, 1), halves(y, 1)])

    assert check_model(joined, (3, 303), (1, 303)).fixes == (
        "axis 1 (303): 302 (crop 1) or 304 (pad 1); all that fit: n ≡ 0 (mod 2), n ≥ 2",
    )
