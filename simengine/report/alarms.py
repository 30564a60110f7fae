"""Trigger points as plain numbers, and in a terminal: from which observed value on a target is in danger."""

from __future__ import annotations

import math
from collections.abc import Iterator

import xarray as xr
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simengine.report.statistics import Facts, estimate
from simengine.report.tables import chance, heading, note, table, under
from simengine.report.words import MISSING, number, percent
from simengine.units import MONTHS_PER_YEAR, month_number

MOST_SHOWN = 3
"""Months side by side in the table."""
MOST_ROWS = 10
_ESTIMATES = ("trigger", "share_tripped", "p_hit_tripped", "p_hit_otherwise", "p_hit_as_planned")
_OF_DECLARED = ("p_hit_at_declared", "share_beyond_declared")
_OF_ANY = ("share_any_tripped", "p_hit_any_tripped", "p_hit_none_tripped")
_NUMBERS = ("as_planned", "p10", "median", "p90", "observations", "observations_needed")
_ABOUT = ("target", "metric", "period", "confidence", "confidence_is", "draws")


def alarms(found: xr.Dataset) -> Facts:
    """Trigger points as plain numbers, the most telling assumption first.

    Parameters
    ----------
    found : from `explain.triggers`
    """
    months = [str(month) for month in found["month"].values]
    return {
        **{key: found.attrs[key] for key in _ABOUT},
        "p_hit": estimate(found, "p_hit"),
        "months": months,
        "shown": _shown(months, found.attrs["fiscal_year_start"]),
        "any": [
            {"month": month, **{key: estimate(found.isel(month=m), key) for key in _OF_ANY}}
            for m, month in enumerate(months)
        ],
        "assumptions": [_assumption(found.isel(assumption=i), months) for i in range(found.sizes["assumption"])],
        "unseen": [
            {"name": str(name), "reason": str(reason)}
            for name, reason in zip(found["unseen"].values, found["reason"].values, strict=True)
        ],
    }


def _shown(months: list[str], fiscal_year_start: int) -> list[str]:
    """The first ends of fiscal quarters; of a plan that is decided before there is one, the last months."""
    ends = [month for month in months if (month_number(month) % MONTHS_PER_YEAR + 2 - fiscal_year_start) % 3 == 0]
    return ends[:MOST_SHOWN] or months[-MOST_SHOWN:]


def _assumption(one: xr.Dataset, months: list[str]) -> Facts:
    declared = float(one["declared"])
    return {
        "name": str(one["assumption"].item()),
        **{key: str(one[key].item()) for key in ("owner", "adverse", "observed_as", "observed_unit", "counted")},
        "tells_from": str(one["tells_from"].item()) or None,
        "declared": declared if math.isfinite(declared) else None,
        "months": [
            {"month": month, **_month(one.isel(month=m), with_declared=math.isfinite(declared))}
            for m, month in enumerate(months)
        ],
    }


def _month(one: xr.Dataset, *, with_declared: bool) -> Facts:
    estimates = (*_ESTIMATES, *(_OF_DECLARED if with_declared else ()))
    return {
        "trips": "below" if bool(one["trips_below"]) else "above",
        **{key: estimate(one, key) for key in estimates},
        **{key: float(one[key]) for key in _NUMBERS},
    }


def alarm_tables(told: Facts) -> RenderableType:
    """Trigger points in a terminal: a row for each assumption that has one, and the triggers that the plan declares."""
    rows = [row for row in told["assumptions"] if any(has_trigger(month) for month in _of_shown(row, told))]
    parts: list[RenderableType] = [heading(_question(told)), *map(note, _introduction(told))]
    if rows:
        parts.append(_table(rows[:MOST_ROWS], told))
        parts += map(note, _legend(told))
    declared = [row for row in told["assumptions"] if row["declared"] is not None]
    if declared:
        parts += [heading("The plan's own triggers"), _declared_table(declared, told)]
    parts += map(note, _left_out(told, rows))
    return Group(*parts)


