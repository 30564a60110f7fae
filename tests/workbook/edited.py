"""A workbook with cells changed, without a spreadsheet program: values written anew, formulas as what they came to."""

from datetime import date
from functools import cache
from pathlib import Path

import xlsxwriter

from simengine.workbook.cells import open_book
from simengine.workbook.layout import COLUMNS, FILES, HEADING_ROW, REGISTER

TITLES = [column.title for column in COLUMNS]
PLAN, DISTRIBUTION = TITLES[1], TITLES[3]


@cache
def _read(path):
    return open_book(path).sheets


def sheets_of(path):
    """What is read back of a workbook, as rows that may be changed."""
    kept = {name: rows for name, rows in _read(path).items() if FILES not in _read(path) or name in (REGISTER, FILES)}
    return {name: [list(row) for row in rows] for name, rows in kept.items()}


def written(sheets, path: Path) -> Path:
    """Sheets as a workbook."""
    with xlsxwriter.Workbook(path) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for row, cells in enumerate(rows):
                for column, value in enumerate(cells):
                    if isinstance(value, str):
                        sheet.write_string(row, column, value)
                    elif isinstance(value, bool):
                        sheet.write_boolean(row, column, value)
                    elif isinstance(value, date):
                        sheet.write_datetime(row, column, value, day)
                    else:
                        sheet.write_number(row, column, value)
    return path


def row_of(rows, name):
    """The row of an assumption in the register."""
    return next(i for i, cells in enumerate(rows) if i > HEADING_ROW and cells[0] == name)


def changed(source, target, edits):
    """The workbook with cells of its register changed: {(assumption, title): value}."""
    sheets = sheets_of(source)
    rows = sheets[REGISTER]
    for (name, title), value in edits.items():
        rows[row_of(rows, name)][TITLES.index(title)] = value
    return written(sheets, target)
