"""What differs between two plans: nothing that does is hidden, and nothing else is told."""

import random
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest

from simengine.decide.changes import Part, changes
from simengine.errors import PlanError
from simengine.plan import load, loads
from simengine.plan.checks import of_tree
from simengine.plan.schema import Plan
from simengine.plan.source import Node
from simengine.plan.source import Path as Place

PLANS = Path(__file__).parents[1] / "plans"
TINY = (PLANS / "tiny.yaml").read_text(encoding="utf-8")
NORTHSTAR = PLANS.parents[1] / "scenarios" / "northstar"
_NUMBER = re.compile(r"\d[\d_]*(\.\d+)?")
LAYERS = {"plan", "segments", "team", "funnel", "base", "economics"}


def reordered(node: Node, rng: random.Random) -> Node:
    """The same with the keys of all mappings in another order."""
    if isinstance(node.value, dict):
        items = [(key, reordered(child, rng)) for key, child in node.value.items()]
        rng.shuffle(items)
        return Node(dict(items), node.mark, node.key_mark)
    if isinstance(node.value, list):
        return Node([reordered(child, rng) for child in node.value], node.mark, node.key_mark)
    return node


def edits(plan: Plan, seed: int, count: int, *, own_trees: bool = False) -> Iterator[tuple[Place, Plan]]:
    """Plans in which one value is another one, and where it stands: as many as are right plans.

    They share one tree, unless `own_trees`.
    """
    rng = random.Random(seed)
    places = [path for path, _ in plan.origin.tree.leaves()]
    for path in rng.sample(places, min(count, len(places))):
        node: Node | None = plan.origin.tree
        for step in path:
            assert node is not None
            node = node.child(step)
        assert node is not None
        before = node.value
        node.value = _edited(before, rng)
        try:
            other = of_tree(deepcopy(plan.origin.tree)) if own_trees else of_tree(plan.origin.tree)
        except PlanError:
            continue
        finally:
            node.value = before
        yield path, other


def _edited(value: object, rng: random.Random) -> str | int | float:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + rng.choice((-1, 1))
    if isinstance(value, float):
        return value * rng.choice((0.97, 1.02))
    text = str(value)
    found = _NUMBER.search(text)
    if found is None or re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", text):
        return f"{text} too"
    number = float(found[0].replace("_", ""))
    return f"{text[: found.start()]}{number * rng.choice((0.97, 1.02)):.9g}{text[found.end() :]}"


class TestNothingIsHidden:
    @pytest.mark.parametrize("name", ["tiny.yaml", "full.yaml", "updated.yaml"])
    def test_each_edit_is_listed_where_it_was_made(self, name: str) -> None:
        plan, seen = load(PLANS / name), 0
        for path, other in edits(plan, 5, 90):
            found = changes(plan, other)
            section = str(path[0])
            named = {one.section for one in found}
            assert section in named, (path, found)
            # A name is used by other sections, which then differ too.
            assert len(named) == 1 or path[-1] == "name" or section in LAYERS, (path, found)
            last = str(path[-1])
            if isinstance(path[-1], str) and section == "assumptions" and path[2] not in ("distribution", "before"):
                assert any(one.key.endswith(last) for one in found), (path, found)
            seen += 1
        assert seen >= 30

    def test_what_changes_the_digest_is_part_of_something_or_declared_by_one_plan(self) -> None:
        plan = load(PLANS / "full.yaml")
        simulated = 0
        for path, other in edits(plan, 11, 70):
            found = changes(plan, other)
            if plan.digest_simulated != other.digest_simulated:
                simulated += 1
                assert any(one.part is not None or not (one.was and one.now) for one in found), path
            else:
                ours = [one for one in found if one.part is not None and one.section not in ("facts", "learned")]
                assert not ours or all(one.what == "growth_from" for one in ours), (path, ours)
        assert simulated >= 20

    def test_other_words_orders_and_comments_are_no_difference(self) -> None:
        for name in ("tiny.yaml", "full.yaml"):
            plan = load(PLANS / name)
            assert changes(plan, of_tree(reordered(plan.origin.tree, random.Random(3)))) == []
        said = TINY.replace("0.2 per year", "0.05 per quarter").replace("25 %\n", "25 %   # agreed\n")
        assert said != TINY
        assert changes(loads(TINY), loads(said)) == []

    def test_the_order_of_a_groups_territories_counts(self) -> None:
        plan = load(NORTHSTAR / "base.yaml")
        tree = deepcopy(plan.origin.tree)
        team = tree.child("team")
        assert team is not None
        territories = team.child("territories")
        assert territories is not None
        assert isinstance(territories.value, list)
        territories.value.reverse()
        other = of_tree(tree)
        assert plan.digest_simulated != other.digest_simulated
        assert {one.what for one in changes(plan, other)} == {"order of its territories"}


