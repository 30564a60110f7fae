"""Files and queries to columns of cells, each record with its line: read only, of limited size, nothing guessed.

Sizes that are known beforehand (a file, a sheet, the metadata of Parquet) are refused before anything is read.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import os
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import pandas as pd

from simengine.learn.cells import as_text
from simengine.learn.mapping import Source
from simengine.learn.packed import TooMuchError, check_package, damage
from simengine.limits import DATABASE_BYTES, RECORD_BYTES, RECORD_CELL, RECORD_COLUMNS, RECORD_ROWS, SHEET_CELLS
from simengine.plan.scalars import nearest
from simengine.plan.source import Mark, Problems

CHUNK = 50_000
"""Rows that are held as Python objects at a time."""
SEPARATORS = (",", ";", "\t")
TEXT_FILES = (".csv", ".tsv", ".txt")
PARQUET_FILES = (".parquet", ".pq")
SHEET_FILES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_PACKED = {b"PK\x03\x04": "a zip archive or an Excel workbook", b"\x1f\x8b": "compressed", b"PAR1": "a Parquet file"}

Wanted = Mapping[str, tuple[Mark, str]]
"""Columns to read, and of each where the mapping file asks for it: place and key."""


@dataclass(frozen=True)
class Raw:
    """What was read from one source.

    Attributes
    ----------
    frame : (records, wanted columns) cells, text where the source is text
    lines : (records,) line of a file, row of a sheet or of a query's result
    name : of the file, or reference of the query, as messages show it
    unit : line or row
    reference, digest : for the origin; SHA-256 of the file, or of the rows of a query in any order
    """

    frame: pd.DataFrame
    lines: np.ndarray[Any, np.dtype[np.int64]]
    name: str
    unit: str
    reference: str
    digest: str


class _UnusableError(Exception):
    """Why a source cannot be used; the place is a line of the source, or 0: the mapping file."""

    def __init__(self, message: str, remedy: str, line: int = 0) -> None:
        super().__init__(message)
        self.message, self.remedy, self.line = message, remedy, line


def read_source(source: Source, folder: FilePath, wanted: Wanted, problems: Problems) -> Raw | None:
    """Read the wanted columns of a source; None, with every problem noted, where it cannot be used.

    Parameters
    ----------
    source : as the mapping file names it
    folder : in which its files are sought
    wanted : columns to read
    """
    before = len(problems.found)
    try:
        raw = _query(source, folder, wanted, problems) if source.sql else _file(source, folder, wanted, problems)
    except ModuleNotFoundError as error:
        words = f"needs {error.name}, which is not installed"
        problems.add(source.mark, source.key, f"{source.reference} {words}", "pip install 'simengine[learn]'")
        return None
    except _UnusableError as error:
        mark = Mark(_name(source, folder), error.line, 1) if error.line else source.mark
        message = error.message if error.line else f"{source.reference} {error.message}"
        problems.add(mark, source.key, message, error.remedy)
        return None
    return None if len(problems.found) > before else raw


def _name(source: Source, folder: FilePath) -> str:
    return source.reference if source.sql else os.path.normpath(folder / source.file)


def _file(source: Source, folder: FilePath, wanted: Wanted, problems: Problems) -> Raw:
    path, suffix = folder / source.file, FilePath(source.file).suffix.lower()
    readers = {
        **dict.fromkeys(TEXT_FILES, _text_file),
        **dict.fromkeys(PARQUET_FILES, _parquet_file),
        **dict.fromkeys(SHEET_FILES, _sheet),
    }
    if suffix not in readers:
        raise _UnusableError("is of an unknown kind", f"expected {', '.join(readers)}, or sql")
    if source.sheet and suffix not in SHEET_FILES:
        raise _UnusableError("has no sheets", "remove sheet")
    try:
        if not path.is_file():
            raise _UnusableError(*_absent(path))
        size = path.stat().st_size
        if size > RECORD_BYTES.most:
            most = f"{RECORD_BYTES} are read: export the columns and years that are needed, or several files"
            raise _UnusableError(f"has {size:,} bytes", most)
        return readers[suffix](source, path, wanted, problems)
    except OSError as error:
        raise _UnusableError(
            f"cannot be read: {error.strerror or error}", "check the name and who may read it"
        ) from None


def _absent(path: FilePath) -> tuple[str, str]:
    if path.is_dir():
        return "is a folder", "name the file"
    beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    remedy = nearest(path.name, beside) if beside else "check the name: it is sought from the mapping file on"
    return "is not there", remedy


def _chosen(header: list[str], wanted: Wanted, name: str, problems: Problems) -> dict[str, int]:
    """Where the wanted columns are; a problem for each that is missing or there twice."""
    found = {}
    for column, (mark, key) in wanted.items():
        places = [place for place, text in enumerate(header) if text == column]
        if len(places) == 1:
            found[column] = places[0]
        elif places:
            problems.add(mark, key, f"{name} has {len(places)} columns {column}", "rename or remove one of them")
        else:
            problems.add(mark, key, f"{name} has no column {column}", nearest(column, filter(None, header)))
    return found


def _check_width(columns: int) -> None:
    if columns > RECORD_COLUMNS.most:
        raise _UnusableError(f"has {columns:,} columns", f"{RECORD_COLUMNS} are read: export those needed")


def _check_rows(rows: int) -> None:
    if rows > RECORD_ROWS.most:
        most = f"{RECORD_ROWS} are read: leave out older records, or export fewer"
        raise _UnusableError(f"has more than {RECORD_ROWS.most:,} rows", most)


def _clean(cell: str) -> str:
    return unicodedata.normalize("NFC", cell).strip() if not cell.isascii() else cell.strip()


# --- CSV --------------------------------------------------------------------------------------------------------------


def _text_file(source: Source, path: FilePath, wanted: Wanted, problems: Problems) -> Raw:
    digest = _checked_text(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        separator, skipped = _separator(file, wanted)
        reader = csv.reader(_after(file, skipped), delimiter=separator, strict=True)
        records = _records(reader, skipped)
        header = next(records, None)
        if header is None:
            raise _UnusableError("is empty", "expected a header and a line for each record")
        names = [_clean(cell) for cell in header[1]]
        _check_width(len(names))
        places = _chosen(names, wanted, source.reference, problems)
        frame, lines, ragged = _columns(records, names, places)
    name = str(os.path.normpath(path))
    for line, cells in ragged[:3]:
        words = f"{cells} cells in this line, {len(names)} in the header"
        more = f" (one of {len(ragged):,} such lines)" if len(ragged) > 1 else ""
        problems.add(Mark(name, line, 1), source.key, words + more, "put cells that hold separators in quotes")
    return Raw(frame, lines, name, "line", source.reference, digest)


def _checked_text(path: FilePath) -> str:
    """The digest of a file that is UTF-8 text."""
    digest, decoder, line = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")(), 1
    with path.open("rb") as file:
        start = file.read(4)
        for magic, kind in _PACKED.items():
            if start.startswith(magic):
                raise _UnusableError(f"is {kind}, not text", "give it the ending that it should have, or unpack it")
        if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise _UnusableError("is UTF-16", "save it as CSV UTF-8")
        file.seek(0)
        while block := file.read(1 << 20):
            digest.update(block)
            if b"\0" in block:
                where = line + block[: block.index(b"\0")].count(b"\n")
                raise _UnusableError("a zero byte: this is not text", "export the file again", where)
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                where = line + error.object[: error.start].count(b"\n")
                words = f"byte 0x{error.object[error.start]:02X} is not UTF-8"
                raise _UnusableError(words, "save the file as CSV UTF-8", where) from None
            line += block.count(b"\n")
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            raise _UnusableError("the file is cut off within a letter", "export the file again", line) from None
    return digest.hexdigest()


def _separator(file: Any, wanted: Wanted) -> tuple[str, int]:
    """The separator under which the header has most of what is wanted, and the lines before it."""
    skipped = 0
    for text in iter(lambda: file.readline(RECORD_CELL.most * 100), ""):
        if text.strip():
            break
        skipped += 1
    else:
        raise _UnusableError("is empty", "expected a header and a line for each record")
    if text[:4].lower() == "sep=" and text[4:5] in SEPARATORS:
        file.seek(0)
        return text[4], skipped + 1

    def fit(separator: str) -> tuple[int, int]:
        cells = [_clean(cell) for cell in next(csv.reader([text], delimiter=separator))]
        return len(set(cells) & wanted.keys()), len(cells)

    file.seek(0)
    return max(SEPARATORS, key=fit), skipped


def _after(file: Any, skipped: int) -> Iterator[str]:
    for _ in range(skipped):
        next(file)
    return iter(file)


def _records(reader: Any, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Records that are not blank, each with the line in which it begins."""
    while True:
        line = reader.line_num + skipped + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _UnusableError(f"this is not CSV: {error}", "check the quotes from this line on", line) from None
        if any(cells):
            yield line, cells


