"""Docstrings, messages, comments and pages have none of the words to avoid (CONTRIBUTING, "Prose")."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest
from prose import AVOIDED, words_to_avoid

ROOT = Path(__file__).parents[2]
ROOMS = ("spec", "models", "interop", "proofs_of_shape", "examples", "wellshaped")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES = [file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]
GLOSSARY = re.compile(r"^\| term \|.*?\n\n", re.M | re.S)  # it lists the words


def prose_in(text):
    """Every string and comment, with its line: docstrings, messages, help texts, and what stands below a constant."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def without_code(docstring):
    """The docstring without the lines of its doctests that are code."""
    return re.sub(r"^ *(>>>|\.\.\.) .*$", "", docstring, flags=re.M)


def named(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_page_has_no_word_to_avoid(page):
    assert words_to_avoid(GLOSSARY.sub("", page.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("source", SOURCES, ids=named)
def test_a_source_file_has_no_word_to_avoid_in_a_string_or_a_comment(source):
    found = {line: words_to_avoid(without_code(text)) for line, text in prose_in(source.read_text("utf-8"))}
    assert {line: words for line, words in found.items() if words} == {}


def test_the_glossary_is_the_only_table_that_is_left_out():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert len(GLOSSARY.findall(text)) == 1
    assert words_to_avoid(GLOSSARY.findall(text)[0])


def test_a_word_to_avoid_is_found_in_prose_and_not_in_code():
    text = (
        '"""It refuses."""\nLIMIT = 3  # of which\n"""It mends."""\n'
        'def f():\n    """``wants``\n    >>> facts = 1\n    """\n    raise E(f"{1} demands it")\n'
    )
    found = sorted((line, words_to_avoid(without_code(said))) for line, said in prose_in(text))
    assert [words for _, words in found if words] == [["refuses"], ["of which"], ["mends"], ["demands"]]
    assert all(AVOIDED.values())
