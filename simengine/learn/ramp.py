"""The workload ramp: in how many months a new seller comes to carry a full share of open opportunities.

A seller of tenure k has room for C·w(k) open opportunities (docs/model.md, step 1), w being the share of a full
workload in mid-month. Work is taken up to fill that room, and closes after its cycle: with S(j) the share of all, won
and lost, that is still open j months after it was started,

`started(k) = max(0, C w(k) − Σ_{j ≥ 1} started(k − j) S(j)) / S(0)`, `booked(k) = Σ_j started(k − j) P(cycle = j)`,

and P(cycle = j), of the won, as in the engine (`lag_shares`). Bookings so come later than the workload: who fits w to
them takes the cycle for a part of the ramp.

Counts of a person in the months seen are Poisson with mean p λ booked(k), p gamma of mean one and coefficient of
variation s (persistent productivity). With Y and M the sums of counts and of λ booked(k), and a = 1/s²,

`ln L = Σ y ln(λ booked) − ln y! + ln Γ(a + Y) − ln Γ(a) + a ln a − (a + Y) ln(a + M)`

(the negative multinomial law; Cameron and Trivedi, *Regression Analysis of Count Data*, 2013, 9.4).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simengine.baseline.laws import lag_shares, mean_workload
from simengine.learn.estimate import Estimate, rounded
from simengine.learn.exposure import begin_of, month_numbers, number_of
from simengine.learn.history import LOST, WON, History
from simengine.learn.naming import Say, silent

Array = NDArray[np.float64]
SHAPES = ("s-curve", "linear", "step")
LONGEST = 36.0
"""Months: a longer ramp is not looked for."""
GRID = np.arange(0.0, LONGEST + 0.5)
FEWEST_HIRES = 5
"""People seen in their first year: with fewer no ramp is estimated."""
BETTER = 1.92
"""By how much the logarithm of the likelihood of another shape must be higher to be told: half of chi-square, 95 %."""
PROFILE = 1.3527717
"""Half of chi-square's 90 % quantile of one degree of freedom: the profile likelihood interval."""
SPREAD_LIMIT = 3.0


class Cycle(NamedTuple):
    """How long deals take, months: mean and coefficient of variation of the won; mean of the lost, and the win rate.

    Without `lost` the lost ones take as long as the won.
    """

    mean: float
    spread: float
    lost: float | None = None
    win_rate: float = 1.0

    @property
    def held(self) -> float:
        """Mean of all deals: how long one takes a place.

        >>> Cycle(5.0, 0.5, 2.5, 0.25).held
        3.125
        """
        return self.mean if self.lost is None else self.win_rate * self.mean + (1 - self.win_rate) * self.lost

    def shares(self, months: int) -> tuple[Array, Array]:
        """Share of the won, and of all, that close after k whole months, (months,) each."""
        won = lag_shares(self.mean, self.spread, months)
        if self.lost is None:
            return won, won
        return won, self.win_rate * won + (1 - self.win_rate) * lag_shares(self.lost, self.spread, months)


class Months(NamedTuple):
    """Person-months: whose, in which month of tenure (0 for that of the start), and how many deals; (n,) each."""

    person: NDArray[np.int64]
    tenure: NDArray[np.int64]
    counts: Array


@dataclass(frozen=True)
class Fit:
    """A ramp fitted to counts by person-month.

    Attributes
    ----------
    shape, months, lower, upper : of the ramp, its length and 90 % interval
    rate : deals a month of a fully ramped seller of mean productivity
    spread : coefficient of variation of productivity between people
    log_likelihood : at the maximum
    profile : log-likelihood by length of the ramp, on `GRID`
    """

    shape: str
    months: float
    lower: float
    upper: float
    rate: float
    spread: float
    log_likelihood: float
    profile: Array


@dataclass(frozen=True)
class Picture:
    """Deals by month of tenure: mean per person-month with a 90 % interval, the fit, and the workload behind it."""

    name: str
    tenure: Array
    observed: Array
    lower: Array
    upper: Array
    fitted: Array
    workload: Array
    fit: Fit
    naive: float
    what: str


Curve = Callable[[str, float], Array]
"""Share of a full rate by month of tenure, of a shape and a length of ramp."""


def workload(shape: str, months: float, count: int, spread: float = 0.0) -> Array:
    """Share of a full workload in the middle of each month of tenure, (count,)."""
    return np.array([mean_workload(shape, k + 0.5, months, spread) for k in range(count)])


