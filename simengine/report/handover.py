"""What is handed over with a plan: how much each file holds, in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType

from simengine.report.statistics import Facts
from simengine.report.tables import heading, note, table
from simengine.report.words import money

_OF_HIRES = ("planned", "added", "cancelled", "on the way")


def handover_facts(tables: Mapping[str, Any], plan: str, currency: str, years: Mapping[str, Sequence[str]]) -> Facts:
    """What the files hold, as plain numbers.

    Parameters
    ----------
    tables : from `decide.handover.handover`
    plan : its name
    currency : of its money
    years : the months of each fiscal year of the plan
    """
    hires, quotas, budget = (tables[f"{name}.csv"] for name in ("requisitions", "quotas", "budget"))
    statuses = Counter(hires.column("status"))
    rows = list(zip(hires.column("status"), hires.column("overdue"), hires.column("cost_in_plan"), strict=True))
    return {
        "plan": plan,
        "currency": currency,
        "files": {name: len(made.rows) for name, made in tables.items()},
        "requisitions": {status: statuses[status] for status in _OF_HIRES},
        "overdue": sum(overdue == "yes" for _, overdue, _ in rows),
        **{
            f"cost_of_{wanted}": float(sum(cost for status, _, cost in rows if status == wanted))
            for wanted in ("added", "cancelled")
        },
        "seats_with_quota": len(set(zip(quotas.column("group"), quotas.column("seat"), strict=True))),
        "territories": len(set(tables["territories.csv"].column("territory"))),
        "years": {
            year: {"quota": _sum(quotas, "quota", months, "segment"), "budget": _sum(budget, "amount", months)}
            for year, months in years.items()
        },
    }


def _sum(made: Any, column: str, months: Sequence[str], filled: str = "month") -> float:
    """Sum of a column over some months, of rows where another column is not empty."""
    rows = zip(made.column("month"), made.column(filled), made.column(column), strict=True)
    return float(sum(amount for month, kept, amount in rows if month in months and kept))


def handover_table(told: Facts) -> RenderableType:
    """What each file holds.

    Parameters
    ----------
    told : from `handover_facts`
    """
    made = table("file", "rows", "what it holds", texts=1)
    made.columns[0].no_wrap, made.columns[2].no_wrap = True, False
    made.columns[2].justify = "left"
    for name, rows in told["files"].items():
        made.add_row(name, f"{rows:,}", _holds(name, told))
    return Group(heading(f"{told['plan']}, handed over"), made, *map(note, _notes(told)))


def _holds(name: str, told: Facts) -> str:
    if name == "quotas.csv":
        quotas = (f"{year} {money(each['quota'], told['currency'])}" for year, each in told["years"].items())
        return f"{told['seats_with_quota']} seats; of sellers {', '.join(quotas)}"
    if name == "territories.csv":
        return f"{told['territories']} territories"
    if name == "requisitions.csv":
        return ", ".join(f"{count} {status}" for status, count in told["requisitions"].items() if count) or "no hires"
    budgets = (f"{year} {money(each['budget'], told['currency'])}" for year, each in told["years"].items())
    return ", ".join(budgets)


def _notes(told: Facts) -> Iterator[str]:
    if told["overdue"]:
        one = told["overdue"] == 1
        yield (
            f"{told['overdue']} {'requisition' if one else 'requisitions'} should have been opened before the plan's "
            f"date: {'it' if one else 'they'} will be filled later than planned."
        )
    if told["requisitions"]["added"] or told["requisitions"]["cancelled"]:
        added, saved = (money(told[f"cost_of_{status}"], told["currency"]) for status in ("added", "cancelled"))
        yield f"Until the plan ends, what is added costs {added}, and what is cancelled would have cost {saved}."
    yield "Quotas and hires: whole people, every seat filled as planned. Budget: expected people, as the plan has them."
