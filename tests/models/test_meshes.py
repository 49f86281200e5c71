"""Networks on several devices: what they exchange, and that they compute what one device computes.

The devices are simulated: a program of its own has eight on one CPU.
"""

import re
from importlib import import_module
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from devices import on_devices, printed_on_devices

from wellshaped.models import Collective, Communication, communication
from wellshaped.models.meshes.collectives import _CALL, _results
from wellshaped.spec import Conv, Resize, UNetConfig, UsageError, compatible_sizes, graph_of
from wellshaped.spec.network.fields import on_axis
from wellshaped.spec.network.folding import as_computed
from wellshaped.spec.network.reaching import inside
from wellshaped.spec.network.reading import reads_of
from wellshaped.spec.network.running import sizes_along

NETWORKS = {
    "plain": {},
    "many choices": {"norm": "batch", "upsampling": "nearest", "conv_kernel": (5, 3)},
    "group norm": {"norm": "group", "groups": 2},
    "bilinear": {"upsampling": "bilinear"},
}
SHAPE, ROWS = (3, 64, 32), 4

BESIDE = """
import json, sys
import jax, numpy as np
from flax import nnx
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
from wellshaped.models import UNet, communication
from wellshaped.spec import UNetConfig

def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)

def model_of(of, **run):
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in of.items()}
    if "conv_kernel" in fields:
        fields["conv_kernel"] = (fields["conv_kernel"],)
    return UNet(UNetConfig(levels=2, base_channels=4, **fields), 3, 2, **run, rngs=nnx.Rngs(0))
"""

FORWARD = f"""{BESIDE}
mesh = jax.make_mesh(({ROWS},), ("rows",), axis_types=(AxisType.Auto,))
split = NamedSharding(mesh, P(None, "rows"))
for of in json.loads(sys.argv[1]):
    model, x = model_of(of), numbers(*{SHAPE})
    model.eval()
    with jax.set_mesh(mesh):
        compiled = jax.jit(model, in_shardings=split, out_shardings=split).lower(x).compile()
    found = communication(compiled)
    error = abs(np.asarray(compiled(jax.device_put(x, split))) - np.asarray(jax.jit(model)(x))).max()
    rows = [[of_it.kind, of_it.nbytes, of_it.shape] for of_it in found.collectives]
    print(json.dumps([rows, float(error), str(found)]))
"""

TRAINING = f"""{BESIDE}
import jax.numpy as jnp
of, splits, steps = json.loads(sys.argv[1])

@nnx.jit
def step(model, x, t):
    def loss(model):
        y = nnx.vmap(lambda m, image: m(image), in_axes=(None, 0), axis_name="batch")(model, x)
        return jnp.mean((y - t) ** 2)

    value, gradient = nnx.value_and_grad(loss)(model)
    nnx.update(model, jax.tree.map(lambda p, g: p - 0.5 * g, nnx.state(model, nnx.Param), gradient))
    return value

for data, rows in splits:
    devices = jax.devices()[: data * rows]
    mesh = jax.make_mesh((data, rows), ("data", "rows"), axis_types=(AxisType.Auto,) * 2, devices=devices)
    model = model_of(of, axis_name="batch")
    model.train()
    split = NamedSharding(mesh, P("data", None, "rows"))
    x, t = (jax.device_put(numbers(8, channels, 32, 16), split) for channels in (3, 2))
    print(json.dumps([float(step(model, x, t)) for _ in range(steps)]))
"""


def rows_of_neighbours(fields):
    """The bytes that each device gets: the rows that each convolution and each resize reads beyond its own."""
    given = {**fields, "conv_kernel": (fields.get("conv_kernel", (3, 3)),)}
    graph = graph_of(UNetConfig(levels=2, base_channels=4, **given), SHAPE[0], 2)
    channels, widths, total = {graph.image.name: SHAPE[0]}, sizes_along(graph, SHAPE[2], 1), 0
    for node in graph.nodes:
        operation = node.operation
        channels[node.name] = operation.channels_after([channels[name] for name in node.inputs], 2)
        if isinstance(operation, Conv):
            (reads,) = node.inputs
            total += 4 * (on_axis(operation.kernel, 0) - 1) * channels[reads] * widths[reads]
        elif isinstance(operation, Resize) and operation.mode == "linear":
            total += 4 * 2 * channels[node.inputs[0]] * widths[node.inputs[0]]
    return total


@pytest.fixture(scope="module")
def forward():
    return dict(zip(NETWORKS, on_devices(FORWARD, list(NETWORKS.values()), ROWS), strict=True))


