"""A plan with what has happened since: months past are facts, the start is where the company stands, beliefs are new.

The result is a plan file like any other, and is simulated like any other.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path as FilePath
from typing import Any, NamedTuple

import numpy as np

from simengine.errors import PlanError, Problem, SimengineError
from simengine.learn.batches import Batch, batch, beside, earlier, joined, plan_before
from simengine.learn.beliefs import Beliefs, Spec, beliefs
from simengine.learn.happened import BY_CHANNEL, happened
from simengine.learn.history import History
from simengine.learn.posterior import Posterior, learn
from simengine.learn.standing import Shift, as_csv
from simengine.learn.state import State, state, tree_of
from simengine.plan import Plan, load, loads
from simengine.plan.edit import REMOVE, edited
from simengine.plan.facts import LEVELS, SUMS
from simengine.plan.source import Path
from simengine.units import month_label, month_number

QUANTILES = 0.1, 0.5, 0.9
_SAID = re.compile(r"; actuals to \d{4}-\d{2}-\d{2}: .*$")
_LONGEST = 300
"""Characters of a source's reference."""


class Moved(NamedTuple):
    """A belief before and after: P10, P50 and P90 as simulated, and what spoke of it; `direct`: records did.

    `edge`: what is believed now was hardly thought possible before (its median lies outside P1 to P99), so that the
    records may say more than a belief with such ends can follow.
    """

    name: str
    unit: str
    before: tuple[float, float, float]
    after: tuple[float, float, float]
    evidence: str
    direct: bool
    edge: bool


@dataclass(frozen=True)
class Updated:
    """A plan with what has happened since.

    Attributes
    ----------
    plan : the new plan, checked
    files : name -> text; the plan itself comes first, then what stands beside it
    as_of : the last day that is known
    moved : beliefs that actuals speak of, those that moved most come first
    restated : those of `moved` whose distribution is another now; the others cannot be told from before
    kept : why an assumption, event or shock is believed as before
    shifts : what the plan counted on for the day, beside what is
    said : what was moved, left out or taken from the plan
    untold : outputs of which the tables do not tell all months, so that no fact is kept of them
    """

    plan: Plan
    files: dict[str, str]
    as_of: date
    moved: tuple[Moved, ...]
    restated: frozenset[str]
    kept: Mapping[str, str]
    shifts: tuple[Shift, ...]
    said: tuple[str, ...]
    untold: tuple[str, ...]


def update(
    path: str | os.PathLike[str],
    actuals: str | os.PathLike[str],
    *,
    as_of: date,
    output: str | os.PathLike[str],
    assume: Collection[str] = (),
    draws: int = 4096,
    seed: int = 7,
) -> Updated:
    """Work out a plan with what has happened up to a day; nothing is written (see `written.write`).

    Parameters
    ----------
    path : the plan file
    actuals : the mapping file of the records
    as_of : the last day of a month of the plan
    output : the file of the new plan
    assume : kinds of things (`standing.ASSUMED`) to take from the plan where the records do not tell them
    draws, seed : of the posterior

    Raises
    ------
    SimengineError
        where records are refused, do not tell where the company stands, or earlier ones cannot be read again

    Notes
    -----
    Beliefs are those of the plan before any actuals, conditioned on all records so far: an update with the records of
    two quarters is the same as one with those of each after the other.
    """
    file, target = FilePath(path), FilePath(output)
    plan = load(file)
    extended = tree_of(plan).child("extends")
    if extended is not None:
        base = extended.value
        raise SimengineError(
            f"{file.name} extends {base}: update {base}, and let a copy of {file.name} extend the new plan"
        )
    if target.resolve() == file.resolve():
        raise SimengineError(
            f"{target} is the plan itself, which later updates start from: choose another name with -o"
        )
    before, origin = plan_before(plan, file), before_file(plan, file)
    if target.resolve() == origin.resolve():
        raise SimengineError(
            f"{target} is the plan that {file.name} was made of, and is needed as it is: choose another name with -o"
        )
    batches = earlier(plan, before, file)
    if batches and as_of <= batches[-1].as_of:
        raise SimengineError(f"{file.name} knows what happened up to {batches[-1].as_of}: choose a later day")
    batches.append(batch(actuals, as_of, before, file.parent))
    history = joined(batches)
    # What is refused is refused before the long part begins.
    stand = state(history, plan, stem=target.stem, assume=assume, before=before)
    posterior = learn(before, history, draws=draws, seed=seed)
    return compose(plan, before, batches, stand, posterior, beliefs(before, posterior), target, file.parent, origin)


