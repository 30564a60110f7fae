"""A CSV file as rows of nodes: every cell has its place, the line and the number of the cell in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Sequence

from simengine.plan.scalars import nearest
from simengine.plan.source import Key, Mark, Node, Problems, check_characters

MOST_ROWS = 200_000

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
    for _ in range(MOST_ROWS):
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.add(Mark(file, line, 1), "", f"this is not CSV: {error}", "save the file as CSV with commas")
            return
        if any(cell.strip() for cell in cells):
            yield [Node(cell.strip(), Mark(file, line, number)) for number, cell in enumerate(cells, start=1)]
    problems.add(Mark(file), "", f"more than {MOST_ROWS:,} rows", "add rows up, or split the file")


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
