"""What can be wrong with the records of a company. What would mislead refuses the table; the rest is counted and said.

Each rule looks at the records that are still there. A record that cannot be true (won before it was created) is left
out, and the table is refused where there are more of them than `tolerate`.
"""

from __future__ import annotations

import difflib
import itertools
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from simengine.learn import cells
from simengine.learn.cells import as_text, folded
from simengine.learn.history import CHURNED, IN_FORCE, LOST, OPEN, RENEWED, TABLES, WON, Kind
from simengine.learn.mapping import CURRENCY, by_name
from simengine.learn.records import Mask, Records
from simengine.plan.scalars import nearest

SURE = 0.01
"""Chance at which something is no coincidence any more."""
STALE = 31
"""Days without any record before the as-of date."""
MOST_COMPARED = 300
"""Different names in a column up to which they are compared with each other."""
ALIKE = 0.9
MOST_WORDS = 12
"""Unknown words of a column that are named one by one."""
LABELS = ("segment", "channel", "product", "account", "role", "seats", "region")
"""Columns of names, not of ids: how they are written is not what they mean."""
KEYS = {
    "opportunities": ("id",),
    "leads": ("id",),
    "people": ("id", "start"),
    "forecasts": ("made", "period", "segment", "owner", "metric"),
    "balances": ("date", "item"),
}
"""What no two records of a table may have in common."""
ORDERED = {
    "opportunities": (("created", "started"), ("created", "closed"), ("started", "closed")),
    "contracts": (("start", "renews"), ("start", "decided")),
    "people": (("start", "end"),),
}
"""Days that follow each other."""
DECIDED = {"opportunities": ("outcome", OPEN, "closed"), "contracts": ("outcome", IN_FORCE, "decided")}
"""Of a table the column of outcomes, the outcome before the end, and the day of the end."""
LIVES = {"opportunities": ("created", "closed"), "contracts": ("start", "decided"), "people": ("start", "end")}
BORN = {"bookings": "date", "spend": "date", "forecasts": "made", "balances": "date", "leads": "created"} | {
    name: born for name, (born, _) in LIVES.items()
}
BUSY = ("opportunities", "leads", "bookings")
"""Tables in which something happens every month."""
_PERIOD = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])|FY\d{4}(?:-Q[1-4])?")


@dataclass(frozen=True)
class Names:
    """What a plan calls its things: column -> names, and currencies of segments that have one of their own."""

    known: Mapping[str, list[str]] = field(default_factory=dict)
    stages: tuple[str, ...] = ()
    currencies: Mapping[str, str] = field(default_factory=dict)


# --- words ------------------------------------------------------------------------------------------------------------


def translate(records: Records, names: Names) -> None:
    """Cells of words to what they mean; records that are to be left out go."""
    columns = by_name(records.name)
    for name in records.cells:
        column = columns.get(str(name))
        if name == CURRENCY or (column is not None and column.kind in ("text", "word")):
            _translate(records, str(name), column.words if column else (), names.known.get(str(name), []))


def _translate(records: Records, name: str, words: tuple[str, ...], known: list[str]) -> None:
    said = records.cells[name].map(as_text)
    meant: Mapping[str, str | None] = records.layout.values.get(name, {})
    if not (words or known or meant):
        records.frame[name] = said.astype("str")
        return
    exact: dict[str, str | None] = {**{word: word for word in (*words, *known)}, **meant}
    loose: dict[str, str] = {folded(text): text for text in exact if folded(text)}
    result, gone, unknown = {}, [], []
    for text in said.unique():
        close = text if text in exact else loose.get(folded(text), text)
        if close != text:
            where = said == text
            records.say("repaired", name, f"{text!r} is read as {close!r}", "correct it at its source", where)
        if close in exact:
            result[text] = exact[close]
            gone += [text] if exact[close] is None else []
        else:
            result[text] = close
            unknown += [text] if text and (words or known) else []
    for text in gone:
        words_out = f"{name} {text or 'blank'} is left out, as the mapping file says"
        records.drop(name, words_out, "nothing to do", said == text)
    if len(unknown) > MOST_WORDS:
        remedy = "list them under values, or map another column"
        where = said.isin(unknown[MOST_WORDS:])
        records.say("refused", name, f"{len(unknown) - MOST_WORDS:,} more are unknown", remedy, where, [name])
    for text in unknown[:MOST_WORDS]:
        choices = [*words, "leave out"] if words else known
        hint = nearest(text, known or words)
        end = "" if hint.endswith("?") else "."
        remedy = f"{hint}{end} Write under values: {{{name}: {{{text}: {' | '.join(choices[:6])}}}}}"
        records.say("refused", name, f"{text!r} is unknown", remedy, said == text)
    records.frame[name] = said.map(result).astype("object").fillna("").astype("str")


