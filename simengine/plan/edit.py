"""Edits of a plan's text by splicing: what is not edited keeps its words, its order, its blank lines and its comments.

Values are written as plans are: `22 %`, `1_000_000`, `2027-04`; in one line where they fit. Every edit is read back and
compared with what was asked for, so a text that cannot be edited is refused, never damaged.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from simengine.errors import PlanError, SimengineError
from simengine.plan.source import Key, Node, Path, Problems, key_of, parse

WIDTH = 130
"""Characters that a line which is written here may have before it becomes a block."""
WIDEST = 200
"""The same where brackets stood before."""
_STEP = 2


class _Remove:
    def __repr__(self) -> str:
        return "REMOVE"


REMOVE = _Remove()
"""In the place of a value: the key, or the item of a list, goes."""


def edited(text: str, file: str, changes: Mapping[Path, object]) -> str:
    r"""Return `text` with `changes` made and nothing else.

    Parameters
    ----------
    text : a YAML text that `plan.source` reads without a mistake
    file : its name in messages
    changes : path -> new value (text, numbers, lists, mappings), or REMOVE. A path leads through keys, and in lists
        through names or positions (from 0) of the text as it is. A key that is not there is added at the end of its
        mapping, a section at the end of the text; a list grows at the position after its last.

    Raises
    ------
    PlanError, SimengineError
        where the text cannot be read, or stands in a form in which an edit would lose something

    Notes
    -----
    Comments inside a value that is replaced or removed move to lines of their own above it.

    >>> print(edited("a: 5 %   # why\nb: {c: 1}\n", "plan.yaml", {("a",): "12 %", ("b", "d"): 20_000}), end="")
    a: 12 %  # why
    b: {c: 1, d: 20_000}
    """
    before = _read(text, file)
    wanted = before.plain()
    for path, value in _in_order(changes, before):
        wanted = _with(wanted, path, value)
    now = _spliced(text, _in_order(changes, before), file, before)
    lost = Counter(_comments(text)) - Counter(_comments(now))
    if _read(now, file).plain() != wanted or lost:
        raise SimengineError(_refusal(file, [*changes], before))
    return now


def _refusal(file: str, paths: list[Path], tree: Node) -> str:
    keys = ", ".join(key_of(path, tree) for path in paths[:3]) + (", …" if len(paths) > 3 else "")
    return f"{file}: {keys} cannot be edited in the form in which it stands; write each entry as `key: value`"


def _read(text: str, file: str) -> Node:
    problems = Problems()
    tree = parse(text, file, problems)
    if tree is None or problems.found:
        raise PlanError(problems.found)
    return tree


def _in_order(changes: Mapping[Path, object], tree: Node) -> list[tuple[Path, object]]:
    """Removals come last, and of a list its last item first, so that every position is the one of the old text."""
    kept = [(path, value) for path, value in changes.items() if value is not REMOVE]
    gone = [(path, value) for path, value in changes.items() if value is REMOVE]
    return [*kept, *sorted(gone, key=lambda change: _position(change[0], tree), reverse=True)]


def _position(path: Path, tree: Node) -> tuple[int, ...]:
    found = []
    node: Node | None = tree
    for step in path:
        if node is None:
            break
        index = _index(node, step)
        found.append(-1 if index is None else index)
        node = node.child(step)
    return tuple(found)


def _index(node: Node, step: Key) -> int | None:
    if isinstance(node.value, dict):
        return next((i for i, key in enumerate(node.value) if str(key) == str(step)), None)
    if isinstance(node.value, list):
        if isinstance(step, int):
            return step if 0 <= step < len(node.value) else None
        return next((i for i, item in enumerate(node.value) if item.name == step), None)
    return None


def _with(tree: Any, path: Path, value: object) -> Any:
    """The plain tree with one change."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(tree, list):
        items = list(tree)
        names = [item.get("name") if isinstance(item, dict) else None for item in items]
        index = step if isinstance(step, int) else names.index(step) if step in names else len(items)
        if value is REMOVE and not rest:
            del items[index]
        elif index == len(items):
            items.append(_with({}, rest, value))
        else:
            items[index] = _with(items[index], rest, value)
        return items
    entries = dict(tree) if isinstance(tree, dict) else {}
    key = next((known for known in entries if str(known) == str(step)), step)
    if value is REMOVE and not rest:
        entries.pop(key, None)
    else:
        entries[key] = _with(entries.get(key, {}), rest, value)
    return entries


# --- where things stand -----------------------------------------------------------------------------------------------


