"""The theorems about sizes, as a list (SPEC sections 2 to 5).

Each claim calls the functions that ship. So a prover sees their own formulas, not a transcription.
"""

from collections.abc import Callable
from dataclasses import replace
from inspect import Parameter, Signature
from typing import Any

from ..spec.arithmetic.naturals import monus, quotient
from ..spec.arithmetic.sizes import conv_transpose_size, sliding_window_size
from ..spec.families import encoder_decoder
from ..spec.network import Network, Resize, TransposedWindow, Window, run
from ..spec.unet2.config import FIELDS, WELL_FORMED, UNet2Config
from ..spec.unet2.graph import unchecked_graph
from ..spec.unet2.layers import LAYERS, channels
from ..spec.unet2.obligations import OBLIGATIONS, h_convH, h_downH, h_outH, h_upH
from .first_edition import conv_transpose_size_1, obligations_1, sliding_window_size_1
from .terms import conjunction, iff, term
from .theorem import Theorem, adding_to

Claim = tuple[tuple[Any, ...], Any]

_AXIS = [obligation for obligation in OBLIGATIONS if obligation.axis == "height"]
_FIELDS: dict[str, int] = {name: getattr(UNet2Config(), name) for name in FIELDS}
_WITNESS = {"n": 2, **_FIELDS}
_CHANNELS = {"in_channels": 1, "out_channels": 1}


def _known(number: int, n: Any) -> Any:
    """Return ``number`` as a term if ``n`` is a symbol: Python would work out a plain number and leave no formula."""
    return number if isinstance(n, int) else term(number)


def _default(n: Any) -> UNet2Config:
    return UNet2Config(**{name: _known(number, n) for name, number in _FIELDS.items()})


def _fits(network: Network, n: Any) -> Any:
    """The statement that ``n`` meets every requirement of the network."""
    return conjunction(*(requirement.holds for requirement in run(network, n).requirements))


def _halve_and_double(n: Any) -> tuple[Window, TransposedWindow]:
    two = _known(2, n)
    return Window(two, two), TransposedWindow(two, two)


def _of_configs(claim: Callable[..., Claim], *others: str) -> Callable[..., Claim]:
    """Turn a claim about a config and a size into one about ``n``, the twelve numbers of a config, and ``others``."""

    def spread(n: Any, **numbers: Any) -> Claim:
        cfg = UNet2Config(**{name: numbers.pop(name) for name in _FIELDS})
        return claim(cfg, n, **numbers)

    names = [Parameter(name, Parameter.KEYWORD_ONLY) for name in ("n", *_FIELDS, *others)]
    spread.__signature__ = Signature(names)  # type: ignore[attr-defined]  # a function has it once it is set
    return spread


def _obligations(cfg: UNet2Config, n: Any) -> tuple[Any, ...]:
    return tuple(obligation.holds(cfg, n) for obligation in _AXIS)


def _nonzero(cfg: UNet2Config) -> Any:
    return conjunction(*(c.holds(cfg) for c in WELL_FORMED if c.field != "base_channels"))


def _accepted(cfg: UNet2Config, n: Any) -> Any:
    """The statement that a tensor library accepts every operation: windows fit, strides are positive, no size is 0."""
    down = h_downH(cfg, n)
    return conjunction(
        _nonzero(cfg),
        n >= cfg.pool_kernel,
        n + 2 * cfg.conv_padding >= cfg.conv_kernel,
        down + 2 * cfg.conv_padding >= cfg.conv_kernel,
        down >= 1,
        monus(down, 1) * cfg.up_stride + cfg.up_kernel >= 2 * cfg.up_padding + 1,
        n + 2 * cfg.head_padding >= cfg.head_kernel,
    )


