"""Exported programs take exactly the compatible sizes, and give the numbers of the model, also without this library."""

import json
import random
import re
import subprocess
import sys
import zipfile
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from effort import sparse
from flax import nnx
from hanging import soon
from hypothesis import given
from hypothesis import strategies as st
from jax import export as jax_export

from wellshaped import interop
from wellshaped.interop import export, load_program
from wellshaped.interop.programs.archive import read_archive, write_archive
from wellshaped.interop.programs.boxes import MAX_PROGRAMS, contains, programs_of, text_of
from wellshaped.interop.programs.classes import chosen_sizes, class_text, classes_of
from wellshaped.interop.programs.index import digest_of
from wellshaped.models import TypedNetwork, UNet, UNet2
from wellshaped.spec import (
    PRESETS,
    Activation,
    Add,
    AvgPool,
    Concat,
    Conv,
    FileError,
    Input,
    MaxPool,
    Network,
    Node,
    PadTo,
    Progression,
    Resize,
    ShapeError,
    SizeSet,
    UNet2Config,
    UNetConfig,
    UsageError,
    WellshapedError,
    compatible_shapes,
)

HALVED = Conv(3, stride=2, padding=1, channels=4)
UNION = Network(  # 0 or 3 mod 4: the second half is doubled and meets the first
    {"x": 2},
    (
        Node("first", HALVED),
        Node("second", HALVED),
        Node("active", Activation("leaky_relu", slope=0.1)),
        Node("up", Resize(2)),
        Node("joined", Concat(), ("first", "up")),
        Node("y", Conv(1, channels=3)),
    ),
)
SEVERAL = Network(  # two images, a vector, and two outputs, along one axis
    [Input("x", 2), Input("t", 4, single=True), Input("z", 1)],
    (
        Node("conv", Conv(3, padding=1, channels=4), ("x",)),
        Node("moved", Add(broadcast="positions"), ("conv", "t")),
        Node("pooled", MaxPool(2), ("moved",)),
        Node("up", Resize(2), ("pooled",)),
        Node("joined", Concat(), ("up", "z")),
    ),
    outputs=("pooled", "joined"),
    axes=1,
)
HALVES = Network(  # what halvings leave over is padded, in one class of all sizes
    {"x": 2},
    (
        Node("mean", AvgPool(2), ("x",)),
        Node("largest", MaxPool(3, 2), ("mean",)),
        Node("up", Resize(4), ("largest",)),
        Node("padded", PadTo(), ("up", "x")),
        Node("joined", Concat(), ("padded", "x")),
    ),
    axes=1,
)
MODELS = {
    "halves": lambda rngs: TypedNetwork(HALVES, rngs=rngs),
    "batch": lambda rngs: UNet(UNetConfig(levels=2, base_channels=2, norm="batch"), 3, 2, rngs=rngs),
    "instance": lambda rngs: UNet(UNetConfig(levels=1, base_channels=2, norm="instance"), 3, 2, rngs=rngs),
    "unet2": lambda rngs: UNet2(UNet2Config(base_channels=2), 1, 2, rngs=rngs),
    "finite": lambda rngs: UNet2(UNet2Config(base_channels=2, pool_stride=3), 1, 2, rngs=rngs),
    "crop": lambda rngs: UNet(UNetConfig(levels=1, base_channels=2, padding="none", join="crop"), 1, 2, rngs=rngs),
    "union": lambda rngs: TypedNetwork(UNION, rngs=rngs),
    "several": lambda rngs: TypedNetwork(SEVERAL, rngs=rngs),
    "volume": lambda rngs: UNet(
        UNetConfig(axes=3, levels=2, base_channels=2, stride=((1, 2, 2), 2), norm="group", groups=2), 1, 2, rngs=rngs
    ),
    "bfloat16": lambda rngs: UNet2(
        UNet2Config(base_channels=2), 1, 2, dtype=jnp.bfloat16, param_dtype=jnp.bfloat16, rngs=rngs
    ),
}