def one_spelling(records: Records, names: Names) -> None:
    """One name for what differs by case, blanks and punctuation only; names that are nearly alike are noticed."""
    for name in (label for label in LABELS if records.has(label)):
        column = records.frame[name].where(records.alive, "")
        counts = column[column != ""].value_counts()
        kept: dict[str, str] = {}
        for group in cells.spellings(map(str, counts.index)).values():
            known = [text for text in group if text in names.known.get(name, ())]
            best = (known or sorted(group, key=lambda text: (-int(counts[text]), text)))[0]
            kept |= {text: best for text in group if text != best}
        for other, best in list(kept.items())[:MOST_WORDS]:
            words = f"{other!r} is written {best!r} elsewhere, and is read so"
            records.say("repaired", name, words, "correct it at its source", column == other)
        if more := list(kept)[MOST_WORDS:]:
            words = f"{len(more):,} more names are written otherwise elsewhere, and are read so"
            records.say("repaired", name, words, "correct them at their source", column.isin(more), [name])
        if kept:
            records.frame[name] = records.frame[name].replace(kept)
        _look_alike(records, name)


def _look_alike(records: Records, name: str) -> None:
    texts = sorted({text for text in records.frame.loc[records.alive, name] if len(text) > 3})
    if len(texts) > MOST_COMPARED:
        return
    for number, text in enumerate(texts):
        for other in texts[number + 1 :]:
            has_numbers = re.findall(r"\d+", text) != re.findall(r"\d+", other)
            match = difflib.SequenceMatcher(None, text.casefold(), other.casefold(), autojunk=False)
            if not has_numbers and match.quick_ratio() >= ALIKE and match.ratio() >= ALIKE:
                remedy = f"if they are one, write under values: {{{name}: {{{text}: {other}}}}}"
                records.say("noticed", name, f"{text!r} and {other!r} look alike", remedy)


# --- days and numbers -------------------------------------------------------------------------------------------------


def type_columns(records: Records, names: Names) -> None:
    """Cells to days and numbers; placeholders of days are blank, other currencies refuse."""
    columns = by_name(records.name)
    for name in map(str, records.cells):
        kind: Kind = columns[name].kind if name in columns else "text" if name == CURRENCY else "day"
        if kind == "day":
            parsed = cells.days(records.cells[name], records.layout.dates, records.head.time_zone)
        elif kind in ("money", "count"):
            parsed = cells.numbers(records.cells[name], records.layout.decimal)
        else:
            continue
        _note(records, name, parsed)
        records.frame[name] = parsed.values
        if kind == "day":
            _placeholders(records, name)
        elif kind == "money":
            _other_sign(records, name, parsed, names)
    if records.has(CURRENCY):
        _other_currency(records, names)


def _note(records: Records, name: str, parsed: cells.Parsed) -> None:
    words, remedy = parsed.refused
    if words:
        records.say("refused", name, words, remedy)
        return
    for note, what_to_do in parsed.notes:
        records.say("noticed", name, note, what_to_do)
    reasons: dict[str, list[Any]] = {}
    for cell, why in parsed.wrong.items():
        reasons.setdefault(why, []).append(cell)
    for why, wrong in reasons.items():
        text = as_text(wrong[0])
        remedy = "correct it at its source"
        if not any(sign.isdigit() for sign in text):
            remedy = f'correct it at its source; if it means nothing is known, say so: blank: ["{text}"]'
        where = records.cells[name].isin(wrong)
        records.drop(name, f"{name} {why}", remedy, where, [name], impossible=True)


