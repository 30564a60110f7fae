"""The steps that commands share: simulate and keep, rank, tell, draw."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

import click

from simengine.cli.output import echo, is_quiet, print_advice, print_rich, shows_progress
from simengine.errors import SimengineError

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import xarray as xr
    from matplotlib.figure import Figure

    from simengine.plan import Plan
    from simengine.simulation.blocks import Keeper

Detail = Literal["headline", "segment", "stream"]


class Limits(TypedDict, total=False):
    """What is kept by path, the bytes that a run may need, paths that are run again with other luck, who runs them."""

    detail: Detail
    memory: float
    twins: int
    executor: Executor | None


DRAWS = 16_384
SEED = 7

draws_option = click.option(
    "-n", "--draws", type=int, default=DRAWS, show_default=True, metavar="N", help="Paths to simulate."
)
cluster_option = click.option(
    "--cluster", metavar="ADDRESS", help="Run on the workers of this dask scheduler, in place of this machine."
)
seed_option = click.option("--seed", type=int, default=SEED, show_default=True, metavar="N", help="Of all chance.")


@contextmanager
def workers_of(address: str | None) -> Iterator[Executor | None]:
    """The workers of a cluster; None, for threads of this machine, where no address is given."""
    if address is None:
        yield None
        return
    from simengine.simulation.cluster import cluster

    with cluster(address) as executor:
        yield executor


def kept(plan: Plan, draws: int, seed: int, folder: Path, *, overwrite: bool, **limits: Unpack[Limits]) -> xr.Dataset:
    """Simulate, and write the run to `folder`; a folder that is in the way is refused before anything else.

    Until the run is written its blocks are kept beside `folder`; those that a killed run left there are taken.
    """
    from simengine.archive import check_place, save
    from simengine.archive.blocks import UNFINISHED, Blocks

    check_place(folder, overwrite=overwrite)
    blocks = Blocks(folder.parent / UNFINISHED)
    try:
        ds = simulated(plan, draws, seed, keeper=blocks, **limits)
    except KeyboardInterrupt as stop:
        if blocks.kept:
            raise KeyboardInterrupt(
                f"{stop}, of which {blocks.kept:,} are kept: the same command goes on from there"
            ) from None
        raise
    if blocks.found and not is_quiet():
        echo(f"{blocks.found:,} paths were there already, of a run that was stopped.", err=True)
    save(ds, plan, folder, overwrite=overwrite)
    blocks.clear()
    return ds


def simulated(
    plan: Plan, draws: int, seed: int, *, keeper: Keeper | None = None, **limits: Unpack[Limits]
) -> xr.Dataset:
    """Simulate with a progress bar on standard error, where that is a terminal."""
    from simengine.simulation import simulate

    with simulating("Simulating") as progress:
        return simulate(plan, draws=draws, seed=seed, progress=progress, keeper=keeper, **limits)


@contextmanager
def simulating(what: str, things: str = "paths") -> Iterator[Callable[[int, int], None]]:
    """A function to tell of progress, done and in all; says that the simulation is compiled, where it has to be."""
    from simengine.simulation import is_compiled

    if not is_compiled():
        print_compiling()
    with counting(what, things) as progress:
        yield progress


@contextmanager
def counting(what: str, things: str = "spreadsheets") -> Iterator[Callable[[int, int], None]]:
    """A function to tell of progress, done and in all; a bar on standard error shows it, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not shows_progress(console)) as bar:
        task = bar.add_task(what, total=None)
        done = 0

        def advance(so_far: int, total: int) -> None:
            nonlocal done
            done = so_far
            bar.update(task, completed=so_far, total=total)

        try:
            yield advance
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"after {done:,} {things}") from None


def print_compiling() -> None:
    """Say why nothing else is said for a while."""
    if not is_quiet():
        echo("Compiling the simulation for this machine; it takes about ten seconds.", err=True)


def ranked(ds: xr.Dataset) -> tuple[xr.Dataset | None, str]:
    """The ranking of what a run is about; None and the reason where it cannot be ranked."""
    from simengine.explain import rank
    from simengine.report.facts import headline

    try:
        return rank(ds, headline(ds)), ""
    except SimengineError as error:
        return None, str(error)


def story(ds: xr.Dataset, ranking: xr.Dataset | None, reason: str, folder: Path) -> dict[str, Any]:
    """The facts of a run that is kept in `folder`, with its ranking, or the reason why there is none."""
    from simengine.report.drivers import drivers
    from simengine.report.facts import facts

    ranked_ = {"drivers": None if ranking is None else drivers(ranking, ds), "no_drivers": reason}
    return {**facts(ds), **ranked_, "folder": str(folder), "required": []}


def print_story(told: dict[str, Any]) -> None:
    """Print the summary in the terminal."""
    from simengine.report.summary import summary

    print_rich(summary(told))


def draw(ds: xr.Dataset, ranking: xr.Dataset | None, folder: Path) -> list[dict[str, str]]:
    """Draw every figure that the run allows; name, title and paths of each."""
    from simengine.report.figures import board

    placed = None if ranking is None else by_certainty(ds, ranking)
    return [drawn(figure, folder, name) for name, figure in board(ds, ranking, placed).items()]


def by_certainty(ds: xr.Dataset, ranking: xr.Dataset) -> xr.Dataset:
    """The shares of a ranking, placed between impact and certainty."""
    from simengine.explain import impact_and_certainty

    return impact_and_certainty(ds, *(ranking[f"share{suffix}"] for suffix in ("", "_lower", "_upper")))


def drawn(figure: Figure, folder: Path, name: str) -> dict[str, str]:
    """Write a figure; its name, title and paths."""
    from simengine.archive import in_words
    from simengine.report.canvas import save, title

    with in_words(f"cannot write the figures to {folder}"):
        png, svg = save(figure, folder, name)
    return {"name": name, "title": title(figure), "png": str(png), "svg": str(svg)}


def print_paths(figures: list[dict[str, str]]) -> None:
    """List the figures with what each says."""
    for figure in figures:
        echo(f"{figure['png']}  {figure['title']}")


def print_next(folder: Path, command: str) -> None:
    """Say where the run is, and what to do with it."""
    place = shlex.quote(str(folder))
    print_advice(f"\nThe run is in {place}. Next: simengine {command.format(place)}")
