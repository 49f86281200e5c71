"""The command line: ``check``, ``sizes``, ``stages``, ``draw``, ``prove``, ``certify``, ``verify``, ``demo``.

The exit status is 0 where everything fits, 1 where something does not (a size, a config, a file, a number), and 2 for
words that are not a command of ours. Only the demo loads JAX. On a terminal there are colours and tables; elsewhere the
output is plain text.
"""

import io
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, field, make_dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, TextIO

from cyclopts import App, CycloptsError, Parameter, Token

from .spec import (
    FIELDS,
    Network,
    Report,
    ShapeError,
    Stage,
    UNet2Config,
    Verdict,
    check_config,
    compatible_sizes,
    load_config,
    natural,
)
from .spec import check as check_input
from .spec import stages as stages_of
from .spec.answers.repairs import mending
from .spec.families import FAMILIES
from .spec.files import MAX_DIGITS, refuse_suffix, short_natural
from .spec.messages.choices import nearest_choice
from .spec.messages.report import refuse

app = App(
    name="wellshaped",
    help="Which sizes fit a U-Net, and what it computes: answered before anything is built.",
    version=lambda: version("wellshaped"),
    result_action="return_value",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in ``arguments`` (by default the program's own) and return the exit status."""
    for stream in (sys.stdout, sys.stderr):  # a terminal without "≡" shows "?" instead
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        status = app(arguments, exit_on_error=False, print_error=False) or 0
        print(end="", flush=True)  # here, where a failure is still ours to explain
        return status
    except CycloptsError as error:
        _say(str(error), "red", sys.stderr)  # what is wrong, and the nearest flag
        return 2
    except ShapeError as error:
        _say(str(error), "red", sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        extra = "proofs" if error.name == "z3" else "demo"
        _say(f"This command needs {error.name}: pip install '.[{extra}]' in a clone of wellshaped", "red", sys.stderr)
        return 1
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the flush at Python's exit fails again
        if isinstance(error, BrokenPipeError):  # the reader, `head` for instance, has seen enough
            return 0
        _say(f"The answer is lost: {error.strerror or error}", "red", sys.stderr)
        return 1


def _as_given(_: Any, tokens: Sequence[Token]) -> Any:
    """The number in a flag's text, natural or not: the specification, not the parser, says what is refused."""
    text = tokens[0].value
    if text.strip().isdecimal() and len(text) > MAX_DIGITS:
        return 10**MAX_DIGITS  # `int` gives up on 4300 digits; all that is said of such a number is that it is too long
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


Natural = Annotated[int, Parameter(converter=_as_given)]

ConfigFlags = make_dataclass(
    "ConfigFlags",
    [
        (
            "config",
            Annotated[Path | None, Parameter(help="A .toml or .json file; flags override it.")],
            field(default=None),
        )
    ]
    + [
        (
            name,
            Annotated[int | None, Parameter(converter=_as_given, help=f"{f.metadata['says']} [default: {f.default}]")],
            None,
        )
        for name, f in FIELDS.items()
    ],
    kw_only=True,
    namespace={"__module__": __name__},  # or cyclopts takes it for one of Python's own types
)
"""One flag for each field of the config, ``None`` where it is not given, and a file that they override."""

Flags = Annotated[ConfigFlags | None, Parameter(name="*")]  # type: ignore[valid-type]  # made above


def _config(flags: Any) -> UNet2Config:
    given = {} if flags is None else {name: value for name, value in vars(flags).items() if value is not None}
    path = given.pop("config", None)
    given = {name: short_natural(value, name) for name, value in given.items()}
    return replace(UNet2Config() if path is None else load_config(path), **given)


_SIZE = rf"\s*(\d{{1,{MAX_DIGITS}}})\s*"
_SIZES = re.compile(rf"{_SIZE}(?:[x×,]{_SIZE})*")
_CHANNELS_AT_MOST = 4
"""A last number up to this, after two larger ones, is taken for the channels of an image with its channels last."""


def _shape(text: str, cfg: UNet2Config, out_channels: int) -> tuple[int, int, int]:
    """The channels, height and width in ``1x304x384``.

    Raises :class:`ShapeError` for another text, and for a shape that does not fit and looks like height, width and
    channels. Each proposes the shape that was meant, with the nearest sizes that fit ``cfg``.
    """
    numbers = [int(size) for size in re.split("[x×,]", text)] if _SIZES.fullmatch(text) else []
    must = f"must be three natural numbers of at most {MAX_DIGITS} digits: channels, height and width"
    if len(numbers) == 3:
        channels, height, width = numbers
        last = 1 <= width <= _CHANNELS_AT_MOST < min(channels, height)
        if not last or check_input(cfg, numbers, out_channels=out_channels).ok:
            return channels, height, width
        says = f"it says {channels} channels of {height}×{width} pixels, and looks like height×width×channels"
        about = "the order of its numbers"
        raise _refuse_shape(f"--input {text.strip()}", about, says, _moved(numbers), cfg, out_channels)
    hint, meant = "", [1, 304, 384]
    if len(numbers) == 2:
        meant = [1, *numbers]
    elif len(numbers) == 4:
        hint = "; the first of four is that of a batch, for jax.vmap(model)"
        meant = _moved(numbers[1:])
    says = f"it is {text[:60]!r}, and {must}{hint}"
    raise _refuse_shape("--input", "not the shape of an image", says, meant, cfg, out_channels)


def _moved(numbers: list[int]) -> list[int]:
    """Three numbers with the channels first, where they look as if these were last."""
    first, second, last = numbers
    return [last, first, second] if 1 <= last <= _CHANNELS_AT_MOST < min(first, second) else numbers


def _refuse_shape(
    subject: str, about: str, says: str, meant: list[int], cfg: UNet2Config, out_channels: int
) -> ShapeError:
    """The error for a shape, with the nearest to what was ``meant`` that fits; or for a config that no shape fits."""
    _any_image(cfg, out_channels).raise_if_failed()
    fit = compatible_sizes(cfg)
    sizes = [n if n in fit else fit.above(n) or fit.below(n) for n in meant[1:]]
    proposed = [max(meant[0], 1), *sizes]
    nearest = "" if proposed == meant else ", the nearest that fits"
    return refuse(subject, "input", about, says, f"--input {'x'.join(map(str, proposed))}{nearest}")


Image = Annotated[str, Parameter(name="--input", allow_leading_hyphen=True, help="The image's shape, CxHxW.")]
OutChannels = Annotated[Natural, Parameter(help="Channels of the output.")]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]


@app.command
def check(
    *, image: Image | None = None, out_channels: OutChannels = 1, flags: Flags = None, as_json: AsJson = False
) -> int:
    """Say whether an image fits a config, or without --input whether any does. Exit with 0 if so, else with 1."""
    try:
        cfg, out_channels = _config(flags), short_natural(out_channels, "out_channels")
        report = _any_image(cfg, out_channels) if image is None else _check(cfg, image, out_channels)
    except ShapeError as error:
        report = error.report
    if as_json:
        _print_json(report.to_dict())
    elif report.ok:
        fits = f"sizes that fit, for height and width alike: {compatible_sizes(cfg)}"
        _say(f"{report}\n{fits}", "green", sys.stdout)
    else:
        report.raise_if_failed()
    return 0 if report.ok else 1


def _check(cfg: UNet2Config, image: str, out_channels: int) -> Report:
    return check_input(cfg, _shape(image, cfg, out_channels), out_channels=out_channels)


def _any_image(cfg: UNet2Config, out_channels: int) -> Report:
    report = check_config(cfg, 1, out_channels)
    if not report.ok or compatible_sizes(cfg):
        return report
    fits = Verdict("compatible_sizes", False, "no size satisfies its obligations", "no image fits")
    return Report(report.subject, (*report.conditions, fits), (mending(cfg, 1, out_channels),))


@app.command
def sizes(
    near: Annotated[Natural | None, Parameter(help="Show the nearest sizes below and above this one.")] = None,
    *,
    flags: Flags = None,
    as_json: AsJson = False,
) -> int:
    """List all the heights, which are also all the widths, that fit a config."""
    cfg = _config(flags)
    check_config(cfg).raise_if_failed()
    fit = compatible_sizes(cfg)
    answer: dict[str, object] = {"config": asdict(cfg), **fit.to_dict()}
    lines = [f"sizes that fit {cfg!r}: {fit}"]
    if near is not None:
        near = short_natural(near, "near")
        answer |= {"near": near, "below": fit.below(near), "above": fit.above(near)}
        nearest = " and ".join(str(n) for n in dict.fromkeys((fit.below(near), fit.above(near))) if n is not None)
        lines.append(f"{near} fits" if near in fit else f"{near} does not fit; nearest: {nearest or 'none'}")
    if fit.is_finite:
        lines.append(f"fix: {mending(cfg)}")
    if as_json:
        _print_json(answer)
    else:
        _say("\n".join(lines), "green" if fit else "red", sys.stdout)
    return 0 if fit else 1


@app.command
def stages(*, image: Image, out_channels: OutChannels = 1, flags: Flags = None, as_json: AsJson = False) -> int:
    """Show every intermediate of the forward pass: its shape, its parameters and its multiply-adds."""
    found = _stages(image, out_channels, flags)
    if as_json:
        _print_json([asdict(stage) | {"scale": str(stage.scale)} for stage in found])
        return 0
    rows = [(s.name, s.op, s.layer or "", "×".join(map(str, s.shape)), s.parameters, s.multiply_adds) for s in found]
    total = ("total", "", "", "", sum(s.parameters for s in found), sum(s.multiply_adds for s in found))
    _table(("stage", "operation", "layer", "shape", "parameters", "multiply-adds"), rows, total)
    return 0


def _stages(image: str, out_channels: int, flags: Any) -> tuple[Stage, ...]:
    cfg, out_channels = _config(flags), short_natural(out_channels, "out_channels")
    return stages_of(cfg, _shape(image, cfg, out_channels), out_channels=out_channels)


@app.command
def draw(
    *,
    image: Image,
    output: Annotated[Path, Parameter(help="The picture to write, .svg or .png.")] = Path("unet.svg"),
    out_channels: OutChannels = 1,
    flags: Flags = None,
) -> int:
    """Draw the U with the shapes on it."""
    found = _stages(image, out_channels, flags)
    from .drawing import draw as draw_stages

    draw_stages(found, output)
    _say(f"wrote {output}", "green", sys.stdout)
    return 0


@app.command
def demo(
    *,
    output: Annotated[Path, Parameter(help="The picture to write, .png.")] = Path("demo.png"),
    seed: Annotated[Natural, Parameter(help="Seed of parameters and training.")] = 0,
) -> int:
    """Train a small network on half of a photograph, and show what it makes of the other half."""
    from .demo import run_demo

    run_demo(output, seed=natural(seed, "seed"))
    return 0


@app.command
def prove(
    *,
    by: Annotated[
        tuple[str, ...], Parameter(help="Provers: z3, coq, enumeration, crosshair.", consume_multiple=True)
    ] = (
        "z3",
        "coq",
    ),
    as_json: AsJson = False,
) -> int:
    """Prove the theorems of the shape theory, and print who proved what in which time.

    Exit with 0 if each theorem is settled as stated by somebody, and nobody says otherwise.
    """
    from rich.progress import track

    from .proofs_of_shape import THEOREMS
    from .proofs_of_shape import prove as prove_one

    if not by:
        raise refuse("--by", "by", "nobody to ask", "name at least one prover", "--by z3")
    tasks = [(theorem, prover) for theorem in THEOREMS for prover in by]
    shown = track(tasks, "proving", transient=True, console=_progress_console(), disable=not _is_terminal(sys.stderr))
    proofs = [(theorem, prove_one(theorem, by=prover)) for theorem, prover in shown]
    if as_json:
        _print_json([asdict(proof) for _, proof in proofs])
    else:
        rows = [(p.theorem, p.by, _verdict(t, p.verdict), f"{p.seconds:.2f}", p.says) for t, p in proofs]
        _table(("theorem", "prover", "verdict", "seconds", "says"), rows, None)
    open_theorems = [theorem for theorem in THEOREMS if not _settled(theorem, proofs)]
    if not as_json:
        _say(_expected(THEOREMS, open_theorems), "red" if open_theorems else "green", sys.stdout)
    return 1 if open_theorems else 0


def _verdict(theorem: Any, verdict: str) -> str:
    return "refuted, as it must be" if verdict == "refuted" and theorem.counterexample is not None else verdict


def _settled(theorem: Any, proofs: Sequence[tuple[Any, Any]]) -> bool:
    """Whether somebody says what is expected of ``theorem``, and nobody says otherwise or does not know."""
    verdicts = {p.verdict for t, p in proofs if t is theorem and not (p.verdict == "unknown" and p.by == "crosshair")}
    false = theorem.counterexample is not None
    right, wrong = ({"refuted"}, "proved") if false else ({"proved", "holds in a box"}, "refuted")
    return bool(verdicts & right) and not verdicts & {wrong, "unknown"}


def _expected(theorems: Sequence[Any], open_theorems: Sequence[Any]) -> str:
    """One line: what was to come, and what came."""
    false = sum(theorem.counterexample is not None for theorem in theorems)
    wanted = f"{len(theorems) - false} theorems hold, and {false} about the first edition's formulas are refuted"
    if not open_theorems:
        return f"as expected: {wanted}"
    names = ", ".join(theorem.name for theorem in open_theorems[:3])
    more = f" and {len(open_theorems) - 3} more" if len(open_theorems) > 3 else ""
    return f"expected: {wanted}; not so, or not settled: {names}{more}"


def _progress_console() -> Any:
    from rich.console import Console

    return Console(stderr=True)


@app.command
def certify(
    *,
    output: Annotated[Path, Parameter(help="The certificate to write, .json.")] = Path("certificate.json"),
    family: Annotated[str | None, Parameter(help=f"Instead of a config, one of {', '.join(FAMILIES)}.")] = None,
    levels: Annotated[Natural | None, Parameter(help="Levels of a family that has a choice of them.")] = None,
    flags: Flags = None,
) -> int:
    """Have Z3 prove that a network fits exactly the sizes that it is said to fit, and write the certificate.

    Exit with 0 if some size fits, else with 1: then the certificate says that none does.
    """
    from .proofs_of_shape import certificates

    if output.suffix != ".json":
        raise refuse_suffix(f"output {output}", output, (".json",))
    if family is None:
        if levels is not None:
            says = "the two-level network has no other number of levels"
            raise refuse(f"--levels {levels}", "levels", "it is for a family", says, _proposed("unet", levels))
        network: UNet2Config | Network = _config(flags)
        of = repr(network)
    else:
        network, of = _family(family, levels, flags), family if levels is None else f"{family} of {levels} levels"
    if isinstance(network, UNet2Config):
        check_config(network).raise_if_failed()
    certificate = certificates.certify(network)
    certificates.save_certificate(certificate, output)
    fits = f"for all n, {of} fits n iff {certificate.sizes}" if certificate.sizes else f"no size fits {of}"
    text = f"wrote {output}: {fits} ({certificate.prover})"
    if not certificate.sizes and isinstance(network, UNet2Config):
        text += f"\nfix: {mending(network)}"
    _say(text, "green" if certificate.sizes else "red", sys.stdout)
    return 0 if certificate.sizes else 1


def _proposed(name: str, levels: object) -> str:
    """How to name a family: with the ``levels`` that were given, where it can be solved for so many, else with 4."""
    make, takes_levels = FAMILIES[name]
    if not takes_levels:
        return f"--family {name}"
    try:
        compatible_sizes(make(levels))
    except ShapeError:
        levels = 4
    return f"--family {name} --levels {levels}"


def _family(name: str, levels: Any, flags: Any) -> Network:
    if name not in FAMILIES:
        says = f"it must be one of {', '.join(FAMILIES)}"
        fix = _proposed(nearest_choice(name, FAMILIES), levels)
        raise refuse(f"--family {name[:60]}", "family", "no such family", says, fix)
    make, takes_levels = FAMILIES[name]
    if takes_levels and levels is None:
        says = f"{name} is a family for any number of levels"
        raise refuse(f"--family {name}", "levels", "the number is missing", says, _proposed(name, levels))
    if levels is not None and not takes_levels:
        says = f"{name} is one network, whose levels are fixed"
        raise refuse(f"--family {name} --levels {levels}", "levels", "nothing to choose", says, f"--family {name}")
    network: Network = make(levels) if takes_levels else make()
    given = [] if flags is None else [flag for flag, value in vars(flags).items() if value is not None]
    if given:
        family = f"--family {name} --levels {levels}" if takes_levels else f"--family {name}"
        words = ", ".join(f"--{flag.replace('_', '-')}" for flag in given[:3])
        says = f"{words}{f' and {len(given) - 3} more' if len(given) > 3 else ''} would change nothing"
        raise refuse(f"{family} with {words}", "family", "a family has no fields of a config", says, family)
    return network


@app.command
def verify(certificate: Annotated[Path, Parameter(help="A certificate that certify wrote.")]) -> int:
    """Check a certificate from scratch: make its statement again, and have Z3 prove it again."""
    from .proofs_of_shape import certificates

    loaded = certificates.load_certificate(certificate)
    certificates.verify(loaded)
    _say(f"{certificate} holds: {loaded.says()}", "green", sys.stdout)
    return 0


def _print_json(data: object) -> None:
    print(json.dumps(data, indent=2, ensure_ascii=False))


def _say(text: str, colour: str, stream: TextIO) -> None:
    """Print ``text``, its first line in ``colour`` where ``stream`` is a terminal."""
    if not _is_terminal(stream):
        print(text, file=stream)
        return
    from rich.console import Console
    from rich.text import Text

    first, _, rest = text.partition("\n")
    styled = Text(first, style=f"bold {colour}"), Text(rest)
    Console(file=stream).print(*styled, sep="\n" if rest else "", soft_wrap=True)  # a broken line cannot be pasted


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()  # it is None where the caller has closed it


def _table(header: tuple[str, ...], rows: Sequence[tuple[object, ...]], total: tuple[object, ...] | None) -> None:
    """Print a table whose columns of numbers stand to the right, with lines on a terminal; the ``total`` comes last."""
    all_rows = [*rows, total] if total else rows
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in all_rows]
    right = [isinstance(cell, int) for cell in all_rows[-1]]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    if not _is_terminal(sys.stdout):
        for line in (header, *cells):
            aligned = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True))
            print("  ".join(aligned).rstrip())
        return
    from rich.box import HORIZONTALS
    from rich.console import Console
    from rich.table import Table

    table = Table(*header, box=HORIZONTALS, padding=(0, 1, 0, 0), header_style="bold")
    for column, number, width in zip(table.columns, right, widths, strict=True):
        column.justify = "right" if number else "left"
        column.min_width = width  # a narrow terminal may break a line, but no digit goes
    for i, line in enumerate(cells):
        table.add_row(
            *line, style="bold" if total and i == len(rows) else None, end_section=bool(total) and i == len(rows) - 1
        )
    Console().print(table, crop=False)
