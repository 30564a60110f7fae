"""Step 0: what a number is in a month."""

import math
from typing import Any

import pytest

from simengine.plan.scalars import Quantity
from tests.reference.byhand import assumption, event, pipeline, plan_of, sellers
from tests.reference.numbers import Clock, Numbers, relative

RATE = Quantity(1.0, "win")


def numbers(effects: dict[str, Any] | None = None, **sections: Any) -> Numbers:
    """Of a plan whose win rate is an assumption of 40 %, with one channel called inbound."""
    known = {"win": assumption("40 %", "fraction")}
    rules = pipeline({"stage": "opportunity", "count": 1}, win_rate="win", volume="10 per month")
    events: dict[str, Any] = {"events": {"news": effects}} if effects else {}
    plan = plan_of(months=6, assumptions=known, **rules, **sellers(), **events, **sections)
    return Numbers(plan, plan.planned, None)


def by_month(found: Numbers, quantity: Quantity = RATE, *also: str, **limits: float) -> list[float]:
    return [found.at(quantity, month, *also, **limits) for month in range(6)]


def test_a_number_holds_until_the_next_one() -> None:
    start = 2027 * 12
    quantity = Quantity(1.0, None, ((start + 2, Quantity(3.0)), (start + 4, Quantity(10.0, "win"))))
    assert by_month(numbers(), quantity) == [1, 1, 3, 3, 4, 4]


def test_an_event_is_phased_in_and_ends() -> None:
    found = numbers(event({"win": "x1.5"}, phase_in_months="2 months", lasts="3 months"))
    assert by_month(found) == pytest.approx([0.4, 0.5, 0.6, 0.6, 0.4, 0.4])


def test_an_event_that_does_not_happen_changes_nothing() -> None:
    found = numbers(event({"win": "x1.5"}))
    found.values = {**found.values, "news": 0.0}
    assert by_month(found) == [0.4] * 6


def test_months_in_force_count_from_the_end() -> None:
    found = numbers(event({"win": {"add": "10 %"}}))
    found.values = {**found.values, "news": 2.0}
    assert by_month(found) == pytest.approx([0.4] * 4 + [0.5] * 2)


def test_what_is_added_is_in_the_unit_of_the_assumption() -> None:
    found = numbers(event({"win": {"add": "10 %"}}))
    assert by_month(found, Quantity(12.0, "win"))[:2] == pytest.approx([12 * 0.4, 12 * 0.5])


def test_fractions_stay_fractions() -> None:
    found = numbers(event({"win": "x3"}))
    assert by_month(found, high=1.0)[:2] == [0.4, 1]
    assert numbers(event({"win": {"add": "-50 %"}})).share(RATE, 1) == 0


@pytest.mark.parametrize("name", ["inbound", "inbound/smb"])
def test_a_volume_is_known_by_its_channel(name: str) -> None:
    volume = Quantity(10.0)
    found = numbers(event({name: "x1.2"}))
    assert by_month(found, volume, "inbound", "inbound/smb")[:2] == pytest.approx([10, 12])
    assert by_month(found, volume, "outbound", "outbound/smb")[:2] == [10, 10]
    more = numbers(event({name: {"add": "5 per month"}}))
    assert by_month(more, volume, "inbound", "inbound/smb")[:2] == [10, 15]


def test_events_multiply_first_and_add_afterwards() -> None:
    known = {"win": assumption("40 %", "fraction")}
    events = {"a": event({"win": {"add": "10 %"}}), "b": event({"win": "x0.5"}, starts="2027-03")}
    rules = pipeline({"stage": "opportunity", "count": 1}, win_rate="win")
    plan = plan_of(months=6, assumptions=known, events=events, **rules, **sellers())
    assert by_month(Numbers(plan, plan.planned, None))[:3] == pytest.approx([0.4, 0.5, 0.3])


def test_a_shock_has_a_mean_of_one() -> None:
    source = {"kind": "judgment", "reference": "by hand"}
    shock = {"climate": {"source": source, "persistence": 0.5, "loadings": {"win": "20 %"}}}
    levels = [0.0, 1.0, -1.0, 0.0, 0.0, 0.0]
    found = numbers(shocks=shock)
    found.shocks = {"climate": levels}
    assert by_month(found) == pytest.approx([0.4 * math.exp(0.2 * z - 0.02) for z in levels])


def test_multiples_hold_from_their_tenure_on() -> None:
    bands = {2: Quantity(3.0), 6: Quantity(0.5)}
    found = numbers()
    assert [found.multiple(bands, tenure, 0) for tenure in (0.0, 1.9, 2.0, 5.5, 6.0)] == [1, 1, 3, 3, 0.5]
    # A quarter of a month at 3, three quarters at one half.
    assert found.integral(bands, 5.75, 0) == pytest.approx(0.25 * 3 + 0.75 * 0.5)
    assert found.integral(bands, 0.0, 0) == 1


def test_the_closing_clock_runs_as_the_weights_say() -> None:
    quarter_end = [0.5, 0.5, 2.0] * 4
    clock = Clock(quarter_end, start=0, months=6)
    assert clock.before == pytest.approx([0, 0.5, 1, 3, 3.5, 4, 6])
    assert [relative([2, 4] * 6, month) for month in (0, 1)] == pytest.approx([2 / 3, 4 / 3])
    # Started half through month 0, at 0.25 of the clock: 1.5 later it is 1.75, in month 2.
    assert clock.closes(0, 0.5, 1.5) == 2
    assert clock.closes(0, 0.5, 2.74) == 2
    assert clock.closes(0, 0.5, 2.76) == 3
    assert clock.closes(0, 0.5, 60) == 6


@pytest.mark.parametrize("cycle", [0.0, 0.3, 1.0, 2.4])
@pytest.mark.parametrize("u", [0.1, 0.65, 0.95])
def test_an_even_clock_rounds_by_chance(cycle: float, u: float) -> None:
    assert Clock(None, start=5, months=12).closes(3, u, cycle) == 3 + math.floor(cycle + u)
