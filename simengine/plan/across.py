"""Rules across the sections of a plan; each runs where the sections that it reads are right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from simengine.assumptions.dependence import DependenceError
from simengine.assumptions.spec import Key as SpecPath
from simengine.plan.beliefs import fault_of
from simengine.plan.customers import RECONCILED, Base
from simengine.plan.evidence import Assumption, Dependence, Event, Shock
from simengine.plan.facts import Facts, untold
from simengine.plan.fields import ZERO
from simengine.plan.header import Header
from simengine.plan.learned import Learned
from simengine.plan.levers import Lever
from simengine.plan.market import Channel, Funnel
from simengine.plan.money import Economics
from simengine.plan.people import SeatGroup, Team
from simengine.plan.scalars import nearest, plain
from simengine.plan.schema import Segment
from simengine.plan.source import Path
from simengine.plan.targets import COHORT_METRICS, OUTSIDE, QUOTA_METRICS, ROLE, TEAM, Target, outside, too_early
from simengine.units import MONTHS_PER_YEAR, fiscal_period, month_label


class Finding(NamedTuple):
    """A mistake that concerns more than one section: the section to blame, where in it, what is wrong, what to do."""

    section: str
    at: Path
    message: str
    expected: str


def across(sections: Mapping[str, Any]) -> Iterator[Finding]:
    """Every mistake that concerns more than one of the `sections` that are right."""
    rules = (
        (_sellers, ("segments", "team", "funnel")),
        (_terms, ("segments", "funnel", "base")),
        (_cohorts, ("plan", "segments", "funnel", "base", "targets")),
        (_groups, ("segments", "team", "funnel", "targets")),
        (_hours, ("team", "funnel")),
        (_owners, ("team", "funnel")),
        (_service, ("segments", "team", "base")),
        (_additions, ("funnel", "events")),
        (_correlations, ("dependence", "learned")),
        (_learned, ("assumptions", "learned")),
        (_agree, ("plan", "base", "economics", "facts")),
        (_past, ("plan", "segments", "facts", "targets")),
        (_levers, ("plan", "team", "funnel", "levers")),
        (_lever_names, ("assumptions", "events", "shocks", "levers")),
    )
    for rule, needed in rules:
        if all(section in sections for section in needed):
            yield from rule(*(sections[section] for section in needed))


def _sellers(segments: Mapping[str, Segment], team: Team, funnel: Funnel) -> Iterator[Finding]:
    """Where sellers are needed there are some."""
    staffed = {group.segment for group in team.seats if team.roles[group.role].sells}
    for name, channel in funnel.channels.items():
        for segment in channel.segments:
            if channel.sold_by == "sellers" and segment not in staffed:
                yield Finding(
                    "funnel",
                    ("channels", name, "segments", segment),
                    f"nobody sells in segment {segment}",
                    "add seats of a role that has a capacity, or sold_by: nobody",
                )


def _terms(segments: Mapping[str, Segment], funnel: Funnel, base: Mapping[str, Base]) -> Iterator[Finding]:
    """Every segment that gains subscription customers says on which terms they renew; one that sells once has none."""
    served = {segment: name for name, channel in funnel.channels.items() for segment in channel.segments}
    for segment, name in served.items():
        if segments[segment].sells == "subscription" and segment not in base:
            yield Finding(
                "funnel",
                ("channels", name, "segments", segment),
                f"segment {segment} sells subscriptions and has no entry in base",
                f"add base.{segment} with its renewal_rate, for new customers too; or sells: once",
            )
    for segment in base:
        if segments[segment].sells == "once":
            yield Finding("base", (segment,), f"segment {segment} sells once, so nothing renews", "remove this entry")


def _cohorts(
    header: Header, segments: Mapping[str, Segment], funnel: Funnel, base: Mapping[str, Base], targets: Sequence[Target]
) -> Iterator[Finding]:
    """Retention is asked of segments that have, or can have, customers twelve months before; known ones, by history."""
    opening = {segment for segment, terms in base.items() if terms.customers}
    served = {segment for channel in funnel.channels.values() for segment in channel.segments}
    for index, target in enumerate(targets):
        if target.metric not in COHORT_METRICS:
            continue
        asked = {name for name, segment in segments.items() if target.covers(name, segment.labels)}
        before = fiscal_period(target.period, header.fiscal_year_start).last - MONTHS_PER_YEAR
        if before + MONTHS_PER_YEAR < header.start:
            continue  # which only facts could tell
        is_of_opening = before < header.start
        if not any(segments[name].sells == "subscription" for name in asked):
            message = f"{target.metric} is about subscription customers, and nobody sells subscriptions here"
        elif not asked & (opening if is_of_opening else opening | served):
            message = f"{target.metric} is about the customers of twelve months before, and there are none"
        else:
            without = sorted(s for s in asked & opening if all(row.month != before for row in base[s].history))
            if before < header.start - 1 and without:
                remedy = f"choose a later period, or add {month_label(before)} to base.{without[0]}.history"
                yield Finding("targets", (index, "period"), too_early(target.metric, header.start), remedy)
            continue
        yield Finding("targets", (index, "metric"), message, "choose another metric, or other segments")


def _groups(
    segments: Mapping[str, Segment], team: Team, funnel: Funnel, targets: Sequence[Target]
) -> Iterator[Finding]:
    """Somebody, or something, is in the group that a target is about."""
    for index, target in enumerate(targets):
        where = target.where
        meant = {name for name, segment in segments.items() if target.covers(name, segment.labels)}
        channel = funnel.channels.get(where.get("channel", ""))
        if meant and channel is not None and not meant & channel.segments.keys():
            message = f"channel {where['channel']} serves none of these segments"
            yield Finding("targets", (index, "where"), message, "choose another group")
        seats = [
            group
            for group in team.seats
            if where.get(ROLE, group.role) == group.role
            and where.get(TEAM, group.team) == group.team
            and (group.segment in meant or len(meant) == len(segments))
        ]
        if where.keys() & {ROLE, TEAM} and not seats:
            yield Finding("targets", (index, "where"), "no seats are in this group", "choose another group")
        elif target.metric in QUOTA_METRICS and not any(team.roles[group.role].sells for group in seats):
            message = f"{target.metric} is of people who sell, and nobody in this group does"
            yield Finding("targets", (index, "metric"), message, "choose another metric or group")


def _hours(team: Team, funnel: Funnel) -> Iterator[Finding]:
    """Who gives hours has some, and is there."""
    staffed = {group.role for group in team.seats if group.seats}
    for name, channel in funnel.channels.items():
        for at, role in _hours_asked(channel):
            if team.roles[role].hours is None:
                message, remedy = f"role {role} has no hours", f"add team.roles.{role}.hours: a person's hours a month"
            elif role not in staffed:
                message, remedy = f"nobody has the role {role}", "add seats of this role"
            else:
                continue
            yield Finding("funnel", ("channels", name, *at, "role"), message, remedy)


def _hours_asked(channel: Channel) -> Iterator[tuple[Path, str]]:
    """Where in a channel hours of a role are asked for."""
    if channel.qualified_by is not None:
        yield ("qualified_by",), channel.qualified_by.role
    for segment, demand in channel.segments.items():
        if demand.from_hours is not None:
            yield ("segments", segment, "from_hours"), demand.from_hours.role


def _owners(team: Team, funnel: Funnel) -> Iterator[Finding]:
    """Who owns an open opportunity is there when the plan starts, and sells in its segment."""
    groups = {group.name: group for group in team.seats}
    for index, row in enumerate(funnel.opening_pipeline.rows):
        if row.owner is None:
            continue
        group = groups[row.owner]
        able = [g.name for g in team.seats if g.segment == row.segment and team.roles[g.role].sells and g.existing]
        if funnel.channels[row.channel].sold_by == "nobody":
            message, remedy = f"channel {row.channel} is sold by nobody", "remove the owner"
        elif group.segment != row.segment or not team.roles[group.role].sells:
            message, remedy = f"{row.owner} do not sell in segment {row.segment}", nearest(row.owner, able)
        elif not group.existing:
            message, remedy = f"nobody works in {row.owner} when the plan starts", nearest(row.owner, able)
        else:
            continue
        yield Finding("funnel", ("opening_pipeline", "rows", index, "owner"), message, remedy)


def _service(segments: Mapping[str, Segment], team: Team, base: Mapping[str, Base]) -> Iterator[Finding]:
    """Customers who are looked after are there; renewal follows the load of somebody."""
    serving = set()
    for index, group in enumerate(team.seats):
        carries = team.roles[group.role].carries
        if carries is not None and group.segment is not None and segments[group.segment].sells == "once":
            words = f"role {group.role} carries customers, and segment {group.segment} sells once"
            yield Finding("team", ("seats", index, "segment"), words, "choose a subscription segment, or remove it")
        elif carries is not None and "renewal" in carries.duty:
            serving |= set(segments) if group.segment is None else {group.segment}
    for segment, terms in base.items():
        if terms.load_elasticity != ZERO and segment not in serving:
            message = f"nobody carries the customers of {segment} for renewal"
            remedy = "add seats of a role with carries, or remove load_elasticity"
            yield Finding("base", (segment, "load_elasticity"), message, remedy)


def _additions(funnel: Funnel, events: Mapping[str, Event]) -> Iterator[Finding]:
    """What an event adds to a channel adds to volumes that the plan states."""
    for name, event in events.items():
        for affected, effect in event.effect.items():
            channel, _, only = affected.partition("/")
            if effect.kind != "add" or channel not in funnel.channels:
                continue
            for segment, demand in funnel.channels[channel].segments.items():
                if demand.volume is None and only in ("", segment):
                    message = f"{channel}/{segment} has no stated volume to add to"
                    yield Finding("events", (name, "effect", affected), message, "expected a factor like x1.3")


def _correlations(dependence: Dependence, learned: Learned | None) -> Iterator[Finding]:
    """Loadings and rank correlations are possible together, and so are learned ones."""
    try:
        if learned is not None:
            learned.dependence.copula()
    except DependenceError as error:
        for problem in error.problems:
            yield Finding("learned", *fault_of(problem)._replace(at=_at_row(problem.path)))
    try:
        dependence.copula()
    except DependenceError as error:
        for problem in error.problems:
            kind, *rest = problem.path
            at = (kind, rest[0], "loadings", *rest[1:]) if kind == "factors" else problem.path
            yield Finding("dependence", *fault_of(problem)._replace(at=at))


def _at_row(path: SpecPath) -> tuple[str | int, ...]:
    """Where in `learned` a problem of ("rank_correlations", row, "between", side) stands."""
    row = [step for step in path[1:2] if isinstance(step, int)]
    key = ["ab"[path[3:] != (0,)] if step == "between" else "rho" for step in path[2:3]]
    return ("dependence", "rows", *row, *key)


def _learned(assumptions: Mapping[str, Assumption], learned: Learned | None) -> Iterator[Finding]:
    """Where a belief has changed it is said by what."""
    for name, assumption in assumptions.items():
        if assumption.before is not None and learned is None:
            words = "a belief of before is given, and the plan does not say what it has learned since"
            yield Finding("assumptions", (name, "before"), words, "add learned, or remove this")


def _agree(header: Header, base: Mapping[str, Base], economics: Economics, facts: Facts) -> Iterator[Finding]:
    """What facts end with is what the plan starts with."""
    for index, row in enumerate(facts.rows):
        if row.month != header.start - 1:
            continue
        terms = base.get(row.segment or "")
        starts = {
            "cash": ("economics.opening_cash", economics.opening_cash),
            "ending_arr": (f"base.{row.segment}.arr", terms.arr if terms else 0.0),
            "customers": (f"base.{row.segment}.customers", terms.customers if terms else 0.0),
        }
        place, value = starts.get(row.output, ("", row.value))
        if abs(row.value - value) > RECONCILED * abs(value):
            words = f"{row.output} ends with {plain(row.value)}, and the plan starts with {plain(value)} ({place})"
            yield Finding("facts", ("rows", index, "value"), words, "correct one of them")


def _past(
    header: Header, segments: Mapping[str, Segment], facts: Facts, targets: Sequence[Target]
) -> Iterator[Finding]:
    """A target of a period that begins before the plan is about what facts can tell."""
    for index, target in enumerate(targets):
        period = fiscal_period(target.period, header.fiscal_year_start)
        if period.first >= header.start:
            continue
        words, remedy = outside(period, header.start, header.end), OUTSIDE
        if facts.first is not None and facts.first > period.first:
            words += f", and facts from {month_label(facts.first)}"
            remedy = f"add the months from {month_label(period.first)} on to facts, or choose a later period"
        elif facts.first is not None:
            meant = {name: entry.sells for name, entry in segments.items() if target.covers(name, entry.labels)}
            words, remedy = untold(facts, target.metric, target.where, meant, period.last < header.start)
        if words:
            yield Finding("targets", (index, "period"), words, remedy)


def _levers(plan: Header, team: Team, funnel: Funnel, levers: Mapping[str, Lever]) -> Iterator[Finding]:
    """What a lever moves can be moved so far, and no other lever moves it in the same month."""
    taken: dict[tuple[str, str, int], str] = {}
    groups = {group.name: group for group in team.seats}
    for name, lever in levers.items():
        for kind, moved in _moved(lever):
            for month in lever.starts or (plan.start,):
                other = taken.setdefault((kind, moved, month), name)
                if other == name:
                    continue
                if lever.starts:
                    words, remedy = f" from {month_label(month)} on", "join them, or choose another month"
                else:
                    words, remedy = "", "join them"
                yield Finding("levers", (name, kind), f"the lever {other} moves {moved}{words} too", remedy)
        if lever.hires is not None:
            yield from _hiring_levers(name, lever, groups[lever.hires], team)
        elif lever.spend is not None:
            yield from _spending_levers(name, lever, lever.spend, funnel)


def _lever_names(
    assumptions: Mapping[str, Assumption],
    events: Mapping[str, Event],
    shocks: Mapping[str, Shock],
    levers: Mapping[str, Lever],
) -> Iterator[Finding]:
    """An improvement that is chosen becomes an event of its name, which must be free, as that of each start must be."""
    taken = {name.casefold(): name for name in (*assumptions, *events, *shocks)}
    single = {name for name, lever in levers.items() if len(lever.starts) <= 1}
    for name, lever in levers.items():
        several = len(lever.starts) > 1
        for event in [f"{name} {month_label(month)}" if several else name for month in lever.starts]:
            if lever.improves is not None and event.casefold() in taken:
                words = f"{taken[event.casefold()]} is the name of an assumption, an event or a shock"
                yield Finding("levers", (name,), words, "choose another name")
            if several and event in single:
                words = f"{event} is what the lever {name} is called where it starts then"
                yield Finding("levers", (event,), words, "choose another name")


def _spending_levers(name: str, lever: Lever, channel: str, funnel: Funnel) -> Iterator[Finding]:
    for month in lever.starts:
        spend = funnel.channels[channel].spend.at(month)
        if spend.assumption is not None:
            words = (
                f"the spend of {channel} is the assumption {spend.assumption}, and a lever multiplies a plain number"
            )
            remedy = f"write improves: [{spend.assumption}], or a plain number as the channel's spend"
        elif spend.number <= 0:
            words, remedy = f"{channel} spends nothing in {month_label(month)}", "give the channel a spend"
        else:
            continue
        yield Finding("levers", (name, "spend"), words, remedy)
        return


def _moved(lever: Lever) -> Iterator[tuple[str, str]]:
    for name in lever.improves or ():
        yield "improves", name
    if lever.improves is None:
        yield lever.kind, str(getattr(lever, lever.kind))


def _hiring_levers(name: str, lever: Lever, group: SeatGroup, team: Team) -> Iterator[Finding]:
    least = lever.range[0]
    # Where a segment is pooled all the same, each seat still has its territory.
    is_worked = any(territory.seats == group.name for territory in team.territories)
    if is_worked and lever.territories is None:
        words = f"{group.name} work by territory"
        yield Finding("levers", (name,), words, "add territories: {potential: …}, what each further seat works")
    elif lever.territories is not None and not is_worked:
        yield Finding("levers", (name, "territories"), f"{group.name} do not work by territory", "remove it")
    if is_worked and least < 0:
        words = f"{group.name} work by territory, and one with nobody would be left"
        yield Finding("levers", (name, "range"), words, "choose a least amount of 0; write fewer as a scenario")
        return
    for month in lever.starts:
        planned = group.hires.get(month, 0)
        if planned + least < 0:
            words = f"the plan hires {planned} for {group.name} in {month_label(month)}, and {plain(-least)} cannot be"
            yield Finding("levers", (name, "range"), f"{words} taken from them", f"expected {plain(-planned)} or more")
