"""``from_torch``: the values of PyTorch's networks, and what is said where a graph has others."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not a dependency")

import torch.nn.functional as F  # noqa: E402, N812 its name everywhere
from torch import nn  # noqa: E402
from torch.nn.utils.parametrizations import spectral_norm, weight_norm  # noqa: E402
from torch_modules import Net  # noqa: E402

from wellshaped import UsageError, WellshapedError  # noqa: E402
from wellshaped.interop import from_torch  # noqa: E402
from wellshaped.models import TypedNetwork  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated:FutureWarning")  # PyTorch's older norms of weights


def conv(ins, outs):
    return nn.Conv2d(ins, outs, 3, padding=1)


def with_statistics(model):
    for of in model.modules():
        if hasattr(of, "running_var"):
            of.running_mean.normal_()
            of.running_var.uniform_(0.5, 2)
    return model.eval()


def small_unet(self, x):
    skip = F.relu(self.norm(self.first(x)), inplace=True)
    up = self.up(F.max_pool2d(self.dropout(skip), 2))
    return self.last(torch.cat([skip, up], 1))


PARTS = {
    "first": lambda: nn.Conv2d(3, 8, 3, padding=1),
    "norm": lambda: nn.BatchNorm2d(8, momentum=0.05),
    "dropout": lambda: nn.Dropout(0.5),
    "up": lambda: nn.ConvTranspose2d(8, 8, 2, 2),
    "last": lambda: nn.Conv2d(16, 2, 1),
    "head_for_training": lambda: nn.Conv2d(8, 2, 1),
}


def of_channels_last(self, x):
    return self.second(F.gelu(self.first(self.norm(x.permute(0, 2, 3, 1))))).permute(0, 3, 1, 2)


MODELS = {
    "a small U-Net": lambda: (Net(small_unet, **{name: part() for name, part in PARTS.items()}), "N 3 H W"),
    "a batch of one": lambda: (nn.Sequential(conv(3, 4), nn.SiLU()), "1 3 H W"),
    "a single layer": lambda: (conv(3, 4), "N 3 H W"),
    "no batch": lambda: (nn.Sequential(conv(3, 4), nn.SiLU()), "3 H W"),
    "one axis": lambda: (nn.Sequential(nn.Conv1d(2, 3, 5), nn.GroupNorm(3, 3)), "N 2 L"),
    "three axes": lambda: (nn.Sequential(nn.Conv3d(1, 2, 3), nn.MaxPool3d(2)), "1 1 D H W"),
    "channels last within": lambda: (
        Net(of_channels_last, norm=nn.LayerNorm(4), first=nn.Linear(4, 6), second=nn.Linear(6, 5)),
        "N 4 H W",
    ),
    "channels last": lambda: (nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5)), "N H W 4"),
    "weight norm": lambda: (nn.Sequential(weight_norm(conv(3, 4)), nn.ReLU(), spectral_norm(conv(4, 4))), "N 3 H W"),
    "older norms of weights": lambda: (
        nn.Sequential(torch.nn.utils.weight_norm(conv(3, 4)), torch.nn.utils.spectral_norm(conv(4, 4))),
        "1 3 H W",
    ),
    "a dictionary": lambda: (
        Net(lambda self, x: {"mask": self.b(self.a(x)), "features": self.a(x)}, a=conv(3, 4), b=conv(4, 1)),
        "N 3 H W",
    ),
}


def as_ours(tensor, shape):
    """One image as ``(C, *sizes)``."""
    array = tensor.numpy()
    array = array[0] if shape[0] in "N1" else array
    return array if shape[-1].isalpha() else np.moveaxis(array, -1, 0)


@pytest.mark.parametrize("name", MODELS)
def test_a_network_has_the_values_of_pytorch(name):
    model, shape = MODELS[name]()
    converted = from_torch(with_statistics(model), shape)
    assert isinstance(converted, TypedNetwork)
    sizes = {"N": 2, "D": 20, "H": 40, "W": 44, "L": 50}
    x = torch.randn([sizes[n] if n in sizes else int(n) for n in shape.split()])
    with torch.no_grad():
        theirs = model(x)
    theirs = list(theirs.values()) if isinstance(theirs, dict) else [theirs]
    ours = converted(as_ours(x, shape))
    for a, b in zip(ours if isinstance(ours, tuple) else [ours], theirs, strict=True):
        b = as_ours(b, shape)
        assert np.abs(np.asarray(a) - b).max() <= 1e-5 * np.abs(b).max()


def test_several_images_and_a_vector():
    def function(self, image, mask, time):
        return self.a(torch.cat([image, mask], 1)) + self.t(time)[:, :, None, None]

    model = Net(function, a=conv(4, 6), t=nn.Linear(5, 6)).eval()
    converted = from_torch(model, "N 3 H W", "N 1 H W", "N 5")
    images = torch.randn(1, 3, 9, 8), torch.randn(1, 1, 9, 8), torch.randn(1, 5)
    with torch.no_grad():
        theirs = model(*images)[0].numpy()
    assert np.abs(np.asarray(converted(*(of[0].numpy() for of in images))) - theirs).max() <= 1e-5


def test_momentum_and_dtypes_are_those_of_the_model_or_of_the_call():
    model = with_statistics(nn.Sequential(conv(3, 4), nn.BatchNorm2d(4, momentum=0.25)))
    converted = from_torch(model, "1 3 H W", dtype="bfloat16")
    assert converted["1"].momentum == 0.75
    assert converted["1"].use_running_average
    assert converted(np.ones((3, 8, 8), np.float32)).dtype == "bfloat16"
    assert converted["0"].kernel.dtype == np.float32


def standardized(self, x):
    weight = self.b.weight
    return F.conv2d(self.a(x), (weight - weight.mean()) / weight.std(), self.b.bias)


def shuffled(self, x):
    y = self.a(x)
    return self.b(y.unflatten(1, (2, 2)).transpose(1, 2).flatten(1, 2))


def limited(self, x):
    return self.b(self.a(x).clamp(-30, 20))


def of_the_batch(self, x):
    y = self.a(x)
    return self.b(y + y.mean((0, 2, 3), keepdim=True))


DIFFERENT = {
    "large values are limited": (limited, ", first at b"),
    "images of a batch are mixed": (of_the_batch, ", first at b"),
    "a kernel is computed": (standardized, ""),
    "channels are shuffled": (shuffled, ", first at b"),
    "a kernel is transposed": (lambda self, x: F.conv2d(self.a(x), self.b.weight.transpose(0, 1)), ""),
    "a sum has a factor": (lambda self, x: torch.add(self.a(x), self.b(self.a(x)), alpha=0.5), ""),
    "a pad has a value": (lambda self, x: self.b(F.pad(self.a(x), (1, 1, 1, 1), value=3.0)), ", first at b"),
    "a difference": (lambda self, x: self.a(x) - self.b(self.a(x)), ""),
    "a sum over positions": (lambda self, x: self.b(self.a(x).sum((2, 3), keepdim=True)), ", first at b"),
    "an elementwise function": (lambda self, x: self.b(torch.sin(self.a(x))), ", first at b"),
    "a pooling of minima": (lambda self, x: self.b(-F.max_pool2d(-self.a(x), 2)), ", first at b"),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_network_whose_graph_has_other_values_is_no_typed_network(name):
    function, at = DIFFERENT[name]
    model = Net(function, a=nn.Conv2d(3, 4, 3, padding=1), b=nn.Conv2d(4, 4, 1)).eval()
    with pytest.raises(WellshapedError) as caught:
        from_torch(model, "N 3 H W")
    (failure,) = caught.value.report.failures
    assert failure.name == "values"
    assert f"of the largest value{at}: a graph leaves out" in failure.says


def with_a_part_in_training():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(0.5)).eval()
    model[1].train()
    return model


def returned(function):
    return Net(function, a=conv(3, 4), b=nn.Conv2d(4, 4, 1)).eval()


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda self, x: (self.a(x),) * 2, "it returns 2 arrays, and the graph has 1: one is returned twice"),
        (lambda self, x: (self.a(x), self.a(x).mean()), "combines channels by fixed numbers"),
        (lambda self, x: self.a(x) + self.a(x)[:1], "one image of a batch is read for the others"),
        (
            lambda self, x: F.batch_norm(self.a(x), None, None, training=True),
            "model.eval() first, and batch norms with running statistics",
        ),
    ],
)
def test_what_a_graph_can_not_return_is_said(function, says):
    with pytest.raises(WellshapedError) as caught:
        from_torch(returned(function), "N 3 H W")
    assert says in " ".join(str(caught.value).split())


@pytest.mark.parametrize(
    ("model", "shape", "says"),
    [
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(0.5)), "N 3 H W", "it is in training mode"),
        (lambda x: x, "N 3 H W", "it is no module"),
        (nn.Conv2d(3, 4, 3, device="meta").eval(), "N 3 H W", "weight has no values"),
        (nn.Conv2d(3, 4, 3).eval(), "2 3 H W", "its batch must be 1 or a name"),
        (nn.Conv2d(3, 4, 3).double().eval(), "N 3 H W", "weight is of float64, and values are compared in 32 bits"),
        (nn.LazyConv2d(3, 4).eval(), "N 3 H W", "weight has no shape before the module has run"),
        (with_a_part_in_training(), "N 3 H W", "1 is in training mode"),
    ],
)
def test_a_model_without_values_is_rejected(model, shape, says):
    with pytest.raises(UsageError, match=says):
        from_torch(model, shape)
