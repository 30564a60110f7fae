"""`simengine describe`: what a plan says, before any simulation."""

from __future__ import annotations

from typing import Literal

import click

from simengine.cli.output import columns, echo, json_option, print_json


@click.command("describe", short_help="Read a plan back in words and tables.")
@click.argument("plan")
@click.option("--set", "overrides", multiple=True, metavar="NAME=VALUE", help="Change a value of the plan. Repeatable.")
@click.option(
    "--format", "form", type=click.Choice(["text", "md"]), default="text", show_default=True, help="Text, or markdown."
)
@json_option
def command(plan: str, overrides: tuple[str, ...], form: Literal["text", "md"], as_json: bool) -> None:
    """Say what the file PLAN contains, as an analyst checks it: people, room, demand, renewals, quotas, assumptions.

    Numbers that have to be worked out are expected values at plan values; nothing is simulated.
    """
    from simengine.plan import load
    from simengine.reading.overview import describe
    from simengine.report.describe import document, markdown, text

    checked = load(plan, overrides)
    sections, currency = describe(checked), checked.plan.currency
    if as_json:
        print_json({"plan": checked.plan.name, "currency": currency, "sections": document(sections, currency)})
    else:
        written = text(sections, currency, columns()) if form == "text" else markdown(sections, currency)
        echo(written, nl=False)
