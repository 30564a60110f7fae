"""Cases of `learn`: 90 % intervals of what records say."""

import math

import numpy as np
import pandas as pd

from bench.trust.repetition import Case
from simengine.learn.leaving import garwood, rate_interval
from simengine.learn.lookback import _median_days, ratio
from simengine.learn.together import drift, spearman
from tests.learn import recovery
from tests.learn.test_together import pair

RECORDS, FIT = "what records show", "what `fit` estimates"
LEVEL = 0.9
SAME_FOR_ALL = "price_increase.smb"
"""In these records one for everybody: it comes back exactly, so no interval is too narrow for it, nor any control."""
LAW = "the law of a rank correlation is an approximation: 86 % is promised (docs/learn.md)"


def ratios(rng):
    bottom = rng.uniform(1, 2, 40)
    yield "ratio of sums", 0.7, ratio(bottom * rng.normal(0.7, 0.2, 40), bottom)


def medians(rng):
    """Days to win: whole ones, so many that ties do not matter."""
    days = np.round(rng.exponential(2000.0, 301))
    created = pd.Timestamp("1900-01-01")
    deals = pd.DataFrame({"created": created, "closed": created + pd.to_timedelta(days, "D")})
    yield "median days", 2000 * math.log(2), _median_days(deals)


def hazards(rng):
    """Leavers of a hundred people whom 2 % of leave in a month, seen for some years; and of few."""
    for months, name in ((3000.0, "many"), (300.0, "few")):
        events = int(rng.poisson(0.02 * months))
        yield f"gamma, {name}", 0.02, (events / months, *rate_interval(events, months))
        yield f"Garwood, {name}", 0.02, (events / months, *garwood(events, months))


def common_rates(rng):
    yield "spread beyond sampling", 0.3, _drift(rng)
    for quarters in (16, 40):
        yield f"rank correlation, {quarters} quarters", 0.6, spearman(*pair(rng, 0.6, quarters, trend=0.3))


def _drift(rng):
    variances = rng.uniform(0.005, 0.02, 8)
    found = drift(0.3 * rng.standard_normal(8) + np.sqrt(variances) * rng.standard_normal(8), variances)
    return found.value, found.lower, found.upper


def estimates(rng):
    """All that `fit` says of one history that the engine has made, of numbers that are known."""
    for name, found in recovery.found(int(rng.integers(10**6))).items():
        if name == SAME_FOR_ALL:
            continue
        yield name, recovery.KNOWN[name].truth, (found.value, found.lower, found.upper)


CASES = [
    Case("look back", RECORDS, ratios, LEVEL, 4000),
    Case("median of records", RECORDS, medians, LEVEL, 1000),
    Case("hazards", RECORDS, hazards, LEVEL, 4000, wide={"Garwood": "exact (Garwood 1936)", "gamma, few": "counts"}),
    Case("rates of quarters", RECORDS, common_rates, LEVEL, 1000, wide={"spread": "inverted tests", "rank": LAW}),
    Case(
        "fit",
        FIT,
        estimates,
        LEVEL,
        100,
        wide={name: "see docs/learn/recovery.md" for name, known in recovery.KNOWN.items() if known.cautious},
        short={name: (0.8, "see docs/learn/recovery.md") for name, known in recovery.KNOWN.items() if known.short},
    ),
]
