"""What an import changed: as plain values, and as a table."""

from __future__ import annotations

import shlex

from rich.table import Table
from rich.text import Text

from simengine.report.statistics import Facts
from simengine.report.tables import table
from simengine.workbook.imported import Imported


def import_facts(found: Imported) -> Facts:
    """What an import changed, and what else is to be known, as plain values."""
    return {
        "plan": found.plan.title,
        "is_new": found.is_new,
        "changes": [change._asdict() for change in found.changes],
        "notices": found.notices,
    }


def sentence(told: Facts) -> str:
    """What an import did, and what to do next.

    Parameters
    ----------
    told : from `import_facts`, with `path`, where the plan was written
    """
    if told["is_new"]:
        return f"{told['path']} is a new plan, {told['plan']}. Next: simengine check {shlex.quote(told['path'])}"
    if not told["changes"]:
        return f"Nothing was changed: {told['path']} is the plan as it was."
    count = len(told["changes"])
    return f"{count} change{'' if count == 1 else 's'}, written to {told['path']}"


def import_table(told: Facts) -> Table:
    """The changes of an import, with their cells.

    Parameters
    ----------
    told : from `import_facts`
    """
    made = table("cell", "assumption", "what", "was", "is", texts=3)
    for change in told["changes"]:
        words = (change["assumption"], change["column"], change["before"], change["after"])
        made.add_row(Text(change["cell"], "dim"), *words)
    return made
