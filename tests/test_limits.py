"""What is read of a stranger's file: the most that is allowed is read, and one more is refused in words.

Every limit of the table has a case here, which is given a size. A case that would take minutes at the true limit runs
at a small one in its place (SMALL), and at the true one only where `make test-full` can wait for it.
"""

import json
import os
import re
import resource
import sqlite3
import zipfile
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner

from simengine import limits
from simengine.archive import PLAN as PLAN_FOLDER
from simengine.archive import _rendered, load_plan, load_run, save
from simengine.archive.netcdf import Image
from simengine.cli import cli
from simengine.decide import grid
from simengine.errors import MachineError, PlanError, SimengineError
from simengine.learn import packed, sources
from simengine.learn.actuals import read as read_history
from simengine.limits import LIMITS
from simengine.plan import csvfile, load, loads, source, tables
from simengine.plan.folder import Folder
from simengine.plan.source import Mark, Problems, parse
from simengine.simulation import simulate
from simengine.simulation.memory import check_memory
from simengine.workbook import cells
from tests.learn import workbook

ROOT = Path(__file__).parents[1]
TINY_FILE = ROOT / "tests" / "plans" / "tiny.yaml"
TINY = TINY_FILE.read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")

SIDES: dict[str, Callable[[Path, int], object]] = {}
SMALL = {
    "NODES": (2_000, source),
    "CSV_ROWS": (1_000, csvfile),
    "CSV_ROWS_IN_ALL": (100, tables),
    "WORKBOOK_UNPACKED": (1_000_000, cells),
    "RECORD_ROWS": (20, sources),
    "SCENARIOS": (6, grid),
}
"""What is tried in the place of a limit that takes long, and where it is read from."""
AT_ITS_TRUE_SIZE = ("NODES", "CSV_ROWS", "WORKBOOK_UNPACKED")


def sides(name):
    """The case of a limit: reads something of a size, and raises what a user would be told."""

    def keep(case):
        SIDES[name] = case
        return case

    return keep


@contextmanager
def told(problems):
    yield
    if problems.found:
        raise PlanError(problems.found)


@contextmanager
def otherwise_refused(words):
    """What comes so far is refused, too, but for another reason than its size."""
    try:
        yield
    except SimengineError as error:
        if words not in str(error):
            raise


def parsed(text):
    problems = Problems()
    with told(problems):
        return parse(text, "plan.yaml", problems)


def sparse(path, size):
    with path.open("wb") as file:
        file.truncate(size)
    return path


# ---- plan ----


@sides("PLAN_BYTES")
def plan_bytes(folder, n):
    start = TINY.encode() + b"\n# "
    (folder / "plan.yaml").write_bytes(start + b"x" * (n - len(start)))
    load(folder / "plan.yaml")


