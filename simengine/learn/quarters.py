"""Rates by calendar quarter, for what moves together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simengine.learn.history import CHURNED, LOST, RENEWED, WON, History

Array = NDArray[np.float64]


def rates_by_quarter(history: History) -> dict[str, Array]:
    """What a company would chart: rates of the whole quarters that the records cover, named as assumptions are.

    Returns
    -------
    dict
        name -> (quarters,), all of the same quarters; NaN where nothing happened
    """
    series = dict(_series(history))
    if not series:
        return {}
    first = min(each.index.min() for each in series.values())
    last = history.last.to_period("Q")
    whole = last if history.last == last.end_time.normalize() else last - 1
    quarters = pd.period_range(first + 1, whole, freq="Q")  # the first one may have begun before the records
    return {name: each.reindex(quarters).to_numpy(np.float64) for name, each in series.items()}


def _series(history: History) -> Iterator[tuple[str, pd.Series[Any]]]:
    leads = history.table("leads")
    source = leads if len(leads) else history.table("opportunities").assign(count=1.0)
    for cell, rows in source.groupby(source["channel"] + "." + source["segment"]):
        yield f"volume.{str(cell).rstrip('.')}", rows["count"].groupby(_quarter(rows["created"])).sum()
    deals = history.table("opportunities")
    decided = deals[deals["outcome"].isin((WON, LOST)) & deals["closed"].notna()]
    for segment, rows in decided.groupby("segment"):
        yield f"win_rate.{segment!s}", (rows["outcome"] == WON).astype(float).groupby(_quarter(rows["closed"])).mean()
        won = rows[(rows["outcome"] == WON) & rows["amount"].notna()]
        if len(won):
            yield f"deal_size.{segment!s}", won["amount"].groupby(_quarter(won["closed"])).mean()
    contracts = history.table("contracts")
    judged = contracts[contracts["outcome"].isin((RENEWED, CHURNED)) & contracts["renews"].notna()]
    for segment, rows in judged.groupby("segment"):
        renewed = (rows["outcome"] == RENEWED).astype(float)
        yield f"renewal.{segment!s}", renewed.groupby(_quarter(rows["renews"])).mean()


def _quarter(days: pd.Series[Any]) -> Any:
    return days.dt.to_period("Q")
