"""`simengine averages`: from the operating plan to what is likely."""

from __future__ import annotations

from pathlib import Path

import click

from simengine.cli.output import json_option, print_json, print_rich


@click.command("averages", short_help="What the averages of a plan hide.")
@click.argument("run")
@click.option("--target", metavar="NAME", help="A target of the plan, or a metric.  [default: the first target]")
@click.option("--period", metavar="PERIOD", help="Of a metric: FY2027, FY2027-Q3 or 2027-03.")
@click.option(
    "--spreadsheets",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    metavar="N",
    help="Draws to work out as spreadsheets: four times as many halve the intervals.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Draw the steps into DIR.")
@json_option
def command(
    run: str, target: str | None, period: str | None, spreadsheets: int, output: Path | None, as_json: bool
) -> None:
    """Walk from the operating plan of the run in RUN to its simulated mean, in steps that add up.

    Hope in the plan values, skewed beliefs, doubt that does not cancel, and what no spreadsheet has: whole people,
    queues, luck.
    """
    from simengine.archive import load_plan, load_run
    from simengine.cli.steps import counting, drawn, print_paths
    from simengine.explain import averages
    from simengine.report.averages import average_facts, waterfall
    from simengine.report.averages import averages as table
    from simengine.report.facts import headline

    ds, plan = load_run(run).dataset, load_plan(run)
    with counting("Working out spreadsheets") as progress:
        walked = averages(ds, plan, target or headline(ds), period=period, spreadsheets=spreadsheets, progress=progress)
    told = average_facts(walked)
    figures = [] if output is None else [drawn(waterfall(ds, told), output, "averages")]
    if as_json:
        print_json({**told, "figures": figures})
    else:
        print_rich(table(told))
        print_paths(figures)
