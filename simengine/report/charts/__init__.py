"""Pictures that answer when they are touched, as Vega-Lite: on the board's page and in the cockpit.

A chart is made in two steps: facts become rows, rows become a specification. The rows are data sets with a name, so
that who shows a chart can replace them and leave the rest. Colours are properties of the page's style sheet
(`palette.css`). What a plan calls its things is data: it is no name of a field and no part of an expression.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Chart(NamedTuple):
    """One picture."""

    name: str
    """Unique on its page; lower case, words joined by hyphens."""
    title: str
    """What it says: the finding."""
    alt: str
    """What it shows, for who does not see it."""
    spec: dict[str, Any]
    """In Vega-Lite; colours are properties of the page's style sheet."""


class Switch(NamedTuple):
    """Pictures of which one is shown: of a target or a segment that the reader chooses."""

    name: str
    """Unique on its page."""
    label: str
    """What is chosen, such as `Target`."""
    charts: tuple[tuple[str, Chart], ...]
    """What each choice is called, and its picture; the first one is shown first."""


def portable(shown: Chart | Switch) -> dict[str, Any]:
    """What `simengine.mount` of the runtime takes, as JSON would have it."""
    if isinstance(shown, Chart):
        return shown._asdict()
    charts = [{"label": label, "chart": chart._asdict()} for label, chart in shown.charts]
    return {"name": shown.name, "label": shown.label, "charts": charts}


def live(chart: Chart) -> dict[str, Any]:
    """What `simengine.update` of the runtime takes to make a mounted chart of the same name into this one.

    It has the title and the words beside, rows by data set, and the values of parameters (the ends of axes).
    """
    signals = {one["name"]: one["value"] for one in chart.spec["params"] if "value" in one}
    return {
        "name": chart.name,
        "title": chart.title,
        "alt": chart.alt,
        "data": chart.spec["datasets"],
        "signals": signals,
    }
