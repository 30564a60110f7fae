"""What a comparison of scenarios says: the sentence, the tables, the CSV, the figures."""

import csv
import io
import math

import numpy as np
import pytest
from rich.console import Console

from simengine.decide.compare import compare
from simengine.plan.targets import Target
from simengine.report.canvas import title
from simengine.report.compare import (
    BEST,
    WORST,
    compare_csv,
    compare_facts,
    compare_figures,
    compare_tables,
    sentence,
    shown,
)

BOARD = Target.model_construct(name="board ARR", metric="ending_arr", period="FY2027", where={}, at_least=100e6)
CASH = Target.model_construct(name="cash", metric="lowest_cash", period="FY2027", where={}, at_least=20e6)
ARR, PAYBACK = (
    Target.model_construct(name=f"measure {name}", metric=name, period="FY2027", where={}, at_least=0.0)
    for name in ("ending_arr", "cac_payback")
)
ABOUT = {
    "plan": "Northstar",
    "plan_version": "v4",
    "as_of": "2026-12-31",
    "seed": "7",
    "digest_document": "0123456789abcdef",
    "engine_version": "0.1.0",
    "left_out": "",
    "simulated": 2,
    "kept": 1,
}


def told_of(means, stories=None, targets=(BOARD,), infinite=(), draws=2_000, **about):
    """Facts and dataset of scenarios that share all of their chance; means in millions."""
    z = np.random.default_rng(3).normal(size=draws)
    columns = {}
    for name, mean in means.items():
        arr = 1e6 * (mean + 5 * z)
        payback = np.where((np.arange(draws) == 0) & (name in infinite), np.inf, 20 + z)
        columns[name] = {"board ARR": arr, "cash": 22e6 + z, "measure ending_arr": arr, "measure cac_payback": payback}
    found = compare(columns, targets, [ARR, PAYBACK]).assign_attrs({**ABOUT, **about})
    for key in ("story", "digest_simulated", "digest_values"):
        texts = [(stories or {}).get(name, "") if key == "story" else name for name in means]
        found = found.assign_coords({key: ("scenario", np.array(texts, object))})
    return compare_facts(found), found


def printed(renderable, width=80):
    console = Console(width=width, file=io.StringIO(), markup=False, emoji=False)
    console.print(renderable)
    return console.file.getvalue()


THREE = {"As planned": 98.0, "Hire ahead": 100.0, "Downside": 92.0}


def test_the_sentence_names_the_likeliest_and_by_how_much():
    told, _ = told_of(THREE)
    first = told["scenarios"][1]["targets"][0]
    assert sentence(told).startswith(
        f"Hire ahead makes board ARR likeliest: {100 * first['probability']['value']:.1f}%, +"
    )
    assert sentence(told).endswith("against As planned.")


@pytest.mark.parametrize(
    ("means", "words"),
    [
        ({"As planned": 98.0}, "in As planned."),
        ({"As planned": 98.0, "Same": 98.0}, "no other scenario is likelier by more than chance"),
        ({"As planned": 98.0, "Less": 92.0}, "is highest as planned"),
        ({"As planned": 92.0, "One": 98.0, "Two": 98.0}, "and 1 more that chance cannot tell from it"),
    ],
)
def test_the_sentence_ranks_nothing_that_is_noise(means, words):
    assert words in sentence(told_of(means)[0])


def test_tables_fit_and_say_all():
    told, _ = told_of(
        THREE,
        {"Hire ahead": "Twelve sellers\n  start sooner. They cost more."},
        targets=(BOARD, CASH),
        left_out="NRR is not",
    )
    text = printed(compare_tables(told))
    assert max(map(len, text.splitlines())) <= 80
    for words in (
        "Hire ahead: Twelve sellers start sooner.",
        "P(board ARR)",
        "at least $100M",
        "#1",
        "Not compared: NRR is",
    ):
        assert words in text
    assert "P(cash)" in text
    assert "the same" in text  # payback does not differ


def test_a_story_is_told_once():
    text = printed(compare_tables(told_of(THREE, dict.fromkeys(THREE, "One file, three points."))[0]))
    assert text.count("One file, three points.") == 1


def test_what_is_infinite_has_no_mean():
    told, _ = told_of(THREE, infinite=("Hire ahead",))
    of = told["scenarios"][1]["measures"][1]
    assert math.isnan(of["mean"]["value"])
    assert "no mean" in printed(compare_tables(told))


def test_of_many_the_first_the_best_and_the_worst_are_shown():
    told, compared = told_of({f"scenario {i}": 90 + 0.1 * i for i in range(100)}, draws=400)
    rows, left_out = shown(told)
    names = [one["name"] for one in rows]
    assert len(rows) + left_out == 100
    assert names[:2] == ["scenario 99", "scenario 98"]
    assert "scenario 0" in names
    assert len(rows) <= BEST + WORST + 1
    assert f"… {left_out} more" in printed(compare_tables(told))
    for figure in compare_figures(told, compared).values():
        assert figure.axes


def test_csv_holds_every_number():
    told, _ = told_of(THREE, infinite=("Hire ahead",))
    rows = list(csv.DictReader(io.StringIO(compare_csv(told))))
    assert len(rows) == 3 * (1 + 2 * 4)
    one = next(row for row in rows if row["scenario"] == "Hire ahead" and row["statistic"] == "probability")
    assert float(one["change"]) == told["scenarios"][1]["targets"][0]["change"]["value"]
    assert one["rank"] == "1"
    blank = next(row for row in rows if row["scenario"] == "Hire ahead" and row["metric"] == "cac_payback")
    assert (blank["statistic"], blank["value"], blank["change"]) == ("mean", "", "")


def test_figures_say_the_finding():
    told, compared = told_of(THREE, targets=(BOARD, CASH))
    figures = compare_figures(told, compared)
    assert list(figures) == ["chances", "ending_arr"]
    assert title(figures["chances"]).startswith("Hire ahead makes board ARR likeliest")
    assert title(figures["ending_arr"]) == (
        "Ending ARR FY2027: $98.2M at the median in As planned, $92.2–100.2M over all scenarios"
    )
    for figure in figures.values():
        names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert names == ["Hire ahead", "As planned", "Downside"]
    assert len(figures["chances"].axes) == 2


def test_figures_tell_points_of_a_grid_apart():
    """What tells them apart stands at the end of their names."""
    start = "economics.gross_margin 0.5, hires.ae +3, spend.inbound x1.1"
    told, found = told_of({start: 98.0, f"{start}, sellers +1": 100.0, f"{start}, sellers +2": 102.0})
    axes = compare_figures(told, found)["chances"].axes[0]
    names = {label.get_text() for label in axes.get_yticklabels()}
    assert len(names) == 3
    assert any(name.endswith("sellers +2") for name in names)
