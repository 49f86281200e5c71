"""Every bug of the zoo does what its entry says, is caught with the text of its entry, and passes once corrected."""

import ast
import inspect
import re

import pytest

from wellshaped.spec import WellshapedError

from .entries import ENTRIES, OF_THE_SPECIFICATION
from .entry import BY, KINDS, corrected, image, outcome, require_conformance
from .page import FILE, message, page, versions

pytestmark = pytest.mark.as_printed  # the examples show what a user sees


def names_in(function):
    """The names that the code reads or writes, also in nested functions; attributes do not count."""
    return {node.id for node in ast.walk(ast.parse(inspect.getsource(function))) if isinstance(node, ast.Name)}


each = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)


@pytest.mark.one_in(3)
@each
def test_the_plain_network_does_what_is_said(entry):
    happened = entry.happened()
    assert entry.happens in happened.text
    assert happened.kind != "runs as meant"
    # Without a reference, the numbers must show that the bug and its correction differ.
    assert entry.meant or happened.kind == "crashes" or re.search(r"gives .* where .* is meant", entry.happens)


@each
def test_the_library_catches_it_and_says_so(entry):
    with pytest.raises(AssertionError if entry.by == "conformance" else WellshapedError) as error:
        entry.catch()
    assert " ".join(entry.message.split()) in " ".join(str(error.value).split())


@each
def test_the_corrected_network_passes_both(entry):
    good = entry.corrected()
    assert good.happened().kind == "runs as meant"
    good.catch()


@each
def test_what_no_shape_can_see_is_left_to_conformance_and_nothing_else_is(entry):
    assert entry.by in BY
    assert (entry.by == "conformance") == (entry.caught is None)
    if entry.by == "conformance":
        assert entry.happened().kind == "wrong values"
    else:
        asks = {"check", "explain"} & names_in(entry.caught)
        assert bool(asks) == (entry.by == "obligation")


@each
def test_the_plain_network_uses_nothing_of_the_library(entry):
    named = [entry.plain.__globals__.get(name) for name in names_in(entry.plain)]
    modules = [getattr(value, "__module__", None) or "" for value in named]
    assert [module for module in modules if module.startswith("wellshaped")] == []


@each
def test_a_message_has_numbers_and_fits_on_a_screen(entry):
    assert re.search(r"\d", entry.message)
    assert len(message(entry).splitlines()) <= 16


def test_every_pitfall_of_the_specification_is_in_the_zoo():
    assert set(OF_THE_SPECIFICATION) <= {entry.name for entry in ENTRIES}
    assert {entry.name for entry in ENTRIES if entry.source == "specification"} <= set(OF_THE_SPECIFICATION)


def test_the_zoo_is_large_and_has_real_reports():
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES) >= 24
    assert len({entry.source for entry in ENTRIES if entry.source.startswith("https://github.com/")}) >= 14
    assert {entry.by for entry in ENTRIES} == set(BY)
    assert {entry.happened().kind for entry in ENTRIES} == set(KINDS) - {"runs as meant"}


@each
def test_every_entry_stands_on_the_page_with_what_the_library_says(entry):
    text = FILE.read_text(encoding="utf-8")
    section = text.partition(f"\n## {entry.name}\n")[2].partition("\n## ")[0]
    assert entry.says in section
    assert entry.source in section
    assert f"```text\n{message(entry)}\n```" in section


def test_the_page_is_up_to_date():
    text = FILE.read_text(encoding="utf-8")
    if versions() not in text:
        pytest.skip("the page has the texts of other versions of JAX and Flax")
    assert text == page()


# The zoo's own tools.


def _right():
    return image(2, 3)


def _other_values():
    return image(2, 3) + 1


def _other_shape():
    return image(3, 2)


def _says_nothing():
    return image(2, 3)


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (_right, "runs as meant"),
        (_other_values, "wrong values"),
        (_other_shape, "wrong shape"),
        (lambda: 1 / 0, "crashes"),
    ],
)
def test_an_outcome_tells_the_kinds_apart(function, kind):
    assert outcome(function, _right).kind == kind


def test_conformance_passes_what_conforms_and_nothing_else():
    require_conformance(_right(), _right())
    with pytest.raises(AssertionError, match=r"shape \(3, 2\) where it has \(2, 3\)"):
        require_conformance(_other_shape(), _right())
    with pytest.raises(AssertionError, match=r"the shapes agree, \(2, 3\), and the values do not"):
        require_conformance(_other_values(), _right())


def test_a_bug_must_say_what_is_meant():
    with pytest.raises(LookupError, match="_says_nothing does not say what is meant"):
        corrected(_says_nothing)
