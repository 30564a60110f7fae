"""A workbook read: its sheets as rows of plain values, after making sure that it is one and of a sensible size."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from simengine.errors import Problem, SimengineError
from simengine.plan.scalars import shown
from simengine.workbook.layout import cell_name

LARGEST_FILE, LARGEST_CONTENT, MOST_CELLS = 20_000_000, 200_000_000, 4_000_000
"""Bytes on disk, bytes unpacked, and cells of a sheet from its first to its last."""
_INSTALL = "workbooks need another package: pip install 'simengine[excel]'"
_OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# Cells only: an empty row at the end of a sheet, which spreadsheet programs write, takes no room.
_PLACE = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]{1,3})(\d{1,10})["']""")
_CHUNK = 1 << 20

Cell = str | float | int | bool | date | datetime | time | timedelta


@dataclass(frozen=True, slots=True, order=True)
class CellProblem(Problem):
    """One mistake in a workbook: `line` and `column` count the rows and columns of `sheet` from 1."""

    sheet: str = ""

    def __str__(self) -> str:
        place = f"{self.file} {self.address}" if self.sheet else self.file
        words = f"{self.key}: {self.message}" if self.key else self.message
        return f"{place}  {words}" + (f"; {self.expected}" if self.expected else "")

    @property
    def address(self) -> str:
        """Where it stands: sheet!cell, or the sheet where it is meant as a whole."""
        name = f"'{self.sheet}'" if " " in self.sheet else self.sheet
        return f"{name}!{cell_name(self.line - 1, self.column - 1)}" if self.line else self.sheet


@dataclass(frozen=True)
class Book:
    """The sheets of a workbook by name, each as rows from A1 on; `file` is what messages call it."""

    file: str
    sheets: dict[str, list[list[Cell]]]

    def problem(self, sheet: str, row: int, column: int, key: str, message: str, expected: str = "") -> CellProblem:
        """A mistake in a cell (row and column from 0)."""
        return CellProblem(self.file, row + 1, column + 1, key, message, expected, sheet)


def need_writer() -> Any:
    """XlsxWriter; raises SimengineError where it is not installed."""
    try:
        import xlsxwriter
    except ImportError:
        raise SimengineError(_INSTALL) from None
    return xlsxwriter


def open_book(path: str | Path) -> Book:
    """Read every sheet of a workbook.

    Raises
    ------
    SimengineError
        where it is none, an old or an encrypted one, too large, or damaged
    """
    try:
        import python_calamine
    except ImportError:
        raise SimengineError(_INSTALL) from None
    file = Path(path)
    try:
        _check(file)
        with python_calamine.CalamineWorkbook.from_path(file) as book:
            sheets = {name: _rows(book.get_sheet_by_name(name)) for name in book.sheet_names}
    except OSError as error:
        raise SimengineError(
            f"{path} cannot be read: {(error.strerror or str(error)).lower()}; check the name"
        ) from None
    except (
        *(python_calamine.CalamineError, zipfile.BadZipFile, zlib.error),
        *(NotImplementedError, RuntimeError, EOFError),
    ) as error:
        raise SimengineError(f"{path} is damaged: {error}; save it again as .xlsx, or take another copy") from None
    return Book(str(path), sheets)


def _rows(sheet: Any) -> list[list[Cell]]:
    rows: list[list[Cell]] = sheet.to_python(skip_empty_area=False)
    return rows


def _check(file: Path) -> None:
    """Refuse what is no workbook, or would not fit into memory: a few bytes can stand for gigabytes."""
    size = file.stat().st_size
    if size > LARGEST_FILE:
        raise SimengineError(f"{file} has {size:,} bytes; at most {LARGEST_FILE:,} are read")
    with file.open("rb") as opened:
        start = opened.read(len(_OLD))
    if start == _OLD:
        is_locked = "EncryptedPackage".encode("utf-16-le") in file.read_bytes()
        why = "has a password; remove it" if is_locked else "is a workbook of the old kind (.xls)"
        raise SimengineError(f"{file} {why}; then save it as .xlsx" if is_locked else f"{file} {why}; save it as .xlsx")
    if not zipfile.is_zipfile(file):
        raise SimengineError(f"{file} is not a workbook; name an .xlsx that simengine export or template has written")
    with zipfile.ZipFile(file) as package:
        _check_package(file, package)


def _check_package(file: Path, package: zipfile.ZipFile) -> None:
    names = {entry.filename for entry in package.infolist()}
    if "xl/workbook.xml" not in names:
        other = "is a workbook of another kind" if "content.xml" in names else "is not a workbook"
        raise SimengineError(f"{file} {other}; save it as .xlsx (Excel 2007-365)")
    if sum(entry.file_size for entry in package.infolist()) > LARGEST_CONTENT:
        raise SimengineError(f"{file} unpacks to more than {LARGEST_CONTENT:,} bytes, which is not read")
    for entry in package.infolist():
        # Reading to the end holds the sizes that the package states against what is there.
        with package.open(entry) as part:
            _check_part(file, part)


def _check_part(file: Path, part: Any) -> None:
    rows, columns, tail = 0, 0, b""
    while chunk := part.read(_CHUNK):
        for letters, digits in _PLACE.findall(tail + chunk):
            rows = max(rows, int(digits))
            columns = max(columns, _column(letters))
        tail = chunk[-32:]
    if rows * max(columns, 1) > MOST_CELLS:
        where = f"{rows:,} rows and {columns:,} columns"
        raise SimengineError(
            f"{file} has a sheet of {where}, which is not read; delete what stands far below or beside"
        )


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = 26 * number + letter - ord("A") + 1
    return number


def text_of(cell: Cell) -> str:
    """A cell as text: a number as it is written, blanks at both ends gone."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(" ")
    if isinstance(cell, date):
        return cell.isoformat()
    return shown(cell) if isinstance(cell, bool | int | float) else str(cell)


def is_empty(cell: Cell) -> bool:
    """Whether nothing stands in a cell."""
    return isinstance(cell, str) and not cell.strip()


def at(rows: Sequence[Sequence[Cell]], row: int, column: int) -> Cell:
    """A cell; nothing where the sheet ends before it."""
    return rows[row][column] if row < len(rows) and column < len(rows[row]) else ""
