"""Certificates: that a network fits exactly the sizes that it is said to fit, for all natural numbers, proved by Z3.

A certificate is a small JSON file with the network, the set, and the statement as SMT-LIB. It is checked from scratch:
the statement is made again from the network and the set, so that an edit of any of the three is noticed, and proved
again. A file is answered in bounded time, whatever it holds: it is read within the limits of :mod:`.certificate_data`,
and the proof has a limit of its own.
"""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..spec.compatible import Network, compatible_sizes
from ..spec.files import fault_of, no_duplicates, read_text, refuse_suffix, replacing
from ..spec.naturals import monus, quotient
from ..spec.network import AxisNetwork, axis_network
from ..spec.report import ShapeError, refuse
from ..spec.size_set import SizeSet
from ..spec.written import MOST_DIGITS, clipped
from .certificate_data import data_of, network_from, not_a_certificate, require_limits, require_object, sizes_from
from .smt_reading import refutation_text
from .terms import Formula, conjunction, disjunction, iff, term, variable

MAX_BYTES = 2**20
"""A larger file is not read, and not written: the certificate of a usual U-Net has a hundredth of it."""

_SUFFIXES = (".json",)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is certified: for every natural ``n``, all demands of ``network`` hold iff ``n`` is in ``sizes``.

    ``statement`` asks, in SMT-LIB, for an ``n`` for which this fails. ``prover`` notes who found none, and its version:
    a note, which :func:`verify` does not rely on.
    """

    network: AxisNetwork
    sizes: SizeSet
    statement: str
    prover: str

    def to_dict(self) -> dict[str, Any]:
        """The certificate as plain data for JSON."""
        return {**data_of(self.network, self.sizes), "statement": self.statement, "prover": self.prover}


def statement_of(network: AxisNetwork, sizes: SizeSet) -> Formula | bool:
    """For ``n``: every demand of the network holds iff ``n`` is in the set."""
    n = variable("n")
    demands = conjunction(*(demand.holds for demand in network.run(n).demands))  # type: ignore[arg-type]  # a symbol
    result: Formula | bool = iff(demands, _member(n, sizes))
    return result


def _member(n: Any, sizes: SizeSet) -> Any:
    """That ``n`` is in the set, as a statement."""
    parts = []
    for p in (*sizes.head, *sizes.tail):
        offset = monus(n, p.first)
        inside = [n >= p.first, term(quotient(offset, p.step)) * p.step == offset]
        if p.maximum is not None:
            inside.append(n <= p.maximum)
        parts.append(conjunction(*inside))
    return disjunction(*parts)


def certify(network: Network, *, seconds: float = 60.0) -> Certificate:
    """Ask Z3 to prove that ``network`` fits exactly its compatible sizes, for all natural numbers.

    Raises :class:`ShapeError` where Z3 finds a size for which it fails, or does not answer in time, and for a network
    that is too large for a certificate: 1 000 steps, 200 progressions of sizes, numbers of 300 digits.

    >>> from wellshaped.spec import UNet2Config
    >>> certify(UNet2Config()).sizes
    <SizeSet n ≡ 0 (mod 2), n ≥ 2>
    """
    program = axis_network(network)
    require_limits(program, SizeSet())
    sizes = compatible_sizes(network)
    require_limits(program, sizes)
    certificate = Certificate(program, sizes, refutation_text(statement_of(program, sizes), ("n",)), "")
    _written(certificate)  # what could not be saved is not worth the proof
    return replace(certificate, prover=_prove(certificate.statement, seconds))


def _prove(statement: str, seconds: float) -> str:
    """The prover's name and version, where it finds the statement irrefutable."""
    import z3

    n = z3.Int("n")
    solver = z3.Solver()
    solver.set("timeout", int(min(max(1000 * seconds, 1), 2**32 - 1)))  # of 32 bits
    solver.from_string(statement)
    answer = solver.check()
    if answer == z3.sat:
        says = f"it fails for n = {clipped(str(solver.model().eval(n, model_completion=True)))}"
        raise refuse("the certificate", "statement", "not true", says, "certify the network again")
    if answer != z3.unsat:
        says = f"Z3 gave no answer in {seconds} seconds: {solver.reason_unknown()}"
        raise refuse("the certificate", "statement", "not proved", says, "more seconds, or a smaller network")
    return f"Z3 {z3.get_version_string()}"