def before_file(plan: Plan, file: FilePath) -> FilePath:
    """The file of the plan before any actuals."""
    return file if plan.learned is None else file.parent / plan.learned.origin.file


def compose(
    plan: Plan,
    before: Plan,
    batches: Sequence[Batch],
    stand: State,
    posterior: Posterior,
    held: Beliefs,
    target: FilePath,
    folder: FilePath,
    origin: FilePath,
) -> Updated:
    """Put a new plan together from the old one, all records, and what is believed now.

    Parameters
    ----------
    plan : the plan in force, in `folder`
    before : the plan before any actuals, at `origin`
    batches : all records so far, each with a file as seen from `folder`; the last one is the new one
    stand : where the company stands
    posterior, held : what is believed now
    target : the new plan's file
    """
    history, stem = joined(batches), target.stem
    files, changes = dict(stand.files), dict(stand.changes)
    told, untold = _facts(history, before, plan)
    if told:
        columns = ("month", "output", "segment", "channel", "value")
        files[f"{stem}.facts.csv"] = as_csv(columns, told)
        changes["facts",] = {"file": f"{stem}.facts.csv"}
    changes |= _believed(plan, before, history.as_of, posterior, held)
    learned: dict[str, object] = {
        "from": {"file": beside(origin, target.parent), "digest": before.digest_document},
        "evidence": [
            {"file": beside(folder / each.file, target.parent), "as_of": str(each.as_of), "digest": each.digest}
            for each in batches
        ],
    }
    if rows := list(_together(held)):
        files[f"{stem}.dependence.csv"] = as_csv(("a", "b", "rho"), rows)
        learned["dependence"] = {"file": f"{stem}.dependence.csv"}
    if stand.moved:
        learned["hires"] = [
            {"seats": seats, "month": month, "number": number}
            for seats, moved in stand.moved.items()
            for month, number in moved.items()
        ]
    changes["learned",] = learned
    said = list(stand.said)
    for name, words, edit in _levers(plan, month_number(str(stand.changes["plan", "start"]))):
        changes |= edit
        said.append(f"lever {name} {words}")
    text, new = _checked(plan, changes, files, target.name, said)
    others = {} if folder.resolve() == target.parent.resolve() else _needed(new, plan, files)
    moved = tuple(_moved(plan, posterior))
    return Updated(
        new,
        {target.name: text, **files, **others},
        history.as_of,
        moved,
        frozenset(held.beliefs),
        posterior.kept,
        stand.shifts,
        tuple(said),
        tuple(untold),
    )


def _levers(plan: Plan, start: int) -> Iterator[tuple[str, str, dict[Path, object]]]:
    """Levers that have starts before the new one: name, what becomes of them, and the edits.

    Starts that are past go; a lever without any other goes too, and so does one of an event that has surely begun.
    """
    for name, lever in plan.levers.items():
        past = [month for month in lever.starts if month < start]
        has_begun = lever.event is not None and plan.events[lever.event].starts.support()[1] < start
        if not past and not has_begun:
            continue
        months = ", ".join(map(month_label, past))
        if has_begun:
            yield name, f"is left out: {lever.event} has begun", {("levers", name): REMOVE}
        elif len(past) == len(lever.starts):
            yield name, f"is left out: it could start in {months}, which is past", {("levers", name): REMOVE}
        else:
            kept = [month_label(month) for month in lever.starts if month >= start]
            yield name, f"cannot start in {months} any more, which is past", {("levers", name, "starts"): kept}


def _needed(new: Plan, plan: Plan, files: Mapping[str, str]) -> dict[str, str]:
    """Files of the old plan that the new one, in another folder, still needs."""
    names = list(new.texts)[1:]
    return {name: plan.texts[name] for name in names if name not in files}


