"""Every package that an installation brings has a licence on the page, one that asks for no more than its notice."""

from email.message import Message

import pytest

from bench.inputs import ROOT
from bench.trust.licences import ALLOWED, LOCK, PAGE, licence_of, locked, packages, page, parts_of


def about(**fields):
    """Metadata of a package that does not exist."""
    message = Message()
    message["Name"] = "made-up"
    for name, values in fields.items():
        for value in [values] if isinstance(values, str) else values:
            message[name.replace("_", "-")] = value
    return message


def test_every_package_of_the_locks_is_on_the_page():
    text = PAGE.read_text(encoding="utf-8")
    for lock in (LOCK, ROOT / "requirements" / "run.lock"):
        for name in locked(lock.read_text(encoding="utf-8")):
            assert f"| {name} | " in text, f"{name}: run python -m bench.trust.licences"


def test_no_package_asks_for_more_than_its_notice():
    for package in packages():
        assert set(parts_of(package.licence)) <= ALLOWED, package


def test_the_page_says_what_the_packages_say():
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m bench.trust.licences"


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License_Expression": "GPL-3.0-only"}, "GPL-3.0-only"),
        ({"License": "AGPL-3.0"}, "AGPL-3.0"),
        (
            {"Classifier": ["License :: OSI Approved :: GNU General Public License (GPL)"]},
            "GNU General Public License (GPL)",
        ),
        ({}, ""),
        ({"License": "Ask our lawyers"}, "Ask our lawyers"),
    ],
)
def test_other_licences_and_none_are_refused(fields, licence):
    assert licence_of(about(**fields)) == licence
    assert not set(parts_of(licence)) <= ALLOWED
