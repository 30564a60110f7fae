"""The docs site: built without a warning, whole, and at home without a network."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]


class Page(HTMLParser):
    """Where the links of a page lead, what it loads, and what may be linked to in it."""

    def __init__(self, file: Path):
        super().__init__()
        self.links, self.loads, self.ids = [], [], set()
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids.add(found.get("id"))
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        loaded = found.get("src") or (found.get("href") if tag == "link" else None)
        if loaded:
            self.loads.append(loaded)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site; a warning fails the build."""
    pytest.importorskip("sphinx", reason="Sphinx is not installed: make docs does")
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = ["-m", "sphinx", "-q", "--fail-on-warning", "--keep-going", "-c", ROOT / "docs", ROOT, folder]
    done = subprocess.run([sys.executable, *map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {file: Page(file) for file in sorted(site.rglob("*.html"))}


def test_links_lead_to_pages_and_places_that_are_there(site, pages):
    broken = []
    for file, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or (file.parent / unquote(parts.path)).suffix not in {"", ".html"}:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if target not in pages or parts.fragment not in {"", *filter(None, pages[target].ids)}:
                broken.append(f"{file.relative_to(site)}: {link}")
    assert not broken
    assert len(pages) > 30


def test_no_page_loads_anything_from_elsewhere(site, pages):
    for file, page in pages.items():
        for loaded in page.loads:
            assert not urlsplit(loaded).scheme or loaded.startswith("data:"), (file, loaded)
            assert not loaded.startswith("//")
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", sheet.read_text(encoding="utf-8")), sheet


def test_every_page_of_the_docs_is_in_the_contents(site, pages):
    contents = {(site / "docs" / urlsplit(link).path).resolve() for link in pages[site / "docs" / "index.html"].links}
    written = [page for page in (ROOT / "docs").rglob("*.md") if page.name != "index.md"]
    missing = [page for page in written if site / page.relative_to(ROOT).with_suffix(".html") not in contents]
    assert not missing


def test_every_public_function_and_command_has_its_place(site, pages):
    import simengine
    from simengine.cli import _COMMANDS

    assert {f"simengine.{name}" for name in simengine.__all__} <= pages[site / "docs" / "api.html"].ids
    assert {f"simengine-{name}" for name in _COMMANDS} <= pages[site / "docs" / "options.html"].ids


@pytest.mark.parametrize("width", [1280, 390])
def test_pages_show_in_a_browser_without_a_network(site, browser, width):
    page = browser.new_page(viewport={"width": width, "height": 844})
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    for name in ("", "docs/tutorial", "docs/model", "docs/methods", "docs/api", "docs/options"):
        page.goto((site / f"{name or 'index'}.html").as_uri())
        page.wait_for_load_state("networkidle")
        assert page.locator("h1").first.is_visible()
        # Wide tables and blocks scroll by themselves.
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, name
        if name == "docs/model":
            equations = page.locator("p.equation").all_inner_texts()
            assert len(equations) >= 2
            assert any("Π events" in equation for equation in equations)
    assert not said
    assert all(url.startswith("file:") for url in asked)
    page.close()
