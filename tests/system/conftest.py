"""Programs that the system tests drive: a browser, an office, a judge of accessibility.

`make test-system` installs what is missing. A test is skipped, with a reason, where it cannot.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A script for the Python of LibreOffice.
collect_ignore = ["calc.py"]
AXE = ROOT / "build" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
_QUIET = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
"""A browser that speaks to nobody of its own accord."""


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of Chromium, or of Chrome."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("Chromium is not installed: make test-system installs it on Debian, as root")
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator:
    """A headless browser, driven by Playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: make test-system does")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", *_QUIET])
        yield started
        started.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The text of axe-core: inject it into a page, then evaluate `axe.run()`."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: make test-system installs it, with npm")
    return AXE.read_text()


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess]:
    """A function that runs LibreOffice without a window, with a profile of its own: `office("--convert-to", …)`."""
    found = shutil.which("soffice")
    if found is None:
        pytest.skip("LibreOffice is not installed: make test-system installs it on Debian, as root")
    profile = tmp_path_factory.mktemp("office").as_uri()

    def run(*arguments: str | Path) -> subprocess.CompletedProcess:
        command = [found, "--headless", "--norestore", f"-env:UserInstallation={profile}", *map(str, arguments)]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=180)

    return run
