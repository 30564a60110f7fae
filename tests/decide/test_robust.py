"""Plans given that something turns out badly: the law of the others, closed forms, and what is watched."""

import math

import numpy as np
import pytest
from scipy import stats

from simengine.assumptions.draws import latent
from simengine.decide.robust import ALL, adverse_scores, conditioned, robust, verdict, watch_list
from simengine.errors import SimengineError
from simengine.simulation.reached import target_points, target_values
from tests.decide.counted import counted, reached
from tests.decide.test_worth import within

LEVEL = 0.001
DRAWS = 2_000


@pytest.fixture(scope="module")
def plan():
    return counted("")


@pytest.fixture(scope="module")
def found(plan):
    return robust(plan, watch=["twin"], draws=DRAWS)


def given(found, case: str, plan: str = "chosen"):
    one = found.sel(case=case, plan=plan)
    return [one[f"given{end}"] for end in ("", "_lower", "_upper")]


class TestConditioned:
    correlation = np.array([[1.0, 0.6, -0.3, 0.0], [0.6, 1.0, 0.2, 0.0], [-0.3, 0.2, 1.0, 0.5], [0.0, 0.0, 0.5, 1.0]])

    def draws(self, n: int = 4_000) -> np.ndarray:
        return np.random.default_rng(1).multivariate_normal(np.zeros(4), self.correlation, size=n)

    def test_has_the_conditional_law(self) -> None:
        """Of z_j given z_0 = a: N(r a, 1 − r²) by itself, and the right covariance together."""
        a = -1.2816
        z = conditioned(self.draws(), self.correlation, [0], np.full((4_000, 1), a))
        assert (z[:, 0] == a).all()
        for j, r in enumerate(self.correlation[0]):
            if j:
                law = stats.norm(r * a, math.sqrt(1 - r * r))
                assert stats.kstest(z[:, j], law.cdf).pvalue > LEVEL
                if r:
                    assert stats.kstest(z[:, j], stats.norm(0, 1).cdf).pvalue < LEVEL
        r = self.correlation[0, 1:]
        expected = self.correlation[1:, 1:] - np.outer(r, r)
        # The standard error of a covariance of n normal pairs: √((s_ii s_jj + s_ij²)/n).
        diagonal = np.diag(expected)
        error = np.sqrt((np.outer(diagonal, diagonal) + expected**2) / len(z))
        assert (np.abs(np.cov(z[:, 1:].T) - expected) < 4.5 * error).all()

    def test_two_given_at_once(self) -> None:
        scores = np.tile([-1.0, 1.5], (4_000, 1))
        z = conditioned(self.draws(), self.correlation, [0, 2], scores)
        inside = self.correlation[np.ix_([0, 2], [0, 2])]
        b = np.linalg.solve(inside, self.correlation[[0, 2], 1])
        law = stats.norm(b @ [-1.0, 1.5], math.sqrt(1 - b @ self.correlation[[0, 2], 1]))
        assert stats.kstest(z[:, 1], law.cdf).pvalue > LEVEL
        alone = conditioned(self.draws(), self.correlation, [0], scores[:, :1])
        assert stats.kstest(alone[:, 1], law.cdf).pvalue < LEVEL

    def test_what_moves_in_step_is_no_trouble(self) -> None:
        same = np.ones((2, 2))
        z = conditioned(np.array([[0.3, 0.3], [-1.0, -1.0]]), same, [0, 1], np.full((2, 2), -1.0))
        np.testing.assert_allclose(z, -1.0)

    def test_an_event_is_drawn_where_it_happens(self, plan) -> None:
        z = np.random.default_rng(2).standard_normal(4_000)
        law = plan.widened()["slump"]
        for side, happens in (("happens", True), ("fails", False)):
            scores = adverse_scores(plan, "slump", side, z)
            values = law.ppf(stats.norm.cdf(scores))
            assert ((values > 0) == happens).all()
        # Its scores beyond the 70 % point are those of a normal law that was cut there.
        cut = stats.truncnorm(stats.norm.ppf(0.7), math.inf)
        assert stats.kstest(adverse_scores(plan, "slump", "happens", z), cut.cdf).pvalue > LEVEL


