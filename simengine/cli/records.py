"""What commands share that read a company's records."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import click

from simengine.cli.output import echo

if TYPE_CHECKING:
    from datetime import datetime

    from simengine.learn.actuals import Read
    from simengine.plan import Plan

fiscal_option = click.option(
    "--fiscal-year-start",
    type=click.IntRange(1, 12),
    default=1,
    show_default=True,
    metavar="MONTH",
    help="First month of the fiscal year.",
)


def _day(_: click.Context, __: click.Parameter, value: datetime | None) -> date | None:
    return None if value is None else value.date()


as_of_option = click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DAY",
    callback=_day,
    help="The last day that the records speak of.  [default: as the file says]",
)


def records(path: str, as_of: date | None, plan: Plan | None = None) -> Read:
    """Read records, and say on standard error what is not used of them."""
    from simengine.learn.actuals import read

    done = read(path, as_of=as_of, plan=plan)
    for name, tally in done.report.tallies.items():
        left = tally.read - tally.used
        if left:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in tally.dropped.items())
            echo(f"{name}: {left:,} of {tally.read:,} records are not used: {reasons}.", err=True)
    if done.report.findings:
        echo(f"simengine history {path} says what else was found in the records.", err=True)
    return done
