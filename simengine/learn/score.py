"""Were past forecasts right? Each run against what happened since: where the truth fell, how sharp, how surprised.

A forecast is a sample of equally likely values, as a run gives it. Its rules are proper: they are best, on average, for
the law that is true (T. Gneiting and A. E. Raftery, JASA 102, 2007, 359-378).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.explain.intervals import UNKNOWN, exact_lower, exact_upper
from simengine.learn.readings import Reading
from simengine.results.outputs import OUTPUTS
from simengine.results.targets import every_path, hit_probability, period_values
from simengine.units import fiscal_period, fiscal_quarter, month_number

Floats = NDArray[np.float64]
Actual = Callable[[str, str, Mapping[str, str]], float]
"""What a metric was in a period, in a group (empty: the company); NaN where the records cannot tell."""

LEVELS = (0.5, 0.8, 0.9)
"""Of the central intervals whose coverage is counted."""
MEASURED = (
    *("ending_arr", "new_arr", "expansion_arr", "contraction_arr", "churned_arr", "bookings"),
    *("opportunities", "won", "customers"),
)
"""The metrics whose forecasts are scored, where the plan has them."""


def crps(sample: Floats, happened: float) -> float:
    """Continuous ranked probability score of a sample, in its own unit: E|X − y| − E|X − Z|/2; 0 is perfect.

    X and Z are alike; of a single value it is the absolute error. By the sorted form: with x₍₁₎ ≤ … ≤ x₍ₙ₎,
    `(2/n²) Σ (x₍ᵢ₎ − y)(n 1{y < x₍ᵢ₎} − i + 1/2)` (F. Laio and S. Tamea, HESS 11, 2007, 1267-1277).

    Parameters
    ----------
    sample : (n,) equally likely values
    happened : y

    >>> crps(np.array([3.0]), 5.0), crps(np.array([4.0, 6.0]), 5.0)
    (2.0, 0.5)
    """
    ordered, n = np.sort(sample), len(sample)
    ranks = np.arange(1, n + 1)
    return float(2.0 / n**2 * np.sum((ordered - happened) * (n * (happened < ordered) - ranks + 0.5)))


def pit(sample: Floats, happened: float, u: float) -> float:
    """Place of what happened among what was forecast, from 0 to 1: uniform where forecasts are calibrated.

    Between the share below and the share up to it, at `u`: so counts, which tie, are uniform too
    (C. Czado, T. Gneiting and L. Held, Biometrics 65, 2009, 1254-1261). Of n values and the truth all n + 1 places are
    equally likely: `(below + u (ties + 1)) / (n + 1)`.

    >>> pit(np.array([1.0, 2.0, 3.0]), 2.5, 0.5)
    0.625
    """
    below, ties = int((sample < happened).sum()), int((sample == happened).sum())
    return (below + u * (ties + 1)) / (len(sample) + 1)


def brier(probability: Floats, hit: Floats) -> float:
    """Mean squared error of probabilities: 0 is perfect, 0.25 is what "one in two" always gets; NaN of none.

    Source: G. W. Brier, Monthly Weather Review 78, 1950, 1-3.

    >>> brier(np.array([0.9, 0.2]), np.array([1.0, 0.0]))
    0.025
    """
    return float(np.mean((probability - hit) ** 2)) if len(hit) else math.nan


def exact_share(successes: int, trials: int, level: float = 0.95) -> tuple[float, float, float]:
    """A share with its exact interval (C. J. Clopper and E. S. Pearson, Biometrika 26, 1934, 404-413).

    >>> [round(x, 3) for x in exact_share(8, 10)]
    [0.8, 0.444, 0.975]
    """
    if trials == 0:
        return UNKNOWN
    tail = (1.0 - level) / 2
    return successes / trials, exact_lower(successes, trials, tail), exact_upper(successes, trials, tail)


class Forecast(NamedTuple):
    """A metric of a period that has ended, as a run saw it and as it was.

    `ahead` is how many quarters after the plan's start the period ends; `plan` what the operating plan counted on.
    """

    run: str
    metric: str
    period: str
    segment: str
    ahead: int
    unit: str
    sample: Floats
    plan: float
    actual: float


def forecasts(runs: Mapping[str, xr.Dataset], actual: Actual, until: str) -> Iterator[Forecast]:
    """Every forecast of runs that can be judged: of the company, and of segments where a run kept them by path.

    Parameters
    ----------
    runs : datasets of runs, by name
    actual : what happened
    until : the last month that is known, like 2027-03
    """
    for run, ds in runs.items():
        for period in ended_quarters(ds, until):
            ahead = 1 + (_last(ds, period) - month_number(ds.attrs["start"])) // 3
            for metric in MEASURED:
                unit = OUTPUTS[metric].attributes(ds.attrs["currency"])["units"]
                for segment, sample, plan in samples(ds, metric, period):
                    happened = actual(metric, period, {"segment": segment} if segment else {})
                    if math.isfinite(happened) and (np.any(sample) or happened):
                        yield Forecast(run, metric, period, segment, ahead, unit, sample, plan, happened)


def ended_quarters(ds: xr.Dataset, until: str) -> list[str]:
    """The fiscal quarters that lie inside a plan and end by the month `until`.

    >>> ended_quarters(
    ...     xr.Dataset({"month": ["2027-01"] * 12}, attrs={"start": "2027-01", "fiscal_year_start": 1}), "2027-07"
    ... )
    ['FY2027-Q1', 'FY2027-Q2']
    """
    start, first_month = month_number(ds.attrs["start"]), int(ds.attrs["fiscal_year_start"])
    last = min(start + ds.sizes["month"] - 1, month_number(until))
    named = dict.fromkeys(fiscal_quarter(month, first_month) for month in range(start, last + 1))
    periods = [fiscal_period(name, first_month) for name in named]
    return [period.label for period in periods if start <= period.first and period.last <= last]


def _last(ds: xr.Dataset, period: str) -> int:
    return fiscal_period(period, int(ds.attrs["fiscal_year_start"])).last


def samples(ds: xr.Dataset, metric: str, period: str) -> Iterator[tuple[str, Floats, float]]:
    """Segment ("" for the company), values of a metric in a period path by path, and the operating plan's value."""
    planned = period_values(ds, metric, period, "_baseline").sel(case="operating plan")
    yield "", period_values(ds, metric, period).values, float(planned)
    by_segment = ds.get(f"{metric}_by_segment")
    if by_segment is None or "draw" not in by_segment.dims:
        return
    window = fiscal_period(period, int(ds.attrs["fiscal_year_start"]))
    start = month_number(ds.attrs["start"])
    months = slice(window.first - start, window.last - start + 1)
    whole = by_segment.isel(month=months)
    values = whole.isel(month=-1) if OUTPUTS[metric].kind == "stock" else whole.sum("month")
    for segment in values["segment"].values:
        yield str(segment), values.sel(segment=segment).values, math.nan


