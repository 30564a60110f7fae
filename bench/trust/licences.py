"""The licences of everything that an installation brings along, as docs/licences.md shows them.

`python -m bench.trust.licences` writes the page anew, from what the installed packages of requirements/all.lock say of
themselves; after `make lock` it is due.
"""

import re
from importlib.metadata import PackageNotFoundError, metadata, requires
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench.inputs import ROOT
from bench.report import table

LOCK = ROOT / "requirements" / "all.lock"
PAGE = ROOT / "docs" / "licences.md"
BEGIN, END = "<!-- table: python -m bench.trust.licences -->", "<!-- end of table -->"
EXTRAS = ("learn", "report", "excel", "cockpit", "cluster")
CORE, BUILD = "always", "building"

ALLOWED = frozenset({
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0",
    "LGPL-3.0-only", "MIT", "MIT-CMU", "MPL-2.0", "PSF", "PSF-2.0", "Zlib",
})  # fmt: skip
"""None of them asks anything of whoever uses the package unchanged, but to pass on its notice."""
_SHORT = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF",
    "Apache 2.0": "Apache-2.0",
}
_READ = {"docutils": "BSD-2-Clause"}
"""Where metadata names too much, what its COPYING.txt says: most of docutils is in the public domain, parts are under
BSD-2-Clause, and what is under the GPL, an editor's mode, is not in the wheel."""


class Package(NamedTuple):
    """A package, its licence as an SPDX expression, and the extras that bring it."""

    name: str
    licence: str
    brought_by: tuple[str, ...]


def locked(text):
    """Names of the packages in a lock file, in their order."""
    return re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)


def licence_of(about):
    """What a package's metadata says: its expression, else its classifiers, else its first line; empty if nothing."""
    name = canonicalize_name(about["Name"])
    classifiers = [text.split(" :: ")[-1] for text in about.get_all("Classifier", []) if text.startswith("License ::")]
    line = next(iter((about.get("License") or "").strip().splitlines()), "")
    written = about.get("License-Expression") or _READ.get(name)
    if written is None and re.fullmatch(r"[A-Z][\w.-]*\d[\w.-]*", line):
        written = line  # more exact than a classifier
    return written or " OR ".join(sorted({_SHORT.get(text, text) for text in classifiers})) or _SHORT.get(line, line)


def parts_of(licence):
    """The licences of an expression.

    >>> parts_of("MPL-2.0 AND (Apache-2.0 OR MIT)")
    ['MPL-2.0', 'Apache-2.0', 'MIT']
    """
    return [part.strip("() ") for part in re.split(r" AND | OR ", licence)]


def brought(extra=""):
    """Names of all packages that simengine needs for an extra, or always."""
    found, waiting = set(), [("simengine", extra)]
    seen = set()
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            needed = [Requirement(text) for text in requires(name) or ()]
        except PackageNotFoundError:
            continue  # another system's
        for requirement in needed:
            if requirement.marker is None or requirement.marker.evaluate({"extra": wanted}):
                package = canonicalize_name(requirement.name)
                found.add(package)
                waiting += [(package, of_it) for of_it in ("", *requirement.extras)]
    return found - {"simengine"}


def packages():
    """Every package of the lock."""
    core = brought()
    by_extra = {extra: brought(extra) for extra in EXTRAS}
    found = []
    for name in locked(LOCK.read_text(encoding="utf-8")):
        extras = tuple(extra for extra, names in by_extra.items() if name in names)
        found.append(Package(name, licence_of(metadata(name)), (CORE,) if name in core else extras or (BUILD,)))
    return found


def page():
    """The page, with the table of what is installed."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    rows = [[package.name, package.licence, ", ".join(package.brought_by)] for package in packages()]
    made = table(["package", "licence", "brought by"], rows)
    return f"{before}{BEGIN}\n{made}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
