"""Pools, owners, closing: exact laws and limiting cases of steps 3 and 4, each beside a law that is off and rejected.

Counts of independent Poisson streams are compared with their means: z² is chi-square at LEVEL, the chance of a false
alarm of one test.
"""

import numpy as np
import pytest
from scipy import stats

from tests.kernel.support import simulate

LEVEL = 1e-6
HEADER = "plan: {{name: Market, currency: USD, start: 2027-01, months: {months}}}\n"
SIGMA = np.sqrt(np.log1p(0.8**2))
"""Log-sigma of a lognormal with a spread of 80 %."""


def plan(demand, *, months=1, team="", segment="sells: once", base="", sold_by="nobody", more="", rows=""):
    """One channel into one segment; `demand` and the rest are YAML."""
    opening = f"\n  opening_pipeline: {{rows: [{rows}]}}" if rows else ""
    return (
        HEADER.format(months=months)
        + f"segments: {{s: {{{segment}}}}}\n"
        + (f"base: {{s: {{{base}}}}}\n" if base else "")
        + (f"team:\n  {team}\n" if team else "")
        + f"funnel:{more}{opening}\n  channels: {{c: {{sold_by: {sold_by}, segments: {{s: {{{demand}}}}}}}}}\n"
    )


def sellers(role, *groups, more=""):
    """A team of groups (name, existing), all in one role."""
    seats = ", ".join(f"{{name: {name}, role: r, segment: s, existing: {n}}}" for name, n in groups)
    return f"roles: {{r: {{{role}}}}}\n  seats: [{seats}]{more}"


def poisson_p(observed, mean):
    """P value of independent Poisson counts with large means, against those means."""
    observed, mean = np.asarray(observed, float), np.asarray(mean, float)
    return stats.chi2(observed.size).sf(((observed - mean) ** 2 / mean).sum())


def assert_poisson(observed, mean, wrong):
    assert poisson_p(observed, mean) > LEVEL
    assert poisson_p(observed, wrong) < LEVEL


def assert_binomial(hits, n, share, wrong):
    assert stats.binomtest(int(hits), int(n), share).pvalue > LEVEL
    assert stats.binomtest(int(hits), int(n), wrong).pvalue < LEVEL


def same_bits(a, b):
    return all(np.array_equal(a.segment[name], b.segment[name]) for name in a.segment)


def wins_by_month(weights, months, mean, spread):
    """Expected wins a month at one arrival a month, all won: docs/model.md, section 4."""
    sigma = np.sqrt(np.log1p(spread**2))
    clock = np.concatenate([[0.0], np.cumsum(np.resize(weights, months))])

    def excess(x):
        d = (np.log(np.maximum(x, 1e-300) / mean) + sigma**2 / 2) / sigma
        return np.where(x > 0, x * stats.norm.cdf(d) - mean * stats.norm.cdf(d - sigma), 0.0)

    wins = np.zeros(months)
    for t in range(months):
        gone = clock[1:] - clock[t]
        closed = (excess(gone) - excess(gone - (clock[t + 1] - clock[t]))) / (clock[t + 1] - clock[t])
        wins += np.diff(np.where(np.arange(months) >= t, closed, 0.0), prepend=0.0)
    return wins


CLOCK = "volume: 1 per month, win_rate: 100 %, cycle: 2.5 months, cycle_spread: 60 %, deal_size: 1"
QUARTERS = np.array([0.5, 0.5, 2.0])


def test_deals_close_when_the_closing_clock_has_run_their_cycle():
    paths = 100_000
    closed = CLOCK + ", seasonality: {closed: [1, 1, 4, 1, 1, 4, 1, 1, 4, 1, 1, 4]}"
    won = simulate(plan(closed, months=12), paths).segment["won"][:, :, 0].sum(axis=0)
    right = wins_by_month(QUARTERS, 12, 2.5, 0.6) * paths
    assert_poisson(won, right, wins_by_month(QUARTERS * [1.05, 0.95, 1], 12, 2.5, 0.6) * paths)


def test_equal_weights_of_closing_change_no_bit():
    even, none = (
        simulate(plan(CLOCK + more, months=9), 300) for more in (", seasonality: {closed: " + str([3] * 12) + "}", "")
    )
    uneven = simulate(plan(CLOCK + ", seasonality: {closed: " + str([3] * 11 + [4]) + "}", months=9), 300)
    assert same_bits(even, none)
    assert not same_bits(uneven, none)


def test_nothing_closes_in_a_month_in_which_the_clock_stands_still():
    weights = "seasonality: {closed: [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]}"
    won = simulate(plan(f"{CLOCK}, {weights}", months=12), 500).segment["won"][:, :, 0].sum(axis=0)
    assert won[::2].sum() == 0
    assert won[1::2].min() > 0


