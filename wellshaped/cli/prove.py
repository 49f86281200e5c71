"""``wellshaped prove``: prove the theorems about sizes again."""

from dataclasses import asdict
from typing import Annotated

from cyclopts import Parameter

from ..spec.messages.report import UsageError
from .output import AsJson, print_json, say, table, with_progress

EXAMPLE = """\
  wellshaped prove
  wellshaped prove --by z3 enumeration
"""


def prove(
    *,
    by: Annotated[
        tuple[str, ...],
        Parameter(
            help="Provers: z3, coq, enumeration, crosshair. [default: z3 coq]",
            consume_multiple=True,
            negative="",
            show_default=False,
        ),
    ] = (
        "z3",
        "coq",
    ),
    seconds: Annotated[float, Parameter(help="The most seconds for one theorem and prover.")] = 60.0,
    as_json: AsJson = False,
) -> int:
    """Prove the theorems about sizes.

    Each line has a theorem, its prover, the verdict and the seconds.
    Z3 and Coq together take about 40 seconds. The others run the functions on numbers, and take minutes.
    Exits with 0 if some prover settles each theorem, and none disagrees; with 2 if none of the provers is installed;
    else with 1.
    """
    from ..proofs_of_shape import THEOREMS, verdicts
    from ..proofs_of_shape import prove as prove_one
    from ..proofs_of_shape.provers.proof import UNKNOWN

    by = tuple(prover for word in by for prover in word.split(",") if prover)
    if not by:
        raise UsageError.of("--by", "by", "", "it must name at least one prover", "--by z3")
    tasks = with_progress([(theorem, prover) for theorem in THEOREMS for prover in by], "proving")
    proofs = [(theorem, prove_one(theorem, by=prover, seconds=seconds)) for theorem, prover in tasks]
    open_theorems = verdicts.unsettled(proofs)
    if as_json:
        print_json([asdict(proof) for _, proof in proofs])
    else:
        rows = [(p.theorem, p.by, verdicts.in_words(t, p), f"{p.seconds:.2f}", p.says) for t, p in proofs]
        table(("theorem", "prover", "verdict", "seconds", "says"), rows, None)
        say(verdicts.summary(proofs), "red" if open_theorems else "green")
        if any(proof.verdict == UNKNOWN and theorem in open_theorems for theorem, proof in proofs):
            say(f"Some had no answer in {seconds:g} seconds. Try more --seconds, or a less busy machine.")
    if not verdicts.answered(proofs):
        return 2
    return 1 if open_theorems else 0
