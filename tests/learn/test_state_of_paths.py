"""The state of a path of the reference kernel, of which everything is known: facts and the new plan add up to it."""

import numpy as np
import pandas as pd
import pytest

from simengine.learn.happened import happened, last_day
from simengine.learn.state import state
from simengine.plan import loads
from simengine.plan.edit import REMOVE, edited
from simengine.plan.source import Path
from tests.generated import PLANS, generated_plan, generated_shocks, generated_values
from tests.learn.made import made
from tests.reference.path import reference_path

SEED = 11
STEP = 25
FLOWS = ("new_arr", "expansion_arr", "churned_arr", "price_arr", "contraction_arr", "won", "opportunities")
STOCKS = ("ending_arr", "customers")


def table_of(frame: pd.DataFrame, output: str, names: list[str], by: str) -> np.ndarray:
    rows = frame[frame["output"] == output]
    return rows.pivot_table(index="month", columns=by, values="value", aggfunc="sum").reindex(columns=names).to_numpy()


@pytest.mark.parametrize("number", range(0, PLANS, STEP))
def test_facts_and_the_new_plan_add_up_to_the_path(number: int) -> None:
    text = generated_plan(number)
    plan = loads(text, "plan.yaml")
    played = min(5, plan.plan.months - 1)
    if played < 1:
        return
    values, shocks = generated_values(plan, number), generated_shocks(plan, number)
    path = reference_path(plan, values, number, SEED, shocks=shocks)
    as_of = last_day(plan.plan.start + played - 1).date()
    history = made(plan, values, number, SEED, as_of, shocks)
    told, last = happened(history, plan), played - 1
    lasting = sorted(name for name, segment in plan.segments.items() if segment.sells == "subscription")
    columns = [sorted(plan.segments).index(name) for name in lasting]
    scale = 1.0 + path.segment["ending_arr"].max(initial=0.0)
    booked = set(history.table("bookings")["kind"])
    for output in (*FLOWS, *STOCKS):
        found = table_of(told, output, lasting, "segment")
        if np.isnan(found).any() or not len(found):
            assert not {"new", "churn"} <= booked or output == "new_arr"
            continue
        np.testing.assert_allclose(found, path.segment[output][:played, columns], atol=1e-9 * scale, err_msg=output)
    groups = sorted(group.name for group in plan.team.seats)
    if groups:
        np.testing.assert_array_equal(table_of(told, "headcount", groups, "seats"), path.group["headcount"][:played])

    stand = state(history, plan, stem="next", assume=("accounts", "cash", "people"))
    # Targets are about facts, and what stood only in months that have passed is no mistake in an updated plan.
    learned = {
        "from": {"file": "plan.yaml", "digest": plan.digest_document},
        "evidence": [{"file": "history.yaml", "as_of": str(as_of), "digest": plan.digest_document}],
    }
    changes: dict[Path, object] = {**stand.changes, ("targets",): REMOVE, ("learned",): learned}
    changes |= {("events", name, "success"): REMOVE for name, event in plan.events.items() if event.success}
    after = loads(edited(text, "plan.yaml", changes), "next.yaml", files=stand.files)
    for name, column in zip(lasting, columns, strict=True):
        if name not in after.base:
            continue
        base = after.base[name]
        assert base.customers == path.segment["customers"][last, column]
        assert base.arr * plan.rate_of(name) == pytest.approx(path.segment["ending_arr"][last, column], abs=0.01)
        if isinstance(base.atr, dict):
            assert sum(base.atr.values()) == pytest.approx(base.arr, abs=0.01 * len(base.atr))
    for group in after.team.seats:
        assert group.existing == path.group["headcount"][last, groups.index(group.name)]
    stage = plan.funnel.stages[-1]
    rows = after.funnel.opening_pipeline.rows
    for column, name in enumerate(sorted(plan.segments)):
        count = sum(row.count for row in rows if row.segment == name and row.stage == stage)
        assert count == path.segment["open"][last, column] + path.segment["waiting"][last, column]
