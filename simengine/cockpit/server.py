"""The server behind the cockpit's page: NiceGUI on FastAPI, guarded, on one port, until somebody stops it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from importlib import resources

import uvicorn
from fastapi import FastAPI, Response
from nicegui import Client, app, ui

from simengine.cockpit.guard import Guard
from simengine.cockpit.live import Cockpit
from simengine.cockpit.page import Page
from simengine.errors import MachineError
from simengine.report import palette
from simengine.report.charts import runtime

_HEADERS = {
    "Content-Security-Policy": "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_RECONNECT = 30.0
"""Seconds for which the session of a page that has lost its connection is kept."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    Raises
    ------
    MachineError
        where the port is taken or the host is not one of this machine
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.socket(family, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if not host:
            raise ValueError("no host is named")
        held.bind((host, port))
    except (OSError, ValueError, TypeError) as error:
        held.close()
        reason = getattr(error, "strerror", None) or error
        raise MachineError(
            f"cannot listen on {host}, port {port}: {reason}; choose another --port, or --port 0 for a free one"
        ) from None
    return held


def serve(cockpit: Cockpit, held: socket.socket, host: str, ready: Callable[[], None]) -> None:
    """Serve a cockpit until it is stopped with Ctrl-C.

    Parameters
    ----------
    cockpit : started
    held : from `listen`
    host : as it was asked for
    ready : called when the page can be opened

    Raises
    ------
    KeyboardInterrupt
        when it is stopped
    """
    api = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    script = (resources.files("simengine.cockpit") / "page.js").read_text(encoding="utf-8")
    style = (resources.files("simengine.cockpit") / "page.css").read_text(encoding="utf-8")
    files = {
        "charts.js": (runtime.bundle(), "text/javascript"),
        "page.js": (script, "text/javascript"),
        "page.css": (f"{palette.css()}{runtime.CSS}{style}", "text/css"),
    }

    @app.get("/_cockpit/{name}")
    def file(name: str) -> Response:
        if name not in files:
            return Response(status_code=404)
        text, kind = files[name]
        return Response(text, media_type=kind, headers={"Cache-Control": "no-cache"})

    @ui.page("/")
    async def root(client: Client) -> None:
        ui.add_head_html(
            '<link rel="stylesheet" href="/_cockpit/page.css"><script src="/_cockpit/charts.js" defer></script>'
            '<script src="/_cockpit/page.js"></script>'
        )
        page = Page(cockpit, client)
        page.build()
        client.on_connect(page.show)
        client.on_delete(page.session.close)

    @app.middleware("http")
    async def headers(request, call_next):  # type: ignore[no-untyped-def]
        response = await call_next(request)
        response.headers.update(_HEADERS)
        return response

    ui.run_with(
        api,
        title=f"{cockpit.plan.title} - simengine",
        dark=None,
        tailwind=False,
        reconnect_timeout=_RECONNECT,
        show_welcome_message=False,
        language="en-US",
    )
    server = _Server(uvicorn.Config(Guard(api, host), log_level="warning", timeout_graceful_shutdown=2), ready)
    try:
        server.run(sockets=[held])
    finally:
        cockpit.close()
        held.close()


class _Server(uvicorn.Server):
    """Says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()
