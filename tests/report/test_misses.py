import io
import math
import re

import numpy as np
import pytest
from rich.console import Console

from simengine.explain import misses as misses_of
from simengine.report.misses import miss_facts, misses
from tests.report.synthetic import BOARD, NRR, Goal, dataset

DS = dataset(BOARD, NRR, Goal("covenant", "lowest_cash", at_least=30e6), happenings=True)


def facts_of(target):
    return miss_facts(misses_of(DS, target), DS)


def lines(facts, width=80):
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(misses(facts, "USD"))
    return console.file.getvalue().splitlines()


@pytest.fixture(scope="module")
def facts():
    return facts_of("board ARR")


def test_facts_carry_the_dataset(facts):
    found = misses_of(DS, "board ARR")
    assert [row["name"] for row in facts["assumptions"]] == found["assumption"].values.tolist()
    assert facts["assumptions"][0]["hit_share"]["value"] == float(found["hit_share"][0])
    shares = [row["hit_share"]["value"] for row in facts["assumptions"]]
    rest = facts["hit_random_variation"]["value"] + facts["hit_unattributed"]["value"]
    assert sum(shares) + rest == pytest.approx(1.0)
    assert [movement["shortfall"] for movement in facts["movements"]] == [0.0, facts["shortfall"]]
    for movement in facts["movements"]:
        parts = [row["share"]["value"] for row in movement["assumptions"]]
        assert parts == sorted(parts, reverse=True)
        assert sum(parts) + movement["random_variation"]["value"] == pytest.approx(1.0)
    assert [row["name"] for row in facts["months"] if row["quarter_end"]][-1] == facts["months"][-1]["name"]


def test_the_story_in_words(facts):
    text = " ".join(" ".join(lines(facts)).split())
    assert "What decides whether board ARR is reached?" in text
    assert re.search(r"board ARR is missed with a probability of [\d.]+% \([\d.–]+%\)", text)
    assert "instead of" in text
    assert "random variation" in text
    assert "When does it show?" in text


@pytest.mark.parametrize("target", ["board ARR", "NRR"])
@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal(target, width):
    told = lines(facts_of(target), width)
    assert max(map(len, told)) <= width
    assert not any("nan" in line for line in told)


def test_what_is_within_noise_is_not_told(facts):
    quiet = dict(facts, events=[dict(row, differs=False) for row in facts["events"]])
    text = " ".join(" ".join(lines(quiet)).split())
    assert "No event is more or less frequent in misses than in hits, beyond noise." in text
    within = {"value": 1e5, "lower": -1e5, "upper": 3e5}
    months = [dict(row, behind_plan=within) for row in facts["months"]]
    text = "\n".join(lines(dict(facts, months=months, behind_from=None, visible_from=None)))
    assert "noise" in text
    assert "On average such a miss is not behind the plan to the end." in text


def test_shares_that_find_too_little_are_marked(facts):
    marked = dict(facts, trusted=False, quality={"value": 0.4, "lower": 0.2, "upper": 0.6})
    assert "Shares not to rely on: they find 40% of what assumptions decide." in " ".join(
        " ".join(lines(marked)).split()
    )


def test_where_the_median_plan_misses_the_way_to_the_target_is_told(facts):
    already = dict(facts, middle={"value": facts["threshold"] - facts["shortfall"]})
    assert "nothing has to go wrong. The most plausible way to reach" in " ".join(" ".join(lines(already)).split())
    partly = dict(facts, middle={"value": facts["threshold"] - facts["shortfall"] / 4})
    assert "already. The most plausible way on" in " ".join(" ".join(lines(partly)).split())


def test_facts_without_twins_and_months(facts):
    unknown = dict.fromkeys(("value", "lower", "upper"), math.nan)
    text = " ".join(lines(dict(facts, quality=unknown, hit_random_variation=unknown, months=[], events=[])))
    assert "n/a" in text
    assert "When does it show?" not in text
    assert np.isfinite(facts["middle"]["value"])
