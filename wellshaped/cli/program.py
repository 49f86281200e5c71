"""The program: its commands, and the exit status for whatever happens in one of them."""

import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version

from cyclopts import App, CycloptsError

from ..spec.messages.report import WellshapedError
from . import certify, check, demo, draw, input_for, plan, presets, prove, sizes, stages, verify
from .output import say, status_of

app = App(
    name="wellshaped",
    help="Which sizes fit a U-Net, why one does not, and what to do: answered before anything is built.",
    help_format="plaintext",
    help_epilogue=(
        "A NETWORK is the name of a preset (wellshaped list), unet or unet2 with flags\n"
        "for its fields, or the path of a TOML or JSON file; without one, it is unet2.\n"
        "For example:\n\n"
        "  wellshaped check milesial --input 3x303x384\n"
        "  wellshaped sizes unet --levels 3 --norm group\n"
        "  wellshaped plan my_network.toml --input 1x96x160x160\n"
    ),
    version=lambda: version("wellshaped"),
    result_action="return_value",
)

_COMMANDS: dict[str, tuple[Callable[..., int], str]] = {  # in the order of the help text
    "check": (check.check, check.EXAMPLE),
    "sizes": (sizes.sizes, sizes.EXAMPLE),
    "plan": (plan.plan, plan.EXAMPLE),
    "input-for": (input_for.input_for, input_for.EXAMPLE),
    "stages": (stages.stages, stages.EXAMPLE),
    "draw": (draw.draw, draw.EXAMPLE),
    "list": (presets.presets, presets.EXAMPLE),
    "certify": (certify.certify, certify.EXAMPLE),
    "verify": (verify.verify, verify.EXAMPLE),
    "prove": (prove.prove, prove.EXAMPLE),
    "demo": (demo.demo, demo.EXAMPLE),
}
for place, (name, (command, example)) in enumerate(_COMMANDS.items()):
    app.command(command, name=name, help_epilogue=f"For example:\n{example}", sort_key=place)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in ``arguments`` (by default the program's own) and return the exit status.

    >>> main(["sizes", "ronneberger2015", "--near", "512"])
    sizes that fit ronneberger2015: n ≡ 12 (mod 16), n ≥ 188
    512 does not fit; nearest: 508 and 524
    0
    """
    for stream in (sys.stdout, sys.stderr):  # a terminal without "≡" shows "?" instead
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        status = app(arguments, exit_on_error=False, print_error=False) or 0
        print(end="", flush=True)  # here, where a failure is still ours to explain
        return status
    except CycloptsError as error:
        say(str(error), "red", sys.stderr)  # what is wrong, and the nearest flag
        return 2
    except WellshapedError as error:
        say(str(error), "red", sys.stderr)
        return status_of(type(error))
    except ModuleNotFoundError as error:
        extra = "proofs" if error.name == "z3" else "demo"
        say(f"This command needs {error.name}: pip install '.[{extra}]' in a clone of wellshaped", "red", sys.stderr)
        return 1
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the flush at Python's exit fails again
        if isinstance(error, BrokenPipeError):  # the reader, `head` for instance, has seen enough
            return 0
        say(f"The answer is lost: {error.strerror or error}", "red", sys.stderr)
        return 1
