"""What a notebook shows of a result: its table, and behind it the numbers and the picture."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import TYPE_CHECKING, Any

from simengine.errors import SimengineError

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure
    from rich.console import RenderableType

    from simengine.report.statistics import Facts

_WIDTH = 100
"""Columns of plain text."""


class Shown:
    """A result as a reader sees it: a table in a notebook, text in a terminal.

    Attributes
    ----------
    facts : its numbers, unformatted, as the command of the same name prints them with `--json`
    data : the dataset that the table is made of; None where there is none
    """

    def __init__(
        self,
        table: RenderableType,
        facts: Facts,
        data: xr.Dataset | None = None,
        picture: Callable[[], Figure] | None = None,
    ) -> None:
        self.facts, self.data = facts, data
        self._table, self._picture = table, picture

    def figure(self) -> Figure:
        """Draw it; in a notebook the figure shows itself, and `savefig` writes it to a file.

        Raises
        ------
        SimengineError : if there is no figure of this
        """
        if self._picture is None:
            raise SimengineError("there is no figure of this; its table is all there is to see")
        return self._picture()

    def __repr__(self) -> str:
        from rich.console import Console

        # What stands in brackets or between colons in a plan's names is text, not markup.
        out = StringIO()
        look: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False, "color_system": None}
        # In a kernel Rich would show the table itself, beside what is returned here.
        console = Console(file=out, width=_WIDTH, force_jupyter=False, **look)
        console.print(self._table)
        return "\n".join(line.rstrip() for line in out.getvalue().strip("\n").splitlines())

    def _repr_html_(self) -> str:
        from simengine.report.hypertext import page

        return page(self._table)

    def __getitem__(self, key: str) -> Any:
        """A number of `facts`."""
        return self.facts[key]
