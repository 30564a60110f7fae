"""Results by month, by quarter and by segment: means of the paths, and sums as formulas that can be traced."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from simengine.explain.intervals import mean
from simengine.report.words import between, metric_name, money
from simengine.report.year import sells_once
from simengine.results.outputs import OUTPUTS, Output
from simengine.units import MONTHS_PER_YEAR, fiscal_quarter, month_number
from simengine.workbook.layout import MONTHS, QUARTERS, SEGMENTS, cell_name
from simengine.workbook.pen import BOLD, SECTION, SOFT_TEXT, TOTAL, Sheet, Style, Workbook

BRIDGE = {"new_arr": 1, "expansion_arr": 1, "price_arr": 1, "contraction_arr": -1, "churned_arr": -1}
"""Flows of ARR, and whether they add to it or take from it."""
_WIDTHS = (46.0, 9.0)
_INNER = ("nrr_arr", "grr_arr")
"""Outputs that only serve to work out a metric."""
_FIRST = 2
"""Column of the first month."""
_FROZEN = 4
"""Rows above the numbers."""


class Line(NamedTuple):
    """A row of numbers by month: an output, where it stands, and whether its months add up."""

    row: int
    output: str
    unit: str
    kind: str
    values: list[float]


class Bridge(NamedTuple):
    """Where the ARR bridge stands on its sheet: a row each, and the months' values."""

    opening: int
    flows: tuple[int, ...]
    net: int
    closing: int
    values: dict[int, list[float]]


def by_month(book: Workbook, ds: xr.Dataset) -> tuple[Sheet, Bridge | None, list[Line]]:
    """Write the sheet of months; say where everything stands."""
    sheet, months = book.sheet(MONTHS), [str(month) for month in ds["month"].values]
    sheet.begin(
        "By month",
        _basis(ds),
        "The ARR bridge closes by formula; the last two lines of it hold it against the simulation.",
    )
    sheet.heads(_FROZEN - 1, ["", "unit", *months], right_from=_FIRST)
    sheet.widths(*_WIDTHS, *[13.0] * len(months))
    sheet.sheet.freeze_panes(_FROZEN, _FIRST)
    sheet.sheet.repeat_rows(_FROZEN - 1)
    _print(sheet, len(months))
    row, bridge = _FROZEN, None
    if not sells_once(ds):
        bridge, row = _bridge_by_month(sheet, ds, row)
    sheet.text(row, 0, "All results of the company", SECTION)
    lines = []
    for row, output in enumerate(_told(ds), start=row + 1):  # noqa: B020  it goes on where the bridge ends
        unit = output.attributes(ds.attrs["currency"])["units"]
        values = means(ds, output.name)
        _label(sheet, row, label_of(output), unit)
        for place, value in enumerate(values, start=_FIRST):
            sheet.number(row, place, value, unit)
        lines.append(Line(row, output.name, unit, output.kind, values))
    return sheet, bridge, lines


def _basis(ds: xr.Dataset) -> str:
    """What the numbers are, and how well a mean is known."""
    name, currency = "bookings" if sells_once(ds) else "ending_arr", ds.attrs["currency"]
    value, lower, upper = mean(ds[name].isel(month=-1).values)
    known = f"{money(value, currency)}, 95% interval {between(lower, upper, currency)}"
    return (
        f"Means of {ds.attrs['draws']:,} simulated paths, in {currency}. How well they are known: "
        f"{metric_name(name)} of the last month {known}."
    )


