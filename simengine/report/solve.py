"""What it takes to reach a target: as plain numbers, and as a table that a board reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from simengine.plan.targets import unit_of
from simengine.report.statistics import Facts, bounded
from simengine.report.tables import capital, chance, chance_under, heading, note, table, under
from simengine.report.words import (
    change,
    confidence,
    goal,
    lever_amount,
    metric_name,
    money,
    percent,
    points_between,
)
from simengine.units import month_label

if TYPE_CHECKING:
    from simengine.decide.findings import Solution, Verified
    from simengine.decide.levers import Levers, Mix

_PROOFS = {
    "tried": "every choice that costs less was tried",
    "monotone": "every choice that costs less was tried or is ruled out: it has no more of anything that helps than "
    "one that misses",
    "none": "the search ended before all that costs less was ruled out, so there may be a cheaper one",
}
_NOTHING = {
    "tried": "all that the limits allow were tried",
    "monotone": "those that were not tried have no more of anything that helps than one that misses",
    "none": "the search ended before all were ruled out",
}
_UNITS = {"hires": "people", "spend": "factor", "improves": "factor", "event": "months"}
_LIMITS = {
    "budget": "the budget",
    "hires_per_month": "the people who can be hired in a month",
    "range": "the range of the levers",
}


def solve_facts(solution: Solution) -> Facts:
    """A solution as plain numbers.

    Parameters
    ----------
    solution : from `decide.solve.solve`
    """
    target, found = solution.target, solution.found
    limits = solution.levers.plan.limits
    return {
        "target": target.name,
        "metric": target.metric,
        "period": target.period,
        "at_least": target.at_least,
        "at_most": target.at_most,
        "unit": unit_of(target.metric, solution.levers.plan.plan.currency),
        "currency": solution.levers.plan.plan.currency,
        "confidence": solution.confidence,
        "before": bounded(solution.before()),
        "chosen": _choice(solution, solution.shown),
        "candidates": [_choice(solution, one) for one in solution.verified],
        "reached_in_search": solution.is_reached,
        "binding": list(solution.binding),
        "cost_without_limits": solution.within,
        "limits": {"budget": limits.budget, "hires_per_month": limits.hires_per_month},
        "closed": list(solution.levers.closed),
        "search": {
            "choices": solution.choices,
            "tried": len(found.shares),
            "draws": solution.draws,
            "seed": solution.seed,
            "bar": solution.bar,
            "plan_as_is": solution.known._asdict(),
            "proof": found.proof,
            "pairs": found.pairs,
            "pairs_against": found.against,
            "seconds": solution.seconds[0],
        },
        "certificate": {
            "paths": solution.paths,
            "seed": solution.fresh_seed,
            "verified": len(solution.verified),
            "level": 1 - solution.risk,
            "level_of_each": 1 - solution.risk / len(solution.verified),
            "seconds": solution.seconds[1],
        },
        "paths": solution.simulated,
    }


def _choice(solution: Solution, one: Verified | None) -> Facts | None:
    if one is None:
        return None
    return {
        "cost": solution.levers.cost(one.mix),
        "shown": one.shown,
        "bound": one.bound,
        "paths": len(one.hits),
        "probability": bounded(solution.after(one)),
        "gain": bounded(solution.gain(one)),
        "than_first": bounded(solution.more_than_chosen(one)),
        "levers": mix_facts(solution.levers, one.mix),
    }


def mix_facts(levers: Levers, mix: Mix) -> list[Facts]:
    """What a choice moves: of each lever its amount, owner, last month of decision and cost."""
    costs = levers.costs(mix)
    return [
        {
            "name": dial.name,
            "kind": levers.lever(dial).kind,
            "amount": dial.amounts[place],
            "unit": _UNITS[levers.lever(dial).kind],
            "from": None if dial.month is None else month_label(dial.month),
            "owner": levers.lever(dial).owner,
            "decide_by": None if dial.decide_by is None else month_label(dial.decide_by),
            "cost": costs[dial.name],
        }
        for dial, place in zip(levers.dials, mix, strict=True)
        if place != dial.neutral
    ]


# ---- words ----


def in_short(moved: list[Facts]) -> str:
    """A choice in a few words.

    >>> in_short([{"name": "sellers", "amount": 3.0, "kind": "hires"}, {"name": "ads", "amount": 1.1, "kind": "spend"}])
    'sellers +3, ads x1.1'
    """
    return (
        ", ".join(f"{one['name']} {lever_amount(one['amount'], one['kind'])}" for one in moved) or "the plan as it is"
    )


# ---- the table ----


def solve_tables(told: Facts) -> RenderableType:
    """The choice, what it costs, what it does, and how that is known.

    Parameters
    ----------
    told : from `solve_facts`
    """
    parts: list[RenderableType] = [
        heading(_question(told)),
        note(f"{capital(aim(told))}."),
        Text(sentence(told)),
        Text(""),
    ]
    first = told["chosen"] or told["candidates"][0]
    if first["levers"]:
        parts += [_levers_table(first, told["currency"]), Text("")]
    parts.append(_candidates_table(told))
    return Group(*parts, *map(note, _notes(told)))


def aim(told: Facts) -> str:
    """What is to be reached."""
    return f"{metric_name(told['metric'])} {told['period']} of {goal(told)}"


def _question(told: Facts) -> str:
    return f"What makes {told['target']} {confidence(told['confidence'])} likely, at the least cost?"


def sentence(told: Facts) -> str:
    """The answer in a sentence or two.

    Parameters
    ----------
    told : from `solve_facts`
    """
    chosen, before = told["chosen"], percent(told["before"]["value"])
    name = told["target"]
    if chosen is not None and not chosen["levers"]:
        return f"Nothing has to be done: {name} is {chance(chosen['probability'])} likely as the plan is. Shown."
    if chosen is not None:
        cost = _cost(chosen["cost"], told["currency"])
        after = percent(chosen["probability"]["value"])
        way = "rises" if chosen["gain"]["value"] > 0 else "falls"
        rise = f"stays at {after}" if after == before else f"{way} from {before} to {after}"
        return f"{capital(in_short(chosen['levers']))}, for {cost}: P({name}) {rise}. Shown."
    first = told["candidates"][0]
    if told["reached_in_search"]:
        return (
            f"Not shown. {name} seemed within reach, but none of the {told['certificate']['verified']} choices keeps "
            f"{confidence(told['confidence'])} on fresh draws; the nearest bound is "
            f"{percent(max(one['bound'] for one in told['candidates']), 2)}. Take more draws (-n) or paths (--verify), "
            "or ask for a little more confidence."
        )
    is_out = first["probability"]["upper"] < told["confidence"]
    said = (
        f"{'Out of reach' if is_out else 'Not shown'}: no choice found {'makes' if is_out else 'is shown to make'} "
        f"{name} {confidence(told['confidence'])} likely. The likeliest reaches "
        f"{chance(first['probability'])}, from {before}, for {_cost(first['cost'], told['currency'])}."
    )
    return f"{said} {_what_binds(told)}"


def _what_binds(told: Facts) -> str:
    names = " and ".join(_LIMITS[name] for name in told["binding"])
    if told["binding"] == ["range"]:
        return "The range of the levers binds: with no limit on money and people none was found either."
    cost = _cost(told["cost_without_limits"], told["currency"])
    return f"What binds is {names}: without that a choice of {cost} would reach it on the draws of the search."


def _cost(cost: float, currency: str) -> str:
    return f"{money(-cost, currency)} saved" if cost < 0 else money(cost, currency)


def _levers_table(choice: Facts, currency: str) -> RenderableType:
    made = table("lever", "owner", "from", "decide by", "amount", "cost", texts=4)
    for one in choice["levers"]:
        place = one["from"] or "", one["decide_by"] or ""
        made.add_row(
            one["name"], one["owner"], *place, lever_amount(one["amount"], one["kind"]), money(one["cost"], currency)
        )
    made.add_section()
    made.add_row(Text("together", "bold"), "", "", "", "", Text(money(choice["cost"], currency), "bold"))
    return made


def _candidates_table(told: Facts) -> RenderableType:
    name = f"P({told['target']})"
    made = table("choice", "cost", name, "more than as\nthe plan is", "bound", "")
    if all(one["levers"] for one in told["candidates"]):
        made.add_row("the plan as it is", money(0, told["currency"]), chance_under(told["before"]), "", "", "")
    for one in told["candidates"]:
        chosen = one is told["chosen"] or one == told["chosen"]
        gain = under(change(one["gain"]["value"], "fraction"), points_between(one["gain"]))
        label = Text(in_short(one["levers"]), "bold" if chosen else "")
        bound = f"≥ {percent(one['bound'], 2)}"
        shown = Text("shown", "green") if one["shown"] else Text("not shown", "dim")
        made.add_row(label, money(one["cost"], told["currency"]), chance_under(one["probability"]), gain, bound, shown)
    return made


def _notes(told: Facts) -> Iterator[str]:
    proof, search = told["certificate"], told["search"]
    yield (
        f"Certificate: {proof['paths']:,} fresh paths of each choice (seed {proof['seed']}; the search had seed "
        f"{search['seed']}). Bound: one-sided, Clopper-Pearson, at {percent(proof['level_of_each'], 2)} for each of "
        f"{proof['verified']}, so that all hold with {percent(proof['level'], 0)}. Shown: the bound is not below "
        f"{confidence(told['confidence'])}. Below a number: its 95% interval."
    )
    yield _how_found(told)
    yield from _alike(told)
    if told["closed"]:
        yield f"Too late for: {', '.join(told['closed'])}."
    seconds = search["seconds"], proof["seconds"]
    yield (
        f"{told['paths']:,} paths: {search['tried']:,} choices of {search['draws']:,} in the search "
        f"({seconds[0]:,.0f} s), then the verification ({seconds[1]:,.0f} s)."
    )


def _how_found(told: Facts) -> str:
    search = told["search"]
    said = f"{search['tried']:,} of {search['choices']:,} choices tried on {search['draws']:,} frozen draws, where "
    said += f"{percent(search['bar'], 2)} was asked for: 1.64 standard errors more than needed, {_luck(told)}."
    if not told["reached_in_search"] and told["chosen"] is not None:
        return f"{said} None that was tried reaches it. The likeliest was verified, and is shown; a cheaper one may do."
    if not told["reached_in_search"]:
        said += f" None that was tried reaches it: {_NOTHING[search['proof']]}."
    else:
        cheaper = "none is cheaper" + (", if more never hurts" if search["proof"] == "monotone" else "")
        said += f" On them {cheaper}: {_PROOFS[search['proof']]}." if search["proof"] != "none" else ""
        said += f" Note: {_PROOFS['none']}." if search["proof"] == "none" else ""
    if search["proof"] == "monotone":
        said += (
            f" That more never makes it less likely was so in {search['pairs'] - search['pairs_against']:,} of "
            f"{search['pairs']:,} pairs tried."
        )
    return said


def _luck(told: Facts) -> str:
    known = told["search"]["plan_as_is"]
    luck = "unlucky" if known["frozen"] < known["larger"] else "lucky"
    return (
        f"as {luck} as these draws are (the plan as it is reaches it on {percent(known['frozen'])} of them, and on "
        f"{percent(known['larger'])} of {known['larger_draws']:,})"
    )


def _alike(told: Facts) -> Iterator[str]:
    first = told["chosen"] or told["candidates"][0]
    for one in told["candidates"]:
        if one == first:
            continue
        told_apart = not one["than_first"]["lower"] <= 0 <= one["than_first"]["upper"]
        points = f"{change(one['than_first']['value'], 'fraction')} ({points_between(one['than_first'])})"
        ending = "" if told_apart else ": as likely, as far as these paths can tell"
        yield f"{capital(in_short(one['levers']))}: {points} beside the first choice{ending}."


def story(told: Facts) -> str:
    """What a scenario file says of itself."""
    chosen = told["chosen"]
    if chosen is None:
        return ""
    bound, level = percent(chosen["bound"], 2), percent(told["certificate"]["level"], 0)
    return (
        f"{in_short(chosen['levers'])}; P({told['target']}) {percent(chosen['probability']['value'])}, "
        f"at least {bound} with {level} confidence"
    )
