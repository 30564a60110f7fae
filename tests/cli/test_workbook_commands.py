"""`export`, `import` and `template` from outside."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from simengine.cli import cli
from tests.workbook.edited import PLAN, changed

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "plans" / "tiny.yaml"


def call(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A run of a scenario that extends the tiny plan, and its workbook."""
    folder = tmp_path_factory.mktemp("kept")
    (folder / "tiny.yaml").write_bytes(TINY.read_bytes())
    (folder / "more.yaml").write_text("extends: tiny.yaml\nscenario: {name: more}\nbase: {smb: {customers: 160}}\n")
    assert call("run", folder / "more.yaml", "-n", 128, "-o", folder / "run").exit_code == 0
    done = call("export", folder / "run", "-o", folder / "plan.xlsx", "--json")
    assert done.exit_code == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_export_says_what_it_wrote(kept):
    folder, told = kept
    assert told["path"] == str(folder / "plan.xlsx")
    assert told["runs"] == ["run"]
    assert "Assumptions" in told["sheets"]
    again = call("export", folder / "run", "-o", folder / "plan.xlsx")
    assert again.exit_code == 2
    assert "is there already" in again.stderr


def test_import_lists_what_changed_and_writes_what_the_plan_needs(kept, tmp_path):
    folder, _ = kept
    changed(folder / "plan.xlsx", tmp_path / "edited.xlsx", {("win_rate.smb", PLAN): 0.24})
    done = call("import", tmp_path / "edited.xlsx", "-o", tmp_path / "out" / "changed.yaml")
    assert done.exit_code == 0, done.stderr
    assert "1 change, written to" in done.stdout
    for words in ("Assumptions!B7", "win_rate.smb", "25 %", "24 %"):
        assert words in done.stdout
    assert (tmp_path / "out" / "tiny.yaml").read_bytes() == TINY.read_bytes()
    text = (tmp_path / "out" / "changed.yaml").read_text()
    assert text.endswith("assumptions:\n  win_rate.smb: {plan: 24 %}\n")
    assert call("check", tmp_path / "out" / "changed.yaml").exit_code == 0
    onto = call("import", tmp_path / "edited.xlsx", "-o", tmp_path / "out" / "tiny.yaml", "--overwrite")
    assert "is a file that the plan reads; choose another name" in onto.stderr
    (tmp_path / "out" / "tiny.yaml").write_text("another")
    other = call("import", tmp_path / "edited.xlsx", "-o", tmp_path / "out" / "b.yaml")
    assert "the plan needs a file of this name, and another one is there" in other.stderr
    assert not (tmp_path / "out" / "b.yaml").exists()


def test_import_into_a_plan_keeps_what_else_it_says(kept, tmp_path):
    folder, _ = kept
    edited = changed(folder / "plan.xlsx", tmp_path / "edited.xlsx", {("win_rate.smb", PLAN): 0.24})
    moved = tmp_path / "moved.yaml"
    moved.write_text(TINY.read_text().replace("months: 12,", "months: 18,"))
    done = call("import", edited, "--into", moved, "-o", moved, "--overwrite", "--json")
    assert done.exit_code == 0, done.stderr
    assert "plan: 24 %" in moved.read_text()
    assert "months: 18," in moved.read_text()
    page = (ROOT / "docs" / "cli.md").read_text().partition("### `import`")[2].partition("###")[0]
    told = json.loads(done.stdout)
    assert all(f"`{key}`" in page for key in (*told, *told["changes"][0]))


def test_nothing_is_written_where_anything_is_wrong(kept, tmp_path):
    folder, _ = kept
    wrong = changed(folder / "plan.xlsx", tmp_path / "wrong.xlsx", {("win_rate.smb", PLAN): 28.0})
    done = call("import", wrong, "-o", tmp_path / "out" / "a.yaml")
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"{wrong} Assumptions!B7  win_rate.smb, Plan value: 28 may be 28 %")
    assert not (tmp_path / "out").exists()


def test_the_plan_does_not_replace_its_own_workbook(kept):
    folder, _ = kept
    before = (folder / "plan.xlsx").read_bytes()
    done = call("import", folder / "plan.xlsx", "-o", folder / "plan.xlsx", "--overwrite")
    assert done.exit_code == 2
    assert "is the workbook itself; choose another name for the plan" in done.stderr
    assert (folder / "plan.xlsx").read_bytes() == before


def test_what_template_advises_can_be_copied_and_left_out(tmp_path):
    assert f"simengine import '{tmp_path}/a b.xlsx' -o" in call("template", "-o", tmp_path / "a b.xlsx").stdout
    assert call("template", "-q", "-o", tmp_path / "c.xlsx").stdout == ""


def test_a_template_becomes_a_plan(tmp_path):
    done = call("template", "-o", tmp_path / "t.xlsx")
    assert done.exit_code == 0, done.stderr
    assert "simengine import" in done.stdout
    made = call("import", tmp_path / "t.xlsx", "-o", tmp_path / "plan.yaml")
    assert "is a new plan, Example plan" in made.stdout
    assert call("check", tmp_path / "plan.yaml").stdout.startswith(f"{tmp_path / 'plan.yaml'} is right")


@pytest.mark.parametrize(
    ("module", "arguments"),
    [("xlsxwriter", ("template", "-o", "t.xlsx")), ("python_calamine", ("import", TINY, "-o", "a.yaml"))],
)
def test_a_missing_extra_is_told_with_what_installs_it(monkeypatch, tmp_path, module, arguments):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.chdir(tmp_path)
    done = call(*arguments)
    assert done.exit_code == 2
    assert done.stderr == "workbooks need another package: pip install 'simengine[excel]'\n"
