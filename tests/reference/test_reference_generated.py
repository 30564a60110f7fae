"""The generated plans are valid, and between them switch every mechanism on and off, alone and together."""

from collections.abc import Callable, Iterator
from functools import cache

import pytest
import yaml

from simengine.plan import Plan, Quantity, loads
from simengine.plan.customers import Base
from simengine.plan.market import Channel, Demand
from simengine.plan.people import Ramp, Role
from tests.generated import PLANS, generated_plan, generated_shocks, generated_values

ENOUGH = 40
"""Plans in which a mechanism is on, and in which it is off."""
TOGETHER = 20
"""Plans in which two mechanisms that act on each other are both on."""

ZERO, ONE = Quantity(0.0), Quantity(1.0)
Predicate = Callable[[Plan], bool]


@cache
def plans() -> list[Plan]:
    return [loads(generated_plan(i)) for i in range(PLANS)]


def any_demand(holds: Callable[[Demand], object]) -> Predicate:
    return lambda plan: any(holds(d) for c in plan.funnel.channels.values() for d in c.segments.values())


def any_channel(holds: Callable[[Channel], object]) -> Predicate:
    return lambda plan: any(holds(channel) for channel in plan.funnel.channels.values())


def any_base(holds: Callable[[Base], object]) -> Predicate:
    return lambda plan: any(holds(base) for base in plan.base.values())


def any_role(holds: Callable[[Role], object]) -> Predicate:
    """Only of roles that somebody has."""
    return lambda plan: any(holds(plan.team.roles[group.role]) for group in plan.team.seats)


def any_ramp(holds: Callable[[Ramp], object]) -> Predicate:
    return any_role(lambda role: role.ramp is not None and holds(role.ramp))


def quantities(thing: object) -> Iterator[Quantity]:
    """Every Quantity anywhere inside a plan, and what it changes to."""
    if isinstance(thing, Quantity):
        yield from thing.steps
    elif isinstance(thing, dict):
        for value in thing.values():
            yield from quantities(value)
    elif isinstance(thing, tuple):
        for value in thing:
            yield from quantities(value)
    elif hasattr(thing, "__pydantic_fields__"):
        for name in thing.__pydantic_fields__:
            yield from quantities(getattr(thing, name))


def names_used(plan: Plan) -> list[str]:
    return [quantity.assumption for quantity in quantities(plan) if quantity.assumption is not None]


def changing(thing: object) -> bool:
    """Whether a number anywhere inside changes from some month on."""
    if isinstance(thing, Quantity):
        return bool(thing.later)
    if isinstance(thing, dict | tuple):
        return any(map(changing, thing.values() if isinstance(thing, dict) else thing))
    return any(changing(getattr(thing, name)) for name in getattr(thing, "__pydantic_fields__", ()))


def all_renewals_contract(base: Base) -> bool:
    numbers = base.contraction, base.contraction_depth, base.renewal_rate
    if any(quantity.assumption for quantity in numbers):
        return False
    contraction, depth, renewal_rate = (quantity.number for quantity in numbers)
    return contraction / depth > renewal_rate


def in_territories(plan: Plan) -> bool:
    return any(plan.team.territories_of(segment) for segment in plan.segments)


def affected(plan: Plan) -> set[str]:
    """What events act on."""
    return {name for event in plan.events.values() for name in event.effect}


def loaded(plan: Plan) -> set[str]:
    """What shocks act on."""
    return {name for shock in plan.shocks.values() for name in shock.loadings}


