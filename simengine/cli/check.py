"""`simengine check`: whether a plan is right, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from simengine.cli.output import echo, json_option, print_json
from simengine.errors import PlanError

if TYPE_CHECKING:
    from simengine.plan import Plan
    from simengine.plan.values import Row


@click.command("check", short_help="Find every mistake in a plan.")
@click.argument("plan")
@click.option("--explain", is_flag=True, help="Show each value in force, and where it comes from.")
@click.option("--strict", is_flag=True, help="Exit with 2 if numbers do not go together.")
@json_option
@click.pass_context
def command(ctx: click.Context, plan: str, explain: bool, strict: bool, as_json: bool) -> None:
    """Read the file PLAN, report every mistake at once as file:line:column, and say which numbers do not go together.

    The exit code is 0 if the plan is right, and 2 if it is not. What does not go together, or is unusual, is a warning.
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
    rows, findings = _rows(checked) if explain else [], _findings(checked)
    if as_json:
        values = {"values": [row._asdict() for row in rows]} if explain else {}
        told = {"ok": True, "file": plan, "problems": [], "findings": findings, "plan": _contents(checked)}
        print_json({**told, **values})
    else:
        for row in rows:
            unit = f" ({row.unit})" if row.unit not in ("", "month") and row.value != "none" else ""
            echo(f"{row.key} = {row.value}{unit}  ← {row.where}")
        echo(in_words(checked, plan))
        for finding in findings:
            echo(f"{finding['subject']}: {finding['found']}; look at {finding['look_at']}", err=True)
    if strict and findings:
        ctx.exit(PlanError.exit_code)


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


def _findings(plan: Plan) -> list[dict[str, str]]:
    from simengine.reading.reconcile import reconcile
    from simengine.report.describe import cell

    return [finding._asdict() | {"found": cell(finding.found, plan.plan.currency)} for finding in reconcile(plan)]


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