def flow(carried: Array, cycle: Cycle) -> tuple[Array, Array]:
    """What is started and what is booked in each month of tenure, relative to a full workload's, (months,) each.

    >>> started, booked = flow(np.ones(12), Cycle(3.0, 0.0))
    >>> started.round(2).tolist()[:5], booked.round(2).tolist()[:5]
    ([3.0, 0.0, 0.0, 3.0, 0.0], [0.0, 0.0, 0.0, 3.0, 0.0])

    Parameters
    ----------
    carried : share of a full workload, (months,)
    """
    count = len(carried)
    won, closed = cycle.shares(count)
    still_open = np.maximum(0.0, 1 - np.cumsum(closed))
    if still_open[0] < 0.05:
        return carried.copy(), carried.copy()
    started = np.zeros(count)
    for k in range(count):
        held = float(started[:k] @ still_open[k:0:-1])
        started[k] = max(0.0, carried[k] - held) / still_open[0]
    # A full workload W starts W / cycle a month (Little's law): relative to that.
    booked = np.convolve(started, won)[:count]
    return started * cycle.held, booked * cycle.held


def booked_curve(cycle: Cycle, count: int) -> Curve:
    """Bookings by month of tenure, relative to those of a full workload."""
    return lambda shape, months: flow(workload(shape, months, count), cycle)[1]


def started_curve(cycle: Cycle, count: int) -> Curve:
    """Work taken up by month of tenure."""
    return lambda shape, months: flow(workload(shape, months, count), cycle)[0]


def naive_curve(count: int) -> Curve:
    """The usual shortcut: bookings are taken for workload, without a cycle between them."""
    return lambda shape, months: workload(shape, months, count)


class Sums(NamedTuple):
    """What the likelihood needs of counts and a ramp: `Σ y ln share − ln y!`, and Σ y and Σ share by person."""

    alone: float
    deals: Array
    shares: Array


def sums(data: Months, share: Array) -> Sums:
    """Sufficient sums of counts, given the share of a full rate by month of tenure, (months,)."""
    from scipy.special import gammaln

    people = int(data.person.max()) + 1
    # A deal where the ramp says there can be none is not impossible: work taken over, a day recorded too early.
    shares = np.maximum(share[np.minimum(data.tenure, len(share) - 1)], 1e-3)
    alone = float((data.counts * np.log(shares) - gammaln(data.counts + 1)).sum())
    deals, seen = (np.bincount(data.person, each, people).astype(np.float64) for each in (data.counts, shares))
    return Sums(alone, deals, seen)


def log_likelihood(given: Sums, rate: float, spread: float) -> float:
    """Log-likelihood of counts by person-month (see above).

    Parameters
    ----------
    rate : deals a month of a full workload at mean productivity
    spread : coefficient of variation of productivity between people
    """
    from scipy.special import gammaln

    y, means = given.deals, rate * given.shares
    alone = given.alone + float(y.sum()) * math.log(rate)
    if spread < 1e-3:
        return alone - float(means.sum())
    a = spread**-2
    return alone + float((gammaln(a + y) - gammaln(a) + a * math.log(a) - (a + y) * np.log(a + means)).sum())


def best_rate(given: Sums) -> tuple[float, float, float]:
    """Rate and spread of the highest likelihood for a given ramp, and its logarithm."""
    y, m = given.deals, given.shares
    start = max(1e-9, float(y.sum() / m.sum()))
    rate = start

    def of_spread(log_spread: float) -> tuple[float, float]:
        nonlocal rate
        spread = math.exp(log_spread)
        a = spread**-2
        # Newton's steps on d ln L/d ln rate = Σ y − Σ (a + y) q, q = rate m/(a + rate m), from where the last one was.
        for _ in range(50):
            q = rate * m / (a + rate * m)
            step = float((y.sum() - ((a + y) * q).sum()) / max(1e-12, float(((a + y) * q * (1 - q)).sum())))
            rate *= math.exp(min(2.0, max(-2.0, step)))
            if abs(step) < 1e-7:
                break
        return log_likelihood(given, rate, spread), rate

    low, high = math.log(0.02), math.log(SPREAD_LIMIT)
    golden = (math.sqrt(5) - 1) / 2
    a, b = high - golden * (high - low), low + golden * (high - low)
    fa, fb = of_spread(a), of_spread(b)
    for _ in range(14):
        if fa[0] > fb[0]:
            high, b, fb = b, a, fa
            a = high - golden * (high - low)
            fa = of_spread(a)
        else:
            low, a, fa = a, b, fb
            b = low + golden * (high - low)
            fb = of_spread(b)
    (value, found), log_spread = max((fa, a), (fb, b))
    none = log_likelihood(given, start, 0.0)
    return (start, 0.0, none) if none >= value else (found, math.exp(log_spread), value)


