"""When a miss shows: month by month beside the plan and beside paths that hit, and the events that come with it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.explain.intervals import (
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
from simengine.explain.question import Question
from simengine.results.outputs import OUTPUTS
from simengine.results.targets import quantile_interval, values_so_far
from simengine.units import month_label, month_number

MOST = 0.8
"""A miss is called visible once so many of its kind are worse than so many of all hits."""

Flags = NDArray[np.bool_]


def each(estimate: Callable[[Floats], Bounded], columns: Floats) -> Interval:
    """An estimate with its interval for each column."""
    return stacked(estimate(column) for column in columns.T)


def by_month(ds: xr.Dataset, question: Question, typical: Flags, hit: Flags, worse: float) -> xr.Dataset:
    """Typical misses month by month, beside the operating plan and beside hits; without months where none is known.

    Parameters
    ----------
    ds : result of a run
    question : about a target
    typical : (n,) the misses that are told of
    hit : (n,)
    worse : 1 where more of the metric is worse, −1 where less is
    """
    none = {"behind_from": "", "visible_from": ""}
    if ds["where"].sel(target=question.target).item():
        return xr.Dataset(attrs=none)
    known = values_so_far(ds, question.metric, question.period)
    plan = values_so_far(ds, question.metric, question.period, "_baseline").sel(case="operating plan").values
    estimate = median if OUTPUTS[question.metric].kind == "ratio" else mean
    of_typical, of_hits = (each(estimate, known.values[:, paths].T) for paths in (typical, hit))
    behind = _turned(Interval(*(bound - plan for bound in of_typical)), worse)
    told = _told(worse * known.values[:, typical], worse * known.values[:, hit])
    estimates = {
        **_spread("typical", known.values[:, typical]),
        **_spread("hits", known.values[:, hit]),
        "typical": of_typical,
        "hits": of_hits,
        "behind_plan": behind,
        "behind_hits": _turned(difference(of_typical, of_hits), worse),
        "told_apart": told,
    }
    labels = known["month"].values
    return xr.Dataset(
        {name: ("month", column) for name, column in with_bounds(estimates)} | {"plan": ("month", plan)},
        {"month": labels},
        {"behind_from": _from(labels, behind.lower > 0), "visible_from": _from(labels, told.lower > MOST)},
    )


def _spread(name: str, paths: Floats) -> dict[str, Interval]:
    """The middle of paths, (months, n): what `MOST` of them are above, and what `MOST` are below.

    Where typical misses are told apart from hits, the two middles no longer overlap.
    """
    ends = {f"{name}_p20": 1 - MOST, f"{name}_p80": MOST}
    return {key: each(partial(quantile_interval, level=level), paths.T) for key, level in ends.items()}


def _told(typical: Floats, hits: Floats) -> Interval:
    """Share of typical misses, (months, n), that are worse than `MOST` of all hits: what is high is worse.

    The level of the hits is an estimate too: the bounds are those at its own bounds.
    """
    shares = []
    for misses, level in zip(typical, (quantile_interval(row, MOST) for row in hits), strict=True):
        at, lax, strict = ((misses > one).astype(float) for one in level)
        shares.append((proportion(at)[0], proportion(strict)[1], proportion(lax)[2]))
    return Interval(*np.array(shares).T)


def _turned(found: Interval, worse: float) -> Interval:
    """How much worse: the other way round where less is worse."""
    return found if worse > 0 else Interval(-found.estimate, -found.upper, -found.lower)


def _from(labels: NDArray[np.str_], holds: Flags) -> str:
    """The month from which on something holds to the end."""
    fails = np.flatnonzero(~holds)
    first = int(fails[-1]) + 1 if fails.size else 0
    return str(labels[first]) if first < len(labels) else ""


def of_events(ds: xr.Dataset, hit: Flags) -> xr.Dataset:
    """How often each event happens in misses and in hits, and when."""
    if "event" not in ds.coords:
        return xr.Dataset()
    names = [str(name) for name in ds["event"].values]
    months = ds["assumption_value"].sel(assumption=names).values
    in_misses, in_hits = (each(proportion, (months[paths] > 0).astype(float)) for paths in (~hit, hit))
    estimates = {
        "happens_in_misses": in_misses,
        "happens_in_hits": in_hits,
        "happens_more": difference(in_misses, in_hits),
    }
    starts = {
        name: ("event", [_starts(ds, column) for column in months[paths].T])
        for name, paths in (("starts_in_misses", ~hit), ("starts_in_hits", hit))
    }
    return xr.Dataset(
        {name: ("event", column) for name, column in with_bounds(estimates)}
        | {"differs": ("event", beyond_noise(estimates["happens_more"])), **starts},
        {"event": names},
    )


def _starts(ds: xr.Dataset, months: Floats) -> str:
    """Median month in which an event starts where it happens; months of the plan are left from then on."""
    begun = ds.sizes["month"] - months[months > 0]
    return month_label(month_number(ds.attrs["start"]) + round(float(np.median(begun)))) if begun.size else ""
