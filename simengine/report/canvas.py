"""The look that every figure shares: one page size, a title that says the finding, a line that says the source."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import Literal, NamedTuple, ParamSpec

import matplotlib
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from simengine.report.palette import LIGHT
from simengine.report.words import number, shortened
from simengine.units import MONTHS_PER_YEAR, month_number

PAPER, INK, SOFT, GREY, FAINT, PALE, BLUSH = (
    LIGHT[name] for name in ("paper", "ink", "soft", "grey", "faint", "pale", "blush")
)
BLUE, SKY, ORANGE, VERMILION, GREEN, YELLOW, PURPLE = (
    LIGHT[name] for name in ("blue", "sky", "orange", "vermilion", "green", "yellow", "purple")
)

WIDTH, HEIGHT, DPI = 10.0, 5.6, 150
"""Inches, and dots per inch of the PNG."""
_WIDTH_ON_PAGE = 800
"""Points of a notebook's page; the PNG has nearly two for each."""
TEXT = 9.5
"""Points."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TITLE_WIDTH = 72
_LINE = 1.3 * TEXT / 72 / HEIGHT
"""Height of a line of text in fractions of the page."""
_P = ParamSpec("_P")


class Label(NamedTuple):
    """Words that belong to a height on the axes."""

    text: str
    y: float
    color: str = INK
    bold: bool = False


@contextmanager
def figure_style(*, as_text: bool = False) -> Iterator[None]:
    """Our own look, whatever the user's style: a dollar sign starts no formula, the same figure is the same file.

    `as_text` keeps words in SVG as words; otherwise they are outlines, which look the same wherever they are seen.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "text.parse_math": False,
                "svg.hashsalt": "simengine",
                "text.color": INK,
                "axes.labelcolor": INK,
                "axes.edgecolor": INK,
                "xtick.color": INK,
                "ytick.color": INK,
            }
        )
        if as_text:
            matplotlib.rcParams["svg.fonttype"] = "none"
        with warnings.catch_warnings():
            # A sign that the font lacks is drawn as a box, which says as much.
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            yield


def drawn(make: Callable[_P, Figure]) -> Callable[_P, Figure]:
    """Have a figure made in our style."""

    @wraps(make)
    def draw(*args: _P.args, **kwargs: _P.kwargs) -> Figure:
        with figure_style():
            figure = make(*args, **kwargs)
            # Ticks come into being when they are first drawn, and keep their style then.
            figure.draw_without_rendering()
        return figure

    return draw


class Page(Figure):
    """A figure that shows itself in a notebook, sharp on fine screens."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int | str]]:
        # A picture of letters as shapes (SVG) is three times as large, and letters as text need our font.
        out = BytesIO()
        with figure_style():
            self.savefig(out, format="png", dpi=DPI)
        return out.getvalue(), {"width": _WIDTH_ON_PAGE, "alt": title(self)}


def page(
    title: str, subtitle: str, source: str, *, left: float, right: float, bottom: float = 0.15
) -> tuple[Figure, Axes]:
    """Start a figure; `left`, `right` and `bottom` are the margins around its axes in fractions of the page."""
    figure = Page(figsize=(WIDTH, HEIGHT), facecolor=PAPER)
    figure.set_label(title)
    lines = textwrap.wrap(title, _TITLE_WIDTH)
    figure.text(0.03, 0.965, "\n".join(lines), size=15, weight="bold", color=INK, va="top", linespacing=1.2)
    under = 0.953 - 0.058 * len(lines)
    figure.text(0.03, under, subtitle, size=10.5, color=SOFT, va="top")
    figure.text(0.03, 0.022, source, size=7.5, color=SOFT, va="bottom")
    return figure, bare(figure.add_axes((left, bottom, 1 - left - right, under - 0.085 - bottom)))


def bare(axes: Axes, size: float = TEXT) -> Axes:
    """Axes without a frame, and with soft numbers of a size in points."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(length=0, labelsize=size, labelcolor=SOFT, pad=5)
    axes.set_axisbelow(True)
    return axes


def title(figure: Figure) -> str:
    """What a figure says."""
    return str(figure.get_label())


def source(ds: xr.Dataset) -> str:
    """The line at the foot of a figure: which plan, which run."""
    attrs = ds.attrs
    as_of = f"as of {attrs['as_of']}" if attrs["as_of"] else ""
    plan = ", ".join(filter(None, (shortened(attrs["plan"], 60), shortened(attrs["plan_version"], 20), as_of)))
    run = f"{attrs['draws']:,} draws, seed {attrs['seed']}"
    return f"{plan}  ·  {run}  ·  plan {attrs['digest_document'][:8]}, simengine {attrs['engine_version']}"


def beside(figure: Figure, axes: Axes, *, width: float, gap: float) -> Axes:
    """Axes to the right of `axes`, with the same rows; width and gap in fractions of the page."""
    box = axes.get_position()
    other = figure.add_axes((box.x1 + gap, box.y0, width, box.height), sharey=axes)
    other.axis("off")
    return other


