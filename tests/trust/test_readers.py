"""Every input that fuzzing has kept ends as it should: with what stands there, or with an error in words."""

import sys

import pytest

from bench.trust import readers
from bench.trust.readers import CORPUS, HOW_TO_GET_IT, kept, mutated
from bench.trust.targets import TARGETS, Target, outcome

INPUTS = [(name, file) for name in TARGETS for file in kept(name)]


@pytest.mark.parametrize(("name", "file"), INPUTS, ids=[f"{name}/{file.name}" for name, file in INPUTS])
def test_what_fuzzing_has_kept_ends_as_it_should(name, file, tmp_path):
    assert outcome(TARGETS[name], file.read_bytes(), tmp_path)


@pytest.mark.parametrize("name", TARGETS)
def test_mutated_seeds_end_as_they_should(name, tmp_path):
    seeds = list(TARGETS[name].seeds())
    for number in range(4):
        assert outcome(TARGETS[name], mutated(seeds[number % len(seeds)], 20_000, number), tmp_path)


@pytest.mark.full
@pytest.mark.parametrize("name", TARGETS)
def test_more_mutated_seeds_end_as_they_should(name, tmp_path):
    seeds = list(TARGETS[name].seeds())
    for number in range(4, 150):
        assert outcome(TARGETS[name], mutated(seeds[number % len(seeds)], 20_000, number), tmp_path)


def test_every_reader_has_a_corpus_and_it_is_small():
    files = [file for file in CORPUS.rglob("*") if file.is_file()]
    assert {file.parent.name for file in files} == set(TARGETS)
    assert len(files) < 300
    assert sum(file.stat().st_size for file in files) < 1_000_000


@pytest.mark.parametrize(
    "name", ["table", "overrides", "records", "packed-records", "workbook-part", "columns", "json"]
)
def test_seeds_lead_into_the_reader(name, tmp_path):
    assert outcome(TARGETS[name], next(iter(TARGETS[name].seeds())), tmp_path) == "result"


# --- what these tests rest on


def test_any_other_error_is_a_fault(tmp_path):
    def fail(data, folder):
        raise KeyError(data)

    with pytest.raises(KeyError):
        outcome(Target(fail, list), b"x", tmp_path)


def test_a_mutation_depends_on_its_number_alone():
    assert mutated(b"a: [1, 2]\nb: x", 100, 5) == mutated(b"a: [1, 2]\nb: x", 100, 5)
    assert len({mutated(b"a: [1, 2]\nb: x", 100, number) for number in range(20)}) > 10
    assert mutated(b"", 100, 1) is not None
    assert len(mutated(b"x" * 50, 10, 3)) <= 10


def test_without_atheris_one_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setattr(readers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="pip install 'simengine"):
        readers.main()
    assert "atheris" not in sys.modules
    assert "pytest tests/trust" in HOW_TO_GET_IT


def test_what_libfuzzer_tells_is_read():
    log = "#9 NEW cov: 12 ft: 3\n#12 DONE cov: 345 ft: 9\nstat::number_of_executed_units: 6789\nexit: 0\n"
    assert readers.summary(log) == {"tried": 6789, "edges": 345, "is_whole": True}
    assert readers.summary("") == {"tried": 0, "edges": 0, "is_whole": False}
