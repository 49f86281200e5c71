"""How to install a package in the environment that runs: one that uv made has no pip."""

from importlib.util import find_spec


def pip_install(package: str) -> str:
    """Return the command that installs a package.

    >>> pip_install("torch").removeprefix("uv ")
    'pip install torch'
    """
    return f"{'pip' if find_spec('pip') else 'uv pip'} install {package}"
