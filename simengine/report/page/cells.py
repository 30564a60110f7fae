"""Tables of the page: what stands in a cell, and how wide a bar in it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Cell(NamedTuple):
    """What a cell says.

    Attributes
    ----------
    text : first line
    under : second line, paler: an interval, or whose it is
    link : where in the page it leads, such as `#line-1-120`; "" for nowhere
    bar : share of the cell's width that a bar behind it fills; None for no bar
    places : further links, each its words and where it leads
    anchor : name by which other links lead here
    faint : whether it cannot be told from nothing
    """

    text: str
    under: str = ""
    link: str = ""
    bar: float | None = None
    places: tuple[tuple[str, str], ...] = ()
    anchor: str = ""
    faint: bool = False


Content = Cell | str


@dataclass(frozen=True)
class Table:
    """Rows under columns; the first `texts` columns are text, the others numbers.

    Attributes
    ----------
    caption : what it shows
    columns : heads
    rows : their cells
    texts : columns that are text
    notes : lines below it
    keys : of each row the words by which it can be filtered; none where it cannot
    whole : whether the last row is a sum
    titled : whether a heading above it says what the caption says
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    texts: int = 1
    notes: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    whole: bool = False
    titled: bool = False


def table(
    caption: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Content]],
    *,
    texts: int = 1,
    notes: Iterable[str] = (),
    keys: Iterable[str] = (),
    whole: bool = False,
) -> Table:
    """A table from cells or plain words."""
    made = tuple(tuple(one if isinstance(one, Cell) else Cell(one) for one in row) for row in rows)
    return Table(caption, tuple(columns), made, texts, tuple(notes), tuple(keys), whole)
