"""Indices that PyTorch compares with a size only when it runs: read from shapes alone, against PyTorch itself."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not a dependency")

import torch.nn.functional as F  # noqa: E402, N812 its name everywhere
from torch import nn  # noqa: E402

from wellshaped.interop import Budget  # noqa: E402
from wellshaped.interop.torch_reader import read_torch  # noqa: E402

UP_TO = 60


class Table(nn.Module):
    """A table of twenty rows, and an index of them."""

    def __init__(self, index):
        super().__init__()
        self.index, self.embedding = index, nn.Embedding(20, 3)

    def forward(self, x):
        return x[..., None] + self.embedding(self.index(x.shape[-1]))


def shifted_by(n, shift):
    return torch.arange(n) + shift


TABLES = {
    "positions": torch.arange,
    "shifted": lambda n: shifted_by(n, 5),
    "below zero": lambda n: shifted_by(n, -1),
    "counted from the end": lambda n: 12 - torch.arange(n),
    "every third": lambda n: 3 * torch.arange(n),
    "negated": lambda n: -2 * torch.arange(n) + 40,
    "backwards": lambda n: torch.arange(n - 1, -1, -1),
    "clamped": lambda n: torch.arange(n).clamp(max=19),
    "clamped on both sides": lambda n: torch.clamp(torch.arange(n) - 7, 0, 21),
    "moved": lambda n: torch.stack([torch.arange(n)] * 2)[:, None].expand(2, 4, n).flip(-1).int(),
    "two in one": lambda n: torch.arange(n)[None].repeat(1, 1).squeeze(0).clone().roll(3),
}


def by_index(x):
    return x[..., torch.arange(9)]


def from_the_end(x):
    return x[..., torch.arange(x.shape[-1]) - 11]


def by_index_select(x):
    return x.index_select(-1, 2 * torch.arange(x.shape[-1] // 3 + 4))


def by_gather(x):
    return x.gather(1, torch.arange(1, x.shape[-1], 7)[None] + 6)


def by_take(x):
    return x.take(torch.arange(x.shape[-1] + 5) - 13)


def put(x):
    y = torch.zeros(1, 30)
    y[:, torch.arange(x.shape[-1])] = x
    return y


def scattered(x):
    return torch.zeros(1, 25).scatter(1, torch.arange(x.shape[-1])[None], x)


def added(x):
    return torch.zeros(1, 25).index_add(1, torch.arange(x.shape[-1]) + 1, x)


def by_linspace(x):
    return x[..., torch.linspace(0, 3, 2 * x.shape[-1]).long()]


def by_a_list(x):
    return x[:, [0, 9, -3]]


def by_a_tensor(x):
    return x.index_select(1, torch.tensor([4, 9]))


LIST = torch.tensor([0, 9])
KNOWN = {
    "index_fill": lambda x: x.index_fill(1, LIST, 1.0),
    "index_copy": lambda x: x.index_copy(1, LIST[1:], torch.ones(1, 1)),
    "scatter": lambda x: x.scatter(1, LIST[None], 1.0),
    "scatter_reduce": lambda x: x.scatter_reduce(1, LIST[None], torch.ones(1, 2), "sum"),
    "put_": lambda x: x.clone().put_(LIST, torch.ones(2)),
    "one_hot": lambda x: x + F.one_hot(torch.arange(x.shape[1]), 10).sum(),
    "a single value": lambda x: x[:, int(LIST.max()) : int(LIST[1]) + 3] + torch.ones(3),
    "embedding_bag": lambda x: x.sum() + F.embedding_bag(torch.arange(x.shape[1])[None], torch.ones(10, 3)),
    "linspace": lambda x: x[:, torch.linspace(0, 9, 3).long()],
    "full": lambda x: x[:, torch.full((2,), 9)],
    "full of the size": lambda x: torch.ones(20)[torch.full((2,), x.shape[1])] + x.sum(),
    "tril_indices": lambda x: x[:, torch.tril_indices(10, 10)[0]],
    "zeros": lambda x: x[:, torch.zeros(3, dtype=torch.long) + 9],
    "zeros of the size": lambda x: x[:, torch.zeros(x.shape[1], dtype=torch.long) + 9],
    "ones": lambda x: x[:, torch.ones(3, dtype=torch.long) * 9],
    "eye": lambda x: x[:, torch.eye(10, dtype=torch.long) * 9],
    "a quotient": lambda x: x[:, torch.arange(20) // 2],
    "a quotient of the size": lambda x: x[:, torch.arange(2 * x.shape[1] + 4) // 3],
    "a remainder": lambda x: x[:, torch.arange(20) % 10],
    "sorted": lambda x: x[:, LIST.sort(descending=True)[0]],
    "a sum": lambda x: x[:, torch.ones(10, dtype=torch.long).cumsum(0) - 1],
    "floats": lambda x: x[:, torch.arange(10.0).long()],
    "written into a view": lambda x: x[:, written_into_a_view()],
    "the largest along an axis": lambda x: x[:, 5:].max(1)[0],
    "the least of all": lambda x: x[:, 5:].min() + x,
    "the larger of two": lambda x: torch.max(x[:, 5:], x[:, 5:] + 1),
    "a median": lambda x: x[:, 5:].median(1)[0],
    "an average of nothing": lambda x: F.adaptive_avg_pool1d(x[:, 5:], 3),
    "an average of no cube": lambda x: F.adaptive_avg_pool3d(x[:, None, None, 5:], 2),
    "beyond the memory": lambda x: x.as_strided((3, 4), (10, 1)),
    "beyond the memory, by the size": lambda x: x.repeat(3, 1).as_strided((2, 9), (x.shape[1], 1), x.shape[1]),
    "beyond the memory behind a view": lambda x: x[:, 1:].as_strided((2, 4), (5, 3)),
    "select_scatter": lambda x: x.select_scatter(torch.ones(1), 1, 9),
    "slice_scatter": lambda x: x.slice_scatter(torch.ones(1, 2), 1, 8, 10),
    "diagonal_scatter": lambda x: x.expand(9, -1).diagonal_scatter(torch.ones(9)),
    "values of another shape": lambda x: x.index_put((torch.tensor([0]),), torch.ones(2, 6)[:1]),
    "values that are repeated": lambda x: x.index_put((torch.tensor([0]),), torch.ones(1)),
}


def raised(index, by):
    index += by
    return index


def relative(n):
    return torch.arange(n)[:, None] - torch.arange(n)


TABLES |= {
    "raised in place": lambda n: raised(torch.arange(n), 3),
    "times a tensor": lambda n: torch.arange(n) * torch.tensor(2),
    "below zero by a minus": lambda n: -torch.arange(n) - 1,
    "relative": lambda n: raised(relative(n), 9),
    "a distance": lambda n: relative(n).abs(),
    "a distance that is clamped": lambda n: relative(n).clamp(-8, 8) + 8,
}


def with_its_end_set(n):
    index = torch.arange(n)
    index[16:] = 15
    return index


def clamped_through_a_view(n):
    index = torch.arange(n)
    index.view(1, -1).clamp_(max=15)
    return index


def of_windows(n):
    """Swin's, for windows of two rows."""
    grid = torch.stack(torch.meshgrid(torch.arange(2), torch.arange(n), indexing="ij")).flatten(1)
    steps = (grid[:, :, None] - grid[:, None, :]).permute(1, 2, 0).contiguous()
    steps[:, :, 0] += 1
    steps[:, :, 1] += 3
    steps[:, :, 0] *= 7
    return steps.sum(-1)[0, :n]


