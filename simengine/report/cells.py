"""What stands in the cells of a terminal's tables: names that fold where they have joints, bars, sparklines."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

_JOINT = re.compile(r"(?<=[-_/·])|(?=[.])")
"""Where a name may be divided: behind a dash, before a point."""
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"


class Names(Table):
    """A table whose columns that may be wrapped hold names: they fold at their joints, and under themselves."""

    def add_row(self, *renderables: RenderableType | None, **options: Any) -> None:
        """Add a row; texts of columns that may be wrapped become `Folded`."""
        cells = []
        for column, cell in zip(self.columns, renderables, strict=False):
            is_text = isinstance(cell, str | Text) and not column.no_wrap
            cells.append(Folded(Text(cell) if isinstance(cell, str) else cell) if is_text else cell)  # type: ignore[arg-type]
        super().add_row(*cells, *renderables[len(cells) :], **options)


class Folded:
    """A text in a cell. Its long words are divided at their joints, and what is folded keeps the line's indent."""

    def __init__(self, text: Text) -> None:
        self.text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        for line in self.text.split("\n", allow_blank=True):
            indent = min(len(line.plain) - len(line.plain.lstrip(" ")), max(width - 1, 0))
            room = max(width - indent, 1)
            for part in divided(line[indent:], room).split("\n", allow_blank=True):
                for piece in part.wrap(console, room, overflow="fold") or [Text()]:
                    piece.rstrip()
                    yield Text(" " * indent) + piece

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self.text)


def divided(line: Text, width: int) -> Text:
    r"""A line whose words that are wider than `width` are divided at their joints, where they have any.

    >>> divided(Text("volume.inbound.enterprise-emea rises"), 16).plain
    'volume.inbound\n.enterprise-emea rises'
    """
    breaks = []
    for word in re.finditer(r"\S+", line.plain):
        start = word.start()
        while word.end() - start > width:
            joints = [start + joint.start() for joint in _JOINT.finditer(line.plain[start : start + width + 1])]
            inside = [joint for joint in joints if start < joint <= start + width and joint < word.end()]
            if not inside:
                break
            start = inside[-1]
            breaks.append(start)
    return Text("\n").join(line.divide(breaks)) if breaks else line


class Bar:
    """A share of 1 as a bar, in eighths of a character; nothing where the output cannot show blocks.

    Parameters
    ----------
    share : from 0 to 1; less is drawn as nothing, more as a full bar
    width : in characters
    """

    def __init__(self, share: float, width: int) -> None:
        self.share, self.width = share, width

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text("" if options.ascii_only else blocks(self.share, self.width), "cyan")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        width = 0 if options.ascii_only else self.width
        return Measurement(width, width)


class Roomy:
    """What needs room, and what stands in its place where there is too little, or no blocks.

    Parameters
    ----------
    roomy, narrow : the two
    columns : from how many on there is room
    """

    def __init__(self, roomy: RenderableType, narrow: RenderableType, columns: int = 100) -> None:
        self.roomy, self.narrow, self.columns = roomy, narrow, columns

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.narrow if options.max_width < self.columns or options.ascii_only else self.roomy


def blocks(share: float, width: int) -> str:
    """A share of 1 in blocks.

    >>> blocks(0.5, 4), blocks(0.28, 4), blocks(-0.1, 4), blocks(float("nan"), 4)
    ('██', '█▏', '', '')
    """
    eighths = round(8 * width * min(max(share, 0.0), 1.0)) if math.isfinite(share) else 0
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


class Sparkline:
    """Words, and how a number goes on from step to step; the words alone where the output cannot show blocks.

    Parameters
    ----------
    rows : of each what stands before, from `sparks`, and what stands behind
    """

    def __init__(self, rows: Iterable[tuple[str, str, str]]) -> None:
        self.rows = list(rows)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widest = max((len(before) for before, _, _ in self.rows), default=0)
        for before, line, after in self.rows:
            drawn = "" if options.ascii_only else f"  {line}"
            yield Text.assemble((before.ljust(widest), "dim"), (drawn, "cyan"), (f"  {after}", "dim"))


def sparks(values: Iterable[float], low: float | None = None, high: float | None = None) -> str:
    """Numbers as columns of eight heights, from the least to the most unless told; a gap where there is no number.

    >>> sparks([1, 2, 4, 8]), sparks([3, 3]), sparks([float("nan"), 1, 2]), sparks([0.3, 0.5], 0, 1)
    ('▁▂▄█', '▄▄', ' ▁█', '▃▅')
    """
    every = list(values)
    known = [value for value in every if math.isfinite(value)]
    bottom = min(known, default=0.0) if low is None else low
    span = (max(known, default=0.0) if high is None else high) - bottom
    heights = [round(7 * (value - bottom) / span) if span else 3 for value in known]
    left = iter(_LEVELS[height] for height in heights)
    return "".join(next(left) if math.isfinite(value) else " " for value in every)
