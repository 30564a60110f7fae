"""From files and databases to a history: the same records, whatever holds them; what is bad is said, and adds up."""

import contextlib
import copy
import gzip
import hashlib
import io
import sqlite3
import struct
import zipfile
from dataclasses import replace
from datetime import UTC, date
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from simengine import limits
from simengine.learn import sources
from simengine.learn.actuals import Read, read
from simengine.learn.cells import as_text, days, numbers
from simengine.learn.history import OPEN, REACHED
from simengine.learn.mapping import DATES, DECIMALS
from simengine.learn.quality import HistoryError, Tally
from simengine.plan import load
from tests.learn import workbook

ROOT = Path(__file__).parents[2]
MAPPINGS = Path(__file__).parent / "mappings"
NORTHSTAR = ROOT / "scenarios" / "northstar" / "base.yaml"
HEAD = "history: {as_of: 2027-03-31, currency: USD}\n"
COLUMNS = "{id: Id, segment: Segment, created: Created, outcome: Outcome, closed: Closed, amount: Amount, owner: Owner}"
ROWS = [
    (101, "smb", date(2027, 1, 4), "won", date(2027, 2, 10), 1234.5, "Zoë"),
    (102, "smb", date(2027, 1, 11), "lost", date(2027, 1, 29), 900.0, "bob"),
    (103, "mid", date(2027, 1, 18), "won", date(2027, 3, 22), 1000000.25, "Zoë"),
    (104, "mid", date(2027, 2, 1), "open", None, 4800.0, "bob"),
    (105, "smb", date(2027, 2, 15), "lost", date(2027, 3, 1), None, "bob"),
]
NAMES = ["Id", "Segment", "Created", "Outcome", "Closed", "Amount", "Owner"]


def mapped(source: str, more: str = "", head: str = HEAD) -> str:
    return f"{head}opportunities:\n  source: {source}\n  columns: {COLUMNS}\n{more}"


def read_text(folder: Path, mapping: str, **options: object) -> Read:
    (folder / "history.yaml").write_text(mapping, encoding="utf-8")
    return read(folder / "history.yaml", **options)


