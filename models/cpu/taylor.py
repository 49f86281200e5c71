"""Taylor series of our primitives, for ``jax.experimental.jet``: one rule for each, registered only if needed.

Importing ``jet`` takes time, and it is experimental. So the rule of a primitive is registered when the primitive is
used and ``jet`` is already imported. In a rule the terms are plain coefficients, without factorials.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from jax.extend.core import Primitive
from jaxtyping import Array

Series = tuple[Array, list[Array]]
"""A value and the coefficients of its series, from the first order on."""


Rule = Callable[..., Series]
"""``rule(bind, primals, series, **params)`` returns the series of a primitive's result."""


class _Primitive(Primitive):
    def __init__(self, name: str, rule: Rule) -> None:
        super().__init__(name)
        self.rule = rule

    def bind(self, *operands: Any, **params: Any) -> Any:
        """Register the rule if needed, then bind as JAX does. Every use calls this, even in a traced function."""
        bind: Callable[..., Any] = super().bind
        jet = sys.modules.get("jax.experimental.jet")
        if jet is not None:
            jet.jet_rules.setdefault(self, partial(self.rule, bind))
        return bind(*operands, **params)


def taylor_primitive(name: str, rule: Rule) -> Primitive:
    """A new primitive of this ``name`` whose Taylor series ``rule`` gives."""
    return _Primitive(name, rule)


def of_product(
    bind: Callable[..., Array], primals: Sequence[Array], series: Sequence[Sequence[Array]], **params: Any
) -> Series:
    """The series of a bilinear function: the Cauchy product, as ``jet`` computes it for JAX's own convolution."""
    first, second = ([primal, *terms] for primal, terms in zip(primals, series, strict=True))

    def coefficient(order: int) -> Array:
        products = [bind(first[i], second[order - i], **params) for i in range(order + 1)]
        return sum(products[1:], products[0])

    value, *terms = map(coefficient, range(len(first)))
    return value, terms


def of_piecewise_linear(
    derivative: Callable[..., Array],
    bind: Callable[..., Array],
    primals: Sequence[Array],
    series: Sequence[Sequence[Array]],
    **params: Any,
) -> Series:
    """The series of a function that is linear around ``x``: ``derivative(term, y, x, **params)`` for each term."""
    (x,), (terms,) = primals, series
    y = bind(x, **params)
    return y, [derivative(term, y, x, **params) for term in terms]
