"""`base:` of a generated plan."""

from __future__ import annotations

from typing import Any

from simengine.units import month_label
from tests.generated.draft import Draft


def base(draft: Draft, segment: str, team: dict[str, Any]) -> dict[str, Any]:
    """The customers of a segment and their terms."""
    body, shortest, longest = terms(draft)
    if draft.sometimes(0.9):
        body |= opening(draft, longest)
        if draft.has("named accounts"):
            body |= named_accounts(draft, segment, body, longest)
    body |= renewal(draft)
    if "size_spread" in body and draft.has("dollar rate", 1):
        body["dollar_renewal_rate"] = draft.number("renewal")
    for key in ("early", "late"):
        if shortest > 1 and draft.has(key):
            body[key] = {"share": draft.number("share"), "months": draft.rng.randint(1, min(4, shortest - 1))}
    if looked_after(segment, team) and draft.has("elasticity", 0.9):
        body["load_elasticity"] = draft.number("multiple")
    if draft.has("prices"):
        body["price_increase"] = draft.number("price") if draft.sometimes(0.8) else "-2 %"
    if draft.has("expansion", 0.9):
        upsell = {"opportunities_per_customer": draft.number("upsells"), "win_rate": draft.number("win rate")}
        body["expansion"] = upsell | {"size": draft.number("money")}
        if draft.sometimes():
            body["expansion"]["size_spread"] = draft.number("spread")
    if draft.has("go live"):
        body["go_live"] = draft.number("lag")
    if draft.has("history") and "arr" in body:
        body["history"] = history(draft, body["arr"])
    return body


def looked_after(segment: str, team: dict[str, Any]) -> bool:
    """Whether somebody carries the segment's customers for renewal."""
    roles = [team["roles"][group["role"]] for group in team["seats"] if group.get("segment", segment) == segment]
    duties: list[list[str]] = [role["carries"].get("duty", ["renewal"]) for role in roles if "carries" in role]
    return any("renewal" in duty for duty in duties)


def terms(draft: Draft) -> tuple[dict[str, Any], int, int]:
    """One length of contract or several, the shortest and the longest."""
    if draft.has("terms"):
        mix = draft.rng.choice(({12: "70 %", 36: "30 %"}, {2: 0.2, 6: 0.5, 12: 0.3}, {24: "60 %", 3: "40 %"}))
        return {"terms": mix}, min(mix), max(mix)
    if draft.sometimes(0.2):
        return {}, 12, 12
    term = draft.rng.choice((1, 3, 6, 12, 12, 18, 24))
    return {"term_months": term}, term, term


def opening(draft: Draft, longest: int) -> dict[str, Any]:
    """The customers when the plan starts."""
    customers = draft.rng.randint(1, 50)
    body: dict[str, Any] = {"customers": customers}
    if draft.sometimes(0.6):
        body["size_spread"] = draft.amount(0.2, 1.5)
    if draft.sometimes(0.6):
        return body | {"arr": draft.rng.randint(10, 2_000) * 1_000} | ({"atr": "even"} if draft.sometimes() else {})
    months = sorted(draft.rng.sample(range(longest), draft.rng.randint(1, min(longest, customers, 8))))
    amounts = {month_label(draft.start + month): draft.rng.randint(1_000, 300_000) for month in months}
    # The stated total may be a little off: the months are scaled to it.
    return body | {"arr": round(sum(amounts.values()) * draft.rng.choice((1, 1.003))), "atr": amounts}


def named_accounts(draft: Draft, segment: str, body: dict[str, Any], longest: int) -> dict[str, Any]:
    """Customers who are looked at alone, with what that adds to the customers, ARR and ATR of the segment."""
    accounts: list[dict[str, Any]] = [
        {
            "name": f"Account {number} of {segment}",
            "arr": draft.rng.randint(10, 300) * 1_000,
            "renews": draft.month(0, longest),
            "renewal_rate": draft.number("renewal"),
        }
        for number in range(draft.rng.randint(1, 4))
    ]
    changed: dict[str, Any] = {
        "customers": body["customers"] + len(accounts),
        "arr": body["arr"] + sum(account["arr"] for account in accounts),
    }
    if isinstance(body.get("atr"), dict):
        atr = dict(body["atr"])
        for account in accounts:
            atr[account["renews"]] = atr.get(account["renews"], 0) + account["arr"]
        changed["atr"] = dict(sorted(atr.items()))
    return changed | {"named_accounts": accounts}


def renewal(draft: Draft) -> dict[str, Any]:
    """Who renews, and who renews for less."""
    if not draft.has("contraction"):
        body: dict[str, Any] = {"renewal_rate": draft.number("renewal")}
    elif draft.sometimes(0.35):
        # More contraction than there are renewals to contract: all that renew contract.
        return {"renewal_rate": "80 %", "contraction": "19 %", "contraction_depth": "20 %"}
    else:
        body = {"renewal_rate": draft.number("renewal"), "contraction": draft.number("contraction")}
        if draft.sometimes():
            body["contraction_depth"] = draft.number("depth")
    return body


def history(draft: Draft, most: int) -> list[dict[str, Any]]:
    """What the customers of some months before the plan paid then, and pay when it starts."""
    result = []
    for months_before in sorted(draft.rng.sample(range(2, 13), draft.rng.randint(1, 11)), reverse=True):
        arr = draft.rng.randint(100, 900) * 1_000
        net = round(min(most, arr * draft.rng.uniform(0.8, 1.2)))
        gross = round(min(arr, net) * draft.rng.uniform(0.8, 1))
        month = month_label(draft.start - months_before)
        result.append({"month": month, "arr": arr, "net": net, "gross": gross})
    return result