def _columns(
    records: Iterator[tuple[int, list[str]]], names: list[str], places: Mapping[str, int]
) -> tuple[pd.DataFrame, np.ndarray[Any, np.dtype[np.int64]], list[tuple[int, int]]]:
    """The cells of some columns, the line of each record, and lines whose number of cells is wrong."""
    width, frames, lines, ragged = len(names), [_text_frame(places, [])], [], []
    rows: list[list[str]] = []
    for line, cells in records:
        if len(cells) != width and (len(cells) < width or any(cells[width:])):
            ragged.append((line, len(cells)))
            continue
        row = [_clean(cells[place]) for place in places.values()]
        for cell in row:
            if len(cell) > RECORD_CELL.most:
                remedy = f"{RECORD_CELL} are read: check the quotes from this line on"
                raise _UnusableError(f"a cell of {len(cell):,} characters", remedy, line)
        rows.append(row)
        lines.append(line)
        if len(rows) == CHUNK:
            _check_rows(len(lines))
            frames.append(_text_frame(places, rows))
            rows = []
    _check_rows(len(lines))
    frames.append(_text_frame(places, rows))
    return pd.concat(frames, ignore_index=True), np.array(lines, dtype=np.int64), ragged


def _text_frame(places: Iterable[str], rows: list[list[str]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(places), dtype="str")


# --- Parquet ----------------------------------------------------------------------------------------------------------


def _parquet_file(source: Source, path: FilePath, wanted: Wanted, problems: Problems) -> Raw:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        about = file.metadata
        _check_rows(about.num_rows)
        _check_width(about.num_columns)
        places = _chosen(list(file.schema_arrow.names), wanted, source.reference, problems)
        groups = [about.row_group(g) for g in range(about.num_row_groups)]
        parts = (group.column(c) for group in groups for c in range(group.num_columns))
        size = sum(p.total_uncompressed_size for p in parts if p.path_in_schema.split(".", maxsplit=1)[0] in places)
        if size > RECORD_BYTES.most:
            raise _UnusableError(f"unpacks to {size:,} bytes", f"{RECORD_BYTES} are read: export fewer records")
        read = file.read(columns=list(places))
        frame = pd.DataFrame({name: _objects(read.column(name).to_pylist()) for name in places}, dtype="object")
    except (pa.ArrowException, ValueError, OverflowError) as error:
        # ValueError and OverflowError: a day beyond the year 9999.
        words = str(error).splitlines()[0]
        raise _UnusableError(f"is not a Parquet file that can be read: {words}", "export the file again") from None
    return Raw(frame, np.arange(1, len(frame) + 1), str(os.path.normpath(path)), "row", source.reference, _digest(path))


def _objects(values: list[Any]) -> pd.Series[Any]:
    """Cells as they are; a text is stripped, bytes are text, and what holds several values is one text."""
    return pd.Series([_object(value) for value in values], dtype="object")


def _object(value: Any) -> Any:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, bytes):
        return _clean(value.decode("utf-8", "replace"))
    return str(value) if isinstance(value, list | dict | tuple) else value


