"""Batches of records: what a plan was updated with so far, read again and joined, so that two batches are one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from simengine.errors import SimengineError
from simengine.learn.history import TABLES, History
from simengine.plan import Plan, load

_KEYS = {
    "opportunities": ["id"],
    "leads": ["id"],
    "contracts": ["customer", "segment", "start"],
    "people": ["id", "role", "start"],
    "balances": ["date", "item"],
    "forecasts": ["made", "period", "segment", "owner", "metric"],
}
"""What makes two records one. Bookings and spend have no such mark."""
_DATED = {"bookings": "date", "spend": "date"}


@dataclass(frozen=True)
class Batch:
    """Records as they were learned from.

    Attributes
    ----------
    file : their mapping file, as the plan names it: from the plan's folder
    history : what it led to on its as-of date
    digest : of every record in it
    """

    file: str
    history: History
    digest: str

    @property
    def as_of(self) -> date:
        """The last day that the records speak of."""
        return self.history.as_of


def digest_of(history: History) -> str:
    """SHA-256 of every record of a history, whatever they were read from.

    >>> digest_of(History(date(2027, 3, 31), {}))[:8]
    'e3b0c442'
    """
    digest = hashlib.sha256()
    for name, table in sorted(history.tables.items()):
        digest.update(f"{name}\n{table.to_csv(index=False, lineterminator=chr(10), date_format='%Y-%m-%d')}".encode())
    return digest.hexdigest()


def batch(path: str | os.PathLike[str], as_of: date, plan: Plan, folder: Path) -> Batch:
    """Read the records that a mapping file leads to as of a day; `folder` is that of the plan which will name it."""
    from simengine.learn.actuals import read

    history = read(path, as_of=as_of, plan=plan).history
    return Batch(beside(Path(path), folder), history, digest_of(history))


def beside(path: Path, folder: Path) -> str:
    """A file as a plan in `folder` names it."""
    return Path(os.path.relpath(path, folder)).as_posix()


def plan_before(plan: Plan, path: Path) -> Plan:
    """The plan before any actuals, which was found at `path`: itself, or the one that it was made of.

    Raises
    ------
    SimengineError
        where that one is not there any more, or another one now
    """
    if plan.learned is None:
        return plan
    origin = plan.learned.origin
    file = path.parent / origin.file
    if not file.exists():
        raise SimengineError(f"{file} is not there: {path.name} was made of it, and cannot be updated without it")
    before = load(file)
    if before.digest_document != origin.digest:
        raise SimengineError(
            f"{file} is not the plan that {path.name} was made of: restore it, or update the new one with all records"
        )
    return before


def earlier(plan: Plan, before: Plan, path: Path) -> list[Batch]:
    """What a plan, found at `path`, has been updated with, read again.

    Raises
    ------
    SimengineError
        with every batch that is gone, or whose records are others now
    """
    found, wrong = [], []
    for evidence in () if plan.learned is None else plan.learned.evidence:
        file = path.parent / evidence.file
        if not file.exists():
            wrong.append(f"{file} is not there")
            continue
        again = batch(file, evidence.as_of, before, path.parent)
        if again.digest != evidence.digest:
            wrong.append(f"what {file} leads to as of {evidence.as_of} has changed since")
        found.append(again)
    if wrong:
        origin = plan.learned.origin.file if plan.learned else path.name
        raise SimengineError(
            f"{path.name} has been updated with records that cannot be read again:\n  "
            + "\n  ".join(wrong)
            + f"\nrestore them; or, if the new files hold all records since the start, update {origin} with them"
        )
    return found


def joined(batches: Sequence[Batch]) -> History:
    """All records of some batches as one history: of two that are the same one, the later batch's.

    Bookings and spend have nothing to know them by: a later batch replaces the earlier one's from its first day on.
    """
    histories = sorted((batch.history for batch in batches), key=lambda history: history.as_of)
    whole = histories[0]
    for later in histories[1:]:
        names = [name for name in TABLES if name in whole.tables or name in later.tables]
        tables = {name: _joined(name, whole, later) for name in names}
        whole = History(later.as_of, tables, {**whole.origins, **later.origins}, _since(whole, later))
    return whole


def _joined(name: str, old: History, new: History) -> pd.DataFrame:
    if name not in new.tables or name not in old.tables:
        return (old if name in old.tables else new).table(name)
    before, after = old.table(name), new.table(name)
    if name in _DATED:
        day = _DATED[name]
        kept = before[before[day] < after[day].min()] if len(after) else before
    else:
        marks = pd.MultiIndex.from_frame(before[_KEYS[name]].astype(str))
        kept = before[~marks.isin(pd.MultiIndex.from_frame(after[_KEYS[name]].astype(str)))]
    parts = [part for part in (kept, after) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else after


def _since(old: History, new: History) -> dict[str, date]:
    """From when on each table is complete: from the earlier batch's day, unless a gap lies between the two."""
    found = {}
    for name in {*old.tables, *new.tables}:
        first, later = old.since.get(name), new.since.get(name)
        is_gap = later is not None and (later - old.as_of).days > 1
        since = later if name not in old.tables or is_gap else first
        if since is not None:
            found[name] = since
    return found
