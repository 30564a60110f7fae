"""The readers of simengine, each as a function of bytes: what is fuzzed, and replayed from what fuzzing has kept.

A reader that would first ask for a seal, a digest or a zip archive gets its bytes sealed or packed by the target, so
that what is tried is the reader and not the checksum in front of it.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import simengine as se
from bench.inputs import ROOT
from simengine.archive import MANIFEST, RESULT, _rendered, columns, load_plan, load_run, manifest_of, save, sealed
from simengine.cli.completers import targets as completed_targets
from simengine.cli.gathered import past_scores, solution
from simengine.cockpit.guard import Guard
from simengine.decide.batch import FORMAT as BATCH
from simengine.decide.batch import _check_place as check_batch
from simengine.errors import SimengineError
from simengine.learn.actuals import read as read_actuals
from simengine.plan import load, loads
from simengine.workbook import template, write
from simengine.workbook.imported import read as read_workbook

PLANS = ROOT / "tests" / "plans"
TINY = (PLANS / "tiny.yaml").read_text(encoding="utf-8")
FULL = (PLANS / "full.yaml").read_text(encoding="utf-8")
TABLES = {f"full/{file.name}": file.read_text(encoding="utf-8-sig") for file in sorted((PLANS / "full").iterdir())}


class Target(NamedTuple):
    """A reader: `read` takes bytes and an empty folder to put them in; `seeds` are inputs to begin with."""

    read: Callable[[bytes, Path], object]
    seeds: Callable[[], Iterable[bytes]]


def outcome(target, data, folder):
    """`result` or the name of the error, which is one that simengine raises on purpose; anything else is raised."""
    try:
        target.read(data, folder)
    except SimengineError as error:
        if not str(error):
            raise AssertionError("an error without words") from error
        return type(error).__name__
    return "result"


def _split(data, choices):
    """One of the choices, by the first byte, and the bytes that follow."""
    return choices[(data[0] if data else 0) % len(choices)], data[1:]


def _text(data):
    return data.decode("utf-8", "replace")


# --- plans ------------------------------------------------------------------------------------------------------------


def read_plan(data, folder):
    """A plan file."""
    file = folder / "plan.yaml"
    file.write_bytes(data)
    return load(file)


def plan_seeds():
    """Plans, and sections of them."""
    yield TINY.encode()
    head, *sections = FULL.split("\n\n")
    yield from (f"{head}\n{section}".encode() for section in sections)


def read_table(data, folder):
    """A CSV file of a plan."""
    name, rest = _split(data, sorted(TABLES))
    return loads(FULL, "full.yaml", files={**TABLES, name: _text(rest)})


def table_seeds():
    """The tables of the full plan."""
    return [bytes([i]) + TABLES[name].encode() for i, name in enumerate(sorted(TABLES))]


def read_overrides(data, folder):
    """Values of `--set`, one a line."""
    return loads(TINY, "tiny.yaml", overrides=_text(data).split("\n")[:2])


def override_seeds():
    """Overrides as users write them."""
    yield b"base.smb.renewal_rate=92 %"
    yield b"win_rate.smb=0.2\nteam.seats.ae-smb.existing=3"
    yield b"win_rate.smb={beta: {mean: 20 %, n: 50}}"
    yield b"targets=[{name: a, metric: nrr, period: FY2027, at_least: 100 %}]"
    yield b"team.roles.ae.quota=\nfunnel.channels.inbound.segments.smb.win_rate={start: 20 %, 2027-03: 25 %}"


# --- records ----------------------------------------------------------------------------------------------------------

HISTORY = """\
history: {as_of: 2027-03-31, currency: USD}
opportunities:
  source: {file: records.csv}
  columns: {id: Id, segment: Segment, created: Created, outcome: Outcome, closed: Closed, amount: Amount, owner: Owner}
