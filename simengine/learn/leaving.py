"""Who leaves: people by role and tenure, and customers at renewal or, without a term, at any time.

A spell is seen from `entry` (its tenure when records begin: left truncation) to `exit` (its end, or its tenure on the
as-of date: right censoring). A hazard is events by time at risk; D events in T months have a Poisson likelihood for it
(Holford, *Biometrics* 36, 1980), so with Jeffreys's prior its posterior is gamma with shape D + 1/2 and rate T.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simengine.learn.estimate import LEVEL, Z90, Estimate, beta_interval, chance, rounded
from simengine.learn.exposure import band_of, months_between, time_at_risk
from simengine.learn.history import CHURNED, IN_FORCE, RENEWED, History
from simengine.learn.naming import Say, positive, silent
from simengine.learn.together import drift_of_counts, drift_of_shares

Array = NDArray[np.float64]
BANDS = (0.0, 6.0, 12.0, 24.0, 48.0)
"""Months of tenure at which the bands of people begin."""
YEARS = (0.0, 12.0, 24.0, 36.0, 60.0, 96.0)
"""Of customers."""
FEWEST_EXPECTED = 5.0
"""Events that a band must have in expectation to be looked at alone."""
SIGNIFICANCE = 0.05
"""Level of the test whether the hazard changes with tenure."""
TAILS = (1 - LEVEL) / 2, (1 + LEVEL) / 2
YEARS_OF_DRIFT = 6
ROUNDING = 1e-3
"""A renewal for less than that share less is one in full."""
DECIDED_BY = 0.95
"""Renewals count from cohorts so old that this share of late decisions has been made."""


class Spells(NamedTuple):
    """Spells under observation: tenure at entry and exit, months, and whether they ended in the event, (n,)."""

    entry: Array
    exit: Array
    event: NDArray[np.bool_]


class Tenure(NamedTuple):
    """Hazard by tenure: where bands begin, events, months at risk, multiples of the mean hazard, p that all are one."""

    bands: tuple[float, ...]
    events: Array
    months: Array
    multiples: Array
    p: float


@dataclass(frozen=True)
class Picture:
    """Kaplan-Meier's survival with its band against that of the fitted hazards, at tenures in months, (n,)."""

    name: str
    tenure: Array
    survival: Array
    lower: Array
    upper: Array
    fitted: Array
    constant: Array
    spells: int
    events: int


def rate_interval(events: float, months: float) -> tuple[float, float]:
    """90 % interval of a hazard: quantiles of its posterior, gamma of shape D + 1/2 and rate T."""
    from scipy.special import gammaincinv

    low, high = (float(gammaincinv(events + 0.5, p)) / months for p in TAILS)
    return low, high


def garwood(events: float, months: float) -> tuple[float, float]:
    """Exact 90 % interval of a hazard, which covers at least as often (Garwood, *Biometrika* 28, 1936)."""
    from scipy.special import gammaincinv

    low = float(gammaincinv(events, TAILS[0])) / months if events > 0 else 0.0
    return low, float(gammaincinv(events + 1, TAILS[1])) / months


def within_a_year(hazard: float) -> float:
    """Probability of leaving within a year at a constant hazard per month: `1 − exp(−12 h)`.

    >>> round(within_a_year(0.01), 4)
    0.1131
    """
    return -math.expm1(-12 * hazard)


def posterior_moments(events: float, months: float) -> tuple[float, float]:
    """Mean and standard deviation of `1 − exp(−12 h)`, h gamma: `E exp(−s h) = (T/(T + s))^(D + 1/2)`."""
    shape = events + 0.5
    once, twice = ((months / (months + s)) ** shape for s in (12.0, 24.0))
    return 1 - once, math.sqrt(max(0.0, twice - once * once))


