"""dieharder on the generator's words, in each of the orders in which the kernel meets them.

dieharder (Debian's package; Brown, Eddelbuettel and Bauer) reads the words from its standard input. What it calls
FAILED, a p-value within 1e-6 of either end, fails. What it calls WEAK, within 0.005, is expected once in a hundred
results: such a test is run again with words of another seed, and fails if the same result is WEAK three times in a
row. Some 60 results in each of three orders then raise a false alarm with a probability below 0.001, and the seeds are
fixed.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.kernel.interleaved import ORDERS, words

BATTERY = {
    "birthdays": "0",
    "overlapping permutations": "1",
    "rank of 32 x 32": "2",
    "rank of 6 x 8": "3",
    "bitstream": "4",
    "ones in the stream": "8",
    "ones in bytes": "9",
    "parking lot": "10",
    "distance in two dimensions": "11",
    "distance in three dimensions": "12",
    "squeeze": "13",
    "runs": "15",
    "craps": "16",
    "greatest common divisor": "17 -p 25",
    "monobit": "100",
    "runs of bits": "101",
    "serial": "102",
    "distribution of four bits": "200 -n 4",
    "distance in five dimensions": "201 -n 5",
    "permutations": "202",
    "sum of one word of each block": "203 -n 3 -p 25",
    "Kolmogorov-Smirnov": "204",
    "bytes": "205",
    "cosine transform": "206",
    "trees": "207",
    "trees by position": "208",
    "monobit of many sizes": "209",
}
"""Arguments of dieharder's option -d. Left out are those that it calls suspect (5, 6, 7) or of no use (14)."""
QUICK = "8"
"""One that sees what is wrong with bad words within a second."""

TRIES = 3

needs_dieharder = pytest.mark.skipif(
    shutil.which("dieharder") is None, reason="dieharder is not installed; on Debian: apt-get install dieharder"
)


def verdicts(test: str, stream: Iterator[NDArray[np.uint32]]) -> list[str]:
    """PASSED, WEAK or FAILED for each result of one of dieharder's tests."""
    with tempfile.TemporaryFile() as report:
        command = ["dieharder", "-g", "200", "-D", "assessment", "-d", *test.split()]
        # The pipe breaks when the judge has read enough.
        with suppress(BrokenPipeError), subprocess.Popen(command, stdin=subprocess.PIPE, stdout=report) as judge:
            assert judge.stdin is not None
            for block in stream:
                judge.stdin.write(block.tobytes())
        report.seek(0)
        found = report.read().decode().split()
    assert found
    assert set(found) <= {"PASSED", "WEAK", "FAILED"}
    return found


@pytest.mark.full
@needs_dieharder
@pytest.mark.parametrize("test", BATTERY.values(), ids=BATTERY)
@pytest.mark.parametrize("order", ORDERS)
def test_words_pass_dieharder(order: str, test: str) -> None:
    weak: set[int] | None = None
    for seed in range(TRIES):
        found = verdicts(test, words(order, seed))
        assert "FAILED" not in found, f"seed {seed}"
        again = {i for i, verdict in enumerate(found) if verdict == "WEAK"}
        weak = again if weak is None else weak & again
        if not weak:
            return
    pytest.fail(f"results {sorted(weak or set())} are weak with each of {TRIES} seeds")


def counter_without_rounds() -> Iterator[NDArray[np.uint32]]:
    """What comes out of a generator that forgets to mix."""
    first = 0
    while True:
        yield np.arange(first, first + 2**18, dtype=np.uint64).astype(np.uint32)
        first += 2**18


def purposes_that_share_their_chance() -> Iterator[NDArray[np.uint32]]:
    """Good words, each block of four of them ten times in a row."""
    for block in words("purpose", 0):
        yield np.repeat(block, 10, axis=0)


def short_congruential() -> Iterator[NDArray[np.uint32]]:
    """Words of x -> 69069 x + 1 modulo 2^32, with the period of its lowest bits."""
    powers = np.cumprod(np.full(2**18, 69069, np.uint32), dtype=np.uint32)
    sums = np.cumsum(np.concatenate([[1], powers[:-1]]), dtype=np.uint32)
    last = np.uint32(1)
    while True:
        block = powers * last + sums
        last = block[-1]
        yield block


@pytest.mark.full
@needs_dieharder
@pytest.mark.parametrize("bad", [counter_without_rounds, purposes_that_share_their_chance, short_congruential])
def test_bad_words_fail(bad: Callable[[], Iterator[NDArray[np.uint32]]]) -> None:
    assert "FAILED" in verdicts(QUICK, bad())
