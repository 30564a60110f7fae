"""People, hours and quotas against closed forms and limiting cases.

Statistical tests compare with the exact law at LEVEL and reject a wrong one; the others hold path by path.
"""

import numpy as np
import pytest
from scipy import stats

from simengine.plan import loads
from tests.kernel.support import simulate
from tests.kernel.test_laws import LEVEL, p_value

HEADER = "plan: {{name: People, currency: USD, start: 2027-01, months: {months}}}\n"
SOLD_ONCE = "segments: {smb: {sells: once}}\n"


def plan_of(text, months=12):
    return loads(HEADER.format(months=months) + SOLD_ONCE + text)


def chi_square(observed, probability):
    """p-value of counts against the probabilities of their classes."""
    return stats.chisquare(observed, np.asarray(probability) * observed.sum()).pvalue


def is_share(k, n, p):
    """Whether k of n is compatible with probability p at LEVEL."""
    return stats.binomtest(int(k), int(n), p).pvalue > LEVEL


def hazard(per_year):
    return -np.log1p(-per_year) / 12


# ---- leaving ----

SEATS, PATHS = 20, 5000
"""Seats of each plan here, and paths of it: everybody leaves independently of the others."""


def leavers_by_month(text, months=12):
    """How many of SEATS · PATHS people leave at the end of each month, and how many stay."""
    left = simulate(plan_of(text, months), PATHS).group["leavers"][:, :, 0].sum(axis=0)
    return np.append(left, SEATS * PATHS - left.sum())


def leaving(cumulative):
    """Probabilities of leaving in each month, and of staying, from the cumulated hazard at the months' ends."""
    survival = np.exp(-np.concatenate([[0.0], cumulative]))
    return np.append(-np.diff(survival), survival[-1])


BY_TENURE = """
team:
  roles: {rep: {attrition: {voluntary: 30 % per year, by_tenure: {0: x1.6, 6: x1, 9: x2.5}}}}
  seats: [{name: reps, role: rep, existing: 20, tenure_months: 2.5}]
"""


def test_survival_follows_the_hazard_by_tenure():
    observed = leavers_by_month(BY_TENURE)
    tenure = 2.5 + np.arange(13)
    total = 1.6 * np.minimum(tenure, 6) + np.clip(tenure - 6, 0, 3) + 2.5 * np.maximum(tenure - 9, 0)
    assert chi_square(observed, leaving(hazard(0.3) * (total[1:] - total[0]))) > LEVEL
    flat = 1.6 * np.minimum(tenure, 6) + np.maximum(tenure - 6, 0)
    assert chi_square(observed, leaving(hazard(0.3) * (flat[1:] - flat[0]))) < LEVEL


def test_who_is_expected_starts_in_that_month_and_moves_nobody_elses_chance():
    text = """
team:
  roles: {rep: {attrition: {voluntary: 30 % per year}}}
  seats: [{name: reps, role: rep, hires: {2027-02: 3}, WHO time_to_fill_delay: 2 months, delay_spread: 80 %}]
"""
    alone, both = (
        simulate(plan_of(text.replace("WHO", who)), PATHS).group for who in ("", "expected: {2027-02: 4, 2027-05: 2},")
    )
    more = both["starts"][..., 0] - alone["starts"][..., 0]
    assert (more == np.array([0, 4, 0, 0, 2, *[0] * 7])).all()
    assert (both["recruited"] == both["starts"]).all()
    late = alone["starts"][:, 1, 0].sum()
    assert 0 < late < 3 * PATHS


def test_each_of_those_who_are_there_leaves_by_a_tenure_of_their_own():
    tenures = [2.5] * 12 + [7.0] * 8
    text = BY_TENURE.replace("tenure_months: 2.5", f"tenure_months: {tenures}")

    def of_all(tenures):
        """The law of who leaves when, of a mean over people."""
        months = np.arange(13)[:, None] + np.array(tenures)
        total = 1.6 * np.minimum(months, 6) + np.clip(months - 6, 0, 3) + 2.5 * np.maximum(months - 9, 0)
        return np.mean([leaving(hazard(0.3) * (each[1:] - each[0])) for each in total.T], axis=0)

    observed = leavers_by_month(text)
    assert chi_square(observed, of_all(tenures)) > LEVEL
    assert chi_square(observed, of_all([np.mean(tenures)] * SEATS)) < LEVEL


