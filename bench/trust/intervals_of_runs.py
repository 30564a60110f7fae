"""Cases of `explain`: shares of variance, how a target is missed, directions, triggers, information, designs."""

import math
from functools import cache
from types import MappingProxyType

import numpy as np
import xarray as xr
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import multivariate_normal, norm

from bench.trust.intervals_of_draws import FIFTH
from bench.trust.repetition import Case
from simengine.explain import direction, information, misses, rank
from simengine.explain.additive import Additive, scores_of
from simengine.explain.attribution import attribute
from simengine.explain.dates import of_events
from simengine.explain.evppi import evpi, evppi
from simengine.explain.patterns import patterns
from simengine.explain.ranks import ranks_of
from simengine.explain.sobol import REPLICATES, sobol
from simengine.explain.surrogate import Inputs
from simengine.explain.target import explained_of_hit
from simengine.explain.tornado import fifths
from simengine.explain.trigger_points import _cell, _Seen, _Watched
from simengine.explain.variance import Bins, first_order_shares
from simengine.explain.variation import random_variation
from simengine.explain.walk import walk
from tests.explain import test_averages, test_sobol, test_target, test_walk
from tests.explain.by_hand import made
from tests.explain.gaussian import Gaussian
from tests.explain.repetitions import OTHERS, SIX, _said, _truth
from tests.explain.test_evppi import pair, worth
from tests.learn.test_bars import ALL, SHIFT, TRUTH, told

SHARES, HITS, MISSES = "shares of variance", "shares of hit or miss", "how a target is missed"
DIRECTION, TRIGGERS, WALKS = "directions, thresholds, pairs", "trigger points", "what averages hide, and walks"
WORTH, DESIGNS, RANKING = "value of information", "audit by designs of its own", "a ranking of a run"
WIDE_SHARE = "near zero a share has an interval up to √2 too wide (docs/methods.md)"
SHORT_TYPICAL = "which misses are the nearest is taken as known (docs/methods.md)"
SHORT_SIZE = "its place is taken as known, and what was picked looks clearer than it is (docs/methods.md)"
WIDE_PLACE = "places are tried at hundredths; Hansen's bound is one of jumps, and a bend is known better"
ENDS = ("", "_lower", "_upper")

# ---- shares of variance of correlated inputs ----


def shares_of(model):
    """All that an attribution says of one of the models of `tests/explain/repetitions.py`; small shares apart."""
    truths = _truth(model)

    def make(rng):
        z, y, twin = model.drawn(rng)
        for name, bounded in _said(attribute(Inputs(z, model.model.R, z), y, twin)).items():
            truth = truths[name]
            is_small = (np.abs(truth) < SMALL) & (name in ("shapley", "alone"))
            for kind, these in ((f"small {name}", is_small), (name, ~is_small)):
                if these.any():
                    yield kind, truth[these], bounded[:, these]

    return make


SMALL = 0.02


def binned(rng):
    """First-order shares without a model, of a straight, a bent and no effect; random variation by twins alone."""
    z = rng.normal(size=(2000, 3))
    known = z[:, 0] + 0.5 * (z[:, 1] ** 2 - 1)
    y, twin = (known + rng.normal(size=2000) for _ in range(2))
    total = 1 + 0.5 + 1
    found = first_order_shares([Bins(column) for column in ranks_of(z)], y).share
    yield "first order", np.array([1, 0.5]) / total, np.array(found)[:, :2]
    yield "small first order", 0.0, np.array(found)[:, 2]
    paired = np.where(np.arange(2000) < 400, twin, np.nan)
    yield "random variation", 1 / total, random_variation(y, paired).share


# ---- a run made by hand: ARR = 100 + c·x + noise ----

C, NOISE, GOAL, PLANNED, BY = np.array([0.3, 1.0, 0.0, -1.0]), 1.0, 99.0, 0.5, 1.0
SIGMA = math.sqrt(C @ C + NOISE**2)
H = (GOAL - 100) / SIGMA
P_HIT = float(ndtr(-H))
DRAWS, TWINS = 1500, 400
HIDDEN = 5
"""Months in which nothing is known yet."""


