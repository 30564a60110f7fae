"""Bytes of what is stored, flipped, cut off and added: every one is noticed, or makes no difference that could be seen.

Every byte of a manifest has one bit flipped, and is inverted; of files with data some places are taken by chance. Then
the file is read as a command reads it. What comes out must be a MachineError that says that it is damaged, nothing (so
that it is made again), or exactly what was stored.
"""

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from bench.inputs import ROOT
from bench.trust.faults import cheap
from bench.trust.record import Line, record
from simengine.archive import load_plan, load_run, save
from simengine.archive.blocks import Blocks
from simengine.archive.columns import read_columns, write_columns
from simengine.decide.batch import batch
from simengine.decide.grid import scenarios
from simengine.errors import MachineError, SimengineError
from simengine.plan import load
from simengine.results.dataset import digest
from simengine.results.reduction import Reduced

TINY = ROOT / "tests" / "plans" / "tiny.yaml"
_SEED = 20_261_129


class Kept(NamedTuple):
    """A file, and how it is read.

    Attributes
    ----------
    name : as the page calls it
    file : that is damaged
    read : what a command has from it, in a form that can be compared; None where it would be made again
    """

    name: str
    file: Path
    read: Callable[[], Any]


def stored(folder):
    """One file of every kind, each written by what writes it."""
    yield from _of_a_run(folder)
    write_columns(folder / "c.nc", {"a": np.arange(40.0), "b": np.ones(40)}, {"of": "columns"})
    yield Kept("columns", folder / "c.nc", lambda: _columns(folder / "c.nc"))
    yield _of_a_block(folder)
    yield from _of_a_batch(folder)


def _of_a_run(folder):
    rng = np.random.default_rng(_SEED)
    ds = xr.Dataset(
        {
            "arr": (("draw", "month"), rng.lognormal(15, 1, (60, 3)), {"units": "USD"}),
            "hit": ("draw", np.arange(60) > 9),
        },
        {"draw": np.arange(60), "month": ["2027-01", "2027-02", "2027-03"]},
        {"plan": "Tiny · süß", "seed": 7, "draws": 60},
    )
    place = save(ds, load(TINY, ["base.smb.renewal_rate=91 %"]), folder / "run")

    def read():
        run = load_run(place)
        return digest(run.dataset), json.dumps(run.manifest), json.dumps(run.dataset.attrs)

    def read_plan():
        plan = load_plan(place)
        return plan.digest_simulated, plan.texts, plan.origin.overrides

    yield Kept("manifest.json", place / "manifest.json", read)
    yield Kept("result.nc", place / "result.nc", read)
    yield Kept("plan", place / "plan" / "tiny.yaml", read_plan)


def _of_a_block(folder):
    key = {"block": 1}
    spans = [Reduced(0, 16, {"arr": np.arange(16.0)}, {("mean", "arr"): np.ones(3)}, {"n": np.arange(5)})]
    Blocks(folder / "u").put(key, spans)
    (file,) = (folder / "u").iterdir()

    def read():
        found = Blocks(folder / "u").get(key)
        return None if found is None else repr(found)

    return Kept("block", file, read)


def _of_a_batch(folder):
    place, plans = folder / "batch", scenarios([TINY], ["hires.ae=0,1"])

    def whole():
        with cheap():
            return list(batch(plans, place, draws=8)["digest_values"].values), (place / "batch.json").read_bytes()

    whole()
    values = sorted((place / "values").iterdir())
    yield Kept("values of a batch", values[0], lambda: _columns(values[0]))
    # What stands in it is never read back, but for what it is: it is written anew by every batch.
    yield Kept("batch.json", place / "batch.json", whole)


def _columns(file):
    found = read_columns(file)
    return None if found is None else (found.digest, found.about, {k: v.tobytes() for k, v in found.values.items()})


def every(content):
    """Every byte, one bit flipped and inverted."""
    for place in range(len(content)):
        for mask in (1 << place % 8, 0xFF):
            yield "flipped", _flipped(content, place, mask)


def sampled(content, count, rng):
    """Places by chance, one bit flipped."""
    for place in rng.integers(len(content), size=count):
        yield "flipped", _flipped(content, place, 1 << int(rng.integers(8)))


def cut_and_grown(content, count, rng):
    """Cut off somewhere, or with something behind, or with a piece taken out or put in twice."""
    for place in (0, 1, len(content) - 1, *rng.integers(len(content), size=count)):
        yield "cut", content[:place]
    for place in rng.integers(len(content), size=count):
        yield "grown", content + content[place:] + rng.bytes(1)
        yield "cut", content[:place] + content[place + 1 :]
        yield "grown", content[:place] + content[place : place + 8] + content[place:]


def _flipped(content, place, mask):
    damaged = bytearray(content)
    damaged[place] ^= mask
    return bytes(damaged)


def tried(kept, ways):
    """Damage a file in some ways; how many of each, and how it was noticed: by an error, made again, or no difference.

    Raises AssertionError where another content came out, or another error.
    """
    good, right = kept.file.read_bytes(), kept.read()
    assert right is not None
    counts, outcomes = Counter(), Counter()
    for what, content in ways:
        if content == good:
            continue
        kept.file.write_bytes(content)
        found = _outcome(kept, right)
        assert found, f"{kept.name} {what}: another content came out"
        outcomes[found] += 1
        counts[what] += 1
        kept.file.write_bytes(good)
    assert kept.read() == right
    return counts, outcomes


def _outcome(kept, right):
    """How damage was noticed; nothing where it was not."""
    try:
        found = kept.read()
    except MachineError as error:
        return "error" if "damaged" in str(error) else ""
    except SimengineError:
        # A folder whose manifest does not say that it is a batch may be anybody's.
        return "error" if kept.name == "batch.json" else ""
    if found is None:
        return "made again"
    return "no difference" if kept.name == "batch.json" and found == right else ""


def ways_of(kept, count):
    """How a file is damaged: a manifest everywhere, others in `count` places."""
    content, rng = kept.file.read_bytes(), np.random.default_rng(_SEED)
    flips = every(content) if kept.name == "manifest.json" else sampled(content, count, rng)
    yield from flips
    yield from cut_and_grown(content, max(2, count // 20), rng)


def main():
    """Flip at least 20,000 bytes; keep the figures."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kept in stored(Path(folder).resolve()):
            counts, outcomes = tried(kept, ways_of(kept, 300 if kept.name == "batch.json" else 4000))
            print(kept.name, dict(counts), dict(outcomes), flush=True)
            rows.append((kept.name, counts, outcomes))
    flipped = sum(counts["flipped"] for _, counts, _ in rows)
    others = sum(sum(counts.values()) for _, counts, _ in rows) - flipped
    total = sum((outcomes for _, _, outcomes in rows), Counter())
    of_each = ", ".join(f"{name} {sum(counts.values()):,}" for name, counts, _ in rows)
    record(
        "flips",
        [
            Line(
                "a byte of what is stored that is not as it was written is noticed",
                "every byte of a manifest flipped, sampled bytes of the rest, files cut and grown, each then read",
                f"{flipped:,} flips, {others:,} cut or grown ({of_each})",
                f"{total['error']:,} refused as damaged, {total['made again']:,} made again, "
                f"{total['no difference']:,} of batch.json that changed no result; 0 silent differences",
            )
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
