"""A run as a workbook: what stands in it, and that text is text."""

import re
import zipfile

import numpy as np
import pytest

from simengine.errors import SimengineError
from simengine.plan import load, loads
from simengine.simulation import simulate
from simengine.workbook import read, write
from simengine.workbook.cells import open_book
from simengine.workbook.layout import COLUMNS, DRIVERS, HEADING_ROW, MONTHS, QUARTERS, REGISTER, SCENARIOS, TARGETS

FORMULA = re.compile(r"<c [^>]*><f>([^<]*)</f><v>([^<]*)</v></c>")
HOSTILE = (
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "=cmd|' /C calc'!A0",
    "<script>alert('x')</script>",
    'it\'s "so" & so',
    "$x^2$ \\alpha",
    "[red]*bold*",
    "שלום עולם",
    "x" * 200,
)


def parts(path, pattern):
    with zipfile.ZipFile(path) as package:
        return {name: package.read(name).decode() for name in package.namelist() if re.search(pattern, name)}


def rows_of(path, sheet):
    return open_book(path).sheets[sheet]


def line(rows, label):
    return next(row for row in rows if row[0] == label)


def test_sheets_are_frozen_filtered_and_named(exported):
    sheets = open_book(exported).sheets
    assert list(sheets) == [
        *("Cover", REGISTER, TARGETS, DRIVERS, MONTHS, QUARTERS),
        *("By segment", "Charts", "Chart data", "Plan files"),
    ]
    xml = parts(exported, "worksheets/sheet")
    register = xml["xl/worksheets/sheet2.xml"]
    assert "<pane " in register
    assert "<autoFilter " in register
    assert "<sheetProtection " in register
    assert "password" not in register
    assert register.count("<dataValidation ") == sum(bool(column.choices) for column in COLUMNS)
    assert len(parts(exported, "charts/chart")) == 3


def test_the_register_holds_the_plan_in_numbers_of_its_units(exported):
    rows = rows_of(exported, REGISTER)
    assert rows[HEADING_ROW] == [column.title for column in COLUMNS]
    found = dict(zip(rows[HEADING_ROW], line(rows, "win_rate.smb"), strict=True))
    assert (found["Plan value"], found["Mean"], found["As if n"]) == (0.25, 0.22, 180)
    assert (found["Source"], found["Hurts when"], str(found["As of"])) == ("historical", "low", "2026-10-01")


def test_every_formula_has_the_value_that_it_comes_to(exported):
    found = [pair for xml in parts(exported, "worksheets/sheet").values() for pair in FORMULA.findall(xml)]
    assert len(found) > 200
    assert all(np.isfinite(float(value)) for _, value in found)
    assert sum(xml.count("<f>") for xml in parts(exported, "worksheets/sheet").values()) == len(found)


def test_the_bridge_closes_and_quarters_follow_the_months(exported, tiny):
    ds = tiny[0]
    months, quarters = rows_of(exported, MONTHS), rows_of(exported, QUARTERS)
    ending = ds["ending_arr"].mean("draw").values
    np.testing.assert_allclose(line(months, "Closing ARR")[2:], ending, rtol=1e-12)
    assert set(line(months, "Difference, to a cent")[2:]) == {0.0}
    heads = line(quarters, "")
    assert heads[2:] == ["FY2027-Q1", "FY2027-Q2", "FY2027-Q3", "FY2027-Q4", "FY2027"]
    np.testing.assert_allclose(line(quarters, "Closing ARR")[2:], ending[[2, 5, 8, 11, 11]], rtol=1e-12)
    revenue = ds["revenue"].mean("draw").values
    np.testing.assert_allclose(
        line(quarters, "Revenue")[2:], [*revenue.reshape(4, 3).sum(1), revenue.sum()], rtol=1e-12
    )


def test_totals_of_segments_are_those_of_the_company(exported):
    rows = rows_of(exported, "By segment")
    differences = [row[2:] for row in rows if row[0] == "Less the company"]
    assert len(differences) > 5
    assert {x for row in differences for x in row} == {0.0}


