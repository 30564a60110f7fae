"""The command line. A command parses, calls, prints; how it ends is decided here, once.

Exit codes: 0 done; 1 a crash (a fault of simengine, with a traceback); 2 wrong usage or a wrong plan; 3 the machine
failed us; 4 a required confidence was not reached; 130 interrupted; 141 nobody reads the output any more.
"""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

from simengine.characters import legible
from simengine.cli.output import echo, quiet_option
from simengine.errors import MachineError, SimengineError

INTERRUPTED = 130
NOBODY_READS = 141

_SECTIONS = {
    "Declare": ("demo", "new", "template", "import", "check", "describe"),
    "Simulate": ("run", "batch", "runs"),
    "Explain": ("rank", "risks", "averages", "triggers", "voi", "walk"),
    "Decide": ("levers", "gap", "backward", "solve", "frontier", "robust", "handover", "diff"),
    "Learn": ("history", "lookback", "fit", "backtest", "update", "scorecard", "score"),
    "Show": ("figures", "report", "export", "serve"),
    "Set up": ("warmup", "completion"),
}
"""Commands by what one does with them, in the order of use."""
_COMMANDS = {
    # A keyword of Python cannot name a file.
    name: f"simengine.cli.{name}{'_' if name == 'import' else ''}"
    for names in _SECTIONS.values()
    for name in names
}
COMPLETE = "_SIMENGINE_COMPLETE"
"""What a shell sets in the environment where it asks what may come next."""


class Commands(click.Group):
    """Reads a command's file when the command is named; turns what went wrong into words and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of use."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The object `command` of the command's file."""
        home = _COMMANDS.get(cmd_name)
        if home is None:
            return None
        command: click.Command = import_module(home).command
        for one in (command, *(command.commands.values() if isinstance(command, click.Group) else ())):
            if quiet_option not in one.params:
                one.params.append(quiet_option)
        if COMPLETE in os.environ:
            from simengine.cli.completers import equip

            equip(command)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """The command that is meant; of a name that is none, the nearest that is."""
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            from simengine.plan.scalars import nearest

            raise click.UsageError(f"no command is named {args[0]!r}; {nearest(args[0], _COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Commands under what one does with them."""
        widest = max(map(len, _COMMANDS))
        for section, names in _SECTIONS.items():
            commands = {name: self.get_command(ctx, name) for name in names}
            with formatter.section(section):
                formatter.write_dl(
                    [
                        (name.ljust(widest), command.get_short_help_str(90))
                        for name, command in commands.items()
                        if command
                    ]
                )

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Every error that is not a fault of simengine leaves as plain lines and an exit code."""
        try:
            result = super().invoke(ctx)
            # Here, not at exit: a full disk behind standard output is an error like any other.
            if sys.stdout is not None:
                sys.stdout.flush()
        except SimengineError as error:
            words, code = str(error), error.exit_code
        except NoArgsIsHelpError:
            raise  # it is the help of a group
        except click.UsageError as error:
            raise click.UsageError(legible(error.format_message()), error.ctx) from None
        except KeyboardInterrupt as error:
            done = f" {error}" if error.args else ""
            words = f"\nStopped{done}. Folders are written whole or not at all: any that is there is complete."
            code = INTERRUPTED
        except BrokenPipeError:
            _give_output_up()
            words, code = "", NOBODY_READS
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            words, code = f"{place}{error.strerror or error}", MachineError.exit_code
            _give_output_up()
        except MemoryError:
            words = (
                "Not enough memory. Take fewer draws (-n); where 100 are too many, the plan has more customers or "
                "opportunities than this machine can hold."
            )
            code = MachineError.exit_code
        else:
            return result
        if words:
            echo(words, err=True)
        ctx.exit(code)


def _give_output_up() -> None:
    """Let what standard output still holds go nowhere if it cannot be written: Python would try again at exit."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="simengine", message="%(prog)s %(version)s")
def cli() -> None:
    """Tell how likely a revenue plan is, and what it hangs on.

    Start with `simengine demo`; then `simengine new plan.yaml` writes a small plan to make your own, and
    `simengine run plan.yaml` simulates it.
    """


cli.params.append(quiet_option)


def main() -> None:
    """Entry point of the command `simengine`."""
    # Paths run in threads of our own: those of NumPy's and SciPy's linear algebra would only cost their start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for stream in (sys.stdout, sys.stderr):
        # A console that cannot show a sign of a plan's text must not end the run.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        cli(prog_name="simengine")
    except OSError as error:
        # Of --help and --version, which are printed before any command is called.
        click.echo(error.strerror or str(error), err=True)
        _give_output_up()
        sys.exit(MachineError.exit_code)
    finally:
        # Python would search all that the libraries hold for cycles, to free it just before the process ends.
        gc.freeze()
