"""Certificates: files with which anybody can check that exactly these sizes fit a network. Z3 proves it for all n.

A certificate is a small JSON file with the network, an axis, the set of sizes, and the statement as SMT-LIB. It may
also have the network's halo, with a statement of its own. Verifying starts from scratch. It builds each statement again
from the network and the claim, which shows an edit of any of them, and proves it again. Every file gets an answer in
bounded time: reading has the limits of :mod:`.certificate_data`, and the proof has a time limit.

The statement is about one axis. It leaves out everything that changes no size, such as names and channels.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from ..spec.answers.any_network import AnyNetwork, graph_of
from ..spec.answers.compatibility import compatible_sizes
from ..spec.arithmetic.naturals import natural
from ..spec.arithmetic.size_set import SizeSet
from ..spec.files.disk import OutputError, fault_of, path_of, read_text, replacing, wrong_suffix
from ..spec.files.formats import strict_json
from ..spec.files.models import read_model
from ..spec.messages.report import FileError, UsageError, WellshapedError
from ..spec.messages.written import MAX_WRITTEN_DIGITS, clipped, in_words, kind_of
from ..spec.network import Network, data_of, run
from ..spec.network.running import axis_of
from .certificate_data import (
    FORM,
    certified_network,
    data_of_halo,
    data_of_sizes,
    halo_from,
    not_a_certificate,
    require_form,
    require_limits,
    require_object,
    sizes_from,
)
from .certified_halo import CertifiedHalo, halo_of, halo_statement, member, read_in_full
from .provers.limits import milliseconds, require_seconds
from .smt_reading import refutation_text
from .terms import Formula, conjunction, iff, variable

MAX_BYTES = 2**20
"""A certificate's file has at most this many bytes. A usual U-Net needs 1 % of that."""

_SUFFIXES = (".json",)
_KEYS = {"form": str, "network": dict, "axis": int, "sizes": dict, "statement": str, "prover": str}


class CertificateError(WellshapedError):
    """A certificate's statement is false, was edited, or is not proved in time.

    >>> issubclass(CertificateError, WellshapedError), CertificateError.says
    (True, 'is not proved')
    """

    says = "is not proved"


