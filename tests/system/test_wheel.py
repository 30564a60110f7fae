"""The wheel in an empty environment, from locked versions, far from the sources: it does what it says there."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
OPTIONAL = {
    "distributed", "jinja2", "nicegui", "pandas", "psycopg", "pyarrow", "python_calamine", "sqlalchemy", "starlette",
    "fastapi", "uvicorn", "vl_convert", "xlsxwriter",
}  # fmt: skip
"""Packages of the extras, as they are imported."""


def built(kind: str, folder: Path) -> Path:
    """The wheel, or the archive of the sources, of this checkout."""
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder], cwd=ROOT, check=True)
    return next(iter(folder.iterdir()))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built("wheel", tmp_path_factory.mktemp("dist"))


def environment(folder: Path, lock: str, wheel: Path) -> Path:
    """The Python of a new environment with a lock's packages and the wheel."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", ROOT / "requirements" / lock], check=True)
    subprocess.run([*pip, "--no-deps", "--no-index", wheel], check=True)
    return python


Call = Callable[..., subprocess.CompletedProcess]


def caller(python: Path, here: Path) -> Call:
    """A function that runs a program of the environment in a folder, with a cache of its own."""
    hidden = ("PYTHONPATH", "VIRTUAL_ENV", "NUMBA_CACHE_DIR")
    known = {name: value for name, value in os.environ.items() if name not in hidden}
    cache = {"XDG_CACHE_HOME": str(python.parents[1] / "cache"), "MPLBACKEND": "Agg"}

    def call(*arguments: object, code: int = 0, program: str = "simengine") -> subprocess.CompletedProcess:
        command = [python.parent / program, *map(str, arguments)]
        done = subprocess.run(command, cwd=here, env=known | cache, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return call


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which everything is called, empty at first."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def core(wheel: Path, place: Path, tmp_path_factory: pytest.TempPathFactory) -> Call:
    """The command line where no extra is installed, with a plan and a run beside it."""
    call = caller(environment(tmp_path_factory.mktemp("core") / "env", "run.lock", wheel), place)
    call("new", "plan.yaml")
    call("run", "plan.yaml", "-n", 500, "-o", "runs/one")
    return call


def test_nothing_of_the_sources_is_behind_it(core: Call) -> None:
    where = core("-c", "import simengine, sys; print(simengine.__file__); print(*sys.path)", program="python").stdout
    assert str(ROOT) not in where
    assert "site-packages" in where


def test_it_says_its_version_and_explains_itself(core: Call) -> None:
    import simengine

    assert core("--version").stdout == f"simengine {simengine.__version__}\n"
    words = core(
        "-c", "from simengine.cli import cli; print(*cli.list_commands(None))", program="python"
    ).stdout.split()
    assert len(words) > 20
    for word in words:
        assert f"simengine {word}" in core(word, "--help").stdout


def test_a_plan_goes_all_the_way_without_extras(core: Call) -> None:
    core("check", "plan.yaml")
    core("describe", "plan.yaml")
    core("rank", "runs/one", "--groups")
    core("risks", "runs/one")
    assert core("figures", "runs/one").stdout
    assert json.loads(core("runs", "verify", "--json").stdout)["runs"][0]["intact"]
    assert "bit for bit" in core("runs", "reproduce", "runs/one").stdout


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("report", "runs/one", "-o", "board.html"), "report"),
        (("export", "runs/one", "-o", "plan.xlsx"), "excel"),
        (("template", "-o", "plan.xlsx"), "excel"),
        (("serve", "plan.yaml"), "cockpit"),
        (("run", "plan.yaml", "-n", 100, "-o", "runs/two", "--cluster", "127.0.0.1:9"), "cluster"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_a_command_that_needs_an_extra_says_which(core: Call, arguments: tuple[object, ...], extra: str) -> None:
    assert f"simengine[{extra}]" in core(*arguments, code=2).stderr


def test_no_module_needs_what_neither_a_dependency_nor_an_extra_brings(core: Call) -> None:
    code = """
import importlib, json, pkgutil
import simengine
missing = []
for module in pkgutil.walk_packages(simengine.__path__, "simengine."):
    if module.name != "simengine.__main__":
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            missing.append(error.name.partition(".")[0])
print(json.dumps(missing))
"""
    assert set(json.loads(core("-c", code, program="python").stdout)) <= OPTIONAL


def test_every_file_that_is_no_python_is_in_the_wheel(core: Call) -> None:
    code = """
from pathlib import Path
import simengine
root = Path(simengine.__file__).parent
print(*sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts))
"""
    there = set(core("-c", code, program="python").stdout.split())
    tracked = subprocess.run(
        ["git", "ls-files", "simengine"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert there == {name.removeprefix("simengine/") for name in tracked}


def test_the_sources_make_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    sources = built("sdist", tmp_path / "sdist")
    subprocess.run(["tar", "xzf", sources, "-C", tmp_path], check=True)
    again = tmp_path / "again"
    folder = tmp_path / sources.name.removesuffix(".tar.gz")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", again], cwd=folder, check=True)
    assert next(again.iterdir()).read_bytes() == wheel.read_bytes()


def test_with_every_extra_the_page_the_workbook_and_the_template_are_made(
    wheel: Path, place: Path, tmp_path: Path, core: Call
) -> None:
    call = caller(environment(tmp_path / "env", "all.lock", wheel), place)
    call("report", "runs/one", "-o", "board.html")
    call("export", "runs/one", "-o", "plan.xlsx")
    call("import", "plan.xlsx", "-o", "edited.yaml")
    call("template", "-o", "empty.xlsx")
    assert "</html>" in (place / "board.html").read_text(encoding="utf-8")
