"""Certificates: Z3 proves them for all sizes, and what is forged or edited is refused."""

import json
import os
import re
from time import perf_counter, process_time

import pytest
from hypothesis import given, settings

from wellshaped.cli import main
from wellshaped.proofs_of_shape import certificates
from wellshaped.proofs_of_shape.certificates import certify, load_certificate, save_certificate, verify
from wellshaped.proofs_of_shape.strategies import networks
from wellshaped.spec import (
    AxisNetwork,
    Progression,
    Save,
    ShapeError,
    SizeSet,
    SpaceToDepth,
    UNet2Config,
    Window,
    axis_network,
    resnet_unet,
    ronneberger2015,
    strided_unet,
    unet,
)

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
    "members that count twice": lambda d: d["sizes"].update(
        progressions=[[2, 1, 1], [2, 1, 1], [5, 1, 1]], says="{2, 5}"
    ),
    "parts that overlap": lambda d: d["sizes"].update(progressions=[[2, 2, None], [4, 2, None]]),
    "a part inside another": lambda d: d["sizes"].update(progressions=[[2, 2, 9], [4, 4, 2]], says="{2, 4, …, 18}"),
    "parts out of order": lambda d: d["sizes"].update(progressions=[[3, 4, None], [2, 4, None]]),
    "a period that is twice as long": lambda d: d["sizes"].update(progressions=[[2, 4, None], [4, 4, None]]),
    "a head that the tail could have": lambda d: d["sizes"].update(progressions=[[2, 1, 1], [4, 2, None]]),
    "keys in another order": lambda d: d.update(network=d.pop("network")),
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


def put(value, *keys):
    """Certificates with this value at the end of the keys; without a key there where it is ``...``."""

    def change(data):
        for key in keys[:-1]:
            data = data[key]
        if value is ...:
            del data[keys[-1]]
        else:
            data[keys[-1]] = value

    return change


STEP = ("network", "steps", 0)
NOT_CERTIFICATES = {
    "": "Expecting value: line 1 column 1 (char 0)",
    "[]": "the file is a list, and must be an object with the keys network, sizes, statement, prover",
    "3": "the file is a number, and must be an object",
    "{}": "the file has no network, sizes, statement, prover; its keys must be network, sizes, statement, prover",
    "[" * 5000: "it is nested too deeply",
    '{"a": ' * 5000: "it is nested too deeply",
    '{"network": 3, "sizes": {}, "statement": "", "prover": ""}': "network of the file is a number, and must be",
    '{"network": NaN}': "NaN is not a number",
    '{"network": ' + "9" * 301 + "}": "a number has 301 digits, and may have at most 300",
    '{"network": ' + "9" * 9999 + "}": "a number has 9999 digits, and may have at most 300",
}
NOT_CERTIFIED = {
    "no statement": (put(..., "statement"), "the file has no statement; its keys must be"),
    "a statement that is a number": (put(3, "statement"), "statement of the file is a number, and must be a string"),
    "a truth value that is none": (put("true", "network", "returns_its_size"), "and must be true or false"),
    "no steps": (put(..., "network", "steps"), "the network has no steps; its keys must be steps, returns_its_size"),
    "steps that are none": (put({}, "network", "steps"), "steps of the network is an object, and must be a list"),
    "a step that is a list": (put([], *STEP), "step 0 is a list, and must be an object with the keys step"),
    "an unknown step": (
        put({"step": "Leap"}, *STEP),
        "step 0 is 'Leap', and must be one of Window, Transposed, Resize",
    ),
    "a step without its kernel": (put(..., *STEP, "kernel"), "step 0 has no kernel; its keys must be kernel, stride"),
    "a negative kernel": (put(-1, *STEP, "kernel"), "step 0: kernel=-1 is negative"),
    "a kernel that is a float": (put(2.0, *STEP, "kernel"), "step 0: kernel=2.0 is a float"),
    "a kernel that is true": (put(True, *STEP, "kernel"), "step 0: kernel=True is a bool"),
    "a name that is a list": (put({"step": "Save", "name": []}, *STEP), "name of step 0 is a list"),
    "a choice that is none": (put("up", *STEP, "rounding"), "step 0: rounding must be one of floor, ceil, same"),
    "sizes that are a list": (put([], "sizes"), "sizes of the file is a list, and must be an object"),
    "a progression of two": (put([2, 2], "sizes", "progressions", 0), "progression 0 is [2, 2], and must be a list of"),
    "a progression of text": (put(["2", 2, None], "sizes", "progressions", 0), "progression 0: first='2' is a str"),
    "a progression without a step": (put([2, None, None], "sizes", "progressions", 0), "step=None is a NoneType"),
}


