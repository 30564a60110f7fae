"""A first plan from history: what records tell of a company, laid out as a plan file that runs.

It holds what the records hold, and nothing more: nobody's capacity, no costs, no hires. So it says what comes if the
market goes on as it did, and it is the place where the operating plan is written in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simengine.baseline.laws import survival
from simengine.errors import SimengineError
from simengine.learn.estimate import Estimate
from simengine.learn.fit import Fit, entries_of, told
from simengine.learn.history import IN_FORCE, OPEN, History
from simengine.plan.edit import written
from simengine.units import MONTHS_PER_YEAR, month_label

Array = NDArray[np.float64]

FUNNEL = ("opportunity", "decided")
"""Stages of a funnel made of opportunities: all that are created, and those that are ever won or lost."""
DAYS_PER_MONTH = 365.25 / 12


def plan_text(history: History, found: Fit, *, name: str, currency: str, months: int = 12) -> str:
    """The text of a plan that starts after the as-of date, from what was fitted of its history.

    Parameters
    ----------
    history, found : the records, and what `fit` made of them
    name, currency : of the plan
    months : how long it runs

    Raises
    ------
    SimengineError
        when there is neither a market with volumes and win rates nor a base of contracts
    """
    estimates = {estimate.name: estimate for estimate in found.estimates}
    cells, base = dict(_cells(history, estimates)), dict(_base(history, estimates, months))
    if not cells and not base:
        raise SimengineError(
            "no plan can be made of this history: it needs opportunities with a channel, of which a volume, a win rate "
            "and a deal size can be told, or contracts"
        )
    segments = sorted({segment for _, segment in cells} | set(base))
    header = {
        "name": name,
        "currency": currency,
        "start": _start(history),
        "months": months,
        "as_of": str(history.as_of),
    }
    document: dict[str, Any] = {
        "plan": header,
        "segments": {segment: {} if segment in base else {"sells": "once"} for segment in segments},
        **entries_of(found, used={assumption for assumption in estimates if _is_used(assumption, cells, base)}),
    }
    if cells:
        document["funnel"] = {
            "stages": list(FUNNEL),
            "channels": {channel: _channel(channel, cells) for channel in sorted({channel for channel, _ in cells})},
            "opening_pipeline": {"rows": list(_pipeline(history, cells, estimates))},
        }
    if base:
        document["base"] = base
    head = (
        f"# What the records to {history.as_of} tell of the company, made by `simengine fit`.\n"
        "# No capacity, costs or hires: add them where the plan needs them.\n\n"
    )
    return head + "\n\n".join(written({key: value}) for key, value in document.items()) + "\n"


def _start(history: History) -> str:
    """The month after the as-of date."""
    following = history.last + pd.Timedelta(days=1)
    return month_label(following.year * MONTHS_PER_YEAR + following.month - 1 + (following.day > 1))


def _is_used(name: str, cells: Mapping[tuple[str, str], dict[str, Any]], base: Mapping[str, dict[str, Any]]) -> bool:
    values = [value for entry in (*cells.values(), *base.values()) for value in _leaves(entry)]
    return name in values


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _cells(history: History, estimates: Mapping[str, Estimate]) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Channel and segment of which enough is known, with their entry in the funnel."""
    deals = history.table("opportunities")
    for channel, segment in sorted({(str(c), str(s)) for c, s in zip(deals["channel"], deals["segment"], strict=True)}):
        volume = estimates.get(f"volume.{channel}.{segment}")
        win_rate = _first(estimates, f"win_rate.{segment}.{channel}", f"win_rate.{segment}")
        cycle, size = estimates.get(f"cycle.{segment}"), estimates.get(f"deal_size.{segment}")
        if not channel or volume is None or win_rate is None or cycle is None or size is None:
            continue
        decided, lost = estimates.get(f"decided.{segment}"), estimates.get(f"cycle_lost.{segment}")
        spread = estimates.get(f"cycle_spread.{segment}")
        yield (
            (channel, segment),
            {
                "volume": volume.name,
                **_nested(volume.also),
                "rates": [decided.name if decided else "100 %"],
                "win_rate": win_rate.name,
                "cycle": cycle.name,
                **({"cycle_lost": lost.name} if lost else {}),
                **({"cycle_spread": told(spread.value, "fraction")} if spread else {}),
                "deal_size": size.name,
                **_nested(size.also),
            },
        )


