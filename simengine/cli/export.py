"""`simengine export`: runs as a workbook."""

from __future__ import annotations

from pathlib import Path

import click

from simengine.cli.output import echo, json_option, print_json


@click.command("export", short_help="A run as an Excel workbook, its assumptions to be edited.")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE", help="An .xlsx.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@json_option
def command(runs: tuple[str, ...], output: Path, overwrite: bool, as_json: bool) -> None:
    """Write the run in the first RUN as a workbook: assumptions, targets, drivers, results with formulas, charts.

    Further runs stand beside the first in a table of scenarios. `simengine import` reads the edited assumptions back.
    """
    from simengine.archive import load_plan, load_run
    from simengine.archive.files import check_folder, refuse_existing
    from simengine.workbook import write

    check_folder(output.parent)
    if not overwrite:
        refuse_existing([output])
    names = _names(runs)
    sheets = write(
        {name: (load_run(run).dataset, load_plan(run)) for name, run in zip(names, runs, strict=True)},
        output,
        overwrite=overwrite,
    )
    if as_json:
        print_json({"path": str(output), "runs": names, "sheets": sheets})
    else:
        echo(f"{output}  {', '.join(sheets)}")


def _names(runs: tuple[str, ...]) -> list[str]:
    """Runs by the name of their folder; by the whole path where names would be the same."""
    names = [Path(run).resolve().name for run in runs]
    return names if len(set(names)) == len(names) else [f"{run} ({i})" for i, run in enumerate(runs, start=1)]
