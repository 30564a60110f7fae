"""What the plan is, what is expected of it, and which chapters a reader finds."""

from __future__ import annotations

from collections.abc import Iterator

from simengine.plan.schema import Plan
from simengine.plan.targets import MEASURES, METRIC_UNITS
from simengine.reading import customers, levers, market, people, uncertain
from simengine.reading.operating import OperatingPlan, Span
from simengine.reading.parts import Cell, Figure, Phrase, Section, Table, money, month, say, share, table, whole
from simengine.units import fiscal_period, month_label


def describe(plan: Plan) -> list[Section]:
    """The plan in words and tables, as an analyst would check it: no path is simulated.

    Everything that is worked out is the baseline at the values that the operating plan counts on.
    """
    op = OperatingPlan(plan)
    chapters = (
        *(_header(op), _targets(op), _segments(op), people.people(op), market.capacity(op), market.demand(op)),
        *(market.pipeline(op), customers.base(op), people.quotas(op), uncertain.events(op), uncertain.register(op)),
        *(levers.levers(op), _metrics(op)),
    )
    return [chapter for chapter in chapters if chapter is not None and any(chapter.content)]


def _header(op: OperatingPlan) -> Section:
    header = op.plan.plan
    parts = [say("{}", part) for part in _title(op.plan)]
    parts.append(
        say(
            f"{{}} to {{}}, {{}}; money in {header.currency}; fiscal years begin in month {header.fiscal_year_start}.",
            *(month(header.start), month(header.end), Figure(header.months, "whole months")),
        )
    )
    partly = [f"{span.label} ({span.months} of {3} months)" for span in op.quarters if not span.whole]
    if partly:
        parts.append(say("Partly in the plan: {}.", ", ".join(partly)))
    parts.append(
        say(
            "Everything below is worked out with expected values at plan values, nothing is simulated. An arrow leads "
            "from the number at the start to the one at the end of the plan, where it changes."
        )
    )
    return Section(header.name, tuple(parts))


def _title(plan: Plan) -> Iterator[str]:
    header = plan.plan
    stated = [f"version {header.version}"] if header.version else []
    stated += [f"as of {header.as_of.isoformat()}"] if header.as_of else []
    if stated:
        yield ", ".join(stated).capitalize() + "."
    if plan.scenario is not None:
        yield ": ".join(filter(None, (f"Scenario {plan.scenario.name}", plan.scenario.story)))
    if header.rates:
        rates = ", ".join(f"1 {code} = {rate:g} {header.currency}" for code, rate in header.rates.items())
        yield f"Budget rates: {rates}."
    if plan.learned is not None:
        records = ", ".join(f"{entry.file} until {entry.as_of.isoformat()}" for entry in plan.learned.evidence)
        yield f"Learned from {records}; the plan before is {plan.learned.origin.file}."
    if header.grown:
        yield f"Growth of arrivals counts from {month_label(header.start - header.grown)} on."
    if plan.facts.first is not None:
        yield f"Facts are of {month_label(plan.facts.first)} to {month_label(header.start - 1)}."


def _targets(op: OperatingPlan) -> Section | None:
    if not op.plan.targets:
        return None
    rows = []
    for target in op.plan.targets:
        unit = METRIC_UNITS[target.metric]
        bound = target.at_least if target.at_least is not None else target.at_most
        assert bound is not None
        period = fiscal_period(target.period, op.plan.plan.fiscal_year_start)
        start = op.plan.plan.start
        span = Span(target.period, period.first - start, period.last - start, whole=True)
        rows.append(
            (
                *(target.name, target.metric, target.period),
                ", ".join(f"{key}={value}" for key, value in target.where.items()) or "the company",
                "at least" if target.at_least is not None else "at most",
                *(Figure(bound, unit), Figure(op.metric(target.metric, span, target.where), unit)),
                share(target.confidence) if target.confidence is not None else "–",
            )
        )
    columns = ("target", "metric", "period", "of", "", "needed", "operating\nplan", "confidence\nasked for")
    return Section(
        "Targets", (table("What is asked for, and what the operating plan comes to", columns, rows, texts=5),)
    )


def _segments(op: OperatingPlan) -> Section:
    labels = list(dict.fromkeys(label for entry in op.plan.segments.values() for label in entry.labels))
    rows = []
    for name, entry in op.plan.segments.items():
        base = op.plan.base.get(name)
        sells = "subscriptions" if entry.sells == "subscription" else "once"
        channels = ", ".join(channel for channel, segment in op.cells if segment == name)
        opening: tuple[Cell, ...] = (whole(base.customers), money(op.opening_arr(name))) if base else ("–", "–")
        rows.append(
            (
                *(name, *(entry.labels.get(label, "–") for label in labels), sells),
                *(entry.currency or op.plan.plan.currency, channels or "–", *opening),
            )
        )
    columns = ("segment", *labels, "sells", "currency", "channels", "customers", "ARR")
    return Section("Segments", (table("With their labels", columns, rows, texts=len(labels) + 4),))


def _metrics(op: OperatingPlan) -> Section:
    from simengine.results.outputs import OUTPUTS

    asked: dict[str, list[str]] = {}
    for target in op.plan.targets:
        asked.setdefault(target.metric, []).append(target.name)
    rows = []
    for name, measure in MEASURES.items():
        output = OUTPUTS[name]
        groups = ", ".join(measure.groups) or "–"
        rows.append((name, output.unit, output.kind, output.text, groups, ", ".join(asked.get(name, ())) or "–"))
    parts: tuple[Phrase | Table, ...] = (
        table(
            "What a target can be about",
            ("metric", "unit", "kind", "where it comes from", "also by", "asked by"),
            rows,
            texts=6,
        ),
        say("Over a period a flow is the sum of its months, a stock the last of them, a ratio is taken of such sums."),
    )
    return Section("Metrics", parts)
