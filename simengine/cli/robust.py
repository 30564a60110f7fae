"""`simengine robust`: how a plan fares when what it should watch turns out badly."""

from __future__ import annotations

from pathlib import Path

import click

from simengine.cli.output import json_option, print_json, print_rich
from simengine.cli.require import probability
from simengine.cli.steps import seed_option


@click.command("robust", short_help="How a plan fares if what it watches turns out badly.")
@click.argument("plan_file", metavar="PLAN")
@click.argument("scenario", required=False)
@click.option("--reach", metavar="TARGET", help="A target of the plan.  [default: the first one]")
@click.option("--watch", multiple=True, metavar="NAME", help="Watch this assumption or event too. Repeatable.")
@click.option("--confidence", metavar="P", help="As 0.8 or 80%.  [default: what the target declares]")
@click.option("-n", "--draws", type=int, default=4096, show_default=True, metavar="N", help="Paths of each case.")
@seed_option
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Draw it too, into DIR.")
@json_option
def command(
    plan_file: str,
    scenario: str | None,
    reach: str | None,
    watch: tuple[str, ...],
    confidence: str | None,
    draws: int,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Hold PLAN, or SCENARIO with PLAN beside it, against the watch list: each entry at its adverse tenth.

    The list: assumptions with a trigger, the largest drivers, what is of high impact and little known, and risks.
    """
    from simengine.cli.steps import drawn, print_paths, simulating
    from simengine.decide.robust import robust
    from simengine.plan import load
    from simengine.report.robust import robust_dots, robust_facts, robust_table

    wanted = None if confidence is None else probability(confidence, "--confidence")
    first = load(plan_file)
    chosen, base = (first, None) if scenario is None else (load(scenario), first)
    with simulating("Turning out badly") as progress:
        found = robust(
            chosen,
            base=base,
            target=reach,
            watch=watch,
            confidence=wanted,
            draws=draws,
            seed=seed,
            progress=progress,
        )
    told = robust_facts(found)
    figures = [] if output is None else [drawn(robust_dots(told, found), output, "robust")]
    if as_json:
        print_json({**told, "figures": figures})
    else:
        print_rich(robust_table(told))
        print_paths(figures)
