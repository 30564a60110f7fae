"""A Dataset as `simulate` returns it, made of a few lines of arithmetic, so that reports are tested without a run."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from simengine.results.outputs import stored
from simengine.results.targets import period_values
from simengine.units import month_label, month_number


class Goal(NamedTuple):
    name: str
    metric: str = "ending_arr"
    period: str = "FY2027"
    at_least: float = np.nan
    at_most: float = np.nan
    confidence: float = np.nan


BOARD = Goal("board ARR", at_least=108e6, confidence=0.5)
NRR = Goal("NRR", "nrr", at_least=1.0)

ASSUMPTIONS: dict[str, tuple[float, float, float, str, str, str, str]] = {
    # name: (plan value, spread, effect on new ARR, unit, source, owner, adverse side)
    "attrition.ae": (0.28, 0.20, -0.15, "fraction per year", "benchmark", "HR", "high"),
    "deal_size.enterprise-na": (88_000.0, 0.10, 0.25, "currency", "historical", "RevOps", "low"),
    "open_opportunities.ae-enterprise": (18.0, 0.10, 0.35, "count", "judgment", "CRO", "both"),
    "slip_months.ae": (1.0, 0.50, 0.00, "months", "judgment", "", "high"),
    "volume.inbound.enterprise-emea": (900.0, 0.12, 0.30, "count per month", "historical", "CMO", "low"),
    "win_rate.enterprise-na": (0.25, 0.15, 0.55, "fraction", "historical", "RevOps", "low"),
}
LOSING = {"contraction_arr": 0.17e6, "churned_arr": 0.75e6}
GAINING = {"expansion_arr": 0.50e6, "price_arr": 0.19e6}


def dataset(
    *goals: Goal,
    draws: int = 800,
    months: int = 24,
    start: str = "2027-01",
    opening: float = 85e6,
    new: float = 2.1e6,
    loss: float = 1.0,
    sells_once: bool = False,
    currency: str = "USD",
) -> xr.Dataset:
    """A company whose new ARR depends on six assumptions, one of them without effect.

    `new` is its new ARR (or one-off bookings) a month, `loss` scales churn and contraction.
    """
    rng = np.random.default_rng(11)
    names = list(ASSUMPTIONS)
    effect = np.array([row[2] for row in ASSUMPTIONS.values()])
    planned, spread = (np.array([row[i] for row in ASSUMPTIONS.values()]) for i in (0, 1))
    z = rng.standard_normal((draws, len(names)))
    lengths = {"draw": draws, "twin": draws // 4, "case": 3, "draw_unwidened": draws // 4}
    suffixes = {"draw": "", "twin": "_twin", "case": "_baseline"}
    opening = 0.0 if sells_once else opening

    def paths(latent: np.ndarray, noise: float) -> dict[str, np.ndarray]:
        shape = (len(latent), months)

        def amount(monthly: float) -> np.ndarray:
            return monthly * (1 + noise * rng.uniform(-1, 1, shape))

        zero = np.zeros(shape)
        out = dict.fromkeys(stored("company"), zero)
        out |= {name: zero if sells_once else amount(x) for name, x in GAINING.items()}
        out |= {name: zero if sells_once else amount(loss * x) for name, x in LOSING.items()}
        sold = amount(new) * np.exp(0.25 * latent @ effect)[:, None]
        out |= {"one_off_bookings" if sells_once else "new_arr": sold, "bookings": sold}
        gained = out["new_arr"] + out["expansion_arr"] + out["price_arr"]
        out["net_new_arr"] = gained - out["contraction_arr"] - out["churned_arr"]
        out["ending_arr"] = opening + np.cumsum(out["net_new_arr"], axis=1)
        out["sm_spend"] = amount(2.8e6)
        out["revenue"] = out["ending_arr"] / 12 + out["one_off_bookings"]
        out |= {"customers": zero + 1000, "new_customers": zero + 30, "churned_customers": zero + 10}
        begun = np.concatenate((np.full((shape[0], 12), opening), out["ending_arr"]), axis=1)[:, :months]
        out |= {"nrr_arr": begun * amount(1.0), "grr_arr": begun * amount(0.9)}
        return out

    variables: dict[str, Any] = {}
    for dim, suffix in suffixes.items():
        length = lengths[dim]
        latent = np.zeros((3, len(names))) if dim == "case" else z[:length]
        for name, values in paths(latent, 0.0 if dim == "case" else 0.5).items():
            variables[name + suffix] = ((dim, "month"), values)
        variables["gross_margin" + suffix] = (dim, np.full(length, 0.78))
    variables["assumption_value"] = (("draw", "assumption"), 0.97 * planned * (1 + spread * z))
    variables["opening_arr"] = ("segment", [opening])
    variables["opening_customers"] = ("segment", [1000.0])
    coords: dict[str, Any] = {dim: np.arange(length) for dim, length in lengths.items() if dim != "case"}
    coords |= {
        "case": ["operating plan", "medians", "means"],
        "month": [month_label(month_number(start) + t) for t in range(months)],
        "segment": ["all"],
        "assumption": names,
        "plan_value": ("assumption", planned),
        "target": np.array([goal.name for goal in goals], dtype=str),
        "where": ("target", np.array(["" for _ in goals], dtype=str)),
    }
    for i, label in enumerate(("unit", "source_kind", "owner", "adverse"), start=3):
        coords[label] = ("assumption", [row[i] for row in ASSUMPTIONS.values()])
    for label in ("metric", "period"):
        coords[label] = ("target", np.array([getattr(goal, label) for goal in goals], dtype=str))
    for label in ("at_least", "at_most", "confidence"):
        coords[label] = ("target", np.array([getattr(goal, label) for goal in goals], dtype=float))
    attrs = {
        "plan": "Northstar FY2027",
        "plan_version": "v3",
        "as_of": "2026-12-31",
        "currency": currency,
        "start": start,
        "fiscal_year_start": 1,
        "draws": draws,
        "twins": lengths["twin"],
        "detail": "headline",
        "source_policy": "historical: drift 10 % a year; benchmark: x1.5 as wide; judgment: x1.25 as wide",
        "seed": "7",
        "digest_simulated": "ab" * 32,
        "digest_document": "cd" * 32,
        "engine_version": "0.1.0",
    }
    ds = xr.Dataset(variables, coords, attrs)
    for dim, suffix in suffixes.items():
        columns = [period_values(ds, goal.metric, goal.period, suffix).values for goal in goals]  # type: ignore[arg-type]
        ds["target_value" + suffix] = (dim, "target"), np.array([*columns, np.zeros(lengths[dim])])[:-1].T
    ds["target_value_unwidened"] = ("draw_unwidened", "target"), ds["target_value"].values[: lengths["draw_unwidened"]]
    return ds
