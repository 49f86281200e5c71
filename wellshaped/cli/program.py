"""The program: its commands, and their exit status."""

import io
import os
import sys
from collections.abc import Callable, Sequence
from inspect import cleandoc

from cyclopts import App, CycloptsError

from ..spec.messages.installing import installed_version, pip_install
from ..spec.messages.report import WellshapedError
from ..words.fixes import typed
from . import (
    bioimage,
    certify,
    check,
    convert,
    demo,
    draw,
    export,
    input_for,
    plan,
    predict,
    presets,
    prove,
    sizes,
    stages,
    tiles,
    train,
    verify,
)
from .network import with_values
from .output import say, status_of
from .usage import described

app = App(
    name="wellshaped",
    help=(
        "Find out which image sizes fit a U-Net, before you build it. "
        "Also says why a size does not fit and how to fix it."
    ),
    help_format="plaintext",
    help_epilogue=(
        "NETWORK is a preset (wellshaped list), unet or unet2 with flags for its fields,\n"
        "or a .toml or .json file. The default is unet2. sizes and check also take a\n"
        "model in your code, as module:object or file.py:object. For example:\n\n"
        "  wellshaped check milesial --input 3x303x384\n"
        "  wellshaped sizes unet --levels 3 --norm group\n"
        "  wellshaped plan my_network.toml --input 1x96x160x160\n"
        "  wellshaped sizes my_package.nets:make_unet --input HxWx3\n"
    ),
    version=lambda: installed_version("wellshaped"),
    result_action="return_value",
)

_COMMANDS: dict[str, tuple[Callable[..., int], str]] = {  # in the order of the help
    "check": (check.check, check.EXAMPLE),
    "sizes": (sizes.sizes, sizes.EXAMPLE),
    "plan": (plan.plan, plan.EXAMPLE),
    "input-for": (input_for.input_for, input_for.EXAMPLE),
    "stages": (stages.stages, stages.EXAMPLE),
    "tiles": (tiles.tiles, tiles.EXAMPLE),
    "bioimage": (bioimage.bioimage, bioimage.EXAMPLE),
    "draw": (draw.draw, draw.EXAMPLE),
    "predict": (predict.predict, predict.EXAMPLE),
    "train": (train.train, train.EXAMPLE),
    "list": (presets.presets, presets.EXAMPLE),
    "convert": (convert.convert, convert.EXAMPLE),
    "certify": (certify.certify, certify.EXAMPLE),
    "verify": (verify.verify, verify.EXAMPLE),
    "prove": (prove.prove, prove.EXAMPLE),
    "export": (export.export, export.EXAMPLE),
    "demo": (demo.demo, demo.EXAMPLE),
}
_EXTRAS = {"z3": "proofs", "imageio": "images", "tifffile": "images", "dm_pix": "train", "grain": "train"}
"""The extra that a package comes with; "demo" for others."""


def _in_paragraphs(text: str) -> str:
    r"""Return a docstring with each paragraph on one line: a terminal wraps it to its own width.

    >>> _in_paragraphs("Check it.\n\n    One line\n    and another.")
    'Check it.\n\nOne line and another.'
    """
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in cleandoc(text).split("\n\n"))


for place, (name, (command, example)) in enumerate(_COMMANDS.items()):
    said = _in_paragraphs(command.__doc__ or "")
    app.command(command, name=name, help=said, help_epilogue=f"For example:\n{example}", sort_key=place)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in ``arguments`` (by default the program's own) and return the exit status.

    It is 0 for yes, 1 for no, and 2 if there is no answer: for example, if a package is missing, or the output could
    not be written.

    >>> main(["sizes", "ronneberger2015", "--near", "512"])
    sizes that fit ronneberger2015: n ≡ 12 (mod 16), n ≥ 188
    512 does not fit; nearest: 508 and 524
    0
    """
    for stream in (sys.stdout, sys.stderr):  # a terminal that can't show "≡" shows "?"
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    words = sys.argv[1:] if arguments is None else arguments
    try:
        status = app(with_values(words), exit_on_error=False, print_error=False) or 0
        print(end="", flush=True)  # flush here, so that a failure is handled below
        return status
    except CycloptsError as error:
        examples = {name: example for name, (_, example) in _COMMANDS.items()}
        say(described(error, words, examples), "red", sys.stderr)
        return 2
    except WellshapedError as error:
        say(str(typed(error.report, words)), "red", sys.stderr)
        return status_of(type(error))
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").partition(".")[0], "demo")
        install = pip_install(f"'.[{extra}]'")
        say(
            f"This command needs {(error.name or '').partition('.')[0]}: {install}, in a clone of wellshaped",
            "red",
            sys.stderr,
        )
        return 2
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the flush at exit fails again
        if isinstance(error, BrokenPipeError):  # the reader, for example `head`, has stopped
            return 0
        say(f"The output could not be written: {error.strerror or error}", "red", sys.stderr)
        return 2
