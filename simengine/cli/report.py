"""`simengine report`: the board's page, as one HTML file or as a PDF."""

from __future__ import annotations

from pathlib import Path

import click

from simengine.cli.output import echo, json_option, print_json
from simengine.errors import SimengineError

KINDS = (".html", ".pdf")


@click.command("report", short_help="The board's page: one HTML file, or a PDF.")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to: a name that ends with .html or .pdf.  [default: RUN/board.html]",
)
@click.option("--target", metavar="NAME", help="The target that comes first.  [default: the first of the plan]")
@click.option("--since", metavar="RUN", help="Last quarter's run: why probabilities changed. Simulates.")
@click.option(
    "--solved", type=click.Path(path_type=Path), metavar="DIR", help="Folder of simengine solve -o: what to decide."
)
@click.option("--gap", "with_gap", is_flag=True, help="The gap, and what would close it. Simulates.")
@click.option(
    "--scores",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="What simengine score --json, or backtest --json, wrote: how past forecasts did.",
)
@json_option
def command(
    runs: tuple[str, ...],
    output: Path | None,
    target: str | None,
    since: str | None,
    solved: Path | None,
    with_gap: bool,
    scores: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Write what a board asks of the run in the first RUN, and of the scenarios in the others, on one page.

    Scenarios are compared draw by draw, so all runs need the same seed and draws. The file holds everything that it
    shows and asks nothing of any network. A PDF is printed by Chromium, Chrome or Edge.
    """
    from simengine.archive.files import check_folder, write_files
    from simengine.cli.gathered import dossier
    from simengine.cli.printing import find, print_page
    from simengine.report.page import html

    place = output or Path(runs[0]) / "board.html"
    if place.suffix.lower() not in KINDS:
        raise SimengineError(f"{place}: choose a name that ends with .html or .pdf")
    check_folder(place.parent)
    as_pdf = place.suffix.lower() == ".pdf"
    browser = find() if as_pdf else ""
    found = dossier(runs, target=target, since=since, solved=solved, with_gap=with_gap, scores=scores)
    text = html(found)
    write_files({place: print_page(browser, text) if as_pdf else text}, overwrite=True)
    size = place.stat().st_size
    if as_json:
        print_json({"file": str(place), "bytes": size, "left_out": dict(found.missing)})
        return
    echo(f"{place}  {size / 1e6:.1f} MB")
    for part, reason in found.missing.items():
        echo(f"No {_NAMES.get(part, part)}: {reason}.", err=True)


_NAMES = {
    "scores": "past forecasts",
    "walked": "changes since last quarter",
    "solved": "choice",
    "missed": "drivers of a miss",
    "triggers": "trigger points",
    "compared": "scenarios",
    "rankings": "ranking",
}
