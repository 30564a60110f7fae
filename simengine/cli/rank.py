"""`simengine rank`: what a result hangs on."""

from __future__ import annotations

from typing import Any

import click

from simengine.cli.output import json_option, print_json, print_rich


@click.command("rank", short_help="Rank what a result hangs on.")
@click.argument("run")
@click.option(
    "--target", metavar="NAME", help="A target of the plan, or a metric such as nrr.  [default: the first target]"
)
@click.option("--period", metavar="PERIOD", help="Of a metric: FY2027, FY2027-Q3 or 2027-03.")
@click.option("--audit", is_flag=True, help="Simulate the plan anew, by a design that asks nothing of its shape.")
@click.option("--sobol", is_flag=True, help="Audit by first-order and total shares; of a plan without correlation.")
@click.option("--precision", type=float, metavar="P", help="Of an audit: 0.02 is 2 points either way.  [default: 0.02]")
@click.option("--budget", type=int, metavar="N", help="Of an audit: most paths.  [default: 500000]")
@json_option
def command(
    run: str,
    target: str | None,
    period: str | None,
    audit: bool,
    sobol: bool,
    precision: float | None,
    budget: int | None,
    as_json: bool,
) -> None:
    """Rank the assumptions, events and shocks of the run in the folder RUN by how much of the doubt each explains."""
    if audit or sobol:
        _audit(run, target, period, sobol, {"precision": precision, "most_runs": budget}, as_json)
        return
    if precision is not None or budget is not None:
        raise click.UsageError("--precision and --budget are of an audit: add --audit")
    from simengine.archive import load_run
    from simengine.explain import rank
    from simengine.report.drivers import drivers
    from simengine.report.facts import headline
    from simengine.report.ranking import ranking

    ds = load_run(run).dataset
    found = drivers(rank(ds, target or headline(ds), period=period), ds)
    if as_json:
        print_json(found)
    else:
        print_rich(ranking(found))


def _audit(
    run: str, target: str | None, period: str | None, sobol: bool, limits: dict[str, Any], as_json: bool
) -> None:
    from simengine.archive import load_plan, load_run
    from simengine.cli.steps import simulating
    from simengine.explain.audit import audit, audit_independent
    from simengine.report.audit import audit_facts, audit_table
    from simengine.report.facts import headline

    ds, plan = load_run(run).dataset, load_plan(run)
    given = {name: limit for name, limit in limits.items() if limit is not None}
    with simulating("Auditing") as advance:
        design = audit_independent if sobol else audit
        found = design(plan, ds, target or headline(ds), period=period, progress=advance, **given)
    facts = audit_facts(found, ds)
    if as_json:
        print_json(facts)
    else:
        print_rich(audit_table(facts))