def test_one_tenure_for_all_is_the_same_for_each():
    one, each = (BY_TENURE.replace("tenure_months: 2.5", f"tenure_months: {m}") for m in ("2.5", [2.5] * SEATS))
    found, expected = (simulate(plan_of(text), 50).group for text in (each, one))
    assert all((found[name] == expected[name]).all() for name in expected)


def test_competing_risks_split_leavers_in_proportion_to_their_hazards():
    text = """
team:
  roles: {rep: {attrition: {voluntary: 30 % per year, involuntary: 10 % per year}}}
  seats: [{name: reps, role: rep, existing: 20, tenure_months: 30}]
"""
    flows = simulate(plan_of(text), PATHS).group
    leavers, involuntary = flows["leavers"].sum(), flows["involuntary"].sum()
    share = hazard(0.1) / (hazard(0.1) + hazard(0.3))
    assert is_share(involuntary, leavers, share)
    assert not is_share(involuntary, leavers, 0.1 / 0.4)
    assert is_share(leavers, SEATS * PATHS, 1 - 0.7 * 0.9)


def test_missed_quota_raises_the_voluntary_hazard_in_the_next_fiscal_year():
    text = """
team:
  roles:
    rep:
      capacity: unlimited
      quota: 120 per year
      attrition: {voluntary: 10 % per year, involuntary: 5 % per year, missed_quota: {below: 50 %, voluntary: x3}}
  seats: [{name: reps, role: rep, segment: smb, existing: 20, tenure_months: 30}]
"""
    observed = leavers_by_month(text, months=24)  # nobody sells anything
    first = np.full(12, hazard(0.1) + hazard(0.05))
    second = np.full(12, 3 * hazard(0.1) + hazard(0.05))
    assert chi_square(observed, leaving(np.cumsum([*first, *second]))) > LEVEL
    assert chi_square(observed, leaving(np.cumsum([*first, *first]))) < LEVEL


# ---- promotion ----

PROMOTION = """
team:
  roles:
    sdr: {{promotion: {{rate: 60 % per year, after: 4.5 months{into}}}}}
    ae: {{capacity: unlimited}}
  seats:
    - {{name: sdr, role: sdr, existing: {sdrs}}}
    - {{name: ae, role: ae, segment: smb, hires: {{2027-01: 1}}, time_to_fill_delay: 60 months}}
"""


def ready(months):
    """Probabilities of being ready in each month and of not being so: hazard from a tenure of 4.5 months on."""
    return leaving(hazard(0.6) * np.maximum(0.0, np.arange(1, months + 1) - 4.5))


def test_the_promoted_fill_an_open_seat_in_the_month_after_they_are_ready():
    flows = simulate(plan_of(PROMOTION.format(into=", into: ae", sdrs=1)), 20_000).group
    ae, sdr = 0, 1
    starts = flows["starts"][:, :, ae].sum(axis=0)
    np.testing.assert_array_equal(flows["promoted"][:, :-1, sdr], flows["starts"][:, 1:, ae])
    assert flows["recruited"].sum() == 0
    assert chi_square(np.append(starts[5:], 20_000 - starts.sum()), join(ready(11), 4)) > LEVEL
    assert chi_square(np.append(starts[5:], 20_000 - starts.sum()), join(ready(12)[1:], 4)) < LEVEL


def join(probability, first):
    """Probabilities from class `first` on; the earlier ones are impossible."""
    return probability[first:] / probability[first:].sum()


def test_without_an_open_seat_the_rest_stays():
    flows = simulate(plan_of(PROMOTION.format(into=", into: ae", sdrs=3)), 2000).group
    promoted = flows["promoted"][:, :, 1].sum(axis=1)
    assert set(promoted) == {0, 1}
    np.testing.assert_array_equal(flows["headcount"][:, -1, 1], 3 - promoted)


def test_promotion_without_a_group_leaves_the_plan_at_once():
    flows = simulate(plan_of(PROMOTION.format(into="", sdrs=20)), PATHS).group
    left = flows["promoted"][:, :, 1].sum(axis=0)
    observed = np.append(left[4:], SEATS * PATHS - left.sum())
    assert chi_square(observed, join(ready(12), 4)) > LEVEL
    assert chi_square(observed, join(ready(13)[1:], 4)) < LEVEL
    assert flows["starts"].sum() == 0


# ---- ramp ----


