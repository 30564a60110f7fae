"""Data against fit: what share of deals was won, and lost, by each age, and what the fitted mixture says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from simengine.report.canvas import BLUE, PAPER, SOFT, VERMILION, Label, drawn, label_ends, page, scale_in
from simengine.report.words import percent

if TYPE_CHECKING:
    from simengine.learn.incidence import Picture

_REJECTED = 1e-3
_FEW = 40
"""Ages that are drawn one by one."""
_SUBTITLE = "by age in months: pale, observed (90% interval); lines, the fitted mixture"


@drawn
def deals_fit(picture: Picture, source: str, ways: tuple[str, str] = ("won", "lost"), what: str = "deals") -> Figure:
    """Share won and lost by age, observed with its interval, and fitted.

    Parameters
    ----------
    picture : from `learn.incidence.picture`
    source : the line at the foot: file, records and as-of date
    ways : what happened to those that are called won and lost
    what : they are
    """
    figure, axes = page(_finding(picture), f"Share of {what} {_SUBTITLE}", source, left=0.075, right=0.2)
    labels = []
    for way, (name, color) in enumerate(zip(ways, (BLUE, VERMILION), strict=True)):
        if not picture.observed[way].any():
            continue
        observed, ends = picture.observed[way], (picture.lower[way], picture.upper[way])
        if picture.ages.size <= _FEW:
            axes.vlines(picture.ages, *ends, color=color, alpha=0.4, linewidth=5, clip_on=False)
            axes.plot(picture.ages, observed, "o", color=color, markersize=5, markeredgecolor=PAPER, clip_on=False)
        else:
            axes.fill_between(picture.ages, *ends, color=color, alpha=0.25, linewidth=0, step="mid")
            axes.step(picture.ages, observed, color=color, alpha=0.5, linewidth=1.0, where="mid")
        axes.plot(picture.ages, picture.fitted[way], color=color, linewidth=2.0)
        labels.append(Label(f"{percent(picture.observed[way, -1], 0)} {name}", picture.observed[way, -1], color, True))
        labels.append(Label(f"{percent(picture.fitted[way, -1], 0)} fitted", picture.fitted[way, -1], color))
    axes.set_xlim(0.0, float(picture.ages[-1]))
    axes.set_ylim(0.0, 1.08 * float(max(picture.upper.max(), picture.fitted.max())))
    scale_in(axes, "y", "fraction")
    axes.tick_params(axis="x", labelcolor=SOFT)
    label_ends(axes, float(picture.ages[-1]), labels)
    return figure


def _finding(picture: Picture) -> str:
    gap = f"{100 * picture.misfit.gap:.0f}" if picture.misfit.gap >= 0.01 else f"{100 * picture.misfit.gap:.1f}"
    points = f"{gap} point{'' if gap == '1' else 's'}"
    if np.isfinite(picture.misfit.p) and picture.misfit.p < _REJECTED:
        return f"{picture.title}: no law fits; the best is off by up to {points}"
    return f"{picture.title}: the law fits; it is off by {points} at most"
