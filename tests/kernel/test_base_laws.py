"""Customers: exact laws and limiting cases of steps 5 and 6, each beside a law that is off and is rejected."""

import numpy as np
import pytest
from scipy import stats

from tests.kernel.support import simulate

LEVEL = 1e-6
"""Chance of a false alarm of one test."""
HEADER = "plan: {{name: Base, currency: USD, start: 2027-01, months: {months}}}\nsegments: {{s: {{geo: NA}}}}\n"
FUNNEL = "funnel: {{channels: {{c: {{sold_by: nobody, segments: {{s: {{{demand}}}}}}}}}}}\n"
WON = "volume: {volume} per month, win_rate: 100 %, cycle: 0 months, deal_size: 1000, deal_size_spread: {spread}"


def plan(base, *, months=12, more="", demand=""):
    """One segment; `base` and the rest are YAML."""
    text = HEADER.format(months=months) + f"base: {{s: {{{base}}}}}\n" + more
    return text + (FUNNEL.format(demand=demand) if demand else "")


def assert_binomial(hits, n, share, wrong):
    assert stats.binomtest(int(hits), int(n), share).pvalue > LEVEL
    assert stats.binomtest(int(hits), int(n), wrong).pvalue < LEVEL


def assert_poisson(total, mean, wrong):
    """`total` is a sum of so many Poisson counts that it is normal."""
    assert 2 * stats.norm.sf(abs(total - mean) / np.sqrt(mean)) > LEVEL
    assert 2 * stats.norm.sf(abs(total - wrong) / np.sqrt(wrong)) < LEVEL


def assert_mean(sample, mean, wrong, allowance=0.0):
    error = np.std(sample, ddof=1) / np.sqrt(len(sample)) * stats.norm.isf(LEVEL / 2)
    assert abs(np.mean(sample) - mean) < error + allowance
    assert abs(np.mean(sample) - wrong) > error + allowance


DUE_IN_JULY = "customers: 100, arr: 100000, atr: {2027-07: 100000}, term_months: 12, renewal_rate: 0 %"


def test_renewals_are_decided_early_on_time_and_late():
    base = DUE_IN_JULY + ", early: {share: 30 %, months: 2}, late: {share: 20 %, months: 1}"
    segment = simulate(plan(base), 500).segment
    churned = segment["churned_customers"][:, :, 0].sum(axis=0)
    assert churned.sum() == churned[[4, 6, 7]].sum() == 50_000
    assert stats.chisquare(churned[[4, 6, 7]], 50_000 * np.array([0.3, 0.5, 0.2])).pvalue > LEVEL
    assert stats.chisquare(churned[[4, 6, 7]], 50_000 * np.array([0.32, 0.5, 0.18])).pvalue < LEVEL
    assert segment["atr"][:, 6].sum() == segment["atr"].sum() == pytest.approx(500 * 100_000)


def test_no_renewal_is_decided_before_the_plan_and_none_counts_after_it():
    early = DUE_IN_JULY.replace("2027-07", "2027-02") + ", early: {share: 100 %, months: 6}"
    assert (simulate(plan(early), 2).segment["churned_customers"][:, 0] == 100).all()
    late = DUE_IN_JULY.replace("2027-07", "2027-12") + ", late: {share: 100 %, months: 1}"
    segment = simulate(plan(late), 2).segment
    assert segment["atr"].sum() == segment["churned_customers"].sum() == 0
    assert segment["ending_arr"][:, -1] == pytest.approx(100_000)


def test_the_next_term_begins_when_the_last_one_ends_however_early_it_was_renewed():
    base = DUE_IN_JULY.replace("0 %", "100 %").replace("term_months: 12", "term_months: 6")
    base = base.replace("2027-07", "2027-05")
    on_time, early = (
        simulate(plan(base + more, months=24), 3).segment for more in ("", ", early: {share: 100 %, months: 3}")
    )
    assert np.array_equal(on_time["atr"][:, :20], early["atr"][:, :20])
    assert (early["renewals"][:, [1, 7, 13, 19]] == 100).all()
    assert (on_time["renewals"][:, [4, 10, 16, 22]] == 100).all()


def test_terms_are_drawn_in_their_shares():
    paths = 50_000
    base = "renewal_rate: 0 %, terms: {3: 40 %, 5: 60 %}"
    churned = simulate(plan(base, months=6, demand=WON.format(volume=1, spread="0 %")), paths).segment
    lost = churned["churned_customers"][:, :, 0].sum(axis=0)
    assert lost[:3].sum() == 0
    for month, mean in ((3, 0.4), (4, 0.4), (5, 1.0)):
        assert_poisson(lost[month], mean * paths, 1.08 * mean * paths)


