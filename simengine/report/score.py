"""How past forecasts did, in the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from rich.console import Group, RenderableType
from rich.table import Table

from simengine.report.tables import chance, heading, note, table
from simengine.report.words import MISSING, metric_name, number, percent

MOST_ROWS = 60
_GROUPS = {"metric": "By metric", "segment": "By segment", "period": "By quarter", "ahead": "By quarters ahead"}
_BELIEFS = {"owner": "By owner of the assumption", "source_kind": "By kind of source"}


def facts_of(ds: xr.Dataset) -> list[dict[str, Any]]:
    """A dataset along `forecast` as one mapping a row; what has a second dimension as a list."""
    rows = []
    for k in range(ds.sizes["forecast"]):
        one = ds.isel(forecast=k)
        rows.append({str(name): value.values.tolist() for name, value in {**one.data_vars, **one.coords}.items()})
    return rows


def calibration_facts(found: xr.Dataset) -> list[dict[str, Any]]:
    """Coverage and skill of each group."""
    return [
        {
            "group": found["group"].values[k].item(),
            "n": int(found["n"][k]),
            "coverage": {
                f"{level:g}": [float(found[key].sel(level=level)[k]) for key in ("coverage", "lower", "upper")]
                for level in found["level"].values
            },
            "skill": float(found["skill"][k]),
        }
        for k in range(found.sizes["group"])
    ]


LEVEL = "0.8"
"""Of the intervals whose coverage a page tells."""


def coverage_told(told: Mapping[str, Any]) -> list[str]:
    """How often intervals held what came, in sentences.

    Parameters
    ----------
    told : what `score --json` prints, which is told of the company, or `backtest --json`, of each metric

    Raises
    ------
    KeyError, TypeError, ValueError : it is neither
    """
    if "calibration" in told:
        rows = [row for row in told["calibration"].get("segment", ()) if row["group"] == ""]
        about = f"Past forecasts, until {told['until']}"
        names = ["of the company"] * len(rows)
        nothing = f"Past forecasts: no quarter of them had ended by {told['until']}."
    else:
        rows, about = told["coverage"], "Backtests"
        names = [f"of {metric_name(row['group'])}" for row in rows]
        nothing = "Backtests: none could be made of this history."
    shares = [dict(zip(("value", "lower", "upper"), row["coverage"][LEVEL], strict=True)) for row in rows]
    parts = [
        f"{chance(share)} of {row['n']:,} forecasts {name}"
        for share, row, name in zip(shares, rows, names, strict=True)
        if row["n"]
    ]
    if not parts:
        return [nothing]
    return [
        f"{about}: what came lay inside the 80% interval in {', in '.join(parts)}. Numbers of one quarter share its "
        "luck, so these intervals are rather too narrow."
    ]


def score_tables(
    scored: xr.Dataset,
    targets: xr.Dataset,
    calibrations: dict[str, xr.Dataset],
    beliefs: dict[str, xr.Dataset],
) -> RenderableType:
    """Each forecast of a company, targets, and coverage by group."""
    parts: list[RenderableType] = []
    if scored.sizes["forecast"]:
        parts += [heading("Forecasts and what came"), _forecasts(scored)]
    for name, found in calibrations.items():
        parts += [heading(_GROUPS[name]), _calibration(found)]
    if targets.sizes["forecast"]:
        parts += [heading("Targets"), _targets(targets)]
    for name, found in beliefs.items():
        parts += [heading(f"Assumptions: {_BELIEFS[name].lower()}"), _calibration(found)]
    if not parts:
        return note("No quarter of these runs has ended by the as-of date: there is nothing to score yet.")
    words = (
        "Place: share of the forecast below what came; skill: how much smaller the score (CRPS) is than the miss of "
        "the operating plan. Numbers of one quarter share its luck, so these intervals are rather too narrow."
    )
    return Group(*parts, note(f"\n{words}"))


def _forecasts(scored: xr.Dataset) -> Table:
    made = table("", "", "P10", "P50", "P90", "plan", "came", "place", texts=2)
    company = np.flatnonzero(scored["segment"].values == "")
    for k in company[:MOST_ROWS]:
        one = scored.isel(forecast=int(k))
        unit = str(one["unit"].item())
        written = [number(float(one[key]), unit) for key in ("p10", "p50", "p90", "plan", "actual")]
        made.add_row(
            metric_name(str(one["metric"].item())), str(one["period"].item()), *written, percent(float(one["pit"]), 0)
        )
    return made


def _calibration(found: xr.Dataset) -> Table:
    made = table("", "n", *(f"inside {level:.0%}" for level in found["level"].values), "skill")
    for row in calibration_facts(found):
        shares = [
            chance(dict(zip(("value", "lower", "upper"), bounds, strict=True))) for bounds in row["coverage"].values()
        ]
        skill = MISSING if not math.isfinite(row["skill"]) else percent(row["skill"], 0)
        made.add_row(str(row["group"]) or "the company", f"{row['n']:,}", *shares, skill)
    return made


def _targets(targets: xr.Dataset) -> Table:
    made = table("", "run", "probability", "reached", texts=2)
    for row in facts_of(targets):
        made.add_row(row["target"], row["run"], percent(row["p"]), "yes" if row["hit"] else "no")
    made.add_section()
    made.add_row("Brier score", "0 is perfect, 0.25 says nothing", f"{targets.attrs['brier']:.3f}", "")
    return made