def by_hand(rng):
    x = rng.normal(size=(DRAWS, len(C)))
    known = 100 + x @ C
    y, twin = known + NOISE * rng.normal(size=DRAWS), known[:TWINS] + NOISE * rng.normal(size=TWINS)
    ds = made(x, y, twin, at_least=GOAL, plan_value=PLANNED)
    months = np.arange(1, ds.sizes["month"] + 1) / 12
    ds["ending_arr"].values[:, :HIDDEN] = (100 + rng.normal(size=(DRAWS, HIDDEN))) * months[:HIDDEN]
    ds["ending_arr_baseline"] = (("case", "month"), 100.5 * months[None])
    ds["assumption_z"], ds["score_correlation"] = ds["assumption_value"], (("assumption", "other"), np.eye(len(C)))
    labels = {"owner": ("assumption", ["A", "A", "B", "B"]), "case": ["operating plan"]}
    return ds.assign_coords(labels)


def _said_of(found, truths):
    for name, truth in truths.items():
        stem = name.removeprefix("small ")
        yield name, truth, [found[stem + end].values for end in ENDS]


def ranked(rng):
    found = rank(by_hand(rng), "board ARR")
    order = [int(name.removeprefix("input.")) for name in found["assumption"].values]
    share = C**2 / SIGMA**2
    below = np.cumsum(share[order][::-1])[::-1]
    yield "share_from_here", below[:3], [found[f"share_from_here{end}"].values[:3] for end in ENDS]
    told_ = found.sortby("assumption")
    is_small = share < SMALL
    for name in ("share", "alone"):
        bounds = np.array([told_[name + end].values for end in ENDS])
        yield name, share[~is_small], bounds[:, ~is_small]
        yield f"small {name}", share[is_small], bounds[:, is_small]
    yield from _said_of(told_, TRUE_RANKING)


def _of_ranking():
    correlation = 6 / np.pi * np.arcsin(C / SIGMA / 2)
    low, high = (np.array([_p_hit_in_fifth(c, side) for c in C]) for side in (-1, 1))
    luck = 1 - float(explained_of_hit(P_HIT, np.array(1 - NOISE**2 / SIGMA**2)))
    worse = np.array([ndtr(PLANNED), ndtr(-PLANNED), np.nan, ndtr(PLANNED)])
    width = 2 * ndtri(0.9)
    group = np.array([C[:2] @ C[:2], C[2:] @ C[2:]])
    return {
        "narrowing": width * (SIGMA - np.sqrt(SIGMA**2 - C**2)),
        "metric_bottom_fifth": 100 - FIFTH * C,
        "metric_top_fifth": 100 + FIFTH * C,
        "swing": 2 * FIFTH * C,
        "p_worse_than_plan": worse,
        "rank_correlation": correlation,
        "low_alone": -ndtri(0.9) * C,
        "high_alone": ndtri(0.9) * C,
        "p_hit_bottom_fifth": low,
        "p_hit_top_fifth": high,
        "p_hit_swing": high - low,
        "random_variation": NOISE**2 / SIGMA**2,
        "unattributed": 0.0,
        "quality": 1.0,
        "mean": 100.0,
        "p_hit": P_HIT,
        "hit_random_variation": luck,
        "group_share": group / SIGMA**2,
        "group_narrowing": width * (SIGMA - np.sqrt(SIGMA**2 - group)),
    }


def _p_hit_in_fifth(c, side):
    z = -side * ndtri((np.arange(20_000) + 0.5) / 100_000)
    return float(ndtr((100 + c * z - GOAL) / math.sqrt(SIGMA**2 - c**2)).mean())


TRUE_RANKING = _of_ranking()


def missed(rng):
    found = misses(by_hand(rng), "board ARR", by=BY)
    told_ = found.sortby("assumption")
    is_small = TRUE_HIT_SHARES < SMALL
    for name, truth in (("hit_share", TRUE_HIT_SHARES), ("hit_alone", TRUE_HIT_ALONE), ("hit_binned", TRUE_HIT_ALONE)):
        bounds = np.array([told_[name + end].values for end in ENDS])
        yield name, truth[~is_small], bounds[:, ~is_small]
        yield f"small {name}", truth[is_small], bounds[:, is_small]
    yield from _said_of(told_, TRUE_MISSES)
    yield from _said_of(told_.isel(month=11), TRUE_LAST_MONTH)
    for name, truth in TRUE_EARLY.items():
        early = told_.isel(month=HIDDEN - 1)
        yield f"early {name}", truth, [early[name + end].values for end in ENDS]


