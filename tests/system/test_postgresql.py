"""A table in a real PostgreSQL is the history that the same records in a CSV file are."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psycopg
import pytest

from simengine.learn.actuals import Read, read
from simengine.learn.quality import HistoryError

pytestmark = pytest.mark.system

HEAD = "history: {as_of: 2027-03-31, currency: USD, time_zone: America/New_York}\n"
COLUMNS = "{id: id, segment: segment, created: created, outcome: outcome, closed: closed, amount: amount, owner: owner}"
CSV = """id,segment,created,outcome,closed,amount,owner
101,smb,2027-01-04,won,2027-02-10T23:30:00-05:00,1234.50,Zoë
102,smb,2027-01-11,lost,2027-01-29T12:00:00-05:00,900.00,bob
103,mid,2027-01-18,won,2027-03-22T12:00:00-04:00,1000000.25,Zoë
104,mid,2027-02-01,open,,4800.00,bob
105,smb,2027-02-15,lost,2027-03-01T12:00:00-05:00,,"50 %: bob"
"""


def binaries() -> Path | None:
    """Folder of the newest PostgreSQL of Debian's packages, or of one on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def unprivileged() -> str | None:
    """Who runs the server: it refuses to run as root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Address of a server in a folder of its own, which listens on a socket in it and is stopped again."""
    home, user = binaries(), unprivileged()
    if home is None:
        pytest.skip("PostgreSQL is not installed: make test-system installs it on Debian, as root")
    if user is None:
        pytest.skip("PostgreSQL refuses to run as root, and there is no user postgres or nobody")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    shutil.chown(folder, user)
    folder.chmod(0o755)
    other = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}

    def call(program: str, *arguments: str) -> None:
        # The server keeps what it inherits open: its output goes to a file, not to a pipe.
        with (folder / f"{program}.txt").open("w") as log:
            subprocess.run([home / program, *arguments], check=True, cwd=folder, stdout=log, stderr=log, **other)

    data = str(folder / "data")
    call("initdb", "-D", data, "-U", "reader", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
    call("pg_ctl", "-D", data, "-w", "-o", options, "-l", str(folder / "server.txt"), "start")
    try:
        yield f"postgresql://reader@/postgres?host={folder}"
    finally:
        call("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def filled(address: str) -> str:
    """The server with a table of opportunities, whose columns have the types that a CRM gives them."""
    with psycopg.connect(address) as link:
        link.execute("create schema crm")
        link.execute("create sequence crm.n")
        link.execute(
            "create table crm.deals (id int, segment text, created date, outcome varchar(9), closed timestamptz,"
            " amount numeric(12, 2), owner text, is_new boolean)"
        )
        with link.cursor().copy(
            "copy crm.deals (id, segment, created, outcome, closed, amount, owner) from stdin csv header"
        ) as copy:
            copy.write(CSV)
    return address


@pytest.fixture(autouse=True)
def _variable(filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_URL", filled)


def read_text(folder: Path, source: str) -> Read:
    (folder / "deals.csv").write_text(CSV, encoding="utf-8")
    text = f"{HEAD}opportunities:\n  source: {source}\n  columns: {COLUMNS}\n"
    (folder / "history.yaml").write_text(text, encoding="utf-8")
    return read(folder / "history.yaml")


@pytest.mark.parametrize(
    "asked",
    [
        "table: crm.deals",
        "query: select * from crm.deals order by id",
        "query: \"select * from crm.deals where owner not like 'x %: y' order by id\"",
    ],
)
def test_a_table_is_what_the_same_file_is(tmp_path: Path, asked: str) -> None:
    plain = read_text(tmp_path, "deals.csv")
    stored = read_text(tmp_path, f'{{sql: "$CRM_URL", {asked}}}')
    pd.testing.assert_frame_equal(stored.history.table("opportunities"), plain.history.table("opportunities"))
    assert stored.report.tallies == plain.report.tallies
    assert stored.history.table("opportunities")["closed"][0] == pd.Timestamp(2027, 2, 10)
    reference = "crm.deals" if asked.startswith("table") else "query"
    assert stored.history.origins["opportunities"].reference == reference


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("table: crm.dials", "crm.dials is not in the database"),
        ("query: select * from crm.dials", r'relation "crm.dials" does not exist'),
        ("query: select id from crm.deals", "has no column segment"),
        ("query: delete from crm.deals", "cannot be read"),
        ("query: with gone as (delete from crm.deals returning *) select * from gone", "data-modifying"),
        ("query: \"select nextval('crm.n') as id\"", "in a read-only transaction"),
    ],
)
def test_what_the_server_refuses_is_said(tmp_path: Path, filled: str, asked: str, words: str) -> None:
    with pytest.raises(HistoryError, match=words):
        read_text(tmp_path, f'{{sql: "$CRM_URL", {asked}}}')
    with psycopg.connect(filled) as link:
        assert link.execute("select count(*) from crm.deals").fetchone() == (5,)


def test_a_server_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_URL", "postgresql://me:secret@localhost:1/crm")
    with pytest.raises(HistoryError, match="cannot be read: connection failed") as caught:
        read_text(tmp_path, '{sql: "$CRM_URL", table: crm.deals}')
    assert "secret" not in str(caught.value)


def test_a_day_without_end_is_said(tmp_path: Path) -> None:
    columns = "id, segment, created, outcome, amount, owner"
    query = f"select {columns}, 'infinity'::date as closed from crm.deals"
    with pytest.raises(HistoryError, match="query cannot be read: date too large"):
        read_text(tmp_path, f'{{sql: "$CRM_URL", query: "{query}"}}')
