"""`simengine run`: simulate a plan, keep the run, say what it means."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simengine.cli.output import json_option, print_json
from simengine.cli.require import compared, insist, requirements
from simengine.cli.steps import (
    Detail,
    Limits,
    cluster_option,
    draws_option,
    kept,
    print_next,
    print_story,
    ranked,
    seed_option,
    story,
    workers_of,
)
from simengine.limits import MEMORY

if TYPE_CHECKING:
    from simengine.plan import Plan


@click.command("run", short_help="Simulate a plan and say what it means.")
@click.argument("plan")
@draws_option
@seed_option
@click.option("--set", "overrides", multiple=True, metavar="NAME=VALUE", help="Change a value of the plan. Repeatable.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the run.  [default: below runs/]"
)
@click.option("--overwrite", is_flag=True, help="Replace a run that is in DIR.")
@click.option(
    "--detail",
    type=click.Choice(["headline", "segment", "stream"]),
    default="headline",
    show_default=True,
    help="What is kept by path: totals, every segment, or, for millions of paths, the targets alone.",
)
@click.option(
    "--memory",
    "gigabytes",
    type=click.FloatRange(min=0, min_open=True),
    default=MEMORY.most / 1e9,
    show_default=True,
    metavar="GB",
    help="Refuse a run that would need more memory.",
)
@cluster_option
@click.option(
    "--require",
    "required",
    multiple=True,
    metavar="TARGET[=P]",
    help="Exit with 4 unless TARGET is reached with probability P; without P, with the confidence that the plan "
    "declares. `all`: every target that declares one. Repeatable.",
)
@json_option
def command(
    plan: str,
    draws: int,
    seed: int,
    overrides: tuple[str, ...],
    output: Path | None,
    overwrite: bool,
    detail: Detail,
    gigabytes: float,
    cluster: str | None,
    required: tuple[str, ...],
    as_json: bool,
) -> None:
    """Simulate the file PLAN, keep the run in a folder, and say how likely the targets are and what they hang on.

    The default folder is named after the plan, its digest, the seed and the draws: the same run has the same place.
    """
    from simengine.plan import load

    checked = load(plan, overrides)
    demanded = requirements(checked, required)
    folder = output or default_folder(checked, seed, draws)
    replaced = overwrite or output is None
    with workers_of(cluster) as executor:
        limits: Limits = {"detail": detail, "memory": gigabytes * 1e9, "executor": executor}
        ds = kept(checked, draws, seed, folder, overwrite=replaced, **limits)
    told = story(ds, *ranked(ds), folder)
    told["required"] = compared(told["targets"], demanded)
    if as_json:
        print_json(told)
    else:
        print_story(told)
        print_next(folder, "figures {}")
    insist(told["required"])


def default_folder(plan: Plan, seed: int, draws: int) -> Path:
    """Where a run is kept unless told otherwise: the same plan, seed and draws have the same place."""
    slug = re.sub(r"[^a-z0-9]+", "-", plan.plan.name.lower()).strip("-")[:40] or "plan"
    return Path("runs") / f"{slug}-{plan.digest_document[:8]}-s{seed}-n{draws}"
