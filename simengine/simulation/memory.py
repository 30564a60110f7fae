"""How much memory a run will need, known before anything is allocated."""

from __future__ import annotations

from collections.abc import Iterable

from simengine.errors import SimengineError
from simengine.results.reduction import Detail, Reduction

_PROCESS = 300e6
"""Bytes of Python, its libraries and the compiled kernel."""
_FIVE_COLUMNS = 5 * 8
"""Bytes that a ranking holds for each draw and assumption: ranks, bins, scores, and influence twice."""
_THREE_COPIES = 3 * 8
"""Bytes that telling a target holds for each path: its values, those with misses beyond, and those in order."""
_WORKING = 6
"""Times the outputs that a worker keeps of a span: with all that its books make of them (measured)."""
_LESS: dict[Detail, Detail] = {"segment": "headline", "headline": "stream"}


def bytes_needed(passes: Iterable[tuple[Reduction, int]], workers: int) -> float:
    """Most bytes of a process that simulates `passes`, reductions with their numbers of paths, ranks and keeps them."""
    kept = working = 0.0
    for reduction, paths in passes:
        kept += paths * reduction.path_bytes
        working = max(working, min(paths, reduction.span) * reduction.kept_bytes)
        if reduction.use == "draw":
            kept += paths * len(reduction.inputs) * _FIVE_COLUMNS
        if reduction.use == "draw_streamed":
            kept += paths * _THREE_COPIES
    return _PROCESS + kept + workers * _WORKING * working


def check_memory(needed: float, allowed: float, detail: Detail) -> None:
    """Raise SimengineError where a run would need more memory than it may have."""
    if needed > allowed:
        remedy = f", keep less of each with --detail {_LESS[detail]}" if detail in _LESS else ""
        raise SimengineError(
            f"this run needs about {needed / 1e9:.1f} GB of memory, and {allowed / 1e9:.1f} GB are allowed; "
            f"simulate fewer draws{remedy}, or allow more with --memory"
        )
