"""Tables and words of the terminal as HTML, for whoever shows a result in a notebook.

Every text of a plan is written as text: no tag, no formula. Colours are those of the page around, light or dark.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import pairwise

from rich.console import Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from simengine.report.apart import apart
from simengine.report.palette import ON_ANY

_WIDE = 110
"""Columns, where a renderable asks how many there are."""
_LINE = "rgba(128,128,128,.35)"
# What other styles of the page would change is stated: stripes, centred numbers, wrapped lines, small print.
_LOOK = f"""\
.simengine{{overflow-x:auto;font-size:14px;line-height:1.45;margin:.3em 0;max-width:100%}}
.simengine p{{margin:.15em 0;max-width:52em;text-align:left;overflow-wrap:anywhere}}
.simengine .head{{font-weight:600;font-size:15px;margin:1em 0 .3em}}
.simengine>.head:first-of-type{{margin-top:.2em}}
.simengine .dim{{opacity:.7}}
.simengine table{{border-collapse:collapse;border:none;width:auto;margin:.5em 0;font-size:14px;table-layout:auto;\
display:table;font-variant-numeric:tabular-nums}}
.simengine table tr,.simengine table tr:nth-child(even),.simengine table tr:hover{{background:none;border:none}}
.simengine table th,.simengine table td{{border:none;padding:.25em 1.2em .25em 0;text-align:right;vertical-align:top;\
white-space:nowrap;max-width:none;background:none;unicode-bidi:isolate}}
.simengine table thead th{{font-weight:400;opacity:.7;vertical-align:bottom;white-space:normal;\
max-width:16em;overflow-wrap:break-word;border-bottom:1px solid {_LINE}}}
.simengine table tbody th{{font-weight:inherit}}
.simengine table .words{{text-align:left;white-space:normal;overflow-wrap:break-word;max-width:26em}}
.simengine table tr.after td,.simengine table tr.after th{{border-top:1px solid {_LINE}}}"""


def page(*parts: RenderableType) -> str:
    """What a notebook shows of tables and words that were made for a terminal.

    Parameters
    ----------
    parts : text, styled text, tables, and groups of them; a `str` is text, never markup

    Examples
    --------
    >>> print(page("<b>P&L</b>").splitlines()[-1])
    <p>&lt;b&gt;P&amp;L&lt;/b&gt;</p></div>
    """
    # The classes keep MathJax away: two dollar signs are money, not a formula.
    body = "\n".join(_block(part) for part in apart(Group(*parts), _WIDE))
    return f'<div class="simengine tex2jax_ignore mathjax_ignore">\n<style>{_LOOK}</style>\n{body}</div>'


def _block(part: Text | Table) -> str:
    if isinstance(part, Table):
        return _table(part)
    if not part.plain.strip():
        return ""
    if part.plain.startswith("\n") and _style(part.style).bold:
        return f'<p class="head" role="heading" aria-level="4">{escape(part.plain.strip())}</p>'
    # Lines that were broken for a terminal are broken by the page.
    return f"<p>{_inline(part).replace('<br>', ' ')}</p>"


def _table(table: Table) -> str:
    columns = table.columns
    words = [column.justify == "left" for column in columns]
    parts = ["<table>"]
    if table.title:
        parts.append(f"<caption>{_inline(_text(table.title))}</caption>")
    if table.show_header:
        parts.append(f"<thead>{_row('th', [column.header for column in columns], words, scope='col')}</thead>")
    parts.append("<tbody>")
    cells = [list(column.cells) for column in columns]
    after = False
    for place, row in enumerate(table.rows):
        parts.append(_row("td", [column[place] for column in cells], words, after=after))
        after = row.end_section
    return "\n".join([*parts, "</tbody></table>"])


def _row(tag: str, cells: list[RenderableType], words: list[bool], *, scope: str = "", after: bool = False) -> str:
    made = []
    for place, (cell, is_words) in enumerate(zip(cells, words, strict=True)):
        # The first cell of a row is what the row is about.
        of_row = tag == "td" and place == 0
        name, told = ("th", ' scope="row"') if of_row else (tag, f' scope="{scope}"' if scope else "")
        kind = ' class="words"' if is_words else ""
        made.append(f"<{name}{told}{kind}>{'<br>'.join(_inline(text) for text in _texts(cell))}</{name}>")
    line = ' class="after"' if after else ""
    return f"<tr{line}>{''.join(made)}</tr>"


def _texts(cell: RenderableType) -> Iterator[Text]:
    for part in apart(cell, _WIDE):
        yield _text(part)


def _text(part: RenderableType) -> Text:
    return part if isinstance(part, Text) else Text(str(part))


def _inline(text: Text) -> str:
    """A text with its styles: bold, dim, and the colours that say good or bad."""
    plain, base = text.plain, _style(text.style)
    ends = sorted({0, len(plain), *(end for span in text.spans for end in (span.start, span.end) if end < len(plain))})
    made = []
    for start, end in pairwise(ends):
        style = base
        for span in text.spans:
            if span.start <= start and end <= span.end:
                style += _style(span.style)
        made.append(_styled(escape(plain[start:end]).replace("\n", "<br>"), style))
    return "".join(made)


def _styled(text: str, style: Style) -> str:
    color = ON_ANY.get(style.color.name if style.color else "")
    if color:
        text = f'<span style="color:{color}">{text}</span>'
    if style.bold:
        text = f"<strong>{text}</strong>"
    return f'<span class="dim">{text}</span>' if style.dim else text


def _style(style: str | Style) -> Style:
    return Style.parse(style) if isinstance(style, str) else style
