"""Strict YAML: text to a tree of nodes, each with its place in the file.

PyYAML's C parser delivers events; what they mean is decided here. YAML 1.1 guesses (`NO` is false, `12:30` is 750,
the last of two equal keys wins); in a plan every guess is a mistake with a remedy. Text that only a field of the plan
can judge, like `22 %` or `250_000 per month`, stays text.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path as FilePath
from typing import Any, NamedTuple, NoReturn

import yaml

from simengine.characters import INVISIBLE
from simengine.errors import PlanError, Problem
from simengine.limits import DEPTH, MISTAKES, NODES, NUMBER, PLAN_BYTES, TEXT, Limit
from simengine.plan.scalars import DIGITS

Key = str | int | float
Path = tuple[Key, ...]
Scalar = str | int | float | bool | None


class Mark(NamedTuple):
    """A place in a file; line and column count from 1, line 0 is the file as a whole."""

    file: str
    line: int = 0
    column: int = 0


@dataclass(slots=True)
class Node:
    """A value of the plan with its own place and, in a mapping, the place of its key."""

    value: Scalar | dict[Key, Node] | list[Node]
    mark: Mark
    key_mark: Mark | None = None

    @property
    def name(self) -> str | None:
        """What `name:` says inside a mapping."""
        if isinstance(self.value, dict) and "name" in self.value and isinstance(self.value["name"].value, str):
            return self.value["name"].value
        return None

    def child(self, step: Key) -> Node | None:
        """The entry of a mapping, or the item of a list by its name or position; None where there is none."""
        if isinstance(self.value, dict):
            # A key may be a number (`6: x1.4`), which a path writes as text.
            return self.value.get(step) or next((n for key, n in self.value.items() if str(key) == str(step)), None)
        if isinstance(self.value, list):
            if isinstance(step, int):
                return self.value[step] if step < len(self.value) else None
            return next((item for item in self.value if item.name == step), None)
        return None

    def names(self) -> list[str]:
        """The keys of a mapping, or the names in a list of named things."""
        if isinstance(self.value, dict):
            return [str(key) for key in self.value]
        items = self.value if isinstance(self.value, list) else ()
        return [item.name for item in items if item.name is not None]

    def plain(self) -> object:
        """The value without its places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def leaves(self, path: Path = ()) -> Iterator[tuple[Path, Node]]:
        """Every scalar below, with the path to it."""
        if isinstance(self.value, dict):
            for key, node in self.value.items():
                yield from node.leaves((*path, key))
        elif isinstance(self.value, list):
            for index, node in enumerate(self.value):
                yield from node.leaves((*path, index))
        else:
            yield path, self