@dataclass(frozen=True, slots=True)
class Certificate:
    """The claim that exactly the ``sizes`` fit ``network`` along ``axis``: only they meet its requirements.

    With a ``halo``, the claim is also that this is how far the first output reads. ``statement`` asks for a
    counterexample ``n``, in SMT-LIB. ``prover``, a name and a version, found no such ``n``. It is only a note:
    :func:`verify` does not rely on it.

    >>> certificate = certify("milesial")
    >>> certificate.axis, print(certificate.sizes)
    n ≥ 16
    (0, None)
    """

    network: Network
    axis: int
    sizes: SizeSet
    statement: str
    prover: str
    halo: CertifiedHalo | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the certificate as plain data for JSON."""
        halo = {} if self.halo is None else {"halo": data_of_halo(self.halo)}
        return {
            "form": FORM,
            "network": data_of(self.network),
            "axis": self.axis,
            "sizes": data_of_sizes(self.sizes),
            **halo,
            "statement": self.statement,
            "prover": self.prover,
        }

    @property
    def axis_names(self) -> tuple[str, ...]:
        """The names of the axes that the statement is about: those for which it reads the same."""
        names = self.network.axis_names
        parts = self.sizes, self.halo
        texts = (_statements(self.network, axis, *parts) for axis in range(len(names)))
        return tuple(name for name, of_it in zip(names, texts, strict=True) if of_it == self.statements)

    @property
    def statements(self) -> tuple[str, ...]:
        """The statement about the sizes, and that about the halo if there is one."""
        return (self.statement,) if self.halo is None else (self.statement, self.halo.statement)

    def claim(self, network: str) -> str:
        """Return a sentence: which sizes fit the network with this name, along which axes.

        >>> certify("nnunet_3d_fullres", axis=0).claim("nnU-Net")
        'a depth n fits nnU-Net if and only if n ≡ 0 (mod 16), n ≥ 16'
        >>> certify("nnunet_3d_fullres", axis=1).claim("nnU-Net")
        'along height and width, size n fits nnU-Net if and only if n ≡ 0 (mod 32), n ≥ 32'
        """
        names = self.axis_names or (self.network.axis_names[self.axis],)
        if not self.sizes:
            return f"no {names[0] if len(names) == 1 else 'size'} fits {network}"
        along = "each axis" if len(names) == self.network.axes else in_words(names)
        subject = f"a {names[0]} n" if len(names) == 1 else f"along {along}, size n"
        halo = "" if self.halo is None else f"; its halo is {self.halo}"
        return f"{subject} fits {network} if and only if {condition_on(self.sizes)}{halo}"

    def says(self) -> str:
        """Return the claim for people to read: the sizes, then the inputs and nodes of the network, one a line.

        >>> from wellshaped.spec import MaxPool, Network, Node, Require, Resize
        >>> nodes = (Node("pooled", MaxPool(2)), Node("up", Resize(2)), Node("y", Require(equal=True), ("up", "x")))
        >>> print(certify(Network({"x": 1}, nodes)).says())
        along each axis, size n fits this network if and only if n ≡ 0 (mod 2), n ≥ 2
          x: an input
          pooled: MaxPool(kernel=2) of x
          up: Resize(factor=2) of pooled
          y: Require(equal=True) of up, x
        """
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield self.claim("this network")
        for given in self.network.inputs:
            yield f"  {given.name}: an input{' of a single position' if given.single else ''}"
        for node in self.network.nodes:
            yield f"  {node.name}: {node.operation!r} of {', '.join(node.inputs)}"


def condition_on(sizes: SizeSet) -> str:
    """Return the condition on ``n`` to be one of the ``sizes``, in words.

    >>> from wellshaped.spec import UNet2Config
    >>> [condition_on(compatible_sizes(UNet2Config(pool_stride=stride))) for stride in (2, 3)]
    ['n ≡ 0 (mod 2), n ≥ 2', 'n is in {2}']
    """
    text = str(sizes)
    return text if text.startswith("n ") else f"n is in {text}"


def statement_of(network: Network, axis: int, sizes: SizeSet) -> Formula | bool:
    """The statement that exactly these sizes fit the network: ``n`` meets every requirement iff it is in the set."""
    n = variable("n")
    requirements = conjunction(*(it.holds for it in run(network, n, axis).requirements))  # type: ignore[arg-type]  # a symbol
    result: Formula | bool = iff(requirements, member(n, sizes))
    return result


def _statements(network: Network, axis: int, sizes: SizeSet, halo: CertifiedHalo | None) -> tuple[str, ...]:
    """The statements about the sizes and the halo, in SMT-LIB."""
    of_sizes = refutation_text(statement_of(network, axis, sizes), ("n",))
    return (of_sizes,) if halo is None else (of_sizes, halo_statement(network, axis, sizes, halo))


def statement_text(network: Network, axis: int, sizes: SizeSet) -> str | None:
    """The statement that exactly these sizes fit, in SMT-LIB; ``None`` if the network is too large for a certificate.

    >>> from wellshaped.spec import UNet2Config
    >>> graph = graph_of(UNet2Config())
    >>> statement_text(graph, 0, compatible_sizes(graph)) == certify(UNet2Config()).statement
    True
    """
    try:
        require_limits(network, sizes)
        certificate = Certificate(network, axis, sizes, refutation_text(statement_of(network, axis, sizes), ("n",)), "")
        _written(certificate)
    except WellshapedError:
        return None
    return certificate.statement


def certify(
    network: AnyNetwork, *, axis: int | str | None = None, halo: bool = False, seconds: float = 60.0
) -> Certificate:
    """Return a certificate that exactly the compatible sizes fit ``network`` along one axis, proved by Z3 for all n.

    ``network`` is a config, the name of a preset, or a graph. ``axis`` is the name of one, such as
    ``"height"``, or its number, counted from 0. You may leave it out if all axes have the same sizes; the first is then
    certified. With ``halo``, the certificate also has the halo of the first output, of
    :func:`wellshaped.spec.receptive_field`, and the proof that no position reads further.

    Raises :class:`CertificateError` if Z3 does not answer within ``seconds`` or finds a counterexample,
    :class:`WellshapedError` if the network is too large for a certificate (1 000 nodes, 200 progressions of sizes,
    numbers of 300 digits, names of 200 letters) or has no halo along an axis, and whatever :func:`compatible_sizes`
    raises.

    >>> from wellshaped.spec import UNet2Config
    >>> certify(UNet2Config()).sizes
    <SizeSet n ≡ 0 (mod 2), n ≥ 2>
    >>> print(certify("milesial", halo=True).halo)
    107 before and 107 after (94 and 94 for cores at multiples of the total stride)
    """
    graph = graph_of(network)
    require_limits(graph, SizeSet())
    sizes = compatible_sizes(graph, axis)
    require_limits(graph, sizes)
    along = 0 if axis is None else axis_of(graph, axis)
    of_tiles = halo_of(graph, along, sizes) if halo else None
    statement = refutation_text(statement_of(graph, along, sizes), ("n",))
    certificate = Certificate(graph, along, sizes, statement, "", of_tiles)
    _written(certificate)  # raises now, before the proof, if the certificate can't be saved
    return replace(certificate, prover=_prove(certificate.statements, seconds))


def _prove(statements: Sequence[str], seconds: float) -> str:
    """Return the prover's name and version if it proves the statements, and raise :class:`CertificateError` if not."""
    import z3

    require_seconds(seconds)
    end = perf_counter() + seconds
    for statement in statements:
        _prove_one(statement, seconds, end - perf_counter())
    return f"Z3 {z3.get_version_string()}"