def test_what_is_won_goes_live_after_the_mean_lag_and_the_term_begins_then():
    paths, months = 20_000, 12
    base = "renewal_rate: 0 %, term_months: 4, go_live: 1.5 months"
    segment = simulate(plan(base, months=months, demand=WON.format(volume=2, spread="0 %")), paths).segment
    new, live = segment["new_arr"][:, :, 0], segment["went_live"][:, :, 0]
    waiting = (np.cumsum(new, axis=1) - np.cumsum(live, axis=1)) / 1000
    assert live[:, 0].sum() == 0
    assert waiting.min() >= 0
    assert_poisson(waiting[:, -1].sum(), 2 * 1.5 * paths, 2 * 1.55 * paths)  # Little's law
    gone = segment["churned_customers"][:, :, 0].sum(axis=0)
    assert gone[:5].sum() == 0
    assert_poisson(gone[5], 1 * paths, 1.08 * paths)  # half of the first month's: those that went live in month 1


def test_without_a_lag_all_arr_is_live_at_once():
    segment = simulate(plan("renewal_rate: 90 %", demand=WON.format(volume=2, spread="0 %")), 50).segment
    assert np.array_equal(segment["went_live"], segment["new_arr"])


TWO_RATES = "renewal_rate: 85 %, dollar_renewal_rate: 90 %, size_spread: 100 %, term_months: 1"


def test_logo_and_dollar_renewal_rates_both_hold():
    base = f"customers: 2000, arr: 2000000, {TWO_RATES}"
    segment = simulate(plan(base, months=1), 2000).segment
    assert_mean(segment["renewals"][:, 0, 0] / 2000, 0.85, 0.852)
    kept = 1 - segment["churned_arr"][:, 0, 0] / segment["atr"][:, 0, 0]
    # two thousand sizes stand for a lognormal: what is above the highest of them is missing
    assert_mean(kept, 0.90, 0.85, allowance=1e-3)


def test_new_customers_renew_by_their_size_too():
    demand = WON.format(volume=50, spread="100 %")
    segment = simulate(plan(TWO_RATES, months=2, demand=demand), 40_000).segment
    due, arr = segment["renewals_due"][:, 1, 0], segment["atr"][:, 1, 0]
    assert_mean(segment["renewals"][:, 1, 0] - 0.85 * due, 0.0, 0.005 * due.mean())
    assert_mean(segment["churned_arr"][:, 1, 0] - 0.10 * arr, 0.0, 0.005 * arr.mean())


def test_a_named_account_renews_at_its_own_rate():
    accounts = "named_accounts: [{name: acme, arr: 30000, renews: 2027-03, renewal_rate: 0 %}]"
    base = f"customers: 10, arr: 100000, renewal_rate: 100 %, {accounts}"
    segment = simulate(plan(base), 3).segment
    assert segment["churned_arr"].sum() == segment["churned_arr"][:, 2].sum() == pytest.approx(3 * 30_000)
    assert (segment["customers"][:, -1] == 9).all()


CSM = "team:\n  roles: {{csm: {{carries: {{{load}}}}}}}\n  seats: [{seats}]\n"
ONE_CSM = CSM.format(load="customers: 50", seats="{name: csm, role: csm, existing: 1}")
TWO_CSMS = CSM.format(
    load="customers: 25", seats="{name: a, role: csm, existing: 1}, {name: b, role: csm, segment: s, existing: 1}"
)


@pytest.mark.parametrize("team", [ONE_CSM, TWO_CSMS])
def test_renewals_fall_with_coverage_to_the_power_of_the_elasticity(team):
    paths = 5000
    base = "customers: 100, arr: 100000, term_months: 1, renewal_rate: 90 %, load_elasticity: x0.3"
    segment = simulate(plan(base, months=1, more=team), paths).segment
    assert (segment["renewal_coverage"] == 0.5).all()
    assert_binomial(segment["renewals"].sum(), 100 * paths, 0.9 * 0.5**0.3, 0.9 * 0.51**0.3)


def test_renewals_without_elasticity_do_not_depend_on_load():
    base = "customers: 100, arr: 100000, renewal_rate: 90 %"
    loaded, free = (simulate(plan(base, more=more), 50).segment for more in (ONE_CSM, ""))
    assert np.array_equal(loaded["ending_arr"], free["ending_arr"])
    assert (loaded["renewal_coverage"] < 1).any()


def test_people_of_all_segments_are_shared_by_them():
    text = plan("customers: 60, arr: 60000, renewal_rate: 100 %", months=1, more=ONE_CSM)
    text = text.replace("s: {geo: NA}", "s: {geo: NA}, other: {geo: EU}, shop: {sells: once}")
    text = text.replace("base: {", "base: {other: {customers: 20, arr: 1000, renewal_rate: 100 %}, ")
    coverage = simulate(text, 1).segment["renewal_coverage"][0, 0]
    assert coverage.tolist() == [50 / 80, 50 / 80, 1]  # other, s, shop
    by_arr = text.replace("customers: 50", "arr: 30500")
    assert simulate(by_arr, 1).segment["renewal_coverage"][0, 0].tolist() == [0.5, 0.5, 1]


