"""`simengine rank`: what a result hangs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from simengine.cli.output import json_option, print_json, print_rich

if TYPE_CHECKING:
    from xarray import Dataset


@click.command("rank", short_help="Rank what a result hangs on.")
@click.argument("run")
@click.option(
    "--target", metavar="NAME", help="A target of the plan, or a metric such as nrr.  [default: the first target]"
)
@click.option("--period", metavar="PERIOD", help="Of a metric: FY2027, FY2027-Q3 or 2027-03.")
@click.option("--misses", is_flag=True, help="What decides a target, and how a typical miss comes about.")
@click.option("--by", metavar="AMOUNT", type=float, help="Shortfall of the miss.  [default: the mean shortfall]")
@json_option
def command(run: str, target: str | None, period: str | None, misses: bool, by: float | None, as_json: bool) -> None:
    """Rank the assumptions, events and shocks of the run in the folder RUN by how much of the doubt each explains."""
    from simengine.archive import load_run
    from simengine.explain import rank
    from simengine.report.drivers import drivers
    from simengine.report.facts import headline
    from simengine.report.ranking import ranking

    ds = load_run(run).dataset
    if misses:
        _misses(ds, target or headline(ds), period, by, as_json)
        return
    if by is not None:
        raise click.UsageError("--by is for --misses")
    found = drivers(rank(ds, target or headline(ds), period=period), ds)
    if as_json:
        print_json(found)
    else:
        print_rich(ranking(found))


def _misses(ds: Dataset, target: str, period: str | None, by: float | None, as_json: bool) -> None:
    from simengine.explain import misses
    from simengine.report.misses import miss_facts
    from simengine.report.misses import misses as told

    facts = miss_facts(misses(ds, target, period=period, by=by), ds)
    if as_json:
        print_json(facts)
    else:
        print_rich(told(facts, ds.attrs["currency"]))
