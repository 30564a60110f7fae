"""`simengine update`: a plan with what has happened since."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from simengine.cli.output import json_option, print_json, print_rich

if TYPE_CHECKING:
    from datetime import datetime

KINDS = ("customers", "accounts", "pipeline", "leads", "people", "cash")


@click.command("update", short_help="Update a plan with what has happened.")
@click.argument("plan")
@click.option("--actuals", required=True, metavar="HISTORY", help="The mapping file of the records.")
@click.option(
    "--as-of",
    required=True,
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DAY",
    help="The last day that is known: the end of a month of the plan.",
)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="PLAN2", help="File of the new plan."
)
@click.option(
    "--assume-plan",
    "assume",
    multiple=True,
    type=click.Choice(KINDS),
    help="Take this from the plan where the records do not tell it. Repeatable.",
)
@click.option("--overwrite", is_flag=True, help="Replace PLAN2 and the files beside it.")
@click.option(
    "-n", "--draws", type=click.IntRange(min=1000), default=4096, show_default=True, help="Draws of the beliefs."
)
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True, help="Of the chance in them.")
@json_option
def command(
    plan: str,
    actuals: str,
    as_of: datetime,
    output: Path,
    assume: tuple[str, ...],
    overwrite: bool,
    draws: int,
    seed: int,
    as_json: bool,
) -> None:
    """Write the plan in the file PLAN anew as it stands on a day: PLAN2, with files beside it.

    What the company is on that day is the opening state, months past are facts, and beliefs are conditioned on all that
    was recorded. The words, the order and the comments of PLAN stay.
    """
    from simengine.archive.files import check_folder, refuse_existing
    from simengine.learn.update import update
    from simengine.learn.written import write

    check_folder(output.parent)
    if not overwrite:
        refuse_existing([output], "choose another name with -o")
    updated = update(plan, actuals, as_of=as_of.date(), output=output, assume=assume, draws=draws, seed=seed)
    write(updated, output.parent, overwrite=overwrite)
    if as_json:
        from simengine.report.update import facts

        print_json({"plan": str(output), **facts(updated)})
        return
    from simengine.report.update import summary

    print_rich(summary(updated, plan, str(output)))
