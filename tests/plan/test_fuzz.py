"""Whatever stands in a file, it is a plan or a list of mistakes: never a crash."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simengine.errors import PlanError, Problem
from simengine.plan import load, loads

PLANS = Path(__file__).parents[1] / "plans"
TINY = (PLANS / "tiny.yaml").read_text(encoding="utf-8")
FULL = (PLANS / "full.yaml").read_text(encoding="utf-8")
FULL_FILES = {f"full/{file.name}": file.read_text(encoding="utf-8-sig") for file in (PLANS / "full").iterdir()}

SIGNS = ["{", "}", "[", "]", ":", ": ", "- ", "#", "%", "|", "'", '"', "~", "&a ", "*a", "!!str ", "<<: "]
BLANKS = ["\n", "\n  ", "\t", "\n---\n"]
NUMBERS = ["1e9", "-1", "0", "0x1", "1e999", "12:30", "2027-13", "x2", ".nan", "NO", "null", "5 months", "3 per year"]
NAMES = ["smb", "ae", "win_rate.smb", "ramp_months.ae", "unlimited", "even", "file: x.csv", "extends: tiny.yaml"]
FRAGMENTS = st.one_of(st.text(max_size=8), st.sampled_from([*SIGNS, *BLANKS, *NUMBERS, *NAMES]))


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """`text` with up to four pieces cut out, doubled or replaced."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        text = text[:start] + draw(st.one_of(FRAGMENTS, st.just(text[start:end] * 2))) + text[end:]
    return text


def problems_of(read: Callable[[], object]) -> list[Problem] | None:
    """What a reading complains about; None if it succeeds."""
    try:
        read()
    except PlanError as error:
        return error.problems
    return None


def loads_or_says_why(text: str, name: str, **more: object) -> None:
    problems = problems_of(lambda: loads(text, name, **more))
    assert problems is None or (problems and all(problem.message for problem in problems))


@settings(max_examples=150)
@given(mutated(TINY))
def test_a_mutated_plan_loads_or_says_why(text: str) -> None:
    loads_or_says_why(text, "tiny.yaml")


@settings(max_examples=60)
@given(mutated(FULL))
def test_a_mutated_full_plan_loads_or_says_why(text: str) -> None:
    loads_or_says_why(text, "full.yaml", files=FULL_FILES)


@settings(max_examples=100)
@given(st.sampled_from(sorted(FULL_FILES)), st.data())
def test_a_mutated_table_loads_or_says_why(name: str, data: st.DataObject) -> None:
    text = data.draw(mutated(FULL_FILES[name]))
    loads_or_says_why(FULL, "full.yaml", files={**FULL_FILES, name: text})


@settings(max_examples=100)
@given(mutated("base.smb.expansion.win_rate=60 %"))
def test_a_mutated_override_loads_or_says_why(assignment: str) -> None:
    loads_or_says_why(TINY, "tiny.yaml", overrides=[assignment])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "plan.yaml"


@settings(max_examples=60)
@given(position=st.integers(0, len(TINY.encode()) - 1), byte=st.integers(0, 255))
def test_a_changed_byte_loads_or_says_why(file: Path, position: int, byte: int) -> None:
    data = bytearray(TINY.encode())
    data[position] = byte
    file.write_bytes(bytes(data))
    problems = problems_of(lambda: load(file))
    assert problems is None or problems
