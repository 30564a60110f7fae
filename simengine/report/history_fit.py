"""Pictures of data against fit: where a law that was learned from records does not look like them, it shows here."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from simengine.learn import leaving, ramp, sizes, volumes
from simengine.report.canvas import (
    BLUE,
    INK,
    ORANGE,
    SKY,
    SOFT,
    VERMILION,
    Label,
    drawn,
    label_ends,
    page,
    quarter_ends,
    scale_in,
)
from simengine.report.words import money, percent, shortened

_MARGINS = {"left": 0.08, "right": 0.22}


@drawn
def volume_fit(picture: volumes.Picture, source: str) -> Figure:
    """Arrivals by month, the fitted mean, and the range in which nine of ten months should lie.

    Parameters
    ----------
    picture : of `volumes.pictures`
    source : the line at the foot: file, digest, as-of date
    """
    fit, n = picture.fit, len(picture.months)
    inside = int(((picture.counts >= picture.lower) & (picture.counts <= picture.upper)).sum())
    trend = f", growth {percent(float(np.expm1(fit.growth)))} a year" if fit.growth_error else ""
    finding = f"{shortened(picture.name, 40)}: {_count(fit.level)} a month{trend}"
    seasons = "seasons in it" if fit.season is not None else "no seasons told"
    subtitle = f"{inside} of {n} months lie in the 90% range; overdispersion x{fit.overdispersion:.1f}, {seasons}"
    figure, axes = page(finding, subtitle, source, **_MARGINS)
    x = np.arange(n)
    axes.fill_between(x, picture.lower, picture.upper, color=SKY, alpha=0.25, linewidth=0)
    axes.plot(x, picture.mean, color=BLUE, linewidth=2)
    axes.plot(x, picture.counts, "o", color=INK, markersize=4.5)
    axes.set_xlim(-0.5, n - 0.5)
    axes.set_ylim(0, 1.08 * float(max(picture.counts.max(), picture.upper.max())))
    scale_in(axes, "y", "count")
    quarter_ends(axes, picture.months, 1, most=14)
    ends = [
        Label("90% of months", float(picture.upper[-1]), SOFT),
        Label("fitted mean", float(picture.mean[-1]), BLUE, True),
        Label("counted", float(picture.counts[-1]), INK),
    ]
    label_ends(axes, n - 0.5, ends)
    return figure


@drawn
def size_fit(picture: sizes.Picture, source: str, currency: str) -> Figure:
    """Quantiles of won deals against those of the law: on the line where the law holds.

    Parameters
    ----------
    picture : of `sizes.pictures`
    source : the line at the foot
    currency : of the amounts
    """
    fit = picture.fit
    verdict = "does not fit" if fit.misfit < sizes.MISFIT else "fits"
    mean = money(fit.size.overall, currency)
    finding = f"{shortened(picture.name, 40)}: a {fit.family} law of mean {mean} {verdict}"
    outliers = f", {percent(fit.size.share)} outliers x{fit.size.times:.1f}" if fit.size.share > 0 else ""
    subtitle = f"{len(picture.amounts)} won deals, spread {percent(fit.size.cv, 0)}{outliers}: quantile by quantile"
    figure, axes = page(finding, subtitle, source, left=0.1, right=0.06, bottom=0.17)
    # A law that is far off must not push the deals into a corner.
    least = float(picture.amounts.min())
    low = max(float(min(least, picture.quantiles.min())), least / 5) / 1.15
    high = float(max(picture.amounts.max(), picture.quantiles.max())) * 1.15
    axes.plot([low, high], [low, high], color=SOFT, linewidth=1)
    axes.plot(picture.quantiles, picture.amounts, "o", color=BLUE, markersize=4, alpha=0.6, markeredgewidth=0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(10, (1, 2, 5) if high / low < 300 else (1,)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: money(value, currency, trim=True)))
    axes.set_xlabel("what the law says", color=SOFT)
    axes.set_ylabel("what deals were", color=SOFT)
    return figure


@drawn
def survival_fit(picture: leaving.Picture, source: str) -> Figure:
    """Survival as it was seen (Kaplan-Meier), by the fitted hazards of tenure, and by one hazard.

    Parameters
    ----------
    picture : of `leaving.pictures`
    source : the line at the foot
    """
    inside = float(np.mean((picture.fitted >= picture.lower) & (picture.fitted <= picture.upper)))
    at = int(np.searchsorted(picture.tenure, 12.0))
    year = float(picture.survival[max(0, at - 1)])
    known = picture.tenure[-1] >= 12
    name = shortened(picture.name, 40)
    finding = (
        f"{name}: {percent(year, 0)} are still there after a year" if known else f"{name}: less than a year is seen"
    )
    subtitle = (
        f"{picture.events:,} of {picture.spells:,} left; the fit lies in the 90% band at {percent(inside, 0)} of them"
    )
    figure, axes = page(finding, subtitle, source, **_MARGINS, bottom=0.17)
    axes.fill_between(picture.tenure, picture.lower, picture.upper, step="post", color=SKY, alpha=0.3, linewidth=0)
    axes.step(picture.tenure, picture.survival, where="post", color=INK, linewidth=1.4)
    axes.plot(picture.tenure, picture.fitted, color=BLUE, linewidth=2)
    axes.plot(picture.tenure, picture.constant, color=ORANGE, linewidth=1.4, linestyle=(0, (4, 2)))
    axes.set_xlim(0, picture.tenure[-1])
    axes.set_ylim(0, 1)
    scale_in(axes, "y", "fraction")
    every = 12 if picture.tenure[-1] <= 120 else 24
    axes.set_xticks(np.arange(0, picture.tenure[-1] + 1e-9, every))
    axes.set_xlabel("months of tenure", color=SOFT)
    ends = [
        Label("seen", float(picture.survival[-1]), INK),
        Label("hazards by tenure", float(picture.fitted[-1]), BLUE, True),
        Label("one hazard", float(picture.constant[-1]), ORANGE),
    ]
    label_ends(axes, float(picture.tenure[-1]), ends)
    return figure


@drawn
def ramp_fit(picture: ramp.Picture, source: str) -> Figure:
    """Deals by month of tenure, the fit, and the workload behind it, which comes a cycle earlier.

    Parameters
    ----------
    picture : of `ramp.pictures`
    source : the line at the foot
    """
    fit = picture.fit
    role = shortened(picture.name.removeprefix("ramp_months."), 30)
    finding = f"{role}: a full workload after {fit.months:.1f} months ({fit.lower:.1f} to {fit.upper:.1f})"
    naive = f"taken for workload they would say {picture.naive:.1f} months"
    subtitle = f"{picture.what[:1].upper()}{picture.what[1:]} per person by month of tenure; {naive}"
    figure, axes = page(finding, subtitle, source, **_MARGINS, bottom=0.17)
    spans = np.abs(np.vstack([picture.observed - picture.lower, picture.upper - picture.observed]))
    axes.errorbar(picture.tenure, picture.observed, yerr=spans, fmt="o", color=INK, markersize=4.5, elinewidth=0.9)
    axes.plot(picture.tenure, picture.fitted, color=BLUE, linewidth=2.2)
    axes.plot(picture.tenure, fit.rate * picture.workload, color=VERMILION, linewidth=1.6, linestyle=(0, (4, 2)))
    last = float(picture.tenure[-1])
    axes.set_xlim(-0.5, last + 0.5)
    axes.set_ylim(0, 1.08 * float(max(picture.upper.max(), picture.fitted.max(), fit.rate)))
    _per_month(axes)
    axes.set_xlabel("month of tenure", color=SOFT)
    ends = [
        Label("workload (scaled)", float(fit.rate * picture.workload[-1]), VERMILION),
        Label("fitted", float(picture.fitted[-1]), BLUE, True),
        Label("seen, 90% interval", float(picture.observed[-1]), INK),
    ]
    label_ends(axes, last + 0.5, ends)
    return figure


def _per_month(axes: Axes) -> None:
    scale_in(axes, "x", "count")
    scale_in(axes, "y", "count")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2g}"))


def _count(value: float) -> str:
    return f"{value:,.0f}" if value >= 20 else f"{value:.2g}"
