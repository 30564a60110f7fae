"""The mapping file: which file or query holds each table of a history, and under which names.

Strict YAML like a plan: every mistake is reported with its place, all at once. What each key means is in
docs/learn/actuals.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path as FilePath
from typing import Any
from zoneinfo import ZoneInfo

from simengine.learn.history import REACHED, TABLES, Column
from simengine.plan.scalars import nearest, shown
from simengine.plan.source import Mark, Node, Problems, content, decode, parse

HEAD_KEYS = ("as_of", "currency", "currencies", "time_zone", "tolerate")
TABLE_KEYS = (
    "source",
    "columns",
    "constants",
    "values",
    "lookups",
    "tenure",
    "since",
    "complete",
    "dates",
    "decimal",
    "blank",
    "keep",
)
SOURCE_KEYS = ("file", "sheet", "sql", "query", "table")
LOOKUP_KEYS = ("by", *SOURCE_KEYS, "key", "value")
TENURE_KEYS = ("months", "left")
CURRENCY = "currency"
"""A column that no table keeps: it is compared with the declared currency."""
LEAVE_OUT = "leave out"
DATES = ("day-first", "month-first", "iso")
DECIMALS = ("comma", "point")
KEEP = ("first", "last")
TOLERATED = 0.01


@dataclass(frozen=True)
class Source:
    """Where records are: a file, one sheet of it, or a query.

    Attributes
    ----------
    mark, key : of the entry in the mapping file
    """

    mark: Mark
    key: str
    file: str = ""
    sheet: str = ""
    sql: str = ""
    query: str = ""
    table: str = ""

    @property
    def reference(self) -> str:
        """As reports name it, without any address of a server."""
        if self.sql:
            return self.table or "query"
        return f"{self.file}:{self.sheet}" if self.sheet else self.file


@dataclass(frozen=True)
class Lookup:
    """A column taken from another file: the `value` beside the `key` that equals the cell in column `by`."""

    by: str
    source: Source
    key: str
    value: str


@dataclass(frozen=True)
class Tenure:
    """People known by months of service only: the column of months, and that which says whether they have left."""

    months: str
    left: str


@dataclass(frozen=True)
class Layout:
    """How one table of a history comes about.

    Attributes
    ----------
    name : of the table
    sources : a later one wins where ids meet
    columns : name in the history -> name in the source
    constants : name in the history -> the same for all records
    values : name in the history -> what the source says -> what is meant; None leaves the record out
    lookups : name in the history -> where it is looked up
    tenure : of people without days
    since : complete from here on, where the user knows
    complete : all are really decided, there is nothing open
    dates, decimal : how days and numbers are written, where the user says so
    blank : words that mean nothing is known
    keep : of records with the same id and different contents, the first, the last, or "" for neither
    marks : places in the mapping file, by keys below the table
    """

    name: str
    sources: tuple[Source, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    lookups: Mapping[str, Lookup] = field(default_factory=dict)
    tenure: Tenure | None = None
    since: date | None = None
    complete: bool = False
    dates: str = ""
    decimal: str = ""
    blank: frozenset[str] = frozenset()
    keep: str = ""
    marks: Mapping[tuple[str, ...], Mark] = field(default_factory=dict)

    def mark(self, *keys: str) -> Mark:
        """The place of the deepest of some nested keys that the file has."""
        while keys and keys not in self.marks:
            keys = keys[:-1]
        return self.marks[keys]

    @property
    def stages(self) -> list[str]:
        """Columns of stages that leads reached, in the order of the file."""
        return [name for name in self.given if name.startswith(REACHED)]

    @property
    def given(self) -> list[str]:
        """Every column that the table has, under its name in the history."""
        tenure = ("start", "end") if self.tenure else ()
        return list(dict.fromkeys((*self.columns, *self.lookups, *self.constants, *tenure)))


@dataclass(frozen=True)
class Head:
    """What holds for all tables.

    Attributes
    ----------
    as_of : the last day that the records speak of; None where the file does not say
    currency : of every amount; "" where the file does not say
    currencies : segment -> its own currency
    time_zone : in which a day begins, for times that state their own
    tolerate : the share of a table's records that may be impossible and left out
    """

    as_of: date | None = None
    currency: str = ""
    currencies: Mapping[str, str] = field(default_factory=dict)
    time_zone: ZoneInfo | None = None
    tolerate: float = TOLERATED


@dataclass(frozen=True)
class MappingFile:
    """A mapping file: where it is, what holds for all tables, and the tables in its order."""

    path: FilePath
    mark: Mark
    head: Head
    layouts: tuple[Layout, ...]


def read_mapping(path: FilePath, problems: Problems) -> MappingFile | None:
    """Read a mapping file; every mistake goes to `problems`. None where there is no use in going on."""
    name = str(path)
    try:
        data = content(path)
    except OSError as error:
        problems.add(Mark(name), "", f"the file cannot be read: {error.strerror}", "check the name")
        return None
    text = decode(data, name, problems)
    tree = None if text is None else parse(text, name, problems)
    if tree is None or problems.found:
        return None
    return _Reader(problems).whole(tree, path)


def by_name(name: str) -> dict[str, Column]:
    """The columns of a table."""
    return {column.name: column for column in TABLES[name]}


class _Reader:
    """Turns the tree into objects, noting every mistake and going on."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def whole(self, tree: Node, path: FilePath) -> MappingFile | None:
        entries = self._entries(tree, "", ("history", *TABLES))
        self._refuse_blanks(tree)
        head = self._head(entries["history"]) if "history" in entries else Head()
        layouts = tuple(self._layout(name, node) for name, node in entries.items() if name != "history")
        if not layouts and not self.problems.found:
            self.problems.add(tree.mark, "", "no table is mapped", f"expected one of {', '.join(TABLES)}")
        return MappingFile(path, Mark(str(path)), head, layouts)

    def _refuse_blanks(self, tree: Node) -> None:
        for steps, leaf in tree.leaves():
            if leaf.value is None:
                key = ".".join(map(str, steps))
                self.problems.add(leaf.mark, key, "nothing stands here", "write a value, or remove the key")
                self.problems.settle(leaf.mark)

    def _entries(self, node: Node, key: str, known: Iterable[str] | None) -> dict[str, Node]:
        """The entries of a mapping whose keys are known."""
        if not isinstance(node.value, dict):
            self.problems.add(node.mark, key, f"{shown(node.plain())} is not a mapping", "expected key: value")
            return {}
        found = {}
        for name, child in node.value.items():
            if known is not None and str(name) not in tuple(known):
                where = f"{key}.{name}" if key else str(name)
                self.problems.add(child.key_mark or child.mark, where, "unknown key", nearest(name, known))
            else:
                found[str(name)] = child
        return found

    def _text(self, node: Node, key: str) -> str:
        if isinstance(node.value, dict | list) or node.value is None or isinstance(node.value, bool):
            self.problems.add(node.mark, key, f"{shown(node.plain())} is not a name", "expected text")
            return ""
        return str(node.value)

    def _choice(self, node: Node, key: str, choices: Iterable[str]) -> str:
        text = self._text(node, key)
        if text and text not in tuple(choices):
            self.problems.add(node.mark, key, f"{shown(text)} is not possible here", nearest(text, choices))
            return ""
        return text

    def _day(self, node: Node, key: str) -> date | None:
        text = self._text(node, key)
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            self.problems.add(node.mark, key, f"{shown(text)} is not a day", "write year-month-day, like 2027-03-31")
            return None

    def _currency(self, node: Node, key: str) -> str:
        text = self._text(node, key)
        if text and not (len(text) == 3 and text.isalpha() and text.isupper()):
            self.problems.add(node.mark, key, f"{shown(text)} is not a currency", "expected three letters, like USD")
        return text

    def _share(self, node: Node, key: str) -> float:
        text = str(node.value)
        try:
            share = float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
        except ValueError:
            share = -1.0
        if not 0 <= share < 1:
            self.problems.add(node.mark, key, f"{shown(node.plain())} is not a share", "expected a share, like 1 %")
        return share

    def _head(self, node: Node) -> Head:
        found: dict[str, Any] = {}
        readers: dict[str, Callable[[Node, str], Any]] = {
            "as_of": self._day,
            "currency": self._currency,
            "currencies": lambda node, key: {
                name: self._currency(child, f"{key}.{name}") for name, child in self._entries(node, key, None).items()
            },
            "time_zone": self._zone,
            "tolerate": self._share,
        }
        for name, child in self._entries(node, "history", HEAD_KEYS).items():
            found[name] = readers[name](child, f"history.{name}")
        return Head(**found)

    def _zone(self, node: Node, key: str) -> ZoneInfo | None:
        text = self._text(node, key)
        try:
            return ZoneInfo(text) if text else None
        except (ValueError, OSError, KeyError):
            self.problems.add(node.mark, key, f"{shown(text)} is not a time zone", "expected a name like Europe/Berlin")
            return None

    def _layout(self, name: str, node: Node) -> Layout:
        known = [key for key in TABLE_KEYS if key != "tenure" or name == "people"]
        before = len(self.problems.found)
        entries = self._entries(node, name, known)
        is_spelled_right = len(self.problems.found) == before
        marks = {(): node.key_mark or node.mark} | {
            tuple(map(str, steps[:depth])): leaf.mark for steps, leaf in node.leaves() for depth in (len(steps),)
        }
        marks |= {(key,): child.key_mark or child.mark for key, child in entries.items()}
        found: dict[str, Any] = {"name": name, "marks": marks}
        if "source" not in entries and is_spelled_right:
            self.problems.add(marks[()], f"{name}.source", "is missing", "expected a file, like opportunities.csv")
        columns = [*by_name(name), CURRENCY]
        readers: dict[str, Callable[[Node, str], Any]] = {
            "source": self._sources,
            "columns": lambda child, key: self._texts(child, key, columns, name),
            "constants": lambda child, key: self._texts(child, key, columns, name),
            "values": lambda child, key: self._values(child, key, name),
            "lookups": lambda child, key: {
                column: self._lookup(entry, f"{key}.{column}")
                for column, entry in self._columns(child, key, columns, name).items()
            },
            "tenure": self._tenure,
            "since": self._day,
            "complete": self._truth,
            "dates": lambda child, key: self._choice(child, key, DATES),
            "decimal": lambda child, key: self._choice(child, key, DECIMALS),
            "blank": self._words,
            "keep": lambda child, key: self._choice(child, key, KEEP),
        }
        for key, child in entries.items():
            value = readers[key](child, f"{name}.{key}")
            found["sources" if key == "source" else key] = value
        layout = Layout(**found)
        if is_spelled_right:
            self._check_whole(layout)
        return layout

    def _check_whole(self, layout: Layout) -> None:
        """Columns that no record may lack, and columns that come from two places."""
        name, given = layout.name, layout.given
        for column in TABLES[name]:
            is_counted = layout.tenure is not None and column.name == "id"
            if column.required and column.name not in given and not is_counted:
                remedy = (
                    f"name the column that has it under columns, or give one for all under constants ({column.text})"
                )
                self.problems.add(layout.mark("columns"), f"{name}.columns.{column.name}", "is missing", remedy)
        tenure = {"start": 1, "end": 1} if layout.tenure else {}
        places = {"columns": layout.columns, "constants": layout.constants, "lookups": layout.lookups, "tenure": tenure}
        for column_name in given:
            homes = [place for place, there in places.items() if column_name in there]
            if len(homes) > 1:
                mark = layout.mark(homes[1], column_name)
                words = f"is given under {homes[0]} too"
                self.problems.add(mark, f"{name}.{homes[1]}.{column_name}", words, "keep one of them")

    def _columns(self, node: Node, key: str, columns: list[str], table: str) -> dict[str, Node]:
        """The entries of a mapping whose keys are columns of a table, or stages that leads reached."""
        if not isinstance(node.value, dict):
            return self._entries(node, key, columns)
        stages = [str(n) for n in node.value if table == "leads" and str(n).startswith(REACHED) and str(n) != REACHED]
        return self._entries(node, key, (*columns, *stages))

    def _texts(self, node: Node, key: str, columns: list[str], table: str) -> dict[str, str]:
        entries = self._columns(node, key, columns, table)
        return {name: self._text(child, f"{key}.{name}") for name, child in entries.items()}

    def _values(self, node: Node, key: str, table: str) -> dict[str, dict[str, str | None]]:
        texts = {column.name: column.words for column in TABLES[table] if column.kind in ("text", "word")}
        meant: dict[str, dict[str, str | None]] = {}
        for column, child in self._entries(node, key, (*texts, CURRENCY)).items():
            words, where = texts.get(column, ()), f"{key}.{column}"
            meant[column] = {}
            for said, entry in self._entries(child, where, None).items():
                choices = (*words, LEAVE_OUT)
                text = self._choice(entry, where, choices) if words else self._text(entry, where)
                meant[column][said] = None if text == LEAVE_OUT else text
        return meant

    def _sources(self, node: Node, key: str) -> tuple[Source, ...]:
        items = node.value if isinstance(node.value, list) else [node]
        if not items:
            self.problems.add(node.mark, key, "the list is empty", "expected a file, like opportunities.csv")
        return tuple(self._source(item, key) for item in items)

    def _source(self, node: Node, key: str) -> Source:
        if not isinstance(node.value, dict):
            return Source(node.mark, key, file=self._text(node, key))
        return self._place(node, key, self._entries(node, key, SOURCE_KEYS))

    def _place(self, node: Node, key: str, entries: Mapping[str, Node]) -> Source:
        found = {name: self._text(child, f"{key}.{name}") for name, child in entries.items() if name in SOURCE_KEYS}
        remedy = ""
        if ("file" in found) == ("sql" in found):
            remedy = "expected one of file, sql"
        elif "sql" in found and ("query" in found) == ("table" in found):
            remedy = "expected one of query, table beside sql"
        elif "file" in found and ("query" in found or "table" in found):
            remedy = "query and table belong to sql"
        elif "sql" in found and "sheet" in found:
            remedy = "sheet belongs to file"
        if remedy and found.keys() == entries.keys() & set(SOURCE_KEYS):
            self.problems.add(node.mark, key, "this is no source", remedy)
        return Source(node.mark, key, **found)

    def _lookup(self, node: Node, key: str) -> Lookup:
        entries = self._entries(node, key, LOOKUP_KEYS)
        found = {}
        for name in ("by", "key", "value"):
            if name in entries:
                found[name] = self._text(entries[name], f"{key}.{name}")
            elif entries:
                self.problems.add(node.mark, f"{key}.{name}", "is missing", "expected the name of a column")
        source = self._place(node, key, entries) if entries else Source(node.mark, key)
        return Lookup(found.get("by", ""), source, found.get("key", ""), found.get("value", ""))

    def _tenure(self, node: Node, key: str) -> Tenure:
        entries = self._entries(node, key, TENURE_KEYS)
        for name in TENURE_KEYS:
            if name not in entries and entries:
                self.problems.add(node.mark, f"{key}.{name}", "is missing", "expected the name of a column")
        found = {name: self._text(child, f"{key}.{name}") for name, child in entries.items()}
        return Tenure(found.get("months", ""), found.get("left", ""))

    def _truth(self, node: Node, key: str) -> bool:
        if not isinstance(node.value, bool):
            self.problems.add(node.mark, key, f"{shown(node.plain())} is not possible here", "expected true or false")
        return node.value is True

    def _words(self, node: Node, key: str) -> frozenset[str]:
        items = node.value if isinstance(node.value, list) else [node]
        return frozenset(self._text(item, key) for item in items)
