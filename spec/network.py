"""A network along one axis: a small program of steps, and what it demands of a size (DESIGN, idea 2)."""

from dataclasses import dataclass
from functools import lru_cache, singledispatch
from typing import Any

from .config import UNet2Config
from .graph.requirement import AT_LEAST, EQUAL, EVEN, MULTIPLE, Relation
from .naturals import natural
from .report import refuse
from .steps import Join, Keep, Save, SpaceToDepth, Step, Transposed, Window
from .written import Written, clipped, kind_of, written_number, written_value


@dataclass(frozen=True, slots=True, repr=False)
class Demand(Written):
    """What one step wants of two sizes, under the name ``rule``; ``of`` says what the size on the ``left`` is."""

    rule: str
    of: str
    left: int
    relation: Relation
    right: int

    @property
    def holds(self) -> bool:
        """Whether the two sizes stand so."""
        return self.relation.holds(self.left, self.right)

    def __str__(self) -> str:
        return f"{self.of} is {written_number(self.left)}, and {self.relation.says} {written_number(self.right)}"


@dataclass(frozen=True, slots=True, repr=False)
class Run(Written):
    """What a network does with one size: the size after each step, the first one being the input's, and the demands."""

    sizes: tuple[int, ...]
    demands: tuple[Demand, ...]

    @property
    def ok(self) -> bool:
        """Whether every demand is met."""
        return all(demand.holds for demand in self.demands)


@dataclass(frozen=True, slots=True)
class AxisNetwork:
    """The ``steps`` of a network along one axis; ``returns_its_size`` demands that the output has the input's size.

    Every size on the way must be at least 1. Raises :class:`ShapeError` for steps that are none, for a join or keep
    with nothing before it to look at, and for two saves of one name.

    >>> halve = AxisNetwork((Save("skip"), Window(2, 2), Transposed(2, 2), Join("skip")))
    >>> halve.run(303).sizes, [str(demand) for demand in halve.run(303).demands if not demand.holds]
    ((303, 303, 151, 302, 302), ['the skip "skip" is 303, and must be 302'])
    """

    steps: tuple[Step, ...]
    returns_its_size: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.steps))
        saved: set[str] = set()
        for i, step in enumerate(self.steps):
            fault = ""
            if not isinstance(step, Step):
                fault = "is not a step"
            elif isinstance(step, Save) and step.name in saved:
                fault = "saves a name for the second time"
            elif isinstance(step, Join) and step.name not in saved:
                fault = f"joins what is not saved before; saved are {clipped(str(sorted(saved)), 200)}"
            elif isinstance(step, Keep) and (i == 0 or not hasattr(self.steps[i - 1], "size")):
                fault = "does not follow a step that has a size"
            if fault:
                says = f"step {i}, {clipped(written_value(step), 200)}, {fault}"
                raise refuse("the network", "steps", "no program", says, "see AxisNetwork")
            if isinstance(step, Save):
                saved.add(step.name)

    def run(self, n: int) -> Run:
        """What becomes of the size ``n``. A demand that fails stops nothing: all are reported."""
        n = natural(n, "n")
        sizes = [n]
        saved: dict[str, int] = {}
        demands = [Demand("positive", "the input", n, AT_LEAST, 1)]
        for i, step in enumerate(self.steps):
            now = sizes[-1]
            if isinstance(step, Save):
                saved[step.name] = now
            elif isinstance(step, Join):
                now = _join(step, saved[step.name], now, demands)
            elif isinstance(step, Keep):
                demands.append(Demand(f"keep_{i}", _size_after(self.steps[i - 1]), now, EQUAL, sizes[-2]))
            else:
                if isinstance(step, SpaceToDepth):
                    demands.append(Demand(f"multiple_{i}", f"the size before {step}", now, MULTIPLE, step.block))
                now = step.size(now)
                demands.append(Demand(f"positive_{i}", _size_after(step), now, AT_LEAST, 1))
            sizes.append(now)
        if self.returns_its_size:
            demands.append(Demand("returns_its_size", "the output", sizes[-1], EQUAL, n))
        return Run(tuple(sizes), tuple(demands))


@lru_cache(maxsize=1024)
def _size_after(step: Step) -> str:
    """What a demand is about, kept because solving runs a network thousands of times."""
    return f"the size after {step}"


def _join(step: Join, skip: int, now: int, demands: list[Demand]) -> int:
    """Add what the join demands; the size after it."""
    rule, of = f"join_{step.name}", f'the skip "{step.name}"'
    if step.how == "resize":
        return skip
    if step.how == "exact":
        demands.append(Demand(rule, of, skip, EQUAL, now))
    else:
        demands.append(Demand(rule, of, skip, AT_LEAST, now))
    if step.how == "even crop":
        demands.append(Demand(f"{rule}_even", of, skip, EVEN, now))
    return skip if step.how == "pad" else now


@singledispatch
def axis_network(network: Any) -> AxisNetwork:
    """The network of a config along one axis; an :class:`AxisNetwork` is its own.

    The steps of a :class:`UNet2Config` demand what the obligations of SPEC section 4 demand.
    Raises :class:`ShapeError` for what is no network, and for a :class:`UNetConfig` that is not well-formed.

    >>> axis_network(UNet2Config()).run(304).sizes
    (304, 304, 304, 304, 152, 152, 152, 304, 304, 304, 304, 304, 304)
    """
    says = f"it is {kind_of(network)}, and must be a UNet2Config, a UNetConfig or an AxisNetwork"
    raise refuse("the network", "network", "nothing to solve", says, "UNet2Config(...)")


@axis_network.register
def _(network: AxisNetwork) -> AxisNetwork:
    return network


@axis_network.register
def _(cfg: UNet2Config) -> AxisNetwork:
    block = Window(cfg.conv_kernel, cfg.conv_stride, cfg.conv_padding, cfg.conv_padding)
    return AxisNetwork(
        (
            *(block, Keep(), Save("skip1")),
            *(Window(cfg.pool_kernel, cfg.pool_stride), block, Keep()),
            *(Transposed(cfg.up_kernel, cfg.up_stride, cfg.up_padding, cfg.up_padding), Join("skip1")),
            *(block, Keep()),
            *(Window(cfg.head_kernel, cfg.head_stride, cfg.head_padding, cfg.head_padding), Keep()),
        ),
        returns_its_size=True,
    )
