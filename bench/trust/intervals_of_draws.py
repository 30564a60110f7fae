"""Cases of what is counted and averaged: chances, quantiles, means, differences, and the cockpit's first answers."""

import math
from functools import cache

import numpy as np
import xarray as xr
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import multivariate_normal, norm

from bench.inputs import ROOT
from bench.trust.repetition import Case
from simengine.cockpit.estimates import Fifths, estimated
from simengine.decide.certify import certify
from simengine.decide.closing import Closing, Question
from simengine.decide.compare import compare
from simengine.decide.frontier import knee
from simengine.decide.grid import scenarios
from simengine.decide.paired import difference_of_means, difference_of_shares
from simengine.decide.robust import BASE, CHOSEN, _beyond, _Case
from simengine.decide.worth import change_of, over
from simengine.explain.intervals import Interval, difference, mean, median, proportion
from simengine.explain.question import Question as Asked
from simengine.explain.ranks import ranks_of
from simengine.explain.timing import by_quarter
from simengine.explain.tornado import tornado
from simengine.learn.score import exact_share
from simengine.plan.targets import Target
from simengine.results.targets import hit_probability, quantile_interval, quantile_intervals, shortfall
from simengine.simulation.reached import target_values
from tests.decide.test_frontier import BENT, COST, nested

CHANCES, PAIRS, AMOUNTS = "chances", "paired differences", "means, medians and quantiles"
GROUPS, CHOICES, COCKPIT = "differences of groups of draws", "what is asked of a choice", "the cockpit's estimates"
ENGINE = "paths of a plan"
FIFTH = norm.pdf(ndtri(0.2)) / 0.2
"""Mean score of the top fifth."""
LEVELS = (0.1, 0.2, 0.5, 0.8, 0.9)
DISCRETE = "an exact interval of a share of few draws holds more than it says"
"""Why exact intervals are wide."""


def chances(rng):
    for p in (0.02, 0.2, 0.5, 0.95):
        yield f"a share of {p:g}", p, proportion((rng.random(1000) < p).astype(float))


def joint_chances(rng):
    """Of two targets that hang together, by a run that holds nothing else."""
    values = rng.normal(size=(1000, 2)) @ np.array([[1.0, 0.6], [0.0, 0.8]])
    made = xr.Dataset(
        {"target_value": (("draw", "target"), values)},
        {
            "target": ["a", "b"],
            **{name: ("target", ["x", "x"]) for name in ("metric", "period", "where")},
            "at_least": ("target", [0.0, np.nan]),
            "at_most": ("target", [np.nan, 0.5]),
            "confidence": ("target", [np.nan, np.nan]),
            "criterion": ("target", [False, False]),
        },
    )
    found = hit_probability(made)
    yield "each target", [0.5, ndtr(0.5)], [found[name].values for name in ("p", "lower", "upper")]
    # P(A >= 0, B <= 0.5) = P(B <= 0.5) - P(A < 0, B < 0.5).
    together = ndtr(0.5) - _BELOW
    yield "all of them", together, [found[name].item() for name in ("joint", "joint_lower", "joint_upper")]


def exact_shares(rng):
    """Of forecasts held by what came, and of deals that were won."""
    for n, p in ((40, 0.8), (40, 0.5), (200, 0.9)):
        yield f"{p:g} of {n}", p, exact_share(int(rng.binomial(n, p)), n)


def exact_shares_of_records(rng):
    yield "won of decided", 0.25, exact_share(int(rng.binomial(400, 0.25)), 400, 0.9)


def certificates(rng):
    """Three choices, at the edge and above it: the bounds hold all together."""
    truths = np.array([0.8, 0.83, 0.86])

    def fresh(mix, start, stop):
        return rng.random(stop - start) < truths[mix[0]]

    found = certify([(0,), (1,), (2,)], 0.5, fresh, paths=4000)
    bounds = np.array([one.bound for one in found])
    shares = np.array([one.hits.mean() for one in found])
    worst = np.argmax((bounds - truths) / (shares - bounds))
    yield "all three bounds", truths[worst], (shares[worst], bounds[worst], math.inf)


