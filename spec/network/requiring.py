"""An operation that returns its input and requires something of its size (SPEC section 8)."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, fields
from math import prod

from ..messages.report import ConfigError
from .fields import PerAxis, on_axis
from .operation import Operation
from .requirement import AT_LEAST, EQUAL, MULTIPLE, Need, within


@dataclass(frozen=True, slots=True, repr=False)
class Require(Operation):
    """Return the first input, and require something of its size: one or more of

    - ``equal``: it equals the size of the second input, as for a convolution that must keep the size;
    - ``within``: it differs from the size of the second input by at most this number;
    - ``at_least``: it is at least this number;
    - ``multiple``: it is a multiple of this number;
    - ``positions``: there are at least this many positions, over all axes together.

    Raises :class:`ConfigError` if nothing is required, and as :class:`Operation` does.

    >>> [need.rule for need in Require(equal=True, at_least=4).needs([303, 302], 0)]
    ['equal', 'at_least']
    """

    _: KW_ONLY
    equal: bool = False
    within: PerAxis | None = None
    at_least: PerAxis | None = None
    multiple: PerAxis | None = None
    positions: int | None = None

    only_checks = True

    def __post_init__(self) -> None:
        Operation.__post_init__(self)
        if not self.equal and all(getattr(self, f.name) is None for f in fields(self)[1:]):
            raise ConfigError.of("Require()", "requires", "", "it must require something", "Require(at_least=2)")

    @property
    def input_count(self) -> tuple[int, int | None]:  # type: ignore[override]  # it depends on the fields
        """Two if a size is compared with that of another node, otherwise one."""
        count = 2 if self.equal or self.within is not None else 1
        return count, count

    def needs(self, sizes: Sequence[int], axis: int) -> tuple[Need, ...]:
        """A need for each field, in their order."""
        n = sizes[0]
        needs = []
        if self.equal:
            needs.append(Need("equal", n, EQUAL, sizes[1], 0, 1))
        if self.within is not None:
            needs.append(Need("within", n, within(on_axis(self.within, axis)), sizes[1], 0, 1))
        if self.at_least is not None:
            needs.append(Need("at_least", n, AT_LEAST, on_axis(self.at_least, axis)))
        if self.multiple is not None:
            needs.append(Need("multiple", n, MULTIPLE, on_axis(self.multiple, axis)))
        return tuple(needs)

    def needs_together(self, sizes: Sequence[Sequence[int]], channels: Sequence[int]) -> tuple[Need, ...]:
        """The least number of positions over all axes."""
        if self.positions is None:
            return ()
        return (Need("positions", prod(sizes[0]), AT_LEAST, self.positions, "the number of positions"),)