def _placeholders(records: Records, name: str) -> None:
    """Days that stand for none: 1899 and 1900, 1970-01-01, 2099 and later."""
    days = records.frame[name]
    fake = (days.dt.year <= 1900) | (days.dt.year >= 2099) | (days == pd.Timestamp(1970, 1, 1))
    if bool(fake.any()):
        words = f"{name} is a placeholder, and is read as blank"
        records.say("repaired", name, words, "export blanks for days that are not known", fake, [name])
        records.frame.loc[fake, name] = pd.NaT


def _declared(records: Records, names: Names) -> pd.Series[Any]:
    currencies = {**names.currencies, **records.head.currencies}
    default = pd.Series(records.head.currency, records.frame.index, dtype="object")
    if not records.has("segment") or not currencies:
        return default
    return records.frame["segment"].map(currencies).astype("object").fillna(default)


_CONVERT = "export amounts in the currency of the segment, or say it under history: currencies"


def _other_sign(records: Records, name: str, parsed: cells.Parsed, names: Names) -> None:
    if not parsed.currencies or not records.head.currency:
        return
    declared = _declared(records, names)
    seen = records.cells[name].map(parsed.currencies)
    pairs = zip(seen, declared, strict=True)
    foreign = np.array([isinstance(may, frozenset) and own not in may for may, own in pairs], dtype=bool)
    words = f"{name} is in another currency than {records.head.currency}"
    records.say("refused", name, words, _CONVERT, foreign, [name])


def _other_currency(records: Records, names: Names) -> None:
    own, declared = records.frame[CURRENCY], _declared(records, names)
    for code in sorted(set(own[records.alive & (own != declared)]) - {""}):
        where = (own == code) & (own != declared)
        remedy = f"{_CONVERT}, or leave them out: values: {{currency: {{{code}: leave out}}}}"
        records.say("refused", CURRENCY, f"the amount is in {code}, not in {records.head.currency}", remedy, where)


def whole(records: Records) -> None:
    """Cells that no record may lack."""
    for column in TABLES[records.name]:
        if not records.has(column.name):
            continue
        values = records.frame[column.name]
        blank = values.isna() | (values == "")
        if column.required:
            remedy = "fill it in at its source" + (
                f', or say what blank means: values: {{{column.name}: {{"": …}}}}' if column.name in LABELS else ""
            )
            records.drop(column.name, f"{column.name} is blank", remedy, blank, impossible=True)
        elif column.kind == "text":
            words = f"{column.name} is blank"
            records.say("noticed", column.name, words, "nothing to do if it is not known", blank)


# --- one record each --------------------------------------------------------------------------------------------------


def one_each(records: Records) -> None:
    """A record once: a later source wins, copies go, and two that contradict each other refuse."""
    name, frame = records.name, records.frame
    key = [column for column in KEYS.get(name, ()) if column in frame]
    if name == "leads" and records.has("count"):
        key += [column for column in ("channel", "segment", "created") if column in frame]
    same = key or [str(column) for column in frame]
    alive = frame[records.alive]
    newest = pd.Series(records.files[records.alive], alive.index).groupby([alive[c] for c in same], dropna=False)
    late = _spread(records, pd.Series(records.files[records.alive], alive.index) < newest.transform("max"))
    records.drop("", "a later source has it too", "nothing to do", late, same[:1])
    copies = _spread(records, frame[records.alive].duplicated())
    if not key:
        records.say("noticed", "", "alike in every column", "check that none is there twice", copies, same[:3])
        return
    records.drop("", "a copy of another record", "nothing to do", copies, key[:1])
    alive = frame[records.alive]
    keep = records.layout.keep
    if keep:
        repeated = _spread(records, alive.duplicated(key, keep="first" if keep == "first" else "last"))
        records.drop(key[0], f"the same {' and '.join(key)} as the {keep} of its kind", "nothing to do", repeated, key)
    else:
        repeated = _spread(records, alive.duplicated(key, keep=False))
        remedy = "remove one of each, or say which is right: keep: first or keep: last"
        records.say("refused", key[0], f"the same {' and '.join(key)}, and they differ", remedy, repeated, key)


