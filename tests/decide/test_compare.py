"""Scenarios beside the first: intervals of differences cover as they say, and nothing closer than noise is ranked."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from simengine.decide.compare import compare
from simengine.decide.grid import scenarios
from simengine.errors import SimengineError
from simengine.plan.targets import Target
from simengine.simulation.reached import target_values

TINY = Path(__file__).parents[1] / "plans" / "tiny.yaml"
LEVEL = 0.001
"""Of every statistical test here."""
DRAWS = 150
"""Of a repetition."""
TARGET = Target.model_construct(name="board", metric="ending_arr", period="FY2027", where={}, at_least=5.6e6)
ARR = Target.model_construct(name="arr", metric="ending_arr", period="FY2027", where={}, at_least=0.0)


def normal(
    seed: int, means: dict[str, float], draws: int = 400, common: float = 0.9
) -> dict[str, dict[str, np.ndarray]]:
    """Ending ARR of scenarios that share most of their chance."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=draws)
    found = {}
    for name, mean in means.items():
        values = 5.6e6 + 1e5 * (mean + common * shared + math.sqrt(1 - common**2) * rng.normal(size=draws))
        found[name] = {"board": values, "arr": values}
    return found


class TestDataset:
    def test_by_hand(self) -> None:
        columns = normal(1, {"base": 0.0, "better": 0.5})
        found = compare(columns, [TARGET], [ARR], currency="EUR")
        base, better = columns["base"]["arr"], columns["better"]["arr"]
        one = found.isel(scenario=1, target=0, measure=0)
        assert float(one["p"]) == np.mean(better >= 5.6e6)
        assert float(one["p_change"]) == pytest.approx(np.mean(better >= 5.6e6) - np.mean(base >= 5.6e6))
        assert float(one["mean"]) == pytest.approx(better.mean())
        reference = stats.ttest_rel(better, base).confidence_interval(0.95)
        assert (float(one["mean_change_lower"]), float(one["mean_change_upper"])) == pytest.approx(tuple(reference))
        assert float(one["p90"]) == np.sort(better)[359]
        assert str(one["measure_unit"].item()) == "EUR"
        assert found["rank"].values.tolist() == [[2], [1]]

    def test_what_is_infinite_on_a_draw_has_no_mean_but_a_median(self) -> None:
        columns = normal(2, {"base": 0.0, "other": 0.1})
        columns["other"]["arr"] = columns["other"]["arr"].copy()
        columns["other"]["arr"][3] = np.inf
        one = compare(columns, [TARGET], [ARR]).isel(scenario=1, measure=0)
        assert math.isnan(one["mean"])
        assert math.isnan(one["mean_change"])
        assert not one["mean_told"]
        assert math.isfinite(one["p50"])

    def test_one_scenario_alone(self) -> None:
        found = compare(normal(3, {"base": 0.0}), [TARGET], [ARR])
        assert found["rank"].values.tolist() == [[1]]

    def test_draws_must_be_the_same(self) -> None:
        columns = {**normal(4, {"base": 0.0}), **normal(4, {"short": 0.0}, draws=100)}
        with pytest.raises(SimengineError, match="has not the draws of"):
            compare(columns, [TARGET])
        with pytest.raises(SimengineError, match="nothing to compare"):
            compare({}, [TARGET])


class TestErrors:
    """What is told apart is wrong anywhere with at most 5 %."""

    @staticmethod
    def wrong(repetitions: int, better: float = 0.0) -> list[int]:
        """Repetitions in which anything is told apart: by a share, by a mean, by rank."""
        names = {f"{i}": better * (i == 5) for i in range(10)}
        total = np.zeros(3, int)
        for seed in range(repetitions):
            ds = compare(normal(seed, names), [TARGET], [ARR])
            total += [bool(ds["p_told"].any()), bool(ds["mean_told"].any()), bool((ds["rank"] > 1).any())]
        return total.tolist()

    def test_equally_good_scenarios_are_told_apart_as_seldom_as_is_said(self) -> None:
        for wrong in self.wrong(200):
            assert stats.binomtest(wrong, 200, 0.05, alternative="greater").pvalue > LEVEL

    def test_the_wrong_law_is_rejected(self) -> None:
        for wrong in self.wrong(60, better=0.2):
            assert stats.binomtest(wrong, 60, 0.05, alternative="greater").pvalue < LEVEL


class Small(NamedTuple):
    """Ending ARR of the tiny plan and of what could be done about it, (scenario, repetition, draw), and the truth."""

    names: list[str]
    values: np.ndarray
    truth: np.ndarray

    def found(self) -> Iterator[xr.Dataset]:
        for one in range(self.values.shape[1]):
            rows = zip(self.names, self.values[:, one], strict=True)
            yield compare({name: {"board": y, "arr": y} for name, y in rows}, [TARGET], [ARR])

    def covered(self, shift: float = 0.0) -> np.ndarray:
        """Repetitions whose interval holds the true difference, (share or mean, scenario but the first)."""
        hits = (self.truth >= TARGET.at_least).mean(axis=1)
        truth = np.array([hits[1:] - hits[0], self.truth[1:].mean(axis=1) - self.truth[0].mean()])
        total = np.zeros(truth.shape, int)
        for ds in self.found():
            for row, name in enumerate(("p_change", "mean_change")):
                lower, upper = (ds[f"{name}_{end}"].values[1:, 0] for end in ("lower", "upper"))
                wanted = truth[row] * (1 + shift)
                total[row] += (lower <= wanted) & (wanted <= upper)
        return total

    def too_few(self, covered: np.ndarray) -> np.ndarray:
        """Where the intervals hold less than they say, given how well the truth is known."""
        error = DRAWS / self.truth.shape[1]
        level = 2 * stats.norm.cdf(1.959964 / math.sqrt(1 + error)) - 1
        repetitions = self.values.shape[1]
        return np.array(
            [
                [stats.binomtest(int(k), repetitions, level, alternative="less").pvalue < LEVEL for k in row]
                for row in covered
            ]
        )


def small(repetitions: int) -> Small:
    plans = scenarios([TINY], ["hires.ae=0,2"])
    draws = repetitions * DRAWS
    asked = {name: plan.model_copy(update={"targets": (ARR,)}) for name, plan in plans.items()}
    values, truth = (
        np.array([target_values(plan, 0, draws, seed=seed)[:, 0] for plan in asked.values()]) for seed in (7, 1007)
    )
    return Small(list(plans), values.reshape(len(plans), repetitions, DRAWS), truth)


class TestCoverage:
    @pytest.mark.parametrize("repetitions", [100, pytest.param(1_000, marks=pytest.mark.full)])
    def test_paired_differences_of_a_plan_cover_as_they_say(self, repetitions: int) -> None:
        one = small(repetitions)
        assert not one.too_few(one.covered()).any()
        # Twice the true difference is not what the intervals are of.
        assert one.too_few(one.covered(shift=1.0)).all()
