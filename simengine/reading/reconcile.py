"""Where the numbers of a plan do not go together, or are unusual: worth a look, and no mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from simengine.plan.scalars import Quantity
from simengine.plan.schema import Plan
from simengine.reading import benchmarks, levers, market
from simengine.reading.operating import CellName, OperatingPlan
from simengine.reading.parts import Figure, Phrase, count, money, month, say, share, whole
from simengine.reading.uncertain import worse
from simengine.units import MONTHS_PER_YEAR

NOTICED = 0.0005
"""Relative difference of two statements of the same amount that is worth a line."""
APART = 0.05
"""Difference of two over-assignments that is worth a line."""
HOPEFUL = 0.75
"""Probability of turning out worse from which on a plan value is more hopeful than its own law."""
TAILS = (0.05, 0.95)


class Finding(NamedTuple):
    """What does not go together: the subject, what was found with its figures, and what to look at."""

    subject: str
    found: Phrase
    look_at: str


def reconcile(plan: Plan) -> list[Finding]:
    """Everything in a right plan that an analyst would ask about, at the values that the operating plan counts on."""
    op = OperatingPlan(plan)
    rules = (
        *(_productivity, _street_quota, _over_assignment, _stated_atr, _named_accounts, _pipeline_coverage),
        *(_volumes, _hopeful, _load, _territories, _hours, _service, _arr_per_csm, _levers),
    )
    return [finding for rule in rules for finding in rule(op)]


# ---- sellers and quotas ----


def _productivity(op: OperatingPlan) -> Iterator[Finding]:
    """What a ramped seller books in a year lies between 40 and 80 % of the quota."""
    usual, year = benchmarks.ATTAINMENT, op.year
    ramped, credited = op.group("ramped"), op.group("credited")
    by_role: dict[str, list[str]] = {}
    for group in op.quota_groups():
        by_role.setdefault(group.role, []).append(group.name)
    for name, groups in by_role.items():
        quota = op.plan.team.roles[name].quota
        assert isinstance(quota, Quantity)
        years = sum(year.total(ramped[group]) for group in groups) / MONTHS_PER_YEAR
        annual = year.mean(op.number(quota))
        if years <= 0 or annual <= 0:
            continue
        booked = sum(year.total(credited[group]) for group in groups) / years
        if not usual.low <= booked / annual <= usual.high:
            yield Finding(
                "bookings per seller",
                say(
                    f"in {year.label} a ramped {{}} books {{}} a year, {{}} of the quota of {{}}; usual is "
                    f"{usual.low:.0%} to {usual.high:.0%} ({usual.source})",
                    *(name, money(booked), share(booked / annual), money(annual)),
                ),
                f"team.roles.{name}.quota, and the win rates and deal sizes of its segments",
            )


def _street_quota(op: OperatingPlan) -> Iterator[Finding]:
    """The quotas that sellers carry are enough for each target."""
    for year in op.years:
        street = op.street_quota(year)
        for target, need in op.needs(year).items() if street > 0 else ():
            if need > street:
                yield Finding(
                    "quotas and targets",
                    say(
                        "for the target {} sellers must book {} in {}, {} of the quotas that they carry ({})",
                        *(target, money(need), year.label, share(need / street), money(street)),
                    ),
                    f"targets.{target}, team.roles.*.quota and the seats",
                )


def _over_assignment(op: OperatingPlan) -> Iterator[Finding]:
    """The street quota exceeds what the targets need by a usual share; and by the one that is declared."""
    usual, year = benchmarks.OVER_ASSIGNMENT, op.year
    street, declared = op.street_quota(year), op.plan.team.over_assignment
    if street <= 0:
        return
    needs = op.needs(year)
    hardest = max(needs, key=lambda name: needs[name], default="")
    if hardest and 0 < needs[hardest] < street / (1.0 + usual.high):
        yield Finding(
            "over-assignment",
            say(
                f"in {year.label} sellers carry {{}} of quota, {{}} more than the target {{}} needs of them; usual "
                f"is at most {usual.high:.0%} ({usual.source})",
                *(money(street), share(street / needs[hardest] - 1.0), hardest),
            ),
            "team.roles.*.quota, or the target",
        )
    sellers, stated = op.sellers_bookings(year), year.mean(op.share(declared))
    if declared != Quantity(0.0) and sellers > 0 and abs(street / sellers - 1.0 - stated) > APART:
        yield Finding(
            "over-assignment",
            say(
                f"declared as {{}}; in {year.label} sellers carry {{}} of quota and book {{}}, which is {{}}",
                *(share(stated), money(street), money(sellers), share(street / sellers - 1.0)),
            ),
            "team.over_assignment",
        )


# ---- customers ----


def _stated_atr(op: OperatingPlan) -> Iterator[Finding]:
    """What is stated as ATR adds up to ARR: a difference that the plan file allows is said all the same."""
    for segment, base in op.plan.base.items():
        if base.atr == "even":
            continue
        stated = sum(base.atr.values())
        if base.arr > 0 and abs(stated / base.arr - 1.0) > NOTICED:
            rate = op.plan.rate_of(segment)
            yield Finding(
                "ARR and ATR",
                say(
                    "the ATR of {} adds up to {}, its ARR is {}; ATR is scaled by x{}",
                    *(segment, money(stated * rate), money(base.arr * rate), Figure(base.arr / stated, "precise")),
                ),
                f"base.{segment}.atr",
            )


def _named_accounts(op: OperatingPlan) -> Iterator[Finding]:
    """Named accounts are the large ones of their segment."""
    for segment, base in op.plan.base.items():
        named, rate = base.named_accounts, op.plan.rate_of(segment)
        if not named:
            continue
        arr, others = sum(account.arr for account in named), base.customers - len(named)
        rest = (base.arr - arr) / others if others > 0 else 0.0
        if rest > arr / len(named):
            yield Finding(
                "named accounts",
                say(
                    "the {} other customers of {} have {} each, more than the {} named accounts with {}",
                    *(whole(others), segment, money(rest * rate), whole(len(named)), money(arr / len(named) * rate)),
                ),
                f"base.{segment}.named_accounts, and its arr and customers",
            )


# ---- demand ----


def _pipeline_coverage(op: OperatingPlan) -> Iterator[Finding]:
    """What is open covers the first quarter's bookings, as usual, of which the year's need is the measure."""
    usual, quarter, year = benchmarks.COVERAGE, op.quarters[0], op.year
    value = market.opening_value(op)
    booked = op.metric("bookings", quarter)
    if booked <= 0 or value.open >= usual.low * booked:
        return
    need = max((*op.needs(year).values(), op.sellers_bookings(year)))
    yield Finding(
        "opening pipeline",
        say(
            f"{{}} is open, {{}} times the bookings of {quarter.label} ({{}}); usual is {usual.low:g} and more "
            f"({usual.source}). At the win rates it brings {{}}, {{}} of what sellers must book in {year.label} ({{}})",
            *(money(value.open), Figure(value.open / booked, "number"), money(booked)),
            *(money(value.won), share(value.won / need) if need > 0 else "all", money(need)),
        ),
        "funnel.opening_pipeline, and what arrives in the first months",
    )


def _volumes(op: OperatingPlan) -> Iterator[Finding]:
    """A volume that the plan counts on lies within the history that it cites."""
    volumes = [op.demand(cell).volume for cell in op.cells]
    names = {step.assumption for volume in volumes if volume is not None for step in volume.steps}
    for name, assumption in op.plan.assumptions.items():
        if name not in names or assumption.source.kind != "historical" or assumption.distribution.is_discrete:
            continue
        low, high = (float(x) for x in assumption.distribution.ppf(TAILS))
        if not low <= assumption.plan <= high:
            unit = assumption.unit
            yield Finding(
                "leads and history",
                say(
                    "{} is planned at {}, outside P5 to P95 of its history: {} to {} ({})",
                    *(name, Figure(assumption.plan, unit), Figure(low, unit), Figure(high, unit)),
                    assumption.source.reference,
                ),
                f"assumptions.{name}.plan",
            )


def _hopeful(op: OperatingPlan) -> Iterator[Finding]:
    """Plan values that their own laws call hopeful, in one line."""
    laws, declared = op.plan.widened(), op.plan.declared
    chances = {name: worse(laws[name], declared[name]) for name in laws}
    hopeful = {name: chance for name, chance in chances.items() if chance > HOPEFUL}
    if hopeful:
        ranked = sorted(hopeful.items(), key=lambda item: (-item[1], item[0]))
        names = ", ".join(f"{name} ({100 * chance:.0f}%)" for name, chance in ranked)
        yield Finding(
            "hopeful plan values",
            say(
                "{} of {} assumptions turn out worse than planned with a probability of more than "
                f"{HOPEFUL:.0%}: {{}}",
                *(whole(len(hopeful)), whole(len(laws)), names),
            ),
            "their plan values, or their distributions",
        )


# ---- room ----


def _load(op: OperatingPlan) -> Iterator[Finding]:
    """Sellers of a segment have room for what arrives, and not much more."""
    for segment in op.plan.segments:
        load = op.load(segment, op.year) if op.sold(segment) else 1.0
        if not market.verdict(load):
            continue
        unit = "currency" if op.in_money(segment) else "count"
        room, needed = op.year.mean(op.segment("capacity")[segment]), op.year.mean(op.needed(segment))
        yield Finding(
            f"{market.verdict(load)}-loaded segment",
            say(
                f"in {op.year.label} opportunities of {{}} need room for {{}} at once, and sellers have room for {{}}: "
                f"load {{}}",
                *(segment, Figure(needed, unit), Figure(room, unit), share(load)),
            ),
            f"seats of segment {segment}, capacity of their role, and what arrives",
        )


def _territories(op: OperatingPlan) -> Iterator[Finding]:
    """Territories of a segment are loaded alike."""
    by_segment: dict[str, dict[str, float]] = {}
    for (segment, territory), load in market.territory_loads(op).items():
        by_segment.setdefault(segment, {})[territory] = load
    for segment, loads in by_segment.items():
        uneven = {name: load for name, load in loads.items() if market.verdict(load)}
        if uneven:
            names = ", ".join(f"{name} {100 * load:.0f}%" for name, load in sorted(uneven.items()))
            yield Finding(
                "territories",
                say(
                    "{} of {} territories of {} are over- or under-loaded: {}", *_counts(uneven, loads), segment, names
                ),
                "team.territories: potential, and the seats they belong to",
            )


def _counts(some: dict[str, float], everything: dict[str, float]) -> tuple[Figure, Figure]:
    """How many of how many."""
    return whole(len(some)), whole(len(everything))


def _hours(op: OperatingPlan) -> Iterator[Finding]:
    """A role has the hours to qualify what arrives."""
    dropped, arrived = op.cell("dropped"), op.reached(0)
    by_role: dict[str, list[CellName]] = {}
    for cell in op.cells:
        qualified = op.plan.funnel.channels[cell[0]].qualified_by
        if qualified is not None:
            by_role.setdefault(qualified.role, []).append(cell)
    for role, cells in by_role.items():
        lost = sum(op.year.total(dropped[cell]) for cell in cells)
        if lost < NOTICED * max(sum(op.year.total(arrived[cell]) for cell in cells), 1.0):
            continue
        needed, there = market.hours(op, role)
        yield Finding(
            "hours to qualify",
            say(
                f"in {op.year.label} what arrives needs {{}} hours of {{}} a month, they have {{}}: {{}} are dropped",
                *(count(op.year.mean(needed)), role, count(op.year.mean(there)), count(lost)),
            ),
            f"team.roles.{role}.hours, its seats, and funnel.channels.*.qualified_by",
        )


def _service(op: OperatingPlan) -> Iterator[Finding]:
    """Those who look after customers can carry them all."""
    for duty in ("renewal", "expansion"):
        for segment, coverage in op.segment(f"{duty}_coverage").items():
            least = float(np.min(coverage))
            if segment in op.plan.base and least < 1.0 - NOTICED:
                when = op.plan.plan.start + int(np.argmin(coverage))
                yield Finding(
                    "customer load",
                    say("in {} only {} of the load of {} is covered for {}", month(when), share(least), segment, duty),
                    "team.roles.*.carries and their seats",
                )


def _arr_per_csm(op: OperatingPlan) -> Iterator[Finding]:
    """Customer success managers look after a usual ARR each. The survey is in US dollars."""
    usual = benchmarks.ARR_PER_CSM
    if op.plan.plan.currency != "USD":
        return
    working, year = op.group("working"), op.year
    arr = sum(year.mean(values) for values in op.segment("ending_arr").values())
    roles = op.plan.team.roles
    managers = [group.name for group in op.plan.team.seats if roles[group.role].books_in == "customer success"]
    heads = sum(year.mean(working[name]) for name in managers)
    if arr > 0 and heads > 0 and not usual.low <= arr / heads <= usual.high:
        yield Finding(
            "ARR per CSM",
            say(
                f"in {year.label} each of {{}} in customer success looks after {{}} of ARR; usual is {usual.source}",
                *(count(heads), money(arr / heads)),
            ),
            "the seats of customer success",
        )


# ---- levers ----


def _levers(op: OperatingPlan) -> Iterator[Finding]:
    """A lever can still be decided."""
    as_of = op.plan.plan.as_of
    for name, start, decision in levers.too_late(op.plan):
        lever = op.plan.levers[name]
        before = f"and the plan is as of {as_of}: it stays where it is"
        if lever.event is not None:
            told: tuple[Figure, ...] = (month(decision),)
            words = f"{lever.event} was to be brought forward by {{}}, {before}"
        else:
            words, told = f"a start in {{}} was to be decided by {{}}, {before}", (month(start), month(decision))
        yield Finding(f"lever {name}", say(words, *told), f"levers.{name}: lead_time and starts")