def by_tenure(spells: Spells, bands: Sequence[float] = BANDS) -> Tenure:
    """Hazards by tenure, and the test that there is only one.

    Bands with less than five expected events are joined to the one before. `Σ (D − h T)²/(h T)`, h being the overall
    hazard, is chi-square with one degree of freedom less than bands (the score test, which keeps its level with fewer
    events than the likelihood ratio).
    """
    from scipy.special import chdtrc

    months = time_at_risk(spells.entry, spells.exit, bands).sum(axis=0)
    events = np.bincount(band_of(spells.exit[spells.event], bands), minlength=len(bands)).astype(np.float64)
    overall = float(events.sum() / months.sum()) if months.sum() > 0 else 0.0
    begins, kept_events, kept_months = [bands[0]], [events[0]], [months[0]]
    for begin, d, t in zip(bands[1:], events[1:], months[1:], strict=True):
        if min(t, kept_months[-1]) * overall < FEWEST_EXPECTED:
            kept_events[-1] += d
            kept_months[-1] += t
        else:
            begins.append(begin)
            kept_events.append(d)
            kept_months.append(t)
    d, t = np.array(kept_events), np.array(kept_months)
    with np.errstate(divide="ignore", invalid="ignore"):
        multiples = np.where(t > 0, d / t / overall, 1.0) if overall > 0 else np.ones(len(t))
    expected = np.maximum(t * overall, 1e-12)
    p = float(chdtrc(len(t) - 1, float(((d - expected) ** 2 / expected).sum()))) if len(t) > 1 else float("nan")
    return Tenure(tuple(begins), d, t, multiples, p)


def kaplan_meier(spells: Spells) -> tuple[Array, Array, Array, Array]:
    """Survival of spells that may enter late: times of events, survival, and a 90 % band, (k,).

    `Π (1 − d/n)` over events, n being at risk: entered before, not yet gone. The band is Greenwood's on the scale of
    `ln(−ln S)` (Kalbfleisch and Prentice, *The Statistical Analysis of Failure Time Data*, 2002, 1.4).
    """
    times, deaths = np.unique(spells.exit[spells.event], return_counts=True)
    entered = np.searchsorted(np.sort(spells.entry), times, side="left")
    gone = np.searchsorted(np.sort(spells.exit), times, side="left")
    risk = np.maximum(entered - gone, deaths).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        survival = np.cumprod(1 - deaths / risk)
        greenwood = np.cumsum(deaths / (risk * (risk - deaths)))
        half = Z90 * np.sqrt(greenwood) / np.abs(np.log(survival))
        lower, upper = (np.where(survival > 0, survival ** np.exp(s * half), 0.0) for s in (1, -1))
    return times, survival, lower, upper


def fitted_survival(tenure: Array, found: Tenure) -> Array:
    """`exp(−H(t))` of the hazards by band, (n,)."""
    hazards = found.events / np.maximum(found.months, 1e-12)
    return np.asarray(np.exp(-(time_at_risk(np.zeros(len(tenure)), tenure, found.bands) @ hazards)), np.float64)


def spells_of_people(people: pd.DataFrame, history: History, reasons: Sequence[str] | None = None) -> Spells:
    """Spells in a role; they end in the event where the reason is one of `reasons`, else they are censored there."""
    ended = people["end"].notna()
    # The last day is worked: a spell of one day is one day long.
    stop = people["end"].where(ended, history.last) + pd.Timedelta(days=1)
    leaves = ended if reasons is None else ended & people["reason"].isin(reasons)
    return _seen(people["start"], stop, leaves, history, "people")


def _seen(start: Any, stop: Any, event: Any, history: History, table: str) -> Spells:
    exit_ = months_between(start, stop)
    since = history.since.get(table)
    begin = pd.Timestamp(since) if since else start.min()
    entry = np.maximum(0.0, np.nan_to_num(months_between(start, pd.Series(begin, index=start.index))))
    kept = exit_ > entry
    return Spells(entry[kept], exit_[kept], np.asarray(event, np.bool_)[kept])


