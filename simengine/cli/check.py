"""`simengine check`: whether a plan is right, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from simengine.cli.output import json_option, print_json
from simengine.errors import PlanError

if TYPE_CHECKING:
    from simengine.plan import Plan
    from simengine.plan.values import Row


@click.command("check", short_help="Find every mistake in a plan.")
@click.argument("plan")
@click.option("--explain", is_flag=True, help="Show each value in force, and where it comes from.")
@json_option
@click.pass_context
def command(ctx: click.Context, plan: str, explain: bool, as_json: bool) -> None:
    """Read the file PLAN and report every mistake at once, as file:line:column.

    The exit code is 0 if the plan is right, and 2 if it is not.
    """
    from simengine.plan import load

    try:
        checked = load(plan)
    except PlanError as error:
        if not as_json:
            raise
        problems = [{name: getattr(problem, name) for name in problem.__slots__} for problem in error.problems]
        print_json({"ok": False, "file": plan, "problems": problems})
        ctx.exit(error.exit_code)
    rows = _rows(checked) if explain else []
    if as_json:
        values = {"values": [row._asdict() for row in rows]} if explain else {}
        print_json({"ok": True, "file": plan, "problems": [], "plan": _contents(checked), **values})
        return
    for row in rows:
        unit = f" ({row.unit})" if row.unit not in ("", "month") and row.value != "none" else ""
        click.echo(f"{row.key} = {row.value}{unit}  ← {row.where}")
    click.echo(in_words(checked, plan))


def in_words(plan: Plan, file: str) -> str:
    """Say in one line that a plan is right, and what is in it."""
    contents = _contents(plan)
    counted = ", ".join(
        _counted(contents[what], what) for what in ("months", "segments", "channels", "assumptions", "targets")
    )
    return f"{file} is right: {contents['name']}, {counted}."


def _counted(count: str | int, what: str) -> str:
    return f"{count} {what.removesuffix('s') if count == 1 else what}"


def _rows(plan: Plan) -> list[Row]:
    from simengine.plan.values import explain

    return explain(plan)


def _contents(plan: Plan) -> dict[str, str | int]:
    header = plan.plan
    return {
        "name": header.name,
        "version": header.version,
        "as_of": header.as_of.isoformat() if header.as_of else "",
        "currency": header.currency,
        "months": header.months,
        "segments": len(plan.segments),
        "channels": len(plan.funnel.channels),
        "assumptions": len(plan.assumptions),
        "targets": len(plan.targets),
        "digest_simulated": plan.digest_simulated,
        "digest_document": plan.digest_document,
    }
