"""`simengine solve`: the cheapest choice of levers that makes a target as likely as is asked."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from simengine.cli.output import json_option, json_text, print_advice, print_json, print_rich
from simengine.cli.steps import seed_option, simulating

CHOSEN, FOUND = "chosen.yaml", "solution.json"
"""Files of the folder: the choice as a scenario, and all that was found, which `simengine report --solved` shows."""


@click.command("solve", short_help="The cheapest choice of levers that makes a target likely enough.")
@click.argument("plan")
@click.option("--reach", metavar="TARGET", help="Name of a target.  [default: the first that declares a confidence]")
@click.option("--at-least", type=float, metavar="AMOUNT", help="In the place of the target's amount.")
@click.option("--confidence", type=float, metavar="P", help="How likely: 0.8.  [default: what the target declares]")
@click.option("--budget", type=float, metavar="AMOUNT", help="What it may cost.  [default: as the plan limits it]")
@click.option(
    "-n", "--draws", type=int, default=2_048, show_default=True, metavar="N", help="Frozen draws of the search."
)
@click.option(
    "--verify", type=int, default=65_536, show_default=True, metavar="N", help="Fresh paths of each choice verified."
)
@click.option(
    "--evaluations", type=int, default=300, show_default=True, metavar="N", help="Choices that are tried at most."
)
@click.option(
    "--candidates", type=int, default=3, show_default=True, metavar="N", help="Choices that are verified at most."
)
@seed_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write the choice to DIR as a scenario file, and what was found.",
)
@click.option("--overwrite", is_flag=True, help="Replace what is in DIR.")
@json_option
def command(
    plan: str,
    reach: str | None,
    at_least: float | None,
    confidence: float | None,
    budget: float | None,
    draws: int,
    verify: int,
    evaluations: int,
    candidates: int,
    seed: int,
    output: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Find the cheapest choice of the levers of PLAN that makes a target likely enough, and verify it on fresh paths.

    The plan declares what could be done under `levers`, and what must not be exceeded under `limits`.
    """
    from simengine.archive.files import write_files
    from simengine.decide.scenario_files import free, write_scenarios
    from simengine.decide.solve import solve
    from simengine.plan import load
    from simengine.report.solve import solve_facts, solve_tables, story

    checked = load(plan)
    if output is not None:
        free(output, [CHOSEN, FOUND], overwrite=overwrite)
    with simulating("Solving") as progress:
        found = solve(
            checked,
            target=reach,
            at_least=at_least,
            confidence=confidence,
            draws=draws,
            verify=verify,
            seed=seed,
            budget=budget,
            evaluations=evaluations,
            candidates=candidates,
            progress=lambda _, done, total: progress(done, total),
        )
    told = solve_facts(found)
    files = []
    if output is not None and found.chosen is not None:
        name = f"{checked.plan.name}: {found.target.name} at {100 * found.confidence:.10g}%"
        scenario = {CHOSEN: (found.chosen, name, story(told))}
        files = write_scenarios(found.levers, Path(plan), output, scenario, overwrite=overwrite)
    if output is not None:
        write_files({output / FOUND: json_text(told)}, overwrite=overwrite)
    if as_json:
        print_json({**told, "scenarios": [str(file) for file in files]})
        return
    print_rich(solve_tables(told))
    for file in files:
        print_advice(f"\nThe choice is in {file}. Next: simengine run {shlex.quote(str(file))}")
    if found.chosen is not None and output is None:
        print_advice("\nAdd -o DIR to write the choice as a scenario that can be run.")
