"""Certificates: Z3 proves them for all sizes, and forged or edited ones are rejected."""

import json
import os
import re
from dataclasses import replace
from time import perf_counter

import pytest
from effort import examples, sparse
from hanging import soon
from hypothesis import HealthCheck, given, settings
from networks import HARD

from wellshaped.cli import main
from wellshaped.proofs_of_shape import THEOREMS, certificates
from wellshaped.proofs_of_shape.certificates import (
    CertificateError,
    certify,
    load_certificate,
    save_certificate,
    verify,
)
from wellshaped.proofs_of_shape.certified_halo import halo_statement
from wellshaped.proofs_of_shape.strategies import graphs, networks
from wellshaped.spec import (
    PRESETS,
    Add,
    Concat,
    Conv,
    CropTo,
    FileError,
    Input,
    MaxPool,
    Network,
    Node,
    Progression,
    Resize,
    SizeSet,
    SpaceToDepth,
    UNet2Config,
    UNetConfig,
    UsageError,
    WellshapedError,
    Window,
    compatible_shapes,
    compatible_sizes,
    graph_of,
    on_mesh,
    receptive_field,
    resnet_unet,
    strided_unet,
)
from wellshaped.spec.families import ronneberger2015, unet

from ..field.architectures import ARCHITECTURES, graph

VOLUME = Network(
    {"x": 1},
    (Node("pooled", MaxPool((1, 2, 2))), Node("up", Resize((1, 2, 2))), Node("y", Concat(), ("x", "up"))),
    axes=3,
)
KNOWN = {
    "default": (UNet2Config(), "n ≡ 0 (mod 2), n ≥ 2"),
    "no size": (UNet2Config(conv_padding=0), "no size"),
    "a norm along a single axis": (
        UNetConfig(levels=2, axes=1, base_channels=2, norm="instance"),
        "n ≡ 0 (mod 4), n ≥ 8",
    ),
    "odd": (UNet2Config(pool_kernel=3, up_kernel=3), "n ≡ 1 (mod 2), n ≥ 3"),
    "three levels": (UNetConfig(levels=3, norm="group", residual=True), "n ≡ 0 (mod 8), n ≥ 8"),
    "a preset": ("milesial", "n ≥ 16"),
    "four levels": (unet(4), "n ≡ 0 (mod 16), n ≥ 16"),
    "six levels": (unet(6), "n ≡ 0 (mod 64), n ≥ 64"),
    "2015": (ronneberger2015(), "n ≡ 12 (mod 16), n ≥ 188"),
    "resnet": (resnet_unet(), "n ≡ 0 or 31 (mod 32), n ≥ 31"),
    "strided": (strided_unet(4), "n ≡ 0 or 15 (mod 16), n ≥ 15"),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("network", "sizes"), KNOWN.values(), ids=KNOWN)
def test_a_certificate_proves_the_known_sizes_and_can_be_saved(network, sizes, tmp_path):
    certificate = certify(network)
    assert str(certificate.sizes) == sizes
    save_certificate(certificate, tmp_path / "c.json")
    loaded = load_certificate(tmp_path / "c.json")
    assert loaded == certificate
    verify(loaded)


@pytest.mark.parametrize("network", sparse([*PRESETS, UNet2Config(), UNetConfig()], 3), ids=str)
def test_every_preset_and_config_is_certified_with_its_compatible_sizes(network):
    certified = set()
    for axis, fit in enumerate(compatible_shapes(network).axes):
        if fit not in certified:  # axes that are alike have one statement
            certificate = certify(network, axis=axis)
            assert certificate.sizes == fit
            assert certificate.network == graph_of(network)
            certified.add(fit)


def test_each_axis_is_certified_with_sizes_of_its_own():
    assert [certify(VOLUME, axis=axis).sizes.period for axis in range(3)] == [1, 2, 2]
    with pytest.raises(UsageError, match="the axes have different sizes"):
        certify(VOLUME)
    with pytest.raises(UsageError, match="no such axis"):
        certify(VOLUME, axis=3)


def test_a_network_on_a_mesh_has_a_certificate_like_any_other():
    split = on_mesh("unet2", {"height": 4})
    certificate = certify(split, axis=0)
    assert str(certificate.sizes) == "n ≡ 0 (mod 8), n ≥ 8"
    verify(certificate)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", sparse(ARCHITECTURES, 4))
