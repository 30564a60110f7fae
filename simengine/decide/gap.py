"""Top-down against bottom-up: how far apart they are, in money and in probability, and what would close the gap."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING

import numpy as np

from simengine.decide.bridge import ALL, OPENING, Bridge, asked, is_told_in_parts, planned_values
from simengine.decide.closing import Closing, questions, until
from simengine.decide.findings import Aside, Closer, Gap, Retention, Row
from simengine.decide.precedents import beliefs, past
from simengine.errors import SimengineError
from simengine.explain.intervals import mean, proportion
from simengine.plan.schema import Plan
from simengine.plan.targets import Target, target_of
from simengine.results.paths import Array
from simengine.results.targets import as_misses, quantile_interval
from simengine.simulation.reached import target_values
from simengine.units import MONTHS_PER_YEAR, fiscal_period

if TYPE_CHECKING:
    from simengine.learn.history import History

CONFIDENCE = 0.8
"""Of a target that states none."""
SEARCH_DRAWS = 1_024
Progress = Callable[[int, int], None]
"""Called with the levers looked at, and how many there are."""


def gap(
    plan: Plan,
    target: str | None = None,
    *,
    confidence: float | None = None,
    history: History | None = None,
    draws: int = 4_096,
    seed: int = 7,
    levers: bool = True,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> Gap:
    """Hold a target against the plan that is to meet it, and ask of every lever what it would have to be alone.

    Top-down is the target; bottom-up the operating plan: the spreadsheet at plan values. Beside it stands what is
    simulated. Of ending ARR `opening + Σ new by channel + expansion + price − contraction − churn = bottom-up`, to the
    cent, for the company and for each segment; new ARR and bookings are told by channel, other metrics in total only.

    Parameters
    ----------
    plan : a checked plan
    target : whose gap, by name; by default the plan's first
    confidence : with which the target is to be reached; by default the target's own, or 80 %
    history : records to look for such values in
    draws, seed : of the simulation; levers are searched on the first 1,024 of them at most
    levers : whether to look for what would close the gap
    progress, executor : told of the levers; runs the paths

    Raises
    ------
    SimengineError
        where the plan has no such target, a number is out of range, or a path needs more than can be simulated
    """
    aim = target_of(plan, target)
    wanted = _confidence(aim, confidence)
    if draws < 100:
        raise SimengineError(f"{draws} draws tell too little; choose 100 at least")
    bridge, others, nrr = Bridge(plan, aim), _asides(plan, aim), _nrr(plan, aim)
    everything = (aim, *bridge.targets, *others, *nrr)
    planned = planned_values(plan, everything)
    simulated = target_values(plan, 0, draws, seed=seed, targets=everything, executor=executor)
    parts = slice(1, 1 + len(bridge.targets))
    values, beside = simulated[:, 0], range(parts.stop, parts.stop + len(others))
    misses = as_misses(values, at_least=aim.at_least is not None)
    rows = bridge.rows(planned[parts], simulated[:, parts], float(planned[0]))
    search = min(draws, SEARCH_DRAWS)
    closing = Closing(plan, aim, wanted, draws=search, seed=seed, executor=executor)
    p10, p50, p90 = (quantile_interval(misses, level) for level in (0.1, 0.5, 0.9))
    return Gap(
        target=aim,
        currency=plan.plan.currency,
        confidence=wanted,
        draws=draws,
        top_down=closing.bound,
        bottom_up=float(planned[0]),
        mean=mean(values),
        p10=p10,
        p50=p50,
        p90=p90,
        probability=closing.chance(values),
        commit=quantile_interval(misses, 1 - wanted if aim.at_least is not None else wanted),
        bridge=tuple(rows),
        shares=_shares(rows),
        asides=tuple(_aside(one, planned[i], simulated[:, i]) for one, i in zip(others, beside, strict=True)),
        retention=_retention(rows, float(planned[-1]), simulated[:, -1], closing.bound - float(planned[0]), bool(nrr)),
        levers=tuple(_closers(plan, closing, history, progress)) if levers else (),
        search_draws=search,
        records="" if history is None else str(history.as_of),
    )


def confidence_of(target: Target, given: float | None) -> float:
    """With which a target is to be reached: as given, or its own, or 80 %."""
    return given if given is not None else target.confidence if target.confidence is not None else CONFIDENCE


def faults_of_confidence(wanted: float) -> list[str]:
    """Why it is no confidence, in words; none where it is one."""
    if 0.01 <= wanted <= 0.99:
        return []
    return [f"the confidence is {wanted:g}; choose a share from 0.01 to 0.99, such as 0.8"]


def _confidence(target: Target, given: float | None) -> float:
    wanted = confidence_of(target, given)
    if wrong := faults_of_confidence(wanted):
        raise SimengineError(wrong[0])
    return wanted


def _nrr(plan: Plan, target: Target) -> list[Target]:
    """NRR of the period, where the customers whom it looks at are those with whom the period begins."""
    period = fiscal_period(target.period, plan.plan.fiscal_year_start)
    is_year = period.last - period.first + 1 == MONTHS_PER_YEAR and period.first >= plan.plan.start
    is_told = target.metric == "ending_arr" and target.at_least is not None
    return [asked("nrr", "nrr", target.period, target.where)] if is_year and is_told and plan.base else []


def _retention(rows: list[Row], planned: float, values: Array, missing: float, is_asked: bool) -> Retention | None:
    """What the customers of the start would have to bring besides: a share of what they had."""
    opening = sum(row.planned for row in rows if row.segment == ALL and row.part == OPENING)
    if not is_asked or opening <= 0:
        return None
    needed = planned + missing / opening
    return Retention(planned, needed, proportion((values >= needed).astype(np.float64)))


def _asides(plan: Plan, target: Target) -> list[Target]:
    """The plan's other targets of parts of the company whose metric is told in parts."""
    return [other for other in plan.targets if other.where and other != target and is_told_in_parts(other)]


def _aside(target: Target, planned: float, values: Array) -> Aside:
    bound = target.at_least if target.at_least is not None else target.at_most
    assert bound is not None
    probability = proportion(target.is_reached(values).astype(np.float64))
    is_floor = target.at_least is not None
    return Aside(
        target.name, target.metric, target.period, dict(target.where), bound, is_floor, float(planned), probability
    )


def _shares(rows: list[Row]) -> dict[str, float]:
    new: dict[str, float] = {}
    for row in rows:
        if row.segment != ALL and row.part.startswith("new: "):
            new[row.segment] = new.get(row.segment, 0.0) + row.planned
    total = sum(new.values())
    return {segment: part / total for segment, part in new.items()} if total > 0 else {}


def _closers(plan: Plan, closing: Closing, history: History | None, progress: Progress | None) -> list[Closer]:
    asked = questions(plan, until(plan, closing.target))
    found = []
    for done, question in enumerate(asked, start=1):
        needed = closing.needed(question)
        amount = needed.amount
        seen = () if history is None else tuple(past(plan, question, amount, history))
        found.append(Closer(needed, tuple(beliefs(plan, question, amount)), seen))
        if progress is not None:
            progress(done, len(asked))
    return found
