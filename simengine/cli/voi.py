"""`simengine voi`: what it is worth to know more before choosing a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simengine.cli.output import json_option, print_json, print_rich
from simengine.cli.steps import print_paths
from simengine.errors import SimengineError

if TYPE_CHECKING:
    import xarray as xr

    from simengine.archive import Run


@click.command("voi", short_help="What it is worth to know more before choosing.")
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@click.option(
    "--payoff",
    metavar="SUM",
    default="cash",
    show_default=True,
    help='What is counted, in money: a metric, or a sum such as "gross_profit - opex" or "cash + 2 ending_arr".',
)
@click.option(
    "--period", metavar="PERIOD", help="FY2027, FY2027-Q3 or 2027-03.  [default: the whole plan, stocks at its end]"
)
@click.option(
    "--worth", "worths", multiple=True, metavar="TARGET=AMOUNT", help="What reaching a target is worth. Repeatable."
)
@click.option(
    "--cost",
    "costs",
    multiple=True,
    metavar="SCENARIO=AMOUNT",
    help="What a scenario costs that its plan does not hold. Repeatable.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Draw it too, as PNG and SVG in DIR."
)
@json_option
def command(
    runs: tuple[str, ...],
    payoff: str,
    period: str | None,
    worths: tuple[str, ...],
    costs: tuple[str, ...],
    output: Path | None,
    as_json: bool,
) -> None:
    """Tell which scenario is best, and what it would be worth to know each assumption before choosing.

    Each RUN is the folder of a run: scenarios of one plan, with the same seed and draws. A scenario is called like its
    file.
    """
    from simengine.archive import load_run
    from simengine.explain import information
    from simengine.report import information as report

    worth, cost = _amounts("--worth", worths), _amounts("--cost", costs)
    scenarios = _named(runs, [load_run(folder) for folder in runs])
    found = information(scenarios, payoff, period=period, worth=worth, costs=cost)
    first = next(iter(scenarios.values()))
    told = report.facts(found, first)
    told["figures"] = [] if output is None else [_drawn(told, first, output)]
    if as_json:
        print_json(told)
    else:
        print_rich(report.information(told))
        print_paths(told["figures"])


def _drawn(told: dict[str, Any], ds: xr.Dataset, folder: Path) -> dict[str, str]:
    from simengine.archive import in_words
    from simengine.report.canvas import save, title
    from simengine.report.worth import worth

    figure = worth(told, ds)
    with in_words(f"cannot write the figure to {folder}"):
        png, svg = save(figure, folder, "worth")
    return {"name": "worth", "title": title(figure), "png": str(png), "svg": str(svg)}


def _amounts(option: str, given: Sequence[str]) -> dict[str, float]:
    found = {}
    for text in given:
        name, _, digits = text.rpartition("=")
        try:
            found[name.strip()] = float(digits)
        except ValueError:
            raise SimengineError(f"{option} {text}: write NAME=AMOUNT with digits only, like NAME=250_000") from None
    return found


def _named(folders: Sequence[str], runs: Sequence[Run]) -> dict[str, xr.Dataset]:
    """Results by name: the plan's file with what was set beside it; where two share it, the folder."""
    names = [_name(run) for run in runs]
    if len(set(names)) < len(names):
        names = [Path(folder).name for folder in folders]
    if len(set(names)) < len(names):
        names = list(folders)
    if len(set(names)) < len(names):
        raise SimengineError("a run is named twice; name the runs of two scenarios or more")
    return {name: run.dataset for name, run in zip(names, runs, strict=True)}


def _name(run: Run) -> str:
    plan = run.manifest["plan"]
    return ", ".join((Path(plan["file"]).stem, *plan["overrides"]))