@pytest.mark.parametrize(("text", "says"), NOT_CERTIFICATES.items(), ids=range(len(NOT_CERTIFICATES)))
def test_what_is_not_a_certificate_is_refused_at_the_command_line(text, says, tmp_path, capsys):
    path = tmp_path / "c.json"
    path.write_text(text)
    assert main(["verify", str(path)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"certificate {path} does not fit."
    assert f"syntax: it is not a certificate: {says}" in lines[1]
    assert lines[2:] == ["  fix: wellshaped certify"]


@pytest.mark.parametrize(("change", "says"), NOT_CERTIFIED.values(), ids=NOT_CERTIFIED)
def test_a_certificate_with_a_part_that_is_none_is_refused_by_the_place(change, says, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(edited(change)))
    with pytest.raises(ShapeError, match=re.escape(says)) as refusal:
        load_certificate(path)
    assert str(refusal.value).startswith(f"certificate {path} does not fit.\n  syntax: it is not a certificate: ")


TOO_LARGE = {
    "steps": (lambda d: d["network"].update(steps=d["network"]["steps"] * 1000), "it has 12000 steps, and may"),
    "progressions": (lambda d: d["sizes"].update(progressions=[[2, 2, 1]] * 201), "it has 201 progressions, and may"),
    "bytes": (lambda d: d.update(prover="Z3" * 2**19), "bytes, and a certificate has at most 1048576"),
    "parts": (
        lambda d: d["sizes"].update(progressions=[[0, 4, 10**20], [1, 10**9 + 1, 10**20]]),
        "and may come to at most 50000",
    ),
}


@pytest.mark.parametrize(("change", "says"), TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_certificate_that_is_too_large_to_prove_is_refused_at_once(change, says, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(edited(change)))
    started = process_time()
    with pytest.raises(ShapeError, match=says):
        load_certificate(path)
    assert process_time() - started < 1


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ([[0, 4, 10**12], [2, 4, 10**12]], "text: edited or forged"),
        ([[0, 4, 10**12], [2, 4, 10**12], [1, 2, None]], "text: edited or forged"),
        ([[0, 4, 10**12], [1, 6, 10**12], [3, 10, 10**12]], "text: edited or forged"),
        ([[10**299, 10**299, 10**299]], "text: edited or forged"),  # its largest size has 599 digits
    ],
)
def test_sizes_that_took_for_ever_are_answered_at_once(parts, says, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(edited(lambda d: d["sizes"].update(progressions=parts))))
    started = process_time()
    with pytest.raises(ShapeError, match=says):
        load_certificate(path)
    assert process_time() - started < 1


def test_a_set_of_sizes_in_its_one_form_can_be_saved_and_loaded(tmp_path):
    sets = [
        SizeSet([Progression(2, 1, 1), Progression(2, 1, 1), Progression(5, 1, 1)]),
        SizeSet([Progression(0, 4, 10**12), Progression(2, 4, 10**12), Progression(1, 6, 10**12)]),
        SizeSet([Progression(12, 16, 3)] + [Progression(100 + i, 16, None) for i in range(16)]),
        SizeSet([Progression(10**299, 10**299, 10**299)]),
    ]
    for sizes in sets:
        certificate = certificates.Certificate(unet(1), sizes, "", "")
        save_certificate(certificate, tmp_path / "c.json")
        assert load_certificate(tmp_path / "c.json") == certificate


def test_what_a_certificate_cannot_hold_is_not_certified(tmp_path):
    for network, says in [
        (
            UNet2Config(up_kernel=10**300),
            "digits: a number is too long: kernel=1000…000 \\(301 digits\\), and a number may",
        ),
        (
            UNet2Config(up_kernel=10**5000),
            "kernel=1000…000 \\(5001 digits\\), and a number may have at most 300 digits",
        ),
        (AxisNetwork((Window(9 * 10**299), Window(9 * 10**299))), "first=1799…999 \\(301 digits\\), and a number may"),
        (AxisNetwork((Window(1),) * 1001), "it has 1001 steps, and may have at most 1000"),
        (
            AxisNetwork((Save("skip" * 2**18),)),
            "its file would have [0-9]+ bytes, and may have at most",
        ),
    ]:
        with pytest.raises(ShapeError, match=says):
            certify(network)
        with pytest.raises(ShapeError):
            save_certificate(
                certificates.Certificate(axis_network(network), SizeSet(), "x" * 2**20, ""), tmp_path / "c.json"
            )
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("other", [{}, [], None, "certificate.json"])
def test_only_a_certificate_is_verified_or_saved(other, tmp_path):
    with pytest.raises(ShapeError, match="and must be a Certificate"):
        verify(other)
    with pytest.raises(ShapeError, match="and must be a Certificate"):
        save_certificate(other, tmp_path / "c.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_not_a_regular_file_is_refused_and_not_waited_for(tmp_path):
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "c.txt").touch()
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.json")
    for name, says in {
        "folder.json": "it is a folder",
        "pipe.json": "it is not a regular file",
        "zero.json": "it is not a regular file",
        "none.json": "there is no such file",
        "c.txt": "its suffix is '.txt', and must be one of .json",
    }.items():
        with pytest.raises(ShapeError, match=says):
            load_certificate(tmp_path / name)
        with pytest.raises(ShapeError, match=says):
            load_certificate(str(tmp_path / name))


def test_a_text_that_utf_8_does_not_have_is_saved_and_loaded(tmp_path):
    certificate = certificates.Certificate(AxisNetwork((Save("\ud800"),)), SizeSet(), "", "\udfff")
    save_certificate(certificate, tmp_path / "c.json")
    assert load_certificate(tmp_path / "c.json") == certificate


def test_z3_keeps_its_time_for_the_largest_certificates():
    network, sizes = (
        AxisNetwork((SpaceToDepth(7),) * 100),
        SizeSet(Progression(i * i % 20_011, 20_011, None) for i in range(200)),
    )
    statement = certificates.refutation_text(certificates.statement_of(network, sizes), ("n",))
    started = perf_counter()
    with pytest.raises(ShapeError, match=r"not (true|proved)"):
        verify(certificates.Certificate(network, sizes, statement, ""), seconds=1)
    assert perf_counter() - started < 10


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
