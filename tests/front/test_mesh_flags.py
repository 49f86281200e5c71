"""``--mesh`` and ``--batch``: images that are split over devices, on the command line."""

import json

import pytest

from wellshaped.cli import main


@pytest.fixture
def run(capsys):
    def run(words):
        return main(words.split()), *capsys.readouterr()

    return run


def test_sizes_says_which_images_can_be_split(run):
    says = "sizes that fit milesial on height=4,width=2:\n  height: n ≡ 0 (mod 64), n ≥ 64\n"
    says += "  width: n ≡ 0 (mod 32), n ≥ 32\n"
    near = "300×300 does not fit; nearest: 256×288 and 320×320\n"
    assert run("sizes milesial --mesh height=4,width=2") == (0, says, "")
    assert run("sizes milesial --mesh height=4,width=2 --near 300") == (0, says + near, "")
    status, out, _ = run("sizes milesial --mesh height=4 --json")
    found = json.loads(out)
    assert (status, found["mesh"], found["axes"]["height"]["period"]) == (0, {"height": 4}, 64)


def test_check_says_why_an_image_can_not_be_split(run):
    _, out, _ = run("check milesial --input 1x512x512 --mesh batch=2,height=4 --batch 8")
    assert out.startswith("input (1, 512, 512) of milesial fits")
    assert "  height: n ≡ 0 (mod 64), n ≥ 64" in out
    status, _, err = run("check milesial --input 1x320x303 --mesh height=8,batch=4 --batch 6")
    assert status == 1
    assert "  pooled[3] (8×1 devices): height: pooled[3] is 20, and must be a multiple of 8." in err
    assert "  fix: --batch 4 or 8\n" in err
    assert run("check milesial --mesh height=4")[0] == 0


@pytest.mark.parametrize(
    ("words", "status", "fix"),
    [
        ("sizes ronneberger2015 --mesh height=8", 1, "fewer devices"),
        ("check ronneberger2015 --mesh height=8", 1, "fewer devices"),
        ("check ronneberger2015 --input 1x572x572 --mesh height=8", 1, "fewer devices; no height fits"),
        ("check milesial --mesh batch=4 --batch 6", 1, "--batch 4 or 8"),
        ("check milesial --batch 0", 1, "--batch 1"),
        ("check milesial --batch x --mesh batch=4", 2, "--batch 4"),
        ("sizes milesial --mesh 4", 2, "--mesh height=4"),
        ("sizes demucs --mesh 4x1", 2, "--mesh length=4"),
        ("sizes milesial --mesh heigth=4,batch=2", 2, "--mesh batch=2,height=4"),
        ("sizes milesial --mesh height=0,width=2", 2, "--mesh height=1,width=2"),
        ("sizes nets.py:f --mesh height=4 --input HxWx3", 2, "leave out --mesh"),
        ("check nets.py:f --batch 4 --mesh height=4 --input 3x4x4", 2, "leave out --mesh --batch"),
    ],
)
def test_what_can_not_be_split_is_one_message_with_a_fix(run, words, status, fix):
    found, out, err = run(words)
    assert found == status
    assert (out + err).rstrip().endswith(f"fix: {fix}")


def test_a_certificate_proves_which_images_fit_a_mesh(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, _ = run("certify milesial --mesh height=4 --axis height")
    assert status == 0
    claim = "a height n fits milesial on height=4 if and only if n ≡ 0 (mod 64), n ≥ 64"
    assert out.startswith(f"wrote certificate.json: proved for every n: {claim} (Z3 ")
    assert run("verify certificate.json")[0] == 0
    status, _, err = run("certify milesial --mesh height=4")
    assert status == 2
    assert err.endswith("  fix: --axis height\n")
