"""What becomes of one size in a network, and what to do about it: ``explain`` and ``plan``."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from .choices import nearest_choice
from .compatible import Network, compatible_sizes
from .config import UNet2Config, check_config
from .graph.solving import NOT_SOLVED
from .naturals import natural
from .network import axis_network
from .norms import fit_together, judge_norms, padded_together
from .report import Report, ShapeError, Verdict, refuse
from .size_set import SizeSet
from .unet import UNetConfig, check_unet_config
from .written import Written, written, written_number, written_value

UNSOLVED = "a size that is not known here: the network is too hard to solve"
"""The fix where :func:`solved` knows none."""


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Report):
    """A :class:`Report` of one size along one axis, with the ``sizes`` on the way; the last one is the output's.

    ``runs`` are all sizes that meet every demand, ``returns`` those of them that come out with the size they went in;
    both are ``None`` where the network is too hard to solve.
    """

    sizes: tuple[int, ...] = ()
    runs: SizeSet | None = None
    returns: SizeSet | None = None

    def __repr__(self) -> str:
        return written(self)

    def __str__(self) -> str:
        text = Report.__str__(self)
        if not self.ok:
            return text
        # A size that runs may still come out as another one, and then there is something to say about that.
        text = f"{text} The output has size {written_number(self.sizes[-1])}."
        return "\n".join([text, *(f"  fix: {fix}" for fix in self.fixes)])


def explain(network: Network, n: int) -> Explanation:
    """Run the size ``n`` through ``network``: every demand judged, and the nearest sizes that work where one fails.

    Where a size on the way is 0, the demands after it are left out.

    Raises :class:`ShapeError` where ``n`` is not natural or the network none.

    >>> from wellshaped.spec import AxisNetwork, Join, Save, Transposed, Window
    >>> print(explain(AxisNetwork((Save("skip"), Window(2, 2), Transposed(2, 2), Join("skip"))), 303))
    size 303 does not fit.
      join_skip: 303 → 151 → 302 does not survive: the skip "skip" is 303, and must be 302.
      fix: size 302 (crop 1) or 304 (pad 1); all sizes that fit: n ≡ 0 (mod 2), n ≥ 2
    """
    n = natural(n, "n")
    runs = solved(network)
    program = axis_network(network)
    returns = runs if program.returns_its_size else solved(replace(program, returns_its_size=True))
    run = program.run(n)
    # Where a size is 0 nothing is left to run: what the steps after it want is no news.
    emptied = next((i for i, d in enumerate(run.demands) if d.rule.startswith("positive") and not d.holds), None)
    demands = run.demands if emptied is None else run.demands[: emptied + 1]
    sizes = run.sizes[: run.sizes.index(0) + 1] if 0 in run.sizes else run.sizes
    way = " → ".join(written_number(size) for size, _ in groupby(sizes))
    conditions = tuple(Verdict(d.rule, d.holds, str(d), f"{way} does not survive") for d in demands)
    fixes = []
    if runs is None or returns is None:
        fixes += [] if run.ok else [UNSOLVED]
        return Explanation(f"size {written_number(n)}", conditions, tuple(fixes), sizes=run.sizes)
    if not run.ok:
        fixes.append(_nearest(runs, n, "all sizes that fit"))
    if returns != runs and n not in returns:
        fixes.append(f"for an output of the input's size: {_nearest(returns, n, 'all such sizes')}")
    return Explanation(
        f"size {written_number(n)}", conditions, tuple(fixes), sizes=run.sizes, runs=runs, returns=returns
    )


def solved(network: Network) -> SizeSet | None:
    """The compatible sizes; ``None`` where the network is too hard to solve."""
    try:
        return compatible_sizes(network)
    except ShapeError as error:
        if error.report.failures[0].name != NOT_SOLVED:
            raise
        return None


def near(fit: SizeSet, n: int) -> list[int]:
    """The members of ``fit`` next to ``n``, at most one below and one above; ``n`` alone where it is one.

    >>> from wellshaped.spec import AxisNetwork, Transposed, Window
    >>> near(compatible_sizes(AxisNetwork((Window(2, 2), Transposed(2, 2)), returns_its_size=True)), 303)
    [302, 304]
    """
    return [m for m in dict.fromkeys((fit.below(n), fit.above(n))) if m is not None]


def resized(n: int, sizes: Iterable[int]) -> str:
    """How ``n`` comes to one of the ``sizes``, in words.

    >>> resized(303, [302, 304])
    '302 (crop 1) or 304 (pad 1)'
    """
    ways = ((m, "crop" if m < n else "pad") for m in sizes)
    return " or ".join(f"{written_number(m)} ({way} {written_number(abs(n - m))})" for m, way in ways)


def _nearest(fit: SizeSet, n: int, them: str) -> str:
    return f"size {resized(n, near(fit, n))}; {them}: {fit}" if fit else "no size will do"


@dataclass(frozen=True, slots=True, repr=False)
class Plan(Written):
    """What to do with an image so that it fits: nothing, pad it at the bottom and right, or crop it there.

    ``given`` and ``fitting`` are (height, width) before and after.
    """

    policy: str
    given: tuple[int, int]
    fitting: tuple[int, int]

    @property
    def pads(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """How many rows and columns to add, as ``jnp.pad`` takes them: (top, bottom), (left, right)."""
        (height, width), (above, wider) = self.given, self.fitting
        return (0, max(above - height, 0)), (0, max(wider - width, 0))

    @property
    def slices(self) -> tuple[slice, slice]:
        """The rows and columns of the padded or given image that the plan keeps; of a result, those of the image."""
        return slice(0, min(self.given[0], self.fitting[0])), slice(0, min(self.given[1], self.fitting[1]))

    def __str__(self) -> str:
        """The expression that does it to an ``(C, H, W)`` array ``x``."""
        if self.given == self.fitting:
            return "x"
        if self.policy == "crop":
            return f"x[:, :{written_number(self.fitting[0])}, :{written_number(self.fitting[1])}]"
        return f"jnp.pad(x, {written_value(((0, 0), *self.pads))})"


def plan(network: Network | tuple[Network, Network], height: int, width: int, policy: str = "error") -> Plan:
    """What to pad or crop so that an image of this height and width fits; never done silently.

    ``network`` may be a pair, one for each axis. ``policy`` is ``"error"``, ``"pad"`` to the nearest sizes above or
    ``"crop"`` to the nearest below.

    The nearest sizes are found axis by axis. Where they leave a group or instance norm of one network a single number
    (:mod:`wellshaped.spec.norms`), ``"pad"`` pads one axis further; no crop could help. Raises :class:`ShapeError`
    where no network can be built from the config, and with what :func:`explain` says, axis by axis, where the policy is
    ``"error"`` and a size does not fit, or where none above or below does.

    >>> from wellshaped.spec import UNet2Config
    >>> p = plan(UNet2Config(), 303, 384, policy="pad")
    >>> p.fitting, str(p)
    ((304, 384), 'jnp.pad(x, ((0, 0), (0, 1), (0, 0)))')
    """
    if policy not in ("error", "pad", "crop"):
        says = f"policy={policy!r} must be one of error, pad, crop"
        fix = f'policy="{nearest_choice(policy, ("error", "pad", "crop"))}"'
        raise refuse("the plan", "policy", "no such policy", says, fix)
    networks = network if isinstance(network, tuple) else (network, network)
    if len(networks) != 2:
        says = f"there are {len(networks)}, and must be one for the height and one for the width"
        raise refuse("the plan", "network", "not a pair of networks", says, "(network_of_height, network_of_width)")
    given = natural(height, "height"), natural(width, "width")
    fitting: list[int] = []
    verdicts: list[Verdict] = []
    fixes: list[str] = []
    for axis, of, n in zip(("height", "width"), networks, given, strict=True):
        fit = compatible_sizes(of)
        near = {"error": n if n in fit else None, "pad": fit.above(n), "crop": fit.below(n)}[policy]
        if near is not None:
            fitting.append(near)
            continue
        found = explain(of, n)
        verdicts += [replace(verdict, about=f"{axis} {verdict.about}") for verdict in found.conditions]
        fixes += [f"{axis}: {fix}" for fix in found.fixes]
    subject = f"an image of height {written_number(given[0])} and width {written_number(given[1])}"
    Report(subject, tuple(verdicts), tuple(fixes)).raise_if_failed()
    for cfg in networks:
        if isinstance(cfg, UNet2Config):
            check_config(cfg).raise_if_failed()
        elif isinstance(cfg, UNetConfig):
            check_unet_config(cfg).raise_if_failed()
    cfg, (high, wide) = networks[0], fitting
    if networks[0] == networks[1] and not fit_together(cfg, high, wide):
        padded = padded_together(cfg, compatible_sizes(cfg), high, wide)
        if policy == "pad" and padded is not None:
            return Plan(policy, given, padded)
        single = judge_norms(cfg, high, wide)  # type: ignore[arg-type]  # a UNetConfig, or they would fit together
        fix = (
            "norm='none' in the config"
            if padded is None
            else f'policy="pad", for {written_number(padded[0])}×{written_number(padded[1])}'
        )
        Report(f"{subject}, as {high}×{wide},", single, (fix,)).raise_if_failed()
    return Plan(policy, given, (high, wide))
