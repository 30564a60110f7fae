"""Who may speak to the cockpit: pages that it served itself, under a name that is its own.

A page of another site that is open in the same browser can send requests to this machine, and can let its own name
point here. So every request, and the websocket that moves sliders, must name a host that is ours, and come from a page
of ours.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """Refuses what does not come from a page of this server.

    Parameters
    ----------
    app : what is guarded
    host : on which the server listens. On loopback only its names are right; elsewhere also an address, the name that
        was given and that of this machine: another site's name is none of them, wherever it points.
    """

    def __init__(self, app: App, host: str) -> None:
        self._app, self._host = app, host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with status 403."""
        if scope["type"] not in ("http", "websocket") or self._is_ours(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": b"This cockpit answers to its own page only.\n"})

    def _is_ours(self, scope: Scope) -> bool:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if not self.knows(_name(host)):
            return False
        origin = headers.get(b"origin")
        if origin is not None:
            return origin in (f"http://{host}", f"https://{host}")
        is_page = scope["type"] == "http" and scope["path"] == "/"
        return is_page or headers.get(b"sec-fetch-site", "same-origin") in ("same-origin", "none")

    def knows(self, name: str) -> bool:
        """Whether a host name is ours."""
        if is_loopback(self._host):
            return name in _LOOPBACK or name == self._host
        if name in (*_LOOPBACK, self._host.lower(), socket.gethostname().lower()):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _name(host: str) -> str:
    """The name in a Host header.

    >>> _name("localhost:8080"), _name("[::1]:80"), _name("Example.org")
    ('localhost', '::1', 'example.org')
    """
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()