def _median_of(c, is_miss):
    """Of x where y misses, or hits."""
    r, p = c / SIGMA, ndtr(H) if is_miss else P_HIT

    def below(x):
        both = multivariate_normal.cdf([x, H], cov=[[1, r], [r, 1]])
        return (both if is_miss else ndtr(x) - both) - p / 2

    return brentq(below, -3, 3)


def _of_misses():
    way = (np.array([GOAL, GOAL - BY]) - 100) / SIGMA
    point = way[:, None] * C / SIGMA
    explained = 1 - NOISE**2 / SIGMA**2
    level = 100 + SIGMA * way * explained
    luck = 1 - float(explained_of_hit(P_HIT, np.array(explained)))
    return {
        "p_hit_bottom_fifth": TRUE_RANKING["p_hit_bottom_fifth"],
        "p_hit_top_fifth": TRUE_RANKING["p_hit_top_fifth"],
        "shift": -C / SIGMA * norm.pdf(H) / (P_HIT * (1 - P_HIT)),
        "in_misses": np.array([_median_of(c, True) for c in C]),
        "in_hits": np.array([_median_of(c, False) for c in C]),
        "stress_score": point,
        "stress_value": point,
        "stress_share": np.stack([np.where(C, C**2, np.nan) / SIGMA**2] * 2),
        "small stress_share": np.stack([np.where(C, np.nan, 0.0)] * 2),
        "stress_random": np.full(2, NOISE**2 / SIGMA**2),
        "distance": np.abs(way),
        "as_bad": np.array([np.nan, ndtr((GOAL - BY - 100) / SIGMA) / ndtr(H)]),
        "beside": GOAL - level,
        "beside_misses": ndtr((GOAL - level) / NOISE),
        "hit_random_variation": luck,
        "hit_unattributed": 0.0,
        "quality": 1.0,
        "p_hit": P_HIT,
        "middle": 100.0,
    }


def _of_last_month():
    """The fifth of the misses that is nearest to the shortfall asked for; and hits."""
    p, at = float(ndtr(H)), (GOAL - BY - 100) / SIGMA

    def inside(half):
        return ndtr(min(H, at + half)) - ndtr(at - half) - 0.2 * p

    half = brentq(inside, 1e-6, 5)
    low, high = at - half, min(H, at + half)
    typical = 100 + SIGMA * (norm.pdf(low) - norm.pdf(high)) / (ndtr(high) - ndtr(low))
    hits = 100 + SIGMA * norm.pdf(H) / P_HIT
    return {
        "typical": typical,
        "hits": hits,
        "typical_p20": 100 + SIGMA * ndtri(ndtr(low) + 0.2 * 0.2 * p),
        "typical_p80": 100 + SIGMA * ndtri(ndtr(low) + 0.8 * 0.2 * p),
        "hits_p20": 100 + SIGMA * ndtri(p + 0.2 * P_HIT),
        "hits_p80": 100 + SIGMA * ndtri(p + 0.8 * P_HIT),
        "behind_plan": 100.5 - typical,
        "behind_hits": hits - typical,
    }


def _shares_of_hits():
    model = Gaussian(np.eye(len(C)), C, np.zeros((len(C), len(C))), NOISE**2)
    return test_target.exact(model, H * SIGMA), np.asarray(explained_of_hit(P_HIT, C**2 / SIGMA**2))


TRUE_HIT_SHARES, TRUE_HIT_ALONE = _shares_of_hits()
TRUE_MISSES, TRUE_LAST_MONTH = _of_misses(), _of_last_month()
_SO_FAR = HIDDEN / 12
TRUE_EARLY = {
    "typical": 100 * _SO_FAR,
    "hits": 100 * _SO_FAR,
    "typical_p20": (100 + ndtri(0.2)) * _SO_FAR,
    "hits_p80": (100 + ndtri(0.8)) * _SO_FAR,
    "behind_plan": 0.5 * _SO_FAR,
    "behind_hits": 0.0,
    "told_apart": 0.2,
}


def correlated_hits(rng):
    """Shares of hit or miss of the model of `tests/explain/test_target.py`."""
    model, level = test_target.LINEAR, 0.8 * test_target.deviation(test_target.LINEAR)
    found, truth = test_target.found(model, rng, 2000, level), _of_correlated_hits()
    is_small = truth < SMALL
    yield "hit share", truth[~is_small], np.array(found.shapley.share)[:, ~is_small]
    yield "small hit share", truth[is_small], np.array(found.shapley.share)[:, is_small]
    yield "random variation", 1 - truth.sum(), found.random_variation
    yield "unattributed", 0.0, found.unattributed
    yield "quality", 1.0, found.quality