def built(name):
    model = MODELS[name](nnx.Rngs(0))
    model.eval()
    return model


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A function that exports a model once: the model, its file, and what is loaded from it."""
    folder, known = tmp_path_factory.mktemp("programs"), {}

    def of(name):
        if name not in known:
            model, path = built(name), folder / f"{name}.zip"
            export(model, path)
            known[name] = model, path, load_program(path)
        return known[name]

    return of


def graph_of_file(program):
    return compatible_shapes(interop.programs.exporting.described(built(program)).graph)


def shapes_of(model):
    return compatible_shapes(interop.weights.description.described(model).graph)


def inputs_for(program, sizes, count=2, seed=0):
    """A batch of each input of a program, with these sizes."""
    random_numbers = np.random.default_rng(seed)
    return [
        random_numbers.normal(size=(count, of_it.channels, *(() if of_it.single else sizes))).astype(np.float32)
        for of_it in program.index.inputs
    ]


# Classes.

progressions = st.builds(Progression, st.integers(1, 40), st.integers(1, 12), st.one_of(st.none(), st.integers(1, 5)))


@given(st.lists(progressions, max_size=4).map(SizeSet))
def test_classes_have_each_size_of_a_set_once(sizes):
    classes = classes_of(sizes)
    for n in range(1, 200):
        assert sum(n in of_it for of_it in classes) == (n in sizes)
    assert all(of_it.count in (1, None) for of_it in classes)


@given(progressions)
def test_the_text_of_a_class_says_its_sizes(of_it):
    text, _, least = class_text(of_it).partition(" from ")
    assert (
        text == str(of_it.first) if of_it.count == 1 else eval(text, {"h": 3}) % of_it.step == of_it.first % of_it.step
    )
    assert not least or int(least) == of_it.first


def test_chosen_classes_are_the_sizes_of_this_form_that_fit():
    shapes = compatible_shapes("smp_resnet34")
    assert chosen_sizes(shapes, None) == shapes.axes
    for texts in ("64*h, 63", ("64*h", "63"), {"height": "64*h,63", "width": ["64 * w", " 63"]}):
        for of_it in chosen_sizes(shapes, texts):
            assert [n for n in range(1, 400) if n in of_it] == [63, 64, 128, 192, 256, 320, 384]
    assert chosen_sizes(shapes, {"width": "31"})[0] == shapes.axes[0]
    assert str(chosen_sizes(compatible_shapes("ronneberger2015"), "32*h + 12")[1]) == "n ≡ 12 (mod 32), n ≥ 204"


@pytest.mark.parametrize(
    ("classes", "says"),
    [
        ("17", "no height in 17 fits"),
        ("32*h + 1", r"no height in 32\*h \+ 1 fits"),
        ("h**2", "is no class of sizes"),
        ("0*h", "is no class of sizes"),
        ("", "is no class of sizes"),
        ((), "it is empty"),
        (17, "it has an int"),
        ((1, 2), "it has an int"),
        ({"hight": "32*h"}, "the axes are height and width"),
    ],
)
def test_what_is_no_class_is_rejected(classes, says):
    with pytest.raises(UsageError, match=says):
        chosen_sizes(compatible_shapes("smp_resnet34"), classes)


def test_the_programs_have_each_shape_that_fits_once():
    """For a rule that JAX can't decide for a class: the product must be at least 5, and the first size even."""
    every = Progression(1, 1, None)

    def decided(box):
        firsts = [of_it.first for of_it in box]
        if box[0].step % 2 and box[0].count is None:
            return "open"
        if firsts[0] % 2:
            return "rejected"
        if np.prod(firsts) >= 5:
            return "program"
        return "rejected" if all(of_it.count == 1 for of_it in box) else "open"

    found = [box for box, program in programs_of([[every], [every]], decided)]
    assert {program for _, program in programs_of([[every], [every]], decided)} == {"program"}
    for shape in product(range(1, 30), repeat=2):
        assert sum(contains(box, shape) for box in found) == (shape[0] % 2 == 0 and shape[0] * shape[1] >= 5)


def test_too_many_programs_are_rejected_with_a_choice_that_works(tmp_path):
    classes = [[Progression(n, 16, None) for n in range(16, 26)]] * 2
    with pytest.raises(UsageError, match="needs 100 programs") as raised:
        list(programs_of(classes, lambda box: "program"))
    assert 'classes="16*h", or several' in str(raised.value)
    with pytest.raises(UsageError, match=f"at most {MAX_PROGRAMS} are possible"):
        list(programs_of([[Progression(1, 1, None)]], lambda box: "open"))


