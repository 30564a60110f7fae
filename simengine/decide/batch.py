"""Many scenarios on the same draws, each kept in a file of its own: what is done stays done after a kill."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from importlib.metadata import version
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from simengine.archive import in_words
from simengine.archive.columns import Columns, read_columns, write_columns
from simengine.archive.files import write_files
from simengine.decide.about import about_plan
from simengine.decide.beside import basis
from simengine.decide.compare import MEASURES, compare
from simengine.errors import MachineError, PlanError, SimengineError
from simengine.explain.intervals import Floats
from simengine.limits import DRAWS, JSON_BYTES, SEED, read_within
from simengine.plan.checks import of_tree
from simengine.plan.edit import written
from simengine.plan.scenario import merge
from simengine.plan.schema import Plan
from simengine.plan.source import Problems, parse
from simengine.plan.targets import Target
from simengine.plan.values import entries
from simengine.results.arithmetic import arithmetic
from simengine.simulation import STREAM_VERSION, workers
from simengine.simulation.reached import target_values
from simengine.units import fiscal_period, fiscal_quarter

FORMAT, FORMAT_VERSION = "simengine batch", 1
MANIFEST, VALUES = "batch.json", "values"

Progress = Callable[[float, int], None]


@dataclass(frozen=True)
class _Entry:
    """A scenario of a batch: all that is known of it without its plan.

    Attributes
    ----------
    name, story : as its file has them
    targets, measures : what is told of each of its paths
    identity : what its values hang on
    file : where they are kept
    """

    name: str
    story: str
    targets: tuple[Target, ...]
    measures: tuple[Target, ...]
    identity: dict[str, Any]
    file: Path

    def kept(self) -> Columns | None:
        """Its values, where they are there, whole and its own."""
        found = read_columns(self.file)
        return found if found is not None and found.about == self.identity else None


class _Kept(Mapping[str, Mapping[str, Floats]]):
    """Values of scenarios by name, read when asked for; notes their digests."""

    def __init__(self, rows: Sequence[_Entry]) -> None:
        self._rows = {entry.name: entry for entry in rows}
        self.digests: dict[str, str] = {}

    def __getitem__(self, name: str) -> Mapping[str, Floats]:
        found = self._rows[name].kept()
        if found is None:
            raise MachineError(f"{self._rows[name].file} is gone or damaged since it was written; run the batch again")
        self.digests[name] = found.digest
        return found.values

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


def batch(
    scenarios: Mapping[str, Plan],
    folder: str | PathLike[str],
    *,
    draws: int = 16_384,
    seed: int = 7,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Simulate scenarios on the same draws, keep what each reaches, and compare them with the first.

    Every scenario that is done is kept in `folder/values`, whole or not at all. A batch that was stopped at any moment
    goes on where it was when it is run again: what is kept of the same plan, targets, seed and draws is taken as it
    is, and whatever else is there is made anew. Two batches of the same scenarios, draws and seed may work in a folder
    at the same time: both end with the same values. Of two that differ one may be told to run again.

    Targets that all scenarios have, with the same bounds, are compared; others are left out (attribute `left_out`).

    Parameters
    ----------
    scenarios : plans by name, the one that the others are compared with first; each is asked for when it is needed
    folder : where values are kept; new, empty, or of a batch
    draws, seed : of every scenario
    executor : runs the blocks; by default one thread for each processor
    progress : called with (scenarios done and the part of the one under way, scenarios in all)

    Returns
    -------
    Dataset
        as `decide.compare.compare`, with `story`, `digest_simulated` and `digest_values` along `scenario`. Attributes
        `simulated` and `kept` tell how many scenarios were simulated, and taken from the folder.

    Raises
    ------
    SimengineError
        where scenarios cannot be compared (other currency, start or fiscal year; no target in common), `folder` is
        something else, or draws or seed are out of range
    MachineError
        where the disk is full, or fails
    """
    if not 1 <= draws <= DRAWS.most or not 0 <= seed <= SEED.most:
        raise SimengineError(f"draws {draws}, seed {seed}: choose 1 to 2^32 - 1 draws, and a seed from 0 to 2^64 - 1")
    if not scenarios:
        raise SimengineError("no scenario is given; name one at least")
    place = Path(folder)
    _check_place(place)
    rows = _described(scenarios, place / VALUES, draws, seed)
    targets, left_out = _common(rows)
    measures = _told_by_all(rows)
    first = next(iter(scenarios.values()))
    _write_manifest(place, rows, draws, seed)
    missing = [entry for entry in rows if entry.kept() is None]
    done = len(rows) - len(missing)
    if progress is not None:
        progress(done, len(rows))
    with workers(executor) as pool:
        for entry in missing:
            _simulate(entry, scenarios[entry.name], draws, seed, pool, _within(progress, done, len(rows)))
            done += 1
    kept = _Kept(rows)
    found = compare(kept, targets, measures, currency=first.plan.currency)
    told = {
        "story": [entry.story for entry in rows],
        "digest_simulated": [entry.identity["digest_simulated"] for entry in rows],
        "digest_values": [kept.digests[entry.name] for entry in rows],
    }
    return found.assign_coords(
        {key: ("scenario", np.array(values, object)) for key, values in told.items()}
    ).assign_attrs(
        {
            **about_plan(first),
            # A point of a grid has no document.
            "digest_document": first.digest_document if first.texts else first.digest_simulated,
            "seed": str(seed),
            "left_out": "; ".join(left_out),
            "simulated": len(missing),
            "kept": len(rows) - len(missing),
        }
    )


