"""Statements read as SMT-LIB 2: a text that any solver for integers can be asked about, and that a file can keep."""

from .terms import Formula, Term, digits

_OPERATIONS = {"+": "+", "·": "*", "=": "=", "≥": ">=", "∧": "and", "∨": "or", "¬": "not", "→": "=>", "↔": "="}


def refutation_text(statement: Formula | bool, variables: tuple[str, ...]) -> str:
    """A script that asks for natural numbers for which the statement fails: ``unsat`` means that there are none.

    What occurs twice is written once, under a name. Raises :class:`ShapeError` for a number of more than 4 300 digits.

    >>> print(refutation_text(Term("var", ("n",)) + 1 >= 1, ("n",)))
    (declare-const n Int)
    (assert (>= n 0))
    (define-fun t0 () Int (+ n 1))
    (define-fun t1 () Bool (>= t0 1))
    (assert (not t1))
    (check-sat)
    """
    lines = [line for name in variables for line in (f"(declare-const {name} Int)", f"(assert (>= {name} 0))")]
    names: dict[int, str] = {}
    texts: dict[str, str] = {}

    def name_of(node: Formula | Term | bool) -> str:
        if isinstance(node, bool):
            return "true" if node else "false"
        if node.op in ("var", "const"):
            return str(node.args[0]) if node.op == "var" else digits(node.args[0])
        if id(node) not in names:
            args = [name_of(arg) for arg in node.args]
            text = _text(node, args)
            if text not in texts:
                name = texts[text] = f"t{len(texts)}"
                lines.append(f"(define-fun {name} () {'Int' if isinstance(node, Term) else 'Bool'} {text})")
                if node.op == "/" and args[1].isdecimal() and int(args[1]) > 0:
                    # What defines division, said as well: Z3 is slow to use it otherwise.
                    a, b = args
                    lines.append(f"(assert (and (<= (* {b} {name}) {a}) (< {a} (+ (* {b} {name}) {b}))))")
            names[id(node)] = texts[text]
        return names[id(node)]

    claim = name_of(statement)
    return "\n".join([*lines, f"(assert (not {claim}))", "(check-sat)"])


def _text(node: Formula | Term, args: list[str]) -> str:
    if node.op == "∸":
        a, b = args
        return f"(ite (>= {a} {b}) (- {a} {b}) 0)"
    if node.op == "/":
        a, b = args
        return f"(ite (= {b} 0) 0 (div {a} {b}))"
    return f"({_OPERATIONS[node.op]} {' '.join(args)})"
