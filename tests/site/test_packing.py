"""What the site gets from npm is what the repository names, or the site says that it has no calculator."""

import shutil
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "calculator"


@pytest.fixture
def packing(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    import packing

    return packing


def test_without_npm_there_is_no_package_and_the_error_says_why(packing, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(packing.NotPackedError, match="npm is not installed"):
        packing.pack("pyodide")


def test_without_node_nothing_is_compiled_and_the_error_says_why(packing, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(packing.NotPackedError, match="node is not installed"):
        packing.compile_needed(tmp_path, tmp_path / "a.whl", tmp_path)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_modules_that_can_not_be_compiled_are_an_error(packing, tmp_path):
    with pytest.raises(packing.NotPackedError, match="the modules could not be compiled: "):
        packing.compile_needed(tmp_path, tmp_path / "a.whl", tmp_path)


def test_an_archive_with_another_hash_is_rejected_and_removed(packing, tmp_path):
    version, _ = packing.PACKAGES["pyodide"]
    archive = tmp_path / "wellshaped" / f"pyodide-{version}.tgz"
    archive.parent.mkdir()
    archive.write_bytes(b"something else")
    with pytest.raises(packing.NotPackedError, match=r"has the SHA-256 [0-9a-f]{64}, and must have"):
        packing.pack("pyodide")
    assert not archive.exists()
