"""An edited register read back: what was edited changes, nothing else, and every mistake has its cell."""

import zipfile
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from simengine import limits
from simengine.errors import PlanError, SimengineError
from simengine.plan import load, loads
from simengine.simulation import simulate
from simengine.workbook import cells, read, write
from simengine.workbook.layout import FILES, HEADING_ROW, REGISTER
from tests.workbook.edited import DISTRIBUTION, PLAN, TITLES, changed, row_of, sheets_of, written

PLANS = Path(__file__).parents[1] / "plans"


def problems(path, into=None):
    with pytest.raises(PlanError) as raised:
        read(path, into)
    return [str(problem) for problem in raised.value.problems]


def lines_that_differ(before, after):
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    return [(a.strip(), b.strip()) for a, b in pairs if a != b]


# ---- what was not edited stays ----


def test_a_workbook_that_was_not_edited_gives_the_plan_back_byte_for_byte(exported, tiny):
    found = read(exported)
    assert found.texts == tiny[1].texts
    assert found.texts["tiny.yaml"].encode() == (PLANS / "tiny.yaml").read_bytes()
    assert (found.changes, found.notices) == ([], [])


def test_every_way_to_write_a_belief_survives(tmp_path):
    plan = load(PLANS / "full.yaml")
    path = tmp_path / "full.xlsx"
    write({"full": (simulate(plan, draws=20, seed=7), plan)}, path)
    found = read(path)
    assert found.texts == plan.texts
    again = read(changed(path, tmp_path / "again.xlsx", {("win_rate.mid", "Note"): "seen twice"}))
    main = next(iter(plan.texts))
    assert len(again.texts[main].splitlines()) == len(plan.texts[main].splitlines()) + 1
    assert again.plan.assumptions["win_rate.mid"].note == "seen twice"


def test_fifteen_digits_are_no_edit(exported, tmp_path):
    path = changed(exported, tmp_path / "a.xlsx", {("win_rate.smb", "Mean"): 0.22 * (1 + 1e-14)})
    assert read(path).changes == []


# ---- what was edited changes ----


def test_exactly_what_was_edited_changes(exported, tiny, tmp_path):
    edits = {
        ("win_rate.smb", PLAN): 0.24,
        ("leads.inbound", "Max"): 80.0,
        ("ramp_months.ae", "Owner"): "Sales enablement",
    }
    found = read(changed(exported, tmp_path / "a.xlsx", edits))
    assert lines_that_differ(tiny[1].texts["tiny.yaml"], found.texts["tiny.yaml"]) == [
        ("distribution: {pert: {min: 40, mode: 55, max: 75}}", "distribution: {pert: {min: 40, mode: 55, max: 80}}"),
        ("plan: 25 %", "plan: 24 %"),
        ("owner: CRO", "owner: Sales enablement"),
    ]
    assert [(change.cell, change.before, change.after) for change in found.changes] == [
        (f"{REGISTER}!H6", "75 per month", "80 per month"),
        (f"{REGISTER}!B7", "25 %", "24 %"),
        (f"{REGISTER}!X8", "CRO", "Sales enablement"),
    ]


@pytest.mark.parametrize(
    ("name", "title", "value", "written_as"),
    [
        ("win_rate.smb", PLAN, "24 %", "plan: 24 %"),
        ("win_rate.smb", PLAN, 0.235, "plan: 23.5 %"),
        ("leads.inbound", PLAN, 52.5, "plan: 52.5 per month"),
        ("leads.inbound", PLAN, "600 per year", "plan: 50 per month"),
        ("ramp_months.ae", PLAN, 5, "plan: 5 months"),
        ("ramp_months.ae", "P10", 2.5, "distribution: {quantiles: {min: 0, 10 %: 2.5, 50 %: 5, 90 %: 8}}"),
        ("ramp_months.ae", "Min", 1, "distribution: {quantiles: {min: 1, 10 %: 3, 50 %: 5, 90 %: 8}}"),
        ("ramp_months.ae", "Other parameters", "{P95: 10}", "{min: 0, 10 %: 3, 50 %: 5, 90 %: 8, P95: 10}}"),
        ("leads.inbound", DISTRIBUTION, "Triangular", "distribution: {triangular: {min: 40, mode: 55, max: 75}}"),
        ("win_rate.smb", "As of", date(2026, 11, 2), "as_of: 2026-11-02}"),
        ("win_rate.smb", "As of", datetime(2026, 11, 2), "as_of: 2026-11-02}"),
        ("win_rate.smb", "Observations", 200.0, "n: 200,"),
        ("attrition.ae", "Grade", "A", "grade: A}"),
        ("win_rate.smb", "Reference", "=2+3 deals", "reference: =2+3 deals"),
        ("win_rate.smb", "Note", "-1 and @you", "note: "),
        ("win_rate.smb", "Owner", "", "risk: {adverse: low}"),
    ],
)
def test_what_a_cell_says_is_written_as_plans_are(exported, tmp_path, name, title, value, written_as):
    found = read(changed(exported, tmp_path / "a.xlsx", {(name, title): value}))
    assert len(found.changes) == 1
    assert written_as in found.texts["tiny.yaml"]
    assert "smallest plan that uses every step" in found.texts["tiny.yaml"]