SIZES = "volume: 1 per month, win_rate: 40 %, cycle: 1 month, deal_size: 1000, deal_size_spread: 80 %"


def test_large_deals_are_won_as_their_band_says_and_after_its_cycle():
    paths = 200_000
    bands = simulate(plan(f"{SIZES}, deal_bands: [{{above: 1000, win_rate: x0.5, cycle: x2}}]", months=3), paths)
    large = stats.norm.sf(SIGMA / 2)  # P(size > its mean)
    won, booked = bands.segment["won"][:, :, 0], bands.segment["one_off_bookings"][:, :, 0]
    # those of month 0 close in month 1 if they are small, in month 2 (with the small ones of month 1) if they are large
    means = np.array([0.4 * (1 - large), 0.4 * (1 - large) + 0.2 * large]) * paths
    assert_poisson(won[:, 1:].sum(axis=0), means, 0.4 * np.array([1 - large, 1]) * paths)
    assert booked[won[:, 1] == 1, 1].max() <= 1000
    assert booked[won[:, 2] == 1, 2].max() > 1000


@pytest.mark.parametrize(("size", "win_rate"), [(1000, 0.4), (1001, 0.2), (5000, 0.6)])
def test_the_highest_band_that_is_exceeded_counts(size, win_rate):
    paths = 50_000
    bands = "deal_bands: [{above: 1000, win_rate: x0.5}, {above: 3000, win_rate: x1.5}]"
    demand = f"volume: 1 per month, win_rate: 40 %, cycle: 0 months, deal_size: {size}, {bands}"
    won = simulate(plan(demand), paths).segment["won"].sum()
    assert_poisson([won], [win_rate * paths], [1.1 * win_rate * paths])


def test_open_deals_of_known_value_go_on_in_their_band():
    # lost ones are as old as won ones, and the value is above the band: 10 of 10 have half the win rate
    rows = "{channel: c, segment: s, stage: opportunity, age_months: 1, count: 10, value: 20000}"
    bands = "deal_bands: [{above: 1500, win_rate: x0.5, cycle: x2}]"
    demand = f"volume: 0 per month, win_rate: 40 %, cycle: 2 months, deal_size: 1, {bands}"
    won = simulate(plan(demand, months=4, rows=rows), 5000).segment["won"][:, :, 0]
    assert won[:, :3].sum() == 0  # four months in all, one is gone: they close at the end of month 3
    assert_binomial(won.sum(), 50_000, 0.2, 0.22)


PLACES = "capacity: {open_opportunities: 1000}"
TERRITORIES = """
  territories:
    - {name: a, seats: g, potential: x1}
    - {name: b, seats: g, potential: x2}
    - {name: c, seats: g, potential: x5}"""


def test_territories_get_arrivals_in_proportion_to_their_potential():
    paths = 50_000
    demand = "volume: 2 per month, win_rate: 50 %, cycle: 1 month, deal_size: 1"
    team = sellers(PLACES, ("g", 3), more=TERRITORIES)
    arrived = simulate(plan(demand, team=team, sold_by="sellers"), paths).pool["arrived"][:, 0].sum(axis=0)
    share = np.array([1, 2, 5]) / 8
    assert_poisson(arrived, 2 * paths * share, 2 * paths * (share + np.array([0.01, 0, -0.01])))


def test_one_territory_is_the_pool():
    demand = "volume: 9 per month, win_rate: 50 %, cycle: 3 months, cycle_spread: 50 %, deal_size: 1"
    seats = ("capacity: {open_opportunities: 8}", ("g", 1))
    territory = "\n  territories: [{name: only, seats: g, potential: x3}]"
    pooled, alone = (
        simulate(plan(demand, months=8, team=sellers(*seats, more=more), sold_by="sellers"), 200)
        for more in ("", territory)
    )
    assert same_bits(pooled, alone)
    assert pooled.segment["waiting"].sum() > 0


def test_room_in_one_territory_does_not_help_another():
    demand = "volume: 9 per month, win_rate: 50 %, cycle: 3 months, deal_size: 1"
    territories = "\n  territories: [{name: a, seats: g, potential: x0}, {name: b, seats: g, potential: x1}]"
    seats = ("capacity: {open_opportunities: 5}", ("g", 2))
    parted = simulate(plan(demand, months=6, team=sellers(*seats, more=territories), sold_by="sellers"), 200)
    pooled = simulate(plan(demand, months=6, team=sellers(*seats), sold_by="sellers"), 200)
    assert parted.pool["arrived"][:, :, 0].sum() == 0
    assert parted.pool["load"].max() == 5
    assert pooled.pool["load"].max() == 10
    assert (parted.segment["started"].sum(axis=1) <= pooled.segment["started"].sum(axis=1)).all()


