"""Workbooks as the zip archives that they are: held against their limits before any reader opens them.

A few bytes can stand for gigabytes, and two cells far apart for a sheet of billions: a reader that is written in
another language then ends the process.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from typing import IO
from xml.etree import ElementTree

from simengine.limits import PACKED_FILES, Limit

# Cells only: an empty row at the end of a sheet, which spreadsheet programs write, takes no room.
_PLACE = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]{1,9})(\d{1,20})""")
_WITHOUT_PLACE = re.compile(rb"""<(?:\w+:)?c(?=[\s>/])(?![^<>]*\sr\s*=)[^<>]*>""")
_STEP = re.compile(rb"""<(?:\w+:)?(?:row(?P<row>(?:[\s/][^<>]*)?)|c(?:[\s/][^<>]*)?)>""")
_ROW_NUMBER = re.compile(rb"""\sr\s*=\s*["'](\d{1,20})""")
_ROW_RECORD, _CELL_RECORDS = 0, range(1, 12)
_CHUNK = 1 << 20
_OVERLAP = 48


class TooMuchError(Exception):
    """A workbook goes beyond a limit: what is too much, and what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message, self.remedy = message, remedy


def damage(error: BaseException) -> str | None:
    """What is wrong with a file, as a zip archive or the reader of workbooks says it; None for any other error."""
    from python_calamine import CalamineError

    of_zip = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError)
    of_reader = (CalamineError, ElementTree.ParseError, ValueError, LookupError)
    # The reader's own faults are no Exception: it is written in Rust, and panics.
    if isinstance(error, (*of_zip, *of_reader)) or type(error).__name__ == "PanicException":
        return str(error) or "it ends too soon"
    return None


def check_package(package: zipfile.ZipFile, unpacked: Limit, cells: Limit) -> None:
    """Read every part to its end, which holds the sizes that the package states against what is there.

    Raises
    ------
    TooMuchError : it has too many parts, bytes or cells, or defines words of its own (DOCTYPE)
    """
    entries = package.infolist()
    if len(entries) > PACKED_FILES.most:
        words = f"has {len(entries):,} files inside, and {PACKED_FILES} are read"
        raise TooMuchError(words, "save it again with a spreadsheet program")
    size = sum(entry.file_size for entry in entries)
    if size > unpacked.most:
        words = f"unpacks to {size:,} bytes, and {unpacked} are read"
        raise TooMuchError(words, "leave out what is not needed, or export it as CSV")
    held = 0
    for entry in entries:
        with package.open(entry) as part:
            rows, columns = _extent(part, entry.filename)
        held += rows * max(columns, 1)
        if held > cells.most:
            where = f"a sheet of {rows:,} rows and {columns:,} columns"
            words = f"has {where}, and {cells} are read"
            raise TooMuchError(words, "delete what stands far below or beside")


def _extent(part: IO[bytes], name: str) -> tuple[int, int]:
    """Rows and columns up to the last cell of a sheet; nothing for other parts."""
    if name.endswith(".bin"):
        return _extent_of_records(part) if "worksheets/" in name else _drained(part)
    rows, columns, tail, is_loose = 0, 0, b"", False
    while chunk := part.read(_CHUNK):
        text = tail + chunk
        if b"<!DOCTYPE" in text:
            raise TooMuchError("defines words of its own (DOCTYPE)", "save it again with a spreadsheet program")
        for letters, digits in _PLACE.findall(text):
            rows = max(rows, int(digits))
            columns = max(columns, column_number(letters))
        is_loose = is_loose or _WITHOUT_PLACE.search(text) is not None
        tail = text[-_OVERLAP:]
    if is_loose:
        part.seek(0)
        loose_rows, loose_columns = _extent_counted(part)
        rows, columns = max(rows, loose_rows), max(columns, loose_columns)
    return rows, columns


def _extent_counted(part: IO[bytes]) -> tuple[int, int]:
    """Rows and columns of a sheet whose cells do not say where they are: each is behind the one before."""
    row, rows, column, columns, tail = 0, 0, 0, 0, b""
    while chunk := part.read(_CHUNK):
        text = tail + chunk
        end = text.rfind(b"<") if b"<" in text[-_CHUNK:] else len(text)
        for match in _STEP.finditer(text, 0, end):
            if match["row"] is not None:
                number = _ROW_NUMBER.search(match["row"])
                row, column = int(number[1]) if number else row + 1, 0
            else:
                column += 1
                rows, columns = max(rows, row), max(columns, column)
        tail = text[end:]
    return rows, columns


def _extent_of_records(part: IO[bytes]) -> tuple[int, int]:
    """Rows and columns up to the last cell of a binary sheet: each record has a kind and a length, of 7 bits a byte."""
    data, at, row, rows, columns = part.read(), 0, 0, 0, 0
    while at < len(data):
        kind, at = _seven_bits(data, at, 2)
        length, at = _seven_bits(data, at, 4)
        first = int.from_bytes(data[at : at + 4], "little")
        if kind == _ROW_RECORD:
            row = first
        elif kind in _CELL_RECORDS:
            rows, columns = max(rows, row + 1), max(columns, first + 1)
        at += length
    return rows, columns


def _seven_bits(data: bytes, at: int, most: int) -> tuple[int, int]:
    value = 0
    for place in range(most):
        byte = data[at] if at < len(data) else 0
        value, at = value | (byte & 0x7F) << 7 * place, at + 1
        if not byte & 0x80:
            break
    return value, at


def _drained(part: IO[bytes]) -> tuple[int, int]:
    while part.read(_CHUNK):
        pass
    return 0, 0


def column_number(letters: bytes) -> int:
    """The number of a column, from 1.

    >>> column_number(b"A"), column_number(b"xfd")
    (1, 16384)
    """
    number = 0
    for letter in letters.upper():
        number = 26 * number + letter - ord("A") + 1
    return number
