"""`simengine warmup`: the simulation, compiled before anybody waits for it."""

from __future__ import annotations

import time

import click

from simengine.cli.output import echo, json_option, print_json
from simengine.cli.steps import print_compiling
from simengine.errors import MachineError


@click.command("warmup", short_help="Compile the simulation ahead of time.")
@json_option
def command(as_json: bool) -> None:
    """Compile the simulation for this machine, test it and keep it, so that the next run starts at once.

    Of use after an installation or an update: a run compiles by itself what is missing.
    """
    from simengine.simulation import folder, is_compiled, ready

    already = is_compiled()
    if not already:
        print_compiling()
    started = time.perf_counter()
    ready()
    seconds = time.perf_counter() - started
    if not is_compiled():
        raise MachineError(f"Compiled in {seconds:.0f} s, but not kept: the next run compiles again.")
    if as_json:
        print_json({"already": already, "seconds": seconds, "folder": str(folder())})
    elif already:
        echo(f"The simulation was compiled before, and is right. It is kept in {folder()}.")
    else:
        echo(f"Compiled in {seconds:.0f} s. It is kept in {folder()}.")
