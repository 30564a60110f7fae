import copy
import random
from collections import Counter
from pathlib import Path

import pytest

from simengine import load
from simengine.errors import PlanError, SimengineError
from simengine.plan.edit import REMOVE, edited, inline
from simengine.plan.source import Problems, parse

ROOT = Path(__file__).parents[2]
PLANS = sorted([*(ROOT / "scenarios").glob("*/*.yaml"), *(ROOT / "tests/plans").glob("*.yaml")])
KITCHEN = """\
# About the plan
plan: {name: Tiny, months: 12}   # a year

base:
  # the first market
  smb:
    customers: 40           # of them 3 named
    rate: renewal           # of customers
    history:                # twelve months
      - {month: 2026-01, arr: 5}   # after the move
      - {month: 2026-02, arr: 6}
    note: >-                # a story
      First # no comment
      second.
  emea:
    customers: 2

team:
  seats:                    # those who sell
    - {name: a, existing: 3}
    # new ones
    - name: b               # of 2027
      existing: 0
      hires: {2027-03: 1,   # in spring
              2027-09: 2}   # in autumn
# the end
"""


def tree(text: str) -> object:
    problems = Problems()
    node = parse(text, "plan.yaml", problems)
    assert node is not None
    assert not problems.found
    return node.plain()


def words_after_hash(text: str) -> Counter[str]:
    """What follows each # that begins a line or stands behind two blanks: the comments of the plans used here."""
    found = []
    for line in text.split("\n"):
        at = 0 if line.lstrip().startswith("#") else line.find("  #")
        if at >= 0:
            found.append(line[at:].strip().lstrip("# ").rstrip())
    return Counter(found)


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (("plan", "months"), 21, "plan: {name: Tiny, months: 21}   # a year"),
        (("plan", "start"), "2027-04", "plan: {name: Tiny, months: 12, start: 2027-04}  # a year"),
        (("plan", "name"), REMOVE, "plan: {months: 12}               # a year"),
        (("base", "smb", "customers"), 1_234, "    customers: 1_234        # of them 3 named"),
        (("base", "smb", "rate"), "92 %", "    rate: 92 %              # of customers"),
        (("base", "smb", "note"), "short", "    note: short  # a story"),
        (("base", "smb", "history", 0, "arr"), 5.25, "      - {month: 2026-01, arr: 5.25}  # after the move"),
        (("base", "emea", "arr"), 9_000_000, "    arr: 9_000_000"),
        (("base", "smb", "history"), {"file": "x.csv"}, "    history: {file: x.csv}  # twelve months"),
        (("team", "seats", "a", "existing"), 2, "    - {name: a, existing: 2}"),
        (("team", "seats", "b", "existing"), 1, "      existing: 1"),
        (("team", "seats", "b", "hires", "2027-03"), REMOVE, "      hires: {2027-09: 2}   # in autumn"),
        (("team", "seats", 2), {"name": "c", "existing": 1}, "    - {name: c, existing: 1}"),
        (("team", "seats", "b", "delay"), "1 month", "      delay: 1 month"),
    ],
)
def test_one_edit_changes_its_line(path: tuple[str | int, ...], value: object, line: str) -> None:
    now = edited(KITCHEN, "plan.yaml", {path: value})
    assert line in now.split("\n")
    assert not words_after_hash(KITCHEN) - words_after_hash(now)


def test_nothing_but_the_lines_concerned_changes() -> None:
    now = edited(KITCHEN, "plan.yaml", {("base", "smb", "customers"): 38, ("team", "seats", "a"): REMOVE})
    old = KITCHEN.replace("customers: 40 ", "customers: 38 ").replace("    - {name: a, existing: 3}\n", "")
    assert now == old


def test_a_section_comes_after_the_last_line() -> None:
    now = edited(KITCHEN, "plan.yaml", {("learned", "from", "file"): "old.yaml", ("learned", "n"): 3})
    assert now == KITCHEN + "\nlearned:\n  from: {file: old.yaml}\n  n: 3\n"


def test_the_only_entry_leaves_empty_brackets_and_its_comments() -> None:
    text = "base:\n  emea:   # far\n    customers: 2  # both\n"
    assert edited(text, "p", {("base", "emea", "customers"): REMOVE}) == "base:\n  # far\n  emea: {}  # both\n"


def test_what_does_not_fit_in_a_line_becomes_a_block() -> None:
    accounts = [{"name": f"Account number {n}", "arr": 1_000_000 + n} for n in range(5)]
    now = edited(KITCHEN, "plan.yaml", {("base", "emea", "accounts"): accounts})
    assert "    accounts:\n      - {name: Account number 0, arr: 1_000_000}\n" in now
    one = {"who": "x" * 70, "says": ["y" * 70, 1]}
    assert tree(edited(KITCHEN, "plan.yaml", {("base", "emea", "customers"): one}))["base"]["emea"]["customers"] == one  # type: ignore[index]