@cache
def _of_correlated_hits():
    return test_target.exact(test_target.LINEAR, 0.8 * test_target.deviation(test_target.LINEAR))


def events(rng):
    """How often one that matters and one that does not happen in misses and in hits."""
    happens = rng.random((2000, 2)) < [0.3, 0.2]
    y = rng.normal(size=2000) - happens[:, 0]
    ds = xr.Dataset(
        {"assumption_value": (("draw", "assumption"), np.where(happens, 6.0, 0.0))},
        {"assumption": ["a", "b"], "event": ["a", "b"], "month": [f"2027-{t + 1:02d}" for t in range(12)]},
        {"start": "2027-01"},
    )
    found = of_events(ds, y >= -0.5)
    p = np.array([ndtr(-0.5), ndtr(0.5)])  # of a miss without it and with it
    miss = 0.7 * p[0] + 0.3 * p[1]
    in_misses, in_hits = np.array([0.3 * p[1] / miss, 0.2]), np.array([0.3 * (1 - p[1]) / (1 - miss), 0.2])
    truths = {"happens_in_misses": in_misses, "happens_in_hits": in_hits, "happens_more": in_misses - in_hits}
    yield from _said_of(found, truths)


# ---- directions ----


def directions(rng):
    """Own and marginal effects of correlated inputs, and what a plan value away from the middle is worth."""
    z = rng.normal(size=(DRAWS, 3)) @ _ROOT.T
    y = 100 + z @ _B + rng.normal(size=DRAWS)
    ds = made(z, y, np.empty(0), at_least=GOAL, plan_value=PLANNED)
    yield from _said_of(direction(ds, "board ARR"), TRUE_DIRECTIONS)


_R = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]])
_ROOT, _B = np.linalg.cholesky(_R), np.array([1.0, 0.0, -0.6])


def _of_directions():
    total = math.sqrt(_B @ _R @ _B + 1)
    density = norm.pdf((GOAL - 100) / total) / total
    return {
        "own_effect": 2 * FIFTH * _B,
        "marginal_effect": 2 * FIFTH * _R @ _B,
        "hit_own_effect": 2 * FIFTH * _B * density,
        "hit_marginal_effect": 2 * FIFTH * _R @ _B * density,
        "plan_worth": PLANNED * _B,
    }


TRUE_DIRECTIONS = _of_directions()


def found_patterns(rng):
    """A jump of 2 at the seventh tenth of one input, a bend in another, and two that act together."""
    z = rng.normal(size=(3000, 4))
    at = ndtri(0.7)
    y = 0.5 * z[:, 0] + 2.0 * (z[:, 0] >= at) + 2.5 * np.maximum(z[:, 1], 0) + z[:, 2] * z[:, 3] + rng.normal(size=3000)
    scores = scores_of(z)
    reach = np.array([column[high].mean() - column[low].mean() for column, (low, high) in _ends(scores)])
    found = patterns(Additive(scores), ranks_of(z), y, reach)
    nothing = (np.nan,) * 3
    jumps = [one for one in found.thresholds if one.i == 0 and one.kind == "jump"]
    bends = [one for one in found.thresholds if one.i == 1 and one.kind == "bend"]
    pairs = [one for one in found.pairs if {one.i, one.j} == {2, 3}]
    yield "place of a jump", 0.7, jumps[0].place if jumps else nothing
    yield "size of a jump", 2.0, jumps[0].size if jumps else nothing
    yield "place of a bend", 0.5, bends[0].place if bends else nothing
    yield "size of a bend", 2.5 * FIFTH, bends[0].size if bends else nothing
    yield "joint effect", 4 * FIFTH**2, pairs[0].effect if pairs else nothing
    yield "joint share", 1 / _VARIANCE_OF_PATTERNS, pairs[0].share if pairs else nothing


def _ends(scores):
    return [(column, fifths(column)) for column in scores.T]


def _variance_of_patterns():
    """Of what `found_patterns` makes: a line and a jump, a bend, a product, noise."""
    at, slope, size = ndtri(0.7), 0.5, 2.0
    first = slope**2 + size**2 * 0.7 * 0.3 + 2 * slope * size * norm.pdf(at)
    bend = 2.5**2 * (0.5 - 1 / (2 * math.pi))
    return first + bend + 1 + 1