def estimates(history: History, *, say: Say = silent) -> list[Estimate]:
    """Attrition by role, renewal, contraction and growth of customers by segment.

    Of a segment with contracts of both kinds, with and without a term, the more frequent ones tell its renewal.
    """
    people, contracts = history.table("people"), history.table("contracts")
    out = []
    for role, rows in people.groupby("role"):
        out += attrition(str(role), rows, history)
    for segment, rows in contracts.groupby("segment"):
        termed, evergreen = rows[rows["renews"].notna()], rows[rows["renews"].isna()]
        if len(termed) and len(evergreen):
            fewer = "without" if len(termed) >= len(evergreen) else "with"
            number = min(len(termed), len(evergreen))
            say(f"renewal.{segment}: {number:,} of {len(rows):,} contracts, those {fewer} a term, are left out.")
        told = renewal(str(segment), termed, history) if len(termed) >= len(evergreen) else []
        if len(termed) < len(evergreen):
            logos = lapse(str(segment), evergreen, history)
            told = [logos, *_dollars_lapsed(str(segment), evergreen, history, logos)]
        if not told:
            say(f"renewal.{segment}: no contract was due yet.")
        out += told
    return out + movements(history)


def attrition(role: str, people: pd.DataFrame, history: History) -> list[Estimate]:
    """Probability of leaving within a year: voluntarily (or for reasons not kept), involuntarily, by promotion."""
    ended = people.loc[people["end"].notna(), "reason"]
    leaving = by_tenure(spells_of_people(people, history, ("voluntary", "involuntary", "")))
    also = {}
    if leaving.p < SIGNIFICANCE:
        also["by_tenure"] = {
            int(b): f"x{rounded(float(m), 3):g}" for b, m in zip(leaving.bands, leaving.multiples, strict=True)
        }
    tells = (
        f"The hazard changes with tenure ({chance(leaving.p)})."
        if leaving.p < SIGNIFICANCE
        else "No change of the hazard with tenure can be told from chance."
    )
    unknown = int((ended == "").sum())
    notes = [tells, *([f"{unknown} left for reasons not kept: counted as voluntary."] if unknown else [])]
    first = _attrition(f"attrition.{role}", people, history, ("voluntary", ""), also, notes)
    out = [first]
    if (ended == "involuntary").any():
        out.append(_attrition(f"attrition.{role}.involuntary", people, history, ("involuntary",), {}, []))
    if (ended == "promoted").any():
        promoted = people[people["reason"] == "promoted"]
        after = math.floor(float(months_between(promoted["start"], promoted["end"]).min()))
        also_after, told = {"promotion.after": after}, [f"From {after} months on: nobody was promoted earlier."]
        out.append(_attrition(f"promotion.{role}", people, history, ("promoted",), also_after, told, after))
    return out


def _attrition(
    name: str,
    people: pd.DataFrame,
    history: History,
    reasons: Sequence[str],
    also: dict[str, Any],
    notes: list[str],
    after: float = 0.0,
) -> Estimate:
    spells = spells_of_people(people, history, reasons)
    events = float(spells.event.sum())
    months = float(np.maximum(0.0, spells.exit - np.maximum(spells.entry, after)).sum())
    mean, sd = posterior_moments(events, months)
    low, high = (within_a_year(h) for h in rate_interval(events, months))
    return Estimate(
        name=name,
        unit="fraction per year",
        value=within_a_year(events / months) if events else mean,
        lower=low,
        upper=high,
        distribution={"beta": {"mean": rounded(mean), "sd": rounded(sd)}},
        n=int(events),
        method=f"{events:.0f} events in {months:,.0f} person-months, those still there and those there before counted "
        "for the time that was seen: 1 − exp(−12 hazard).",
        naive=float((people["end"].notna() & people["reason"].isin(reasons)).mean()),
        drift=_of_share(
            mean, _drift_of_spells(people["start"], people["end"], people["reason"].isin(reasons), history, "people")
        ),
        also=also,
        notes=tuple(notes),
    )


def _of_share(leaving: float, drift: float | None) -> float | None:
    """The drift of p = 1 − exp(−12 h), where that of h is known: `(1 − p)/p · −ln(1 − p)` times it."""
    return None if drift is None else drift * -math.log1p(-leaving) * (1 - leaving) / leaving


def _of_stay(staying: float, drift: float | None) -> float | None:
    """The drift of exp(−12 h), where that of h is known: `−ln` of it times that."""
    return None if drift is None else drift * -math.log(staying)


