"""How much the quick part of the tests tries: the examples of Hypothesis, and the cases of a parametrized test."""

import pytest
from hypothesis import settings

_BY_DEFAULT = settings.get_profile("default").max_examples


def examples(number):
    """Settings of ``number`` examples by default. Another profile has as many times more, or fewer, but not under five.

    With one or two examples, a test that counts how often something occurs would have nothing to count.
    """
    return settings(max_examples=max(min(number, 5), number * settings().max_examples // _BY_DEFAULT))


def sparse(cases, quick):
    """The cases as parameters: the ``quick`` ones in the quick part, the others in the slow part.

    ``quick`` is a number, 3 for every third, or a function that is true of the quick cases. U²-Net, the largest preset,
    is never quick. A tuple has the values of several parameters.
    """

    def chosen(index, case):
        return quick(case) if callable(quick) else index % quick == 0 and case != "u2net"

    return [
        pytest.param(*(case if type(case) is tuple else (case,)), marks=[] if chosen(index, case) else pytest.mark.slow)
        for index, case in enumerate(cases)
    ]
