"""Rules across the sections of a plan; each runs where the sections that it reads are right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from simengine.assumptions.dependence import DependenceError
from simengine.plan.beliefs import fault_of
from simengine.plan.schema import Base, Dependence, Funnel, Segment, Team
from simengine.plan.source import Path


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


def _correlations(dependence: Dependence) -> Iterator[Finding]:
    """Loadings and rank correlations are possible together."""
    try:
        dependence.copula()
    except DependenceError as error:
        for problem in error.problems:
            kind, *rest = problem.path
            at = (kind, rest[0], "loadings", *rest[1:]) if kind == "factors" else problem.path
            yield Finding("dependence", *fault_of(problem)._replace(at=at))
