"""The charts of a run for a board's page."""

from __future__ import annotations

import xarray as xr

from simengine.report.charts import Chart, Switch
from simengine.report.charts.capacity import capacity_chart, capacity_facts
from simengine.report.charts.exceedance import exceedance_chart
from simengine.report.charts.fan import fan_chart
from simengine.report.charts.steps import bridge_chart, composition_chart
from simengine.report.charts.tornado import tornado_chart
from simengine.report.drivers import drivers
from simengine.report.exceedance import exceedance_facts
from simengine.report.facts import headline, year_told
from simengine.report.fan import fan_facts
from simengine.report.figures import left_out, no_curve
from simengine.report.year import composition, made_of, sells_once, whole_periods, years_told


def board_charts(ds: xr.Dataset, ranking: xr.Dataset | None) -> dict[str, Chart | Switch]:
    """Every chart that a run allows, by name: `fan`, `exceedance`, `composition`, `tornado`, `bridge`, `capacity`.

    `report.figures.left_out` tells why one is missing. The fan has a choice of segments, the exceedance curve one of
    targets, what is of a year one of years.

    Parameters
    ----------
    ds : result of a run
    ranking : of what the run is about; None where it cannot be ranked
    """
    missing, currency = left_out(ds, ranking), ds.attrs["currency"]
    first = year_told(ds)
    years = sorted(years_told(ds), key=lambda year: year != first)
    charts: dict[str, Chart | Switch] = {"fan": fan_of_segments(ds)}
    if "exceedance" not in missing:
        charts["exceedance"] = curves(ds)
    if "composition" not in missing:
        told = {year: composition(ds, year) for year in years}
        parts = [
            (year, composition_chart(of, currency, _named("composition", i)))
            for i, (year, of) in enumerate(told.items())
            if of
        ]
        charts["composition"] = _choice("composition", "Year", parts)
    if ranking is not None and "tornado" not in missing:
        charts["tornado"] = tornado_chart(drivers(ranking, ds))
    if "bridge" not in missing:
        bridges = [
            (year, bridge_chart(made_of(ds, year), currency, _named("bridge", i))) for i, year in enumerate(years)
        ]
        charts["bridge"] = _choice("bridge", "Year", bridges)
    if whole_periods(ds, "FY{year}-Q{quarter}") and (ds["headcount"] != 0).any():
        charts["capacity"] = capacity_chart(capacity_facts(ds))
    return charts


def fan_of_segments(ds: xr.Dataset) -> Chart | Switch:
    """The fan of the company, and with several segments of each; `_by_segment` has means where a run keeps no more."""
    company = fan_chart(fan_facts(ds))
    kept = "bookings_by_segment" if sells_once(ds) else "ending_arr_by_segment"
    if kept not in ds or ds.sizes["segment"] < 2:
        return company
    segments = [str(segment) for segment in ds["segment"].values]
    parts = [(name, fan_chart(fan_facts(ds, name), _named("fan", i))) for i, name in enumerate(segments, start=1)]
    return _choice("fan", "Segment", [("whole company", company), *parts])


def curves(ds: xr.Dataset) -> Chart | Switch:
    """The exceedance curve of each target that varies; what the run is about comes first."""
    first = headline(ds)
    names = [first, *(str(name) for name in ds["target"].values if str(name) != first)]
    drawn = [name for name in names if not no_curve(ds, name)]
    charts = [
        (name, exceedance_chart(exceedance_facts(ds, name), _named("exceedance", i))) for i, name in enumerate(drawn)
    ]
    return _choice("exceedance", "Target", charts)


def _named(name: str, place: int) -> str:
    return f"{name}-{place}" if place else name


def _choice(name: str, label: str, charts: list[tuple[str, Chart]]) -> Chart | Switch:
    return charts[0][1] if len(charts) == 1 else Switch(name, label, tuple(charts))