def _soundness_from(obligations: Callable[[UNet2Config, Any], tuple[Any, ...]]) -> Callable[..., Claim]:
    def claim(cfg: UNet2Config, n: Any, in_channels: Any, out_channels: Any) -> Claim:
        counts = (channels(c, cfg, in_channels, out_channels) for c in _CHANNEL_COUNTS)
        positive = (n >= 1, cfg.base_channels >= 1, in_channels >= 1, out_channels >= 1)
        return (*positive, *obligations(cfg, n)), conjunction(_accepted(cfg, n), *(count >= 1 for count in counts))

    return _of_configs(claim, *_CHANNELS)


_CHANNEL_COUNTS = dict.fromkeys(count for layer in LAYERS for count in (layer.in_channels, layer.out_channels))


def _round_trip(n: Any, k: Any, s: Any) -> Any:
    down = sliding_window_size(n, kernel=k, stride=s)
    return conv_transpose_size(down, kernel=k, stride=s)


def _divides(s: Any, n: Any) -> Any:
    return quotient(n, s) * s == n


def _levels(levels: int) -> Callable[[Any], Claim]:
    def claim(n: Any) -> Claim:
        down, up = _halve_and_double(n)
        fits = _fits(encoder_decoder((down,) * levels, up), n)
        return (), iff(fits, conjunction(n >= 1, _divides(2**levels, n)))

    return claim


_theorems: list[Theorem] = []
_theorem = adding_to(_theorems)


_theorem(
    "soundness",
    "With at least one channel, if n ≥ 1 meets the obligations, every operation is accepted: all windows fit.",
    "SPEC 5.1",
    _WITNESS | _CHANNELS,
)(_soundness_from(_obligations))


@_theorem(
    "exactness",
    "The obligations hold iff every intermediate image has the size that the specification gives it.",
    "SPEC 5.2",
    _WITNESS,
)
@_of_configs
def _exactness(cfg: UNet2Config, n: Any) -> Claim:
    s1 = h_convH(cfg, n)
    skip1 = h_convH(cfg, s1)
    pooled = h_downH(cfg, skip1)
    b1 = h_convH(cfg, pooled)
    bottleneck = h_convH(cfg, b1)
    up = conv_transpose_size(bottleneck, kernel=cfg.up_kernel, stride=cfg.up_stride, padding=cfg.up_padding)
    u1 = h_convH(cfg, skip1)
    u2 = h_convH(cfg, u1)
    full, half = (s1, skip1, up, u1, u2, h_outH(cfg, u2)), (pooled, b1, bottleneck)
    down = h_downH(cfg, n)
    as_specified = conjunction(*(size == n for size in full), *(size == down for size in half))
    return (n >= 1,), iff(conjunction(*_obligations(cfg, n)), as_specified)


@_theorem(
    "graph_obligations",
    "The graph of a UNet2Config meets all its requirements along an axis iff n ≥ 1 and the obligations hold.",
    "SPEC 4 and 8",
    _WITNESS,
)
@_of_configs
def _graph_obligations(cfg: UNet2Config, n: Any) -> Claim:
    # One channel: building a graph checks the number of channels, and a symbol can't be checked.
    graph = unchecked_graph(replace(cfg, base_channels=1), 1, 1)
    return (), iff(_fits(graph, n), conjunction(n >= 1, *_obligations(cfg, n)))


@_theorem(
    "nonzero_facts",
    "The obligations of a size n ≥ 1 imply that eight numbers of the config are not 0.",
    "SPEC 3",
    _WITNESS,
)
@_of_configs
def _nonzero_conditions(cfg: UNet2Config, n: Any) -> Claim:
    return (n >= 1, *_obligations(cfg, n)), _nonzero(cfg)


@_theorem(
    "default_obligations",
    "For the default config the obligations of n ≥ 1 hold exactly when n is even.",
    "SPEC 4",
    {"n": 2},
)
def _default_obligations(n: Any) -> Claim:
    even = quotient(n, 2) * 2 == n
    return (n >= 1,), iff(conjunction(*_obligations(_default(n), n)), even)


