"""The chapters after page one: what a reader of the first page asks next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from rich.console import RenderableType

from simengine.report.alarms import alarm_tables, alarms
from simengine.report.compare import compare_facts, compare_tables
from simengine.report.drivers import drivers
from simengine.report.facts import year_told
from simengine.report.gap import gap_facts, gap_tables
from simengine.report.misses import miss_facts, misses
from simengine.report.page.board import DRIVERS, drivers_table, parts_table, quarters_table
from simengine.report.page.cells import Cell, Table, table
from simengine.report.page.dossier import Dossier
from simengine.report.page.functions import FUNCTIONS, Function
from simengine.report.page.lines import of_section, of_target, sections_of
from simengine.report.page.register import Entry, register, register_table, short_table
from simengine.report.page.terminal import Words, told
from simengine.report.solve import solve_tables
from simengine.report.statistics import Facts, measured
from simengine.report.tables import capital, written
from simengine.report.walk import SHOWN, walk_facts, walk_table
from simengine.report.words import at_most, between, change, goal, interval_of, metric_name, number, percent, what
from simengine.report.year import has_cash, sells_once, whole_periods
from simengine.results.outputs import OUTPUTS
from simengine.results.targets import is_told

_RANKED = 15
"""Assumptions in the ranking; the others stand below, closed."""
_ALL = 10_000


class Picture(NamedTuple):
    """Where a picture stands, by its name; it is left out where there is none of that name."""

    name: str


class Long(NamedTuple):
    """What is closed until it is opened."""

    title: str
    blocks: tuple[Block, ...]


Block = Words | Table | Picture | Long


@dataclass(frozen=True)
class Chapter:
    """A chapter: where a link leads, its title, who should read it, and what stands in it.

    `reason` says why there is nothing, where there is nothing.
    """

    key: str
    title: str
    reader: str
    blocks: tuple[Block, ...]
    reason: str = ""


def chapters(dossier: Dossier, story: Facts) -> list[Chapter]:
    """All chapters, in order; each is there, and says so where it has nothing to say.

    Parameters
    ----------
    dossier : what was found
    story : from `facts.facts`, of its run
    """
    entries = register(dossier.plan)
    return [
        _range(dossier, story),
        _variance(dossier),
        _made(
            "misses",
            "What decides a miss",
            "the board, and whoever is to prevent it",
            dossier.missing.get("missed", ""),
            None if dossier.missed is None else lambda: _missed(dossier),
            Picture("misses"),
        ),
        _certainty(dossier),
        _bridge(dossier, story),
        _capacity(dossier, story),
        _made(
            "scenarios",
            "Scenarios side by side",
            "the board, before it decides",
            dossier.missing.get("compared", ""),
            None if dossier.compared is None else lambda: compare_tables(_compared(dossier)),
            Picture("scenarios"),
            Picture("amounts"),
        ),
        _made(
            "gap",
            "The gap, and what would close it",
            "the CFO and the owners of the levers",
            dossier.missing.get("gap", ""),
            None if dossier.gap is None else lambda: gap_tables(_gap(dossier)),
            Picture("gap"),
        ),
        _made(
            "choice",
            "The choice that was solved for",
            "the board, before it decides",
            dossier.missing.get("solved", ""),
            None if dossier.solved is None else lambda: solve_tables(dict(dossier.solved or {})),
        ),
        _made(
            "triggers",
            "Trigger points",
            "whoever watches the plan during the year",
            dossier.missing.get("triggers", ""),
            None if dossier.triggers is None else lambda: _alarms(dossier),
            Picture("triggers"),
        ),
        _made(
            "since",
            "What changed since last quarter",
            "the board, and whoever owns an assumption that moved",
            dossier.missing.get("walked", ""),
            None if dossier.walked is None else lambda: _walked(dossier),
            Picture("walk"),
        ),
        *(_function(dossier, function, entries) for function in FUNCTIONS),
        _register(entries),
        _trace(dossier, story),
        _method(),
    ]


def _compared(dossier: Dossier) -> Facts:
    assert dossier.compared is not None
    return compare_facts(dossier.compared)


def _gap(dossier: Dossier) -> Facts:
    assert dossier.gap is not None
    return gap_facts(dossier.gap)


def _alarms(dossier: Dossier) -> RenderableType:
    assert dossier.triggers is not None
    return alarm_tables(alarms(dossier.triggers))


def _walked(dossier: Dossier) -> RenderableType:
    assert dossier.walked is not None
    return walk_table(walk_facts(dossier.walked, SHOWN))


def _missed(dossier: Dossier) -> RenderableType:
    assert dossier.missed is not None
    return misses(miss_facts(dossier.missed, dossier.run), str(dossier.run.attrs["currency"]))


def _made(
    key: str, title: str, reader: str, reason: str, shown: Callable[[], RenderableType] | None, *pictures: Picture
) -> Chapter:
    """A chapter that tells what a terminal is told, below its pictures."""
    if shown is None:
        return Chapter(key, title, reader, (), reason or "it was not looked for")
    # The chapter's own title is not said again below it.
    blocks = (one for one in told(shown(), title) if not (isinstance(one, Words) and one.text == title))
    return Chapter(key, title, reader, (*pictures, *_folded(blocks)))


_CLOSED = ("Has anybody thought it possible?",)
"""Headings of what is for few readers, and long."""


def _folded(blocks: Iterable[Words | Table]) -> Iterator[Block]:
    """Blocks with what is below a heading of `_CLOSED` closed until it is opened."""
    inside: list[Block] = []
    title = ""
    for one in blocks:
        if isinstance(one, Words) and one.kind == "heading":
            if title:
                yield Long(title, tuple(inside))
            inside, title = [], one.text if one.text in _CLOSED else ""
            if title:
                continue
        if title:
            inside.append(one)
        else:
            yield one
    if title:
        yield Long(title, tuple(inside))


# ---- what may come ----


def _range(dossier: Dossier, story: Facts) -> Chapter:
    targets = [one for one in story["targets"] if not one["criterion"]]
    rows = []
    for target in targets:
        likely, commit, without = (
            target["probability"],
            target["commit"],
            target["probability_without_source_policy"],
        )
        place = of_target(dossier.plan, target["name"])
        unit, metric = target["unit"], target["metric"]
        rows.append(
            [
                Cell(
                    target["name"],
                    f"{goal(target)} {what(target)}{'' if place is None else f', {place.said}'}",
                    "" if place is None else place.link,
                ),
                Cell(percent(likely["value"]), between(likely["lower"], likely["upper"], "fraction")),
                Cell(percent(without["value"]), between(without["lower"], without["upper"], "fraction")),
                Cell(written(commit["value"], metric, unit), between(commit["lower"], commit["upper"], unit)),
                *(Cell(written(target[key], metric, unit)) for key in ("p10", "p50", "p90", "operating_plan")),
            ]
        )
    columns = ("Target", "Probability", "Sources as stated", "80% safe", "P10", "P50", "P90", "Operating plan")
    blocks: list[Block] = [Picture("fan"), Picture("exceedance")]
    if rows:
        blocks.append(table("Every target, with 95% intervals", columns, rows))
    else:
        blocks.append(Words("The plan has no target; what may come is told of its metrics."))
    return Chapter("range", "What may come", "the board", tuple(blocks))


def _variance(dossier: Dossier) -> Chapter:
    title, reader = "What the variance hangs on", "the board, and whoever owns an assumption"
    blocks: list[Block] = [Picture("tornado")]
    for name, ranking in dossier.rankings.items():
        facts = drivers(ranking, dossier.run)
        if name == dossier.about:
            blocks += [drivers_table(facts, _RANKED), Long("Every assumption", (_ranked(facts), _groups(facts)))]
        else:
            blocks.append(Long(f"What {name} hangs on", (replace(drivers_table(facts, DRIVERS), titled=True),)))
    if len(blocks) == 1:
        return Chapter("variance", title, reader, (), dossier.missing.get("rankings", "there is no ranking"))
    return Chapter("variance", title, reader, tuple(blocks))


def _ranked(facts: Facts) -> Table:
    unit = facts["unit"]
    rows = [
        [
            Cell(row["name"], " · ".join(filter(None, (row["source_kind"], row["owner"])))),
            *_share(row["share"], is_told=row["distinguishable"]),
            Cell(change(row["swing"]["value"], unit), interval_of(row["swing"], unit)),
            *(_chance(row[f"p_hit_{end}_fifth"]) for end in ("bottom", "top") if f"p_hit_{end}_fifth" in row),
            _chance(row["p_worse_than_plan"]),
        ]
        for row in facts["assumptions"]
    ]
    ends = ("P(hit) low fifth", "P(hit) high fifth") if rows and len(rows[0]) == 6 else ()
    columns = ("Assumption", "Share of variance", "High fifth over low fifth", *ends, "Worse than plan")
    return table("Every assumption, event and shock, the strongest first", columns, rows)


_BY = {"owner": "owner", "source_kind": "kind of source", "acts_on": "part of the plan"}


def _groups(facts: Facts) -> Table:
    rows = [
        [_BY[group["grouping"]], group["name"], f"{group['members']}", *_share(group["share"])]
        for group in facts["groups"]
    ]
    return table("Shares by owner, source and part of the plan", ("By", "Which", "Assumptions", "Share"), rows, texts=2)


def _share(share: Facts, *, is_told: bool = True) -> tuple[Cell]:
    if not is_told:
        return (Cell(at_most(share)),)
    return (Cell(percent(share["value"]), between(share["lower"], share["upper"], "fraction")),)


def _chance(likely: Facts) -> Cell:
    shown = percent(likely["value"])
    return Cell(shown, "" if shown == "n/a" else between(likely["lower"], likely["upper"], "fraction"))


def _certainty(dossier: Dossier) -> Chapter:
    from simengine.report.risks import certainty_facts

    title, reader = "Impact against certainty", "the CFO, to choose what to look into"
    if dossier.placed is None or dossier.ranking is None:
        return Chapter("certainty", title, reader, (), dossier.missing.get("rankings", "there is no ranking"))
    facts = certainty_facts(dossier.placed, dossier.ranking)
    high, low = ([row for row in facts["certainty"] if row["impact"] == impact] for impact in ("high", "low"))
    blocks: list[Block] = [Picture("certainty"), _certainties("Assumptions of high impact", high)]
    if low:
        title_of_low = "Assumptions of low impact"
        blocks.append(Long(title_of_low, (replace(_certainties(title_of_low, low), titled=True),)))
    return Chapter("certainty", title, reader, tuple(blocks))


def _certainties(caption: str, found: list[Facts]) -> Table:
    rows = [
        [
            Cell(row["name"], row["owner"]),
            Cell(row["certainty"], row["why"]),
            Cell("watch" if row["watch"] else ""),
            Cell(percent(row["share"]["value"]), between(row["share"]["lower"], row["share"]["upper"], "fraction")),
        ]
        for row in found
    ]
    notes = ("To watch: much hangs on it, and it rests on little.",) if any(row["watch"] for row in found) else ()
    columns = ("Assumption", "Certainty", "", "Share of variance")
    return table(caption, columns, rows, texts=3, notes=notes)


def _bridge(dossier: Dossier, story: Facts) -> Chapter:
    title, reader = "From opening to ending ARR", "the board and finance"
    if sells_once(dossier.run):
        reason = "nothing in the plan is a subscription, so there is no ARR"
        return Chapter("bridge", title, reader, (), reason)
    made, currency = story["made_of"], story["plan"]["currency"]
    if made is None:
        return Chapter("bridge", title, reader, (), "the plan has no whole fiscal year")
    rows = [_levels(capital(metric_name(one["name"])), one, currency) for one in _steps(made)]
    blocks: list[Block] = [
        Picture("bridge"),
        table(f"ARR bridge of {made['period']}", ("", "P10", "P50", "P90", "Operating plan"), rows),
        Picture("composition"),
    ]
    if story["composition"]:
        blocks.append(parts_table(story["composition"], currency))
    return Chapter("bridge", title, reader, tuple(blocks))


def _steps(made: Facts) -> Iterator[Facts]:
    opening = made["opening"]
    yield {"operating_plan": opening["mean"], **opening}
    yield from made["flows"]
    yield made["closing"]


def _levels(name: str, one: Facts, unit: str, metric: str = "") -> list[str]:
    return [name, *(written(one[key], metric, unit) for key in ("p10", "p50", "p90", "operating_plan"))]


def _capacity(dossier: Dossier, story: Facts) -> Chapter:
    title, reader = "People and capacity by quarter", "the head of sales, and whoever hires"
    run, blocks = dossier.run, list[Block]([Picture("capacity")])
    periods = whole_periods(run, "FY{year}-Q{quarter}")
    if not periods or not (run["headcount"] != 0).any():
        return Chapter("capacity", title, reader, (), "the plan has no people, or no whole fiscal quarter")
    rows = []
    for period in periods:
        cells = [Cell(period)]
        for name in ("headcount", "ramped"):
            one = measured(run, name, period)
            cells.append(Cell(number(one["p50"], "count"), between(one["p10"], one["p90"], "count")))
            cells.append(Cell(number(one["operating_plan"], "count")))
        rows.append(cells)
    columns = ("", "People (P50, P10–P90)", "Operating plan", "Ramped equivalents (P50, P10–P90)", "Operating plan")
    blocks.append(table("People at the end of each fiscal quarter", columns, rows))
    if made := quarters_table(story, _ALL):
        blocks.append(made)
    if cover := story["coverage"]:
        rows = [
            [Cell(row["name"]), *(Cell(f"{row[key]:.1f} times") for key in ("coverage", "needed"))]
            for row in cover["segments"]
        ]
        caption = "Opening pipeline by segment, as a multiple of three months' bookings (means)"
        blocks.append(table(caption, ("Segment", "Coverage now", "Needed"), rows))
    return Chapter("capacity", title, reader, tuple(blocks))


# ---- functions ----


def _function(dossier: Dossier, function: Function, entries: list[Entry]) -> Chapter:
    run = dossier.run
    year = year_told(run)
    own = [entry for entry in entries if function.key in entry.functions]
    blocks: list[Block] = [Words(function.asks)]
    if year:
        rows = []
        for metric in (name for name in _known(dossier, function) if is_told(run, name, year)):
            one = measured(run, metric, year)
            if not all(one[key] == 0 for key in ("p10", "p50", "p90", "operating_plan")) and one["p50"] == one["p50"]:
                name = capital(metric_name(metric))
                levels = _levels(name, one, one["unit"], metric)[1:]
                only = one["period"].removeprefix(year).strip()
                rows.append([Cell(name, only, f"#metric-{metric}"), *map(Cell, levels)])
        if rows:
            blocks.append(table(f"Its numbers in {year}", ("", "P10", "P50", "P90", "Operating plan"), rows))
    else:
        blocks.append(Words("The plan has no whole fiscal year, so no numbers of a year are told.", "note"))
    targets = ", ".join(target.name for target in dossier.plan.targets if target.metric in function.metrics)
    if targets:
        blocks.append(Words(f"Targets that are about these numbers: {targets}."))
    if own:
        blocks.append(short_table(own, f"Its assumptions ({len(own)})"))
    else:
        blocks.append(Words("No assumption of the plan is used here.", "note"))
    return Chapter(function.key, function.name, function.reader, tuple(blocks))


_OF_CASH = {"lowest_cash", "runway", "burn_multiple", "net_burn"}


def _known(dossier: Dossier, function: Function) -> Iterator[str]:
    for metric in function.metrics:
        if metric in _OF_CASH and not has_cash(dossier.run):
            continue
        if sells_once(dossier.run) and metric in ("nrr", "grr", "ending_arr", "cac_payback"):
            continue
        yield metric


# ---- the register, the trace, the method ----


def _register(entries: list[Entry]) -> Chapter:
    title, reader = "The register of assumptions", "whoever owns one, and auditors"
    if not entries:
        return Chapter(
            "register", title, reader, (), "the plan has no assumptions: every number in it is taken as known"
        )
    made = register_table(entries, f"Every assumption, event and shock ({len(entries)})")
    return Chapter("register", title, reader, (made,))


def _trace(dossier: Dossier, story: Facts) -> Chapter:
    plan = dossier.plan
    shown = dict.fromkeys(
        (
            *(target["metric"] for target in story["targets"]),
            *("ending_arr", "opening_arr", "net_new_arr", "headcount", "ramped", "pipeline_coverage"),
            *("new_arr", "expansion_arr", "price_arr", "contraction_arr", "churned_arr", "one_off_bookings"),
            *(metric for function in FUNCTIONS for metric in function.metrics),
            *(row["metric"] for key in ("cash", "quotas", "ratios") for row in story[key]),
        )
    )
    rows = []
    for metric in shown:
        output = OUTPUTS[metric]
        asked = [(target.name, of_target(plan, target.name)) for target in plan.targets if target.metric == metric]
        parts = [(name, of_section(plan, name)) for name in (*sections_of(metric), "assumptions", "events", "facts")]
        rows.append(
            [
                Cell(capital(metric_name(metric)), anchor=f"metric-{metric}"),
                Cell(output.text, _OVER_TIME[output.kind]),
                Cell("", places=tuple((f"{name}, {at.said}", at.link) for name, at in parts if at is not None)),
                Cell("", places=tuple((f"{name}, {at.said}", at.link) for name, at in asked if at is not None)),
            ]
        )
    how = (
        "Each metric is worked out, path by path, from the sections of the plan that stand beside it, from the "
        "assumptions used there, and from the events that act on them. A link leads to the line in the plan, which "
        "stands at the end of this page."
    )
    columns = ("Metric", "What it is", "Worked out from", "Asked for by")
    made = table("Metrics on this page, and the lines of the plan that they come from", columns, rows, texts=4)
    return Chapter(
        "trace", "Where every number comes from", "auditors, and whoever doubts a number", (Words(how), made)
    )


_OVER_TIME = {
    "flow": "over a period: the sum of its months",
    "stock": "over a period: its last month",
    "ratio": "over a period: of its sums, path by path",
}


def _method() -> Chapter:
    # What it says is no finding: it stands in the template.
    return Chapter("method", "Method and limits", "whoever wants to know how far to trust it", ())
