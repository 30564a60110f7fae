"""Random valid plans, as YAML text: every mechanism of a plan switched on in many of them and off in many others.

`generated_plan(i)` is a pure function of i. Plans are small on purpose, so that one path takes the reference kernel
milliseconds. Numbers have enough digits that no sum of capacities comes within rounding of a whole number.
"""

from __future__ import annotations

import random

import yaml

from simengine.plan.schema import Plan
from tests.generated.document import document
from tests.generated.draft import Draft

PLANS = 300


def generated_plan(i: int) -> str:
    """The text of random plan number i."""
    return yaml.dump(document(Draft(i)), Dumper=yaml.CSafeDumper, sort_keys=False)


def generated_values(plan: Plan, draw: int) -> dict[str, float]:
    """A possible value for every assumption of a generated plan, and for every event its months in force."""
    rng = random.Random(f"values {draw}")
    assumptions = {name: plan.assumptions[name].plan * rng.uniform(0.8, 1) for name in sorted(plan.assumptions)}
    months = plan.plan.months
    return assumptions | {name: float(rng.choice((0, rng.randint(1, months)))) for name in sorted(plan.events)}


def generated_shocks(plan: Plan, draw: int) -> dict[str, list[float]]:
    """A possible level of every shock in every month."""
    rng = random.Random(f"shocks {draw}")
    return {name: [rng.gauss(0, 1) for _ in range(plan.plan.months)] for name in sorted(plan.shocks)}
