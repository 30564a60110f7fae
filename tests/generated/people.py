"""`team:` of a generated plan."""

from __future__ import annotations

from typing import Any

from simengine.units import month_label
from tests.generated.draft import Draft

SELLERS = ("ae", "overlay")


def team(draft: Draft) -> dict[str, Any]:
    """Sellers of every segment, and people who do other things."""
    roles = {"ae": seller(draft)}
    groups = [seats(draft, f"ae {segment}", "ae", segment) for segment in draft.segments]
    if "overlay" in draft.on:
        roles["overlay"] = seller(draft)
        groups.append(seats(draft, "overlay", "overlay", draft.rng.choice(draft.segments)))
    if "sdr" in draft.on:
        roles["sdr"] = role(draft) | {"hours": draft.number("hours")}
        groups.append(seats(draft, "sdr", "sdr", None))
    if "success team" in draft.on:
        roles["csm"] = role(draft) | {"carries": carries(draft), "books_in": "customer success"}
        groups.append(seats(draft, "csm", "csm", None))
        if draft.sometimes():
            roles["am"] = role(draft) | {"carries": carries(draft)}
            subscriptions = [segment for segment in draft.segments if segment not in draft.once]
            groups.append(seats(draft, "am", "am", draft.rng.choice([None, *subscriptions])))
    if "managers" in draft.on:
        teams = {group["team"] for group in groups if "team" in group and "quota" in roles[group["role"]]}
        roles |= {"manager": manager(draft)} if teams else {}
        groups += [seats(draft, f"manager {team}", "manager", None) | {"team": team} for team in sorted(teams)]
    if draft.sometimes(0.3):
        where = draft.rng.choice(("research and development", "general and administration"))
        roles["other"] = role(draft) | {"books_in": where}
        groups.append(seats(draft, "other", "other", None))
    promotions(draft, roles, groups)
    body: dict[str, Any] = {"roles": roles, "seats": groups}
    if "territories" in draft.on:
        body["territories"] = territories(draft, roles, groups)
        if "pooled all the same" in draft.on:
            body["routing"] = {draft.rng.choice(draft.segments): "pooled"}
    if "climate" in draft.on:
        body["recruiting_climate"] = draft.number("multiple")
    if "freeze" in draft.on:
        body["hiring_freeze"] = {
            "when_behind": draft.number("share"),
            "after_months": draft.rng.randint(1, 4),
            "backfills": draft.rng.choice(("put off", "go on")),
        }
    if "over-assignment" in draft.on:
        body["over_assignment"] = draft.number("share")
    return body


def role(draft: Draft) -> dict[str, Any]:
    """What people of any role have in common."""
    body: dict[str, Any] = {}
    if draft.has("ramps"):
        body["ramp"] = ramp(draft)
    if draft.has("leaving"):
        body["attrition"] = attrition(draft)
    if draft.has("backfills"):
        body["backfill"] = {"policy": draft.rng.choice(("always", "always", "never"))}
        if draft.sometimes(0.7):
            body["backfill"]["lag"] = draft.number("lag")
    if draft.has("productivity"):
        body["productivity_spread"] = draft.number("spread")
    if draft.has("costs"):
        names = {"salary": "pay", "variable": "pay", "recruiting": "money", "severance": "money"}
        body["cost"] = {name: draft.number(kind) for name, kind in names.items() if draft.sometimes(0.8)}
    return body


def ramp(draft: Draft) -> dict[str, Any]:
    """A ramp of the workload."""
    body: dict[str, Any] = {"workload": draft.number("ramp")}
    if draft.sometimes(0.7):
        body["shape"] = draft.rng.choice(("linear", "s-curve", "step"))
    if draft.sometimes(0.4):
        body["spread"] = draft.number("spread")
    return body | never_ramps(draft)


def never_ramps(draft: Draft) -> dict[str, Any]:
    """Whether some people never ramp."""
    if not draft.has("never ramps"):
        return {}
    never = {"share": draft.number("rate")}
    return {"never": never | ({"level": draft.number("share")} if draft.sometimes(0.7) else {})}


def bookings_ramp(draft: Draft) -> dict[str, Any]:
    """A ramp as the field publishes it: what is booked in each quarter of tenure, beside the cycle it contains."""
    quarters = draft.rng.choice((["0 %", "25 %", "50 %", "100 %"], ["10 %", 0.6], ["20 %"], [0, "40 %", 0.4]))
    if quarters[-1] != "100 %" and draft.sometimes():
        quarters = [*quarters, draft.number("booked")]
    cycle = draft.number("cycle") if draft.sometimes(0.9) else "0 months"
    return {"bookings": quarters, "cycle": cycle, **never_ramps(draft)}


def attrition(draft: Draft) -> dict[str, Any]:
    """Who leaves how soon."""
    body: dict[str, Any] = {"voluntary": draft.number("leaving")}
    if draft.sometimes():
        body["involuntary"] = draft.number("leaving")
    if draft.has("leaving by tenure"):
        if draft.sometimes(0.4):
            body["first_six_months"] = draft.number("multiple")
        else:
            body["by_tenure"] = by_tenure(draft)
    return body


def by_tenure(draft: Draft) -> dict[int, Any]:
    """Multiples by months of tenure."""
    return {month: draft.number("multiple") for month in sorted(draft.rng.sample(range(25), draft.rng.randint(1, 3)))}