def test_every_published_architecture_is_certified_along_every_axis(name):
    network = graph(ARCHITECTURES[name])
    for axis in range(network.axes):
        assert certify(network, axis=axis).sizes == compatible_sizes(network, axis)


def test_a_network_that_is_too_hard_to_solve_is_not_certified():
    with pytest.raises(WellshapedError, match="not_solved: too hard to solve"):
        certify(HARD)


def certifiable(network):
    """Whether Z3 proves the certificate in a few seconds. It may give up, but must never find it false."""
    message = ""
    try:
        certify(network, seconds=5)
    except WellshapedError as error:
        message = str(error)
    assert not message or "Z3 gave no answer" in message
    return not message


@settings(max_examples=30)
@given(networks(max_levels=3))
def test_random_networks_can_be_certified_for_all_sizes(network):
    assert certifiable(network)


@pytest.mark.parametrize(("strategy", "count"), [(graphs(), 40)], ids=["graphs"])
def test_nearly_all_of_a_few_dozen_random_graphs_are_certified(strategy, count):
    assert certified(strategy, count) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "count"), [(networks(), 40)], ids=["networks"])
def test_nearly_all_of_a_few_dozen_random_networks_are_certified(strategy, count):
    assert certified(strategy, count) >= 0.9


@pytest.mark.exhaustive
@pytest.mark.parametrize(("strategy", "count"), [(graphs(), 150), (networks(), 100)], ids=["graphs", "networks"])
def test_nearly_all_of_hundreds_of_random_networks_are_certified(strategy, count):
    assert certified(strategy, count) >= 0.95