def verify(certificate: Certificate, *, seconds: float = 60.0) -> None:
    """Check a certificate from scratch: make its statement again from the network and the set, and prove it again.

    Raises :class:`ShapeError` where the statement is another one, or is not proved, and for what is not a certificate
    or is beyond the limits of one.
    """
    _require_certificate(certificate)
    require_limits(certificate.network, certificate.sizes)
    if certificate.statement != refutation_text(statement_of(certificate.network, certificate.sizes), ("n",)):
        says = "its statement is not the one of its network and its sizes"
        raise refuse("the certificate", "statement", "edited or forged", says, "certify the network again")
    _prove(certificate.statement, seconds)


def _require_certificate(certificate: object) -> None:
    if not isinstance(certificate, Certificate):
        says = f"it is of the type {type(certificate).__name__}, and must be a Certificate"
        raise refuse("the certificate", "type", "it is not a certificate", says, "load_certificate(path)")


def save_certificate(certificate: Certificate, path: str | os.PathLike[str]) -> None:
    """Write a certificate to a .json file, in one step.

    Raises :class:`ShapeError` where it cannot be written, for another suffix, and for a certificate that
    :func:`load_certificate` would reject because of its size.
    """
    _require_certificate(certificate)
    path = Path(path)
    if path.suffix not in _SUFFIXES:
        raise refuse_suffix(f"certificate {path}", path, _SUFFIXES)
    require_limits(certificate.network, certificate.sizes)
    text = _written(certificate)
    with replacing(path) as new:
        new.write_bytes(text)


def _written(certificate: Certificate) -> bytes:
    """The file of a certificate. Raises :class:`ShapeError` for one of more than :data:`MAX_BYTES` bytes."""
    text = json.dumps(certificate.to_dict(), indent=1, ensure_ascii=False) + "\n"
    raw = text.encode("utf-8", "backslashreplace")  # a lone surrogate becomes its own JSON escape
    if len(raw) > MAX_BYTES:
        says = f"its file would have {len(raw)} bytes, and may have at most {MAX_BYTES}"
        raise refuse("the certificate", "bytes", "too large to save", says, "a smaller network")
    return raw


def load_certificate(path: str | os.PathLike[str]) -> Certificate:
    """Read a certificate from a .json file.

    Raises :class:`ShapeError`, with the path and what is wrong, for a file that :func:`save_certificate` would not
    write so: a folder, a pipe, more than 1 MiB, no JSON, a key that is missing or stands twice, more than 1 000 steps
    or 200 progressions, a number of more than 300 digits, a set of sizes whose parts overlap or are out of order.
    """
    path = Path(path)
    subject = f"certificate {path}"
    text = read_text(path, "certificate", subject, most=MAX_BYTES, suffixes=_SUFFIXES)
    try:
        data = json.loads(text, object_pairs_hook=no_duplicates, parse_int=_short, parse_constant=_no_constant)
        given = require_object(data, "the file", {"network": dict, "sizes": dict, "statement": str, "prover": str})
        network, sizes = network_from(given["network"]), sizes_from(given["sizes"])
        certificate = Certificate(network, sizes, given["statement"], given["prover"])
        canonical = json.dumps(data) == json.dumps(certificate.to_dict())
    except ShapeError as error:
        raise ShapeError(replace(error.report, subject=subject)) from None
    except (ValueError, RecursionError) as error:
        raise ShapeError(replace(not_a_certificate(fault_of(error)).report, subject=subject)) from None
    if not canonical:
        says = f"it is not what its network and {clipped(str(sizes), 200)} are written as"
        raise refuse(subject, "text", "edited or forged", says, "certify the network again")
    return certificate


def _short(number: str) -> int:
    digits = len(number.lstrip("-"))
    if digits > MOST_DIGITS:
        raise ValueError(f"a number has {digits} digits, and may have at most {MOST_DIGITS}")
    return int(number)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")
