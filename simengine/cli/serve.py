"""`simengine serve`: a local page with sliders, on which the probability follows."""

from __future__ import annotations

from pathlib import Path

import click

from simengine.cli.output import echo, is_quiet
from simengine.cli.steps import draws_option, seed_option
from simengine.errors import SimengineError


@click.command("serve", short_help="A local page with sliders: the probability follows.")
@click.argument("plan")
@click.option("--port", type=click.IntRange(0, 65535), default=8321, show_default=True, help="0 takes a free one.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="HOST",
    help="Where to listen; others reach only this machine.",
)
@draws_option
@seed_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where scenarios are saved.  [default: beside the plan]",
)
def command(plan: str, port: int, host: str, draws: int, seed: int, output: Path | None) -> None:
    """Move levers and assumptions of the file PLAN on a page, and see what becomes of the targets.

    The page is served to this machine alone, unless --host says otherwise. A setting is held against the plan as it
    stands, or against another setting, and saved as a scenario file that `simengine run` takes. Ctrl-C ends it.
    """
    from simengine.cli.steps import print_compiling
    from simengine.cockpit.guard import is_loopback
    from simengine.cockpit.live import Cockpit
    from simengine.plan import load
    from simengine.simulation import is_compiled

    try:
        from simengine.cockpit.server import listen, serve
    except ModuleNotFoundError as error:
        raise SimengineError(
            f"serve needs the extra `cockpit` ({error.name} is missing): pip install 'simengine[cockpit]'"
        ) from None
    checked = load(plan)
    held = listen(host, port)
    if not is_compiled():
        print_compiling()
    if not is_quiet():
        echo("Simulating the plan as it stands.", err=True)
    cockpit = Cockpit(checked, Path(plan), draws=draws, seed=seed, folder=output)
    cockpit.start()
    if not is_loopback(host):
        echo(
            f"Warning: {host} can be reached from other machines. Whoever reaches it sees the plan and can save "
            "scenarios; there is no password.",
            err=True,
        )
    name = f"[{host}]" if ":" in host else host
    address = f"http://{name}:{held.getsockname()[1]}/"
    serve(cockpit, held, host, lambda: echo(f"{checked.title}: {address}  (Ctrl-C ends it)"))
