"""A figure as part of a page: drawing and words in one element, in the colours of the page's theme."""

from __future__ import annotations

import io
import itertools
import re
from html import escape

from matplotlib.figure import Figure
from matplotlib.text import Text

from simengine.report.canvas import figure_style, title
from simengine.report.palette import FONT, LIGHT, settled, themed

_PAPER = settled(themed("paper"), None)
_COUNT = itertools.count(1)
_HEX = re.compile("|".join(re.escape(value) for value in LIGHT.values()), re.IGNORECASE)
_NAMES = {value: name for name, value in LIGHT.items()}
_STYLE = re.compile(r'\b(style|fill|stroke)="([^"]*)"')
_FONT = re.compile(r"font-family: [^;]+|(?<=px )'DejaVu Sans'[^;]*")
_IDS = re.compile(r'(\bid="|\bxlink:href="#|\bhref="#|url\(#)([^")]+)')
_NOT_DRAWN = re.compile(r"<metadata>.*?</metadata>|<title>.*?</title>|<!--.*?-->|<style.*?</style>", re.DOTALL)
_PAGE = re.compile(r'<g id="patch_1">.*?</g>', re.DOTALL)


def inline(figure: Figure, name: str = "", alt: str = "", *, bare: bool = False) -> str:
    """A figure as an SVG element for a page of HTML.

    It is as wide as what it stands in, its words stay words, its colours are properties of the style sheet
    (`palette.css`), light where there is none.

    Parameters
    ----------
    figure : drawn by this room
    name : begins each of its ids, so that figures on a page do not clash; by default a number
    alt : what it shows, for who does not see it; by default its title
    bare : whether to leave out its title, where the page says it
    """
    prefix = f"{re.sub('[^a-z0-9-]', '-', name.lower()) or f'figure-{next(_COUNT)}'}-"
    drawing, top = _drawing(figure, prefix, bare=bare)
    inner = drawing[drawing.index(">", drawing.index("<svg")) + 1 : drawing.rindex("</svg>")]
    inner = _NOT_DRAWN.sub("", inner)
    inner = _PAGE.sub("", inner, count=1)
    inner = _IDS.sub(lambda found: f"{found[1]}{prefix}{found[2]}", inner)
    inner = _STYLE.sub(lambda found: f'{found[1]}="{_colored(found[2])}"', inner)
    width, height = (round(72 * float(side), 2) for side in figure.get_size_inches())
    style = (
        f"#{prefix}figure_1 * {{ stroke-linejoin: round; stroke-linecap: butt }} "
        f"[id^={prefix}halo] text {{ paint-order: stroke; stroke: {_PAPER}; stroke-width: 3px }}"
    )
    described = f"<desc>{escape(alt)}</desc>" if alt else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'viewBox="0 {top:g} {width:g} {round(height - top, 2):g}" width="100%" '
        f'aria-label="{escape(alt or title(figure))}" '
        f'style="height: auto; display: block"><title>{escape(title(figure))}</title>{described}'
        f"<style>{style}</style>{inner}</svg>"
    )


_MARGIN = 4
"""Points above what is drawn highest."""


def _drawing(figure: Figure, prefix: str, *, bare: bool) -> tuple[str, float]:
    """A figure as matplotlib writes it, but words with a halo are words too: theirs is left to the style sheet.

    Beside it stands how many points of it are to be cut off above, where its title was.
    """
    texts: list[Text] = list(figure.findobj(Text))
    halos = [(text, text.get_path_effects(), text.get_gid()) for text in texts if text.get_path_effects()]
    hidden = [text for text in figure.texts if bare and text.get_text().split() == title(figure).split()]
    out, top = io.StringIO(), 0.0
    try:
        for place, (text, _, _) in enumerate(halos):
            text.set(path_effects=[], gid=f"halo-{place}")
        for text in hidden:
            text.set_visible(False)
        with figure_style(as_text=True):
            figure.savefig(out, format="svg", metadata={"Date": None})
            if hidden:
                highest = 72 * (float(figure.get_size_inches()[1]) - float(figure.get_tightbbox().y1))
                top = round(max(0.0, highest - _MARGIN), 2)
    finally:
        for text, effects, gid in halos:
            text.set(path_effects=effects, gid=gid)
        for text in hidden:
            text.set_visible(True)
    return out.getvalue(), top


def colours_of(svg: str) -> set[str]:
    """Every colour that a drawing names, as matplotlib writes them."""
    return {found.lower() for found in re.findall(r"(?:fill|stroke|stop-color)(?::\s*|=\")(#[0-9a-fA-F]{3,8})", svg)}


def _colored(style: str) -> str:
    named = _HEX.sub(lambda found: settled(themed(_NAMES[found[0].lower()]), None), style)
    return _FONT.sub(lambda found: f"{'font-family: ' if found[0][0] == 'f' else ''}{FONT}", named)