def _first(estimates: Mapping[str, Estimate], *names: str) -> Estimate | None:
    return next((estimates[name] for name in names if name in estimates), None)


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


def _channel(channel: str, cells: Mapping[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    return {"sold_by": "nobody", "segments": {segment: entry for (c, segment), entry in cells.items() if c == channel}}


def _pipeline(
    history: History, cells: Mapping[tuple[str, str], dict[str, Any]], estimates: Mapping[str, Estimate]
) -> Iterator[dict[str, Any]]:
    """Open opportunities by age in half months, as many of each age as will ever be won or lost."""
    deals = history.table("opportunities")
    open_ = deals[deals["outcome"] == OPEN]
    begun = open_["started"].fillna(open_["created"])
    ages = np.round(2 * (history.last - begun).dt.days.to_numpy(np.float64) / DAYS_PER_MONTH) / 2
    for (channel, segment), entry in cells.items():
        inside = ((open_["channel"] == channel) & (open_["segment"] == segment)).to_numpy(bool)
        age, count = np.unique(ages[inside], return_counts=True)
        expected = count * _still_alive(age, segment, estimates[entry["win_rate"]].value, estimates)
        # Rounded on their way up, so that the total is right.
        alive = np.diff(np.floor(np.cumsum(expected) + 0.5), prepend=0.0)
        for months, number in zip(age.tolist(), alive.astype(int).tolist(), strict=True):
            if number:
                row = {"segment": segment, "channel": channel, "stage": FUNNEL[-1], "age_months": months}
                yield {**row, "count": number}


def _still_alive(age: Array, segment: str, win_rate: float, estimates: Mapping[str, Estimate]) -> Array:
    """Probability that what is open at an age will ever be decided: d S(a)/(d S(a) + 1 − d), by Bayes' rule.

    d is the share of all that is ever decided; S(a) = w S_won(a) + (1 − w) S_lost(a) that of those still open at age a.
    """
    decided = estimates.get(f"decided.{segment}")
    if decided is None:
        return np.ones_like(age)
    won, spread = estimates[f"cycle.{segment}"].value, estimates[f"cycle_spread.{segment}"].value
    lost = estimates[f"cycle_lost.{segment}"].value if f"cycle_lost.{segment}" in estimates else won
    open_ = win_rate * survival(age, won, spread) + (1 - win_rate) * survival(age, lost, spread)
    return decided.value * open_ / (decided.value * open_ + 1 - decided.value)


def _base(history: History, estimates: Mapping[str, Estimate], months: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Customers in force, with when their terms end."""
    contracts = history.table("contracts")
    alive = contracts[contracts["outcome"] == IN_FORCE]
    for segment, rows in alive.groupby("segment"):
        renewal = estimates.get(f"renewal.{segment}")
        arr = rows["arr"]
        if renewal is None or not arr.sum() > 0:
            continue
        spread = float(arr.std(ddof=1) / arr.mean()) if len(arr) > 1 else 0.0
        optional = {
            "dollar_renewal_rate": f"dollar_renewal.{segment}",
            "contraction": f"contraction.{segment}",
            "price_increase": f"price_increase.{segment}",
        }
        chosen = {key: name for key, name in optional.items() if name in estimates and spread > 0}
        yield (
            str(segment),
            {
                "customers": int(rows["customer"].nunique()),
                "arr": round(float(arr.sum())),
                "size_spread": told(spread, "fraction"),
                "renewal_rate": renewal.name,
                **chosen,
            },
        )
