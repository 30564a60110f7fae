"""The pictures of the page: alive where scripts run, still where they do not, and on paper."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from simengine.report.page.dossier import Dossier
from simengine.report.statistics import Facts


class Shown(NamedTuple):
    title: str
    still: str
    live: str
    choices: tuple[str, ...]


class Pictures(NamedTuple):
    shown: Mapping[str, Shown]
    script: str
    style: str


def pictures(dossier: Dossier, story: Facts) -> Pictures:
    return Pictures({}, "", "")
