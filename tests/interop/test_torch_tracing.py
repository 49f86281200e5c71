"""PyTorch networks, path by path: the sets of sizes against runs on plain numbers, and what is said about a failure."""

import math
import random
import subprocess
import sys
from collections import namedtuple
from itertools import pairwise

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not a dependency")

import torch.nn.functional as F  # noqa: E402, N812 its name everywhere
from torch import nn  # noqa: E402
from torch_modules import Net as NetOfParts  # noqa: E402

from wellshaped import UsageError  # noqa: E402
from wellshaped.interop.frameworks.torch_models import as_network, constructed  # noqa: E402
from wellshaped.interop.frameworks.torch_stand_ins import SAME  # noqa: E402
from wellshaped.interop.frameworks.torch_tracing import TorchTracer  # noqa: E402
from wellshaped.interop.sizes.exploring import Budget, explore  # noqa: E402
from wellshaped.interop.sizes.expressions import value  # noqa: E402
from wellshaped.interop.sizes.paths import Accepted, Rejected, Unknown  # noqa: E402
from wellshaped.interop.torch_reader import read_torch  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default")  # PyTorch's own


class OneAxis:
    """What ``explore`` needs."""

    def __init__(self, tracer, **held):
        self.tracer, self.held = tracer, held

    def path(self, size):
        return self.tracer.path_of({"H": size}, self.held)

    def trial(self, size):
        return self.tracer.trial_of({"H": size, **self.held})


class Net(NetOfParts):
    """Of this file: in the package of a model's class, ``int`` keeps symbols."""


class UNet(nn.Module):
    """Four levels, bilinear or transposed, with a batch normalisation."""

    def __init__(self, levels=4, width=4):
        super().__init__()
        widths = [width * 2**i for i in range(levels + 1)]
        self.first = self.block(3, widths[0])
        self.down = nn.ModuleList(self.block(a, b) for a, b in pairwise(widths))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in pairwise(widths))
        self.merge = nn.ModuleList(self.block(2 * a, a) for a in widths[:-1])

    @staticmethod
    def block(before, after):
        return nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True))

    def forward(self, x):
        skips = [self.first(x)]
        for block in self.down:
            skips.append(block(F.max_pool2d(skips[-1], 2)))
        x = skips.pop()
        for up, merge in zip(reversed(self.up), reversed(self.merge), strict=True):
            x = merge(torch.cat([skips.pop(), up(x)], 1))
        return x


def tracer_of(model, *shapes):
    return TorchTracer(as_network(model, {}), shapes or [(2, 3, "H", 12)], ["float32"] * max(1, len(shapes)))


def explored(model, *shapes, **budget):
    return explore(OneAxis(tracer_of(model, *shapes)), "H", Budget(**budget))


def assert_as_tried(model, *shapes, up_to, draws=6, **budget):
    """Compare every size up to one, and some large ones, with a run on plain numbers; return the exploration."""
    axis = OneAxis(tracer_of(model, *shapes))
    found = explore(axis, "H", Budget(**budget))
    draw = random.Random(0)
    for size in [*range(1, up_to + 1), *(draw.randint(1, 10**5) for _ in range(draws))]:
        alone = axis.trial(size)
        if size in found.undecided:
            continue
        runs = any(size in of for of in (found.fits, found.empty, found.broadcast))
        assert runs == isinstance(alone, Accepted), (size, alone)
        for region in found.regions:
            if size in region.sizes and isinstance(region.end, Accepted):
                at = {"H": size}
                assert tuple(tuple(value(n, at) for n in shape) for shape in region.end.output) == alone.output
    return found


def pooling_join(net, x):
    return torch.cat([F.avg_pool2d(x, 2)[..., :4], F.avg_pool2d(F.pad(x, (0, 0, 0, 21)), 3)], 1)


def only_above(net, x):
    return F.max_pool2d(x, 2) + x[:, :, ::2, ::2] if x.shape[2] > 1000 else x