OPEN = "{channel: c, segment: s, stage: opportunity, age_months: 0, count: 9, value: 900}"
CERTAIN = "volume: 0 per month, win_rate: 100 %, cycle: 2 months, deal_size: 1"


def credited(role_a, role_b, rows):
    """Bookings credited to two groups of one seat each."""
    team = (
        f"roles: {{a: {{capacity: {{open_opportunities: {role_a}}}}},"
        f" b: {{capacity: {{open_opportunities: {role_b}}}}}}}\n"
        "  seats: [{name: a, role: a, segment: s, existing: 1}, {name: b, role: b, segment: s, existing: 1}]"
    )
    return (
        simulate(plan(CERTAIN, months=3, team=team, sold_by="sellers", rows=rows), 1).group["credited"][0].sum(axis=0)
    )


def test_opportunities_go_to_the_least_loaded_seat():
    assert credited(10, 10, OPEN).tolist() == [500, 400]  # the ninth to the first of equals
    assert credited(10, 20, OPEN).tolist() == [300, 600]


def test_an_open_opportunity_stays_with_the_group_that_owns_it():
    assert credited(10, 20, OPEN.replace("count", "owner: a, count")).tolist() == [900, 0]


def test_what_waits_at_the_start_is_taken_up_before_what_arrives():
    demand = "volume: 1000 per month, win_rate: 100 %, cycle: 0.5 months, deal_size: 1"
    team = sellers("capacity: {open_opportunities: 100}", ("g", 1))
    rows = OPEN.replace("count: 9", "waiting: true, count: 9")
    of = {"months": 2, "team": team, "sold_by": "sellers", "more": "\n  stale: 50 % per month"}
    paths = simulate(plan(demand, rows=rows, **of), 2_000)
    # One after the other they take a place, or none if they close at once: all nine have one in the first month.
    stale = paths.segment["stale"][:, 0, 0]
    opening = paths.cell["bookings"][:, :, 0] - paths.cell["won"][:, :, 0]
    assert np.allclose(opening.sum(axis=1), 99 * (9 - stale))
    assert_binomial(stale.sum(), 9 * 2_000, 0.5, 0.45)
    alone = simulate(plan(demand, **of), 2_000)
    assert np.array_equal(paths.segment["opportunities"], alone.segment["opportunities"])


SUBSCRIPTION = {"segment": "geo: NA", "base": "renewal_rate: 90 %"}


def test_new_arr_is_split_by_who_wins_it():
    demand = "volume: 3 per month, win_rate: 50 %, cycle: 1 month, deal_size: 1000"
    hires = sellers(PLACES, ("g", 1)).replace("existing: 1", "hires: {2027-01: 1}")
    cases = {
        "new_from_existing": {"team": sellers(PLACES, ("g", 1)), "sold_by": "sellers"},
        "new_from_hires": {"team": hires, "sold_by": "sellers"},
        "new_without_seller": {},
    }
    for part, case in cases.items():
        segment = simulate(plan(demand, months=6, rows=OPEN, **SUBSCRIPTION, **case), 50).segment
        assert segment[part].sum() > 0
        opening = segment["new_from_pipeline"]
        assert opening[:, 1].sum() == opening.sum() > 0
        assert np.allclose(segment[part] + opening, segment["new_arr"])


LEAVING = "attrition: {voluntary: 99 % per year}, capacity: {open_opportunities: 100}"
HANDED = "leaver_pipeline: {reassigned_after: 2 months, win_rate: x0.7}"
THREE_MONTHS = "volume: 0 per month, win_rate: 50 %, cycle: 3 months, deal_size: 1"


def test_what_a_leaver_had_open_closes_later_and_is_won_less_often():
    rows = OPEN.replace("count: 9, value: 900", "count: 10")
    team = sellers(f"{LEAVING}, {HANDED}", ("g", 1))
    paths = simulate(plan(THREE_MONTHS, months=8, team=team, sold_by="sellers", rows=rows), 20_000)
    left = paths.group["leavers"][:, :3, 0].sum(axis=1) == 1
    assert 0.2 < left.mean() < 0.8
    won, closed = paths.segment["won"][:, :, 0], (paths.segment["won"] + paths.segment["lost"])[:, :, 0]
    assert (closed[left, 5] == 10).all()
    assert (closed[~left, 3] == 10).all()
    assert_binomial(won[left].sum(), 10 * left.sum(), 0.35, 0.37)
    assert_binomial(won[~left].sum(), 10 * (~left).sum(), 0.5, 0.52)