def _drift_of_spells(
    start: Any, end: Any, event: Any, history: History, table: str, bands: Sequence[float] = BANDS
) -> float | None:
    """Drift of a hazard between whole years back from the as-of date, at most six and three at least.

    Each against what the hazards by tenure of all of them lead one to expect: as people and customers grow older, the
    overall hazard changes without any drift.
    """
    since = history.since.get(table)
    begin = pd.Timestamp(since) if since else start.min()
    years = min(YEARS_OF_DRIFT, int((history.last - begin).days / 365.25))
    if years < 3:
        return None
    stop = end.fillna(history.last) + pd.Timedelta(days=1)
    events, months = np.zeros((years, len(bands))), np.zeros((years, len(bands)))
    last = history.last + pd.Timedelta(days=1)
    for year in range(years):
        first = last - pd.DateOffset(years=1)
        inside = (start < last) & (stop > first)
        begun, over = start[inside], stop[inside]
        exit_ = months_between(begun, over.where(over < last, last))
        entry = np.maximum(0.0, months_between(begun, pd.Series(first, index=begun.index)))
        months[year] = time_at_risk(entry, exit_, bands).sum(axis=0)
        left = (event[inside] & end[inside].notna() & (over <= last)).to_numpy()
        events[year] = np.bincount(band_of(exit_[left], bands), minlength=len(bands))
        last = first
    if events.sum() == 0:
        return None
    hazards = events.sum(axis=0) / np.maximum(months.sum(axis=0), 1e-12)
    return drift_of_counts(events.sum(axis=1), months @ hazards).known


def renewal(segment: str, contracts: pd.DataFrame, history: History) -> list[Estimate]:
    """Renewal of customers and of ARR, and contraction of those who renew: of contracts whose term has ended.

    Those decided early are left out until their term ends: customers who mean to go say so earlier, or later, than the
    others. Those still undecided are left out, with the youngest cohorts that are mostly undecided.
    """
    late = months_between(contracts["renews"], contracts["decided"].fillna(contracts["renews"]))
    wait = float(np.quantile(np.maximum(0.0, late), DECIDED_BY))
    age = months_between(contracts["renews"], pd.Series(history.last, index=contracts.index))
    due = contracts[age >= wait]
    decided = due[due["outcome"].isin((RENEWED, CHURNED))]
    n = len(decided)
    if n == 0:
        return []
    renewed = (decided["outcome"] == RENEWED).to_numpy()
    k, undecided = int(renewed.sum()), int((due["outcome"] == IN_FORCE).sum())
    notes = []
    if undecided:
        low, high = k / (n + undecided), (k + undecided) / (n + undecided)
        notes.append(f"{undecided} late ones are undecided: {low:.1%} if none of them renews, {high:.1%} if all do.")
    drift = _drift_of_renewals(decided, renewed)
    logos = Estimate(
        name=f"renewal.{segment}",
        unit="fraction",
        value=k / n,
        **_as_beta(k + 0.5, n - k + 0.5),
        n=n,
        method=f"{k} of {n} contracts due by {(history.last - pd.Timedelta(days=wait * 30.4375)).date()} were renewed.",
        naive=float((contracts["outcome"] == RENEWED).mean()),
        drift=drift,
        notes=tuple(notes),
    )
    return [logos, *_dollars(segment, decided, renewed, drift), *_contraction(segment, decided, renewed, history)]


def _as_beta(alpha: float, beta: float) -> dict[str, Any]:
    low, high = beta_interval(alpha, beta)
    return {
        "lower": low,
        "upper": high,
        "distribution": {"beta": {"alpha": rounded(alpha, 6), "beta": rounded(beta, 6)}},
    }


def ratio(parts: Array, wholes: Array) -> tuple[float, float]:
    """Ratio of sums and its standard error: `sqrt(n/(n − 1) Σ (y − r x)²)/Σ x` (Cochran, *Sampling Techniques*, 2.11).

    >>> ratio(np.array([1.0, 0.0]), np.array([1.0, 1.0]))
    (0.5, 0.5)
    """
    n, total = len(wholes), float(wholes.sum())
    r = float(parts.sum()) / total
    return r, math.sqrt(n / max(1, n - 1) * float(((parts - r * wholes) ** 2).sum())) / total


