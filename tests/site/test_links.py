"""Every link and picture of the built site leads to something in it, and every page can be found by a search engine.

Links to other sites are not followed: the tests need no network.
"""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browser import SITE

from wellshaped.spec import PRESETS

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not (SITE / "index.html").exists(), reason="the site is not built")]


class Page(HTMLParser):
    """What a page links to, the places in it that a link may name, and what describes it."""

    def __init__(self, text):
        super().__init__()
        self.links, self.places, self.pictures, self.description = set(), set(), [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.links |= {given[name] for name in ("href", "src") if given.get(name)}
        self.places |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "img":
            self.pictures.append(given)
        if tag == "meta" and given.get("name") == "description":
            self.description = given["content"]


@pytest.fixture(scope="module")
def pages():
    return {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in SITE.rglob("*.html")}


def leads_nowhere(link, page, pages):
    to = urlsplit(link)
    if to.scheme or to.netloc:
        return False
    path = (page.parent / unquote(to.path)).resolve() if to.path else page
    if not path.exists():
        return True
    if "_modules" in page.parts:  # Sphinx's way back from a source names the module, and the reference the face
        return False
    return bool(to.fragment) and path in pages and unquote(to.fragment) not in pages[path].places


def test_every_link_and_picture_is_there(pages):
    links = {(page, link) for page, of_it in pages.items() for link in of_it.links}
    assert {(page.relative_to(SITE), link) for page, link in links if leads_nowhere(link, page, pages)} == set()


def test_every_picture_has_a_text_for_who_can_not_see_it(pages):
    assert [picture for of in pages.values() for picture in of.pictures if not picture.get("alt")] == []


def test_the_gallery_has_every_preset_and_each_tutorial_a_picture(pages):
    drawn = {picture["src"] for picture in pages[SITE / "gallery.html"].pictures}
    assert drawn >= {f"drawn/{name}.svg" for name in PRESETS}
    tutorials = [of for page, of in pages.items() if page.parent.name == "tutorials" and "_modules" not in page.parts]
    assert len(tutorials) == 4
    assert all(any("drawn/" in picture["src"] for picture in of.pictures) for of in tutorials)


def test_every_page_that_somebody_wrote_is_described(pages):
    written = [path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")]
    assert len(written) > 20
    described = {str(path): pages[SITE / path].description for path in written}
    assert {path for path, text in described.items() if len(text) < 30} == set()
