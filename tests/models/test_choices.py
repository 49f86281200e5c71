"""A word that is no choice is answered with the nearest that is, outside the specification too."""

import pytest

from wellshaped.models import convolutions
from wellshaped.proofs_of_shape import THEOREMS, prove
from wellshaped.proofs_of_shape.strategies import ill_formed_configs
from wellshaped.spec import UsageError


def force(backend):
    with convolutions(backend):
        pass


ASKED = {  # a question, what is written, and the fix
    "convolutions": (force, "CPUs", 'convolutions("cpu")'),
    "prove": (lambda word: prove(THEOREMS[5], by=word), "enumerate", 'by="enumeration"'),
    "prove in capitals": (lambda word: prove(THEOREMS[5], by=word), "Coq", 'by="coq"'),
    "ill_formed_configs": (ill_formed_configs, "upstride", 'condition_name="upStride_ne0"'),
}


@pytest.mark.parametrize(("ask", "word", "fix"), ASKED.values(), ids=ASKED)
def test_the_nearest_choice_is_proposed_and_taken(ask, word, fix):
    with pytest.raises(UsageError) as error:
        ask(word)
    assert error.value.report.fixes == (fix,)
    if fix != 'by="coq"':  # which is not installed everywhere, and takes seconds
        ask(fix.partition('"')[2].partition('"')[0])