class TestClosedForm:
    def test_the_volume_at_its_tenth(self, plan, found) -> None:
        tenth = float(plan.widened()["volume"].ppf([0.1])[0])
        assert float(found["value"].sel(case="volume")) == pytest.approx(tenth)
        assert within(given(found, "volume"), reached(12, volume=tenth))
        assert not within(given(found, "volume"), reached(12))

    def test_the_slump_happens(self, found) -> None:
        assert within(given(found, "slump"), reached(12, slump=1.0))
        assert not within(given(found, "slump"), reached(12))

    def test_what_hangs_together_moves_along(self, plan, found) -> None:
        """The twin acts nowhere near the target, but where it is low the volume is too."""
        r = 2 * math.sin(math.pi * 0.6 / 6)
        u = (np.arange(4_000) + 0.5) / 4_000
        z = -1.2815515655446004 * r + math.sqrt(1 - r * r) * stats.norm.ppf(u)
        volumes = plan.widened()["volume"].ppf(stats.norm.cdf(z))
        expected = float(np.mean([reached(12, volume=v) for v in volumes[::40]]))
        assert within(given(found, "twin"), expected)
        assert str(found["side"].sel(case="twin").item()) == "low"
        assert not within(given(found, "twin"), reached(12))

    def test_all_at_once(self, plan, found) -> None:
        tenth = float(plan.widened()["volume"].ppf([0.1])[0])
        assert within(given(found, ALL), reached(12, volume=tenth, slump=1.0))


class TestNothing:
    def test_what_acts_elsewhere_changes_nothing(self, found) -> None:
        idle = found.sel(case="idle", plan="chosen")
        assert float(idle["loss"]) == 0
        assert not idle["distinguishable"]
        assert int(idle["rank_group"]) == 0

    def test_a_plan_loses_as_much_as_itself(self, plan) -> None:
        found = robust(plan, base=plan, draws=200)
        np.testing.assert_array_equal(found["given"].sel(plan="chosen"), found["given"].sel(plan="base"))
        assert (found["loss_beyond_base"] == 0).all()

    def test_the_scores_of_a_run_give_the_run(self, plan) -> None:
        points = target_points(plan, plan.targets)
        z = latent(points.names, plan.copula(), 7, 0, 300)
        np.testing.assert_allclose(points.at(z, np.arange(300)), target_values(plan, 0, 300), rtol=1e-9)


class TestWatchList:
    def test_is_triggers_risks_and_drivers(self, plan) -> None:
        found = {each.name: each for each in watch_list(plan, plan.targets[0])}
        assert found["idle"].why == ("trigger",)
        assert found["slump"].why[0] == "risk"
        assert found["slump"].side == "happens"
        assert "driver" in found["volume"].why
        # A shared cause is divided fairly: what moves with a driver is one.
        assert found["twin"].why == ("driver",)

    def test_what_is_asked_for_is_watched(self, found) -> None:
        assert str(found["why"].sel(case="twin").item()) == "driver, asked for"

    def test_a_name_that_is_not_there(self, plan) -> None:
        with pytest.raises(SimengineError, match=r"volum: the plan has no such(.|\n)*onboard: the plan has no such"):
            robust(plan, watch=["volum", "onboard"])


class TestVerdict:
    def test_holds_fails_or_is_not_told(self) -> None:
        assert verdict((0.9, 0.88, 0.92), 0.85) == "holds"
        assert verdict((0.9, 0.88, 0.92), 0.88) == "holds"
        assert verdict((0.9, 0.88, 0.92), 0.9) == "not told"
        assert verdict((0.9, 0.88, 0.92), 0.93) == "fails"

    def test_is_by_the_confidence_of_the_target_or_another(self, plan, found) -> None:
        assert found.attrs["confidence"] == 0.15
        assert found.attrs["verdict"] == "holds"
        assert str(found["verdict"].sel(case="volume").item()) == "fails"
        assert robust(plan, draws=200, confidence=0.9).attrs["verdict"] == "fails"


def test_two_plans_side_by_side() -> None:
    base = counted("")
    chosen = counted("", at_least=600)
    found = robust(chosen, base=base, draws=400)
    # One target for both: that of the plan that was chosen.
    assert float(found["probability"].sel(plan="chosen")) == float(found["probability"].sel(plan="base"))
    assert found.attrs["name_base"] == "Counted"


def test_progress_reaches_its_end(plan) -> None:
    seen: list[tuple[int, int]] = []
    robust(plan, draws=200, watch=["twin"], progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1]
