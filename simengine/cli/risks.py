"""`simengine risks`: which way assumptions hurt, what surprises, what to watch, where the plan hopes."""

from __future__ import annotations

from pathlib import Path

import click

from simengine.cli.output import json_option, print_json, print_rich


@click.command("risks", short_help="Directions, surprises, the watch list, hope.")
@click.argument("run")
@click.option("--target", metavar="NAME", help="A target of the plan.  [default: the first target]")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Draw impact against certainty into DIR."
)
@json_option
def command(run: str, target: str | None, output: Path | None, as_json: bool) -> None:
    """Hold what the plan in RUN declares of its risks against what it simulates.

    Which assumptions hurt on the other side than declared, what jumps, bends, turns or acts only together, what is of
    high impact and rests on little, and what hopeful plan values are worth.
    """
    from simengine.archive import load_run
    from simengine.cli.steps import by_certainty, drawn, print_paths
    from simengine.explain import direction, rank
    from simengine.report.facts import headline
    from simengine.report.quadrant import quadrant
    from simengine.report.risks import risk_facts, risks

    ds = load_run(run).dataset
    name = target or headline(ds)
    found, ranking = direction(ds, name), rank(ds, name)
    told = risk_facts(found, by_certainty(ds, ranking), ranking, ds)
    figures = [] if output is None else [drawn(quadrant(ds, told), output, "certainty")]
    if as_json:
        print_json({**told, "figures": figures})
    else:
        print_rich(risks(told))
        print_paths(figures)