def test_a_law_is_told_by_its_quantiles_and_its_owner() -> None:
    (one,) = changes(loads(TINY), loads(TINY.replace("{mean: 22 %, n: 180}", "{mean: 19 %, n: 180}")))
    assert one.was.startswith("P10 ")
    assert one.was != one.now
    assert (one.owner, one.part, one.what) == ("RevOps", Part("assumption", "win_rate.smb"), "distribution")


def test_what_is_believed_but_not_simulated_has_no_part() -> None:
    edited = TINY.replace("owner: CRO", "owner: COO").replace("billing system", "ledger")
    found = changes(loads(TINY), loads(edited))
    assert {one.what for one in found} == {"owner", "source.reference"}
    assert {one.part for one in found} == {None}
    assert [(one.was, one.now) for one in found if one.what == "owner"] == [("CRO", "COO")]


def test_a_number_that_changes_in_the_course_of_the_plan_is_one_value() -> None:
    later = TINY.replace("price_increase: 3 %", "price_increase: {start: 3 %, 2027-07: 5 %}")
    (one,) = changes(loads(TINY), loads(later))
    assert (one.key, one.was, one.now) == ("base.smb.price_increase", "3 %", "3 %, from 2027-07 5 %")


def test_parts_are_what_a_reader_thinks_of() -> None:
    edited = TINY
    for was, now in (
        ("spend: 20_000", "spend: 25_000"),
        ("rates: [30 %]", "rates: [31 %]"),
        ("customers: 150", "customers: 151"),
        ("2027-04: 1", "2027-04: 2"),
        ("quota: 600_000", "quota: 610_000"),
        ("at_least: 6_000_000", "at_least: 6_100_000"),
        ("smb: 0.4", "smb: 0.3"),
    ):
        assert was in edited
        edited = edited.replace(was, now)
    found = {one.part.label for one in changes(loads(TINY), loads(edited), "board ARR") if one.part is not None}
    assert found == {
        *("spend of inbound", "channel inbound/smb", "base of smb", "seats ae-smb-new", "role ae", "target board ARR"),
        "dependence",
    }


def test_levers_and_limits_are_listed_and_not_simulated() -> None:
    lever = "levers:\n  sellers: {hires: ae-smb-new, starts: [2027-03], range: [0, 2], owner: CRO}\n"
    found = changes(loads(TINY), loads(TINY + lever + "limits: {budget: 1_000}\n"))
    assert {one.section for one in found} == {"levers", "limits"}
    assert all(one.part is None and not one.was for one in found)
    assert {one.owner for one in found if one.section == "levers"} == {"CRO"}
    assert {one.only_in for one in found if one.section == "levers"} == {"new"}


def test_a_new_month_is_no_new_thing() -> None:
    (one,) = changes(loads(TINY), loads(TINY.replace("2027-04: 1", "2027-04: 1, 2027-05: 1")))
    assert (one.was, one.now, one.only_in) == ("", "1", "")
