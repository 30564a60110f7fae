"""`simengine backtest`: whether forecasts made of this history would have been right."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simengine.cli.output import json_option, print_json, print_rich
from simengine.cli.records import as_of_option, fiscal_option, records
from simengine.cli.steps import seed_option
from simengine.errors import SimengineError

if TYPE_CHECKING:
    from datetime import datetime


@click.command("backtest", short_help="Forecast past quarters from what was known then.")
@click.argument("history")
@as_of_option
@click.option(
    "--from",
    "first",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    metavar="DAY",
    help="The first day from which a forecast is made, at the end of its quarter.",
)
@click.option("-n", "--draws", type=int, default=2_000, show_default=True, metavar="N", help="Paths of each forecast.")
@seed_option
@fiscal_option
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Draw forecasts against what came."
)
@json_option
def command(
    history: str,
    as_of: date | None,
    first: datetime,
    draws: int,
    seed: int,
    fiscal_year_start: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Go back to the end of each quarter, fit the records that were known then, simulate, and compare with what came.

    Beside the forecasts stand those that cost nothing, and the spreadsheet's answer.
    """
    from simengine.cli.steps import drawn, print_paths, simulating
    from simengine.learn.backtest import backtest, quarter_ends
    from simengine.learn.score import calibration
    from simengine.report.backtest import backtest_facts, backtest_figure, backtest_tables

    done = records(history, as_of).history
    days = quarter_ends(done, first.date(), fiscal_year_start)
    if not days:
        raise SimengineError(
            f"no quarter ends on or after {first.date()} with a whole one behind it by {done.as_of}; "
            "choose an earlier --from"
        )
    with simulating("Forecasting", "quarters") as progress:
        found = backtest(
            done,
            days,
            currency=done.currency or "USD",
            fiscal_year_start=fiscal_year_start,
            draws=draws,
            seed=seed,
            progress=progress,
        )
    covered = calibration(found, "metric")
    source = f"Records to {done.as_of}; {draws:,} paths a forecast, seed {seed}"
    metrics = [] if output is None else list(dict.fromkeys(found["metric"].values.tolist()))
    figures = [
        drawn(backtest_figure(found, metric, source), output, f"backtest.{metric}")
        for metric in metrics
        if output is not None
    ]
    if as_json:
        print_json({**backtest_facts(found, covered), "figures": figures})
    else:
        print_rich(backtest_tables(found, covered))
        print_paths(figures)
