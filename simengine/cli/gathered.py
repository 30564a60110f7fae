"""What the board's page is made from: everything that is known of a run, or may be worked out on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from simengine.errors import FOREIGN, SimengineError
from simengine.limits import JSON_BYTES, read_within

if TYPE_CHECKING:
    import xarray as xr

    from simengine.decide.findings import Gap
    from simengine.explain.intervals import Floats
    from simengine.plan import Plan
    from simengine.plan.targets import Target
    from simengine.report.page.dossier import Beside, Dossier
    from simengine.report.statistics import Facts

ORDERS = 200
"""Random orders of the walk from last quarter: the fewest whose intervals hold."""
MOST_RANKED = 4
"""Targets whose variance is ranked."""
NOT_SOLVED = "simengine solve -o FOLDER finds the cheapest choice that is likely enough; give its folder with --solved"
NOT_WALKED = "no earlier run was given; name last quarter's with --since"
NOT_SOUGHT = "it was not looked for, because that simulates; add --gap"
ONE_RUN = "one run was given; name further runs, of scenarios with the same seed and draws, after it"
NO_SCORES = "none were given; write simengine score RUN... --json, or simengine backtest --json, to a file for --scores"


class Stored(NamedTuple):
    """A run with its plan."""

    plan: Plan
    run: xr.Dataset


def stored(folder: str) -> Stored:
    """Read a run and the plan that it keeps."""
    from simengine.archive import load_plan, load_run

    return Stored(load_plan(folder), load_run(folder).dataset)


def dossier(
    runs: Sequence[str],
    *,
    target: str | None,
    since: str | None,
    solved: Path | None,
    with_gap: bool,
    scores: Sequence[Path] = (),
) -> Dossier:
    """Everything that is known of the first run, beside the others. Only `since` and `with_gap` simulate.

    Raises
    ------
    SimengineError
        where a run cannot be read, a target is none of the plan's, or runs cannot stand beside each other
    """
    from simengine.report.page.dossier import Dossier

    own, *others = [stored(run) for run in runs]
    earlier = None if since is None else stored(since)
    if earlier is not None and earlier.plan.plan.name != own.plan.plan.name:
        raise SimengineError(
            f"--since {since} is a run of {earlier.plan.plan.name}, and not of {own.plan.plan.name}; "
            "name an earlier run of this plan"
        )
    if target is not None:
        own = _first(own, target)
    missing = {} if scores else {"scores": NO_SCORES}
    if since is None:
        missing["walked"] = NOT_WALKED
    if solved is None:
        missing["solved"] = NOT_SOLVED
    about = _about(own.run)
    is_target = bool(own.run.sizes["target"])
    if not (with_gap and is_target):
        missing["gap"] = NOT_SOUGHT if is_target else "the plan has no target"
    rankings = _rankings(own.run, missing)
    scenarios, compared = _beside(own, others, missing)
    return Dossier(
        plan=own.plan,
        run=own.run,
        rankings=rankings,
        placed=_placed(own.run, rankings.get(about)),
        missed=_tried(missing, "missed", lambda: _missed(own.run, about)),
        triggers=_tried(missing, "triggers", lambda: _triggers(own.run, about)),
        scenarios=scenarios,
        compared=compared,
        walked=None if earlier is None else _walked(earlier, own, target),
        gap=_gap(own, about) if with_gap and is_target else None,
        solved=None if solved is None else solution(solved),
        scores=tuple(line for file in scores for line in past_scores(file)),
        missing=missing,
    )


def _first(own: Stored, target: str) -> Stored:
    """The run with a target of the plan as its first."""
    names = [str(name) for name in own.run["target"].values]
    if target not in names:
        has = f"it has {', '.join(names)}" if names else "it has none"
        raise SimengineError(f"{target!r} is no target of the plan; {has}")
    place = names.index(target)
    order = [place, *(i for i in range(len(names)) if i != place)]
    return Stored(own.plan, own.run.isel(target=order))


def _about(run: xr.Dataset) -> str:
    from simengine.report.facts import headline

    return headline(run)


def _tried(missing: dict[str, str], part: str, find: Callable[[], xr.Dataset]) -> xr.Dataset | None:
    """What is found, or None and the reason."""
    try:
        return find()
    except SimengineError as error:
        missing[part] = str(error)
        return None


def _rankings(run: xr.Dataset, missing: dict[str, str]) -> Mapping[str, xr.Dataset]:
    from simengine.explain import rank

    about = _about(run)
    names = {_quantity(run, about): about}
    for name, only in zip(run["target"].values, run["criterion"].values, strict=True):
        if not only:
            # Targets of the same quantity share its variance.
            names.setdefault(_quantity(run, str(name)), str(name))
    ranked = [*names.values()][:MOST_RANKED]
    found = {name: _tried(missing, f"ranking of {name}", lambda name=name: rank(run, name)) for name in ranked}  # type: ignore[misc]
    if found[about] is None:
        missing["rankings"] = missing[f"ranking of {about}"]
    return {name: ranking for name, ranking in found.items() if ranking is not None}


def _quantity(run: xr.Dataset, name: str) -> tuple[str, ...]:
    """What a target is about; a metric is about itself."""
    if name not in run["target"].values:
        return (name,)
    one = run.sel(target=name)
    return tuple(str(one[key].item()) for key in ("metric", "period", "where"))


def _placed(run: xr.Dataset, ranking: xr.Dataset | None) -> xr.Dataset | None:
    from simengine.cli.steps import by_certainty

    return None if ranking is None or not ranking.sizes["assumption"] else by_certainty(run, ranking)


def _missed(run: xr.Dataset, about: str) -> xr.Dataset:
    from simengine.explain import misses

    return misses(run, about)


def _triggers(run: xr.Dataset, about: str) -> xr.Dataset:
    from simengine.explain import triggers

    return triggers(run, about)


def _walked(old: Stored, own: Stored, target: str | None) -> xr.Dataset:
    from simengine.cli.steps import simulating
    from simengine.learn.walk import walk

    with simulating("Walking from the earlier run") as progress:
        return walk(old.plan, own.plan, old.run, own.run, target=target, permutations=ORDERS, progress=progress)


def _gap(own: Stored, about: str) -> Gap:
    from simengine.cli.steps import simulating
    from simengine.decide.gap import gap

    # The run's own draws and seed: the page then says one probability of one target.
    draws, seed = int(own.run.attrs["draws"]), int(own.run.attrs["seed"])
    with simulating("Closing the gap", "levers") as progress:
        return gap(own.plan, about, draws=draws, seed=seed, progress=progress)


# ---- scenarios ----


def _beside(
    own: Stored, others: Sequence[Stored], missing: dict[str, str]
) -> tuple[tuple[Beside, ...], xr.Dataset | None]:
    """The other runs, and all of them compared; draw by draw, so they must have the same draws."""
    from simengine.report.page.dossier import Beside

    if not others:
        missing["compared"] = ONE_RUN
        return (), None
    _check_beside(own, others)
    names = _names([own, *others])
    told = tuple(
        Beside(
            name,
            "" if other.plan.scenario is None else other.plan.scenario.story,
            _differs_from(own.run, other.run),
        )
        for name, other in zip(names[1:], others, strict=True)
    )
    if not own.plan.targets:
        missing["compared"] = "the plan has no target to compare scenarios by"
        return told, None
    return told, _compared(dict(zip(names, [own, *others], strict=True)))


def _check_beside(own: Stored, others: Sequence[Stored]) -> None:
    from simengine.decide.beside import check_beside

    faults = []
    for other in others:
        check_beside(other.plan, own.plan)
        for key in ("draws", "seed"):
            if other.run.attrs[key] != own.run.attrs[key]:
                faults.append(
                    f"{other.plan.title} was run with {key} {other.run.attrs[key]}, the plan with "
                    f"{own.run.attrs[key]}; scenarios are compared draw by draw, so run both with the same"
                )
    if faults:
        raise SimengineError("\n".join(faults))


def _names(runs: Sequence[Stored]) -> list[str]:
    """What scenarios are called; where two are called the same, with their number."""
    titles = [one.plan.title for one in runs]
    return [title if titles.count(title) == 1 else f"{title} ({i})" for i, title in enumerate(titles, start=1)]


def _differs_from(run: xr.Dataset, other: xr.Dataset) -> str:
    """The first month in which spend or people differ on average; "" where none does."""
    for place, month in enumerate(run["month"].values):
        for name in ("sm_spend", "headcount"):
            here, there = (float(one[name].isel(month=place).mean()) for one in (run, other))
            if here != there:
                return str(month)
    return ""


def _compared(runs: Mapping[str, Stored]) -> xr.Dataset:
    from simengine.decide.compare import compare

    first = next(iter(runs.values()))
    targets = [
        target
        for target in _in_order(first)
        if all(any(target == there for there in other.plan.targets) for other in runs.values())
    ]
    if not targets:
        raise SimengineError("the scenarios share no target with the plan, with the same bound; give them one")
    measures = _measures(first.run)
    columns = {
        name: {
            **{target.name: one.run["target_value"].sel(target=target.name).values for target in targets},
            **{measure.name: _values(one.run, measure) for measure in measures},
        }
        for name, one in runs.items()
    }
    found = compare(columns, targets, measures, currency=str(first.run.attrs["currency"]))
    left_out = [target.name for target in first.plan.targets if target not in targets]
    stories = ["" if one.plan.scenario is None else one.plan.scenario.story for one in runs.values()]
    digests = [str(one.run.attrs["digest_simulated"]) for one in runs.values()]
    return found.assign_coords(
        story=("scenario", stories), digest_simulated=("scenario", digests), digest_values=("scenario", digests)
    ).assign_attrs(
        {
            **{
                key: first.run.attrs[key]
                for key in ("seed", "plan", "plan_version", "as_of", "digest_document", "engine_version")
            },
            "left_out": "; ".join(f"{name} (not in every scenario)" for name in left_out),
            "simulated": 0,
            "kept": len(runs),
        }
    )


_ABOUT = ("seed", "plan", "plan_version", "as_of", "digest_document", "engine_version")


def _in_order(first: Stored) -> list[Target]:
    """Targets of the plan in the order of its run."""
    order = [str(name) for name in first.run["target"].values]
    return sorted(first.plan.targets, key=lambda target: order.index(target.name))


def _measures(run: xr.Dataset) -> list[Target]:
    """What is told in amounts: of the year that page one speaks of."""
    from simengine.plan.targets import Target
    from simengine.report.facts import year_told
    from simengine.report.year import has_cash, sells_once
    from simengine.results.targets import is_told

    year = year_told(run)
    if year is None:
        return []
    names = ["bookings"] if sells_once(run) else ["ending_arr", "new_arr", "nrr"]
    names += ["sm_spend"] if (run["sm_spend"] != 0).any() else []
    names += ["lowest_cash"] if has_cash(run) else []
    return [
        Target.model_construct(name=f"{name} {year}", metric=name, period=year, where={})
        for name in names
        if is_told(run, name, year)
    ]


def _values(run: xr.Dataset, measure: Target) -> Floats:
    from simengine.results.targets import told_values

    return told_values(run, measure.metric, measure.period).values


# ---- what was solved for ----


def solution(folder: Path) -> Facts:
    """What `simengine solve -o` found, from its folder."""
    import json

    from simengine.archive import in_words
    from simengine.cli.solve import FOUND

    file = folder / FOUND
    with in_words(f"cannot read {folder}"):
        if not file.is_file():
            raise SimengineError(f"{folder} holds no {FOUND}; name a folder that simengine solve -o has written")
        content = read_within(file, JSON_BYTES)
    try:
        told = json.loads(content)
        told["target"], told["certificate"], told["search"]
    except FOREIGN:
        raise SimengineError(f"{file} is not as simengine wrote it; solve again") from None
    return dict(told)


def past_scores(file: Path) -> list[str]:
    """How past forecasts did, from what `simengine score --json` or `simengine backtest --json` wrote to a file."""
    import json

    from simengine.archive import in_words
    from simengine.report.score import coverage_told

    with in_words(f"cannot read {file}"):
        content = read_within(file, JSON_BYTES)
    try:
        return coverage_told(json.loads(content))
    except FOREIGN:
        raise SimengineError(
            f"{file} is not what simengine score --json or simengine backtest --json writes; write it again"
        ) from None
