"""Tables and headings of a terminal, legible from 80 columns on."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rich import box
from rich.table import Table
from rich.text import Text

from simengine.report.cells import Names
from simengine.report.statistics import Facts
from simengine.report.words import between, number, percent, points
from simengine.results.economics import LONGEST_RUNWAY

_LEVELS = ("p10", "p50", "p90", "operating_plan")


def table(*columns: str, texts: int = 1) -> Table:
    """A table whose first columns are texts, and whose other columns are numbers."""
    made = Names(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for index, column in enumerate(columns):
        is_text = index < texts
        made.add_column(column, justify="left" if is_text else "right", no_wrap=not is_text, overflow="fold")
    return made


def levels(rows: Iterable[tuple[str, Facts, str]], *more: str) -> Table:
    """A table of P10, P50, P90 and the operating plan, with room for `more` columns.

    Parameters
    ----------
    rows : of each its name, its facts, and its unit
    """
    made = table("", "P10", "P50", "P90", "operating\nplan", *more)
    for name, facts, unit in rows:
        made.add_row(name, *in_levels(facts, unit))
    return made


def in_levels(facts: Facts, unit: str) -> list[str]:
    """P10, P50, P90 and the operating plan as they are written; empty where there is no such number."""
    metric = facts.get("metric", "")
    return ["" if math.isnan(facts[key]) else written(facts[key], metric, unit) for key in _LEVELS]


def written(value: float, metric: str, unit: str) -> str:
    """A value of a metric; a runway at its longest is that or more, and a ratio may be infinite.

    >>> written(60.0, "runway", "months"), written(math.inf, "burn_multiple", "factor"), written(1.5, "", "factor")
    ('60+ months', 'infinite', '1.50')
    """
    if metric == "runway" and value >= LONGEST_RUNWAY:
        return f"{LONGEST_RUNWAY:.0f}+ months"
    return "infinite" if value == math.inf else number(value, unit)


def chance(estimate: Facts) -> str:
    """A probability with its interval.

    >>> chance({"value": 0.243, "lower": 0.236, "upper": 0.25})
    '24.3% (23.6–25.0%)'
    """
    return f"{percent(estimate['value'])} ({between(estimate['lower'], estimate['upper'], 'fraction')})"


def chance_under(estimate: Facts) -> Text:
    """A probability, and its interval under it."""
    return under(percent(estimate["value"]), between(estimate["lower"], estimate["upper"], "fraction"))


def heading(text: str) -> Text:
    """A heading, with room above it."""
    return Text(f"\n{text}", "bold cyan")


def note(text: str) -> Text:
    """A line that explains."""
    return Text(text, "dim")


def under(first: str, second: str, style: str = "") -> Text:
    """Two lines of one cell, the second paler."""
    return Text.assemble((first, style), "\n", (second, "dim")) if second else Text(first, style)


def points_either_way(found: Facts, style: str = "") -> Text:
    """A difference of probabilities in points, and under it how far the ends of its interval are at most."""
    return under(points(found["value"]), f"±{100 * margin(found):.1f}", style)


def margin(found: Facts) -> float:
    """How far from an estimate the ends of its interval are at most."""
    return float(max(found["upper"] - found["value"], found["value"] - found["lower"]))


def capital(text: str) -> str:
    """A text with a capital letter.

    >>> capital("net new ARR")
    'Net new ARR'
    """
    return text[:1].upper() + text[1:]
