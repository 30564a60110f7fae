"""`simengine new`: a first plan to make one's own."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from simengine.cli.output import print_advice

STARTER = Path(__file__).with_name("starter.yaml")


@click.command("new", short_help="Write a small plan with comments, to make your own.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace FILE if it is there.")
def command(file: Path, overwrite: bool) -> None:
    """Write a small, commented plan to FILE: one segment, one channel, one team, five assumptions, two targets.

    It is right as it stands. Change its numbers to those of your company.
    """
    from simengine.archive.files import write_files

    write_files({file: STARTER.read_text(encoding="utf-8")}, overwrite=overwrite)
    place = shlex.quote(str(file))
    print_advice(f"{place} is a plan that works. Change its numbers, then: simengine run {place}")