def share_as_beta(share: float, error: float, wholes: Array, part: float = 1.0) -> tuple[float, float]:
    """Shapes of a beta law of a share of money, by the number of equal customers that would tell as much.

    `n = r (1 − r)/error²`; not more than Kish's `(Σ x)²/Σ x²`, which holds where all or none renewed. Where a customer
    never gives up more than a part of theirs, more than that by as much.
    """
    kish = float(wholes.sum() ** 2 / (wholes**2).sum()) / part
    n = min(kish, share * (1 - share) / error**2) if error > 0 else kish
    return share * n + 0.5, (1 - share) * n + 0.5


def _dollars(segment: str, decided: pd.DataFrame, renewed: NDArray[np.bool_], drift: float | None) -> list[Estimate]:
    arr = decided["arr"].to_numpy(np.float64)
    kept = np.isfinite(arr) & (arr > 0)
    if not kept.any():
        return []
    share, error = ratio(arr[kept] * renewed[kept], arr[kept])
    return [
        Estimate(
            name=f"dollar_renewal.{segment}",
            unit="fraction",
            value=share,
            **_as_beta(*share_as_beta(share, error, arr[kept])),
            n=int(kept.sum()),
            method="ARR renewed by ARR that was due, without contraction; error of a ratio of sums.",
            naive=float(np.nansum(arr * renewed) / np.nansum(arr)) if len(arr) else None,
            drift=drift,
        )
    ]


def raises(renewed: pd.DataFrame, history: History) -> Array:
    """ARR by which the price of each renewal rose: what is booked as that in the month of its decision, (n,)."""
    bookings = history.table("bookings")
    price = bookings[bookings["kind"] == "price"]
    booked = price.groupby([price["customer"], price["date"].dt.to_period("M")])["amount"].sum()
    renewals = pd.MultiIndex.from_arrays([renewed["customer"], renewed["decided"].dt.to_period("M")])
    each = renewals.value_counts().reindex(renewals).to_numpy(np.float64)
    return np.asarray(booked.reindex(renewals).fillna(0.0).to_numpy(np.float64) / each, np.float64)


def _contraction(segment: str, decided: pd.DataFrame, renewed: NDArray[np.bool_], history: History) -> list[Estimate]:
    """What renewed customers gave up before prices rose, by the ARR due: the plan's contraction, in % of ATR."""
    rows = decided[renewed & decided["arr_after"].notna().to_numpy() & (decided["arr"] > 0).to_numpy()]
    if len(rows) < 2:
        return []
    before, after = rows["arr"].to_numpy(np.float64), rows["arr_after"].to_numpy(np.float64)
    lost = before - (after - raises(rows, history))
    smaller = lost > ROUNDING * before
    lost = np.where(smaller, lost, 0.0)
    # Of all that was due: who churned cannot contract.
    due = float(decided["arr"].sum())
    share, error = ratio(lost, before)
    factor = float(before.sum()) / due
    depth = float(lost[smaller].sum() / before[smaller].sum()) if smaller.any() else None
    alpha, beta = share_as_beta(share * factor, error * factor, before, depth or 1.0)
    return [
        Estimate(
            name=f"contraction.{segment}",
            unit="fraction",
            value=share * factor,
            **_as_beta(alpha, beta),
            n=len(rows),
            method="ARR given up at renewal by ARR that was due.",
            also={} if depth is None else {"contraction_depth": rounded(depth, 3)},
        )
    ]


def _drift_of_renewals(decided: pd.DataFrame, renewed: NDArray[np.bool_]) -> float | None:
    years = decided["renews"].dt.year.to_numpy()
    labels = np.unique(years)
    if len(labels) < 3:
        return None
    k = np.array([renewed[years == y].sum() for y in labels], np.float64)
    n = np.array([(years == y).sum() for y in labels], np.float64)
    return drift_of_shares(k, n).known


