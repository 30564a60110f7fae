"""Page one: what a board asks first, in the order in which it asks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import NamedTuple

import xarray as xr

from simengine.explain.intervals import Z95
from simengine.report.drivers import drivers
from simengine.report.page.cells import Cell, Table, table
from simengine.report.page.dossier import Beside, Dossier
from simengine.report.risks import certainty_facts
from simengine.report.solve import in_short
from simengine.report.statistics import Facts
from simengine.report.tables import capital, chance, written
from simengine.report.words import (
    at_most,
    between,
    change,
    distance,
    finding,
    goal,
    interval_of,
    metric_name,
    money,
    number,
    odds,
    part_name,
    percent,
    points,
    points_between,
    what,
)
from simengine.results.targets import at

DRIVERS, QUARTERS, CHOICES = 5, 4, 8
"""Rows on page one."""


class Headline(NamedTuple):
    """A target as page one says it.

    Attributes
    ----------
    name, asks : of the target
    chance, between, odds, wanted : its probability, the interval, in words, and the confidence asked for ("" for none)
    sentence : all of that as a sentence
    safe, safe_between, safe_at : the commit number, its interval, and how safe it is
    levels : P10, P50 and P90 beside what was planned
    missed : what is missing when it is missed
    drivers : the target whose drivers are its own: one of the same quantity; "" where nothing was ranked
    """

    name: str
    asks: str
    chance: str
    between: str
    odds: str
    wanted: str
    sentence: str
    safe: str
    safe_between: str
    safe_at: str
    levels: Table
    missed: str
    drivers: str


class Part(NamedTuple):
    """A part of the year: its name, how certain it is (0, the surest, to 4), its share of the whole, and in words."""

    name: str
    certainty: int
    share: float
    said: str


@dataclass(frozen=True)
class Decision:
    """What is to be decided; without `steps` there is nothing to choose from, and `said` says so."""

    said: str
    steps: Table | None = None


@dataclass(frozen=True)
class Board:
    """Page one.

    Attributes
    ----------
    headlines : by target, what the run is about first
    joint : how likely all are together, or ""
    parts, parts_said, parts_table : what the year is made of; none where nothing recurs
    drivers : by target, a table
    doubts : lines on judgment and hope
    quarters, cash : by quarter; lines on cash and coverage
    decision : what to decide
    belief : lines on why to believe it
    """

    headlines: tuple[Headline, ...]
    joint: str
    parts: tuple[Part, ...]
    parts_said: str
    parts_table: Table | None
    drivers: tuple[tuple[str, Table], ...]
    doubts: tuple[str, ...]
    quarters: Table | None
    cash: tuple[str, ...]
    decision: Decision
    belief: tuple[str, ...]

    @property
    def is_dense(self) -> bool:
        """Whether paper needs a smaller type for all of it to stand on one page."""
        rows = 0 if self.decision.steps is None else len(self.decision.steps.rows)
        words = [*self.doubts, *self.belief, self.decision.said, *(one.asks + one.name for one in self.headlines[:1])]
        return rows > _FEW or sum(map(len, words)) > _WORDS


_FEW, _WORDS = 3, 1_060
"""Choices, and signs, that page one has room for in its usual type."""


def board(dossier: Dossier, told: Facts) -> Board:
    """Page one.

    Parameters
    ----------
    dossier : what was found
    told : from `facts.facts`, of its run
    """
    targets = [target for target in told["targets"] if not target["criterion"]] or told["targets"]
    targets = sorted(targets, key=lambda target: target["name"] != dossier.about)
    parts = told["composition"]
    return Board(
        tuple(_headline(target, told, _of_quantity(dossier, target)) for target in targets),
        _joint(told, targets),
        tuple(_parts(parts)) if parts else (),
        _parts_said(parts, told["plan"]["currency"]) if parts else "",
        parts_table(parts, told["plan"]["currency"]) if parts else None,
        tuple(_drivers(dossier)),
        tuple(_doubts(dossier)),
        quarters_table(told, QUARTERS),
        tuple(_cash(told)),
        decision(dossier),
        tuple(_belief(dossier, told)),
    )


# ---- 1: how likely ----


def _headline(target: Facts, told: Facts, drivers: str) -> Headline:
    likely, commit, unit = target["probability"], target["commit"], target["unit"]
    wanted = "" if math.isnan(target["confidence"]) else percent(target["confidence"], 0)
    return Headline(
        target["name"],
        f"{goal(target)} {what(target)}",
        percent(likely["value"]),
        between(likely["lower"], likely["upper"], "fraction"),
        odds(likely["value"]),
        wanted,
        finding(target),
        written(commit["value"], target["metric"], unit),
        between(commit["lower"], commit["upper"], unit),
        percent(commit["confidence"], 0),
        _levels(target, told),
        _missed(target),
        drivers,
    )


def _levels(target: Facts, told: Facts) -> Table:
    unit, metric = target["unit"], target["metric"]
    bound = target["at_least"] if math.isfinite(target["at_least"]) else target["at_most"]
    columns = ["P10", "P50", "P90", "Target", "Operating plan"]
    row = [*(written(target[key], metric, unit) for key in ("p10", "p50", "p90")), number(bound, unit, trim=True)]
    row.append(written(target["operating_plan"], metric, unit))
    notes = []
    street = next((one for one in told["quotas"] if one["metric"] == "quota"), None)
    reached = next((one for one in told["quotas"] if one["metric"] == "attainment"), None)
    if street and reached:
        notes.append(
            f"Street quota {street['period']}: {number(street['operating_plan'], street['unit'])} of bookings in the "
            f"operating plan; sellers reach {between(reached['p10'], reached['p90'], 'fraction')} of theirs (P10–P90)."
        )
    else:
        notes.append("Street quota: the plan has no quotas.")
    return table(f"{capital(what(target))}: what may come, and what was planned", columns, [row], texts=0, notes=notes)


def _missed(target: Facts) -> str:
    missing = target["shortfall"]
    if not missing["misses"]:
        return "It was missed on no path."
    off = missing["mean"]
    either = Z95 * missing["standard_error"]
    if not math.isfinite(either):
        return f"When it is missed, it is missed by {distance(off, target['unit'])}, on the one path that does."
    bounds = {"lower": max(0.0, off - either), "upper": off + either}
    return (
        f"When it is missed, it is missed by {distance(off, target['unit'])} on average "
        f"({interval_of(bounds, target['unit'])}{' pts' if target['unit'] == 'fraction' else ''})."
    )


def _joint(told: Facts, targets: Sequence[Facts]) -> str:
    if told["joint"] is None:
        return ""
    together = "Both targets" if len(targets) == 2 else f"All {len(targets)} targets"
    return f"{together} on the same path: {chance(told['joint'])}, {odds(told['joint']['value'])}."


# ---- 2: what the year is made of ----

_CERTAINTY = {
    "base under contract": 0,
    "base after renewal": 1,
    "opening pipeline": 2,
    "existing people": 3,
    "hires": 4,
    "without a seller": 4,
    "expansion": 3,
}


def _parts(made: Facts) -> Iterator[Part]:
    whole = made["total"]["mean"]
    for part in made["parts"]:
        if part["mean"] > 0 and whole > 0:
            share = part["mean"] / whole
            yield Part(part_name(part["name"]), _CERTAINTY.get(part["name"], 4), share, percent(share, 0))


def _parts_said(made: Facts, currency: str) -> str:
    later = made["not_created"]
    return (
        f"{money(later['p50'], currency)} ({between(later['p10'], later['p90'], currency)}, P10–P90) of "
        f"{made['period']} ending ARR is to come from pipeline that {_did_not_exist(made)}."
    )


def _seen(made: Facts) -> str:
    """From when a year is seen that has begun before the plan."""
    return f" as of {made['since']}" if made["since"] else ""


def _bounded(made: Facts) -> str:
    if not made["since"]:
        return ""
    return f" Under contract: what was there in {made['since']} beyond what comes up for renewal; rather too low."


def _did_not_exist(made: Facts) -> str:
    return f"did not exist in {made['since']}" if made["since"] else "does not exist yet"


def parts_table(made: Facts, currency: str) -> Table:
    """What ending ARR is made of, the surest first."""
    rows = [
        [
            capital(part_name(part["name"])),
            money(part["p50"], currency),
            between(part["p10"], part["p90"], currency),
            money(part["operating_plan"], currency),
        ]
        for part in made["parts"]
    ]
    total = made["total"]
    rows.append(
        [
            f"Ending ARR {made['period']}",
            money(total["p50"], currency),
            between(total["p10"], total["p90"], currency),
            money(total["operating_plan"], currency),
        ]
    )
    return table(
        f"Ending ARR {made['period']} by certainty{_seen(made)}, the surest first",
        ("", "P50", "P10–P90", "Operating plan"),
        rows,
        notes=(f"Quantiles of parts do not add up to those of the whole.{_bounded(made)}",),
        whole=True,
    )


# ---- 3: what it hangs on ----


def _of_quantity(dossier: Dossier, target: Facts) -> str:
    """The target whose ranking tells of the same quantity."""
    ranked = {
        str(name): at(dossier.run, "target", name) for name in dossier.rankings if name in dossier.run["target"].values
    }
    about = [target[key] for key in _QUANTITY]
    return next((name for name, one in ranked.items() if about == [one[key].item() for key in _QUANTITY]), "")


_QUANTITY = ("metric", "period", "where")


def _drivers(dossier: Dossier) -> Iterator[tuple[str, Table]]:
    for name, ranking in dossier.rankings.items():
        told = drivers(ranking, dossier.run)
        if any(math.isfinite(row["share"]["value"]) for row in told["assumptions"]):
            yield name, drivers_table(told, DRIVERS)


def drivers_table(told: Facts, most: int) -> Table:
    """The strongest assumptions: share of the variance, and what it is worth to land high rather than low."""
    rows = []
    unit = told["unit"]
    chance_of_all, rest = told["random_variation"], told["unattributed"]
    shares = [each["share"]["value"] for each in told["assumptions"]]
    largest = max([value for value in (*shares, chance_of_all["value"]) if value > 0], default=1.0)
    for row in told["assumptions"][:most]:
        share, swing = row["share"], row["swing"]
        is_told = row["distinguishable"]
        rows.append(
            [
                Cell(row["name"], " · ".join(filter(None, (row["source_kind"], row["owner"])))),
                Cell(
                    percent(share["value"]) if is_told else at_most(share),
                    between(share["lower"], share["upper"], "fraction") if is_told else "",
                    bar=max(0.0, share["value"]) / largest,
                ),
                Cell(change(swing["value"], unit), interval_of(swing, unit)),
            ]
        )
    rows.append(
        [
            Cell("Random variation", "which deals, whom, when"),
            Cell(
                percent(chance_of_all["value"]),
                between(chance_of_all["lower"], chance_of_all["upper"], "fraction"),
                bar=max(0.0, chance_of_all["value"]) / largest,
            ),
            Cell(""),
        ]
    )
    about = f"{metric_name(told['metric'])} {told['period']}"
    trusted = "" if told["trusted"] else " The ranking holds too little of the variance to be trusted."
    return table(
        f"What {about} hangs on",
        ("Assumption", "Share of variance", "High fifth over low fifth"),
        rows,
        notes=(
            f"Shares of all assumptions, random variation and {percent(rest['value'])} "
            f"({between(rest['lower'], rest['upper'], 'fraction')}) unattributed add up to 100%.{trusted}",
        ),
    )


def _doubts(dossier: Dossier) -> Iterator[str]:
    if dossier.ranking is None:
        return
    told = drivers(dossier.ranking, dossier.run)
    judged = next(
        (one for one in told["groups"] if one["grouping"] == "source_kind" and one["name"] == "judgment"), None
    )
    if judged:
        share = judged["share"]
        yield (
            f"{percent(share['value'], 0)} ({between(share['lower'], share['upper'], 'fraction')}) of the variance "
            f"rests on judgment: {judged['members']} assumption{'s' * (judged['members'] != 1)} without a record."
        )
    if math.isfinite(told["typical_p_worse_than_plan"]):
        typical = told["typical_p_worse_than_plan"]
        side = "hopeful" if typical > 0.5 else "cautious" if typical < 0.5 else "even"
        varying = sum(not row["constant"] for row in told["assumptions"])
        hopeful = sorted(
            (row for row in told["assumptions"] if row["p_worse_than_plan"]["lower"] > 0.5 and not row["constant"]),
            key=lambda row: -row["share"]["value"],
        )
        named = f", {hopeful[0]['name']} with the largest share" if hopeful else ""
        yield (
            f"Plan values are {side}: a typical one turns out worse than planned on {percent(typical, 0)} of paths. "
            f"{len(hopeful)} of {varying} do so more often than not{named}."
        )
    if dossier.placed is not None:
        watched = certainty_facts(dossier.placed, dossier.ranking)
        names = ", ".join(row["name"] for row in watched["watch"][:3])
        if names:
            yield f"To watch, for much hangs on them and they rest on little: {names}."


# ---- 4: by quarter ----


def quarters_table(told: Facts, most: int) -> Table | None:
    """What a quarter may bring, and the chance of what was planned for it."""
    every, currency = told["quarters"]["quarters"], told["plan"]["currency"]
    if not every:
        return None
    rows = []
    for one in every[:most]:
        likely = one["probability_of_operating_plan"]
        rows.append(
            [
                Cell(one["period"]),
                Cell(money(one["p50"], currency), between(one["p10"], one["p90"], currency)),
                Cell(money(one["operating_plan"], currency)),
                Cell(percent(likely["value"]), between(likely["lower"], likely["upper"], "fraction")),
            ]
        )
    name = metric_name(told["quarters"]["metric"])
    return table(f"{capital(name)} by quarter", ("", "P50 and P10–P90", "Operating plan", "Chance of the plan"), rows)


def _cash(told: Facts) -> Iterator[str]:
    first: dict[str, Facts] = {}
    for row in told["cash"]:
        first.setdefault(row["metric"], row)
    if "lowest_cash" in first and "runway" in first:
        low, runway = first["lowest_cash"], first["runway"]
        yield (
            f"Cash {low['period']}: lowest {number(low['p10'], low['unit'])} at P10 "
            f"({number(low['p50'], low['unit'])} at P50); runway {written(runway['p10'], 'runway', 'months')} at P10."
        )
    else:
        yield "Cash and runway: the plan states no opening cash."
    cover = told["coverage"]
    if cover is None:
        yield "Coverage: there is no opening pipeline to compare with bookings."
        return
    short = [row["name"] for row in cover["segments"] if row["coverage"] < row["needed"] < math.inf]
    below = f" Below what is needed: {', '.join(short)}." if short else ""
    yield (
        f"Pipeline now: {_times(cover['p50'])} times three months' bookings ({_times(cover['p10'])}–"
        f"{_times(cover['p90'])}, P10–P90), needed {_times(cover['needed'])}.{below}"
    )


def _times(factor: float) -> str:
    return "infinite" if math.isinf(factor) else number(factor, "factor").removesuffix("0")


# ---- 5: what to decide ----


def decision(dossier: Dossier) -> Decision:
    """What is asked of the board: what was solved for, else the best of the scenarios, else that there is nothing."""
    if dossier.solved is not None:
        return _solved(dossier.solved)
    if dossier.compared is not None:
        return _best(dossier)
    return Decision(
        "No choice is put before the board: no scenario stands beside the plan, and none was solved for"
        f"{f' ({why})' if (why := dossier.missing.get('solved')) else ''}."
    )


def _solved(told: Facts) -> Decision:
    chosen, target, currency = told["chosen"], told["target"], told["currency"]
    asked = f"{target} with {percent(told['confidence'], 0)}"
    if chosen is None:
        limits = f" What binds: {', '.join(told['binding'])}." if told["binding"] else ""
        return Decision(f"No choice of the levers is shown to reach {asked} within the limits of the plan.{limits}")
    rows = [
        [
            Cell(one["name"], one["owner"]),
            Cell(
                in_short([one]).removeprefix(one["name"]).strip(), "" if one["from"] is None else f"from {one['from']}"
            ),
            Cell(one["decide_by"] or "–"),
            Cell(money(one["cost"], currency)),
        ]
        for one in chosen["levers"]
    ]
    before = told["before"]
    after, gain = chosen["probability"], chosen["gain"]
    first = min((one["decide_by"] for one in chosen["levers"] if one["decide_by"]), default="")
    by = f", the first by {first}" if first else ""
    said = (
        f"Decide {in_short(chosen['levers'])}, for {money(chosen['cost'], currency)}{by}: {target} goes from "
        f"{chance(before)} to {chance(after)}, by {points(gain['value'])} points ({points_between(gain)}), on paths "
        "that had no part in the choice."
    )
    steps = table(f"What {asked} takes", ("Decision", "How much", "By", "Cost"), rows)
    return Decision(said, steps if rows else None)


def _best(dossier: Dossier) -> Decision:
    compared = dossier.compared
    assert compared is not None
    rows = []
    spend = [i for i, name in enumerate(compared["measure"].values) if str(name).startswith("sm_spend")]
    currency, target = str(compared.attrs["currency"]), str(compared["target"].values[0])
    for place, beside in enumerate(dossier.scenarios, start=1):
        one = compared.isel(scenario=place, target=0)
        cost = Cell("not told") if not spend else _cost(compared, place, spend[0], currency)
        moved = {key: float(one[f"p_change{end}"]) for key, end in _ENDS.items()}
        likely = {key: float(one[f"p{end}"]) for key, end in _ENDS.items()}
        rows.append(
            [
                Cell(beside.name),
                Cell(percent(likely["value"]), between(likely["lower"], likely["upper"], "fraction")),
                Cell(f"{points(moved['value'])} pts", points_between(moved)),
                cost,
                Cell(beside.differs_from or "–"),
            ]
        )
    left_out = len(rows) - CHOICES
    steps = table(
        f"Each scenario beside the plan: {target}",
        ("Scenario", "Probability", "Change", "More S&M spend", "Decide before"),
        rows[:CHOICES],
        notes=[f"{left_out} more stand under Scenarios side by side."] if left_out > 0 else [],
    )
    return Decision(_in_words(dossier.scenarios, compared, target), steps)


_ENDS = {"value": "", "lower": "_lower", "upper": "_upper"}


def _cost(compared: xr.Dataset, place: int, measure: int, currency: str) -> Cell:
    one = compared.isel(scenario=place, measure=measure)
    bounds = {key: float(one[f"mean_change{end}"]) for key, end in _ENDS.items()}
    return Cell(change(bounds["value"], currency), interval_of(bounds, currency))


def _in_words(scenarios: Sequence[Beside], compared: xr.Dataset, target: str) -> str:
    first = compared.isel(target=0)
    better = [
        place
        for place in range(1, len(scenarios) + 1)
        if bool(first["p_told"].values[place]) and float(first["p_change"].values[place]) > 0
    ]
    if not better:
        return f"None of the scenarios makes {target} likelier by more than chance explains."
    best = min(better, key=lambda place: (int(first["rank"].values[place]), -float(first["p_change"].values[place])))
    tied = [scenarios[place - 1].name for place in better if first["rank"].values[place] == first["rank"].values[best]]
    moved = {key: float(first[f"p_change{end}"].values[best]) for key, end in _ENDS.items()}
    if len(tied) > 1:
        return f"{', '.join(tied)} make {target} likelier; chance explains the difference between them."
    before, after = ({key: float(first[f"p{end}"].values[i]) for key, end in _ENDS.items()} for i in (0, best))
    beside = scenarios[best - 1]
    by = f", decided before {beside.differs_from}" if beside.differs_from else ""
    return (
        f"{beside.name}{by}: {target} goes from {chance(before)} to {chance(after)}, by {points(moved['value'])} "
        f"points ({points_between(moved)}). What it costs stands below."
    )


# ---- 6: why believe it ----


def _belief(dossier: Dossier, told: Facts) -> Iterator[str]:
    plan, run = told["plan"], told["run"]
    version = f"version {plan['version']}" if plan["version"] else "no version stated"
    day = f"as of {plan['as_of']}" if plan["as_of"] else "no as-of date stated"
    yield (
        f"Plan: {version}, {day}; digest {run['digest_document'][:12]}, as simulated {run['digest_simulated'][:12]}. "
        f"Run: {run['draws']:,} draws, seed {run['seed']}, simengine {run['engine_version']}."
    )
    about = next((target for target in told["targets"] if target["name"] == dossier.about), None)
    stated = ""
    if about is not None:
        stated = f" With sources as stated: {chance(about['probability_without_source_policy'])}."
    yield f"Sources are taken wider than stated ({run['source_policy']}).{stated}"
    if dossier.walked is not None:
        from simengine.report.walk import sentence, walk_facts

        yield sentence(walk_facts(dossier.walked))
    else:
        yield f"Since last quarter: {dossier.missing.get('walked', 'not told')}."
    learned = dossier.plan.learned
    if learned is not None:
        records = ", ".join(
            f"{'/'.join(PurePath(entry.file).parts[-2:])} until {entry.as_of.isoformat()}" for entry in learned.evidence
        )
        yield f"Learned from {records}."
    yield " ".join(dossier.scores) or f"Past forecasts: {dossier.missing.get('scores', 'not told')}."
