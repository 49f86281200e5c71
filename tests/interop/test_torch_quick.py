"""The quick shape rules against PyTorch itself, on real tensors."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not a dependency")

from torch.utils._pytree import tree_iter, tree_map  # noqa: E402

from wellshaped.interop.frameworks.torch_quick import DIRECT, SHAPES, quick_result  # noqa: E402
from wellshaped.interop.frameworks.torch_tracing import _fake_mode, _one_backend  # noqa: E402

aten = torch.ops.aten


def zeros(*shape, order=torch.contiguous_format):
    return torch.zeros(shape).to(memory_format=order)


X = zeros(2, 4, 6, 8)
LAST = zeros(2, 4, 6, 8, order=torch.channels_last)
TURNED = zeros(2, 4, 8, 6).mT
CUBE = zeros(1, 2, 4, 6, 8)
MATRIX = zeros(5, 4)
FOUR, FIVE = zeros(4), zeros(5)
CONV = [2, 1], [1, 1], [1, 1], False, [0, 0], 1

VIEWS = [
    *((X, shape) for shape in ([2, -1], [8, 48], [-1], [5, -1], [7], [-1, -1], [0, -1])),
    (TURNED, [8, 48]),
]

SUMS = [
    *((X, y) for y in (X, LAST, 2.5, 2, zeros(8), zeros(2, 4, 6, 1), X.double(), zeros(2, 4, 6, 7), zeros(6, 8))),
    *((LAST, LAST), (TURNED, TURNED), (TURNED, X), (FOUR, FOUR)),
]

CASES = {
    aten.native_group_norm.default: [(X, FOUR, FOUR, 2, 4, 48, 2, 1e-5), (LAST, None, None, 2, 4, 48, 4, 1e-5)],
    aten.native_layer_norm.default: [
        (X, [8], zeros(8), zeros(8), 1e-5),
        (X, [6, 8], None, None, 1e-5),
        (TURNED, [8], None, None, 1e-5),
    ],
    aten._native_batch_norm_legit_no_training.default: [(X, FOUR, FOUR, FOUR, FOUR, 0.1, 1e-5)],
    aten._native_batch_norm_legit.no_stats: [(X, FOUR, None, True, 0.1, 1e-5)],
    aten.native_batch_norm.default: [
        (X, FOUR, FOUR, FOUR, FOUR, False, 0.1, 1e-5),
        (X, FOUR, FOUR, zeros(4), zeros(4), True, 0.1, 1e-5),
    ],
    aten.addmm.default: [(FOUR, MATRIX, zeros(4, 4)), (zeros(1), MATRIX, zeros(4, 3)), (zeros(3), MATRIX, zeros(5, 3))],
    **{getattr(aten, name).Tensor: SUMS for name in ("add", "div", "mul", "sub")},
    aten.view.default: VIEWS,
    aten._unsafe_view.default: VIEWS,
    aten.mm.default: [(MATRIX, zeros(4, 3)), (MATRIX, zeros(4, 5).mT), (MATRIX.mT, MATRIX)],
    aten.bmm.default: [(zeros(2, 3, 4), zeros(2, 4, 5)), (zeros(2, 3, 4), zeros(3, 4, 5))],
    aten.cat.default: [
        *(([X, LAST], 1), ([X, X], -1), ([LAST, LAST], 1)),
        *(([X, zeros(2, 3, 6, 7)], 1), ([X, zeros(0)], 1)),
    ],
    aten.clone.default: [(X,), (LAST,), (TURNED,)],
    aten.t.default: [(MATRIX,), (FOUR,), (X,)],
    aten.transpose.int: [(X, 1, 2), (TURNED, -1, 0), (X, 1, 4)],
    aten.permute.default: [(X, [0, 2, 3, 1]), (X, [0, 1])],
    aten.unsqueeze.default: [(X, 1), (X, -1)],
    aten.expand.default: [(zeros(1, 4), [3, 4]), (zeros(1, 4), [2, 3, -1]), (X, [3, 4, 6, 8])],
    aten.repeat.default: [(FOUR, [3, 2]), (X, [2, 2])],
    aten._softmax.default: [(X, 1, False), (MATRIX, -1, False)],
    aten.constant_pad_nd.default: [(X, [1, 2, 0, -1]), (LAST, [1, 0]), (X, [-9, 0])],
    aten.replication_pad2d.default: [(X, [1, 2, 0, 3])],
    aten.replication_pad3d.default: [(CUBE, [1, 2, 0, 3, 1, 1])],
    aten.reflection_pad2d.default: [(X, [1, 2, 0, 3]), (X, [8, 0, 0, 0])],
    aten.max_pool2d_with_indices.default: [(X, [2, 3], [2, 1], [1, 0]), (LAST, [2, 2]), (X, [7, 7])],
    aten.max_pool3d_with_indices.default: [(CUBE, [2, 2, 2]), (CUBE, [5, 1, 1])],
    aten.avg_pool2d.default: [(X, [2, 3], [2, 1], [1, 0], True), (LAST, [2, 2]), (X, [7, 7])],
    aten.avg_pool3d.default: [(CUBE, [2, 2, 2]), (CUBE, [5, 1, 1])],
    aten._adaptive_avg_pool2d.default: [(X, [3, 5]), (LAST, [1, 1])],
    aten.convolution.default: [
        (X, zeros(5, 4, 3, 3), FIVE, *CONV),
        (LAST, zeros(5, 4, 3, 3), FIVE, *CONV),
        (TURNED, zeros(5, 4, 1, 1), None, *CONV),
        (X, zeros(4, 5, 3, 3), None, [2, 2], [1, 1], [1, 1], True, [1, 0], 1),
        (X, zeros(5, 3, 3, 3), FIVE, *CONV),
        (zeros(2, 4, 1, 1), zeros(5, 4, 7, 7), None, *CONV),
    ],
}
"""For each operation arguments that fit, and some that do not."""


@pytest.mark.parametrize("func", sorted({*SHAPES, *DIRECT}, key=str), ids=str)
def test_a_quick_rule_gives_the_shapes_strides_and_dtypes_of_pytorch(func):
    cases = CASES.get(func, [(X,), (LAST,), (TURNED,), (X.bfloat16(),)])  # an activation
    quick = 0
    for args in cases:
        with _one_backend():
            found, real = quickly(func, args), error_or_result(lambda args=args: func(*args))
        if found is not None:
            assert described(found) == described(real)
            quick += not isinstance(found, Exception)
    assert quick, "no case has a quick result"


def quickly(func, args):
    mode = _fake_mode()
    args = tree_map(lambda of: mode.from_tensor(of) if isinstance(of, torch.Tensor) else of, args)
    tensors = [of for of in tree_iter(args) if isinstance(of, torch.Tensor)]
    with mode, torch.no_grad():
        return error_or_result(lambda: quick_result(func, tensors, args, {}))


def error_or_result(call):
    try:
        return call()
    except Exception as error:
        return error


def described(of):
    """The kind of an error; otherwise the shapes, strides and dtypes. Of a normalisation, only the image counts."""
    if isinstance(of, Exception):
        return type(of)
    first = of[0] if isinstance(of, tuple) else of
    return tuple(first.shape), first.stride(), first.dtype
