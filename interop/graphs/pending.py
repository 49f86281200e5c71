"""Which norm or activation the operations that are pending make up."""

from typing import Any

from .draft import Pending

IN_TRAINING = "a batch norm in training mode reads the whole batch; a tile has other statistics"
"""Why a batch norm that computes its statistics is no node: a graph says which positions are read, for tiles too."""


ROOTS = frozenset(("rsqrt", "sqrt", "pow"))
"""What a norm does with a variance, or with the mean of squares."""


def in_evaluation(of: Pending) -> bool:
    """Whether this is a batch norm with given statistics.

    A vector was subtracted and another one multiplied, or the factor was computed with an epsilon.
    """
    of_epsilon = of.epsilon is not None and not of.statistics and of.ops <= {"mul", "add", "sub"}
    return "mul" in of.vectors and ("sub" in of.vectors or of_epsilon)


def norm_of(of: Pending) -> dict[str, Any] | None:
    """The numbers of the norm that is pending, or ``None``."""
    if of.statistics and "exp" in of.ops:
        return None
    known = sorted(of.statistics, key=lambda each: (each[2] != "sum", each))
    if not known and not in_evaluation(of):
        return None
    kind, groups, _ = known[0] if known else ("batch", 1, "")
    if kind == "group" and groups == 0:
        kind, groups = "instance", 1
    # The epsilon was rounded to a dtype.
    epsilon = 1e-5 if of.epsilon is None else float(f"{of.epsilon:.4g}")
    return {"kind": kind, "groups": groups, "epsilon": epsilon, "affine": of.learned}


_MADE_OF = (
    ({"slopes", "select_n"}, "prelu_channels"),
    ({"slope", "select_n"}, "prelu"),
    ({"exp", "div", "reduce"}, "softmax"),
    ({"exp", "log", "reduce"}, "softmax"),
    ({"tanh", "integer_pow", "product"}, "gelu_tanh"),
    ({"erf", "product"}, "gelu"),
    ({"erfc", "product"}, "gelu"),
    ({"logistic", "mul_itself"}, "silu"),
    ({"log1p", "exp"}, "softplus"),
    ({"logistic"}, "sigmoid"),
    ({"tanh"}, "tanh"),
    ({"relu"}, "relu"),
)
"""Activations by the operations that they are made of. The first that is contained is meant."""


MORE = "more"
"""Stands for an operation that no node records, such as a product or a sum with a number."""


def activation_of(of: Pending) -> dict[str, Any] | None:
    """The kind of the activation that is pending, or ``None``."""
    ops = of.ops | ({"reduce"} if of.statistics else set())
    if ops == {"relu", "min"}:
        return {"kind": "relu", "slope": None}
    if of.vectors and {"sin", "div", "add"} <= ops:
        return {"kind": "snake", "slope": None}
    for made_of, kind in _MADE_OF:
        if kind == "silu" and MORE in ops:
            continue  # x·sigmoid(1.702·x), for example
        if made_of <= ops and (kind not in ("sigmoid", "tanh", "relu") or ops - {MORE} == made_of):
            return {"kind": kind, "slope": None}
    return None
