"""A run that was stopped goes on from its blocks, with the bits of one that was not; whatever else is there is left."""

import shutil
from pathlib import Path

import pytest

from simengine.archive import blocks
from simengine.archive.blocks import Blocks
from simengine.archive.shelf import abandoned, swept
from simengine.plan import load
from simengine.results.dataset import digest
from simengine.simulation import blocks as parts
from simengine.simulation import simulate

TINY = Path(__file__).parent / "plans" / "tiny.yaml"
DRAWS = 2100
"""Five spans, the last of which is short."""
COMPANY = {"draws": DRAWS, "seed": 7}


@pytest.fixture(scope="module")
def plan():
    return load(TINY)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of one to a few spans, so that a small run has several."""
    monkeypatch.setattr(parts, "_BYTES", 2**19)


@pytest.fixture(params=["headline", "segment", "stream"])
def detail(request, monkeypatch):
    monkeypatch.setattr("simengine.simulation.MOST_KEPT", 1024)
    return request.param


def run(plan, folder, **options):
    keeper = Blocks(folder)
    return digest(simulate(plan, **{**COMPANY, **options}, keeper=keeper)), keeper


def files(folder):
    return sorted(folder.iterdir())


def test_a_run_has_the_same_bits_with_blocks_from_blocks_and_from_some_of_them(plan, detail, tmp_path):
    whole = digest(simulate(plan, **COMPANY, detail=detail))
    first, keeper = run(plan, tmp_path / "u", detail=detail)
    assert first == whole
    assert keeper.found == 0
    held = files(tmp_path / "u")
    assert len(held) > 3
    again, of_all = run(plan, tmp_path / "u", detail=detail)
    assert again == whole
    assert of_all.found == keeper.kept
    for path in held[::2]:
        path.unlink()
    held[1].write_bytes(held[1].read_bytes()[:-40] + bytes(40))
    some, of_some = run(plan, tmp_path / "u", detail=detail)
    assert some == whole
    assert 0 < of_some.found < keeper.kept
    assert files(tmp_path / "u") == held


def test_blocks_of_another_run_are_not_taken(plan, tmp_path):
    _, keeper = run(plan, tmp_path)
    others = {
        "seed": lambda: run(plan, tmp_path, seed=8),
        "detail": lambda: run(plan, tmp_path, detail="segment"),
        "value": lambda: run(load(TINY, ["base.smb.renewal_rate=91 %"]), tmp_path),
        "bound of a target": lambda: run(load(TINY, ["targets.board ARR.at_least=5_000_000"]), tmp_path),
    }
    for what, other in others.items():
        assert other()[1].found == 0, what
    assert run(plan, tmp_path)[1].found == keeper.kept


def test_more_draws_go_on_from_fewer(plan, tmp_path):
    run(plan, tmp_path)
    more, keeper = run(plan, tmp_path, draws=2 * DRAWS)
    assert keeper.found > DRAWS
    assert more == digest(simulate(plan, **{**COMPANY, "draws": 2 * DRAWS}))


def test_other_versions_are_other_blocks(plan, tmp_path, monkeypatch):
    run(plan, tmp_path)
    monkeypatch.setattr(blocks, "environment", lambda: {"numpy": "0"})
    assert run(plan, tmp_path)[1].found == 0


def test_a_file_with_the_name_of_another_block_is_not_taken(plan, tmp_path):
    whole, keeper = run(plan, tmp_path)
    first, second = files(tmp_path)[:2]
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    again, of_some = run(plan, tmp_path)
    assert again == whole
    assert of_some.found < keeper.kept


def test_what_is_done_is_cleared_away_and_nothing_else(plan, tmp_path):
    _, keeper = run(plan, tmp_path / "u")
    (tmp_path / "u" / "mine.txt").write_text("mine")
    keeper.clear()
    assert [path.name for path in files(tmp_path / "u")] == ["mine.txt"]
    (tmp_path / "u" / "mine.txt").unlink()
    keeper.clear()
    assert not (tmp_path / "u").exists()


def test_a_disk_without_room_costs_the_blocks_and_not_the_run(plan, tmp_path, monkeypatch):
    whole = digest(simulate(plan, **COMPANY))
    usage, asked = shutil.disk_usage(tmp_path), []

    def free(folder):
        asked.append(folder)
        return usage._replace(free=10**12 if len(asked) < 3 else 1000)

    monkeypatch.setattr(shutil, "disk_usage", free)
    found, keeper = run(plan, tmp_path / "u")
    assert found == whole
    assert len(asked) == 3
    assert keeper.kept == 0
    assert not (tmp_path / "u").exists()


def test_a_folder_that_cannot_be_made_costs_the_blocks_and_not_the_run(plan, tmp_path):
    (tmp_path / "u").write_text("a file")
    found, keeper = run(plan, tmp_path / "u")
    assert found == digest(simulate(plan, **COMPANY))
    assert keeper.kept == 0
    assert (tmp_path / "u").read_text() == "a file"


def test_blocks_that_nobody_came_back_for_are_cleared_away_when_they_are_old(plan, tmp_path):
    run(plan, tmp_path / ".unfinished")
    assert abandoned(tmp_path) == []
    assert abandoned(tmp_path, older_than=-10) == [tmp_path / ".unfinished"]
    swept(tmp_path / ".unfinished")
    assert files(tmp_path) == []


def test_a_file_that_was_being_written_is_cleared_away_when_it_is_old(tmp_path):
    torn = tmp_path / ".plan.yaml.0123456789ab.partial"
    torn.write_text("pl")
    assert abandoned(tmp_path) == []
    assert abandoned(tmp_path, older_than=-10) == [torn]
    swept(torn)
    assert files(tmp_path) == []


class Forgetful:
    """A keeper that has some blocks only, by their number, as after any number of kills."""

    def __init__(self):
        self.blocks, self.has, self.worked_out = {}, set(), 0

    def get(self, key):
        text = repr(sorted(key.items()))
        return self.blocks[text] if text in [*self.blocks] and [*self.blocks].index(text) in self.has else None

    def put(self, key, spans):
        self.worked_out += 1
        self.blocks[repr(sorted(key.items()))] = list(spans)


def test_blocks_come_in_order_whichever_are_there(plan):
    keeper = Forgetful()
    whole = digest(simulate(plan, **COMPANY, keeper=keeper))
    count = keeper.worked_out
    assert count > 5
    for has in ({0}, {1, 2}, {0, 2, 4}, {count - 1}, set(range(count))):
        keeper.has, keeper.worked_out = has, 0
        assert digest(simulate(plan, **COMPANY, keeper=keeper)) == whole
        assert keeper.worked_out == count - len(has)
