"""The docs site: `make docs` builds it into build/docs, from the same pages that a git host shows.

The source folder is the repository, so that links from docs/ to bench/ and notebooks/ lead to pages of the site as
well. Nothing in the built site is fetched from anywhere.
"""

from __future__ import annotations

import os
import re
from importlib import metadata
from pathlib import Path

import click
from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

from simengine.cli import cli

project = "simengine"
release = metadata.version("simengine")
root_doc = "docs/index"
include_patterns = ["docs/**", "bench/*.md", "notebooks/*.ipynb", "CHANGELOG.md", "CONTRIBUTING.md"]
exclude_patterns = [".venv", "build", "**/.*", "**/__pycache__"]

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
# Not dollarmath: the pages speak of money. Equations are text in code, the same in an editor, a diff and here.
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
# Notebooks are executed by their tests; DOCS_EXECUTE=cache also shows what they print.
nb_execution_mode = os.environ.get("DOCS_EXECUTE", "off")
nb_execution_timeout = 300
# Blocks without a language are commands, equations and output.
highlight_language = "none"

default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 88
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = "simengine"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False


def _drop_what_is_not_there(app: Sphinx, name: str, source: list[str]) -> None:
    """A pattern of the contents that no page matches is left out: an installation may lack the notebooks."""
    if name == root_doc:
        folder = Path(app.srcdir, name).parent
        lines = source[0].splitlines()
        source[0] = "\n".join(line for line in lines if not line.endswith("*") or any(_matches(folder, line)))


def _matches(folder: Path, pattern: str) -> list[Path]:
    above, last = (folder / pattern).parent, Path(pattern).name
    return [page for page in above.glob(last) if page.suffix in {".md", ".ipynb"}]


_PARAMETER = re.compile(r"(\w+(?:, \w+)*) : (.+)")
_COLUMNS = 84
"""As wide as a block of the page."""
_FIRST = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>simengine</title>
<meta http-equiv="refresh" content="0; url=docs/index.html"><a href="docs/index.html">simengine</a></html>
"""


class Help(Directive):
    """The help of every command, as the command itself prints it."""

    def run(self) -> list[nodes.Node]:
        """A section for each command."""
        context = click.Context(cli, info_name="simengine", terminal_width=_COLUMNS)
        found: list[nodes.Node] = []
        for name in cli.list_commands(context):
            command = cli.get_command(context, name)
            assert command is not None
            section = nodes.section(ids=[f"simengine-{name}"], names=[name])
            section += nodes.title(text=f"simengine {name}")
            text = command.get_help(click.Context(command, context, info_name=name, terminal_width=_COLUMNS))
            section += nodes.literal_block(text, text, language="none")
            found.append(section)
        return found


def _keep_what_is_indented(_: Sphinx, what: str, name: str, found: object, options: object, lines: list[str]) -> None:
    """Show an equation or example that stands indented in a docstring as it is written.

    Behind a parameter's colon stands what it is, in words, and not its type.
    """
    if what == "module":
        lines.clear()
    for place, line in enumerate(lines):
        if parameter := _PARAMETER.fullmatch(line):
            lines[place] = f"{parameter[1]}\n    {parameter[2]}"
    lines[:] = "\n".join(lines).split("\n")
    for place in range(len(lines) - 1, 0, -1):
        before = next((line for line in reversed(lines[:place]) if line.strip()), "")
        if lines[place].startswith("    ") and not lines[place - 1].strip() and before and before[0] not in " >":
            lines[place:place] = ["::", ""]


def _set_equations_apart(_: Sphinx, tree: nodes.document) -> None:
    """A paragraph that is nothing but code is an equation."""
    for paragraph in tree.findall(nodes.paragraph):
        stands_alone = isinstance(paragraph.parent, nodes.section | nodes.document)
        if stands_alone and len(paragraph) == 1 and isinstance(paragraph[0], nodes.literal):
            paragraph["classes"].append("equation")


def _open_at_the_first_page(app: Sphinx, error: Exception | None) -> None:
    """The folder's own index leads to that of docs/."""
    if error is None and app.builder.name == "html":
        (Path(app.outdir) / "index.html").write_text(_FIRST, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """What this site has of its own."""
    app.add_directive("simengine-help", Help)
    app.connect("source-read", _drop_what_is_not_there)
    app.connect("autodoc-process-docstring", _keep_what_is_indented, priority=400)
    app.connect("doctree-read", _set_equations_apart)
    app.connect("build-finished", _open_at_the_first_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