def _digest(path: FilePath) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- spreadsheets -----------------------------------------------------------------------------------------------------


def _sheet(source: Source, path: FilePath, wanted: Wanted, problems: Problems) -> Raw:
    import python_calamine

    try:
        _check_unpacked(path)
        book = python_calamine.CalamineWorkbook.from_path(path)
        names = book.sheet_names
        if not source.sheet and len(names) != 1:
            raise _UnusableError(f"has {len(names)} sheets: {', '.join(names)}", "name one: {file: …, sheet: …}")
        if source.sheet and source.sheet not in names:
            raise _UnusableError("is not there", nearest(source.sheet, names))
        sheet = book.get_sheet_by_name(source.sheet or names[0])
        _check_rows(sheet.height)
        _check_width(sheet.width)
        rows = sheet.to_python(skip_empty_area=False)
    except BaseException as error:
        words = damage(error)
        if words is None:
            raise
        raise _UnusableError(
            f"is not a workbook that can be read: {words}", "save it as .xlsx, without password"
        ) from None
    filled = [(number, row) for number, row in enumerate(rows, start=1) if any(cell != "" for cell in row)]
    if not filled:
        raise _UnusableError("is empty", "expected a header and a row for each record")
    (_, header), *records = filled
    places = _chosen([_clean(as_text(cell)) for cell in header], wanted, source.reference, problems)
    frame = pd.DataFrame(
        {name: _objects([row[place] for _, row in records]) for name, place in places.items()}, dtype="object"
    )
    lines = np.array([number for number, _ in records], dtype=np.int64)
    return Raw(frame, lines, f"{os.path.normpath(path)}", "row", source.reference, _digest(path))


