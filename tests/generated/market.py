"""`funnel:` of a generated plan."""

from __future__ import annotations

from typing import Any

from tests.generated.draft import CHANNELS, Draft


def funnel(draft: Draft, team: dict[str, Any]) -> dict[str, Any]:
    """Stages, channels, and what is open at the start."""
    channels: dict[str, Any] = {}
    for name in draft.rng.sample(CHANNELS, draft.rng.randint(1, 4)):
        reached = [segment for segment in draft.segments if not channels or draft.sometimes(0.6)]
        if reached:
            channels[name] = channel(draft, name, reached, has_sdr="sdr" in team["roles"])
    body: dict[str, Any] = {"stages": list(draft.stages), "channels": channels}
    if "stale" in draft.on:
        sudden = draft.rng.choice(("0 % per month", "100 % per month"))
        body["stale"] = draft.number("stale") if draft.sometimes(0.7) else sudden
    if "opening pipeline" in draft.on:
        body["opening_pipeline"] = {"rows": rows(draft, channels, team)}
    return body


def channel(draft: Draft, name: str, reached: list[str], *, has_sdr: bool) -> dict[str, Any]:
    """A channel into some segments."""
    body: dict[str, Any] = {}
    if name == "self-service":
        body["sold_by"] = "nobody"
    if draft.sometimes():
        body["spend"] = draft.number("spend")
    if has_sdr and draft.has("qualification"):
        body["qualified_by"] = {"role": "sdr", "hours": draft.number("hours each")}
    way = "volume"
    if "sold_by" not in body and draft.has("self-sourced", 0.4):
        way = "from_sellers"
    elif has_sdr and draft.has("hours", 0.5):
        way = "from_hours"
    elif "spend" in body and draft.has("response"):
        body["response"] = {"at_spend": draft.number("spend"), "half_saturation": draft.number("multiple")}
    body["segments"] = {segment: demand(draft, way) for segment in reached}
    return body


def demand(draft: Draft, way: str) -> dict[str, Any]:
    """What a channel brings into a segment."""
    body: dict[str, Any] = {
        **arrivals(draft, way),
        "win_rate": draft.number("win rate"),
        "cycle": draft.number("cycle") if draft.sometimes(0.9) else "0 months",
        "deal_size": draft.number("money"),
    }
    if draft.has("growth"):
        body["growth"] = draft.number("growth") if draft.sometimes(0.7) else "-25 % per year"
    seasons = {}
    if draft.has("seasons"):
        seasons["created"] = [*(draft.rng.choice((0, 0.5, 0.8, 1, 1.3, 2)) for _ in range(11)), 1.1]
    if draft.has("closing seasons"):
        seasons["closed"] = draft.rng.choice(([1, 0.7, 1.9] * 4, [0, 1.1, 2.3] * 4, [1.2] * 11 + [0]))
    if seasons:
        body["seasonality"] = seasons
    if draft.has("overdispersion"):
        body["overdispersion"] = draft.number("overdispersion")
    if draft.has("stage lags") and len(draft.stages) > 1:
        body["stage_lags"] = [draft.number("lag") for _ in draft.stages[1:]]
    if draft.sometimes(0.4):
        body["cycle_lost"] = draft.number("cycle")
    if draft.has("cycle spread"):
        body["cycle_spread"] = draft.number("spread")
    if draft.has("size spread"):
        body["deal_size_spread"] = draft.number("spread")
    if draft.has("outliers"):
        body["outliers"] = {"share": draft.number("share"), "times": draft.number("times")}
    if draft.has("deal bands"):
        body["deal_bands"] = bands(draft)
    return body


def arrivals(draft: Draft, way: str) -> dict[str, Any]:
    """A handful of opportunities a month: out of as many leads, or out of hundreds."""
    steps = len(draft.stages) - 1
    rates = [draft.number("rate") for _ in range(steps)]
    if way == "from_sellers":
        return {way: draft.number("self-sourced"), "rates": rates}
    if way == "from_hours":
        drawing = {"role": "sdr", "per_hour": draft.number("per hour")}
        return {way: drawing | ({"weight": draft.number("multiple")} if draft.sometimes() else {}), "rates": rates}
    if draft.sometimes(0.1):
        return {"volume": "0 per month", "rates": rates}
    if steps and draft.sometimes(0.2):
        volume = draft.written(draft.amount(60, 400), "count per month", "count per quarter")
        few = draft.written(draft.amount(0.005, 0.03), "fraction", "fraction")
        return {"volume": volume, "rates": [few, *rates[1:]]}
    return {"volume": draft.number("leads"), "rates": rates}


def bands(draft: Draft) -> list[dict[str, Any]]:
    """Larger deals are won at other rates and take longer."""
    sizes = sorted(draft.amount(5_000, 90_000) for _ in range(draft.rng.randint(1, 3)))
    result = []
    for size in sizes:
        band: dict[str, Any] = {"above": size}
        if draft.sometimes(0.8):
            band["win_rate"] = draft.number("multiple")
        if draft.sometimes(0.6):
            band["cycle"] = draft.number("multiple")
        result.append(band)
    return result


def rows(draft: Draft, channels: dict[str, Any], team: dict[str, Any]) -> list[dict[str, Any]]:
    """What is open at the start."""
    cells = [(channel, segment) for channel, body in channels.items() for segment in body["segments"]]
    working = [group for group in team["seats"] if "capacity" in team["roles"][group["role"]] and "existing" in group]
    result = []
    for _ in range(draft.rng.randint(1, 7)):
        channel, segment = draft.rng.choice(cells)
        row: dict[str, Any] = {
            "segment": segment,
            "channel": channel,
            "stage": draft.rng.choice((*draft.stages, draft.stages[-1])),
            "age_months": draft.rng.choice((0, 1, 1.5, draft.amount(0, 3), draft.amount(0, 12))),
            "count": draft.rng.randint(0, 6),
        }
        if row["count"] and draft.sometimes():
            row["value"] = draft.rng.randint(5, 90) * 1_000
        owners = [group["name"] for group in working if group["segment"] == segment]
        worked = row["stage"] == draft.stages[-1] and "sold_by" not in channels[channel]
        if worked and owners and draft.has("owned rows"):
            row["owner"] = draft.rng.choice(owners)
        elif worked and draft.lining_up.random() < 0.5:
            row["waiting"] = True
        result.append(row)
    return result
