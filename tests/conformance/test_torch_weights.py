"""Weights of published PyTorch networks, brought here and taken back.

The names that PyTorch has are recorded in ``torch_names.npz``, and the values that it computes with such weights in
``published_vectors.npz``. Where PyTorch is installed, its files are written, read, and loaded strictly.
"""

import json
from functools import cache
from pathlib import Path

import jax
import numpy as np
import pytest
from effort import sparse
from flax import nnx

from wellshaped.interop import load_torch, monai_bundle, state_dict
from wellshaped.interop.weights.arrays import variables_of
from wellshaped.interop.weights.torch_layout import torch_layout
from wellshaped.spec import PRESETS

from .plan_cases import BUNDLES, HELD
from .published_arrays import distances, drawn, noise, summary
from .published_cases import CASES
from .test_published import recorded
from .torch_name_cases import KEYS, WITHOUT_CODE

RECORD = np.load(Path(__file__).with_name("torch_names.npz"))

PUBLISHED = [key for key in KEYS if key in CASES]

SMALL = ["milesial", "pix2pix, five levels", "demucs, two levels", "nnunet_3d_resenc, bottlenecks"]
"""Networks that compile quickly, and differ in how they are named."""


@pytest.fixture
def network(tmp_path):
    """The network of a key."""

    def of(key):
        if key in CASES:
            return CASES[key].network()
        path = tmp_path / "inference.json"
        path.write_text(json.dumps({"network_def": BUNDLES[key]}))
        return monai_bundle(path).network

    return of


@cache
def rows(key):
    """For each name in PyTorch: the first name of the same array, our name if it was found, and the shape."""
    lines = [line.split("\t") for line in str(RECORD[key]).split("\n")]
    return {
        name: (first, ours, tuple(map(int, shape.split("x"))) if shape else ()) for name, first, ours, shape in lines
    }


def weights(key):
    """A state dict of PyTorch, with the arrays that the recorded values were computed from."""
    made = {}
    for name, (first, ours, shape) in rows(key).items():
        part = ours.rpartition(".")[2]
        values = drawn(f"{key}: {ours}", part, shape) if ours else noise(first, shape)
        made[name] = np.array(7) if name.endswith("num_batches_tracked") else values.astype(np.float32)
    return made


def computed(model, images):
    """The outputs of a model for a batch of images for each input."""
    made = jax.jit(jax.vmap(model))(*images)
    return [np.asarray(y) for y in (made if isinstance(made, tuple) else (made,))]


# Recorded.


def test_the_record_has_every_network_with_published_code():
    assert set(RECORD.files) == {"torch_version", *KEYS}
    assert {CASES[key].preset for key in PUBLISHED} == set(PRESETS) - WITHOUT_CODE - {"unet2", "tiny", "monai_like"}


@pytest.mark.parametrize("key", KEYS)
def test_the_names_and_shapes_are_those_of_the_network_in_pytorch(network, key):
    layout, known = torch_layout(network(key)), rows(key)
    ours = {name: (array.names[0], array.torch_shape) for array in layout.arrays for name in array.names}
    arrays = {name: shape for name, (_, _, shape) in known.items() if name in ours or not layout.leaves_out(name)}
    assert {name: shape for name, (_, shape) in ours.items()} == arrays
    for name, (first, _, _) in known.items():  # one array here for each array there, whatever its names
        if name in ours:
            assert ours[name][0] == ours[first][0]
    assert len({known[name][0] for name in ours}) == len(layout.arrays)
    assert {name for name in known if name.endswith("num_batches_tracked")} == set(layout.counters)


@pytest.mark.parametrize("key", PUBLISHED)
def test_each_name_stands_for_the_array_that_the_published_network_uses_at_the_same_place(network, key):
    for array in torch_layout(network(key)).arrays:
        assert {rows(key)[name][1] for name in array.names} == {array.ours}


@pytest.mark.parametrize("key", sparse(PUBLISHED, SMALL.__contains__))
def test_imported_weights_are_kept_and_go_back_unchanged(network, key):
    given = weights(key)
    model = load_torch(given, network(key))
    variables = variables_of(model)
    for name, (_, ours, shape) in rows(key).items():
        if ours:
            assert np.array_equal(np.asarray(variables[ours].get_value()).reshape(shape), given[name])
    back = state_dict(model, batches=7, others=given)
    assert back.keys() == given.keys()
    for name, array in given.items():
        assert back[name].shape == array.shape
        assert np.array_equal(back[name], array)


