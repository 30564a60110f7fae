"""`simengine handover`: the chosen plan as tables for the systems that execute it."""

from __future__ import annotations

from pathlib import Path

import click

from simengine.cli.output import echo, json_option, print_json, print_rich


@click.command("handover", short_help="Quotas, territories, requisitions, budget as CSV.")
@click.argument("plan_file", metavar="PLAN")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Where the files go."
)
@click.option("--against", metavar="BASE", help="The plan that it departs from: says which hires are new.")
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
@json_option
def command(plan_file: str, output: Path, against: str | None, overwrite: bool, as_json: bool) -> None:
    """Write PLAN as CSV files: quotas by seat, territories, requisitions with dates, budget by team and month.

    Whole people, at the values of the operating plan.
    """
    from simengine.archive.files import write_files
    from simengine.decide.handover import handover
    from simengine.plan import load
    from simengine.reading.operating import spans
    from simengine.report.handover import handover_facts, handover_table
    from simengine.units import month_label

    plan, base = load(plan_file), None if against is None else load(against)
    tables = handover(plan, base=base)
    write_files({output / name: made.csv() for name, made in tables.items()}, overwrite=overwrite)
    start = plan.plan.start
    years = {
        year.label: [month_label(start + t) for t in range(year.first, year.last + 1)] for year in spans(plan.plan, 12)
    }
    told = handover_facts(tables, plan.title, plan.plan.currency, years)
    if as_json:
        print_json({**told, "paths": [str(output / file) for file in tables]})
    else:
        print_rich(handover_table(told))
        echo("\n".join(str(output / file) for file in tables))
