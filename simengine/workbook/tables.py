"""The sheets of an export that are tables: register, targets, drivers, scenarios, and the plan's own files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import count

import xarray as xr

from simengine.plan.schema import Plan
from simengine.report.facts import bound
from simengine.report.statistics import Facts
from simengine.report.words import between, finding, metric_name, percent
from simengine.workbook.imported import digest_of
from simengine.workbook.layout import (
    COLUMNS,
    COVER,
    DRIVERS,
    FILES,
    HEADING_ROW,
    REGISTER,
    SCENARIOS,
    TARGETS,
    Column,
    cell_name,
    number_format,
)
from simengine.workbook.pen import (
    BOLD,
    EDIT,
    HEAD,
    MOST_TEXT,
    SECTION,
    SOFT_TEXT,
    TITLE,
    WRAPPED,
    Sheet,
    Style,
    Workbook,
)
from simengine.workbook.register import Entry, entries, unit_of

_Z = 1.959963984540054
_PROTECTION = dict.fromkeys(
    ("sort", "autofilter", "format_columns", "format_rows", "format_cells", "insert_rows", "delete_rows"), True
)
"""What a protected sheet lets a reader do all the same; there is no password."""
_SPARE = 20
"""Rows below a register in which drop-down lists still stand."""


def cover(book: Workbook, ds: xr.Dataset, plan: Plan, targets: Sequence[Facts], names: Sequence[str]) -> None:
    """Write the cover: what this is, what it says, what may be edited and how it is read back."""
    sheet = book.sheet(COVER, landscape=False)
    sheet.widths(24, 96)
    sheet.text(0, 0, plan.title, TITLE)
    sheet.sheet.set_row(0, 26)
    attrs = ds.attrs
    rows = count(2)
    for target in targets[:6]:
        row = next(rows)
        sheet.text(row, 0, target["name"], BOLD)
        p = target["probability"]
        chance = f"{percent(p['value'])}, interval {between(p['lower'], p['upper'], 'fraction')}"
        sheet.text(row, 1, f"{finding(target)}: {chance}.", WRAPPED)
    next(rows)
    about = [
        ("Plan", f"{attrs['plan']} {attrs['plan_version']}".strip()),
        ("As of", attrs["as_of"] or "not stated"),
        ("Runs", ", ".join(names)),
        ("Simulated", f"{attrs['draws']:,} draws, seed {attrs['seed']}; sources: {attrs['source_policy']}"),
        ("Digest of the plan", attrs["digest_document"]),
        ("Digest of its numbers", attrs["digest_simulated"]),
        ("Written by", f"simengine {attrs['engine_version']}"),
        ("Money", f"in {attrs['currency']}"),
        ("Intervals", "95 %: what another set of draws could say, not what the future can bring"),
    ]
    for key, words in about:
        row = next(rows)
        sheet.text(row, 0, key, SOFT_TEXT)
        sheet.text(row, 1, words, WRAPPED)
    _how(sheet, next(rows) + 1)


def _how(sheet: Sheet, row: int) -> None:
    sheet.text(row, 0, "What may be edited", SECTION)
    sheet.text(row + 1, 0, "coloured like this", EDIT)
    indented: Style = {**WRAPPED, "indent": 1}
    lines = (
        f"Cells of this colour in the sheet {REGISTER}: plan values, distributions, sources, owners, notes.",
        "Rows may be filtered, deleted, and, once the sheet is unprotected, sorted: they are found by name.",
        "An empty cell removes what was there.",
        "Shares are shown in percent: 28 % and 0.28 are the same; 28 alone is refused, for it could be 2,800 %.",
        "Everything else is protected, without a password: it is what the simulation said, and is not read back.",
        "To read it back:  simengine import plan.xlsx -o changed.yaml",
        "Then:  simengine run changed.yaml -o runs/changed",
        f"The plan itself, with its comments, stands in the sheet {FILES}; only what was edited changes in it.",
    )
    for at, line in enumerate(lines, start=row + 1):
        sheet.text(at, 1, line, indented)


# ---- the register ----


def register(book: Workbook, plan: Plan) -> None:
    """Write the assumption register: what is coloured may be edited."""
    sheet, rows = book.sheet(REGISTER), list(entries(plan).values())
    sheet.begin(
        "Assumptions",
        "Coloured cells may be edited; simengine import reads them back. Numbers are in the unit of the row.",
        f"Distribution: which law, with its parameters in the columns {COLUMNS[4].title} to {COLUMNS[17].title}. "
        "Move over a heading to see what belongs there.",
    )
    register_head(sheet, HEADING_ROW)
    first = HEADING_ROW + 1
    for row, entry in enumerate(rows, start=first):
        for place, column in enumerate(COLUMNS):
            _cell(sheet, row, place, column, entry)
    last = first + max(1, len(rows)) - 1
    sheet.sheet.autofilter(HEADING_ROW, 0, last, len(COLUMNS) - 1)
    choices(sheet, first, last + _SPARE)
    # A reference like 2025 is text, and needs no warning.
    sheet.sheet.ignore_errors({"number_stored_as_text": f"A1:{cell_name(last + _SPARE, len(COLUMNS) - 1)}"})
    sheet.sheet.protect("", _PROTECTION)


def register_head(sheet: Sheet, row: int) -> None:
    """Write the headings of a register, with what belongs below each."""
    for place, column in enumerate(COLUMNS):
        sheet.text(row, place, column.title, {**HEAD, **_side(column)})
        if column.help:
            sheet.sheet.write_comment(row, place, column.help, {"x_scale": 1.4, "y_scale": 0.7})
    sheet.widths(*(column.width for column in COLUMNS))
    sheet.sheet.set_row(row, 30)
    sheet.sheet.freeze_panes(row + 1, 1)
    sheet.sheet.repeat_rows(row)


def _side(column: Column) -> Style:
    """Numbers to the right; text away from the number before it."""
    if not column.path:
        return {}
    return {"align": "right"} if column.kind == "number" else {"align": "left", "indent": 1}


def _cell(sheet: Sheet, row: int, place: int, column: Column, entry: Entry) -> None:
    value, style = entry.values[place], {**(EDIT if column.editable else {}), **_side(column)}
    if isinstance(value, float | int):
        unit = unit_of(column, entry.unit, entry.belief.family)
        sheet.number(row, place, value, unit, {"num_format": number_format(unit, value), **style})
    elif value is None:
        unit = unit_of(column, entry.unit, entry.belief.family)
        empty = {"num_format": number_format(unit)} if column.kind == "number" else {"num_format": "@"}
        sheet.text(row, place, "", {**style, **(empty if column.kind != "day" else {"num_format": "yyyy-mm-dd"})})
    elif column.kind == "day":
        sheet.day(row, place, value, style)
    else:
        # Text stays text when it is edited: what begins with = becomes no formula.
        sheet.text(row, place, value, {**style, "num_format": "@"} if column.kind in ("text", "spec") else style)


def choices(sheet: Sheet, first: int, last: int) -> None:
    """Drop-down lists where only a few words may stand; a list may hold 255 characters."""
    for place, column in enumerate(COLUMNS):
        if column.choices and len(",".join(column.choices)) <= 255:
            drop_down(sheet, first, last, place, column.choices, column.title)


def drop_down(sheet: Sheet, first: int, last: int, place: int, words: Sequence[str], title: str) -> None:
    """A drop-down list on a stretch of a column."""
    rule = {
        "validate": "list",
        "source": list(words),
        "error_title": title[:32],
        "error_message": "Choose a word of the list.",
    }
    sheet.sheet.data_validation(first, place, last, place, rule)


# ---- targets ----

_TARGET_HEADS = (
    *("Target", "Metric", "Period", "Where", "Asked for", "Bound"),
    *("P(hit)", "from", "to", "Wanted"),
    *("Commit at 80%", "from", "to", "P10", "P50", "P90"),
    *("Operating plan", "Plan less bound", "Mean shortfall if missed", "from", "to"),
)


def targets_sheet(book: Workbook, targets: Sequence[Facts], currency: str) -> None:
    """Write how likely each target is, and what is safe."""
    sheet = book.sheet(TARGETS)
    first = sheet.begin(
        "Targets",
        f"P(hit): share of the simulated paths that reach the target, with its 95% interval. Money in {currency}.",
        "Commit: what is reached with 80% confidence. Shortfall: how far paths that miss fall short, on average.",
    )
    sheet.heads(first + 1, _TARGET_HEADS, right_from=5)
    sheet.sheet.set_row(first + 1, 30)
    sheet.widths(24, 20, 12, 16, 10, 14, 9, 9, 9, 9, *[14.0] * 7, 14, 16, 14, 14)
    sheet.sheet.freeze_panes(first + 2, 1)
    for row, target in enumerate(targets, start=first + 2):
        _target(sheet, row, target)


def _target(sheet: Sheet, row: int, target: Facts) -> None:
    unit, at_least = target["unit"], math.isfinite(target["at_least"])
    words = (
        *(target["name"], metric_name(target["metric"]), target["period"], target["where"]),
        "at least" if at_least else "at most",
    )
    for place, word in enumerate(words):
        sheet.text(row, place, word, BOLD if place == 0 else None)
    sheet.number(row, 5, bound(target), unit)
    chance, commit, short = target["probability"], target["commit"], target["shortfall"]
    for place, key in enumerate(("value", "lower", "upper"), start=6):
        sheet.number(row, place, chance[key], "fraction", BOLD if key == "value" else SOFT_TEXT)
    wanted = target["confidence"]
    sheet.number(row, 9, wanted if math.isfinite(wanted) else None, "fraction")
    for place, key in enumerate(("value", "lower", "upper"), start=10):
        sheet.number(row, place, commit[key], unit, BOLD if key == "value" else SOFT_TEXT)
    for place, key in enumerate(("p10", "p50", "p90", "operating_plan"), start=13):
        sheet.number(row, place, target[key], unit)
    planned = target["operating_plan"] - bound(target)
    if math.isfinite(planned):
        sheet.formula(row, 17, f"={cell_name(row, 16)}-{cell_name(row, 5)}", planned, unit)
    error = _Z * short["standard_error"]
    amounts = (short["mean"], short["mean"] - error, short["mean"] + error) if short["misses"] else (None,) * 3
    for place, (amount, style) in enumerate(zip(amounts, (None, SOFT_TEXT, SOFT_TEXT), strict=True), start=18):
        sheet.number(row, place, amount, unit, style)


# ---- drivers ----


def drivers_sheet(book: Workbook, told: Facts | None, reason: str, ds: xr.Dataset) -> None:
    """Write what a target hangs on, the largest share first; or why that cannot be said."""
    sheet = book.sheet(DRIVERS)
    if told is None:
        sheet.begin("Drivers", f"Not ranked: {reason}")
        sheet.widths(60)
        return
    unit = told["unit"]
    first = sheet.begin(
        f"What {told['target']} hangs on",
        f"Share: of the variance of {metric_name(told['metric'])} {told['period']}, with its 95% interval. "
        "Those with the same rank cannot be told apart.",
        f"Low and high: mean of the metric where the assumption is in its lowest and highest fifth, in {unit}.",
    )
    heads = ("Rank", "Driver", "What", "Share", "from", "to", "Low", "from", "to", "High", "from", "to", "Swing")
    sheet.heads(first + 1, heads, right_from=3)
    for place, word in enumerate(("Owner", "Source", "Hurts when"), start=len(heads)):
        sheet.text(first + 1, place, word, {**HEAD, "indent": 1})
    sheet.widths(7, 34, 14, 9, 9, 9, *[14.0] * 7, 18, 13, 12)
    sheet.sheet.freeze_panes(first + 2, 2)
    row = first + 2
    _share(sheet, row, "Random variation", told["random_variation"])
    for row, driver in enumerate((one for one in told["assumptions"] if not one["constant"]), start=row + 1):  # noqa: B020
        sheet.number(row, 0, driver["rank_group"], "plain", {"align": "center"})
        sheet.text(row, 1, driver["name"])
        sheet.text(row, 2, driver["kind"], SOFT_TEXT)
        _ends(sheet, row, 3, driver["share"], "fraction")
        _ends(sheet, row, 6, driver["metric_bottom_fifth"], unit)
        _ends(sheet, row, 9, driver["metric_top_fifth"], unit)
        low, high = (driver[key]["value"] for key in ("metric_bottom_fifth", "metric_top_fifth"))
        if math.isfinite(high - low):
            sheet.formula(row, 12, f"={cell_name(row, 9)}-{cell_name(row, 6)}", high - low, unit)
        for place, key in enumerate(("owner", "source_kind", "adverse"), start=13):
            sheet.text(row, place, driver[key], {**SOFT_TEXT, "indent": 1})


def _share(sheet: Sheet, row: int, name: str, share: Facts) -> None:
    sheet.text(row, 1, name)
    sheet.text(row, 2, "chance", SOFT_TEXT)
    _ends(sheet, row, 3, share, "fraction")


def _ends(sheet: Sheet, row: int, place: int, of: Mapping[str, float], unit: str, style: Style | None = None) -> None:
    """An estimate and its interval, in three cells."""
    for at, key in enumerate(("value", "lower", "upper"), start=place):
        sheet.number(row, at, of[key], unit, style if key == "value" else SOFT_TEXT)


# ---- scenarios ----


def scenarios_sheet(book: Workbook, told: Facts) -> None:
    """Write runs beside the first of them: chances, amounts, and paired differences."""
    sheet = book.sheet(SCENARIOS)
    first = sheet.begin(
        "Scenarios side by side",
        f"The same {told['draws']:,} draws in each: changes against {told['base']} are of pairs of paths. "
        "Every from and to is a 95% interval.",
        "Told apart: more than chance explains, over all scenarios. Those with the same rank cannot be told apart.",
    )
    sheet.widths(26, 12, 30, *[14.0] * 10)
    heads = ("Target", "Period", "Scenario", "P(hit)", "from", "to", "Change", "from", "to", "Told apart", "Rank")
    sheet.heads(first + 1, heads, right_from=3)
    row = first + 2
    for i, about in enumerate(told["targets"]):
        for scenario in told["scenarios"]:
            of, is_base = scenario["targets"][i], scenario["name"] == told["base"]
            _beside(sheet, row, about["target"], about["period"], scenario["name"], is_base=is_base)
            _ends(sheet, row, 3, of["probability"], "fraction", BOLD)
            _change(sheet, row, 6, of, "fraction", is_base=is_base)
            sheet.number(row, 10, of["rank"], "plain")
            row += 1
    amounts = ("Metric", "Period", "Scenario", "Mean", "from", "to", "Change", "from", "to", "Told apart", "P10", "P90")
    sheet.heads(row + 1, amounts, right_from=3)
    row += 2
    for i, about in enumerate(told["measures"]):
        for scenario in told["scenarios"]:
            of, is_base = scenario["measures"][i], scenario["name"] == told["base"]
            _beside(sheet, row, metric_name(about["metric"]), about["period"], scenario["name"], is_base=is_base)
            _ends(sheet, row, 3, of["mean"], about["unit"], BOLD)
            _change(sheet, row, 6, of, about["unit"], is_base=is_base)
            for place, key in enumerate(("p10", "p90"), start=10):
                sheet.number(row, place, of[key]["value"], about["unit"])
            row += 1


def _beside(sheet: Sheet, row: int, what: str, period: str, scenario: str, *, is_base: bool) -> None:
    """What a row is about; the first of a group in bold."""
    sheet.text(row, 0, what, BOLD if is_base else SOFT_TEXT)
    sheet.text(row, 1, period, SOFT_TEXT)
    sheet.text(row, 2, scenario)


def _change(sheet: Sheet, row: int, place: int, of: Facts, unit: str, *, is_base: bool) -> None:
    """The change against the first scenario, with its sign, and whether chance explains it."""
    if is_base:
        return
    form = number_format(unit)
    signed = {"num_format": f"+{form};-{form};{form}"}
    for at, key in enumerate(("value", "lower", "upper"), start=place):
        sheet.number(row, at, of["change"][key], unit, {**signed, **(SOFT_TEXT if key != "value" else {})})
    sheet.text(row, place + 3, "yes" if of["distinguishable"] else "no", {"align": "right"})


# ---- the plan's files ----


def files(book: Workbook, plan: Plan) -> None:
    """Write the plan itself, a line a row, each file sealed with its digest: an import needs nothing else."""
    sheet = book.sheet(FILES, landscape=False)
    sheet.widths(8, 30, 110)
    for row, (kind, name, text) in enumerate(_rows(plan)):
        sheet.text(row, 0, kind, SOFT_TEXT)
        sheet.text(row, 1, name, SOFT_TEXT)
        sheet.text(row, 2, text, {"font_name": "Consolas", "num_format": "@"} if kind != "file" else SOFT_TEXT)
    sheet.sheet.protect("", {"format_columns": True})


def _rows(plan: Plan) -> Iterable[tuple[str, str, str]]:
    yield "what", "file", "Read back by simengine import; leave it as it is."
    for assignment in plan.origin.overrides:
        yield "set", "", assignment
    for name, text in plan.texts.items():
        yield "file", name, digest_of(text)
        for line in text.split("\n"):
            kind = "line"
            for start in range(0, max(1, len(line)), MOST_TEXT):
                yield kind, name, line[start : start + MOST_TEXT]
                kind = "more"
