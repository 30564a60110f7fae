"""The tornado in the forms of spreadsheets, side by side, and which of them misleads."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType

from simengine.report.statistics import Facts
from simengine.report.tables import heading, note, table, under
from simengine.report.words import between, change, number, percent

_NAMED = 4
"""Assumptions that a note names."""


def forms(drivers: Facts, shown: int) -> RenderableType:
    """The result where an assumption is low and high, by three rules, largest share first.

    Parameters
    ----------
    drivers : from `drivers.drivers`
    shown : how many of those that can be told from zero
    """
    unit = drivers["unit"]
    made = table("assumption", "share", "fifths:\nlow, high", "one at a time:\nP10, P90", "rank\ncorrelation")
    for row in [row for row in drivers["assumptions"] if row["distinguishable"]][:shown]:
        correlation = row["rank_correlation"]
        made.add_row(
            row["name"],
            percent(row["share"]["value"]),
            under(number(row["metric_bottom_fifth"]["value"], unit), number(row["metric_top_fifth"]["value"], unit)),
            under(change(row["low_alone"]["value"], unit), change(row["high_alone"]["value"], unit)),
            under(
                number(correlation["value"], "factor"), between(correlation["lower"], correlation["upper"], "factor")
            ),
        )
    return Group(heading("The tornado in the forms of spreadsheets"), made, *map(note, _notes(drivers)))


def _notes(drivers: Facts) -> Iterator[str]:
    rows = drivers["assumptions"]
    for flag, words in _MISLEADS.items():
        names = [row["name"] for row in rows if row[flag]]
        if names:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            yield words.format(", ".join(names[:_NAMED]) + more)
    if not any(row[flag] for row in rows for flag in _MISLEADS):
        yield "None of them misleads here: nothing moves together, bends or acts jointly enough."
    yield "One at a time: how far the result moves with all others at their medians."


_MISLEADS = {
    "borrows": "Fifths and rank correlations mislead for {}: most of what they show comes from what moves with them.",
    "bends": "Rank correlations mislead for {}: the result rises and falls with them.",
    "joins": "One at a time and fifths mislead for {}: they act together with others.",
}