@pytest.mark.parametrize("name", NETWORKS)
def test_an_image_split_by_height_costs_exactly_the_rows_that_convolutions_read_of_the_neighbours(forward, name):
    found, error, _ = forward[name]
    assert error < 1e-5
    assert sum(of_bytes for kind, of_bytes, _ in found if kind == "collective-permute") == rows_of_neighbours(
        NETWORKS[name]
    )
    others = [(kind, of_bytes) for kind, of_bytes, _ in found if kind != "collective-permute"]
    if name != "group norm":
        assert not others
    assert all(kind == "all-reduce" for kind, _ in others)  # of statistics: two numbers a group
    assert sum(of_bytes for _, of_bytes in others) <= 2 * 4 * 2 * 10


def rows_read_beyond(graph, edge, devices):
    """The bytes of the rows that a device in the middle reads beyond its own, by the intervals of section 9."""
    rows, widths = (sizes_along(graph, edge, axis) for axis in (0, 1))
    total = 0
    for node in graph.nodes:
        given = [rows[of] for of in node.inputs]
        for of, reads, size in zip(node.inputs, reads_of(node.operation, given, 0), given, strict=True):
            if reads is not None and not reads.everything:
                part, made = size // devices, rows[node.name] // devices
                low, high = inside(reads, (made, 2 * made), size)
                total += 4 * (max(part - low, 0) + max(high - 2 * part, 0)) * graph.channels[of] * widths[of]
    return total


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tiny", "milesial", "u2net_rsu7", "unetplusplus", "attention_unet", "smp_resnet34"])
def test_a_preset_exchanges_exactly_the_rows_of_its_halos(name, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2])
    edge = compatible_sizes(name, 0, mesh={"height": 4}).above(128)
    found = import_module("benchmarks.meshes").collectives(name, 4, edge)
    assert {kind for kind, *_ in found} == {"collective-permute"}
    expected = rows_read_beyond(as_computed(graph_of(name, 3, None)), edge, 4)
    assert sum(of_bytes for *_, of_bytes in found) == expected > 0


ALIGNED = """
import jax, jax.numpy as jnp
import json
from flax import nnx
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
from wellshaped.models import Resize2d, communication
mesh = jax.make_mesh((4,), ("rows",), axis_types=(AxisType.Auto,))
split = NamedSharding(mesh, P(None, "rows"))
x = jax.ShapeDtypeStruct((8, 64, 32), jnp.float32, sharding=split)
for factor in (2, 3):
    resize = Resize2d(factor, mode="linear", align_corners=True)
    with jax.set_mesh(mesh):
        for step in (resize, jax.grad(lambda x: (resize(x) ** 2).sum())):
            print(json.dumps(str(communication(jax.jit(step, out_shardings=split).lower(x)))))
"""


def test_a_resize_with_aligned_corners_reads_one_row_of_each_neighbour():
    forward, gradient = (
        "2 × collective-permute of f32[1,32,8]: 2048 bytes",
        "4 × collective-permute of f32[1,32,8]: 4096 bytes",
    )
    assert on_devices(ALIGNED, [], 4) == [forward, gradient] * 2