_WHOSE = {
    "declared": "its confidence is",
    "asked for": "the confidence asked for is",
    "even odds": "it declares no confidence, so it is held to",
}


def _question(told: Facts) -> str:
    return f"What would have to be observed to doubt {told['target']}?"


def _introduction(told: Facts) -> Iterator[str]:
    wanted = percent(told["confidence"], 0)
    yield f"P(hit) is {chance(told['p_hit'])}; {_WHOSE[told['confidence_is']]} {wanted}."
    if is_below(told):
        yield f"That is below {wanted} already. A trigger is here what must be observed for P(hit) to reach it."
        yield "`--confidence` with a lower number tells when things have become worse than that."
    else:
        yield f"A trigger is the observed value, since the plan's start, at which P(hit) falls to {wanted}."


def _table(rows: list[Facts], told: Facts) -> Table:
    made = table("assumption", *told["shown"], "trips:\nP(hit)", "tells\nfrom")
    for row in rows:
        months = _of_shown(row, told)
        last = [month for month in months if has_trigger(month)][-1]
        tripped = f"{percent(last['share_tripped']['value'], 0)}: {percent(last['p_hit_tripped']['value'], 0)}"
        made.add_row(
            under(row["name"], f"  {row['observed_as']} (plan {observed(last['as_planned'], row)})"),
            *(_trigger(month, row, told) for month in months),
            under(tripped, f"else {percent(last['p_hit_otherwise']['value'], 0)}"),
            _tells(row, last),
        )
    return made


_SIGNS = {(False, "below"): "<", (False, "above"): ">", (True, "below"): "≥", (True, "above"): "≤"}


def is_below(told: Facts) -> bool:
    """Whether the target is not likely enough from the outset."""
    return bool(told["p_hit"]["upper"] < told["confidence"])


def _trigger(month: Facts, row: Facts, told: Facts) -> Text:
    if not has_trigger(month):
        return Text("–", "dim")
    trigger = month["trigger"]
    sign = _SIGNS[is_below(told), month["trips"]]
    ends = [observed(trigger[end], row) if math.isfinite(trigger[end]) else "…" for end in ("lower", "upper")]
    first = ends[0][:-1] if ends[0][-1] == ends[1][-1] in "%k" else ends[0]
    return under(f"{sign} {observed(trigger['value'], row)}", f"{first}–{ends[1]}")


def _tells(row: Facts, last: Facts) -> Text:
    if row["tells_from"] is not None:
        month = next(month for month in row["months"] if month["month"] == row["tells_from"])
        return under(row["tells_from"], f"n {month['observations']:,.0f}")
    needed = last["observations_needed"]
    if last["observations"] < needed < math.inf:
        return under("needs", f"n {_rounded(needed)}", "dim")
    return Text("noise", "dim")


def _rounded(count: float) -> str:
    """A number of observations to two digits: more are not known.

    >>> _rounded(7789.0), _rounded(56.0), _rounded(4.2e6)
    ('7,800', '56', '4,200k')
    """
    digits = float(f"{count:.2g}")
    return f"{digits / 1000:,.0f}k" if digits >= 100_000 else f"{digits:,.0f}"


def _legend(told: Facts) -> Iterator[str]:
    side = "short of" if is_below(told) else "beyond"
    yield f"Trips: paths {side} the last trigger shown; P(hit) on these, and on the others."
    last = next(each for each in told["any"] if each["month"] == told["shown"][-1])
    if not is_below(told) and math.isfinite(last["p_hit_any_tripped"]["value"]):
        share, hit, otherwise = (percent(last[key]["value"], 0) for key in _OF_ANY)
        yield (
            f"On {share} of all paths at least one number is beyond its trigger of {last['month']}: P(hit) {hit}, else "
            f"{otherwise}."
        )
    yield (
        "Tells from: the month from which on the trigger is further from what is planned than chance alone leads in 19 "
        "of 20 years that are as planned, and the observations by then. Needs: so many would be enough for the last "
        "trigger shown. Noise: what is planned lies within the trigger's interval."
    )