def _spread(records: Records, where: pd.Series[Any]) -> Mask:
    """A mask of the records that are there as one of all."""
    mask = np.zeros(len(records.cells), dtype=bool)
    mask[records.alive] = np.asarray(where, dtype=bool)
    return mask


# --- what cannot be true ----------------------------------------------------------------------------------------------

_CORRECT = "correct it at its source"


def in_order(records: Records, names: Names) -> None:
    """Days that come before those that they follow."""
    pairs = list(ORDERED.get(records.name, ()))
    stages = [stage for stage in records.layout.stages if records.has(stage)]
    if names.stages:
        order = {f"reached:{stage}": number for number, stage in enumerate(names.stages)}
        stages.sort(key=lambda stage: order.get(stage, len(order)))
    pairs += [("created", stage) for stage in stages]
    pairs += [(stage, later) for number, stage in enumerate(stages) for later in stages[number + 1 :]]
    for first, second in pairs:
        if records.has(first, second):
            wrong = records.frame[second] < records.frame[first]
            records.drop(second, f"{second} before {first}", _CORRECT, wrong, [first, second], impossible=True)
    for stage, later in itertools.pairwise(stages):
        skipped = records.frame[later].notna() & records.frame[stage].isna()
        records.say("noticed", later, f"{later} without {stage}", "nothing to do if stages may be skipped", skipped)


def ends(records: Records) -> None:
    """Records that ended without a day, and that did not end but have one."""
    if records.name not in DECIDED:
        return
    outcome, before, day = DECIDED[records.name]
    frame = records.frame
    is_open = frame[outcome] == before
    if records.has(day):
        words = f"{before}, with a day under {day}: it is taken for an expectation, and left out"
        records.say("repaired", day, words, "map the day of the end only", is_open & frame[day].notna(), [day])
        frame.loc[is_open, day] = pd.NaT
        missing = ~is_open & frame[day].isna()
    else:
        missing = ~is_open
    kinds = " or ".join([WON, LOST] if records.name == "opportunities" else [RENEWED, CHURNED])
    records.drop(day, f"{kinds} without a day under {day}", "fill it in at its source", missing, impossible=True)


def amounts(records: Records) -> None:
    """Amounts below zero, zero where something was sold, and counts that are none."""
    frame, name = records.frame, records.name
    if name == "bookings":
        _losses(records)
    for column in TABLES[name]:
        if not records.has(column.name):
            continue
        values = frame[column.name]
        if column.kind == "money" and name not in ("balances", "forecasts"):
            words = f"{column.name} is below zero"
            records.drop(column.name, words, _CORRECT, values < 0, [column.name], impossible=True)
        elif column.kind == "count":
            wrong = ~((values > 0) & (values == values.round()))
            words = f"{column.name} is no count"
            records.drop(column.name, words, "expected 1, 2, 3 …", wrong, [column.name], impossible=True)
    if name == "opportunities" and records.has("amount"):
        _values_of_deals(records)
    if name == "contracts":
        records.say("noticed", "arr", "arr is zero", "check that it is no free trial", frame["arr"] == 0, ["arr"])
        paid = frame["arr_after"].notna() if records.has("arr_after") else pd.Series(False, frame.index)
        unknown = (frame["outcome"] == RENEWED) & ~paid
        words = "renewed at an amount that is not known"
        records.say("noticed", "arr_after", words, "map arr_after, or price and contraction are unknown", unknown)


