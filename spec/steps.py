"""The steps of a network seen along one axis, as values (SPEC sections 2 and 5.4; DESIGN, idea 2).

Height and width never mix in these networks, so along one axis a network is a sequence of steps on a natural number.
Steps that change the size have a ``size`` function over the arithmetic of :mod:`.naturals`; the others look at sizes:
they remember one (:class:`Save`), compare with one (:class:`Join`, :class:`Keep`) or want a multiple of one
(:class:`SpaceToDepth`).
"""

from dataclasses import dataclass, fields

from .choices import nearest_choice
from .graph.arithmetic import transposed_size, window_size
from .naturals import natural, quotient
from .report import refuse
from .written import Written, kind_of, written_argument


class _Numbers(Written):
    """Steps take natural numbers, names, and choices from those that they list."""

    __slots__ = ()
    _choices: dict[str, tuple[str, ...]] = {}  # noqa: RUF012 never changed

    def __post_init__(self) -> None:
        for f in fields(self):  # type: ignore[arg-type]  # each step is a dataclass
            value = getattr(self, f.name)
            if f.type is int:
                object.__setattr__(self, f.name, natural(value, f.name))
            elif f.name in self._choices and value not in self._choices[f.name]:
                given = f"{type(self).__name__}({written_argument(f.name, value)})"
                says = f"{f.name} must be one of {', '.join(self._choices[f.name])}"
                fix = f"{f.name}={nearest_choice(value, self._choices[f.name])!r}"
                raise refuse(given, f.name, "no such choice", says, fix)
            elif not isinstance(value, str):
                given = f"{type(self).__name__}({written_argument(f.name, value)})"
                says = f"{f.name} is {kind_of(value)}, and must be a str"
                raise refuse(given, f.name, "not a name", says, f'{f.name}="skip"')


@dataclass(frozen=True, slots=True, repr=False)
class Window(_Numbers):
    """A sliding window: a convolution or a pooling, with padding ``before`` and ``after``.

    The size is ``floor((n + before + after - span) / stride) + 1`` with ``span = dilation·(kernel - 1) + 1``, and 0
    where no window fits. ``rounding="ceil"`` is the ceil mode of PyTorch's poolings: the last window may be partial,
    but begins in the image or the padding before it. ``rounding="same"`` is SAME padding: ``ceil(n / stride)``.

    >>> Window(2, 2).size(303), Window(2, 2, rounding="ceil").size(303), Window(7, 2, rounding="same").size(303)
    (151, 152, 152)
    """

    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1
    rounding: str = "floor"

    _choices = {"rounding": ("floor", "ceil", "same")}  # noqa: RUF012 never changed

    def size(self, n: int) -> int:
        """The size after this step: :func:`.graph.arithmetic.window_size`."""
        n = natural(n, "n")
        return window_size(n, self.kernel, self.stride, self.before, self.after, self.dilation, self.rounding)


@dataclass(frozen=True, slots=True, repr=False)
class Transposed(_Numbers):
    """A transposed convolution, in PyTorch's arithmetic.

    The size is ``((n - 1)·stride + span + output_padding) ∸ (before + after)`` for ``n ≥ 1``, with ``span`` as in
    :class:`Window`. What JAX calls VALID has the kernel ``max(kernel, stride)`` here (SPEC section 5.4).

    >>> Transposed(2, 2).size(151), Transposed(3, 2, 1, 1, output_padding=1).size(151)
    (302, 302)
    """

    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1
    output_padding: int = 0

    def size(self, n: int) -> int:
        """The size after this step: :func:`.graph.arithmetic.transposed_size`."""
        n = natural(n, "n")
        sides = self.before, self.after
        return transposed_size(n, self.kernel, self.stride, *sides, self.dilation, self.output_padding)


@dataclass(frozen=True, slots=True, repr=False)
class Resize(_Numbers):
    """Nearest or bilinear upsampling by an integer ``factor``.

    >>> Resize(2).size(151)
    302
    """

    factor: int

    def size(self, n: int) -> int:
        """The size after this step."""
        return natural(n, "n") * self.factor


@dataclass(frozen=True, slots=True, repr=False)
class SpaceToDepth(_Numbers):
    """Blocks of ``block`` positions become channels: the size must be a multiple of ``block``.

    >>> SpaceToDepth(4).size(304)
    76
    """

    block: int

    def size(self, n: int) -> int:
        """The size after this step."""
        return quotient(natural(n, "n"), self.block)


@dataclass(frozen=True, slots=True, repr=False)
class Save(_Numbers):
    """Remember the size, under a ``name``, for a skip."""

    name: str


@dataclass(frozen=True, slots=True, repr=False)
class Join(_Numbers):
    """Meet the skip that was saved under ``name``.

    ``how="exact"``: both must have the same size. ``"crop"``: the skip is cropped about its centre to the size at hand,
    and must be at least as large; where the difference is odd, one side loses one more. ``"even crop"``: the same, and
    the difference must be even. ``"pad"``: what is at hand is padded to the size of the skip, and must not be larger.
    ``"resize"``: what is at hand is brought to the size of the skip, whichever is larger: nothing is asked.
    """

    name: str
    how: str = "exact"

    _choices = {"how": ("exact", "crop", "even crop", "pad", "resize")}  # noqa: RUF012 never changed


@dataclass(frozen=True, slots=True, repr=False)
class Keep(_Numbers):
    """The step before must not have changed the size."""


Step = Window | Transposed | Resize | SpaceToDepth | Save | Join | Keep
