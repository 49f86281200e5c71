"""What the pages say is true: their programs run, the names and the tests that they cite exist."""

import re
import tomllib
from pathlib import Path

import pytest

import wellshaped.models
import wellshaped.spec
import wellshaped.spec.reference
from wellshaped.cli import main
from wellshaped.spec import FIELDS, LAYERS, OBLIGATIONS, WELL_FORMED

from . import picture

pytestmark = pytest.mark.as_printed  # the examples show what a user sees

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAMS = [
    pytest.param(program, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, program in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S))
]
TESTS = {
    name
    for file in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", file.read_text(), re.M)
}
SPECIFICATION = (ROOT / "docs" / "specification.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip().strip("|").split(" | ")]
    for table in re.findall(r"^\| Lean .*\n\|--.*\n((?:\|.*\n)+)", SPECIFICATION, re.M)
    for line in table.splitlines()
]


def in_small(program):
    """A program with the numbers that a comment of it says are those of the tests."""
    return re.sub(r"^(.+) = .+?  # in the tests: (.+)$", r"\1 = \2", program, flags=re.M)


def test_a_program_is_only_changed_where_it_says_so():
    assert in_small("A, B = 512, 8  # in the tests: 32, 2\nC = 512  # tests\n") == "A, B = 32, 2\nC = 512  # tests\n"
    changed = [program.id for program in PROGRAMS if in_small(*program.values) != program.values[0]]
    assert len(changed) == 1
    assert changed[0].startswith("typed_networks-")


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_on_the_pages_runs(program, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    exec(compile(in_small(program), "page", "exec"), {"__name__": "page"})
    promised = re.findall(r"^print\(.*\) +# (.+)$", program, re.M)
    printed = capsys.readouterr().out.splitlines()
    if "error" not in program:  # what an error prints is described there, not quoted
        assert all(line in printed for line in promised)


def test_the_pages_have_the_programs_of_the_three_uses():
    assert len(PROGRAMS) >= 7


def test_the_specification_has_its_sections_by_number():
    assert re.findall(r"^## (\d+)\. ", SPECIFICATION, re.M) == [str(number) for number in range(1, 13)]
    assert len(ROWS) >= 90


@pytest.mark.parametrize("session", re.findall(r"^```console\n(.*?)^```", README, re.M | re.S))
def test_the_readmes_sessions_print_what_they_show(session, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, text in re.findall(r"^```toml\n# ([^\n]*)\n(.*?)^```", README, re.M | re.S):
        (tmp_path / name).write_text(text)
    for command, shown in re.findall(r"^\$ uv run wellshaped (.*)\n((?:(?!\$ ).*\n)*)", session, re.M):
        main(command.split())
        printed = capsys.readouterr()
        assert printed.out + printed.err == shown


def test_the_picture_of_the_readme_is_the_one_that_its_program_writes():
    assert picture.FILE.read_text(encoding="utf-8") == picture.picture()
    assert all(f"pictures/{picture.FILE.name}" in page for page in (README, (ROOT / "docs" / "index.md").read_text()))


def test_the_file_and_the_program_of_getting_started_are_one_network(tmp_path):
    page = (ROOT / "docs" / "getting_started.md").read_text()
    (file,) = re.findall(r"^```toml\n(# my_network.toml\n.*?)^```", page, re.M | re.S)
    programs = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    (tmp_path / "my_network.toml").write_text(file)
    names = {"__name__": "page"}
    exec(compile(next(text for text in programs if "\nnet = Network(" in text), "page", "exec"), names)
    assert wellshaped.spec.load_network(tmp_path / "my_network.toml") == names["net"]


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "command", re.findall(r"^\$ wellshaped (.*?) +#", (ROOT / "docs" / "getting_started.md").read_text(), re.M)
)
def test_the_commands_of_getting_started_succeed(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(command.split()) == 0
    assert capsys.readouterr().out


def test_the_sessions_about_a_model_in_code_print_what_they_show(tmp_path, monkeypatch, capsys):
    def without_work(text):  # how many traces it takes depends on JAX's caches, and axes of equal work share a line
        text = re.sub(r"\(flax [^()]*\)|^    decided for every size \(.*\n", "", text, flags=re.M)
        return re.sub(r"^  H and W: (n .*\n)", r"  H: \1  W: \1", text, flags=re.M)

    page = (ROOT / "docs" / "getting_started.md").read_text()
    section = page.partition("\n## Your own network\n")[2].partition("\n## ")[0]
    (code,) = re.findall(r"^```python\n(# nets.py\n.*?)^```", section, re.M | re.S)
    (session,) = re.findall(r"^```console\n(.*?)^```", section, re.M | re.S)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(code)
    commands = re.findall(r"^\$ wellshaped (.*)\n((?:(?!\$ ).*\n)*)", session, re.M)
    assert len(commands) == 2
    for command, shown in commands:
        main(command.split())
        printed = capsys.readouterr()
        assert without_work(printed.out + printed.err) == without_work(shown)


def test_the_sessions_about_the_bioimage_model_zoo_print_what_they_show(tmp_path, monkeypatch, capsys):
    pytest.importorskip("bioimageio.spec")
    page = (ROOT / "docs" / "bioimage.md").read_text()
    (text,) = re.findall(r"^```yaml\n(# rdf.yaml\n.*?)^```", page, re.M | re.S)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rdf.yaml").write_text(text)
    sessions = re.findall(r"^\$ wellshaped (.*)\n((?:(?!```).*\n)*)", page, re.M)
    assert len(sessions) == 2
    for command, shown in sessions:
        main(command.split())
        printed = capsys.readouterr()
        assert printed.out + printed.err == shown


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row[:2]))
def test_every_row_of_the_specification_names_what_exists(row):
    _, python, _, held_by = row
    name, _, attribute = python.strip("`").partition(".")
    room = wellshaped.spec if hasattr(wellshaped.spec, name) else wellshaped.models
    assert hasattr(room, name)
    named = getattr(room, name)
    assert not attribute or attribute in getattr(named, "__dataclass_fields__", vars(named))
    assert held_by.strip("`") in TESTS


@pytest.mark.parametrize(
    "name",
    [
        *FIELDS,
        *(f.metadata["lean"] for f in FIELDS.values()),
        *(condition.name for condition in WELL_FORMED),
        *(obligation.name for obligation in OBLIGATIONS),
        *(layer.name for layer in LAYERS),
        *("h_downH", "h_downW", "h_inC", "h_outC", "h_inH", "h_inW"),
    ],
)
def test_the_specification_page_has_every_name(name):
    assert re.search(rf"\b{name}\b", SPECIFICATION)


def test_each_row_gives_the_default_that_the_config_has():
    defaults = {row[1].strip("`").partition(".")[2]: row[2] for row in ROWS if row[2].startswith("default ")}
    assert defaults == {name: f"default {f.default}" for name, f in FIELDS.items()}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_the_changelog_has_the_version_of_the_project():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()
