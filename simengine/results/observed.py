"""What a company sees of its assumptions in the course of the plan: of each the number that a report would show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from simengine.plan.places import Place
from simengine.plan.places import places as places_of
from simengine.plan.schema import Plan
from simengine.results.costs import groups_of
from simengine.results.paths import Array, Paths, cells_of
from simengine.units import MONTHS_PER_YEAR

Parts = tuple[tuple[str, float], ...]
"""Outputs, each with its weight in a sum."""
_Where = Callable[[str], Iterator[tuple[str, str, int]]]
"""From the name of an output to where it stands: kind, output and place of each entity that has it."""


class Recipe(NamedTuple):
    """What is divided by what, both summed up since the plan's start, and what is counted as an observation.

    `sign` words it. `leaves`: the quotient is a rate of leaving a month, shown as the share that leaves in a year.
    `stays`: it is taken from 1.
    """

    sign: str
    unit: str
    counted: str
    top: Parts
    bottom: Parts
    counts: Parts
    leaves: bool = False
    stays: bool = False


class Term(NamedTuple):
    """One output at one place, in the months from `first` to before `last`, times a weight.

    `kind` is where it stands in a path's outputs; "stage" is a place in `reached`, "month" the number of months.
    """

    kind: str
    output: str
    place: int
    first: int
    last: int
    weight: float


class Statistic(NamedTuple):
    """What is observed of an assumption: a recipe with the places from which its outputs are taken."""

    assumption: str
    recipe: Recipe
    top: tuple[Term, ...]
    bottom: tuple[Term, ...]
    counts: tuple[Term, ...]


def _one(*names: str) -> Parts:
    return tuple((name, 1.0) for name in names)


_PER_YEAR = 1.0 / MONTHS_PER_YEAR
_DUE = _one("renewals_due")


def _leaving(sign: str, top: Parts) -> Recipe:
    years = (("working", _PER_YEAR),)
    return Recipe(f"{sign} / people", "fraction per year", "person-years", top, _one("working"), years, leaves=True)


def _arrivals(sign: str, bottom: Parts) -> Recipe:
    return Recipe(sign, "count per month", "arrivals", _one("stage 0"), bottom, _one("stage 0"))


_OF_DECIDED = Recipe(
    "won / decided", "fraction", "decided deals", _one("won"), _one("won", "lost"), _one("won", "lost")
)
_OF_ARRIVED = Recipe(
    "won / opportunities", "fraction", "opportunities", _one("won"), _one("opportunities"), _one("opportunities")
)
_OF_CELL = {
    "deal_size": Recipe("mean won deal", "currency", "won deals", _one("bookings"), _one("won"), _one("won")),
    "volume": _arrivals("arrivals a month", _one("month")),
    "from_hours.per_hour": _arrivals("arrivals a month", _one("month")),
    "from_sellers": _arrivals("arrivals a month and ramped seller", _one("ramped")),
}
_OF_BASE = {
    "renewal_rate": Recipe("renewed / due", "fraction", "renewals due", _one("renewals"), _DUE, _DUE),
    "dollar_renewal_rate": Recipe(
        "1 - churned ARR / ATR", "fraction", "renewals due", _one("churned_arr"), _one("atr"), _DUE, stays=True
    ),
    "contraction": Recipe(
        "contracted ARR / ATR", "fraction", "renewals due", _one("contraction_arr"), _one("atr"), _DUE
    ),
    "price_increase": Recipe(
        "price ARR / renewed ARR",
        "fraction",
        "renewals due",
        _one("price_arr"),
        (("atr", 1.0), ("churned_arr", -1.0), ("contraction_arr", -1.0)),
        _DUE,
    ),
    "expansion.opportunities_per_customer": Recipe(
        "expansions met / customers",
        "count per year",
        "expansions met",
        _one("expansions_met"),
        (("customers", _PER_YEAR),),
        _one("expansions_met"),
    ),
    "expansion.win_rate": Recipe(
        "expansions won / worked",
        "fraction",
        "expansions worked",
        _one("expansions"),
        _one("expansions_worked"),
        _one("expansions_worked"),
    ),
    "expansion.size": Recipe(
        "mean expansion", "currency", "expansions", _one("expansion_arr"), _one("expansions"), _one("expansions")
    ),
}
_OF_ROLE = {
    "attrition.voluntary": _leaving("left", (("leavers", 1.0), ("involuntary", -1.0), ("promoted", -1.0))),
    "attrition.involuntary": _leaving("let go", _one("involuntary")),
    "promotion.rate": _leaving("promoted", _one("promoted")),
}
_OF_FUNNEL = {
    "stale": Recipe(
        "stale / waiting",
        "fraction per month",
        "waiting",
        _one("stale"),
        _one("stale", "waiting"),
        _one("stale", "waiting"),
    ),
}

_REASONS = {
    "cycle": "a run keeps no lengths of cycles",
    "growth": "it shows only together with the volume",
    "half_saturation": "it shows only where spend changes",
    "share": "a run does not count such deals",
}
"""Why nothing is observed of what stands in a field."""


def statistics_of(plan: Plan) -> list[Statistic]:
    """What is observed of each assumption of which anything is, names sorted.

    An assumption that stands in several places is seen in all of them together. Where it stands for different things,
    the first of them counts.
    """
    book, found = _Book(plan), []
    for name, places in sorted(places_of(plan).items()):
        seen = [each for place in places if (each := book.seen(name, place)) is not None]
        same = [each for each in seen if each.recipe == seen[0].recipe]
        if same:
            # One segment's deals are met in each of its channels, and count once.
            pooled = (tuple(dict.fromkeys(chain(*parts))) for parts in zip(*(each[2:] for each in same), strict=True))
            found.append(Statistic(name, same[0].recipe, *pooled))
    return found


def observed(statistic: Statistic, paths: Paths) -> tuple[Array, Array]:
    """What is observed until the end of each month, and the number of observations behind it: (n, T) each.

    NaN before there is anything to observe.
    """
    top, bottom, counts = (_so_far(terms, paths) for terms in (statistic.top, statistic.bottom, statistic.counts))
    value = np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)
    if statistic.recipe.leaves:
        value = -np.expm1(-MONTHS_PER_YEAR * value)
    return (1.0 - value if statistic.recipe.stays else value), counts


def unseen(plan: Plan, watched: Sequence[str]) -> dict[str, str]:
    """Why nothing is observed of the other assumptions, events and shocks."""
    reasons, places = {}, places_of(plan)
    for name in plan.declared:
        if name in plan.events:
            reasons[name] = "it shows when it happens"
        elif name in plan.shocks:
            reasons[name] = "it moves several numbers at once, and none is its own"
        elif name not in watched:
            fields = {place.path[-1] for place in places.get(name, ())}
            otherwise = "no number that a run keeps speaks of it alone"
            reasons[name] = next((text for field, text in _REASONS.items() if field in fields), otherwise)
    return reasons


def _so_far(terms: Sequence[Term], paths: Paths) -> Array:
    total = np.zeros(paths.reached.shape[:2])
    for term in terms:
        window = slice(term.first, term.last)
        total[:, window] += term.weight * _monthly(term, paths)[:, window]
    return np.cumsum(total, axis=1)


def _monthly(term: Term, paths: Paths) -> Array:
    if term.kind == "month":
        return np.ones((1, paths.reached.shape[1]))
    if term.kind == "stage":
        return paths.reached[:, :, term.place, int(term.output)]
    outputs: Mapping[str, Array] = getattr(paths, term.kind)
    return outputs[term.output][:, :, term.place]


class _Book:
    """Which outputs of a plan tell of which of its fields."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._cells, self._segments, self._groups = cells_of(plan), sorted(plan.segments), groups_of(plan)

    def seen(self, name: str, place: Place) -> Statistic | None:
        """What is observed of an assumption at one place of the plan; None where nothing is."""
        match place.path:
            case ("funnel", "channels", channel, "segments", segment, *field):
                return self._of_cell(name, (channel, segment), ".".join(field), place)
            case ("base", segment, *field):
                recipe = _OF_BASE.get(".".join(field))
                return recipe and self._made(name, recipe, place, self._of_segments([segment]))
            case ("team", "roles", role, *field):
                recipe = _OF_ROLE.get(".".join(field))
                members = [g for g, group in enumerate(self._groups) if group.role == role]
                return recipe and self._made(name, recipe, place, _at("group", members))
            case ("funnel", field):
                recipe = _OF_FUNNEL.get(field)
                return recipe and self._made(name, recipe, place, self._of_segments(self._segments))
        return None

    def _of_cell(self, name: str, cell: tuple[str, str], field: str, place: Place) -> Statistic | None:
        segment, stages = cell[1], self._plan.funnel.stages
        if field == "win_rate" and self._has_one_rate(segment):
            return self._made(name, _OF_DECIDED, place, self._of_segments([segment]))
        recipe = _OF_ARRIVED if field == "win_rate" else _OF_CELL.get(field)
        if field.startswith("rates."):
            at = int(field.removeprefix("rates."))
            before, after = _one(f"stage {at}"), _one(f"stage {at + 1}")
            recipe = Recipe(f"{stages[at + 1]} / {stages[at]}", "fraction", stages[at], after, before, before)
        return recipe and self._made(name, recipe, place, self._in_cell(cell), self._plan.rate_of(segment))

    def _made(self, name: str, recipe: Recipe, place: Place, where: _Where, rate: float = 1.0) -> Statistic:
        def terms(parts: Parts, scale: float = 1.0) -> tuple[Term, ...]:
            return tuple(
                Term(kind, output, at, place.first, place.last, weight * scale)
                for part, weight in parts
                for kind, output, at in where(part)
            )

        scale = 1.0 / rate if recipe.unit == "currency" else 1.0
        return Statistic(name, recipe, terms(recipe.top, scale), terms(recipe.bottom), terms(recipe.counts))

    def _of_segments(self, names: Sequence[str]) -> _Where:
        return _at("segment", [self._segments.index(name) for name in names])

    def _in_cell(self, cell: tuple[str, str]) -> _Where:
        sells = {name for name, role in self._plan.team.roles.items() if role.sells}
        sellers = [g for g, group in enumerate(self._groups) if group.segment == cell[1] and group.role in sells]
        here = self._cells.index(cell)

        def where(output: str) -> Iterator[tuple[str, str, int]]:
            if output == "ramped":
                yield from _at("group", sellers)(output)
            elif output.startswith("stage "):
                yield "stage", output.removeprefix("stage "), here
            else:
                # A month for each cell: the statistic is then of one cell, as the assumption is.
                yield ("month", cell[0] + cell[1], 0) if output == "month" else ("cell", output, here)

        return where

    def _has_one_rate(self, segment: str) -> bool:
        """Whether all opportunities of a segment have the same win rate: lost deals are not known by channel."""
        channels = self._plan.funnel.channels.values()
        return len({channel.segments[segment].win_rate for channel in channels if segment in channel.segments}) == 1


def _at(kind: str, places: Sequence[int]) -> _Where:
    return lambda output: ((kind, output, place) for place in places)
