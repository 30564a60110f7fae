"""A plan read backward: by when to hire, what a delay costs, how much quota to hand out, how many people it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor

import numpy as np

from simengine.decide import quotas
from simengine.decide.bridge import asked, is_told_in_parts, planned_values
from simengine.decide.capacity import Needs
from simengine.decide.closing import until
from simengine.decide.findings import Backward, Delay, Delays, Ready
from simengine.decide.gap import confidence_of, faults_of_confidence
from simengine.decide.paired import difference_of_means, difference_of_shares
from simengine.decide.ready import BOOKINGS, WORKLOAD, Hires, hiring_groups
from simengine.decide.variants import put_off
from simengine.errors import SimengineError
from simengine.explain.intervals import proportion
from simengine.plan.people import SeatGroup
from simengine.plan.schema import Plan
from simengine.plan.targets import Target, target_of, whole_year
from simengine.results.paths import Array
from simengine.simulation.reached import target_values
from simengine.units import fiscal_period, fiscal_quarter, month_label

ALLOWED = 0.02
"""Drop of P(hit) that a delay may cost."""
_BELIEFS = 20_000
"""Draws of how long it takes a hire to be productive; no path is simulated for them."""
Progress = Callable[[int, int], None]
"""Called with the simulations done, and how many there are."""


def backward(
    plan: Plan,
    target: str | None = None,
    *,
    productive_by: str | None = None,
    confidence: float | None = None,
    allowed: float = ALLOWED,
    delays: int = 6,
    draws: int = 1_024,
    seed: int = 7,
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> Backward:
    """Read a plan backward from a target.

    1. By seat group, the last month for which a start can be planned so that people are productive in time
       (`ready.Hires`), at 50, 80 and 90 %.
    2. By seat group, what P(hit) and the mean of the metric lose when its hires are planned 1, 2, … months later, on
       the same draws, and how many months cost no more than `allowed`.
    3. The over-assignment with which sellers book their plan with the confidence (`quotas.over_assignments`).
    4. Ramped people by quarter whom the plan's volumes and the target's need (`capacity.Needs`).

    Parameters
    ----------
    plan : a checked plan
    target : by name; by default the plan's first
    productive_by : a fiscal year, quarter or month, in whose first month people are to be productive; by default the
        last quarter of the target's period
    confidence : by default the target's own, or 80 %
    allowed : drop of P(hit) that a delay may cost
    delays : months that hires are put off at most; 0 leaves that question out
    draws, seed : of the simulation
    progress, executor : told of simulations; runs the paths

    Raises
    ------
    SimengineError
        where the plan has no such target or period, or a number is out of range
    """
    aim = target_of(plan, target)
    wanted = _checked(aim, confidence, allowed, delays, draws)
    label, by = _period(plan, aim, productive_by)
    year = whole_year(plan, aim)
    asks = quotas.questions(plan, year) if year else []
    everything = (aim, *asks)
    values = target_values(plan, 0, draws, seed=seed, targets=everything, executor=executor)
    planned = planned_values(plan, everything)
    growth = _growth(plan, aim, float(planned[0]))
    moved = _Moved(plan, aim, values[:, 0], draws, seed, executor)
    return Backward(
        target=aim,
        currency=plan.plan.currency,
        confidence=wanted,
        productive_by=by,
        period=label,
        ready=tuple(_ready(plan, by, seed)),
        as_planned=proportion(moved.hit.astype(np.float64)),
        draws=draws,
        delays=tuple(moved.all(delays, allowed, wanted, progress)),
        allowed=allowed,
        year=year,
        over=tuple(quotas.over_assignments(plan, planned[1:], values[:, 1:], wanted, quotas.teams(plan)))
        if year
        else (),
        capacity=tuple(Needs(plan, growth, until(plan, aim)).all()),
        growth=growth,
    )


def _checked(target: Target, confidence: float | None, allowed: float, delays: int, draws: int) -> float:
    wanted = confidence_of(target, confidence)
    wrong = faults_of_confidence(wanted)
    if not 0 <= allowed < 1:
        wrong.append(f"the drop that a delay may cost is {allowed:g}; choose a share from 0 on, such as 0.02")
    if not 0 <= delays <= 24:
        wrong.append(f"hires are put off by {delays} months; choose 0 to 24")
    if draws < 100:
        wrong.append(f"{draws} draws tell too little; choose 100 at least")
    if wrong:
        raise SimengineError("\n".join(wrong))
    return wanted


def _period(plan: Plan, target: Target, given: str | None) -> tuple[str, int]:
    """The label and the first month of the period in which people are to be productive."""
    header = plan.plan
    if given is None:
        last = fiscal_period(target.period, header.fiscal_year_start).last
        given = fiscal_quarter(last, header.fiscal_year_start)
    try:
        period = fiscal_period(given, header.fiscal_year_start)
    except ValueError:
        words = "expected a fiscal year, quarter or month like FY2027, FY2027-Q3 or 2027-09"
        raise SimengineError(f"{given!r} is not a period; {words}") from None
    if not header.start <= period.first <= header.end:
        months = f"{month_label(header.start)} to {month_label(header.end)}"
        raise SimengineError(f"{given} begins with {month_label(period.first)}, the plan is of {months}")
    return period.label, period.first


def _growth(plan: Plan, target: Target, planned: float) -> float:
    """The new business that a target needs as a multiple of the plan's, all else as planned; 1 of other metrics."""
    if not is_told_in_parts(target) or target.at_least is None:
        return 1.0
    metric = "bookings" if target.metric == "bookings" else "new_arr"
    period = fiscal_period(target.period, plan.plan.fiscal_year_start)
    months = range(max(period.first, plan.plan.start), period.last + 1)  # what facts tell of cannot grow any more
    asks = [asked("new", metric, month_label(month), target.where) for month in months]
    new = float(planned_values(plan, asks).sum())
    return max(0.0, 1.0 + (target.at_least - planned) / new) if new > 0 else 1.0