def certified(strategy, count):
    """The share of the networks drawn that Z3 certifies."""
    answers = []

    @settings(max_examples=count, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def certify_one(network):
        answers.append(certifiable(network))

    certify_one()
    assert len(answers) >= count
    return sum(answers) / len(answers)


def edited(change):
    data = certify(UNet2Config()).to_dict()
    change(data)
    return data


def changed(name, /, **fields):
    """Change these fields of the node ``name``; the value ``...`` removes a field."""

    def change(data):
        (node,) = (node for node in data["network"]["nodes"] if node["name"] == name)
        node.update(fields)
        for key, value in fields.items():
            if value is ...:
                del node[key]

    return change


EDITS = {
    "a larger set": lambda d: d["sizes"].update(progressions=[[2, 1, None]], says="n ≥ 2"),
    "its text": lambda d: d["sizes"].update(says="n ≥ 1"),
    "another kernel": changed("pooled", kernel=3),
    "another input": changed("pooled", inputs=["s1"]),
    "another operation": changed("up", op="Window", channels=...),
    "no last requirement": lambda d: d["network"]["nodes"].pop(),
    "a requirement less": changed("down1_1 keeps", op="Activation", equal=..., inputs=["down1_1"]),
    "an input of a single position": lambda d: d["network"].update(inputs={"x": {"channels": 1, "single": True}}),
    "a default that is written out": changed("up", output_padding=0),
    "an input that is a text": changed("pooled", inputs="skip1"),
    "a key more in a node": changed("up", rule=""),
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
    "not a statement": lambda d: d.update(statement="(("),
}


@pytest.mark.parametrize("change", EDITS.values(), ids=EDITS)
def test_an_edited_certificate_is_rejected(change, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(edited(change)))
    with pytest.raises(WellshapedError, match="edited or forged"):
        verify(load_certificate(path))


def test_a_certificate_forged_throughout_is_refuted_with_a_size(tmp_path):
    from wellshaped.proofs_of_shape.smt_reading import refutation_text

    network, sizes = graph_of(UNet2Config()), SizeSet([Progression(3, 2, None)])
    statement = refutation_text(certificates.statement_of(network, 0, sizes), ("n",))
    with pytest.raises(CertificateError, match="not true: it fails for n = "):
        verify(certificates.Certificate(network, 0, sizes, statement, "Z3"))


def test_the_sizes_of_one_axis_are_refuted_on_another():
    certificate = certify(VOLUME, axis=0)
    with pytest.raises(CertificateError, match="edited or forged"):
        verify(replace(certificate, axis=1))
    statement = certificates.statement_of(VOLUME, 1, certificate.sizes)
    text = certificates.refutation_text(statement, ("n",))
    with pytest.raises(CertificateError, match="not true: it fails for n = "):
        verify(replace(certificate, axis=1, statement=text))


def test_a_certificate_of_the_first_form_gets_one_message_that_says_so(tmp_path):
    steps = [{"step": "Save", "name": "skip"}, {"step": "Window", "kernel": 2, "stride": 2}]
    old = {"network": {"steps": steps, "returns_its_size": False}, "sizes": {}, "statement": "", "prover": "Z3 4.13"}
    (tmp_path / "c.json").write_text(json.dumps(old))
    with pytest.raises(FileError) as error:
        load_certificate(tmp_path / "c.json")
    assert str(error.value) == (
        f"certificate {tmp_path / 'c.json'} can't be read.\n"
        "  form: another form of certificate: it has the form of the first version, and must have the form 'graph 1'.\n"
        "  fix: certify(network)"
    )
    (tmp_path / "c.json").write_text(json.dumps(edited(lambda d: d.update(form="graph 2"))))
    with pytest.raises(FileError, match="form: another form of certificate: it has the form 'graph 2', and must have"):
        load_certificate(tmp_path / "c.json")


def test_a_key_that_stands_twice_is_rejected(tmp_path):
    text = json.dumps(certify(UNet2Config()).to_dict())
    (tmp_path / "c.json").write_text(text[:-1] + ', "sizes": {}}')
    with pytest.raises(FileError, match="the key 'sizes' occurs 2 times"):
        load_certificate(tmp_path / "c.json")


def test_progressions_that_would_fill_the_memory_are_rejected(tmp_path):
    data = edited(lambda d: d["sizes"].update(progressions=[[0, 1, None], [0, 10**9, None]]))
    (tmp_path / "c.json").write_text(json.dumps(data))
    with pytest.raises(FileError, match="infinite progressions with different steps"):
        load_certificate(tmp_path / "c.json")


def put(value, *keys):
    """Set the value at the end of the keys; the value ``...`` removes the last key."""

    def change(data):
        for key in keys[:-1]:
            data = data[key]
        if value is ...:
            del data[keys[-1]]
        else:
            data[keys[-1]] = value

    return change


KEYS = "form, network, axis, sizes, statement, prover"
FORM = '"form": "graph 1", '
POOLED = ("network", "nodes", 6)
NOT_CERTIFICATES = {
    "": "Expecting value: line 1 column 1 (char 0)",
    "[]": f"the file is a list, and must be an object with the keys {KEYS}",
    "3": "the file is a number, and must be an object",
    "{}": f"the file lacks the keys {KEYS}",
    "[" * 30_000: "it is nested too deeply",
    '{"a": ' * 30_000: "it is nested too deeply",
    f'{{{FORM}"network": 3, "axis": 0, "sizes": {{}}, "statement": "", "prover": ""}}': "network of the file is",
    '{"network": NaN}': "NaN is not a number",
    '{"network": ' + "9" * 301 + "}": "a number has 301 digits, and may have at most 300",
    '{"network": ' + "9" * 9999 + "}": "a number has 9999 digits, and may have at most 300",
}
NOT_CERTIFIED = {
    "no statement": (put(..., "statement"), "the file lacks the key statement"),
    "a statement that is a number": (put(3, "statement"), "statement of the file is a number, and must be a string"),
    "no axis": (put(..., "axis"), "the file lacks the key axis"),
    "an axis that the network does not have": (put(2, "axis"), "the network has 2 axes, counted from 0"),
    "an axis by its name": (put("height", "axis"), "axis='height' is a str"),
    "an axis that is true": (put(True, "axis"), "axis=True is a bool"),
    "an axis that is a float": (put(0.0, "axis"), "axis=0.0 is a float"),
    "four axes": (put(4, "network", "axes"), "the network has axes=4, and must have 1, 2 or 3"),
    "not a truth value": (put("true", "network", "nodes", 1, "equal"), "is a str, and must be True or False"),
    "no nodes": (
        put(..., "network", "nodes"),
        "the network lacks the key nodes",
    ),
    "nodes that are no list": (put({}, "network", "nodes"), "nodes of the network is an object, and must be a list"),
    "a node that is a list": (put([], *POOLED), "node 6 is a list, and must be an object"),
    "an unknown operation": (put("Leap", *POOLED, "op"), "no such operation: node pooled: 'Leap' (did you mean"),
    "a node without its kernel": (put(..., *POOLED, "kernel"), "a key is missing: node pooled: kernel"),
    "an unknown field": (put(2, *POOLED, "colour"), "there is no such key: node pooled: 'colour'"),
    "a negative kernel": (put(-1, *POOLED, "kernel"), "not a natural number: node pooled: kernel=-1 is negative"),
    "a kernel that is a float": (
        put(2.0, *POOLED, "kernel"),
        "not a natural number: node pooled: kernel=2.0 is a float",
    ),
    "a kernel that is true": (put(True, *POOLED, "kernel"), "not a natural number: node pooled: kernel=True is a bool"),
    "kernels for three axes": (put([2, 2, 2], *POOLED, "kernel"), "kernel has numbers for 3 axes"),
    "a name that is a list": (put([], *POOLED, "name"), "node 6: "),
    "a name twice": (put("skip1", *POOLED, "name"), "the name skip1 is used twice"),
    "an input that is not known": (
        put(["skip"], *POOLED, "inputs"),
        "pooled takes skip, which is neither an earlier node nor",
    ),
    "inputs that are numbers": (
        put([3], *POOLED, "inputs"),
        "not a name: node pooled: inputs=3 is an int, and must be a str",
    ),
    "an output that is not known": (put(["z"], "network", "outputs"), "the output z is neither a node nor an input"),
    "channels that do not add up": (put(7, "network", "nodes", 7, "groups"), "down2_1: the input has 64 channels"),
    "no inputs": (put({}, "network", "inputs"), "must have at least one input"),
    "no such choice": (put("up", *POOLED, "padding"), "no such choice: node pooled: padding='up' must be one"),
    "sizes that are a list": (put([], "sizes"), "sizes of the file is a list, and must be an object"),
    "a progression of two": (put([2, 2], "sizes", "progressions", 0), "progression 0 is [2, 2], and must be a list of"),
    "a progression of text": (put(["2", 2, None], "sizes", "progressions", 0), "progression 0: first='2' is a str"),
    "a progression without a step": (put([2, None, None], "sizes", "progressions", 0), "step=None is a NoneType"),
}


@pytest.mark.parametrize(("text", "says"), NOT_CERTIFICATES.items(), ids=range(len(NOT_CERTIFICATES)))
def test_the_command_verify_rejects_a_file_that_is_not_a_certificate(text, says, tmp_path, capsys):
    path = tmp_path / "c.json"
    path.write_text(text)
    assert main(["verify", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"certificate {path} can't be read."
    assert f"syntax: it is not a certificate: {says}" in lines[1]
    assert lines[2:] == ["  fix: wellshaped certify milesial, for example"]


@pytest.mark.parametrize(("change", "says"), NOT_CERTIFIED.values(), ids=NOT_CERTIFIED)
def test_the_error_for_an_ill_formed_part_names_its_place(change, says, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(edited(change)))
    with pytest.raises(FileError, match=re.escape(says)) as error:
        load_certificate(path)
    assert str(error.value).startswith(f"certificate {path} can't be read.\n  syntax: it is not a certificate: ")


TOO_LARGE = {
    "nodes": (lambda d: d["network"].update(nodes=d["network"]["nodes"] * 100), "it has 2300 nodes, and may"),
    "inputs": (
        lambda d: d["network"].update(inputs={str(i): 1 for i in range(1001)}),
        "it has 1001 inputs, and may have at most 1000",
    ),
    "inputs of nodes": (changed("merged", inputs=["x"] * 10_001), "it has 100[0-9]+ inputs of nodes, and may"),
    "a node's name": (changed("merged", name="m" * 201), "name has a text of 201 letters, and may have at most 200"),
    "the name of an input": (changed("merged", inputs=["m" * 201]), "inputs has a text of 201 letters"),
    "a key": (changed("merged", **{"m" * 201: 1}), "a key has a text of 201 letters"),
    "a rule": (changed("merged", rule="m" * 201), "rule has a text of 201 letters"),
    "a layer": (changed("up", layer="m" * 201), "layer has a text of 201 letters"),
    "the prover": (lambda d: d.update(prover="Z3" * 101), "prover has a text of 202 letters"),
    "progressions": (lambda d: d["sizes"].update(progressions=[[2, 2, 1]] * 201), "it has 201 progressions, and may"),
    "bytes": (lambda d: d.update(prover="Z3" * 2**19), "bytes, and a certificate has at most 1048576"),
    "parts": (
        lambda d: d["sizes"].update(progressions=[[0, 4, 10**20], [1, 10**9 + 1, 10**20]]),
        "and at most 50000 are possible",
    ),
}


@pytest.mark.parametrize(("change", "says"), TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_certificate_that_is_too_large_to_prove_is_rejected_at_once(change, says, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(edited(change)))
    with soon(), pytest.raises(FileError, match=says):
        load_certificate(path)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ([[0, 4, 10**12], [2, 4, 10**12]], "text: edited or forged"),
        ([[0, 4, 10**12], [2, 4, 10**12], [1, 2, None]], "text: edited or forged"),
        ([[0, 4, 10**12], [1, 6, 10**12], [3, 10, 10**12]], "text: edited or forged"),
        ([[10**299, 10**299, 10**299]], "text: edited or forged"),  # its largest size has 599 digits
    ],
)
def test_sizes_that_would_take_forever_to_list_are_answered_at_once(parts, says, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps(edited(lambda d: d["sizes"].update(progressions=parts))))
    with soon(), pytest.raises(FileError, match=says):
        load_certificate(path)


def test_a_set_of_sizes_as_it_is_written_here_can_be_saved_and_loaded(tmp_path):
    sets = [
        SizeSet([Progression(2, 1, 1), Progression(2, 1, 1), Progression(5, 1, 1)]),
        SizeSet([Progression(0, 4, 10**12), Progression(2, 4, 10**12), Progression(1, 6, 10**12)]),
        SizeSet([Progression(12, 16, 3)] + [Progression(100 + i, 16, None) for i in range(16)]),
        SizeSet([Progression(10**299, 10**299, 10**299)]),
    ]
    for sizes in sets:
        certificate = certificates.Certificate(unet(1), 0, sizes, "", "")
        save_certificate(certificate, tmp_path / "c.json")
        assert load_certificate(tmp_path / "c.json") == certificate


def chain(*operations, names="n{}"):
    """A network along one axis, of these operations one after the other."""
    return Network({"x": 1}, [Node(names.format(i), operation) for i, operation in enumerate(operations)], axes=1)


NOT_HELD = {
    "a number": (
        graph_of(UNet2Config(up_kernel=10**300)),
        "digits: a number is too long: kernel=1000…000 \\(301 digits\\), and a number may",
    ),
    "a long number": (
        graph_of(UNet2Config(up_kernel=10**5000)),
        "kernel=1000…000 \\(5001 digits\\), and a number may have at most 300 digits",
    ),
    "sizes": (
        chain(Window(9 * 10**299), Window(9 * 10**299)),
        "first=1799…999 \\(301 digits\\), and a number may",
    ),
    "nodes": (chain(*(Window(1),) * 1001), "it has 1001 nodes, and may have at most 1000"),
    "inputs": (Network([Input(f"x{i}") for i in range(1001)], ()), "it has 1001 inputs, and may have at most 1000"),
    "inputs of nodes": (
        Network({"x": 1}, [Node(f"n{i}", Concat(), ("x",) * 1001) for i in range(10)]),
        "it has 10010 inputs of nodes, and may have at most 10000",
    ),
    "bytes": (
        Network({"x": 1}, [Node(f"{i:0200}", Window(1), layer="l" * 200, rule="r" * 200) for i in range(1000)]),
        "its file would have [0-9]+ bytes, and may have at most",
    ),
}


@pytest.mark.parametrize(("network", "says"), NOT_HELD.values(), ids=NOT_HELD)
def test_what_a_certificate_cannot_hold_is_not_certified(network, says, tmp_path):
    with pytest.raises(WellshapedError, match=says):
        certify(network)
    with pytest.raises(WellshapedError):
        save_certificate(certificates.Certificate(network, 0, SizeSet(), "x" * 2**20, ""), tmp_path / "c.json")
    assert list(tmp_path.iterdir()) == []


def test_a_long_text_of_the_prover_is_not_saved_and_not_verified(tmp_path):
    certificate = replace(certify(UNet2Config()), prover="Z3" * 101)
    for ask in (verify, lambda it: save_certificate(it, tmp_path / "c.json")):
        with pytest.raises(WellshapedError, match="prover has a text of 202 letters, and may have at most 200"):
            ask(certificate)


@pytest.mark.parametrize("other", [{}, [], None, "certificate.json"])
def test_only_a_certificate_is_verified_or_saved(other, tmp_path):
    with pytest.raises(UsageError, match="and must be a Certificate"):
        verify(other)
    with pytest.raises(UsageError, match="and must be a Certificate"):
        save_certificate(other, tmp_path / "c.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_only_a_regular_file_is_read_and_no_other_is_waited_for(tmp_path):
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "c.txt").touch()
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.json")
    for name, says in {
        "folder.json": "it is a folder",
        "pipe.json": "it is not a regular file",
        "zero.json": "it is not a regular file",
        "none.json": "there is no such file",
        "c.txt": "its suffix is '.txt', and must be .json",
    }.items():
        with pytest.raises(FileError, match=says):
            load_certificate(tmp_path / name)
        with pytest.raises(FileError, match=says):
            load_certificate(str(tmp_path / name))


def test_a_text_that_utf_8_does_not_have_is_saved_and_loaded(tmp_path):
    certificate = certificates.Certificate(chain(Window(1), names="é"), 0, SizeSet(), "", "\udfff")
    save_certificate(certificate, tmp_path / "c.json")
    assert load_certificate(tmp_path / "c.json") == certificate


def test_z3_keeps_its_time_for_the_largest_certificates():
    network, sizes = (
        chain(*(SpaceToDepth(7),) * 100),
        SizeSet(Progression(i * i % 20_011, 20_011, None) for i in range(200)),
    )
    statement = certificates.refutation_text(certificates.statement_of(network, 0, sizes), ("n",))
    started = perf_counter()
    with pytest.raises(CertificateError, match=r"not (true|proved)"):
        verify(certificates.Certificate(network, 0, sizes, statement, ""), seconds=1)
    assert perf_counter() - started < 10


def test_a_trillion_axes_are_answered_at_once(tmp_path):
    nodes = [{"name": "y", "op": "SpaceToDepth", "block": 2, "inputs": ["x"]}]
    data = edited(lambda d: d["network"].update(nodes=nodes, axes=10**12))
    (tmp_path / "c.json").write_text(json.dumps(data))
    with soon(), pytest.raises(FileError, match="the network has axes=1000000000000, and must have 1, 2 or 3"):
        load_certificate(tmp_path / "c.json")


def test_channels_with_a_million_digits_are_answered_soon(tmp_path):
    """A thousand blocks of 10²⁹⁹ positions: the last channels have nearly a million digits."""
    data = edited(lambda d: d["network"].update(nodes=[{"name": "x0", "op": "SpaceToDepth", "block": 10**299}]))
    data["network"].update(axes=3, outputs=["x0"])
    data["network"]["nodes"] += [{**data["network"]["nodes"][0], "name": f"x{i}"} for i in range(1, 1000)]
    (tmp_path / "c.json").write_text(json.dumps(data))
    with soon(), pytest.raises(FileError, match="edited or forged"):
        load_certificate(tmp_path / "c.json")


def test_a_rule_of_a_file_is_a_name_and_never_a_format(tmp_path):
    path = tmp_path / "c.json"
    for rule in ("{x}", "{", "{0.__class__}", "{:>999999999999}"):
        path.write_text(json.dumps(edited(changed("merged", rule=rule))))
        verify(load_certificate(path))


def test_a_certificate_says_its_sizes_and_its_nodes_one_a_line():
    says = certify(UNet2Config()).says().splitlines()
    assert says[0] == "along each axis, size n fits this network if and only if n ≡ 0 (mod 2), n ≥ 2"
    assert says[1:4] == ["  x: an input", "  down1_1: Conv(kernel=3, channels=64, padding=1) of x", says[3]]
    assert "  merged: Concat() of skip1, up" in says
    assert len(says) == 2 + len(graph_of(UNet2Config()).nodes)
    assert certify(UNet2Config(conv_padding=0)).says().startswith("no size fits this network\n  x: an input\n")
    assert certify(VOLUME, axis=2).says().startswith("along height and width, size n fits this network if and only if ")
    assert certify(VOLUME, axis=0).says().startswith("a depth n fits this network if and only if ")
    alike = Network({"x": 1}, (Node("y", Conv((3, 5), padding=(1, 2))), Node("z", Concat(), ("x", "y"))))
    assert compatible_sizes(alike) == compatible_sizes(alike, 1)
    assert certify(alike).says().startswith("a height n fits this network ")  # the width has another statement
    gated = Network([Input("x"), Input("t", single=True)], (Node("y", Add(broadcast="positions"), ("x", "t")),))
    assert "\n  t: an input of a single position\n" in certify(gated).says()


def test_the_commands_certify_and_verify(tmp_path, capsys):
    path = str(tmp_path / "c.json")
    assert main(["certify", "--pool-kernel", "3", "--up-kernel", "3", "--output", path]) == 0
    assert "n ≡ 1 (mod 2), n ≥ 3" in capsys.readouterr().out
    assert main(["verify", path, "--nodes"]) == 0
    printed = capsys.readouterr().out
    assert "holds: along each axis, size n fits" in printed
    assert "pooled: MaxPool(kernel=3, stride=2) of skip1" in printed
    assert main(["verify", str(tmp_path / "none.json")]) == 2
    assert "can't be read" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_prove_prints_the_ledger(capsys, monkeypatch):
    few = [theorem for theorem in THEOREMS if theorem.name.startswith(("round_trip", "transposed_editions"))]
    monkeypatch.setattr("wellshaped.proofs_of_shape.THEOREMS", few)
    assert main(["prove", "--by", "enumeration"]) == 0
    printed = capsys.readouterr().out
    assert "round_trip " in printed
    assert "refuted" in printed
    assert main(["prove", "--by", "enumeration,enumeration"]) == 0
    assert capsys.readouterr().out.count("round_trip ") == 2
    assert main(["prove", "--by"]) == 2
    assert "name at least one prover" in capsys.readouterr().err
    assert main(["prove", "--by", "hand"]) == 2
    assert "no such prover" in capsys.readouterr().err
    assert main(["prove", "--seconds", "0"]) == 2
    assert "must be a number above 0" in capsys.readouterr().err
    monkeypatch.setattr("wellshaped.proofs_of_shape.provers.choice.PROVERS", {"z3": lambda *_: ("unknown", None, "")})
    assert main(["prove", "--by", "z3", "--seconds", "2"]) == 1
    assert "no answer in 2 seconds. Try more --seconds" in capsys.readouterr().out


def test_a_preset_and_a_family_with_any_number_of_levels_can_be_certified_by_name(tmp_path, capsys):
    path = str(tmp_path / "c.json")
    assert main(["certify", "smp_resnet34", "--output", path]) == 0
    out = capsys.readouterr().out
    assert "along each axis, size n fits smp_resnet34 if and only if n ≡ 0 or 31 (mod 32), n ≥ 31" in out
    assert "the proof is about" not in out
    assert main(["certify", "unet", "--levels", "3", "--norm", "instance", "--output", path]) == 0
    assert (
        "\nthe proof is about each axis alone; together, some combinations of these sizes are too small"
        in capsys.readouterr().out
    )
    assert main(["certify", "unet", "--levels", "3", "--output", path]) == 0
    certificate = load_certificate(tmp_path / "c.json")
    assert certificate.network == graph_of(UNetConfig(levels=3))
    assert certificate.sizes == certify(unet(3)).sizes


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["vnet"], "'vnet' is not a preset"),
        (["smp_resnet34", "--levels", "3"], "smp_resnet34 is a fixed network, which has no --levels"),
        (["unet", "--levels", "-1"], "it is negative"),
    ],
)
def test_the_command_certify_rejects_words_that_name_no_network(words, says, capsys):
    assert main(["certify", *words]) == 2
    message = capsys.readouterr().err
    assert says in message
    assert "fix: " in message


