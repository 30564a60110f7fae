"""From a company's files and databases to a `History`, by a mapping file, with a report of what was found in them.

Nothing is dropped silently: of each table, records read = used + dropped, by reason.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path as FilePath
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from simengine.learn import rules
from simengine.learn.cells import as_text, folded, numbers
from simengine.learn.exposure import DAYS_PER_MONTH
from simengine.learn.history import REACHED, History, Origin, table
from simengine.learn.mapping import CURRENCY, Layout, Lookup, MappingFile, by_name, read_mapping
from simengine.learn.quality import LEVELS, HistoryError, Report
from simengine.learn.records import Records
from simengine.learn.sources import Raw, Wanted, read_source
from simengine.plan import Plan
from simengine.plan.scalars import nearest
from simengine.plan.source import Mark, Problems

_YES, _NO = ("1", "true", "yes", "y"), ("0", "false", "no", "n")


class Read(NamedTuple):
    """What a mapping file leads to: the history, and the report of the quality of its records."""

    history: History
    report: Report


class _Given(NamedTuple):
    """One source of a table, and the tables that its lookups need."""

    raw: Raw
    lookups: Mapping[str, Raw]


def read(path: str | os.PathLike[str], *, as_of: date | None = None, plan: Plan | None = None) -> Read:
    """Read the history that a mapping file describes, as it was known on a day.

    Parameters
    ----------
    path : the mapping file (docs/learn/actuals.md has every key)
    as_of : the last day that the history speaks of; the one in the mapping file where it is left out
    plan : whose segments, channels, stages, roles and seat groups the records must name

    Raises
    ------
    HistoryError
        with every mistake of the mapping file, or everything that is refused in the records
    """
    problems = Problems()
    file = read_mapping(FilePath(path), problems)
    if file is None or problems.found:
        raise HistoryError(problems.found)
    day = _day(file, as_of, problems)
    _check_currency(file, plan, problems)
    names = _names(plan)
    _check_stages(file, names, problems)
    given = {layout.name: _read_sources(layout, file, problems) for layout in file.layouts}
    if problems.found or day is None:
        raise HistoryError(problems.found)
    tables = {layout.name: _records(layout, file, given[layout.name], day, names) for layout in file.layouts}
    since = {name: first for name, records in tables.items() if (first := _checked(records, day, names)) is not None}
    _across(tables)
    report = _report(file, day, tables.values())
    if refused := report.at("refused"):
        raise HistoryError([finding.problem() for finding in refused], report)
    origins = {name: _origin(tables[name], given[name]) for name in tables}
    currency = file.head.currency or ""
    history = History(day, {name: _kept(records) for name, records in tables.items()}, origins, since, currency)
    return Read(history.cut(day), report)


# --- the mapping file as a whole --------------------------------------------------------------------------------------


def _day(file: MappingFile, as_of: date | None, problems: Problems) -> date | None:
    stated = file.head.as_of
    if as_of is None and stated is None:
        remedy = "write the day on which the files were exported, or give --as-of"
        problems.add(file.mark, "history.as_of", "is missing", remedy)
    elif as_of is not None and stated is not None and as_of > stated:
        remedy = f"ask for {stated} or a day before, or export the files again and correct as_of"
        problems.add(file.mark, "history.as_of", f"the files end on {stated}, before {as_of}", remedy)
    return as_of or stated


def _check_currency(file: MappingFile, plan: Plan | None, problems: Problems) -> None:
    currency = file.head.currency
    for layout in file.layouts:
        columns = by_name(layout.name)
        money = next((name for name in layout.given if name in columns and columns[name].kind == "money"), None)
        if money is not None and not currency:
            remedy = f"expected three letters, like USD: {layout.name}.{money} is money"
            problems.add(file.mark, "history.currency", "is missing", remedy)
            return
    if plan is not None and currency and currency != plan.plan.currency:
        words = f"{currency} is not the currency of the plan, {plan.plan.currency}"
        problems.add(file.mark, "history.currency", words, "convert the amounts; currencies has those of segments")


def _names(plan: Plan | None) -> rules.Names:
    if plan is None:
        return rules.Names()
    known = {
        "segment": list(plan.segments),
        "channel": list(plan.funnel.channels),
        "role": list(plan.team.roles),
        "seats": [seats.name for seats in plan.team.seats],
    }
    own = {name: segment.currency for name, segment in plan.segments.items() if segment.currency}
    return rules.Names(known, tuple(plan.funnel.stages), own)


def _check_stages(file: MappingFile, names: rules.Names, problems: Problems) -> None:
    """A stage that leads reached is one of the plan's, after the first."""
    for layout in file.layouts:
        for stage in layout.stages if names.stages else ():
            if (name := stage.removeprefix(REACHED)) not in names.stages[1:]:
                mark = layout.mark("columns", stage)
                problems.add(mark, f"leads.columns.{stage}", "unknown stage", nearest(name, names.stages[1:]))