@sides("PLAN_BYTES_IN_ALL")
def plan_bytes_in_all(folder, n):
    problems = Problems()
    with told(problems):
        half = "x" * (n // 2)
        plan = Folder(None, problems, {"a.csv": half, "b.csv": half + "x" * (n % 2)})
        for name in plan.given:
            plan.read(name, Mark("plan.yaml", 1, 1), "facts.file")


@sides("PLAN_FILES")
def plan_files(folder, n):
    problems = Problems()
    with told(problems):
        plan = Folder(None, problems, {f"{i}.csv": "" for i in range(n)})
        for name in plan.given:
            plan.read(name, Mark("plan.yaml", 1, 1), "facts.file")


@sides("EXTENDS")
def extends(folder, n):
    files = {f"{i}.yaml": f"extends: {i + 1}.yaml\n" for i in range(n - 1)} | {f"{n - 1}.yaml": TINY}
    loads(files.pop("0.yaml"), "0.yaml", files=files)


@sides("DEPTH")
def depth(folder, n):
    parsed("a: " + "[" * (n - 1) + "]" * (n - 1))


@sides("NODES")
def nodes(folder, n):
    parsed("[" + "a, " * (n - 1) + "]")


@sides("TEXT")
def text(folder, n):
    parsed(f"a: {'x' * n}")


@sides("TITLE")
def title(folder, n):
    loads(TINY, overrides=[f"plan.name={'x' * n}"])


@sides("NAME")
def name(folder, n):
    loads(TINY, overrides=[f"segments.{'x' * n}={{geo: EU}}"])


@sides("NUMBER")
def number(folder, n):
    parsed(f"a: 1.{'0' * (n - 2)}")
    loads(TINY, overrides=[f"targets.NRR.at_least=1.{'0' * (n - 4)}{' %' if n else ''}"])
    loads(TINY, overrides=[f"base.smb.arr='1000000.{'0' * (n - 8)}'"])


@sides("SETTING")
def setting(folder, n):
    start = "base.smb.customers=101 #"
    loads(TINY, overrides=[start + "x" * (n + 1 - len(start))])


@sides("MISTAKES")
def mistakes(folder, n):
    parse("a: " + "\t" * n, "plan.yaml", Problems())


# ---- CSV beside a plan ----


def table(text, required, optional=()):
    problems = Problems()
    with told(problems):
        return csvfile.rows(text, "rows.csv", required, optional, problems)


@sides("CSV_ROWS")
def csv_rows(folder, n):
    table("a\n" + "\n1" * n, ("a",))


@sides("CSV_ROWS_IN_ALL")
def csv_rows_in_all(folder, n):
    half = "segment,month,arr\n" + "smb,2027-01,1\n" * (n // 2)
    rest = "month,output,value\n" + "".join(f"2026-{i % 12 + 1:02},new_arr,1\n" for i in range(n - n // 2))
    folder = Folder(None, Problems(), {"a.csv": half, "f.csv": rest, "plan.yaml": ""})
    tree = parsed("base: {smb: {atr: {file: a.csv}}}\nfacts: {file: f.csv}\nsegments: {smb: {}}")
    with told(folder.problems):
        tables.include(tree, folder)


@sides("CSV_COLUMNS")
def csv_columns(folder, n):
    names = ",".join(f"c{i}" for i in range(n))
    table(f"{names}\n{names}\n", ("c0",), None)


@sides("CSV_CELL")
def csv_cell(folder, n):
    table(f"a\n{'x' * n}\n", ("a",))


# ---- records ----

HEADER = ("id", "segment", "created", "outcome", "closed", "amount")
COLUMNS = "{" + ", ".join(f"{name}: {name}" for name in HEADER) + "}"


def record(i):
    return f"d{i},smb,2027-01-04,won,2027-02-10,1000"


def history(folder, source_):
    mapping = f"history: {{as_of: 2027-03-31, currency: USD}}\nopportunities:\n  source: {source_}\n"
    mapping += f"  columns: {COLUMNS}\n  complete: true\n"
    (folder / "history.yaml").write_text(mapping, encoding="utf-8")
    read_history(folder / "history.yaml")


def csv_history(folder, *lines, more=""):
    (folder / "deals.csv").write_text("\n".join((",".join(HEADER) + more, *lines, "")), encoding="utf-8")
    history(folder, "deals.csv")


@sides("RECORD_BYTES")
def record_bytes(folder, n):
    sparse(folder / "deals.csv", n)
    with otherwise_refused("a zero byte"):
        history(folder, "deals.csv")


@sides("RECORD_ROWS")
def record_rows(folder, n):
    csv_history(folder, *map(record, range(n)))


@sides("RECORD_COLUMNS")
def record_columns(folder, n):
    spare = n - len(HEADER)
    csv_history(folder, record(1) + "," * spare, more="".join(f",c{i}" for i in range(spare)))


@sides("RECORD_CELL")
def record_cell(folder, n):
    csv_history(folder, record("x" * (n - 1)))


def far(*places):
    """Sheets with a cell at A1 and another at each of these places."""
    sheet = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
    return [
        sheet.format(f'<row r="1"><c r="A1"/></row><row r="{row}"><c r="{column}{row}"><v>1</v></c></row>')
        for column, row in places
    ]


def package(path, sheets, more=(), compression=zipfile.ZIP_DEFLATED):
    """A workbook made of sheets, with more parts."""
    workbook.write(path, {f"S{i}": [["a"]] for i in range(len(sheets) or 1)})
    with zipfile.ZipFile(path) as made:
        parts = {entry.filename: made.read(entry) for entry in made.infolist()}
    parts |= {f"xl/worksheets/sheet{i}.xml": sheet for i, sheet in enumerate(sheets, start=1)}
    with zipfile.ZipFile(path, "w", compression) as made:
        for name, content in (parts | dict(more)).items():
            made.writestr(name, content)
    return path


def spread(folder, limit, n):
    """A sheet of the most cells that there may be, and one more sheet where there is one cell too many."""
    assert limit.most % 1000 == 0
    places = [("ALL", limit.most // 1000)]
    assert packed.column_number(b"ALL") == 1000
    return package(folder / "far.xlsx", far(*places, *[("A", 1)] * (n - limit.most)))


@sides("SHEET_CELLS")
def sheet_cells(folder, n):
    with zipfile.ZipFile(spread(folder, limits.SHEET_CELLS, n)) as made:
        try:
            # Not by a reader: so many cells fit into the memory of a large machine only.
            packed.check_package(made, limits.RECORD_BYTES, limits.SHEET_CELLS)
        except packed.TooMuchError as error:
            raise SimengineError(f"far.xlsx {error.message}; {error.remedy}") from None


@sides("DATABASE_BYTES")
def database_bytes(folder, n):
    link = sqlite3.connect(folder / "crm.db")
    link.execute(f"create table deals ({', '.join(HEADER)})")
    link.execute("insert into deals values ('1', 'smb', '2027-01-04', 'won', '2027-02-10', '1000')")
    link.commit()
    link.close()
    with (folder / "crm.db").open("r+b") as file:
        file.truncate(n)
    history(folder, '{sql: "sqlite:///crm.db", table: deals}')


# ---- workbooks ----


@sides("WORKBOOK_BYTES")
def workbook_bytes(folder, n):
    size = package(folder / "a.xlsx", [], {"xl/media/x.png": b""}, zipfile.ZIP_STORED).stat().st_size
    path = package(folder / "a.xlsx", [], {"xl/media/x.png": bytes(n - size)}, zipfile.ZIP_STORED)
    assert path.stat().st_size == n
    cells.open_book(path)


@sides("WORKBOOK_UNPACKED")
def workbook_unpacked(folder, n):
    with zipfile.ZipFile(package(folder / "a.xlsx", [])) as made:
        size = sum(entry.file_size for entry in made.infolist())
    cells.open_book(package(folder / "a.xlsx", [], {"xl/media/x.png": bytes(n - size)}))


@sides("PACKED_FILES")
def packed_files(folder, n):
    with zipfile.ZipFile(package(folder / "a.xlsx", [])) as made:
        count = len(made.infolist())
    cells.open_book(package(folder / "a.xlsx", [], {f"xl/media/{i}.png": b"" for i in range(n - count)}))


@sides("WORKBOOK_CELLS")
def workbook_cells(folder, n):
    cells.open_book(spread(folder, limits.WORKBOOK_CELLS, n))


# ---- stored runs ----


@sides("JSON_BYTES")
def json_bytes(folder, n):
    sparse(folder / "manifest.json", n)
    with otherwise_refused("is not as simengine wrote it"):
        load_run(folder)


@sides("VARIABLE_BYTES")
def variable_bytes(folder, n):
    shape = (4, n // 4) if n % 4 == 0 else (1, n)
    Image(xr.Dataset({"hit": (("a", "b"), np.broadcast_to(np.True_, shape))}))


# ---- runs ----


@sides("DRAWS")
def draws(folder, n):
    with otherwise_refused("GB of memory"):
        simulate(loads(TINY), draws=n)


@sides("SEED")
def seed(folder, n):
    simulate(loads(TINY), draws=1, seed=n)


@sides("MEMORY")
def memory(folder, n):
    check_memory(n, limits.MEMORY.most, "headline")


@sides("SCENARIOS")
def scenarios(folder, n):
    grid.scenarios([TINY_FILE], [f"win_rate.smb={','.join(f'{i + 1} %' for i in range(n))}"])


@sides("DAYS")
def days(folder, n):
    result = CliRunner().invoke(cli, ["runs", "prune", str(folder), "--older-than", str(n)])
    if result.exit_code:
        raise SimengineError(result.stderr)


# ---- both sides of each ----


def both_sides(case, folder, limit):
    for side in ("most", "more"):
        (folder / side).mkdir()
    case(folder / "most", limit.most)
    with pytest.raises(SimengineError) as refused:
        case(folder / "more", limit.most + 1)
    assert refused.value.exit_code == 2
    words = str(refused.value).splitlines()[0]
    assert any(most in words for most in (f"{limit.most:,}", str(limit.most), f"{limit.most / 1e9:.1f} GB"))
    assert ";" in words or ", or " in words, "what to do is not said"


@pytest.mark.parametrize("name", LIMITS)
def test_the_most_is_read_and_one_more_is_refused(name, tmp_path, monkeypatch):
    assert name in SIDES, f"{name} has no case in this file"
    limit = LIMITS[name]
    if name in SMALL:
        most, room = SMALL[name]
        limit = replace(limit, most=most)
        monkeypatch.setattr(room, name, limit)
    both_sides(SIDES[name], tmp_path, limit)


@pytest.mark.full
@pytest.mark.parametrize("name", AT_ITS_TRUE_SIZE)
def test_the_most_is_read_and_one_more_is_refused_at_its_true_size(name, tmp_path):
    both_sides(SIDES[name], tmp_path, LIMITS[name])


def test_no_case_is_without_a_limit():
    assert SIDES.keys() == LIMITS.keys()
    assert {*SMALL, *AT_ITS_TRUE_SIZE} <= LIMITS.keys()


def test_the_page_has_the_table():
    assert limits.table() in PAGE, "write what python -m simengine.limits prints into docs/limits.md"


def test_the_command_line_says_so_with_exit_code_2(tmp_path):
    (tmp_path / "deep.yaml").write_text("a: " + "[" * 1_000_000)
    result = CliRunner().invoke(cli, ["check", str(tmp_path / "deep.yaml")])
    assert result.exit_code == 2
    assert "more than 50 levels of nesting; a plan needs fewer than ten" in result.stderr


def test_a_text_of_half_a_million_brackets_takes_no_time_where_a_key_is_expected():
    with pytest.raises(PlanError, match="more than 50 levels"):
        parsed("? " + "[" * 500_000)


# ---- refused at any size ----


def xml_with_entities():
    laughs = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 30))
    return f'<!DOCTYPE w [<!ENTITY a0 "ha">{laughs}]><worksheet><c r="A1"><v>&a29;</v></c></worksheet>'


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A run on disk, and a function that gives a copy whose manifest was changed and sealed anew."""
    plan = loads(TINY)
    place = save(simulate(plan, draws=4), plan, tmp_path_factory.mktemp("stored") / "run")
    manifest = json.loads((place / "manifest.json").read_text())
    del manifest["sha256"]

    def forged(folder, change):
        copy = json.loads(json.dumps(manifest))
        change(copy)
        folder.mkdir()
        for file in ("result.nc", f"{PLAN_FOLDER}/plan.yaml"):
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_bytes((place / file).read_bytes())
        (folder / "manifest.json").write_bytes(_rendered(copy))
        return folder

    return forged


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shape": [10**12]}, "claims"),
        ({"shape": [10**6, 10**6]}, "claims"),
        ({"shape": [0, 10**12]}, "claims"),
        ({"shape": [-1]}, "what no run holds"),
        ({"begin": 10**15}, "claims"),
        ({"dtype": "<U500000000", "bytes": 1}, "claims"),
        ({"dtype": "|O"}, "what no run holds"),
        ({"dtype": "|V1000000000000"}, "no run does"),
    ],
    ids=str,
)
def test_a_manifest_cannot_claim_more_than_its_file_holds(stored, tmp_path, change, words):
    folder = stored(tmp_path / "run", lambda manifest: manifest["arrays"]["ending_arr"].update(change))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(MachineError, match=f"manifest.json is damaged: it .*{words}"):
        load_run(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + 200_000


OUTSIDE = (
    "../secret.txt",
    "../../secret.txt",
    "plan/../../secret.txt",
    "{absolute}",
    "link",
    "plan\0",
    "../secret.txt\n",
)


@pytest.mark.parametrize("name", OUTSIDE, ids=ascii)
def test_a_manifest_cannot_name_a_file_outside_its_folder(stored, tmp_path, name):
    secret = tmp_path / "secret.txt"
    secret.write_text("plan: {password: hunter2}")
    name = name.replace("{absolute}", str(secret))
    seal = {"sha256": "0" * 64, "size": secret.stat().st_size}
    of_files = stored(tmp_path / "files", lambda manifest: manifest["files"].update({name: seal}))
    of_plan = stored(tmp_path / "plan", lambda manifest: manifest["plan"].update(file=name))
    for folder in (of_files, of_plan):
        for link in (folder / "link", folder / PLAN_FOLDER / "link"):
            link.symlink_to(secret)
    for read in (lambda: load_run(of_files), lambda: load_plan(of_files)):
        with pytest.raises(SimengineError, match="which is not in the folder"):
            read()
    with pytest.raises(SimengineError) as refused:
        load_plan(of_plan)
    assert not {"hunter2", "password"} & set(re.findall(r"\w+", str(refused.value)))


def test_a_pipe_in_the_place_of_a_manifest_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "manifest.json")
    with pytest.raises(SimengineError, match="is a device or a pipe"):
        load_run(tmp_path)


def test_a_device_in_the_place_of_a_mapping_file_ends():
    with pytest.raises(PlanError, match="the file has more than 5,000,000 bytes"):
        read_history("/dev/zero")


def test_a_device_in_the_place_of_a_plan_ends():
    with pytest.raises(PlanError, match="more than 5,000,000 bytes; at most 5,000,000 bytes are read"):
        load("/dev/zero")


LOOSE = "<worksheet><sheetData>{}</sheetData></worksheet>"


@pytest.mark.parametrize(
    "sheet",
    [
        far(("XFD", 1_048_576))[0],
        LOOSE.format(f'<row r="1">{"<c/>" * 16_384}</row><row r="1048576"><c><v>1</v></c></row>'),
        LOOSE.format("<row>" + '<x:c t="n"></x:c>' * 9_000 + "</row>" + "<row><c><v>1</v></c></row>" * 9_000),
        xml_with_entities(),
    ],
    ids=["two cells", "cells without places", "cells and rows without places", "entities"],
)
def test_a_sheet_of_records_cannot_end_the_process(tmp_path, sheet):
    package(tmp_path / "deals.xlsx", [sheet])
    with pytest.raises(SimengineError, match=r"deals.xlsx:S0 has a sheet of|deals.xlsx:S0 defines words of its own"):
        history(tmp_path, "{file: deals.xlsx, sheet: S0}")


def test_cells_without_places_are_counted(tmp_path):
    rows = LOOSE.format("".join(f"<row>{'<c><v>1</v></c>' * 7}</row>" for _ in range(30_000)))
    made = package(tmp_path / "a.xlsx", [rows])
    with zipfile.ZipFile(made) as opened, opened.open("xl/worksheets/sheet1.xml") as part:
        assert packed._extent(part, "xl/worksheets/sheet1.xml") == (30_000, 7)


def test_a_binary_sheet_is_held_against_the_limit(tmp_path):
    def record(kind, *numbers):
        return bytes([kind, 4 * len(numbers)]) + b"".join(number.to_bytes(4, "little") for number in numbers)

    sheet = record(0, 0) + record(2, 0, 0) + bytes([0x81, 0x01, 2, 0, 0]) + record(0, 1_048_575) + record(2, 16_383, 0)
    with (
        zipfile.ZipFile(package(tmp_path / "a.xlsb", [], {"xl/worksheets/sheet1.bin": sheet})) as made,
        pytest.raises(packed.TooMuchError, match="a sheet of 1,048,576 rows and 16,384 columns"),
    ):
        packed.check_package(made, limits.RECORD_BYTES, limits.SHEET_CELLS)


def test_a_package_that_lies_about_its_sizes_is_refused(tmp_path):
    made = package(tmp_path / "a.xlsx", [], {"xl/media/x.png": bytes(2_000_000)})
    content = made.read_bytes()
    made.write_bytes(content.replace((2_000_000).to_bytes(4, "little"), (20).to_bytes(4, "little")))
    with pytest.raises(SimengineError, match="is damaged"):
        cells.open_book(made)


def parsed_bytes(data):
    problems = Problems()
    with told(problems):
        source.decode(data, "plan.yaml", problems)


REFUSED = {
    "anchors": (lambda _: parsed("a: &x 1"), lambda _: parsed("a: *x"), lambda _: parsed("<<: {a: 1}")),
    "tags": (lambda _: parsed("a: !!python/object:os.system x"), lambda _: parsed("a: !!binary aGk=")),
    "a key twice": (
        lambda _: parsed("a: 1\na: 2"),
        lambda _: parsed("smb: 1\nSMB: 2"),
        lambda _: parsed("\u00e9: 1\ne\u0301: 2"),
    ),
    "invisible and control characters": (
        lambda _: parsed("a: b\u202ec"),
        lambda _: parsed('a: "b\\x1b"'),
        lambda _: table("a\nb\x1b\n", ("a",)),
        lambda _: parsed_bytes(b"a: \xff"),
    ),
    "infinity": (lambda _: parsed("a: .inf"), lambda _: parsed("a: .nan"), lambda _: parsed("a: 0x1F")),
    "two columns with one name": (lambda _: table("a,a\n1,2\n", ("a",)), lambda _: table("a\n1,2\n", ("a",))),
    "a file that is not beside the plan": tuple(
        lambda _, name=name: loads(f"extends: {name}\n", files={"base.yaml": TINY})
        for name in (
            "../base.yaml",
            "/etc/passwd",
            "a/../../base.yaml",
            "'a\\\\..\\\\base.yaml'",
            "C:base.yaml",
            "./base.yaml",
        )
    ),
    "words that a sheet defines itself": (
        lambda folder: cells.open_book(package(folder / "a.xlsx", [xml_with_entities()])),
    ),
    "a workbook with a password": (
        lambda folder: cells.open_book(sparse_start(folder / "a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")),
    ),
    "a device or a pipe": (
        lambda _: cells.open_book("/dev/zero"),
        lambda _: limits.read_within(Path("/dev/zero"), LIMITS["JSON_BYTES"]),
    ),
}
OF_MANIFESTS = {"a file outside the run's folder", "an array that is claimed to be larger than its file"}


def sparse_start(path, start):
    path.write_bytes(start + bytes(1000))
    return path


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_at_any_size(name, tmp_path):
    for case in REFUSED[name]:
        with pytest.raises(SimengineError) as refused:
            case(tmp_path)
        assert refused.value.exit_code == 2


def test_the_page_says_what_is_refused_at_any_size():
    listed = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", PAGE.partition("## Refused at any size")[2], re.MULTILINE)[1:]
    known = [*REFUSED, *OF_MANIFESTS]
    assert sorted(name for name in known for row in listed if row.startswith(name)) == sorted(known)
    assert len(listed) == len(known)
