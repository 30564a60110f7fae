"""Whether two plans can stand beside each other."""

from __future__ import annotations

from simengine.errors import SimengineError
from simengine.plan.schema import Plan
from simengine.units import month_label


def basis(plan: Plan) -> dict[str, str]:
    """What plans that are held against each other have in common."""
    header = plan.plan
    return {
        "currency": header.currency,
        "start": month_label(header.start),
        "first month of the fiscal year": str(header.fiscal_year_start),
    }


def check_beside(plan: Plan, base: Plan) -> None:
    """Raise SimengineError, with all that is different, where a plan does not depart from a base."""
    own, other = basis(plan), basis(base)
    faults = [
        f"the {key} of the plan is {own[key]}, that of its base {other[key]}; give both the same"
        for key in own
        if own[key] != other[key]
    ]
    if faults:
        raise SimengineError("\n".join(faults))