MECHANISMS: dict[str, Predicate] = {
    # the calendar
    "several segments": lambda plan: len(plan.segments) > 1,
    "sells once": lambda plan: any(segment.sells == "once" for segment in plan.segments.values()),
    "another currency": lambda plan: any(plan.rate_of(segment) != 1 for segment in plan.segments),
    "longer than a year": lambda plan: plan.plan.months > 12,
    "fiscal year from another month": lambda plan: plan.plan.fiscal_year_start != 1,
    # numbers
    "assumptions": lambda plan: bool(plan.assumptions),
    "one assumption in several places": lambda plan: len(names_used(plan)) > len(set(names_used(plan))),
    "assumption in another unit": lambda plan: any(q.assumption and q.number != 1 for q in quantities(plan)),
    "steps": lambda plan: any(map(changing, (plan.team, plan.funnel, plan.base))),
    "dependence": lambda plan: bool(plan.dependence.factors),
    "events": lambda plan: bool(plan.events),
    "events that add": lambda plan: any(e.kind == "add" for v in plan.events.values() for e in v.effect.values()),
    "events that end": lambda plan: any(event.lasts for event in plan.events.values()),
    "events that phase in": lambda plan: any(event.phase_in_months != ZERO for event in plan.events.values()),
    "events on volumes": lambda plan: bool(affected(plan) - set(plan.assumptions)),
    "shocks": lambda plan: bool(plan.shocks),
    "shocks that last": lambda plan: any(shock.persistence for shock in plan.shocks.values()),
    "shocks on volumes": lambda plan: bool(loaded(plan) - set(plan.assumptions)),
    # people
    "hires": lambda plan: any(group.hires for group in plan.team.seats),
    "people who are expected": lambda plan: any(group.expected for group in plan.team.seats),
    "people of different tenure": lambda plan: any(len(set(group.tenures)) > 1 for group in plan.team.seats),
    "time_to_fill_delay": lambda plan: any(group.time_to_fill_delay != ZERO for group in plan.team.seats),
    "delay_spread": lambda plan: any(group.delay_spread != ZERO for group in plan.team.seats),
    "recruiting climate": lambda plan: plan.team.recruiting_climate != ONE,
    "hiring freeze": lambda plan: plan.team.hiring_freeze is not None,
    "attrition": any_role(lambda role: role.attrition),
    "by tenure": any_role(lambda role: role.attrition and role.attrition.multiples),
    "missed quota": any_role(lambda role: role.attrition and role.attrition.missed_quota),
    "backfill": any_role(lambda role: role.backfill.policy == "always"),
    "promotion": any_role(lambda role: role.promotion),
    "promotion into seats": any_role(lambda role: role.promotion and role.promotion.into),
    "linear ramp": any_ramp(lambda ramp: ramp.workload and ramp.shape == "linear"),
    "s-curve": any_ramp(lambda ramp: ramp.workload and ramp.shape == "s-curve"),
    "step": any_ramp(lambda ramp: ramp.workload and ramp.shape == "step"),
    "bookings ramp": any_ramp(lambda ramp: ramp.bookings),
    "ramp spread": any_ramp(lambda ramp: ramp.spread != ZERO),
    "never ramps": any_ramp(lambda ramp: ramp.never),
    "productivity_spread": any_role(lambda role: role.productivity_spread != ZERO),
    "two selling roles": lambda plan: len({g.role for g in plan.team.seats if plan.team.roles[g.role].sells}) > 1,
    "unlimited": any_role(lambda role: role.capacity == "unlimited"),
    "money rooms": any_role(lambda role: role.sells and getattr(role.capacity, "pipeline", None) is not None),
    "territories": in_territories,
    "pooled all the same": lambda plan: "pooled" in plan.team.routing.values(),
    "leaver pipeline": any_role(lambda role: role.leaver_pipeline.win_rate != ONE),
    "late handover": any_role(lambda role: role.leaver_pipeline.reassigned_after),
    "quota": any_role(lambda role: isinstance(role.quota, Quantity)),
    "quota by tenure": any_role(lambda role: role.quota_by_tenure),
    "quota relief": any_role(lambda role: role.quota_relief == "ramp"),
    "managers": any_role(lambda role: role.quota == "team"),
    "commission": any_role(lambda role: role.on_commission and role.cost.variable != ZERO),
    "commission draw": any_role(lambda role: role.commission_draw),
    "accelerator": lambda plan: plan.economics.commission.accelerator is not None,
    "service": any_role(lambda role: role.carries),
    "service by ARR": any_role(lambda role: role.carries and role.carries.arr),
    # demand
    "several channels": lambda plan: len(plan.funnel.channels) > 1,
    "sold by nobody": any_channel(lambda channel: channel.sold_by == "nobody"),
    "one stage": lambda plan: len(plan.funnel.stages) == 1,
    "three stages": lambda plan: len(plan.funnel.stages) == 3,
    "stage lags": any_demand(lambda demand: demand.stage_lags),
    "no leads": any_demand(lambda demand: demand.volume == ZERO),
    "response": any_channel(lambda channel: channel.response),
    "qualification": any_channel(lambda channel: channel.qualified_by),
    "from hours": any_demand(lambda demand: demand.from_hours),
    "from sellers": any_demand(lambda demand: demand.from_sellers),
    "growth": any_demand(lambda demand: demand.growth != ZERO),
    "growth from before the plan": lambda plan: plan.plan.grown > 0,
    "created seasonality": any_demand(lambda demand: demand.seasonality.created),
    "closed seasonality": any_demand(lambda demand: demand.seasonality.closed),
    "overdispersion": any_demand(lambda demand: demand.overdispersion != ONE),
    "cycle_lost": any_demand(lambda demand: demand.cycle_lost),
    "cycle_spread": any_demand(lambda demand: demand.cycle_spread != ZERO),
    "deal_size_spread": any_demand(lambda demand: demand.deal_size_spread != ZERO),
    "outliers": any_demand(lambda demand: demand.outliers),
    "deal bands": any_demand(lambda demand: demand.deal_bands),
    "stale": lambda plan: plan.funnel.stale != ZERO,
    "opening pipeline": lambda plan: bool(plan.funnel.opening_pipeline.rows),
    "early rows": lambda plan: any(row.stage != plan.funnel.stages[-1] for row in plan.funnel.opening_pipeline.rows),
    "rows that wait": lambda plan: any(row.waiting and row.count for row in plan.funnel.opening_pipeline.rows),
    "rows with a value": lambda plan: any(row.value is not None for row in plan.funnel.opening_pipeline.rows),
    "rows with an owner": lambda plan: any(row.owner for row in plan.funnel.opening_pipeline.rows),
    # base
    "atr by month": any_base(lambda base: base.atr != "even"),
    "size_spread": any_base(lambda base: base.size_spread),
    "no opening customers": any_base(lambda base: not base.customers),
    "named accounts": any_base(lambda base: base.named_accounts),
    "history": any_base(lambda base: base.history),
    "several terms": any_base(lambda base: len(base.term_shares) > 1),
    "short term": any_base(lambda base: min(base.term_shares) < 6),
    "long term": any_base(lambda base: base.longest_term > 12),
    "early renewals": any_base(lambda base: base.early),
    "late renewals": any_base(lambda base: base.late),
    "dollar rate": any_base(lambda base: base.dollar_renewal_rate),
    "elasticity": any_base(lambda base: base.load_elasticity != ZERO),
    "contraction": any_base(lambda base: base.contraction != ZERO),
    "all renewals contract": any_base(all_renewals_contract),
    "price_increase": any_base(lambda base: base.price_increase != ZERO),
    "expansion": any_base(lambda base: base.expansion),
    "go live": any_base(lambda base: base.go_live != ZERO),
    # money
    "billing": lambda plan: plan.economics.billing != "annual upfront",
}
"""What the plan's text must say for a mechanism to be on."""

