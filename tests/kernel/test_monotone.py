"""More of a good thing never hurts, path by path with the same random variation, where docs/model.md promises it.

A promise has conditions. Where one is missing, a counter-example shows that it is needed: some path is worse off.
"""

import numpy as np
import pytest

from simengine.plan import loads
from tests.kernel.support import at_plan, simulate

PATHS = 200
CENT = 0.01

TEXT = """
plan: {name: Good things, currency: USD, start: 2027-02, months: 24, fiscal_year_start: 4}
segments: {smb: {geo: NA}, large: {geo: EMEA}, once: {sells: once}}
assumptions:
NUMBERS
team:
  roles:
    ae: {capacity: unlimited, attrition: {voluntary: leaving, involuntary: 10 % per year, by_tenure: {0: x1.5, 6: x1}},
         backfill: {policy: never}, ramp: {workload: 5, spread: 40 %, never: {share: 10 %, level: 30 %}},
         productivity_spread: 40 %, leaver_pipeline: {reassigned_after: 2, win_rate: x0.6},
         quota: 600_000 per year, cost: {variable: 90_000 per year}}
    csm: {carries: {customers: carried}, attrition: {voluntary: 20 % per year}}
  seats:
    - {name: ae smb, role: ae, segment: smb, existing: 6, tenure_months: 3}
    - {name: ae large, role: ae, segment: large, existing: 2, hires: {2027-05: 2}, time_to_fill_delay: delay,
       delay_spread: 60 %}
    - {name: ae once, role: ae, segment: once, existing: 1}
    - {name: csm, role: csm, existing: 2}
  territories:
    - {name: north, seats: ae smb, potential: 2}
    - {name: east, seats: ae smb}
    - {name: south, seats: ae smb}
    - {name: west, seats: ae smb}
    - {name: coast, seats: ae smb}
    - {name: hills, seats: ae smb, potential: 0.5}
funnel:
  stages: [lead, mql, opportunity]
  stale: 20 % per month
  channels:
    inbound:
      segments:
        smb: {volume: leads, growth: 10 % per year, overdispersion: x2, rates: [rate, 50 %], stage_lags: [0.6, 1.3],
              win_rate: win_rate, cycle: 3, cycle_lost: 5, cycle_spread: 60 %, deal_size: deal_size,
              deal_size_spread: 80 %, outliers: {share: 5 %, times: x4},
              seasonality: {created: [1, 2, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1],
                            closed: [1, 0, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2]}}
        large: {volume: 9 per month, rates: [50 %, 50 %], win_rate: win_rate, cycle: 5, deal_size: deal_size}
        once: {volume: 6 per month, rates: [50 %, 50 %], win_rate: win_rate, cycle: 2, deal_size: deal_size}
  opening_pipeline:
    rows:
      - {segment: smb, channel: inbound, stage: opportunity, age_months: 2, count: 9}
      - {segment: large, channel: inbound, stage: mql, age_months: 2, count: 5, value: 90_000}
base:
  smb: {customers: 40, arr: 600_000, size_spread: 80 %, renewal_rate: renewal, DOLLARS
        contraction: 4 %, price_increase: price, terms: {6: 30 %, 12: 70 %}, early: {share: 20 %, months: 2},
        late: {share: 10 %, months: 1}, load_elasticity: 0.8, go_live: 1.5,
        named_accounts: [{name: whale, arr: 90_000, renews: 2027-06, renewal_rate: renewal}],
        expansion: {opportunities_per_customer: upsells, win_rate: upsell_rate, size: upsell_size, size_spread: 50 %}}
  large: {customers: 12, arr: 900_000, renewal_rate: renewal, term_months: 12}
"""
ENOUGH = 1e6
"""Customers that one person carries: coverage is always full, and the load feeds nothing back."""
NUMBERS = {
    "win_rate": ("fraction", 0.25),
    "deal_size": ("currency", 20_000),
    "leads": ("count per month", 25),
    "rate": ("fraction", 0.5),
    "renewal": ("fraction", 0.85),
    "price": ("fraction", 0.03),
    "upsells": ("count per year", 1.5),
    "upsell_rate": ("fraction", 0.4),
    "upsell_size": ("currency", 6_000),
    "leaving": ("fraction per year", 0.4),
    "delay": ("months", 2.5),
    "carried": ("count", ENOUGH),
}


def written(dollars=""):
    lines = (
        f"  {name}: {{unit: {unit}, plan: {value}, distribution: {{fixed: {value}}},"
        " source: {kind: judgment, reference: test}, risk: {adverse: low}}"
        for name, (unit, value) in NUMBERS.items()
    )
    return TEXT.replace("NUMBERS", "\n".join(lines)).replace("DOLLARS", dollars)


PLAN = written()
TWO_RATES = written("dollar_renewal_rate: 92 %,")
LIMITED = PLAN.replace("capacity: unlimited", "capacity: {open_opportunities: 3}")
QUICKLY_LOST = LIMITED.replace("cycle_lost: 5", "cycle_lost: 0.5")
LARGE_ARE_HARD = PLAN.replace("overdispersion", "deal_bands: [{above: 25_000, win_rate: x0.3}], overdispersion")


