"""How cells are written: text as text, numbers in the format of their unit, formulas with the value that they have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from simengine.errors import SimengineError
from simengine.report.canvas import BLUE, FAINT, PALE, SOFT
from simengine.workbook.layout import cell_name, number_format

MOST_TEXT = 32_767
"""Characters that a cell may hold."""
EDITABLE = "#FFF7D6"
TITLE = {"bold": True, "font_size": 15}
HEAD = {"bold": True, "bg_color": PALE, "bottom": 1, "bottom_color": FAINT, "text_wrap": True, "valign": "bottom"}
SOFT_TEXT = {"font_color": SOFT}
BOLD = {"bold": True}
SECTION = {"bold": True, "font_color": BLUE, "font_size": 12}
TOTAL = {"bold": True, "top": 1, "top_color": FAINT}
WRAPPED = {"text_wrap": True, "valign": "top"}
EDIT = {"bg_color": EDITABLE, "locked": False, "border": 1, "border_color": FAINT}

Style = dict[str, Any]


def check_name(path: str | Path) -> None:
    """Raise SimengineError where spreadsheet programs would not open a file because of its name."""
    if Path(path).suffix.lower() != ".xlsx":
        raise SimengineError(f"{path}: spreadsheet programs open a workbook only if its name ends with .xlsx")


class Workbook:
    """A workbook being written: sheets by name, one format for each look."""

    def __init__(self, book: Any) -> None:
        self.book = book
        self._formats: dict[tuple[tuple[str, Any], ...], Any] = {}

    def look(self, style: Style) -> Any:
        """The format of a style."""
        key = tuple(sorted(style.items()))
        if key not in self._formats:
            self._formats[key] = self.book.add_format({"font_name": "Calibri", "font_size": 10, **style})
        return self._formats[key]

    def sheet(self, name: str, *, landscape: bool = True) -> Sheet:
        """A new sheet, without grid lines, printed one page wide."""
        made = self.book.add_worksheet(name)
        made.hide_gridlines(2)
        if landscape:
            made.set_landscape()
        made.set_paper(9)
        made.fit_to_pages(1, 0)
        made.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.5)
        made.set_footer("&L&A&R&P / &N")
        return Sheet(self, made, name)


class Sheet:
    """A sheet being written; rows and columns count from 0."""

    def __init__(self, book: Workbook, sheet: Any, name: str) -> None:
        self.book, self.sheet, self.name = book, sheet, name

    def text(self, row: int, column: int, words: object, style: Style | None = None) -> None:
        """Write text, which is never a formula, a number or a link, whatever it begins with."""
        written = str(words)
        written = written if len(written) <= MOST_TEXT else f"{written[: MOST_TEXT - 1]}…"
        look = self.book.look(style or {})
        if written:
            self.sheet.write_string(row, column, written, look)
        else:
            self.sheet.write_blank(row, column, None, look)

    def number(self, row: int, column: int, value: float | None, unit: str, style: Style | None = None) -> None:
        """Write a number in the format of a unit; one that is not finite as n/a."""
        if value is None:
            self.sheet.write_blank(row, column, None, self.book.look(style or {}))
        elif not math.isfinite(value):
            self.text(row, column, "n/a", {**SOFT_TEXT, "align": "right", **(style or {})})
        else:
            look = self.book.look({"num_format": number_format(unit), **(style or {})})
            self.sheet.write_number(row, column, float(value), look)

    def formula(self, row: int, column: int, formula: str, value: float, unit: str, style: Style | None = None) -> None:
        """Write a formula and what it comes to, for readers that do not calculate."""
        look = self.book.look({"num_format": number_format(unit), **(style or {})})
        self.sheet.write_formula(row, column, formula, look, value)

    def day(self, row: int, column: int, day: str, style: Style | None = None) -> None:
        """Write a day like 2026-12-31."""
        look = self.book.look({"num_format": "yyyy-mm-dd", "align": "left", **(style or {})})
        self.sheet.write_datetime(row, column, date.fromisoformat(day), look)

    def heads(self, row: int, words: Sequence[str], *, column: int = 0, right_from: int | None = None) -> None:
        """Write headings; those from a column on above numbers."""
        for place, word in enumerate(words, start=column):
            side = {"align": "right"} if right_from is not None and place >= right_from else {}
            self.text(row, place, word, {**HEAD, **side})

    def widths(self, *widths: float) -> None:
        """Set the widths of the columns from the first on, in characters."""
        for place, width in enumerate(widths):
            self.sheet.set_column(place, place, width)

    def begin(self, title: str, *notes: str) -> int:
        """Write the title and what is to be known; return the next row."""
        self.text(0, 0, title, TITLE)
        self.sheet.set_row(0, 24)
        for row, note in enumerate(notes, start=1):
            self.text(row, 0, note, SOFT_TEXT)
        return len(notes) + 1

    def at(self, row: int, column: int, *, fixed: bool = False) -> str:
        """The address of a cell as formulas of another sheet name it."""
        cell = cell_name(row, column)
        if fixed:
            letters = cell.rstrip("0123456789")
            cell = f"${letters}${cell[len(letters) :]}"
        return f"'{self.name}'!{cell}"


def chart_range(sheet: Sheet, first_row: int, last_row: int, column: int) -> list[object]:
    """Cells of a column, as charts name them."""
    return [sheet.name, first_row, column, last_row, column]
