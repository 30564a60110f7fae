"""What a distribution without end can draw."""

import numpy as np
import pytest

from simengine.errors import SimengineError
from simengine.kernel import random, run
from simengine.kernel.tables import Pool
from simengine.plan import loads
from simengine.simulation import simulate
from simengine.simulation.pack import pack
from tests.kernel.support import simulate as run_paths

PLAN = """
plan: {{name: Extreme, currency: USD, start: 2027-01, months: 12}}
segments: {{once: {{sells: once}}}}
source_policy: {{historical: {{drift: 0 %}}, benchmark: {{widen: x1}}, judgment: {{widen: x1}}}}
assumptions:
  wild: {{plan: 3, distribution: {{lognormal: {{median: 3, sigma: 10}}}}, unit: {unit}, risk: {{adverse: high}},
         source: {{kind: judgment, reference: nobody knows}}}}
team:
  roles: {{ae: {{capacity: {{open_opportunities: 20}}, backfill: {{policy: always, lag: {lag}}},
               attrition: {{voluntary: 50 % per year}}}}}}
  seats: [{{name: ae, role: ae, segment: once, existing: 3, hires: {{2027-12: 5}}, time_to_fill_delay: {delay}}}]
funnel:
  stale: 20 % per month
  channels:
    inbound:
      segments: {{once: {{volume: {volume}, win_rate: 50 %, cycle: {cycle}, cycle_spread: 900 %, deal_size: 1_000}}}}
  opening_pipeline:
    rows: [{{segment: once, channel: inbound, stage: opportunity, age_months: 3, count: 5}}]
"""
BASE = """
plan: {name: Extreme, currency: USD, start: 2027-01, months: 12}
segments: {smb: {geo: NA}}
assumptions:
  wild: {plan: 3 months, distribution: {lognormal: {median: 3, sigma: 10}}, unit: months, risk: {adverse: high},
         source: {kind: judgment, reference: nobody knows}}
funnel:
  channels:
    site:
      sold_by: nobody
      segments: {smb: {volume: 9 per month, win_rate: 50 %, cycle: 0 months, deal_size: 1_000}}
base: {smb: {renewal_rate: 90 %, go_live: wild, term_months: 1}}
"""

CALM = {"unit": "months", "lag": "2 months", "delay": "1 month", "volume": "9 per month", "cycle": "2 months"}


def test_a_lag_beyond_all_numbers_is_never():
    assert random.whole_months(1e300, 2.0, 0.999, 0.5) == random.NEVER
    assert random.whole_months(float("inf"), 0.0, 0.5, 0.5) == random.NEVER


@pytest.mark.parametrize("where", ["lag", "delay", "cycle"])
def test_a_duration_without_end_is_only_late(where):
    plan = loads(PLAN.format(**{**CALM, where: "wild"}))
    values = np.geomspace(1e-3, 1e30, 400)
    headcount = [
        run_paths(plan, 1, values={"wild": value}, first=i).group["headcount"] for i, value in enumerate(values)
    ]
    assert np.max(headcount) <= 8
    assert np.max([h[0, :11] for h in headcount]) <= 3  # nobody comes before the month they are planned for
    ds = simulate(plan, draws=2000)
    assert np.isfinite(ds.bookings).all()


def test_what_goes_live_beyond_all_numbers_never_does():
    plan = loads(BASE)
    for value in np.geomspace(1e3, 1e30, 200):
        segment = run_paths(plan, 1, values={"wild": value}).segment
        assert segment["new_customers"].sum() > 0
        assert segment["went_live"].sum() == segment["renewals_due"].sum() == 0
    assert run_paths(plan, 1, values={"wild": 3.0}).segment["renewals_due"].sum() > 0


@pytest.mark.parametrize("spread", [1e100, float("inf")])
def test_a_spread_beyond_all_numbers_leaves_next_to_nothing(spread):
    plan = loads(PLAN.format(**{**CALM, "unit": "fraction"}).replace("cycle_spread: 900 %", "deal_size_spread: wild"))
    segment = run_paths(plan, 3, values={"wild": spread}).segment
    assert segment["won"].sum() > 0
    assert segment["one_off_bookings"].sum() < 1.0


def test_more_arrivals_than_can_be_simulated_are_refused_with_the_name_of_the_assumption():
    plan = loads(PLAN.format(**{**CALM, "unit": "count per month", "volume": "wild"}))
    with pytest.raises(SimengineError, match=r"wild: a value of .* cut its distribution off"):
        simulate(plan, draws=2000)


def test_more_arrivals_from_hours_than_there_is_room_for_are_refused(monkeypatch):
    monkeypatch.setattr(run, "_MOST_ROOM", 2**20)
    text = PLAN.replace("volume: {volume}", "from_hours: {{role: sdr, per_hour: 1}}")
    text = text.replace("roles: {{", "roles: {{sdr: {{hours: wild}}, ")
    text = text.replace("seats: [", "seats: [{{name: sdr, role: sdr, existing: 1}}, ")
    plan = loads(text.format(**{**CALM, "unit": "count per month"}))
    for hours in (1e12, 1e20, 1e300):
        with pytest.raises(MemoryError, match="draw 5 needs more room"):
            run_paths(plan, 1, values={"wild": hours}, first=5)
    with pytest.raises(SimengineError, match="more opportunities, customers or expansions than can be simulated"):
        simulate(plan, draws=2000)


def test_more_seats_than_the_kernel_can_tell_apart_are_refused():
    plan = PLAN.format(**{**CALM, "lag": "wild"})
    packed = pack(loads(plan.replace("existing: 3", "existing: 65_531")), seed=7, stream=0)
    assert packed.tables.pools[0, Pool.SEATS] == 65_536
    one_more = loads(plan.replace("existing: 3", "existing: 65_532"))
    with pytest.raises(SimengineError, match="segment once: 65,537 seats sell in it, and at most 65,536"):
        simulate(one_more, draws=1)