@_theorem(
    "odd_loses_one",
    "By default an odd size n ≥ 3 comes back one smaller.",
    "SPEC 4",
    {"m": 1},
)
def _odd_loses_one(m: Any) -> Claim:
    return (m >= 1,), h_upH(_default(m), 2 * m + 1) == 2 * m


@_theorem(
    "round_trip",
    "Pooling and then upsampling with the same kernel k and stride s gives back n iff k ≤ n and s divides n - k.",
    "SPEC 5.4",
    {"n": 2, "k": 2, "s": 2},
)
def _round_trip_iff(n: Any, k: Any, s: Any) -> Claim:
    return (n >= 1, k >= 1, s >= 1), iff(_round_trip(n, k, s) == n, conjunction(n >= k, _divides(s, monus(n, k))))


@_theorem(
    "round_trip_loss",
    "If k ≤ n, pooling and then upsampling loses (n - k) mod s.",
    "SPEC 5.4",
    {"n": 3, "k": 2, "s": 2},
)
def _round_trip_loss(n: Any, k: Any, s: Any) -> Claim:
    rest = monus(n, k)
    return (k >= 1, s >= 1, n >= k), _round_trip(n, k, s) + monus(rest, quotient(rest, s) * s) == n


@_theorem(
    "round_trip_twice",
    "Pooling and upsampling twice gives the same size as once.",
    "SPEC 5.4, a consequence",
    {"n": 3, "k": 2, "s": 2},
)
def _round_trip_twice(n: Any, k: Any, s: Any) -> Claim:
    once = _round_trip(n, k, s)
    return (k >= 1, s >= 1), _round_trip(once, k, s) == once


@_theorem(
    "conv_keeps",
    "With stride 1 and padding p, a convolution keeps a size n ≥ 1 iff its kernel is 2p + 1.",
    "SPEC 5.4",
    {"n": 1, "k": 3, "p": 1},
)
def _conv_keeps(n: Any, k: Any, p: Any) -> Claim:
    return (n >= 1, k >= 1), iff(sliding_window_size(n, kernel=k, padding=p) == n, k == 2 * p + 1)


@_theorem(
    "sliding_monotone",
    "A sliding window is monotone: if m ≥ n, its result for m is at least its result for n.",
    "SPEC 5.4",
    {"n": 1, "m": 2, "k": 2, "s": 2, "p": 0},
)
def _sliding_monotone(n: Any, m: Any, k: Any, s: Any, p: Any) -> Claim:
    sizes = [sliding_window_size(size, kernel=k, stride=s, padding=p) for size in (n, m)]
    return (m >= n,), sizes[1] >= sizes[0]


@_theorem(
    "transposed_monotone",
    "A transposed convolution is monotone: if m ≥ n, its result for m is at least its result for n.",
    "SPEC 5.4",
    {"n": 1, "m": 2, "k": 2, "s": 2, "p": 0},
)
def _transposed_monotone(n: Any, m: Any, k: Any, s: Any, p: Any) -> Claim:
    sizes = [conv_transpose_size(size, kernel=k, stride=s, padding=p) for size in (n, m)]
    return (m >= n,), sizes[1] >= sizes[0]


@_theorem(
    "quasi_linear",
    "If the window fits, an image larger by one stride gives a result larger by 1.",
    "SPEC 5.3",
    {"n": 2, "k": 2, "s": 2, "p": 0},
)
def _quasi_linear(n: Any, k: Any, s: Any, p: Any) -> Claim:
    sizes = [sliding_window_size(size, kernel=k, stride=s, padding=p) for size in (n, n + s)]
    return (k >= 1, s >= 1, n + 2 * p >= k), sizes[1] == sizes[0] + 1


