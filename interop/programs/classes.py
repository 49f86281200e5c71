"""Classes of sizes, such as ``16*h`` and ``32*h + 31``: each can be one program (SPEC sections 5.3 and 11)."""

import re
from collections.abc import Iterable, Mapping, Sequence

from ...spec.answers.compatibility import ShapeSet
from ...spec.arithmetic.progression import Progression
from ...spec.arithmetic.size_set import SizeSet
from ...spec.messages.choices import near_name
from ...spec.messages.report import UsageError
from ...spec.messages.written import clipped, in_words, kind_of, written_value

Classes = str | Iterable[str] | Mapping[str, str | Iterable[str]]
"""Classes as texts: for all axes, or by the name of an axis."""

MAX_EXCEPTIONS = 1000
"""The most sizes that an axis may have below the first size from which its classes are periodic."""

_TEXT = re.compile(r"(?:(\d{1,9})\s*\*\s*)?[a-z](?:\s*\+\s*(\d{1,9}))?")


def classes_of(sizes: SizeSet) -> tuple[Progression, ...]:
    """The set as disjoint progressions, each as long as it can be, ordered by their first size.

    Raises :class:`UsageError` for a set with more than :data:`MAX_EXCEPTIONS` sizes below its periodic part.

    >>> from wellshaped.spec import compatible_sizes
    >>> classes_of(compatible_sizes("smp_resnet34"))
    (Progression(first=31, step=32, count=None), Progression(first=32, step=32, count=None))
    >>> classes_of(SizeSet([Progression(8, 4, None), Progression(3, 1, 1)]))
    (Progression(first=3, step=1, count=1), Progression(first=8, step=4, count=None))
    """
    count = sum(part.count or 0 for part in sizes.head)
    if count > MAX_EXCEPTIONS:
        says = f"{count} sizes are exceptions from the classes, and at most {MAX_EXCEPTIONS} are possible"
        raise UsageError.of("the sizes", "exceptions", "", says, 'classes="16*h", with a class of sizes')
    left = {n for part in sizes.head for n in part}
    found = []
    for part in sizes.tail:
        first = part.first
        while first - part.step in left:
            first -= part.step
            left.remove(first)
        found.append(Progression(first, part.step, None))
    found += [Progression(n, 1, 1) for n in left]
    return tuple(sorted(found, key=lambda part: part.first))


def class_text(of_it: Progression, letter: str = "h") -> str:
    """A class as a text, with its least size if ``h = 0`` would not give it.

    >>> [class_text(Progression(*of_it)) for of_it in ((16, 16, None), (31, 32, None), (188, 16, None), (188, 1, 1))]
    ['16*h', '32*h + 31', '16*h + 12 from 188', '188']
    """
    if of_it.count == 1:
        return str(of_it.first)
    remainder = of_it.first % of_it.step
    text = letter if of_it.step == 1 else f"{of_it.step}*{letter}"
    text += f" + {remainder}" if remainder else ""
    least = remainder or of_it.step
    return text if of_it.first == least else f"{text} from {of_it.first}"


def chosen_sizes(shapes: ShapeSet, classes: Classes | None) -> tuple[SizeSet, ...]:
    """The compatible sizes along each axis that are in the chosen classes, by default all.

    Raises :class:`UsageError` for a text that is no class, a class in which no size fits, and an axis that does not
    exist.

    >>> from wellshaped.spec import compatible_shapes
    >>> chosen_sizes(compatible_shapes("smp_resnet34"), "64*h + 32")
    (<SizeSet n ≡ 32 (mod 64), n ≥ 32>, <SizeSet n ≡ 32 (mod 64), n ≥ 32>)
    """
    if classes is None:
        return shapes.axes
    names = shapes.names
    if isinstance(classes, Mapping):
        unknown = [name for name in classes if name not in names]
        if unknown:
            says = f"it has {clipped(written_value(unknown[0]))}, and the axes are {in_words(names)}"
            near = near_name(str(unknown[0]), names) or names[0]
            raise UsageError.of("classes", "axis", "", says, f'classes={{"{near}": "16*h"}}')
    found = []
    for name, fit in zip(names, shapes.axes, strict=True):
        given = classes.get(name) if isinstance(classes, Mapping) else classes
        found.append(fit if given is None else _chosen(name, fit, _texts(given)))
    return tuple(found)


def _texts(given: object) -> Sequence[str]:
    if isinstance(given, str):
        return [text.strip() for text in given.split(",")]
    texts = tuple(given) if isinstance(given, Iterable) else (given,)
    wrong = [text for text in texts if not isinstance(text, str)]
    if wrong or not texts:
        says = f"it has {kind_of(wrong[0])}" if wrong else "it is empty"
        raise UsageError.of("classes", "classes", "", f"{says}, and must have texts", 'classes="16*h"')
    return texts


def _chosen(name: str, fit: SizeSet, texts: Sequence[str]) -> SizeSet:
    chosen: list[Progression] = []
    for text in texts:
        of_it = SizeSet([_progression(text)]) & fit
        if not of_it:
            example = class_text(classes_of(fit)[0]).partition(" from")[0]
            says = f"no {name} in {clipped(text)} fits: the sizes that fit are {fit}"
            raise UsageError.of(f"classes={clipped(written_value(text))}", "classes", "", says, f'classes="{example}"')
        chosen += [*of_it.head, *of_it.tail]
    return SizeSet(chosen)


def _progression(text: str) -> Progression:
    """The sizes ``≥ 1`` of a class, for ``h ≥ 0``."""
    if re.fullmatch(r"[1-9]\d{0,8}", text.strip()):
        return Progression(int(text), 1, 1)
    match = _TEXT.fullmatch(text.strip())
    step, offset = (1, 0) if match is None else (int(match[1] or 1), int(match[2] or 0))
    if match is None or step == 0:
        says = f"{clipped(written_value(text))} is no class of sizes"
        raise UsageError.of("classes", "classes", "", says, 'classes="32*h, 32*h + 31, 188"')
    return Progression(offset or step, step, None)
