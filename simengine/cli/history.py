"""`simengine history`: whether a company's records can be used, and what was found in them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import click

from simengine.cli.output import json_option, print_json, print_rich
from simengine.cli.records import as_of_option

if TYPE_CHECKING:
    from simengine.learn.quality import Report


@click.command("history", short_help="Read a company's records, say what is wrong with them.")
@click.argument("history")
@as_of_option
@click.option("--plan", metavar="PLAN", help="Check names of segments, channels, stages, roles and seats against it.")
@json_option
@click.pass_context
def command(ctx: click.Context, history: str, as_of: date | None, plan: str | None, as_json: bool) -> None:
    """Read the records that the mapping file HISTORY leads to, and report their quality.

    Each record that is not used is counted, with the reason. What would mislead is refused, with exit code 2.
    """
    from simengine.learn.actuals import read
    from simengine.learn.quality import HistoryError
    from simengine.plan import load

    checked = None if plan is None else load(plan)
    try:
        done = read(history, as_of=as_of, plan=checked)
    except HistoryError as error:
        if as_json:
            problems = [{name: getattr(problem, name) for name in problem.__slots__} for problem in error.problems]
            print_json({"ok": False, "problems": problems, **_facts(error.report)})
            ctx.exit(error.exit_code)
        if error.report is not None:
            _show(error.report)
        raise
    if as_json:
        since = {name: day.isoformat() for name, day in done.history.since.items()}
        origins = {name: origin._asdict() for name, origin in done.history.origins.items()}
        print_json({"ok": True, "problems": [], **_facts(done.report), "since": since, "origins": origins})
    else:
        _show(done.report)


def _facts(report: Report | None) -> dict[str, object]:
    return {} if report is None else report.facts()


def _show(report: Report) -> None:
    from simengine.report.history import quality

    print_rich(quality(report))