@_theorem(
    "composition",
    "Two unpadded windows in a row have the size of one window of kernel (k2 - 1)·s1 + k1 and stride s1·s2.",
    "SPEC 2, a consequence",
    {"n": 4, "k1": 2, "s1": 2, "k2": 2, "s2": 2},
)
def _composition(n: Any, k1: Any, s1: Any, k2: Any, s2: Any) -> Claim:
    twice = sliding_window_size(sliding_window_size(n, kernel=k1, stride=s1), kernel=k2, stride=s2)
    once = sliding_window_size(n, kernel=monus(k2, 1) * s1 + k1, stride=s1 * s2)
    return (k1 >= 1, s1 >= 1, k2 >= 1, s2 >= 1), twice == once


@_theorem(
    "same_is_ceil",
    "A SAME convolution gives ceil(n / s): the only size m with (m - 1)·s < n ≤ m·s.",
    "SPEC 5.4",
    {"n": 3, "k": 3, "s": 2},
)
def _same(n: Any, k: Any, s: Any) -> Claim:
    size = Window(k, s, rounding="same").size([n], 0)
    return (n >= 1, k >= 1, s >= 1), conjunction(size * s >= n, n + s >= size * s + 1)


@_theorem(
    "jax_valid_transposed",
    "JAX's VALID transposed convolution, of size n·s + max(k - s, 0), has PyTorch's size iff k ≥ s.",
    "SPEC 5.4",
    {"n": 1, "k": 2, "s": 2},
)
def _jax_valid(n: Any, k: Any, s: Any) -> Claim:
    jax = n * s + monus(k, s)
    return (n >= 1, k >= 1, s >= 1), iff(jax == conv_transpose_size(n, kernel=k, stride=s), k >= s)


@_theorem(
    "window_is_sliding",
    "A Window of a graph, with equal paddings, has the size that sliding_window_size gives.",
    "SPEC 2 and 8",
    {"n": 1, "k": 1, "s": 1, "p": 0},
)
def _window_is_sliding(n: Any, k: Any, s: Any, p: Any) -> Claim:
    return (), Window(k, s, padding=p).size([n], 0) == sliding_window_size(n, kernel=k, stride=s, padding=p)


@_theorem(
    "transposed_window_is_transposed",
    "A TransposedWindow of a graph, with equal paddings, has the size that conv_transpose_size gives.",
    "SPEC 2 and 8",
    {"n": 1, "k": 1, "s": 1, "p": 0},
)
def _transposed_window_is_transposed(n: Any, k: Any, s: Any, p: Any) -> Claim:
    size = TransposedWindow(k, s, padding=p).size([n], 0)
    return (), size == conv_transpose_size(n, kernel=k, stride=s, padding=p)


@_theorem(
    "resize_is_transposed",
    "Resizing by f has the size of a transposed convolution of kernel and stride f.",
    "SPEC 8",
    {"n": 1, "f": 2},
)
def _resize_is_transposed(n: Any, f: Any) -> Claim:
    return (n >= 1, f >= 1), Resize(f).size([n], 0) == TransposedWindow(f, f).size([n], 0)


@_theorem(
    "ceil_mode",
    "Pooling by 2 in ceil mode has the size of a padded 3×3 window of stride 2.",
    "SPEC 8",
    {"n": 1},
)
def _ceil_mode(n: Any) -> Claim:
    return (n >= 1,), Window(2, 2, rounding="ceil").size([n], 0) == Window(3, 2, padding=1).size([n], 0)


for _L in range(1, 7):
    _theorem(
        f"levels_{_L}",
        f"Poolings by 2 on {_L} level{'s' * (_L > 1)} and their upsamplings agree iff n ≥ 1 and {2**_L} divides n.",
        "SPEC 5.4",
        {"n": 0},
    )(_levels(_L))


