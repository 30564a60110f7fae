"""`simengine score`: how past runs did against what happened since."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simengine.cli.output import json_option, print_json, print_rich
from simengine.cli.records import as_of_option, records
from simengine.errors import SimengineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simengine.learn.history import History
    from simengine.learn.readings import Reading
    from simengine.learn.score import Actual
    from simengine.plan import Plan


@click.command("score", short_help="Past runs against what happened.")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("--actuals", required=True, metavar="HISTORY", help="Mapping file of the records since.")
@as_of_option
@json_option
def command(runs: tuple[str, ...], actuals: str, as_of: date | None, as_json: bool) -> None:
    """Say how the forecasts of each RUN did, for every quarter that has ended since.

    RUN is a folder of a run, or one that holds such folders. Coverage of intervals, scores beside the operating plan's
    number, targets, and beliefs by owner and kind of source against what the records show. Segments are scored where a
    run was made with --detail segment.
    """
    from simengine.archive import load_plan, load_run
    from simengine.learn.happened import last_month
    from simengine.learn.score import belief_scores, calibration, forecasts, joined, scores, target_scores
    from simengine.report.score import calibration_facts, facts_of, score_tables
    from simengine.units import month_label

    folders = [folder for given in runs for folder in _folders(Path(given))]
    plans = {str(folder): load_plan(folder) for folder in folders}
    datasets = {str(folder): load_run(folder).dataset for folder in folders}
    history = records(actuals, as_of).history
    until = month_label(last_month(history.as_of))
    told = {name: _actual(history, plan) for name, plan in plans.items()}
    found = [f for name, ds in datasets.items() for f in forecasts({name: ds}, told[name], until)]
    scored = scores(found)
    targets = joined(target_scores({name: ds}, told[name], until) for name, ds in datasets.items())
    beliefs = joined(belief_scores(ds, _readings(history, plans[name]), name) for name, ds in datasets.items())
    groups = ("metric", "segment", "period", "ahead") if found else ()
    calibrations = {by: calibration(scored, by) for by in groups}
    owners = {by: calibration(beliefs, by) for by in ("owner", "source_kind")} if beliefs.sizes["forecast"] else {}
    if as_json:
        print_json(
            {
                "until": until,
                "forecasts": facts_of(scored),
                "targets": {"brier": targets.attrs["brier"], "rows": facts_of(targets)},
                "assumptions": facts_of(beliefs),
                "calibration": {by: calibration_facts(each) for by, each in {**calibrations, **owners}.items()},
            }
        )
    else:
        print_rich(score_tables(scored, targets, calibrations, owners))


def _folders(given: Path) -> list[Path]:
    """The folder itself where it is a run, else the runs in it, by name."""
    from simengine.archive import is_run

    inside = (
        [given] if is_run(given) else sorted(path for path in given.iterdir() if is_run(path)) if given.is_dir() else []
    )
    if not inside:
        raise SimengineError(f"{given} holds no run; name the folder of a run, or one that holds such folders")
    return inside


def _actual(history: History, plan: Plan) -> Actual:
    from simengine.learn.happened import actual_value

    def actual(metric: str, period: str, where: Mapping[str, str]) -> float:
        return actual_value(history, plan, metric, period, where)

    return actual


def _readings(history: History, plan: Plan) -> Mapping[str, Reading]:
    from simengine.learn.readings import readings

    return readings(plan, history)
