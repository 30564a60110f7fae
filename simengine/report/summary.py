"""The summary in a terminal, in the order in which a CFO asks. Legible from 80 columns on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simengine.report.facts import Facts, bound
from simengine.report.words import MISSING, between, distance, goal, metric_name, money, number, odds, percent, what

_SHOWN = 12
_SPREAD = ("p10", "p50", "p90", "operating_plan")


def summary(facts: Facts) -> RenderableType:
    """The whole story of a run.

    Parameters
    ----------
    facts : from `facts.facts`, with `drivers` from `facts.drivers`, or None and the reason in `no_drivers`
    """
    currency = facts["plan"]["currency"]
    parts = [_title(facts["plan"])]
    if facts["targets"]:
        parts += [_heading("How likely is each target?"), *_targets(facts)]
        parts += [_heading("What is safe?"), _safe(facts["targets"])]
        parts += [_heading("What was planned, and what is expected?"), _planned(facts["targets"])]
    if facts["made_of"]:
        parts += [_heading(f"What is {facts['made_of']['period']} made of?"), _made_of(facts["made_of"], currency)]
    if facts["drivers"]:
        parts.append(ranking(facts["drivers"], _SHOWN))
    else:
        parts += [_heading("What does it hang on?"), Text(f"No ranking: {facts['no_drivers']}.")]
    if facts["quarters"]["quarters"]:
        parts += [
            _heading(f"{_capital(metric_name(facts['quarters']['metric']))} by quarter"),
            _quarters(facts["quarters"], currency),
        ]
    if facts["ratios"]:
        parts += [_heading(f"Ratios of {facts['ratios'][0]['period']}"), _ratios(facts["ratios"])]
    parts += [_heading("Why believe it?"), *_provenance(facts)]
    return Group(*parts)


def ranking(drivers: Facts, shown: int | None = None) -> RenderableType:
    """What a result hangs on: assumptions by share of variance, then what none of them explains.

    Parameters
    ----------
    drivers : from `facts.drivers`
    shown : how many of those that can be told from zero; None for every assumption
    """
    rows = drivers["assumptions"]
    if shown is not None:
        rows = [row for row in rows if row["distinguishable"]][:shown]
    metric = f"{metric_name(drivers['metric'])} {drivers['period']}"
    table = _table("assumption", "share", "low\nfifth", "high\nfifth", "worse\nthan plan")
    for row in rows:
        table.add_row(*_driver(row, drivers["unit"]))
    table.add_section()
    table.add_row("random variation", _share(drivers["random_variation"]))
    remainder = drivers["remainder"]
    meaning = "counted more than once" if remainder["upper"] < 0 else "interactions and shared causes"
    table.add_row(meaning, percent(remainder["value"]))
    return Group(
        _heading(f"What does {drivers['target'] or metric} hang on?"),
        Text(
            f"Share of the {drivers['share_of'].replace('the metric', metric)} that each assumption explains alone",
            "dim",
        ),
        table,
        *(Text(note, "dim") for note in _notes(drivers, len(drivers["assumptions"]) - len(rows))),
    )


def _notes(drivers: Facts, left_out: int) -> Iterator[str]:
    if left_out:
        yield f"{left_out} more assumptions: `simengine rank` lists them all."
    if drivers["by_source"]:
        weights = ", ".join(f"{percent(share, 0)} {kind}" for kind, share in _largest_first(drivers["by_source"]))
        yield f"Of what the assumptions explain: {weights}."
    if drivers["remainder"]["upper"] < 0:
        yield "Assumptions that move together explain the same variance, so the shares add up to more than 100%."
    chance = ", and the chance of the target," if drivers["p_hit"] is not None else ""
    told = f"{drivers['statistic']} of {metric_name(drivers['metric'])}{chance}"
    yield f"Fifths: {told} where the assumption turns out lowest and highest."
    yield "Random variation: chance that no knowledge removes."


def _driver(row: Facts, unit: str) -> Iterator[Text | str]:
    style = "" if row["distinguishable"] else "dim"
    details = " · ".join(filter(None, (row["source_kind"], row["owner"], f"{row['adverse']} hurts")))
    yield _under(row["name"], f"  {details}", style)
    yield _share(row["share"]) if row["distinguishable"] else Text("indistinct\nfrom zero", "dim")
    for side in ("bottom", "top"):
        chance = row.get(f"p_hit_{side}_fifth")
        yield _under(
            number(row[f"metric_{side}_fifth"]["value"], unit), percent(chance["value"], 0) if chance else "", style
        )
    yield Text(percent(row["p_worse_than_plan"]["value"], 0), style)


def _share(share: Facts) -> Text:
    return _under(percent(share["value"]), between(share["lower"], share["upper"], "fraction"))


def _title(plan: Facts) -> RenderableType:
    return Text.assemble(
        (plan["name"], "bold"), "".join(f"  ·  {part}" for part in (plan["version"], _as_of(plan)) if part)
    )


def _as_of(plan: Facts) -> str:
    return f"as of {plan['as_of']}" if plan["as_of"] else ""


def _targets(facts: Facts) -> Iterator[RenderableType]:
    table = _table("target", "needed", "chance", "without\npolicy", "if missed,\noff by", texts=2)
    for target in facts["targets"]:
        p, missing = target["probability"], target["shortfall"]
        table.add_row(
            target["name"],
            _under(goal(target), what(target)),
            _under(f"{percent(p['value'])} ({between(p['lower'], p['upper'], 'fraction')})", odds(p["value"])),
            percent(target["probability_without_source_policy"]["value"]),
            distance(missing["mean"], target["unit"]) if missing["misses"] else "never",
        )
    yield table
    for target in facts["targets"]:
        if target["undefined"]:
            yield Text(
                f"{target['name']} is undefined on {target['undefined']:,} of {facts['run']['draws']:,} paths; "
                "they count as missed."
            )
    if joint := facts["joint"]:
        chance = (
            f"{percent(joint['value'])} ({between(joint['lower'], joint['upper'], 'fraction')}), {odds(joint['value'])}"
        )
        together = "Both" if len(facts["targets"]) == 2 else f"All {len(facts['targets'])}"
        yield Text(f"{together} on the same path: {chance}.")
    yield Text("Without policy: sources taken as stated, not widened by the plan's source policy.", "dim")


def _safe(targets: list[Facts]) -> Table:
    table = _table("", f"{percent(targets[0]['commit']['confidence'], 0)} safe", "P10", "P50", "P90")
    # Targets on the same quantity share a row.
    for target in {what(target): target for target in targets}.values():
        unit, commit = target["unit"], target["commit"]
        table.add_row(
            _under(metric_name(target["metric"]), " ".join(filter(None, (target["period"], target["where"])))),
            _under(number(commit["value"], unit), between(commit["lower"], commit["upper"], unit)),
            *(number(target[key], unit) for key in ("p10", "p50", "p90")),
        )
    return table


def _planned(targets: list[Facts]) -> Table:
    table = _table("target", "needed", "operating\nplan", "central\ncase", "simulated\nmean")
    for target in targets:
        unit = target["unit"]
        mean = MISSING if target["mean"] is None else number(target["mean"], unit)
        numbers = (number(target[key], unit) for key in ("operating_plan", "central_case"))
        table.add_row(target["name"], number(bound(target), unit), *numbers, mean)
    return table


def _made_of(bridge: Facts, currency: str) -> Table:
    table = _table("", "P10", "mean", "P90", "operating\nplan")
    for amount in (*([bridge["opening"]] if "opening" in bridge else []), *bridge["flows"]):
        sign = {"contraction_arr": "− ", "churned_arr": "− ", "opening_arr": ""}.get(amount["name"], "+ ")
        table.add_row(sign + metric_name(amount["name"]), *_amounts(amount, currency))
    if "closing" in bridge:
        table.add_section()
        table.add_row(f"= {metric_name(bridge['closing']['name'])}", *_amounts(bridge["closing"], currency))
    return table


def _amounts(amount: Facts, currency: str) -> list[str]:
    return [money(amount[key], currency) if key in amount else "" for key in ("p10", "mean", "p90", "operating_plan")]


def _quarters(quarters: Facts, currency: str) -> Table:
    table = _table("", "P10", "P50", "P90", "operating\nplan")
    for quarter in quarters["quarters"]:
        table.add_row(quarter["period"], *(money(quarter[key], currency) for key in _SPREAD))
    return table


def _ratios(ratios: list[Facts]) -> Table:
    table = _table("", "P10", "P50", "P90", "operating\nplan")
    for ratio in ratios:
        table.add_row(metric_name(ratio["metric"]), *(number(ratio[key], ratio["unit"]) for key in _SPREAD))
    return table


def _provenance(facts: Facts) -> Iterator[RenderableType]:
    run, plan = facts["run"], facts["plan"]
    version = f"version {plan['version']}" if plan["version"] else "no version stated"
    stated = ", ".join(filter(None, (version, _as_of(plan))))
    drawn = f"{run['draws']:,} draws, {run['twins']:,} twin paths, seed {run['seed']}"
    yield Text(f"Plan: {stated}; digest {run['digest_document'][:12]}, as simulated {run['digest_simulated'][:12]}.")
    yield Text(f"Run: {drawn}; simengine {run['engine_version']}.")
    yield Text(f"Source policy: {run['source_policy']}.")
    yield Text("Operating plan: the spreadsheet at plan values. Central case: at medians. Intervals are 95%.", "dim")


def _table(*columns: str, texts: int = 1) -> Table:
    """A table whose first columns are texts, and whose other columns are numbers."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for index, column in enumerate(columns):
        is_text = index < texts
        table.add_column(column, justify="left" if is_text else "right", no_wrap=not is_text, overflow="fold")
    return table


def _heading(text: str) -> Text:
    return Text(f"\n{text}", "bold cyan")


def _under(first: str, second: str, style: str = "") -> Text:
    return Text.assemble((first, style), "\n", (second, "dim")) if second else Text(first, style)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _largest_first(shares: dict[str, Any]) -> list[tuple[str, float]]:
    return sorted(shares.items(), key=lambda item: -item[1])
