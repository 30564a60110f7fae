"""What makes charts alive on a page without a network, and what stands there without a script."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from simengine.errors import SimengineError
from simengine.report.charts import Chart
from simengine.report.palette import Theme, settled

STATIC_WIDTH = 720
"""Pixels of a chart that is drawn without a browser."""
CSS = """
.sim-chart { position: relative; width: 100%; min-width: 0; }
.sim-chart svg { display: block; max-width: 100%; }
.sim-chart svg text { font-variant-numeric: tabular-nums; }
.sim-title { margin: 0 0 .35rem; font-weight: 600; color: var(--ink); overflow-wrap: anywhere; }
.sim-switch { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; margin: 0 0 .5rem; color: var(--soft); }
.sim-switch select { font: inherit; color: var(--ink); background: var(--paper); border: 1px solid var(--grey);
  border-radius: 4px; padding: .25rem .5rem; min-height: 2rem; max-width: 100%; text-overflow: ellipsis; }
.sim-switch select:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; }
.sim-tip { position: fixed; z-index: 1000; pointer-events: none; max-width: min(22rem, calc(100vw - 1rem));
  padding: .4rem .6rem; border: 1px solid var(--faint); border-radius: 4px; background: var(--paper); color: var(--ink);
  box-shadow: 0 2px 8px rgb(0 0 0 / 20%); font-size: .8125rem; line-height: 1.35; }
.sim-tip[hidden] { display: none; }
.sim-tip dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 .6rem; margin: 0; }
.sim-tip dt { color: var(--soft); }
.sim-tip dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
"""
"""The style of what `simengine.mount` makes; `palette.css` has its colours."""

_END = re.compile(r"</(?=script)", re.IGNORECASE)


def _vega() -> Any:
    """The package that has Vega in it; raises SimengineError where it is not installed."""
    try:
        import vl_convert
    except ModuleNotFoundError as error:
        raise SimengineError("Charts need the extra `report`: pip install 'simengine[report]'") from error
    return vl_convert


@cache
def bundle() -> str:
    """JavaScript that defines `window.simengine`, with Vega in it: for a script element, asks for nothing.

    The notices of those whose work it holds stand before it, as their licences ask of every copy.

    Raises
    ------
    SimengineError
        where the package that has Vega is not installed
    """
    here = resources.files(__package__)
    ours, notices = ((here / name).read_text(encoding="utf-8") for name in ("charts.js", "notices.txt"))
    script: str = _vega().javascript_bundle(ours)
    return f"/*!\n{notices}*/\n" + "(() => {" + _END.sub(r"<\\/", script).replace("<!--", r"<\!--") + "})();\n"


def static_svg(chart: Chart, theme: Theme | None = "light", *, width: int = STATIC_WIDTH) -> str:
    """A chart as SVG, for print and for who allows no script.

    Parameters
    ----------
    theme : whose colours; None for properties of the page's style sheet, light where it has none
    width : pixels

    Raises
    ------
    SimengineError
        where the package that draws it is not installed
    """
    spec = {**chart.spec, "width": width, "autosize": {"type": "fit-x", "contains": "padding"}}
    drawn: str = _vega().vegalite_to_svg(_finite(spec), allowed_base_urls=[])
    drawn = re.sub(
        r'((?:fill|stroke)=")(var\(--[a-z]+\))(")', lambda found: found[1] + settled(found[2], theme) + found[3], drawn
    )
    return drawn.replace("<svg ", f'<svg role="img" aria-label="{_attribute(chart.alt)}" ', 1)


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")


def script_json(value: Any) -> str:
    r"""A value as JSON that can stand in a script element: nothing in it ends the element, infinite numbers are null.

    >>> script_json({"name": "</script>", "x": float("inf")})
    '{"name":"\\u003c/script\\u003e","x":null}'
    """
    text = json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _finite(value: Any) -> Any:
    """A value in the types of JSON: numbers of numpy as numbers, what is not finite as None."""
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, str) or value is None or isinstance(value, bool):
        return value
    if hasattr(value, "tolist"):
        return _finite(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value
