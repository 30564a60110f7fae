"""What a result hangs on: assumptions by share of variance, what each does to it, and what none of them explains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.errors import SimengineError
from simengine.explain.intervals import Z95, Bounded, Floats, Interval, mean, median, proportion
from simengine.explain.question import Question, question_of
from simengine.explain.ranks import midranks, midranks_among, ranks_of
from simengine.explain.tornado import tornado
from simengine.explain.variance import Bins, FirstOrder, first_order_shares, standard_error
from simengine.explain.variation import RandomVariation, random_variation
from simengine.results.outputs import OUTPUTS
from simengine.results.targets import wilson

FEWEST_DRAWS = 100
"""With fewer, a fifth holds less than 20 draws, and intervals were measured to be too short."""


def rank(ds: xr.Dataset, metric_or_target: str, *, period: str | None = None) -> xr.Dataset:
    """Rank the assumptions of a run by the share of a result's variance that each explains alone.

    Parameters
    ----------
    ds : result of a run
    metric_or_target : a target of the plan by name, or a metric of the whole company
    period : FY2027, FY2027-Q3 or 2027-03, for a metric. Left out, it is that of the first target on the metric, else
        the last whole fiscal year of the plan, else its last month. If the company has a target on this metric and
        period, the target is ranked.

    Returns
    -------
    Dataset
        Along `assumption`, largest share first. Every estimate has `_lower` and `_upper`: its 95 % interval.

        - `share`: first-order share of variance; of a ratio (NRR, CAC) the share of the variance of its rank, because
          the variance of a ratio need not exist. `distinguishable`: the interval excludes zero. `constant`: the
          assumption never varies.
        - `rank_group`, from 1: within a group the order means nothing. The share of the first of a group is larger than
          that of the first of the next by more than noise (paired draw by draw, at 95 %).
        - `metric_bottom_fifth`, `metric_top_fifth`, `swing`: mean (of a ratio: median) of the metric where the
          assumption is in the bottom fifth of its draws, in the top fifth, and the second less the first.
        - `p_hit_bottom_fifth`, `p_hit_top_fifth`, `p_hit_swing`, `hit_share`: the same of reaching the target, if there
          is one.
        - `p_worse_than_plan`: how often the assumption is on the adverse side of its plan value; nan if both are.

        Scalars: `random_variation`, and `remainder` (interactions and shared causes), which make up 1 with all shares,
        or nan if the run has no twins; `mean` (not of a ratio), `p10`, `p50`, `p90`. With a target `p_hit` and
        `hit_random_variation`.

    Raises
    ------
    SimengineError
        when there is no such metric, target or period, or fewer than 100 draws in which the metric is defined
    """
    question = question_of(ds, metric_or_target, period)
    defined = ~np.isnan(question.value)
    draws = int(defined.sum())
    if len(defined) < FEWEST_DRAWS:
        raise SimengineError(
            f"a ranking needs {FEWEST_DRAWS} draws, and this run has {len(defined)}; run the plan with more"
        )
    if draws < FEWEST_DRAWS:
        raise SimengineError(
            f"{question.metric} is undefined on {len(defined) - draws:,} of {len(defined):,} paths, and a ranking "
            f"needs it on {FEWEST_DRAWS} or more; choose another metric or period"
        )
    inputs = ds["assumption_value"].values
    ratio = OUTPUTS[question.metric].kind == "ratio"
    value, twin = question.value[defined], question.twin[defined]
    ranked = (midranks(value), midranks_among(twin, value)) if ratio else (value, twin)
    ranks, bins = _binned(inputs[defined])
    shares, variation = first_order_shares(bins, ranked[0]), random_variation(*ranked)
    ends = tornado(ranks, value, median if ratio else mean)
    columns = {
        "share": shares.share,
        "metric_bottom_fifth": ends.bottom,
        "metric_top_fifth": ends.top,
        "swing": ends.swing,
        "p_worse_than_plan": _worse_than_plan(ds),
    }
    scalars = {"random_variation": variation.share, "remainder": _remainder(shares, variation)}
    if not ratio:
        scalars["mean"] = mean(value)
    if question.target:
        if draws < len(defined):
            ranks, bins = _binned(inputs)
        ends = tornado(ranks, question.hit, proportion)
        columns |= {"p_hit_bottom_fifth": ends.bottom, "p_hit_top_fifth": ends.top, "p_hit_swing": ends.swing}
        columns["hit_share"] = first_order_shares(bins, question.hit).share
        scalars["p_hit"] = proportion(question.hit)
        scalars["hit_random_variation"] = random_variation(question.hit, question.hit_twin).share

    order = np.argsort(-shares.share.estimate, kind="stable")
    flags = {"distinguishable": shares.share.lower > 0, "constant": np.ptp(inputs, axis=0) == 0}
    ranking = xr.Dataset(
        {name: ("assumption", column[order]) for name, column in (*_with_bounds(columns), *flags.items())}
        | {name: ((), number) for name, number in _with_bounds(scalars)}
        | {f"p{level}": ((), np.quantile(value, level / 100, method="inverted_cdf")) for level in (10, 50, 90)}
        | {"rank_group": ("assumption", _groups(shares, order))},
        {name: coordinate[order] for name, coordinate in ds.coords.items() if coordinate.dims == ("assumption",)},
    )
    return _described(ranking, ds, question, draws)


def _binned(inputs: Floats) -> tuple[list[Floats], list[Bins]]:
    ranks = ranks_of(inputs)
    return ranks, [Bins(column) for column in ranks]


def _worse_than_plan(ds: xr.Dataset) -> Interval:
    drawn, planned, adverse = ds["assumption_value"].values, ds["plan_value"].values, ds["adverse"].values
    worse = np.where(adverse == "low", (drawn < planned).sum(axis=0), (drawn > planned).sum(axis=0))
    return Interval(*(np.where(adverse == "both", np.nan, bound) for bound in wilson(worse, len(drawn))))


def _remainder(shares: FirstOrder, variation: RandomVariation) -> Bounded:
    remainder = 1 - float(shares.share.estimate.sum()) - variation.share[0]
    margin = Z95 * standard_error(shares.influence.sum(axis=0) + variation.influence)
    return remainder, remainder - margin, remainder + margin


def _groups(shares: FirstOrder, order: NDArray[np.intp]) -> NDArray[np.int64]:
    """Number the groups of assumptions in `order`.

    A new one opens where a share is below that of the group's first by more than noise. Not below that of the
    neighbour: a chain of small steps would make one group of all.
    """
    groups = np.ones(len(order), dtype=np.int64)
    head = 0
    for place in range(1, len(order)):
        first, here = order[head], order[place]
        gap = shares.share.estimate[first] - shares.share.estimate[here]
        new = gap > Z95 * standard_error(shares.influence[first] - shares.influence[here])
        head = place if new else head
        groups[place] = groups[place - 1] + new
    return groups


def _with_bounds(estimates: Mapping[str, Interval | Bounded]) -> Iterator[tuple[str, Floats]]:
    for name, (estimate, lower, upper) in estimates.items():
        yield name, np.asarray(estimate)
        yield f"{name}_lower", np.asarray(lower)
        yield f"{name}_upper", np.asarray(upper)


_OF_THE_METRIC = {
    "metric_bottom_fifth": "Metric where the assumption is in its bottom fifth",
    "metric_top_fifth": "Metric where the assumption is in its top fifth",
    "swing": "Metric in the top fifth less that in the bottom fifth",
    "mean": "Mean of the metric",
    "p10": "10th percentile of the metric",
    "p50": "Median of the metric",
    "p90": "90th percentile of the metric",
}
_FRACTIONS = {
    "share": "Share of variance that the assumption explains alone",
    "p_worse_than_plan": "Probability that the assumption is worse than its plan value",
    "p_hit_bottom_fifth": "P(hit) where the assumption is in its bottom fifth",
    "p_hit_top_fifth": "P(hit) where the assumption is in its top fifth",
    "p_hit_swing": "P(hit) in the top fifth less that in the bottom fifth",
    "hit_share": "Share of variance of hit or miss that the assumption explains alone",
    "random_variation": "Share of variance due to random variation",
    "remainder": "Share of variance due to interactions and shared causes",
    "p_hit": "Probability that the target is reached",
    "hit_random_variation": "Share of variance of hit or miss due to random variation",
}
_MARKS = {
    "distinguishable": "Whether the interval of the share excludes zero",
    "constant": "Whether the assumption never varies",
    "rank_group": "Rank up to noise",
}


def _described(ranking: xr.Dataset, ds: xr.Dataset, question: Question, draws: int) -> xr.Dataset:
    metric = OUTPUTS[question.metric].attributes(ds.attrs["currency"])
    units = {**dict.fromkeys(_OF_THE_METRIC, metric["units"]), **dict.fromkeys(_FRACTIONS, "fraction")}
    for stem, text in (_OF_THE_METRIC | _FRACTIONS | _MARKS).items():
        for suffix, side in (("", ""), ("_lower", "Lower bound: "), ("_upper", "Upper bound: ")):
            if stem + suffix in ranking:
                attrs = {"long_name": side + text} | ({"units": units[stem]} if stem in units else {})
                ranking[stem + suffix].attrs = attrs
    ratio = metric["kind"] == "ratio"
    ranking.attrs = {
        **{name: ds.attrs[name] for name in ("plan", "currency")},
        "metric": question.metric,
        "period": question.period,
        "target": question.target,
        "units": metric["units"],
        "draws": draws,
        "draws_left_out": ds.sizes["draw"] - draws,
        "twins": int(np.isfinite(question.twin).sum()),
        "level": 0.95,
        "statistic": "median" if ratio else "mean",
        "share_of": "variance of the metric's rank" if ratio else "variance of the metric",
    }
    return ranking
