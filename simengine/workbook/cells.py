"""A workbook read: its sheets as rows of plain values, after making sure that it is one and of a sensible size."""

from __future__ import annotations

import posixpath
import re
import stat
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from simengine.errors import Problem, SimengineError
from simengine.learn.packed import TooMuchError, check_package, column_number, damage
from simengine.limits import WORKBOOK_BYTES, WORKBOOK_CELLS, WORKBOOK_UNPACKED
from simengine.plan.scalars import shown
from simengine.workbook.layout import cell_name

_INSTALL = "workbooks need another package: pip install 'simengine[excel]'"
_OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_CELL = re.compile(rb"""<c(\s[^<>]*)(?<!/)>((?:(?!<c[\s>]).)*?)</c>""", re.DOTALL)
_AT = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]{1,3})(\d{1,7})["']""")
_ERROR = re.compile(rb"""\st\s*=\s*["']e["']""")


class Fault(str):
    """What stands in the place of a formula that came to nothing, in words."""

    __slots__ = ()


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
        _mark_faults(file, sheets)
    except OSError as error:
        raise SimengineError(
            f"{path} cannot be read: {(error.strerror or str(error)).lower()}; check the name"
        ) from None
    except BaseException as error:
        words = damage(error)
        if words is None:
            raise
        raise SimengineError(f"{path} is damaged: {words}; save it again as .xlsx, or take another copy") from None
    return Book(str(path), sheets)


def _mark_faults(file: Path, sheets: dict[str, list[list[Cell]]]) -> None:
    """Put a `Fault` where the reader saw nothing: errors, and formulas that no program has calculated."""
    with zipfile.ZipFile(file) as package:
        for name, part in _parts(package):
            rows = sheets.get(name, [])
            for row, column, words in _faults(package.read(part)):
                if is_empty(at(rows, row, column)) and row < len(rows):
                    rows[row].extend([""] * (column + 1 - len(rows[row])))
                    rows[row][column] = Fault(words)


def _parts(package: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    """Sheets by name, each with its part of the package."""
    ids = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
    places = {
        link.get("Id"): posixpath.normpath(posixpath.join("/xl", link.get("Target", ""))).lstrip("/")
        for link in ElementTree.fromstring(package.read("xl/_rels/workbook.xml.rels"))
    }
    known = set(package.namelist())
    for sheet in ElementTree.fromstring(package.read("xl/workbook.xml")).iter():
        part = places.get(sheet.get(ids))
        if sheet.tag.endswith("}sheet") and part in known:
            yield sheet.get("name", ""), part


def _faults(text: bytes) -> Iterator[tuple[int, int, str]]:
    for head, body in _CELL.findall(text):
        place = _AT.search(head)
        value = re.search(rb"<v>([^<]*)</v>", body)
        found = value[1].decode(errors="replace") if value else ""
        if place is None:
            continue
        at_row, at_column = int(place[2]) - 1, column_number(place[1]) - 1
        if _ERROR.search(head):
            yield at_row, at_column, f"an error ({found}) stands here"
        elif not found and b"<f" in body:
            yield at_row, at_column, "a formula stands here that nothing has calculated"


def _rows(sheet: Any) -> list[list[Cell]]:
    rows: list[list[Cell]] = sheet.to_python(skip_empty_area=False)
    return rows


def _check(file: Path) -> None:
    """Refuse what is no workbook, or would not fit into memory: a few bytes can stand for gigabytes."""
    about = file.stat()
    size = about.st_size
    if not (stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode)):
        # A pipe would be waited for, and a device never ends.
        raise SimengineError(f"{file} is a device or a pipe; name an .xlsx file")
    if size > WORKBOOK_BYTES.most:
        remedy = "name one that simengine export or template has written"
        raise SimengineError(f"{file} has {size:,} bytes, and {WORKBOOK_BYTES} are read; {remedy}")
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
    try:
        check_package(package, WORKBOOK_UNPACKED, WORKBOOK_CELLS)
    except TooMuchError as error:
        raise SimengineError(f"{file} {error.message}; {error.remedy}") from None


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