def _check_unpacked(path: FilePath) -> None:
    """A workbook is a zip archive; a small one may unpack to more than any memory."""
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as package:
                check_package(package, RECORD_BYTES, SHEET_CELLS)
        except TooMuchError as error:
            raise _UnusableError(error.message, error.remedy) from None


# --- databases --------------------------------------------------------------------------------------------------------


def _query(source: Source, folder: FilePath, wanted: Wanted, problems: Problems) -> Raw:
    import sqlalchemy as sa

    url = _url(source, folder)
    try:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        raise _UnusableError(f"is at {url.drivername}, which cannot be used: {_first(error)}", _DRIVERS) from None
    try:
        with engine.connect() as link:
            options: dict[str, Any] = {"stream_results": True, "yield_per": CHUNK}
            if engine.dialect.name == "postgresql":
                options["postgresql_readonly"] = True
            # In this order: a column that is missing is our message, not that of the database.
            if source.table:
                columns = [column["name"] for column in sa.inspect(link).get_columns(*_table(source))]
                places = _chosen(columns, wanted, source.reference, problems)
                link.rollback()
                asked: Any = sa.select(*map(sa.column, places)).select_from(
                    sa.table(*_table(source)[:1], **_schema(source))
                )
                result = link.execution_options(**options).execute(asked) if places else None
            else:
                # A colon is a colon, not the name of a parameter.
                result = link.execution_options(**options).execute(sa.text(source.query.replace(":", "\\:")))
                if not result.returns_rows:
                    raise _UnusableError("returns no rows", "expected a query that begins with select")
                places = _chosen(list(result.keys()), wanted, source.reference, problems)
            frame, digest = _rows(result.partitions() if result is not None else (), list(places), places, source)
    except sa.exc.NoSuchTableError:
        raise _UnusableError("is not in the database", "check the name: schema.table where it has a schema") from None
    except sa.exc.SQLAlchemyError as error:
        raise _UnusableError(
            f"cannot be read: {_first(error)}", "check the query, the address and who may read"
        ) from None
    finally:
        engine.dispose()
    return Raw(frame, np.arange(1, len(frame) + 1), source.reference, "row", source.reference, digest)


_DRIVERS = "expected sqlite:///file.db or postgresql+psycopg://server/database, or install its driver"


def _table(source: Source) -> tuple[str, str | None]:
    schema, _, table = source.table.rpartition(".")
    return table, schema or None


def _schema(source: Source) -> dict[str, str]:
    schema = _table(source)[1]
    return {"schema": schema} if schema else {}


def _rows(
    parts: Iterable[Any], names: list[str], places: Mapping[str, int], source: Source
) -> tuple[pd.DataFrame, str]:
    rows: list[Any] = []
    for part in parts:
        rows += part
        _check_rows(len(rows))
    at: Callable[[int, str], int] = (lambda number, _: number) if source.table else (lambda _, name: places[name])
    columns = {name: _objects([row[at(number, name)] for row in rows]) for number, name in enumerate(names)}
    frame = pd.DataFrame(columns, dtype="object")
    each = sorted(
        hashlib.sha256("\x1f".join(map(as_text, row)).encode()).digest()
        for row in zip(*(frame[name] for name in sorted(names)), strict=True)
    )
    return frame, hashlib.sha256(b"".join(each)).hexdigest()


def _url(source: Source, folder: FilePath) -> Any:
    """The address of a database; of an SQLite file only where there is one, and to read only."""
    import sqlalchemy as sa

    address = source.sql
    if address.startswith("$"):
        address = os.environ.get(address[1:], "")
        if not address:
            raise _UnusableError(
                f"is at {source.sql}, which is not set", f"export {source.sql[1:]}=… before you run this"
            )
    try:
        url = sa.make_url(address)
    except sa.exc.ArgumentError:
        raise _UnusableError("has no address of a database", _DRIVERS) from None
    if url.password is not None and not source.sql.startswith("$"):
        remedy = 'put the address into an environment variable, and write sql: "$CRM_URL"'
        raise _UnusableError("is at an address that holds a password", remedy)
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() != "sqlite":
        return url
    path = folder / (url.database or "")
    if not url.database or url.database == ":memory:" or not path.is_file():
        raise _UnusableError(
            f"is at {url.database or 'no file'}, which is not there", "check the name after sqlite:///"
        )
    size = path.stat().st_size
    if size > DATABASE_BYTES.most:
        remedy = f"{DATABASE_BYTES} are read: export the table that is needed"
        raise _UnusableError(f"is in a file of {size:,} bytes", remedy)
    return sa.make_url("sqlite://").set(database=f"file:{path.resolve()}", query={"mode": "ro", "uri": "true"})


def _first(error: BaseException) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0].strip()
