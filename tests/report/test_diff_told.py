"""What differs between two plans, told."""

from pathlib import Path

import pytest
from rich.console import Console

from simengine.decide.changes import changes
from simengine.decide.diff import diff
from simengine.plan import loads
from simengine.report.diff import diff_facts, diff_table, list_facts, waterfall

SMALL = (Path(__file__).parents[1] / "learn" / "small.yaml").read_text(encoding="utf-8")
EDITED = SMALL
for was, now in (
    ("{mean: 24 %, n: 90}", "{mean: 18 %, n: 90}"),
    ("salary: 90_000", "salary: 91_000"),
    ("owner: HR", "owner: COO"),
    ("      - {segment: smb, channel: inbound, stage: lead, age_months: 0.2, count: 20}\n", ""),
):
    assert was in EDITED
    EDITED = EDITED.replace(was, now)


def printed(told, width=80):
    console = Console(width=width, record=True, file=None, quiet=False)
    with console.capture() as capture:
        console.print(diff_table(told))
    return capture.get()


@pytest.fixture(scope="module")
def told():
    return diff_facts(diff(loads(SMALL), loads(EDITED), draws=300, orders=200))


def test_what_is_beyond_noise_is_ranked_and_the_rest_said_to_be_noise(told):
    ranks = {bar["name"]: bar["rank"] for bar in told["effect"]["bars"]}
    assert ranks["win_rate.smb"] == 1
    assert ranks["role ae"] == 0
    text = printed(told)
    line = next(line for line in text.splitlines() if line.startswith("role ae "))
    assert "noise" in line
    assert "win_rate.smb −" in text.replace("\n", " ")


def test_long_tables_are_one_line_and_all_their_values_are_in_the_document(told):
    text = printed(told)
    assert "rows (" in text
    of_rows = [one for one in told["changes"] if one["what"].startswith("rows.4")]
    assert len(of_rows) >= 4
    assert all(one["part"] == "opening pipeline" and one["now"] == "" for one in of_rows)


def test_what_is_not_simulated_is_told_to_be(told):
    assert "not simulated" in printed(told)
    assert "COO" in printed(told)


def test_lines_fit(told):
    assert max(map(len, printed(told).splitlines())) <= 80


def test_the_figure_says_what_changed_most(told):
    assert "win_rate.smb" in waterfall(told).get_label()


def test_the_same_is_one_line():
    plan = loads(SMALL)
    assert printed(list_facts(plan, plan, changes(plan, plan))).strip() == "The two plans say the same."
