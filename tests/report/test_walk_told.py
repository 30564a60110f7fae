"""What a walk says: the sentence, the table, the figure."""

import io
import math

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from simengine.report.walk import sentence, walk_facts, walk_table, waterfall
from tests.report.synthetic import dataset

KINDS = ["facts", *["belief"] * 5, "other beliefs", "dependence", "plan edits", "simulation error"]
NAMES = ["facts", "win_rate", "volume", "cycle", "size", "renewal", *KINDS[6:]]
BARS = np.array([0.01, -0.08, -0.03, 0.004, -0.002, 0.001, -0.001, 0.0, -0.02, 0.002])
ERRORS = np.array([0.002, 0.005, 0.004, 0.003, 0.003, 0.002, 0.001, 0.0, 0.004, 0.003])


def walked(bars=BARS, value=True, **attrs):
    """As `learn.walk.walk` gives it."""
    told = xr.Dataset(coords={"player": NAMES})
    told["kind"] = "player", KINDS
    for name, size in (("probability", 1.0), ("value", 1e7 if value else math.nan)):
        for bound, side in (("", 0), ("_lower", -1.96), ("_upper", 1.96)):
            told[name + bound] = "player", size * (bars + side * ERRORS)
        told[f"{name}_covariance"] = ("player", "other"), np.diag((size * ERRORS) ** 2)
        start = 0.4 if name == "probability" else 104e6 * (size / 1e7)
        for end, at in (("old", start), ("new", start + size * bars.sum()), ("change", size * bars.sum())):
            for bound, side in (("", 0), ("_lower", -0.01), ("_upper", 0.01)):
                told[f"{name}_{end}{bound}"] = (), at + side * size
    clear = np.abs(bars) > 3 * ERRORS
    told["distinguishable"], told["value_distinguishable"] = ("player", clear), ("player", clear)
    told["rank_group"] = "player", np.where(clear & (np.array(KINDS) == "belief"), 1, 0)
    told["beliefs"] = "player", [0, 1, 1, 1, 1, 1, 3, 0, 0, 0]
    told["median_old"] = "player", [math.nan, 0.2, 190.0, 3.0, 30e3, 0.9, *[math.nan] * 4]
    told["median_new"] = "player", [math.nan, 0.17, 160.0, 3.0, 31e3, 0.91, *[math.nan] * 4]
    told["unit"] = "player", ["", "fraction", "count per month", "months", "currency", "fraction per year", *[""] * 4]
    rows = [
        ("facts", "base", "base.smb.customers", "150", "160"),
        *(("facts", "funnel", f"funnel.opening_pipeline.rows.{i}.count", "1", "2") for i in range(9)),
        ("plan edits", "team", "team.seats.ae.hires.2027-05", "3", ""),
    ]
    for i, field in enumerate(("changed_by", "section", "key", "was", "now")):
        told[field] = "change", np.array([row[i] for row in rows], object)
    about = {
        "target": "board ARR",
        "metric": "ending_arr",
        "period": "FY2027",
        "units": "USD",
        "currency": "USD",
        "better": "high",
        "level": 0.95,
        "seed": "7",
        "permutations": 2000,
        "paths": 18_000,
        "plan_old": "Northstar",
        "plan_new": "Northstar",
        "version_old": "v4",
        "version_new": "v5",
        "draws_old": 1000,
        "draws_new": 1000,
    }
    return told.assign_attrs({**about, **attrs})


def shown(renderable, width=80):
    console = Console(width=width, file=io.StringIO(), markup=False, emoji=False)
    console.print(renderable)
    return console.file.getvalue()


def test_the_sentence_names_what_moved_most():
    assert sentence(walk_facts(walked())) == (
        "P(board ARR) fell from 40.0% to 28.4%: win_rate −8.0 pts (−9.0 to −7.0), volume −3.0 pts (−3.8 to −2.2), "
        "plan edits −2.0 pts (−2.8 to −1.2). Expected ending ARR FY2027 fell from $104.0M to $102.8M."
    )


def test_the_sentence_says_when_nothing_stands_out():
    told = walk_facts(walked(BARS * 0.05))
    assert sentence(told).startswith(
        "P(board ARR) fell from 40.0% to 39.4% (within noise); nothing that changed can be told from noise."
    )


def test_all_bars_as_numbers_and_what_was_edited():
    told = walk_facts(walked())
    assert math.fsum(bar["probability"]["value"] for bar in told["bars"]) == pytest.approx(
        told["probability"]["change"]["value"], abs=1e-12
    )
    assert [bar["name"] for bar in told["bars"]] == NAMES
    assert told["bars"][1]["median_old"] == 0.2
    assert told["changes"][-1] == {
        "changed_by": "plan edits",
        "section": "team",
        "key": "team.seats.ae.hires.2027-05",
        "was": "3",
        "now": "",
    }


def test_the_smaller_beliefs_are_one_bar_with_their_common_interval():
    told = walk_facts(walked(), most=2)
    assert [bar["name"] for bar in told["bars"]] == [NAMES[0], *NAMES[1:3], "other beliefs", *NAMES[7:]]
    pooled = told["bars"][3]
    assert pooled["beliefs"] == 6
    assert pooled["probability"]["value"] == pytest.approx(BARS[3:7].sum())
    half = (pooled["probability"]["upper"] - pooled["probability"]["lower"]) / 2
    assert half == pytest.approx(1.96 * math.sqrt((ERRORS[3:7] ** 2).sum()), rel=1e-4)
    assert math.fsum(bar["value"]["value"] for bar in told["bars"]) == pytest.approx(1e7 * BARS.sum())


def test_the_table():
    text = shown(walk_table(walk_facts(walked(), 4)))
    assert max(map(len, text.splitlines())) <= 80
    for words in (
        "last run (v4)",
        "this run (v5)",
        "−8.0 pts",
        "190 → 160 per month",
        "20.0% → 17.0%",
        "4 other beliefs",
    ):
        assert words in text
    flat = " ".join(text.split())
    for words in (
        "18,000 new paths, 2,000 orders",
        "Facts, base: smb.customers 150 → 160",
        "Facts, funnel: 9 values of opening_pipeline",
        "Plan edits, team: seats.ae.hires.2027-05 3 → none",
        "3.0 months at the median, as before",
    ):
        assert words in flat


def test_without_a_value_there_is_one_column():
    told = walk_facts(walked(value=False))
    text = " ".join(shown(walk_table(told)).split())
    assert "expected ending ARR" not in text
    assert "ending ARR is infinite or undefined on some paths" in text
    figure = waterfall(told, dataset())
    assert len(figure.axes) == 1


def test_the_figure_has_both_panels_and_says_the_finding():
    figure = waterfall(walk_facts(walked(), 4), dataset())
    assert len(figure.axes) == 2
    assert figure.get_label() == "P(board ARR) fell from 40.0% to 28.4%: win_rate −8.0 pts"
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names[0] == "last run (v4)"
    assert names[-1] == "this run (v5)"
    bars = [patch for patch in figure.axes[0].patches if patch.get_height() < 0.7]
    assert [bar.get_width() for bar in bars][:2] == pytest.approx([0.01, -0.08])
    assert len({bar.get_facecolor() for bar in bars}) == 3
