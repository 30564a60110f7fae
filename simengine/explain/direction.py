"""Direction of risk: whether each assumption hurts on the side that the plan declares, and whether steadily."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.errors import SimengineError
from simengine.explain.additive import Additive, Slopes, holm, marginal_slopes, own_slopes, scores_of
from simengine.explain.intervals import Floats, Interval, stacked
from simengine.explain.patterns import Patterns, patterns
from simengine.explain.question import Question, question_of
from simengine.explain.ranks import midranks_among, ranks_of
from simengine.explain.shape import Turn, turn
from simengine.explain.tornado import fifths
from simengine.plan.scalars import nearest
from simengine.results.outputs import OUTPUTS

FEWEST_DRAWS = 500
MOST_DRAWS = 16_384
"""More would find effects too small to matter, for more time."""
LEVEL = 0.05
"""Probability of any false finding of a kind, all assumptions together."""

VERDICTS = ("as declared", "contradicts", "both sides declared", "not told", "never varies")

Signs = NDArray[np.int64]


class _Effects(NamedTuple):
    """What inputs do to one result: the signs are 0 where none can be told."""

    own: Interval
    marginal: Interval
    sign: Signs
    marginal_sign: Signs
    slopes: Slopes


def direction(ds: xr.Dataset, target: str) -> xr.Dataset:
    """Hold the declared adverse side of every assumption against what it does to a target, and look for surprises.

    Parameters
    ----------
    ds : result of a run
    target : one of its targets by name: only a target says which side is good

    Returns
    -------
    Dataset
        Estimates have `_lower` and `_upper`, their 95 % intervals. Along `assumption`, in the order of the run:

        - `own_effect`: what going from its bottom to its top fifth does to the target's metric, all other assumptions
          held still (one regression on all normal scores); of a ratio, with far-out values drawn in. `marginal_effect`:
          the same with all that moves together moving. `hit_own_effect`, `hit_marginal_effect`: the same to reaching
          the target.
        - `plan_worth`: what it adds to the metric that the assumption is taken at its plan value and not in the middle
          of its draws, all others held still; nan where it is planned outside its draws, or never varies.
        - `sign`, `hit_sign`: 1, -1, or 0 where it cannot be told (Holm over both tests of all assumptions, at 5 %).
          `marginal_sign` (Holm over assumptions).
        - `verdict`: `contradicts` where an own effect is told and goes against the declared side; else `as declared`,
          `both sides declared`, `not told`, or `never varies`.
        - `companion`: where what is seen is not the assumption's own doing (a marginal sign and no such own sign), the
          correlated assumption that does it; else empty.
        - `turns`: the metric both rises and falls along it (`turn_p` below 5 %, all assumptions together); `turns_at`,
          in its unit; `peak`: a highest place, else a lowest.

        Along `threshold`, clearest first: `threshold_of`, `threshold_kind` (`jump` or `bend`), `threshold_at` in the
        assumption's unit, `threshold_size`, `threshold_share`. Along `pair`: `first`, `second`, `joint_effect`,
        `joint_share`, and `only_together`: neither has an own effect that can be told.

        The attribute `favour` is 1 where the target asks for much, -1 where it asks for little.

    Raises
    ------
    SimengineError
        when there is no such target, or it is known on fewer than 500 draws
    """
    known = [str(name) for name in ds["target"].values]
    if target not in known:
        raise SimengineError(
            f"{target!r} is no target of this plan, and only a target says which side is good; {nearest(target, known)}"
        )
    question = question_of(ds, target)
    inputs, value, hit = _told(ds, question)
    scores, ranks = scores_of(inputs), ranks_of(inputs)
    reach = np.array([z[high].mean() - z[low].mean() for z, (low, high) in _ends(scores)])
    signs = _signs(scores, value, hit, reach)
    metric, chance = signs
    model = Additive(scores)
    turns = [turn(model, i, column, value) for i, column in enumerate(ranks)]
    found = patterns(model, ranks, value, reach)
    favour = 1 if np.isfinite(ds["at_least"].sel(target=target).item()) else -1
    adverse = ds["adverse"].values
    better = np.where(adverse == "low", 1, np.where(adverse == "high", -1, 0))
    varies = np.asarray(scores.any(axis=0))
    names = ds["assumption"].values.astype(str)
    result = xr.Dataset(coords={name: c for name, c in ds.coords.items() if c.dims == ("assumption",)})
    for stem, effect in (
        ("own_effect", metric.own),
        ("marginal_effect", metric.marginal),
        ("hit_own_effect", chance.own),
        ("hit_marginal_effect", chance.marginal),
    ):
        _put(result, stem, "assumption", effect)
    _put(result, "plan_worth", "assumption", metric.slopes.over(*_planned(inputs, ds["plan_value"].values)))
    result["sign"] = "assumption", metric.sign
    result["hit_sign"] = "assumption", chance.sign
    result["marginal_sign"] = "assumption", metric.marginal_sign
    result["verdict"] = "assumption", _verdicts(better, favour * metric.sign, chance.sign, varies)
    result["companion"] = "assumption", _companions(scores, metric, names)
    _put_turns(result, turns, inputs)
    _put_patterns(result, found, inputs, names, metric.sign)
    result.attrs = {**_attributes(ds, question, len(value)), "favour": favour}
    return result


def _told(ds: xr.Dataset, question: Question) -> tuple[Floats, Floats, Floats]:
    """Inputs, value and hit on the draws where the metric is defined, at most 16,384 of them."""
    defined = np.flatnonzero(~np.isnan(question.value))[:MOST_DRAWS]
    if len(defined) < FEWEST_DRAWS:
        raise SimengineError(
            f"directions need {FEWEST_DRAWS} draws on which {question.metric} is defined, and this run has "
            f"{len(defined)}; run the plan with more draws"
        )
    value = question.value[defined]
    if OUTPUTS[question.metric].kind == "ratio":
        value = _drawn_in(value)
    if not np.isfinite(value).all():
        raise SimengineError(f"{question.metric} is infinite on every fourth path; choose another target")
    return ds["assumption_value"].values[defined], value, question.hit[defined]


def _drawn_in(ratio: Floats) -> Floats:
    """A ratio whose values more than three interquartile ranges beyond the quartiles (Tukey's far out) are drawn in.

    A denominator near zero makes a few values so large that no mean, and no slope, says anything of the others.

    >>> _drawn_in(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, np.inf]))
    array([ 1.,  2.,  3.,  4.,  5.,  6.,  7., 18.])
    """
    low, high = np.quantile(ratio, (0.25, 0.75), method="inverted_cdf")
    if low == high:
        known = ratio[np.isfinite(ratio)]
        return np.clip(ratio, known.min(), known.max()) if len(known) else ratio
    return np.clip(ratio, low - 3 * (high - low), high + 3 * (high - low)) if np.isfinite(high - low) else ratio


def _planned(inputs: Floats, planned: Floats) -> tuple[Floats, Floats]:
    """Plan values as normal scores among the draws, and the errors of these scores; nan outside them."""
    from scipy.special import ndtri

    ranks = np.array([midranks_among(plan, x).item() for plan, x in zip(planned[:, None], inputs.T, strict=True)])
    told = (ranks > 0) & (ranks < 1) & (np.ptp(inputs, axis=0) > 0)
    score = np.where(told, ndtri(np.where(told, ranks, 0.5)), math.nan)
    # That of a share of the draws, over the density of the scores.
    error = np.sqrt(ranks * (1 - ranks) / len(inputs)) * math.sqrt(2 * math.pi) * np.exp(score**2 / 2)
    return score, error


def _ends(scores: Floats) -> Sequence[tuple[Floats, tuple[NDArray[np.bool_], NDArray[np.bool_]]]]:
    return [(z, fifths(z)) for z in scores.T]


def _signs(scores: Floats, value: Floats, hit: Floats, reach: Floats) -> tuple[_Effects, _Effects]:
    """Effects on the metric and on reaching the target. Signs are told over both tests of all inputs together."""
    # Ranks know the standard deviation of an input, and so how far it is from fifth to fifth, as n draws do.
    of_reach = reach / math.sqrt(2 * len(value))
    own = [own_slopes(scores, y) for y in (value, hit)]
    alone = [marginal_slopes(scores, y) for y in (value, hit)]
    p = holm(np.concatenate([slopes.p for slopes in own])).reshape(2, -1)
    effects = []
    for mine, all_, adjusted in zip(own, alone, p, strict=True):
        sign = _sign(mine.slope, adjusted)
        told = mine.over(reach, of_reach), all_.over(reach, of_reach)
        effects.append(_Effects(*told, sign, _sign(all_.slope, holm(all_.p)), mine))
    return effects[0], effects[1]


def _sign(slope: Floats, p: Floats) -> Signs:
    told = np.nan_to_num(p, nan=1.0) < LEVEL
    return np.where(told, np.sign(np.nan_to_num(slope)), 0).astype(np.int64)


def _verdicts(better: Signs, metric: Signs, hit: Signs, varies: NDArray[np.bool_]) -> NDArray[np.str_]:
    """Verdicts on declared sides: `better` is 1 where high is to be better; signs are 1 where high was better."""
    against = (better * metric < 0) | (better * hit < 0)
    told = (metric != 0) | (hit != 0)
    cases = [~varies, better == 0, against, told]
    return np.select(cases, ["never varies", "both sides declared", "contradicts", "as declared"], "not told")


def _companions(scores: Floats, effects: _Effects, names: NDArray[np.str_]) -> NDArray[np.str_]:
    """Who does what an input seems to do.

    The marginal slope of i is exactly `Σ_j r_ij b_j` over the own slopes b: the largest term in its direction, of those
    whose correlation r is more than chance (Bonferroni over all pairs).
    """
    n, k = scores.shape
    correlation = scores.T @ scores / n
    from scipy.special import ndtri

    least = -float(ndtri(LEVEL / 2 / max(1, k * (k - 1) / 2))) / math.sqrt(n)
    carried = np.where(np.abs(correlation) > least, correlation, 0.0) * np.nan_to_num(effects.slopes.slope)
    np.fill_diagonal(carried, 0.0)
    borrowed = (effects.marginal_sign != 0) & (effects.sign != effects.marginal_sign)
    toward = carried * effects.marginal_sign[:, None]
    who = toward.argmax(axis=1) if k else np.zeros(0, dtype=np.intp)
    named = borrowed & (toward[np.arange(k), who] > 0)
    return np.where(named, names[who], "")


def _put(result: xr.Dataset, stem: str, dim: str, numbers: Interval) -> None:
    for suffix, values in zip(("", "_lower", "_upper"), numbers, strict=True):
        result[stem + suffix] = dim, values


def _put_turns(result: xr.Dataset, turns: Sequence[Turn], inputs: Floats) -> None:
    p = holm(np.array([one.p for one in turns]))
    told = p < LEVEL
    at = [
        float(np.median(x[one.place])) if yes else math.nan for x, one, yes in zip(inputs.T, turns, told, strict=True)
    ]
    result["turn_p"] = "assumption", p
    result["turns"] = "assumption", told
    result["turns_at"] = "assumption", np.array(at)
    result["peak"] = "assumption", np.array([one.peak for one in turns], dtype=bool)


def _put_patterns(result: xr.Dataset, found: Patterns, inputs: Floats, names: NDArray[np.str_], sign: Signs) -> None:
    thresholds, pairs = found
    places = [np.quantile(inputs[:, one.i], one.place) for one in thresholds]
    result["threshold_of"] = "threshold", names[[one.i for one in thresholds]]
    result["threshold_kind"] = "threshold", np.array([one.kind for one in thresholds], dtype=str)
    _put(result, "threshold_at", "threshold", stacked(places))
    _put(result, "threshold_size", "threshold", stacked([one.size for one in thresholds]))
    result["threshold_share"] = "threshold", np.array([one.share for one in thresholds], dtype=float)
    result["threshold_p"] = "threshold", np.array([one.p for one in thresholds], dtype=float)
    result["first"] = "pair", names[[one.i for one in pairs]]
    result["second"] = "pair", names[[one.j for one in pairs]]
    _put(result, "joint_effect", "pair", stacked([one.effect for one in pairs]))
    _put(result, "joint_share", "pair", stacked([one.share for one in pairs]))
    result["joint_p"] = "pair", np.array([one.p for one in pairs], dtype=float)
    silent = [sign[one.i] == 0 and sign[one.j] == 0 for one in pairs]
    result["only_together"] = "pair", np.array(silent, dtype=bool)


def _attributes(ds: xr.Dataset, question: Question, draws: int) -> dict[str, str | int | float]:
    ratio = OUTPUTS[question.metric].kind == "ratio"
    unit = OUTPUTS[question.metric].attributes(ds.attrs["currency"])["units"]
    return {
        "plan": ds.attrs["plan"],
        "currency": ds.attrs["currency"],
        "target": question.target,
        "metric": question.metric,
        "period": question.period,
        "units": unit,
        "effect_of": "metric, its far-out values drawn in" if ratio else "metric",
        "draws": draws,
        "level": LEVEL,
    }
