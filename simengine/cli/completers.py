"""What may come next on a command line, for a shell that asks: files, folders of runs, names of targets.

It answers while somebody waits with a finger on a key: no plan is checked, and nothing heavy imported.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem, split_arg_string

from simengine.errors import SimengineError
from simengine.limits import DEPTH, JSON_BYTES, PLAN_BYTES, read_within

_FILES = re.compile(r"plan|plan_file|plan[12]|files|scenario|history|actuals|against|base")
_FOLDERS = re.compile(r"runs?|run[12]")
_TARGETS = {"--target", "--reach", "--require"}
_EXTENDED = 5
"""Files that extend one another; a circle ends here too."""


class _Place(click.ParamType[str]):
    """A text that names a file, or a folder."""

    name = "text"

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(incomplete, type=self.kind)]


class _Target(click.ParamType[str]):
    """A text that names a target of the plan, or of the run, that stands before it."""

    name = "text"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        # Of the words as they stand: before its value is there, an option keeps click from reading the arguments.
        words = split_arg_string(os.environ.get("COMP_WORDS", ""))[2:]
        places = (Path(word).expanduser() for word in words)
        names = dict.fromkeys(name for place in places if place.exists() for name in targets(place))
        return [CompletionItem(_escaped(name)) for name in names if name.startswith(incomplete)]


def equip(command: click.Command) -> None:
    """Give the parameters of a command what completes them."""
    for parameter in command.params:
        if parameter.type is not click.STRING:
            continue
        name = parameter.name or ""
        if _TARGETS & set(parameter.opts):
            parameter.type = _Target()
        elif _FILES.fullmatch(name):
            parameter.type = _Place("file")
        elif _FOLDERS.fullmatch(name):
            parameter.type = _Place("dir")


def targets(place: Path, extended: int = 0) -> Iterator[str]:
    """Names of the targets of a plan's file, of those that it extends, or of a run's folder; none of all else."""
    import yaml

    try:
        file = _of_run(place) if place.is_dir() else place
        # A larger file, a device or a pipe would keep the shell waiting.
        text = read_within(file, PLAN_BYTES).decode()
        # The fast reader, where libyaml is there; names are all that is taken from it.
        reader, level = getattr(yaml, "CSafeLoader", yaml.SafeLoader), 0
        for event in yaml.parse(text, reader):
            level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if level > DEPTH.most:
                return  # libyaml would overflow the stack, and the process die
        read = yaml.load(text, reader)
        declared, extends = read.get("targets") or [], read.get("extends")
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError, yaml.YAMLError, SimengineError):
        return
    if isinstance(extends, str) and extended < _EXTENDED:
        yield from targets(file.parent / extends, extended + 1)
    if isinstance(declared, list):
        names = (one.get("name") for one in declared if isinstance(one, dict))
        # A shell reads one name a line.
        yield from (str(name) for name in names if isinstance(name, str | int | float) and str(name).isprintable())


def _of_run(folder: Path) -> Path:
    """The file of the plan that a run was made of."""
    manifest = json.loads(read_within(folder / "manifest.json", JSON_BYTES))
    return folder / "plan" / str(manifest["plan"]["file"])


def _escaped(name: str) -> str:
    """A name as bash wants it, where the script's `read` takes one backslash; other shells do it."""
    if os.environ.get("_SIMENGINE_COMPLETE") != "bash_complete":
        return name
    return re.sub(r"([^\w@%+=:,./-])", r"\\\\\1", name)
