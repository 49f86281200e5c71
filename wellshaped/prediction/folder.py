"""Many image files: which they are, where the result of each goes, and what became of it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..spec.files.disk import OutputError
from ..spec.messages.report import FileError
from ..spec.messages.written import in_words
from .images import SUFFIXES, ImageError, Preparation, read_image
from .predicting import Predictor
from .results import suffix_of, write


@dataclass(frozen=True, slots=True)
class Job:
    """An image file and the files to write for it."""

    image: Path
    result: Path
    panel: Path | None


def images_in(paths: Iterable[Path]) -> list[Path]:
    """The image files among the paths, and those in the folders among them, in order.

    Raises :class:`FileError` for a folder without images, and one that can't be read.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        try:
            of_suffix = sorted(of for of in path.iterdir() if of.suffix.lower() in SUFFIXES)
        except OSError as error:
            why = error.strerror or str(error)
            raise FileError.of(f"folder {path}", "file", "", why, "a folder that you may read") from None
        inside = [of for of in of_suffix if of.is_file() or of.is_symlink()]
        if not inside:
            says = f"it has no image: no file that ends in {in_words(SUFFIXES)}"
            raise FileError.of(f"folder {path}", "images", "", says, "a folder with images")
        found += inside
    return list(dict.fromkeys(found))


def jobs_for(images: Sequence[Path], output: Path, suffix: str, panel: bool) -> list[Job]:
    """Where the result of each image goes: a file in ``output`` with the image's name.

    Raises :class:`FileError` if a result would replace an image.
    """
    stems = Counter(image.stem for image in images)
    jobs = []
    for image in images:
        name = image.stem if stems[image.stem] == 1 else image.name
        jobs.append(Job(image, output / f"{name}{suffix}", output / f"{name}.panel.png" if panel else None))
    given = {image.resolve() for image in images}
    for job in jobs:
        for path in (job.result, job.panel):
            if path is not None and path.resolve() in given:
                says = f"the result of {job.image} would replace the image {path}"
                raise OutputError.of(f"output {output}", "replaces", "", says, "another folder")
    targets = Counter(path for job in jobs for path in (job.result, job.panel) if path is not None)
    twice = [path for path, count in targets.items() if count > 1]
    if twice:
        images_of = in_words([str(job.image) for job in jobs if twice[0] in (job.result, job.panel)])
        says = f"{twice[0]} would be the result of {images_of}"
        raise OutputError.of(f"output {output}", "twice", "", says, "one folder of images at a time")
    return jobs


def predict(job: Job, predictor: Predictor, kind: str, preparation: Preparation, *, progress: bool) -> str:
    """Predict one image and write its files. Return what was done, in words.

    Raises :class:`WellshapedError` if the image can't be read or predicted, or a file can't be written.
    """
    graph = predictor.graph
    image = read_image(job.image, graph.axes, graph.image.channels, preparation)
    result, done = predictor(image, kind, progress=progress)
    if not result.finite:
        says = "the model's values for it are not all finite"
        raise ImageError.of(f"image {job.image}", "finite", "", says, "an image and a model without NaN and infinity")
    write(result, job.result)
    if job.panel is not None:
        from .panel import write_panel

        write_panel(image, result, job.image.name, job.panel)
    return str(done)


def suffix_for(predictor: Predictor, kind: str) -> str:
    """The suffix of the results."""
    return suffix_of(kind, predictor.graph.axes)
