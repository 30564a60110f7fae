"""`simengine gap`: a target against the plan that is to meet it, and what would close the gap."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from simengine.cli.output import json_option, print_json, print_rich
from simengine.cli.records import as_of_option, records
from simengine.cli.steps import seed_option


@click.command("gap", short_help="Top-down against bottom-up, and what would close the gap.")
@click.argument("plan")
@click.option("--reach", metavar="TARGET", help="The target that is to be met.  [default: the plan's first]")
@click.option(
    "--confidence", type=float, metavar="P", help="How surely, such as 0.8.  [default: as the target says, or 0.8]"
)
@click.option("--history", metavar="HISTORY", help="Mapping file of records: has such a value ever been seen?")
@as_of_option
@click.option("-n", "--draws", type=int, default=4_096, show_default=True, metavar="N", help="Paths to simulate.")
@seed_option
@click.option("--no-levers", is_flag=True, help="Only the gap: do not look for what would close it.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Draw it too, into DIR.")
@json_option
def command(
    plan: str,
    reach: str | None,
    confidence: float | None,
    history: str | None,
    as_of: date | None,
    draws: int,
    seed: int,
    no_levers: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Hold a target (top-down) against the file PLAN, worked out at plan values (bottom-up) and simulated.

    By channel, segment, new business and retention; then what each lever would have to be to close the gap alone, at
    plan values and with the confidence that is wanted, and whether anybody has seen it there.
    """
    from simengine.cli.steps import drawn, print_paths, simulating
    from simengine.decide.gap import gap
    from simengine.plan import load
    from simengine.report.gap import gap_facts, gap_tables, waterfall

    checked = load(plan)
    done = None if history is None else records(history, as_of, checked).history
    with simulating("Closing the gap", "levers") as progress:
        found = gap(
            checked,
            reach,
            confidence=confidence,
            history=done,
            draws=draws,
            seed=seed,
            levers=not no_levers,
            progress=progress,
        )
    told = gap_facts(found)
    name = f"{checked.plan.name} {checked.plan.version}".strip()
    figures = [drawn(waterfall(told, name), output, "gap")] if output is not None and told["bridge"] else []
    if as_json:
        print_json({**told, "figures": figures})
    else:
        print_rich(gap_tables(told))
        print_paths(figures)
