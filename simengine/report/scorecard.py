"""The scorecard in the terminal: key figures, assumptions by what they are worth, and alarms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from simengine.report.tables import capital, chance, heading, note, table, under
from simengine.report.words import MISSING, between, change, metric_name, number
from simengine.results.outputs import OUTPUTS

if TYPE_CHECKING:
    from simengine.explain.intervals import Bounded
    from simengine.learn.scorecard import Alarm

Activated = Mapping[str, "tuple[Bounded, Bounded, Bounded]"]
"""Of a scenario that was run: probability in the base, in the scenario, and the paired difference."""


def scorecard_facts(card: xr.Dataset, rung: Sequence[Alarm], activated: Activated) -> dict[str, Any]:
    """The scorecard as plain numbers and words."""
    return {
        **{str(key): value for key, value in card.attrs.items()},
        "figures": _rows(card, "figure"),
        "assumptions": _rows(card, "assumption"),
        "alarms": [_alarm_facts(alarm, activated) for alarm in rung],
    }


def _rows(card: xr.Dataset, dim: str) -> list[dict[str, Any]]:
    own = {str(name): card[name].values.tolist() for name in card.variables if card[name].dims == (dim,)}
    return [{name: values[k] for name, values in own.items()} for k in range(card.sizes[dim])]


def _alarm_facts(alarm: Alarm, activated: Activated) -> dict[str, Any]:
    read, run = alarm.reading, activated.get(alarm.trigger.activate)
    keys = ("base", "scenario", "difference")
    return {
        "assumption": alarm.assumption,
        "below": alarm.trigger.below,
        "above": alarm.trigger.above,
        "activate": alarm.trigger.activate,
        "actual": None if read is None else read._asdict(),
        "tripped": alarm.tripped,
        "surely": alarm.surely,
        "since": alarm.since,
        "run": None if run is None else dict(zip(keys, run, strict=True)),
    }


def scorecard_tables(
    card: xr.Dataset, rung: Sequence[Alarm], activated: Activated, *, every: bool = True
) -> RenderableType:
    """Key figures, assumptions with the largest effect first, alarms, and what they activate.

    Without `every`, assumptions that are off the plan by no more than noise are counted, not told.
    """
    a = card.attrs
    metric = metric_name(a["metric"])
    head = Text(f"{a['plan_name']}, {a['first']} to {a['last']}", "bold")
    words = (
        f"Actual: the value under which the records are most likely, with its {a['level']:.0%} interval. Effect: what "
        f"the spreadsheet's {metric} of {a['period']} loses or gains if the assumption stays there and all others are "
        "as planned."
    )
    return Group(
        head,
        heading("Key figures"),
        _figures(card),
        heading(f"Assumptions, and their effect on {metric} of {a['period']}"),
        *_assumptions(card, every),
        note(f"\n{words}"),
        *_unread(card),
        heading("Alarms"),
        _alarms(card, rung),
        *_runs(a["target"], activated),
    )


def _figures(card: xr.Dataset) -> Table:
    made = table("", "plan", "actual", "P10 to P90")
    for row in _rows(card, "figure"):
        unit = row["figure_unit"]
        span = between(row["figure_p10"], row["figure_p90"], unit)
        outside = not row["figure_p10"] <= row["figure_actual"] <= row["figure_p90"]
        actual = Text(number(row["figure_actual"], unit), "bold" if outside else "")
        made.add_row(capital(metric_name(row["figure"])), number(row["figure_plan"], unit), actual, span)
    return made


def _assumptions(card: xr.Dataset, every: bool) -> Iterator[RenderableType]:
    """Those that are off the plan by more than noise first, the largest effect first; under a line all others."""
    made = table("", "plan → actual", "learned", "effect")
    read = card.isel(assumption=np.flatnonzero(np.isfinite(card["actual"].values)))
    clear = (read["effect_lower"].values > 0) | (read["effect_upper"].values < 0)
    order = np.lexsort((-np.abs(read["effect"].values), ~clear))
    unit_of_effect = OUTPUTS[card.attrs["metric"]].attributes(card.attrs["currency"])["units"]
    rows = _rows(read, "assumption")
    for place, k in enumerate(order if every else order[: int(clear.sum())]):
        if place and clear[order[place - 1]] and not clear[k]:
            made.add_section()
        row, unit = rows[k], _unit(card, rows[k]["assumption"])
        moved = f"{_written(row['plan'], unit)} → {_written(row['actual'], unit)}"
        effect = between(row["effect_lower"], row["effect_upper"], unit_of_effect)
        made.add_row(
            row["assumption"],
            under(moved, _span(row["actual_lower"], row["actual_upper"], unit)),
            _written(row["learned"], unit),
            under(change(row["effect"], unit_of_effect), effect),
        )
    yield made
    if not every and not clear.all():
        yield note(f"{int((~clear).sum())} more are off the plan by no more than noise.")


def _written(value: float, unit: str) -> str:
    """A value in its unit; a small count to three digits.

    >>> _written(0.0843, "count"), _written(190.4, "count")
    ('0.084', '190')
    """
    return f"{value:.2g}" if unit == "count" and 0 < abs(value) < 1 else number(value, unit)


def _span(low: float, high: float, unit: str) -> str:
    small = unit == "count" and 0 < high < 1
    return f"{_written(low, unit)}–{_written(high, unit)}" if small else between(low, high, unit)


def _unread(card: xr.Dataset) -> list[RenderableType]:
    names = card["assumption"].values[~np.isfinite(card["actual"].values)]
    return [note(f"Not read from these records: {', '.join(map(str, names))}.")] if len(names) else []


def _alarms(card: xr.Dataset, rung: Sequence[Alarm]) -> RenderableType:
    if not rung:
        return note("The plan declares no thresholds (trigger: of an assumption).")
    made = table("", "line", "actual", "", texts=1)
    for alarm in sorted(rung, key=lambda alarm: (not alarm.tripped, not alarm.surely)):
        unit = _unit(card, alarm.assumption)
        line = f"below {number(alarm.trigger.below, unit)}" if alarm.trigger.below is not None else ""
        if alarm.trigger.above is not None:
            line = f"{line} above {number(alarm.trigger.above, unit)}".strip()
        read = alarm.reading
        actual = (
            Text(MISSING) if read is None else under(number(read.value, unit), between(read.lower, read.upper, unit))
        )
        then = f"then: {alarm.trigger.activate}" if alarm.tripped else ""
        made.add_row(under(alarm.assumption, then), line, actual, _state(alarm))
    return made


def _unit(card: xr.Dataset, assumption: str) -> str:
    unit = str(card["unit"].sel(assumption=assumption).item())
    return str(card.attrs["currency"]) if unit.startswith("currency") else unit.split(" per ", 1)[0]


def _state(alarm: Alarm) -> Text:
    if not alarm.tripped:
        return Text("no alarm", "dim")
    return under("tripped" if alarm.surely else "tripped, within noise", f"since {alarm.since}", "bold red")


def _runs(target: str, activated: Activated) -> list[RenderableType]:
    if not activated:
        return []
    made = table("", "base", "with it", "difference")
    for scenario, (base, with_it, difference) in activated.items():
        made.add_row(
            scenario,
            chance(dict(zip(("value", "lower", "upper"), base, strict=True))),
            chance(dict(zip(("value", "lower", "upper"), with_it, strict=True))),
            under(change(difference[0], "fraction"), between(difference[1], difference[2], "fraction")),
        )
    return [heading(f"Scenarios that the plan said to activate: probability of {target}"), made]