# --- sources to cells -------------------------------------------------------------------------------------------------


def _read_sources(layout: Layout, file: MappingFile, problems: Problems) -> list[_Given]:
    folder = file.path.parent
    wanted = _wanted(layout)
    lookups = {}
    for name, lookup in layout.lookups.items():
        marks = {
            column: (layout.mark("lookups", name, key), f"{layout.name}.lookups.{name}.{key}")
            for key, column in (("key", lookup.key), ("value", lookup.value))
        }
        raw = read_source(lookup.source, folder, marks, problems)
        if raw is not None:
            lookups[name] = raw
    raws = [read_source(source, folder, wanted, problems) for source in layout.sources]
    return [_Given(raw, lookups) for raw in raws if raw is not None]


def _wanted(layout: Layout) -> Wanted:
    """The columns that a source of the table must have, and where the mapping file asks for them."""
    asked: list[tuple[tuple[str, ...], str]] = [(("columns", name), column) for name, column in layout.columns.items()]
    asked += [(("lookups", name, "by"), lookup.by) for name, lookup in layout.lookups.items()]
    if layout.tenure:
        asked += [(("tenure", "months"), layout.tenure.months), (("tenure", "left"), layout.tenure.left)]
    found: dict[str, tuple[Mark, str]] = {}
    for keys, column in asked:
        found.setdefault(column, (layout.mark(*keys), ".".join((layout.name, *keys))))
    return found


def _records(layout: Layout, file: MappingFile, given: list[_Given], day: date, names: rules.Names) -> Records:
    parts = [_cells(layout, source, day) for source in given]
    cells = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=layout.given)
    files = np.repeat(np.arange(len(given)), [len(part) for part in parts]).astype(np.int64)
    lines = np.concatenate([source.raw.lines for source in given])
    records = Records(layout, file.head, [source.raw for source in given], cells, files, lines)
    for name in layout.lookups:
        _say_lookups(records, name, given)
    if layout.tenure:
        if "id" not in cells:
            # Months of service without a name: one record is one person.
            cells.insert(0, "id", [f"{source} {line}" for source, line in zip(files + 1, lines, strict=True)])
        words = "only months of service are known: their days are counted back from the as-of date"
        records.say("noticed", "start", words, "read spans of time from them, never dates")
    return records


def _cells(layout: Layout, given: _Given, day: date) -> pd.DataFrame:
    """The cells of a source under the names of the history."""
    frame = given.raw.frame.copy()
    found: dict[str, pd.Series[Any]] = {}
    for name, lookup in layout.lookups.items():
        table_of, spelled = _lookup(lookup, given.lookups[name])
        by = frame[lookup.by].map(as_text)
        frame[lookup.by] = by.map(lambda text, spelled=spelled: spelled.get(text, text))
        found[name] = frame[lookup.by].map(lambda text, known=table_of: known.get(text, "")).astype("object")
    found |= {name: frame[column] for name, column in layout.columns.items()}
    if layout.tenure:
        found |= _tenure(frame[layout.tenure.months], frame[layout.tenure.left], day)
    found |= {name: pd.Series(text, frame.index, dtype="object") for name, text in layout.constants.items()}
    cells = pd.DataFrame({name: found[name] for name in layout.given}, index=frame.index)
    return cells.mask(cells.isin(list(layout.blank)), "") if layout.blank else cells


class _Spelling(dict[str, str]):
    """Text of a cell -> as a lookup file spells it; what is not there is sought without case and punctuation."""

    def __init__(self, keys: Iterable[str]) -> None:
        super().__init__((key, key) for key in keys)
        self.loose = {folded(key): key for key in self}

    def get(self, text: str, default: str = "") -> str:  # type: ignore[override]
        return text if text in self else self.loose.get(folded(text), default)


def _lookup(lookup: Lookup, raw: Raw) -> tuple[dict[str, Any], _Spelling]:
    keys = raw.frame[lookup.key].map(as_text)
    known = {key: value for key, value in zip(keys, raw.frame[lookup.value], strict=True) if key}
    return known, _Spelling(known)


