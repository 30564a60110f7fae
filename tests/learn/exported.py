"""A history as CRM, HR and billing would export it: files with columns and words of their own, and a mapping file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from simengine.learn.history import REACHED, TABLES, History
from simengine.plan.schema import Plan

COLUMNS: dict[str, dict[str, str]] = {
    "opportunities": {
        "id": "Opportunity ID",
        "segment": "Segment",
        "channel": "Lead Source",
        "created": "Created Date",
        "started": "Accepted Date",
        "outcome": "Stage",
        "closed": "Close Date",
        "amount": "Amount",
        "owner": "Owner ID",
        "account": "Account ID",
    },
    "leads": {
        "id": "Lead ID",
        "segment": "Segment",
        "channel": "Lead Source",
        "created": "Created Date",
        "count": "Leads",
    },
    "contracts": {
        "customer": "Account ID",
        "segment": "Segment",
        "start": "Term Start",
        "renews": "Term End",
        "arr": "ARR",
        "outcome": "Status",
        "decided": "Decision Date",
        "arr_after": "Renewed ARR",
    },
    "bookings": {
        "date": "Date",
        "segment": "Segment",
        "channel": "Lead Source",
        "kind": "Type",
        "amount": "Amount",
        "customer": "Account ID",
        "owner": "Owner ID",
    },
    "people": {
        "id": "Employee ID",
        "role": "Job",
        "seats": "Team",
        "segment": "Segment",
        "start": "Start Date",
        "end": "Last Day",
        "reason": "Reason",
        "quota": "Annual Quota",
    },
    "spend": {"date": "Month End", "channel": "Programme", "amount": "Spend"},
    "balances": {"date": "Month End", "item": "Item", "amount": "Balance"},
}
"""Heads of columns, by names in a history. What is not here is not exported."""
Words = Mapping[str, Mapping[str, str]]
"""Of a column the words in a file, and what they mean."""

WORDS: dict[str, dict[str, dict[str, str]]] = {
    "opportunities": {"outcome": {"Open": "open", "Closed Won": "won", "Closed Lost": "lost"}},
    "contracts": {"outcome": {"Active": "in force", "Renewed": "renewed", "Cancelled": "churned"}},
    "bookings": {
        "kind": {
            "New Business": "new",
            "Upsell": "expansion",
            "Uplift": "price",
            "Downsell": "contraction",
            "Cancellation": "churn",
            "One-off": "once",
        }
    },
    "people": {"reason": {"Resigned": "voluntary", "Dismissed": "involuntary", "Promoted": "promoted"}},
    "balances": {"item": {"Cash at bank": "cash"}},
}
"""Words in the files, and what they mean."""


def write(
    history: History,
    folder: Path,
    plan: Plan,
    heading: str = "Made records of a plan.",
    segments: Mapping[str, str] | None = None,
) -> Path:
    """Write a history as files, and the mapping file that reads it back; returns the path of that.

    Parameters
    ----------
    history : as `made` gives it; amounts are written as they are
    folder : made if it is not there
    plan : whose currencies the amounts are in
    heading : what a comment at the top of the mapping file says
    segments : what the files call segments, by their names in the plan
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = {name: segment.currency for name, segment in plan.segments.items() if segment.currency}
    head: dict[str, Any] = {"as_of": str(history.as_of), "currency": plan.plan.currency}
    document: dict[str, Any] = {"history": head | ({"currencies": own} if own else {})}
    called = {"segment": {said: meant for meant, said in (segments or {}).items()}}
    for name, frame in history.tables.items():
        if len(frame):
            words = WORDS.get(name, {}) | (called if segments and "segment" in COLUMNS[name] else {})
            document[name] = _mapped(history, name, frame, words)
            _exported(name, frame, words).to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    path = folder / "history.yaml"
    text = yaml.dump(document, sort_keys=False, allow_unicode=True, width=120)
    path.write_text(f"# {heading}\n{text}", encoding="utf-8")
    return path


BORN = {
    "O": (("opportunities", "id", "created"),),
    "C": (("contracts", "customer", "start"), ("bookings", "customer", "date")),
    "E": (("people", "id", "start"),),
    "L": (("leads", "id", "created"),),
}
"""By the letter of an id where it is first met, and the day."""


def renumbered(history: History) -> History:
    """The same with short ids: numbers in order of age, so that a later history goes on where an earlier one ended."""
    numbers: dict[str, str] = {}
    for letter, places in BORN.items():
        since: dict[str, pd.Timestamp] = {}
        for name, column, day in places:
            frame = history.table(name)
            first = frame[frame[column].str.startswith(letter)].groupby(column)[day].min()
            since |= {key: min(since.get(key, born), born) for key, born in first.items()}
        ordered = sorted(since, key=lambda key: (since[key], key))
        numbers |= {key: f"{letter}{number:04d}" for number, key in enumerate(ordered, start=1)}
    tables = {}
    for name, frame in history.tables.items():
        ids = [column for column in ("id", "customer", "account", "owner") if column in frame]
        tables[name] = frame.assign(**{c: frame[c].map(lambda key: numbers.get(key, key)) for c in ids})
    return replace(history, tables=tables)


def _heads(name: str, frame: pd.DataFrame) -> dict[str, str]:
    """Heads of the columns that have anything to say, or that no record may lack."""
    required = {column.name for column in TABLES[name] if column.required}
    stages = {c: f"{c.removeprefix(REACHED)} Date".title() for c in map(str, frame) if c.startswith(REACHED)}
    known = {**COLUMNS[name], **stages}
    return {c: known[c] for c in map(str, frame) if c in known and (c in required or c in stages or _says(frame, c))}


def _says(frame: pd.DataFrame, column: str) -> bool:
    blank = frame[column].isna() | (frame[column].astype(str) == "")
    return not bool(blank.all()) and not (column == "count" and bool((frame[column] == 1).all()))


def _mapped(history: History, name: str, frame: pd.DataFrame, words: Words) -> dict[str, Any]:
    entry: dict[str, Any] = {"source": f"{name}.csv", "columns": _heads(name, frame)}
    if words:
        entry["values"] = {column: dict(meanings) for column, meanings in words.items() if column in entry["columns"]}
    if name in history.since:
        entry["since"] = str(history.since[name])
    return entry


def _exported(name: str, frame: pd.DataFrame, words: Words) -> pd.DataFrame:
    heads = _heads(name, frame)
    out = frame[list(heads)].copy()
    for column, meanings in words.items():
        if column in out:
            out[column] = out[column].map({meant: said for said, meant in meanings.items()} | {"": ""})
    for column in out.select_dtypes("datetime"):
        out[column] = out[column].dt.strftime("%Y-%m-%d")
    for column in (c.name for c in TABLES[name] if c.kind in ("money", "count") and c.name in out):
        if bool((out[column].dropna() % 1 == 0).all()):
            out[column] = out[column].astype("Int64")
    return out.rename(columns=heads)
