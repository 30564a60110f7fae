"""Stage rates: how many leads reach the next stage, and how long they take, while the newest have not had the time.

Of leads that arrived at a stage a share r goes on to the next, after a time X (a cure model: Boag 1949, Berkson and
Gage 1952). One that did so at age k has probability r f(k); one that has not by age a has 1 − r P(N ≤ a): it never
will, or has not yet. That is the mixture of `outcomes` without lost deals; r is one minus the share that never closes.

Where what was reached is recorded from some day on only, a lead of which nothing is recorded has probability
1 − r P(e ≤ N ≤ a), e being its age on that day: it may have gone on before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd

from simengine.errors import SimengineError
from simengine.learn.deals import MISFIT_LEVEL, one_parameter
from simengine.learn.estimate import Z90, Estimate, rounded
from simengine.learn.history import REACHED, History
from simengine.learn.incidence import Incidence, Misfit, Picture, incidence, misfit, picture
from simengine.learn.lags import FAMILIES, outlasts, quantile
from simengine.learn.naming import Say, positive, share, silent
from simengine.learn.outcomes import DAY, FEWEST, NONE, Deals, Fit, Seen, fitted
from simengine.learn.together import drift_of

MATURE = 0.95
"""Share of those that go on who have done so at the age at which a cohort counts as matured."""
_FEWEST_QUARTERS = 4
_MUCH = 0.05


@dataclass(frozen=True)
class Cohorts:
    """Leads that arrived at a stage, and when they reached the next.

    Attributes
    ----------
    records : columns `arrived` (day), `age` (days at which they reached the next, or that they have), `reached`,
        `known` (days of age from which on it would have been recorded) and `count`, (leads)
    """

    records: pd.DataFrame

    def deals(self, chosen: pd.Series | slice = slice(None)) -> Deals:
        """Counted by age, as deals of which none is ever lost."""
        rows = self.records[chosen]
        age, count, went, known = (rows[c].to_numpy() for c in ("age", "count", "reached", "known"))
        from_start = ~went & (known == 0)
        late = ~went & (known > 0)
        return Deals(
            Seen.at(age[went], count[went]),
            NONE,
            Seen.at(age[from_start] + 1, count[from_start]),
            NONE,
            DAY,
            Seen.between(known[late] - 1, age[late], count[late]),
        )


def stages(history: History, first: str = "lead") -> list[str]:
    """Stages of the leads of a history, in order; the first has no column of its own, so it is named here."""
    return [first, *(str(c).removeprefix(REACHED) for c in history.table("leads") if str(c).startswith(REACHED))]


def cohorts(
    history: History, stage: str, following: str, *, channel: str | None = None, recorded_since: date | None = None
) -> Cohorts:
    """Leads that arrived at a stage.

    Parameters
    ----------
    history : with a table of leads. Where leads that ended before some day were not kept, only those that came since
        (`History.since`) are taken
    stage, following : as `stages` names them
    channel : only these; None for all
    recorded_since : from when on those who reached the following stage were recorded, where leads are older than that
    """
    leads = history.table("leads")
    start, end = (REACHED + each for each in (stage, following))
    arrived = leads[start] if start in leads else leads["created"]
    reached = leads[end]
    chosen = arrived.notna() & ~(reached < arrived)
    if channel is not None:
        chosen &= leads["channel"] == channel
    if (since := history.since.get("leads")) is not None:
        chosen &= leads["created"] >= pd.Timestamp(since)
    leads, arrived, reached = leads[chosen], arrived[chosen], reached[chosen]
    known = (pd.Timestamp(recorded_since) - arrived).dt.days.clip(lower=0) if recorded_since else 0
    age = (reached.fillna(history.last) - arrived).dt.days
    records = pd.DataFrame({"arrived": arrived, "age": age, "reached": reached.notna(), "known": known})
    records["count"] = leads["count"]
    # What was reached before it was recorded is not known of any other lead either.
    records.loc[records["reached"] & (records["age"] < records["known"]), "reached"] = False
    records["age"] = records["age"].where(records["reached"], (history.last - arrived).dt.days)
    return Cohorts(records[records["age"] >= records["known"]].reset_index(drop=True))


@dataclass(frozen=True)
class Rate:
    """A stage rate and the time it takes.

    Attributes
    ----------
    fit : of the mixture; its `never` is one minus the rate
    misfit : of the law of times, from leads that were followed from their arrival
    rate, error : the rate, and its standard error on the logit scale
    mean, mean_error : months it takes, and the standard error of its logarithm
    beyond : share of the rate that lies beyond the oldest age seen: told by the law alone
    observed : whether they are of no law, as none fits
    """

    fit: Fit
    misfit: Misfit
    rate: float
    error: float
    mean: float
    mean_error: float
    beyond: float
    observed: bool = False

    @property
    def interval(self) -> tuple[float, float, float]:
        """The rate with its 90 % interval."""
        logit = np.log(self.rate / (1 - self.rate))
        lower, upper = (float(1 / (1 + np.exp(-logit + sign * Z90 * self.error))) for sign in (1, -1))
        return self.rate, lower, upper


def fit_conversion(found: Cohorts) -> Rate:
    """Rate and time to convert, jointly; of lognormal, gamma and Weibull times those that Akaike's criterion prefers.

    Where that law is rejected at the 0.1 % level, or none is told (all go on on the day they arrive), and leads were
    followed long enough, the share observed at the age of the last conversion is taken (Kaplan and Meier).

    Raises
    ------
    SimengineError : fewer than five converted, or too little time to tell slow leads from those that never will
    """
    deals = found.deals()
    if deals.won.total < FEWEST:
        raise SimengineError(
            f"{deals.won.total:.0f} leads that went on are too few: {FEWEST} are needed; "
            "join channels, or read a longer history"
        )
    tried = [fitted(deals, family, ("mean_won", "spread", "never")) for family in FAMILIES]
    told = [fit for fit in tried if np.isfinite(fit.covariance).all()]
    fit = min(told or tried, key=lambda each: each.aic)
    seen = incidence(found.deals(found.records["known"] == 0))
    off = misfit(seen, fit)
    if seen.followed and (not told or off.p < MISFIT_LEVEL):
        return _observed(seen, fit, off)
    if not told:
        raise SimengineError(
            "leads that are slow and leads that never go on cannot be told apart, they were not followed long enough; "
            "take the share of matured cohorts, or read a longer history"
        )
    told_by = fit.parameters
    oldest = int(max(found.records["age"]))
    beyond = float(outlasts([oldest], told_by["mean_won"] / DAY, told_by["spread"], fit.family)[0, 0])
    return Rate(fit, off, 1 - told_by["never"], fit.error("never"), told_by["mean_won"], fit.error("mean_won"), beyond)


def _observed(seen: Incidence, fit: Fit, off: Misfit) -> Rate:
    """Share that went on by the oldest age at which one did, and their mean age: no time where that is zero."""
    weights = np.zeros((2, 2, seen.at_risk.size))
    weights[0, 0], weights[1, 0] = 1.0, np.arange(seen.at_risk.size)
    (rate, total), covariance = seen.linear(weights)
    variance = covariance[0, 0]
    if rate > 1 - 1e-9:
        # All did: as if half a lead had not.
        n = seen.at_risk[0]
        rate = (n + 0.5) / (n + 1)
        variance = rate * (1 - rate) / n
    slope = np.array([-1 / rate, 1 / total]) if total else np.full(2, np.nan)
    return Rate(
        fit,
        off,
        float(rate),
        float(np.sqrt(variance) / (rate * (1 - rate))),
        float(total / rate) * DAY,
        float(np.sqrt(slope @ covariance @ slope)),
        beyond=0.0,
        observed=True,
    )


@dataclass(frozen=True)
class Matured:
    """Share of the leads of cohorts that had the time: estimate, 90 % interval, leads, and the days they had."""

    rate: float
    lower: float
    upper: float
    n: int
    days: int


def mature_age(fit: Fit) -> int:
    """Days within which 95 % of those that go on have done so."""
    told_by = fit.parameters
    return int(np.ceil(quantile(MATURE, told_by["mean_won"], told_by["spread"], fit.family) / DAY))


def matured(found: Cohorts, days: int, as_of: date) -> Matured:
    """Share converted of leads that have had a number of days to.

    It needs no law, and misses what comes later; the newest leads say nothing. Interval: Wilson's.

    Parameters
    ----------
    days : which they have had at least; `mature_age` says how many leave little to come
    as_of : as-of date of the history
    """
    records = found.records
    old = records[(records["known"] == 0) & ((pd.Timestamp(as_of) - records["arrived"]).dt.days >= days)]
    n, went = float(old["count"].sum()), float(old["count"][old["reached"]].sum())
    if not n:
        return Matured(float("nan"), float("nan"), float("nan"), 0, days)
    z2 = Z90**2
    half = Z90 * np.sqrt(went * (n - went) / n + z2 / 4) / (n + z2)
    centre = (went + z2 / 2) / (n + z2)
    return Matured(went / n, float(centre - half), float(centre + half), int(n), days)


def conversion_estimates(
    history: History, *, first: str = "lead", recorded_since: date | None = None, say: Say = silent
) -> list[Estimate]:
    """Every stage rate of every channel, `<stage>_to_<stage>.<channel>`, and the time it takes, `…_months.<channel>`.

    Parameters
    ----------
    history : with a table of leads
    first : name of the first stage
    recorded_since : as in `cohorts`
    say : told what is left out, and why
    """
    out: list[Estimate] = []
    names = stages(history, first)
    for stage, following in pairwise(names):
        for channel in sorted(history.table("leads")["channel"].unique()):
            found = cohorts(history, stage, following, channel=channel, recorded_since=recorded_since)
            step = f"{stage}_to_{following}"
            try:
                out += _told(step, channel, found, fit_conversion(found))
            except SimengineError as error:
                say(f"{step}.{channel}: {error}.")
    return out


def _told(step: str, channel: str, found: Cohorts, rate: Rate) -> list[Estimate]:
    records, n = found.records, int(found.records["count"].sum())
    went = float(records["count"][records["reached"]].sum())
    method = (
        f"share that went on by age of {n:,} leads (Kaplan-Meier)"
        if rate.observed
        else f"rate and {rate.fit.family} time to convert of {n:,} leads at once"
    )
    notes: tuple[str, ...] = ()
    if rate.beyond >= _MUCH:
        notes = (f"{100 * rate.beyond:.0f} % of the rate lies beyond the oldest lead, told by the law of times alone.",)
    out = [share(f"{step}.{channel}", "fraction", rate.rate, rate.error, n, method, went / n, _drift(found, rate.fit))]
    if rate.mean > 0 and np.isfinite(rate.mean_error):
        months = positive(f"{step}_months.{channel}", "months", rate.mean, rate.mean_error, n, method)
        out.append(replace(months, also={"cycle_spread": rounded(rate.fit.parameters["spread"], 3)}))
    return [replace(each, notes=notes) for each in out if each.lower < each.upper]


def _drift(found: Cohorts, fit: Fit) -> float | None:
    """Relative standard deviation of the rate between the quarters of arrival, beyond sampling error, by moments."""
    told = []
    for _, rows in found.records.groupby(found.records["arrived"].dt.to_period("Q")):
        deals = Cohorts(rows).deals()
        if deals.won.total >= FEWEST and (one := one_parameter(deals, fit, "never")) is not None:
            told.append(one)
    if len(told) < _FEWEST_QUARTERS:
        return None
    moved = drift_of(*zip(*told, strict=True))
    return None if moved is None else fit.parameters["never"] * moved


def pictures(history: History, *, first: str = "lead") -> list[Picture]:
    """Data against fit of every step and channel whose leads suffice, named as the rates are."""
    out = []
    for stage, following in pairwise(stages(history, first)):
        for channel in sorted(history.table("leads")["channel"].unique()):
            found = cohorts(history, stage, following, channel=channel)
            try:
                out.append(conversion_picture(f"{stage}_to_{following}.{channel}", found, fit_conversion(found)))
            except SimengineError:
                continue
    return out


def conversion_picture(title: str, found: Cohorts, rate: Rate) -> Picture:
    """Observed against fitted share by age, of leads that were followed from their arrival."""
    return picture(title, found.deals(found.records["known"] == 0), rate.fit)