def fit(data: Months, curve: Curve, shape: str = "s-curve") -> Fit:
    """Length of the ramp of a shape, by maximum likelihood; its interval by the profile likelihood.

    Parameters
    ----------
    data : counts by person-month
    curve : share of a full rate by month of tenure, of a shape and a length
    """

    def heights(lengths: Array) -> Array:
        return np.array([best_rate(sums(data, curve(shape, float(length))))[2] for length in lengths])

    profile = heights(GRID)
    top = int(profile.argmax())
    # The highest point of a steep profile lies between the points of the grid, and so may the ends of its interval.
    between = np.setdiff1d(np.linspace(max(0.0, top - 1.0), min(LONGEST, top + 1.0), 17), GRID)
    lengths, at = np.append(GRID, between), np.append(profile, heights(between))
    order = lengths.argsort()
    lengths, at = lengths[order], at[order]
    months = _vertex(lengths, at, int(at.argmax()))
    rate, spread, height = best_rate(sums(data, curve(shape, months)))
    if height < at.max():
        months = float(lengths[at.argmax()])
        rate, spread, height = best_rate(sums(data, curve(shape, months)))
    height = max(height, float(at.max()))
    inside = np.flatnonzero(at >= height - PROFILE)
    low, high = (_crossing(lengths, at, int(i), s, height - PROFILE) for i, s in ((inside[0], -1), (inside[-1], 1)))
    return Fit(shape, months, low, high, rate, spread, height, profile)


def _vertex(x: Array, y: Array, top: int) -> float:
    """Where the parabola through the highest point and its neighbours is highest."""
    if top in (0, len(x) - 1):
        return float(x[top])
    a, b, _ = np.polyfit(x[top - 1 : top + 2] - x[top], y[top - 1 : top + 2], 2)
    return float(x[top] - b / (2 * a)) if a < 0 else float(x[top])


def _crossing(x: Array, y: Array, inside: int, side: int, wanted: float) -> float:
    """Where a profile falls below what is wanted beyond a point inside; the end of the grid if it does not."""
    beyond = inside + side
    if not 0 <= beyond < len(x):
        return float(x[inside])
    fall = float(y[inside] - y[beyond])
    part = min(1.0, max(0.0, float(y[inside] - wanted) / fall)) if fall > 0 else 0.0
    return float(x[inside] + part * (x[beyond] - x[inside]))


def person_months(people: pd.DataFrame, deals: pd.DataFrame, day: str, history: History, begin: pd.Timestamp) -> Months:
    """Deals of each person in each whole month of tenure that was seen.

    Parameters
    ----------
    people : of one role
    deals : with `owner`, counted on their `day`
    begin : first day from which on deals are complete
    """
    first = number_of(begin) + (begin.day > 1)
    end = number_of(history.last + pd.Timedelta(days=1)) - 1
    starts = month_numbers(people["start"])
    leaves = people["end"].notna().to_numpy()
    stops = np.full(len(people), end, np.int64)
    # The last month is seldom a whole one, and what was open then goes to others.
    stops[leaves] = month_numbers(people.loc[people["end"].notna(), "end"]) - 1
    own = pd.Series(1, index=pd.MultiIndex.from_arrays([deals["owner"], month_numbers(deals[day])]))
    counts = own.groupby(level=[0, 1]).sum().to_dict()
    rows = [
        (i, month - starts[i], counts.get((who, month), 0))
        for i, who in enumerate(people["id"])
        for month in range(max(first, int(starts[i])), min(end, int(stops[i])) + 1)
    ]
    if not rows:
        none = np.zeros(0, np.int64)
        return Months(none, none, none.astype(np.float64))
    person, tenure, count = np.array(rows).T
    return Months(np.unique(person, return_inverse=True)[1], tenure, count.astype(np.float64))


def cycle_of(opportunities: pd.DataFrame) -> Cycle | None:
    """The cycle of closed deals; for want of an estimate with open ones."""
    won = _spans(opportunities, WON)
    if len(won) < FEWEST_HIRES:
        return None
    mean, spread, lost = float(won.mean()), float(won.std() / won.mean()), _spans(opportunities, LOST)
    if len(lost) < FEWEST_HIRES:
        return Cycle(mean, spread)
    return Cycle(mean, spread, float(lost.mean()), len(won) / (len(won) + len(lost)))


def _spans(opportunities: pd.DataFrame, outcome: str) -> Array:
    """Months that deals with an outcome took."""
    rows = opportunities[opportunities["outcome"] == outcome]
    begun = rows["started"].fillna(rows["created"])
    spans = (rows["closed"] - begun).dt.days.to_numpy(np.float64) * 12 / 365.25
    return np.asarray(spans[np.isfinite(spans) & (spans > 0)], np.float64)


class Evidence(NamedTuple):
    """What tells of the ramp of a role: counts, the curve they follow, the shortcut's curve, and words for both."""

    data: Months
    curve: Curve
    naive: Curve
    what: str