class Problems:
    """The mistakes found so far. Of a place that is settled nothing more is said: what is wrong there has one cause."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self.settled: set[Mark] = set()

    def add(self, mark: Mark, key: str, message: str, expected: str = "") -> None:
        """Note one mistake; raises PlanError with all of them where there are more than anybody reads."""
        if mark not in self.settled:
            if len(self.found) >= MISTAKES.most:
                words = f"more than {MISTAKES.most:,} mistakes, which are told here"
                raise PlanError([*self.found, Problem(mark.file, 0, 0, "", words, "mend these, then look again")])
            self.found.append(Problem(mark.file, mark.line, mark.column, key, message, expected))

    def settle(self, *marks: Mark) -> None:
        """Say no more of these places; without any, of all where a mistake was found so far."""
        self.settled.update(marks or (Mark(p.file, p.line, p.column) for p in self.found if p.line))


def key_of(path: Path, tree: Node | None = None) -> str:
    """A path as messages write it: `team.seats.ae-smb.existing`; things in a list go by name or, from 1, by number."""
    words = []
    node = tree
    for step in path:
        is_list = node is not None and isinstance(node.value, list)
        node = node.child(step) if node is not None else None
        number = str(step + 1) if is_list and isinstance(step, int) else str(step)
        words.append((is_list and node is not None and node.name) or number)
    return ".".join(words)


# --- characters -------------------------------------------------------------------------------------------------------


def content(file: FilePath) -> bytes:
    """The bytes of a file, of one that is too large as many as `decode` needs to say so: a device never ends.

    Raises OSError, or ValueError where the name is impossible.
    """
    with file.open("rb") as opened:
        return opened.read(PLAN_BYTES.most + 1)


def decode(data: bytes, file: str, problems: Problems) -> str | None:
    """The text of a file, which must be UTF-8 (a byte order mark is allowed) and of a sensible size."""
    if len(data) > PLAN_BYTES.most:
        remedy = f"{PLAN_BYTES} are read: move tables to CSV files, or leave out what is not needed"
        problems.add(Mark(file), "", f"the file has more than {PLAN_BYTES.most:,} bytes", remedy)
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
        problems.add(
            Mark(file, line, column), "", f"byte 0x{data[error.start]:02X} is not UTF-8", "save the file as UTF-8 text"
        )
        return None


def check_characters(text: str, file: str, problems: Problems) -> None:
    """Refuse tabs, and characters that a reader cannot see or that turn the order of others round."""
    for number, line in enumerate(text.split("\n"), start=1):
        for match in INVISIBLE.finditer(line):
            mark = Mark(file, number, match.start() + 1)
            if match[0] == "\t":
                problems.add(mark, "", "a tab", "use spaces")
            else:
                problems.add(mark, "", f"character U+{ord(match[0]):04X} is invisible", "remove it")


# --- scalars ----------------------------------------------------------------------------------------------------------

_NUMBER = re.compile(DIGITS, re.ASCII)
_NUMBER_LIKE = re.compile(r"[-+]?[\d_.]*\d[\d_.]*(?:[eE][-+]?\d+)?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_REFUSED = (
    (re.compile(r"[-+]?\.(?:inf|Inf|INF|nan|NaN|NAN)"), "is not a finite number"),
    (re.compile(r"[-+]?0[xXoObB][0-9a-fA-F_]+"), "is not a decimal number"),
    (re.compile(r"[-+]?0[\d_]+"), "has a leading zero, which some programs read as octal"),
    (re.compile(r"[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.\d*)?"), "is a number to the base of 60 in YAML"),
)
_TRUTH = {"yes": "true", "on": "true", "no": "false", "off": "false", "true": "true", "false": "false"}
_WORDS: dict[str, Scalar] = {"": None, "null": None, "~": None, "true": True, "false": False}


class ScalarError(ValueError):
    """A plain scalar that YAML would guess at: what it is, and what to write instead."""

    def __init__(self, message: str, expected: str) -> None:
        self.message, self.expected = message, expected
        super().__init__(message)


def resolve(text: str) -> Scalar:
    """Return the value of an unquoted scalar; raise ScalarError where YAML 1.1 would guess.

    >>> resolve("1e6"), resolve("1_000"), resolve("22 %"), resolve("true"), resolve("2027-01")
    (1000000.0, 1000, '22 %', True, '2027-01')
    """
    if text in _WORDS:
        return _WORDS[text]
    truth = _TRUTH.get(text.lower())
    if truth and text in (text.lower(), text.upper(), text.capitalize()):
        raise ScalarError(f"{text} is read as {truth} by some programs", f"write {truth}, or {_quoted(text)}")
    if not (text[0].isdigit() or text[0] in "+-."):
        return text
    for pattern, reason in _REFUSED:
        if pattern.fullmatch(text):
            raise ScalarError(f"{_short(text)} {reason}", f"write a decimal number, or {_quoted(text)}")
    if _DAY.fullmatch(text):
        _check_day(text)
    return _number(text) if _NUMBER_LIKE.fullmatch(text) else text


def _quoted(text: str) -> str:
    return f'put it in quotes: "{_short(text)}"'


def _short(text: str) -> str:
    return text if len(text) <= NUMBER.most else text[: NUMBER.most] + "…"


def _check_day(text: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ScalarError(f"{text} is not a day of the calendar", "write year-month-day, like 2026-12-31") from None


def _number(text: str) -> int | float:
    if len(text) > NUMBER.most:
        raise ScalarError(f"a number of {len(text)} characters", f"{NUMBER} are read: write it like 1.5e6")
    if not _NUMBER.fullmatch(text):
        raise ScalarError(f"{text} is not a number", f"write it like 1_000_000 or 1.5e6, or {_quoted(text)}")
    digits = text.replace("_", "")
    if digits.lstrip("+-").isdigit():
        return int(digits)
    value = float(digits)
    if not math.isfinite(value):
        raise ScalarError(f"{text} is too large", "write a number below 1e300")
    return value


# --- structure --------------------------------------------------------------------------------------------------------

_SYNTAX = {
    "mapping values are not allowed": (
        "a second colon on this line, or a wrong indentation",
        "put text that holds ': ' in quotes",
    ),
    "did not find expected key": (
        "the indentation does not fit the lines above, or a bracket or quote is missing",
        "align it",
    ),
    "did not find expected '-' indicator": ("the indentation does not fit the list above", "align the dashes"),
    "did not find expected ',' or": ("a comma or a closing bracket is missing", "check the brackets of this entry"),
    "could not find expected ':'": ("a key without a colon", "write key: value"),
    "found unexpected end of stream": ("the file ends inside quotes or brackets", "close them"),
    "found character that cannot start any token": ("a value cannot start with this character", "put it in quotes"),
    "did not find expected <document start>": ("text after the end of the document", "keep one document in a file"),
    "found unknown escape character": ("unknown escape after \\ in double quotes", "use single quotes"),
    "did not find expected node content": (
        "a value is missing between brackets or commas",
        "write it, or remove the comma",
    ),
}


class _TooMuchError(Exception):
    """The file goes beyond a limit, which is noted: nothing more of it is read."""


class _Builder:
    """Builds the tree from the parser's events, noting every mistake and going on."""

    def __init__(self, text: str, file: str, problems: Problems) -> None:
        self.file, self.problems = file, problems
        self.parser = yaml.CSafeLoader(text)
        self.nodes = 0

    def _next(self) -> Any:
        """The parser's next event (which events have which attributes, PyYAML's types do not say)."""
        return self.parser.get_event()

    def document(self) -> Node | None:
        """The one document of the file."""
        self._next()
        event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            self.problems.add(Mark(self.file), "", "the file is empty", "expected a plan")
            return None
        root = self._node(self._next(), (), 0)
        self._next()
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            self._add(event, (), "a second document begins here", "keep one document in a file")
        return root

    def _mark(self, event: Any) -> Mark:
        return Mark(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _add(self, event: Any, path: Path, message: str, expected: str) -> None:
        self.problems.add(self._mark(event), key_of(path), message, expected)

    def _stop(self, event: Any, path: Path, limit: Limit, expected: str) -> NoReturn:
        """Read no further: the parser itself takes time that grows with the square of the depth."""
        self._add(event, path, f"more than {limit.most:,} {limit.unit}", expected)
        raise _TooMuchError

    def _node(self, event: Any, path: Path, depth: int) -> Node:
        mark = self._mark(event)
        self.nodes += 1
        if self.nodes > NODES.most:
            self._stop(event, path[:3], NODES, "move tables to CSV files")
        if isinstance(event, yaml.AliasEvent):
            self._add(
                event,
                path,
                f"*{event.anchor} refers to another value",
                "write the value out, or make it an assumption and name it",
            )
            return Node(None, mark)
        if event.anchor is not None:
            self._add(event, path, f"&{event.anchor} is an anchor", "write the value out where it is needed")
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._add(event, path, f"{tag} is a tag", "remove it")
        if isinstance(event, yaml.ScalarEvent):
            return Node(self._scalar(event, path), mark)
        if depth >= DEPTH.most:
            self._stop(event, path[:3], DEPTH, "a plan needs fewer than ten")
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(self._list(path, depth), mark)
        return Node(self._mapping(path, depth), mark)

    def _skip(self, path: Path) -> None:
        level = 1
        while level:
            event = self._next()
            if level > DEPTH.most:
                self._stop(event, path[:3], DEPTH, "a plan needs fewer than ten")
            level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)

    def _scalar(self, event: Any, path: Path) -> Scalar:
        if len(event.value) > TEXT.most:
            self._add(event, path, f"a text of {len(event.value):,} characters", f"{TEXT} are read: check the quotes")
            return None
        text = unicodedata.normalize("NFC", event.value)
        if event.style:
            if INVISIBLE.search(text.replace("\t", " ")):
                self._add(event, path, "an escape makes an invisible character", "remove it")
            return text
        try:
            return resolve(text)
        except ScalarError as bad:
            self._add(event, path, bad.message, bad.expected)
            return None

    def _list(self, path: Path, depth: int) -> list[Node]:
        items: list[Node] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items) + 1), depth + 1))
        return items

    def _mapping(self, path: Path, depth: int) -> dict[Key, Node]:
        entries: dict[Key, Node] = {}
        folded: dict[str, Key] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, path)
            node = self._node(self._next(), path if key is None else (*path, key), depth + 1)
            node.key_mark = self._mark(event)
            if key is None:
                continue
            twin = folded.setdefault(str(key).casefold(), key)
            if key not in entries and twin == key:
                entries[key] = node
                self._check_colon(event, node, (*path, key))
                continue
            first = entries[twin].key_mark
            assert first is not None
            place = f"line {first.line}, column {first.column}"
            if twin == key:
                self._add(event, (*path, key), f"is given twice, first at {place}", "keep one of them")
            else:
                self._add(
                    event, (*path, key), f"differs only in capitals from {twin} at {place}", "choose another name"
                )
        return entries

    def _key(self, event: Any, path: Path) -> Key | None:
        if not isinstance(event, yaml.ScalarEvent):
            self._add(
                event, path, "a list or mapping stands where a key is expected", "put text with brackets in quotes"
            )
            if isinstance(event, yaml.CollectionStartEvent):
                self._skip(path)
            return None
        if not event.style and event.value == "<<":
            self._add(event, path, "<< merges another mapping", "write the values out, or use extends: with a file")
            return None
        node = self._node(event, path, 0)
        if isinstance(node.value, bool) or (node.value is None and event.value in _WORDS):
            self._add(event, path, f"{event.value or 'nothing'} cannot be a key", f'put it in quotes: "{event.value}"')
        if isinstance(node.value, bool) or node.value is None:
            return None
        assert not isinstance(node.value, dict | list)
        return node.value

    def _check_colon(self, event: Any, node: Node, path: Path) -> None:
        """`{geo:NA}` is a key `geo:NA` without a value."""
        if not event.style and node.value is None and re.fullmatch(r"[^\s:]+:[^\s:]+", event.value):
            before, _, after = event.value.partition(":")
            self._add(event, path, "no blank after the colon", f"write {before}: {after}")
            node.value = after


def parse(text: str, file: str, problems: Problems) -> Node | None:
    """Build the tree of `text`; every mistake goes to `problems`. None where there is no tree at all.

    `file` is the name by which messages call it.
    """
    before = len(problems.found)
    check_characters(text, file, problems)
    is_clean = len(problems.found) == before
    if not is_clean:
        text = INVISIBLE.sub(lambda match: " " if match[0] == "\t" else "", text)
    try:
        return _Builder(text, file, problems).document()
    except _TooMuchError:
        return None
    except yaml.YAMLError as error:
        if is_clean:
            _add_syntax_error(error, file, problems)
        return None


def _add_syntax_error(error: yaml.YAMLError, file: str, problems: Problems) -> None:
    message, expected = str(error).splitlines()[0], "check the quotes, brackets and blanks around this place"
    mark = Mark(file)
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = Mark(file, error.problem_mark.line + 1, error.problem_mark.column + 1)
        message = error.problem or message
    for start, (plain, remedy) in _SYNTAX.items():
        if message.startswith(start):
            message, expected = plain, remedy
    problems.add(mark, "", message, expected)