def quantiles(rng):
    y = np.exp(rng.normal(size=1000))
    found = np.array(quantile_intervals(y, LEVELS)).T
    yield "of a skewed law", np.exp(ndtri(LEVELS)), found
    yield "one alone", 1.0, quantile_interval(y, 0.5)


def means(rng):
    y = rng.gamma(2.0, size=1000)
    yield "of a skewed law", 2.0, mean(y)


def shortfalls(rng):
    """Mean of what is missing when a target is missed, by its standard error, as page one tells it."""
    y = rng.normal(size=2000)
    made = xr.Dataset(
        {"target_value": (("draw", "target"), y[:, None])},
        {"target": ["t"], "metric": ("target", ["ending_arr"])}
        | {"at_least": ("target", [-0.5]), "at_most": ("target", [np.nan])},
        {"currency": "USD"},
    )
    found = shortfall(made, "t")
    value, error = float(found["mean"]), float(found["standard_error"])
    yield "mean", norm.pdf(0.5) / ndtr(-0.5) - 0.5, (value, value - 1.96 * error, value + 1.96 * error)


def paired_shares(rng):
    """Both, only here, only there: much in common, hardly a difference, none in one direction."""
    for n, here, there in ((500, 0.05, 0.01), (1000, 0.02, 0.0), (1000, 0.2, 0.2)):
        u = rng.random(n)
        both = (u >= here + there) & (u < here + there + 0.4)
        found = difference_of_shares((u < here) | both, ((u >= here) & (u < here + there)) | both)
        yield f"{here:g} and {there:g} of {n}", here - there, found


def paired_means(rng):
    common, moved = rng.gamma(2.0, 10.0, 500), rng.exponential(1.0, 500)
    yield "means", 1.0, difference_of_means(common + moved, common)
    yield "over a known cost", -0.5, over(difference_of_means(common + moved, common), -2.0)
    yield "median change of a ratio", math.log(2), change_of("nrr", common + moved, common)


def robust_losses(rng):
    """By how much more one plan loses than another where something turns out badly."""
    u = rng.random((1000, 2))
    as_it_is = {CHOSEN: u[:, 0] < 0.8, BASE: u[:, 0] < 0.7}
    case = _Case("", "low", {CHOSEN: u[:, 0] < 0.6 + 0.1 * (u[:, 1] < 0.5), BASE: u[:, 0] < 0.6})
    yield "difference", -0.05, _beyond(case, as_it_is)


def fifths_of(rng):
    """A result where an input is in its bottom and top fifth, and the second less the first."""
    z = rng.normal(size=(1000, 2))
    y = z[:, 0] + z[:, 1]
    for end, truth in zip(tornado(ranks_of(z[:, :1]), z[:, 0]), (-FIFTH, FIFTH, 2 * FIFTH), strict=True):
        yield "mean of what hangs on nothing else", truth, [bound[0] for bound in end]
    for name, estimate, value, truth in (
        ("mean", mean, y, TRUE_FIFTHS["mean"]),
        ("median", median, y, TRUE_FIFTHS["median"]),
        ("share", proportion, (y > 0.5).astype(float), TRUE_FIFTHS["share"]),
    ):
        found = tornado(ranks_of(z[:, :1]), value, estimate)
        yield f"{name}, bottom", truth[0], [end[0] for end in found.bottom]
        yield f"{name}, top", truth[1], [end[0] for end in found.top]
        yield f"{name}, swing", truth[1] - truth[0], [end[0] for end in found.swing]


def independent_differences(rng):
    few, many = rng.random(200) < 0.1, rng.random(800) < 0.3
    a, b = (Interval(*map(np.array, proportion(x.astype(float)))) for x in (few, many))
    yield "of shares", -0.2, difference(a, b)