def _prove_one(statement: str, seconds: float, left: float) -> None:
    """Raise :class:`CertificateError` if Z3 does not prove the statement in the time that is ``left``."""
    import z3

    solver = z3.Solver()
    solver.set("timeout", milliseconds(left))
    solver.from_string(statement)
    answer = solver.check()
    if answer == z3.sat:
        found = {name: clipped(str(solver.model().eval(z3.Int(name), model_completion=True))) for name in ("n", "t")}
        position = f" and t = {found['t']}" if "declare-const t " in statement else ""
        says = f"it fails for n = {found['n']}{position}"
        raise CertificateError.of("the certificate", "statement", "not true", says, "certify the network again")
    if answer != z3.unsat:
        says = f"Z3 gave no answer in {seconds} seconds: {solver.reason_unknown()}"
        raise CertificateError.of(
            "the certificate", "statement", "not proved", says, "more seconds, or a smaller network"
        )


def verify(certificate: Certificate, *, seconds: float = 60.0) -> None:
    """Check a certificate from scratch: build its statement again from the network and its claim, and prove it again.

    Raises :class:`CertificateError` if the statement is a different one or is not proved, :class:`WellshapedError` if
    the certificate exceeds a limit, and :class:`UsageError` if it is not a :class:`Certificate`.

    >>> certificate = certify("milesial")
    >>> verify(certificate)
    >>> try:
    ...     verify(replace(certificate, sizes=SizeSet()))
    ... except CertificateError as error:
    ...     print(error)
    the certificate is not proved.
      statement: edited or forged: its network and sizes give another statement.
      fix: certify the network again
    """
    _require_certificate(certificate)
    require_limits(certificate.network, certificate.sizes, certificate.prover)
    parts = certificate.network, certificate.axis, certificate.sizes
    halo = certificate.halo
    if halo is not None and not read_in_full(*parts, halo):
        says = "at its examples, the network reads another number of positions than the halo"
        raise CertificateError.of("the certificate", "halo", "edited or forged", says, "certify the network again")
    if certificate.statements != _statements(*parts, halo):
        says = "its network and sizes give another statement"
        raise CertificateError.of("the certificate", "statement", "edited or forged", says, "certify the network again")
    _prove(certificate.statements, seconds)


def _require_certificate(certificate: object) -> None:
    if not isinstance(certificate, Certificate):
        says = f"it is {kind_of(certificate)}, and must be a Certificate"
        raise UsageError.of("the certificate", "type", "", says, "load_certificate(path)")


def save_certificate(certificate: Certificate, path: str | os.PathLike[str]) -> None:
    """Write a certificate to a .json file, all at once or not at all.

    Raises :class:`FileError` if the suffix of ``path`` is not ``.json`` or it can't be written,
    :class:`WellshapedError` if the certificate exceeds a limit, and :class:`UsageError` if it is not a
    :class:`Certificate`.

    >>> from pathlib import Path
    >>> import tempfile; path = Path(tempfile.mkdtemp()) / "milesial.json"
    >>> save_certificate(certify("milesial"), path)
    >>> load_certificate(path).sizes
    <SizeSet n ≥ 16>
    """
    _require_certificate(certificate)
    path = path_of(path, "certificate", _SUFFIXES, OutputError)
    if path.suffix not in _SUFFIXES:
        raise wrong_suffix(f"certificate {path}", path, _SUFFIXES)
    require_limits(certificate.network, certificate.sizes, certificate.prover)
    text = _written(certificate)
    with replacing(path) as new:
        new.write_bytes(text)


