"""`simengine triggers`: what would have to be observed to doubt a target."""

from __future__ import annotations

from pathlib import Path

import click

from simengine.cli.output import echo, json_option, print_json, print_rich
from simengine.cli.require import probability


@click.command("triggers", short_help="Say which observed values put a target in doubt.")
@click.argument("run")
@click.option("--target", metavar="NAME", help="A target of the plan.  [default: the first one]")
@click.option("--confidence", metavar="P", help="As 0.8 or 80%.  [default: what the target declares, else 50%]")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Draw them by month into DIR.")
@json_option
def command(run: str, target: str | None, confidence: str | None, output: Path | None, as_json: bool) -> None:
    """Find, by assumption and month, the observed value at which P(hit) falls below the confidence.

    RUN is a folder that was written with `--detail segment`.
    """
    from simengine.archive import load_run
    from simengine.cli.steps import drawn, print_paths
    from simengine.explain import triggers
    from simengine.report.alarms import alarm_tables, alarms
    from simengine.report.facts import headline
    from simengine.report.gauges import gauges, no_gauges

    wanted = None if confidence is None else probability(confidence, "--confidence")
    ds = load_run(run).dataset
    told = alarms(triggers(ds, target or headline(ds), confidence=wanted))
    missing = "" if output is None else no_gauges(told)
    figures = [] if output is None or missing else [drawn(gauges(ds, told), output, "triggers")]
    if as_json:
        print_json({**told, "figures": figures})
    else:
        print_rich(alarm_tables(told))
        print_paths(figures)
    if missing:
        echo(f"No figure: {missing}.", err=True)
