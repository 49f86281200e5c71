"""Certificates: Z3 proves them for all sizes, and what is forged or edited is refused."""

import json

import pytest
from hypothesis import given, settings

from wellshaped.cli import main
from wellshaped.proofs_of_shape import certificates
from wellshaped.proofs_of_shape.certificates import certify, load_certificate, save_certificate, verify
from wellshaped.proofs_of_shape.strategies import networks
from wellshaped.spec import ShapeError, UNet2Config, resnet_unet, ronneberger2015, strided_unet, unet

KNOWN = {
    "default": (UNet2Config(), "n ≡ 0 (mod 2), n ≥ 2"),
    "no size": (UNet2Config(conv_padding=0), "no size"),
    "four levels": (unet(4), "n ≡ 0 (mod 16), n ≥ 16"),
    "six levels": (unet(6), "n ≡ 0 (mod 64), n ≥ 64"),
    "2015": (ronneberger2015(), "n ≡ 12 (mod 16), n ≥ 188"),
    "resnet": (resnet_unet(), "n ≡ 0 or 31 (mod 32), n ≥ 31"),
    "strided": (strided_unet(4), "n ≡ 0 or 15 (mod 16), n ≥ 15"),
}


@pytest.mark.parametrize(("network", "sizes"), KNOWN.values(), ids=KNOWN)
def test_a_certificate_proves_the_known_sizes_and_can_be_kept(network, sizes, tmp_path):
    certificate = certify(network)
    assert str(certificate.sizes) == sizes
    save_certificate(certificate, tmp_path / "c.json")
    loaded = load_certificate(tmp_path / "c.json")
    assert loaded == certificate
    verify(loaded)


def certifiable(network):
    """Whether Z3 proves the certificate in a few seconds. It may not manage, but must never find it false."""
    refusal = ""
    try:
        certify(network, seconds=5)
    except ShapeError as error:
        refusal = str(error)
    assert not refusal or "Z3 gave no answer" in refusal
    return not refusal


@settings(max_examples=25)
@given(networks(max_levels=3))
def test_random_networks_can_be_certified_for_all_sizes(network):
    assert certifiable(network)


@pytest.mark.slow
def test_nearly_all_of_three_hundred_random_networks_are_certified():
    answers = []

    @settings(max_examples=300, database=None, derandomize=True)
    @given(networks())
    def certify_one(network):
        answers.append(certifiable(network))

    certify_one()
    assert sum(answers) >= 250


def edited(change):
    data = certify(UNet2Config()).to_dict()
    change(data)
    return data


EDITS = {
    "a larger set": lambda d: d["sizes"].update(progressions=[[2, 1, None]], says="n ≥ 2"),
    "its text": lambda d: d["sizes"].update(says="n ≥ 1"),
    "another kernel": lambda d: d["network"]["steps"][3].update(kernel=3),
    "no last demand": lambda d: d["network"].update(returns_its_size=False),
    "a statement that is easy": lambda d: d.update(statement="(assert false)\n(check-sat)"),
    "a truth value that is none": lambda d: d["network"].update(returns_its_size="true"),
    "a key more": lambda d: d.update(note="trust me"),
    "a statement that is none": lambda d: d.update(statement="(("),
}


@pytest.mark.parametrize("change", EDITS.values(), ids=EDITS)
def test_an_edited_certificate_is_refused(change, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(edited(change)))
    with pytest.raises(ShapeError, match="edited or forged"):
        verify(load_certificate(path))


def test_a_certificate_forged_throughout_is_refuted_with_a_size(tmp_path):
    from wellshaped.proofs_of_shape.smt_reading import refutation_text
    from wellshaped.spec import Progression, SizeSet, axis_network

    network, sizes = axis_network(UNet2Config()), SizeSet([Progression(3, 2, None)])
    statement = refutation_text(certificates.statement_of(network, sizes), ("n",))
    with pytest.raises(ShapeError, match="not true: it fails for n = "):
        verify(certificates.Certificate(network, sizes, statement, "Z3"))


def test_a_contradiction_under_one_key_is_refused(tmp_path):
    text = json.dumps(certify(UNet2Config()).to_dict())
    (tmp_path / "c.json").write_text(text[:-1] + ', "sizes": {}}')
    with pytest.raises(ShapeError, match="the key 'sizes' stands there 2 times"):
        load_certificate(tmp_path / "c.json")


def test_progressions_that_would_fill_the_memory_are_refused(tmp_path):
    data = edited(lambda d: d["sizes"].update(progressions=[[0, 1, None], [0, 10**9, None]]))
    (tmp_path / "c.json").write_text(json.dumps(data))
    with pytest.raises(ShapeError, match="differ in their steps"):
        load_certificate(tmp_path / "c.json")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"network": {"steps": [{"step": "Leap"}]}}', '{"network": 3}', "[" * 5000], ids=range(6)
)
def test_what_is_not_a_certificate_is_refused_at_the_command_line(text, tmp_path, capsys):
    path = tmp_path / "c.json"
    path.write_text(text)
    assert main(["verify", str(path)]) == 1
    message = capsys.readouterr().err
    assert "it is not a certificate" in message
    assert len(message.splitlines()) <= 10


def test_the_commands_certify_and_verify(tmp_path, capsys):
    path = str(tmp_path / "c.json")
    assert main(["certify", "--pool-kernel", "3", "--up-kernel", "3", "--output", path]) == 0
    assert "n ≡ 1 (mod 2), n ≥ 3" in capsys.readouterr().out
    assert main(["verify", path]) == 0
    printed = capsys.readouterr().out
    assert "holds: for all n" in printed
    assert "Window(kernel=3, stride=2" in printed
    assert main(["verify", str(tmp_path / "none.json")]) == 1
    assert "it cannot be read" in capsys.readouterr().err


def test_the_command_prove_prints_the_ledger(capsys):
    assert main(["prove", "--by", "enumeration"]) == 0
    printed = capsys.readouterr().out
    assert "round_trip " in printed
    assert "refuted" in printed
    assert main(["prove", "--by"]) == 1
    assert "name at least one prover" in capsys.readouterr().err
    assert main(["prove", "--by", "hand"]) == 1
    assert "no such prover" in capsys.readouterr().err


def test_a_family_can_be_certified_by_name(tmp_path, capsys):
    path = str(tmp_path / "c.json")
    assert main(["certify", "--family", "resnet_unet", "--output", path]) == 0
    assert "resnet_unet fits n iff n ≡ 0 or 31 (mod 32), n ≥ 31" in capsys.readouterr().out
    assert main(["certify", "--family", "unet", "--levels", "3", "--output", path]) == 0
    assert load_certificate(tmp_path / "c.json").network == unet(3)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--family", "vnet"], "no such family: it must be one of unet"),
        (["--family", "unet"], "the number is missing"),
        (["--family", "resnet_unet", "--levels", "3"], "whose levels are fixed"),
        (["--family", "unet", "--levels", "-1"], "levels=-1 is negative"),
    ],
)
def test_a_family_that_is_none_is_refused(words, says, capsys):
    assert main(["certify", *words]) == 1
    message = capsys.readouterr().err
    assert says in message
    assert "fix: " in message
