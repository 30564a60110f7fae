"""`simengine levers`: what each lever of a plan is worth, by step, by money and by week of delay."""

from __future__ import annotations

from pathlib import Path

import click

from simengine.cli.output import json_option, print_json, print_rich
from simengine.cli.steps import seed_option


@click.command("levers", short_help="What each lever of the plan is worth.")
@click.argument("plan_file", metavar="PLAN")
@click.option("--reach", metavar="TARGET", help="A target of the plan.  [default: the first one]")
@click.option("-n", "--draws", type=int, default=4096, show_default=True, metavar="N", help="Paths of each choice.")
@seed_option
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Draw it too, into DIR.")
@json_option
def command(plan_file: str, reach: str | None, draws: int, seed: int, output: Path | None, as_json: bool) -> None:
    """Move every lever of PLAN alone, and tell what it does to the probability of a target, and beside it.

    By one step, by its whole range, and by its whole range a month later; all on the same draws.
    """
    from simengine.cli.steps import drawn, print_paths, simulating
    from simengine.decide.worth import worth
    from simengine.plan import load
    from simengine.report.levers import lever_bars, lever_facts, lever_tables

    with simulating("Moving levers") as progress:
        found = worth(load(plan_file), target=reach, draws=draws, seed=seed, progress=progress)
    told = lever_facts(found)
    figures = [] if output is None else [drawn(lever_bars(told, found), output, "levers")]
    if as_json:
        print_json({**told, "figures": figures})
    else:
        print_rich(lever_tables(told))
        print_paths(figures)