"""
RECORDS = """\
Id,Segment,Created,Outcome,Closed,Amount,Owner
101,smb,2027-01-04,won,2027-02-10,1234.5,Zoë
102,smb,2027-01-11,lost,2027-01-29,900,bob
103,mid,2027-02-01,open,,4800,bob
"""


def read_mapping(data, folder):
    """A mapping file, beside records."""
    (folder / "records.csv").write_text(RECORDS, encoding="utf-8")
    (folder / "history.yaml").write_bytes(data)
    return read_actuals(folder / "history.yaml")


def mapping_seeds():
    """Mapping files of the tests, and one that fits."""
    yield HISTORY.encode()
    yield from (file.read_bytes() for file in sorted((ROOT / "tests" / "learn" / "mappings").glob("*.yaml")))


def read_records(data, folder):
    """Records as text."""
    (folder / "history.yaml").write_text(HISTORY, encoding="utf-8")
    (folder / "records.csv").write_bytes(data)
    return read_actuals(folder / "history.yaml")


def record_seeds():
    """The same records, written as different programs write them."""
    yield RECORDS.encode()
    yield RECORDS.replace(",", ";").replace(".5", ",5").encode("utf-16")
    yield RECORDS.replace("2027-01-04", "04/01/2027").replace("2027-02-10", "10/02/2027").encode("latin-1")
    yield b"\xef\xbb\xbf" + RECORDS.replace("\n", "\r\n").replace("1234.5", '"$1,234.50"').encode()


def read_packed(data, folder):
    """Records in a Parquet file or a workbook."""
    ending, rest = _split(data, ("parquet", "xlsx", "ods"))
    (folder / "history.yaml").write_text(HISTORY.replace("records.csv", f"records.{ending}"), encoding="utf-8")
    (folder / f"records.{ending}").write_bytes(rest)
    return read_actuals(folder / "history.yaml")


def packed_seeds():
    """The records as Parquet."""
    import pandas as pd

    packed = io.BytesIO()
    pd.read_csv(io.StringIO(RECORDS)).to_parquet(packed, compression=None)
    yield b"\0" + packed.getvalue()


# --- workbooks --------------------------------------------------------------------------------------------------------


@cache
def run_of_tiny():
    """A run of the tiny plan, and the plan."""
    plan = load(PLANS / "tiny.yaml")
    return se.simulate(plan, draws=8, twins=2, seed=7), plan


@cache
def workbooks():
    """An exported workbook and a template, as their parts."""
    found = []
    with TemporaryDirectory() as folder:
        exported, blank = Path(folder) / "exported.xlsx", Path(folder) / "template.xlsx"
        write({"tiny": run_of_tiny()}, exported)
        template(blank)
        for file in (exported, blank):
            with zipfile.ZipFile(file) as package:
                found.append({name: package.read(name) for name in sorted(package.namelist())})
    return found


def _read_parts(parts):
    """The parts that a reader of workbooks looks into."""
    return [
        name for name in parts if name.endswith(".xml") and ("sheet" in name or "workbook" in name or "shared" in name)
    ]


def read_part(data, folder):
    """A workbook in which one part of the package is another."""
    parts, rest = _split(data, workbooks())
    name, rest = _split(rest, _read_parts(parts))
    with zipfile.ZipFile(folder / "plan.xlsx", "w") as package:
        for part, content in {**parts, name: rest}.items():
            package.writestr(part, content)
    return read_workbook(folder / "plan.xlsx")


def part_seeds():
    """Small parts, which lead far enough in."""
    for i, parts in enumerate(workbooks()):
        for j, name in enumerate(_read_parts(parts)):
            if len(parts[name]) < 8_000:
                yield bytes([i, j]) + parts[name]


def read_package(data, folder):
    """A file called .xlsx."""
    (folder / "plan.xlsx").write_bytes(data)
    return read_workbook(folder / "plan.xlsx")


def package_seeds():
    """A small zip archive with the names of a workbook."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("xl/workbook.xml", "<workbook><sheets/></workbook>")
        package.writestr("xl/_rels/workbook.xml.rels", "<Relationships/>")
    yield packed.getvalue()


# --- what simengine itself has written --------------------------------------------------------------------------------