def _say_lookups(records: Records, name: str, given: list[_Given]) -> None:
    """What was not found, what was found under another spelling, and keys that lead to two values."""
    lookup, raw = records.layout.lookups[name], given[0].lookups[name]
    known, spelled = _lookup(lookup, raw)
    said = pd.concat([source.raw.frame[lookup.by] for source in given], ignore_index=True).map(as_text)
    file = FilePath(raw.name).name
    close = {text: spelled.get(text) for text in said.unique() if text}
    for text in [text for text, found in close.items() if found and found != text][: rules.MOST_WORDS]:
        words = f"{text!r} is {close[text]!r} in {file}, and is read so"
        records.say("repaired", lookup.by, words, "correct it at its source", said == text)
    missing = [text for text, found in close.items() if not found]
    if missing:
        words = f"not in {file}, so that {name} is blank, like {missing[0]!r}"
        hint = nearest(missing[0], known)
        remedy = f"{hint if hint.startswith('did') else ''} Add them there if they should have one".strip()
        records.say("noticed", name, words, remedy, said.isin(missing))
    frame = raw.frame.map(as_text).drop_duplicates()
    twice = frame[lookup.key][frame[lookup.key].duplicated() & (frame[lookup.key] != "")]
    if len(twice):
        words = f"{file} has two values of {lookup.value} for {twice.iloc[0]!r}"
        records.say("refused", name, words, f"keep one {lookup.value} for each {lookup.key}")


def _tenure(months: pd.Series[Any], left: pd.Series[Any], day: date) -> dict[str, pd.Series[Any]]:
    """Start and end of people of whom only months of service are known; what cannot be read stays as it is."""
    service = numbers(months).values
    start = pd.Timestamp(day) - pd.to_timedelta((service * DAYS_PER_MONTH).round(), unit="D")
    known = start.astype("object")
    meant: dict[str, Any] = {**dict.fromkeys(_YES, day), **dict.fromkeys(_NO, "")}
    gone = left.map(as_text).map(lambda text: meant.get(text.lower(), text or "?"))
    return {"start": known.where(service.notna(), months), "end": gone.astype("object")}


# --- records to a history ---------------------------------------------------------------------------------------------


def _checked(records: Records, day: date, names: rules.Names) -> date | None:
    """Apply every rule; the first day from which on the table is complete, None where all of it is."""
    rules.translate(records, names)
    rules.type_columns(records, names)
    if records.refused():
        # Columns that could not be read: what follows would only be their echo.
        records.settle()
        return None
    rules.whole(records)
    rules.one_each(records)
    rules.one_spelling(records, names)
    rules.in_order(records, names)
    rules.ends(records)
    rules.amounts(records)
    rules.words_of_forecasts(records)
    rules.reasons(records)
    rules.as_of(records, day)
    records.settle()
    if not records.refused() or not records.alive.any():
        rules.not_only_ended(records, day)
    return rules.truncated(records, day)


def _across(tables: Mapping[str, Records]) -> None:
    """What tables say of each other."""
    if "people" in tables and tables["people"].has("id"):
        for name in ("opportunities", "bookings"):
            if name in tables:
                rules.strangers(tables[name], map(str, tables["people"].frame["id"]))


def _report(file: MappingFile, day: date, tables: Iterable[Records]) -> Report:
    tables = list(tables)
    found = [
        finding for level in LEVELS for records in tables for finding in records.findings if finding.level == level
    ]
    return Report(str(file.path), day, {records.name: records.tally() for records in tables}, found)


def _kept(records: Records) -> pd.DataFrame:
    frame = records.frame[records.alive]
    stages = records.layout.stages
    columns = [name for name in (*by_name(records.name), *stages) if name in frame and name != CURRENCY]
    return table(records.name, **{name: frame[name] for name in columns})


def _origin(records: Records, given: list[_Given]) -> Origin:
    """Where a table comes from; the digest of several files is that of their digests in order."""
    raws = [source.raw for source in given]
    raws += list({raw.reference: raw for source in given for raw in source.lookups.values()}.values())
    digest = raws[0].digest
    if len(raws) > 1:
        digest = hashlib.sha256("".join(raw.digest for raw in raws).encode()).hexdigest()
    return Origin(", ".join(raw.reference for raw in raws), digest, int(records.alive.sum()))
