"""Small plans whose expected values a reader can work out by hand."""

import json
from typing import Any

from simengine.baseline import Baseline
from simengine.plan import Plan, loads

CENT = 0.005
SUBSCRIPTION = {"smb": {"renewal_rate": 1}}
SOLD = {"volume": "10 per month", "win_rate": "20 %", "cycle": "1.25 months", "deal_size": 10_000}


def plan_of(months: int, **sections: Any) -> Plan:
    """A plan of one segment, smb, with what a test is about."""
    sections = {"segments": {"smb": {}}, "base": SUBSCRIPTION, **sections}
    return loads(
        json.dumps({"plan": {"name": "Small", "currency": "USD", "start": "2027-01", "months": months}, **sections})
    )


def selling(seats: list[dict[str, Any]], **role: Any) -> dict[str, Any]:
    """A team of one selling role, ae, in segment smb."""
    return {
        "roles": {"ae": {"capacity": "unlimited", **role}},
        "seats": [{"role": "ae", "segment": "smb", "name": f"ae-{i}", **group} for i, group in enumerate(seats)],
    }


def by_month(outputs: Baseline, name: str, entity: int = 0) -> list[float]:
    """An output of a group or a segment, the first one in name order if not said."""
    found = {**outputs.group, **outputs.segment}[name]
    return [float(x) for x in found[0, :, entity]]
