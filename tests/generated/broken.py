"""Plans with mistakes: a valid one, changed in its tree or in its text."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from simengine.plan.source import Problems, parse
from tests.generated import PLANS, generated_plan
from tests.generated.strategies import Tree, Written, leaves, written

FOLDER = Path(__file__).parents[1] / "plans"

SMALL = 25

Place = tuple[Any, ...]

SCENARIO = """\
extends: base.yaml
scenario: {name: Better, story: We keep more customers.}
base: {smb: {renewal_rate: {start: 85 %, 2027-07: 90 %}}}
team: {seats: [{name: ae-smb, existing: 5}]}
assumptions: {win_rate.smb: {distribution: {uniform: [10 %, 30 %]}}}
"""

ABSURD = (
    *(0, -1, 1, -0.0, 1e-320, 1e300, -1e308, 10**30, -(10**60), 2**63, 0.1 + 0.2, True, False, None),
    *(
        "",
        " ",
        "unlimited",
        "even",
        "nobody",
        "null",
        "~",
        "x",
        "x0",
        "x-1",
        "-5 %",
        "1e9 per month",
        "5 per fortnight",
    ),
    *("3 % of ATR", "12 months", "2027-13", "0000-01", "9999-12", "2027-01-32", "FY9999-Q4", "½", "٣"),
    *("1٬000", "NaN", "é", "A" * 3000, "\u202e", "a/b", "../../etc/passwd", "file: x.csv", "%s %d {}", "🦔" * 30),
    *([], {}, [[]], [None], {"": ""}, {"start": 1}, {"file": "x.csv"}, {"file": 7}, {"uniform": [0, 1]}, [1] * 13),
)
"""What may be written in the place of anything."""

PIECES = (
    *("{", "}", "[", "]", ":", ": ", "- ", "#", "%", "|", ">", "'", '"', "~", "&a ", "*a", "!!str ", "!!python/none "),
    *(
        "<<: ",
        "? ",
        "---\n",
        "...\n",
        "\t",
        "\n",
        "\r",
        "\n\n  ",
        "\0",
        "\x1b[31m",
        "\x85",
        "\u2028",
        "\ufeff",
        "\ud800",
    ),
    *(
        "1e9",
        ".nan",
        ".inf",
        "0x1F",
        "0777",
        "12:30",
        "1_",
        "1e999",
        "9" * 60,
        "NO",
        "on",
        "null",
        "extends: base.yaml\n",
    ),
    *('"\\x00"', '"\\ud800"', '"\\U00110000"', "%YAML 1.1\n---\n", "%TAG ! tag:x:\n---\n", "&a [*a, *a]", "{? [1]: 2}"),
    *("[" * 60, "{a: " * 60, "- " * 60, "x" * 5000, "{start: 1, 2027-01: 2}", "5 % per year", "ae", "smb"),
)
"""What may be written between any two characters."""


@cache
def valid() -> tuple[tuple[Tree, Written], ...]:
    """Generated plans, two with every key that there is, a small one, and what extends it: as trees and as files."""
    found = []
    # Small ones are quicker, and there is less in them that does not matter.
    for text in sorted(map(generated_plan, range(0, PLANS, 6)), key=len)[:SMALL]:
        found.append((_tree(text), Written(text, {})))
    for name in ("full", "updated", "tiny"):
        files = {
            f"{name}/{file.name}": file.read_text(encoding="utf-8-sig") for file in sorted((FOLDER / name).glob("*"))
        }
        text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
        found += [(_tree(text), Written(text, files))] * 4
    found += [(_tree(SCENARIO), Written(SCENARIO, {"base.yaml": found[-1][1].text}))] * 4
    return tuple(found)


def _tree(text: str) -> Tree:
    node = parse(text, "plan.yaml", Problems())
    assert node is not None
    return node.plain()


# --- trees ------------------------------------------------------------------------------------------------------------


@st.composite
def _of_tree(draw: st.DrawFn) -> Written:
    tree, original = draw(st.sampled_from(valid()))
    tree = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, 4))):
        places = list(leaves(tree))
        if places:
            path, value = places[draw(st.integers(0, len(places) - 1))]
            parent = tree
            for step in path[:-1]:
                parent = parent[step]
            draw(st.sampled_from(CHANGES))(draw, parent, path[-1], value, places)
    return Written(written(tree), original.files)


Change = Callable[[st.DrawFn, Any, Any, Any, list[tuple[Place, Any]]], None]


def _delete(draw: st.DrawFn, parent: Any, key: Any, value: Any, places: list[tuple[Place, Any]]) -> None:
    del parent[key]


def _rename(draw: st.DrawFn, parent: Any, key: Any, value: Any, places: list[tuple[Place, Any]]) -> None:
    if isinstance(parent, dict):
        text = str(key)
        at = draw(st.integers(0, len(text)))
        new = draw(
            st.sampled_from([text[:at] + text[at + 1 :], text[:at] + "x" + text[at:], text.upper(), 7, True, ""])
        )
        parent[new] = parent.pop(key)


def _replace(draw: st.DrawFn, parent: Any, key: Any, value: Any, places: list[tuple[Place, Any]]) -> None:
    parent[key] = copy.deepcopy(draw(st.one_of(st.sampled_from(ABSURD), st.floats(), st.integers(), st.text())))


def _scale(draw: st.DrawFn, parent: Any, key: Any, value: Any, places: list[tuple[Place, Any]]) -> None:
    if isinstance(value, int | float):
        parent[key] = value * draw(st.sampled_from([-1, 0, 1e-6, 1e3, 1e6, 1e12, 1e250]))


def _wrap(draw: st.DrawFn, parent: Any, key: Any, value: Any, places: list[tuple[Place, Any]]) -> None:
    inner: Any = value
    for _ in range(draw(st.sampled_from([1, 2, 60]))):
        inner = draw(st.sampled_from([[inner], {"a": inner}, {key: inner}]))
    parent[key] = inner


def _copy(draw: st.DrawFn, parent: Any, key: Any, value: Any, places: list[tuple[Place, Any]]) -> None:
    parent[key] = copy.deepcopy(places[draw(st.integers(0, len(places) - 1))][1])


def _repeat(draw: st.DrawFn, parent: Any, key: Any, value: Any, places: list[tuple[Place, Any]]) -> None:
    if isinstance(value, list) and value:
        parent[key] = [*value, *copy.deepcopy(value)] * draw(st.sampled_from([1, 20]))


def _refer(draw: st.DrawFn, parent: Any, key: Any, value: Any, places: list[tuple[Place, Any]]) -> None:
    names = [str(step) for path, _ in places for step in path[-1:]]
    parent[key] = names[draw(st.integers(0, len(names) - 1))]


CHANGES: tuple[Change, ...] = (_delete, _rename, _replace, _replace, _scale, _wrap, _copy, _repeat, _refer)


# --- texts ------------------------------------------------------------------------------------------------------------


@st.composite
def _of_text(draw: st.DrawFn) -> Written:
    _, original = draw(st.sampled_from(valid()))
    names = ["", *sorted(original.files)]
    name = draw(st.sampled_from(names)) if len(names) > 1 else ""
    text = original.files[name] if name else original.text
    for _ in range(draw(st.integers(1, 4))):
        text = draw(st.sampled_from(EDITS))(draw, text)
    if name:
        return Written(original.text, {**original.files, name: text})
    return Written(text, original.files)


Edit = Callable[[st.DrawFn, str], str]


def _cut(draw: st.DrawFn, text: str) -> str:
    start = draw(st.integers(0, len(text)))
    return text[:start] + text[start + draw(st.integers(1, 40)) :]


def _insert(draw: st.DrawFn, text: str) -> str:
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(st.one_of(st.sampled_from(PIECES), st.text(max_size=8))) + text[at:]


def _truncate(draw: st.DrawFn, text: str) -> str:
    return text[: draw(st.integers(0, len(text)))]


def _lines(draw: st.DrawFn, text: str) -> str:
    lines = text.split("\n")
    at, to = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
    few = lines[at : at + draw(st.integers(1, 5))]
    lines[to:to] = draw(st.sampled_from([few, ["  " + line for line in few], [line.strip() for line in few]]))
    return "\n".join(lines)


def _swap(draw: st.DrawFn, text: str) -> str:
    words = text.split(" ")
    at, to = draw(st.integers(0, len(words) - 1)), draw(st.integers(0, len(words) - 1))
    words[at], words[to] = words[to], words[at]
    return " ".join(words)


EDITS: tuple[Edit, ...] = (_cut, _insert, _insert, _truncate, _lines, _swap)


def broken() -> st.SearchStrategy[Written]:
    """Plans with up to four mistakes; now and then one that changes nothing."""
    return st.one_of(_of_tree(), _of_text())
