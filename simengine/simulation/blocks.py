"""A run in blocks: consecutive spans of a pass that are kept together, so that a run that was stopped goes on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Generic, Protocol, TypeVar

from simengine.results.reduction import Pass, Reduced, Reduction

_J = TypeVar("_J")

_BYTES = 2**24
"""Of the columns of a block, about: a kill costs the block under way, and every block costs a file."""
_MOST_SPANS = 128


class Keeper(Protocol):
    """Keeps blocks by what they hang on."""

    def get(self, key: Mapping[str, Any]) -> Sequence[Reduced] | None:
        """The spans of a block, exactly as they were put; None where it was never put, or is lost."""

    def put(self, key: Mapping[str, Any], spans: Sequence[Reduced]) -> None:
        """Keep a block, if that can be done; the counts of all its spans stand with the first."""


@dataclass(frozen=True)
class Block(Generic[_J]):
    """Consecutive spans of one pass.

    Attributes
    ----------
    use : of the pass
    key : all that the block hangs on
    jobs : what is to be done for its spans, in order
    """

    use: Pass
    key: Mapping[str, Any]
    jobs: Sequence[_J]


def ranges(reduction: Reduction, paths: int) -> Iterator[range]:
    """The draws of a pass, block by block; a block is a whole number of spans."""
    spans = max(1, min(_MOST_SPANS, _BYTES // max(1, reduction.span * reduction.path_bytes)))
    length = spans * reduction.span
    return (range(start, min(start + length, paths)) for start in range(0, paths, length))


def in_turn(
    blocks: Iterable[Block[_J]], work: Callable[[Iterable[_J]], Iterator[Reduced]], keeper: Keeper
) -> Iterator[tuple[Pass, Reduced]]:
    """The spans of every block in order: taken from the keeper, or worked out and then kept there.

    `work` does jobs in order, several at a time; blocks that follow each other are not waited for one by one.
    """
    looked_up = ((block, keeper.get(block.key)) for block in blocks)
    for is_kept, group in groupby(looked_up, key=lambda pair: pair[1] is not None):
        if is_kept:
            yield from ((block.use, span) for block, spans in group for span in spans or ())
        else:
            yield from _worked_out((block for block, _ in group), work, keeper)


def _worked_out(
    blocks: Iterable[Block[_J]], work: Callable[[Iterable[_J]], Iterator[Reduced]], keeper: Keeper
) -> Iterator[tuple[Pass, Reduced]]:
    begun: deque[Block[_J]] = deque()

    def jobs() -> Iterator[_J]:
        for block in blocks:
            begun.append(block)
            yield from block.jobs

    done: list[Reduced] = []
    for span in work(jobs()):
        block = begun[0]
        yield block.use, span
        _add(done, span)
        if len(done) == len(block.jobs):
            keeper.put(block.key, done)
            begun.popleft()
            done = []


def _add(spans: list[Reduced], span: Reduced) -> None:
    """Add a span to those of its block, and its counts to those of the first: a hundred histograms take much room."""
    if not spans:
        spans.append(span)
        return
    first = spans[0]
    spans[0] = replace(first, counts={name: first.counts[name] + counts for name, counts in span.counts.items()})
    spans.append(replace(span, counts={}))