HALOS = {
    "milesial": "107 before and 107 after (94 and 94 for cores at multiples of the total stride)",
    "smp_resnet34": "543 before and 512 after (513 and 482 for cores at multiples of the total stride)",
    "ronneberger2015": "15 before and 199 after (0 and 188 for cores at multiples of the total stride)",
    "unet3d": "7 before and 95 after (0 and 92 for cores at multiples of the total stride)",
    "pix2pix": "765 before and 765 after (511 and 511 for cores at multiples of the total stride)",
}


@pytest.mark.parametrize("name", sparse(HALOS, 3))
def test_a_certificate_proves_the_halo_and_can_be_saved(name, tmp_path):
    certificate = certify(name, axis=0, halo=True)
    assert str(certificate.halo) == HALOS[name]
    assert certificate.claim(name).endswith(f"; its halo is {HALOS[name]}")
    save_certificate(certificate, tmp_path / "c.json")
    loaded = load_certificate(tmp_path / "c.json")
    assert loaded == certificate
    verify(loaded)


CENTRED = Network({"x": 1}, (Node("pooled", MaxPool(4)), Node("up", Resize(4)), Node("y", CropTo(), ("x", "up"))))
"""A centred crop of a signal: it starts at 0 or 1, depending on the remainder of the size."""


