"""The drivers of a miss: what decides whether a target is reached, and the story of a typical miss, with dates."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from simengine.errors import SimengineError
from simengine.explain.dates import Flags, by_month, each, of_events
from simengine.explain.intervals import (
    Z95,
    Bounded,
    Floats,
    Interval,
    beyond_noise,
    difference,
    mean,
    median,
    proportion,
    stacked,
    with_bounds,
)
from simengine.explain.question import question_of
from simengine.explain.ranks import ranks_of
from simengine.explain.stress import Quadratic, Stress, errors, most_plausible
from simengine.explain.surrogate import Inputs, Surrogate, fit
from simengine.explain.target import HitShares, hit_shares, scores
from simengine.explain.tornado import tornado
from simengine.results.outputs import OUTPUTS
from simengine.results.targets import quantile_interval

FEWEST = 30
"""Misses, and hits: with fewer there is no typical one."""
_TYPICAL = 0.2
"""Share of all misses, those nearest to the shortfall, that stand for a miss of its size."""
_BESIDE = 0.02
"""Share of all paths on which the assumptions take the result about as far as at the most plausible point."""


def misses(ds: xr.Dataset, target: str, *, period: str | None = None, by: float | None = None) -> xr.Dataset:
    """Tell what decides whether a target is reached, and how a typical miss comes about.

    Parameters
    ----------
    ds : result of a run
    target : a target of the plan by name, or a metric of the whole company on which it has one
    period : of the metric, as in `explain.rank`
    by : shortfall of the miss that is told of, in the unit of the metric; left out, the mean shortfall of all misses
        (the median where that does not exist)

    Returns
    -------
    Dataset
        Every estimate has `_lower` and `_upper`, its 95 % interval. Along `assumption`, largest `hit_share` first:

        - `hit_share`: Shapley share of the variance p (1 − p) of hit or miss; with the scalars `hit_random_variation`
          and `hit_unattributed` they make up 1 (`target.hit_shares`). `hit_alone` is the first-order share,
          `hit_binned` the same without a model, `doubtful` where the two contradict each other.
        - `p_hit_bottom_fifth`, `p_hit_top_fifth`: P(hit) where the assumption is lowest, and highest.
        - `shift`: its mean in misses less that in hits, in its own standard deviations; `moved` if beyond noise, at 5 %
          over all assumptions together. `in_misses`, `in_hits`: its medians there.
        - `median_value`: its median over all paths.
        - `stress_value`, `stress_score` (also along `shortfall`): where it stands at the most plausible joint movement
          that misses by 0 and by `by` (`stress`). `stress_share`, the part of the way that it carries.

        Along `shortfall` (0 and `by`): `stress_random`, the part of what no assumption explains; `distance` of the
        point from the middle, in standard deviations; `as_bad`, share of misses by as much or more; of those paths
        whose assumptions take the result about as far, `beside`, the median of what is missing, `beside_expected` at
        the point, and `beside_misses`, the share that misses.

        Along `month`, if the metric is known by month: `typical`, its mean in the misses nearest to `by`, and `hits` in
        all hits; `typical_p20`, `typical_p80`, `hits_p20`, `hits_p80`, their quantiles; `plan` of the operating plan;
        `behind_plan` and `behind_hits`, how much worse typical misses are than the plan and than hits; `told_apart`,
        the share of those misses that are worse than four in five of all hits. Of a ratio medians, not means.

        Along `event`: `happens_in_misses`, `happens_in_hits`, `happens_more` the first less the second, `differs` if
        beyond noise; `starts_in_misses` and `starts_in_hits`, the median month where it happens.

        Scalars: `p_hit`, `quality` (`target.HitShares`), `middle`, the result where all assumptions are at their
        medians and nothing else happens. Attributes: `behind_from`, the month from which on a typical miss is behind
        the plan on average; `visible_from`, from which on four in five of them are worse than four in five of all hits.
        Empty if there is none.

    Raises
    ------
    SimengineError
        when there is no such target, fewer than 30 misses or 30 hits, or `by` is no amount
    """
    if by is not None and not 0 <= by < math.inf:
        raise SimengineError(f"a target is missed by an amount from 0 on, not by {by:g}")
    question = question_of(ds, target, period)
    if not question.target:
        raise SimengineError(f"{question.metric} {question.period} has no target; a miss needs one")
    one = ds.sel(target=question.target)
    at_least = math.isfinite(float(one["at_least"]))
    threshold, worse = float(one["at_least" if at_least else "at_most"]), -1.0 if at_least else 1.0
    hit = question.hit > 0
    _enough(question.target, hit)
    shortfall = _typical_shortfall(worse * (question.value[~hit] - threshold)) if by is None else by
    score, inputs = scores(question.value, at_least=at_least), Inputs.of(ds)
    surrogate = fit(inputs, score)
    shares = hit_shares(surrogate, question.hit, question.hit_twin)
    typical = _nearest(question.value, threshold + worse * shortfall, hit)
    months = by_month(ds, question, typical, hit, worse)
    movement = _Movement(inputs, surrogate, score, np.nan_to_num(worse * (question.value - threshold), nan=math.inf))
    middle, *ends = (threshold + worse * missing for missing in movement.middle)
    scalars = {
        "p_hit": proportion(question.hit),
        "hit_random_variation": shares.random_variation,
        "hit_unattributed": shares.unattributed,
        "quality": shares.quality,
        "middle": (middle, min(ends), max(ends)),
    }
    ways = xr.concat([movement.to(short) for short in (0.0, shortfall)], "shortfall")
    found = xr.merge(
        [
            _of_assumptions(inputs, shares, question.hit),
            ways.assign_coords(shortfall=[0.0, shortfall]),
            months,
            of_events(ds, hit),
            xr.Dataset({name: ((), number) for name, number in with_bounds(scalars)}),
        ],
        combine_attrs="drop",
    )
    found = found.assign_coords(
        {name: coordinate for name, coordinate in ds.coords.items() if coordinate.dims == ("assumption",)}
    )
    found = found.isel(assumption=np.argsort(-shares.shapley.share.estimate, kind="stable"))
    metric = OUTPUTS[question.metric].attributes(ds.attrs["currency"])
    _describe(found, metric["units"])
    found.attrs = {
        **{name: ds.attrs[name] for name in ("plan", "currency")},
        **{"metric": question.metric, "period": question.period, "target": question.target, "units": metric["units"]},
        **{"threshold": threshold, "at_least": int(at_least), "shortfall": shortfall, "draws": len(hit)},
        **{"misses": int((~hit).sum()), "typical_misses": int(typical.sum()), "trusted": int(shares.trusted)},
        **{"twins": int(np.isfinite(question.twin).sum()), "level": 0.95},
        **{"statistic": "median" if metric["kind"] == "ratio" else "mean", **months.attrs},
    }
    return found


def _enough(target: str, hit: Flags) -> None:
    for count, verb, other in ((int((~hit).sum()), "missed", "higher"), (int(hit.sum()), "reached", "lower")):
        if count < FEWEST:
            raise SimengineError(
                f"{target} is {verb} on {count} of {len(hit):,} paths, and the drivers of a miss need {FEWEST} misses "
                f"and {FEWEST} hits; run the plan with more draws, or set a {other} target"
            )


def _typical_shortfall(missing: Floats) -> float:
    """Mean of what is missing; its median where that is not finite; 0 where neither is."""
    for estimate in (missing.mean(), np.median(np.nan_to_num(missing, nan=math.inf))):
        if math.isfinite(estimate):
            return float(estimate)
    return 0.0


def _nearest(value: Floats, level: float, hit: Flags) -> Flags:
    """The misses that are nearest to a level: a fifth of all, at least `FEWEST`."""
    gap = np.where(hit, math.inf, np.nan_to_num(np.abs(value - level), nan=math.inf))
    count = max(FEWEST, round(_TYPICAL * int((~hit).sum())))
    return np.asarray(gap <= np.partition(gap, count - 1)[count - 1])


def _of_assumptions(inputs: Inputs, shares: HitShares, hit: Floats) -> xr.Dataset:
    """What each assumption does to hit or miss, and where it stands in misses and in hits."""
    ends, missed = tornado(ranks_of(inputs.values), hit, proportion), hit == 0
    shift = difference(each(mean, inputs.factors[missed]), each(mean, inputs.factors[~missed]))
    estimates = {
        "hit_share": shares.shapley.share,
        "hit_alone": shares.alone.share,
        "hit_binned": shares.binned.share,
        "p_hit_bottom_fifth": ends.bottom,
        "p_hit_top_fifth": ends.top,
        "shift": shift,
        "in_misses": each(median, inputs.values[missed]),
        "in_hits": each(median, inputs.values[~missed]),
    }
    others = {
        "doubtful": shares.doubtful,
        "moved": beyond_noise(shift),
        "constant": ~inputs.varies,
        "median_value": _values(inputs, np.full(len(inputs.varies), 0.5)),
    }
    return xr.Dataset({name: ("assumption", column) for name, column in (*with_bounds(estimates), *others.items())})


class _Movement:
    """The most plausible joint movements that miss by so much, beside the run's own paths."""

    def __init__(self, inputs: Inputs, surrogate: Surrogate, score: Floats, missing: Floats) -> None:
        self._inputs, self._surrogate, self._score, self._missing = inputs, surrogate, score, missing
        self._f = Quadratic.of(surrogate)
        self._by_assumptions = self._f.at(np.where(inputs.varies, inputs.z, 0.0))

    @property
    def middle(self) -> Bounded:
        """What is missing where every assumption is at its median, and nothing else happens."""
        return self._missing_at(self._f.middle)

    def to(self, short: float) -> xr.Dataset:
        """The point at which so much is missing."""
        from scipy.special import ndtri

        n = len(self._missing)
        # Ranks of the first and of the last draw are half a draw from the ends.
        better, *ends = (np.clip(p, 0.5 / n, 1 - 0.5 / n) for p in proportion((self._missing < short).astype(float)))
        level = -float(ndtri(better))
        stress = most_plausible(self._f, level)
        error = errors(self._f, self._surrogate, self._score, level, stress)
        way = level - self._f.middle
        z = _around(stress.z, error.z)
        distances = [most_plausible(self._f, -float(ndtri(end))).distance for end in ends]
        nearer, farther = (
            math.hypot(stress.distance - end, Z95 * error.distance) for end in (min(distances), max(distances))
        )
        beside = self._missing[self._beside(stress)]
        of_assumptions = {
            "stress_score": z,
            "stress_value": _values_between(self._inputs, z),
            "stress_share": _around(stress.moved / way if way else np.full(len(error.part), math.nan), error.part),
        }
        rest = _around(np.array(stress.moved_by_rest / way if way else math.nan), np.array(error.rest))
        scalars: dict[str, Interval | Bounded] = {
            "stress_random": rest,
            "distance": (stress.distance, max(0.0, stress.distance - nearer), stress.distance + farther),
            "as_bad": proportion((self._missing[self._missing > 0] >= short).astype(float)),
            "beside": median(beside),
            "beside_misses": proportion((beside > 0).astype(float)),
        }
        return xr.Dataset(
            {name: ("assumption", column) for name, column in with_bounds(of_assumptions)}
            | {name: ((), number) for name, number in with_bounds(scalars)}
            | {"beside_expected": self._missing_at(float(self._f.at(stress.z[None])[0]))[0]}
        )

    def _beside(self, stress: Stress) -> Flags:
        """The paths on which the assumptions take the result about as far."""
        gap = np.abs(self._by_assumptions - self._f.at(stress.z[None])[0])
        count = min(len(gap), max(FEWEST, round(_BESIDE * len(gap))))
        return np.asarray(gap <= np.partition(gap, count - 1)[count - 1])

    def _missing_at(self, score: float) -> Bounded:
        """What is missing at a score."""
        from scipy.special import ndtr

        return quantile_interval(self._missing, float(ndtr(-score)))


