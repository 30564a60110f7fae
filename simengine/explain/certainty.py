"""Impact against certainty: which assumptions move the result most and rest on little."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.explain.intervals import Floats

Level = Literal["high", "medium", "low"]
LEVELS: tuple[Level, ...] = ("low", "medium", "high")

MANY, SOME = 100, 20
"""Observations: a share or rate is then known to about a tenth, and to about a fifth, of its spread (1/√n)."""
OLD, VERY_OLD = 18, 36
"""Months: a source has missed a whole planning cycle, or two."""
MOST_OF_IT = 0.8
"""Part of what assumptions explain that makes impact high."""

_MONTH = 365.25 / 12


class Certainty(NamedTuple):
    """How well an assumption is known, and why in words."""

    level: Level
    why: str


def certainty(kind: str, observations: float, grade: str, as_of: str, plan_as_of: str) -> Certainty:
    """Say how well an assumption is known, by rules that fit on a page.

    - Own history starts high with 100 observations, medium with 20, else low. A benchmark is about other companies: it
      starts medium with grade A or B, else low. Judgment is low.
    - A source that was 18 months old when the plan was made is one level lower, at 36 months two.

    Parameters
    ----------
    kind : historical, benchmark or judgment
    observations : behind a historical source; nan where not stated
    grade : A, B, C, or empty
    as_of, plan_as_of : dates of the source and of the plan, like 2026-10-01; the age counts if both are there

    >>> certainty("historical", 33, "", "2026-10-01", "2026-12-31")
    Certainty(level='medium', why='own history, 33 observations')
    >>> certainty("benchmark", float("nan"), "A", "2017-12-31", "2026-12-31")
    Certainty(level='low', why='benchmark of grade A, 9 years old')
    """
    start, why = _by_kind(kind, observations, grade)
    age = _months_between(as_of, plan_as_of)
    lost = (age >= OLD) + (age >= VERY_OLD)
    if lost:
        why += f", {_age(age)} old"
    return Certainty(LEVELS[max(0, LEVELS.index(start) - lost)], why)


def _by_kind(kind: str, observations: float, grade: str) -> tuple[Level, str]:
    if kind == "historical":
        known = "no count" if math.isnan(observations) else f"{observations:,.0f} observations"
        return "high" if observations >= MANY else "medium" if observations >= SOME else "low", f"own history, {known}"
    if kind == "benchmark":
        graded = f"benchmark of grade {grade}" if grade else "benchmark without a grade"
        return ("medium" if grade in ("A", "B") else "low"), graded
    return "low", kind


def _months_between(as_of: str, plan_as_of: str) -> float:
    if not (as_of and plan_as_of):
        return 0.0
    return (date.fromisoformat(plan_as_of) - date.fromisoformat(as_of)).days / _MONTH


def _age(months: float) -> str:
    return f"{months / 12:.0f} years" if months >= 24 else f"{months:.0f} months"


def high_impact(share: Floats, lower: Floats) -> NDArray[np.bool_]:
    """Mark the shares that matter: of those told from zero, the largest that make up 80 % of what all of them explain.

    Parameters
    ----------
    share, lower : shares of variance, (k,), and the lower bounds of their intervals

    >>> high_impact(np.array([0.4, 0.05, 0.3, 0.02]), np.array([0.3, 0.01, 0.2, -0.01]))
    array([ True, False,  True, False])
    """
    told = lower > 0
    counted = np.where(told, share, 0.0)
    order = np.argsort(-counted, kind="stable")
    before = np.cumsum(counted[order]) - counted[order]
    marks = np.zeros(len(share), dtype=bool)
    marks[order] = before < MOST_OF_IT * counted.sum()
    return marks & told


def impact_and_certainty(ds: xr.Dataset, share: xr.DataArray, lower: xr.DataArray, upper: xr.DataArray) -> xr.Dataset:
    """Put every assumption where it belongs between impact and certainty.

    Parameters
    ----------
    ds : result of a run, whose `source_kind`, `observations`, `grade` and `source_as_of` stand along `assumption`
    share, lower, upper : shares of variance of any kind along `assumption`, in any order, with their intervals

    Returns
    -------
    Dataset
        Along `assumption`, in the order of `share`: `share`, `share_lower`, `share_upper`; `impact` (`high`, `low`, or
        `not told` where the interval reaches zero); `at_the_edge`: its impact would be another within its interval;
        `certainty` (`high`, `medium`, `low`), `why`; `watch`: high impact and low certainty. `share_watched`: the watch
        list's part of all shares that can be told.
    """
    known = ds[["source_kind", "observations", "grade", "source_as_of"]].sel(assumption=share["assumption"])
    columns = (known[name].values for name in ("source_kind", "observations", "grade", "source_as_of"))
    plan_as_of = str(ds.attrs["as_of"])
    found = [
        certainty(str(kind), float(n), str(grade), str(as_of), plan_as_of)
        for kind, n, grade, as_of in zip(*columns, strict=True)
    ]
    told, high = lower.values > 0, high_impact(share.values, lower.values)
    level = np.array([one.level for one in found], dtype=str)
    watch = high & (level == "low")
    least = share.values[high].min() if high.any() else math.inf
    total = float(share.values[told].sum())
    made = xr.Dataset(
        {
            "share": ("assumption", share.values),
            "share_lower": ("assumption", lower.values),
            "share_upper": ("assumption", upper.values),
            "impact": ("assumption", np.select([high, told], ["high", "low"], "not told")),
            "at_the_edge": ("assumption", _at_the_edge(share.values, lower.values, upper.values, high, least)),
            "certainty": ("assumption", level),
            "why": ("assumption", np.array([one.why for one in found], dtype=str)),
            "watch": ("assumption", watch),
            "share_watched": ((), float(share.values[watch].sum()) / total if total > 0 else math.nan),
        },
        {"assumption": share["assumption"].values},
        {name: ds.attrs[name] for name in ("plan", "as_of")},
    )
    return made.assign_coords(
        {
            name: ("assumption", ds[name].sel(assumption=share["assumption"]).values)
            for name in _KEPT
            if name in ds.coords
        }
    )


_KEPT: Sequence[str] = ("source_kind", "owner", "plan_value", "unit", "acts_on")


def _at_the_edge(
    share: Floats, lower: Floats, upper: Floats, high: NDArray[np.bool_], least: float
) -> NDArray[np.bool_]:
    """Whether a share's interval reaches to the other side of the least high one."""
    return np.where(high, (lower < least) & (share > least), upper >= least) & (lower > 0)
