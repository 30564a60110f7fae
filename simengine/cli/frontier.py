"""`simengine frontier`: cost against probability."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from simengine.cli.output import json_option, print_advice, print_json, print_rich
from simengine.cli.steps import seed_option, simulating


@click.command("frontier", short_help="Cost against probability: what more money buys.")
@click.argument("plan")
@click.option("--reach", metavar="TARGET", help="Name of a target.  [default: the first that declares a confidence]")
@click.option("--budget", type=float, metavar="AMOUNT", help="What it may cost.  [default: as the plan limits it]")
@click.option("--points", type=int, default=8, show_default=True, metavar="N", help="Points at most.")
@click.option(
    "-n", "--draws", type=int, default=2_048, show_default=True, metavar="N", help="Frozen draws of the search."
)
@click.option("--verify", type=int, default=16_384, show_default=True, metavar="N", help="Fresh draws of each point.")
@seed_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="Write the points to DIR as scenario files, and draw them.",
)
@click.option("--overwrite", is_flag=True, help="Replace what is in DIR.")
@json_option
def command(
    plan: str,
    reach: str | None,
    budget: float | None,
    points: int,
    draws: int,
    verify: int,
    seed: int,
    output: Path,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Find the choices of the levers of PLAN of which none is both cheaper and likelier to reach a target.

    Each point is verified on fresh draws, and written as a scenario file that can be run.
    """
    from simengine.cli.steps import drawn, print_paths
    from simengine.decide.frontier import frontier
    from simengine.decide.scenario_files import free, write_scenarios
    from simengine.plan import load
    from simengine.report.frontier import frontier_facts, frontier_figure, frontier_table
    from simengine.report.solve import in_short

    checked = load(plan)
    names = [f"point-{number:02d}.yaml" for number in range(1, points + 1)]
    free(output, names, overwrite=overwrite)
    with simulating("Looking for the frontier") as progress:
        found = frontier(
            checked,
            target=reach,
            draws=draws,
            verify=verify,
            seed=seed,
            budget=budget,
            points=points,
            progress=lambda _, done, total: progress(done, total),
        )
    told = frontier_facts(found)
    scenarios = {
        name: (mix, f"{checked.plan.name}: point {one['number']}", in_short(one["levers"]))
        for name, mix, one in zip(names, found.mixes, told["points"], strict=False)
    }
    files = write_scenarios(found.levers, Path(plan), output, scenarios, overwrite=overwrite)
    figures = [drawn(frontier_figure(told), output, "frontier")]
    if as_json:
        print_json({**told, "scenarios": [str(file) for file in files], "figures": figures})
        return
    print_rich(frontier_table(told))
    print_paths(figures)
    print_advice(f"\nEach point is a scenario in {output}. Next: simengine run {shlex.quote(str(files[-1]))}")