def seller(draft: Draft) -> dict[str, Any]:
    """A role that works opportunities. All of a plan measure their room alike."""
    body = role(draft) | {"capacity": capacity(draft)}
    if draft.has("bookings ramps"):
        body["ramp"] = bookings_ramp(draft)
    if draft.has("leaver pipeline", 0.9):
        pipeline = {"reassigned_after": draft.rng.randint(0, 3), "win_rate": draft.number("less")}
        body["leaver_pipeline"] = {key: pipeline[key] for key in sorted(pipeline) if draft.sometimes(0.8)}
    if "managers" in draft.on or draft.has("quotas", 0.9):
        body |= quota(draft, body)
    return body


def capacity(draft: Draft) -> object:
    """Room for opportunities: as many, or as much in money."""
    if draft.has("unlimited", 0.4):
        return "unlimited"
    if "money rooms" in draft.on:
        return {"pipeline": draft.number("room")}
    return {"open_opportunities": draft.rng.choice((0.75, 2, 40)) if draft.sometimes(0.3) else draft.number("places")}


def quota(draft: Draft, body: dict[str, Any]) -> dict[str, Any]:
    """A quota, and what depends on it."""
    result: dict[str, Any] = {"quota": draft.number("quota")}
    if draft.has("quota by tenure"):
        result["quota_by_tenure"] = by_tenure(draft)
    if draft.has("quota relief"):
        result["quota_relief"] = "ramp"
    result |= missed_quota(draft, body)
    if draft.has("commission"):
        result["cost"] = body.get("cost", {}) | {"variable": draft.number("pay")}
        if draft.has("draws"):
            result["commission_draw"] = {"months": draft.rng.randint(1, 9)}
            if draft.sometimes():
                result["commission_draw"]["share"] = draft.number("rate")
    return result


def missed_quota(draft: Draft, body: dict[str, Any]) -> dict[str, Any]:
    """Whether those who miss their quota leave more often."""
    if "attrition" not in body or not draft.has("missed quota", 0.95):
        return {}
    missed = {"below": draft.number("rate"), "voluntary": draft.number("times")}
    return {"attrition": body["attrition"] | {"missed_quota": missed}}


def manager(draft: Draft) -> dict[str, Any]:
    """A role with the quota of its team."""
    body = role(draft)
    return body | {"quota": "team"} | missed_quota(draft, body)


def carries(draft: Draft) -> dict[str, Any]:
    """How much of the base one person looks after, and what for."""
    load = {"customers": draft.number("customers each")} if draft.sometimes() else {"arr": draft.number("money each")}
    duty = draft.rng.choice((None, ["renewal"], ["expansion"], ["renewal", "expansion"]))
    return load if duty is None else load | {"duty": duty}


def seats(draft: Draft, name: str, role: str, segment: str | None) -> dict[str, Any]:
    """A group of seats."""
    group: dict[str, Any] = {"name": name, "role": role}
    if segment is not None:
        group["segment"] = segment
    if role in SELLERS and draft.sometimes(0.8):
        group["team"] = draft.rng.choice(("east", "west"))
    if "hires" not in draft.on or draft.sometimes(0.7):
        group["existing"] = draft.rng.randint(1, 3)
        if draft.sometimes(0.7):
            group["tenure_months"] = draft.amount(0, 20)
            if draft.later.random() < 0.3:
                group["tenure_months"] = [round(draft.later.uniform(0, 20), 2) for _ in range(group["existing"])]
    if draft.has("hires", 0.6) or "existing" not in group:
        group["hires"] = {draft.month(): draft.rng.randint(1, 2) for _ in range(draft.rng.randint(1, 3))}
        if draft.sometimes():
            group["time_to_fill_delay"] = draft.number("lag")
            if draft.sometimes():
                group["delay_spread"] = draft.number("spread")
        if draft.expecting.random() < 0.3:
            months = [
                draft.start + draft.expecting.randrange(draft.months) for _ in range(draft.expecting.randint(1, 2))
            ]
            group["expected"] = {month_label(month): draft.expecting.randint(1, 2) for month in months}
    return group


def promotions(draft: Draft, roles: dict[str, Any], groups: list[dict[str, Any]]) -> None:
    """Let people of some roles be promoted: out of the plan, or into seats of sellers."""
    if "promotion" not in draft.on:
        return
    for name, body in roles.items():
        if draft.sometimes(0.3) and name != "sdr":
            continue
        body["promotion"] = {"rate": draft.number("promotion")}
        if draft.sometimes():
            body["promotion"]["after"] = draft.number("lag")
        if draft.has("promotion into sellers", 0.9):
            into = [group["name"] for group in groups if group["role"] in SELLERS and group["role"] != name]
            if into:
                body["promotion"]["into"] = draft.rng.choice(into)


def territories(draft: Draft, roles: dict[str, Any], groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A territory for each seat of sellers in some segments; names in another order than seats."""
    chosen = {segment for segment in draft.segments if draft.sometimes(0.7)} or set(draft.segments)
    parts = []
    for group in groups:
        if "capacity" not in roles[group["role"]] or group["segment"] not in chosen:
            continue
        for number in range(group.get("existing", 0) + sum(group.get("hires", {}).values())):
            part: dict[str, Any] = {
                "name": f"{draft.rng.randrange(10)} {group['name']} {number}",
                "seats": group["name"],
            }
            if draft.sometimes(0.7):
                part["potential"] = draft.number("multiple")
            if draft.sometimes(0.3):
                part["accounts"] = draft.rng.randint(1, 400)
            parts.append(part)
    of_groups = [part["seats"] for part in parts]
    for group in groups:
        more = sum(group.get("expected", {}).values()) if group["name"] in of_groups else 0
        parts += [
            {"name": f"{draft.expecting.randrange(10)} {group['name']} e{n}", "seats": group["name"]}
            for n in range(more)
        ]
    return parts