def _losses(records: Records) -> None:
    """ARR that is lost is written without a sign; a system may write all of it below zero."""
    frame = records.frame
    lost = frame["kind"].isin(["contraction", "churn"]) & records.alive
    if bool(lost.any()) and bool((frame.loc[lost, "amount"] <= 0).all()):
        words = "ARR that was lost is below zero throughout: the sign is taken away"
        records.say("repaired", "amount", words, "nothing to do", lost & (frame["amount"] < 0), ["kind", "amount"])
        frame.loc[lost, "amount"] = frame.loc[lost, "amount"].abs()


def _values_of_deals(records: Records) -> None:
    frame = records.frame
    won, lost = (frame["outcome"] == WON) & records.alive, (frame["outcome"] == LOST) & records.alive
    words = "won at an amount of zero"
    records.say("noticed", "amount", words, "check that they are sales", won & (frame["amount"] == 0), ["amount"])
    words = "won at an amount that is not known"
    records.say("noticed", "amount", words, "fill it in at its source", won & frame["amount"].isna())
    if bool(lost.any()) and bool((frame.loc[lost, "amount"] == 0).all()):
        words = "every lost one has an amount of zero: it was not kept, and is read as blank"
        records.say("repaired", "amount", words, "nothing to do", lost)
        frame.loc[lost, "amount"] = math.nan


def words_of_forecasts(records: Records) -> None:
    """Periods and metrics of forecasts."""
    from simengine.plan.targets import METRICS

    if records.name != "forecasts":
        return
    period = records.frame["period"]
    wrong = np.array([_PERIOD.fullmatch(text) is None for text in period], dtype=bool)
    remedy = "expected like 2027-01, FY2027-Q1 or FY2027"
    records.drop("period", "period is no month, quarter or fiscal year", remedy, wrong, ["period"], impossible=True)
    metric = records.frame["metric"]
    for text in sorted(set(metric[records.alive]) - set(METRICS) - {WON}):
        records.say("refused", "metric", f"{text!r} is no metric", nearest(text, METRICS), metric == text)


def reasons(records: Records) -> None:
    """Reasons for which nobody left, and terms of one customer that overlap."""
    frame = records.frame
    if records.name == "people" and records.has("reason", "end"):
        where = (frame["reason"] != "") & frame["end"].isna()
        records.say("noticed", "reason", "a reason, but no end", "fill in the last day in the role", where, ["reason"])
    if records.name == "contracts" and records.has("renews"):
        _overlaps(records, ["customer", "segment"], "start", "renews", "terms of one customer that overlap")
    if records.name == "people" and records.has("end"):
        _overlaps(records, ["id"], "start", "end", "roles of one person that overlap")


def _overlaps(records: Records, by: list[str], start: str, end: str, words: str) -> None:
    frame = records.frame[records.alive].sort_values([*by, start], kind="stable")
    before = frame.groupby(by, sort=False)[end].shift()
    where = np.zeros(len(records.cells), dtype=bool)
    where[frame.index[(frame[start] < before).to_numpy()]] = True
    remedy = "check that nothing is there twice; terms end on the day before the next begins"
    records.say("noticed", start, words, remedy, where, [*by, start])


# --- what would mislead -----------------------------------------------------------------------------------------------


def as_of(records: Records, day: date) -> None:
    """Records of later days, and later ends."""
    last, frame = pd.Timestamp(day), records.frame
    born = BORN[records.name]
    later = frame[born] > last
    records.drop(born, f"{born} after the as-of date {day}", "nothing to do: not known on that day", later, [born])
    for column in frame:
        if column != born and _is_fact(records.name, str(column)):
            words = f"{column} after the as-of date {day}: it has not happened yet"
            records.say("repaired", str(column), words, "nothing to do", frame[column] > last, [str(column)])
    if records.name not in BUSY:
        return
    days = [c for c in frame if _is_fact(records.name, str(c))]
    newest = frame.loc[records.alive, days].max().max() if records.alive.any() else pd.NaT
    if pd.notna(newest) and (last - newest).days > STALE:
        words = f"nothing happened since {newest.date()}, {(last - newest).days} days before the as-of date"
        records.say("noticed", born, words, "if the file was exported on an earlier day, that is the as-of date")


