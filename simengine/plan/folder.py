"""The files of one plan: the plan itself, what it extends, and CSV files, all in one folder or below."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path as FilePath

from simengine.limits import PLAN_BYTES_IN_ALL, PLAN_FILES
from simengine.plan.scalars import likely_file, nearest
from simengine.plan.source import Mark, Node, Path, Problems, content, decode, key_of


class Folder:
    """Reads the files of one plan and remembers their text.

    Parameters
    ----------
    folder : where the files are; None if their texts are `given`
    problems : takes every mistake
    given : path below the folder -> text

    Attributes
    ----------
    texts : the files read so far, path below the folder -> text, the plan itself first
    rows : of all tables so far, each time that one is named
    """

    def __init__(self, folder: FilePath | None, problems: Problems, given: Mapping[str, str] | None = None) -> None:
        self.folder, self.problems, self.given = folder, problems, given or {}
        self.texts: dict[str, str] = {}
        self.rows = 0
        self._size = 0

    def shown(self, name: str) -> str:
        """Return the name of a file in messages."""
        return name if self.folder is None else str(self.folder / name)

    def beside(self, reference: Node, path: Path) -> str | None:
        """Return the path below the folder of the file that a value names; None, with a problem noted, if unusable."""
        name = reference.value
        if not isinstance(name, str) or not name or name != name.strip():
            self.problems.add(reference.mark, key_of(path), "this is not the name of a file", "expected like base.yaml")
            return None
        if any(sign in name for sign in "\\:") or any(part in ("", ".", "..") for part in name.split("/")):
            remedy = "give a name like base.yaml, or one in a folder below, like data/base.csv"
            self.problems.add(reference.mark, key_of(path), f"{name} is not beside this file", remedy)
            return None
        naming = next((own for own in self.texts if self.shown(own) == reference.mark.file), "")
        return posixpath.join(posixpath.dirname(naming), name)

    def read(self, name: str, where: Mark, key: str) -> str | None:
        """Return the text of a file; None, with a problem noted at `where`, if it cannot be read."""
        if name not in self.texts:
            if len(self.texts) >= PLAN_FILES.most:
                words = f"more than {PLAN_FILES.most} files"
                self.problems.add(where, key, words, "put rows of several tables into one file")
                return None
            text = self._given(name, where, key) if self.folder is None else self._stored(name, where, key)
            if text is None:
                return None
            self._size += len(text.encode(errors="replace"))
            if self._size > PLAN_BYTES_IN_ALL.most:
                words = f"with file {name} the plan has more than {PLAN_BYTES_IN_ALL.most:,} bytes"
                self.problems.add(where, key, words, "add rows up, or leave out what is not needed")
                return None
            self.texts[name] = text
        return self.texts[name]

    def _given(self, name: str, where: Mark, key: str) -> str | None:
        if name not in self.given:
            self.problems.add(where, key, f"file {name} is not there", nearest(name, self.given))
        return self.given.get(name)

    def _stored(self, name: str, where: Mark, key: str) -> str | None:
        file = self.shown(name)
        try:
            data = content(FilePath(file))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "its name is impossible"
            looked_for = "check the name: it is sought beside this file" if key else "check the name"
            remedy = likely_file(FilePath(file)) or looked_for
            self.problems.add(where, key, f"file {file} cannot be read: {reason}", remedy)
            return None
        return decode(data, file, self.problems)
