"""Whether an output can be cut to the part that belongs to a padded image."""

from fractions import Fraction

from ...spec.messages.report import UsageError


def require_slope(slope: Fraction | None, output: str, name: str) -> None:
    """Raise :class:`UsageError` if an output with this slope along the axis ``name`` can't be cut."""
    if slope is None:
        raise not_known(f"the size of {output} is no linear function of {name}")
    if slope <= 0:
        raise not_known(f"{output} has no axis that follows {name}, so padding changes all of it")


def not_known(says: str) -> UsageError:
    """The error for an output if it is not known which part of it belongs to a padded image."""
    about = "it is not known which part of the output belongs to the image"
    fix = 'policy="crop", or a function that returns only images'
    return UsageError.of("the output", "output", about, says, fix)
