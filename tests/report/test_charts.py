"""Charts as a page shows them: what stands in them, that a name is only ever data, that they are drawn."""

import json
import re

import numpy as np
import pytest

from simengine.cli.steps import ranked
from simengine.report.charts import Switch, live, portable
from simengine.report.charts.board import board_charts
from simengine.report.charts.capacity import capacity_chart, capacity_facts
from simengine.report.charts.exceedance import exceedance_chart
from simengine.report.charts.fan import fan_chart
from simengine.report.charts.runtime import bundle, script_json, static_svg
from simengine.report.charts.scenarios import scenarios_chart
from simengine.report.charts.steps import bridge_chart, composition_chart
from simengine.report.charts.tornado import tornado_chart
from simengine.report.drivers import drivers
from simengine.report.exceedance import exceedance_facts
from simengine.report.facts import target_facts
from simengine.report.fan import fan_facts
from simengine.report.palette import DARK, LIGHT
from simengine.report.words import money, percent
from simengine.report.year import composition, made_of
from tests.report.synthetic import ASSUMPTIONS, BOARD, NRR, Goal, dataset
from tests.report.test_compare_told import told_of

HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "datum.x') + alert(1) + ('",
    "=SUM(A1)",
    "a\u202eb",
    "x" * 200,
    "$x\\y",
)
BASE = dataset(BOARD, Goal("commit ARR", at_least=107e6), NRR)


def with_segments(ds):
    share = [0.7, 0.3]
    ds = ds.drop_dims("segment")
    ds["ending_arr_by_segment"] = ("month", "segment"), ds["ending_arr"].values.mean(axis=0)[:, None] * share
    ds["opening_arr"] = "segment", 85e6 * np.array(share)
    return ds.assign_coords(segment=["NA", HOSTILE[0]])


def rows(chart, name=None):
    return chart.spec["datasets"][name or chart.name]


def every(shown):
    return [chart for _, chart in shown.charts] if isinstance(shown, Switch) else [shown]


def charts_of(ds, means=None):
    charts = board_charts(ds, ranked(ds)[0])
    told, _ = told_of(means or {"base": 99, "more": 101, "less": 97})
    return [*(one for shown in charts.values() for one in every(shown)), scenarios_chart(told)]


def test_a_fan_has_the_quantiles_of_each_month_and_says_them():
    chart = fan_chart(fan_facts(BASE))
    last, paths = rows(chart)[-1], BASE["ending_arr"].values[:, -1]
    assert last["p10"] == pytest.approx(np.quantile(paths, 0.1), rel=1e-3)
    assert last["middle_text"] == money(last["median"], "USD")
    assert rows(chart)[0]["month"] == "opening"
    assert last["month"] == "Dec 2028"
    goals = rows(chart, "fan-goals")
    assert [goal["kind"] for goal in goals] == ["target", "target", "commit"]
    chance = target_facts(BASE, "board ARR")["probability"]["value"]
    assert percent(chance) in goals[0]["text"]
    assert "board ARR" in goals[0]["text"]


def test_a_segment_has_a_band_where_paths_are_kept_and_says_so_where_not():
    ds = with_segments(BASE)
    mean = fan_chart(fan_facts(ds, "NA"))
    assert "p10" not in rows(mean)[3]
    assert "no band is known" in mean.alt
    assert "mean" in mean.title
    assert rows(mean)[-1]["middle"] == pytest.approx(0.7 * ds["ending_arr"].values[:, -1].mean())
    ds["ending_arr_by_segment"] = ds["ending_arr"] * ds["ending_arr_by_segment"] / ds["ending_arr"].mean("draw")
    paths = fan_chart(fan_facts(ds, "NA"))
    assert rows(paths)[-1]["p10"] == pytest.approx(np.quantile(0.7 * ds["ending_arr"].values[:, -1], 0.1), rel=1e-3)


def test_an_exceedance_curve_passes_through_its_marks():
    told = exceedance_facts(BASE, "board ARR")
    chart = exceedance_chart(told)
    marks = rows(chart, "exceedance-marks")
    assert {mark["kind"] for mark in marks} == {"target", "commit", "operating plan", "quantile"}
    x, y = (np.array([row[key] for row in rows(chart)]) for key in ("amount", "chance"))
    for mark in marks:
        assert mark["chance"] == pytest.approx(np.interp(mark["amount"], x, y), abs=0.01)
    assert (np.diff(y) < 0).all()


def test_a_tornado_has_both_ends_with_intervals_the_largest_first():
    told = drivers(ranked(BASE)[0], BASE)
    found = rows(tornado_chart(told))
    assert [row["name"] for row in found[::2]] == [row["name"] for row in told["assumptions"]]
    assert all(row["low"] <= row["value"] <= row["high"] for row in found)
    untold = {row["name"] for row in told["assumptions"] if not row["distinguishable"]}
    assert untold
    assert {row["name"] for row in found if row["kind"] == "may be chance"} == untold