def _within(progress: Progress | None, done: int, total: int) -> Callable[[int, int], None] | None:
    """Progress inside one scenario as progress of the batch."""
    return None if progress is None else lambda paths, in_all: progress(done + paths / in_all, total)


def _simulate(
    entry: _Entry, plan: Plan, draws: int, seed: int, pool: Executor, progress: Callable[[int, int], None] | None
) -> None:
    asked = (*entry.targets, *entry.measures)
    values = target_values(plan, 0, draws, seed=seed, targets=asked, executor=pool, progress=progress)
    columns = {one.name: np.ascontiguousarray(values[:, place]) for place, one in enumerate(asked)}
    write_columns(entry.file, columns, entry.identity)


# ---- what is simulated ----


def _described(scenarios: Mapping[str, Plan], folder: Path, draws: int, seed: int) -> list[_Entry]:
    """Every scenario without its plan. Raises where they cannot stand beside each other."""
    rows, faults = list[_Entry](), list[str]()
    first: tuple[str, dict[str, str], str] | None = None
    for name, plan in scenarios.items():
        about = basis(plan)
        if not plan.targets:
            faults.append(f"{name}: the plan has no targets; add one, like {{name: board ARR, metric: ending_arr, …}}")
            continue
        first = first or (name, about, _period(plan))
        faults += [
            f"{name}: the {key} is {about[key]}, and that of {first[0]} is {first[1][key]}; give both the same"
            for key in about
            if about[key] != first[1][key]
        ]
        measures = tuple(_measures(plan, first[2]))
        story = "" if plan.scenario is None else plan.scenario.story
        identity = _identity(name, plan, (*plan.targets, *measures), draws, seed)
        rows.append(_Entry(name, story, plan.targets, measures, identity, folder / _file_name(name)))
    if faults:
        raise SimengineError("\n".join(faults))
    return rows


def _file_name(name: str) -> str:
    """A file name that can be read, and is no other scenario's.

    >>> _file_name("Hire ahead: spend x1.2")
    'hire-ahead-spend-x1-2-ccbee128.nc'
    """
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    return f"{slug}-{hashlib.sha256(name.encode()).hexdigest()[:8]}.nc"


def _identity(name: str, plan: Plan, asked: Sequence[Target], draws: int, seed: int) -> dict[str, Any]:
    """What the values of a scenario hang on."""
    facts = "\n".join(f"{entry.path} {entry.value!r}" for entry in entries(plan.facts))
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "scenario": name,
        "digest_simulated": plan.digest_simulated,
        "digest_facts": hashlib.sha256(facts.encode()).hexdigest(),
        "asked": [[one.name, one.metric, one.period, dict(sorted(one.where.items()))] for one in asked],
        "draws": draws,
        "seed": str(seed),
        "stream_version": STREAM_VERSION,
        "engine_version": version("simengine"),
        "arithmetic": arithmetic(),
    }


