"""Targets: how likely they are, what number is safe, and how much is missing when they are missed.

Estimators are functions of independent draws, and each gives its interval: the random error of a simulation is part
of its answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.errors import SimengineError
from simengine.plan.facts import SUMS, needed
from simengine.plan.targets import COHORT_METRICS, GROWTH_METRICS, METRICS, too_early
from simengine.results.books import Books
from simengine.results.economics import metric
from simengine.results.outputs import OUTPUTS, PATH_DIMS, PathSuffix
from simengine.results.past import TOLD
from simengine.results.paths import Array
from simengine.units import MONTHS_PER_YEAR, fiscal_period, month_label, month_number

LEVEL = 0.95
"""Coverage of every interval here."""
_Z = 1.959963984540054


def period_values(ds: xr.Dataset, name: str, period: str | None, suffix: PathSuffix = "") -> xr.DataArray:
    """A metric of the company over a period, path by path.

    Parameters
    ----------
    ds : result of a run
    name : one of `outputs.METRICS`
    period : fiscal year, quarter or month: FY2027, FY2027-Q3, 2027-03; None is the whole plan
    suffix : "" gives it along `draw`, "_twin" along `twin`, "_baseline" along `case`

    Raises
    ------
    SimengineError
        when there is no such metric or period, or when the metric is not known in it
    """
    return _values(ds, name, _months(ds, name, period), suffix, period or whole_plan(ds))


def _values(ds: xr.Dataset, name: str, months: tuple[int, int], suffix: PathSuffix, period: str) -> xr.DataArray:
    dim = PATH_DIMS[suffix]
    attrs = {**OUTPUTS[name].attributes(ds.attrs["currency"]), "period": period}
    value = np.broadcast_to(metric(_books(ds, suffix), name, *months), ds.sizes[dim])
    return xr.DataArray(value, {dim: ds[dim]}, [dim], name, attrs)


def told_values(ds: xr.Dataset, name: str, period: str | None, suffix: PathSuffix = "") -> xr.DataArray:
    """A metric of the company over a period as far as it can be told, path by path.

    It is what `period_values` gives, but where a period begins before the plan and facts do not tell the metric of
    the months before: then it is of the months inside the plan, and its `period` says so (FY2027 from 2027-04).

    Parameters
    ----------
    ds : result of a run
    name, period, suffix : as in `period_values`

    Raises
    ------
    SimengineError
        as `period_values` does
    """
    has_begun = name in METRICS and months_from_start(ds, period)[0] < 0 <= months_from_start(ds, period)[1]
    is_untold = has_begun and not _past_tells(ds, name, is_over=False)
    return (inside_values if is_untold else period_values)(ds, name, period, suffix)


def inside_values(ds: xr.Dataset, name: str, period: str | None, suffix: PathSuffix = "") -> xr.DataArray:
    """A metric of the company over the months of a period that are inside the plan, path by path.

    Parameters
    ----------
    ds : result of a run
    name, period, suffix : as in `period_values`

    Raises
    ------
    SimengineError
        as `period_values` does, and when the period is over
    """
    first, last = months_of(ds, period)
    _check_known(ds, name, first, last)
    return _values(ds, name, (first, last), suffix, since_start(ds, period))


def is_told(ds: xr.Dataset, name: str, period: str) -> bool:
    """Whether `told_values` knows a metric of a period: retention, for one, needs the customers of a year before."""
    try:
        told_values(ds, name, period)
    except SimengineError:
        return False
    return True


def since_start(ds: xr.Dataset, period: str | None) -> str:
    """What the months of a period that are inside the plan are called: FY2027 from 2027-04, if it began before."""
    has_begun = months_from_start(ds, period)[0] < 0
    return f"{period} from {ds.attrs['start']}" if has_begun else period or whole_plan(ds)


def values_so_far(ds: xr.Dataset, name: str, period: str, suffix: PathSuffix = "") -> xr.DataArray:
    """A metric of the company month by month until a period ends, path by path.

    Flows and ratios are of the period so far, and begin with it, or with the plan where it begins before; stocks begin
    with the plan. In the last month all are what `period_values` gives.

    Parameters
    ----------
    ds : result of a run
    name, period, suffix : as in `period_values`

    Returns
    -------
    DataArray
        (month, draw), or the dimension that belongs to `suffix`

    Raises
    ------
    SimengineError
        as `period_values` does
    """
    first, last = _months(ds, name, period)
    books, dim = _books(ds, suffix), PATH_DIMS[suffix]
    if last < 0:
        raise SimengineError(f"{period} is over when the plan starts, in {ds.attrs['start']}; choose a later period")
    begin = 0 if OUTPUTS[name].kind == "stock" else max(first, 0)
    if name in COHORT_METRICS and np.isnan(ds["net_history"].values[max(first, 0) : last]).any():
        begin = last  # of customers of a year ago, who are not known
    so_far = [metric(books, name, min(first, month), month) for month in range(begin, last + 1)]
    values = np.stack([np.broadcast_to(column, ds.sizes[dim]) for column in so_far])
    attrs = {**OUTPUTS[name].attributes(ds.attrs["currency"]), "period": period}
    months = ds["month"].values[begin : last + 1]
    return xr.DataArray(values, {"month": months, dim: ds[dim]}, ["month", dim], name, attrs)


def _books(ds: xr.Dataset, suffix: PathSuffix) -> Books:
    def load(output: str) -> Array:
        kept = OUTPUTS[output].kept
        if "opening" in kept:
            return np.asarray(ds[output].sum().values)
        return np.asarray(ds.variables[output if "history" in kept else output + suffix].values)

    def past(output: str) -> Array:
        known = ds.variables[f"{output}_past"].values
        return np.asarray(known.sum(axis=1) if known.ndim > 1 else known)

    return Books(load, past=past)


def every_path(ds: xr.Dataset) -> PathSuffix:
    """The suffix of what is known on every path: a streamed run keeps its targets on more paths than all the rest."""
    return "_streamed" if "target_value_streamed" in ds.variables else ""


def hits(ds: xr.Dataset, suffix: PathSuffix = "") -> xr.DataArray:
    """Whether each path reaches each target, (draw, target); an undefined value reaches none."""
    values = ds["target_value" + suffix]
    reached = (values >= ds["at_least"]) | (values <= ds["at_most"])
    return reached.rename("hit").assign_attrs(long_name="Target is reached")


def hit_probability(ds: xr.Dataset, suffix: PathSuffix = "") -> xr.Dataset:
    """Probability of each target, and of all of them on the same path, with Wilson intervals.

    A target that only tells whether an event was a success is not among all of them.

    Parameters
    ----------
    ds : result of a run
    suffix : "_unwidened" takes the paths without the source policy, "_streamed" every path of a streamed run

    Returns
    -------
    Dataset
        `p`, `lower`, `upper` along `target`; `joint`, `joint_lower`, `joint_upper`
    """
    hit = hits(ds, suffix)
    draws = hit.shape[0]
    p, lower, upper = wilson(hit.values.sum(axis=0), draws)
    joint, joint_lower, joint_upper = wilson(hit.values[:, ~ds["criterion"].values].all(axis=1).sum(), draws)
    known = ("target", "metric", "period", "where", "at_least", "at_most", "confidence", "criterion")
    targets = {name: ds[name] for name in known}
    return xr.Dataset(
        {
            "p": ("target", p, {"long_name": "Probability that the target is reached", "units": "fraction"}),
            "lower": ("target", lower, _bound("p", "lower")),
            "upper": ("target", upper, _bound("p", "upper")),
            "joint": ((), joint, {"long_name": "Probability that all targets are reached", "units": "fraction"}),
            "joint_lower": ((), joint_lower, _bound("joint", "lower")),
            "joint_upper": ((), joint_upper, _bound("joint", "upper")),
        },
        targets,
        {"draws": draws, "level": LEVEL, "method": "Wilson"},
    )


def event_success(ds: xr.Dataset) -> xr.Dataset:
    """Probability that each event with a success criterion reaches it, with Wilson intervals.

    Returns
    -------
    Dataset
        `p`, `lower`, `upper` along `event`, those with a criterion; `success` is its target
    """
    found = hit_probability(ds, every_path(ds))[["p", "lower", "upper"]]
    named = ds["success"].values != ""
    events = {name: ds[name][named] for name in ("event", "kind", "event_owner", "success")}
    chosen = found.sel(target=events["success"].values)
    variables = {name: ("event", chosen[name].values, chosen[name].attrs) for name in ("p", "lower", "upper")}
    return xr.Dataset(variables, events, found.attrs)


def quantiles(ds: xr.Dataset, name: str, period: str, levels: Sequence[float] = (0.1, 0.5, 0.9)) -> xr.Dataset:
    """Quantiles of a metric over a period, with intervals from order statistics.

    Parameters
    ----------
    ds : result of a run
    name, period : as in `period_values`
    levels : probabilities

    Returns
    -------
    Dataset
        `value`, `lower`, `upper` along `quantile`; a bound is infinite where there are too few draws for one
    """
    return _quantiles(period_values(ds, name, period), levels)


def _quantiles(values: xr.DataArray, levels: Sequence[float]) -> xr.Dataset:
    found = quantile_intervals(values.values, levels)
    value, lower, upper = (np.array(column) for column in zip(*found, strict=True))
    return xr.Dataset(
        {
            "value": ("quantile", value, values.attrs),
            "lower": ("quantile", lower, {**values.attrs, **_bound("value", "lower")}),
            "upper": ("quantile", upper, {**values.attrs, **_bound("value", "upper")}),
        },
        {"quantile": list(levels)},
        {
            "draws": values.size,
            "level": LEVEL,
            "method": "order statistics",
            "metric": values.name,
            "period": values.attrs["period"],
        },
    )


def commit(ds: xr.Dataset, name: str, period: str, confidence: float = 0.8) -> xr.Dataset:
    """The number that is safe to commit to: at least as much is reached with probability `confidence`.

    It is the quantile at `1 − confidence` of the metric over the period; `value`, `lower`, `upper` as in `quantiles`.
    Paths on which the metric is undefined reach no number.
    """
    reached = period_values(ds, name, period)
    found = _quantiles(reached.copy(data=as_misses(reached.values, at_least=True)), (1 - confidence,))
    return found.squeeze("quantile", drop=True).assign_attrs(confidence=confidence)


def shortfall(ds: xr.Dataset, target: str) -> xr.Dataset:
    """How much is missing on average when a target is missed.

    Parameters
    ----------
    ds : result of a run
    target : its name

    Returns
    -------
    Dataset
        `mean` and its `standard_error` in the unit of the target's metric, and `misses`, the paths they rest on. NaN
        without a miss, and where a miss has no amount: the metric is infinite or undefined there. The standard error is
        NaN with fewer than two misses.

    Raises
    ------
    SimengineError
        when there is no such target
    """
    names = [str(name) for name in ds["target"].values]
    if target not in names:
        raise SimengineError(f"no target is named {target!r}; the plan has {', '.join(names) or 'none'}")
    one = at(ds, "target", target)
    values = one[f"target_value{every_path(ds)}"].values
    at_least, at_most = float(one["at_least"]), float(one["at_most"])
    missing = values - at_most if math.isnan(at_least) else at_least - values
    missed = missing[~(missing <= 0)]
    known = bool(np.isfinite(missed).all())
    mean = missed.mean() if known and missed.size else math.nan
    error = missed.std(ddof=1) / math.sqrt(missed.size) if known and missed.size > 1 else math.nan
    units = OUTPUTS[str(one["metric"].item())].attributes(ds.attrs["currency"])["units"]
    return xr.Dataset(
        {
            "mean": ((), mean, {"long_name": "Mean shortfall when the target is missed", "units": units}),
            "standard_error": ((), error, {"long_name": "Standard error of mean", "units": units}),
            "misses": ((), missed.size, {"long_name": "Paths that miss the target", "units": "count"}),
        },
        attrs={"target": target, "draws": missing.size},
    )


def at(ds: xr.Dataset, dim: str, name: str) -> xr.Dataset:
    """What a dataset holds along `dim`, at `name`: selecting from hundreds of other variables would take as long."""
    return ds[[key for key, variable in ds.variables.items() if dim in variable.dims]].sel({dim: name})


def as_misses(values: Array, *, at_least: bool) -> Array:
    """Values of a metric with the undefined ones beyond all others, on the side that reaches no target.

    >>> as_misses(np.array([1.2, np.nan]), at_least=True)
    array([ 1.2, -inf])
    """
    return np.where(np.isnan(values), -math.inf if at_least else math.inf, values)


def wilson(successes: NDArray[np.int_] | int, trials: int) -> tuple[Array, Array, Array]:
    """A share of independent trials with its 95 % score interval (Wilson 1927): estimate, lower, upper.

    >>> [round(float(x), 4) for x in wilson(8, 10)]
    [0.8, 0.4902, 0.9433]
    """
    p = np.asarray(successes, dtype=np.float64) / trials
    spread = _Z * np.sqrt(p * (1 - p) / trials + _Z**2 / (4 * trials**2))
    centre, scale = p + _Z**2 / (2 * trials), 1 + _Z**2 / trials
    # Of none, or of all, one end is p itself, but for rounding.
    return p, np.clip((centre - spread) / scale, 0.0, p), np.clip((centre + spread) / scale, p, 1.0)


def quantile_interval(values: Array, level: float, coverage: float = LEVEL) -> tuple[float, float, float]:
    """A quantile of independent values with its interval between two of them: estimate, lower, upper.

    Of n values a binomial(n, level) number B lies below the quantile; so the l-th and u-th smallest hold it between
    them with probability `P(l ≤ B ≤ u − 1)`, whatever the law of the values; each side leaves at most 2.5 % of 95 %.

    Parameters
    ----------
    values : (n,)
    level : probability, between 0 and 1
    coverage : of the interval

    >>> quantile_interval(np.arange(1.0, 101.0), 0.5)
    (50.0, 40.0, 61.0)
    """
    return quantile_intervals(values, (level,), coverage)[0]


def quantile_intervals(
    values: Array, levels: Sequence[float], coverage: float = LEVEL
) -> list[tuple[float, float, float]]:
    """Several quantiles of the same values, each as `quantile_interval`."""
    ordered = np.sort(values)
    found = []
    for level in levels:
        at, below, above = _places(values.size, level, coverage)
        lower = float(ordered[below]) if below >= 0 else -math.inf
        upper = float(ordered[above]) if above < values.size else math.inf
        found.append((float(ordered[at]), lower, upper))
    return found


@lru_cache(maxsize=1024)
def _places(n: int, level: float, coverage: float) -> tuple[int, int, int]:
    """Places of a quantile and of its bounds among n ordered values, from 0; a bound may lie beyond them."""
    from scipy.special import bdtr

    # Eight standard deviations hold all but 1e-14 of the binomial.
    around = 8 * math.sqrt(n * level * (1 - level)) + 8
    least = max(0, math.floor(n * level - around))
    cumulative = bdtr(np.arange(least, min(n, math.ceil(n * level + around))), n, level)
    tail = (1 - coverage) / 2
    below = least + int(np.searchsorted(cumulative, tail, side="right"))
    above = least + int(np.searchsorted(cumulative, 1 - tail)) + 1
    return _place(n, level), below - 1, above - 1


def levels_of(values: Array, levels: Sequence[float]) -> list[float]:
    """Quantiles alone, as in `quantile_interval`.

    >>> levels_of(np.arange(1.0, 101.0), (0.1, 0.5))
    [10.0, 50.0]
    """
    places = [_place(values.size, level) for level in levels]
    ordered = np.partition(values, places)
    return [float(ordered[place]) for place in places]


def _place(n: int, level: float) -> int:
    """Place of a quantile among n ordered values, from 0."""
    return max(1, math.ceil(n * level - 1e-9)) - 1  # 0.2 · 1000 may come out a little above 200


def _bound(of: str, side: str) -> dict[str, str | float]:
    return {"long_name": f"{side.capitalize()} end of the {100 * LEVEL:g} % interval of {of}", "level": LEVEL}


def whole_plan(ds: xr.Dataset) -> str:
    """The months of a plan in words: 2027-01 to 2028-12."""
    return f"{ds['month'].values[0]} to {ds['month'].values[-1]}"


def months_of(ds: xr.Dataset, period: str | None) -> tuple[int, int]:
    """First and last month of a period, or of the whole plan, from 0; of one that begins before it those inside.

    Raises SimengineError where the period is not inside the plan and its facts, or is over when the plan starts.
    """
    first, last = months_from_start(ds, period)
    if last < 0:
        raise SimengineError(f"{period} is over when the plan starts, in {ds.attrs['start']}; choose a later period")
    return max(first, 0), last


def months_from_start(ds: xr.Dataset, period: str | None) -> tuple[int, int]:
    """First and last month of a period, or of the whole plan, from 0; months before the plan count down from −1.

    Raises SimengineError where the period is not inside the plan and its facts.
    """
    if period is None:
        return 0, ds.sizes["month"] - 1
    try:
        window = fiscal_period(period, int(ds.attrs["fiscal_year_start"]))
    except ValueError:
        raise SimengineError(f"{period!r} is not a period like FY2027, FY2027-Q3 or 2027-03") from None
    start, months = month_number(ds.attrs["start"]), ds.sizes["month"]
    if window.first < start - ds.sizes.get("past_month", 0) or window.last >= start + months:
        facts = f", and facts from {ds['past_month'].values[0]}" if "past_month" in ds.sizes else ""
        raise SimengineError(
            f"{period} runs from {month_label(window.first)} to {month_label(window.last)}, "
            f"the plan from {ds.attrs['start']} to {month_label(start + months - 1)}{facts}"
        )
    return window.first - start, window.last - start


def _months(ds: xr.Dataset, name: str, period: str | None) -> tuple[int, int]:
    """First and last month of a period in which a metric is known, as `months_from_start`."""
    if name not in METRICS:
        raise SimengineError(f"{name!r} is not a metric; choose one of {', '.join(METRICS)}")
    first, last = months_from_start(ds, period)
    _check_known(ds, name, first, last)
    if first < 0 and not _past_tells(ds, name, is_over=last < 0):
        raise SimengineError(
            f"facts do not tell {name} of months before the plan, which starts in {ds.attrs['start']}; choose a period "
            "inside it"
        )
    return first, last


def _check_known(ds: xr.Dataset, name: str, first: int, last: int) -> None:
    """Refuse a metric of customers, or of a year before, that are not known."""
    unknown = name in COHORT_METRICS and last >= 0 and bool(np.isnan(ds["net_history"].values[last]))
    if unknown or (name in GROWTH_METRICS and first < MONTHS_PER_YEAR):
        raise SimengineError(too_early(name, month_number(ds.attrs["start"])))


def _past_tells(ds: xr.Dataset, name: str, *, is_over: bool) -> bool:
    """Whether facts tell a metric of a period that begins before the plan."""
    told = {output for output in TOLD if f"{output}_past" in ds.variables}
    needs = (name,) if name in (*SUMS, "net_new_arr") else needed(name, is_over, told, ())
    return needs is not None and told.issuperset(needs)
