"""Images of other dtypes: a network is said to run if it runs, although fake tensors hide most errors about dtypes."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not a dependency")

import torch.nn.functional as F  # noqa: E402, N812 its name everywhere
from torch import nn  # noqa: E402

from wellshaped.interop import read_torch  # noqa: E402

DTYPES = ("float32", "bfloat16", "float64", "int64", "bool")


def _mapped(f):
    return type("Mapped", (nn.Module,), {"forward": lambda self, x: f(x)})()


def _multiplied_in_place(x):
    return x.clone().mul_(torch.ones(1))


def _caught(x):
    try:
        return x @ torch.zeros(8, 8)
    except RuntimeError:
        return x.float() @ torch.zeros(8, 8)


NETWORKS = {
    "Conv2d": nn.Conv2d(2, 3, 3, padding=1),
    "ConvTranspose2d": nn.ConvTranspose2d(2, 3, 2),
    "Linear": nn.Linear(8, 3),
    "Linear without a bias": nn.Linear(8, 3, bias=False),
    "BatchNorm2d": nn.BatchNorm2d(2),
    "BatchNorm2d of the data": nn.BatchNorm2d(2, track_running_stats=False),
    "GroupNorm": nn.GroupNorm(2, 2),
    "InstanceNorm2d": nn.InstanceNorm2d(2, affine=True),
    "LayerNorm": nn.LayerNorm(8),
    "GELU": nn.GELU(),
    "SiLU": nn.SiLU(inplace=True),
    "ReLU": nn.ReLU(),
    "Softmax": nn.Softmax(1),
    "MaxPool2d": nn.MaxPool2d(2, 1),
    "AdaptiveAvgPool2d": nn.AdaptiveAvgPool2d(2),
    "nearest": nn.Upsample(scale_factor=2),
    "bilinear": nn.Upsample(scale_factor=2, mode="bilinear"),
    "bicubic": nn.Upsample(scale_factor=2, mode="bicubic"),
    "constant padding": _mapped(lambda x: F.pad(x, (1, 1))),
    "reflected padding": _mapped(lambda x: F.pad(x, (1, 1), mode="reflect")),
    "grid_sample": _mapped(lambda x: F.grid_sample(x, torch.zeros(1, 4, 4, 2), align_corners=False)),
    "matmul with a vector": _mapped(lambda x: x @ torch.zeros(8)),
    "index_add": _mapped(lambda x: torch.zeros(1, 2, 8, 8).index_add(1, torch.tensor([0]), x[:, :1, :8])),
    "in place": _mapped(_multiplied_in_place),
    "std": _mapped(lambda x: x.std()),
    "difference": _mapped(lambda x: x - x),
    "joined": _mapped(lambda x: torch.cat((x, torch.zeros(1, 2, 1, 8)), 2)),
    "caught": _mapped(_caught),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_runs_on_a_dtype_if_pytorch_runs_it(name, dtype):
    network = NETWORKS[name].eval()
    try:
        with torch.no_grad():
            network(torch.zeros(1, 2, 16, 8, dtype=getattr(torch, dtype)))
        raised = None
    except RuntimeError as error:
        raised = str(error)
    answer = read_torch(network, "1 2 H 8", dtypes=dtype)
    assert (16 in answer["H"]) == (raised is None), raised


def test_the_error_about_dtypes_is_pytorchs():
    says = "mat1 and mat2 must have the same dtype, but got BFloat16 and Float"
    assert says in str(read_torch(nn.Linear(8, 3), "1 2 H 8", dtypes="bfloat16"))
