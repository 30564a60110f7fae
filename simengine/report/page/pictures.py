"""The pictures of the page: alive where scripts run, still where they do not and on paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from matplotlib.figure import Figure

from simengine.report.alarms import alarms
from simengine.report.canvas import title
from simengine.report.charts import Chart, Switch, portable
from simengine.report.charts.board import board_charts
from simengine.report.charts.runtime import CSS, bundle, script_json, static_svg
from simengine.report.charts.scenarios import scenarios_chart
from simengine.report.compare import amounts, compare_facts
from simengine.report.figures import left_out
from simengine.report.gap import gap_facts
from simengine.report.gap import waterfall as gap_waterfall
from simengine.report.gauges import gauges, no_gauges
from simengine.report.inline import inline
from simengine.report.misses import miss_facts
from simengine.report.page.dossier import Dossier
from simengine.report.palette import css
from simengine.report.quadrant import quadrant
from simengine.report.risks import certainty_facts
from simengine.report.shortfall import no_shortfall, shortfall
from simengine.report.walk import DRAWN, walk_facts
from simengine.report.walk import waterfall as walk_waterfall


class Shown(NamedTuple):
    """A picture: its name, what it says, as SVG, and whether a script can bring it to life."""

    name: str
    title: str
    still: str
    is_live: bool


class Pictures(NamedTuple):
    """All pictures by name; what makes them alive, as script elements; and their style, with the page's colours."""

    shown: Mapping[str, Shown]
    script: str
    style: str


def pictures(dossier: Dossier) -> Pictures:
    """Every picture that the run allows.

    Parameters
    ----------
    dossier : what was found

    Raises
    ------
    SimengineError : what draws them is not installed
    """
    charts: dict[str, Chart | Switch] = dict(board_charts(dossier.run, dossier.ranking))
    if dossier.compared is not None:
        charts["scenarios"] = scenarios_chart(compare_facts(dossier.compared))
    shown = {name: _still(name, one) for name, one in charts.items()}
    shown |= {
        name: Shown(name, title(figure), inline(figure, name, bare=True), False) for name, figure in _figures(dossier)
    }
    return Pictures(shown, _script(charts), f"{css()}\n{CSS}")


def _still(name: str, made: Chart | Switch) -> Shown:
    first = made if isinstance(made, Chart) else made.charts[0][1]
    return Shown(name, first.title, static_svg(first, None), True)


def _script(made: Mapping[str, Chart | Switch]) -> str:
    """Vega, and what each picture shows; a picture stays as it is drawn where it cannot be brought to life."""
    specs = script_json({name: portable(one) for name, one in made.items()})
    return f'<script>{bundle()}</script>\n<script type="application/json" id="pictures">{specs}</script>\n'


def _figures(dossier: Dossier) -> Iterator[tuple[str, Figure]]:
    """What is drawn, and does not move."""
    run, ranking = dossier.run, dossier.ranking
    if ranking is not None and dossier.placed is not None and "certainty" not in left_out(run, ranking):
        yield "certainty", quadrant(run, certainty_facts(dossier.placed, ranking))
    if dossier.missed is not None:
        of_miss = miss_facts(dossier.missed, run)
        if not no_shortfall(of_miss):
            yield "misses", shortfall(run, of_miss)
    if dossier.compared is not None and dossier.compared.sizes["measure"]:
        yield "amounts", amounts(compare_facts(dossier.compared), dossier.compared)
    if dossier.gap is not None:
        told, header = gap_facts(dossier.gap), dossier.plan.plan
        if told["bridge"]:
            yield "gap", gap_waterfall(told, f"{header.name} {header.version}".strip())
    if dossier.triggers is not None:
        alarming = alarms(dossier.triggers)
        if not no_gauges(alarming):
            yield "triggers", gauges(run, alarming)
    if dossier.walked is not None:
        yield "walk", walk_waterfall(walk_facts(dossier.walked, DRAWN), run)
