"""`simengine report` from outside: what is refused before anything is read. tests/system has the page itself."""

import pytest
from click.testing import CliRunner

from simengine.cli import cli, printing
from simengine.cli.solve import FOUND


def call(*arguments):
    return CliRunner().invoke(cli, ["report", *map(str, arguments)])


def test_a_file_is_html_or_pdf(tmp_path):
    result = call(tmp_path / "run", "-o", tmp_path / "board.docx")
    assert result.exit_code == 2
    assert "choose a name that ends with .html or .pdf" in result.stderr


def test_without_a_browser_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(printing.shutil, "which", lambda name: None)
    result = call(tmp_path / "run", "-o", tmp_path / "board.pdf")
    assert result.exit_code == 2
    assert "write a name that ends with .html, open it in a browser and print it, or install Chromium" in result.stderr


def test_a_browser_that_fails_is_told_in_its_words(tmp_path):
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\necho 'no display' >&2\nexit 1\n")
    browser.chmod(0o755)
    with pytest.raises(printing.SimengineError, match=r"did not print the page.*It said: no display"):
        printing.print_page(str(browser), "<p>")


def test_what_is_no_run_is_said(tmp_path):
    result = call(tmp_path / "run", "-o", tmp_path / "board.html")
    assert result.exit_code == 2
    assert "name a folder that simengine run -o has written" in result.stderr


@pytest.mark.parametrize("content", [None, b"{", b'{"target": "board ARR"}', b"\xff", b"[" * 100_000, b"7"])
def test_what_was_not_solved_is_said(content, tmp_path):
    from simengine.cli.gathered import solution

    if content is not None:
        (tmp_path / FOUND).write_bytes(content)
    words = "holds no solution.json" if content is None else "is not as simengine wrote it"
    with pytest.raises(printing.SimengineError, match=words):
        solution(tmp_path)
