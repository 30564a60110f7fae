"""`simengine demo`: the whole way with a ready-made company."""

from __future__ import annotations

from pathlib import Path

import click

from simengine.cli.check import in_words
from simengine.cli.output import echo, json_option, print_json
from simengine.cli.steps import (
    draw,
    draws_option,
    kept,
    print_next,
    print_paths,
    print_story,
    ranked,
    seed_option,
    story,
)
from simengine.errors import SimengineError

PLAN = Path("scenarios/northstar/base.yaml")
FOLDER = Path("demo")


@click.command("demo", short_help="Check, run, rank and draw a ready-made plan.")
@draws_option
@seed_option
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help=f"Folder of the run.  [default: {FOLDER}]"
)
@json_option
def command(draws: int, seed: int, output: Path | None, as_json: bool) -> None:
    """Take Northstar, a software company with a board target, all the way from its plan to ranked risk and figures.

    A run of before in the default folder is replaced.
    """
    from simengine.plan import load

    file, folder = _plan(), output or FOLDER
    plan = load(file)
    if not as_json:
        echo(in_words(plan, str(file)) + "\n")
    ds = kept(plan, draws, seed, folder, overwrite=output is None)
    ranking, reason = ranked(ds)
    told = story(ds, ranking, reason, folder)
    told["figures"] = draw(ds, ranking, folder / "figures")
    if as_json:
        print_json(told)
        return
    print_story(told)
    echo("\nFigures:")
    print_paths(told["figures"])
    print_next(folder, "rank {} --target NRR, or a plan of your own.")


def _plan() -> Path:
    """The plan in the working folder, or in the checkout that this package runs from."""
    for folder in (Path(), Path(__file__).parents[2]):
        if (folder / PLAN).is_file():
            return folder / PLAN
    raise SimengineError(f"{PLAN} is not here; go to a clone of the repository and call simengine demo there")
