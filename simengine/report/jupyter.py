"""What Jupyter shows of plans, and of what is decided and learnt of them, when a cell ends with one.

`import simengine` calls `register` where IPython runs; what shows itself (`Shown`, figures) needs none of this. The
classes are named, not imported: a notebook that makes no frontier does not pay for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

_CLASSES = {
    "simengine.plan.schema": ("Plan",),
    "simengine.decide.findings": ("Gap", "Backward", "Solution", "Frontier", "Diff"),
    "simengine.learn.fit": ("Fit",),
    "simengine.learn.update": ("Updated",),
}


class _Formatter(Protocol):
    def for_type_by_name(self, module: str, name: str, function: Any) -> Any: ...


def register(formatters: Mapping[str, _Formatter]) -> None:
    """Have results shown as tables.

    Parameters
    ----------
    formatters : of IPython's display, by kind of content
    """
    for module, names in _CLASSES.items():
        for name in names:
            formatters["text/html"].for_type_by_name(module, name, _html)
            formatters["text/plain"].for_type_by_name(module, name, _text)


def _html(result: object) -> str:
    from simengine.report.show import show

    return show(result)._repr_html_()


def _text(result: object, printer: Any, cycle: bool) -> None:
    from simengine.report.show import show

    printer.text(repr(show(result)))
