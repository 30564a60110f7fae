"""A filled-in template read as a new plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from simengine.errors import PlanError, Problem
from simengine.plan import loads
from simengine.plan.edit import written
from simengine.plan.scalars import is_month, is_number, nearest, shown
from simengine.plan.source import Mark, Node
from simengine.plan.targets import METRIC_UNITS
from simengine.units import UNITS
from simengine.workbook.cells import Book, Cell, CellProblem, at, is_empty, text_of
from simengine.workbook.forms import COMPANY, COMPANY_FIELDS, DEMAND, FORMS, HIRES, Field, Form
from simengine.workbook.imported import Imported, headings, placed
from simengine.workbook.layout import COLUMNS, REGISTER, Column
from simengine.workbook.register import Belief, Entry, Value, unit_of, whole
from simengine.workbook.typed import Wrong, day_in, number_in, refuse_fault, spec_in, word_in, written_number

NAME = "plan.yaml"
_HEAD = "# Written by simengine import from {file}. What the workbook does not ask for has defaults: docs/plan.md.\n\n"
_ORDER = ("plan", "targets", "segments", "assumptions", "team", "funnel", "base", "economics")
Keys = tuple[str, ...]


class _Row(NamedTuple):
    """A row of a form: where it stands, and what its cells say by title."""

    number: int
    cells: dict[str, Cell]
    places: Mapping[str, int]


def is_template(book: Book) -> bool:
    """Whether a workbook is a template, filled in or not."""
    return COMPANY in book.sheets


def started(book: Book) -> Imported:
    """The plan that a filled-in template describes.

    Raises PlanError with every mistake, each with its cell.
    """
    made = _Started(book)
    if made.problems:
        raise PlanError(made.problems)
    sections = "\n\n".join(written({name: section}) for name, section in made.tree.items())
    text = f"{_HEAD.format(file=_plain(book.file))}{sections}\n"
    try:
        plan = loads(text, NAME)
    except PlanError as error:
        raise PlanError([placed(book, made.cells, problem) for problem in error.problems]) from None
    return Imported(NAME, {NAME: text}, plan, notices=made.notices, is_new=True)


def _plain(file: str) -> str:
    return file.replace("\\", "/").rsplit("/", 1)[-1]


class _Started:
    """The tree of a plan as it grows, sheet by sheet; mistakes; the cell of every key."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.problems: list[Problem] = []
        self.notices: list[str] = []
        self.cells: dict[str, tuple[str, int, int, str]] = {}
        self.found: dict[str, Any] = {}
        self._company()
        for form in FORMS:
            self._form(form)
        self._register()
        self.tree = {section: self.found[section] for section in _ORDER if self.found.get(section)}

    # ---- sheets ----

    def _company(self) -> None:
        rows = self.book.sheets[COMPANY]
        lines = {text_of(at(rows, row, 0)): row for row in reversed(range(len(rows)))}
        for field in COMPANY_FIELDS:
            row = lines.get(field.title)
            if row is None:
                if field.required:
                    self._sheet(COMPANY, f"the line {field.title!r} is missing")
                continue
            self._note(field.path, COMPANY, row, 1, field.title)
            value = self._value(COMPANY, row, 1, field, at(rows, row, 1), field.title)
            if value is not None:
                self._put(field.path, value)

    def _form(self, form: Form) -> None:
        seen: dict[Keys, int] = {}
        for row in self._rows(form.sheet, [field.title for field in form.fields], [f.required for f in form.fields]):
            keys = tuple(text_of(row.cells[field.title]) for field in form.fields if field.holds == "name")
            if form.sheet == HIRES:
                keys += (text_of(row.cells["Month"]),)
            if form.listed and form.fields[0].path == ("name",):
                keys = (text_of(row.cells[form.fields[0].title]),)
            if keys and keys in seen:
                words = f"{', '.join(keys)} stands in row {seen[keys] + 1} too"
                self._add(
                    form.sheet, row.number, row.places[form.fields[0].title], "", words, "keep one of the two rows"
                )
                continue
            if keys:
                seen[keys] = row.number
            self._fill(form, row, keys)

    def _fill(self, form: Form, row: _Row, keys: Keys) -> None:
        entry: dict[str, Any] = {}
        base = self._base(form, keys)
        title = ", ".join(keys)
        self._note(base, form.sheet, row.number, row.places[form.fields[0].title], title)
        for field in form.fields:
            place = row.places[field.title]
            name = f"{title}, {field.title}" if title and field.path != ("name",) else field.title
            if field.path:
                self._note((*base, *field.path), form.sheet, row.number, place, name)
            unit = self._bound_unit(row) if field.holds == "bound" else field.unit
            value = self._value(form.sheet, row.number, place, field._replace(unit=unit), row.cells[field.title], name)
            if value is not None and field.path:
                _set(entry, field.path, value)
            elif value is not None and form.sheet == HIRES and field.holds == "whole":
                self._hire(row, keys, value)
        if form.sheet == HIRES or not all(keys):
            return
        if form.listed:
            self._list(form.into).append(entry)
        else:
            held = self._mapping(base)
            held.update({**held, **entry})

    def _base(self, form: Form, keys: Keys) -> Keys:
        if form.sheet == DEMAND:
            return (*form.into, keys[0], "segments", keys[1])
        if form.sheet == HIRES:
            return ("team", "seats", keys[0], "hires", keys[1])
        if form.listed:
            return (*form.into, *(keys or (str(len(self._list(form.into)) + 1),)))
        return (*form.into, *keys)

    def _hire(self, row: _Row, keys: Keys, people: object) -> None:
        groups = self._list(("team", "seats"))
        group = next((one for one in groups if one.get("name") == keys[0]), None)
        if group is None:
            near = nearest(keys[0], [one.get("name") for one in groups])
            self._add(HIRES, row.number, row.places["Seats"], "Seats", f"no seats are called {shown(keys[0])}", near)
        else:
            group.setdefault("hires", {})[keys[1]] = people

    def _bound_unit(self, row: _Row) -> str:
        unit = METRIC_UNITS.get(text_of(row.cells["Metric"]), "currency")
        return "bound" if unit == "fraction" else unit

    # ---- the register ----

    def _register(self) -> None:
        seen: dict[str, int] = {}
        titles, required = [column.title for column in COLUMNS], [column.required for column in COLUMNS]
        for row in self._rows(REGISTER, titles, required):
            name = text_of(row.cells[COLUMNS[0].title])
            if name in seen:
                words = f"{name} stands in row {seen[name] + 1} too"
                self._add(REGISTER, row.number, row.places[COLUMNS[0].title], "", words, "keep one of the two rows")
                continue
            seen[name] = row.number
            self._assumption(name, row)

    def _assumption(self, name: str, row: _Row) -> None:
        entry: dict[str, Any] = {}
        believed: dict[str, Value] = {}
        other: object = None
        unit = text_of(row.cells["Unit"])
        # One that is none is a mistake of its own cell, and none of the numbers'.
        unit = unit if unit in UNITS else "plain"
        family = text_of(row.cells["Distribution"]).casefold()
        for column in COLUMNS[1:]:
            place, cell = row.places[column.title], row.cells[column.title]
            for key in _keys(name, column, family):
                self._note(key, REGISTER, row.number, place, f"{name}, {column.title}")
            if is_empty(cell):
                continue
            try:
                value, parsed = _register_cell(column, cell, unit, family)
            except Wrong as wrong:
                self._add(REGISTER, row.number, place, f"{name}, {column.title}", wrong.message, wrong.expected)
                continue
            if column.path == ("distribution",):
                believed[column.parameter or "family"] = value
                other = parsed if column.parameter == "other" else other
            else:
                _set(entry, column.path, _in_plan(column, value, unit))
        self._note(("assumptions", name), REGISTER, row.number, row.places[COLUMNS[0].title], name)
        blank = Entry(name, unit, (), Belief(family, {}, None), Node({}, Mark("")))
        if believed:
            entry["distribution"] = whole(blank, believed, other)
        self.found.setdefault("assumptions", {})[name] = _sorted(entry)

    # ---- cells ----

    def _rows(self, sheet: str, titles: list[str], required: list[bool]) -> Iterator[_Row]:
        """The rows of a sheet in which anything stands; what is wrong with the sheet is noted."""
        rows = self.book.sheets.get(sheet)
        if rows is None:
            self._sheet(sheet, "this sheet is missing")
            return
        heading, places = headings(rows, titles)
        missing = [title for title in titles if title not in places]
        if heading is None or missing:
            self._sheet(sheet, f"no heading {', '.join(missing[:4])}")
            return
        for number in range(heading + 1, len(rows)):
            cells = {title: at(rows, number, places[title]) for title in titles}
            if all(is_empty(cell) for cell in cells.values()):
                continue
            empty = [t for t, is_needed in zip(titles, required, strict=True) if is_needed and is_empty(cells[t])]
            for title in empty:
                self._add(sheet, number, places[title], title, "nothing stands here", "write a value, or clear the row")
            if titles[0] not in empty:
                yield _Row(number, cells, places)

    def _value(self, sheet: str, row: int, place: int, field: Field, cell: Cell, title: str) -> object:
        """What a cell says as a plan writes it; None where it is empty or wrong."""
        if is_empty(cell):
            if field.required and sheet == COMPANY:
                self._add(sheet, row, place, title, "nothing stands here", "write a value")
            return None
        try:
            return _held(field, cell)
        except Wrong as wrong:
            self._add(sheet, row, place, title, wrong.message, wrong.expected)
            return None

    # ---- the tree ----

    def _put(self, path: Keys, value: object) -> None:
        _set(self.found, path, value)

    def _mapping(self, path: Keys) -> dict[str, Any]:
        held: Any = self.found
        for step in path:
            held = held.setdefault(step, {})
        assert isinstance(held, dict)
        return held

    def _list(self, path: Keys) -> list[dict[str, Any]]:
        held: list[dict[str, Any]] = self._mapping(path[:-1]).setdefault(path[-1], [])
        return held

    def _note(self, path: Keys, sheet: str, row: int, column: int, title: str) -> None:
        self.cells.setdefault(".".join(path), (sheet, row, column, title))

    def _add(self, sheet: str, row: int, column: int, key: str, message: str, expected: str = "") -> None:
        self.problems.append(self.book.problem(sheet, row, column, key, message, expected))

    def _sheet(self, sheet: str, message: str) -> None:
        remedy = "put it back: simengine template -o new.xlsx writes it anew"
        self.problems.append(CellProblem(self.book.file, 0, 0, "", message, remedy, sheet))


