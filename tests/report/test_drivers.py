import numpy as np
import pytest

from simengine.explain import rank
from simengine.report.drivers import drivers
from tests.report.synthetic import BOARD, EVENTS, NRR, Goal, dataset

DS = dataset(BOARD, NRR)
HAPPENING = dataset(BOARD, Goal("alliance wins", "new_arr", at_least=26e6, criterion=True), happenings=True)


def test_drivers_carry_the_ranking():
    ranking = rank(DS, "board ARR")
    told = drivers(ranking, DS)
    assert [row["name"] for row in told["assumptions"]] == ranking["assumption"].values.tolist()
    first = told["assumptions"][0]
    assert first["share"]["value"] == float(ranking["share"][0])
    assert first["owner"] == "RevOps"
    assert told["p_hit"] == float(ranking["p_hit"])
    assert drivers(rank(DS, "new_arr"), DS)["p_hit"] is None


def test_groups_and_quarters_are_rows_of_their_own():
    ranking = rank(DS, "board ARR")
    told = drivers(ranking, DS)
    judged = [row for row in told["assumptions"] if row["source_kind"] == "judgment" and not row["constant"]]
    row = next(row for row in told["groups"] if row["name"] == "judgment")
    assert row["share"]["value"] == pytest.approx(sum(one["share"]["value"] for one in judged))
    assert row["members"] == len(judged)
    assert [row["name"] for row in told["quarters"]] == ranking["quarter"].values.tolist()


def test_a_row_says_what_it_is_and_what_its_fifths_are():
    rows = {row["name"]: row for row in drivers(rank(HAPPENING, "board ARR"), HAPPENING)["assumptions"]}
    assert {name: row["kind"] for name, row in rows.items() if row["kind"] != "assumption"} == {
        **{name: kind for name, (kind, _) in EVENTS.items()},
        "demand climate": "shock",
    }
    alliance = rows["second alliance"]
    assert (alliance["bottom_fifth_is"], alliance["top_fifth_is"]) == ("never", "early")
    without = HAPPENING["assumption_value"].sel(assumption="second alliance") == 0
    expected = float(HAPPENING["target_value"].sel(target="board ARR").where(without).mean())
    assert alliance["metric_bottom_fifth"]["value"] == pytest.approx(expected)
    assert rows["win_rate.enterprise-na"]["bottom_fifth_is"] is None
    assert rows["demand climate"]["top_fifth_is"] is None
    assert rows["onboarding programme"]["constant"]


def test_hope_is_measured_on_assumptions_alone():
    chances = [
        row["p_worse_than_plan"]["value"]
        for row in drivers(rank(HAPPENING, "board ARR"), HAPPENING)["assumptions"]
        if row["kind"] == "assumption" and row["adverse"] != "both"
    ]
    assert drivers(rank(HAPPENING, "board ARR"), HAPPENING)["typical_p_worse_than_plan"] == np.median(chances)
    assert len(chances) == 5
