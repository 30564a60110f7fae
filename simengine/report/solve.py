"""What it takes to reach a target: a table that a board reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from simengine.report.statistics import Facts
from simengine.report.tables import capital, chance, chance_under, heading, note, table, under
from simengine.report.words import change, confidence, metric_name, money, number, percent

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
_LIMITS = {
    "budget": "the budget",
    "hires_per_month": "the people who can be hired in a month",
    "range": "the range of the levers",
}


def in_short(moved: list[Facts]) -> str:
    """A choice in a few words.

    >>> in_short(
    ...     [{"name": "sellers", "amount": 3.0, "unit": "people"}, {"name": "ads", "amount": 1.1, "unit": "factor"}]
    ... )
    'sellers +3, ads ×1.1'
    """
    return ", ".join(f"{one['name']} {amount_in_words(one)}" for one in moved) or "the plan as it is"


def amount_in_words(one: Mapping[str, Any]) -> str:
    """An amount of a lever.

    >>> amount_in_words({"amount": -2.0, "unit": "months"}), amount_in_words({"amount": 1.005, "unit": "factor"})
    ('2 months later', '×1.005')
    """
    amount = float(one["amount"])
    if one["unit"] == "factor":
        return f"×{amount:g}"
    if one["unit"] == "months":
        plural = "" if abs(amount) == 1 else "s"
        return f"{abs(amount):g} month{plural} {'earlier' if amount > 0 else 'later'}"
    return f"{amount:+g}".replace("-", "−")


# ---- the table ----


def solve_tables(told: Facts) -> RenderableType:
    """The choice, what it costs, what it does, and how that is known.

    Parameters
    ----------
    told : from `decide.told.solve_facts`
    """
    parts: list[RenderableType] = [
        heading(_question(told)),
        note(f"{capital(_aim(told))}."),
        Text(sentence(told)),
        Text(""),
    ]
    first = told["chosen"] or told["candidates"][0]
    if first["levers"]:
        parts += [_levers_table(first, told["currency"]), Text("")]
    parts.append(_candidates_table(told))
    return Group(*parts, *map(note, _notes(told)))


def _aim(told: Facts) -> str:
    amount, side = (told["at_most"], "at most") if told["at_least"] is None else (told["at_least"], "at least")
    return f"{metric_name(told['metric'])} {told['period']} of {side} {number(amount, told['unit'], trim=True)}"


def _question(told: Facts) -> str:
    return f"What makes {told['target']} {confidence(told['confidence'])} likely, at the least cost?"


def sentence(told: Facts) -> str:
    """The answer in a sentence or two.

    Parameters
    ----------
    told : from `decide.told.solve_facts`
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
        made.add_row(one["name"], one["owner"], *place, amount_in_words(one), money(one["cost"], currency))
    made.add_section()
    made.add_row(Text("together", "bold"), "", "", "", "", Text(money(choice["cost"], currency), "bold"))
    return made


def _candidates_table(told: Facts) -> RenderableType:
    name = f"P({told['target']})"
    made = table("choice", "cost", name, "more than as\nthe plan is", "bound", "")
    made.add_row("the plan as it is", money(0, told["currency"]), chance_under(told["before"]), "", "", "")
    for one in told["candidates"]:
        chosen = one is told["chosen"] or one == told["chosen"]
        gain = under(change(one["gain"]["value"], "fraction"), _points(one["gain"]))
        label = Text(in_short(one["levers"]), "bold" if chosen else "")
        bound = f"≥ {percent(one['bound'], 2)}"
        shown = Text("shown", "green") if one["shown"] else Text("not shown", "dim")
        made.add_row(label, money(one["cost"], told["currency"]), chance_under(one["probability"]), gain, bound, shown)
    return made


def _points(found: Facts) -> str:
    return f"{100 * found['lower']:+.1f} to {100 * found['upper']:+.1f}".replace("-", "−")


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
        points = f"{change(one['than_first']['value'], 'fraction')} ({_points(one['than_first'])})"
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
