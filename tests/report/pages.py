"""Plans for the board's page: small, and with names that would like to be more than text."""

from pathlib import Path

from simengine.archive import save
from simengine.plan import load
from simengine.simulation import simulate

TINY = Path(__file__).parents[1] / "plans" / "tiny.yaml"
SCRIPT = "<script>alert(1)</script>"
ATTRIBUTE = "\"><img src=x onerror='alert(2)'>"
BRACES = "{{7*7}} {% raw %} `${8*8}`"
HEBREW = "תוכנית שנתית"
LONG = "x" * 200
"""Names as a plan may have them; marks that turn the order of signs round are refused by the plan itself."""


def hostile(text: str) -> str:
    """The tiny plan with such names, notes, owners and sources."""

    def quoted(words: str) -> str:
        return "'" + words.replace("'", "''") + "'"

    return (
        text.replace("name: Tiny", f"name: {quoted(SCRIPT + ' ' + HEBREW)}")
        .replace("version: v1", f"version: {quoted('</title></script>')}")
        .replace("name: board ARR", f"name: {quoted(ATTRIBUTE)}")
        .replace("name: NRR", f"name: {quoted(LONG)}")
        .replace("owner: Marketing", f"owner: {quoted(BRACES)}\n    note: {quoted(SCRIPT)}")
        .replace("owner: CRO", f"owner: {quoted(HEBREW)}")
        .replace("owner: HR", f"owner: {quoted(LONG)}")
        .replace(
            'reference: "CRM export, opportunities.csv"', f"reference: {quoted('</script><script>alert(3)</script>')}"
        )
    )


def stored(text: str, folder: Path, *, draws: int = 128, detail: str = "headline") -> Path:
    """A run of a plan that is written in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "plan.yaml"
    file.write_text(text)
    plan = load(file)
    save(simulate(plan, draws=draws, seed=7, detail=detail), plan, folder / "run", overwrite=True)
    return folder / "run"