def spells_of_contracts(contracts: pd.DataFrame, history: History, window: float | None = None) -> Spells:
    """Spells of contracts without a term; with a window, only the last months of them are looked at."""
    gone = (contracts["outcome"] == CHURNED) & contracts["decided"].notna()
    stop = contracts["decided"].where(gone, history.last) + pd.Timedelta(days=1)
    spells = _seen(contracts["start"], stop, gone, history, "contracts")
    if window is None:
        return spells
    since = history.last - pd.Timedelta(days=window * 365.25 / 12)
    inside = stop > since
    cut = contracts[inside]
    entry = np.maximum(0.0, months_between(cut["start"], pd.Series(since, index=cut.index)))
    exit_ = months_between(cut["start"], stop[inside])
    if stated := history.since.get("contracts"):
        entry = np.maximum(entry, months_between(cut["start"], pd.Series(pd.Timestamp(stated), index=cut.index)))
    kept = exit_ > entry
    return Spells(entry[kept], exit_[kept], gone[inside].to_numpy()[kept])


def hazard_draws(found: Tenure, draws: int, seed: int = 0) -> Array:
    """Draws of the hazards of bands from their posteriors, (draws, bands)."""
    rng = np.random.default_rng(seed)
    return np.asarray(rng.gamma(found.events + 0.5, 1 / np.maximum(found.months, 1e-9), (draws, len(found.bands))))


def survivors(tenure: Array, found: Tenure, hazards: Array, months: float) -> Array:
    """Mean probability of those of given tenures (n,) to stay so many months more, by draw of hazards, (draws,)."""
    ages, counts = np.unique(np.round(tenure), return_counts=True)
    risk = time_at_risk(ages, ages + months, found.bands)
    return np.asarray(np.exp(-(hazards @ risk.T)) @ (counts / counts.sum()), np.float64)


def lapse(segment: str, contracts: pd.DataFrame, history: History, window: float = 36.0) -> Estimate:
    """Yearly renewal probability of customers without a term: of the tenures that are in force on the as-of date."""
    spells = spells_of_contracts(contracts, history, window)
    found = by_tenure(spells, YEARS)
    alive = contracts[contracts["outcome"] == IN_FORCE]
    ages = months_between(alive["start"], pd.Series(history.last, index=alive.index))
    tenure = ages if len(ages) else np.zeros(1)
    draws = survivors(tenure, found, hazard_draws(found, 4000), 12.0)
    value = float(draws.mean())
    low, high = (float(q) for q in np.quantile(draws, TAILS))
    sd = float(draws.std())
    also = {}
    if found.p < SIGNIFICANCE:
        rates = found.events / np.maximum(found.months, 1e-9)
        also["renewal_by_tenure"] = {
            int(b): rounded(math.exp(-12 * h), 3) for b, h in zip(found.bands, rates, strict=True)
        }
    churned = contracts["outcome"] == CHURNED
    return Estimate(
        name=f"renewal.{segment}",
        unit="fraction",
        value=value,
        lower=low,
        upper=high,
        distribution={"beta": {"mean": rounded(value), "sd": rounded(sd)}},
        n=int(spells.event.sum()),
        method=f"Hazard by tenure over the last {window:.0f} months, for a year more of those in force on the day.",
        naive=float(1 - churned.mean()),
        drift=_of_stay(
            value, _drift_of_spells(contracts["start"], contracts["decided"], churned, history, "contracts", YEARS)
        ),
        also=also,
        window=window,
    )


