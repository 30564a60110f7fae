"""Every notebook runs from top to bottom, shows what it promises, and is stored without what it shows."""

import os
import re
from pathlib import Path
from unittest.mock import patch

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SHOWS = {
    # Figures, tables, and what is true of a number in it.
    "cfo_risk_review": (6, 7, 'assert 0.6 < ds.sim.probability("commit ARR")["value"] < 0.9 and 1 < lost < 10'),
    "history_to_plan": (2, 4, 'assert 95e6 < ds["ending_arr"].sel(month="2028-06").median() < 115e6'),
    "quarterly_resimulation": (2, 5, "assert low < 0.30 < high < line == 0.33"),
    "sensitivity_study": (3, 7, 'assert ranked["assumptions"][0]["share"]["lower"] > 0.1'),
}
SLOW = {
    "history_to_plan": "fits a company's records",
    "quarterly_resimulation": "learns twice",
    "sensitivity_study": "simulates twice",
}


def read(path):
    return nbformat.read(path, as_version=4)


def cells(path, kind):
    return [cell for cell in read(path).cells if cell.cell_type == kind]


def test_there_is_an_expectation_of_each():
    assert [path.stem for path in NOTEBOOKS] == sorted(SHOWS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_stored_as_a_reader_and_a_diff_want_it(path):
    nbformat.validate(read(path))
    first = read(path).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")
    assert len(re.findall(r"^# ", "\n".join(cell.source for cell in cells(path, "markdown")), flags=re.M)) == 1
    for cell in cells(path, "code"):
        assert cell.outputs == []
        assert cell.execution_count is None
        assert len(cell.source.splitlines()) <= 15
        assert max(map(len, cell.source.splitlines())) <= 80
    assert not re.search(r"/(home|root|tmp|Users|work)/", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem, marks=[pytest.mark.system] if path.stem in SLOW else []) for path in NOTEBOOKS],
)
def test_it_runs_and_shows_what_it_promises(path):
    figures, tables, true = SHOWS[path.stem]
    notebook = read(path)
    notebook.cells.append(nbformat.v4.new_code_cell(true))
    with patch.dict(os.environ, PYTHONPATH=str(ROOT)):
        NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(FOLDER)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert [output for output in shown if output.output_type == "stream" and output.name == "stderr"] == []
    pictures = [output for output in shown if "image/png" in output.get("data", {})]
    told = [output["data"]["text/html"] for output in shown if "text/html" in output.get("data", {})]
    assert len(pictures) == figures
    assert all(output["metadata"]["image/png"]["alt"] for output in pictures)
    assert sum("<table>" in html for html in told) == len(told) == tables
    # Every code cell but imports shows something, once.
    assert all(len(cell.outputs) <= 2 for cell in notebook.cells if cell.cell_type == "code")
