"""A generated plan as a whole: its sections in one document, and what is uncertain in them."""

from __future__ import annotations

from typing import Any

from simengine.units import month_label
from tests.generated.customers import base
from tests.generated.draft import SEGMENTS, Draft
from tests.generated.market import funnel
from tests.generated.people import team

RATES = {"USD": 0.93, "GBP": 1.17}


def document(draft: Draft) -> dict[str, Any]:
    """The plan as its YAML file says it."""
    currencies = {name: draft.rng.choice(sorted(RATES)) for name in draft.segments if draft.has("currencies", 0.6)}
    people = team(draft)
    market = funnel(draft, people)
    bases = {name: base(draft, name, people) for name in draft.segments if name not in draft.once}
    economy = economics(draft)
    draft.forget_unused([people, market, bases, economy])
    changing = [*draft.assumptions, *volumes(market)]
    happening, levels = events(draft, changing), shocks(draft, changing)
    return {
        "plan": header(draft, currencies),
        "targets": targets(draft, bases),
        "segments": {
            name: {
                **SEGMENTS[name],
                "sells": "once" if name in draft.once else "subscription",
                **({"currency": currencies[name]} if name in currencies else {}),
            }
            for name in draft.segments
        },
        "assumptions": draft.assumptions,
        **dependence(draft, happening),
        "team": people,
        "funnel": market,
        "base": bases,
        "economics": economy,
        "events": happening,
        "shocks": levels,
    }


def header(draft: Draft, currencies: dict[str, str]) -> dict[str, Any]:
    """What the plan is called, and its calendar."""
    body: dict[str, Any] = {
        "name": f"Generated {draft.i}",
        "currency": "EUR",
        "start": month_label(draft.start),
        "months": draft.months,
        "fiscal_year_start": draft.rng.choice((1, 1, 2, 4, 7, 10)),
    }
    if "growth" in draft.on and draft.later.random() < 0.5:
        body["growth_from"] = month_label(draft.start - draft.later.randint(0, 14))
    return body | ({"rates": {name: RATES[name] for name in sorted(set(currencies.values()))}} if currencies else {})


def economics(draft: Draft) -> dict[str, Any]:
    """Margins, given costs, billing and cash."""
    billing = ("annual upfront", "semiannual upfront", "quarterly upfront", "monthly")
    body: dict[str, Any] = {
        "gross_margin": "78 %",
        "csm_in": draft.rng.choice(("cogs", "sales and marketing")),
        "billing": draft.rng.choice(billing),
        "dso_days": draft.rng.choice((0, 30, 47.5)),
        "opening_cash": draft.rng.randint(0, 5_000_000),
    }
    if "opex" in draft.on:
        body["opex"] = {"rnd": draft.number("pay"), "ga": draft.number("pay")}
    if "commission" in draft.on:
        body["commission"] = {"amortised_over": draft.rng.choice((1, 24, 36))}
        if draft.sometimes(0.7):
            accelerator = {"above": draft.number("rate"), "rate": draft.number("multiple")}
            body["commission"]["accelerator"] = accelerator
    return body


def volumes(market: dict[str, Any]) -> list[str]:
    """Channels, and channels into a segment, that have a volume of their own."""
    found = []
    for name, channel in market["channels"].items():
        given = [segment for segment, demand in channel["segments"].items() if "volume" in demand]
        found += ([name] if given else []) + [f"{name}/{segment}" for segment in given]
    return found


def events(draft: Draft, changing: list[str]) -> dict[str, Any]:
    """What may happen in the year."""
    if "events" not in draft.on:
        return {}
    count = draft.rng.randint(1, 4) if changing else 0
    return {f"event {number}": event(draft, changing) for number in range(count)}


