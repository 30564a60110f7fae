"""Workbooks that other programs have saved badly, or that somebody made to do harm."""

import hashlib
import os
import re
import zipfile

import pytest

from simengine.errors import PlanError, SimengineError
from simengine.workbook import read, template, write
from simengine.workbook.layout import FILES, HEADING_ROW, REGISTER
from simengine.workbook.typed import is_same, number_in, spec_in, written_number
from tests.workbook.edited import PLAN, TITLES, changed, row_of, sheets_of, written

SHEET = "xl/worksheets/sheet2.xml"
"""The register."""


def with_cell(source, target, title, cell):
    """The workbook with a cell of win_rate.smb replaced in its text: `{at}` is where it stands."""
    at = f"{chr(ord('A') + TITLES.index(title))}{row_of(sheets_of(source)[REGISTER], 'win_rate.smb') + 1}"
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name)
            if name == SHEET:
                text, count = re.subn(rf'<c r="{at}"[^>]*>.*?</c>'.encode(), cell.format(at=at).encode(), text)
                assert count == 1
            new.writestr(name, text)
    return target


def test_a_package_whose_names_are_no_text_is_damaged(tmp_path):
    with zipfile.ZipFile(tmp_path / "names.xlsx", "w") as package:
        package.writestr("xl/é.xml", "")
    content = (tmp_path / "names.xlsx").read_bytes().replace("é".encode(), b"\xc1\xc1")
    (tmp_path / "names.xlsx").write_bytes(content)
    with pytest.raises(SimengineError, match=r"is damaged: .* can't decode"):
        read(tmp_path / "names.xlsx")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ('<c r="{at}" t="e"><v>#REF!</v></c>', r"an error \(#REF!\) stands here; write what it should come to"),
        ('<c r="{at}"><f>B7*2</f></c>', "a formula stands here that nothing has calculated; write what"),
        ('<c r="{at}" t="str"><f>B7&amp;""</f><v></v></c>', "a formula stands here that nothing has calculated"),
    ],
    ids=["error", "no value", "no text"],
)
@pytest.mark.parametrize("title", [PLAN, "Observations", "Owner"])
def test_a_formula_that_came_to_nothing_takes_nothing_away(exported, tmp_path, title, cell, said):
    with pytest.raises(PlanError) as raised:
        read(with_cell(exported, tmp_path / "a.xlsx", title, cell))
    (problem,) = raised.value.problems
    assert f"win_rate.smb, {title}" in str(problem)
    assert re.search(said, str(problem))


def test_a_formula_with_its_value_is_that_value(exported, tmp_path):
    path = with_cell(exported, tmp_path / "a.xlsx", PLAN, '<c r="{at}"><f>0.2+0.04</f><v>0.24</v></c>')
    assert [change.after for change in read(path).changes] == ["24 %"]


@pytest.mark.parametrize("at", ["ZZZZZZ99999999999", "XFD1048576", "B99999999999999999999"])
def test_a_cell_beyond_every_sheet_is_refused_before_it_is_read(exported, tmp_path, at):
    path = with_cell(exported, tmp_path / "a.xlsx", PLAN, f'<c r="{at}"><v>1</v></c>')
    with pytest.raises(SimengineError, match=r"has a sheet of .* rows and .* columns, and at most .* cells are read"):
        read(path)


def test_a_reader_that_gives_up_is_told_in_words(exported, monkeypatch):
    class PanicException(BaseException):
        pass

    def panic(_):
        raise PanicException("capacity overflow")

    monkeypatch.setattr("simengine.workbook.cells._rows", panic)
    with pytest.raises(SimengineError, match="is damaged: capacity overflow; save it again"):
        read(exported)


def test_words_that_a_file_defines_are_not_read(exported, tmp_path):
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(exported) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            bomb = (
                b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;">]>' if name == "xl/_rels/workbook.xml.rels" else b""
            )
            new.writestr(name, old.read(name).replace(b"?>", b"?>" + bomb, 1))
    with pytest.raises(SimengineError, match="DOCTYPE"):
        read(path)


