"""`simengine import`: an edited workbook read back into a plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from simengine.cli.output import echo, json_option, print_json, print_rich
from simengine.errors import SimengineError

if TYPE_CHECKING:
    from simengine.workbook import Imported


@click.command("import", short_help="An edited workbook read back into a plan.")
@click.argument("workbook", metavar="WORKBOOK")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Where the plan is written; files that it names go beside it.",
)
@click.option("--into", metavar="PLAN", help="Change this plan.  [default: the plan that the workbook holds]")
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
@json_option
def command(workbook: str, output: Path, into: str | None, overwrite: bool, as_json: bool) -> None:
    """Read WORKBOOK, which export or template has written, and write the plan that it now describes.

    Of an export only what was edited changes, comments stay. A template becomes a new plan. Nothing is written where
    anything is wrong; each mistake is told with its cell.
    """
    from simengine.archive.files import check_folder, write_files
    from simengine.plan import load
    from simengine.workbook import read
    from simengine.workbook.told import import_facts, import_table, sentence

    check_folder(output.parent)
    if output.exists() and Path(workbook).exists() and output.samefile(workbook):
        raise SimengineError(f"{output} is the workbook itself; choose another name for the plan")
    found = read(workbook, None if into is None else load(into))
    files = _files(found, output, overwrite)
    write_files(files, overwrite=overwrite)
    told = {"path": str(output), "files": [str(path) for path in files], **import_facts(found)}
    if as_json:
        print_json(told)
        return
    echo(sentence(told))
    if found.changes:
        print_rich(import_table(told))
    for notice in found.notices:
        echo(notice, err=True)


def _files(found: Imported, output: Path, overwrite: bool) -> dict[Path, str]:
    """What is to be written where: the plan, and what it names unless it is there already, just so."""
    main, *others = found.texts
    beside = {output.parent / name: found.texts[name] for name in others}
    if output in beside:
        raise SimengineError(f"{output} is a file that the plan reads; choose another name for the plan")
    missing = {path: text for path, text in beside.items() if not _holds(path, text)}
    there = [str(path) for path in missing if path.exists()]
    if there and not overwrite:
        raise SimengineError(
            f"{', '.join(there)}: the plan needs a file of this name, and another one is there; "
            "write the plan into another folder, or add --overwrite"
        )
    return {output: found.texts[main], **missing}


def _holds(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False
