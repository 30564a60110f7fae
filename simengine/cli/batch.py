"""`simengine batch`: many scenarios side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from simengine.cli.output import json_option, json_text, print_advice, print_json, print_rich, shows_progress
from simengine.cli.steps import cluster_option, draws_option, seed_option, workers_of


@click.command("batch", short_help="Many scenarios side by side, on the same draws.")
@click.argument("files", metavar="SCENARIOS...", nargs=-1, required=True)
@click.option(
    "--vary",
    multiple=True,
    metavar="NAME=V1,V2",
    help="Lay every combination of these values over every file. NAME is a lever, hires.GROUP or hires.ROLE (people on "
    "top), spend.CHANNEL (a factor), or what run --set takes. Repeatable.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where values, tables and figures are kept; a batch that was stopped goes on there.",
)
@draws_option
@seed_option
@click.option(
    "--target", metavar="NAME", help="What scenarios are sorted by, and told of first.  [default: the first target]"
)
@cluster_option
@click.option("--no-figures", is_flag=True, help="Draw nothing.")
@json_option
def command(
    files: tuple[str, ...],
    vary: tuple[str, ...],
    output: Path,
    draws: int,
    seed: int,
    target: str | None,
    cluster: str | None,
    no_figures: bool,
    as_json: bool,
) -> None:
    """Simulate SCENARIOS, plan files of one company, on the same draws, and compare them with the first.

    What is done is kept: the same command goes on after it was stopped.
    """
    from simengine.archive.files import write_files
    from simengine.cli.steps import drawn, print_paths
    from simengine.decide.batch import batch
    from simengine.decide.grid import scenarios
    from simengine.plan.targets import target_of
    from simengine.report.compare import compare_csv, compare_facts, compare_figures, compare_tables

    plans = scenarios(files, vary)
    if target is not None:
        target_of(next(iter(plans.values())), target)
    with workers_of(cluster) as executor, _counting() as progress:
        compared = batch(plans, output, draws=draws, seed=seed, executor=executor, progress=progress)
    told = compare_facts(compared, target)
    document = {key: value for key, value in told.items() if key not in ("simulated", "kept")}
    tables = {output / "comparison.json": json_text(document), output / "comparison.csv": compare_csv(told)}
    write_files(tables, overwrite=True)
    made = {} if no_figures else compare_figures(told, compared)
    figures = [drawn(figure, output / "figures", name) for name, figure in made.items()]
    if as_json:
        print_json({**told, "figures": figures})
        return
    print_rich(compare_tables(told))
    print_advice("")
    print_paths(figures)
    print_advice(f"{', '.join(map(str, tables))}: {told['simulated']:,} simulated, {told['kept']:,} kept from before.")


@contextmanager
def _counting() -> Iterator[Callable[[float, int], None]]:
    """A function to tell of scenarios, done and in all; a bar with the time left shows it, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from simengine.cli.steps import print_compiling
    from simengine.simulation import is_compiled

    if not is_compiled():
        print_compiling()
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not shows_progress(console)) as bar:
        task, counted = None, ""

        def advance(done: float, total: int) -> None:
            nonlocal task, counted
            counted = f"{int(done):,} of {total:,} scenarios"
            if task is None:
                # What was kept from before tells nothing of the time that is left.
                task = bar.add_task(counted, total=total, completed=done)  # type: ignore[arg-type]
            bar.update(task, completed=done, description=counted)

        try:
            yield advance
        except KeyboardInterrupt:
            words = f"after {counted}, which are kept: the same command goes on from there" if counted else ""
            raise KeyboardInterrupt(*filter(None, (words,))) from None
