"""Rules across the sections of a plan; each runs where the sections that it reads are right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from simengine.assumptions.dependence import DependenceError
from simengine.plan.beliefs import fault_of
from simengine.plan.schema import COHORT_METRICS, Base, Dependence, Funnel, Header, Segment, Target, Team
from simengine.plan.source import Path
from simengine.units import MONTHS_PER_YEAR, fiscal_period


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
        (_correlations, ("dependence",)),
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
    """Retention is asked of segments that have, or can have, customers twelve months before."""
    opening = {segment for segment, terms in base.items() if terms.customers}
    served = {segment for channel in funnel.channels.values() for segment in channel.segments}
    for index, target in enumerate(targets):
        if target.metric not in COHORT_METRICS:
            continue
        asked = {name for name, segment in segments.items() if target.where.items() <= segment.labels.items()}
        last = fiscal_period(target.period, header.fiscal_year_start).last
        is_of_opening = last < header.start + MONTHS_PER_YEAR
        if not any(segments[name].sells == "subscription" for name in asked):
            message = f"{target.metric} is about subscription customers, and nobody sells subscriptions here"
        elif not asked & (opening if is_of_opening else opening | served):
            message = f"{target.metric} is about the customers of twelve months before, and there are none"
        else:
            continue
        yield Finding("targets", (index, "metric"), message, "choose another metric, or other segments")


def _correlations(dependence: Dependence) -> Iterator[Finding]:
    """Loadings and rank correlations are possible together."""
    try:
        dependence.copula()
    except DependenceError as error:
        for problem in error.problems:
            kind, *rest = problem.path
            at = (kind, rest[0], "loadings", *rest[1:]) if kind == "factors" else problem.path
            yield Finding("dependence", *fault_of(problem)._replace(at=at))