def test_a_share_of_people_never_ramps():
    text = """
team:
  roles: {rep: {ramp: {workload: 3 months, shape: step, never: {share: 8 %, level: 25 %}}}}
  seats: [{name: reps, role: rep, existing: 40, tenure_months: 24}]
"""
    ramped = simulate(plan_of(text, months=1), 100_000).group["ramped"][:, 0, 0]
    never = np.rint((40 - ramped) / 0.75).astype(int)
    np.testing.assert_allclose(40 - 0.75 * never, ramped, atol=1e-9)
    assert p_value(never, stats.binom(40, 0.08)) > LEVEL
    assert p_value(never, stats.binom(40, 0.082)) < LEVEL


BOOKINGS_RAMP = """
team:
  roles:
    ae: {{capacity: {{open_opportunities: 600}}, ramp: {{bookings: [0 %, 25 %, 50 %, 100 %], cycle: {ramp} months}}}}
  seats: [{{name: ae, role: ae, segment: smb, hires: {{2027-09: 1}}}}]
funnel:
  stale: 100 % per month
  channels:
    inbound:
      segments:
        smb: {{volume: 200 per month, win_rate: 100 %, cycle: 6 months, cycle_spread: {spread} %, deal_size: 1}}
"""
FIRST_DAY, MONTHS = 8, 24
RAMP = 100.0 * np.repeat([0.0, 0.25, 0.5, 1.0, 1.0, 1.0], 3)[: MONTHS - FIRST_DAY]
"""What the ramp says a month: 600 places turned over every six months are 100 deals."""


def booked(paths, spread=0, ramp=6):
    run = simulate(plan_of(BOOKINGS_RAMP.format(spread=spread, ramp=ramp), MONTHS), paths)
    return run.segment["one_off_bookings"][:, :, 0]


def test_a_hire_with_a_bookings_ramp_books_that_ramp():
    # integer effects: the room of a month is cut down to whole opportunities, so each flow is off by less than one
    deals = booked(5)
    assert (deals[:, :FIRST_DAY] == 0).all()
    np.testing.assert_array_less(np.abs(deals[:, FIRST_DAY:] - RAMP), 1.0 + 1e-9)


def test_with_a_spread_of_cycles_a_hire_books_in_expectation_not_less_than_the_ramp():
    paths, limit = 200, stats.norm.isf(LEVEL)

    def shortfall(deals):
        """Largest shortfall of mean cumulative bookings below the ramp, in standard errors."""
        total = deals[:, FIRST_DAY:].cumsum(axis=1)
        error = np.maximum(total.std(axis=0, ddof=1) / np.sqrt(paths), 1e-9)
        # whole opportunities: less than one place of the room is unused at any time
        return ((RAMP.cumsum() - 1.0 - (total + deals[:, :FIRST_DAY].sum(axis=1)[:, None]).mean(axis=0)) / error).max()

    assert shortfall(booked(paths, spread=60)) < limit
    assert shortfall(booked(paths, spread=60, ramp=0)) > limit  # negative control: applied as a workload, a cycle late


# ---- demand ----

HOURS = """
team:
  roles: {{sdr: {{hours: 100 per month}}}}
  seats: [{{name: sdr, role: sdr, existing: 2}}]
funnel:
  channels:
    inbound:
      sold_by: nobody
      qualified_by: {{role: sdr, hours: 0.5}}
      segments: {{smb: {{volume: {volume} per month, win_rate: 0 %, cycle: 0 months, deal_size: 1}}}}
    outbound:
      sold_by: nobody
      segments: {{smb: {{from_hours: {{role: sdr, per_hour: 0.05}}, win_rate: 0 %, cycle: 0 months, deal_size: 1}}}}
"""


def test_outbound_gets_the_hours_that_inbound_leaves():
    # given n inbound arrivals outbound is Poisson with mean 0.05 (200 − 0.5 n): mean 2.5 and variance
    # 2.5 + 0.025² · 300 in all
    run = simulate(plan_of(HOURS.format(volume=300), months=1), 50_000)
    outbound = run.reached[:, 0, 1, 0]
    assert run.cell["dropped"].sum() == 0
    error = np.sqrt((2.5 + 0.025**2 * 300) / 50_000)
    limit = stats.norm.isf(LEVEL / 2) * error
    assert abs(outbound.mean() - 2.5) < limit
    assert abs(outbound.mean() - 0.05 * 200) > limit  # negative control: hours spent twice
    assert np.corrcoef(run.reached[:, 0, 0, 0], outbound)[0, 1] < -5 / np.sqrt(50_000)


