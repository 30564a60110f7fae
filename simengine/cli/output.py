"""How a command prints: JSON for programs, tables and words for people."""

from __future__ import annotations

import json
import math
import shutil
from typing import TYPE_CHECKING, Any

import click

from simengine.characters import INVISIBLE, legible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

WIDEST, NARROWEST = 120, 80
"""Columns: longer lines are hard to read, and shorter ones hold no table."""

_QUIET = "simengine.quiet"


def _be_quiet(ctx: click.Context, _: click.Parameter, is_quiet: bool) -> None:
    if is_quiet:
        ctx.meta[_QUIET] = True


quiet_option = click.Option(
    ["-q", "--quiet"],
    is_flag=True,
    expose_value=False,
    callback=_be_quiet,
    help="Only what was asked for: no progress, no advice on what to do next.",
)
"""Of every command, and of `simengine` itself."""


def is_quiet() -> bool:
    """Whether only what was asked for is to be printed."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_QUIET))


def echo(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Print plain text. What a file or a folder is called is shown, never obeyed by the terminal."""
    click.echo(legible(str(text)), err=err, nl=nl)


def print_advice(text: str) -> None:
    """Say where something is, or what to do next; nothing where quiet was asked for."""
    if not is_quiet():
        echo(text)


def shows_progress(console: Console) -> bool:
    """Whether a progress bar has a terminal to move on, and is wanted. A forced colour makes no terminal of a file."""
    return console.file.isatty() and console.is_terminal and not console.is_dumb_terminal and not is_quiet()


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, numbers unformatted.")


def print_json(document: object) -> None:
    """Print `document` as JSON; a number that is not finite becomes null."""
    click.echo(json_text(document), nl=False)


def json_text(document: object) -> str:
    """`document` as JSON, with a line end; a number that is not finite becomes null."""
    text = json.dumps(finite(document), allow_nan=False, ensure_ascii=False, indent=2) + "\n"
    # They stand in texts only, where JSON has an escape for each.
    return INVISIBLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def finite(value: Any) -> Any:
    """The value with null in the place of every number that is not finite."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def columns() -> int:
    """How wide plain text may be: as the terminal, at most 120 columns; elsewhere 120, or as COLUMNS says."""
    return max(min(shutil.get_terminal_size((WIDEST, 24)).columns, WIDEST), NARROWEST)


class _Legible:
    """Something to print, whose texts are shown and not obeyed; its colours are."""

    def __init__(self, renderable: RenderableType) -> None:
        self.renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for segment in console.render(self.renderable, options):
            yield segment if segment.control else segment._replace(text=legible(segment.text))


def print_rich(renderable: RenderableType) -> None:
    """Print tables and styled text as wide as the terminal, at most 120 columns; elsewhere 80, or as COLUMNS says.

    In colour where it is a terminal, or FORCE_COLOR is set; NO_COLOR and TERM=dumb are heeded.
    """
    from rich.console import Console

    # What stands in brackets or between colons in a plan's names is text, not markup.
    console = Console(highlight=False, markup=False, emoji=False)
    console.width = min(console.width, WIDEST)
    # Through click: a closed pipe then ends every command in the same way.
    with console.capture() as capture:
        console.print(_Legible(renderable))
    click.echo(capture.get(), nl=False, color=console.is_terminal)
