"""How a command prints: JSON for programs, tables and words for people."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDEST = 120
"""Columns: longer lines are hard to read."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, numbers unformatted.")


def print_json(document: object) -> None:
    """Print `document` as JSON; a number that is not finite becomes null."""
    click.echo(json_text(document), nl=False)


def json_text(document: object) -> str:
    """`document` as JSON, with a line end; a number that is not finite becomes null."""
    return json.dumps(finite(document), allow_nan=False, ensure_ascii=False, indent=2) + "\n"


def finite(value: Any) -> Any:
    """The value with null in the place of every number that is not finite."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def print_rich(renderable: RenderableType) -> None:
    """Print tables and styled text as wide as the terminal, at most 120 columns; elsewhere 80, or as COLUMNS says."""
    from rich.console import Console

    # What stands in brackets or between colons in a plan's names is text, not markup.
    console = Console(highlight=False, markup=False, emoji=False)
    console.width = min(console.width, WIDEST)
    # Through click: a closed pipe then ends every command in the same way.
    with console.capture() as capture:
        console.print(renderable)
    click.echo(capture.get(), nl=False)