def test_text_that_looks_like_a_formula_is_kept_as_it_is(exported, tmp_path):
    words = '=HYPERLINK(1) it\'s "so"'
    found = read(changed(exported, tmp_path / "a.xlsx", {("win_rate.smb", "Note"): words}))
    assert found.plan.assumptions["win_rate.smb"].note == words


def test_another_family_takes_its_own_parameters(exported, tmp_path):
    edits = {("win_rate.smb", DISTRIBUTION): "pert", ("win_rate.smb", "Mean"): "", ("win_rate.smb", "As if n"): ""}
    edits |= {
        ("win_rate.smb", title): value for title, value in zip(("Min", "Mode", "Max"), (0.1, 0.2, 0.4), strict=True)
    }
    found = read(changed(exported, tmp_path / "a.xlsx", edits))
    assert "distribution: {pert: {min: 10 %, mode: 20 %, max: 40 %}}" in found.texts["tiny.yaml"]


def test_rows_may_be_sorted_inserted_and_deleted(exported, tiny, tmp_path):
    sheets = sheets_of(exported)
    rows = sheets[REGISTER]
    rows[row_of(rows, "win_rate.smb")][TITLES.index(PLAN)] = 0.24
    head, body = rows[: HEADING_ROW + 1], rows[HEADING_ROW + 1 :]
    body = [row for row in reversed(body) if row[0] != "renewal.smb"]
    body.insert(1, [""] * len(TITLES))
    sheets[REGISTER] = [*head, *body]
    found = read(written(sheets, tmp_path / "a.xlsx"))
    assert lines_that_differ(tiny[1].texts["tiny.yaml"], found.texts["tiny.yaml"]) == [("plan: 25 %", "plan: 24 %")]
    assert found.notices == ["Not in the register, so not changed: renewal.smb"]


def test_columns_may_be_moved(exported, tmp_path):
    sheets = sheets_of(exported)
    sheets[REGISTER] = [[*reversed(row)] for row in sheets[REGISTER]]
    assert read(written(sheets, tmp_path / "a.xlsx")).changes == []


# ---- mistakes ----


