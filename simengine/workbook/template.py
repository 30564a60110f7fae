"""A workbook to start a plan in: sheets with headings, an example, comments and drop-down lists."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

from simengine.archive.files import write_files
from simengine.plan.targets import METRICS
from simengine.report.words import metric_name
from simengine.workbook.cells import need_writer
from simengine.workbook.forms import (
    COMPANY,
    COMPANY_FIELDS,
    COMPANY_ROWS,
    FORMS,
    LISTS,
    REGISTER_ROWS,
    Field,
    Form,
)
from simengine.workbook.layout import COLUMNS, COVER, HEADING_ROW, REGISTER, number_format
from simengine.workbook.pen import BOLD, EDIT, HEAD, SOFT_TEXT, TITLE, WRAPPED, Sheet, Style, Workbook, check_name
from simengine.workbook.register import unit_of
from simengine.workbook.tables import choices, drop_down, register_head

_HEAD_ROW = 3
_SPARE = 40
"""Rows below an example that are coloured and have drop-down lists."""
_HINT = {"font_color": SOFT_TEXT["font_color"], "indent": 1}


def template(path: str | Path, *, overwrite: bool = False) -> list[str]:
    """Write a workbook that asks for a plan, filled in with an example; `read` makes a plan of it.

    Parameters
    ----------
    path : where to, an .xlsx
    overwrite : whether a file that is there is replaced

    Returns
    -------
    list of str
        the names of the sheets

    Raises
    ------
    SimengineError
        where XlsxWriter is not installed, or a file is there
    MachineError
        where the file cannot be written
    """
    check_name(path)
    image = io.BytesIO()
    library = need_writer().Workbook(image, {"in_memory": True})
    book = Workbook(library)
    _cover(book)
    _company(book)
    for form in FORMS:
        _form(book, form)
    _register(book)
    _lists(book)
    names = [sheet.get_name() for sheet in library.worksheets()]
    library.close()
    write_files({Path(path): image.getvalue()}, overwrite=overwrite)
    return names


def _cover(book: Workbook) -> None:
    sheet = book.sheet(COVER, landscape=False)
    sheet.widths(16, 100)
    sheet.text(0, 0, "A revenue plan, to be filled in", TITLE)
    sheet.sheet.set_row(0, 26)
    sheet.text(2, 0, "coloured", {**EDIT, "align": "center"})
    lines = (
        "Coloured cells are filled in with a small example that runs: write your own plan over it.",
        "Where a number is asked for, the name of an assumption may stand too; it then is uncertain in the simulation.",
        f"Assumptions stand in the sheet {REGISTER}: with plan value, what could happen, source and owner.",
        "Every assumption must be used somewhere. Empty rows are skipped, empty cells have the plan's defaults.",
        "Headings in bold must be filled in; those with a red corner tell more: move over them.",
        "Shares are in percent: 28 % or 0.28. Money is in the plan's currency.",
        "To make a plan of it:  simengine import template.xlsx -o plan.yaml",
        "Then:  simengine check plan.yaml   and   simengine run plan.yaml -o runs/first",
        "Events, levers, territories, seasons and more are written into plan.yaml afterwards: see docs/plan.md.",
    )
    for row, line in enumerate(lines, start=2):
        sheet.text(row, 1, line, {**WRAPPED, "indent": 1})
    sheet.text(12, 0, "Sheets", BOLD)
    about = [(COMPANY, "The company and the plan as a whole."), *((form.sheet, form.note) for form in FORMS)]
    for row, (name, note) in enumerate([*about, (REGISTER, "What nobody knows yet.")], start=13):
        sheet.sheet.write_url(
            row, 0, f"internal:'{name}'!A1", book.look({"font_color": "#0072B2", "underline": 1}), name
        )
        sheet.text(row, 1, note, {**WRAPPED, "indent": 1})


def _company(book: Workbook) -> None:
    sheet = book.sheet(COMPANY)
    sheet.begin("Company", "The plan as a whole. Lines in bold must be filled in.")
    sheet.widths(32, 24, 60)
    sheet.heads(_HEAD_ROW - 1, ["", "  Value", "  What it is"])
    for row, (field, value) in enumerate(zip(COMPANY_FIELDS, COMPANY_ROWS, strict=True), start=_HEAD_ROW):
        sheet.text(row, 0, field.title, BOLD if field.required else None)
        _cell(sheet, row, 1, field, value, {"align": "left", "indent": 1})
        hint = ". ".join(filter(None, (field.help.removesuffix("."), f"In {field.unit}" if field.unit else "")))
        sheet.text(row, 2, hint, _HINT)
        if field.holds == "choice":
            drop_down(sheet, row, row, 1, field.choices, field.title)
    sheet.sheet.freeze_panes(_HEAD_ROW, 1)


def _form(book: Workbook, form: Form) -> None:
    sheet = book.sheet(form.sheet)
    sheet.begin(form.sheet, form.note)
    sheet.widths(*(field.width for field in form.fields))
    sheet.sheet.set_row(_HEAD_ROW - 1, 30)
    last = _HEAD_ROW + len(form.rows) + _SPARE - 1
    for place, field in enumerate(form.fields):
        side = _side(field)
        star = {"font_color": "#000000"} if field.required else {"bold": False}
        sheet.text(_HEAD_ROW - 1, place, field.title, {**HEAD, **side, **star})
        about = (field.help, f"In {field.unit}." if field.unit else "", "Must be filled in." if field.required else "")
        words = " ".join(filter(None, about))
        if words:
            sheet.sheet.write_comment(_HEAD_ROW - 1, place, words, {"x_scale": 1.2, "y_scale": 0.6})
        if field.of == LISTS:
            rule = {"validate": "list", "source": f"={LISTS}!$A$2:$A${len(METRICS) + 1}"}
            sheet.sheet.data_validation(_HEAD_ROW, place, last, place, rule)
        elif field.of:
            names = f"='{field.of}'!$A${_HEAD_ROW + 1}:$A${_HEAD_ROW + 60}"
            rule = {"validate": "list", "source": names, "error_title": field.title, "error_type": "warning"}
            rule |= {"error_message": f"This name does not stand in the sheet {field.of}."}
            sheet.sheet.data_validation(_HEAD_ROW, place, last, place, rule)
        elif field.holds == "choice":
            drop_down(sheet, _HEAD_ROW, last, place, field.choices, field.title)
        for i in range(len(form.rows) + _SPARE):
            value = form.rows[i][place] if i < len(form.rows) else None
            _cell(sheet, _HEAD_ROW + i, place, field, value)
    sheet.sheet.freeze_panes(_HEAD_ROW, 1)
    sheet.sheet.print_area(0, 0, _HEAD_ROW + len(form.rows) + 4, len(form.fields) - 1)


def _is_number(field: Field) -> bool:
    return field.holds in ("value", "bound", "whole")


def _side(field: Field) -> Style:
    return {"align": "right"} if _is_number(field) else {"align": "left", "indent": 1}


def _cell(sheet: Sheet, row: int, place: int, field: Field, value: object, side: Style | None = None) -> None:
    side = side or _side(field)
    if isinstance(value, float | int):
        unit = "plain" if field.holds == "whole" else field.unit
        share = field.holds == "bound" and value <= 10
        form = number_format("fraction" if share else unit, float(value))
        sheet.number(row, place, float(value), unit, {"num_format": form, **EDIT, **side})
    elif field.holds == "day" and value:
        sheet.day(row, place, str(value), {**EDIT, **side})
    else:
        # A month typed into a cell of text stays 2027-01; a number in one of a share is a percentage.
        form = number_format(field.unit) if field.unit else "@" if field.holds != "whole" else "General"
        form = "General" if field.holds == "bound" else form
        sheet.text(row, place, "" if value is None else value, {"num_format": form, **EDIT, **side})


def _register(book: Workbook) -> None:
    sheet = book.sheet(REGISTER)
    sheet.begin(
        REGISTER,
        "What nobody knows yet: what the plan counts on, and beside it what could happen.",
        "Every assumption is named where it is used, in the other sheets. Numbers are in the unit of the row.",
    )
    register_head(sheet, HEADING_ROW)
    first = HEADING_ROW + 1
    blank: dict[str, object] = {}
    for row, given in enumerate([*REGISTER_ROWS, *[blank] * _SPARE], start=first):
        for place, column in enumerate(COLUMNS):
            value = given.get(column.title)
            side: Style = {"align": "right"} if column.kind == "number" else {"align": "left", "indent": 1}
            style: Style = {**EDIT, **(side if place else {})}
            if isinstance(value, float | int):
                unit = unit_of(column, str(given["Unit"]), str(given["Distribution"]))
                sheet.number(row, place, float(value), unit, {"num_format": number_format(unit, float(value)), **style})
            elif column.kind == "day" and value:
                sheet.day(row, place, date.fromisoformat(str(value)).isoformat(), style)
            else:
                form = {"num_format": "@"} if column.kind in ("text", "spec") else {}
                sheet.text(row, place, value or "", {**style, **form})
    choices(sheet, first, first + len(REGISTER_ROWS) + _SPARE - 1)
    sheet.sheet.print_area(0, 0, first + len(REGISTER_ROWS) + 4, len(COLUMNS) - 1)


def _lists(book: Workbook) -> None:
    sheet = book.sheet(LISTS)
    sheet.heads(0, ["Metric", "What it is"])
    sheet.widths(24, 44)
    for row, metric in enumerate(METRICS, start=1):
        sheet.text(row, 0, metric)
        sheet.text(row, 1, metric_name(metric))
