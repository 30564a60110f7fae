"""Nothing that is read can bring code along: every module of simengine is searched for the ways in which it could."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@cache
def modules():
    """Every module by its path below simengine, parsed."""
    home = ROOT / "simengine"
    return {p.relative_to(home).as_posix(): ast.parse(p.read_text(encoding="utf-8")) for p in home.rglob("*.py")}


MODULES = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "subprocess", "code", "runpy", "ctypes"}
CALLS = {"eval", "exec", "compile", "__import__", "import_module", "system", "popen", "execv", "spawnl"}
CALLS |= {"read_pickle", "to_pickle"}
LOADERS = {"load", "load_all", "full_load", "unsafe_load", "Loader", "UnsafeLoader", "FullLoader", "CLoader"}
ALLOWED = {
    ("cli/printing.py", "subprocess"): "starts a browser from a fixed list, without a shell, on a page that we wrote",
    ("__init__.py", "import_module"): "names from a table in the same file",
    ("cli/__init__.py", "import_module"): "names from a table in the same file",
    ("cli/completers.py", "yaml.load"): "with the safe loader, which builds texts, numbers, lists and mappings only",
    ("kernel/cache.py", "compile"): "numba's, of functions of simengine",
}
"""What looks like it and is not."""


def ways(tree):
    """Every name in a module by which data could become code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom):
            module = (node.module or "").partition(".")[0]
            yield from (module for _ in node.names if module in MODULES)
        elif isinstance(node, ast.Call):
            yield from called(node)


def called(node):
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    owner = function.value.id if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) else ""
    if name in CALLS and owner != "re":
        yield name
    if owner == "yaml" and name in LOADERS:
        yield f"yaml.{name}"
    if owner in ("np", "numpy") and name in ("load", "fromfile", "memmap"):
        yield f"np.{name}"
    yield from (keyword.arg for keyword in node.keywords if keyword.arg in ("allow_pickle", "shell"))


def found():
    return {(path, way) for path, tree in modules().items() for way in ways(tree)}


def test_there_is_no_way_but_those_that_have_a_reason():
    assert found() == ALLOWED.keys()


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from marshal import loads",
        "eval('1')",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.unsafe_load(text)",
        "np.load(path, allow_pickle=True)",
        "pd.read_pickle(path)",
        "os.system('ls')",
        "importlib.import_module(name)",
        "__import__(name)",
        "run('ls', shell=True)",
    ],
)
def test_the_search_finds_each(text):
    assert list(ways(ast.parse(text)))


def test_the_safe_loader_is_the_only_one_that_is_named():
    names = {
        node.attr
        for tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "yaml"
    }
    assert {name for name in names if name.endswith("Loader")} == {"CSafeLoader", "SafeLoader"}


def test_only_one_module_prints_to_the_terminal():
    """Where names are shown and not obeyed; the script of `completion` is ours from its first letter to its last."""
    printing = {
        path
        for path, tree in modules().items()
        if path.startswith("cli/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (getattr(node.func, "id", "") == "print" or ast.unparse(node.func) in ("click.echo", "click.secho"))
    }
    assert printing == {"cli/output.py", "cli/completion.py", "cli/__init__.py"}
