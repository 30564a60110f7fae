"""From a number to the lines of the plan that it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from simengine.plan.schema import Plan
from simengine.plan.source import Mark, Node, Path

MOST_LINES = 3_000
"""Lines of a file that the page holds."""

_RETENTION = ("base",)
_MARKET = ("funnel", "team")
_SECTIONS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            *("opening_arr", "expansion_arr", "price_arr", "contraction_arr", "churned_arr"),
            *("churned_customers", "nrr", "grr"),
        ),
        _RETENTION,
    ),
    **dict.fromkeys(
        (
            *("new_arr", "one_off_bookings", "bookings", "new_customers", "won", "opportunities"),
            *("pipeline_coverage", "new_from_pipeline", "new_from_existing", "new_from_hires", "new_without_seller"),
        ),
        _MARKET,
    ),
    **dict.fromkeys(("net_new_arr", "ending_arr", "live_arr", "customers"), (*_RETENTION, *_MARKET)),
    **dict.fromkeys(("headcount", "ramped", "quota"), ("team",)),
    **dict.fromkeys(
        ("credited", "attainment", "at_quota", "near_quota", "below_half", "commission"), ("team", "funnel")
    ),
}
_ALL = ("economics", "team", "funnel", "base")
"""Money is made of all of them."""


class Place(NamedTuple):
    """A line of the plan: as it is said, and where it is in the page ("" where the page does not hold it)."""

    said: str
    link: str


class File(NamedTuple):
    """A file of the plan as the page shows it: its number, its name, its lines, and how many are left out."""

    number: int
    name: str
    lines: tuple[str, ...]
    left_out: int


def files(plan: Plan) -> Iterator[File]:
    """The plan as it was read."""
    for number, (name, text) in enumerate(plan.texts.items(), start=1):
        lines = text.splitlines()
        yield File(number, name, tuple(lines[:MOST_LINES]), max(0, len(lines) - MOST_LINES))


def place(plan: Plan, path: Path) -> Place | None:
    """Where in the plan something is set; None where the plan does not say, and for what was set beside it."""
    node: Node | None = plan.origin.tree
    for step in path:
        node = None if node is None else node.child(step)
    return None if node is None else _place(plan, node.key_mark or node.mark)


def _place(plan: Plan, mark: Mark) -> Place | None:
    # A place is told by the file's name beside the plan, not by where it lay when it was read.
    names = [name for name in plan.texts if mark.file == name or mark.file.endswith(f"/{name}")]
    if not names or not mark.line:
        return None
    name = max(names, key=len)
    number = [*plan.texts].index(name) + 1
    link = f"#line-{number}-{mark.line}" if mark.line <= MOST_LINES else ""
    return Place(f"{name}:{mark.line}", link)


def sections_of(metric: str) -> tuple[str, ...]:
    """The sections of the plan that a metric is worked out from, apart from assumptions and events.

    >>> sections_of("nrr"), sections_of("net_new_arr"), sections_of("cash")
    (('base',), ('base', 'funnel', 'team'), ('economics', 'team', 'funnel', 'base'))
    """
    return _SECTIONS.get(metric, _ALL)


def of_target(plan: Plan, name: str) -> Place | None:
    """Where a target is declared."""
    return place(plan, ("targets", name))


def of_assumption(plan: Plan, name: str) -> Place | None:
    """Where an assumption, event or shock is declared."""
    for section in ("assumptions", "events", "shocks"):
        if name in getattr(plan, section):
            return place(plan, (section, name))
    return None


def of_section(plan: Plan, section: str) -> Place | None:
    """Where a section begins."""
    return place(plan, (section,))
