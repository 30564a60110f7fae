"""The summary in a terminal, in the order in which a CFO asks. Legible from 80 columns on."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simengine.report.cells import Sparkline, sparks
from simengine.report.ranking import ranking
from simengine.report.statistics import Facts
from simengine.report.tables import (
    capital,
    chance,
    chance_under,
    heading,
    in_levels,
    levels,
    note,
    table,
    under,
    written,
)
from simengine.report.words import (
    MISSING,
    between,
    distance,
    goal,
    metric_name,
    money,
    odds,
    part_name,
    percent,
    what,
)

_SHOWN = 6
"""Assumptions of the ranking."""
_QUARTERS = 4


def summary(facts: Facts) -> RenderableType:
    """The whole story of a run.

    Parameters
    ----------
    facts : from `facts.facts`, with `drivers` from `drivers.drivers`, or None and the reason in `no_drivers`
    """
    currency = facts["plan"]["currency"]
    parts = [_title(facts["plan"])]
    # What only tells of an event's success stands with the events.
    targets = [target for target in facts["targets"] if not target["criterion"]]
    if targets:
        parts += [heading("How likely is each target?"), *_targets(facts, targets)]
        parts += [heading("What is safe, and what was planned?"), _safe(targets)]
    if facts["made_of"]:
        parts += [heading(f"What is {facts['made_of']['period']} made of?"), *_made_of(facts, currency)]
    if facts["drivers"]:
        parts.append(ranking(facts["drivers"], _SHOWN))
    else:
        parts += [heading("What does it hang on?"), Text(f"No ranking: {facts['no_drivers']}.")]
    if facts["events"] or facts["shocks"]:
        parts += [heading("What may happen?"), *_events(facts, currency)]
    if facts["quarters"]["quarters"]:
        parts += [
            heading(f"{capital(metric_name(facts['quarters']['metric']))} by quarter"),
            *_quarters(facts["quarters"], currency),
        ]
    if facts["coverage"]:
        parts += _coverage(facts["coverage"])
    if facts["cash"]:
        parts += [heading("Is there enough cash?"), _cash(facts["cash"])]
    if facts["quotas"]:
        parts += [heading(f"Do sellers reach their quotas of {facts['quotas'][0]['period']}?"), _rows(facts["quotas"])]
    if facts["ratios"]:
        parts += [heading(f"Ratios of {facts['ratios'][0]['period']}"), _rows(facts["ratios"])]
    parts += [heading("Why believe it?"), *_provenance(facts)]
    return Group(*parts)


# ---- one part by itself ----


def chances(targets: list[Facts], draws: int, joint: Facts | None = None) -> RenderableType:
    """How likely targets are, and all of them on the same path.

    Parameters
    ----------
    targets, joint : from `facts.facts`
    draws : of the run
    """
    return Group(*_targets({"joint": joint, "run": {"draws": draws}}, targets))


def safe(targets: list[Facts]) -> RenderableType:
    """What is safe beside what was planned."""
    return _safe(targets)


def of_year(facts: Facts, currency: str) -> RenderableType:
    """What a year is made of; `facts` has `composition` and `made_of`."""
    return Group(*_made_of(facts, currency))


def by_quarter(facts: Facts, currency: str) -> RenderableType:
    """Net new ARR, or bookings, by quarter, pipeline coverage, and cash.

    Parameters
    ----------
    facts : from `year.quarters`, with `coverage` and `cash`
    currency : of the plan
    """
    parts = [heading(f"{capital(metric_name(facts['metric']))} by quarter"), *_quarters(facts, currency, None)]
    parts += _coverage(facts["coverage"]) if facts["coverage"] else []
    return Group(*parts, *((heading("Is there enough cash?"), _cash(facts["cash"])) if facts["cash"] else ()))


# ---- the parts ----


def _title(plan: Facts) -> RenderableType:
    return Text.assemble(
        (plan["name"], "bold"), "".join(f"  ·  {part}" for part in (plan["version"], _as_of(plan)) if part)
    )


def _as_of(plan: Facts) -> str:
    return f"as of {plan['as_of']}" if plan["as_of"] else ""


def _targets(facts: Facts, targets: list[Facts]) -> Iterator[RenderableType]:
    made = table("target", "needed", "chance", "without\npolicy", "if missed,\noff by", texts=2)
    for target in targets:
        missing = target["shortfall"]
        made.add_row(
            target["name"],
            under(goal(target), what(target)),
            under(chance(target["probability"]), odds(target["probability"]["value"])),
            percent(target["probability_without_source_policy"]["value"]),
            distance(missing["mean"], target["unit"]) if missing["misses"] else "never",
        )
    yield made
    for target in targets:
        if target["undefined"]:
            yield Text(
                f"{target['name']} is undefined on {target['undefined']:,} of {facts['run']['draws']:,} paths; "
                "they count as missed."
            )
    if joint := facts["joint"]:
        together = "Both" if len(targets) == 2 else f"All {len(targets)}"
        yield Text(f"{together} on the same path: {chance(joint)}, {odds(joint['value'])}.")
    yield note("Without policy: sources as stated, not widened by the source policy.")


def _safe(targets: list[Facts]) -> Table:
    made = table("", f"{percent(targets[0]['commit']['confidence'], 0)} safe", "P10", "P50", "P90", "operating\nplan")
    # Targets on the same quantity share a row.
    for target in {what(target): target for target in targets}.values():
        metric, unit, commit = target["metric"], target["unit"], target["commit"]
        made.add_row(
            under(metric_name(metric), " ".join(filter(None, (target["period"], target["where"])))),
            under(written(commit["value"], metric, unit), between(commit["lower"], commit["upper"], unit)),
            *in_levels(target, unit),
        )
    return made


def _made_of(facts: Facts, currency: str) -> Iterator[RenderableType]:
    """Parts of ending ARR by certainty; one-off bookings where there is no ARR."""
    made, bridge = facts["composition"], facts["made_of"]
    if made is None:
        yield levels((metric_name(flow["name"]), flow, currency) for flow in bridge["flows"])
        return
    shown = levels((part_name(part["name"]), part, currency) for part in made["parts"])
    shown.add_section()
    shown.add_row(f"= {metric_name(made['total']['name'])}", *in_levels(made["total"], currency))
    yield shown
    flows = {
        flow["name"]: f"{money(flow['p50'], currency)} ({between(flow['p10'], flow['p90'], currency)})"
        for flow in bridge["flows"]
    }
    yield Text(
        f"Renewal: churn takes {flows['churned_arr']}, contraction {flows['contraction_arr']}; "
        f"price increases add {flows['price_arr']}."
    )
    yield note("New pipeline does not exist yet. Quantiles of parts do not add up.")


def _events(facts: Facts, currency: str) -> Iterator[RenderableType]:
    period = "" if facts["made_of"] is None else f"\n{facts['made_of']['period']}"
    made = table("", "happens", "from", "succeeds", f"cost{period}")
    for event in facts["events"]:
        starts, succeeds = event["starts"], event["succeeds"]
        last = "" if starts is None or starts["p10"] == starts["p90"] else f"to {starts['p90']}"
        made.add_row(
            under(event["name"], f"  {' · '.join(filter(None, (event['kind'], event['owner'])))}"),
            chance_under(event["happens"]),
            "" if starts is None else under(starts["p10"], last),
            "" if succeeds is None else chance_under(succeeds),
            money(event["cost"], currency) if event["cost"] else "",
        )
    if facts["events"]:
        yield made
    targets = {target["name"]: target for target in facts["targets"]}
    for event in facts["events"]:
        if event["success"]:
            target, if_it_happens = targets[event["success"]], event["succeeds_if_it_happens"]
            more = f"; where it happens, {chance(if_it_happens)}" if if_it_happens else ""
            yield Text(f"{event['name']} succeeds with {goal(target)} {what(target)}{more}.")
    for shock in facts["shocks"]:
        span = f"{shock['p10']:.1f} to {shock['p90']:.1f}".replace("-", "−")
        yield Text(f"{shock['name']}, a shock: mean level {span} standard deviations (P10–P90).")
    if facts["events"]:
        yield note("From: P10 to P90 of the start, where it happens. Cost: mean of all paths.")


def _quarters(quarters: Facts, currency: str, most: int | None = _QUARTERS) -> Iterator[RenderableType]:
    every = quarters["quarters"]
    made = table("", "P10", "P50", "P90", "operating\nplan", "chance of\nplan")
    for quarter in every[:most]:
        made.add_row(quarter["period"], *in_levels(quarter, currency), chance(quarter["probability_of_operating_plan"]))
    yield made
    if len(every) > 2:
        chances = [quarter["probability_of_operating_plan"]["value"] for quarter in every]
        first_to_last = f"{percent(chances[0], 0)} to {percent(chances[-1], 0)}"
        medians = sparks(quarter["p50"] for quarter in every)
        yield Sparkline(
            [
                (f"P50, to {every[-1]['period']}", medians, _from_to(every, currency)),
                ("chance of plan, of 100%", sparks(chances, 0, 1), first_to_last),
            ]
        )
    if most is not None and len(every) > most:
        yield note(f"{len(every) - most} more quarters: `--json` has them all.")


def _from_to(quarters: list[Facts], currency: str) -> str:
    return " to ".join(money(quarters[place]["p50"], currency) for place in (0, -1))


def _coverage(coverage: Facts) -> Iterator[RenderableType]:
    span = "–".join(_times(coverage[key]) for key in ("p10", "p90"))
    yield Text(
        f"Opening pipeline: {_times(coverage['p50'])} times {coverage['months']} months' bookings "
        f"(P10–P90 {span}); needed: {_times(coverage['needed'])}."
    )
    short = [
        f"{row['name']} ({_times(row['coverage'])} of {_times(row['needed'])})"
        for row in coverage["segments"]
        if row["coverage"] < row["needed"] < math.inf
    ]
    if short:
        yield Text(f"Below what is needed: {', '.join(short)}.")


def _times(factor: float) -> str:
    return "infinite" if factor == math.inf else MISSING if math.isnan(factor) else f"{factor:.1f}"


def _cash(rows: list[Facts]) -> Table:
    """Each metric in the first year in which it is known."""
    first: dict[str, Facts] = {}
    for row in rows:
        first.setdefault(row["metric"], row)
    return levels((f"{metric_name(row['metric'])} {row['period']}", row, row["unit"]) for row in first.values())


def _rows(rows: list[Facts]) -> Table:
    """Levels of metrics of one period; where one is told of another, from the plan's start on, it says of which."""
    told = rows[0]["period"]
    names = (f" {row['period'].removeprefix(told).strip()}" if row["period"] != told else "" for row in rows)
    return levels((metric_name(row["metric"]) + of, row, row["unit"]) for of, row in zip(names, rows, strict=True))


def _provenance(facts: Facts) -> Iterator[RenderableType]:
    run, plan = facts["run"], facts["plan"]
    version = f"version {plan['version']}" if plan["version"] else "no version stated"
    stated = ", ".join(filter(None, (version, _as_of(plan))))
    drawn = f"{run['draws']:,} draws, {run['twins']:,} twin paths, seed {run['seed']}"
    yield Text(f"Plan: {stated}; digest {run['digest_document'][:12]}, as simulated {run['digest_simulated'][:12]}.")
    yield Text(f"Run: {drawn}; simengine {run['engine_version']}.")
    yield Text(f"Source policy: {run['source_policy']}.")
    yield note("Operating plan: the spreadsheet at plan values. Intervals are 95%.")
