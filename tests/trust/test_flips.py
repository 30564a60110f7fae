"""Bytes flipped, of which `python -m bench.trust.flips` tries twenty thousand: here some of each file."""

from itertools import islice

import pytest

from bench.trust.flips import Kept, stored, tried, ways_of


@pytest.mark.parametrize(("count", "step"), [(20, 41), pytest.param(500, 1, marks=pytest.mark.full)])
def test_no_byte_is_another_unnoticed(tmp_path, count, step):
    for kept in stored(tmp_path):
        ways = ways_of(kept, count)
        counts, _ = tried(kept, islice(ways, 0, None, step if kept.name == "manifest.json" else 1))
        assert sum(counts.values()) > count


def test_a_reader_that_does_not_look_is_found(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("some text")
    with pytest.raises(AssertionError, match="another content came out"):
        tried(Kept("text", file, file.read_bytes), [("flipped", b"some tex1")])
