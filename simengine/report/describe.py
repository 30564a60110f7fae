"""A plan read back, as text for a terminal or as markdown. No line of text is longer than 120 characters."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from simengine.reading.parts import Cell, Figure, Phrase, Section, Table
from simengine.report.words import money, number, percent
from simengine.units import month_label

WIDTH = 120
_GAP = "  "
_FORMS = {
    "whole": "{:,.0f}",
    "factor": "x{:.2f}",
    "rate": "{:.3g}",
    "number": "{:.3g}",
    "precise": "{:.5g}",
}
_SMALL = 9.95
"""Amounts per period below this have two digits behind the point."""
_NOTHING = 1e-6
"""A rounding error of the baseline is no person and no deal."""
_BLOCKS = (12, 8, 6, 4, 3, 2, 1)
"""How many periods stand side by side where not all fit: whole years and halves of them first."""


def text(sections: Sequence[Section], currency: str, width: int = WIDTH) -> str:
    """Sections as aligned text.

    Parameters
    ----------
    sections : from `reading.overview.describe`
    currency : of the plan's money
    width : of the longest line, in characters
    """
    blocks = []
    for section in sections:
        title = textwrap.wrap(section.title, width)
        blocks.append("\n".join([*title, "=" * max(map(len, title))]))
        for part in section.content:
            if isinstance(part, Phrase):
                blocks.append(textwrap.fill(cell(part, currency), width))
            else:
                blocks += [f"{part.caption}\n\n{block}" for block in _tables(part, currency, width)]
    return "\n\n".join(blocks) + "\n"


def markdown(sections: Sequence[Section], currency: str) -> str:
    """Sections as markdown, with one table for each table."""
    blocks = []
    for level, section in zip(["#", *["##"] * len(sections)], sections, strict=False):
        blocks.append(f"{level} {section.title}")
        for part in section.content:
            blocks.append(cell(part, currency) if isinstance(part, Phrase) else _marked(part, currency))
    return "\n\n".join(blocks) + "\n"


def document(sections: Sequence[Section], currency: str) -> list[dict[str, Any]]:
    """Sections as plain data: figures are `{"value", "unit"}`, with `later` where the number changes."""
    return [
        {
            "title": section.title,
            "notes": [cell(part, currency) for part in section.content if isinstance(part, Phrase)],
            "tables": [_data(part, currency) for part in section.content if isinstance(part, Table)],
        }
        for section in sections
    ]


def cell(content: Cell, currency: str) -> str:
    """What a figure, a phrase or a name looks like.

    >>> cell(Phrase("{} of quota, {}", (Figure(0.8, "fraction"), Figure(2.5e5, "currency per year"))), "USD")
    '80.0% of quota, $250k'
    >>> (
    ...     cell(Figure(0.25, "fraction", 0.28), "USD"),
    ...     cell(Figure(24324, "month"), "USD"),
    ...     cell(Figure(12, "whole"), "USD"),
    ... )
    ('25.0% → 28.0%', '2027-01', '12')
    """
    if isinstance(content, str):
        return content
    if isinstance(content, Phrase):
        return content.template.format(*(cell(part, currency) for part in content.parts))
    shown = _figure(content.value, content.unit, currency)
    later = shown if content.later is None else _figure(content.later, content.unit, currency)
    return shown if later == shown else f"{shown} → {later}"


def _figure(value: float, unit: str, currency: str) -> str:
    """A number in one of the units of `reading.parts.Figure`, with a true minus sign."""
    if unit == "month" and math.isfinite(value):
        return month_label(int(value))
    return _digits(value, unit, currency).replace("-", "−")


def _digits(value: float, unit: str, currency: str) -> str:
    if not math.isfinite(value):
        return "–" if math.isnan(value) else "infinite" if unit == "fraction" else "no limit"
    kind, _, period = unit.partition(" per ")
    if kind == "whole months":
        return f"{value:,.0f} month{'' if value == 1 else 's'}"
    if kind in _FORMS:
        return _FORMS[kind].format(value)
    if kind in ("currency", "fraction"):
        return money(value, currency) if kind == "currency" else percent(value)
    if kind == "count":
        # The same digits in every row, so that the points of a column stand below each other.
        return f"{0.0 if abs(value) < _NOTHING else value:,.{2 if period and abs(value) < _SMALL else 1}f}"
    return number(value, kind)


class _Column(NamedTuple):
    """How wide a column of text is, and whether it holds words, which stand at the left and may be wrapped."""

    width: int
    words: bool

    def lines(self, content: str) -> list[str]:
        """The lines of one cell."""
        if not self.words:
            return [content]
        return textwrap.wrap(content, self.width, break_on_hyphens=False) or [""]

    def aligned(self, line: str) -> str:
        """One line in its place."""
        return line.ljust(self.width) if self.words else line.rjust(self.width)


def _tables(table: Table, currency: str, room: int) -> Iterator[str]:
    """A table as text; one that is too wide as several, with the same words at the left."""
    heads = [column.split("\n") for column in table.columns]
    rows = [[cell(content, currency) for content in row] for row in table.rows]
    total = [cell(content, currency) for content in table.total]
    everything = [*rows, *([total] if total else ())]
    widths = [max(1, *map(len, (*head, *(row[i] for row in everything)))) for i, head in enumerate(heads)]
    words = [
        max(map(len, (*heads[i], *(word for row in everything for word in row[i].split())))) for i in range(table.texts)
    ]
    for block in _blocks(widths, words, room):
        chosen = [*range(table.texts), *block]
        narrowed = _narrowed([widths[index] for index in chosen], words, room)
        columns = [_Column(width, place < table.texts) for place, width in enumerate(narrowed)]
        rule = _GAP.join("-" * column.width for column in columns)
        lines = [*_head([heads[index] for index in chosen], columns), rule]
        for row in rows:
            lines += _row([row[index] for index in chosen], columns)
        if total:
            lines += [rule, *_row([total[index] for index in chosen], columns)]
        yield "\n".join(line.rstrip() for line in lines)


def _blocks(widths: list[int], words: list[int], width: int) -> list[range]:
    """Which columns of numbers stand side by side, beside columns of words that are wrapped but not cut."""
    texts = len(words)
    room = width - sum(words) - len(_GAP) * (texts - 1)
    numbers = [width + len(_GAP) for width in widths[texts:]]
    if not numbers or sum(numbers) <= room:
        return [range(texts, len(widths))]
    size = next((size for size in _BLOCKS if size * max(numbers) <= room), 1)
    return [range(first, min(first + size, len(widths))) for first in range(texts, len(widths), size)]


def _narrowed(widths: list[int], words: list[int], width: int) -> list[int]:
    """Widths that fit: the widest column of words gives way, if it can without cutting a word."""
    narrowed = list(widths)
    for least in (words, [1] * len(words)):
        while sum(narrowed) + len(_GAP) * (len(narrowed) - 1) > width:
            able = [index for index, word in enumerate(least) if narrowed[index] > word]
            if not able:
                break
            narrowed[max(able, key=lambda index: narrowed[index])] -= 1
    return narrowed


def _head(heads: list[list[str]], columns: list[_Column]) -> Iterator[str]:
    """Headings, standing on the rule."""
    folded = [[line for words in head for line in one.lines(words)] for head, one in zip(heads, columns, strict=True)]
    height = max(map(len, folded))
    padded = [[""] * (height - len(head)) + head for head in folded]
    for line in zip(*padded, strict=True):
        yield _GAP.join(column.aligned(words) for column, words in zip(columns, line, strict=True))


def _row(contents: list[str], columns: list[_Column]) -> Iterator[str]:
    cells = [column.lines(content) for column, content in zip(columns, contents, strict=True)]
    for line in zip_longest(*cells, fillvalue=""):
        yield _GAP.join(column.aligned(words) for column, words in zip(columns, line, strict=True))


def _marked(table: Table, currency: str) -> str:
    """A table as markdown."""
    rows = [[cell(content, currency) for content in row] for row in table.rows]
    total = [f"**{shown}**" if shown else "" for shown in (cell(content, currency) for content in table.total)]
    ruled = ["---" if index < table.texts else "---:" for index in range(len(table.columns))]
    heads = [" ".join(column.split("\n")).replace("- ", "") for column in table.columns]
    lines = [heads, ruled, *rows, *([total] if total else [])]
    return "\n".join([f"**{table.caption}**", "", *(f"| {' | '.join(map(_escaped, line))} |" for line in lines)])


def _escaped(words: str) -> str:
    return words.replace("|", "\\|")


def _data(table: Table, currency: str) -> dict[str, Any]:
    def plain(content: Cell) -> Any:
        if not isinstance(content, Figure):
            return cell(content, currency)
        if content.unit == "month":
            return month_label(int(content.value))
        unit = content.unit.replace("currency", currency).removeprefix("whole ")
        later = {} if content.later is None else {"later": content.later}
        return {"value": content.value, "unit": "count" if unit in ("whole", "rate", "number") else unit, **later}

    return {
        "caption": table.caption,
        "columns": [" ".join(column.split("\n")).replace("- ", "") for column in table.columns],
        "rows": [[plain(content) for content in row] for row in table.rows],
        "total": [plain(content) for content in table.total],
    }
