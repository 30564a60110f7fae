"""What a terminal is told, for a page: the same words and tables, with their rows and columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from rich.console import RenderableType
from rich.table import Table as TerminalTable
from rich.text import Text

from simengine.report.apart import apart
from simengine.report.cells import Folded
from simengine.report.page.cells import Cell, Table, table
from simengine.report.tables import capital

_WIDE = 400
"""Columns, so that what chooses by width leaves nothing out."""
_COMMAND = "`(?:--|simengine )[^`]*`"
_PROMPT = re.compile(rf" ?\([^()]*{_COMMAND}[^()]*\)|;[^;.]*{_COMMAND}[^;.]*|(?<!\S)[^.;()]*{_COMMAND}[^.]*\.?")
"""In brackets, behind a semicolon, or a sentence of its own."""


class Words(NamedTuple):
    """A paragraph: a heading, a note that is paler, or plain."""

    text: str
    kind: str = "plain"


def told(shown: RenderableType, caption: str) -> Iterator[Words | Table]:
    """Take apart what a function of this room shows in a terminal.

    Parameters
    ----------
    shown : headings, texts, notes and tables
    caption : of a table before any heading; one below a heading has it as its caption
    """
    heading, is_said = caption, False
    for part in _pieces(shown):
        if isinstance(part, Words):
            if part.kind == "heading":
                heading, is_said = part.text, True
            yield part
        else:
            yield replace(_table(part, heading), titled=is_said)


def _pieces(shown: RenderableType) -> Iterator[Words | TerminalTable]:
    for part in apart(shown, _WIDE):
        if isinstance(part, TerminalTable):
            if part.row_count:
                yield part
        elif text := _unprompted(part.plain):
            yield Words(text, _kind(part))


def _unprompted(text: str) -> str:
    """Words without what they say of commands, in backticks: a reader of a page has none."""
    return _PROMPT.sub("", text).strip()


def _kind(text: Text) -> str:
    style = str(text.style)
    return "heading" if "cyan" in style else "note" if "dim" in style else "plain"


def _table(made: TerminalTable, caption: str) -> Table:
    # A column that is empty in all rows tells nothing.
    shown = [column for column in made.columns if not column.header or any(_cell(one).text for one in column.cells)]
    columns = [capital(_plain(column.header).replace("-\n", "").replace("\n", " ")) for column in shown]
    texts = next((i for i, column in enumerate(shown) if column.justify == "right"), len(columns))
    by_column = [list(column.cells) for column in shown]
    rows = [[_cell(one) for one in row] for row in zip(*by_column, strict=True)]
    notes = [_unprompted(_plain(made.caption))] if made.caption else []
    return table(caption, columns, rows, texts=texts, notes=notes)


def _cell(content: object) -> Cell:
    content = content.text if isinstance(content, Folded) else content
    first, _, second = _plain(content).partition("\n")
    return Cell(first.strip(), " ".join(second.split()), faint=isinstance(content, Text) and _is_dim(content))


def _is_dim(content: Text) -> bool:
    return "dim" in str(content.style) or any(one.start == 0 and "dim" in str(one.style) for one in content.spans)


def _plain(content: object) -> str:
    return content.plain if isinstance(content, Text) else str(content or "")
