"""Choices, and what was found out about them, as plain numbers: for JSON and for reports."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from simengine.decide.certify import Verified
from simengine.decide.frontier import Frontier
from simengine.decide.levers import Levers, Mix
from simengine.decide.paired import difference_of_shares
from simengine.decide.solve import Solution
from simengine.explain.intervals import Bounded
from simengine.plan.targets import METRIC_UNITS
from simengine.units import month_label

Facts = dict[str, Any]

_UNITS = {"hires": "people", "spend": "factor", "improves": "factor", "event": "months"}


def bounded(numbers: Bounded) -> Facts:
    """An estimate and its 95 % interval."""
    return dict(zip(("value", "lower", "upper"), numbers, strict=True))


def solve_facts(solution: Solution) -> Facts:
    """A solution as plain numbers.

    Parameters
    ----------
    solution : from `decide.solve.solve`
    """
    target, found = solution.target, solution.found
    limits = solution.levers.plan.limits
    return {
        "target": target.name,
        "metric": target.metric,
        "period": target.period,
        "at_least": target.at_least,
        "at_most": target.at_most,
        "unit": target_unit(solution.levers, target.metric),
        "currency": solution.levers.plan.plan.currency,
        "confidence": solution.confidence,
        "before": bounded(solution.before()),
        "chosen": _choice(solution, solution.shown),
        "candidates": [_choice(solution, one) for one in solution.verified],
        "reached_in_search": solution.is_reached,
        "binding": list(solution.binding),
        "cost_without_limits": solution.within,
        "limits": {"budget": limits.budget, "hires_per_month": limits.hires_per_month},
        "closed": list(solution.levers.closed),
        "search": {
            "choices": solution.choices,
            "tried": len(found.shares),
            "draws": solution.draws,
            "seed": solution.seed,
            "bar": solution.bar,
            "plan_as_is": solution.known._asdict(),
            "proof": found.proof,
            "pairs": found.pairs,
            "pairs_against": found.against,
            "seconds": solution.seconds[0],
        },
        "certificate": {
            "paths": solution.paths,
            "seed": solution.fresh_seed,
            "verified": len(solution.verified),
            "level": 1 - solution.risk,
            "level_of_each": 1 - solution.risk / len(solution.verified),
            "seconds": solution.seconds[1],
        },
        "paths": solution.simulated,
    }


def target_unit(levers: Levers, metric: str) -> str:
    """Unit of a metric; the currency of the plan where it is money."""
    unit = METRIC_UNITS[metric]
    return levers.plan.plan.currency if unit == "currency" else unit


def _choice(solution: Solution, one: Verified | None) -> Facts | None:
    if one is None:
        return None
    return {
        "cost": solution.levers.cost(one.mix),
        "shown": one.shown,
        "bound": one.bound,
        "paths": len(one.hits),
        "probability": bounded(solution.after(one)),
        "gain": bounded(solution.gain(one)),
        "than_first": bounded(solution.more_than_chosen(one)),
        "levers": mix_facts(solution.levers, one.mix),
    }


def mix_facts(levers: Levers, mix: Mix) -> list[Facts]:
    """What a choice moves: of each lever its amount, owner, last month of decision and cost."""
    costs = levers.costs(mix)
    return [
        {
            "name": dial.name,
            "kind": levers.lever(dial).kind,
            "amount": dial.amounts[place],
            "unit": _UNITS[levers.lever(dial).kind],
            "from": None if dial.month is None else month_label(dial.month),
            "owner": levers.lever(dial).owner,
            "decide_by": None if dial.decide_by is None else month_label(dial.decide_by),
            "cost": costs[dial.name],
        }
        for dial, place in zip(levers.dials, mix, strict=True)
        if place != dial.neutral
    ]


def frontier_facts(found: Frontier) -> Facts:
    """A frontier as plain numbers.

    Parameters
    ----------
    found : from `decide.frontier.frontier`
    """
    levers, target = found.levers, found.target
    plan = levers.plan
    return {
        "target": target.name,
        "metric": target.metric,
        "period": target.period,
        "at_least": target.at_least,
        "at_most": target.at_most,
        "unit": target_unit(levers, target.metric),
        "currency": plan.plan.currency,
        "confidence": target.confidence,
        "points": [_point(found, place) for place in range(len(found.mixes))],
        "knee": [place + 1 for place in found.knee],
        "tried": [
            {"cost": levers.cost(mix), "share": share, "allowed": levers.is_allowed(mix)}
            for mix, share in found.tried.items()
        ],
        "closed": list(levers.closed),
        "search": {"tried": len(found.tried), "draws": found.draws, "seed": found.seed},
        "paths": found.simulated,
        "seconds": found.seconds,
        "run": {
            "plan": plan.plan.name,
            "plan_version": plan.plan.version,
            "as_of": "" if plan.plan.as_of is None else f"{plan.plan.as_of:%Y-%m-%d}",
            "digest_document": plan.digest_document,
            "draws": len(found.hits),
            "seed": found.fresh_seed,
            "engine_version": version("simengine"),
        },
    }


def _point(found: Frontier, place: int) -> Facts:
    mix = found.mixes[place]
    before = found.hits[:, max(0, place - 1)]
    return {
        "number": place + 1,
        "cost": found.levers.cost(mix),
        "probability": bounded(found.probability(place)),
        "more_than_last": bounded(difference_of_shares(found.hits[:, place], before)),
        "told_apart": bool(found.told_apart[place]),
        "above_line": bounded(found.above[place]),
        "knee": place in found.knee,
        "levers": mix_facts(found.levers, mix),
    }