@cache
def stored():
    """The files of a stored run."""
    with TemporaryDirectory() as folder:
        place = Path(folder) / "run"
        save(*run_of_tiny(), place)
        return {str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


def _put(folder, files):
    place = folder / "run"
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def _sealed(manifest):
    """A manifest with a seal that fits what stands in it; as it is where it is no mapping."""
    try:
        told = json.loads(manifest)
        return _rendered({name: value for name, value in told.items() if name != "sha256"})
    except (ValueError, AttributeError, RecursionError):
        return manifest


def read_manifest(data, folder):
    """A stored run whose manifest is another, rightly sealed."""
    place = _put(folder, {**stored(), MANIFEST: _sealed(data)})
    manifest_of(place)
    load_plan(place)
    return load_run(place)


def manifest_seeds():
    """A manifest of few arrays, and one that names no array at all."""
    told = json.loads(stored()[MANIFEST])
    few = dict(list(told["arrays"].items())[:3])
    yield json.dumps({**told, "arrays": few}).encode()
    yield json.dumps({name: told[name] for name in ("format", "format_version", "plan", "files")}).encode()


def read_result(data, folder):
    """A stored run whose arrays are others, with digests of the file that fit."""
    told = json.loads(stored()[MANIFEST])
    told["files"][RESULT] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return load_run(_put(folder, {**stored(), MANIFEST: _sealed(json.dumps(told))}))


def result_seeds():
    """The beginning of the arrays."""
    yield stored()[RESULT][:4000]


def read_columns(data, folder):
    """The columns of a scenario of a batch, rightly sealed; the entries stand at the end."""
    told, _, body = data.partition(b"\0")
    content = body + told + len(told).to_bytes(sealed._LENGTH, "big")
    (folder / "columns").write_bytes(content + hashlib.sha256(content).digest() + sealed._END)
    return columns.read_columns(folder / "columns")


def column_seeds():
    """One column of three numbers."""
    arrays = {"column_0": {"dims": ["draw"], "dtype": "<f8", "stored": "f8", "shape": [3], "begin": 0, "attrs": {}}}
    about = json.dumps({"digest": "x", "columns": ["ARR"]})
    yield json.dumps({"about": about, "arrays": arrays}).encode() + b"\0" + bytes(24)


def read_batch(data, folder):
    """The manifest of a batch."""
    (folder / "batch").mkdir(exist_ok=True)
    (folder / "batch" / MANIFEST).write_bytes(data)
    return check_batch(folder / "batch")


def batch_seeds():
    """A manifest as batches write it."""
    yield json.dumps({"format": BATCH, "format_version": 1, "draws": 8, "seed": "7", "scenarios": []}).encode()


def read_json(data, folder):
    """What `solve` and `score --json` leave for the board's page."""
    kind, rest = _split(data, ("solution", "scores"))
    (folder / "found.json").write_bytes(rest)
    (folder / "solution.json").write_bytes(rest)
    return solution(folder) if kind == "solution" else past_scores(folder / "found.json")


def json_seeds():
    """Small answers of both kinds."""
    yield b'\0{"target": {}, "certificate": {}, "search": {}}'
    yield b'\1{"coverage": [], "table": [{"quarter": "2027-Q1", "inside": true}]}'


def read_request(data, folder):
    """The headers of a request to the cockpit, one a line."""
    first, *lines = data.split(b"\n")
    headers = [(name, value) for name, _, value in (line.partition(b":") for line in lines)]
    kind = "websocket" if first.startswith(b"w") else "http"
    scope = {"type": kind, "path": first.decode("latin-1"), "headers": headers}
    return [Guard(None, host)._is_ours(scope) for host in ("127.0.0.1", "0.0.0.0")]


def request_seeds():
    """A page, and a socket of another site."""
    yield b"/\nhost:localhost:8080\nsec-fetch-site:none"
    yield b"ws\nHost:[::1]:80\norigin:http://example.org"


def read_for_completion(data, folder):
    """A plan file, or a manifest, whose targets a shell completes."""
    kind, rest = _split(data, ("plan", "run"))
    name = "plan.yaml" if kind == "plan" else MANIFEST
    (folder / name).write_bytes(rest)
    return list(completed_targets(folder / name if kind == "plan" else folder))


def completion_seeds():
    """A plan, and a manifest that names one."""
    yield b"\0" + TINY.encode()
    yield b"\0extends: plan.yaml\ntargets: [{name: ARR}]"
    yield b'\1{"plan": {"file": "../manifest.json"}, "targets": [{"name": "ARR"}]}'


TARGETS = {
    "plan": Target(read_plan, plan_seeds),
    "table": Target(read_table, table_seeds),
    "overrides": Target(read_overrides, override_seeds),
    "mapping": Target(read_mapping, mapping_seeds),
    "records": Target(read_records, record_seeds),
    "packed-records": Target(read_packed, packed_seeds),
    "workbook-part": Target(read_part, part_seeds),
    "workbook": Target(read_package, package_seeds),
    "manifest": Target(read_manifest, manifest_seeds),
    "result": Target(read_result, result_seeds),
    "columns": Target(read_columns, column_seeds),
    "batch": Target(read_batch, batch_seeds),
    "json": Target(read_json, json_seeds),
    "completion": Target(read_for_completion, completion_seeds),
    "request": Target(read_request, request_seeds),
}