def _is_fact(table: str, column: str) -> bool:
    """Whether a column holds days on which something happened, not days that are agreed on."""
    columns = by_name(table)
    kind = columns[column].kind if column in columns else "day" if column.startswith("reached:") else "text"
    return kind == "day" and column != "renews"


def not_only_ended(records: Records, day: date) -> None:
    """Tables that hold only what ended, only what succeeded, or nothing at all."""
    frame, layout = records.frame[records.alive], records.layout
    if not len(frame):
        if len(records.cells):
            records.say("refused", "", "no record is left", "check the as-of date and what was left out")
        else:
            records.say("refused", "", "there is no record", "export the table again, or remove it from the file")
        return
    if layout.complete:
        return
    last = pd.Timestamp(day)
    remedy = "export all of them, also those that have not ended; if all have: complete: true"
    if records.name in DECIDED:
        outcome, before, end = DECIDED[records.name]
        is_open = (frame[outcome] == before) | (frame[end] > last if end in frame else False)
        if not bool(is_open.any()):
            words = f"no record is {before}: rates from what has ended mislead, for it ended sooner or later"
            records.say("refused", outcome, words, remedy)
        elif WON in set(frame[outcome]) and LOST not in set(frame[outcome]):
            records.say("refused", outcome, "none was lost: the extract holds successes only", remedy)
    stages = [stage for stage in layout.stages if stage in frame]
    if records.name == "leads" and stages and bool(frame[stages[-1]].notna().all()):
        records.say("refused", stages[-1], "every lead reached it: the extract holds successes only", remedy)
    if records.name == "people" and "end" in frame and not bool((frame["end"].isna() | (frame["end"] > last)).any()):
        records.say("refused", "end", "everybody has left: the extract holds leavers only", remedy)


def truncated(records: Records, day: date) -> date | None:
    """The first day from which on a table is complete; None where all of it is.

    Where what ended early was not kept, nothing ends before some day T, though records were there. Of records born
    from T on, the share F(t) has ended at age t. Were the older ones complete, about E = sum F(T - born) of them would
    have ended before T, and none did with chance exp(-E): the first event of a process comes at a cumulative hazard
    that is exponential with mean 1. F counts what is still open in full, so that E is too small rather than too large.
    """
    if records.layout.since:
        return records.layout.since
    frame = records.frame[records.alive]
    lives = LIVES.get(records.name)
    if records.name == "leads" and records.layout.stages:
        lives = ("created", records.layout.stages[-1])
    if lives is None or not set(lives) <= set(frame) or records.layout.tenure:
        return None
    born, end = frame[lives[0]], frame[lives[1]].where(frame[lives[1]] <= pd.Timestamp(day))
    first = end.min()
    if pd.isna(first):
        return None
    older, later = born[born < first], born >= first
    ages = np.sort((end - born)[later].dropna().dt.days.to_numpy())
    if not len(older) or not len(ages):
        return None
    share = np.searchsorted(ages, (first - older).dt.days.to_numpy(), side="left") / int(later.sum())
    expected = float(share.sum())
    if math.exp(-expected) >= SURE:
        return None
    words = (
        f"nothing has a day under {lives[1]} before {first.date()}, where {expected:,.0f} records would: "
        "what ended earlier was not kept, and the table counts as complete from then on"
    )
    records.say("noticed", lives[1], words, "if another day is right: since")
    return date(first.year, first.month, first.day)


def strangers(owned: Records, people: Iterable[str]) -> None:
    """Owners that are not among the people."""
    if not owned.has("owner"):
        return
    known = set(people)
    owner = owned.frame["owner"]
    where = np.array([text != "" and text not in known for text in owner], dtype=bool)
    words = "owner is not among the people"
    owned.say("noticed", "owner", words, "check that both use the same ids", where, ["owner"])
