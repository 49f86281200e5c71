"""A file of any content is answered: by what it says, or by one error, and soon."""

import json
import re
from dataclasses import replace
from time import process_time

import pytest
from hanging import HANGS
from headlines import HEADLINE
from mutations import KINDS, mutations

from wellshaped.cli import main
from wellshaped.proofs_of_shape import certificates
from wellshaped.proofs_of_shape.certificate_data import halo_from
from wellshaped.proofs_of_shape.certificates import certify, load_certificate, save_certificate, verify
from wellshaped.proofs_of_shape.certified_halo import halo_statement
from wellshaped.spec import (
    FIELDS,
    PRESETS,
    CropTo,
    MaxPool,
    Network,
    Node,
    Resize,
    UNet2Config,
    WellshapedError,
    graph_of,
    load_config,
    load_network,
    resnet_unet,
    save_config,
    save_network,
)
from wellshaped.spec.families import unet

FEW = 120
MANY = 1100


def is_one_error(text):
    """Whether this is an error of ours: what is wrong, the rules that are broken, a fix, in at most ten lines."""
    lines = text.strip().splitlines()
    return 3 <= len(lines) <= 10 and bool(re.search(HEADLINE, lines[0])) and lines[-1].startswith("  fix: ")


class Clock:
    """The seconds that the processor works on something, without those of the proofs."""

    def __init__(self, monkeypatch):
        self.proving = 0.0
        prove = certificates._prove

        def timed(statement, _):
            started = process_time()
            try:
                return prove(statement, 1.0)
            finally:
                self.proving += process_time() - started

        monkeypatch.setattr(certificates, "_prove", timed)

    def seconds(self, do):
        self.proving, started = 0.0, process_time()
        do()
        return process_time() - started - self.proving


def every_answer_is_one_error_or_none(broken, path, ask, clock):
    """Ask about each file; the answers by their first rule."""
    answers, texts = {}, []

    def once():
        try:
            ask(path)
            answers.setdefault("accepted", []).append(name)
        except WellshapedError as error:
            answers.setdefault(error.report.failures[0].name, []).append(name)
            texts.append(str(error))

    for name, content in broken:
        path.write_bytes(content)
        assert clock.seconds(once) < HANGS, name
    assert [text for text in texts if not is_one_error(text)] == []
    return answers


def every_command_is_answered(broken, path, arguments, clock, capsys):
    def once():
        status = main([*arguments, str(path)])
        printed = capsys.readouterr()
        assert status in (0, 1, 2), name
        assert printed.err == "" if status == 0 else is_one_error(printed.err), name

    for name, content in broken:
        path.write_bytes(content)
        assert clock.seconds(once) < HANGS, name


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    """The texts of good certificates."""
    path = tmp_path_factory.mktemp("certified") / "c.json"
    texts = []
    for network in (UNet2Config(), unet(2), resnet_unet(), UNet2Config(pool_stride=3, up_kernel=1)):
        save_certificate(certify(network), path)
        texts.append(path.read_text(encoding="utf-8"))
    save_certificate(certify(CROPPED, halo=True), path)
    return [*texts, path.read_text(encoding="utf-8")]


CROPPED = Network({"x": 1}, (Node("pooled", MaxPool(4)), Node("up", Resize(4)), Node("y", CropTo(), ("x", "up"))))


CONFIGS = {
    ".toml": "".join(f"{name} = {f.default}\n" for name, f in FIELDS.items()),
    ".json": json.dumps({name: f.default for name, f in FIELDS.items()}, indent=2) + "\n",
}

numbers = pytest.mark.parametrize("number", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])


@numbers
def test_every_broken_certificate_is_answered_by_a_verdict_or_one_error(number, certified, tmp_path, monkeypatch):
    def ask(path):
        verify(load_certificate(path))

    clock = Clock(monkeypatch)
    answers = every_answer_is_one_error_or_none(mutations(certified, number, 1), tmp_path / "c.json", ask, clock)
    assert {"file", "syntax", "text", "accepted"} <= set(answers)


