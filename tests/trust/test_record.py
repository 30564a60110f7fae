"""The page of what was tried shows what the campaigns have kept, and nothing else."""

import json

import pytest

from bench.trust.record import CAMPAIGNS, FOLDER, PAGE, Line, with_tables


def test_the_page_shows_what_is_on_record():
    text = PAGE.read_text(encoding="utf-8")
    assert with_tables(text) == text
    assert with_tables(text.replace("| a valid plan simulates", "| any plan simulates")) == text


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_every_campaign_is_on_record(campaign):
    kept = json.loads((FOLDER / f"{campaign}.json").read_text(encoding="utf-8"))
    assert kept["lines"]
    for line in kept["lines"]:
        assert all(Line(**line))
