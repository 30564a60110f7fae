"""Only pages of our own may speak to the cockpit."""

import asyncio

import pytest

from simengine.cockpit.guard import Guard

SELF = "127.0.0.1:8321"


def status(guard_host, *, host=SELF, kind="http", path="/_nicegui_ws/socket.io/", **headers):
    """What becomes of a request: 200 where it is passed on."""
    sent = []

    async def app(scope, receive, send):
        sent.append(200)

    async def receive():
        return {}

    async def send(message):
        sent.append(message.get("status", message.get("code")))

    named = {"host": host, **{key.replace("_", "-"): value for key, value in headers.items()}}
    pairs = [(key.encode(), value.encode()) for key, value in named.items()]
    asyncio.run(Guard(app, guard_host)({"type": kind, "path": path, "headers": pairs}, receive, send))
    return sent[0]


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_page_of_another_site_is_refused(kind):
    refused = 403 if kind == "http" else 1008
    assert status("127.0.0.1", kind=kind, origin=f"http://{SELF}") == 200
    assert status("127.0.0.1", kind=kind, origin="http://evil.example") == refused
    assert status("127.0.0.1", kind=kind, origin="http://127.0.0.1:9999") == refused
    assert status("127.0.0.1", kind=kind, origin="null") == refused
    assert status("127.0.0.1", kind=kind, host="evil.example:8321", origin="http://evil.example:8321") == refused
    assert status("127.0.0.1", kind=kind, sec_fetch_site="cross-site") == refused
    assert status("127.0.0.1", kind=kind, host="") == refused


def test_the_page_itself_may_be_linked_to():
    assert status("127.0.0.1", path="/", sec_fetch_site="cross-site") == 200


@pytest.mark.parametrize(
    ("host", "expected"), [("192.0.2.7:80", 200), ("localhost:80", 200), ("[::1]:80", 200), ("rebound.example", 403)]
)
def test_beyond_loopback_addresses_are_names_of_ours_and_other_sites_are_not(host, expected):
    assert status("0.0.0.0", host=host) == expected