@pytest.fixture(scope="module")
def hostile(tiny, tmp_path_factory):
    """A workbook with hostile text in every place that a plan gives to text."""
    text = tiny[1].texts["tiny.yaml"]
    quoted = ["'" + words.replace("'", "''") + "'" for words in HOSTILE]
    for i, name in enumerate(("Marketing", "RevOps", "HR", "CS")):
        text = text.replace(f"owner: {name}\n", f"owner: {quoted[i]}\n    note: {quoted[i + 4]}\n")
    text = text.replace('reference: "billing system, renewals 2024-2026"', f"reference: {quoted[8]}").replace(
        "name: Tiny", f"name: {quoted[0]}"
    )
    text = text.replace("name: board ARR", f"name: {quoted[3]}").replace("name: NRR", f"name: {quoted[10]}")
    text = text.replace("geo: NA", f"geo: {quoted[1]}").replace("name: ae-smb-new", f"name: {quoted[2]}")
    text = text.replace('reference: "web analytics 2024-01..2026-09"', f"reference: {quoted[9]}")
    plan = loads(text, "hostile.yaml")
    path = tmp_path_factory.mktemp("hostile") / "hostile.xlsx"
    ds = simulate(plan, draws=120, seed=7)
    write({HOSTILE[0]: (ds, plan), HOSTILE[4] * 3: (ds, plan)}, path)
    return path, plan


def test_hostile_text_is_text(hostile):
    path, plan = hostile
    formulas = [f for xml in parts(path, "worksheets/sheet").values() for f, _ in FORMULA.findall(xml)]
    assert all(re.fullmatch(r"[-+()A-Z0-9:,!']*", re.sub(r"'By (month|quarter)'", "", f)) for f in formulas)
    cells = {cell for rows in open_book(path).sheets.values() for row in rows for cell in row if isinstance(cell, str)}
    assert set(HOSTILE) <= cells
    assert not parts(path, "_rels/.*rels")["xl/_rels/workbook.xml.rels"].count("External")
    assert read(path).texts == plan.texts
    assert all(len(name) <= 31 for name in open_book(path).sheets)


def test_runs_stand_side_by_side_with_paired_differences(tiny, tmp_path):
    other = loads(tiny[1].texts["tiny.yaml"], "tiny.yaml", overrides=["renewal.smb=0.8"])
    write({"tiny": tiny, "worse": (simulate(other, draws=200, seed=7), other)}, tmp_path / "a.xlsx")
    rows = rows_of(tmp_path / "a.xlsx", SCENARIOS)
    arr = next(row for row in rows if (row[0], row[2]) == ("ending ARR", "worse"))
    base = next(row for row in rows if (row[0], row[2]) == ("ending ARR", "tiny"))
    assert arr[6] == pytest.approx(arr[3] - base[3])
    assert arr[7] < arr[6] < arr[8] < 0
    assert arr[9] == "yes"


def test_runs_of_other_draws_are_refused(tiny, tmp_path):
    fewer = simulate(tiny[1], draws=120, seed=8), tiny[1]
    with pytest.raises(
        SimengineError, match=r"fewer: its draws is 120, that of tiny 200; simulate alike\nfewer: its seed"
    ):
        write({"tiny": tiny, "fewer": fewer}, tmp_path / "a.xlsx")


def test_a_file_that_is_there_stays(exported, tiny):
    before = exported.read_bytes()
    with pytest.raises(SimengineError, match="is there already"):
        write({"tiny": tiny}, exported)
    assert exported.read_bytes() == before


def test_few_draws_are_not_ranked_and_that_is_said(tmp_path, tiny):
    write({"few": (simulate(tiny[1], draws=20, seed=7), tiny[1])}, tmp_path / "a.xlsx")
    assert "Not ranked" in rows_of(tmp_path / "a.xlsx", DRIVERS)[1][0]


def test_a_plan_that_sells_once_is_exported(tmp_path):
    text = load_text().replace("smb: {geo: NA, product: core, customer_type: smb}", "smb: {geo: NA, sells: once}")
    text = text.split("\nbase:")[0].replace("metric: ending_arr", "metric: bookings")
    text = re.sub(r"\n  - \{name: NRR.*", "", text)
    text = re.sub(r"\n  renewal\.smb:.*?owner: CS", "", text, flags=re.DOTALL).replace(", renewal.smb: 0.4", "")
    plan = loads(text, "once.yaml")
    write({"once": (simulate(plan, draws=120, seed=7), plan)}, tmp_path / "a.xlsx")
    assert "ARR bridge" not in {row[0] for row in rows_of(tmp_path / "a.xlsx", MONTHS)}
    assert read(tmp_path / "a.xlsx").texts == plan.texts


def load_text():
    from tests.workbook.conftest import PLANS

    return load(PLANS / "tiny.yaml").texts["tiny.yaml"]
