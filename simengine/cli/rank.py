"""`simengine rank`: what a result hangs on."""

from __future__ import annotations

import click

from simengine.cli.output import json_option, print_json, print_rich

SHOWN = 15
"""Assumptions that are shown, unless all are asked for."""


@click.command("rank", short_help="Rank what a result hangs on.")
@click.argument("run")
@click.option(
    "--target", metavar="NAME", help="A target of the plan, or a metric such as nrr.  [default: the first target]"
)
@click.option("--period", metavar="PERIOD", help="Of a metric: FY2027, FY2027-Q3 or 2027-03.")
@click.option("--all", "every", is_flag=True, help="Every assumption, not only the fifteen largest.")
@click.option("--groups", "by_group", is_flag=True, help="Also by owner, source, part of the plan, and quarter.")
@click.option("--tornado", is_flag=True, help="Also low and high in the forms of spreadsheets, and which misleads.")
@json_option
def command(
    run: str, target: str | None, period: str | None, every: bool, by_group: bool, tornado: bool, as_json: bool
) -> None:
    """Rank the assumptions, events and shocks of the run in the folder RUN by how much of the doubt each explains."""
    from simengine.archive import load_run
    from simengine.explain import rank
    from simengine.report.drivers import drivers
    from simengine.report.facts import headline
    from simengine.report.forms import forms
    from simengine.report.ranking import groups, ranking

    ds = load_run(run).dataset
    found = drivers(rank(ds, target or headline(ds), period=period), ds)
    if as_json:
        print_json(found)
    else:
        print_rich(ranking(found, None if every else SHOWN))
        if by_group:
            print_rich(groups(found))
        if tornado:
            print_rich(forms(found, SHOWN))