def _declared_table(rows: list[Facts], told: Facts) -> Table:
    verdict = () if is_below(told) else ("it is",)
    made = table(
        "assumption", "declared", *(f"P(hit)\n{month}" for month in told["shown"]), "as\nplanned", "trips", *verdict
    )
    for row in rows:
        months = _of_shown(row, told)
        sign = "<" if row["adverse"] == "low" else ">"
        made.add_row(
            under(row["name"], f"  {row['observed_as']}"),
            f"{sign} {observed(row['declared'], row)}",
            *(_chance(month["p_hit_at_declared"]) for month in months),
            _chance(months[-1]["p_hit_as_planned"]),
            percent(months[-1]["share_beyond_declared"]["value"], 0),
            *(_verdict(months[-1], told["confidence"]) for _ in verdict),
        )
    return made


def _chance(read: Facts) -> Text:
    if not math.isfinite(read["value"]):
        return Text("–", "dim")
    return under(percent(read["value"], 0), f"{percent(read['lower'], 0)[:-1]}–{percent(read['upper'], 0)}")


def _verdict(month: Facts, confidence: float) -> str:
    """Whether a declared trigger trips before, or after, P(hit) is at the confidence.

    >>> _verdict({"p_hit_at_declared": {"value": 0.7, "lower": 0.68, "upper": 0.72}}, 0.8)
    'late'
    """
    read = month["p_hit_at_declared"]
    if not math.isfinite(read["value"]):
        return "rare"
    return "early" if read["lower"] > confidence else "late" if read["upper"] < confidence else "right"


def _left_out(told: Facts, rows: list[Facts]) -> Iterator[str]:
    if any(row["declared"] is not None for row in told["assumptions"]):
        yield f"P(hit) where just that is observed, and where what is planned is observed by {told['shown'][-1]}."
        if not is_below(told):
            wanted = percent(told["confidence"], 0)
            yield (
                f"Early: it trips while P(hit) is above {wanted}. Late: P(hit) is below by then. Rare: fewer than 1 in "
                "100 paths get there."
            )
    if len(rows) > MOST_ROWS:
        yield f"{len(rows) - MOST_ROWS} more have a trigger that tells less; `--json` has them all, by month."
    silent = len(told["assumptions"]) - len(rows)
    if silent:
        others = "other numbers" if rows else "numbers"
        yield (
            f"{silent} {others} that are observed have none: no value that 1 in 100 paths show brings P(hit) "
            f"to {percent(told['confidence'], 0)}."
        )
    if told["unseen"]:
        names = ", ".join(row["name"] for row in told["unseen"])
        yield f"Of these nothing is observed that speaks of one alone (`--json` says why): {names}."


def _of_shown(row: Facts, told: Facts) -> list[Facts]:
    return [month for month in row["months"] if month["month"] in told["shown"]]


def has_trigger(month: Facts) -> bool:
    """Whether there is a trigger in a month."""
    return math.isfinite(month["trigger"]["value"])


def observed(value: float, row: Facts) -> str:
    """An observed value in its unit.

    >>> [
    ...     observed(value, {"observed_unit": unit})
    ...     for value, unit in ((0.1936, "fraction"), (0.53, "count per year"), (32_400.0, "currency"))
    ... ]
    ['19.4%', '0.53', '32.4k']
    """
    quantity = str(row["observed_unit"]).partition(" per ")[0]
    if not math.isfinite(value):
        return MISSING
    if quantity == "currency" and abs(value) >= 9_950:
        return f"{value / 1000:,.1f}k"
    return f"{value:.2f}" if quantity == "count" and abs(value) < 10 else number(value, quantity)
