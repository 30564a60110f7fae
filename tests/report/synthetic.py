"""A Dataset as `simulate` returns it, made of a few lines of arithmetic, so that reports are tested without a run."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from simengine.results.composition import PARTS
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
    criterion: bool = False


BOARD = Goal("board ARR", at_least=108e6, confidence=0.5)
NRR = Goal("NRR", "nrr", at_least=1.0)

Row = tuple[float, float, float, str, str, str, str]
"""Plan value, spread, effect on new ARR, unit, source, owner, adverse side."""

ASSUMPTIONS: dict[str, Row] = {
    "attrition.ae": (0.28, 0.20, -0.15, "fraction per year", "benchmark", "HR", "high"),
    "deal_size.enterprise-na": (88_000.0, 0.10, 0.25, "currency", "historical", "RevOps", "low"),
    "open_opportunities.ae-enterprise": (18.0, 0.10, 0.35, "count", "judgment", "CRO", "both"),
    "slip_months.ae": (1.0, 0.50, 0.00, "months", "judgment", "", "high"),
    "volume.inbound.enterprise-emea": (900.0, 0.12, 0.30, "count per month", "historical", "CMO", "low"),
    "win_rate.enterprise-na": (0.25, 0.15, 0.55, "fraction", "historical", "RevOps", "low"),
}
EVENTS: dict[str, tuple[str, Row]] = {
    "onboarding programme": ("initiative", (18.0, 0.0, 0.0, "months", "judgment", "Sales enablement", "low")),
    "rival cuts prices": ("risk", (0.0, 0.0, 0.0, "months", "judgment", "CRO", "high")),
    "second alliance": ("initiative", (0.0, 0.0, 1.5, "months", "judgment", "VP Partners", "low")),
}
SHOCKS: dict[str, Row] = {
    "demand climate": (0.0, 0.0, 0.0, "standard deviations", "historical", "CMO", "both"),
}
NEW = {"new_from_pipeline": 0.35, "new_from_existing": 0.45, "new_from_hires": 0.15, "new_without_seller": 0.05}
"""New ARR by certainty, in shares."""
UNDER_CONTRACT = 0.15
"""Share of the ARR of the beginning of a year."""
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
    cash: float = 42e6,
    burn: float = 0.4e6,
    happenings: bool = False,
) -> xr.Dataset:
    """A company whose new ARR depends on six assumptions, one of them without effect.

    `new` is its new ARR (or one-off bookings) a month, `loss` scales churn and contraction, `cash` is what it has at
    the start and `burn` what it loses a month. With `happenings` there are three events and a shock; the second
    alliance adds to new ARR where it happens, and the last goal tells of its success.
    """
    rng = np.random.default_rng(11)
    rows = dict(ASSUMPTIONS)
    z = rng.standard_normal((draws, len(rows)))
    if happenings:
        rows |= {name: row for name, (_, row) in EVENTS.items()} | SHOCKS
        happens = rng.uniform(size=(draws, 2)) < [0.3, 0.45]
        in_force = happens * (months - rng.integers(2, 10, (draws, 2)))
        z = np.column_stack((z, np.ones(draws), happens, 0.6 * rng.standard_normal(draws)))
    names, table = list(rows), list(zip(*rows.values(), strict=True))
    planned, spread, effect = map(np.array, table[:3])
    drawn = 0.97 * planned * (1 + spread * z)
    if happenings:
        drawn[:, -4:] = np.column_stack((np.full(draws, 18.0), in_force, z[:, -1]))
    happening = EVENTS if happenings else {}
    lengths = {"draw": draws, "twin": draws // 4, "case": 3, "draw_unwidened": draws // 4}
    suffixes = {"draw": "", "twin": "_twin", "case": "_baseline"}
    opening = 0.0 if sells_once else opening
    years = months // 12 if start.endswith("-01") else 0

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
        out |= {name: share * out["new_arr"] for name, share in NEW.items()}
        out["net_burn"] = amount(burn)
        out["cash"] = cash - np.cumsum(out["net_burn"], axis=1)
        out |= {"won": amount(25.0), "lost": amount(75.0), "pipeline": amount(9 * new), "quota": amount(1.9 * new)}
        out |= {"credited": sold, "rated": zero + 60, "rated_at_quota": 60 * rng.uniform(0, 0.3, shape).round(2)}
        out |= {"rated_near_quota": zero + 6, "rated_below_half": zero + 24}
        out["sm_spend"] = amount(2.8e6)
        out["revenue"] = out["ending_arr"] / 12 + out["one_off_bookings"]
        out |= {"customers": zero + 1000, "new_customers": zero + 30, "churned_customers": zero + 10}
        begun = np.concatenate((np.full((shape[0], 12), opening), out["ending_arr"]), axis=1)[:, :months]
        out |= {"nrr_arr": begun * amount(1.0), "grr_arr": begun * amount(0.9), "gross_margin": zero + 0.78}
        return out

    variables: dict[str, Any] = {}
    for dim, suffix in suffixes.items():
        latent = np.zeros((3, len(names))) if dim == "case" else z[: lengths[dim]]
        series = paths(latent, 0.0 if dim == "case" else 0.5)
        for name, values in series.items():
            variables[name + suffix] = ((dim, "month"), values)
        variables["composition" + suffix] = ((dim, "year", "part"), composition(series, opening, years))
        variables["opening_cash" + suffix] = (dim, np.full(len(latent), cash))
        variables["opening_pipeline" + suffix] = (dim, np.full(len(latent), 9 * new))
    variables["assumption_value"] = (("draw", "assumption"), drawn)
    for name in ("won", "lost", "new_arr", "one_off_bookings", "pipeline"):
        variables[f"{name}_by_segment"] = (("month", "segment"), variables[name][1].mean(axis=0)[:, None])
    variables["opening_pipeline_by_segment"] = ("segment", [9 * new])
    attrs = {"units": currency, "long_name": ""}
    costs = np.tile([20e3, 0.0, 15e3] if happenings else [], (months, 1))
    variables["event_cost"] = (("month", "event"), costs, attrs)
    for name in ("people_cost", "recruiting_cost", "commission"):
        variables[f"{name}_by_team"] = (("month", "team"), np.zeros((months, 1)), attrs)
    variables["programme_spend_by_channel"] = (("month", "channel"), np.zeros((months, 1)), attrs)
    known_from = np.arange(months) >= 11
    variables |= dict.fromkeys(stored("history"), ("month", np.where(known_from, 1.0, np.nan)))
    variables["opening_arr"] = ("segment", [opening])
    variables["opening_customers"] = ("segment", [1000.0])
    coords: dict[str, Any] = {dim: np.arange(length) for dim, length in lengths.items() if dim != "case"}
    coords |= {
        "case": ["operating plan", "medians", "means"],
        "month": [month_label(month_number(start) + t) for t in range(months)],
        "segment": ["all"],
        "team": [""],
        "channel": ["inbound"],
        "year": np.array([f"FY{2027 + year}" for year in range(years)], dtype=str),
        "part": list(PARTS),
        "event": np.array(list(happening), dtype=str),
        "kind": ("event", np.array([kind for kind, _ in happening.values()], dtype=str)),
        "event_owner": ("event", np.array([row[5] for _, row in happening.values()], dtype=str)),
        "success": ("event", np.array(["", "", goals[-1].name] if happenings else [], dtype=str)),
        "assumption": names,
        "plan_value": ("assumption", planned),
        "target": np.array([goal.name for goal in goals], dtype=str),
        "where": ("target", np.array(["" for _ in goals], dtype=str)),
        "criterion": ("target", np.array([goal.criterion for goal in goals], dtype=bool)),
    }
    for label, texts in zip(("unit", "source_kind", "owner", "adverse"), table[3:], strict=True):
        coords[label] = ("assumption", list(texts))
    counted = np.where(np.array(table[4]) == "historical", 500.0, np.nan)
    coords |= {"observations": ("assumption", counted), "grade": ("assumption", np.full(len(names), ""))}
    coords["source_as_of"] = "assumption", np.full(len(names), "2026-10-01")
    for label in ("metric", "period"):
        coords[label] = ("target", np.array([getattr(goal, label) for goal in goals], dtype=str))
    for label in ("at_least", "at_most", "confidence"):
        coords[label] = ("target", np.array([getattr(goal, label) for goal in goals], dtype=float))
    of_run = {
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
    ds = xr.Dataset(variables, coords, of_run)
    for dim, suffix in suffixes.items():
        columns = [period_values(ds, goal.metric, goal.period, suffix).values for goal in goals]  # type: ignore[arg-type]
        ds["target_value" + suffix] = (dim, "target"), np.array([*columns, np.zeros(lengths[dim])])[:-1].T
    ds["target_value_unwidened"] = ("draw_unwidened", "target"), ds["target_value"].values[: lengths["draw_unwidened"]]
    return ds


def composition(series: dict[str, np.ndarray], opening: float, years: int) -> np.ndarray:
    """Ending ARR by part, (path, year, part), as `results.composition` has it."""
    out = np.zeros((len(series["ending_arr"]), years, len(PARTS)))
    for year in range(years):
        window = slice(12 * year, 12 * year + 12)
        before = series["ending_arr"][:, 12 * year - 1] if year else np.full(len(out), opening)
        flows = {name: series[name][:, window].sum(axis=1) for name in (*NEW, *GAINING, *LOSING)}
        contract = UNDER_CONTRACT * before
        kept = before - contract + flows["price_arr"] - flows["contraction_arr"] - flows["churned_arr"]
        out[:, year] = np.column_stack((contract, kept, *(flows[name] for name in NEW), flows["expansion_arr"]))
    return out
