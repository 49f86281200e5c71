"""bioimageio.spec, which reads and writes descriptions: the extra ``bioimage``. It is loaded on first use."""

from typing import Any

from ...spec.messages.installing import pip_install
from ...spec.messages.report import UsageError, WellshapedError
from ...spec.messages.written import clipped


def the_spec() -> Any:
    """Return the package ``bioimageio.spec``. Raise :class:`UsageError` if it is not installed, or can't be loaded."""
    try:
        import bioimageio.spec.utils
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    except Exception as error:  # it reads settings and makes a folder for its cache, which can fail in many ways
        says = f"bioimageio.spec can't be loaded: {clipped(str(error), 160)}"
        raise UsageError.of(
            _SUBJECT, "bioimageio", "", says, "python -c 'import bioimageio.spec' shows more"
        ) from error
    return bioimageio.spec


_SUBJECT = "a description of the BioImage Model Zoo"


def _missing(error: ModuleNotFoundError) -> WellshapedError:
    says = f"it needs the package {(error.name or 'bioimageio').partition('.')[0]}, in the extra bioimage of wellshaped"
    return UsageError.of(_SUBJECT, "bioimageio", "", says, pip_install("bioimageio.spec"))
