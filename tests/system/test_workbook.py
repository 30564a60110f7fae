"""A workbook in LibreOffice: it opens cleanly, calculates what we said, shows text as text, and comes back edited."""

import json
import math
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from simengine.cli import cli
from simengine.plan import load
from simengine.workbook import read
from simengine.workbook.cells import open_book
from simengine.workbook.layout import COLUMNS, HEADING_ROW, REGISTER, cell_name
from tests.workbook.test_export import HOSTILE

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "plans" / "tiny.yaml"
NORTHSTAR = ROOT / "scenarios" / "northstar" / "base.yaml"
CALC = Path(__file__).with_name("calc.py")
PYTHON = "/usr/bin/python3"
"""Where Debian's LibreOffice has its UNO bindings; a virtual environment does not see them."""
TITLES = [column.title for column in COLUMNS]


def _has_uno():
    return subprocess.run([PYTHON, "-c", "import uno"], check=False, capture_output=True).returncode == 0


@pytest.fixture(scope="session")
def calc():
    """A function that drives LibreOffice by script: `calc("edit", …)`."""
    if not shutil.which("soffice") or not _has_uno():
        pytest.skip("LibreOffice and its Python are not installed: make test-system installs them on Debian, as root")

    def run(*arguments):
        command = [PYTHON, str(CALC), *map(str, arguments)]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=240)

    return run


def simengine(*arguments):
    done = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.stderr
    return done


@pytest.fixture(scope="session")
def northstar(tmp_path_factory):
    """A run of Northstar, and its workbook."""
    folder = tmp_path_factory.mktemp("northstar")
    simengine("run", NORTHSTAR, "-n", 500, "-o", folder / "base")
    simengine("run", NORTHSTAR, "-n", 500, "-o", folder / "hoped", "--set", "renewal.smb-na=0.9")
    simengine("export", folder / "base", folder / "hoped", "-o", folder / "plan.xlsx")
    return folder / "plan.xlsx"


def said_by(done):
    """What LibreOffice has to say, but for Java, which it does not need."""
    return [line for line in done.stderr.splitlines() if line and "javaldx" not in line]


@pytest.mark.parametrize("kind", ["pdf", "xlsx", "ods"])
def test_it_opens_without_a_word(northstar, office, tmp_path, kind):
    done = office("--convert-to", kind, "--outdir", tmp_path, northstar)
    assert said_by(done) == []
    assert (tmp_path / f"plan.{kind}").stat().st_size > 20_000


def test_recalculated_formulas_are_what_we_said(northstar, calc):
    ours = open_book(northstar).sheets
    found = json.loads(calc("formulas", northstar).stdout)
    assert len(found) > 1000
    for sheet, address, formula, value, error in found:
        match = re.fullmatch(r"([A-Z]+)(\d+)", address)
        column = sum((ord(letter) - 64) * 26**i for i, letter in enumerate(reversed(match[1]))) - 1
        assert error == 0, (sheet, address, formula)
        assert math.isclose(value, ours[sheet][int(match[2]) - 1][column], rel_tol=1e-9, abs_tol=0.006), (
            sheet,
            address,
        )


def place(path, name, title):
    """The address of a cell of the register."""
    rows = open_book(path).sheets[REGISTER]
    row = next(i for i, cells in enumerate(rows) if i > HEADING_ROW and cells[0] == name)
    return cell_name(row, TITLES.index(title))


def test_three_assumptions_edited_in_libreoffice_are_all_that_changes(northstar, calc, tmp_path):
    edits = {
        ("win_rate.smb-na", "Plan value"): "24 %",
        ("volume.inbound.smb-na", "Mean"): 200,
        ("ramp_months.ae-commercial", "Max"): "=10+0.5",
    }
    script = tmp_path / "edits.json"
    script.write_text(json.dumps([[REGISTER, place(northstar, *cell), value] for cell, value in edits.items()]))
    calc("edit", northstar, script, tmp_path / "edited.xlsx")
    told = json.loads(simengine("import", tmp_path / "edited.xlsx", "-o", tmp_path / "changed.yaml", "--json").stdout)
    assert {(change["assumption"], change["column"]) for change in told["changes"]} == set(edits)
    before, after = NORTHSTAR.read_text().splitlines(), (tmp_path / "changed.yaml").read_text().splitlines()
    assert len(before) == len(after)
    assert len([a for a, b in zip(before, after, strict=True) if a != b]) == 3
    old, new = load(NORTHSTAR), load(tmp_path / "changed.yaml")
    differ = {name for name in old.assumptions if old.assumptions[name] != new.assumptions[name]}
    assert differ == {name for name, _ in edits}
    for section in type(old).model_fields:
        assert section == "assumptions" or getattr(old, section) == getattr(new, section)
    simengine("run", tmp_path / "changed.yaml", "-n", 64, "-o", tmp_path / "run")


def test_saved_by_libreoffice_and_not_edited_nothing_changes(northstar, office, tmp_path):
    office("--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", tmp_path, northstar)
    found = read(tmp_path / "plan.xlsx")
    assert found.changes == []
    assert found.texts[NORTHSTAR.name].encode() == NORTHSTAR.read_bytes()


def test_text_that_looks_like_a_formula_stays_text(office, calc, tmp_path):
    quoted = "'" + HOSTILE[4].replace("'", "''") + "'"
    plan = tmp_path / "hostile.yaml"
    text = TINY.read_text()
    for i, owner in enumerate(("Marketing", "RevOps", "HR")):
        text = text.replace(f"owner: {owner}", f'owner: "{HOSTILE[i]}"')
    plan.write_text(text.replace("owner: CS", f"owner: {quoted}").replace("owner: CRO", f'owner: "{HOSTILE[3]}"'))
    simengine("run", plan, "-n", 120, "-o", tmp_path / "run")
    simengine("export", tmp_path / "run", "-o", tmp_path / "a.xlsx")
    # Of every sheet a CSV file, text as it is shown.
    options = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1"
    assert said_by(office("--convert-to", options, "--outdir", tmp_path, tmp_path / "a.xlsx")) == []
    shown = (tmp_path / f"a-{REGISTER}.csv").read_text()
    for words in HOSTILE[:5]:
        assert words in shown
    assert not re.search(r"Err:|#REF|#NAME|#VALUE|#DIV", "".join(f.read_text() for f in tmp_path.glob("a-*.csv")))
    # A formula that somebody enters counts as what it comes to.
    script = tmp_path / "edits.json"
    script.write_text(json.dumps([[REGISTER, place(tmp_path / "a.xlsx", "renewal.smb", "Note"), "=1+1"]]))
    calc("edit", tmp_path / "a.xlsx", script, tmp_path / "b.xlsx")
    assert read(tmp_path / "b.xlsx").plan.assumptions["renewal.smb"].note in ("=1+1", "2")


def test_a_template_that_was_saved_by_libreoffice_is_the_same_plan(office, tmp_path):
    simengine("template", "-o", tmp_path / "template.xlsx")
    (tmp_path / "out").mkdir()
    done = office(
        "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", tmp_path / "out", tmp_path / "template.xlsx"
    )
    assert said_by(done) == []
    assert read(tmp_path / "out" / "template.xlsx").texts == read(tmp_path / "template.xlsx").texts
    with zipfile.ZipFile(tmp_path / "template.xlsx") as package:
        assert package.testzip() is None
