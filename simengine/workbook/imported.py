"""A changed register read back: exactly what was changed in the workbook changes in the plan's text."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from simengine.errors import PlanError, Problem, SimengineError
from simengine.plan import loads
from simengine.plan.edit import edited
from simengine.plan.scalars import nearest, shown
from simengine.plan.scenario import SET
from simengine.plan.schema import Plan
from simengine.plan.source import Path as Keys
from simengine.workbook.cells import Book, Cell, CellProblem, at, is_empty, open_book, text_of
from simengine.workbook.layout import COLUMNS, FILES, NAME, REGISTER, Column
from simengine.workbook.register import (
    SINGLE,
    Entry,
    Value,
    changes_of,
    entries,
    found_at,
    is_equal,
    told,
    unit_of,
    written_other,
)
from simengine.workbook.typed import Wrong, day_in, number_in, refuse_fault, spec_in, word_in

_MOST_HEADING_ROW = 40
"""The headings of the register are looked for so far down."""


class Change(NamedTuple):
    """What was changed: in which cell, of which assumption, what it says, what it said before and says now."""

    cell: str
    assumption: str
    column: str
    before: str
    after: str


@dataclass(frozen=True)
class Imported:
    """A plan read back from a workbook.

    Attributes
    ----------
    name : the plan's file
    texts : every file of the plan by name, the plan itself first
    plan : the same, checked
    changes : what was changed, in the order of the register
    notices : what else is to be known
    is_new : whether it comes from a template, and so was no plan before
    """

    name: str
    texts: dict[str, str]
    plan: Plan
    changes: list[Change] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    is_new: bool = False


def read(path: str | Path, into: Plan | None = None) -> Imported:
    """Read a workbook back: an exported one into the plan that it came from, a filled-in template as a new plan.

    Parameters
    ----------
    path : an .xlsx that `write` or `template` has written, and somebody has edited
    into : the plan to change instead of the one in the workbook; a cell that was edited there and here is refused

    Raises
    ------
    PlanError
        with every mistake, each with its cell
    SimengineError
        where the file is no such workbook
    """
    book = open_book(path)
    if FILES in book.sheets:
        return _changed(book, into)
    from simengine.workbook.started import is_template, started

    if into is None and is_template(book):
        return started(book)
    missing = FILES if REGISTER in book.sheets else REGISTER
    raise SimengineError(
        f"{book.file} has no sheet {missing!r}: it is not as simengine export or simengine template has written it; "
        f"its sheets are {', '.join(book.sheets)}"
    )


# ---- the plan in the workbook ----


def texts_of(book: Book) -> tuple[dict[str, str], tuple[str, ...]]:
    """The files of the plan that a workbook holds, the plan itself first, and the values that were set beside it."""
    lines, digests, overrides = dict[str, list[str]](), dict[str, str](), list[str]()
    for row in book.sheets[FILES]:
        kind, name, text = (str(at([row], 0, place)) for place in range(3))
        if kind == "file":
            digests[name], lines[name] = text, []
        elif kind == "line" and name in lines:
            lines[name].append(text)
        elif kind == "more" and lines.get(name):
            lines[name][-1] += text
        elif kind == "set":
            overrides.append(text)
    texts = {name: "\n".join(found) for name, found in lines.items()}
    main = next(iter(texts), "plan.yaml")
    if main in ("", ".", "..") or set(main) & set("/\\:"):
        # Files go beside the plan: a name that leads elsewhere would take them there.
        raise SimengineError(f"{book.file}: the plan in the sheet {FILES!r} is called {shown(main)}, which is no name")
    if not texts or any(digest_of(text) != digests[name] for name, text in texts.items()):
        raise SimengineError(
            f"{book.file}: the plan in the sheet {FILES!r} is not as it was written; "
            "export again, and copy the edited cells of the register"
        )
    return texts, tuple(overrides)


def digest_of(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _changed(book: Book, into: Plan | None) -> Imported:
    texts, overrides = texts_of(book)
    name = next(iter(texts))
    exported = loads(texts[name], name, files=texts, overrides=overrides)
    plan = exported if into is None else into
    found = _Changes(book, exported, plan)
    texts = dict(plan.texts)
    main = next(iter(texts))
    texts[main] = edited(texts[main], main, found.paths) if found.paths else texts[main]
    problems = found.problems
    try:
        checked = loads(texts[main], main, files=texts, overrides=plan.origin.overrides)
    except PlanError as error:
        problems = [*problems, *(placed(book, found.cells, problem) for problem in error.problems)]
    if problems:
        raise PlanError(problems)
    return Imported(main, texts, checked, found.changes, [*found.notices, *_about_overrides(plan)])


def _about_overrides(plan: Plan) -> Iterator[str]:
    if plan.origin.overrides:
        given = " ".join(f"--set {one}" for one in plan.origin.overrides)
        yield f"Values set beside the plan are not in its file; give them again: {given}"


class _Changes:
    """What differs between a register as it was written and as it is, and what that means for a plan."""

    def __init__(self, book: Book, exported: Plan, plan: Plan) -> None:
        self.book, self.plan, self.main = book, plan, next(iter(plan.texts))
        self.problems: list[Problem] = []
        self.notices: list[str] = []
        self.changes: list[Change] = []
        self.paths: dict[Keys, object] = {}
        self.cells: dict[str, tuple[str, int, int, str]] = {}
        """Key in messages of the plan -> sheet, row, column, and what stands there."""
        self.was, self.now = entries(exported), entries(plan)
        self._read()

    def _read(self) -> None:
        rows = self.book.sheets.get(REGISTER)
        if rows is None:
            others = ", ".join(self.book.sheets)
            self.problems.append(
                CellProblem(self.book.file, 0, 0, "", "this sheet is missing", f"the sheets are {others}", REGISTER)
            )
            return
        heading, places = headings(rows, [column.title for column in COLUMNS])
        if heading is None:
            words = f"no row has the headings {NAME}, {COLUMNS[1].title} and so on"
            self.problems.append(CellProblem(self.book.file, 0, 0, "", words, "put them back as exported", REGISTER))
            return
        for title in (column.title for column in COLUMNS if column.title not in places):
            self._add(heading, 0, "", f"the column {title} is missing", "put it back, with its heading")
        titles = [text_of(cell) for cell in rows[heading]]
        for title in (title for title in places if titles.count(title) > 1):
            place = len(titles) - 1 - titles[::-1].index(title)
            self._add(heading, place, "", f"the column {title} stands here a second time", "keep one of them")
        copies = [name for name in self.book.sheets if name != REGISTER and self._is_register(name)]
        if copies:
            self.notices.append(f"Only the sheet {REGISTER} was read, not {', '.join(copies)}")
        if not self.problems:
            self._rows(rows, heading, places)

    def _is_register(self, name: str) -> bool:
        return headings(self.book.sheets[name], [column.title for column in COLUMNS])[0] is not None

    def _rows(self, rows: list[list[Cell]], heading: int, places: Mapping[str, int]) -> None:
        seen: dict[str, int] = {}
        for row in range(heading + 1, len(rows)):
            cells = [at(rows, row, places[column.title]) for column in COLUMNS]
            name = text_of(cells[0])
            if not any(not is_empty(cell) for cell in cells):
                continue
            if name in seen:
                self._add(row, places[NAME], name, f"stands in row {seen[name] + 1} too", "keep one of the two rows")
            elif not name:
                self._add(row, places[NAME], "", "no name stands here", "write the assumption's name, or clear the row")
            elif name not in self.was or name not in self.now:
                self._unknown(row, places[NAME], name)
            else:
                self._compare(self.was[name], self.now[name], cells, row, places)
            seen.setdefault(name, row)
        gone = [name for name in self.was if name not in seen]
        if gone:
            names = ", ".join(gone[:5]) + (", …" if len(gone) > 5 else "")
            self.notices.append(f"Not in the register, so not changed: {names}")

    def _unknown(self, row: int, column: int, name: str) -> None:
        where = "the plan" if name in self.was else "the workbook's plan"
        near = nearest(name, self.was)
        hint = near if near.startswith("did") else "new assumptions are written into the plan file"
        self._add(row, column, name, f"no assumption of {where} has this name", hint)

    def _compare(self, was: Entry, now: Entry, cells: list[Cell], row: int, places: Mapping[str, int]) -> None:
        changed: dict[int, Value] = {}
        other: object = None
        before = len(self.problems)
        family = self._family(was, cells, row, places)
        for i, column in enumerate(COLUMNS[1:], start=1):
            place = places[column.title]
            self._note(now, column, row, place)
            try:
                value, parsed = _cell(column, cells[i], was, i, family)
            except Wrong as wrong:
                if column.path != ("distribution",) or family:
                    self._add(row, place, f"{was.name}, {column.title}", wrong.message, wrong.expected)
                continue
            if is_equal(value, was.values[i]):
                continue
            if self._refuses(was, now, i, value, row, place) or is_equal(value, now.values[i]):
                continue
            changed[i] = value
            other = parsed if column.parameter == "other" else other
            words = (told(column, one, was.unit, family or "") for one in (was.values[i], value))
            cell = self.book.problem(REGISTER, row, place, "", "").address
            self.changes.append(Change(cell, was.name, column.title, *words))
        if len(self.problems) == before:
            # Half of a row would bring mistakes that nobody made.
            self.paths.update(changes_of(now, changed, other, self.main))

    def _family(self, was: Entry, cells: list[Cell], row: int, places: Mapping[str, int]) -> str | None:
        """The distribution that stands in a row; None, with a problem noted, where it is no word for one."""
        i = next(i for i, column in enumerate(COLUMNS) if column.path == ("distribution",))
        column = COLUMNS[i]
        try:
            refuse_fault(cells[i])
            return was.belief.family if text_of(cells[i]) == was.belief.family else word_in(cells[i], column.choices)
        except Wrong as wrong:
            title = f"{was.name}, {column.title}"
            self._add(row, places[column.title], title, wrong.message, wrong.expected)
            return None

    def _refuses(self, was: Entry, now: Entry, i: int, value: Value, row: int, place: int) -> bool:
        """Whether a change cannot be made, with the reason noted."""
        column, title = COLUMNS[i], f"{was.name}, {COLUMNS[i].title}"
        before, here, after = (
            told(column, one, was.unit, was.belief.family) for one in (was.values[i], now.values[i], value)
        )
        node = found_at(now.node, column.path)
        if not column.editable:
            self._add(row, place, title, f"was {before} and is {after}", "change it in the plan file")
        elif not is_equal(was.values[i], now.values[i]) and not is_equal(value, now.values[i]):
            self._add(
                row,
                place,
                title,
                f"was {before}, is {after} here and {here} in the plan",
                "decide which holds: both were changed since the export",
            )
        elif node is not None and node.mark.file == SET.file:
            self._add(
                row, place, title, "was set beside the plan with --set", "run the plan without, or change it there"
            )
        else:
            return False
        return True

    def _note(self, now: Entry, column: Column, row: int, place: int) -> None:
        """Remember the cell under every key by which a message may name it."""
        base = ".".join(("assumptions", now.name, *column.path))
        keys = [base]
        if column.parameter:
            known = now.belief.numbers.get(column.parameter)
            keys = [".".join((base, *map(_word, known[0])))] if known else []
            keys += [f"{base}.{family}.{column.parameter}" for family in COLUMNS[3].choices]
            keys = keys if column.parameter != "other" else [f"{base}.{now.belief.family}"]
        for key in keys:
            self.cells.setdefault(key, (REGISTER, row, place, f"{now.name}, {column.title}"))
        self.cells.setdefault(f"assumptions.{now.name}", (REGISTER, row, 0, now.name))

    def _add(self, row: int, column: int, key: str, message: str, expected: str = "") -> None:
        self.problems.append(self.book.problem(REGISTER, row, column, key, message, expected))


def placed(book: Book, cells: Mapping[str, tuple[str, int, int, str]], problem: Problem) -> Problem:
    """A problem of a plan at the cell with the longest key that leads to it; one of no cell is of the workbook."""
    fitting = [key for key in cells if f"{problem.key}.".startswith(f"{key}.")]
    if not fitting:
        # What an assumption may be is told where it is used.
        named = (f"assumptions.{word.strip(',:;')}" for word in problem.message.split())
        fitting = [key for key in named if key in cells][:1]
    if not fitting:
        return CellProblem(book.file, 0, 0, problem.key, problem.message, problem.expected)
    key = max(fitting, key=len)
    sheet, row, column, title = cells[key]
    below = problem.key.removeprefix(key).lstrip(".") if problem.key.startswith(key) else ""
    title = f"{title}, {below}" if below else title
    return book.problem(sheet, row, column, title, problem.message, problem.expected)


def _word(step: object) -> str:
    return str(step + 1) if isinstance(step, int) else str(step)


def headings(rows: list[list[Cell]], titles: Iterable[str]) -> tuple[int | None, dict[str, int]]:
    """The row of the headings of a sheet, and the column of each title; None where there is no such row."""
    wanted = list(titles)
    for row, cells in enumerate(rows[:_MOST_HEADING_ROW]):
        words = [text_of(cell) for cell in cells]
        if wanted[0] in words and len(set(words) & set(wanted)) > min(2, len(wanted) - 1):
            return row, {title: words.index(title) for title in wanted if title in words}
    return None, {}


def _cell(column: Column, cell: Cell, was: Entry, i: int, family: str | None) -> tuple[Value, object]:
    """What a cell says; of parameters without a column also as plain values."""
    before = was.values[i]
    refuse_fault(cell)
    if is_empty(cell):
        if column.required:
            raise Wrong("nothing stands here", "write a value")
        return None, None
    if column.kind == "number":
        shown_before = float(before) if isinstance(before, float | int) else math.nan
        return number_in(cell, unit_of(column, was.unit, family or was.belief.family), shown_before), None
    text = text_of(cell).replace("\r\n", "\n")
    if isinstance(before, str) and text == before.strip():
        return before, None
    if column.kind == "spec":
        if family in SINGLE:
            raise Wrong(f"{family} has no other parameters", "clear this cell, or choose another distribution")
        parsed = spec_in(cell, column.title)
        return written_other(parsed), parsed
    if column.kind == "choice":
        return word_in(cell, column.choices), None
    return day_in(cell) if column.kind == "day" else text, None
