"""The likelihood of opportunities, one by one in plain arithmetic, against what is told together."""

import math
from datetime import date

import numpy as np
import pandas as pd
import pytest

from simengine.baseline.laws import closing_shares, survival
from simengine.learn.history import LOST, OPEN, WON, History, table
from simengine.learn.piece import Point, Window
from simengine.learn.seen_deals import deal_pieces
from tests.learn.company import plan_of

VALUES = {"win_rate": 0.3, "cycle": 2.6, "size": 18_000.0, "volume": 1.0, "to_opportunity": 0.5, "stale": 0.2}
LOST_CYCLE, SPREAD, SIZES = 2.0, 0.5, 0.7
BANDS = [(0.0, 1.0, 1.0), (30_000.0, 0.6, 1.5)]
"""Of the plan: above which amount, times which win rate and cycles."""


def below(amount):
    s = math.sqrt(math.log1p(SIZES**2))
    return 0.5 * math.erfc(-(math.log(amount / VALUES["size"]) / s + s / 2) / math.sqrt(2))


def shares():
    small = below(30_000)
    return [small, 1 - small]


def likelihood(window):
    (outcomes, *_) = [piece for piece in deal_pieces(window) if "win_rate" in piece.says]
    values = {name: np.array([x, 1.2 * x if name == "win_rate" else x]) for name, x in VALUES.items()}
    return outcomes.log_likelihood(Point(window.plan, values, {}, {}))


def opportunities(rows):
    started, outcome, closed, amount = (list(column) for column in zip(*rows, strict=True))
    n = len(rows)
    return table(
        "opportunities",
        id=range(n),
        segment=["smb"] * n,
        channel=["inbound"] * n,
        created=started,
        started=started,
        outcome=outcome,
        closed=closed,
        amount=amount,
    )


def window_of(rows):
    return Window(plan_of("funnel"), History(date(2027, 6, 30), {"opportunities": opportunities(rows)}))


@pytest.mark.parametrize("row", [0, 1], ids=["at the values", "at a higher win rate"])
def test_deals_begun_in_the_plan(row):
    window = window_of(
        [
            ("2027-01-20", WON, "2027-03-05", 12_000.0),
            ("2027-02-03", WON, "2027-06-20", 50_000.0),
            ("2027-02-13", WON, "2027-02-20", None),
            ("2027-01-02", LOST, "2027-04-05", None),
            ("2027-03-02", OPEN, None, 99_000.0),
        ]
    )
    clock = np.array(window.season(plan_of("funnel").funnel.channels["inbound"].segments["smb"].seasonality.closed))[:6]
    win = VALUES["win_rate"] * (1.2 if row else 1.0)

    def closing(mean):
        return closing_shares(np.full(6, mean), np.full(6, SPREAD), clock)

    bands = [
        (share, min(1, win * times), closing(VALUES["cycle"] * slow), closing(LOST_CYCLE * slow))
        for share, (_, times, slow) in zip(shares(), BANDS, strict=True)
    ]
    exact = math.log(bands[0][1] * bands[0][2][0, 2]) + math.log(bands[1][1] * bands[1][2][1, 5])
    exact += math.log(sum(share * w * won[1, 1] for share, w, won, _ in bands))
    exact += math.log(sum(share * (1 - w) * lost[0, 3] for share, w, _, lost in bands))
    exact += math.log(sum(share * (w * won[2, -1] + (1 - w) * lost[2, -1]) for share, w, won, lost in bands))
    assert likelihood(window)[row] == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize("row", [0, 1], ids=["at the values", "at a higher win rate"])
def test_deals_that_were_open_at_the_start(row):
    start = pd.Timestamp(2027, 1, 1)
    ages = {1.5: ("2027-02-10", WON), 4.0: ("2027-01-10", LOST), 3.0: (None, OPEN)}
    rows = [(start - pd.Timedelta(days=a * 365.25 / 12), word, closed, None) for a, (closed, word) in ages.items()]
    window = window_of(rows)
    clock = np.concatenate(([0.0], np.cumsum(window.season((0.6, 0.8, 1.6) * 4))))
    win = VALUES["win_rate"] * (1.2 if row else 1.0)
    exact = 0.0
    for age, (closed, word) in ages.items():
        month = 5 if closed is None else int(closed[5:7]) - 1
        top = bottom = 0.0
        for share, (_, times, slow) in zip(shares(), BANDS, strict=True):
            w = min(1, win * times)
            won, lost = (
                survival(age + np.array([0.0, clock[month], clock[month + 1]]), mean * slow, SPREAD)
                for mean in (VALUES["cycle"], LOST_CYCLE)
            )
            bottom += share * (w * won[0] + (1 - w) * lost[0])
            top += (
                share
                * {
                    WON: w * (won[1] - won[2]),
                    LOST: (1 - w) * (lost[1] - lost[2]),
                    OPEN: w * won[2] + (1 - w) * lost[2],
                }[word]
            )
        exact += math.log(top / bottom)
    assert likelihood(window)[row] == pytest.approx(exact, abs=1e-6)
