"""What is installed is what was locked: every package, tools of the build among them, with a version and digests."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bench.inputs import ROOT

LOCKS = sorted((ROOT / "requirements").glob("*.lock"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = {"run": (), "all": ("all",), "dev": ("dev",), "site": ("site",), "rivals": ("rivals",)}


def entries(text):
    """Each requirement of a lock with the digests under it."""
    logical = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    lines = [line for line in logical if line and not line.lstrip().startswith("#")]
    return [(Requirement(line.partition(" --hash=")[0].strip()), re.findall(r"--hash=(\S+)", line)) for line in lines]


def direct(extras):
    """What simengine itself asks for, always and for extras."""
    found, waiting = list(PROJECT["dependencies"]), list(extras)
    while waiting:
        for text in PROJECT["optional-dependencies"][waiting.pop()]:
            requirement = Requirement(text)
            if requirement.name == "simengine":
                waiting += requirement.extras
            else:
                found.append(text)
    return [Requirement(text) for text in found]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_package_of_a_lock_has_one_version_and_digests(lock):
    found = entries(lock.read_text(encoding="utf-8"))
    assert len(found) > 10
    for requirement, hashes in found:
        assert [pin.operator for pin in requirement.specifier] == ["=="], requirement
        assert not requirement.url, requirement
        assert hashes, requirement
        assert all(re.fullmatch("sha256:[0-9a-f]{64}", digest) for digest in hashes), requirement


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_has_what_is_asked_for_and_what_builds_it(lock):
    versions = {}
    for requirement, _ in entries(lock.read_text(encoding="utf-8")):
        versions.setdefault(canonicalize_name(requirement.name), []).append(next(iter(requirement.specifier)).version)
    build = Requirement((ROOT / "requirements" / "build.in").read_text(encoding="utf-8").splitlines()[-1])
    for asked in (build, *direct(EXTRAS[lock.stem])):
        name = canonicalize_name(asked.name)
        assert name in versions, f"{asked}: run make lock"
        assert all(asked.specifier.contains(version) for version in versions[name]), f"{asked}: run make lock"


def test_locks_agree_on_what_they_share():
    dev, known = {}, ("run", "all", "site")
    for requirement, _ in entries((ROOT / "requirements" / "dev.lock").read_text(encoding="utf-8")):
        dev[requirement.name] = requirement.specifier
    for name in known:
        for requirement, _ in entries((ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")):
            assert dev.get(requirement.name, requirement.specifier) == requirement.specifier, (name, requirement)


def test_a_package_without_a_digest_or_a_version_would_be_noticed():
    good = f"a==1 \\\n    --hash=sha256:{'0' * 64}\n    # via b\nc>=2\n"
    assert entries(good) == [(Requirement("a==1"), [f"sha256:{'0' * 64}"]), (Requirement("c>=2"), [])]