def _checked(
    plan: Plan, changes: dict[Path, object], files: Mapping[str, str], name: str, said: list[str]
) -> tuple[str, Plan]:
    """The new plan's text, and the plan; targets and levers that make no sense any more are left out, and said."""
    old, text = next(iter(plan.texts.items()))
    given = {**{other: each for other, each in plan.texts.items() if other != old}, **files}
    for _ in range(2):
        now = edited(text, old, _without_empty_levers(plan, changes))
        try:
            return now, loads(now, name, files=given)
        except PlanError as error:
            gone = [p for p in error.problems if p.key.startswith(("targets.", "levers."))]
            if not gone or len(gone) < len(error.problems):
                words = (
                    "what happened does not go together with the rest of the plan: change that first, then update it"
                )
                raise SimengineError(f"{old}: {words}\n{error}") from None
            for problem in gone:
                _leave_out(problem, plan, changes, said)
    raise AssertionError("targets and levers are left out once")


def _leave_out(problem: Problem, plan: Plan, changes: dict[Path, object], said: list[str]) -> None:
    def is_of(section: str, name: str) -> bool:
        return f"{problem.key}.".startswith(f"{section}.{name}.")

    for lever in plan.levers:
        if is_of("levers", lever) and changes.get(("levers", lever)) is not REMOVE:
            for path in [path for path in changes if path[:2] == ("levers", lever)]:
                del changes[path]
            changes["levers", lever] = REMOVE
            said.append(f"lever {lever} is left out: {problem.message}")
    for target in plan.targets:
        if is_of("targets", target.name):
            changes["targets", target.name] = REMOVE
            said.append(f"target {target.name} is left out: {problem.message}")
            for event, entry in plan.events.items():
                if entry.success == target.name:
                    changes["events", event, "success"] = REMOVE


def _without_empty_levers(plan: Plan, changes: dict[Path, object]) -> dict[Path, object]:
    """The same, with the whole section removed where no lever is left in it."""
    if not plan.levers or any(changes.get(("levers", name)) is not REMOVE for name in plan.levers):
        return changes
    return {**{path: value for path, value in changes.items() if path[0] != "levers"}, ("levers",): REMOVE}


# --- facts ------------------------------------------------------------------------------------------------------------


def _facts(history: History, before: Plan, plan: Plan) -> tuple[list[dict[str, object]], list[str]]:
    """Outputs of the months since the first plan began, and those of which the tables do not tell every month."""
    frame = happened(history, before)
    rates = frame["segment"].map({name: before.rate_of(name) for name in before.segments}).fillna(1.0)
    is_money = ~frame["output"].isin(["won", "opportunities", "customers", "new_customers", "churned_customers"])
    frame["value"] = frame["value"].where(~is_money, frame["value"] / rates)
    rows: list[dict[str, object]] = []
    untold = []
    for output in (output for output in (*SUMS, *LEVELS) if output != "bookings"):
        part = frame[frame["output"] == output]
        if part["value"].isna().any():
            untold.append(output)
            continue
        rows += [_fact(dict(row)) for row in part.to_dict("records") if _is_told(dict(row))]
    first = before.plan.start
    older = [fact for fact in plan.facts.rows if fact.month < first and fact.output not in untold]
    kept = [
        {
            "month": month_label(fact.month),
            "output": fact.output,
            "segment": fact.segment or "",
            "channel": fact.channel or "",
            "value": fact.value,
        }
        for fact in older
    ]
    return [*kept, *rows], untold


def _is_told(row: Mapping[Any, Any]) -> bool:
    """Of what nobody can place on a channel a zero says nothing."""
    return row["output"] not in BY_CHANNEL or row["channel"] != "" or row["value"] != 0


def _fact(row: Mapping[Any, Any]) -> dict[str, object]:
    return {**row, "month": month_label(int(row["month"]))}


# --- beliefs ----------------------------------------------------------------------------------------------------------