def _print(sheet: Sheet, months: int) -> None:
    """A year on each page."""
    sheet.sheet.fit_to_pages(-(-months // MONTHS_PER_YEAR), 0)
    sheet.sheet.repeat_columns(0, _FIRST - 1)


def means(ds: xr.Dataset, name: str) -> list[float]:
    """Mean of an output by month."""
    values = ds[name]
    return [float(x) for x in (values.mean("draw") if "draw" in values.dims else values).values]


def label_of(output: Output) -> str:
    """What an output is called, where people call it something; otherwise what it is.

    >>> label_of(OUTPUTS["revenue"]), label_of(OUTPUTS["lost"])
    ('Revenue', 'Lost deals')
    """
    try:
        name = metric_name(output.name)
    except KeyError:
        return output.text
    return name[0].upper() + name[1:]


def _told(ds: xr.Dataset) -> Iterator[Output]:
    """Outputs of the company by month that are not zero throughout."""
    for output in OUTPUTS.values():
        if (
            output.name not in _INNER
            and "company" in output.kept
            and output.name in ds
            and bool((ds[output.name] != 0).any())
        ):
            yield output


def _label(sheet: Sheet, row: int, words: str, unit: str, style: Style | None = None) -> None:
    sheet.text(row, 0, words, style)
    sheet.text(row, 1, unit, {**SOFT_TEXT, **(style or {})} if style != BOLD else {**SOFT_TEXT})


def _bridge_by_month(sheet: Sheet, ds: xr.Dataset, row: int) -> tuple[Bridge, int]:
    unit, count = ds.attrs["currency"], ds.sizes["month"]
    sheet.text(row, 0, "ARR bridge", SECTION)
    opening, first = row + 1, row + 2
    flows = tuple(range(first, first + len(BRIDGE)))
    net, closing, simulated, gap = (flows[-1] + i for i in range(1, 5))
    values = {at: [sign * x for x in means(ds, name)] for at, (name, sign) in zip(flows, BRIDGE.items(), strict=True)}
    values[net] = [math.fsum(column) for column in zip(*(values[at] for at in flows), strict=True)]
    values[opening] = [float(ds["opening_arr"].sum())]
    values[closing] = []
    for month in range(count):
        values[closing].append(values[opening][month] + values[net][month])
        values[opening].append(values[closing][month])
    del values[opening][count:]
    _label(sheet, opening, "Opening ARR", unit)
    for at, (name, sign) in zip(flows, BRIDGE.items(), strict=True):
        _label(sheet, at, f"{'+' if sign > 0 else '−'} {label_of(OUTPUTS[name])}", unit)
    _label(sheet, net, "Net new ARR", unit, TOTAL)
    _label(sheet, closing, "Closing ARR", unit, BOLD)
    _label(sheet, simulated, "Ending ARR of the simulation", unit, SOFT_TEXT)
    _label(sheet, gap, "Difference, to a cent", unit, SOFT_TEXT)
    ending = means(ds, "ending_arr")
    for month in range(count):
        place = _FIRST + month
        cells = [cell_name(one, place) for one in (opening, flows[0], flows[-1], net, closing, simulated)]
        if month:
            sheet.formula(opening, place, f"={cell_name(closing, place - 1)}", values[opening][month], unit)
        else:
            sheet.number(opening, place, values[opening][0], unit)
        for one in flows:
            sheet.number(one, place, values[one][month], unit)
        sheet.formula(net, place, f"=SUM({cells[1]}:{cells[2]})", values[net][month], unit, TOTAL)
        sheet.formula(closing, place, f"={cells[0]}+{cells[3]}", values[closing][month], unit, BOLD)
        sheet.number(simulated, place, ending[month], unit, SOFT_TEXT)
        difference = round(values[closing][month] - ending[month], 2) + 0.0
        sheet.formula(gap, place, f"=ROUND({cells[4]}-{cells[5]},2)", difference, unit, SOFT_TEXT)
    return Bridge(opening, flows, net, closing, values), gap + 2


# ---- quarters ----


class Span(NamedTuple):
    """A fiscal quarter or year: its heading, and its first and last month from 0 as far as they are in the plan."""

    label: str
    first: int
    last: int


def spans(ds: xr.Dataset) -> list[Span]:
    """Fiscal quarters with any month in the plan; behind the last of a year the year."""
    start, count = month_number(ds.attrs["start"]), ds.sizes["month"]
    begins = int(ds.attrs["fiscal_year_start"])
    quarters = [fiscal_quarter(start + t, begins) for t in range(count)]
    years = [quarter.partition("-")[0] for quarter in quarters]
    found = []
    for year in dict.fromkeys(years):
        for label, of, whole in (
            *((q, quarters, 3) for q in dict.fromkeys(quarters) if q.startswith(year)),
            (year, years, 12),
        ):
            inside = [t for t, name in enumerate(of) if name == label]
            part = "" if len(inside) == whole else f" ({len(inside)} of {whole} months)"
            found.append(Span(label + part, inside[0], inside[-1]))
    return found


def by_quarter(
    book: Workbook, ds: xr.Dataset, months: Sheet, bridge: Bridge | None, lines: Sequence[Line]
) -> tuple[Sheet, list[Span]]:
    """Write the sheet of quarters and years: each cell a formula over the months."""
    sheet, periods = book.sheet(QUARTERS), spans(ds)
    sheet.begin(
        "By quarter and fiscal year",
        f"Formulas over the sheet {MONTHS}: flows are summed, stocks are those of the last month.",
        _basis(ds),
    )
    sheet.heads(_FROZEN - 1, ["", "unit", *(period.label for period in periods)], right_from=_FIRST)
    sheet.widths(*_WIDTHS, *[14.0] * len(periods))
    sheet.sheet.freeze_panes(_FROZEN, _FIRST)
    sheet.sheet.repeat_rows(_FROZEN - 1)
    if bridge is not None:
        _bridge_by_quarter(sheet, ds, months, bridge, periods)
    if lines:
        sheet.text(lines[0].row - 1, 0, "All results of the company", SECTION)
    for line in lines:
        _label(sheet, line.row, label_of(OUTPUTS[line.output]), line.unit)
        for place, period in enumerate(periods, start=_FIRST):
            if line.kind == "flow":
                formula, value = _sum(months, line.row, period), math.fsum(line.values[period.first : period.last + 1])
            else:
                formula, value = f"={months.at(line.row, _FIRST + period.last)}", line.values[period.last]
            if math.isfinite(value):
                sheet.formula(line.row, place, formula, value, line.unit, _of(period))
            else:
                sheet.number(line.row, place, value, line.unit, _of(period))
    return sheet, periods


def _of(period: Span) -> Style:
    return {} if "-Q" in period.label else dict(BOLD)


def _sum(months: Sheet, row: int, period: Span) -> str:
    first, last = (cell_name(row, _FIRST + t) for t in (period.first, period.last))
    return f"=SUM('{months.name}'!{first}:{last})"


def _bridge_by_quarter(sheet: Sheet, ds: xr.Dataset, months: Sheet, bridge: Bridge, periods: Sequence[Span]) -> None:
    unit = ds.attrs["currency"]
    sheet.text(bridge.opening - 1, 0, "ARR bridge", SECTION)
    _label(sheet, bridge.opening, "Opening ARR", unit)
    for row, (name, sign) in zip(bridge.flows, BRIDGE.items(), strict=True):
        _label(sheet, row, f"{'+' if sign > 0 else '−'} {label_of(OUTPUTS[name])}", unit)
    _label(sheet, bridge.net, "Net new ARR", unit, TOTAL)
    _label(sheet, bridge.closing, "Closing ARR", unit, BOLD)
    for place, period in enumerate(periods, start=_FIRST):
        style, total = _of(period), {**TOTAL}
        opening = bridge.values[bridge.opening][period.first]
        sheet.formula(
            bridge.opening, place, f"={months.at(bridge.opening, _FIRST + period.first)}", opening, unit, style
        )
        sums = {row: math.fsum(bridge.values[row][period.first : period.last + 1]) for row in bridge.flows}
        for row in bridge.flows:
            sheet.formula(row, place, _sum(months, row, period), sums[row], unit, style)
        first, last = cell_name(bridge.flows[0], place), cell_name(bridge.flows[-1], place)
        net = math.fsum(sums.values())
        sheet.formula(bridge.net, place, f"=SUM({first}:{last})", net, unit, total)
        ends = f"={cell_name(bridge.opening, place)}+{cell_name(bridge.net, place)}"
        sheet.formula(bridge.closing, place, ends, opening + net, unit, BOLD)


# ---- segments ----


def by_segment(book: Workbook, ds: xr.Dataset, months: Sheet, lines: Sequence[Line]) -> None:
    """Write the sheet of segments: a block for each output, its total a formula, held against the company."""
    sheet, labels = book.sheet(SEGMENTS), [str(month) for month in ds["month"].values]
    sheet.begin(
        "By segment and month",
        _basis(ds),
        f"Totals are formulas. The last line of a block is the total less the company in the sheet {MONTHS}.",
    )
    sheet.heads(_FROZEN - 1, ["", "unit", *labels], right_from=_FIRST)
    sheet.widths(*_WIDTHS, *[13.0] * len(labels))
    sheet.sheet.freeze_panes(_FROZEN, _FIRST)
    sheet.sheet.repeat_rows(_FROZEN - 1)
    _print(sheet, len(labels))
    company = {line.output: line for line in lines}
    row = _FROZEN
    for output in OUTPUTS.values():
        name = f"{output.name}_by_segment"
        if {"company", "segment"} <= set(output.kept) and output.name in company and name in ds:
            row = _block(sheet, ds, output, company[output.name], months, row)


def _block(sheet: Sheet, ds: xr.Dataset, output: Output, line: Line, months: Sheet, row: int) -> int:
    """One output by segment from a row on; the row behind it."""
    values = ds[f"{output.name}_by_segment"].transpose("segment", "month").values.astype(np.float64)
    if not np.isfinite(values).all():
        return row
    sheet.text(row, 0, label_of(output), SECTION)
    first = row + 1
    total = first + len(values)
    for at, (segment, own) in enumerate(zip(ds["segment"].values, values, strict=True), start=first):
        _label(sheet, at, str(segment), line.unit)
        for place, value in enumerate(own, start=_FIRST):
            sheet.number(at, place, float(value), line.unit)
    _label(sheet, total, "All segments", line.unit, TOTAL)
    _label(sheet, total + 1, "Less the company", line.unit, SOFT_TEXT)
    for month, of_company in enumerate(line.values):
        place = _FIRST + month
        summed = math.fsum(values[:, month])
        formula = f"=SUM({cell_name(first, place)}:{cell_name(total - 1, place)})"
        sheet.formula(total, place, formula, summed, line.unit, TOTAL)
        difference = f"=ROUND({cell_name(total, place)}-{months.at(line.row, place)},2)"
        gap = round(summed - of_company, 2) + 0.0
        sheet.formula(total + 1, place, difference, gap, line.unit, SOFT_TEXT)
    return total + 3