@pytest.mark.parametrize(
    ("name", "title", "value", "said"),
    [
        (
            "win_rate.smb",
            PLAN,
            28.0,
            f"{REGISTER}!B7  win_rate.smb, Plan value: 28 may be 28 % or 2,800 %; write the text 28 %",
        ),
        ("win_rate.smb", PLAN, "28", "28 may be 28 % or 2,800 %"),
        ("win_rate.smb", PLAN, "a quarter", "'a quarter' is not a number; expected a number in fraction"),
        ("win_rate.smb", PLAN, "0,28", "'0,28' is not a number"),
        ("win_rate.smb", PLAN, True, "true is not a number"),
        ("win_rate.smb", PLAN, date(2027, 3, 4), "a date or time (2027-03-04) stands here"),
        ("win_rate.smb", PLAN, "", "nothing stands here; write a value"),
        ("win_rate.smb", PLAN, -0.1, "is outside the distribution"),
        ("leads.inbound", PLAN, "60 per week", "'60 per week' is not a number"),
        ("leads.inbound", PLAN, "28 %", "'28 %' is in fraction"),
        ("leads.inbound", "Max", 30.0, f"{REGISTER}!H6  leads.inbound, Max: 30 is not above the minimum 40"),
        ("win_rate.smb", "Mode", 0.2, f"{REGISTER}!G7  win_rate.smb, Mode: unknown parameter 'mode' of a beta law"),
        ("win_rate.smb", "As if n", "", "mean does not fix a beta law"),
        ("ramp_months.ae", "Min", "", f"{REGISTER}!A8  ramp_months.ae: assumption ramp_months.ae can be of any size"),
        (
            "win_rate.smb",
            DISTRIBUTION,
            "bata",
            "'bata' is not one of the words that may stand here; did you mean beta?",
        ),
        ("win_rate.smb", "Other parameters", "{a: ", f"{REGISTER}!R7  win_rate.smb, Other parameters: "),
        ("win_rate.smb", "As of", "soon", "'soon' is not a day of the calendar; expected a date like 2026-12-31"),
        ("win_rate.smb", "Observations", 1.5, f"{REGISTER}!U7  win_rate.smb, Observations: 1.5 is not a whole number"),
        ("win_rate.smb", "Observations", "", "a historical source needs n"),
        ("win_rate.smb", "Reference", "", "nothing stands here"),
        ("win_rate.smb", "Source", "rumour", "'rumour' is not one of the words"),
        ("win_rate.smb", "Hurts when", "it rains", "'it rains' is not one of the words"),
        ("win_rate.smb", "Grade", "D", "'D' is not one of the words"),
        ("win_rate.smb", "Unit", "months", "was fraction and is months; change it in the plan file"),
        (
            "win_rate.smb",
            "Assumption",
            "win_rate.smbs",
            "no assumption of the workbook's plan has this name; did you mean win_rate.smb?",
        ),
        ("win_rate.smb", "Assumption", "leads.inbound", "stands in row 6 too; keep one of the two rows"),
        ("win_rate.smb", "Assumption", "", "no name stands here"),
    ],
)
def test_a_mistake_is_told_with_its_cell(exported, tmp_path, name, title, value, said):
    path = changed(exported, tmp_path / "a.xlsx", {(name, title): value})
    told = problems(path)
    assert len(told) == 1
    assert told[0].startswith(f"{path} {REGISTER}!")
    assert said in told[0]


def test_every_mistake_is_told_at_once_in_the_order_of_the_rows(exported, tmp_path):
    edits = {("renewal.smb", PLAN): "much", ("leads.inbound", "Min"): "few", ("attrition.ae", "Mean"): 0.0}
    told = problems(changed(exported, tmp_path / "a.xlsx", edits))
    # The second is found where cells are read, the other one where the plan is checked.
    assert [line.split("  ")[0].rpartition("!")[2] for line in told] == ["F6", "I9", "B10"]


def test_a_heading_or_a_sheet_that_is_gone(exported, tmp_path):
    sheets = sheets_of(exported)
    sheets[REGISTER][HEADING_ROW][TITLES.index("Owner")] = "Who"
    assert "the column Owner is missing; put it back" in problems(written(sheets, tmp_path / "a.xlsx"))[0]
    del sheets[REGISTER]
    assert "this sheet is missing" in problems(written(sheets, tmp_path / "b.xlsx"))[0]
    del sheets[FILES]
    with pytest.raises(SimengineError, match="it is not as simengine export or simengine template has written it"):
        read(written(sheets, tmp_path / "c.xlsx"))


def test_a_plan_that_was_edited_in_the_workbook_is_refused(exported, tmp_path):
    sheets = sheets_of(exported)
    sheets[FILES][6][2] += " "
    with pytest.raises(SimengineError, match="is not as it was written; export again"):
        read(written(sheets, tmp_path / "a.xlsx"))


# ---- into another plan ----


def test_edits_go_into_a_plan_that_has_moved_on(exported, tiny, tmp_path):
    text = tiny[1].texts["tiny.yaml"].replace("plan: 90 %", "plan: 91 %  # since March")
    path = changed(exported, tmp_path / "a.xlsx", {("win_rate.smb", PLAN): 0.24})
    found = read(path, loads(text, "newer.yaml"))
    assert found.texts == {"newer.yaml": text.replace("plan: 25 %", "plan: 24 %")}


def test_what_was_changed_on_both_sides_is_refused(exported, tiny, tmp_path):
    text = tiny[1].texts["tiny.yaml"].replace("plan: 25 %", "plan: 26 %")
    path = changed(exported, tmp_path / "a.xlsx", {("win_rate.smb", PLAN): 0.24})
    told = problems(path, loads(text, "newer.yaml"))
    assert "was 25 %, is 24 % here and 26 % in the plan; decide which holds" in told[0]
    same = changed(exported, tmp_path / "b.xlsx", {("win_rate.smb", PLAN): 0.26})
    assert read(same, loads(text, "newer.yaml")).changes == []