def branch(net, x):
    n = x.shape[2]
    return F.max_pool2d(x, 2) if n < 40 else x[:, :, n // 2 :]


def two_slopes(net, x):
    return torch.cat([torch.cat([x, x, x], 2), torch.cat([x, x, x[:, :, :1].expand(-1, -1, 7, -1)], 2)], 1)


def ceil_to_16(net, x):
    n = x.shape[2]
    return F.max_pool2d(F.pad(x, (0, 4, 0, math.ceil(n / 16) * 16 - n)), 16)


def power_of_two(net, x):
    if x.shape[2] & (x.shape[2] - 1):
        raise ValueError("a power of two, please")
    return x


def caught(net, x):
    y = F.interpolate(F.max_pool2d(x, 2), scale_factor=2)
    try:
        return torch.cat([x, y], 1)
    except RuntimeError:
        return x


def pad_and_crop(net, x):
    n = x.shape[2]
    y = F.max_pool2d(F.pad(x, (0, 4, 0, -n % 16)), 16)
    return F.interpolate(y, scale_factor=16)[:, :, :n]


def up_to_1000(net, x):
    if x.shape[2] * x.shape[3] > 12_000:
        raise RuntimeError("too large")
    return x


def data_dependent(net, x):
    return x[x > 0].reshape(-1, 2)


def halves(net, x):
    return F.interpolate(x, size=(int(x.shape[2] / 2), 6))


def pool_1d(net, x):
    return torch.cat([F.max_pool1d(x, 2), F.max_pool1d(x[:, :, 1:], 2)], 1)


def to_the_skip(net, x):
    return x + F.interpolate(F.max_pool2d(x, 2, ceil_mode=True), size=x.shape[2:], mode="bilinear")


def by_a_factor(net, x):
    return x + F.interpolate(F.max_pool2d(x, 2), scale_factor=2, mode="bilinear", align_corners=False)


def windows(net, x):
    """Windows of 7 positions, as an attention has them, and back."""
    b, c, h, w = x.shape
    x = F.pad(x, (0, 0, 0, (7 - h % 7) % 7))
    parts = x.view(b, c, x.shape[2] // 7, 7, w).permute(0, 2, 1, 3, 4).contiguous().view(-1, c * 7 * w)
    whole = parts.view(b, math.ceil(h / 7), c, 7, w).permute(0, 2, 1, 3, 4).contiguous().view(b, c, -1, w)
    return whole[:, :, :h].contiguous()


def other_slopes(net, x):
    thirds = F.interpolate(F.max_pool2d(x, 3), scale_factor=2)
    return torch.cat([F.max_pool2d(x, 2)[..., :4], thirds[:, :, 1:, :4]], 1)


TRAPS = {
    "a pooling join that agrees for one sample": (pooling_join, (2, 3, "H", 12), "{38, 40, 41, 42, 43, 45}", 6),
    "if n > 1000": (only_above, (2, 3, "H", 12), "{1, 2, …, 999} or n ≡ 0 (mod 2), n ≥ 1000", 5),
    "if n < 40": (branch, (2, 3, "H", 12), "n ≥ 2", 4),
    "3h against 2h + 7": (two_slopes, (2, 3, "H", 12), "{7}", 4),
    "math.ceil": (ceil_to_16, (2, 3, "H", 12), "n ≥ 1", 4),
    "a caught error": (caught, (2, 3, "H", 12), "n ≥ 2", 4),
    "padded to a multiple and cropped": (pad_and_crop, (2, 3, "H", 12), "n ≥ 1", 4),
    "fails only above a size": (up_to_1000, (2, 3, "H", 12), "{1, 2, …, 1000}", 4),
    "int of a quotient": (halves, (2, 3, "H", 12), "n ≥ 2", 4),
    "a pooling along one axis": (pool_1d, (2, 3, "H"), "n ≡ 1 (mod 2), n ≥ 3", 5),
    "resized to the skip": (to_the_skip, (2, 3, "H", 12), "n ≥ 1", 4),
    "resized by a factor": (by_a_factor, (2, 3, "H", 12), "n ≡ 0 (mod 2), n ≥ 2", 5),
    "skips with different slopes": (other_slopes, (2, 3, "H", 12), "{3, 6, 7, 10, 11, 14}", 6),
    "windows that are padded": (windows, (2, 3, "H", 12), "n ≥ 1", 5),
    "unfolded and folded": (
        lambda net, x: F.fold(F.unfold(x, 3, stride=2), x.shape[2:], 3, stride=2), (2, 3, "H", 12), "n ≥ 3", 4,
    ),
    "reflected": (lambda net, x: F.pad(x, (3, 3, 3, 3), mode="reflect"), (2, 3, "H", 12), "n ≥ 4", 3),
    "only squares": (lambda net, x: x + x.transpose(2, 3), (2, 3, "H", 12), "{12}", 4),
    "flattened": (lambda net, x: x.flatten(1) @ torch.zeros(3 * 12 * 12, 2), (2, 3, "H", 12), "{12}", 4),
    "to blocks and back": (
        lambda net, x: F.pixel_shuffle(F.pixel_unshuffle(x, 4), 4), (2, 3, "H", 12), "n ≡ 0 (mod 4), n ≥ 4", 4,
    ),
    "pooled to a fixed size": (lambda net, x: F.adaptive_avg_pool2d(x, 3), (2, 3, "H", 12), "n ≥ 1", 2),
    "ceil_mode": (
        lambda net, x: F.max_pool2d(x, 3, 2, ceil_mode=True) + F.max_pool2d(x, 3, 2, 1),
        (2, 3, "H", 12), "n ≡ 0 (mod 2), n ≥ 2", 6,
    ),
}  # fmt: skip


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_has_the_sizes_that_run(trap):
    function, shape, fits, traces = TRAPS[trap]
    found = assert_as_tried(Net(function), shape, up_to=50)
    assert (str(found.fits), bool(found.undecided)) == (fits, False)
    assert found.traces <= traces


def test_sizes_in_too_many_parts_for_a_set_end_no_reading():
    def rounded(x):
        if round(x.shape[2] / 3) != x.shape[2] // 3:
            raise ValueError("not a third")
        return x

    answer = read_torch(rounded, "1 3 H W")
    assert [size for size in range(1, 14) if size in answer["H"]] == [1, 3, 4, 6, 7, 9, 10, 12, 13]
    assert str(answer["W"]) == "n ≥ 1"


def test_a_unet_of_four_levels_takes_multiples_of_16_and_few_traces():
    found = assert_as_tried(UNet(), (2, 3, "H", 16), up_to=40, draws=2)
    assert str(found.fits) == "n ≡ 0 (mod 16), n ≥ 16"
    assert not found.undecided
    assert not found.tried
    assert found.traces <= 14


def test_a_transposed_convolution_with_output_padding_takes_even_sizes():
    parts = {"down": nn.Conv2d(3, 4, 3, 2, 1), "up": nn.ConvTranspose2d(4, 3, 3, 2, 1, output_padding=1)}
    found = assert_as_tried(Net(lambda net, x: x + net.up(net.down(x)), **parts), up_to=20)
    assert str(found.fits) == "n ≡ 0 (mod 2), n ≥ 2"
    assert str(found.broadcast) == "{1}"


def test_a_batch_normalisation_in_training_rejects_one_value_per_channel():
    net = Net(lambda net, x: net.norm(F.max_pool2d(x, (2, 12))), norm=nn.BatchNorm2d(3))
    assert str(assert_as_tried(net, (1, 3, "H", 12), up_to=12).fits) == "n ≥ 4"
    assert str(assert_as_tried(net.eval(), (1, 3, "H", 12), up_to=12).fits) == "n ≥ 2"
    net.train()
    end = tracer_of(net, (1, 3, "H", 12)).trial_of({"H": 2})
    assert isinstance(end, Rejected)
    assert (end.error, end.text[:40]) == ("ValueError", "Expected more than 1 value per channel w")


def test_what_depends_on_the_values_is_unknown_and_never_rejected():
    found = explored(Net(data_dependent))
    assert not found.fits
    assert not found.rejected
    assert all(isinstance(region.end, Unknown) for region in found.regions)


class Trials:
    """Counts the runs of a network."""

    def __init__(self, module):
        self.module, self.count = module, 0

    def __call__(self, x):
        self.count += 1
        return self.module(x)


def test_a_wrong_number_of_axes_ends_after_few_runs():
    counted = Trials(UNet())
    answer = read_torch(counted, "1 3 D H W")
    assert not any(of.sizes for of in answer.axes.values())
    assert counted.count < 200


def test_a_bit_trick_is_tried_one_size_at_a_time():
    found = explored(Net(power_of_two), trials=70)
    assert str(found.fits) == "{1, 2, 4, 8, 16, 32, 64}"
    assert 71 in found.undecided


def test_a_failure_names_the_module_the_line_and_the_operation():
    net = Net(lambda net, x: net.inner(x), inner=Net(lambda net, x: net.conv(x), conv=nn.Conv2d(3, 4, 5)))
    path = tracer_of(net).path_of({"H": 3}, {})
    assert isinstance(path.end, Rejected)
    assert path.end.at.startswith("inner.conv, ")
    assert "net.conv(x)" in path.end.at
    assert path.end.raised == "inner.conv: torch.nn.functional.conv2d"
    assert [str(condition) for condition in path.conditions] == ["H ≤ 4"]


def test_the_error_of_a_network_itself_has_its_line():
    end = tracer_of(Net(up_to_1000)).trial_of({"H": 2000})
    assert isinstance(end, Rejected)
    assert (end.error, end.text) == ("RuntimeError", "too large")
    assert 'raise RuntimeError("too large")' in end.at


def test_the_given_module_stays_as_it_is():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.calls, self.last = nn.BatchNorm2d(3), 0, None

        def forward(self, x):
            self.calls, self.last = self.calls + 1, x
            return self.norm(x)

    net = Counting()
    before = {name: of.clone() for name, of in net.state_dict().items()}
    tracer = tracer_of(net)
    assert isinstance(tracer.path_of({"H": 9}, {}).end, Accepted)
    assert isinstance(tracer.trial_of({"H": 9}), Accepted)
    assert (net.calls, net.last) == (0, None)
    assert all(torch.equal(of, before[name]) for name, of in net.state_dict().items())
    assert "int" not in globals()  # it stands in for the built-in during a trace


def test_several_open_sizes_have_conditions_with_their_names():
    tracer = tracer_of(Net(lambda net, x: x + x.transpose(2, 3)), (1, 3, "H", "W"))
    path = tracer.path_of({"H": 96, "W": 64}, {})
    assert isinstance(path.end, Rejected)
    assert "H ≠ W" in [str(condition) for condition in path.conditions]
    assert isinstance(tracer.path_of({"H": 64, "W": 64}, {}).end, Accepted)


def test_the_output_may_be_in_a_dictionary_or_a_list():
    tracer = tracer_of(lambda x: {"a": x[:, :, 1:], "b": [x.sum(2)]})
    end = tracer.path_of({"H": 9}, {}).end
    assert isinstance(end, Accepted)
    assert [[str(n) for n in shape] for shape in end.output] == [["2", "3", "H - 1", "12"], ["2", "3", "12"]]
    assert end.names == ("a", "b.0")
    pair = namedtuple("Pair", ["image", "mask"])
    named = tracer_of(lambda x: (x, pair(x, {4: x}))).path_of({"H": 9}, {}).end
    assert named.names == ("0", "1.image", "1.mask.4")


def test_a_constructor_gets_no_memory_for_its_parameters():
    net = constructed(lambda: nn.Sequential(nn.Conv2d(3, 4_096, 9), nn.Conv2d(4_096, 4_096, 9)))
    assert all(of.device.type == "meta" for of in net.parameters() if of.ndim > 1)
    end = tracer_of(net, (1, 3, "H", 20)).path_of({"H": 30}, {}).end
    assert isinstance(end, Accepted)
    assert [str(n) for n in end.output[0]] == ["1", "4096", "H - 16", "4"]


def test_read_torch_reads_several_open_sizes():
    net = UNet(levels=2)
    sizes = read_torch(net, "N 3 H W")
    assert [str(of.sizes) for of in sizes.axes.values()] == ["n ≥ 1", *["n ≡ 0 (mod 4), n ≥ 4"] * 2]
    assert sizes.together == ("N ≥ 2 or H ≥ 8 or W ≥ 8",)  # one image of one pixel has no statistics
    assert read_torch(net.eval(), "N 3 H W").independent
    assert sizes.output == ("(N, 4, H, W)",)


def test_without_pytorch_one_sentence_says_how_to_install_it():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from wellshaped.interop.torch_reader import read_torch\n"
        "try:\n    read_torch(print, '3 H W')\nexcept Exception as error:\n    print(type(error).__name__, error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("UsageError")
    assert "pip install torch" in said


def test_a_size_at_which_an_image_of_size_1_is_repeated_is_reported_separately():
    class Doubling(nn.Module):
        def __init__(self):
            super().__init__()
            self.halve = nn.Conv1d(2, 2, 3, stride=2, padding=1)

        def forward(self, x):
            x = x * x.mean(-1, keepdim=True)  # a repeat on purpose
            return x + F.interpolate(self.halve(x), scale_factor=2)

    found = read_torch(Doubling(), "1 2 L").axes["L"].found
    assert (str(found.fits), str(found.broadcast)) == ("n ≡ 0 (mod 2), n ≥ 2", "{1}")


def test_sizes_that_are_too_small_together_are_said_as_sizes():
    strided = [nn.Conv3d(2, 2, 3, 2, 1) for _ in range(2)]
    sizes = read_torch(nn.Sequential(*strided, nn.InstanceNorm3d(2)), "1 2 D H W")
    assert sizes.together == ("D ≥ 5 or H ≥ 5 or W ≥ 5",)
    assert sizes.output == ("(1, 2, floor((D + 3)/4), floor((H + 3)/4), floor((W + 3)/4))",)


class Of(nn.Module):
    def __init__(self, function, *layers):
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(layers)

    def forward(self, *images):
        return self.function(*self.layers, *images)


def wide(x):
    if x.shape[2] / x.shape[3] >= 1.5:
        raise ValueError("too tall")
    return x


LINKED = {
    "a convolution": (Of(lambda conv, x, y: conv(x) + y, nn.Conv1d(3, 3, 3)), "H = A + 2"),
    "a pooling": (Of(lambda x, y: F.max_pool1d(x, 2) * y), "A = floor(H/2)"),
    "a slice": (Of(lambda x, y: torch.maximum(x[..., 2:], y)), "H = A + 2"),
}


@pytest.mark.parametrize("name", LINKED)
def test_two_images_that_are_added_are_linked_by_their_sizes(name):
    net, condition = LINKED[name]
    sizes = read_torch(net, "1 3 H", "1 3 A")
    assert (sizes.independent, sizes.together) == (False, (condition,))
    repeated = sizes.check(A=1, H={"H = A + 2": 12, "A = floor(H/2)": 9}[condition])
    assert "only because a size of 1 is repeated" in str(repeated)


def test_one_pair_of_sizes_that_fails_is_an_example_and_no_condition():
    sizes = read_torch(Of(wide), "1 3 H W", budget=Budget(trials=200, up_to=200))
    assert (sizes.independent, sizes.together) == (False, ())
    assert any(note.endswith("do not") for note in sizes.notes)


def test_dense_layers_and_attention_are_decided_for_every_size():
    layers = (nn.Conv2d(1, 6, 5), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.MaxPool2d(2))
    dense = read_torch(nn.Sequential(*layers, nn.Flatten(), nn.Linear(400, 10)), "1 1 H W")
    assert dense.together == ("floor((H - 12)/4)*floor((W - 12)/4) = 25",)
    attention = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    tokens = Of(lambda patch, attend, x: attend(patch(x).flatten(2).transpose(1, 2)), nn.Conv2d(3, 8, 4, 4), attention)
    sizes = read_torch(tokens, "1 3 H W")
    assert (str(sizes["H"]), sizes.axes["H"].decided, sizes.independent) == ("n ≥ 4", True, True)


def test_the_side_of_a_square_is_the_root_of_its_tokens():
    def squared(x):
        tokens = x.flatten(2).transpose(1, 2)
        side = int(tokens.shape[1] ** 0.5)
        return F.avg_pool2d(tokens.transpose(1, 2).reshape(1, -1, side, side), 2)

    sizes = read_torch(Of(squared), "1 3 H H")
    assert (str(sizes["H"]), sizes.axes["H"].decided, sizes.output) == (
        "n ≥ 2",
        True,
        ("(1, 3, floor(H/2), floor(H/2))",),
    )


def quarters(n):
    return n // 4


def pyramid(x):
    """Spatial pyramid pooling, whose padding is too large for some sizes."""
    found = []
    for n in (1, 2, 4):
        kernel = math.ceil(x.shape[2] / n)
        pad = (kernel * n - x.shape[2] + 1) // 2
        found.append(F.max_pool2d(x, (kernel, 2), (kernel, 2), (pad, 0)).flatten(1))
    return torch.cat(found, 1)


def between(x):
    small = F.avg_pool2d(x, 4, 4)
    return F.interpolate(small, scale_factor=(x.shape[2] // small.shape[2], 4)) + x[:, :, : x.shape[2] // 4 * 4, :8]


BY_SIZE = {
    "global average": lambda x: F.avg_pool2d(x, x.shape[2:]),
    "global maximum": lambda x: F.max_pool2d(x, x.size()[2:], ceil_mode=False),
    "a maximum with a stride": lambda x: torch.max_pool2d(x, (x.size(2) // 2, 3), (quarters(x.size(2)), 1)),
    "an average over quarters": lambda x: F.avg_pool2d(x, (quarters(x.shape[2]), 2), None, 0, False, True),
    "rounded up": lambda x: F.avg_pool2d(x, (quarters(x.shape[2]), 2), ceil_mode=True),
    "three parts": lambda x: torch.cat([part.sum(2) for part in x.chunk(3, 2)], 1).reshape(1, 9, 9),
    "halves": lambda x: torch.stack(x.split(x.shape[2] // 2, 2)),
    "a factor": between,
    "a pyramid": pyramid,
    "nearest": lambda x: F.interpolate(x, size=(round(x.shape[2] * 0.75), 4)) + x[:, :, : round(x.shape[2] * 0.75), :4],
    "a few more": lambda x: sum((x[:, :, i:-1] for i in range(x.shape[2] % 3)), x[:, :, 1:]),
}


@pytest.mark.parametrize("name", BY_SIZE)
def test_numbers_that_follow_from_a_size_stay_symbolic(name):
    function = BY_SIZE[name]

    def runs(n):
        try:
            return function(torch.zeros(1, 3, n, 9)).numel() > 0
        except RuntimeError:
            return False

    sizes = read_torch(Of(function), "1 3 H 9")
    assert [n for n in range(1, 60) if n in sizes["H"]] == [n for n in range(1, 60) if runs(n)]
    assert sizes.axes["H"].decided == (name != "rounded up")  # its windows are not counted


def test_a_trace_starts_from_the_given_parameters():
    """What a call attaches to a parameter, or changes of it, is gone in the next; what was attached before stays."""

    def call(net, x):
        if hasattr(net.weight, "grid") or net.weight.grad is not None or net.weight._version:
            raise ValueError("a second call")
        net.weight.grid = x
        net.weight.grad = torch.zeros_like(net.weight)
        with torch.no_grad():
            net.weight.add_(1)
        return x * net.weight.factor

    net = Net(call)
    net.weight = nn.Parameter(torch.zeros(3))
    net.weight.factor = 2
    sizes = read_torch(net, "1 3 H W")
    assert [str(sizes[name]) for name in "HW"] == ["n ≥ 1", "n ≥ 1"]


def test_a_lazy_module_has_to_be_run_first():
    with pytest.raises(UsageError, match=r"0\.weight has no shape before the module has run") as caught:
        read_torch(nn.Sequential(nn.LazyConv2d(4, 3)), "1 3 H W")
    assert "fix: run it once on an image" in str(caught.value)


PARTS = {
    "group": lambda: nn.GroupNorm(2, 4),
    "layer": lambda: nn.LayerNorm(12),
    "instance": lambda: nn.InstanceNorm2d(4),
    "batch, in evaluation": lambda: nn.BatchNorm2d(4).eval(),
    "clipped": lambda: nn.ReLU6(inplace=True),
    "leaky": lambda: nn.LeakyReLU(inplace=True),
    "hard": lambda: nn.Hardswish(),
    "linear": lambda: nn.Linear(12, 12),
}


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("name", PARTS)
def test_a_stand_in_has_the_shapes_and_asks_no_more_than_pytorchs_own_rules(name, channels_last, monkeypatch):
    def joined(net, x):
        x = x.to(memory_format=torch.channels_last) if channels_last else x
        x = net.part(F.max_pool2d(x, (2, 1)))
        return x.flatten(2).view(2, 4, 3, -1).flatten(1)

    tracer = tracer_of(Net(joined, part=PARTS[name]()), (2, 4, "H", 12))
    quick = [tracer.path_of({"H": size}, {}) for size in (1, 2, 3, 30)]
    monkeypatch.setattr("wellshaped.interop.frameworks.torch_tracing.quick_result", lambda *_: None)
    monkeypatch.delitem(SAME, torch.instance_norm)
    for size, path in zip((1, 2, 3, 30), quick, strict=True):
        own = tracer.path_of({"H": size}, {})
        assert set(path.conditions) <= set(own.conditions)
        assert type(path.end) is type(own.end)
        if isinstance(own.end, Accepted):
            shapes = [[[value(of, {"H": size}) for of in shape] for shape in end.output] for end in (path.end, own.end)]
            assert shapes[0] == shapes[1]


# A size of 1 that is repeated, and functions that give nothing.


@pytest.mark.parametrize("count", [12, 16, 20, 49, 100, 196, 256])
def test_positions_beside_a_constant_depend_on_each_other(count):
    sizes = read_torch(lambda x: x.flatten(2) + torch.zeros(count), "1 3 H W")
    assert sizes.independent is False
    assert sizes.together == (f"H*W = {count}",)
    assert not sizes.check(H=count, W=count).ok
    assert sizes.check(H=1, W=count).ok


def test_a_size_of_1_beside_a_constant_is_repeated():
    sizes = read_torch(lambda x: x + torch.zeros(8), "1 3 L")
    assert str(sizes["L"]) == "{8}"
    assert str(sizes.axes["L"].found.broadcast) == "{1}"
    assert str(read_torch(lambda x: x * torch.zeros(3, 1) + torch.zeros(1, 3, 1), "1 3 L")["L"]) == "n ≥ 1"


async def _coroutine(x):
    return x


def _generator(x):
    yield x[..., :-100]


@pytest.mark.parametrize("function", [_coroutine, _generator, lambda x: None])
def test_what_returns_no_array_takes_no_size(function):
    sizes = read_torch(function, "1 3 L")
    assert not sizes["L"]
    assert "and must return an array for an image" in str(sizes)


def test_code_that_exits_rejects_the_size():
    def even(x):
        if x.shape[2] % 2:
            sys.exit(0)
        return x

    assert str(read_torch(even, "1 3 L")["L"]) == "n ≡ 0 (mod 2), n ≥ 2"


def test_a_dtype_that_pytorch_has_not_is_rejected():
    with pytest.raises(UsageError, match="PyTorch has no such dtype"):
        read_torch(lambda x: x, "1 L", dtypes="float33")