def _together(held: Beliefs) -> Iterator[dict[str, object]]:
    """Rank correlations of names that evidence ties; with 0 stands who is tied to nobody any more."""
    paired = {name for a, b, _ in held.rank_correlations for name in (a, b)}
    for a, b, rho in held.rank_correlations:
        yield {"a": a, "b": b, "rho": f"{rho:g}"}
    for group in held.groups:
        for name in group:
            if name not in paired:
                other = next(each for each in group if each != name)
                paired |= {name, other}
                yield {"a": name, "b": other, "rho": 0}


def as_written(spec: Spec, unit: str) -> Spec:
    """A distribution with its numbers as plans write them: fractions in per cent.

    >>> as_written({"beta": {"mean": 0.2213, "n": 402.5}}, "fraction")
    {'beta': {'mean': '22.13 %', 'n': 402.5}}
    >>> as_written({"discrete": {0.02: 0.25, 0.03: 0.75}}, "fraction per year")
    {'discrete': {'2 %': '25 %', '3 %': '75 %'}}
    """
    if not unit.startswith("fraction"):
        return spec
    (family, given), *_ = spec.items()
    if family == "discrete":
        return {family: {_percent(value): _percent(share) for value, share in given.items()}}
    if not isinstance(given, dict):
        return {family: _percent(given)}
    return {family: {key: value if key in _SHAPES else _percent(value) for key, value in given.items()}}


_SHAPES = frozenset({"n", "cv", "sigma", "shape"})
"""Parameters of distributions that have no unit."""


def _percent(value: Any) -> Any:
    return [_percent(each) for each in value] if isinstance(value, list) else f"{100 * value:.6g} %"


def _believed(plan: Plan, before: Plan, as_of: date, posterior: Posterior, held: Beliefs) -> dict[Path, object]:
    """Edits of the assumptions: what is believed now and was before, and what the records add to the source."""
    tree, changes = tree_of(before).plain(), dict[Path, object]()
    assert isinstance(tree, dict)
    written = tree.get("assumptions", {})
    for name, belief in sorted(held.beliefs.items()):
        if name not in plan.assumptions:
            continue
        at = ("assumptions", name)
        changes[*at, "distribution"] = as_written(belief.distribution, plan.assumptions[name].unit)
        if plan.assumptions[name].before is None:
            changes[*at, "before"] = written[name]["distribution"]
        source = before.assumptions[name].source
        evidence = f"; actuals to {as_of}: {posterior.spoken.get(name, 'moves with others')}"
        reference = _SAID.sub("", source.reference)
        changes[*at, "source", "reference"] = f"{reference[: _LONGEST - min(len(evidence), 200)]}{evidence[:200]}"
        if name in posterior.direct:
            changes[*at, "source", "n"] = (source.n or 0) + posterior.records[name]
            changes[*at, "source", "as_of"] = str(as_of)
    for name in plan.assumptions.keys() - held.beliefs.keys():
        if plan.assumptions[name].before is not None:
            # What an earlier update believed is conditioned anew on all records, and they say nothing of it now.
            changes["assumptions", name, "distribution"] = written[name]["distribution"]
            changes["assumptions", name, "before"] = REMOVE
            source = written[name]["source"]
            for key in ("reference", "n", "as_of"):
                if key in source or getattr(plan.assumptions[name].source, key) is not None:
                    changes["assumptions", name, "source", key] = source.get(key, REMOVE)
    return changes


def _moved(plan: Plan, posterior: Posterior) -> Iterator[Moved]:
    """Beliefs of which actuals speak, by how far the median moved in widths of what was believed."""
    laws = plan.widened()
    found = []
    for name in posterior.spoken:
        if name not in posterior.names or name not in plan.assumptions:
            continue
        column = posterior.values[:, posterior.names.index(name)]
        old, new = (tuple(map(float, each)) for each in (laws[name].ppf(QUANTILES), np.quantile(column, QUANTILES)))
        width = old[2] - old[0]
        distance = abs(new[1] - old[1]) / width if width else 0.0
        unit = plan.assumptions[name].unit
        least, most = laws[name].ppf((0.01, 0.99))
        edge = not least <= new[1] <= most
        moved = Moved(name, unit, old, new, posterior.spoken[name], name in posterior.direct, edge)  # type: ignore[arg-type]
        found.append((-distance, name, moved))
    yield from (moved for _, _, moved in sorted(found, key=lambda each: each[:2]))
