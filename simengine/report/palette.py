"""The colours of every picture and page, once for light paper and once for dark.

Each has a name. On a page it is a property of the style sheet, `var(--blue)`, so that a picture follows the theme of
the page it stands on without being drawn again; elsewhere it is the value of one theme.
"""

from __future__ import annotations

import re
from typing import Literal

Theme = Literal["light", "dark"]

LIGHT = {
    "paper": "#ffffff",
    "ink": "#222222",
    "soft": "#5f6670",
    "grey": "#89909a",
    "faint": "#b8bec7",
    "pale": "#e6e9ed",
    "blush": "#fbeee6",
    "blue": "#0067a8",
    "sky": "#3d97d3",
    "green": "#00856a",
    "orange": "#c98200",
    "vermilion": "#a83a00",
    "yellow": "#9c9300",
    "purple": "#a34c89",
}
"""After Okabe and Ito, darker, so that each stands out from white paper (WCAG 2.2, 1.4.3 and 1.4.11)."""
DARK = {
    "paper": "#14171c",
    "ink": "#eceef1",
    "soft": "#a3a9b2",
    "grey": "#7c8591",
    "faint": "#4a525d",
    "pale": "#2a3038",
    "blush": "#33241c",
    "blue": "#4ba3e3",
    "sky": "#9ad4f7",
    "green": "#2fbf92",
    "orange": "#f5bc45",
    "vermilion": "#f0682a",
    "yellow": "#f0e442",
    "purple": "#dd8fc4",
}
"""The same, lighter."""
TEXT = ("ink", "soft", "blue", "green", "vermilion")
"""Colours that words are written in."""
MARKS = ("blue", "sky", "green", "orange", "vermilion", "yellow", "purple", "grey", "soft", "ink")
"""Colours that bars, lines and points are drawn in."""
FONT = "'DejaVu Sans', system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
ON_ANY = {"red": "#D1495B", "green": "#1A936F", "yellow": "#B7791F"}
"""Of words where the page may be light or dark and does not say: legible on both."""

_THEMES: dict[Theme, dict[str, str]] = {"light": LIGHT, "dark": DARK}
_PROPERTY = re.compile(r"var\(--([a-z]+)\)")


def colours(theme: Theme) -> dict[str, str]:
    """Colours of a theme, by name."""
    return dict(_THEMES[theme])


def css() -> str:
    """Every colour as a property of a style sheet: light, dark where the reader's system is, or as `data-theme` says.

    >>> css().splitlines()[0][:45]
    ':root { color-scheme: light; --paper: #ffffff'
    """
    light, dark = (
        f"color-scheme: {theme}; " + "; ".join(f"--{name}: {value}" for name, value in table.items())
        for theme, table in _THEMES.items()
    )
    return (
        f":root {{ {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root:not([data-theme=light]) {{ {dark} }} }}\n"
        f"@media screen {{ :root[data-theme=dark] {{ {dark} }} }}\n"
    )


def themed(name: str) -> str:
    """A colour as a page writes it: it follows the theme of the page.

    >>> themed("blue")
    'var(--blue)'
    """
    return f"var(--{name})"


def settled(written: str, theme: Theme | None) -> str:
    """A colour of a page as a value: of a theme, or without one as a property that is light where nobody sets it.

    Text that is no colour of ours stays as it is.

    >>> settled("var(--ink)", "dark"), settled("var(--ink)", None), settled("none", "dark")
    ('#eceef1', 'var(--ink, #222222)', 'none')
    """
    found = _PROPERTY.fullmatch(written)
    if found is None or found[1] not in LIGHT:
        return written
    return _THEMES[theme][found[1]] if theme else f"var(--{found[1]}, {LIGHT[found[1]]})"
