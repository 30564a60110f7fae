"""Files that are written together: all of them, or none."""

import os
from pathlib import Path

import pytest

from simengine.archive.files import check_folder, write_files
from simengine.errors import MachineError, SimengineError


def left(folder: Path) -> dict[str, str]:
    """Every file in a folder, hidden ones too."""
    return {path.name: path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()}


def test_all_are_written_with_their_folders(tmp_path: Path) -> None:
    write_files({tmp_path / "a.yaml": "é\n", tmp_path / "deep" / "b.csv": "1,2\n"})
    assert left(tmp_path) == {"a.yaml": "é\n", "b.csv": "1,2\n"}


def test_what_is_there_stays_unless_told(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("mine")
    with pytest.raises(SimengineError, match=r"a\.yaml is there already; choose another name, or add --overwrite"):
        write_files({tmp_path / "a.yaml": "new", tmp_path / "b.yaml": "new"})
    assert left(tmp_path) == {"a.yaml": "mine"}
    write_files({tmp_path / "a.yaml": "new", tmp_path / "b.yaml": "new"}, overwrite=True)
    assert left(tmp_path) == {"a.yaml": "new", "b.yaml": "new"}


def test_others_that_are_there_just_so_are_in_nobodys_way(tmp_path: Path) -> None:
    files: dict[Path, str | bytes] = {tmp_path / "plan.yaml": "new", tmp_path / "facts.csv": "1,2"}
    (tmp_path / "facts.csv").write_text("1,2")
    write_files(files)
    assert left(tmp_path) == {"plan.yaml": "new", "facts.csv": "1,2"}
    with pytest.raises(SimengineError, match=r"plan\.yaml is there already; choose"):
        write_files(files)


def test_the_first_is_away_while_several_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names, seen = ("plan.yaml", "a.csv", "b.csv"), []
    for name in names:
        (tmp_path / name).write_text("old")
    plain = Path.replace

    def replace(self: Path, target: Path) -> Path:
        seen.append((Path(target).name, (tmp_path / "plan.yaml").exists()))
        return plain(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    write_files({tmp_path / name: "old" if name == "plan.yaml" else "new" for name in names}, overwrite=True)
    assert seen == [("a.csv", False), ("b.csv", False), ("plan.yaml", False)]
    seen.clear()
    write_files({tmp_path / name: "newer" if name == "b.csv" else "new" for name in names[1:]}, overwrite=True)
    assert seen == [("b.csv", True)]
    assert left(tmp_path) == {"plan.yaml": "old", "a.csv": "new", "b.csv": "newer"}


def test_a_second_file_that_cannot_be_written_leaves_none(tmp_path: Path) -> None:
    (tmp_path / "no-folder").write_text("a file")
    with pytest.raises(MachineError, match="cannot write"):
        write_files({tmp_path / "a.yaml": "new", tmp_path / "no-folder" / "b.yaml": "new"})
    assert left(tmp_path) == {"no-folder": "a file"}


def test_a_folder_in_the_way_leaves_none(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").mkdir()
    with pytest.raises(SimengineError):
        write_files({tmp_path / "a.yaml": "new", tmp_path / "b.yaml": "new"}, overwrite=True)
    assert left(tmp_path) == {}


def test_when_the_last_rename_fails_the_first_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yaml").write_text("mine")
    plain = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if Path(target).name == "b.yaml":
            raise OSError(5, "Input/output error")
        return plain(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(MachineError):
        write_files({tmp_path / "a.yaml": "new", tmp_path / "b.yaml": "new"}, overwrite=True)
    monkeypatch.undo()
    assert left(tmp_path) == {"a.yaml": "mine"}
    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(MachineError):
        write_files({tmp_path / "c.yaml": "new", tmp_path / "b.yaml": "new"})
    assert left(tmp_path) == {"a.yaml": "mine"}


def test_ctrl_c_just_behind_a_rename_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Path.replace

    def replace(self: Path, target: Path) -> Path:
        monkeypatch.undo()
        plain(self, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(KeyboardInterrupt):
        write_files({tmp_path / "a.yaml": "new", tmp_path / "b.yaml": "new"})
    assert left(tmp_path) == {}


def test_a_disk_that_cannot_even_be_looked_at_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "stat", broken)
    with pytest.raises(MachineError, match="input/output error; check the disk"):
        write_files({tmp_path / "a.txt": "a"})


def test_a_folder_is_known_to_be_out_of_reach_before_anything_is_written(tmp_path: Path) -> None:
    check_folder(tmp_path / "to" / "come")
    (tmp_path / "no-folder").write_text("a file")
    with pytest.raises(MachineError, match="cannot write to"):
        check_folder(tmp_path / "no-folder" / "below")
    assert left(tmp_path) == {"no-folder": "a file"}


def test_a_device_or_a_pipe_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SimengineError, match="pipe: a device or a pipe, which is not replaced; choose another name"):
        write_files({tmp_path / "a.yaml": "new", tmp_path / "pipe": "new"}, overwrite=True)
    assert (tmp_path / "pipe").is_fifo()
    assert left(tmp_path) == {}