@numbers
def test_every_certificate_forged_throughout_is_answered_by_a_verdict_or_one_error(
    number, certified, tmp_path, monkeypatch
):
    """As far as the network and the sizes can still be read, the rest is made to fit them: only the proof can tell."""

    def forged(content):
        try:
            data = json.loads(content)
            network, sizes = certificates.certified_network(data["network"]), certificates.sizes_from(data["sizes"])
            statement = certificates.refutation_text(certificates.statement_of(network, data["axis"], sizes), ("n",))
            halo = halo_from(data["halo"]) if "halo" in data else None
            if halo is not None:
                halo = replace(halo, statement=halo_statement(network, data["axis"], sizes, halo))
            whole = certificates.Certificate(network, data["axis"], sizes, statement, "Z3", halo)
            return json.dumps(whole.to_dict()).encode()
        except (ValueError, KeyError, TypeError, ZeroDivisionError):
            return content

    def ask(path):
        verify(load_certificate(path))

    values = [kind for kind in KINDS if kind.__name__ in ("another_value", "another_number")]
    monkeypatch.setattr("mutations.KINDS", values)
    broken = [(name, forged(content)) for name, content in mutations(certified, number // 2, 2)]
    answers = every_answer_is_one_error_or_none(broken, tmp_path / "c.json", ask, Clock(monkeypatch))
    assert {"statement", "accepted"} <= set(answers)


@numbers
@pytest.mark.parametrize("suffix", CONFIGS)
def test_every_broken_config_is_loaded_or_answered_by_one_error(number, suffix, tmp_path, monkeypatch):
    clock, path = Clock(monkeypatch), tmp_path / f"unet{suffix}"
    answers = every_answer_is_one_error_or_none(mutations([CONFIGS[suffix]], number, 3), path, load_config, clock)
    assert {"file", "syntax", "natural", "accepted"} <= set(answers)


@pytest.fixture(scope="module", params=[".toml", ".json"])
def saved(request, tmp_path_factory):
    """A suffix, and the texts of good files of every kind of network."""
    path = tmp_path_factory.mktemp("saved") / f"a{request.param}"
    texts = []
    for network in (UNet2Config(), PRESETS["monai_like"], resnet_unet(), graph_of("milesial")):
        save_network(network, path)
        texts.append(path.read_text(encoding="utf-8"))
    return request.param, texts


@pytest.mark.one_in(2)
@numbers
def test_every_broken_file_of_a_network_is_loaded_or_answered_by_one_error(number, saved, tmp_path, monkeypatch):
    suffix, texts = saved
    path, broken = tmp_path / f"a{suffix}", mutations(texts, number, 6)
    answers = every_answer_is_one_error_or_none(broken, path, load_network, Clock(monkeypatch))
    assert {"file", "syntax", "natural", "key", "accepted"} <= set(answers)


@numbers
def test_the_command_verify_answers_every_broken_certificate(number, certified, tmp_path, monkeypatch, capsys):
    clock = Clock(monkeypatch)
    every_command_is_answered(mutations(certified, number, 4), tmp_path / "c.json", ["verify"], clock, capsys)


@pytest.mark.one_in(2)
@numbers
@pytest.mark.parametrize("suffix", CONFIGS)
def test_the_command_check_answers_every_broken_config(number, suffix, tmp_path, monkeypatch, capsys):
    broken, path = mutations([CONFIGS[suffix]], number // 3, 5), tmp_path / f"unet{suffix}"
    every_command_is_answered(broken, path, ["check"], Clock(monkeypatch), capsys)


def test_what_is_broken_by_no_mutation_is_accepted(certified, tmp_path):
    (tmp_path / "c.json").write_text(certified[0], encoding="utf-8")
    verify(load_certificate(tmp_path / "c.json"))
    for network in (UNet2Config(), PRESETS["monai_like"], resnet_unet()):
        save_network(network, tmp_path / "unet.toml")
        assert load_network(tmp_path / "unet.toml") == network
    save_config(UNet2Config(), tmp_path / "unet.toml")
    assert (tmp_path / "unet.toml").read_text() == CONFIGS[".toml"]
