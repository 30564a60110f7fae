"""Figures as parts of a page: in its colours, words as words, no clash of ids."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

import simengine.report
from simengine.cli.steps import by_certainty, ranked
from simengine.report.canvas import save, title
from simengine.report.figures import board, fan
from simengine.report.inline import colours_of, inline
from simengine.report.palette import LIGHT
from tests.report.synthetic import BOARD, NRR, Goal, dataset

HOSTILE = 'A & <script>alert("1")</script> --> $x$'
SOURCES = sorted(Path(simengine.report.__file__).parent.rglob("*.py"))
TEXT = "{http://www.w3.org/2000/svg}text"


@pytest.fixture(scope="module")
def figures():
    ds = dataset(BOARD, NRR, Goal("covenant", "lowest_cash", at_least=30e6), happenings=True)
    ranking, _ = ranked(ds)
    return board(ds, ranking, by_certainty(ds, ranking))


def test_every_colour_of_a_figure_follows_the_theme(figures):
    for name, figure in figures.items():
        drawn = inline(figure, name)
        assert colours_of(drawn) == set(), name
        assert all(found[2] == LIGHT[found[1]] for found in re.finditer(r"var\(--([a-z]+), (#\w+)\)", drawn))


def test_figures_on_one_page_share_no_id(figures):
    drawn = "".join(inline(figure, name) for name, figure in figures.items())
    ids = re.findall(r'\bid="([^"]*)"', drawn)
    assert len(ids) == len(set(ids))
    asked = set(re.findall(r'(?:href="#|url\(#)([^")]*)', drawn))
    assert asked <= set(ids)


def test_words_stay_words_and_names_stay_text():
    figure = fan(dataset(Goal(HOSTILE, at_least=108e6)))
    before = [text.get_path_effects() for text in figure.axes[0].texts]
    drawn = inline(figure, alt=HOSTILE)
    tree = ElementTree.fromstring(drawn)
    words = [text.text for text in tree.iter(TEXT)]
    assert title(figure) in words
    assert any(word and word.startswith(HOSTILE[:20]) for word in words)
    assert tree.get("aria-label") == HOSTILE
    assert "<script" not in drawn
    assert [text.get_path_effects() for text in figure.axes[0].texts] == before
    assert title(figure) not in [text.text for text in ElementTree.fromstring(inline(figure, bare=True)).iter(TEXT)]


def test_a_bare_figure_keeps_no_band_where_its_title_was():
    figure = fan(dataset(BOARD))
    whole, bare = (ElementTree.fromstring(inline(figure, bare=is_bare)) for is_bare in (False, True))
    (_, start, width, height), (_, top, as_wide, rest) = (
        map(float, tree.get("viewBox").split()) for tree in (whole, bare)
    )
    assert start == 0
    assert as_wide == width
    assert top + rest == pytest.approx(height)
    highest = min(float(text.get("y") or text.get("transform").split()[1].rstrip(")")) for text in bare.iter(TEXT))
    assert 0 < highest - top < 25


def test_a_figure_is_drawn_the_same_after_it_was_put_on_a_page(tmp_path):
    figure = fan(dataset(BOARD))
    first = save(figure, tmp_path / "first", "fan")[1].read_bytes()
    inline(figure, bare=True)
    assert save(figure, tmp_path / "second", "fan")[1].read_bytes() == first


def test_colours_are_named_in_the_palette_alone():
    """Each figure of every command takes its colours from there."""
    own = {
        file.name: found
        for file in SOURCES
        if file.name not in ("palette.py",)
        and (found := re.findall(r"\"#[0-9a-fA-F]{3,8}\"|color=\"(?!none)\w+\"", file.read_text()))
    }
    assert own == {}