# Sizes and numbers.


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", MODELS)
def test_a_file_serves_exactly_the_sizes_that_fit(name, exported):
    model, _, program = exported(name)
    shapes = shapes_of(model)
    axes = len(program.index.axes)
    most = 100 if name in ("union", "several") else 30  # the test of the loader has others, to 100
    few = range(1, most + 1) if axes < 3 else (1, 2, 3, 4, 5, 8, 15, 16, 30, 64, 99, 100)
    drawn = random.Random(0)
    many = [tuple(drawn.randint(1, 2000) for _ in range(axes)) for _ in range(500)]
    for sizes in (*product(few, repeat=axes), *many):
        assert program.serves(sizes) == (sizes in shapes), sizes


@pytest.mark.parametrize("name", MODELS)
def test_every_program_gives_the_shapes_of_the_model_and_rejects_other_sizes(name, exported):
    model, path, program = exported(name)
    members = read_archive(path, "the file")
    for of_it in program.index.programs:
        made = jax_export.deserialize(bytearray(members[of_it.file]))
        sizes = tuple(part.first + (part.step if part.count is None else 0) for part in of_it.box)
        arrays = jax.tree.unflatten(made.in_tree, made.in_avals)[0][0]
        inputs = inputs_for(program, sizes)
        images = [jax.ShapeDtypeStruct(x.shape, program.index.dtype) for x in inputs]
        expected = jax.eval_shape(jax.vmap(model), *images)
        assert jax.tree.leaves(jax.eval_shape(made.call, arrays, *images)) == jax.tree.leaves(expected)
        if all(part.count is None and part.step > 1 for part in of_it.box):
            beside = inputs_for(program, (*sizes[:-1], sizes[-1] + 1))
            others = [jax.ShapeDtypeStruct(x.shape, program.index.dtype) for x in beside]
            with pytest.raises(ValueError, match="Division had remainder"):
                jax.eval_shape(made.call, arrays, *others)


@pytest.mark.parametrize("name", sparse(MODELS, 2))
def test_a_program_gives_the_numbers_of_the_model_for_any_batch(name, exported):
    model, _, program = exported(name)
    last = program.index.programs[-1]
    sizes = tuple(part.first + (part.step if part.count is None else 0) for part in last.box)
    exact = 2e-2 if name == "bfloat16" else 1e-5
    for count in (1, 3):
        inputs = inputs_for(program, sizes, count)
        given = [jnp.asarray(x, program.index.dtype) for x in inputs]
        found, expected = jax.tree.leaves(program(*inputs)), jax.tree.leaves(jax.jit(jax.vmap(model))(*given))
        for y, of_model in zip(found, expected, strict=True):
            scale = float(jnp.abs(of_model).max())
            np.testing.assert_allclose(np.float32(y), np.float32(of_model), atol=exact * scale)
    alone = jax.tree.leaves(program(*(x[0] for x in inputs)))
    assert [y.shape for y in alone] == [y.shape[1:] for y in found]
    np.testing.assert_allclose(np.float32(alone[0]), np.float32(found[0][0]), atol=exact)


WITHOUT = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("wellshaped", "flax", "jaxtyping", "beartype", "safetensors"):
            raise ImportError(name)
sys.meta_path.insert(0, Nothing())
import json, numpy as np
for path in sys.argv[1:]:
    sys.path.insert(0, path)
    from load import load, nearest
    del sys.modules["load"]
    sys.path.remove(path)
    known = np.load(path.replace(".zip", ".npz"))
    model = load(path)
    pairs = [(known[f"x{i}"], known[f"y{i}"]) for i in range(int(known["count"]))]
    x, y = pairs[0]
    print(max(float(abs(np.float32(model(x)) - y).max()) for x, y in pairs), model(x[0]).shape == y.shape[1:])
    import zipfile
    served = [of_it["sizes"] for of_it in json.loads(zipfile.ZipFile(path).read("index.json"))["programs"]]
    all_sizes = [(h, w) for h in range(1, 101) for w in range(1, 101)] + [tuple(s) for s in known["sizes"].tolist()]
    print(json.dumps([s for s in all_sizes if any(s in nearest(s, of_it) for of_it in served)]))
    try:
        model(x[:, :, :-1])
    except ValueError as error:
        print(error)
    for wrong in ((), (x, x), (x[0, 0],), (x[:, :1],), (x[:0],)):
        try:
            model(*wrong)
        except ValueError as error:
            assert "and must be " in str(error) or "and must have " in str(error), error
        else:
            raise AssertionError(wrong)
