"""A CSV file as rows of nodes: every cell has its place, the line and the number of the cell in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence

from simengine.limits import CSV_CELL, CSV_COLUMNS, CSV_ROWS
from simengine.plan.scalars import nearest
from simengine.plan.source import Key, Mark, Node, Problems, check_characters

Row = dict[Key, Node]


def rows(
    text: str, file: str, required: Sequence[str], optional: Collection[str] | None, problems: Problems
) -> list[Row] | None:
    """Return the rows below the header, by column; None, with problems noted, where there is no usable header.

    Parameters
    ----------
    text, file : the file and its name in messages
    required : columns that must be there, with a value in every row
    optional : columns that may be there or be empty; None where any other column is welcome
    """
    before = len(problems.found)
    check_characters(text, file, problems)
    if len(problems.found) > before:
        return None
    lines = _lines(text, file, problems)
    header = next(lines, None)
    if header is None:
        if len(problems.found) == before:
            problems.add(Mark(file), "", "the file is empty", "expected a header and rows")
        return None
    _check_header(header, required, optional, problems)
    return None if len(problems.found) > before else list(_named(lines, header, required, problems))


def _lines(text: str, file: str, problems: Problems) -> Iterator[list[Node]]:
    """Yield the lines that are not blank, as cells with their places."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    filled = 0
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            _add_fault(error, Mark(file, line, 1), problems)
            return
        longest = max(map(len, cells), default=0)
        if longest > CSV_CELL.most:
            words = f"a cell of {longest:,} characters"
            problems.add(Mark(file, line, 1), "", words, f"{CSV_CELL} are read: check the quotes from this line on")
            return
        if len(cells) > CSV_COLUMNS.most:
            words = f"{len(cells):,} columns"
            problems.add(Mark(file, line, 1), "", words, f"{CSV_COLUMNS} are read: leave out those not needed")
            return
        if not any(cell.strip() for cell in cells):
            continue
        if filled > CSV_ROWS.most:
            words = f"more than {CSV_ROWS.most:,} rows"
            problems.add(Mark(file, line, 1), "", words, "add rows up, or split the file")
            return
        filled += 1
        yield [Node(cell.strip(), Mark(file, line, number)) for number, cell in enumerate(cells, start=1)]


def _add_fault(error: csv.Error, mark: Mark, problems: Problems) -> None:
    if "field larger" in str(error):
        words = f"a cell of more than {CSV_CELL.most:,} characters"
        problems.add(mark, "", words, f"{CSV_CELL} are read: check the quotes from this line on")
    else:
        problems.add(mark, "", f"this is not CSV: {error}", "save the file as CSV with commas")


def _check_header(
    header: list[Node], required: Sequence[str], optional: Collection[str] | None, problems: Problems
) -> None:
    names = [str(cell.value) for cell in header]
    if len(names) == 1 and ";" in names[0]:
        problems.add(header[0].mark, "", "the cells are separated by semicolons", "save the file as CSV with commas")
        return
    missing = [name for name in required if name not in names]
    unknown = [] if optional is None else [name for name in names if name not in (*required, *optional)]
    for number, cell in enumerate(header):
        name = names[number]
        if name in names[:number]:
            problems.add(cell.mark, name, "two columns have this name", "rename or remove one")
        elif name in unknown:
            problems.add(cell.mark, name, "unknown column", nearest(name, missing or (*required, *(optional or ()))))
    # A column with a wrong name is one mistake, not two.
    for name in missing[len(unknown) :]:
        remedy = nearest(name, names) if optional is None else f"expected {', '.join((*required, *optional))}"
        problems.add(header[0].mark, name, "this column is missing", remedy)


def _named(
    lines: Iterator[list[Node]], header: list[Node], required: Sequence[str], problems: Problems
) -> Iterator[Row]:
    names = [str(cell.value) for cell in header]
    for cells in lines:
        if len(cells) != len(names):
            words = f"{len(cells)} cells in this row, {len(names)} in the header"
            problems.add(cells[0].mark, "", words, "put cells that hold commas in quotes")
            continue
        row: Row = {}
        for name, cell in zip(names, cells, strict=True):
            if cell.value != "":
                row[name] = cell
            elif name in required:
                problems.add(cell.mark, name, "the cell is empty", "fill it in, or remove the row")
                row[name] = Node(None, cell.mark)
        yield row