@_theorem(
    "one_more_level",
    "One more level around L levels, with q = 2^L: n fits, with n/2 = q·t, iff n = 2q·t.",
    "SPEC 5.4, the step of an induction on L",
    {"n": 2, "q": 1, "t": 1},
)
def _one_more_level(n: Any, q: Any, t: Any) -> Claim:
    down, up = _halve_and_double(n)
    fits = _fits(encoder_decoder((down,), up), n)
    return (n >= 1,), iff(conjunction(fits, down.size([n], 0) == q * t), n == 2 * (q * t))


@_theorem(
    "sliding_editions_agree",
    "If the window fits, the first edition's sliding formula agrees with ours.",
    "SPEC 2",
    {"n": 1, "k": 1, "s": 1, "p": 0},
)
def _sliding_editions_agree(n: Any, k: Any, s: Any, p: Any) -> Claim:
    ours = sliding_window_size(n, kernel=k, stride=s, padding=p)
    return (k >= 1, s >= 1, n + 2 * p >= k), ours == sliding_window_size_1(n, kernel=k, stride=s, padding=p)


@_theorem(
    "transposed_editions_agree",
    "If (n - 1)·s ≥ 2p, the first edition's transposed formula agrees with ours.",
    "SPEC 2",
    {"n": 1, "k": 1, "s": 1, "p": 0},
)
def _transposed_editions_agree(n: Any, k: Any, s: Any, p: Any) -> Claim:
    ours = conv_transpose_size(n, kernel=k, stride=s, padding=p)
    early = monus(n, 1) * s >= 2 * p
    return (n >= 1, k >= 1, s >= 1, early), ours == conv_transpose_size_1(n, kernel=k, stride=s, padding=p)


@_theorem(
    "sliding_editions_agree_everywhere",
    "The first edition's sliding formula agrees with ours for every positive size, kernel and stride.",
    "SPEC 2, the audit",
    {"n": 1, "k": 1, "s": 1, "p": 0},
    counterexample={"n": 1, "k": 2, "s": 1, "p": 0},
)
def _sliding_editions_agree_everywhere(n: Any, k: Any, s: Any, p: Any) -> Claim:
    ours = sliding_window_size(n, kernel=k, stride=s, padding=p)
    return (n >= 1, k >= 1, s >= 1), ours == sliding_window_size_1(n, kernel=k, stride=s, padding=p)


@_theorem(
    "transposed_editions_agree_everywhere",
    "The first edition's transposed formula agrees with ours for every positive size, kernel and stride.",
    "SPEC 2, the audit",
    {"n": 1, "k": 1, "s": 1, "p": 0},
    counterexample={"n": 1, "k": 1, "s": 1, "p": 1},
)
def _transposed_editions_agree_everywhere(n: Any, k: Any, s: Any, p: Any) -> Claim:
    ours = conv_transpose_size(n, kernel=k, stride=s, padding=p)
    return (n >= 1, k >= 1, s >= 1), ours == conv_transpose_size_1(n, kernel=k, stride=s, padding=p)


@_theorem(
    "nonzero_facts_of_the_first_edition",
    "The first edition's obligations of a size n ≥ 1 imply that the same eight numbers are not 0.",
    "SPEC 3, the audit",
    _WITNESS,
    counterexample={"n": 1, **dict.fromkeys(_FIELDS, 0), "up_kernel": 1},
)
@_of_configs
def _nonzero_conditions_of_the_first_edition(cfg: UNet2Config, n: Any) -> Claim:
    return (n >= 1, *obligations_1(cfg, n)), _nonzero(cfg)


_theorem(
    "soundness_of_the_first_edition",
    "The first edition's obligations of a size n ≥ 1 imply that every operation is accepted.",
    "SPEC 5.1, the audit",
    _WITNESS | _CHANNELS,
    counterexample={"n": 1, **dict.fromkeys(_FIELDS, 0), "up_kernel": 1, "base_channels": 1, **_CHANNELS},
)(_soundness_from(obligations_1))


SIZE_THEOREMS: tuple[Theorem, ...] = tuple(_theorems)
"""All of them, those with a counterexample last."""