def scores(found: Iterable[Forecast], seed: int = 7) -> xr.Dataset:
    """How each forecast did.

    Returns
    -------
    Dataset
        along `forecast`: coordinates run, metric, period, segment, ahead, unit; `actual`, `p10`, `p50`, `p90`, `plan`;
        `pit`; `crps`, and `plan_error`, the absolute error of the operating plan, which is its CRPS; `inside`
        (forecast, level): whether the central interval of this level held it
    """
    rows = list(found)
    u = np.random.default_rng(seed).random(len(rows))
    places = np.array([pit(row.sample, row.actual, at) for row, at in zip(rows, u, strict=True)])
    quantiles = np.array([np.quantile(row.sample, (0.1, 0.5, 0.9)) for row in rows]).reshape(-1, 3)
    actual, plan = (np.array([getattr(row, key) for row in rows], float) for key in ("actual", "plan"))
    inside = np.abs(places[:, None] - 0.5) <= np.array(LEVELS) / 2
    coords = {key: ("forecast", np.array([getattr(row, key) for row in rows])) for key in ("run", "metric", "period")}
    return xr.Dataset(
        {
            "actual": ("forecast", actual),
            **{name: ("forecast", quantiles[:, k]) for k, name in enumerate(("p10", "p50", "p90"))},
            "plan": ("forecast", plan),
            "pit": ("forecast", places),
            "crps": ("forecast", np.array([crps(row.sample, row.actual) for row in rows], float)),
            "plan_error": ("forecast", np.abs(plan - actual)),
            "inside": (("forecast", "level"), inside),
        },
        {
            **coords,
            "segment": ("forecast", np.array([row.segment for row in rows], str)),
            "ahead": ("forecast", np.array([row.ahead for row in rows], int)),
            "unit": ("forecast", np.array([row.unit for row in rows], str)),
            "level": list(LEVELS),
        },
    )


def calibration(scored: xr.Dataset, by: str) -> xr.Dataset:
    """Coverage and sharpness of forecasts, group by group.

    Forecasts of one run and period share their luck, so the intervals of coverage, which take them as independent, are
    too narrow where a group mixes metrics.

    Parameters
    ----------
    scored : of `scores` or `belief_scores`
    by : a coordinate of it: metric, period, segment, ahead or run; of `belief_scores`: owner, source_kind or run

    Returns
    -------
    Dataset
        along `group` (and `level`): `n`; `coverage` with exact bounds; `skill`, 1 − CRPS/|plan − actual| summed over
        the forecasts that have a plan value: how much better than the spreadsheet's number, 0 is as good
    """
    groups = list(dict.fromkeys(scored[by].values.tolist()))
    rows = [scored.isel(forecast=np.flatnonzero(scored[by].values == group)) for group in groups]
    covered = [
        [exact_share(int(row["inside"].sel(level=level).sum()), row.sizes["forecast"]) for level in LEVELS]
        for row in rows
    ]
    cover = np.array(covered).reshape(len(groups), len(LEVELS), 3)
    bounds = {name: (("group", "level"), cover[:, :, k]) for k, name in enumerate(("coverage", "lower", "upper"))}
    return xr.Dataset(
        {
            "n": ("group", [row.sizes["forecast"] for row in rows]),
            **bounds,
            "skill": ("group", np.array([_skill(row) for row in rows], float)),
        },
        {"group": groups, "level": list(LEVELS)},
        {"by": by},
    )


