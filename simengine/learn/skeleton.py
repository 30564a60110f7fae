"""A first plan from history: what records tell of a company, laid out as a plan file that runs.

It holds what the records hold, and nothing more: nobody's capacity, no costs, no hires. So it says what comes if the
market goes on as it did, and it is the place where the operating plan is written in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simengine.baseline.laws import survival
from simengine.errors import SimengineError
from simengine.learn.conversion import stages
from simengine.learn.estimate import Estimate
from simengine.learn.exposure import DAYS_PER_MONTH
from simengine.learn.fit import Fit, entries_of, fit, told
from simengine.learn.happened import in_force, month_of
from simengine.learn.history import OPEN, REACHED, WON, History, table
from simengine.learn.naming import Say, assumption_name, silent
from simengine.plan.edit import written
from simengine.units import MONTHS_PER_YEAR, month_label

Array = NDArray[np.float64]
Cell = tuple[str, str]
"""Channel and segment."""

OPPORTUNITY, DECIDED = "opportunity", "decided"
"""Stages of a funnel made of opportunities: all that are created, and those that are ever won or lost."""
EVERYBODY = "all"
"""The segment of leads of which none is kept."""
NEVER = "600 months"
"""When leads are lost of which nobody wrote down that they were."""
OLDEST = 240.0
RARE = 0.02
"""Terms of a smaller share of contracts are not looked at."""
MOST_MONTHS = 120


def plan_text(
    history: History,
    found: Fit,
    *,
    name: str,
    currency: str,
    months: int = 12,
    fiscal_year_start: int = 1,
    say: Say = silent,
) -> str:
    """The text of a plan that starts after the as-of date, from what was fitted of its history.

    Parameters
    ----------
    history, found : the records, and what `fit` made of them
    name, currency, fiscal_year_start : of the plan
    months : how long it runs
    say : told what is left out, and why

    Raises
    ------
    SimengineError
        when there is neither a market with volumes and win rates nor a base of contracts, or a segment or channel has
        a name that a plan cannot have
    """
    history, found = _usable(history, found, say)
    market, base = _market(history, found, say), dict(_base(history, _by_name(found), say))
    if not market.cells and not base:
        raise SimengineError(
            "no plan can be made of this history: it needs opportunities with a channel, of which volume, win rate, "
            "cycle and deal size can be told, or leads that reach a stage, or contracts"
        )
    segments = sorted({segment for _, segment in market.cells} | set(base))
    _check_names({*segments, *market.stages, *(channel for channel, _ in market.cells)})
    header = {"name": name, "currency": currency, "start": _start(history), "months": months}
    if fiscal_year_start != 1:
        header["fiscal_year_start"] = fiscal_year_start
    used = {name for name in _by_name(found) if name in set(_leaves([*market.cells.values(), *base.values()]))}
    document: dict[str, Any] = {
        "plan": {**header, "as_of": str(history.as_of)},
        "segments": {segment: {} if segment in base else {"sells": "once"} for segment in segments},
        **entries_of(found, used=used),
    }
    if market.cells:
        document["funnel"] = market.entry
    if base:
        document["base"] = base
    head = (
        f"# What the records to {history.as_of} tell of the company, made by `simengine fit`.\n"
        "# No capacity, costs or hires: add them where the plan needs them.\n\n"
    )
    return head + "\n\n".join(written({key: value}) for key, value in document.items()) + "\n"


def as_deals(history: History) -> History:
    """Leads that reached the stage before the last as opportunities that were won when they reached the last one.

    So where there are no opportunities, and leads have stages; else the history as it is. Nobody wrote down which were
    lost: those are open.
    """
    leads, names = history.table("leads"), stages(history)
    if len(history.table("opportunities")) or len(names) < 2 or not len(leads):
        return history
    leads = leads.loc[leads.index.repeat(leads["count"].round().astype("int64"))].reset_index(drop=True)
    begun = leads[REACHED + names[-2]] if len(names) > 2 else leads["created"]
    closed = leads[REACHED + names[-1]]
    known = begun.notna() & ~(closed < begun)
    made = table(
        "opportunities",
        id=[str(row) for row in np.flatnonzero(known)],
        segment=leads["segment"][known].replace("", EVERYBODY).tolist(),
        channel=leads["channel"][known].tolist(),
        created=begun[known].tolist(),
        outcome=[WON if day else OPEN for day in closed[known].notna()],
        closed=closed[known].tolist(),
    )
    since = {"opportunities": history.since["leads"]} if "leads" in history.since else {}
    tables = {**history.tables, "opportunities": made}
    return replace(history, tables=tables, since={**history.since, **since})


def _usable(history: History, found: Fit, say: Say) -> tuple[History, Fit]:
    """Without leads that have no stages or segments, where opportunities tell the volume as well."""
    leads, deals = history.table("leads"), history.table("opportunities")
    if not len(leads) or not len(deals) or (len(stages(history)) > 1 and (leads["segment"] != "").all()):
        return history, found
    say("The plan begins with opportunities: of leads the records tell no stages, or no segment.")
    without = replace(history, tables={name: frame for name, frame in history.tables.items() if name != "leads"})
    return without, fit(without, months_back=0)


def _by_name(found: Fit) -> dict[str, Estimate]:
    return {estimate.name: estimate for estimate in found.estimates}


def _check_names(names: set[str]) -> None:
    bad = sorted(name for name in names if "/" in name or not name.isprintable() or not 1 <= len(name.strip()) <= 100)
    if bad:
        words = "cannot be names in a plan (1 to 100 characters without / and line breaks): rename them in the mapping"
        raise SimengineError(f"{', '.join(map(repr, bad))} {words} file, under `values`")


def _start(history: History) -> str:
    """The month after the as-of date."""
    following = history.last + pd.Timedelta(days=1)
    return month_label(following.year * MONTHS_PER_YEAR + following.month - 1 + (following.day > 1))


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _leaves(item)
    else:
        yield value


def _nested(also: Mapping[str, Any]) -> dict[str, Any]:
    """Keys like `seasonality.created` as mappings.

    >>> _nested({"overdispersion": "x1.5", "seasonality.created": [1, 2]})
    {'overdispersion': 'x1.5', 'seasonality': {'created': [1, 2]}}
    """
    nested: dict[str, Any] = {}
    for key, value in also.items():
        *holders, last = key.split(".")
        place = nested
        for holder in holders:
            place = place.setdefault(holder, {})
        place[last] = value
    return nested


# --- the market -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Market:
    """The funnel: its stages, cells with their entries, and rows of what is open."""

    stages: tuple[str, ...]
    cells: Mapping[Cell, dict[str, Any]]
    rows: tuple[dict[str, Any], ...]

    @property
    def entry(self) -> dict[str, Any]:
        channels: dict[str, dict[str, Any]] = {}
        for (channel, segment), cell in self.cells.items():
            channels.setdefault(channel, {"sold_by": "nobody", "segments": {}})["segments"][segment] = cell
        return {"stages": list(self.stages), "channels": channels, "opening_pipeline": {"rows": list(self.rows)}}


def _market(history: History, found: Fit, say: Say) -> _Market:
    estimates, deals = _by_name(found), as_deals(history)
    of_leads = deals is not history
    early = stages(history) if len(history.table("leads")) else [OPPORTUNITY]
    early = early[:-1] if of_leads else early
    known = sorted(
        {(str(c), str(s)) for c, s in deals.table("opportunities")[["channel", "segment"]].itertuples(index=False)}
    )
    rates = {cell: _rates(early, cell[0], history, estimates) for cell in known}
    closing = {
        cell: _of_leads(early[-1], stages(history)[-1], cell, estimates) if of_leads else _closing(cell, estimates)
        for cell in known
    }
    cells = {}
    missing: dict[str, list[str]] = {}
    for cell in known:
        volume = _first(estimates, assumption_name("volume", *cell), assumption_name("volume", cell[0]))
        steps, last = rates[cell], closing[cell]
        if not cell[0] or volume is None or steps is None or last is None:
            what = (
                "volume"
                if volume is None
                else "rates of its stages"
                if steps is None
                else "win rate"
                if of_leads
                else "win rate, cycle or size"
            )
            missing.setdefault(what, []).append(f"{cell[0] or 'no channel'} into {cell[1]}")
            continue
        growth = assumption_name("growth", *cell)
        grown = {"growth": growth} if growth in estimates else {}
        cells[cell] = {"volume": volume.name, **grown, **_nested(volume.also), **steps, **last}
    for what, names_of in missing.items():
        say(f"The plan leaves out what comes from {', '.join(names_of)}: no {what} can be told.")
    dead = any(assumption_name(DECIDED, segment) in estimates for _, segment in cells) and not of_leads
    if dead:
        for (_, segment), entry in cells.items():
            name = assumption_name(DECIDED, segment)
            entry["rates"].append(name if name in estimates else "100 %")
            if "stage_lags" in entry:
                entry["stage_lags"].append("0 months")
    names = (*early, DECIDED) if dead else (*early,)
    rows = [
        *_pipeline(deals, names[-1], cells, estimates, of_leads),
        *_early_rows(history, early, cells, estimates),
    ]
    return _Market(names, cells, tuple(rows))


def _rates(
    early: list[str], channel: str, history: History, estimates: Mapping[str, Estimate]
) -> dict[str, Any] | None:
    """Rates from stage to stage and the time they take; a channel without leads begins with opportunities."""
    steps = [f"{stage}_to_{following}" for stage, following in pairwise(early)]
    if not (history.table("leads")["channel"] == channel).any():
        return {"rates": ["100 %"] * len(steps)}
    names = [assumption_name(step, channel) for step in steps]
    if not all(name in estimates for name in names):
        return None
    lags = [assumption_name(f"{step}_months", channel) for step in steps]
    slow = any(lag in estimates for lag in lags)
    return {
        "rates": names,
        **({"stage_lags": [lag if lag in estimates else "0 months" for lag in lags]} if slow else {}),
    }


def _closing(cell: Cell, estimates: Mapping[str, Estimate]) -> dict[str, Any] | None:
    """Win rate, cycles and size of opportunities."""
    channel, segment = cell
    win_rate = _first(estimates, assumption_name("win_rate", segment, channel), assumption_name("win_rate", segment))
    cycle, size = (estimates.get(assumption_name(kind, segment)) for kind in ("cycle", "deal_size"))
    if win_rate is None or cycle is None or size is None:
        return None
    lost, spread = (estimates.get(assumption_name(kind, segment)) for kind in ("cycle_lost", "cycle_spread"))
    return {
        "win_rate": win_rate.name,
        "cycle": cycle.name,
        **({"cycle_lost": lost.name} if lost else {}),
        **({"cycle_spread": spread.name} if spread else {}),
        "deal_size": size.name,
        **_nested(size.also),
    }


def _of_leads(stage: str, last: str, cell: Cell, estimates: Mapping[str, Estimate]) -> dict[str, Any] | None:
    """The same of leads that are won without ever being an opportunity; their size is not told."""
    rate = estimates.get(assumption_name(f"{stage}_to_{last}", cell[0]))
    months = estimates.get(assumption_name(f"{stage}_to_{last}_months", cell[0]))
    if rate is None or months is None:
        return None
    return {"win_rate": rate.name, "cycle": months.name, "cycle_lost": NEVER, **months.also, "deal_size": 1}


def _first(estimates: Mapping[str, Estimate], *names: str) -> Estimate | None:
    return next((estimates[name] for name in names if name in estimates), None)


def _pipeline(
    deals: History,
    stage: str,
    cells: Mapping[Cell, dict[str, Any]],
    estimates: Mapping[str, Estimate],
    of_leads: bool,
) -> Iterator[dict[str, Any]]:
    """Open opportunities by age in half months, as many of each age as will ever be won or lost."""
    opportunities = deals.table("opportunities")
    open_ = opportunities[opportunities["outcome"] == OPEN]
    ages = _ages(open_["started"].fillna(open_["created"]), deals)
    for (channel, segment), entry in cells.items():
        inside = ((open_["channel"] == channel) & (open_["segment"] == segment)).to_numpy(bool)
        age, count = np.unique(np.minimum(ages[inside], OLDEST), return_counts=True)
        alive = np.ones_like(age) if of_leads else _still_alive(age, segment, entry, estimates)
        for months, number in zip(age.tolist(), _whole(count * alive), strict=True):
            if number:
                row = {"segment": segment, "channel": channel, "stage": stage, "age_months": months}
                yield {**row, "count": number}


def _early_rows(
    history: History, early: list[str], cells: Mapping[Cell, dict[str, Any]], estimates: Mapping[str, Estimate]
) -> Iterator[dict[str, Any]]:
    """Leads on their way, so many as must arrive now for as many to go on: S/(r S + 1 − r) of each age.

    Of those that go on with probability r, and later than their age with S, r S/(r S + 1 − r) are still to do so.
    """
    leads = history.table("leads")
    for stage, following in pairwise(early):
        arrived = leads[REACHED + stage] if REACHED + stage in leads else leads["created"]
        waits = arrived.notna() & leads[REACHED + following].isna()
        for channel, segment in cells:
            own = waits & (leads["channel"] == channel) & leads["segment"].isin([segment, ""])
            rate = estimates.get(assumption_name(f"{stage}_to_{following}", channel))
            months = estimates.get(assumption_name(f"{stage}_to_{following}_months", channel))
            if rate is None or months is None or not own.any():
                continue
            slower = survival(_ages(arrived[own], history), months.value, float(months.also["cycle_spread"]))
            alive = slower / (rate.value * slower + 1 - rate.value) @ leads["count"][own].to_numpy()
            if round(alive):
                row = {"segment": segment, "channel": channel, "stage": stage, "age_months": 0}
                yield {**row, "count": round(alive)}


def _ages(begun: pd.Series[Any], history: History) -> Array:
    """Months, in halves."""
    days = (history.last - begun).dt.days.to_numpy(np.float64)
    return np.asarray(np.round(2 * days / DAYS_PER_MONTH) / 2, np.float64)


def _whole(expected: NDArray[Any]) -> list[int]:
    """Rounded on their way up, so that the total is right.

    >>> _whole(np.array([0.4, 0.4, 0.4, 0.8]))
    [0, 1, 0, 1]
    """
    return [int(n) for n in np.diff(np.floor(np.cumsum(expected) + 0.5), prepend=0.0)]


def _still_alive(age: Array, segment: str, entry: Mapping[str, Any], estimates: Mapping[str, Estimate]) -> Array:
    """Probability that what is open at an age will ever be decided: d S(a)/(d S(a) + 1 − d), by Bayes' rule.

    d is the share of all that is ever decided; S(a) = w S_won(a) + (1 − w) S_lost(a) that of those still open at age a.
    """
    decided = estimates.get(assumption_name(DECIDED, segment))
    if decided is None or "cycle_spread" not in entry:
        return np.ones_like(age)
    win_rate, won, spread = (estimates[entry[key]].value for key in ("win_rate", "cycle", "cycle_spread"))
    lost = estimates[entry["cycle_lost"]].value if "cycle_lost" in entry else won
    open_ = win_rate * survival(age, won, spread) + (1 - win_rate) * survival(age, lost, spread)
    return np.asarray(decided.value * open_ / (decided.value * open_ + 1 - decided.value), np.float64)


# --- the base ---------------------------------------------------------------------------------------------------------


def _base(history: History, estimates: Mapping[str, Estimate], say: Say) -> Iterator[tuple[str, dict[str, Any]]]:
    """Customers in force, with when their terms end."""
    if not len(history.table("contracts")):
        return
    alive = in_force(history)
    for segment, rows in alive[alive["arr"] > 0].groupby("segment"):
        renewal = estimates.get(assumption_name("renewal", str(segment)))
        if renewal is None:
            say(f"The plan leaves out {len(rows):,} contracts of {segment}: no renewal can be told.")
            continue
        arr = rows.groupby("customer")["arr"].sum()
        spread = float(arr.std(ddof=1) / arr.mean()) if len(arr) > 1 else 0.0
        yield (
            str(segment),
            {
                "customers": len(arr),
                "arr": round(float(rows["arr"].sum())),
                "size_spread": told(spread, "fraction"),
                **_terms(rows, history),
                "renewal_rate": renewal.name,
                **_movements(str(segment), spread, estimates),
            },
        )


def _terms(rows: pd.DataFrame, history: History) -> dict[str, Any]:
    """Lengths of contract, and ARR by month in which a term ends; where most have no end, any month will do."""
    fixed = rows[rows["renews"].notna()]
    if len(fixed) <= len(rows) / 2:
        return {}
    shares = _lengths(fixed["months"])
    start = month_of(pd.Series([history.last + pd.Timedelta(days=1)])).item()
    longest = max(shares)
    month = (month_of(fixed["renews"]) - start).clip(0, longest - 1).to_numpy(np.int64)
    amounts = np.bincount(month, fixed["arr"].to_numpy(np.float64), longest)
    amounts *= float(rows["arr"].sum()) / amounts.sum()
    atr = {month_label(start + k): amount for k, amount in enumerate(_whole(amounts)) if amount}
    if len(shares) == 1:
        return {"atr": atr, "term_months": longest}
    return {"atr": atr, "terms": {length: f"{share:g} %" for length, share in shares.items()}}


def _lengths(months: pd.Series[float]) -> dict[int, float]:
    """Lengths of contract and their shares in whole per cent; a month more or less than years is no length of its own.

    >>> _lengths(pd.Series([12.0] * 60 + [11.0] * 10 + [36.0] * 29 + [7.0]))
    {12: 71.0, 36: 29.0}
    """
    years = 12 * (months / 12).round()
    lengths = months.where((months - years).abs() > 1, years).where(years > 0, months).clip(1, MOST_MONTHS)
    shares = lengths.astype("int64").value_counts(normalize=True).sort_index()
    shares = shares[shares >= min(RARE, float(shares.max()))]
    whole = _whole(100 * shares.to_numpy() / shares.sum())
    return {int(length): float(share) for length, share in zip(shares.index, whole, strict=True) if share}


def _movements(segment: str, spread: float, estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    """What else happens to customers, so far as it is told."""
    found: dict[str, Any] = {}
    kinds = ("dollar_renewal", "contraction", "price_increase", "expansion")
    dollars, contraction, price, expansion = (estimates.get(assumption_name(kind, segment)) for kind in kinds)
    if dollars is not None and spread > 0:
        found["dollar_renewal_rate"] = dollars.name
    if contraction is not None:
        found |= {"contraction": contraction.name, **_nested(contraction.also)}
    if price is not None:
        found["price_increase"] = price.name
    if expansion is not None:
        sizes = _nested(expansion.also)["expansion"]
        found["expansion"] = {"opportunities_per_customer": expansion.name, "win_rate": "100 %", **sizes}
    return found
