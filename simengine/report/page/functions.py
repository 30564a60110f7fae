"""Whose numbers and whose assumptions: sales, marketing, customer success, finance.

An assumption belongs to a function by where the plan uses it, not by who owns it: an owner may be anybody's title.
docs/report.md has the rule.
"""

from __future__ import annotations

from typing import NamedTuple

from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan
from simengine.plan.source import Path
from simengine.plan.values import entries


class Function(NamedTuple):
    """A part of the company: its key, its name, who reads its page, what it is asked, and its metrics."""

    key: str
    name: str
    reader: str
    asks: str
    metrics: tuple[str, ...]


FUNCTIONS = (
    Function(
        *("sales", "Sales", "the head of sales and the managers who carry a quota"),
        "Are there enough people who are productive early enough, and do they win what the plan counts on?",
        ("bookings", "new_arr", "won", "quota", "attainment", "headcount", "ramped", "commission"),
    ),
    Function(
        *("marketing", "Marketing", "the head of marketing and whoever runs a channel"),
        "Does enough arrive, does it convert, and what does it cost?",
        ("opportunities", "new_customers", "cac_new_logo", "cac_payback", "sm_spend"),
    ),
    Function(
        *("success", "Customer success", "the head of customer success and the owners of renewals"),
        "Who stays, at which price, and who buys more?",
        ("nrr", "grr", "churned_arr", "contraction_arr", "expansion_arr", "price_arr", "customers"),
    ),
    Function(
        *("finance", "Finance", "the CFO, the controller and whoever answers to lenders"),
        "What does it cost, how much cash is there at its lowest, and how long does it last?",
        (
            *("ending_arr", "revenue", "gross_profit", "opex", "sm_share", "lowest_cash", "net_burn", "runway"),
            *("burn_multiple", "magic_number"),
        ),
    ),
)
_WINNING = ("win_rate", "cycle", "cycle_spread", "deal_size", "deal_size_spread", "slip", "discount")
"""What happens to an opportunity, in a cell of the funnel; all before it is demand."""


def of_assumptions(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Keys of the functions in whose work each assumption, event and shock is used, the first use first.

    An event or a shock belongs where the assumptions and channels do that it acts on; what is used nowhere is
    finance's.
    """
    found: dict[str, dict[str, None]] = {}
    for entry in entries(plan):
        if isinstance(entry.value, Quantity):
            key = _function(plan, entry.path)
            for step in entry.value.steps:
                if step.assumption and key:
                    found.setdefault(step.assumption, {})[key] = None
    causes = {name: [*event.effect] for name, event in plan.events.items()}
    causes |= {name: [*shock.loadings] for name, shock in plan.shocks.items()}
    for name, touched in causes.items():
        keys = (
            key for what in touched for key in found.get(what, {} if what in plan.assumptions else {"marketing": 0})
        )
        found[name] = dict.fromkeys(keys)
    return {name: tuple(found.get(name, ())) or ("finance",) for name in plan.declared}


def _function(plan: Plan, path: Path) -> str:
    steps = [str(step) for step in path]
    match steps:
        case ["team", "roles", role, *_]:
            return "success" if plan.team.roles[role].carries is not None else "sales"
        case ["funnel", *rest]:
            return "sales" if any(step in _WINNING or step.startswith("discount") for step in rest) else "marketing"
    return _SECTIONS.get(steps[0], "")


_SECTIONS = {"base": "success", "economics": "finance", "team": "sales"}
