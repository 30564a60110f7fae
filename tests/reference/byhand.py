"""Plans that are small enough to be worked out on paper, and what their paths say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import yaml

from simengine.plan import Plan, loads
from tests.reference.chance import Address, Chance, Purpose, Uniforms
from tests.reference.ledger import ReferencePath
from tests.reference.numbers import Numbers
from tests.reference.path import Course, reference_path

SEED = 7


class _InFull(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def plan_of(
    months: int = 4, sells: str = "subscription", header: Mapping[str, Any] | None = None, **sections: Any
) -> Plan:
    """A plan of one segment called smb."""
    head = {"name": "By hand", "currency": "USD", "start": "2027-01", "months": months, **(header or {})}
    base = {} if sells == "once" else {"base": {"smb": {"renewal_rate": 1, "term_months": 120}}}
    document = {"plan": head, "segments": {"smb": {"sells": sells, "geo": "NA"}}, **base, **sections}
    return loads(yaml.dump(document, Dumper=_InFull))


def play(
    plan: Plan,
    draw: int = 0,
    values: Mapping[str, float] | None = None,
    shocks: Mapping[str, Sequence[float]] | None = None,
) -> ReferencePath:
    """A path of the plan, at the operating plan's values unless others are given."""
    return reference_path(plan, plan.planned if values is None else values, draw, SEED, shocks=shocks)


def played(plan: Plan) -> Course:
    """Everything there is at the end of the path of draw 0."""
    course = Course(plan, Numbers(plan, plan.planned, None), Chance(0, SEED))
    course.run()
    return course


def load_the_dice(monkeypatch: pytest.MonkeyPatch, luck: Callable[[Address, Purpose, int], Uniforms]) -> None:
    """Give each address the uniforms that `luck` says."""
    monkeypatch.setattr(Chance, "uniforms", lambda _, address, purpose, number=0: luck(address, purpose, number))


def of_segment(path: ReferencePath, name: str, column: int = 0) -> list[float]:
    """A segment's output by month."""
    return list(path.segment[name][:, column])


def of_group(path: ReferencePath, name: str, column: int = 0) -> list[float]:
    """A seat group's output by month."""
    return list(path.group[name][:, column])


def customers(**terms: Any) -> dict[str, Any]:
    """Four customers of 100 each, who all renew every month."""
    return {"base": {"smb": {"customers": 4, "arr": 400, "atr": {"2027-01": 400}, "term_months": 1, **terms}}}


def sellers(**keys: Any) -> dict[str, Any]:
    """One seller with two places."""
    role = {"capacity": {"open_opportunities": 2}, **keys.pop("role", {})}
    group = {"name": "ae", "role": "ae", "segment": "smb", "existing": 1, **keys}
    return {"team": {"roles": {"ae": role}, "seats": [group]}}


def pipeline(
    *rows: dict[str, Any], stages: tuple[str, ...] = ("opportunity",), stale: str = "0 % per month", **demand: Any
) -> dict[str, Any]:
    """One channel without arrivals: only the opening pipeline has anything to sell."""
    law = {"volume": "0 per month", "rates": [1] * (len(stages) - 1), "win_rate": 1, "cycle": 0, "deal_size": 100}
    law |= demand
    where = {"segment": "smb", "channel": "inbound", "age_months": 0}
    return {
        "funnel": {
            "stages": list(stages),
            "stale": stale,
            "channels": {"inbound": {"segments": {"smb": law}}},
            "opening_pipeline": {"rows": [where | row for row in rows]},
        }
    }


def assumption(value: float | str, unit: str) -> dict[str, Any]:
    """An assumption that is what the plan says."""
    source = {"kind": "judgment", "reference": "by hand"}
    return {"unit": unit, "plan": value, "distribution": {"fixed": value}, "source": source, "risk": {"adverse": "low"}}


def event(effect: Mapping[str, Any], starts: str = "2027-02", **keys: Any) -> dict[str, Any]:
    """Something that the plan counts on from a month on."""
    source = {"kind": "judgment", "reference": "by hand"}
    return {"kind": "initiative", "source": source, "starts": starts, "plan": starts, "effect": dict(effect), **keys}
