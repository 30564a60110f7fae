"""`serve` without what it needs: said in words, before anything is simulated. What it does is in tests/system."""

import socket
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from simengine.cli import cli

TINY = str(Path(__file__).parents[1] / "plans" / "tiny.yaml")


def test_an_extra_that_is_missing_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "nicegui", None)
    monkeypatch.delitem(sys.modules, "simengine.cockpit.server", raising=False)
    result = CliRunner().invoke(cli, ["serve", TINY])
    assert result.exit_code == 2
    assert "nicegui" in result.stderr
    assert "pip install 'simengine[cockpit]'" in result.stderr


def test_a_port_that_is_taken_is_said():
    pytest.importorskip("nicegui")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        result = CliRunner().invoke(cli, ["serve", TINY, "--port", port])
    assert result.exit_code == 3
    assert f"port {port}" in result.stderr
    assert "--port 0" in result.stderr
