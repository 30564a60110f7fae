"""The page as one HTML file: what was found, in templates, with its style and script inside."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files as packaged
from typing import TYPE_CHECKING

from simengine.errors import SimengineError
from simengine.report.facts import facts
from simengine.report.page.board import board
from simengine.report.page.cells import Cell, Table
from simengine.report.page.chapters import Long, Picture, chapters
from simengine.report.page.dossier import Dossier
from simengine.report.page.functions import FUNCTIONS
from simengine.report.page.lines import files
from simengine.report.page.pictures import pictures
from simengine.report.page.terminal import Words

if TYPE_CHECKING:
    from jinja2 import Environment

INSTALL = 'pip install "simengine[report]"'
_KINDS = {Table: "table", Words: "words", Picture: "picture", Long: "long", Cell: "cell"}


def html(dossier: Dossier) -> str:
    """The whole page, with everything that it needs inside.

    Parameters
    ----------
    dossier : what was found about a run

    Raises
    ------
    SimengineError : what the page is made with is not installed
    """
    environment = _environment()
    story = facts(dossier.run)
    drawn = pictures(dossier)
    template = environment.get_template("page.html.j2")
    return template.render(
        plan=story["plan"],
        run=story["run"],
        board=board(dossier, story),
        chapters=chapters(dossier, story),
        pictures=drawn.shown,
        script_of_pictures=drawn.script,
        style_of_pictures=drawn.style,
        segments=[*dossier.plan.segments],
        functions=FUNCTIONS,
        files=[*files(dossier.plan)],
        overrides=dossier.plan.origin.overrides,
        **_beside(),
    )


def _beside() -> Mapping[str, str]:
    """The style and the script, as they stand beside the templates."""
    folder = packaged("simengine.report") / "templates"
    return {name: (folder / f"page.{name}").read_text(encoding="utf-8") for name in ("css", "js")}


def _environment() -> Environment:
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise SimengineError(f"The report needs Jinja2, which is not installed: {INSTALL}") from None
    made = Environment(
        loader=PackageLoader("simengine.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.tests["kind"] = lambda block, name: _KINDS.get(type(block)) == name
    return made
