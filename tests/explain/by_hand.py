"""A run made by hand: a company whose ARR is a known function of known inputs."""

import numpy as np
import xarray as xr

MONTHS = 24


def made(
    x: np.ndarray, y: np.ndarray, twin: np.ndarray, *, at_least: float = 0.0, plan_value: float = 0.0
) -> xr.Dataset:
    """A run whose ARR at the end of 2027 is y, (n,), where assumptions are x, (n, k)."""
    (n, k), m = x.shape, len(twin)
    months = [f"{2027 + t // 12}-{t % 12 + 1:02d}" for t in range(MONTHS)]
    in_2027 = np.arange(1, MONTHS + 1) / 12
    names = [f"input.{i}" for i in range(k)]
    data = {
        "ending_arr": (("draw", "month"), np.outer(y, in_2027)),
        "new_arr": (("draw", "month"), np.repeat(y[:, None], MONTHS, axis=1)),
        "sm_spend": (("draw", "month"), np.ones((n, MONTHS))),
        "gross_margin": (("draw", "month"), np.full((n, MONTHS), 0.8)),
        "assumption_value": (("draw", "assumption"), x),
        "target_value": (("draw", "target"), np.stack([y, y - 1], axis=1)),
        "opening_arr": ("segment", [0.0]),
        "opening_customers": ("segment", [0.0]),
    }
    coords = {
        "month": months,
        "assumption": names,
        "plan_value": ("assumption", np.full(k, plan_value)),
        "unit": ("assumption", ["fraction"] * k),
        "adverse": ("assumption", (["low", "high", "both"] * k)[:k]),
        "target": ["board ARR", "EMEA"],
        "metric": ("target", ["ending_arr", "ending_arr"]),
        "period": ("target", ["FY2027", "FY2027"]),
        "where": ("target", ["", "geo=EMEA"]),
        "at_least": ("target", [at_least, at_least]),
        "at_most": ("target", [np.nan, np.nan]),
        "confidence": ("target", [np.nan, np.nan]),
        "criterion": ("target", [False, False]),
    }
    if m:
        data["ending_arr_twin"] = (("twin", "month"), np.outer(twin, in_2027))
        data["new_arr_twin"] = (("twin", "month"), np.repeat(twin[:, None], MONTHS, axis=1))
        data["sm_spend_twin"] = (("twin", "month"), np.ones((m, MONTHS)))
        data["gross_margin_twin"] = (("twin", "month"), np.full((m, MONTHS), 0.8))
        data["target_value_twin"] = (("twin", "target"), np.stack([twin, twin - 1], axis=1))
    attrs = {"plan": "By hand", "currency": "USD", "start": "2027-01", "fiscal_year_start": 1}
    return xr.Dataset(data, coords, attrs)
