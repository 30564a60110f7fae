"""`simengine walk`: why a probability changed from one run to the next."""

from __future__ import annotations

from pathlib import Path

import click

from simengine.cli.output import json_option, print_json, print_rich


@click.command("walk", short_help="Why a probability changed between two runs.")
@click.argument("run1")
@click.argument("run2")
@click.option(
    "--target", metavar="NAME", help="A target of both plans.  [default: the first of this plan that the last one has]"
)
@click.option(
    "--permutations",
    type=int,
    metavar="N",
    help="Random orders, two a draw.  [default: 2000; with --precision at most 100000]",
)
@click.option("--precision", type=float, metavar="P", help="Go on until each bar is known: 0.01 is a point either way.")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Draw it too, into DIR.")
@json_option
def command(
    run1: str,
    run2: str,
    target: str | None,
    permutations: int | None,
    precision: float | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Tell why a target is more or less likely in the run in RUN2 than in the one in RUN1.

    The change is shared out among facts, each belief that moved, and plan edits, by simulating paths between the two.
    """
    from simengine.archive import load_plan, load_run
    from simengine.cli.steps import drawn, print_paths, simulating
    from simengine.learn.walk import walk
    from simengine.report.walk import DRAWN, SHOWN, walk_facts, walk_table, waterfall

    old, new = load_run(run1).dataset, load_run(run2).dataset
    with simulating("Walking") as progress:
        found = walk(
            load_plan(run1),
            load_plan(run2),
            old,
            new,
            target=target,
            permutations=permutations,
            precision=precision,
            progress=progress,
        )
    figures = [] if output is None else [drawn(waterfall(walk_facts(found, DRAWN), new), output, "walk")]
    if as_json:
        print_json({**walk_facts(found), "figures": figures})
    else:
        print_rich(walk_table(walk_facts(found, SHOWN)))
        print_paths(figures)
