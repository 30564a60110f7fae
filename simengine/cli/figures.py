"""`simengine figures`: the pictures for the board."""

from __future__ import annotations

from pathlib import Path

import click

from simengine.cli.output import echo, json_option, print_json
from simengine.cli.steps import draw, print_paths, ranked


@click.command("figures", short_help="Draw the figures of a run.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Their folder.  [default: RUN/figures]"
)
@json_option
def command(run: Path, output: Path | None, as_json: bool) -> None:
    """Draw what the run in RUN shows, as PNG and SVG.

    The figures: fan, exceedance, composition, tornado, certainty, bridge and cash.
    """
    from simengine.archive import load_run
    from simengine.report.figures import left_out

    ds = load_run(run).dataset
    ranking, _ = ranked(ds)
    drawn, missing = draw(ds, ranking, output or run / "figures"), left_out(ds, ranking)
    if as_json:
        print_json(
            {"figures": drawn, "left_out": [{"name": name, "reason": reason} for name, reason in missing.items()]}
        )
    else:
        print_paths(drawn)
        for name, reason in missing.items():
            echo(f"No {name}: {reason}.", err=True)