def test_the_ways_of_a_crop_that_depends_on_the_size_are_all_in_the_statement():
    certificate = certify(CENTRED, axis=0, halo=True)
    assert certificate.halo.ways == (4, 6)
    lacking = replace(certificate.halo, ways=(4,))
    statement = halo_statement(CENTRED, 0, certificate.sizes, lacking)
    with pytest.raises(CertificateError, match="it fails for n = "):
        verify(replace(certificate, halo=replace(lacking, statement=statement)))


def forged_halo(certificate, **changes):
    """The certificate with another halo, and the statement that belongs to it."""
    halo = replace(certificate.halo, **changes)
    statement = halo_statement(certificate.network, certificate.axis, certificate.sizes, halo)
    return replace(certificate, halo=replace(halo, statement=statement))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("by", [-1, 1])
def test_a_halo_that_is_smaller_or_larger_by_one_is_not_verified(number, by):
    certificate = certify("attention_unet", halo=True)
    amounts = [*certificate.halo.amounts]
    amounts[number] += by
    forged = forged_halo(certificate, aligned=tuple(amounts[:2]), any=tuple(amounts[2:]))
    with pytest.raises(CertificateError, match="at its examples, the network reads another number of positions"):
        verify(forged)
    if by < 0:  # without the example, Z3 finds a position that reads further
        with pytest.raises(CertificateError, match=r"it fails for n = \d+ and t = \d+"):
            certificates._prove(forged.statements, 60)