def packed(name: str) -> bytes:
    """A zip archive of one file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(name, "")
    return content.getvalue()


def cut_short():
    """A package that states more bytes of its last part than it has."""
    data = bytearray(packed("xl/media/image1.png"))
    at = data.index(b"PK\x01\x02")
    data[at + 20 : at + 28] = struct.pack("<II", 100_000, 100_000)
    return bytes(data)


def csv_text(separator: str = ",", decimal: str = ".", day: str = "%Y-%m-%d") -> str:
    def cell(value: object) -> str:
        if value is None:
            return ""
        if isinstance(value, date):
            return value.strftime(day)
        return str(value).replace(".", decimal) if isinstance(value, float) else str(value)

    return "\n".join(separator.join(map(cell, row)) for row in [NAMES, *ROWS]) + "\n"


def write_csv(folder: Path) -> str:
    (folder / "deals.csv").write_text(csv_text(), encoding="utf-8")
    return "deals.csv"


def write_with_mark_and_semicolons(folder: Path) -> str:
    text = csv_text(";", ",", "%d.%m.%Y").replace("\n", "\r\n")
    (folder / "german.csv").write_bytes(text.encode("utf-8-sig"))
    return "german.csv"


def write_tabs_month_first(folder: Path) -> str:
    (folder / "american.tsv").write_text(csv_text("\t", ".", "%m/%d/%Y"), encoding="utf-8")
    return "american.tsv"


def write_separator_named(folder: Path) -> str:
    (folder / "named.csv").write_text("sep=;\n" + csv_text(";"), encoding="utf-8")
    return "named.csv"


def write_parquet(folder: Path) -> str:
    pd.DataFrame(ROWS, columns=NAMES).to_parquet(folder / "deals.parquet")
    return "deals.parquet"


def write_parquet_of_text(folder: Path) -> str:
    frame = pd.DataFrame([[None if v is None else str(v) for v in row] for row in ROWS], columns=NAMES)
    frame.to_parquet(folder / "text.parquet")
    return "text.parquet"


def write_excel(folder: Path) -> str:
    workbook.write(folder / "deals.xlsx", {"Notes": [["nothing"]], "Opps": [[], NAMES, *ROWS]})
    return "{file: deals.xlsx, sheet: Opps}"


def write_sqlite(folder: Path, *, query: str = "table: deals") -> str:
    link = sqlite3.connect(folder / "crm.db")
    link.execute("create table deals (Id, Segment, Created text, Outcome, Closed text, Amount real, Owner, Rest)")
    rows = [(i, s, str(a), o, None if z is None else str(z), m, w, "50 %: x") for i, s, a, o, z, m, w in ROWS]
    link.executemany("insert into deals values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    link.commit()
    link.close()
    return f'{{sql: "sqlite:///crm.db", {query}}}'


def write_sqlite_for_a_query(folder: Path) -> str:
    return write_sqlite(folder, query="query: \"select * from deals where Rest like '50 %: x' order by Id\"")


WRITERS = [
    write_with_mark_and_semicolons,
    write_tabs_month_first,
    write_separator_named,
    write_parquet,
    write_parquet_of_text,
    write_excel,
    write_sqlite,
    write_sqlite_for_a_query,
]


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__.removeprefix("write_"))
def test_every_kind_of_source_holds_the_same_history(tmp_path, write):
    plain = read_text(tmp_path, mapped(write_csv(tmp_path)))
    other = read_text(tmp_path, mapped(write(tmp_path)))
    pd.testing.assert_frame_equal(other.history.table("opportunities"), plain.history.table("opportunities"))
    assert other.report.tallies == plain.report.tallies
    assert not other.report.findings
    deals = plain.history.table("opportunities")
    assert deals["id"].tolist() == ["101", "102", "103", "104", "105"]
    assert deals["amount"].tolist()[2] == 1000000.25
    assert deals["owner"].tolist()[0] == "Zoë"
    assert deals["closed"].tolist()[0] == pd.Timestamp(2027, 2, 10)


def test_a_table_keeps_where_it_comes_from(tmp_path):
    done = read_text(tmp_path, mapped(write_csv(tmp_path)))
    origin = done.history.origins["opportunities"]
    assert origin == ("deals.csv", hashlib.sha256((tmp_path / "deals.csv").read_bytes()).hexdigest(), 5)


def test_the_digest_of_a_query_does_not_know_the_order_of_its_rows(tmp_path):
    orders = ("Id", "Amount desc", "Owner")
    write_sqlite(tmp_path)
    digests = set()
    for order in orders:
        source = f'{{sql: "sqlite:///crm.db", query: "select * from deals order by {order}"}}'
        digests.add(read_text(tmp_path, mapped(source)).history.origins["opportunities"].digest)
    assert len(digests) == 1
    source = '{sql: "sqlite:///crm.db", query: "select * from deals where Id > 101"}'
    assert read_text(tmp_path, mapped(source)).history.origins["opportunities"].digest not in digests


def test_a_database_is_only_read(tmp_path):
    write_sqlite(tmp_path)
    before = (tmp_path / "crm.db").read_bytes()
    source = '{sql: "sqlite:///crm.db", query: "delete from deals"}'
    with pytest.raises(HistoryError, match="attempt to write a readonly database"):
        read_text(tmp_path, mapped(source))
    assert (tmp_path / "crm.db").read_bytes() == before


def test_an_address_may_stand_in_the_environment(tmp_path, monkeypatch):
    write_sqlite(tmp_path)
    monkeypatch.setenv("CRM_URL", "sqlite:///crm.db")
    assert len(read_text(tmp_path, mapped('{sql: "$CRM_URL", table: deals}')).history.table("opportunities")) == 5


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("query: select * from nowhere", "cannot be read: no such table: nowhere"),
        ("query: selekt", "cannot be read"),
        ("table: nowhere", "nowhere is not in the database"),
    ],
)
def test_what_a_database_refuses_is_said(tmp_path, query, words):
    write_sqlite(tmp_path)
    with pytest.raises(HistoryError, match=words):
        read_text(tmp_path, mapped(f'{{sql: "sqlite:///crm.db", {query}}}'))


def test_lines_are_those_of_the_file_also_behind_cells_of_several_lines(tmp_path):
    text = csv_text().replace("bob", '"bob\nthe second"', 1).replace("4800.0", "-4800.0")
    (tmp_path / "deals.csv").write_text(text, encoding="utf-8")
    with pytest.raises(HistoryError, match=r"deals.csv:6:1  opportunities.amount: 1 record: amount is below zero"):
        read_text(tmp_path, mapped("deals.csv"))


# --- limits -----------------------------------------------------------------------------------------------------------


def test_a_file_of_a_gigabyte_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "deals.csv").open("wb") as file:
        file.truncate(1_000_000_000)
    with pytest.raises(HistoryError, match=r"deals.csv has 1,000,000,000 bytes; at most 500,000,000 bytes are read"):
        read_text(tmp_path, mapped("deals.csv"))


@pytest.mark.parametrize("write", [write_csv, write_parquet, write_excel, write_sqlite], ids=lambda w: w.__name__)
def test_too_many_rows_and_columns_are_refused(tmp_path, write, monkeypatch):
    source = write(tmp_path)
    monkeypatch.setattr(sources, "CHUNK", 2)
    monkeypatch.setattr(sources, "RECORD_ROWS", replace(limits.RECORD_ROWS, most=4))
    with pytest.raises(HistoryError, match="has more than 4 rows; at most 4 rows are read"):
        read_text(tmp_path, mapped(source))


@pytest.mark.parametrize("write", [write_csv, write_parquet, write_excel], ids=lambda w: w.__name__)
def test_too_many_columns_are_refused(tmp_path, write, monkeypatch):
    monkeypatch.setattr(sources, "RECORD_COLUMNS", replace(limits.RECORD_COLUMNS, most=5))
    with pytest.raises(HistoryError, match="has 7 columns; at most 5 columns are read"):
        read_text(tmp_path, mapped(write(tmp_path)))


def test_records_read_in_chunks_are_all_there(tmp_path, monkeypatch):
    whole = read_text(tmp_path, mapped(write_csv(tmp_path))).history.table("opportunities")
    monkeypatch.setattr(sources, "CHUNK", 2)
    parts = read_text(tmp_path, mapped("deals.csv")).history.table("opportunities")
    pd.testing.assert_frame_equal(parts, whole)


def test_a_small_workbook_that_unpacks_to_much_is_refused(tmp_path, monkeypatch):
    source = write_excel(tmp_path)
    with zipfile.ZipFile(tmp_path / "deals.xlsx", "a", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/media/image1.bin", bytes(3_000_000))
    monkeypatch.setattr(sources, "RECORD_BYTES", replace(limits.RECORD_BYTES, most=2_000_000))
    assert (tmp_path / "deals.xlsx").stat().st_size < 20_000
    with pytest.raises(HistoryError, match=r"unpacks to 3,00\d,\d{3} bytes, and at most 2,000,000 bytes are read"):
        read_text(tmp_path, mapped(source))


def test_a_cell_that_swallows_lines_is_refused(tmp_path):
    lines = csv_text().replace("bob", '"' + "x" * 20_000 + '"', 1)
    (tmp_path / "deals.csv").write_text(lines, encoding="utf-8")
    with pytest.raises(
        HistoryError,
        match=r"deals.csv:3:1 .* a cell of 20,000 characters; at most 10,000 characters",
    ):
        read_text(tmp_path, mapped("deals.csv"))


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("deals.csv", csv_text().encode("latin-1"), "deals.csv:2:1 .* byte 0xEB is not UTF-8; save the file as CSV"),
        ("deals.csv", csv_text().encode("utf-16"), "deals.csv is UTF-16; save it as CSV UTF-8"),
        ("deals.csv", gzip.compress(csv_text().encode()), "deals.csv is compressed, not text"),
        ("deals.csv", csv_text().encode().replace(b"bob", b"b\0b", 1), "deals.csv:3:1 .* a zero byte"),
        ("deals.csv", csv_text().encode()[:-4] + "ë".encode()[:1], "cut off within a letter"),
        ("deals.parquet", b"PAR1 and nothing more", "is not a Parquet file that can be read"),
        ("deals.xlsx", b"PK\x03\x04 and nothing more", "is not a workbook that can be read"),
        ("deals.xlsx", csv_text().encode(), "is not a workbook that can be read"),
        ("deals.xlsx", packed("xl/é.xml").replace("é".encode(), b"\xc1\xc1"), "is not a workbook that can be read"),
        ("deals.xlsx", cut_short(), "is not a workbook that can be read"),
    ],
)
def test_files_that_are_not_what_they_seem(tmp_path, name, data, words):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(HistoryError, match=words):
        read_text(tmp_path, mapped(name))


def test_a_sheet_must_be_named_where_there_are_several(tmp_path):
    write_excel(tmp_path)
    with pytest.raises(HistoryError, match=r"deals.xlsx has 2 sheets: Notes, Opps; name one"):
        read_text(tmp_path, mapped("deals.xlsx"))
    with pytest.raises(HistoryError, match=r"deals.xlsx:Ops is not there; did you mean Opps"):
        read_text(tmp_path, mapped("{file: deals.xlsx, sheet: Ops}"))


# --- what is said and done --------------------------------------------------------------------------------------------


def many(bad: int, of: int = 1000) -> str:
    rows = [f"{n},smb,2027-01-04,{'open,' if n % 3 else 'lost,2027-03-20'},100,bob" for n in range(of)]
    rows[:bad] = [f"{n},smb,2027-01-04,won,2027-01-03,100,bob" for n in range(bad)]
    return "\n".join([",".join(NAMES), *rows]) + "\n"


def test_one_in_a_hundred_may_be_impossible(tmp_path):
    (tmp_path / "deals.csv").write_text(many(10))
    more = "  complete: true\n"
    done = read_text(tmp_path, mapped("deals.csv", more))
    assert done.report.tallies["opportunities"] == Tally(1000, 990, {"closed before created": 10})
    assert len(done.history.table("opportunities")) == 990
    (tmp_path / "deals.csv").write_text(many(11))
    with pytest.raises(HistoryError, match=r"1\.1 % of the table is impossible; up to 1 % is left out: tolerate"):
        read_text(tmp_path, mapped("deals.csv", more))
    head = HEAD.replace("USD", "USD, tolerate: 2 %")
    assert len(read_text(tmp_path, mapped("deals.csv", more, head)).history.table("opportunities")) == 989


def test_an_earlier_day_is_asked_for_on_the_command_line(tmp_path):
    source = write_csv(tmp_path)
    done = read_text(tmp_path, mapped(source, "  complete: true\n"), as_of=date(2027, 1, 31))
    deals = done.history.table("opportunities")
    assert done.history.as_of == date(2027, 1, 31)
    assert deals["outcome"].tolist() == [OPEN, "lost", OPEN]
    assert done.report.tallies["opportunities"].dropped == {"created after the as-of date 2027-01-31": 2}
    assert [f.count for f in done.report.at("repaired")] == [2]
    with pytest.raises(HistoryError, match="the files end on 2027-03-31, before 2027-04-30"):
        read_text(tmp_path, mapped(source), as_of=date(2027, 4, 30))


def test_what_is_known_on_a_day_is_what_a_file_cut_on_that_day_says(tmp_path):
    late = read_text(tmp_path, mapped(write_csv(tmp_path))).history.cut(date(2027, 2, 15))
    early = read_text(tmp_path, mapped("deals.csv"), as_of=date(2027, 2, 15)).history
    pd.testing.assert_frame_equal(late.table("opportunities"), early.table("opportunities"))


def test_a_later_source_wins(tmp_path):
    write_csv(tmp_path)
    newer = ",".join(NAMES) + "\n104,mid,2027-02-01,won,2027-03-30,5000,bob\n106,mid,2027-03-01,open,,100,bob\n"
    (tmp_path / "newer.csv").write_text(newer)
    done = read_text(tmp_path, mapped("[deals.csv, newer.csv]"))
    deals = done.history.table("opportunities").set_index("id")
    assert deals.loc["104", "outcome"] == "won"
    assert len(deals) == 6
    assert done.report.tallies["opportunities"].dropped == {"a later source has it too": 1}
    assert done.report.at("dropped")[0].examples == ("deals.csv, line 5: id 104",)
    assert done.history.origins["opportunities"].reference == "deals.csv, newer.csv"


def test_many_names_spelt_two_ways_are_said_together(tmp_path):
    names = [f"Firm {chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(40)]
    rows = [f"{n},{name},{segment}" for n, name in enumerate(names) for segment in (name, name, name.upper())]
    text = "".join(f"{n},2027-03-01,open,{row.split(',')[2]},smb\n" for n, row in enumerate(rows))
    (tmp_path / "deals.csv").write_text("Id,Created,Outcome,Account,Segment\n" + text)
    mapping = mapped("deals.csv").replace(
        COLUMNS, "{id: Id, created: Created, outcome: Outcome, account: Account, segment: Segment}"
    )
    done = read_text(tmp_path, mapping)
    assert set(done.history.table("opportunities")["account"]) == set(names)
    assert [finding.count for finding in done.report.at("repaired")] == [1] * 12 + [28]


@pytest.mark.parametrize(("keep", "amount"), [("first", 4800.0), ("last", 5000.0)])
def test_the_user_may_say_which_of_two_is_right(tmp_path, keep, amount):
    (tmp_path / "deals.csv").write_text(csv_text() + "104,mid,2027-02-01,open,,5000,bob\n", encoding="utf-8")
    done = read_text(tmp_path, mapped("deals.csv", f"  keep: {keep}\n"))
    deals = done.history.table("opportunities").set_index("id")
    assert deals.loc["104", "amount"] == amount


def test_days_begin_where_the_user_says(tmp_path):
    (tmp_path / "deals.csv").write_text(csv_text().replace("2027-02-10", "2027-02-10T23:30:00Z"), encoding="utf-8")
    head = HEAD.replace("USD", "USD, time_zone: Asia/Tokyo")
    deals = read_text(tmp_path, mapped("deals.csv", head=head)).history.table("opportunities")
    assert deals["closed"][0] == pd.Timestamp(2027, 2, 11)
    deals = read_text(tmp_path, mapped("deals.csv")).history.table("opportunities")
    assert deals["closed"][0] == pd.Timestamp(2027, 2, 10)


def test_segments_may_have_currencies_of_their_own(tmp_path):
    text = csv_text().replace("1000000.25", "€1000000.25").replace("4800.0", "EUR 4800")
    (tmp_path / "deals.csv").write_text(text, encoding="utf-8")
    head = HEAD.replace("USD", "USD, currencies: {mid: EUR}")
    assert read_text(tmp_path, mapped("deals.csv", head=head)).history.table("opportunities")["amount"][3] == 4800
    with pytest.raises(HistoryError, match="2 records: amount is in another currency than USD"):
        read_text(tmp_path, mapped("deals.csv"))


def test_words_may_mean_that_nothing_is_known(tmp_path):
    (tmp_path / "deals.csv").write_text(csv_text().replace("900.0", "n/a"), encoding="utf-8")
    done = read_text(tmp_path, mapped("deals.csv", "  blank: [n/a, '-']\n"))
    assert np.isnan(done.history.table("opportunities")["amount"][1])


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("1.234,50", 1234.5),
        ("(900)", -900),
        ("12-", -12),
        ("1 234,50 €", 1234.5),
        ("1e3", 1000),
        ("EUR 7", 7),
        ("-€ 7", -7),
    ],
)
def test_numbers_are_read_as_they_are_written(cell, meant):
    assert numbers(pd.Series([cell, "0,5"])).values[0] == meant


@pytest.mark.parametrize(
    "cell", ["1,2,3", "1.23.456", "1 23", "12 %", "1_000", "--5", "twelve", "0x1F", "1.2m", "∞", "nan"]
)
def test_what_is_no_number_is_none(cell):
    assert numbers(pd.Series([cell], dtype=object), "point").wrong


@pytest.mark.parametrize(
    ("cell", "said", "meant"),
    [
        ("3 Mar 2027", "", "2027-03-03"),
        ("March 3, 2027", "", "2027-03-03"),
        ("03-Sept-2027", "", "2027-09-03"),
        ("20270303", "", "2027-03-03"),
        ("2027/3/3 12:15", "", "2027-03-03"),
        ("03.04.2027", "", "2027-04-03"),
        ("03/04/2027 1:05 PM", "month-first", "2027-03-04"),
        ("03/04/2027", "day-first", "2027-04-03"),
    ],
)
def test_days_are_read_as_they_are_written(cell, said, meant):
    parsed = days(pd.Series([cell]), said)
    assert parsed.refused == ("", "")
    assert parsed.values[0] == pd.Timestamp(meant)


# --- the plan ---------------------------------------------------------------------------------------------------------


def test_names_are_those_of_the_plan(tmp_path):
    plan = load(NORTHSTAR)
    text = csv_text().replace(",smb,", ",SMB NA,").replace(",mid,", ",midmarket-na,")
    (tmp_path / "deals.csv").write_text(text, encoding="utf-8")
    done = read_text(tmp_path, mapped("deals.csv"), plan=plan)
    assert set(done.history.table("opportunities")["segment"]) == {"smb-na", "midmarket-na"}
    assert done.report.at("repaired")[0].text == "'SMB NA' is read as 'smb-na'"
    (tmp_path / "deals.csv").write_text(text.replace("midmarket-na", "midmarkt-na"), encoding="utf-8")
    with pytest.raises(HistoryError, match=r"'midmarkt-na' is unknown .*did you mean midmarket-na"):
        read_text(tmp_path, mapped("deals.csv"), plan=plan)


def test_stages_and_the_currency_are_those_of_the_plan(tmp_path):
    plan = load(NORTHSTAR)
    (tmp_path / "leads.csv").write_text(
        "id,channel,created,s\n1,inbound,2027-03-01,2027-03-09\n2,inbound,2027-03-01,\n"
    )
    text = (
        HEAD + "leads:\n  source: leads.csv\n  columns: {id: id, channel: channel, created: created, reached:NAME: s}\n"
    )
    done = read_text(tmp_path, text.replace("NAME", "sql"), plan=plan)
    assert done.history.table("leads")[REACHED + "sql"].notna().tolist() == [True, False]
    with pytest.raises(
        HistoryError, match=r"history.yaml:4:71  leads.columns.reached:sqls: unknown stage; did you mean sql"
    ):
        read_text(tmp_path, text.replace("NAME", "sqls"), plan=plan)
    with pytest.raises(HistoryError, match="EUR is not the currency of the plan, USD"):
        read_text(tmp_path, text.replace("NAME", "sql").replace("USD", "EUR"), plan=plan)


# --- nothing is dropped silently --------------------------------------------------------------------------------------

CELLS = {
    "Id": ["", "1", "2", "3", "4", "5"],
    "Segment": ["smb", "SMB", "mid", "", "s m b"],
    "Created": ["2027-01-04", "2027-02-04", "", "1900-01-01", "2028-01-01", "soon", "31.12.2026"],
    "Outcome": ["won", "Lost", "open", "open", "stalled"],
    "Closed": ["2027-03-04", "", "2026-01-01", "9999-12-31", "2027-02-30", "2027-05-05"],
    "Amount": ["100", "-5", "", "1.5", "ten"],
    "Owner": ["ann", "", "bob"],
}


@settings(max_examples=40)
@given(st.lists(st.tuples(*(st.sampled_from(cells) for cells in CELLS.values())), min_size=1, max_size=12))
def test_records_read_are_those_used_and_those_dropped(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("random")
    (folder / "deals.csv").write_text(
        "\n".join(",".join(row) for row in [tuple(NAMES), *rows]) + "\n", encoding="utf-8"
    )
    more = "  complete: true\n  keep: last\n  values: {outcome: {stalled: leave out}}\n"
    try:
        done = read_text(folder, mapped("deals.csv", more, HEAD.replace("USD", "USD, tolerate: 99 %")))
        report = done.report
        assert len(done.history.table("opportunities")) == report.tallies["opportunities"].used
    except HistoryError as error:
        report = error.report
    tally = report.tallies["opportunities"]
    assert tally.read == len(rows)
    assert tally.read == tally.used + sum(tally.dropped.values())
    assert sum(tally.dropped.values()) == sum(f.count for f in report.findings if f.text in tally.dropped)


ANY_CELL = st.one_of(
    st.text(max_size=12),
    st.text("0123456789.,-+/() eEkT:Z€$'", max_size=14),
    st.floats(),
    st.integers(),
    st.booleans(),
    st.none(),
    st.dates(),
    st.datetimes(timezones=st.just(UTC) | st.none()),
    st.decimals(allow_nan=False) | st.just(Decimal("NaN")),
)


@settings(max_examples=60)
@given(st.lists(ANY_CELL, max_size=6), st.sampled_from(("", *DATES)), st.sampled_from(("", *DECIMALS)))
def test_whatever_stands_in_a_cell_is_a_value_blank_or_wrong(cells, order, decimal):
    column = pd.Series(cells, dtype=object)
    for parsed in (days(column, order, ZoneInfo("Asia/Tokyo")), numbers(column, decimal)):
        for cell, value in zip(column, parsed.values, strict=True):
            is_wrong = any(cell is wrong or cell == wrong for wrong in parsed.wrong)
            assert pd.notna(value) or is_wrong or as_text(cell) == "" or parsed.refused != ("", "")


MAPPING = {
    "history": {"as_of": "2027-03-31", "currency": "USD", "currencies": {"mid": "USD"}, "tolerate": "50 %"},
    "opportunities": {
        "source": ["deals.csv", {"file": "deals.csv"}],
        "columns": {"id": "Id", "created": "Created", "outcome": "Outcome", "closed": "Closed"},
        "constants": {"channel": "inbound"},
        "values": {"outcome": {"won": "won"}},
        "lookups": {"segment": {"by": "Segment", "file": "series.csv", "key": "of", "value": "series"}},
        "since": "2027-01-01",
        "complete": True,
        "dates": "iso",
        "decimal": "point",
        "blank": ["n/a"],
        "keep": "last",
    },
    "people": {"source": "people.csv", "columns": {"role": "role"}, "tenure": {"months": "months", "left": "left"}},
}
NONSENSE = [
    None,
    True,
    3,
    "",
    "zzz",
    [],
    {},
    [1, [2]],
    {"a": {"b": 1}},
    "../..",
    {"sql": "foo://x", "table": "t"},
    "x" * 99,
]


def places(node, path=()):
    if path:
        yield path
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in entries:
        yield from places(child, (*path, key))


def put_nonsense(folder, every):
    """Replace each entry of a mapping file in turn; only every so many of the replacements."""
    write_csv(folder)
    (folder / "series.csv").write_text("of,series\nsmb,small\nmid,large\n")
    (folder / "people.csv").write_text("role,months,left\nae,3.5,1\nae,12,0\n")
    read_text(folder, yaml.safe_dump(MAPPING))
    pairs = [(path, nonsense) for path in places(MAPPING) for nonsense in NONSENSE]
    for path, nonsense in pairs[::every]:
        document = copy.deepcopy(MAPPING)
        node = document
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = nonsense
        with contextlib.suppress(HistoryError):
            read_text(folder, yaml.safe_dump(document, sort_keys=False))


def test_whatever_stands_in_a_mapping_file_is_read_or_refused(tmp_path):
    put_nonsense(tmp_path, 7)


@pytest.mark.full
def test_whatever_stands_anywhere_in_a_mapping_file_is_read_or_refused(tmp_path):
    put_nonsense(tmp_path, 1)


# --- left truncation --------------------------------------------------------------------------------------------------


def deals(seed: int, kept_from: date | None) -> str:
    rng = np.random.default_rng(seed)
    created = rng.integers(0, 365, 600)
    ended = created + rng.integers(10, 90, 600)
    start = np.datetime64("2026-04-01")
    lines = []
    for number, (first, last) in enumerate(zip(created, ended, strict=True)):
        day, end = start + int(first), start + int(last)
        if end > np.datetime64("2027-03-31"):
            lines.append(f"{number},smb,{day},open,,1,bob")
        elif kept_from is None or end >= np.datetime64(kept_from):
            lines.append(f"{number},smb,{day},{'won' if number % 3 else 'lost'},{end},1,bob")
    return "\n".join([",".join(NAMES), *lines]) + "\n"


def test_left_truncation_is_found_and_only_where_it_is(tmp_path):
    (tmp_path / "deals.csv").write_text(deals(1, date(2026, 9, 1)))
    done = read_text(tmp_path, mapped("deals.csv"))
    assert date(2026, 9, 1) <= done.history.since["opportunities"] <= date(2026, 9, 3)


def false_alarms(folder, seeds):
    """How many complete histories of these are taken for truncated ones."""
    count = 0
    for seed in seeds:
        (folder / "deals.csv").write_text(deals(seed, None))
        count += bool(read_text(folder, mapped("deals.csv")).history.since)
    return count


def test_left_truncation_is_not_found_where_there_is_none(tmp_path):
    # A false alarm has a chance of 1 % at most: more than 3 of 30 have one of 0.02 % (binomial).
    assert false_alarms(tmp_path, range(30)) <= 3


@pytest.mark.full
def test_left_truncation_is_seldom_found_where_there_is_none(tmp_path):
    # More than 20 of 1,000 have a chance of 0.1 %.
    assert false_alarms(tmp_path, range(1000)) <= 20


def test_the_user_knows_better_since_when_a_table_is_complete(tmp_path):
    (tmp_path / "deals.csv").write_text(deals(1, date(2026, 9, 1)))
    done = read_text(tmp_path, mapped("deals.csv", "  since: 2026-10-01\n"))
    assert done.history.since == {"opportunities": date(2026, 10, 1)}


# --- third-party data -------------------------------------------------------------------------------------------------


@pytest.mark.data
def test_crm_2017q3(shared_data):
    assert shared_data.is_dir()
    done = read(MAPPINGS / "crm_2017q3.yaml")
    frame = done.history.table("opportunities")
    assert frame["outcome"].value_counts().to_dict() == {"won": 3042, "open": 2409, "lost": 1684}
    assert set(frame["segment"]) == {"GTX", "MG", "GTK"}
    assert done.history.since == {"opportunities": date(2017, 3, 1)}
    told = {finding.key: finding for finding in done.report.findings}
    assert told["opportunities.product"].text == "'GTXPro' is 'GTX Pro' in products.csv, and is read so"
    assert told["opportunities.product"].count == 1205
    assert told["opportunities.account"].count == 1008
    assert "nothing has a day under closed before 2017-03-01" in told["opportunities.closed"].text
    assert frame.loc[frame["outcome"] == "lost", "amount"].isna().all()


@pytest.mark.data
def test_funnel_2018q1(shared_data):
    assert shared_data.is_dir()
    done = read(MAPPINGS / "funnel_2018q1.yaml")
    assert done.report.tallies["leads"].dropped == {"reached:won before created": 1}
    assert done.report.at("dropped")[0].line == 5322
    assert done.history.table("leads")[REACHED + "won"].notna().sum() == 542
    assert done.history.since == {"leads": date(2017, 12, 5)}


@pytest.mark.data
def test_deals_of_funnel_2018q1_are_successes_only(shared_data):
    assert shared_data.is_dir()
    with pytest.raises(HistoryError, match="no record is open: rates from what has ended mislead"):
        read(MAPPINGS / "funnel_2018q1_deals.yaml")


@pytest.mark.data
def test_renewals_2005(shared_data):
    assert shared_data.is_dir()
    done = read(MAPPINGS / "renewals_2005.yaml")
    frame = done.history.table("contracts")
    assert frame["outcome"].value_counts().to_dict() == {"in force": 18323, "churned": 10032}
    assert frame["decided"].notna().sum() == 10032


@pytest.mark.data
def test_tenure(shared_data):
    assert shared_data.is_dir()
    frame = read(MAPPINGS / "tenure.yaml").history.table("people")
    assert len(frame) == 1129
    assert frame["end"].notna().sum() == 571
    months = (pd.Timestamp(2017, 12, 31) - frame["start"]).dt.days / 30.4375
    assert months.mean() == pytest.approx(36.63, abs=0.02)