_VARIANCE_OF_PATTERNS = _variance_of_patterns()

# ---- triggers ----


def trigger(rng):
    """As in `tests/explain/test_probit.py`: θ ~ N(0, 1), seen with noise; P(hit | S = s) = Φ((s/2 + 1.5)/√1.5)."""
    theta = rng.normal(size=2000)
    value = theta + rng.normal(size=2000)
    hit = (theta + rng.normal(size=2000) >= -1.5).astype(float)
    seen = _Seen(value, theta, hit, 0.0, 10.0)
    cell = _cell(seen, 0.8, _Watched(0, "low", -1.0, True))
    at = (ndtri(0.8) * math.sqrt(1.5) - 1.5) / 0.5
    yield "trigger", at, cell.trigger
    yield "P(hit) as planned", ndtr(1.5 / math.sqrt(1.5)), cell.p_hit_as_planned
    yield "P(hit) at the declared one", ndtr(1.0 / math.sqrt(1.5)), cell.p_hit_at_declared
    yield "share beyond the declared one", ndtr(-1 / math.sqrt(2)), cell.share_beyond_declared
    # What is told of the trigger that was found.
    beyond = float(ndtr(cell.trigger[0] / math.sqrt(2)))
    both = float(multivariate_normal.cdf([cell.trigger[0] / math.sqrt(2), _MISS], cov=_SEEN_AND_RESULT))
    yield "share tripped", beyond, cell.share_tripped
    yield "P(hit) tripped", 1 - both / beyond, cell.p_hit_tripped
    yield "P(hit) otherwise", 1 - (ndtr(_MISS) - both) / (1 - beyond), cell.p_hit_otherwise


_MISS = -1.5 / math.sqrt(2)
_SEEN_AND_RESULT = [[1.0, 0.5], [0.5, 1.0]]

# ---- what averages hide, and bars of walks ----


def averages(rng):
    """The plan whose capacity binds, of `tests/explain/test_averages.py`."""
    steps, levels = test_averages.walk_of_less(rng)
    truth = _of_averages()
    uncertain = slice(2, None)
    yield "steps", truth[uncertain], _bounds(steps.value[uncertain], steps.error[uncertain])
    ends = truth.cumsum()
    yield "levels", ends[[4, 5]], _bounds(levels.value[3:] - levels.value[0], levels.error[3:])


@cache
def _of_averages():
    module = test_averages
    first = module.PAPER
    people = module.mean_of_less(module.CAPACITY, module.PIPELINE, module.SPREAD_A) - first
    funnel = module.mean_of_less(module.CAPACITY, module.PIPELINE, module.SPREAD_B) - first
    both = module.mean_of_less(module.CAPACITY, module.PIPELINE, math.hypot(module.SPREAD_A, module.SPREAD_B)) - first
    return np.array([-0.2, -0.1, people, funnel, both - people - funnel, -0.5])


def bars(other):
    """Bars between two plans, of `tests/learn/test_bars.py`; the runs may have seeds of their own."""

    def make(rng):
        seed = int(rng.integers(2**30))
        _, found = told(seed, 300, 3000, seed + 1 if other else None)
        for q, (name, truth) in enumerate((("probability", TRUTH), ("value", SHIFT))):
            # The first player stretches y: of the others' values nothing is uncertain.
            told_of = slice(4 if q == 0 else 1)
            yield name, truth[told_of], _bounds(found.bar[q, told_of], found.error[q, told_of])
            pooled = float(found.bar[q, :3].sum()), math.sqrt(float(found.covariance[q, :3, :3].sum()))
            yield f"{name}, three as one", truth[:3].sum(), _bounds(*pooled)
            if other:
                yield f"{name} beyond", 0.0, _bounds(found.beyond[q], found.beyond_error[q])
        yield "change of value", ALL, _bounds(found.change[1], found.change_error[1])

    return make


def _bounds(value, error):
    return value, value - 1.96 * np.asarray(error), value + 1.96 * np.asarray(error)


# ---- value of information ----