@pytest.mark.parametrize(
    ("network", "says"),
    [
        ("monai_basicunet", r"unbounded: conv_0.conv_0.adn.N \(instance norm\) reads the whole image"),
        ("u2net_rsu7", r"ratio: up5 \(linear resize\) reads by a ratio of two sizes"),
        ("demucs", "too many classes"),
    ],
)
def test_a_network_without_a_halo_gets_no_certificate_of_it(network, says):
    with pytest.raises(WellshapedError, match=says):
        certify(network, axis=0, halo=True)


@examples(15)
@given(graphs() | networks(max_levels=3))
def test_the_halo_of_a_random_network_is_certified(network):
    """Z3 may need too long, but it must never find the halo wrong."""
    message = ""
    try:
        found = certify(network, axis=0, halo=True, seconds=5).halo.any
    except WellshapedError as error:
        message = str(error)
    if not message:
        assert found == receptive_field(network).halo[0]
    assert "it fails for" not in message


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"aligned": [1]}, "the halo must be two pairs of natural numbers"),
        ({"any": [1, -1]}, "the halo must be two pairs of natural numbers"),
        ({"examples": []}, "its examples four"),
        ({"ways": []}, "a list of sizes, with at least one"),
        ({"ways": [2] * 17}, "it has 17 ways, and may have at most 16"),
        ({"statement": 3}, "statement of the halo is a number"),
        ({"any": None}, "any of the halo is null"),
    ],
)
def test_a_halo_that_is_none_is_rejected(change, says, tmp_path):
    save_certificate(certify(UNet2Config(), halo=True), path := tmp_path / "c.json")
    data = json.loads(path.read_text())
    data["halo"] |= change
    path.write_text(json.dumps(data))
    with pytest.raises(FileError, match=says):
        load_certificate(path)


def test_the_commands_certify_and_verify_the_halo(tmp_path, capsys):
    path = str(tmp_path / "c.json")
    assert main(["certify", "unet2", "--halo", "--output", path]) == 0
    assert "its halo is 9 before and 9 after (8 and 8 for cores at multiples of the total stride)" in " ".join(
        capsys.readouterr().out.split()
    )
    assert main(["verify", path]) == 0
    assert "its halo is 9 before and 9 after (8 and 8 for cores at multiples of the total stride)" in " ".join(
        capsys.readouterr().out.split()
    )
    assert main(["certify", "monai_unet", "--halo", "--output", path]) == 1
    assert "reads the whole image" in " ".join(capsys.readouterr().err.split())
