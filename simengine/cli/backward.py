"""`simengine backward`: a plan read backward from its target."""

from __future__ import annotations

import click

from simengine.cli.output import json_option, print_json, print_rich
from simengine.cli.steps import seed_option


@click.command("backward", short_help="By when to hire, what delay costs, how many people.")
@click.argument("plan")
@click.option("--reach", metavar="TARGET", help="The target that is to be met.  [default: the plan's first]")
@click.option(
    "--productive-by",
    metavar="PERIOD",
    help="Like FY2027-Q3 or 2027-09.  [default: the last quarter of the target's period]",
)
@click.option(
    "--confidence", type=float, metavar="P", help="How surely, such as 0.8.  [default: as the target says, or 0.8]"
)
@click.option(
    "--allowed", type=float, default=0.02, show_default=True, metavar="P", help="Drop of P(hit) a delay may cost."
)
@click.option(
    "--delays", type=int, default=6, show_default=True, metavar="N", help="Months that hires are put off at most."
)
@click.option("-n", "--draws", type=int, default=1_024, show_default=True, metavar="N", help="Paths to simulate.")
@seed_option
@json_option
def command(
    plan: str,
    reach: str | None,
    productive_by: str | None,
    confidence: float | None,
    allowed: float,
    delays: int,
    draws: int,
    seed: int,
    as_json: bool,
) -> None:
    """Read the file PLAN backward from a target.

    By when people must be hired to be productive in time, what each month of delay costs, the over-assignment that
    makes this team book its plan, and how many ramped people the target needs, quarter by quarter.
    """
    from simengine.cli.steps import simulating
    from simengine.decide.backward import backward
    from simengine.plan import load
    from simengine.report.backward import backward_facts, backward_tables

    checked = load(plan)
    with simulating("Putting hires off", "simulations") as progress:
        found = backward(
            checked,
            reach,
            productive_by=productive_by,
            confidence=confidence,
            allowed=allowed,
            delays=delays,
            draws=draws,
            seed=seed,
            progress=progress,
        )
    told = backward_facts(found)
    if as_json:
        print_json(told)
    else:
        print_rich(backward_tables(told))
