"""What docs/python.md tells people to type works, and its table has every method of ds.sim."""

import re
from pathlib import Path

import pytest

from simengine.report.accessor import Sim

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


def test_its_lines_run_one_after_the_other(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(block, names)
    said = capsys.readouterr().out
    assert "What does board ARR hang on?" in said
    assert re.search(r"^\d+\.\d% \(\d+\.\d% to \d+\.\d%\)$", said, flags=re.M)


def test_its_table_has_every_method():
    methods = {name for name in vars(Sim) if not name.startswith("_")}
    assert {
        name for row in re.findall(r"^\| (`.*?) \|", PAGE, flags=re.M) for name in re.findall(r"(\w+)\(", row)
    } == methods


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)#]+)", PAGE))))
def test_its_links_lead_somewhere(link):
    assert (ROOT / "docs" / link).exists()
