"""`simengine triggers`: what would have to be observed to doubt a target."""

from __future__ import annotations

import click

from simengine.cli.output import json_option, print_json, print_rich
from simengine.cli.require import probability


@click.command("triggers", short_help="Say which observed values put a target in doubt.")
@click.argument("run")
@click.option("--target", metavar="NAME", help="A target of the plan.  [default: the first one]")
@click.option("--confidence", metavar="P", help="As 0.8 or 80%.  [default: what the target declares, else 50%]")
@json_option
def command(run: str, target: str | None, confidence: str | None, as_json: bool) -> None:
    """Find, by assumption and month, the observed value at which P(hit) falls below the confidence.

    RUN is a folder that was written with `--detail segment`.
    """
    from simengine.archive import load_run
    from simengine.explain import triggers
    from simengine.report.alarms import alarm_tables, alarms
    from simengine.report.facts import headline

    wanted = None if confidence is None else probability(confidence, "--confidence")
    ds = load_run(run).dataset
    told = alarms(triggers(ds, target or headline(ds), confidence=wanted))
    if as_json:
        print_json(told)
    else:
        print_rich(alarm_tables(told))
