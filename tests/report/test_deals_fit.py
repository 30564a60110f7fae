"""The picture of deals against their fit says what it shows."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.text import Text

from simengine.learn.incidence import Misfit, picture
from simengine.learn.outcomes import DAY, MONTH, fit_outcomes
from simengine.report.canvas import save, title
from simengine.report.deals_fit import deals_fit
from tests.learn.open_deals import by_day, by_engine, deals

SOURCE = "opportunities.csv, 2,000 records, as of 2026-06-30"


def shown(unit=MONTH):
    rng = np.random.default_rng(1)
    seen = deals(by_engine(rng, 2000, 24), MONTH) if unit == MONTH else deals(by_day(rng, 2000, 400), DAY)
    return picture("smb", seen, fit_outcomes(seen))


def words(figure):
    return " ".join(text.get_text() for text in figure.findobj(Text))


@pytest.mark.parametrize("unit", [MONTH, DAY])
def test_it_says_what_was_won_and_lost_what_is_fitted_and_where_it_comes_from(unit, tmp_path):
    figure = deals_fit(shown(unit), SOURCE)
    for each in ("won", "lost", "fitted", SOURCE, "the law fits"):
        assert each in words(figure)
    png, svg = save(figure, tmp_path, "deals_fit")
    assert png.stat().st_size > 10_000
    assert svg.read_text(encoding="utf-8").startswith("<?xml")


def test_a_law_that_is_rejected_is_named_so():
    figure = deals_fit(replace(shown(), misfit=Misfit(1e-9, 0.08)), SOURCE)
    assert title(figure) == "smb: no law fits; the best is off by up to 8 points"
    assert "within" not in words(figure)


def test_leads_that_are_never_lost_have_one_line():
    only = shown()
    for each in (only.observed, only.lower, only.upper, only.fitted):
        each[1] = 0
    assert "lost" not in words(deals_fit(only, SOURCE))
