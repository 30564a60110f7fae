"""What a page tells people to type, done as they would: its commands, its changes of a file, its output."""

import re
import shlex
import subprocess
import sys

from click.testing import CliRunner

from simengine.cli import cli

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)


def blocks(page):
    """Blocks of a page with their language, in order."""
    return _FENCE.findall(page.read_text(encoding="utf-8"))


def lines(text):
    return [line.rstrip() for line in text.splitlines()]


def do(page, changed, run):
    """Run every `sh` block line by line, and apply every `diff` block to the file `changed`.

    Every `text` block is held against what the commands before it have printed: its lines stand there in this order,
    and `…` stands for any.
    """
    shown = ""
    for language, content in blocks(page):
        if language == "sh":
            shown = "".join(run(line) for line in content.splitlines())
        elif language == "diff":
            old, new = (
                "\n".join(line[1:] for line in content.splitlines() if line.startswith(sign)) for sign in ("-", "+")
            )
            text = changed.read_text(encoding="utf-8")
            assert text.count(old) == 1, old
            changed.write_text(text.replace(old, new), encoding="utf-8")
        elif language == "text":
            left = lines(shown)
            for part in "\n".join(lines(content)).split("\n…\n"):
                wanted = part.strip("\n").split("\n")
                starts = (n for n in range(len(left)) if left[n : n + len(wanted)] == wanted)
                start = next(starts, None)
                assert start is not None, f"{page.name} shows what is not printed:\n{part}\n\n{shown}"
                left = left[start + len(wanted) :]


def started(line, folder):
    """What a line of a page prints as a process in a folder."""
    done = subprocess.run(
        [sys.executable, "-m", "simengine", *arguments(line)], cwd=folder, capture_output=True, text=True, check=False
    )
    return printed(line, done.returncode, done.stdout, done.stderr)


def called(line):
    """What a line of a page prints at 80 columns, without the start of a process."""
    done = CliRunner(env={"COLUMNS": "80"}).invoke(cli, arguments(line))
    return printed(line, done.exit_code, done.stdout, done.stderr)


def arguments(line):
    program, *found = shlex.split(line)
    assert program == "simengine"
    return found


def printed(line, code, out, err):
    assert code == 0, f"{line}\n{out}\n{err}"
    assert out, line
    return out
