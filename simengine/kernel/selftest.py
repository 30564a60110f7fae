"""What a compiled kernel is tried on before any result of a user: published words, and a plan as small as can be."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import numpy as np

from simengine.kernel.tables import (
    Band,
    BandKind,
    Calendar,
    Cell,
    Group,
    Opening,
    Pool,
    Results,
    Row,
    Seat,
    Segment,
    Shape,
    Tables,
)

_PUBLISHED = (
    ((0x00000000,) * 6, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ((0xFFFFFFFF,) * 6, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        (0xA4093822, 0x299F31D0, 0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
)
"""Key and counter of philox4x32-10, and its words: the known answers of Random123."""

_NONE = -1
_HALF, _ONE, _TWENTY = 0, 1, 2
"""Slots of the smallest plan."""
_NUMBERS = (0.5, 1.0, 20.0)
_PATHS, _MONTHS = 16, 15


def published_words(philox: Any) -> str:
    """The generator's words at the keys and counters whose words are published; raises RuntimeError for others."""
    for address, words in _PUBLISHED:
        found = " ".join(f"{word:08x}" for word in philox(*map(np.uint64, address)))
        if found != words:
            raise RuntimeError(
                f"philox4x32-10 of {address} is {words}, but numba's compiled code gives {found}. No result can be "
                "right on this machine: reinstall numba and llvmlite, and report it if that does not help."
            )
    return _PUBLISHED[-1][1]


def smallest_plan() -> tuple[Tables, Any, Any]:
    """A plan with one row in every table: tables, `slots` and `varying` of 16 paths and 15 months.

    Its numbers are a half wherever nothing else is needed for something to happen: people leave, are promoted and
    replaced, demand arrives and waits, deals close, customers renew, expand and leave.
    """
    calendar = _row(
        Calendar,
        _HALF,
        {Calendar.MONTHS: _MONTHS, Calendar.START: 24_324, Calendar.BILLING: 12, Calendar.FREEZE_AFTER: _NONE},
    )
    group = {
        Group.SELLS: 1,
        Group.BACKFILL: 1,
        Group.RAMP_SHAPE: Shape.LINEAR,
        Group.BUDGET: _NONE,
        Group.PROMOTED_INTO: _NONE,
        Group.QUOTA_OF_TEAM: _NONE,
        Group.TEAM: _NONE,
        Group.ROOM: _TWENTY,
    }
    cell = {
        Cell.SOLD: 1,
        Cell.BUDGET: _NONE,
        Cell.QUALIFIED_BY: _NONE,
        Cell.VOLUME: _TWENTY,
        Cell.OVERDISPERSION: _TWENTY,
        Cell.CYCLE: _ONE,
    }
    segment = {Segment.SUBSCRIPTION: 1, Segment.POOLS: 1, Segment.TERMS: 1, Segment.EXPANSION_SIZE: _TWENTY}
    tables = Tables(
        calendar=calendar,
        keys=np.array([[0xA4093822, 0x299F31D0]], np.uint64),
        groups=_row(Group, _HALF, group)[None],
        bands=_row(Band, _HALF, {Band.KIND: BandKind.DEAL})[None],
        seats=_row(Seat, 0)[None],
        tenures=np.full(1, _NUMBERS[_TWENTY]),
        pools=_row(Pool, 0, {Pool.SEATS: 1})[None],
        members=np.zeros((1, 1), np.int64),
        cells=_row(Cell, _HALF, cell)[None],
        rates=np.full((1, 1), _HALF),
        stage_lags=np.full((1, 1), _HALF),
        season=np.ones((1, 24)),
        planned=np.empty(0),
        segments=_row(Segment, _HALF, segment)[None],
        terms=np.full((1, 1), 12),
        term_shares=np.ones(1),
        pipeline=_row(Row, 0, {Row.ARRIVAL: 24_320, Row.COUNT: 5, Row.OWNER: _NONE})[None],
        pipeline_numbers=np.array([[4.0, -1.0]]),
        customers=_row(Opening, 0, {Opening.PERIOD: 12, Opening.DUE: 3, Opening.RENEWAL_RATE: _NONE})[None],
        customer_numbers=np.array([[0.5, 0.5]]),
        varying=np.full((1, 1), _HALF),
    )
    return tables, np.tile(_NUMBERS, (_PATHS, 1)), np.full((_PATHS, _MONTHS, 1), _NUMBERS[_HALF])


def _row(columns: type[IntEnum], number: int, given: Mapping[Any, int] = MappingProxyType({})) -> Any:
    """A row of a table: what is given, and one number everywhere else."""
    return np.array([given.get(column, number) for column in columns], np.int64)


def digest(results: Results) -> str:
    """Digest of every bit of a block's results."""
    return sha256(b"".join(array.tobytes() for array in results)).hexdigest()
