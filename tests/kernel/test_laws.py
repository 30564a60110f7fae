"""What the kernel's counts and times are distributed like, where a closed form is known: a million paths each.

Each test compares frequencies with the exact law by chi-square at LEVEL; a law that is off by a little is rejected.
"""

import numpy as np
import pytest
from scipy import stats

from simengine.plan import loads
from tests.kernel.support import base, funnel, seats, simulate

LEVEL = 1e-6
"""Chance of a false alarm of one test; a law off by two per cent or so is far beyond it at a million paths."""
PATHS, PARTS = 1_000_000, 500
"""In parts that fit into a cache."""


def counts(plan, output, entity="segment"):
    """Total over months of an output, for each of a million paths."""
    plan = loads(plan)
    size = PATHS // PARTS
    return np.concatenate(
        [getattr(simulate(plan, size, first=i * size), entity)[output].sum(axis=(1, 2)) for i in range(PARTS)]
    ).astype(int)


def p_value(observed, law):
    """Chi-square test of counts against a law on 0, 1, 2, …; classes with an expectation below 10 are joined."""
    top = int(law.isf(20 / len(observed)))
    low = int(law.ppf(20 / len(observed)))
    edges = np.arange(low, top + 1)
    probability = np.concatenate([[law.cdf(low)], law.pmf(edges[1:]), [law.sf(top)]])
    frequency = np.bincount(np.clip(observed, low, top + 1) - low, minlength=len(probability))
    keep = probability > 0
    assert frequency[~keep].sum() == 0
    return stats.chisquare(frequency[keep], probability[keep] * len(observed)).pvalue


def assert_law(observed, law, wrong):
    assert p_value(observed, law) > LEVEL
    assert p_value(observed, wrong) < LEVEL


@pytest.mark.parametrize("months", [1, 6])
def test_wins_are_poisson_with_the_product_rate(months):
    mean = 3 * 0.5 * 0.4 * months
    assert_law(counts(funnel(months), "won"), stats.poisson(mean), stats.poisson(1.02 * mean))


def test_leads_are_negative_binomial_with_the_stated_overdispersion():
    observed = counts(funnel(overdispersion=1.5, volume=6, rate=1), "opportunities")
    assert_law(observed, stats.nbinom(6 / 0.5, 1 / 1.5), stats.nbinom(6 / 0.52, 1 / 1.52))


def test_renewals_are_binomial():
    assert_law(counts(base(), "renewals"), stats.binom(30, 0.9), stats.binom(30, 0.902))


def test_customers_after_several_terms_have_survived_each():
    assert_law(counts(base(months=4), "churned_customers"), stats.binom(30, 1 - 0.9**4), stats.binom(30, 1 - 0.902**4))