def test_a_scenario_is_changed_in_its_own_file(tiny, tmp_path):
    files = {"tiny.yaml": tiny[1].texts["tiny.yaml"]}
    text = "extends: tiny.yaml\nscenario: {name: more}\nassumptions:\n  renewal.smb: {plan: 91 %}  # they promised\n"
    plan = loads(text, "more.yaml", files=files, overrides=["leads.inbound=50"])
    write({"more": (tiny[0], plan)}, tmp_path / "more.xlsx")
    edits = {("renewal.smb", PLAN): 0.92, ("win_rate.smb", "Mean"): 0.21, ("ramp_months.ae", "Owner"): ""}
    found = read(changed(tmp_path / "more.xlsx", tmp_path / "a.xlsx", edits))
    assert found.texts["tiny.yaml"] == files["tiny.yaml"]
    assert found.texts["more.yaml"] == (
        "extends: tiny.yaml\nscenario: {name: more}\nassumptions:\n  renewal.smb: {plan: 92 %}  # they promised\n"
        "  win_rate.smb: {distribution: {beta: {mean: 21 %, n: 180}}}\n  ramp_months.ae: {owner: null}\n"
    )
    assert found.notices == ["Values set beside the plan are not in its file; give them again: --set leads.inbound=50"]
    told = problems(changed(tmp_path / "more.xlsx", tmp_path / "b.xlsx", {("leads.inbound", "Value"): 55.0}))
    assert "was set beside the plan with --set" in told[0]


# ---- files that are no workbook ----


def package(path, parts):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"plan: {}", "is not a workbook; name an .xlsx"),
        (b"", "is not a workbook"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
            r"is a workbook of the old kind \(.xls\); save it as .xlsx",
        ),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "has a password; remove it"),
    ],
    ids=["text", "empty", "xls", "password"],
)
def test_what_is_no_workbook_is_refused_in_words(tmp_path, content, said):
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(SimengineError, match=said):
        read(path)


def test_a_file_that_is_not_there():
    with pytest.raises(SimengineError, match=r"nowhere\.xlsx cannot be read: no such file or directory"):
        read("nowhere.xlsx")


def test_packages_of_another_kind_or_damaged(tmp_path, exported):
    with pytest.raises(SimengineError, match=r"is a workbook of another kind; save it as \.xlsx"):
        read(package(tmp_path / "a.ods", {"content.xml": "<office/>"}))
    with pytest.raises(SimengineError, match="is not a workbook"):
        read(package(tmp_path / "a.zip", {"a": "b"}))
    with pytest.raises(SimengineError, match="is damaged"):
        read(package(tmp_path / "b.xlsx", {"xl/workbook.xml": "<workbook"}))
    half = tmp_path / "half.xlsx"
    whole = exported.read_bytes()
    half.write_bytes(whole[:2000] + b"\0" * 200 + whole[2200:])
    with pytest.raises(SimengineError, match="is damaged"):
        read(half)


def test_few_bytes_that_stand_for_gigabytes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(cells, "WORKBOOK_UNPACKED", replace(limits.WORKBOOK_UNPACKED, most=1_000_000))
    bomb = {"xl/workbook.xml": "<workbook/>", "xl/worksheets/sheet1.xml": bytes(1_000_001)}
    with pytest.raises(SimengineError, match=r"unpacks to 1,000,0.. bytes, and at most 1,000,000 bytes are read"):
        read(package(tmp_path / "a.xlsx", bomb))
    wide = {"xl/workbook.xml": "<workbook/>", "xl/worksheets/sheet1.xml": '<c r="A1"/><c s="1" r="XFD1048576"/>'}
    with pytest.raises(SimengineError, match="has a sheet of 1,048,576 rows and 16,384 columns"):
        read(package(tmp_path / "b.xlsx", wide))
    large = tmp_path / "c.xlsx"
    with large.open("wb") as file:
        file.truncate(20_000_001)
    with pytest.raises(SimengineError, match="has 20,000,001 bytes, and at most 20,000,000 bytes are read"):
        read(large)