def quarters(rng):
    """Share of the variance by the quarter in which a result arises; each month adds to the next one, too."""
    own = rng.normal(size=(2000, 12)) * np.linspace(0.5, 1.5, 12)
    flows = own + 0.5 * np.roll(own, 1, axis=1) * (np.arange(12) > 0)
    months = [f"2027-{t + 1:02d}" for t in range(12)]
    made = xr.Dataset({"new_arr": (("draw", "month"), flows)}, {"month": months}, {"start": "2027-01"})
    made.attrs["fiscal_year_start"] = 1
    nothing = np.full(2000, np.nan)
    _, found = by_quarter(made, Asked("new_arr", "FY2027", flows.sum(axis=1), nothing, "", nothing, nothing))
    # Y is the sum of w_t own_t: Cov(Y, flow_t) = w_t s_t + w_{t-1} s_{t-1} / 2.
    weight, spread = np.append(np.full(11, 1.5), 1.0), np.linspace(0.5, 1.5, 12) ** 2
    by_month = weight * spread + np.append(0.0, weight[:-1] * spread[:-1] / 2)
    yield "share of quarter", by_month.reshape(4, 3).sum(axis=1) / (weight**2 * spread).sum(), found


def knees(rng):
    """How far points of a frontier lie above the line between its ends, and how likely they are."""
    hits, truth = nested(int(rng.integers(2**31)), BENT), np.array(BENT)
    above, _ = knee(hits, COST)
    t = COST / COST[-1]
    line = truth - (1 - t) * truth[0] - t * truth[-1]
    yield "above the line", line[1:-1], np.array(above)[1:-1].T


class _Line(Closing):
    """A lever of which each step lifts the metric of every draw by so much, without a plan."""

    def __init__(self, rng, confidence):
        self.target = Target.model_construct(name="t", metric="ending_arr", at_least=1.0, at_most=None)
        self.confidence, self.bound, self._sign = confidence, 1.0, 1.0
        self.plan, self._as_planned = 0.0, None
        self._chance = rng.normal(size=1000)

    def planned(self, plan):
        return plan

    def simulated(self, plan):
        return plan + (1 + 0.2 * plan) * self._chance


def needed_amounts(rng):
    """What a lever would have to be alone, of a metric that grows, and spreads, along it."""
    steps = tuple(np.round(np.arange(0.0, 5.001, 0.002), 3))
    question = Question("x", "factor", steps, lambda amount: amount, None, "", 0, 0, "")
    found = _Line(rng, 0.7).needed(question)
    z = ndtri(0.3)
    # a + (1 + 0.2 a) z = 1.
    yield "at a confidence of 70 %", (1 - z) / (1 + 0.2 * z), found.at_confidence


def first_answers(rng):
    """A new setting on 256 draws, beside three known ones on 8,192; the narrowest interval is told."""
    u, own = rng.random(8192), rng.random(256)
    other = rng.random(8192)
    known = [u < 0.3, np.where(other < 0.9, u, rng.random(8192)) < 0.4, rng.random(8192) < 0.5]
    for q, common in ((0.36, 1.0), (0.32, 0.9), (0.08, 0.95)):
        hits = np.where(rng.random(256) < common, u[:256], own) < q
        yield f"a share of {q:g}", q, estimated(hits, known)[0][:3]


def bars_of_the_cockpit(rng):
    """Outer fifths, high less low, of an input that does nothing: whether a bar is sure rests on its error."""
    z = rng.normal(size=(4096, 2))
    y = z[:, 0] + rng.normal(size=4096)
    new = y[:512] + 0.2 * rng.normal(size=512)
    for name, found in (("alone", Fifths(z).bars(new)), ("known setting behind it", Fifths(z).bars(new, y))):
        swing = (found.high - found.low)[1]
        yield name, 0.0, (swing, swing - 1.96 * found.error[1], swing + 1.96 * found.error[1])


# ---- of paths of a plan ----

BLOCKS, DRAWS = 500, 500
_ASKED = Target.model_construct(name="arr", metric="ending_arr", period="FY2027", where={}, at_least=5.6e6)
_RATIO = Target.model_construct(name="nrr", metric="nrr", period="2027-12", where={}, at_least=0.88)


@cache
def _paths():
    """Ending ARR and NRR of the tiny plan and of one with two more sellers, by scenario: (draws, 2)."""
    plans = scenarios([ROOT / "tests" / "plans" / "tiny.yaml"], ["hires.ae=0,2"])
    asked = {name: plan.model_copy(update={"targets": (_ASKED, _RATIO)}) for name, plan in plans.items()}
    return [target_values(plan, 0, BLOCKS * DRAWS, seed=2027, targets=plan.targets) for plan in asked.values()]


