"""The over-assignment that makes a team book its plan as surely as is wanted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from simengine.decide.bridge import ALL, asked
from simengine.decide.findings import OverAssignment
from simengine.explain.intervals import proportion
from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan
from simengine.plan.targets import TEAM, Target
from simengine.results.paths import Array
from simengine.results.targets import quantile_interval


def teams(plan: Plan) -> list[str]:
    """All, and each team of people with quotas of their own, where there are several."""
    found = {group.team for group in plan.team.seats if isinstance(plan.team.roles[group.role].quota, Quantity)}
    named = sorted(found - {""})
    return ([ALL] if found else []) + (named if len(found) > 1 else [])


def questions(plan: Plan, year: str) -> list[Target]:
    """What is asked for it: quota and credited bookings of each of `teams` in a fiscal year."""
    wheres = [{} if team == ALL else {TEAM: team} for team in teams(plan)]
    return [asked(metric, metric, year, where) for where in wheres for metric in ("quota", "credited")]


def over_assignments(
    plan: Plan, planned: Array, simulated: Array, confidence: float, teams: Sequence[str]
) -> Iterator[OverAssignment]:
    """How much more than its plan a team's quotas must add up to.

    With street quota S of the operating plan and bookings B of a path, a team whose over-assignment is a carries
    `S/(1 + a)`, and books it with confidence c where `S/(1 + a)` is the (1 − c)-quantile of B:

        a = S / quantile(B, 1 − c) − 1

    Quotas are those of the operating plan, as they are handed out; hires who come late and seats that stand open are
    among the reasons why a team books less. What people book is taken not to hang on their quotas.

    Parameters
    ----------
    planned, simulated : of `questions`, (2 k,) and (n, 2 k)
    """
    declared = float(plan.team.over_assignment.of(plan.planned))
    for i, team in enumerate(teams):
        street, booked = float(planned[2 * i]), simulated[:, 2 * i + 1]
        if street <= 0:
            continue
        carried = street / (1.0 + declared)
        safe = quantile_interval(booked, 1.0 - confidence)
        needed, low, high = (street / x - 1.0 if x > 0 else math.inf for x in (safe[0], safe[2], safe[1]))
        hit = proportion((booked >= carried).astype(np.float64))
        yield OverAssignment(team, street, declared, carried, hit, (needed, low, high), safe)
