"""`simengine lookback`: what the year behind was like, as a planning year starts."""

from __future__ import annotations

from datetime import date

import click

from simengine.cli.output import json_option, print_json, print_rich
from simengine.cli.records import as_of_option, fiscal_option, records


@click.command("lookback", short_help="Attainment, productivity, win rates, forecasts of the year behind.")
@click.argument("history")
@as_of_option
@click.option(
    "--period",
    metavar="PERIOD",
    help="Like FY2026 or FY2026-Q4.  [default: the last twelve months, as far as sales are on record]",
)
@fiscal_option
@json_option
def command(history: str, as_of: date | None, period: str | None, fiscal_year_start: int, as_json: bool) -> None:
    """Say what the records in HISTORY tell of a year that has ended.

    Attainment by segment, region and person, productivity, win rates, cycles, deal sizes, and forecasts against what
    came. HISTORY is a mapping file (`simengine history` checks it).
    """
    from simengine.learn.lookback import lookback
    from simengine.report.lookback import lookback_facts, lookback_tables

    done = records(history, as_of).history
    sections = lookback(done, period=period, fiscal_year_start=fiscal_year_start)
    if as_json:
        print_json({"as_of": str(done.as_of), "sections": lookback_facts(sections)})
    else:
        print_rich(lookback_tables(sections, done.currency or "USD"))