def _around(estimate: Floats, error: Floats) -> Interval:
    return Interval(estimate, estimate - Z95 * error, estimate + Z95 * error)


def _values_between(inputs: Inputs, z: Interval) -> Interval:
    """Quantiles of the assumptions at scores, (k,) each.

    A score is uncertain, and so is where a quantile lies among n draws: both are added as errors of independent
    estimates (`intervals.difference`).
    """
    from scipy.special import ndtr

    levels, ends = Interval(*map(ndtr, z)), np.array([inputs.values.min(axis=0), inputs.values.max(axis=0)])
    value, lower, upper = (_values(inputs, level) for level in levels)
    known = stacked(quantile_interval(*one) for one in zip(inputs.values.T, levels.estimate, strict=True))
    below, above = value - np.maximum(known.lower, ends[0]), np.minimum(known.upper, ends[1]) - value
    return Interval(value, value - np.hypot(value - lower, below), value + np.hypot(upper - value, above))


def _values(inputs: Inputs, levels: Floats) -> Floats:
    """Quantiles of the assumptions at one level each, (k,)."""
    pairs = zip(inputs.values.T, levels, strict=True)
    return np.array([np.quantile(column, level, method="inverted_cdf") for column, level in pairs])


_OF_THE_METRIC = {
    "middle": "Metric where every assumption is at its median",
    "beside": "What is missing, median of the paths whose assumptions take the metric as far",
    "beside_expected": "What is missing at the most plausible point, by its assumptions",
    "typical": "Metric in the misses nearest to the shortfall",
    "typical_p20": "P20 of the metric in these misses",
    "typical_p80": "P80 of the metric in these misses",
    "hits": "Metric in hits",
    "hits_p20": "P20 of the metric in hits",
    "hits_p80": "P80 of the metric in hits",
    "plan": "Metric in the operating plan",
    "behind_plan": "How much worse typical misses are than the operating plan",
    "behind_hits": "How much worse typical misses are than hits",
}
_FRACTIONS = {
    "hit_share": "Shapley share of the variance of hit or miss",
    "hit_alone": "Share of the variance of hit or miss that the assumption explains alone",
    "hit_binned": "The same, without a model",
    "hit_random_variation": "Share of the variance of hit or miss due to random variation",
    "hit_unattributed": "Share of the variance of hit or miss that is not attributed",
    "quality": "Share of what assumptions explain of hit or miss that the shares find",
    "p_hit": "Probability that the target is reached",
    "p_hit_bottom_fifth": "P(hit) where the assumption is in its bottom fifth",
    "p_hit_top_fifth": "P(hit) where the assumption is in its top fifth",
    "as_bad": "Share of misses by as much or more",
    "beside_misses": "Share of misses among the paths whose assumptions take the metric as far",
    "stress_share": "Part of the movement that the assumption carries",
    "stress_random": "Part of the movement that no assumption explains",
    "told_apart": "Share of typical misses that are worse than four in five of all hits",
    "happens_in_misses": "Share of misses in which the event happens",
    "happens_in_hits": "Share of hits in which the event happens",
    "happens_more": "The first less the second",
}
_OTHERS = {
    "shift": "Mean in misses less mean in hits, in standard deviations",
    "in_misses": "Median in misses",
    "in_hits": "Median in hits",
    "median_value": "Median",
    "stress_score": "Score at the most plausible point",
    "stress_value": "Value at the most plausible point",
    "distance": "Distance of the most plausible point from the middle, in standard deviations",
    "doubtful": "Whether the two first-order shares contradict each other",
    "moved": "Whether the shift is beyond noise",
    "constant": "Whether the assumption never varies",
    "differs": "Whether the difference is beyond noise",
    "starts_in_misses": "Median start in misses",
    "starts_in_hits": "Median start in hits",
}


def _describe(found: xr.Dataset, units: str) -> None:
    of_units = {**dict.fromkeys(_OF_THE_METRIC, units), **dict.fromkeys(_FRACTIONS, "fraction")}
    for stem, text in (_OF_THE_METRIC | _FRACTIONS | _OTHERS).items():
        for suffix, side in (("", ""), ("_lower", "Lower bound: "), ("_upper", "Upper bound: ")):
            if stem + suffix in found:
                found[stem + suffix].attrs = {"long_name": side + text} | (
                    {"units": of_units[stem]} if stem in of_units else {}
                )
