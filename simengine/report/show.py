"""Any result as a reader sees it: one function for all that the other functions return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import xarray as xr

from simengine.errors import SimengineError
from simengine.report.shown import Shown

if TYPE_CHECKING:
    from simengine.learn.scorecard import Alarm


def show(
    result: Any,
    run: xr.Dataset | None = None,
    *,
    currency: str = "USD",
    alarms: Sequence[Alarm] | None = None,
) -> Shown:
    """Show a result as its command prints it: a table in a notebook, text in a terminal.

    Parameters
    ----------
    result : a plan; a run, ranking, audit, comparison, walk or any other dataset of this package; or what `gap`,
        `backward`, `solve`, `frontier`, `diff`, `fit` or `update` return
    run : the run that a ranking, an audit, misses or a value of information are of; and whose name stands under a
        figure
    currency : of what `fit` returns
    alarms : of a scorecard, from `learn.scorecard.alarms`

    Returns
    -------
    Shown
        `facts` are its plain numbers, `data` its dataset, `figure()` draws it

    Raises
    ------
    SimengineError
        where nothing is known of such a thing, or its run is missing

    Examples
    --------
    >>> import simengine as se
    >>> plan = se.load("tests/plans/tiny.yaml")
    >>> print(str(se.show(plan)).splitlines()[0])
    Tiny  ·  v1  ·  as of 2026-12-31
    """
    if isinstance(result, xr.Dataset) and "figure_plan" in result.variables:
        return _scorecard(result, alarms)
    if isinstance(result, xr.Dataset):
        return _of_dataset(result, run)
    make = _OBJECTS.get(type(result).__name__)
    if make is None:
        raise SimengineError(f"nothing is known of how to show {type(result).__name__}; print it instead")
    return make(result, run if make is not _fit else currency)


def _of_dataset(ds: xr.Dataset, run: xr.Dataset | None) -> Shown:
    for mark, (make, needs_run) in _DATASETS.items():
        if mark in ds.variables:
            if needs_run and run is None:
                raise SimengineError("this is told with names of its run; give that too, as in show(ranking, run)")
            return make(ds, run)
    raise SimengineError("this dataset is none of simengine's; print it instead")


# ---- datasets ----


def _run(ds: xr.Dataset, _: xr.Dataset | None) -> Shown:
    from simengine.report.accessor import Sim

    return Sim(ds).summary()


def _ranking(found: xr.Dataset, run: xr.Dataset) -> Shown:
    from simengine.report.drivers import drivers
    from simengine.report.ranking import ranking
    from simengine.report.tornado import tornado

    told = drivers(found, run)
    return Shown(ranking(told, _ROWS), told, found, partial(tornado, run, found))


def _audit(found: xr.Dataset, run: xr.Dataset) -> Shown:
    from simengine.report.audit import audit_facts, audit_table

    told = audit_facts(found, run)
    return Shown(audit_table(told), told, found)


def _misses(found: xr.Dataset, run: xr.Dataset) -> Shown:
    from simengine.report.misses import miss_facts, misses
    from simengine.report.shortfall import no_shortfall, shortfall

    told = miss_facts(found, run)
    picture = None if no_shortfall(told) else partial(shortfall, run, told)
    return Shown(misses(told, run.attrs["currency"]), told, found, picture)


def _triggers(found: xr.Dataset, run: xr.Dataset | None) -> Shown:
    from simengine.report.alarms import alarm_tables, alarms
    from simengine.report.gauges import gauges, no_gauges

    told = alarms(found)
    picture = None if run is None or no_gauges(told) else partial(gauges, run, told)
    return Shown(alarm_tables(told), told, found, picture)


def _averages(found: xr.Dataset, run: xr.Dataset | None) -> Shown:
    from simengine.report.averages import average_facts, averages, waterfall

    told = average_facts(found)
    return Shown(averages(told), told, found, None if run is None else partial(waterfall, run, told))


def _information(found: xr.Dataset, run: xr.Dataset) -> Shown:
    from simengine.report import information
    from simengine.report.worth import worth

    told = information.facts(found, run)
    return Shown(information.information(told), told, found, partial(worth, told, run))


def _comparison(found: xr.Dataset, _: Any) -> Shown:
    from simengine.report.compare import chances, compare_facts, compare_tables

    told = compare_facts(found)
    return Shown(compare_tables(told), told, found, partial(chances, told, found))


def _walk(found: xr.Dataset, run: xr.Dataset | None) -> Shown:
    from simengine.report.walk import DRAWN, SHOWN, walk_facts, walk_table, waterfall

    picture = None if run is None else partial(waterfall, walk_facts(found, DRAWN), run)
    return Shown(walk_table(walk_facts(found, SHOWN)), walk_facts(found), found, picture)


def _levers(found: xr.Dataset, run: xr.Dataset | None) -> Shown:
    from simengine.report.levers import lever_bars, lever_facts, lever_tables

    told = lever_facts(found)
    return Shown(lever_tables(told), told, found, partial(lever_bars, told, found))


def _robust(found: xr.Dataset, run: xr.Dataset | None) -> Shown:
    from simengine.report.robust import robust_dots, robust_facts, robust_table

    told = robust_facts(found)
    return Shown(robust_table(told), told, found, partial(robust_dots, told, found))


def _scorecard(found: xr.Dataset, rung: Sequence[Alarm] | None) -> Shown:
    from simengine.report.scorecard import scorecard_facts, scorecard_tables

    if rung is None:
        raise SimengineError(
            "a scorecard is told with its alarms: show(card, alarms=alarms(plan, history, beliefs)), of "
            "simengine.learn.scorecard"
        )
    return Shown(scorecard_tables(found, rung, {}, every=False), scorecard_facts(found, rung, {}), found)


_ROWS = 12
"""Assumptions of a ranking that have a row."""
_DATASETS: dict[str, tuple[Callable[..., Shown], bool]] = {
    "assumption_value": (_run, False),
    "narrowing": (_ranking, True),
    "runs": (_audit, True),
    "hit_share": (_misses, True),
    "observed_as": (_triggers, False),
    "step": (_averages, False),
    "evpi": (_information, True),
    "p_told": (_comparison, False),
    "player": (_walk, False),
    "choice": (_levers, False),
    "case": (_robust, False),
}
"""By a variable that none below has: how it is shown, and whether that takes the run."""


# ---- plans, and what is decided and learnt of them ----


def _plan(plan: Any, _: Any) -> Shown:
    from simengine.report.overview import plan_facts, plan_tables

    told = plan_facts(plan)
    return Shown(plan_tables(told), told)


def _gap(found: Any, run: xr.Dataset | None) -> Shown:
    from simengine.report.gap import gap_facts, gap_tables, waterfall

    told = gap_facts(found)
    name = "" if run is None else str(run.attrs["plan"])
    return Shown(gap_tables(told), told, picture=partial(waterfall, told, name) if told["bridge"] else None)


def _backward(found: Any, _: Any) -> Shown:
    from simengine.report.backward import backward_facts, backward_tables

    told = backward_facts(found)
    return Shown(backward_tables(told), told)


def _solution(found: Any, _: Any) -> Shown:
    from simengine.report.solve import solve_facts, solve_tables

    told = solve_facts(found)
    return Shown(solve_tables(told), told)


def _frontier(found: Any, _: Any) -> Shown:
    from simengine.report.frontier import frontier_facts, frontier_figure, frontier_table

    told = frontier_facts(found)
    return Shown(frontier_table(told), told, picture=partial(frontier_figure, told))


def _diff(found: Any, _: Any) -> Shown:
    from simengine.report.diff import diff_facts, diff_table, waterfall

    told = diff_facts(found)
    return Shown(diff_table(told), told, picture=partial(waterfall, told) if told.get("effect") else None)


def _fit(found: Any, currency: str) -> Shown:
    from simengine.report.fit import fit_facts, fit_tables

    return Shown(fit_tables(found, currency), fit_facts(found))


def _updated(found: Any, _: Any) -> Shown:
    from simengine.report.update import at_a_glance, facts

    return Shown(at_a_glance(found), facts(found))


_OBJECTS: dict[str, Callable[..., Shown]] = {
    "Plan": _plan,
    "Gap": _gap,
    "Backward": _backward,
    "Solution": _solution,
    "Frontier": _frontier,
    "Diff": _diff,
    "Fit": _fit,
    "Updated": _updated,
}
