"""Records that begin with the quarter behind cannot say what would have been estimated before it."""

from datetime import date

import numpy as np

from simengine.learn.fit import fit
from simengine.learn.history import History, table


def test_tables_that_begin_after_the_day_of_the_back_check_are_not_checked() -> None:
    days = [str(np.datetime64("2027-01-01") + 2 * i) for i in range(40)]
    older = [str(np.datetime64("2025-01-01") + 10 * i) for i in range(80)]
    leads = table("leads", id=days, segment=["smb"] * 40, channel=["inbound"] * 40, created=days)
    deals = table(
        "opportunities",
        id=older,
        segment=["smb"] * 80,
        channel=["partner"] * 80,
        created=older,
        outcome=["won", "lost"] * 40,
        closed=[str(np.datetime64(day) + 5) for day in older],
        amount=[100.0] * 80,
    )
    told = History(date(2027, 3, 31), {"leads": leads, "opportunities": deals}, since={"leads": date(2027, 1, 1)})
    found = fit(told)
    assert any("partner" in name or "smb" in name for name in found.checks)
    assert not any(name.startswith("volume.inbound") for name in found.checks)
    assert any("inbound" in estimate.name for estimate in found.estimates)