def paths(text=PLAN, seed=7, **changes):
    plan = loads(text)
    return simulate(plan, PATHS, values={**at_plan(plan), **changes}, seed=seed)


def so_far(name):
    """What a segment output adds up to since the start."""
    return lambda run: run.segment[name].cumsum(axis=1)


def at_the_end(name):
    """A stock at the end of each month."""
    return lambda run: run.segment[name]


def bookings(run):
    return (run.segment["new_arr"] + run.segment["one_off_bookings"]).cumsum(axis=1)


def arrived(run):
    return run.reached.cumsum(axis=1)


def heads(run):
    return run.group["headcount"]


def begun(run):
    return run.group["starts"].cumsum(axis=1)


PROMISES = {
    "a better win rate": ("win_rate", (0.05, 0.25, 0.6), 0.03, (so_far("won"), bookings)),
    "larger deals": ("deal_size", (5_000, 20_000), 1_000, (bookings, at_the_end("ending_arr"))),
    "more leads": ("leads", (5, 25), 2, (arrived, so_far("won"), bookings)),
    "a better rate": ("rate", (0.2, 0.5), 0.03, (arrived, so_far("won"), bookings)),
    "a better renewal rate": ("renewal", (0.6, 0.85), 0.03, (at_the_end("customers"), at_the_end("ending_arr"))),
    "a higher price": ("price", (-0.02, 0.03), 0.01, (at_the_end("ending_arr"), so_far("price_arr"))),
    "more upsells": ("upsells", (0.5, 1.5), 0.2, (so_far("expansions_met"), so_far("expansion_arr"))),
    "a better upsell rate": ("upsell_rate", (0.2, 0.4), 0.03, (so_far("expansions"), so_far("expansion_arr"))),
    "larger upsells": ("upsell_size", (3_000,), 500, (so_far("expansion_arr"), at_the_end("ending_arr"))),
    "fewer who leave": ("leaving", (0.6, 0.3), -0.05, (heads,)),
    "sooner filled": ("delay", (4.0, 2.5), -0.5, (begun,)),
}
"""What gets better, from where, by how much, and what can only gain by it."""


@pytest.mark.parametrize(("promise", "low"), [(name, low) for name in PROMISES for low in PROMISES[name][1]])
def test_more_of_a_good_thing_never_hurts(promise, low):
    name, _, step, outputs = PROMISES[promise]
    worse, better = paths(**{name: low}), paths(**{name: low + step})
    for output in outputs:
        gain = output(better) - output(worse)
        assert (gain >= -CENT).all()
        assert (gain > CENT).any()


def test_full_coverage_is_never_worse_than_less():
    for carried in (5, 20):
        less, full = paths(carried=carried), paths()
        for output in (at_the_end("customers"), at_the_end("ending_arr"), so_far("expansion_arr")):
            gain = output(full) - output(less)
            assert (gain >= -CENT).all()
            assert (gain > CENT).any()


def test_a_better_win_rate_never_hurts_where_places_bind_and_both_cycles_are_one():
    text = LIMITED.replace("cycle_lost: 5, ", "")
    worse, better = paths(text, win_rate=0.25), paths(text, win_rate=0.28)
    assert worse.segment["waiting"].any()
    assert (bookings(better) >= bookings(worse) - CENT).all()
    np.testing.assert_array_equal(better.segment["started"], worse.segment["started"])


def test_both_renewal_rates_together_never_hurt():
    worse = paths(TWO_RATES, renewal=0.85)
    better = paths(written("dollar_renewal_rate: 95 %,"), renewal=0.88)
    for output in (at_the_end("customers"), at_the_end("ending_arr")):
        assert (output(better) >= output(worse) - CENT).all()


COUNTER_EXAMPLES = {
    "other luck": ({"win_rate": 0.25}, {"win_rate": 0.28, "seed": 8}, PLAN, bookings),
    "won deals hold places for longer": ({"win_rate": 0.25}, {"win_rate": 0.28}, QUICKLY_LOST, so_far("won")),
    "more leads than places": ({"leads": 25}, {"leads": 27}, LIMITED, bookings),
    "large deals are won less often": ({"deal_size": 20_000}, {"deal_size": 21_000}, LARGE_ARE_HARD, bookings),
    "more customers are a load": ({"renewal": 0.85, "carried": 20}, {"renewal": 0.88, "carried": 20}, PLAN, None),
    "who is kept is a load too": ({"carried": 20}, {"carried": 20.2}, PLAN, None),
    "one of two renewal rates": ({"renewal": 0.6}, {"renewal": 0.63}, TWO_RATES, None),
    "later upsells outlive a contraction": ({"upsells": 1.5}, {"upsells": 1.7}, PLAN, None),
}


@pytest.mark.parametrize("case", COUNTER_EXAMPLES)
def test_without_its_condition_a_promise_fails_on_some_path(case):
    before, after, text, output = COUNTER_EXAMPLES[case]
    output = output or at_the_end("ending_arr")
    assert (output(paths(text, **after)) < output(paths(text, **before)) - CENT).any()
