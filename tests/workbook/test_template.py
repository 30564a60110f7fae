"""A template: an example that becomes a plan which runs, and mistakes told with their cells."""

import pytest

from simengine.errors import PlanError
from simengine.plan.customers import Base
from simengine.plan.evidence import Assumption, Source
from simengine.plan.header import Header
from simengine.plan.market import Channel, Demand, PipelineRow
from simengine.plan.people import SeatGroup
from simengine.plan.targets import Target
from simengine.simulation import simulate
from simengine.workbook import read
from simengine.workbook.forms import (
    BASE,
    CHANNELS,
    COMPANY,
    COMPANY_FIELDS,
    DEMAND,
    FORMS,
    GOALS,
    HIRES,
    PIPELINE,
    SEATS,
)
from simengine.workbook.layout import COLUMNS, REGISTER
from tests.workbook.edited import sheets_of, written


def edited(blank, target, edits):
    """The template with cells changed: {(sheet, first cell of the row, heading): value}."""
    sheets = sheets_of(blank)
    for (sheet, first, heading), value in edits.items():
        rows = sheets[sheet]
        row = next(row for row in rows if row and row[0] == first)
        place = 1 if sheet == COMPANY else next(r for r in rows if heading in r and r[1]).index(heading)
        row[place] = value
    return written(sheets, target)


def test_the_example_becomes_a_plan_that_runs(blank):
    found = read(blank)
    assert found.is_new
    plan = found.plan
    assert (len(plan.segments), len(plan.assumptions), len(plan.targets), len(plan.team.seats)) == (2, 6, 3, 4)
    assert plan.team.seats[2].hires
    ds = simulate(plan, draws=32, seed=7)
    assert 0.2 < float((ds["target_value"] >= ds["at_least"]).sel(target="board ARR").mean()) < 0.8


@pytest.mark.parametrize(
    ("model", "sheet"),
    [(Target, GOALS), (Demand, DEMAND), (Channel, CHANNELS), (Base, BASE), (SeatGroup, SEATS), (PipelineRow, PIPELINE)],
)
def test_every_required_key_can_be_filled_in(model, sheet):
    asked = {field.path[0] for form in FORMS if form.sheet == sheet for field in form.fields if field.path}
    needed = {name for name, info in model.model_fields.items() if info.is_required()}
    assert needed <= asked | {"segments"}


def test_every_required_key_of_the_plan_and_of_assumptions_can_be_filled_in():
    asked = {field.path[1] for field in COMPANY_FIELDS if field.path[0] == "plan"}
    assert {name for name, info in Header.model_fields.items() if info.is_required()} <= asked
    columns = {column.path for column in COLUMNS}
    for name, info in Assumption.model_fields.items():
        assert not info.is_required() or any(path[:1] == (name,) for path in columns)
    for name, info in Source.model_fields.items():
        assert not info.is_required() or ("source", name) in columns


def test_empty_rows_and_cells_are_left_to_defaults(blank, tmp_path):
    edits = {
        (COMPANY, "Version", ""): "",
        (COMPANY, "Gross margin", ""): "",
        (GOALS, "retention", "Wanted confidence"): 0.7,
    }
    plan = read(edited(blank, tmp_path / "a.xlsx", edits)).plan
    assert (plan.plan.version, plan.economics.gross_margin.number) == ("", 0.75)
    assert plan.targets[1].confidence == 0.7


@pytest.mark.parametrize(
    ("sheet", "first", "heading", "value", "said"),
    [
        (
            COMPANY,
            "First month",
            "",
            "January",
            "Company!B6  First month: 'January' is not a month; expected a month like 2027-01",
        ),
        (COMPANY, "Currency", "", "", "Company!B5  Currency: nothing stands here"),
        (COMPANY, "Months", "", 500, "Company!B7  Months: 500 is out of range"),
        (COMPANY, "Gross margin", "", 78, "Company!B13  Gross margin: 78 may be 78 % or 7,800 %"),
        (COMPANY, "Billing", "", "weekly", "Company!B16  Billing: 'weekly' is not one of the words"),
        (
            DEMAND,
            "partner",
            "Win rate",
            "win_rate.smbs",
            "Demand!E6  partner, smb, Win rate: 'win_rate.smbs' is neither a number",
        ),
        (
            DEMAND,
            "partner",
            "Rates",
            "40 %, 50 %",
            "Demand!D6  partner, smb, Rates: 2 given for the stages lead → opportunity",
        ),
        (DEMAND, "partner", "Deal size", "", "Demand!H6  Deal size: nothing stands here"),
        (DEMAND, "partner", "Channel", "fairs", "Channels!A5  partner, segments: is missing"),
        (
            SEATS,
            "marketing",
            "Role",
            "marketeer",
            "Seats!B7  marketing, Role: role 'marketeer' is not declared; did you mean marketer?",
        ),
        (SEATS, "ae-enterprise", "Seats", "ae-smb", "Seats!A5  ae-smb stands in row 4 too"),
        (HIRES, "ae-smb-new", "Seats", "ae-new", "Hires!A4  Seats: no seats are called 'ae-new'"),
        (HIRES, "ae-smb-new", "People", 1.5, "Hires!C4  ae-smb-new, 2027-02, People: 1.5 is not a whole number"),
        (GOALS, "board ARR", "At most", 1.0, "board ARR: at_least and at_most are both given"),
        (GOALS, "board ARR", "Where", "EMEA", "Targets!D4  board ARR, Where: 'EMEA' is no label with its value"),
        (GOALS, "board ARR", "Metric", "arr", "Targets!B4  board ARR, Metric: 'arr' is not one of the words"),
        (GOALS, "board ARR", "Period", "FY2031", "Targets!C4  board ARR, Period: "),
        (BASE, "smb", "Customers", 0, "Customers!A4  smb: 0 customers with an ARR of 3e+06"),
        (REGISTER, "win_rate.smb", "Mean", 22, f"{REGISTER}!I7  win_rate.smb, Mean: 22 may be 22 %"),
        (REGISTER, "win_rate.smb", "Unit", "dollars", f"{REGISTER}!C7  win_rate.smb, Unit: 'dollars' is not one of"),
        (REGISTER, "win_rate.smb", "Unit", "=USD", f"{REGISTER}!C7  win_rate.smb, Unit: '=USD' is not one of"),
        (COMPANY, "Stages of the funnel", "", 2.5, "1 given for the stages 2.5"),
        (REGISTER, "win_rate.smb", "Source", "", f"{REGISTER}!S7  Source: nothing stands here"),
        (
            REGISTER,
            "deal_size.enterprise",
            "Assumption",
            "deal.size",
            f"{REGISTER}!A8  deal.size: no value of the plan uses this",
        ),
    ],
)
def test_a_mistake_is_told_with_its_cell(blank, tmp_path, sheet, first, heading, value, said):
    path = edited(blank, tmp_path / "a.xlsx", {(sheet, first, heading): value})
    with pytest.raises(PlanError) as raised:
        read(path)
    assert any(said in str(problem) for problem in raised.value.problems), str(raised.value)
