"""What a result says of the plan that it is of."""

from __future__ import annotations

import math
from importlib.metadata import version
from typing import Any

from simengine.plan.schema import Plan
from simengine.plan.targets import Target


def about_plan(plan: Plan) -> dict[str, Any]:
    """Which plan, of which day, and which engine."""
    header = plan.plan
    return {
        "plan": header.name,
        "plan_version": header.version,
        "as_of": "" if header.as_of is None else header.as_of.isoformat(),
        "digest_document": plan.digest_document,
        "engine_version": version("simengine"),
    }


def about(plan: Plan, target: Target, draws: int, seed: int) -> dict[str, Any]:
    """The plan, the target and the draws that a result is of."""
    return {
        "target": target.name,
        "metric": target.metric,
        "period": target.period,
        "confidence": math.nan if target.confidence is None else target.confidence,
        "currency": plan.plan.currency,
        "draws": draws,
        "seed": seed,
        **about_plan(plan),
    }