TOGETHER_WITH = {
    "territories": ("leaver pipeline", "money rooms", "from sellers", "rows with an owner", "bookings ramp"),
    "bookings ramp": ("leaver pipeline", "backfill", "never ramps", "hiring freeze", "steps", "promotion into seats"),
    "money rooms": ("deal bands", "outliers", "rows with a value", "leaver pipeline", "productivity_spread"),
    "promotion": ("hiring freeze", "backfill", "by tenure", "leaver pipeline", "missed quota"),
    "hiring freeze": ("recruiting climate", "time_to_fill_delay", "backfill", "events"),
    "closed seasonality": ("opening pipeline", "cycle_spread", "deal bands", "leaver pipeline", "late handover"),
    "qualification": ("from hours", "stage lags", "response", "overdispersion"),
    "early renewals": ("several terms", "late renewals", "steps", "short term"),
    "service": ("expansion", "elasticity", "named accounts", "service by ARR", "another currency"),
    "events": ("shocks", "steps", "dependence", "go live"),
    "shocks": ("steps", "one assumption in several places", "assumption in another unit"),
    "managers": ("quota relief", "quota by tenure", "territories", "commission", "fiscal year from another month"),
    "commission": ("accelerator", "commission draw", "steps", "another currency"),
    "dollar rate": ("named accounts", "contraction", "size_spread", "dependence"),
    "missed quota": ("longer than a year", "quota by tenure", "managers"),
    "another currency": ("money rooms", "deal bands", "expansion", "opening pipeline", "named accounts"),
}
"""Mechanisms that act on each other."""


@cache
def on(mechanism: str) -> list[bool]:
    return [bool(MECHANISMS[mechanism](plan)) for plan in plans()]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_mechanism_is_on_and_off_in_many_plans(mechanism: str) -> None:
    assert ENOUGH <= sum(on(mechanism)) <= PLANS - ENOUGH


@pytest.mark.parametrize(("one", "other"), [(one, other) for one, others in TOGETHER_WITH.items() for other in others])
def test_mechanisms_that_act_on_each_other_occur_together(one: str, other: str) -> None:
    assert sum(a and b for a, b in zip(on(one), on(other), strict=True)) >= TOGETHER


def test_a_plan_is_a_function_of_its_number() -> None:
    assert generated_plan(3) == generated_plan(3)
    assert len({generated_plan(i) for i in range(PLANS)}) == PLANS


def test_values_are_possible() -> None:
    for i, plan in enumerate(plans()):
        written = yaml.load(generated_plan(i), Loader=yaml.CSafeLoader)["assumptions"]
        values = generated_values(plan, draw=1)
        assert values.keys() == written.keys() | plan.events.keys()
        assert written.keys() <= set(names_used(plan))
        for name, entry in written.items():
            (law,) = entry["distribution"].values()
            assert law["min"] <= values[name] <= law["max"]
        assert {len(levels) for levels in generated_shocks(plan, draw=1).values()} <= {plan.plan.months}
