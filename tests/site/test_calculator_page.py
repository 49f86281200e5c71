"""The calculator in a real browser: its answers are the library's, and the page works for everybody.

The tests need a built site, at ``WELLSHAPED_SITE`` or in the folder ``site``, and Debian's packages ``chromium`` and
``chromium-driver``.
"""

import json
import tarfile
from pathlib import Path
from urllib.parse import urlencode

import pytest
from browser import SITE, browser, is_installed, served
from effort import examples
from hypothesis import given
from hypothesis import strategies as st

from wellshaped.calculator import answer_to
from wellshaped.calculator.question import NAMES
from wellshaped.cli import main
from wellshaped.proofs_of_shape.strategies import unet_configs
from wellshaped.spec import PRESETS, UNetConfig, graph_of, save_network

ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.as_printed,
    pytest.mark.skipif(not is_installed(), reason="Chromium and its driver are not installed"),
    pytest.mark.skipif(not (SITE / "calculator" / "wellshaped.zip").exists(), reason="the site has no calculator"),
]
ANSWER = """
const [state, done] = arguments;
window.own ??= new Worker("calculator/worker.mjs", { type: "module" });
window.own.onmessage = ({ data }) => { if (!data.ready) done(data.answer ?? data.error); };
window.own.postMessage({ id: 1, state });
"""


@pytest.fixture(scope="module")
def site():
    with served(SITE) as address:
        yield address


@pytest.fixture(scope="module")
def page(site):
    with browser() as found:
        found.open(f"{site}index.html")
        found.wait("document.querySelector('.calculator').dataset.answered")
        yield found
        assert found.console() == []


def answered(page, site, **state):
    """Open the page with a state in its address, and wait for the answer."""
    page.open(f"{site}index.html#{urlencode(state)}")
    page.wait("document.querySelector('.calculator').dataset.answered")


def text(page, part):
    return page.run("return document.querySelector(`[data-part=${arguments[0]}]`).textContent", part)


def in_json(found):
    return json.loads(json.dumps(found, default=str))


def assert_answers_alike(page, state):
    assert json.loads(page.run_async(ANSWER, json.dumps(state))) == in_json(answer_to(state))


@pytest.mark.parametrize("name", NAMES)
def test_the_answers_for_a_preset_are_those_of_the_library(page, name):
    graph = graph_of(name if name in PRESETS else UNetConfig())
    for n in (303, 256, 33):
        image = "x".join(map(str, (graph.image.channels, *[n] * graph.axes)))
        assert_answers_alike(page, {"network": name, "input": image, "tile": "128" if n == 256 else ""})
    assert_answers_alike(page, {"network": name})


@examples(40)
@given(unet_configs(), st.lists(st.integers(0, 500), min_size=3, max_size=3))
def test_the_answers_for_a_drawn_config_are_those_of_the_library(page, tmp_path_factory, cfg, sizes):
    file = tmp_path_factory.mktemp("drawn") / "network.toml"
    save_network(cfg, file)
    image = "x".join(map(str, (3, *sizes[: cfg.axes])))
    assert_answers_alike(page, {"network": "network.toml", "text": file.read_text(encoding="utf-8"), "input": image})


def test_typing_a_size_that_does_not_fit_shows_the_message_of_the_command_line(page, site, capsys):
    answered(page, site, network="milesial", input="3x304x384", join="exact")
    assert text(page, "verdict") == "It fits."
    page.run(
        "const input = document.querySelector('#input'); input.value = '3x303x384'; "
        "input.dispatchEvent(new Event('input', { bubbles: true }));"
    )
    page.wait("document.querySelector('[data-part=verdict]').textContent === 'It does not fit.'")
    assert main(["check", "milesial", "--join", "exact", "--input", "3x303x384"]) == 1
    assert text(page, "message") + "\n" == capsys.readouterr().err
    assert "input=3x303x384" in page.run("return location.hash")


