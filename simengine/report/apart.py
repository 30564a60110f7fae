"""What is made for a terminal, taken apart: its words and tables, for whoever shows them elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from simengine.report.cells import Folded


def apart(shown: RenderableType, width: int) -> Iterator[Text | Table]:
    """Texts and tables in their order, out of whatever holds them; `width` is told to what asks for columns.

    >>> [str(part) for part in apart(Group("a", Padding(Text("b"))), 80)]
    ['a', 'b']
    """
    if isinstance(shown, Text | Table):
        yield shown
    elif isinstance(shown, Folded):
        yield shown.text
    elif isinstance(shown, Group):
        for part in shown.renderables:
            yield from apart(part, width)
    elif isinstance(shown, Padding):
        yield from apart(shown.renderable, width)
    elif hasattr(shown, "__rich_console__"):
        console = Console(file=StringIO(), width=width, markup=False, emoji=False, highlight=False, force_jupyter=False)
        for inner in shown.__rich_console__(console, console.options):
            yield from apart(inner, width)  # type: ignore[arg-type]
    else:
        yield Text(str(shown))
