"""The pictures of the page: alive where scripts run, still where they do not and on paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from simengine.report.charts import Chart, Switch, portable
from simengine.report.charts.capacity import capacity_chart, capacity_facts
from simengine.report.charts.exceedance import exceedance_chart
from simengine.report.charts.fan import fan_chart
from simengine.report.charts.runtime import CSS, bundle, script_json, static_svg
from simengine.report.charts.scenarios import scenarios_chart
from simengine.report.charts.steps import bridge_chart, composition_chart
from simengine.report.charts.tornado import tornado_chart
from simengine.report.compare import compare_facts
from simengine.report.drivers import drivers
from simengine.report.exceedance import exceedance_facts
from simengine.report.fan import fan_facts
from simengine.report.figures import left_out
from simengine.report.page.dossier import Dossier
from simengine.report.palette import css
from simengine.report.statistics import Facts
from simengine.report.year import sells_once, whole_periods

MOST_SEGMENTS = 12
"""Segments with a fan of their own."""


class Shown(NamedTuple):
    """A picture: its name, what it says, and as SVG for paper and for who allows no script."""

    name: str
    title: str
    still: str


class Pictures(NamedTuple):
    """All pictures by name; what makes them alive, as script elements; and their style, with the page's colours."""

    shown: Mapping[str, Shown]
    script: str
    style: str


def pictures(dossier: Dossier, story: Facts) -> Pictures:
    """Every picture that the run allows.

    Parameters
    ----------
    dossier : what was found
    story : from `facts.facts`, of its run

    Raises
    ------
    SimengineError : what draws them is not installed
    """
    made = {one.name: one for one in _made(dossier, story)}
    shown = {name: Shown(name, (first := _first(one)).title, static_svg(first, None)) for name, one in made.items()}
    return Pictures(shown, _script(made), f"{css()}\n{CSS}")


def _first(one: Chart | Switch) -> Chart:
    return one if isinstance(one, Chart) else one.charts[0][1]


def _script(made: Mapping[str, Chart | Switch]) -> str:
    """Vega, and what each picture shows; a picture stays as it is drawn where it cannot be brought to life."""
    specs = script_json({name: portable(one) for name, one in made.items()})
    return f'<script>{bundle()}</script>\n<script type="application/json" id="pictures">{specs}</script>\n'


def _made(dossier: Dossier, story: Facts) -> Iterator[Chart | Switch]:
    run, currency = dossier.run, str(story["plan"]["currency"])
    missing = left_out(run, dossier.ranking)
    yield _fans(dossier)
    if story["targets"]:
        yield from _switched("exceedance", "Target", _by_target(dossier, story), lambda one: exceedance_chart(*one))
    ranked = {} if "tornado" in missing else dossier.rankings
    yield from _switched(
        "tornado",
        "Target",
        {name: (drivers(ranking, run), _named("tornado", i)) for i, (name, ranking) in enumerate(ranked.items())},
        lambda one: tornado_chart(*one),
    )
    if story["made_of"] and not sells_once(run):
        yield bridge_chart(story["made_of"], currency)
    if story["composition"] and "composition" not in missing:
        yield composition_chart(story["composition"], currency)
    if whole_periods(run, "FY{year}-Q{quarter}") and (run["headcount"] != 0).any():
        yield capacity_chart(capacity_facts(run))
    if dossier.compared is not None:
        yield scenarios_chart(compare_facts(dossier.compared))


def _named(name: str, place: int) -> str:
    return f"{name}-{place}" if place else name


def _fans(dossier: Dossier) -> Chart | Switch:
    """The company's fan, and that of each segment."""
    segments = [str(name) for name in dossier.run["segment"].values]
    company = fan_chart(fan_facts(dossier.run))
    if not 1 < len(segments) <= MOST_SEGMENTS:
        return company
    own = [(name, fan_chart(fan_facts(dossier.run, name), f"fan-{i}")) for i, name in enumerate(segments, start=1)]
    return Switch("fan", "Of", (("the company", company), *own))


def _by_target(dossier: Dossier, story: Facts) -> dict[str, tuple[Facts, str]]:
    found = {}
    for target in sorted(story["targets"], key=lambda one: one["name"] != dossier.about):
        if not target["criterion"] and target["p10"] < target["p90"]:
            name = target["name"]
            found[name] = (exceedance_facts(dossier.run, name), _named("exceedance", len(found)))
    return found


def _switched(
    name: str, label: str, given: Mapping[str, tuple[Facts, str]], draw: Callable[[tuple[Facts, str]], Chart]
) -> Iterator[Chart | Switch]:
    """One picture of each thing, of which the reader chooses one; none where there is no thing."""
    made = tuple((key, draw(one)) for key, one in given.items())
    if len(made) == 1:
        yield made[0][1]
    elif made:
        yield Switch(name, label, made)