@pytest.mark.parametrize(
    "text", ["22 %", "2027-04", "a: b", "# no", "true", "250", "", " x", "x, y", "[", "é", "a #b", "1e6"]
)
def test_text_is_read_back_as_itself(text: str) -> None:
    assert tree(f"a: {inline(text)}\nb: {{c: {inline(text)}}}") == {"a": text, "b": {"c": text}}


@pytest.mark.parametrize("number", [0, -3, 1234, 0.1, 1234567.25, -9876.5, 1e-7, 3e20, 1e300, 8.0])
def test_a_number_is_read_back_as_itself(number: float) -> None:
    assert tree(f"a: {inline(number)}") == {"a": number}


def test_an_edit_that_would_lose_something_is_refused() -> None:
    with pytest.raises(SimengineError, match="a cannot be edited in the form in which it stands"):
        edited("5\n", "plan.yaml", {("a",): 6})
    with pytest.raises(SimengineError, match=r"seats\.nobody"):
        edited(KITCHEN, "plan.yaml", {("team", "seats", "nobody", "existing"): 3})
    with pytest.raises(PlanError, match="tab"):
        edited("a: 5\n\tb: 6\n", "plan.yaml", {("a",): 6})


def _places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in children for place in _places(child, (*path, key)))]


def _at(root: object, path: tuple[object, ...]) -> object:
    for step in path:
        root = root[step]  # type: ignore[index]
    return root


def _some(rng: random.Random, depth: int = 0) -> object:
    kinds = ["22.5 %", 1_234_567, 0.125, "words, and: more", True, "2027-05", "1_000 per month"]
    if depth < 3 and rng.random() < 0.4:
        size = rng.randrange(0, 7)
        if rng.random() < 0.5:
            return {f"key {n}": _some(rng, depth + 1) for n in range(size)}
        return [_some(rng, depth + 1) for _ in range(size)]
    return rng.choice(kinds)


def _random_edits(plain: object, rng: random.Random) -> tuple[dict[tuple[object, ...], object], object]:
    """Edits at places that do not contain each other, and the tree that they make, worked out on its own."""
    wanted, changes = copy.deepcopy(plain), dict[tuple[object, ...], object]()
    places = [place for place in _places(plain) if place]
    taken = set[tuple[object, ...]]()
    gone = []
    for place in rng.sample(places, min(12, len(places))):
        related = any(place[: len(t)] == t or t[: len(place)] == place for t in taken)
        if related:
            continue
        old, holder = _at(plain, place), _at(wanted, place[:-1])
        action = rng.choice(["replace", "remove", "add"])
        taken.add(place)
        if action == "remove" and len(place) > 1 and place[-1] != "name":
            gone.append(place)
        elif action == "add" and isinstance(old, dict):
            changes[(*place, "new key")] = _at(wanted, place)["new key"] = _some(rng)  # type: ignore[index]
        elif action == "add" and isinstance(old, list):
            changes[(*place, len(old))] = value = _some(rng)
            _at(wanted, place).append(value)  # type: ignore[attr-defined]
        else:
            changes[place] = holder[place[-1]] = _some(rng)  # type: ignore[index]
    mapped = [place for place in gone if isinstance(_at(plain, place[:-1]), dict)]
    listed = [place for place in gone if isinstance(_at(plain, place[:-1]), list)]
    for place in [*mapped, *sorted(listed, key=lambda p: p[-1], reverse=True)]:  # type: ignore[arg-type,return-value]
        del _at(wanted, place[:-1])[place[-1]]  # type: ignore[attr-defined]
        changes[place] = REMOVE
    return changes, wanted


@pytest.mark.parametrize("file", PLANS, ids=lambda file: file.name)
def test_random_edits_change_what_they_name_and_lose_no_comment(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    plain, rng = tree(text), random.Random(7)
    for _ in range(25):
        changes, wanted = _random_edits(plain, rng)
        now = edited(text, file.name, changes)  # type: ignore[arg-type]
        assert tree(now) == wanted
        assert not words_after_hash(text) - words_after_hash(now)


def test_no_edit_changes_no_letter() -> None:
    assert all(edited(text := file.read_text(encoding="utf-8"), file.name, {}) == text for file in PLANS)


def test_an_edited_plan_loads(tmp_path: Path) -> None:
    folder = ROOT / "scenarios/northstar"
    for file in filter(Path.is_file, folder.iterdir()):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = (folder / "base.yaml").read_text(encoding="utf-8")
    changes: dict[tuple[str | int | float, ...], object] = {
        ("base", "smb-na", "customers"): 1_119,
        ("team", "seats", "csm", "existing"): 37,
    }
    (tmp_path / "base.yaml").write_text(edited(text, "base.yaml", changes), encoding="utf-8")
    plan = load(tmp_path / "base.yaml")
    assert plan.base["smb-na"].customers == 1_119