assert not {"wellshaped", "flax"} & sys.modules.keys()
"""


def sizes_to_run(shapes, number):
    """As many sizes that fit: most to 100, and every tenth with one axis to 2000."""
    drawn = random.Random(0)
    for i in range(number):
        axis = drawn.randrange(2) if i % 10 == 9 else None
        yield shapes.above([drawn.randint(1, 2000 if of == axis else 100) for of in range(2)])


@pytest.mark.parametrize("number", [3, pytest.param(80, marks=pytest.mark.slow)])
def test_the_loader_of_a_file_runs_it_where_this_library_is_not(number, exported, tmp_path):
    names, drawn = ("union", "instance"), np.random.default_rng(1).integers(1, 2001, (300, 2))
    sizes = {"union": (15, 16), "instance": (4, 2)}
    for name in names:
        model, path, program = exported(name)
        known = {"sizes": drawn, "count": number}
        for i, of_it in enumerate([sizes[name], *sizes_to_run(shapes_of(model), number - 1)]):
            (known[f"x{i}"],) = inputs_for(program, of_it)
            known[f"y{i}"] = jax.jit(jax.vmap(model))(known[f"x{i}"])
        np.savez(path.with_suffix(".npz"), **known)
    paths = [str(exported(name)[1]) for name in names]
    done = subprocess.run([sys.executable, "-c", WITHOUT, *paths], capture_output=True, text=True, cwd=tmp_path)
    assert not done.returncode, done.stderr
    lines = done.stdout.splitlines()
    for name, (numbers, accepted, says) in zip(names, (lines[:3], lines[3:]), strict=True):
        shapes = shapes_of(exported(name)[0])
        assert float(numbers.split()[0]) < 1e-5
        assert numbers.endswith("True")
        every = [*product(range(1, 101), repeat=2), *map(tuple, drawn.tolist())]
        assert [tuple(of_it) for of_it in json.loads(accepted)] == [of_it for of_it in every if of_it in shapes]
        height, width = sizes[name]
        assert says.startswith(f"an image of ({height - 1}, {width}) does not fit; the nearest that do are [(")
        for near in re.findall(r"\((\d+), (\d+)\)", says.partition("are")[2]):
            assert tuple(map(int, near)) in shapes


# What is in a file.


def test_a_program_has_only_operations_of_jax_and_no_path_of_this_machine(exported):
    for name in ("batch", "instance", "union", "finite"):
        _, path, program = exported(name)
        members = read_archive(path, "the file")
        for of_it in program.index.programs:
            made = jax_export.deserialize(bytearray(members[of_it.file]))
            assert set(re.findall(r"custom_call @(\w+)", made.mlir_module())) <= {"shape_assertion"}
            assert set(re.findall(r"= (\w+)\.", made.mlir_module())) <= {"stablehlo", "call"}
            assert not re.search(rb"site-packages|\.py\b|/home/|/usr/|/tmp/", members[of_it.file])


def test_a_file_is_a_zip_with_the_model_the_statements_and_the_loader(exported, tmp_path):
    _, path, _ = exported("union")
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None
        assert all(of_it.compress_type == zipfile.ZIP_STORED for of_it in file.infolist())
        file.extractall(tmp_path)
        names = file.namelist()
    assert names[:5] == ["index.json", "load.py", "model.safetensors", "sizes_height.smt2", "sizes_width.smt2"]
    assert interop.load(tmp_path / "model.safetensors").network == UNION
    assert "check-sat" in (tmp_path / "sizes_height.smt2").read_text()
    index = json.loads((tmp_path / "index.json").read_text())
    assert [of_it["classes"] for of_it in index["programs"]] == [
        "4*h + 3 × 4*w + 3",
        "4*h + 3 × 4*w",
        "4*h × 4*w + 3",
        "4*h × 4*w",
    ]
    assert index["served"] == index["compatible"] == ["n ≡ 0 or 3 (mod 4), n ≥ 3"] * 2
    assert (index["platforms"], index["jax"]) == (["cpu"], jax.__version__)


def test_halvings_that_leave_something_over_need_no_classes_of_their_own(exported):
    index = exported("halves")[2].index
    assert [text_of(of_it.box, "n") for of_it in index.programs] == ["n from 6"]


def test_the_arrays_of_a_model_are_in_its_file_once(tmp_path):
    model = UNet2(UNet2Config(base_channels=32), 1, 2, rngs=nnx.Rngs(0))
    arrays = sum(of_it.nbytes for of_it in jax.tree.leaves(nnx.state(model, nnx.Param)))
    path = tmp_path / "model.zip"
    index = export(model, path, classes="2*h")
    assert len(index.programs) == 1
    assert arrays < path.stat().st_size < 1.5 * arrays


def test_equal_models_give_equal_bytes(exported, tmp_path):
    export(built("union"), tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == exported("union")[1].read_bytes()


def test_classes_that_are_chosen_are_served_alone(tmp_path):
    model, path = built("union"), tmp_path / "model.zip"
    index = export(model, path, classes={"height": "4*h + 3, 8", "width": "16*w"}, platforms="tpu, cpu,cuda")
    assert [text_of(of_it.box, "hw") for of_it in index.programs] == ["4*h + 3 × 16*w", "8 × 16*w"]
    assert (
        index.served == ("{8} or n ≡ 3 (mod 4), n ≥ 3", "n ≡ 0 (mod 16), n ≥ 16")
        or index.served[0] != index.compatible[0]
    )
    program = load_program(path)
    assert program.index.platforms == ("cpu", "cuda", "tpu")
    assert [program.serves(of_it) for of_it in ((7, 16), (8, 32), (8, 24), (12, 16), (4, 16))] == [
        *(True, True, False, False, False)
    ]
    with pytest.raises(ShapeError, match="has one size, and needs two"):
        program.serves((8,))
    assert program(np.ones((2, 8, 16), np.float32)).shape == model(jnp.ones((2, 8, 16))).shape


# Messages.


def test_a_size_that_is_not_served_gets_the_nearest_that_are(exported):
    program = exported("batch")[2]
    with pytest.raises(ShapeError) as raised:
        program(np.ones((3, 41, 60), np.float32))
    assert str(raised.value).splitlines()[1:] == [
        "  sizes: sizes that it serves are height: n ≡ 0 (mod 4), n ≥ 4; width: n ≡ 0 (mod 4), n ≥ 4.",
        "  fix: sizes (40, 60) or (44, 60)",
    ]
    for name in MODELS:
        shapes, program = shapes_of(exported(name)[0]), exported(name)[2]
        drawn = random.Random(1)
        for _ in range(50):
            sizes = tuple(drawn.randint(1, 60) for _ in program.index.axes)
            near = program.nearest(sizes)
            assert near
            assert all(of_it in shapes for of_it in near)
            assert near == (sizes,) or sizes not in shapes


@pytest.mark.parametrize(
    ("name", "shapes", "says"),
    [
        ("batch", [(1, 40, 60)], r"must have \(3, height, width\), or a batch of it"),
        ("batch", [(40, 60)], r"must have \(3, height, width\)"),
        ("batch", [(0, 3, 40, 60)], r"or a batch of it"),
        ("batch", [(1, 1, 3, 40, 60)], r"or a batch of it"),
        ("batch", [(3, 40, 60)] * 2, "it got 2, and takes 1: x"),
        ("several", [(2, 8), (4,), (1, 9)], r"z has the shape \(1, 9\)"),
        (
            "several",
            [(2, 2, 8), (4,), (2, 1, 8)],
            r"t has the shape \(4,\), and must have \(4,\), or a batch of it, like",
        ),
    ],
)
def test_another_shape_is_explained(name, shapes, says, exported):
    with pytest.raises(WellshapedError, match=says):
        exported(name)[2](*(np.ones(shape, np.float32) for shape in shapes))


def test_what_cannot_be_exported_is_explained(tmp_path, monkeypatch):
    path = tmp_path / "model.zip"
    model = UNet(UNetConfig(levels=1, base_channels=2, norm="batch"), 3, 2, rngs=nnx.Rngs(0))
    cases = [
        (lambda: export(model, path), "it is in training mode", "fix: model.eval()"),
        (lambda: export(nnx.Linear(1, 1, rngs=nnx.Rngs(0)), path), "must be a UNet", ""),
        (lambda: export(built("unet2"), path, platforms="cude"), "it has 'cude'", 'platforms="cuda"'),
        (lambda: export(built("unet2"), path, platforms=()), "must have one or several", 'platforms="cpu"'),
        (lambda: export(built("unet2"), path, platforms=3), "it has an int", 'platforms="cpu"'),
        (lambda: export(built("unet2"), tmp_path / "a.tar"), "its suffix is '.tar'", "a.zip"),
        (lambda: export(built("unet2"), tmp_path / "none" / "a.zip"), "there is no folder", ""),
        (lambda: export(built("instance"), path, classes="2"), "no combination of these sizes fits", "larger"),
    ]
    for call, says, fix in cases:
        with pytest.raises(WellshapedError) as raised:
            call()
        assert says in str(raised.value)
        assert fix in str(raised.value)
    monkeypatch.setattr("wellshaped.interop.programs.exporting.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="install flatbuffers"):
        export(built("unet2"), path)
    assert not path.exists()


def test_a_program_for_other_platforms_is_rejected(tmp_path):
    path = tmp_path / "model.zip"
    export(built("unet2"), path, platforms="cuda")
    with pytest.raises(UsageError, match="its programs run on cuda, and JAX uses cpu here"):
        load_program(path)


# Damaged and changed files.


def mutated(data, drawn):
    """The bytes with one change of a random kind."""
    kind, at = drawn.randrange(6), drawn.randrange(len(data))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data + data[at : at + 30]
    if kind == 2:
        return data[:at] + data[at + 1 + drawn.randrange(40) :]
    if kind == 3:
        return data[:at] + bytes(drawn.randrange(256) for _ in range(8)) + data[at:]
    place = at if kind == 4 else len(data) - 1 - at % min(600, len(data))  # the directory is at the end
    return data[:place] + bytes([data[place] ^ (1 << drawn.randrange(8))]) + data[place + 1 :]


def test_300_mutated_files_are_each_rejected_in_one_message(exported, tmp_path):
    data, drawn, path = exported("unet2")[1].read_bytes(), random.Random(3), tmp_path / "model.zip"
    for _ in range(300):
        changed = mutated(data, drawn)
        if changed == data:
            continue
        path.write_bytes(changed)
        with soon(), pytest.raises(FileError) as raised:
            load_program(path)
        assert 3 <= len(str(raised.value).splitlines()) <= 10


def other_classes(members):
    """Say that the program is for every second of its heights, wherever this is said."""
    data = json.loads(members["index.json"])
    data["programs"][0] |= {"classes": "4*h × 2*w", "sizes": [[4, 4], [2, 2]]}
    data["served"][0] = "n ≡ 0 (mod 4), n ≥ 4"
    members["index.json"] = (json.dumps(data, indent=1) + "\n").encode()


def changes():
    """Changes of the members whose digests are written anew: what a careful editor would do."""

    def index(key, value):
        def change(members):
            data = json.loads(members["index.json"])
            data[key] = value(data[key]) if callable(value) else value
            members["index.json"] = (json.dumps(data, indent=1) + "\n").encode()

        return f"{key}={value}" if not callable(value) else key, change

    def program(i, key, value):
        return index("programs", lambda of_it: [{**p, key: value} if j == i else p for j, p in enumerate(of_it)])

    yield from (
        index(key, value)
        for key in ("form", "version", "jax", "platforms", "network", "in_channels", "axes", "inputs", "outputs")
        for value in (None, 3, [], {}, "?", -1, [[]], True, "\n")
        if (key, value) not in (("version", "?"), ("jax", "?"))
    )
    yield from (
        index(key, value)
        for key in ("dtype", "dtypes", "compatible", "served", "programs", "digests", "out_channels")
        for value in (3, [], {}, "float64", -1, [{}], True, ["n"] * 3)
    )
    for sizes in (
        [[4, 4], [4, 4]],
        [[2, 4], [2, 2]],
        [[3, 2], [2, 2]],
        [[2, 2]],
        [[2, 0], [2, 2]],
        [[0, 2], [2, 2]],
        3,
    ):
        yield program(0, "sizes", sizes)
    for value in ("", "2*h", None, 3):
        yield program(0, "classes", value)
    for value in ("load.py", "nothing", "../../a", 3):
        yield program(0, "file", value)
    yield index("programs", lambda of_it: of_it * 2)
    yield index("platforms", ["cpu", "cuda"])
    yield index("network", lambda of_it: {**of_it, "base_channels": 3})
    yield index("digests", lambda of_it: {**of_it, "load.py": 64 * "0"})
    yield "other classes", other_classes
    yield "no index", lambda members: members.pop("index.json")
    yield "no loader", lambda members: members.pop("load.py")
    yield "another member", lambda members: members.update(more=b"")
    yield "no program", lambda members: members.update({"programs/00.jax": b""})
    yield "other bytes", lambda members: members.update({"programs/00.jax": bytes(range(256)) * 9})
    yield "no model", lambda members: members.update({"model.safetensors": b"12345678"})


def error_of(path):
    try:
        load_program(path)
    except FileError as error:
        return str(error)
    return "nothing"


def test_an_edited_file_with_right_digests_is_rejected(exported, tmp_path):
    members = read_archive(exported("unet2")[1], "the file")
    path = tmp_path / "model.zip"
    count = 0
    for said, change in changes():
        edited = dict(members)
        change(edited)
        if "index.json" in edited and not said.startswith(("digests", "no loader")):
            data = json.loads(edited["index.json"])
            if isinstance(data.get("digests"), dict):
                data["digests"] = {name: digest_of(raw) for name, raw in edited.items() if name != "index.json"}
            edited["index.json"] = (json.dumps(data, indent=1) + "\n").encode()
        if edited == members:
            continue
        write_archive(path, edited)
        said_of_it = error_of(path)
        assert 3 <= len(said_of_it.splitlines()) <= 10, (said, said_of_it)
        count += 1
    assert count > 100


# Published networks.

CHOSEN = {"monai_basicunet": 16}
"""Networks that need too many programs for all their sizes, and a step of sizes that they are exported for."""


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_exported_and_serves_exactly_its_sizes(name, tmp_path):
    network, step = PRESETS[name], CHOSEN.get(name, 1)
    if isinstance(network, UNetConfig):
        model = UNet(network, 3, 2 if network.head else network.channels[0], rngs=nnx.Rngs(0))
    elif isinstance(network, UNet2Config):
        model = UNet2(network, 3, 2, rngs=nnx.Rngs(0))
    else:
        model = TypedNetwork(name, rngs=nnx.Rngs(0))
    model.eval()
    path = tmp_path / "model.zip"
    export(model, path, classes=None if step == 1 else f"{step}*h")
    program, shapes = load_program(path), compatible_shapes(name)
    drawn = random.Random(0)
    axes = len(program.index.axes)
    near = [tuple(drawn.randint(1, 100) for _ in range(axes)) for _ in range(3000)]
    many = [tuple(drawn.randint(1, 2000) for _ in range(axes)) for _ in range(1000)]
    fitting = [shapes.above([step * n for n in sizes]) for sizes in near[:300]]
    for sizes in (*near, *many, *fitting):
        assert program.serves(sizes) == (sizes in shapes and all(n % step == 0 for n in sizes)), sizes
    if len({str(of_it.box[0]) for of_it in program.index.programs}) > 1:  # a union of classes
        for of_it in program.index.programs:
            sizes = [part.first + (part.step if part.count is None else 0) for part in of_it.box]
            (x,) = inputs_for(program, sizes)
            found, expected = program(x), jax.jit(jax.vmap(model))(x)
            np.testing.assert_allclose(found, expected, atol=1e-5 * float(jnp.abs(expected).max()))