@dataclass
class _Piece:
    """A value of the text: from where to where, in brackets or not, and what it holds."""

    start: int
    end: int
    text: str = ""
    flow: bool = False
    is_map: bool = False
    is_list: bool = False
    keys: list[_Piece] = field(default_factory=list)
    items: list[_Piece] = field(default_factory=list)

    def index(self, step: Key) -> int | None:
        """The position of an entry, or of an item by its name or position."""
        if self.is_map:
            return next((i for i, key in enumerate(self.keys) if _same(key.text, step)), None)
        if self.is_list and isinstance(step, int):
            return step if 0 <= step < len(self.items) else None
        return next((i for i, item in enumerate(self.items) if item.name == step), None) if self.is_list else None

    @property
    def name(self) -> str | None:
        """What `name:` says in a mapping."""
        index = self.index("name") if self.is_map else None
        return None if index is None else self.items[index].text


def _same(text: str, step: Key) -> bool:
    if text == str(step):
        return True
    if isinstance(step, str):
        return False
    try:
        return float(text.replace("_", "")) == step
    except ValueError:
        return False


class _Layout:
    """The pieces of a text, and its comments (from, to)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.parser = yaml.CSafeLoader(text)
        self.scalars: list[tuple[int, int]] = []
        for _ in range(2):
            self._next()
        self.root = self._piece(self._next())
        self.comments = list(self._found())

    def _next(self) -> Any:
        return self.parser.get_event()

    def _piece(self, event: Any) -> _Piece:
        start = event.start_mark.index
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        is_map = isinstance(event, yaml.MappingStartEvent)
        piece = _Piece(start, start, flow=event.flow_style, is_map=is_map, is_list=not is_map)
        while not isinstance(event := self._next(), yaml.CollectionEndEvent):
            if is_map:
                piece.keys.append(self._piece(event))
                event = self._next()
            piece.items.append(self._piece(event))
        # A block ends, for the parser, where the next token begins.
        last = piece.items[-1].end if piece.items else start
        closing: Any = event.end_mark
        piece.end = closing.index if piece.flow else max(last, piece.keys[-1].end if piece.keys else last)
        return piece

    def _scalar(self, event: Any) -> _Piece:
        start: int = event.start_mark.index
        end: int = event.end_mark.index
        if event.style in ("|", ">"):
            header = self.text.find("\n", start)
            header = end if header < 0 else header
            if "+" not in self.text[start:header].split("#")[0]:
                end = max(header, start + len(self.text[start:end].rstrip()))
            elif self.text[end - 1 : end] == "\n":
                end -= 1
            self.scalars.append((header, end))
        else:
            self.scalars.append((start, end))
        return _Piece(start, end, text=unicodedata.normalize("NFC", event.value))

    def _found(self) -> Iterator[tuple[int, int]]:
        """Every comment: a # at the start of a line or after a blank, outside scalars."""
        spans = iter(sorted(self.scalars))
        span = next(spans, None)
        at = self.text.find("#")
        while at >= 0:
            while span is not None and span[1] <= at:
                span = next(spans, None)
            if span is not None and span[0] <= at:
                at = self.text.find("#", span[1])
            elif at == 0 or self.text[at - 1] in " \n":
                end = self.line_end(at)
                yield at, end
                at = self.text.find("#", end)
            else:
                at = self.text.find("#", at + 1)

    def line_start(self, at: int) -> int:
        return self.text.rfind("\n", 0, at) + 1

    def line_end(self, at: int) -> int:
        end = self.text.find("\n", at)
        return len(self.text) if end < 0 else end

    def column(self, at: int) -> int:
        return at - self.line_start(at)

    def comments_in(self, start: int, end: int) -> list[str]:
        return [self.text[a:b].rstrip() for a, b in self.comments if start <= a < end]


def _comments(text: str) -> list[str]:
    layout = _Layout(text)
    return layout.comments_in(0, len(text))


# --- splices ----------------------------------------------------------------------------------------------------------


class _Splice(NamedTuple):
    start: int
    end: int
    text: str


def _spliced(text: str, changes: list[tuple[Path, object]], file: str, tree: Node) -> str:
    """Make all changes; those that touch lines of one before wait until that one is made."""
    layout, pending, lines = _Layout(text), list[_Splice](), list[tuple[int, int]]()
    for path, value in changes:
        splices = _change(layout, path, value)
        if splices is None:
            raise SimengineError(_refusal(file, [path], tree))
        touched = [(layout.line_start(s.start), layout.line_end(s.end) + 1) for s in splices]
        if any(a < d and c < b for a, b in touched for c, d in lines):
            layout, pending, lines = _Layout(_applied(layout.text, pending)), [], []
            splices = _change(layout, path, value) or []
            touched = [(layout.line_start(s.start), layout.line_end(s.end) + 1) for s in splices]
        pending += splices
        lines += touched
    return _applied(layout.text, pending)


