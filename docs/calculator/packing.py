"""The files of the calculator: Pyodide from npm, the wheel of this checkout, and the scripts in this folder.

``pack`` asks npm once, checks what it gets, and keeps it in a cache folder.
"""

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = {  # from npm: the version, and the SHA-256 of the archive
    "pyodide": ("314.0.7", "66b7949e5a0cba2250b586d7e368bf12fb482800748d182c4618254b685ffaa0"),
    "axe-core": ("4.14.1", "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"),  # for tests/site
}
FROM_PYODIDE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "pyodide-lock.json")
OURS = ("calculator.mjs", "worker.mjs", "calculator.css")


class NotPackedError(Exception):
    """A package could not be had."""


def pack(name: str) -> Path:
    """Return the archive of a package of npm, from the cache or from npm. Raise :class:`NotPackedError`."""
    version, expected = PACKAGES[name]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wellshaped"
    archive = cache / f"{name}-{version}.tgz"
    if not archive.is_file():
        npm = shutil.which("npm")
        if npm is None:
            raise NotPackedError("npm is not installed")
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            command = [npm, "pack", "--silent", f"{name}@{version}"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
            if done.returncode:
                raise NotPackedError(f"npm pack {name}@{version} failed: {done.stderr.strip()[-200:]}")
            (Path(folder) / archive.name).replace(archive)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != expected:
        archive.unlink()
        raise NotPackedError(f"{archive.name} has the SHA-256 {found}, and must have {expected}")
    return archive


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this checkout. Raise :class:`NotPackedError`."""
    uv = shutil.which("uv")
    if uv is None:
        raise NotPackedError("uv is not installed")
    # By way of the source archive: the folder build/ of a checkout may hold modules that no longer exist.
    command = [uv, "build", "--quiet", "--out-dir", str(folder), str(HERE.parents[1])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotPackedError(f"the wheel could not be built: {done.stderr.strip()[-200:]}")
    return next(folder.glob("*.whl"))


def compile_needed(pyodide: Path, wheel: Path, into: Path) -> None:
    """Write the modules of Python and of the wheel, compiled if an answer needs them. Raise :class:`NotPackedError`."""
    node = shutil.which("node")
    if node is None:
        raise NotPackedError("node is not installed")
    command = [node, str(HERE / "compile.mjs"), *map(str, (pyodide, wheel, into))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise NotPackedError(f"the modules could not be compiled: {done.stderr.strip()[-200:]}")


def assemble(into: Path) -> None:
    """Write the files of the calculator. Raise :class:`NotPackedError`."""
    archive = pack("pyodide")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        pyodide = Path(folder) / "package"
        (into / "pyodide").mkdir(parents=True, exist_ok=True)
        for name in FROM_PYODIDE:
            shutil.copyfile(pyodide / name, into / "pyodide" / name)
        compile_needed(pyodide, build_wheel(Path(folder)), into)
    for name in OURS:
        shutil.copyfile(HERE / name, into / name)