def _period(plan: Plan) -> str:
    """The fiscal year of the first target; its own period where the plan does not hold that year."""
    start, period = plan.plan.fiscal_year_start, plan.targets[0].period
    year = fiscal_quarter(fiscal_period(period, start).last, start).partition("-")[0]
    return year if fiscal_period(year, start).last <= plan.plan.end else period


def _measures(plan: Plan, period: str) -> Iterator[Target]:
    """What can be told of a plan in amounts: asked as targets, so that the rules of targets say what can be told."""
    asked = {_asked(name, period): name for name in MEASURES if name != "lowest_cash" or plan.economics.opening_cash}
    for _ in range(2):
        targets = [{"name": title, "metric": name, "period": period, "at_least": 0} for title, name in asked.items()]
        problems = Problems()
        change = parse(written({"targets": targets}), "measures", problems)
        assert change is not None
        try:
            told = of_tree(merge(plan.origin.tree, change, (), problems))
        except PlanError as error:
            asked = {
                title: name
                for title, name in asked.items()
                if not any(f".{title}." in f".{problem.key}." for problem in error.problems)
            }
        else:
            yield from (target for target in told.targets if target.name in asked)
            return


def _asked(metric: str, period: str) -> str:
    return f"measure {metric} {period}"


def _common(rows: Sequence[_Entry]) -> tuple[list[Target], list[str]]:
    """Targets that all scenarios have, as the first has them; and why others are left out."""
    counts = Counter(_meant(target) for entry in rows for target in entry.targets)
    targets = [target for target in rows[0].targets if counts[_meant(target)] == len(rows)]
    names = dict.fromkeys(target.name for entry in rows for target in entry.targets)
    common = {target.name for target in targets}
    left_out = [f"{name} is not in all scenarios, or not the same" for name in names if name not in common]
    if not targets:
        raise SimengineError(
            f"the scenarios have no target in common ({'; '.join(left_out)}); give all of them one with the same name, "
            "metric, period and bound"
        )
    return targets, left_out


def _meant(target: Target) -> tuple[object, ...]:
    """What a target asks for; the confidence that is wanted of it is no part of it."""
    bounds = target.at_least, target.at_most
    return target.name, target.metric, target.period, *sorted(target.where.items()), *bounds


def _told_by_all(rows: Sequence[_Entry]) -> list[Target]:
    counts = Counter(measure.name for entry in rows for measure in entry.measures)
    return [measure for measure in rows[0].measures if counts[measure.name] == len(rows)]


# ---- the folder ----


def _check_place(place: Path) -> None:
    """Refuse a folder that is something else."""
    with in_words(f"cannot read {place}"):
        if not place.exists():
            return
        if not place.is_dir():
            raise SimengineError(f"{place} is a file; choose a folder")
        # A kill while the manifest is written leaves its hidden beginning.
        held = [path.name for path in place.iterdir() if not path.name.startswith(f".{MANIFEST}.")]
        if not held:
            return
        try:
            manifest = json.loads(read_within(place / MANIFEST, JSON_BYTES))
        except (FileNotFoundError, ValueError, RecursionError):
            manifest = None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise SimengineError(f"{place} holds something else than a batch, so it stays as it is; choose another folder")
    if manifest.get("format_version") != FORMAT_VERSION:
        raise SimengineError(f"{place} holds a batch of another version of simengine; choose another folder")


def _write_manifest(place: Path, rows: Sequence[_Entry], draws: int, seed: int) -> None:
    told = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "draws": draws,
        "seed": str(seed),
        "scenarios": [{"name": entry.name, "file": f"{VALUES}/{entry.file.name}", **_of_plan(entry)} for entry in rows],
    }
    write_files({place / MANIFEST: json.dumps(told, indent=1, ensure_ascii=False) + "\n"}, overwrite=True)


def _of_plan(entry: _Entry) -> dict[str, str]:
    return {"story": entry.story, "digest_simulated": entry.identity["digest_simulated"]}
