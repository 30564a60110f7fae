"""Columns of numbers in one file: read back bit by bit, and told from what is torn or foreign."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from scipy.io import netcdf_file

from simengine.archive import sealed
from simengine.archive.columns import read_columns, write_columns
from simengine.errors import MachineError

VALUES = {"board ARR": np.array([1.0, np.nan, -0.0, np.inf]), "quote «x» /": np.arange(4.0)}
ABOUT = {"seed": 7, "of": "Hire ahead"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "values" / "one.nc"
    write_columns(path, VALUES, ABOUT)
    return path


def test_they_are_read_back_bit_by_bit(file: Path) -> None:
    found = read_columns(file)
    assert found is not None
    assert found.about == ABOUT
    assert list(found.values) == list(VALUES)
    for name, column in VALUES.items():
        assert found.values[name].tobytes() == column.tobytes()
    assert found.digest == write_columns(file.with_name("two.nc"), VALUES, {})


def test_nothing_else_is_left_in_the_folder(file: Path) -> None:
    assert [path.name for path in file.parent.iterdir()] == ["one.nc"]


def test_other_values_have_another_digest(file: Path) -> None:
    other = {**VALUES, "board ARR": np.array([1.0, np.nan, 0.0, np.inf])}
    found = read_columns(file)
    assert found is not None
    assert write_columns(file, other, ABOUT) != found.digest


def test_every_reader_of_netcdf_opens_it(file: Path) -> None:
    with netcdf_file(file, mmap=False) as opened:
        np.testing.assert_array_equal(opened.variables["column_1"][:], VALUES["quote «x» /"])


def test_a_file_that_is_cut_off_anywhere_is_not_whole(file: Path) -> None:
    content = file.read_bytes()
    for size in range(len(content)):
        file.write_bytes(content[:size])
        assert read_columns(file) is None


def test_a_changed_byte_is_found(file: Path) -> None:
    content = file.read_bytes()
    for place in range(len(content)):
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert read_columns(file) is None


def test_what_is_not_there_or_foreign_is_none(tmp_path: Path) -> None:
    assert read_columns(tmp_path / "nothing.nc") is None
    assert read_columns(tmp_path) is None
    (tmp_path / "foreign.nc").write_text("something else")
    assert read_columns(tmp_path / "foreign.nc") is None


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"about": 7, "arrays": {}}',
        b'{"about": "{\\"digest\\": 1, \\"columns\\": []}", "arrays": {"a": {"dtype": ",f8", "shape": [0]}}}',
        b'{"about": "{}", "arrays": {}}',
        b'{"about": "{\\"digest\\": 1, \\"columns\\": []}"}',
        b'{"about": "{\\"digest\\": 1, \\"columns\\": [2]}", "arrays": {"column_0": {"shape": [9]}}}',
    ],
)
def test_a_right_seal_around_something_else_is_foreign(tmp_path: Path, told: bytes) -> None:
    content = told + len(told).to_bytes(sealed._LENGTH, "big")
    (tmp_path / "foreign.nc").write_bytes(content + hashlib.sha256(content).digest() + sealed._END)
    assert read_columns(tmp_path / "foreign.nc") is None


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "values").write_text("a file")
    with pytest.raises(MachineError, match="cannot write"):
        write_columns(tmp_path / "values" / "one.nc", VALUES, ABOUT)
