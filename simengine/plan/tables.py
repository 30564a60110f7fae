"""CSV files beside a plan, put into its tree where the plan names them: mistakes in them are shown at their cells."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic_core import PydanticCustomError

from simengine.errors import PlanError
from simengine.limits import CSV_ROWS_IN_ALL
from simengine.plan.csvfile import Row, rows
from simengine.plan.folder import Folder
from simengine.plan.scalars import faults_of, nearest, number
from simengine.plan.source import Key, Node, Path, Problems, key_of

PIPELINE = ("segment", "channel", "stage", "age_months", "count")
RENEWALS = ("segment", "month", "arr")
HISTORY = ("segment", "month", "arr", "net", "gross")
FACTS = ("month", "output", "value")
LEARNED = ("a", "b", "rho")


def include(tree: Node, folder: Folder) -> None:
    """Replace every `file:` of the plan by the rows of that file."""
    for path, holder in _holders(tree, ()):
        content = holder.value
        assert isinstance(content, dict)
        reference = content.pop("file")
        if path == ("funnel", "opening_pipeline"):
            _rows(path, content, reference, folder, PIPELINE, ("value", "owner", "waiting"))
        elif path == ("facts",):
            _rows(path, content, reference, folder, FACTS, ("segment", "channel"))
        elif path == ("learned", "dependence"):
            _rows(path, content, reference, folder, LEARNED, ())
        elif path[0] == "base" and path[-1] == "atr":
            if content:
                folder.problems.add(reference.mark, key_of(path), "months and a file are given", "keep one of them")
            holder.value = _renewals(path, reference, tree, folder)
        elif path[0] == "base" and path[-1] == "history":
            holder.value = _history(path, reference, tree, folder)
        elif path[-1] == "empirical":
            _observations(path, content, reference, folder)
        else:
            content["file"] = reference


def _holders(node: Node, path: Path) -> Iterator[tuple[Path, Node]]:
    """Yield every mapping with a key `file`, and the path to it."""
    if isinstance(node.value, dict):
        for key, child in list(node.value.items()):
            yield from _holders(child, (*path, key))
        if path and "file" in node.value:
            yield path, node
    elif isinstance(node.value, list):
        for index, child in enumerate(node.value):
            yield from _holders(child, (*path, index))


def _rows(
    path: Path,
    content: dict[Key, Node],
    reference: Node,
    folder: Folder,
    required: tuple[str, ...],
    optional: tuple[str, ...],
) -> None:
    """Put the rows of a file where rows may stand."""
    if "rows" in content:
        folder.problems.add(reference.mark, key_of((*path, "file")), "rows and a file are given", "keep one of them")
        return
    table = _read(path, reference, folder, required, optional)
    items = [Node(row, next(iter(row.values())).mark) for row in table or ()]
    content["rows"] = Node(list(items), reference.mark, reference.key_mark)


def _renewals(path: Path, reference: Node, tree: Node, folder: Folder) -> dict[Key, Node] | str:
    """The ARR of one segment by month; several rows of a month add up."""
    months: dict[Key, Node] = {}
    for row in _of_segment(path, reference, tree, folder, RENEWALS, "add its renewals, or write atr: even"):
        _add_to_month(months, row, folder.problems)
    return months or "even"


def _history(path: Path, reference: Node, tree: Node, folder: Folder) -> list[Node]:
    """The rows of one segment, without its name."""
    rows = _of_segment(path, reference, tree, folder, HISTORY, "add its months, or remove history")
    return [Node({key: cell for key, cell in row.items() if key != "segment"}, row["month"].mark) for row in rows]


def _of_segment(
    path: Path, reference: Node, tree: Node, folder: Folder, columns: tuple[str, ...], remedy: str
) -> list[Row]:
    """The rows of the segment at `path`, of a file that may hold those of all."""
    segment, declared = path[1], tree.child("segments")
    table = _read(path, reference, folder, columns, ())
    own = []
    for row in table or ():
        if declared is not None and declared.child(str(row["segment"].value)) is None:
            words = f"segment {row['segment'].value!r} is not declared"
            folder.problems.add(row["segment"].mark, "segment", words, nearest(row["segment"].value, declared.names()))
        elif row["segment"].value == segment:
            own.append(row)
    if table is not None and not own:
        words = f"no row is of segment {segment}"
        folder.problems.add(reference.mark, key_of((*path, "file")), words, remedy)
    return own


def _add_to_month(months: dict[Key, Node], row: Row, problems: Problems) -> None:
    cell, month = row["arr"], str(row["month"].value)
    before = months[month].value if month in months else 0.0
    assert isinstance(before, float)
    try:
        amount = number(cell.value, "currency")
    except PydanticCustomError as error:
        for fault in faults_of(error):
            problems.add(cell.mark, "arr", fault.message, fault.expected)
        amount = 0.0
    months[month] = Node(before + amount, cell.mark, row["month"].mark)


def _observations(path: Path, content: dict[Key, Node], reference: Node, folder: Folder) -> None:
    column = content.pop("column", Node(None, reference.mark))
    content["values"] = Node(None, reference.mark, reference.key_mark)
    if not isinstance(column.value, str):
        folder.problems.add(
            reference.mark, key_of((*path, "column")), "is missing", "name the column of the file that holds the values"
        )
        return
    name = column.value
    table = _read(path, reference, folder, (name,), None)
    if table is None:
        folder.problems.settle(reference.mark)
    else:
        content["values"].value = [row[name] for row in table]


def _read(
    path: Path, reference: Node, folder: Folder, required: tuple[str, ...], optional: tuple[str, ...] | None
) -> list[Row] | None:
    key = key_of((*path, "file"))
    name = folder.beside(reference, (*path, "file"))
    text = None if name is None else folder.read(name, reference.mark, key)
    if text is None or name is None:
        return None
    table = rows(text, folder.shown(name), required, optional, folder.problems)
    folder.rows += len(table or ())
    if folder.rows > CSV_ROWS_IN_ALL.most:
        words = f"with this one the tables of the plan have more than {CSV_ROWS_IN_ALL.most:,} rows"
        folder.problems.add(reference.mark, key, words, "give each segment a file of its own, or add rows up")
        raise PlanError(folder.problems.found)
    return table
