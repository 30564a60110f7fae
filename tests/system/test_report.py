"""The board's page in a real browser: it asks for nothing, says nothing, is heard and read by all, and prints."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from simengine.cli import cli
from tests.report.pages import ATTRIBUTE, BRACES, HEBREW, LONG, SCRIPT, TINY, hostile, stored

pytestmark = pytest.mark.system

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


def report(*arguments):
    result = CliRunner().invoke(cli, ["report", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """A page with two scenarios, of a plan whose names would like to be more than text."""
    folder = tmp_path_factory.mktemp("board")
    text = hostile(TINY.read_text()).replace("6_000_000", "5_300_000")
    base = stored(text, folder / "base", draws=512, detail="segment")
    other = stored(text.replace("mean: 88 %", "mean: 94 %"), folder / "other", draws=512)
    report(base, other, "-o", folder / "board.html")
    return folder / "board.html"


@pytest.fixture
def opened(browser, board):
    """Open the page: what it asked for, what it said, and what dialogs it opened are kept beside it."""
    contexts = []

    def open_page(**options):
        context = browser.new_context(**{"viewport": DESK, **options})
        contexts.append(context)
        page = context.new_page()
        page.asked, page.said = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("dialog", lambda dialog: (page.said.append(dialog.message), dialog.dismiss()))
        page.goto(board.as_uri())
        page.wait_for_timeout(500)
        return page

    yield open_page
    for context in contexts:
        context.close()


def scrolled(page):
    """Everything has come near once, so that every picture is alive."""
    page.evaluate(
        "async () => { for (let y = 0; y < document.body.scrollHeight; y += 600) {"
        " window.scrollTo({top: y, behavior: 'instant'}); await new Promise((done) => setTimeout(done, 60)); } }"
    )
    page.wait_for_timeout(500)
    return page


def test_it_asks_for_nothing_and_says_nothing(opened, board):
    page = scrolled(opened())
    assert page.asked == [board.as_uri()]
    assert page.said == []
    assert board.stat().st_size <= 4_000_000
    assert page.locator("figure .live svg").count() >= 5


def test_names_are_text_and_the_layout_holds(opened):
    page = scrolled(opened(viewport=PHONE))
    text = page.inner_text("body")
    for name in (SCRIPT, ATTRIBUTE, BRACES, HEBREW, LONG):
        assert name in text
    assert page.locator("main img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.said == []


@pytest.mark.parametrize(
    "options",
    [{}, {"color_scheme": "dark"}, {"viewport": PHONE}],
    ids=["light", "dark", "phone"],
)
def test_nothing_serious_stands_in_anybodys_way(opened, axe, options):
    page = scrolled(opened(**options))
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.evaluate(axe)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    serious = [(one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in ("serious", "critical")]
    assert serious == []


def test_without_scripts_it_says_the_same(opened):
    page = opened(java_script_enabled=False)
    text = page.inner_text("body")
    for words in ("How likely is the plan?", "What is to be decided?", "The register of assumptions"):
        assert words in text
    assert page.locator("figure .still svg").count() >= 5
    assert page.locator("#theme").is_hidden()


def test_the_keyboard_reaches_what_can_be_changed(opened):
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.focus("#theme")
    page.keyboard.press("Enter")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    before = page.inner_text(".headline:not([hidden]) .chance")
    page.select_option("#target", "1")
    assert page.inner_text(".headline:not([hidden]) .chance") != before
    page.fill("#find", "win_rate")
    assert page.locator("#register tbody tr:visible").count() == 1
    page.fill("#find", "")
    page.select_option("#function", "success")
    assert page.locator("#register tbody tr:visible").count() == 1


def test_a_number_leads_to_its_line(opened):
    page = opened()
    page.locator("#register tbody a").first.click()
    page.wait_for_timeout(300)
    line = page.locator("li:target")
    assert line.is_visible()
    assert "attrition.ae" in line.inner_text()


def test_page_one_is_one_page_of_paper(board, chromium, tmp_path):
    if shutil.which("pdftotext") is None:
        pytest.skip("poppler-utils is not installed")
    runs = [board.parent / name / "run" for name in ("base", "other")]
    told = json.loads(report(*runs, "-o", tmp_path / "board.pdf", "--json").stdout)
    assert told["bytes"] == Path(told["file"]).stat().st_size

    def text(page):
        command = ["pdftotext", "-f", str(page), "-l", str(page), "-layout", told["file"], "-"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "How likely is the plan?" in text(1)
    assert "Why believe it?" in text(1)
    assert "Past forecasts" in text(1)
    assert "What may come" in text(2)
    assert "What may come" not in text(1)
