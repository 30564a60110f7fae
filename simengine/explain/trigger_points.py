"""Trigger points: the value of an observed number at which a target is no longer likely enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from simengine.errors import SimengineError
from simengine.explain.intervals import UNKNOWN, Z95, Bounded, Floats, proportion
from simengine.explain.probit import OUTERMOST, Crossing, Curve, crossing, fitted
from simengine.explain.question import question_of
from simengine.explain.ranks import normal_scores
from simengine.results.targets import months_of

FEWEST_DRAWS = 1000
"""With fewer, the outermost hundredth that a curve is read to holds less than ten draws."""
EVEN_ODDS = 0.5
"""The confidence of a target that declares none."""


class _Watched(NamedTuple):
    """An assumption of which something is observed: place, adverse side, declared trigger, which is below or above."""

    own: int
    adverse: str
    declared: float
    below: bool


class _Cell(NamedTuple):
    """What is known of one assumption in one month."""

    trigger: Bounded = UNKNOWN
    share_tripped: Bounded = UNKNOWN
    p_hit_tripped: Bounded = UNKNOWN
    p_hit_otherwise: Bounded = UNKNOWN
    p_hit_as_planned: Bounded = UNKNOWN
    p_hit_at_declared: Bounded = UNKNOWN
    share_beyond_declared: Bounded = UNKNOWN
    observations_needed: float = math.nan
    below: bool = True


def triggers(ds: xr.Dataset, target: str, *, confidence: float | None = None) -> xr.Dataset:
    """Find, by assumption and month, the observed value at which P(hit) falls below the confidence.

    What is observed until the end of a month (won deals of those decided, renewals of those due, arrivals a month) is a
    number of each path, with the noise of few observations in it and with what it has already done to the result. So
    the trigger s* of month m solves

        P(hit | S_m = s*) = confidence,

    everything else as uncertain as the plan has it. It is not the value of the assumption at which P(hit) is the
    confidence: nobody observes that one, and early in the year an observed value must be further out to mean as much.
    P(hit | S_m) is a probit curve in the normal score of S_m (`probit.fitted`).

    Parameters
    ----------
    ds : result of a run with the detail "segment"
    target : a target of the plan by name, or its metric
    confidence : of the target; left out, the one that it declares, else 50 %

    Returns
    -------
    Dataset
        Along `assumption` (those of which something is observed, the most telling first) and `month` (those before the
        last one of the target's period). Every estimate has `_lower` and `_upper`: its 95 % interval.

        - `trigger`: in `observed_unit`; nan where no value is likely enough to be observed (between the first and the
          last hundredth of all paths) that would surely bring P(hit) to the other side of the confidence. An infinite
          bound: no such value bounds it. `trips_below`: it trips below, not above. There is none either where P(hit)
          falls on the side that the plan does not call adverse: the number then tells of something else, as a mean deal
          size does of how few small deals were won.
        - `share_tripped`: of paths on which the observed value is worse than the trigger; `p_hit_tripped` and
          `p_hit_otherwise`: P(hit) on these and on the others. The further apart, the more the trigger tells.
        - `p_hit_as_planned`: P(hit) where the observed value is as planned.
        - `as_planned`: what the operating plan implies for it; `p10`, `median` and `p90`: of all paths.
        - `observations`: mean number of observations by then. `observations_needed`: so many that the trigger is not
          noise, with 95 %: n with `1.96 · sd(S | assumption) · √(observations / n) = |trigger - as_planned|`, at the
          nearer end of the trigger's interval; infinite where what is planned lies inside it.
        - `p_hit_at_declared`, `share_beyond_declared`: the same of the trigger that the plan declares.

        Along `assumption`: `tells_from`, the first month from which on there is a trigger and enough observations (''
        if there is none); `declared`, the plan's own trigger, nan if it has none or in another unit; `observed_as`,
        `observed_unit`, `counted`. Along `unseen`: assumptions of which nothing is observed, and `reason`.
        Along `month`: `share_any_tripped`, of paths on which at least one trigger of the month has tripped;
        `p_hit_any_tripped` and `p_hit_none_tripped`. Scalars: `p_hit`.

    Raises
    ------
    SimengineError
        when there is no such target, it is decided in the plan's first month, or the run keeps nothing observed, or has
        fewer than 1,000 draws
    """
    question = question_of(ds, target)
    if not question.target:
        named = ", ".join(map(str, ds["target"].values)) or "none"
        raise SimengineError(f"{target} is no target, and a trigger needs one; the plan's targets: {named}")
    if "observed" not in ds or "observed_count" not in ds:
        raise SimengineError(
            "this run keeps nothing of what is observed of its assumptions; run the plan again with --detail segment"
        )
    if ds.sizes["draw"] < FEWEST_DRAWS:
        raise SimengineError(
            f"a trigger needs {FEWEST_DRAWS:,} draws, and this run has {ds.sizes['draw']:,}; run the plan with more"
        )
    declared = float(ds["confidence"].sel(target=question.target))
    source = "asked for" if confidence is not None else "even odds" if math.isnan(declared) else "declared"
    wanted = confidence if confidence is not None else EVEN_ODDS if math.isnan(declared) else declared
    if not 0 < wanted < 1:
        raise SimengineError(f"the confidence is {wanted:g}; choose one between 0 and 1, like 0.8")
    _, last = months_of(ds, question.period)
    if last == 0:
        raise SimengineError(f"{question.target} is decided in the first month of the plan: there is nothing to watch")
    watched = _watched(ds)
    rows = [
        [_cell(_seen(ds, question.hit, i, each.own, month), wanted, each) for month in range(last)]
        for i, each in enumerate(watched)
    ]
    found = _laid_out(rows, ds, watched, last)
    found = found.assign(_of_any(found, ds, question.hit))
    found["tells_from"] = "assumption", _tells_from(found), {"long_name": "First month from which on it tells"}
    for name, value in zip(("p_hit", "p_hit_lower", "p_hit_upper"), proportion(question.hit), strict=True):
        found[name] = (), value, {"long_name": "Probability that the target is reached", "units": "fraction"}
    found.attrs = {
        **{name: ds.attrs[name] for name in ("plan", "currency", "fiscal_year_start")},
        **{"target": question.target, "metric": question.metric, "period": question.period},
        **{"confidence": wanted, "confidence_is": source, "draws": ds.sizes["draw"], "level": 0.95},
    }
    return found.isel(assumption=_strongest_first(found))


class _Seen(NamedTuple):
    """Paths on which there is something to observe, (n,): value, the assumption's own normal score, hit or miss."""

    value: Floats
    score: Floats
    hit: Floats
    planned: float
    observations: float


def _seen(ds: xr.Dataset, hit: Floats, place: int, own: int, month: int) -> _Seen:
    value, score = ds["observed"].values[:, month, place], ds["assumption_z"].values[:, own]
    seen = np.isfinite(value)
    planned = float(ds["observed_baseline"].values[0, month, place])
    return _Seen(value[seen], score[seen], hit[seen], planned, float(ds["observed_count"].values[month, place]))


def _cell(seen: _Seen, confidence: float, watched: _Watched) -> _Cell:
    """What is observed of an assumption in one month, and what it tells."""
    if len(seen.value) < FEWEST_DRAWS:
        return _Cell()
    cell = _Cell()
    if math.isfinite(watched.declared):
        beyond = _beyond(seen.value, watched.declared, below=watched.below)
        cell = cell._replace(share_beyond_declared=proportion(beyond))
    places = normal_scores(seen.value)
    curve = fitted(places, seen.hit)
    if curve is None:
        return cell
    scale = _Scale(seen.value, places)
    cell = cell._replace(
        p_hit_as_planned=_read(curve, scale, seen.planned),
        p_hit_at_declared=_read(curve, scale, watched.declared),
    )
    at = crossing(curve, confidence)
    if at is None or watched.adverse == ("high" if at.rises else "low"):
        return cell
    trigger = scale.values(at)
    worse = _beyond(seen.value, trigger[0], below=at.rises)
    return cell._replace(
        trigger=trigger,
        below=at.rises,
        share_tripped=proportion(worse),
        p_hit_tripped=_among(seen.hit, worse > 0),
        p_hit_otherwise=_among(seen.hit, worse == 0),
        observations_needed=_needed(seen, trigger),
    )


class _Scale:
    """From an observed number to its normal score and back, between the values that were seen."""

    def __init__(self, value: Floats, places: Floats) -> None:
        self._places, first = np.unique(places, return_index=True)
        self._values = value[first]

    def score(self, value: float) -> float:
        """Normal score of a value; nan beyond the outermost."""
        if not self._values[0] <= value <= self._values[-1]:  # nor is nan
            return math.nan
        found = float(np.interp(value, self._values, self._places))
        return found if abs(found) <= OUTERMOST else math.nan

    def values(self, at: Crossing) -> Bounded:
        """Value at a crossing, and at the ends of its interval."""
        ends = (at.score, at.lower, at.upper)
        value, lower, upper = (
            float(np.interp(end, self._places, self._values)) if math.isfinite(end) else end for end in ends
        )
        return value, lower, upper


def _read(curve: Curve, scale: _Scale, value: float) -> Bounded:
    """P(hit) where a value is observed."""
    from scipy.special import ndtr

    score = scale.score(value)
    if math.isnan(score):
        return UNKNOWN
    eta, error = (float(x[0]) for x in curve.at(np.array([score])))
    return float(ndtr(eta)), float(ndtr(eta - Z95 * error)), float(ndtr(eta + Z95 * error))


def _beyond(value: Floats, threshold: float, *, below: bool) -> Floats:
    return (value < threshold if below else value > threshold).astype(np.float64)


def _among(hit: Floats, mark: NDArray[np.bool_]) -> Bounded:
    chosen = hit[mark]
    return proportion(chosen) if chosen.size else UNKNOWN


def _needed(seen: _Seen, trigger: Bounded) -> float:
    """Observations at which the trigger is no noise of an assumption that is as planned.

    The nearer end of the trigger's interval counts; where what is planned lies in it, no number is enough.
    """
    distance = max(trigger[1] - seen.planned, seen.planned - trigger[2])
    if not distance > 0:
        return math.inf
    terms = np.stack([seen.score**power for power in range(4)], axis=1)
    explained = terms @ np.linalg.lstsq(terms, seen.value, rcond=None)[0]
    noise = float(((seen.value - explained) ** 2).mean())
    return seen.observations * Z95**2 * noise / distance**2


def _watched(ds: xr.Dataset) -> list[_Watched]:
    """A declared trigger counts where it is in the unit of what is observed."""
    own = ds["assumption"].get_index("assumption").get_indexer(ds["watched"].get_index("watched"))
    below, above = ds["trigger_below"].values[own], ds["trigger_above"].values[own]
    same = ds["unit"].values[own] == ds["watched_unit"].values
    declared = np.where(same, np.where(np.isnan(below), above, below), np.nan)
    adverse = ds["adverse"].values[own]
    return [
        _Watched(int(place), str(side), float(threshold), math.isnan(over))
        for place, side, threshold, over in zip(own, adverse, declared, above, strict=True)
    ]


def _of_any(found: xr.Dataset, ds: xr.Dataset, hit: Floats) -> dict[str, xr.Variable]:
    """How often at least one trigger of a month has tripped, and P(hit) where one has and where none has."""
    estimates = []
    for month in range(found.sizes["month"]):
        trigger, below = (found[name].values[:, month] for name in ("trigger", "trips_below"))
        seen = ds["observed"].values[:, month]
        # Nothing is beyond a trigger that is nan, nor is what is not observed yet.
        tripped: NDArray[np.bool_] = np.asarray(np.where(below, seen < trigger, seen > trigger).any(axis=1))
        estimates.append((proportion(tripped.astype(np.float64)), _among(hit, tripped), _among(hit, ~tripped)))
    bounds = np.array(estimates)
    return {
        name + suffix: xr.Variable("month", bounds[:, i, side], {"long_name": words + text, "units": "fraction"})
        for i, (name, text) in enumerate(_OF_ANY.items())
        for side, (suffix, words) in enumerate(_SIDES)
    }


def _strongest_first(found: xr.Dataset) -> NDArray[np.intp]:
    """Those assumptions first whose trigger, in whatever month, tells hits and misses apart best."""
    share, apart = found["share_tripped"], found["p_hit_otherwise"] - found["p_hit_tripped"]
    told = (share * (1 - share) * apart**2).fillna(0.0).max("month").values
    return np.argsort(-told, kind="stable")


def _tells_from(found: xr.Dataset) -> list[str]:
    enough = (found["observations"] >= found["observations_needed"]).values
    months = [*map(str, found["month"].values), ""]
    runs = np.cumprod(enough[:, ::-1], axis=1).sum(axis=1)
    return [months[len(months) - 1 - int(run)] for run in runs]


_ESTIMATES = {
    "trigger": "Observed value at which P(hit) is the confidence",
    "share_tripped": "Share of paths on which the observed value is worse than the trigger",
    "p_hit_tripped": "P(hit) where the observed value is worse than the trigger",
    "p_hit_otherwise": "P(hit) where the observed value is not worse than the trigger",
    "p_hit_as_planned": "P(hit) where the observed value is as planned",
    "p_hit_at_declared": "P(hit) where the observed value is the declared trigger",
    "share_beyond_declared": "Share of paths on which the observed value is worse than the declared trigger",
}


_OF_ANY = {
    "share_any_tripped": "Share of paths on which at least one trigger has tripped",
    "p_hit_any_tripped": "P(hit) where at least one trigger has tripped",
    "p_hit_none_tripped": "P(hit) where no trigger has tripped",
}
_SIDES = (("", ""), ("_lower", "Lower bound: "), ("_upper", "Upper bound: "))


def _laid_out(rows: list[list[_Cell]], ds: xr.Dataset, watched: Sequence[_Watched], last: int) -> xr.Dataset:
    dims, shape = ("assumption", "month"), (len(rows), last)
    data: dict[str, tuple[tuple[str, ...], object, dict[str, str]]] = {}
    for name, text in _ESTIMATES.items():
        bounds = np.array([[getattr(cell, name) for cell in row] for row in rows], np.float64).reshape(*shape, 3)
        units = {} if name == "trigger" else {"units": "fraction"}
        for place, (suffix, side) in enumerate(_SIDES):
            data[name + suffix] = dims, bounds[..., place], {"long_name": side + text, **units}
    needed = np.array([[cell.observations_needed for cell in row] for row in rows]).reshape(shape)
    below = np.array([[cell.below for cell in row] for row in rows], np.bool_).reshape(shape)
    thresholds = np.array([each.declared for each in watched])
    own = [each.own for each in watched]
    seen = ds["observed"].values[:, :last]
    known = np.isfinite(seen).any(axis=0)
    levels = np.nanquantile(np.where(known, seen, 0.0), (0.1, 0.5, 0.9), axis=0)
    p10, middle, p90 = (np.where(known, level, np.nan).T for level in levels)
    counts = {"units": "count"}
    data |= {
        "trips_below": (dims, below, {"long_name": "Whether the trigger trips below it, not above"}),
        "declared": (("assumption",), thresholds, {"long_name": "Trigger that the plan declares"}),
        "as_planned": (dims, ds["observed_baseline"].values[0, :last].T, {"long_name": "Value that the plan implies"}),
        "p10": (dims, p10, {"long_name": "P10 of the observed value"}),
        "median": (dims, middle, {"long_name": "Median of the observed value"}),
        "p90": (dims, p90, {"long_name": "P90 of the observed value"}),
        "observations": (
            dims,
            ds["observed_count"].values[:last].T,
            {"long_name": "Mean observations by then", **counts},
        ),
        "observations_needed": (dims, needed, {"long_name": "Observations at which the trigger is no noise", **counts}),
    }
    labels = ("plan_value", "unit", "owner", "adverse")
    unseen = ds["unseen"].values != ""
    coords = {
        "assumption": ds["watched"].values,
        "month": ds["month"].values[:last],
        **{name: ("assumption", ds[name].values[own]) for name in labels},
        "observed_as": ("assumption", ds["watched_as"].values),
        "observed_unit": ("assumption", ds["watched_unit"].values),
        "counted": ("assumption", ds["watched_counts"].values),
        "unseen": ds["assumption"].values[unseen],
        "reason": ("unseen", ds["unseen"].values[unseen]),
    }
    return xr.Dataset(data, coords)
