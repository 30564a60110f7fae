from pathlib import Path

from click.testing import CliRunner

from simengine.cli import cli


def test_assumptions_and_plan_are_two_files(tmp_path: Path) -> None:
    """One of them would be gone without a word."""
    output = tmp_path / "fit.yaml"
    history = "scenarios/northstar/actuals/2027-Q1/history.yaml"
    found = CliRunner().invoke(cli, ["fit", history, "-o", str(output), "--plan", str(tmp_path / "." / "fit.yaml")])
    assert found.exit_code == 2
    assert "cannot hold both the assumptions and the plan" in found.output
    assert not output.exists()