NOT_FOLLOWED = {
    "a quotient of floats": lambda n: (torch.arange(n) / 2).long(),
    "a remainder": lambda n: torch.arange(n) % 16 + 5,
    "a sum of ones": lambda n: torch.ones(n, dtype=torch.long).cumsum(0) - 1,
    "buckets": lambda n: torch.bucketize(torch.arange(n), torch.arange(4, 40, 2)) + 5,
    "set": with_its_end_set,
    "clamped through a view": clamped_through_a_view,
    "of windows": of_windows,
}


def written_into_a_view():
    index = torch.zeros(4, dtype=torch.long)
    index[1:3] = 9
    return index


def values_of_the_image_are_written(x):
    """What is written is not known, and neither is the index then."""
    index = torch.zeros(2, dtype=torch.long)
    index[0] = (x.sum() * 0).long()
    return x[:, index]


OPERATIONS = [
    by_index,
    from_the_end,
    by_index_select,
    by_gather,
    by_linspace,
    values_of_the_image_are_written,
    by_take,
    put,
    scattered,
    added,
    by_a_list,
    by_a_tensor,
]


def runs(model, size):
    try:
        model(torch.zeros(1, size))
    except (IndexError, RuntimeError):
        return False
    return True


@pytest.mark.parametrize(
    "model",
    [*(Table(index) for index in TABLES.values()), *KNOWN.values(), *OPERATIONS],
    ids=[*TABLES, *KNOWN, *(of.__name__ for of in OPERATIONS)],
)
def test_sizes_are_those_with_which_pytorch_itself_runs(model):
    answer = read_torch(model, "1 T")
    axis = answer.axes["T"]
    assert axis.decided
    takes = {size for size in range(1, UP_TO) if runs(model, size)}
    assert {size for size in range(1, UP_TO) if size not in axis.found.rejected} == takes
    assert all(size not in answer["T"] for size in (10**4, 10**5)) or runs(model, 10**4)


@pytest.mark.parametrize("name", NOT_FOLLOWED)
def test_an_index_that_is_not_followed_decides_nothing(name):
    model = Table(NOT_FOLLOWED[name])
    axis = read_torch(model, "1 T", budget=Budget(up_to=64)).axes["T"]
    assert not axis.decided
    assert "is computed from sizes in a way that is not followed" in axis.evidence()
    assert {size for size in range(1, UP_TO) if size in axis.sizes} == {n for n in range(1, UP_TO) if runs(model, n)}
    assert 70 not in axis.sizes
    assert 70 in axis.found.undecided or 70 in axis.found.rejected


@pytest.mark.parametrize("through", [lambda view, x: view.copy_(x), lambda view, x: view.add_(x)])
def test_what_is_written_through_a_view_depends_on_the_image(through):
    def model(x):
        kept = torch.zeros(1, x.shape[1])
        through(kept[:, : x.shape[1]], x)
        return kept[:, ::2] + kept[:, 1::2]

    answer = read_torch(model, "1 T")
    assert (str(answer["T"]), answer.output) == ("n ≡ 0 (mod 2), n ≥ 2", ("(1, floor(T/2))",))
    assert 3 in answer.axes["T"].found.broadcast


def test_the_message_names_the_module_the_index_and_the_size():
    report = read_torch(Table(torch.arange), "1 T").check(T=500)
    assert not report.ok
    assert "IndexError at embedding" in str(report)
    assert "index 499 is out of bounds for a table with size 20" in str(report)
    assert "fix: T 20 (crop 480)" in str(report)


def test_values_that_are_not_known_are_not_compared():
    drawn = lambda x: x[:, torch.randint(9, 10, (3,))]  # noqa: E731 it is a model
    assert str(read_torch(drawn, "1 T")["T"]) == "n ≥ 1"
    assert [runs(drawn, size) for size in (9, 10)] == [False, True]
