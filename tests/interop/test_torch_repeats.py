"""An operation that occurred before is not computed again, and the answer is what it would be if it were."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not a dependency")

import torch.nn.functional as F  # noqa: E402, N812 its name everywhere

from wellshaped.interop.frameworks.torch_models import as_network  # noqa: E402
from wellshaped.interop.frameworks.torch_repeats import Repeats, Result  # noqa: E402
from wellshaped.interop.frameworks.torch_tracing import TorchTracer  # noqa: E402
from wellshaped.interop.sizes.paths import Accepted  # noqa: E402
from wellshaped.interop.torch_reader import read_torch  # noqa: E402


def changed_in_place(x):
    """The second convolution gets an axis more."""
    y = F.relu(x)
    F.conv2d(y, torch.ones(4, 3, 1, 1))
    y.unsqueeze_(2)
    return F.conv3d(y, torch.ones(4, 3, 1, 1, 1)) + y.new_ones(4, *y.shape[2:])


def resized(x):
    y = torch.zeros_like(x)
    a = torch.neg(y)
    y.resize_(1, 1, 5)
    return a.sum() + torch.neg(y)


def through_data(x):
    y = torch.zeros_like(x)
    a = torch.neg(y)
    y.data = torch.zeros(1, 1, 5)
    return a.sum() + torch.neg(y)


def values_that_are_known(x):
    """The second ``table[index]`` is outside, though its index has the shape of the first."""
    near, far = torch.arange(3), torch.arange(3) + (x.shape[-1] - 5)
    table = torch.ones(8)
    return x + table[near].sum() + table[far].sum()


def by_dtype(x):
    y = torch.neg(x)
    return torch.neg(x.double()).to(torch.float16) + y.half()


def within_autocast(x):
    plain = torch.mm(x, torch.ones(3, 3))
    with torch.autocast("cpu", torch.bfloat16):
        lower = torch.mm(x, torch.ones(3, 3))
    return torch.cat([plain, lower.float()]) if lower.dtype == torch.bfloat16 else plain


def with_another_default(x):
    whole = torch.ones(2, dtype=torch.long)
    first = torch.sqrt(whole)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        second = torch.sqrt(whole)
    finally:
        torch.set_default_dtype(before)
    return x if (first.dtype, second.dtype) == (torch.float32, torch.float64) else x[..., :1]


def repeated_by_chance(x):
    """Both sums repeat the size of 1 of the pooled image, and the second is a repetition of the first."""
    y = F.avg_pool2d(x, 2)
    return (y + torch.ones(3, 1)) + (y + torch.ones(3, 1))


def kept_and_filled(x):
    """The buffer gets the image's values on the way."""
    kept = torch.zeros(x.shape)
    first = torch.neg(kept)
    kept.copy_(x)
    return F.avg_pool2d(torch.neg(kept), 2) + first.mean()


def with_gradients_within(x):
    """A network of an energy, which takes steps along its gradient."""
    with torch.enable_grad():
        for _ in range(3):
            x = x.detach().requires_grad_()
            x = x - 0.1 * torch.autograd.grad(F.conv2d(x, torch.ones(1, 3, 3, 3), padding=1).sum(), x)[0]
    return x.detach()


def views_of_a_kept_tensor(x):
    """The second view is one of the tensor, too: what is written into it is written there."""
    kept = torch.zeros(x.shape)
    first = kept[..., : x.shape[-1]].sum()
    kept[..., : x.shape[-1]].copy_(x)
    return F.avg_pool2d(kept, 2) + first


NETWORKS = [
    *(changed_in_place, resized, through_data, values_that_are_known, by_dtype, repeated_by_chance),
    *(within_autocast, with_another_default, kept_and_filled, with_gradients_within, views_of_a_kept_tensor),
]
parametrized = pytest.mark.parametrize("network", NETWORKS, ids=lambda of: of.__name__)


def without_results(monkeypatch):
    monkeypatch.setattr(Repeats, "key", lambda *_: None)


@parametrized
def test_the_answer_is_that_without_kept_results(network, monkeypatch):
    shape = "W 3" if network is within_autocast else "1 3 H W"
    said = str(read_torch(network, shape))
    without_results(monkeypatch)
    assert str(read_torch(network, shape)) == said


@parametrized
@pytest.mark.parametrize("symbolic", [True, False])
def test_each_run_ends_as_without_kept_results(network, symbolic, monkeypatch):
    def ends():
        shape = ("W", 3) if network is within_autocast else (1, 3, 8, "W")
        tracer = TorchTracer(as_network(network, {}), [shape], [torch.float32])
        for size in (1, 2, 7, 8, 12):
            yield tracer.path_of({"W": size}, {}) if symbolic else tracer.trial_of({"W": size})

    said = list(ends())
    without_results(monkeypatch)
    assert list(ends()) == said


def test_alike_blocks_are_computed_once(monkeypatch):
    made = []
    again = Result.again
    monkeypatch.setattr(Result, "again", lambda of: made.append(of) or again(of))
    blocks = (layer for _ in range(9) for layer in (torch.nn.Conv2d(4, 4, 3, padding=1), torch.nn.ReLU()))
    tracer = TorchTracer(as_network(torch.nn.Sequential(*blocks), {}), [(1, 4, "H", 32)], [torch.float32])
    tracer.path_of({"H": 100}, {})
    assert len(made) == 2 * 8


def test_a_repeated_result_asks_no_question_about_a_size_of_1():
    """A bottom of one position takes the same path as larger ones."""

    def model(x):
        kernel = torch.ones(3, 3, 3, 3)
        for _ in range(3):
            x = F.conv2d(x, kernel, padding=1)
        y = F.max_pool2d(x, 8)
        for _ in range(3):
            y = F.relu(F.conv2d(y, kernel, padding=1))
        return torch.cat([x, F.conv_transpose2d(y, torch.ones(3, 3, 8, 8), stride=8)], 1)

    (region,) = [of for of in read_torch(model, "1 3 H 64").axes["H"].found.regions if isinstance(of.end, Accepted)]
    assert str(region.sizes) == "n ≡ 0 (mod 8), n ≥ 8"