def room(low: float, high: float, below: float, above: float) -> tuple[float, float]:
    """Ends of an axis that shows `low` to `high`, with shares of that distance left free on both sides.

    >>> room(0.0, 10.0, 0.1, 0.2), room(0.0, 0.0, 0.1, 0.2)
    ((-1.0, 12.0), (-0.1, 0.2))
    """
    distance = high - low or abs(high) or 1.0
    return low - below * distance, high + above * distance


def scale_in(axes: Axes, which: Literal["x", "y"], unit: str, *, ticks: int = 8) -> None:
    """Write the ticks of an axis in `unit`, with a pale grid to read them by."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value, unit, trim=True)))
    axes.grid(axis=which, color=PALE, linewidth=0.8)


def end_of(month: int, *, between: str = "\n") -> str:
    """A month, as a number, in words.

    >>> end_of(month_number("2027-03"), between=" ")
    'Mar 2027'
    """
    year, calendar = divmod(month, MONTHS_PER_YEAR)
    return f"{_MONTHS[calendar]}{between}{year}"


def quarter_ends(axes: Axes, months: Sequence[str], fiscal_year_start: int, *, most: int, between: str = "\n") -> None:
    """Name months along an axis from 0 on: all, or the ends of fiscal quarters, halves or years; `most` at most."""
    numbers = [month_number(month) for month in months]
    every = next((step for step in (1, 3, 6, 12, 24) if len(months) <= most * step), 60)
    ticks = [place for place, month in enumerate(numbers) if (month + 1 - fiscal_year_start) % every == every - 1]
    axes.set_xticks(ticks, [end_of(numbers[place], between=between) for place in ticks])


def label_ends(axes: Axes, x: float, labels: Sequence[Label], *, gap: float = 0.012) -> None:
    """Write labels to the right of x, each with a thin line to its height.

    `gap` is the distance in fractions of the page.
    """
    left, right = axes.get_xlim()
    step = gap / axes.get_position().width * (right - left)
    places = write(axes, [(x + step, label) for label in labels])
    for label, place in zip(labels, places, strict=True):
        axes.plot([x, x + 0.8 * step], [label.y, place], color=FAINT, linewidth=0.7, clip_on=False, zorder=1)


def write(axes: Axes, labels: Sequence[tuple[float, Label]]) -> list[float]:
    """Write labels, each from its x to the right, moved up or down where they would overlap; return their heights."""
    low, high = sorted(axes.get_ylim())
    line = line_of(axes)
    places = apart([label.y for _, label in labels], line, low + line / 2, high - line / 2)
    halo = [withStroke(linewidth=3, foreground=PAPER)]
    for (x, label), y in zip(labels, places, strict=True):
        weight = "bold" if label.bold else "normal"
        axes.text(x, y, label.text, color=label.color, size=TEXT, weight=weight, va="center", path_effects=halo)
    return places


def width_of(axes: Axes, text: str) -> float:
    """Width of a bold text on the scale of the x axis, about."""
    left, right = axes.get_xlim()
    inches = 0.69 * TEXT / 72 * len(text)
    return inches / float(axes.get_position().width * WIDTH) * abs(right - left)


def line_of(axes: Axes) -> float:
    """Height of a line of text on the scale of the y axis."""
    low, high = axes.get_ylim()
    return _LINE / float(axes.get_position().height) * abs(high - low)


def apart(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move `places` as little as needed to be `gap` apart and between `low` and `high`, in the same order.

    >>> apart([1.0, 1.0, 5.0], 1.0, 0.0, 10.0)
    [0.5, 1.5, 5.0]
    """

    def centre(members: list[int]) -> float:
        half = gap * (len(members) - 1) / 2
        return min(max(sum(places[i] for i in members) / len(members), low + half), high - half)

    groups: list[list[int]] = []
    for i in sorted(range(len(places)), key=lambda i: places[i]):
        groups.append([i])
        while len(groups) > 1 and _touch(centre(groups[-2]), centre(groups[-1]), groups[-2:], gap):
            groups[-2:] = [groups[-2] + groups[-1]]
    result = [0.0] * len(places)
    for members in groups:
        for place, i in enumerate(members):
            result[i] = centre(members) + gap * (place - (len(members) - 1) / 2)
    return result


def _touch(lower: float, upper: float, groups: Sequence[Sequence[int]], gap: float) -> bool:
    return upper - lower < gap * (sum(map(len, groups)) / 2 - 1e-9)


def save(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write `name.png` (150 dpi) and `name.svg` into `folder`; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    png, svg = folder / f"{name}.png", folder / f"{name}.svg"
    with figure_style():
        figure.savefig(png, dpi=DPI)
        figure.savefig(svg, metadata={"Date": None, "Title": title(figure)})
    return png, svg
