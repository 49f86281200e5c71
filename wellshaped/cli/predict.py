"""``wellshaped predict``: the predictions of a model for image files."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from ..spec.answers.planning import MODES, POLICIES
from ..spec.files.disk import OutputError
from ..spec.messages.choices import nearest_choice
from ..spec.messages.report import UsageError, WellshapedError
from ..spec.messages.written import in_words
from ..words.fixes import typed_fix
from .network import require_saved
from .output import AsJson, print_json, say, with_progress, working

EXAMPLE = """\
  wellshaped predict model.safetensors photo.png --output predicted
  wellshaped predict model.safetensors photos --output predicted --panel
  wellshaped predict model.safetensors scan.tif --output predicted --memory 2GiB
"""


def predict(
    model: Annotated[Path, Parameter(help="A model that wellshaped.interop.save wrote, a .safetensors file.")],
    image: Annotated[
        list[Path],
        Parameter(help="Images, or folders of images: .png, .jpg, .tif, .npy.", negative="", consume_multiple=True),
    ],
    *,
    output: Annotated[Path, Parameter(help="The folder for the results.")] = Path("predicted"),
    write: Annotated[str, Parameter(help="What to write: labels, probabilities or values.")] = "labels",
    panel: Annotated[bool, Parameter(negative="", help="Also write a picture of each image with its result.")] = False,
    policy: Annotated[str, Parameter(help="What to do with an image that does not fit: pad, crop or error.")] = "pad",
    mode: Annotated[str, Parameter(help="What padding contains: zeros, reflect or edge.")] = "reflect",
    memory: Annotated[
        str | None,
        Parameter(
            help="The most memory for a prediction, as 2GiB. Larger images take tiles. [default: half of what is free]"
        ),
    ] = None,
    colour: Annotated[str, Parameter(help="Convert images: grey or rgb.")] = "",
    mean: Annotated[
        str, Parameter(help="Numbers to subtract from values of 0 to 1, one or one for each channel.")
    ] = "0",
    std: Annotated[str, Parameter(help="Numbers to divide by, one or one for each channel.")] = "1",
    as_json: AsJson = False,
) -> int:
    """Predict images with a model: write the label of every pixel, or probabilities.

    An image that does not fit is padded or cropped, and one too large for memory is predicted in tiles.
    Labels are pictures: each pixel is the number of the channel with the largest value.
    Probabilities and values are NumPy files, with the channels first.
    Exits with 1 if an image could not be predicted; it is listed at the end.
    """
    from ..prediction.images import COLOURS, Preparation
    from ..prediction.results import KINDS

    _require_one_of("--write", write, KINDS)
    _require_one_of("--policy", policy, POLICIES)
    _require_one_of("--mode", mode, MODES)
    _require_one_of("--colour", colour, ("", *COLOURS))
    require_saved(model)
    if output.exists() and not output.is_dir():
        raise OutputError.of(f"output {output}", "file", "", "it is a file", "a folder")
    preparation = Preparation(colour, _numbers("--mean", mean), _numbers("--std", std))
    if 0 in preparation.std:
        raise UsageError.of(f"--std {std}", "std", "", "a number to divide by must not be 0", "--std 1")
    from ..interop import load
    from ..prediction.folder import images_in, jobs_for, predict, suffix_for
    from ..prediction.predicting import Predictor

    with working("reads the model"):
        predictor = Predictor(load(model), policy=policy, mode=mode, memory=memory)
    if panel and predictor.graph.axes != 2:
        raise UsageError.of("--panel", "panel", "", f"the model has {predictor.graph.axes} axes, not 2", "leave it out")
    jobs = jobs_for(images_in(image), output, suffix_for(predictor, write), panel)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError.of(f"output {output}", "file", "", error.strerror or str(error), "a folder") from None
    done: dict[str, str] = {}
    failed: dict[str, str] = {}
    for job in with_progress(jobs, "predicts"):
        try:
            done[str(job.image)] = (
                f"{job.result}: {predict(job, predictor, write, preparation, progress=len(jobs) == 1)}"
            )
        except WellshapedError as error:
            failed[str(job.image)] = _reason(error)
    return _told(done, failed, as_json)


def _reason(error: WellshapedError) -> str:
    """Why an image has no result, in one line."""
    failure, fixes = error.report.failures[0], error.report.fixes
    about = f"{failure.about}: " if failure.about else ""
    return f"{about}{failure.says}" + (f"; fix: {typed_fix(fixes[0])}" if fixes else "")


def _told(done: dict[str, str], failed: dict[str, str], as_json: bool) -> int:
    if as_json:
        print_json({"predicted": done, "failed": failed})
        return 1 if failed else 0
    lines = [f"{image} → {what}" for image, what in done.items()]
    count = f"{len(done)} image{'s' * (len(done) != 1)} predicted"
    lines.append(f"{count}, {len(failed)} not:" if failed else count)
    lines += [f"  {image}: {why}" for image, why in failed.items()]
    say("\n".join(lines), "red" if failed else "green")
    return 1 if failed else 0


def _require_one_of(flag: str, value: str, choices: Any) -> None:
    if value not in choices:
        shown = [choice for choice in choices if choice]
        says = f"it must be one of {in_words(shown)}"
        raise UsageError.of(
            f"{flag} {value[:60]}", flag.removeprefix("--"), "", says, f"{flag} {nearest_choice(value, shown)}"
        )


def _numbers(flag: str, text: str) -> tuple[float, ...]:
    """The numbers in a text with commas.

    >>> _numbers("--mean", "0.5, 0.4,0.4")
    (0.5, 0.4, 0.4)
    """
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or not all(abs(number) < 1e30 for number in found):
        says = f"it is {text[:60]!r}, and must be numbers with commas"
        raise UsageError.of(flag, flag.removeprefix("--"), "", says, f"{flag} 0.5")
    return found
