"""From a plan and a history to what was observed of the plan's assumptions, and why nothing was of the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simengine.learn.history import History
from simengine.learn.piece import Piece, Window
from simengine.learn.seen_customers import customer_pieces
from simengine.learn.seen_deals import deal_pieces
from simengine.learn.seen_demand import demand_pieces
from simengine.learn.seen_people import people_pieces
from simengine.plan.places import Place, places
from simengine.plan.schema import Plan


@dataclass(frozen=True)
class Evidence:
    """What was observed.

    Attributes
    ----------
    plan : the plan
    months : how many of its months are past
    pieces : what was observed in them; independent of each other, given the numbers of the plan
    spoken : of each assumption that a piece speaks of what was seen, in words
    records : how many records that is
    unspoken : why nothing was observed of the others, of events and of shocks
    """

    plan: Plan
    months: int
    pieces: tuple[Piece, ...]
    spoken: Mapping[str, str]
    records: Mapping[str, int]
    unspoken: Mapping[str, str]


def evidence_of(plan: Plan, history: History) -> Evidence:
    """What a history says of a plan's assumptions: records of the plan's months that are wholly past.

    Records from before the plan's start are no evidence, for they made the prior; but what became of opportunities
    that were open then is.
    """
    window = Window(plan, history)
    makers = (demand_pieces, deal_pieces, people_pieces, customer_pieces)
    pieces = tuple(piece for make in makers for piece in make(window))
    said: dict[str, dict[str, int]] = {}
    for each in pieces:
        for name, words in each.says.items():
            seen = said.setdefault(name, {})
            seen[words] = seen.get(words, 0) + each.records
    spoken = {name: _listed(list(words)) for name, words in sorted(said.items())}
    records = {name: sum(said[name].values()) for name in spoken}
    return Evidence(plan, window.months, pieces, spoken, records, _unspoken(window, spoken))


def _listed(words: list[str]) -> str:
    more = f"; and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return "; ".join(words[:_SHOWN]) + more


_SHOWN = 3
"""How many pieces of evidence are listed of an assumption."""
_REASONS = {
    "ramp": "what somebody can work does not show in these records, apart from what they are given to work",
    "growth": "it shows only together with the volume",
    "stale": "nothing that waited is recorded",
    "backfill": "nobody left a seat that is to be filled",
    "time_to_fill_delay": "no seat was to be filled",
    "promotion": "who is ready waits for an open seat, and that is not recorded",
    "capacity": "records do not say how much somebody could have carried",
    "go_live": "records do not say when a customer went live",
    "load_elasticity": "the load on each renewal is not recorded",
    "cost": "spending on people is not read",
    "quota": "it is decided, not observed",
    "spend": "it is decided, not observed",
    "economics": "the books are not read",
}
"""Why nothing is observed of what stands at a place, by a word of its path."""
_NO_RECORDS = {
    "funnel": "no leads or opportunities of it are recorded in the plan's past months",
    "base": "no contracts or bookings of it are recorded in the plan's past months",
    "team": "no people of it are recorded in the plan's past months",
}


def _unspoken(window: Window, spoken: Mapping[str, str]) -> dict[str, str]:
    found, where = {}, places(window.plan)
    for name in window.plan.declared:
        if name in spoken:
            continue
        if not window.months:
            found[name] = "no month of the plan is past"
        elif name in window.plan.events:
            found[name] = "records do not say whether it happened"
        elif name in window.plan.shocks:
            found[name] = "its months to come are not known yet"
        else:
            found[name] = _reason(window, where.get(name, []))
    return found


def _reason(window: Window, standing: list[Place]) -> str:
    if not standing:
        return "it is only the size of an event's effect"
    if all(place.first >= window.months for place in standing):
        return "it holds in later months only"
    path = standing[0].path
    return next(
        (_REASONS[step] for step in reversed(path) if step in _REASONS),
        _NO_RECORDS.get(path[0], "no record speaks of it"),
    )
