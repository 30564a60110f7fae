"""`simengine diff`: what differs between two plans, and what each difference does."""

from __future__ import annotations

from pathlib import Path

import click

from simengine.cli.output import json_option, print_json, print_rich
from simengine.cli.steps import seed_option


@click.command("diff", short_help="What differs between two plans, and what it does to P.")
@click.argument("plan1")
@click.argument("plan2")
@click.option(
    "--reach", metavar="TARGET", help="A target of both plans.  [default: the first of PLAN2 that PLAN1 has too]"
)
@click.option("--no-simulate", is_flag=True, help="Only list what differs.")
@click.option("-n", "--draws", type=int, default=4096, show_default=True, metavar="N", help="Paths of each plan.")
@click.option(
    "--orders", type=int, default=2000, show_default=True, metavar="N", help="Random orders of the changes, two a draw."
)
@seed_option
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Draw it too, into DIR.")
@json_option
def command(
    plan1: str,
    plan2: str,
    reach: str | None,
    no_simulate: bool,
    draws: int,
    orders: int,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """List everything that PLAN2 says otherwise than PLAN1, and what each part of it does to the chance of a target.

    Two versions of a plan, or a scenario and its base. What they say in other words, in another order or with other
    comments is the same.
    """
    from simengine.plan import load

    old, new = load(plan1), load(plan2)
    if no_simulate or not (old.targets or new.targets):
        from simengine.decide.changes import changes
        from simengine.report.diff import diff_table, list_facts

        told = list_facts(old, new, changes(old, new))
        if as_json:
            print_json({**told, "figures": []})
        else:
            print_rich(diff_table(told))
        return
    from simengine.cli.steps import drawn, print_paths, simulating
    from simengine.decide.diff import diff
    from simengine.report.diff import diff_facts, diff_table, waterfall

    with simulating("Comparing") as progress:
        found = diff(old, new, target=reach, draws=draws, orders=orders, seed=seed, progress=progress)
    told = diff_facts(found)
    figures = [] if output is None or found.effect is None else [drawn(waterfall(told), output, "diff")]
    if as_json:
        print_json({**told, "figures": figures})
    else:
        print_rich(diff_table(told))
        print_paths(figures)