def test_steps_add_up():
    for chart in (
        bridge_chart(made_of(BASE, "FY2027"), "USD"),
        composition_chart(composition(BASE, "FY2027"), "USD"),
    ):
        found = rows(chart)
        assert found[-1]["to"] == pytest.approx(found[-2]["to"])
        assert all(row["spread_text"] in chart.alt for row in found)


def test_scenarios_have_chance_interval_and_paired_difference():
    told, _ = told_of({"base": 99, "more": 101, "same": 99})
    found = {row["name"]: row for row in rows(scenarios_chart(told))}
    assert [found[name]["kind"] for name in ("base", "more", "same")] == ["first", "likelier", "may be chance"]
    assert found["more"]["low"] < found["more"]["value"] < found["more"]["high"]
    assert "pts (" in found["more"]["change_text"]


def test_capacity_is_told_by_quarter():
    ds = BASE.copy()
    for name in ("headcount", "ramped"):
        for suffix in ("", "_baseline"):
            ds[name + suffix] = ds["customers" + suffix] / 50 + ds["won" + suffix]
    chart = capacity_chart(capacity_facts(ds))
    assert len(rows(chart)) == 2 * 8
    assert all(row["p10"] <= row["p50"] <= row["p90"] for row in rows(chart))


@pytest.mark.parametrize(
    "ds",
    [
        dataset(months=60),
        dataset(Goal("quota", "bookings", at_least=26e6), months=12, sells_once=True),
        dataset(Goal("March", "net_new_arr", "2027-03", at_least=1e6), months=5, start="2027-02"),
        dataset(Goal("payback", "cac_payback", at_most=17.0)),
        dataset(Goal("floor", at_least=70e6), new=0.2e6, loss=2.5, months=12),
        dataset(new=0.0, sells_once=True),
    ],
    ids=["five years", "once", "short", "at most", "shrinking", "nothing"],
)
def test_every_run_has_charts(ds):
    for chart in charts_of(ds):
        json.dumps(chart.spec, allow_nan=False)
        assert chart.title
        assert chart.alt


def fields_and_expressions(spec):
    """What Vega reads as a name of a field or as an expression."""
    if isinstance(spec, dict):
        for key, value in spec.items():
            if key != "datasets":
                yield from fields_and_expressions(value)
            if key in ("field", "expr", "filter", "labelExpr", "calculate", "title") and isinstance(value, str):
                yield value
    elif isinstance(spec, list):
        for value in spec:
            yield from fields_and_expressions(value)


def test_names_are_data_and_never_code():
    goals = [Goal(name, at_least=(107 + i) * 1e6) for i, name in enumerate(HOSTILE)]
    names = [f"{name}{i}" for i, name in enumerate(HOSTILE[: len(ASSUMPTIONS)])]
    hostile = with_segments(dataset(*goals).assign_coords(assumption=names))
    usual = with_segments(dataset(*(Goal(f"target {i}", at_least=(107 + i) * 1e6) for i in range(len(goals)))))
    for one, other in zip(charts_of(hostile), charts_of(usual), strict=True):
        assert list(fields_and_expressions(one.spec)) == list(fields_and_expressions(other.spec))
    text = script_json([portable(chart) for chart in charts_of(hostile)])
    assert "<" not in text
    assert "\u2028" not in text
    assert json.loads(text)[0]["spec"]["datasets"]["fan-goals"][0]["told"].startswith(HOSTILE[0])


def test_what_is_live_has_all_that_changes():
    before, after = (fan_chart(fan_facts(dataset(BOARD, new=new))) for new in (2.1e6, 2.4e6))
    told = live(after)
    spec = before.spec | {"datasets": told["data"], "description": told["alt"]}
    spec["params"] = [one | {"value": told["signals"][one["name"]]} for one in spec["params"]]
    assert spec == after.spec
    assert told["title"] == after.title


@pytest.mark.parametrize("theme", ["light", "dark", None])
def test_a_chart_is_drawn_without_a_browser(theme):
    svg = static_svg(fan_chart(fan_facts(BASE)), theme)
    assert "board ARR $108M" in svg
    assert 'role="img"' in svg
    table = {"light": LIGHT, "dark": DARK}.get(theme, LIGHT)
    assert ("var(--blue, " in svg) if theme is None else ("var(--" not in svg)
    drawn = set(re.findall(r'(?:fill|stroke)="(?:var\(--[a-z]+, )?(#[0-9a-f]{6})', svg))
    assert drawn
    assert drawn <= set(table.values())


def test_the_notices_of_what_a_page_holds_go_with_it():
    notice, end, script = bundle().partition("*/")
    assert notice.startswith("/*!")
    assert end
    assert script.startswith("\n(() => {")
    for holder in ("Interactive Data Lab", "Mike Bostock", "BSD-3-Clause: Redistribution", "ISC: Permission"):
        assert holder in notice
