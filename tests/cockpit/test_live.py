"""A session moves a plan: right answers, the plan's own refusals, undo, files that run, and no one in another's way."""

import threading
from pathlib import Path

import numpy as np
import pytest

from simengine.cockpit.live import PLAN, Belief, Cockpit, Setting
from simengine.cockpit.session import Session
from simengine.errors import PlanError, SimengineError
from simengine.plan import load
from simengine.results.targets import hit_probability
from simengine.simulation import simulate

TINY = (Path(__file__).parents[1] / "plans" / "tiny.yaml").read_text(encoding="utf-8").replace("6_000_000", "4_800_000")
LEVERS = """
levers:
  sellers: {hires: ae-smb-new, starts: [2027-02], range: [0, 3], owner: CRO}
  spend: {spend: inbound, starts: [2027-02], range: [x1.0, x1.5], step: x0.25, owner: CMO}
limits: {hires_per_month: 3}
"""
DRAWS = 600
MOVED = (
    PLAN.with_("beliefs", "win_rate.smb", Belief(0.26))
    .with_("amounts", "sellers", 2)
    .with_("bounds", "board ARR", 4.9e6)
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("cockpit") / "plan.yaml"
    path.write_text(TINY + LEVERS, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def cockpit(file):
    made = Cockpit(load(file), file, draws=DRAWS)
    made.start()
    yield made
    made.close()


class Client:
    """A session that remembers its answers."""

    def __init__(self, cockpit):
        self.answers, self.news = [], threading.Condition()
        self.session = Session(cockpit, self.take)

    def take(self, answer):
        with self.news:
            self.answers.append(answer)
            self.news.notify()

    def full(self, setting):
        """The answer of all paths of a setting."""
        with self.news:
            assert self.news.wait_for(lambda: any(self.fits(each, setting) for each in self.answers), timeout=60)
            return next(each for each in reversed(self.answers) if self.fits(each, setting))

    def fits(self, answer, setting):
        return answer.setting == setting and not answer.is_preview and answer.common == DRAWS


@pytest.fixture
def client(cockpit):
    made = Client(cockpit)
    yield made
    made.session.close()


def test_a_refined_answer_is_what_a_run_of_the_saved_file_says(cockpit, client, tmp_path, file):
    client.session.go(MOVED)
    answer = client.full(MOVED)
    saved = cockpit.save(MOVED, "More of both")
    assert saved == file.parent / "more-of-both.yaml"
    ds = simulate(load(saved), draws=DRAWS, seed=7, twins=0)
    said = hit_probability(ds).sel(target="board ARR")
    assert tuple(answer.probability[:3]) == tuple(float(said[key]) for key in ("p", "lower", "upper"))
    np.testing.assert_allclose(answer.fan[2], np.quantile(ds["ending_arr"], 0.5, axis=0, method="inverted_cdf"))
    with pytest.raises(SimengineError, match="there already"):
        cockpit.save(MOVED, "More of both")


def test_it_is_held_against_the_plan_on_the_same_draws(cockpit, client):
    client.session.go(MOVED)
    answer = client.full(MOVED)
    here = simulate(cockpit.plan_of(MOVED), draws=DRAWS, seed=7, twins=0)["target_value"].values[:, 0] >= 4.9e6
    there = simulate(cockpit.plan, draws=DRAWS, seed=7, twins=0)["target_value"].values[:, 0] >= 4.8e6
    assert answer.versus[0] == pytest.approx(here.mean() - there.mean(), abs=1e-12)
    assert answer.versus[1] < answer.versus[0] < answer.versus[2]


def test_a_first_answer_comes_before_all_paths_and_stands_on_those_that_are_known(cockpit, client, monkeypatch):
    monkeypatch.setattr(cockpit, "preview", 128)
    setting = PLAN.with_("beliefs", "renewal.smb", Belief(0.87))
    client.session.go(setting)
    refined = client.full(setting)
    first = next(each for each in client.answers if each.setting == setting)
    assert (first.is_preview, first.probability.paths) == (True, 128)
    assert first.probability.behind == DRAWS
    assert first.probability.lower <= refined.probability.value <= first.probability.upper


def test_undo_redo_reset(client):
    session, one = client.session, PLAN.with_("amounts", "sellers", 1)
    session.move("amounts", "sellers", 1)
    session.move("beliefs", "win_rate.smb", Belief(0.2, is_fixed=True))
    both = session.setting
    session.undo()
    assert session.setting == one
    session.redo()
    assert session.setting == both
    session.reset()
    assert (session.setting, session.can_redo) == (PLAN, False)
    session.undo()
    assert session.setting == both


@pytest.mark.parametrize(
    ("field", "name", "value", "said"),
    [
        ("amounts", "sellers", 3, "hires_per_month"),
        ("beliefs", "win_rate.smb", Belief(9.0, is_fixed=True), "win_rate"),
        ("beliefs", "win_rate.smb", Belief(9.0), "no law of this shape"),
        ("beliefs", "leads.inbound", Belief(500.0), "outside the distribution"),
    ],
)
def test_what_the_checks_refuse_is_said_and_changes_nothing(client, field, name, value, said):
    client.session.move("beliefs", "renewal.smb", Belief(0.9))
    before = client.session.setting
    with pytest.raises(SimengineError, match=said):
        client.session.move(field, name, value)
    assert client.session.setting == before
    client.session.undo()
    assert client.session.setting == PLAN


def test_what_is_typed_is_read_as_the_plan_is(cockpit):
    assert cockpit.read_belief(PLAN, "win_rate.smb", "25 %", is_fixed=False) == Belief(0.25)
    assert cockpit.read_belief(PLAN, "attrition.ae", "24 % per year", is_fixed=True) == Belief(0.24, is_fixed=True)
    assert cockpit.read_bound(PLAN, "board ARR", "5_500_000") == 5.5e6
    assert cockpit.read_amount("spend", "x1.25") == 1
    for text in ("900 %", "much"):
        with pytest.raises(PlanError):
            cockpit.read_belief(PLAN, "win_rate.smb", text, is_fixed=False)
    with pytest.raises(PlanError):
        cockpit.read_bound(PLAN, "NRR", "20 months")
    with pytest.raises(SimengineError, match=r"choose one of x1, x1\.25, x1\.5"):
        cockpit.read_amount("spend", "x9")


def test_three_at_once_are_each_told_their_own(cockpit):
    settings = [PLAN.with_("beliefs", "win_rate.smb", Belief(value)) for value in (0.18, 0.24, 0.3)]
    clients = [Client(cockpit) for _ in settings]
    for one, setting in zip(clients, settings, strict=True):
        one.session.go(setting)
    told = [one.full(setting).probability.value for one, setting in zip(clients, settings, strict=True)]
    for one, setting, value in zip(clients, settings, told, strict=True):
        assert value == (cockpit.paths(setting).seen().values[:, 0] >= 4.8e6).mean()
        assert {each.setting for each in one.answers} == {setting}
        one.session.close()
    assert told == sorted(told)
    assert told[0] < told[2]


def test_a_drag_is_looked_at_and_not_kept(client):
    client.session.drag("beliefs", "win_rate.smb", Belief(0.23))
    with client.news:
        assert client.news.wait_for(lambda: client.answers, timeout=60)
    assert client.answers[0].setting == Setting(beliefs=(("win_rate.smb", Belief(0.23)),))
    assert (client.session.setting, client.session.can_undo) == (PLAN, False)


def test_sliders_stay_where_the_plan_can_be(cockpit):
    for slider in cockpit.sliders.values():
        assert slider.lowest <= 0 <= slider.highest
        assert slider.at(0) == slider.median
        for place in (slider.lowest, slider.highest):
            if place:
                cockpit.check(PLAN.with_("beliefs", slider.name, Belief(slider.at(place))))
                assert slider.place(slider.at(place)) == place


def test_what_matters_comes_first(cockpit):
    assert set(cockpit.matter("board ARR")) == set(cockpit.plan.assumptions)
    assert cockpit.matter("board ARR").index("renewal.smb") < cockpit.matter("board ARR").index("attrition.ae")
    assert cockpit.matter("NRR")[0] == "renewal.smb"


def test_a_plan_without_targets_is_refused(file):
    with pytest.raises(SimengineError, match="no targets"):
        Cockpit(load(file).model_copy(update={"targets": ()}), file)


def test_a_name_is_no_path(cockpit):
    with pytest.raises(SimengineError, match="a letter or a digit"):
        cockpit.save(MOVED, "../..")
    with pytest.raises(SimengineError, match="nothing is moved"):
        cockpit.save(PLAN, "as it is")