def test_contractions_take_the_stated_share_of_what_is_due():
    # a contraction takes 30 % of a customer's ARR and 3 % of ATR in all: a tenth of the customers contract
    plan = base(contraction=0.03)
    contracted = np.concatenate(
        [
            simulate(plan, PATHS // PARTS, first=i * PATHS // PARTS).segment["contraction_arr"][:, 0, 0]
            for i in range(PARTS)
        ]
    )
    assert_law(np.rint(contracted / 300).astype(int), stats.binom(30, 0.1), stats.binom(30, 0.102))


def test_expansions_are_poisson_thinned_by_their_win_rate():
    plan = base(months=6, customers=12, arr=12_000, term=12, renewal=1, meetings=0.6)
    mean = 12 * 6 * 0.6 / 12 * 0.5
    assert_law(counts(plan, "expansions"), stats.poisson(mean), stats.poisson(1.02 * mean))


def leaving_months(plan):
    """First month at whose end the one seat is empty; 12 if it never is."""
    size = PATHS // PARTS
    parts = [simulate(plan, size, first=i * size).group["headcount"][:, :, 0] for i in range(PARTS)]
    return np.concatenate([part.sum(axis=1) for part in parts]).astype(int)


class Lifetime:
    """Whole months completed by someone with the piecewise constant hazard, cut off at twelve."""

    def __init__(self, leaving, early=1.0, tenure=60.0):
        hazard = -np.log1p(-leaving) / 12

        def cumulative(x):
            return hazard * (early * np.minimum(x, 6) + np.maximum(0, x - 6))

        months = np.arange(13)
        self.survival = np.exp(cumulative(tenure) - cumulative(tenure + months))

    def frequencies(self, n):
        return n * np.concatenate([-np.diff(self.survival), [self.survival[-1]]])


@pytest.mark.parametrize(("early", "tenure"), [(1, 60), (1.6, 0), (1.6, 4)])
def test_survival_is_exponential_in_the_cumulative_hazard(early, tenure):
    months = np.bincount(leaving_months(seats(early=early, tenure=tenure)), minlength=13)
    right = Lifetime(0.3, early, tenure).frequencies(PATHS)
    wrong = Lifetime(0.305, early, tenure).frequencies(PATHS)
    assert stats.chisquare(months, right).pvalue > LEVEL
    assert stats.chisquare(months, wrong).pvalue < LEVEL


def test_cycles_are_lognormal_counted_in_whole_months():
    # P(floor(X + U) <= k) = G(k + 1) - G(k), G(x) = E max(0, x - X): docs/model.md, section 4
    size = 100_000
    paths = simulate(funnel(months=12, volume=1, rate=1, win_rate=1, cycle=2.5, spread=0.6), size)
    first_month = simulate(funnel(months=1, volume=1, rate=1, win_rate=1, cycle=2.5, spread=0.6), size)
    assert first_month.segment["won"].sum() < paths.segment["won"][:, :1].sum() + 1  # the same month, bit for bit

    def expected(spread):
        x = stats.lognorm(np.sqrt(np.log1p(spread**2)), scale=2.5 / np.sqrt(1 + spread**2))
        grid = np.linspace(0, 13, 13 * 2000 + 1)
        cdf = x.cdf(grid)
        within = np.array([np.trapezoid(cdf[k * 2000 : (k + 1) * 2000 + 1], dx=1 / 2000) for k in range(12)])
        return np.cumsum(np.diff(within, prepend=0.0))  # wins a month at one arrival a month

    # Poisson arrivals, thinned by month of closing, are Poisson by month of closing
    total, mean = paths.segment["won"][:, :, 0].sum(axis=0), expected(0.6) * size
    assert stats.chi2(12).sf(((total - mean) ** 2 / mean).sum()) > LEVEL
    mean = expected(0.65) * size
    assert stats.chi2(12).sf(((total - mean) ** 2 / mean).sum()) < LEVEL


def test_deal_sizes_are_lognormal_with_the_stated_mean_and_spread():
    paths = simulate(funnel(volume=1, rate=1, win_rate=1, size=1000, size_spread=0.8), 200_000)
    won, value = paths.cell["won"][:, 0, 0], paths.cell["bookings"][:, 0, 0]
    sizes = value[won == 1]
    sigma = np.sqrt(np.log1p(0.8**2))
    law = stats.norm(np.log(1000) - sigma**2 / 2, sigma)
    assert stats.kstest(np.log(sizes), law.cdf).pvalue > LEVEL
    assert stats.kstest(np.log(sizes * 1.02), law.cdf).pvalue < LEVEL


BUSY = """
plan: {name: Busy, currency: USD, start: 2027-01, months: 72}
segments: {smb: {sells: once}}
team:
  roles: {ae: {capacity: {open_opportunities: 10}}}
  seats: [{name: ae, role: ae, segment: smb, existing: 1}]
funnel:
  stale: 50 % per month
  channels:
    inbound:
      segments: {smb: {volume: 40 per month, win_rate: 25 %, cycle: 2.5 months, cycle_spread: 60 %, deal_size: 1}}
"""


def test_sellers_at_full_load_start_capacity_over_cycle_a_month():
    # Little's law: 10 places and a mean cycle of 2.5 months make 4 starts a month once the first months are over
    started = simulate(BUSY, 2000).segment["started"][:, 24:, 0].mean(axis=1)
    error = started.std(ddof=1) / np.sqrt(len(started))
    limit = stats.norm.isf(LEVEL / 2)
    assert abs(started.mean() - 10 / 2.5) < limit * error
    assert abs(started.mean() - 10 / 2.55) > limit * error  # negative control