@pytest.mark.parametrize("name", ["../../x.yaml", "/tmp/x.yaml", "..", "a\\b.yaml", "c:x.yaml", ""])
def test_a_plan_whose_name_leads_elsewhere_is_refused(exported, tmp_path, name):
    sheets = sheets_of(exported)
    sheets[FILES] = [[row[0], name if row[0] in ("file", "line") else row[1], row[2]] for row in sheets[FILES]]
    with pytest.raises(SimengineError, match="which is no name"):
        read(written(sheets, tmp_path / "a.xlsx"))


def test_a_sealed_text_of_somebody_else_reads_no_file_of_this_machine(exported, tmp_path):
    text = "extends: /etc/passwd"
    sheets = sheets_of(exported)
    seal = hashlib.sha256(text.encode()).hexdigest()
    sheets[FILES] = [["file", "tiny.yaml", seal], ["line", "tiny.yaml", text]]
    with pytest.raises(SimengineError, match="is not beside this file"):
        read(written(sheets, tmp_path / "a.xlsx"))


def test_a_pipe_and_a_device_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.xlsx")
    for path in (tmp_path / "pipe.xlsx", "/dev/zero"):
        with pytest.raises(SimengineError, match=r"is a device or a pipe; name an \.xlsx file"):
            read(path)


def test_a_column_that_stands_twice_is_refused(exported, tmp_path):
    sheets = sheets_of(exported)
    for i, row in enumerate(sheets[REGISTER]):
        row.append(PLAN if i == HEADING_ROW else 0.9 if i > HEADING_ROW else "")
    with pytest.raises(PlanError, match=f"the column {PLAN} stands here a second time; keep one of them"):
        read(written(sheets, tmp_path / "a.xlsx"))


def test_a_copy_of_the_register_is_told_not_to_be_read(exported, tmp_path):
    sheets = sheets_of(exported)
    sheets["Copy of it"] = sheets[REGISTER]
    assert read(written(sheets, tmp_path / "a.xlsx")).notices == [f"Only the sheet {REGISTER} was read, not Copy of it"]


def test_the_sheet_that_is_missing_is_the_one_that_is_named(exported, tmp_path):
    sheets = sheets_of(exported)
    del sheets[FILES]
    with pytest.raises(SimengineError, match=f"has no sheet '{FILES}'"):
        read(written(sheets, tmp_path / "a.xlsx"))


@pytest.mark.parametrize("text", ["null", "~", "# nothing", "#N/A"])
def test_parameters_that_say_nothing_are_no_change(exported, tmp_path, text):
    with pytest.raises(PlanError, match=r"win_rate\.smb, Other parameters: nothing is given"):
        read(changed(exported, tmp_path / "a.xlsx", {("win_rate.smb", "Other parameters"): text}))


@pytest.mark.parametrize(("value", "unit", "text"), [(0.123456789012345, "fraction", "12.3456789012345 %")])
def test_all_digits_of_a_cell_are_kept(value, unit, text):
    assert written_number(value, unit) == text
    assert number_in(text, unit) == value
    assert written_number(12_345_678_901.23, "currency") == 12_345_678_901.23
    assert written_number(0.1 + 0.2, "fraction") == "30 %"
    assert not is_same(123_456_789_012.34, 123_456_789_012.35)
    assert spec_in("{a: 1}", "x") == {"a": 1}


@pytest.mark.parametrize("name", ["a.csv", "a", "a.xls"])
def test_a_name_that_spreadsheet_programs_do_not_open_is_refused(tiny, tmp_path, name):
    for call in (lambda path: write({"tiny": tiny}, path), template):
        with pytest.raises(SimengineError, match=r"only if its name ends with \.xlsx"):
            call(tmp_path / name)
    assert not list(tmp_path.iterdir())
