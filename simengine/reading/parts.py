"""What a reading is made of: numbers with their units, phrases, tables, sections. How they look is the report's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Figure(NamedTuple):
    """A number and its unit; `later` where it is another one at the end of the plan.

    A unit of the plan (`fraction per year`), or `whole` for a count that has no part, or `month` since year 0. Money
    is in the plan's currency.
    """

    value: float
    unit: str
    later: float | None = None


class Phrase(NamedTuple):
    """Words with figures and names in the places of `{}`."""

    template: str
    parts: tuple[Figure | str, ...] = ()


Cell = Figure | Phrase | str


class Table(NamedTuple):
    """Rows of cells; the first `texts` columns are words, the others numbers. `total` stands below a line."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    texts: int = 1
    total: tuple[Cell, ...] = ()


class Section(NamedTuple):
    """A heading with phrases and tables below it, in order."""

    title: str
    content: tuple[Phrase | Table, ...]


def say(template: str, *parts: Figure | str) -> Phrase:
    """A phrase with its parts.

    >>> say("{} of quota", Figure(0.8, "fraction")).parts[0].value
    0.8
    """
    return Phrase(template, parts)


def joined(phrases: Sequence[Phrase], separator: str = ", ") -> Phrase:
    """Several phrases as one.

    >>> joined([say("{} a", "x"), say("b")]).template
    '{} a, b'
    """
    return Phrase(
        separator.join(phrase.template for phrase in phrases), tuple(p for phrase in phrases for p in phrase.parts)
    )


def money(value: float, later: float | None = None) -> Figure:
    """An amount in the plan's currency."""
    return Figure(float(value), "currency", later)


def share(value: float, later: float | None = None) -> Figure:
    """A fraction."""
    return Figure(float(value), "fraction", later)


def count(value: float, later: float | None = None) -> Figure:
    """An expected number of people, deals or customers; it may have a part."""
    return Figure(float(value), "count", later)


def whole(value: int) -> Figure:
    """A number of people, deals or customers."""
    return Figure(float(value), "whole")


def months(value: float, later: float | None = None) -> Figure:
    """A time in months."""
    return Figure(float(value), "months", later)


def factor(value: float, later: float | None = None) -> Figure:
    """A multiple."""
    return Figure(float(value), "factor", later)


def month(number: int) -> Figure:
    """A month of the calendar, since year 0."""
    return Figure(float(number), "month")


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]], texts: int = 1) -> Table:
    """A table without a total."""
    return Table(caption, tuple(columns), tuple(tuple(row) for row in rows), texts)
