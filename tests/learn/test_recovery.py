"""What a plan states comes back from the records that the engine makes of it, as often as the intervals say.

Exact binomial tests of 90 % intervals, 0.1 % for all numbers together; one-sided where an interval is wide on purpose
(of a ramp from work taken up, which varies less than the Poisson counts of its likelihood; of contraction, whose error
has a floor; of a price increase that is the same for everybody). The same test must reject the shortcuts that are
biased here.
"""

import pytest

from tests.learn.recovery import AS_OF, KNOWN, LEVEL, found, made, many, p_value, plan, tally

EACH = LEVEL / len(KNOWN)
FEW, MANY = 12, 1000


def misses(histories):
    """Numbers whose intervals do not hold the truth as often as they say, but for the one of which that is known."""
    tallies = {name: tally(name, histories) for name, known in KNOWN.items() if not known.short}
    return {
        name: of
        for name, of in tallies.items()
        if not p_value(of.held, of.histories, cautious=KNOWN[name].cautious) > EACH
    }


def believed(histories, *biased):
    """Biased shortcuts that the test does not reject."""
    tallies = {name: tally(name, histories) for name, known in KNOWN.items() if known.biased in biased}
    return {name: of for name, of in tallies.items() if not p_value(of.naive_held, of.naive_told, cautious=True) < EACH}


@pytest.fixture(scope="module")
def few():
    return many(FEW)


@pytest.fixture(scope="module")
def thousand():
    return many(MANY, workers=2)


def test_records_are_such_that_shortcuts_mislead() -> None:
    history = made(plan(), plan().planned, 0, 17, AS_OF)
    deals, people, contracts = (history.table(name) for name in ("opportunities", "people", "contracts"))
    assert (deals["outcome"] == "open").sum() > 100
    assert people["end"].notna().sum() > 10
    assert (people["start"] > "2027-06-30").sum() > 10
    assert (contracts["renews"] > str(AS_OF)).sum() > 100


def test_a_few_histories_hold_the_truth(few) -> None:
    assert not misses(few)


def test_a_few_histories_reject_shortcuts_that_are_plainly_wrong(few) -> None:
    assert not believed(few, "plainly")


def test_a_history_tells_every_number(few) -> None:
    assert set().union(*few) == set(KNOWN)
    assert found(0) == few[0]


@pytest.mark.full
def test_a_thousand_histories_hold_the_truth(thousand) -> None:
    assert not misses(thousand)


@pytest.mark.full
def test_a_thousand_histories_reject_biased_shortcuts(thousand) -> None:
    assert not believed(thousand, "somewhat", "plainly")