class _YearAhead(NamedTuple):
    """Who ended in which band of tenure, and time in it: of spells, and in the next year of those that `stay`."""

    ended: NDArray[np.bool_]
    at_risk: Array
    stays: NDArray[np.bool_]
    ahead: Array

    @staticmethod
    def of(spells: Spells, stays: NDArray[np.bool_]) -> _YearAhead:
        """In bands that are joined as `by_tenure` joins them."""
        bands = by_tenure(spells, YEARS).bands
        ended = spells.event[:, None] & (band_of(spells.exit, bands)[:, None] == np.arange(len(bands)))
        ages = spells.exit[stays]
        at_risk, ahead = (time_at_risk(*each, bands) for each in ((spells.entry, spells.exit), (ages, ages + 12.0)))
        return _YearAhead(ended, at_risk, stays, ahead)

    def hazard(self, weights: Array) -> tuple[float, float]:
        """H where `e^−H` is the mean chance to stay the year, by weighted hazards; and its error."""
        spent = np.maximum(weights @ self.at_risk, 1e-9)
        hazards = weights @ self.ended / spent
        chances = weights[self.stays] / weights[self.stays].sum() * np.exp(-(self.ahead @ hazards))
        mean = float(chances.sum())
        by_spell = weights[:, None] * (self.ended - hazards * self.at_risk) @ (chances @ self.ahead / mean / spent)
        return -math.log(mean), math.sqrt(float((by_spell**2).sum()))


def _dollars_lapsed(segment: str, contracts: pd.DataFrame, history: History, logos: Estimate) -> list[Estimate]:
    """The same of ARR, where large customers leave more, or less, often: `r^(H$/H)`.

    `e^−H` is the mean chance of those in force to stay for a year, by the hazards of their tenures; for `e^−H$` hazards
    and mean are weighted by ARR. The error is that of ln H$ by the delta method: a spell puts `x (D − h T)/Σ x T` into
    the hazard of each band.
    """
    gone = ((contracts["outcome"] == CHURNED) & contracts["decided"].notna()).to_numpy()
    stop = contracts["decided"].where(gone, history.last) + pd.Timedelta(days=1)
    since = history.last - pd.Timedelta(days=(logos.window or 0.0) * 365.25 / 12)
    if stated := history.since.get("contracts"):
        since = max(since, pd.Timestamp(stated))
    arr = contracts["arr"].to_numpy(np.float64)
    seen = (stop > since).to_numpy() & np.isfinite(arr) & (arr > 0)
    begin = contracts["start"].where(contracts["start"] > since, since)
    entry, exit_ = (months_between(contracts["start"], day)[seen] for day in (begin, stop))
    spells, x, stays = Spells(entry, exit_, gone[seen]), arr[seen], (contracts["outcome"] == IN_FORCE).to_numpy()[seen]
    if spells.event.sum() < FEWEST_EXPECTED or not stays.any() or not 0 < logos.value < 1:
        return []
    ahead = _YearAhead.of(spells, stays)
    of_customers, _ = ahead.hazard(np.ones(len(x)))
    of_dollars, error_of_dollars = ahead.hazard(x)
    if min(of_customers, of_dollars) < 1e-9:  # nobody left at the tenures that are ahead
        return []
    error = error_of_dollars / of_dollars
    yearly = -math.log(logos.value) * of_dollars / of_customers
    value, low, high = (math.exp(-yearly * math.exp(s * Z90 * error)) for s in (0, 1, -1))
    return [
        Estimate(
            name=f"dollar_renewal.{segment}",
            unit="fraction",
            value=value,
            lower=low,
            upper=high,
            distribution={"beta": {"mean": rounded(value), "sd": rounded(value * yearly * error)}},
            n=int(spells.event.sum()),
            method=f"Hazard weighted by ARR over the last {logos.window:.0f} months, beside that of customers.",
            naive=float(1 - np.nansum(arr * gone) / np.nansum(arr)),
            drift=logos.drift,
            window=logos.window,
        )
    ]


def forecast(
    tenure: Array, found: Tenure, months: float, *, drift: float = 0.0, draws: int = 4000, seed: int = 0
) -> NDArray[np.int64]:
    """How many of those in force leave within so many months: draws, (draws,).

    Hazards from their posteriors, all times a lognormal factor of mean one with the drift, and Poisson variation (that
    of many rare events).
    """
    rng = np.random.default_rng([seed, 1])
    sigma = math.sqrt(math.log1p(drift**2))
    factor = np.exp(sigma * rng.standard_normal((draws, 1)) - sigma**2 / 2)
    share = 1 - survivors(tenure, found, hazard_draws(found, draws, seed) * factor, months)
    return np.asarray(rng.binomial(len(tenure), share), np.int64)