def _written(certificate: Certificate) -> bytes:
    """Return the bytes of the file. Raises :class:`WellshapedError` if there are more than :data:`MAX_BYTES`."""
    text = json.dumps(certificate.to_dict(), indent=1, ensure_ascii=False) + "\n"
    raw = text.encode("utf-8", "backslashreplace")  # a lone surrogate becomes its own JSON escape
    if len(raw) > MAX_BYTES:
        says = f"its file would have {len(raw)} bytes, and may have at most {MAX_BYTES}"
        raise WellshapedError.of("certifying the network", "bytes", "too large to save", says, "a smaller network")
    return raw


def load_certificate(path: str | os.PathLike[str]) -> Certificate:
    """Return the certificate in a .json file.

    Raises :class:`FileError`, which says what is wrong, if :func:`save_certificate` can't have written the file. Such a
    file is not JSON, has more than 1 MiB, lacks a key or has it twice. Or it exceeds a limit (see :func:`certify`), or
    its sizes are in overlapping or unordered parts. See :func:`save_certificate` for an example.

    >>> load_certificate("none.json")
    Traceback (most recent call last):
    ...
    wellshaped.spec.messages.report.FileError: certificate none.json can't be read.
      file: there is no such file.
      fix: the path of an existing .json file
    """
    path = path_of(path, "certificate", _SUFFIXES)
    subject = f"certificate {path}"
    text = read_text(path, "certificate", subject, most=MAX_BYTES, suffixes=_SUFFIXES)
    try:
        data = strict_json(text, parse_int=_short)
        require_form(data)
        given = require_object(data, "the file", _KEYS)
        network, sizes = certified_network(given["network"]), sizes_from(given["sizes"])
        halo = halo_from(data["halo"]) if "halo" in data else None
        axis = _axis(network, given["axis"])
        certificate = Certificate(network, axis, sizes, given["statement"], given["prover"], halo)
        require_limits(network, sizes, certificate.prover)
        canonical = json.dumps(data) == json.dumps(certificate.to_dict())
    except WellshapedError as error:
        raise FileError(replace(error.report, subject=subject)) from None
    except (ValueError, RecursionError) as error:
        raise FileError(replace(not_a_certificate(fault_of(error)).report, subject=subject)) from None
    if not canonical:
        says = f"saving its network and {clipped(str(sizes), 200)} would write another text"
        raise FileError.of(subject, "text", "edited or forged", says, "certify the network again")
    return certificate


def model_certificates(path: str | os.PathLike[str]) -> tuple[Certificate, ...]:
    """Return certificates of the sizes that a model's file states, one for each statement. They are not proved yet.

    Raises :class:`FileError` if :func:`wellshaped.interop.save` did not write the file, and :class:`CertificateError`
    if it has no statements, or others than those of its network.
    """
    description, _ = read_model(path)
    subject, graph = f"model file {path}", description.graph
    if not description.statements:
        raise CertificateError.of(subject, "statement", "", "it has no statement about its sizes", "a smaller network")
    sizes = [compatible_sizes(graph, axis) for axis in range(graph.axes)]
    if tuple(map(str, sizes)) != description.sizes or len(description.statements) != graph.axes:
        says = "its network has other compatible sizes"
        raise CertificateError.of(subject, "sizes", "edited or forged", says, "save the model again")
    found: dict[str, Certificate] = {}
    for axis, statement in enumerate(description.statements):
        found.setdefault(statement, Certificate(graph, axis, sizes[axis], statement, ""))
    return tuple(found.values())


def _axis(network: Network, axis: Any) -> int:
    try:
        return axis_of(network, natural(axis, "axis"))
    except WellshapedError as error:
        raise not_a_certificate(error.report.failures[0].says) from None


def _short(number: str) -> int:
    digits = len(number.lstrip("-"))
    if digits > MAX_WRITTEN_DIGITS:
        raise ValueError(f"a number has {digits} digits, and may have at most {MAX_WRITTEN_DIGITS}")
    return int(number)