def _skill(scored: xr.Dataset) -> float:
    known = np.isfinite(scored["plan_error"].values)
    error = scored["plan_error"].values[known].sum()
    return 1.0 - float(scored["crps"].values[known].sum() / error) if error > 0 else math.nan


def belief_scores(ds: xr.Dataset, readings: Mapping[str, Reading], run: str = "", seed: int = 7) -> xr.Dataset:
    """How what was believed of each assumption did against what the records show of it.

    What is read is the truth and its sampling error; so it is held against the belief with the same error added.

    Parameters
    ----------
    ds : a run: `assumption_value` (draw, assumption)
    readings : by assumption
    run : its name

    Returns
    -------
    Dataset
        along `forecast`: coordinates run, assumption, owner, source_kind; `actual` and its `error`; `p10`, `p50`, `p90`
        of the belief; `pit`; `inside` (forecast, level); `crps` and `plan_error` over the belief's standard deviation,
        so that rates and money can stand in one mean
    """
    generator = np.random.default_rng(seed)
    known = [str(name) for name in ds["assumption"].values if name in readings]
    chosen = ds[["assumption_value", "plan_value", "owner", "source_kind"]].sel(assumption=known)
    values = chosen["assumption_value"].transpose("assumption", "draw").values
    read = [readings[name] for name in known]
    actual, error = (np.array([getattr(each, key) for each in read], float) for key in ("value", "error"))
    samples = values + error[:, None] * generator.standard_normal(values.shape)
    u = generator.random(len(known))
    places = np.array([pit(x, y, at) for x, y, at in zip(samples, actual, u, strict=True)], float)
    scale = samples.std(axis=1)
    quantiles = np.quantile(values, (0.1, 0.5, 0.9), axis=1) if known else np.empty((3, 0))
    scored = np.array([crps(x, y) for x, y in zip(samples, actual, strict=True)], float)
    columns = {"actual": actual, "error": error, "pit": places}
    columns |= {name: quantiles[k] for k, name in enumerate(("p10", "p50", "p90"))}
    columns |= {"crps": scored / scale, "plan_error": np.abs(chosen["plan_value"].values - actual) / scale}
    return xr.Dataset(
        {
            **{name: ("forecast", column) for name, column in columns.items()},
            "inside": (("forecast", "level"), np.abs(places[:, None] - 0.5) <= np.array(LEVELS) / 2),
        },
        {
            "run": ("forecast", [run] * len(known)),
            **{key: ("forecast", chosen[key].values.astype(str)) for key in ("assumption", "owner", "source_kind")},
            "level": list(LEVELS),
        },
    )


def target_scores(runs: Mapping[str, xr.Dataset], actual: Actual, until: str) -> xr.Dataset:
    """Targets whose periods have ended: the probability that a run gave, and whether they were reached.

    Returns
    -------
    Dataset
        along `forecast`: coordinates run, target; `p`, `actual`, `bound`, `hit`; attrs: `brier`
    """
    rows = [row for run, ds in runs.items() for row in _judged(run, ds, actual, until)]
    p, value, bound, hit = np.array([row[2:] for row in rows], float).reshape(-1, 4).T
    return xr.Dataset(
        {name: ("forecast", column) for name, column in (("p", p), ("actual", value), ("bound", bound), ("hit", hit))},
        {
            "run": ("forecast", np.array([row[0] for row in rows], str)),
            "target": ("forecast", np.array([row[1] for row in rows], str)),
        },
        {"brier": brier(p, hit)},
    )


def joined(parts: Iterable[xr.Dataset]) -> xr.Dataset:
    """Scores of several runs one after the other; of targets the Brier score is that of all."""
    whole = xr.concat(list(parts), "forecast", combine_attrs="drop")
    return whole.assign_attrs(brier=brier(whole["p"].values, whole["hit"].values)) if "p" in whole else whole


def _judged(
    run: str, ds: xr.Dataset, actual: Actual, until: str
) -> Iterator[tuple[str, str, float, float, float, int]]:
    probability = hit_probability(ds, every_path(ds))
    for target in ds["target"].values:
        one = probability.sel(target=target)
        if _last(ds, str(one["period"].item())) > month_number(until):
            continue
        where = dict(part.split("=", 1) for part in str(one["where"].item()).split(", ") if part)
        value = actual(str(one["metric"].item()), str(one["period"].item()), where)
        at_least, at_most = float(one["at_least"]), float(one["at_most"])
        if math.isfinite(value):
            hit = value >= at_least or value <= at_most
            yield run, str(target), float(one["p"]), value, at_most if math.isnan(at_least) else at_least, int(hit)