def _ready(plan: Plan, by: int, seed: int) -> Iterator[Ready]:
    groups = hiring_groups(plan)
    if not groups:
        return
    hires = Hires(plan, draws=_BELIEFS, seed=seed)
    for group in groups:
        sells = plan.team.roles[group.role].sells
        for what in (WORKLOAD, BOOKINGS) if sells else (WORKLOAD,):
            yield from hires.ready(group, by, what)


class _Moved:
    """What it costs to put hires off, on frozen draws."""

    def __init__(
        self, plan: Plan, target: Target, values: Array, draws: int, seed: int, executor: Executor | None
    ) -> None:
        self._plan, self._target, self._values = plan, target, values
        self._draws, self._seed, self._executor = draws, seed, executor
        self._until = until(plan, target)
        self.hit = target.is_reached(values)

    def all(self, most: int, allowed: float, confidence: float, progress: Progress | None) -> Iterator[Delays]:
        """Every seat group that hires until the target's period ends."""
        groups = [group for group in self._plan.team.seats if self._starts(group)] if most else []
        for done, group in enumerate(groups):
            starts = self._starts(group)
            found = []
            for months in range(1, most + 1):
                found.append(self._delay(group, months))
                if progress is not None:
                    progress(done * most + months, len(groups) * most)
            base = float(self.hit.mean())
            yield Delays(
                *(group.name, sum(starts.values()), min(starts), max(starts), tuple(found)),
                _in_a_row(delay.lost[2] <= allowed for delay in found),
                _in_a_row(delay.probability[0] >= confidence for delay in found) if base >= confidence else None,
            )

    def _starts(self, group: SeatGroup) -> dict[int, int]:
        return {month: heads for month, heads in group.hires.items() if month <= self._until and heads > 0}

    def _delay(self, group: SeatGroup, months: int) -> Delay:
        later = put_off(self._plan, group.name, months, self._until)
        values = target_values(
            later, 0, self._draws, seed=self._seed, targets=(self._target,), executor=self._executor
        )[:, 0]
        hit = self._target.is_reached(values)
        return Delay(
            months,
            proportion(hit.astype(np.float64)),
            difference_of_shares(self.hit, hit),
            difference_of_means(self._values, values),
        )


def _in_a_row(holds: Iterator[bool]) -> int:
    """How many hold from the first on.

    >>> _in_a_row(iter([True, True, False, True]))
    2
    """
    count = 0
    for each in holds:
        if not each:
            break
        count += 1
    return count
