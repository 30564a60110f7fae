"""What a page tells people to type, done as they would: its commands, its changes of a file, its output."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)


def blocks(page):
    """Blocks of a page with their language, in order."""
    return _FENCE.findall(page.read_text(encoding="utf-8"))


def lines(text):
    return [line.rstrip() for line in text.splitlines()]


def do(page, folder, changed):
    """Run every `sh` block in `folder`, and apply every `diff` block to the file `changed` there.

    Every `text` block is held against what the commands before it have printed: its lines stand there in this order,
    and `…` stands for any.
    """
    printed = ""
    for language, content in blocks(page):
        if language == "sh":
            printed = "".join(run(line, folder) for line in content.splitlines())
        elif language == "diff":
            old, new = (
                "\n".join(line[1:] for line in content.splitlines() if line.startswith(sign)) for sign in ("-", "+")
            )
            text = (folder / changed).read_text(encoding="utf-8")
            assert text.count(old) == 1, old
            (folder / changed).write_text(text.replace(old, new), encoding="utf-8")
        elif language == "text":
            left = lines(printed)
            for part in "\n".join(lines(content)).split("\n…\n"):
                wanted = part.strip("\n").split("\n")
                starts = (n for n in range(len(left)) if left[n : n + len(wanted)] == wanted)
                start = next(starts, None)
                assert start is not None, f"{page.name} shows what is not printed:\n{part}\n\n{printed}"
                left = left[start + len(wanted) :]


def run(line, folder):
    """What a line of a page prints; it must be of simengine, succeed, and say something."""
    program, *arguments = shlex.split(line)
    assert program == "simengine"
    done = subprocess.run(
        [sys.executable, "-m", "simengine", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "80", "PYTHONPATH": os.environ.get("PYTHONPATH", str(ROOT))},
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    assert done.stdout, line
    return done.stdout
