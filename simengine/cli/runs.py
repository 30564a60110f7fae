"""`simengine runs`: the runs on disk."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simengine.cli.output import echo, json_option, print_json, print_rich
from simengine.errors import MachineError, SimengineError
from simengine.limits import DAYS

if TYPE_CHECKING:
    from simengine.archive.shelf import Stored

_folder = click.argument("folder", type=click.Path(path_type=Path), default="runs", required=False)
_run = click.argument("run", type=click.Path(path_type=Path))


@click.group("runs", short_help="List, verify, reproduce and prune stored runs.")
def command() -> None:
    """Look after stored runs.

    FOLDER is searched with the folders below it; by default it is `runs`, where `simengine run` keeps them.
    """


@command.command("list", short_help="Which runs there are.")
@_folder
@json_option
def list_(folder: Path, as_json: bool) -> None:
    """List the runs below FOLDER, and what a killed one left behind."""
    from simengine.archive.shelf import abandoned, stored
    from simengine.report.runs import stored_facts, stored_table

    facts = [stored_facts(run.path, run.manifest, run.problem) for run in stored(folder)]
    left = [str(path) for path in abandoned(folder)]
    if as_json:
        print_json({"runs": facts, "abandoned": left})
        return
    if facts:
        print_rich(stored_table(facts))
    else:
        echo(f"No run is below {folder}.")
    if left:
        echo(f"Left behind when a process was killed: {', '.join(left)}; simengine runs prune clears them away.")


@command.command("show", short_help="What a run is.")
@_run
@json_option
def show(run: Path, as_json: bool) -> None:
    """Show which plan, draws, seed and versions made the run in the folder RUN, and its digests."""
    from simengine.archive import manifest_of
    from simengine.report.runs import stored_facts, stored_story

    facts = stored_facts(run, manifest_of(run))
    if as_json:
        print_json(facts)
    else:
        print_rich(stored_story(facts))


@command.command("verify", short_help="Whether runs are as they were written.")
@_folder
@json_option
def verify(folder: Path, as_json: bool) -> None:
    """Read every byte of the runs below FOLDER, and hold it against their manifests; exit with 3 if any is damaged."""
    from simengine.archive import load_run
    from simengine.archive.shelf import stored

    facts: list[dict[str, Any]] = []
    for run in stored(folder):
        problem = run.problem
        if not problem:
            try:
                load_run(run.path)
            except SimengineError as error:
                problem = str(error)
        facts.append({"folder": str(run.path), "intact": not problem, "problem": problem})
    damaged = [fact["problem"] for fact in facts if not fact["intact"]]
    if as_json:
        print_json({"runs": facts})
    elif not facts:
        echo(f"No run is below {folder}.")
    else:
        whole = len(facts) - len(damaged)
        echo(f"{whole:,} of {len(facts):,} {'run is' if len(facts) == 1 else 'runs are'} as written.")
    if damaged:
        raise MachineError("\n".join(damaged))


@command.command("reproduce", short_help="Run again, and compare bit for bit.")
@_run
@json_option
def reproduce(run: Path, as_json: bool) -> None:
    """Simulate again what is in the folder RUN, from the plan that is kept with it; exit with 3 if a bit differs.

    Bits are promised on one platform with one set of versions. On another, it is said how far the numbers are apart.
    """
    from simengine.archive import environment, load_plan, load_run
    from simengine.cli.steps import simulated
    from simengine.report.runs import compared, comparison
    from simengine.results.agreement import agreement
    from simengine.results.dataset import digest

    stored, plan = load_run(run), load_plan(run)
    told = stored.manifest["run"]
    again = simulated(plan, told["draws"], int(told["seed"]), twins=told["twins"], detail=told["detail"])
    now = {
        "digest": digest(again),
        **{key: again.attrs[key] for key in ("digest_simulated", "stream_version")},
        "environment": environment(),
    }
    facts = comparison(run, stored.manifest, now, agreement(stored.dataset, again))
    if as_json:
        print_json(facts)
    else:
        print_rich(compared(facts))
    if not facts["same"]:
        raise MachineError(f"{run} did not come out again, bit for bit")


@command.command("prune", short_help="Delete old runs, and what a killed one left behind.")
@_folder
@click.option("--older-than", type=click.FloatRange(min=0), metavar="DAYS", help="Delete runs older than that.")
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="Keep the newest N runs of each plan, by name.")
@click.option("--yes", is_flag=True, help="Delete. Without it, only say what would go.")
@json_option
def prune(folder: Path, older_than: float | None, keep: int | None, yes: bool, as_json: bool) -> None:
    """Clear away what killed runs left behind below FOLDER, and the runs that the options name.

    A run goes if both options, where both are given, let it go. A damaged run stays: it may be worth mending.
    """
    from simengine.archive.shelf import abandoned, has_others, remove, stored, swept

    named = older_than is not None or keep is not None
    old = _old(stored(folder), older_than, keep) if named else []
    full = [path for path in old if has_others(path)]
    runs = [path for path in old if path not in full]
    left = abandoned(folder)
    restored = [str(path) for path in map(swept, left) if path is not None] if yes else []
    for path in runs if yes else ():
        remove(path)
    for path in full:
        echo(f"{path} holds another run, so it stays; move that run elsewhere.", err=True)
    told = {"runs": [*map(str, runs)], "abandoned": [*map(str, left)], "restored": restored, "deleted": yes}
    if as_json:
        print_json(told)
        return
    for path in (*runs, *left):
        echo(path)
    for place in restored:
        echo(f"{place} was being replaced when the process was killed; it has its name back.")
    if not (runs or left):
        echo(f"Nothing below {folder} is to be cleared away.")
    elif not yes:
        echo("Nothing is deleted yet: add --yes.")


def _old(runs: list[Stored], older_than: float | None, keep: int | None) -> list[Path]:
    """Whole runs that are older than some days and not among the newest of their plan, by path."""
    whole = [(run.path, run.manifest) for run in runs if run.manifest is not None]
    plans: dict[str, list[tuple[str, Path]]] = {}
    for path, manifest in whole:
        plans.setdefault(manifest["run"]["plan"], []).append((manifest["created"], path))
    if older_than is not None and not older_than <= DAYS.most:
        raise SimengineError(f"--older-than {older_than:g}: no number of days, or more than {DAYS.most:,}")
    newest = {path for made in plans.values() for _, path in sorted(made, reverse=True)[: keep or 0]}
    last = (datetime.now(UTC) - timedelta(days=older_than or 0.0)).isoformat()
    return [path for path, manifest in whole if path not in newest and manifest["created"] < last]