EXPANDING = (
    "customers: {n}, arr: {n}000, renewal_rate: 100 %, "
    "expansion: {{opportunities_per_customer: 2 per year, win_rate: 40 %, size: 1200, size_spread: 50 %}}"
)


def test_expansion_is_poisson_and_thinned_by_coverage():
    paths = 2000
    segment = simulate(plan(EXPANDING.format(n=80), months=6, more=ONE_CSM), paths).segment
    met, coverage = 80 * 6 * 2 / 12 * paths, 50 / 80
    assert_poisson(segment["expansions_met"].sum(), met, 1.03 * met)
    assert_poisson(segment["expansions_worked"].sum(), met * coverage, 1.04 * met * coverage)
    assert_poisson(segment["expansions"].sum(), met * coverage * 0.4, 1.06 * met * coverage * 0.4)
    per_path = segment["expansions"].sum(axis=(1, 2))
    dispersion = per_path.var(ddof=1) / per_path.mean() * (paths - 1)  # chi-square where counts are Poisson
    assert LEVEL < stats.chi2(paths - 1).sf(dispersion) < 1 - LEVEL
    assert stats.chi2(paths - 1).sf(dispersion * 1.3) < LEVEL


BILLING = "economics: {{billing: {rhythm}}}\n"
RHYTHMS = {"annual upfront": 12, "semiannual upfront": 6, "quarterly upfront": 3, "monthly": 1}


@pytest.mark.parametrize("rhythm", RHYTHMS)
def test_a_steady_base_is_billed_its_arr_a_year(rhythm):
    base = "customers: 24, arr: 240000, renewal_rate: 100 %, terms: {12: 50 %, 24: 50 %}"
    segment = simulate(plan(base, months=24, more=BILLING.format(rhythm=rhythm)), 1).segment
    billed = segment["billings"][0, :, 0]
    every = RHYTHMS[rhythm]
    assert billed.reshape(2, 12).sum(axis=1) == pytest.approx([240_000, 240_000])
    assert billed == pytest.approx(np.tile(billed[:every], 24 // every))


@pytest.mark.parametrize("rhythm", RHYTHMS)
def test_expansion_is_billed_until_the_customers_next_bill(rhythm):
    # at the end of a month all ARR is billed until the next bill; so what is billed in a cycle is what ARR was in it
    every = RHYTHMS[rhythm]
    base = EXPANDING.format(n=5).replace("renewal_rate", "atr: {2027-01: 5000}, renewal_rate")
    segment = simulate(plan(base, months=24, more=BILLING.format(rhythm=rhythm)), 20).segment
    arr, billed = segment["ending_arr"][:, :, 0], segment["billings"][:, :, 0]
    cycles = billed.reshape(20, 24 // every, every).sum(axis=2)
    assert segment["expansion_arr"].sum() > 0
    assert cycles == pytest.approx(arr.reshape(20, 24 // every, every).sum(axis=2) / 12)


def test_new_customers_are_billed_from_the_month_of_closing():
    text = plan(
        "renewal_rate: 100 %", demand=WON.format(volume=2, spread="50 %"), more=BILLING.format(rhythm="annual upfront")
    )
    segment = simulate(text, 20).segment
    assert segment["billings"] == pytest.approx(segment["new_arr"])


def test_what_is_sold_once_is_billed_when_it_is_won():
    demand = WON.format(volume=2, spread="50 %")
    text = HEADER.format(months=6).replace("geo: NA", "sells: once") + FUNNEL.format(demand=demand)
    segment = simulate(text, 20).segment
    assert segment["billings"].sum() > 0
    assert np.array_equal(segment["billings"], segment["one_off_bookings"])


def test_the_cohort_of_the_first_year_is_the_opening_base():
    base = EXPANDING.format(n=30).replace("100 %", "70 %") + ", term_months: 3, price_increase: 3 %"
    alone = simulate(plan(base, months=18), 30).segment
    assert np.allclose(alone["nrr_arr"][:, :12], alone["ending_arr"][:, :12])
    assert (alone["grr_arr"][:, :12] <= 30_000 + 1e-6).all()
    assert (alone["grr_arr"] <= alone["nrr_arr"] + 1e-6).all()
    assert (np.diff(alone["grr_arr"][:, :12, 0].mean(axis=0)) < 0).all()
    grown = simulate(plan(base, months=18, demand=WON.format(volume=5, spread="0 %")), 30).segment
    assert np.allclose(grown["nrr_arr"][:, :12], alone["nrr_arr"][:, :12])
    assert (grown["nrr_arr"][:, 12:].mean(axis=0) > alone["nrr_arr"][:, 12:].mean(axis=0)).all()