def test_the_address_restores_the_state_and_a_click_takes_the_nearest_size(page, site):
    answered(page, site, network="unet", levels="2", input="1x301x304", tile="128")
    values = "return ['network', 'input', 'tile', 'field-levels'].map((id) => document.getElementById(id).value)"
    assert page.run(values) == ["unet", "1x301x304", "128", "2"]
    assert "levels=2" in page.run("return location.hash")
    page.run("document.querySelector('[data-part=nearest] button').click()")
    page.wait("document.querySelector('[data-part=verdict]').textContent === 'It fits.'")
    assert page.run(values)[1] == "1x300x304"
    assert page.run("return document.querySelectorAll('.picture.network .broken').length") == 0


def test_the_node_that_breaks_is_marked(page, site):
    answered(page, site, network="unet2", input="1x303x384")
    assert page.run("return document.querySelector('.broken .fault').textContent") == "height 303 ≠ 302"


def test_a_picture_that_is_wider_than_the_page_is_made_smaller_by_a_click(page, site):
    hidden = "document.querySelector('[data-part=picture] button').hidden"
    overflows = (
        "const box = document.querySelector('[data-part=picture] .scrolled'); return box.scrollWidth > box.clientWidth"
    )
    answered(page, site, network="smp_resnet34", input="3x320x384")
    page.wait(f"!{hidden}")
    assert page.run(overflows)
    page.run("document.querySelector('[data-part=picture] button').click()")
    assert not page.run(overflows)
    assert not page.run(f"return {hidden}")  # a second click makes it large again


def test_a_pasted_network_is_answered(page, site):
    answered(page, site, network="network.toml", text="levels = 2", input="1x303x384")
    assert page.run("return document.querySelector('#text').value") == "levels = 2"
    state = {"network": "network.toml", "text": "levels = 2", "input": "1x303x384"}
    assert text(page, "message") == answer_to(state)["message"]


def test_nothing_is_asked_of_another_server(page, site):
    page.requested()
    answered(page, site, network="tiny", input="1x303x384")
    asked = [address for address in page.requested() if address.startswith("http")]
    assert len(asked) > 10
    assert {address for address in asked if not address.startswith(site)} == set()


def test_it_works_with_the_network_switched_off(page, site):
    answered(page, site, network="tiny", input="1x304x384")
    page.devtools("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
    page.run("location.hash = '#network=tiny&input=1x303x384'")
    page.wait("document.querySelector('[data-part=verdict]').textContent === 'It does not fit.'")
    unlimited = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.devtools("Network.emulateNetworkConditions", offline=False, **unlimited)


def test_only_the_newest_of_many_questions_is_answered(page, site):
    answered(page, site, network="unet", input="1x304x384")
    before = int(page.run("return document.querySelector('.calculator').dataset.answered"))
    page.run(
        "const input = document.querySelector('#input'); "
        "for (let n = 300; n < 340; n += 1) { input.value = `1x${n}x384`; "
        "input.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    page.wait(f"document.querySelector('.calculator').dataset.answered == {before + 40}", seconds=20)
    assert text(page, "message").startswith("input (1, 339, 384) of UNetConfig() does not fit.")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_accessibility_checker_finds_nothing_serious(page, site, width, dark, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "calculator"))
    from packing import NotPackedError, pack

    try:
        archive = pack("axe-core")
    except NotPackedError as error:
        pytest.skip(str(error))
    with tarfile.open(archive) as packed:
        script = packed.extractfile("package/axe.min.js").read().decode()
    answered(page, site, network="unet", input="1x303x384", tile="128", levels="2")
    page.screenshot(tmp_path / "page.png", width, 2000, dark=dark)
    page.run("document.querySelectorAll('details').forEach((of) => { of.open = true; });")
    page.run(script)
    found = page.run_async("axe.run('.calculator').then(arguments[0], (error) => arguments[0](String(error)))")
    serious = [of for of in found["violations"] if of["impact"] in ("serious", "critical")]
    assert [(of["id"], [node["html"][:120] for node in of["nodes"][:3]]) for of in serious] == []


def test_the_page_can_be_read_before_anything_is_loaded():
    html = (SITE / "index.html").read_text(encoding="utf-8")
    assert all(f"<code>{name}</code>" in html for name in PRESETS)
