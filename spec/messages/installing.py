"""Which version of a package is installed, and how to install one: an environment that uv made has no pip."""

from importlib.util import find_spec


def pip_install(package: str) -> str:
    """Return the command that installs a package.

    >>> pip_install("torch").removeprefix("uv ")
    'pip install torch'
    """
    return f"{'pip' if find_spec('pip') else 'uv pip'} install {package}"


def installed_version(package: str) -> str:
    """Return the version of a package; ``"(unknown version)"`` if it runs from its folder and is not installed.

    >>> installed_version("no-such-package")
    '(unknown version)'
    """
    from importlib.metadata import PackageNotFoundError, version  # it loads a parser of emails

    try:
        return version(package)
    except PackageNotFoundError:
        return "(unknown version)"