@pytest.mark.parametrize("key", sparse(PUBLISHED, SMALL[:2].__contains__))
def test_the_imported_network_gives_the_numbers_of_pytorch(network, key):
    model = load_torch(weights(key), network(key))
    model.eval()
    images = [noise(*given).astype(np.float32) for given in CASES[key].images(key, "evaluation")]
    found = {f"output {i}": summary(f"output {i}", y) for i, y in enumerate(computed(model, images))}
    expected = {name: numbers for name, numbers in recorded(key, "evaluation").items() if name in found}
    assert max(distances(found, expected).values()) <= 1e-5


# Where PyTorch is installed.


@pytest.fixture(scope="module")
def torch_twins():
    pytest.importorskip("torch", reason="PyTorch is not installed: only its recorded names and values are compared")
    from . import torch_twins

    return torch_twins


def built(torch_twins, key):
    try:
        return torch_twins.twin(key)
    except ModuleNotFoundError as missing:
        pytest.skip(f"{missing.name} is not installed")


def listed(outputs):
    return outputs if isinstance(outputs, list | tuple) else [outputs]


BUNDLED = ["DynUNet with residual blocks", "SegResNet with shuffled pixels"]


@pytest.mark.filterwarnings("default")  # the packages' own
@pytest.mark.parametrize("key", sparse(KEYS, [*SMALL[:1], *BUNDLED].__contains__))
def test_weights_go_from_pytorch_to_here_and_back(torch_twins, network, tmp_path, key):
    import torch

    theirs, path = built(torch_twins, key), tmp_path / "weights.pt"
    assert [[name, first, ours or rows(key)[name][1]] for name, first, ours, _ in torch_twins.names_of(key)] == [
        [name, first, ours] for name, (first, ours, _) in rows(key).items()
    ]
    torch_twins.fill(theirs, key)
    state = torch_twins.inside(theirs).state_dict()
    torch.save(state, path)
    ours = load_torch(path, network(key))
    ours.eval()
    if key in CASES:
        images = [noise(*given) for given in CASES[key].images("weights", "evaluation")]
    else:
        graph = network(key)
        images = [noise("an image", (2, graph.image.channels, *[HELD] * graph.axes))]
    single = [x.astype(np.float32) for x in images]
    with torch.no_grad():
        rounded = listed(theirs(*map(torch.tensor, single)))
        expected = listed(theirs.double()(*map(torch.tensor, images)))
    for y, r, z in zip(computed(ours, single), rounded, expected, strict=True):
        exact = z.numpy()
        of_pytorch = np.abs(r.numpy() - exact).max()  # U²-Net is so deep that PyTorch's own float32 is 1e-5 away
        assert np.abs(y - exact).max() <= max(1e-5 * max(1, np.abs(exact).max()), of_pytorch)

    again = built(torch_twins, key)
    back = {name: torch.from_numpy(a) for name, a in state_dict(ours, batches=7, others=path).items()}
    torch_twins.inside(again).load_state_dict(back, strict=True)
    after = torch_twins.inside(again).state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in state.items())


def test_statistics_move_as_in_pytorch(torch_twins, network):
    """A step of training changes the running means by PyTorch's momentum."""
    import torch

    theirs = torch_twins.twin("milesial")
    torch_twins.fill(theirs, "momentum")
    images = np.stack([noise(f"image {i}", (3, 32, 48)) for i in range(4)]).astype(np.float32)
    before = {name: tensor.numpy().copy() for name, tensor in theirs.state_dict().items()}
    model = load_torch(before, network("milesial"), axis_name="batch")
    model.train()
    theirs.train()(torch.tensor(images))
    nnx.jit(nnx.vmap(lambda m, x: m(x), in_axes=(None, 0), axis_name="batch"))(model, images)
    mean = "down4.maxpool_conv.1.double_conv.4.running_mean"
    expected = theirs.state_dict()[mean].numpy()
    assert np.abs(expected - before[mean]).max() > 0.01
    assert np.abs(state_dict(model)[mean] - expected).max() <= 1e-5