def choices(rng):
    """Two scenarios that share much, of which one is ahead by 0.3 on average: `tests/explain/test_information.py`."""
    x = rng.normal(size=(1000, 3))
    gain = 0.3 + x @ _WORTH
    shared, of_twins = 50 * rng.normal(size=1000), 50 * rng.normal(size=600)
    y, twin = gain + rng.normal(size=1000), gain[:600] + rng.normal(size=600)
    labels = {"owner": ("assumption", ["CFO"] * 3), "source_kind": ("assumption", ["judgment"] * 3)}
    runs = {
        "base": made(x, 100 + shared, 100 + of_twins),
        "bold": made(x, 100 + shared + y, 100 + of_twins + twin),
    }
    runs = {name: ds.assign_coords(labels).assign_attrs(seed="7") for name, ds in runs.items()}
    found = information(runs, "ending_arr", period="FY2027").sortby("assumption")
    known, everything = math.sqrt(_WORTH @ _WORTH), math.sqrt(_WORTH @ _WORTH + 1)
    yield from _said_of(
        found,
        {
            "net_benefit": np.array([100.0, 100.3]),
            "p_best": ndtr(np.array([-0.3, 0.3]) / everything),
            "evpi": worth(0.3, everything),
            "evppi_all": worth(0.3, known),
            "evppi": np.array([worth(0.3, c) for c in _WORTH]),
        },
    )
    yield "behind", 0.3, [found[f"behind{end}"].sel(option="base").item() for end in ENDS]


_WORTH = np.array([0.8, 0.6, 0.3])


def values_of_knowing(rng):
    for mean, slope in ((0.0, 0.15), (0.1, 0.5), (0.5, 0.5)):
        net_benefit, z = pair(rng, mean, slope, 1000)
        yield f"EVPPI, ahead by {mean:g}, slope {slope:g}", worth(mean, slope), evppi(net_benefit, z)
    yield "EVPI, a tie", worth(0.0, 1.0), evpi(pair(rng, 0.0, 0.0)[0])
    yield "EVPI, ahead by 1", worth(1.0, 1.0), evpi(pair(rng, 1.0, 0.0)[0])


# ---- designs of their own ----


def walked(rng):
    salt = int(rng.integers(2**20))
    found = walk(
        lambda z, a: test_walk.noisy(z, a, salt), test_walk.CORRELATION, seed=salt, precision=1e-9, most_runs=5 * 256
    )
    yield "share", test_walk.TRUE, [bound[0] for bound in found.share]


def scrambled(rng):
    salt = int(rng.integers(2**20))
    model = lambda z, a: test_sobol.product(z, a, salt)  # noqa: E731
    found = sobol(model, 2, seed=salt, precision=1e-9, most_runs=REPLICATES * 128 * 5)
    yield "first order", test_sobol.FIRST, [bound[0] for bound in found.first_order]
    yield "total", test_sobol.TOTAL, [bound[0] for bound in found.total]


_MODELS = {"linear": SIX[0], "quadratic": SIX[3], "variation depends on an input": OTHERS[2], "few draws": OTHERS[4]}
_WIDE = MappingProxyType({"small": WIDE_SHARE})
CASES = [
    *(
        Case(f"attribution, {name}", SHARES, shares_of(model), repetitions=500, wide=_WIDE)
        for name, model in _MODELS.items()
    ),
    Case("without a model", SHARES, binned, wide=_WIDE),
    Case("rank", RANKING, ranked, repetitions=500, wide=_WIDE),
    Case("misses", MISSES, missed, repetitions=500, wide=_WIDE, short={"typical_p": (0.84, SHORT_TYPICAL)}),
    Case("events in misses", MISSES, events),
    Case("hit or miss, correlated", HITS, correlated_hits, wide=_WIDE),
    Case("direction", DIRECTION, directions, repetitions=500),
    Case(
        "patterns",
        DIRECTION,
        found_patterns,
        repetitions=300,
        wide={"place": WIDE_PLACE},
        short={"size": (0.88, SHORT_SIZE)},
    ),
    Case("triggers", TRIGGERS, trigger),
    Case("averages", WALKS, averages),
    Case("bars, one seed", WALKS, bars(False)),
    Case("bars, two seeds", WALKS, bars(True)),
    Case("information", WORTH, choices, repetitions=500, wide={"evppi": "both ends err outward (explain/evppi.py)"}),
    Case("EVPI and EVPPI", WORTH, values_of_knowing, wide={"EVPPI": "both ends err outward (explain/evppi.py)"}),
    Case("walk", DESIGNS, walked),
    Case("Sobol", DESIGNS, scrambled, repetitions=300),
]
