"""The tutorial is what happens: its commands, the change that it makes, and the output that it shows."""

from pathlib import Path

from tests.pages import blocks, called, do

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "tutorial.md"


def test_the_tutorial_happens_as_it_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    do(PAGE, tmp_path / "plan.yaml", called)


def test_it_shows_what_the_first_plan_says():
    (shown,) = (content for language, content in blocks(PAGE) if language == "yaml")
    assert shown in (ROOT / "simengine" / "cli" / "starter.yaml").read_text(encoding="utf-8")