def paths_of_a_plan(rng):
    """Consecutive paths of one long run, of which the truth is what all of them say."""
    here = rng.bit_generator.seed_seq.spawn_key[-1] % BLOCKS
    block = slice(here * DRAWS, (here + 1) * DRAWS)
    columns = {str(i): {"arr": values[block, 0], "nrr": values[block, 1]} for i, values in enumerate(_paths())}
    found = compare(columns, [_ASKED, _RATIO], [_ASKED, _RATIO])
    for name, truth in _of_all_paths().items():
        # Two sellers more change nothing of NRR.
        told = (slice(1, 2), slice(0, 1)) if name.endswith("_change") else (slice(2), slice(2))
        yield name, truth[told], [found[name + end].values[told] for end in ("", "_lower", "_upper")]


@cache
def _of_all_paths():
    values = np.stack(_paths())
    hits = np.stack([_ASKED.is_reached(values[..., 0]), _RATIO.is_reached(values[..., 1])], axis=-1)
    means, p = values.mean(axis=1), hits.mean(axis=1)
    levels = np.quantile(values, (0.1, 0.5, 0.9), axis=1, method="inverted_cdf")
    named = dict(zip(("p10", "p50", "p90"), levels, strict=True))
    return {"p": p, "p_change": p - p[:1], "mean": means, "mean_change": means - means[:1], **named}


_BELOW = float(multivariate_normal.cdf([0.0, 0.5], cov=[[1.0, 0.6], [0.6, 1.0]]))


def _of_fifths():
    """Of z0 + z1 where z0 is in the bottom and in the top fifth: mean, median, P(> 0.5)."""
    z = ndtri((np.arange(20_000) + 0.5) / 100_000)  # the bottom fifth

    def above(value, z0):
        return float(ndtr(z0 - value).mean())

    middle = brentq(lambda value: above(value, z) - 0.5, -5, 5)
    return {
        "mean": (z.mean(), -z.mean()),
        "median": (middle, -middle),
        "share": (above(0.5, z), above(0.5, -z)),
    }


TRUE_FIFTHS = _of_fifths()

CASES = [
    Case("Wilson", CHANCES, chances, repetitions=4000),
    Case("of two targets", CHANCES, joint_chances, repetitions=1000),
    Case("Clopper and Pearson", CHANCES, exact_shares, repetitions=4000, wide={"": DISCRETE}),
    Case("Clopper and Pearson, 90 %", CHANCES, exact_shares_of_records, 0.9, 4000, {"": DISCRETE}),
    Case("certificates", CHANCES, certificates, repetitions=2000),
    Case("order statistics", AMOUNTS, quantiles, repetitions=4000),
    Case("mean", AMOUNTS, means, repetitions=4000),
    Case("shortfall of a miss", AMOUNTS, shortfalls, repetitions=1000),
    Case("Bonett and Price", PAIRS, paired_shares, repetitions=4000, wide={"0.02 and 0 of": "none in one direction"}),
    Case("Student", PAIRS, paired_means, repetitions=4000),
    Case("losses beyond the base", PAIRS, robust_losses, repetitions=2000),
    Case("fifths", GROUPS, fifths_of, repetitions=2000),
    Case("Zou and Donner", GROUPS, independent_differences, repetitions=4000),
    Case("by quarter", GROUPS, quarters, repetitions=1000),
    Case("frontier", CHOICES, knees, repetitions=2000),
    Case("needed amount", CHOICES, needed_amounts, repetitions=1000),
    Case("first answers", COCKPIT, first_answers, repetitions=2000),
    Case(
        "outer fifths",
        COCKPIT,
        bars_of_the_cockpit,
        repetitions=1000,
        wide={"known": "the error is that of the setting's own paths, without those behind it"},
    ),
    Case("tiny plan", ENGINE, paths_of_a_plan, repetitions=BLOCKS),
]
