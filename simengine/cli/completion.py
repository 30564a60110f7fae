"""`simengine completion`: what makes a shell complete commands, options, files and the names of targets."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")


@click.command("completion", short_help="Let the Tab key complete commands and names.")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> None:
    r"""Print a script that lets SHELL complete commands, options, files and names of targets with the Tab key.

    \b
    bash   simengine completion bash > ~/.local/share/bash-completion/completions/simengine
    zsh    simengine completion zsh > ~/.zfunc/_simengine
           with `fpath+=~/.zfunc` above `compinit` in ~/.zshrc
    fish   simengine completion fish > ~/.config/fish/completions/simengine.fish

    The folder must exist. It works in the next shell that you open; `source <(simengine completion bash)` is for the
    one that is open.
    """
    from click.shell_completion import ShellComplete, get_completion_class

    from simengine.cli import COMPLETE, cli

    made = get_completion_class(shell)
    assert made is not None
    # Of the base class: that of bash asks for its version first, and an old one would only be told so.
    click.echo(ShellComplete.source(made(cli, {}, "simengine", COMPLETE)))
