"""A plan with one thing changed from its start on: all numbers of a kind times a factor, people on top."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from simengine.plan.people import Ramp, SeatGroup, Territory
from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan


class Kind(NamedTuple):
    """Numbers of a plan that are multiplied together.

    Attributes
    ----------
    name : in the words of the field
    is_better : "high" or "low": which of them serve a target
    extreme : the factor beyond which nobody looks
    """

    name: str
    is_better: str
    extreme: float


WIN_RATE, DEAL_SIZE, CYCLE, DEMAND, RENEWAL, EXPANSION, RAMP = KINDS = (
    Kind("win rate", "high", 3.0),
    Kind("deal size", "high", 3.0),
    Kind("sales cycle", "low", 0.33),
    Kind("demand", "high", 3.0),
    Kind("renewal rate", "high", 3.0),
    Kind("expansion", "high", 3.0),
    Kind("ramp", "low", 0.0),
)
"""Of the funnel: win rates, deal sizes, cycles, arrivals. Of customers: renewal rates, expansion opportunities."""

SPEND = Kind("spend", "high", 3.0)
ALL_CHANNELS = "all channels"

_FIELDS: dict[str, tuple[str, ...]] = {
    WIN_RATE.name: ("win_rate",),
    DEAL_SIZE.name: ("deal_size",),
    CYCLE.name: ("cycle", "cycle_lost"),
    DEMAND.name: ("volume", "from_hours", "from_sellers"),
    RENEWAL.name: ("renewal_rate", "dollar_renewal_rate", "named_accounts"),
    EXPANSION.name: ("expansion",),
}
"""Where the numbers of a kind stand: in a channel's demand in a segment, or in a segment's base."""
_OF_BASE = {RENEWAL.name, EXPANSION.name}


class Number(NamedTuple):
    """A number of a kind: the segment (or role, or channel) that it is of, and the number."""

    of: str
    quantity: Quantity


def numbers(plan: Plan, kind: Kind, channel: str | None = None) -> list[Number]:
    """The numbers of a kind, as the plan states them.

    Parameters
    ----------
    plan : a checked plan
    kind : one of `KINDS`, or `SPEND`
    channel : of spend: which channel's; all of them where it is None
    """
    found: list[Number] = []

    def keep(of: str) -> Callable[[Quantity], Quantity]:
        def kept(quantity: Quantity) -> Quantity:
            found.append(Number(of, quantity))
            return quantity

        return kept

    _through(plan, kind, channel, keep)
    return found


def scaled(plan: Plan, kind: Kind, factor: float, channel: str | None = None) -> Plan:
    """The plan with all numbers of a kind times a factor, from its start on.

    A number is multiplied where it stands: an assumption that stands elsewhere too is left alone there, and what events
    and shocks do to it they do before. A probability goes up to 1. Shares of a ramp of bookings are divided, for half
    the ramp is twice the share; the cycle that such a ramp contains is no sales cycle and stays.

    Parameters
    ----------
    plan, kind, channel : as in `numbers`
    factor : at least 0
    """
    if factor == 1.0:
        return plan
    return _through(plan, kind, channel, lambda of: lambda quantity: times(quantity, factor), 1.0 / max(factor, 1e-9))


def times(quantity: Quantity, factor: float) -> Quantity:
    """A number of the plan times a factor, in all months.

    >>> times(Quantity(2.0, "volume", ((24330, Quantity(3.0)),)), 1.5)
    Quantity(number=3.0, assumption='volume', later=((24330, Quantity(number=4.5, assumption=None, later=())),))
    """
    later = tuple((month, times(step, factor)) for month, step in quantity.later)
    return Quantity(quantity.number * factor, quantity.assumption, later)


Change = Callable[[str], Callable[[Quantity], Quantity]]


def _through(plan: Plan, kind: Kind, channel: str | None, change: Change, inverse: float = 1.0) -> Plan:
    """The plan with each number of a kind changed; `change` is given what the number is of."""
    if kind.name == RAMP.name:
        roles = {
            name: role.model_copy(update={"ramp": _ramp(role.ramp, change(name), inverse)})
            for name, role in plan.team.roles.items()
        }
        return plan.model_copy(update={"team": plan.team.model_copy(update={"roles": roles})})
    if kind.name in _OF_BASE:
        base = {name: _model(terms, _FIELDS[kind.name], change(name)) for name, terms in plan.base.items()}
        return plan.model_copy(update={"base": base})
    channels = {}
    for name, entry in plan.funnel.channels.items():
        if kind.name == SPEND.name:
            is_meant = channel in (None, name)
            channels[name] = _model(entry, ("spend",), change(name)) if is_meant else entry
            continue
        demands = {
            segment: _model(demand, _FIELDS[kind.name], change(segment)) for segment, demand in entry.segments.items()
        }
        channels[name] = entry.model_copy(update={"segments": demands})
    return plan.model_copy(update={"funnel": plan.funnel.model_copy(update={"channels": channels})})


_INSIDE = {
    "from_hours": ("per_hour",),
    "expansion": ("opportunities_per_customer",),
    "named_accounts": ("renewal_rate",),
}


def _model(model: Any, fields: tuple[str, ...], change: Callable[[Quantity], Quantity]) -> Any:
    """A part of the plan with some of its numbers changed."""
    update: dict[str, Any] = {}
    for field in fields:
        value = getattr(model, field)
        if isinstance(value, Quantity):
            update[field] = change(value)
        elif isinstance(value, tuple):
            update[field] = tuple(_model(item, _INSIDE[field], change) for item in value)
        elif value is not None:
            update[field] = _model(value, _INSIDE[field], change)
    return model.model_copy(update=update)


def _ramp(ramp: Ramp | None, change: Callable[[Quantity], Quantity], inverse: float) -> Ramp | None:
    if ramp is None:
        return None
    if ramp.workload is not None:
        return ramp.model_copy(update={"workload": change(ramp.workload)})
    if inverse == 1.0:
        for share in ramp.bookings or ():
            change(share)
        return ramp
    return ramp.model_copy(update={"bookings": tuple(times(share, inverse) for share in ramp.bookings or ())})


# --- people ---


def staffed(plan: Plan, group: str, month: int, heads: int) -> Plan:
    """The plan with people on top in a seat group, planned for a month (since year 0).

    Where each seat has a territory, each of them gets one: as the plan's lever for this group says, or as large as the
    group's are on average in that month.
    """
    if heads == 0:
        return plan
    seats = tuple(_hiring(entry, month, heads) if entry.name == group else entry for entry in plan.team.seats)
    territories = plan.team.territories + tuple(_territories(plan, group, month, heads))
    team = plan.team.model_copy(update={"seats": seats, "territories": territories})
    return plan.model_copy(update={"team": team})


def _hiring(entry: SeatGroup, month: int, heads: int) -> SeatGroup:
    hires = {**entry.hires, month: entry.hires.get(month, 0) + heads}
    return entry.model_copy(update={"hires": dict(sorted(hires.items()))})


def _territories(plan: Plan, group: str, month: int, heads: int) -> Iterator[Territory]:
    own = [territory for territory in plan.team.territories if territory.seats == group]
    declared = [lever.territories for lever in plan.levers.values() if lever.hires == group and lever.territories]
    if not own and not declared:
        return
    if declared and declared[0] is not None:
        potential = declared[0].potential
    else:
        potential = Quantity(sum(float(each.potential.at(month).of(plan.planned)) for each in own) / len(own))
    for n in range(1, heads + 1):
        yield Territory.model_construct(name=f"{group} on top {n}", seats=group, potential=potential, accounts=0)


def put_off(plan: Plan, group: str, months: int, until: int) -> Plan:
    """The plan with the hires of a seat group up to a month planned so many months later, at most in its last one."""

    def later(entry: SeatGroup) -> SeatGroup:
        hires: dict[int, int] = {}
        for month, heads in sorted(entry.hires.items()):
            moved = min(month + months, plan.plan.end) if month <= until else month
            hires[moved] = hires.get(moved, 0) + heads
        return entry.model_copy(update={"hires": dict(sorted(hires.items()))})

    seats = tuple(later(entry) if entry.name == group else entry for entry in plan.team.seats)
    return plan.model_copy(update={"team": plan.team.model_copy(update={"seats": seats})})


def lead_time(plan: Plan, group: str) -> int | None:
    """Months from the decision to hire into a seat group until the month that it is planned for, where a lever says."""
    known = [lever.lead_time for lever in plan.levers.values() if lever.hires == group]
    return max(known) if known else None
