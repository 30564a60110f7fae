"""What a result hangs on: assumptions by share of variance, what each does to it, and what none of them explains."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.errors import SimengineError
from simengine.explain.attribution import Attribution, Shares, attribute, contradicts
from simengine.explain.forms import forms
from simengine.explain.groups import memberships
from simengine.explain.intervals import (
    UNKNOWN,
    Z95,
    Floats,
    Interval,
    mean,
    median,
    proportion,
    stacked,
    with_bounds,
)
from simengine.explain.narrowing import narrowing
from simengine.explain.question import Question, question_of
from simengine.explain.ranks import normal_scores, normal_scores_among, ranks_of
from simengine.explain.surrogate import Inputs, lines
from simengine.explain.ties import rank_groups
from simengine.explain.timing import by_quarter
from simengine.explain.tornado import tornado
from simengine.explain.variance import Bins, first_order_shares, standard_error
from simengine.explain.variation import random_variation
from simengine.results.outputs import OUTPUTS
from simengine.results.targets import wilson

FEWEST_DRAWS = 100
"""With fewer, a fifth holds less than 20 draws, and intervals were measured to be too short."""
DRAWS_PER_LINE = 4
"""Draws for each term of a plane through the assumptions: with fewer, intervals were seen to be too short."""


def rank(ds: xr.Dataset, metric_or_target: str, *, period: str | None = None) -> xr.Dataset:
    """Rank the assumptions of a run by their share of a result's variance; with random variation shares add up to 1.

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

        - `share`: Shapley share of variance, shared causes divided fairly; of a ratio (NRR, CAC) that of the variance
          of its normal score, because the variance of a ratio need not exist. `distinguishable`: the interval excludes
          zero. `constant`: the assumption never varies.
        - `rank_group`, from 1: within a group the order means nothing. The share of the first of a group is larger than
          that of the first of the next by more than noise (paired draw by draw, at 95 %).
        - `share_from_here`: of the assumption and all that stand below it, together
        - `narrowing`: how much narrower P10 to P90 of the metric would be if the assumption were known; nan for a ratio
        - `alone`: the share that it explains alone, without any model; under dependence these do not add up.
          `disagrees`: the model behind `share` says otherwise by more than four standard errors.
        - `metric_bottom_fifth`, `metric_top_fifth`, `swing`: mean (of a ratio: median) of the metric where the
          assumption is in the bottom fifth of its draws, in the top fifth, and the second less the first.
        - `p_hit_bottom_fifth`, `p_hit_top_fifth`, `p_hit_swing`: the same of reaching the target, if there is one.
        - `rank_correlation` of assumption and metric; `low_alone`, `high_alone`: how far the metric moves with the
          assumption at its P10, P90, all others at their medians. What these and the fifths do not show: `borrows`
          (its effect is that of others, which move with it), `bends` (it rises and falls), `joins` (it acts with
          others).
        - `p_worse_than_plan`: how often the assumption is on the adverse side of its plan value; nan if both are.

        Along `group`, with `grouping` (owner, source_kind, acts_on) and `members`: `group_share`, the sum over its
        members, and `group_narrowing`. Along `quarter`: `quarter_share`, by when the result arises, if it is a sum.

        Scalars: `random_variation` and `unattributed`, which make up 1 with all shares; `quality`, the share of what
        assumptions explain that was found, and `trusted`, whether that is enough; `mean` (not of a ratio), `p10`,
        `p50`, `p90`. With a target `p_hit` and `hit_random_variation`. With fewer than 50 twins `random_variation` and
        `quality` are nan, and what is unattributed holds random variation.

    Raises
    ------
    SimengineError
        when there is no such metric, target or period, or too few draws in which the metric is defined: fewer than
        100, or than four for each assumption and each value of one with few values
    """
    question = question_of(ds, metric_or_target, period)
    everything = Inputs.of(ds)
    defined = _enough(question, everything)
    ratio = OUTPUTS[question.metric].kind == "ratio"
    value, twin = question.value[defined], question.twin[defined]
    y, of_twin = (normal_scores(value), normal_scores_among(twin, value)) if ratio else (value, twin)
    inputs = everything.at(defined)
    found = attribute(inputs, y, of_twin)
    ranks = ranks_of(inputs.values)
    bins = [Bins(column) for column in ranks]
    ends = tornado(ranks, value, median if ratio else mean)
    alone = first_order_shares(bins, y)
    spreadsheet = forms(found, ranks, y)
    order = np.argsort(-found.shapley.share.estimate, kind="stable")
    columns = {
        "share": found.shapley.share,
        "share_from_here": _from_here(found.shapley, order),
        "narrowing": stacked([UNKNOWN if ratio else narrowing(y, *one.left(y)) for one in bins]),
        "alone": alone.share,
        "metric_bottom_fifth": ends.bottom,
        "metric_top_fifth": ends.top,
        "swing": ends.swing,
        "p_worse_than_plan": _worse_than_plan(ds),
        "rank_correlation": spreadsheet.rank_correlation,
        "low_alone": _in_own_unit(spreadsheet.low_alone, value, ratio),
        "high_alone": _in_own_unit(spreadsheet.high_alone, value, ratio),
    }
    scalars = {
        "random_variation": found.random_variation,
        "unattributed": found.unattributed,
        "quality": found.quality,
    }
    if not ratio:
        scalars["mean"] = mean(value)
    if question.target:
        ends = tornado(ranks if defined.all() else ranks_of(ds["assumption_value"].values), question.hit, proportion)
        columns |= {"p_hit_bottom_fifth": ends.bottom, "p_hit_top_fifth": ends.top, "p_hit_swing": ends.swing}
        scalars["p_hit"] = proportion(question.hit)
        scalars["hit_random_variation"] = random_variation(question.hit, question.hit_twin).share

    flags = {
        "distinguishable": found.shapley.share.lower > 0,
        "constant": ~inputs.varies,
        "disagrees": contradicts(found.alone, alone),
        **{name: getattr(spreadsheet, name) for name in ("borrows", "bends", "joins")},
    }
    ranking = xr.Dataset(
        {name: ("assumption", column[order]) for name, column in (*with_bounds(columns), *flags.items())}
        | {name: ((), number) for name, number in with_bounds(scalars)}
        | {f"p{level}": ((), np.quantile(value, level / 100, method="inverted_cdf")) for level in (10, 50, 90)}
        | {"rank_group": ("assumption", _groups(found.shapley, order)), "trusted": ((), found.trusted)},
        {name: coordinate[order] for name, coordinate in ds.coords.items() if coordinate.dims == ("assumption",)},
    )
    ranking = ranking.assign(_by_group(ds, found, y, ratio)).assign(_by_quarter(ds, question)).set_coords("grouping")
    return _described(ranking, ds, question, int(defined.sum()))


def _enough(question: Question, inputs: Inputs) -> NDArray[np.bool_]:
    """The draws in which the metric is defined."""
    fewest = max(FEWEST_DRAWS, DRAWS_PER_LINE * lines(inputs).count(inputs))
    defined = ~np.isnan(question.value)
    draws = int(defined.sum())
    if len(defined) < fewest:
        raise SimengineError(
            f"a ranking of this plan needs {fewest} draws, and this run has {len(defined)}; run the plan with more"
        )
    if draws < fewest:
        raise SimengineError(
            f"{question.metric} is undefined on {len(defined) - draws:,} of {len(defined):,} paths, and a ranking "
            f"needs it on {fewest} or more; choose another metric or period"
        )
    return defined


def _from_here(shares: Shares, order: NDArray[np.intp]) -> Interval:
    """Share of each assumption and all that stand below it in `order`, together."""
    totals = np.empty((len(order), 3))
    members = np.zeros(len(order), dtype=bool)
    for place in order[::-1]:
        members[place] = True
        totals[place] = shares.total(members)
    return Interval(*totals.T)


def _in_own_unit(moved: Interval, value: Floats, ratio: bool) -> Interval:
    """How far a result moves; of a ratio from its median to the quantile with the moved score."""
    if not ratio:
        return moved
    from scipy.special import ndtr

    middle = np.quantile(value, 0.5, method="inverted_cdf")
    with np.errstate(invalid="ignore"):  # the difference of two infinite ratios is nan
        return Interval(*(np.quantile(value, ndtr(score), method="inverted_cdf") - middle for score in moved))


def _by_group(ds: xr.Dataset, found: Attribution, y: Floats, ratio: bool) -> dict[str, Any]:
    groups = memberships(ds, found.surrogate.inputs.varies)
    shares = stacked([found.shapley.total(members) for _, _, members in groups])
    left = [UNKNOWN if ratio else narrowing(y, *found.surrogate.left(y, members)) for _, _, members in groups]
    estimates = {"group_share": shares, "group_narrowing": stacked(left)}
    return {
        **{name: ("group", column) for name, column in with_bounds(estimates)},
        "members": ("group", np.array([members.sum() for _, _, members in groups], dtype=np.int64)),
        "group": np.array([name for _, name, _ in groups], dtype=np.str_),
        "grouping": ("group", np.array([grouping for grouping, _, _ in groups], dtype=np.str_)),
    }


def _by_quarter(ds: xr.Dataset, question: Question) -> dict[str, Any]:
    labels, shares = by_quarter(ds, question)
    columns = {name: ("quarter", column) for name, column in with_bounds({"quarter_share": shares})}
    return {**columns, "quarter": np.array(labels, dtype=np.str_)}


def _worse_than_plan(ds: xr.Dataset) -> Interval:
    drawn, planned, adverse = ds["assumption_value"].values, ds["plan_value"].values, ds["adverse"].values
    worse = np.where(adverse == "low", (drawn < planned).sum(axis=0), (drawn > planned).sum(axis=0))
    return Interval(*(np.where(adverse == "both", np.nan, bound) for bound in wilson(worse, len(drawn))))


def _groups(shares: Shares, order: NDArray[np.intp]) -> NDArray[np.int64]:
    """Rank groups of assumptions in `order`, paired draw by draw."""

    def less(first: int, here: int) -> bool:
        a, b = order[first], order[here]
        gap = float(shares.share.estimate[a] - shares.share.estimate[b])
        return gap > Z95 * standard_error(shares.influence[a] - shares.influence[b])

    return rank_groups(len(order), less)


_OF_THE_METRIC = {
    "narrowing": "How much narrower P10 to P90 would be if the assumption were known",
    "group_narrowing": "How much narrower P10 to P90 would be if the whole group were known",
    "metric_bottom_fifth": "Metric where the assumption is in its bottom fifth",
    "metric_top_fifth": "Metric where the assumption is in its top fifth",
    "low_alone": "Metric with the assumption at P10, others at their medians, less that with all at their medians",
    "high_alone": "Metric with the assumption at P90, others at their medians, less that with all at their medians",
    "swing": "Metric in the top fifth less that in the bottom fifth",
    "mean": "Mean of the metric",
    "p10": "10th percentile of the metric",
    "p50": "Median of the metric",
    "p90": "90th percentile of the metric",
}
_FRACTIONS = {
    "share": "Share of variance, shared causes divided fairly (Shapley effect)",
    "alone": "Share of variance that the assumption explains alone",
    "share_from_here": "Share of variance of the assumption and all below it",
    "rank_correlation": "Rank correlation of assumption and metric",
    "group_share": "Share of variance of the group",
    "quarter_share": "Share of variance that arises in the quarter",
    "p_worse_than_plan": "Probability that the assumption is worse than its plan value",
    "p_hit_bottom_fifth": "P(hit) where the assumption is in its bottom fifth",
    "p_hit_top_fifth": "P(hit) where the assumption is in its top fifth",
    "p_hit_swing": "P(hit) in the top fifth less that in the bottom fifth",
    "random_variation": "Share of variance due to random variation",
    "unattributed": "Share of variance that was not attributed",
    "quality": "Share of what assumptions explain that was found",
    "p_hit": "Probability that the target is reached",
    "hit_random_variation": "Share of variance of hit or miss due to random variation",
}
_MARKS = {
    "distinguishable": "Whether the interval of the share excludes zero",
    "constant": "Whether the assumption never varies",
    "rank_group": "Rank up to noise",
    "disagrees": "Whether what it explains alone is not what the model behind the share says",
    "trusted": "Whether enough was found of what assumptions explain",
    "borrows": "Whether its effect is that of others which move with it",
    "bends": "Whether the metric rises and falls with it",
    "joins": "Whether it acts together with others more than alone",
    "members": "Assumptions in the group",
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
        "share_of": "variance of the normal score of the metric" if ratio else "variance of the metric",
    }
    return ranking