def test_inbound_beyond_the_hours_is_dropped_and_leaves_none():
    # given n arrivals binomial(n, 400/n) are kept: mean 400 for every n above 400
    run = simulate(plan_of(HOURS.format(volume=600), months=1), 20_000)
    kept, dropped = run.reached[:, 0, 0, 0], run.cell["dropped"][:, 0, 0]
    assert run.reached[:, 0, 1, 0].sum() == 0
    error = kept.std(ddof=1) / np.sqrt(20_000)
    limit = stats.norm.isf(LEVEL / 2)
    assert abs(kept.mean() - 400) < limit * error
    assert abs(kept.mean() - 402) > limit * error
    assert p_value((kept + dropped).astype(int), stats.poisson(600)) > LEVEL


RESPONSE = """
funnel:
  channels:
    paid:
      sold_by: nobody
      spend: {spend} per month
      response: {{at_spend: 100000 per month, half_saturation: x0.5}}
      segments: {{smb: {{volume: 40 per month, win_rate: 0 %, cycle: 0 months, deal_size: 1}}}}
"""


@pytest.mark.parametrize(("spend", "mean"), [(100_000, 40.0), (200_000, 48.0), (50_000, 30.0)])
def test_arrivals_saturate_with_spend(spend, mean):
    arrived = simulate(plan_of(RESPONSE.format(spend=spend), months=1), 200_000).reached[:, 0, 0, 0].astype(int)
    assert p_value(arrived, stats.poisson(mean)) > LEVEL
    assert p_value(arrived, stats.poisson(1.01 * mean)) < LEVEL


def test_sellers_find_their_own_opportunities():
    text = """
team:
  roles: {ae: {capacity: unlimited, ramp: {workload: 10 months, shape: linear}}}
  seats: [{name: ae, role: ae, segment: smb, existing: 4, tenure_months: 4}]
funnel:
  channels:
    own: {segments: {smb: {from_sellers: 0.8 per month, win_rate: 0 %, cycle: 0 months, deal_size: 1}}}
"""
    arrived = simulate(plan_of(text, months=1), 100_000).reached[:, 0, 0, 0].astype(int)
    assert p_value(arrived, stats.poisson(4 * 0.45 * 0.8)) > LEVEL
    assert p_value(arrived, stats.poisson(4 * 0.8)) < LEVEL


def test_a_lag_between_stages_keeps_its_mean_and_everybody_arrives():
    text = """
funnel:
  stages: [lead, opportunity]
  channels:
    web:
      sold_by: nobody
      segments:
        smb: {volume: 50 per month, rates: [40 %], stage_lags: [1.25 months], win_rate: 0 %, cycle: 0 months,
              deal_size: 1}
"""
    paths = 5000
    reached = simulate(plan_of(text, months=4), paths).reached[:, :, 0, 1].sum(axis=0)
    # three quarters of a month's leads pass one month later, a quarter two months later
    mean = paths * 20 * np.array([0.75, 1.0, 1.0])
    assert reached[0] == 0
    assert stats.chi2(3).sf(((reached[1:] - mean) ** 2 / mean).sum()) > LEVEL
    wrong = paths * 20 * np.array([0.70, 1.0, 1.0])
    assert stats.chi2(3).sf(((reached[1:] - wrong) ** 2 / wrong).sum()) < LEVEL


# ---- hiring freeze ----

FREEZE = """
assumptions:
  win_rate:
    unit: fraction
    plan: 50 %
    distribution: {uniform: [0 %, 100 %]}
    source: {kind: judgment, reference: test}
    risk: {adverse: low}
team:
  roles: {ae: {capacity: unlimited}}
  hiring_freeze: {when_behind: 10 %, after_months: 3}
  seats: [{name: ae, role: ae, segment: smb, existing: 1, hires: {2027-03: 1, 2027-07: 2}}]
funnel:
  channels: {web: {segments: {smb: {volume: 100 per month, win_rate: win_rate, cycle: 0 months, deal_size: 1}}}}
"""


def test_a_freeze_puts_hires_off_while_bookings_are_behind_and_a_new_year_lifts_it():
    plan = plan_of(FREEZE, months=24)
    behind = simulate(plan, 10, values={"win_rate": 0.0}).group
    ahead = simulate(plan, 10, values={"win_rate": 1.0}).group
    in_march, in_july, in_january = 2, 6, 12
    for flows, start in ((behind, in_january), (ahead, in_july)):
        starts = np.zeros(24)
        starts[in_march], starts[start] = 1, 2
        np.testing.assert_array_equal(flows["starts"][:, :, 0], np.tile(starts, (10, 1)))
    put_off = np.zeros(24)
    put_off[in_july:in_january] = 2
    np.testing.assert_array_equal(behind["frozen"][:, :, 0], np.tile(put_off, (10, 1)))
    assert ahead["frozen"].sum() == 0