def evidence(role: str, history: History, cycle: Cycle | None = None) -> Evidence | None:
    """What was taken up, where the day and the owner are kept, else what was won; None where there are too few hires.

    Parameters
    ----------
    cycle : of the deals that take places; None: of the closed deals of the role's people
    """
    people = history.table("people")
    people = people[people["role"] == role].reset_index(drop=True)
    opportunities = history.table("opportunities")
    own = opportunities[opportunities["owner"].isin(people["id"])]
    if not len(own):
        return None
    cycle = cycle or cycle_of(own)
    if cycle is None:
        return None
    taken_up = own[own["started"].notna()]
    direct = len(taken_up) > len(own) / 2
    deals, day = (taken_up, "started") if direct else (own[own["outcome"] == WON], "closed")
    begin = begin_of(history, "opportunities", opportunities[day].dropna())
    data = person_months(people, deals, day, history, begin)
    if not len(data.tenure) or len(np.unique(data.person[data.tenure < 12])) < FEWEST_HIRES:
        return None
    count = int(data.tenure.max()) + 1
    curve = (started_curve if direct else booked_curve)(cycle, count)
    return Evidence(data, curve, naive_curve(count), "opportunities taken up" if direct else "deals won")


def estimates(history: History, cycles: Mapping[str, Cycle] | None = None, *, say: Say = silent) -> list[Estimate]:
    """Ramp of every role whose people own opportunities.

    Parameters
    ----------
    cycles : of a role; where it has none, that of its closed deals
    say : told which roles are left out, and why
    """
    out = []
    people = history.table("people")
    owners = set(people.loc[people["id"].isin(history.table("opportunities")["owner"]), "role"])
    for role in sorted(set(people["role"])):
        given = (cycles or {}).get(role)
        if found := evidence(role, history, given):
            out.append(_told(role, found, given is not None))
        elif role in owners:
            say(f"ramp_months.{role}: fewer than {FEWEST_HIRES} were hired in the time that is seen.")
    return out


def _told(role: str, found: Evidence, given: bool) -> Estimate:
    fits = {shape: fit(found.data, found.curve, shape) for shape in SHAPES}
    fitted = fits[SHAPES[0]]
    best = max(fits.values(), key=lambda each: each.log_likelihood)
    if best.log_likelihood - fitted.log_likelihood > BETTER:
        fitted = best
    notes = [] if given else ["The cycle is that of closed deals: give the estimate that counts open ones as well."]
    if fitted.upper >= LONGEST:
        notes.append(f"The data do not bound the ramp below {LONGEST:.0f} months.")
    low, high = max(fitted.lower, 0.05), max(fitted.upper, 0.1)
    middle = min(max(fitted.months, low * 1.001), high * 0.999)
    newcomers = len(np.unique(found.data.person[found.data.tenure < 12]))
    return Estimate(
        name=f"ramp_months.{role}",
        unit="months",
        value=fitted.months,
        lower=fitted.lower,
        upper=fitted.upper,
        distribution={"quantiles": {"P5": rounded(low), "P50": rounded(middle), "P95": rounded(high), "min": 0}},
        n=newcomers,
        method=f"Maximum likelihood on {found.what} by month of tenure, the cycle between workload and bookings taken "
        "out; profile likelihood interval.",
        naive=fit(found.data, found.naive, fitted.shape).months,
        also={"ramp.shape": fitted.shape, "productivity_spread": rounded(fitted.spread, 3)},
        notes=tuple(notes),
    )


def picture(name: str, found: Evidence, fitted: Fit, most: int = 24) -> Picture:
    """Counts by month of tenure against the fit, up to `most` months."""
    from simengine.learn.leaving import rate_interval

    count = min(most, int(found.data.tenure.max()) + 1)
    seen = np.bincount(found.data.tenure, minlength=count)[:count].astype(np.float64)
    deals = np.bincount(found.data.tenure, found.data.counts, minlength=count)[:count]
    kept = np.flatnonzero(seen > 0)
    bounds = np.array([rate_interval(float(deals[k]), float(seen[k])) for k in kept])
    share = found.curve(fitted.shape, fitted.months)
    return Picture(
        name,
        kept.astype(np.float64),
        deals[kept] / seen[kept],
        bounds[:, 0],
        bounds[:, 1],
        fitted.rate * share[kept],
        workload(fitted.shape, fitted.months, count)[kept],
        fitted,
        fit(found.data, found.naive, fitted.shape).months,
        found.what,
    )


def pictures(history: History, cycles: Mapping[str, Cycle] | None = None) -> dict[str, Picture]:
    """Ramp by role."""
    found = {}
    for role in sorted(set(history.table("people")["role"])):
        if of_role := evidence(role, history, (cycles or {}).get(role)):
            fits = [fit(of_role.data, of_role.curve, shape) for shape in SHAPES]
            best = max(fits, key=lambda each: each.log_likelihood)
            fitted = fits[0] if best.log_likelihood - fits[0].log_likelihood <= BETTER else best
            found[role] = picture(f"ramp_months.{role}", of_role, fitted)
    return found
