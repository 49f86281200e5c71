"""What a normalisation asks of height and width together: statistics of more than one number (SPEC section 8).

The mean of a single number is that number, and its variance is 0: the normalisation leaves only its bias, whatever the
image, and the gradient of everything before it is 0. An instance norm takes its statistics over the positions of one
channel, a group norm over the positions of all channels in a group: with a single number nothing that they compute is
meant, and the image does not fit. A batch norm takes them over the images of a batch too, and in evaluation over none:
there it is a warning.

The rule is over both axes, so that the sizes of one axis (:func:`compatible_sizes`) do not know of it.
"""

from collections.abc import Callable, Iterator

from .naturals import natural
from .network import axis_network
from .report import Verdict
from .size_set import SizeSet
from .unet import Node, UNetConfig, program

_SAYS = {  # of the nodes with a single number
    "batch": "1×1 positions; evaluation and a batch of images are fine",
    "group": "1×1 positions and 1 channel a group",
    "instance": "1×1 positions",
}


def judge_norms(cfg: UNetConfig, height: int, width: int) -> tuple[Verdict, ...]:
    """Whether every normalisation of ``cfg`` has more than one number to take statistics of: one verdict, or none.

    It has none where ``cfg`` has no normalisation, or where a size on the way is 0.

    >>> judge_norms(UNetConfig(levels=3, norm="instance"), 8, 8)[0].says
    'bottom.0, bottom: 1×1 positions'
    """
    found = list(_counts(cfg, height, width))
    if not found or any(0 in (rows, columns) for _, rows, columns in found):
        return ()
    dead = [node.name for node, rows, columns in found if rows * columns * node.normed == 1]
    names = ", ".join(dead[:4]) + (f" and {len(dead) - 4} more" if len(dead) > 4 else "")
    says = f"{names}: {_SAYS[cfg.norm]}" if dead else "every norm has statistics of more than one number"
    about = f"the {cfg.norm} norm of a single number leaves only its bias"
    return (Verdict("more_than_one", not dead, says, about),)


def _counts(cfg: UNetConfig, height: int, width: int) -> Iterator[tuple[Node, int, int]]:
    """Each node that normalises, with the height and width of its result."""
    if cfg.norm == "none":
        return
    along = [axis_network(cfg).run(natural(n, name)).sizes for n, name in ((height, "height"), (width, "width"))]
    done = 0
    for node in program(cfg, 1):
        done += len(node.steps)
        if node.normed:
            yield node, along[0][done], along[1][done]


def required(cfg: UNetConfig) -> bool:
    """Whether statistics of a single number are a failure, and not only a warning.

    >>> required(UNetConfig(norm="instance")), required(UNetConfig(norm="batch"))
    (True, False)
    """
    return cfg.norm in ("group", "instance")


def fit_together(cfg: object, height: int, width: int) -> bool:
    """Whether sizes that fit along each axis fit together as well.

    >>> fit_together(UNetConfig(levels=3, norm="instance"), 8, 8)
    False
    """
    if not isinstance(cfg, UNetConfig) or not required(cfg):
        return True
    return all(verdict.holds for verdict in judge_norms(cfg, height, width))


def padded_together(cfg: object, fit: SizeSet, height: int, width: int) -> tuple[int, int] | None:
    """The smallest image from ``height × width`` on that fits together, with one of the two made larger.

    ``height`` and ``width`` are in ``fit``, the sizes of one axis; ``None`` where no larger size of it will do.

    >>> from wellshaped.spec import compatible_sizes
    >>> cfg = UNetConfig(levels=3, norm="instance")
    >>> padded_together(cfg, compatible_sizes(cfg), 8, 8)
    (16, 8)
    """
    if fit_together(cfg, height, width):
        return height, width
    higher = _first(lambda n: fit_together(cfg, n, width), height, fit)
    wider = _first(lambda n: fit_together(cfg, height, n), width, fit)
    found = [(n, width) for n in higher] + [(height, n) for n in wider]
    return min(found, key=lambda sizes: sizes[0] * sizes[1], default=None)


def _first(holds: Callable[[int], bool], low: int, fit: SizeSet) -> list[int]:
    """The first member of ``fit`` above ``low`` for which it ``holds``, as it then does for all above; or none."""
    high = low
    while not holds(high):
        low, high = high, 2 * high
        if fit.above(low + 1) is None:
            return []
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    above = fit.above(high)
    return [] if above is None else [above]