def event(draft: Draft, changing: list[str]) -> dict[str, Any]:
    """Something that may happen, and what it changes."""
    first, last = sorted(draft.rng.sample(range(-2, draft.months + 2), 2))
    between = {"uniform": [month_label(draft.start + first), month_label(draft.start + last)]}
    body: dict[str, Any] = {
        "kind": draft.rng.choice(("initiative", "risk")),
        "source": draft.source(),
        "starts": draft.month() if draft.sometimes() else between,
        "plan": draft.rng.choice(("never", draft.month())),
        "effect": {
            name: effect(draft, name)
            for name in draft.rng.sample(changing, draft.rng.randint(1, min(3, len(changing))))
        },
    }
    if draft.sometimes(0.7):
        body["probability"] = draft.rng.choice((0, "40 %", 0.7, "100 %"))
    if draft.sometimes(0.4):
        body["lasts"] = draft.rng.randint(1, 9)
    if draft.sometimes():
        body["phase_in_months"] = draft.rng.choice((1, 3, "4.5 months")) if draft.sometimes(0.7) else draft.held("lag")
    if draft.sometimes():
        body["cost"] = draft.number("spend")
    if draft.sometimes(0.3):
        body["upfront"] = draft.number("money")
    if draft.sometimes(0.3):
        body["cost_in"] = "other"
    if draft.sometimes(0.3):
        body["success"] = "ARR"
    return body


def effect(draft: Draft, name: str) -> object:
    """How much larger or smaller something gets."""
    if draft.sometimes(0.6):
        factor = draft.amount(0.6, 1.4)
        return {"multiply": factor} if draft.sometimes() else f"x{factor:g}"
    if name not in draft.kind_of:
        return {"add": draft.written(draft.amount(-1, 2), "count per month", "count per month")}
    kind = draft.kind_of[name]
    return {"add": draft.written(draft.amount(-0.3, 0.3) * kind.low, kind.unit, kind.unit)}


def shocks(draft: Draft, changing: list[str]) -> dict[str, Any]:
    """Factors that come and go by month."""
    if "shocks" not in draft.on:
        return {}
    names = ("climate", "market")[: draft.rng.randint(1, 2) if changing else 0]
    return {
        name: {
            "source": draft.source(),
            "persistence": draft.rng.choice((0, 0.6, 0.9)),
            "loadings": {
                loaded: draft.rng.choice((-0.2, 0.05, "15 %"))
                for loaded in draft.rng.sample(changing, draft.rng.randint(1, min(4, len(changing))))
            },
        }
        for name in names
    }


def dependence(draft: Draft, happening: dict[str, Any]) -> dict[str, Any]:
    """What hangs together."""
    names = draft.rng.sample(sorted([*draft.assumptions, *happening]), len(draft.assumptions) + len(happening))
    if len(names) < 4 or draft.sometimes(0.25):
        return {}
    loadings = {name: draft.rng.choice((-0.5, 0.3, 0.6)) for name in names[:2]}
    market = {"loadings": loadings, "source": draft.source()}
    pair = [name for name in names[2:] if name in draft.assumptions][:2]
    if len(pair) < 2:
        return {"dependence": {"factors": {"market": market}}}
    stated = {"between": pair, "rho": 0.25, "source": draft.source()}
    return {"dependence": {"factors": {"market": market}, "rank_correlations": [stated]}}


def targets(draft: Draft, bases: dict[str, Any]) -> list[dict[str, Any]]:
    """What somebody expects."""
    last = month_label(draft.start + draft.months - 1)
    found: list[dict[str, Any]] = [{"name": "ARR", "metric": "ending_arr", "period": last, "at_least": 500_000}]
    if draft.sometimes():
        where = {"geo": SEGMENTS[draft.rng.choice(draft.segments)]["geo"]}
        bound = {"at_most": 90_000, "confidence": "80 %"}
        found.append({"name": "geo", "metric": "new_arr", "period": draft.month(), "where": where, **bound})
    if draft.sometimes():
        metric, most = draft.rng.choice((("headcount", 9), ("sm_spend", 100_000), ("bookings", 50_000)))
        found.append({"name": "company", "metric": metric, "period": draft.month(), "at_most": most})
    if draft.sometimes() and any("customers" in terms for terms in bases.values()):
        month = month_label(draft.start + 11)
        found.append({"name": "NRR", "metric": "nrr", "period": month, "at_least": "95 %"})
    return found
