"""The cost of the checks when you call one layer eagerly: checked, as users have it, against unchecked.

``uv run python -m benchmarks.eager --json eager.json``. Unchecked is the same code without the checks of types: the
layer's call, and every function of this library that it calls, are rebuilt around the functions inside ``checked``.
Errors that a function raises by itself stay. Compiled code has no checks in either case.
"""

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import Annotated, Any

import jax
from cyclopts import Parameter
from flax import nnx
from rich.console import Console

from wellshaped.models import Conv2d, ConvTranspose2d, MaxPool2d
from wellshaped.spec.messages.report import WellshapedError

from .measure import Results, alternately, command_line, progress, require_at_least, rounded, run, watching_others
from .report import eager_table, remarks


@dataclass(frozen=True, slots=True)
class Case:
    """A ``layer``, called on a square image of edge ``size``."""

    layer: str
    size: int


LAYERS: dict[str, tuple[int, Callable[[nnx.Rngs], nnx.Module]]] = {
    "Conv2d 3→32": (3, lambda rngs: Conv2d(3, 32, 3, padding=1, rngs=rngs)),
    "Conv2d 32→32": (32, lambda rngs: Conv2d(32, 32, 3, padding=1, rngs=rngs)),
    "Conv2d 1→1": (1, lambda rngs: Conv2d(1, 1, 3, padding=1, rngs=rngs)),
    "ConvTranspose2d 1→1": (1, lambda rngs: ConvTranspose2d(1, 1, 2, stride=2, rngs=rngs)),
    "MaxPool2d of 1": (1, lambda rngs: MaxPool2d(2, 2)),
}
"""By name, the channels of the image, and the layer. Convolutions have kernel 3, the other layers kernel 2."""

CASES = (
    *(Case(layer, size) for layer in ("Conv2d 3→32", "Conv2d 32→32") for size in (256, 64)),
    *(Case(layer, 8) for layer in ("Conv2d 1→1", "ConvTranspose2d 1→1", "MaxPool2d of 1")),
)


def unchecked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` without its checks and without those of the functions of ``wellshaped.models`` it calls."""
    return _unchecked(function, {})


def _unchecked(function: Any, made: dict[Any, Any]) -> Any:
    if function in made:
        return made[function]
    plain = function.__wrapped__ if is_checked(function) else function
    names = dict(plain.__globals__)
    copy = FunctionType(plain.__code__, names, plain.__name__, plain.__defaults__, plain.__closure__)
    copy.__kwdefaults__ = plain.__kwdefaults__
    made[function] = copy
    for name, value in plain.__globals__.items():
        if isinstance(value, FunctionType) and value.__module__.startswith("wellshaped.models"):
            names[name] = _unchecked(value, made)
    return copy


def is_checked(function: Any) -> bool:
    """Whether ``function`` was made by the decorator ``checked``."""
    made_by = getattr(function, "__globals__", {}).get("__name__")
    return str(made_by).startswith("wellshaped.models.typed") and hasattr(function, "__wrapped__")


def measure(case: Case, rounds: int, seconds: float, tell: Callable[[str], object]) -> dict[str, Any]:
    """Return the times of both, as they are written to the file."""
    channels, make = LAYERS[case.layer]
    layer = make(nnx.Rngs(0))
    x = jax.random.normal(jax.random.key(0), (channels, case.size, case.size))
    bare = partial(unchecked(type(layer).__call__), layer)
    if not bool((layer(x) == bare(x)).all()):
        says, fix = "checked and unchecked results differ", "correct the function unchecked in benchmarks/eager.py"
        raise WellshapedError.of(f"comparing {case.layer}", "agreement", "", says, fix)
    calls = {"checked": partial(layer, x), "unchecked": partial(bare, x)}
    with watching_others() as others:
        times = alternately(calls, rounds=rounds, seconds=seconds, after_round=lambda done: tell(f"round {done}"))
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": {"rounds": rounds, "seconds_per_case": seconds, "dtype": "float32"},
        "others": others(),
        "contenders": {name: {"title": name, "call": {"seconds": rounded(each)}} for name, each in times.items()},
    }


app = command_line("eager", __doc__)


@app.default
def compare(
    *,
    rounds: Annotated[int, Parameter(help="The largest number of rounds.")] = 100,
    seconds_per_case: Annotated[float, Parameter(help="Seconds after which a case's rounds stop.")] = 20.0,
    json: Annotated[Path | None, Parameter(help="The .json file to write results to, or add them to.")] = None,
) -> None:
    """Time the eager call of a layer with and without its checks, and print the ratios."""
    require_at_least("--rounds", rounds, 1)
    require_at_least("--seconds-per-case", seconds_per_case, 0)
    results = Results("eager", json)
    with progress(len(CASES)) as tell:
        for done, case in enumerate(CASES):
            tell_case = partial(tell, done, f"{case.layer} at {case.size}²")
            tell_case("building")
            results.add(asdict(case), measure(case, rounds, seconds_per_case, tell_case))
    console = Console()
    eager_table(results.data["cases"]).show(console)
    console.print(*remarks(results.data), sep="\n", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(run(app))
