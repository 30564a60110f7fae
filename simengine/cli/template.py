"""`simengine template`: a workbook to start a plan in."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from simengine.cli.output import print_advice


@click.command("template", short_help="An Excel workbook to start a plan in.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE", help="An .xlsx.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
def command(output: Path, overwrite: bool) -> None:
    """Write a workbook that asks for a plan, filled in with a small example.

    `simengine import` makes a plan file of it.
    """
    from simengine.workbook import template

    template(output, overwrite=overwrite)
    place = shlex.quote(str(output))
    print_advice(f"{place}  Fill it in, then: simengine import {place} -o plan.yaml")
