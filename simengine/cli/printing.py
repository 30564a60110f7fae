"""A page as a PDF: printed by a browser that is on the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from simengine.errors import SimengineError

BROWSERS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge"),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
"""Names on the path, and places where they are installed."""
LONGEST = 180
"""Seconds."""
_INSTEAD = "write a name that ends with .html, open it in a browser and print it, or install Chromium"
_QUIET = (
    *("--headless", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--no-pdf-header-footer"),
)


def find() -> str:
    """Path of a browser that prints.

    Raises
    ------
    SimengineError : there is none
    """
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise SimengineError(f"A PDF is printed by Chromium, Chrome or Edge, and none of them is here; {_INSTEAD}.")
    return found


def print_page(browser: str, text: str) -> bytes:
    """Print a page on A4; the browser gets a profile of its own, which is thrown away.

    Parameters
    ----------
    browser : from `find`
    text : the page, as HTML

    Raises
    ------
    SimengineError : the browser failed, or took too long
    """
    with tempfile.TemporaryDirectory(prefix="simengine-", ignore_cleanup_errors=True) as folder:
        page, printed = Path(folder) / "board.html", Path(folder) / "board.pdf"
        page.write_text(text, encoding="utf-8")
        arguments = [*_QUIET, f"--user-data-dir={Path(folder) / 'profile'}", f"--print-to-pdf={printed}", page.as_uri()]
        # Chromium refuses its sandbox to root, and then does not start.
        is_root = sys.platform != "win32" and os.geteuid() == 0
        try:
            done = subprocess.run(
                [browser, *(["--no-sandbox"] if is_root else []), *arguments],
                capture_output=True,
                check=False,
                timeout=LONGEST,
            )
        except subprocess.TimeoutExpired:
            raise SimengineError(f"{browser} did not print the page within {LONGEST} seconds; {_INSTEAD}.") from None
        if not printed.is_file():
            said = done.stderr.decode(errors="replace").strip().splitlines()
            last = f" It said: {said[-1]}" if said else ""
            raise SimengineError(f"{browser} did not print the page; {_INSTEAD}.{last}")
        return printed.read_bytes()