def test_each_leaver_costs_a_deal_its_share():
    # two seats own two each; who leaves first hands over to the other, unless both leave at the same time
    rows = OPEN.replace("count: 9, value: 900", "count: 4")
    team = sellers(f"{LEAVING}, leaver_pipeline: {{win_rate: x0.7}}", ("g", 2))
    paths = simulate(plan(THREE_MONTHS, months=4, team=team, sold_by="sellers", rows=rows), 40_000)
    leavers, won = paths.group["leavers"][:, :3, 0], paths.segment["won"].sum(axis=(1, 2))
    together, apart = leavers.max(axis=1) == 2, (leavers == 1).sum(axis=1) == 2
    alone = leavers.sum(axis=1) == 1
    assert_binomial(won[together].sum(), 4 * together.sum(), 0.35, 0.38)
    assert_binomial(won[alone].sum(), 4 * alone.sum(), 0.25 + 0.175, 0.35)
    assert_binomial(won[apart].sum(), 4 * apart.sum(), 0.175 + 0.1225, 0.35)


def test_leavers_who_hand_over_at_once_and_unharmed_change_nothing():
    demand = "volume: 6 per month, win_rate: 50 %, cycle: 3 months, deal_size: 1"
    at_once, less_often = "reassigned_after: 0 months, win_rate: x1", "win_rate: x0.9"
    roles = (LEAVING, f"{LEAVING}, leaver_pipeline: {{{at_once}}}", f"{LEAVING}, leaver_pipeline: {{{less_often}}}")
    default, unharmed, harmed = (
        simulate(plan(demand, months=9, team=sellers(role, ("g", 4)), sold_by="sellers"), 200) for role in roles
    )
    assert same_bits(default, unharmed)
    assert (harmed.segment["won"] <= default.segment["won"]).all()
    assert harmed.segment["won"].sum() < default.segment["won"].sum()


IN_MONEY = "capacity: {pipeline: 10000}"
DEALS = "volume: 9 per month, win_rate: 50 %, cycle: 3 months, deal_size: 3000"


def test_room_in_money_holds_the_expected_value_of_what_is_open():
    paths = simulate(plan(DEALS, months=6, team=sellers(IN_MONEY, ("g", 2)), sold_by="sellers"), 100)
    load = paths.pool["load"]
    assert load.max() == 18_000  # six of 3000; a seventh would be one too many
    assert np.array_equal(load[:, :, 0], 3000 * paths.segment["open"][:, :, 0])


def test_room_in_money_scales_with_money():
    counts = ("started", "waiting", "won", "lost", "open", "stale")
    large = DEALS.replace("3000", "3000000, deal_size_spread: 50 %")
    small, big = (
        simulate(plan(demand, months=6, team=sellers(room, ("g", 2)), sold_by="sellers"), 100)
        for demand, room in (
            (large.replace("3000000", "3000"), IN_MONEY),
            (large, IN_MONEY.replace("10000", "10000000")),
        )
    )
    assert all(np.array_equal(small.segment[name], big.segment[name]) for name in counts)
    assert np.allclose(1000 * small.segment["pipeline"], big.segment["pipeline"], rtol=1e-9)


def test_what_is_larger_than_everybody_is_worked_alone():
    team = sellers(IN_MONEY, ("g", 1))
    paths = simulate(plan(DEALS.replace("3000", "50000"), months=7, team=team, sold_by="sellers"), 100)
    assert paths.segment["open"].max() == 1
    assert paths.segment["started"][:, [0, 3, 6]].sum() == paths.segment["started"].sum() > 0


def test_pipeline_is_what_is_open_or_waits_at_its_expected_value():
    outliers = "outliers: {share: 10 %, times: x5}"
    demand = f"volume: 9 per month, win_rate: 50 %, cycle: 2 months, deal_size: 1000, {outliers}"
    team = sellers("capacity: {open_opportunities: 5}", ("g", 1))
    paths = simulate(plan(demand, months=6, team=team, sold_by="sellers", more="\n  stale: 30 % per month"), 100)
    number = paths.segment["open"] + paths.segment["waiting"]
    assert paths.segment["stale"].sum() > 0
    assert np.allclose(paths.segment["pipeline"], 1400 * number, rtol=1e-9)


# ---- a plan that starts later ----


def test_what_arrives_in_a_month_is_the_same_in_a_plan_that_starts_later_and_grows_on():
    demand = "volume: 30 per month, growth: 40 % per year, overdispersion: 2, win_rate: 0, cycle: 1, deal_size: 1"
    whole = plan(demand, months=24)
    header = "start: 2027-05, months: 20"
    later = whole.replace("start: 2027-01, months: 24", f"{header}, growth_from: 2027-01")
    arrived = simulate(whole, 100).reached[:, 4:]
    assert (simulate(later, 100).reached == arrived).all()
    anew = simulate(whole.replace("start: 2027-01, months: 24", header), 100).reached
    assert (anew == arrived).mean() < 0.5
