"""YAML as a plan reads it: nothing is guessed, and every value knows its place."""

import pytest

from simengine.limits import DEPTH
from simengine.plan.source import Node, Problems, ScalarError, decode, key_of, parse, resolve


def tree(text: str) -> Node:
    problems = Problems()
    node = parse(text, "plan.yaml", problems)
    assert not problems.found, problems.found
    assert node is not None
    return node


def complaints(text: str) -> list[str]:
    problems = Problems()
    parse(text, "plan.yaml", problems)
    return [str(problem) for problem in problems.found]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("+3", 3),
        ("0", 0),
        ("1_000", 1000),
        ("120_000_000", 120_000_000),
        ("1e6", 1e6),
        ("1e-3", 1e-3),
        ("1.5e6", 1.5e6),
        (".5", 0.5),
        ("0.25", 0.25),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("22 %", "22 %"),
        ("22%", "22%"),
        ("x1.4", "x1.4"),
        ("2027-01", "2027-01"),
        ("2026-12-31", "2026-12-31"),
        ("FY2027-Q4", "FY2027-Q4"),
        ("250_000 per month", "250_000 per month"),
        ("100,000", "100,000"),
        ("win_rate.smb", "win_rate.smb"),
        ("nobody", "nobody"),
        ("oN", "oN"),
        ("y", "y"),
        ("-", "-"),
        ("...", "..."),
    ],
)
def test_plain_scalars_mean_what_a_reader_sees(text: str, value: object) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


TRUTH = ["NO", "no", "yes", "Yes", "on", "OFF", "True", "TRUE", "False"]
CLOCKS_AND_DAYS = ["12:30", "1:30:00", "2026-13-01", "2026-02-30"]
OTHER_BASES = ["0123", "-01", "0x1F", "0o17", "0b1"]
ODD_NUMBERS = [".inf", "-.INF", ".nan", "1__000", "1_", "1.2.3", "1e999", "9" * 41, "1_000_.5"]


@pytest.mark.parametrize("text", [*TRUTH, *CLOCKS_AND_DAYS, *OTHER_BASES, *ODD_NUMBERS])
def test_guesses_of_yaml_are_refused(text: str) -> None:
    with pytest.raises(ScalarError) as caught:
        resolve(text)
    assert caught.value.expected


def test_quoted_scalars_stay_text() -> None:
    assert tree("a: 'NO'\nb: \"12\"\nc: '1e6'\nd: |\n  two\n  lines\n").plain() == {
        "a": "NO",
        "b": "12",
        "c": "1e6",
        "d": "two\nlines\n",
    }


def test_keys_and_values_know_their_places() -> None:
    node = tree("plan:\n  name: A\ntargets:\n  - {name: board, at_least: 1}\n")
    name = node.value["plan"].value["name"]
    assert (name.mark.line, name.mark.column, name.key_mark.line, name.key_mark.column) == (2, 9, 2, 3)
    bound = node.value["targets"].value[0].value["at_least"]
    assert (bound.mark.line, bound.mark.column, bound.key_mark.column) == (4, 29, 19)


def test_a_byte_order_mark_and_windows_line_ends_are_welcome() -> None:
    problems = Problems()
    text = decode(b"\xef\xbb\xbfplan:\r\n  name: A\r\n", "plan.yaml", problems)
    assert text is not None
    assert tree(text).plain() == {"plan": {"name": "A"}}
    assert not problems.found


def test_other_encodings_are_refused_at_the_byte() -> None:
    problems = Problems()
    assert decode("plan:\n  name: Größe".encode("utf-16"), "plan.yaml", problems) is None
    assert decode("a: b\nname: Größe".encode("latin-1"), "plan.yaml", problems) is None
    assert [(p.line, p.column) for p in problems.found] == [(1, 1), (2, 9)]


def test_names_are_compared_as_they_look() -> None:
    decomposed, composed = "Gro\u0308\u00dfe", "Gr\u00f6\u00dfe"
    assert decomposed != composed
    assert tree(f"{decomposed}: {decomposed}").plain() == {composed: composed}
    assert complaints(f"{decomposed}: 1\n{composed}: 2\n") == [
        f"plan.yaml:2:1  {composed}: is given twice, first at line 1, column 1; keep one of them"
    ]


def test_mistakes_are_reported_together() -> None:
    found = complaints("a: NO\nb: &x 1\nc: *x\nd: 0x1F\na: 2\n<<: {e: 1}\n")
    assert [line.split("  ")[0] for line in found] == [
        f"plan.yaml:{place}" for place in ("1:4", "2:4", "3:4", "4:4", "5:1", "6:1")
    ]


def test_a_syntax_error_does_not_hide_what_came_before() -> None:
    found = complaints("a: NO\nb: [1, 2\nc: 3\n")
    assert len(found) == 2
    assert "NO is read as false" in found[0]


@pytest.mark.parametrize("text", ["a: 1\n%\n", "%YAML 9.9\n---\na: 1", "a: !<", "a: |99", "a: &", 'a: "\\uZZZZ"'])
def test_every_error_of_syntax_says_what_to_do(text: str) -> None:
    found = complaints(text)
    assert found
    assert all("; " in line for line in found)


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x85", "\u200b", "\u202e", "\u2028", "\ufeff", "\ud800"])
def test_invisible_characters_are_refused(character: str) -> None:
    assert complaints(f"a: b{character}c\n") == [
        f"plan.yaml:1:5  character U+{ord(character):04X} is invisible; remove it"
    ]


def test_nesting_has_a_limit() -> None:
    assert tree("a: " + "[" * (DEPTH.most - 1) + "]" * (DEPTH.most - 1)).plain()
    assert complaints("a: " + "[" * 2000 + "]" * 2000)[0].startswith("plan.yaml:1:53  a.1.1: more than 50 levels")


def test_an_alias_bomb_is_refused_in_no_time() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 30))
    assert len(complaints(bomb)) == 30 + 2 * 29


def test_things_in_a_list_go_by_their_name_or_number() -> None:
    node = tree("seats:\n  - {name: ae, hires: [1, 2]}\n  - {role: sdr}\n")
    assert key_of(("seats", 0, "hires", 1), node) == "seats.ae.hires.2"
    assert key_of(("seats", 1, "role"), node) == "seats.2.role"
