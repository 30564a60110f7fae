"""Every way in which records can be wrong, one file each: mapping, tables, and the exact words of the report."""

from pathlib import Path

import pytest

from simengine.learn.actuals import read
from simengine.learn.quality import HistoryError, Report

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.txt"))


def parts(text: str) -> dict[str, str]:
    """The files that a text holds, each below a line `--- name`."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines(keepends=True):
        if line.startswith("--- "):
            name = line[4:].strip()
            found[name] = ""
        else:
            found[name] += line
    return found


def said() -> str:
    """What a user reads of history.yaml: why it is refused, or what was found."""
    try:
        return in_words(read("history.yaml").report)
    except HistoryError as error:
        rest = [] if error.report is None else [f for f in error.report.findings if f.level != "refused"]
        if error.report is not None:
            adds_up(error.report)
        return "\n".join(["REFUSED", str(error), *(f"{f.level} {f.problem()}" for f in rest)])


def in_words(report: Report) -> str:
    adds_up(report)
    return "\n".join(["READ", *(f"{finding.level} {finding.problem()}" for finding in report.findings)])


def adds_up(report: Report) -> None:
    for tally in report.tallies.values():
        assert tally.read == tally.used + sum(tally.dropped.values())


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.stem)
def test_says_exactly_what_is_wrong(case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = parts(case.read_text(encoding="utf-8"))
    expected = files.pop("said")
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_SUCH_CRM_URL", raising=False)
    assert said() + "\n" == expected
    assert {path.name for path in tmp_path.iterdir()} == set(files), "nothing is written"


def test_there_are_many() -> None:
    assert len(BROKEN) >= 50


def test_every_refusal_names_its_place_and_a_remedy() -> None:
    for case in BROKEN:
        kind, *lines = parts(case.read_text(encoding="utf-8"))["said"].splitlines()
        assert kind in ("REFUSED", "READ")
        for line in lines:
            place, _, words = line.partition("  ")
            assert "." in place, case.stem
            assert "; " in words, (case.stem, line)
            assert "Traceback" not in words