def _applied(text: str, splices: list[_Splice]) -> str:
    for start, end, new in sorted(splices, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _change(layout: _Layout, path: Path, value: object) -> list[_Splice] | None:
    """The splices of one change; None where there is no way to its place."""
    chain = [layout.root]
    indices: list[int] = []
    for step in path:
        index = chain[-1].index(step)
        if index is None:
            break
        indices.append(index)
        chain.append(chain[-1].items[index])
    if len(indices) == len(path):
        if value is not REMOVE:
            return _replace(layout, chain[-2], indices[-1], value)
        return _removed(layout, chain, indices)
    if value is REMOVE:
        return []
    rest = path[len(indices) + 1 :]
    for step in reversed(rest):
        value = {step: value}
    holder, step = chain[-1], path[len(indices)]
    if not (holder.is_map or holder.is_list):
        return _replace(layout, chain[-2], indices[-1], {step: value}) if len(chain) > 1 else None
    if holder.is_list and step != len(holder.items):
        return None
    return _add(layout, holder, step, value, is_root=len(chain) == 1)


def _replace(layout: _Layout, parent: _Piece, index: int, value: object) -> list[_Splice]:
    text, old = layout.text, parent.items[index]
    key = parent.keys[index] if parent.is_map else None
    is_block = not parent.flow and (old.is_map or old.is_list) and not old.flow
    anchor = old if key is None else key
    after = old.start if key is None else text.index(":", key.end) + 1
    start = after if key is not None and (is_block or old.start == old.end) else old.start
    line = layout.line_end(after)
    inside = [c for a, b in layout.comments if start <= a < old.end and a >= line for c in [text[a:b].rstrip()]]
    beside = layout.comments_in(start, min(old.end, line)) if start < line else []
    end = layout.line_end(old.end)
    if beside and text[old.end : end].strip():
        # Two comments would be one, or a comment would swallow what follows.
        inside, beside = [*beside, *inside], []
    above = _own_lines(layout, anchor, inside)
    flow = inline(value)
    fits = "\n" not in text[start : old.end] and not is_block
    is_open = isinstance(value, dict | list) and len(value) > 0
    is_small = isinstance(value, dict) and len(value) == 1
    is_short = layout.column(start) + len(flow) < (WIDEST if old.flow else WIDTH) and (not is_block or is_small)
    if parent.flow or not is_open or is_short:
        if start == after and key is not None:
            flow = f" {flow}"
        flow += "".join(f"  {comment}" for comment in beside)
        if is_block and text[old.end : end].lstrip().startswith("#"):
            return [*above, _Splice(start, text.index("#", old.end), f"{flow}  ")]
        return [*above, *_aligned(layout, _Splice(start, old.end, flow), fits)]
    if key is None:
        lines = _block(value, layout.column(old.start))
        return [*above, _Splice(start, old.end, "\n".join(lines).lstrip())]
    trailing = [*beside, *layout.comments_in(old.end, end)]
    lines = _block(value, layout.column(key.start) + _STEP)
    head = "".join(f"  {comment}" for comment in trailing)
    return [*above, _Splice(after, end, "\n".join([head, *lines]))]


def _own_lines(layout: _Layout, anchor: _Piece, comments: list[str]) -> list[_Splice]:
    """Comments as lines above the one in which `anchor` begins."""
    at = layout.line_start(anchor.start)
    blanks = " " * (len(layout.text[at:]) - len(layout.text[at:].lstrip(" ")))
    return [_Splice(at, at, "".join(f"{blanks}{comment}\n" for comment in comments))] if comments else []


def _aligned(layout: _Layout, splice: _Splice, fits: bool) -> list[_Splice]:
    """The splice, and the comment behind it in the column in which it stood, where there is room."""
    end = layout.line_end(splice.end)
    behind = [a for a, _ in layout.comments if splice.end <= a < end]
    if not fits or not behind or "\n" in splice.text:
        return [splice]
    gap = behind[0] - len(layout.text[splice.end : behind[0]].rstrip(" ")) - splice.end
    grown = len(splice.text) - (splice.end - splice.start)
    room = max(gap - grown, min(gap, _STEP))
    at = behind[0] - gap
    if at == splice.end:
        return [_Splice(splice.start, behind[0], splice.text + " " * room)]
    return [splice, _Splice(at, behind[0], " " * room)]


def _add(layout: _Layout, holder: _Piece, step: Key, value: object, is_root: bool) -> list[_Splice]:
    entry = f"{inline(step)}: {inline(value)}" if holder.is_map else inline(value)
    if holder.flow:
        if not holder.items:
            return _aligned(layout, _Splice(holder.start + 1, holder.start + 1, entry), True)
        at = max(holder.items[-1].end, holder.keys[-1].end if holder.keys else 0)
        return _aligned(layout, _Splice(at, at, f", {entry}"), True)
    if is_root:
        at = len(layout.text.rstrip())
        return [_Splice(at, at, "\n\n" + "\n".join(_block({step: value}, 0, open_first=True)))]
    at = layout.line_end(holder.end)
    first = (holder.keys or holder.items)[0].start
    indent = layout.column(first if holder.is_map else layout.text.rindex("-", 0, first))
    lines = _block({step: value} if holder.is_map else [value], indent)
    return [_Splice(at, at, "\n" + "\n".join(lines))]


def _removed(layout: _Layout, chain: list[_Piece], indices: list[int]) -> list[_Splice] | None:
    parent, index, text = chain[-2], indices[-1], layout.text
    count = len(parent.items)
    if count == 1 and not parent.flow:
        empty: object = {} if parent.is_map else []
        return _replace(layout, chain[-3], indices[-2], empty) if len(chain) > 2 else None
    heads = parent.keys if parent.is_map else parent.items
    head, old = heads[index], parent.items[index]
    ends = [max(item.end, key.end) for item, key in zip(parent.items, heads, strict=True)]
    if parent.flow:
        start = head.start if index == 0 else ends[index - 1]
        end = heads[1].start if index == 0 and count > 1 else ends[index]
        above = _own_lines(layout, head, layout.comments_in(start, end))
        return [*above, *_aligned(layout, _Splice(start, end, ""), "\n" not in text[start:end])]
    first = head.start if parent.is_map else text.rindex("-", 0, head.start)
    start, end = layout.line_start(first), layout.line_end(max(old.end, head.end))
    if text[start:first].strip():
        # The first key of an item stands behind its dash.
        start, end = head.start, heads[index + 1].start
        return [*_own_lines(layout, head, layout.comments_in(start, end)), _Splice(start, end, "")]
    blanks = text[start:first]
    kept = "".join(f"{blanks}{comment}\n" for comment in layout.comments_in(start, end))
    return [_Splice(start, min(end + 1, len(text)), kept)]


# --- values in writing ------------------------------------------------------------------------------------------------


def inline(value: object) -> str:
    """A value in one line, as plans are written.

    >>> inline({"beta": {"mean": "22 %", "n": 1800}}), inline(["2027-04", "a: b", 0.5, 250_000.0])
    ('{beta: {mean: 22 %, n: 1_800}}', '[2027-04, "a: b", 0.5, 250_000]')
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{inline(key)}: {inline(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(inline, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return _number(value)
    text = str(value)
    return text if _is_plain(text) else json.dumps(text, ensure_ascii=False)


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):_}"
    text = repr(float(value))
    whole, point, rest = text.partition(".")
    return text if "e" in text or abs(value) < 1000 else f"{int(whole):_}{point}{rest}"


def _is_plain(text: str) -> bool:
    """Whether a text that stands without quotes, also between brackets, is read as itself."""
    if not text or "\n" in text or text != text.strip():
        return False
    problems = Problems()
    tree = parse(f"[{text}, {{{text}: {text}}}]", "", problems)
    return tree is not None and not problems.found and tree.plain() == [text, {text: text}]


def _block(value: Any, indent: int, *, open_first: bool = False) -> list[str]:
    """A mapping or list as lines, entries in one line where they fit; `open_first` opens the first level below too."""
    blanks, lines = " " * indent, list[str]()
    if isinstance(value, Mapping):
        for key, each in value.items():
            flow = inline(each)
            is_open = isinstance(each, Mapping | list | tuple) and bool(each)
            if is_open and (open_first or indent + len(inline(key)) + 2 + len(flow) > WIDTH):
                lines += [f"{blanks}{inline(key)}:", *_block(each, indent + _STEP)]
            else:
                lines.append(f"{blanks}{inline(key)}: {flow}")
        return lines
    for each in value:
        flow = inline(each)
        if isinstance(each, Mapping) and each and indent + 2 + len(flow) > WIDTH:
            first, *rest = _block(each, indent + _STEP)
            lines += [f"{blanks}- {first.strip()}", *rest]
        else:
            lines.append(f"{blanks}- {flow}")
    return lines


def written(value: Mapping[str, Any]) -> str:
    """A mapping as the text of a plan, its sections opened.

    >>> print(written({"plan": {"months": 12}}))
    plan:
      months: 12
    """
    return "\n".join(_block(value, 0, open_first=True))
