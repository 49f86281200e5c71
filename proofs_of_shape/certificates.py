"""Certificates: that a network fits exactly the sizes that it is said to fit, for all natural numbers, proved by Z3.

A certificate is a small JSON file with the network, the set, and the statement as SMT-LIB. It is checked from scratch:
the statement is made again from the network and the set, so that an edit of any of the three is noticed, and proved
again.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..spec.compatible import Network, compatible_sizes
from ..spec.files import no_duplicates, replacing
from ..spec.naturals import monus, quotient
from ..spec.network import AxisNetwork, axis_network
from ..spec.progression import Progression
from ..spec.report import ShapeError, refuse
from ..spec.size_set import SizeSet
from ..spec.steps import Step
from .smt_reading import refutation_text
from .terms import Formula, conjunction, disjunction, iff, term, variable

_STEPS = {kind.__name__: kind for kind in Step.__args__}


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
        steps = [{"step": type(step).__name__, **asdict(step)} for step in self.network.steps]
        parts = [[p.first, p.step, p.count] for p in (*self.sizes.head, *self.sizes.tail)]
        return {
            "network": {"steps": steps, "returns_its_size": self.network.returns_its_size},
            "sizes": {"says": str(self.sizes), "progressions": parts},
            "statement": self.statement,
            "prover": self.prover,
        }


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

    Raises :class:`ShapeError` where Z3 finds a size for which it fails, or does not answer in time.

    >>> from wellshaped.spec import UNet2Config
    >>> certify(UNet2Config()).sizes
    <SizeSet n ≡ 0 (mod 2), n ≥ 2>
    """
    sizes = compatible_sizes(network)
    program = axis_network(network)
    statement = refutation_text(statement_of(program, sizes), ("n",))
    return Certificate(program, sizes, statement, _prove(statement, seconds))


def _prove(statement: str, seconds: float) -> str:
    """The prover's name and version, where it finds the statement irrefutable."""
    import z3

    solver = z3.Solver()
    solver.set("timeout", max(int(1000 * seconds), 1))
    solver.from_string(statement)
    answer = solver.check()
    if answer == z3.sat:
        says = f"it fails for n = {solver.model()[z3.Int('n')]}"
        raise refuse("the certificate", "statement", "not true", says, "certify the network again")
    if answer != z3.unsat:
        says = f"Z3 gave no answer in {seconds} seconds: {solver.reason_unknown()}"
        raise refuse("the certificate", "statement", "not proved", says, "more seconds, or a smaller network")
    return f"Z3 {z3.get_version_string()}"


def verify(certificate: Certificate, *, seconds: float = 60.0) -> None:
    """Check a certificate from scratch: make its statement again from the network and the set, and prove it again.

    Raises :class:`ShapeError` where the statement is another one, or is not proved.
    """
    if certificate.statement != refutation_text(statement_of(certificate.network, certificate.sizes), ("n",)):
        says = "its statement is not the one of its network and its sizes"
        raise refuse("the certificate", "statement", "edited or forged", says, "certify the network again")
    _prove(certificate.statement, seconds)


def save_certificate(certificate: Certificate, path: Path) -> None:
    """Write a certificate to a JSON file, in one step. Raises :class:`ShapeError` where it cannot be written."""
    with replacing(path) as new:
        new.write_text(json.dumps(certificate.to_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load_certificate(path: Path) -> Certificate:
    """Read a certificate from a JSON file; what :func:`save_certificate` would not write so is refused."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=no_duplicates)
        steps, returns_its_size = data["network"]["steps"], data["network"]["returns_its_size"]
        network = AxisNetwork(tuple(_step(dict(step)) for step in steps), returns_its_size is True)
        parts = [Progression(first, step, count) for first, step, count in data["sizes"]["progressions"]]
        if len({part.step for part in parts if part.count is None}) > 1:
            raise ValueError("progressions without end that differ in their steps")
        certificate = Certificate(network, SizeSet(parts), str(data["statement"]), str(data["prover"]))
    except ShapeError:
        raise
    except OSError as error:
        says, fix = error.strerror or str(error), "the path of a certificate"
        raise refuse(f"certificate {path}", "file", "it cannot be read", says, fix) from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        says = f"{type(error).__name__}: {str(error)[:120]}"
        raise refuse(f"certificate {path}", "syntax", "it is not a certificate", says, "wellshaped certify") from None
    if json.dumps(data) != json.dumps(certificate.to_dict()):
        says = f"it is not what its network and {certificate.sizes} are written as"
        raise refuse(f"certificate {path}", "text", "edited or forged", says, "certify the network again")
    return certificate


def _step(data: dict[str, Any]) -> Any:
    kind = _STEPS[data.pop("step")]
    return kind(**data)