PAGE = (Path(__file__).parents[2] / "docs" / "devices.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_first_program_of_the_page_runs_on_four_devices():
    program = re.search(r"^```python\n(.*?)^```", PAGE, re.M | re.S)[1]
    shown = re.findall(r"^```text\n(.*?)^```", PAGE, re.M | re.S)[0]
    assert printed_on_devices(program, 4).startswith(f"no communication\n{shown}")


def test_each_exchange_is_a_line_as_on_the_page(forward):
    shown = re.findall(r"^```text\n(.*?)^```", PAGE, re.M | re.S)[0]
    assert forward["plain"][2].startswith(shown)
    assert len(forward["plain"][2].splitlines()) == len(forward["plain"][0])


TRAINED = {"plain": {}, "batch norm": {"norm": "batch"}}
SPLITS = {"by batch": (8, 1), "by height": (1, 8), "by both": (2, 4)}


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_losses_after_20_steps_are_those_of_one_device(name):
    alone, *split = on_devices(TRAINING, [TRAINED[name], [(1, 1), *SPLITS.values()], 20])
    assert alone[-1] < alone[0] - 1e-3  # it learns
    for over, losses in zip(SPLITS, split, strict=True):
        assert losses == pytest.approx(alone, rel=2e-5), over


HLO = """
  %ag = f32[2,8,4]{2,1,0} all-gather(%x), dimensions={0}
  ROOT %pair = (f32[4]{0}, bf16[3,2]{1,0}) all-reduce(%a, %b), to_apply=%sum
  %s = (f32[1,4]{1,0}, f32[8,4]{1,0:T(8,128)}) all-gather-start(%x), dimensions={0}
  %d = f32[8,4]{1,0} all-gather-done(%s)
  %p = (f32[5]{0}, f32[5]{0}, u32[], u32[]) collective-permute-start(%x), source_target_pairs={{0,1}}
  %q = f32[5]{0} collective-permute-done(%p)
  %n = f32[9]{0} add(%all-reduce.1, %all-gather.2)
"""


def test_every_form_of_a_collective_is_read_once():
    found = [(call["kind"], list(_results(call))) for call in _CALL.finditer(HLO)]
    assert found == [
        ("all-gather", [("f32", (2, 8, 4))]),
        ("all-reduce", [("f32", (4,)), ("bf16", (3, 2))]),
        ("all-gather", [("f32", (8, 4))]),
        ("collective-permute", [("f32", (5,))]),
    ]


def test_bytes_are_those_of_each_dtype_and_kinds_are_chosen():
    made = Communication((Collective("all-reduce", "bf16", (3, 2), 2), Collective("all-gather", "f32", (4,), 1)))
    assert (made.nbytes, made.of("all-gather").nbytes, made.of().nbytes) == (40, 16, 0)
    with pytest.raises(UsageError, match="there is no collective 'all'"):
        made.of("all")


def test_a_step_is_lowered_or_compiled():
    lowered = jax.jit(lambda x: x + 1).lower(jnp.zeros(3))
    assert str(communication(lowered)) == str(communication(lowered.compile())) == "no communication"
    with pytest.raises(UsageError, match="must be a lowered or compiled function"):
        communication(lambda x: x)


# Each operation alone, forward and gradient, with automatic and with explicit axes.
ALONE = """
import json
import jax, jax.numpy as jnp, numpy as np
from flax import nnx
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
from wellshaped.models import TypedNetwork, communication
from wellshaped.spec import (
    AvgPool, Conv, ConvTranspose, Crop, DepthToSpace, MaxPool, Network, Node, Norm, Pad, Resize, ResizeTo, SpaceToDepth
)

small = Node("small", Conv(3, 2, padding=1))
networks = {str(of): [Node("y", of)] for of in (
    Conv(3, padding=1, channels=4), Conv((3, 1), padding=(1, 0)), Conv(3, padding=1, groups=4), Conv(3, 2, padding=1),
    Conv(3, padding=2, dilation=2), ConvTranspose(2, 2, channels=4), ConvTranspose((2, 1), (2, 1), channels=4),
    MaxPool(2), MaxPool(3, 2, padding=1), AvgPool(2), AvgPool(3, 2, padding=1), Norm("batch"), Norm("group", groups=2),
    Resize(2), Resize(2, mode="linear"), DepthToSpace(2), SpaceToDepth(2), Crop(4), Pad(4),
)}
networks |= {str(of): [small, Node("y", of, ("small", "x"))] for of in (ResizeTo(), ResizeTo(mode="linear"))}
image = np.random.default_rng(0).normal(size=(4, 32, 16)).astype(np.float32)
for name, nodes in networks.items():
    def step(state, x):
        return (nnx.merge(graph, state)(x) ** 2).mean()

    def results(x):
        global graph
        graph, state = nnx.split(TypedNetwork(Network({"x": 4}, nodes), rngs=nnx.Rngs(0)))
        compiled = jax.jit(jax.value_and_grad(step, argnums=(0, 1))).lower(state, x).compile()
        return jax.tree.leaves(compiled(state, x)), str(communication(compiled))

    expected, _ = results(image)
    for kind in (AxisType.Auto, AxisType.Explicit):
        mesh = jax.make_mesh((4,), ("rows",), axis_types=(kind,))
        with jax.set_mesh(mesh):
            found, exchanged = results(jax.device_put(image, NamedSharding(mesh, P(None, "rows"))))
        errors = [float(abs(np.asarray(a) - np.asarray(b)).max()) for a, b in zip(found, expected, strict=True)]
        print(json.dumps([f"{name}, {kind.name}", exchanged, max(errors)]))
"""


@pytest.mark.slow
def test_the_gradient_of_an_operation_gathers_no_image():
    found = on_devices(ALONE, None, ROWS)
    assert len(found) == 42
    for name, exchanged, error in found:
        assert "all-gather" not in exchanged, name
        assert "all-to-all" not in exchanged, name
        assert error < 1e-5, name
