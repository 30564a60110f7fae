"""A run, or several, as a workbook."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import xarray as xr

from simengine.archive.files import write_files
from simengine.decide.compare import compare
from simengine.errors import SimengineError
from simengine.explain import rank
from simengine.plan.schema import Plan
from simengine.plan.targets import Target
from simengine.report.compare import compare_facts
from simengine.report.drivers import drivers
from simengine.report.facts import headline, target_facts, year_told
from simengine.report.statistics import Facts, Floats
from simengine.report.year import sells_once
from simengine.results.targets import every_path, is_told, told_values
from simengine.workbook import charts, tables
from simengine.workbook.cells import need_writer
from simengine.workbook.pen import Workbook, check_name
from simengine.workbook.results import by_month, by_quarter, by_segment

_MEASURES = ("ending_arr", "new_arr", "bookings", "revenue", "opex", "cash")
"""Metrics that scenarios are compared by in amounts, in the fiscal year of the first target."""


def write(
    runs: Mapping[str, tuple[xr.Dataset, Plan]],
    path: str | Path,
    *,
    overwrite: bool = False,
) -> list[str]:
    """Write runs as a workbook: the first with its assumption register and results, all of them beside each other.

    Parameters
    ----------
    runs : by name, each the result of `simulate` and its plan
    path : where to, an .xlsx
    overwrite : whether a file that is there is replaced

    Returns
    -------
    list of str
        the names of the sheets

    Raises
    ------
    SimengineError
        where runs cannot stand beside each other, XlsxWriter is not installed, or a file is there
    MachineError
        where the file cannot be written
    """
    if not runs:
        raise SimengineError("no run is given; name one at least")
    check_name(path)
    library = need_writer()
    ds, plan = next(iter(runs.values()))
    compared = beside(runs) if len(runs) > 1 else None
    ranking, reason = _ranked(ds)
    image = io.BytesIO()
    book = library.Workbook(image, {"in_memory": True})
    pages = Workbook(book)
    book.set_properties({"title": plan.title, "comments": "Written by simengine export."})
    book.set_calc_mode("auto")
    targets = [target_facts(ds, str(name)) for name in ds["target"].values]
    _fill(pages, ds, plan, targets, ranking, reason, compared, list(runs))
    names = [sheet.get_name() for sheet in book.worksheets()]
    book.close()
    write_files({Path(path): image.getvalue()}, overwrite=overwrite)
    return names


def _fill(
    book: Workbook,
    ds: xr.Dataset,
    plan: Plan,
    targets: Sequence[Facts],
    ranking: Facts | None,
    reason: str,
    compared: Facts | None,
    names: Sequence[str],
) -> None:
    """Fill the sheets, in the order in which they are read."""
    tables.cover(book, ds, plan, targets, names)
    tables.register(book, plan)
    tables.targets_sheet(book, targets, ds.attrs["currency"])
    if compared is not None:
        tables.scenarios_sheet(book, compared)
    tables.drivers_sheet(book, ranking, reason, ds)
    months, bridge, lines = by_month(book, ds)
    quarters, periods = by_quarter(book, ds, months, bridge, lines)
    by_segment(book, ds, months, lines)
    drawn = charts.Charts(book)
    charts.fan(drawn, ds, targets)
    if bridge is not None:
        charts.bridge(drawn, ds, quarters, bridge, periods)
    if ranking is not None:
        charts.tornado(drawn, ranking)
    tables.files(book, plan)


def _ranked(ds: xr.Dataset) -> tuple[Facts | None, str]:
    try:
        return drivers(rank(ds, headline(ds)), ds), ""
    except SimengineError as error:
        return None, str(error)


def beside(runs: Mapping[str, tuple[xr.Dataset, Plan]]) -> Facts:
    """Runs beside the first of them: paired differences of the targets that all of them have.

    Raises SimengineError, with everything that differs, where they do not share their draws, start or currency.
    """
    (base, (first, plan)), *others = runs.items()
    faults = []
    for name, (ds, _) in others:
        for key in ("draws", "seed", "start", "currency", "fiscal_year_start"):
            if ds.attrs[key] != first.attrs[key]:
                faults.append(
                    f"{name}: its {key} is {ds.attrs[key]}, that of {base} {first.attrs[key]}; simulate alike"
                )
    if faults:
        raise SimengineError("\n".join(faults))
    targets = [one for one in plan.targets if all(one in other.targets for _, (_, other) in others)]
    if not targets:
        raise SimengineError("the runs have no target in common, with the same bounds; export them one by one")
    measures = _measures(first)
    columns = {
        name: {one.name: _values(ds, one) for one in targets} | {one.name: _amounts(ds, one) for one in measures}
        for name, (ds, _) in runs.items()
    }
    found = compare(columns, targets, measures, currency=first.attrs["currency"])
    nothing = ("scenario", [""] * len(runs))
    found = found.assign_coords(
        story=nothing,
        digest_simulated=("scenario", [ds.attrs["digest_simulated"] for ds, _ in runs.values()]),
        digest_values=nothing,
    )
    left_out = "; ".join(one.name for one in plan.targets if one not in targets)
    return compare_facts(found.assign_attrs(seed=first.attrs["seed"], left_out=left_out, simulated=0, kept=len(runs)))


def _measures(ds: xr.Dataset) -> list[Target]:
    year = year_told(ds)
    metrics = [name for name in _MEASURES if not sells_once(ds) or not name.endswith("_arr")]
    return [
        Target.model_construct(name=f"{metric} {year}", metric=metric, period=year, where={})
        for metric in metrics
        if year is not None and is_told(ds, metric, year)
    ]


def _values(ds: xr.Dataset, target: Target) -> Floats:
    return ds[f"target_value{every_path(ds)}"].sel(target=target.name).values


def _amounts(ds: xr.Dataset, target: Target) -> Floats:
    return told_values(ds, target.metric, target.period).values
