"""Pictures that answer when they are touched, as Vega-Lite: on the board's page and in the cockpit."""

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
    """In Vega-Lite, without colours of a theme: whoever shows it sets them."""