# ---- quota and pay ----

SELLERS = """
economics: {{commission: {{accelerator: {{above: 100 %, rate: x2}}}}}}
team:
  roles:
    ae: {{capacity: unlimited, quota: 12 per year, cost: {{variable: 1200 per year}}{draw}}}
    lead: {{quota: team}}
  seats:
    - {{name: ae, role: ae, segment: smb, team: east, existing: {sellers}}}
    - {{name: lead, role: lead, team: east, existing: 1}}
funnel:
  channels:
    web: {{segments: {{smb: {{volume: {volume} per month, win_rate: 100 %, cycle: 0 months, deal_size: 1}}}}}}
"""
AE, LEAD = 0, 1


def test_seats_are_rated_by_bookings_over_quota():
    paths = 20_000
    flows = simulate(plan_of(SELLERS.format(draw="", sellers=1, volume=1)), paths).group
    won = stats.poisson(12)  # a deal is one, the quota is twelve
    laws = {"at_quota": won.sf(11), "near_quota": won.pmf(9), "below_half": won.cdf(5)}
    assert (flows["rated"][:, -1, AE] == 1).all()
    assert flows["rated"][:, :-1].sum() == 0
    for band, probability in laws.items():
        assert is_share(flows[band][:, -1, AE].sum(), paths, probability)
    assert not is_share(flows["at_quota"][:, -1, AE].sum(), paths, won.sf(12))  # those who just make it count


def test_a_managers_number_is_their_teams():
    flows = simulate(plan_of(SELLERS.format(draw="", sellers=3, volume=3)), 2000).group
    np.testing.assert_allclose(flows["quota"][:, :, LEAD], flows["quota"][:, :, AE])
    made = flows["credited"][:, :, AE].sum(axis=1) >= 36
    np.testing.assert_array_equal(flows["at_quota"][:, -1, LEAD], made)
    assert 0 < made.mean() < 1


def test_commission_is_paid_at_twice_the_rate_above_quota():
    run = simulate(plan_of(SELLERS.format(draw="", sellers=1, volume=1)), 1000)
    won = run.segment["won"].sum(axis=(1, 2))
    paid = run.group["commission"][:, :, AE].sum(axis=1)
    np.testing.assert_allclose(paid, 100 * (np.minimum(won, 12) + 2 * np.maximum(won - 12, 0)))
    assert (won > 12).any()
    assert run.group["commission"][:, :, LEAD].sum() == 0


def test_a_draw_is_the_least_that_the_first_months_pay():
    draw = ", commission_draw: {months: 3, share: 50 %}"
    run = simulate(plan_of(SELLERS.format(draw=draw, sellers=1, volume=0.5)), 1000)
    won, paid = run.segment["won"][:, :, 0], run.group["commission"][:, :, AE]
    np.testing.assert_allclose(paid[:, :3], np.maximum(50, 100 * won[:, :3]))
    below_quota = won.sum(axis=1) <= 12
    np.testing.assert_allclose(paid[below_quota, 3:], 100 * won[below_quota, 3:])
    assert (won[:, :3] == 0).any()


def test_quotas_follow_potential_tenure_and_ramp():
    text = """
team:
  roles:
    ae:
      capacity: {open_opportunities: 5}
      quota: 1200 per year
      quota_by_tenure: {0: x0.5, 6: x1}
      quota_relief: ramp
      ramp: {workload: 4 months, shape: linear}
  seats: [{name: ae, role: ae, segment: smb, existing: 1, tenure_months: 36, hires: {2027-02: 1}}]
  territories:
    - {name: north, seats: ae, potential: x3}
    - {name: south, seats: ae, potential: x1}
"""
    quota = simulate(plan_of(text), 1).group["quota"][0, :, 0]
    ramp = np.minimum(1, (np.arange(11) + 0.5) / 4)
    hired = 100 * np.where(np.arange(11) + 0.5 < 6, 0.5, 1.0) * ramp * 0.5  # potential 1 of a mean of 2
    np.testing.assert_allclose(quota, 100 * 1.5 + np.append(0.0, hired))