def _set(tree: dict[str, Any], path: Keys, value: object) -> None:
    for step in path[:-1]:
        tree = tree.setdefault(step, {})
    tree[path[-1]] = value


def _sorted(entry: dict[str, Any]) -> dict[str, Any]:
    order = ("plan", "distribution", "unit", "source", "risk", "owner", "note")
    return {key: entry[key] for key in order if key in entry}


def _held(field: Field, cell: Cell) -> object:
    """What a cell says, as a plan writes it."""
    refuse_fault(cell)
    if field.holds == "choice":
        return word_in(cell, field.choices)
    if field.holds in ("value", "bound"):
        return _number(cell, field.unit)
    if field.holds == "values":
        parts = [part.strip() for part in cell.split(",")] if isinstance(cell, str) else [cell]
        return [_number(part, field.unit) if field.unit else text_of(part) for part in parts]
    return _READERS.get(field.holds, text_of)(cell)


def _month(cell: Cell) -> str:
    month = text_of(cell) if isinstance(cell, str | int | float) else day_in(cell)[:7]
    if not is_month(month):
        raise Wrong(f"{shown(month)} is not a month", "expected a month like 2027-01, as text")
    return month


def _whole(cell: Cell) -> int:
    number = number_in(cell, "plain")
    if number != round(number):
        raise Wrong(f"{shown(number)} is not a whole number", "expected a whole number, like 12")
    return int(number)


