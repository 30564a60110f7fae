"""Choices as scenario files that can be run, wherever they are written."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from simengine.archive.files import check_folder, refuse_existing, write_files
from simengine.decide.levers import Levers, Mix
from simengine.plan.schema import Plan

PLAN = "plan"
"""Folder of the plan's own files, where they are not in or below that of the scenarios."""


def free(folder: Path, names: list[str], *, overwrite: bool) -> None:
    """Refuse a folder in which files of these names are, before anything is simulated.

    Raises SimengineError unless they may be replaced, and MachineError where nothing can be written there.
    """
    check_folder(folder)
    if not overwrite:
        refuse_existing([folder / name for name in names], "choose another folder (-o)")


def write_scenarios(
    levers: Levers,
    plan_file: Path,
    folder: Path,
    scenarios: Mapping[str, tuple[Mix, str, str]],
    *,
    overwrite: bool = False,
) -> list[Path]:
    """Write choices as files that extend the plan; return their paths.

    A scenario file extends one beside it or below. Where the plan is elsewhere, its files are copied into `plan`, so
    that the folder holds all that a run needs.

    Parameters
    ----------
    levers : the choices are of
    plan_file : of the plan
    folder : where to
    scenarios : file name -> the choice, its name and its story
    overwrite : whether files that are there are replaced
    """
    extends, texts = _extended(levers.plan, plan_file, folder)
    files = {folder / name: levers.scenario(mix, extends, *words) for name, (mix, *words) in scenarios.items()}
    write_files({**texts, **files}, overwrite=overwrite)
    return list(files)


def write_scenario(
    plan: Plan, plan_file: Path, file: Path, text: Callable[[str], str], *, overwrite: bool = False
) -> None:
    """Write one scenario, whose text is given the name of the plan file that it extends; as `write_scenarios` does."""
    extends, texts = _extended(plan, plan_file, file.parent)
    write_files({**texts, file: text(extends)}, overwrite=overwrite)


def _extended(plan: Plan, plan_file: Path, folder: Path) -> tuple[str, dict[Path, str]]:
    """The plan's name as a file in the folder extends it, and the files to be copied."""
    beside = os.path.relpath(plan_file.resolve(), folder.resolve())
    parts = Path(beside).parts
    if ".." not in parts and not Path(beside).is_absolute():
        return "/".join(parts), {}
    texts = plan.texts
    return f"{PLAN}/{next(iter(texts))}", {folder / PLAN / name: text for name, text in texts.items()}
