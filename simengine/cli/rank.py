"""`simengine rank`: what a result hangs on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simengine.cli.output import echo, json_option, print_json, print_rich

if TYPE_CHECKING:
    import xarray as xr

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
@click.option("--misses", is_flag=True, help="What decides a target, and how a typical miss comes about.")
@click.option("--by", type=float, metavar="AMOUNT", help="Size of the miss.  [default: the mean shortfall]")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="With --misses: draw it into DIR.")
@click.option("--audit", is_flag=True, help="Simulate the plan anew, by a design that asks nothing of its shape.")
@click.option("--sobol", is_flag=True, help="Audit by first-order and total shares; of a plan without correlation.")
@click.option("--precision", type=float, metavar="P", help="Of an audit: 0.02 is 2 points either way.  [default: 0.02]")
@click.option("--budget", type=int, metavar="N", help="Of an audit: most paths.  [default: 500000]")
@json_option
def command(
    run: str,
    target: str | None,
    period: str | None,
    every: bool,
    by_group: bool,
    tornado: bool,
    misses: bool,
    by: float | None,
    output: Path | None,
    audit: bool,
    sobol: bool,
    precision: float | None,
    budget: int | None,
    as_json: bool,
) -> None:
    """Rank the assumptions, events and shocks of the run in the folder RUN by how much of the doubt each explains."""
    if [misses, audit or sobol, every or by_group or tornado].count(True) > 1:
        raise click.UsageError("--misses, --audit and the tables of the ranking are questions of their own: ask one")
    if not (audit or sobol) and (precision is not None or budget is not None):
        raise click.UsageError("--precision and --budget are of an audit: add --audit")
    if by is not None and not misses:
        raise click.UsageError("--by is the size of a miss: add --misses")
    if output is not None and not misses:
        raise click.UsageError("--output is of a miss: add --misses; simengine figures draws the ranking")
    from simengine.archive import load_run
    from simengine.explain import rank
    from simengine.report.drivers import drivers
    from simengine.report.facts import headline
    from simengine.report.forms import forms
    from simengine.report.ranking import groups, ranking

    ds = load_run(run).dataset
    asked = target or headline(ds)
    if misses:
        _misses(ds, asked, period, by, output, as_json)
        return
    found = rank(ds, asked, period=period)
    if audit or sobol:
        limits = {"precision": precision, "most_runs": budget}
        _audit(run, ds, found, sobol, {name: limit for name, limit in limits.items() if limit is not None}, as_json)
        return
    told = drivers(found, ds)
    if as_json:
        print_json(told)
        return
    print_rich(ranking(told, None if every else SHOWN))
    if by_group:
        print_rich(groups(told))
    if tornado:
        print_rich(forms(told, SHOWN))


def _audit(run: str, ds: xr.Dataset, ranking: xr.Dataset, sobol: bool, limits: dict[str, Any], as_json: bool) -> None:
    from simengine.archive import load_plan
    from simengine.cli.steps import simulating
    from simengine.explain.audit import audit, audit_independent, beside, polynomial
    from simengine.report.audit import audit_facts, audit_table

    plan = load_plan(run)
    asked = ranking.attrs["target"] or ranking.attrs["metric"]
    period = None if ranking.attrs["target"] else ranking.attrs["period"]
    with simulating("Auditing") as progress:
        if sobol:
            found = audit_independent(plan, ds, asked, period=period, progress=progress, **limits)
        else:
            helped = polynomial(ds, asked, period)
            alone = audit(
                plan, ds, asked, period=period, chance_last=True, surrogate=helped, progress=progress, **limits
            )
            found = beside(alone, ranking)
    facts = audit_facts(found, ds)
    if as_json:
        print_json(facts)
    else:
        print_rich(audit_table(facts))


def _misses(
    ds: xr.Dataset, target: str, period: str | None, by: float | None, output: Path | None, as_json: bool
) -> None:
    from simengine.cli.steps import drawn, print_paths
    from simengine.explain import misses
    from simengine.report.misses import miss_facts
    from simengine.report.misses import misses as told
    from simengine.report.shortfall import no_shortfall, shortfall

    facts = miss_facts(misses(ds, target, period=period, by=by), ds)
    missing = "" if output is None else no_shortfall(facts)
    figures = [] if output is None or missing else [drawn(shortfall(ds, facts), output, "miss")]
    if as_json:
        print_json({**facts, "figures": figures})
    else:
        print_rich(told(facts, ds.attrs["currency"]))
        print_paths(figures)
    if missing:
        echo(f"No figure: {missing}.", err=True)
