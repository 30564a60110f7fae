"""`simengine fit`: assumptions from history, with their source filled in."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from simengine.cli.output import echo, is_quiet, json_option, print_advice, print_json, print_rich
from simengine.cli.records import as_of_option, records
from simengine.errors import SimengineError


@click.command("fit", short_help="Assumptions from history, with their source.")
@click.argument("history")
@as_of_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Where the assumptions are written: a YAML file that a plan can extend.",
)
@click.option(
    "--plan", "plan_file", type=click.Path(path_type=Path), metavar="FILE", help="Write a first plan that runs, too."
)
@click.option("--months", type=click.IntRange(1, 120), default=12, show_default=True, help="Length of that plan.")
@click.option(
    "--figures", type=click.Path(path_type=Path), metavar="DIR", help="Draw the records against the fits into DIR."
)
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
@json_option
def command(
    history: str,
    as_of: date | None,
    output: Path,
    plan_file: Path | None,
    months: int,
    figures: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Estimate every assumption that the records in HISTORY speak to.

    Win rates and cycles with the open deals, volumes, deal sizes, attrition and renewal with those still there, ramp,
    stage rates, what moves together, and drift from year to year. Beside each stands what would have been estimated a
    quarter ago: what has moved more than sampling explains is marked. What the records do not tell is said on standard
    error.
    """
    from simengine.archive.files import write_files
    from simengine.cli.steps import drawn, print_paths
    from simengine.learn.fit import assumptions, fit
    from simengine.learn.skeleton import plan_text
    from simengine.report.fit import fit_facts, fit_pictures, fit_tables

    if plan_file is not None and plan_file.resolve() == output.resolve():
        raise SimengineError(f"{output} cannot hold both the assumptions and the plan: choose another name for --plan")
    done = records(history, as_of).history
    currency = done.currency or "USD"

    def say(words: str) -> None:
        if not is_quiet():
            echo(words, err=True)

    found = fit(done, say=say)
    files = {output: assumptions(found)}
    if plan_file is not None:
        name = f"From history to {done.as_of}"
        files[plan_file] = plan_text(done, found, name=name, currency=currency, months=months, say=say)
    write_files(files, overwrite=overwrite)
    pictures = {} if figures is None else fit_pictures(done, currency)
    made = [] if figures is None else [drawn(figure, figures, name) for name, figure in pictures.items()]
    if as_json:
        print_json({**fit_facts(found), "files": [str(path) for path in files], "figures": made})
        return
    print_rich(fit_tables(found, currency))
    print_paths(made)
    print_advice(f"\nWritten: {', '.join(str(path) for path in files)}")
    if plan_file is not None:
        print_advice(f"Next: simengine run {plan_file}")
