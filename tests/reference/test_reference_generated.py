"""The generated plans are valid, and between them switch every mechanism on and off."""

from collections.abc import Callable, Iterator
from functools import cache

import pytest
import yaml

from simengine.plan import Plan, Quantity, loads
from simengine.plan.schema import Base, Demand, Role
from tests.generated import PLANS, generated_plan, generated_values


@cache
def plans() -> list[Plan]:
    return [loads(generated_plan(i)) for i in range(PLANS)]


def demands(plan: Plan) -> Iterator[Demand]:
    return (demand for channel in plan.funnel.channels.values() for demand in channel.segments.values())


def bases(plan: Plan) -> Iterator[Base]:
    return iter(plan.base.values())


def roles(plan: Plan) -> Iterator[Role]:
    return iter(plan.team.roles.values())


def shapes(plan: Plan) -> set[str]:
    return {role.ramp.shape for role in roles(plan) if role.ramp}


def quantities(thing: object) -> Iterator[Quantity]:
    """Every Quantity anywhere inside a plan."""
    if isinstance(thing, Quantity):
        yield thing
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


def all_renewals_contract(base: Base) -> bool:
    numbers = base.contraction, base.contraction_depth, base.renewal_rate
    if any(quantity.assumption for quantity in numbers):
        return False
    contraction, depth, renewal_rate = (quantity.number for quantity in numbers)
    return contraction / depth > renewal_rate


MECHANISMS: dict[str, Callable[[Plan], bool]] = {
    "several segments": lambda plan: len(plan.segments) > 1,
    "sells once": lambda plan: any(segment.sells == "once" for segment in plan.segments.values()),
    "several channels": lambda plan: len(plan.funnel.channels) > 1,
    "sold by nobody": lambda plan: any(channel.sold_by == "nobody" for channel in plan.funnel.channels.values()),
    "one stage": lambda plan: len(plan.funnel.stages) == 1,
    "three stages": lambda plan: len(plan.funnel.stages) == 3,
    "no leads": lambda plan: any(demand.volume == (0, None) for demand in demands(plan)),
    "growth": lambda plan: any(demand.growth != (0, None) for demand in demands(plan)),
    "seasonality": lambda plan: any(demand.seasonality for demand in demands(plan)),
    "overdispersion": lambda plan: any(demand.overdispersion != (1, None) for demand in demands(plan)),
    "cycle_lost": lambda plan: any(demand.cycle_lost is not None for demand in demands(plan)),
    "cycle_spread": lambda plan: any(demand.cycle_spread != (0, None) for demand in demands(plan)),
    "deal_size_spread": lambda plan: any(demand.deal_size_spread != (0, None) for demand in demands(plan)),
    "outliers": lambda plan: any(demand.outliers for demand in demands(plan)),
    "never stale": lambda plan: plan.funnel.stale == (0, None),
    "stale at once": lambda plan: plan.funnel.stale == (1, None),
    "opening pipeline": lambda plan: bool(plan.funnel.opening_pipeline.rows),
    "early rows": lambda plan: any(row.stage != plan.funnel.stages[-1] for row in plan.funnel.opening_pipeline.rows),
    "rows with a value": lambda plan: any(row.value is not None for row in plan.funnel.opening_pipeline.rows),
    "unlimited": lambda plan: any(role.capacity == "unlimited" for role in roles(plan)),
    "two selling roles": lambda plan: sum(role.sells for role in roles(plan)) > 1,
    "role that does not sell": lambda plan: not all(role.sells for role in roles(plan)),
    "linear ramp": lambda plan: "linear" in shapes(plan),
    "s-curve": lambda plan: "s-curve" in shapes(plan),
    "step": lambda plan: "step" in shapes(plan),
    "ramp spread": lambda plan: any(role.ramp and role.ramp.spread != (0, None) for role in roles(plan)),
    "attrition": lambda plan: any(role.attrition for role in roles(plan)),
    "first_six_months": lambda plan: any(
        role.attrition and role.attrition.first_six_months != (1, None) for role in roles(plan)
    ),
    "backfill": lambda plan: any(role.backfill.policy == "always" for role in roles(plan)),
    "productivity_spread": lambda plan: any(role.productivity_spread != (0, None) for role in roles(plan)),
    "existing": lambda plan: any(group.existing for group in plan.team.seats),
    "hires": lambda plan: any(group.hires for group in plan.team.seats),
    "time_to_fill_delay": lambda plan: any(group.time_to_fill_delay != (0, None) for group in plan.team.seats),
    "delay_spread": lambda plan: any(group.delay_spread != (0, None) for group in plan.team.seats),
    "atr by month": lambda plan: any(base.atr != "even" for base in bases(plan)),
    "size_spread": lambda plan: any(base.size_spread for base in bases(plan)),
    "no opening customers": lambda plan: any(not base.customers for base in bases(plan)),
    "term of a month": lambda plan: any(base.term_months == 1 for base in bases(plan)),
    "long term": lambda plan: any(base.term_months > 12 for base in bases(plan)),
    "contraction": lambda plan: any(base.contraction != (0, None) for base in bases(plan)),
    "all renewals contract": lambda plan: any(all_renewals_contract(base) for base in bases(plan)),
    "price_increase": lambda plan: any(base.price_increase != (0, None) for base in bases(plan)),
    "prices fall": lambda plan: any(base.price_increase.number < 0 for base in bases(plan)),
    "expansion": lambda plan: any(base.expansion for base in bases(plan)),
    "shorter than a year": lambda plan: plan.plan.months < 12,
    "longer than two years": lambda plan: plan.plan.months > 24,
    "fiscal year from another month": lambda plan: plan.plan.fiscal_year_start != 1,
    "dependence": lambda plan: bool(plan.dependence.factors and plan.dependence.rank_correlations),
    "one assumption in several places": lambda plan: len(names_used(plan)) > len(set(names_used(plan))),
    "assumption in another unit": lambda plan: any(q.assumption and q.number != 1 for q in quantities(plan)),
}


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_mechanism_is_on_and_off_in_several_plans(mechanism: str) -> None:
    on = sum(MECHANISMS[mechanism](plan) for plan in plans())
    assert 6 <= on <= PLANS - 6


def test_a_plan_is_a_function_of_its_number() -> None:
    assert generated_plan(3) == generated_plan(3)
    assert len({generated_plan(i) for i in range(PLANS)}) == PLANS


def test_values_are_possible() -> None:
    for i, plan in enumerate(plans()):
        written = yaml.load(generated_plan(i), Loader=yaml.CSafeLoader)["assumptions"]
        values = generated_values(plan, draw=1)
        assert values.keys() == written.keys() == set(names_used(plan))
        for name, value in values.items():
            (law,) = written[name]["distribution"].values()
            assert law["min"] <= value <= law["max"]