def movements(history: History) -> list[Estimate]:
    """Price increases and expansion by segment, from bookings and the ARR that was due or in force."""
    bookings, contracts = history.table("bookings"), history.table("contracts")
    out = []
    for segment, rows in bookings.groupby("segment"):
        own = contracts[contracts["segment"] == segment]
        begin = rows["date"].min()
        months = (history.last - begin).days * 12 / 365.25
        if not len(own) or months <= 0:
            continue
        renewed = own[(own["outcome"] == RENEWED) & (own["decided"] >= begin)]
        price = rows[rows["kind"] == "price"]
        if len(price) >= 2 and len(renewed) >= 2 and price["customer"].isin(renewed["customer"]).any():
            out.append(_price(str(segment), price, renewed))
        sold = rows[rows["kind"] == "expansion"]
        if len(sold):
            out.append(_expansion(str(segment), sold, own, begin, history))
    return out


def _price(segment: str, price: pd.DataFrame, renewed: pd.DataFrame) -> Estimate:
    by_customer = renewed.groupby("customer")
    before, after = by_customer["arr"].sum(), by_customer["arr_after"].sum()
    parts = price.groupby("customer")["amount"].sum().reindex(before.index).fillna(0.0)
    # Of what is kept: who renews for less pays the higher price for less.
    kept = (after - parts).where(by_customer["arr_after"].count() == by_customer.size(), before)
    share, error = ratio(parts.to_numpy(np.float64), kept.to_numpy(np.float64))
    method = "Price increases by the ARR that was renewed."
    # On the logarithmic scale, as prices do not fall here: a law that could go below zero no plan would take.
    return positive(f"price_increase.{segment}", "fraction", share, max(error / share, 1e-4), len(before), method)


def _expansion(
    segment: str, sold: pd.DataFrame, contracts: pd.DataFrame, begin: pd.Timestamp, history: History
) -> Estimate:
    stop = contracts["decided"].fillna(history.last)
    start = contracts["start"].where(contracts["start"] > begin, begin)
    years = float(np.maximum(0.0, months_between(start, stop)).sum()) / 12
    n = len(sold)
    low, high = rate_interval(n, years)
    amounts = sold["amount"].to_numpy(np.float64)
    mean = float(amounts.mean())
    also: dict[str, Any] = {"expansion.size": rounded(mean)}
    if n > 1:
        also["expansion.size_spread"] = rounded(float(amounts.std(ddof=1) / mean), 3)
    return Estimate(
        name=f"expansion.{segment}",
        unit="count per year",
        value=n / years,
        lower=low,
        upper=high,
        distribution={"gamma": {"mean": rounded((n + 0.5) / years), "cv": rounded((n + 0.5) ** -0.5)}},
        n=n,
        method="Expansions won by customer-year: opportunities per customer times their win rate.",
        also=also,
    )


def picture(name: str, spells: Spells, bands: Sequence[float] = BANDS) -> Picture:
    """Kaplan-Meier against the fit."""
    times, survival, low, high = kaplan_meier(spells)
    found = by_tenure(spells, bands)
    overall = float(spells.event.sum() / (spells.exit - spells.entry).sum())
    fitted, constant = fitted_survival(times, found), np.exp(-overall * times)
    return Picture(name, times, survival, low, high, fitted, constant, len(spells.exit), int(spells.event.sum()))


def pictures(history: History) -> dict[str, Picture]:
    """Survival of people by role, and of customers without a term by segment."""
    found = {}
    for role, rows in history.table("people").groupby("role"):
        spells = spells_of_people(rows, history, ("voluntary", "involuntary", ""))
        if spells.event.any():
            found[f"attrition.{role}"] = picture(f"attrition.{role}", spells)
    contracts = history.table("contracts")
    for segment, rows in contracts[contracts["renews"].isna()].groupby("segment"):
        spells = spells_of_contracts(rows, history)
        if spells.event.any():
            found[f"renewal.{segment}"] = picture(f"renewal.{segment}", spells, YEARS)
    return found