def _labels(cell: Cell) -> dict[str, str]:
    found = {}
    for part in text_of(cell).split(","):
        label, sign, value = (word.strip() for word in part.partition("="))
        if not (label and sign and value):
            raise Wrong(f"{shown(part.strip())} is no label with its value", "expected one like geo=EMEA")
        found[label] = value
    return found


_READERS: dict[str, Callable[[Cell], object]] = {"day": day_in, "month": _month, "whole": _whole, "labels": _labels}


def _number(cell: Cell, unit: str) -> object:
    """A number as a plan writes it, or the name of an assumption, which the plan looks up."""
    if isinstance(cell, str) and not is_number(cell) and cell.strip()[:1].isalpha():
        return cell.strip()
    if unit == "bound":
        # Growth and retention may well be above 100 %: up to 10 is meant as it stands.
        number = number_in(cell, "plain") if not isinstance(cell, str) else number_in(cell, "fraction", 10)
        return written_number(number, "fraction")
    return written_number(number_in(cell, unit), unit, period=True)


def _keys(name: str, column: Column, family: str) -> Iterator[Keys]:
    """Keys by which messages may name a cell of the register."""
    base = ("assumptions", name, *column.path)
    if not column.parameter:
        yield base
    elif column.parameter == "other":
        yield (*base, family)
    else:
        yield (*base, family, column.parameter)


def _register_cell(column: Column, cell: Cell, unit: str, family: str) -> tuple[Value, object]:
    refuse_fault(cell)
    if column.kind == "number":
        return number_in(cell, unit_of(column, unit, family)), None
    if column.kind == "choice":
        return word_in(cell, column.choices), None
    if column.kind == "day":
        return day_in(cell), None
    return text_of(cell), spec_in(cell, column.title) if column.kind == "spec" else None


def _in_plan(column: Column, value: Value, unit: str) -> object:
    if not isinstance(value, float | int):
        return value
    return written_number(value, unit_of(column, unit), period=column.own_unit)
